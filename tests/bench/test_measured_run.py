"""What the speed bench reads from a finished run: names that the run and the bench must share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.bench.measured_run import ChildError, run_child, run_measured
from tests.oracles import planted


def test_costs_of_a_small_run(tmp_path: Path) -> None:
    words = [f'catalog.gp=["{planted.FILE}"]', f"run.start={planted.START}", "run.days=0.25"]
    run = run_measured(tmp_path / "run", "configs/all_vs_all.toml", words)
    assert set(run.screening_parts_s) == {"propagate", "search", "refine"}
    assert "assess" in run.unit_cpu_s
    assert run.conjunctions > 0
    assert run.ranks == 1
    assert run.shards_s > 0.0
    assert run.peak_mb > 10.0
    whole = run.child.user_s + run.child.sys_s
    parts = run.screening_s + run.rest_s + run.stage_cpu_s("audit")
    assert 0.5 * whole < parts < 1.01 * whole  # the rest is the end of the process


def test_failure_is_told_with_what_the_child_said() -> None:
    with pytest.raises(ChildError, match="no luck") as caught:
        run_child([sys.executable, "-c", "import sys; print('no luck'); sys.exit(7)"])
    assert caught.value.code == 7
