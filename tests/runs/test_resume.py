"""A run that is stopped and gone on with, on any number of ranks, finds what it would in one go."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.oracles import planted
from tracss_hpc.atomic import write_atomically
from tracss_hpc.cli import main
from tracss_hpc.config import resolve
from tracss_hpc.errors import ConfigError
from tracss_hpc.export.digest import digest_file, first_difference
from tracss_hpc.export.hdf5 import read_results
from tracss_hpc.export.shards import write_shard
from tracss_hpc.runs import run as run_module
from tracss_hpc.runs import units as units_module
from tracss_hpc.runs.run import run_screening

ROOT = Path(__file__).resolve().parents[2]
CONFIG = str(ROOT / "configs" / "all_vs_all.toml")
SETTINGS = (
    f'catalog.gp=["{planted.FILE}"]', f"run.start={planted.START}", "run.days=0.25",
    "screening.slice_hours=1", "export.cdm=[]", "export.plots=false",
)  # fmt: skip
UNITS = 6
STOP = 75
Launch = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def _keep_logging() -> Iterator[None]:
    logger = logging.getLogger("tracss_hpc")
    handlers, level = list(logger.handlers), logger.level
    yield
    logger.handlers, logger.level = handlers, level


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of the run in one go."""
    folder = tmp_path_factory.mktemp("whole") / "out"
    assert main(["run", CONFIG, "--quiet", *SETTINGS, f"run.output={folder}"]) == 0
    return folder / "results.h5"


