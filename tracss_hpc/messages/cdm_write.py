"""Print Conjunction Data Messages of a profile as KVN, JSON, XML or CSV, a column table at a time.

Fed by `export.cdm` and by conversions with a `CdmTable`; the text goes to files. One walk over the
lines of a profile (`cdm_profiles`) makes all its formats, so they carry the same information. Text
is a pure function of table, profile and precision. To be fast, a table becomes one printf template:
lines that are the same in all messages are literal text in it, full number columns are format
codes, and only text and partly blank columns are made cell by cell::

    tracss-2.0  KVN   KEY = value [unit]             200 lines a message, one after another
                JSON  {"tracssCdms":[{...},{...}]}   strings, null when blank, KEY_UNIT beside
                XML   <tracssCdms><cdm ...>          flat, unit as attribute, empty when blank
                CSV   one header, one row a message  RFC 4180, units as in the table
    tracss-2.1  KVN   OBJECT opens the keys of an object, values blank as above; 181 lines
                JSON  the keys the TraCSS API sends
    ccsds-1.0   KVN   CCSDS 508.0-B-1; blank lines left out, comments of CSpOC
                XML   nested as CCSDS 505.0-B

What of a table a profile has no place for is not printed. `split_writable` parts off messages that
lack what a profile demands (ccsds-1.0: the covariance). `cdm_styles` spells the formats.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.errors import MessageError
from tracss_hpc.messages.cdm import CDM_VERSION, CdmTable, take_messages
from tracss_hpc.messages.cdm_profiles import CdmProfile, ProfileLine, profile_lines
from tracss_hpc.messages.cdm_styles import STYLES, CdmFormat, Style
from tracss_hpc.messages.number_texts import CODE_16_DIGITS, print_16_digits
from tracss_hpc.messages.units import unit_factor

__all__ = [
    "CDM_FORMATS",
    "CDM_KINDS",
    "CdmFormat",
    "CdmPrecision",
    "Unwritable",
    "format_bundle",
    "format_cdms",
    "is_blank",
    "open_bundle",
    "split_kind",
    "split_writable",
]

CdmPrecision = Literal["operational", "full"]
#: Formats of tracss-2.0.
CDM_FORMATS: tuple[CdmFormat, ...] = ("kvn", "json", "xml", "csv")
#: What can be written: formats of tracss-2.0 by their name alone, others as PROFILE.FORMAT.
CDM_KINDS: tuple[str, ...] = (
    *CDM_FORMATS,
    *(f"{profile}.{form}" for profile, form in STYLES),
)
_VERSIONS: dict[CdmProfile, str] = {
    "tracss-2.0": CDM_VERSION, "tracss-2.1": CDM_VERSION, "ccsds-1.0": "1.0",
}  # fmt: skip
#: Words of CCSDS 508.0-B-1 for ours.
_CCSDS_WORDS = {
    "MANEUVERABLE": {"UNKNOWN": "N/A"},
    "CATALOG_NAME": {"DOD Catalog": "SATCAT"},
    "MEETS_ALERTABLE_CRITERIA": {"NO": ""},
}


class Unwritable(NamedTuple):
    """A message that a profile cannot hold, and the key whose value it lacks."""

    message_id: str
    key: str


def split_kind(kind: str) -> tuple[CdmProfile, CdmFormat]:
    """Profile and format of a word of CDM_KINDS."""
    profile, dot, form = kind.rpartition(".")
    return (cast(CdmProfile, profile) if dot else "tracss-2.0"), cast(CdmFormat, form)


def split_writable(table: CdmTable, profile: CdmProfile) -> tuple[CdmTable, list[Unwritable]]:
    """The messages that the profile can hold, and why it cannot hold the others."""
    lacking: dict[int, str] = {}
    for line in profile_lines(profile):
        if not line.mandatory or line.lines[0].name == "CCSDS_CDM_VERS":
            continue
        for entry in line.lines:
            if not (entry.keyword.default and entry.keyword.type == "text"):
                for row in np.flatnonzero(is_blank(table.columns[entry.name])):
                    lacking.setdefault(int(row), entry.name)
    if not lacking:
        return table, []
    ids = table.columns["MESSAGE_ID"]
    rest = np.setdiff1d(np.arange(len(table)), list(lacking))
    return take_messages(table, rest), [
        Unwritable(str(ids[row]), key) for row, key in sorted(lacking.items())
    ]


def format_cdms(
    table: CdmTable, form: CdmFormat, precision: CdmPrecision, profile: CdmProfile = "tracss-2.0"
) -> list[str]:
    """Print each message of a table.

    Parameters
    ----------
    table : CdmTable
        The messages.
    form : {'kvn', 'json', 'xml', 'csv'}
        Shape of the text.
    precision : {'operational', 'full'}
        Number formats of the keyword table, or the shortest text that reads back bit-identical.
    profile : {'tracss-2.0', 'tracss-2.1', 'ccsds-1.0'}
        Keys, their order and units; CDM_KINDS are the formats each has.

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
    style = STYLES[profile, form]
    parts: list[str] = []
    cells: list[list[str] | list[float]] = []
    before: ProfileLine | None = None
    for line in profile_lines(profile):
        if line.key in style.left_out:
            continue
        opening = style.between_lines(before, line)
        before = line
        columns = [_column(table, line, k, profile) for k in range(len(line.lines))]
        if all(column.size and column.strides == (0,) for column in columns):
            (text,) = _cells(line, [column[:1] for column in columns], style, precision, profile)
            parts.append(opening + text.replace("%", "%%"))
        elif line.is_number and not any(np.isnan(column).any() for column in columns):
            code = _number_code(line, precision)
            for column in columns:
                _check_numbers(line, column)
                cells.append(_numbers(column, code))
            code = "%s" if code == CODE_16_DIGITS else code
            parts.append(opening + _number_cell(line, style, code))
        else:
            parts.append(f"{opening}%s")
            cells.append(_cells(line, columns, style, precision, profile))
    template = style.opening + style.joiner.join(parts) + style.closing
    if not cells:
        return [style.finish(template % ())] * table.size
    return [style.finish(template % row) for row in zip(*cells, strict=True)]


