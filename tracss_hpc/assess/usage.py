"""Where the 2-D probability may not be used, and which of those rows are worth more work.

Fed by the `coppola` flags, states, covariances and the greatest probability of a covariance-scale
search; feeds `nc2d`. What costs milliseconds cannot be done for millions of rows, so cheap signs of
doubt choose, and then how much is at stake.

In a run of the whole catalog over ten days, 379,530 rows, 3,502 are in doubt and 2,660 of those
have a greatest probability of 1e-7 or more. Of 3,000 other rows with that much, the 2-D probability
is within 1.7 % of Nc2D where it exceeds 1e-6, within 11 % where it exceeds 1e-12.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tracss_hpc.assess.coppola import EncounterBounds

__all__ = ["SLOW_SPEED_KM_S", "doubtful_rows", "select_nc2d_rows"]

#: An encounter slower than this is always in doubt for the 2-D probability [km/s]. Of 26 published
#: events that at 54 m/s is wrong by 19 orders, those from 121 to 495 m/s by at most 1.8 %.
SLOW_SPEED_KM_S = 0.1
#: So is one where a cloud is long: half its length^2 / orbit radius, by which it leaves a straight
#: line, against the thin side of the combined cloud. Of the same events one at 15 km/s is wrong by
#: half, with a sigma along the orbit of 238 km; no other test catches it.
_LONGEST_SAGITTA = 1.0


def doubtful_rows(
    bounds: EncounterBounds,
    states1: ArrayLike,
    states2: ArrayLike,
    covariances1: ArrayLike,
    covariances2: ArrayLike,
    sigma_z_km: ArrayLike,
    *,
    slow_speed_km_s: float = SLOW_SPEED_KM_S,
) -> NDArray[np.bool_]:
    """Rows (n,) where the 2-D probability may fail: too long, too far from TCA, slow, or bent.

    Parameters
    ----------
    bounds : EncounterBounds
    states1, states2, covariances1, covariances2 : array_like
        As `coppola.encounter_bounds`.
    sigma_z_km : array_like, shape (n,)
        Smaller sigma in the encounter plane, of `encounter.Encounters` [km]; a row without is not
        in doubt but refused.
    slow_speed_km_s : float
        Relative speed below which a row is in doubt.
    """
    state1, state2 = (np.asarray(s, dtype=np.float64) for s in (states1, states2))
    sigma_z = np.asarray(sigma_z_km, dtype=np.float64)
    speed = np.linalg.norm(state2[:, 3:] - state1[:, 3:], axis=1)
    bent = np.zeros(len(sigma_z), dtype=bool)
    for state, covariance in ((state1, covariances1), (state2, covariances2)):
        sigma_t2 = np.asarray(covariance, dtype=np.float64)[:, 2]
        sagitta = 0.5 * sigma_t2 / np.linalg.norm(state[:, :3], axis=1)
        bent |= sagitta > _LONGEST_SAGITTA * sigma_z
    doubtful: NDArray[np.bool_] = bounds.flagged | (speed < slow_speed_km_s) | bent
    return doubtful & np.isfinite(sigma_z)


def select_nc2d_rows(
    doubtful: ArrayLike, pc_max: ArrayLike, *, min_pcmax: float, max_rows: int
) -> tuple[NDArray[np.intp], int]:
    """Rows that are worth 2 ms each: in doubt, and not harmless even at the worst covariance.

    The probability itself cannot choose, as it may be 20 orders too small just where it fails.

    Parameters
    ----------
    doubtful : array_like of bool, shape (n,)
        Of `doubtful_rows`.
    pc_max : array_like, shape (n,)
        Greatest probability over scaled covariances; NaN is never chosen.
    min_pcmax : float
        Least `pc_max` of a chosen row.
    max_rows : int
        At most so many, those with the greatest `pc_max`; ties by row number.

    Returns
    -------
    rows : ndarray
        Ascending row numbers.
    skipped : int
        How many more had qualified.
    """
    greatest = np.asarray(pc_max, dtype=np.float64)
    chosen = np.flatnonzero(np.asarray(doubtful, dtype=bool) & (greatest >= min_pcmax))
    order = np.argsort(-greatest[chosen], kind="stable")
    return np.sort(chosen[order[:max_rows]]), max(0, len(chosen) - max_rows)
