"""Grid against exhaustion on random worlds: orbits, volumes, spans, primaries, steps.

The two engines share nothing but the final refinement: the brute one compares every pair at every
minute on SGP4 positions. Rows at jumps of SDP4 and dips of the distance by less than half a metre
are the grid's alone and are left out.
"""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import pytest

from tracss_hpc.catalog.catalog import Catalog
from tracss_hpc.catalog.population import START, reference_population
from tracss_hpc.catalog.volumes import Volumes
from tracss_hpc.ephemeris.gp import find_ends, make_trajectories
from tracss_hpc.screening.time_slice import Conjunctions, ScreeningProblem, screen_slice

KINDS = ("any", "eccentric", "synchronous", "cluster", "crossing")


@cache
def population() -> Catalog:
    return reference_population()


def draw_catalog(g: np.random.Generator, kind: str) -> Catalog:
    """2 to 260 objects: of the population, or around one of its orbits."""
    everyone, n = population(), int(g.integers(2, 260))
    if kind in ("any", "eccentric", "synchronous"):
        chosen = np.flatnonzero(
            {
                "any": everyone.eccentricity >= 0.0,
                "eccentric": everyone.eccentricity > 0.3,
                "synchronous": everyone.mean_motion < 1.1,
            }[kind]
        )
        return everyone.take(g.choice(chosen, n, replace=False))
    base = everyone.take(np.full(n, g.integers(len(everyone))))
    designator = np.arange(n) + 900_000_001
    if kind == "cluster":
        return dataclasses.replace(
            base,
            designator=designator,
            mean_anomaly=(base.mean_anomaly + g.normal(0.0, 0.5, n)) % 360.0,
            mean_motion=base.mean_motion + g.normal(0.0, 1e-3, n) * (g.random(n) < 0.7),
            inclination=np.abs(base.inclination + g.normal(0.0, 0.05, n)),
            raan=(base.raan + g.normal(0.0, 0.05, n)) % 360.0,
            eccentricity=np.clip(base.eccentricity + g.normal(0.0, 1e-4, n), 0.0, 0.9),
        )
    return dataclasses.replace(
        base,
        designator=designator,
        inclination=g.uniform(0.0, 180.0, n),
        **{name: g.uniform(0.0, 360.0, n) for name in ("raan", "mean_anomaly", "arg_perigee")},
    )


def draw_problem(seed: int) -> tuple[ScreeningProblem, float, np.random.Generator]:
    g = np.random.default_rng(seed)
    catalog = draw_catalog(g, KINDS[seed % len(KINDS)])
    n, box = len(catalog), bool(g.random() < 0.5)
    sizes = 10.0 ** g.uniform(-1.0, 2.3, 3) * np.ones((n, 3))
    if not box:
        sizes[:] = sizes[0, 0]
    sizes *= g.uniform(0.3, 1.5, (n, 1)) if g.random() < 0.5 else 1.0
    volumes = Volumes("BOX" if box else "ELLIPSOID", *sizes.T.copy(), g.uniform(0.05, 0.5, n))
    window = float(g.integers(1800, 28_800))
    trajectories = make_trajectories(catalog, START)
    end, _ = find_ends(trajectories, window + 60.0)
    primary = g.random(n) < g.choice([1.0, 0.5, 0.1])
    return ScreeningProblem(trajectories, volumes, primary, end, g.permutation(n)), window, g


def events(c: Conjunctions) -> set[tuple[int, int, int]]:
    smooth = ~c.at_discontinuity
    columns = (c.object1[smooth], c.object2[smooth], c.tca_us[smooth])
    return set(zip(*(column.tolist() for column in columns), strict=True))


def compare(seed: int) -> int:
    problem, window, g = draw_problem(seed)
    step_s, segment_s = float(g.uniform(20.0, 120.0)), float(g.uniform(300.0, 3000.0))
    grid = screen_slice(problem, 0.0, window, step_s=step_s, segment_s=segment_s)
    brute = screen_slice(problem, 0.0, window, engine="brute")
    found, expected = events(grid.conjunctions), events(brute.conjunctions)
    assert not expected - found, f"seed {seed}"
    assert all(is_shallow(problem, *event) for event in found - expected), f"seed {seed}"
    return len(found)


def is_shallow(problem: ScreeningProblem, i: int, j: int, tca_us: int) -> bool:
    """Whether a minimum rises by less than 0.5 m on a side: the quartic through minutes errs so."""
    offsets = np.arange(1.0, 121.0)
    times = tca_us / 1e6 + np.concatenate([-offsets[::-1], [0.0], offsets])
    r, _, _ = problem.trajectories.states(np.array([i, j]), np.tile(times, (2, 1)))
    rise = np.linalg.norm(r[0] - r[1], axis=1)
    rise -= rise[120]
    before, after = rise[119::-1], rise[121:]
    heights = []
    for side in (before, after):
        below = np.flatnonzero(side < -1e-6)
        heights.append(side[: below[0] if len(below) else None].max(initial=0.0))
    return min(heights) < 5e-4


@pytest.mark.parametrize("first", range(0, 40, 10))
def test_grid_equals_exhaustion(first: int) -> None:
    assert sum(compare(seed) for seed in range(first, first + 10)) > 20


@pytest.mark.long
@pytest.mark.parametrize("first", range(1000, 1300, 50))
def test_grid_equals_exhaustion_in_many_worlds(first: int) -> None:
    assert sum(compare(seed) for seed in range(first, first + 50)) > 500
