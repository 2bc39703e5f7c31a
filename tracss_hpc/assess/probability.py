"""Collision probability of an encounter, by methods named author and year as CDMs name them.

Fed by `encounter.find_encounters`; feeds `assessment`. A new method is one function and one row of
`PROBABILITY_METHODS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.assess.encounter import Encounters
from tracss_hpc.errors import ConfigError
from tracss_hpc.kernels import encounter_plane

__all__ = ["PROBABILITY_METHODS", "collision_probability", "foster_1992"]


def collision_probability(
    encounters: Encounters, method: str = "FOSTER-1992"
) -> NDArray[np.float64]:
    """Probability of collision (n,) by a method of the registry; NaN where it was refused.

    Raises
    ------
    ConfigError
        If the method is unknown.
    """
    if method not in PROBABILITY_METHODS:
        raise ConfigError(
            f"collision probability method {method!r} is unknown; "
            f"known: {', '.join(PROBABILITY_METHODS)}",
            key="method",
            given=method,
            allowed=tuple(PROBABILITY_METHODS),
        )
    return PROBABILITY_METHODS[method](encounters)


def foster_1992(encounters: Encounters) -> NDArray[np.float64]:
    """2-D probability over the circle of the combined hard-body radius.

    The mass of the projected Gaussian (sigma_x, sigma_z) over a disk of radius HBR1 + HBR2 at the
    projected miss. Four rules by size of the disk against sigma (cython/encounter_plane.pyx): a
    Taylor series, strips with 16 or 64 nodes, and a rule confined to where the mass is. Relative
    error below 1e-12 from 1 down to 1e-290, measured against 50-digit values; below 1e-308 it is 0.

    The model assumes straight relative motion during the encounter, Gaussian position errors that
    are independent between the objects, constant covariance and spheres. It fails silently for slow
    encounters (tens of m/s), where it may be wrong by many orders of magnitude.

    References
    ----------
    [Foster1992] J. L. Foster, H. S. Estes, NASA JSC-25898, 1992; [Alfano2005] S. Alfano,
    J. Astronaut. Sci. 53 (2005), the one-dimensional form that is integrated.
    """
    probability = np.empty(len(encounters))
    if len(encounters):
        encounter_plane.circle_probability(
            encounters.sigma_x_km,
            encounters.sigma_z_km,
            encounters.miss_x_km,
            encounters.miss_z_km,
            encounters.hbr_km,
            probability,
        )
    return probability


#: COLLISION_PROBABILITY_METHOD -> function of the encounter geometry.
PROBABILITY_METHODS: Mapping[str, Callable[[Encounters], NDArray[np.float64]]] = {
    "FOSTER-1992": foster_1992,
}
