"""Print Conjunction Data Messages 2.0 as KVN, JSON, XML or CSV, a column table at a time.

Fed by `export.cdm` with a `CdmTable`; the text goes to files. One walk over the keyword table
makes all formats, so they carry the same information. Text is a pure function of the table and
the precision. To be fast, a table becomes one printf template: lines that are the same in all
messages are literal text in it, full number columns are format codes, and only text and partly
blank columns are made cell by cell::

    KVN   KEY = value [unit]             200 lines a message, messages one after another
    JSON  {"tracssCdms":[{...},{...}]}   strings, null when blank, KEY_UNIT beside each unit
    XML   <tracssCdms><cdm ...>          flat elements, unit as attribute, empty when blank
    CSV   one header, one row a message  RFC 4180, units as in the table, empty when blank
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple
from xml.sax.saxutils import escape as escape_xml

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.errors import MessageError
from tracss_hpc.messages.cdm import CDM_LINES, CdmKeyword, CdmLine, CdmTable

__all__ = [
    "CDM_FORMATS",
    "CdmFormat",
    "CdmPrecision",
    "format_bundle",
    "format_cdms",
    "open_bundle",
]

CdmFormat = Literal["kvn", "json", "xml", "csv"]
CdmPrecision = Literal["operational", "full"]
CDM_FORMATS: tuple[CdmFormat, ...] = ("kvn", "json", "xml", "csv")


def format_cdms(table: CdmTable, form: CdmFormat, precision: CdmPrecision) -> list[str]:
    """Print each message of a table.

    Parameters
    ----------
    table : CdmTable
        The messages.
    form : {'kvn', 'json', 'xml', 'csv'}
        Shape of the text.
    precision : {'operational', 'full'}
        Number formats of the keyword table, or the shortest text that reads back bit-identical.

    Returns
    -------
    list of str
        One text per message: lines (KVN), object (JSON), element (XML), row (CSV);
        `format_bundle` puts head, separators and tail of a file around them.

    Raises
    ------
    MessageError
        If a mandatory value is blank, a number infinite or out of range, a text not printable
        or not one of the allowed ones; carries `key`, `given`, `allowed`.
    """
    style = _STYLES[form]
    parts: list[str] = []
    cells: list[list[str] | list[float]] = []
    for line in CDM_LINES:
        column = table.columns[line.name]
        if column.size and column.strides == (0,):
            (text,) = _cells(line, column[:1], style, precision)
            parts.append(text.replace("%", "%%"))
        elif line.keyword.is_number and not np.isnan(column).any():
            _check_numbers(line, column)
            parts.append(_number_code(line, style, precision))
            cells.append(column.tolist())
        else:
            parts.append("%s")
            cells.append(_cells(line, column, style, precision))
    template = style.opening + style.joiner.join(parts) + style.closing
    if not cells:
        return [template % ()] * table.size
    return [template % row for row in zip(*cells, strict=True)]


def format_bundle(texts: Iterable[str], form: CdmFormat) -> str:
    """Join printed messages to the whole text of one file."""
    style = _STYLES[form]
    return style.head + style.between.join(texts) + style.tail


@contextmanager
def open_bundle(
    path: Path, form: CdmFormat, precision: CdmPrecision
) -> Iterator[Callable[[CdmTable], None]]:
    """Open a file of messages; gives a function that appends a table to it.

    The file has a temporary name until it is whole and does not stay behind when writing fails.
    """
    style = _STYLES[form]
    partial = path.with_name(path.name + ".partial")
    begun = False

    def write(table: CdmTable) -> None:
        nonlocal begun
        if len(table):
            out.write(style.between if begun else "")
            out.write(style.between.join(format_cdms(table, form, precision)))
            begun = True

    try:
        with partial.open("w", encoding="utf-8", newline="") as out:
            out.write(style.head)
            yield write
            out.write(style.tail)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


class _Style(NamedTuple):
    """How a format spells one message (`opening`..`closing`) and one file (`head`..`tail`)."""

    cell: Callable[[CdmLine, str], str]  # line of the table and escaped value or '' -> its text
    escape: Callable[[str], str]
    opening: str
    joiner: str
    closing: str
    head: str
    between: str
    tail: str


def _cells(
    line: CdmLine, column: NDArray[Any], style: _Style, precision: CdmPrecision
) -> list[str]:
    """Texts of one line for every message; blank where the column is blank."""
    if line.keyword.is_number:
        _check_numbers(line, column)
        code, blank = _number_code(line, style, precision), style.cell(line, "")
        return [code % v if v == v else blank for v in column.tolist()]
    if line.keyword.type == "epoch":
        stamps = np.datetime_as_string(column.astype("datetime64[us]")).tolist()
        if line.keyword.obligation == "M" and "NaT" in stamps:
            raise _error(line, "", f"no value in message {stamps.index('NaT') + 1} of the table")
        return [style.cell(line, "" if s == "NaT" else s) for s in stamps]
    known = _TextCells(line, style)
    return [known[text] for text in column.tolist()]


class _TextCells(dict[str, str]):
    """Cells of one text line, each different text checked and escaped once."""

    def __init__(self, line: CdmLine, style: _Style):
        super().__init__()
        self.line, self.style = line, style

    def __missing__(self, text: str) -> str:
        keyword = self.line.keyword
        if not text and keyword.obligation == "M":
            raise _error(self.line, text, "the value is mandatory")
        if text and keyword.choices and text not in keyword.choices:
            raise _error(self.line, text, "the value is not one of the format's")
        if not text.isprintable() or text != text.strip():
            raise _error(self.line, text, "control characters or blanks around it do not survive")
        cell = self[text] = self.style.cell(self.line, self.style.escape(text))
        return cell


def _check_numbers(line: CdmLine, column: NDArray[Any]) -> None:
    keyword = line.keyword
    values = np.asarray(column, dtype=np.float64)
    bad = np.isinf(values) | (values < keyword.minimum) | (values > keyword.maximum)
    if keyword.type == "integer":
        bad |= (values != np.rint(values)) & ~np.isnan(values)
    if keyword.obligation == "M":
        bad |= np.isnan(values)
    if bad.any():
        row = int(np.argmax(bad))
        raise _error(line, float(values[row]), f"message {row + 1} of the table")


def _number_code(line: CdmLine, style: _Style, precision: CdmPrecision) -> str:
    """Cell text with a printf code in place of the number."""
    full = precision == "full" and line.keyword.type == "float"
    text = style.cell(line, "\0").replace("%", "%%")
    return text.replace("\0", "%r" if full else line.keyword.operational)


def _error(line: CdmLine, given: object, why: str) -> MessageError:
    keyword: CdmKeyword = line.keyword
    return MessageError(
        f"CDM cannot be written: {line.name} = {given!r}: {why}; allowed: {keyword.allowed}",
        key=line.name,
        given=given,
        allowed=keyword.allowed,
    )


def _kvn_cell(line: CdmLine, value: str) -> str:
    if not value:
        return f"{line.name} ="
    unit = line.keyword.unit
    return f"{line.name} = {value} [{unit}]" if unit else f"{line.name} = {value}"


def _json_cell(line: CdmLine, value: str) -> str:
    text = f'"{line.name}":"{value}"' if value else f'"{line.name}":null'
    unit = line.keyword.unit
    return f'{text},"{line.name}_UNIT":"{unit}"' if unit else text


def _xml_cell(line: CdmLine, value: str) -> str:
    if line.name == "CCSDS_CDM_VERS":
        return f'<cdm id="{line.name}" version="{value}">'
    if not value:
        return f"<{line.name}/>"
    units = f' units="{line.keyword.unit}"' if line.keyword.unit else ""
    return f"<{line.name}{units}>{value}</{line.name}>"


def _csv_cell(line: CdmLine, value: str) -> str:
    return value


def _csv_escape(text: str) -> str:
    if '"' in text or "," in text:
        return '"' + text.replace('"', '""') + '"'
    return text


_STYLES: dict[CdmFormat, _Style] = {
    "kvn": _Style(_kvn_cell, str, "", "\n", "\n", "", "", ""),
    "json": _Style(
        _json_cell,
        lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
        "{",
        ",",
        "}",
        '{"tracssCdms":[\n',
        ",\n",
        "\n]}\n",
    ),
    "xml": _Style(
        _xml_cell,
        escape_xml,
        "",
        "\n",
        "\n</cdm>\n",
        '<?xml version="1.0" encoding="UTF-8"?>\n<tracssCdms>\n',
        "",
        "</tracssCdms>\n",
    ),
    "csv": _Style(
        _csv_cell,
        _csv_escape,
        "",
        ",",
        "\r\n",
        ",".join(line.name for line in CDM_LINES) + "\r\n",
        "",
        "",
    ),
}
