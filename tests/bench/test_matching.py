"""Recall of one screening against another, on events made up by hand and against a double loop."""

from __future__ import annotations

import numpy as np
import pytest

from tests.bench.matching import Events, has_match, is_asked


def events(*rows: tuple[int, int, float]) -> Events:
    """Events (object1, object2, TCA) of 1 km and 10 km/s."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 3)
    pairs = table[:, :2].astype(np.int64)
    n = len(table)
    return Events(pairs[:, 0], pairs[:, 1], table[:, 2], np.full(n, 1.0), np.full(n, 10.0))


def test_same_pair_and_time_match_in_either_order() -> None:
    found = has_match(events((7, 3, 100.0), (3, 9, 100.0)), events((3, 7, 100.4)))
    assert found.tolist() == [True, False]


@pytest.mark.parametrize(("shift_s", "matches"), [(0.0, True), (1.0, True), (1.001, False)])
def test_tolerance_is_one_second_both_ways(shift_s: float, matches: bool) -> None:
    for sign in (-1.0, 1.0):
        assert has_match(events((1, 2, 50.0)), events((1, 2, 50.0 + sign * shift_s)))[0] == matches


def test_neighbour_in_time_of_another_pair_is_no_match() -> None:
    others = events((1, 2, 0.0), (1, 2, 600.0), (1, 3, 300.0), (2, 3, 300.0))
    assert has_match(events((1, 2, 300.0), (1, 2, 599.5)), others).tolist() == [False, True]


def test_last_time_of_a_pair_and_first_of_the_next_stay_apart() -> None:
    others = events((1, 2, 1000.0), (1, 3, 0.0))
    assert not has_match(events((1, 3, 1000.0), (1, 2, 0.0)), others).any()


def test_nothing_on_either_side() -> None:
    assert has_match(events(), events((1, 2, 0.0))).shape == (0,)
    assert has_match(events((1, 2, 0.0)), events()).tolist() == [False]


def test_equals_a_double_loop(rng: np.random.Generator) -> None:
    def drawn(n: int) -> Events:
        first = rng.integers(1, 6, n)
        times = rng.uniform(0.0, 60.0, n)
        return events(*zip(first, first + rng.integers(1, 4, n), times, strict=True))

    ours, theirs = drawn(300), drawn(200)
    expected = [
        any(
            {a, b} == {c, d} and abs(t - u) <= 1.0
            for c, d, u in zip(theirs.object1, theirs.object2, theirs.tca_s, strict=True)
        )
        for a, b, t in zip(ours.object1, ours.object2, ours.tca_s, strict=True)
    ]
    assert 0 < sum(expected) < len(expected)
    assert has_match(ours, theirs).tolist() == expected


def test_face_and_slow_pairs_are_not_asked() -> None:
    some = events(*[(1, 2, 0.0)] * 4)
    some.miss_km[:] = [4.9985, 4.9995, 5.0, 1.0]
    some.speed_km_s[3] = 0.1
    assert is_asked(some, radius_km=5.0).tolist() == [True, False, False, False]
