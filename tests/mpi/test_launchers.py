"""Other launchers than pip's: the site's Open MPI (Debian's here), and those that do not match."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.mpi.test_failure import PROGRAM
from tests.oracles import planted
from tracss_hpc.export.digest import digest_file, first_difference

ROOT = Path(__file__).resolve().parents[2]
Launch = Callable[..., subprocess.CompletedProcess[str]]

#: Open MPI refuses root, and more ranks than cores, unless told otherwise.
OPENMPI = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
}


def python(*words: str, launcher: tuple[str, ...] = (), **variables: str) -> (
    subprocess.CompletedProcess[str]
):  # fmt: skip
    """``LAUNCHER python WORDS`` with some more environment."""
    return subprocess.run(
        [*launcher, sys.executable, *words],
        env={**os.environ, **variables},
        capture_output=True, text=True, timeout=120, cwd=ROOT, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def mpirun_openmpi() -> str:
    """Path of Debian's launcher of Open MPI."""
    launcher = shutil.which("mpirun.openmpi")
    if launcher is None:
        pytest.skip("no mpirun.openmpi: apt-get install openmpi-bin")
    return launcher


@pytest.fixture(scope="module")
def openmpi(mpirun_openmpi: str) -> Launch:
    """``openmpi(n, *words)``: run ``python WORDS`` on n ranks of the Open MPI of this machine."""
    choice = {**OPENMPI, "MPI4PY_MPIABI": "openmpi"}
    done = python("-c", "from mpi4py import MPI", **choice)
    if done.returncode != 0:
        pytest.skip(f"mpi4py does not load Open MPI: {done.stderr.strip().splitlines()[-1]}")

    def run(n: int, *words: str) -> subprocess.CompletedProcess[str]:
        return python(*words, launcher=(mpirun_openmpi, "-n", str(n)), **choice)

    return run


@pytest.fixture(scope="module")
def mpich_launcher(mpirun: Launch) -> str:
    """Path of pip's launcher; skips unless mpi4py loads pip's MPICH by itself."""
    done = mpirun(1, "-c", "from mpi4py import MPI; print(MPI.Get_library_version())")
    if not done.stdout.startswith("MPICH"):
        pytest.skip(f"mpi4py does not load MPICH here: {done.stdout.strip()} {done.stderr.strip()}")
    assert isinstance(done.args, list)
    return str(done.args[0])


def test_open_mpi_gives_the_serial_digest(openmpi: Launch, tmp_path: Path) -> None:
    def words(name: str) -> list[str]:
        return [
            "-m", "tracss_hpc", "run", "configs/all_vs_all.toml",
            f'catalog.gp=["{planted.FILE}"]', f"run.start={planted.START}", "run.days=0.5",
            f"run.output={tmp_path / name}", "screening.slice_hours=1", "export.cdm=[]",
            "export.plots=false",
        ]  # fmt: skip

    alone = python(*words("alone"))
    assert alone.returncode == 0, alone.stderr
    together = openmpi(2, *words("together"))
    assert together.returncode == 0, together.stderr
    files = [tmp_path / name / "results.h5" for name in ("alone", "together")]
    assert first_difference(*files) == ""
    assert digest_file(files[0]) == digest_file(files[1])


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["exception"], 1, "[rank 1] ZeroDivisionError: deep inside"),
        (["tracss"], 2, "[rank 1] tracss-hpc: run.days is wrong"),
        (["exit", "3"], 3, "[rank 1] ended alone with exit code 3"),
        (["exit", "0"], 1, "[rank 1] ended alone with exit code 0"),
        (["kill"], 137, "signal 9"),
        (["thread"], 1, "ZeroDivisionError: deep inside"),
        (["queue"], 1, "[rank 1] ZeroDivisionError: deep inside"),
        (["bare"], 1, "[rank 1] Traceback"),
        (["all_tracss"], 2, "tracss-hpc: run.days is wrong"),
        (["all_75"], 75, "Exit code:    75"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_the_job_ends_under_open_mpi(
    openmpi: Launch, words: list[str], code: int, says: str
) -> None:
    start = time.monotonic()
    done = openmpi(2, "-c", PROGRAM, *words)
    assert time.monotonic() - start < 30.0  # ends at all, instead of waiting for ever
    assert done.returncode == code, done.stderr
    assert says in done.stderr


def test_status_under_open_mpi(openmpi: Launch) -> None:
    done = openmpi(2, "-m", "tracss_hpc", "status")
    assert done.returncode == 0, done.stderr
    rows = [line.split(maxsplit=2) for line in done.stdout.splitlines()]
    assert ["MPI", "ABI", "openmpi"] in rows
    assert "2 processes (OMPI_COMM_WORLD_SIZE)" in done.stdout
    assert "round trip" in done.stdout
    assert "ok, 1 KiB" in done.stdout


def test_mpich_under_the_launcher_of_open_mpi(mpirun_openmpi: str, mpich_launcher: str) -> None:
    """MPI_Init would abort with "unsupported PMI version PMIx"; the guard comes before it."""
    launcher = (mpirun_openmpi, "-n", "3")
    done = python("-m", "tracss_hpc", "status", launcher=launcher, **OPENMPI)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("tracss-hpc: ") == 1
    assert "MPI4PY_MPIABI=openmpi" in done.stderr
    assert "PMI version" not in done.stderr


def test_open_mpi_under_the_launcher_of_mpich(openmpi: Launch, mpich_launcher: str) -> None:
    """Three processes that each believe to be rank 0 of 1: said once, all end with 2."""
    launcher = (mpich_launcher, "-n", "3")
    words = ("-m", "tracss_hpc", "status")
    done = python(*words, launcher=launcher, MPI4PY_MPIABI="openmpi", **OPENMPI)
    assert done.returncode == 2
    assert done.stderr.count("but MPI sees 1") == 1
    assert len(done.stderr.splitlines()) == 1


def test_mpirun_of_mpich_inside_mpirun_of_open_mpi(
    mpirun_openmpi: str, mpich_launcher: str
) -> None:
    """As under Slurm with PMIx as default: MPICH 5 sees both launchers and takes the wrong one."""
    words = ("-m", "tracss_hpc", "status")
    launcher = (mpirun_openmpi, "-n", "1", mpich_launcher, "-n", "2")
    done = python(*words, launcher=launcher, **OPENMPI)
    assert done.returncode == 2
    assert done.stderr.count("export MPIR_CVAR_PMI_VERSION=1") == 1
    done = python(*words, launcher=launcher, MPIR_CVAR_PMI_VERSION="1", **OPENMPI)
    assert done.returncode == 0, done.stderr
    assert "round trip" in done.stdout


def test_mpirun_of_open_mpi_inside_mpirun_of_mpich(
    openmpi: Launch, mpirun_openmpi: str, mpich_launcher: str
) -> None:
    """The outer launcher says one process: not one run on each rank, but one on both."""
    launcher = (mpich_launcher, "-n", "1", mpirun_openmpi, "-n", "2")
    words = ("-m", "tracss_hpc", "status")
    done = python(*words, launcher=launcher, MPI4PY_MPIABI="openmpi", **OPENMPI)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("round trip") == 1
    assert "2 processes (OMPI_COMM_WORLD_SIZE)" in done.stdout
