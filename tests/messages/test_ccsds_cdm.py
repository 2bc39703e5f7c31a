"""CCSDS CDMs: what is read of a message and its comments, and how a broken one is told."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tracss_hpc.assess.stated import STATED_LINES
from tracss_hpc.errors import MessageError
from tracss_hpc.messages.cdm import COVARIANCE_KEYWORDS, STATE_KEYWORDS, CdmTable
from tracss_hpc.messages.cdm_read import sift_cdms

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


def sift(text: str, file: str = "a.cdm") -> tuple[CdmTable, list[MessageError]]:
    return sift_cdms(text, file=file, wanted=STATED_LINES)


def read_one(text: str) -> CdmTable:
    table, errors = sift(text)
    assert errors == []
    assert table.profiles == ("ccsds-1.0",)
    return table


def numbers(table: CdmTable, side: int, *keys: str) -> list[float]:
    return [float(table.columns[f"SAT{side}_{key}"][0]) for key in keys]


def test_what_is_read() -> None:
    table = read_one(MESSAGE)
    c = {name: column[0] for name, column in table.columns.items()}
    assert c["TCA"] == np.datetime64("2023-07-05T20:31:15.893", "us")
    assert (c["MESSAGE_ID"], c["MISS_DISTANCE"], c["COLLISION_PROBABILITY"]) == (
        "one",
        600,
        4.45e-3,
    )
    assert (c["COLLISION_PROBABILITY_METHOD"], c["COMBINED_HBR"]) == ("FOSTER-1992", 20.0)
    assert (c["SAT1_OBJECT_DESIGNATOR"], c["SAT1_OBJECT_NAME"]) == ("55051", "ION SCV-008")
    assert c["SAT1_OBJECT_TYPE"] == "PAYLOAD"
    assert numbers(table, 1, *STATE_KEYWORDS) == [7000.0, 0.0, 0.1, 0.0, 7.5, 0.0]
    covariance = np.array(numbers(table, 1, *COVARIANCE_KEYWORDS))
    assert covariance[:7].tolist() == [40.0, -8.0, 2500.0, -2.0, 1.0, 70.0, 2.52e-3]
    assert covariance[9] == 5.744e-3
    assert np.isnan(covariance).sum() == 13
    assert numbers(table, 1, "EXCLUSION_VOLUME_RADIUS", "MASS") == [5.0, 160.0]
    assert c["SAT1_DENSITY_FORECAST_UNCERTAINTY"] == 0.2
    sensitivity = [f"DCP_SENSITIVITY_{q}_{a}" for q in ("POSITION", "VELOCITY") for a in "RTN"]
    assert numbers(table, 1, *sensitivity) == [-1.5, 150.0, -0.25, -0.1, 1e-3, 0.5e-3]
    rest = ("EXCLUSION_VOLUME_RADIUS", "MASS", "HBR", *sensitivity)
    assert np.isnan(numbers(table, 2, *rest)).all()
    assert c["SAT2_RELATIVE_POSITION_R"] != c["SAT2_RELATIVE_POSITION_R"]


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
    assert other.columns["COMBINED_HBR"][0] == 20.0
    assert numbers(other, 1, "EXCLUSION_VOLUME_RADIUS") == [5.0]
    assert numbers(other, 2, *STATE_KEYWORDS) == numbers(same, 2, *STATE_KEYWORDS)


@pytest.mark.parametrize(
    ("old", "new", "key", "value"),
    [("X = 7000.0 [km]", "X = 7000500.0 [m]", "SAT1_X", 7000.5),
     ("CR_R = 4.0E+01 [m**2]", "CR_R = 4e-5 [km**2]", "SAT1_CR_R", 40.0),
     ("HBR = 20 [m]", "HBR = 0.02 [km]", "COMBINED_HBR", 20.0),
     ("-0.1 1e-3 0.5e-3 [m/sec]", "0 1e-6 0 [km/s]", "SAT1_DCP_SENSITIVITY_VELOCITY_T", 1e-3),
     ("MASS = 160 [kg]", "COMMENT HBR = 3 [m]", "SAT1_HBR", 3.0),
     ("MASS = 160 [kg]", "COMMENT Operator Hard Body Radius = 3", "SAT1_HBR", 3.0)],
)  # fmt: skip
def test_units_are_converted_and_radii_told_apart(
    old: str, new: str, key: str, value: float
) -> None:
    assert old in MESSAGE
    column = read_one(MESSAGE.replace(old, new, 1)).columns[key]
    np.testing.assert_allclose(column, value, rtol=1e-15)


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "word"),
    [
        ("X = 7000.0 [km]", "X = 7000.0 [km/s]", 22, "X", "wrong unit"),
        ("CR_R = 4.0E+01 [m**2]", "CR_R = 4e-5 [m]", 28, "CR_R", "wrong unit"),
        ("HBR = 20 [m]", "HBR = 20 [furlong]", 9, "COMMENT HBR", "wrong unit"),
        ("HBR = 20 [m]", "HBR = -2 [m]", 9, "COMMENT HBR", ">= 0"),
        ("MASS = 160 [kg]", "MASS = heavy", 21, "MASS", "not a number"),
        ("Y = 0.0 [km]", "Y = inf [km]", 23, "Y", "not a number"),
        ("Y = 0.0 [km]", "Y = [km]", 23, "Y", "incomplete"),
        ("Y = 0.0 [km]\n", "", 1, "SAT1_Y", "incomplete"),
        ("Y = 0.0 [km]", "Y = 1_0 [km]", 23, "Y", "not a number"),
        ("Y = 0.0 [km]", "Y = 0.0 [km]\nY = 1.0 [km]", 24, "Y", "line 23"),
        ("TCA = 2023-186", "TCA = 2023-400", 5, "TCA", "400"),
        ("TCA = 2023-186T20:31:15.893\n", "", 1, "TCA", "missing"),
        *(
            ("TCA = 2023-186T20:31:15.893", f"TCA = {epoch}", 5, "TCA", "not an epoch")
            for epoch in (
                "2023-07-05T23:59:60",
                "2016-12-31T23:59:60.5",
                "2023-07-05",
                "2023-07-05T20:31",
                "2023-07-05 20:31:15",
                "1023-07-05T20:31:15",
                "2023-02-29T00:00:00",
            )
        ),
        ("OBJECT_NAME = ", "OBJECT_NAME = a\x1b[31m", 12, "OBJECT_NAME", "printable"),
        ("PROBABILITY = 4.45e-3", "PROBABILITY = 4.45", 7, "COLLISION_PROBABILITY", "0..1"),
        ("150 -0.25 [m]", "150 [m]", 19, "COMMENT DCP_SENSITIVITY_VECTOR_RTN_POS", "3 numbers"),
        ("OBJECT = OBJECT2", "OBJECT = OBJECT1", 36, "OBJECT", "OBJECT2"),
        ("MASS = 160 [kg]", "this is no KVN", 21, "", "not a line"),
    ],
)
def test_broken_messages_are_told(old: str, new: str, line: int, key: str, word: str) -> None:
    assert MESSAGE.count(old) >= 1
    text = MESSAGE.replace(old, new, 1)
    table, (error,) = sift(text)
    assert len(table) == 0
    assert (error.file, error.line, error.key) == ("a.cdm", line, key)
    assert word in str(error)
    assert f"a.cdm, line {line}" in str(error)


def test_one_object_is_no_message() -> None:
    _, (error,) = sift(MESSAGE.split("OBJECT = OBJECT2")[0])
    assert "both" in str(error)


def test_radius_stated_twice() -> None:
    _, (error,) = sift(MESSAGE.replace("OBJECT = OBJECT1", "COMMENT HBR = 3 [m]\nOBJECT = OBJECT1"))
    assert error.key == "COMMENT HBR"


def test_other_messages_of_a_file_are_read() -> None:
    rows = MESSAGE.count("\n")
    broken = MESSAGE.replace("X = 7000.0 [km]", "X = 7000.0 [kg]")
    bad = MESSAGE.replace("X = 7000.0 [km]", "X = 7000.O [km]")
    table, errors = sift(MESSAGE + bad + broken + MESSAGE.replace("= one", "= three"))
    assert table.columns["MESSAGE_ID"].tolist() == ["one", "three"]
    assert table.lines == (1, 1 + 3 * rows)
    assert [e.line for e in errors] == [22 + rows, 22 + 2 * rows]
    table, errors = sift("")
    assert (len(table), errors) == (0, [])


def test_public_messages(shared_data: Path) -> None:
    """Every public KVN message is read; their three broken ones are not."""
    read = 0
    for path in sorted((shared_data / "pc" / "cdm").iterdir()):
        text = path.read_text()
        table, errors = sift(text, path.name)
        assert errors == [], path.name
        for k, part in enumerate(re.split(r"^OBJECT\s*=", text, flags=re.MULTILINE)[1:]):
            x = re.search(r"^X\s*=\s*(\S+)", part, flags=re.MULTILINE)
            assert x is not None
            assert numbers(table, k + 1, "X") == [float(x[1])]
        read += 1
    assert read > 50
    for path in sorted((shared_data / "messages" / "cdm_invalid").iterdir()):
        if "wrong-key-word" not in path.name:  # a keyword that risk does not need
            table, errors = sift(path.read_text(), path.name)
            assert (len(table), len(errors)) == (0, 1)
