"""Pairs without a record: identical element sets, and pairs still closing when time is up."""

from __future__ import annotations

import dataclasses

import numpy as np

from tests.oracles.planted_world import WINDOW_S, oracle_objects, planted_catalog, planted_problem
from tracss_hpc.constants import DAY_S
from tracss_hpc.screening.special_pairs import closing_times, find_closing, find_colocated
from tracss_hpc.screening.time_slice import ScreeningProblem, screen_slice


def ending_at(seconds: float) -> ScreeningProblem:
    problem = planted_problem()
    n = len(problem.primary)
    volumes = dataclasses.replace(problem.volumes, span_days=np.full(n, seconds / DAY_S))
    return dataclasses.replace(problem, volumes=volumes)


def test_identical_element_sets() -> None:
    dock = [k for k, name in enumerate(oracle_objects().names) if " DOCK " in name]
    a, b, c = dock
    assert find_colocated(planted_catalog()).tolist() == [[a, b], [a, c], [b, c]]
    assert len(find_colocated(planted_catalog().take(np.array([0, 1, a])))) == 0


def test_a_span_that_ends_just_before_a_tca_lists_the_pair_instead() -> None:
    whole = screen_slice(planted_problem(), 0.0, WINDOW_S).conjunctions
    d = whole.state2 - whole.state1
    speed = np.linalg.norm(d[:, 3:], axis=1)
    checked = 0
    for k in np.flatnonzero(whole.caught1 & (whole.tca_us > 1e9))[::9]:
        tca = whole.tca_us[k] / 1e6
        # A hundred metres, or for the slowest a minute, before the closest approach.
        early = min(60.0, 0.1 / speed[k])
        problem = ending_at(tca - early)
        last = min(tca - early, float(problem.end_s.min()))
        if last < tca - early:
            continue
        closing = find_closing(problem, closing_times(problem))
        hit = (closing.object1 == whole.object1[k]) & (closing.object2 == whole.object2[k])
        rows = screen_slice(problem, 0.0, np.ceil(tca)).conjunctions
        same = (rows.object1 == whole.object1[k]) & (rows.object2 == whole.object2[k])
        assert not (same & (rows.tca_us == whole.tca_us[k])).any()
        if not hit.any():  # a hundred metres before, it was not yet inside
            continue
        q = int(np.flatnonzero(hit)[0])
        assert closing.range_rate_km_s[q] < 0.0
        assert closing.range_km[q] >= np.linalg.norm(d[k, :3]) - 1e-6
        checked += 1
    assert checked >= 5


def test_nothing_listed_is_opening() -> None:
    problem = planted_problem()
    closing = find_closing(problem, closing_times(problem))
    assert (closing.range_rate_km_s < 0.0).all()
    assert (closing.object1 != closing.object2).all()


def test_ends_looked_at_one_by_one_give_the_same() -> None:
    """The ranks of a run share the ends and lay what they found end to end."""
    problem = planted_problem()
    span_s = np.full(len(problem.primary), WINDOW_S)
    span_s[::3] = 0.5 * WINDOW_S
    volumes = dataclasses.replace(problem.volumes, span_days=span_s / DAY_S)
    problem = dataclasses.replace(problem, volumes=volumes)
    times = closing_times(problem)
    assert {WINDOW_S, 0.5 * WINDOW_S} <= set(times.tolist())
    assert set((problem.end_s[problem.end_s < WINDOW_S] - 1.0).tolist()) <= set(times.tolist())
    whole = find_closing(problem, times)
    parts = [find_closing(problem, times[k : k + 1]) for k in range(len(times))]
    assert len(whole.t) > 0
    for field in dataclasses.fields(whole):
        joined = np.concatenate([getattr(part, field.name) for part in parts])
        np.testing.assert_array_equal(joined, getattr(whole, field.name))
    nothing = find_closing(problem, times[:0])
    assert [len(getattr(nothing, field.name)) for field in dataclasses.fields(nothing)] == [0] * 5


def test_no_end_before_the_start() -> None:
    problem = planted_problem()
    ended = dataclasses.replace(problem, end_s=np.full(len(problem.primary), 0.5))
    assert closing_times(ended).tolist() == []
