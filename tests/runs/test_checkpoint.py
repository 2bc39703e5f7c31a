"""The checkpoint: what may change before a resume, what may not, and remains of every kind."""

from __future__ import annotations

import errno
import json
import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tracss_hpc.config import resolve, to_toml
from tracss_hpc.errors import TracssError, UsageError
from tracss_hpc.export.shards import write_shard
from tracss_hpc.parallel.partition import WorkUnit
from tracss_hpc.runs import checkpoint as module
from tracss_hpc.runs.checkpoint import (
    Checkpoint,
    Identity,
    has_checkpoint,
    inspect_shards,
    list_changes,
    list_shards,
    missing_units,
    open_checkpoint,
    refuse_changes,
    remove_checkpoint,
    require_visible,
)

UNITS = [WorkUnit(k, "all pairs", k * 3600.0, (k + 1) * 3600.0) for k in range(4)]
SESSION = {"run_id": "one", "created": "2026-01-10T12:00:00", "ranks": 2}


def identity(*words: str, **changes: Any) -> Identity:
    plain = Identity(
        to_toml(resolve(None, list(words))),
        [
            {"role": "gp", "path": "gp.csv", "sha256": "a" * 64, "bytes": 1},
            {"role": "satcat", "path": "satcat.csv", "sha256": "b" * 64, "bytes": 1},
        ],
        {"tracss_hpc": "0.1.0", "numpy": "2.0"},
        [[unit.group, unit.start_s, unit.stop_s] for unit in UNITS],
    )
    return replace(plain, **changes)


def begin(folder: Path, resume: bool = False) -> Checkpoint:
    return open_checkpoint(folder, identity(), UNITS, SESSION, resume=resume)[0]


def add_shard(checkpoint: Checkpoint, number: int, key: str = "") -> Path:
    path = checkpoint.path(number)
    write_shard(path, key or checkpoint.key, {"unit": number}, {"x": {"a": np.arange(3)}})
    return path


# ---------------------------------------------------------------- who a run is


def stored(one: Identity) -> dict[str, Any]:
    return {
        "config": one.config, "inputs": one.inputs, "versions": one.versions, "units": one.units
    }  # fmt: skip


def test_nothing_changed() -> None:
    assert list_changes(stored(identity()), identity()) == []
    assert identity().key == identity().key


@pytest.mark.parametrize(
    "word",
    [
        "run.output=elsewhere", "run.originator=SOMEBODY", "export.compression=none",
        "export.cdm=[]", "export.plots=false", "audit.min_conjunctions=1",
        "audit.max_pair_steps=0",
    ],
)  # fmt: skip
def test_settings_that_act_after_the_units_may_change(word: str) -> None:
    assert list_changes(stored(identity()), identity(word)) == []
    assert identity(word).key == identity().key


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("run.days=3", "setting run.days: 'table', now 3.0"),
        ("run.seed=2", "setting run.seed: 1, now 2"),
        ("run.kind=payload_vs_all", "setting run.kind: 'all_vs_all', now 'payload_vs_all'"),
        ("screening.slice_hours=1", "setting screening.slice_hours: 6.0, now 1.0"),
        ("screening.engine=brute", "setting screening.engine: 'grid', now 'brute'"),
        ("catalog.primaries=[5]", "setting catalog.primaries: 'all', now [5]"),
        ("assess.solar=min", "setting assess.solar: 'max', now 'min'"),
    ],
)
def test_a_changed_setting_is_named(word: str, says: str) -> None:
    changes = list_changes(stored(identity()), identity(word))
    assert len(changes) == 1
    assert changes[0].startswith(says)
    assert identity(word).key != identity().key


def test_a_setting_that_one_version_does_not_have_is_named() -> None:
    old = stored(identity())
    old["config"] = old["config"].replace("seed = 1\n", "")
    assert list_changes(old, identity()) == ["setting run.seed: None, now 1"]


