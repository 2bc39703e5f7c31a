"""Read Conjunction Data Messages of every profile and notation, exactly as they were printed.

Fed by files, one message or a bundle of many; feeds a `CdmTable`. What a file is follows from its
content. `cdm_cut` makes records of it (key -> text, units converted), and those become columns a
thousand at a time. Nothing is guessed: an unknown or repeated key, a unit of another dimension,
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
from tracss_hpc.epochs import parse_epoch
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

__all__ = ["LARGEST_BYTES", "decode_message", "parse_cdms", "read_cdms", "sift_cdms"]

#: Largest text that is read: 90,000 messages. A bundle of the TraCSS API holds 5000.
LARGEST_BYTES = 1_000_000_000
_CHUNK = 512  # messages per conversion to columns: bounds the memory of raw texts
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


def read_cdms(path: str | Path) -> CdmTable:
    """Read all messages of a file, plain or compressed, of any profile and notation.

    Returns
    -------
    CdmTable
        One row a message, in the order of the file; `profiles` and `lines` tell what they are.

    Raises
    ------
    MessageError
        If anything in the file is not a CDM.
    """
    return parse_cdms(decode_message(Path(path)), file=str(path))


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
    table, errors = _read(text, file, None, KnownLayouts(), first=True)
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
        What messages of other files, read with the same `wanted`, look like.
    look : callable, optional
        Called with the record of each good message, in order.

    Returns
    -------
    table : CdmTable
        The good messages, in order.
    errors : list of MessageError
        One for each other, with file, line and key.
    """
    return _read(text, file, wanted, known or KnownLayouts(wanted), first=False, look=look)


def decode_message(path: Path) -> str:
    """Text of a message file, plain or compressed, lines ended by ``\\n``.

    Raises
    ------
    MessageError
        If it is not UTF-8, or larger than LARGEST_BYTES.
    """
    size = path.stat().st_size if path.is_file() else 0
    data = b"" if size > LARGEST_BYTES else decompress(read_file(path), str(path))
    if max(size, len(data)) > LARGEST_BYTES:
        raise MessageError(
            f"{path}: {max(size, len(data)):,} bytes, allowed: {LARGEST_BYTES:,}; cut the bundle "
            "into smaller ones",
            file=str(path),
            given=max(size, len(data)),
            allowed=LARGEST_BYTES,
        )
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
    wanted: Wanted,
    known: KnownLayouts,
    *,
    first: bool,
    look: Callable[[CdmRecord], None] | None = None,
) -> tuple[CdmTable, list[MessageError]]:
    """Table of the good messages, and the faults; with `first` only up to the first fault."""
    errors: list[MessageError] = []
    tables: list[dict[str, NDArray[Any]]] = []
    profiles: list[str] = []
    lines: list[int] = []
    extra: list[CdmExtra] = []

    def records() -> Iterator[CdmRecord]:
        for record in cut_cdms(text, file, known):
            if isinstance(record, CdmRecord):
                yield record
                continue
            errors.append(record)
            if first:
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
        {name: np.concatenate([table[name] for table in tables]) for name in tables[0]},
        len(lines),
        profiles=profiles,
        lines=lines,
        extra=extra,
    ), errors


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
    others = any(record.profile != "tracss-2.0" for record in chunk)
    held: set[str] = set().union(*(record.values.keys() for record in chunk))
    held |= _MANDATORY if wanted is None else _MANDATORY & wanted
    return {
        line.name: _column(line, chunk, file, others)
        if line.name in held
        else np.full(len(chunk), _BLANK[line.keyword.type])
        for line in ALL_LINES
    }


_BLANK: dict[str, Any] = {
    "text": "", "float": np.nan, "integer": np.nan, "epoch": np.datetime64("NaT", "us"),
}  # fmt: skip


def _column(line: CdmLine, records: Sequence[CdmRecord], file: str, others: bool) -> NDArray[Any]:
    """One line of many messages as a typed column; `others`: some are not of tracss-2.0."""
    keyword = line.keyword
    texts = [record.values.get(line.name, "") for record in records]
    mandatory = line.name in _MANDATORY
    if keyword.is_number:
        column = None if mandatory and "" in texts else _plain_numbers(keyword, texts)
        if column is not None:
            return column
        if others:
            texts = [
                "" if text.upper() in _BLANKS and record.profile != "tracss-2.0" else text
                for record, text in zip(records, texts, strict=True)
            ]
    if mandatory and "" in texts:
        _check_mandatory(line, records, texts, file)
    if keyword.is_number:
        _fail_first(line, records, texts, lambda r, t: not t or _is_number(line, r, t), file)
        return np.array([float(t) if t else np.nan for t in texts], dtype=np.float64)
    if keyword.type == "text":
        if keyword.choices and not set(texts) <= {"", *keyword.choices}:
            texts = [_word(line, r, text) for r, text in zip(records, texts, strict=True)]
            _fail_first(line, records, texts, lambda r, t: _is_choice(line, r, t), file)
        return np.array(texts, dtype=np.str_)
    if not all(map(_is_epoch, set(texts))):
        texts = [_epoch(record, text) for record, text in zip(records, texts, strict=True)]
        _fail_first(line, records, texts, lambda r, t: _is_epoch(t), file)
    return np.array([t or "NaT" for t in texts], dtype="datetime64[us]")


def _plain_numbers(keyword: CdmKeyword, texts: list[str]) -> NDArray[np.float64] | None:
    """The numbers of a line, NaN where blank; None if one of them must be looked at."""
    blanks = texts.count("")
    whole = "".join(texts)
    # float() also takes 1_000, nan and other digits than 0-9: not numbers of a message.
    if "_" in whole or not whole.isascii():
        return None
    if keyword.type == "integer" and whole and not whole.isdigit():
        return None
    try:
        numbers = map(float, texts) if not blanks else [float(t) if t else np.nan for t in texts]
        column = np.fromiter(numbers, np.float64, len(texts))
    except ValueError:
        return None
    inside = (column >= keyword.minimum) & (column <= keyword.maximum) & np.isfinite(column)
    return column if np.count_nonzero(inside) == len(texts) - blanks else None


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
        epoch = parse_epoch(text)
    except ValueError:
        return text
    days = round(epoch.jd - _UNIX_JD)
    stamp = np.datetime64(days, "D") + np.timedelta64(round(epoch.fr * DAY_S * 1e6), "us")
    return str(stamp)


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
