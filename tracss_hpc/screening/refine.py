"""Time of closest approach on the true trajectories, to the microsecond, the same on every path.

Fed by the minima that close_approach found on polynomials (or brute on samples); feeds screening.
Those times carry the error of their path; the TCA must not. So it is solved again from nothing but
the two trajectories sampled at whole seconds since run start:

    k - 2   k - 1   k       k + 1   k + 2   k + 3     samples of dr (SGP4 positions)
      '-------'---d(k)---'-------'                    five-point derivatives at k and k + 1,
              '-------'--d(k+1)--'-------'            f(k) = dr . d, f(k + 1) likewise
                    TCA in [k, k + 1)                 where f(k) < 0 <= f(k + 1): the root of
                                                      H . H', H the cubic Hermite through both ends

In a low orbit the five-point derivative errs by 1e-8 m/s, the Hermite by 3e-8 m; SGP4's own
rounding is 1e-6 m. The root is bisected 52 times, the TCA rounded to 1 us, all columns are
evaluated there.

A slow pair (f rises by less than SLOW over the second) could show several sign changes within
SGP4's rounding. For it k is found by bisection on whole seconds inside a fixed lattice of 64 s, so
that the starting guess does not matter, and the minimum must stand out: see `_stands_out`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Trajectories", "refine_minima", "relative_states"]

SLOW_KM2_S2 = 1e-5  # rise of f over one second: |dv| of about 3 m/s
PROMINENCE_KM = 1e-6  # a minimum must be this much below its surroundings [screening contract]
_LATTICE_S = 64
_OFFSETS_S = 2.0 ** np.arange(13)  # how far from a slow minimum its surroundings are looked at
_BISECTIONS = 52


class Trajectories(Protocol):
    """Anything that gives true states of objects at times (gp.GPTrajectories does)."""

    def states(
        self, objects: NDArray[np.integer], t: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.uint8]]:
        """Positions [km], velocities [km/s], error codes; see GPTrajectories.states."""


@dataclass(frozen=True)
class _Second:
    """Relative motion at both ends of one second for m pairs: dr, d [km, km/s], and f."""

    dr0: NDArray[np.float64]
    d0: NDArray[np.float64]
    f0: NDArray[np.float64]
    dr1: NDArray[np.float64]
    d1: NDArray[np.float64]
    f1: NDArray[np.float64]


def refine_minima(
    trajectories: Trajectories,
    pairs: NDArray[np.integer],
    t: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """TCA of each pair near `t` on the true trajectories.

    Parameters
    ----------
    trajectories : Trajectories
    pairs : ndarray of int, shape (m, 2)
    t : ndarray, shape (m,)
        Approximate times of the minima [s since run start].

    Returns
    -------
    tca_us : ndarray of int64, shape (m,)
        Whole microseconds since run start; meaningless where not `found`.
    found : ndarray of bool, shape (m,)
        False where the true trajectories have no minimum there, or one with less than 1 mm of
        prominence: it belongs to a deeper neighbour, or to a pair at constant distance.
    """
    pairs = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
    k = np.floor(t).astype(np.int64)
    second = _sample_second(trajectories, pairs, k)
    slow = ~(np.abs(second.f1 - second.f0) > SLOW_KM2_S2)
    found = (second.f0 < 0.0) & (second.f1 >= 0.0)
    for _ in range(8):  # the guess was next to a second's end, or metres off
        move = np.flatnonzero(~found & ~slow & np.isfinite(second.f0 + second.f1))
        if not len(move):
            break
        k[move] += np.where(second.f0[move] >= 0.0, -1, 1)
        again = _sample_second(trajectories, pairs[move], k[move])
        _replace(second, move, again)
        found[move] = (again.f0 < 0.0) & (again.f1 >= 0.0)
        slow[move] |= ~(np.abs(again.f1 - again.f0) > SLOW_KM2_S2)
    rows = np.flatnonzero(slow | ~found)
    if len(rows):
        k[rows], found[rows] = _search_lattice(trajectories, pairs[rows], np.floor(t[rows]))
        _replace(second, rows, _sample_second(trajectories, pairs[rows], k[rows]))
        found[rows] &= (second.f0[rows] < 0.0) & (second.f1[rows] >= 0.0)
    tca_us = k * 1_000_000 + np.rint(_solve(second) * 1e6).astype(np.int64)
    rows = np.flatnonzero(slow & found)
    if len(rows):
        found[rows] = _stands_out(trajectories, pairs[rows], tca_us[rows])
    return tca_us, found


def relative_states(
    trajectories: Trajectories, pairs: NDArray[np.integer], t: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """States (m, 6) of both members of each pair at `t` [s], TEME, km and km/s."""
    m = len(pairs)
    objects = np.concatenate([pairs[:, 0], pairs[:, 1]])
    r, v, _ = trajectories.states(objects, np.concatenate([t, t]))
    state = np.concatenate([r, v], axis=1)
    return state[:m], state[m:]


def _relative_positions(
    trajectories: Trajectories, pairs: NDArray[np.int64], times: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """dr (m, q, 3) and SGP4's relative velocity at times (m, q); NaN at SGP4 errors."""
    m = len(pairs)
    objects = np.concatenate([pairs[:, 0], pairs[:, 1]])
    r, v, code = trajectories.states(objects, np.concatenate([times, times]))
    r[code != 0] = np.nan
    return r[m:] - r[:m], v[m:] - v[:m]


