"""When the rate of collisions is greatest: the time of least Q, and its sigma.

Fed by clouds of both objects (`peak_overlap`); feeds `nc2d`. The rate goes as exp(-Q/2), Q the
squared Mahalanobis distance of a collision plus ln |A|. On straight motion Q is a parabola in time
and its least value known; on curved orbits parabolas through three times, one sigma apart, lead
there. They are also what `unit_sphere` takes its derivatives from.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.assess.peak_overlap import Cloud, Overlap, clip_eigenvalues, find_peak_overlap

__all__ = ["GreatestRate", "find_greatest_rate", "straight_rate"]

#: Converged when the time of least Q moves by less than this part of its sigma, and that sigma.
_STEADY, _STEADY_WIDTH = 1e-3, 1e-2
_SEARCH_STEPS = 15
#: The search may go this many times the spacing of its points at once.
_LONGEST_STEP = 10.0
#: Half width, in sigmas of the straight encounter, and number of points of the search of last
#: resort; points where no overlap is found are left out.
_WIDE_SIGMAS, _WIDE_POINTS = 12.0, 25


@dataclass(frozen=True)
class GreatestRate:
    """Overlaps (n, 3) one sigma before, at and after the least Q; time, value, sigma of that least.

    NaN where `found` is false.
    """

    found: NDArray[np.bool_]
    overlap: Overlap
    time_s: NDArray[np.float64]
    least_q: NDArray[np.float64]
    sigma_s: NDArray[np.float64]


def straight_rate(
    relative: NDArray[np.float64], covariance: NDArray[np.float64], hbr_km: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Time (n,) of least Q on straight motion, that Q, and its sigma in time."""
    inverse, log_determinant = clip_eigenvalues(covariance, hbr_km)
    r, v = relative[:, :3], relative[:, 3:]
    weighted = _times(inverse, r)
    vv, rv = _dot(v, _times(inverse, v)), _dot(weighted, v)
    with np.errstate(divide="ignore", invalid="ignore"):
        time, sigma = -rv / vv, 1.0 / np.sqrt(vv)
    return time, _dot(r, weighted) + time * rv + log_determinant, sigma


def find_greatest_rate(
    cloud1: Cloud,
    cloud2: Cloud,
    straight: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    hbr_km: NDArray[np.float64],
    longest_s: NDArray[np.float64],
) -> GreatestRate:
    """The greatest rate of n conjunctions; not found where sigma would exceed `longest_s` (n,)."""
    n = len(hbr_km)
    time, _, sigma = straight
    result = _blank(n)
    rows = np.flatnonzero(sigma <= longest_s)
    _descend(result, cloud1, cloud2, rows, time[rows], sigma[rows], hbr_km, longest_s)
    rows = rows[~result.found[rows]]
    if len(rows):
        spread = sigma[rows, None] * np.linspace(-_WIDE_SIGMAS, _WIDE_SIGMAS, _WIDE_POINTS)
        times = time[rows, None] + spread
        each = np.repeat(rows, _WIDE_POINTS)
        overlap = find_peak_overlap(
            cloud1.take(each), cloud2.take(each), times.ravel(), hbr_km[each]
        )
        q = np.where(np.isnan(overlap.q), np.inf, overlap.q).reshape(times.shape)
        some = np.isfinite(q).any(axis=1)
        best = times[np.arange(len(rows)), q.argmin(axis=1)]
        rows, best = rows[some], best[some]
        _descend(result, cloud1, cloud2, rows, best, sigma[rows], hbr_km, longest_s)
    return result


def _descend(
    result: GreatestRate,
    cloud1: Cloud,
    cloud2: Cloud,
    rows: NDArray[np.intp],
    centre: NDArray[np.float64],
    width: NDArray[np.float64],
    hbr_km: NDArray[np.float64],
    longest_s: NDArray[np.float64],
) -> None:
    """Fill `result` for `rows` by parabolas through three times, where these have a least value."""
    for _ in range(_SEARCH_STEPS):
        if not len(rows):
            return
        times = centre[:, None] + width[:, None] * np.array([-1.0, 0.0, 1.0])
        each = np.repeat(rows, 3)
        overlap = find_peak_overlap(
            cloud1.take(each), cloud2.take(each), times.ravel(), hbr_km[each]
        )
        low, middle, high = overlap.q.reshape(-1, 3).T
        with np.errstate(divide="ignore", invalid="ignore"):  # rows that end here
            slope, bend = 0.5 * (high - low), high - 2.0 * middle + low
            step = width * np.clip(-slope / bend, -_LONGEST_STEP, _LONGEST_STEP)
            new_width = width * np.sqrt(2.0 / bend)
            steady = (np.abs(step) < _STEADY * new_width) & (
                np.abs(new_width - width) < _STEADY_WIDTH * width
            )
        done = (bend > 0.0) & steady
        three = 3 * np.flatnonzero(done)[:, None] + np.arange(3)
        for field in fields(Overlap):
            getattr(result.overlap, field.name)[rows[done]] = getattr(overlap, field.name)[three]
        result.found[rows[done]] = True
        result.time_s[rows[done]] = (centre + step)[done]
        result.least_q[rows[done]] = middle[done] - 0.5 * slope[done] ** 2 / bend[done]
        result.sigma_s[rows[done]] = new_width[done]
        on = (bend > 0.0) & ~steady & (new_width <= longest_s[rows])
        rows, centre, width = rows[on], (centre + step)[on], new_width[on]


def _blank(n: int) -> GreatestRate:
    shapes = {"time_s": (), "relative": (6,), "covariance": (6, 6), "inverse": (3, 3),
              "log_determinant": (), "q": ()}  # fmt: skip
    overlap = Overlap(**{name: np.full((n, 3, *rest), np.nan) for name, rest in shapes.items()})
    time, least, sigma = (np.full(n, np.nan) for _ in range(3))
    return GreatestRate(np.zeros(n, dtype=np.bool_), overlap, time, least, sigma)


def _times(matrix: NDArray[np.float64], vector: NDArray[np.float64]) -> NDArray[np.float64]:
    product: NDArray[np.float64] = (matrix @ vector[..., None])[..., 0]
    return product


def _dot(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    product: NDArray[np.float64] = (a * b).sum(axis=-1)
    return product
