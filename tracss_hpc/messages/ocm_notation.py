"""Cut an Orbit Comprehensive Message into sections: KVN, XML and JSON give the same.

Fed by the text of a file; feeds `ocm`, which judges it. A section is its keywords as text, each
with its line, and its data lines. Here only the notation is judged, with the codes O01 (no OCM),
O02 (no section where one must be) and O03 (unknown or unbalanced section, keyword outside its
section, keyword given twice).

KVN and XML are those of CCSDS 502.0-B-3 and 505.0-B-3. For JSON there is no standard; ours mirrors
the XML, with the names of the KVN sections and every value a text or a number:

    {"CCSDS_OCM_VERS": "3.0", "CREATION_DATE": ..., "META": {...},
     "TRAJ": [{"TRAJ_ID": "1", ..., "trajLine": ["2025-01-01T00:00:00 ...", ...]}], "PHYS": {...}}
"""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from tracss_hpc.messages.findings import Judge
from tracss_hpc.messages.kvn import kvn_lines
from tracss_hpc.messages.ocm_keywords import REPEATED, SECTIONS, TABLE, USER_PREFIX, section_of

__all__ = ["FIRST", "LINE_NAMES", "MAX_BLOCKS", "OcmSection", "cut_ocm"]

FIRST = "CCSDS_OCM_VERS"
#: An operator's week has tens of burns; more sections than this is no message of ours to read.
MAX_BLOCKS = 10_000
LINE_NAMES = {"TRAJ": "trajLine", "COV": "covLine", "MAN": "manLine"}
#: Between two data lines of XML: they are given to the parser as one element, which is faster.
_BETWEEN_ROWS = re.compile(rf"</({'|'.join(LINE_NAMES.values())})>[ \t]*\n[ \t]*<\1>")
_SEPARATOR = "\x7f"  # stands in no message that is read this way
_XML_SECTIONS = {"metadata": "META", **{name.lower(): name for name in SECTIONS[2:]}}
_XML_GROUPS = ("ndm", "ocm", "header", "body", "segment", "data")
_ORDER = "out of the order of 502.0-B-3 (7.4.8)"
_DATA_BEGINS = frozenset("0123456789+-.")
_KVN_MARKS = {
    f"{name}_{end}": (name, end)
    for name in SECTIONS[1:]
    for end in ("START", "STOP", "END")  # the text of Spec-002 says END, its tables STOP
}


@dataclass
class OcmSection:
    """One section: where it begins, its keywords (text, line) and its data lines."""

    name: str
    line: int
    values: dict[str, tuple[str, int]] = field(default_factory=dict)
    rows: list[str] = field(default_factory=list)
    row_lines: list[int] = field(default_factory=list)


def cut_ocm(text: str, judge: Judge) -> list[OcmSection]:
    """Sections of a message in the order given, the header first.

    Raises
    ------
    MessageError
        With O01, O02 or O03.
    """
    start = text.lstrip()[:1]
    if start == "<":
        sections = _cut_xml(text, judge)
    elif start in ("{", "["):
        sections = _cut_json(text, judge)
    else:
        sections = _cut_kvn(text, judge)
    names = [section.name for section in sections]
    if FIRST not in sections[0].values:
        raise judge.fatal("O01", sections[0].line, FIRST, "", FIRST, "not an OCM")
    for name in SECTIONS:
        if names.count(name) > 1 and name not in REPEATED:
            line = sections[len(names) - 1 - names[::-1].index(name)].line
            raise judge.fatal("O03", line, name, f"{names.count(name)} times", "once", "repeated")
    for name in ("META", "TRAJ"):
        if name not in names:
            raise judge.fatal("O02", 0, name, "none", f"a section {name}", "section missing")
    if names[1] != "META":
        line = sections[1].line
        raise judge.fatal("O03", line, names[1], names[1], "META", "META comes first")
    if start not in ("{", "["):  # the members of an object of JSON have no order
        _check_order(sections, judge)
    return sections


def _check_order(sections: list[OcmSection], judge: Judge) -> None:
    """Warn of the first section or keyword that does not stand where chapter 6 puts it."""
    names = [section.name for section in sections]
    for k, section in enumerate(sections):
        last = max(names[: k + 1], key=SECTIONS.index)
        if last != section.name:
            judge.warn("O03", section.line, section.name, section.name, f"before {last}", _ORDER)
            return
        if section.name == "USER":  # its keywords are the sender's
            continue
        order = list(TABLE[section.name])
        keys = list(section.values)
        if keys == sorted(keys, key=order.index):
            continue
        key = next(b for a, b in itertools.pairwise(keys) if order.index(b) < order.index(a))
        behind = next(other for other in keys if order.index(other) > order.index(key))
        judge.warn("O03", section.values[key][1], key, key, f"before {behind}", _ORDER)
        return


