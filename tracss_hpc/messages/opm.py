"""Orbit parameter messages (OPM, CCSDS 502.0-B-3 section 3): one state, not an ephemeris.

Fed by the text of a file, KVN or XML; gives an `OpmRecord`, which nothing in a screening takes yet.
One state can be in any of the frames of the standard about the Earth: the record names it, and who
uses the state has to ask. The time system must be UTC. Units, where printed, must be those of the
standard. Codes of the rules are those of an OCM.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.errors import MessageError
from tracss_hpc.messages.elements import parse_number
from tracss_hpc.messages.findings import Judge
from tracss_hpc.messages.kvn import kvn_lines, split_unit
from tracss_hpc.messages.ocm_rows import symmetric
from tracss_hpc.messages.oem import check_word, object_of, parse_epoch
from tracss_hpc.messages.oem_parts import COVARIANCE_UNITS, STATE_UNITS, Entry
from tracss_hpc.messages.trajectory_record import TrajectoryObject
from tracss_hpc.messages.utc import Utc
from tracss_hpc.messages.xml_tree import XmlNode, message_root

__all__ = ["OpmManoeuvre", "OpmRecord", "parse_opm"]

_FIRST = "CCSDS_OPM_VERS"
_VERSIONS = ("1.0", "2.0", "3.0")
_STATE = list(STATE_UNITS)[:6]
# fmt: off
_REQUIRED = (
    "CREATION_DATE", "ORIGINATOR", "OBJECT_NAME", "OBJECT_ID", "CENTER_NAME", "REF_FRAME",
    "TIME_SYSTEM", "EPOCH", *_STATE,
)
#: Unit of every keyword of tables 3-1 to 3-3; "" = a number without, None = no number.
_UNITS: dict[str, str | None] = {
    **dict.fromkeys((
        _FIRST, "CLASSIFICATION", "CREATION_DATE", "ORIGINATOR", "MESSAGE_ID", "OBJECT_NAME",
        "OBJECT_ID", "CENTER_NAME", "REF_FRAME", "REF_FRAME_EPOCH", "TIME_SYSTEM", "EPOCH",
        "COV_REF_FRAME", "MAN_EPOCH_IGNITION", "MAN_REF_FRAME",
    )),
    **{key: STATE_UNITS[key] for key in _STATE},
    "SEMI_MAJOR_AXIS": "km", "ECCENTRICITY": "", "INCLINATION": "deg", "RA_OF_ASC_NODE": "deg",
    "ARG_OF_PERICENTER": "deg", "TRUE_ANOMALY": "deg", "MEAN_ANOMALY": "deg", "GM": "km**3/s**2",
    "MASS": "kg", "SOLAR_RAD_AREA": "m**2", "SOLAR_RAD_COEFF": "", "DRAG_AREA": "m**2",
    "DRAG_COEFF": "",
    **COVARIANCE_UNITS,
    "MAN_DURATION": "s", "MAN_DELTA_MASS": "kg",
    **dict.fromkeys(("MAN_DV_1", "MAN_DV_2", "MAN_DV_3"), "km/s"),
}
_KEPLERIAN = (
    "SEMI_MAJOR_AXIS", "ECCENTRICITY", "INCLINATION", "RA_OF_ASC_NODE", "ARG_OF_PERICENTER",
    "TRUE_ANOMALY", "MEAN_ANOMALY", "GM",
)
# fmt: on
_NOT_NEGATIVE = (
    "MASS",
    "SOLAR_RAD_AREA",
    "SOLAR_RAD_COEFF",
    "DRAG_AREA",
    "DRAG_COEFF",
    "MAN_DURATION",
)  # fmt: skip
_MANOEUVRE = [key for key in _UNITS if key.startswith("MAN_")]
#: Frames of 502.0-B-3 3.2.3.3 about the Earth; ITRF with its year.
_FRAME = re.compile(r"EME2000|J2000|GCRF|ICRF|ITRF[- ]?(\d{2}|\d{4})?|TEME|TOD|GRC|TDR", re.ASCII)
_ORBITAL = ("RSW", "RTN", "TNW")
_GROUPS = frozenset(["header", "body", "segment", "metadata", "data", "stateVector"])
_XML_DATA = {
    "keplerianElements", "spacecraftParameters", "covarianceMatrix", "maneuverParameters",
    "userDefinedParameters",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class OpmManoeuvre:
    """A manoeuvre: ignition, duration (0 = impulsive), change of mass, change of velocity."""

    ignition: Utc
    duration_s: float
    delta_mass_kg: float
    frame: str  # of `dv_km_s`, as printed
    dv_km_s: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True, eq=False)
class OpmRecord:
    """One orbit parameter message; texts that it does not give are blank, numbers NaN.

    `r` (3,) [km] and `v` (3,) [km/s] at `epoch` in `frame`; `covariance` (6, 6) [km^2, km^2/s,
    km^2/s^2] in `covariance_frame`, or None. `keplerian` has the printed elements by keyword
    [km, deg, km^3/s^2], `user` the text of every ``USER_DEFINED_`` parameter.
    """

    file: str
    object: TrajectoryObject
    epoch: Utc
    r: NDArray[np.float64]
    v: NDArray[np.float64]
    frame: str
    creation_date: Utc
    originator: str
    version: str
    frame_epoch: str = ""
    center: str = "EARTH"
    time_system: str = "UTC"
    message_id: str = ""
    classification: str = ""
    covariance: NDArray[np.float64] | None = None
    covariance_frame: str = ""
    keplerian: Mapping[str, float] = field(default_factory=dict)
    manoeuvres: tuple[OpmManoeuvre, ...] = ()
    user: Mapping[str, str] = field(default_factory=dict)


class _Cut(NamedTuple):
    """A message as text: keywords, manoeuvres one by one, parameters of the user."""

    values: dict[str, Entry]
    manoeuvres: list[dict[str, Entry]]
    user: dict[str, Entry]


def parse_opm(text: str, *, file: str = "<text>") -> OpmRecord:
    """Read an OPM in KVN or XML; which of them follows from the first character.

    Raises
    ------
    MessageError
        With the code of the broken rule, file, line, keyword, what was found, what is expected.
    """
    judge = Judge(file)
    xml = text.lstrip().startswith("<")
    values, manoeuvres, user = _cut(_xml_entries(text, judge) if xml else kvn_lines(text), judge)
    _check(values, judge)
    numbers = _numbers(values, judge)
    covariance = [numbers[key] for key in COVARIANCE_UNITS if key in numbers]
    frame = values["REF_FRAME"].text.upper()
    return OpmRecord(
        file=file,
        object=_object(values, numbers),
        epoch=parse_epoch("EPOCH", values["EPOCH"], judge),
        r=np.array([numbers[key] for key in _STATE[:3]]),
        v=np.array([numbers[key] for key in _STATE[3:]]),
        frame=frame,
        creation_date=parse_epoch("CREATION_DATE", values["CREATION_DATE"], judge),
        originator=values["ORIGINATOR"].text,
        version=values[_FIRST].text,
        frame_epoch=_text(values, "REF_FRAME_EPOCH"),
        message_id=_text(values, "MESSAGE_ID"),
        classification=_text(values, "CLASSIFICATION"),
        covariance=symmetric(np.array([covariance]), 6)[0] if covariance else None,
        covariance_frame=_text(values, "COV_REF_FRAME").upper() or frame if covariance else "",
        keplerian={key: numbers[key] for key in _KEPLERIAN if key in numbers},
        manoeuvres=tuple(_manoeuvre(part, judge) for part in manoeuvres),
        user={key: entry.text for key, entry in user.items()},
    )


def _xml_entries(text: str, judge: Judge) -> Iterator[tuple[int, str, str]]:
    """Line, keyword and value of every element that holds one, a unit in brackets behind it."""
    root = message_root(text, "opm", judge)
    yield root.line, _FIRST, root.attributes.get("version", "")
    yield from _leaves(root, judge)


def _leaves(node: XmlNode, judge: Judge) -> Iterator[tuple[int, str, str]]:
    for item in node.children:
        if item.tag in _GROUPS or item.tag in _XML_DATA:
            yield from _leaves(item, judge)
        elif item.children:
            why = "unknown element"
            raise judge.fatal("O03", item.line, "", f"<{item.tag}>", "an element of an OPM", why)
        else:
            user = item.tag == "USER_DEFINED"
            key = f"USER_DEFINED_{item.attributes.get('parameter', '')}" if user else item.tag
            unit = item.attributes.get("units")
            yield item.line, key, item.text if unit is None else f"{item.text} [{unit}]"


def _cut(lines: Iterator[tuple[int, str, str]], judge: Judge) -> _Cut:
    parts = _Cut({}, [], {})
    for number, key, value in lines:
        if not parts.values and key != _FIRST:
            found = f"{key} = {value}" if key else value
            raise judge.fatal("O01", number, "", found, f"{_FIRST} = 3.0 first", "not an OPM")
        if key == "COMMENT":
            continue
        if key.startswith("USER_DEFINED_"):
            target = parts.user
        elif key not in _UNITS:
            found = key or value
            raise judge.fatal("O03", number, "", found, "KEYWORD = value", "no keyword of an OPM")
        elif key in _MANOEUVRE:
            if key == _MANOEUVRE[0]:
                parts.manoeuvres.append({})
            if not parts.manoeuvres:
                why = "no manoeuvre begins so"
                raise judge.fatal("O03", number, key, key, f"{_MANOEUVRE[0]} first", why)
            target = parts.manoeuvres[-1]
        else:
            target = parts.values
        if key in target:
            why = f"given in line {target[key].line} already"
            raise judge.fatal("O03", number, key, value, "once", why)
        target[key] = Entry(value, number)
    return parts


def _check(values: dict[str, Entry], judge: Judge) -> None:
    """Version, what must be there, and the words that say what the state means."""
    first = values.get(_FIRST, Entry("", 0))
    check_word("O01", _FIRST, first, _VERSIONS, "another version", judge)
    given = {key for key, entry in values.items() if entry.text}
    anomaly = "TRUE_ANOMALY" if "TRUE_ANOMALY" in given else "MEAN_ANOMALY"
    elements = [key for key in _KEPLERIAN if not key.endswith("ANOMALY")] + [anomaly]
    for keys in (_REQUIRED, elements, list(COVARIANCE_UNITS)):
        for key in keys:
            if key not in given and (keys is _REQUIRED or given.intersection(keys)):
                line = values.get(key, first).line
                raise judge.fatal("O02", line, key, "", "a value", "missing")
    check_word(
        "O04", "TIME_SYSTEM", values["TIME_SYSTEM"], ("UTC",), "convert the epochs first", judge
    )
    check_word(
        "O05", "CENTER_NAME", values["CENTER_NAME"], ("EARTH",), "not about the Earth", judge
    )
    _check_frame("O06", "REF_FRAME", values, (), judge)
    _check_frame("O16", "COV_REF_FRAME", values, _ORBITAL, judge)


def _check_frame(
    code: str, key: str, values: dict[str, Entry], others: tuple[str, ...], judge: Judge
) -> None:
    text, line = values.get(key, Entry("", 0))
    if text and text.upper() not in others and not _FRAME.fullmatch(text.upper()):
        expected = ", ".join([*others, "EME2000, GCRF, ICRF, ITRF..., TEME, TOD, GRC or TDR"])
        raise judge.fatal(code, line, key, text, expected, "an unknown frame; convert it first")


def _numbers(values: dict[str, Entry], judge: Judge) -> dict[str, float]:
    """All keywords that are numbers, in the units of the standard."""
    numbers: dict[str, float] = {}
    for key, (text, line) in values.items():
        unit = _UNITS[key]
        if unit is None or not text:
            continue
        digits, printed = split_unit(text)
        if printed and printed != unit:
            expected = unit or "no unit"
            raise judge.fatal("O08", line, key, printed, expected, "another unit; convert it first")
        try:
            numbers[key] = parse_number(key, digits)
        except MessageError:
            why = "not a number"
            raise judge.fatal("O10", line, key, digits, "a finite decimal number", why) from None
        if numbers[key] < 0.0 and key in _NOT_NEGATIVE:
            raise judge.fatal("O10", line, key, digits, "0 or more", "out of range")
    return numbers


def _object(values: dict[str, Entry], numbers: dict[str, float]) -> TrajectoryObject:
    identity = object_of(values)
    nan = float("nan")
    return TrajectoryObject(
        designator=identity.designator,
        name=identity.name,
        international_designator=identity.international_designator,
        mass_kg=numbers.get("MASS", nan),
        drag_area_m2=numbers.get("DRAG_AREA", nan),
        drag_coefficient=numbers.get("DRAG_COEFF", nan),
        srp_area_m2=numbers.get("SOLAR_RAD_AREA", nan),
        srp_coefficient=numbers.get("SOLAR_RAD_COEFF", nan),
    )


def _manoeuvre(part: dict[str, Entry], judge: Judge) -> OpmManoeuvre:
    first = part[_MANOEUVRE[0]]
    for key in _MANOEUVRE:
        if not part.get(key, Entry("", 0)).text:
            raise judge.fatal("O02", first.line, key, "", "a value", "missing in a manoeuvre")
    _check_frame("O06", "MAN_REF_FRAME", part, _ORBITAL, judge)
    numbers = _numbers(part, judge)
    return OpmManoeuvre(
        ignition=parse_epoch(_MANOEUVRE[0], first, judge),
        duration_s=numbers["MAN_DURATION"],
        delta_mass_kg=numbers["MAN_DELTA_MASS"],
        frame=part["MAN_REF_FRAME"].text.upper(),
        dv_km_s=(numbers["MAN_DV_1"], numbers["MAN_DV_2"], numbers["MAN_DV_3"]),
    )


def _text(values: dict[str, Entry], key: str) -> str:
    return values.get(key, Entry("", 0)).text
