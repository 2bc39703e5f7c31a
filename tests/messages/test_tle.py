"""TLE and 3LE: what is read, what is refused and why."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracss_hpc.messages.elements import ElementSet, Rejection
from tracss_hpc.messages.tle import is_tle, read_tle

GP = Path(__file__).parent / "gp"
GOOD = (GP / "good.3le").read_text()

# file, line of the record, whose, what the reason must name
FAULTS = [
    ("tle-bad-checksum", 5, "T0001", "line 2: checksum is 6, the columns add up to 5"),
    ("tle-shifted-column", 5, "T0001", "line 2: column 34 (blank) holds '6'; it has 70 columns"),
    ("tle-missing-line-2", 5, "T0001", "line 1 without a line 2"),
    ("tle-orphan-line-2", 5, "T0001", "line 2 without a line 1"),
    ("tle-mixed-pair", 5, "T0001", "line 2 is of object T0002, line 1 of T0001"),
    ("tle-letter-in-number", 5, "T0001", "line 2: column 9-16 (inclination) holds ' 98O7000'"),
    ("tle-no-such-epoch-day", 5, "T0001", "366 is not a day of 2025"),
    ("tle-sgp4-xp", 5, "T0001", "EPHEMERIS_TYPE '4' (SGP4-XP)"),
    ("tle-cut-line", 5, "T0001", "it has 40 columns, allowed are 69"),
    ("tle-no-mean-motion", 5, "T0001", "MEAN_MOTION 0.0 is out of range"),
    ("tle-alpha5-letter-i", 5, "I0001", "'I0001' is neither"),
    ("tle-object-zero", 5, "00000", "'00000': 0 identifies no object"),
    ("tle-name-alone", 4, "0 OWL 2 DEB", "'0 OWL 2 DEB' is followed by no element lines"),
]


def test_every_column_is_read() -> None:
    owl, debris, kite = read_tle(GOOD).sets
    assert owl == ElementSet(
        designator=99901,
        name="OWL 1",
        international_designator="2025-901A",
        object_type="",
        owner="",
        epoch_jd=2460919.5,
        epoch_fr=0.55336280,
        mean_motion=15.06391234,
        eccentricity=0.0001234,
        inclination=53.0537,
        raan=123.4567,
        arg_perigee=98.7654,
        mean_anomaly=261.2345,
        bstar=0.31250e-4,
        mean_motion_dot=0.00001234,
        mean_motion_ddot=0.0,
        element_set_no=999,
        rev_at_epoch=1234,
        classification="U",
        record=2,
    )
    # Alpha-5 number, negative drag, exponents.
    assert (debris.designator, debris.record) == (270001, 5)
    assert (debris.bstar, debris.mean_motion_dot) == (-0.45678e-3, -0.21e-6)
    assert debris.mean_motion_ddot == 0.12345e-9
    # Blank padding, plus signs, no designator of a launch, an epoch of 1960, no "0 " in the name.
    assert (kite.designator, kite.name, kite.international_designator) == (
        7,
        "KITE R/B & CO",
        "UNKNOWN",
    )
    assert (kite.epoch_jd, kite.epoch_fr) == (2437177.5, 0.99999999)
    assert (kite.bstar, kite.inclination, kite.rev_at_epoch) == (0.26664e-3, 34.2537, 1)


def test_names_blank_lines_comments_and_line_ends_do_not_matter() -> None:
    lines = [line for line in GOOD.splitlines() if line[:2] in ("1 ", "2 ")]
    bare = read_tle("\r\n".join(["# a comment", "", *lines]))
    assert not bare.rejected
    assert [row.name for row in bare.sets] == ["UNKNOWN"] * 3
    for row, named in zip(bare.sets, read_tle(GOOD).sets, strict=True):
        assert row[0] == named[0]
        assert row[2:-1] == named[2:-1]


@pytest.mark.parametrize(("fault", "record", "whose", "reason"), FAULTS, ids=lambda v: str(v)[:30])
def test_bad_record_costs_only_itself(fault: str, record: int, whose: str, reason: str) -> None:
    found = read_tle((GP / f"{fault}.3le").read_text())
    assert [row.designator for row in found.sets] == [99901, 7]
    (rejection,) = found.rejected
    assert (rejection.record, rejection.designator) == (record, whose)
    assert reason in rejection.reason


def test_every_column_of_a_good_line_matters() -> None:
    """No single changed character of an element line passes unseen, the name of a launch apart.

    The checksum weighs letters, blanks, '+' and '.' nothing, so the layout must catch those.
    """
    name, first, second = GOOD.splitlines()[:3]
    free = {(1, column) for column in range(9, 17)} | {(1, 7)}
    signs = {(1, 33), (1, 44), (1, 50), (1, 53), (1, 59)}  # blank and plus are the same number
    for number, line in ((1, first), (2, second)):
        for column, old in enumerate(line):
            for new in "7-+. A":
                unseen = (number, column) in signs and {old, new} <= {" ", "+", "0"}
                # A blank is the same number as a leading zero.
                unseen = unseen or {old, new} == {" ", "0"}
                if new == old or unseen or (number, column) in free:
                    continue
                changed = line[:column] + new + line[column + 1 :]
                lines = (changed, second) if number == 1 else (first, changed)
                found = read_tle("\n".join((name, *lines)))
                assert not found.sets, (number, column + 1, new)
                assert found.rejected


def test_sniffing() -> None:
    assert is_tle(GOOD)
    assert not is_tle("CCSDS_OMM_VERS = 2.0\n2 BIRDS\n1 STONE\n")


@settings(deadline=None, derandomize=True)
@given(st.data())
def test_mutated_text_gives_records_or_rejections(data: st.DataObject) -> None:
    text = list(GOOD)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(text) - 1))
        piece = data.draw(st.one_of(st.text(max_size=3), st.sampled_from("0123456789 -+.\n12")))
        text[at : at + data.draw(st.integers(0, 70))] = piece
        if not text:
            break
    found = read_tle("".join(text))
    assert all(isinstance(row, ElementSet) for row in found.sets)
    assert all(isinstance(row, Rejection) and row.reason for row in found.rejected)


@settings(deadline=None, derandomize=True)
@given(st.text())
def test_any_text_gives_records_or_rejections(text: str) -> None:
    found = read_tle(text)
    assert not found.sets
    carrying = [x for x in text.split("\n") if x.rstrip() and not x.rstrip().startswith("#")]
    assert len(found.rejected) <= len(carrying)
    assert bool(found.rejected) == bool(carrying)
