"""UTC epochs as two-part Julian dates, and text to and from them.

Fed by every reader (element sets, configuration); feeds every stage. Days have 86,400 s: this is
the time scale SGP4 takes. An epoch is (jd, fr): jd a midnight (ends in .5), fr the fraction of
that day in [0, 1). Times inside a run are seconds since run start, never a lone Julian date:
one double holds a Julian date only to 40 us, which is 30 cm of orbit.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tracss_hpc.constants import DAY_S

__all__ = ["Epoch", "format_times", "julian_dates", "parse_epoch"]

_CALENDAR = re.compile(
    r"(\d{4})-(\d{2}|\d{3})(?:-(\d{2}))?(?:[T ](\d{2}):(\d{2})(?::(\d{2})(\.\d*)?)?)?Z?"
)
_JD_OF_ORDINAL_ZERO = 1721424.5  # Julian date of 0000-12-31, ordinal 0 of the proleptic calendar


class Epoch(NamedTuple):
    """One UTC instant: midnight `jd` (Julian date ending in .5) and day fraction `fr` in [0, 1)."""

    jd: float
    fr: float

    def iso(self, digits: int = 6) -> str:
        """Calendar text without zone letter, e.g. ``2025-09-01T12:00:00.000000``."""
        return str(format_times(self, np.zeros(1), digits)[0])

    def plus(self, seconds: float) -> Epoch:
        """The epoch `seconds` later."""
        jd, fr = julian_dates(self, np.array([seconds], dtype=np.float64))
        return Epoch(float(jd[0]), float(fr[0]))

    def minus(self, other: Epoch) -> float:
        """Seconds from `other` to this epoch."""
        return (self.jd - other.jd) * DAY_S + (self.fr - other.fr) * DAY_S


def parse_epoch(text: str) -> Epoch:
    """Read ``YYYY-MM-DD[Thh:mm[:ss[.f]]]`` or ``YYYY-DDD[T...]``, UTC, an optional Z.

    Raises
    ------
    ValueError
        If the text is not such an epoch or names no real date or time of day.
    """
    match = _CALENDAR.fullmatch(text.strip())
    if match is None:
        raise ValueError(
            f"epoch {text!r} is not YYYY-MM-DDThh:mm:ss[.ffffff] or YYYY-DDDThh:mm:ss[.ffffff]"
        )
    year, second, day, hour, minute, sec, fraction = match.groups()
    if day is not None and len(second) == 2:
        ordinal = dt.date(int(year), int(second), int(day)).toordinal()
    elif day is None and len(second) == 3:
        ordinal = dt.date(int(year), 1, 1).toordinal() + int(second) - 1
        if dt.date.fromordinal(ordinal).year != int(year) or second == "000":
            raise ValueError(f"epoch {text!r}: year {year} has no day {second}")
    else:
        raise ValueError(f"epoch {text!r}: the date must be YYYY-MM-DD or YYYY-DDD")
    h, m, s = int(hour or 0), int(minute or 0), int(sec or 0)
    if h > 23 or m > 59 or s > 60:
        raise ValueError(f"epoch {text!r}: no such time of day")
    seconds = h * 3600 + m * 60 + s
    fr = (seconds + float("0" + fraction if fraction and fraction != "." else 0)) / DAY_S
    # A leap second (23:59:60) is the first second of the next day on this time scale.
    days = math.floor(fr)
    return Epoch(_JD_OF_ORDINAL_ZERO + ordinal + days, fr - days)


def julian_dates(start: Epoch, t: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two-part Julian dates of times `t` [s] since `start`; the same `t` gives the same bits."""
    seconds = start.fr * DAY_S + np.asarray(t, dtype=np.float64)
    day = np.floor(seconds / DAY_S)
    return start.jd + day, (seconds - day * DAY_S) / DAY_S


def format_times(start: Epoch, t: ArrayLike, digits: int = 6) -> NDArray[np.str_]:
    """Calendar text of times `t` [s] since `start`, rounded to `digits` (0..9) decimals."""
    scale = 10**digits
    jd, _ = julian_dates(start, t)
    day_start = (jd - start.jd) * DAY_S - start.fr * DAY_S  # midnight, in seconds since start
    ticks = np.rint((np.asarray(t, dtype=np.float64) - day_start) * scale).astype(np.int64)
    whole, fraction = np.divmod(ticks, scale)
    days = (jd - _JD_OF_ORDINAL_ZERO - 719163).astype(np.int64)  # since 1970-01-01
    stamp = np.datetime_as_string(
        days.astype("datetime64[D]").astype("datetime64[s]") + whole.astype("timedelta64[s]")
    )
    if digits == 0:
        return np.asarray(stamp, dtype=np.str_)
    return np.array([f"{s}.{f:0{digits}d}" for s, f in zip(stamp, fraction, strict=True)])
