"""How a run or an assessment of messages computes risk: section `assess` as plain arguments.

Fed by config; feeds the stage `assess` and the messages, which tell the methods.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.assess.alert import AlertRule
from tracss_hpc.assess.fragments import estimate_masses, fragmentation_model
from tracss_hpc.assess.metrics import MetricMethods
from tracss_hpc.assess.risk import RiskSettings
from tracss_hpc.config import Assess

__all__ = ["fragmentation_models", "masses_kg", "risk_settings"]


def risk_settings(assess: Assess) -> RiskSettings:
    """Section `assess`, presets applied, as the functions of package `assess` take it."""
    chosen = assess.with_preset()
    miss_km = _bound(chosen.alert_max_miss_km)
    return RiskSettings(
        methods=MetricMethods(chosen.method, chosen.pc_area, chosen.max_method, chosen.dilution),
        dcp=bool(chosen.dcp),
        nc2d_min_pcmax=chosen.nc2d_min_pcmax,
        nc2d_max=chosen.nc2d_max,
        kp=chosen.kp,
        ks=chosen.ks,
        fragment_lc_m=chosen.fragment_lc_m,
        fragment_rule=chosen.fragment_rule,
        alert=AlertRule(
            min_pc=_bound(chosen.alert_min_pc),
            max_miss_m=None if miss_km is None else miss_km * 1e3,
            max_hours_to_tca=_bound(chosen.alert_max_hours),
        ),
    )


def masses_kg(
    assess: Assess, mass_kg: NDArray[np.float64], object_type: NDArray[np.str_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Masses for the number of fragments, and which are estimates by object type: if asked for."""
    if assess.estimate_mass:
        return estimate_masses(mass_kg, object_type)
    return mass_kg, np.zeros(len(mass_kg), dtype=np.bool_)


def fragmentation_models(assess: Assess) -> tuple[str, str]:
    """FRAGMENTATION_MODEL of a pair with known masses, and of one with an estimate."""
    known, estimated = (
        fragmentation_model(assess.fragment_lc_m, assess.fragment_rule, estimated=guess)
        for guess in (False, True)
    )
    return known, estimated


def _bound(value: str | float) -> float | None:
    return None if isinstance(value, str) else value
