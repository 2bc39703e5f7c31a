"""Close approaches of two tables: circles whose minima are known, burns, spans, frames."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.messages.ocm_samples import RADIUS_KM, RATE, START, sample
from tracss_hpc.ephemeris.tabulated import Trajectory
from tracss_hpc.errors import EphemerisRangeError, InputDataError
from tracss_hpc.messages.ocm import parse_ocm
from tracss_hpc.messages.trajectory_record import TrajectoryBlock
from tracss_hpc.messages.utc import add_seconds
from tracss_hpc.screening.tabulated_pair import find_pair_approaches

RECORD = parse_ocm(sample())


def circle_at(
    inclination: float, late_s: float, t: NDArray[np.float64], drift_km_s: float = 0.0
) -> TrajectoryBlock:
    """States on a circle through (R, 0, 0), passed at `late_s`; drift along x on top of it."""
    angle = RATE * (t - late_s)
    j = np.array([0.0, math.cos(inclination), math.sin(inclination)])
    i = np.array([1.0, 0.0, 0.0])
    c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
    jd, seconds = add_seconds(START, t)
    return TrajectoryBlock(
        jd=jd,
        seconds=seconds,
        r=RADIUS_KM * (c * i + s * j) + drift_km_s * t[:, None] * i,
        v=RADIUS_KM * RATE * (c * j - s * i) + drift_km_s * i,
        useable_start=START.plus(float(t[0])),
        useable_stop=START.plus(float(t[-1])),
    )


def trajectory(*blocks: TrajectoryBlock) -> Trajectory:
    return Trajectory.from_record(dataclasses.replace(RECORD, blocks=blocks))


def test_crossing_circles_by_hand() -> None:
    """Two circles that cross at 90 deg, one object 0.1 s late: every half turn they meet."""
    t = np.arange(-600.0, 7200.0, 60.0)
    found = find_pair_approaches(
        trajectory(circle_at(0.0, 0.0, t)), trajectory(circle_at(math.pi / 2, 0.1, t + 7.0))
    )
    half_turn = math.pi / RATE
    expected = np.arange(0.0, 7000.0, half_turn) + 0.05
    assert np.abs(found.t + found.epoch.minus(START) - expected).max() < 1e-4
    # Both are 0.05 s off the node on perpendicular tracks: v * 0.05 * sqrt(2).
    speed = RADIUS_KM * RATE
    assert np.abs(found.miss_km - speed * 0.05 * math.sqrt(2.0)).max() < 1e-5
    assert np.abs(found.relative_speed_km_s - speed * math.sqrt(2.0)).max() < 1e-6
    for k in (0, 1):
        assert np.abs(np.linalg.norm(found.relative_r[k], axis=1) - found.miss_km).max() < 1e-12
        assert np.abs((found.relative_r[k] * found.relative_v[k]).sum(axis=1)).max() < 1e-4


def test_swapping_the_objects_swaps_the_answer() -> None:
    t = np.arange(-600.0, 7200.0, 60.0)
    a, b = trajectory(circle_at(0.3, 0.0, t)), trajectory(circle_at(1.0, 2.0, t[3:-2]))
    one, two = find_pair_approaches(a, b), find_pair_approaches(b, a)
    shift = two.epoch.minus(one.epoch)
    assert one.t.size > 1
    assert np.abs(one.t - two.t - shift).max() < 1e-6
    assert np.abs(one.miss_km - two.miss_km).max() < 1e-9
    assert np.abs(one.relative_r[0] - two.relative_r[1]).max() < 1e-6


def test_a_burn_that_turns_the_motion_is_a_minimum() -> None:
    """Nearing at 1 m/s until the join, parting at 1 m/s after it: the corner is the minimum."""
    t = np.arange(-600.0, 1201.0, 60.0)
    nearing, parting = circle_at(0.5, 0.0, t, 1e-3), circle_at(0.5, 0.0, t, -1e-3)
    join = START.plus(300.0)
    parting = dataclasses.replace(parting, r=parting.r + np.array([0.6, 0.0, 0.0]))
    target = trajectory(
        dataclasses.replace(nearing, useable_stop=join),
        dataclasses.replace(parting, useable_start=join),
    )
    other = circle_at(0.5, 0.0, t)
    other = dataclasses.replace(other, r=other.r + np.array([5.0, 0.0, 0.0]))
    found = find_pair_approaches(target, trajectory(other))
    assert np.abs(found.t + found.epoch.minus(START) - 300.0).max() < 1e-6
    assert np.abs(found.miss_km - 4.7).max() < 1e-6


def test_no_minimum_inside() -> None:
    t = np.arange(0.0, 600.0, 60.0)
    a = trajectory(circle_at(0.5, 0.0, t))
    b = trajectory(circle_at(0.5, 0.0, t, drift_km_s=0.01))
    assert find_pair_approaches(a, b).t.size == 0


def test_no_common_time() -> None:
    a = trajectory(circle_at(0.5, 0.0, np.arange(0.0, 600.0, 60.0)))
    b = trajectory(circle_at(0.5, 0.0, np.arange(540.0, 1200.0, 60.0)))
    with pytest.raises(EphemerisRangeError, match=r"no useable time in common: 2025.* and 2025"):
        find_pair_approaches(a, b)


def test_other_frame() -> None:
    a = trajectory(circle_at(0.5, 0.0, np.arange(0.0, 600.0, 60.0)))
    b = Trajectory.from_record(dataclasses.replace(a.record, frame="ITRF"))
    with pytest.raises(InputDataError, match=r"in EME2000.*in ITRF"):
        find_pair_approaches(a, b)
