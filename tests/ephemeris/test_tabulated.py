"""Tabulated trajectories: a circle in closed form, joins and ends, covariances that follow it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

import tracss_hpc as th
from tests.messages.ocm_samples import RATE, START, block_times, circle, sample
from tracss_hpc.ephemeris.asked_times import Times, seconds_since
from tracss_hpc.ephemeris.frames import rtn_matrices
from tracss_hpc.ephemeris.two_body import two_body_transition
from tracss_hpc.errors import EphemerisRangeError, InputDataError
from tracss_hpc.messages.ocm import parse_ocm
from tracss_hpc.messages.trajectory_record import TrajectoryBlock, TrajectoryRecord
from tracss_hpc.messages.utc import Utc, add_seconds, parse_utc


def made_up(
    t: NDArray[np.float64],
    covariance: NDArray[np.float64] | None = None,
    covariance_t: NDArray[np.float64] | None = None,
    frame: str = "RSW_INERTIAL",
    states: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
) -> th.Trajectory:
    """One block with nodes `t` [s since START], useable from end to end, on the circle or not."""
    jd, seconds = add_seconds(START, t)
    r, v = circle(t) if states is None else states
    block = TrajectoryBlock(
        jd=jd, seconds=seconds, r=r, v=v, useable_start=START.plus(t[0]),
        useable_stop=START.plus(t[-1]),
    )  # fmt: skip
    if covariance is not None:
        jd, seconds = add_seconds(START, t if covariance_t is None else covariance_t)
        block = dataclasses.replace(
            block, covariance=covariance, covariance_jd=jd, covariance_seconds=seconds,
            covariance_frame=frame,
        )  # fmt: skip
    record = parse_ocm(sample())
    return th.Trajectory.from_record(dataclasses.replace(record, blocks=(block,)))


def grown(t: NDArray[np.float64], start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Covariance in the own RTN that two-body motion makes of `start` at t = 0."""
    r0, v0 = circle(np.zeros(1))
    r, v = circle(t)
    both = [np.kron(np.eye(2), m) for m in rtn_matrices(r, v)]
    own = np.kron(np.eye(2), rtn_matrices(r0, v0)[0])
    c = own.T @ start @ own
    found = []
    for k, x in enumerate(t):
        phi = two_body_transition(r0, v0, np.array([x]))[0]
        found.append(both[k] @ phi @ c @ phi.T @ both[k].T)
    return np.array(found)


