"""Draws from aggregate statistics: sums, shares and shapes."""

from __future__ import annotations

import numpy as np
import pytest

from tracss_hpc.catalog.draws import (
    angles_by_class,
    angles_from_histogram,
    at_quantiles,
    class_of,
    cumulative_counts,
    normal,
)


@pytest.mark.parametrize("total", [1, 7, 60, 61, 1000])
def test_cumulative_counts_sum_exactly_and_stay_fair(total: int) -> None:
    counts = np.array([1, 0, 10, 49], dtype=np.int64)
    scaled = cumulative_counts(counts, total)
    assert scaled.sum() == total
    assert np.all(np.abs(scaled - counts * total / 60) <= 1.0)
    assert total != 60 or scaled.tolist() == counts.tolist()


def test_normal_has_unit_variance(rng: np.random.Generator) -> None:
    x = normal(rng, 200_000)
    assert abs(x.mean()) < 0.01
    assert abs(x.std() - 1.0) < 0.01


def test_angles_follow_their_histogram(rng: np.random.Generator) -> None:
    """Bins of 90 deg with shares 1:0:3:0; an empty histogram is uniform."""
    angle = angles_from_histogram([1, 0, 3, 0], 40_000, rng)
    counts = np.histogram(angle, 4, (0.0, 360.0))[0]
    assert counts[1] == counts[3] == 0
    assert counts[2] / counts[0] == pytest.approx(3.0, rel=0.05)
    uniform = np.histogram(angles_from_histogram([], 40_000, rng), 4, (0.0, 360.0))[0]
    assert np.ptp(uniform) < 800


def test_angles_by_class(rng: np.random.Generator) -> None:
    of = class_of([0.0, 10.0, 20.0], np.array([-1.0, 3.0, 10.0, 15.0, 99.0]))
    assert of.tolist() == [0, 0, 1, 1, 1]
    angle = angles_by_class([[1, 0], [0, 1]], of, rng)
    assert (angle >= 180.0).tolist() == [False, False, True, True, True]


def test_quantiles_are_met_at_their_probabilities() -> None:
    values = at_quantiles([0.0, 0.5, 1.0], [1.0, 2.0, 10.0], np.array([0.0, 0.25, 0.5, 0.75, 1.0]))
    assert values.tolist() == [1.0, 1.5, 2.0, 6.0, 10.0]
