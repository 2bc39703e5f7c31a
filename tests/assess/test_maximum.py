"""Largest probability and dilution: by hand, limits, invariances, faults."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.assess.reference_rows import Pairs
from tests.assess.test_encounter import HBR, PAIR, random_pairs
from tests.assess.test_probability import FAULTS, NAN_ROW
from tracss_hpc.assess.dilution import alfano_dilution, dilution_significance, scale_dilution
from tracss_hpc.assess.encounter import Encounters, find_encounters
from tracss_hpc.assess.maximum import (
    MAX_PROBABILITY_METHODS,
    alfano_maximum,
    frisbee_2015,
    maximum_probability,
    search_scale,
)
from tracss_hpc.assess.metrics import MetricMethods, risk_metrics
from tracss_hpc.assess.probability import PC_AREAS, foster_1992
from tracss_hpc.errors import ConfigError


def far_pairs(factor: float) -> Encounters:
    """The crossing orbits with all position covariances times factor^2, radius 1 m."""
    c1, c2 = (c * factor**2 for c in (PAIR.covariance1, PAIR.covariance2))
    return find_encounters(PAIR.state1, PAIR.state2, c1, c2, [1e-3])


def test_alfano_by_hand() -> None:
    """R^2 sigma_x / (e m^2 sigma_z) for a small disk."""
    e = find_encounters(*PAIR, [1e-5])
    expected = 1e-10 * e.sigma_x_km / (math.e * e.plane_miss_km**2 * e.sigma_z_km)
    assert alfano_maximum(e)[0] == pytest.approx(expected[0], rel=1e-6)


@pytest.mark.parametrize(("factor", "diluted"), [(0.02, 0.0), (0.04, 0.0), (0.5, 1.0), (3.0, 1.0)])
def test_dilution_turns_with_the_size_of_the_covariance(factor: float, diluted: float) -> None:
    """Miss 106 m; sigma_x 1.63 km, 2-D distance 0.45 at factor 1."""
    e = far_pairs(factor)
    pc, search = foster_1992(e), search_scale(e)
    assert alfano_dilution(e)[0] == diluted
    assert search.factor[0] == pytest.approx(e.mahalanobis_in_plane[0] / math.sqrt(2.0), rel=1e-3)
    assert scale_dilution(pc, search)[0] == float(e.mahalanobis_in_plane[0] < math.sqrt(2.0))


def test_significance_is_the_ratio_of_the_printed_pair() -> None:
    pc = np.array([1e-6, 2e-4, 0.0, math.nan, 1e-5])
    largest = np.array([1e-3, 2e-4, 1e-3, 1e-3, math.nan])
    got = dilution_significance(pc, largest)
    np.testing.assert_allclose(got, [3.0, 0.0, math.nan, math.nan, math.nan], atol=1e-15)


@pytest.mark.parametrize("area", PC_AREAS)
@pytest.mark.parametrize("method", MAX_PROBABILITY_METHODS)
def test_never_below_pc(rng: np.random.Generator, method: str, area: str) -> None:
    e = find_encounters(*random_pairs(rng, 400), 10.0 ** rng.uniform(-4, 0, 400))
    pc = foster_1992(e, area)
    largest = maximum_probability(e, pc, method, area=area)
    assert (largest >= pc).all()
    assert (largest <= 1.0).all()
    assert (largest > pc).any()


def test_worst_orientation_beats_the_scale_alone(rng: np.random.Generator) -> None:
    e = find_encounters(*random_pairs(rng, 400), np.full(400, 1e-3))
    assert (alfano_maximum(e) >= search_scale(e).probability * (1.0 - 1e-9)).all()


@pytest.mark.parametrize("method", MAX_PROBABILITY_METHODS)
def test_exchange_rotation_and_unit(rng: np.random.Generator, method: str) -> None:
    p, hbr = random_pairs(rng, 300), np.full(300, 0.01)

    def largest(pairs: Pairs, unit: float = 1.0) -> np.ndarray:
        return MAX_PROBABILITY_METHODS[method](find_encounters(*pairs, hbr * unit), "circle")

    got = largest(p)
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    block = np.kron(np.eye(2), q * np.linalg.det(q))
    for other in (
        largest(Pairs(p.state2, p.state1, p.covariance2, p.covariance1)),
        largest(p._replace(state1=p.state1 @ block.T, state2=p.state2 @ block.T)),
        largest(Pairs(*(a * 1e3 for a in p[:2]), *(c * 1e6 for c in p[2:])), 1e3),
    ):
        np.testing.assert_allclose(other, got, rtol=1e-6)


def test_frisbee_where_one_covariance_alone_is_good() -> None:
    """Pc is blank, the largest Pc is not, and it is the same whichever way the other is bad."""
    values = []
    for bad in (NAN_ROW, np.zeros((1, 6)), -PAIR.covariance1, np.full((1, 6), 1e10)):
        e = find_encounters(*PAIR._replace(covariance1=bad), HBR)
        pc = foster_1992(e)
        assert np.isnan(pc[0])
        values.append(maximum_probability(e, pc)[0])
    assert values[0] > 0.0
    np.testing.assert_allclose(values, values[0], rtol=1e-9)


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_quiet(fault: str) -> None:
    pairs, hbr = FAULTS[fault]
    e = find_encounters(*pairs, hbr)
    metrics = risk_metrics(e, MetricMethods(dilution="SCALE"))
    for name in ("collision_probability", "diluted", "dilution_significance", "dilution_pc_max"):
        assert np.isnan(metrics[name][0]), name


def test_all_metrics_of_one_encounter() -> None:
    e = find_encounters(*PAIR, HBR)
    m = {name: values[0] for name, values in risk_metrics(e).items()}
    assert m["collision_probability"] == foster_1992(e)[0]
    assert m["collision_max_probability"] == max(frisbee_2015(e)[0], m["collision_probability"])
    ratio = m["collision_max_probability"] / m["collision_probability"]
    assert m["dilution_significance"] == pytest.approx(math.log10(ratio), abs=1e-14)
    assert m["diluted"] == 1.0
    assert m["dilution_pc_max"] == search_scale(e).probability[0] > m["collision_probability"]
    assert m["dilution_scale_factor"] < 1.0
    assert m["mahalanobis_distance"] == e.mahalanobis_distance[0]


def test_chosen_methods() -> None:
    e = find_encounters(*PAIR, HBR)
    square = risk_metrics(e, MetricMethods(area="square", maximum="SCALE", dilution="SCALE"))
    assert square["collision_probability"][0] == foster_1992(e, "square")[0]
    assert square["collision_max_probability"][0] == square["dilution_pc_max"][0]


def test_unknown_names_are_refused() -> None:
    e = find_encounters(*PAIR, HBR)
    with pytest.raises(ConfigError, match="'BEST'") as info:
        maximum_probability(e, foster_1992(e), "BEST")
    assert "FRISBEE" in info.value.allowed
    with pytest.raises(ConfigError, match="'OSC'") as info:
        MetricMethods(dilution="OSC")
    assert info.value.given == "OSC"
    with pytest.raises(ConfigError, match="'disk'"):
        search_scale(e, "disk")


def test_no_conjunctions() -> None:
    none = np.zeros((0, 6))
    e = find_encounters(none, none, none, none, np.zeros(0))
    assert all(values.shape == (0,) for values in risk_metrics(e).values())
