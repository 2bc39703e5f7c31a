"""All close approaches of two tabulated trajectories: every local minimum of their distance.

Fed by two `ephemeris.tabulated.Trajectory`; feeds the command `pair`. The derivative of the squared
distance, dr . dv, is sampled several hundred times per revolution of the faster object; where it
turns from negative to positive there is a minimum, which bisection finds to the last bits of a
second. A burn between two blocks can end an approach at a corner: that corner is the minimum then.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.ephemeris.frames import rotate, rtn_matrices
from tracss_hpc.ephemeris.tabulated import Trajectory
from tracss_hpc.errors import EphemerisRangeError, InputDataError
from tracss_hpc.messages.utc import Utc

__all__ = ["PairApproaches", "find_pair_approaches"]

_SAMPLES_PER_REVOLUTION = 400
_MAX_STEP_S = 60.0
_CHUNK = 65536  # samples at a time: bounds the memory of long spans
_ROUNDING_S = 1e-6  # ends of the other span, in the times of the first
_BISECTIONS = 50  # 60 s / 2**50 is below the rounding of a time


@dataclass(frozen=True, eq=False)
class PairApproaches:
    """Local minima of distance in order of time, shape (n,) or (n, 3) [km, km/s, s].

    `t` counts from `epoch`; `relative_r`, `relative_v` are those of the other object minus the own
    in the own RTN (inertial difference), for object 1 and object 2.
    """

    epoch: Utc
    t: NDArray[np.float64]
    r: tuple[NDArray[np.float64], NDArray[np.float64]]
    v: tuple[NDArray[np.float64], NDArray[np.float64]]
    miss_km: NDArray[np.float64]
    relative_speed_km_s: NDArray[np.float64]
    relative_r: tuple[NDArray[np.float64], NDArray[np.float64]]
    relative_v: tuple[NDArray[np.float64], NDArray[np.float64]]


def find_pair_approaches(first: Trajectory, second: Trajectory) -> PairApproaches:
    """Every local minimum of distance inside the useable span that both have.

    Raises
    ------
    EphemerisRangeError
        If the spans have nothing in common.
    InputDataError
        If the states are in different frames.
    """
    if first.record.frame != second.record.frame:
        raise InputDataError(
            f"{first.record.file} is in {first.record.frame}, {second.record.file} in "
            f"{second.record.frame}: convert one of them",
            given=(first.record.frame, second.record.frame),
        )
    offset = first.epoch.minus(second.epoch)  # time of the second = time of the first + offset
    spans = _common(first.spans, second.spans - offset)
    if not spans:
        raise EphemerisRangeError(
            f"{first.record.file} and {second.record.file} have no useable time in common: "
            f"{_span(first)} and {_span(second)}",
            start_s=float(max(0.0, -offset)),
            stop_s=float(min(first.duration_s, second.duration_s - offset)),
        )

    def closing(t: NDArray[np.float64]) -> NDArray[np.float64]:
        (r1, v1), (r2, v2) = first.state(t), second.state(t + offset)
        rate: NDArray[np.float64] = ((r2 - r1) * (v2 - v1)).sum(axis=1)
        return rate

    low: list[NDArray[np.float64]] = []
    high: list[NDArray[np.float64]] = []
    step = min(_step(first), _step(second))
    for start, stop in spans:
        grid = np.linspace(start, stop, max(2, int(np.ceil((stop - start) / step)) + 1))
        for k in range(0, grid.size - 1, _CHUNK):
            t = grid[k : k + _CHUNK + 1]
            rate = closing(t)
            turns = np.flatnonzero((rate[:-1] < 0.0) & (rate[1:] >= 0.0))
            low.append(t[turns])
            high.append(t[turns + 1])
    a, b = np.concatenate(low), np.concatenate(high)
    for _ in range(_BISECTIONS):
        middle = 0.5 * (a + b)
        opening = closing(middle) >= 0.0 if middle.size else np.zeros(0, dtype=bool)
        a, b = np.where(opening, a, middle), np.where(opening, middle, b)
    return _geometry(first, second, b, offset)


def _geometry(
    first: Trajectory, second: Trajectory, t: NDArray[np.float64], offset: float
) -> PairApproaches:
    (r1, v1), (r2, v2) = first.state(t), second.state(t + offset)
    dr, dv = r2 - r1, v2 - v1
    own = rtn_matrices(r1, v1), rtn_matrices(r2, v2)
    return PairApproaches(
        epoch=first.epoch,
        t=t,
        r=(r1, r2),
        v=(v1, v2),
        miss_km=np.sqrt((dr * dr).sum(axis=1)),
        relative_speed_km_s=np.sqrt((dv * dv).sum(axis=1)),
        relative_r=(rotate(own[0], dr), rotate(own[1], -dr)),
        relative_v=(rotate(own[0], dv), rotate(own[1], -dv)),
    )


def _common(a: NDArray[np.float64], b: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Spans of time that both have; those that touch are joined."""
    found: list[tuple[float, float]] = []
    for start, stop in _joined(a):
        for other_start, other_stop in _joined(b):
            low = max(start, other_start + _ROUNDING_S)
            high = min(stop, other_stop - _ROUNDING_S)
            if low < high:
                found.append((low, high))
    return found


def _joined(spans: NDArray[np.float64]) -> list[tuple[float, float]]:
    joined: list[tuple[float, float]] = []
    for start, stop in spans.tolist():
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((start, stop))
    return joined


def _step(trajectory: Trajectory) -> float:
    """Step of the samples [s], from the fastest turn of the states."""
    rate = max(
        float(np.sqrt((b.v * b.v).sum(axis=1) / (b.r * b.r).sum(axis=1)).max())
        for b in trajectory.record.blocks
    )
    return min(_MAX_STEP_S, 2.0 * np.pi / rate / _SAMPLES_PER_REVOLUTION)


def _span(trajectory: Trajectory) -> str:
    return f"{trajectory.epoch.iso()} to {trajectory.epoch.plus(trajectory.duration_s).iso()}"
