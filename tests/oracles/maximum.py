"""Slow, obvious twins of the largest probability: scipy's bounded search, literal matrices.

Imports nothing of ours. Covariances are 2x2 in the encounter plane, one unit of length.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from tests.oracles.pc import circle_probability

Array = NDArray[np.float64]


def largest_over_scale(
    sigma_x: float, sigma_z: float, miss_x: float, miss_z: float, hbr: float
) -> tuple[float, float]:
    """Maximum of Pc over a factor of both sigmas, and that factor: grid, then Brent."""

    def minus(x: float) -> float:
        s = math.exp(x)
        return -circle_probability(s * sigma_x, s * sigma_z, miss_x, miss_z, hbr)

    middle = math.log(math.hypot(miss_x / sigma_x, miss_z / sigma_z) / math.sqrt(2.0))
    grid = np.linspace(middle - 2.5, middle + 2.5, 21)
    best = int(np.argmin([minus(x) for x in grid]))
    if best in (0, 20):
        raise ArithmeticError("the maximum lies outside the oracle's grid")
    bounds = (grid[best - 1], grid[best + 1])
    found = minimize_scalar(minus, bounds=bounds, method="bounded", options={"xatol": 1e-7})
    return -float(found.fun), math.exp(float(found.x))


def frisbee(c1: Array | None, c2: Array | None, miss: Array, hbr: float) -> float:
    """CARA's rule: the covariance with the smaller K gives way to the degenerate one."""
    known = [c for c in (c1, c2) if c is not None]
    k2 = [float(miss @ np.linalg.solve(c, miss)) for c in known]
    kept = known[int(np.argmax(k2))]
    if max(k2) > 1.0:
        total = kept + (max(k2) - 1.0) / max(k2) * np.outer(miss, miss)
    else:
        total = sum(known, np.zeros((2, 2)))
    values, vectors = np.linalg.eigh(total)
    z, x = np.abs(vectors.T @ miss)
    return circle_probability(math.sqrt(values[1]), math.sqrt(values[0]), x, z, hbr)
