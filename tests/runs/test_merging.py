"""`screening.merge = "orbit"`: whatever finds and shares the rows, the same are left out."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.oracles import planted
from tracss_hpc.export.digest import digest_file, first_difference
from tracss_hpc.export.hdf5 import Results, read_results, write_results
from tracss_hpc.export.shards import write_shard
from tracss_hpc.export.tables import format_table, read_table
from tracss_hpc.parallel.partition import WorkUnit
from tracss_hpc.runs.checkpoint import Checkpoint
from tracss_hpc.runs.gather import stream_conjunctions
from tracss_hpc.runs.merging import Merged, merge_minima
from tracss_hpc.runs.run import screen
from tracss_hpc.screening.co_moving import find_surplus

Columns = dict[str, NDArray[Any]]
Launch = Callable[..., subprocess.CompletedProcess[str]]
OBJECTS = 8
WINDOW_S = 86400.0
RULE = ("object1", "object2", "tca", "miss_distance", "relative_speed")
RUN_INPUT: Any = SimpleNamespace(
    catalog=SimpleNamespace(
        mean_motion=np.linspace(12.0, 16.0, OBJECTS), designator=np.arange(OBJECTS) + 50_000
    )
)


def rows(m: int) -> Columns:
    """Rows in order of TCA: objects 0 and 1 fly together, the others meet fast."""
    rng = np.random.default_rng(4)
    a = rng.integers(0, OBJECTS, m)
    b = (a + rng.integers(1, OBJECTS, m)) % OBJECTS
    together = a + b == 1
    return {
        "tca": np.sort(rng.random(m)) * WINDOW_S,
        "object1": a,
        "object2": b,
        "sat1_object_designator": a + 50_000,
        "sat2_object_designator": b + 50_000,
        "miss_distance": rng.random(m) * 5000.0,
        "relative_speed": np.where(together, 2.0, 12_000.0) * rng.random(m),
        "sat1_covariance": rng.standard_normal((m, 21)),
    }


def make_checkpoint(folder: Path, m: int, shards: int) -> tuple[Checkpoint, list[int]]:
    """The same rows, cut into so many slices of time."""
    whole = rows(m)
    edges = np.linspace(0.0, WINDOW_S, shards + 1)
    cuts = np.searchsorted(whole["tca"], edges)
    units = [WorkUnit(k, "", edges[k], edges[k + 1]) for k in range(shards)]
    checkpoint = Checkpoint(folder, "key", units)
    folder.mkdir(exist_ok=True)
    for k in range(shards):
        part = {name: column[cuts[k] : cuts[k + 1]] for name, column in whole.items()}
        write_shard(checkpoint.path(k), "key", {"unit": k}, {"conjunctions": part})
    return checkpoint, np.diff(cuts).tolist()


def expected(m: int) -> NDArray[np.int64]:
    whole = rows(m)
    mean_motion = RUN_INPUT.catalog.mean_motion
    return np.flatnonzero(find_surplus(*(whole[name] for name in RULE), mean_motion=mean_motion))


@pytest.mark.parametrize("shards", [1, 2, 7, 60])
def test_slices_do_not_split_a_revolution(tmp_path: Path, shards: int) -> None:
    checkpoint, lengths = make_checkpoint(tmp_path / "shards", 4000, shards)
    merged = merge_minima(None, RUN_INPUT, checkpoint, lengths)
    assert merged.rows.tolist() == expected(4000).tolist()
    assert len(merged.rows) > 50


def test_what_is_merged_is_counted(tmp_path: Path) -> None:
    checkpoint, lengths = make_checkpoint(tmp_path / "shards", 4000, 5)
    merged = merge_minima(None, RUN_INPUT, checkpoint, lengths)
    whole, count = rows(4000), len(merged.rows)
    slow = whole["relative_speed"] < 10.0
    both = np.unique(
        np.sort(np.stack([whole["object1"], whole["object2"]], 1)[slow], axis=1), axis=0
    )
    pairs = merged.pairs
    together = (pairs["object1"] == 0) & (pairs["object2"] == 1)
    assert pairs["merged"][together].tolist() == [count - pairs["merged"][~together].sum()]
    assert pairs["sat2_object_designator"][together].tolist() == [50_001]
    assert (pairs["merged"] > 0).all()
    # Every revolution of a day that has a minimum keeps one.
    assert pairs["kept"][together].tolist() <= [int(np.ceil(RUN_INPUT.catalog.mean_motion[1]))]
    assert merged.attributes["merged"] == count == pairs["merged"].sum()
    assert merged.attributes["minima"] == slow.sum()
    assert merged.attributes["statement"] == (
        f"{count} of {slow.sum()} minima below 10 m/s merged, the deepest of each revolution kept "
        f"({len(together)} of {len(both)} co-moving pairs)"
    )


ATTRIBUTES = {
    "start_screen_period": "2025-09-01T12:00:00",
    **dict.fromkeys(("config", "title", "created", "run_id", "correlation_id"), ""),
}


@pytest.mark.parametrize(
    "left_out",
    [
        [], [0], [39_999], [0, 1, 2, 39_998, 39_999], [16_383], [16_384], [16_383, 16_384, 16_385],
        list(range(10_000, 30_000)), list(range(0, 40_000, 3)), list(range(40_000)),
    ],
    ids=lambda left_out: f"{len(left_out)}-from-{left_out[0]}" if left_out else "none",
)  # fmt: skip
def test_the_file_has_all_rows_but_those(tmp_path: Path, left_out: list[int]) -> None:
    checkpoint, lengths = make_checkpoint(tmp_path / "shards", 40_000, 3)
    gone = np.array(left_out, dtype=np.int64)
    objects = {"objects": {"object_designator": np.arange(OBJECTS)}}
    stream = stream_conjunctions(None, checkpoint, lengths, "none", gone)
    write_results(
        tmp_path / "merged.h5", Results(ATTRIBUTES, objects), streams={"conjunctions": stream},
        compression="none",
    )  # fmt: skip
    kept = {name: np.delete(column, gone, axis=0) for name, column in rows(40_000).items()}
    plain = Results(ATTRIBUTES, {**objects, "conjunctions": kept})
    write_results(tmp_path / "plain.h5", plain, compression="none")
    assert first_difference(tmp_path / "plain.h5", tmp_path / "merged.h5") == ""


#: Merge on all ranks; argv: folder, then the lengths.
PROGRAM = """
import sys
from pathlib import Path
from tests.runs import test_merging as t
from tracss_hpc.parallel.launch import communicator
comm = communicator()
folder, lengths = Path(sys.argv[1]), [int(word) for word in sys.argv[2:]]
units = [t.WorkUnit(k, "", 0.0, 0.0) for k in range(len(lengths))]
merged = t.merge_minima(comm, t.RUN_INPUT, t.Checkpoint(folder, "key", units), lengths)
told = [merged.rows.tolist(), merged.attributes.get("statement"), sorted(merged.pairs)]
(folder / f"told.{comm.rank}").write_text(repr(told))
"""


@pytest.mark.parametrize(("n", "shards"), [(2, 5), (3, 2)])
def test_ranks_share_the_shards(mpirun: Launch, tmp_path: Path, n: int, shards: int) -> None:
    folder = tmp_path / "shards"
    checkpoint, lengths = make_checkpoint(folder, 4000, shards)
    alone: Merged = merge_minima(None, RUN_INPUT, checkpoint, lengths)
    done = mpirun(n, "-c", PROGRAM, str(folder), *map(str, lengths))
    assert done.returncode == 0, done.stderr
    for rank in range(n):
        told = eval((folder / f"told.{rank}").read_text())
        assert told[0] == alone.rows.tolist()
        assert told[1:] == (
            [alone.attributes["statement"], sorted(alone.pairs)] if rank == 0 else [None, []]
        )


# ---------------------------------------------------------------- whole runs


def settings(folder: Path, **screening: object) -> dict[str, object]:
    return {
        "catalog.gp": [str(planted.FILE)],
        "run.start": planted.START,
        "run.days": 0.5,
        "run.output": str(folder),
        "export.cdm": [],
        "export.plots": False,
        **{f"screening.{name}": value for name, value in screening.items()},
    }


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All minima."""
    return screen(overrides=settings(tmp_path_factory.mktemp("none") / "run"))


