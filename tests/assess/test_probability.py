"""Collision probability: the registry, limits, and public reference events."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from tests.assess.reference_rows import Pairs, column, inertial_pairs, read_cdm, read_rows
from tests.assess.test_encounter import HBR, PAIR, random_pairs, verification_pairs
from tests.oracles import pc
from tracss_hpc.assess.encounter import find_encounters
from tracss_hpc.assess.probability import PROBABILITY_METHODS, collision_probability, foster_1992
from tracss_hpc.errors import ConfigError


def probability(pairs: Pairs, hbr_km: object) -> np.ndarray:
    return collision_probability(find_encounters(*pairs, hbr_km))


def test_crossing_orbits_by_hand() -> None:
    """A disk of 10 m far smaller than the sigmas: density at the centre times its area."""
    e = find_encounters(*PAIR, HBR)
    sigma_x, sigma_z = math.sqrt(5.34 / 2.0), math.sqrt(0.05)
    exponent = 0.5 * ((0.05**2 / 2.0) / sigma_x**2 + 0.1**2 / sigma_z**2)
    expected = 0.01**2 / (2.0 * sigma_x * sigma_z) * math.exp(-exponent)
    assert foster_1992(e)[0] == pytest.approx(expected, rel=2e-3)
    oracle = pc.circle_probability(
        e.sigma_x_km[0], e.sigma_z_km[0], e.miss_x_km[0], e.miss_z_km[0], 0.01
    )
    assert foster_1992(e)[0] == pytest.approx(oracle, rel=1e-12)


def test_registry_names_the_default_and_refuses_others() -> None:
    e = find_encounters(*PAIR, HBR)
    assert PROBABILITY_METHODS["FOSTER-1992"] is foster_1992
    assert collision_probability(e)[0] == collision_probability(e, "FOSTER-1992")[0]
    with pytest.raises(ConfigError, match="'FOSTER'") as info:
        collision_probability(e, "FOSTER")
    assert info.value.given == "FOSTER"
    assert "FOSTER-1992" in info.value.allowed


def test_radius_from_nothing_to_everything() -> None:
    """0 at no radius, rising, 1 at an infinite one; blank, not 0, where there is no radius."""
    radii = np.array([0.0, 1e-6, 1e-3, 0.01, 0.1, 1.0, 10.0, 100.0, math.inf, math.nan])
    got = probability(Pairs(*(np.tile(a, (10, 1)) for a in PAIR)), radii)
    assert got[0] == 0.0
    assert (np.diff(got[:8]) > 0.0).all()
    assert got[7] == pytest.approx(1.0, rel=1e-14)
    assert got[8] == 1.0
    assert (got[:9] <= 1.0).all()
    assert np.isnan(got[9])


def test_exchange_and_rotation(rng: np.random.Generator) -> None:
    p = random_pairs(rng, 300)
    hbr = np.full(300, 0.02)
    got = probability(p, hbr)
    assert (got > 0.0).any()
    swapped = probability(Pairs(p.state2, p.state1, p.covariance2, p.covariance1), hbr)
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    block = np.kron(np.eye(2), q * np.linalg.det(q))
    turned = probability(p._replace(state1=p.state1 @ block.T, state2=p.state2 @ block.T), hbr)
    # Rounding of the projection, amplified by the exponent: relative to ln Pc.
    tolerance = 1e-10 * (1.0 + np.abs(np.log(np.maximum(got, 1e-300))))
    for other in (swapped, turned):
        assert (np.abs(other - got) <= tolerance * got).all()


def test_far_away_is_zero_and_not_blank() -> None:
    far = PAIR.state2.copy()
    far[0, 0] += 500.0
    assert probability(PAIR._replace(state2=far), HBR)[0] == 0.0


def test_variants(shared_data: Path) -> None:
    """120 public events, rotated, scaled, exchanged, off TCA: 1e-6 or the conditioning's floor."""
    rows = read_rows(shared_data / "pc" / "variants_dev.csv")
    truth = column(rows, "Pc_circle")
    got = probability(inertial_pairs(rows, 1e-3), column(rows, "HBR_m") * 1e-3)
    error = np.abs(got / truth - 1.0)
    assert (error <= np.maximum(1e-6, 20.0 * column(rows, "cond_floor"))).all()
    assert np.median(error) < 1e-10


