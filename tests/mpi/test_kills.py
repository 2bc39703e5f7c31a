"""Runs that are killed, stopped or run out of disk go on with --resume to the same digest.

What a checkpoint must refuse or mend is tested on one unfinished run, copied for each test.
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.mpi.kills import (
    HEAD,
    KINDS,
    Outcome,
    Reference,
    check_complete,
    draw_moment,
    format_outcome,
    format_tally,
    go_through,
    make_reference,
    mount,
)
from tests.mpi.sessions import (
    ENDED_S,
    GONE_S,
    LAUNCHER,
    Job,
    end,
    launch,
    shards,
    stage_of,
    strike,
)
from tests.oracles import planted
from tracss_hpc.runs import folder as run_folder

SEED = 1
MOMENTS = 60
SHORT = list(KINDS)[:8]
ROOT_ONLY = "only root can make a small disk"

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason=ROOT_ONLY)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    if not LAUNCHER.exists():
        pytest.skip(f'no MPI launcher {LAUNCHER}: pip install -e ".[mpich]"')
    return make_reference(tmp_path_factory.mktemp("reference"))


@pytest.fixture(scope="module")
def tally() -> Iterator[list[Outcome]]:
    """Outcomes of this session, printed at its end (seen with ``pytest -s``)."""
    outcomes: list[Outcome] = []
    yield outcomes
    if outcomes:
        print("", HEAD, *map(format_outcome, outcomes), format_tally(outcomes), sep="\n")


@pytest.mark.parametrize("kind", SHORT)
def test_a_run_hit_once(
    kind: str, reference: Reference, tmp_path: Path, tally: list[Outcome]
) -> None:
    if kind == "disk full" and os.geteuid() != 0:
        pytest.skip(ROOT_ONLY)
    drawn = draw_moment(SEED, list(KINDS).index(kind))
    moment = dataclasses.replace(drawn, again=None, resumed=(1, 1))
    tally.append(go_through(moment, reference, tmp_path, thorough=False))
    assert not tally[-1].failure


@pytest.mark.long
@pytest.mark.parametrize("number", range(MOMENTS))
def test_a_run_hit_at_any_moment(
    number: int, reference: Reference, tmp_path: Path, tally: list[Outcome]
) -> None:
    moment = draw_moment(SEED, number)
    if moment.kind == "disk full" and os.geteuid() != 0:
        pytest.skip(ROOT_ONLY)
    tally.append(go_through(moment, reference, tmp_path, thorough=True))
    assert not tally[-1].failure


def test_ranks_do_not_outlive_the_node_daemon(reference: Reference, tmp_path: Path) -> None:
    """A run of minutes: MPICH's ranks would work on to the end, and mpiexec wait for them."""
    work = ("screening.step_s=1", "run.days=5")
    job = launch(tmp_path, tmp_path / "run", 2, *work)
    while not shards(tmp_path / "run") and job.process.poll() is None:
        pass
    hit = strike(job, "node daemon", signal.SIGKILL, 0.0, tmp_path / "run")
    assert hit is not None, job.text()
    code, _ = end(job, GONE_S)
    assert code != 0
    assert "go on with --resume" in (tmp_path / "run" / "run.log").read_text()


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM], ids=["USR1", "TERM"])
def test_a_request_during_the_export_ends_no_rank(
    number: int, reference: Reference, tmp_path: Path
) -> None:
    """Rank 0 writes messages while the others have nothing to do: the run just ends."""
    job = launch(tmp_path, tmp_path / "run", 2)
    while stage_of(job) not in ("export", "end") and job.process.poll() is None:
        pass
    strike(job, "mpiexec", number, 0.0, tmp_path / "run")
    code, text = end_of(job)
    assert code == 0, text
    check_complete(tmp_path / "run", reference)


@pytest.mark.long
def test_a_second_run_waits_for_the_first_and_gives_up(
    reference: Reference, tmp_path: Path
) -> None:
    first = launch(tmp_path, tmp_path / "run", 2)
    while not shards(tmp_path / "run") and first.process.poll() is None:
        pass
    hit = strike(first, "all", signal.SIGSTOP, 0.0, tmp_path / "run")
    assert hit is not None
    code, text = end_of(launch(tmp_path, tmp_path / "run", 1, "--resume"))
    assert code == 2, text
    assert "another run works in" in text
    strike(first, "all", signal.SIGCONT, 0.0, tmp_path / "run")
    code, text = end_of(first)
    assert code == 0, text
    check_complete(tmp_path / "run", reference)


@needs_root
def test_a_disk_too_small_for_the_results(reference: Reference, tmp_path: Path) -> None:
    """HDF5 that is told of a full disk crashes when the process ends; it must not come to that."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount("-t", "tmpfs", "-o", "size=1400k", "tmpfs", str(disk))  # the shards take 1.1 MB
    try:
        code, text = end_of(launch(tmp_path, disk / "run", 1))
        assert code == 1
        assert f"{disk}/run/results.h5 cannot be written: No space left on device" in text
        assert "run again with --resume" in text
        assert "Traceback" not in text
        mount("-o", "remount,size=64m", str(disk))
        code, text = end_of(launch(tmp_path, disk / "run", 1, "--resume"))
        assert code == 0, text
        check_complete(disk / "run", reference)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


# ---------------------------------------------------------------- one unfinished run


@pytest.fixture(scope="module")
def unfinished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run stopped after a unit or two of the 24, of a catalog of its own."""
    scratch = tmp_path_factory.mktemp("unfinished")
    catalog = shutil.copy(planted.FILE, scratch)  # under its name, which is part of the result
    words = (f'catalog.gp=["{catalog}"]', "--max-hours", "1e-7")
    code, text = end_of(launch(scratch, scratch / "run", 1, *words))
    assert code == 75, text
    assert 0 < shards(scratch / "run") < 24
    return scratch / "run"


