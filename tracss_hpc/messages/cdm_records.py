"""Records cut from a CDM file, and what each key in them means in the profile of its message.

Fed by the cutters (`cdm_cut`, `cdm_cut_xml`), which know notations; feeds `cdm_read`, which makes
columns. A record holds the texts of one message by line of the keyword table. Units are converted
on the way; an unknown unit, an unknown or a repeated key ends the message. Comments of CSpOC and
CARA become values where the table has a place for them::

    COMMENT HBR = 20 [m]                            before the first OBJECT: combined radius
    COMMENT HBR = 3 [m]                             in an object's block: that object's radius
    COMMENT Exclusion Volume Radius = 5.000000 [m]  one per object
    COMMENT DCP Sensitivity Vector RTN Pos = ...    three numbers
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, NoReturn

from tracss_hpc.errors import MessageError
from tracss_hpc.messages.cdm import CDM_LINES, CDM_VERSION
from tracss_hpc.messages.cdm_profiles import (
    CdmProfile,
    ProfileLine,
    comment_key,
    known_elsewhere,
    spellings,
)
from tracss_hpc.messages.units import convert_text, unit_factor

__all__ = [
    "API_KEY",
    "VERSION_KEY",
    "CdmRecord",
    "Pair",
    "Wanted",
    "comment_pair",
    "fail",
    "make_record",
    "split_companions",
    "version_profile",
]

#: Lines of the table that a caller needs; None: all, and nothing else is allowed.
Wanted = frozenset[str] | None
VERSION_KEY = CDM_LINES[0].name
#: What the TraCSS API calls it in JSON, XML and CSV.
API_KEY = "TRACSS_CDM_VERS"
_UNIT = re.compile(r"(.*?)\s*\[([^\[\]]*)\]", re.DOTALL)
_COMMENT = re.compile(r"([A-Za-z][A-Za-z0-9 _]*?)[ \t]*=[ \t]*(.*)")
_BARE_UNIT = re.compile(r"(\S+)[ \t]+([A-Za-z%][A-Za-z0-9*/%]*)")
_SIDE = re.compile(r"SAT[12]_")
_WIDTH = 100  # characters of a key or value that an error quotes
_NO_UNIT = ("", "n/a", "N/A", "-")


class Pair(NamedTuple):
    """One key and its text as cut from a file."""

    key: str  # with SAT1_ or SAT2_ if it belongs to one object
    text: str
    unit: str | None  # beside the text, as in XML and JSON; None: maybe in the text, in brackets
    line: int
    printed: str  # the key as it stands in the file


@dataclass
class CdmRecord:
    """One message: its texts by line of the keyword table, blanks trimmed, units converted."""

    profile: CdmProfile
    line: int
    values: dict[str, str] = field(default_factory=dict)
    where: dict[str, int] = field(default_factory=dict)
    printed: dict[str, str] = field(default_factory=dict)  # keys of lines spelled another way
    extra: list[tuple[int, str, str]] = field(default_factory=list)
    locate: Callable[[str], int] | None = None  # line of a printed key where that is slow to know
    again: Callable[[], CdmRecord] | None = None  # the same message with `where` and `printed`

    def line_of(self, name: str) -> int:
        """Line of the file on which a line of the table stands; that of the message if absent."""
        self._trace()
        if self.locate is not None and name in self.values:
            return self.locate(self.printed.get(name, name))
        return self.where.get(name, self.line)

    def key_of(self, name: str) -> str:
        """The key of a line of the table as the file prints it."""
        self._trace()
        return self.printed.get(name, name)

    def _trace(self) -> None:
        """Find out where keys stand, if the message was cut without looking."""
        if self.again is not None:
            whole = self.again()
            self.where, self.printed, self.again = whole.where, whole.printed, None


def make_record(
    pairs: Iterable[Pair],
    profile: CdmProfile,
    line: int,
    file: str,
    *,
    wanted: Wanted,
    locate: Callable[[str], int] | None = None,
) -> CdmRecord:
    """Sort the pairs of one message into a record.

    Parameters
    ----------
    pairs : iterable of Pair
        In the order of the file, the version first.
    profile : str
        Whose spellings hold.
    line : int
        Where the message begins.
    file : str
        Name for error messages.
    wanted : frozenset of str, or None
        Lines of the table to take; others are passed over, whatever they hold, and unknown keys
        go to `extra`. None takes all, and an unknown key is a fault.
    locate : callable, optional
        Line of a printed key, for notations in which it is not known.
    """
    record = CdmRecord(profile, line, locate=locate)
    known = spellings(profile)
    values, where = record.values, record.where
    printed = record.printed
    for pair in pairs:
        key, text, given, number, spelled = pair
        found = known.get(key)
        if found is None:
            _keep_strange(record, pair, file, wanted=wanted)
            continue
        name = found.name
        if wanted is not None and name not in wanted:
            continue
        if name in values:
            if found.is_comment and not printed.get(name, name).startswith("COMMENT "):
                record.extra.append((number, spelled, text))
                continue  # the keyword was there before: a comment that says it too is no fault
            _fail_once(record, name, pair, file)
        if len(found.lines) > 1:
            _take_vector(record, found, pair, file)
            continue
        if found.is_number and (given is not None or found.converted or text[-1:] == "]"):
            if given is None and not found.converted and text.endswith(f" [{found.unit}]"):
                text = text[: -len(found.unit) - 3].rstrip()
            elif found.converted or given != found.unit or text[-1:] == "]":
                text = _convert(record, found, pair, file)
        values[name] = text
        if spelled != name:
            printed[name] = spelled
        where[name] = number
    return record


def split_companions(pairs: list[Pair], profile: CdmProfile, file: str) -> list[Pair]:
    """Put the text of each ``KEY_UNIT`` beside its key."""
    known = spellings(profile)
    units: dict[str, str] = {}
    rest = []
    for pair in pairs:
        base = pair.key[:-5]
        if pair.key[-5:] == "_UNIT" and base in known and pair.key not in known:
            if base in units:
                fail(file, pair.line, pair.printed, pair.text, "each key once", "it stands twice")
            units[base] = pair.text
        else:
            rest.append(pair)
    if not units:
        return rest
    return [
        Pair(key, text, units.get(key, unit), line, printed)
        for key, text, unit, line, printed in rest
    ]


def comment_pair(scope: str, text: str, line: int) -> Pair:
    """A comment as a pair: ``COMMENT NAME`` if it reads ``name = value``, else plain COMMENT."""
    match = _COMMENT.fullmatch(text)
    if match is None:
        key = comment_key(text)
        if key == "COMMENT MEETS_EMERGENCY_CRITERIA":
            return Pair(scope + key, "YES", None, line, key)
        return Pair("COMMENT", text, None, line, "COMMENT")
    key = comment_key(match[1])
    bare = _BARE_UNIT.fullmatch(match[2])
    if bare is not None and unit_factor(bare[2], bare[2]) is not None and _is_float(bare[1]):
        return Pair(scope + key, bare[1], bare[2], line, key)
    return Pair(scope + key, match[2], None, line, key)


def version_profile(version: str, blocks: bool, key: str, line: int, file: str) -> CdmProfile:
    """Profile of a message by its version; `blocks`: OBJECT opens the keys of an object."""
    if not blocks and key == VERSION_KEY:
        if version != CDM_VERSION:
            fail(file, line, key, version, CDM_VERSION, "this version of the format is not read")
        return "tracss-2.0"
    if version == "1.0":
        return "ccsds-1.0"
    if version not in ("2.0", "2.1"):
        fail(file, line, key, version, "1.0, 2.0 or 2.1", "this version of the format is not read")
    return "tracss-2.1"


def fail(file: str, line: int, key: str, given: object, allowed: str, why: str) -> NoReturn:
    """Raise the `MessageError` of one key."""
    place = f"{file}, line {line}" + (f", {_shortened(key)}" if key else "")
    shown = repr(_shortened(given) if isinstance(given, str) else given)
    raise MessageError(
        f"{place}: {why}: given {shown}, allowed: {allowed}",
        file=file,
        line=line,
        key=key,
        given=given,
        allowed=allowed,
    )


def _shortened(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[:_WIDTH]}..."


def _take_vector(record: CdmRecord, found: ProfileLine, pair: Pair, file: str) -> None:
    """Three numbers of one line to three lines of the table; none if the text is blank."""
    text = _convert(record, found, pair, file, whole=False)
    words = text.replace(",", " ").split()
    if len(words) == 1 and words[0].upper() in ("NAN", "N/A", "NA", "NONE"):
        words = []
    if words and len(words) != len(found.lines):
        fail(file, _line(record, pair), pair.printed, pair.text,
             f"{len(found.lines)} numbers", "not a vector")  # fmt: skip
    for k, line in enumerate(found.lines):
        record.values[line.name] = words[k] if words else ""
        record.printed[line.name] = pair.printed
        record.where[line.name] = pair.line


def _convert(
    record: CdmRecord, found: ProfileLine, pair: Pair, file: str, *, whole: bool = True
) -> str:
    """Text of a number in the unit of the table; a missing unit is the one of the profile."""
    text, unit = pair.text, pair.unit
    if unit is None and text[-1:] == "]":
        match = _UNIT.fullmatch(text)
        if match is not None:
            text, unit = match[1], match[2].strip() or "[]"
    expected = found.lines[0].keyword.unit
    if not unit or (not expected and unit in _NO_UNIT):
        unit = found.unit
    if unit == expected:
        return text
    factor = unit_factor(unit, expected) if expected else None
    if factor is None:
        allowed = f"[{found.unit}] or a multiple of it" if expected else "no unit"
        fail(file, _line(record, pair), pair.printed, unit, allowed, "wrong unit")
    if whole:
        return convert_text(text, factor)
    return " ".join(convert_text(word, factor) for word in text.replace(",", " ").split())


def _keep_strange(record: CdmRecord, pair: Pair, file: str, *, wanted: Wanted) -> None:
    """A key that has no place in the record: kept if it may be there, else a fault."""
    plain = _SIDE.sub("", pair.key, count=1)
    keep = plain.startswith("COMMENT")
    if record.profile != "tracss-2.0":
        base = plain.removesuffix("_UNIT")
        keep = keep or wanted is not None or known_elsewhere(plain) or known_elsewhere(base)
    if not keep:
        names = spellings(record.profile)
        near = difflib.get_close_matches(pair.key[:_WIDTH], names, n=1, cutoff=0.6)
        version = CDM_VERSION if record.profile == "tracss-2.0" else record.profile
        allowed = f"the {len(CDM_LINES)} keys of CDM {CDM_VERSION}"
        if record.profile != "tracss-2.0":
            allowed = f"the keys of {record.profile}"
        fail(file, _line(record, pair), pair.printed, pair.printed,
             near[0] if near else allowed, f"unknown key for CDM {version}")  # fmt: skip
    record.extra.append((pair.line, pair.printed, pair.text))


def _fail_once(record: CdmRecord, name: str, pair: Pair, file: str) -> NoReturn:
    first = record.where.get(name, 0)
    why = f"the key stood in line {first} already" if first else "the key stands twice"
    fail(file, _line(record, pair), pair.printed, pair.printed, "each key once", why)


def _line(record: CdmRecord, pair: Pair) -> int:
    return record.locate(pair.printed) if record.locate is not None else pair.line


def _is_float(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
