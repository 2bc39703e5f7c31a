"""OEM and ITC files through the front door to states and covariances."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tracss_hpc as th
from tests.messages.ephemeris_texts import ITC_NAME, OEM, TRIANGLE, itc, oem_xml, state
from tracss_hpc.errors import EphemerisRangeError


@pytest.mark.parametrize(
    ("name", "text", "start"),
    [("a.oem", OEM, 120), ("a.xml", oem_xml(), 120), (ITC_NAME, itc(), 0)],
)
def test_states_lie_on_the_orbit(name: str, text: str, start: int, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    trajectory = th.Trajectory.from_file(tmp_path / name)
    # The OEM has a join at 480 s; both segments are the same orbit.
    t = np.array([0.0, 7.0, 30.0, 479.0, 480.0, 481.0, trajectory.duration_s])
    found = np.hstack(trajectory.state(t))
    assert np.abs(found - [state(start + x) for x in t]).max() < 2e-6
    with pytest.raises(EphemerisRangeError):
        trajectory.state(trajectory.duration_s + 1.0)


def test_covariance_at_its_own_epoch_is_the_printed_one(tmp_path: Path) -> None:
    (tmp_path / ITC_NAME).write_text(itc())
    matrix = th.Trajectory.from_file(tmp_path / ITC_NAME).covariance(np.array([300.0]))[0]
    assert np.abs(matrix[np.tril_indices(6)] - TRIANGLE).max() < 1e-9
