"""Two-body transition matrices against differences of an integrated Kepler orbit."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from tracss_hpc.ephemeris.two_body import two_body_transition
from tracss_hpc.errors import InputDataError

MU = 398600.4418


def integrate(state: NDArray[np.float64], dt: float) -> NDArray[np.float64]:
    def motion(_: float, y: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.concatenate([y[3:], -MU * y[:3] / np.linalg.norm(y[:3]) ** 3])

    solved = solve_ivp(motion, (0.0, dt), state, rtol=1e-13, atol=1e-13, method="DOP853")
    return np.asarray(solved.y[:, -1])


@pytest.mark.parametrize(
    ("state", "dt"),
    [
        ([7000.0, 100.0, -200.0, 1.0, 6.0, 4.0], 900.0),  # low orbit
        ([7000.0, 100.0, -200.0, 1.0, 6.0, 4.0], -5000.0),  # nearly a revolution back
        ([6700.0, 0.0, 0.0, 1.0, 9.0, 3.0], -1500.0),  # transfer orbit through perigee
        ([42164.0, 0.0, 0.0, 0.0, 3.07, 0.1], 40000.0),  # geostationary, half a day
        ([7000.0, 0.0, 0.0, 1.0, 11.0, 2.0], 3000.0),  # escape
    ],
)
def test_is_the_derivative_of_the_flow(state: list[float], dt: float) -> None:
    s = np.array(state)
    phi = two_body_transition(s[None, :3], s[None, 3:], np.array([dt]))[0]
    expected = np.empty((6, 6))
    for k in range(6):
        step = np.zeros(6)
        step[k] = 1e-2 if k < 3 else 1e-5
        expected[:, k] = (integrate(s + step, dt) - integrate(s - step, dt)) / (2 * step[k])
    assert np.abs(phi - expected).max() < 1e-8 * np.abs(expected).max()


def test_no_time_is_identity_and_there_and_back_too() -> None:
    r, v = np.array([[7000.0, 10.0, 20.0]] * 2), np.array([[0.1, 7.5, 1.0]] * 2)
    assert np.array_equal(two_body_transition(r, v, np.zeros(2)), [np.eye(6)] * 2)
    phi = two_body_transition(r[:1], v[:1], np.array([600.0]))[0]
    assert abs(np.linalg.det(phi) - 1.0) < 1e-9  # the flow keeps volumes
    end = integrate(np.concatenate([r[0], v[0]]), 600.0)
    back = two_body_transition(end[None, :3], end[None, 3:], np.array([-600.0]))[0]
    assert np.abs(back @ phi - np.eye(6)).max() < 1e-6


@pytest.mark.parametrize("eccentricity", [0.6, 0.75, 0.9, 0.97])
def test_eccentric_orbits_from_all_places(eccentricity: float) -> None:
    """Four tenths of a revolution, both ways, from two dozen places: there and back is nothing."""
    a = 6700.0 / (1.0 - eccentricity)
    places = np.linspace(0.0, 2.0 * np.pi, 24, endpoint=False)
    e = np.concatenate([places, places])  # eccentric anomalies
    axis = np.sqrt(1.0 - eccentricity**2)
    rate = np.sqrt(MU / a**3) / (1.0 - eccentricity * np.cos(e))
    r = a * np.stack([np.cos(e) - eccentricity, axis * np.sin(e), 0.0 * e], axis=1)
    v = a * (rate * np.stack([-np.sin(e), axis * np.cos(e), 0.0 * e])).T
    dt = np.repeat([0.4, -0.4], 24) * 2.0 * np.pi * np.sqrt(a**3 / MU)
    phi = two_body_transition(r, v, dt)
    # The matrix at the end carries the velocity there: d state / dt is a deviation like any other.
    moved = np.array(
        [integrate(np.concatenate(s), x) for s, x in zip(zip(r, v, strict=True), dt, strict=True)]
    )
    start = np.hstack([v, -MU * r / np.linalg.norm(r, axis=1)[:, None] ** 3])
    end = np.hstack(
        [moved[:, 3:], -MU * moved[:, :3] / np.linalg.norm(moved[:, :3], axis=1)[:, None] ** 3]
    )
    found = np.einsum("nij,nj->ni", phi, start)
    for half in (slice(3), slice(3, 6)):
        error = np.linalg.norm(found[:, half] - end[:, half], axis=1)
        assert (error < 1e-6 * np.linalg.norm(end[:, half], axis=1)).all()


@pytest.mark.parametrize("dt", [1e300, 1e7, 3 * 5877.0, -2.01 * 5877.0])
def test_more_than_two_revolutions_are_refused(dt: float) -> None:
    r, v = np.array([[7000.0, 0.0, 0.0]]), np.array([[0.0, 7.5, 1.0]])
    with pytest.raises(InputDataError, match=r"cannot be carried over .* 2 revolutions"):
        two_body_transition(r, v, np.array([dt]))


def test_two_revolutions() -> None:
    s = np.array([7000.0, 100.0, -200.0, 1.0, 6.0, 4.0])
    a = 1.0 / (2.0 / np.linalg.norm(s[:3]) - s[3:] @ s[3:] / MU)
    period = 2.0 * np.pi * np.sqrt(a**3 / MU)
    phi = two_body_transition(s[None, :3], s[None, 3:], np.array([2.0 * period]))[0]
    # By the period's derivative: all but the drift along the orbit is as it was.
    r, v = s[:3], s[3:]
    gradient = -3.0 * a * 2.0 * period * np.concatenate([r / np.linalg.norm(r) ** 3, v / MU])
    drift = np.concatenate([v, -MU * r / np.linalg.norm(r) ** 3])
    expected = np.eye(6) + np.outer(drift, gradient)
    assert np.abs(phi - expected).max() < 1e-9 * np.abs(expected).max()
