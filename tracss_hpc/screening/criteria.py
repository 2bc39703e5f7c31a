"""Is the other object inside a screening volume? Radial, in-track, cross-track tests.

Fed by true states at TCA; feeds screening and the audit. RTN of an object: R = r/|r|,
N = (r x v)/|r x v|, T = N x R, with its inertial velocity. Faces count as inside.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.catalog.volumes import Volumes

__all__ = ["circumscribed_radius", "inside_volume", "radial_pad", "to_rtn"]


def to_rtn(state: NDArray[np.float64], vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """Components (m, 3) of `vector` (m, 3) in the RTN axes of `state` (m, 6).

    Written out so that a row's bits depend on that row alone.
    """
    x, y, z, u, v, w = state.T
    nx, ny, nz = y * w - z * v, z * u - x * w, x * v - y * u
    radius = np.sqrt(x * x + y * y + z * z)
    n_length = np.sqrt(nx * nx + ny * ny + nz * nz)
    tx, ty, tz = ny * z - nz * y, nz * x - nx * z, nx * y - ny * x
    a, b, c = vector.T
    return np.stack(
        [
            (a * x + b * y + c * z) / radius,
            (a * tx + b * ty + c * tz) / (n_length * radius),
            (a * nx + b * ny + c * nz) / n_length,
        ],
        axis=1,
    )


def inside_volume(
    rtn: NDArray[np.float64],
    volumes: Volumes,
    objects: NDArray[np.integer],
    *,
    margin_km: float = 0.0,
) -> NDArray[np.bool_]:
    """Whether `rtn` (m, 3) [km] lies in the volumes of `objects`, each grown by `margin_km`."""
    r = np.abs(rtn[:, 0]), volumes.r_km[objects] + margin_km
    t = np.abs(rtn[:, 1]), volumes.t_km[objects] + margin_km
    n = np.abs(rtn[:, 2]), volumes.n_km[objects] + margin_km
    if volumes.shape == "BOX":
        return np.asarray((r[0] <= r[1]) & (t[0] <= t[1]) & (n[0] <= n[1]))
    total = (r[0] / r[1]) ** 2 + (t[0] / t[1]) ** 2 + (n[0] / n[1]) ** 2
    return np.asarray(total <= 1.0)


def circumscribed_radius(volumes: Volumes) -> NDArray[np.float64]:
    """Radius [km] of the sphere around each volume: no point of it lies farther out."""
    if volumes.shape == "BOX":
        return np.sqrt(volumes.r_km**2 + volumes.t_km**2 + volumes.n_km**2)
    return np.maximum(volumes.r_km, np.maximum(volumes.t_km, volumes.n_km))


def radial_pad(volumes: Volumes, r_low: NDArray[np.float64]) -> NDArray[np.float64]:
    """Largest difference of geocentric distance [km] between a volume's centre and its points.

    |r'|^2 = (r + R)^2 + T^2 + N^2 for a point (R, T, N), so |r'| - r lies between -R and
    R + (T^2 + N^2) / (2 (r - R)); `r_low` bounds r from below. An ellipsoid lies inside its box.
    """
    room = np.maximum(r_low - volumes.r_km, 1.0)
    return volumes.r_km + (volumes.t_km**2 + volumes.n_km**2) / (2.0 * room)
