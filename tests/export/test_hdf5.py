"""results.h5: a streamed group equals one written at once, and a failed write leaves the old."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from tracss_hpc.errors import InputDataError, TracssError, UsageError
from tracss_hpc.export.chunks import CHUNK_ROWS, encode_chunks
from tracss_hpc.export.digest import digest_file, first_difference
from tracss_hpc.export.hdf5 import (
    ChunkStream,
    Results,
    open_results,
    read_results,
    write_results,
)

Columns = dict[str, NDArray[Any]]
ZSTD = pytest.param(
    "zstd",
    marks=pytest.mark.skipif(
        importlib.util.find_spec("hdf5plugin") is None,
        reason='hdf5plugin is not installed: pip install ".[zstd]"',
    ),
)
ATTRIBUTES = {
    "start_screen_period": "2025-09-01T12:00:00.000000", "created": "2025-09-01T13:00:00",
    "run_id": "a", "correlation_id": "b", "config": "", "title": "test",
    "inputs": [{"path": "Ω.tle", "bytes": 3}], "environment": {"ranks": 2},
}  # fmt: skip


def conjunctions(n: int) -> Columns:
    rng = np.random.default_rng(7)
    return {
        "tca": np.sort(rng.random(n)) * 86400.0,
        "object1": rng.integers(0, 2, n),
        "object2": rng.integers(0, 2, n),
        "sat1_object_designator": rng.integers(1, 999_999_999, n),
        "sat2_object_designator": rng.integers(1, 999_999_999, n),
        "miss_distance": np.where(rng.random(n) < 0.1, np.nan, rng.random(n)),
        "sat1_caught": rng.integers(0, 2, n).astype(np.uint8),
        "sat1_covariance": rng.standard_normal((n, 21)),
        "encounter_status": rng.integers(-3, 3, n).astype(np.int8),
    }


def others() -> dict[str, Columns]:
    return {
        "objects": {
            "object_designator": np.array([5, 25544]),
            "object_name": np.array(["VANGUARD 1", "Ω"]),
            "status_time": np.array([np.nan, 7.0]),
        },
        "rejected": {"record": np.empty(0, np.int64), "reason": np.empty(0, "U1")},
        "audit": {"start": np.array([0.0, 3.0, 6.0])},
        "audit/closing_at_end": {"object1": np.array([1])},
    }


def stream_of(columns: Columns, compression: str) -> ChunkStream:
    n = len(columns["tca"])
    rows = max(1, min(CHUNK_ROWS, n))
    return ChunkStream(
        n,
        {name: (column.dtype, column.shape[1:]) for name, column in columns.items()},
        (
            encode_chunks({k: v[a : a + rows] for k, v in columns.items()}, rows, compression)
            for a in range(0, n, rows)
        ),
    )


def write_both(folder: Path, n: int, compression: str) -> tuple[Path, Path]:
    """The same content at once and as a stream."""
    rows, kept = conjunctions(n), {"audit": {"statement": "3 samples"}}
    plain, streamed = folder / "plain.h5", folder / "streamed.h5"
    groups: dict[str, Any] = {**others(), "conjunctions": rows}
    write_results(plain, Results(ATTRIBUTES, groups, kept), compression=compression)
    write_results(
        streamed, Results(ATTRIBUTES, others(), kept), compression=compression,
        streams={"conjunctions": stream_of(rows, compression)},
    )  # fmt: skip
    return plain, streamed


@pytest.mark.parametrize("compression", ["gzip1", ZSTD, "none"])
@pytest.mark.parametrize("n", [0, 1, 300, CHUNK_ROWS, 2 * CHUNK_ROWS + 1])
def test_a_stream_equals_one_write(tmp_path: Path, n: int, compression: str) -> None:
    plain, streamed = write_both(tmp_path, n, compression)
    assert first_difference(plain, streamed) == ""
    assert digest_file(plain) == digest_file(streamed)
    read = read_results(streamed)
    for name, column in conjunctions(n).items():
        assert read.conjunctions[name].dtype == column.dtype
        np.testing.assert_array_equal(read.conjunctions[name], column)
    with h5py.File(plain) as a, h5py.File(streamed) as b:
        for name in conjunctions(n):
            one, other = a["conjunctions"][name], b["conjunctions"][name]
            assert one.chunks == other.chunks
            assert one._filters == other._filters
            assert one.dims[0][0].name == "/conjunctions/conjunction"
    assert sorted(os.listdir(tmp_path)) == ["plain.h5", "streamed.h5"]


@pytest.mark.parametrize("compression", ["gzip1", ZSTD, "none"])
@pytest.mark.parametrize("n", [0, 1, CHUNK_ROWS + 1])
def test_xarray_opens_it(tmp_path: Path, n: int, compression: str) -> None:
    _, streamed = write_both(tmp_path, n, compression)
    with open_results(streamed) as data:
        assert data.sizes["conjunction"] == n
        assert data.sizes["covariance_element"] == 21
        assert data.covariance_element.values[0] in ("CR_R", b"CR_R")
        assert data.tca.dtype == "datetime64[ns]"
        assert data.miss_distance.attrs["units"] == "m"
        assert data.sat1_covariance.attrs["frame"] == "RTN"
        assert data.sat1_caught.attrs["flag_meanings"] == "no yes"
        np.testing.assert_array_equal(data.sat1_covariance, conjunctions(n)["sat1_covariance"])
        if n:
            start = np.datetime64("2025-09-01T12:00:00")
            seconds = (data.tca.values - start) / np.timedelta64(1, "s")
            np.testing.assert_allclose(seconds, conjunctions(n)["tca"], atol=1e-6)
    with open_results(streamed, "objects") as data:
        assert data.object_name.values.tolist() == ["VANGUARD 1", "Ω"]
    with open_results(streamed, "audit/closing_at_end") as data:
        assert data.object1.values.tolist() == [1]


def test_what_is_read_is_what_was_asked_for(tmp_path: Path) -> None:
    _, path = write_both(tmp_path, 300, "gzip1")
    whole = conjunctions(300)
    rows = np.array([7, 299, 0])
    read = read_results(path, columns=("tca", "sat1_covariance", "not there"), rows=rows)
    assert read.conjunctions.keys() == {"tca", "sat1_covariance"}
    for name, column in read.conjunctions.items():
        np.testing.assert_array_equal(column, whole[name][rows])
    assert read.objects["object_name"].tolist() == ["VANGUARD 1", "Ω"]
    assert read.groups["rejected"]["reason"].shape == (0,)
    assert read.group_attributes["audit"]["statement"] == "3 samples"
    assert json.loads(read.attributes["inputs"]) == ATTRIBUTES["inputs"]
    assert json.loads(read.attributes["environment"]) == ATTRIBUTES["environment"]
    assert read_results(path, columns=()).conjunctions == {}


@pytest.mark.parametrize("lost", ["@run_id", "conjunctions/tca", "objects/object_designator"])
def test_a_file_with_a_gap_says_what_it_lacks(tmp_path: Path, lost: str) -> None:
    path, _ = write_both(tmp_path, 3, "none")
    with h5py.File(path, "a") as file:
        if lost.startswith("@"):
            del file.attrs[lost[1:]]
        else:
            del file[lost]
    with pytest.raises(InputDataError, match=f"it lacks .*{lost.lstrip('@')}") as caught:
        read_results(path)
    assert caught.value.file == str(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.h5: no such file"):
        read_results(tmp_path / "none.h5")


# ---------------------------------------------------------------- a write that fails


@pytest.mark.parametrize("step", ["fsync", "replace", "stream"])
def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path, _ = write_both(tmp_path, 300, "gzip1")
    before, names = path.read_bytes(), sorted(os.listdir(tmp_path))
    stream = stream_of(conjunctions(2 * CHUNK_ROWS), "gzip1")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    if step == "stream":

        def first_alone(chunks: Iterator[Mapping[str, bytes]]) -> Iterator[Mapping[str, bytes]]:
            yield next(chunks)
            fail()

        stream = dataclasses.replace(stream, chunks=first_alone(stream.chunks))
    else:
        monkeypatch.setattr(os, step, fail)
    with pytest.raises(TracssError, match="No space left on device") as caught:
        write_results(path, Results(ATTRIBUTES, others()), streams={"conjunctions": stream})
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == names


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TracssError, match=r"cannot be written: .*No such file"):
        write_results(tmp_path / "none" / "x.h5", Results(ATTRIBUTES, others()))


#: Write a file of some 5 MB where no file may be larger than argv[2] bytes.
FULL = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from tests.export import test_hdf5 as t
from tracss_hpc.errors import TracssError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
stream = t.stream_of(t.conjunctions(2 * t.CHUNK_ROWS), "none")
try:
    t.write_results(Path(sys.argv[1]), t.Results(t.ATTRIBUTES, t.others()), compression="none",
                    streams={"conjunctions": stream})
except TracssError as error:
    print(error)
"""


@pytest.mark.parametrize("limit", [0, 100, 20_000, 2_000_000, 4_000_000])
def test_a_disk_that_fills_up_is_told_and_nothing_crashes(tmp_path: Path, limit: int) -> None:
    """A limit on the size of files stands for the disk: `write` fails as on a full one."""
    path = tmp_path / "results.h5"
    path.write_text("old")
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path), str(limit)], cwd=Path(__file__).parents[2],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{path} cannot be written: File too large")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["results.h5"]
