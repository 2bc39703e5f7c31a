"""results.h5: everything a run found, in one netCDF-4-compatible HDF5 file.

Fed by the columns of `runs`; read by show, export, report, xarray and anybody's HDF5 reader. Each
group has its own dimension with a scale, each column units, a long name and, for vectors, a frame.
Written under a temporary name in the same folder, flushed, then renamed: a killed run leaves the
old file or none.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from tracss_hpc.errors import InputDataError, UsageError
from tracss_hpc.export.opening import explain_damage, open_file
from tracss_hpc.export.schema import COVARIANCE_ELEMENTS, describe_column

if TYPE_CHECKING:
    import xarray

__all__ = ["Columns", "Results", "open_results", "read_results", "write_results"]

Columns = Mapping[str, NDArray[Any]]

#: Name of the dimension of each group; nested groups by path.
_DIMENSIONS = {
    "objects": "object",
    "conjunctions": "conjunction",
    "rejected": "rejection",
    "colocated": "pair",
    "audit": "sample",
    "audit/closing_at_end": "pair",
    "audit/discontinuities": "jump",
    "audit/missed": "event",
    "audit/invented": "event",
    "stages": "stage",
    "ephemeris": "object",
}
_CHUNK = 16384
#: What no reader can do without.
_ATTRIBUTES = (
    "start_screen_period", "created", "run_id", "correlation_id", "config", "title",
)  # fmt: skip
_NEEDED = (
    "objects/object_designator", "conjunctions/tca", "conjunctions/object1",
    "conjunctions/object2", "conjunctions/sat1_object_designator",
    "conjunctions/sat2_object_designator", "conjunctions/miss_distance",
)  # fmt: skip


@dataclass(frozen=True)
class Results:
    """Content of a results file.

    `attributes` are those of the root (texts and numbers; mappings are stored as JSON), `groups`
    maps group paths to columns of equal length, `group_attributes` likewise to attributes.
    """

    attributes: dict[str, Any]
    groups: dict[str, Columns]
    group_attributes: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def objects(self) -> Columns:
        """Columns of group `objects`, one row per trajectory."""
        return self.groups["objects"]

    @property
    def conjunctions(self) -> Columns:
        """Columns of group `conjunctions`."""
        return self.groups["conjunctions"]


def write_results(path: Path, results: Results, *, compression: str = "gzip1") -> None:
    """Write a results file, whole or not at all.

    Parameters
    ----------
    path : Path
    results : Results
    compression : {"gzip1", "zstd", "none"}
        "gzip1" is read by every HDF5, "zstd" needs hdf5plugin on both sides.
    """
    temporary = path.with_name(f"{path.name}.tmp.{os.getpid()}")
    start = str(results.attributes["start_screen_period"])
    try:
        with h5py.File(temporary, "w", libver=("earliest", "v110")) as file:
            for key, value in results.attributes.items():
                file.attrs[key] = json.dumps(value) if isinstance(value, dict | list) else value
            for name, columns in results.groups.items():
                group = file.create_group(name)
                for key, value in results.group_attributes.get(name, {}).items():
                    group.attrs[key] = value
                _write_columns(group, _DIMENSIONS[name], columns, start, _filters(compression))
            file.flush()
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_results(path: str | Path) -> Results:
    """Read a results file into memory.

    Raises
    ------
    UsageError
        If there is no such file.
    InputDataError
        If it is no results file.
    """
    groups: dict[str, Columns] = {}
    group_attributes: dict[str, dict[str, Any]] = {}
    with open_file(path) as file, explain_damage(path):
        attributes = dict(file.attrs)
        lacking = [f"attribute {name}" for name in _ATTRIBUTES if name not in attributes]
        lacking += [name for name in _NEEDED if name not in file]
        if lacking:
            raise InputDataError(
                f"{path}: not a whole results file: it lacks {', '.join(lacking)}", file=str(path)
            )
        for name in _DIMENSIONS:
            if name in file:
                group_attributes[name] = dict(file[name].attrs)
                groups[name] = {
                    key: item.asstr()[()] if item.dtype.kind == "O" else item[()]
                    for key, item in file[name].items()
                    if isinstance(item, h5py.Dataset) and not item.is_scale
                }
    return Results(attributes, groups, group_attributes)


def open_results(path: str | Path, group: str = "conjunctions") -> xarray.Dataset:
    """One group of a results file as an xarray Dataset, with units and decoded times.

    Parameters
    ----------
    path : str or Path
        A results.h5.
    group : str
        ``conjunctions`` (default), ``objects``, ``rejected``, ``colocated``, ``audit``, ...
    """
    import xarray

    open_file(path).close()  # says what is wrong with the file, and loads its compression
    return xarray.open_dataset(path, group=group, engine="h5netcdf")


def _filters(compression: str) -> dict[str, Any]:
    if compression == "none":
        return {}
    if compression == "zstd":
        try:
            import hdf5plugin
        except ImportError:
            raise UsageError(
                'export.compression = "zstd" needs hdf5plugin: pip install "tracss-hpc[zstd]", '
                'or choose "gzip1"'
            ) from None
        return {"shuffle": True, **hdf5plugin.Zstd(clevel=3)}
    return {"shuffle": True, "compression": "gzip", "compression_opts": 1}


def _write_columns(
    group: Any, dimension: str, columns: Columns, start: str, filters: dict[str, Any]
) -> None:
    """One dataset per column, attached to the group's dimension."""
    length = len(next(iter(columns.values()))) if columns else 0
    scale = group.create_dataset(dimension, data=np.arange(length), maxshape=(None,))
    scale.make_scale(dimension)
    scale.attrs["long_name"] = f"row number of the {dimension}"
    elements = None
    if any(column.ndim == 2 for column in columns.values()):
        elements = group.create_dataset(
            "covariance_element", data=list(COVARIANCE_ELEMENTS), dtype=h5py.string_dtype()
        )
        elements.make_scale("covariance_element")
        elements.attrs["long_name"] = "element of the lower triangle, CDM order"
    for name, column in columns.items():
        text = column.dtype.kind in "UO"
        chunks = (max(1, min(_CHUNK, length)), *column.shape[1:])
        data = group.create_dataset(
            name,
            data=column.astype(object) if text else column,
            dtype=h5py.string_dtype() if text else None,
            chunks=chunks,
            maxshape=(None, *column.shape[1:]),
            **({} if text else filters),
        )
        data.dims[0].attach_scale(scale)
        if column.ndim == 2:
            data.dims[1].attach_scale(elements)
        info = describe_column(name, start, group.name.strip("/"))
        if info.unit:
            data.attrs["units"] = info.unit
        data.attrs["long_name"] = info.long_name
        if info.frame:
            data.attrs["frame"] = info.frame
        if column.dtype == np.uint8:
            data.attrs["flag_values"] = np.array([0, 1], dtype=np.uint8)
            data.attrs["flag_meanings"] = "no yes"
