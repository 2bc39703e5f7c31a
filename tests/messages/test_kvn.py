"""Keyword = value lines."""

from __future__ import annotations

import pytest

from tracss_hpc.messages.kvn import kvn_lines, split_unit


def test_lines_carry_number_keyword_and_value() -> None:
    text = "CCSDS_OMM_VERS = 3.0\n\nCOMMENT  two = words \n  EPOCH=2025-09-01T00:00:00  \nNOTE =\n"
    assert list(kvn_lines(text)) == [
        (1, "CCSDS_OMM_VERS", "3.0"),
        (3, "COMMENT", "two = words"),
        (4, "EPOCH", "2025-09-01T00:00:00"),
        (5, "NOTE", ""),
    ]


@pytest.mark.parametrize("line", ["META_START", "1.0 2.0 3.0", "lower = 1", "TWO WORDS = 1", "= 1"])
def test_line_that_is_no_keyword_comes_whole(line: str) -> None:
    assert list(kvn_lines(line)) == [(1, "", line)]


def test_value_keeps_its_own_equals_sign() -> None:
    assert list(kvn_lines("OBJECT_NAME = A=B")) == [(1, "OBJECT_NAME", "A=B")]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("15.49 [rev/day]", ("15.49", "rev/day")),
        ("15.49", ("15.49", "")),
        ("0.1[ 1/ER ]", ("0.1", "1/ER")),
        ("1 [deg", ("1 [deg", "")),
        ("]", ("]", "")),
        ("1 [a] [b]", ("1 [a]", "b")),
    ],
)
def test_split_unit(value: str, expected: tuple[str, str]) -> None:
    assert split_unit(value) == expected
