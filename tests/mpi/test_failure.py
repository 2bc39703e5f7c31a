"""Whatever happens to one rank, the whole job ends within seconds, non-zero, and says why."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

import pytest

Launch = Callable[..., subprocess.CompletedProcess[str]]

#: The other ranks wait in a barrier for the rank that ends as argv[1] says.
PROGRAM = """
import os, signal, sys, threading, time
from tracss_hpc.errors import ConfigError, InputDataError, Interrupted
from tracss_hpc.parallel import comm as parallel
from tracss_hpc.parallel.ending import run_together
from tracss_hpc.parallel.launch import communicator

comm = communicator()
word = sys.argv[1]

def fail():
    raise ZeroDivisionError("deep inside")

def main():
    if word == "all_tracss":
        raise ConfigError("run.days is wrong")
    if word == "all_75":
        return 75
    if word == "stopped":
        time.sleep(2.0 if comm.rank == 0 else 0.0)  # longer than the others of a failure wait
        raise Interrupted("stopped by SIGUSR1")
    if word == "stopped_and_broken":
        if comm.rank == 0:
            fail()
        raise Interrupted("stopped by SIGUSR1")
    if word == "all_exit_0":
        sys.exit(0)
    if word == "different":
        raise InputDataError(f"bad line {comm.rank}")
    if comm.rank == 1:
        if word == "exception":
            fail()
        if word == "tracss":
            raise ConfigError("run.days is wrong")
        if word == "exit":
            sys.exit(int(sys.argv[2]))
        if word == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if word == "thread":
            thread = threading.Thread(target=fail)
            thread.start()
            thread.join()
        if word == "queue":
            for unit in parallel.work_queue(comm, 4):
                fail()
    if word == "queue":
        list(parallel.work_queue(comm, 4))
    parallel.barrier(comm)
    if word == "last" and comm.rank == 0:
        time.sleep(2.0)  # longer than a failing rank waits for the others
        raise InputDataError("no such file")
    return 0

if word == "bare":  # a script of a user, without run_together
    if comm.rank == 1:
        fail()
    parallel.barrier(comm)
sys.exit(run_together(comm, main))
"""


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["exception"], 1, "[rank 1] ZeroDivisionError: deep inside"),
        (["tracss"], 2, "[rank 1] tracss-hpc: run.days is wrong"),
        (["exit", "3"], 3, "[rank 1] ended alone with exit code 3"),
        (["exit", "0"], 1, "[rank 1] ended alone with exit code 0"),
        (["kill"], None, ""),
        (["thread"], 1, "ZeroDivisionError: deep inside"),
        (["queue"], 1, "[rank 1] ZeroDivisionError: deep inside"),
        (["bare"], 1, "[rank 1] Traceback"),
    ],
    ids=["exception", "error", "exit-3", "exit-0", "kill", "thread", "queue", "bare"],
)
def test_one_rank_ends_the_job(
    mpirun: Launch, words: list[str], code: int | None, says: str
) -> None:
    start = time.monotonic()
    done = mpirun(2, "-c", PROGRAM, *words, timeout=30)
    assert time.monotonic() - start < 10.0
    assert done.returncode != 0
    if code is not None:
        assert done.returncode == code, done.stderr
    assert says in done.stderr


def test_ranks_that_are_done_wait_for_the_one_that_fails(mpirun: Launch) -> None:
    """In `MPI_Finalize` they would hang beside the abort, now and then for ever (MPICH 5)."""
    done = mpirun(3, "-c", PROGRAM, "last", timeout=30)
    assert (done.returncode, done.stderr) == (3, "[ranks [0]] tracss-hpc: no such file\n")


def test_one_of_three_ranks_ends_the_job(mpirun: Launch) -> None:
    start = time.monotonic()
    done = mpirun(3, "-c", PROGRAM, "exception", timeout=30)
    assert time.monotonic() - start < 10.0
    assert done.returncode == 1
    assert done.stderr.count("ZeroDivisionError: deep inside") == 1


def test_an_error_of_all_ranks_is_said_once(mpirun: Launch) -> None:
    done = mpirun(3, "-c", PROGRAM, "all_tracss", timeout=30)
    assert done.returncode == 2
    assert done.stderr.strip() == "tracss-hpc: run.days is wrong"


def test_different_errors_name_their_ranks(mpirun: Launch) -> None:
    done = mpirun(2, "-c", PROGRAM, "different", timeout=30)
    assert done.returncode == 3
    assert done.stderr.splitlines() == [
        "[ranks [0]] tracss-hpc: bad line 0",
        "[ranks [1]] tracss-hpc: bad line 1",
    ]


@pytest.mark.parametrize(("word", "code"), [("all_75", 75), ("all_exit_0", 0)])
def test_a_planned_end_of_all_ranks_is_quiet(mpirun: Launch, word: str, code: int) -> None:
    done = mpirun(2, "-c", PROGRAM, word, timeout=30)
    assert done.returncode == code
    assert done.stderr == ""


def test_a_planned_stop_waits_for_all_ranks(mpirun: Launch) -> None:
    done = mpirun(3, "-c", PROGRAM, "stopped", timeout=30)
    assert done.returncode == 75
    assert done.stderr == "tracss-hpc: stopped by SIGUSR1\n"


def test_a_planned_end_is_kept_under_the_module_of_mpi4py(mpirun: Launch) -> None:
    """`python -m mpi4py` aborts the job at an exit code that is not 0, which srun makes 137."""
    done = mpirun(2, "-m", "mpi4py", "-c", PROGRAM, "all_75", timeout=30)
    assert (done.returncode, done.stderr) == (75, "")


def test_a_failure_outweighs_a_planned_stop(mpirun: Launch) -> None:
    done = mpirun(2, "-c", PROGRAM, "stopped_and_broken", timeout=30)
    assert done.returncode == 1
    assert "ZeroDivisionError: deep inside" in done.stderr


def test_a_wrong_command_line_under_mpi_is_said_once(mpirun: Launch) -> None:
    done = mpirun(2, "-m", "tracss_hpc", "run", "configs/all_vs_all.toml", "run.dayz=1", timeout=30)
    assert done.returncode == 2
    assert done.stderr.count("did you mean run.days") == 1
    assert "Traceback" not in done.stderr
