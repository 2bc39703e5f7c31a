"""All risk columns of states and covariances: blanks, choices, the limit on Nc2D."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.assess.test_encounter import STATE1, STATE2, random_pairs
from tracss_hpc.assess import NC2D_ROW_STATUS, MetricMethods, RiskSettings, risk_columns
from tracss_hpc.assess.alert import AlertRule
from tracss_hpc.assess.nc2d import NC2D_STATUS, nc2d_hall
from tracss_hpc.assess.risk import NC2D_SKIPPED

N_RAD_S = 1.078e-3
BLANK = ("environmental_impact_fragmentation", "catastrophic", "meets_alertable_criteria")


def covariance(sigma_r: float, sigma_t: float, sigma_n: float) -> np.ndarray:
    """CDM lower triangle (21,) [m^2, ...]: velocity errors as along-track position errors give."""
    full = np.diag([sigma_r**2, sigma_t**2, sigma_n**2, 0.0, 1e-6, 1e-6])
    full[3, 1] = full[1, 3] = -N_RAD_S * sigma_t**2
    full[3, 3] = (N_RAD_S * sigma_t) ** 2 + 1e-6
    lower: np.ndarray = full[np.tril_indices(6)]
    return lower


COVARIANCE = covariance(30.0, 200.0, 40.0)


def risk(
    state1: Any = STATE1, state2: Any = STATE2, cov: Any = COVARIANCE, **change: Any
) -> dict[str, np.ndarray]:
    n = len(state1)
    hbr = change.pop("hbr", 10.0)
    return risk_columns(
        state1,
        state2,
        np.broadcast_to(cov, (n, 21)),
        np.broadcast_to(COVARIANCE, (n, 21)),
        np.full(n, hbr),
        np.zeros(n),
        **change,
    )


def slow_pairs(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Crossings at 40 m/s at growing misses: all are in doubt."""
    state1 = np.repeat(STATE1, n, axis=0)
    state2 = state1.copy()
    state2[:, 0] += 0.02 + 0.03 * np.arange(n)
    state2[:, 5] += 0.04
    return state1, state2


def test_blank_without_masses_rule_and_doubt() -> None:
    c = {name: values[0] for name, values in risk().items()}
    assert all(np.isnan(c[name]) for name in BLANK)
    assert np.isnan(c["nc2d"])
    assert (c["nc2d_status"], c["in_doubt"], c["correlated"]) == (-1, 0, 0)
    assert 0.0 < c["collision_probability"] <= c["collision_max_probability"]
    assert c["collision_probability"] <= c["dilution_pc_max"]
    assert c["dilution_significance"] == pytest.approx(
        np.log10(c["collision_max_probability"] / c["collision_probability"])
    )
    assert c["tau0"] < 0.0 < c["tau1"]


def test_refused_rows_are_blank_never_zero() -> None:
    c = risk(hbr=np.nan, mass1_kg=[500.0], mass2_kg=[np.nan])
    names = ("collision_probability", "collision_max_probability", "dilution_significance",
             "dilution_scale_factor", "dilution_pc_max", "nc2d", "inaccurate", *BLANK)  # fmt: skip
    assert c["encounter_status"][0] == 8
    for name in names:
        assert np.isnan(c[name][0]), name
    assert np.isfinite(c["mahalanobis_distance"][0])
    nothing = risk(cov=np.full(21, np.nan))
    assert nothing["encounter_status"][0] == 2
    for name in (*names[:1], "dilution_status", "mahalanobis_distance", "sat1_sigma_r", "tau0"):
        assert np.isnan(nothing[name][0]), name


