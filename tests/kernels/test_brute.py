"""The exhaustive search against dense sampling of two-body motion."""

from __future__ import annotations

import numpy as np

from tests.kernels.segments import kepler_states, random_orbits
from tests.kernels.test_close_approach import crossing
from tracss_hpc.kernels import brute

STEP = 60.0
FIRST = 2 * STEP  # sample 2 is the window's start


def approaches(r: np.ndarray, i: int, rho: np.ndarray) -> list[tuple[int, float]]:
    n = r.shape[2]
    chord = np.linalg.norm(np.diff(r, axis=0), axis=1)
    speed = np.nan_to_num(np.nanmax(np.vstack([chord, np.zeros(n)]), axis=0)) * 1.01 / STEP
    pairs, t = np.empty((500, 2), dtype=np.int32), np.empty(500)
    count = brute.approaches(r, np.array([i]), False, STEP, speed, rho, pairs, t)
    assert count <= 500
    assert (pairs[:count, 0] == i).all()
    return list(zip(pairs[:count, 1].tolist(), t[:count].tolist(), strict=True))


def test_every_minimum_in_reach_and_none_far_away(rng: np.random.Generator) -> None:
    n = 50
    elements = crossing(rng, n)
    r = np.ascontiguousarray(kepler_states(elements, np.arange(0.0, 901.0, STEP))[:, :3])
    rho = np.full(2 * n, 20.0)
    dense = np.arange(FIRST, 901.0 - 2 * STEP, 0.05)
    positions = kepler_states(elements, dense)[:, :3]
    hits = 0
    for i in range(0, 2 * n, 2):
        found = approaches(r, i, rho)
        for j in range(2 * n):
            d = np.linalg.norm(positions[:, :, j] - positions[:, :, i], axis=1)
            low = np.flatnonzero((d[1:-1] < d[:-2]) & (d[1:-1] <= d[2:])) + 1
            expected = [(dense[k] - FIRST, d[k]) for k in low if d[k] <= 20.0]
            got = [t for q, t in found if q == j]
            for t, _ in expected:
                assert min((abs(t - x) for x in got), default=np.inf) < 0.5, (i, j, t)
            for x in got:
                k = int(np.argmin(np.abs(dense - FIRST - x)))
                assert d[k] <= 20.0 + 0.5, (i, j, x)
            hits += len(expected)
    assert hits > 25


def test_missing_positions_end_a_trajectory(rng: np.random.Generator) -> None:
    elements = crossing(rng, 20)
    r = np.ascontiguousarray(kepler_states(elements, np.arange(0.0, 901.0, STEP))[:, :3])
    rho = np.full(40, 20.0)
    before = [approaches(r, i, rho) for i in range(0, 40, 2)]
    assert sum(any(j == i + 1 for j, _ in b) for i, b in zip(range(0, 40, 2), before, strict=True))
    r[8:, :, 1::2] = np.nan  # 480 s on: the meetings at 400 s stay
    after = [approaches(r, i, rho) for i in range(0, 40, 2)]
    for i, (b, a) in enumerate(zip(before, after, strict=True)):
        own = [t for j, t in b if j == 2 * i + 1]
        np.testing.assert_allclose([t for j, t in a if j == 2 * i + 1], own, atol=0.2)
    r[5:, :, 1::2] = np.nan  # 300 s on: they are gone
    assert not any(j % 2 for i in range(0, 40, 2) for j, _ in approaches(r, i, rho))


def test_a_full_buffer_says_how_much_is_needed(rng: np.random.Generator) -> None:
    n = 30
    elements = np.repeat(random_orbits(rng, 1, eccentric=0.0), n, axis=0)
    elements[:, 4:] = 0.0
    elements[:, 2] += rng.uniform(-0.05, 0.05, n)  # all cross at their node, at t = 0
    r = np.ascontiguousarray(kepler_states(elements, np.arange(-6.0, 7.0) * STEP)[:, :3])
    rho, speed = np.full(n, 500.0), np.full(n, 9.0)
    own = np.array([0])
    none, t = np.empty((0, 2), dtype=np.int32), np.empty(0)
    needed = brute.approaches(r, own, False, STEP, speed, rho, none, t)
    pairs, t = np.empty((needed, 2), dtype=np.int32), np.empty(needed)
    assert needed > 10
    assert brute.approaches(r, own, False, STEP, speed, rho, pairs, t) == needed
    assert 0 not in pairs[:, 1]


def test_each_pair_once_or_from_both_sides(rng: np.random.Generator) -> None:
    n = 24
    r = np.ascontiguousarray(kepler_states(crossing(rng, n), np.arange(0.0, 901.0, STEP))[:, :3])
    rho, speed = np.full(2 * n, 20.0), np.full(2 * n, 11.0)
    pairs, t = np.empty((1000, 2), dtype=np.int32), np.empty(1000)
    rows = np.arange(2 * n)
    once = brute.approaches(r, rows, True, STEP, speed, rho, pairs, t)
    events = sorted(zip(*pairs[:once].T.tolist(), t[:once].tolist(), strict=True))
    assert all(a < b for a, b, _ in events)
    both = brute.approaches(r, rows, False, STEP, speed, rho, pairs, t)
    assert both == 2 * once > 10
    half = [x for x in zip(*pairs[:both].T.tolist(), t[:both].tolist(), strict=True) if x[0] < x[1]]
    assert sorted(half) == events
