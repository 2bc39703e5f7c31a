"""Candidates of objects that SGP4 propagates without an error, but on no orbit any more.

Fed by time_slice.py; feeds minima.py. Long after an object with much drag has come down its element
set may still give positions: some leave at thousands of km/s, some cross the low orbits at 70 km/s.
The bounds by which the pair search works (steps.pyx) suppose a bound orbit, so a runaway is taken
out of it. Its own positions are sampled, and each step is cut into parts:

    |<------------------ step ------------------>|    whole step: who may be near at all?
    |<- part ->|<- part ->|  ...      |<- part ->|    each part: is he within D of the runaway's
     . . . . .  . . . . .              . . . . .      samples, given how far both move in it?
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.constants import MU_KM3_S2
from tracss_hpc.ephemeris.gp import GPTrajectories
from tracss_hpc.ephemeris.nodes import Ephemeris
from tracss_hpc.ephemeris.steps import FIELDS
from tracss_hpc.screening.minima import Candidates

__all__ = ["cover_runaway", "find_runaways", "pair_runaways"]

#: Acceleration beside the two-body one [km/s^2] above which it is no orbit: 30 times that of J2 on
#: the ground.
_RUNAWAY_KM_S2 = 1e-3
_PARTS, _SAMPLES = 24, 10  # parts of a step, intervals between samples of a part
_LEAST_KM = 6300.0  # no trajectory comes nearer to the Earth's centre
_X, _V = FIELDS.index("x"), FIELDS.index("vx")
_LOW, _HIGH, _TRAVEL = FIELDS.index("low"), FIELDS.index("high"), FIELDS.index("travel")
_GRAIN, _FORCE = FIELDS.index("grain"), FIELDS.index("force")


def find_runaways(ephemeris: Ephemeris) -> NDArray[np.int64]:
    """Rows of objects that are no orbit in some segment."""
    segments = np.flatnonzero(ephemeris.force > _RUNAWAY_KM_S2)
    return np.unique(np.searchsorted(ephemeris.offset, segments, side="right") - 1)


def pair_runaways(
    trajectories: GPTrajectories,
    rows: NDArray[np.int64],
    line: NDArray[np.float32],
    a: float,
    b: float,
    rho: NDArray[np.float32],
    overlap_s: float,
) -> list[Candidates]:
    """Runaways with all that they may meet in the step [a, b), and out of the pair search.

    Parameters
    ----------
    trajectories : GPTrajectories
    rows : ndarray of int
        The runaways; those whose line is NaN are not looked at.
    line : ndarray of float32
        What is known of all objects in the step (steps.pyx). Those of `rows` are made NaN.
    a, b : float
        The step [s since run start].
    rho : ndarray of float32, shape (n,)
        Radius about the volume of each that catches [km], -inf of others.
    overlap_s : float
        How far beyond both ends of a part its minima are looked for [s].
    """
    rows = rows[np.isfinite(line[rows, _X])]
    if not len(rows):
        return []
    force = line[rows, _FORCE].astype(np.float64)
    line[rows] = np.nan
    n = len(rho)
    t = np.linspace(a, b, _PARTS * _SAMPLES + 1)
    r, _ = trajectories.positions(rows, np.tile(t, (len(rows), 1)))
    paths = r.transpose(0, 2, 1)
    sag = _sag(force, t)
    highest = float(np.nanmax(line[:n, _HIGH], initial=0.0)) + float(rho.max(initial=0.0))
    edges = t[::_SAMPLES]
    found: list[Candidates] = []
    for k, row in enumerate(rows.tolist()):
        pairs = [_of_two(rows, j, k, paths, sag, rho) for j in range(k)]
        distance = np.linalg.norm(paths[k], axis=1)
        if distance.min() - sag[k] <= highest:
            pairs += _of_part(row, line[:n], paths[k], float(sag[k]), t, rho)
        for others, parts in pairs:
            found.append(
                Candidates(
                    np.stack([np.full(len(others), row, np.int32), others], axis=1),
                    edges[parts] - overlap_s,
                    edges[parts + 1] + overlap_s,
                    np.full(len(others), np.nan),
                )
            )
    return found


def cover_runaway(
    trajectories: GPTrajectories, ephemeris: Ephemeris, row: int, a: float, b: float
) -> tuple[NDArray[np.float64], float, float]:
    """Centre (3,) and radius of a ball that holds a runaway in [a, b], and its least |x| [km]."""
    first, last = ephemeris.offset[row : row + 2]
    begin = ephemeris.begin[first:last]
    lower, upper = np.searchsorted(begin, [a, b], side="right")
    force = float(ephemeris.force[first:last][max(lower - 1, 0) : max(upper, 1)].max())
    t = np.linspace(a, b, _PARTS * _SAMPLES + 1)
    r, _ = trajectories.positions(np.array([row]), t[None])
    centre = r[0, :, _PARTS * _SAMPLES // 2]
    extent = np.linalg.norm(r[0] - centre[:, None], axis=0).max() + _sag(force, t)
    return centre, float(extent), float(np.linalg.norm(r[0], axis=0).min() - _sag(force, t))


def _sag(force: Any, t: NDArray[np.float64]) -> Any:
    """How far motion with that much acceleration leaves the chords of samples at t [km]."""
    return 0.125 * (t[1] - t[0]) ** 2 * (force + MU_KM3_S2 / _LEAST_KM**2)


_Found = tuple[NDArray[np.int32], NDArray[np.int64]]  # others, and the part of the step


def _of_two(
    rows: NDArray[np.int64],
    j: int,
    k: int,
    paths: NDArray[np.float64],
    sag: NDArray[np.float64],
    rho: NDArray[np.float32],
) -> _Found:
    """Parts in which two runaways may meet, by the distance of their samples."""
    away = paths[k] - paths[j]
    moved = np.linalg.norm(np.diff(away, axis=0), axis=1).reshape(_PARTS, _SAMPLES).max(axis=1)
    distance = np.linalg.norm(away, axis=1)[:-1].reshape(_PARTS, _SAMPLES).min(axis=1)
    reach = max(float(rho[rows[j]]), float(rho[rows[k]])) + sag[j] + sag[k]
    parts = np.flatnonzero(distance - moved <= reach) if reach > 0.0 else np.empty(0, np.int64)
    return np.full(len(parts), rows[j], np.int32), parts


def _of_part(
    row: int,
    line: NDArray[np.float32],
    path: NDArray[np.float64],
    sag: float,
    t: NDArray[np.float64],
    rho: NDArray[np.float32],
) -> list[_Found]:
    """Objects on orbits that a runaway may meet, and in which parts."""
    middle, half = 0.5 * (t[0] + t[-1]), 0.5 * (t[-1] - t[0])
    radius = np.maximum(rho, rho[row]).astype(np.float64)
    centre = path[len(path) // 2]
    extent = np.linalg.norm(path - centre, axis=1).max() + sag
    away = np.linalg.norm(line[:, _X : _X + 3] - centre, axis=1)
    others = np.flatnonzero((away <= radius + line[:, _TRAVEL] + extent) & (radius >= 0.0))
    known = line[others].astype(np.float64)
    x, v = known[:, _X : _X + 3], known[:, _V : _V + 3]
    gain = MU_KM3_S2 / known[:, _LOW] ** 2 + known[:, _FORCE]
    slack = 0.5 * gain * half**2 + known[:, _GRAIN]
    speed = np.linalg.norm(v, axis=1) + half * gain
    found = []
    for part in range(_PARTS):
        samples = path[part * _SAMPLES : (part + 1) * _SAMPLES + 1]
        at = t[part * _SAMPLES + _SAMPLES // 2]
        own = samples[_SAMPLES // 2]
        extent = np.linalg.norm(samples - own, axis=1).max() + sag
        away = np.linalg.norm(x + (at - middle) * v - own, axis=1)
        moved = 0.5 * _SAMPLES * (t[1] - t[0]) * speed
        near = away <= radius[others] + slack + moved + extent
        count = int(near.sum())
        if count:
            found.append((others[near].astype(np.int32), np.full(count, part)))
    return found
