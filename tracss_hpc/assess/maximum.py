"""Largest collision probability that a doubtful covariance allows, by named methods.

Fed by `encounter.find_encounters` and `probability`; feeds `dilution` and `assessment`. A bigger
covariance may mean a smaller Pc, so a small Pc is no comfort when the covariance is poor. Three
answers to "how large could it be":

    FRISBEE   one object's covariance is unknown: the one that makes Pc largest
    ALFANO    the combined ellipse keeps its shape; its size and orientation are unknown
    SCALE     the combined covariance is right but for a factor

None is a strict bound (FRISBEE can lie below Pc), so `maximum_probability` never goes below Pc.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.assess.encounter import Encounters
from tracss_hpc.assess.probability import half_side
from tracss_hpc.errors import ConfigError
from tracss_hpc.kernels import maximum

__all__ = [
    "MAX_PROBABILITY_METHODS",
    "ScaleSearch",
    "alfano_maximum",
    "frisbee_2015",
    "maximum_probability",
    "scale_maximum",
    "search_scale",
]

Array = NDArray[np.float64]


class ScaleSearch(NamedTuple):
    """Largest Pc over factors of all sigmas, and that factor; NaN where there is no Pc.

    A factor of 0: the limit, where the miss lies inside the area (Pc 1) or on its edge.
    """

    probability: Array
    factor: Array


def maximum_probability(
    encounters: Encounters,
    probability: Array,
    method: str = "FRISBEE",
    *,
    area: str = "circle",
) -> Array:
    """COLLISION_MAX_PROBABILITY (n,): the method's value, or Pc where that is larger.

    Parameters
    ----------
    encounters : Encounters
        Geometry of n conjunctions.
    probability : ndarray, shape (n,)
        Pc of the same message; NaN where it was refused.
    method : str
        A name of `MAX_PROBABILITY_METHODS`, also the value of COLLISION_MAX_PC_METHOD.
    area : str
        A name of `probability.PC_AREAS`.

    Returns
    -------
    ndarray, shape (n,)
        NaN where the method has no value; FRISBEE has one where one covariance alone is good.

    Raises
    ------
    ConfigError
        If method or area is unknown.
    """
    if method not in MAX_PROBABILITY_METHODS:
        raise ConfigError(
            f"method {method!r} of the maximum probability is unknown; "
            f"known: {', '.join(MAX_PROBABILITY_METHODS)}",
            key="method",
            given=method,
            allowed=tuple(MAX_PROBABILITY_METHODS),
        )
    return np.fmax(MAX_PROBABILITY_METHODS[method](encounters, area), probability)


def frisbee_2015(encounters: Encounters, area: str = "circle") -> Array:
    """Largest Pc when one object's covariance is unknown.

    K is the Mahalanobis distance of the miss m in the known 2x2 covariance alone. With K <= 1 that
    covariance stands alone; else the degenerate covariance |m|^2 (K^2 - 1)/K^2 along m is added,
    which makes the distance 1, and Pc is the whole integral. Two known covariances, by the rule of
    [CARA FrisbeeMaxPc]: the one with the smaller K is taken as unknown; if the larger K <= 1, both
    are kept. A projection flatter than 1e-4 of the hard-body radius is raised to it before K; one
    that is not positive counts as unknown beside a good one.

    References
    ----------
    [Frisbee2015] J. H. Frisbee, AAS 15-717, 2015.
    """
    largest = np.empty(len(encounters))
    maximum.frisbee(
        half_side(area) is not None,
        np.ascontiguousarray(encounters.covariance1_km2.T),
        np.ascontiguousarray(encounters.covariance2_km2.T),
        encounters.miss_x_km,
        encounters.miss_z_km,
        _size_km(encounters.hbr_km, area),
        encounters.hbr_km,
        largest,
    )
    return largest


def alfano_maximum(encounters: Encounters, area: str = "circle") -> Array:
    """Largest Pc over size and orientation of the combined ellipse, its axis ratio kept.

    The worst orientation has the major axis along the miss; then the size is searched. For a small
    disk the result is R^2 sigma_x / (e |m|^2 sigma_z) [Alfano2005b].
    """
    miss = np.ascontiguousarray(encounters.plane_miss_km)
    return _search(encounters, area, miss, np.zeros(len(miss))).probability


def scale_maximum(encounters: Encounters, area: str = "circle") -> Array:
    """Largest Pc over factors of the combined covariance."""
    return search_scale(encounters, area).probability


def search_scale(encounters: Encounters, area: str = "circle") -> ScaleSearch:
    """Factor of all sigmas that makes Pc largest, and that Pc.

    For a disk small against sigma_z the factor is the 2-D Mahalanobis distance / sqrt 2. Where the
    miss lies inside the area the limit is Pc = 1 at factor 0. Relative error of Pc below 1e-9; the
    factor is good to 1e-6 unless the maximum is flat.
    """
    return _search(encounters, area, encounters.miss_x_km, encounters.miss_z_km)


#: COLLISION_MAX_PC_METHOD -> function of encounter geometry and area.
MAX_PROBABILITY_METHODS: Mapping[str, Callable[[Encounters, str], Array]] = {
    "FRISBEE": frisbee_2015,
    "ALFANO": alfano_maximum,
    "SCALE": scale_maximum,
}


def _search(encounters: Encounters, area: str, miss_x: Array, miss_z: Array) -> ScaleSearch:
    result = ScaleSearch(np.empty(len(encounters)), np.empty(len(encounters)))
    square = half_side(area) is not None
    sigmas = (encounters.sigma_x_km, encounters.sigma_z_km)
    size = _size_km(encounters.collision_radius_km, area)
    maximum.scale_search(square, *sigmas, miss_x, miss_z, size, *result)
    return result


def _size_km(hbr_km: Array, area: str) -> Array:
    half = half_side(area)
    return hbr_km if half is None else hbr_km * half
