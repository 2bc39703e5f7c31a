"""Approaches at a jump of the trajectory: minima from one side, flagged, once, on every path."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.ephemeris.made_up_motion import made_up_trajectories
from tests.oracles.planted_world import START, oracle_objects, planted_problem
from tracss_hpc.catalog.volumes import uniform_volume
from tracss_hpc.screening.time_slice import ScreeningProblem, screen_slice

JUMP_S = 7000.123  # falls into the millisecond before
ENTRY = int(np.flatnonzero(["GEO00" in name for name in oracle_objects().names])[0])


@dataclasses.dataclass(frozen=True)
class Moved:
    """A GEO object displaced radially: by `at + rate (t - JUMP_S)` and by `jump` from JUMP_S on."""

    at_km: float
    rate_km_s: float
    jump_km: float

    def sgp4_array(self, jd: np.ndarray, fr: np.ndarray) -> tuple[np.ndarray, ...]:
        code, r, v = planted_problem().trajectories.records[ENTRY].sgp4_array(jd, fr)
        # Milliseconds first: the fraction of a day has a grain of nanoseconds.
        t = np.round(((jd - START.jd) + (fr - START.fr)) * 86400.0, 7)
        shift = self.at_km + self.rate_km_s * (t - JUMP_S) + self.jump_km * (t >= JUMP_S - 5e-4)
        radial = r / np.linalg.norm(r, axis=1, keepdims=True)
        return code, r + shift[:, None] * radial, v + self.rate_km_s * radial


def problem(jump_km: float) -> ScreeningProblem:
    """One object at rest at GEO, one above that comes down at 1 m/s and is at 5 km at the jump."""
    motion = np.full(2, planted_problem().trajectories.mean_motion[ENTRY])
    records = [Moved(0.0, 0.0, 0.0), Moved(5.0, -1e-3, jump_km)]
    return ScreeningProblem(
        made_up_trajectories(START, records, motion),
        uniform_volume(2, "ELLIPSOID", 10.0, 10.0, 10.0, 1.0),
        np.ones(2, dtype=bool), np.full(2, np.inf), np.arange(2),
    )  # fmt: skip


@pytest.mark.parametrize("segment_s", [720.0, 1440.0])
@pytest.mark.parametrize("window", [(0.0, 10800.0), (3600.0, 7200.0), (6990.0, 7010.0)])
def test_jump_away_is_a_minimum_before_it(segment_s: float, window: tuple[float, float]) -> None:
    result = screen_slice(problem(2.0), *window, segment_s=segment_s)
    assert result.jumps.t.tolist() == [pytest.approx(JUMP_S, abs=1.1e-3)]
    assert result.jumps.size_km[0] == pytest.approx(2.0, abs=1e-3)
    c = result.conjunctions
    assert len(c) == 1
    assert c.at_discontinuity.tolist() == [True]
    assert c.tca_us[0] / 1e6 == pytest.approx(JUMP_S, abs=2.1e-3)
    d = np.linalg.norm(c.state2[0, :3] - c.state1[0, :3])
    assert d == pytest.approx(5.0, abs=1e-4)


def test_jump_towards_is_no_minimum() -> None:
    """It comes nearer by the jump and goes on coming: the minimum is later and smooth."""
    result = screen_slice(problem(-2.0), 0.0, 10800.0)
    assert len(result.jumps.t) == 1
    assert not result.conjunctions.at_discontinuity.any()
    assert len(result.conjunctions) == 1
    assert result.conjunctions.tca_us[0] / 1e6 == pytest.approx(JUMP_S + 3000.0, abs=5.0)
