"""Conjunctions of a results file as a table for eyes, or as CSV for other programs.

Fed by results.h5; feeds the verb `show` (and with `align` whoever
prints a table). The table has the columns an analyst looks at first; the
CSV has every column with one value per conjunction, named and in the units of results.h5.
"""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.epochs import format_times, parse_epoch
from tracss_hpc.errors import InputDataError, UsageError
from tracss_hpc.export.opening import explain_damage, open_file

__all__ = ["ConjunctionTable", "align", "format_csv", "format_table", "read_table"]

#: Columns of the printed table: heading, column of results.h5, format.
_PRINTED = (
    ("TCA (UTC)", "tca_utc", "{}"),
    ("ID1", "sat1_object_designator", "{}"),
    ("NAME1", "sat1_object_name", "{:.20}"),
    ("ID2", "sat2_object_designator", "{}"),
    ("NAME2", "sat2_object_name", "{:.20}"),
    ("MISS m", "miss_distance", "{:.1f}"),
    ("R m", "sat1_relative_position_r", "{:.1f}"),
    ("T m", "sat1_relative_position_t", "{:.1f}"),
    ("N m", "sat1_relative_position_n", "{:.1f}"),
    ("SPEED m/s", "relative_speed", "{:.1f}"),
    ("PC", "collision_probability", "{:.3e}"),
)


@dataclasses.dataclass(frozen=True)
class ConjunctionTable:
    """Equal-length columns, one row per conjunction; `total` rows stood in the file.

    `merged` says in words what `screening.merge` left out of the file; blank for nothing.
    """

    columns: dict[str, NDArray[Any]]
    total: int
    merged: str = ""

    def __len__(self) -> int:
        return len(self.columns["tca_utc"])


def read_table(
    path: str | Path, *, designator: int | None = None, top: int | None = None
) -> ConjunctionTable:
    """Read conjunctions of a results file.

    Parameters
    ----------
    path : str or Path
        A results.h5.
    designator : int, optional
        Only conjunctions with this object.
    top : int, optional
        Only the so many riskiest, riskiest first: by descending Pc, then by miss distance; rows
        without a Pc come last. Without it rows stand in the order of the file, which is by TCA.

    Raises
    ------
    InputDataError
        If `path` is no results file.
    UsageError
        If there is no such file, or no object of the run has the designator.
    """
    with open_file(path) as file, explain_damage(path):
        try:
            start = parse_epoch(_text(file.attrs["start_screen_period"]))
            designators = file["objects/object_designator"][()]
            names = file["objects/object_name"].asstr()[()]
            merged = _text(file["merged"].attrs["statement"]) if "merged" in file else ""
            group = file["conjunctions"]
            columns = {
                key: item.asstr()[()] if item.dtype.kind in "OS" else item[()]
                for key, item in group.items()
                if item.ndim == 1 and len(item) == len(group["tca"]) and not item.is_scale
            }
        except (KeyError, ValueError) as error:
            raise InputDataError(
                f"{path}: not a results file ({error}); give the results.h5 of a run",
                file=str(path),
            ) from None
    if designator is not None and designator not in designators:
        raise UsageError(
            f"object {designator} is not in {path}, which holds {len(np.unique(designators))} "
            f"objects from {designators.min()} to {designators.max()}"
            if len(designators)
            else f"object {designator} is not in {path}, which holds no objects"
        )
    total = len(columns["tca"])
    columns = {
        "tca_utc": format_times(start, columns["tca"]),
        "sat1_object_name": names[columns["object1"]],
        "sat2_object_name": names[columns["object2"]],
        **columns,
    }
    rows = np.arange(total)
    if designator is not None:
        id1, id2 = columns["sat1_object_designator"], columns["sat2_object_designator"]
        rows = rows[(id1 == designator) | (id2 == designator)]
    if top is not None:
        risk = columns.get("collision_probability", np.full(total, np.nan))[rows]
        rows = rows[np.lexsort((columns["miss_distance"][rows], -np.nan_to_num(risk, nan=-1.0)))]
        rows = rows[:top]
    chosen = {key: column[rows] for key, column in columns.items()}
    return ConjunctionTable(chosen, total, merged)


def format_table(table: ConjunctionTable) -> str:
    """The table as text, numbers right-aligned, with counts below; blank is unknown."""
    values = {key: table.columns.get(key, np.full(len(table), np.nan)) for _, key, _ in _PRINTED}
    left = tuple(key for key in values if key.endswith(("_utc", "_name")))
    lines = align(values, _PRINTED, left=left)
    lines.append(f"{len(table)} of {table.total} conjunctions")
    return "\n".join([*lines, *([table.merged] if table.merged else [])]) + "\n"


def align(
    columns: Mapping[str, NDArray[Any]],
    printed: Sequence[tuple[str, str, str]],
    *,
    left: Sequence[str],
) -> list[str]:
    """Lines of a table with headings, numbers right-aligned; NaN is blank.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (n,)
    printed : sequence of (heading, column, format)
    left : sequence of str
        Columns that are aligned left.
    """
    cells: list[Sequence[str]] = [[heading for heading, _, _ in printed]]
    texts = [[_cell(value, form) for value in columns[key]] for _, key, form in printed]
    cells += list(zip(*texts, strict=True))
    widths = [max(len(row[k]) for row in cells) for k in range(len(printed))]
    is_left = [key in left for _, key, _ in printed]
    return [
        "  ".join(
            cell.ljust(width) if at_left else cell.rjust(width)
            for cell, width, at_left in zip(row, widths, is_left, strict=True)
        ).rstrip()
        for row in cells
    ]


def format_csv(table: ConjunctionTable) -> str:
    """All columns as CSV with a heading line; shortest digits that read back identically."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(zip(*(_csv_column(column) for column in table.columns.values()), strict=True))
    return stream.getvalue()


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _cell(value: Any, form: str) -> str:
    if isinstance(value, float | np.floating) and np.isnan(value):
        return ""
    return form.format(value)


def _csv_column(column: NDArray[Any]) -> list[object]:
    if column.dtype.kind == "f":
        return ["" if np.isnan(value) else repr(value) for value in column.tolist()]
    return list(column.tolist())
