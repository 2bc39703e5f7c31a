"""The handbook's tables row by row: the expected value is the printed row itself."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

from tracss_hpc.catalog.hbr import DEFAULT_HBR_M
from tracss_hpc.catalog.regimes import HAC_TABLE, OCM_TABLE, HacRegime, OcmRegime
from tracss_hpc.catalog.schedule import (
    ROUTINE_DETAILS,
    ROUTINE_SCHEDULE,
    is_hac_deep_space,
)
from tracss_hpc.catalog.volumes import handbook_volumes

# TraCSS User Handbook 1.4.6, tables 3.4.1, 3.4.2, 3.4.3, 3.2.1, 3.2.2; columns by tabs.
TABLE_3_4_1 = """\
Deep Space	Perigee > 37500 km	10 days	24.5 km	24.5 km	24.5 km
GEO	27000 < Perigee ≤ 37500 km Eccentricity < 0.25	10 days	24.5 km	24.5 km	24.5 km
HEO	Perigee ≤ 37500 km Eccentricity > 0.25	10 days	24.5 km	24.5 km	24.5 km
MEO	2000 < Perigee ≤ 27000 km Eccentricity < 0.25	10 days	24.5 km	24.5 km	24.5 km
LEO 4	1200 < Perigee ≤ 2000 km Eccentricity < 0.25	5 days	0.4 km	2 km	2 km
LEO 3	750 km < Perigee ≤ 1200 km Eccentricity < 0.25	5 days	0.4 km	12 km	12 km
LEO 2	500 km < Perigee ≤ 750 km Eccentricity < 0.25	5 days	0.4 km	25 km	25 km
LEO 1	Perigee ≤ 500 km Eccentricity < 0.25	5 days	0.4 km	44 km	51 km
Other	Default regime when satellite cannot be assigned other regime	10 days	24.5 km	24.5 km	24.5 km
"""  # noqa: E501
TABLE_3_4_2 = """\
Deep Space	Period > 225 min	10 days	49 km	49 km	49 km
Near Earth	Period < 225 min	7 days	2 km	25 km	25 km
Other	Default regime when satellite cannot be assigned other regime	10 days	49 km	49 km	49 km
"""  # noqa: E501
TABLE_3_4_3 = "Payload\t5 m\nRocket Body\t3 m\nDebris\t1 m\n"
TABLE_3_2_1 = """\
All vs All	0130 zulu	0230 zulu
Payload vs All	0530 zulu	0630 zulu
Payload vs All	0930 zulu	1030 zulu
All vs All	1330 zulu	1430 zulu
Payload vs All	1730 zulu	1830 zulu
Payload vs All	2130 zulu	2230 zulu
"""
# The screening type stands in the first row of each block only.
TABLE_3_2_2 = """\
Payload vs All	All payload LEO1-4 SP ephemeris	HAC LEO1-4
Payload vs All	All "current" operational Near Earth OCMs	OCM Near Earth
Payload vs All	All payload Deep Space SP ephemeris	HAC Deep Space
Payload vs All	All "current" operational Deep Space OCMs	OCM Deep Space
All vs All	All LEO1-4 SP ephemeris	HAC LEO1-4
All vs All	All "current" operational Near Earth OCMs	OCM Near Earth
All vs All	All Deep Space SP ephemeris	HAC Deep Space
All vs All	All "current" operational Deep Space OCMs	OCM Deep Space
"""


def rows(table: str, label: str, text: str) -> list[object]:
    """One parameter per row: its place and cells; id = table and first cell."""
    lines = [line.split("\t") for line in text.splitlines()]
    seen: dict[str, int] = {}
    params = []
    for place, cells in enumerate(lines):
        seen[cells[0]] = seen.get(cells[0], 0) + 1
        repeated = sum(other[0] == cells[0] for other in lines) > 1
        name = f"{label} {table} {cells[0]}" + (f" {seen[cells[0]]}" if repeated else "")
        params.append(pytest.param(place, cells, id=name))
    return params


def sizes(cells: list[str]) -> tuple[float, float, float, float]:
    """Span [d] and half sizes [km] of a printed row."""
    assert cells[2].endswith(" days")
    assert all(cell.endswith(" km") for cell in cells[3:])
    span, r, t, n = (float(cell.split()[0]) for cell in cells[2:])
    return span, r, t, n


@pytest.mark.parametrize(("place", "cells"), rows("3.4.1", "Table", TABLE_3_4_1))
def test_hac_volumes(place: int, cells: list[str]) -> None:
    row: HacRegime = HAC_TABLE[place]
    assert row.name == cells[0]
    assert (row.span_days, row.r_km, row.t_km, row.n_km) == sizes(cells)
    volume = handbook_volumes([row.name], table="HAC")
    assert (volume.span_days[0], volume.r_km[0], volume.t_km[0], volume.n_km[0]) == sizes(cells)
    lower = re.search(r"(\d+)(?: km)? < Perigee|Perigee > (\d+)", cells[1])
    upper = re.search(r"Perigee ≤ (\d+)", cells[1])
    eccentricity = re.search(r"Eccentricity ([<>]) ([\d.]+)", cells[1])
    if "Default" in cells[1]:
        assert row.perigee_above >= row.perigee_to  # matches nothing by itself
        return
    assert row.perigee_above == (float(lower[1] or lower[2]) if lower else -math.inf)
    assert row.perigee_to == (float(upper[1]) if upper else math.inf)
    if eccentricity is None:
        assert row.eccentricity_above < 0.0
        assert row.eccentricity_below > 1.0
    elif eccentricity[1] == "<":
        assert row.eccentricity_above < 0.0
        assert row.eccentricity_below == float(eccentricity[2])
    else:
        assert row.eccentricity_above == float(eccentricity[2])
        assert row.eccentricity_below > 1.0


@pytest.mark.parametrize(("place", "cells"), rows("3.4.2", "Table", TABLE_3_4_2))
def test_ocm_volumes(place: int, cells: list[str]) -> None:
    row: OcmRegime = OCM_TABLE[place]
    assert row.name == cells[0]
    assert (row.span_days, row.r_km, row.t_km, row.n_km) == sizes(cells)
    volume = handbook_volumes([row.name], table="OCM")
    assert (volume.span_days[0], volume.r_km[0], volume.t_km[0], volume.n_km[0]) == sizes(cells)
    bound = re.fullmatch(r"Period ([<>]) (\d+) min", cells[1])
    if bound is None:
        assert row.period_above >= row.period_below
    elif bound[1] == ">":
        assert (row.period_above, row.period_below) == (float(bound[2]), math.inf)
    else:
        assert (row.period_above, row.period_below) == (0.0, float(bound[2]))


@pytest.mark.parametrize(("place", "cells"), rows("3.4.3", "Table", TABLE_3_4_3))
def test_default_hbr(place: int, cells: list[str]) -> None:
    assert list(DEFAULT_HBR_M)[place] == cells[0].upper()
    assert f"{DEFAULT_HBR_M[cells[0].upper()]:g} m" == cells[1]


@pytest.mark.parametrize(("place", "cells"), rows("3.2.1", "Table", TABLE_3_2_1))
def test_routine_schedule(place: int, cells: list[str]) -> None:
    row = ROUTINE_SCHEDULE[place]
    assert row.kind == cells[0].lower().replace(" ", "_")
    assert [f"{row.daylight_saving} zulu", f"{row.standard} zulu"] == cells[1:]


@pytest.mark.parametrize(("place", "cells"), rows("3.2.2", "Table", TABLE_3_2_2))
def test_routine_details(place: int, cells: list[str]) -> None:
    row = ROUTINE_DETAILS[place]
    assert row.kind == cells[0].lower().replace(" ", "_")
    assert (row.source == "SP") == ("SP ephemeris" in cells[1])
    assert row.payloads_only == ("All payload" in cells[1])
    assert row.regimes == cells[2]
    assert row.table == cells[2][:3]


@pytest.mark.parametrize(
    ("table", "length"),
    [(HAC_TABLE, 9), (OCM_TABLE, 3), (ROUTINE_SCHEDULE, 6), (ROUTINE_DETAILS, 8)],
    ids=["Table 3.4.1", "Table 3.4.2", "Table 3.2.1", "Table 3.2.2"],
)
def test_no_row_is_added(table: tuple[object, ...], length: int) -> None:
    assert len(table) == length


def test_objects_without_a_row_get_the_payload_hbr() -> None:
    """Table 3.4.3 names three types; the CDM has five."""
    assert (DEFAULT_HBR_M["UNKNOWN"], DEFAULT_HBR_M["OTHER"]) == (5.0, 5.0)
    assert len(DEFAULT_HBR_M) == 5


def test_hac_deep_space_is_all_that_is_not_leo() -> None:
    """Table 3.2.2 splits the nine regimes of table 3.4.1 in two."""
    names = np.array([row.name for row in HAC_TABLE])
    assert names[~is_hac_deep_space(names)].tolist() == ["LEO 4", "LEO 3", "LEO 2", "LEO 1"]


def test_rows_are_those_of_the_handbook(shared_data: Path) -> None:
    handbook = shared_data.parent / "spec" / "tracss_user_handbook_1.4.6.txt"
    if not handbook.is_file():
        pytest.skip(f"handbook not found: {handbook}")
    text = handbook.read_text()
    for table in (TABLE_3_4_1, TABLE_3_4_2, TABLE_3_4_3, TABLE_3_2_1):
        for row in table.splitlines():
            assert row in text
