"""Recall of one screening against another: which events of one the other has too.

Fed by two lists of events on the same objects; feeds the speed bench. NumPy alone, nothing of the
package, so that it can judge the package.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Events", "has_match", "is_asked"]


@dataclass(frozen=True)
class Events:
    """Close approaches as columns of shape (n,); object numbers in either order.

    `tca_s` since the window's start, `miss_km` and `speed_km_s` at that time.
    """

    object1: NDArray[np.int64]
    object2: NDArray[np.int64]
    tca_s: NDArray[np.float64]
    miss_km: NDArray[np.float64]
    speed_km_s: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.tca_s)


def is_asked(
    events: Events, *, radius_km: float, face_km: float = 1e-3, least_speed_km_s: float = 0.1
) -> NDArray[np.bool_]:
    """Which events another exact screening must have too.

    Parameters
    ----------
    events : Events
    radius_km : float
        Radius of the sphere that was screened [km].
    face_km : float
        Events this close to the sphere's face may fall on either side [km]: two codes round the
        time of SGP4 differently, by decimetres along the orbit.
    least_speed_km_s : float
        Slower pairs move together and have minima whose number is a matter of taste [km/s].

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    return (events.miss_km <= radius_km - face_km) & (events.speed_km_s > least_speed_km_s)


def has_match(events: Events, others: Events, *, tolerance_s: float = 1.0) -> NDArray[np.bool_]:
    """Which events have one of the same pair among `others`, its TCA no further than `tolerance_s`.

    Several events may share a match: near in time and of one pair, they are one event twice.

    Parameters
    ----------
    events, others : Events
    tolerance_s : float
        Largest difference of the two times of closest approach [s].

    Returns
    -------
    ndarray of bool, shape (len(events),)
    """
    found = np.zeros(len(events), dtype=np.bool_)
    if not len(events) or not len(others):
        return found
    pairs = np.concatenate([_pairs(events), _pairs(others)])
    number = np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1)
    own, other = number[: len(events)], number[len(events) :]
    order = np.lexsort((others.tca_s, other))
    other, tca = other[order], others.tca_s[order]
    # One sorted axis for pair and time: each pair has a stretch of its own, wider than all times.
    times = np.concatenate([events.tca_s, tca])
    first, width = times.min(), np.ptp(times) + 4.0 * tolerance_s
    place = np.searchsorted(other * width + (tca - first), own * width + (events.tca_s - first))
    # That axis is good to 1e-4 s: it finds the two neighbours, the times themselves decide.
    for shift in (-1, 0):
        row = np.clip(place + shift, 0, len(others) - 1)
        found |= (other[row] == own) & (np.abs(tca[row] - events.tca_s) <= tolerance_s)
    return found


def _pairs(events: Events) -> NDArray[np.int64]:
    """The two numbers of each event, the smaller first; shape (n, 2)."""
    return np.sort(np.stack([events.object1, events.object2], axis=1), axis=1)
