"""Lines of CDMs in XML: which elements are values, and the patterns of lines for `cdm_layout`.

Feeds `cdm_cut_xml`. A line with one whole element is what a layout can hold; elements over several
lines, several on one, other attributes than `units` leave the message to the parser.
"""

from __future__ import annotations

import re
from xml.sax.saxutils import unescape

from tracss_hpc.messages.cdm_layout import Notation, number_pattern
from tracss_hpc.messages.cdm_records import Pair, comment_pair

__all__ = ["GROUPS", "XML_LINES", "leaf_pair"]

#: Elements that hold others [CCSDS 505.0-B]; none is deeper than eight.
GROUPS = frozenset(
    ["header", "body", "relativeMetadataData", "relativeStateVector", "segment", "metadata", "data",
     "odParameters", "additionalParameters", "stateVector", "covarianceMatrix",
     "userDefinedParameters"]
)  # fmt: skip
_LINE = re.compile(
    r'([ \t]*)<([A-Za-z_][\w.-]*)(?: units="([^"<>&]*)")?(?:/>|>([^<>]*)</\2>)([ \t]*)'
)
#: Characters and entities of a text that mean what they are.
_TEXT = r"(?:[^<>&\x00-\x1f\ud800-\udfff\ufffe\uffff]++|&(?:amp|lt|gt|quot|apos);)*+"
_ENTITIES = {"&quot;": '"', "&apos;": "'"}
_NEVER = r"(?!)"


def leaf_pair(key: str, text: str, units: str | None, scope: str, number: int) -> Pair:
    """The pair of an element that holds no others."""
    if key == "COMMENT":
        return comment_pair(scope, text, number)
    own = "" if key.startswith("USER_DEFINED_") else scope
    return Pair(own + key, text, units, number, key)


def _line_pair(row: str, scope: str, number: int) -> Pair | None:
    """The pair of a line that is one element; None if there is none, or it means more than that."""
    found = _LINE.fullmatch(row)
    if found is None or found[2] in GROUPS or found[2] in ("cdm", "OBJECT", "USER_DEFINED"):
        return None
    return leaf_pair(found[2], _decode(found[4] or "").strip(), found[3], scope, number)


def _plain(row: str, units: tuple[str, ...] | None, may_lack: bool) -> str:
    """``<KEY units="unit">value</KEY>``; in a flat message ``<KEY/>`` is blank."""
    found = _LINE.fullmatch(row)
    if found is None:
        return _NEVER
    before, key, unit, text, after = found.groups()
    if key == "COMMENT":
        head = re.escape((text or "").partition("=")[0])
        value = f"{head}= *{number_pattern(units or ())}"
        return f"{before}<COMMENT>{value}</COMMENT>{after}"
    if units is None:
        value = rf"((?!\s){_TEXT}(?<!\s))"
        units = () if unit is None else (unit,)
    else:
        value = number_pattern(())
    given = f'(?: units="(?:{"|".join(map(re.escape, units))})")?' if units else ""
    element = f">{value}</{re.escape(key)}>"
    element = element if may_lack else f"(?:/>|{element})"
    return f"{before}<{re.escape(key)}{given}{element}{after}"


def _any(row: str) -> str | None:
    """An element with any text."""
    found = _LINE.fullmatch(row)
    if found is None:
        return None
    before, key, _, _, after = found.groups()
    key = re.escape(key)
    return rf'{before}<{key}(?: units="[^"<>&\s]*")?(?:/>|>{_TEXT}</{key}>){after}'


def _opens(row: str) -> bool:
    return "<segment>" in row


def _decode(value: str) -> str:
    return unescape(value, _ENTITIES)


XML_LINES = Notation(_line_pair, _plain, _any, _opens, _decode)
