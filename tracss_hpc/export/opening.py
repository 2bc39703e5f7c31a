"""Open a results file for reading, with what its compression needs, or say why not.

Fed by a path of the user; feeds every reader of results.h5 (digest, tables).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from tracss_hpc.errors import InputDataError, UsageError

__all__ = ["explain_damage", "open_file"]

#: HDF5's registered number of the Zstandard filter.
_ZSTD = 32015


def open_file(path: str | Path) -> Any:
    """Open a results file read-only; the caller closes it (it is a context manager).

    Raises
    ------
    UsageError
        If there is no such file, it is a directory, or its compression needs hdf5plugin, which is
        not installed.
    InputDataError
        If it is no HDF5 file, or holds no group `objects`.
    """
    if Path(path).is_dir():
        raise UsageError(f"{path} is a directory; give the results.h5 in it")
    try:
        file = h5py.File(path, "r")
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; give the results.h5 of a run") from None
    except OSError as error:
        what = "cut short" if "truncated file" in str(error) else "not an HDF5 file"
        raise InputDataError(
            f"{path}: {what} ({error}); give the results.h5 of a run", file=str(path)
        ) from None
    try:
        if not isinstance(file.get("objects"), h5py.Group):
            raise InputDataError(
                f"{path}: not a results file (no group objects); give the results.h5 of a run",
                file=str(path),
            )
        with explain_damage(path):
            zstd = any(_uses_zstd(item) for item in file["objects"].values())
        if zstd:
            _register_zstd(path)
    except BaseException:
        file.close()
        raise
    return file


@contextmanager
def explain_damage(path: str | Path) -> Iterator[None]:
    """Turn what h5py raises while it reads damaged content into an `InputDataError`."""
    try:
        yield
    except (KeyError, OSError, RuntimeError) as error:
        raise InputDataError(
            f"{path}: damaged ({error}); run the screening again, or copy the file again",
            file=str(path),
        ) from None


def _uses_zstd(item: Any) -> bool:
    if not isinstance(item, h5py.Dataset):
        return False
    properties = item.id.get_create_plist()
    return any(properties.get_filter(k)[0] == _ZSTD for k in range(properties.get_nfilters()))


def _register_zstd(path: str | Path) -> None:
    """Importing hdf5plugin registers its filters with HDF5."""
    try:
        import hdf5plugin
    except ImportError:
        raise UsageError(
            f"{path} is compressed with zstd, which needs hdf5plugin: "
            'pip install "tracss-hpc[zstd]"'
        ) from None
    hdf5plugin.get_config()
