"""Polynomials through SGP4: how close, the filters' acceleration bound, and SDP4's jumps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.oracles.planted_world import START, WINDOW_S, planted_problem
from tests.reference.problems import usable_catalog
from tracss_hpc.catalog.catalog import Catalog
from tracss_hpc.catalog.regimes import assign_regimes
from tracss_hpc.constants import MU_KM3_S2
from tracss_hpc.ephemeris.gp import GPTrajectories, find_ends, make_trajectories
from tracss_hpc.ephemeris.nodes import Ephemeris, build_ephemeris
from tracss_hpc.epochs import julian_dates, parse_epoch
from tracss_hpc.kernels import nodes as kernel

REAL_START = parse_epoch("2025-09-01T12:00:00")
HOURS_6 = 6 * 3600.0


@pytest.fixture(scope="module")
def real(shared_data: Path) -> Catalog:
    """The real catalog."""
    return usable_catalog([shared_data / "catalogs/billgray_3le_2025-09-01.txt.xz"], REAL_START)


def sample(catalog: Catalog, per_regime: int) -> Catalog:
    """So many of each regime."""
    regimes = assign_regimes(catalog.mean_motion, catalog.eccentricity)
    rng = np.random.default_rng(3)
    rows = [
        rng.permutation(np.flatnonzero(regimes == name))[:per_regime] for name in np.unique(regimes)
    ]
    return catalog.take(np.concatenate(rows))


def look_up(ephemeris: Ephemeris, row: int, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions (k, 3) of an object from its records, and records (k, RECORD)."""
    first, last = ephemeris.offset[row], ephemeris.offset[row + 1]
    at = first + np.searchsorted(ephemeris.begin[first:last], times, side="right") - 1
    record = ephemeris.record[at]
    centre, scale, _ = np.frombuffer(
        np.ascontiguousarray(record[:, 3 * kernel.KEPT + 4 : 3 * kernel.KEPT + 10]).tobytes()
    ).reshape(-1, 3).T  # fmt: skip
    x = ((times - centre) * scale)[:, None]
    power = record[:, : 3 * kernel.KEPT].astype(np.float64).reshape(-1, 3, kernel.KEPT)
    return np.einsum("sak,sk->sa", power, x ** np.arange(kernel.KEPT)), record


def check_against_sgp4(
    trajectories: GPTrajectories, ephemeris: Ephemeris, stop: np.ndarray
) -> np.ndarray:
    """Errors of the records [km] at random times, each within what its record admits."""
    rng = np.random.default_rng(4)
    errors = []
    for row in np.flatnonzero(stop > 0.0).tolist():
        times = np.sort(rng.uniform(0.0, stop[row], 60))
        r, record = look_up(ephemeris, row, times)
        truth, _, code = trajectories.states(np.full(60, row), times)
        assert not code.any()
        error = np.linalg.norm(r - truth, axis=1)
        assert (error <= record[:, 3 * kernel.KEPT]).all()
        errors.append(error.max())
    return np.array(errors)


@pytest.mark.parametrize("segment_s", [720.0, 2000.0, 2880.0])
def test_within_metres_of_sgp4_planted(segment_s: float) -> None:
    problem = planted_problem()
    stop = np.minimum(HOURS_6, problem.end_s - 1.0)
    ephemeris = build_ephemeris(problem.trajectories, 0.0, stop, segment_s=segment_s)
    errors = check_against_sgp4(problem.trajectories, ephemeris, stop)
    assert errors.max() < 0.02
    assert np.median(errors) < 0.003
    calm = np.isinf(problem.end_s)
    assert ephemeris.error_km[calm].max() < 1e-3


def test_within_metres_of_sgp4_in_every_regime(real: Catalog) -> None:
    some = sample(real, 60)
    trajectories = make_trajectories(some, REAL_START)
    end, _ = find_ends(trajectories, HOURS_6)
    stop = np.minimum(HOURS_6, end - 1.0)
    ephemeris = build_ephemeris(trajectories, 0.0, stop)
    assert np.median(check_against_sgp4(trajectories, ephemeris, stop)) < 0.005


def test_bound_on_all_but_the_two_body_acceleration(real: Catalog) -> None:
    """What the filters assume of every trajectory, measured by second differences of SGP4."""
    some = sample(real, 150)
    trajectories = make_trajectories(some, REAL_START)
    end, _ = find_ends(trajectories, HOURS_6)
    ephemeris = build_ephemeris(trajectories, 0.0, np.minimum(HOURS_6, end - 1.0))
    n, h = len(some), 5.0
    rng = np.random.default_rng(6)
    t = rng.uniform(60.0, HOURS_6 - 60.0, (n, 40))
    at = (t[:, :, None] + h * np.array([-1.0, 0.0, 1.0])).reshape(n, -1)
    r, _, _ = trajectories.states(np.arange(n), at)
    r = r.reshape(n, 40, 3, 3)
    acceleration = (r[:, :, 2] - 2.0 * r[:, :, 1] + r[:, :, 0]) / h**2
    # A second difference errs by h^2/12 times the fourth derivative: 1e-7 km/s^2 in a low orbit.
    radius = np.linalg.norm(r[:, :, 1], axis=2, keepdims=True)
    other = np.linalg.norm(acceleration + MU_KM3_S2 * r[:, :, 1] / radius**3, axis=2)
    for row in np.flatnonzero(end > HOURS_6).tolist():
        _, record = look_up(ephemeris, row, t[row])
        assert (other[row] <= record[:, 3 * kernel.KEPT + 2] + 2e-7).all()
    assert other.max() > 1e-6


