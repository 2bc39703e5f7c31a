"""The ledger of a run: identifiers, stages, versions, and a file that is whole or absent."""

from __future__ import annotations

import json
import os
import platform
import re
import uuid
from pathlib import Path

import pytest

import tracss_hpc
from tracss_hpc.provenance import (
    RunLedger,
    correlation_id,
    environment,
    git_commit,
    package_versions,
    peak_memory_mb,
)


def test_correlation_id_depends_on_the_input_only() -> None:
    one = correlation_id(["aa", "bb"])
    assert one == correlation_id(["aa", "bb"])
    assert len({one, correlation_id(["bb", "aa"]), correlation_id(["aabb"])}) == 3
    assert str(uuid.UUID(one)) == one
    # By hand: sha256(b"aa\nbb")[:16] with the version and variant bits of a UUID set.
    assert correlation_id([]) == "e3b0c442-98fc-5c14-9afb-f4c8996fb924"


def test_two_runs_have_different_ids() -> None:
    assert RunLedger(config="").run_id != RunLedger(config="").run_id


def test_stages_are_timed_and_counted() -> None:
    ledger = RunLedger(config="")
    with ledger.stage("screen") as stage:
        stage.counts["pairs"] = 7
    with pytest.raises(ZeroDivisionError), ledger.stage("assess"):
        raise ZeroDivisionError
    assert [(s.name, s.counts) for s in ledger.stages] == [("screen", {"pairs": 7}), ("assess", {})]
    assert all(s.wall_s > 0.0 for s in ledger.stages)


def test_written_file(tmp_path: Path) -> None:
    ledger = RunLedger(config="[run]\n", inputs=[{"path": "Ω.tle", "records_read": 2}])
    ledger.environment.update(environment(ranks=2, hosts=["b", "b"], simd="v3"))
    path = ledger.write(tmp_path)
    record = json.loads(path.read_text(encoding="utf-8"))
    assert path.name == "provenance.json"
    assert record["run_id"] == ledger.run_id
    assert record["inputs"][0]["path"] == "Ω.tle"
    assert (record["environment"]["ranks"], record["environment"]["simd"]) == (2, "v3")
    assert record["tracss_hpc_version"] == tracss_hpc.__version__
    assert record["peak_memory_mb"] > 1.0
    assert os.listdir(tmp_path) == ["provenance.json"]


def test_failed_writes_leave_the_old_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = RunLedger(config="old").write(tmp_path)

    def fail(descriptor: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        RunLedger(config="new").write(tmp_path)
    assert json.loads(path.read_text())["config"] == "old"


def test_figures_of_all_ranks(tmp_path: Path) -> None:
    ledger = RunLedger(config="")
    for name in ("read", "screen"):
        with ledger.stage(name):
            pass
    ledger.add_ranks([[1.0, 20.0], [2.0, 30.0], [3.0, 40.0]], [100.0, 200.0, 150.0])
    with ledger.stage("export"):  # on rank 0 alone
        pass
    record = json.loads(ledger.write(tmp_path).read_text())
    assert [s["all_ranks_cpu_s"] for s in record["stages"]] == [
        [1.0, 2.0, 3.0], [20.0, 30.0, 40.0], []
    ]  # fmt: skip
    assert record["all_ranks_peak_memory_mb"] == [100.0, 200.0, 150.0]


def test_ranks_must_have_the_same_stages() -> None:
    ledger = RunLedger(config="")
    with ledger.stage("read"):
        pass
    with pytest.raises(ValueError, match="zip"):
        ledger.add_ranks([[1.0], [2.0, 3.0]], [1.0, 1.0])


def test_environment_tells_hosts_mpi_and_job(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("SLURM_", "TRACSS_", "MPI4PY_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "2")
    monkeypatch.setenv("SLURM_JWT", "no business of ours")
    monkeypatch.setenv("TRACSS_SIMD", "baseline")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    mpi = {"library": "MPICH 5", "abi": "mpich", "file": "libmpi.so.12"}
    told = environment(ranks=3, hosts=["n2", "n1", "n2"], mpi=mpi, simd="v3")
    assert (told["hosts"], told["host_count"], told["ranks"]) == (["n1", "n2"], 2, 3)
    assert told["mpi"] == mpi
    assert told["slurm"] == {"job_id": "17", "restart_count": "2"}
    assert told["variables"] == {"OMP_NUM_THREADS": "1", "TRACSS_SIMD": "baseline"}
    assert told["simd"] == "v3"
    versions = told["versions"]
    assert isinstance(versions, dict)
    assert versions["tracss_hpc"] == tracss_hpc.__version__


def test_environment_when_serial() -> None:
    told = environment()
    assert (told["hosts"], told["ranks"], told["mpi"]) == ([platform.node()], 1, {})


def test_memory_is_at_least_what_was_held() -> None:
    before = peak_memory_mb()
    held = bytearray(os.urandom(1024)) * (64 * 1024)
    assert peak_memory_mb() >= max(before, len(held) / 2**20)


def test_commit_is_a_hash_or_blank() -> None:
    assert re.fullmatch(r"([0-9a-f]{40}\+?)?", git_commit())


def test_versions_name_what_computes() -> None:
    versions = package_versions()
    assert {"python", "tracss_hpc", "numpy", "sgp4", "h5py"} <= versions.keys()
    assert all(versions[name] for name in ("python", "tracss_hpc", "numpy", "sgp4", "h5py"))