def format_bundle(texts: Iterable[str], form: CdmFormat, profile: CdmProfile = "tracss-2.0") -> str:
    """Join printed messages to the whole text of one file; one CCSDS message needs no `ndm`."""
    style = STYLES[profile, form]
    texts = list(texts)
    if (profile, form) == ("ccsds-1.0", "xml") and len(texts) == 1:
        return style.head.removesuffix("<ndm>\n") + texts[0]
    if texts:  # one join: the text of a bundle is large, and each copy of it takes time
        texts[0] = style.head + texts[0]
        texts[-1] += style.tail
        return style.between.join(texts)
    return style.head + style.tail


@contextmanager
def open_bundle(
    path: Path, form: CdmFormat, precision: CdmPrecision, profile: CdmProfile = "tracss-2.0"
) -> Iterator[Callable[[CdmTable], None]]:
    """Open a file of messages; gives a function that appends a table to it.

    The file has a temporary name until it is whole and does not stay behind when writing fails.
    """
    style = STYLES[profile, form]
    partial = path.with_name(path.name + ".partial")
    begun = False

    def write(table: CdmTable) -> None:
        nonlocal begun
        if len(table):
            out.write(style.between if begun else "")
            out.write(style.between.join(format_cdms(table, form, precision, profile)))
            begun = True

    try:
        with partial.open("w", encoding="utf-8", newline="") as out:
            out.write(style.head)
            yield write
            out.write(style.tail)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _column(table: CdmTable, line: ProfileLine, k: int, profile: CdmProfile) -> NDArray[Any]:
    """Values of one line in the unit and the words of the profile."""
    entry = line.lines[k]
    column = table.columns[entry.name]
    keyword = entry.keyword
    if keyword.name == "CCSDS_CDM_VERS" and (table.profiles or profile != "tracss-2.0"):
        return np.broadcast_to(np.array(_VERSIONS[profile]), len(table))
    if profile == "tracss-2.0":
        return column
    if line.converted:
        factor = unit_factor(keyword.unit, line.unit) or 1.0
        return column if factor == 1.0 else column * factor
    if keyword.type == "text" and line.mandatory and keyword.default:
        column = _replace(column, {"": keyword.default})
    if profile == "ccsds-1.0" and keyword.name in _CCSDS_WORDS:
        column = _replace(column, _CCSDS_WORDS[keyword.name])
    return column


