"""Conjunction Data Message 2.0: the one keyword table, and a table of messages.

`cdm_keywords.csv` holds every keyword once: order, spelling, unit, type, obligation, operational
number format, allowed values, the text of an unknown value, and a long name. Writers
(`cdm_write`), reader (`cdm_read`), the export and the columns of results.h5 all walk this table::

    24 message keywords + 88 object keywords = 112 keywords
    24 + 88 with SAT1_ + 88 with SAT2_       = 200 lines of one message  [TraCSS-Spec-001 2.0]

Fed by `export.cdm` and `cdm_read`; feeds `cdm_write` and whoever judges messages.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CDM_KEYWORDS",
    "CDM_LINES",
    "CDM_VERSION",
    "COVARIANCE_KEYWORDS",
    "CdmKeyword",
    "CdmLine",
    "CdmTable",
    "find_keyword",
    "make_cdm_table",
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


@dataclass(frozen=True)
class CdmTable:
    """Messages as columns: one per line of the format, in its order, each of shape (size,).

    Text columns are numpy unicode ('' = blank), numbers float64 in the unit of the keyword table
    (NaN = blank), epochs ``datetime64[us]`` UTC (NaT = blank). A column that has one value for
    all messages may be a broadcast array of stride 0; writers take it once.
    """

    columns: Mapping[str, NDArray[Any]]
    size: int

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


def make_cdm_table(columns: Mapping[str, NDArray[Any]], size: int) -> CdmTable:
    """Bring columns to the table's order and types; lines without a column are blank.

    Parameters
    ----------
    columns : mapping of line name (``TCA``, ``SAT1_X``) to array, shape (size,) or ()
        Scalars (0-d arrays) hold for all messages.
    size : int
        Number of messages.

    Raises
    ------
    ValueError
        If a name is not a line of the format, a length differs or a type cannot be converted.
    """
    unknown = sorted(set(columns) - {line.name for line in CDM_LINES})
    if unknown:
        raise ValueError(f"not keywords of CDM {CDM_VERSION}: {', '.join(unknown)}")
    whole: dict[str, NDArray[Any]] = {}
    for line in CDM_LINES:
        dtype, blank = _STORAGE[line.keyword.type]
        column = np.asarray(columns.get(line.name, blank)).astype(dtype, copy=False)
        if column.shape not in ((), (size,)):
            raise ValueError(f"column {line.name} has shape {column.shape}, expected ({size},)")
        whole[line.name] = column if column.shape else np.broadcast_to(column, size)
    return CdmTable(whole, size)


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
            )
        )
    return tuple(keywords)


CDM_KEYWORDS: tuple[CdmKeyword, ...] = _read_keywords()
_BY_NAME = {keyword.name: keyword for keyword in CDM_KEYWORDS}

CDM_LINES: tuple[CdmLine, ...] = (
    *(CdmLine(k.name, 0, k) for k in CDM_KEYWORDS if k.scope == "message"),
    *(CdmLine(f"SAT1_{k.name}", 1, k) for k in CDM_KEYWORDS if k.scope == "object"),
    *(CdmLine(f"SAT2_{k.name}", 2, k) for k in CDM_KEYWORDS if k.scope == "object"),
)

# The 21 elements of the RTN lower triangle, row by row.
COVARIANCE_KEYWORDS: tuple[str, ...] = tuple(
    f"C{row}_{column}"
    for i, row in enumerate(("R", "T", "N", "RDOT", "TDOT", "NDOT"))
    for column in ("R", "T", "N", "RDOT", "TDOT", "NDOT")[: i + 1]
)