@dataclass
class Job:
    """One run directory; `go` works in it and gives exit code and stderr."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    def go(self, *words: str) -> tuple[int, str]:
        code = main(["run", CONFIG, *SETTINGS, f"run.output={self.folder}", *words])
        return code, self.capsys.readouterr().err

    @property
    def shards(self) -> set[str]:
        return {path.name for path in self.folder.glob("checkpoint/unit-*.h5")}

    @property
    def ledger(self) -> Any:
        return json.loads((self.folder / "provenance.json").read_text())

    @property
    def state(self) -> Any:
        return json.loads((self.folder / "progress.json").read_text())

    def assert_complete(self, whole: Path) -> None:
        results = self.folder / "results.h5"
        assert first_difference(whole, results) == ""
        assert digest_file(whole) == digest_file(results)
        assert not (self.folder / "checkpoint").exists()
        assert self.state["state"] == "done"


@pytest.fixture
def job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Job:
    return Job(tmp_path / "out", capsys)


@pytest.fixture
def signal_after(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """``signal_after(k, number)``: this process gets a signal while the k-th unit is worked at."""

    def arm(k: int, number: signal.Signals = signal.SIGUSR1) -> None:
        count = [0]

        def write(*arguments: Any) -> None:
            count[0] += 1
            if count[0] == k:
                os.kill(os.getpid(), number)
            write_shard(*arguments)

        monkeypatch.setattr(units_module, "write_shard", write)

    return arm


# ---------------------------------------------------------------- stopped


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM])
def test_a_signal_stops_after_the_unit_and_resume_goes_on(
    job: Job, whole: Path, signal_after: Callable[..., None], number: signal.Signals
) -> None:
    signal_after(2, number)
    code, said = job.go()
    text = f"stopped by {number.name} with 2 of {UNITS} units done; go on with --resume"
    assert code == STOP
    assert said.splitlines()[-1] == f"tracss-hpc: {text}"
    assert len(job.shards) == 2
    assert not (job.folder / "results.h5").exists()
    assert job.state["state"] == "stopped"
    first = job.ledger
    assert text in first["warnings"]
    assert len(first["sessions"]) == 1
    assert text in (job.folder / "run.log").read_text()

    code, said = job.go()
    assert code == 2
    assert "--resume" in said
    assert "--force" in said
    assert len(job.shards) == 2

    code, said = job.go("--resume")
    assert (code, f"resumed: 2 of {UNITS} units are done" in said) == (0, True)
    job.assert_complete(whole)
    last = job.ledger
    assert last["run_id"] == first["run_id"]
    assert [session["ranks"] for session in last["sessions"]] == [1, 1]
    assert last["sessions"][0]["run_id"] == first["run_id"]
    results = read_results(job.folder / "results.h5")
    assert results.attributes["run_id"] == first["run_id"]
    stages = results.groups["stages"]
    assert stages["unit"].tolist() == list(range(UNITS))
    assert sorted(stages["session"].tolist()) == [0] * 2 + [1] * (UNITS - 2)
    log = (job.folder / "run.log").read_text()
    assert log.count("catalog: ") == 2  # of both sessions


def test_max_hours_gets_on_by_a_unit_each_time(job: Job, whole: Path) -> None:
    for done in range(1, UNITS):
        code, said = job.go("--resume", "--max-hours", "1e-7")
        assert code == STOP
        assert f"stopped by --max-hours 1e-07 with {done} of {UNITS} units done" in said
        assert len(job.shards) == done
    assert job.go("--resume", "--max-hours", "1e-7")[0] == 0
    job.assert_complete(whole)
    stages = read_results(job.folder / "results.h5").groups["stages"]
    assert sorted(stages["session"].tolist()) == list(range(UNITS))
    assert len(job.ledger["sessions"]) == UNITS


def test_a_signal_in_the_audit_keeps_all_units(
    job: Job, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit_groups = run_module.audit_groups

    def signalled(*arguments: Any, **options: Any) -> Any:
        os.kill(os.getpid(), signal.SIGUSR1)
        return audit_groups(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(run_module, "audit_groups", signalled)
        code, said = job.go()
    assert (code, f"with {UNITS} of {UNITS} units done" in said) == (STOP, True)
    assert job.go("--resume")[0] == 0
    job.assert_complete(whole)


def test_ctrl_c_keeps_the_finished_shards(
    job: Job, whole: Path, signal_after: Callable[..., None]
) -> None:
    signal_after(3, signal.SIGINT)
    code, said = job.go()
    assert (code, said.splitlines()[-1]) == (130, "tracss-hpc: interrupted")
    assert len(job.shards) == 2
    assert job.state["state"] == "stopped"
    assert job.go("--resume")[0] == 0
    job.assert_complete(whole)


# ---------------------------------------------------------------- resumed


def test_resume_begins_where_nothing_is_and_leaves_a_complete_run_alone(
    job: Job, whole: Path
) -> None:
    assert job.go("--resume")[0] == 0
    job.assert_complete(whole)
    before = {path.name: path.read_bytes() for path in job.folder.iterdir()}
    code, said = job.go("--resume")
    assert code == 0
    assert f"the run in {job.folder} is complete; nothing to do" in said
    after = {path.name: path.read_bytes() for path in job.folder.iterdir()}
    assert after.keys() == before.keys()
    code, said = job.go("--resume", "run.days=0.2")
    assert code == 2
    assert "setting run.days: 0.25, now 0.2" in said
    assert {path.name for path in job.folder.iterdir()} == before.keys()
    for name in before.keys() - {"run.log"}:
        assert after[name] == before[name]
        assert (job.folder / name).read_bytes() == before[name]


def test_what_may_not_change_and_what_may(
    job: Job, whole: Path, signal_after: Callable[..., None], tmp_path: Path
) -> None:
    signal_after(1)
    assert job.go()[0] == STOP
    other = tmp_path / "gp.csv"
    other.write_bytes(planted.FILE.read_bytes() + b"\n")
    for word, says in [
        ("run.days=0.3", "setting run.days: 0.25, now 0.3"),
        ("screening.slice_hours=2", "setting screening.slice_hours: 1.0, now 2.0"),
        (f'catalog.gp=["{other}"]', f"input {other} (gp): not an input, now SHA-256 "),
    ]:
        code, said = job.go("--resume", word)
        assert code == 2
        assert says in said
        assert "Traceback" not in said
        assert len(job.shards) == 1
    assert job.go("--resume", "export.compression=none", "run.originator=ME")[0] == 0
    job.assert_complete(whole)


def test_damaged_and_foreign_shards(
    job: Job, whole: Path, signal_after: Callable[..., None]
) -> None:
    signal_after(3)
    assert job.go()[0] == STOP
    names = sorted(job.shards)
    damaged, foreign = (job.folder / "checkpoint" / name for name in names[:2])
    damaged.write_bytes(damaged.read_bytes()[:-1000])
    kept = foreign.read_bytes()
    groups: dict[str, Any] = {"conjunctions": {"tca": np.zeros(1)}}
    write_shard(foreign, "of another run", {"unit": 1}, groups)
    code, said = job.go("--resume")
    assert code == 2
    assert f"{foreign}: not a shard of this run" in said
    foreign.write_bytes(kept)
    code, said = job.go("--resume")
    assert code == 0
    assert f"{damaged} is damaged" in said
    assert any(f"{damaged} is damaged" in text for text in job.ledger["warnings"])
    job.assert_complete(whole)


def test_force_begins_anew(job: Job, whole: Path, signal_after: Callable[..., None]) -> None:
    signal_after(2)
    assert job.go("run.days=0.2")[0] == STOP
    first = job.ledger["run_id"]
    assert job.go("--force")[0] == 0
    job.assert_complete(whole)
    assert job.ledger["run_id"] != first
    assert len(job.ledger["sessions"]) == 1


def test_a_disk_that_is_full_is_told_and_good_units_are_kept(
    job: Job, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the third shard on nothing can be written any more, the ledger neither."""
    count = [0]

    def write(path: Path, content: bytes) -> None:
        count[0] += path.name.startswith("unit-")
        if count[0] > 2:
            raise OSError(28, "No space left on device")
        write_atomically(path, content)

    with monkeypatch.context() as patch:
        for name in ("export.shards", "provenance", "runs.progress", "runs.checkpoint"):
            patch.setattr(f"tracss_hpc.{name}.write_atomically", write)
        code, said = job.go()
    assert code == 1
    assert "Traceback" not in said
    last = said.splitlines()[-1]
    assert "unit-0000" in last
    assert "cannot be written: No space left on device" in last
    assert "run again with --resume" in last
    assert len(job.shards) == 2
    assert job.go("--resume")[0] == 0
    job.assert_complete(whole)


