"""Walk through an ephemeris step by step: what the pair filters have to know of every object.

Fed by nodes.Ephemeris; feeds screening. The kernel (steps.pyx) keeps, for each object, the power
series of the segment it is in; this holds those arrays from one batch of
steps to the next, so time must go on without gaps.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.constants import MU_KM3_S2
from tracss_hpc.ephemeris.nodes import Ephemeris
from tracss_hpc.kernels import steps as kernel

__all__ = ["FIELDS", "StepWalker"]

#: Fields of a line: state at its middle [km, km/s], range of |x|, way from the middle, error [km],
#: bound of the acceleration beside the two-body one [km/s^2].
FIELDS = ("x", "y", "z", "vx", "vy", "vz", "low", "high", "travel", "grain", "force")


class StepWalker:
    """Lines of successive steps of one ephemeris."""

    def __init__(self, ephemeris: Ephemeris) -> None:
        blocks = -(-len(ephemeris) // kernel.BLOCK)
        width = blocks * kernel.BLOCK
        self._ephemeris = ephemeris
        self._next = ephemeris.offset[:-1].copy()
        self._until = np.full(width, -np.inf)
        self._change = np.full(blocks, -np.inf)
        self._centre = np.zeros(width)
        self._scale = np.ones(width)
        shape = (blocks, 3, kernel.TABLE_TERMS, kernel.BLOCK)
        self._table = np.full(shape, np.nan, dtype=np.float32)
        self._noise = np.zeros((blocks, kernel.NOISE_ROWS, kernel.BLOCK), dtype=np.float32)
        self._radius = np.empty(width, dtype=np.float32)
        self._out = np.empty((0, width, kernel.LINE_WIDTH), dtype=np.float32)

    @property
    def segment(self) -> NDArray[np.int64]:
        """Segment of each object at the end of the last batch, its first if it has begun none."""
        return np.maximum(self._next - 1, self._ephemeris.offset[:-1])

    def advance(self, edges: NDArray[np.float64]) -> NDArray[np.float32]:
        """Lines (k, n or a little more, 16) of the k steps between `edges` [s], see steps.pyx.

        The first edge is the last one of the call before. Rows from n on are NaN, columns beyond
        `FIELDS` have no meaning. The array is good until the next call, which writes into it again.
        """
        e = self._ephemeris
        if len(self._out) < len(edges) - 1:
            self._out = np.empty((len(edges) - 1, *self._out.shape[1:]), dtype=np.float32)
        out = self._out[: len(edges) - 1]
        kernel.walk(
            e.offset, e.start, e.record, edges, MU_KM3_S2, self._next, self._until, self._change,
            self._centre, self._scale, self._table, self._noise, self._radius, out,
        )  # fmt: skip
        return out
