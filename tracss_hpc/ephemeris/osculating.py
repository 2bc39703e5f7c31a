"""Osculating apsides and inclination of a state, as CDMs print them.

Fed by states at TCA; feeds APOAPSIS_ALTITUDE, PERIAPSIS_ALTITUDE and INCLINATION. The altitudes are
geodetic heights (WGS-84) of the osculating apogee and perigee *points*, not distances minus an
Earth radius (up to 21 km apart); the inclination refers to the equator of date. Both readings were
settled from 106 objects of NASA CARA's published CDMs.
"""

from __future__ import annotations

from typing import NamedTuple

import erfa
import numpy as np
from numpy.typing import NDArray

from tracss_hpc.constants import MU_KM3_S2, RE_KM, WGS84_FLATTENING

__all__ = ["Osculating", "geodetic_height", "osculating_orbit"]

_E2 = WGS84_FLATTENING * (2.0 - WGS84_FLATTENING)  # first eccentricity squared
_B_KM = RE_KM * (1.0 - WGS84_FLATTENING)  # polar radius


class Osculating(NamedTuple):
    """Columns (n,): heights of the apsides [km], inclination to the equator of date [deg]."""

    apoapsis_altitude_km: NDArray[np.float64]
    periapsis_altitude_km: NDArray[np.float64]
    inclination_deg: NDArray[np.float64]


def osculating_orbit(
    states: NDArray[np.float64], pole: NDArray[np.float64] | None = None
) -> Osculating:
    """Heights of the osculating apsides and inclination of date.

    Parameters
    ----------
    states : ndarray, shape (n, 6)
        Position and velocity in an inertial frame [km, km/s].
    pole : ndarray, shape (n, 3), optional
        Unit vector of the pole of date in that frame (`frames.pole_of_date` for EME2000); by
        default the frame's own z axis, which is right for TEME.

    Returns
    -------
    Osculating
        Altitudes are NaN where the eccentricity is 1 or more.
    """
    r, v = states[:, :3], states[:, 3:]
    if pole is None:
        pole = np.broadcast_to(np.array([0.0, 0.0, 1.0]), r.shape)
    h = erfa.pxp(r, v)
    distance = np.sqrt(_dot(r, r))
    with np.errstate(invalid="ignore", divide="ignore"):
        towards_perigee = (
            (_dot(v, v) - MU_KM3_S2 / distance)[:, None] * r - _dot(r, v)[:, None] * v
        ) / MU_KM3_S2
        e = np.sqrt(_dot(towards_perigee, towards_perigee))
        sine = _dot(towards_perigee, pole) / e
        # On a circle every point is both apsides; the object's own latitude is as good as any.
        sine = np.where(e > 0.0, sine, _dot(r, pole) / distance)
        parameter = _dot(h, h) / MU_KM3_S2
        perigee = np.where(e < 1.0, parameter / (1.0 + e), np.nan)
        apogee = np.where(e < 1.0, parameter / (1.0 - e), np.nan)
        return Osculating(
            _height(apogee, sine),  # the apogee is opposite: same height for the same |latitude|
            _height(perigee, sine),
            np.degrees(erfa.sepp(h, pole)),
        )


def geodetic_height(rho: NDArray[np.float64], z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Height above the WGS-84 ellipsoid [km] of points `rho` from the axis, `z` from the equator.

    Bowring's iteration on the reduced latitude (Survey Review 23, 1976), in sines and cosines so
    that the pole needs no care; three rounds leave < 1e-8 km from the surface to 10 Earth radii.
    """
    sine, cosine = _direction(z * RE_KM, rho * _B_KM)
    for _ in range(3):
        tan_z = z + _E2 / (1.0 - _E2) * _B_KM * sine * sine * sine
        tan_rho = rho - _E2 * RE_KM * cosine * cosine * cosine
        sin_latitude, cos_latitude = _direction(tan_z, tan_rho)
        sine, cosine = _direction((1.0 - WGS84_FLATTENING) * sin_latitude, cos_latitude)
    surface = RE_KM * np.sqrt(1.0 - _E2 * sin_latitude * sin_latitude)
    height: NDArray[np.float64] = rho * cos_latitude + z * sin_latitude - surface
    return height


def _height(distance: NDArray[np.float64], sine: NDArray[np.float64]) -> NDArray[np.float64]:
    cosine = np.sqrt(np.maximum(1.0 - sine * sine, 0.0))
    return geodetic_height(distance * cosine, distance * sine)


def _direction(
    y: NDArray[np.float64], x: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    length = np.sqrt(x * x + y * y)
    return y / length, x / length


def _dot(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    product: NDArray[np.float64] = a[:, 0] * b[:, 0] + a[:, 1] * b[:, 1] + a[:, 2] * b[:, 2]
    return product