def test_messages_that_cannot_be_written_leave_the_results_and_a_way_on(
    job: Job, whole: Path
) -> None:
    job.folder.mkdir()
    job.go("--max-hours", "1e-7")
    (job.folder / "cdm").write_text("in the way")
    code, said = job.go("--resume", "export.cdm=kvn")
    assert code == 1
    assert "Traceback" not in said
    last = said.splitlines()[-1]
    assert "results.h5 stands, but messages, pictures or summary cannot be written" in last
    assert first_difference(whole, job.folder / "results.h5") == ""
    (job.folder / "cdm").unlink()
    assert job.go("--resume", "export.cdm=kvn")[0] == 0
    assert (job.folder / "cdm" / "cdms.kvn").exists()
    job.assert_complete(whole)


# ---------------------------------------------------------------- on ranks


def words(folder: Path, *more: str) -> list[str]:
    return ["-m", "tracss_hpc", "run", CONFIG, *SETTINGS, f"run.output={folder}", *more]


@pytest.mark.parametrize("ranks", [(2, 1), (1, 2), (2, 3)])
def test_resumed_on_another_number_of_ranks(
    mpirun: Launch, job: Job, whole: Path, ranks: tuple[int, int]
) -> None:
    first, then = ranks
    done = mpirun(first, *words(job.folder, "--max-hours", "1e-7"))
    assert done.returncode == STOP, done.stderr
    assert done.stderr.count("stopped by --max-hours") == 1
    kept = len(job.shards)
    assert kept == first  # each rank does one unit at least
    run_id = job.ledger["run_id"]
    done = mpirun(then, *words(job.folder, "--resume"))
    assert done.returncode == 0, done.stderr
    assert f"resumed: {kept} of {UNITS} units are done" in done.stderr
    job.assert_complete(whole)
    ledger = job.ledger
    assert ledger["run_id"] == run_id
    assert [session["ranks"] for session in ledger["sessions"]] == [first, then]
    assert len(ledger["all_ranks_peak_memory_mb"]) == then
    assert min(ledger["all_ranks_peak_memory_mb"]) > 1.0
    per_rank = {s["name"]: s["all_ranks_cpu_s"] for s in ledger["stages"]}
    assert len(per_rank["screen"]) == then
    assert min(per_rank["screen"]) > 0.0
    assert ledger["environment"]["ranks"] == then
    told = {"library", "abi", "file"} if then > 1 else set()  # one rank loads no MPI
    assert set(ledger["environment"]["mpi"]) >= told
    stages = read_results(job.folder / "results.h5").groups["stages"]
    assert sorted(stages["session"].tolist()) == [0] * kept + [1] * (UNITS - kept)
    assert set(stages["rank"].tolist()) <= set(range(max(ranks)))


