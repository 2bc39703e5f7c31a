"""CelesTrak satellite catalog."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from tracss_hpc.catalog.catalog import read_catalog
from tracss_hpc.catalog.satcat import apply_satcat, read_satcat
from tracss_hpc.errors import InputDataError

GP = Path(__file__).parents[1] / "messages" / "gp"
HEADER = (
    "OBJECT_NAME,OBJECT_ID,NORAD_CAT_ID,OBJECT_TYPE,OPS_STATUS_CODE,OWNER,LAUNCH_DATE,LAUNCH_SITE,"
    "DECAY_DATE,PERIOD,INCLINATION,APOGEE,PERIGEE,RCS,DATA_STATUS_CODE,ORBIT_CENTER,ORBIT_TYPE\n"
)
ROWS = (
    "KITE ROCKET,1960-901B,7,R/B,D,XX,1960-08-31,XXXXX,,717,34,40000,600,12.5,,EA,ORB\n"
    '"OWL 2, PIECE",2025-901BC,270001,UNK,,XY,2025-08-31,XXXXX,,98,98,700,500,,,EA,ORB\n'
    "ELSEWHERE,2025-902A,555,PAY,+,XZ,2025-08-31,XXXXX,,98,98,700,500,1.0,,EA,ORB\n"
)


def satcat(tmp_path: Path, rows: str) -> Path:
    path = tmp_path / "satcat.csv"
    path.write_bytes(gzip.compress((HEADER + rows).replace("\n", "\r\n").encode()))
    return path


def test_table_is_read_and_applied(tmp_path: Path) -> None:
    table = read_satcat(satcat(tmp_path, ROWS))
    assert table.designator.tolist() == [7, 555, 270001]
    np.testing.assert_array_equal(table.rcs_m2, [12.5, 1.0, np.nan])
    catalog = apply_satcat(read_catalog([GP / "good.3le"]).catalog, table)
    assert catalog.object_type.tolist() == ["PAYLOAD", "UNKNOWN", "ROCKET BODY"]
    assert catalog.ops_status.tolist() == ["UNKNOWN", "UNKNOWN", "DECAYED"]
    assert catalog.owner.tolist() == ["", "XY", "XX"]
    assert catalog.name.tolist() == ["OWL 1", "OWL 2 DEB", "KITE R/B & CO"]
    assert catalog.international_designator.tolist() == ["2025-901A", "2025-901BC", "1960-901B"]


def test_name_is_filled_where_the_element_set_has_none(tmp_path: Path) -> None:
    lines = [x for x in (GP / "good.3le").read_text().split("\n") if x[:2] in ("1 ", "2 ")]
    bare = tmp_path / "bare.tle"
    bare.write_text("\n".join(lines))
    catalog = apply_satcat(read_catalog([bare]).catalog, read_satcat(satcat(tmp_path, ROWS)))
    assert catalog.name.tolist() == ["UNKNOWN", "OWL 2, PIECE", "KITE ROCKET"]


@pytest.mark.parametrize(
    ("code", "kind"),
    [("PAY", "PAYLOAD"), ("R/B", "ROCKET BODY"), ("DEB", "DEBRIS"), ("UNK", "UNKNOWN")],
)
def test_object_types(tmp_path: Path, code: str, kind: str) -> None:
    rows = ROWS.replace("7,R/B,", f"7,{code},")
    assert read_satcat(satcat(tmp_path, rows)).object_type[0] == kind


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("+", "OPERATIONAL"),
        ("-", "NONOPERATIONAL"),
        ("P", "PARTIALLY_OPERATIONAL"),
        ("B", "BACKUP"),
        ("S", "STANDBY"),
        ("X", "EXTENDED_MISSION"),
        ("D", "DECAYED"),
        ("?", "UNKNOWN"),
        ("", "UNKNOWN"),
    ],
)
def test_operational_status(tmp_path: Path, code: str, word: str) -> None:
    rows = ROWS.replace("7,R/B,D,", f"7,R/B,{code},")
    assert read_satcat(satcat(tmp_path, rows)).ops_status[0] == word


@pytest.mark.parametrize(
    ("old", "new", "key", "given"),
    [
        ("7,R/B,", "7,ROCK,", "OBJECT_TYPE", "ROCK"),
        ("R/B,D,", "R/B,Q,", "OPS_STATUS_CODE", "Q"),
        (",7,R/B", ",seven,R/B", "NORAD_CAT_ID", "seven"),
        ("12.5", "large", "RCS", "large"),
    ],
)
def test_bad_cell_is_named(tmp_path: Path, old: str, new: str, key: str, given: str) -> None:
    path = satcat(tmp_path, ROWS.replace(old, new))
    with pytest.raises(InputDataError) as caught:
        read_satcat(path)
    assert (caught.value.file, caught.value.line) == (str(path), 2)
    assert (caught.value.key, caught.value.given) == (key, given)
    assert repr(given) in str(caught.value)


def test_other_csv_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("norad_id,name\n5,VANGUARD 1\n")
    with pytest.raises(InputDataError, match="lacks OBJECT_NAME, OBJECT_ID") as caught:
        read_satcat(path)
    assert caught.value.line == 1


def test_empty_table_changes_nothing(tmp_path: Path) -> None:
    catalog = read_catalog([GP / "good.3le"]).catalog
    assert apply_satcat(catalog, read_satcat(satcat(tmp_path, ""))) is catalog
