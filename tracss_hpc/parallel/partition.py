"""Cut a run into work units: pair groups x time slices, from the configuration alone.

Pure functions: no communicator, no clock, no rank count, so any number of ranks screens the same
units. Invariant: each conjunction, an unordered pair and its TCA, belongs to exactly one unit, the
one whose [start, stop) holds the TCA; the search looks a little beyond both ends, and what it
finds there belongs to the neighbour.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["WorkUnit", "make_units"]


@dataclass(frozen=True)
class WorkUnit:
    """One time slice [start_s, stop_s) since run start and the pairs that are asked for in it."""

    number: int
    group: str
    start_s: float
    stop_s: float


def make_units(
    span_s: NDArray[np.float64], is_leo: NDArray[np.bool_], slice_s: float
) -> list[WorkUnit]:
    """Slices of at most `slice_s` up to the longest span, also cut where a span ends.

    Parameters
    ----------
    span_s : ndarray, shape (n,)
        Span of each primary, counted from run start [s].
    is_leo : ndarray of bool, shape (n,)
        Whether it belongs to LEO 1 .. LEO 4 (or Near Earth).
    slice_s : float
        Longest slice [s].

    Returns
    -------
    list of WorkUnit
        In order of time. While LEO objects may catch, the group is "all pairs": LEO x LEO and
        every pair with another member share one propagation of the catalog, which costs more than
        the search. Afterwards it is "non-LEO".
    """
    if not len(span_s):
        return []
    ends = np.unique(np.ceil(span_s))
    leo_end = float(span_s[is_leo].max(initial=0.0))
    edges = [0.0]
    for end in ends.tolist():
        pieces = int(np.ceil((end - edges[-1]) / slice_s))
        cuts = edges[-1] + slice_s * np.arange(1, pieces)
        edges += [*np.round(cuts).tolist(), end]
    edges = np.unique(edges).tolist()  # a last piece of under half a second rounds to nothing
    return [
        WorkUnit(i, "all pairs" if a < leo_end else "non-LEO", a, b)
        for i, (a, b) in enumerate(itertools.pairwise(edges))
    ]
