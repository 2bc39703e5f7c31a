"""A catalog written as TLE: the same numbers come back, whatever their sign and size."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tests.bench.tle_file import write_tle
from tracss_hpc.catalog.catalog import Catalog, read_catalog
from tracss_hpc.catalog.population import reference_population

ELEMENTS = (
    "epoch_jd", "epoch_fr", "mean_motion", "eccentricity", "inclination", "raan", "arg_perigee",
    "mean_anomaly", "bstar", "mean_motion_dot", "mean_motion_ddot",
)  # fmt: skip


def written(path: Path, catalog: Catalog) -> Catalog:
    write_tle(path, catalog)
    return read_catalog([path]).catalog


def test_same_elements_come_back(tmp_path: Path) -> None:
    catalog = reference_population(objects=2000)
    back = written(tmp_path / "objects.tle", catalog)
    assert back.designator.tolist() == list(range(1, len(catalog) + 1))
    for name in ELEMENTS:
        np.testing.assert_array_equal(getattr(back, name), getattr(catalog, name), err_msg=name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bstar", -3.1267e-4),
        ("bstar", 0.5),
        ("bstar", 0.12e-10),
        ("bstar", 0.99999e-1),
        ("mean_motion_dot", -0.12345678),
        ("mean_motion_ddot", 0.42e-5),
        ("eccentricity", 0.0),
        ("mean_motion", 0.25),
        ("epoch_fr", 0.00000001),
    ],
)
def test_signs_and_sizes(tmp_path: Path, name: str, value: float) -> None:
    catalog = dataclasses.replace(
        reference_population(objects=200).take([0]), **{name: np.array([value])}
    )
    assert getattr(written(tmp_path / "one.tle", catalog), name).tolist() == [value]


def test_fraction_that_rounds_up_is_the_next_day(tmp_path: Path) -> None:
    catalog = dataclasses.replace(
        reference_population(objects=200).take([0]),
        epoch_jd=np.array([2460675.5]),  # 2024-12-31, day 366
        epoch_fr=np.array([1.0 - 1e-12]),
    )
    back = written(tmp_path / "one.tle", catalog)
    assert (back.epoch_jd[0], back.epoch_fr[0]) == (2460676.5, 0.0)
    assert " 25001.00000000 " in (tmp_path / "one.tle").read_text()


def test_too_many_for_five_digits(tmp_path: Path) -> None:
    one = reference_population(objects=200).take([0])
    many = one.take(np.zeros(100_000, dtype=np.int64))
    with pytest.raises(ValueError, match="100000 objects"):
        write_tle(tmp_path / "many.tle", many)
