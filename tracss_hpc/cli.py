"""The command line: reads words, calls `runs` and `export`, prints; no science.

    tracss-hpc run CONFIG.toml [section.key=value ...]     one screening
    mpirun -n 4 tracss-hpc run ...                         the same on four ranks

Exit codes: 0 done; 2 bad usage or bad configuration; 3 bad input data; 75 stopped with a checkpoint
(USR1, TERM, --max-hours); 130 stopped with Ctrl-C; 1 anything else (`compare`: the results differ).
Only a defect of ours shows a traceback.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import tracss_hpc
from tracss_hpc import config as configuration
from tracss_hpc.errors import NotYetError, TracssError, UsageError
from tracss_hpc.parallel.comm import Comm, rank_size
from tracss_hpc.parallel.ending import run_together
from tracss_hpc.parallel.launch import communicator

__all__ = ["main"]

#: Verbs of the command-line contract that come with later versions.
_NOT_YET = (
    "prepare", "on-demand", "trade", "report", "validate", "sweep", "events",
    "routine",
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: the words of this process) and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        comm = communicator()
    except TracssError as error:
        sys.stderr.write(f"tracss-hpc: {error}\n")
        return error.exit_code
    return run_together(comm, lambda: _obey(words, comm))


def _obey(words: list[str], comm: Comm | None) -> int:
    """Do what the words say on this rank; only `run` and `export` need more than one."""
    rank, size = rank_size(comm)
    if rank > 0:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (lives as long as the process)
    try:
        options = _parse(words)
        bar = getattr(options, "progress", "") == "bar"
        _log_to_stderr(rank, size, quiet=getattr(options, "quiet", False), bar=bar)
        code = int(options.action(options, comm)) if rank == 0 or options.collective else 0
    except BrokenPipeError:
        # The reader of our output went away (`tracss-hpc show ... | head`): nothing is wrong.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        code = 0
    return code


# ---------------------------------------------------------------- verbs


def _run(options: argparse.Namespace, comm: Comm | None) -> int:
    if options.force and options.resume:
        raise UsageError("run: --force begins anew and --resume goes on; give one of them")
    _check_kernels()
    from tracss_hpc.runs.interrupt import watch_for_stop
    from tracss_hpc.runs.memory import keep_freed_memory

    keep_freed_memory()
    # Signals are taken before the rest is imported: that can last seconds on a busy disk.
    with watch_for_stop(options.max_hours) as stop:
        if options.repeat:
            from tracss_hpc.runs.repeat import repeat_run

            return repeat_run(
                Path(options.repeat), options.overrides, comm=comm, force=options.force,
                resume=options.resume, stop=stop, progress=options.progress,
            )  # fmt: skip
        config = configuration.resolve(options.config, options.overrides)
        from tracss_hpc.runs.run import run_screening

        summary = run_screening(
            config, comm=comm, force=options.force, resume=options.resume, stop=stop,
            progress=options.progress,
        )  # fmt: skip
    if not options.quiet:
        _say(f"{summary}\n")
    return 0


def _plan(options: argparse.Namespace, comm: Comm | None) -> int:
    config = configuration.resolve(options.config, options.overrides)
    _check_kernels()
    from tracss_hpc.runs.memory import keep_freed_memory
    from tracss_hpc.runs.plan import plan_run

    keep_freed_memory()  # as a run does: it is part of the cost
    _say(f"{plan_run(config, options.ranks)}\n")
    return 0


def _export(options: argparse.Namespace, comm: Comm | None) -> int:
    for word in options.overrides:
        if "=" in word and not word.strip().startswith("export."):
            raise UsageError(
                f"export: {word!r} is no setting of the export; words are export.key=value, "
                "for example export.cdm_min_pc=0; other settings belong to a run"
            )
    from tracss_hpc.runs.export import export_results

    export_results(Path(options.file), options.overrides)
    return 0


def _show(options: argparse.Namespace, comm: Comm | None) -> int:
    from tracss_hpc.export.tables import format_csv, format_table, read_table

    table = read_table(options.file, designator=options.object, top=options.top)
    _say(format_csv(table) if options.csv else format_table(table))
    return 0


def _assess(options: argparse.Namespace, comm: Comm | None) -> int:
    paths = [word for word in options.inputs if "=" not in word or Path(word).exists()]
    options.overrides += [word for word in options.inputs if word not in paths]
    if not paths:
        raise UsageError("assess: give a results.h5, a CDM or a folder of them")
    _check_kernels()
    from tracss_hpc.runs.assess import run_assess
    from tracss_hpc.runs.assess_products import AssessWords

    words = AssessWords(
        designator=options.object, top=options.top, hbr_m=options.hbr_m,
        monte_carlo=options.monte_carlo, seed=options.seed, output=options.output,
        picture=options.picture, sensitivity=options.sensitivity,
    )  # fmt: skip
    _say(run_assess(paths, options.overrides, words, comm=comm))
    return 0


def _pair(options: argparse.Namespace, comm: Comm | None) -> int:
    _check_kernels()
    from tracss_hpc.runs.trajectories import pair_report

    text = pair_report(
        options.first, options.second, within_km=options.within_km, hbr_m=options.hbr_m,
        catalog=options.catalog, **_reading(options),
    )  # fmt: skip
    _say(text)
    return 0


def _ephemeris(options: argparse.Namespace, comm: Comm | None) -> int:
    _check_kernels()
    from tracss_hpc.runs import ephemeris_files

    if options.convert is None:
        if options.output is not None or options.set:
            raise UsageError("ephemeris: --output and --set belong to --convert; a check prints")
        text, code = ephemeris_files.check_ephemerides(
            options.files, catalog=options.catalog, **_reading(options)
        )
    else:
        if options.output is None:
            raise UsageError("ephemeris: --convert needs --output DIR for the files it writes")
        text, code = ephemeris_files.convert_ephemerides(
            options.files, options.convert, options.output, words=options.set,
            catalog=options.catalog, **_reading(options),
        )  # fmt: skip
    _say(text)
    return code


def _reading(options: argparse.Namespace) -> dict[str, Any]:
    """What `_add_reading` asked for."""
    return {
        "strict": options.strict,
        "lenient": options.lenient,
        "repair_covariance": options.repair_covariance,
        "max_acceleration_km_s2": options.max_acceleration_km_s2,
    }


def _catalog(options: argparse.Namespace, comm: Comm | None) -> int:
    _check_kernels()
    # Not argparse's defaults: beside --to-omm it must be seen whether one was given.
    for word, default in (("start", None), ("days", 5.0), ("step_s", 60.0), ("format", "kvn")):
        if options.to_omm and getattr(options, word) is not None:
            raise UsageError(
                f"catalog: --{word.replace('_', '-')} belongs to an ephemeris (--to-ocm, "
                "--to-oem); --to-omm writes all element sets as they are"
            )
        if getattr(options, word) is None:
            setattr(options, word, default)
    if options.to_omm:
        from tracss_hpc.runs.element_sets import convert_to_omm

        text = convert_to_omm(options.files, options.to_omm, output=options.output)
        _say(text)
        return 0
    from tracss_hpc.runs.trajectories import write_gp_ephemeris

    to_ocm = options.to_oem is None
    text = write_gp_ephemeris(
        options.files, options.to_ocm if to_ocm else options.to_oem,
        message="OCM" if to_ocm else "OEM", start=options.start, days=options.days,
        step_s=options.step_s, notation=options.format.upper(), output=options.output,
    )  # fmt: skip
    _say(text)
    return 0


def _cdm(options: argparse.Namespace, comm: Comm | None) -> int:
    _check_kernels()
    if options.convert is None:
        if options.output is not None:
            raise UsageError("cdm: --output is the folder of --convert; a check only prints")
        from tracss_hpc.runs.cdm_check import check_files

        text, code = check_files(options.files)
    else:
        if options.output is None:
            raise UsageError("cdm: --convert needs --output DIR for the files it writes")
        from tracss_hpc.runs.cdm_convert import convert_files

        text, code = convert_files(options.files, options.convert, options.output)
    _say(text)
    return code


def _digest(options: argparse.Namespace, comm: Comm | None) -> int:
    from tracss_hpc.export.digest import digest_file

    for path in options.files:
        name = f"  {path}" if len(options.files) > 1 else ""
        _say(f"{digest_file(path)}{name}\n")
    return 0


def _compare(options: argparse.Namespace, comm: Comm | None) -> int:
    from tracss_hpc.export.digest import first_difference

    difference = first_difference(options.a, options.b)
    _say(f"{difference or 'equal'}\n")
    return 1 if difference else 0


def _status(options: argparse.Namespace, comm: Comm | None) -> int:
    from tracss_hpc.runs.status import status_rows

    rows = status_rows(comm)
    width = max(map(len, rows))
    _say("".join(f"{name:<{width}}  {text}\n" for name, text in rows.items()))
    return 0


def _check_kernels() -> None:
    """Say in one sentence what is wrong with unbuilt kernels or TRACSS_SIMD."""
    try:
        importlib.import_module("tracss_hpc.kernels")
    except ImportError as error:
        raise UsageError(str(error)) from None


def _say(text: str) -> None:
    """Print to standard output, which may be a file on a full disk."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (or the rest fails again at the end)
        raise TracssError(f"standard output cannot be written: {error.strerror}") from None


