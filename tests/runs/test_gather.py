"""From shards to one file: complete or refused, trimmed once, merged as if found by one unit."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tracss_hpc.errors import TracssError
from tracss_hpc.export.digest import first_difference
from tracss_hpc.export.hdf5 import Results, read_results, write_results
from tracss_hpc.export.shards import inspect_shard, read_columns, read_unit, write_shard
from tracss_hpc.parallel.partition import WorkUnit
from tracss_hpc.runs import gather
from tracss_hpc.runs.checkpoint import Checkpoint
from tracss_hpc.runs.gather import (
    collect_units,
    read_events,
    stream_conjunctions,
    trim_shards,
)

Columns = dict[str, NDArray[Any]]
Launch = Callable[..., subprocess.CompletedProcess[str]]
KEY = "k" * 64
SLICE_S = 100.0
OBJECTS = 5
ATTRIBUTES = {
    "start_screen_period": "2025-09-01T12:00:00",
    **dict.fromkeys(("config", "title", "created", "run_id", "correlation_id"), ""),
}


def rows(number: int, n: int) -> Columns:
    """Rows of one unit, in order of TCA."""
    rng = np.random.default_rng(number)
    return {
        "tca": number * SLICE_S + np.sort(rng.random(n)) * SLICE_S,
        "object1": rng.integers(0, OBJECTS, n),
        "object2": rng.integers(0, OBJECTS, n),
        "sat1_object_designator": rng.integers(1, 99, n),
        "sat2_object_designator": rng.integers(1, 99, n),
        "miss_distance": rng.random(n) * 5000.0,
        "at_discontinuity": rng.integers(0, 2, n).astype(np.uint8),
        "sat1_covariance": rng.standard_normal((n, 21)),
    }


def make_checkpoint(folder: Path, lengths: list[int]) -> Checkpoint:
    """Shards of so many rows; each has a jump, the odd ones an early end."""
    units = [WorkUnit(k, "all pairs", k * SLICE_S, (k + 1) * SLICE_S) for k in range(len(lengths))]
    checkpoint = Checkpoint(folder, KEY, units)
    for unit, n in zip(units, lengths, strict=True):
        error_km = np.zeros(OBJECTS, np.float32)
        error_km[unit.number % OBJECTS] = unit.number + 1.0
        groups: dict[str, Columns] = {
            "conjunctions": rows(unit.number, n),
            "jumps": {
                "row": np.array([unit.number]),
                "time": np.array([unit.start_s + 1.0]),
                "size": np.array([0.5]),
            },
            "early": {"row": np.array([3, 1] if unit.number % 2 else [], dtype=np.int64)},
            "ephemeris": {"error_km": error_km},
        }
        row = {"unit": unit.number, "group": unit.group, "rank": 0, "search_cpu_s": 0.5}
        write_shard(checkpoint.path(unit.number), KEY, row, groups)
    return checkpoint


def join(parts: list[Columns]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


# ---------------------------------------------------------------- collect


def test_what_units_say_beside_their_rows(tmp_path: Path) -> None:
    checkpoint = make_checkpoint(tmp_path, [3, 0, 7, 1, 0, 2])
    found = collect_units(None, checkpoint, OBJECTS)
    assert found.lengths == [3, 0, 7, 1, 0, 2]
    assert found.stages["unit"].tolist() == list(range(6))
    assert found.stages["group"].tolist() == ["all pairs"] * 6
    assert found.stages["search_cpu_s"].tolist() == [0.5] * 6
    assert found.jumps["row"].tolist() == list(range(6))
    assert found.jumps["time"].tolist() == [k * SLICE_S + 1.0 for k in range(6)]
    assert found.early.tolist() == [1, 3]
    assert found.error_km.tolist() == [6.0, 2.0, 3.0, 4.0, 5.0]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def turn(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "missing": (Path.unlink, "it is missing"),
    "cut": (cut, "its content does not fit its SHA-256"),
    "turned": (turn, "its content does not fit its SHA-256"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_shard_is_named_and_the_others_are_kept(tmp_path: Path, fault: str) -> None:
    checkpoint = make_checkpoint(tmp_path, [2, 2, 2])
    spoil, says = FAULTS[fault]
    spoil(checkpoint.path(1))
    with pytest.raises(TracssError) as caught:
        collect_units(None, checkpoint, OBJECTS)
    text = str(caught.value)
    assert text.startswith(f"1 of 3 shards in {tmp_path} cannot be merged: unit-00001.h5: {says}")
    assert "run again with --resume" in text
    assert [inspect_shard(checkpoint.path(k), KEY) for k in (0, 2)] == ["", ""]


def test_a_foreign_shard_is_not_merged(tmp_path: Path) -> None:
    checkpoint = make_checkpoint(tmp_path, [2, 2])
    with pytest.raises(TracssError, match=r"2 of 2 shards .*unit-00000\.h5: foreign"):
        collect_units(None, replace(checkpoint, key="other"), OBJECTS)


def test_five_bad_shards_are_named_the_rest_counted(tmp_path: Path) -> None:
    checkpoint = make_checkpoint(tmp_path, [1] * 8)
    for path in checkpoint.paths:
        path.unlink()
    with pytest.raises(TracssError, match="8 of 8 shards") as caught:
        collect_units(None, checkpoint, OBJECTS)
    assert str(caught.value).count("it is missing") == 5


# ---------------------------------------------------------------- trim


def test_rows_after_an_end_are_trimmed_and_trimming_again_changes_nothing(tmp_path: Path) -> None:
    lengths = [4, 0, 6, 5]
    checkpoint = make_checkpoint(tmp_path, lengths)
    before = [path.read_bytes() for path in checkpoint.paths]
    parts = [rows(k, n) for k, n in enumerate(lengths)]
    end_s = np.full(OBJECTS, np.inf)
    end_s[2] = 2 * SLICE_S + 50.0
    new = trim_shards(None, checkpoint, lengths, end_s)
    expected = []
    for part in parts:
        involved = (part["object1"] == 2) | (part["object2"] == 2)
        keep = ~involved | (part["tca"] < end_s[2])
        expected.append({name: column[keep] for name, column in part.items()})
    assert new == [len(part["tca"]) for part in expected]
    assert new != lengths
    for number, part in enumerate(expected):
        path = checkpoint.path(number)
        assert inspect_shard(path, KEY) == ""
        assert read_unit(path)["unit"] == number
        for name, column in read_columns(path, "conjunctions").items():
            np.testing.assert_array_equal(column, part[name])
    assert checkpoint.path(0).read_bytes() == before[0]  # not touched
    after = [path.read_bytes() for path in checkpoint.paths]
    assert trim_shards(None, checkpoint, new, end_s) == new
    assert [path.read_bytes() for path in checkpoint.paths] == after
    again = collect_units(None, checkpoint, OBJECTS)
    assert again.lengths == new
    assert again.early.tolist() == [1, 3]  # a resumed merge knows of the end again


def test_a_disk_that_is_full_while_trimming(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = make_checkpoint(tmp_path, [4, 4])

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(TracssError, match=r"unit-00000\.h5 cannot be written: No space left"):
        trim_shards(None, checkpoint, [4, 4], np.zeros(OBJECTS))
    assert collect_units(None, checkpoint, OBJECTS).lengths == [4, 4]  # the old ones stand


def test_an_end_is_exclusive(tmp_path: Path) -> None:
    checkpoint = make_checkpoint(tmp_path, [3])
    end_s = np.full(OBJECTS, rows(0, 3)["tca"][1])
    assert trim_shards(None, checkpoint, [3], end_s) == [1]


# ---------------------------------------------------------------- events


def test_events_of_the_overlapping_units(tmp_path: Path) -> None:
    lengths = [4, 0, 6, 5]
    checkpoint = make_checkpoint(tmp_path, lengths)
    active = np.array([4, 0, 3, 1])  # object 2 is not screened
    run_input: Any = SimpleNamespace(catalog=range(OBJECTS), active=active)
    every = [rows(k, n) for k, n in enumerate(lengths)]
    row = {4: 0, 0: 1, 3: 2, 1: 3, 2: -1}
    for start, stop, units in [
        (0.0, SLICE_S, [0]), (0.0, SLICE_S + 1e-6, [0, 1]), (SLICE_S, 250.0, [1, 2]),
        (-5.0, 1e9, [0, 1, 2, 3]), (150.0, 160.0, [1]),
    ]:  # fmt: skip
        events = read_events(run_input, checkpoint, start, stop)
        part = join([every[k] for k in units])
        assert events.object1.tolist() == [row[k] for k in part["object1"].tolist()]
        assert events.object2.tolist() == [row[k] for k in part["object2"].tolist()]
        assert events.tca_us.tolist() == np.rint(part["tca"] * 1e6).astype(int).tolist()
        np.testing.assert_array_equal(events.miss_km, part["miss_distance"] * 1e-3)
        np.testing.assert_array_equal(events.at_discontinuity, part["at_discontinuity"] == 1)


# ---------------------------------------------------------------- merge


def objects() -> dict[str, Columns]:
    return {"objects": {"object_designator": np.arange(OBJECTS)}}


def merge(path: Path, checkpoint: Checkpoint, lengths: list[int], compression: str) -> None:
    stream = stream_conjunctions(None, checkpoint, lengths, compression)
    write_results(
        path, Results(ATTRIBUTES, objects()), compression=compression,
        streams={"conjunctions": stream},
    )  # fmt: skip


@pytest.mark.parametrize("compression", ["gzip1", "none"])
@pytest.mark.parametrize("lengths", [[0], [0, 0], [1], [3, 0, 7], [9000, 9000, 0, 20_000]])
def test_the_merge_is_the_shards_end_to_end(
    tmp_path: Path, lengths: list[int], compression: str
) -> None:
    checkpoint = make_checkpoint(tmp_path, lengths)
    merge(tmp_path / "merged.h5", checkpoint, lengths, compression)
    whole = join([rows(k, n) for k, n in enumerate(lengths)])
    plain = Results(ATTRIBUTES, {**objects(), "conjunctions": whole})
    write_results(tmp_path / "plain.h5", plain, compression=compression)
    assert first_difference(tmp_path / "plain.h5", tmp_path / "merged.h5") == ""
    read = read_results(tmp_path / "merged.h5").conjunctions
    assert read.keys() == whole.keys()
    # Merging again gives the same: the shards are only read.
    merge(tmp_path / "again.h5", checkpoint, lengths, compression)
    assert first_difference(tmp_path / "again.h5", tmp_path / "merged.h5") == ""


def test_no_more_than_a_chunk_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = [9000, 9000, 20_000]
    checkpoint = make_checkpoint(tmp_path, lengths)
    asked = []
    read_rows = gather.read_rows

    def count(paths: Any, sizes: Any, start: int, stop: int, group: str) -> Columns:
        asked.append((start, stop))
        return read_rows(paths, sizes, start, stop, group)

    monkeypatch.setattr(gather, "read_rows", count)
    stream = stream_conjunctions(None, checkpoint, lengths, "none")
    assert (stream.length, asked) == (38_000, [])
    next(stream.chunks)
    assert asked == [(0, 16_384)]
    list(stream.chunks)
    assert asked[1:] == [(16_384, 32_768), (32_768, 38_000)]


# ---------------------------------------------------------------- on ranks


#: Collect, trim and merge on all ranks; argv: folder, then the lengths.
PROGRAM = """
import sys
from pathlib import Path
import numpy as np
from tests.runs import test_gather as t
from tracss_hpc.errors import TracssError
from tracss_hpc.parallel.comm import barrier
from tracss_hpc.parallel.launch import communicator
comm = communicator()
folder, lengths = Path(sys.argv[1]), [int(word) for word in sys.argv[2:]]
units = [t.WorkUnit(k, "", k * t.SLICE_S, (k + 1) * t.SLICE_S) for k in range(len(lengths))]
checkpoint = t.Checkpoint(folder, t.KEY, units)
try:
    found = t.collect_units(comm, checkpoint, t.OBJECTS)
