"""Profiles of Conjunction Data Messages: which lines they print, in which order and spelling.

    tracss-2.0   TraCSS-Spec-001 2.0: 200 lines, SAT1_ and SAT2_
    tracss-2.1   what the TraCSS API serves: relative state and volume once, the keys of an object
                 under OBJECT (KVN) or with SAT1_, SAT2_ (JSON, XML), seven USER_DEFINED keys last
    ccsds-1.0    CCSDS 508.0-B-1, with the comments of CSpOC for what it has no keyword for

Made from the columns v21_* and ccsds_* of `cdm_keywords.csv`. A place is section.position. Keywords
with the same place stand in one line (three numbers of a vector); a keyword of an object in a
section before the objects' own is printed once, from object 1. Feeds `cdm_read` and `cdm_write`.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import groupby
from typing import Literal, NamedTuple

from tracss_hpc.messages.cdm import ALL_LINES, CDM_KEYWORDS, CDM_LINES, OTHER_KEYWORDS, CdmLine

__all__ = [
    "BLOCK_SECTIONS",
    "CDM_PROFILES",
    "CdmProfile",
    "ProfileLine",
    "comment_key",
    "known_elsewhere",
    "profile_lines",
    "spellings",
]

CdmProfile = Literal["tracss-2.0", "tracss-2.1", "ccsds-1.0"]
CDM_PROFILES: tuple[CdmProfile, ...] = ("tracss-2.0", "tracss-2.1", "ccsds-1.0")
#: Sections of a profile that belong to one object.
BLOCK_SECTIONS: dict[CdmProfile, tuple[int, ...]] = {
    "tracss-2.0": (),
    "tracss-2.1": (2,),
    "ccsds-1.0": (5, 6, 7, 8, 9),
}

#: Keywords of the CCSDS drafts after 1.0 (508.0-P-1) that no record here has a place for. They
#: are passed over and counted, where any other unknown key is a fault.
_ELSEWHERE = re.compile(
    "|".join(
        (
            r"ALT_COV_\w+", r"C[XYZ](DOT)?_[XYZ](DOT)?", r"C(DRG|SRP|THR)_[XYZ](DOT)?",
            r"CSIG3EIGVEC3", r"CSCALE_FACTOR(_MIN|_MAX)?", r"COV_CONFIDENCE(_METHOD)?",
            r"COVARIANCE_SOURCE", r"COLLISION_PERCENTILE", r"SEFI_\w+", r"SCREEN_TYPE",
            r"(PREVIOUS|NEXT)_MESSAGE_(ID|EPOCH)", r"[AO]DM_MSG_LINK", r"OBS_BEFORE_NEXT_MESSAGE",
            r"OD_EPOCH", r"AREA_(PC_MIN|PC_MAX|DRG|SRP|ALONG_OEB_(MIN|INT|MAX))",
            r"OEB_(PARENT_FRAME|PARENT_FRAME_EPOCH|Q1|Q2|Q3|QC|MIN|INT|MAX)", r"RCS(_MIN|_MAX)?",
            r"VM_(ABSOLUTE|APPARENT|APPARENT_MIN|APPARENT_MAX)", r"REFLECTANCE",
            r"USER_DEFINED_\w+", r"CDM_ID", r"FILENAME", r"INSERT_EPOCH", r"CONSTELLATION", r"GID",
        )
    ),
    re.ASCII,
)  # fmt: skip


class ProfileLine(NamedTuple):
    """One line of a message in some profile: its key and the lines of the record it holds."""

    key: str
    lines: tuple[CdmLine, ...]  # one, or the three of a vector
    unit: str
    section: int
    object: int  # 1, 2; 0 = both
    mandatory: bool

    name: str  # of the first of `lines`
    is_number: bool
    converted: bool  # the profile prints another unit than the record has
    is_comment: bool  # the profile has no keyword for it


@cache
def profile_lines(profile: CdmProfile) -> tuple[ProfileLine, ...]:
    """Lines of one message in the order in which KVN prints them."""
    if profile == "tracss-2.0":
        return tuple(_own_line(line) for line in CDM_LINES)
    by_name = {line.name: line for line in ALL_LINES}
    rows = []
    for keyword in (*CDM_KEYWORDS, *OTHER_KEYWORDS):
        place, spelling = keyword.v21_place, keyword.v21_key
        obligation: str = keyword.obligation
        if profile == "ccsds-1.0":
            place, spelling = keyword.ccsds_place, keyword.ccsds_key
            obligation = keyword.ccsds_obligation
        if place:
            key, _, unit = spelling.partition(" [")
            rows.append((place, key or keyword.name, unit.rstrip("]") or keyword.unit,
                         keyword, obligation == "M"))  # fmt: skip
    rows.sort(key=lambda row: row[0])
    own = BLOCK_SECTIONS[profile]
    lines: dict[int, list[ProfileLine]] = {-1: [], 1: [], 2: [], 3: []}
    for place, group in groupby(rows, key=lambda row: row[0]):
        section = int(place.split(".")[0])
        members = list(group)
        _, key, unit, _, mandatory = members[0]
        for k in (1, 2) if section in own else (0,):
            names = (f"SAT{k or 1}_{m[3].name}" if m[3].scope == "object" else m[3].name
                     for m in members)  # fmt: skip
            part = k or (3 if section > max(own) else -1)
            members_lines = tuple(by_name[name] for name in names)
            lines[part].append(_profile_line(key, members_lines, unit, section, k, mandatory))
    return tuple(line for part in lines.values() for line in part)


@cache
def spellings(profile: CdmProfile) -> dict[str, ProfileLine]:
    """What each key means when read, keys of an object with SAT1_ or SAT2_ before them.

    Block profiles also take each other's spellings and those of the record itself: messages of
    version 2 differ from each other in a handful of keys. A comment has the key ``COMMENT NAME``
    in capitals with ``_`` for blanks.
    """
    if profile == "tracss-2.0":
        return {line.key: line for line in profile_lines(profile)}
    second: CdmProfile = "ccsds-1.0" if profile == "tracss-2.1" else "tracss-2.1"
    found: dict[str, ProfileLine] = {}
    for line in (*profile_lines(profile), *profile_lines(second)):
        key = comment_key(line.key[8:]) if line.is_comment else line.key
        found.setdefault(f"SAT{line.object}_{key}" if line.object else key, line)
    for entry in ALL_LINES:
        found.setdefault(entry.name, _own_line(entry))
    for k in (1, 2):  # CSpOC and CARA: in an object's block this is that object's radius
        found[f"SAT{k}_COMMENT HBR"] = found[f"SAT{k}_COMMENT OPERATOR_HARD_BODY_RADIUS"]
    return found


def comment_key(name: str) -> str:
    """Key of a comment ``name = value``, whatever its case and blanks."""
    return "COMMENT " + "_".join(name.upper().split())


def known_elsewhere(key: str) -> bool:
    """Whether a key, without SAT1_ or SAT2_, is known but has no place in the record."""
    return _ELSEWHERE.fullmatch(key) is not None


def _own_line(line: CdmLine) -> ProfileLine:
    """A line as the record itself spells it."""
    mandatory = line.keyword.obligation == "M"
    return _profile_line(line.name, (line,), line.keyword.unit, 0, line.object, mandatory)


def _profile_line(
    key: str, lines: tuple[CdmLine, ...], unit: str, section: int, side: int, mandatory: bool
) -> ProfileLine:
    first = lines[0]
    return ProfileLine(
        key, lines, unit, section, side, mandatory, first.name, first.keyword.is_number,
        unit != first.keyword.unit, key.startswith("COMMENT "),
    )  # fmt: skip
