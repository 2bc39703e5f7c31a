"""The speed table: what screening costs here, with the peer beside it in the same run.

    python -m tests.bench.speed [--quick] [--markdown FILE] [--peer-python PATH] ...

Fed by a catalog; prints a row as soon as it is known, and writes all of them as a markdown table.
Nothing is asserted about time: read the ratios, and recall. Every job is a process of its own, one
after the other; figures of the runs are those that they store themselves (`measured_run`), "user",
"sys" and "wall" are those of the whole job. The peer is astroz (the extra `bench`, or another
interpreter that has it); without it its cells stay empty.

    hac     All vs All as configs/all_vs_all.toml has it: volumes and spans of the handbook
    day     a sphere of 5 km, one day, one process, beside astroz.screen on one thread
    week    the same, seven days: what SOCRATES Plus screens
    ranks   one day in the handbook's volumes on one rank and on two
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import sys
import tempfile
from pathlib import Path

from tests.bench.measured_run import ROOT, run_child
from tests.bench.scaling import processor
from tests.bench.speed_peer import day
from tests.bench.speed_rows import Bench, Row, hac, ranks, week
from tracss_hpc import __version__
from tracss_hpc.catalog.population import START
from tracss_hpc.config import resolve
from tracss_hpc.kernels import SIMD_LEVEL
from tracss_hpc.runs.problem import read_input

SECTIONS = {"hac": hac, "day": day, "week": week, "ranks": ranks}
SHARED = Path(os.environ.get("TRACSS_SHARED_DATA", ROOT.parent / "shared" / "data"))
CATALOG = SHARED / "catalogs" / "billgray_3le_2025-09-01.txt.xz"
HEAD = ("work", "bar", "own", "peer", "ratio", "recall", "user s", "sys s", "wall s", "MB a rank")
WIDTHS = (74, 9, 12, 11, 5, 16, 7, 6, 7, 9)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.speed")
    parser.add_argument("--rows", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="a tenth of every span, for trying")
    parser.add_argument("--growth", action="store_true", help="time against objects as well")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there too")
    parser.add_argument("--peer-python", default=sys.executable, metavar="PATH",
                        help="interpreter that has astroz; default: this one")  # fmt: skip
    parser.add_argument("--catalog", metavar="FILE",
                        default=str(CATALOG) if CATALOG.exists() else "reference",
                        help="or reference: synthetic; default: %(default)s")  # fmt: skip
    parser.add_argument("--start", default=START.iso(0), help="UTC; default: %(default)s")
    options = parser.parse_args()
    catalog = Path(options.catalog).resolve()
    gp = "reference" if options.catalog == "reference" else f"[{str(catalog)!r}]"
    words = [f"run.start={options.start}", f"catalog.gp={gp}"]
    run_input = read_input(resolve(None, words))
    title = (
        f"{dt.date.today().isoformat()}, {processor()}, SIMD level {SIMD_LEVEL}, tracss_hpc "
        f"{__version__}; {catalog.name}, {len(run_input.active):,} objects, start {options.start}"
        + (", a TENTH of every span" if options.quick else "")
    )
    print(title)
    print_cells(HEAD)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        scale = 0.1 if options.quick else 1.0
        bench = Bench(Path(folder), tuple(words), run_input, scale, options.peer_python)
        for section in options.rows:
            for row in SECTIONS[section](bench):
                rows.append(row)
                print_row(row)
                if options.markdown is not None:
                    options.markdown.write_text(markdown(title, rows), encoding="utf-8")
    if options.growth:
        growth(options.quick)


def print_cells(cells: tuple[str, ...]) -> None:
    first, *others = (
        text.ljust(width) if width == WIDTHS[0] else text.rjust(width)
        for text, width in zip(cells, WIDTHS, strict=True)
    )
    print("  ".join([first, *others]).rstrip(), flush=True)


def print_row(row: Row) -> None:
    print_cells(row.cells())
    for note in row.notes:
        print(f"      {note}", flush=True)


def markdown(title: str, rows: list[Row]) -> str:
    lines = [title, "", f"| {' | '.join(HEAD)} |", "|---|" + "--:|" * (len(HEAD) - 1)]
    lines += [f"| {' | '.join(cell.strip() for cell in row.cells())} |" for row in rows]
    return "\n".join(lines) + "\n"


def growth(quick: bool) -> None:
    """Time against the number of objects: a table of its own."""
    hours = ["--hours", "0.6"] if quick else []
    print(run_child([sys.executable, "-m", "tests.bench.growth", *hours]).said)


if __name__ == "__main__":
    main()