except TracssError as error:
    (folder / f"said.{comm.rank}").write_text(str(error))
    sys.exit(0)
end_s = np.full(t.OBJECTS, np.inf)
end_s[2] = 250.0
lengths = t.trim_shards(comm, checkpoint, found.lengths, end_s)
stream = t.stream_conjunctions(comm, checkpoint, lengths, "gzip1")
if comm.rank == 0:
    t.write_results(
        folder / "merged.h5", t.Results(t.ATTRIBUTES, t.objects()), streams={"conjunctions": stream}
    )
else:
    assert list(stream.chunks) == []
barrier(comm)
told = [found.lengths, lengths, found.stages["unit"].tolist(), found.jumps["row"].tolist(),
        found.early.tolist(), found.error_km.tolist() if comm.rank == 0 else None]
(folder / f"told.{comm.rank}").write_text(repr(told))
"""


@pytest.mark.parametrize("n", [2, 3])
def test_ranks_share_the_shards_and_the_merge(mpirun: Launch, tmp_path: Path, n: int) -> None:
    lengths = [9000, 0, 9000, 20_000, 5]
    serial, shared = tmp_path / "serial", tmp_path / "shared"
    for folder in (serial, shared):
        folder.mkdir()
    checkpoint = make_checkpoint(serial, lengths)
    end_s = np.full(OBJECTS, np.inf)
    end_s[2] = 250.0
    found = collect_units(None, checkpoint, OBJECTS)
    trimmed = trim_shards(None, checkpoint, lengths, end_s)
    merge(serial / "merged.h5", checkpoint, trimmed, "gzip1")
    make_checkpoint(shared, lengths)
    done = mpirun(n, "-c", PROGRAM, str(shared), *map(str, lengths))
    assert done.returncode == 0, done.stderr
    assert first_difference(serial / "merged.h5", shared / "merged.h5") == ""
    for rank in range(n):
        told = eval((shared / f"told.{rank}").read_text())
        # A rank's jumps come together: they are sorted later, by object and time.
        assert sorted(told[3]) == found.jumps["row"].tolist()
        assert [*told[:3], told[4]] == [lengths, trimmed, list(range(5)), found.early.tolist()]
        assert told[5] == (found.error_km.tolist() if rank == 0 else None)


def test_every_rank_names_the_bad_shards(mpirun: Launch, tmp_path: Path) -> None:
    checkpoint = make_checkpoint(tmp_path, [1] * 6)
    checkpoint.path(2).unlink()
    cut(checkpoint.path(5))
    done = mpirun(3, "-c", PROGRAM, str(tmp_path), *["1"] * 6)
    assert done.returncode == 0, done.stderr
    said = {(tmp_path / f"said.{rank}").read_text() for rank in range(3)}
    assert len(said) == 1
    text = said.pop()
    assert "2 of 6 shards" in text
    assert "unit-00002.h5: it is missing; unit-00005.h5: its content does not fit" in text
