"""Orbit mean-elements messages (OMM, CCSDS 502.0-B-3 section 4) to element sets.

Fed by the text of a file; feeds the catalog. Four notations of one message: KVN and XML as the
standard has them, JSON and CSV as CelesTrak and Space-Track serve them. Each notation is cut into
keyword -> text, then one function judges the record, so all four obey the same rules:

- theory SGP4 or SGP/SGP4, centre EARTH, frame TEME, time system UTC, ephemeris type 0; anything
  else would be propagated silently wrong and is refused. KVN and XML must state the first four
  (they are mandatory there); JSON and CSV may leave them out, as CelesTrak does.
- KVN and XML hold the standard's keywords and ``USER_DEFINED_*`` only; JSON and CSV may hold
  any further key.
- a unit, where printed, must be the standard's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NoReturn

from tracss_hpc.errors import MessageError
from tracss_hpc.messages.elements import (
    ElementSet,
    ElementSets,
    Rejection,
    check_elements,
    check_ephemeris_type,
    clean_name,
    expand_designator,
    international_designator,
    iso_epoch,
    parse_number,
    parse_whole,
)
from tracss_hpc.messages.kvn import split_unit
from tracss_hpc.messages.omm_records import (
    Cut,
    Record,
    csv_records,
    json_records,
    kvn_records,
    xml_records,
)

__all__ = ["OMM_UNITS", "read_omm_csv", "read_omm_json", "read_omm_kvn", "read_omm_xml"]

#: Numeric keywords and the unit each may print (502.0-B-3 table 4-3).
OMM_UNITS = {
    "MEAN_MOTION": "rev/day",
    "ECCENTRICITY": "",
    "INCLINATION": "deg",
    "RA_OF_ASC_NODE": "deg",
    "ARG_OF_PERICENTER": "deg",
    "MEAN_ANOMALY": "deg",
    "BSTAR": "1/ER",
    "MEAN_MOTION_DOT": "rev/day**2",
    "MEAN_MOTION_DDOT": "rev/day**3",
}
#: What a record cannot do without.
_REQUIRED = (
    "NORAD_CAT_ID",
    "EPOCH",
    "MEAN_MOTION",
    "ECCENTRICITY",
    "INCLINATION",
    "RA_OF_ASC_NODE",
    "ARG_OF_PERICENTER",
    "MEAN_ANOMALY",
    "BSTAR",
)
#: The only settings SGP4 elements may have.
_SETTINGS = {
    "MEAN_ELEMENT_THEORY": ("SGP4", "SGP/SGP4"),
    "CENTER_NAME": ("EARTH",),
    "REF_FRAME": ("TEME",),
    "TIME_SYSTEM": ("UTC",),
}
_AXES = ("X", "Y", "Z", "X_DOT", "Y_DOT", "Z_DOT")
# fmt: off
#: Every keyword of 502.0-B-3 tables 4-1 to 4-3.
_KEYWORDS = frozenset([
    *_REQUIRED, *_SETTINGS, *OMM_UNITS,
    "CCSDS_OMM_VERS", "COMMENT", "CLASSIFICATION", "CREATION_DATE", "ORIGINATOR", "MESSAGE_ID",
    "OBJECT_NAME", "OBJECT_ID", "REF_FRAME_EPOCH", "SEMI_MAJOR_AXIS", "GM", "MASS",
    "SOLAR_RAD_AREA", "SOLAR_RAD_COEFF", "DRAG_AREA", "DRAG_COEFF", "EPHEMERIS_TYPE",
    "CLASSIFICATION_TYPE", "ELEMENT_SET_NO", "REV_AT_EPOCH", "BTERM", "AGOM", "COV_REF_FRAME",
    *(f"C{row}_{column}" for i, row in enumerate(_AXES) for column in _AXES[: i + 1]),
])
# fmt: on
#: Space-Track's OBJECT_TYPE words to those of the CDM.
_OBJECT_TYPES = {
    "PAYLOAD": "PAYLOAD",
    "ROCKET BODY": "ROCKET BODY",
    "DEBRIS": "DEBRIS",
    "OTHER": "OTHER",
    "UNKNOWN": "UNKNOWN",
    "TBA": "UNKNOWN",
}


def read_omm_kvn(text: str, file: str = "") -> ElementSets:
    """Read every OMM of a KVN text; each ``CCSDS_OMM_VERS`` line begins a record.

    `file` is unused: no fault of a KVN text spoils more than its record.
    """
    return _collect(kvn_records(text), strict_keys=True)


def read_omm_xml(text: str, file: str = "") -> ElementSets:
    """Read every OMM of an XML text whose root is ``ndm`` or ``omm``; `file` is for messages.

    Raises
    ------
    InputDataError
        If the text is not well-formed, declares a document type or an entity (refused: nothing
        outside the file is ever read), or has another root. Carries `file`, `line`.
    """
    return _collect(xml_records(text, file), strict_keys=True)


def read_omm_json(text: str, file: str = "") -> ElementSets:
    """Read an OMM JSON object or a list of them (CelesTrak, Space-Track); `file` is for messages.

    Raises
    ------
    InputDataError
        If the text is not JSON, or its top level is neither a list nor a record. Carries `file`,
        `line`.
    """
    return _collect(json_records(text, file), strict_keys=False)


def read_omm_csv(text: str, file: str = "") -> ElementSets:
    """Read OMM rows below one header row of keywords, in any order of columns.

    Raises
    ------
    InputDataError
        If the header lacks a column no record can do without, or has one twice. Carries `file`,
        `line`, `key`.
    """
    return _collect(csv_records(text, _REQUIRED, file), strict_keys=False)


def _collect(records: Iterator[Cut], *, strict_keys: bool) -> ElementSets:
    """Judge every record; faults of notation come with it."""
    sets: list[ElementSet] = []
    rejected: list[Rejection] = []
    for number, record, fault in records:
        try:
            if fault is not None:
                raise fault
            sets.append(_read_record(number, record, strict_keys))
        except MessageError as error:
            whose = record.get("NORAD_CAT_ID") or record.get("OBJECT_NAME", "")
            given = str(error.given or "")
            rejected.append(Rejection(number, whose, str(error), error.key, given))
    return ElementSets(sets, rejected)


def _read_record(number: int, record: Record, strict_keys: bool) -> ElementSet:
    get: Callable[[str, str], str] = record.get
    _check_settings(record, strict_keys)
    check_ephemeris_type(get("EPHEMERIS_TYPE", ""))
    for key in _REQUIRED:
        if not get(key, ""):
            _refuse_missing(key, record)
    jd, fr = iso_epoch(record["EPOCH"])
    return check_elements(
        ElementSet(
            designator=expand_designator(record["NORAD_CAT_ID"]),
            name=clean_name(get("OBJECT_NAME", "")),
            international_designator=international_designator(get("OBJECT_ID", "")),
            object_type=_OBJECT_TYPES.get(_stated(record, "OBJECT_TYPE").upper(), ""),
            owner=_stated(record, "COUNTRY_CODE"),
            epoch_jd=jd,
            epoch_fr=fr,
            mean_motion=_number(record, "MEAN_MOTION"),
            eccentricity=_number(record, "ECCENTRICITY"),
            inclination=_number(record, "INCLINATION"),
            raan=_number(record, "RA_OF_ASC_NODE"),
            arg_perigee=_number(record, "ARG_OF_PERICENTER"),
            mean_anomaly=_number(record, "MEAN_ANOMALY"),
            bstar=_number(record, "BSTAR"),
            mean_motion_dot=_number(record, "MEAN_MOTION_DOT"),
            mean_motion_ddot=_number(record, "MEAN_MOTION_DDOT"),
            element_set_no=parse_whole("ELEMENT_SET_NO", get("ELEMENT_SET_NO", "") or "0"),
            rev_at_epoch=parse_whole("REV_AT_EPOCH", get("REV_AT_EPOCH", "") or "0"),
            classification=" ".join(get("CLASSIFICATION_TYPE", "").split()) or "U",
            record=number,
        )
    )


def _stated(record: Record, key: str) -> str:
    """What Space-Track adds: a plain key in JSON and CSV, ``USER_DEFINED_`` in KVN and XML."""
    text = record.get(key, "") or record.get(f"USER_DEFINED_{key}", "")
    return clean_name(text) if text else ""


def _check_settings(record: Record, strict_keys: bool) -> None:
    for key, allowed in _SETTINGS.items():
        given = record.get(key, "")
        if not given and not strict_keys:
            continue
        if given.upper() not in allowed:
            raise MessageError(
                f"{key} is {given or 'missing'}, allowed is {' or '.join(allowed)}",
                key=key,
                given=given,
                allowed=allowed,
            )
    if strict_keys:
        for key in record:
            if key not in _KEYWORDS and not key.startswith("USER_DEFINED_"):
                raise MessageError(
                    f"{key} is no keyword of an OMM (502.0-B-3 section 4)", key=key, given=key
                )


def _refuse_missing(key: str, record: Record) -> NoReturn:
    hint = ""
    if key == "BSTAR" and record.get("BTERM"):
        hint = "; BTERM belongs to SGP4-XP, which SGP4 cannot propagate"
    if key == "MEAN_MOTION" and record.get("SEMI_MAJOR_AXIS"):
        hint = "; SGP4 takes MEAN_MOTION, not SEMI_MAJOR_AXIS"
    raise MessageError(f"{key} is missing{hint}", key=key)


def _number(record: Record, key: str) -> float:
    text = record.get(key, "") or "0"
    if text.endswith("]"):
        text, unit = split_unit(text)
        if unit != OMM_UNITS[key]:
            raise MessageError(
                f"{key} has the unit [{unit}], allowed is [{OMM_UNITS[key]}] or none",
                key=key,
                given=unit,
                allowed=OMM_UNITS[key],
            )
    return parse_number(key, text)