# ---------------------------------------------------------------- words


class _Parser(argparse.ArgumentParser):
    """A parser that raises `UsageError` instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\n{self.format_usage().rstrip()}")


def _parse(words: list[str]) -> argparse.Namespace:
    verb = next((word for word in words if not word.startswith("-")), "")
    parser, verbs = _parser()
    if verb in _NOT_YET:
        raise NotYetError(f"{verb}: not yet; this version has {', '.join(verbs)}")
    if verb and verb not in verbs:
        close = difflib.get_close_matches(verb, [*verbs, *_NOT_YET], n=1)
        hint = f", did you mean {close[0]}?" if close else "."
        raise UsageError(f"unknown verb {verb!r}{hint} This version has {', '.join(verbs)}")
    options, rest = parser.parse_known_args(words)
    # argparse gives back overrides that stand behind an option.
    for word in rest:
        if not hasattr(options, "overrides") or word.startswith("-") or "=" not in word:
            parser.error(f"{verb}: unknown word {word!r}; see tracss-hpc {verb} --help")
        options.overrides.append(word)
    if verb == "run" and options.repeat:
        if options.config is not None:
            options.overrides.insert(0, options.config)  # there is no configuration file then
    elif verb == "run" and options.config is None:
        parser.error("run: give a configuration file (samples are in configs/), or --from")
    elif verb in ("run", "plan") and "=" in options.config and not Path(options.config).exists():
        raise UsageError(
            f"{verb}: the first word must be a configuration file, not {options.config!r}; "
            "samples are in configs/"
        )
    return options


def _parser() -> tuple[_Parser, tuple[str, ...]]:
    """The whole grammar, and the verbs it has."""
    parser = _Parser(
        prog="tracss-hpc",
        description="Exact all-vs-all satellite conjunction screening.",
        epilog="Begin with: tracss-hpc run configs/all_vs_all.toml run.days=1 (tracss-hpc run "
        "--help lists every setting). Exit codes: 0 done, 2 bad usage or configuration, 3 bad "
        "input data, 75 stopped with a checkpoint, 130 Ctrl-C, 1 anything else. "
        f"Not yet: {', '.join(_NOT_YET)}.",
    )
    parser.add_argument("--version", action="version", version=tracss_hpc.__version__)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(
        name: str, action: object, text: str, *, collective: bool = False, more: str = ""
    ) -> argparse.ArgumentParser:
        sub = verbs.add_parser(
            name,
            help=text,
            description=text,
            epilog=more,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.set_defaults(action=action, collective=collective)
        return sub

    overrides = "configuration words; the right side is a TOML value or a bare word"
    results = "results.h5 of a run"

    run = verb(
        "run",
        _run,
        "Run one screening into a new directory; under mpirun or srun on all ranks.",
        collective=True,
        more=f"configuration keys and their defaults:\n\n{configuration.describe()}",
    )
    run.add_argument("config", metavar="CONFIG", nargs="?", help="configuration file (TOML)")
    run.add_argument("overrides", metavar="section.key=value", nargs="*", help=overrides)
    run.add_argument(
        "--from",
        dest="repeat",
        metavar="RESULTS.h5",
        help="repeat the run of this file into run.output (default: its directory + -repeat) and "
        "compare the digests; 1 if they differ",
    )
    run.add_argument(
        "--force", action="store_true", help="begin anew in a run directory that is not empty"
    )
    run.add_argument(
        "--resume",
        action="store_true",
        help="go on with the unfinished run in the run directory, on any number of ranks; begin "
        "one if there is none",
    )
    run.add_argument(
        "--max-hours",
        type=_hours,
        metavar="H",
        help="stop with a checkpoint (exit code 75) before so many hours are over",
    )
    run.add_argument(
        "--progress",
        choices=("auto", "bar", "lines", "none"),
        default="auto",
        help="a bar, a line a minute, or nothing; auto: a bar on a terminal (mpirun hides the "
        "terminal: there give bar)",
    )
    run.add_argument("--quiet", action="store_true", help="warnings only")

    plan = verb(
        "plan",
        _plan,
        "Say what a run would cost: units, CPU, memory, wall time and output size; runs nothing.",
    )
    plan.add_argument("config", metavar="CONFIG", help="configuration file (TOML)")
    plan.add_argument("overrides", metavar="section.key=value", nargs="*", help=overrides)
    plan.add_argument("--ranks", type=_count, metavar="N", default=1, help="MPI ranks")

    show = verb("show", _show, "Print the conjunctions of a run, in the order of their TCA.")
    show.add_argument("file", metavar="FILE", help=results)
    show.add_argument("--object", type=int, metavar="ID", help="only those with this object")
    show.add_argument("--top", type=_count, metavar="N", help="the N riskiest, riskiest first")
    show.add_argument("--csv", action="store_true", help="every column, as CSV")

    assess = verb(
        "assess",
        _assess,
        "Compute the risk of conjunctions that a run or anybody's CDMs state, without screening.",
        collective=True,
        more=configuration.describe("assess"),
    )
    assess.add_argument(
        "inputs",
        metavar="FILE",
        nargs="+",
        help="results.h5 of a run, CDMs (CCSDS, TraCSS or Space-Track: KVN, XML, JSON, CSV), "
        "folders of them, and assess.key=value words",
    )
    assess.add_argument("--object", type=int, metavar="ID", help="only those with this object")
    assess.add_argument("--top", type=_count, metavar="N", help="the N riskiest, riskiest first")
    assess.add_argument(
        "--hbr-m",
        type=_radius,
        metavar="R",
        help="combined hard-body radius [m] in place of those stated",
    )
    assess.add_argument(
        "--monte-carlo",
        type=_count,
        default=0,
        metavar="N",
        help="count collisions of N drawn pairs of orbits, for each conjunction chosen; under "
        "mpirun or srun on all ranks",
    )
    assess.add_argument("--seed", type=int, default=1, metavar="S", help="of the draws; default 1")
    assess.add_argument(
        "--output", type=Path, metavar="FILE", help="table, .csv or .h5, with a picture beside it"
    )
    assess.add_argument(
        "--picture", type=Path, metavar="FILE.png", help="stated against computed probability"
    )
    assess.add_argument(
        "--sensitivity",
        type=Path,
        metavar="FILE.png",
        help="probability over the size of both covariances, of the one conjunction chosen",
    )
    assess.set_defaults(overrides=[])

    export = verb("export", _export, "Write the messages and pictures of a finished run again.")
    export.add_argument("file", metavar="FILE", help=results)
    export.add_argument("overrides", metavar="export.key=value", nargs="*", help=overrides)

    pair = verb("pair", _pair, "Find the close approaches of two ephemeris files, without a run.")
    pair.add_argument("first", metavar="FILE1", help="ephemeris message, plain or compressed")
    pair.add_argument("second", metavar="FILE2", help="another")
    pair.add_argument(
        "--within-km",
        type=_positive,
        default=10.0,
        metavar="D",
        help="print approaches up to this distance (default 10), or the nearest if there is none",
    )
    pair.add_argument(
        "--hbr-m",
        type=_radius,
        metavar="R",
        help="combined hard-body radius [m] in place of the sum of the files' own",
    )
    _add_reading(pair)

    ephemeris = verb(
        "ephemeris",
        _ephemeris,
        "Check ephemeris messages (OCM, OEM, ITC) by their rules (1 after warnings, 3 if one is "
        "refused), or convert them.",
    )
    ephemeris.add_argument("files", metavar="FILE", nargs="+", help="plain or compressed")
    ephemeris.add_argument(
        "--convert", metavar="FORMAT", help="ocm.kvn, ocm.xml, ocm.json, oem.kvn or oem.xml"
    )
    ephemeris.add_argument(
        "--output", type=Path, metavar="DIR", help="folder of the converted files"
    )
    ephemeris.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEYWORD=TEXT",
        help="what the OCM says in place of the input, e.g. OPERATOR=ACME; may be repeated",
    )
    _add_reading(ephemeris)

    catalog = verb(
        "catalog",
        _catalog,
        "Write the ephemeris of a catalog object as an OCM or OEM, or all element sets as OMMs.",
    )
    catalog.add_argument("files", metavar="FILE", nargs="+", help="element sets: TLE, OMM")
    what = catalog.add_mutually_exclusive_group(required=True)
    what.add_argument("--to-ocm", metavar="ID", help="catalog number")
    what.add_argument(
        "--to-oem", metavar="ID", help="the same; says what of an OCM an OEM cannot hold"
    )
    what.add_argument(
        "--to-omm", choices=("kvn", "xml", "json", "csv"), help="notation of all element sets"
    )
    catalog.add_argument(
        "--start", metavar="UTC", help="useable start; default: the epoch of the newest set"
    )
    catalog.add_argument("--days", type=_positive, metavar="D", help="useable span; default 5")
    catalog.add_argument("--step-s", type=_positive, metavar="S", help="between states; default 60")
    catalog.add_argument(
        "--format",
        choices=("kvn", "xml", "json"),
        help="of the OCM (or OEM, without json); default kvn",
    )
    catalog.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")

    cdm = verb(
        "cdm",
        _cdm,
        "Check CDMs of any profile against their own states (1 if they disagree), or convert them.",
    )
    cdm.add_argument("files", metavar="FILE", nargs="+", help="CDMs: KVN, XML, JSON or CSV")
    cdm.add_argument(
        "--convert",
        metavar="PROFILE.FORMAT",
        help="tracss-2.0.{kvn,json,xml,csv}, tracss-2.1.{kvn,json}, ccsds-1.0.{kvn,xml}",
    )
    cdm.add_argument("--output", type=Path, metavar="DIR", help="folder of the converted files")

    digest = verb("digest", _digest, "Print the SHA-256 of what a run found (or several runs).")
    digest.add_argument("files", metavar="FILE", nargs="+", help=results)

    compare = verb("compare", _compare, "Name the first difference of two results; 1 if any.")
    compare.add_argument("a", metavar="A", help=results)
    compare.add_argument("b", metavar="B", help="another")

    verb(
        "status",
        _status,
        "Show versions, processor level, HDF5, MPI, hosts and cores; under mpirun or srun also "
        "whether the ranks reach each other.",
        collective=True,
    )
    return parser, tuple(verbs.choices)


def _add_reading(parser: argparse.ArgumentParser) -> None:
    """Options of every command that reads ephemeris messages."""
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--strict", action="store_true", help="warnings of the reader are errors")
    how.add_argument(
        "--lenient",
        action="store_true",
        help="clip useable spans that the data or their padding do not cover",
    )
    parser.add_argument(
        "--catalog",
        metavar="FILE",
        help="element sets: warn (O20) of an object that is not among them",
    )
    parser.add_argument(
        "--repair-covariance",
        action="store_true",
        help="replace covariances that are not positive semi-definite by the nearest that are",
    )
    parser.add_argument(
        "--max-acceleration-km-s2",
        type=_positive,
        metavar="A",
        help="take states with so much acceleration beyond two bodies, e.g. of a burn (O18)",
    )


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = -1.0
    if not 0.0 < hours < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of hours > 0")
    return hours


def _radius(text: str) -> float:
    try:
        radius = float(text)
    except ValueError:
        radius = -1.0
    if not 0.0 < radius < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a radius in m > 0")
    return radius


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0.0 < number < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number > 0")
    return number


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a count >= 1")
    return number


def _log_to_stderr(rank: int, size: int, *, quiet: bool, bar: bool = False) -> None:
    """Rank and seconds before each record; rank 0 says what happens, other ranks only warn."""
    from tracss_hpc.runs.progress import StderrHandler

    logger = logging.getLogger("tracss_hpc")
    logger.handlers = [StderrHandler(rank, size, quiet=quiet, bar=bar)]
    logger.setLevel(logging.INFO)
