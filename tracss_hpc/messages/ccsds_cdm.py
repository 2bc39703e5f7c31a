"""Read what risk needs of CCSDS Conjunction Data Messages in KVN [CCSDS 508.0-B-1], with comments.

Fed by other people's files, one message or several; feeds `assess.stated`. Messages of CSpOC and of
NASA CARA put into comments what version 1.0 has no keyword for:

    COMMENT HBR = 20 [m]                            combined hard-body radius, once per message
    COMMENT Exclusion Volume Radius = 5.000000 [m]  one per object
    COMMENT DCP Density Forecast Uncertainty = ...  and the two "DCP Sensitivity Vector RTN" lines

Keywords that risk does not need are passed over, whatever they hold. Of the others nothing is
guessed: another unit, text that is no number or a missing state ends the message, with file, line
and keyword. Other messages of the same file are still read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.epochs import Epoch, parse_epoch
from tracss_hpc.errors import MessageError
from tracss_hpc.messages.cdm import COVARIANCE_KEYWORDS
from tracss_hpc.messages.kvn import kvn_lines, split_unit

__all__ = ["CcsdsCdm", "CcsdsCdmObject", "parse_ccsds_cdms"]

_FIRST = "CCSDS_CDM_VERS"
_STATE = ("X", "Y", "Z", "X_DOT", "Y_DOT", "Z_DOT")
_STATE_UNITS = ("km",) * 3 + ("km/s",) * 3
_COVARIANCE_UNITS = tuple(
    f"m**2{('', '/s', '/s**2')[sum('DOT' in half for half in key.split('_'))]}"
    for key in COVARIANCE_KEYWORDS
)
_COMMENT = re.compile(r"([A-Za-z][A-Za-z0-9 _]*?)[ \t]*=[ \t]*(.*)")
#: Comments that are read, with the units that are taken; a blank unit is one of these too.
_HBR = "COMMENT HBR"
_EXCLUSION = "COMMENT EXCLUSION_VOLUME_RADIUS"
_DENSITY = "COMMENT DCP_DENSITY_FORECAST_UNCERTAINTY"
_POSITION = "COMMENT DCP_SENSITIVITY_VECTOR_RTN_POS"
_VELOCITY = "COMMENT DCP_SENSITIVITY_VECTOR_RTN_VEL"
_SPEED_UNITS = ("m/s", "m/sec")
_EPOCHS = "YYYY-MM-DDThh:mm:ss.fff or YYYY-DDDThh:mm:ss.fff (UTC)"


@dataclass(frozen=True)
class CcsdsCdmObject:
    """One object of a message; numbers NaN and texts blank where the message has none.

    `state` (6,) in `ref_frame` [km, km/s]; `covariance_m2` (21,) lower triangle in the own RTN [m,
    s]; `sensitivity_m` (6,) displacement by a relative density error of 1, own RTN [m, m/s].
    """

    designator: str
    name: str
    international_designator: str
    object_type: str
    ref_frame: str
    state: NDArray[np.float64]
    covariance_m2: NDArray[np.float64]
    hbr_m: float
    exclusion_radius_m: float
    mass_kg: float
    density_uncertainty: float
    sensitivity_m: NDArray[np.float64]


@dataclass(frozen=True)
class CcsdsCdm:
    """One message: what it says of the conjunction, and both objects. `hbr_m` is the combined."""

    file: str
    line: int
    message_id: str
    tca: Epoch
    start_screen_period: Epoch | None
    miss_distance_m: float
    probability: float
    probability_method: str
    hbr_m: float
    objects: tuple[CcsdsCdmObject, CcsdsCdmObject]


def parse_ccsds_cdms(
    text: str, *, file: str = "<text>"
) -> tuple[list[CcsdsCdm], list[MessageError]]:
    """Read all messages of a text; `file` is its name in error messages.

    Returns
    -------
    messages : list of CcsdsCdm
        The good ones, in order.
    errors : list of MessageError
        One for each other, with file, line and keyword.
    """
    messages: list[CcsdsCdm] = []
    errors: list[MessageError] = []
    for sections in _split(text, file, errors):
        try:
            messages.append(_message(sections, file))
        except MessageError as error:
            errors.append(error)
    return messages, errors


@dataclass
class _Section:
    """Texts by keyword of the head of a message or of one object, each with its line."""

    line: int
    values: dict[str, tuple[str, int]] = field(default_factory=dict)


def _split(text: str, file: str, errors: list[MessageError]) -> Iterator[list[_Section]]:
    """Cut a text into messages of head, object 1 and object 2; bad ones go to `errors`."""
    sections: list[_Section] = []
    broken = False
    for line, key, value in kvn_lines(text):
        if key == _FIRST:
            if sections and not broken:
                yield sections
            sections, broken = [_Section(line)], False
        elif broken:
            continue
        try:
            _take(sections, line, key, value, file)
        except MessageError as error:
            errors.append(error)
            broken = True
    if sections and not broken:
        yield sections


def _take(sections: list[_Section], line: int, key: str, value: str, file: str) -> None:
    """Put one line into the section it belongs to."""
    if key == "COMMENT":
        match = _COMMENT.fullmatch(value)
        if match is None or not sections:
            return
        key, value = f"COMMENT {match[1].upper().replace(' ', '_')}", match[2]
        if key not in (_HBR, _EXCLUSION, _DENSITY, _POSITION, _VELOCITY):
            return
    elif not key:
        _fail(file, line, "", value, "KEYWORD = value [unit]", "not a line of a KVN message")
    if not sections:
        _fail(file, line, key, value, _FIRST, f"a message begins with {_FIRST}")
    if key == "OBJECT":
        expected = f"OBJECT{len(sections)}"
        if len(sections) > 2 or value != expected:
            allowed = expected if len(sections) < 3 else "two objects"
            _fail(file, line, key, value, allowed, "objects 1 and 2 follow each other, once each")
        sections.append(_Section(line))
    values = sections[-1].values
    if key in values:
        first = values[key][1]
        _fail(file, line, key, value, "once", f"the keyword stood in line {first} already")
    values[key] = (value, line)


def _message(sections: list[_Section], file: str) -> CcsdsCdm:
    head = sections[0]
    if len(sections) != 3:
        given = f"{len(sections) - 1} objects"
        _fail(file, head.line, "OBJECT", given, "OBJECT1, then OBJECT2", "a message has both")
    tca = _epoch(head, "TCA", file)
    if tca is None:
        _fail(file, head.line, "TCA", "", _EPOCHS, "TCA is missing")
    combined = [_number(s, _HBR, ("m",), file, low=0.0) for s in sections]
    if sum(np.isfinite(combined)) > 1:
        _fail(file, head.line, _HBR, "more than one", "once", "it is combined, one per message")
    return CcsdsCdm(
        file=file,
        line=head.line,
        message_id=_text(head, "MESSAGE_ID"),
        tca=tca,
        start_screen_period=_epoch(head, "START_SCREEN_PERIOD", file),
        miss_distance_m=_number(head, "MISS_DISTANCE", ("m",), file, low=0.0),
        probability=_number(head, "COLLISION_PROBABILITY", (), file, low=0.0, high=1.0),
        probability_method=_text(head, "COLLISION_PROBABILITY_METHOD"),
        hbr_m=next((radius for radius in combined if np.isfinite(radius)), np.nan),
        objects=(_object(sections[1], file), _object(sections[2], file)),
    )


def _object(section: _Section, file: str) -> CcsdsCdmObject:
    for key in _STATE:
        if key not in section.values:
            _fail(file, section.line, key, "", "a number [km] or [km/s]", "the state is incomplete")
    state = [
        _number(section, key, (unit,), file) for key, unit in zip(_STATE, _STATE_UNITS, strict=True)
    ]
    for key, value in zip(_STATE, state, strict=True):
        if np.isnan(value):
            text, line = section.values[key]
            _fail(file, line, key, text, "a finite number", "the state is incomplete")
    covariance = [
        _number(section, key, (unit,), file)
        for key, unit in zip(COVARIANCE_KEYWORDS, _COVARIANCE_UNITS, strict=True)
    ]
    sensitivity = [
        *_vector(section, _POSITION, ("m",), file),
        *_vector(section, _VELOCITY, _SPEED_UNITS, file),
    ]
    return CcsdsCdmObject(
        designator=_text(section, "OBJECT_DESIGNATOR"),
        name=_text(section, "OBJECT_NAME"),
        international_designator=_text(section, "INTERNATIONAL_DESIGNATOR"),
        object_type=_text(section, "OBJECT_TYPE"),
        ref_frame=_text(section, "REF_FRAME"),
        state=np.array(state),
        covariance_m2=np.array(covariance),
        hbr_m=_number(section, "HBR", ("m",), file, low=0.0),
        exclusion_radius_m=_number(section, _EXCLUSION, ("m",), file, low=0.0),
        mass_kg=_number(section, "MASS", ("kg",), file, low=0.0),
        density_uncertainty=_number(section, _DENSITY, (), file),
        sensitivity_m=np.array(sensitivity),
    )


def _text(section: _Section, key: str) -> str:
    return section.values.get(key, ("", 0))[0]


def _epoch(section: _Section, key: str, file: str) -> Epoch | None:
    text, line = section.values.get(key, ("", section.line))
    try:
        return parse_epoch(text) if text else None
    except ValueError as error:
        _fail(file, line, key, text, _EPOCHS, str(error))


def _number(
    section: _Section,
    key: str,
    units: tuple[str, ...],
    file: str,
    *,
    low: float = -np.inf,
    high: float = np.inf,
) -> float:
    """Number of a keyword, NaN where it is absent, blank or written as NaN or N/A."""
    (value,) = _numbers(section, key, units, file, 1)
    if not np.isnan(value) and not low <= value <= high:
        text, line = section.values[key]
        allowed = f"{low:g} to {high:g}" if high < np.inf else f"{low:g} or more"
        _fail(file, line, key, text, allowed, "out of range")
    return value


def _vector(section: _Section, key: str, units: tuple[str, ...], file: str) -> list[float]:
    return _numbers(section, key, units, file, 3)


def _numbers(
    section: _Section, key: str, units: tuple[str, ...], file: str, count: int
) -> list[float]:
    text, line = section.values.get(key, ("", section.line))
    plain, unit = split_unit(text)
    if unit and unit not in units:
        allowed = " or ".join(f"[{u}]" for u in units) or "no unit"
        _fail(file, line, key, f"[{unit}]", allowed, "wrong unit")
    words = plain.split()
    if not words or plain.strip().upper() in ("NAN", "N/A", "NA", "NONE"):
        return [np.nan] * count
    kind = "a number" if count == 1 else f"{count} numbers"
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        _fail(file, line, key, text, kind, "not a number")
    if len(numbers) != count or not np.isfinite(numbers).all() or "_" in plain:
        _fail(file, line, key, text, f"{kind}, finite", "not a number of this keyword")
    return numbers


def _fail(file: str, line: int, key: str, given: object, allowed: str, why: str) -> NoReturn:
    place = f"{file}, line {line}" + (f", {key}" if key else "")
    raise MessageError(
        f"{place}: {why}: given {given!r}, allowed: {allowed}",
        file=file,
        line=line,
        key=key,
        given=given,
        allowed=allowed,
    )
