"""All close approaches of two tabulated trajectories: every local minimum of their distance.

Fed by two `ephemeris.tabulated.Trajectory`; feeds the command `pair`. The derivative of the squared
distance, dr . dr', is sampled several hundred times per revolution of the faster object; where it
turns from negative to positive there is a minimum, where it turns back a maximum, and bisection
finds both to the last bits of a second. dr' is the derivative of the positions: the velocity
columns need not be it, and with SGP4's a slow approach of GEO objects comes out two minutes off.

At the join of two blocks lies a burn. Both sides of it are samples, and a jump of distance between
them is one more, so that a corner, or a minimum of one side, is found as well:

    before  jump  join        as in the screening of jumping element sets: a minimum counts if the
       -      +             minimum before the join       other side is farther
       -      -     +       minimum at the join

Minima need the prominence that screening asks for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.constants import MU_KM3_S2
from tracss_hpc.ephemeris.frames import rotate, rtn_matrices
from tracss_hpc.ephemeris.tabulated import Trajectory
from tracss_hpc.errors import EphemerisRangeError, InputDataError
from tracss_hpc.messages.utc import Utc
from tracss_hpc.screening.refine import PROMINENCE_KM

__all__ = ["PairApproaches", "find_pair_approaches"]

_SAMPLES_PER_REVOLUTION = 400
_MAX_STEP_S = 60.0
_CHUNK = 65536  # samples at a time: bounds the memory of long spans
_BISECTIONS = 50  # 60 s / 2**50 is below the rounding of a time

_Distance: TypeAlias = Callable[[NDArray[np.float64]], NDArray[np.float64]]
_Rising: TypeAlias = Callable[[NDArray[np.float64]], NDArray[np.bool_]]


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


class _Samples(NamedTuple):
    """Samples in order of time: a join is three, before it, its jump, from it on."""

    begins: NDArray[np.float64]  # time from which the stretch after it runs [s]
    ends: NDArray[np.float64]  # time to which the stretch before it runs [s]
    jump: NDArray[np.bool_]
    span: NDArray[np.intp]


def find_pair_approaches(first: Trajectory, second: Trajectory) -> PairApproaches:
    """Every local minimum of distance inside the useable span that both have.

    A minimum counts if the distance rises by more than 1 mm on both sides of it before it falls
    lower; of shallower ones the deepest counts.

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
    second = Trajectory.from_record(second.record, epoch=first.epoch)
    spans = _common(first.spans, second.spans)
    if not spans.size:
        raise EphemerisRangeError(
            f"{first.record.file} and {second.record.file} have no useable time in common: "
            f"{_span(first)} and {_span(second)}",
            start_s=float(max(first.spans[0, 0], second.spans[0, 0])),
            stop_s=float(min(first.spans[-1, 1], second.spans[-1, 1])),
        )

    def rising(t: NDArray[np.float64]) -> NDArray[np.bool_]:
        (r1, rate1), (r2, rate2) = first.position_and_rate(t), second.position_and_rate(t)
        opens: NDArray[np.bool_] = ((r2 - r1) * (rate2 - rate1)).sum(axis=1) >= 0.0
        return opens

    def distance(t: NDArray[np.float64]) -> NDArray[np.float64]:
        dr = second.state(t)[0] - first.state(t)[0]
        found: NDArray[np.float64] = np.sqrt((dr * dr).sum(axis=1))
        return found

    joins = np.unique(np.concatenate([first.spans[1:, 0], second.spans[1:, 0]]))
    samples = _sample(spans, joins, min(_step(first), _step(second)))
    turns, span = _turns(samples, rising, distance)
    return _geometry(first, second, _minima(turns, span, spans, distance))


def _sample(spans: NDArray[np.float64], joins: NDArray[np.float64], step: float) -> _Samples:
    """Evenly over each span, ends included, and at the joins inside."""
    length = spans[:, 1] - spans[:, 0]
    counts = np.maximum(2, np.ceil(length / step).astype(np.intp) + 1)
    span = np.repeat(np.arange(len(spans)), counts)
    share = (np.arange(span.size) - np.repeat(np.cumsum(counts) - counts, counts)) / (
        counts[span] - 1
    )
    even = np.minimum(spans[span, 0] + length[span] * share, spans[span, 1])
    within = np.searchsorted(spans[:, 0], joins) - 1
    inside = (within >= 0) & (joins < spans[within, 1])
    at, where = joins[inside], within[inside]
    before = np.nextafter(at, -np.inf)
    begins = np.concatenate([even, before, at, at])
    ends = np.concatenate([even, before, before, at])
    jump = np.repeat([False, False, True, False], [even.size, at.size, at.size, at.size])
    order = np.lexsort((jump, ends))
    return _Samples(
        begins[order], ends[order], jump[order], np.concatenate([span, where, where, where])[order]
    )


