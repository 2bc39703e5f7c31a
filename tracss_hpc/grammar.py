"""The words of the command line: verbs, their options, and what is wrong with those given.

Fed by the words of a process and by what each verb does; feeds `cli`, which does it.
"""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn, TypeAlias

import tracss_hpc
from tracss_hpc import config as configuration
from tracss_hpc.errors import NotYetError, UsageError
from tracss_hpc.parallel.comm import Comm

__all__ = ["Action", "parse_words"]

#: What a verb does with its options on this rank; gives the exit code.
Action: TypeAlias = Callable[[argparse.Namespace, Comm | None], int]

#: Verbs of the command-line contract that come with later versions.
_NOT_YET = (
    "prepare", "on-demand", "trade", "report", "validate", "sweep", "events",
    "routine",
)  # fmt: skip


class _Parser(argparse.ArgumentParser):
    """A parser that raises `UsageError` instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\n{self.format_usage().rstrip()}")


def parse_words(words: list[str], actions: Mapping[str, Action]) -> argparse.Namespace:
    """Options of the words, `action` among them; `UsageError` says what is wrong with them."""
    verb = next((word for word in words if not word.startswith("-")), "")
    parser, verbs = _parser(actions)
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


def _parser(actions: Mapping[str, Action]) -> tuple[_Parser, tuple[str, ...]]:
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
        name: str, text: str, *, collective: bool = False, more: str = ""
    ) -> argparse.ArgumentParser:
        sub = verbs.add_parser(
            name,
            help=text,
            description=text,
            epilog=more,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.set_defaults(action=actions[name], collective=collective)
        return sub

    overrides = "configuration words; the right side is a TOML value or a bare word"
    results = "results.h5 of a run"

    run = verb(
        "run",
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
        "Say what a run would cost: units, CPU, memory, wall time and output size; runs nothing.",
    )
    plan.add_argument("config", metavar="CONFIG", help="configuration file (TOML)")
    plan.add_argument("overrides", metavar="section.key=value", nargs="*", help=overrides)
    plan.add_argument("--ranks", type=_count, metavar="N", default=1, help="MPI ranks")

    show = verb("show", "Print the conjunctions of a run, in the order of their TCA.")
    show.add_argument("file", metavar="FILE", help=results)
    show.add_argument("--object", type=int, metavar="ID", help="only those with this object")
    show.add_argument("--top", type=_count, metavar="N", help="the N riskiest, riskiest first")
    show.add_argument("--csv", action="store_true", help="every column, as CSV")

    assess = verb(
        "assess",
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

    export = verb("export", "Write the messages and pictures of a finished run again.")
    export.add_argument("file", metavar="FILE", help=results)
    export.add_argument("overrides", metavar="export.key=value", nargs="*", help=overrides)

    pair = verb("pair", "Find the close approaches of two ephemeris files, without a run.")
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
        "Check CDMs of any profile against their own states (1 if they disagree), or convert them.",
    )
    cdm.add_argument("files", metavar="FILE", nargs="+", help="CDMs: KVN, XML, JSON or CSV")
    cdm.add_argument(
        "--convert",
        metavar="PROFILE.FORMAT",
        help="tracss-2.0.{kvn,json,xml,csv}, tracss-2.1.{kvn,json}, ccsds-1.0.{kvn,xml}",
    )
    cdm.add_argument("--output", type=Path, metavar="DIR", help="folder of the converted files")

    digest = verb("digest", "Print the SHA-256 of what a run found (or several runs).")
    digest.add_argument("files", metavar="FILE", nargs="+", help=results)

    compare = verb("compare", "Name the first difference of two results; 1 if any.")
    compare.add_argument("a", metavar="A", help=results)
    compare.add_argument("b", metavar="B", help="another")

    verb(
        "status",
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


def _reader(what: str, limit: float) -> Callable[[str], float]:
    """Reader of a number above 0 and below `limit`, for argparse; `what` it is, for its error."""

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = -1.0
        if not 0.0 < number < limit:
            raise argparse.ArgumentTypeError(f"{text!r} is not {what} > 0")
        return number

    return read


_hours = _reader("a number of hours", 1e6)
_radius = _reader("a radius in m", 1e6)
_positive = _reader("a number", 1e9)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a count >= 1")
    return number
