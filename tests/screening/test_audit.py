"""The audit finds what a crippled engine misses and what a lying one invents."""

from __future__ import annotations

import numpy as np
import pytest

from tests.oracles.planted_world import WINDOW_S, planted_catalog, planted_problem
from tracss_hpc.catalog.regimes import assign_regimes
from tracss_hpc.screening.audit import (
    BLOCK_S,
    STEPS_PER_BLOCK,
    RunEvents,
    audit_part,
    draw_samples,
    plan_samples,
)
from tracss_hpc.screening.time_slice import screen_slice

EVERYONE = np.arange(len(planted_catalog()))


def regimes() -> np.ndarray:
    catalog = planted_catalog()
    return assign_regimes(catalog.mean_motion, catalog.eccentricity)


@pytest.fixture(scope="module")
def events() -> RunEvents:
    c = screen_slice(planted_problem(), 0.0, WINDOW_S).conjunctions
    miss = np.linalg.norm(c.state2[:, :3] - c.state1[:, :3], axis=1)
    return RunEvents(c.object1, c.object2, c.tca_us, miss, c.at_discontinuity)


def without(events: RunEvents, rows: np.ndarray) -> RunEvents:
    keep = np.ones(len(events.tca_us), dtype=bool)
    keep[rows] = False
    return RunEvents(*(getattr(events, f)[keep] for f in events.__dataclass_fields__))


@pytest.mark.parametrize("block", [0.0, BLOCK_S])
def test_an_honest_run_passes(events: RunEvents, block: float) -> None:
    count = audit_part(planted_problem(), block, min(block + BLOCK_S, WINDOW_S), EVERYONE, events)
    inside = (events.tca_us >= block * 1e6) & (events.tca_us < (block + BLOCK_S) * 1e6)
    assert len(count.missed) == 0
    assert len(count.invented) == 0
    # Rows within 1 m of a face or 1 ms of the block's end are nobody's proof.
    assert 0.97 * inside.sum() <= len(count.found) <= inside.sum()


@pytest.mark.parametrize("every", [5, 17, 60])
def test_rows_lost_are_reported_as_missed(events: RunEvents, every: int) -> None:
    honest = audit_part(planted_problem(), 0.0, BLOCK_S, EVERYONE, events)
    lost = np.arange(0, len(events.tca_us), every)
    count = audit_part(planted_problem(), 0.0, BLOCK_S, EVERYONE, without(events, lost))
    gone = {
        (min(a, b), max(a, b), int(t // 1_000_000))
        for a, b, t in zip(
            events.object1[lost], events.object2[lost], events.tca_us[lost], strict=True
        )
    }
    known = {(a, b, t // 1_000_000) for a, b, t in honest.found.tolist()}
    missed = {(a, b, t // 1_000_000) for a, b, t in count.missed.tolist()}
    assert len(missed) > 0
    # A second's edge may lie between the two times of one event.
    assert abs(len(missed) - len(gone & known)) <= 1
    assert len(count.found) == len(honest.found)
    assert len(count.invented) == 0


def test_rows_made_up_are_reported_as_invented(events: RunEvents) -> None:
    fields = {f: getattr(events, f).copy() for f in events.__dataclass_fields__}
    early = np.flatnonzero(events.tca_us < 5 * 3600e6)
    fast = int(early[3])
    # One moved in time, one between strangers, one with a wrong miss distance.
    fields["tca_us"][fast] += 5_000_000
    fields["miss_km"][early[10]] += 0.01
    false = {"object1": 0, "object2": 77, "tca_us": 3_000_000_000, "miss_km": 1.0,
             "at_discontinuity": False}  # fmt: skip
    faked = RunEvents(**{f: np.append(x, x.dtype.type(false[f])) for f, x in fields.items()})
    count = audit_part(planted_problem(), 0.0, BLOCK_S, EVERYONE, faked)
    assert [0, 77, 3_000_000_000] in count.invented.tolist()
    assert len(count.invented) == 3
    assert len(count.missed) == 2


def test_only_drawn_objects_are_judged(events: RunEvents) -> None:
    drawn = EVERYONE[10:40]
    count = audit_part(planted_problem(), 0.0, BLOCK_S, drawn, without(events, EVERYONE[:0]))
    assert np.isin(count.found[:, :2], drawn).any(axis=1).all()
    assert 0 < len(count.found) < (events.tca_us < BLOCK_S * 1e6).sum()


def test_draws_depend_on_the_seed_alone() -> None:
    budget = 60 * len(EVERYONE) * STEPS_PER_BLOCK
    a, b = (draw_samples(regimes(), 3 * 86400.0, 5, max_pair_steps=budget) for _ in range(2))
    other = draw_samples(regimes(), 3 * 86400.0, 6, max_pair_steps=budget)
    np.testing.assert_array_equal(a.objects, b.objects)
    np.testing.assert_array_equal(a.start_s, b.start_s)
    assert len(a) == 60
    assert (a.objects != other.objects).any()
    assert set(a.start_s / BLOCK_S) <= set(range(12))
    # Stratified: every regime has its share, one at least.
    names, sizes = np.unique(regimes(), return_counts=True)
    drawn = regimes()[a.objects]
    for name, size in zip(names, sizes, strict=True):
        assert abs((drawn == name).sum() - 60 * size / len(EVERYONE)) <= 3.0


def test_no_budget_no_audit(events: RunEvents) -> None:
    samples = draw_samples(regimes(), 86400.0, 1, max_pair_steps=0)
    assert len(samples) == 0
    assert len(plan_samples(samples, events, 300)) == 0


def test_plan_stops_when_enough_is_held(events: RunEvents) -> None:
    budget = 10**12
    samples = draw_samples(regimes(), WINDOW_S, 1, max_pair_steps=budget)
    few = plan_samples(samples, events, 20)
    assert 0 < len(few) < len(samples)
    np.testing.assert_array_equal(few.objects, samples.objects[: len(few)])
    assert len(plan_samples(samples, events, 10**9)) == len(samples)
