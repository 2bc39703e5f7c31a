"""results.h5: everything a run found, in one netCDF-4-compatible HDF5 file.

Fed by the columns of `runs`; read by show, export, report, xarray and anybody's HDF5 reader. Each
group has its own dimension with a scale, each column units, a long name and, for vectors, a frame.
Written under a temporary name in the same folder, flushed, then renamed: a killed run leaves the
old file or none. A long group comes as a stream of encoded chunks, so that nobody holds it whole.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from tracss_hpc.atomic import temporary_name
from tracss_hpc.errors import InputDataError, TracssError
from tracss_hpc.export.chunks import CHUNK_ROWS, compression_filters
from tracss_hpc.export.opening import explain_damage, open_file
from tracss_hpc.export.schema import COVARIANCE_ELEMENTS, describe_column

if TYPE_CHECKING:
    import xarray

__all__ = [
    "ChunkStream",
    "Columns",
    "Results",
    "open_results",
    "read_results",
    "write_results",
]

Columns = Mapping[str, NDArray[Any]]

#: Name of the dimension of each group; nested groups by path.
_DIMENSIONS = {
    "objects": "object",
    "conjunctions": "conjunction",
    "rejected": "rejection",
    "colocated": "pair",
    "merged": "pair",
    "audit": "sample",
    "audit/closing_at_end": "pair",
    "audit/discontinuities": "jump",
    "audit/missed": "event",
    "audit/invented": "event",
    "stages": "stage",
    "ephemeris": "object",
}
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


@dataclass(frozen=True)
class ChunkStream:
    """A group that is written chunk by chunk, as `export.chunks` encoded them on any rank.

    `layout` maps columns to the type of a value and the shape of a row; `chunks` yields, for each
    CHUNK_ROWS rows in order (at least one chunk holds all rows of a shorter group), the bytes of
    every column.
    """

    length: int
    layout: Mapping[str, tuple[np.dtype[Any], tuple[int, ...]]]
    chunks: Iterator[Mapping[str, bytes]]


def write_results(
    path: Path,
    results: Results,
    *,
    compression: str = "gzip1",
    streams: Mapping[str, ChunkStream] | None = None,
) -> None:
    """Write a results file, whole or not at all.

    Parameters
    ----------
    path : Path
    results : Results
    compression : {"gzip1", "zstd", "none"}
        "gzip1" is read by every HDF5, "zstd" needs hdf5plugin on both sides.
    streams : mapping of str to ChunkStream, optional
        Groups that are not in `results`, encoded with the same compression.

    Raises
    ------
    TracssError
        When the disk is full or the directory cannot be written; what stood there stays.
    """
    temporary = temporary_name(path)
    start = str(results.attributes["start_screen_period"])
    filters = compression_filters(compression)
    try:
        with _PatientFile(temporary, "w+") as disk:
            with h5py.File(disk, "w", libver=("earliest", "v110")) as file:
                for key, value in results.attributes.items():
                    file.attrs[key] = json.dumps(value) if isinstance(value, dict | list) else value
                for name, columns in results.groups.items():
                    group = file.create_group(name)
                    for key, value in results.group_attributes.get(name, {}).items():
                        group.attrs[key] = value
                    _write_columns(group, _DIMENSIONS[name], columns, start, filters)
                for name, stream in (streams or {}).items():
                    group = file.create_group(name)
                    _write_stream(group, _DIMENSIONS[name], stream, start, filters)
            if disk.error is not None:
                raise disk.error
            os.fsync(disk.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise TracssError(
            f"{path} cannot be written: {error.strerror or error}; the units already done are "
            "kept: make room or mend the directory, then run again with --resume"
        ) from None
    finally:
        temporary.unlink(missing_ok=True)


def read_results(
    path: str | Path,
    *,
    columns: Sequence[str] | None = None,
    rows: NDArray[np.int64] | None = None,
) -> Results:
    """Read a results file into memory, all of it or what is needed of group `conjunctions`.

    Parameters
    ----------
    path : str or Path
    columns : sequence of str, optional
        Columns of group `conjunctions`; default all. Those the file lacks are left out.
    rows : ndarray of int, optional
        Rows of group `conjunctions`; default all.

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
                chosen = name == "conjunctions"
                groups[name] = {
                    key: _values(item, rows if chosen else None)
                    for key, item in file[name].items()
                    if isinstance(item, h5py.Dataset)
                    and not item.is_scale
                    and (not chosen or columns is None or key in columns)
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


class _PatientFile(io.FileIO):
    """A file that keeps the first error of writing to itself, and drops what comes after it.

    HDF5 that is told of a full disk can neither flush nor close the file any more: an error for
    each open dataset follows and, when the process ends, a crash (HDF5 2.0.0).
    """

    error: OSError | None = None

    def write(self, data: Any) -> int:
        """Write all of `data`, or note why not."""
        rest = memoryview(data)
        try:
            while self.error is None and rest:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self.error = error
        return memoryview(data).nbytes

    def truncate(self, size: int | None = None) -> int:
        """Set the length, which a quota can forbid too."""
        try:
            if self.error is None:
                return super().truncate(size)
        except OSError as error:
            self.error = error
        return size or 0


def _values(item: Any, rows: NDArray[np.int64] | None) -> NDArray[Any]:
    """A dataset's values; reading all and then choosing is faster than HDF5's own choice."""
    values = item.asstr()[()] if item.dtype.kind == "O" else item[()]
    return np.asarray(values if rows is None else values[rows])


def _write_columns(
    group: Any, dimension: str, columns: Columns, start: str, filters: dict[str, Any]
) -> None:
    """One dataset per column, attached to the group's dimension."""
    length = len(next(iter(columns.values()))) if columns else 0
    layout = {
        name: (h5py.string_dtype() if column.dtype.kind in "UO" else column.dtype, column.shape[1:])
        for name, column in columns.items()
    }
    datasets = _make_datasets(group, dimension, length, layout, start, filters)
    for name, column in columns.items():
        datasets[name][()] = column.astype(object) if column.dtype.kind in "UO" else column


def _write_stream(
    group: Any, dimension: str, stream: ChunkStream, start: str, filters: dict[str, Any]
) -> None:
    """The same from encoded chunks."""
    datasets = _make_datasets(group, dimension, stream.length, stream.layout, start, filters)
    for number, chunk in enumerate(stream.chunks):
        for name, content in chunk.items():
            offset = (number * CHUNK_ROWS, *([0] * (datasets[name].ndim - 1)))
            datasets[name].id.write_direct_chunk(offset, content)


def _make_datasets(
    group: Any,
    dimension: str,
    length: int,
    layout: Mapping[str, tuple[np.dtype[Any], tuple[int, ...]]],
    start: str,
    filters: dict[str, Any],
) -> dict[str, Any]:
    """Empty datasets of a group, with dimension scales, units and names."""
    scale = group.create_dataset(dimension, data=np.arange(length), maxshape=(None,))
    scale.make_scale(dimension)
    scale.attrs["long_name"] = f"row number of the {dimension}"
    elements = None
    if any(rest for _, rest in layout.values()):
        elements = group.create_dataset(
            "covariance_element", data=list(COVARIANCE_ELEMENTS), dtype=h5py.string_dtype()
        )
        elements.make_scale("covariance_element")
        elements.attrs["long_name"] = "element of the lower triangle, CDM order"
    datasets = {}
    for name, (dtype, rest) in layout.items():
        data = group.create_dataset(
            name,
            shape=(length, *rest),
            dtype=dtype,
            chunks=(max(1, min(CHUNK_ROWS, length)), *rest),
            maxshape=(None, *rest),
            **({} if h5py.check_string_dtype(dtype) else filters),
        )
        data.dims[0].attach_scale(scale)
        if rest:
            data.dims[1].attach_scale(elements)
        info = describe_column(name, start, group.name.strip("/"))
        if info.unit:
            data.attrs["units"] = info.unit
        data.attrs["long_name"] = info.long_name
        if info.frame:
            data.attrs["frame"] = info.frame
        if dtype == np.uint8:
            data.attrs["flag_values"] = np.array([0, 1], dtype=np.uint8)
            data.attrs["flag_meanings"] = "no yes"
        datasets[name] = data
    return datasets
