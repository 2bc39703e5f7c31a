"""An SGP4 error that nobody saw coming ends the trajectory as if it had been known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.oracles import planted
from tracss_hpc.config import resolve
from tracss_hpc.export.digest import first_difference
from tracss_hpc.export.hdf5 import read_results
from tracss_hpc.runs import units
from tracss_hpc.runs.run import run_screening


def test_unseen_ends_give_the_result_of_known_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(name: str) -> Path:
        words = [
            f'catalog.gp=["{planted.FILE}"]', f"run.output={tmp_path / name}", "run.days=0.5",
            f"run.start={planted.START}", "screening.slice_hours=3", "export.cdm=[]",
            "export.plots=false",
        ]  # fmt: skip
        run_screening(resolve(None, words))
        return tmp_path / name / "results.h5"

    known = run("known")
    ended = np.isfinite(read_results(known).objects["status_time"])
    assert ended.any(), "the planted catalog must hold an object that ends inside the window"

    def see_nothing(
        trajectories: object, span_s: float, objects: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        return np.full(len(objects), np.inf), np.zeros(len(objects), dtype=np.uint8)

    monkeypatch.setattr(units, "find_ends", see_nothing)
    assert first_difference(known, run("unseen")) == ""
