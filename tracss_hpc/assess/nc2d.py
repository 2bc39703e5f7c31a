"""Expected number of collisions on curved orbits, for the rows where the 2-D probability fails.

Fed by states, full covariances and hard-body radii of the rows that `usage` chooses; feeds
results.h5 and `monte_carlo` (when the encounter is).

The 2-D probability cuts the motion of both objects to straight lines and each cloud to a straight
ellipsoid. Where sigma along the orbit is kilometres and the encounter slow that fails without a
sign: a published event has 4.5e-23 where Monte Carlo counts 1.5e-4. Hall's rate of collisions at
time t, an integral over the sphere of the combined radius R, keeps the curvature [Hall2021]

    dNc/dt = R^2 int dOmega  f(R n; t)  E[max(0, -n . v) | R n]

with f from the peak overlap (`peak_overlap`). exp(-Q/2) carries its change in time, where Q(t) is
the squared Mahalanobis distance plus ln |A|. About the least Q the exponent is a parabola, so that
the integral over time is done by hand and one over the sphere remains: Nc2D [Hall2023].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erfcinv

from tracss_hpc.assess.coppola import EXTENDED_LIMIT, GAMMA, OFFSET_LIMIT
from tracss_hpc.assess.equinoctial import orbital_period, regular_axes
from tracss_hpc.assess.greatest_rate import find_greatest_rate, straight_rate
from tracss_hpc.assess.peak_overlap import equinoctial_cloud, relative_covariance
from tracss_hpc.assess.unit_sphere import integrate_unit_sphere

__all__ = [
    "INACCURATE_LIMIT",
    "NC2D_STATUS",
    "CurvedEncounters",
    "nc2d_hall",
]

#: Relative difference from the 2-D probability above which that is called inaccurate [Hall2023].
INACCURATE_LIMIT = 0.02
#: What `CurvedEncounters.status` means.
NC2D_STATUS: dict[int, str] = {
    0: "computed",
    1: "refused: no covariance, no hard-body radius, no relative velocity, or an open orbit",
    2: "no answer: the encounter lasts a revolution or longer, or its greatest rate was not found",
    3: "computed, in doubt: the encounter is too long for it; Monte Carlo decides",
}

#: Nc2D is in doubt above these: fractions of a period [Hall2023], and the sphere's radius over
#: speed against sigma in time. Alfano's case 5 (36 sigmas) comes out 36 times too small, case 1
#: (8) too small by a quarter, case 2 (2.2) right to 1e-3.
_LIMITS = {"extended": 0.05, "offset": 0.10, "crossing": 3.0}

#: Conjunctions done together; 25 times in the search of last resort hold 40 MB.
_TOGETHER = 256
_SQRT2_ERFCINV_GAMMA = float(np.sqrt(2.0) * erfcinv(GAMMA))


@dataclass(frozen=True)
class CurvedEncounters:
    """Encounters on curved orbits, one row per conjunction; NaN where not defined.

    `nc2d` expected number of collisions, at most 1. `inaccurate` is 1 - exp(-|ln ratio|), the ratio
    of the curved to the straight result for a small radius. `peak_s` time of the greatest rate of
    collisions since TCA and `sigma_s` its width [s]; `extended` and `offset` as in
    `coppola.EncounterBounds`, from these. `status`: `NC2D_STATUS`.
    """

    nc2d: NDArray[np.float64]
    inaccurate: NDArray[np.float64]
    extended: NDArray[np.float64]
    offset: NDArray[np.float64]
    peak_s: NDArray[np.float64]
    sigma_s: NDArray[np.float64]
    status: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.status)

    @property
    def flagged(self) -> NDArray[np.bool_]:
        """Rows (n,) where the 2-D probability should not be used, or that could not be judged."""
        flags: NDArray[np.bool_] = (
            (self.extended > EXTENDED_LIMIT)
            | (self.offset > OFFSET_LIMIT)
            | (self.inaccurate > INACCURATE_LIMIT)
            | (self.status == 2)
        )
        return flags

    def window_s(self) -> NDArray[np.float64]:
        """Begin and end (n, 2) of each encounter since TCA [s]; outside is less than `GAMMA`.

        NaN without an answer: then Monte Carlo needs half a revolution to either side.
        """
        half = _SQRT2_ERFCINV_GAMMA * self.sigma_s
        return np.stack([self.peak_s - half, self.peak_s + half], axis=1)


def nc2d_hall(
    states1: ArrayLike,
    states2: ArrayLike,
    covariances1: ArrayLike,
    covariances2: ArrayLike,
    hbr_km: ArrayLike,
    *,
    responses_km: tuple[ArrayLike, ArrayLike] | None = None,
) -> CurvedEncounters:
    """Nc2D and the inaccurate flag of n conjunctions, a batch together: 2 ms each, 10 ms alone.

    Valid for one isolated encounter on two-body orbits whose errors are Gaussian in equinoctial
    elements and, but for a common density error, independent. Pairs that meet over a large part of
    a revolution need Monte Carlo.

    Parameters
    ----------
    states1, states2 : array_like, shape (n, 6)
        Position and velocity of both objects at TCA in one inertial frame [km, km/s].
    covariances1, covariances2 : array_like, shape (n, 21)
        Lower triangle by rows of each 6x6 covariance in its own object's RTN [km^2, km^2/s,
        km^2/s^2].
    hbr_km : array_like, shape (n,)
        Combined hard-body radius [km].
    responses_km : pair of array_like, shape (n, 6), optional
        What one sigma of a common density error does to each object's state in its own RTN
        [km, km/s]; with it the covariance is corrected as in `dcp`. A row with a NaN in either is
        left as it is.

    References
    ----------
    [Hall2021], [Hall2023].
    """
    state1, state2 = (np.asarray(s, dtype=np.float64) for s in (states1, states2))
    cov1, cov2 = (np.asarray(c, dtype=np.float64) for c in (covariances1, covariances2))
    hbr = np.asarray(hbr_km, dtype=np.float64)
    response = np.zeros((2, len(hbr), 6))
    if responses_km is not None:
        given = np.stack([np.asarray(g, dtype=np.float64) for g in responses_km])
        complete = np.isfinite(given.sum(axis=(0, 2)))
        response = np.where(complete[:, None], given, 0.0)
    finite = np.isfinite(np.concatenate([state1, state2, cov1, cov2], axis=1)).all(axis=1)
    moving = (state1[:, 3:] != state2[:, 3:]).any(axis=1)
    rows = np.flatnonzero(finite & moving & (hbr >= 0.0) & (hbr < np.inf))
    periods = orbital_period(np.stack([state1[rows], state2[rows]]))
    rows = rows[(periods < np.inf).all(axis=0)]
    columns = np.full((6, len(hbr)), np.nan)
    status = np.ones(len(hbr), dtype=np.int8)
    for first in range(0, len(rows), _TOGETHER):
        part = rows[first : first + _TOGETHER]
        status[part], columns[:, part] = _assess(
            state1[part], state2[part], cov1[part], cov2[part], response[:, part], hbr[part]
        )
    nc2d, inaccurate, extended, offset, peak, sigma = columns
    return CurvedEncounters(nc2d, inaccurate, extended, offset, peak, sigma, status)


def _assess(
    state1: NDArray[np.float64],
    state2: NDArray[np.float64],
    covariance1: NDArray[np.float64],
    covariance2: NDArray[np.float64],
    response: NDArray[np.float64],
    hbr_km: NDArray[np.float64],
) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Status and the columns nc2d .. sigma_s of good rows."""
    turned = np.empty((2, *state1.shape))
    for k in range(len(hbr_km)):
        axes = regular_axes(state1[k], state2[k])
        for i, state in enumerate((state1[k], state2[k])):
            turned[i, k, :3], turned[i, k, 3:] = axes @ state[:3], axes @ state[3:]
    clouds = (
        equinoctial_cloud(turned[0], covariance1, response[0]),
        equinoctial_cloud(turned[1], covariance2, response[1]),
    )
    relative = turned[1] - turned[0]
    combined = relative_covariance(
        clouds[0].inertial_covariance,
        clouds[1].inertial_covariance,
        clouds[0].inertial_response,
        clouds[1].inertial_response,
    )
    period = orbital_period(turned).min(axis=0)
    straight = straight_rate(relative, combined[:, :3, :3], hbr_km)
    rate = find_greatest_rate(*clouds, straight, hbr_km, 0.5 * period / _SQRT2_ERFCINV_GAMMA)
    _, q, width = straight
    nc2d = np.full(len(hbr_km), np.nan)
    for k in np.flatnonzero(rate.found).tolist():
        nc2d[k] = integrate_unit_sphere(rate.overlap.take(k), float(hbr_km[k]))
    speed = np.linalg.norm(rate.overlap.relative[:, 1, 3:], axis=1)
    half = _SQRT2_ERFCINV_GAMMA * rate.sigma_s
    with np.errstate(divide="ignore", invalid="ignore"):
        log_ratio = (
            np.log(rate.sigma_s / width)
            + np.log(speed / np.linalg.norm(relative[:, 3:], axis=1))
            + 0.5 * (q - rate.least_q)
        )
        extended = np.minimum(2.0 * half / period, 1.0)
        offset = np.minimum((np.abs(rate.time_s) + half) / period, 1.0)
        in_doubt = (
            (extended > _LIMITS["extended"])
            | (offset > _LIMITS["offset"])
            | (hbr_km > _LIMITS["crossing"] * rate.sigma_s * speed)
        )
    inaccurate = -np.expm1(-np.abs(log_ratio))
    status = np.where(np.isfinite(nc2d), np.where(in_doubt, 3, 0), 2).astype(np.int8)
    nc2d = np.minimum(nc2d, 1.0)
    return status, np.stack([nc2d, inaccurate, extended, offset, rate.time_s, rate.sigma_s])
