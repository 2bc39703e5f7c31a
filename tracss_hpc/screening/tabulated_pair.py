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

Minima need the prominence that screening asks for. At the ends of the common time the distance may
be least without a minimum: those places are told on request.
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
    in the own RTN (inertial difference), for object 1 and object 2. `kind` tells minima from the
    places beside the ends of a common span, where the distance is less than further inside:

        minimum   it rises by more than 1 mm on both sides
        begins    the span begins here, and the distance rises from here on
        ends      the span ends here, and the distance falls until then
        shallow   a minimum that stands out by less than 1 mm from the end of the span beside it
        flat      the least of a span within which the distance changes by less than 1 mm
    """

    epoch: Utc
    t: NDArray[np.float64]
    r: tuple[NDArray[np.float64], NDArray[np.float64]]
    v: tuple[NDArray[np.float64], NDArray[np.float64]]
    miss_km: NDArray[np.float64]
    relative_speed_km_s: NDArray[np.float64]
    relative_r: tuple[NDArray[np.float64], NDArray[np.float64]]
    relative_v: tuple[NDArray[np.float64], NDArray[np.float64]]
    kind: NDArray[np.str_]


class _Samples(NamedTuple):
    """Samples in order of time: a join is three, before it, its jump, from it on."""

    begins: NDArray[np.float64]  # time from which the stretch after it runs [s]
    ends: NDArray[np.float64]  # time to which the stretch before it runs [s]
    jump: NDArray[np.bool_]
    span: NDArray[np.intp]


def find_pair_approaches(
    first: Trajectory, second: Trajectory, *, with_ends: bool = False
) -> PairApproaches:
    """Every local minimum of distance inside the useable span that both have.

    A minimum counts if the distance rises by more than 1 mm on both sides of it before it falls
    lower; of shallower ones the deepest counts. `with_ends` adds the places beside the ends of
    the common spans from which the distance only rises: the least of all rows is then the least
    distance of the common time.

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
    spans = _common(first.covered, second.covered)
    if not spans.size:
        raise EphemerisRangeError(
            f"{first.record.file} and {second.record.file} have no useable time in common: "
            f"{first.useable()} and {second.useable()}",
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
    t, kind = _minima(turns, span, spans, distance)
    wanted = (kind == "minimum") | with_ends
    return _geometry(first, second, t[wanted], kind[wanted])


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
) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    """Times of the turns that stand out and of the low ends, span by span, and their kinds."""
    times, height = t.tolist(), distance(t).tolist()
    bounds = np.searchsorted(span, np.arange(len(spans) + 1)).tolist()
    edges = distance(spans.ravel()).reshape(-1, 2).tolist()
    found: list[float] = []
    kinds: list[str] = []
    for k, (first, last) in enumerate(pairwise(bounds)):
        at = [float(spans[k, 0]), *times[first:last], float(spans[k, 1])]
        heights = [edges[k][0], *height[first:last], edges[k][1]]
        places = _standing_out(heights)
        found += [at[place] for place in places]
        if max(heights) - min(heights) <= PROMINENCE_KM:
            kinds.append("flat")
            continue
        kind = ["minimum"] * len(places)
        for i in (0, -1):  # between two others there is a rise on both sides
            kind[i] = _kind(heights, places[i])
        kinds += kind
    return np.array(found, dtype=np.float64), np.array(kinds, dtype=np.str_)


def _standing_out(heights: list[float]) -> list[int]:
    """Places of the minima from which it goes up by the prominence on both sides before lower.

    One pass with hysteresis: a minimum is sure once it has risen so much, and the next is sought
    once it has fallen so much from the maximum after it. The ends count as if walls stood there.
    """
    found: list[int] = []
    falling, place = True, 0
    for k, height in enumerate(heights):
        change = height - heights[place]
        if falling and change > PROMINENCE_KM:
            found.append(place)
            falling, place = False, k
        elif not falling and change < -PROMINENCE_KM:
            falling, place = True, k
        elif (change < 0.0) if falling else (change > 0.0):
            place = k
    return [*found, place] if falling else found


def _kind(heights: list[float], place: int) -> str:
    """Whether it is a minimum without the walls, at an end, or beside one."""
    if place in (0, len(heights) - 1):
        return "begins" if place == 0 else "ends"
    enough = heights[place] + PROMINENCE_KM
    low = (max(heights[:place]) <= enough, max(heights[place + 1 :]) <= enough)
    return "shallow" if any(low) else "minimum"


def _geometry(
    first: Trajectory, second: Trajectory, t: NDArray[np.float64], kind: NDArray[np.str_]
) -> PairApproaches:
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
        kind=kind,
    )


def _common(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spans of time that both have (n, 2), in one pass; each one's own in order."""
    one, other = a.tolist(), b.tolist()
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


def _step(trajectory: Trajectory) -> float:
    """Step of the samples [s], from the fastest turn of the states or of circles at their radii."""
    rate = 0.0
    for block in trajectory.record.blocks:
        radius = np.sqrt((block.r * block.r).sum(axis=1))
        turn = np.sqrt((block.v * block.v).sum(axis=1)) / radius
        rate = max(rate, float(turn.max()), float((np.sqrt(MU_KM3_S2 / radius) / radius).max()))
    return min(_MAX_STEP_S, 2.0 * np.pi / rate / _SAMPLES_PER_REVOLUTION)
