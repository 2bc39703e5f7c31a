"""Shards: what is read is what was written, and no damage or foreign file passes for a good one."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from tracss_hpc.errors import TracssError
from tracss_hpc.export.shards import (
    inspect_shard,
    read_columns,
    read_layout,
    read_rows,
    read_unit,
    write_shard,
)

KEY = "a" * 64
DAMAGED = "its content does not fit its SHA-256"
UNIT = {"unit": 3, "group": "all pairs", "start_hours": 6.0, "pairs_tested": 10**12, "cpu_s": 0.25}
Columns = dict[str, NDArray[Any]]


def rows(n: int, first: int = 0) -> Columns:
    """Columns of every kind a run has, distinct in each row."""
    k = np.arange(first, first + n)
    return {
        "tca": k * 1.1,
        "object1": k.astype(np.int64) + 800_000_000,
        "sat1_caught": (k % 2).astype(np.uint8),
        "sat1_covariance": np.add.outer(k * 100.0, np.arange(21.0)),
        "repeat": (k % 100).astype(np.int8),
    }


def write(path: Path, n: int = 5, first: int = 0, key: str = KEY) -> Path:
    groups = {
        "conjunctions": rows(n, first),
        "jumps": {"row": np.empty(0, np.int64), "size": np.empty(0)},
        "ephemeris": {"error_km": np.array([np.nan, 1.5], np.float32)},
    }
    write_shard(path, key, UNIT, groups)
    return path


@pytest.mark.parametrize("n", [0, 1, 5, 70_000])
def test_round_trip(tmp_path: Path, n: int) -> None:
    path = write(tmp_path / "unit-00003.h5", n)
    assert os.listdir(tmp_path) == ["unit-00003.h5"]
    assert inspect_shard(path, KEY) == ""
    assert read_unit(path) == UNIT
    read = read_columns(path, "conjunctions")
    assert read.keys() == rows(n).keys()
    for name, column in rows(n).items():
        assert read[name].dtype == column.dtype
        np.testing.assert_array_equal(read[name], column)
    assert list(read_columns(path, "conjunctions", ("tca",))) == ["tca"]
    assert read_columns(path, "jumps")["row"].shape == (0,)
    np.testing.assert_array_equal(read_columns(path, "ephemeris")["error_km"], [np.nan, 1.5])


def test_layout(tmp_path: Path) -> None:
    assert read_layout(write(tmp_path / "x.h5", 0), "conjunctions") == {
        "tca": (np.dtype("f8"), ()),
        "object1": (np.dtype("i8"), ()),
        "sat1_caught": (np.dtype("u1"), ()),
        "sat1_covariance": (np.dtype("f8"), (21,)),
        "repeat": (np.dtype("i1"), ()),
    }


def test_a_new_shard_replaces_the_old(tmp_path: Path) -> None:
    path = write(tmp_path / "x.h5", 5)
    write(path, 2)
    assert len(read_columns(path, "conjunctions")["tca"]) == 2
    assert inspect_shard(path, KEY) == ""


# ---------------------------------------------------------------- what is no good shard


def test_a_flipped_bit_anywhere_is_seen(tmp_path: Path) -> None:
    """Also in the bytes that HDF5 itself uses: it loops for ever over some of them."""
    good = write(tmp_path / "good.h5").read_bytes()
    path = tmp_path / "bad.h5"
    for at in range(0, len(good), 7):
        path.write_bytes(good[:at] + bytes([good[at] ^ 1 << at % 8]) + good[at + 1 :])
        assert inspect_shard(path, KEY) == DAMAGED, at


def test_cut_short_at_any_length(tmp_path: Path) -> None:
    good = write(tmp_path / "good.h5").read_bytes()
    path = tmp_path / "bad.h5"
    for length in [0, 1, 8, *range(63, len(good), 997), len(good) - 64, len(good) - 1]:
        path.write_bytes(good[:length])
        assert inspect_shard(path, KEY) == DAMAGED, length


@pytest.mark.parametrize("content", [b"\n", bytes(4096), b"x" * 64])
def test_longer_than_written(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path / "x.h5")
    path.write_bytes(path.read_bytes() + content)
    assert inspect_shard(path, KEY) == DAMAGED


def test_a_block_of_zeros_as_after_a_power_cut(tmp_path: Path) -> None:
    path = write(tmp_path / "x.h5", 20_000)  # more than is read at once
    good = path.read_bytes()
    assert len(good) > 2 << 20
    for at in (0, len(good) // 2, len(good) - 4096):
        path.write_bytes(good[:at] + bytes(4096) + good[at + 4096 :])
        assert inspect_shard(path, KEY) == DAMAGED
    path.write_bytes(good)
    assert inspect_shard(path, KEY) == ""


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    assert "No such file" in inspect_shard(tmp_path / "none.h5", KEY)
    assert "Is a directory" in inspect_shard(tmp_path, KEY)


@pytest.mark.parametrize("content", ["no HDF5", "x" * 64])
def test_text_is_no_shard(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.h5"
    path.write_text(content)
    assert inspect_shard(path, KEY) == DAMAGED


def test_a_shard_of_another_run_is_foreign(tmp_path: Path) -> None:
    assert inspect_shard(write(tmp_path / "x.h5", key="b" * 64), KEY) == "foreign"


@pytest.mark.parametrize("change", ["other format", "no format", "no key", "not HDF5"])
def test_a_whole_file_that_is_no_shard_of_ours_is_foreign(tmp_path: Path, change: str) -> None:
    path = write(tmp_path / "x.h5")
    path.write_bytes(path.read_bytes()[:-64])
    if change == "not HDF5":
        path.write_text("text")
    else:
        with h5py.File(path, "a") as file:
            if change == "other format":
                file.attrs["format"] = "tracss_hpc shard 0"
            else:
                del file.attrs[change.removeprefix("no ")]
    content = path.read_bytes()
    path.write_bytes(content + hashlib.sha256(content).hexdigest().encode())
    said = inspect_shard(path, KEY)
    assert "signature not found" in said if change == "not HDF5" else said == "foreign"


# ---------------------------------------------------------------- a disk that fails


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_disk_error_leaves_the_old_shard_and_no_remains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = write(tmp_path / "x.h5", 5)

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        with pytest.raises(TracssError, match="cannot be written: No space left") as caught:
            write(path, 7)
    assert str(path) in str(caught.value)
    assert "--resume" in str(caught.value)
    assert os.listdir(tmp_path) == ["x.h5"]
    assert len(read_columns(path, "conjunctions")["tca"]) == 5
    write(path, 7)  # nothing of HDF5 is stuck
    assert inspect_shard(path, KEY) == ""


# ---------------------------------------------------------------- rows over shards


LENGTHS = [0, 3, 0, 0, 1, 4, 0]


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    paths, first = [], 0
    for number, n in enumerate(LENGTHS):
        paths.append(write(tmp_path / f"unit-{number:05d}.h5", n, first))
        first += n
    return paths


def test_every_range_of_rows(shards: list[Path]) -> None:
    total = sum(LENGTHS)
    whole = rows(total)
    for start in range(total):
        for stop in range(start + 1, total + 1):
            read = read_rows(shards, LENGTHS, start, stop, "conjunctions")
            assert read.keys() == whole.keys()
            for name, column in whole.items():
                np.testing.assert_array_equal(read[name], column[start:stop])
                assert read[name].dtype == column.dtype


def test_only_the_shards_concerned_are_opened(shards: list[Path]) -> None:
    for number in (0, 1, 5, 6):
        shards[number].unlink()
    np.testing.assert_array_equal(
        read_rows(shards, LENGTHS, 3, 4, "conjunctions")["tca"], rows(1, 3)["tca"]
    )
