"""Hard-body radius and mass of objects: a table where one is given, else the handbook's defaults.

Fed by the catalog and a table in the NASA CARA format (ObjectID, HBR, HBRSigma, HBRSource, Mass,
MassSigma, MassSource); feeds the probability of collision. A blank cell means unknown.
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
from tracss_hpc.messages.elements import expand_designator, parse_number
from tracss_hpc.messages.source import read_table

__all__ = ["DEFAULT_HBR_M", "HbrTable", "assign_hbr", "read_hbr_table"]

#: Hard-body radius by object type [m]: handbook table 3.4.3. It has no row for UNKNOWN and OTHER:
#: they get the largest value, so that an unknown object never looks smaller than it may be.
DEFAULT_HBR_M = {
    "PAYLOAD": 5.0,
    "ROCKET BODY": 3.0,
    "DEBRIS": 1.0,
    "UNKNOWN": 5.0,
    "OTHER": 5.0,
}


@dataclass(frozen=True)
class HbrTable:
    """Radius and mass by object, columns of shape (n,), ascending by designator; NaN: unknown."""

    designator: NDArray[np.int64]
    hbr_m: NDArray[np.float64]
    mass_kg: NDArray[np.float64]


def read_hbr_table(path: str | Path) -> HbrTable:
    """Read a table with the columns ObjectID, HBR [m] and Mass [kg] (others allowed).

    Raises
    ------
    ConfigError
        If there is no such file.
    InputDataError
        If the file cannot be read, a column is missing, or a row is not a number or repeats an
        object with other values; carries `file`, `line`, `key`, `given`.
    """
    file = str(path)
    text = read_table(Path(path), "catalog.hbr_table")
    rows = csv.DictReader(text.split("\n"), skipinitialspace=True)
    values: dict[int, tuple[float, float]] = {}
    try:
        lacking = [key for key in ("ObjectID", "HBR", "Mass") if key not in (rows.fieldnames or ())]
        if lacking:
            raise InputDataError(
                f"{file}: the header lacks {', '.join(lacking)}; it needs ObjectID, HBR, Mass",
                file=file,
                line=1,
                key=lacking[0],
            )
        for row in rows:
            designator = expand_designator(row["ObjectID"] or "")
            value = _size("HBR", row["HBR"]), _size("Mass", row["Mass"])
            if repr(values.setdefault(designator, value)) != repr(value):
                raise MessageError(f"object {designator} is given twice", key="ObjectID")
    except (MessageError, csv.Error) as error:
        raise InputDataError(
            f"{file}, line {rows.line_num}: {error}",
            file=file,
            line=rows.line_num,
            key=getattr(error, "key", ""),
            given=getattr(error, "given", None),
        ) from error
    ids = np.array(sorted(values), dtype=np.int64)
    table = np.array([values[i] for i in ids.tolist()], dtype=np.float64).reshape(-1, 2)
    return HbrTable(ids, table[:, 0].copy(), table[:, 1].copy())


def assign_hbr(catalog: Catalog, table: HbrTable | None = None) -> Catalog:
    """Catalog with `hbr_m` from the table, else by object type, and `mass_kg` from the table.

    Without a table, or for an object the table does not know: `DEFAULT_HBR_M`, mass NaN.
    """
    hbr_m = np.array([DEFAULT_HBR_M[kind] for kind in catalog.object_type], dtype=np.float64)
    mass_kg = np.full(len(catalog), np.nan)
    if table is not None and len(table.designator):
        at = np.searchsorted(table.designator, catalog.designator)
        at = np.minimum(at, len(table.designator) - 1)
        known = table.designator[at] == catalog.designator
        has_hbr = known & ~np.isnan(table.hbr_m[at])
        hbr_m = np.where(has_hbr, table.hbr_m[at], hbr_m)
        mass_kg = np.where(known, table.mass_kg[at], np.nan)
    return dataclasses.replace(catalog, hbr_m=hbr_m, mass_kg=mass_kg)


def _size(key: str, text: str | None) -> float:
    """A positive size; blank is unknown (NaN)."""
    cell = (text or "").strip()
    if not cell:
        return float("nan")
    value = parse_number(key, cell)
    if value <= 0.0:
        raise MessageError(
            f"{key} {cell!r} is not above 0; leave the cell blank if unknown", key=key, given=cell
        )
    return value
