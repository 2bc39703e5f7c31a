"""Monte Carlo of one batch: draws, paths between nodes, intervals, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from tests.assess.reference_rows import Pairs
from tests.assess.test_nc2d import event
from tracss_hpc.assess import monte_carlo
from tracss_hpc.assess.equinoctial import states_of_elements
from tracss_hpc.assess.monte_carlo import (
    BATCH_SAMPLES,
    SampledPair,
    clopper_pearson,
    count_hits,
    sample_pair,
    stream,
)
from tracss_hpc.errors import InputDataError


def pair_of(pairs: Pairs, hbr_km: float) -> SampledPair:
    return sample_pair(*(a[0] for a in pairs), hbr_km)


def drawn(pair: SampledPair, key: tuple[int, int], batch: int) -> np.ndarray:
    """The orbits (2, samples, 6) of a batch, as its docstring tells."""
    generator = np.random.Generator(np.random.Philox(key=key, counter=(0, 0, 0, batch)))
    normals = generator.standard_normal((BATCH_SAMPLES, 12))
    errors = np.einsum("sj,ij->si", normals, pair.root)
    return pair.mean[:, None] + np.moveaxis(errors.reshape(-1, 2, 6), 1, 0)


def test_draws_have_the_given_covariance(shared_data: Path) -> None:
    """Sigmas of the drawn states at TCA in RTN against those of the message, to 4 sigma."""
    pairs, _ = event(shared_data / "pc", "000025994_conj_000037558")
    pair = pair_of(pairs, 0.015)
    assert not pair.repaired
    states = states_of_elements(drawn(pair, stream(7, "draws"), 3), 0.0)
    for k, (state, packed) in enumerate(
        ((pairs.state1[0], pairs.covariance1[0]), (pairs.state2[0], pairs.covariance2[0]))
    ):
        radial = state[:3] / np.linalg.norm(state[:3])
        normal = np.cross(state[:3], state[3:]) / np.linalg.norm(np.cross(state[:3], state[3:]))
        transverse = np.cross(normal, radial)
        for axis, at in ((transverse, 2), (normal, 5)):
            sigma = ((states[k, :, :3] - state[:3]) @ axis).std()
            assert sigma == pytest.approx(np.sqrt(packed[at]), rel=4.0 / np.sqrt(2 * BATCH_SAMPLES))


def test_batches_are_streams_of_their_own(shared_data: Path) -> None:
    pairs, _ = event(shared_data / "pc", "000025994_conj_000037558")
    pair, key, window = pair_of(pairs, 0.05), stream(1, "a", "b"), (-0.1, 0.1)
    hits = [count_hits(pair, key, batch, window) for batch in range(4)]
    assert hits == [count_hits(pair, key, batch, window) for batch in range(4)]
    assert len(set(hits)) > 1
    assert stream(1, "a", "b") == stream(1, "a", "b") != stream(1, "b", "a")
    assert stream(2, "a", "b") != stream(1, "a", "b")
    assert count_hits(pair, stream(1, "a", "c"), 0, window) != hits[0]


def test_hits_are_those_of_dense_times(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow event, its path between nodes against 4,000 times of the exact motion."""
    monkeypatch.setattr(monte_carlo, "BATCH_SAMPLES", 1024)
    monkeypatch.setitem(globals(), "BATCH_SAMPLES", 1024)
    pairs, _ = event(shared_data / "pc", "000035946_conj_000030648")
    pair, key, window = pair_of(pairs, 1.0), stream(3, "dense"), (30.0, 70.0)
    least = np.full(1024, np.inf)
    orbits = drawn(pair, key, 0)
    for time in np.linspace(*window, 4001):
        states = states_of_elements(orbits, time)
        least = np.minimum(least, np.linalg.norm(states[1, :, :3] - states[0, :, :3], axis=1))
    # Between times 0.01 s apart at 54 m/s the distance may be 0.3 m less at most.
    assert 20 < (least < 0.999).sum() <= count_hits(pair, key, 0, window)[0]
    assert count_hits(pair, key, 0, window)[0] <= (least < 1.001).sum()


@pytest.mark.parametrize(
    ("hits", "samples"), [(0, 100), (1, 100), (50, 100), (100, 100), (7, 10**6)]
)
def test_clopper_pearson(hits: int, samples: int) -> None:
    """At either end of the interval, what was counted or beyond it has a chance of 2.5 %."""
    low, high = clopper_pearson(hits, samples)
    assert low <= hits / samples <= high
    if hits > 0:
        assert binom.sf(hits - 1, samples, low) == pytest.approx(0.025, rel=1e-9)
    if hits < samples:
        assert binom.cdf(hits, samples, high) == pytest.approx(0.025, rel=1e-9)
    assert (low == 0.0) == (hits == 0)
    assert (high == 1.0) == (hits == samples)
    wide = clopper_pearson(hits, samples, 0.999)
    assert wide[0] <= low
    assert wide[1] >= high


def test_samples_that_leave_the_earth(shared_data: Path) -> None:
    """A velocity known to 5 km/s: many drawn orbits are open; they are counted, not flown."""
    pairs, _ = event(shared_data / "pc", "000025994_conj_000037558")
    for covariance in (pairs.covariance1, pairs.covariance2):
        covariance[0, [9, 14, 20]] = 25.0
    hits, left = count_hits(pair_of(pairs, 0.015), stream(1, "open"), 0, (-1.0, 1.0))
    assert 100 < left < BATCH_SAMPLES
    assert 0 <= hits < BATCH_SAMPLES - left


def test_repair_is_told(shared_data: Path) -> None:
    pairs, _ = event(shared_data / "pc", "000025994_conj_000037558")
    pairs.covariance1[0, 1] = 10.0 * np.sqrt(pairs.covariance1[0, 0] * pairs.covariance1[0, 2])
    assert pair_of(pairs, 0.015).repaired


@pytest.mark.parametrize("fault", ["hbr", "covariance", "orbit"])
def test_what_is_refused(shared_data: Path, fault: str) -> None:
    pairs, _ = event(shared_data / "pc", "000025994_conj_000037558")
    hbr = 0.0 if fault == "hbr" else 0.015
    if fault == "covariance":
        pairs.covariance2[0, 15] = np.nan
    if fault == "orbit":
        pairs.state2[0, 3:] *= 2.0
    with pytest.raises(
        InputDataError, match="ellipses" if fault == "orbit" else "Monte Carlo needs"
    ):
        pair_of(pairs, hbr)
