"""Objects of Orekit, which are in SI units, to the columns of our records [km, km/s, s]."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.messages.trajectory_record import TrajectoryBlock
from tracss_hpc.messages.utc import Utc, elapsed

_ROUNDING = 1e-15  # of a product with 1,000 or 1,000,000


def check_epochs(
    dates: Iterable[Any], jd: NDArray[np.float64], seconds: NDArray[np.float64]
) -> None:
    """Dates of Orekit are these epochs: SI seconds from one printed epoch agree to 1 ns."""
    from org.orekit.time import AbsoluteDate, TimeScalesFactory

    origin = Utc(float(jd[0]), 0.0)
    start = AbsoluteDate(origin.iso(), TimeScalesFactory.getUTC())
    found = [date.durationFrom(start) for date in dates]
    np.testing.assert_allclose(found, elapsed(origin, jd, seconds), rtol=0.0, atol=1e-9)


def check_edges(start: Any, stop: Any, block: TrajectoryBlock) -> None:
    """Orekit's useable span is that of the block."""
    edges = np.array([block.useable_start, block.useable_stop])
    check_epochs([start, stop], edges[:, 0], edges[:, 1])


def check_states(rows: Iterable[Any], block: TrajectoryBlock) -> None:
    """Rows of Orekit [m, m/s, m/s^2] are the states of the block."""
    columns = [block.r, block.v] if block.a is None else [block.r, block.v, block.a]
    given = 1e3 * np.hstack(columns)
    np.testing.assert_allclose([list(row) for row in rows], given, rtol=_ROUNDING)


def check_matrices(matrices: Iterable[Any], block: TrajectoryBlock) -> None:
    """Matrices of Orekit [m^2, m^2/s, m^2/s^2] are the covariances of the block."""
    found = [[list(row) for row in matrix.getData()] for matrix in matrices]
    assert block.covariance is not None
    np.testing.assert_allclose(found, 1e6 * block.covariance, rtol=_ROUNDING)
