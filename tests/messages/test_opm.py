"""Orbit parameter messages: one state, its covariance, manoeuvres."""

from __future__ import annotations

import math

import pytest

from tests.messages.ephemeris_texts import OPM, printed
from tracss_hpc.errors import MessageError
from tracss_hpc.messages.opm import OpmManoeuvre, parse_opm
from tracss_hpc.messages.utc import parse_utc


def opm_xml() -> str:
    """The message `OPM` in XML, its groups as the standard has them."""
    groups = {"stateVector": "", "spacecraftParameters": "", "covarianceMatrix": "",
              "userDefinedParameters": ""}  # fmt: skip
    header, metadata, burns = "", "", list[str]()
    for line in OPM.splitlines()[2:]:
        key, _, value = line.partition(" = ")
        number, _, unit = value.partition(" [")
        element = f"<{key}" + (f' units="{unit[:-1]}"' if unit else "") + f">{number}</{key}>\n"
        if key in ("CREATION_DATE", "ORIGINATOR", "MESSAGE_ID"):
            header += element
        elif key.endswith(("_NAME", "_ID", "REF_FRAME", "_SYSTEM")) and key[:4] not in (
            "COV_",
            "MAN_",
        ):
            metadata += element
        elif key == "MAN_EPOCH_IGNITION":
            burns.append(element)
        elif key.startswith("MAN_"):
            burns[-1] += element
        elif key.startswith("USER_DEFINED_"):
            groups["userDefinedParameters"] += (
                f'<USER_DEFINED parameter="{key[13:]}">{value}</USER_DEFINED>\n'
            )
        elif key.startswith("C"):
            groups["covarianceMatrix"] += element
        elif key.startswith(("MASS", "DRAG")):
            groups["spacecraftParameters"] += element
        else:
            groups["stateVector"] += element
    burn = "".join(f"<maneuverParameters>\n{b}</maneuverParameters>\n" for b in burns)
    data = "".join(f"<{tag}>\n{text}</{tag}>\n" for tag, text in groups.items())
    return (
        f'<?xml version="1.0"?>\n<opm id="CCSDS_OPM_VERS" version="3.0">\n<header>\n{header}'
        f"</header>\n<body><segment>\n<metadata>\n{metadata}</metadata>\n<data>\n{data}{burn}"
        "</data>\n</segment></body>\n</opm>\n"
    )


@pytest.mark.parametrize("text", [OPM, opm_xml()], ids=["kvn", "xml"])
def test_record_holds_what_the_message_says(text: str) -> None:
    record = parse_opm(text)
    assert (record.version, record.message_id, record.originator) == ("3.0", "OWL-8", "OWLS")
    assert record.creation_date == parse_utc("2025-08-31T12:00:00")
    assert (record.object.designator, record.object.name) == ("99901", "OWL 1")
    assert record.epoch == parse_utc("2025-09-01T00:00:00")
    assert [*record.r, *record.v] == [float(word) for word in printed(0)]
    assert (record.frame, record.covariance_frame) == ("EME2000", "RTN")
    assert (record.object.mass_kg, record.object.drag_coefficient) == (260.5, 2.2)
    assert math.isnan(record.object.srp_area_m2)
    assert record.covariance is not None
    assert record.covariance[3, 0] == record.covariance[0, 3] == 6e-4
    assert record.manoeuvres[1] == OpmManoeuvre(
        ignition=parse_utc("2025-09-03T06:00:00"), duration_s=12.5, delta_mass_kg=-0.25,
        frame="RTN", dv_km_s=(0.0, 0.003, 0.0),
    )  # fmt: skip
    assert len(record.manoeuvres) == 2
    assert record.user == {"USER_DEFINED_NOTE": "two burns"}


def test_state_alone_is_a_message() -> None:
    text = OPM[: OPM.index("MASS")]
    record = parse_opm(text)
    assert record.covariance is None
    assert (record.manoeuvres, record.covariance_frame) == ((), "")


@pytest.mark.parametrize("frame", ["J2000", "GCRF", "ITRF2000", "ITRF-97", "TEME", "tod"])
def test_frames_of_the_standard_are_named_in_the_record(frame: str) -> None:
    text = OPM.replace("REF_FRAME = EME2000", f"REF_FRAME = {frame}")
    assert parse_opm(text).frame == frame.upper()
    bare = parse_opm(text.replace("COV_REF_FRAME = RTN\n", ""))
    assert bare.covariance_frame == frame.upper()


