"""Screen the reference population and a real catalog alike, and draw both: docs/population.png.

    python tests/bench/compare_population.py REAL_CATALOG --hours 24 --picture docs/population.png

prints the tables of docs/population.md. Needs about a minute of one core per six hours.
"""

from __future__ import annotations

import argparse
import itertools
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tracss_hpc.catalog.catalog import read_catalog, select_element_sets
from tracss_hpc.catalog.population import START, reference_population
from tracss_hpc.catalog.regimes import assign_regimes
from tracss_hpc.catalog.table import Catalog
from tracss_hpc.catalog.volumes import handbook_volumes
from tracss_hpc.ephemeris.gp import find_ends, make_trajectories
from tracss_hpc.screening.time_slice import ScreeningProblem, screen_slice

ORDER = ("LEO 1", "LEO 2", "LEO 3", "LEO 4", "MEO", "HEO", "GEO", "Deep Space", "Other")
SLICE_S = 6 * 3600
SPEED_EDGES = np.arange(0.0, 18.6, 0.5)
SLOW_EDGES = np.array([0.0, 0.01, 0.1, 1, 2, 4, 6, 8, 10, 12, 14, 16, 20])


@dataclass(frozen=True)
class Counted:
    """Conjunctions of one catalog: regime pair and relative speed [km/s] of each."""

    label: str
    objects: int
    pair: NDArray[np.str_]
    speed: NDArray[np.float64]


def screen(label: str, catalog: Catalog, hours: float) -> Counted:
    """All vs All in the handbook's HAC volumes from the population's start."""
    status = select_element_sets(catalog, START, 30.0)
    catalog = catalog.take(np.flatnonzero(status == "ok"))
    regime = assign_regimes(catalog.mean_motion, catalog.eccentricity)
    trajectories = make_trajectories(catalog, START)
    end_s = find_ends(trajectories, hours * 3600.0)[0]
    n = len(catalog)
    problem = ScreeningProblem(
        trajectories, handbook_volumes(regime), np.ones(n, dtype=bool), end_s, np.arange(n)
    )
    pairs, speeds = [], []
    for start in range(0, round(hours * 3600), SLICE_S):
        found = screen_slice(problem, start, min(start + SLICE_S, round(hours * 3600))).conjunctions
        rank = np.array([ORDER.index(r) for r in regime])
        both = np.sort(np.stack([rank[found.object1], rank[found.object2]]), axis=0)
        pairs.append(np.array([f"{ORDER[i]} × {ORDER[j]}" for i, j in both.T]))
        speeds.append(np.linalg.norm(found.state2[:, 3:] - found.state1[:, 3:], axis=1))
        print(f"{label}: from {start / 3600:g} h on, {len(found)} conjunctions", flush=True)
    return Counted(label, n, np.concatenate(pairs), np.concatenate(speeds))


def regime_table(real: Counted, synthetic: Counted) -> list[tuple[str, int, int]]:
    """Counts by pair of regimes, in table order, where the real catalog has any or the other."""
    rows = []
    for i, j in itertools.combinations_with_replacement(ORDER, 2):
        name = f"{i} × {j}"
        counts = int(np.sum(real.pair == name)), int(np.sum(synthetic.pair == name))
        if max(counts) > 0:
            rows.append((name, *counts))
    return rows


def draw(real: Counted, synthetic: Counted, hours: float) -> Figure:
    """Counts by pair of regimes (log) and relative speed of both catalogs."""
    rows = [row for row in regime_table(real, synthetic) if max(row[1:]) >= 10]
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(11.0, 5.2), gridspec_kw={"width_ratios": [1.05, 1.0]}, layout="constrained"
    )
    y = np.arange(len(rows))
    for shift, index, color, counted in (
        (-0.14, 1, "#33415c", real),
        (0.14, 2, "#e07a1f", synthetic),
    ):
        counts = np.array([row[index] for row in rows], dtype=float)
        low = np.minimum(np.sqrt(counts), counts * 0.99)
        label = f"{counted.label} ({counted.objects:,} objects, {len(counted.speed):,} rows)"
        left.errorbar(
            counts, y + shift, xerr=[low, np.sqrt(counts)],
            fmt="o", ms=5.5, lw=1.2, color=color, label=label,
        )  # fmt: skip
        right.stairs(np.histogram(counted.speed, SPEED_EDGES)[0], SPEED_EDGES, color=color, lw=1.6)
    left.set_yticks(y, [row[0] for row in rows])
    left.invert_yaxis()
    left.set_xscale("log")
    left.set_xlim(3.0, None)
    left.set_xlabel(f"conjunctions in {hours:g} h (bars: ± square root of the count)")
    left.set_title("By pair of regimes", fontsize=11)
    left.grid(color="0.9")
    left.set_axisbelow(True)
    right.set_yscale("log")
    right.set_xlim(0.0, 18.0)
    right.set_xlabel("relative speed at TCA [km/s]")
    right.set_ylabel(f"conjunctions per 0.5 km/s in {hours:g} h")
    right.set_title("By relative speed", fontsize=11)
    right.grid(color="0.9")
    right.set_axisbelow(True)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle(
        f"Reference population against the catalog it was made from, HAC volumes, "
        f"{START.iso(0)} UTC + {hours:g} h", fontsize=11,
    )  # fmt: skip
    return figure


def main() -> None:
    """Screen both, print the tables, save the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("catalog", help="the real catalog")
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--picture", type=Path)
    args = parser.parse_args()
    real = screen("real catalog", read_catalog([args.catalog]).catalog, args.hours)
    synthetic = screen("reference population", reference_population(seed=args.seed), args.hours)
    print("\n| regimes | real | synthetic | ratio |\n|---|---|---|---|")
    for name, a, b in [
        *regime_table(real, synthetic),
        ("all", len(real.pair), len(synthetic.pair)),
    ]:
        print(f"| {name} | {a:,} | {b:,} | {b / a if a else float('inf'):.2f} |")
    print("\n| relative speed [km/s] | real | synthetic | ratio |\n|---|---|---|---|")
    counts = [np.histogram(c.speed, SLOW_EDGES)[0] for c in (real, synthetic)]
    for lo, hi, a, b in zip(SLOW_EDGES[:-1], SLOW_EDGES[1:], *counts, strict=True):
        print(f"| {lo:g} - {hi:g} | {a:,} | {b:,} | {b / a if a else float('inf'):.2f} |")
    if args.picture:
        args.picture.parent.mkdir(exist_ok=True)
        draw(real, synthetic, args.hours).savefig(args.picture, dpi=110)


if __name__ == "__main__":
    main()
