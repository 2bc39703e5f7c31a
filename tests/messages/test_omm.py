"""OMM in four notations: the same elements out of each, and each fault named."""

from __future__ import annotations

import contextlib
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracss_hpc.errors import InputDataError
from tracss_hpc.messages.elements import ElementSet, ElementSets, Rejection
from tracss_hpc.messages.omm import read_omm_csv, read_omm_json, read_omm_kvn, read_omm_xml
from tracss_hpc.messages.source import decode_text, decompress
from tracss_hpc.messages.tle import read_tle

GP = Path(__file__).parent / "gp"
READERS: dict[str, Callable[[str, str], ElementSets]] = {
    "csv": read_omm_csv,
    "json": read_omm_json,
    "kvn": read_omm_kvn,
    "xml": read_omm_xml,
}

# file, record, whose, what the reason must name
FAULTS = [
    ("omm-missing-epoch.kvn", 29, "270001", "EPOCH is missing"),
    ("omm-unknown-key.kvn", 29, "270001", "BSTARR is no keyword of an OMM"),
    ("omm-key-twice.kvn", 29, "270001", "line 45: INCLINATION is given twice"),
    ("omm-not-a-number.kvn", 29, "270001", "INCLINATION '98,7000' is not a decimal number"),
    ("omm-wrong-unit.kvn", 29, "270001", "INCLINATION has the unit [rad], allowed is [deg]"),
    ("omm-frame-eme2000.kvn", 29, "270001", "REF_FRAME is EME2000, allowed is TEME"),
    ("omm-time-system-tai.kvn", 29, "270001", "TIME_SYSTEM is TAI, allowed is UTC"),
    ("omm-center-mars.kvn", 29, "270001", "CENTER_NAME is MARS, allowed is EARTH"),
    ("omm-theory-dsst.kvn", 29, "270001", "MEAN_ELEMENT_THEORY is DSST, allowed is SGP4"),
    ("omm-sgp4-xp.kvn", 29, "270001", "EPHEMERIS_TYPE '4' (SGP4-XP)"),
    ("omm-line-without-equals.kvn", 29, "270001", "line 47: 'MEAN_ANOMALY   0'"),
    ("omm-no-such-date.kvn", 29, "270001", "'2025-02-29' does not exist"),
    ("omm-eccentricity-above-one.kvn", 29, "270001", "ECCENTRICITY 1.0123456 is out of range"),
    ("omm-ten-digit-object.kvn", 29, "2700010000", "'2700010000' is neither"),
    ("omm-missing-epoch.xml", 2, "270001", "EPOCH is missing"),
    ("omm-wrong-unit.xml", 2, "270001", "INCLINATION has the unit [rad], allowed is [deg]"),
    ("omm-unknown-key.xml", 2, "270001", "BSTARR is no keyword of an OMM"),
    ("omm-not-an-object.json", 2, "", "'17' is not a JSON object"),
    ("omm-true-for-number.json", 2, "270001", "INCLINATION 'True' is not a decimal number"),
    ("omm-row-short.csv", 3, "OWL 2 DEB", "row has 5 cells, the header 17"),
    ("omm-open-quote.csv", 3, "", "not a row of CSV"),
]


def read(name: str) -> ElementSets:
    return READERS[Path(name).suffix[1:]](decode_text((GP / name).read_bytes()), name)


@pytest.mark.parametrize("name", ["good.kvn", "good.xml", "good.json", "good.csv"])
def test_every_notation_gives_the_elements_of_the_tle(name: str) -> None:
    found = read(name)
    assert not found.rejected
    expected = read_tle((GP / "good.3le").read_text()).sets
    assert [row[:-1] for row in found.sets] == [row[:-1] for row in expected]


@pytest.mark.parametrize("name", ["space-track.json", "space-track.csv"])
def test_space_track_dialect(name: str) -> None:
    (row,) = read(name).sets
    assert row.designator == 999000123
    assert (row.object_type, row.owner) == ("ROCKET BODY", "ARGN")
    assert (row.bstar, row.mean_motion_ddot) == (0.84553e-4, 0.0)


