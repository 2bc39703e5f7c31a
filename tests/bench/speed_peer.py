"""Rows of the speed table with the peer beside us: one day of spheres, cost and recall both ways.

Fed by one file of element sets, which both screen one after the other, each in a process of its
own on one core; feeds the command `speed`. Without the peer its cells stay empty.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.bench.astroz_screen import NO_ASTROZ
from tests.bench.matching import Events, has_match, is_asked
from tests.bench.measured_run import Child, ChildError, MeasuredRun, run_child, run_measured
from tests.bench.speed_rows import RADIUS_KM, Bench, Row, cpu_by_part
from tests.bench.tle_file import write_tle
from tracss_hpc.epochs import format_times
from tracss_hpc.export.hdf5 import read_results

__all__ = ["day"]

LISTED = 20


def day(bench: Bench) -> Iterator[Row]:
    """One day of spheres beside the peer, both from the same file of element sets."""
    tle = bench.folder / "objects.tle"
    rows = bench.run_input.active
    write_tle(tle, bench.run_input.catalog.take(rows))
    words = [*bench.words, f"catalog.gp=[{str(tle)!r}]", f"run.days={bench.scale}",
             "audit.max_pair_steps=0"]  # fmt: skip
    run = run_measured(bench.folder / "day", "configs/socrates.toml", words)
    title = f"{bench.span(1.0)}, sphere {RADIUS_KM:g} km, {len(rows):,} objects, 1 rank"
    own, discontinuous = _read_events(run)
    try:
        peer = _run_peer(bench, tle, bench.folder / "peer.npz")
    except ChildError as error:
        if error.code != NO_ASTROZ:
            raise
        why = f"{bench.peer_python} has no astroz: pip install '.[bench]', or --peer-python PATH"
        yield Row(f"{title}: propagate + screen + refine", f"{run.screening_s:.1f} CPU-s",
                  peer="none", run=run, notes=(cpu_by_part(run), why))  # fmt: skip
        return
    child, cost = peer
    with np.load(bench.folder / "peer.npz") as arrays:
        theirs = Events(**arrays)
    asked, wanted = is_asked(theirs, radius_km=RADIUS_KM), is_asked(own, radius_km=RADIUS_KM)
    found, known = has_match(theirs, own), has_match(own, theirs)
    yield Row(
        f"{title}: propagate + screen + refine", f"{run.screening_s:.1f} CPU-s",
        bench.bar("ratio 5"), f"{cost['user_s']:.1f} user s",
        f"{cost['user_s'] / run.screening_s:.1f}", _recall(asked, found), run,
        (
            cpu_by_part(run),
            f"astroz {cost['version']}, ASTROZ_THREADS=1: load {cost['load_s']:.1f} CPU-s, screen "
            f"{cost['user_s']:.1f} user + {cost['sys_s']:.1f} sys s, wall {cost['wall_s']:.1f} s, "
            f"{cost['peak_mb']:,.0f} MB; own CPU-s are user + sys",
            f"own events {len(own):,}, astroz {len(theirs):,}; recall asks for those above "
            "0.1 km/s and not within 1 m of the face",
            *_differences(bench, "astroz has, we lack", theirs, asked & ~found),
        ),
    )  # fmt: skip
    yield Row(
        "  the same, whole processes (ours with states, Pc and a file)",
        f"{run.child.user_s:.1f} user s", "", f"{child.user_s:.1f} user s",
        f"{child.user_s / run.child.user_s:.1f}",
    )  # fmt: skip
    yield Row(
        "  recall of astroz against ours", "", recall=_recall(wanted, known),
        notes=(
            *_differences(bench, "we have, astroz lacks", own, wanted & ~known, discontinuous),
        ),
    )  # fmt: skip


def _run_peer(bench: Bench, tle: Path, out: Path) -> tuple[Child, dict[str, float]]:
    """One `astroz.screen` of `tle`: its process, and what it says of its cost."""
    start = bench.run_input.start.iso()
    program = str(Path(__file__).with_name("astroz_screen.py"))
    child = run_child(
        [bench.peer_python, program, str(tle), start, str(24.0 * bench.scale), str(RADIUS_KM),
         str(out)],
        {"ASTROZ_THREADS": "1"},
    )  # fmt: skip
    return child, json.loads(child.said.splitlines()[-1])


def _read_events(run: MeasuredRun) -> tuple[Events, NDArray[np.bool_]]:
    """Conjunctions of a run by designator, and which are one-sided minima at a jump of SDP4."""
    columns = ("sat1_object_designator", "sat2_object_designator", "tca", "miss_distance",
               "relative_speed", "at_discontinuity")  # fmt: skip
    c = read_results(run.folder / "results.h5", columns=columns).conjunctions
    events = Events(
        c["sat1_object_designator"], c["sat2_object_designator"], c["tca"],
        c["miss_distance"] * 1e-3, c["relative_speed"] * 1e-3,
    )  # fmt: skip
    return events, c["at_discontinuity"].astype(np.bool_)


def _differences(
    bench: Bench,
    title: str,
    events: Events,
    which: NDArray[np.bool_],
    discontinuous: NDArray[np.bool_] | None = None,
) -> Iterator[str]:
    """The events that the other lacks, with the objects' own designators."""
    rows = np.flatnonzero(which)
    if not len(rows):
        return
    yield f"{title}: {len(rows):,}" + (f", the first {LISTED}" if len(rows) > LISTED else "")
    designator = bench.run_input.catalog.designator[bench.run_input.active]
    for row in rows[:LISTED]:
        pair = [designator[numbers[row] - 1] for numbers in (events.object1, events.object2)]
        when = format_times(bench.run_input.start, events.tca_s[row : row + 1], 3)[0]
        jump = discontinuous is not None and discontinuous[row]
        yield (
            f"  {pair[0]} {pair[1]}  {when}  {events.miss_km[row] * 1e3:.1f} m  "
            f"{events.speed_km_s[row]:.3f} km/s" + ("  at a discontinuity of SDP4" if jump else "")
        )


def _recall(asked: NDArray[np.bool_], found: NDArray[np.bool_]) -> str:
    """Share of the events asked for that were found, never rounded up to 1, and their number."""
    n, hits = int(asked.sum()), int((asked & found).sum())
    return f"{np.floor(hits / n * 1e4) / 1e4:.4f} of {n:,}" if n else "of 0"
