"""UTC of messages: midnight and seconds of the day, with leap seconds, one epoch or columns.

Fed by the readers of ephemeris messages; feeds the trajectory record and its evaluation. An epoch
is (jd, seconds): jd the Julian date of a midnight (ends in .5), seconds since it, below 86,400 and
on the last day before a leap second below 86,401: 23:59:60 is an epoch of its own. Differences are
SI seconds. `tracss_hpc.epochs`, by contrast, counts days of 86,400 s, as SGP4 does.

A printed time of day gives the float nearest to its digits, so text -> epoch -> text is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import erfa
import numpy as np
from numpy.typing import ArrayLike, NDArray

from tracss_hpc.constants import DAY_S

__all__ = [
    "EPOCH_FORMS",
    "MAX_SECONDS",
    "EpochError",
    "Utc",
    "add_seconds",
    "elapsed",
    "format_utc",
    "parse_utc",
    "parse_utcs",
    "tai_minus_utc",
]

#: What an error says is allowed.
EPOCH_FORMS = "YYYY-MM-DDThh:mm:ss[.f] or YYYY-DDDThh:mm:ss[.f] (UTC)"
#: Seconds from an epoch beyond which no message means to go: 317 years.
MAX_SECONDS = 1e10
_JD_OF_1970 = 2440587.5
_EXACT_DIGITS = 9  # 86,400 s in ticks of 1 ns is below 2**53: one division, one rounding


class EpochError(ValueError):
    """A text is no epoch; `index` is its place in the column."""

    def __init__(self, message: str, index: int = 0):
        super().__init__(message)
        self.index = index


class Utc(NamedTuple):
    """One UTC epoch: Julian date `jd` of midnight and `seconds` since it (SI)."""

    jd: float
    seconds: float

    def iso(self) -> str:
        """Calendar text with 6 decimals, or with as many as the very same float needs."""
        return format_utc(np.array([self.jd]), np.array([self.seconds]))[0]

    def plus(self, seconds: float) -> Utc:
        """The epoch so many SI seconds later."""
        jd, rest = add_seconds(self, np.array([seconds]))
        return Utc(float(jd[0]), float(rest[0]))

    def minus(self, other: Utc) -> float:
        """SI seconds from `other` to this epoch, leap seconds counted."""
        return float(elapsed(other, np.array([self.jd]), np.array([self.seconds]))[0])


def parse_utc(text: str) -> Utc:
    """Read one epoch (forms of `parse_utcs`); raises `EpochError`."""
    jd, seconds = parse_utcs([text])
    return Utc(float(jd[0]), float(seconds[0]))


def parse_utcs(texts: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Read a column of calendar or day-of-year epochs, ``Z`` at the end or not.

    The forms are ``YYYY-MM-DDThh:mm:ss[.f]`` and ``YYYY-DDDThh:mm:ss[.f]``, mixed at will.

    Returns
    -------
    jd, seconds : ndarray, shape (n,)
        Midnight (Julian date) and seconds of the day.

    Raises
    ------
    EpochError
        At the first text that is no such epoch or names no real date or time, 23:59:60 on a day
        without leap second included; carries its `index`.
    """
    texts = [text.removesuffix("Z") for text in texts]
    jd = np.empty(len(texts))
    seconds = np.empty(len(texts))
    # Calendar and ordinal dates of one length apart: the sign tells which.
    forms = np.fromiter((-len(t) if t[8:9] == "T" else len(t) for t in texts), np.int64, len(texts))
    bad = len(texts)
    for form in np.unique(forms).tolist():
        places = np.flatnonzero(forms == form)
        same = [texts[k] for k in places.tolist()] if places.size < len(texts) else texts
        jd[places], seconds[places], good = _parse_same_form(same, abs(form), ordinal=form < 0)
        if not good.all():
            bad = min(bad, int(places[np.argmin(good)]))
    if bad < len(texts):
        raise EpochError(f"{texts[bad][:40]!r} is no epoch {EPOCH_FORMS}, or does not exist", bad)
    return jd, seconds


def elapsed(
    origin: Utc, jd: NDArray[np.float64], seconds: NDArray[np.float64]
) -> NDArray[np.float64]:
    """SI seconds from `origin` to each epoch (n,), leap seconds counted."""
    leaps = tai_minus_utc(jd) - tai_minus_utc(origin.jd)
    return ((jd - origin.jd) * DAY_S + leaps) + (seconds - origin.seconds)


