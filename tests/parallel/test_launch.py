"""The start of a job: how many processes were started, and a foreign launcher is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tracss_hpc.parallel.launch import launched_size, library_report

ROOT = Path(__file__).resolve().parents[2]
STEP = {"SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "4"}


def plain_environment() -> dict[str, str]:
    """The environment without what a launcher or Slurm has set, and without choices of an MPI."""
    ours = ("PMI", "OMPI_COMM", "MV2_", "SLURM_", "MPI4PY_", "MPI_LOCAL", "MPIR_")
    return {name: text for name, text in os.environ.items() if not name.startswith(ours)}


def status(**variables: str) -> subprocess.CompletedProcess[str]:
    """`tracss-hpc status` as one process of a job whose launcher set `variables`."""
    return subprocess.run(
        [sys.executable, "-m", "tracss_hpc", "status"],
        env={**plain_environment(), **variables},
        capture_output=True, text=True, timeout=60, cwd=ROOT, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, (1, "")),
        ({"PMI_SIZE": "4"}, (4, "PMI_SIZE")),
        ({"OMPI_COMM_WORLD_SIZE": "3"}, (3, "OMPI_COMM_WORLD_SIZE")),
        (
            {"SLURM_PROCID": "0", "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "8"},
            (8, "SLURM_STEP_NUM_TASKS"),
        ),
        ({"SLURM_PROCID": "0", "SLURM_STEP_ID": "0", "SLURM_NTASKS": "5"}, (5, "SLURM_NTASKS")),
        # The batch script itself is no rank, whatever the size of the job.
        ({"SLURM_PROCID": "0", "SLURM_STEP_ID": "4294967291", "SLURM_NTASKS": "8"}, (1, "")),
        ({"SLURM_NTASKS": "8"}, (1, "")),
        # One launcher inside another: the count that says there is more than one process.
        ({"PMI_SIZE": "1", "OMPI_COMM_WORLD_SIZE": "3"}, (3, "OMPI_COMM_WORLD_SIZE")),
        ({"PMI_SIZE": "2", "OMPI_COMM_WORLD_SIZE": "1"}, (2, "PMI_SIZE")),
        ({"PMI_SIZE": "4", "SLURM_PROCID": "0", "SLURM_STEP_ID": "0"}, (4, "PMI_SIZE")),
    ],
)
def test_launcher_is_detected(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: tuple[int, str]
) -> None:
    for name in set(os.environ) - set(plain_environment()):
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert launched_size() == expected


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        # Each process would believe to be rank 0 of 1 and write the same files.
        (
            {"OMPI_COMM_WORLD_SIZE": "4"},
            "launcher started 4 processes (OMPI_COMM_WORLD_SIZE) but MPI sees 1",
        ),
        # srun --mpi=none
        (
            {"SLURM_PROCID": "0", "SLURM_LOCALID": "0", **STEP},
            "launcher started 4 processes (SLURM_STEP_NUM_TASKS) but MPI sees 1",
        ),
        # MPI_Init would abort.
        (
            {"OMPI_COMM_WORLD_SIZE": "2", "PMIX_NAMESPACE": "x", "PMIX_RANK": "0"},
            "launcher started 2 processes (OMPI_COMM_WORLD_SIZE) and speaks PMIx",
        ),
        (
            {"SLURM_PROCID": "0", "PMIX_NAMESPACE": "x", "PMIX_RANK": "0", **STEP},
            "under srun: --mpi=pmi2",
        ),
        (
            {"PMI_SIZE": "2", "PMIX_NAMESPACE": "x", "OMPI_COMM_WORLD_SIZE": "1"},
            "inside another launcher that speaks PMIx, which this MPI does not: export "
            "MPIR_CVAR_PMI_VERSION=1",
        ),
        (
            {"PMI_SIZE": "2", "MPI4PY_LIBMPI": "/none/libmpi.so"},
            "MPI4PY_LIBMPI is now '/none/libmpi.so'",
        ),
    ],
)
def test_a_foreign_launcher_is_refused(variables: dict[str, str], says: str) -> None:
    if not library_report().get("library", "").startswith("MPICH Version: 5"):
        pytest.skip(f"asks for MPICH 5, mpi4py loads {library_report()}")
    done = status(**variables)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


@pytest.mark.parametrize(
    "variables",
    [
        {"SLURM_PROCID": "1", "SLURM_LOCALID": "1", **STEP},
        {"PMI_SIZE": "2", "MPI_LOCALRANKID": "1", "MPI4PY_LIBMPI": "/none"},
    ],
)
def test_only_the_first_process_of_a_host_says_so(variables: dict[str, str]) -> None:
    done = status(**variables)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


def test_slurm_inside_a_step_does_not_silence_the_launcher() -> None:
    """Task 1 of a step runs its own mpirun: its process 0 must speak."""
    done = status(PMI_SIZE="2", MPI_LOCALRANKID="0", SLURM_LOCALID="1", MPI4PY_LIBMPI="/none")
    assert done.returncode == 2
    assert "MPI does not start on" in done.stderr


def test_report_does_not_start_mpi() -> None:
    program = (
        "from tracss_hpc.parallel.launch import library_report\n"
        "report = library_report()\n"
        "from mpi4py import MPI\n"
        "assert not MPI.Is_initialized()\n"
        "assert report['mpi4py'] and report['library'] and report['file'], report\n"
        "assert report['abi'] in ('mpich', 'openmpi', 'mpiabi'), report\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
