"""The dry run: predictions done by hand from made-up costs, probes of the planted catalog."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest

from tests.oracles import planted
from tracss_hpc.config import Config, resolve
from tracss_hpc.errors import ConfigError, UsageError
from tracss_hpc.export.hdf5 import read_results
from tracss_hpc.runs.calibration import Calibration, GroupCosts, calibrate
from tracss_hpc.runs.plan import (
    SCREEN_PARTS,
    advise,
    best_slice,
    describe,
    plan_run,
    predict,
)
from tracss_hpc.runs.run import screen

DAY = 86400.0
NO_EXPORT = {"export.cdm": [], "export.plots": False}


def made_up(**changes: object) -> Calibration:
    """One day of all pairs: 2 s a slice and 10 s an hour, nothing else costs."""
    costs = GroupCosts((2.0, 6.0), (0.0, 4.0), 0.0, 0.0, 1e6, (0.0, 24.0), (0.0, 240.0))
    calibration = Calibration(
        title="test", objects=1000, records=0, span_s=np.array([DAY]), is_leo=np.array([True]),
        groups={"all pairs": costs}, read_s=0.0, input_bytes=0, build_s=0.0, ends_s=0.0,
        audit_parts_s=(), memory_mb=(100.0, 10.0, 5.0), probes_s=0.0,
    )  # fmt: skip
    return dataclasses.replace(calibration, **changes)


@pytest.fixture
def config() -> Config:
    return resolve(None, NO_EXPORT)


def test_one_rank_by_hand(config: Config) -> None:
    plan = predict(made_up(), config, 1)
    # Four slices of six hours: 2 + 60 s each, and a shard of 0.03 s.
    assert plan.cpu_s["propagate"] == pytest.approx(4 * 38.0)
    assert plan.cpu_s["search"] == pytest.approx(4 * 24.0)
    # 0 to 240 conjunctions an hour, linearly: 120 on average.
    assert plan.conjunctions == pytest.approx(24 * 120.0)
    shards = 4 * 0.03 + plan.conjunctions * 3.1e-6
    assert plan.wall_s["screen"] == pytest.approx(4 * 62.0 + shards)
    assert plan.efficiency == pytest.approx(1.0)
    assert plan.idle_share == pytest.approx(0.0)
    assert plan.groups["all pairs"][:2] == (4, 6.0)
    assert plan.groups["all pairs"][3] == pytest.approx(24e6)
    assert plan.memory_mb == pytest.approx(100.0 + 10.0 + 6 * 5.0)
    assert sum(plan.cpu_s[part] for part in SCREEN_PARTS) == pytest.approx(plan.wall_s["screen"])


def test_slices_share_out_evenly_or_not(config: Config) -> None:
    one = predict(made_up(), config, 1)
    three = predict(made_up(), config, 3)
    # Four equal slices on three ranks: one rank makes two of them, two wait for half of the time.
    assert three.wall_s["screen"] == pytest.approx(one.wall_s["screen"] / 2.0, abs=0.1)
    assert three.idle_share == pytest.approx(1.0 / 3.0, abs=0.01)
    assert three.cpu_s["search"] == one.cpu_s["search"]
    # Half of the slice length: four seconds of fixed cost instead of two for the same hours.
    shorter = predict(made_up(), config, 3, slice_hours=3.0)
    assert shorter.wall_s["screen"] == pytest.approx(3 * 32.0, abs=0.2)
    assert shorter.cpu_s["propagate"] == pytest.approx(8 * (2.0 + 18.0))


def test_what_is_serial_stays(config: Config) -> None:
    calibration = made_up(read_s=7.0, ends_s=8.0, build_s=1.0, audit_parts_s=(5.0, 4.0))
    wall = predict(calibration, config, 1000).wall_s
    assert wall["read"] == pytest.approx(7.0)
    assert wall["trajectories"] == pytest.approx(1.0 + 8.0 / 1000)
    assert wall["audit"] == 5.0
    assert predict(calibration, config, 1).wall_s["audit"] == 9.0


def test_the_larger_of_slice_and_audit_is_the_memory(config: Config) -> None:
    plan = predict(made_up(objects=100_000, audit_parts_s=(1.0,)), config, 1)
    assert plan.memory_mb == pytest.approx(100.0 + 370.0)
    small = predict(made_up(objects=1_000, audit_parts_s=(1.0,)), config, 1)
    assert small.memory_mb == pytest.approx(100.0 + 10.0 + 6 * 5.0)


def test_advice_names_ranks_and_slice(config: Config) -> None:
    few = predict(made_up(), config, 2)
    assert "more than 4 ranks gain less than 5%" in advise(made_up(), config, few)
    assert "no other slice is 5% faster" in advise(made_up(), config, few)
    many = predict(made_up(), config, 24)
    best = best_slice(made_up(), config, 24)
    # 24 slices of an hour keep 24 ranks busy for 12 s; two hours would take 22 s.
    assert best.slice_hours == 1.0
    assert "slices of 1 h would take" in advise(made_up(), config, many)


def test_description_tells_every_stage(config: Config) -> None:
    plan = predict(made_up(), config, 2)
    text = "\n".join(describe(made_up(), plan))
    for word in (*plan.wall_s, *SCREEN_PARTS, "all pairs", "MB a rank", "results.h5", "2 ranks"):
        assert word in text


def planted_words(folder: Path) -> dict[str, object]:
    return {
        "catalog.gp": [str(planted.FILE)],
        "run.start": planted.START,
        "run.days": 0.5,
        "run.output": str(folder / "run"),
        "screening.slice_hours": 2.0,
        **NO_EXPORT,
    }


@pytest.fixture(scope="module")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> Calibration:
    return calibrate(resolve(None, planted_words(tmp_path_factory.mktemp("plan"))))


def test_probes_of_a_catalog_are_sane(calibration: Calibration) -> None:
    assert calibration.objects > 200
    assert set(calibration.groups) == {"all pairs"}
    for costs in calibration.groups.values():
        assert costs.propagate_s[0] >= 0.0
        assert costs.propagate_s[1] > 0.0
        assert costs.search_s[1] >= 0.0
        assert costs.pair_tests_per_hour > 0.0
        assert list(costs.at_hours) == sorted(costs.at_hours)
        assert len(costs.at_hours) == len(costs.conjunctions_per_hour) == 3
    assert 1 <= len(calibration.audit_parts_s) <= 12
    assert calibration.ends_s > 0.0
    assert calibration.memory_mb[0] > 10.0


def test_prediction_is_near_a_run(calibration: Calibration, tmp_path: Path) -> None:
    config = resolve(None, planted_words(tmp_path))
    results = read_results(screen(overrides=planted_words(tmp_path)))
    plan = predict(calibration, config, 1)
    stages = results.groups["stages"]
    assert plan.groups["all pairs"][0] == len(stages["unit"])
    # Pairs are planted at all hours; the probes see a tenth of them.
    found = len(results.conjunctions["tca"])
    assert 0.3 * found < plan.conjunctions < 3.0 * found
    assert plan.groups["all pairs"][3] == pytest.approx(stages["pairs_tested"].sum(), rel=0.3)


def test_a_plan_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = plan_run(resolve(None, planted_words(tmp_path)), 4)
    assert "on 4 ranks" in text
    assert "gain less than" in text.splitlines()[-1]
    assert os.listdir(tmp_path) == []


def test_two_groups_are_probed_apart() -> None:
    # Spans of the table: LEO objects catch for five days, the others for ten.
    words = {"catalog.gp": [str(planted.FILE)], "run.start": planted.START, **NO_EXPORT}
    config = resolve(None, words)
    calibration = calibrate(config)
    plan = predict(calibration, config, 2)
    assert [(name, row[0]) for name, row in plan.groups.items()] == [
        ("all pairs", 20),
        ("non-LEO", 20),
    ]


@pytest.mark.parametrize("days", [1e-5, 1e-3])
def test_a_window_of_seconds_can_be_planned(tmp_path: Path, days: float) -> None:
    words = {**planted_words(tmp_path), "run.days": days, "audit.max_pair_steps": 0}
    plan = predict(calibrate(resolve(None, words)), resolve(None, words), 3)
    assert plan.groups["all pairs"][0] == 1
    assert np.isfinite(plan.total_wall_s)
    assert plan.wall_s["audit"] == 0.0


def test_no_ranks_is_refused_before_anything_is_read(config: Config) -> None:
    with pytest.raises(UsageError, match="--ranks 0"):
        plan_run(config, 0)


def test_bad_input_is_told_as_by_a_run(tmp_path: Path) -> None:
    words = {**planted_words(tmp_path), "catalog.primaries": [1]}
    with pytest.raises(ConfigError):
        plan_run(resolve(None, words), 2)
