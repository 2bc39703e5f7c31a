"""Data lines of an ephemeris message to columns: an epoch and numbers in each line.

Fed by the readers (`ocm`); feeds their blocks. A line is split at blanks; a whole block becomes
numbers in a few calls, so that a five-day ephemeris with covariance takes tens of milliseconds.
Faults are looked for line by line only after the fast way has failed.
"""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.errors import MessageError
from tracss_hpc.messages.elements import parse_number
from tracss_hpc.messages.findings import Judge
from tracss_hpc.messages.utc import (
    EPOCH_FORMS,
    MAX_SECONDS,
    EpochError,
    Utc,
    add_seconds,
    parse_utcs,
)

__all__ = ["read_numbers", "read_rows", "symmetric"]

_NUMBER_BYTES = b"0123456789+-.eE \t"
_BLANKS = re.compile(r"[ \t]+")


def read_rows(
    rows: Sequence[str], lines: Sequence[int], columns: int, origin: Utc | None, judge: Judge
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Epochs (jd, seconds) and numbers (n, columns) of n > 0 lines; `lines` says where they stand.

    An epoch is absolute, or in SI seconds from `origin`; one kind in a block (O11).

    Raises
    ------
    MessageError
        O09 for another number of columns, O10 for what is no number or epoch,
        O11 for mixed epochs.
    """
    for k in np.flatnonzero(_count_words(rows) != columns + 1).tolist():
        raise judge.fatal(
            "O09", lines[k], "", f"{len(_words(rows[k]))} columns: {rows[k]}",
            f"{columns + 1}: an epoch and {columns} numbers", "wrong number of columns",
        )  # fmt: skip
    cells = [_BLANKS.split(row, maxsplit=1) for row in rows]
    epochs = [cell[0] for cell in cells]
    absolute = ["T" in epoch for epoch in epochs]
    if any(absolute) and not all(absolute):
        k = absolute.index(not absolute[0])
        expected = "an absolute epoch" if absolute[0] else "seconds from EPOCH_TZERO"
        raise judge.fatal("O11", lines[k], "", epochs[k], f"{expected}, as above", "epochs mixed")
    jd, seconds = _epochs(epochs, lines, absolute[0], origin, judge)
    return jd, seconds, read_numbers([cell[1] for cell in cells], lines, columns, judge)


def read_numbers(
    rows: Sequence[str], lines: Sequence[int], columns: int, judge: Judge
) -> NDArray[np.float64]:
    """Table (n, columns) of rows of so many words: the float nearest to each.

    Raises
    ------
    MessageError
        O10 at the first word that is no finite decimal number.
    """
    text = " ".join(rows)
    values = np.empty(0)
    if not text.encode("ascii", "replace").translate(None, _NUMBER_BYTES):
        # NumPy reads "1-2" as two numbers and warns where it stops early: neither passes here.
        with warnings.catch_warnings(), contextlib.suppress(DeprecationWarning, ValueError):
            warnings.simplefilter("error")
            values = np.fromstring(text, sep=" ")
    if values.size == len(rows) * columns and np.isfinite(values).all():
        return values.reshape(len(rows), columns)
    for row, line in zip(rows, lines, strict=True):
        for word in _words(row):
            try:
                parse_number("value", word)
            except MessageError:
                raise judge.fatal(
                    "O10", line, "", word, "a finite decimal number", "not a number"
                ) from None
    return np.array([[float(word) for word in _words(row)] for row in rows])


def symmetric(lower: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Full matrices (k, size, size) of lower triangles by rows (k, size (size + 1) / 2)."""
    full = np.empty((len(lower), size, size))
    rows, columns = np.tril_indices(size)
    full[:, rows, columns] = lower
    full[:, columns, rows] = lower
    return full


def _words(row: str) -> list[str]:
    """Words of a row, parted by blanks and tabs alone: other white space is a fault."""
    return _BLANKS.split(row)


def _count_words(rows: Sequence[str]) -> NDArray[np.int64]:
    """How many words each row has; rows do not begin or end with a blank, nor hold a line end."""
    text = np.frombuffer(("\n" + "\n".join(rows)).encode("ascii", "replace"), np.uint8)
    blank = (text == ord(" ")) | (text == ord("\t")) | (text == ord("\n"))
    starts = np.flatnonzero(blank[:-1] & ~blank[1:])
    ends = np.append(np.flatnonzero(text == ord("\n")), text.size)
    return np.diff(np.searchsorted(starts, ends))


def _epochs(
    texts: list[str], lines: Sequence[int], absolute: bool, origin: Utc | None, judge: Judge
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if absolute:
        try:
            return parse_utcs(texts)
        except EpochError as error:
            raise judge.fatal(
                "O10", lines[error.index], "", texts[error.index], EPOCH_FORMS, "no epoch"
            ) from error  # fmt: skip
    t = read_numbers(texts, lines, 1, judge)[:, 0]
    if np.abs(t).max() > MAX_SECONDS or origin is None:
        k = int(np.argmax(np.abs(t)))
        raise judge.fatal("O10", lines[k], "", texts[k], "seconds from EPOCH_TZERO", "too far off")
    return add_seconds(origin, t)
