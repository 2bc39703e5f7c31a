"""SGP4 in SIMD: python-sgp4's positions, codes and jumps; bits of the object and the time alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import sgp4
from numpy.typing import NDArray
from sgp4.api import WGS72, Satrec

from tracss_hpc.catalog.catalog import Catalog, read_catalog
from tracss_hpc.catalog.population import START, reference_population
from tracss_hpc.ephemeris import sgp4_batch
from tracss_hpc.ephemeris.gp import make_trajectories
from tracss_hpc.ephemeris.sgp4_batch import SGP4Batch, batch_of_records
from tracss_hpc.epochs import julian_dates
from tracss_hpc.kernels import SUPPORTED_LEVELS, load

NEAR, DEEP, RESONANT = 0, 1, 2
DAY_MIN = 1440.0
Floats = NDArray[np.float64]
Reference = tuple[Floats, Floats, NDArray[np.uint8]]


def record(
    n: float, e: float, i: float, *, bstar: float = 1e-4, argp: float = 0.7, node: float = 2.1,
    mean_anomaly: float = 0.3, epoch: float = 27637.25,
) -> Satrec:  # fmt: skip
    """One record: mean motion [rev/day], angles [rad], epoch [days since 1949-12-31]."""
    satellite = Satrec()
    satellite.sgp4init(
        WGS72, "i", 1, epoch, bstar, 0.0, 0.0, e, argp, i, mean_anomaly,
        n * 2.0 * np.pi / DAY_MIN, node,
    )  # fmt: skip
    satellite.jdsatepoch, satellite.jdsatepochF = 2433281.5 + np.floor(epoch), epoch % 1.0
    return satellite


def reference(records: list[Satrec], minutes: Floats) -> Reference:
    """python-sgp4, each state from a fresh start of the resonance integrator."""
    shape = (len(records), minutes.shape[-1])
    minutes = np.broadcast_to(minutes, shape)
    r, v, code = np.full((*shape, 3), np.nan), np.full((*shape, 3), np.nan), np.zeros(shape, "u1")
    for k, satellite in enumerate(records):
        for j, t in enumerate(minutes[k].tolist()):
            satellite.sgp4_tsince(0.0)
            error, position, velocity = satellite.sgp4_tsince(t)
            code[k, j] = error
            if error in (0, 6):
                r[k, j], v[k, j] = position, velocity
    return r, v, code


def check(got: Reference, wanted: Reference, limit_mm: float = 0.3) -> None:
    """Same codes, NaN at the same places, positions within `limit_mm` (in proportion above GEO),
    velocities within a fiftieth of it per second (in proportion above 10 km/s).
    """
    (r, v, code), (r0, v0, code0) = got, wanted
    np.testing.assert_array_equal(code, code0)
    np.testing.assert_array_equal(np.isnan(r), np.isnan(r0))
    np.testing.assert_array_equal(np.isnan(v), np.isnan(v0))
    distance, speed = np.linalg.norm(r0, axis=-1), np.linalg.norm(v0, axis=-1)
    good = np.isfinite(distance)
    error_mm = np.linalg.norm(r - r0, axis=-1) * 1e6
    speed_mm_s = np.linalg.norm(v - v0, axis=-1) * 1e6
    assert (error_mm[good] <= limit_mm * np.maximum(1.0, distance[good] / 42164.0)).all()
    assert (speed_mm_s[good] <= 0.02 * limit_mm * np.maximum(1.0, speed[good] / 10.0)).all()


def usual_records() -> list[Satrec]:
    """Every branch of the model that good elements reach."""
    angles = np.linspace(0.0, 6.0, 4)
    near = [(15.5, 0.001), (16.2, 0.0008), (14.2, 0.02), (13.0, 0.1), (11.25, 0.25), (8.0, 0.45)]
    deep = [(6.3, 0.05), (4.2, 0.6), (2.3, 0.73), (0.5, 0.2), (1.9, 0.4), (1.3, 0.92), (6.2, 0.0)]
    half_day = [(2.006, e) for e in (0.5, 0.6, 0.65, 0.66, 0.69, 0.7, 0.71, 0.72, 0.74)]
    day = [(1.0027, 0.0), (1.0027, 0.0003), (1.0, 0.2), (0.99, 0.6), (1.05, 0.01)]
    return [
        record(n, e, i, argp=angle, node=5.0 - angle, mean_anomaly=(7.0 * angle) % 6.28)
        for n, e in near + deep + half_day + day
        for i in (0.0, 1e-4, 0.06, 0.199, 0.2005, 1.1, 1.57, 2.4, 3.1)
        for angle in angles
    ]


def test_geostationary_by_hand() -> None:
    batch = batch_of_records([record(1.0027, 0.0, 0.001, bstar=0.0)])
    assert batch.kind.tolist() == [RESONANT]
    r, v, code = batch.states(np.array([0]), np.array([0.0]))
    assert code.tolist() == [[0]]
    assert np.linalg.norm(r) == pytest.approx(42164.0, abs=30.0)
    assert np.linalg.norm(v) == pytest.approx(3.0747, abs=0.003)


def test_every_branch() -> None:
    records = usual_records()
    batch = batch_of_records(records)
    assert (np.bincount(batch.kind) > 150).all()
    t = np.array(
        [0.0, -0.5, 1.0, 719.999999, 720.0, 720.1, -720.0, 5000.0, -3333.3, 14400.0, -1.1e4]
    )
    rows = np.arange(len(records))
    check(batch.states(rows, t), reference(records, t))


def test_retrograde_equator() -> None:
    """At 180 deg the model divides by 1 + cos i of a few 1e-10: its own rounding is millimetres."""
    records = [record(n, e, np.pi, argp=2.0) for n, e in [(15.0, 0.001), (2.3, 0.7), (2.006, 0.7)]]
    t = np.array([0.0, 720.1, -5000.0, 14400.0])
    batch = batch_of_records(records)
    check(batch.states(np.arange(3), t), reference(records, t), limit_mm=30.0)


@pytest.mark.parametrize("years", [-30.0, -3.0, 3.0])
def test_far_from_epoch(years: float) -> None:
    """Minutes are 1e7: angles 1e6 rad; python-sgp4's own rounding is a centimetre there."""
    records = [
        record(n, e, 0.9, bstar=0.0)
        for n, e in [(14.0, 0.01), (2.006, 0.7), (1.0027, 0.001), (4.0, 0.1), (2.3, 0.7)]
    ]
    batch = batch_of_records(records)
    t = years * 365.25 * DAY_MIN + np.array([0.0, 10.0, 500.0])
    check(batch.states(np.arange(5), t), reference(records, t), limit_mm=30.0)


