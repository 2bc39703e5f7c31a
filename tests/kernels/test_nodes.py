"""Records of segments against NumPy's Chebyshev series and against motions known by formula."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.polynomial import chebyshev

from tests.kernels.segments import MU, KeplerTrajectories, random_orbits
from tracss_hpc.ephemeris.nodes import _MATRIX, _SAMPLE_X
from tracss_hpc.kernels import nodes

NOISE, DRIFT, FORCE = (3 * nodes.KEPT + k for k in range(3))
HALF = 600.0


def fit(r: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Records, tails and check differences of segments [1000, 2200] s."""
    m = len(r)
    record = np.empty((m, nodes.RECORD_WIDTH), dtype=np.float32)
    tail, check = np.empty(m), np.empty(m)
    begin, end = np.full(m, 1000.0), np.full(m, 1000.0 + 2.0 * HALF)
    nodes.fit(r, _MATRIX, begin, end, MU, record, tail, check)
    return record, tail, check


@pytest.mark.parametrize("m", [0, 1, 2, 257])
def test_fit_is_the_series_through_the_samples(rng: np.random.Generator, m: int) -> None:
    r = rng.normal(size=(m, 3, nodes.NODES + 1))
    record, tail, check = fit(r)
    x = _SAMPLE_X[:-1]
    for s in range(m):
        c = np.linalg.solve(chebyshev.chebvander(x, nodes.NODES - 1), r[s, :, :-1].T)
        power = record[s, : 3 * nodes.KEPT].reshape(3, nodes.KEPT).astype(np.float64)
        cut = chebyshev.chebval(x, c[: nodes.KEPT])
        np.testing.assert_allclose(
            np.polynomial.polynomial.polyval(x, power.T), cut, atol=float(record[s, NOISE])
        )
        assert record[s, NOISE] > np.abs(c[-1]).sum()  # what was cut off
        assert tail[s] == pytest.approx(np.abs(c[-2:]).sum(axis=0).max(), abs=1e-13)
        miss = np.abs(chebyshev.chebval(_SAMPLE_X[-1], c) - r[s, :, -1]).max()
        assert check[s] == pytest.approx(miss, abs=1e-12)


def test_fit_keeps_a_missing_sample(rng: np.random.Generator) -> None:
    r = rng.normal(size=(3, 3, nodes.NODES + 1))
    r[0, 0, -1] = np.nan  # at the check time, first axis
    r[1, 2, 0] = np.nan  # at a node, last axis
    _, tail, check = fit(r)
    assert np.isnan(tail).tolist() == [False, True, False]
    assert np.isnan(check).tolist() == [True, True, False]


def test_times_of_a_record(rng: np.random.Generator) -> None:
    record, _, _ = fit(rng.normal(size=(1, 3, nodes.NODES + 1)))
    times = np.frombuffer(record[0, 3 * nodes.KEPT + 4 :].tobytes()[:24])
    np.testing.assert_allclose(times, [1000.0 + HALF, 1.0 / HALF, 1000.0 + 2.0 * HALF + 1e-6])


@pytest.mark.parametrize("push", [0.0, 1e-4, 1e-3])
def test_force_of_an_orbit_and_of_a_push(rng: np.random.Generator, push: float) -> None:
    """A Kepler orbit has none; a constant acceleration is found, a quarter up."""
    elements = random_orbits(rng, 40, eccentric=0.0)
    times = np.tile(HALF * _SAMPLE_X, (40, 1))
    r, _ = KeplerTrajectories(elements).positions(np.arange(40), times)
    # In a frame that is pushed the two-body force stays where it was: a small part of 1e-3.
    r[:, 0] += 0.5 * push * times**2
    record, _, _ = fit(r)
    assert (record[:, FORCE] >= 0.99 * push).all()
    if not push:
        assert record[:, FORCE].max() < 2e-6
