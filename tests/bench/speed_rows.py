"""Rows of the speed table that need no peer: the complete run, the week, ranks.

Fed by runs in processes of their own (`measured_run`); feeds the command `speed`. Figures of the
runs are those that they store themselves; "user", "sys" and "wall" are those of the whole job.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.measured_run import MeasuredRun, mpi_launcher, run_measured
from tracss_hpc.runs.problem import RunInput

__all__ = ["RADIUS_KM", "Bench", "Row", "cpu_by_part", "hac", "ranks", "week"]

RADIUS_KM = 5.0  # configs/socrates.toml


@dataclass(frozen=True)
class Row:
    """One line of the table; `run` gives the cells of the whole job, `notes` stand below it."""

    work: str
    own: str
    bar: str = ""
    peer: str = ""
    ratio: str = ""
    recall: str = ""
    run: MeasuredRun | None = None
    notes: tuple[str, ...] = ()

    def cells(self) -> tuple[str, ...]:
        job = ("", "", "", "")
        if self.run is not None:
            child = self.run.child
            job = (f"{child.user_s:.1f}", f"{child.sys_s:.1f}", f"{child.wall_s:.1f}",
                   f"{self.run.peak_mb:,.0f}")  # fmt: skip
        return (self.work, self.bar, self.own, self.peer, self.ratio, self.recall, *job)


@dataclass(frozen=True)
class Bench:
    """What all rows share: scratch directory, catalog, spans (`scale` 0.1 is --quick), peer."""

    folder: Path
    words: tuple[str, ...]
    run_input: RunInput
    scale: float
    peer_python: str

    def bar(self, text: str) -> str:
        """Bars are for the whole spans."""
        return text if self.scale == 1.0 else ""

    def span(self, days: float) -> str:
        """A span of the table, scaled, in hours up to a day."""
        scaled = days * self.scale
        return f"{scaled:.3g} d" if scaled > 1.0 else f"{scaled * 24.0:.3g} h"


def hac(bench: Bench) -> Iterator[Row]:
    """The complete run, and its rows after screening."""
    ranks = 2 if mpi_launcher() else 1
    if bench.scale == 1.0:
        days, span = "table", "LEO 5 d, others 10 d"
    else:
        days, span = str(5.0 * bench.scale), bench.span(5.0)
    words = [*bench.words, f"run.days={days}"]
    run = run_measured(bench.folder / "hac", "configs/all_vs_all.toml", words, ranks)
    title = f"All vs All, {span}, {ranks} rank{'s' if ranks > 1 else ''}"
    yield Row(
        f"{title}: propagate + screen + refine", f"{run.screening_s:.1f} CPU-s",
        bench.bar("30 CPU-s"), run=run, notes=(cpu_by_part(run),),
    )  # fmt: skip
    cpu_s = {name: run.stage_cpu_s(name) for name in run.stages if name != "audit"}
    cpu_s["screen"] -= run.screening_s  # leaves risk columns, shards, and waiting for units
    stages = [f"{name} {seconds:.1f}" for name, seconds in cpu_s.items()]
    yield Row(
        "  the rest without compression and audit", f"{run.rest_s:.1f} CPU-s",
        bench.bar("12 CPU-s"),
        notes=(f"CPU-s by stage, all ranks: {', '.join(stages)}; a rank that waits for another "
               "counts too",),
    )  # fmt: skip
    audit = run.stages["audit"]
    yield Row("  self-audit, apart", f"{run.stage_cpu_s('audit'):.1f} CPU-s")
    yield Row("  wall without audit", f"{run.wall_s - audit['wall_s']:.1f} s", bench.bar("25 s"))
    yield Row("  memory of a rank", f"{run.peak_mb:,.0f} MB", bench.bar("2,048 MB"))
    yield _after_screening(bench, run)


def week(bench: Bench) -> Iterator[Row]:
    """What SOCRATES Plus screens, all against all."""
    words = [*bench.words, f"run.days={7.0 * bench.scale}", "audit.max_pair_steps=0"]
    run = run_measured(bench.folder / "week", "configs/socrates.toml", words)
    yield Row(
        f"{bench.span(7.0)}, sphere {RADIUS_KM:g} km, 1 rank: propagate + screen + refine",
        f"{run.screening_s:.1f} CPU-s", bench.bar("45 CPU-s"), run=run, notes=(cpu_by_part(run),),
    )  # fmt: skip


def ranks(bench: Bench) -> Iterator[Row]:
    """Wall of the stage that screens, on one rank and on two."""
    title = f"ranks: 2 against 1, {bench.span(1.0)} of All vs All, wall of stage screen"
    if not mpi_launcher():
        yield Row(title, "none", notes=("no MPI launcher: pip install '.[mpich]'",))
        return
    words = [*bench.words, f"run.days={bench.scale}", f"screening.slice_hours={6.0 * bench.scale}",
             "audit.max_pair_steps=0"]  # fmt: skip
    config = "configs/all_vs_all.toml"
    one, two = (run_measured(bench.folder / f"ranks{n}", config, words, n) for n in (1, 2))
    walls = [run.stages["screen"]["wall_s"] for run in (one, two)]
    counts = two.stages["screen"]["counts"]
    gather_s = sum(two.stages[name]["wall_s"] for name in ("collect", "merge"))
    yield Row(
        title, f"{walls[1]:.1f} of {walls[0]:.1f} s", bench.bar("ratio 1.8"),
        ratio=f"{walls[0] / walls[1]:.2f}", run=two,
        notes=(
            f"2 ranks: idle {100.0 * counts['idle_share']:.0f} %, busiest "
            f"{counts['busiest_over_mean']:.2f} of the mean; gather and file {gather_s:.1f} s; "
            f"CPU-s of propagate + screen + refine {one.screening_s:.1f} and "
            f"{two.screening_s:.1f}: more on two ranks is the machine's, shared caches and cores",
        ),
    )  # fmt: skip


def cpu_by_part(run: MeasuredRun) -> str:
    """Where propagate + screen + refine go, the dearest first."""
    parts = sorted(run.screening_parts_s.items(), key=lambda part: -part[1])
    return "CPU-s: " + ", ".join(f"{name} {seconds:.1f}" for name, seconds in parts)


def _after_screening(bench: Bench, run: MeasuredRun) -> Row:
    """From conjunctions to the columns of an uncompressed file, per conjunction."""
    cost_s = {
        "assess": run.unit_cpu_s["assess"], "shards (wall)": run.shards_s,
        "collect": run.stage_cpu_s("collect"), "merge": run.stage_cpu_s("merge"),
    }  # fmt: skip
    n = max(run.conjunctions, 1)
    nc2d_s = run.unit_cpu_s["nc2d"]
    parts = ", ".join(f"{name} {seconds / n * 1e6:.1f}" for name, seconds in cost_s.items())
    return Row(
        f"  rows of {run.conjunctions:,} conjunctions: assess and file",
        f"{sum(cost_s.values()) / n * 1e6:.1f} us each", bench.bar("15 us"),
        notes=(
            f"us per conjunction: {parts}",
            f"Nc2D, only where 2-D fails, comes to them: {nc2d_s:.1f} CPU-s in all",
        ),
    )  # fmt: skip
