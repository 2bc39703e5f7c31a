"""The walk through steps: states within GRAIN, and bounds that hold everywhere in the step."""

from __future__ import annotations

import numpy as np
import pytest

from tests.kernels.segments import MU, fit, kepler_states, planes_of, random_orbits
from tracss_hpc.ephemeris.steps import PLANES, StepWalker
from tracss_hpc.kernels import nodes

X, V, LOW, HIGH, TRAVEL, GRAIN = slice(0, 3), slice(3, 6), 6, 7, 8, 9


def test_a_circular_orbit_by_hand() -> None:
    """At (r, 0, 0) with speed v along y in mid-step: |x| stays r, the way is v h."""
    motion = np.sqrt(MU / 7000.0**3)
    elements = np.array([[7000.0, 0.0, 0.0, 0.0, 0.0, -30.0 * motion]])
    plane = planes_of(elements, np.array([0.0, 60.0]), 0.0)[0, :, 0]
    np.testing.assert_allclose(plane[X], [7000.0, 0.0, 0.0], atol=plane[GRAIN])
    np.testing.assert_allclose(plane[V], [0.0, 7000.0 * motion, 0.0], atol=1e-5)
    assert 6999.9 < plane[LOW] < 7000.0 < plane[HIGH] < 7000.1
    assert plane[TRAVEL] == pytest.approx(30.0 * 7000.0 * motion, abs=0.05)
    assert 0.007 < plane[GRAIN] < 0.03
    assert len(PLANES) == len(plane)


@pytest.mark.parametrize("length", [20.0, 300.0, 1400.0, 2900.0])
def test_states_are_those_of_the_series_within_their_grain(
    rng: np.random.Generator, length: float
) -> None:
    n = 83
    elements = random_orbits(rng, n)
    segments = fit(elements, 0.0, 6000.0, length)
    edges = np.linspace(0.0, 6000.0, 101)
    middle = 0.5 * (edges[1:] + edges[:-1])
    truth = np.empty((100, 6, n))
    nodes.evaluate(
        segments.offset, segments.begin, segments.mid, segments.inv_half, segments.coef,
        segments.stop, middle, truth,
    )  # fmt: skip
    planes = StepWalker(segments, 5e-4).advance(edges)[:, :, :n]  # type: ignore[arg-type]
    error = planes[:, :6].astype(np.float64) - truth
    for t in (-30.0, 0.0, 30.0):
        away = np.linalg.norm(error[:, X] + t * error[:, V], axis=1)
        assert (away <= planes[:, GRAIN]).all()
    if length < 1500.0:
        assert np.median(planes[:, GRAIN]) < 0.05


def test_batches_change_no_bit(rng: np.random.Generator) -> None:
    segments = fit(random_orbits(rng, 50), 0.0, 3000.0, 170.0)
    segments.stop[3] = 1500.0
    edges = np.linspace(-60.0, 3060.0, 53)
    whole = StepWalker(segments, 5e-4).advance(edges).copy()  # type: ignore[arg-type]
    walker, parts = StepWalker(segments, 5e-4), []  # type: ignore[arg-type]
    for first, last in ((0, 1), (1, 9), (9, 33), (33, 52)):
        parts.append(walker.advance(edges[first : last + 1]).copy())
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    # And each object knows its segment at the end of a batch.
    begun = segments.begin[walker.segment]
    assert (begun <= edges[-1]).all()


def test_missing_at_either_end_is_missing(rng: np.random.Generator) -> None:
    n = 18  # more than one block of lanes, not two full ones
    segments = fit(random_orbits(rng, n), 100.0, 500.0, 100.0)
    segments.stop[:] = 500.0
    segments.stop[1], segments.stop[2], segments.stop[17] = 300.0, 299.0, -np.inf
    planes = StepWalker(segments, 5e-4).advance(np.arange(40.0, 641.0, 60.0))  # type: ignore
    there = np.isfinite(planes).all(axis=1)
    assert (there == np.isfinite(planes[:, TRAVEL])).all()
    #        40    100    160    220    280    340    400    460    520    580
    usual = [False, True, True, True, True, True, True, False, False, False]
    assert there[:, 0].tolist() == usual
    assert there[:, 16].tolist() == usual
    assert there[:, 1].tolist() == [False, True, True, True, *[False] * 6]
    assert there[:, 2].tolist() == [False, True, True, True, *[False] * 6]
    assert not there[:, 17:].any()
    exact = StepWalker(segments, 5e-4).advance(np.array([180.0, 240.0, 300.0, 360.0]))  # type: ignore
    assert np.isfinite(exact[:, TRAVEL, 1]).tolist() == [True, True, False]
    assert np.isfinite(exact[:, TRAVEL, 2]).tolist() == [True, False, False]


def test_no_segments_at_all() -> None:
    segments = fit(random_orbits(np.random.default_rng(1), 1), 0.0, 100.0, 100.0)
    for name in ("begin", "mid", "inv_half", "coef"):
        object.__setattr__(segments, name, getattr(segments, name)[:0])
    segments.offset[:] = 0
    planes = StepWalker(segments, 5e-4).advance(np.array([0.0, 60.0]))  # type: ignore[arg-type]
    assert np.isnan(planes).all()


@pytest.mark.parametrize("step", [10.0, 60.0, 120.0, 240.0])
def test_bounds_hold_everywhere_in_the_step(rng: np.random.Generator, step: float) -> None:
    n = 600
    elements = random_orbits(rng, n, eccentric=0.6)
    # A third of the eccentric ones pass perigee within the step.
    near = np.arange(0, n, 3)
    motion = np.sqrt(MU / elements[near, 0] ** 3)
    elements[near, 5] = -motion * rng.uniform(0.0, step, len(near))
    plane = planes_of(elements, np.array([0.0, step]), 0.0)[0].astype(np.float64)
    times = np.linspace(0.0, step, 241)
    dense = kepler_states(elements, times)
    r = np.linalg.norm(dense[:, :3], axis=1)
    assert (r.min(axis=0) >= plane[LOW]).all()
    assert (r.max(axis=0) <= plane[HIGH]).all()
    middle = kepler_states(elements, np.array([0.5 * step]))[0, :3]
    way = np.linalg.norm(dense[:, :3] - middle, axis=1).max(axis=0)
    assert (way <= plane[TRAVEL]).all()
    if step <= 60.0:  # and they are worth having
        assert np.median(plane[HIGH] - plane[LOW] - np.ptp(r, axis=0)) < 3.0
        assert np.median(plane[TRAVEL] - way) < 3.0
