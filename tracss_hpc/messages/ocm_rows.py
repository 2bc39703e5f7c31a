"""Data lines of an ephemeris message to columns: an epoch and numbers in each line.

Fed by the readers (`ocm`); feeds their blocks. A line is split at blanks; a whole block becomes
numbers in a few calls, so that a five-day ephemeris with covariance takes tens of milliseconds.
Faults are looked for line by line only after the fast way has failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.errors import MessageError
from tracss_hpc.messages.elements import parse_number
from tracss_hpc.messages.findings import Judge
from tracss_hpc.messages.utc import EpochError, Utc, add_seconds, parse_utcs

__all__ = ["read_numbers", "read_rows", "symmetric"]

_NUMBER_BYTES = b"0123456789+-.eE"
_RELATIVE_LIMIT_S = 1e10  # 317 years from EPOCH_TZERO


def read_rows(
    rows: Sequence[str], lines: Sequence[int], columns: int, origin: Utc | None, judge: Judge
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Epochs (jd, seconds) and numbers (n, columns) of data lines; `lines` says where they stand.

    An epoch is absolute, or in SI seconds from `origin`; one kind in a block (O11).

    Raises
    ------
    MessageError
        O02 without lines, O09 for another number of columns, O10 for what is no number or epoch,
        O11 for mixed epochs.
    """
    if not rows:
        raise judge.fatal("O02", 0, "", "no data lines", "data lines", "a block without data")
    cells = [row.split() for row in rows]
    for k, row in enumerate(cells):
        if len(row) != columns + 1:
            raise judge.fatal(
                "O09", lines[k], "", f"{len(row)} columns: {rows[k]}",
                f"{columns + 1}: an epoch and {columns} numbers", "wrong number of columns",
            )  # fmt: skip
    epochs = [row[0] for row in cells]
    absolute = ["T" in epoch for epoch in epochs]
    if any(absolute) and not all(absolute):
        k = absolute.index(not absolute[0])
        expected = "an absolute epoch" if absolute[0] else "seconds from EPOCH_TZERO"
        raise judge.fatal("O11", lines[k], "", epochs[k], f"{expected}, as above", "epochs mixed")
    jd, seconds = _epochs(epochs, lines, absolute[0], origin, judge)
    numbers = read_numbers(
        list(chain.from_iterable(row[1:] for row in cells)),
        lines,
        judge,
    )
    return jd, seconds, numbers.reshape(len(rows), columns)


def read_numbers(texts: Sequence[str], lines: Sequence[int], judge: Judge) -> NDArray[np.float64]:
    """The float nearest to each text; `lines` (a divisor of n of them) says where they stand.

    Raises
    ------
    MessageError
        O10 at the first that is no finite decimal number.
    """
    try:
        if "".join(texts).encode("ascii", "replace").translate(None, _NUMBER_BYTES):
            raise ValueError
        values = np.array(list(map(float, texts)), dtype=np.float64)
        if not np.isfinite(values).all():
            raise ValueError
    except ValueError:
        for k, text in enumerate(texts):
            try:
                parse_number("value", text)
            except MessageError:
                line = lines[k * len(lines) // len(texts)]
                raise judge.fatal(
                    "O10", line, "", text, "a finite decimal number", "not a number"
                ) from None
        raise
    return values


def symmetric(lower: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Full matrices (k, size, size) of lower triangles by rows (k, size (size + 1) / 2)."""
    full = np.empty((len(lower), size, size))
    rows, columns = np.tril_indices(size)
    full[:, rows, columns] = lower
    full[:, columns, rows] = lower
    return full


def _epochs(
    texts: list[str], lines: Sequence[int], absolute: bool, origin: Utc | None, judge: Judge
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if absolute:
        try:
            return parse_utcs(texts)
        except EpochError as error:
            raise judge.fatal(
                "O10", lines[error.index], "", texts[error.index],
                "YYYY-MM-DDThh:mm:ss[.f] or YYYY-DDDThh:mm:ss[.f] (UTC)", "no epoch",
            ) from error  # fmt: skip
    t = read_numbers(texts, lines, judge)
    if np.abs(t).max() > _RELATIVE_LIMIT_S or origin is None:
        k = int(np.argmax(np.abs(t)))
        raise judge.fatal("O10", lines[k], "", texts[k], "seconds from EPOCH_TZERO", "too far off")
    return add_seconds(origin, t)
