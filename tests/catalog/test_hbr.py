"""Hard-body radius and mass: table, else handbook defaults."""

from __future__ import annotations

import lzma
from pathlib import Path

import numpy as np
import pytest

from tracss_hpc.catalog.catalog import read_catalog
from tracss_hpc.catalog.hbr import assign_hbr, read_hbr_table
from tracss_hpc.errors import InputDataError

GP = Path(__file__).parents[1] / "messages" / "gp"
HEADER = "ObjectID,HBR,HBRSigma,HBRSource,Mass,MassSigma,MassSource\n"


def table(tmp_path: Path, rows: str) -> Path:
    path = tmp_path / "hbr.csv.xz"
    path.write_bytes(lzma.compress((HEADER + rows).encode()))
    return path


def test_table_first_then_default_by_type(tmp_path: Path) -> None:
    path = table(tmp_path, "270001,0.25,0.1,X,12.5,1,X\n\n99901,,0,X,250,,X\n123,9,0,X,9,0,X\n")
    catalog = read_catalog([GP / "good.3le"]).catalog
    sized = assign_hbr(catalog, read_hbr_table(path))
    assert sized.hbr_m.tolist() == [5.0, 0.25, 3.0]  # blank cell, row, no row
    np.testing.assert_array_equal(sized.mass_kg, [250.0, 12.5, np.nan])
    assert assign_hbr(catalog).hbr_m.tolist() == [5.0, 1.0, 3.0]


def test_empty_table_changes_nothing(tmp_path: Path) -> None:
    catalog = read_catalog([GP / "good.3le"]).catalog
    sized = assign_hbr(catalog, read_hbr_table(table(tmp_path, "")))
    assert sized.hbr_m.tolist() == [5.0, 1.0, 3.0]


@pytest.mark.parametrize(
    ("rows", "line", "key", "given"),
    [
        ("5,big,0,X,1,0,X\n", 2, "HBR", "big"),
        ("5,1,0,X,1,0,X\n6,0,0,X,1,0,X\n", 3, "HBR", "0"),
        ("5,1,0,X,-3,0,X\n", 2, "Mass", "-3"),
        ("ISS,1,0,X,1,0,X\n", 2, "NORAD_CAT_ID", "ISS"),
        ("5,1,0,X,1,0,X\n5,2,0,X,1,0,X\n", 3, "ObjectID", None),
    ],
)
def test_bad_row_is_named(
    tmp_path: Path, rows: str, line: int, key: str, given: str | None
) -> None:
    path = table(tmp_path, rows)
    with pytest.raises(InputDataError) as caught:
        read_hbr_table(path)
    assert (caught.value.file, caught.value.line, caught.value.key) == (str(path), line, key)
    assert caught.value.given == given
    assert f"line {line}" in str(caught.value)
    assert given is None or repr(given) in str(caught.value)


def test_lacking_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "hbr.csv"
    path.write_text("ObjectID,Mass\n5,1\n")
    with pytest.raises(InputDataError, match="lacks HBR") as caught:
        read_hbr_table(path)
    assert caught.value.key == "HBR"


def test_cara_table(shared_data: Path) -> None:
    sizes = read_hbr_table(shared_data / "satcat" / "cara_hbr_mass_2026-06-01.csv.xz")
    assert len(sizes.designator) == 58609
    assert int(np.isnan(sizes.hbr_m).sum()) == 35026
    assert (np.diff(sizes.designator) > 0).all()
