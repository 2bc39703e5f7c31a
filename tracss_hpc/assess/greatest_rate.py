"""When the rate of collisions is greatest: the time of least Q, and its sigma.

Fed by clouds of both objects (`peak_overlap`); feeds `nc2d`. The rate goes as exp(-Q/2), Q the
squared Mahalanobis distance of a collision plus ln |A|. On straight motion Q is a parabola in time
and its least value known; on curved orbits parabolas through three times, one sigma apart, lead
there. They are also what `unit_sphere` takes its derivatives from.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.assess.peak_overlap import Cloud, Overlap, clip_eigenvalues, find_peak_overlap

__all__ = ["find_greatest_rate", "straight_rate"]

#: Converged when the time of least Q moves by less than this part of its sigma, and that sigma.
_STEADY, _STEADY_WIDTH = 1e-3, 1e-2
_SEARCH_STEPS = 15
#: The search may go this many times the spacing of its points at once.
_LONGEST_STEP = 10.0
#: Half width, in sigmas of the straight encounter, and number of points of the search of last
#: resort; points where no overlap is found are left out.
_WIDE_SIGMAS, _WIDE_POINTS = 12.0, 25


def straight_rate(
    relative: NDArray[np.float64], covariance: NDArray[np.float64], hbr_km: float
) -> tuple[float, float, float]:
    """Time of least Q on straight motion, that Q, and its sigma in time."""
    inverse, log_determinant = clip_eigenvalues(covariance, hbr_km)
    r, v = relative[:3], relative[3:]
    vv, rv = float(v @ inverse @ v), float(r @ inverse @ v)
    with np.errstate(divide="ignore", invalid="ignore"):
        time = float(np.divide(-rv, vv))
        sigma = float(1.0 / np.sqrt(vv))
    return time, float(r @ inverse @ r) + time * rv + float(log_determinant), sigma


def find_greatest_rate(
    cloud1: Cloud,
    cloud2: Cloud,
    straight: tuple[float, float, float],
    hbr_km: float,
    longest_s: float,
) -> tuple[Overlap, float, float, float] | None:
    """Overlaps one sigma before, at and after the least Q; time, value and sigma of that least.

    None where none is found or sigma exceeds `longest_s`.
    """
    time, _, sigma = straight
    if sigma > longest_s:
        return None
    found = _descend(cloud1, cloud2, time, sigma, hbr_km, longest_s)
    if found is None:
        times = time + sigma * np.linspace(-_WIDE_SIGMAS, _WIDE_SIGMAS, _WIDE_POINTS)
        q = find_peak_overlap(cloud1, cloud2, times, hbr_km).q
        if not np.isnan(q).all():
            found = _descend(
                cloud1, cloud2, float(times[np.nanargmin(q)]), sigma, hbr_km, longest_s
            )
    return found


def _descend(
    cloud1: Cloud, cloud2: Cloud, centre: float, width: float, hbr_km: float, longest_s: float
) -> tuple[Overlap, float, float, float] | None:
    """As `find_greatest_rate`, by parabolas through three times; None where they have no least."""
    for _ in range(_SEARCH_STEPS):
        times = centre + np.array([-width, 0.0, width])
        overlap = find_peak_overlap(cloud1, cloud2, times, hbr_km)
        low, middle, high = overlap.q
        slope, bend = 0.5 * (high - low), high - 2.0 * middle + low
        if not bend > 0.0:
            return None
        step = width * float(np.clip(-slope / bend, -_LONGEST_STEP, _LONGEST_STEP))
        new_width = width * float(np.sqrt(2.0 / bend))
        if abs(step) < _STEADY * new_width and abs(new_width - width) < _STEADY_WIDTH * width:
            least = float(middle - 0.5 * slope * slope / bend)
            return overlap, centre + step, least, new_width
        centre, width = centre + step, new_width
        if width > longest_s:
            return None
    return None