def test_fragments_and_alert() -> None:
    rule = AlertRule(min_pc=1e-6, max_miss_m=5000.0)
    c = risk(mass1_kg=[500.0], mass2_kg=[800.0], settings=RiskSettings(alert=rule))
    assert c["catastrophic"][0] == 1.0
    expected = round(0.1 * 1300.0**0.75 * 0.05**-1.71)
    assert c["environmental_impact_fragmentation"][0] == expected
    assert c["meets_alertable_criteria"][0] == 1.0
    far = risk(settings=RiskSettings(alert=AlertRule(max_miss_m=1.0)))
    assert far["meets_alertable_criteria"][0] == 0.0


def test_scale_factors_multiply_sigmas() -> None:
    plain, scaled = risk(), risk(settings=RiskSettings(kp=2.0, ks=0.5))
    for axis in "rtn":
        assert scaled[f"sat1_sigma_{axis}"][0] == 2.0 * plain[f"sat1_sigma_{axis}"][0]
        assert scaled[f"sat2_sigma_{axis}"][0] == 0.5 * plain[f"sat2_sigma_{axis}"][0]
    np.testing.assert_array_equal(scaled["sat1_covariance"], 4.0 * plain["sat1_covariance"])
    assert scaled["collision_probability"][0] != plain["collision_probability"][0]


def test_square_is_never_below_the_circle(rng: np.random.Generator) -> None:
    pairs = random_pairs(rng, 50)
    circle = risk(pairs.state1, pairs.state2)
    methods = MetricMethods(area="square", dilution="SCALE")
    square = risk(pairs.state1, pairs.state2, settings=RiskSettings(methods))
    assert (square["collision_probability"] >= circle["collision_probability"]).all()


def test_density_error_is_taken_off_only_if_asked() -> None:
    response = np.array([[0.02, 0.15, 0.0, 0.0, 0.0, 0.0]])
    blank = np.full((1, 6), np.nan)
    plain = risk()
    asked = RiskSettings(dcp=True)
    corrected = risk(responses_km=(response, response), settings=asked)
    assert corrected["correlated"][0] == 1
    assert corrected["collision_probability"][0] != plain["collision_probability"][0]
    for other in (
        risk(responses_km=(response, response)),
        risk(responses_km=(response, blank), settings=asked),
        risk(settings=asked),
    ):
        assert other["correlated"][0] == 0
        assert other["collision_probability"][0] == plain["collision_probability"][0]


def test_nc2d_of_rows_in_doubt() -> None:
    state1, state2 = slow_pairs(3)
    c = risk(state1, state2)
    assert c["in_doubt"].tolist() == [1, 1, 1]
    km2 = np.broadcast_to(COVARIANCE * 1e-6, (3, 21))
    curved = nc2d_hall(state1, state2, km2, km2, np.full(3, 0.01))
    np.testing.assert_allclose(c["nc2d"], curved.nc2d, rtol=5e-6)
    assert c["nc2d_status"].tolist() == curved.status.tolist()
    assert set(NC2D_STATUS) < set(NC2D_ROW_STATUS)


@pytest.mark.parametrize(("limit", "computed"), [(0, 0), (1, 1), (3, 3)])
def test_no_more_nc2d_than_asked_for_riskiest_first(limit: int, computed: int) -> None:
    state1, state2 = slow_pairs(4)
    c = risk(state1, state2, settings=RiskSettings(nc2d_max=limit))
    skipped = c["nc2d_status"] == NC2D_SKIPPED
    assert skipped.sum() == 4 - computed
    assert np.isnan(c["nc2d"][skipped]).all()
    if computed:
        assert c["dilution_pc_max"][skipped].max() <= c["dilution_pc_max"][~skipped].min()


def test_little_at_stake_asks_for_no_nc2d() -> None:
    state1, state2 = slow_pairs(2)
    c = risk(state1, state2, settings=RiskSettings(nc2d_min_pcmax=1.0))
    assert (c["in_doubt"].tolist(), c["nc2d_status"].tolist()) == ([1, 1], [-1, -1])


def test_no_rows() -> None:
    none = np.zeros((0, 6))
    assert all(len(column) == 0 for column in risk(none, none).values())
