"""Conjunction Data Messages: the one keyword table, and a table of messages.

`cdm_keywords.csv` holds every keyword once: order, spelling, unit, type, obligation, operational
number format, allowed values, the text of an unknown value, a long name, and place and spelling in
the other profiles (`cdm_profiles`). Writers (`cdm_write`), reader (`cdm_read`), the export and the
columns of results.h5 all walk this table::

    24 message keywords + 88 object keywords = 112 keywords
    24 + 88 with SAT1_ + 88 with SAT2_       = 200 lines of one message  [TraCSS-Spec-001 2.0]
    OTHER_KEYWORDS                           what only other profiles have, same record

Fed by `export.cdm` and `cdm_read`; feeds `cdm_write` and whoever judges messages.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ALL_LINES",
    "CDM_KEYWORDS",
    "CDM_LINES",
    "CDM_VERSION",
    "COVARIANCE_KEYWORDS",
    "OTHER_KEYWORDS",
    "STATE_KEYWORDS",
    "CdmExtra",
    "CdmKeyword",
    "CdmLine",
    "CdmTable",
    "find_keyword",
    "make_cdm_table",
    "take_messages",
]

CDM_VERSION = "2.0"


class CdmKeyword(NamedTuple):
    """One row of the keyword table."""

    name: str
    scope: Literal["message", "object"]
    type: Literal["text", "float", "integer", "epoch"]
    unit: str
    obligation: Literal["M", "C", "O"]  # M: never blank; C: blank under a condition; O: optional
    operational: str  # printf format of a number in operational precision
    choices: tuple[str, ...]  # the allowed texts; empty = any
    minimum: float
    maximum: float
    default: str  # what stands for an unknown value; empty = blank
    long_name: str
    v21_place: str  # section.position in tracss-2.1; empty = not there
    v21_key: str  # spelling [unit] there; empty = as here
    ccsds_place: str  # the same for ccsds-1.0
    ccsds_key: str
    ccsds_obligation: str
    others_allow: tuple[str, ...]  # further texts allowed outside tracss-2.0; NAME* = by its begin

    @property
    def is_number(self) -> bool:
        """Whether values are numbers (float64 columns, NaN = blank)."""
        return self.type in ("float", "integer")

    @property
    def allowed(self) -> str:
        """The allowed values in words, for error messages."""
        if self.choices:
            return " or ".join(self.choices)
        if self.type == "epoch":
            return "YYYY-MM-DDThh:mm:ss.ffffff (UTC)"
        if not self.is_number:
            return "printable text"
        kind = "a whole number" if self.type == "integer" else "a finite number"
        if self.maximum < np.inf:
            return f"{kind} {self.minimum:g}..{self.maximum:g}"
        return f"{kind} >= {self.minimum:g}" if self.minimum > -np.inf else kind


class CdmLine(NamedTuple):
    """One of the 200 lines: its full key (``SAT1_X``), the object it tells of (0 = both)."""

    name: str
    object: Literal[0, 1, 2]
    keyword: CdmKeyword


class CdmExtra(NamedTuple):
    """What a message says besides: a comment, a user's key, or a key no profile here has."""

    message: int  # row of the table
    line: int
    key: str
    text: str


@dataclass(frozen=True)
class CdmTable:
    """Messages as columns: one per line of every profile (ALL_LINES), each of shape (size,).

    Text columns are numpy unicode ('' = blank), numbers float64 in the unit of the keyword table
    (NaN = blank), epochs ``datetime64[us]`` UTC (NaT = blank). A column that has one value for
    all messages may be a broadcast array of stride 0; writers take it once. States are in the
    frame that REF_FRAME names, as they were read: nobody has turned them.

    `profiles` and `lines` tell of messages that were read which profile they have and where they
    begin in their file; `extra` holds what they say that has no line.
    """

    columns: Mapping[str, NDArray[Any]]
    size: int
    profiles: tuple[str, ...] = ()
    lines: tuple[int, ...] = ()
    extra: tuple[CdmExtra, ...] = ()

    def __len__(self) -> int:
        return self.size


def find_keyword(column: str) -> CdmKeyword | None:
    """Keyword of a column name such as ``sat1_x``, ``miss_distance`` or ``HBR``; None if unknown.

    The names of results.h5 are the keywords in lower case, so its units and long names come
    from here.

    Examples
    --------
    >>> find_keyword("sat2_relative_position_r").unit
    'm'
    """
    return _BY_NAME.get(column.upper().removeprefix("SAT1_").removeprefix("SAT2_"))


