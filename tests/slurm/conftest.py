"""One cluster for all tests of this folder, and the digest that their runs must have."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.slurm import cluster as slurm
from tests.slurm.runs import SETTINGS
from tracss_hpc.export.digest import digest_file


@pytest.fixture(scope="session")
def running_cluster() -> Iterator[slurm.Cluster]:
    """Two nodes of two cores; the tests are skipped where they cannot be had."""
    reason = slurm.missing()
    if reason:
        pytest.skip(f"no Slurm cluster: {reason}")
    # Sockets lie in this folder, and their names may have 108 characters.
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    cluster = slurm.start(folder)
    yield cluster
    slurm.stop(cluster)
    shutil.rmtree(folder)


@pytest.fixture
def cluster(running_cluster: slurm.Cluster) -> Iterator[slurm.Cluster]:
    """The cluster, idle before and after the test."""
    yield running_cluster
    slurm.reset(running_cluster)


@pytest.fixture(scope="session")
def serial_digest(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Digest of SETTINGS without any launcher."""
    folder = tmp_path_factory.mktemp("serial") / "run"
    done = subprocess.run(
        [sys.executable, "-m", "tracss_hpc", "run", "/dev/null", *SETTINGS, f"run.output={folder}"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return digest_file(folder / "results.h5")
