"""Cut CDM files in KVN into records, by the layout of the messages before or line by line.

Fed by `cdm_cut`; feeds `cdm_read`. A message begins with the line of its version; OBJECT opens the
keys of an object, where they have no SAT1_ or SAT2_.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from tracss_hpc.errors import MessageError
from tracss_hpc.messages.cdm_layout import Layouts, Notation, number_pattern
from tracss_hpc.messages.cdm_records import (
    VERSION_KEY,
    CdmRecord,
    Pair,
    Wanted,
    comment_pair,
    fail,
    make_record,
    version_profile,
)

__all__ = ["KVN_LINES", "cut_kvn"]

_BEGIN = re.compile(rf"^[ \t]*{VERSION_KEY}[ \t]*=", re.MULTILINE)
_BLOCK = re.compile(r"^[ \t]*OBJECT[ \t]*=", re.MULTILINE)
_PREFIXED = re.compile(r"^[ \t]*SAT1_[A-Z_]+[ \t]*=", re.MULTILINE)


def cut_kvn(text: str, file: str, layouts: Layouts) -> Iterator[CdmRecord | MessageError]:
    """Yield each message, or its fault in its place."""
    begins = _begins(text)
    number = 1
    head = text[: begins[0]] if begins else text
    for row in head.split("\n"):
        key, _, value = row.partition("=")
        if key.strip() and not key.strip().startswith("COMMENT"):
            fail(file, number, key.strip(), value.strip(), VERSION_KEY,
                 f"a message begins with {VERSION_KEY}")  # fmt: skip
        number += 1
    number -= 1 if begins else 0
    for begin, end in zip(begins, [*begins[1:], len(text)], strict=False):
        again = partial(_again, text, begin, end, number, file, layouts.wanted)
        try:
            yield layouts.match(text, begin, end, number, file, again) or _message(
                text[begin:end], number, file, layouts.wanted, layouts
            )
        except MessageError as error:
            yield error
        number += text.count("\n", begin, end)


def _begins(text: str) -> list[int]:
    """Where messages begin; to look for the word alone is faster than for it at begins of lines."""
    found, at = [], text.find(VERSION_KEY)
    while at >= 0:
        start = text.rfind("\n", 0, at) + 1
        if _BEGIN.match(text, start):
            found.append(start)
        end = text.find("\n", at)
        at = text.find(VERSION_KEY, end) if end >= 0 else -1
    return found


def _again(text: str, begin: int, end: int, first: int, file: str, wanted: Wanted) -> CdmRecord:
    return _message(text[begin:end], first, file, wanted)


def _message(
    chunk: str, first: int, file: str, wanted: Wanted, layouts: Layouts | None = None
) -> CdmRecord:
    """A message line by line; teaches `layouts`."""
    version = chunk.partition("\n")[0].partition("=")[2].strip()
    blocks = _PREFIXED.search(chunk) is None and _BLOCK.search(chunk) is not None
    profile = version_profile(version, blocks, VERSION_KEY, first, file)
    if version.startswith("1.") and not blocks:
        fail(file, first, "OBJECT", "0 objects", "OBJECT1, then OBJECT2", "a message has both")
    pairs: list[Pair] = []
    record = make_record(
        _pairs(chunk, first, file, pairs, blocks=blocks), profile, first, file, wanted=wanted
    )
    if layouts is not None:
        layouts.learn(chunk, first, pairs, record, may_lack=True)
    return record


def _pairs(chunk: str, first: int, file: str, kept: list[Pair], *, blocks: bool) -> Iterator[Pair]:
    """Pairs of a message, also put into `kept`."""
    scope, objects = "", 0
    for number, row in enumerate(chunk.split("\n"), first):
        if blocks and _is_object(row):
            objects += 1
            scope = f"SAT{objects}_"
        pair = _pair(row, scope, number)
        if pair is None:
            if row.strip():
                fail(file, number, "" if blocks else row.strip(), row.strip(),
                     "KEY = value [unit]", "not a line of a KVN message: no '=' in it")  # fmt: skip
            continue
        if blocks and pair.printed == "OBJECT":
            expected = f"OBJECT{objects}"
            if objects > 2 or pair.text.replace(" ", "").upper() != expected:
                fail(file, number, pair.printed, pair.text,
                     expected if objects < 3 else "two objects",
                     "objects 1 and 2 follow each other, once each")  # fmt: skip
        kept.append(pair)
        yield pair
    if blocks and objects != 2:
        fail(file, first, "OBJECT", f"{objects} objects", "OBJECT1, then OBJECT2",
             "a message has both")  # fmt: skip


def _pair(row: str, scope: str, number: int) -> Pair | None:
    """The pair of a line; None if there is none."""
    key, equals, value = row.partition("=")
    key, value = key.strip(), value.strip()
    if key.startswith("COMMENT"):
        return comment_pair(scope, row.strip()[7:].strip(), number)
    if not equals:
        return None
    own = "" if key.startswith("USER_DEFINED_") else scope
    return Pair(own + key, value, None, number, key)


def _is_object(row: str) -> bool:
    key, equals, _ = row.partition("=")
    return bool(equals) and key.strip() == "OBJECT"


# ---------------------------------------------------------------- patterns of lines


def _plain(row: str, units: tuple[str, ...] | None, may_lack: bool) -> str:
    """``KEY = value [unit]``, its value without the blanks around it."""
    head = re.escape(row[: row.find("=") + 1]) + " *"
    if units is None:
        return head + r"(\S[^\n]*(?<!\s)|)"
    return head + number_pattern(units)


def _any(row: str) -> str:
    """A key with any value; a comment without one is all value."""
    key, equals, _ = row.partition("=")
    if not equals:
        return re.escape(row[: row.find("COMMENT") + 7]) + r"[^\n]*"
    return re.escape(key + equals) + r"[^\n]*"


KVN_LINES = Notation(_pair, _plain, _any, _is_object, None)
