"""The encounter-plane kernel against the oracle, committed truth and itself at every SIMD level."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import ncx2

from tests.oracles import pc
from tracss_hpc.kernels import SUPPORTED_LEVELS, encounter_plane, load

# sigma_x, sigma_z, miss_x, miss_z, R -> Pc: our own 40-digit values (tests/oracles/pc.py), that
# reach every rule of the kernel: small disk, 16 and 64 strips, wide disk, far tails.
TRUTH = [
    (1.0, 1.0, 0.0, 0.0, 0.001, 4.999998750000208e-07),
    (1.0, 0.5, 0.3, 0.2, 0.25, 0.053361869400582844),
    (2.0, 0.1, 1.5, 0.3, 0.01, 2.117371256446473e-06),
    (20.0, 0.2, 30.0, 0.5, 0.012, 2.57362890348965e-07),
    (5.0, 0.3, 2.0, 1.2, 0.008, 6.615124901812716e-09),
    (1.0, 1.0, 6.0, 8.0, 0.5, 2.147849080768906e-22),
    (3.0, 0.25, 4.0, 0.5, 0.5, 0.019226011976472054),
    (3.0, 0.25, 4.0, 0.5, 2.0, 0.2197236900781553),
    (100.0, 1.0, 150.0, 9.0, 8.0, 0.0010544876022362032),
    (100.0, 0.01, 0.0, 0.0, 0.1, 0.0007938643033325297),
    (1.0, 0.01, 0.5, 0.4, 0.3, 1.1533727137302503e-25),
    (1.0, 0.001, 1.2, 0.2, 1.0, 0.39821957700385546),
    (10000.0, 1.0, 20000.0, 20.0, 30.0, 0.00024101757979539916),
]


def circle(*columns: object, level: str | None = None, rule: str = "circle") -> NDArray[np.float64]:
    arrays = [np.ascontiguousarray(c, dtype=np.float64) for c in columns]
    out = np.empty(len(arrays[0]))
    kernel = encounter_plane if level is None else load("encounter_plane", level)
    getattr(kernel, f"{rule}_probability")(*arrays, out)
    return out


def random_planes(rng: np.random.Generator, n: int) -> list[NDArray[np.float64]]:
    """Ellipses of every shape, disks from 1e-4 to 300 sigma_z, up to eight sigma off."""
    sigma_z = 10.0 ** rng.uniform(-2, 1, n)
    sigma_x = sigma_z * 10.0 ** rng.uniform(0, 3, n)
    hbr = sigma_z * 10.0 ** rng.uniform(-4, 2.5, n)
    return [sigma_x, sigma_z, sigma_x * rng.uniform(0, 8, n), sigma_z * rng.uniform(0, 8, n), hbr]


def random_encounters(rng: np.random.Generator, n: int) -> list[NDArray[np.float64]]:
    """Pairs in LEO a few km apart with positive definite covariances in their own RTN."""

    def directions() -> NDArray[np.float64]:
        u = rng.normal(size=(n, 3))
        return u / np.linalg.norm(u, axis=1)[:, None]

    r1 = directions() * rng.uniform(6700, 8000, n)[:, None]
    r2 = r1 + rng.normal(size=(n, 3)) * [0.3, 3.0, 3.0]
    velocities = []
    for r in (r1, r2):
        across = np.cross(r, directions())
        across *= (7.5 / np.linalg.norm(across, axis=1))[:, None]
        velocities.append(across + 0.1 * directions())
    covariances = []
    for _ in range(2):
        a = rng.normal(size=(n, 3, 3)) * np.array([0.2, 2.0, 0.1])[:, None]
        c = a @ np.swapaxes(a, 1, 2)
        covariances.append(np.ascontiguousarray(c[:, *np.tril_indices(3)]))
    hbr = rng.uniform(0.001, 0.02, n)
    return [np.hstack([r1, velocities[0]]), np.hstack([r2, velocities[1]]), *covariances, hbr]


def project(
    columns: list[NDArray[np.float64]], level: str | None = None
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    n = len(columns[0])
    plane, status = np.empty((16, n)), np.empty(n, dtype=np.int8)
    kernel = encounter_plane if level is None else load("encounter_plane", level)
    arrays = [np.ascontiguousarray(c) for c in columns]
    responses = arrays[5:] or [np.empty((0, 3))] * 2
    if n:
        kernel.project(*arrays[:5], *responses, plane, status)
    return np.ascontiguousarray(plane.T), status


@pytest.mark.parametrize("row", TRUTH)
def test_committed_truth(row: tuple[float, ...]) -> None:
    assert circle(*([x] for x in row[:5]))[0] == pytest.approx(row[5], rel=1e-12, abs=0)


@pytest.mark.parametrize("ratio", [1e-4, 0.05, 0.5, 3.0, 30.0, 3000.0])
def test_round_gaussian_centred_on_the_disk(ratio: float) -> None:
    """By hand: 1 - exp(-R^2 / 2 sigma^2)."""
    got = circle([2.0], [2.0], [0.0], [0.0], [2.0 * ratio])[0]
    assert got == pytest.approx(-math.expm1(-0.5 * ratio * ratio), rel=1e-12, abs=0)


@pytest.mark.parametrize("offset", [0.5, 2.0, 6.0])
@pytest.mark.parametrize("ratio", [0.01, 0.3, 2.0, 5.0])
def test_round_gaussian_off_centre_is_noncentral_chi_square(ratio: float, offset: float) -> None:
    got = circle([1.0], [1.0], [offset * 0.6], [offset * 0.8], [ratio])[0]
    assert got == pytest.approx(ncx2.cdf(ratio**2, 2, offset**2), rel=1e-9, abs=0)


def test_fosters_own_double_integral(rng: np.random.Generator) -> None:
    for row in np.transpose(random_planes(rng, 400)):
        sigma_x, sigma_z, miss_x, miss_z, hbr = row
        if hbr < 3.0 * sigma_z and miss_x < 3.0 * sigma_x and miss_z < 3.0 * sigma_z:
            assert circle(*row[:, None])[0] == pytest.approx(pc.foster_polar(*row), rel=1e-8)


def test_oracle_over_every_rule_and_far_tails(rng: np.random.Generator) -> None:
    planes = random_planes(rng, 50)
    got = circle(*planes)
    for k, row in enumerate(np.transpose(planes)):
        truth = pc.circle_probability(*row)
        if truth > 1e-290:
            assert got[k] == pytest.approx(truth, rel=1e-11, abs=0), row


def test_grid_of_reference_truth(shared_data: Path) -> None:
    """360 values of 30 digits, 1e-33 to 1, R / sigma_z up to 50, axis ratios up to 1e4."""
    with (shared_data / "pc" / "pc2d_grid_truth.csv").open() as f:
        rows = list(csv.DictReader(f))
    columns = [[float(row[key]) for row in rows] for key in ("sx", "sz", "xm", "zm", "R")]
    truth = np.array([float(row["Pc_truth"]) for row in rows])
    assert len(truth) == 360
    np.testing.assert_allclose(circle(*columns), truth, rtol=1e-12, atol=0)


def test_square_equals_oracle(rng: np.random.Generator) -> None:
    planes = random_planes(rng, 400)
    got = circle(*planes, rule="square")
    for k, row in enumerate(np.transpose(planes)):
        truth = pc.square_probability(*row)
        if truth > 1e-290:
            assert got[k] == pytest.approx(truth, rel=1e-12, abs=0), row


def test_square_by_hand() -> None:
    """One sigma to each side: erf(1 / sqrt 2)^2."""
    got = circle([2.0], [2.0], [0.0], [0.0], [2.0], rule="square")[0]
    assert got == pytest.approx(math.erf(math.sqrt(0.5)) ** 2, rel=1e-14)


def test_square_holds_the_circle(rng: np.random.Generator) -> None:
    planes = random_planes(rng, 5000)
    inner = circle(*planes)
    outer = circle(*planes, rule="square")
    assert (outer >= inner * (1.0 - 1e-11)).all()


def test_simpson_equals_oracle(rng: np.random.Generator) -> None:
    planes = random_planes(rng, 200)
    got = circle(*planes, rule="simpson")
    for k, row in enumerate(np.transpose(planes)):
        # The oracle's difference of erfc is good only near the centre.
        if row[4] < 10.0 * row[1] and row[2] < 3.0 * row[0] and row[3] < 3.0 * row[1]:
            assert got[k] == pytest.approx(pc.simpson(*row), rel=1e-8, abs=1e-14), row


@pytest.mark.parametrize("rule", ["circle", "square", "simpson"])
def test_limits(rule: str) -> None:
    nan, inf = math.nan, math.inf
    got = circle(
        [1.0, 1.0, 1.0, 1.0, nan, 1.0, 1.0, 1.0],
        [1.0, 1.0, 1.0, 1.0, 1.0, nan, 1.0, 1.0],
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, nan, 500.0],
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, inf, -1.0, nan, 1.0, 1.0, 1.0, 1.0],
        rule=rule,
    )
    np.testing.assert_array_equal(got, [0.0, 1.0, nan, nan, nan, nan, nan, 0.0])


@pytest.mark.parametrize("correlated", [False, True])
@pytest.mark.parametrize("n", [0, 1, 2, 257])
def test_projection_equals_oracle(rng: np.random.Generator, n: int, correlated: bool) -> None:
    columns = random_encounters(rng, n)
    if correlated:
        columns += [0.02 * rng.normal(size=(n, 3)) for _ in range(2)]
    plane, status = project(columns)
    for k in range(n):
        c1, c2 = (np.zeros((3, 3)) for _ in range(2))
        for c, packed in ((c1, columns[2][k]), (c2, columns[3][k])):
            c[np.tril_indices(3)] = packed
            c += np.tril(c, -1).T
        responses = (columns[5][k], columns[6][k]) if correlated else None
        truth = pc.encounter(columns[0][k], columns[1][k], c1, c2, responses)
        np.testing.assert_allclose(plane[k], list(truth.values()), rtol=1e-8, atol=1e-9)
    assert (status == 0).all()


@pytest.mark.parametrize("level", SUPPORTED_LEVELS)
def test_simd_levels_give_the_same_bits(rng: np.random.Generator, level: str) -> None:
    planes, columns = random_planes(rng, 1000), random_encounters(rng, 500)
    for rule in ("circle", "square", "simpson"):
        got = circle(*planes, level=level, rule=rule)
        assert got.tobytes() == circle(*planes, level="baseline", rule=rule).tobytes()
    plane, status = project(columns, level)
    expected_plane, expected_status = project(columns, "baseline")
    assert plane.tobytes() == expected_plane.tobytes()
    assert status.tobytes() == expected_status.tobytes()


def test_a_row_does_not_depend_on_its_place(rng: np.random.Generator) -> None:
    planes, columns = random_planes(rng, 257), random_encounters(rng, 257)
    order = rng.permutation(257)
    for rule in ("circle", "square", "simpson"):
        moved = circle(*(c[order] for c in planes), rule=rule)
        assert moved.tobytes() == circle(*planes, rule=rule)[order].tobytes()
    plane, _ = project(columns)
    assert project([c[order] for c in columns])[0].tobytes() == plane[order].tobytes()
    alone = np.vstack([project([c[k : k + 1] for c in columns])[0] for k in range(257)])
    assert alone.tobytes() == plane.tobytes()