def _sample_second(
    trajectories: Trajectories, pairs: NDArray[np.int64], k: NDArray[np.int64]
) -> _Second:
    times = k[:, None] + np.arange(-2.0, 4.0)
    dr, dv = _relative_positions(trajectories, pairs, times)

    def derivative(c: int) -> NDArray[np.float64]:
        """Five-point derivative at sample c; SGP4's velocity where a trajectory ends within 2 s."""
        d = (8.0 * (dr[:, c + 1] - dr[:, c - 1]) - (dr[:, c + 2] - dr[:, c - 2])) / 12.0
        return np.where(np.isfinite(d), d, dv[:, c])

    d0, d1 = derivative(2), derivative(3)
    f0, f1 = _dot(dr[:, 2], d0), _dot(dr[:, 3], d1)
    return _Second(dr[:, 2], d0, f0, dr[:, 3], d1, f1)


def _replace(second: _Second, rows: NDArray[np.int64], new: _Second) -> None:
    for name in ("dr0", "d0", "f0", "dr1", "d1", "f1"):
        getattr(second, name)[rows] = getattr(new, name)


def _dot(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Row-wise scalar product in a fixed order of operations, so that bits never vary."""
    return a[:, 0] * b[:, 0] + a[:, 1] * b[:, 1] + a[:, 2] * b[:, 2]


def _solve(second: _Second) -> NDArray[np.float64]:
    """Root x in [0, 1) of H . H' with H the cubic Hermite interpolant over the second."""
    a0, a1 = second.dr0, second.d0
    a2 = 3.0 * (second.dr1 - second.dr0) - 2.0 * second.d0 - second.d1
    a3 = 2.0 * (second.dr0 - second.dr1) + second.d0 + second.d1
    low = np.zeros(len(a0))
    high = np.ones(len(a0))
    for _ in range(_BISECTIONS):
        x = 0.5 * (low + high)
        xc = x[:, None]
        f = _dot(a0 + xc * (a1 + xc * (a2 + xc * a3)), a1 + xc * (2.0 * a2 + 3.0 * xc * a3))
        below = f < 0.0
        low = np.where(below, x, low)
        high = np.where(below, high, x)
    return high


def _range_rate(
    trajectories: Trajectories, pairs: NDArray[np.int64], k: NDArray[np.int64]
) -> NDArray[np.float64]:
    return _sample_second(trajectories, pairs, k).f0


def _search_lattice(
    trajectories: Trajectories, pairs: NDArray[np.int64], near: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Second k with f(k) < 0 <= f(k + 1) in the lattice cell of 64 s that holds `near`."""
    low = (near // _LATTICE_S).astype(np.int64) * _LATTICE_S
    found = np.zeros(len(low), dtype=bool)
    for _ in range(6):
        rows = np.flatnonzero(~found)
        f_low = _range_rate(trajectories, pairs[rows], low[rows])
        f_high = _range_rate(trajectories, pairs[rows], low[rows] + _LATTICE_S)
        found[rows] = (f_low < 0.0) & (f_high >= 0.0)
        low[rows] += np.where(found[rows], 0, np.where(f_low >= 0.0, -_LATTICE_S, _LATTICE_S))
        if found.all():
            break
    high = low + _LATTICE_S
    while (high - low).max(initial=0) > 1:
        middle = (low + high) // 2
        rising = _range_rate(trajectories, pairs, middle) >= 0.0
        high = np.where(rising, middle, high)
        low = np.where(rising, low, middle)
    return low, found


def _stands_out(
    trajectories: Trajectories, pairs: NDArray[np.int64], tca_us: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Whether the distance rises by 1 mm on both sides before it falls below the minimum."""
    t = tca_us / 1e6
    least = np.sqrt(_dot(*[_relative_positions(trajectories, pairs, t[:, None])[0][:, 0]] * 2))
    good = np.ones(len(t), dtype=bool)
    for side in (-1.0, 1.0):
        dr, _ = _relative_positions(trajectories, pairs, t[:, None] + side * _OFFSETS_S)
        rise = np.sqrt((dr * dr).sum(axis=2)) - least[:, None]
        up = rise > PROMINENCE_KM
        down = rise < -PROMINENCE_KM
        first_up = np.where(up.any(axis=1), up.argmax(axis=1), len(_OFFSETS_S))
        first_down = np.where(down.any(axis=1), down.argmax(axis=1), len(_OFFSETS_S))
        good &= first_up < np.minimum(first_down, len(_OFFSETS_S))
    return good
