"""Checkpoint shards: what one finished work unit found, in one small HDF5 file, whole or absent.

Fed by the columns of `runs`; read by the merge, the audit and a resumed run. A shard carries the
key of its run and a SHA-256 of its content, so a damaged or a foreign one is told from a good one.
Columns are not compressed: that would save 17 % of the bytes (measured: 555 to 461 bytes a row) and
cost more time than all the rest of a shard, while the merged file is compressed anyway.

The file is built in memory and written with one call: an HDF5 file that meets a full disk cannot be
closed any more and fails again when the process ends.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from tracss_hpc.atomic import write_atomically

__all__ = [
    "inspect_shard",
    "read_columns",
    "read_layout",
    "read_rows",
    "read_unit",
    "write_shard",
]

Columns = dict[str, NDArray[Any]]

_FORMAT = "tracss_hpc shard 1"


def write_shard(
    path: Path, key: str, unit: Mapping[str, object], groups: Mapping[str, Columns]
) -> None:
    """Write one shard: temporary name, flush to disk, rename.

    Parameters
    ----------
    path : Path
    key : str
        Fingerprint of the run that the unit belongs to.
    unit : mapping
        The unit's row of group `stages`, numbers and texts.
    groups : mapping of str to columns
        Columns of numbers, of equal length within a group; `conjunctions` is what is merged.

    Raises
    ------
    OSError
        When the disk is full or the directory cannot be written.
    """
    with h5py.File(path.name, "w", driver="core", backing_store=False) as file:
        file.attrs["format"] = _FORMAT
        file.attrs["key"] = key
        file.attrs["unit"] = json.dumps(unit)
        for name, columns in groups.items():
            group = file.create_group(name)
            for column, values in columns.items():
                group.create_dataset(column, data=values)
        file.attrs["sha256"] = _content_digest(file)
        file.flush()
        image = file.id.get_file_image()
    write_atomically(path, image)


def inspect_shard(path: Path, key: str) -> str:
    """Blank for a good shard of the run `key`; else "foreign", or what is damaged."""
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != _FORMAT:
                return "foreign"
            if file.attrs["key"] != key:
                return "foreign"
            if file.attrs["sha256"] != _content_digest(file):
                return "its content does not fit its SHA-256"
            json.loads(file.attrs["unit"])
    except (OSError, KeyError, RuntimeError, ValueError) as error:
        return str(error) or type(error).__name__
    return ""


def read_unit(path: Path) -> dict[str, Any]:
    """The unit's row of group `stages`."""
    with h5py.File(path, "r") as file:
        return dict(json.loads(file.attrs["unit"]))


def read_columns(path: Path, group: str, names: Sequence[str] = ()) -> Columns:
    """Columns of one group; all of them, or those named."""
    with h5py.File(path, "r") as file:
        return {name: file[group][name][()] for name in names or file[group]}


def read_layout(path: Path, group: str) -> dict[str, tuple[np.dtype[Any], tuple[int, ...]]]:
    """Type of a value and shape of a row of each column."""
    with h5py.File(path, "r") as file:
        return {name: (item.dtype, item.shape[1:]) for name, item in file[group].items()}


def read_rows(
    paths: Sequence[Path], lengths: Sequence[int], start: int, stop: int, group: str
) -> Columns:
    """Rows [start, stop) of the shards' columns laid end to end.

    Parameters
    ----------
    paths : sequence of Path
        Shards in the order of the rows.
    lengths : sequence of int
        Rows of each, so that only the shards concerned are opened.
    start, stop : int
        Range of rows, counted over all shards.
    group : str
    """
    ends = np.cumsum(lengths)
    parts: list[Columns] = []
    for number in range(int(np.searchsorted(ends, start, side="right")), len(paths)):
        first = int(ends[number]) - lengths[number]
        if first >= stop:
            break
        own = slice(max(start - first, 0), min(stop - first, lengths[number]))
        with h5py.File(paths[number], "r") as file:
            parts.append({name: item[own] for name, item in file[group].items()})
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _content_digest(file: Any) -> str:
    """SHA-256 over unit, names, types, shapes and raw values."""
    digest = hashlib.sha256(str(file.attrs["unit"]).encode())
    for group in sorted(file):
        for name in sorted(file[group]):
            values = np.ascontiguousarray(file[group][name][()])
            digest.update(f"{group}/{name} {values.dtype.str} {values.shape}".encode())
            digest.update(values.data)
    return digest.hexdigest()
