"""Checkpoint shards: what one finished work unit found, in one small HDF5 file, whole or absent.

Fed by the columns of `runs`; read by the merge, the audit and a resumed run. A shard carries the
key of its run, and behind the HDF5 file its SHA-256, so a damaged or a foreign one is told from a
good one. The digest is looked at before HDF5 is: one wrong byte can make it loop for ever (seen).
Columns are not compressed: that would save 17 % of the bytes (measured: 555 to 461 bytes a row) and
cost more time than all the rest of a shard, while the merged file is compressed anyway.

The file is built in memory and written with one call: an HDF5 file that meets a full disk cannot be
closed any more and fails again when the process ends.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from tracss_hpc.atomic import write_atomically
from tracss_hpc.errors import TracssError

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
_PIECE = 1 << 20  # bytes read at once


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
    TracssError
        When the disk is full or the directory cannot be written.
    """
    image = io.BytesIO()  # HDF5's own driver for memory hands out a copy: as much again
    with h5py.File(image, "w") as file:
        file.attrs["format"] = _FORMAT
        file.attrs["key"] = key
        file.attrs["unit"] = json.dumps(unit)
        for name, columns in groups.items():
            group = file.create_group(name)
            for column, values in columns.items():
                group.create_dataset(column, data=values)
    image.seek(0, io.SEEK_END)
    image.write(hashlib.sha256(image.getbuffer()).hexdigest().encode())
    try:
        write_atomically(path, image.getbuffer())
    except OSError as error:
        raise TracssError(
            f"{path} cannot be written: {error.strerror or error}; the units already done are "
            "kept: make room or mend the directory, then run again with --resume"
        ) from None


def inspect_shard(path: Path, key: str) -> str:
    """Blank for a good shard of the run `key`; else "foreign", or what is damaged."""
    try:
        if not _fits_digest(path):
            return "its content does not fit its SHA-256"
        with h5py.File(path, "r") as file:
            ours = file.attrs.get("format") == _FORMAT and file.attrs.get("key") == key
    except OSError as error:
        return str(error)
    return "" if ours else "foreign"


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


def _fits_digest(path: Path) -> bool:
    """Whether the last 64 bytes are the SHA-256 of those before them; HDF5 does not see them."""
    digest, left = hashlib.sha256(), path.stat().st_size - 64
    with path.open("rb") as file:
        while left > 0:
            digest.update(file.read(min(left, _PIECE)))
            left -= _PIECE
        return file.read() == digest.hexdigest().encode()
