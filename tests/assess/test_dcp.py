"""Density cross-correlation: by hand, what it must not touch, and public messages that carry it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from tests.assess.reference_rows import Pairs, column, read_cdm, read_responses, read_rows
from tests.assess.test_encounter import HBR, PAIR, random_pairs
from tracss_hpc.assess.dcp import density_responses
from tracss_hpc.assess.encounter import find_encounters
from tracss_hpc.assess.probability import foster_1992

#: Rotation of the Earth [rad/s], WGS 84 [NIMA TR8350.2].
EARTH_RATE = 7.292115e-5


def test_response_is_sensitivity_times_uncertainty() -> None:
    got = density_responses([[1.0, -2000.0, 30.0]], [0.25])
    np.testing.assert_allclose(got, [[0.25e-3, -0.5, 7.5e-3]], rtol=1e-15)


@pytest.mark.parametrize(
    ("g", "s"),
    [([math.nan, 1.0, 1.0], 0.2), ([1.0, 1.0, 1.0], math.nan), ([1.0, math.inf, 1.0], 0.2),
     ([1.0, 1.0, 1.0], -0.1), ([1.0, 1.0, 1.0], math.inf)],
)  # fmt: skip
def test_incomplete_sets_are_blank(g: list[float], s: float) -> None:
    assert np.isnan(density_responses([g], [s])).all()


def test_no_uncertainty_is_no_correction(rng: np.random.Generator) -> None:
    p, hbr = random_pairs(rng, 40), np.full(40, 0.01)
    g = rng.normal(size=(40, 3)) * 1e3
    responses = (density_responses(g, np.zeros(40)), density_responses(g, np.full(40, 0.2)))
    e, f = find_encounters(*p, hbr), find_encounters(*p, hbr, responses_km=responses)
    assert not f.correlated.any()
    for name in ("sigma_x_km", "sigma_z_km", "mahalanobis_distance"):
        assert getattr(e, name).tobytes() == getattr(f, name).tobytes()


def test_exchange_of_the_objects(rng: np.random.Generator) -> None:
    p, hbr = random_pairs(rng, 100), np.full(100, 0.01)
    g1, g2 = (0.01 * rng.normal(size=(100, 3)) for _ in range(2))
    e = find_encounters(*p, hbr, responses_km=(g1, g2))
    back = Pairs(p.state2, p.state1, p.covariance2, p.covariance1)
    f = find_encounters(*back, hbr, responses_km=(g2, g1))
    np.testing.assert_allclose(e.sigma_z_km, f.sigma_z_km, rtol=1e-8)
    np.testing.assert_allclose(e.mahalanobis_distance, f.mahalanobis_distance, rtol=1e-8)


def test_too_strong_a_correlation_is_clipped_and_told() -> None:
    """Cross terms larger than the covariance leave no positive variance: raised, no crash."""
    g = np.array([[1.0, 0.0, 0.0]])
    e = find_encounters(*PAIR, HBR, responses_km=(g, g))
    assert e.status[0] == 1
    assert math.isnan(e.mahalanobis_distance[0])
    assert foster_1992(e)[0] >= 0.0


def events(folder: Path) -> list[dict[str, str]]:
    return read_rows(folder / "pc" / "cara_cdm53_expected.csv")


def test_published_events(shared_data: Path) -> None:
    """26 events of NASA CARA whose comments carry the sensitivities."""
    rows = events(shared_data)
    got = []
    for row in rows:
        path = shared_data / "pc" / "cdm" / f"{row['Conjunction_ID']}.cdm"
        pairs, hbr_m = read_cdm(path)
        e = find_encounters(*pairs, [hbr_m * 1e-3], responses_km=read_responses(path))
        assert e.correlated[0]
        got.append(foster_1992(e)[0])
    np.testing.assert_allclose(got, column(rows, "own_Pc2D_DCP"), rtol=1e-6)
    ratio = np.array(got) / column(rows, "Pc2D")
    assert ((ratio < 0.5) | (ratio > 2.0)).any()


def test_density_decorrelation_case(shared_data: Path) -> None:
    """An operational message in ITRF: velocities gain omega x r before RTN is built."""
    (row,) = read_rows(shared_data / "pc" / "dcp_cases.csv")
    path = shared_data / "pc" / "cdm" / row["cdm"]
    pairs, _ = read_cdm(path)
    states = []
    for state in (pairs.state1, pairs.state2):
        inertial = state.copy()
        inertial[:, 3] -= EARTH_RATE * state[:, 1]
        inertial[:, 4] += EARTH_RATE * state[:, 0]
        states.append(inertial)
    pairs = pairs._replace(state1=states[0], state2=states[1])
    hbr = [float(row["HBR_m"]) * 1e-3]
    plain = foster_1992(find_encounters(*pairs, hbr))[0]
    e = find_encounters(*pairs, hbr, responses_km=read_responses(path))
    assert plain == pytest.approx(float(row["own_Pc_uncorrected"]), rel=1e-6)
    assert foster_1992(e)[0] == pytest.approx(float(row["own_PcXC"]), rel=1e-6)
    assert foster_1992(e)[0] == pytest.approx(float(row["expected_PcXC"]), rel=5e-3)
