"""Minima of distance against dense sampling; the pair filters against what they may not drop."""

from __future__ import annotations

import numpy as np
import pytest

from tests.kernels.segments import (
    MU,
    KeplerTrajectories,
    fit,
    kepler_states,
    lines_of,
    random_orbits,
)
from tracss_hpc.ephemeris.steps import StepWalker
from tracss_hpc.kernels import close_approach
from tracss_hpc.screening.minima import Candidates, Shapes, find_minima


def minima(
    trajectories: object,
    pairs: np.ndarray,
    step: tuple[float, float],
    half: np.ndarray,
    *,
    box: bool = False,
    prefilter: bool = True,
    guess: np.ndarray | None = None,
) -> list[tuple[int, int, float]]:
    """Minima by halving, or by Newton from a guess [s from the middle] of each pair."""
    rho = (np.linalg.norm(half, axis=1) if box else half.max(axis=1)).astype(np.float32)
    n, middle = len(pairs), 0.5 * (step[0] + step[1])
    guess = np.full(n, np.nan) if guess is None else middle + guess
    candidates = Candidates(pairs, np.full(n, step[0]), np.full(n, step[1]), guess)
    found, t = find_minima(
        trajectories, candidates, Shapes(half, rho, box), prefilter=prefilter,  # type: ignore
    )  # fmt: skip
    return [(int(i), int(j), float(at)) for (i, j), at in zip(found, t, strict=True)]


def dense_minima(elements: np.ndarray, pair: tuple[int, int], a: float, b: float) -> list[float]:
    """Times of local minima of |dr| in two-body motion, by sampling each 50 ms."""
    t = np.arange(a - 0.1, b + 0.1, 0.05)
    out = kepler_states(elements[list(pair)], t)
    d = out[:, :, 1] - out[:, :, 0]
    f = (d[:, :3] * d[:, 3:]).sum(axis=1)
    k = np.flatnonzero((f[:-1] < 0.0) & (f[1:] >= 0.0))
    times = t[k] - f[k] * 0.05 / (f[k + 1] - f[k])
    return [float(x) for x in times if a <= x < b]


def crossing(rng: np.random.Generator, n: int) -> np.ndarray:
    """Elements of n pairs, rows 2k and 2k + 1, that meet within 40 s of t = 400."""
    base = random_orbits(rng, n, eccentric=0.3)
    other = base.copy()
    other[:, 2:4] += rng.uniform(-0.4, 0.4, (n, 2))
    both = np.empty((2 * n, 6))
    both[::2], both[1::2] = base, other
    # Put both on the line where the planes cross.
    for k in range(n):
        w = []
        for row in both[2 * k : 2 * k + 2]:
            tilt, node = row[2], row[3]
            w.append([np.sin(tilt) * np.sin(node), -np.sin(tilt) * np.cos(node), np.cos(tilt)])
        line = np.cross(*w)
        line /= np.linalg.norm(line)
        for row in both[2 * k : 2 * k + 2]:
            node = np.array([np.cos(row[3]), np.sin(row[3]), 0.0])
            ahead = np.cross(
                [np.sin(row[2]) * np.sin(row[3]), -np.sin(row[2]) * np.cos(row[3]), np.cos(row[2])],
                node,
            )
            u = np.arctan2(line @ ahead, line @ node)
            row[4] = u  # at perigee there, at t = 400 or a little before or after
            row[5] = -np.sqrt(MU / row[0] ** 3) * (400.0 + rng.normal() * 0.3)
    return both


