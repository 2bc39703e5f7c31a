"""How the probability of one conjunction depends on how good its covariances are.

Fed by states, covariances and hard-body radius of a chosen conjunction; feeds the picture in
`report.sensitivity`. Both sigmas of object 1 are multiplied by kp and those of object 2 by ks, so
the covariances by their squares. A covariance is rarely known to better than a factor, so what
holds over the whole map holds; a maximum beside the point (1, 1) tells how wrong one would have to
be [Laporte2014].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tracss_hpc.assess.encounter import find_encounters
from tracss_hpc.assess.probability import collision_probability

__all__ = ["SCALE_FACTORS", "SensitivityMap", "sensitivity_map"]

#: Factors of sigma of the map, a tenth to ten times, 20 to a decade; 1 is among them.
SCALE_FACTORS: NDArray[np.float64] = np.logspace(-1.0, 1.0, 41)


@dataclass(frozen=True)
class SensitivityMap:
    """Probability (m, n) over the factors `kp` (m,) of object 1's sigmas and `ks` (n,) of 2's.

    `nominal` is that at (1, 1), whether or not the factors hold 1. NaN where it was refused.
    """

    kp: NDArray[np.float64]
    ks: NDArray[np.float64]
    probability: NDArray[np.float64]
    nominal: float

    @property
    def peak(self) -> tuple[float, float, float]:
        """Greatest probability of the map, and its kp and ks; NaN when all is blank."""
        if np.isnan(self.probability).all():
            return (np.nan, np.nan, np.nan)
        i, j = np.unravel_index(np.nanargmax(self.probability), self.probability.shape)
        return float(self.probability[i, j]), float(self.kp[i]), float(self.ks[j])


def sensitivity_map(
    state1: ArrayLike,
    state2: ArrayLike,
    covariance1: ArrayLike,
    covariance2: ArrayLike,
    hbr_km: float,
    *,
    kp: ArrayLike = SCALE_FACTORS,
    ks: ArrayLike = SCALE_FACTORS,
    method: str = "FOSTER-1992",
    area: str = "circle",
) -> SensitivityMap:
    """Probability of one conjunction over scaled covariances.

    Parameters
    ----------
    state1, state2 : array_like, shape (6,)
        Position and velocity of both objects at TCA in one inertial frame [km, km/s].
    covariance1, covariance2 : array_like, shape (6,) or longer
        Lower triangle by rows of each position covariance in its own object's RTN [km^2].
    hbr_km : float
        Combined hard-body radius [km].
    kp, ks : array_like
        Factors of the sigmas of object 1 and of object 2, above 0.
    method : str
        A name of `PROBABILITY_METHODS`.
    area : str
        A name of `PC_AREAS`.

    Raises
    ------
    ValueError
        If a factor is not above 0 and finite.
    """
    p, s = (np.asarray(k, dtype=np.float64) for k in (kp, ks))
    for name, factors in (("kp", p), ("ks", s)):
        wrong = factors[~((factors > 0.0) & np.isfinite(factors))]
        if factors.ndim != 1 or len(wrong):
            raise ValueError(
                f"{name} holds {wrong.tolist() or factors.shape}; wanted a list of factors of "
                "sigma, each above 0 and finite"
            )
    # The nominal point is the last row.
    scale1 = np.append(np.repeat(p, len(s)), 1.0)
    scale2 = np.append(np.tile(s, len(p)), 1.0)
    rows = len(scale1)
    encounters = find_encounters(
        np.tile(np.asarray(state1, dtype=np.float64), (rows, 1)),
        np.tile(np.asarray(state2, dtype=np.float64), (rows, 1)),
        np.square(scale1)[:, None] * np.asarray(covariance1, dtype=np.float64)[:6],
        np.square(scale2)[:, None] * np.asarray(covariance2, dtype=np.float64)[:6],
        np.full(rows, hbr_km),
    )
    probability = collision_probability(encounters, method, area=area)
    return SensitivityMap(p, s, probability[:-1].reshape(len(p), len(s)), float(probability[-1]))
