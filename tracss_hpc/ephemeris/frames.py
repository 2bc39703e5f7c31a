"""Frames: TEME to EME2000 as MD2 does it, the pole of date, and RTN axes.

Fed by trajectories (SGP4 gives TEME) and by epochs; feeds assessment and messages. TEME of date
is turned into EME2000 by the transpose of

    R3(dpsi cos eps)  N80  P76
    equation of the   nutation  IAU-1976
    equinoxes         below     precession

with only the four largest terms of the IAU-1980 nutation, the geometric equation of the equinoxes
and no Earth-orientation corrections. This is what the public VCM sample shows MD2 doing (0.03 m at
LEO); the full series differs by 23-62 mas, which is 0.8-2.1 m at LEO and up to 12 m at GEO.

Rotations are per row, in scalar C (ERFA) or element by element, so a row's bits do not depend on
how many rows are asked for; across processors libm's sine may move the last one (a nanometre).
"""

from __future__ import annotations

import erfa
import numpy as np
from numpy.typing import ArrayLike, NDArray

from tracss_hpc.constants import DAY_S
from tracss_hpc.messages.utc import tai_minus_utc

__all__ = [
    "nutation_largest_terms",
    "pole_of_date",
    "rotate",
    "rtn_matrices",
    "teme_to_eme2000",
]

_J2000_JD = 2451545.0
_CENTURY_DAYS = 36525.0
_TT_MINUS_TAI_S = 32.184
_ARCSEC = np.pi / 648000.0

# Fundamental arguments of the IAU-1980 theory [arcsec; whole turns; T in Julian centuries TT]:
# constant, turns per T, then T, T^2, T^3 (Seidelmann 1982, Celest. Mech. 27, 79, table I note).
_F = (335778.877, 1342.0, 295263.137, -13.257, 0.011)
_D = (1072261.307, 1236.0, 1105601.328, -6.891, 0.019)
_OMEGA = (450160.280, -5.0, -482890.539, 7.455, 0.008)

# The four terms above 0.2 arcsec: multiples of (F, D, Omega); dpsi and its rate, deps and its rate
# [arcsec, arcsec per century] (IAU 1980 theory of nutation, Wahr 1981; same source, table I).
_NUTATION_TERMS = (
    ((0.0, 0.0, 1.0), (-17.1996, -0.01742), (9.2025, 0.00089)),
    ((2.0, -2.0, 2.0), (-1.3187, -0.00016), (0.5736, -0.00031)),
    ((2.0, 0.0, 2.0), (-0.2274, -0.00002), (0.0977, -0.00005)),
    ((0.0, 0.0, 2.0), (0.2062, 0.00002), (-0.0895, 0.00005)),
)


def teme_to_eme2000(jd: ArrayLike, fr: ArrayLike) -> NDArray[np.float64]:
    """Rotation from TEME of date to EME2000, one matrix per epoch.

    Parameters
    ----------
    jd, fr : array_like, shape (n,)
        UTC epochs as two-part Julian dates (`epochs.julian_dates`).

    Returns
    -------
    ndarray, shape (n, 3, 3)
        `r_eme2000 = m @ r_teme`; the same matrix turns velocities (the frame turns at 1e-11 rad/s).
    """
    true_of_date, equation = _true_equator_of_date(jd, fr)
    teme = erfa.rz(equation, true_of_date)
    return np.ascontiguousarray(np.swapaxes(teme, -1, -2))


def pole_of_date(jd: ArrayLike, fr: ArrayLike) -> NDArray[np.float64]:
    """Pole of the true equator of date in EME2000, unit vectors (n, 3); in TEME it is (0, 0, 1)."""
    true_of_date, _ = _true_equator_of_date(jd, fr)
    return np.ascontiguousarray(true_of_date[..., 2, :])


