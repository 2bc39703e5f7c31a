"""Maps over scaled covariances: by hand, against the one-by-one probability, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.assess.reference_rows import column, inertial_pairs, read_rows
from tests.assess.test_encounter import HBR, PAIR
from tracss_hpc.assess.encounter import find_encounters
from tracss_hpc.assess.probability import foster_1992
from tracss_hpc.assess.sensitivity import SCALE_FACTORS, sensitivity_map

ONE = tuple(a[0] for a in PAIR)


def test_default_factors() -> None:
    assert len(SCALE_FACTORS) == 41
    np.testing.assert_allclose(SCALE_FACTORS[[0, 20, 40]], [0.1, 1.0, 10.0], rtol=1e-14)


def test_each_point_is_the_scaled_conjunction() -> None:
    kp, ks = np.array([0.5, 1.0, 3.0]), np.array([0.2, 1.0])
    s = sensitivity_map(*ONE, HBR[0], kp=kp, ks=ks)
    assert s.probability.shape == (3, 2)
    for i, p in enumerate(kp):
        for j, q in enumerate(ks):
            scaled = find_encounters(
                PAIR.state1, PAIR.state2, PAIR.covariance1 * p**2, PAIR.covariance2 * q**2, HBR
            )
            assert s.probability[i, j] == foster_1992(scaled)[0]
    assert s.probability[1, 1] == s.nominal
    square = sensitivity_map(*ONE, HBR[0], kp=kp, ks=ks, area="square")
    assert (square.probability > s.probability).all()
    swapped = sensitivity_map(ONE[1], ONE[0], ONE[3], ONE[2], HBR[0], kp=ks, ks=kp)
    np.testing.assert_allclose(swapped.probability.T, s.probability, rtol=1e-9)


def test_both_scaled_together_by_hand() -> None:
    """Small radius: Pc = c / k^2 exp(-m^2 / 2 k^2), greatest at k = m / sqrt 2, m in the plane."""
    e = find_encounters(*PAIR, [1e-5])
    m = float(e.mahalanobis_in_plane[0])
    k = m / np.sqrt(2.0) * np.array([0.9, 1.0, 1.1])
    s = sensitivity_map(*ONE, 1e-5, kp=k, ks=k)
    diagonal = np.diag(s.probability)
    ratio = k**-2.0 * np.exp(-0.5 * (m / k) ** 2)
    np.testing.assert_allclose(diagonal / diagonal[1], ratio / ratio[1], rtol=1e-7)
    assert np.argmax(diagonal) == 1


def test_scale_search_maxima_lie_on_the_map(shared_data: Path) -> None:
    """CARA's maximum over one factor for both objects, found at that factor."""
    rows = [
        row
        for row in read_rows(shared_data / "pc" / "variants_dev.csv")
        if 0.1 < float(row["Sf_at_max"]) < 10.0
    ][:20]
    assert rows
    pairs = inertial_pairs(rows, 1e-3)
    for k, (maximum, factor) in enumerate(
        zip(column(rows, "PcMax_scale_both"), column(rows, "Sf_at_max"), strict=True)
    ):
        one = (a[k] for a in pairs)
        s = sensitivity_map(*one, float(rows[k]["HBR_m"]) * 1e-3, kp=[factor], ks=[factor])
        assert s.probability[0, 0] == pytest.approx(maximum, rel=1e-5), rows[k]


def test_peak_and_blank() -> None:
    s = sensitivity_map(*ONE, HBR[0])
    value, kp, ks = s.peak
    assert value == s.probability.max() >= s.nominal
    assert s.probability[list(s.kp).index(kp), list(s.ks).index(ks)] == value
    blank = sensitivity_map(*ONE, np.nan, kp=[1.0], ks=[1.0])
    assert np.isnan(blank.probability).all()
    assert np.isnan(blank.peak).all()
    assert np.isnan(blank.nominal)


@pytest.mark.parametrize("factor", [0.0, -1.0, np.nan, np.inf])
def test_refused_factors(factor: float) -> None:
    with pytest.raises(ValueError, match=f"ks holds .{factor}"):
        sensitivity_map(*ONE, HBR[0], ks=[1.0, factor])
