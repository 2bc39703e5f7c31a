"""Satellite catalog (SATCAT): object type, operational status, owner and size, by object.

Fed by CelesTrak's satcat.csv; feeds the catalog, whose element sets do not say what an object is.
"""

from __future__ import annotations

import csv
import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.catalog.table import Catalog
from tracss_hpc.errors import InputDataError, MessageError
from tracss_hpc.messages.elements import (
    clean_name,
    expand_designator,
    international_designator,
    parse_number,
)
from tracss_hpc.messages.source import read_table

__all__ = ["SatcatTable", "apply_satcat", "read_satcat"]

#: CelesTrak OBJECT_TYPE to the CDM's; '' is what CelesTrak prints for objects not yet typed.
OBJECT_TYPES = {
    "PAY": "PAYLOAD",
    "R/B": "ROCKET BODY",
    "DEB": "DEBRIS",
    "UNK": "UNKNOWN",
    "": "UNKNOWN",
}
#: CelesTrak OPS_STATUS_CODE to the SANA operational status words of the CDM. '+' (operational) is
#: the plain word: whether the object can manoeuvre is not in the SATCAT.
OPS_STATUS = {
    "+": "OPERATIONAL",
    "-": "NONOPERATIONAL",
    "P": "PARTIALLY_OPERATIONAL",
    "B": "BACKUP",
    "S": "STANDBY",
    "X": "EXTENDED_MISSION",
    "D": "DECAYED",
    "?": "UNKNOWN",
    "": "UNKNOWN",
}
_COLUMNS = ("OBJECT_NAME", "OBJECT_ID", "NORAD_CAT_ID", "OBJECT_TYPE", "OPS_STATUS_CODE", "OWNER")


@dataclass(frozen=True)
class SatcatTable:
    """SATCAT rows as columns of shape (n,), ascending by designator."""

    designator: NDArray[np.int64]
    name: NDArray[np.str_]
    international_designator: NDArray[np.str_]
    object_type: NDArray[np.str_]  # CDM words
    ops_status: NDArray[np.str_]  # CDM (SANA) words
    owner: NDArray[np.str_]  # CelesTrak source code, e.g. US, CIS
    rcs_m2: NDArray[np.float64]  # radar cross-section [m^2], NaN unknown


def read_satcat(path: str | Path) -> SatcatTable:
    """Read CelesTrak's satcat.csv, compressed or not; of repeated objects the last row counts.

    Raises
    ------
    ConfigError
        If there is no such file.
    InputDataError
        If the file cannot be read, lacks a column, or holds a code that is not CelesTrak's;
        carries `file`, `line`, `key`, `given`, `allowed`.
    """
    file = str(path)
    reader = csv.DictReader(read_table(Path(path), "catalog.satcat").split("\n"))
    rows: dict[int, tuple[str, str, str, str, str, float]] = {}
    try:
        lacking = [key for key in _COLUMNS if key not in (reader.fieldnames or ())]
        if lacking:
            raise InputDataError(
                f"{file}: the header lacks {', '.join(lacking)}; CelesTrak's satcat.csv has "
                f"{', '.join(_COLUMNS)}",
                file=file,
                line=1,
                key=lacking[0],
                allowed=_COLUMNS,
            )
        for row in reader:
            cells = {key: (row.get(key) or "").strip() for key in (*_COLUMNS, "RCS")}
            rows[expand_designator(cells["NORAD_CAT_ID"])] = (
                clean_name(cells["OBJECT_NAME"]),
                international_designator(cells["OBJECT_ID"]),
                _word(OBJECT_TYPES, "OBJECT_TYPE", cells["OBJECT_TYPE"]),
                _word(OPS_STATUS, "OPS_STATUS_CODE", cells["OPS_STATUS_CODE"]),
                cells["OWNER"],
                parse_number("RCS", cells["RCS"]) if cells["RCS"] else float("nan"),
            )
    except (MessageError, csv.Error) as error:
        raise InputDataError(
            f"{file}, line {reader.line_num}: {error}",
            file=file,
            line=reader.line_num,
            key=getattr(error, "key", ""),
            given=getattr(error, "given", None),
            allowed=getattr(error, "allowed", None),
        ) from error
    ids = sorted(rows)
    columns = list(zip(*(rows[i] for i in ids), strict=True)) or [()] * 6
    name, launch, kind, status, owner = (np.array(c, dtype=np.str_) for c in columns[:5])
    return SatcatTable(
        np.array(ids, dtype=np.int64),
        name,
        launch,
        kind,
        status,
        owner,
        np.array(columns[5], dtype=np.float64),
    )


def apply_satcat(catalog: Catalog, table: SatcatTable) -> Catalog:
    """Catalog with type, status and owner from the table for every object the table knows.

    Name and international designator are filled only where the element set gives none. Objects
    the table does not know keep what they have. Radii are unchanged: call `assign_hbr` after.
    """
    if len(table.designator) == 0:
        return catalog
    at = np.minimum(
        np.searchsorted(table.designator, catalog.designator), len(table.designator) - 1
    )
    known = table.designator[at] == catalog.designator
    nameless = known & (catalog.name == "UNKNOWN")
    undated = known & (catalog.international_designator == "UNKNOWN")
    return dataclasses.replace(
        catalog,
        name=np.where(nameless, table.name[at], catalog.name),
        international_designator=np.where(
            undated, table.international_designator[at], catalog.international_designator
        ),
        object_type=np.where(known, table.object_type[at], catalog.object_type),
        ops_status=np.where(known, table.ops_status[at], catalog.ops_status),
        owner=np.where(known, table.owner[at], catalog.owner),
    )


def _word(words: dict[str, str], key: str, code: str) -> str:
    if code not in words:
        allowed = tuple(word for word in words if word)
        raise MessageError(
            f"{key} {code!r} is not one of {', '.join(allowed)}",
            key=key,
            given=code,
            allowed=allowed,
        )
    return words[code]