def nutation_largest_terms(t: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nutation in longitude and obliquity [rad] at `t` Julian centuries TT since J2000.

    The four largest terms of the IAU-1980 series: arguments Omega, 2F - 2D + 2 Omega,
    2F + 2 Omega and 2 Omega.
    """
    t = np.atleast_1d(np.asarray(t, dtype=np.float64))
    f, d, omega = (_argument(polynomial, t) for polynomial in (_F, _D, _OMEGA))
    dpsi = np.zeros_like(t)
    deps = np.zeros_like(t)
    for (i, j, k), (psi, psi_rate), (eps, eps_rate) in _NUTATION_TERMS:
        # A unit vector in direction (angle, 0): ERFA's scalar cosine and sine.
        direction = erfa.s2c(i * f + j * d + k * omega, 0.0)
        dpsi += (psi + psi_rate * t) * direction[..., 1]
        deps += (eps + eps_rate * t) * direction[..., 0]
    return dpsi * _ARCSEC, deps * _ARCSEC


def rtn_matrices(r: ArrayLike, v: ArrayLike) -> NDArray[np.float64]:
    """Rows R = r/|r|, T = N x R, N = (r x v)/|r x v| of each object, from inertial r and v.

    Parameters
    ----------
    r, v : array_like, shape (n, 3)
        Position and velocity in one inertial frame [any unit].

    Returns
    -------
    ndarray, shape (n, 3, 3)
        `m @ vector` gives components in RTN; NaN where r x v is zero.
    """
    r = np.asarray(r, dtype=np.float64)
    v = np.asarray(v, dtype=np.float64)
    m = np.empty((*r.shape, 3))
    with np.errstate(invalid="ignore", divide="ignore"):
        m[..., 0, :] = _unit(r)
        m[..., 2, :] = _unit(_cross(r, v))
    m[..., 1, :] = _cross(m[..., 2, :], m[..., 0, :])
    return m


def rotate(m: NDArray[np.float64], vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each matrix (n, 3, 3) times its vector (n, 3): rows added in a fixed order, unlike BLAS."""
    x, y, z = (vectors[..., None, k] for k in range(3))
    product: NDArray[np.float64] = m[..., 0] * x + m[..., 1] * y + m[..., 2] * z
    return product


def _true_equator_of_date(
    jd: ArrayLike, fr: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Matrix EME2000 -> true equator and equinox of date, and the equation of the equinoxes."""
    jd, fr = _terrestrial_time(jd, fr)
    dpsi, deps = nutation_largest_terms(((jd - _J2000_JD) + fr) / _CENTURY_DAYS)
    obliquity = erfa.obl80(jd, fr)
    matrix = erfa.rxr(erfa.numat(obliquity, dpsi, deps), erfa.pmat76(jd, fr))
    return matrix, dpsi * erfa.s2c(obliquity, 0.0)[..., 0]


def _terrestrial_time(
    jd: ArrayLike, fr: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """UTC to TT. The last known leap second is kept for later dates: 1 s moves a frame by 2 uas."""
    jd = np.atleast_1d(np.asarray(jd, dtype=np.float64))
    fr = np.atleast_1d(np.asarray(fr, dtype=np.float64))
    return jd, fr + (tai_minus_utc(jd + fr) + _TT_MINUS_TAI_S) / DAY_S


def _argument(
    polynomial: tuple[float, float, float, float, float], t: NDArray[np.float64]
) -> NDArray[np.float64]:
    constant, turns, c1, c2, c3 = polynomial
    arcsec = constant + t * (c1 + t * (c2 + t * c3))
    whole = turns * t
    return arcsec * _ARCSEC + (whole - np.trunc(whole)) * (2.0 * np.pi)


def _cross(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    c = np.empty(np.broadcast_shapes(a.shape, b.shape))
    c[..., 0] = a[..., 1] * b[..., 2] - a[..., 2] * b[..., 1]
    c[..., 1] = a[..., 2] * b[..., 0] - a[..., 0] * b[..., 2]
    c[..., 2] = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return c


def _unit(a: NDArray[np.float64]) -> NDArray[np.float64]:
    length = np.sqrt(a[..., 0] * a[..., 0] + a[..., 1] * a[..., 1] + a[..., 2] * a[..., 2])
    return a / length[..., None]