@pytest.mark.parametrize("step", [(370.0, 430.0), (340.0, 460.0), (399.9, 400.1)])
@pytest.mark.parametrize("box", [False, True])
def test_fast_minima(rng: np.random.Generator, step: tuple[float, float], box: bool) -> None:
    n = 60
    elements = crossing(rng, n)
    pairs = np.arange(2 * n, dtype=np.int32).reshape(n, 2)
    found = minima(KeplerTrajectories(elements), pairs, step, np.full((2 * n, 3), 30.0), box=box)
    for pair in map(tuple, pairs.tolist()):
        expected = dense_minima(elements, pair, *step)
        got = sorted(t for i, j, t in found if (i, j) == pair)
        assert len(got) == len(expected), pair
        np.testing.assert_allclose(got, expected, atol=1e-4)
    assert len(found) > 10


@pytest.mark.parametrize("box", [False, True])
@pytest.mark.parametrize("prefilter", [False, True])
@pytest.mark.parametrize("step", [(370.0, 430.0), (340.0, 460.0), (399.9, 400.1)])
def test_newton_finds_what_halving_finds(
    rng: np.random.Generator, step: tuple[float, float], box: bool, prefilter: bool
) -> None:
    """From any guess in the step; only a minimum next to a face may be judged otherwise."""
    n = 200
    elements = crossing(rng, n)
    motion = KeplerTrajectories(elements)
    pairs = np.arange(2 * n, dtype=np.int32).reshape(n, 2)
    half = np.tile([3.0, 25.0, 25.0] if box else [30.0, 30.0, 30.0], (2 * n, 1))
    halving = minima(motion, pairs, step, half, box=box, prefilter=prefilter)
    wide = minima(motion, pairs, step, half + 0.5, box=box, prefilter=prefilter)
    width = 0.5 * (step[1] - step[0])
    best = np.array([dense_minima(elements, (2 * k, 2 * k + 1), *step)[:1] or [400.0]
                     for k in range(n)])[:, 0] - 0.5 * (step[0] + step[1])  # fmt: skip
    for guess in (best, best + rng.normal(0.0, 0.05, n), rng.uniform(-width, width, n)):
        got = minima(
            motion, pairs, step, half, box=box, prefilter=prefilter,
            guess=np.clip(guess, -width, width),
        )  # fmt: skip
        times = {(i, j): t for i, j, t in got}
        assert len(times) == len(got)
        for i, j, t in halving:
            assert times[i, j] == pytest.approx(t, abs=2e-5)
        assert set(times) <= {(i, j) for i, j, _ in wide}
    assert len(halving) > 5


