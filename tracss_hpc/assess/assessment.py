"""All risk columns of a batch of conjunctions, named and in the units of results.h5.

Fed by TCAs and states in TEME from the screening, and by regimes, element-set epochs and hard-body
radii of both objects; feeds the export. Distances leave here in m, states in km (CDM units).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tracss_hpc.assess.risk import RiskSettings, risk_columns
from tracss_hpc.constants import DAY_S
from tracss_hpc.ephemeris.covariance import CovarianceTable, cdm_covariance, default_covariance
from tracss_hpc.ephemeris.frames import rotate, teme_to_eme2000
from tracss_hpc.ephemeris.osculating import osculating_orbit
from tracss_hpc.epochs import Epoch, julian_dates

__all__ = ["assess_conjunctions"]

_STATE = ("x", "y", "z", "x_dot", "y_dot", "z_dot")


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
    mass1_kg: ArrayLike | None = None,
    mass2_kg: ArrayLike | None = None,
    covariance_table: CovarianceTable | None = None,
    settings: RiskSettings | None = None,
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
    mass1_kg, mass2_kg : array_like, shape (n,), optional
        Masses; NaN: no number of fragments [kg].
    covariance_table : CovarianceTable, optional
        Default: the built-in table at solar maximum.
    settings : RiskSettings, optional

    Returns
    -------
    dict of str to ndarray
        Columns of group `conjunctions`, `sat1_` before `sat2_`, those of `risk.risk_columns` first;
        NaN is blank. A row's bits depend on that row alone but for the limit on Nc2D.
    """
    tca = np.asarray(tca, dtype=np.float64)
    states = [np.ascontiguousarray(s, dtype=np.float64) for s in (state1, state2)]
    covariances = [
        cdm_covariance(default_covariance(regime, age, mean_motion, table=covariance_table))
        for regime, age, mean_motion in (
            (regime1, (tca - np.asarray(epoch1_s)) / DAY_S, mean_motion1_rad_s),
            (regime2, (tca - np.asarray(epoch2_s)) / DAY_S, mean_motion2_rad_s),
        )
    ]
    hbr_m = np.asarray(hbr1_m, dtype=np.float64) + np.asarray(hbr2_m, dtype=np.float64)
    known = (np.asarray(hbr1_m) >= 0.0) & (np.asarray(hbr2_m) >= 0.0)
    columns = risk_columns(
        states[0],
        states[1],
        covariances[0],
        covariances[1],
        np.where(known, hbr_m, np.nan),
        tca,
        mass1_kg=mass1_kg,
        mass2_kg=mass2_kg,
        settings=settings,
    )
    to_eme2000 = teme_to_eme2000(*julian_dates(start, tca))
    for sat, state in zip(("sat1", "sat2"), states, strict=True):
        eme2000 = [rotate(to_eme2000, state[:, :3]), rotate(to_eme2000, state[:, 3:])]
        for k, name in enumerate(_STATE):
            columns[f"{sat}_{name}"] = np.ascontiguousarray(eme2000[k // 3][:, k % 3])
        orbit = osculating_orbit(state)
        columns[f"{sat}_apoapsis_altitude"] = orbit.apoapsis_altitude_km
        columns[f"{sat}_periapsis_altitude"] = orbit.periapsis_altitude_km
        columns[f"{sat}_inclination"] = orbit.inclination_deg
    return columns
