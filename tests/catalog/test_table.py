"""The column table of objects."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tracss_hpc.catalog.table import Catalog, catalog_from_elements, object_types_from_names
from tracss_hpc.messages.tle import read_tle

GOOD = (Path(__file__).parents[1] / "messages" / "gp" / "good.3le").read_text()


def sample() -> Catalog:
    return catalog_from_elements(read_tle(GOOD).sets, ["good.3le"] * 3)


def test_columns_have_their_types_and_values() -> None:
    catalog = sample()
    assert len(catalog) == 3
    for field in dataclasses.fields(Catalog):
        column = getattr(catalog, field.name)
        kind = str(field.type)
        expected = "U" if "str_" in kind else "i" if "int64" in kind else "f"
        assert column.dtype.kind == expected, field.name
        assert column.shape == (3,)
    assert catalog.designator.tolist() == [99901, 270001, 7]
    assert catalog.object_type.tolist() == ["PAYLOAD", "DEBRIS", "ROCKET BODY"]
    assert catalog.ops_status.tolist() == ["UNKNOWN"] * 3
    assert np.isnan(catalog.hbr_m).all()
    assert catalog.source_record.tolist() == [2, 5, 8]
    assert catalog.mean_motion.tolist() == [15.06391234, 14.57123456, 2.00561234]


def test_take_by_index_and_mask() -> None:
    catalog = sample()
    assert catalog.take([2, 0]).designator.tolist() == [7, 99901]
    assert catalog.take(np.array([False, True, False])).name.tolist() == ["OWL 2 DEB"]
    assert len(catalog.take([])) == 0


def test_no_sets_make_an_empty_catalog() -> None:
    empty = catalog_from_elements([], [])
    assert len(empty) == 0
    assert empty.designator.dtype == np.int64
    assert len(empty.take([])) == 0


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in length"):
        dataclasses.replace(sample(), hbr_m=np.ones(2))


def test_stated_type_wins_over_the_name() -> None:
    (row, *_) = read_tle(GOOD).sets
    stated = [row._replace(object_type="OTHER", name="X DEB"), row._replace(name="X DEB")]
    assert catalog_from_elements(stated, ["f", "f"]).object_type.tolist() == ["OTHER", "DEBRIS"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("FENGYUN 1C DEB", "DEBRIS"),
        ("ISS DEB (SEDA-AP)", "DEBRIS"),
        ("cz-6a deb", "DEBRIS"),
        ("CZ-2C R/B", "ROCKET BODY"),
        ("ARIANE 44L R/B DEB", "DEBRIS"),
        ("SL-8 R/B(2)", "ROCKET BODY"),
        ("DEBUT (ORIZURU)", "PAYLOAD"),
        ("VANGUARD 1", "PAYLOAD"),
        ("TBA - TO BE ASSIGNED", "UNKNOWN"),
        ("OBJECT B", "UNKNOWN"),
        ("OBJECT", "UNKNOWN"),
        ("OBJECTIVE 1", "PAYLOAD"),
        ("UNKNOWN", "UNKNOWN"),
        ("UNKNOWN 270438", "UNKNOWN"),
        ("", "UNKNOWN"),
    ],
)
def test_object_type_from_name(name: str, kind: str) -> None:
    assert object_types_from_names([name]).tolist() == [kind]