@pytest.fixture
def copy(unfinished: Path, tmp_path: Path) -> Path:
    shutil.copytree(unfinished, tmp_path / "run")
    return tmp_path / "run"


def end_of(job: Job) -> tuple[int, str]:
    """Exit code and words of a session."""
    code, _ = end(job, ENDED_S)
    return code, job.text()


def resume(unfinished: Path, folder: Path, *words: str, scratch: Path) -> tuple[int, str]:
    """The same of ``run --resume`` with the unfinished run's catalog."""
    catalog = f'catalog.gp=["{unfinished.parent / planted.FILE.name}"]'
    code, text = end_of(launch(scratch, folder, 1, catalog, "--resume", *words))
    assert "Traceback" not in text
    return code, text


def a_shard(folder: Path) -> Path:
    return next(iter(sorted(folder.glob("checkpoint/unit-*.h5"))))


def test_a_cut_shard_is_made_again(
    unfinished: Path, copy: Path, reference: Reference, tmp_path: Path, rng: np.random.Generator
) -> None:
    shard = a_shard(copy)
    os.truncate(shard, int(rng.integers(shard.stat().st_size)))
    code, text = resume(unfinished, copy, scratch=tmp_path)
    assert code == 0, text
    assert f"{shard} is damaged" in text
    assert "its unit is screened again" in text
    check_complete(copy, reference)


def test_a_shard_of_another_run_is_refused(unfinished: Path, copy: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    code, text = end_of(launch(tmp_path, other, 1, "run.seed=2", "--max-hours", "1e-7"))
    assert code == 75, text
    shard = copy / "checkpoint" / "unit-00007.h5"
    shutil.copy(a_shard(other), shard)
    code, text = resume(unfinished, copy, scratch=tmp_path)
    assert code == 2
    assert f"{shard}: not a shard of this run" in text
    assert shard.exists()
    assert a_shard(copy).exists()


def test_changed_settings_are_named(unfinished: Path, copy: Path, tmp_path: Path) -> None:
    words = ("screening.step_s=30", "run.days=0.5")
    code, text = resume(unfinished, copy, *words, scratch=tmp_path)
    assert code == 2
    assert "setting screening.step_s: 10.0, now 30.0" in text
    assert "setting run.days: 0.25, now 0.5" in text
    assert a_shard(copy).exists()


def test_changed_input_is_named(unfinished: Path, copy: Path, tmp_path: Path) -> None:
    catalog = unfinished.parent / planted.FILE.name
    content = catalog.read_bytes()
    catalog.write_bytes(content.replace(b"PLANT CROSS00 A", b"PLANT CROSS00 X"))
    try:
        code, text = resume(unfinished, copy, scratch=tmp_path)
    finally:
        catalog.write_bytes(content)
    assert code == 2
    assert f"input {catalog} (gp): SHA-256" in text


def test_another_version_is_named(unfinished: Path, copy: Path, tmp_path: Path) -> None:
    manifest = copy / "checkpoint" / "manifest.json"
    content = json.loads(manifest.read_text())
    content["versions"]["sgp4"] = "1.4"
    manifest.write_text(json.dumps(content))
    code, text = resume(unfinished, copy, scratch=tmp_path)
    assert code == 2
    assert "version of sgp4: 1.4, now" in text


@needs_root
def test_a_read_only_directory_is_told(unfinished: Path, copy: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount("-t", "tmpfs", "tmpfs", str(disk))
    try:
        shutil.copytree(copy, disk / "run")
        mount("-o", "remount,ro", str(disk))
        code, text = resume(unfinished, disk / "run", scratch=tmp_path)
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    assert code == 2
    assert f"run.output = '{disk / 'run'}' cannot be made or written: Read-only file" in text


@pytest.mark.parametrize("left", [(), ("unit-00000.h5", ".unit-00001.h5.host.1.tmp")])
def test_a_checkpoint_killed_while_made_is_no_obstacle(
    left: tuple[str, ...], unfinished: Path, reference: Reference, tmp_path: Path
) -> None:
    """Killed, or out of disk, before the manifest stood: nothing to go on with, so it begins."""
    folder = tmp_path / "run"
    (folder / "checkpoint").mkdir(parents=True)
    (folder / "run.log").touch()
    for name in left:
        (folder / "checkpoint" / name).touch()
    code, text = resume(unfinished, folder, scratch=tmp_path)
    assert code == 0, text
    check_complete(folder, reference)


def test_a_folder_of_somebody_else_is_no_checkpoint(unfinished: Path, tmp_path: Path) -> None:
    model = tmp_path / "run" / "checkpoint" / "model.pt"
    model.parent.mkdir(parents=True)
    model.touch()
    code, text = resume(unfinished, tmp_path / "run", scratch=tmp_path)
    assert code == 2
    assert "is not empty" in text
    assert model.exists()


def test_the_lock_of_a_running_run_is_respected(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_folder, "_WAIT_FOR_LOCK_S", 0.5)
    with (copy / "run.log").open("a") as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        with pytest.raises(run_folder.UsageError, match="another run works in"):
            run_folder.open_folder(copy, force=False, resume=True)
    state, handler = run_folder.open_folder(copy, force=False, resume=True)
    handler.close()
    assert state == "unfinished"
