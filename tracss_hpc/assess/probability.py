"""Collision probability of an encounter, by methods named author and year as CDMs name them.

Fed by `encounter.find_encounters`; feeds `maximum`, `dilution` and `assessment`. A new method is
one function and one row of `PROBABILITY_METHODS`.

All methods assume straight relative motion during the encounter, Gaussian position errors, constant
covariance and spheres, and fail silently for slow encounters (tens of m/s): there the true value
may be larger by many orders of magnitude.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.assess.encounter import Encounters
from tracss_hpc.errors import ConfigError
from tracss_hpc.kernels import encounter_plane

__all__ = [
    "PC_AREAS",
    "PROBABILITY_METHODS",
    "alfano_2005",
    "chan_1997",
    "collision_probability",
    "foster_1992",
    "half_side",
]

#: Area of the encounter plane that counts as a collision -> half side of the square in hard-body
#: radii; None: the circle itself. "square" is circumscribed, as two 18 SPCS messages of 2020 show.
PC_AREAS: Mapping[str, float | None] = {
    "circle": None,
    "square": 1.0,
    "square_equal_area": 0.5 * math.sqrt(math.pi),
}


def collision_probability(
    encounters: Encounters, method: str = "FOSTER-1992", *, area: str = "circle"
) -> NDArray[np.float64]:
    """Probability of collision (n,) by a method of the registry; NaN where it was refused.

    Parameters
    ----------
    encounters : Encounters
        Geometry of n conjunctions.
    method : str
        A name of `PROBABILITY_METHODS`.
    area : str
        A name of `PC_AREAS`; others than "circle" for FOSTER-1992 alone.

    Raises
    ------
    ConfigError
        If method or area is unknown, or the method has no such area.
    """
    if method not in PROBABILITY_METHODS:
        raise ConfigError(
            f"collision probability method {method!r} is unknown; "
            f"known: {', '.join(PROBABILITY_METHODS)}",
            key="method",
            given=method,
            allowed=tuple(PROBABILITY_METHODS),
        )
    if method == "FOSTER-1992":
        return foster_1992(encounters, area)
    if area != "circle":
        raise ConfigError(
            f"{method} has no area {area!r}: use 'circle', or the method FOSTER-1992",
            key="area",
            given=area,
            allowed=("circle",),
        )
    return PROBABILITY_METHODS[method](encounters)


def foster_1992(encounters: Encounters, area: str = "circle") -> NDArray[np.float64]:
    """2-D probability over the circle of the combined hard-body radius, or over a square.

    The mass of the projected Gaussian (sigma_x, sigma_z) over a disk of radius HBR1 + HBR2 at the
    projected miss. Four rules by size of the disk against sigma (cython/_mass.pxd): a Taylor
    series, strips with 16 or 64 nodes, and a rule confined to where the mass is. Relative error
    below 1e-12 from 1 down to 1e-290, measured against 50-digit values; below 1e-308 it is 0.

    A square has its sides along the principal axes: "square" around the circle, never below it, or
    "square_equal_area".

    Raises
    ------
    ConfigError
        If the area is unknown.

    References
    ----------
    [Foster1992] J. L. Foster, H. S. Estes, NASA JSC-25898, 1992; [Alfano2005] S. Alfano,
    J. Astronaut. Sci. 53 (2005), the one-dimensional form that is integrated.
    """
    half = half_side(area)
    if half is None:
        return _fill(encounter_plane.circle_probability, encounters, encounters.collision_radius_km)
    return _fill(
        encounter_plane.square_probability, encounters, encounters.collision_radius_km * half
    )


def chan_1997(encounters: Encounters) -> NDArray[np.float64]:
    """2-D probability with the ellipse turned into a circle of the same area.

    In units of sigma the disk is an ellipse; Chan replaces it by the disk of equal area,
    u = R^2 / (sigma_x sigma_z), at the Mahalanobis distance v^(1/2), and integrates that exactly:

        Pc = e^(-v/2) sum_m (v/2)^m / m! [1 - e^(-u/2) sum_(k <= m) (u/2)^k / k!]

    The whole series is the mass of a round Gaussian over a disk, and is computed as such. Good
    where the disk is small against sigma_z (1e-3 to 3e-2 off on published cases); for long thin
    ellipses wrong without a sign of it: 9e-184 instead of 4.5e-2 in case 5 of [Alfano2009].

    References
    ----------
    [Chan1997] F. K. Chan, AAS 97-173, 1997.
    """
    hbr = encounters.collision_radius_km
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        radius = hbr / np.sqrt(encounters.sigma_x_km * encounters.sigma_z_km)
    radius = np.where(hbr == 0.0, 0.0, radius)
    one, probability = np.ones(len(hbr)), np.empty(len(hbr))
    # No distance of its own where sigma_z is 0, which only radii of 0 and beyond all size leave.
    bounded = (radius > 0.0) & (radius < np.inf)
    miss = np.where(bounded, encounters.mahalanobis_in_plane, 0.0)
    encounter_plane.circle_probability(one, one, miss, np.zeros(len(hbr)), radius, probability)
    return probability


def alfano_2005(encounters: Encounters) -> NDArray[np.float64]:
    """2-D probability over the circle by Simpson's rule, with the paper's number of intervals.

    Strips across the minor axis, 2m intervals over half the disk with m = 5 R / min(sigma_z, miss),
    at least 10 and (ours) at most 10,000. The same integral as FOSTER-1992, 3e-6 to 1e-5 off for
    small disks. Its two erf are formed from erfc: as printed the difference is 5 % off at 2e-20.

    References
    ----------
    [Alfano2005] S. Alfano, J. Astronaut. Sci. 53 (2005), 103-109.
    """
    return _fill(encounter_plane.simpson_probability, encounters, encounters.collision_radius_km)


def half_side(area: str) -> float | None:
    """Half side of the square in hard-body radii, None for the circle.

    Raises
    ------
    ConfigError
        If the area is unknown.
    """
    if area not in PC_AREAS:
        raise ConfigError(
            f"area {area!r} of the collision probability is unknown; known: {', '.join(PC_AREAS)}",
            key="area",
            given=area,
            allowed=tuple(PC_AREAS),
        )
    return PC_AREAS[area]


#: COLLISION_PROBABILITY_METHOD -> function of the encounter geometry.
PROBABILITY_METHODS: Mapping[str, Callable[[Encounters], NDArray[np.float64]]] = {
    "FOSTER-1992": foster_1992,
    "CHAN-1997": chan_1997,
    "ALFANO-2005": alfano_2005,
}


def _fill(
    kernel: Callable[..., None], encounters: Encounters, size_km: NDArray[np.float64]
) -> NDArray[np.float64]:
    probability = np.empty(len(encounters))
    plane = (encounters.sigma_x_km, encounters.sigma_z_km, encounters.miss_x_km)
    kernel(*plane, encounters.miss_z_km, size_km, probability)
    return probability
