"""All cheap risk metrics of a batch of encounters, by a choice of methods.

Fed by `encounter.find_encounters`; feeds `assessment` and whoever assesses messages. Names of the
columns are CDM keywords in lower case; NaN is blank, never 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.assess.dilution import (
    DILUTION_RULES,
    alfano_dilution,
    dilution_significance,
    scale_dilution,
)
from tracss_hpc.assess.encounter import Encounters
from tracss_hpc.assess.maximum import maximum_probability, search_scale
from tracss_hpc.assess.probability import collision_probability, foster_1992
from tracss_hpc.errors import ConfigError

__all__ = ["MetricMethods", "risk_metrics"]


@dataclass(frozen=True)
class MetricMethods:
    """Names of the methods; the defaults are those of a screening run."""

    probability: str = "FOSTER-1992"
    area: str = "circle"
    maximum: str = "FRISBEE"
    dilution: str = "ALFANO"

    def __post_init__(self) -> None:
        if self.dilution not in DILUTION_RULES:
            raise ConfigError(
                f"dilution rule {self.dilution!r} is unknown; known: {', '.join(DILUTION_RULES)}",
                key="dilution",
                given=self.dilution,
                allowed=DILUTION_RULES,
            )


def risk_metrics(
    encounters: Encounters, methods: MetricMethods | None = None
) -> dict[str, NDArray[np.float64]]:
    """Columns of n conjunctions, each (n,) float64.

    collision_probability, collision_max_probability, dilution_significance; `diluted` is 1 for
    DILUTION_STATUS = DILUTED and 0 for ROBUST; dilution_scale_factor and dilution_pc_max are the
    factor of all sigmas with the largest Pc and that Pc, whatever the rule; mahalanobis_distance is
    3-D and as given, mahalanobis_in_plane 2-D.

    Raises
    ------
    ConfigError
        If a method is unknown or the method of Pc has no such area.
    """
    chosen = methods or MetricMethods()
    pc = collision_probability(encounters, chosen.probability, area=chosen.area)
    largest = maximum_probability(encounters, pc, chosen.maximum, area=chosen.area)
    search = search_scale(encounters, chosen.area)
    if chosen.dilution == "ALFANO":
        diluted = alfano_dilution(encounters)
    else:  # against the integral that the search has maximised, not an approximation of it
        diluted = scale_dilution(foster_1992(encounters, chosen.area), search)
    return {
        "collision_probability": pc,
        "collision_max_probability": largest,
        "diluted": diluted,
        "dilution_significance": dilution_significance(pc, largest),
        "dilution_scale_factor": search.factor,
        "dilution_pc_max": search.probability,
        "mahalanobis_distance": encounters.mahalanobis_distance,
        "mahalanobis_in_plane": encounters.mahalanobis_in_plane,
    }