@pytest.mark.parametrize(
    ("name", "record", "whose", "reason"), FAULTS, ids=[fault[0] for fault in FAULTS]
)
def test_bad_record_costs_only_itself(name: str, record: int, whose: str, reason: str) -> None:
    found = read(name)
    assert [row.designator for row in found.sets] == [99901, 7]
    (rejection,) = found.rejected
    assert (rejection.record, rejection.designator) == (record, whose)
    assert reason in rejection.reason


@pytest.mark.parametrize(
    ("name", "line", "key", "words"),
    [
        ("omm-cut.json", 4, "", "not JSON"),
        ("omm-unclosed-tag.xml", 65, "", "not well-formed XML"),
        ("omm-entity.xml", 0, "DOCTYPE", "document type or entity declaration is refused"),
        ("omm-header-lacks-epoch.csv", 1, "EPOCH", "the CSV header lacks EPOCH"),
    ],
)
def test_spoilt_file_is_an_error(name: str, line: int, key: str, words: str) -> None:
    with pytest.raises(InputDataError) as caught:
        read(name)
    assert (caught.value.file, caught.value.line, caught.value.key) == (name, line, key)
    assert name in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("json", '{"a": 1}', "is no OMM: it holds a"),
        ("json", "17", "a single value"),
        ("json", "[" * 100000, "nested too deeply"),
        ("xml", "<oem/>", "XML root is <oem>"),
        ("xml", "<omm>&owl;</omm>", "undefined entity"),
        ("xml", '<!DOCTYPE omm [<!ENTITY a "a">]><omm>&a;</omm>', "refused"),
        ("csv", "NORAD_CAT_ID,EPOCH,EPOCH", "lacks MEAN_MOTION"),
        ("csv", '"NORAD_CAT_ID', "not a header"),
    ],
)
def test_other_content_is_an_error(kind: str, text: str, words: str) -> None:
    with pytest.raises(InputDataError, match=r"f\.x") as caught:
        READERS[kind](text, "f.x")
    assert words in str(caught.value)


def test_repeated_csv_column_is_an_error() -> None:
    text = (GP / "good.csv").read_text().replace("OBJECT_ID", "EPOCH", 1)
    with pytest.raises(InputDataError, match="EPOCH twice"):
        read_omm_csv(text, "f.csv")


def test_one_json_object_is_a_record() -> None:
    rows = json.loads((GP / "good.json").read_text())
    (row,) = read_omm_json(json.dumps(rows[1])).sets
    assert (row.designator, row.bstar) == (270001, -0.45678e-3)


def test_json_keeps_printed_digits() -> None:
    """A number and the same digits as text are one value; NaN is none."""
    rows = json.loads((GP / "good.json").read_text())
    text = json.dumps([{key: str(value) for key, value in row.items()} for row in rows])
    assert read_omm_json(text).sets == read("good.json").sets
    (rejection,) = read_omm_json('[{"NORAD_CAT_ID": NaN}]').rejected
    assert rejection.designator == "NaN"


def test_repeated_json_key_costs_only_its_record() -> None:
    text = (GP / "good.json").read_text()
    found = read_omm_json(text.replace("MEAN_MOTION_DDOT", "MEAN_MOTION_DOT", 1))
    assert [row.designator for row in found.sets] == [270001, 7]
    assert found.rejected == [
        Rejection(1, "99901", "MEAN_MOTION_DOT is given twice", "MEAN_MOTION_DOT", "")
    ]
    one = text[1 : text.index("}") + 1].replace("MEAN_MOTION_DDOT", "MEAN_MOTION_DOT")
    assert not read_omm_json(one).sets


def test_xml_root_omm_and_namespaces() -> None:
    text = (GP / "good.xml").read_text()
    one = text[text.index("<omm") : text.index("</omm>") + 6]
    assert read_omm_xml(one).sets == read("good.xml").sets[:1]
    spaced = text.replace("<ndm>", '<ndm xmlns="urn:ccsds:schema:ndmxml">')
    assert read_omm_xml(spaced).sets == read("good.xml").sets


def test_other_messages_of_an_ndm_are_listed() -> None:
    text = (GP / "good.xml").read_text().replace("<ndm>", "<ndm><COMMENT>x</COMMENT><opm/>")
    found = read_omm_xml(text)
    assert len(found.sets) == 3
    assert found.rejected == [Rejection(1, "", "<opm> is not an OMM", "opm", "opm")]


