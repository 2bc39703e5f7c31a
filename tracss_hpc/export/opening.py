"""Open a results file for reading, with what its compression needs, or say why not.

Fed by a path of the user; feeds every reader of results.h5 (digest, tables).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py

from tracss_hpc.errors import InputDataError, UsageError

__all__ = ["open_file"]

#: HDF5's registered number of the Zstandard filter.
_ZSTD = 32015


def open_file(path: str | Path) -> Any:
    """Open a results file read-only; the caller closes it (it is a context manager).

    Raises
    ------
    UsageError
        If there is no such file, or its compression needs hdf5plugin, which is not installed.
    InputDataError
        If it is no HDF5 file, or holds no group `objects`.
    """
    try:
        file = h5py.File(path, "r")
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; give the results.h5 of a run") from None
    except OSError as error:
        raise InputDataError(
            f"{path}: not an HDF5 file ({error}); give the results.h5 of a run", file=str(path)
        ) from None
    try:
        if "objects" not in file:
            raise InputDataError(
                f"{path}: not a results file (no group objects); give the results.h5 of a run",
                file=str(path),
            )
        if any(_uses_zstd(item) for item in file["objects"].values()):
            _register_zstd(path)
    except BaseException:
        file.close()
        raise
    return file


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
