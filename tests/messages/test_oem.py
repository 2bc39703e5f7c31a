"""Orbit ephemeris messages: KVN and XML to the trajectory record, and every rule they can break."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests.messages.ephemeris_texts import (
    HEADER,
    OEM,
    covariance_rows,
    oem_xml,
    segment,
    stamp,
    state,
)
from tracss_hpc.errors import MessageError
from tracss_hpc.messages.oem import parse_oem
from tracss_hpc.messages.oem_parts import MAX_SEGMENTS
from tracss_hpc.messages.trajectory_files import parse_trajectory, read_trajectory
from tracss_hpc.messages.trajectory_record import TrajectoryRecord
from tracss_hpc.messages.utc import parse_utc

XML = oem_xml()


def refused(text: str, **switches: bool) -> MessageError:
    with pytest.raises(MessageError, match=r"owl\.oem") as caught:
        parse_oem(text, file="owl.oem", **switches)
    return caught.value


def line_of(text: str, words: str) -> int:
    return text[: text.index(words)].count("\n") + 1


def in_lower_case(text: str) -> str:
    """A KVN text with its words in lower case."""
    return re.sub(r"= ([A-Z]\D*)$", lambda word: word[0].lower(), text, flags=re.MULTILINE)


@pytest.mark.parametrize(
    "text",
    [OEM, XML, OEM.replace("\n", " \n\n"), in_lower_case(OEM)],
    ids=["kvn", "xml", "blank lines", "lower case"],
)
def test_record_holds_what_the_message_says(text: str) -> None:
    record = parse_oem(text)
    assert (record.source_format, record.version) == ("OEM", "3.0")
    assert record.message_id == "OWL-7"
    assert record.originator.upper() == "OWLS"
    assert record.classification == "public"
    assert record.creation_date == parse_utc("2025-08-31T12:00:00")
    assert record.object.name.upper() == "OWL 1"
    assert record.object.international_designator == "2025-901A"
    assert (record.frame, record.center, record.time_system) == ("EME2000", "EARTH", "UTC")
    assert record.warnings == ()
    first, second = record.blocks
    assert first.useable_stop == second.useable_start == parse_utc(stamp(10))
    assert first.interpolation_degree == 7
    assert np.abs(np.hstack([first.r, first.v]) - [state(60.0 * k) for k in range(15)]).max() < 1e-9
    assert second.seconds.tolist() == [60.0 * k for k in range(6, 21)]
    assert first.covariance is not None
    assert first.covariance.shape == (2, 6, 6)
    assert first.covariance_frame == "RTN"
    assert first.covariance[0, 3, 0] == first.covariance[0, 0, 3] == 6e-4
    assert second.covariance is None


def test_numbers_are_the_floats_of_their_digits() -> None:
    block = parse_oem(OEM).blocks[0]
    row = OEM[OEM.index(stamp(3) + " ") :].split("\n")[0].split()
    assert [*block.r[3], *block.v[3]] == [float(word) for word in row[1:]]


def test_accelerations_of_all_states_are_kept_of_some_are_not() -> None:
    rows = [line + " 1e-3 2e-3 -3e-3" if line.startswith("2025") else line for line in
            (HEADER + segment(0, 9, 1, 8)).split("\n")]  # fmt: skip
    a = parse_oem("\n".join(rows), strict=True).blocks[0].a
    assert a is not None
    assert a.tolist() == [[1e-3, 2e-3, -3e-3]] * 10
    rows[-2] = rows[-2].removesuffix(" 1e-3 2e-3 -3e-3")
    record = parse_oem("\n".join(rows))
    assert record.blocks[0].a is None
    (warning,) = record.warnings
    assert (warning.code, warning.found) == ("O09", "in 9 of 10 states")
    assert refused("\n".join(rows), strict=True).code == "O09"


# what is replaced, by what, code, key, words of the message
FAULTS = [
    ("CCSDS_OEM_VERS = 3.0", "CCSDS_OEM_VERS = 4.0", "O01", "CCSDS_OEM_VERS", "another version"),
    ("CCSDS_OEM_VERS = 3.0\n", "", "O01", "", "not an OEM"),
    ("ORIGINATOR = OWLS", "ORIGINATOR =", "O02", "ORIGINATOR", "missing in the header"),
    ("CENTER_NAME = EARTH\n", "", "O02", "CENTER_NAME", "missing in the metadata"),
    ("ORIGINATOR = OWLS", "ORIGIN = OWLS", "O03", "", "found 'ORIGIN'"),
    ("ORIGINATOR = OWLS", "ORIGINATOR OWLS", "O03", "", "expected KEYWORD = value"),
    ("OBJECT_ID = 2025-901A", "MESSAGE_ID = 1", "O03", "", "found 'MESSAGE_ID'"),
    ("OBJECT_ID = 2025-901A", "OBJECT_NAME = O", "O03", "OBJECT_NAME", "in line 9 already"),
    ("META_STOP\n", "", "O03", "", "KEYWORD = value or META_STOP"),
    ("META_START\n", "", "O03", "", "OBJECT_NAME"),
    ("COVARIANCE_STOP\n", "", "O03", "META_START", "blocks out of order"),
    ("COVARIANCE_START\n", "", "O03", "", "a state or a block mark"),
    ("TIME_SYSTEM = UTC", "TIME_SYSTEM = TAI", "O04", "TIME_SYSTEM", "convert the epochs to UTC"),
    ("CENTER_NAME = EARTH", "CENTER_NAME = MARS", "O05", "CENTER_NAME", "about the Earth"),
    ("REF_FRAME = EME2000", "REF_FRAME = ITRF2014", "O06", "REF_FRAME", "convert the states"),
    ("REF_FRAME = EME2000", "REF_FRAME = ICRF", "O06", "REF_FRAME", "found 'ICRF'"),
    (f"{stamp(3)} ", f"{stamp(3)} 1 ", "O09", "", "8 columns"),
    ("1.000000e-04 1.000200e+00\n", "1e-4\n", "O09", "", "row 2 of a lower triangle"),
    (f"{stamp(3)} ", "2025-09-31T00:03:00 ", "O10", "", "no epoch"),
    (f"{stamp(0)} ", "60.0 ", "O10", "", "no epoch"),
    ("INTERPOLATION_DEGREE = 7", "INTERPOLATION_DEGREE = 7.1", "O10", "INTERPOLATION_DEGREE", ""),
    ("2025-08-31T12:00:00", "yesterday", "O10", "CREATION_DATE", "no epoch"),
    (f"{stamp(3)} ", f"{stamp(2)} ", "O11", "", "epochs repeat"),
    (f"EPOCH = {stamp(9)}", f"EPOCH = {stamp(0)}", "O11", "EPOCH", "epochs repeat"),
    ("USEABLE_STOP_TIME = 2025-09-01T00:10", "USEABLE_STOP_TIME = 2025-09-01T01:10", "O13",
     "USEABLE_STOP_TIME", "outside the data"),
    ("USEABLE_STOP_TIME = 2025-09-01T00:10", "USEABLE_STOP_TIME = 2025-09-01T00:12", "O13",
     "USEABLE_START_TIME", "overlap"),
    ("USEABLE_STOP_TIME = 2025-09-01T00:10", "USEABLE_STOP_TIME = 2025-09-01T00:02", "O13",
     "", "no useable span"),
    ("COV_REF_FRAME = RTN", "COV_REF_FRAME = ITRF", "O16", "COV_REF_FRAME", "convert the"),
    ("COV_REF_FRAME = RTN", "COV_REF_FRAME = TNW", "O16", "COV_REF_FRAME", "in one frame"),
    ("OBJECT_NAME = OWL 1", "OBJECT_NAME = OWL 2", "O21", "OBJECT_NAME", "about one object"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "code", "key", "words"), FAULTS, ids=[f"{f[2]} {f[1][:30]}" for f in FAULTS]
)
def test_every_fault_names_rule_line_and_key(
    old: str, new: str, code: str, key: str, words: str
) -> None:
    assert old in OEM
    error = refused(OEM.replace(old, new, 1))
    assert (error.code, error.key) == (code, key)
    assert f"{code}: " in str(error)
    assert words in str(error)
    assert 0 < error.line <= OEM.count("\n") + 1


def test_line_of_a_fault_is_the_line_of_the_file() -> None:
    row = f"{stamp(13)} "
    words = OEM[OEM.index(row) :].split()[2]
    error = refused(OEM.replace(f"{row}{OEM.split(row)[1].split()[0]} {words}", f"{row}1e3 nan", 1))
    assert (error.code, error.line, error.given) == ("O10", line_of(OEM, row), "nan")


def test_metres_for_kilometres_are_found() -> None:
    lines = OEM.split("\n")
    for k, line in enumerate(lines):
        if line.startswith("2025"):
            epoch, *numbers = line.split()
            lines[k] = " ".join([epoch, *(f"{float(word) * 1e3:.6f}" for word in numbers)])
    error = refused("\n".join(lines))
    assert error.code == "O18"
    assert "is it in km?" in str(error)


def test_span_outside_the_data_is_clipped_when_lenient() -> None:
    text = HEADER + segment(0, 9, 1, 8).replace("USEABLE_STOP_TIME = 2025-09-01T00:08",
                                                "USEABLE_STOP_TIME = 2025-09-01T08:08")  # fmt: skip
    record = parse_oem(text, lenient=True)
    assert record.blocks[0].useable_stop == parse_utc(stamp(9))
    assert [warning.code for warning in record.warnings] == ["O13"]


def test_total_span_counts_where_no_useable_one_is_stated() -> None:
    text = "".join(
        line for line in (HEADER + segment(0, 9, 1, 8)).splitlines(keepends=True)
        if not line.startswith(("USEABLE", "INTERPOLATION_DEGREE"))
    )  # fmt: skip
    record = parse_oem(text)
    assert record.blocks[0].useable_start == parse_utc(stamp(0))
    assert [(w.code, w.key) for w in record.warnings] == [("O02", "INTERPOLATION_DEGREE")]
    late = parse_oem(text.replace("STOP_TIME = 2025-09-01T00:09", "STOP_TIME = 2025-09-01T10:09"))
    assert late.blocks[0].useable_stop == parse_utc(stamp(9))
    assert [w.code for w in late.warnings] == ["O13", "O02"]


@pytest.mark.parametrize(
    ("first", "second", "frame"),
    [
        ("", "", "EME2000"),
        ("J2000", "", "EME2000"),
        ("", "EME2000", "EME2000"),
        ("EME2000", "J2000", "EME2000"),
        ("RSW", "RSW", "RSW"),
        ("rsw_inertial", "RSW_INERTIAL", "RSW_INERTIAL"),
        ("TNW_INERTIAL", "TNW_INERTIAL", "TNW_INERTIAL"),
        ("RSW_ROTATING", "RSW_ROTATING", "RSW_ROTATING"),
    ],
)
def test_frame_of_a_covariance_is_stated_or_that_of_the_states(
    first: str, second: str, frame: str
) -> None:
    rows = covariance_rows(stamp(0), first) + covariance_rows(stamp(9), second)
    record = parse_oem(HEADER + segment(0, 9, 1, 8, rows), strict=True)
    assert record.blocks[0].covariance_frame == frame


@pytest.mark.parametrize(("first", "second"), [("TNW", ""), ("", "TNW"), ("RTN", "TNW")])
def test_two_frames_in_a_segment_are_refused(first: str, second: str) -> None:
    """5.2.5.4: printing the frame once, above the first matrix, does not mean the others."""
    rows = covariance_rows(stamp(0), first) + covariance_rows(stamp(9), second)
    text = HEADER + segment(0, 9, 1, 8, rows)
    error = refused(text)
    assert (error.code, error.key) == ("O16", "COV_REF_FRAME")
    assert (error.given, error.allowed) == (second, first or "EME2000")
    assert ("that of the states" in str(error)) == (not second)
    words = f"COV_REF_FRAME = {second}" if second else f"EPOCH = {stamp(9)}"
    assert error.line == line_of(text, words)


def test_identifier_of_digits_is_a_catalog_number() -> None:
    owl = parse_oem(OEM.replace("2025-901A", "799500123")).object
    assert (owl.designator, owl.international_designator) == ("799500123", "")


XML_FAULTS = [
    ("<oem ", "<!DOCTYPE oem>\n<oem ", "O01", "refused"),
    ("<oem ", '<!DOCTYPE oem [<!ENTITY a "a">]>\n<oem ', "O01", "refused"),
    ("<oem ", '<!DOCTYPE oem SYSTEM "file:///etc/hostname">\n<oem ', "O01", "refused"),
    ("OWL 1", "&owl;", "O01", "not well-formed"),
    ("</oem>", "", "O01", "is the file whole?"),
    ("OWL 1", "<a>" * 30 + "</a>" * 30, "O01", "nested too deeply"),
    ("<metadata>", "<metadata>text", "O01", "text beside elements"),
    ('<oem id="CCSDS_OEM_VERS" version="3.0">', "<opm>", "O01", "not well-formed"),
    ('version="3.0"', 'version="9.0"', "O01", "another version"),
    ("<body>", "<body><tail/>", "O03", "found '<tail/>'"),
    ("<data>", "<data><tail/>", "O03", "<stateVector> or <covarianceMatrix>"),
    ("<OBJECT_ID>2025-901A</OBJECT_ID>", "<OBJECT/>", "O03", "found 'OBJECT'"),
    ("<Y ", "<X>1</X><Y ", "O03", "already"),
    ('units="km"', 'units="m"', "O08", "convert the ephemeris first"),
    ('units="km/s"', 'units="km"', "O08", "another unit"),
    ("<CX_X>", '<CX_X units="m**2">', "O08", "another unit"),
    (f"<EPOCH>{stamp(3)}</EPOCH>\n", "", "O02", "missing in <stateVector>"),
    ("<CZ_Z>1.000500e+00</CZ_Z>\n", "", "O02", "missing in <covarianceMatrix>"),
    ("<header>", "<body></body><header>", "O02", "other content"),
]


@pytest.mark.parametrize(("old", "new", "code", "words"), XML_FAULTS)
def test_fault_of_xml(old: str, new: str, code: str, words: str) -> None:
    assert old in XML
    error = refused(XML.replace(old, new, 1))
    assert error.code == code
    assert words.replace("<tail/>", "<tail>") in str(error)
    assert error.line > 0


@pytest.mark.parametrize("key", ["X", "CZ_DOT_Z_DOT", "EPOCH"])
@pytest.mark.parametrize("white", ["\n", "\t", "\r", " "])
def test_white_space_within_a_value_is_refused(key: str, white: str) -> None:
    """A row is cut at blanks: a value in two pieces must not become two numbers."""
    text = oem_xml()
    place = text.index(f"<{key}>" if key != "X" else "<X ")
    middle = text.index("<", place + 1) - 3
    text = f"{text[:middle]}{white}{text[middle:]}"
    error = refused(text)
    assert (error.code, error.key) == ("O10", key)
    assert error.line == text.count("\n", 0, place) + 1


def test_a_long_text_comes_whole_from_its_pieces() -> None:
    """The parser hands a text over line by line and in pieces of 8 kB."""
    text = "\n".join(f"{k} &lt; {k + 1}" for k in range(20_000))
    comment = parse_oem(oem_xml().replace("made by hand", text)).extra["HEADER"]["COMMENT"]
    assert comment == text.replace("&lt;", "<")


def test_text_beside_elements_is_refused_wherever_it_stands() -> None:
    for old, new in (("<body>", "<body>stray"), ("</body>", "stray</body>")):
        error = refused(oem_xml().replace(old, new))
        assert (error.code, error.key, error.given) == ("O01", "body", "stray")


def test_pieces_of_three_values_are_no_accelerations() -> None:
    text = re.sub(r"(<[XYZ]_DOT units=\"km/s\">-?\d)", r"\1 ", oem_xml())
    assert refused(text).code == "O10"


def test_xml_inside_an_ndm_and_with_namespace() -> None:
    body = XML.partition("?>")[2]
    record = parse_oem(f"<ndm><COMMENT>x</COMMENT>{body}</ndm>")
    assert len(record.blocks) == 2
    spaced = body.replace("<oem ", '<n:oem xmlns:n="urn:ccsds:schema:ndmxml" ')
    assert len(parse_oem(spaced.replace("</oem>", "</n:oem>")).blocks) == 2
    error = refused(f"<ndm>{body}{body}</ndm>")
    assert (error.code, error.given) == ("O01", "oem, oem")


@pytest.mark.parametrize("block", ["META_START\nMETA_STOP\n", "<segment/>"])
def test_message_of_a_million_segments_fails_at_once(block: str) -> None:
    head = "<oem>" if block.startswith("<") else "CCSDS_OEM_VERS = 3.0\n"
    error = refused(head + block * 1_000_000)
    assert f"at most {MAX_SEGMENTS}" in str(error)


def test_front_door_knows_an_oem_by_its_content(tmp_path: Path) -> None:
    for text in (OEM, XML):
        assert parse_trajectory(text).source_format == "OEM"
        (tmp_path / "x").write_text(text)
        assert read_trajectory(tmp_path / "x").message_id == "OWL-7"


def test_public_ephemeris_of_the_iss(shared_data: Path) -> None:
    record: TrajectoryRecord = read_trajectory(
        shared_data / "ephem" / "ISS.OEM_J2K_EPH_2025-03.xml.xz"
    )
    (block,) = record.blocks
    assert block.r.shape == (5413, 3)
    assert block.useable_start == parse_utc("2025-02-26T12:00:00")
    assert block.useable_stop == parse_utc("2025-03-13T12:00:00")
    assert block.r[-1].tolist() == [4028.8183041144198, 5350.2297722213198, -1134.31870957205]
    assert "MASS=454339.00" in block.extra["COMMENT"]


def test_control_characters_are_refused() -> None:
    """A name is printed to terminals."""
    with pytest.raises(MessageError, match="control characters") as caught:
        parse_oem(OEM.replace("OBJECT_NAME = ", "OBJECT_NAME = \x1b[31m", 1))
    assert (caught.value.code, caught.value.key) == ("O10", "OBJECT_NAME")
