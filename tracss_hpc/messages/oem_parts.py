"""Cut an OEM into header, metadata, states and covariances, from KVN or XML.

Fed by the text of a file; feeds `oem`, which judges values. Here only the notation is judged:
keywords and blocks where 502.0-B-3 tables 5-2 to 5-4 allow them, units, as many numbers in a row
as there must be. A state and a covariance become rows of text, an epoch and its numbers, so that
both notations are turned into columns in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tracss_hpc.errors import MessageError
from tracss_hpc.messages.findings import Judge
from tracss_hpc.messages.xml_tree import XmlNode, message_root

__all__ = [
    "COVARIANCE_UNITS",
    "STATE_UNITS",
    "Entry",
    "OemCovariance",
    "OemParts",
    "OemSegment",
    "cut_oem_kvn",
    "cut_oem_xml",
]

#: An operator's week has tens of burns; more segments than this is no message of ours to read.
MAX_SEGMENTS = 10_000
_HEADER = ("CCSDS_OEM_VERS", "CLASSIFICATION", "CREATION_DATE", "ORIGINATOR", "MESSAGE_ID")
# fmt: off
_META = (
    "OBJECT_NAME", "OBJECT_ID", "CENTER_NAME", "REF_FRAME", "REF_FRAME_EPOCH", "TIME_SYSTEM",
    "START_TIME", "USEABLE_START_TIME", "USEABLE_STOP_TIME", "STOP_TIME", "INTERPOLATION",
    "INTERPOLATION_DEGREE",
)
# fmt: on
_MARKS = ("META_START", "META_STOP", "COVARIANCE_START", "COVARIANCE_STOP")
_AXES = ("X", "Y", "Z", "X_DOT", "Y_DOT", "Z_DOT")
#: Elements of a state, and of a covariance by rows of its lower triangle, with their units.
STATE_UNITS = {
    **dict.fromkeys(_AXES[:3], "km"),
    **dict.fromkeys(_AXES[3:], "km/s"),
    **dict.fromkeys(("X_DDOT", "Y_DDOT", "Z_DDOT"), "km/s**2"),
}
COVARIANCE_UNITS = {
    f"C{row}_{column}": ("km**2", "km**2/s", "km**2/s**2")[(i > 2) + (k > 2)]
    for i, row in enumerate(_AXES)
    for k, column in enumerate(_AXES[: i + 1])
}
# Elements of both with the epoch and words before them, which have no unit.
_STATE = {"EPOCH": "", **STATE_UNITS}
_COVARIANCE = {"EPOCH": "", "COV_REF_FRAME": "", **COVARIANCE_UNITS}
_STATE_KEYS, _COVARIANCE_KEYS = tuple(_STATE), ("EPOCH", *COVARIANCE_UNITS)


class Entry(NamedTuple):
    """Text of a keyword and the line where it stands."""

    text: str
    line: int


@dataclass
class OemSegment:
    """One metadata block, the states under it, and their covariances."""

    line: int
    meta: dict[str, Entry] = field(default_factory=dict)
    comments: list[str] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)  # epoch, 6 numbers, or 9 with accelerations
    lines: list[int] = field(default_factory=list)
    covariances: list[OemCovariance] = field(default_factory=list)


@dataclass
class OemCovariance:
    """One matrix: its epoch, its frame where it is given, and the lower triangle by rows."""

    epoch: Entry
    frame: Entry | None = None
    rows: list[str] = field(default_factory=list)


@dataclass
class OemParts:
    """A whole OEM as text."""

    header: dict[str, Entry]
    comments: list[str]
    segments: list[OemSegment]


def cut_oem_kvn(text: str, judge: Judge) -> OemParts:
    """Cut a KVN text; raises `MessageError` (O01, O02, O03, O09) with its line."""
    _check_number(text.count("META_START"), judge)
    parts = OemParts({}, [], [])
    mark = ""  # the last block mark; "" is the header
    segment = OemSegment(0)
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.strip()
        if not line:
            continue
        if mark == "META_STOP" and line[0].isdigit():
            segment.rows.append(line)
            segment.lines.append(number)
            continue
        key, equals, value = line.partition("=")
        key, value = key.rstrip(), value.lstrip()
        if not parts.header and key != _HEADER[0]:
            raise judge.fatal("O01", number, "", line, f"{_HEADER[0]} = 3.0 first", "not an OEM")
        if key == "COMMENT" or line.startswith("COMMENT "):
            (segment.comments if mark else parts.comments).append(line[7:].strip())
        elif line in _MARKS:
            _check_mark(line, mark, number, judge)
            if mark == "COVARIANCE_START":
                _check_whole(segment, line, number, judge)
            mark = line
            if line == "META_START":
                segment = OemSegment(number)
                parts.segments.append(segment)
        elif mark == "COVARIANCE_START":
            _add_covariance_line(segment, (key, equals, value), number, judge)
        elif not equals or mark not in ("", "META_START"):
            allowed_here = {"": "KEYWORD = value", "META_START": "KEYWORD = value or META_STOP"}
            other = "a state or a block mark"
            raise _misplaced(line, allowed_here.get(mark, other), number, judge)
        else:
            target, allowed = (segment.meta, _META) if mark else (parts.header, _HEADER)
            _add_entry(target, allowed, key, Entry(value, number), judge)
    if mark in ("META_START", "COVARIANCE_START"):
        expected = mark.replace("START", "STOP")
        raise judge.fatal("O03", segment.line, mark, "the end of the text", expected, "not closed")
    return parts


def cut_oem_xml(text: str, judge: Judge) -> OemParts:
    """Cut an XML text with the root ``oem``, or ``ndm`` around a single one."""
    _check_number(text.count("<segment"), judge)
    root = message_root(text, "oem", judge)
    version = root.attributes.get("version", "")
    parts = OemParts({_HEADER[0]: Entry(version, root.line)}, [], [])
    header, body = _children(root, ("header", "body"), judge)
    _take_entries(header, parts.header, parts.comments, _HEADER[1:], judge)
    for node in body.children:
        if node.tag != "segment":
            raise _misplaced(f"<{node.tag}>", "<segment>", node.line, judge)
        parts.segments.append(_cut_segment(node, judge))
    return parts


def _cut_segment(node: XmlNode, judge: Judge) -> OemSegment:
    segment = OemSegment(node.line)
    metadata, data = _children(node, ("metadata", "data"), judge)
    _take_entries(metadata, segment.meta, segment.comments, _META, judge)
    for item in data.children:
        if item.tag == "COMMENT":
            segment.comments.append(item.text)
        elif item.tag == "stateVector":
            values = _values(item, _STATE, judge)
            keys = _STATE_KEYS[: 10 if len(values) > 7 else 7]
            segment.rows.append(" ".join(_in_order(values, keys, item, judge)))
            segment.lines.append(item.line)
        elif item.tag == "covarianceMatrix":
            values = _values(item, _COVARIANCE, judge)
            numbers = _in_order(values, _COVARIANCE_KEYS, item, judge)[1:]
            epoch, frame = values["EPOCH"], values.get("COV_REF_FRAME")
            segment.covariances.append(
                OemCovariance(
                    Entry(epoch.text, epoch.line),
                    Entry(frame.text, frame.line) if frame else None,
                    numbers,
                )
            )
        else:
            expected = "<stateVector> or <covarianceMatrix>"
            raise _misplaced(f"<{item.tag}>", expected, item.line, judge)
    return segment


def _take_entries(
    node: XmlNode, target: dict[str, Entry], comments: list[str], allowed: Sequence[str],
    judge: Judge,
) -> None:  # fmt: skip
    for item in node.children:
        if item.tag == "COMMENT":
            comments.append(item.text)
        else:
            _add_entry(target, allowed, item.tag, Entry(item.text, item.line), judge)


def _children(node: XmlNode, tags: tuple[str, str], judge: Judge) -> tuple[XmlNode, XmlNode]:
    inner = [child for child in node.children if child.tag != "COMMENT"]
    found = [child.tag for child in inner]
    if found != list(tags):
        code = "O03" if set(found) - set(tags) else "O02"
        expected = " and ".join(f"<{tag}>" for tag in tags)
        why = "other content"
        raise judge.fatal(code, node.line, node.tag, ", ".join(found), expected, why)
    return inner[0], inner[1]


def _values(node: XmlNode, units: dict[str, str], judge: Judge) -> dict[str, XmlNode]:
    """Elements of a state or a matrix by name, each once and in the unit of the standard."""
    values: dict[str, XmlNode] = {}
    for item in node.children:
        tag = item.tag
        if tag == "COMMENT":
            continue
        if tag in values or tag not in units:
            raise _unwanted(tag, Entry(item.text, item.line), units, values.get(tag), judge)
        values[tag] = item
        if item.attributes:
            unit = item.attributes.get("units")
            if unit is not None and unit != units[tag]:
                expected = units[tag] or "no unit"
                why = "another unit; convert the ephemeris first"
                raise judge.fatal("O08", item.line, tag, unit, expected, why)
    return values


def _in_order(
    values: dict[str, XmlNode], keys: Sequence[str], node: XmlNode, judge: Judge
) -> list[str]:
    """Texts of the elements, each one word: the reader of rows parts them at blanks."""
    for key in keys:
        if key not in values or not values[key].text:
            raise judge.fatal("O02", node.line, key, "", "a value", f"missing in <{node.tag}>")
    texts = [values[key].text for key in keys]
    if len(" ".join(texts).split()) != len(keys):
        key = next(key for key in keys if len(values[key].text.split()) != 1)
        item = values[key]
        raise judge.fatal(
            "O10", item.line, key, item.text, "one word", "white space within a value"
        )
    return texts


def _add_entry(
    target: dict[str, Entry], allowed: Sequence[str], key: str, entry: Entry, judge: Judge
) -> None:
    if key in target or key not in allowed:
        raise _unwanted(key, entry, allowed, target.get(key), judge)
    if not entry.text.isprintable():
        found = ascii(entry.text)
        raise judge.fatal("O10", entry.line, key, found, "printable text", "control characters")
    target[key] = entry


def _unwanted(
    key: str, entry: Entry, allowed: Iterable[str], other: Entry | XmlNode | None, judge: Judge
) -> MessageError:
    """A keyword that is not allowed, or was given before."""
    if other is None:
        return _misplaced(key, "one of " + ", ".join(allowed), entry.line, judge)
    why = f"given in line {other.line} already"
    return judge.fatal("O03", entry.line, key, entry.text, "once", why)


def _add_covariance_line(
    segment: OemSegment, line: tuple[str, str, str], number: int, judge: Judge
) -> None:
    """Take one line between the covariance marks."""
    key, equals, value = line
    if key == "EPOCH" and equals:
        _check_whole(segment, key, number, judge)
        segment.covariances.append(OemCovariance(Entry(value, number)))
        return
    matrix = segment.covariances[-1] if segment.covariances else None
    if matrix is None or len(matrix.rows) == 6:
        found = f"{key} = {value}" if equals else key
        raise _misplaced(found, "EPOCH or COVARIANCE_STOP", number, judge)
    if key == "COV_REF_FRAME" and not matrix.rows and matrix.frame is None:
        matrix.frame = Entry(value, number)
    elif equals:
        raise _misplaced(f"{key} = {value}", "COV_REF_FRAME, then six rows", number, judge)
    else:
        row, given = len(matrix.rows) + 1, len(key.split())
        if given != row:
            why = f"row {row} of a lower triangle"
            raise judge.fatal("O09", number, "", f"{given} numbers", str(row), why)
        matrix.rows.append(key)


def _check_whole(segment: OemSegment, key: str, line: int, judge: Judge) -> None:
    """Refuse what ends a matrix before its sixth row."""
    rows = len(segment.covariances[-1].rows) if segment.covariances else 6
    if rows != 6:
        raise judge.fatal("O09", line, key, f"{rows} rows", "6 rows", "a matrix is cut short")


def _check_mark(mark: str, last: str, line: int, judge: Judge) -> None:
    """Refuse a block mark that does not follow from the last one."""
    before = {
        "META_START": ("", "META_STOP", "COVARIANCE_STOP"),
        "META_STOP": ("META_START",),
        "COVARIANCE_START": ("META_STOP",),
        "COVARIANCE_STOP": ("COVARIANCE_START",),
    }
    if last not in before[mark]:
        expected = " or ".join(word or "the header" for word in before[mark])
        why = "blocks out of order: before it stands"
        raise judge.fatal("O03", line, mark, last or "the header", expected, why)


def _misplaced(found: str, expected: str, line: int, judge: Judge) -> MessageError:
    return judge.fatal("O03", line, "", found, expected, "not allowed here")


def _check_number(segments: int, judge: Judge) -> None:
    if segments > MAX_SEGMENTS:
        expected = f"at most {MAX_SEGMENTS}"
        raise judge.fatal("O03", 0, "", f"{segments} segments", expected, "too many segments")
