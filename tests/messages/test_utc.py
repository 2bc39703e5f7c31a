"""UTC of messages: text to (midnight, seconds) and back, leap seconds counted."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracss_hpc.messages.utc import (
    EpochError,
    Utc,
    add_seconds,
    elapsed,
    format_utc,
    parse_utc,
    parse_utcs,
)

JD_2017 = 2457754.5  # 2017-01-01; the day before ends with a leap second


def test_by_hand() -> None:
    assert parse_utc("2017-01-01T00:00:00") == Utc(JD_2017, 0.0)
    assert parse_utc("2017-001T00:00:01.5Z") == Utc(JD_2017, 1.5)
    assert parse_utc("2016-12-31T23:59:60.25") == Utc(JD_2017 - 1, 86400.25)
    assert parse_utc("2016-366T23:59:60.25").iso() == "2016-12-31T23:59:60.250000"


def test_differences_are_si_seconds() -> None:
    before, after = parse_utc("2016-12-31T23:59:59"), parse_utc("2017-01-01T00:00:00")
    assert after.minus(before) == 2.0
    assert before.plus(1.0) == parse_utc("2016-12-31T23:59:60")
    assert after.plus(-1.0) == parse_utc("2016-12-31T23:59:60")
    assert before.plus(2.0) == after
    assert parse_utc("2020-01-01T00:00:00").minus(parse_utc("2010-01-01T00:00:00")) == (
        3652 * 86400 + 3
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2025-01-01",
        "2025-01-01 00:00:00",
        "2025-13-01T00:00:00",
        "2025-02-29T00:00:00",
        "2025-00-01T00:00:00",
        "2025-01-00T00:00:00",
        "2025-366T00:00:00",
        "2025-000T00:00:00",
        "2025-01-01T24:00:00",
        "2025-01-01T00:60:00",
        "2025-01-01T00:00:60",
        "2025-12-31T23:59:60",
        "2025-01-01T00:00:00,5",
        "2025-01-01T00:00:0x",
        "2025-01-01T00:00:00.1e3",
        "2025-01-01T00:00:00.\u0661",
        "2025-01-01T00:00",
        "0000-01-01T00:00:00",
        "2025-01-01T00:00:00." + "0" * 60,
    ],
)
def test_no_epoch(text: str) -> None:
    good = "2025-01-01T00:00:00"
    with pytest.raises(EpochError, match="is no epoch") as caught:
        parse_utcs([good, good, text, good, "bad"])
    assert caught.value.index == 2
    assert text[:30] in str(caught.value)


def test_column_of_mixed_forms_keeps_its_order() -> None:
    texts = [
        "2025-01-01T00:00:01", "2025-002T00:00:01.0", "2025-01-03T00:00:01.25Z",
        "2025-004T00:00:01.00000000000001",
    ]  # fmt: skip
    jd, seconds = parse_utcs(texts)
    assert (jd - jd[0]).tolist() == [0.0, 1.0, 2.0, 3.0]
    assert seconds.tolist() == [1.0, 1.0, 1.25, 1.00000000000001]
    assert [part.size for part in parse_utcs([])] == [0, 0]


@given(st.floats(1e-9, 86400.0, exclude_max=True), st.integers(0, 3000))
def test_text_reads_back_as_the_same_float(seconds: float, day: int) -> None:
    text = Utc(JD_2017 + day, seconds).iso()
    assert parse_utc(text) == Utc(JD_2017 + day, seconds)


def test_last_float_below_the_leap_second_ends() -> None:
    last = Utc(JD_2017 - 1, math.nextafter(86401.0, 0.0))
    assert last.iso().startswith("2016-12-31T23:59:60.99999999")
    assert parse_utc(last.iso()) == last


@given(st.integers(0, 10**14), st.sampled_from([0.0, 43200.0, 86399.5]))
def test_adding_and_subtracting_agree(microseconds: int, start: float) -> None:
    origin, t = Utc(JD_2017 - 2000, start), np.array([microseconds / 1e6, -microseconds / 1e6])
    jd, seconds = add_seconds(origin, t)
    assert ((seconds >= 0) & (seconds < 86401)).all()
    assert abs(elapsed(origin, jd, seconds) - t).max() <= 3e-8
    assert format_utc(jd, seconds) == [Utc(*pair).iso() for pair in zip(jd, seconds, strict=True)]
