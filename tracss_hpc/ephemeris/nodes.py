"""Trajectories as piecewise polynomials: one form for every source of motion.

Fed by a propagator (gp.py); feeds the pair search (steps.py), which never calls the propagator.
Each object's interval is cut into segments; SGP4 is evaluated at the Chebyshev-Lobatto nodes of a
segment and the series through them is kept when it is good, else the segment is halved:

    begin        good: keep              bad: halve, again and again
      |---o--o---o---o--o---|      |--o-o-o--|-o-o-o-|    until SHORTEST: then there is a jump;
      base segment ~ 1/2 turn      near an HEO perigee    locate it to 1 ms, start a new segment

Good means: the last two coefficients are below the tolerance, and the series meets SGP4 at a check
time between two nodes. The largest difference at the check times is stored per object. The pair
search needs metres (minima are solved on SGP4 itself, see screening/minima.py), so the tolerance is
a metre; that of a deep-space object is 0.2 mm, since SDP4 jumps and jumps must be seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.constants import MU_KM3_S2
from tracss_hpc.ephemeris.gp import GPTrajectories
from tracss_hpc.kernels import nodes as kernel

__all__ = ["Discontinuities", "Ephemeris", "build_ephemeris"]

TERMS: int = kernel.NODES
#: Tolerance of the last two coefficients, and of the difference at the check time [km].
SMOOTH_TOLERANCE_KM, JUMP_TOLERANCE_KM = 1e-3, 1e-5
SHORTEST_S = 20.0  # a segment this short that still misses the tolerance holds a jump
LISTED_JUMP_KM = 1e-3  # discontinuities from this size on are listed and treated one-sidedly
_REFERENCE_MEAN_MOTION = 2.0 * np.pi * 15.0 / 86400.0  # rad/s, of a low orbit: base segment
_CHECK_X = 0.12  # check time, between two nodes near the middle where Lobatto errors are large
_BLOCK = 2048  # segments: 0.7 MB of samples

_X = -np.cos(np.pi * np.arange(TERMS) / (TERMS - 1))  # nodes, increasing
_SAMPLE_X = np.append(_X, _CHECK_X)


def _matrix() -> NDArray[np.float64]:
    """What a sample of 1 at node j (row j) adds to each column that the kernel wants."""
    cheb = np.polynomial.chebyshev
    keep = kernel.KEPT
    fit = np.linalg.inv(cheb.chebvander(_X, TERMS - 1))  # coefficients x nodes
    power = np.zeros((keep, TERMS))
    for k in range(keep):
        power[: k + 1, k] = cheb.cheb2poly(np.eye(keep)[k, : k + 1])
    second = np.stack([cheb.chebval(_X, cheb.chebder(row, 2)) for row in np.eye(TERMS)], axis=1)
    rows = [power @ fit, fit[-2:], cheb.chebvander(np.array([_CHECK_X]), TERMS - 1) @ fit]
    columns = np.concatenate([*rows, second @ fit]).T
    spare = kernel.MATRIX_WIDTH - columns.shape[1]
    return np.ascontiguousarray(np.pad(columns, ((0, 0), (0, spare))))


_MATRIX = _matrix()


@dataclass(frozen=True)
class Discontinuities:
    """Jumps of SDP4: `objects` rows, `t` [s], `size_km`; the jump lies in (t - 1 ms, t]."""

    objects: NDArray[np.int64]
    t: NDArray[np.float64]
    size_km: NDArray[np.float64]


@dataclass(frozen=True)
class Ephemeris:
    """Segments of n objects; those of object i are ``offset[i]`` .. ``offset[i + 1]``.

    Attributes
    ----------
    offset : ndarray of int64, shape (n + 1,)
    begin : ndarray, shape (m,)
        Start of each segment [s since run start].
    record : ndarray of float32, shape (m, kernel.RECORD_WIDTH)
        Power series of the TEME position, what it errs by, and a bound of the acceleration beside
        the two-body one; see cython/nodes.pyx.
    stop : ndarray, shape (n,)
        End of each object's last segment [s]; -inf for an object without segments.
    error_km : ndarray, shape (n,)
        Largest difference to the propagator at the check times [km].
    early : ndarray of int64
        Objects that ended before the time they were asked for; their `stop` says when.
    jumps : Discontinuities
    """

    offset: NDArray[np.int64]
    begin: NDArray[np.float64]
    record: NDArray[np.float32]
    stop: NDArray[np.float64]
    error_km: NDArray[np.float64]
    early: NDArray[np.int64]
    jumps: Discontinuities

    def __len__(self) -> int:
        return len(self.offset) - 1

    @property
    def force(self) -> NDArray[np.float32]:
        """Bound of the acceleration beside the two-body one in each segment [km/s^2]."""
        return self.record[:, kernel.FORCE_AT]

    @cached_property
    def start(self) -> NDArray[np.float64]:
        """Begin of each object's first segment [s]; inf for an object without segments."""
        first = np.full(len(self), np.inf)
        has = self.offset[1:] > self.offset[:-1]
        first[has] = self.begin[self.offset[:-1][has]]
        return first


