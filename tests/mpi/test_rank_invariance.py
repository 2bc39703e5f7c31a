"""One to four ranks, and every SIMD level: the same digest, on the planted catalog."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.oracles import planted
from tracss_hpc.export.digest import digest_file, first_difference
from tracss_hpc.kernels import SUPPORTED_LEVELS

ROOT = Path(__file__).resolve().parents[2]
Launch = Callable[..., subprocess.CompletedProcess[str]]


def words(folder: Path) -> list[str]:
    """Command line of one run of the planted catalog into `folder`."""
    return [
        "-m", "tracss_hpc", "run", "configs/all_vs_all.toml", f'catalog.gp=["{planted.FILE}"]',
        f"run.start={planted.START}", "run.days=0.5", f"run.output={folder}",
        "screening.slice_hours=1", "export.cdm=[]", "export.plots=false",
    ]  # fmt: skip


def run_alone(folder: Path, level: str = "") -> Path:
    environment = {**os.environ, "TRACSS_SIMD": level}
    done = subprocess.run(
        [sys.executable, *words(folder)],
        capture_output=True, text=True, timeout=120, cwd=ROOT, env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "results.h5"


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results without any launcher."""
    return run_alone(tmp_path_factory.mktemp("serial") / "run")


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_ranks_do_not_show(mpirun: Launch, serial: Path, tmp_path: Path, n: int) -> None:
    done = mpirun(n, *words(tmp_path / "run"))
    assert done.returncode == 0, done.stderr
    results = tmp_path / "run" / "results.h5"
    assert first_difference(serial, results) == ""
    assert digest_file(results) == digest_file(serial)


@pytest.mark.parametrize("level", SUPPORTED_LEVELS)
def test_simd_levels_do_not_show(serial: Path, tmp_path: Path, level: str) -> None:
    results = run_alone(tmp_path / "run", level)
    assert first_difference(serial, results) == ""
    assert digest_file(results) == digest_file(serial)
