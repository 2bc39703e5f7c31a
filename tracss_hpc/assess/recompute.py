"""What a message states of a conjunction, computed again from its own states and covariances.

Fed by messages (`messages.cdm`) and the same conjunctions as `assess.stated` has them, states in
EME2000; feeds the command `cdm`: its check, and the lines it fills when it converts a message to a
profile that has more. Tolerances are half the last digit that operational messages print, and what
the rounding of states and TCA adds: misses and speeds are whole m and m/s, apsides whole km (CARA
rounds, CSpOC cuts off: up to 1), relative components 0.1 m and 0.1 m/s, angles 0.1 deg. Worst of
the 26 messages of CARA: 0.47 m, 0.49 m/s, 0.050 m, 0.050 m/s, 0.51 km, 0.049 deg, Pc 0.26 %.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.assess.encounter import find_encounters
from tracss_hpc.assess.probability import foster_1992
from tracss_hpc.assess.stated import StatedConjunctions
from tracss_hpc.ephemeris.frames import pole_of_date
from tracss_hpc.ephemeris.osculating import osculating_orbit

__all__ = ["RECOMPUTED", "Tolerance", "agrees", "recompute_lines"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Tolerance:
    """How far a stated value may be from the recomputed: absolute, or this share of it."""

    absolute: float
    relative: float = 0.0


_OWN = {
    **{f"RELATIVE_POSITION_{axis}": Tolerance(0.06) for axis in "RTN"},  # m
    **{f"RELATIVE_VELOCITY_{axis}": Tolerance(0.06) for axis in "RTN"},  # m/s
    "APPROACH_ANGLE": Tolerance(0.06),  # deg
    "APOAPSIS_ALTITUDE": Tolerance(1.05),  # km
    "PERIAPSIS_ALTITUDE": Tolerance(1.05),  # km
    "INCLINATION": Tolerance(0.06),  # deg
}
#: Lines that can be computed again, in the order of the message. Pc: 1 ms of TCA and the digits of
#: states and covariances move it by up to some percent where the miss is several sigmas.
RECOMPUTED: dict[str, Tolerance] = {
    "MISS_DISTANCE": Tolerance(1.05),  # m
    "MAHALANOBIS_DISTANCE": Tolerance(0.002, 0.01),
    "RELATIVE_SPEED": Tolerance(1.05),  # m/s
    "COLLISION_PROBABILITY": Tolerance(1e-15, 0.05),
    **{f"SAT1_{name}": tolerance for name, tolerance in _OWN.items()},
    **{f"SAT2_{name}": tolerance for name, tolerance in _OWN.items()},
}


def recompute_lines(stated: StatedConjunctions) -> tuple[dict[str, Array], NDArray[np.int8]]:
    """Values of the lines of RECOMPUTED, each (n,), in the units of the keyword table.

    The second result says of each row why it has no probability (`encounter.ENCOUNTER_STATUS`).

    Pc is Foster's 2-D integral over the circle of the combined radius, in the encounter plane, or
    over the square around it where that is nearer to what the message states: CSpOC takes it.
    Values that need a covariance or a radius are NaN where there is none.
    """
    e = find_encounters(
        stated.state[0],
        stated.state[1],
        stated.covariance_m2[0] * 1e-6,
        stated.covariance_m2[1] * 1e-6,
        stated.hbr_m * 1e-3,
    )
    pole = pole_of_date(stated.tca_jd, stated.tca_fr)
    lines = {
        "MISS_DISTANCE": e.miss_distance_km * 1e3,
        "MAHALANOBIS_DISTANCE": e.mahalanobis_distance,
        "RELATIVE_SPEED": e.relative_speed_km_s * 1e3,
        "COLLISION_PROBABILITY": _nearest(
            stated.probability, foster_1992(e), foster_1992(e, "square")
        ),
    }
    for k, position, velocity in (
        (1, e.relative_position1_km, e.relative_velocity1_km_s),
        (2, e.relative_position2_km, e.relative_velocity2_km_s),
    ):
        orbit = osculating_orbit(stated.state[k - 1], pole)
        lines |= {
            f"SAT{k}_RELATIVE_POSITION_{a}": position[:, i] * 1e3 for i, a in enumerate("RTN")
        }
        lines |= {
            f"SAT{k}_RELATIVE_VELOCITY_{a}": velocity[:, i] * 1e3 for i, a in enumerate("RTN")
        }
        lines |= {
            f"SAT{k}_APPROACH_ANGLE": e.approach_angle_deg,
            f"SAT{k}_APOAPSIS_ALTITUDE": orbit.apoapsis_altitude_km,
            f"SAT{k}_PERIAPSIS_ALTITUDE": orbit.periapsis_altitude_km,
            f"SAT{k}_INCLINATION": orbit.inclination_deg,
        }
    return lines, e.status


def agrees(name: str, stated: Array, recomputed: Array) -> NDArray[np.bool_]:
    """Whether stated values of a line are within its tolerance of the recomputed ones."""
    tolerance = RECOMPUTED[name]
    allowed = tolerance.absolute + tolerance.relative * np.abs(recomputed)
    return np.abs(stated - recomputed) <= allowed


def _nearest(stated: Array, circle: Array, square: Array) -> Array:
    """Each row's value over the square where the stated one is within 1 % of it alone."""
    near_square = np.abs(stated - square) <= 0.01 * square
    return np.where(near_square & ~(np.abs(stated - circle) <= 0.01 * circle), square, circle)
