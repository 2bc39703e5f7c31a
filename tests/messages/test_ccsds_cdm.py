"""CCSDS CDMs: what is read of a message and its comments, and how a broken one is told."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tracss_hpc.epochs import parse_epoch
from tracss_hpc.messages.ccsds_cdm import CcsdsCdm, parse_ccsds_cdms

COVARIANCE = """\
CR_R = 4.0E+01 [m**2]
CT_R = -8.0 [m**2]
CT_T = 2.5e3 [m**2]
CN_R = -2.0 [m**2]
CN_T = 1.0 [m**2]
CN_N = 70 [m**2]
CRDOT_R = 2.520E-03 [m**2/s]
CRDOT_RDOT = 5.744E-03 [m**2/s**2]
"""
MESSAGE = f"""\
CCSDS_CDM_VERS = 1.0
COMMENT MEETS EMERGENCY CRITERIA
CREATION_DATE = 2023-07-05T14:13:59.000
MESSAGE_ID = one
TCA = 2023-186T20:31:15.893
MISS_DISTANCE = 600 [m]
COLLISION_PROBABILITY = 4.45e-3
COLLISION_PROBABILITY_METHOD = FOSTER-1992
COMMENT HBR = 20 [m]
OBJECT = OBJECT1
OBJECT_DESIGNATOR = 55051
OBJECT_NAME = ION SCV-008
INTERNATIONAL_DESIGNATOR = 2023-001AU
OBJECT_TYPE = PAYLOAD
REF_FRAME = EME2000
COMMENT Exclusion Volume Radius=5.000000 [m]
RESIDUALS_ACCEPTED = 85.4 [
COMMENT DCP Density Forecast Uncertainty = 2.0e-01
COMMENT DCP Sensitivity Vector RTN Pos = -1.5 150 -0.25 [m]
COMMENT DCP Sensitivity Vector RTN Vel = -0.1 1e-3 0.5e-3 [m/sec]
MASS = 160 [kg]
X = 7000.0 [km]
Y = 0.0 [km]
Z = 0.1 [km]
X_DOT = 0.0 [km/s]
Y_DOT = 7.5 [km/s]
Z_DOT = 0 [km/s]
{COVARIANCE}OBJECT = OBJECT2
OBJECT_DESIGNATOR = 45214
REF_FRAME = EME2000
MASS = N/A
X = 7000.5 [km]
Y = 0.1 [km]
Z = 0.3 [km]
X_DOT = 0.1 [km/s]
Y_DOT = 0.0 [km/s]
Z_DOT = 7.4 [km/s]
{COVARIANCE}"""


def read_one(text: str) -> CcsdsCdm:
    (message,), errors = parse_ccsds_cdms(text)
    assert errors == []
    return message


def test_what_is_read() -> None:
    m = read_one(MESSAGE)
    assert m.tca == parse_epoch("2023-07-05T20:31:15.893")
    assert (m.message_id, m.miss_distance_m, m.probability) == ("one", 600.0, 4.45e-3)
    assert (m.probability_method, m.hbr_m) == ("FOSTER-1992", 20.0)
    first, second = m.objects
    assert (first.designator, first.name, first.object_type) == ("55051", "ION SCV-008", "PAYLOAD")
    assert first.state.tolist() == [7000.0, 0.0, 0.1, 0.0, 7.5, 0.0]
    assert first.covariance_m2[:7].tolist() == [40.0, -8.0, 2500.0, -2.0, 1.0, 70.0, 2.52e-3]
    assert first.covariance_m2[9] == 5.744e-3
    assert np.isnan(first.covariance_m2).sum() == 13
    assert (first.exclusion_radius_m, first.mass_kg) == (5.0, 160.0)
    assert first.density_uncertainty == 0.2
    assert first.sensitivity_m.tolist() == [-1.5, 150.0, -0.25, -0.1, 1e-3, 0.5e-3]
    assert np.isnan([second.exclusion_radius_m, second.mass_kg, second.hbr_m]).all()
    assert np.isnan(second.sensitivity_m).all()


@pytest.mark.parametrize(
    ("old", "new"),
    [("COMMENT HBR = 20 [m]", "COMMENT HBR                        = 20.0"),
     ("COMMENT Exclusion Volume Radius=5.000000 [m]", "COMMENT EXCLUSION_VOLUME_RADIUS = 5 [m]"),
     ("\n", "\r\n"), (" [km]", ""), ("CCSDS_CDM_VERS = 1.0", "CCSDS_CDM_VERS                =1.0"),
     ("RESIDUALS_ACCEPTED = 85.4 [", "SOMETHING_NEW = [not ours"),
     ("COMMENT MEETS EMERGENCY CRITERIA", "COMMENT =CDM_ID:519959713")],
)  # fmt: skip
def test_spellings(old: str, new: str) -> None:
    assert old in MESSAGE
    same, other = read_one(MESSAGE), read_one(MESSAGE.replace(old, new))
    assert (other.hbr_m, other.objects[0].exclusion_radius_m) == (20.0, 5.0)
    assert other.objects[1].state.tolist() == same.objects[1].state.tolist()


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "word"),
    [
        ("X = 7000.0 [km]", "X = 7000000.0 [m]", 22, "X", "wrong unit"),
        ("CR_R = 4.0E+01 [m**2]", "CR_R = 4e-5 [km**2]", 28, "CR_R", "wrong unit"),
        ("HBR = 20 [m]", "HBR = 0.02 [km]", 9, "COMMENT HBR", "wrong unit"),
        ("HBR = 20 [m]", "HBR = -2 [m]", 9, "COMMENT HBR", "out of range"),
        ("MASS = 160 [kg]", "MASS = heavy", 21, "MASS", "not a number"),
        ("Y = 0.0 [km]", "Y = inf [km]", 23, "Y", "not a number"),
        ("Y = 0.0 [km]", "Y = [km]", 23, "Y", "incomplete"),
        ("Y = 0.0 [km]\n", "", 10, "Y", "incomplete"),
        ("Y = 0.0 [km]", "Y = 1_0 [km]", 23, "Y", "not a number"),
        ("Y = 0.0 [km]", "Y = 0.0 [km]\nY = 1.0 [km]", 24, "Y", "line 23"),
        ("TCA = 2023-186", "TCA = 2023-400", 5, "TCA", "400"),
        ("TCA = 2023-186T20:31:15.893\n", "", 1, "TCA", "missing"),
        ("PROBABILITY = 4.45e-3", "PROBABILITY = 4.45", 7, "COLLISION_PROBABILITY", "range"),
        ("150 -0.25 [m]", "150 [m]", 19, "COMMENT DCP_SENSITIVITY_VECTOR_RTN_POS", "3 numbers"),
        ("OBJECT = OBJECT2", "OBJECT = OBJECT1", 36, "OBJECT", "OBJECT2"),
        ("MASS = 160 [kg]", "this is no KVN", 21, "", "not a line"),
    ],
)
def test_broken_messages_are_told(old: str, new: str, line: int, key: str, word: str) -> None:
    assert MESSAGE.count(old) >= 1
    text = MESSAGE.replace(old, new, 1)
    messages, (error,) = parse_ccsds_cdms(text, file="a.cdm")
    assert messages == []
    assert (error.file, error.line, error.key) == ("a.cdm", line, key)
    assert word in str(error)
    assert f"a.cdm, line {line}" in str(error)


def test_one_object_is_no_message() -> None:
    _, (error,) = parse_ccsds_cdms(MESSAGE.split("OBJECT = OBJECT2")[0])
    assert "both" in str(error)


def test_radius_stated_twice() -> None:
    text = MESSAGE.replace("OBJECT = OBJECT2", "OBJECT = OBJECT2\nCOMMENT HBR = 3 [m]")
    _, (error,) = parse_ccsds_cdms(text)
    assert error.key == "COMMENT HBR"


def test_other_messages_of_a_file_are_read() -> None:
    broken = MESSAGE.replace("X = 7000.0 [km]", "X = 7000.0 [m]")
    messages, errors = parse_ccsds_cdms(MESSAGE + broken + MESSAGE.replace("= one", "= three"))
    assert [m.message_id for m in messages] == ["one", "three"]
    assert [e.line for e in errors] == [22 + MESSAGE.count("\n")]
    assert parse_ccsds_cdms("") == ([], [])


def test_public_messages(shared_data: Path) -> None:
    """Every public KVN message is read; their three broken ones are not."""
    read = 0
    for path in sorted((shared_data / "pc" / "cdm").iterdir()):
        text = path.read_text()
        (message,), errors = parse_ccsds_cdms(text, file=path.name)
        assert errors == [], path.name
        for k, part in enumerate(re.split(r"^OBJECT\s*=", text, flags=re.MULTILINE)[1:]):
            x = re.search(r"^X\s*=\s*(\S+)", part, flags=re.MULTILINE)
            assert x is not None
            assert message.objects[k].state[0] == float(x[1])
        read += 1
    assert read > 50
    for path in sorted((shared_data / "messages" / "cdm_invalid").iterdir()):
        if "wrong-key-word" not in path.name:  # a keyword that risk does not need
            messages, errors = parse_ccsds_cdms(path.read_text(), file=path.name)
            assert (len(messages), len(errors)) == (0, 1)
