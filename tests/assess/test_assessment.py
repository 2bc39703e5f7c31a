"""All risk columns together: names, units, a hand case, and rows that do not feel each other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.assess.test_encounter import STATE1, STATE2, random_pairs
from tracss_hpc.assess import MetricMethods, RiskSettings, assess_conjunctions
from tracss_hpc.ephemeris.covariance import GP_SIGMA, covariance_table
from tracss_hpc.ephemeris.frames import pole_of_date
from tracss_hpc.ephemeris.osculating import osculating_orbit
from tracss_hpc.epochs import julian_dates, parse_epoch
from tracss_hpc.errors import ConfigError, InputDataError

START = parse_epoch("2025-09-01T12:00:00")
DAY = 86400.0
N_RAD_S = 1.078e-3
STATE_NAMES = ("x", "y", "z", "x_dot", "y_dot", "z_dot")
NAMES = {
    "miss_distance",
    "relative_speed",
    "approach_angle",
    "combined_hbr",
    "collision_probability",
    "collision_max_probability",
    "mahalanobis_distance",
    "mahalanobis_in_plane",
    "dilution_status",
    "dilution_significance",
    "dilution_scale_factor",
    "dilution_pc_max",
    "tau0",
    "tau1",
    "extended",
    "offset",
    "in_doubt",
    "nc2d",
    "inaccurate",
    "nc2d_status",
    "environmental_impact_fragmentation",
    "catastrophic",
    "meets_alertable_criteria",
    "encounter_status",
    "correlated",
    *(
        f"sat{k}_{name}"
        for k in "12"
        for name in (
            *STATE_NAMES,
            *(f"relative_{q}_{axis}" for q in ("position", "velocity") for axis in "rtn"),
            *(f"sigma_{axis}" for axis in "rtn"),
            "covariance",
            "apoapsis_altitude",
            "periapsis_altitude",
            "inclination",
        )
    ),
}

TYPES = {
    **dict.fromkeys(("encounter_status", "nc2d_status"), np.int8),
    **dict.fromkeys(("correlated", "in_doubt"), np.uint8),
    **dict.fromkeys(
        (
            "mahalanobis_in_plane",
            "dilution_status",
            "dilution_scale_factor",
            "tau0",
            "tau1",
            "extended",
            "offset",
            "inaccurate",
            "environmental_impact_fragmentation",
            "catastrophic",
            "meets_alertable_criteria",
        ),
        np.float32,
    ),
}


def assess(
    tca: Any, state1: Any, state2: Any, index: Any = slice(None), **change: Any
) -> dict[str, np.ndarray]:
    n = len(np.atleast_1d(tca))
    arguments: dict[str, Any] = {
        "regime1": np.full(n, "LEO 2"),
        "regime2": np.full(n, "LEO 3"),
        "epoch1_s": np.full(n, -1.5 * DAY),
        "epoch2_s": np.full(n, -2.5 * DAY),
        "mean_motion1_rad_s": np.full(n, N_RAD_S),
        "mean_motion2_rad_s": np.full(n, N_RAD_S),
        "hbr1_m": np.full(n, 5.0),
        "hbr2_m": np.full(n, 1.0),
    }
    arguments.update(change)
    table, settings = arguments.pop("covariance_table", None), arguments.pop("settings", None)
    return assess_conjunctions(
        START,
        np.atleast_1d(tca)[index],
        state1[index],
        state2[index],
        covariance_table=table,
        settings=settings,
        **{name: np.asarray(value)[index] for name, value in arguments.items()},
    )


def test_names_shapes_and_types(rng: np.random.Generator) -> None:
    p = random_pairs(rng, 3)
    columns = assess([10.0, 20.0, 30.0], p.state1, p.state2)
    assert set(columns) == NAMES
    for name, values in columns.items():
        assert values.shape == ((3, 21) if name.endswith("covariance") else (3,)), name
        assert values.dtype == TYPES.get(name, np.float64), name
        assert values.flags.c_contiguous, name


def test_crossing_orbits_by_hand() -> None:
    """TCA half a day into the run: the element sets are 2.0 and 3.0 days old then.

    LEO 2 at 2 days: 0.20, 1.22, 0.22 km. LEO 3 at 3 days: 0.23, 0.85, 0.20 km.
    """
    c = {name: values[0] for name, values in assess([0.5 * DAY], STATE1, STATE2).items()}
    assert c["miss_distance"] == pytest.approx(math.hypot(100.0, 50.0), rel=1e-9)
    assert c["relative_speed"] == pytest.approx(7500.0 * math.sqrt(2.0), rel=1e-12)
    assert c["approach_angle"] == pytest.approx(90.0, abs=1e-9)
    assert c["sat1_relative_position_r"] == pytest.approx(100.0, abs=1e-6)
    assert c["sat1_relative_position_n"] == pytest.approx(50.0, abs=1e-6)
    assert c["sat2_relative_position_t"] == pytest.approx(-50.0, abs=2e-3)
    assert c["sat1_relative_velocity_t"] == pytest.approx(-7500.0, abs=1e-6)
    assert c["combined_hbr"] == 6.0
    for k, sigma in (("1", (200.0, 1220.0, 220.0)), ("2", (230.0, 850.0, 200.0))):
        for axis, expected in zip("rtn", sigma, strict=True):
            assert c[f"sat{k}_sigma_{axis}"] == pytest.approx(expected, rel=1e-12)
        diagonal = c[f"sat{k}_covariance"][[0, 2, 5]]
        np.testing.assert_allclose(diagonal, np.square(sigma), rtol=1e-12)
    assert c["sat1_covariance"][7] == pytest.approx(-N_RAD_S * 1220.0**2, rel=1e-12)  # CRDOT_T
    var_r = 200.0**2 + 230.0**2
    var_2 = (1220.0**2 + 200.0**2 + 220.0**2 + 850.0**2) / 2.0
    exponent = 0.5 * (50.0**2 / 2.0 / var_2 + 100.0**2 / var_r)
    expected = 6.0**2 / (2.0 * math.sqrt(var_r * var_2)) * math.exp(-exponent)
    assert c["collision_probability"] == pytest.approx(expected, rel=1e-3)
    d2 = 100.0**2 / var_r + 50.0**2 / (220.0**2 + 850.0**2)
    assert c["mahalanobis_distance"] == pytest.approx(math.sqrt(d2), rel=1e-3)
    assert c["encounter_status"] == 0
    assert c["sat1_inclination"] == pytest.approx(0.0, abs=1e-9)
    assert c["sat2_inclination"] == pytest.approx(90.0, abs=1e-9)


def test_states_are_eme2000_and_say_the_same(rng: np.random.Generator) -> None:
    """Distances stay; 2025 is a third of a degree from J2000; altitudes agree from either frame."""
    p = random_pairs(rng, 20)
    tca = np.linspace(0.0, 5 * DAY, 20)
    c = assess(tca, p.state1, p.state2)
    states = [np.stack([c[f"sat{k}_{name}"] for name in STATE_NAMES], axis=1) for k in "12"]
    for q in (slice(0, 3), slice(3, 6)):
        length = np.linalg.norm(states[0][:, q] - states[1][:, q], axis=1)
        direct = np.linalg.norm(p.state1[:, q] - p.state2[:, q], axis=1)
        np.testing.assert_allclose(length, direct, rtol=1e-11)
    moved = np.linalg.norm(states[0][:, :3] - p.state1[:, :3], axis=1)
    assert 35.0 < moved.max() < 7200.0 * math.radians(0.37)
    orbit = osculating_orbit(states[0], pole_of_date(*julian_dates(START, tca)))
    np.testing.assert_allclose(c["sat1_apoapsis_altitude"], orbit.apoapsis_altitude_km, rtol=1e-9)
    np.testing.assert_allclose(c["sat1_inclination"], orbit.inclination_deg, atol=1e-9)


def mixed(rng: np.random.Generator, n: int) -> tuple[dict[str, Any], Any, Any, Any]:
    p = random_pairs(rng, n)
    change = {
        "regime1": rng.choice(list(GP_SIGMA), n),
        "regime2": rng.choice(list(GP_SIGMA), n),
        "epoch1_s": rng.uniform(-20.0, 1.0, n) * DAY,
        "epoch2_s": rng.uniform(-20.0, 1.0, n) * DAY,
        "mean_motion1_rad_s": rng.uniform(7e-5, 1.2e-3, n),
        "hbr1_m": rng.choice([1.0, 3.0, 5.0, math.nan], n),
    }
    return change, rng.uniform(0.0, 5 * DAY, n), p.state1, p.state2


def test_a_row_does_not_depend_on_its_place(rng: np.random.Generator) -> None:
    """Bit for bit: all at once, one by one, shuffled."""
    change, tca, state1, state2 = mixed(rng, 101)
    together = assess(tca, state1, state2, **change)
    order = rng.permutation(101)
    shuffled = assess(tca, state1, state2, index=order, **change)
    alone = [assess(tca, state1, state2, index=[k], **change) for k in range(101)]
    for name, values in together.items():
        assert shuffled[name].tobytes() == values[order].tobytes(), name
        one_by_one = np.concatenate([row[name] for row in alone])
        assert one_by_one.tobytes() == values.tobytes(), name


def test_exchange_of_the_objects(rng: np.random.Generator) -> None:
    change, tca, state1, state2 = mixed(rng, 50)
    change["regime2"] = change["regime1"]
    change["epoch2_s"] = change["epoch1_s"]
    change["mean_motion2_rad_s"] = change["mean_motion1_rad_s"]
    c = assess(tca, state1, state2, **change)
    swapped = assess(tca, state2, state1, **change)
    for name, values in c.items():
        if name.startswith("sat1_"):
            assert values.tobytes() == swapped[name.replace("sat1_", "sat2_")].tobytes(), name
        elif not name.startswith("sat2_"):
            np.testing.assert_allclose(values, swapped[name], rtol=1e-8, err_msg=name)


@pytest.mark.parametrize("hbr", [math.nan, -1.0])
def test_no_radius_is_blank_and_told(hbr: float) -> None:
    c = assess([0.0], STATE1, STATE2, hbr2_m=[hbr])
    assert np.isnan(c["combined_hbr"][0])
    assert np.isnan(c["collision_probability"][0])
    assert c["encounter_status"][0] == 8
    assert np.isfinite(c["mahalanobis_distance"][0])


def test_same_velocity_is_blank_and_told() -> None:
    beside = STATE1.copy()
    beside[0, 2] += 0.1
    c = assess([0.0], STATE1, beside)
    assert c["relative_speed"][0] == 0.0
    assert np.isnan(c["collision_probability"][0])
    assert c["encounter_status"][0] == 7


def test_older_element_sets_spread_the_probability() -> None:
    fresh = assess([0.0], STATE1, STATE2, epoch1_s=[0.0], epoch2_s=[0.0])
    old = assess([0.0], STATE1, STATE2, epoch1_s=[-20 * DAY], epoch2_s=[-20 * DAY])
    ahead = assess([0.0], STATE1, STATE2, epoch1_s=[20 * DAY], epoch2_s=[20 * DAY])
    assert old["collision_probability"][0] < fresh["collision_probability"][0]
    assert ahead["collision_probability"][0] == old["collision_probability"][0]


def test_replaced_covariance_table_is_used() -> None:
    row = {"r_km": [1.0], "t_km": [1.0], "n_km": [1.0]}
    table = covariance_table({"LEO 2": row, "LEO 3": row})
    c = assess([0.0], STATE1, STATE2, covariance_table=table)
    assert c["sat1_sigma_t"][0] == 1000.0
    assert c["mahalanobis_distance"][0] == pytest.approx(math.hypot(0.1, 0.05) / math.sqrt(2.0))


def test_no_conjunctions() -> None:
    none = np.zeros((0, 6))
    columns = assess(np.zeros(0), none, none)
    assert set(columns) == NAMES
    assert all(len(values) == 0 for values in columns.values())


def test_unknown_regime_and_method_are_named() -> None:
    with pytest.raises(InputDataError, match="'LEO 9'"):
        assess([0.0], STATE1, STATE2, regime2=["LEO 9"])
    with pytest.raises(ConfigError, match="'CHAN'"):
        assess([0.0], STATE1, STATE2, settings=RiskSettings(MetricMethods("CHAN")))
