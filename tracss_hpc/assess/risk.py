"""Every risk column of a batch of conjunctions, wherever their states and covariances come from.

Fed by states at TCA, covariances, radii and masses, of a screening run (`assessment`) or of
messages; feeds results.h5 and tables. Columns are named and in the units of results.h5: CDM
keywords in lower case; blank is NaN, never 0. Cheap metrics are for every row, Nc2D for the rows
in doubt that are worth it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tracss_hpc.assess.alert import AlertRule, meets_alert_rule
from tracss_hpc.assess.coppola import EncounterBounds, encounter_bounds
from tracss_hpc.assess.encounter import Encounters, find_encounters
from tracss_hpc.assess.equinoctial import orbital_period
from tracss_hpc.assess.fragments import FragmentRule, count_fragments
from tracss_hpc.assess.metrics import MetricMethods, risk_metrics
from tracss_hpc.assess.nc2d import NC2D_STATUS, nc2d_hall
from tracss_hpc.assess.usage import doubtful_rows, select_nc2d_rows

__all__ = ["NC2D_ROW_STATUS", "NC2D_SKIPPED", "RiskSettings", "fill_nc2d", "risk_columns"]

Array = NDArray[np.float64]

_KM_TO_M = 1e3
_M_TO_KM = 1e-3
_M2_TO_KM2 = 1e-6
_SIGMA_COLUMNS = (0, 2, 5)  # CR_R, CT_T, CN_N of the packed lower triangle
#: Nc2D is good to 1e-4; digits beyond these come from the BLAS of the processor. Likewise the
#: decimals of `inaccurate`.
_NC2D_DIGITS = _INACCURATE_DECIMALS = 6

#: `nc2d_status` of a row that more dangerous ones have crowded out.
NC2D_SKIPPED = 4
#: Codes of column `nc2d_status`: those of `nc2d.NC2D_STATUS`, and why a row has no Nc2D.
NC2D_ROW_STATUS: dict[int, str] = {
    -1: "not asked for: the 2-D probability is not in doubt, or little is at stake",
    **NC2D_STATUS,
    NC2D_SKIPPED: "skipped: more rows in doubt than `nc2d_max`",
}


@dataclass(frozen=True)
class RiskSettings:
    """What is computed, and by which methods.

    `dcp` takes off the density errors both objects share. Nc2D is for rows in doubt whose largest
    Pc over scaled covariances is at least `nc2d_min_pcmax`, at most `nc2d_max` of a batch, riskiest
    first. `kp` and `ks` multiply all sigmas of objects 1 and 2 before anything else.
    """

    methods: MetricMethods = field(default_factory=MetricMethods)
    dcp: bool = False
    nc2d_min_pcmax: float = 1e-7
    nc2d_max: int = 1000
    kp: float = 1.0
    ks: float = 1.0
    fragment_lc_m: float = 0.05
    fragment_rule: FragmentRule = "KRISKO-2011"
    alert: AlertRule = field(default_factory=AlertRule)


def risk_columns(
    state1: ArrayLike,
    state2: ArrayLike,
    covariance1_m2: ArrayLike,
    covariance2_m2: ArrayLike,
    hbr_m: ArrayLike,
    tca_s: ArrayLike,
    *,
    mass1_kg: ArrayLike | None = None,
    mass2_kg: ArrayLike | None = None,
    responses_km: tuple[ArrayLike, ArrayLike] | None = None,
    settings: RiskSettings | None = None,
) -> dict[str, NDArray[Any]]:
    """Relative motion and risk of n conjunctions.

    Parameters
    ----------
    state1, state2 : array_like, shape (n, 6)
        Position and velocity of both objects at TCA in one inertial frame [km, km/s].
    covariance1_m2, covariance2_m2 : array_like, shape (n, 21)
        Lower triangle by rows in the own RTN, as CDMs print it [m^2, m^2/s, m^2/s^2]. NaN from the
        velocities on: no Nc2D; NaN from the start: no Pc.
    hbr_m : array_like, shape (n,)
        Combined hard-body radius [m]; NaN or negative: no Pc.
    tca_s : array_like, shape (n,)
        TCA since screening start [s], for the alert rule.
    mass1_kg, mass2_kg : array_like, shape (n,), optional
        Masses; NaN: no number of fragments [kg].
    responses_km : pair of array_like, shape (n, 6), optional
        What one sigma of a common density error does to each object's state in its own RTN, used
        with `settings.dcp` [km, km/s].
    settings : RiskSettings, optional

    Returns
    -------
    dict of str to ndarray
        `encounter_status` holds the codes of `ENCOUNTER_STATUS`, `nc2d_status` those of
        `NC2D_ROW_STATUS`; `sat1_covariance` and `sat2_covariance` are those used, so scaled by kp
        and ks. A row's bits depend on that row alone, unless more rows ask for Nc2D than
        `nc2d_max`: then the choice depends on the batch.
    """
    chosen = settings or RiskSettings()
    states = _arrays(state1, state2)
    covariances = (
        np.ascontiguousarray(covariance1_m2, dtype=np.float64) * (chosen.kp * chosen.kp),
        np.ascontiguousarray(covariance2_m2, dtype=np.float64) * (chosen.ks * chosen.ks),
    )
    km2 = (covariances[0] * _M2_TO_KM2, covariances[1] * _M2_TO_KM2)
    hbr = np.asarray(hbr_m, dtype=np.float64)
    responses = None
    if chosen.dcp and responses_km is not None:
        first, second = _arrays(*responses_km)
        responses = (first * chosen.kp, second * chosen.ks)  # parts of the sigmas
    encounters = find_encounters(
        states[0], states[1], km2[0], km2[1], hbr * _M_TO_KM, responses_km=responses
    )
    metrics = risk_metrics(encounters, chosen.methods)
    bounds = encounter_bounds(encounters, orbital_period(states[0]), orbital_period(states[1]))
    columns: dict[str, NDArray[Any]] = {
        "miss_distance": encounters.miss_distance_km * _KM_TO_M,
        "relative_speed": encounters.relative_speed_km_s * _KM_TO_M,
        "approach_angle": encounters.approach_angle_deg,
        "combined_hbr": hbr,
        **_metric_columns(metrics),
        **_bound_columns(bounds),
        "encounter_status": encounters.status,
        "correlated": encounters.correlated.astype(np.uint8),
    }
    doubtful = doubtful_rows(bounds, states[0], states[1], km2[0], km2[1], encounters.sigma_z_km)
    asks = doubtful & (metrics["dilution_pc_max"] >= chosen.nc2d_min_pcmax)
    columns |= {
        "in_doubt": doubtful.astype(np.uint8),
        "nc2d": np.full(len(hbr), np.nan),
        "inaccurate": np.full(len(hbr), np.nan, dtype=np.float32),
        "nc2d_status": np.where(asks, NC2D_SKIPPED, -1).astype(np.int8),
    }
    columns |= _consequence_columns(
        encounters, metrics["collision_probability"], tca_s, mass1_kg, mass2_kg, chosen
    )
    relative = (
        (encounters.relative_position1_km, encounters.relative_velocity1_km_s),
        (encounters.relative_position2_km, encounters.relative_velocity2_km_s),
    )
    for sat, covariance, (position, velocity) in zip(
        ("sat1", "sat2"), covariances, relative, strict=True
    ):
        with np.errstate(invalid="ignore"):  # a negative variance; such a row is refused
            sigma = np.sqrt(covariance[:, _SIGMA_COLUMNS])
        for k, axis in enumerate("rtn"):
            columns[f"{sat}_relative_position_{axis}"] = position[:, k] * _KM_TO_M
            columns[f"{sat}_relative_velocity_{axis}"] = velocity[:, k] * _KM_TO_M
            columns[f"{sat}_sigma_{axis}"] = sigma[:, k]
        columns[f"{sat}_covariance"] = covariance
    columns = {name: np.ascontiguousarray(column) for name, column in columns.items()}
    fill_nc2d(columns, states[0], states[1], chosen, responses_km=responses)
    return columns


def fill_nc2d(
    columns: dict[str, NDArray[Any]],
    state1: ArrayLike,
    state2: ArrayLike,
    settings: RiskSettings,
    *,
    responses_km: tuple[ArrayLike, ArrayLike] | None = None,
) -> None:
    """Fill Nc2D in place for rows that ask for it, the `settings.nc2d_max` riskiest.

    Parameters
    ----------
    columns : dict of str to ndarray
        Of `risk_columns`. A row asks by `nc2d_status` = `NC2D_SKIPPED`, as all that qualify do
        after `nc2d_max` = 0: so a batch can be assessed in parts under one limit.
    state1, state2, responses_km
        As `risk_columns`; `responses_km` only with `settings.dcp`.
    settings : RiskSettings
    """
    asks = columns["nc2d_status"] == NC2D_SKIPPED
    rows, _ = select_nc2d_rows(
        asks,
        columns["dilution_pc_max"],
        min_pcmax=settings.nc2d_min_pcmax,
        max_rows=settings.nc2d_max,
    )
    if not len(rows):
        return
    responses = None
    if responses_km is not None and settings.dcp:
        first, second = _arrays(*responses_km)
        responses = (first[rows], second[rows])
    curved = nc2d_hall(
        np.asarray(state1)[rows],
        np.asarray(state2)[rows],
        columns["sat1_covariance"][rows] * _M2_TO_KM2,
        columns["sat2_covariance"][rows] * _M2_TO_KM2,
        columns["combined_hbr"][rows] * _M_TO_KM,
        responses_km=responses,
    )
    columns["nc2d"][rows] = [float(f"{value:.{_NC2D_DIGITS}g}") for value in curved.nc2d.tolist()]
    columns["inaccurate"][rows] = _single(np.round(curved.inaccurate, _INACCURATE_DECIMALS))
    columns["nc2d_status"][rows] = curved.status


def _arrays(first: ArrayLike, second: ArrayLike) -> tuple[Array, Array]:
    return (
        np.ascontiguousarray(first, dtype=np.float64),
        np.ascontiguousarray(second, dtype=np.float64),
    )


def _metric_columns(metrics: Mapping[str, Array]) -> dict[str, NDArray[Any]]:
    """CDM keywords in full, ours with the seven digits they are good for."""
    return {
        "collision_probability": metrics["collision_probability"],
        "collision_max_probability": metrics["collision_max_probability"],
        "mahalanobis_distance": metrics["mahalanobis_distance"],
        "mahalanobis_in_plane": _single(metrics["mahalanobis_in_plane"]),
        "dilution_status": _single(metrics["diluted"]),
        "dilution_significance": metrics["dilution_significance"],
        "dilution_scale_factor": _single(metrics["dilution_scale_factor"]),
        "dilution_pc_max": metrics["dilution_pc_max"],
    }


def _bound_columns(bounds: EncounterBounds) -> dict[str, NDArray[Any]]:
    return {
        "tau0": _single(bounds.tau0_s),
        "tau1": _single(bounds.tau1_s),
        "extended": _single(bounds.extended),
        "offset": _single(bounds.offset),
    }


def _consequence_columns(
    encounters: Encounters,
    probability: Array,
    tca_s: ArrayLike,
    mass1_kg: ArrayLike | None,
    mass2_kg: ArrayLike | None,
    settings: RiskSettings,
) -> dict[str, NDArray[Any]]:
    unknown = np.full(len(encounters), np.nan)
    fragments = count_fragments(
        unknown if mass1_kg is None else mass1_kg,
        unknown if mass2_kg is None else mass2_kg,
        encounters.relative_speed_km_s,
        lc_m=settings.fragment_lc_m,
        rule=settings.fragment_rule,
    )
    alert = meets_alert_rule(
        settings.alert, probability, encounters.miss_distance_km * _KM_TO_M, tca_s
    )
    known = np.isfinite(fragments.number)
    return {
        "environmental_impact_fragmentation": _single(np.rint(fragments.number)),
        "catastrophic": _single(np.where(known, fragments.catastrophic, np.nan)),
        "meets_alertable_criteria": _single(
            np.where(alert == "YES", 1.0, np.where(alert == "NO", 0.0, np.nan))
        ),
    }


def _single(values: NDArray[Any]) -> NDArray[np.float32]:
    """As float32, which is what these are good for; tiny ones may become 0, infinite ones stay."""
    with np.errstate(over="ignore", under="ignore"):
        return values.astype(np.float32)
