"""Every row of the public risk tables, one test per table and row.

TRUTH columns are 30-digit integrals, METHOD columns what a named code returns; tolerances are those
of the tables' README. Rows of the CARA and Alfano tables take their states from published CDMs.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from tests.assess.reference_rows import (
    Pairs,
    as_given,
    inertial_pairs,
    read_cdm,
    read_responses,
    truth_rows,
)
from tests.assess.test_encounter import verification_pairs
from tracss_hpc.assess.dilution import alfano_dilution, scale_dilution
from tracss_hpc.assess.encounter import Encounters, find_encounters
from tracss_hpc.assess.maximum import frisbee_2015, maximum_probability, search_scale
from tracss_hpc.assess.probability import alfano_2005, chan_1997, foster_1992

Row = dict[str, str]
KM = {"km": 1.0, "m": 1e-3}


def number(row: Row, key: str) -> float:
    return float(row[key])


def plane_of(sx: float, sz: float, xm: float, zm: float, hbr: float) -> Encounters:
    """An encounter of which only the plane is known: the larger sigma becomes x."""
    if sx < sz:
        sx, sz, xm, zm = sz, sx, zm, xm
    blank = {name: np.full(1, np.nan) for name in Encounters.__dataclass_fields__}
    given = {"sigma_x_km": sx, "sigma_z_km": sz, "hbr_km": hbr}
    given |= {"miss_x_km": abs(xm), "miss_z_km": abs(zm), "status": 0}
    return Encounters(**(blank | {name: np.array([x]) for name, x in given.items()}))  # type: ignore[arg-type]


def without(pairs: Pairs, *, covariance: int) -> Pairs:
    nan = np.full((1, 6), np.nan)
    return pairs._replace(**{f"covariance{covariance}": nan})


@pytest.mark.parametrize("row", truth_rows("pc2d_grid_truth.csv", "case_id"))
def test_grid(row: Row) -> None:
    e = plane_of(*(number(row, key) for key in ("sx", "sz", "xm", "zm", "R")))
    assert foster_1992(e)[0] == pytest.approx(number(row, "Pc_truth"), rel=1e-11, abs=0)


@pytest.mark.parametrize("row", truth_rows("variants_dev.csv", "case_id"))
def test_variants(row: Row) -> None:
    pairs, hbr = inertial_pairs([row], 1e-3), [number(row, "HBR_m") * 1e-3]
    e = find_encounters(*pairs, hbr)
    floor = max(1e-8, 20.0 * number(row, "cond_floor"))
    pc, search = foster_1992(e), search_scale(e)
    assert pc[0] == pytest.approx(number(row, "Pc_circle"), rel=floor)
    square = foster_1992(e, "square")[0]
    assert square == pytest.approx(number(row, "Pc_square_erf"), rel=floor)
    assert square >= pc[0]
    assert e.mahalanobis_at_linear_tca[0] == pytest.approx(number(row, "mahal3d"), rel=2e-6)
    assert e.mahalanobis_in_plane[0] == pytest.approx(number(row, "mahal2d"), rel=1e-7)
    assert e.tca_shift_s[0] == pytest.approx(number(row, "dt_to_TCA_s"), abs=1e-7)
    frisbee = frisbee_2015(e)[0]
    assert frisbee == pytest.approx(number(row, "Frisbee_CARA_rule"), rel=1e-7)
    for lost, key in ((2, "Frisbee_keep_C1"), (1, "Frisbee_keep_C2")):
        alone = find_encounters(*without(pairs, covariance=lost), hbr)
        assert frisbee_2015(alone)[0] == pytest.approx(number(row, key), rel=1e-7)
        assert math.isnan(foster_1992(alone)[0])
    assert search.probability[0] == pytest.approx(number(row, "PcMax_scale_both"), rel=1e-8)
    assert search.factor[0] == pytest.approx(number(row, "Sf_at_max"), rel=1e-6)
    assert scale_dilution(pc, search)[0] == number(row, "diluted_scale_rule")
    assert alfano_dilution(e)[0] == number(row, "diluted_alfano_rule")
    assert maximum_probability(e, pc)[0] == max(pc[0], frisbee)


@pytest.mark.parametrize("row", truth_rows("tracss_ivv_rows.csv", "run_id", "conj_id"))
def test_tracss_verification_key(row: Row) -> None:
    """1 m in the spherical key; the radii of the discrete one are only implied, to five digits."""
    pairs = verification_pairs([row])
    e = find_encounters(*pairs, [1e-3])
    assert e.mahalanobis_distance[0] == pytest.approx(number(row, "mdistance"), rel=2e-6)
    assert alfano_dilution(e)[0] == number(row, "dilution")
    pc, key = foster_1992(e)[0], number(row, "prob")
    if e.status[0] == 5:  # 50,000 km in track, the mark of no information: we give no Pc
        assert math.isnan(pc)
        assert key == 1e-10
        return
    assert pc == pytest.approx(number(row, "own_Pc_R1m"), rel=1e-5, abs=0)
    if row["own_implied_combined_HBR_m"]:
        implied = find_encounters(*pairs, [number(row, "own_implied_combined_HBR_m") * 1e-3])
        assert foster_1992(implied)[0] == pytest.approx(key, rel=2e-4)
    if row["key"].startswith("spherical"):
        assert max(pc, 1e-10) == pytest.approx(key, rel=1e-5)  # the key's floor


@pytest.mark.parametrize("row", truth_rows("cara_cdm53_expected.csv", "Conjunction_ID"))
def test_cara_events(row: Row) -> None:
    """1.7e-8 is how far CARA's own numbers are from the truth."""
    path = Path(row["folder"]) / "cdm" / f"{row['Conjunction_ID']}.cdm"
    pairs, hbr_m = read_cdm(path)
    assert hbr_m == number(row, "HBR_m")
    e = find_encounters(*pairs, [hbr_m * 1e-3])
    assert foster_1992(e)[0] == pytest.approx(number(row, "Pc2D"), rel=1e-6, abs=0)
    assert e.mahalanobis_in_plane[0] == pytest.approx(number(row, "own_maha2d"), rel=1e-6)
    assert e.tca_shift_s[0] == pytest.approx(number(row, "own_dt_linTCA_s"), rel=1e-4, abs=1e-9)
    given = find_encounters(*as_given(pairs), [hbr_m * 1e-3])
    assert foster_1992(given)[0] == pytest.approx(number(row, "Pc2D_NoAdj"), rel=1e-6, abs=0)
    corrected = find_encounters(*pairs, [hbr_m * 1e-3], responses_km=read_responses(path))
    assert corrected.correlated[0]
    assert foster_1992(corrected)[0] == pytest.approx(number(row, "own_Pc2D_DCP"), rel=1e-6)


