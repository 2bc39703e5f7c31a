"""How long an encounter lasts, for every conjunction: Coppola's bounds and the flags from them.

Fed by `encounter.find_encounters` and orbital periods; feeds `nc2d` (which rows need it) and
results.h5.

The 2-D probability assumes that an encounter is over in a moment. On straight relative motion with
speed v the probability that the objects meet outside (tau0, tau1) is below gamma [Coppola2012].
With y along the relative velocity and x, z the principal axes of the encounter plane

    b = (S_xy / S_xx, S_zy / S_zz)    q0 = b . miss    s = sqrt(2 (S_yy - b . (S_xy, S_zy)))
    tau0 = (q0 - R sqrt(1 + b.b) - s erfcinv(gamma)) / v
    tau1 = (q0 + R sqrt(b.b)     + s erfcinv(gamma)) / v

A duration or a distance from TCA that is not small against an orbit breaks the assumption.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erfcinv

from tracss_hpc.assess.encounter import Encounters

__all__ = ["EXTENDED_LIMIT", "GAMMA", "OFFSET_LIMIT", "EncounterBounds", "encounter_bounds"]

#: Probability left outside the bounds; CARA's choice [CARA UsageViolationPc2D].
GAMMA = 1e-16
#: Fractions of the shorter period above which the 2-D probability is in doubt [Hall2023].
EXTENDED_LIMIT = 0.02
OFFSET_LIMIT = 0.01

_ERFCINV_GAMMA = float(erfcinv(GAMMA))
#: `Encounters.status` of a row without relative velocity.
_NO_RELATIVE_VELOCITY = 7


@dataclass(frozen=True)
class EncounterBounds:
    """Begin and end of each encounter, one row per conjunction; NaN where not defined.

    `tau0_s` and `tau1_s` count from the linear TCA [s]. `extended` is the duration and `offset` the
    farther end, as fractions of the shorter orbital period, at most 1. Without relative velocity
    the bounds are infinite and both fractions 1. A repaired covariance (status 1) gives very long
    bounds, so such rows are flagged.
    """

    tau0_s: NDArray[np.float64]
    tau1_s: NDArray[np.float64]
    extended: NDArray[np.float64]
    offset: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.tau0_s)

    @property
    def flagged(self) -> NDArray[np.bool_]:
        """Rows (n,) that last too long or lie too far from TCA for the 2-D probability."""
        flags: NDArray[np.bool_] = (self.extended > EXTENDED_LIMIT) | (self.offset > OFFSET_LIMIT)
        return flags


def encounter_bounds(
    encounters: Encounters, period1_s: ArrayLike, period2_s: ArrayLike
) -> EncounterBounds:
    """Bounds of n encounters on straight relative motion [Coppola2012, eqs. 5-16].

    Element by element, so a row's bits depend on that row alone; 0.1 us a row.

    Parameters
    ----------
    encounters : Encounters
    period1_s, period2_s : array_like, shape (n,)
        Orbital periods of both objects [s].
    """
    e = encounters
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        along_x, along_z, along = e.covariance_along_km2.T
        b_x = along_x / (e.sigma_x_km * e.sigma_x_km)
        b_z = along_z / (e.sigma_z_km * e.sigma_z_km)
        q0 = b_x * e.miss_x_km + b_z * e.miss_z_km
        bb = b_x * b_x + b_z * b_z
        variance = np.maximum(along - b_x * along_x - b_z * along_z, 0.0)
        spread = np.sqrt(2.0 * variance) * _ERFCINV_GAMMA
        tau0 = (q0 - e.hbr_km * np.sqrt(1.0 + bb) - spread) / e.relative_speed_km_s
        tau1 = (q0 + e.hbr_km * np.sqrt(bb) + spread) / e.relative_speed_km_s
        endless = e.status == _NO_RELATIVE_VELOCITY
        tau0, tau1 = np.where(endless, -np.inf, tau0), np.where(endless, np.inf, tau1)
        period = np.minimum(period1_s, period2_s)
        extended = np.minimum((tau1 - tau0) / period, 1.0)
        offset = np.minimum(np.maximum(np.abs(tau0), np.abs(tau1)) / period, 1.0)
    return EncounterBounds(tau0, tau1, extended, offset)
