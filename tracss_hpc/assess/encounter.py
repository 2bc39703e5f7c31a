"""Geometry of encounters: relative motion in both RTN frames and the encounter plane.

Fed by the two states at TCA and the two covariances; feeds every probability method, the
Mahalanobis distance and the relative columns of a CDM. Computed once per conjunction, over columns.

Near TCA the relative motion is straight along the relative velocity v. Everything 2-D happens in
the plane normal to v, in the principal axes of the projected combined covariance: x along the
larger sigma. Each covariance is turned from its **own** object's RTN; there is no rotation term.
The part of the miss along v, which a TCA rounded to a millisecond leaves, falls out by projection
(that is the linear shift to the true TCA). Relative states are those of the states as given; the
3-D Mahalanobis distance comes both ways: as given, which a reader of the message can recompute and
which holds for slow pairs whose SGP4 velocity is not the derivative of position, and at the linear
TCA, for states whose TCA was rounded.
"""

from __future__ import annotations

from dataclasses import dataclass

import erfa
import numpy as np
from numpy.typing import ArrayLike, NDArray

from tracss_hpc.ephemeris.frames import rotate, rtn_matrices
from tracss_hpc.kernels import encounter_plane

__all__ = ["ENCOUNTER_STATUS", "Encounters", "find_encounters"]

#: What `Encounters.status` means. From 2 on there is no probability. With 4, 5 and 8 the plane and
#: all distances are there, from the covariances as given; with 2 and 3, if the other object's
#: covariance is good, its own plane and the miss. Where several apply, the smallest of 2 to 5 is
#: named, then 7, 8, 6.
ENCOUNTER_STATUS: dict[int, str] = {
    0: "covariances used as given",
    1: "remediated: a projected sigma below 1e-4 of the hard-body radius was raised to it",
    2: "refused: no covariance",
    3: "refused: a position variance is negative",
    4: "refused: a position covariance is all zero",
    5: "refused: a position sigma of 9.9 Earth radii or more, the mark of no information",
    6: "refused: the projected covariance is not positive, or not finite",
    7: "refused: no relative velocity",
    8: "refused: a hard-body radius is missing or negative",
}