@pytest.mark.parametrize("row", truth_rows("alfano2009_expected.csv", "case"))
def test_alfano_2009(row: Row) -> None:
    states = [
        state.values[0]
        for state in truth_rows("alfano2009_states.csv", "case", "epoch")
        if state.id == f"{row['case']}-TCA"
    ]
    e = find_encounters(*inertial_pairs(states, 1e-3), [number(row, "HBR_m") * 1e-3])
    pc = foster_1992(e)[0]
    assert pc == pytest.approx(number(row, "truth2d_linTCA"), rel=1e-8)
    assert pc == pytest.approx(number(row, "CARA_Pc2D"), rel=1e-6)
    assert e.mahalanobis_in_plane[0] == pytest.approx(number(row, "maha2d_linTCA"), rel=1e-8)
    assert e.mahalanobis_distance[0] == pytest.approx(number(row, "maha3d"), rel=2e-6)


@pytest.mark.parametrize("row", truth_rows("conj_eci_cara_unit.csv", "case_id", "quantity"))
def test_cara_unit_cases(row: Row) -> None:
    if row["quantity"] in ("Nc3D_Hall", "none") or row["quantity"].startswith("tau"):
        pytest.skip(f"not a 2-D probability: {row['quantity']}")
    if row["case_id"] == "NPD2":
        pytest.skip("a negative variance in RTN is refused: test_clipped_unit_cases")
    km = KM[row["unit"]]
    pairs, hbr = inertial_pairs([row], km), [number(row, "HBR") * km]
    # These values take |r| as the miss; the states of OMI2 are 0.5 m (36 us) off TCA.
    e = find_encounters(*as_given(pairs), hbr)
    if row["quantity"] == "IsRemediated":
        assert e.status[0] == 1
        return
    area = {"Pc_square": "square", "Pc_squareEquArea": "square_equal_area"}
    got = foster_1992(e, area.get(row["quantity"], "circle"))[0]
    truth = row["own_truth_mpmath"] or row["expected"]
    tolerance = 1e-5 if row["quantity"].startswith("Pc_square") else 1e-6
    assert got == pytest.approx(float(truth), rel=tolerance, abs=1e-300)


