"""Default covariance of GP objects: the table's printed numbers, the 6x6 model, broken tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tracss_hpc.ephemeris.covariance import (
    GP_SIGMA,
    cdm_covariance,
    covariance_table,
    default_covariance,
    read_covariance_table,
)
from tracss_hpc.errors import ConfigError, InputDataError

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
# The CDM's own order (spec 2.0 rows 85-105), one line per row of the triangle.
CDM_ORDER = [
    *("CR_R",),
    *("CT_R", "CT_T"),
    *("CN_R", "CN_T", "CN_N"),
    *("CRDOT_R", "CRDOT_T", "CRDOT_N", "CRDOT_RDOT"),
    *("CTDOT_R", "CTDOT_T", "CTDOT_N", "CTDOT_RDOT", "CTDOT_TDOT"),
    *("CNDOT_R", "CNDOT_T", "CNDOT_N", "CNDOT_RDOT", "CNDOT_TDOT", "CNDOT_NDOT"),
]
# Regime, age [days], solar -> sigma R, T, N [km], worked out by hand from the fitted polynomials.
SIGMAS = [
    ("LEO 1", 2.0, "max", (0.30, 3.70, 0.24)),
    ("LEO 1", 2.0, "min", (0.30, 1.86, 0.24)),
    ("LEO 2", 3.5, "max", (0.29, 2.705, 0.31)),
    ("LEO 2", 3.5, "min", (0.29, 1.1125, 0.31)),
    ("LEO 3", 4.0, "max", (0.28, 1.20, 0.24)),
    ("LEO 3", 4.0, "min", (0.28, 0.944, 0.24)),
    ("LEO 4", 4.0, "min", (0.21, 0.67, 0.22)),
    ("MEO", 10.0, "max", (0.23, 1.70, 0.31)),
    ("HEO", 3.0, "max", (1.70, 3.60, 0.48)),
    ("Other", 3.0, "max", (1.70, 3.60, 0.48)),
    ("GEO", 5.0, "max", (0.56, 1.90, 0.165)),
    ("Deep Space", 5.0, "min", (0.56, 1.90, 0.165)),
]


@pytest.mark.parametrize(("regime", "age", "solar", "expected"), SIGMAS)
def test_sigmas_of_the_table(regime, age, solar, expected) -> None:
    table = covariance_table(solar=solar)
    np.testing.assert_allclose(table.sigmas(np.array([regime]), [age])[0], expected, rtol=1e-12)
    np.testing.assert_allclose(table.sigmas(np.array([regime]), [-age])[0], expected, rtol=1e-12)


def test_full_covariance_by_hand() -> None:
    """LEO 1, two days old: sR = 0.30, sT = 3.70, sN = 0.24 km, n = 1e-3 rad/s."""
    c = default_covariance(np.array(["LEO 1"]), [2.0], [1e-3])[0]
    expected = np.zeros((6, 6))
    expected[0, 0], expected[1, 1], expected[2, 2] = 0.09, 13.69, 0.0576
    expected[1, 3] = expected[3, 1] = -0.01369
    expected[0, 4] = expected[4, 0] = -0.00009
    expected[3, 3] = 1e-6 * (13.69 + 0.09)
    expected[4, 4] = 1e-6 * 0.09 * 1.0025
    expected[5, 5] = 1e-6 * 0.0576
    np.testing.assert_allclose(c, expected, rtol=1e-12, atol=1e-20)


def test_covariance_is_what_the_model_draws(rng: np.random.Generator) -> None:
    """A million draws of R = sR g1, ..., Ndot = n sN g6 have this covariance."""
    s_r, s_t, s_n = 0.29, 2.705, 0.31
    n = 1.05e-3
    g = rng.normal(size=(6, 1_000_000))
    r, t, across = s_r * g[0], s_t * g[1], s_n * g[2]
    draws = np.array(
        [r, t, across, -n * t + n * s_r * g[3], -n * r + 0.05 * n * s_r * g[4], n * s_n * g[5]]
    )
    c = default_covariance(np.array(["LEO 2"]), [3.5], [n])[0]
    scale = np.sqrt(np.outer(np.diag(c), np.diag(c)))
    np.testing.assert_allclose(np.cov(draws) / scale, c / scale, atol=5e-3)


def test_positive_definite_for_every_regime_and_age() -> None:
    ages = np.array([0.0, 0.5, 3.0, 30.0])
    regimes = np.repeat(list(GP_SIGMA), len(ages))
    c = default_covariance(regimes, np.tile(ages, len(GP_SIGMA)), np.full(len(regimes), 7e-4))
    scale = np.sqrt(np.einsum("nii->ni", c))
    assert (np.linalg.eigvalsh(c / (scale[:, :, None] * scale[:, None, :])) > 1e-6).all()


def test_cdm_order_and_units() -> None:
    """Each element of the triangle at its keyword's place; km^2 to m^2 alike for all 21."""
    c = np.arange(36.0).reshape(1, 6, 6)
    c = c + np.swapaxes(c, 1, 2)
    names = ["R", "T", "N", "RDOT", "TDOT", "NDOT"]
    by_name = {f"C{a}_{b}": c[0, i, j] for i, a in enumerate(names) for j, b in enumerate(names)}
    got = cdm_covariance(c)
    assert got.shape == (1, 21)
    np.testing.assert_array_equal(got[0], [by_name[key] * 1e6 for key in CDM_ORDER])


