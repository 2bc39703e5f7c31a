"""Rules of blocks: orbits made here pass, their faults do not, and O19 tells the true error."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.messages.ephemeris_texts import (
    HEADER,
    ITC_NAME,
    covariance_rows,
    itc,
    segment,
    stamp,
)
from tests.messages.ocm_samples import START, circle, kvn_lines_of_sample, sample
from tracss_hpc.ephemeris.tabulated import Trajectory
from tracss_hpc.errors import MessageError
from tracss_hpc.messages.findings import Judge
from tracss_hpc.messages.itc import parse_itc
from tracss_hpc.messages.ocm import parse_ocm
from tracss_hpc.messages.oem import parse_oem
from tracss_hpc.messages.trajectory_record import Finding, TrajectoryBlock
from tracss_hpc.messages.trajectory_rules import check_states
from tracss_hpc.messages.utc import add_seconds, format_utc

MU = 398600.4418
EARTH_RATE = 7.292115e-5  # [rad/s]
States = tuple[NDArray[np.float64], NDArray[np.float64]]


def orbit(
    t: NDArray[np.float64], a: float, eccentricity: float = 0.0, inclination: float = 0.0
) -> States:
    """States on a Kepler orbit, at perigee when t = 0."""
    mean = math.sqrt(MU / a**3) * t
    e = mean.copy()
    for _ in range(60):
        e -= (e - eccentricity * np.sin(e) - mean) / (1.0 - eccentricity * np.cos(e))
    axis = math.sqrt(1.0 - eccentricity**2)
    rate = math.sqrt(MU / a**3) / (1.0 - eccentricity * np.cos(e))
    up = np.array([0.0, math.cos(inclination), math.sin(inclination)])
    along = np.array([1.0, 0.0, 0.0])
    r = a * ((np.cos(e) - eccentricity)[:, None] * along + axis * np.sin(e)[:, None] * up)
    v = a * rate[:, None] * (axis * np.cos(e)[:, None] * up - np.sin(e)[:, None] * along)
    return r, v


def earth_fixed(t: NDArray[np.float64], states: States, *, turning: bool) -> States:
    """The states in axes that turn with the Earth; velocities as seen there, or only rotated."""
    c, s, zero = np.cos(EARTH_RATE * t), np.sin(EARTH_RATE * t), np.zeros(t.size)
    turn = np.array([[c, s, zero], [-s, c, zero], [zero, zero, zero + 1.0]]).transpose(2, 0, 1)
    r, v = (np.einsum("nij,nj->ni", turn, x) for x in states)
    return r, v - np.cross([0.0, 0.0, EARTH_RATE], r) if turning else v


def block_of(t: NDArray[np.float64], states: States, margin: int = 0) -> TrajectoryBlock:
    """A block useable to `margin` states from its ends."""
    jd, seconds = add_seconds(START, t)
    return TrajectoryBlock(
        jd=jd, seconds=seconds, r=states[0], v=states[1],
        useable_start=START.plus(float(t[margin])), useable_stop=START.plus(float(t[-1 - margin])),
    )  # fmt: skip


def judged(block: TrajectoryBlock, limit: float | None = None) -> tuple[list[str], list[Finding]]:
    """Codes of the errors, and the warnings."""
    judge = Judge("block")
    check_states(block, range(1, block.jd.size + 1), judge, max_acceleration_km_s2=limit)
    return [finding.code for finding in judge.errors], judge.warnings


# ------------------------------------------------------------------ O12


@pytest.mark.parametrize("count", [2, 3, 6])
def test_too_few_states_for_seven_points(count: int) -> None:
    text = HEADER + segment(0, count - 1, 0, count - 1)
    with pytest.raises(MessageError, match=f"O12.*'{count} records', expected at least 7"):
        parse_oem(text)
    assert "O12" in [w.code for w in parse_oem(text, lenient=True).warnings]
    with pytest.raises(MessageError, match="O12"):
        parse_itc(itc(count), file=ITC_NAME)
    lenient = parse_itc(itc(count), file=ITC_NAME, lenient=True)
    assert "O12" in [w.code for w in lenient.warnings]


def test_seven_states_are_enough() -> None:
    assert parse_oem(HEADER + segment(0, 6, 0, 6)).warnings == ()


# ------------------------------------------------------------------ O13


def test_a_clipped_span_is_not_lengthened_by_the_next_block() -> None:
    """Data to 12:15, said to be useable to 12:35; the next block begins 12:30, not lengthened."""
    lines = kvn_lines_of_sample(covariance=False)
    first, last = lines.index("TRAJ_START"), len(lines) - lines[::-1].index("TRAJ_STOP")
    middle: list[str] = []
    for number, begin, start, stop in ((1, 0.0, 300.0, 2400.0), (2, 1800.0, 2100.0, 2700.0)):
        t = begin + np.arange(21) * 60.0
        rows = np.hstack(circle(t)).tolist()
        middle += [
            "TRAJ_START", f"TRAJ_ID = {number}", "TRAJ_BASIS = OPERATIONAL",
            "CENTER_NAME = EARTH", "TRAJ_REF_FRAME = EME2000",
            f"USEABLE_START_TIME = {START.plus(start).iso()}",
            f"USEABLE_STOP_TIME = {START.plus(stop).iso()}",
            "TRAJ_TYPE = CARTPV", "TRAJ_UNITS = [km, km, km, km/s, km/s, km/s]",
            *(
                f"{epoch} {' '.join(map(repr, row))}"
                for epoch, row in zip(format_utc(*add_seconds(START, t)), rows, strict=True)
            ),
            "TRAJ_STOP",
        ]  # fmt: skip
    record = parse_ocm("\n".join(lines[:first] + middle + lines[last:]), lenient=True)
    # Halfway between the third and the fourth state from the end at 1200 s.
    assert record.blocks[0].useable_stop == START.plus(1050.0)
    assert record.blocks[1].useable_start == START.plus(2100.0)
    trajectory = Trajectory.from_record(record)
    assert np.abs(trajectory.state(750.0)[0] - circle(np.array([1050.0]))[0][0]).max() < 1e-5


# ------------------------------------------------------------------ O18


@pytest.mark.parametrize("turning", [True, False])
@pytest.mark.parametrize("inclination", [0.0, 0.1, 0.9, 1.57, 2.5])
@pytest.mark.parametrize("radius", [6800.0, 12e3, 26.56e3, 42164.0, 5e4, 6e4, 8e4, 12e4, 38e4])
def test_earth_fixed_states_are_found(radius: float, inclination: float, turning: bool) -> None:
    t = np.arange(60.0) * 240.0
    if radius == 6800.0:
        t = t / 4.0
    states = orbit(t, radius, inclination=inclination)
    assert judged(block_of(t, states))[0] == []
    errors, _ = judged(block_of(t, earth_fixed(t, states, turning=turning)))
    assert errors == ["O18"]


def test_earth_fixed_states_that_are_an_orbit() -> None:
    """Twice as slow as the Earth: in its axes a circle the other way round, at the same speed."""
    t = np.arange(60.0) * 240.0
    states = orbit(t, (MU / (EARTH_RATE / 2.0) ** 2) ** (1.0 / 3.0))
    assert judged(block_of(t, earth_fixed(t, states, turning=True)))[0] == []


def test_velocities_of_deep_space_sgp4_pass() -> None:
    """2.5 to 7 m/s off the derivative of the positions; of more than 10 it is a fault."""
    for step in (10.0, 60.0):
        t = np.arange(60.0) * step
        r, v = orbit(t, 42164.0, inclination=0.1)
        for offset, expected in ((2.5e-3, []), (9.9e-3, []), (11e-3, ["O18"])):
            moved = v + np.array([offset, 0.0, 0.0])
            assert judged(block_of(t, (r, moved)))[0] == expected


@pytest.mark.parametrize("kind", ["spike", "shift", "no neighbour"])
def test_an_offset_that_is_not_steady_is_a_fault(kind: str) -> None:
    """Positions moved by 300 m, which 60 s make of 5 m/s."""
    t = np.arange(60.0) * 60.0 if kind != "no neighbour" else np.array([0.0, 60.0])
    r, v = orbit(t, 42164.0, inclination=0.1)
    moved = r.copy()
    moved[{"spike": slice(30, 31), "shift": slice(30, None)}.get(kind, slice(1, None))] += [
        0.3,
        0,
        0,
    ]
    assert "O18" in judged(block_of(t, (moved, v)))[0]


def test_a_given_limit_counts_everywhere() -> None:
    """A burn of 0.22 m/s2 for five minutes, near the apogee of a transfer."""
    t = np.arange(21.0) * 60.0
    r, v = orbit(t, 60000.0)
    burn = np.clip(t - 600.0, 0.0, 300.0)[:, None] * np.array([0.0, 0.0, 2.2e-4])
    moved = (
        np.cumsum(np.vstack([np.zeros(3), 30.0 * (burn[1:] + burn[:-1])]), axis=0) + r, v + burn
    )  # fmt: skip
    assert judged(block_of(t, moved))[0] == ["O18"]
    assert judged(block_of(t, moved), 3e-4)[0] == []
    assert judged(block_of(t, orbit(t, 60000.0)), 1e-12)[0] == []


# ------------------------------------------------------------------ O19


def told_km(warnings: list[Finding]) -> float:
    (found,) = [w.found for w in warnings if "error about" in w.found]
    return float(found.split("error about ")[1].split(" km")[0])


@pytest.mark.parametrize("margin", [0, 4])
@pytest.mark.parametrize(
    ("a", "eccentricity", "step", "begin"),
    [
        (7000.0, 0.0, 240.0, 0.0), (7000.0, 0.0, 300.0, 0.0), (42164.0, 0.0, 3600.0, 0.0),
        (26600.0, 0.74, 240.0, -4800.0), (26600.0, 0.74, 300.0, 0.0), (67000.0, 0.9, 240.0, 600.0),
    ],
)  # fmt: skip
def test_error_told_is_the_error(
    a: float, eccentricity: float, step: float, begin: float, margin: int
) -> None:
    """To a factor of 2.5: in the middle and at the ends, of circles and near a perigee."""
    t = begin + np.arange(41.0) * step
    block = block_of(t, orbit(t, a, eccentricity), margin)
    _, warnings = judged(block)
    record = dataclasses.replace(parse_ocm(sample()), blocks=(block,))
    trajectory = Trajectory.from_record(record)
    asked = np.linspace(0.0, trajectory.duration_s, 4001)
    wanted = orbit(asked + trajectory.epoch.minus(START), a, eccentricity)[0]
    error = np.linalg.norm(trajectory.state(asked)[0] - wanted, axis=1).max()
    assert error > 1e-3
    assert [w.code for w in warnings] == ["O19"]
    assert 1.0 / 2.5 < told_km(warnings) / error < 2.5


def test_a_margin_keeps_the_ends_out() -> None:
    t = np.arange(41.0) * 200.0
    states = orbit(t, 7000.0)
    assert judged(block_of(t, states, margin=3))[1] == []
    (warning,) = judged(block_of(t, states))[1]
    assert warning.line in (2, 41)


@pytest.mark.parametrize(("late_s", "codes"), [(30.0, []), (1.0, []), (0.01, ["O19"])])
def test_states_close_together(late_s: float, codes: list[str]) -> None:
    """A state just after another: interpolation magnifies the rounding of the two."""
    t = np.sort(np.append(np.arange(21.0) * 60.0, 600.0 + late_s))
    _, warnings = judged(block_of(t, orbit(t, 7000.0)))
    assert [w.code for w in warnings] == codes
    for warning in warnings:
        assert f"near one of {late_s:g} s (1 mm becomes" in warning.found


def test_a_coarse_step_beside_fine_ones() -> None:
    """No step is below a hundredth of the next, yet three fine ones carry a coarse one."""
    t = np.concatenate([np.arange(11.0) * 60.0, 600.0 + np.arange(1.0, 11.0) * 1.5])
    states = orbit(t, 7000.0)
    _, warnings = judged(block_of(t, states))
    assert [w.code for w in warnings] == ["O19"]
    # What it says of 1 mm: move one state by it.
    block = block_of(t, (states[0] + 1e-6 * (t == 600.0)[:, None] * [1.0, 0.0, 0.0], states[1]))
    record = dataclasses.replace(parse_ocm(sample()), blocks=(block,))
    asked = np.linspace(540.0, 600.0, 61)
    moved = Trajectory.from_record(record).state(asked)[0] - orbit(asked, 7000.0)[0]
    told_m = float(warnings[0].found.split("becomes ")[1].split(" m")[0])
    assert 0.1 * told_m < np.abs(moved).max() * 1e3 < told_m * 1.5


# ------------------------------------------------------------------ O15 of an OEM


def test_covariances_outside_the_states() -> None:
    """States from minute 10 to 24: the matrix of 22:00 would be carried by a wild polynomial."""
    outside = covariance_rows("2025-08-31T22:00:00", "RTN")
    inside = covariance_rows(stamp(10), "RTN") + covariance_rows(stamp(24), "RTN")
    late = covariance_rows("2025-09-01T00:24:00.001", "RTN")
    assert parse_oem(HEADER + segment(10, 24, 10, 24, inside)).warnings == ()
    text = HEADER + segment(10, 24, 10, 24, outside + inside + late)
    with pytest.raises(MessageError, match="EPOCH: O15: 2 of 4 covariances") as caught:
        parse_oem(text)
    assert caught.value.given == "2025-08-31T22:00:00.000000"
    record = parse_oem(text, lenient=True)
    assert [w.code for w in record.warnings] == ["O15"]
    assert "2 of 4 covariances are outside the states" in record.warnings[0].text
    (block,) = record.blocks
    assert block.covariance is not None
    assert block.covariance.shape == (2, 6, 6)
    assert block.covariance_seconds is not None
    assert block.covariance_seconds.tolist() == [600.0, 1440.0]
    alone = parse_oem(HEADER + segment(10, 24, 10, 24, outside), lenient=True).blocks[0]
    assert alone.covariance is None
    assert alone.covariance_frame == ""
