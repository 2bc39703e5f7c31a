"""Read Conjunction Data Messages of every profile and notation, exactly as they were printed.

Fed by files, one message or a bundle of many; feeds a `CdmTable`. What a file is follows from its
content. `cdm_cut` makes records of it (key -> text, units converted), and those become columns some
hundreds at a time. Nothing is guessed: an unknown or repeated key, a unit of another dimension,
text that is no number, an epoch that does not exist or a missing mandatory value is a
`MessageError` that names file, line, key, the value given and what is allowed. Nothing is computed
either: states stay in their frame, and what a profile does not print is blank.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.constants import DAY_S
from tracss_hpc.errors import MessageError
from tracss_hpc.messages.cdm import (
    ALL_LINES,
    CDM_LINES,
    STATE_KEYWORDS,
    CdmExtra,
    CdmKeyword,
    CdmLine,
    CdmTable,
    make_cdm_table,
)
from tracss_hpc.messages.cdm_cut import KnownLayouts, cut_cdms
from tracss_hpc.messages.cdm_records import CdmRecord, Wanted, fail
from tracss_hpc.messages.source import decompress, read_file
from tracss_hpc.messages.utc import EpochError, parse_utc

__all__ = ["LARGEST_BYTES", "decode_message", "parse_cdms", "read_cdms", "sift_cdms"]

#: Largest text that is read: 90,000 messages. A bundle of the TraCSS API holds 5000.
LARGEST_BYTES = 1_000_000_000
_CHUNK = 256  # messages per conversion to columns: bounds the memory of raw texts, 30 kB each
_MOST_FAULTS = 1000  # of a file that is hardly made of CDMs
_CORE = frozenset(
    ["TCA", *(f"SAT{k}_{name}" for k in (1, 2) for name in (*STATE_KEYWORDS, "REF_FRAME"))]
)
_MANDATORY = frozenset(line.name for line in CDM_LINES if line.keyword.obligation == "M")
_EPOCH = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?")
_WHOLE = re.compile(r"[+-]?\d+")
_BLANKS = frozenset(["NAN", "N/A", "NA", "NONE"])
_UNIX_JD = 2440587.5
#: Words of other profiles for one of ours.
_WORDS = {"MANEUVERABLE": {"N/A": "UNKNOWN"}}


def read_cdms(path: str | Path, *, known: KnownLayouts | None = None) -> CdmTable:
    """Read all messages of a file, plain or compressed, of any profile and notation.

    Many files are read faster with one `known` for all: what their messages look like.

    Returns
    -------
    CdmTable
        One row a message, in the order of the file; `profiles` and `lines` tell what they are.

    Raises
    ------
    MessageError
        If anything in the file is not a CDM.
    """
    return parse_cdms(decode_message(Path(path)), file=str(path), known=known)


def parse_cdms(text: str, *, file: str = "<text>", known: KnownLayouts | None = None) -> CdmTable:
    """Read all messages of a text; `file` is its name in error messages, `known` as `read_cdms`.

    Returns
    -------
    CdmTable
        Columns exactly as printed: numbers float64 (NaN where blank), texts, epochs to 1 us.

    Raises
    ------
    MessageError
        As `read_cdms`.
    """
    table, errors = _read(text, file, known or KnownLayouts(), first=True)
    if errors:
        raise errors[0]
    return table


def sift_cdms(
    text: str,
    *,
    file: str = "<text>",
    wanted: frozenset[str] | None = None,
    known: KnownLayouts | None = None,
    look: Callable[[CdmRecord], None] | None = None,
) -> tuple[CdmTable, list[MessageError]]:
    """Read the good messages of a text.

    Parameters
    ----------
    text, file
        As `parse_cdms`.
    wanted : frozenset of str, optional
        Lines of the table to take. Others come out blank, whatever the file says there: real
        messages have small faults in what nobody needs. Unknown keys go to `extra` then.
    known : KnownLayouts, optional
        What messages of other files look like; its own `wanted` holds.
    look : callable, optional
        Called with the record of each good message, in order.

    Returns
    -------
    table : CdmTable
        The good messages, in order.
    errors : list of MessageError
        One for each other, with file, line and key.
    """
    return _read(text, file, known or KnownLayouts(wanted), first=False, look=look)


def decode_message(path: Path) -> str:
    """Text of a message file, plain or compressed, lines ended by ``\\n``.

    Raises
    ------
    MessageError
        If it is not UTF-8, or larger than LARGEST_BYTES; `InputDataError` if it cannot be read.
    """
    data = decompress(read_file(path, LARGEST_BYTES), str(path), LARGEST_BYTES)
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise MessageError(
            f"{path}: not UTF-8 text at byte {error.start}; a CDM is plain text",
            file=str(path),
            given=error.object[error.start : error.start + 1],
            allowed="UTF-8",
        ) from None


def _read(
    text: str,
    file: str,
    known: KnownLayouts,
    *,
    first: bool,
    look: Callable[[CdmRecord], None] | None = None,
) -> tuple[CdmTable, list[MessageError]]:
    """Table of the good messages, and the faults; with `first` only up to the first fault."""
    wanted = known.wanted
    errors: list[MessageError] = []
    tables: list[dict[str, NDArray[Any]]] = []
    sizes: list[int] = []
    profiles: list[str] = []
    lines: list[int] = []
    extra: list[CdmExtra] = []

    def records() -> Iterator[CdmRecord]:
        for record in cut_cdms(text, file, known):
            if isinstance(record, CdmRecord):
                yield record
            else:
                errors.append(record)
            if first and errors:
                return
            if len(errors) >= _MOST_FAULTS and len(errors) > 10 * len(lines):
                why = f"{len(errors):,} messages cannot be read, the rest is not looked at"
                errors.append(MessageError(f"{file}: {why}", file=file, line=errors[-1].line))
                return

    source = records()
    while chunk := list(islice(source, _CHUNK)):
        try:
            tables.append(_columns(chunk, file, wanted))
        except MessageError as error:
            if first:
                return make_cdm_table({}, 0), [error]
            chunk, faults = _sift(chunk, file, wanted)
            errors += faults
            if not chunk:
                continue
            tables.append(_columns(chunk, file, wanted))
        sizes.append(len(chunk))
        for record in chunk:
            extra += [CdmExtra(len(lines), *item) for item in record.extra]
            profiles.append(record.profile)
            lines.append(record.line)
            if look is not None:
                look(record)
    errors.sort(key=lambda error: error.line)
    if not tables:
        return make_cdm_table({}, 0), errors
    return make_cdm_table(
        _join(tables, sizes),
        len(lines),
        profiles=profiles,
        lines=lines,
        extra=extra,
    ), errors


def _join(tables: list[dict[str, NDArray[Any]]], sizes: list[int]) -> dict[str, NDArray[Any]]:
    """Columns of all tables, blank where one has no such line."""
    return {
        line.name: np.concatenate(
            [
                table[line.name] if line.name in table else np.full(size, _BLANK[line.keyword.type])
                for table, size in zip(tables, sizes, strict=True)
            ]
        )
        for line in ALL_LINES
    }


def _sift(
    chunk: list[CdmRecord], file: str, wanted: Wanted
) -> tuple[list[CdmRecord], list[MessageError]]:
    """The records whose values are all good, and the faults of the others."""
    good, errors = [], []
    for record in chunk:
        try:
            _columns([record], file, wanted)
            good.append(record)
        except MessageError as error:
            errors.append(error)
    return good, errors


def _columns(chunk: list[CdmRecord], file: str, wanted: Wanted) -> dict[str, NDArray[Any]]:
    """Columns of the lines that some of the records have, or that all must have."""
    others = any(record.profile != "tracss-2.0" for record in chunk)
    texts = _texts(chunk)
    columns = _plain_numbers(texts)
    must = _MANDATORY if wanted is None else _MANDATORY & wanted
    for line in ALL_LINES:
        if line.name not in columns and (line.name in texts or line.name in must):
            own = texts.get(line.name, ("",) * len(chunk))
            columns[line.name] = _column(line, chunk, own, file, others)
    return columns


_BLANK: dict[str, Any] = {
    "text": "", "float": np.nan, "integer": np.nan, "epoch": np.datetime64("NaT", "us"),
}  # fmt: skip


def _texts(chunk: list[CdmRecord]) -> dict[str, tuple[str, ...]]:
    """Texts of each line that some record has, '' where a record lacks it."""
    names = tuple(chunk[0].values)
    if all(tuple(record.values) == names for record in chunk):
        rows = zip(*(record.values.values() for record in chunk), strict=True)
        return dict(zip(names, rows, strict=True))
    held = dict.fromkeys(name for record in chunk for name in record.values)
    return {name: tuple(record.values.get(name, "") for record in chunk) for name in held}


def _plain_numbers(texts: dict[str, tuple[str, ...]]) -> dict[str, NDArray[np.float64]]:
    """Columns of the lines whose texts are all numbers or blank where they may be.

    All others have to be looked at text by text.
    """
    lines = [line for line in ALL_LINES if line.keyword.is_number and line.name in texts]
    if not lines:
        return {}
    columns, blanks = [], []
    for line in lines:
        own = texts[line.name]
        count = own.count("") if line.name not in _MANDATORY else 0
        numbers = (float(text) if text else np.nan for text in own) if count else map(float, own)
        try:
            columns.append(np.fromiter(numbers, np.float64, len(own)))
        except ValueError:
            columns.append(np.full(len(own), np.inf))
        blanks.append(count)
    values = np.stack(columns)
    low = np.array([[line.keyword.minimum] for line in lines])
    high = np.array([[line.keyword.maximum] for line in lines])
    inside = (values >= low) & (values <= high) & np.isfinite(values)
    filled = values.shape[1] - np.array(blanks)
    return {
        line.name: column
        for line, column, fine in zip(lines, columns, inside.sum(axis=1) == filled, strict=True)
        if fine and _are_plain(line, "".join(texts[line.name]))
    }


def _are_plain(line: CdmLine, text: str) -> bool:
    """Whether numbers have no characters but those of messages: float() takes 1_000 and more."""
    if line.keyword.type == "integer":
        return text.isascii() and (text.isdigit() or not text)
    return text.isascii() and "_" not in text


def _column(
    line: CdmLine, records: Sequence[CdmRecord], texts: Sequence[str], file: str, others: bool
) -> NDArray[Any]:
    """One line of many messages as a typed column; `others`: some are not of tracss-2.0."""
    keyword = line.keyword
    if others and keyword.is_number:
        texts = [
            "" if text.upper() in _BLANKS and record.profile != "tracss-2.0" else text
            for record, text in zip(records, texts, strict=True)
        ]
    if line.name in _MANDATORY and "" in texts:
        _check_mandatory(line, records, texts, file)
    if keyword.type == "text":
        if keyword.choices and not set(texts) <= {"", *keyword.choices}:
            texts = [_word(line, r, text) for r, text in zip(records, texts, strict=True)]
            _fail_first(line, records, texts, lambda r, t: _is_choice(line, r, t), file)
        if not "".join(texts).isprintable():
            _fail_first(line, records, texts, lambda r, t: t.isprintable(), file)
        return np.array(texts, dtype=np.str_)
    if keyword.type == "epoch":
        if not all(map(_is_epoch, set(texts))):
            texts = [_epoch(record, text) for record, text in zip(records, texts, strict=True)]
            _fail_first(line, records, texts, lambda r, t: _is_epoch(t), file)
        return np.array([t or "NaT" for t in texts], dtype="datetime64[us]")
    _fail_first(line, records, texts, lambda r, t: not t or _is_number(line, r, t), file)
    return np.array([float(t) if t else np.nan for t in texts], dtype=np.float64)


def _check_mandatory(
    line: CdmLine, records: Sequence[CdmRecord], texts: Sequence[str], file: str
) -> None:
    """Fail at the first message that lacks a value its profile cannot do without."""
    for record, text in zip(records, texts, strict=True):
        if not text and (record.profile == "tracss-2.0" or line.name in _CORE):
            why = "the key is missing"
            if line.name in record.values:
                why = "the mandatory value is blank"
            key = record.key_of(line.name)
            if record.profile != "tracss-2.0" and line.name in record.values:
                why = "the state is incomplete: a blank value"
            elif record.profile != "tracss-2.0":
                key, why = line.name, "the state or epoch is incomplete: the key is missing"
            fail(file, record.line_of(line.name), key, text, line.keyword.allowed, why)


def _word(line: CdmLine, record: CdmRecord, text: str) -> str:
    """An allowed text in the spelling of the table."""
    if line.name.endswith("_OBJECT") and text in ("OBJECT 1", "OBJECT 2"):
        return f"OBJECT{text[-1]}"
    if record.profile == "tracss-2.0":
        return text
    upper = text.upper()
    return _WORDS.get(line.keyword.name, {}).get(upper, upper)


def _is_choice(line: CdmLine, record: CdmRecord, text: str) -> bool:
    if text in ("", *line.keyword.choices):
        return True
    if record.profile == "tracss-2.0":
        return False
    return any(
        text.startswith(word[:-1]) if word.endswith("*") else text == word
        for word in line.keyword.others_allow
    )


def _epoch(record: CdmRecord, text: str) -> str:
    """An epoch in any form of CCSDS as calendar text to 1 us; other text as it is."""
    if record.profile == "tracss-2.0":
        return text
    if text.upper() in _BLANKS:
        return ""
    try:
        epoch = parse_utc(text)
    except EpochError:
        return text
    if epoch.seconds >= DAY_S:  # a leap second, which the record has no place for
        return text
    days = round(epoch.jd - _UNIX_JD)
    return str(np.datetime64(days, "D") + np.timedelta64(round(epoch.seconds * 1e6), "us"))


def _is_epoch(text: str) -> bool:
    if not text:
        return True
    if _EPOCH.fullmatch(text) is None or not text.isascii() or text < "1957":
        return False
    try:
        np.datetime64(text, "us")
    except ValueError:
        return False
    return True


def _is_number(line: CdmLine, record: CdmRecord, text: str) -> bool:
    keyword = line.keyword
    if "_" in text or not text.isascii():
        return False
    try:
        value = float(text)
    except ValueError:
        return False
    if keyword.type == "integer" and _WHOLE.fullmatch(text) is None:
        return record.profile != "tracss-2.0" and value.is_integer() and _inside(keyword, value)
    return _inside(keyword, value)


def _inside(keyword: CdmKeyword, value: float) -> bool:
    return bool(np.isfinite(value)) and keyword.minimum <= value <= keyword.maximum


def _fail_first(
    line: CdmLine,
    records: Sequence[CdmRecord],
    texts: Sequence[str],
    is_good: Callable[[CdmRecord, str], bool],
    file: str,
) -> None:
    """Fail at the first bad text of a column; return if all are good."""
    for record, text in zip(records, texts, strict=True):
        if not is_good(record, text):
            keyword = line.keyword
            why = "not a number of this key" if keyword.is_number else "not a value of this key"
            if keyword.type == "epoch":
                why = "not an epoch"
            given = record.values[line.name]
            key = record.key_of(line.name)
            fail(file, record.line_of(line.name), key, given, _allowed(line, record), why)


def _allowed(line: CdmLine, record: CdmRecord) -> str:
    keyword = line.keyword
    if record.profile == "tracss-2.0":
        return keyword.allowed
    if keyword.type == "epoch":
        return "YYYY-MM-DDThh:mm:ss.ffffff or YYYY-DDDThh:mm:ss.ffffff (UTC)"
    return " or ".join((keyword.allowed, *keyword.others_allow))
