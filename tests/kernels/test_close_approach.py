"""Minima of distance against dense sampling; the pair filters against what they may not drop."""

from __future__ import annotations

import numpy as np
import pytest

from tests.kernels.segments import MU, Segments, fit, kepler_states, planes_of, random_orbits
from tracss_hpc.kernels import close_approach, nodes


def minima(
    s: Segments,
    pairs: np.ndarray,
    step: tuple[float, float],
    half: np.ndarray,
    *,
    box: bool = False,
    prefilter: bool = True,
    capacity: int = 1000,
    guess: np.ndarray | None = None,
) -> tuple[list[tuple[int, int, float]], int]:
    """Minima by halving, or by Newton from a guess [s from the middle] of each pair."""
    rho = (np.linalg.norm(half, axis=1) if box else half.max(axis=1)).astype(np.float32)
    guess = np.empty(0) if guess is None else guess
    found, t = np.empty((capacity, 2), dtype=np.int32), np.empty(capacity)
    count = close_approach.find_minima(
        pairs, np.arange(len(pairs), dtype=np.int32), guess, *step, s.offset, s.offset[1:] - 1,
        s.begin, s.mid, s.inv_half, s.coef, half, rho, box, MU, 5e-4, found, t, prefilter,
    )  # fmt: skip
    rows = range(min(count, capacity))
    return [(int(found[k, 0]), int(found[k, 1]), float(t[k])) for k in rows], count


def dense_minima(s: Segments, pair: tuple[int, int], a: float, b: float) -> list[float]:
    """Times of local minima of |dr| on the polynomials, by sampling each 50 ms."""
    t = np.arange(a - 0.1, b + 0.1, 0.05)
    out = np.empty((len(t), 6, len(s.stop)))
    nodes.evaluate(s.offset, s.begin, s.mid, s.inv_half, s.coef, s.stop, t, out)
    d = out[:, :, pair[1]] - out[:, :, pair[0]]
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
    segments = fit(crossing(rng, n), 0.0, 800.0, 130.0)
    pairs = np.arange(2 * n, dtype=np.int32).reshape(n, 2)
    found, count = minima(segments, pairs, step, np.full((2 * n, 3), 30.0), box=box)
    assert count == len(found)
    for pair in map(tuple, pairs.tolist()):
        expected = dense_minima(segments, pair, *step)
        got = sorted(t for i, j, t in found if (i, j) == pair)
        assert len(got) == len(expected), pair
        np.testing.assert_allclose(got, expected, atol=1e-4)
    assert count > 10


@pytest.mark.parametrize("box", [False, True])
@pytest.mark.parametrize("prefilter", [False, True])
@pytest.mark.parametrize("step", [(370.0, 430.0), (340.0, 460.0), (399.9, 400.1)])
def test_newton_finds_what_halving_finds(
    rng: np.random.Generator, step: tuple[float, float], box: bool, prefilter: bool
) -> None:
    """From any guess in the step; only a minimum next to a face may be judged otherwise."""
    n = 200
    segments = fit(crossing(rng, n), 0.0, 800.0, 130.0)
    pairs = np.arange(2 * n, dtype=np.int32).reshape(n, 2)
    half = np.tile([3.0, 25.0, 25.0] if box else [30.0, 30.0, 30.0], (2 * n, 1))
    halving, _ = minima(segments, pairs, step, half, box=box, prefilter=prefilter)
    wide, _ = minima(segments, pairs, step, half + 0.5, box=box, prefilter=prefilter)
    width = 0.5 * (step[1] - step[0])
    best = np.array([dense_minima(segments, (2 * k, 2 * k + 1), *step)[:1] or [400.0]
                     for k in range(n)])[:, 0] - 0.5 * (step[0] + step[1])  # fmt: skip
    for guess in (best, best + rng.normal(0.0, 0.05, n), rng.uniform(-width, width, n)):
        got, _ = minima(
            segments, pairs, step, half, box=box, prefilter=prefilter,
            guess=np.clip(guess, -width, width),
        )  # fmt: skip
        times = {(i, j): t for i, j, t in got}
        assert len(times) == len(got)
        for i, j, t in halving:
            assert times[i, j] == pytest.approx(t, abs=2e-5)
        assert set(times) <= {(i, j) for i, j, _ in wide}
    assert len(halving) > 5