def test_published_cases() -> None:
    """The verification set of Vallado et al. 2006, with its own times: all its hard cases."""
    lines = (Path(sgp4.__file__).parent / "SGP4-VER.TLE").read_text().splitlines()
    lines = [line for line in lines if line[:2] in ("1 ", "2 ")]
    codes = set()
    for one, two in zip(lines[::2], lines[1::2], strict=True):
        satellite = Satrec.twoline2rv(one[:69], two[:69], WGS72)
        begin, end, step = (float(x) for x in two[69:].split())
        t = np.arange(begin, end + step, step)
        wanted = reference([satellite], t)
        far = np.linalg.norm(wanted[0], axis=-1) > 1e6
        got = batch_of_records([satellite]).states(np.array([0]), t)
        assert not far.any()
        check(got, wanted)
        codes |= set(got[2].ravel().tolist())
    assert codes >= {0, 1, 4, 6}


def bad_records() -> list[Satrec]:
    """Elements that bring every error code, and some that no orbit can have."""
    return [
        record(16.4, 0.002, 0.9, bstar=5e-3),  # decays: 6, then 1
        record(16.4, 0.0001, 0.9, bstar=-5e-3),
        record(16.3, 0.001, 0.9, bstar=3e-2),
        record(15.0, 0.001, 0.9, bstar=0.9),
        record(15.9, 0.0005, 0.9, bstar=2e-2),  # eccentricity below zero in bursts
        record(12.0, 0.35, 0.5, bstar=0.05),
        record(9.0, 0.55, 0.5, bstar=0.001),  # perigee inside the earth
        record(2.0, 0.98, 1.1, bstar=0.0),  # moon and sun beyond eccentricity 1
        record(0.3, 0.995, 1.1, bstar=0.0),
        record(0.1, 0.9995, 2.0, bstar=0.0),
        record(15.0, 1.0, 0.9),
        record(15.0, 1.7, 0.9),
        record(15.0, -0.3, 0.9),
        record(0.0, 0.1, 0.9),
        record(-3.0, 0.1, 0.9),
        record(17.8, 0.3, 0.9),
        record(2.006, 0.55, 0.9, bstar=9.0),
        record(15.0, 0.01, 0.9, bstar=np.nan),
    ]