@pytest.mark.parametrize(
    ("old", "new", "code", "key", "words"),
    [
        ("CCSDS_OPM_VERS = 3.0", "CCSDS_OMM_VERS = 3.0", "O01", "", "not an OPM"),
        ("CCSDS_OPM_VERS = 3.0", "CCSDS_OPM_VERS = 5.0", "O01", "CCSDS_OPM_VERS", "version"),
        ("Z = ", "Z_ = ", "O03", "", "found 'Z_'"),
        ("EPOCH = 2025-09-01T00:00:00.000\n", "", "O02", "EPOCH", "missing"),
        ("CX_X = 1", "COMMENT ", "O02", "CX_X", "missing"),
        ("MASS = ", "ECCENTRICITY = 0.1\nMASS = ", "O02", "SEMI_MAJOR_AXIS", "missing"),
        ("MASS = 260.5 [kg]", "MASS = 260.5 [kg]\nMASS = 1", "O03", "MASS", "in line 18 already"),
        ("MAN_EPOCH_IGNITION = 2025-09-02T06:00:00\n", "", "O03", "MAN_DURATION", "first"),
        ("MAN_DV_3 = 0\n", "", "O02", "MAN_DV_3", "missing in a manoeuvre"),
        ("OBJECT_ID = 99901", "OBJECT_ID 99901", "O03", "", "KEYWORD = value"),
        ("TIME_SYSTEM = UTC", "TIME_SYSTEM = GPS", "O04", "TIME_SYSTEM", "convert the epochs"),
        ("CENTER_NAME = EARTH", "CENTER_NAME = MOON", "O05", "CENTER_NAME", "not about the Earth"),
        ("\nREF_FRAME = EME2000", "\nREF_FRAME = MCI", "O06", "REF_FRAME", "unknown frame"),
        ("MAN_REF_FRAME = RTN", "MAN_REF_FRAME = LVLH", "O06", "MAN_REF_FRAME", "RSW, RTN, TNW"),
        ("[km]", "[m]", "O08", "X", "another unit; convert it first"),
        ("DRAG_COEFF = 2.2", "DRAG_COEFF = 2.2 [m]", "O08", "DRAG_COEFF", "no unit"),
        ("MASS = 260.5", "MASS = inf", "O10", "MASS", "not a number"),
        ("MASS = 260.5", "MASS = 2 60.5", "O10", "MASS", "not a number"),
        ("MASS = 260.5", "MASS = -260.5", "O10", "MASS", "expected 0 or more"),
        ("DRAG_AREA = 10", "DRAG_AREA = -1e-9", "O10", "DRAG_AREA", "expected 0 or more"),
        ("DURATION = 12.5", "DURATION = -12.5", "O10", "MAN_DURATION", "expected 0 or more"),
        ("EPOCH = 2025-09-01", "EPOCH = 2025-09-31", "O10", "EPOCH", "no epoch"),
        ("COV_REF_FRAME = RTN", "COV_REF_FRAME = UVW", "O16", "COV_REF_FRAME", "unknown frame"),
    ],
)
def test_fault_names_rule_line_and_key(old: str, new: str, code: str, key: str, words: str) -> None:
    assert old in OPM
    with pytest.raises(MessageError, match=r"owl\.opm") as caught:
        parse_opm(OPM.replace(old, new, 1), file="owl.opm")
    assert (caught.value.code, caught.value.key) == (code, key)
    assert caught.value.line > 0
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("<opm ", '<!DOCTYPE opm SYSTEM "http://example.org/x">\n<opm ', "O01"),
        ("<data>", "<data><tail><a/></tail>", "O03"),
        ('units="km"', 'units="m"', "O08"),
        ("</opm>", "", "O01"),
    ],
)
def test_fault_of_xml(old: str, new: str, code: str) -> None:
    text = opm_xml()
    assert old in text
    with pytest.raises(MessageError, match="owl") as caught:
        parse_opm(text.replace(old, new, 1), file="owl")
    assert caught.value.code == code
