"""Monte Carlo of one conjunction: orbits drawn from both clouds, flown, counted.

Fed by states, full covariances and hard-body radii of chosen conjunctions, and by the duration of
the encounter (`nc2d`, `coppola`); `runs.monte_carlo` shares the batches among ranks.

Orbits are drawn in equinoctial elements and move on two-body ellipses. Drawn in position and
velocity they miss the bend of the cloud: 0 hits in 5e5 where the truth is 1.4e-4. A pair is a hit
if it is within the combined radius at some time of the window, also at its begin.

Samples come in batches of one size. A batch's numbers come from a counter-based generator, keyed by
the seed and the conjunction and started at the batch's number [Salmon2011], so any rank can do any
batch, and the hits do not depend on how many ranks there are.

Between nodes in time the relative motion is the cubic through both ends' positions and velocities;
nodes are so near that its error stays below 1e-3 of the radius.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from tracss_hpc.assess.equinoctial import regular_axes, states_of_elements
from tracss_hpc.assess.peak_overlap import equinoctial_cloud
from tracss_hpc.errors import InputDataError

__all__ = ["BATCH_SAMPLES", "SampledPair", "clopper_pearson", "count_hits", "sample_pair", "stream"]

#: Pairs of orbits in one batch; part of what defines the random numbers, so never to be changed
#: without a word in the changelog.
BATCH_SAMPLES = 8192
#: Largest error of the path between nodes, as a part of the radius.
_PATH_ERROR = 1e-3
#: Nodes per revolution at the speed of the perigee, at least: no approach hides between two.
_NODES_PER_TURN = 60
_BISECTIONS = 40
#: A correlation matrix may be this far from positive by rounding alone.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class SampledPair:
    """What orbits are drawn from, for one conjunction.

    `mean` (2, 6) equinoctial elements of both objects at TCA; `root` (12, 12), root root' the
    covariance of both together, object 1 first; `hbr_km` combined radius; `node_spacing_s` longest
    time between nodes. `repaired`: the covariance was not positive, what was negative counts as 0.
    """

    mean: NDArray[np.float64]
    root: NDArray[np.float64]
    hbr_km: float
    node_spacing_s: float
    repaired: bool


def sample_pair(
    state1: NDArray[np.float64],
    state2: NDArray[np.float64],
    covariance1: NDArray[np.float64],
    covariance2: NDArray[np.float64],
    hbr_km: float,
    *,
    responses_km: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
) -> SampledPair:
    """Prepare one conjunction.

    Parameters
    ----------
    state1, state2 : ndarray, shape (6,)
        Position and velocity of both objects at TCA in one inertial frame [km, km/s].
    covariance1, covariance2 : ndarray, shape (21,)
        Lower triangle by rows of each 6x6 covariance in its own object's RTN [km^2, km^2/s,
        km^2/s^2].
    hbr_km : float
        Combined hard-body radius [km].
    responses_km : pair of ndarray, shape (6,), optional
        What one sigma of a common density error does to each object's state in its own RTN
        [km, km/s]; it is part of the covariances, and with it both errors are drawn as correlated.

    Raises
    ------
    InputDataError
        If a value is missing, the radius is not positive, or an orbit is not an ellipse.
    """
    values = (state1, state2, covariance1, covariance2)
    if not all(np.isfinite(a).all() for a in values) or not 0.0 < hbr_km < np.inf:
        raise InputDataError(
            "Monte Carlo needs both states, both 6x6 covariances and a combined hard-body radius "
            f"above 0; the radius is {hbr_km * 1e3:g} m and "
            f"{sum(int((~np.isfinite(a)).sum()) for a in values)} other values are missing",
            key="hbr",
            given=hbr_km,
            allowed="> 0",
        )
    axes = np.kron(np.eye(2), regular_axes(state1, state2))
    clouds = []
    for k, (state, packed) in enumerate(((state1, covariance1), (state2, covariance2))):
        response = None if responses_km is None else responses_km[k]
        cloud = equinoctial_cloud(axes @ state, packed, response)
        if not np.isfinite(cloud.mean).all():
            raise InputDataError(
                "Monte Carlo needs orbits that are ellipses; the state "
                f"{np.array2string(state, precision=3)} km, km/s is not on one",
                key="state",
                given=state.tolist(),
                allowed="negative orbital energy",
            )
        clouds.append(cloud)
    cross = np.outer(clouds[0].response, clouds[1].response)
    root, repaired = _square_root(
        np.block([[clouds[0].covariance, cross], [cross.T, clouds[1].covariance]])
    )
    inertial = clouds[0].inertial_covariance + clouds[1].inertial_covariance
    mean = np.stack([cloud.mean for cloud in clouds])
    eccentricity = np.hypot(mean[:, 1], mean[:, 2])
    rate = float(np.max(mean[:, 0] / (1.0 - eccentricity) ** 1.5))
    spread = np.sqrt(np.maximum(np.diag(inertial), 0.0))
    speed = float(np.linalg.norm(state2[3:] - state1[3:]))
    speed += float(np.linalg.norm(spread[3:]) + rate * np.linalg.norm(spread[:3]))
    # Of Hermite's cubic: h^4 / 384 times the fourth derivative, here rate^3 times the speed.
    spacing = (384.0 * _PATH_ERROR * hbr_km / (rate**3 * speed)) ** 0.25
    spacing = min(spacing, 2.0 * np.pi / rate / _NODES_PER_TURN)
    return SampledPair(mean, root, hbr_km, spacing, repaired)


def stream(seed: int, *names: str) -> tuple[int, int]:
    """Key of the random numbers of one conjunction, from a seed and what names it.

    Parameters
    ----------
    seed : int
        0 to 2^64 - 1.
    names : str
        Designators of both objects and TCA, for instance.
    """
    digest = hashlib.blake2b("\n".join(names).encode(), digest_size=8).digest()
    return seed, int.from_bytes(digest, "little")


def count_hits(
    pair: SampledPair, key: tuple[int, int], batch: int, window_s: tuple[float, float]
) -> tuple[int, int]:
    """Hits among the samples of one batch, and samples that left the Earth (no hits).

    Parameters
    ----------
    pair : SampledPair
    key : tuple of int
        Of `stream`.
    batch : int
        Number of the batch, 0, 1, ...
    window_s : tuple of float
        Begin and end of the encounter since TCA [s].
    """
    generator = np.random.Generator(np.random.Philox(key=key, counter=(0, 0, 0, batch)))
    errors = generator.standard_normal((BATCH_SAMPLES, 12)) @ pair.root.T
    elements = pair.mean[:, None, :] + np.stack([errors[:, :6], errors[:, 6:]])
    closed = (elements[..., 0] > 0.0) & (np.hypot(elements[..., 1], elements[..., 2]) < 1.0)
    both = closed.all(axis=0)
    elements = elements[:, both]
    begin, end = window_s
    intervals = max(1, int(np.ceil((end - begin) / pair.node_spacing_s)))
    times = np.linspace(begin, end, intervals + 1)
    step = (end - begin) / intervals
    before = _relative(elements, times[0])
    hit = _distance(before[:, :3]) < pair.hbr_km
    for time in times[1:]:
        after = _relative(elements, time)
        hit |= _distance(after[:, :3]) < pair.hbr_km
        approach = (_dot(before[:, :3], before[:, 3:]) < 0.0) & (
            _dot(after[:, :3], after[:, 3:]) > 0.0
        )
        rows = np.flatnonzero(approach & ~hit)
        rows = rows[_may_hit(before[rows], after[rows], step, pair.hbr_km)]
        hit[rows] = _closest(before[rows], after[rows], step) < pair.hbr_km
        before = after
    return int(hit.sum()), int((~both).sum())


def clopper_pearson(hits: int, samples: int, confidence: float = 0.95) -> tuple[float, float]:
    """Interval that holds the probability with at least the given confidence [Clopper1934]."""
    tail = 0.5 * (1.0 - confidence)
    low = float(betaincinv(hits, samples - hits + 1, tail)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1, samples - hits, 1.0 - tail)) if hits < samples else 1.0
    return low, high


def _square_root(covariance: NDArray[np.float64]) -> tuple[NDArray[np.float64], bool]:
    """A root of a covariance (12, 12) and whether a negative part was left out.

    Of the correlations, because the elements' variances differ by 1e12.
    """
    sigma = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    scale = np.where(sigma > 0.0, sigma, 1.0)
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    root = sigma[:, None] * vectors * np.sqrt(np.maximum(values, 0.0))
    return root, bool(values.min() < -_ROUNDING or np.diag(covariance).min() < 0.0)


def _relative(elements: NDArray[np.float64], time_s: float) -> NDArray[np.float64]:
    states = states_of_elements(elements, time_s)
    relative: NDArray[np.float64] = states[1] - states[0]
    return relative


def _may_hit(
    before: NDArray[np.float64], after: NDArray[np.float64], step: float, hbr_km: float
) -> NDArray[np.bool_]:
    """Whether the chord between two nodes, or what the cubic may leave it by, is within reach.

    The cubic's acceleration is linear in time, so largest at an end; it leaves the chord by at most
    step^2 / 8 of that.
    """
    chord = after[:, :3] - before[:, :3]
    by_step = 6.0 / (step * step) * chord
    first = by_step - (4.0 * before[:, 3:] + 2.0 * after[:, 3:]) / step
    last = (2.0 * before[:, 3:] + 4.0 * after[:, 3:]) / step - by_step
    sag = step * step / 8.0 * np.maximum(_distance(first), _distance(last))
    length2 = np.maximum(_dot(chord, chord), np.finfo(float).tiny)
    at = np.clip(-_dot(before[:, :3], chord) / length2, 0.0, 1.0)
    nearest = _distance(before[:, :3] + at[:, None] * chord)
    reach: NDArray[np.bool_] = nearest - sag < hbr_km
    return reach


def _closest(
    before: NDArray[np.float64], after: NDArray[np.float64], step: float
) -> NDArray[np.float64]:
    """Least distance on the cubic between nodes where the objects first near, then part."""
    low, high = np.zeros(len(before)), np.ones(len(before))
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        position, velocity = _cubic(before, after, step, middle)
        nearing = _dot(position, velocity) < 0.0
        low, high = np.where(nearing, middle, low), np.where(nearing, high, middle)
    return _distance(_cubic(before, after, step, 0.5 * (low + high))[0])


def _cubic(
    before: NDArray[np.float64], after: NDArray[np.float64], step: float, at: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Hermite's cubic and its derivative at the part `at` of the step."""
    s = at[:, None]
    r0, r1 = before[:, :3], after[:, :3]
    v0, v1 = step * before[:, 3:], step * after[:, 3:]
    bend = 3.0 * (r1 - r0) - 2.0 * v0 - v1
    twist = 2.0 * (r0 - r1) + v0 + v1
    return r0 + s * (v0 + s * (bend + s * twist)), v0 + s * (2.0 * bend + 3.0 * s * twist)


def _dot(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    product: NDArray[np.float64] = a[:, 0] * b[:, 0] + a[:, 1] * b[:, 1] + a[:, 2] * b[:, 2]
    return product


def _distance(a: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sqrt(_dot(a, a))
