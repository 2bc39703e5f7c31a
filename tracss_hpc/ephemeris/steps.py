"""Walk through an ephemeris step by step: what the pair filters have to know of every object.

Fed by nodes.Ephemeris; feeds screening. The kernel (steps.pyx) keeps, for each object, the segment
it is in as a short power series in single precision; this holds those arrays from one batch of
steps to the next, so time must go on without gaps.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.constants import MU_KM3_S2
from tracss_hpc.ephemeris.nodes import Ephemeris
from tracss_hpc.kernels import steps as kernel

__all__ = ["PLANES", "StepWalker"]

#: Planes of a step: state at its middle [km, km/s], range of |x|, way from the middle, error [km].
PLANES = ("x", "y", "z", "vx", "vy", "vz", "low", "high", "travel", "grain")
_LANES = 16
# What is cut off a median object's series; the kernel adds each object's own to its bounds.
_CUT_KM = 0.002


class StepWalker:
    """Planes of successive steps of one ephemeris.

    Parameters
    ----------
    ephemeris : Ephemeris
    perturbation_km_s2 : float
        Bound on all acceleration but the two-body one; an object above it must not be trusted.
    """

    def __init__(self, ephemeris: Ephemeris, perturbation_km_s2: float) -> None:
        n = len(ephemeris)
        blocks = -(-n // _LANES)
        keep = _terms_kept(ephemeris)
        self._ephemeris = ephemeris
        self._perturbation = perturbation_km_s2
        power = np.zeros((keep, keep))
        for j in range(keep):
            power[j, : j + 1] = np.polynomial.chebyshev.cheb2poly(np.eye(keep)[j, : j + 1])
        self._record = np.empty((len(ephemeris.begin), 3 * keep + 8), dtype=np.float32)
        kernel.make_records(
            ephemeris.offset, ephemeris.begin, ephemeris.mid, ephemeris.inv_half, ephemeris.coef,
            ephemeris.stop, power, self._record,
        )  # fmt: skip
        self._next = ephemeris.offset[:-1].copy()
        self._until = np.full(blocks * _LANES, -np.inf)
        self._change = np.full(blocks, -np.inf)
        self._centre = np.zeros(blocks * _LANES)
        self._scale = np.ones(blocks * _LANES)
        self._table = np.full((blocks, 3, keep, _LANES), np.nan, dtype=np.float32)
        self._noise = np.zeros((blocks, 2, _LANES), dtype=np.float32)
        self._radius = np.empty(blocks * _LANES, dtype=np.float32)
        self._out = np.empty((0, len(PLANES), blocks * _LANES), dtype=np.float32)

    @property
    def segment(self) -> NDArray[np.int64]:
        """Segment of each object at the end of the last batch, its first if it has begun none."""
        return np.maximum(self._next - 1, self._ephemeris.offset[:-1])

    def advance(self, edges: NDArray[np.float64]) -> NDArray[np.float32]:
        """Planes (k, 10, n or a little more) of the k steps between `edges` [s], see steps.pyx.

        The first edge is the last one of the call before. Columns from n on are NaN. The array
        is good until the next call, which writes into it again.
        """
        e = self._ephemeris
        if len(self._out) < len(edges) - 1:
            self._out = np.empty((len(edges) - 1, *self._out.shape[1:]), dtype=np.float32)
        out = self._out[: len(edges) - 1]
        kernel.walk(
            e.offset, e.start, self._record, edges, MU_KM3_S2, self._perturbation, self._next,
            self._until, self._change, self._centre, self._scale, self._table, self._noise,
            self._radius, out,
        )  # fmt: skip
        return out


def _terms_kept(ephemeris: Ephemeris) -> int:
    """How many terms are worth their time: a multiple of four, from what the others amount to."""
    terms = int(ephemeris.coef.shape[2]) // 4 * 4
    some = ephemeris.coef[:: max(1, len(ephemeris.coef) // 1000)]
    rest = np.abs(some).sum(axis=1)
    for keep in range(8, terms, 4):
        if len(some) and np.median(rest[:, keep:].sum(axis=1)) <= _CUT_KM:
            return keep
    return terms
