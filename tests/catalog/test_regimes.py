"""Regime rule and its boundaries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tracss_hpc.catalog.catalog import read_catalog
from tracss_hpc.catalog.regimes import (
    OCM_REGIMES,
    REGIMES,
    assign_ocm_regimes,
    assign_regimes,
    perigee_height,
    regimes_of_perigee,
)


def test_names_are_in_table_order() -> None:
    assert REGIMES == (
        "Deep Space",
        "GEO",
        "HEO",
        "MEO",
        "LEO 4",
        "LEO 3",
        "LEO 2",
        "LEO 1",
        "Other",
    )
    assert OCM_REGIMES == ("Deep Space", "Near Earth", "Other")


def test_iss_by_hand() -> None:
    """n = 15.5 rev/day: a = 6,794.86 km; e = 0.0005 puts perigee at 413.3 km, LEO 1."""
    assert perigee_height(15.5, 0.0005) == pytest.approx(413.33, abs=0.01)
    assert assign_regimes(15.5, 0.0005).item() == "LEO 1"


@pytest.mark.parametrize(
    ("perigee_km", "at", "above"),
    [
        (500.0, "LEO 1", "LEO 2"),
        (750.0, "LEO 2", "LEO 3"),
        (1200.0, "LEO 3", "LEO 4"),
        (2000.0, "LEO 4", "MEO"),
        (27000.0, "MEO", "GEO"),
        (37500.0, "GEO", "Deep Space"),
    ],
)
def test_upper_bound_belongs_to_its_row(perigee_km: float, at: str, above: str) -> None:
    """Perigee <= bound, as printed; the next double is the next row."""
    perigee = [perigee_km, np.nextafter(perigee_km, np.inf)]
    assert regimes_of_perigee(perigee, [0.0, 0.2]).tolist() == [at, above]


@pytest.mark.parametrize("perigee_km", [300.0, 600.0, 1000.0, 1500.0, 20000.0, 35786.0, 37500.0])
def test_eccentricity_of_a_quarter_is_other(perigee_km: float) -> None:
    quarter = [np.nextafter(0.25, 0.0), 0.25, np.nextafter(0.25, 1.0)]
    below, at, above = regimes_of_perigee([perigee_km] * 3, quarter)
    assert below not in ("HEO", "Other")
    assert (at, above) == ("Other", "HEO")


def test_printed_eccentricity_of_a_quarter_is_other() -> None:
    """As an element set prints it: 0.2500000, n = 10 rev/day, perigee about 448 km."""
    assert assign_regimes([10.0, 10.0], [0.25, 0.2500001]).tolist() == ["Other", "HEO"]


def test_deep_space_has_any_eccentricity() -> None:
    assert regimes_of_perigee([37500.1] * 3, [0.0, 0.25, 0.6]).tolist() == ["Deep Space"] * 3


def test_awkward_values_are_other_or_leo_1() -> None:
    assert assign_regimes([np.nan, 15.0], [0.0, np.nan]).tolist() == ["Other", "Other"]
    assert assign_regimes([17.5], [0.1]).tolist() == ["LEO 1"]  # perigee below the ground
    assert assign_regimes([], []).tolist() == []


def test_ocm_regimes_by_period() -> None:
    n = [1440.0 / 225.0, 1440.0 / 225.01, 1440.0 / 224.99, np.nan]
    assert assign_ocm_regimes(n).tolist() == ["Other", "Deep Space", "Near Earth", "Other"]


def test_counts_of_the_reference_catalog(shared_data: Path) -> None:
    catalog = read_catalog([shared_data / "catalogs" / "billgray_3le_2025-09-01.txt.xz"]).catalog
    regimes = assign_regimes(catalog.mean_motion, catalog.eccentricity)
    counts = {name: int((regimes == name).sum()) for name in REGIMES}
    assert counts == {
        "Deep Space": 18,
        "GEO": 1768,
        "HEO": 1847,
        "MEO": 550,
        "LEO 4": 2269,
        "LEO 3": 6644,
        "LEO 2": 9557,
        "LEO 1": 5835,
        "Other": 0,
    }
    truth = np.load(shared_data / "truth" / "hac_2025-09-01_6h.npz")
    assert np.array_equal(truth["satnums"], catalog.designator)
    short = np.array([{"Deep Space": "DS"}.get(name, name.replace(" ", "")) for name in regimes])
    assert np.array_equal(truth["regimes"], short)
