"""Close approaches of two tables: circles whose minima are known, burns, spans, frames."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

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


def beside(
    t: NDArray[np.float64], away: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> TrajectoryBlock:
    """The circle of inclination 0.5 moved along x by `away(t)` [km], velocities as they were."""
    block = circle_at(0.5, 0.0, t)
    return dataclasses.replace(block, r=block.r + away(t)[:, None] * np.array([1.0, 0.0, 0.0]))


def minima_beside(
    *parts: tuple[float, Callable[[NDArray[np.float64]], NDArray[np.float64]]],
) -> tuple[list[float], list[float]]:
    """Times since START and misses of a target whose distance along x is each part's till its end.

    The parts are blocks with joins at their ends; its velocities know nothing of the distance.
    """
    t = np.arange(-600.0, 1201.0, 60.0)
    start, blocks = START.plus(-600.0), []
    for stop, away in parts:
        block = beside(t, away)
        blocks.append(
            dataclasses.replace(block, useable_start=start, useable_stop=START.plus(stop))
        )
        start = START.plus(stop)
    found = find_pair_approaches(trajectory(circle_at(0.5, 0.0, t)), trajectory(*blocks))
    return (found.t + found.epoch.minus(START)).tolist(), found.miss_km.tolist()


def bowl(
    bottom_s: float, least_km: float = 5.0
) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    return lambda t: least_km + 1e-5 * (t - bottom_s) ** 2


def test_minima_are_those_of_the_positions() -> None:
    """Velocities that are not the derivative of the positions move no minimum, only the state."""
    when, miss = minima_beside((1200.0, bowl(307.0)))
    assert when == pytest.approx([307.0], abs=1e-3)
    assert miss == pytest.approx([5.0], abs=1e-6)


@pytest.mark.parametrize(
    ("bottoms", "join"), [((300.0, 308.0), 304.0), ((240.0, 360.0), 300.0), ((302.0, 309.0), 305.0)]
)
def test_minima_on_both_sides_of_a_burn(bottoms: tuple[float, float], join: float) -> None:
    """Down, up, burn, down, up within one sample's step: two minima."""
    level = 5.0 + 1e-5 * ((join - bottoms[0]) ** 2 - (join - bottoms[1]) ** 2)
    when, miss = minima_beside((join, bowl(bottoms[0])), (1200.0, bowl(bottoms[1], level)))
    assert when == pytest.approx(bottoms, abs=1e-3)
    assert miss == pytest.approx([5.0, level], abs=1e-6)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (bowl(900.0), bowl(900.0, 6.0), [300.0, 900.0]),  # up: a minimum before the join
        (bowl(900.0), bowl(-100.0, 6.0), [300.0]),  # up and then away
        (bowl(-100.0), bowl(-100.0, 4.0), [-100.0, 300.0]),  # down: a minimum at the join
        (bowl(900.0), bowl(900.0, 4.0), [900.0]),  # down and on: none at the join
        (bowl(-100.0), bowl(-100.0, 6.0), [-100.0]),  # up and on: none at the join
    ],
)
def test_a_jump_at_a_join(
    before: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    after: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    expected: list[float],
) -> None:
    """A jump counts as a minimum of the nearer side, as in the screening of element sets."""
    when, miss = minima_beside((300.0, before), (1200.0, after))
    assert when == pytest.approx(expected, abs=1e-3)
    near = [min(float(f(np.array([x]))[0]) for f in (before, after)) for x in expected if x == 300]
    assert [m for x, m in zip(when, miss, strict=True) if abs(x - 300.0) < 1.0] == (
        pytest.approx(near, abs=1e-6)
    )