def worst_sigma_ratio(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Largest ratio of standard deviations of two covariances over all directions."""
    values = [np.linalg.eigvals(np.linalg.solve(x, y)).real for x, y in zip(a, b, strict=True)]
    ratios = np.sqrt(np.abs(np.concatenate(values)))
    return float(np.maximum(ratios, 1.0 / ratios).max())


START_COVARIANCE = np.diag([1e-2, 4e-2, 1e-2, 1e-8, 1e-8, 1e-8])


def test_states_on_nodes_are_the_nodes() -> None:
    t = np.arange(-300.0, 601.0, 60.0)
    trajectory = made_up(t)
    r, v = trajectory.state(t - t[0])
    assert np.array_equal(r, circle(t)[0])
    assert np.array_equal(v, circle(t)[1])


@pytest.mark.parametrize(
    ("step", "inside_m", "ends_m"), [(30.0, 1e-5, 1e-4), (60.0, 1e-3, 1e-2), (120.0, 0.1, 2.0)]
)
def test_states_between_nodes(step: float, inside_m: float, ends_m: float) -> None:
    t = np.arange(31) * step
    asked = np.linspace(0.0, 30 * step, 997)
    r, _ = made_up(t).state(asked)
    error_m = np.sqrt(((r - circle(asked)[0]) ** 2).sum(axis=1)) * 1e3
    inner = (asked > 2.5 * step) & (asked < 27.5 * step)
    assert error_m[inner].max() < inside_m
    assert error_m.max() < ends_m


def test_velocity_has_its_own_polynomial() -> None:
    """The velocity columns are interpolated, not the derivative of the positions."""
    t = np.arange(15) * 60.0
    trajectory = made_up(t)
    record = trajectory.record
    shifted = dataclasses.replace(record.blocks[0], v=record.blocks[0].v + 0.5)
    moved = th.Trajectory.from_record(dataclasses.replace(record, blocks=(shifted,)))
    _, v = trajectory.state(400.0)
    assert np.abs(moved.state(400.0)[1] - v - 0.5).max() < 1e-12


def two_blocks(shift_km: float) -> th.Trajectory:
    """The sample, its second block moved off by `shift_km` as no burn would."""
    record = parse_ocm(sample())
    second = dataclasses.replace(record.blocks[1], r=record.blocks[1].r + shift_km)
    return th.Trajectory.from_record(dataclasses.replace(record, blocks=(record.blocks[0], second)))


def test_never_across_a_join() -> None:
    whole, broken = two_blocks(0.0), two_blocks(1.0)
    t = np.array([0.0, 150.0, np.nextafter(300.0, 0.0), 300.0, 450.0, 600.0])
    moved = broken.state(t)[0] - whole.state(t)[0]
    assert np.abs(moved[:3]).max() == 0.0  # the later block has no say before the join
    assert np.abs(moved[3:] - 1.0).max() < 1e-12  # from the join on, only it has
    assert np.abs(whole.state(t)[0] - circle(t + 300.0)[0]).max() < 1e-5


def test_times_as_text_utc_and_seconds() -> None:
    trajectory = two_blocks(0.0)
    r, v = trajectory.state(60.5)
    assert r.shape == v.shape == (3,)
    for same in ("2025-01-01T12:01:00.5", START.plus(360.5), np.float64(60.5)):
        assert np.array_equal(trajectory.state(same)[0], r)
    assert trajectory.state([60.5])[0].shape == (1, 3)
    assert (trajectory.epoch.iso(), trajectory.duration_s) == ("2025-01-01T12:00:00.000000", 600.0)


MOMENT = dt.datetime(2025, 1, 1, 12, 1, 0, 500000)  # 60.5 s after the useable start
WEST = dt.timezone(dt.timedelta(hours=-5))


@pytest.mark.parametrize(
    "t",
    [
        MOMENT,
        MOMENT.replace(tzinfo=dt.UTC),
        MOMENT.replace(tzinfo=dt.UTC).astimezone(WEST),
        np.datetime64(MOMENT),
        np.datetime64("2025-01-01T12:01:00.500000000"),
        np.str_("2025-01-01T12:01:00.5"),
    ],
)
def test_a_time_of_any_kind(t: Times) -> None:
    trajectory = made_up(np.arange(0.0, 901.0, 60.0), np.tile(START_COVARIANCE, (16, 1, 1)))
    moment = START.plus(360.5)
    r, v = trajectory.state(moment)
    for found, expected in zip(trajectory.state(t), (r, v), strict=True):
        assert np.array_equal(found, expected)
    assert np.array_equal(trajectory.covariance(t), trajectory.covariance(moment))
    assert np.array_equal(trajectory.position_and_rate(t)[0], r)


@pytest.mark.parametrize(
    "t",
    [
        ["2025-01-01T12:01:00.5", "2025-001T12:02:00"],
        np.array(["2025-01-01T12:01:00.5", "2025-01-01T12:02:00.0"]),
        [MOMENT, MOMENT.replace(minute=2, microsecond=0)],
        (START.plus(360.5), START.plus(420.0)),
        np.array(["2025-01-01T12:01:00.5", "2025-01-01T12:02:00"], dtype="datetime64[ms]"),
        [np.datetime64("2025-01-01T12:01:00.5"), np.datetime64("2025-01-01T12:02")],
        np.array([MOMENT, MOMENT.replace(minute=2, microsecond=0)]),
        np.array([360.5, 420.0], dtype=np.float32),
    ],
)
def test_times_of_any_kind(t: Times) -> None:
    trajectory = made_up(np.arange(0.0, 901.0, 60.0))
    assert np.array_equal(trajectory.state(t)[0], trajectory.state([360.5, 420.0])[0])


def test_a_leap_second_counts_between_datetimes() -> None:
    epoch = parse_utc("2016-12-31T23:59:50")
    after = dt.datetime(2017, 1, 1, 0, 0, 10)
    assert seconds_since(epoch, after)[0].tolist() == [21.0]
    assert seconds_since(epoch, np.datetime64(after))[0].tolist() == [21.0]


@pytest.mark.parametrize(
    ("t", "kind", "message"),
    [
        (np.zeros((2, 1)), ValueError, r"one dimension are needed, given an array of shape \(2, 1"),
        ([[0.0], [1.0, 2.0]], ValueError, "one dimension"),
        ([["2025-01-01T12:01:00"]], ValueError, "one dimension"),
        (np.datetime64("NaT"), ValueError, "NaT, not a time"),
        ("noon", ValueError, "'noon' is no epoch"),
        (None, TypeError, "type NoneType are not taken; allowed: seconds"),
        (True, TypeError, "type bool"),
        (1j, TypeError, "type complex128"),
        (np.timedelta64(1, "s"), TypeError, "type timedelta64"),
        (dt.date(2025, 1, 1), TypeError, "type date "),
        ([MOMENT, 1.0], TypeError, "type datetime and float"),
        ([MOMENT, "2025-01-01T12:01:00"], TypeError, "type datetime and str"),
        ({}, TypeError, "type dict"),
    ],
)
def test_what_is_no_time(t: Any, kind: type[Exception], message: str) -> None:
    for method in ("state", "covariance", "position_and_rate"):
        with pytest.raises(kind, match=message):
            getattr(made_up(np.arange(0.0, 901.0, 60.0)), method)(t)


@pytest.mark.parametrize("t", [-1e-6, 600.0 + 1e-6, float("nan"), float("inf")])
def test_outside_the_useable_span(t: float) -> None:
    with pytest.raises(EphemerisRangeError) as caught:
        two_blocks(0.0).state([10.0, t])
    assert "2025-01-01T12:00:00.000000 to 2025-01-01T12:10:00.000000" in str(caught.value)
    assert "12:10:00.000000" in str(caught.value)
    assert (caught.value.start_s, caught.value.stop_s) == (0.0, 600.0)
    assert caught.value.objects == ("99901",)


def test_from_file(tmp_path: Path) -> None:
    path = tmp_path / "a.ocm"
    path.write_text(sample())
    trajectory = th.Trajectory.from_file(path)
    assert trajectory.record.file == str(path)
    assert trajectory.has_covariance


def accelerations(r: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of the Earth's mass and its J2 [km/s^2], written here once more."""
    n = np.linalg.norm(r)
    k = 1.5 * 1.08262668e-3 * 398600.4418 * 6378.137**2 / n**5
    z = 5.0 * (r[2] / n) ** 2
    return -398600.4418 * r / n**3 - k * r * np.array([1.0 - z, 1.0 - z, 3.0 - z])


def moved(start: NDArray[np.float64], t: NDArray[np.float64]) -> NDArray[np.float64]:
    """States (n, 6) and transition matrices from `start`, together (n, 42), with J2."""

    def motion(_: float, y: NDArray[np.float64]) -> NDArray[np.float64]:
        steps = 1e-2 * np.eye(3)
        rates = np.zeros((6, 6))
        rates[:3, 3:] = np.eye(3)
        rates[3:, :3] = np.transpose(
            [(accelerations(y[:3] + h) - accelerations(y[:3] - h)) / 2e-2 for h in steps]
        )
        return np.concatenate([y[3:6], accelerations(y[:3]), (rates @ y[6:].reshape(6, 6)).ravel()])

    y0 = np.concatenate([start, np.eye(6).ravel()])
    solved = solve_ivp(motion, (0.0, t[-1]), y0, t_eval=t, rtol=1e-11, atol=1e-11, method="DOP853")
    return np.asarray(solved.y.T)


LOW = np.array([6928.0, 0.0, 0.0, 0.0, 4.8, 5.9])
TRANSFER = np.array([6678.0, 0.0, 0.0, 0.0, 9.8, 2.9])  # e = 0.75 from its perigee


@pytest.mark.parametrize(
    ("start", "step", "ratio"),
    [
        (LOW, 60.0, 1.0001), (LOW, 600.0, 1.005), (LOW, 1800.0, 1.015),
        (TRANSFER, 60.0, 1.0001), (TRANSFER, 600.0, 1.001),
    ],
    ids=["low-60", "low-600", "low-1800", "transfer-60", "transfer-600"],
)  # fmt: skip
def test_covariance_follows_the_motion(
    start: NDArray[np.float64], step: float, ratio: float
) -> None:
    """Nodes of an integration with J2; between them the same integration is found again.

    The sigma of position in any direction; of all six, sigmas by components.
    """
    nodes, t, asked = (np.arange(0.0, 7201.0, x) for x in (60.0, step, 7.0 * 60.0))
    asked = asked[asked > 0.0] - 13.0
    every = np.unique(np.concatenate([nodes, t, asked]))
    y = moved(start, every)
    r, v = np.ascontiguousarray(y[:, :3]), np.ascontiguousarray(y[:, 3:6])
    both = np.einsum("ij,nkl->nikjl", np.eye(2), rtn_matrices(r, v)).reshape(-1, 6, 6)
    phi = both @ y[:, 6:].reshape(-1, 6, 6) @ both[0].T
    truth = phi @ START_COVARIANCE @ phi.swapaxes(1, 2)
    on = np.isin(every, nodes)
    trajectory = made_up(nodes, truth[np.isin(every, t)], t, states=(r[on], v[on]))
    found = trajectory.covariance(asked)
    assert np.array_equal(found, found.swapaxes(1, 2))
    expected = truth[np.isin(every, asked)]
    assert worst_sigma_ratio(found[:, :3, :3], expected[:, :3, :3]) < ratio
    sigmas = np.sqrt([np.diagonal(c, axis1=1, axis2=2) for c in (found, expected)])
    assert np.abs(sigmas[0] / sigmas[1] - 1.0).max() < 2.0 * (ratio - 1.0)


def test_tnw_on_an_eccentric_orbit() -> None:
    """T along the velocity, 30 degrees and more from the transverse direction there."""
    t = np.arange(0.0, 3001.0, 60.0)
    y = moved(TRANSFER, t)
    r, v = np.ascontiguousarray(y[:, :3]), np.ascontiguousarray(y[:, 3:6])
    tnw = np.diag([4.0, 1.0, 0.25, 4e-6, 1e-6, 0.25e-6])
    found = made_up(t, np.tile(tnw, (t.size, 1, 1)), frame="TNW_INERTIAL", states=(r, v))
    own = rtn_matrices(r, v)
    angle = np.arctan2((r * v).sum(axis=1), np.linalg.norm(np.cross(r, v), axis=1))
    assert angle.max() > 0.7
    # T is cos N-wise: in RTN the velocity is (sin, cos, 0); N, inward, is (-cos, sin, 0).
    c, s = np.cos(angle), np.sin(angle)
    for k in (0, 20, 50):
        turn = np.array([[s[k], -c[k], 0.0], [c[k], s[k], 0.0], [0.0, 0.0, 1.0]])
        assert np.abs(own[k] @ v[k] / np.linalg.norm(v[k]) - turn[:, 0]).max() < 1e-9
        expected = np.kron(np.eye(2), turn) @ tnw @ np.kron(np.eye(2), turn).T
        assert np.abs(found.covariance(t[k]) - expected).max() < 1e-9


def test_covariance_on_a_node_is_the_node() -> None:
    t = np.arange(11) * 60.0
    nodes = grown(t, START_COVARIANCE)
    found = made_up(t, nodes).covariance(t)
    assert np.abs(found - nodes).max() < 1e-12
    assert made_up(t, nodes).covariance(60.0).shape == (6, 6)


@pytest.mark.parametrize("frame", ["TNW_INERTIAL", "EME2000", "RSW_ROTATING"])
def test_covariance_in_other_frames(frame: str) -> None:
    """The same covariance given in another frame comes out the same."""
    t = np.arange(11) * 60.0
    rtn = grown(t, START_COVARIANCE)
    r, v = circle(t)
    own = rtn_matrices(r, v)
    given = []
    for k in range(t.size):
        if frame == "EME2000":
            m = np.kron(np.eye(2), own[k].T)
        elif frame == "TNW_INERTIAL":  # a circle: T is T, N is -R, W is N
            m = np.kron(np.eye(2), np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]]))
        else:  # turning axes see a velocity less omega x r
            m = np.eye(6)
            m[3, 1], m[4, 0] = RATE, -RATE
        given.append(m @ rtn[k] @ m.T)
    asked = np.array([0.0, 90.0, 333.0, 600.0])
    expected = made_up(t, rtn).covariance(asked)
    found = made_up(t, np.array(given), frame=frame).covariance(asked)
    assert np.abs(found - expected).max() < 1e-12 * np.abs(expected).max() + 1e-14


