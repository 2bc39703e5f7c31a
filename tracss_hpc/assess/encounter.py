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

#: What `Encounters.status` means. From 2 on there is no probability; with 2 and 3 no Mahalanobis
#: distance either. Where several apply, the smallest of 2 to 5 is named, then 7, 8, 6.
ENCOUNTER_STATUS: dict[int, str] = {
    0: "covariances used as given",
    1: "remediated: a projected sigma below 1e-4 of the hard-body radius was raised to it",
    2: "refused: no covariance",
    3: "refused: a position variance is negative",
    4: "refused: a position covariance is all zero",
    5: "refused: a position sigma of 9.9 Earth radii or more, the mark of no information",
    6: "refused: the projected covariance is not positive",
    7: "refused: no relative velocity",
    8: "refused: a hard-body radius is missing or negative",
}


@dataclass(frozen=True)
class Encounters:
    """Encounter geometry, one row per conjunction; km, km/s, s, deg; NaN where not defined.

    Relative vectors (n, 3) are R, T, N components of other minus own in the own RTN.
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
    hbr_km: NDArray[np.float64]
    status: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.status)


def find_encounters(
    states1: ArrayLike,
    states2: ArrayLike,
    covariances1: ArrayLike,
    covariances2: ArrayLike,
    hbr_km: ArrayLike,
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
    plane = np.empty((len(hbr), 7))
    status = np.empty(len(hbr), dtype=np.int8)
    if len(hbr):
        encounter_plane.project(state1, state2, cov1, cov2, hbr, plane, status)

    r1, v1, r2, v2 = state1[:, :3], state1[:, 3:], state2[:, :3], state2[:, 3:]
    dr, dv = r2 - r1, v2 - v1
    m1, m2 = rtn_matrices(r1, v1), rtn_matrices(r2, v2)
    sigma_x, sigma_z, miss_x, miss_z, mahalanobis, mahalanobis_linear, shift = (
        np.ascontiguousarray(plane[:, k]) for k in range(7)
    )
    return Encounters(
        miss_distance_km=_length(dr),
        relative_speed_km_s=_length(dv),
        approach_angle_deg=np.degrees(erfa.sepp(v1, v2)),
        relative_position1_km=rotate(m1, dr),
        relative_velocity1_km_s=rotate(m1, dv),
        relative_position2_km=rotate(m2, -dr),
        relative_velocity2_km_s=rotate(m2, -dv),
        sigma_x_km=sigma_x,
        sigma_z_km=sigma_z,
        miss_x_km=miss_x,
        miss_z_km=miss_z,
        mahalanobis_distance=mahalanobis,
        mahalanobis_at_linear_tca=mahalanobis_linear,
        tca_shift_s=shift,
        hbr_km=hbr,
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