def build_ephemeris(
    trajectories: GPTrajectories,
    start_s: float,
    stop_s: NDArray[np.float64],
    *,
    segment_s: float = 2880.0,
) -> Ephemeris:
    """Fit polynomials to SGP4 over [start_s, stop_s[i]] of each object i.

    Parameters
    ----------
    trajectories : GPTrajectories
    start_s : float
        Common begin [s since run start].
    stop_s : ndarray, shape (n,)
        End of each object's interval [s]; an object with stop_s <= start_s gets no segment.
    segment_s : float
        Base length of a segment of a low orbit [s]; others in proportion to their period.

    Returns
    -------
    Ephemeris
        Within the tolerance of SGP4 at the check times, except next to listed jumps.

    Notes
    -----
    gp.find_ends has located the first SGP4 error of each trajectory. One met here all the same (a
    short one between its looks) ends the object at the last good second of the segment; such
    objects are told in `early`: the run then looks for their end second by second.
    """
    n = len(trajectories)
    base = segment_s * _REFERENCE_MEAN_MOTION / trajectories.mean_motion
    length = np.maximum(stop_s - start_s, 0.0)
    pieces = np.ceil(length / base).astype(np.int64)
    objects = np.repeat(np.arange(n), pieces)
    number = np.arange(len(objects)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    width = length[objects] / pieces[objects]
    begin = start_s + number * width
    end = np.where(number + 1 == pieces[objects], stop_s[objects], begin + width)

    done: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = []
    records: list[tuple[NDArray[np.float32], NDArray[np.int64]]] = []  # and which of them count
    tolerance = np.where(trajectories.smooth, SMOOTH_TOLERANCE_KM, JUMP_TOLERANCE_KM)
    error_km = np.zeros(n)
    stop = stop_s.astype(np.float64)
    early: set[int] = set()
    jumps: list[tuple[int, float, float]] = []
    final = np.zeros(len(objects), dtype=bool)  # both sides of a jump: kept as they are
    while len(objects):
        half = 0.5 * (end - begin)
        record, tail, check, failed = _fit_segments(trajectories, objects, begin, end)
        for q in np.flatnonzero(failed):
            row = int(objects[q])
            times = _sample_times(begin[q : q + 1], end[q : q + 1])
            _, code = trajectories.positions(objects[q : q + 1], times)
            first = float(times[code != 0].min())
            stop[row] = min(stop[row], _last_good(trajectories, row, float(begin[q]), first))
        if failed.any():
            early |= set(objects[failed].tolist())
            end = np.minimum(end, stop[objects])
            keep = end - begin > 1e-3
            objects, begin, end, final = objects[keep], begin[keep], end[keep], final[keep]
            continue
        good = final | (np.maximum(tail, check) <= tolerance[objects])
        found: list[tuple[int, float, float]] = []
        cut = np.full(len(objects), np.nan)
        for q in np.flatnonzero(~good & (2.0 * half <= SHORTEST_S)):
            jump = _locate_jump(trajectories, int(objects[q]), float(begin[q]), float(end[q]))
            if jump is None:  # rough but continuous, e.g. the last minutes before decay
                good[q] = True
            else:
                found.append((int(objects[q]), *jump))
                cut[q] = jump[0]
        jumps += found
        np.maximum.at(error_km, objects[good], check[good])
        done.append((objects[good], begin[good]))
        records.append((record, np.flatnonzero(good)))
        parts = np.isfinite(cut)
        split = ~good & ~parts
        middle = 0.5 * (begin + end)
        final = np.repeat([False, True], [2 * int(split.sum()), 2 * int(parts.sum())])
        objects = np.concatenate([objects[split], objects[split], objects[parts], objects[parts]])
        begin, end = (
            np.concatenate([begin[split], middle[split], begin[parts], cut[parts]]),
            np.concatenate([middle[split], end[split], cut[parts] - 1e-3, end[parts]]),
        )
        keep = end - begin > 1e-3
        objects, begin, end, final = objects[keep], begin[keep], end[keep], final[keep]

    all_objects = np.concatenate([d[0] for d in done]) if done else np.empty(0, np.int64)
    all_begin = np.concatenate([d[1] for d in done]) if done else np.empty(0)
    order = np.lexsort((all_begin, all_objects))
    order = order[all_begin[order] < stop[all_objects[order]]]
    offset = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(np.bincount(all_objects[order], minlength=n), out=offset[1:])
    has = offset[1:] > offset[:-1]
    stop[~has] = -np.inf
    return Ephemeris(
        offset=offset,
        begin=all_begin[order],
        record=_in_order(records, order),
        stop=stop,
        error_km=error_km,
        early=np.array(sorted(early), dtype=np.int64),
        jumps=_listed(jumps),
    )


def _in_order(
    parts: list[tuple[NDArray[np.float32], NDArray[np.int64]]], order: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Records `order[k]` of all that count, counted over the parts, each copied once."""
    out = np.empty((len(order), kernel.RECORD_WIDTH), dtype=np.float32)
    place = np.full(sum(len(rows) for _, rows in parts), -1, dtype=np.int64)
    place[order] = np.arange(len(order))
    first = 0
    for record, rows in parts:
        to = place[first : first + len(rows)]
        out[to[to >= 0]] = record[rows[to >= 0]]
        first += len(rows)
    return out


def _sample_times(begin: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
    """Nodes and check time of each segment [s]."""
    half = 0.5 * (end - begin)
    return np.asarray(0.5 * (begin + end)[:, None] + half[:, None] * _SAMPLE_X)


def _fit_segments(
    trajectories: GPTrajectories,
    objects: NDArray[np.int64],
    begin: NDArray[np.float64],
    end: NDArray[np.float64],
) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Record of each segment, size of its tail, difference at the check time, and SGP4 errors.

    Some thousand segments at a time: their samples stay in the processor's cache.
    """
    m = len(objects)
    record = np.empty((m, kernel.RECORD_WIDTH), dtype=np.float32)
    tail, check = np.empty(m), np.empty(m)
    failed = np.empty(m, dtype=bool)
    for first in range(0, m, _BLOCK):
        part = slice(first, first + _BLOCK)
        r, code = trajectories.positions(objects[part], _sample_times(begin[part], end[part]))
        failed[part] = code.any(axis=1)
        kernel.fit(
            r, _MATRIX, begin[part], end[part], MU_KM3_S2, record[part], tail[part], check[part]
        )
    return record, tail, check, failed


def _listed(jumps: list[tuple[int, float, float]]) -> Discontinuities:
    """Jumps worth listing, as columns, by object and time."""
    rows = sorted(j for j in jumps if j[2] >= LISTED_JUMP_KM)
    return Discontinuities(
        np.array([j[0] for j in rows], dtype=np.int64),
        np.array([j[1] for j in rows], dtype=np.float64),
        np.array([j[2] for j in rows], dtype=np.float64),
    )


def _last_good(trajectories: GPTrajectories, row: int, begin: float, bad: float) -> float:
    """Last whole second before the first SGP4 error between `begin` and the error at `bad`."""
    seconds = np.arange(np.floor(begin), np.ceil(bad) + 1.0)
    _, _, code = trajectories.states(np.full(len(seconds), row), seconds)
    return float(seconds[np.argmax(code != 0)] - 1.0 if code.any() else np.floor(bad))


def _locate_jump(
    trajectories: GPTrajectories, row: int, begin: float, end: float
) -> tuple[float, float] | None:
    """Time [s] and size [km] of the jump in [begin, end], on a grid of whole milliseconds.

    Halves the interval towards the part whose ends disagree most with the mean of their velocities;
    a smooth motion's disagreement falls with the cube of the length, a jump's does not fall.
    """
    a, b = int(np.floor(begin * 1e3)), int(np.ceil(end * 1e3))
    while b - a > 1:
        m = (a + b) // 2
        t = np.array([a, m, b]) * 1e-3
        r, v, _ = trajectories.states(np.full(3, row), t)
        gap = r[1:] - r[:-1] - 0.5 * (v[1:] + v[:-1]) * np.diff(t)[:, None]
        left, right = np.linalg.norm(gap, axis=1)
        a, b = (a, m) if left >= right else (m, b)
    t = np.array([a, b]) * 1e-3
    r, v, _ = trajectories.states(np.full(2, row), t)
    size = float(np.linalg.norm(r[1] - r[0] - v[0] * 1e-3))
    return (b * 1e-3, size) if size > 10.0 * JUMP_TOLERANCE_KM else None