def test_slow_pairs_with_several_minima() -> None:
    """Made-up polynomials that wobble within a step: every minimum is isolated, none twice."""
    s = fit(random_orbits(np.random.default_rng(5), 2, eccentric=0.0), 0.0, 120.0, 120.0)
    t = np.linspace(-1.0, 1.0, 2001)
    first = slice(s.offset[0], s.offset[1])
    second = slice(s.offset[1], s.offset[2])
    one = Segments(
        np.array([0, 1, 2], dtype=np.int64), np.zeros(2), np.full(2, 60.0), np.full(2, 1 / 60.0),
        np.concatenate([s.coef[first][:1], s.coef[first][:1]]), np.full(2, 120.0),
    )  # fmt: skip
    assert s.coef[second].size
    wobble = np.zeros(13)
    wobble[[0, 5]] = 1.0, 0.004  # km: extrema of T5, four metres either side of one kilometre
    one.coef[1, 0] += wobble
    distance = np.polynomial.chebyshev.chebval(t, wobble)
    low = np.flatnonzero((distance[1:-1] < distance[:-2]) & (distance[1:-1] <= distance[2:])) + 1
    expected = 60.0 + 60.0 * t[low]
    assert len(expected) == 2
    pairs = np.array([[0, 1]], dtype=np.int32)
    found, _ = minima(one, pairs, (0.0, 120.0), np.full((2, 3), 5.0))
    np.testing.assert_allclose(sorted(t for _, _, t in found), expected, atol=0.06)
    halves = [
        t
        for step in ((0.0, 40.0), (40.0, 80.0), (80.0, 120.0))
        for _, _, t in minima(one, pairs, step, np.full((2, 3), 5.0))[0]
    ]
    np.testing.assert_allclose(halves, expected, atol=0.06)


def test_constant_distance_has_no_minimum() -> None:
    s = fit(random_orbits(np.random.default_rng(5), 1), 0.0, 120.0, 60.0)
    twins = Segments(
        np.array([0, 2, 4], dtype=np.int64), np.tile(s.begin, 2), np.tile(s.mid, 2),
        np.tile(s.inv_half, 2), np.tile(s.coef, (2, 1, 1)), np.full(2, 120.0),
    )  # fmt: skip
    pairs = np.array([[0, 1]], dtype=np.int32)
    assert minima(twins, pairs, (0.0, 60.0), np.full((2, 3), 5.0)) == ([], 0)


def test_prefilter_drops_only_what_lies_outside(rng: np.random.Generator) -> None:
    n = 80
    segments = fit(crossing(rng, n), 0.0, 800.0, 130.0)
    pairs = np.arange(2 * n, dtype=np.int32).reshape(n, 2)
    half = np.tile([0.4, 25.0, 25.0], (2 * n, 1))
    without, _ = minima(segments, pairs, (370.0, 430.0), half, box=True, prefilter=False)
    with_it, _ = minima(segments, pairs, (370.0, 430.0), half, box=True)
    assert set(with_it) <= set(without)
    for i, j, t in set(without) - set(with_it):
        out = np.empty((1, 6, 2 * n))
        nodes.evaluate(
            segments.offset, segments.begin, segments.mid, segments.inv_half, segments.coef,
            segments.stop, np.array([t]), out,
        )  # fmt: skip
        for own, other in ((i, j), (j, i)):
            r, v = out[0, :3, own], out[0, 3:, own]
            d = out[0, :3, other] - r
            normal = np.cross(r, v) / np.linalg.norm(np.cross(r, v))
            radial = r / np.linalg.norm(r)
            rtn = np.abs([d @ radial, d @ np.cross(normal, radial), d @ normal])
            assert (rtn > half[own]).any()


def test_those_who_cannot_catch_have_no_minima(rng: np.random.Generator) -> None:
    segments = fit(crossing(rng, 4), 0.0, 800.0, 130.0)
    pairs = np.arange(8, dtype=np.int32).reshape(4, 2)
    t = np.empty(10)
    count = close_approach.find_minima(
        pairs, np.arange(4, dtype=np.int32), np.empty(0), 370.0, 430.0, segments.offset,
        segments.offset, segments.begin, segments.mid, segments.inv_half, segments.coef,
        np.full((8, 3), 9.0), np.full(8, -np.inf, dtype=np.float32), False, MU, 5e-4,
        np.empty((10, 2), dtype=np.int32), t, True,
    )  # fmt: skip
    assert count == 0


def test_a_full_buffer_says_how_much_is_needed(rng: np.random.Generator) -> None:
    segments = fit(crossing(rng, 30), 0.0, 800.0, 130.0)
    pairs = np.arange(60, dtype=np.int32).reshape(30, 2)
    half = np.full((60, 3), 30.0)
    found, count = minima(segments, pairs, (370.0, 430.0), half)
    some, needed = minima(segments, pairs, (370.0, 430.0), half, capacity=2)
    assert needed == count
    assert some == found[:2]


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
    plane = planes_of(elements, np.array([a, a + step]))[0]
    pairs = np.arange(2 * n, dtype=np.int32).reshape(n, 2)
    rho = np.full(2 * n, 30.0, dtype=np.float32)
    kept, guess, passed = np.empty(n, dtype=np.int32), np.empty(n), np.zeros(2, dtype=np.int64)
    count = close_approach.filter_pairs(
        pairs, n, plane, rho, 0.5 * step, MU, 5e-4, kept, guess, passed,
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
