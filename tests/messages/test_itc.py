"""Modified ITC ephemerides (Starlink) to the trajectory record."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.messages.ephemeris_texts import ITC_NAME, TRIANGLE, itc, state
from tracss_hpc.errors import MessageError
from tracss_hpc.messages.itc import parse_itc
from tracss_hpc.messages.trajectory_files import read_trajectory
from tracss_hpc.messages.utc import parse_utc

ITC = itc()


def test_record_holds_what_file_and_name_say() -> None:
    record = parse_itc(ITC, file=f"somewhere/{ITC_NAME}", strict=True)
    assert (record.source_format, record.frame) == ("ITC", "EME2000")
    assert (record.object.designator, record.object.name) == ("99901", "OWL-1")
    assert (record.message_id, record.classification) == ("1473385380", "UNCLASSIFIED")
    assert record.creation_date == parse_utc("2025-08-31T12:00:00")
    assert record.extra["HEADER"] == {"ephemeris_source": "blend", "step_size": "60"}
    (block,) = record.blocks
    assert block.basis == "OPERATIONAL"
    assert block.useable_start == parse_utc("2025-09-01T00:00:00")
    assert block.useable_stop == parse_utc("2025-09-01T00:14:00")
    assert np.abs(np.hstack([block.r, block.v]) - [state(60.0 * k) for k in range(15)]).max() < 1e-9
    assert block.covariance is not None
    assert block.covariance.shape == (15, 6, 6)
    assert block.covariance_frame == "UVW"
    # The seventh of the 21 numbers is row 3, column 0 of the lower triangle.
    assert block.covariance[14, 3, 0] == block.covariance[14, 0, 3] == TRIANGLE[6]


@pytest.mark.parametrize(
    ("name", "designator", "words"),
    [
        ("MEME_100001_STARLINK-38128_2540142_Operational_1_UNCLASSIFIED.txt", "100001",
         "STARLINK-38128"),
        ("MEME_7_A_B C_2540142_Candidate_x_SECRET.first2.txt.gz", "7", "A_B C"),
        ("owl.txt", "", ""),
    ],
)  # fmt: skip
def test_object_is_in_the_name_of_the_file(name: str, designator: str, words: str) -> None:
    record = parse_itc(ITC, file=name)
    assert (record.object.designator, record.object.name) == (designator, words)
    assert [warning.code for warning in record.warnings] == ["O02"] * (not designator)


def test_span_is_clipped_to_the_data() -> None:
    record = parse_itc(ITC.replace("stop:2025-09-01 00:14", "stop:2025-09-01 04:14"), file=ITC_NAME)
    assert record.blocks[0].useable_stop == parse_utc("2025-09-01T00:14:00")
    assert [warning.code for warning in record.warnings] == ["O13"]


@pytest.mark.parametrize(
    ("old", "new", "code", "line", "words"),
    [
        ("created:", "made:", "O01", 1, "expected created:"),
        ("ephemeris_source:blend\n", "", "O01", 3, "expected ephemeris_source:"),
        (" step_size:60", "", "O01", 2, "not a line of a modified ITC"),
        ("created:2025-08-31", "created:2025-08-32", "O10", 1, "no epoch"),
        ("UVW", "XYZ", "O16", 4, "expected UVW"),
        ("2025244000300.000 ", "2025244000300.000 1.0 ", "O09", 17, "8 numbers"),
        ("2025244000300.000 ", "2025366000300.000 ", "O10", 17, "no epoch"),
        ("2025244000300.000 ", "244000300.000 ", "O10", 17, ""),
        ("2025244000300.000 ", "2025244000200.000 ", "O11", 17, "epochs repeat"),
        ("2025244000300.000 6", "2025244000300.000 x6", "O10", 17, "not a number"),
        ("2025244000300.000 6", "2025244000300.000 9", "O18", 17, ""),
        ("stop:2025-09-01 00:14", "stop:2025-08-01 00:14", "O13", 2, "no useable span"),
    ],
)
def test_fault_names_rule_and_line(old: str, new: str, code: str, line: int, words: str) -> None:
    assert old in ITC
    with pytest.raises(MessageError, match="owl") as caught:
        parse_itc(ITC.replace(old, new, 1), file="owl")
    assert (caught.value.code, caught.value.line) == (code, line)
    assert words in str(caught.value)


def test_cut_file_and_other_frame_are_refused() -> None:
    with pytest.raises(MessageError, match="cut short") as caught:
        parse_itc("\n".join(ITC.split("\n")[:-2]), file=ITC_NAME)
    assert (caught.value.code, caught.value.line) == ("O09", 63)
    with pytest.raises(MessageError, match="MEME") as caught:
        parse_itc(ITC, file=ITC_NAME.replace("MEME", "TEME"))
    assert caught.value.code == "O06"
    with pytest.raises(MessageError, match="name") as caught:
        parse_itc(ITC, file="owl.txt", strict=True)
    assert caught.value.code == "O02"


def test_front_door_knows_an_itc_by_its_content(tmp_path: Path) -> None:
    (tmp_path / ITC_NAME).write_text(ITC)
    record = read_trajectory(tmp_path / ITC_NAME)
    assert (record.source_format, record.object.designator) == ("ITC", "99901")
