"""Search by exhaustion: every pair at every minute, on positions straight from SGP4.

Feeds the audit and the brute engine. The loop and its proofs are in cython/brute.pyx; this samples
the trajectories and bounds their speeds for it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.ephemeris.gp import GPTrajectories
from tracss_hpc.kernels import brute

__all__ = ["STEP_S", "find_approaches", "sample_positions"]

STEP_S = 60.0  # between samples


def sample_positions(
    trajectories: GPTrajectories, start_s: float, stop_s: float, until: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """SGP4 positions (steps, 3, n) each minute, two steps beyond both ends, and speed bounds (n,).

    NaN after an object's trajectory ends (`until` [s]) and where SGP4 reports an error.
    """
    n = len(trajectories)
    steps = int(np.ceil((stop_s - start_s) / STEP_S)) + 5
    times = start_s + (np.arange(steps) - 2.0) * STEP_S
    r = np.empty((steps, 3, n))
    block = 512
    for first in range(0, n, block):
        rows = np.arange(first, min(first + block, n))
        position, _, code = trajectories.states(rows, np.tile(times, (len(rows), 1)))
        position[(code != 0) | (times > until[rows][:, None])] = np.nan
        r[:, :, rows] = position.transpose(1, 2, 0)
    chord = np.sqrt((np.diff(r, axis=0) ** 2).sum(axis=1))
    # An object with fewer than two samples in the window cannot be bounded, nor approached.
    speed = np.nan_to_num(np.nanmax(np.vstack([chord, np.zeros(n)]), axis=0))
    return r, speed * 1.01 / STEP_S


def find_approaches(
    r: NDArray[np.float64],
    rows: NDArray[np.int64],
    speed: NDArray[np.float64],
    rho: NDArray[np.float64],
    *,
    later_only: bool = False,
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Pairs (m, 2) and times [s since the third sample] of all minima of `rows`; see brute.pyx."""
    size = 4096 + 64 * len(rows)
    while True:
        pairs, t = np.empty((size, 2), np.int32), np.empty(size)
        count = brute.approaches(r, rows, later_only, STEP_S, speed, rho, pairs, t)
        if count <= size:
            return pairs[:count], t[:count]
        size = count
