"""Objects that SGP4 carries on after they came down: against positions ten times a second."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tracss_hpc.catalog.population import START, reference_population
from tracss_hpc.catalog.volumes import Volumes
from tracss_hpc.constants import DAY_S
from tracss_hpc.ephemeris.gp import make_trajectories
from tracss_hpc.ephemeris.nodes import build_ephemeris
from tracss_hpc.screening.runaways import find_runaways
from tracss_hpc.screening.time_slice import ScreeningProblem, screen_slice

RADIUS_KM = 400.0
WINDOW_S = 1800.0
STARTS_D = (5.0995, 5.1, 5.12, 5.4)  # days after epoch; SGP4 says error 6 before 5.0944


@pytest.fixture(scope="module")
def problem() -> ScreeningProblem:
    """Four runaways, the last of them 100,000 km away, among 600 low objects."""
    everyone = reference_population()
    low = everyone.take(np.flatnonzero(everyone.mean_motion > 14.0)[:: len(everyone) // 800][:600])
    n, k = len(low), len(STARTS_D)
    catalog = low.take(np.concatenate([np.arange(n), np.arange(k)]))
    for name, value in {
        "mean_motion": 16.1, "eccentricity": 8e-4, "bstar": 0.01, "inclination": np.degrees(1.7),
        "raan": np.degrees(2.0), "arg_perigee": np.degrees(1.0), "mean_anomaly": np.degrees(3.0),
    }.items():  # fmt: skip
        getattr(catalog, name)[n:] = value
    for row, days in enumerate(STARTS_D, start=n):
        catalog.epoch_jd[row], catalog.epoch_fr[row] = START.plus(-days * DAY_S)
    catalog = dataclasses.replace(catalog, designator=np.arange(n + k) + 900_000_001)
    trajectories = make_trajectories(catalog, START)
    return ScreeningProblem(
        trajectories,
        Volumes("ELLIPSOID", *np.full((3, n + k), RADIUS_KM), np.full(n + k, 1.0)),
        np.ones(n + k, dtype=bool),
        np.full(n + k, np.inf),
        np.arange(n + k),
    )


def sampled_minima(problem: ScreeningProblem, row: int) -> set[tuple[int, int]]:
    """Other object and nearest second of each minimum of the distance below the radius."""
    n = len(problem.trajectories)
    t = np.linspace(-1.0, WINDOW_S + 1.0, 1 + 10 * int(WINDOW_S + 2.0))
    own, _ = problem.trajectories.positions(np.array([row]), t[None])
    found = set()
    for other in range(n):
        if other == row:
            continue
        r, _ = problem.trajectories.positions(np.array([other]), t[None])
        d = np.linalg.norm(r[0] - own[0], axis=0)
        least = 1 + np.flatnonzero((d[1:-1] < d[:-2]) & (d[1:-1] <= d[2:]))
        near = least[d[least] < RADIUS_KM - 0.5]  # what 100 km/s make of 0.1 s, seen sideways
        found |= {(other, round(float(t[k]))) for k in near if 0.0 < t[k] < WINDOW_S}
    return found


@pytest.mark.parametrize("step_s", [60.0, 120.0])
def test_minima_of_runaways_are_all_found(problem: ScreeningProblem, step_s: float) -> None:
    n = len(problem.trajectories)
    result = screen_slice(problem, 0.0, WINDOW_S, step_s=step_s).conjunctions
    count = 0
    for row in range(n - len(STARTS_D), n):
        of_row = (result.object1 == row) | (result.object2 == row)
        others = np.where(result.object1 == row, result.object2, result.object1)[of_row]
        times = result.tca_us[of_row] / 1e6
        for other, second in sampled_minima(problem, row):
            assert (np.abs(times[others == other] - second) <= 1.0).any(), (row, other, second)
            count += 1
    assert count > 20


def test_runaways_are_told_from_orbits(problem: ScreeningProblem) -> None:
    n = len(problem.trajectories)
    ephemeris = build_ephemeris(problem.trajectories, 0.0, np.full(n, WINDOW_S))
    assert find_runaways(ephemeris).tolist() == list(range(n - len(STARTS_D), n))
