"""The keyword table against the text of TraCSS-Spec-001 2.0, and against itself."""

from __future__ import annotations

import csv
import re
from importlib import resources
from pathlib import Path

import pytest

from tracss_hpc.messages.cdm import (
    CDM_KEYWORDS,
    CDM_LINES,
    COVARIANCE_KEYWORDS,
    CdmKeyword,
    find_keyword,
)


@pytest.fixture(scope="module")
def spec_keywords(shared_data: Path) -> list[str]:
    """Keywords of table 1 in printed order."""
    path = shared_data.parent / "spec" / "tracss_cdm_spec_001_release_2.0.txt"
    if not path.is_file():
        pytest.skip(f"specification not found: {path}")
    text = path.read_text("utf-8")
    table = text[text.index("Table 1: TraCSS CDM") : text.index("Appendix 1: Engineering")]
    rows = re.findall(r"^([A-Z][A-Z0-9_]*)(?: OR)?\t", table, re.MULTILINE)
    return [row for row in rows if row != "Keyword"]


def test_table_has_the_order_and_spelling_of_the_specification(spec_keywords: list[str]) -> None:
    assert [keyword.name for keyword in CDM_KEYWORDS] == spec_keywords


def test_112_keywords_make_200_lines() -> None:
    assert len(CDM_KEYWORDS) == 112
    assert len({keyword.name for keyword in CDM_KEYWORDS}) == 112
    assert len(CDM_LINES) == 200
    assert [line.object for line in CDM_LINES] == [0] * 24 + [1] * 88 + [2] * 88
    assert [line.name for line in CDM_LINES[24:112]] == [
        f"SAT1_{keyword.name}" for keyword in CDM_KEYWORDS[24:]
    ]
    assert [line.name.removeprefix("SAT2_") for line in CDM_LINES[112:]] == [
        keyword.name for keyword in CDM_KEYWORDS[24:]
    ]


def test_covariance_is_the_lower_triangle_row_by_row() -> None:
    first = [keyword.name for keyword in CDM_KEYWORDS].index("CR_R")
    assert tuple(k.name for k in CDM_KEYWORDS[first : first + 21]) == COVARIANCE_KEYWORDS


@pytest.mark.parametrize("keyword", CDM_KEYWORDS, ids=lambda keyword: keyword.name)
def test_row_is_sound(keyword: CdmKeyword) -> None:
    assert keyword.scope in ("message", "object")
    assert keyword.type in ("text", "float", "integer", "epoch")
    assert keyword.obligation in ("M", "C", "O")
    assert keyword.long_name
    assert len(f"SAT1_{keyword.name}") < 60
    if keyword.is_number:
        assert re.fullmatch(r"%\.\d+[fEg]", keyword.operational)
        assert keyword.minimum < keyword.maximum
        assert not keyword.choices
        if keyword.default:
            assert keyword.minimum <= float(keyword.default) <= keyword.maximum
    else:
        assert not keyword.operational
        assert not keyword.unit
        assert not keyword.default or not keyword.choices or keyword.default in keyword.choices


# Units the specification names in words, in the spelling of CCSDS 508.0-B-1.
@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("MISS_DISTANCE", "m"),
        ("RELATIVE_SPEED", "m/s"),
        ("MAHALANOBIS_DISTANCE", ""),
        ("COLLISION_PROBABILITY", ""),
        ("RECOMMENDED_OD_SPAN", "d"),
        ("RESIDUALS_ACCEPTED", "%"),
        ("APOAPSIS_ALTITUDE", "km"),
        ("INCLINATION", "deg"),
        ("HBR", "m"),
        ("AREA_PC", "m**2"),
        ("CD_AREA_OVER_MASS", "m**2/kg"),
        ("THRUST_ACCELERATION", "m/s**2"),
        ("SEDR", "W/kg"),
        ("MASS", "kg"),
        ("RELATIVE_POSITION_T", "m"),
        ("RELATIVE_VELOCITY_N", "m/s"),
        ("SCREEN_VOLUME_X", "km"),
        ("X", "km"),
        ("X_DOT", "km/s"),
        ("CN_T", "m**2"),
        ("CRDOT_T", "m**2/s"),
        ("CNDOT_NDOT", "m**2/s**2"),
        ("DCP_SENSITIVITY_POSITION_R", "m"),
        ("DCP_SENSITIVITY_VELOCITY_R", "m/s"),
    ],
)
def test_unit(name: str, unit: str) -> None:
    keyword = find_keyword(name)
    assert keyword is not None
    assert keyword.unit == unit


def test_columns_of_results_are_keywords_in_lower_case() -> None:
    assert find_keyword("sat2_x_dot") is find_keyword("X_DOT")
    assert find_keyword("miss_distance") is CDM_KEYWORDS[10]
    assert find_keyword("combined_hbr") is None


def test_table_file_is_plain() -> None:
    text = resources.files("tracss_hpc.messages").joinpath("cdm_keywords.csv").read_text("utf-8")
    assert text.isascii()
    rows = list(csv.reader(text.splitlines()))
    assert {len(row) for row in rows} == {15}