def make_cdm_table(
    columns: Mapping[str, NDArray[Any]],
    size: int,
    *,
    profiles: Sequence[str] = (),
    lines: Sequence[int] = (),
    extra: Sequence[CdmExtra] = (),
) -> CdmTable:
    """Bring columns to the table's order and types; lines without a column are blank.

    Parameters
    ----------
    columns : mapping of line name (``TCA``, ``SAT1_X``) to array, shape (size,) or ()
        Scalars (0-d arrays) hold for all messages.
    size : int
        Number of messages.
    profiles, lines, extra
        As `CdmTable`.

    Raises
    ------
    ValueError
        If a name is not a line of the format, a length differs or a type cannot be converted.
    """
    unknown = sorted(set(columns) - {line.name for line in ALL_LINES})
    if unknown:
        raise ValueError(f"not keywords of CDM {CDM_VERSION}: {', '.join(unknown)}")
    whole: dict[str, NDArray[Any]] = {}
    for line in ALL_LINES:
        dtype, blank = _STORAGE[line.keyword.type]
        column = np.asarray(columns.get(line.name, blank)).astype(dtype, copy=False)
        if column.shape not in ((), (size,)):
            raise ValueError(f"column {line.name} has shape {column.shape}, expected ({size},)")
        whole[line.name] = column if column.shape else np.broadcast_to(column, size)
    return CdmTable(whole, size, tuple(profiles), tuple(lines), tuple(extra))


def take_messages(table: CdmTable, rows: NDArray[np.intp]) -> CdmTable:
    """The given messages, in that order."""
    place = {int(row): k for k, row in enumerate(rows)}
    return CdmTable(
        {
            name: np.broadcast_to(c[:1][0], len(rows)) if c.size and c.strides == (0,) else c[rows]
            for name, c in table.columns.items()
        },
        len(rows),
        tuple(table.profiles[row] for row in place) if table.profiles else (),
        tuple(table.lines[row] for row in place) if table.lines else (),
        tuple(
            item._replace(message=place[item.message])
            for item in table.extra
            if item.message in place
        ),
    )


_STORAGE: dict[str, tuple[Any, Any]] = {
    "text": (np.str_, ""),
    "float": (np.float64, np.nan),
    "integer": (np.float64, np.nan),
    "epoch": ("datetime64[us]", np.datetime64("NaT", "us")),
}


def _read_keywords() -> tuple[CdmKeyword, ...]:
    text = resources.files(__package__).joinpath("cdm_keywords.csv").read_text("utf-8")
    keywords = []
    for row in csv.DictReader(text.splitlines()):
        low, dots, high = row["allowed"].partition("..")
        keywords.append(
            CdmKeyword(
                row["keyword"],
                row["scope"],  # type: ignore[arg-type]  # the table's own test checks the words
                row["type"],  # type: ignore[arg-type]
                row["unit"],
                row["obligation"],  # type: ignore[arg-type]
                row["operational"],
                tuple(row["allowed"].split("|")) if row["allowed"] and not dots else (),
                float(low) if dots else -np.inf,
                float(high) if high else np.inf,
                row["default"],
                row["long_name"],
                row["v21_place"],
                row["v21_key"],
                row["ccsds_place"],
                row["ccsds_key"],
                row["ccsds_obligation"],
                tuple(filter(None, row["others_allow"].split("|"))),
            )
        )
    return tuple(keywords)


_SIZE = 112  # keywords of TraCSS-Spec-001 2.0, first in the table
_EVERY = _read_keywords()
CDM_KEYWORDS: tuple[CdmKeyword, ...] = _EVERY[:_SIZE]
OTHER_KEYWORDS: tuple[CdmKeyword, ...] = _EVERY[_SIZE:]
_BY_NAME = {keyword.name: keyword for keyword in CDM_KEYWORDS}


def _lines(keywords: tuple[CdmKeyword, ...]) -> tuple[CdmLine, ...]:
    return (
        *(CdmLine(k.name, 0, k) for k in keywords if k.scope == "message"),
        *(CdmLine(f"SAT1_{k.name}", 1, k) for k in keywords if k.scope == "object"),
        *(CdmLine(f"SAT2_{k.name}", 2, k) for k in keywords if k.scope == "object"),
    )


CDM_LINES: tuple[CdmLine, ...] = _lines(CDM_KEYWORDS)
ALL_LINES: tuple[CdmLine, ...] = (*CDM_LINES, *_lines(OTHER_KEYWORDS))

STATE_KEYWORDS = ("X", "Y", "Z", "X_DOT", "Y_DOT", "Z_DOT")
# The 21 elements of the RTN lower triangle, row by row.
COVARIANCE_KEYWORDS: tuple[str, ...] = tuple(
    f"C{row}_{column}"
    for i, row in enumerate(("R", "T", "N", "RDOT", "TDOT", "NDOT"))
    for column in ("R", "T", "N", "RDOT", "TDOT", "NDOT")[: i + 1]
)
