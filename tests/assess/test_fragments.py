"""Fragments: by hand, the table of published and computed cases, what is blank or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.assess.reference_rows import read_rows
from tracss_hpc.assess.fragments import (
    DEFAULT_MASS_KG,
    count_fragments,
    estimate_masses,
    fragmentation_model,
)
from tracss_hpc.catalog.hbr import DEFAULT_HBR_M
from tracss_hpc.errors import ConfigError

CASES = (
    *(f"CARA_UT_{m}" for m in ("0", "0.01", "1.6", "1000", "3000")),
    *(f"OWN_{k:03d}" for k in range(1, 65)),
)


def test_by_hand() -> None:
    """16 kg on 1,000 kg at 10 km/s: 800 kJ/kg, so M = 1016; 1 kg: 50 kJ/kg; 0.5 kg: 25 kJ/kg."""
    f = count_fragments([1000.0] * 3, [16.0, 1.0, 0.5], [10.0] * 3, lc_m=0.1)
    np.testing.assert_array_equal(f.catastrophic, [True, True, False])
    expected = 0.1 * np.array([1016.0, 1001.0, 50.0]) ** 0.75 * 10.0**1.71
    np.testing.assert_allclose(f.number, expected, rtol=1e-14)
    old = count_fragments([1000.0], [0.5], [10.0], lc_m=0.1, rule="JOHNSON-2001")
    assert old.number[0] == pytest.approx(f.number[2] / 10.0**0.75, rel=1e-14)


@pytest.mark.parametrize("case", CASES)
def test_table(shared_data: Path, case: str) -> None:
    rows = read_rows(shared_data / "pc" / "fragments.csv")
    assert len(rows) == len(CASES)
    row = next(r for r in rows if r["case"] == case)
    masses = float(row["m1_kg"]), float(row["m2_kg"])
    speed, lc = float(row["vrel_m_s"]) * 1e-3, float(row["Lc_m"])
    for first, second in (masses, masses[::-1]):
        f = count_fragments([first], [second], [speed], lc_m=lc)
        assert f.catastrophic[0] == (row["expected_catastrophic"] == "1")
        if row["rounding"].startswith("round"):
            assert round(f.number[0]) == int(row["expected_N"])
        else:
            assert f.number[0] == pytest.approx(float(row["expected_N"]), rel=1e-9)
        old = count_fragments([first], [second], [speed], lc_m=lc, rule="JOHNSON-2001")
        assert old.number[0] == pytest.approx(float(row["own_N_v1"]), rel=1e-9)


def test_blank_without_both_masses() -> None:
    f = count_fragments([1.0, np.nan, 5.0, 1.0], [np.nan, 1.0, -1.0, 1.0], [9.0, 9.0, 9.0, np.nan])
    assert np.isnan(f.number).all()
    assert not f.catastrophic.any()


def test_estimate_is_by_type_and_told() -> None:
    assert DEFAULT_MASS_KG.keys() == DEFAULT_HBR_M.keys()
    types = np.array(["DEBRIS", "PAYLOAD", "ROCKET BODY"])
    mass, estimated = estimate_masses([np.nan, 260.0, -1.0], types)
    np.testing.assert_array_equal(mass, [DEFAULT_MASS_KG["DEBRIS"], 260.0, 1045.0])
    np.testing.assert_array_equal(estimated, [True, False, True])
    assert fragmentation_model(0.05) == "NASA_SBM_EVOLVE4 Lc=0.05 KRISKO-2011"
    text = fragmentation_model(0.1, "JOHNSON-2001", estimated=True)
    assert text == "NASA_SBM_EVOLVE4 Lc=0.1 JOHNSON-2001 MASS_ESTIMATED"


@pytest.mark.parametrize("lc", [0.0, -0.1, np.nan, np.inf])
def test_refused_length(lc: float) -> None:
    with pytest.raises(ConfigError, match=repr(lc)) as info:
        count_fragments([1.0], [1.0], [1.0], lc_m=lc)
    assert info.value.key == "fragment_lc_m"


def test_refused_rule() -> None:
    with pytest.raises(ConfigError, match="'EVOLVE'") as info:
        count_fragments([1.0], [1.0], [1.0], rule="EVOLVE")  # type: ignore[arg-type]
    assert info.value.given == "EVOLVE"
    assert "KRISKO-2011" in info.value.allowed
