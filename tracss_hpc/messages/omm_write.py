"""Mean element sets as orbit mean-elements messages (OMM, CCSDS 502.0-B-3 section 4).

Fed by element sets of any source; feeds files that `omm` and everybody else read. Four notations
of the same record: KVN and XML as the standard has them, JSON and CSV with the keys that
CelesTrak and Space-Track serve. What is written reads back identically: a number is the shortest
decimal of its float, an epoch has as many decimals as its day fraction needs (6 for any TLE), and
catalog numbers have up to 9 digits. Object type and owner, which the standard has no keyword for,
are ``USER_DEFINED_`` lines in KVN and XML, as Space-Track writes them.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Literal
from xml.sax.saxutils import escape, quoteattr

from tracss_hpc.constants import DAY_S
from tracss_hpc.epochs import Epoch
from tracss_hpc.messages.elements import ElementSet
from tracss_hpc.messages.odm_text import NDM_SCHEMA
from tracss_hpc.messages.omm import OMM_UNITS

__all__ = ["OMM_FORMATS", "OmmFormat", "write_omm"]

OmmFormat = Literal["kvn", "xml", "json", "csv"]

#: The settings that SGP4 elements have in every message (502.0-B-3 table 4-2).
_SETTINGS = {
    "CENTER_NAME": "EARTH",
    "REF_FRAME": "TEME",
    "TIME_SYSTEM": "UTC",
    "MEAN_ELEMENT_THEORY": "SGP4",
}
#: Keyword and field of the mean elements (table 4-3), then of the TLE parameters.
_ELEMENTS = {
    "MEAN_MOTION": "mean_motion",
    "ECCENTRICITY": "eccentricity",
    "INCLINATION": "inclination",
    "RA_OF_ASC_NODE": "raan",
    "ARG_OF_PERICENTER": "arg_perigee",
    "MEAN_ANOMALY": "mean_anomaly",
}
_TLE_PARAMETERS = {
    "CLASSIFICATION_TYPE": "classification",
    "NORAD_CAT_ID": "designator",
    "ELEMENT_SET_NO": "element_set_no",
    "REV_AT_EPOCH": "rev_at_epoch",
    "BSTAR": "bstar",
    "MEAN_MOTION_DOT": "mean_motion_dot",
    "MEAN_MOTION_DDOT": "mean_motion_ddot",
}
#: Keys of Space-Track that the standard does not have; printed where stated.
_STATED = {"OBJECT_TYPE": "object_type", "COUNTRY_CODE": "owner"}
_NDM = f'<?xml version="1.0" encoding="UTF-8"?>\n<ndm {NDM_SCHEMA}>\n'


def write_omm(
    sets: Sequence[ElementSet], form: OmmFormat, *, creation_date: Epoch, originator: str
) -> str:
    """Text of one file with an OMM for every set, in their order.

    Parameters
    ----------
    sets
        Element sets, as any reader of this package gives them.
    form
        Notation; one of `OMM_FORMATS`.
    creation_date
        UTC, in the header of every KVN and XML message (JSON and CSV have none). It is passed
        in, so that equal input gives equal bytes.
    originator
        Who writes, in the same headers.
    """
    return _WRITERS[form](sets, creation_date.iso(), originator)


def _write_kvn(sets: Sequence[ElementSet], created: str, originator: str) -> str:
    lines: list[str] = []
    for row in sets:
        values = {
            "CCSDS_OMM_VERS": "3.0",
            "CREATION_DATE": created,
            "ORIGINATOR": originator,
            **_names(row),
            **_SETTINGS,
            **_numbers(row),
            **{f"USER_DEFINED_{key}": text for key, text in _stated(row).items()},
        }
        for key, value in values.items():
            unit = OMM_UNITS.get(key)
            lines.append(f"{key} = {value}" + (f" [{unit}]" if unit else ""))
        lines.append("")
    return "\n".join(lines)


def _write_xml(sets: Sequence[ElementSet], created: str, originator: str) -> str:
    parts = [_NDM]
    for row in sets:
        numbers = _numbers(row)
        mean = {key: numbers.pop(key) for key in ("EPOCH", *_ELEMENTS)}
        stated = "".join(
            f"<USER_DEFINED parameter={quoteattr(key)}>{escape(text)}</USER_DEFINED>\n"
            for key, text in _stated(row).items()
        )
        if stated:
            stated = f"<userDefinedParameters>\n{stated}</userDefinedParameters>\n"
        parts.append(
            '<omm id="CCSDS_OMM_VERS" version="3.0">\n<header>\n'
            f"{_xml_lines({'CREATION_DATE': created, 'ORIGINATOR': originator})}</header>\n"
            f"<body>\n<segment>\n<metadata>\n{_xml_lines({**_names(row), **_SETTINGS})}"
            f"</metadata>\n<data>\n<meanElements>\n{_xml_lines(mean)}</meanElements>\n"
            f"<tleParameters>\n{_xml_lines(numbers)}</tleParameters>\n{stated}"
            "</data>\n</segment>\n</body>\n</omm>\n"
        )
    return "".join([*parts, "</ndm>\n"])


def _xml_lines(values: dict[str, str]) -> str:
    lines = []
    for key, value in values.items():
        unit = f' units="{OMM_UNITS[key]}"' if OMM_UNITS.get(key) else ""
        lines.append(f"<{key}{unit}>{escape(value)}</{key}>\n")
    return "".join(lines)


def _write_json(sets: Sequence[ElementSet], created: str, originator: str) -> str:
    lines = []
    for row in sets:
        texts = {**_names(row), "EPOCH": _epoch_text(row)}
        values = {key: getattr(row, field) for key, field in _ELEMENTS.items()}
        parameters = {key: getattr(row, field) for key, field in _TLE_PARAMETERS.items()}
        record = {**texts, **values, "EPHEMERIS_TYPE": 0, **parameters, **_stated(row)}
        lines.append(json.dumps(record, separators=(",", ":")))
    return "[" + ",\n".join(lines) + "]\n"


def _write_csv(sets: Sequence[ElementSet], created: str, originator: str) -> str:
    columns = ["OBJECT_NAME", "OBJECT_ID", "EPOCH", *_ELEMENTS, "EPHEMERIS_TYPE", *_TLE_PARAMETERS]
    columns += [key for key, field in _STATED.items() if any(getattr(row, field) for row in sets)]
    text = io.StringIO()
    rows = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    rows.writeheader()
    rows.writerows({**_names(row), **_numbers(row), **_stated(row)} for row in sets)
    return text.getvalue()


def _names(row: ElementSet) -> dict[str, str]:
    return {"OBJECT_NAME": row.name, "OBJECT_ID": row.international_designator}


def _numbers(row: ElementSet) -> dict[str, str]:
    """Epoch, mean elements and TLE parameters as text, in the order of the standard."""
    return {
        "EPOCH": _epoch_text(row),
        **{key: str(getattr(row, field)) for key, field in _ELEMENTS.items()},
        "EPHEMERIS_TYPE": "0",
        **{key: str(getattr(row, field)) for key, field in _TLE_PARAMETERS.items()},
    }


def _stated(row: ElementSet) -> dict[str, str]:
    return {key: text for key, field in _STATED.items() if (text := getattr(row, field))}


def _epoch_text(row: ElementSet) -> str:
    """Calendar epoch with the fewest decimals, 6 or more, that give this very day fraction."""
    midnight = Epoch(row.epoch_jd, 0.0).iso(0)[:11]
    second = Fraction(row.epoch_fr) * int(DAY_S)
    for digits in range(6, 19):
        scale = 10**digits
        ticks = round(second * scale)
        if ticks / (int(DAY_S) * scale) == row.epoch_fr and ticks < int(DAY_S) * scale:
            break
    whole, fraction = divmod(ticks, scale)
    minutes, s = divmod(whole, 60)
    return f"{midnight}{minutes // 60:02d}:{minutes % 60:02d}:{s:02d}.{fraction:0{digits}d}"


_WRITERS: dict[OmmFormat, Callable[[Sequence[ElementSet], str, str], str]] = {
    "kvn": _write_kvn,
    "xml": _write_xml,
    "json": _write_json,
    "csv": _write_csv,
}
#: Notations that can be written.
OMM_FORMATS: tuple[OmmFormat, ...] = tuple(_WRITERS)