def test_tracss_verification_key(shared_data: Path) -> None:
    """Rows of the key with 0.5 m radii, above its floor of 1e-10; the key is 2 to 6e-6 high."""
    rows = read_rows(shared_data / "pc" / "tracss_ivv_rows.csv")
    got = probability(verification_pairs(rows), np.full(len(rows), 1e-3))
    key = column(rows, "prob")
    spherical = np.array([row["key"].startswith("spherical") for row in rows])
    above = spherical & (key > 1.000001e-10)
    assert above.sum() >= 4
    np.testing.assert_allclose(got[above], key[above], rtol=1e-5)
    assert (got[spherical & ~above] < 1e-10).all()


def test_alfano_2009(shared_data: Path) -> None:
    """Alfano AAS 09-233, seven cases: 2-D truth of 30 digits."""
    states = [
        row
        for row in read_rows(shared_data / "pc" / "alfano2009_states.csv")
        if row["epoch"] == "TCA"
    ]
    expected = read_rows(shared_data / "pc" / "alfano2009_expected.csv")
    assert [row["case"] for row in states] == [row["case"] for row in expected]
    got = probability(inertial_pairs(states, 1e-3), column(expected, "HBR_m") * 1e-3)
    np.testing.assert_allclose(got, column(expected, "truth2d_linTCA"), rtol=1e-8)
    np.testing.assert_allclose(got, column(expected, "CARA_Pc2D"), rtol=1e-6)


def test_published_cdms(shared_data: Path) -> None:
    """26 of NASA CARA's test events from their CDMs: the circle with the CDM's combined radius."""
    folder = shared_data / "pc" / "cdm"
    checked = 0
    for row in read_rows(shared_data / "pc" / "cara_cdm53_expected.csv"):
        pairs, hbr_m = read_cdm(folder / f"{row['Conjunction_ID']}.cdm")
        assert hbr_m == float(row["HBR_m"])
        got = probability(pairs, [hbr_m * 1e-3])[0]
        # 1.7e-8 is how far CARA's own numbers are from the truth.
        assert got == pytest.approx(float(row["Pc2D"]), rel=1e-6, abs=0), row["Conjunction_ID"]
        checked += 1
    assert checked == 26


def test_cara_unit_cases(shared_data: Path) -> None:
    """Without OMI2: its states are 0.5 m (36 us) off TCA and its value takes |r| as the miss."""
    rows = [
        row
        for row in read_rows(shared_data / "pc" / "conj_eci_cara_unit.csv")
        if row["quantity"].startswith("Pc_circle")
        and row["own_truth_mpmath"]
        and row["case_id"] not in ("OMI2", "NPD1", "NPD2")
    ]
    km = np.array([{"km": 1.0, "m": 1e-3}[row["unit"]] for row in rows])
    hbr = column(rows, "HBR") * km
    got = probability(inertial_pairs(rows, km), hbr)
    np.testing.assert_allclose(got, column(rows, "own_truth_mpmath"), rtol=1e-6, atol=1e-300)


def test_cara_unit_cases_that_are_clipped(shared_data: Path) -> None:
    """Not positive definite: raised, told, Pc = 0; with a negative variance in RTN: refused."""
    rows = [
        row
        for row in read_rows(shared_data / "pc" / "conj_eci_cara_unit.csv")
        if row["quantity"].startswith("Pc_circle") and row["case_id"] in ("NPD1", "NPD2")
    ]
    e = find_encounters(*inertial_pairs(rows, 1e-3), column(rows, "HBR") * 1e-3)
    np.testing.assert_array_equal(e.status, [1, 3])
    np.testing.assert_array_equal(foster_1992(e), [0.0, math.nan])


def test_kelvins_conjunctions(shared_data: Path) -> None:
    """1,085 conjunctions of ESA's Kelvins challenge, against an independent quadrature."""
    rows = read_rows(shared_data / "pc" / "armellin2170.csv")
    truth = read_rows(shared_data / "pc" / "armellin2170_own.csv")
    states, covariances = [], []
    for k in "ps":
        names = [f"{k}_j2k_{axis} [km]" for axis in "xyz"]
        names += [f"{k}_j2k_v{axis} [km/s]" for axis in "xyz"]
        states.append(np.stack([column(rows, name) for name in names], axis=1))
        elements = {name.split()[0]: name for name in rows[0] if name.startswith(f"{k}_c_")}
        order = [elements[f"{k}_c_{ij}"] for ij in ("rr", "rt", "tt", "rn", "tn", "nn")]
        covariances.append(np.stack([column(rows, name) for name in order], axis=1))
    got = probability(Pairs(*states, *covariances), column(rows, "R [km]"))
    assert len(got) == 1085
    np.testing.assert_allclose(got, column(truth, "own_Pc_quad"), rtol=1e-8)
