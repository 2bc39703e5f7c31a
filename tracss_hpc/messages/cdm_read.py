"""Read Conjunction Data Messages 2.0 from KVN, JSON, XML or CSV, exactly as they were printed.

Fed by files, one message or a bundle of many; feeds a `CdmTable`. A file is cut into raw messages
(key -> text, with the line of each key), and those become columns a thousand at a time. Nothing
is guessed: an unknown or repeated key, another unit, text that is no number, an epoch that does
not exist or a missing mandatory value ends the reading with a `MessageError` that names file,
line, key, the value given and what is allowed.
"""

from __future__ import annotations

import csv
import difflib
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, NoReturn
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.errors import MessageError
from tracss_hpc.messages.cdm import (
    CDM_LINES,
    CDM_VERSION,
    CdmLine,
    CdmTable,
    make_cdm_table,
)

__all__ = ["parse_cdms", "read_cdms"]

_CHUNK = 1024  # messages per conversion to columns: bounds the memory of raw texts
_LINES = {line.name: line for line in CDM_LINES}
_UNITS = {line.name: line.keyword.unit for line in CDM_LINES}
_FIRST = CDM_LINES[0].name
_EPOCH = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?")
_WHOLE = re.compile(r"[+-]?\d+")
_UNIT = re.compile(r"(.*?)\s*\[([^\[\]]*)\]")
_BUNDLE = re.compile(r'\s*\{\s*"tracssCdms"\s*:\s*\[')
_BETWEEN = re.compile(r"[\s,]*")


def read_cdms(path: Path) -> CdmTable:
    """Read all messages of a file; the format is told from its first characters.

    Raises
    ------
    MessageError
        If anything in the file is not a CDM 2.0.
    """
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MessageError(
            f"{path}: not UTF-8 text at byte {error.start}; a CDM is plain text",
            file=str(path),
            given=error.object[error.start : error.start + 1],
            allowed="UTF-8",
        ) from None
    return parse_cdms(text, file=str(path))


def parse_cdms(text: str, *, file: str = "<text>") -> CdmTable:
    """Read all messages of a text; `file` is its name in error messages.

    Returns
    -------
    CdmTable
        Columns exactly as printed: numbers float64 (NaN where blank), texts, epochs to 1 us.

    Raises
    ------
    MessageError
        As `read_cdms`.
    """
    start = text.lstrip()[: len(_FIRST) + 1]
    if start.startswith(("{", "[")):
        raw = _split_json(text, file)
    elif start.startswith("<"):
        raw = _split_xml(text, file)
    elif start in (_FIRST + ",", f'"{_FIRST}'):
        raw = _split_csv(text, file)
    else:
        raw = _split_kvn(text, file)
    tables: list[dict[str, NDArray[Any]]] = []
    size = 0
    while chunk := list(islice(raw, _CHUNK)):
        tables.append({line.name: _column(line, chunk, file) for line in CDM_LINES})
        size += len(chunk)
    if not tables:
        return make_cdm_table({}, 0)
    return make_cdm_table(
        {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}, size
    )


class _Raw(NamedTuple):
    """One message as text: values by key, and where a key stands ('' = the message itself)."""

    values: dict[str, str]
    line_of: Callable[[str], int]


def _split_kvn(text: str, file: str) -> Iterator[_Raw]:
    """Cut KVN into messages; each begins with the version line."""
    values: dict[str, str] = {}
    where: dict[str, int] = {}
    for number, row in enumerate(_rows(text), 1):
        key, equals, value = row.partition("=")
        key, value = key.strip(), value.strip()
        if key in _LINES and key not in values and values and equals:
            unit = _UNITS[key]
            if unit and value.endswith(f" [{unit}]"):
                values[key] = value[: -len(unit) - 3].rstrip()
            elif value[-1:] == "]":
                values[key] = _strip_unit(key, value, file, number)
            else:
                values[key] = value
        elif not equals:
            if key:
                _fail(file, number, key, row.strip(), "KEY = value [unit]", "no '=' in the line")
            continue
        elif key == _FIRST:
            if values:
                yield _Raw(values, lambda k, w=where: w.get(k, w[_FIRST]))  # type: ignore[misc]
            values, where = {}, {}
            _add(values, key, value, file, number)
        elif not values:
            _fail(file, number, key, value, _FIRST, f"a message begins with {_FIRST}")
        else:
            _add(values, key, value, file, number, where.get(key))
        where[key] = number
    if values:
        yield _Raw(values, lambda k: where.get(k, where[_FIRST]))


def _rows(text: str) -> Iterator[str]:
    """Lines of a text, cut a megabyte at a time."""
    start = 0
    while start < len(text):
        stop = text.find("\n", start + 1_000_000)
        stop = len(text) if stop < 0 else stop
        yield from text[start:stop].split("\n")
        start = stop + 1