@pytest.fixture(scope="module")
def jumping(real: Catalog) -> Catalog:
    """Two objects whose SDP4 motion jumps within ten days: by 577 m and by 14 km."""
    return real.take(np.flatnonzero(np.isin(real.designator, [14659, 25638])))


def test_jumps_are_found_at_the_same_time_by_any_segments(jumping: Catalog) -> None:
    trajectories = make_trajectories(jumping, REAL_START)
    stop = np.full(2, 10 * 86400.0)
    found = []
    for segment_s in (720.0, 1440.0, 2880.0):
        jumps = build_ephemeris(trajectories, -2.0, stop, segment_s=segment_s).jumps
        order = np.argsort(jumping.designator[jumps.objects])
        assert jumping.designator[jumps.objects][order].tolist() == [14659, 25638]
        np.testing.assert_allclose(jumps.size_km[order], [14.0, 0.577], atol=0.1)
        found.append((jumps.t[order], jumps.size_km[order]))
    for t, size in found[1:]:
        np.testing.assert_array_equal(t, found[0][0])
        np.testing.assert_array_equal(size, found[0][1])
    # Within the millisecond before t, nowhere else.
    for row, t in zip(np.argsort(jumping.designator), found[0][0], strict=True):
        r, v, _ = trajectories.states(np.full(4, row), t + 1e-3 * np.array([-2.0, -1.0, 0.0, 1.0]))
        step = np.linalg.norm(np.diff(r, axis=0) - v[:-1] * 1e-3, axis=1)
        assert step[1] > 0.5
        assert step[[0, 2]].max() < 1e-4


def test_jumps_are_found_slice_by_slice(jumping: Catalog) -> None:
    trajectories = make_trajectories(jumping, REAL_START)
    whole = build_ephemeris(trajectories, -2.0, np.full(2, 10 * 86400.0)).jumps
    parts = []
    for a in np.arange(0.0, 10 * 86400.0, HOURS_6):
        jumps = build_ephemeris(trajectories, a - 2.0, np.full(2, a + HOURS_6 + 2.0)).jumps
        own = (jumps.t >= a) & (jumps.t < a + HOURS_6)
        parts += list(zip(jumps.objects[own], jumps.t[own], jumps.size_km[own], strict=True))
    assert sorted(parts) == sorted(zip(whole.objects, whole.t, whole.size_km, strict=True))


def test_both_sides_of_a_jump_are_followed(jumping: Catalog) -> None:
    trajectories = make_trajectories(jumping, REAL_START)
    ephemeris = build_ephemeris(trajectories, -2.0, np.full(2, 10 * 86400.0))
    for row, t in zip(ephemeris.jumps.objects, ephemeris.jumps.t, strict=True):
        times = t + np.array([-60.0, -1.0, -0.002, 0.0, 1.0, 60.0])
        r, _, _ = trajectories.states(np.full(6, row), times)
        np.testing.assert_allclose(look_up(ephemeris, row, times)[0], r, atol=5e-3)


@pytest.mark.parametrize("segment_s", [720.0, 2880.0])
def test_an_error_inside_the_interval_ends_the_object_there(segment_s: float) -> None:
    problem = planted_problem()
    n = len(problem.end_s)
    ephemeris = build_ephemeris(
        problem.trajectories, 0.0, np.full(n, WINDOW_S), segment_s=segment_s
    )
    falling = np.flatnonzero(np.isfinite(problem.end_s))
    np.testing.assert_array_equal(ephemeris.early, falling)
    np.testing.assert_array_equal(ephemeris.stop[falling], problem.end_s[falling] - 1.0)
    calm = np.setdiff1d(np.arange(n), falling)
    assert (ephemeris.stop[calm] == WINDOW_S).all()


def test_objects_without_an_interval_have_no_segments() -> None:
    problem = planted_problem()
    n = len(problem.end_s)
    stop = np.where(np.arange(n) < 3, 600.0, -np.inf)
    ephemeris = build_ephemeris(problem.trajectories, 0.0, stop)
    assert (np.diff(ephemeris.offset)[3:] == 0).all()
    assert np.isinf(ephemeris.start[3:]).all()
    assert np.isfinite(ephemeris.record[:, : 3 * kernel.KEPT]).all()
    none = build_ephemeris(problem.trajectories, 0.0, np.full(n, -np.inf))
    assert len(none.begin) == len(none.record) == 0


def test_epochs_have_no_rounding_of_a_lone_julian_date() -> None:
    """A microsecond is seen: one double of a Julian date would round to 40."""
    record = planted_problem().trajectories.records[0]
    r = [
        record.sgp4_array(*julian_dates(START, np.array([t])))[1][0] for t in (1000.0, 1000.000001)
    ]
    assert 1e-6 < np.linalg.norm(r[1] - r[0]) < 1e-5
