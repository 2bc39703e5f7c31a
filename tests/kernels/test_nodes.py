"""Evaluation against NumPy's Chebyshev series."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.polynomial import chebyshev

from tests.kernels.segments import MU, fit, random_orbits
from tracss_hpc.kernels import nodes


def evaluate(s: object, times: np.ndarray, n: int) -> np.ndarray:
    out = np.empty((len(times), 6, n))
    nodes.evaluate(s.offset, s.begin, s.mid, s.inv_half, s.coef, s.stop, times, out)
    return out


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 400])
def test_evaluate_is_the_chebyshev_series(rng: np.random.Generator, count: int) -> None:
    n = 7
    segments = fit(random_orbits(rng, n), 0.0, 4000.0, 700.0)
    segments.coef[:] = rng.normal(size=segments.coef.shape)  # any series, not only smooth ones
    times = np.sort(rng.uniform(0.0, 4000.0, count))
    out = evaluate(segments, times, n)
    for i in range(n):
        first, last = segments.offset[i], segments.offset[i + 1]
        for k, t in enumerate(times):
            s = first + np.searchsorted(segments.begin[first:last], t, side="right") - 1
            x = (t - segments.mid[s]) * segments.inv_half[s]
            for axis in range(3):
                c = segments.coef[s, axis]
                assert out[k, axis, i] == pytest.approx(chebyshev.chebval(x, c), abs=1e-12)
                slope = chebyshev.chebval(x, chebyshev.chebder(c)) * segments.inv_half[s]
                assert out[k, axis + 3, i] == pytest.approx(slope, abs=1e-12)


def test_evaluate_is_nan_outside_an_interval(rng: np.random.Generator) -> None:
    segments = fit(random_orbits(rng, 3), 100.0, 500.0, 100.0)
    segments.stop[:] = [500.0, 300.0, -np.inf]
    out = evaluate(segments, np.array([99.9, 100.0, 300.0, 300.1, 500.0, 500.1]), 3)
    assert np.isfinite(out[:, 0]).T.tolist() == [
        [False, True, True, True, True, False],
        [False, True, True, False, False, False],
        [False] * 6,
    ]


def test_evaluate_object_without_segments() -> None:
    out = np.zeros((2, 6, 1))
    empty = np.empty(0)
    nodes.evaluate(
        np.zeros(2, np.int64), empty, empty, empty, np.empty((0, 3, 13)), np.array([-np.inf]),
        np.array([0.0, 1.0]), out,
    )  # fmt: skip
    assert np.isnan(out).all()


@pytest.mark.parametrize("m", [0, 1, 2, 257])
def test_fit_is_the_series_through_the_samples(rng: np.random.Generator, m: int) -> None:
    terms = 13
    x = -np.cos(np.pi * np.arange(terms) / (terms - 1))
    by_node = np.ascontiguousarray(np.linalg.inv(chebyshev.chebvander(x, terms - 1)).T)
    check_row = np.ascontiguousarray(chebyshev.chebvander(np.array([0.12]), terms - 1)[0])
    r = rng.normal(size=(m, 3, terms + 1))
    coef, tail, check = np.empty((m, 3, terms)), np.empty(m), np.empty(m)
    nodes.fit(r, by_node, check_row, coef, tail, check)
    for s in range(m):
        through = chebyshev.chebval(x, coef[s].T)
        np.testing.assert_allclose(through, r[s, :, :terms], atol=1e-13)
        assert tail[s] == pytest.approx(np.abs(coef[s, :, -2:]).sum(axis=1).max(), abs=1e-15)
        miss = np.abs(chebyshev.chebval(0.12, coef[s].T) - r[s, :, terms]).max()
        assert check[s] == pytest.approx(miss, abs=1e-13)


def test_fit_keeps_a_missing_sample(rng: np.random.Generator) -> None:
    r = rng.normal(size=(3, 3, 3))
    r[0, 0, 2] = np.nan  # at the check time, first axis
    r[1, 2, 0] = np.nan  # at a node, last axis
    coef, tail, check = np.empty((3, 3, 2)), np.empty(3), np.empty(3)
    nodes.fit(r, np.eye(2), np.ones(2), coef, tail, check)
    assert np.isnan(tail).tolist() == [False, True, False]
    assert np.isnan(check).tolist() == [True, True, False]


def test_perturb_of_an_orbit_and_of_a_kink(rng: np.random.Generator) -> None:
    """A Kepler orbit has none; a constant acceleration is found; a bent path lacks its bend."""
    terms = 13
    places, weights = np.linspace(-1.0, 1.0, 5), np.array([7.0, 32.0, 12.0, 32.0, 7.0]) / 90.0
    position = np.ascontiguousarray(chebyshev.chebvander(places, terms - 1))
    second = np.array(
        [[chebyshev.chebval(x, chebyshev.chebder(row, 2)) for row in np.eye(terms)] for x in places]
    )
    order = np.arange(terms)
    change = 2.0 * np.where(order % 2 == 0, order**2, 0.0)
    segments = fit(random_orbits(rng, 20), 0.0, 120.0, 120.0)
    coef, half = segments.coef, 1.0 / segments.inv_half
    assert coef.shape[2] == terms
    pushed = coef.copy()
    # r += 0.5 a t^2 with t = half x: x^2 = (T0 + T2) / 2.
    pushed[:, 0, 0] += 0.25 * 1e-3 * half**2
    pushed[:, 0, 2] += 0.25 * 1e-3 * half**2
    found = []
    for series in (coef, pushed):
        smooth, kink = np.empty(len(coef)), np.empty(len(coef))
        nodes.perturb(
            series, segments.inv_half, position, second, change, weights, MU, smooth, kink
        )
        found.append((smooth, kink))
    assert found[0][0].max() < 1e-7
    assert found[0][1].max() < 1e-6
    np.testing.assert_allclose(found[1][0], 1e-3, rtol=1e-2)
    np.testing.assert_allclose(found[1][1], 1e-3 * 2.0 * half, rtol=1e-2)
