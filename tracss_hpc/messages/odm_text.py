"""Texts that the writers of orbit data messages share (502.0-B-3 chapters 7 and 8).

Fed by `ocm_write`, `oem_write` and `omm_write`. A number is the shortest text that is the same
float, an epoch has six decimals or as many as it needs, so that what is written reads back
identically. That takes up to 17 digits, one more than 7.5.6 and 7.5.7 grant: a reader that obeys
them to the letter may refuse or round the last.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.errors import MessageError
from tracss_hpc.messages.utc import format_utc

__all__ = ["NDM_SCHEMA", "cannot_be_written", "data_lines", "number_text", "one_line"]

#: What the root of every message in XML declares (8.3.3); `id` and `version` come after it.
NDM_SCHEMA = (
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation='
    '"https://sanaregistry.org/r/ndmxml_unqualified/ndmxml-3.0.0-master-3.0.xsd"'
)


def number_text(value: float) -> str:
    """Shortest text of a number; a mantissa before an exponent has a decimal point (7.5.7)."""
    text = repr(value)
    return text.replace("e", ".0e") if "e" in text and "." not in text else text


def data_lines(
    jd: NDArray[np.float64], seconds: NDArray[np.float64], table: NDArray[np.float64]
) -> list[str]:
    """Lines of an epoch and the numbers of a row (n, columns), one blank between them."""
    return [
        f"{epoch} {' '.join(map(number_text, row))}"
        for epoch, row in zip(format_utc(jd, seconds), table.tolist(), strict=True)
    ]


def one_line(message: str, file: str, key: str, text: str) -> str:
    """The text, if it stands on one line of any notation; else raises `MessageError`."""
    if not text.isprintable() or text != text.strip():
        allowed = "printable text on one line"
        raise cannot_be_written(message, file, key, ascii(text), allowed, "cannot be written")
    return text


def cannot_be_written(
    message: str, file: str, key: str, given: str, allowed: str, why: str
) -> MessageError:
    """The error of a record that a message (OCM, OEM) cannot say."""
    return MessageError(
        f"{message} of {file or 'this record'}, {key}: {why}: found {given}, expected {allowed}",
        file=file, key=key, given=given, allowed=allowed,
    )  # fmt: skip