def _begin(sections: list[OcmSection], name: str, line: int, judge: Judge) -> None:
    if len(sections) > MAX_BLOCKS:
        raise judge.fatal(
            "O03", line, name, f"more than {MAX_BLOCKS}", f"at most {MAX_BLOCKS} sections",
            "too many sections",
        )  # fmt: skip
    sections.append(OcmSection(name, line))


def _add(section: OcmSection, key: str, value: str, line: int, judge: Judge) -> None:
    """Put one keyword into its section; blank values count as absent."""
    home = section_of(key)
    if home != section.name:
        expected = f"in {home}" if home else "a keyword of 502.0-B-3"
        raise judge.fatal("O03", line, key, key, expected, f"not a keyword of {section.name}")
    if key in section.values:
        first = section.values[key][1]
        raise judge.fatal("O03", line, key, value, "once", f"given in line {first} already")
    if not value.isprintable():
        raise judge.fatal("O10", line, key, ascii(value), "printable text", "control characters")
    section.values[key] = (value, line)


def _cut_kvn(text: str, judge: Judge) -> list[OcmSection]:
    header = OcmSection("HEADER", 1)
    sections = [header]
    section: OcmSection | None = header
    rows: list[str] | None = None  # of the section that is open, if it may have them
    lines: list[int] = []
    for line, key, value in kvn_lines(text):
        if rows is not None and not key and value[0] in _DATA_BEGINS:
            rows.append(value)
            lines.append(line)
            continue
        if key == "COMMENT":
            continue
        if not key and value.partition("=")[0].rstrip() == "CENTER NAME":  # Spec-002 appendix B
            key, value = "CENTER_NAME", value.partition("=")[2].lstrip()
        if not header.values and key != FIRST:
            found = f"{key} = {value}" if key else value
            raise judge.fatal("O01", line, "", found, f"{FIRST} = 3.0 first", "not an OCM")
        if key:
            if section is None:
                raise judge.fatal("O03", line, key, key, "a section", "keyword between sections")
            if section.rows:
                raise judge.fatal("O03", line, key, key, "data lines", "keyword after data lines")
            _add(section, key, value, line, judge)
        elif value in _KVN_MARKS:
            name, mark = _KVN_MARKS[value]
            if mark == "START":
                if section is not None and section is not header:
                    expected = f"{section.name}_STOP"
                    raise judge.fatal("O03", line, "", value, expected, "section within another")
                _begin(sections, name, line, judge)
                section = sections[-1]
                if name in REPEATED:
                    rows, lines = section.rows, section.row_lines
            elif section is None or section.name != name:
                expected = f"{section.name}_STOP" if section else f"{name}_START before"
                raise judge.fatal("O03", line, "", value, expected, "unbalanced section")
            else:
                section = rows = None
        elif rows is not None:
            rows.append(value)
            lines.append(line)
        else:
            where = section.name if section else "no section"
            raise judge.fatal("O03", line, "", value, "KEYWORD = value", f"stray line in {where}")
    if not header.values:
        raise judge.fatal("O01", 1, "", "an empty text", f"{FIRST} = 3.0", "not an OCM")
    if section is not None and section is not header:
        expected = f"{section.name}_STOP"
        raise judge.fatal("O03", section.line, "", "end of text", expected, "section does not end")
    return sections


