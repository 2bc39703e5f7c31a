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


def square_probability(
    sigma_x: float, sigma_z: float, miss_x: float, miss_z: float, half: float
) -> float:
    """Mass over a square, 40 digits: the product of two differences of erfc."""
    with mp.workdps(40):
        mass = mp.mpf(1)
        for sigma, miss in ((sigma_x, miss_x), (sigma_z, miss_z)):
            low, up = (mp.mpf(miss) + side * mp.mpf(half) for side in (-1, 1))
            scale = mp.mpf(sigma) * mp.sqrt(2)
            mass *= (mp.erfc(low / scale) - mp.erfc(up / scale)) / 2
        return float(mass)


def chan_series(sigma_x: float, sigma_z: float, miss_x: float, miss_z: float, hbr: float) -> float:
    """Chan's series as printed, 40 digits, until its terms vanish."""
    with mp.workdps(40):
        sx, sz, xm, zm, r = (mp.mpf(float(x)) for x in (sigma_x, sigma_z, miss_x, miss_z, hbr))
        u, v = r**2 / (sx * sz), (xm / sx) ** 2 + (zm / sz) ** 2
        total, m, weight = mp.mpf(0), 0, mp.exp(-v / 2)
        while True:
            term = weight * mp.gammainc(m + 1, 0, u / 2, regularized=True)
            total += term
            if m > v / 2 and term < mp.mpf(10) ** -18 * total:
                return float(total)
            m += 1
            weight *= v / 2 / m


def simpson(sigma_x: float, sigma_z: float, miss_x: float, miss_z: float, hbr: float) -> float:
    """Alfano's three sums, x along the minor axis."""
    m = min(max(int(5.0 * hbr / min(sigma_z, math.hypot(miss_x, miss_z))), 10), 10_000)
    step = hbr / (2 * m)

    def strip(x: float) -> float:
        half = math.sqrt(hbr**2 - x**2)
        low, up = ((miss_x + side * half) / (math.sqrt(2.0) * sigma_x) for side in (-1, 1))
        weight = sum(math.exp(-(((miss_z + s) / sigma_z) ** 2) / 2.0) for s in (x, -x))
        return (math.erfc(low) - math.erfc(up)) * weight

    odd = sum(strip((2 * i - 1) * step - hbr) for i in range(1, m + 1))
    even = sum(strip(2 * i * step - hbr) for i in range(1, m))
    total = 2.0 * strip(0.015 * step - hbr) + 4.0 * odd + 2.0 * even + strip(0.0)
    return total * step / (3.0 * math.sqrt(8.0 * math.pi) * sigma_z)
