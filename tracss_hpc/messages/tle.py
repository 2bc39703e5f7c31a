"""Two-line element sets, with or without a name line (TLE, 3LE), to element sets.

Fed by the text of a file; feeds the catalog. Lines are checked in full before a number is
believed: 69 columns each in its place, checksum, the pair belonging together, a real epoch,
values that can be an orbit. A line shifted by one column still parses as numbers elsewhere and
puts an object in a wrong orbit: here it is a bad record.

Layout (columns from 1)::

    0 VANGUARD 1                                                            name, "0 " optional
    1 00005U 58002B   25244.00367511  .00000043  00000-0  31267-4 0  9990
    2 00005  34.2575 126.8597 1842795 274.6541  64.7049 10.85924748411842

Blank lines and lines that begin with ``#`` carry nothing and are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from tracss_hpc.errors import MessageError
from tracss_hpc.messages.elements import (
    ElementSet,
    ElementSets,
    Rejection,
    check_elements,
    check_ephemeris_type,
    clean_name,
    day_of_year_epoch,
    expand_designator,
    international_designator,
)

__all__ = ["is_tle", "read_tle"]


def _padded(width: int, fewest: int = 1) -> str:
    """Pattern of a whole number of `fewest`..`width` digits, blanks before it only."""
    return "(?:" + "|".join(rf" {{{width - n}}}\d{{{n}}}" for n in range(fewest, width + 1)) + ")"


class _Field(NamedTuple):
    """Columns `start`..`stop` (from 1, both included) and what may stand there."""

    name: str
    start: int
    stop: int
    pattern: str


_LINE_1 = (
    _Field("line number", 1, 2, r"1 "),
    _Field("catalog number", 3, 7, rf"(?:[A-Z]\d{{4}}|{_padded(5)})"),
    _Field("classification", 8, 8, r"[A-Z ]"),
    _Field("blank", 9, 9, r" "),
    _Field("international designator", 10, 17, r"[ -~]{8}"),
    _Field("blank", 18, 18, r" "),
    _Field("epoch year", 19, 20, _padded(2)),
    _Field("epoch day", 21, 32, _padded(3) + r"\.\d{8}"),
    _Field("blank", 33, 33, r" "),
    _Field("first derivative of mean motion", 34, 43, r"[ +\-0]\.\d{8}"),
    _Field("blank", 44, 44, r" "),
    _Field("second derivative of mean motion", 45, 52, r"[ +\-0]\d{5}[ +\-]\d"),
    _Field("blank", 53, 53, r" "),
    _Field("BSTAR", 54, 61, r"[ +\-0]\d{5}[ +\-]\d"),
    _Field("blank", 62, 62, r" "),
    _Field("ephemeris type", 63, 63, r"[\d ]"),
    _Field("blank", 64, 64, r" "),
    _Field("element set number", 65, 68, _padded(4, 0)),
    _Field("checksum", 69, 69, r"\d"),
)
_LINE_2 = (
    _Field("line number", 1, 2, r"2 "),
    _Field("catalog number", 3, 7, rf"(?:[A-Z]\d{{4}}|{_padded(5)})"),
    _Field("blank", 8, 8, r" "),
    _Field("inclination", 9, 16, _padded(3) + r"\.\d{4}"),
    _Field("blank", 17, 17, r" "),
    _Field("right ascension of the ascending node", 18, 25, _padded(3) + r"\.\d{4}"),
    _Field("blank", 26, 26, r" "),
    _Field("eccentricity", 27, 33, _padded(7)),
    _Field("blank", 34, 34, r" "),
    _Field("argument of perigee", 35, 42, _padded(3) + r"\.\d{4}"),
    _Field("blank", 43, 43, r" "),
    _Field("mean anomaly", 44, 51, _padded(3) + r"\.\d{4}"),
    _Field("blank", 52, 52, r" "),
    _Field("mean motion", 53, 63, _padded(2) + r"\.\d{8}"),
    _Field("revolution number", 64, 68, _padded(5, 0)),
    _Field("checksum", 69, 69, r"\d"),
)
_COLUMNS = 69
_LAYOUT_1 = re.compile("".join(field.pattern for field in _LINE_1), re.ASCII)
_LAYOUT_2 = re.compile("".join(field.pattern for field in _LINE_2), re.ASCII)
#: A line that means to be element line 1 or 2, whole or not; names do not look like this.
_ELEMENT_LINE = re.compile(r"[12] (?:.{50}| *[A-Z]?\d{3})", re.ASCII)
#: Checksum weight of every byte: digits count themselves, minus counts 1, the rest nothing.
_WEIGHTS = bytes(byte - 48 if 48 <= byte <= 57 else int(byte == ord("-")) for byte in range(256))


def is_tle(text: str) -> bool:
    """Whether some line of the text means to be an element line."""
    return any(_ELEMENT_LINE.match(line) for line in text.split("\n"))


def read_tle(text: str, file: str = "") -> ElementSets:
    """Read every element set of a TLE or 3LE text.

    Parameters
    ----------
    text : str
        Whole file, decoded.
    file : str
        Unused: no fault of a TLE text spoils more than its record.

    Returns
    -------
    ElementSets
        Sets in file order, `record` = number of line 1, and every record not taken: a broken
        line, a line without its partner, a name without elements.
    """
    sets: list[ElementSet] = []
    rejected: list[Rejection] = []
    for record, name, line_1, line_2 in _records(text):
        try:
            sets.append(_read_set(record, name, line_1, line_2))
        except MessageError as error:
            given = str(error.given or "")
            designator = (line_1 or line_2)[2:7].strip() or clean_name(name)
            rejected.append(Rejection(record, designator, str(error), error.key, given))
    return ElementSets(sets, rejected)


def _records(text: str) -> Iterator[tuple[int, str, str, str]]:
    """Yield (line number, name, line 1, line 2); what a record lacks is an empty string."""
    name, name_at, first, first_at = "", 0, "", 0
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.rstrip()
        if not line or line.startswith("#"):
            continue
        is_element = _ELEMENT_LINE.match(line) is not None
        if is_element and line[0] == "2":
            yield first_at or number, name, first, line
            name, first, first_at = "", "", 0
            continue
        if first:
            yield first_at, name, first, ""
            name, first, first_at = "", "", 0
        if is_element:
            first, first_at = line, number
        else:
            if name:
                yield name_at, name, "", ""
            name, name_at = line, number
    if first:
        yield first_at, name, first, ""
    elif name:
        yield name_at, name, "", ""


def _read_set(record: int, name: str, line_1: str, line_2: str) -> ElementSet:
    if not line_1 and not line_2:
        shown = name if len(name) <= 40 else name[:37] + "..."
        raise MessageError(f"{shown!r} is followed by no element lines", given=shown)
    if not line_1:
        raise MessageError("line 2 without a line 1 before it", given=line_2)
    if not line_2:
        raise MessageError("line 1 without a line 2 after it", given=line_1)
    _check_line(line_1, 1, _LINE_1, _LAYOUT_1)
    _check_line(line_2, 2, _LINE_2, _LAYOUT_2)
    designator = expand_designator(line_1[2:7])
    if expand_designator(line_2[2:7]) != designator:
        raise MessageError(
            f"line 2 is of object {line_2[2:7].strip()}, line 1 of {line_1[2:7].strip()}",
            key="catalog number",
            given=line_2[2:7],
        )
    check_ephemeris_type(line_1[62])
    year = int(line_1[18:20])
    jd, fr = day_of_year_epoch(
        year + (1900 if year >= 57 else 2000), int(line_1[20:23]), line_1[24:32]
    )
    return check_elements(
        ElementSet(
            designator=designator,
            name=clean_name(name[2:] if name.startswith("0 ") else name),
            international_designator=_international(line_1[9:17]),
            object_type="",
            owner="",
            epoch_jd=jd,
            epoch_fr=fr,
            mean_motion=float(line_2[52:63]),
            eccentricity=float("0." + line_2[26:33].replace(" ", "0")),
            inclination=float(line_2[8:16]),
            raan=float(line_2[17:25]),
            arg_perigee=float(line_2[34:42]),
            mean_anomaly=float(line_2[43:51]),
            bstar=_decimal_point_assumed(line_1[53:61]),
            mean_motion_dot=float(line_1[33:43]),
            mean_motion_ddot=_decimal_point_assumed(line_1[44:52]),
            element_set_no=int(line_1[64:68].strip() or 0),
            rev_at_epoch=int(line_2[63:68].strip() or 0),
            classification=line_1[7].strip() or "U",
            record=record,
        )
    )


def _check_line(
    line: str, number: int, fields: tuple[_Field, ...], layout: re.Pattern[str]
) -> None:
    if layout.fullmatch(line) is None:
        _explain_layout(line, number, fields)
    checksum = sum(line[:68].encode("ascii").translate(_WEIGHTS)) % 10
    if checksum != int(line[68]):
        raise MessageError(
            f"line {number}: checksum is {line[68]}, the columns add up to {checksum}",
            key="checksum",
            given=line[68],
            allowed=str(checksum),
        )


def _explain_layout(line: str, number: int, fields: tuple[_Field, ...]) -> None:
    """Raise a `MessageError` that names the first columns which do not fit."""
    width = f"it has {len(line)} columns, allowed are {_COLUMNS}"
    for field in fields:
        text = line[field.start - 1 : field.stop]
        if re.fullmatch(field.pattern, text, re.ASCII) is None:
            columns = f"{field.start}-{field.stop}" if field.stop > field.start else field.start
            raise MessageError(
                f"line {number}: column {columns} ({field.name}) holds {text!r}"
                + (f"; {width}" if len(line) != _COLUMNS else ""),
                key=field.name,
                given=text,
            )
    raise MessageError(f"line {number}: {width}", key="columns", given=str(len(line)))


def _decimal_point_assumed(text: str) -> float:
    """`` 31267-4`` is 0.31267e-4."""
    sign = "-" if text[0] == "-" else ""
    return float(f"{sign}0.{text[1:6]}e{text[6:8].strip()}")


def _international(text: str) -> str:
    """``58002B`` is 1958-002B (years 57..99 are 19xx); anything else is ``UNKNOWN``."""
    piece = text.strip()
    if not piece[:2].isdigit():
        return "UNKNOWN"
    return international_designator(("19" if piece[:2] >= "57" else "20") + piece)
