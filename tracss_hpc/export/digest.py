"""One fingerprint of what a run found, and the first place where two results differ.

Fed by results.h5; feeds the verbs `digest` and `compare` and every test that says "the same
digest". Covered are the groups that hold the result and nothing that depends on clock, host, ranks
or work units: their names, types, shapes, attributes and raw values. How HDF5 stores them (chunks,
compression, order of creation) does not count, and neither do HDF5's own link attributes between
dimension scales, which hold file addresses.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tracss_hpc.export.opening import explain_damage, open_file

__all__ = ["DIGESTED_GROUPS", "digest_file", "first_difference", "hdf5_version"]

#: Groups of results.h5 that hold the result of a run.
DIGESTED_GROUPS = ("objects", "conjunctions", "rejected", "colocated", "merged", "audit")

#: Attributes that hold references or creation order: how a scale is attached, not what it says.
_STORAGE_ATTRIBUTES = ("DIMENSION_LIST", "REFERENCE_LIST", "_Netcdf4Dimid", "_Netcdf4Coordinates")

#: Entry behind the last one; its label sorts behind all others.
_END = ("\uffff", b"")


def digest_file(path: str | Path) -> str:
    """SHA-256 of the result in `path`, as 64 hexadecimal digits."""
    total = hashlib.sha256()
    with open_file(path) as file:
        for label, value in _entries(file):
            # Lengths first, so that no two different lists of entries give the same bytes.
            total.update(f"{len(label.encode())}:{len(value)}:".encode())
            total.update(label.encode())
            total.update(value)
    return total.hexdigest()


def first_difference(a: str | Path, b: str | Path) -> str:
    """Where the results of two files first differ, in words; blank when their digests are equal."""
    with open_file(a) as file_a, open_file(b) as file_b:
        pairs = zip_longest(_entries(file_a), _entries(file_b), fillvalue=_END)
        for one, other in pairs:
            if one[0] != other[0]:
                label, holder = min((one[0], a), (other[0], b), key=lambda pair: pair[0])
                return f"{label.removesuffix(' = ')}: only in {holder}"
            if one[1] != other[1]:
                return _describe(file_a, file_b, one, other)
    return ""


def hdf5_version() -> str:
    """Versions of h5py and of the HDF5 library it carries."""
    return f"HDF5 {h5py.version.hdf5_version} (h5py {h5py.__version__})"


def _entries(file: Any) -> Iterator[tuple[str, bytes]]:
    """Label and bytes of everything that counts, in the order of the labels."""
    with explain_damage(file.filename):
        for name in sorted(DIGESTED_GROUPS):
            if name in file:
                yield from _group_entries(file[name], name)


def _group_entries(group: Any, path: str) -> Iterator[tuple[str, bytes]]:
    items: list[tuple[str, Any]] = [(f"{path}/", None)]
    items += [(f"{path}/{key}", group[key]) for key in group]
    for label, item in sorted(items, key=lambda pair: pair[0]):
        if item is None:
            yield label, b"group"
            yield from _attribute_entries(group, label)
        elif isinstance(item, h5py.Group):
            yield from _group_entries(item, label)
        else:
            yield label, _type_name(item.dtype).encode() + str(item.shape).encode()
            yield f"{label} = ", _raw(item[()])
            yield from _attribute_entries(item, label)


def _attribute_entries(item: Any, label: str) -> Iterator[tuple[str, bytes]]:
    for key in sorted(item.attrs):
        if key not in _STORAGE_ATTRIBUTES:
            value = np.asarray(item.attrs[key])
            header = f"{_type_name(value.dtype)}{value.shape}"
            yield f"{label} @{key}", header.encode() + _raw(value)


def _type_name(dtype: np.dtype[Any]) -> str:
    """Type in one spelling: texts of any width and storage are one type."""
    return "text" if dtype.kind in "OSU" else dtype.newbyteorder("<").str


def _raw(values: Any) -> bytes:
    """Little-endian bytes of the values; texts as UTF-8, each with its length."""
    array = np.asarray(values)
    if array.dtype.kind in "OSU":
        texts = (t if isinstance(t, bytes) else str(t).encode() for t in array.ravel().tolist())
        return b"".join(str(len(text)).encode() + b":" + text for text in texts)
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def _describe(file_a: Any, file_b: Any, one: tuple[str, bytes], other: tuple[str, bytes]) -> str:
    """One entry that differs: its type, or the first row and both values."""
    label = one[0]
    if not label.endswith(" = "):
        short = [entry[1].decode(errors="replace")[:200] for entry in (one, other)]
        return f"{label}: {short[0]} != {short[1]}"
    label = label.removesuffix(" = ")
    a, b = file_a[label][()], file_b[label][()]
    if np.ndim(a) == 0:
        return f"{label}: {_value(a)} != {_value(b)}"
    rows = [row for row in range(len(a)) if _raw(a[row]) != _raw(b[row])]
    return (
        f"{label}: {len(rows)} of {len(a)} rows differ, first row {rows[0]}: "
        f"{_value(a[rows[0]])} != {_value(b[rows[0]])}"
    )


def _value(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