def _replace(column: NDArray[Any], words: dict[str, str]) -> NDArray[Any]:
    """A text column with some of its words changed, broadcast if it was."""
    if column.size and column.strides == (0,):
        text = str(column[0])
        return np.broadcast_to(np.array(words.get(text, text)), len(column))
    if not np.isin(column, list(words)).any():
        return column
    return np.array([words.get(text, text) for text in column.tolist()], dtype=np.str_)


def is_blank(column: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a column of a `CdmTable` has no value."""
    if column.dtype.kind == "M":
        blank: NDArray[np.bool_] = np.isnat(column)
    else:
        blank = np.isnan(column) if column.dtype.kind == "f" else column == ""
    return blank


def _cells(
    line: ProfileLine,
    columns: list[NDArray[Any]],
    style: Style,
    precision: CdmPrecision,
    profile: CdmProfile,
) -> list[str]:
    """Texts of one line for every message; blank where a column is blank."""
    blank = style.cell(line, "")
    if line.is_number:
        for column in columns:
            _check_numbers(line, column)
        cell = _number_cell(line, style, _number_code(line, precision))
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return [cell % row if all(v == v for v in row) else blank for row in rows]
    (column,) = columns
    if line.lines[0].keyword.type == "epoch":
        stamps = np.datetime_as_string(column.astype("datetime64[us]")).tolist()
        if line.mandatory and "NaT" in stamps:
            raise _error(line, "", f"no value in message {stamps.index('NaT') + 1} of the table")
        return [blank if s == "NaT" else style.cell(line, s) for s in stamps]
    known = _TextCells(line, style, profile)
    return [known[text] for text in column.tolist()]


class _TextCells(dict[str, str]):
    """Cells of one text line, each different text checked and escaped once."""

    def __init__(self, line: ProfileLine, style: Style, profile: CdmProfile):
        super().__init__()
        self.line, self.style, self.profile = line, style, profile

    def __missing__(self, text: str) -> str:
        keyword = self.line.lines[0].keyword
        if not text and self.line.mandatory:
            raise _error(self.line, text, "the value is mandatory")
        if text and keyword.choices and text not in keyword.choices and not self._is_other(text):
            raise _error(self.line, text, "the value is not one of the format's")
        if not text.isprintable() or text != text.strip():
            raise _error(self.line, text, "control characters or blanks around it do not survive")
        cell = self[text] = self.style.cell(self.line, self.style.escape(text))
        return cell

    def _is_other(self, text: str) -> bool:
        """Whether a profile other than tracss-2.0 allows the text."""
        keyword = self.line.lines[0].keyword
        if self.profile == "tracss-2.0":
            return False
        return text in _CCSDS_WORDS.get(keyword.name, {}).values() or any(
            text.startswith(word[:-1]) if word.endswith("*") else text == word
            for word in keyword.others_allow
        )


def _check_numbers(line: ProfileLine, column: NDArray[Any]) -> None:
    keyword = line.lines[0].keyword
    values = np.asarray(column, dtype=np.float64)
    bad = np.isinf(values) | (values < keyword.minimum) | (values > keyword.maximum)
    if keyword.type == "integer":
        bad |= (values != np.rint(values)) & ~np.isnan(values)
    if line.mandatory:
        bad |= np.isnan(values)
    if bad.any():
        row = int(np.argmax(bad))
        raise _error(line, float(values[row]), f"message {row + 1} of the table")


def _number_code(line: ProfileLine, precision: CdmPrecision) -> str:
    """Printf code of the numbers of a line."""
    keyword = line.lines[0].keyword
    return "%r" if precision == "full" and keyword.type == "float" else keyword.operational


def _numbers(column: NDArray[Any], code: str) -> list[str] | list[float]:
    """Values of a full column for printf, or their texts where those are made faster here."""
    return print_16_digits(column) if code == CODE_16_DIGITS else column.tolist()


def _number_cell(line: ProfileLine, style: Style, code: str) -> str:
    """Cell text with printf codes in place of the numbers."""
    text = style.cell(line, "\0").replace("%", "%%")
    return text.replace("\0", " ".join([code] * len(line.lines)))


def _error(line: ProfileLine, given: object, why: str) -> MessageError:
    name, keyword = line.name, line.lines[0].keyword
    return MessageError(
        f"CDM cannot be written: {name} = {given!r}: {why}; allowed: {keyword.allowed}",
        key=name,
        given=given,
        allowed=keyword.allowed,
    )