def test_every_rank_refuses_a_changed_run_at_once(mpirun: Launch, job: Job) -> None:
    assert job.go("--max-hours", "1e-7")[0] == STOP
    done = mpirun(2, *words(job.folder, "--resume", "run.days=0.2"))
    assert done.returncode == 2
    assert done.stderr.count("setting run.days: 0.25, now 0.2") == 1


# ---------------------------------------------------------------- what the ledger must hold


def test_provenance_holds_all_that_made_the_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, job: Job
) -> None:
    first = planted.FIRST_ID
    header = "OBJECT_NAME,OBJECT_ID,NORAD_CAT_ID,OBJECT_TYPE,OPS_STATUS_CODE,OWNER\n"
    files = {
        "satcat": ("satcat.csv", f"{header}A,,{first},PAY,+,US\nB,,{first + 1},DEB,-,US\n"),
        "hbr_table": ("hbr.csv", f"ObjectID,HBR,Mass\n{first},2.5,100\n"),
        "primaries": ("mine.txt", f"{first}\n{first + 1}\n{first + 2}\n"),
        "covariance_table": (
            "cov.toml", (ROOT / "configs" / "covariance_gp.toml").read_text("utf-8")
        ),
    }  # fmt: skip
    for name, content in files.values():
        (tmp_path / name).write_text(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    monkeypatch.setenv("SLURM_JOB_NODELIST", "n[1-2]")
    monkeypatch.setenv("TRACSS_SIMD", "")
    code, said = job.go(
        "catalog.satcat=satcat.csv", "catalog.hbr_table=hbr.csv", 'catalog.primaries=["mine.txt"]',
        "assess.covariance_table=cov.toml",
    )  # fmt: skip
    assert code == 0, said
    assert "read satcat.csv (satcat)" in said
    ledger = job.ledger
    with h5py.File(job.folder / "results.h5") as file:
        root = dict(file.attrs)
        stages = sorted(file["stages"])
    inputs = {item["role"]: item for item in ledger["inputs"]}
    assert inputs.keys() == {"gp", *files}
    for role, item in inputs.items():
        path = planted.FILE if role == "gp" else Path(files[role][0])
        assert item["sha256"] == _sha256(path)
        assert item["bytes"] == path.stat().st_size
    assert inputs["gp"]["records_read"] == 292
    assert inputs["gp"]["records_rejected"] == 0
    assert (inputs["satcat"]["records_read"], inputs["hbr_table"]["records_read"]) == (2, 1)
    config = resolve(CONFIG, [*SETTINGS, f"run.output={job.folder}"])
    assert f"days = {config.run.days}" in ledger["config"]
    for name in ("config", "config_sha256", "run_id", "correlation_id", "created"):
        assert root[name] == ledger[name]
    assert json.loads(root["inputs"]) == ledger["inputs"]
    assert root["tracss_hpc_version"] == ledger["tracss_hpc_version"]
    environment = json.loads(root["environment"])
    assert environment == ledger["environment"]
    assert environment["slurm"]["job_id"] == "17"
    assert environment["slurm"]["job_nodelist"] == "n[1-2]"
    for name in ("hosts", "host_count", "ranks", "mpi", "variables", "simd", "cores", "machine",
                 "system", "git_commit", "versions"):  # fmt: skip
        assert name in environment
    assert ledger["sessions"][0]["slurm_job_id"] == "17"
    names = [stage["name"] for stage in ledger["stages"]]
    for name in ("read", "trajectories", "screen", "collect", "audit", "merge", "export"):
        assert name in names
    for stage in ledger["stages"]:
        assert len(stage["all_ranks_cpu_s"]) == (stage["name"] != "export")
    assert len(ledger["all_ranks_peak_memory_mb"]) == 1
    assert {"propagate_cpu_s", "search_cpu_s", "peak_memory_mb", "rank", "session"} <= set(stages)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_failed_run_leaves_a_ledger(tmp_path: Path) -> None:
    config = resolve(
        CONFIG, [*SETTINGS, f"run.output={tmp_path / 'out'}", "catalog.primaries=[99]"]
    )
    with pytest.raises(ConfigError, match="matches no object"):
        run_screening(config)
    ledger = json.loads((tmp_path / "out" / "provenance.json").read_text())
    assert any("matches no object" in text for text in ledger["warnings"])
    assert json.loads((tmp_path / "out" / "progress.json").read_text())["state"] == "failed"