def test_positions_alone_are_interpolated_by_their_logarithms() -> None:
    t = np.arange(8) * 60.0
    sizes = np.array([1.0, 4.0, 0.25])
    c = np.array([np.diag(sizes * 2.0**k) for k in range(8)])
    found = made_up(t, c).covariance([0.0, 30.0, 60.0])
    assert found.shape == (3, 3, 3)
    assert np.abs(found[1] - np.diag(sizes * np.sqrt(2.0))).max() < 1e-12


def test_singular_positions_stay_finite() -> None:
    t = np.arange(8) * 60.0
    c = np.array([np.diag([1.0, 0.0, 0.0])] * 8)
    assert np.abs(made_up(t, c).covariance(30.0) - c[0]).max() < 1e-15


def test_covariance_that_is_not_there() -> None:
    t = np.arange(11) * 60.0
    with pytest.raises(InputDataError, match=r"one size .* given: none"):
        made_up(t).covariance(60.0)
    record = parse_ocm(sample())
    bare = dataclasses.replace(record.blocks[0], covariance=None)
    half = th.Trajectory.from_record(dataclasses.replace(record, blocks=(bare, record.blocks[1])))
    assert half.covariance(301.0).shape == (6, 6)
    with pytest.raises(InputDataError, match="block 1 has no covariance"):
        half.covariance(60.0)
    few = made_up(t, grown(t[2:5], START_COVARIANCE), t[2:5])
    assert few.covariance(200.0).shape == (6, 6)
    with pytest.raises(EphemerisRangeError, match=r"covariances of block 1 span .*11:57:00"):
        few.covariance(60.0)
    strange = made_up(t, grown(t, START_COVARIANCE), frame="ITRF")
    with pytest.raises(InputDataError, match=r"'ITRF' are not read; allowed: RSW_INERTIAL"):
        strange.covariance(60.0)


