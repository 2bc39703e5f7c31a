"""One mean element set as every GP format carries it, and the checks all formats share.

Fed by the TLE and OMM readers, which cut text into fields; feeds the catalog. Nothing is
computed: a number is the float nearest to the printed digits, so the same set read from a TLE
and from any form of OMM gives the same bits. A record that fails a check raises `MessageError`;
the readers turn it into a `Rejection`, so that one bad record never costs its neighbours.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from functools import lru_cache
from typing import NamedTuple

from tracss_hpc.constants import DAY_S
from tracss_hpc.epochs import parse_epoch
from tracss_hpc.errors import MessageError

__all__ = [
    "ElementSet",
    "ElementSets",
    "Rejection",
    "check_elements",
    "check_ephemeris_type",
    "clean_name",
    "day_of_year_epoch",
    "expand_designator",
    "international_designator",
    "iso_epoch",
    "parse_number",
    "parse_whole",
]

#: Largest mean motion taken [rev/day]: 20 is a semi-major axis of 5,740 km, inside the Earth.
MAX_MEAN_MOTION = 20.0

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[Ee][+-]?\d{1,4})?", re.ASCII)
_WHOLE = re.compile(r"\+?\d{1,18}", re.ASCII)
_TIME_OF_DAY = re.compile(r"(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{0,18}))?)?Z?", re.ASCII)
_INTERNATIONAL = re.compile(r"(\d{4})-?(\d{3})([A-Z]{1,3})", re.ASCII)
_ALPHA5 = "ABCDEFGHJKLMNPQRSTUVWXYZ"  # Space-Track Alpha-5: I and O are not used
_JD_OF_ORDINAL_ZERO = 1721424.5  # Julian date of 0000-12-31, ordinal 0 of the proleptic calendar


class ElementSet(NamedTuple):
    """One GP mean element set, values as printed; TEME, UTC, for SGP4 (mean motion is Kozai's)."""

    designator: int
    name: str  # 'UNKNOWN' when not given
    international_designator: str  # '1998-067A', or 'UNKNOWN'
    object_type: str  # CDM word where the record states one (Space-Track), else ''
    owner: str  # Space-Track COUNTRY_CODE, else ''
    epoch_jd: float  # Julian date of midnight
    epoch_fr: float  # fraction of the day, in [0, 1)
    mean_motion: float  # rev/day
    eccentricity: float
    inclination: float  # deg
    raan: float  # deg
    arg_perigee: float  # deg
    mean_anomaly: float  # deg
    bstar: float  # 1/earth radii
    mean_motion_dot: float  # rev/day^2: half the first derivative, as TLE and OMM print it
    mean_motion_ddot: float  # rev/day^3: a sixth of the second derivative
    element_set_no: int
    rev_at_epoch: int
    classification: str
    record: int  # line number (TLE, KVN, CSV) or record number (JSON, XML), from 1


class Rejection(NamedTuple):
    """A record that was not taken: where it stands, whose it claims to be, and why."""

    record: int
    designator: str
    reason: str
    key: str = ""
    given: str = ""


class ElementSets(NamedTuple):
    """What one file held: the sets taken, and the records that were not."""

    sets: list[ElementSet]
    rejected: list[Rejection]


def parse_number(key: str, text: str) -> float:
    """The float nearest to a printed decimal; no NaN, no infinity, no Python-only spellings.

    Raises
    ------
    MessageError
        With `key` and `given`, when the text is not a finite decimal number.
    """
    if _NUMBER.fullmatch(text) is None:
        raise MessageError(f"{key} {text!r} is not a decimal number", key=key, given=text)
    value = float(text)
    if not math.isfinite(value):
        raise MessageError(f"{key} {text!r} is beyond the range of a number", key=key, given=text)
    return value


def parse_whole(key: str, text: str) -> int:
    """A printed whole number >= 0 of at most 18 digits; raises `MessageError` for anything else."""
    if _WHOLE.fullmatch(text) is None:
        raise MessageError(f"{key} {text!r} is not a whole number", key=key, given=text)
    return int(text)


def expand_designator(text: str) -> int:
    """Catalog number of up to 9 digits, or Alpha-5 (``T0438`` = 270438), blank padding allowed.

    Raises
    ------
    MessageError
        For more than 9 digits, for the letters I and O, and for 0, which identifies no object
        (all objects numbered 0 would pass as duplicates of one).
    """
    digits = text.strip()
    if digits.isascii() and digits.isdigit() and len(digits) <= 9:
        value = int(digits)
    elif len(digits) == 5 and digits[0] in _ALPHA5 and digits.isascii() and digits[1:].isdigit():
        value = (10 + _ALPHA5.index(digits[0])) * 10000 + int(digits[1:])
    else:
        raise MessageError(
            f"catalog number {text!r} is neither 1 to 9 digits nor Alpha-5 "
            "(a letter other than I and O, then four digits)",
            key="NORAD_CAT_ID",
            given=text,
        )
    if value == 0:
        raise MessageError(
            f"catalog number {text!r}: 0 identifies no object", key="NORAD_CAT_ID", given=text
        )
    return value


def day_of_year_epoch(year: int, day: int, fraction: str) -> tuple[float, float]:
    """Epoch (jd, fr) of a year, a day of it from 1, and the printed digits after the point."""
    start = _ordinal_of_new_year(year)
    if not 1 <= day <= _ordinal_of_new_year(year + 1) - start:
        raise MessageError(f"epoch day {day} is not a day of {year}", key="EPOCH", given=str(day))
    jd, fr = _JD_OF_ORDINAL_ZERO + start + day - 1, float(f"0.{fraction}")
    return (jd, fr) if fr < 1.0 else (jd + 1.0, 0.0)


def iso_epoch(text: str) -> tuple[float, float]:
    """Epoch (jd, fr) of ``YYYY-MM-DDThh:mm:ss.f`` or ``YYYY-DDDT...``; fr nearest to the digits.

    The time of day is divided as one integer ratio, which rounds once: 13:16:50.545920 gives the
    very float that 0.55336280 of a TLE gives.
    """
    date, _, time = text.partition("T") if "T" in text else text.partition(" ")
    match = _TIME_OF_DAY.fullmatch(time)
    hour, minute, second = (int(part or 0) for part in match.groups()[:3]) if match else (99, 0, 0)
    if match is None or hour > 23 or minute > 59 or second > 60:
        raise MessageError(
            f"EPOCH {text!r} is not YYYY-MM-DDThh:mm:ss[.f] or YYYY-DDDThh:mm:ss[.f]",
            key="EPOCH",
            given=text,
        )
    digits = match[4] or ""
    scale = 10 ** len(digits)
    day = int(DAY_S) * scale
    ticks = (hour * 3600 + minute * 60 + second) * scale + int(digits or 0)
    # A leap second, or digits that round up to midnight, belong to the next day.
    days, ticks = divmod(ticks, day)
    fr = ticks / day
    return (_midnight(date) + days, fr) if fr < 1.0 else (_midnight(date) + days + 1.0, 0.0)


def international_designator(text: str) -> str:
    """``1998-067A`` where the text is such a launch designator, else ``UNKNOWN``."""
    match = _INTERNATIONAL.fullmatch(text)
    return f"{match[1]}-{match[2]}{match[3]}" if match else "UNKNOWN"


def clean_name(text: str) -> str:
    """Object name with runs of blanks joined and unprintable characters dropped, or ``UNKNOWN``."""
    name = " ".join(text.split())
    if not name.isprintable():
        name = "".join(character for character in name if character.isprintable())
    return name or "UNKNOWN"


def check_ephemeris_type(text: str) -> None:
    """Refuse a set that is not for SGP4: ephemeris type 0 (or blank) is the only one that is.

    Type 4 is SGP4-XP, which SGP4 propagates silently wrong; type 2 prints Brouwer's mean motion,
    not Kozai's; 6 and the others are other theories. Public catalogs hold 0 only.
    """
    kind = text.strip()
    if kind not in ("", "0"):
        name = {"4": " (SGP4-XP)", "2": " (Brouwer mean motion)"}.get(kind, "")
        raise MessageError(
            f"EPHEMERIS_TYPE {kind!r}{name} is not for SGP4; only 0 is taken",
            key="EPHEMERIS_TYPE",
            given=kind,
        )


def check_elements(elements: ElementSet) -> ElementSet:
    """Return the set unchanged if its values can be an Earth orbit, else raise `MessageError`."""
    if not 0.0 < elements.mean_motion <= MAX_MEAN_MOTION:
        _out_of_range("MEAN_MOTION", elements.mean_motion, f"above 0 to {MAX_MEAN_MOTION:g}")
    if not 0.0 <= elements.eccentricity < 1.0:
        _out_of_range("ECCENTRICITY", elements.eccentricity, "0 to below 1")
    if not 0.0 <= elements.inclination <= 180.0:
        _out_of_range("INCLINATION", elements.inclination, "0 to 180 deg")
    if not -360.0 <= elements.raan <= 360.0:
        _out_of_range("RA_OF_ASC_NODE", elements.raan, "-360 to 360 deg")
    if not -360.0 <= elements.arg_perigee <= 360.0:
        _out_of_range("ARG_OF_PERICENTER", elements.arg_perigee, "-360 to 360 deg")
    if not -360.0 <= elements.mean_anomaly <= 360.0:
        _out_of_range("MEAN_ANOMALY", elements.mean_anomaly, "-360 to 360 deg")
    return elements


def _out_of_range(key: str, value: float, allowed: str) -> None:
    raise MessageError(
        f"{key} {value!r} is out of range ({allowed})", key=key, given=repr(value), allowed=allowed
    )


@lru_cache(maxsize=4096)
def _ordinal_of_new_year(year: int) -> int:
    return dt.date(year, 1, 1).toordinal()


@lru_cache(maxsize=4096)
def _midnight(date: str) -> float:
    """Julian date of the midnight that begins a calendar or ordinal date."""
    try:
        return parse_epoch(date).jd
    except ValueError as error:
        raise MessageError(
            f"EPOCH date {date!r} does not exist ({error})", key="EPOCH", given=date
        ) from error