@pytest.mark.parametrize("row", truth_rows("pc2d_plane_orekit.csv", "case_id"))
def test_methods_of_orekit(row: Row) -> None:
    """Chan of case 5 of Alfano: the whole series, where the printed value stops early."""
    e = plane_of(*(number(row, key) for key in ("sx", "sy", "xm", "ym", "R")))
    assert foster_1992(e)[0] == pytest.approx(number(row, "truth_mpmath"), rel=1e-11)
    assert chan_1997(e)[0] == pytest.approx(number(row, "chan_own"), rel=1e-9)
    assert alfano_2005(e)[0] == pytest.approx(number(row, "truth_mpmath"), rel=2e-5)
    if row["name"] != "CDM test case 2":  # there the printed value has lost digits, 1 - 1
        printed = number(row, "exp_Alfano2005")
        assert alfano_2005(e)[0] == pytest.approx(printed, abs=number(row, "tol_Alfano2005"))
    if row["name"] != "Alfano test case 5":
        printed = number(row, "exp_Chan1997")
        assert chan_1997(e)[0] == pytest.approx(printed, abs=number(row, "tol_Chan1997"))


@pytest.fixture(scope="module")
def kelvins_truth() -> dict[str, Row]:
    rows = (p.values[0] for p in truth_rows("armellin2170_own.csv", "ID"))
    return {row["ID"]: row for row in rows if row}  # type: ignore[call-overload,index,misc]


@pytest.mark.parametrize("row", truth_rows("armellin2170.csv", "ID"))
def test_kelvins(row: Row, kelvins_truth: dict[str, Row]) -> None:
    """Conjunctions of ESA's Kelvins challenge, against an independent quadrature."""
    elements = {name.split()[0]: name for name in row if "_c_" in name}
    states, covariances = [], []
    for k in "ps":
        axes = [f"{k}_j2k_{axis} [km]" for axis in "xyz"]
        axes += [f"{k}_j2k_v{axis} [km/s]" for axis in "xyz"]
        states.append(np.array([[number(row, axis) for axis in axes]]))
        order = [elements[f"{k}_c_{ij}"] for ij in ("rr", "rt", "tt", "rn", "tn", "nn")]
        covariances.append(np.array([[number(row, name) for name in order]]))
    e = find_encounters(*states, *covariances, [number(row, "R [km]")])
    truth = kelvins_truth[row["ID"]]
    assert foster_1992(e)[0] == pytest.approx(number(truth, "own_Pc_quad"), rel=1e-8)
    assert e.mahalanobis_in_plane[0] ** 2 == pytest.approx(number(truth, "own_mahal2"), rel=1e-8)


