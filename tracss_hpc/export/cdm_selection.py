"""Which conjunctions become messages: the export filters, with counts of what they left out.

Fed by the columns of group `conjunctions`; feeds `export.cdm.write_cdms` with row numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SELECTION_COLUMNS", "CdmSelection", "select_conjunctions"]

#: Columns of group `conjunctions` that the choice needs.
SELECTION_COLUMNS = (
    "collision_probability", "miss_distance", "tca", "sat1_object_designator",
    "sat2_object_designator",
)  # fmt: skip


@dataclass(frozen=True)
class CdmSelection:
    """Rows to export, sorted by TCA, SAT1, SAT2, and how many rows each filter left out."""

    rows: NDArray[np.int64]
    left_out: Mapping[str, int]  # by configuration key, in order of application


def select_conjunctions(
    conjunctions: Mapping[str, NDArray[Any]],
    *,
    min_pc: float = 0.0,
    max_miss_km: float = 0.0,
    objects: Sequence[int] = (),
    max_count: int = 0,
) -> CdmSelection:
    """Choose the rows that become messages; 0 or empty switches a filter off.

    A row without a Pc does not pass `min_pc`; such rows are counted under their own name.

    Parameters
    ----------
    conjunctions : mapping of columns
        SELECTION_COLUMNS, in the units of results.h5.
    min_pc : float
        Smallest probability of collision.
    max_miss_km : float
        Largest miss distance [km].
    objects : sequence of int
        Catalog numbers; rows in which either object is one of them pass.
    max_count : int
        At most so many rows, riskiest first: Pc descending (blank last), then miss distance.
    """
    sat1 = np.asarray(conjunctions["sat1_object_designator"])
    sat2 = np.asarray(conjunctions["sat2_object_designator"])
    miss = np.asarray(conjunctions["miss_distance"], dtype=np.float64)
    pc = np.asarray(conjunctions.get("collision_probability", np.full(len(miss), np.nan)))
    rows = np.arange(len(miss), dtype=np.int64)
    left_out: dict[str, int] = {}

    def keep(name: str, passed: NDArray[np.bool_]) -> None:
        nonlocal rows
        left_out[name] = int(len(rows) - passed.sum())
        rows = rows[passed]

    if len(objects):
        wanted = np.asarray(objects)
        keep("cdm_objects", np.isin(sat1, wanted) | np.isin(sat2, wanted))
    if max_miss_km > 0.0:
        keep("cdm_max_miss_km", miss[rows] <= max_miss_km * 1000.0)
    if min_pc > 0.0:
        keep("cdm_min_pc (Pc blank)", ~np.isnan(pc[rows]))
        keep("cdm_min_pc", pc[rows] >= min_pc)
    if max_count > 0:
        risk = np.lexsort((rows, miss[rows], -np.nan_to_num(pc[rows], nan=-1.0)))
        passed = np.zeros(len(rows), dtype=np.bool_)
        passed[risk[:max_count]] = True
        keep("cdm_max", passed)
    tca = np.asarray(conjunctions["tca"])
    order = np.lexsort((rows, sat2[rows], sat1[rows], tca[rows]))
    return CdmSelection(rows[order], left_out)
