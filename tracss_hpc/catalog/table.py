"""The column table of objects: one row per mean element set, equal-length numpy columns.

Fed by `catalog.read_catalog`; feeds every later stage. Numbers are as printed in the element set
(no unit is converted here), so a column can be compared with its file digit by digit.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tracss_hpc.messages.elements import ElementSet

__all__ = [
    "Catalog",
    "catalog_from_elements",
    "elements_from_catalog",
    "object_types_from_names",
]

_DEBRIS = re.compile(r"\b(?:DEB|DEBRIS)\b")
_ROCKET_BODY = re.compile(r"R/B|\bROCKET BODY\b")
_UNKNOWN = re.compile(r"UNKNOWN\b|TBA\b|OBJECT(?: [A-Z]{1,3})?$|$")


@dataclass(frozen=True)
class Catalog:
    """Element sets as columns, all of shape (n,).

    Angles in deg, mean motion in rev/day (Kozai, as printed), TEME, UTC. `hbr_m` and `mass_kg`
    are NaN where unknown; `catalog.read_catalog` fills `hbr_m` from handbook table 3.4.3.
    """

    designator: NDArray[np.int64]
    name: NDArray[np.str_]
    international_designator: NDArray[np.str_]  # '1998-067A' or 'UNKNOWN'
    object_type: NDArray[np.str_]  # PAYLOAD, ROCKET BODY, DEBRIS, UNKNOWN, OTHER
    ops_status: NDArray[np.str_]  # CDM (SANA) word, UNKNOWN without a SATCAT
    owner: NDArray[np.str_]  # SATCAT owner code, '' when not known
    epoch_jd: NDArray[np.float64]  # Julian date of midnight
    epoch_fr: NDArray[np.float64]  # fraction of the day
    mean_motion: NDArray[np.float64]  # rev/day
    eccentricity: NDArray[np.float64]
    inclination: NDArray[np.float64]  # deg
    raan: NDArray[np.float64]  # deg
    arg_perigee: NDArray[np.float64]  # deg
    mean_anomaly: NDArray[np.float64]  # deg
    bstar: NDArray[np.float64]  # 1/earth radii
    mean_motion_dot: NDArray[np.float64]  # rev/day^2, printed value: half the derivative
    mean_motion_ddot: NDArray[np.float64]  # rev/day^3, printed value: a sixth of the derivative
    element_set_no: NDArray[np.int64]
    rev_at_epoch: NDArray[np.int64]
    classification: NDArray[np.str_]
    hbr_m: NDArray[np.float64]  # m
    mass_kg: NDArray[np.float64]  # kg
    source_file: NDArray[np.str_]  # file name without its folder
    source_record: NDArray[np.int64]  # line number (TLE, KVN, CSV) or record number (JSON, XML)

    def __post_init__(self) -> None:
        lengths = {field.name: len(getattr(self, field.name)) for field in dataclasses.fields(self)}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"catalog columns differ in length: {lengths}")

    def __len__(self) -> int:
        return len(self.designator)

    def take(self, index: ArrayLike) -> Catalog:
        """Rows by position or by boolean mask, in the order of `index`."""
        rows = np.asarray(index)
        if rows.size == 0 and rows.dtype != np.bool_:
            rows = rows.astype(np.int64)
        return dataclasses.replace(
            self,
            **{field.name: getattr(self, field.name)[rows] for field in dataclasses.fields(self)},
        )


def catalog_from_elements(sets: Sequence[ElementSet], source_file: Sequence[str]) -> Catalog:
    """Columns of element sets, in their order; `source_file` names the file of each.

    The object type is the record's own word where it has one (Space-Track), else from the name.
    HBR and mass are NaN.
    """
    n = len(sets)
    columns: dict[str, Any] = dict(
        zip(ElementSet._fields, zip(*sets, strict=True), strict=True)
        if n
        else ((name, ()) for name in ElementSet._fields)
    )
    columns["source_record"] = columns.pop("record")
    stated = _text(columns.pop("object_type"))
    types = np.where(stated == "", object_types_from_names(columns["name"]), stated)
    arrays = {
        field.name: _column(str(field.type), columns[field.name])
        for field in dataclasses.fields(Catalog)
        if field.name in columns
    }
    return Catalog(
        **arrays,
        object_type=types,
        ops_status=np.full(n, "UNKNOWN"),
        hbr_m=np.full(n, np.nan),
        mass_kg=np.full(n, np.nan),
        source_file=_text(source_file),
    )


def elements_from_catalog(catalog: Catalog) -> list[ElementSet]:
    """Element sets of the rows, in their order: what `catalog_from_elements` was given.

    An object type that the name tells is left out, since no record need state it.
    """
    columns = {
        name: getattr(catalog, name).tolist() for name in ElementSet._fields if name != "record"
    }
    told = object_types_from_names(columns["name"])
    columns["object_type"] = np.where(catalog.object_type == told, "", catalog.object_type).tolist()
    columns["record"] = catalog.source_record.tolist()
    return [ElementSet(*row) for row in zip(*(columns[n] for n in ElementSet._fields), strict=True)]


def object_types_from_names(names: Sequence[str]) -> NDArray[np.str_]:
    """Object type guessed from catalog names, where no SATCAT says it.

    The word DEB or DEBRIS: DEBRIS; ``R/B``: ROCKET BODY; TBA, UNKNOWN, ``OBJECT B`` (a launch not
    yet identified) or no name: UNKNOWN; everything else: PAYLOAD.
    """
    return _text([_object_type(name) for name in names])


def _object_type(name: str) -> str:
    upper = name.upper()
    if _DEBRIS.search(upper):
        return "DEBRIS"
    if _ROCKET_BODY.search(upper):
        return "ROCKET BODY"
    return "UNKNOWN" if _UNKNOWN.match(upper) else "PAYLOAD"


def _column(declared: str, values: Sequence[Any]) -> NDArray[Any]:
    if "str_" in declared:
        return _text(values)
    return np.array(values, dtype=np.int64 if "int64" in declared else np.float64)


def _text(values: Sequence[str]) -> NDArray[np.str_]:
    return np.array(values, dtype=np.str_) if len(values) else np.empty(0, dtype="<U1")
