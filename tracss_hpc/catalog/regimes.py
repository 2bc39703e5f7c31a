"""Orbit regimes of handbook tables 3.4.1 (HAC) and 3.4.2 (OCM).

Fed by the catalog's mean motion and eccentricity; feeds volumes, spans and every statistic.
Boundaries are as printed. What fits no row is `Other`: an eccentricity of exactly 0.25 at a
perigee up to 37,500 km, a period of exactly 225 min, or a value that is not a number.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tracss_hpc.constants import DAY_S, MU_KM3_S2, RE_KM

__all__ = [
    "HAC_TABLE",
    "OCM_REGIMES",
    "OCM_TABLE",
    "REGIMES",
    "HacRegime",
    "OcmRegime",
    "assign_ocm_regimes",
    "assign_regimes",
    "perigee_height",
    "regimes_of_perigee",
]


class HacRegime(NamedTuple):
    """One row of handbook table 3.4.1: perigee_above < perigee <= perigee_to [km height]."""

    name: str
    perigee_above: float
    perigee_to: float
    eccentricity_above: float  # exclusive
    eccentricity_below: float  # exclusive
    span_days: float
    r_km: float
    t_km: float
    n_km: float


class OcmRegime(NamedTuple):
    """One row of handbook table 3.4.2: period_above < period < period_below [min]."""

    name: str
    period_above: float
    period_below: float
    span_days: float
    r_km: float
    t_km: float
    n_km: float


_INF = math.inf
_ANY = (-1.0, _INF)  # every eccentricity
_NEAR_CIRCULAR = (-1.0, 0.25)
_ECCENTRIC = (0.25, _INF)

#: Handbook table 3.4.1, in its order; the last row is the default and its bounds match nothing.
HAC_TABLE = (
    HacRegime("Deep Space", 37500.0, _INF, *_ANY, 10.0, 24.5, 24.5, 24.5),
    HacRegime("GEO", 27000.0, 37500.0, *_NEAR_CIRCULAR, 10.0, 24.5, 24.5, 24.5),
    HacRegime("HEO", -_INF, 37500.0, *_ECCENTRIC, 10.0, 24.5, 24.5, 24.5),
    HacRegime("MEO", 2000.0, 27000.0, *_NEAR_CIRCULAR, 10.0, 24.5, 24.5, 24.5),
    HacRegime("LEO 4", 1200.0, 2000.0, *_NEAR_CIRCULAR, 5.0, 0.4, 2.0, 2.0),
    HacRegime("LEO 3", 750.0, 1200.0, *_NEAR_CIRCULAR, 5.0, 0.4, 12.0, 12.0),
    HacRegime("LEO 2", 500.0, 750.0, *_NEAR_CIRCULAR, 5.0, 0.4, 25.0, 25.0),
    HacRegime("LEO 1", -_INF, 500.0, *_NEAR_CIRCULAR, 5.0, 0.4, 44.0, 51.0),
    HacRegime("Other", _INF, -_INF, *_ANY, 10.0, 24.5, 24.5, 24.5),
)
#: Handbook table 3.4.2, in its order; the last row is the default.
OCM_TABLE = (
    OcmRegime("Deep Space", 225.0, _INF, 10.0, 49.0, 49.0, 49.0),
    OcmRegime("Near Earth", 0.0, 225.0, 7.0, 2.0, 25.0, 25.0),
    OcmRegime("Other", _INF, -_INF, 10.0, 49.0, 49.0, 49.0),
)
#: Names of table 3.4.1 in its order.
REGIMES = tuple(row.name for row in HAC_TABLE)
#: Names of table 3.4.2 in its order.
OCM_REGIMES = tuple(row.name for row in OCM_TABLE)


def assign_regimes(mean_motion: ArrayLike, eccentricity: ArrayLike) -> NDArray[np.str_]:
    """Regime of handbook table 3.4.1 of each element set.

    Parameters
    ----------
    mean_motion : array_like, shape (n,)
        As printed in the element set (Kozai) [rev/day].
    eccentricity : array_like, shape (n,)
        As printed.

    Returns
    -------
    ndarray of str, shape (n,)
        Values of `REGIMES`.
    """
    return regimes_of_perigee(perigee_height(mean_motion, eccentricity), eccentricity)


def regimes_of_perigee(perigee_km: ArrayLike, eccentricity: ArrayLike) -> NDArray[np.str_]:
    """Regime of handbook table 3.4.1 by perigee height [km] and eccentricity, bounds as printed."""
    perigee = np.asarray(perigee_km, dtype=np.float64)
    e = np.asarray(eccentricity, dtype=np.float64)
    fits = [
        (perigee > row.perigee_above)
        & (perigee <= row.perigee_to)
        & (e > row.eccentricity_above)
        & (e < row.eccentricity_below)
        for row in HAC_TABLE
    ]
    return np.select(fits, REGIMES, default="Other")


def assign_ocm_regimes(mean_motion: ArrayLike) -> NDArray[np.str_]:
    """Regime of handbook table 3.4.2 of each orbit, by period 1440/n [min], n in rev/day."""
    with np.errstate(divide="ignore"):
        period = 1440.0 / np.asarray(mean_motion, dtype=np.float64)
    fits = [(period > row.period_above) & (period < row.period_below) for row in OCM_TABLE]
    return np.select(fits, OCM_REGIMES, default="Other")


def perigee_height(mean_motion: ArrayLike, eccentricity: ArrayLike) -> NDArray[np.float64]:
    """Height of perigee above the equatorial radius [km], a(1 - e) - 6378.137.

    a = (mu / n^2)^(1/3) with the printed mean motion [rev/day] and mu = 398600.4418 km^3/s^2:
    the rule that assigns regimes, not SGP4's own semi-major axis.
    """
    n = np.asarray(mean_motion, dtype=np.float64) * (2.0 * np.pi / DAY_S)  # rad/s
    with np.errstate(divide="ignore"):
        a = np.cbrt(MU_KM3_S2 / n**2)
    height: NDArray[np.float64] = a * (1.0 - np.asarray(eccentricity, dtype=np.float64)) - RE_KM
    return height
