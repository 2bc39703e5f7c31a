"""The digest: what it sees, what it must not see, and where two results differ."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tracss_hpc.errors import InputDataError, UsageError
from tracss_hpc.export.digest import DIGESTED_GROUPS, digest_file, first_difference


def write_results(path: Path, *, chunks: int = 2, compression: str | None = None) -> Path:
    """A small results file of netCDF form: dimension scales, texts, numbers, attributes."""
    with h5py.File(path, "w") as file:
        file.attrs["run_id"] = path.name
        file.create_group("stages")["cpu_s"] = np.random.default_rng().random(3)
        for name in DIGESTED_GROUPS:
            group = file.create_group(name)
            group.attrs["title"] = f"all {name}"
            scale = group.create_dataset(
                "tca", data=[1.0, 2.0, np.nan], chunks=(chunks,), compression=compression
            )
            scale.make_scale("tca")
            scale.attrs["units"] = "seconds since 2025-09-01T12:00:00"
            group["sat1_object_designator"] = np.array([5, 25544, 7], dtype=np.int64)
            group["sat1_object_designator"].dims[0].attach_scale(scale)
            group.create_dataset("name", data=["A", "ΩB", ""], dtype=h5py.string_dtype())
        file["audit"].create_group("closing_at_end")["object1"] = np.empty(0, dtype=np.int64)
    return path


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return write_results(tmp_path / "a.h5")


def changed(results: Path, change: Callable[[Any], None]) -> Path:
    """A copy of the results with one change."""
    path = results.with_name("changed.h5")
    shutil.copy(results, path)
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def test_storage_clock_and_stages_do_not_count(results: Path) -> None:
    other = write_results(results.with_name("b.h5"), chunks=3, compression="gzip")
    assert digest_file(results) == digest_file(other)
    assert len(digest_file(results)) == 64
    assert first_difference(results, other) == ""


def test_links_of_scales_do_not_count(results: Path) -> None:
    """Attaching a scale writes file addresses into attributes; they are no result."""

    def detach(file: Any) -> None:
        column = file["objects/sat1_object_designator"]
        column.dims[0].detach_scale(file["objects/tca"])

    assert digest_file(changed(results, detach)) == digest_file(results)


def test_width_and_storage_of_texts_do_not_count(results: Path) -> None:
    def narrow(file: Any) -> None:
        for name in DIGESTED_GROUPS:
            del file[name]["name"]
            file[name]["name"] = np.array([b"A", "ΩB".encode(), b""], dtype="S9")

    assert digest_file(changed(results, narrow)) == digest_file(results)


def set_value(file: Any) -> None:
    file["conjunctions/tca"][1] = 2.5


def set_last_bit(file: Any) -> None:
    file["objects/tca"][0] = np.nextafter(1.0, 2.0)


def set_negative_zero(file: Any) -> None:
    file["audit/tca"][0] = -0.0


def rename_column(file: Any) -> None:
    file["rejected"].move("name", "names")


def drop_column(file: Any) -> None:
    del file["colocated/name"]


def add_column(file: Any) -> None:
    file["colocated/extra"] = [1]


def drop_group(file: Any) -> None:
    del file["colocated"]


def change_type(file: Any) -> None:
    values = file["objects/sat1_object_designator"][()]
    del file["objects/sat1_object_designator"]
    file["objects/sat1_object_designator"] = values.astype(np.int32)


def change_attribute(file: Any) -> None:
    file["conjunctions/tca"].attrs["units"] = "s"


def change_group_attribute(file: Any) -> None:
    file["conjunctions"].attrs["title"] = "some"


def change_text(file: Any) -> None:
    file["objects/name"][2] = "C"


def change_nested(file: Any) -> None:
    file["audit/closing_at_end/object2"] = [3]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (set_value, "conjunctions/tca: 1 of 3 rows differ, first row 1: 2.0 != 2.5"),
        (set_last_bit, "objects/tca: 1 of 3 rows differ, first row 0: 1.0 != 1.0000000000000002"),
        (set_negative_zero, "audit/tca: 1 of 3 rows differ, first row 0: 1.0 != -0.0"),
        (rename_column, "rejected/name: only in "),
        (drop_column, "colocated/name: only in "),
        (add_column, "colocated/extra: only in "),
        (drop_group, "colocated/: only in "),
        (change_type, "objects/sat1_object_designator: <i8(3,) != <i4(3,)"),
        (change_attribute, "conjunctions/tca @units: "),
        (change_group_attribute, "conjunctions/ @title: "),
        (change_text, "objects/name: 1 of 3 rows differ, first row 2:  != C"),
        (change_nested, "audit/closing_at_end/object2: only in "),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_every_change_of_the_result_counts(
    results: Path, change: Callable[[Any], None], words: str
) -> None:
    other = changed(results, change)
    assert digest_file(other) != digest_file(results)
    assert first_difference(results, other).startswith(words)
    assert first_difference(other, results) != ""


def test_only_in_names_the_file_that_has_it(results: Path) -> None:
    other = changed(results, add_column)
    assert first_difference(results, other) == f"colocated/extra: only in {other}"
    assert first_difference(other, results) == f"colocated/extra: only in {other}"


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.h5: no such file"):
        digest_file(tmp_path / "none.h5")


def test_not_an_hdf5_file(tmp_path: Path) -> None:
    path = tmp_path / "text.h5"
    path.write_text("not HDF5")
    with pytest.raises(InputDataError, match=r"text\.h5: not an HDF5 file") as caught:
        digest_file(path)
    assert caught.value.file == str(path)