def test_shape_of_covariances() -> None:
    record = parse_ocm(sample())
    trajectory = th.Trajectory.from_record(record)
    assert trajectory.covariance([]).shape == (0, 6, 6)
    assert trajectory.covariance([0.0, 301.0]).shape == (2, 6, 6)
    matrices = record.blocks[1].covariance
    assert matrices is not None
    small = dataclasses.replace(record.blocks[1], covariance=matrices[:, :3, :3])
    mixed = th.Trajectory.from_record(dataclasses.replace(record, blocks=(record.blocks[0], small)))
    with pytest.raises(InputDataError, match=r"one size .* given: 3x3 and 6x6"):
        mixed.covariance(0.0)


def test_across_a_leap_second() -> None:
    """Nodes each 60 SI seconds over 2016-12-31T23:59:60: the circle goes on evenly."""
    start = Utc(2457753.5, 86400.0 - 450.0)
    t = np.arange(16) * 60.0
    jd, seconds = add_seconds(start, t)
    r, v = circle(t)
    block = TrajectoryBlock(
        jd=jd, seconds=seconds, r=r, v=v, useable_start=start, useable_stop=start.plus(900.0)
    )
    record: TrajectoryRecord = dataclasses.replace(parse_ocm(sample()), blocks=(block,))
    trajectory = th.Trajectory.from_record(record)
    found, _ = trajectory.state("2016-12-31T23:59:60.5")
    assert np.abs(found - circle(np.array([450.5]))[0][0]).max() < 1e-5
    assert trajectory.duration_s == 900.0


def test_blocks_out_of_order() -> None:
    record = parse_ocm(sample())
    with pytest.raises(InputDataError, match="not in the order of their useable start"):
        th.Trajectory.from_record(dataclasses.replace(record, blocks=record.blocks[::-1]))


def test_block_times_of_the_sample() -> None:
    """What the tests above rest on: the join is 300 s after the useable start."""
    assert block_times(0)[5] + 300.0 == block_times(1)[5] == 600.0
