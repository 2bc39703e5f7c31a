"""List scheduling: cases done by hand, Graham's bound, the same order for every rank."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracss_hpc.parallel.partition import WorkUnit, make_units
from tracss_hpc.parallel.schedule import (
    Imbalance,
    imbalance,
    longest_first,
    simulate,
    static_costs,
)

DAY = 86400.0
costs = st.lists(st.floats(0.01, 100.0), max_size=40)


def test_two_ranks_by_hand() -> None:
    # Rank 0: 5, then (free at 5) 2; rank 1: 4, then (free at 4) 3: both end at 7.
    assert simulate([5.0, 4.0, 3.0, 2.0], 2).tolist() == [7.0, 7.0]
    # Shortest first: rank 0: 2, 4; rank 1: 3, 5.
    assert simulate([2.0, 3.0, 4.0, 5.0], 2).tolist() == [6.0, 8.0]


def test_each_request_is_waited_for() -> None:
    # Three units on rank 0 with 0.1 s after each; the last answer is "nothing left".
    assert simulate([1.0, 1.0, 1.0], 1, 0.1).tolist() == pytest.approx([3.3])


def test_equal_finish_goes_to_the_lower_rank() -> None:
    assert simulate([1.0, 1.0, 5.0], 2).tolist() == [6.0, 1.0]


def test_more_ranks_than_units_leave_ranks_idle() -> None:
    assert simulate([2.0, 1.0], 4).tolist() == [2.0, 1.0, 0.0, 0.0]
    assert simulate([], 3).tolist() == [0.0, 0.0, 0.0]


def test_no_ranks_is_refused() -> None:
    with pytest.raises(ValueError, match="ranks = 0"):
        simulate([1.0], 0)


@given(cost=costs, ranks=st.integers(1, 9))
def test_makespan_is_within_grahams_bound(cost: list[float], ranks: int) -> None:
    finish = simulate(cost, ranks)
    longest, mean = max(cost, default=0.0), sum(cost) / ranks
    assert finish.sum() == pytest.approx(sum(cost))
    assert max(longest, mean) <= finish.max() + 1e-9
    assert finish.max() <= mean + longest + 1e-9


@given(cost=st.lists(st.floats(0.01, 100.0), min_size=1, max_size=6), ranks=st.integers(1, 3))
def test_longest_first_is_within_four_thirds_of_the_best(cost: list[float], ranks: int) -> None:
    """Graham 1969: 4/3 - 1/(3 m) of the best of all assignments, which are tried one by one."""
    best = min(
        max(sum(c for c, r in zip(cost, who, strict=True) if r == rank) for rank in range(ranks))
        for who in itertools.product(range(ranks), repeat=len(cost))
    )
    finish = simulate(sorted(cost, reverse=True), ranks)
    assert best - 1e-9 <= finish.max() <= (4.0 / 3.0 - 1.0 / (3.0 * ranks)) * best + 1e-9


def test_longest_first_by_hand() -> None:
    units = [WorkUnit(k, "all pairs", k * 60.0, k * 60.0 + 60.0) for k in range(4)]
    order = longest_first(units, [1.0, 3.0, 1.0, 2.0])
    assert [unit.number for unit in order] == [1, 3, 0, 2]
    # Only what is missing, as after a restart.
    assert [u.number for u in longest_first(units[2:], [1.0, 1.0])] == [2, 3]
    assert longest_first([], []) == []
    with pytest.raises(ValueError, match="4 units"):
        longest_first(units, [1.0])


def test_static_cost_counts_objects_hours_and_group() -> None:
    span = np.array([5.0, 10.0]) * DAY
    units = make_units(span, np.array([True, False]), 6 * 3600.0)
    cost = static_costs(units, np.full(1000, np.inf))
    assert np.unique(cost[:20]).size == np.unique(cost[20:]).size == 1
    assert cost[0] > cost[-1] > 0.0
    twice = static_costs(units, np.full(2000, np.inf))
    assert twice == pytest.approx(2.0 * cost)
    # An object that has ended costs nothing: half of them end with the first unit.
    ended = np.where(np.arange(1000) < 500, units[0].stop_s, np.inf)
    assert static_costs(units, ended)[:2] == pytest.approx([cost[0], 0.5 * cost[1]])
    # Two slices of three hours cost a little more than one of six.
    short = make_units(span, np.array([True, False]), 3 * 3600.0)
    halves = static_costs(short, np.full(1000, np.inf))
    assert cost[0] < halves[0] + halves[1] < 1.1 * cost[0]


def test_all_pairs_go_out_before_the_cheaper_group() -> None:
    units = make_units(np.array([5.0, 10.0]) * DAY, np.array([True, False]), 6 * 3600.0)
    order = longest_first(units, static_costs(units, np.full(100, np.inf)))
    assert [u.number for u in order] == list(range(40))


def test_imbalance_by_hand() -> None:
    # 3 + 1 of 2 x 4 s: half of the time idle, the busier has 1.5 times the mean.
    assert imbalance([3.0, 1.0], 4.0) == Imbalance(0.5, 1.5)
    assert imbalance([2.0, 2.0], 2.0) == Imbalance(0.0, 1.0)
    assert imbalance([0.0, 0.0], 1.0) == Imbalance(1.0, 1.0)
    assert imbalance([2.1, 2.1], 2.0).idle_share == 0.0
    assert imbalance([], 0.0) == Imbalance(0.0, 1.0)
