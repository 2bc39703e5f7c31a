"""How each format of each CDM profile spells a line, a message and a file.

Feeds `cdm_write`, which knows values; here are only keys, quotes, brackets and elements.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Literal, NamedTuple
from xml.sax.saxutils import escape as escape_xml

from tracss_hpc.messages.cdm import CDM_LINES
from tracss_hpc.messages.cdm_profiles import CdmProfile, ProfileLine

__all__ = ["STYLES", "CdmFormat", "Style"]

CdmFormat = Literal["kvn", "json", "xml", "csv"]
_VERSION = CDM_LINES[0].name


def _nothing(before: ProfileLine | None, line: ProfileLine) -> str:
    return ""


class Style(NamedTuple):
    """How a format spells one message (`opening`..`closing`) and one file (`head`..`tail`)."""

    cell: Callable[[ProfileLine, str], str]  # line and escaped value or '' -> its text
    escape: Callable[[str], str]
    opening: str
    joiner: str
    closing: str
    head: str
    between: str
    tail: str
    left_out: frozenset[str] = frozenset()  # keys that this format does not have
    between_lines: Callable[[ProfileLine | None, ProfileLine], str] = _nothing
    finish: Callable[[str], str] = str  # of a whole message


# ---------------------------------------------------------------- tracss-2.0


def _kvn_cell(line: ProfileLine, value: str) -> str:
    if not value:
        return f"{line.key} ="
    return f"{line.key} = {value} [{line.unit}]" if line.unit else f"{line.key} = {value}"


def _json_cell(line: ProfileLine, value: str) -> str:
    text = f'"{line.key}":"{value}"' if value else f'"{line.key}":null'
    return f'{text},"{line.key}_UNIT":"{line.unit}"' if line.unit else text


def _xml_cell(line: ProfileLine, value: str) -> str:
    if line.key == _VERSION:
        return f'<cdm id="{line.key}" version="{value}">'
    if not value:
        return f"<{line.key}/>"
    units = f' units="{line.unit}"' if line.unit else ""
    return f"<{line.key}{units}>{value}</{line.key}>"


def _csv_cell(line: ProfileLine, value: str) -> str:
    return value


def _csv_escape(text: str) -> str:
    if '"' in text or "," in text:
        return '"' + text.replace('"', '""') + '"'
    return text


def _json_escape(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


# ---------------------------------------------------------------- tracss-2.1

#: Numbers that the API prints without their unit in KVN, and those without KEY_UNIT in JSON.
_KVN_PLAIN = frozenset(["APPROACH_ANGLE", "MASS", "HBR"])
_JSON_PLAIN = frozenset(["RESIDUALS_ACCEPTED"])


def _api_kvn_cell(line: ProfileLine, value: str) -> str:
    key = f"{line.key:<40} ="
    if not value:
        return key
    return (
        f"{key} {value} [{line.unit}]"
        if line.unit and line.key not in _KVN_PLAIN
        else (f"{key} {value}")
    )


def _api_json_cell(line: ProfileLine, value: str) -> str:
    key = "TRACSS_CDM_VERS" if line.key == _VERSION else line.key
    key = f"SAT{line.object}_{key}" if line.object else key
    text = f'"{key}":"{value}"' if value else f'"{key}":null'
    if line.key == "MAHALANOBIS_DISTANCE":  # a plain number, yet the API has the companion
        return f'{text},"{key}_UNIT":null'
    if line.unit and line.key not in _JSON_PLAIN:
        return f'{text},"{key}_UNIT":"{line.unit}"'
    return text


# ---------------------------------------------------------------- ccsds-1.0


def _ccsds_kvn_cell(line: ProfileLine, value: str) -> str:
    if not value:
        return ""
    unit = f" [{line.unit}]" if line.unit else ""
    if line.is_comment:
        return f"{_comment(line, value)}\n"
    return f"{line.key:<34} = {value}{unit}\n"


def _comment(line: ProfileLine, value: str) -> str:
    if line.name == "MEETS_ALERTABLE_CRITERIA":
        return line.key
    return f"{line.key} = {value}" + (f" [{line.unit}]" if line.unit else "")


def _ccsds_xml_cell(line: ProfileLine, value: str) -> str:
    if line.key == _VERSION:
        return f'<cdm id="{_VERSION}" version="{value}">\n<header>\n'
    if not value:
        return ""
    if line.is_comment:
        return f"<COMMENT>{_comment(line, value)[8:]}</COMMENT>\n"
    units = f' units="{line.unit}"' if line.unit else ""
    return f"<{line.key}{units}>{value}</{line.key}>\n"


#: What ends and begins where the section of the next line is another [CCSDS 505.0-B, CDM schema].
_SECTION_BEGINS = {
    1: "",
    2: "</header>\n<body>\n<relativeMetadataData>\n",
    3: "<relativeStateVector>\n",
    4: "</relativeStateVector>\n",
    5: "<segment>\n<metadata>\n",
    6: "</metadata>\n<data>\n<odParameters>\n",
    7: "</odParameters>\n<additionalParameters>\n",
    8: "</additionalParameters>\n<stateVector>\n",
    9: "</stateVector>\n<covarianceMatrix>\n",
}
_SEGMENT_ENDS = "</covarianceMatrix>\n</data>\n</segment>\n"
_EMPTY = tuple(
    f"<{name}>\n</{name}>\n"
    for name in ("relativeStateVector", "odParameters", "additionalParameters")
)


def _sections(before: ProfileLine | None, line: ProfileLine) -> str:
    if before is None or (before.section, before.object) == (line.section, line.object):
        return ""
    ending = "</relativeMetadataData>\n" if before.object == 0 and line.object else ""
    if before.object and before.object != line.object:
        ending = _SEGMENT_ENDS
    return ending + _SECTION_BEGINS[line.section]


def _without_empty(text: str) -> str:
    for empty in _EMPTY:
        text = text.replace(empty, "")
    return text


_XML_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_JSON_FILE = ('{"tracssCdms":[\n', ",\n", "\n]}\n")

#: Every format that can be written.
STYLES: dict[tuple[CdmProfile, CdmFormat], Style] = {
    ("tracss-2.0", "kvn"): Style(_kvn_cell, str, "", "\n", "\n", "", "", ""),
    ("tracss-2.0", "json"): Style(_json_cell, _json_escape, "{", ",", "}", *_JSON_FILE),
    ("tracss-2.0", "xml"): Style(
        _xml_cell, escape_xml, "", "\n", "\n</cdm>\n",
        _XML_HEAD + "<tracssCdms>\n", "", "</tracssCdms>\n",
    ),
    ("tracss-2.0", "csv"): Style(
        _csv_cell, _csv_escape, "", ",", "\r\n",
        ",".join(line.name for line in CDM_LINES) + "\r\n", "", "",
    ),
    ("tracss-2.1", "kvn"): Style(_api_kvn_cell, str, "", "\n", "\n", "", "", ""),
    ("tracss-2.1", "json"): Style(
        _api_json_cell, _json_escape, "{", ",", "}", *_JSON_FILE,
        left_out=frozenset(["SCREEN_PC_THRESHOLD"]),
    ),
    ("ccsds-1.0", "kvn"): Style(_ccsds_kvn_cell, str, "", "", "\n", "", "", ""),
    ("ccsds-1.0", "xml"): Style(
        _ccsds_xml_cell, escape_xml, "", "",
        _SEGMENT_ENDS + "</body>\n</cdm>\n", _XML_HEAD + "<ndm>\n", "", "</ndm>\n",
        between_lines=_sections, finish=_without_empty,
    ),
}  # fmt: skip
