"""How many fragments a collision would make, by the NASA standard breakup model.

Fed by masses (messages, or the catalog's table) and relative speeds; feeds
ENVIRONMENTAL_IMPACT_FRAGMENTATION and FRAGMENTATION_MODEL of a CDM.

    energy = m_small v^2 / (2 m_large)         catastrophic above 40 kJ/kg [Johnson2001]
    N(>= Lc) = 0.1 M^0.75 Lc^-1.71             [Johnson2001, eq. 4]
    M = m1 + m2 if catastrophic, else m_small (v / km/s)^k: k = 2 [Krisko2011], at first 1

The two rules for M differ by v^0.75, a factor of 5.6 at 10 km/s. Without both masses there is no
number. Masses by object type are an estimate that must be asked for and that the model's name says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tracss_hpc.errors import ConfigError

__all__ = [
    "DEFAULT_MASS_KG",
    "FRAGMENT_RULES",
    "FragmentRule",
    "Fragments",
    "count_fragments",
    "estimate_masses",
    "fragmentation_model",
]

FragmentRule = Literal["KRISKO-2011", "JOHNSON-2001"]

#: Rules for the mass that breaks up in a collision that is not catastrophic.
FRAGMENT_RULES: tuple[str, ...] = get_args(FragmentRule)

#: Mass by object type, for an estimate [kg]. Debris: median of the 9,614 that NASA's table of
#: June 2026 has from radar sizes; rocket bodies: median of its 7; the rest: the value that it
#: fills in itself [CARA]. A payload may be a hundred times lighter or ten times heavier.
DEFAULT_MASS_KG = {
    "PAYLOAD": 448.3,
    "ROCKET BODY": 1045.0,
    "DEBRIS": 0.12,
    "UNKNOWN": 448.3,
    "OTHER": 448.3,
}

#: Energy per mass of the larger object above which both break up wholly [J/kg]. [Johnson2001] has
#: "equal to or greater", CARA "greater".
_CATASTROPHIC_J_KG = 40_000.0


@dataclass(frozen=True)
class Fragments:
    """Columns (n,), one row per conjunction.

    `number` of fragments of at least Lc, not rounded, NaN without both masses; `catastrophic`:
    both objects break up wholly.
    """

    number: NDArray[np.float64]
    catastrophic: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.number)


def count_fragments(
    mass1_kg: ArrayLike,
    mass2_kg: ArrayLike,
    relative_speed_km_s: ArrayLike,
    *,
    lc_m: float = 0.05,
    rule: FragmentRule = "KRISKO-2011",
) -> Fragments:
    """Expected fragments of n collisions.

    Parameters
    ----------
    mass1_kg, mass2_kg, relative_speed_km_s : array_like, shape (n,)
        NaN or negative: unknown.
    lc_m : float
        Characteristic length of the smallest fragment counted [m]; 0.05 is CARA's, 0.1 about what
        the catalog tracks.
    rule : str
        One of `FRAGMENT_RULES`.

    Raises
    ------
    ConfigError
        If the length is not positive or the rule unknown.
    """
    if rule not in FRAGMENT_RULES:
        raise ConfigError(
            f"rule for fragments {rule!r} is unknown; known: {', '.join(FRAGMENT_RULES)}",
            key="fragment_rule",
            given=rule,
            allowed=FRAGMENT_RULES,
        )
    if not 0.0 < lc_m < np.inf:
        raise ConfigError(
            f"the smallest fragment counted is {lc_m!r} m long; give a length above 0, "
            "such as 0.05 or 0.1",
            key="fragment_lc_m",
            given=lc_m,
            allowed="> 0",
        )
    mass1, mass2, speed = (
        np.asarray(a, dtype=np.float64) for a in (mass1_kg, mass2_kg, relative_speed_km_s)
    )
    known = (mass1 >= 0.0) & (mass2 >= 0.0) & (speed >= 0.0)
    mass1, mass2, speed = (np.where(known, a, np.nan) for a in (mass1, mass2, speed))
    small, large = np.minimum(mass1, mass2), np.maximum(mass1, mass2)
    energy_j = 0.5e6 * small * speed * speed
    catastrophic = energy_j > _CATASTROPHIC_J_KG * large
    broken = small * (speed * speed if rule == "KRISKO-2011" else speed)
    mass = np.where(catastrophic, mass1 + mass2, broken)
    return Fragments(0.1 * mass**0.75 * lc_m**-1.71, catastrophic)


def estimate_masses(
    mass_kg: ArrayLike, object_type: NDArray[np.str_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Masses (n,) [kg], the unknown ones by object type, and which those are."""
    mass = np.asarray(mass_kg, dtype=np.float64)
    estimated = ~(mass >= 0.0)
    by_type = np.array([DEFAULT_MASS_KG[kind] for kind in object_type], dtype=np.float64)
    return np.where(estimated, by_type, mass), estimated


def fragmentation_model(
    lc_m: float, rule: FragmentRule = "KRISKO-2011", *, estimated: bool = False
) -> str:
    """FRAGMENTATION_MODEL: model, smallest fragment [m], mass rule, and if a mass is a guess.

    For instance ``NASA_SBM_EVOLVE4 Lc=0.05 KRISKO-2011 MASS_ESTIMATED``.
    """
    return f"NASA_SBM_EVOLVE4 Lc={lc_m:g} {rule}" + (" MASS_ESTIMATED" if estimated else "")
