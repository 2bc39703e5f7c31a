"""What an ephemeris message says, whatever its format: one record for OCM, OEM and ITC.

Fed by the readers of those messages; feeds their writers and `ephemeris.tabulated`, which
interpolates. Nothing is computed here: frames, units and epochs are those that the reader found or
turned into km, km/s and UTC. A text that a message does not give is blank, a number NaN.

    TrajectoryRecord
      object    whose orbit it is            od      how it was determined
      blocks    one or more, in time order;  model   with which forces
                an impulsive burn may lie    manoeuvres, extra   kept as printed
                between two of them
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.messages.utc import Utc

__all__ = [
    "Finding",
    "ForceModel",
    "Manoeuvre",
    "OrbitDetermination",
    "TrajectoryBlock",
    "TrajectoryObject",
    "TrajectoryRecord",
]

_NAN = float("nan")


class Finding(NamedTuple):
    """What a reader did not like but took: a rule that warns, or one it was told to forgive."""

    code: str  # of the rule, e.g. O12
    file: str
    line: int
    key: str
    found: str
    expected: str
    text: str  # the whole sentence


@dataclass(frozen=True, kw_only=True, eq=False)
class TrajectoryBlock:
    """States without a break: interpolation never crosses from one block into the next.

    `jd`, `seconds` (n,) UTC midnight and seconds since it (`messages.utc`), strictly increasing;
    `r` (n, 3) [km], `v` (n, 3) [km/s], `a` (n, 3) [km/s^2] or None, in the frame of the record.
    `covariance` (k, 3, 3) [km^2] or (k, 6, 6) [km^2, km^2/s, km^2/s^2] at its own epochs, or None;
    `covariance_frame` as printed (RSW_INERTIAL, TNW_INERTIAL, EME2000 ...), blank without one.
    """

    jd: NDArray[np.float64]
    seconds: NDArray[np.float64]
    r: NDArray[np.float64]
    v: NDArray[np.float64]
    useable_start: Utc
    useable_stop: Utc
    a: NDArray[np.float64] | None = None
    covariance_jd: NDArray[np.float64] | None = None
    covariance_seconds: NDArray[np.float64] | None = None
    covariance: NDArray[np.float64] | None = None
    covariance_frame: str = ""
    id: str = ""
    basis: str = ""  # OPERATIONAL, CANDIDATE; blank where the format has no such word
    interpolation: str = ""
    interpolation_degree: int | None = None
    extra: Mapping[str, str] = field(default_factory=dict)  # keyword -> text
    covariance_extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TrajectoryObject:
    """Whose orbit it is. Words are those of the message; `hbr_m`, areas and mass NaN if absent."""

    designator: str = ""
    name: str = ""
    international_designator: str = ""
    catalog_name: str = ""
    object_type: str = ""
    ops_status: str = ""
    orbit_category: str = ""
    operator: str = ""
    owner: str = ""
    country: str = ""
    constellation: str = ""
    maneuverable: str = ""  # YES, NO, UNKNOWN
    originator_phone: str = ""
    originator_email: str = ""
    originator_address: str = ""
    hbr_m: float = _NAN
    mass_kg: float = _NAN
    area_pc_m2: float = _NAN
    drag_area_m2: float = _NAN
    drag_coefficient: float = _NAN
    srp_area_m2: float = _NAN
    srp_coefficient: float = _NAN


@dataclass(frozen=True, kw_only=True)
class OrbitDetermination:
    """How the orbit was determined (OD block of an OCM); counts None where absent."""

    epoch: Utc | None = None
    days_since_first_obs: float = _NAN
    days_since_last_obs: float = _NAN
    recommended_span_days: float = _NAN
    actual_span_days: float = _NAN
    obs_available: int | None = None
    obs_used: int | None = None
    tracks_available: int | None = None
    tracks_used: int | None = None
    sedr_w_kg: float = _NAN
    weighted_rms: float = _NAN


@dataclass(frozen=True, kw_only=True)
class ForceModel:
    """Forces of the propagation, in the words of the message (PERT block of an OCM)."""

    atmospheric: str = ""
    gravity: str = ""
    n_body: str = ""
    ocean_tides: str = ""
    solid_tides: str = ""
    srp: str = ""


@dataclass(frozen=True, kw_only=True)
class Manoeuvre:
    """A manoeuvre block as printed; stored, not used: the states contain the burn already."""

    values: Mapping[str, str]
    rows: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class TrajectoryRecord:
    """One ephemeris message of one object.

    `frame` is that of the states (EME2000), `time_system` that of the message: epochs of the record
    are UTC. `extra` holds what has no field: section of the message -> keyword -> text as printed.
    """

    source_format: str  # OCM, OEM, ITC
    file: str
    object: TrajectoryObject
    blocks: tuple[TrajectoryBlock, ...]
    version: str = ""
    message_id: str = ""
    creation_date: Utc | None = None
    originator: str = ""
    classification: str = ""
    frame: str = "EME2000"
    center: str = "EARTH"
    time_system: str = "UTC"
    od: OrbitDetermination = OrbitDetermination()
    model: ForceModel = ForceModel()
    manoeuvres: tuple[Manoeuvre, ...] = ()
    extra: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    warnings: tuple[Finding, ...] = ()