def _split_json(text: str, file: str) -> Iterator[_Raw]:
    """Cut ``{"tracssCdms": [...]}``, a bare list, or one object a line into messages."""
    wrapped = _BUNDLE.match(text)
    at = wrapped.end() if wrapped else text.index("[") + 1 if text.lstrip()[0] == "[" else 0
    closing = r"\s*\]\s*\}\s*" if wrapped else r"\s*\]\s*" if at else r"\s*"
    end = re.compile(closing + r"\Z")
    decoder = json.JSONDecoder(object_pairs_hook=list)
    while not end.match(text, at):
        at = _BETWEEN.match(text, at).end()  # type: ignore[union-attr]  # matches always
        try:
            pairs, stop = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            given = text[error.pos : error.pos + 20]
            _fail(file, error.lineno, "", given, "JSON", f"column {error.colno}: {error.msg}")
        line_of = _json_lines(text, at, stop)
        if not isinstance(pairs, list) or not all(isinstance(p, tuple) for p in pairs):
            _fail(file, line_of(""), "", text[at : at + 20], "{KEY: text}", "not a JSON object")
        yield _Raw(_join_units(pairs, file, line_of), line_of)
        at = stop


def _json_lines(text: str, start: int, stop: int) -> Callable[[str], int]:
    def line_of(key: str) -> int:
        found = text.find(f'"{key}"', start, stop) if key else start
        return text.count("\n", 0, max(found, start)) + 1

    return line_of


def _join_units(
    pairs: list[tuple[str, Any]], file: str, line_of: Callable[[str], int]
) -> dict[str, str]:
    """Values of a JSON object; its KEY_UNIT companions are checked and dropped."""
    values: dict[str, str] = {}
    for key, value in pairs:
        if value is None:
            value = ""
        elif not isinstance(value, str):
            _fail(file, line_of(key), key, value, "a string or null", "values are texts")
        # line_of() counts lines from the top of the file: called only on the way to an error.
        if key in _LINES and key not in values and (key != _FIRST or value == CDM_VERSION):
            values[key] = value
        elif key.endswith("_UNIT") and key[:-5] in _LINES:
            if key in values:
                _once(values, key, file, line_of(key))
            if value != _UNITS[key[:-5]]:
                _check_unit(key[:-5], value, file, line_of(key))
            values[key] = value
        else:
            _add(values, key, value, file, line_of(key))
    return values


def _split_xml(text: str, file: str) -> Iterator[_Raw]:
    """Cut flat ``<cdm>`` elements into messages."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    messages: list[_Raw] = []
    values: dict[str, str] = {}
    where: dict[str, int] = {}
    path: list[str] = []
    content: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal values, where
        path.append(name)
        content.clear()
        number = parser.CurrentLineNumber
        if len(path) == 1 and name != "tracssCdms":
            _fail(file, number, name, name, "tracssCdms", "not a bundle of CDMs")
        elif len(path) == 2:
            if name != "cdm" or attributes.get("id") != _FIRST:
                _fail(file, number, name, name, f'<cdm id="{_FIRST}">', "not a CDM")
            values, where = {}, {_FIRST: number}
            _add(values, _FIRST, attributes.get("version", ""), file, number)
        elif len(path) == 3:
            _add(values, name, "", file, number, where.get(name))
            where[name] = number
            _check_unit(name, attributes.get("units", ""), file, number)
        elif len(path) > 3:
            _fail(file, number, name, name, "flat elements", f"element inside {path[2]}")

    def end(name: str) -> None:
        if len(path) == 3:
            values[name] = "".join(content).strip()
        elif len(path) == 2:
            messages.append(_Raw(values, lambda k, w=where: w.get(k, w[_FIRST])))  # type: ignore[misc]
        path.pop()

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = content.append
    lines = text.splitlines(keepends=True)
    try:
        for at in range(0, len(lines), 200 * 64):
            parser.Parse("".join(lines[at : at + 200 * 64]), False)
            yield from messages
            messages.clear()
        parser.Parse("", True)
    except expat.ExpatError as error:
        _fail(
            file,
            error.lineno,
            "",
            "".join(lines[error.lineno - 1 : error.lineno]).strip(),
            "XML",
            str(error),
        )


def _split_csv(text: str, file: str) -> Iterator[_Raw]:
    """Cut rows under the header of keys into messages."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader)
        once: dict[str, str] = {}
        for key in header:
            _add(once, key.strip(), CDM_VERSION, file, 1, 1 if key in once else None)
        for row in filter(None, reader):
            number = reader.line_num
            if len(row) != len(header):
                _fail(file, number, "", len(row), f"{len(header)} values", "columns do not match")
            yield _Raw(dict(zip(header, row, strict=True)), lambda _, n=number: n)  # type: ignore[misc]
    except csv.Error as error:
        _fail(file, reader.line_num, "", "", "RFC 4180", str(error))


