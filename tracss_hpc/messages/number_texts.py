"""Numbers with 16 digits as text, a column at a time: what ``"%.15E" % value`` gives.

Feeds `cdm_write`: covariances and drag models of operational CDMs are printed so, 42 and more a
message, and one at a time they took two thirds of its time (0.6 us each; here 0.2). With
10**k = p + q to 106 bits and a two-product [Dekker 1971]

    value 10**k = fl(value p) + (error of that product + value q),    10**15 <= value 10**k < 10**16

is known to 2**-50, so its nearest integer, the digits, is certain unless the fraction is within
that of a half. Those values, and all that the tables do not hold, are printed by printf itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["CODE_16_DIGITS", "print_16_digits"]

CODE_16_DIGITS = "%.15E"
_DIGITS = 15  # behind the point
_LARGEST = 99  # exponent with two digits
_SPLIT = 134217729.0  # 2**27 + 1: halves of a double whose products are exact
_CERTAIN = 0.5 - 2.0**-30  # fractions nearer to a half are left to printf


def print_16_digits(values: NDArray[np.float64]) -> list[str]:
    """Print each value with 16 significant digits and an exponent.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Finite or not.

    Returns
    -------
    list of str
        Equal to ``[CODE_16_DIGITS % value for value in values]`` in every character.
    """
    size = np.abs(values)
    inside = (size > 10.0 ** (1 - _LARGEST)) & (size < 10.0 ** (_LARGEST - 1))
    size = np.where(inside, size, 1.0)
    exponent = np.floor(np.log10(size)).astype(np.int64)
    whole, fraction = _scale(size, exponent)
    step = np.rint(fraction)
    digits = whole + step.astype(np.int64)
    inside &= np.abs(fraction - step) < _CERTAIN
    # log10 may err by one, and what rounds up to 10**15 may belong to the exponent below.
    inside &= (digits > 10**_DIGITS) & (digits < 10 ** (_DIGITS + 1))
    texts = _texts(np.where(inside, digits, 10**_DIGITS), exponent, np.signbit(values))
    for row in np.flatnonzero(~inside).tolist():
        texts[row] = CODE_16_DIGITS % values[row]
    return texts


def _scale(
    size: NDArray[np.float64], exponent: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Size times 10**(15 - exponent) as an integer and what is left, to 2**-50."""
    place = exponent + _LARGEST
    high, low = _POWERS[0][place], _POWERS[1][place]
    product = size * high
    size_high, power_high = _upper_half(size), _upper_half(high)
    size_low, power_low = size - size_high, high - power_high
    error = size_low * power_low - (
        ((product - size_high * power_high) - size_low * power_high) - size_high * power_low
    )
    whole = np.rint(product)
    return whole.astype(np.int64), (product - whole) + (error + size * low)


def _upper_half(value: NDArray[np.float64]) -> NDArray[np.float64]:
    large = value * _SPLIT
    upper: NDArray[np.float64] = large - (large - value)
    return upper


def _texts(
    digits: NDArray[np.int64], exponent: NDArray[np.int64], negative: NDArray[np.bool_]
) -> list[str]:
    """``-d.dddddddddddddddE+dd`` of each row: a table of characters, cut at its blanks."""
    upper, lower = np.divmod(digits, 10**8)
    words = np.stack([*np.divmod(upper, 10**4), *np.divmod(lower, 10**4)], axis=1)
    figures = _WORDS[words].view(np.uint8)  # (n, 16)
    text = np.full((len(digits), _DIGITS + 8), ord(" "), np.uint8)
    text[negative, 0] = ord("-")
    text[:, 1] = figures[:, 0]
    text[:, 2] = ord(".")
    text[:, 3:18] = figures[:, 1:]
    text[:, 18] = ord("E")
    text[:, 19] = np.where(exponent < 0, ord("-"), ord("+"))
    text[:, 20:22] = _WORDS[np.abs(exponent)].view(np.uint8).reshape(-1, 4)[:, 2:]
    return text.tobytes().decode("ascii").split()


def _powers_of_ten() -> NDArray[np.float64]:
    """10**(15 - e) for e from -_LARGEST to _LARGEST as sums of two doubles, shape (2, ...)."""
    pairs = []
    for power in range(_DIGITS + _LARGEST, _DIGITS - _LARGEST - 1, -1):
        # Integers of Python are exact, and so is its division of them to the nearest double.
        above, below = 10 ** max(power, 0), 10 ** max(-power, 0)
        high = above / below
        top, bottom = high.as_integer_ratio()
        pairs.append((high, (above * bottom - top * below) / (below * bottom)))
    return np.array(pairs).T.copy()


_POWERS = _powers_of_ten()
#: The four figures of 0 to 9999 as the bytes of one integer.
_WORDS = np.frombuffer("".join(f"{k:04d}" for k in range(10**4)).encode(), dtype=np.uint32)
