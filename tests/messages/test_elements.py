"""What every GP format shares: numbers, catalog numbers, epochs."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracss_hpc.errors import MessageError
from tracss_hpc.messages.elements import (
    clean_name,
    day_of_year_epoch,
    expand_designator,
    international_designator,
    iso_epoch,
    parse_number,
    parse_whole,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("    5", 5),
        ("00005", 5),
        ("99999", 99999),
        ("A0000", 100000),
        ("H9999", 179999),
        ("J0000", 180000),
        ("N9999", 229999),
        ("P0000", 230000),
        ("T0438", 270438),
        ("Z9999", 339999),
        ("340000", 340000),
        ("999999999", 999999999),
    ],
)
def test_designator(text: str, value: int) -> None:
    assert expand_designator(text) == value


@pytest.mark.parametrize(
    "text",
    ["I0001", "O0001", "a0001", "A001", "A00001", "1000000000", "0", "00000", "", "-5", "5.0", "٣"],
)
def test_bad_designator_is_named(text: str) -> None:
    with pytest.raises(MessageError) as caught:
        expand_designator(text)
    assert caught.value.key == "NORAD_CAT_ID"
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    "text", ["nan", "inf", "1_0", "1e", "0x1", "", "1 2", "--1", "１", "1e9999"]
)
def test_number_refuses_what_is_no_printed_decimal(text: str) -> None:
    with pytest.raises(MessageError) as caught:
        parse_number("BSTAR", text)
    assert (caught.value.key, caught.value.given) == ("BSTAR", text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("text", ["-1", "1.0", "", "1" * 19, "0x1"])
def test_whole_number_refuses(text: str) -> None:
    with pytest.raises(MessageError) as caught:
        parse_whole("REV_AT_EPOCH", text)
    assert caught.value.key == "REV_AT_EPOCH"


def test_numbers_keep_their_digits() -> None:
    assert parse_number("BSTAR", ".11479289E-3") == 0.11479289e-3
    assert parse_number("X", "+1.") == 1.0
    assert parse_whole("ELEMENT_SET_NO", "0925") == 925


def test_leap_years_have_a_day_366() -> None:
    assert day_of_year_epoch(2024, 366, "0") == (2460675.5, 0.0)  # 2024-12-31
    assert day_of_year_epoch(2025, 1, "5") == (2460676.5, 0.5)  # 2025-01-01T12:00
    with pytest.raises(MessageError, match="366 is not a day of 2025"):
        day_of_year_epoch(2025, 366, "0")
    with pytest.raises(MessageError, match="0 is not a day of 2025"):
        day_of_year_epoch(2025, 0, "0")


def test_fraction_that_rounds_to_one_is_the_next_midnight() -> None:
    assert day_of_year_epoch(2024, 366, "9" * 30) == (2460676.5, 0.0)
    assert iso_epoch("2024-12-31T23:59:59.999999999999999999") == (2460676.5, 0.0)


@pytest.mark.parametrize(
    ("text", "epoch"),
    [
        ("2025-09-01T12:00:00", (2460919.5, 0.5)),
        ("2025-244T12:00:00Z", (2460919.5, 0.5)),
        ("2025-09-01 12:00", (2460919.5, 0.5)),
        ("2025-09-01T12:00:00.", (2460919.5, 0.5)),
        ("2016-12-31T23:59:60.5", (2457754.5, 0.5 / 86400)),  # leap second: next day's first second
    ],
)
def test_iso_epoch(text: str, epoch: tuple[float, float]) -> None:
    assert iso_epoch(text) == epoch


@pytest.mark.parametrize(
    "text",
    [
        "2025-09-01",
        "2025-02-29T00:00:00",
        "2025-366T00:00:00",
        "2025-000T00:00:00",
        "2025-09-01T24:00:00",
        "2025-09-01T12:60:00",
        "2025-09-01T12:00:61",
        "2025-09-01T12:00:00+02:00",
        "0000-01-01T00:00:00",
        "yesterday",
        "",
    ],
)
def test_bad_epoch_is_named(text: str) -> None:
    with pytest.raises(MessageError) as caught:
        iso_epoch(text)
    assert caught.value.key == "EPOCH"
    assert str(caught.value.given) in text


@settings(deadline=None, derandomize=True)
@given(st.integers(0, 10**8 - 1))
def test_tle_and_omm_epochs_of_one_instant_are_the_same_float(ticks: int) -> None:
    """The 8 digits of a TLE are whole multiples of 0.864 ms: an OMM prints them exactly."""
    second, micro = divmod(ticks * 864, 10**6)
    iso = f"2025-09-01T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.{micro:06d}"
    assert iso_epoch(iso) == day_of_year_epoch(2025, 244, f"{ticks:08d}")


@settings(deadline=None, derandomize=True)
@given(st.integers(0, 86400 * 10**9 - 1))
def test_iso_fraction_is_the_nearest_float(nanoseconds: int) -> None:
    second, nano = divmod(nanoseconds, 10**9)
    text = f"2025-09-01T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.{nano:09d}"
    assert iso_epoch(text)[1] == float(Fraction(nanoseconds, 86400 * 10**9))


def test_names_are_cleaned() -> None:
    assert clean_name("  STARLINK-11117   [DTC] ") == "STARLINK-11117 [DTC]"
    assert clean_name("A\x00B\x7f") == "AB"
    assert clean_name(" ") == "UNKNOWN"
    assert international_designator("1998067A") == "1998-067A"
    assert international_designator("98-067A") == "UNKNOWN"
