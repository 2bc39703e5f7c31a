"""Cut OMM files into records, keyword -> text, one function for each notation.

Fed by the text of a file; feeds `omm`, which judges the records. Here only the notation is
judged: a fault inside one record is yielded in its place as a `MessageError`, a fault that spoils
the file (not well-formed XML or JSON, no header) is raised as an `InputDataError`.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree

from tracss_hpc.errors import InputDataError, MessageError
from tracss_hpc.messages.kvn import kvn_lines

__all__ = ["Cut", "Record", "csv_records", "json_records", "kvn_records", "xml_records"]

#: Keyword -> text, blanks trimmed; a unit stays in the text, in brackets.
Record = dict[str, str]
#: Line or record number from 1, the record as far as it could be cut, and its fault.
Cut = tuple[int, Record, MessageError | None]

# fmt: off
#: XML elements that hold no value: those that hold others (505.0-B), and comments.
_XML_GROUPS = frozenset([
    "omm", "header", "body", "segment", "metadata", "data", "meanElements", "tleParameters",
    "spacecraftParameters", "covarianceMatrix", "userDefinedParameters", "COMMENT",
])
# fmt: on


def kvn_records(text: str) -> Iterator[Cut]:
    """Yield (line number, record) of a KVN text; ``CCSDS_OMM_VERS`` begins a record."""
    start = 0
    record: Record = {}
    fault: MessageError | None = None
    for number, key, value in kvn_lines(text):
        if key == "CCSDS_OMM_VERS":
            if start:
                yield start, record, fault
            start, record, fault = number, {}, None
        elif key == "COMMENT":
            continue
        start = start or number
        if not key:
            fault = fault or MessageError(
                f"line {number}: {value[:60]!r} is not KEYWORD = value", line=number, given=value
            )
        elif key in record:
            fault = fault or MessageError(
                f"line {number}: {key} is given twice", line=number, key=key
            )
        else:
            record[key] = value
    if start:
        yield start, record, fault


def xml_records(text: str, file: str = "") -> Iterator[Cut]:
    """Yield (record number, record) of an XML text with the root ``omm`` or ``ndm``.

    Document type and entity declarations are refused before the parser sees them, so nothing is
    expanded and nothing outside the text is read.
    """
    if re.search(r"<!(DOCTYPE|ENTITY)", text) is not None:
        raise InputDataError(
            f"{file}: XML with a document type or entity declaration is refused; remove it",
            file=file,
            key="DOCTYPE",
        )
    parser = ElementTree.XMLParser()
    try:
        parser.feed(text)
        root = parser.close()
    except (ElementTree.ParseError, ValueError) as error:
        line = getattr(error, "position", (0, 0))[0]
        raise InputDataError(
            f"{file}, line {line}: not well-formed XML ({error}); is the file whole?",
            file=file,
            line=line,
        ) from error
    name = _local_name(root.tag)
    if name not in ("omm", "ndm"):
        raise InputDataError(
            f"{file}: XML root is <{name}>, allowed are <omm> and <ndm> with <omm> inside",
            file=file,
            key="root",
            given=name,
            allowed=("omm", "ndm"),
        )
    messages = [root] if name == "omm" else list(root)
    number = 0
    for message in messages:
        name = _local_name(message.tag)
        if name in ("COMMENT", "MESSAGE_ID"):
            continue
        number += 1
        if name == "omm":
            record, fault = _xml_record(message)
            yield number, record, fault
        else:
            yield number, {}, MessageError(f"<{name}> is not an OMM", key=name, given=name)


def json_records(text: str, file: str = "") -> Iterator[Cut]:
    """Yield (record number, record) of a JSON object or list; numbers keep their printed digits."""
    try:
        top = json.loads(
            text, parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_json_object
        )
    except json.JSONDecodeError as error:
        raise InputDataError(
            f"{file}, line {error.lineno}, column {error.colno}: not JSON ({error.msg}); "
            "is the file whole?",
            file=file,
            line=error.lineno,
        ) from error
    except RecursionError:
        raise InputDataError(f"{file}: JSON is nested too deeply for GP data", file=file) from None
    if isinstance(top, dict | tuple):
        keys = dict(top).keys()
        if not {"MEAN_MOTION", "NORAD_CAT_ID"} & keys:
            raise InputDataError(
                f"{file}: JSON object is no OMM: it holds "
                f"{', '.join(sorted(keys)[:5]) or 'nothing'}"
                "; allowed are one OMM object or a list of them",
                file=file,
            )
        top = [top]
    if not isinstance(top, list):
        raise InputDataError(
            f"{file}: JSON is a single value; allowed are one OMM object or a list of them",
            file=file,
        )
    for number, item in enumerate(top, start=1):
        if isinstance(item, tuple):
            names = [key for key, _ in item]
            twice = next(name for name in names if names.count(name) > 1)
            record = {key: str(value) for key, value in item}
            yield number, record, MessageError(f"{twice} is given twice", key=twice)
        elif isinstance(item, dict):
            # A value that is no text (true, a list) becomes text that no number check passes.
            yield number, {k: str(v).strip() for k, v in item.items() if v is not None}, None
        else:
            shown = str(item)[:60]
            yield number, {}, MessageError(f"{shown!r} is not a JSON object", given=shown)


def _json_object(pairs: list[tuple[str, object]]) -> dict[str, object] | tuple[object, ...]:
    """An object as a dict; one with a repeated key as its pairs, which is no JSON type."""
    found = dict(pairs)
    return found if len(found) == len(pairs) else tuple(pairs)


def csv_records(text: str, required: Sequence[str], file: str = "") -> Iterator[Cut]:
    """Yield (line number, record) of the rows below a header that has the `required` columns."""
    lines = text.split("\n")
    first = next((i for i, line in enumerate(lines) if line.strip()), 0)
    try:
        header = [cell.strip().upper() for cell in _csv_cells(lines[first])]
    except csv.Error as error:
        raise InputDataError(
            f"{file}, line {first + 1}: not a header of CSV ({error})", file=file, line=first + 1
        ) from error
    for key, words in [
        *((key, f"lacks {key}") for key in required if key not in header),
        *((key, f"has {key} twice") for key in header if key and header.count(key) > 1),
    ]:
        raise InputDataError(
            f"{file}, line {first + 1}: the CSV header {words}; it needs {', '.join(required)}",
            file=file,
            line=first + 1,
            key=key,
            given=header,
            allowed=tuple(required),
        )
    for number, line in enumerate(lines[first + 1 :], start=first + 2):
        if not line.strip():
            continue
        fault: MessageError | None = None
        try:
            cells = _csv_cells(line)
        except csv.Error as error:
            cells = []
            fault = MessageError(f"not a row of CSV ({error})", given=line[:60])
        if len(cells) != len(header):
            fault = fault or MessageError(
                f"row has {len(cells)} cells, the header {len(header)}", given=str(len(cells))
            )
        yield number, {k: cell.strip() for k, cell in zip(header, cells, strict=False)}, fault


def _xml_record(message: ElementTree.Element) -> tuple[Record, MessageError | None]:
    record: Record = {}
    fault: MessageError | None = None
    for element in message.iter():
        key = _local_name(element.tag)
        if key in _XML_GROUPS:
            continue
        if key == "USER_DEFINED":
            key = "USER_DEFINED_" + element.get("parameter", "")
        if key in record:
            fault = fault or MessageError(f"{key} is given twice", key=key)
            continue
        text = (element.text or "").strip()
        unit = element.get("units")
        record[key] = text if unit is None else f"{text} [{unit}]"
    return record, fault


def _local_name(tag: str) -> str:
    """Tag without its namespace."""
    return tag.rpartition("}")[2] if "}" in tag else tag


def _csv_cells(line: str) -> list[str]:
    """Cells of one line. Line by line, so that an unclosed quote costs one row and not the rest."""
    return next(csv.reader([line.rstrip("\r")], strict=True), [])
