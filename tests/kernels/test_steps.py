"""The walk through steps: states within GRAIN, and bounds that hold everywhere in the step."""

from __future__ import annotations

import numpy as np
import pytest

from tests.kernels.segments import MU, fit, kepler_states, lines_of, random_orbits
from tracss_hpc.ephemeris.steps import FIELDS, StepWalker

X, V, LOW, HIGH, TRAVEL, GRAIN, FORCE = slice(0, 3), slice(3, 6), 6, 7, 8, 9, 10


def test_a_circular_orbit_by_hand() -> None:
    """At (r, 0, 0) with speed v along y in mid-step: |x| stays r, the way is v h."""
    motion = np.sqrt(MU / 7000.0**3)
    elements = np.array([[7000.0, 0.0, 0.0, 0.0, 0.0, -30.0 * motion]])
    line = lines_of(elements, np.array([0.0, 60.0]))[0, 0]
    np.testing.assert_allclose(line[X], [7000.0, 0.0, 0.0], atol=line[GRAIN])
    np.testing.assert_allclose(line[V], [0.0, 7000.0 * motion, 0.0], atol=1e-5)
    assert 6999.9 < line[LOW] < 7000.0 < line[HIGH] < 7000.1
    assert line[TRAVEL] == pytest.approx(30.0 * 7000.0 * motion, abs=0.05)
    assert 0.007 < line[GRAIN] < 0.03
    assert 1e-6 <= line[FORCE] < 2e-6  # nothing but the two-body force, and the bound's spare
    assert len(FIELDS) == FORCE + 1


@pytest.mark.parametrize("length", [20.0, 300.0, 1400.0, 2900.0])
def test_states_are_the_true_ones_within_their_grain(
    rng: np.random.Generator, length: float
) -> None:
    n = 83
    elements = random_orbits(rng, n)
    edges = np.linspace(0.0, 6000.0, 101)
    truth = kepler_states(elements, 0.5 * (edges[1:] + edges[:-1])).transpose(0, 2, 1)
    lines = StepWalker(fit(elements, 0.0, 6000.0, length)).advance(edges)[:, :n]
    error = lines[:, :, :6].astype(np.float64) - truth
    for t in (-30.0, 0.0, 30.0):
        away = np.linalg.norm(error[:, :, X] + t * error[:, :, V], axis=2)
        assert (away <= lines[:, :, GRAIN]).all()
    assert np.median(lines[:, :, GRAIN]) < (0.05 if length < 1500.0 else 0.1)


def test_batches_change_no_bit(rng: np.random.Generator) -> None:
    stop = np.full(50, 3000.0)
    stop[3] = 1500.0
    segments = fit(random_orbits(rng, 50), 0.0, stop, 170.0)
    edges = np.linspace(-60.0, 3060.0, 53)
    whole = StepWalker(segments).advance(edges).copy()
    walker, parts = StepWalker(segments), []
    for first, last in ((0, 1), (1, 9), (9, 33), (33, 52)):
        parts.append(walker.advance(edges[first : last + 1]).copy())
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    # And each object knows its segment at the end of a batch.
    begun = segments.begin[walker.segment]
    assert (begun <= edges[-1]).all()


def test_missing_at_either_end_is_missing(rng: np.random.Generator) -> None:
    n = 18  # more than one block of lanes, not two full ones
    stop = np.full(n, 500.0)
    stop[1], stop[2], stop[17] = 300.0, 299.0, -np.inf
    segments = fit(random_orbits(rng, n), 100.0, stop, 100.0)
    lines = StepWalker(segments).advance(np.arange(40.0, 641.0, 60.0))[:, :, : len(FIELDS)]
    there = np.isfinite(lines).all(axis=2)
    assert (there == np.isfinite(lines[:, :, TRAVEL])).all()
    #        40    100    160    220    280    340    400    460    520    580
    usual = [False, True, True, True, True, True, True, False, False, False]
    assert there[:, 0].tolist() == usual
    assert there[:, 16].tolist() == usual
    assert there[:, 1].tolist() == [False, True, True, True, *[False] * 6]
    assert there[:, 2].tolist() == [False, True, True, True, *[False] * 6]
    assert not there[:, 17:].any()
    exact = StepWalker(segments).advance(np.array([180.0, 240.0, 300.0, 360.0]))
    assert np.isfinite(exact[:, 1, TRAVEL]).tolist() == [True, True, False]
    assert np.isfinite(exact[:, 2, TRAVEL]).tolist() == [True, False, False]


def test_no_segments_at_all() -> None:
    segments = fit(random_orbits(np.random.default_rng(1), 1), 0.0, -np.inf, 100.0)
    assert len(segments.begin) == 0
    lines = StepWalker(segments).advance(np.array([0.0, 60.0]))
    assert np.isnan(lines).all()


@pytest.mark.parametrize("step", [10.0, 60.0, 120.0, 240.0])
def test_bounds_hold_everywhere_in_the_step(rng: np.random.Generator, step: float) -> None:
    n = 600
    elements = random_orbits(rng, n, eccentric=0.6)
    # A third of the eccentric ones pass perigee within the step.
    near = np.arange(0, n, 3)
    motion = np.sqrt(MU / elements[near, 0] ** 3)
    elements[near, 5] = -motion * rng.uniform(0.0, step, len(near))
    line = lines_of(elements, np.array([0.0, step]))[0, :n].T.astype(np.float64)
    times = np.linspace(0.0, step, 241)
    dense = kepler_states(elements, times)
    r = np.linalg.norm(dense[:, :3], axis=1)
    assert (r.min(axis=0) >= line[LOW]).all()
    assert (r.max(axis=0) <= line[HIGH]).all()
    middle = kepler_states(elements, np.array([0.5 * step]))[0, :3]
    way = np.linalg.norm(dense[:, :3] - middle, axis=1).max(axis=0)
    assert (way <= line[TRAVEL]).all()
    if step <= 60.0:  # and they are worth having
        assert np.median(line[HIGH] - line[LOW] - np.ptp(r, axis=0)) < 3.0
        assert np.median(line[TRAVEL] - way) < 3.0
