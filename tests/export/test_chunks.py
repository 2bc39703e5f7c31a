"""Chunks encoded in memory: put in place by another process, they read back as what went in."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from tracss_hpc.errors import UsageError
from tracss_hpc.export.chunks import CHUNK_ROWS, compression_filters, encode_chunks

WITH_ZSTD = pytest.param(
    "zstd",
    marks=pytest.mark.skipif(
        importlib.util.find_spec("hdf5plugin") is None,
        reason='hdf5plugin is not installed: pip install ".[zstd]"',
    ),
)
COMPRESSIONS = ["gzip1", WITH_ZSTD, "none"]


def columns(rng: np.random.Generator, n: int) -> dict[str, NDArray[Any]]:
    """Noise, which no compression makes smaller, and columns that are all alike."""
    return {
        "noise": rng.integers(-(2**63), 2**63 - 1, n),
        "small": rng.integers(-128, 127, n).astype(np.int8),
        "flag": rng.integers(0, 2, n).astype(np.uint8),
        "value": rng.standard_normal(n),
        "nan": np.full(n, np.nan),
        "covariance": rng.standard_normal((n, 21)),
        "zero": np.zeros(n),
    }


def place(path: Path, encoded: list[dict[str, bytes]], like: dict[str, NDArray[Any]], length: int,
          chunk_rows: int, compression: str) -> dict[str, NDArray[Any]]:  # fmt: skip
    """Write encoded chunks into a file, close it, and read the columns from it."""
    with h5py.File(path, "w") as file:
        for name, column in like.items():
            rest = column.shape[1:]
            data = file.create_dataset(
                name, (length, *rest), column.dtype, chunks=(chunk_rows, *rest),
                maxshape=(None, *rest), **compression_filters(compression),
            )  # fmt: skip
            for number, chunk in enumerate(encoded):
                data.id.write_direct_chunk((number * chunk_rows, *(0 for _ in rest)), chunk[name])
    with h5py.File(path) as file:
        return {name: file[name][()] for name in like}


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("n", [1, 2, 7, 1000])
def test_one_chunk_reads_back(
    tmp_path: Path, rng: np.random.Generator, compression: str, n: int
) -> None:
    given = columns(rng, n)
    encoded = encode_chunks(given, n, compression)
    assert encoded.keys() == given.keys()
    read = place(tmp_path / "x.h5", [encoded], given, n, n, compression)
    for name, column in given.items():
        assert read[name].dtype == column.dtype
        np.testing.assert_array_equal(read[name], column, err_msg=name)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_the_last_chunk_may_be_shorter(
    tmp_path: Path, rng: np.random.Generator, compression: str
) -> None:
    n, chunk_rows = 25, 10
    given = columns(rng, n)
    encoded = [
        encode_chunks({k: v[a : a + chunk_rows] for k, v in given.items()}, chunk_rows, compression)
        for a in range(0, n, chunk_rows)
    ]
    read = place(tmp_path / "x.h5", encoded, given, n, chunk_rows, compression)
    for name, column in given.items():
        np.testing.assert_array_equal(read[name], column, err_msg=name)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_chunk_of_full_size(tmp_path: Path, rng: np.random.Generator, compression: str) -> None:
    given = columns(rng, CHUNK_ROWS)
    encoded = encode_chunks(given, CHUNK_ROWS, compression)
    read = place(tmp_path / "x.h5", [encoded], given, CHUNK_ROWS, CHUNK_ROWS, compression)
    for name, column in given.items():
        np.testing.assert_array_equal(read[name], column, err_msg=name)
    assert (len(encoded["zero"]) < CHUNK_ROWS) == (compression != "none")


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_bytes_depend_on_the_rows_alone(rng: np.random.Generator, compression: str) -> None:
    given = columns(rng, 100)
    once = encode_chunks(given, 128, compression)
    assert once == encode_chunks(dict(reversed(given.items())), 128, compression)
    assert once == encode_chunks({k: np.repeat(v, 2, 0)[::2] for k, v in given.items()}, 128,
                                 compression)  # fmt: skip


def test_more_rows_than_the_chunk_holds_are_refused(rng: np.random.Generator) -> None:
    for compression in ("gzip1", "none"):
        with pytest.raises((TypeError, ValueError), match="broadcast"):
            encode_chunks(columns(rng, 11), 10, compression)


def test_zstd_without_its_plugin_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hdf5plugin", None)
    with pytest.raises(UsageError, match=r'pip install "tracss-hpc\[zstd\]"') as caught:
        compression_filters("zstd")
    assert 'export.compression = "zstd"' in str(caught.value)
    assert "gzip1" in str(caught.value)