@dataclass(frozen=True)
class Encounters:
    """Encounter geometry, one row per conjunction; km, km/s, s, deg; NaN where not defined.

    Relative vectors (n, 3) are R, T, N components of other minus own in the own RTN. Covariances of
    one object (n, 3) are xx, xz, zz in the plane, NaN if refused; `covariance_along_km2` (n, 3) is
    that of y with x, z and itself, both objects together. Sigmas may have been raised (status 1),
    covariances not. `correlated`: cross-correlation was taken off the combined covariance.
    """

    miss_distance_km: NDArray[np.float64]
    relative_speed_km_s: NDArray[np.float64]
    approach_angle_deg: NDArray[np.float64]
    relative_position1_km: NDArray[np.float64]
    relative_velocity1_km_s: NDArray[np.float64]
    relative_position2_km: NDArray[np.float64]
    relative_velocity2_km_s: NDArray[np.float64]
    sigma_x_km: NDArray[np.float64]
    sigma_z_km: NDArray[np.float64]
    miss_x_km: NDArray[np.float64]
    miss_z_km: NDArray[np.float64]
    mahalanobis_distance: NDArray[np.float64]
    mahalanobis_at_linear_tca: NDArray[np.float64]
    tca_shift_s: NDArray[np.float64]
    covariance1_km2: NDArray[np.float64]
    covariance2_km2: NDArray[np.float64]
    covariance_along_km2: NDArray[np.float64]
    hbr_km: NDArray[np.float64]
    correlated: NDArray[np.bool_]
    status: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.status)

    @property
    def collision_radius_km(self) -> NDArray[np.float64]:
        """Combined hard-body radius where a probability may be computed, else NaN."""
        return np.where(self.status < 2, self.hbr_km, np.nan)

    @property
    def mahalanobis_in_plane(self) -> NDArray[np.float64]:
        """Distance of the projected miss in sigmas of the projected covariance: it drives Pc."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            x, z = self.miss_x_km / self.sigma_x_km, self.miss_z_km / self.sigma_z_km
            return np.sqrt(x * x + z * z)

    @property
    def plane_miss_km(self) -> NDArray[np.float64]:
        """Miss distance in the plane, at the linear TCA."""
        with np.errstate(over="ignore"):
            return np.sqrt(self.miss_x_km * self.miss_x_km + self.miss_z_km * self.miss_z_km)


def find_encounters(
    states1: ArrayLike,
    states2: ArrayLike,
    covariances1: ArrayLike,
    covariances2: ArrayLike,
    hbr_km: ArrayLike,
    *,
    responses_km: tuple[ArrayLike, ArrayLike] | None = None,
) -> Encounters:
    """Relative motion and encounter plane of n conjunctions.

    Parameters
    ----------
    states1, states2 : array_like, shape (n, 6)
        Position and velocity of both objects at TCA in one inertial frame [km, km/s].
    covariances1, covariances2 : array_like, shape (n, 6) or wider
        Lower triangle by rows (RR, TR, TT, NR, NT, NN, ...) of each position covariance in its own
        object's RTN [km^2]; further columns are ignored.
    hbr_km : array_like, shape (n,)
        Combined hard-body radius, the sum of both objects' [km].
    responses_km : pair of array_like, shape (n, 3), optional
        What one sigma of a common density error does to each object's position in its own RTN
        [km] (`dcp.density_responses`); their cross-correlation is taken off the combined
        covariance. A row with a NaN in either is left as it is.

    Returns
    -------
    Encounters
        Exchanging the objects exchanges the relative columns and leaves all others within rounding.
        A row's bits depend on that row alone.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    hbr = _rows(hbr_km, None, "hbr_km")
    state1, state2 = (_rows(s, len(hbr), "states", 6) for s in (states1, states2))
    cov1, cov2 = (_rows(c, len(hbr), "covariances", 6) for c in (covariances1, covariances2))
    response1 = response2 = np.empty((0, 3))
    correlated = np.full(len(hbr), responses_km is not None)
    if responses_km is not None:
        response1, response2 = (_rows(g, len(hbr), "responses", 3) for g in responses_km)
        for g in (response1, response2):
            correlated &= np.isfinite(g[:, :3]).all(axis=1) & g[:, :3].any(axis=1)
        response1, response2 = (
            np.ascontiguousarray(np.where(correlated[:, None], g[:, :3], 0.0))
            for g in (response1, response2)
        )
    plane = np.empty((encounter_plane.COLUMNS, len(hbr)))
    status = np.empty(len(hbr), dtype=np.int8)
    if len(hbr):
        encounter_plane.project(
            state1, state2, cov1, cov2, hbr, response1, response2, plane, status
        )

    r1, v1, r2, v2 = state1[:, :3], state1[:, 3:], state2[:, :3], state2[:, 3:]
    with np.errstate(invalid="ignore", over="ignore"):  # infinite states
        dr, dv = r2 - r1, v2 - v1
        m1, m2 = rtn_matrices(r1, v1), rtn_matrices(r2, v2)
        miss, speed, angle = _length(dr), _length(dv), erfa.sepp(v1, v2)
        relative = [rotate(m, s * d) for m, s in ((m1, 1.0), (m2, -1.0)) for d in (dr, dv)]
    sigma_x, sigma_z, miss_x, miss_z, mahalanobis, mahalanobis_linear, shift = plane[:7]
    return Encounters(
        miss_distance_km=miss,
        relative_speed_km_s=speed,
        approach_angle_deg=np.degrees(angle),
        relative_position1_km=relative[0],
        relative_velocity1_km_s=relative[1],
        relative_position2_km=relative[2],
        relative_velocity2_km_s=relative[3],
        sigma_x_km=sigma_x,
        sigma_z_km=sigma_z,
        miss_x_km=miss_x,
        miss_z_km=miss_z,
        mahalanobis_distance=mahalanobis,
        mahalanobis_at_linear_tca=mahalanobis_linear,
        tca_shift_s=shift,
        covariance1_km2=plane[7:10].T,
        covariance2_km2=plane[10:13].T,
        covariance_along_km2=plane[13:16].T,
        hbr_km=hbr,
        correlated=correlated,
        status=status,
    )


def _rows(values: ArrayLike, n: int | None, name: str, columns: int = 0) -> NDArray[np.float64]:
    array = np.ascontiguousarray(values, dtype=np.float64)
    fits = array.ndim == (2 if columns else 1) and (n is None or len(array) == n)
    if not fits or (columns and array.shape[1] < columns):
        wanted = "n" if n is None else str(n)
        shape = f"({wanted}, {columns})" if columns else f"({wanted},)"
        raise ValueError(f"{name} has shape {array.shape}; wanted {shape}")
    return array


def _length(a: NDArray[np.float64]) -> NDArray[np.float64]:
    length: NDArray[np.float64] = np.sqrt(a[:, 0] * a[:, 0] + a[:, 1] * a[:, 1] + a[:, 2] * a[:, 2])
    return length