def test_error_codes() -> None:
    records = bad_records()
    t = np.concatenate([np.linspace(-1500.0, 14400.0, 400), [0.0]])
    wanted = reference(records, t)
    got = batch_of_records(records).states(np.arange(len(records)), t)
    np.testing.assert_array_equal(got[2], wanted[2])
    assert set(got[2].ravel().tolist()) >= {0, 1, 3, 4, 6}
    # Where SGP4 diverges after its first error it amplifies rounding: only before is it compared.
    error = got[2] != 0
    before = np.cumsum(error, axis=1) == 0
    far = np.linalg.norm(wanted[0], axis=-1) > 1e6
    apart = np.linalg.norm(got[0] - wanted[0], axis=-1) * 1e6
    assert (apart[before & ~far & np.isfinite(apart)] < 1.0).all()
    assert np.isnan(got[0][(got[2] > 0) & (got[2] < 6)]).all()


@pytest.fixture(scope="module")
def population() -> tuple[Catalog, SGP4Batch]:
    catalog = reference_population(3000)
    return catalog, batch_of_records(make_trajectories(catalog, START).records)


def test_reference_population(population: tuple[Catalog, SGP4Batch]) -> None:
    catalog, batch = population
    trajectories = make_trajectories(catalog, START)
    assert (np.bincount(batch.kind) > 100).all()
    t = np.array([-2e5, 0.0, 7.25, 86400.0, 300000.5, 864000.0])
    jd, fr = julian_dates(START, t)
    rows = np.arange(len(catalog))
    columns = [s.sgp4_array(jd, fr) for s in trajectories.records]
    wanted = tuple(np.array([c[k] for c in columns]) for k in (1, 2, 0))
    check(batch.states(rows, t, START), wanted)


