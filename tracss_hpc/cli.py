"""The command line: reads words, calls `runs` and `export`, prints; no science.

    tracss-hpc run CONFIG.toml [section.key=value ...]     one screening
    mpirun -n 4 tracss-hpc run ...                         the same on four ranks

Exit codes: 0 done; 2 bad usage or bad configuration; 3 bad input data; 75 stopped with a checkpoint
(USR1, TERM, --max-hours); 130 stopped with Ctrl-C; 1 anything else (`compare`: the results differ).
Only a defect of ours shows a traceback.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tracss_hpc import config as configuration
from tracss_hpc.errors import TracssError, UsageError
from tracss_hpc.grammar import Action, parse_words
from tracss_hpc.parallel.comm import Comm, rank_size
from tracss_hpc.parallel.ending import run_together
from tracss_hpc.parallel.launch import communicator

__all__ = ["main"]


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
        options = parse_words(words, _ACTIONS)
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
    from tracss_hpc.runs.pair import pair_report

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
    from tracss_hpc.runs.gp_ephemeris import write_gp_ephemeris

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


def _log_to_stderr(rank: int, size: int, *, quiet: bool, bar: bool = False) -> None:
    """Rank and seconds before each record; rank 0 says what happens, other ranks only warn."""
    from tracss_hpc.runs.progress import StderrHandler

    logger = logging.getLogger("tracss_hpc")
    logger.handlers = [StderrHandler(rank, size, quiet=quiet, bar=bar)]
    logger.setLevel(logging.INFO)


_ACTIONS: dict[str, Action] = {
    "run": _run,
    "plan": _plan,
    "show": _show,
    "assess": _assess,
    "export": _export,
    "pair": _pair,
    "ephemeris": _ephemeris,
    "catalog": _catalog,
    "cdm": _cdm,
    "digest": _digest,
    "compare": _compare,
    "status": _status,
}
