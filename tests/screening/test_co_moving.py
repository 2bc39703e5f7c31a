"""One minimum a revolution for pairs that fly together: by hand, a slow twin, invariants."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tracss_hpc.screening.co_moving import CO_MOVING_M_S, find_surplus

PERIOD_S = 5760.0
MEAN_MOTION = np.array([15.0, 15.0, 12.0, 1.0])  # rev/day: periods 5760, 5760, 7200, 86400 s


def surplus(rows: list[tuple[int, int, float, float, float]]) -> list[bool]:
    """The rule on rows (object1, object2, TCA [s], miss distance [m], relative speed [m/s])."""
    a, b, tca, miss, speed = zip(*rows, strict=True)
    return find_surplus(
        np.array(a), np.array(b), np.array(tca), np.array(miss), np.array(speed), MEAN_MOTION
    ).tolist()


def test_the_deepest_minimum_of_each_revolution_stays() -> None:
    assert surplus([
        (0, 1, 1000.0, 300.0, 1.0), (0, 1, 3000.0, 200.0, 2.0), (0, 1, 5000.0, 250.0, 1.0),
        (0, 1, 6000.0, 900.0, 1.0),  # alone in the second revolution
        (0, 1, 12000.0, 50.0, 1.0), (0, 1, 15000.0, 60.0, 1.0),
    ]) == [True, False, True, False, False, True]  # fmt: skip


def test_minima_that_get_deeper_one_by_one_leave_one_a_revolution() -> None:
    rows = [(0, 1, 100.0 + k * PERIOD_S / 2.0, 5000.0 - 10.0 * k, 1.0) for k in range(150)]
    assert surplus(rows) == [True, False] * 75


def test_a_revolution_ends_where_the_next_begins() -> None:
    rows = [(0, 1, PERIOD_S - 1e-6, 2.0, 1.0), (0, 1, PERIOD_S, 1.0, 1.0)]
    assert surplus(rows) == [False, False]
    assert surplus([*rows, (0, 1, 0.0, 3.0, 1.0)]) == [False, False, True]


def test_fast_encounters_stay_and_hide_nobody() -> None:
    slow, fast = np.nextafter(CO_MOVING_M_S, 0.0), CO_MOVING_M_S
    assert surplus([
        (0, 1, 10.0, 1.0, fast), (0, 1, 20.0, 2.0, slow), (0, 1, 30.0, 3.0, slow),
        (0, 1, 40.0, 4.0, 14_000.0),
    ]) == [False, False, True, False]  # fmt: skip


def test_of_equal_minima_the_earliest_stays() -> None:
    rows = [(0, 1, t, 7.0, 1.0) for t in (30.0, 10.0, 20.0)]
    assert surplus(rows) == [True, False, True]


def test_the_shorter_period_counts() -> None:
    # 7000 s: in the first revolution of object 2, in the second of object 1.
    assert surplus([(0, 2, 100.0, 1.0, 1.0), (0, 2, 7000.0, 2.0, 1.0)]) == [False, False]
    assert surplus([(2, 3, 100.0, 1.0, 1.0), (2, 3, 7000.0, 2.0, 1.0)]) == [False, True]


def test_pairs_do_not_mix_and_have_no_order() -> None:
    assert surplus([
        (0, 1, 10.0, 2.0, 1.0), (1, 0, 20.0, 1.0, 1.0), (0, 2, 30.0, 3.0, 1.0),
    ]) == [True, False, False]  # fmt: skip


def test_no_rows() -> None:
    none, rows = np.empty(0), np.empty(0, np.int64)
    assert find_surplus(rows, rows, none, none, none, MEAN_MOTION).tolist() == []


# ---------------------------------------------------------------- many rows


def many(rng: np.random.Generator, m: int = 3000) -> tuple[NDArray[Any], ...]:
    """Rows of 6 objects in two days, a third of them fast, with ties of the miss distance."""
    a = rng.integers(0, 6, m)
    b = (a + rng.integers(1, 6, m)) % 6
    tca = rng.choice(np.arange(172_800 * 4), m, replace=False) / 4.0
    return a, b, tca, np.round(rng.random(m) * 50.0), rng.random(m) * 15.0, rng.random(6) * 16.0


def test_equal_to_a_slow_twin(rng: np.random.Generator) -> None:
    a, b, tca, miss, speed, mean_motion = many(rng)
    best: dict[tuple[int, int, int], tuple[float, float, int]] = {}
    for k in np.flatnonzero(speed < 10.0).tolist():
        i, j = sorted((int(a[k]), int(b[k])))
        period = 86400.0 / max(mean_motion[i], mean_motion[j])
        key = (i, j, int(tca[k] // period))
        best[key] = min(best.get(key, (np.inf, np.inf, -1)), (miss[k], tca[k], k))
    stay = {k for _, _, k in best.values()} | set(np.flatnonzero(speed >= 10.0).tolist())
    found = find_surplus(a, b, tca, miss, speed, mean_motion)
    assert 100 < found.sum() < len(found) - 100
    assert set(np.flatnonzero(~found).tolist()) == stay


def test_order_of_rows_and_members_does_not_show(rng: np.random.Generator) -> None:
    a, b, *rest, mean_motion = many(rng)
    found = find_surplus(a, b, *rest, mean_motion)
    order = rng.permutation(len(a))
    swap = rng.random(len(a)) < 0.5
    first, second = np.where(swap, b, a)[order], np.where(swap, a, b)[order]
    mixed = find_surplus(first, second, *(column[order] for column in rest), mean_motion)
    np.testing.assert_array_equal(mixed, found[order])


@pytest.mark.parametrize("end", [40_000.0, 100_000.0])
def test_a_longer_run_changes_only_the_last_revolution(
    rng: np.random.Generator, end: float
) -> None:
    a, b, tca, *rest, mean_motion = many(rng)
    found = find_surplus(a, b, tca, *rest, mean_motion)
    early = tca < end
    short = find_surplus(
        a[early], b[early], tca[early], *(column[early] for column in rest), mean_motion
    )
    rate = np.maximum(mean_motion[a], mean_motion[b]) / 86400.0
    changed = (short != found[early]).nonzero()[0]
    assert (np.floor(tca[early] * rate[early]) == np.floor(end * rate[early]))[changed].all()
