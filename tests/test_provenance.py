"""The ledger of a run: identifiers, stages, versions, and a file that is whole or absent."""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path

import pytest

import tracss_hpc
from tracss_hpc.provenance import (
    RunLedger,
    correlation_id,
    environment,
    package_versions,
    write_atomically,
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
    ledger.environment.update(environment(ranks=2, hosts=1, mpi="MPICH", simd="v3"))
    path = ledger.write(tmp_path)
    record = json.loads(path.read_text(encoding="utf-8"))
    assert path.name == "provenance.json"
    assert record["run_id"] == ledger.run_id
    assert record["inputs"][0]["path"] == "Ω.tle"
    assert (record["environment"]["ranks"], record["environment"]["simd"]) == (2, "v3")
    assert record["tracss_hpc_version"] == tracss_hpc.__version__
    assert record["peak_memory_mb"] > 1.0
    assert os.listdir(tmp_path) == ["provenance.json"]


def test_versions_name_what_computes() -> None:
    versions = package_versions()
    assert {"python", "tracss_hpc", "numpy", "sgp4", "h5py"} <= versions.keys()
    assert all(versions[name] for name in ("python", "tracss_hpc", "numpy", "sgp4", "h5py"))


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.json"
    path.write_text("old")

    def fail(descriptor: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, b"new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["x.json"]
