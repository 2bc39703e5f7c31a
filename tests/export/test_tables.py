"""The table and the CSV of `tracss-hpc show`."""

from __future__ import annotations

import csv
from pathlib import Path

import h5py
import numpy as np
import pytest

from tracss_hpc.errors import InputDataError, UsageError
from tracss_hpc.export.tables import format_csv, format_table, read_table

START = "2025-09-01T12:00:00.000000"
PC = np.array([1e-9, 3.5e-4, np.nan, 1e-9])
MISS_M = np.array([500.25, 12.5, 9000.0, 40.0])


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Three objects, four conjunctions in the order of their TCA."""
    path = tmp_path / "results.h5"
    with h5py.File(path, "w") as file:
        file.attrs["start_screen_period"] = START
        file["objects/object_designator"] = np.array([5, 25544, 900000001], dtype=np.int64)
        text = h5py.string_dtype()
        file.create_dataset("objects/object_name", data=["VANGUARD 1", "ISS", "Ω"], dtype=text)
        object1, object2 = np.array([0, 1, 0, 1]), np.array([1, 2, 2, 0])
        group = file.create_group("conjunctions")
        group["conjunction"] = np.arange(4)
        group["conjunction"].make_scale("conjunction")
        group["object1"], group["object2"] = object1, object2
        designators = np.array([5, 25544, 900000001])
        group["sat1_object_designator"] = designators[object1]
        group["sat2_object_designator"] = designators[object2]
        group["tca"] = np.array([0.0, 0.1234565, 43199.9999996, 50000.0])
        group["miss_distance"] = MISS_M
        group["relative_speed"] = np.array([14000.0, 0.3, 7.0, 1.0])
        for axis in "rtn":
            group[f"sat1_relative_position_{axis}"] = np.full(4, -1.25)
        group["collision_probability"] = PC
        group["sat1_covariance"] = np.zeros((4, 21))
        group.create_dataset("dilution_status", data=["YES", "NO", "", "NO"], dtype=text)
    return path


def test_rows_stand_in_the_order_of_tca(results: Path) -> None:
    table = read_table(results)
    assert (len(table), table.total) == (4, 4)
    assert table.columns["miss_distance"].tolist() == MISS_M.tolist()
    assert table.columns["sat1_object_name"].tolist() == ["VANGUARD 1", "ISS", "VANGUARD 1", "ISS"]
    assert table.columns["sat2_object_name"].tolist() == ["ISS", "Ω", "Ω", "VANGUARD 1"]
    assert table.columns["tca_utc"].tolist()[:2] == [START, "2025-09-01T12:00:00.123456"]


def test_top_is_riskiest_first_and_blank_last(results: Path) -> None:
    # Equal probabilities: the smaller miss is the riskier.
    assert read_table(results, top=9).columns["miss_distance"].tolist() == [
        12.5,
        40.0,
        500.25,
        9000.0,
    ]
    assert read_table(results, top=1).columns["miss_distance"].tolist() == [12.5]


def test_object_filters_either_side(results: Path) -> None:
    assert read_table(results, designator=5).columns["miss_distance"].tolist() == [
        500.25,
        9000.0,
        40.0,
    ]
    assert len(read_table(results, designator=900000001, top=1)) == 1


def test_unknown_object(results: Path) -> None:
    with pytest.raises(UsageError, match=r"object 6 is not in .* 3 objects from 5 to 900000001"):
        read_table(results, designator=6)


def test_printed_table(results: Path) -> None:
    lines = format_table(read_table(results)).splitlines()
    words = [" ".join(line.split()) for line in lines]
    assert words[0] == "TCA (UTC) ID1 NAME1 ID2 NAME2 MISS m R m T m N m SPEED m/s PC"
    assert words[1] == (
        "2025-09-01T12:00:00.000000 5 VANGUARD 1 25544 ISS 500.2 -1.2 -1.2 -1.2 14000.0 1.000e-09"
    )
    assert words[3].endswith(" 7.0"), "a blank probability stays blank"
    assert words[-1] == "4 of 4 conjunctions"
    assert len({len(lines[k]) for k in (1, 2, 4)}) == 1, "columns are aligned"


def test_empty_table(results: Path) -> None:
    with h5py.File(results, "r+") as file:
        group = file["conjunctions"]
        for key in list(group):
            values = group[key][:0]
            del group[key]
            group.create_dataset(key, data=values, dtype=values.dtype, shape=values.shape)
    text = format_table(read_table(results, top=5))
    assert text.splitlines()[-1] == "0 of 0 conjunctions"
    assert len(format_csv(read_table(results)).splitlines()) == 1


def test_csv_reads_back_identically(results: Path) -> None:
    rows = list(csv.DictReader(format_csv(read_table(results)).splitlines()))
    assert [float(row["miss_distance"]) for row in rows] == MISS_M.tolist()
    assert [row["collision_probability"] for row in rows] == ["1e-09", "0.00035", "", "1e-09"]
    assert [row["dilution_status"] for row in rows] == ["YES", "NO", "", "NO"]
    assert rows[1]["sat2_object_name"] == "Ω"
    assert "sat1_covariance" not in rows[0], "one value per conjunction only"
    assert "conjunction" not in rows[0], "row numbers are no column"


def test_missing_and_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.h5: no such file"):
        read_table(tmp_path / "none.h5")
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["objects/object_designator"] = [1]
    with pytest.raises(
        InputDataError, match=r"other\.h5: not a results file .*start_screen"
    ) as caught:
        read_table(path)
    assert caught.value.file == str(path)
