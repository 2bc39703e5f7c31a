"""Keywords of the Orbit Comprehensive Message: `ocm_keywords.csv`, one table for reader and writer.

Every keyword of CCSDS 502.0-B-3 chapter 6 in its order, with SEDR of TraCSS-Spec-002: its section,
whether TraCSS demands it, what its values are, and the field of the trajectory record that holds
it. Field ``=`` means that the value follows from the data and is not kept; no field: kept as text.
Feeds `ocm_notation`, `ocm`, `ocm_write`, and `oem_write`, which tells what an OEM cannot hold.
"""

from __future__ import annotations

import csv
from importlib import resources
from typing import Any, Literal, NamedTuple

from tracss_hpc.messages.odm_text import number_text
from tracss_hpc.messages.utc import Utc

__all__ = [
    "BLOCK_TYPES",
    "COV_FRAMES",
    "COV_TYPES",
    "REPEATED",
    "SECTIONS",
    "TABLE",
    "TRAJ_BASES",
    "USER_PREFIX",
    "OcmKeyword",
    "keyword_text",
    "section_of",
]


class OcmKeyword(NamedTuple):
    """One row of the table."""

    section: str
    name: str
    mandatory: bool
    kind: Literal["text", "number", "whole", "epoch"]
    unit: str
    field: str


#: Sections in their order; those of `REPEATED` may come more than once and hold data lines.
SECTIONS = ("HEADER", "META", "TRAJ", "PHYS", "COV", "MAN", "PERT", "OD", "USER")
REPEATED = ("TRAJ", "COV", "MAN")
USER_PREFIX = "USER_DEFINED_"
TRAJ_BASES = ("OPERATIONAL", "CANDIDATE")
#: TRAJ_TYPE -> units of its columns.
BLOCK_TYPES = {
    "CARTPV": ("km",) * 3 + ("km/s",) * 3,
    "CARTPVA": ("km",) * 3 + ("km/s",) * 3 + ("km/s**2",) * 3,
}
#: COV_TYPE -> units of the state whose covariance it is.
COV_TYPES = {"CARTP": ("km",) * 3, "CARTPV": ("km",) * 3 + ("km/s",) * 3}
COV_FRAMES = ("RSW_INERTIAL", "TNW_INERTIAL")


def _load() -> dict[str, dict[str, OcmKeyword]]:
    table: dict[str, dict[str, OcmKeyword]] = {section: {} for section in SECTIONS}
    text = resources.files("tracss_hpc.messages").joinpath("ocm_keywords.csv").read_text("utf-8")
    for row in csv.DictReader(text.splitlines()):
        kind: Literal["text", "number", "whole", "epoch"] = row["kind"]  # type: ignore[assignment]
        keyword = OcmKeyword(
            row["section"], row["keyword"], row["required"] == "M", kind, row["unit"], row["field"]
        )
        table[keyword.section][keyword.name] = keyword
    return table


#: Section -> keyword -> its row, in the order in which they are written.
TABLE = _load()
_SECTION_OF = {name: section for section, rows in TABLE.items() for name in rows}


def section_of(keyword: str) -> str:
    """Section in which a keyword belongs, blank when no section has it."""
    if keyword.startswith(USER_PREFIX):
        return "USER"
    return _SECTION_OF.get(keyword, "")


def keyword_text(keyword: OcmKeyword, holder: Any) -> str:
    """Text of a keyword from its field of the record or block that holds it; blank if unknown."""
    value = holder
    for part in keyword.field.split("."):
        value = getattr(value, part)
    if value is None or value == "" or value != value:
        return ""
    if isinstance(value, Utc):
        return value.iso()
    if keyword.kind == "number":
        unit = f" [{keyword.unit}]" if keyword.unit and keyword.section != "USER" else ""
        return f"{number_text(float(value))}{unit}"  # a NumPy number has another repr
    return str(value)
