"""Minima of the distance of candidate pairs, on series through their true positions.

Fed by the pair filters (time_slice.py), which know positions to some metres; feeds refine. Only one
pair in thirty thousand comes here, so each gets its own series: eight states of SGP4 at the nodes
of its step. An interval that eight terms do not follow to a millimetre is halved.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.ephemeris.gp import GPTrajectories
from tracss_hpc.kernels import close_approach

__all__ = ["Candidates", "Shapes", "find_minima"]

SHORTEST_S = 2.0  # intervals are not halved below this
_CHUNK = 4096  # pairs: 1.6 MB of samples
_NODE_X: NDArray[np.float64] = close_approach.NODE_X


@dataclass(frozen=True)
class Candidates:
    """Pairs (m, 2) to be looked at in [begin, end) [s]; guess [s], NaN where there is none."""

    pairs: NDArray[np.int32]
    begin: NDArray[np.float64]
    end: NDArray[np.float64]
    guess: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.begin)

    def take(self, rows: NDArray[np.integer] | slice) -> Candidates:
        """Some of them."""
        return Candidates(self.pairs[rows], self.begin[rows], self.end[rows], self.guess[rows])


@dataclass(frozen=True)
class Shapes:
    """Volumes as the kernels want them: half_size (n, 3), rho (n,) [km], -inf: cannot catch."""

    half_size: NDArray[np.float64]
    rho: NDArray[np.float32]
    box: bool


def find_minima(
    trajectories: GPTrajectories,
    candidates: Candidates,
    shapes: Shapes,
    *,
    prefilter: bool = True,
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Pairs (k, 2) and times [s] of the minima that may lie in a catching member's volume.

    With `prefilter` off, of all within the circumscribed radius.
    """
    found: list[NDArray[np.int32]] = [np.empty((0, 2), dtype=np.int32)]
    times: list[NDArray[np.float64]] = [np.empty(0)]
    for first in range(0, len(candidates), _CHUNK):
        some = candidates.take(slice(first, first + _CHUNK))
        while len(some):
            pairs, t, rough = _find(trajectories, some, shapes, prefilter)
            found.append(pairs)
            times.append(t)
            some = _halve(some.take(rough))
    return np.concatenate(found), np.concatenate(times)


def _find(
    trajectories: GPTrajectories, some: Candidates, shapes: Shapes, prefilter: bool
) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.int32]]:
    """Minima of some pairs; rows of those whose interval must be halved."""
    m = len(some)
    half = 0.5 * (some.end - some.begin)
    nodes = 0.5 * (some.begin + some.end)[:, None] + half[:, None] * _NODE_X
    r, _ = trajectories.positions(some.pairs.ravel(), np.repeat(nodes, 2, axis=0))
    rough = np.empty(m, dtype=np.int32)
    size = m + 16
    while True:
        rows, t = np.empty(size, dtype=np.int32), np.empty(size)
        count, roughs = close_approach.find_minima(
            some.pairs, r.reshape(m, 2, 3, -1), some.begin, some.end, some.guess,
            shapes.half_size, shapes.rho, shapes.box, SHORTEST_S, rows, t, rough, prefilter,
        )  # fmt: skip
        if count <= size:
            return some.pairs[rows[:count]], t[:count], rough[:roughs]
        size = count


def _halve(some: Candidates) -> Candidates:
    """Both halves of each interval; the guess is void there."""
    middle = 0.5 * (some.begin + some.end)
    return Candidates(
        np.concatenate([some.pairs, some.pairs]),
        np.concatenate([some.begin, middle]),
        np.concatenate([middle, some.end]),
        np.full(2 * len(some), np.nan),
    )
