"""Cut CDM files in KVN, JSON, NDJSON and CSV into records, and tell the profile of each message.

Fed by the text of a file; feeds `cdm_read`. The notation follows from the first characters, the
profile from the version and the keys of each message. A fault inside one message is yielded in its
place, so that the others can be read; one that spoils the file is yielded last.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from tracss_hpc.errors import MessageError
from tracss_hpc.messages.cdm import CDM_VERSION
from tracss_hpc.messages.cdm_cut_xml import cut_xml
from tracss_hpc.messages.cdm_profiles import CdmProfile
from tracss_hpc.messages.cdm_records import (
    VERSION_KEY,
    CdmRecord,
    Pair,
    Wanted,
    comment_pair,
    fail,
    make_record,
    split_companions,
)

__all__ = ["cut_cdms"]

_API_KEY = "TRACSS_CDM_VERS"
_BEGIN = re.compile(rf"^[ \t]*{VERSION_KEY}[ \t]*=", re.MULTILINE)
_BLOCK = re.compile(r"^[ \t]*OBJECT[ \t]*=", re.MULTILINE)
_PREFIXED = re.compile(r"^[ \t]*SAT1_[A-Z_]+[ \t]*=", re.MULTILINE)
_BUNDLE = re.compile(r'\s*\{\s*"tracssCdms"\s*:\s*\[')
_BETWEEN = re.compile(r"[\s,]*")
_JSON_COMMENT = re.compile(r"(SAT[12]_)?COMMENT(_[A-Z_]+)?")


def cut_cdms(text: str, file: str, *, wanted: Wanted) -> Iterator[CdmRecord | MessageError]:
    """Yield each message of a text, or its fault in its place; `wanted` as in `make_record`."""
    start = text.lstrip()[:80]
    try:
        if start.startswith(("{", "[")):
            yield from _cut_json(text, file, wanted)
        elif start.startswith("<"):
            yield from cut_xml(text, file, wanted=wanted)
        elif _is_csv_header(text):
            yield from _cut_csv(text, file, wanted)
        else:
            yield from _cut_kvn(text, file, wanted)
    except MessageError as error:
        yield error


# ---------------------------------------------------------------- KVN


def _cut_kvn(text: str, file: str, wanted: Wanted) -> Iterator[CdmRecord | MessageError]:
    begins = [match.start() for match in _BEGIN.finditer(text)]
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
        chunk = text[begin:end]
        try:
            yield _kvn_message(chunk, number, file, wanted)
        except MessageError as error:
            yield error
        number += chunk.count("\n")


def _kvn_message(chunk: str, first: int, file: str, wanted: Wanted) -> CdmRecord:
    version = chunk.partition("\n")[0].partition("=")[2].strip()
    blocks = _PREFIXED.search(chunk) is None and _BLOCK.search(chunk) is not None
    profile = _version_profile(version, blocks, VERSION_KEY, first, file)
    if version.startswith("1.") and not blocks:
        fail(file, first, "OBJECT", "0 objects", "OBJECT1, then OBJECT2", "a message has both")
    return make_record(
        _kvn_pairs(chunk, first, file, blocks=blocks), profile, first, file, wanted=wanted
    )


def _kvn_pairs(chunk: str, first: int, file: str, *, blocks: bool) -> Iterator[Pair]:
    scope, objects = "", 0
    for number, row in enumerate(chunk.split("\n"), first):
        key, equals, value = row.partition("=")
        key, value = key.strip(), value.strip()
        if key.startswith("COMMENT"):
            yield comment_pair(scope, row.strip()[7:].strip(), number)
            continue
        if not equals:
            if key:
                fail(file, number, "" if blocks else key, row.strip(), "KEY = value [unit]",
                     "not a line of a KVN message: no '=' in it")  # fmt: skip
            continue
        if blocks and key == "OBJECT":
            objects += 1
            expected = f"OBJECT{objects}"
            if objects > 2 or value.replace(" ", "").upper() != expected:
                fail(file, number, key, value, expected if objects < 3 else "two objects",
                     "objects 1 and 2 follow each other, once each")  # fmt: skip
            scope = f"SAT{objects}_"
        if key.startswith("USER_DEFINED_"):
            yield Pair(key, value, None, number, key)
        else:
            yield Pair(scope + key, value, None, number, key)
    if blocks and objects != 2:
        fail(file, first, "OBJECT", f"{objects} objects", "OBJECT1, then OBJECT2",
             "a message has both")  # fmt: skip


def _version_profile(version: str, blocks: bool, key: str, line: int, file: str) -> CdmProfile:
    """Profile of a message by its version; `blocks`: OBJECT opens the keys of an object."""
    if not blocks and key == VERSION_KEY:
        if version != CDM_VERSION:
            fail(file, line, key, version, CDM_VERSION, "this version of the format is not read")
        return "tracss-2.0"
    if version == "1.0":
        return "ccsds-1.0"
    if version not in ("2.0", "2.1"):
        fail(file, line, key, version, "1.0, 2.0 or 2.1", "this version of the format is not read")
    return "tracss-2.1"


# ---------------------------------------------------------------- JSON


def _cut_json(text: str, file: str, wanted: Wanted) -> Iterator[CdmRecord | MessageError]:
    """Messages of ``{"tracssCdms": [...]}``, a bare list, or one object a line."""
    wrapped = _BUNDLE.match(text)
    at = wrapped.end() if wrapped else text.index("[") + 1 if text.lstrip()[0] == "[" else 0
    closing = r"\s*\]\s*\}\s*" if wrapped else r"\s*\]\s*" if at else r"\s*"
    end = re.compile(closing + r"\Z")
    decoder = json.JSONDecoder(object_pairs_hook=_Members)
    number, counted = 1, 0
    while not end.match(text, at):
        at = _BETWEEN.match(text, at).end()  # type: ignore[union-attr]  # matches always
        number, counted = number + text.count("\n", counted, at), at
        try:
            members, stop = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            given = text[error.pos : error.pos + 20]
            fail(file, error.lineno, "", given, "JSON", f"column {error.colno}: {error.msg}")
        except (RecursionError, ValueError) as error:  # too deep, or a number of 4300 digits
            fail(file, number, "", text[at : at + 20], "flat JSON objects of texts", str(error))
        try:
            yield _json_message(members, _json_lines(text, at, stop, number), file, wanted)
        except MessageError as error:
            yield error
        at = stop


class _Members(list[tuple[str, Any]]):
    """Keys and values of a JSON object as they stand, repeated ones too."""


def _json_lines(text: str, start: int, stop: int, number: int) -> Callable[[str], int]:
    """Finder of the line of a key in the object that begins at `start`, on line `number`."""

    def line_of(key: str) -> int:
        found = text.find(f'"{key}"', start, stop) if key else start
        return number + text.count("\n", start, max(found, start))

    return line_of


def _json_message(
    members: object, line_of: Callable[[str], int], file: str, wanted: Wanted
) -> CdmRecord:
    if not isinstance(members, _Members):
        fail(file, line_of(""), "", str(members)[:20], "{KEY: text}", "not a JSON object")
    found = dict(members)
    key = _API_KEY if _API_KEY in found else VERSION_KEY
    if key not in found:
        _fail_other_json(found, line_of(""), file)
    pairs = []
    for name, value in members:
        if value is not None and not isinstance(value, str):
            fail(file, line_of(name), name, value, "a string or null", "values are texts")
        comment = _JSON_COMMENT.fullmatch(name)
        if comment is None:
            line_name = VERSION_KEY if name == key else name
            pairs.append(Pair(line_name, value or "", None, 0, name))
        elif value:
            pairs.append(comment_pair(comment[1] or "", value, 0)._replace(printed=name))
    # Without SAT1_ the relative state belongs to the message, as in CCSDS and in what TraCSS sends.
    once = key == _API_KEY or found[key] == "1.0" or "RELATIVE_POSITION_R" in found
    version = str(found[key])
    profile = _version_profile(version, once, key, line_of(key) if version else 0, file)
    pairs = split_companions(pairs, profile, file)
    return make_record(pairs, profile, line_of(""), file, wanted=wanted, locate=line_of)


def _fail_other_json(found: dict[str, Any], line: int, file: str) -> None:
    """Say what else this JSON is."""
    why = f"no CDM: it has neither {VERSION_KEY} nor {_API_KEY}"
    if "MIN_RNG" in found:
        why = "Space-Track class cdm_public has no states; fetch class cdm"
    elif "messageId" in found:
        why = "a list of headers has no states; fetch the messages themselves"
    elif {"NORAD_CAT_ID", "EPOCH"} <= found.keys():
        why = "these are element sets (OMM), no CDM"
    fail(file, line, "", ", ".join(list(found)[:4]), f"{VERSION_KEY} or {_API_KEY}", why)


# ---------------------------------------------------------------- CSV


def _is_csv_header(text: str) -> bool:
    keys = [word.strip('" ') for word in text.lstrip().partition("\n")[0].split(",")]
    return len(keys) > 1 and (keys[0] in (VERSION_KEY, _API_KEY) or "SAT1_X" in keys)


def _cut_csv(text: str, file: str, wanted: Wanted) -> Iterator[CdmRecord | MessageError]:
    """Rows under the header of keys."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [key.strip() for key in next(reader)]
        again = next((key for k, key in enumerate(header) if key in header[:k]), None)
        if again is not None:
            fail(file, 1, again, again, "each key once", "the key stood in line 1 already")
        key = _API_KEY if _API_KEY in header else VERSION_KEY
        names = [VERSION_KEY if name == key else name for name in header]
        once = key == _API_KEY or "RELATIVE_POSITION_R" in header
        if key in header:  # faults of the header are told before any row
            profile = _version_profile(CDM_VERSION, once, key, 1, file)
            head = [Pair(name, "", None, 1, name) for name in names]
            make_record(split_companions(head, profile, file), profile, 1, file, wanted=wanted)
        for row in filter(None, reader):
            number = reader.line_num
            if len(row) != len(header):
                fail(file, number, "", len(row), f"{len(header)} values", "columns do not match")
            try:
                version = dict(zip(header, row, strict=True)).get(key, "")
                profile = _version_profile(version, once, key, number, file)
                pairs = [Pair(n, v, None, number, n) for n, v in zip(names, row, strict=True)]
                pairs = split_companions(pairs, profile, file)
                yield make_record(pairs, profile, number, file, wanted=wanted)
            except MessageError as error:
                yield error
    except csv.Error as error:
        fail(file, reader.line_num, "", "", "RFC 4180", str(error))