def test_rows_do_not_depend_on_their_place(rng: np.random.Generator) -> None:
    regimes = rng.choice(list(GP_SIGMA), 257)
    ages, n = rng.uniform(0, 30, 257), rng.uniform(7e-5, 1e-3, 257)
    together = default_covariance(regimes, ages, n)
    alone = np.vstack(
        [default_covariance(regimes[k : k + 1], ages[k : k + 1], n[k : k + 1]) for k in range(257)]
    )
    assert alone.tobytes() == together.tobytes()


@pytest.mark.parametrize("solar", ["max", "min"])
def test_example_table_is_the_built_in_one(solar) -> None:
    example = read_covariance_table(CONFIGS / "covariance_gp.toml", solar=solar)
    built_in = covariance_table(solar=solar)
    assert example.regimes == built_in.regimes
    np.testing.assert_array_equal(example.coefficients, built_in.coefficients)


def test_replaced_table_is_used() -> None:
    table = covariance_table({"LEO 1": {"r_km": [1.0], "t_km": [2.0, 0.0, 0.0, 1.0], "n_km": [3]}})
    c = default_covariance(np.array(["LEO 1"]), [2.0], [1e-3], table=table)[0]
    np.testing.assert_allclose(np.diag(c)[:3], [1.0, 100.0, 9.0])


def test_unknown_regime_is_named() -> None:
    with pytest.raises(InputDataError, match="'Near Earth'") as info:
        default_covariance(np.array(["LEO 1", "Near Earth"]), [1.0, 1.0], [1e-3, 1e-3])
    assert info.value.given == "Near Earth"
    assert "LEO 1" in info.value.allowed


BROKEN = [
    ({"LEO 1": {"r_km": [1.0], "t_km": [1.0]}}, "n_km = None", "LEO 1.n_km"),
    ({"MEO": {"r_km": [], "t_km": [1.0], "n_km": [1.0]}}, r"r_km = \[\]", "MEO.r_km"),
    ({"MEO": {"r_km": [1, 2, 3, 4, 5], "t_km": [1], "n_km": [1]}}, "5", "MEO.r_km"),
    ({"MEO": {"r_km": [-0.1], "t_km": [1.0], "n_km": [1.0]}}, "-0.1", "MEO.r_km"),
    ({"MEO": {"r_km": ["x"], "t_km": [1.0], "n_km": [1.0]}}, "'x'", "MEO.r_km"),
    ({"MEO": {"r_km": [float("nan")], "t_km": [1.0], "n_km": [1.0]}}, "nan", "MEO.r_km"),
    ({"MEO": {"r_km": 0.5, "t_km": [1.0], "n_km": [1.0]}}, "0.5", "MEO.r_km"),
    ({"MEO": {"r_m": [1.0]}}, "'r_m'", "MEO.r_m"),
    ({"MEO": 3.0}, "3.0", "MEO"),
]


@pytest.mark.parametrize(("mapping", "message", "key"), BROKEN)
def test_broken_tables(mapping, message, key) -> None:
    with pytest.raises(ConfigError, match=message) as info:
        covariance_table(mapping)
    assert info.value.key == key


def test_empty_table_and_unknown_solar_activity() -> None:
    with pytest.raises(ConfigError, match="empty"):
        covariance_table({})
    with pytest.raises(ConfigError, match="'mean'") as info:
        covariance_table(solar="mean")  # type: ignore[arg-type]
    assert info.value.given == "mean"


def test_unreadable_table_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml"):
        read_covariance_table(tmp_path / "absent.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("[LEO 1]\n")
    with pytest.raises(ConfigError, match=r"broken\.toml"):
        read_covariance_table(broken)
    broken.write_text("[MEO]\nr_km = [1.0]\nt_km = [1.0]\n")
    with pytest.raises(ConfigError, match=r"broken\.toml: MEO\.n_km"):
        read_covariance_table(broken)