@pytest.mark.parametrize("key", ["MEAN_ELEMENT_THEORY", "CENTER_NAME", "REF_FRAME", "TIME_SYSTEM"])
def test_kvn_must_state_its_setting(key: str) -> None:
    text = "\n".join(
        line for line in (GP / "good.kvn").read_text().split("\n") if not line.startswith(key)
    )
    found = read_omm_kvn(text)
    assert not found.sets
    assert all(f"{key} is missing" in rejection.reason for rejection in found.rejected)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("BSTAR          = .3125E-4 [1/ER]", "BTERM = 0.001", "BTERM belongs to SGP4-XP"),
        ("MEAN_MOTION    = 15.06391234 [rev/day]", "SEMI_MAJOR_AXIS = 7000", "not SEMI_MAJOR_AXIS"),
        ("MEAN_ELEMENT_THEORY = SGP4", "MEAN_ELEMENT_THEORY = SGP4-XP", "is SGP4-XP, allowed"),
        ("EPHEMERIS_TYPE = 0", "EPHEMERIS_TYPE = 2", "'2' (Brouwer mean motion)"),
        ("INCLINATION    = 53.0537", "INCLINATION    = 180.0001", "out of range (0 to 180 deg)"),
        ("RA_OF_ASC_NODE = 123.4567", "RA_OF_ASC_NODE = 400", "out of range (-360 to 360 deg)"),
        ("ARG_OF_PERICENTER = 98.7654", "ARG_OF_PERICENTER = -400", "out of range"),
        ("MEAN_ANOMALY   = 261.2345", "MEAN_ANOMALY   = 361", "out of range"),
        ("MEAN_MOTION    = 15.06391234", "MEAN_MOTION    = 21", "above 0 to 20"),
        ("REV_AT_EPOCH   = 1234", "REV_AT_EPOCH   = 12.5", "'12.5' is not a whole number"),
    ],
)
def test_more_faults_of_a_record(old: str, new: str, reason: str) -> None:
    text = (GP / "good.kvn").read_text()
    assert old in text
    found = read_omm_kvn(text.replace(old, new, 1))
    assert [row.designator for row in found.sets] == [270001, 7]
    assert reason in found.rejected[0].reason


def test_user_defined_keys_and_covariance_are_allowed() -> None:
    text = (GP / "good.kvn").read_text()
    extra = "COV_REF_FRAME = TEME\nCX_X = 1e-4\nCZ_DOT_Z_DOT = 1e-9\nUSER_DEFINED_NOTE = x [y]\n"
    assert read_omm_kvn(text + extra).sets == read("good.kvn").sets


def test_name_in_brackets_is_no_unit() -> None:
    text = (GP / "good.kvn").read_text().replace("= OWL 1", "= OWL 1 [DTC]")
    assert read_omm_kvn(text).sets[0].name == "OWL 1 [DTC]"


@pytest.mark.parametrize("suffix", sorted(READERS))
@settings(deadline=None, derandomize=True)
@given(data=st.data())
def test_mutated_text_gives_records_or_rejections(suffix: str, data: st.DataObject) -> None:
    text = list(decode_text((GP / f"good.{suffix}").read_bytes()))
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(text) - 1))
        piece = data.draw(
            st.one_of(st.text(max_size=3), st.sampled_from('0123456789 -+.\n<>"{},='))
        )
        text[at : at + data.draw(st.integers(0, 40))] = piece
        if not text:
            break
    try:
        found = READERS[suffix]("".join(text), "f")
    except InputDataError:
        return
    assert all(isinstance(row, ElementSet) for row in found.sets)
    assert all(isinstance(row, Rejection) and row.reason for row in found.rejected)


@settings(deadline=None, derandomize=True)
@given(st.binary(max_size=40), st.integers(0, 200), st.integers(0, 255))
def test_damaged_compressed_data_is_an_error_or_text(head: bytes, at: int, byte: int) -> None:
    packed = bytearray(gzip.compress((GP / "good.kvn").read_bytes()))
    packed[at : at + 1] = bytes([byte])
    for data in (
        bytes(packed),
        b"\x1f\x8b" + head,
        b"\xfd7zXZ\x00" + head,
        b"\x28\xb5\x2f\xfd" + head,
    ):
        with contextlib.suppress(InputDataError):
            assert isinstance(decode_text(decompress(data, "f")), str)
