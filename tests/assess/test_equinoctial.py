"""Equinoctial elements: published numbers, there and back, derivatives, orbits on their back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tracss_hpc.assess.equinoctial import (
    elements_of_states,
    orbital_period,
    regular_axes,
    states_and_jacobians,
    states_of_elements,
)
from tracss_hpc.constants import MU_KM3_S2


def random_states(rng: np.random.Generator, n: int) -> np.ndarray:
    """Bound orbits of any inclination, eccentricities up to 0.6."""
    r = rng.normal(size=(n, 3))
    r *= rng.uniform(6800.0, 42000.0, n)[:, None] / np.linalg.norm(r, axis=1)[:, None]
    across = np.cross(r, rng.normal(size=(n, 3)))
    across /= np.linalg.norm(across, axis=1)[:, None]
    speed = np.sqrt(MU_KM3_S2 / np.linalg.norm(r, axis=1))
    v = across * (speed * rng.uniform(0.75, 1.15, n))[:, None]
    v += r / np.linalg.norm(r, axis=1)[:, None] * (speed * rng.uniform(-0.3, 0.3, n))[:, None]
    return np.hstack([r, v])


def test_circular_equatorial_orbit_by_hand() -> None:
    """At x with velocity along y: no eccentricity, no tilt; a quarter period later at y."""
    v = np.sqrt(MU_KM3_S2 / 7000.0)
    state = np.array([7000.0, 0.0, 0.0, 0.0, v, 0.0])
    elements = elements_of_states(state)
    np.testing.assert_allclose(elements[0], v / 7000.0, rtol=1e-14)
    np.testing.assert_allclose(elements[1:], 0.0, atol=1e-14)
    period = orbital_period(state)
    assert period == pytest.approx(2.0 * np.pi * 7000.0 / v, rel=1e-14)
    np.testing.assert_allclose(
        states_of_elements(elements, period / 4.0), [0.0, 7000.0, 0.0, -v, 0.0, 0.0], atol=1e-9
    )


def test_published_elements(shared_data: Path) -> None:
    case = json.loads((shared_data / "pc" / "frames_cases.json").read_text())["equinoctial"]
    expected = np.array(case["expected_a_n_af_ag_chi_psi_lM"])[1:]
    # The source's longitude is that of the state; 1e-5 is the tolerance it gives.
    np.testing.assert_allclose(elements_of_states(case["cart_km"]), expected, rtol=1e-5)


def test_there_and_back(rng: np.random.Generator) -> None:
    states = random_states(rng, 500)
    elements = elements_of_states(states)
    np.testing.assert_allclose(states_of_elements(elements, 0.0), states, rtol=1e-9, atol=1e-8)
    later = elements_of_states(states_of_elements(elements, 5000.0))
    np.testing.assert_allclose(later[:, :5], elements[:, :5], rtol=1e-8, atol=1e-10)
    advance = later[:, 5] - elements[:, 5] - 5000.0 * elements[:, 0]
    np.testing.assert_allclose(np.sin(advance), 0.0, atol=1e-9)


def test_jacobian_is_the_difference_quotient(rng: np.random.Generator) -> None:
    elements = elements_of_states(random_states(rng, 200))
    for time in (0.0, 1000.0):
        states, jacobians = states_and_jacobians(elements, np.full(200, time))
        np.testing.assert_array_equal(states, states_of_elements(elements, time))
        for k in range(6):
            step = np.zeros(6)
            step[k] = 1e-9 if k == 0 else 1e-6
            up, down = (states_of_elements(elements + s * step, time) for s in (1.0, -1.0))
            quotient = (up - down) / (2.0 * step[k])
            scale = np.abs(quotient).max(axis=0)
            assert (np.abs(jacobians[:, :, k] - quotient) / scale).max() < 1e-6, k


def test_open_orbit_is_nan() -> None:
    state = np.array([7000.0, 0.0, 0.0, 0.0, 12.0, 0.0])
    assert np.isnan(elements_of_states(state)).any()
    assert orbital_period(state) == np.inf


@pytest.mark.parametrize("normal", [(0, 0, -1), (0, 0.05, -1), (-0.05, 0, -1), (0, 0, 1)])
def test_axes_keep_the_pole_away(normal: tuple[float, float, float]) -> None:
    n = np.array(normal, dtype=float) / np.linalg.norm(normal)
    r = np.cross(n, [0.3, 1.0, 0.2])
    state = np.concatenate([7000.0 * r / np.linalg.norm(r), 7.5 * np.cross(n, r)])
    axes = regular_axes(state, state)
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=0.0)
    assert np.linalg.det(axes) == pytest.approx(1.0)
    assert (axes @ n)[2] > -0.9
    if n[2] > 0.0:
        np.testing.assert_array_equal(axes, np.eye(3))
