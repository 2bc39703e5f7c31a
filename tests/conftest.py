"""Fixtures shared by all tests: reference data, a seeded generator, and a launcher for MPI runs."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of reference data beside the checkout; the test is skipped where it is absent."""
    folder = Path(os.environ.get("TRACSS_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"reference data not found: {folder}")
    return folder


@pytest.fixture(autouse=True)
def _no_log_on_a_closed_stream() -> Iterator[None]:
    """The command line logs to the stderr of its process, which is one test's here."""
    yield
    logging.getLogger("tracss_hpc").handlers = []


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with a fixed seed."""
    return np.random.default_rng(20250901)


@pytest.fixture(scope="session")
def mpirun() -> Callable[..., subprocess.CompletedProcess[str]]:
    """``mpirun(n, *args)``: run ``python ARGS`` on n ranks; skips when there is no launcher."""
    launcher = Path(sysconfig.get_path("scripts")) / "mpiexec"
    if not launcher.exists():
        pytest.skip(f'no MPI launcher {launcher}: pip install -e ".[mpich]"')

    def run(n: int, *args: str, timeout: float = 120.0) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(launcher), "-n", str(n), sys.executable, *args],
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=ROOT,
            check=False,
        )

    return run
