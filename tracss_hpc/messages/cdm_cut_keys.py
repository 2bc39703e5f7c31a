"""Cut CDM files in JSON, NDJSON and CSV into records: keys and values come apart from each other.

Fed by `cdm_cut`; feeds `cdm_read`. A message of the same keys as one before is put into its record
by `cdm_layout_keys`, any other goes pair by pair.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from tracss_hpc.errors import MessageError
from tracss_hpc.messages.cdm import CDM_VERSION
from tracss_hpc.messages.cdm_layout_keys import KeyLayouts
from tracss_hpc.messages.cdm_records import (
    API_KEY,
    VERSION_KEY,
    CdmRecord,
    Pair,
    comment_pair,
    fail,
    make_record,
    split_companions,
    version_profile,
)

__all__ = ["cut_csv", "cut_json", "is_csv_header"]

_BUNDLE = re.compile(r'\s*\{\s*"tracssCdms"\s*:\s*\[')
_BETWEEN = re.compile(r"[\s,]*")
_COMMENT = re.compile(r"(SAT[12]_)?COMMENT(_[A-Z_]+)?")


def cut_json(text: str, file: str, layouts: KeyLayouts) -> Iterator[CdmRecord | MessageError]:
    """Yield messages of ``{"tracssCdms": [...]}``, a bare list, or one object a line."""
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
            yield _json_message(members, _json_lines(text, at, stop, number), file, layouts)
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
    members: object, line_of: Callable[[str], int], file: str, layouts: KeyLayouts
) -> CdmRecord:
    if not isinstance(members, _Members):
        fail(file, line_of(""), "", str(members)[:20], "{KEY: text}", "not a JSON object")
    keys, values = zip(*members, strict=True) if members else ((), ())
    key = API_KEY if API_KEY in keys else VERSION_KEY
    if key not in keys:
        _fail_other_json(dict(members), line_of(""), file)
    given = values[keys.index(key)]
    version = given if isinstance(given, str) else None
    pair = partial(_json_pair, key)
    record = layouts.match(keys, values, version, line_of(""), pair)
    if record is not None:
        record.locate = line_of
        return record
    for name, value in members:
        if value is not None and not isinstance(value, str):
            fail(file, line_of(name), name, value, "a string or null", "values are texts")
    found = dict(members)
    # Without SAT1_ the relative state belongs to the message, as in CCSDS and in what TraCSS sends.
    once = key == API_KEY or found[key] == "1.0" or "RELATIVE_POSITION_R" in found
    said = str(found[key])
    profile = version_profile(said, once, key, line_of(key) if said else 0, file)
    pairs = [one for one in (pair(*member) for member in members) if one is not None]
    pairs = split_companions(pairs, profile, file)
    record = make_record(pairs, profile, line_of(""), file, wanted=layouts.wanted, locate=line_of)
    layouts.learn(keys, values, version, record, pair)
    return record


def _json_pair(version_key: str, name: str, value: str | None) -> Pair | None:
    """The pair of a key and its value; comments that say nothing are none."""
    comment = _COMMENT.fullmatch(name)
    if comment is None:
        return Pair(VERSION_KEY if name == version_key else name, value or "", None, 0, name)
    if value:
        return comment_pair(comment[1] or "", value, 0)._replace(printed=name)
    return None


def _fail_other_json(found: dict[str, Any], line: int, file: str) -> None:
    """Say what else this JSON is."""
    why = f"no CDM: it has neither {VERSION_KEY} nor {API_KEY}"
    if "MIN_RNG" in found:
        why = "Space-Track class cdm_public has no states; fetch class cdm"
    elif "messageId" in found:
        why = "a list of headers has no states; fetch the messages themselves"
    elif {"NORAD_CAT_ID", "EPOCH"} <= found.keys():
        why = "these are element sets (OMM), no CDM"
    fail(file, line, "", ", ".join(list(found)[:4]), f"{VERSION_KEY} or {API_KEY}", why)


# ---------------------------------------------------------------- CSV


def is_csv_header(text: str) -> bool:
    """Whether the first line of a text has keys of CDMs with commas between."""
    keys = [word.strip('" ') for word in text.lstrip().partition("\n")[0].split(",")]
    return len(keys) > 1 and (keys[0] in (VERSION_KEY, API_KEY) or "SAT1_X" in keys)


def cut_csv(text: str, file: str, layouts: KeyLayouts) -> Iterator[CdmRecord | MessageError]:
    """Yield the messages of rows under the header of keys."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [key.strip() for key in next(reader)]
        again = next((key for k, key in enumerate(header) if key in header[:k]), None)
        if again is not None:
            fail(file, 1, again, again, "each key once", "the key stood in line 1 already")
        key = API_KEY if API_KEY in header else VERSION_KEY
        names = tuple(VERSION_KEY if name == key else name for name in header)
        once = key == API_KEY or "RELATIVE_POSITION_R" in header
        if key in header:  # faults of the header are told before any row
            profile = version_profile(CDM_VERSION, once, key, 1, file)
            head = [Pair(name, "", None, 1, name) for name in names]
            head = split_companions(head, profile, file)
            make_record(head, profile, 1, file, wanted=layouts.wanted)
        for row in filter(None, reader):
            number = reader.line_num
            if len(row) != len(header):
                fail(file, number, "", len(row), f"{len(header)} values", "columns do not match")
            version = row[header.index(key)] if key in header else ""
            pair = partial(_csv_pair, number)
            fast = layouts.match(names, row, version, number, pair)
            if fast is not None:
                yield fast
                continue
            try:
                profile = version_profile(version, once, key, number, file)
                pairs = [pair(name, value) for name, value in zip(names, row, strict=True)]
                pairs = split_companions(pairs, profile, file)
                record = make_record(pairs, profile, number, file, wanted=layouts.wanted)
                layouts.learn(names, row, version, record, pair)
                yield record
            except MessageError as error:
                yield error
    except csv.Error as error:
        fail(file, reader.line_num, "", "", "RFC 4180", str(error))


def _csv_pair(line: int, name: str, value: str | None) -> Pair:
    return Pair(name, value or "", None, line, name)