def _turns(
    samples: _Samples, rising: _Rising, distance: _Distance
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Times of all minima and maxima of distance, and the spans that have them."""
    rises = np.empty(samples.jump.size, dtype=np.bool_)
    smooth = np.flatnonzero(~samples.jump)
    for k in range(0, smooth.size, _CHUNK):
        rows = smooth[k : k + _CHUNK]
        rises[rows] = rising(samples.ends[rows])
    jumps = np.flatnonzero(samples.jump)
    # Below the prominence there is no jump: the later block has the corner then.
    rises[jumps] = distance(samples.begins[jumps]) - distance(samples.ends[jumps]) > PROMINENCE_KM
    turn = np.flatnonzero((rises[1:] != rises[:-1]) & (samples.span[1:] == samples.span[:-1]))
    low, high, upward = samples.begins[turn], samples.ends[turn + 1], rises[turn + 1]
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        past = rising(middle) == upward
        low, high = np.where(past, low, middle), np.where(past, middle, high)
    return high, samples.span[turn]


def _minima(
    t: NDArray[np.float64],
    span: NDArray[np.intp],
    spans: NDArray[np.float64],
    distance: _Distance,
) -> NDArray[np.float64]:
    """Those of the turns that are minima and stand out, each span for itself."""
    times, height = t.tolist(), distance(t).tolist()
    having, firsts = np.unique(span, return_index=True)
    edges = distance(spans[having].ravel()).reshape(-1, 2).tolist()
    found: list[float] = []
    for edge, (first, last) in zip(edges, pairwise([*firsts, t.size]), strict=True):
        places = _standing_out([edge[0], *height[first:last], edge[1]])
        found += [times[first + place - 1] for place in places]
    return np.array(found, dtype=np.float64)


def _standing_out(heights: list[float]) -> list[int]:
    """Places of the minima from which it goes up by the prominence on both sides before lower.

    One pass with hysteresis: a minimum is sure once it has risen so much, and the next is sought
    once it has fallen so much from the maximum after it. The ends are no minima.
    """
    found: list[int] = []
    falling, place = False, 0
    for k, height in enumerate(heights):
        change = height - heights[place]
        if falling and change > PROMINENCE_KM:
            found.append(place)
            falling, place = False, k
        elif not falling and change < -PROMINENCE_KM:
            falling, place = True, k
        elif (change < 0.0) if falling else (change > 0.0):
            place = k
    return found


def _geometry(first: Trajectory, second: Trajectory, t: NDArray[np.float64]) -> PairApproaches:
    (r1, v1), (r2, v2) = first.state(t), second.state(t)
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


def _common(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spans of time that both have (n, 2), in one pass; those that touch are joined."""
    one, other = _joined(a), _joined(b)
    found: list[tuple[float, float]] = []
    i = j = 0
    while i < len(one) and j < len(other):
        low, high = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if low < high:
            found.append((low, high))
        if one[i][1] < other[j][1]:
            i += 1
        else:
            j += 1
    return np.array(found).reshape(-1, 2)


def _joined(spans: NDArray[np.float64]) -> list[tuple[float, float]]:
    joined: list[tuple[float, float]] = []
    for start, stop in spans.tolist():
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((start, stop))
    return joined


def _step(trajectory: Trajectory) -> float:
    """Step of the samples [s], from the fastest turn of the states or of circles at their radii."""
    rate = 0.0
    for block in trajectory.record.blocks:
        radius = np.sqrt((block.r * block.r).sum(axis=1))
        turn = np.sqrt((block.v * block.v).sum(axis=1)) / radius
        rate = max(rate, float(turn.max()), float((np.sqrt(MU_KM3_S2 / radius) / radius).max()))
    return min(_MAX_STEP_S, 2.0 * np.pi / rate / _SAMPLES_PER_REVOLUTION)


def _span(trajectory: Trajectory) -> str:
    start, stop = (float(edge) for edge in trajectory.spans[[0, -1], [0, 1]])
    return f"{trajectory.epoch.plus(start).iso()} to {trajectory.epoch.plus(stop).iso()}"