def _cut_xml(text: str, judge: Judge) -> list[OcmSection]:
    """Stream through the elements; document types and entities are refused where they stand."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    sections = [OcmSection("HEADER", 1)]
    path: list[str] = []
    words: list[str] = []
    unit = parameter = ""
    row_path: list[str] = []  # of a data line of the section that is open
    messages = 0

    def refuse(*_: Any) -> None:
        raise judge.fatal(
            "O01", parser.CurrentLineNumber, "DOCTYPE", "a declaration", "none",
            "XML with a document type or entity declaration is refused; remove it",
        )  # fmt: skip

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal unit, parameter, messages, row_path
        name = tag.rpartition(":")[2]
        depth = len(path)
        path.append(name)
        stray = "".join(words).strip()
        line = parser.CurrentLineNumber
        if stray:
            raise judge.fatal(
                "O03", line, name, "".join(words), "elements", "text between elements"
            )
        words.clear()
        if name == "ocm":
            messages += 1
            if messages > 1:
                raise judge.fatal("O01", line, "ocm", "two", "one OCM a file", "more than one OCM")
            sections[0].line = line
            sections[0].values[attributes.get("id", "")] = (attributes.get("version", ""), line)
        elif messages and depth and path[-2] == "ndm":
            raise judge.fatal("O01", line, "", f"<{name}>", "one OCM a file", "another message")
        elif not messages and name not in ("ndm", "COMMENT", "MESSAGE_ID"):
            expected = "<ocm>, or <ndm> around it"
            raise judge.fatal("O01", line, "", f"<{name}>", expected, "not an OCM")
        elif depth and path[-2] in ("data", "segment") and name in _XML_SECTIONS:
            _begin(sections, _XML_SECTIONS[name], line, judge)
            row_path = [*path, LINE_NAMES.get(_XML_SECTIONS[name], "")]
        elif depth and path[-2] not in _XML_GROUPS and path[-2] not in _XML_SECTIONS:
            raise judge.fatal("O03", line, path[-2], f"<{name}>", "text", "element within a value")
        unit = attributes.get("units", "").strip()
        parameter = attributes.get("parameter", "")

    def end(_: str) -> None:
        is_row = path == row_path
        name = path.pop()
        line = parser.CurrentLineNumber
        value = "".join(words)
        words.clear()
        section = sections[-1]
        if is_row:
            rows = value.split(_SEPARATOR)
            first = line - value.count("\n")
            ends = itertools.accumulate((row.count("\n") for row in rows), initial=first)
            whole = [row.strip() for row in rows]
            section.rows += [" ".join(row.split()) if "\n" in row else row for row in whole]
            section.row_lines += itertools.islice(ends, 1, None)
            return
        value = " ".join(filter(None, map(str.strip, value.split("\n"))))
        if name in _XML_GROUPS or name in _XML_SECTIONS:
            if value:
                raise judge.fatal("O03", line, name, value, "elements", "text between elements")
            return
        if name == "COMMENT" or not messages:
            return
        holder = path[-1]
        inside = _XML_SECTIONS.get(holder, "HEADER" if holder == "header" else "")
        if inside != section.name:
            raise judge.fatal("O03", line, name, f"<{name}> in <{holder}>", "a section", "stray")
        if name == "USER_DEFINED":
            name = USER_PREFIX + parameter
        _add(section, name, f"{value} [{unit}]" if unit and value else value, line, judge)

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = words.append
    try:
        if _SEPARATOR not in text and "<![CDATA[" not in text:
            text = _BETWEEN_ROWS.sub(f"{_SEPARATOR}\n", text)
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise judge.fatal(
            "O01", error.lineno, "", expat.ErrorString(error.code), "well-formed XML",
            "not well-formed; is the file whole?",
        ) from error  # fmt: skip
    except UnicodeEncodeError as error:
        found = ascii(error.object[error.start])
        raise judge.fatal("O01", 0, "", found, "characters of Unicode", "no text") from error
    return sections


def _cut_json(text: str, judge: Judge) -> list[OcmSection]:
    """Lines are not known to the JSON parser: all are 0, and data lines count from 1."""
    try:
        top = json.loads(
            text, parse_float=str, parse_int=str, object_pairs_hook=lambda pairs: pairs
        )
    except (json.JSONDecodeError, RecursionError) as error:
        line = getattr(error, "lineno", 0)
        raise judge.fatal(
            "O01", line, "", getattr(error, "msg", "nested too deeply"), "JSON",
            "not JSON; is the file whole?",
        ) from error  # fmt: skip
    if not _is_object(top):
        raise judge.fatal("O01", 0, "", "a list", "one JSON object", "not an OCM")
    sections = [OcmSection("HEADER", 0)]
    for key, value in top:
        if key not in SECTIONS[1:]:
            _add(sections[0], key, _json_text(key, value, judge), 0, judge)
            continue
        repeated = key in REPEATED and isinstance(value, list) and not _is_object(value)
        for one in value if repeated else [value]:
            if not _is_object(one):
                raise judge.fatal("O03", 0, key, type(one).__name__, "an object", "not a section")
            _begin(sections, key, 0, judge)
            _fill_json(sections[-1], one, judge)
    return sections


def _fill_json(section: OcmSection, pairs: list[tuple[str, Any]], judge: Judge) -> None:
    for key, value in pairs:
        if key != LINE_NAMES.get(section.name):
            _add(section, key, _json_text(key, value, judge), 0, judge)
            continue
        if section.rows or not isinstance(value, list):
            raise judge.fatal("O03", 0, key, "", "one list of texts", "data lines once, as a list")
        section.rows = [" ".join(_json_text(key, row, judge).split()) for row in value]
        section.row_lines = list(range(1, len(value) + 1))


def _is_object(value: Any) -> bool:
    """Whether a JSON value was an object: a list of (key, value) pairs."""
    return isinstance(value, list) and all(isinstance(pair, tuple) for pair in value)


def _json_text(key: str, value: Any, judge: Judge) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise judge.fatal("O03", 0, key, type(value).__name__, "a text or a number", "not a value")
    return value.strip()
