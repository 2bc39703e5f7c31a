"""A job that is stopped goes on where it was: signals, requeues, a lost node, scancel."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.slurm import cluster as slurm
from tests.slurm.cluster import Cluster
from tests.slurm.runs import UNITS, WORK, begin, shards, submission, sweep
from tracss_hpc.export.digest import digest_file


@pytest.fixture
def requeueing_site(cluster: Cluster) -> Iterator[None]:
    """A site that by itself requeues jobs that end with 75, and would do so for ever."""
    slurm.set_requeue_exit(cluster, 75)
    yield
    slurm.set_requeue_exit(cluster, None)


def completed(cluster: Cluster, number: str, output: Path, digest: str) -> str:
    """Check the end of a requeued job; return its log."""
    ended = slurm.finish(cluster, number)
    log = (output.parents[1] / f"all_vs_all-{number}.log").read_text()
    assert ended["JobState"] == "COMPLETED", log
    assert ended["Restarts"] == "1", log
    assert digest_file(output / "results.h5") == digest
    assert not (output / "checkpoint").exists()
    return log


@pytest.mark.usefixtures("requeueing_site")
def test_usr1_requeues_once(cluster: Cluster, serial_digest: str, tmp_path: Path) -> None:
    number, output = begin(cluster, tmp_path)
    slurm.ask(cluster, "scancel", "--signal=USR1", number)
    slurm.start_again(cluster, number)
    log = completed(cluster, number, output, serial_digest)
    stopped = re.search(rf"stopped by SIGUSR1 with (\d+) of {UNITS} units done", log)
    assert stopped
    assert f"screening: {stopped[1]} of {UNITS} units done" in log, "it began where it stopped"


@pytest.mark.usefixtures("requeueing_site")
def test_restarts_have_a_cap(cluster: Cluster, tmp_path: Path) -> None:
    number, output = begin(cluster, tmp_path, TRACSS_RESTARTS="0")
    slurm.ask(cluster, "scancel", "--signal=USR1", number)
    ended = slurm.finish(cluster, number)
    assert (ended["JobState"], ended["ExitCode"], ended["Restarts"]) == ("FAILED", "1:0", "0")
    log = (tmp_path / f"all_vs_all-{number}.log").read_text()
    assert "stopped after 0 restarts (TRACSS_RESTARTS)" in log
    assert shards(output) >= 2


def test_a_node_goes_down(cluster: Cluster, serial_digest: str, tmp_path: Path) -> None:
    number, output = begin(cluster, tmp_path)
    slurm.ask(cluster, "scontrol", "update", "nodename=n2", "state=down", "reason=test")
    slurm.start_again(cluster, number)
    assert slurm.job(cluster, number)["JobState"] == "PENDING", "it wants two nodes"
    assert shards(output) >= 2
    slurm.ask(cluster, "scontrol", "update", "nodename=n2", "state=resume")
    completed(cluster, number, output, serial_digest)


def test_a_killed_rank_ends_the_job(cluster: Cluster, serial_digest: str, tmp_path: Path) -> None:
    """Both ranks on one node: what MPICH leaves in shared memory must not stop the next start."""
    number, output = begin(cluster, tmp_path, "--nodes=1", "--ntasks-per-node=2")
    pid = json.loads((output / "progress.json").read_text())["pid"]
    os.kill(pid, signal.SIGKILL)
    ended = slurm.finish(cluster, number)
    assert (ended["JobState"], ended["Restarts"]) == ("FAILED", "0"), "code 75 alone is requeued"
    assert 2 <= shards(output) < UNITS
    slurm.ask(cluster, "scontrol", "requeue", number)
    slurm.start_again(cluster, number)
    completed(cluster, number, output, serial_digest)


def test_an_urgent_job_takes_the_nodes(
    cluster: Cluster, serial_digest: str, tmp_path: Path
) -> None:
    number, output = begin(cluster, tmp_path)
    words = ("sbatch", "--parsable", "--partition=urgent", "--nodes=2", "--exclusive")
    urgent = slurm.submit(cluster, tmp_path, *words, "--output=urgent.log", "--wrap=hostname")
    assert slurm.finish(cluster, urgent)["JobState"] == "COMPLETED"
    slurm.start_again(cluster, number)
    completed(cluster, number, output, serial_digest)


def test_scancel_leaves_a_checkpoint(cluster: Cluster, serial_digest: str, tmp_path: Path) -> None:
    number, output = begin(cluster, tmp_path)
    slurm.ask(cluster, "scancel", number)
    ended = slurm.finish(cluster, number)
    assert (ended["JobState"], ended["Restarts"]) == ("CANCELLED", "0"), "it must not come back"
    assert 2 <= shards(output) < UNITS
    words = submission("--nodes=1", "--ntasks=1")
    again = slurm.submit(cluster, tmp_path, *words, f"run.output={output}")
    assert slurm.finish(cluster, again)["JobState"] == "COMPLETED"
    assert digest_file(output / "results.h5") == serial_digest


def test_one_element_of_a_sweep_is_requeued_alone(
    cluster: Cluster, serial_digest: str, tmp_path: Path
) -> None:
    """The last element of an array has the array's own job number: all would be requeued."""
    array, merge, table = sweep(cluster, tmp_path, WORK, WORK.replace("=1", "=1.1"))
    output = table.parent
    slurm.until(lambda: min(shards(output / k) for k in "01") > 1, "both points are under way")
    numbers = {slurm.job(cluster, f"{array}_{k}")["JobId"]: k for k in "01"}
    chosen = numbers[array]
    slurm.ask(cluster, "scancel", "--signal=USR1", f"{array}_{chosen}")
    slurm.start_again(cluster, f"{array}_{chosen}")
    assert slurm.finish(cluster, merge)["JobState"] == "COMPLETED"
    restarts = {k: slurm.job(cluster, f"{array}_{k}")["Restarts"] for k in "01"}
    assert restarts == {k: "1" if k == chosen else "0" for k in "01"}
    rows = table.read_text().splitlines()[1:]
    assert [row.split("\t")[5] for row in rows] == [serial_digest] * 2
