"""Trajectories of motions that SGP4 does not make, for tests of what rests on trajectories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from tracss_hpc.ephemeris.gp import GPTrajectories
from tracss_hpc.epochs import Epoch, julian_dates


class Motion(Protocol):
    """What python-sgp4's records have: codes, positions [km], velocities [km/s] at Julian dates."""

    def sgp4_array(self, jd: np.ndarray, fr: np.ndarray) -> tuple[np.ndarray, ...]:
        """States at ``jd + fr``."""


class _Batch:
    """Stands for `SGP4Batch`, an object at a time."""

    def __init__(self, motions: Sequence[Motion]) -> None:
        self._motions = motions
        self.kind = np.full(len(motions), 1, dtype=np.uint8)  # deep-space: anything may jump

    def states(self, objects: np.ndarray, t: np.ndarray, start: Epoch) -> tuple[np.ndarray, ...]:
        """As `SGP4Batch.states`."""
        found = [
            self._motions[row].sgp4_array(*julian_dates(start, times))
            for row, times in zip(objects.tolist(), t, strict=True)
        ]
        code = np.array([states[0] for states in found], dtype=np.uint8).reshape(t.shape)
        r, v = (np.array([states[k] for states in found]).reshape(*t.shape, 3) for k in (1, 2))
        return r, v, code

    def mean_eccentricity(self, objects: np.ndarray, t: np.ndarray, start: Epoch) -> np.ndarray:
        """As `SGP4Batch.mean_eccentricity`."""
        return np.full((len(objects), len(t)), np.nan)

    def positions(self, objects: np.ndarray, t: np.ndarray, start: Epoch) -> tuple[np.ndarray, ...]:
        """As `SGP4Batch.positions`."""
        r, _, code = self.states(objects, t, start)
        return np.ascontiguousarray(r.transpose(0, 2, 1)), code


def made_up_trajectories(
    start: Epoch, motions: Sequence[Motion], mean_motion: np.ndarray
) -> GPTrajectories:
    """Trajectories that move as `motions` say."""
    trajectories = GPTrajectories(start, list(motions), mean_motion)  # type: ignore[arg-type]
    trajectories.__dict__["_batch"] = _Batch(motions)  # where cached_property keeps it
    return trajectories