def test_a_changed_input_is_named() -> None:
    inputs = identity().inputs
    other = [{**inputs[0], "sha256": "c" * 64}, inputs[1]]
    assert list_changes(stored(identity()), identity(inputs=other)) == [
        f"input gp.csv (gp): SHA-256 {'a' * 12}..., now SHA-256 {'c' * 12}..."
    ]
    assert list_changes(stored(identity()), identity(inputs=inputs[:1])) == [
        f"input satcat.csv (satcat): SHA-256 {'b' * 12}..., now not an input"
    ]
    new = [*inputs, {"role": "hbr_table", "path": "hbr.csv", "sha256": "d" * 64}]
    assert list_changes(stored(identity()), identity(inputs=new)) == [
        f"input hbr.csv (hbr_table): not an input, now SHA-256 {'d' * 12}..."
    ]
    assert len({identity(inputs=i).key for i in (inputs, other, inputs[:1], new)}) == 4


def test_a_changed_version_is_named() -> None:
    versions = {"tracss_hpc": "0.1.0", "numpy": "2.1", "sgp4": "2.24"}
    assert list_changes(stored(identity()), identity(versions=versions)) == [
        "version of numpy: 2.0, now 2.1", "version of sgp4: None, now 2.24"
    ]  # fmt: skip
    assert identity(versions=versions).key != identity().key


def test_another_division_into_units_is_named() -> None:
    units = identity().units[:-1]
    assert list_changes(stored(identity()), identity(units=units)) == [
        "division into work units: 4 units"
    ]
    assert identity(units=units).key != identity().key
    results = {k: v for k, v in stored(identity()).items() if k != "units"}
    assert list_changes(results, identity(units=units)) == []  # a results file does not tell them


def test_all_changes_are_told_with_what_to_do() -> None:
    old = stored(identity("run.days=1"))
    with pytest.raises(UsageError) as caught:
        refuse_changes(old, identity("run.days=2", versions={"numpy": "3"}), Path("out"))
    text = str(caught.value)
    for part in ("out cannot go on", "run.days: 1.0, now 2.0", "version of numpy", "--force",
                 "another run.output"):  # fmt: skip
        assert part in text


# ---------------------------------------------------------------- begin and go on


def test_a_new_checkpoint_and_a_resumed_one(tmp_path: Path) -> None:
    assert not has_checkpoint(tmp_path)
    checkpoint, manifest = open_checkpoint(tmp_path, identity(), UNITS, SESSION, resume=False)
    assert has_checkpoint(tmp_path)
    assert (checkpoint.folder, checkpoint.key) == (tmp_path / "checkpoint", identity().key)
    assert [path.name for path in checkpoint.paths] == [f"unit-0000{k}.h5" for k in range(4)]
    assert (manifest["run_id"], len(manifest["sessions"])) == ("one", 1)
    again = {**SESSION, "run_id": "two", "ranks": 3}
    resumed, manifest = open_checkpoint(tmp_path, identity(), UNITS, again, resume=True)
    assert resumed == checkpoint
    assert manifest["run_id"] == "one"
    assert manifest["created"] == SESSION["created"]
    assert [session["ranks"] for session in manifest["sessions"]] == [2, 3]
    on_disk = json.loads((tmp_path / "checkpoint" / "manifest.json").read_text())
    assert on_disk == manifest
    assert on_disk["config"] == identity().config
    assert on_disk["units"][1] == ["all pairs", 3600.0, 7200.0]


def test_a_new_checkpoint_drops_the_shards_of_an_old_one(tmp_path: Path) -> None:
    add_shard(begin(tmp_path), 1)
    assert list_shards(begin(tmp_path)) == set()


def test_a_resumed_one_keeps_them(tmp_path: Path) -> None:
    add_shard(begin(tmp_path), 1)
    checkpoint = begin(tmp_path, resume=True)
    assert list_shards(checkpoint) == {1}
    assert [unit.number for unit in missing_units(None, checkpoint)] == [0, 2, 3]