@pytest.mark.parametrize("m", [0, 1, 2, 7, 8, 9, 257])
@pytest.mark.parametrize("q", [0, 1, 3, 14, 65])
def test_bits_of_any_batch(m: int, q: int, population: tuple[Catalog, SGP4Batch],
                           rng: np.random.Generator) -> None:  # fmt: skip
    _, batch = population
    some = np.array([k for kind in (NEAR, DEEP, RESONANT)
                     for k in np.flatnonzero(batch.kind == kind)[:5]])  # fmt: skip
    rows, t = rng.choice(some, m), rng.uniform(-3e5, 9e5, (m, q))
    r, v, code = batch.states(rows, t, START)
    assert (r.shape, code.shape) == ((m, q, 3), (m, q))
    for k in range(m):
        for j in range(q)[:: max(1, m * q // 50)]:
            one = batch.states(rows[k : k + 1], t[k : k + 1, j : j + 1], START)
            assert one[0].tobytes() == r[k, j].tobytes()
            assert one[1].tobytes() == v[k, j].tobytes()
            assert one[2].tobytes() == code[k, j].tobytes()


def test_order_and_layout(population: tuple[Catalog, SGP4Batch], rng: np.random.Generator) -> None:
    catalog, batch = population
    rows = np.repeat(rng.choice(len(batch), 150), 3)
    t = rng.uniform(0.0, 9e5, (450, 11))
    r, _, code = batch.states(rows, t, START)
    fresh = batch_of_records(make_trajectories(catalog, START).records)  # no integrator steps yet
    order = rng.permutation(450)
    again = fresh.states(rows[order], t[order][:, ::-1], START)
    assert again[0][:, ::-1].tobytes() == r[order].tobytes()
    assert again[2][:, ::-1].tobytes() == code[order].tobytes()
    by_axis, code_by_axis = batch.positions(rows, t, START)
    np.testing.assert_array_equal(by_axis.transpose(0, 2, 1), r)
    np.testing.assert_array_equal(code_by_axis, code)
    alone, empty, _ = batch.states(rows, t, START, velocities=False)
    assert alone.tobytes() == r.tobytes()
    assert empty.shape == (450, 11, 0)
    column = t[0]  # common times, and a view with strides
    common = batch.states(rows, column, START)
    wide = np.broadcast_to(column, t.shape).copy()
    assert common[0].tobytes() == batch.states(rows, wide, START)[0].tobytes()
    assert common[1].tobytes() == batch.states(rows, np.asfortranarray(wide), START)[1].tobytes()


@pytest.mark.parametrize("make", [usual_records, bad_records])
def test_same_bits_on_every_level(
    make: Callable[[], list[Satrec]], monkeypatch: pytest.MonkeyPatch
) -> None:
    records = make()
    t = np.linspace(-5000.0, 14400.0, 37)
    results = []
    for level in SUPPORTED_LEVELS:
        monkeypatch.setattr(sgp4_batch, "kernel", load("sgp4_batch", level))
        batch = batch_of_records(records)
        results.append((batch.table, batch.kind, *batch.states(np.arange(len(records)), t)))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            assert a.tobytes() == b.tobytes()


def test_two_part_time(population: tuple[Catalog, SGP4Batch]) -> None:
    """Seconds since start become the minutes python-sgp4 makes of julian_dates, to the bit."""
    catalog, batch = population
    rows, t = np.arange(300), np.array([0.0, 0.123456789, 43200.0, 86399.9999, -1e-3, 777777.7])
    jd, fr = julian_dates(START, t)
    minutes = (jd - catalog.epoch_jd[:300, None]) * 1440.0
    minutes = minutes + (fr - catalog.epoch_fr[:300, None]) * 1440.0
    one, other = batch.states(rows, t, START), batch.states(rows, minutes)
    assert one[0].tobytes() == other[0].tobytes()


def test_times_without_end() -> None:
    batch = batch_of_records([record(1.0027, 0.001, 0.1), record(15.0, 0.001, 0.9)])
    r, _, _ = batch.states(np.array([0, 1, 0]), np.array([np.nan, np.inf, 2e8]))
    assert np.isnan(r[0]).all()
    assert np.isnan(r[1, :2]).all()


def test_an_unknown_row_is_refused() -> None:
    batch = batch_of_records([record(15.0, 0.001, 0.9)])
    with pytest.raises(IndexError, match=r"rows 0 to 1 were asked for; the table has 0 to 0"):
        batch.states(np.array([0, 1]), np.zeros(1))


@pytest.mark.parametrize(("number", "jump_km"), [(14659, 14.0), (25638, 0.5)])
def test_jumps_of_sdp4(number: int, jump_km: float, shared_data: Path) -> None:
    catalog = read_catalog([shared_data / "catalogs" / "billgray_3le_2025-09-01.txt.xz"]).catalog
    row = np.flatnonzero(catalog.designator == number)
    trajectories = make_trajectories(catalog.take(row), START)
    t = np.arange(0.0, 864000.0, 10.0)
    wanted = trajectories.records[0].sgp4_array(*julian_dates(START, t))
    r, v, code = batch_of_records(trajectories.records).states(np.array([0]), t, START)
    check((r[0], v[0], code[0]), (wanted[1], wanted[2], wanted[0]))
    kink = r[0, 1:] - r[0, :-1] - 5.0 * (v[0, 1:] + v[0, :-1])
    assert np.linalg.norm(kink, axis=1).max() > jump_km


def test_whole_catalog(shared_data: Path) -> None:
    """Every object of a real catalog, before and after epoch; diverged ones by code only."""
    catalog = read_catalog([shared_data / "catalogs" / "billgray_3le_2025-09-01.txt.xz"]).catalog
    trajectories = make_trajectories(catalog, START)
    t = np.array([-5e5, 0.0, 12345.678, 86400.0, 259200.0, 432000.0, 864000.0])
    jd, fr = julian_dates(START, t)
    columns = [s.sgp4_array(jd, fr) for s in trajectories.records]
    code0, r0, v0 = (np.array([c[k] for c in columns]) for k in range(3))
    r, v, code = batch_of_records(trajectories.records).states(np.arange(len(catalog)), t, START)
    near = ~(np.linalg.norm(r0, axis=-1) > 1e6)
    assert near.mean() > 0.9999
    assert code.any()
    check((r[near], v[near], code[near]), (r0[near], v0[near], code0[near]))
    np.testing.assert_array_equal(code, code0)
