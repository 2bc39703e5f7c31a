"""Numbers printed a column at a time: every character as printf has it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tracss_hpc.messages.number_texts import CODE_16_DIGITS, print_16_digits

POWERS = np.array([float(f"1e{k}") for k in range(-320, 309)])


def assert_as_printf(values: NDArray[np.float64]) -> None:
    assert print_16_digits(values) == [CODE_16_DIGITS % value for value in values.tolist()]


def test_by_hand() -> None:
    given_values = np.array([27.62478951638903, -3.037280667193719e-05, 0.0, -0.0, 1.0, np.nan])
    assert print_16_digits(given_values) == [
        "2.762478951638903E+01", "-3.037280667193719E-05", "0.000000000000000E+00",
        "-0.000000000000000E+00", "1.000000000000000E+00", "NAN",
    ]  # fmt: skip
    assert print_16_digits(np.array([])) == []


@pytest.mark.parametrize(
    "values",
    [
        POWERS, -np.nextafter(POWERS, 0.0), np.nextafter(POWERS, np.inf),
        2.0 ** np.arange(-1074, 1023), np.arange(-5000, 5000) / 8.0,
        1e15 + 0.5 * np.arange(10_000),  # every other one is halfway between two texts
        1e17 + 1e2 * np.arange(10_000) - 48.0,
        np.array([np.inf, -np.inf, 5e-324, 1.7976931348623157e308, 9.9999999999999995e22]),
    ],
)  # fmt: skip
def test_edges_of_exponents_and_ties(values: NDArray[np.float64]) -> None:
    assert_as_printf(values)


def test_random_bits(rng: np.random.Generator) -> None:
    assert_as_printf(rng.integers(0, 2**64, 20_000, dtype=np.uint64).view(np.float64))
    assert_as_printf(rng.normal(size=20_000) * 10.0 ** rng.integers(-20, 20, 20_000))


@settings(deadline=None, max_examples=200)
@given(st.lists(st.floats(), max_size=5))
def test_any_numbers(values: list[float]) -> None:
    assert_as_printf(np.array(values, dtype=np.float64))