def _column(line: CdmLine, messages: list[_Raw], file: str) -> NDArray[Any]:
    """One line of many messages as a typed column."""
    keyword = line.keyword
    texts = [message.values.get(line.name, "") for message in messages]
    if keyword.obligation == "M" and "" in texts:
        raw = messages[texts.index("")]
        why = "the mandatory value is blank" if line.name in raw.values else "the key is missing"
        _fail(file, raw.line_of(line.name), line.name, "", keyword.allowed, why)
    if keyword.type == "text":
        if line.name.endswith("_OBJECT"):
            texts = [f"OBJECT{t[-1]}" if t in ("OBJECT 1", "OBJECT 2") else t for t in texts]
        if keyword.choices and not set(texts) <= {"", *keyword.choices}:
            _fail_first(line, messages, texts, lambda t: t in ("", *keyword.choices), file)
        return np.array(texts, dtype=np.str_)
    if keyword.type == "epoch":
        if not all(_is_epoch(t) for t in texts):
            _fail_first(line, messages, texts, _is_epoch, file)
        return np.array([t or "NaT" for t in texts], dtype="datetime64[us]")
    try:
        column = np.array([float(t) if t else np.nan for t in texts], dtype=np.float64)
    except ValueError:
        column = np.full(len(texts), np.inf)
    blanks = texts.count("")
    whole = "".join(texts)
    inside = (column >= keyword.minimum) & (column <= keyword.maximum) & np.isfinite(column)
    # float() also takes 1_000, nan and other digits than 0-9: not numbers of a message.
    fine = int(inside.sum()) == len(texts) - blanks and "_" not in whole and whole.isascii()
    if not fine or keyword.type == "integer":
        _fail_first(line, messages, texts, lambda t: not t or _is_number(line, t), file)
    return column


def _is_epoch(text: str) -> bool:
    if not text:
        return True
    if _EPOCH.fullmatch(text) is None or not text.isascii():
        return False
    try:
        np.datetime64(text, "us")
    except ValueError:
        return False
    return True


def _is_number(line: CdmLine, text: str) -> bool:
    keyword = line.keyword
    if "_" in text or not text.isascii():
        return False
    if keyword.type == "integer" and _WHOLE.fullmatch(text) is None:
        return False
    try:
        value = float(text)
    except ValueError:
        return False
    return bool(np.isfinite(value)) and keyword.minimum <= value <= keyword.maximum


def _fail_first(
    line: CdmLine,
    messages: list[_Raw],
    texts: list[str],
    is_good: Callable[[str], bool],
    file: str,
) -> None:
    """Fail at the first bad text of a column; return if all are good."""
    for raw, text in zip(messages, texts, strict=True):
        if not is_good(text):
            keyword = line.keyword
            why = "not a number of this key" if keyword.is_number else "not a value of this key"
            if keyword.type == "epoch":
                why = "not an epoch"
            _fail(file, raw.line_of(line.name), line.name, text, keyword.allowed, why)


def _add(
    values: dict[str, str], key: str, value: str, file: str, number: int, first: int | None = None
) -> None:
    """Put a value under its key, which must be known and new."""
    if key not in _LINES:
        near = difflib.get_close_matches(key, _LINES, n=1, cutoff=0.6)
        allowed = near[0] if near else f"the {len(_LINES)} keys of CDM {CDM_VERSION}"
        _fail(file, number, key, key, allowed, f"unknown key for CDM {CDM_VERSION}")
    _once(values, key, file, number, first)
    if key == _FIRST and value != CDM_VERSION:
        _fail(file, number, key, value, CDM_VERSION, "this version of the format is not read")
    values[key] = value


def _once(seen: Iterable[str], key: str, file: str, number: int, first: int | None = None) -> None:
    if key in seen:
        where = f"the key stood in line {first} already" if first else "the key stands twice"
        _fail(file, number, key, key, "each key once", where)


def _strip_unit(key: str, value: str, file: str, number: int) -> str:
    """Value without its ``[unit]``, which must be the key's; a missing unit is accepted."""
    line = _LINES.get(key)
    if line is None or not line.keyword.is_number or not value.endswith("]"):
        return value
    match = _UNIT.fullmatch(value)
    if match is None:
        return value
    _check_unit(key, match[2].strip(), file, number, given=match[2].strip() or "[]")
    return match[1]


def _check_unit(key: str, unit: str, file: str, number: int, *, given: str = "") -> None:
    expected = _LINES[key].keyword.unit
    if (unit or given) and unit != expected:
        allowed = f"[{expected}]" if expected else "no unit"
        _fail(file, number, key, unit or given, allowed, "wrong unit; convert the value first")


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
