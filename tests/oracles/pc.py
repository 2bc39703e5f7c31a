"""Slow, obvious twins of the risk kernels: 40-digit quadrature and literal matrix algebra.

Imports nothing of ours. Lengths in one unit, states in km and km/s.
"""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
from numpy.typing import NDArray
from scipy.integrate import dblquad


def circle_probability(
    sigma_x: float, sigma_z: float, miss_x: float, miss_z: float, hbr: float
) -> float:
    """Mass of a 2-D Gaussian over a disk: strips in the angle t, 40 digits, doubled until settled.

    The integrand is periodic and analytic in t, so the rule converges exponentially.
    """
    with mp.workdps(40):
        sx, sz, xm, zm, r = (mp.mpf(float(x)) for x in (sigma_x, sigma_z, miss_x, miss_z, hbr))
        n, before = 32, mp.mpf(-1)
        while True:
            total = mp.mpf(0)
            for k in range(1, n + 1):
                t = mp.pi / 2 - k * mp.pi / (n + 1)
                s, c = mp.sin(t), mp.cos(t)
                strip = mp.erfc((zm - r * c) / (sz * mp.sqrt(2)))
                strip -= mp.erfc((zm + r * c) / (sz * mp.sqrt(2)))
                total += mp.exp(-((xm + r * s) ** 2) / (2 * sx**2)) * strip * c
            total *= mp.pi / (n + 1) * r / (sx * mp.sqrt(8 * mp.pi))
            if abs(total - before) <= mp.mpf(10) ** -16 * abs(total):
                return float(total)
            n, before = 2 * n, total
            if n > 40_000:
                raise ArithmeticError("the oracle's quadrature does not settle")


def foster_polar(sigma_x: float, sigma_z: float, miss_x: float, miss_z: float, hbr: float) -> float:
    """Foster's own form: the double integral in polar coordinates about the other object."""

    def density(angle: float, radius: float) -> float:
        x = miss_x + radius * math.sin(angle)
        z = miss_z + radius * math.cos(angle)
        exponent = -0.5 * ((x / sigma_x) ** 2 + (z / sigma_z) ** 2)
        return radius * math.exp(exponent) / (2.0 * math.pi * sigma_x * sigma_z)

    value, _ = dblquad(density, 0.0, hbr, 0.0, 2.0 * math.pi, epsabs=1e-14, epsrel=1e-11)
    return float(value)


def rtn_rows(state: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows R, T, N."""
    r, v = state[:3], state[3:]
    radial = r / np.linalg.norm(r)
    normal = np.cross(r, v) / np.linalg.norm(np.cross(r, v))
    return np.array([radial, np.cross(normal, radial), normal])


def encounter(
    state1: NDArray[np.float64],
    state2: NDArray[np.float64],
    covariance1: NDArray[np.float64],
    covariance2: NDArray[np.float64],
    responses: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
) -> dict[str, float]:
    """Projection as the papers write it: shift to linear TCA, axes from r and v, eigenvalues.

    Covariances are 3x3 in each object's own RTN [km^2]; nothing is clipped.
    With `responses` in each object's own RTN [km] their cross terms are taken off [Casali2018, 11].
    """
    m1, m2 = rtn_rows(state1), rtn_rows(state2)
    inertial1, inertial2 = m1.T @ covariance1 @ m1, m2.T @ covariance2 @ m2
    total = inertial1 + inertial2
    if responses is not None:
        g1, g2 = m1.T @ responses[0], m2.T @ responses[1]
        total = total - np.outer(g1, g2) - np.outer(g2, g1)
    d = state1[:3] - state2[:3]
    v = state1[3:] - state2[3:]
    shift = -(d @ v) / (v @ v)
    r = d + shift * v
    y = v / np.linalg.norm(v)
    z = np.cross(r, v) / np.linalg.norm(np.cross(r, v))
    plane = np.array([np.cross(y, z), z])
    values, vectors = np.linalg.eigh(plane @ total @ plane.T)
    x, z = vectors[:, 1] @ plane, vectors[:, 0] @ plane
    x, z = (axis if r @ axis >= 0.0 else -axis for axis in (x, z))
    return {
        "sigma_x": math.sqrt(values[1]),
        "sigma_z": math.sqrt(values[0]),
        "miss_x": r @ x,
        "miss_z": r @ z,
        "mahalanobis": math.sqrt(d @ np.linalg.solve(total, d)),
        "mahalanobis_at_linear_tca": math.sqrt(r @ np.linalg.solve(total, r)),
        "shift": shift,
        **{
            f"{object_}_{a}{b}": float(p @ c @ q)
            for object_, c in (("first", inertial1), ("second", inertial2))
            for a, b, p, q in (("x", "x", x, x), ("x", "z", x, z), ("z", "z", z, z))
        },
        **{f"along_{b}": float(y @ total @ q) for b, q in (("x", x), ("z", z), ("y", y))},
    }