def test_a_refused_resume_changes_nothing(tmp_path: Path) -> None:
    add_shard(begin(tmp_path), 1)
    before = (tmp_path / "checkpoint" / "manifest.json").read_bytes()
    with pytest.raises(UsageError, match=r"run\.days"):
        open_checkpoint(tmp_path, identity("run.days=2"), UNITS, SESSION, resume=True)
    assert (tmp_path / "checkpoint" / "manifest.json").read_bytes() == before
    assert (tmp_path / "checkpoint" / "unit-00001.h5").exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"7", b"null", b"{}", b"\xff\xfe", b'{"config": "", "inputs": []}'],
)
def test_a_broken_manifest_is_refused(tmp_path: Path, content: bytes) -> None:
    add_shard(begin(tmp_path), 1)
    path = tmp_path / "checkpoint" / "manifest.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="is no manifest of a run") as caught:
        begin(tmp_path, resume=True)
    assert str(path) in str(caught.value)
    assert "--force" in str(caught.value)
    assert path.read_bytes() == content


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(TracssError, match="checkpoint cannot be written: No space left"):
        begin(tmp_path)
    assert not has_checkpoint(tmp_path)


def test_a_manifest_goes_first_when_a_checkpoint_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_shard(begin(tmp_path), 1)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module.shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            remove_checkpoint(tmp_path)
    assert not has_checkpoint(tmp_path)  # what is left counts for nothing
    assert os.listdir(tmp_path / "checkpoint") == ["unit-00001.h5"]
    assert list_shards(begin(tmp_path)) == set()
    remove_checkpoint(tmp_path)
    assert os.listdir(tmp_path) == []
    remove_checkpoint(tmp_path)  # twice does no harm


# ---------------------------------------------------------------- shards


def test_damaged_shards_are_told_and_done_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoint = begin(tmp_path)
    for number in range(3):
        add_shard(checkpoint, number)
    good = checkpoint.path(0).read_bytes()
    checkpoint.path(1).write_bytes(checkpoint.path(1).read_bytes()[:-100])
    checkpoint.path(2).write_bytes(b"")
    found = inspect_shards(checkpoint, range(4))
    assert found == dict.fromkeys((1, 2), "its content does not fit its SHA-256") | {0: ""}
    with caplog.at_level(logging.WARNING, "tracss_hpc"):
        missing = missing_units(None, checkpoint)
    assert [unit.number for unit in missing] == [1, 2, 3]
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        f"{checkpoint.path(n)} is damaged (its content does not fit its SHA-256): its unit is "
        "screened again" for n in (1, 2)
    ]  # fmt: skip
    assert list_shards(checkpoint) == {0}
    assert checkpoint.path(0).read_bytes() == good


def test_foreign_shards_are_refused_and_kept(tmp_path: Path) -> None:
    checkpoint = begin(tmp_path)
    add_shard(checkpoint, 0)
    foreign = add_shard(checkpoint, 2, key="of another run")
    with pytest.raises(UsageError, match="not a shard of this run") as caught:
        missing_units(None, checkpoint)
    assert str(foreign) in str(caught.value)
    assert str(checkpoint.path(0)) not in str(caught.value)
    assert "move it away" in str(caught.value)
    assert list_shards(checkpoint) == {0, 2}


def test_half_written_shards_are_not_counted(tmp_path: Path) -> None:
    checkpoint = begin(tmp_path)
    add_shard(checkpoint, 3)
    (checkpoint.folder / ".unit-00001.h5.host.17.tmp").write_bytes(b"half")
    assert list_shards(checkpoint) == {3}
    assert [unit.number for unit in missing_units(None, checkpoint)] == [0, 1, 2]


def test_a_host_that_does_not_see_the_folder(tmp_path: Path) -> None:
    checkpoint = begin(tmp_path)
    require_visible(None, checkpoint)
    hidden = replace(checkpoint, folder=tmp_path / "none")
    with pytest.raises(TracssError, match="must lie on a file system that all hosts") as caught:
        require_visible(None, hidden)
    assert os.uname().nodename in str(caught.value)
