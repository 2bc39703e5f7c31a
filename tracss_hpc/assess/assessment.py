"""All risk columns of a batch of conjunctions, named and in the units of results.h5.

Fed by TCAs and states in TEME from the screening, and by regimes, element-set epochs and hard-body
radii of both objects; feeds the export. Distances leave here in m, states in km (CDM units).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tracss_hpc.assess.encounter import find_encounters
from tracss_hpc.assess.probability import collision_probability
from tracss_hpc.constants import DAY_S
from tracss_hpc.ephemeris.covariance import CovarianceTable, cdm_covariance, default_covariance
from tracss_hpc.ephemeris.frames import rotate, teme_to_eme2000
from tracss_hpc.ephemeris.osculating import osculating_orbit
from tracss_hpc.epochs import Epoch, julian_dates

__all__ = ["assess_conjunctions"]

_KM_TO_M = 1e3
_M_TO_KM = 1e-3
_M2_TO_KM2 = 1e-6
_STATE = ("x", "y", "z", "x_dot", "y_dot", "z_dot")
_SIGMA_COLUMNS = (0, 2, 5)  # CR_R, CT_T, CN_N of the packed lower triangle


def assess_conjunctions(
    start: Epoch,
    tca: ArrayLike,
    state1: ArrayLike,
    state2: ArrayLike,
    *,
    regime1: NDArray[np.str_],
    regime2: NDArray[np.str_],
    epoch1_s: ArrayLike,
    epoch2_s: ArrayLike,
    mean_motion1_rad_s: ArrayLike,
    mean_motion2_rad_s: ArrayLike,
    hbr1_m: ArrayLike,
    hbr2_m: ArrayLike,
    covariance_table: CovarianceTable | None = None,
    method: str = "FOSTER-1992",
) -> dict[str, NDArray[Any]]:
    """Assess n conjunctions between GP objects with the default covariance model.

    Parameters
    ----------
    start : Epoch
        Run start.
    tca : array_like, shape (n,)
        Times of closest approach, since `start` [s].
    state1, state2 : array_like, shape (n, 6)
        SGP4's own states of both objects at TCA in TEME of date [km, km/s].
    regime1, regime2 : ndarray of str, shape (n,)
        Regime of each object, a row of the covariance table.
    epoch1_s, epoch2_s : array_like, shape (n,)
        Epoch of each object's element set, since `start` [s], negative when older; the covariance
        grows with |TCA - epoch|.
    mean_motion1_rad_s, mean_motion2_rad_s : array_like, shape (n,)
        Mean motions [rad/s].
    hbr1_m, hbr2_m : array_like, shape (n,)
        Hard-body radii [m].
    covariance_table : CovarianceTable, optional
        Default: the built-in table at solar maximum.
    method : str
        A name of `PROBABILITY_METHODS`.

    Returns
    -------
    dict of str to ndarray
        Columns of group `conjunctions`, `sat1_` before `sat2_`; NaN is blank. `encounter_status`
        holds the codes of `ENCOUNTER_STATUS`. A row's bits depend on that row alone, not on its
        place or on how many are assessed together.
    """
    tca = np.asarray(tca, dtype=np.float64)
    states = tuple(np.ascontiguousarray(s, dtype=np.float64) for s in (state1, state2))
    covariances = [
        cdm_covariance(default_covariance(regime, age, mean_motion, table=covariance_table))
        for regime, age, mean_motion in (
            (regime1, (tca - np.asarray(epoch1_s)) / DAY_S, mean_motion1_rad_s),
            (regime2, (tca - np.asarray(epoch2_s)) / DAY_S, mean_motion2_rad_s),
        )
    ]
    hbr_m = np.asarray(hbr1_m, dtype=np.float64) + np.asarray(hbr2_m, dtype=np.float64)
    known = (np.asarray(hbr1_m) >= 0.0) & (np.asarray(hbr2_m) >= 0.0)
    hbr_m = np.where(known, hbr_m, np.nan)
    position1, position2 = (covariance[:, :6] * _M2_TO_KM2 for covariance in covariances)
    encounters = find_encounters(states[0], states[1], position1, position2, hbr_m * _M_TO_KM)
    to_eme2000 = teme_to_eme2000(*julian_dates(start, tca))

    columns: dict[str, NDArray[Any]] = {
        "miss_distance": encounters.miss_distance_km * _KM_TO_M,
        "relative_speed": encounters.relative_speed_km_s * _KM_TO_M,
        "approach_angle": encounters.approach_angle_deg,
        "combined_hbr": hbr_m,
        "collision_probability": collision_probability(encounters, method),
        "mahalanobis_distance": encounters.mahalanobis_distance,
        "encounter_status": encounters.status,
    }
    relative = (
        (encounters.relative_position1_km, encounters.relative_velocity1_km_s),
        (encounters.relative_position2_km, encounters.relative_velocity2_km_s),
    )
    for sat, state, covariance, (position, velocity) in zip(
        ("sat1", "sat2"), states, covariances, relative, strict=True
    ):
        for k, axis in enumerate("rtn"):
            columns[f"{sat}_relative_position_{axis}"] = position[:, k] * _KM_TO_M
            columns[f"{sat}_relative_velocity_{axis}"] = velocity[:, k] * _KM_TO_M
            columns[f"{sat}_sigma_{axis}"] = np.sqrt(covariance[:, _SIGMA_COLUMNS[k]])
        columns[f"{sat}_covariance"] = covariance
        eme2000 = [rotate(to_eme2000, state[:, :3]), rotate(to_eme2000, state[:, 3:])]
        for k, name in enumerate(_STATE):
            columns[f"{sat}_{name}"] = eme2000[k // 3][:, k % 3]
        orbit = osculating_orbit(state)
        columns[f"{sat}_apoapsis_altitude"] = orbit.apoapsis_altitude_km
        columns[f"{sat}_periapsis_altitude"] = orbit.periapsis_altitude_km
        columns[f"{sat}_inclination"] = orbit.inclination_deg
    return {name: np.ascontiguousarray(column) for name, column in columns.items()}
