"""Units of message values: factors between spellings of one dimension, and refusal of all others.

Feeds the readers of messages that print units. A value is never taken as if its unit were the one
expected: a factor of 1000 read silently is the worst error a conjunction message can cause.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

__all__ = ["convert_text", "unit_factor"]

#: Spellings of one unit, by the one used here.
_SYNONYMS = {
    "sec": "s", "secs": "s", "second": "s", "seconds": "s", "min": "min", "minutes": "min",
    "hr": "h", "hour": "h", "hours": "h", "day": "d", "days": "d", "degree": "deg",
    "degrees": "deg", "percent": "%", "meter": "m", "meters": "m", "metre": "m", "metres": "m",
}  # fmt: skip
#: Size and dimension (length, mass, time, angle, share) of the plain units.
_PLAIN: dict[str, tuple[Fraction, tuple[int, ...]]] = {
    "m": (Fraction(1), (1, 0, 0, 0, 0)),
    "km": (Fraction(1000), (1, 0, 0, 0, 0)),
    "cm": (Fraction(1, 100), (1, 0, 0, 0, 0)),
    "mm": (Fraction(1, 1000), (1, 0, 0, 0, 0)),
    "kg": (Fraction(1), (0, 1, 0, 0, 0)),
    "g": (Fraction(1, 1000), (0, 1, 0, 0, 0)),
    "s": (Fraction(1), (0, 0, 1, 0, 0)),
    "ms": (Fraction(1, 1000), (0, 0, 1, 0, 0)),
    "min": (Fraction(60), (0, 0, 1, 0, 0)),
    "h": (Fraction(3600), (0, 0, 1, 0, 0)),
    "d": (Fraction(86400), (0, 0, 1, 0, 0)),
    "W": (Fraction(1), (2, 1, -3, 0, 0)),
    "J": (Fraction(1), (2, 1, -2, 0, 0)),
    "deg": (Fraction(1), (0, 0, 0, 1, 0)),
    # 180/pi to 40 digits: a double has 17.
    "rad": (Fraction("57.29577951308232087679815481410517033241"), (0, 0, 0, 1, 0)),
    "%": (Fraction(1), (0, 0, 0, 0, 1)),
}
_FACTOR = re.compile(r"([A-Za-z%]+)(?:(?:\*\*|\^)?(-?\d+))?", re.ASCII)


@lru_cache(maxsize=1024)
def unit_factor(given: str, expected: str) -> float | None:
    """What a value in unit `given` must be multiplied with to be in `expected`; None if it cannot.

    Examples
    --------
    >>> unit_factor("km**2/s", "m**2/s")
    1000000.0
    >>> unit_factor("km", "s") is None
    True
    """
    if given == expected:
        return 1.0
    ours, theirs = _measure(given), _measure(expected)
    if ours is None or theirs is None or ours[1] != theirs[1]:
        return None
    return float(ours[0] / theirs[0])


def convert_text(text: str, factor: float) -> str:
    """The number of a text times `factor`, printed so that it reads back to the last bit.

    Text that is no number comes back as it is: the column's own check names it.
    """
    if factor == 1.0:
        return text
    try:
        return repr(float(text) * factor)
    except ValueError:
        return text


def _measure(text: str) -> tuple[Fraction, tuple[int, ...]] | None:
    """Size and dimension of a unit such as ``m**3/(kg*s)``; None if it is not known."""
    upper, _, lower = text.replace(" ", "").partition("/")
    size, dimension = Fraction(1), [0] * 5
    for part, sign in ((upper, 1), (lower.removeprefix("(").removesuffix(")"), -1)):
        for word in filter(None, part.replace("**", "^").split("*")):
            match = _FACTOR.fullmatch(word)
            if match is None:
                return None
            name = _SYNONYMS.get(match[1].lower(), match[1])
            power = sign * int(match[2] or 1)
            if name not in _PLAIN or abs(power) > 9:
                return None
            size *= _PLAIN[name][0] ** power
            dimension = [a + power * b for a, b in zip(dimension, _PLAIN[name][1], strict=True)]
    return size, tuple(dimension)
