"""How cost grows with the catalog: the reference population of several sizes, screened alike.

    python -m tests.bench.growth [--objects 28488 100000 300000] [--hours 6] [--picture FILE]

Each size is one run of the program on one rank (``tracss-hpc run``, without messages, pictures and
self-audit) in a process of its own, whose CPU and peak memory the system tells when it ends; the
stages' CPU and counts are those the run stores in results.h5. Exponents are least squares of
log(time) over log(objects). Conjunctions grow nearly as the square of the objects, whatever the
program: the time per (objects + conjunctions) says what is left when that is allowed for.

Nothing is asserted about time. docs/growth.png is what `--picture docs/growth.png` draws.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from PIL import Image

from tracss_hpc.catalog.population import START
from tracss_hpc.export.hdf5 import read_results
from tracss_hpc.report.theme import new_figure, theme

STAGE_COLORS = {"propagate": "#a3d0ea", "search": "#1f5fa8", "refine": "#e69f00"}
SCREEN, PROGRAM = "#111111", "#7f7f7f"


@dataclass(frozen=True)
class Point:
    """One size: CPU seconds of the stages and of the program, conjunctions, peak memory [MB]."""

    objects: int
    stages: dict[str, float]
    user_s: float
    system_s: float
    conjunctions: int
    peak_mb: float

    @property
    def screen_s(self) -> float:
        """CPU seconds of propagate + search + refine."""
        return sum(self.stages.values())

    @property
    def us_each(self) -> float:
        """Of that, microseconds per object and conjunction."""
        return self.screen_s / (self.objects + self.conjunctions) * 1e6


def measure(objects: int, hours: float) -> Point:
    """Run the program once over `hours` of a population of so many objects."""
    with tempfile.TemporaryDirectory() as folder:
        words = [
            f"catalog.population={{objects={objects}}}", f"run.start={START.iso(0)}",
            f"run.days={hours / 24.0!r}", f"run.output={folder}/run", "export.cdm=[]",
            "export.plots=false", "audit.max_pair_steps=0",
        ]  # fmt: skip
        configuration = Path(folder) / "defaults.toml"
        configuration.touch()
        run = [sys.executable, "-m", "tracss_hpc", "run", str(configuration), *words]
        child = subprocess.Popen([*run, "--quiet"])
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise SystemExit(f"the run of {objects} objects ended with code {child.returncode}")
        units = read_results(f"{folder}/run/results.h5", columns=()).groups["stages"]
    return Point(
        objects=objects,
        stages={name: float(units[f"{name}_cpu_s"].sum()) for name in STAGE_COLORS},
        user_s=usage.ru_utime,
        system_s=usage.ru_stime,
        conjunctions=int(units["conjunctions"].sum()),
        peak_mb=usage.ru_maxrss / 1024.0,
    )


def exponent(objects: Sequence[int], values: Sequence[float]) -> float:
    """p of values = c objects^p, by least squares of the logarithms; NaN for fewer than two."""
    good = np.asarray(values) > 0.0
    if good.sum() < 2:
        return float("nan")
    x, y = np.log(np.asarray(objects)[good]), np.log(np.asarray(values)[good])
    return float(np.polyfit(x, y, 1)[0])


def series(points: Sequence[Point]) -> dict[str, list[float]]:
    """What is listed and fitted, by the heading of its column."""
    stages = {f"{name} [s]": [p.stages[name] for p in points] for name in STAGE_COLORS}
    return {
        **stages,
        "all three [s]": [p.screen_s for p in points],
        "program [s]": [p.user_s + p.system_s for p in points],
        "conjunctions": [float(p.conjunctions) for p in points],
        "us per (object + conjunction)": [p.us_each for p in points],
        "peak [MB]": [p.peak_mb for p in points],
    }


def table(points: Sequence[Point]) -> list[str]:
    """Markdown: one line a size, the exponents below."""
    columns = series(points)
    objects = [point.objects for point in points]
    lines = ["| objects | " + " | ".join(columns) + " |", "|--:" * (len(columns) + 1) + "|"]
    for k, count in enumerate(objects):
        cells = [f"{v[k]:,.0f}" if v[k] >= 1000.0 else f"{v[k]:.4g}" for v in columns.values()]
        lines.append(f"| {count:,} | " + " | ".join(cells) + " |")
    fits = [f"{exponent(objects, values):.2f}" for values in columns.values()]
    return [*lines, "| exponent | " + " | ".join(fits) + " |"]


def draw_times(axes: Axes, points: Sequence[Point]) -> None:
    """CPU seconds over objects, each with its exponent, and what linear and quadratic would be."""
    x = np.array([point.objects for point in points])
    columns = series(points)
    for name, color in STAGE_COLORS.items():
        values = columns[f"{name} [s]"]
        axes.loglog(x, values, "o-", color=color, label=f"{name}: {exponent(x, values):.2f}")
    for name, color, label in (
        ("all three [s]", SCREEN, "all three"), ("program [s]", PROGRAM, "whole program"),
    ):  # fmt: skip
        values = columns[name]
        axes.loglog(x, values, "s-", color=color, label=f"{label}: {exponent(x, values):.2f}")
    for power, line in ((1, ":"), (2, "--")):
        guide = points[0].screen_s * (x / x[0]) ** power
        axes.loglog(x, guide, line, color="#b0b0b0", label=("linear", "quadratic")[power - 1])
    axes.set(ylabel="CPU [s]", title="Time, and its exponents")
    axes.legend(ncols=2, loc="upper left")
    axes.set_ylim(top=20.0 * max(columns["program [s]"]))


def draw_rest(axes: Axes, points: Sequence[Point]) -> None:
    """Time per object and conjunction, and peak memory."""
    x = np.array([point.objects for point in points])
    each = [point.us_each for point in points]
    axes.semilogx(x, each, "s-", color=SCREEN)
    axes.set_ylim(0.0, 1.3 * max(each))
    axes.set(ylabel="time per object and conjunction [us]", title="What is left, and memory")
    memory = axes.twinx()
    memory.plot(x, [point.peak_mb / 1e3 for point in points], "o-", color="#009e73")
    memory.set_ylim(0.0)
    memory.set_ylabel("peak memory of the rank [GB]", color="#009e73")
    memory.grid(visible=False)


@theme()
def draw(points: Sequence[Point], hours: float, when: str, path: Path) -> None:
    """The picture, in 64 colours to be small."""
    figure = new_figure(
        f"All vs All of {hours:g} h over the number of objects",
        f"reference population, HAC volumes, one rank, {when}",
        "Conjunctions: "
        + ", ".join(f"{point.conjunctions:,} of {point.objects:,}" for point in points) + ".",
        height_in=4.2,
    )  # fmt: skip
    left, right = figure.subplots(1, 2)
    draw_times(left, points)
    draw_rest(right, points)
    ticks = [point.objects for point in points]
    for axes in (left, right):
        axes.set_xticks(ticks, [f"{n:,}" for n in ticks])
        axes.minorticks_off()
        axes.set_xlabel("objects")
    figure.savefig(path, dpi=110)
    Image.open(path).convert("RGB").quantize(64).save(path, optimize=True)


def processor() -> str:
    """Name of the processor, as Linux tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def main(words: Sequence[str] | None = None) -> None:
    """Measure every size in turn, print the table, draw if asked to."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.growth", description=__doc__)
    parser.add_argument("--objects", type=int, nargs="+", default=[28_488, 100_000, 300_000])
    parser.add_argument("--hours", type=float, default=6.0)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args(words)
    when = f"{dt.date.today().isoformat()}, {processor()}"
    points = []
    for objects in sorted(set(options.objects)):
        points.append(measure(objects, options.hours))
        print(f"{objects:,} objects: {points[-1].screen_s:.2f} CPU-s", file=sys.stderr)
    print(f"{options.hours:g} h of the reference population, one rank, CPU, {when}\n")
    print("\n".join(table(points)))
    if options.picture:
        draw(points, options.hours, when, options.picture)


if __name__ == "__main__":
    main()
