"""Trajectories as piecewise Chebyshev polynomials: one form for every source of motion.

Fed by a propagator (gp.py); feeds the screening kernels, which never call the propagator. Each
object's interval is cut into segments; SGP4 is evaluated at the Chebyshev-Lobatto nodes of a
segment and the series through them is kept when it is good, else the segment is halved:

    begin        good: keep              bad: halve, again and again
      |---o--o---o---o--o---|      |--o-o-o--|-o-o-o-|    until SHORTEST: then there is a jump;
      base segment ~ 1/16 turn      near an HEO perigee   locate it to 1 ms, start a new segment

Good means: the last two coefficients are below the tolerance, and the series meets SGP4 at a check
time between two nodes. The largest difference at the check times is stored per object.
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

TERMS = 13  # Chebyshev coefficients a segment
TOLERANCE_KM = 2e-7  # of the last two coefficients, and of the difference at the check time
SHORTEST_S = 20.0  # a segment this short that still misses the tolerance holds a jump
LISTED_JUMP_KM = 1e-3  # discontinuities from this size on are listed and treated one-sidedly
_REFERENCE_MEAN_MOTION = 2.0 * np.pi * 15.0 / 86400.0  # rad/s, of a low orbit: base segment
_CHECK_X = 0.12  # check time, between two nodes near the middle where Lobatto errors are large

_J = np.arange(TERMS)
_X = -np.cos(np.pi * _J / (TERMS - 1))  # nodes, increasing
_SAMPLE_X = np.append(_X, _CHECK_X)
_FIT = np.linalg.inv(np.polynomial.chebyshev.chebvander(_X, TERMS - 1))
_FIT_BY_NODE = np.ascontiguousarray(_FIT.T)  # row j: what node j adds to each coefficient
_BLOCK = 2048  # segments: 0.9 MB of samples
_X_FORCE = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])  # where the acceleration is looked at
_POSITION = np.ascontiguousarray(np.polynomial.chebyshev.chebvander(_X_FORCE, TERMS - 1))
_SECOND = np.array(
    [
        [np.polynomial.chebyshev.chebval(x, np.polynomial.chebyshev.chebder(row, 2)) for row in
         np.eye(TERMS)]
        for x in _X_FORCE
    ]
)  # fmt: skip
_VELOCITY_CHANGE = 2.0 * np.where(_J % 2 == 0, _J**2, 0.0)  # T_k'(1) - T_k'(-1)
_BOOLE = np.array([7.0, 32.0, 12.0, 32.0, 7.0]) / 90.0  # Boole's weights for a mean over _X_FORCE
_KINK_H_S = 30.0  # half of the usual step of the pair search
_CHECK_ROW = np.polynomial.chebyshev.chebvander(np.array([_CHECK_X]), TERMS - 1)[0]


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
    begin, mid, inv_half : ndarray, shape (m,)
        Start, middle [s since run start] and inverse half length [1/s] of each segment.
    coef : ndarray, shape (m, 3, terms)
        Chebyshev coefficients of the TEME position [km].
    stop : ndarray, shape (n,)
        End of each object's last segment [s]; -inf for an object without segments.
    error_km : ndarray, shape (n,)
        Largest difference to the propagator at the check times [km].
    perturbation_km_s2 : ndarray, shape (m,)
        Acceleration of each segment beside the two-body one [km/s^2]: the filters rest on a bound.
    early : ndarray of int64
        Objects that ended before the time they were asked for; their `stop` says when.
    jumps : Discontinuities
    """

    offset: NDArray[np.int64]
    begin: NDArray[np.float64]
    mid: NDArray[np.float64]
    inv_half: NDArray[np.float64]
    coef: NDArray[np.float64]
    stop: NDArray[np.float64]
    error_km: NDArray[np.float64]
    perturbation_km_s2: NDArray[np.float64]
    early: NDArray[np.int64]
    jumps: Discontinuities

    def __len__(self) -> int:
        return len(self.offset) - 1

    @cached_property
    def start(self) -> NDArray[np.float64]:
        """Begin of each object's first segment [s]; inf for an object without segments."""
        first = np.full(len(self), np.inf)
        has = self.offset[1:] > self.offset[:-1]
        first[has] = self.begin[self.offset[:-1][has]]
        return first

    def states(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """States of all objects at increasing `times` [s]: (k, 6, n), NaN outside an interval."""
        out = np.empty((len(times), 6, len(self)))
        kernel.evaluate(
            self.offset, self.begin, self.mid, self.inv_half, self.coef, self.stop, times, out
        )
        return out


def build_ephemeris(
    trajectories: GPTrajectories,
    start_s: float,
    stop_s: NDArray[np.float64],
    *,
    segment_s: float = 1440.0,
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
        Within TOLERANCE_KM of SGP4 at the check times, except next to listed jumps.

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

    done: list[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]] = []
    coefs: list[tuple[NDArray[np.float64], NDArray[np.int64]]] = []  # series; which of them count
    error_km = np.zeros(n)
    stop = stop_s.astype(np.float64)
    early: set[int] = set()
    jumps: list[tuple[int, float, float]] = []
    final = np.zeros(len(objects), dtype=bool)  # both sides of a jump: kept as they are
    while len(objects):
        half = 0.5 * (end - begin)
        coef, tail, check, failed = _fit_segments(trajectories, objects, begin, end)
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
        good = final | ((tail <= TOLERANCE_KM) & (check <= TOLERANCE_KM))
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
        done.append((objects[good], begin[good], end[good]))
        coefs.append((coef, np.flatnonzero(good)))
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
    all_end = np.concatenate([d[2] for d in done]) if done else np.empty(0)
    order = np.lexsort((all_begin, all_objects))
    order = order[all_begin[order] < stop[all_objects[order]]]
    offset = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(np.bincount(all_objects[order], minlength=n), out=offset[1:])
    has = offset[1:] > offset[:-1]
    stop[~has] = -np.inf
    half = 0.5 * (all_end - all_begin)[order]
    coef = _in_order(coefs, order)
    return Ephemeris(
        offset=offset,
        begin=all_begin[order],
        mid=0.5 * (all_begin + all_end)[order],
        inv_half=1.0 / half,
        coef=coef,
        stop=stop,
        error_km=error_km,
        perturbation_km_s2=_perturbation(coef, 1.0 / half),
        early=np.array(sorted(early), dtype=np.int64),
        jumps=_listed(jumps),
    )


def _in_order(
    parts: list[tuple[NDArray[np.float64], NDArray[np.int64]]], order: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Series `order[k]` of all that count, counted over the parts, each copied once."""
    coef = np.empty((len(order), 3, TERMS))
    place = np.full(sum(len(rows) for _, rows in parts), -1, dtype=np.int64)
    place[order] = np.arange(len(order))
    first = 0
    for series, rows in parts:
        to = place[first : first + len(rows)]
        coef[to[to >= 0]] = series[rows[to >= 0]]
        first += len(rows)
    return coef


def _sample_times(begin: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
    """Nodes and check time of each segment [s]."""
    half = 0.5 * (end - begin)
    return np.asarray(0.5 * (begin + end)[:, None] + half[:, None] * _SAMPLE_X)


def _fit_segments(
    trajectories: GPTrajectories,
    objects: NDArray[np.int64],
    begin: NDArray[np.float64],
    end: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Series of each segment, size of its tail, difference at the check time, and SGP4 errors.

    Some thousand segments at a time: their samples stay in the processor's cache.
    """
    m = len(objects)
    coef = np.empty((m, 3, TERMS))
    tail, check = np.empty(m), np.empty(m)
    failed = np.empty(m, dtype=bool)
    for first in range(0, m, _BLOCK):
        part = slice(first, first + _BLOCK)
        r, code = trajectories.positions(objects[part], _sample_times(begin[part], end[part]))
        failed[part] = code.any(axis=1)
        kernel.fit(r, _FIT_BY_NODE, _CHECK_ROW, coef[part], tail[part], check[part])
    return coef, tail, check, failed


def _perturbation(coef: NDArray[np.float64], inv_half: NDArray[np.float64]) -> NDArray[np.float64]:
    """Acceleration of each segment beside the two-body one [km/s^2], as the filters feel it.

    The largest |r'' + mu r / r^3|; in a shortest segment, where the series rings around a kink of
    SGP4 (its clamp of small eccentricities makes millimetre ones), the kink's change of velocity
    dv instead: over a step of 2 h it displaces by at most 2 h dv, as an acceleration 4 dv / h does.
    """
    smooth, kink = np.empty(len(coef)), np.empty(len(coef))
    kernel.perturb(
        coef, inv_half, _POSITION, _SECOND, _VELOCITY_CHANGE, _BOOLE, MU_KM3_S2, smooth, kink
    )
    jolt = kink * 4.0 / _KINK_H_S
    return np.asarray(np.where(2.0 / inv_half <= SHORTEST_S, np.minimum(jolt, smooth), smooth))


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
    return (b * 1e-3, size) if size > 10.0 * TOLERANCE_KM else None
