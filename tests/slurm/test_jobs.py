"""The job scripts on a cluster of two nodes: the same results as one process, the right chains."""

from __future__ import annotations

import datetime as dt
import itertools
import re
import subprocess
from pathlib import Path

import pytest

from tests.slurm import cluster as slurm
from tests.slurm.cluster import Cluster
from tests.slurm.runs import JOBS, SETTINGS, TWO_NODES, sweep
from tracss_hpc.catalog.schedule import ROUTINE_SCHEDULE
from tracss_hpc.export.digest import digest_file


def test_all_vs_all_on_two_nodes(cluster: Cluster, serial_digest: str, tmp_path: Path) -> None:
    words = ("sbatch", "--parsable", *TWO_NODES, str(JOBS / "all_vs_all.slurm"), *SETTINGS)
    number = slurm.submit(cluster, tmp_path, *words)
    log = tmp_path / f"all_vs_all-{number}.log"
    ended = slurm.finish(cluster, number)
    assert ended["JobState"] == "COMPLETED", log.read_text()
    assert ended["NumNodes"] == "2"
    assert "2 ranks" in log.read_text()
    results = tmp_path / "runs" / f"all_vs_all-{number}" / "results.h5"
    assert digest_file(results) == serial_digest


def test_payload_vs_all_with_variables(cluster: Cluster, tmp_path: Path) -> None:
    config = tmp_path / "my site.toml"
    config.write_text("[run]\ndays = 0.1\n")
    gp, *others = SETTINGS
    settings = {
        "TRACSS_CONFIG": str(config),
        "TRACSS_CATALOG": gp.removeprefix("catalog.gp="),
        "TRACSS_OUTPUT": str(tmp_path / "my runs"),
    }
    words = ("sbatch", "--parsable", "--ntasks=2", str(JOBS / "payload_vs_all.slurm"))
    number = slurm.submit(
        cluster, tmp_path, *words, *(o for o in others if "days" not in o), settings=settings
    )
    log = tmp_path / f"payload_vs_all-{number}.log"
    assert slurm.finish(cluster, number)["JobState"] == "COMPLETED", log.read_text()
    summary = tmp_path / "my runs" / f"payload_vs_all-{number}" / "summary.txt"
    assert "14:24:00" in summary.read_text(), "0.1 days after noon"


def test_a_launcher_without_mpi_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    done = subprocess.run(
        ["srun", "--mpi=none", *TWO_NODES, "tracss-hpc", "run", "/dev/null", *SETTINGS],
        env=cluster.environment, cwd=tmp_path, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "the launcher started 2 processes" in done.stderr
    assert "MPI sees 1" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_sweep_writes_one_table(cluster: Cluster, serial_digest: str, tmp_path: Path) -> None:
    points = ("screening.step_s=30", "run.days=0.25", "screening.slice_hours=2")
    _, merge, table = sweep(cluster, tmp_path, *points)
    ended = slurm.finish(cluster, merge)
    logs = "\n".join(path.read_text() for path in tmp_path.glob("*.log"))
    assert ended["JobState"] == "COMPLETED", logs
    head, *rows = [line.split("\t") for line in table.read_text().splitlines()]
    assert head == ["point", "setting", "objects", "ended", "conjunctions", "digest"]
    assert [row[:2] for row in rows] == [[str(k), point] for k, point in enumerate(points)]
    # Step and slice never change the result; a shorter run does.
    assert [row[5] == serial_digest for row in rows] == [True, False, True]
    assert rows[0][2:] == rows[2][2:]
    assert int(rows[1][4]) < int(rows[0][4])


def test_a_failing_point_cancels_the_merge(cluster: Cluster, tmp_path: Path) -> None:
    points = ("screening.step_s=30", "screening.step_s=-1")
    array, merge, table = sweep(cluster, tmp_path, *points)
    assert slurm.finish(cluster, merge)["JobState"] == "CANCELLED"
    assert not table.exists()
    assert slurm.finish(cluster, f"{array}_1")["JobState"] == "FAILED"
    assert "screening.step_s" in (tmp_path / f"sweep-{array}_1.log").read_text()


@pytest.mark.parametrize("column", ["standard", "daylight_saving"])
def test_routine_day_follows_the_handbook(cluster: Cluster, tmp_path: Path, column: str) -> None:
    day = dt.date.today() + dt.timedelta(days=30)
    settings = {"TRACSS_DAYLIGHT_SAVING": "1"} if column == "daylight_saving" else {}
    words = ("bash", str(JOBS / "routine_day.slurm"), day.isoformat(), "run.days=1")
    # sbatch takes the local time of whoever submits.
    settings["TZ"] = "America/New_York"
    numbers = slurm.submit(cluster, tmp_path, *words, settings=settings).split()
    jobs = [slurm.job(cluster, number) for number in numbers]
    kinds = [Path(job["Command"]).stem for job in jobs]
    assert kinds == [row.kind for row in ROUTINE_SCHEDULE]
    for job, row in zip(jobs, ROUTINE_SCHEDULE, strict=True):
        zulu = getattr(row, column)
        assert job["EligibleTime"] == f"{day.isoformat()}T{zulu[:2]}:{zulu[2:]}:00"
        assert job["JobName"] == "routine"
        assert job["Dependency"] == "singleton(unfulfilled)" or job is jobs[0]


def test_routine_runs_never_overlap(cluster: Cluster, tmp_path: Path) -> None:
    program = tmp_path / "tracss-hpc"  # in place of ours: only when it runs counts
    program.write_text("#!/bin/bash\nsleep 0.5\n")
    program.chmod(0o755)
    path = f"{tmp_path}:{cluster.environment['PATH']}"
    settings = {"TRACSS_SBATCH": "--ntasks=1", "PATH": path}
    words = ("bash", str(JOBS / "routine_day.slurm"), "yesterday")
    numbers = slurm.submit(cluster, tmp_path, *words, settings=settings).split()
    jobs = [slurm.finish(cluster, number) for number in numbers]
    assert {job["JobState"] for job in jobs} == {"COMPLETED"}
    for before, after in itertools.pairwise(jobs):
        assert before["EndTime"] <= after["StartTime"]


def test_variables_are_documented() -> None:
    used = set()
    for script in JOBS.glob("*.slurm"):
        used |= set(re.findall(r"TRACSS_[A-Z_]+", script.read_text()))
    page = (JOBS.parent / "docs" / "cluster.md").read_text(encoding="utf-8")
    assert used
    assert {name for name in used if f"`{name}`" not in page} == {"TRACSS_SWEEP"}
