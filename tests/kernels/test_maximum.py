"""The largest-probability kernel against its oracle, by hand, and itself at every SIMD level."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.oracles import maximum as oracle
from tracss_hpc.kernels import SUPPORTED_LEVELS, load, maximum

Array = NDArray[np.float64]


def search(*columns: object, square: bool = False, level: str | None = None) -> tuple[Array, Array]:
    arrays = [np.ascontiguousarray(c, dtype=np.float64) for c in columns]
    largest, factor = np.empty(len(arrays[0])), np.empty(len(arrays[0]))
    kernel = maximum if level is None else load("maximum", level)
    kernel.scale_search(square, *arrays, largest, factor)
    return largest, factor


def frisbee(
    c1: object, c2: object, miss_x: object, miss_z: object, hbr: object, level: str | None = None
) -> Array:
    """Covariances (n, 3): xx, xz, zz."""
    covariances = [np.ascontiguousarray(np.transpose(c), dtype=np.float64) for c in (c1, c2)]
    miss = [np.ascontiguousarray(m, dtype=np.float64) for m in (miss_x, miss_z)]
    radius = np.ascontiguousarray(hbr, dtype=np.float64)
    largest = np.empty(len(radius))
    kernel = maximum if level is None else load("maximum", level)
    kernel.frisbee(False, *covariances, *miss, radius, radius, largest)
    return largest


def random_planes(rng: np.random.Generator, n: int) -> list[Array]:
    """Ellipses of every shape, the miss 0.05 to 30 sigmas off and outside the disk."""
    sigma_z = 10.0 ** rng.uniform(-2, 1, n)
    sigma_x = sigma_z * 10.0 ** rng.uniform(0, 3, n)
    distance, angle = 10.0 ** rng.uniform(-1.3, 1.5, n), rng.uniform(0, np.pi / 2, n)
    miss_x = sigma_x * distance * np.cos(angle)
    miss_z = sigma_z * distance * np.sin(angle)
    hbr = np.hypot(miss_x, miss_z) * 10.0 ** rng.uniform(-4, -0.02, n)
    return [sigma_x, sigma_z, miss_x, miss_z, hbr]


def random_covariances(rng: np.random.Generator, n: int) -> tuple[Array, Array]:
    out = []
    for _ in range(2):
        a = rng.normal(size=(n, 2, 2)) * 10.0 ** rng.uniform(-1, 1, (n, 1, 1))
        c = a @ np.swapaxes(a, 1, 2)
        out.append(np.stack([c[:, 0, 0], c[:, 0, 1], c[:, 1, 1]], axis=1))
    return out[0], out[1]


def test_small_disk_by_hand() -> None:
    """Pc = R^2 / (2 sx sz S^2) exp(-M^2 / 2 S^2): S = M / sqrt 2, Pc = R^2 / (e sx sz M^2)."""
    largest, factor = search([2.0], [0.5], [6.0], [2.0], [1e-4])
    assert factor[0] == pytest.approx(5.0 / math.sqrt(2.0), rel=1e-6)
    assert largest[0] == pytest.approx(1e-8 / (math.e * 25.0), rel=1e-6)


def test_search_equals_oracle(rng: np.random.Generator) -> None:
    planes = np.array(random_planes(rng, 40))
    distance = np.hypot(planes[2] / planes[0], planes[3] / planes[1])
    planes = planes[:, planes[4] < 3.0 * planes[1] * distance]  # beyond, the oracle takes minutes
    assert planes.shape[1] > 8
    largest, factor = search(*planes)
    for k, row in enumerate(planes.T[:8]):
        truth, at = oracle.largest_over_scale(*row)
        assert largest[k] == pytest.approx(truth, rel=1e-9), row
        assert factor[k] == pytest.approx(at, rel=1e-4), row


def test_no_factor_of_a_fine_grid_gives_more(rng: np.random.Generator) -> None:
    planes = random_planes(rng, 400)
    largest, _ = search(*planes)
    circle = load("encounter_plane", "baseline").circle_probability
    for s in np.exp(np.linspace(-7.0, 7.0, 281)):
        pc = np.empty(400)
        circle(s * planes[0], s * planes[1], *planes[2:], pc)
        assert (pc <= largest * (1.0 + 1e-9)).all()


@pytest.mark.parametrize(
    ("miss", "hbr", "square", "expected"),
    [
        ((1.0, 0.0), 2.0, False, 1.0),
        ((3.0, 4.0), 5.0, False, 0.5),
        ((0.0, 0.0), 1.0, False, 1.0),
        ((1.9, 1.9), 2.0, True, 1.0),
        ((1.0, 2.0), 2.0, True, 0.5),
        ((2.0, 2.0), 2.0, True, 0.25),
        ((5.0, 5.0), math.inf, False, 1.0),
    ],
)
def test_miss_inside_the_area(
    miss: tuple[float, float], hbr: float, square: bool, expected: float
) -> None:
    largest, factor = search([7.0], [3.0], [miss[0]], [miss[1]], [hbr], square=square)
    assert (largest[0], factor[0]) == (expected, 0.0)


def test_blank_and_empty_rows() -> None:
    nan = math.nan
    largest, factor = search(
        [nan, 1.0, 1.0, 1.0], [1.0] * 4, [3.0, nan, 3.0, 3.0], [0.0] * 4, [1.0, 1.0, nan, 0.0]
    )
    np.testing.assert_array_equal(largest, [nan, nan, nan, 0.0])
    assert np.isnan(factor).all()
    assert len(search(*[np.zeros(0)] * 5)[0]) == 0


def test_frisbee_equals_oracle(rng: np.random.Generator) -> None:
    c1, c2 = random_covariances(rng, 60)
    miss = rng.normal(size=(60, 2)) * 10.0 ** rng.uniform(-1, 1.5, (60, 1))
    hbr = 10.0 ** rng.uniform(-2, 0, 60)
    got = frisbee(c1, c2, *miss.T, hbr)
    alone = frisbee(c1, np.full((60, 3), np.nan), *miss.T, hbr)
    for k in range(60):
        full = [np.array([[a, b], [b, d]]) for a, b, d in (c1[k], c2[k])]
        truth = oracle.frisbee(full[0], full[1], miss[k], hbr[k])
        assert got[k] == pytest.approx(truth, rel=1e-8)
        assert alone[k] == pytest.approx(oracle.frisbee(full[0], None, miss[k], hbr[k]), rel=1e-8)


def test_frisbee_by_hand() -> None:
    """Round sigma 1, miss 4: K = 4, the degenerate sigma^2 = 16 * 15/16 along it; small disk."""
    got = frisbee([[1.0, 0.0, 1.0]], [[math.nan] * 3], [4.0], [0.0], [1e-3])
    assert got[0] == pytest.approx(1e-6 * math.exp(-0.5) / (2.0 * math.sqrt(16.0)), rel=1e-6)


def test_frisbee_without_a_good_covariance() -> None:
    nan = [[math.nan] * 3]
    assert np.isnan(frisbee(nan, nan, [4.0], [0.0], [1.0])[0])
    indefinite = [[1.0, 2.0, 1.0]]
    good = [[1.0, 0.0, 1.0]]
    assert frisbee(indefinite, good, [4.0], [1.0], [0.1]) == frisbee(nan, good, [4.0], [1.0], [0.1])
    assert 0.0 <= frisbee(indefinite, nan, [4.0], [1.0], [0.1])[0] <= 1.0
    assert np.isnan(frisbee([[-1.0, 0.0, -1.0]], nan, [4.0], [1.0], [0.1])[0])


def test_log10_ratio(rng: np.random.Generator) -> None:
    a, b = (10.0 ** rng.uniform(-320, 300, 500) for _ in range(2))
    out = np.empty(500)
    maximum.log10_ratio(a, b, out)
    np.testing.assert_allclose(out, np.log10(a) - np.log10(b), rtol=1e-15, atol=2e-13)
    bad = np.array([0.0, math.nan, 1.0, math.inf, -1.0])
    out = np.empty(5)
    maximum.log10_ratio(bad, np.array([1.0, 1.0, 0.0, 1.0, 1.0]), out)
    assert np.isnan(out).all()


@pytest.mark.parametrize("level", SUPPORTED_LEVELS)
def test_simd_levels_give_the_same_bits(rng: np.random.Generator, level: str) -> None:
    planes = random_planes(rng, 1000)
    for square in (False, True):
        got = search(*planes, square=square, level=level)
        expected = search(*planes, square=square, level="baseline")
        assert [x.tobytes() for x in got] == [x.tobytes() for x in expected]
    c1, c2 = random_covariances(rng, 500)
    rest = (*rng.normal(size=(2, 500)), np.full(500, 0.1))
    assert (
        frisbee(c1, c2, *rest, level=level).tobytes()
        == frisbee(c1, c2, *rest, level="baseline").tobytes()
    )


def test_a_row_does_not_depend_on_its_place(rng: np.random.Generator) -> None:
    planes = random_planes(rng, 257)
    order = rng.permutation(257)
    for a, b in zip(search(*(c[order] for c in planes)), search(*planes), strict=True):
        assert a.tobytes() == b[order].tobytes()
