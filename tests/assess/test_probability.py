"""Collision probability: the registry, limits, and public reference events."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from tests.assess.reference_rows import Pairs, column, inertial_pairs, read_rows
from tests.assess.test_encounter import HBR, PAIR, random_pairs
from tests.oracles import pc
from tracss_hpc.assess.encounter import find_encounters
from tracss_hpc.assess.probability import (
    PROBABILITY_METHODS,
    chan_1997,
    collision_probability,
    foster_1992,
)
from tracss_hpc.errors import ConfigError

NAN_ROW = np.full((1, 6), math.nan)
FAULTS = {
    "covariance missing": (PAIR._replace(covariance1=NAN_ROW), HBR),
    "covariance zero": (PAIR._replace(covariance2=np.zeros((1, 6))), HBR),
    "both covariances zero": (
        PAIR._replace(covariance1=np.zeros((1, 6)), covariance2=np.zeros((1, 6))),
        HBR,
    ),
    "covariance without information": (
        PAIR._replace(covariance1=np.array([[1e10, 0.0, 1e10, 0.0, 0.0, 1e10]])),
        HBR,
    ),
    "negative variance": (PAIR._replace(covariance2=-PAIR.covariance2), HBR),
    "no relative velocity": (PAIR._replace(state2=PAIR.state1 + np.array([0.1, *[0.0] * 5])), HBR),
    "state missing": (PAIR._replace(state1=NAN_ROW), HBR),
    "state infinite": (PAIR._replace(state1=np.full((1, 6), math.inf)), HBR),
    "radius missing": (PAIR, np.array([math.nan])),
    "radius negative": (PAIR, -HBR),
}


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


def test_registry_has_each_method(rng: np.random.Generator) -> None:
    """On disks small against sigma all agree; each is its own function."""
    e = find_encounters(*random_pairs(rng, 200), np.full(200, 1e-3))
    exact = collision_probability(e)
    for name, function in PROBABILITY_METHODS.items():
        got = collision_probability(e, name)
        np.testing.assert_array_equal(got, function(e))
        near = exact > 1e-9
        assert near.sum() > 20
        np.testing.assert_allclose(got[near], exact[near], rtol=2e-3)


def test_chan_equals_his_series(rng: np.random.Generator) -> None:
    e = find_encounters(*random_pairs(rng, 300), rng.uniform(0.01, 1.0, 300))
    got = chan_1997(e)
    chosen = np.flatnonzero(e.mahalanobis_in_plane < 8.0)[:40]
    assert len(chosen) > 10
    for k in chosen:
        row = (e.sigma_x_km[k], e.sigma_z_km[k], e.miss_x_km[k], e.miss_z_km[k], e.hbr_km[k])
        assert got[k] == pytest.approx(pc.chan_series(*row), rel=1e-9, abs=0)


def test_areas(rng: np.random.Generator) -> None:
    """The square around the circle never has less; the small one of equal area nearly the same."""
    e = find_encounters(*random_pairs(rng, 500), 10.0 ** rng.uniform(-4, 2, 500))
    circle, square = foster_1992(e), foster_1992(e, "square")
    assert (square >= circle * (1.0 - 1e-11)).all()
    assert (square <= 1.0).all()
    small = find_encounters(*PAIR, [1e-4])
    assert foster_1992(small, "square")[0] == pytest.approx(
        foster_1992(small)[0] * 4.0 / math.pi, rel=1e-5
    )
    equal = collision_probability(small, area="square_equal_area")[0]
    assert equal == pytest.approx(foster_1992(small)[0], rel=1e-6)


def test_an_unknown_area_is_refused() -> None:
    e = find_encounters(*PAIR, HBR)
    with pytest.raises(ConfigError, match="'disk'") as info:
        collision_probability(e, area="disk")
    assert info.value.given == "disk"
    with pytest.raises(ConfigError, match="CHAN-1997 has no area 'square'") as info:
        collision_probability(e, "CHAN-1997", area="square")
    assert info.value.allowed == ("circle",)


def test_metres_and_kilometres(rng: np.random.Generator) -> None:
    """A power of ten changes only rounding."""
    p, hbr = random_pairs(rng, 200), np.full(200, 0.02)
    scaled = Pairs(p.state1 * 1e3, p.state2 * 1e3, p.covariance1 * 1e6, p.covariance2 * 1e6)
    far = find_encounters(*scaled, hbr * 1e3)
    near = find_encounters(*p, hbr)
    usable = far.status == 0  # ten Earth radii in km are 64 km when read as m
    assert usable.all()
    for method in PROBABILITY_METHODS:
        a, b = collision_probability(near, method), collision_probability(far, method)
        tolerance = 1e-10 * (1.0 + np.abs(np.log(np.maximum(a, 1e-300))))
        assert (np.abs(a - b) <= tolerance * a).all()


@pytest.mark.parametrize("method", PROBABILITY_METHODS)
@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_blank_and_flagged(method: str, fault: str) -> None:
    """Warnings are errors here: a bad row is NaN with a status from 2 on, and no noise."""
    pairs, hbr = FAULTS[fault]
    e = find_encounters(*pairs, hbr)
    assert e.status[0] >= 2
    assert np.isnan(collision_probability(e, method)[0])


@pytest.mark.parametrize("method", PROBABILITY_METHODS)
def test_huge_radii(method: str) -> None:
    """Chan's is exact for a round Gaussian and no worse here; at infinity all are 1."""
    for hbr in (1e3, 1e6, 1e12, math.inf):
        e = find_encounters(*PAIR, [hbr])
        got = collision_probability(e, method)[0]
        assert got == pytest.approx(1.0, abs=1e-2 if method == "ALFANO-2005" else 1e-12)
    e = find_encounters(*PAIR, [math.inf])
    assert collision_probability(e, method)[0] == 1.0
