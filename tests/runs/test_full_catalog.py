"""The same digest at full catalog size: ranks, slices, steps, filters. Minutes, so `long`."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tracss_hpc.config import FILTERS
from tracss_hpc.export.digest import digest_file, first_difference

MPIRun = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def run(mpirun: MPIRun, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``run(n, *words)``: two hours of the reference population on n ranks."""

    def start(n: int, *words: str) -> Path:
        folder = tmp_path_factory.mktemp("full") / "run"
        done = mpirun(
            n, "-m", "tracss_hpc", "run", "configs/all_vs_all.toml", "run.days=0.08333333333333333",
            f"run.output={folder}", "export.cdm=[]", "export.plots=false",
            "audit.max_pair_steps=200_000_000", *words, timeout=900,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return folder / "results.h5"

    return start


@pytest.fixture(scope="module")
def plain(run: Callable[..., Path]) -> Path:
    return run(2)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("ranks", "words"),
    [
        (1, []),
        (3, []),
        (2, ["screening.slice_hours=1"]),
        (2, ["screening.slice_hours=12"]),
        (2, ["screening.step_s=37", "screening.segment_s=1000"]),
        *((2, [f'screening.disable=["{name}"]']) for name in FILTERS),
    ],
)
def test_same_digest(run: Callable[..., Path], plain: Path, ranks: int, words: list[str]) -> None:
    other = run(ranks, *words)
    assert first_difference(plain, other) == ""
    assert digest_file(plain) == digest_file(other)
