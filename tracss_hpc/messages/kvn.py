"""Lines of CCSDS keyword = value notation (KVN), 502.0-B-3 section 7.4.

Fed by the text of a message; feeds the readers of every KVN message, which know their keywords.
Nothing is judged here: a line that is not KVN comes out with an empty key, so that its reader
can say which record it spoils.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["kvn_lines", "split_unit"]

_KEY = re.compile(r"[A-Z][A-Z0-9_]*", re.ASCII)
_NO_KEY = frozenset("0123456789+-.")
_UNIT = re.compile(r"(.*?)[ \t]*\[([^\[\]]*)\]", re.ASCII)


def kvn_lines(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield (line number from 1, keyword, value with blanks trimmed) of every line but blank ones.

    A comment has the keyword ``COMMENT``; a line without ``KEYWORD =`` (a block mark such as
    ``META_START``, a data line, or a fault) has the keyword ``""`` and is the value itself.
    """
    known: set[str] = set()
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.strip()
        if not line:
            continue
        if line[0] in _NO_KEY:  # data lines are most of an ephemeris
            yield number, "", line
            continue
        left, equals, right = line.partition("=")
        key = left.rstrip()
        if equals and (key in known or _KEY.fullmatch(key)):
            known.add(key)
            yield number, key, right.lstrip()
        elif line.startswith("COMMENT"):
            yield number, "COMMENT", line[7:].lstrip()
        else:
            yield number, "", line


def split_unit(value: str) -> tuple[str, str]:
    """Number and unit of ``15.49 [rev/day]``; the unit is empty when none is printed.

    Only for keywords whose values are numbers: the name ``STARLINK-11117 [DTC]`` has no unit.
    """
    if not value.endswith("]"):
        return value, ""
    match = _UNIT.fullmatch(value)
    return (match[1], match[2].strip()) if match else (value, "")
