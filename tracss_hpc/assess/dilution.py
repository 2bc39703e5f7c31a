"""Dilution: whether a better covariance would raise the collision probability.

A miss many sigmas away has a small Pc ("robust": more uncertainty raises it), a miss far inside a
large covariance too ("diluted": more uncertainty lowers it, and the Pc says little). Fed by
`encounter` and `maximum.search_scale`; feeds `assessment`. Two rules:

    ALFANO  diluted where |m| < sqrt 2 sigma_x, m = miss in the encounter plane: the worst
            orientation of the ellipse. All 66 known rows of the TraCSS verification key.
    SCALE   diluted where shrinking both covariances by one factor raises Pc by more than 0.1 % of
            the maximum [CARA PcDilution]: for a small disk, 2-D Mahalanobis distance < sqrt 2.

Of the 66 rows, 15 are diluted by the first and robust by the second rule.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.assess.encounter import Encounters
from tracss_hpc.assess.maximum import ScaleSearch
from tracss_hpc.kernels import maximum

__all__ = ["DILUTION_RULES", "alfano_dilution", "dilution_significance", "scale_dilution"]

#: Rules of DILUTION_STATUS.
DILUTION_RULES = ("ALFANO", "SCALE")

_RISE = 1e-3  # part of the maximum that scaling down must gain [CARA PcDilution]


def alfano_dilution(encounters: Encounters) -> NDArray[np.float64]:
    """1 where diluted by the rule ALFANO, 0 where robust, NaN without a covariance, (n,)."""
    known = np.isfinite(encounters.sigma_x_km)
    with np.errstate(invalid="ignore"):
        diluted = encounters.plane_miss_km < math.sqrt(2.0) * encounters.sigma_x_km
    return np.where(known, diluted.astype(np.float64), np.nan)


def scale_dilution(probability: NDArray[np.float64], search: ScaleSearch) -> NDArray[np.float64]:
    """1 where diluted by the rule SCALE, 0 where robust, NaN without a Pc, (n,).

    Parameters
    ----------
    probability : ndarray, shape (n,)
        Pc over the same area as `search`.
    search : ScaleSearch
        Of `maximum.search_scale`.
    """
    known = np.isfinite(probability) & np.isfinite(search.probability)
    with np.errstate(invalid="ignore"):
        gain = search.probability - probability > _RISE * search.probability
        diluted = gain & (search.factor < 1.0)
    return np.where(known, diluted.astype(np.float64), np.nan)


def dilution_significance(
    probability: NDArray[np.float64], max_probability: NDArray[np.float64]
) -> NDArray[np.float64]:
    """DILUTION_SIGNIFICANCE (n,): log10 of COLLISION_MAX_PROBABILITY over COLLISION_PROBABILITY.

    Our definition of "difference between Pc and Max Pc" [TraCSS-Spec-001 2.0]; of the two values
    of one message, never negative, NaN where Pc is 0 or there is none.
    """
    significance = np.empty(len(probability))
    maximum.log10_ratio(
        np.ascontiguousarray(max_probability), np.ascontiguousarray(probability), significance
    )
    return np.maximum(significance, 0.0)
