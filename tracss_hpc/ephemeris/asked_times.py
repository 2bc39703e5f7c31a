"""Times that a caller asks for, in any usual type, as seconds since an epoch.

Fed by the arguments of `Trajectory.state`, `covariance` and the like; feeds their evaluation.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tracss_hpc.messages.utc import Utc, elapsed, parse_utcs

__all__ = ["Times", "seconds_since"]

#: Seconds, or UTC as text, `Utc`, datetime or datetime64; one, or a sequence or array of one kind.
Times: TypeAlias = ArrayLike | Utc | dt.datetime | Sequence[Utc] | Sequence[dt.datetime]

_ALLOWED = (
    "seconds since the epoch, or UTC as text, Utc, datetime or datetime64; one, or a sequence of "
    "one kind"
)
_JD_OF_1970 = 2440587.5
_NS = np.timedelta64(1, "ns")


def seconds_since(epoch: Utc, t: Times) -> tuple[NDArray[np.float64], bool]:
    """SI seconds from `epoch` to each time (n,), and whether `t` was a single one.

    Parameters
    ----------
    t
        Numbers are seconds already. A datetime with a zone is converted to UTC, one without is
        taken as UTC, as datetime64 is (to 1 ns).

    Raises
    ------
    TypeError
        If it is something else.
    ValueError
        If it has more than one dimension, is not a time (NaT), or a text is no epoch
        (`EpochError`).
    """
    if isinstance(t, (str, Utc, dt.datetime)):
        return _elapsed(epoch, [t]), True
    if isinstance(t, (list, tuple)) and any(isinstance(x, (str, Utc, dt.datetime)) for x in t):
        return _elapsed(epoch, list(t)), False
    try:
        array = np.asarray(t)
    except ValueError:  # lists of unequal length
        raise ValueError(f"times in one dimension are needed, given {t!r:.60}") from None
    if array.ndim > 1:
        raise ValueError(
            f"times in one dimension are needed, given an array of shape {array.shape}"
        )
    single, column = array.ndim == 0, np.atleast_1d(array)
    if column.dtype.kind == "M":
        return elapsed(epoch, *_of_datetime64(column)), single
    if column.dtype.kind in "OU":
        return _elapsed(epoch, column.tolist()), single
    if column.dtype.kind not in "iuf":
        raise TypeError(f"times of type {column.dtype} are not taken; allowed: {_ALLOWED}")
    return column.astype(np.float64), single


def _elapsed(epoch: Utc, times: list[Any]) -> NDArray[np.float64]:
    """Seconds to texts, `Utc` or datetimes, all of one kind."""
    if all(isinstance(x, str) for x in times):
        return elapsed(epoch, *parse_utcs(times))
    if all(isinstance(x, Utc) for x in times):
        return elapsed(epoch, *np.array(times, dtype=np.float64).T)
    if all(isinstance(x, dt.datetime) for x in times):
        return elapsed(epoch, *np.array([_of_datetime(x) for x in times]).T)
    kinds = " and ".join(sorted({type(x).__name__ for x in times}))
    raise TypeError(f"times of type {kinds} are not taken; allowed: {_ALLOWED}")


def _of_datetime(t: dt.datetime) -> tuple[float, float]:
    """Midnight (Julian date) and seconds since it."""
    if t.tzinfo is not None:
        t = t.astimezone(dt.UTC).replace(tzinfo=None)
    whole = t.hour * 3600 + t.minute * 60 + t.second
    days = t.toordinal() - dt.date(1970, 1, 1).toordinal()
    return days + _JD_OF_1970, (whole * 10**6 + t.microsecond) / 1e6


def _of_datetime64(t: NDArray[np.datetime64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if np.isnat(t).any():
        raise ValueError(f"time {int(np.argmax(np.isnat(t)))} of {t.size} is NaT, not a time")
    days = t.astype("datetime64[D]")
    ticks: NDArray[np.int64] = ((t - days) // _NS).astype(np.int64)
    return days.astype(np.int64).astype(np.float64) + _JD_OF_1970, ticks / 1e9