def add_seconds(origin: Utc, t: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Epochs `t` SI seconds after `origin`: jd and seconds, shape of `t`."""
    since_midnight = origin.seconds + np.asarray(t, dtype=np.float64)
    days = np.floor(since_midnight / DAY_S)
    at_origin = tai_minus_utc(origin.jd)
    start = days * DAY_S + (tai_minus_utc(origin.jd + days) - at_origin)
    # Leap seconds in between make midnight come later (from before it: earlier), by one day at most
    # as long as they are fewer than a day has seconds.
    days = days - (start > since_midnight)
    next_day = (days + 1) * DAY_S + (tai_minus_utc(origin.jd + days + 1) - at_origin)
    days = days + (next_day <= since_midnight)
    start = days * DAY_S + (tai_minus_utc(origin.jd + days) - at_origin)
    return origin.jd + days, since_midnight - start


def tai_minus_utc(jd: ArrayLike) -> NDArray[np.float64]:
    """Whole seconds TAI - UTC on the day that begins at `jd`; 10 s before 1972."""
    starts, seconds = _leap_seconds()
    return seconds[np.maximum(np.searchsorted(starts, jd, side="right") - 1, 0)]


def format_utc(jd: NDArray[np.float64], seconds: NDArray[np.float64]) -> list[str]:
    """Calendar texts without zone letter; 6 decimals where these give the same float, else more."""
    ticks = np.rint(seconds * 1e6).astype(np.int64)
    plain = (ticks / 1e6 == seconds) & (ticks < int(DAY_S) * 10**6)
    date = np.datetime_as_string((jd - _JD_OF_1970).astype(np.int64).astype("datetime64[D]"))
    whole, fraction = np.divmod(ticks, 10**6)
    minutes, second = np.divmod(whole, 60)
    hour, minute = np.divmod(minutes, 60)
    texts = [
        f"{d}T{h:02d}:{m:02d}:{s:02d}.{f:06d}"
        for d, h, m, s, f in zip(
            date.tolist(), hour.tolist(), minute.tolist(), second.tolist(), fraction.tolist(),
            strict=True,
        )
    ]  # fmt: skip
    for k in np.flatnonzero(~plain).tolist():
        texts[k] = f"{date[k]}T{_time_of_day(float(seconds[k]))}"
    return texts


def _time_of_day(seconds: float) -> str:
    """Shortest decimal text of a time of day that reads back as the same float."""
    digits = np.format_float_positional(seconds, unique=True, trim="k", min_digits=6)
    whole, _, fraction = digits.partition(".")
    minutes = min(int(whole) // 60, 1439)  # the leap second belongs to the minute 23:59
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{int(whole) - 60 * minutes:02d}.{fraction}"


def _parse_same_form(
    texts: Sequence[str], length: int, *, ordinal: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Midnights, seconds and validity of texts of one length, read as a table of characters."""
    n = len(texts)
    point = 8 if ordinal else 10
    if not point + 9 <= length <= 60:
        return np.zeros(n), np.zeros(n), np.zeros(n, dtype=bool)
    table = np.frombuffer("".join(texts).encode("ascii", "replace"), np.uint8).reshape(n, length)
    clock = table[:, point:]
    good: NDArray[np.bool_] = table[:, 4] == ord("-")
    if not ordinal:
        good &= table[:, 7] == ord("-")
    for place, mark in ((0, "T"), (3, ":"), (6, ":")):
        good &= clock[:, place] == ord(mark)
    year = _digits(table[:, :4], good)
    hour, minute, second = (_digits(clock[:, k : k + 2], good) for k in (1, 4, 7))
    jan_1 = (year - 1970).astype("datetime64[Y]").astype("datetime64[D]")
    if ordinal:
        days = jan_1 + (_digits(table[:, 5:8], good) - 1)
        good &= days.astype("datetime64[Y]").astype(np.int64) == year - 1970
    else:
        month, day = _digits(table[:, 5:7], good), _digits(table[:, 8:10], good)
        good &= (month >= 1) & (month <= 12) & (day >= 1)
        months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
        days = months.astype("datetime64[D]") + (day - 1)
        good &= days.astype("datetime64[M]") == months
    jd: NDArray[np.float64] = days.astype(np.int64).astype(np.float64) + _JD_OF_1970
    good &= year >= 1
    fraction = clock[:, 9:]
    if fraction.shape[1]:
        good &= fraction[:, 0] == ord(".")
        fraction = fraction[:, 1:]
    leap = (second == 60) & (hour == 23) & (minute == 59)
    good &= (hour <= 23) & (minute <= 59) & ((second <= 59) | leap)
    if leap.any():
        good &= ~leap | (tai_minus_utc(jd + 1) > tai_minus_utc(jd))
    whole = hour * 3600 + minute * 60 + second
    places = fraction.shape[1]
    tail = _digits(fraction, good)
    if places <= _EXACT_DIGITS:
        scale = 10**places
        return jd, (whole * scale + tail) / scale, good
    printed = [bytes(row).decode() if ok else "0" for row, ok in zip(fraction, good, strict=True)]
    pairs = zip(whole.tolist(), printed, strict=True)
    return jd, np.array([float(f"{w}.{f}") for w, f in pairs]), good


def _digits(table: NDArray[np.uint8], good: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Numbers printed in the columns of `table`; `good` is cleared where one is no digit."""
    value = np.zeros(len(table), dtype=np.int64)
    for column in table.T:
        digit = column.astype(np.int64) - ord("0")
        good &= (digit >= 0) & (digit <= 9)
        value = value * 10 + digit
    return value


@cache
def _leap_seconds() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Days from which TAI - UTC has a new value, and the value [s], since 1972."""
    table = erfa.leap_seconds.get()
    table = table[table["year"] >= 1972]
    zero, days = erfa.cal2jd(table["year"], table["month"], 1)
    return np.asarray(zero + days, dtype=np.float64), table["tai_utc"].astype(np.float64)