@pytest.mark.parametrize("row", truth_rows("frisbee_unit.csv", "test", "HBR_m", "mode"))
def test_frisbee_unit_cases(row: Row) -> None:
    path = Path(row["folder"]) / "cdm" / row["cdm"]
    if not path.is_file():
        pytest.skip(f"reference data not found: {path}")
    pairs, _ = read_cdm(path)
    for k in (1, 2):
        if row["mode"].startswith(f"cov{k} missing"):
            pairs = without(pairs, covariance=k)
    e = find_encounters(*as_given(pairs), [number(row, "HBR_m") * 1e-3])
    got = frisbee_2015(e)[0]
    assert got == pytest.approx(number(row, "own_circle"), rel=1e-6)
    expected = number(row, "expected")
    if row["tol"] == ">=":
        assert got >= expected * (1.0 - 1e-4)
    elif row["tol"].startswith("abs"):
        assert got == pytest.approx(expected, abs=float(row["tol"].split()[1]))
    else:
        equal = frisbee_2015(e, "square_equal_area")[0]
        assert equal == pytest.approx(number(row, "own_square"), rel=1e-6)
        assert equal == pytest.approx(expected, rel=float(row["tol"].split()[1]))


@pytest.mark.parametrize("row", truth_rows("maxpc_dilution_87.csv", "case", "HBR_m"))
def test_largest_probability_and_dilution(row: Row) -> None:
    """CARA's PcDilution shifts to the linear TCA, its FrisbeeMaxPc does not."""
    path = Path(row["folder"]) / "cdm" / f"{row['case']}.cdm"
    if not path.is_file():
        pytest.skip(f"reference data not found: {path}")
    pairs, _ = read_cdm(path)
    hbr = [number(row, "HBR_m") * 1e-3]
    e, given = find_encounters(*pairs, hbr), find_encounters(*as_given(pairs), hbr)
    pc, search = foster_1992(e), search_scale(e)
    tail = 1e-5 if number(row, "own_Pc") < 1e-40 else 1e-6  # conditioning
    assert foster_1992(given)[0] == pytest.approx(number(row, "own_Pc"), rel=tail, abs=1e-300)
    assert frisbee_2015(given)[0] == pytest.approx(number(row, "own_Frisbee_both"), rel=1e-6)
    if "Frisbee" not in row["case"]:  # there CARA's code compares K as vectors
        assert frisbee_2015(given)[0] == pytest.approx(number(row, "cara_Frisbee_both"), rel=1e-6)
    sound = "NonPD" not in row["case"]
    for lost in (1, 2):
        key = f"own_Frisbee_noCov{lost}"
        # K of a covariance of rank 1 has no meaning (object 2 of these two).
        if lost == 2 or (sound and "Frisbee" not in row["case"]):
            alone = find_encounters(*as_given(without(pairs, covariance=lost)), hbr)
            assert frisbee_2015(alone)[0] == pytest.approx(number(row, key), rel=1e-6)
    assert scale_dilution(pc, search)[0] == number(row, "cara_dil_flag_both")
    if sound:
        largest = number(row, "own_PcMax_both")
        assert search.probability[0] == pytest.approx(largest, rel=1e-7)
        cara = number(row, "cara_dil_PcMax_both_full")
        assert search.probability[0] == pytest.approx(cara, rel=1e-3)
        assert search.factor[0] == pytest.approx(number(row, "own_Sf_both"), rel=1e-5)


@pytest.mark.parametrize("row", truth_rows("tca_refine_cases.csv", "case"))
def test_linear_tca(row: Row) -> None:
    """CARA's linear TCA refinement, up to 497 s, printed to a millisecond."""
    states = [
        np.array([[number(row, f"{q}{axis}{k}") for q in ("", "v") for axis in "xyz"]])
        for k in "12"
    ]
    unit = np.array([[1.0, 0.0, 1.0, 0.0, 0.0, 1.0]])
    e = find_encounters(*states, unit, unit, [0.01])
    assert e.tca_shift_s[0] == pytest.approx(number(row, "expected_dTCA_s"), abs=6e-4)
    assert e.plane_miss_km[0] == pytest.approx(number(row, "miss_after_linear"), abs=1e-5)