@pytest.fixture(scope="module")
def orbit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One a revolution."""
    return screen(overrides=settings(tmp_path_factory.mktemp("orbit") / "run", merge="orbit"))


@pytest.mark.parametrize("slice_hours", [0.25, 12.0])
def test_slices_do_not_show(orbit: Path, tmp_path: Path, slice_hours: float) -> None:
    path = screen(
        overrides=settings(
            tmp_path / "run", merge="orbit", slice_hours=slice_hours, step_s=120.0, segment_s=720.0
        )
    )
    assert first_difference(orbit, path) == ""


@pytest.mark.parametrize("n", [2, 3])
def test_ranks_do_not_show(mpirun: Launch, orbit: Path, tmp_path: Path, n: int) -> None:
    words = [
        f'{key}="{value}"' if isinstance(value, str) else f"{key}={value}".replace("False", "false")
        for key, value in settings(tmp_path / "run", merge="orbit", slice_hours=1.0).items()
    ]
    done = mpirun(n, "-m", "tracss_hpc", "run", "configs/all_vs_all.toml", *words)
    assert done.returncode == 0, done.stderr
    path = tmp_path / "run" / "results.h5"
    assert first_difference(orbit, path) == ""
    assert digest_file(path) == digest_file(orbit)


def test_the_file_and_the_summary_say_what_is_merged(every: Path, orbit: Path) -> None:
    before, after = read_results(every), read_results(orbit)
    attributes, pairs = after.group_attributes["merged"], after.groups["merged"]
    n, m = len(before.conjunctions["tca"]), len(after.conjunctions["tca"])
    assert n - m == attributes["merged"] == pairs["merged"].sum() > 10
    names = after.objects["object_name"]
    assert {str(name)[:10] for name in names[pairs["object1"]]} <= {"PLANT SLOW", "PLANT DOCK"}
    statement = str(attributes["statement"])
    assert f"{n - m} of " in statement
    assert f"merged: {statement}" in (orbit.parent / "summary.txt").read_text()
    assert format_table(read_table(orbit)).endswith(f"{m} of {m} conjunctions\n{statement}\n")
    assert "merged" not in before.groups
    assert "merged" not in (every.parent / "summary.txt").read_text()
    assert first_difference(every, orbit) != ""


def test_the_rows_kept_are_rows_of_the_full_result(every: Path, orbit: Path) -> None:
    before, after = read_results(every), read_results(orbit)
    key = {
        name: np.stack([r.conjunctions[c] for c in ("tca", "object1", "object2")], axis=1)
        for name, r in (("every", before), ("orbit", after))
    }
    kept = set(map(tuple, key["orbit"].tolist()))
    rows_kept = np.array([tuple(row) in kept for row in key["every"].tolist()])
    assert rows_kept.sum() == len(kept)
    for name, column in after.conjunctions.items():
        np.testing.assert_array_equal(before.conjunctions[name][rows_kept], column, err_msg=name)
    assert (before.conjunctions["relative_speed"][~rows_kept] < 10.0).all()


def test_the_audit_looks_at_every_minimum(every: Path, orbit: Path) -> None:
    before, after = read_results(every), read_results(orbit)
    assert after.group_attributes["audit"]["missed"] == 0
    assert {k: str(v) for k, v in before.group_attributes["audit"].items()} == {
        k: str(v) for k, v in after.group_attributes["audit"].items()
    }
