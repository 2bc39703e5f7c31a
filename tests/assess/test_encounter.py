"""Encounter geometry: a case done by hand, invariants, every refusal, reference rows."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.assess.reference_rows import Pairs, column, read_rows
from tracss_hpc.assess.encounter import ENCOUNTER_STATUS, Encounters, find_encounters

# Two circular orbits crossing at right angles, object 2 100 m above and 50 m north of object 1.
STATE1 = np.array([[7000.0, 0.0, 0.0, 0.0, 7.5, 0.0]])
STATE2 = np.array([[7000.1, 0.0, 0.05, 0.0, 0.0, 7.5]])
# Sigmas R, T, N [km]: 0.1, 2, 0.3 and 0.2, 1, 0.5.
COVARIANCE1 = np.array([[0.01, 0.0, 4.0, 0.0, 0.0, 0.09]])
COVARIANCE2 = np.array([[0.04, 0.0, 1.0, 0.0, 0.0, 0.25]])
PAIR = Pairs(STATE1, STATE2, COVARIANCE1, COVARIANCE2)
HBR = np.array([0.01])
SYMMETRIC = (
    "miss_distance_km",
    "relative_speed_km_s",
    "approach_angle_deg",
    "sigma_x_km",
    "sigma_z_km",
    "miss_x_km",
    "miss_z_km",
    "mahalanobis_distance",
    "mahalanobis_at_linear_tca",
    "tca_shift_s",
    "hbr_km",
)


def test_crossing_orbits_by_hand() -> None:
    """Relative velocity along (0, -1, 1): the plane is spanned by x and (0, 1, 1)/sqrt 2.

    Object 1 has R, T, N = x, y, z; object 2 has R = x, T = z (to 7e-6 rad), N = -y. The combined
    covariance is diag(0.05, 4 + 0.25, 0.09 + 1); in the plane diag(0.05, (4.25 + 1.09)/2).
    """
    e = find_encounters(*PAIR, HBR)
    assert e.status[0] == 0
    assert e.miss_distance_km[0] == pytest.approx(math.hypot(0.1, 0.05), rel=1e-12)
    assert e.relative_speed_km_s[0] == pytest.approx(7.5 * math.sqrt(2.0), rel=1e-12)
    assert e.approach_angle_deg[0] == pytest.approx(90.0, abs=1e-9)
    np.testing.assert_allclose(e.relative_position1_km[0], [0.1, 0.0, 0.05], atol=1e-9)
    np.testing.assert_allclose(e.relative_velocity1_km_s[0], [0.0, -7.5, 7.5], atol=1e-9)
    np.testing.assert_allclose(e.relative_position2_km[0], [-0.1, -0.05, 0.0], atol=2e-6)
    np.testing.assert_allclose(e.relative_velocity2_km_s[0], [0.0, -7.5, -7.5], atol=2e-4)
    assert e.sigma_x_km[0] == pytest.approx(math.sqrt(5.34 / 2.0), rel=1e-4)
    assert e.sigma_z_km[0] == pytest.approx(math.sqrt(0.05), rel=1e-4)
    assert e.miss_x_km[0] == pytest.approx(0.05 / math.sqrt(2.0), rel=1e-4)
    assert e.miss_z_km[0] == pytest.approx(0.1, rel=1e-4)
    expected = math.sqrt(0.1**2 / 0.05 + 0.05**2 / 1.09)
    assert e.mahalanobis_distance[0] == pytest.approx(expected, rel=1e-4)
    # d = r1 - r2 = (-0.1, 0, -0.05), v = (0, 7.5, -7.5): -(d.v)/(v.v) = -0.375/112.5.
    assert e.tca_shift_s[0] == pytest.approx(-0.375 / 112.5, rel=1e-9)


def random_pairs(rng: np.random.Generator, n: int) -> Pairs:
    def directions() -> NDArray[np.float64]:
        u = rng.normal(size=(n, 3))
        return u / np.linalg.norm(u, axis=1)[:, None]

    r1 = 7200.0 * directions()
    states = []
    for r in (r1, r1 + rng.normal(size=(n, 3))):
        across = np.cross(r, directions())
        states.append(np.hstack([r, 7.4 * across / np.linalg.norm(across, axis=1)[:, None]]))
    packed = []
    for _ in range(2):
        a = rng.normal(size=(n, 3, 3)) * np.array([0.2, 2.0, 0.1])[:, None]
        packed.append((a @ np.swapaxes(a, 1, 2))[:, *np.tril_indices(3)])
    return Pairs(states[0], states[1], packed[0], packed[1])


def assert_same(a: Encounters, b: Encounters, rtol: float) -> None:
    for name in SYMMETRIC:
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=rtol, atol=1e-9)


def test_exchange_of_the_objects(rng: np.random.Generator) -> None:
    p = random_pairs(rng, 200)
    hbr = np.full(200, 0.01)
    e = find_encounters(*p, hbr)
    swapped = find_encounters(p.state2, p.state1, p.covariance2, p.covariance1, hbr)
    assert_same(e, swapped, 1e-9)
    np.testing.assert_allclose(e.covariance1_km2, swapped.covariance2_km2, rtol=1e-7, atol=1e-9)
    along = swapped.covariance_along_km2  # v and the plane axes both turn round
    np.testing.assert_allclose(e.covariance_along_km2, along, rtol=1e-7, atol=1e-8)
    np.testing.assert_array_equal(e.relative_position1_km, swapped.relative_position2_km)
    np.testing.assert_array_equal(e.relative_velocity2_km_s, swapped.relative_velocity1_km_s)


def test_rotation_of_the_frame(rng: np.random.Generator) -> None:
    p = random_pairs(rng, 200)
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    q *= np.linalg.det(q)
    block = np.kron(np.eye(2), q)
    turned = p._replace(state1=p.state1 @ block.T, state2=p.state2 @ block.T)
    hbr = np.full(200, 0.01)
    e, f = find_encounters(*p, hbr), find_encounters(*turned, hbr)
    assert_same(e, f, 1e-9)
    np.testing.assert_allclose(e.relative_position1_km, f.relative_position1_km, atol=1e-9)
    np.testing.assert_allclose(e.relative_velocity2_km_s, f.relative_velocity2_km_s, atol=1e-9)


def test_states_moved_along_the_encounter_keep_the_plane(rng: np.random.Generator) -> None:
    """A TCA wrong by a millisecond changes the miss distance but not the projected miss."""
    p = random_pairs(rng, 50)
    moved = p._replace(state1=p.state1.copy(), state2=p.state2.copy())
    for state in (moved.state1, moved.state2):
        state[:, :3] += 1e-3 * state[:, 3:]
    hbr = np.full(50, 0.01)
    e, f = find_encounters(*p, hbr), find_encounters(*moved, hbr)
    np.testing.assert_allclose(f.tca_shift_s, e.tca_shift_s - 1e-3, atol=1e-9)
    np.testing.assert_allclose(
        np.hypot(f.miss_x_km, f.miss_z_km), np.hypot(e.miss_x_km, e.miss_z_km), rtol=1e-9
    )


def test_objects_at_the_same_place() -> None:
    together = STATE2.copy()
    together[:, :3] = STATE1[:, :3]
    e = find_encounters(STATE1, together, COVARIANCE1, COVARIANCE2, HBR)
    assert e.status[0] == 0
    assert e.miss_x_km[0] == e.miss_z_km[0] == e.mahalanobis_distance[0] == 0.0
    assert e.sigma_x_km[0] == pytest.approx(math.sqrt(5.34 / 2.0), rel=1e-9)


NAN = math.nan
CASES = {
    "no covariance": (2, {"covariance1": [[NAN] * 6]}, 0.01),
    "one element missing": (2, {"covariance2": [[0.04, 0.0, 1.0, 0.0, NAN, 0.25]]}, 0.01),
    "negative variance": (3, {"covariance2": [[0.04, 0.0, -1.0, 0.0, 0.0, 0.25]]}, 0.01),
    "zero block": (4, {"covariance1": [[0.0] * 6]}, 0.01),
    "ten Earth radii": (5, {"covariance1": [[6.4e4**2, 0.0, 1.0, 0.0, 0.0, 1.0]]}, 0.01),
    "no covariance before default": (
        2,
        {"covariance1": [[6.4e4**2, 0.0, 1.0, 0.0, 0.0, 1.0]], "covariance2": [[NAN] * 6]},
        0.01,
    ),
    # Eigenvalue 3 along (1, 1, 1) of R, T, N, which is the relative velocity, and -1 across it.
    "not positive": (
        6,
        {
            "state2": [[7000.0, 0.0, 0.0, 0.001, 7.501, 0.001]],
            "covariance1": [[1 / 3, 4 / 3, 1 / 3, 4 / 3, 4 / 3, 1 / 3]],
            "covariance2": [[1 / 3, 4 / 3, 1 / 3, 4 / 3, 4 / 3, 1 / 3]],
        },
        0.01,
    ),
    "same velocity": (7, {"state2": [[7000.1, 0.0, 0.05, 0.0, 7.5, 0.0]]}, 0.01),
    "no radius": (8, {}, NAN),
    "negative radius": (8, {}, -0.01),
}


@pytest.mark.parametrize(("status", "change", "hbr"), CASES.values(), ids=CASES)
def test_refusals(status: int, change: dict[str, object], hbr: float) -> None:
    e = find_encounters(*PAIR._replace(**{k: np.array(v) for k, v in change.items()}), [hbr])
    assert e.status[0] == status
    assert status in ENCOUNTER_STATUS
    whole = len(change) < 2 and status in (4, 5, 8)
    for name in ("sigma_x_km", "sigma_z_km", "mahalanobis_in_plane"):
        assert np.isfinite(getattr(e, name)[0]) == whole
    # The plane of the one good covariance remains: a maximum of Pc can be had from it.
    one_good = len(change) == 1 and 2 <= status <= 5
    for name in ("miss_x_km", "miss_z_km", "plane_miss_km"):
        assert np.isfinite(getattr(e, name)[0]) == (whole or one_good)
    for covariance, name in ((e.covariance1_km2, "1"), (e.covariance2_km2, "2")):
        given = f"covariance{name}" not in change
        assert np.isfinite(covariance).all() == ((one_good and given) or status == 8)
    assert np.isnan(e.collision_radius_km[0])
    assert math.isfinite(e.miss_distance_km[0])
    assert np.isnan(e.mahalanobis_distance[0]) == (status in (2, 3, 6))


def test_flat_covariance_is_raised_and_told() -> None:
    """Sigma_z far below 1e-4 of the radius (1 km here) becomes exactly that."""
    flat = np.array([[1e-20, 0.0, 4.0, 0.0, 0.0, 0.09]])
    e = find_encounters(STATE1, STATE2, flat, flat, np.array([1.0]))
    assert e.status[0] == 1
    assert e.sigma_z_km[0] == pytest.approx(1e-4, rel=1e-12)


def test_common_density_error_by_hand() -> None:
    """Responses along R, which is x for both: the variance across the orbits loses 2 g1 g2."""
    g = (np.array([[0.03, 0.0, 0.0]]), np.array([[0.1, 0.0, 0.0]]))
    e = find_encounters(*PAIR, HBR, responses_km=g)
    assert e.correlated[0]
    assert e.sigma_z_km[0] == pytest.approx(math.sqrt(0.05 - 2 * 0.03 * 0.1), rel=1e-4)
    assert not find_encounters(*PAIR, HBR).correlated[0]


@pytest.mark.parametrize("missing", [0.0, NAN])
def test_one_density_response_alone_corrects_nothing(missing: float) -> None:
    g = (np.array([[0.03, 0.2, 0.0]]), np.full((1, 3), missing))
    e, f = find_encounters(*PAIR, HBR, responses_km=g), find_encounters(*PAIR, HBR)
    assert not e.correlated[0]
    assert e.sigma_z_km[0] == f.sigma_z_km[0]
    assert e.mahalanobis_distance[0] == f.mahalanobis_distance[0]


def test_covariances_of_the_plane_add_up(rng: np.random.Generator) -> None:
    e = find_encounters(*random_pairs(rng, 50), np.full(50, 1e-3))
    total = e.covariance1_km2 + e.covariance2_km2
    scale = e.sigma_x_km**2
    np.testing.assert_allclose(total[:, 0], scale, rtol=1e-12)
    np.testing.assert_allclose(total[:, 1] / scale, 0.0, atol=1e-12)
    np.testing.assert_allclose(total[:, 2] / scale, e.sigma_z_km**2 / scale, atol=1e-12)


def test_wider_covariances_use_the_position_block_alone(rng: np.random.Generator) -> None:
    wide = [np.hstack([c, rng.normal(size=(1, 15))]) for c in (COVARIANCE1, COVARIANCE2)]
    e, f = find_encounters(*PAIR, HBR), find_encounters(STATE1, STATE2, *wide, HBR)
    assert e.sigma_x_km[0] == f.sigma_x_km[0]
    assert e.mahalanobis_distance[0] == f.mahalanobis_distance[0]


def test_no_conjunctions() -> None:
    none = np.zeros((0, 6))
    assert len(find_encounters(none, none, none, none, np.zeros(0))) == 0


@pytest.mark.parametrize(
    ("change", "hbr", "message"),
    [
        ({"state2": np.zeros((2, 6))}, HBR, r"states has shape \(2, 6\); wanted \(1, 6\)"),
        ({"state1": np.zeros((1, 3))}, HBR, r"states has shape \(1, 3\)"),
        ({"covariance1": np.zeros((1, 3))}, HBR, r"covariances has shape \(1, 3\)"),
        ({}, np.zeros((1, 1)), r"hbr_km has shape \(1, 1\)"),
    ],
)
def test_shapes_that_do_not_fit(change, hbr, message) -> None:
    with pytest.raises(ValueError, match=message):
        find_encounters(*PAIR._replace(**change), hbr)


def test_tracss_verification_key(shared_data: Path) -> None:
    """All rows: minimum range, relative speed, relative positions, 3-D Mahalanobis distance."""
    rows = read_rows(shared_data / "pc" / "tracss_ivv_rows.csv")
    e = find_encounters(*verification_pairs(rows), np.full(len(rows), 1e-3))
    np.testing.assert_allclose(e.miss_distance_km, column(rows, "min_range"), atol=2e-6)
    np.testing.assert_allclose(e.relative_speed_km_s, column(rows, "Vrel"), rtol=1e-9)
    np.testing.assert_allclose(e.mahalanobis_distance, column(rows, "mdistance"), rtol=2e-6)
    for k, relative in (("1", e.relative_position1_km), ("2", e.relative_position2_km)):
        local = np.stack([column(rows, f"local_{axis}{k}") for axis in "xyz"], axis=1)
        np.testing.assert_allclose(relative, local, atol=3e-6)


def verification_pairs(rows: list[dict[str, str]]) -> Pairs:
    """States [km, km/s], covariances in each object's own UVW [km^2], upper triangle there."""

    def columns(names: list[str]) -> NDArray[np.float64]:
        return np.stack([column(rows, name) for name in names], axis=1)

    states = [columns([f"{q}{axis}{k}" for q in ("", "v") for axis in "xyz"]) for k in "12"]
    order = ("11", "12", "22", "13", "23", "33")
    covariances = [columns([f"c{k}_{ij}" for ij in order]) for k in "12"]
    return Pairs(states[0], states[1], covariances[0], covariances[1])