class Wobbling(KeplerTrajectories):
    """One circular orbit twice, the second a kilometre off along x, and off T5 by four metres."""

    def positions(self, objects: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `GPTrajectories.positions`."""
        r, code = super().positions(np.zeros_like(objects), t)
        off = 1.0 + 0.004 * np.polynomial.chebyshev.chebval(t / 60.0 - 1.0, np.eye(6)[5])
        r[:, 0] += np.where(objects[:, None] == 1, off, 0.0)
        return r, code


def test_slow_pairs_with_several_minima() -> None:
    """A distance that wobbles within a step: every minimum is isolated, none twice."""
    motion = Wobbling(random_orbits(np.random.default_rng(5), 2, eccentric=0.0))
    x = np.linspace(-1.0, 1.0, 2001)
    distance = np.polynomial.chebyshev.chebval(x, np.eye(6)[5])
    low = np.flatnonzero((distance[1:-1] < distance[:-2]) & (distance[1:-1] <= distance[2:])) + 1
    expected = 60.0 + 60.0 * x[low]
    assert len(expected) == 2
    pairs = np.array([[0, 1]], dtype=np.int32)
    found = minima(motion, pairs, (0.0, 120.0), np.full((2, 3), 5.0))
    np.testing.assert_allclose(sorted(t for _, _, t in found), expected, atol=0.06)
    halves = [
        t
        for step in ((0.0, 40.0), (40.0, 80.0), (80.0, 120.0))
        for _, _, t in minima(motion, pairs, step, np.full((2, 3), 5.0))
    ]
    np.testing.assert_allclose(halves, expected, atol=0.06)


def test_constant_distance_has_no_minimum() -> None:
    twins = KeplerTrajectories(np.tile(random_orbits(np.random.default_rng(5), 1), (2, 1)))
    pairs = np.array([[0, 1]], dtype=np.int32)
    assert minima(twins, pairs, (0.0, 60.0), np.full((2, 3), 5.0)) == []


def outside(elements: np.ndarray, i: int, j: int, t: float, half: np.ndarray) -> bool:
    """Whether neither object lies in the other's box."""
    both = kepler_states(elements[[i, j]], np.array([t]))[0]
    for own, other in ((0, 1), (1, 0)):
        r, v = both[:3, own], both[3:, own]
        d = both[:3, other] - r
        normal = np.cross(r, v) / np.linalg.norm(np.cross(r, v))
        radial = r / np.linalg.norm(r)
        if (np.abs([d @ radial, d @ np.cross(normal, radial), d @ normal]) <= half).all():
            return False
    return True


def test_prefilter_drops_only_what_lies_outside(rng: np.random.Generator) -> None:
    n = 80
    elements = crossing(rng, n)
    elements[1::2, 0] += rng.uniform(-3.0, 3.0, n)
    motion = KeplerTrajectories(elements)
    pairs = np.arange(2 * n, dtype=np.int32).reshape(n, 2)
    half = np.tile([0.4, 25.0, 25.0], (2 * n, 1))
    without = minima(motion, pairs, (370.0, 430.0), half, box=True, prefilter=False)
    with_it = minima(motion, pairs, (370.0, 430.0), half, box=True)
    assert set(with_it) < set(without)
    for i, j, t in set(without) - set(with_it):
        assert outside(elements, i, j, t, half[0])


def test_those_who_cannot_catch_have_no_minima(rng: np.random.Generator) -> None:
    motion = KeplerTrajectories(crossing(rng, 4))
    pairs = np.arange(8, dtype=np.int32).reshape(4, 2)
    begin, none = np.full(4, 370.0), np.full(4, np.nan)
    nobody = Shapes(np.full((8, 3), 9.0), np.full(8, -np.inf, dtype=np.float32), False)
    pair, t = find_minima(motion, Candidates(pairs, begin, begin + 60.0, none), nobody)  # type: ignore
    assert len(pair) == len(t) == 0


def test_a_full_buffer_says_how_much_is_needed(rng: np.random.Generator) -> None:
    n = 30
    motion = KeplerTrajectories(crossing(rng, n))
    pairs = np.arange(2 * n, dtype=np.int32).reshape(n, 2)
    nodes = 400.0 + 30.0 * close_approach.NODE_X
    r, _ = motion.positions(pairs.ravel(), np.tile(nodes, (2 * n, 1)))
    results = []
    for room in (100, 2):
        rows, t, rough = np.zeros(room, dtype=np.int32), np.zeros(room), np.empty(n, dtype=np.int32)
        counts = close_approach.find_minima(
            pairs, r.reshape(n, 2, 3, -1), np.full(n, 370.0), np.full(n, 430.0), np.full(n, np.nan),
            np.full((2 * n, 3), 30.0), np.full(2 * n, 30.0, dtype=np.float32), False, 2.0,
            rows, t, rough,
        )  # fmt: skip
        results.append((counts, rows[:2].tolist(), t[:2].tolist()))
    assert results[0] == results[1]
    assert results[0][0][0] > 2


def test_a_rough_interval_is_given_back() -> None:
    """A jump in mid-interval: not followed by eight terms, unless the interval is short."""
    motion = KeplerTrajectories(random_orbits(np.random.default_rng(1), 2))
    nodes = 60.0 + 60.0 * close_approach.NODE_X
    r, _ = motion.positions(np.arange(2), np.tile(nodes, (2, 1)))
    r[1, :, 4:] += 0.02
    for shortest, expected in ((2.0, 1), (121.0, 0)):
        rough = np.empty(1, dtype=np.int32)
        _, roughs = close_approach.find_minima(
            np.array([[0, 1]], dtype=np.int32), r.reshape(1, 2, 3, -1), np.zeros(1),
            np.full(1, 120.0), np.full(1, np.nan), np.full((2, 3), 30.0),
            np.full(2, 30.0, dtype=np.float32), False, shortest, np.empty(4, dtype=np.int32),
            np.empty(4), rough,
        )  # fmt: skip
        assert roughs == expected


@pytest.mark.parametrize("box", [False, True])
@pytest.mark.parametrize("step", [60.0, 120.0, 240.0])
def test_dismissed_pairs_have_no_minimum_in_a_volume(
    rng: np.random.Generator, step: float, box: bool
) -> None:
    n = 300
    elements = crossing(rng, n)
    elements[1::2, 0] += rng.uniform(-4.0, 4.0, n)
    a = 400.0 - rng.uniform(0.2, 0.8) * step
    half = np.tile([0.4, 25.0, 25.0] if box else [3.0, 3.0, 3.0], (2 * n, 1))
    rho = np.full(2 * n, 36.0 if box else 3.0, dtype=np.float32)
    pairs = np.arange(2 * n, dtype=np.int32).reshape(n, 2)
    ephemeris = fit(elements, a, a + step, 700.0)
    walker = StepWalker(ephemeris)
    line = walker.advance(np.array([a, a + step]))[0]
    kept, guess, passed = np.empty(n, dtype=np.int32), np.empty(n), np.zeros(3, dtype=np.int64)
    count = close_approach.filter_pairs(pairs, n, line, rho, 0.5 * step, MU, kept, guess, passed)
    before = set(kept[:count].tolist())
    left = close_approach.dismiss_pairs(
        pairs, count, line, a, a + step, ephemeris.offset, walker.segment, ephemeris.record,
        half, rho, box, MU, kept, guess,
    )  # fmt: skip
    after = set(kept[:left].tolist())
    assert after <= before
    found = minima(KeplerTrajectories(elements), pairs, (a, a + step), half, box=box)
    assert {i // 2 for i, _, _ in found} <= after
    assert len(found) > 5
    assert left < count


@pytest.mark.parametrize("step", [30.0, 60.0, 120.0])
@pytest.mark.parametrize("off", ["", "chord", "range_rate"])
def test_filters_keep_every_pair_with_a_minimum_in_reach(
    rng: np.random.Generator, step: float, off: str
) -> None:
    n = 200
    elements = crossing(rng, n)
    # Shift some so that they pass tens to hundreds of kilometres apart, or at another time.
    elements[1::2, 5] += rng.choice([0.0, 1e-3, 1e-2, 0.1], n)
    a = 400.0 - rng.uniform(0.0, step)
    line = lines_of(elements, np.array([a, a + step]))[0]
    pairs = np.arange(2 * n, dtype=np.int32).reshape(n, 2)
    rho = np.full(2 * n, 30.0, dtype=np.float32)
    kept, guess, passed = np.empty(n, dtype=np.int32), np.empty(n), np.zeros(2, dtype=np.int64)
    count = close_approach.filter_pairs(
        pairs, n, line, rho, 0.5 * step, MU, kept, guess, passed,
        off != "chord", off != "range_rate",
    )  # fmt: skip
    t = np.linspace(a, a + step, 1 + int(step / 0.1))
    must = set()
    for k in range(n):
        both = kepler_states(elements[2 * k : 2 * k + 2], t)
        d = np.linalg.norm(both[:, :3, 1] - both[:, :3, 0], axis=1)
        least = int(np.argmin(d))
        if 0 < least < len(t) - 1 and d[least] < 30.0:
            must.add(k)
    assert must <= set(kept[:count].tolist())
    assert passed[1] == count
    assert n >= passed[0] >= count
    assert len(must) > 20
    if not off:
        assert count < n
