"""Draw from aggregate statistics: quantiles, histograms of angles, shares of a total.

Fed by `population` and `shells` with rows of population.toml; every draw uses uniform doubles and
plain arithmetic only, so that a seed gives the same bits on every machine.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Floats",
    "angles_by_class",
    "angles_from_histogram",
    "at_quantiles",
    "class_of",
    "cumulative_counts",
    "normal",
]

Floats = NDArray[np.float64]


def normal(rng: np.random.Generator, n: int) -> Floats:
    """About standard normal values from four uniforms: plain arithmetic, the same bits anywhere."""
    u = rng.random((4, n))
    return np.asarray((u[0] + u[1] + u[2] + u[3] - 2.0) * math.sqrt(3.0), dtype=np.float64)


def cumulative_counts(counts: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """Scale integer `counts` so that they sum to `total`, each within one of its share."""
    edges = np.concatenate([[0], np.cumsum(counts)])
    scaled = (2 * edges * total + edges[-1]) // (2 * edges[-1])  # rounded to nearest, in integers
    return np.asarray(np.diff(scaled), dtype=np.int64)


def at_quantiles(probabilities: list[float], values: list[float], rank: Floats) -> Floats:
    """Value at `rank` (0..1) of a distribution known by `values` at `probabilities`."""
    return np.asarray(np.interp(rank, probabilities, values), dtype=np.float64)


def angles_from_histogram(counts: list[int], n: int, rng: np.random.Generator) -> Floats:
    """Angles [deg] from a histogram over the circle; no preference if it is empty."""
    if not counts:
        return 360.0 * rng.random(n)
    edge = np.concatenate([[0], np.cumsum(counts)])
    rank = rng.random(n) * edge[-1]
    bins = np.searchsorted(edge, rank, side="right") - 1
    within = (rank - edge[bins]) / (edge[bins + 1] - edge[bins])
    return np.asarray((bins + within) * (360.0 / len(counts)))


def angles_by_class(
    histograms: list[list[int]], of: NDArray[np.int64], rng: np.random.Generator
) -> Floats:
    """Angles [deg], each from the histogram of its class `of`."""
    out = np.empty(len(of))
    for k in np.unique(of):
        at = of == k
        out[at] = angles_from_histogram(histograms[k], int(at.sum()), rng)
    return out


def class_of(edges: list[float], x: Floats) -> NDArray[np.int64]:
    """Index of the interval of `edges` that holds x."""
    inner = np.array(edges)[1:-1]
    return np.asarray(np.searchsorted(inner, x, side="right"), dtype=np.int64)
