"""The OCM record of a GP object: SGP4 in EME2000, default covariance, five padding records."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.messages.ocm_samples import record_contents
from tracss_hpc.catalog.catalog import Catalog
from tracss_hpc.catalog.population import reference_population
from tracss_hpc.catalog.regimes import assign_regimes
from tracss_hpc.ephemeris.covariance import default_covariance
from tracss_hpc.ephemeris.frames import rotate, teme_to_eme2000
from tracss_hpc.ephemeris.gp import make_trajectories
from tracss_hpc.ephemeris.gp_record import gp_record
from tracss_hpc.ephemeris.tabulated import Trajectory
from tracss_hpc.epochs import Epoch, julian_dates, parse_epoch
from tracss_hpc.errors import EphemerisRangeError, UsageError
from tracss_hpc.messages.ocm import parse_ocm
from tracss_hpc.messages.ocm_write import format_ocm
from tracss_hpc.messages.trajectory_record import TrajectoryRecord
from tracss_hpc.messages.utc import parse_utc

CATALOG = reference_population()
REGIME = assign_regimes(CATALOG.mean_motion, CATALOG.eccentricity)
NOW = parse_utc("2025-09-02T00:00:00")


def first_of(regime: str) -> Catalog:
    return CATALOG.take([int(np.flatnonzero(regime == REGIME)[0])])


def epoch_of(one: Catalog) -> Epoch:
    return Epoch(float(one.epoch_jd[0]), float(one.epoch_fr[0]))


def record_of(one: Catalog, start: Epoch, hours: float = 6.0) -> TrajectoryRecord:
    return gp_record(
        one, start, duration_s=hours * 3600.0, step_s=60.0, creation_date=NOW, classification="test"
    )


@pytest.mark.parametrize("regime", sorted(set(REGIME.tolist())))
def test_reads_back_identically_without_a_warning(regime: str) -> None:
    one = first_of(regime)
    record = record_of(one, epoch_of(one))
    back = parse_ocm(format_ocm(record), strict=True)
    assert record_contents(back) == record_contents(record)
    assert back.object.designator == str(int(one.designator[0]))


def test_states_and_covariances_are_those_of_the_catalog() -> None:
    one = first_of("LEO 2")
    start = parse_epoch(epoch_of(one).plus(86400.0).iso()[:19])
    trajectory = Trajectory.from_record(record_of(one, start))
    assert parse_epoch(trajectory.epoch.iso()).minus(start) == pytest.approx(0.0, abs=1e-6)
    assert trajectory.duration_s == 6 * 3600.0
    assert trajectory.nodes[0][0] == -300.0
    assert trajectory.nodes[0][-1] == 6 * 3600.0 + 300.0
    t = np.array([0.0, 1234.5, 6 * 3600.0])
    gp = make_trajectories(one, start)
    r, v, code = gp.states(np.zeros(3, dtype=np.int64), t)
    assert not code.any()
    turn = teme_to_eme2000(*julian_dates(start, t))
    found_r, found_v = trajectory.state(t)
    assert np.abs(found_r - rotate(turn, r)).max() < 1e-5  # km; 7 points each 60 s
    assert np.abs(found_v - rotate(turn, v)).max() < 1e-8
    age = (start.minus(epoch_of(one)) + t[[0, 2]]) / 86400.0
    expected = default_covariance(np.repeat("LEO 2", 2), age, np.repeat(gp.mean_motion, 2))
    scale = np.sqrt(np.diagonal(expected, axis1=1, axis2=2))
    error = np.abs(trajectory.covariance(t[[0, 2]]) - expected)
    assert (error / scale[:, :, None] / scale[:, None, :]).max() < 1e-6


def test_a_decayed_object_is_refused() -> None:
    one = first_of("LEO 1")
    falling = dataclasses.replace(one, mean_motion=one.mean_motion * 0 + 16.6, bstar=one.bstar + 1)
    with pytest.raises(EphemerisRangeError, match=r"no state at 20.*UTC: (decayed|sgp4_).*a span"):
        record_of(falling, epoch_of(one), hours=240.0)


def test_a_diverged_object_is_refused() -> None:
    """Hyperbolic drag terms carry it out without an error of SGP4."""
    one = first_of("GEO")
    away = dataclasses.replace(one, mean_motion=one.mean_motion * 0 + 0.005)
    with pytest.raises(
        EphemerisRangeError, match=r"sgp4_diverged, farther than 1e\+06 km"
    ) as found:
        record_of(away, epoch_of(one), hours=24.0)
    assert found.value.exit_code == 3


def test_too_many_states_are_refused() -> None:
    one = first_of("LEO 1")
    with pytest.raises(UsageError, match="86400000 states"):
        record_of(one, epoch_of(one), hours=24.0 * 60000.0)


def test_a_leap_second_is_refused() -> None:
    """The last one: 2016-12-31T23:59:60. Padding counts."""
    one = first_of("LEO 1")
    start = parse_epoch("2016-12-31T20:00:00")
    one = dataclasses.replace(one, epoch_jd=np.array([start.jd]), epoch_fr=np.array([start.fr]))
    for begin in ("2016-12-31T23:00:00", "2016-12-31T21:56:00", "2017-01-01T00:04:00"):
        with pytest.raises(UsageError, match=r"leap second.*before 2017-01-01T00:00:00"):
            record_of(one, parse_epoch(begin), hours=2.0)
    for begin in ("2016-12-31T21:54:00", "2017-01-01T00:05:00"):
        record = record_of(one, parse_epoch(begin), hours=2.0)
        assert parse_ocm(format_ocm(record)).warnings == ()