@pytest.mark.parametrize(("ripple_mm", "count"), [(0.0, 1), (0.45, 1), (2.0, 3)])
def test_shallow_minima_merge_into_the_deepest(ripple_mm: float, count: int) -> None:
    """Three dips of a flat distance, the middle one deepest: one minimum below 1 mm of relief."""

    def away(t: NDArray[np.float64]) -> NDArray[np.float64]:
        x = (t - 300.0) / 480.0
        flat = 5.0 + 1e-3 * np.maximum(np.abs(x) - 1.3, 0.0) ** 6 + 1e-8 * x * x
        return np.asarray(flat - 1e-6 * ripple_mm * np.cos(2.0 * np.pi * x))

    when, _ = minima_beside((1200.0, away))
    assert len(when) == count
    assert when[count // 2] == pytest.approx(300.0, abs=1.0)


def test_states_at_rest() -> None:
    """Nothing moves: no rate to take a step from, no minimum."""
    t = np.arange(0.0, 600.0, 60.0)
    block = circle_at(0.5, 0.0, t)
    still = dataclasses.replace(block, r=np.tile(block.r[:1], (t.size, 1)), v=block.v * 0.0)
    assert find_pair_approaches(trajectory(still), trajectory(still)).t.size == 0


def test_many_gaps_cost_no_more_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hundred blocks with gaps: the minima inside them, by one grid for all."""
    t = np.arange(-600.0, 45000.0, 60.0)
    a, b = circle_at(0.0, 0.0, t), circle_at(math.pi / 2, 0.1, t)
    edges = -600.0 + 225.0 * np.arange(201)
    blocks = [
        dataclasses.replace(a, useable_start=START.plus(x), useable_stop=START.plus(x + 200.0))
        for x in edges[:200].tolist()
    ]
    whole = find_pair_approaches(trajectory(a), trajectory(b))
    calls: list[int] = []
    method = Trajectory._block_of
    monkeypatch.setattr(
        Trajectory, "_block_of", lambda self, x: (calls.append(1), method(self, x))[1]
    )
    found = find_pair_approaches(trajectory(*blocks), trajectory(b))
    place = (whole.t % 225.0) - 200.0
    assert np.abs(place).min() > 1.0  # none near an end
    assert found.t.size == (place < 0.0).sum() > 10
    assert np.abs(found.t - whole.t[place < 0.0]).max() < 1e-6
    assert len(calls) < 150


def test_no_minimum_inside() -> None:
    t = np.arange(0.0, 600.0, 60.0)
    a = trajectory(circle_at(0.5, 0.0, t))
    b = trajectory(circle_at(0.5, 0.0, t, drift_km_s=0.01))
    assert find_pair_approaches(a, b).t.size == 0


@pytest.mark.parametrize(
    ("away", "kinds", "times"),
    [
        (bowl(300.0), ["minimum"], [300.0]),
        (bowl(-700.0), ["begins"], [-600.0]),
        (bowl(1300.0), ["ends"], [1200.0]),
        (bowl(-599.8), ["shallow"], [-599.8]),  # 0.4 mm of relief
        (bowl(1199.8), ["shallow"], [1199.8]),
        (lambda t: 20.0 - bowl(300.0, 0.0)(t), ["begins", "ends"], [-600.0, 1200.0]),
        (lambda t: 5.0 + 0.0 * t, ["flat"], None),
    ],
)
def test_the_ends_of_the_common_time(
    away: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    kinds: list[str],
    times: list[float] | None,
) -> None:
    """With the ends, the least of all rows is the least distance of the common time."""
    t = np.arange(-600.0, 1201.0, 60.0)
    a, b = trajectory(circle_at(0.5, 0.0, t)), trajectory(beside(t, away))
    found = find_pair_approaches(a, b, with_ends=True)
    assert found.kind.tolist() == kinds
    if times is not None:
        assert (found.t + found.epoch.minus(START)).tolist() == pytest.approx(times, abs=1e-2)
    least = away(np.linspace(-600.0, 1200.0, 1801)).min()
    assert found.miss_km.min() == pytest.approx(least, abs=1e-6)
    assert find_pair_approaches(a, b).t.size == (1 if kinds == ["minimum"] else 0)


def test_the_ends_at_gaps() -> None:
    """Falling all the time, with a gap: each stretch ends at its least."""
    t = np.arange(-600.0, 1201.0, 60.0)
    block = beside(t, bowl(2000.0))
    parts = [
        dataclasses.replace(block, useable_start=START.plus(a), useable_stop=START.plus(b))
        for a, b in ((-600.0, 0.0), (0.0, 100.0), (200.0, 600.0))
    ]
    gapped = trajectory(*parts)
    found = find_pair_approaches(trajectory(circle_at(0.5, 0.0, t)), gapped, with_ends=True)
    assert found.kind.tolist() == ["ends", "ends"]
    assert (found.t + found.epoch.minus(START)).tolist() == [100.0, 600.0]
    assert gapped.useable() == (
        f"{START.plus(-600.0).iso()} to {START.plus(100.0).iso()}, "
        f"{START.plus(200.0).iso()} to {START.plus(600.0).iso()}"
    )
    spread = [
        dataclasses.replace(block, useable_start=START.plus(x), useable_stop=START.plus(x + 60.0))
        for x in (-600.0, -400.0, -200.0, 0.0, 200.0)
    ]
    told = trajectory(*spread).useable()
    assert told.count(" to ") == 3
    assert told.endswith(f"... (5 spans, the last until {START.plus(260.0).iso()})")


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
