"""Two-body transition matrices: how a small deviation of a state grows along a Kepler orbit.

Fed and used by `tabulated`, which carries covariances from a node to the time asked for. Lagrange's
f and g in universal variables make circles, ellipses and escapes one formula; the matrix is their
closed derivative. For steps within two revolutions.

[Battin1999] section 4.5 (the functions U), equations 9.84 to 9.87 (the matrix), 9.74 (C).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.constants import MU_KM3_S2
from tracss_hpc.errors import InputDataError

__all__ = ["two_body_transition"]

_ROOT_MU = math.sqrt(MU_KM3_S2)
_MAX_ANOMALY = 4.0 * math.pi  # two revolutions
_TERMS = 32  # of the series of U: 1e-18 is left out at the largest anomaly
_MAX_ITERATIONS = 50


def two_body_transition(
    r0: NDArray[np.float64], v0: NDArray[np.float64], dt: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Matrices (n, 6, 6) that carry deviations of states over `dt`.

    Parameters
    ----------
    r0, v0 : ndarray, shape (n, 3)
        States, inertial [km, km/s].
    dt : ndarray, shape (n,)
        Time to go, of either sign, at most two revolutions [s].

    Raises
    ------
    InputDataError
        If Kepler's equation is not solved, or for a step of more than two revolutions.
    """
    radius0 = np.sqrt((r0 * r0).sum(axis=1))
    sigma0 = (r0 * v0).sum(axis=1) / _ROOT_MU
    alpha = 2.0 / radius0 - (v0 * v0).sum(axis=1) / MU_KM3_S2
    chi = _solve_kepler(radius0, sigma0, alpha, dt)
    u0, u1, u2, _, u4, u5 = _universal(chi, alpha)
    radius = radius0 * u0 + sigma0 * u1 + u2
    f = 1.0 - u2 / radius0
    g = (radius0 * u1 + sigma0 * u2) / _ROOT_MU
    fdot = -_ROOT_MU * u1 / (radius * radius0)
    gdot = 1.0 - u2 / radius
    c = (3.0 * u5 - chi * u4 - _ROOT_MU * dt * u2) / _ROOT_MU

    r = f[:, None] * r0 + g[:, None] * v0
    v = fdot[:, None] * r0 + gdot[:, None] * v0
    dv, dr = v - v0, r - r0
    one = np.eye(3)

    def scaled(factor: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        return factor[:, None, None] * matrix

    def outer(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        return a[:, :, None] * b[:, None, :]

    mu = MU_KM3_S2
    twist = (outer(r, v) - outer(v, r)) @ outer(r, dv)
    phi = np.empty((len(dt), 6, 6))
    phi[:, :3, :3] = (
        scaled(radius / mu, outer(dv, dv))
        + scaled((1.0 - f) / radius0**2, outer(r, r0))
        + scaled(c / radius0**3, outer(v, r0))
        + scaled(f, one)
    )
    phi[:, :3, 3:] = (
        scaled(radius0 / mu * (1.0 - f), outer(dr, v0) - outer(dv, r0))
        + scaled(c / mu, outer(v, v0))
        + scaled(g, one)
    )
    phi[:, 3:, :3] = (
        scaled(-1.0 / radius0**2, outer(dv, r0))
        + scaled(-1.0 / radius**2, outer(r, dv))
        + scaled(
            fdot, one - scaled(1.0 / radius**2, outer(r, r)) + scaled(1.0 / (mu * radius), twist)
        )
        - scaled(mu * c / (radius * radius0) ** 3, outer(r, r0))
    )
    phi[:, 3:, 3:] = (
        scaled(radius0 / mu, outer(dv, dv))
        + scaled(radius0 * (1.0 - f) / radius**3, outer(r, r0))
        - scaled(c / radius**3, outer(r, v0))
        + scaled(gdot, one)
    )
    return phi


def _solve_kepler(
    radius0: NDArray[np.float64],
    sigma0: NDArray[np.float64],
    alpha: NDArray[np.float64],
    dt: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Universal anomaly by Laguerre's rule of degree 5 [Conway1986].

    Newton's rule leaves the range of the series on eccentric orbits and finds false roots there:
    e = 0.9 from perigee over 0.4 revolutions gave a matrix 350 times too large, without an error.
    """
    ellipse = np.maximum(alpha, 0.0)
    anomaly = _ROOT_MU * ellipse * np.sqrt(ellipse) * np.abs(dt)
    within = bool((anomaly <= _MAX_ANOMALY * (1.0 + 1e-12)).all())
    chi: NDArray[np.float64] = _ROOT_MU * dt * np.where(alpha > 0.0, alpha, 1.0 / radius0)
    for _ in range(_MAX_ITERATIONS if within else 0):
        u0, u1, u2, u3, _, _ = _universal(chi, alpha)
        miss = radius0 * u1 + sigma0 * u2 + u3 - _ROOT_MU * dt
        slope = radius0 * u0 + sigma0 * u1 + u2
        bend = sigma0 * u0 + (1.0 - alpha * radius0) * u1
        root = np.sqrt(np.abs(16.0 * slope * slope - 20.0 * miss * bend))
        step = 5.0 * miss / (slope + np.copysign(root, slope))
        chi = chi - step
        if (np.abs(step) <= 1e-13 * (1.0 + np.abs(chi))).all():
            return chi
    raise InputDataError(
        f"a covariance cannot be carried over {np.abs(dt).max():g} s by two-body motion, at most "
        "over 2 revolutions; give covariances at shorter steps",
        given=float(np.abs(dt).max()),
    )


def _universal(
    chi: NDArray[np.float64], alpha: NDArray[np.float64]
) -> tuple[NDArray[np.float64], ...]:
    """Universal functions U0 to U5 by their series in alpha chi^2."""
    z = -alpha * chi * chi
    functions = []
    for n in range(6):
        term = chi**n / math.factorial(n)
        total = term.copy()
        for k in range(1, _TERMS):
            term = term * z / ((2 * k + n - 1) * (2 * k + n))
            total += term
        functions.append(total)
    return tuple(functions)
