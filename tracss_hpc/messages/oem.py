"""Orbit ephemeris messages (OEM 1.0 to 3.0, CCSDS 502.0-B-3 section 5) to a trajectory record.

Fed by the text of a file, KVN or XML; feeds `ephemeris.tabulated`. The rules are those of an OCM
where both have them, under the same codes: UTC (O04), Earth (O05), EME2000, also called J2000
(O06), km and km/s (O08), epochs that increase (O11), a useable span inside the data (O13),
covariances in RTN, RSW, TNW or EME2000, the same for a whole segment (O16); O21 is an OEM about
two objects. Anything else would be screened silently wrong and is refused with what to do. Padding
states (O12), which an OEM need not have, are not asked for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Sequence

import numpy as np

from tracss_hpc.messages.findings import Judge
from tracss_hpc.messages.ocm_rows import read_rows, symmetric
from tracss_hpc.messages.oem_parts import Entry, OemParts, OemSegment, cut_oem_kvn, cut_oem_xml
from tracss_hpc.messages.trajectory_record import (
    TrajectoryBlock,
    TrajectoryObject,
    TrajectoryRecord,
)
from tracss_hpc.messages.trajectory_rules import check_known, check_states, repair_covariances
from tracss_hpc.messages.utc import EPOCH_FORMS, EpochError, Utc, parse_utc

__all__ = ["check_word", "is_catalog_number", "object_of", "parse_epoch", "parse_oem"]

_NOTHING = Entry("", 0)
_VERSIONS = ("1.0", "2.0", "3.0")
# fmt: off
_REQUIRED = (
    "OBJECT_NAME", "OBJECT_ID", "CENTER_NAME", "REF_FRAME", "TIME_SYSTEM", "START_TIME",
    "STOP_TIME",
)
# fmt: on
#: Keyword, code, words allowed, and what to do with another.
_SETTINGS = (
    ("TIME_SYSTEM", "O04", ("UTC",), "another time system; convert the epochs to UTC first"),
    ("CENTER_NAME", "O05", ("EARTH",), "only orbits about the Earth are screened"),
    ("REF_FRAME", "O06", ("EME2000", "J2000"), "another frame; convert the states first"),
)
#: 502.0-B-3 3.2.4.11, and of annex B5 the words that tell inertial from rotating axes.
_COVARIANCE_FRAMES = (
    "RTN", "RSW", "RSW_INERTIAL", "RSW_ROTATING", "TNW", "TNW_INERTIAL", "EME2000", "J2000",
)  # fmt: skip


def parse_oem(
    text: str,
    *,
    file: str = "<text>",
    strict: bool = False,
    lenient: bool = False,
    known: Container[str] | None = None,
    repair_covariance: bool = False,
    max_acceleration_km_s2: float | None = None,
) -> TrajectoryRecord:
    """Read an OEM in KVN or XML; which of them follows from the first character.

    `file` is its name in findings, the options are `ReadOptions`.

    Raises
    ------
    MessageError
        With the code of the broken rule, file, line, keyword, what was found, what is expected.
    """
    judge = Judge(file, strict=strict, lenient=lenient)
    cut = cut_oem_xml if text.lstrip().startswith("<") else cut_oem_kvn
    parts = cut(text, judge)
    _check_header(parts, judge)
    for segment in parts.segments:
        _check_settings(segment, parts.segments[0], judge)
    thing, identifier = object_of(parts.segments[0].meta), parts.segments[0].meta["OBJECT_ID"]
    check_known(thing.designator, known, identifier.line, "OBJECT_ID", judge)
    blocks = [_block(segment, max_acceleration_km_s2, judge) for segment in parts.segments]
    _check_order(blocks, parts.segments, judge)
    if repair_covariance:
        blocks = [repair_covariances(block) for block in blocks]
    judge.finish()
    header = {key: entry.text for key, entry in parts.header.items()}
    created = parts.header["CREATION_DATE"]
    return TrajectoryRecord(
        source_format="OEM",
        file=file,
        object=thing,
        blocks=tuple(blocks),
        version=header["CCSDS_OEM_VERS"],
        message_id=header.get("MESSAGE_ID", ""),
        creation_date=parse_epoch("CREATION_DATE", created, judge),
        originator=header["ORIGINATOR"],
        classification=header.get("CLASSIFICATION", ""),
        extra={"HEADER": {"COMMENT": "\n".join(parts.comments)}} if parts.comments else {},
        warnings=tuple(judge.warnings),
    )


def is_catalog_number(text: str) -> bool:
    """Whether an OBJECT_ID is a catalog number: up to nine digits."""
    return text.isascii() and text.isdigit() and len(text) <= 9


def object_of(meta: dict[str, Entry]) -> TrajectoryObject:
    """Name and identifier of OEM or OPM metadata; an identifier of digits is a catalog number."""
    identifier = meta["OBJECT_ID"].text
    catalogued = is_catalog_number(identifier)
    return TrajectoryObject(
        designator=identifier if catalogued else "",
        name=meta["OBJECT_NAME"].text,
        international_designator="" if catalogued else identifier,
    )


def check_word(
    code: str, key: str, entry: Entry, allowed: Sequence[str], why: str, judge: Judge
) -> None:
    """Refuse a word, in upper or lower case, that is none of those allowed."""
    if entry.text.upper() not in allowed:
        raise judge.fatal(code, entry.line, key, entry.text, " or ".join(allowed), why)


def parse_epoch(key: str, entry: Entry, judge: Judge) -> Utc:
    """The epoch of a keyword; O10 if it is none."""
    try:
        return parse_utc(entry.text)
    except EpochError:
        raise judge.fatal("O10", entry.line, key, entry.text, EPOCH_FORMS, "no epoch") from None


def _check_header(parts: OemParts, judge: Judge) -> None:
    version = parts.header.get("CCSDS_OEM_VERS", _NOTHING)
    check_word("O01", "CCSDS_OEM_VERS", version, _VERSIONS, "another version", judge)
    for key in ("CREATION_DATE", "ORIGINATOR"):
        if not parts.header.get(key, _NOTHING).text:
            line = parts.header.get(key, version).line
            raise judge.fatal("O02", line, key, "", "a value", "missing in the header")
    if not parts.segments:
        raise judge.fatal("O02", 0, "META_START", "", "at least one segment", "no segment")


def _check_settings(segment: OemSegment, first: OemSegment, judge: Judge) -> None:
    """Refuse what would be screened silently wrong, and segments that contradict each other."""
    for key in _REQUIRED:
        entry = segment.meta.get(key, Entry("", segment.line))
        if not entry.text:
            raise judge.fatal("O02", entry.line, key, "", "a value", "missing in the metadata")
    for key, code, words, why in _SETTINGS:
        check_word(code, key, segment.meta[key], words, why, judge)
    for key in ("OBJECT_NAME", "OBJECT_ID"):
        entry, other = segment.meta[key], first.meta[key].text
        if entry.text.upper() != other.upper():
            why = "an OEM is about one object; split it"
            raise judge.fatal("O21", entry.line, key, entry.text, other, why)
    if not segment.rows:
        raise judge.fatal("O02", segment.line, "", "no state", "states", "an empty segment")


def _block(
    segment: OemSegment, max_acceleration_km_s2: float | None, judge: Judge
) -> TrajectoryBlock:
    columns = _columns(segment, judge)
    _check_absolute(segment.rows, segment.lines, judge)
    jd, seconds, table = read_rows(segment.rows, segment.lines, columns, None, judge)
    start = _useable_edge(segment, "START", Utc(float(jd[0]), float(seconds[0])), judge)
    stop = _useable_edge(segment, "STOP", Utc(float(jd[-1]), float(seconds[-1])), judge)
    if not start < stop:
        found = f"{start.iso()} to {stop.iso()}"
        raise judge.fatal("O13", segment.line, "", found, "a later end", "no useable span")
    block = TrajectoryBlock(
        jd=jd,
        seconds=seconds,
        r=np.ascontiguousarray(table[:, :3]),
        v=np.ascontiguousarray(table[:, 3:6]),
        a=np.ascontiguousarray(table[:, 6:]) if columns == 9 else None,
        useable_start=start,
        useable_stop=stop,
        interpolation=segment.meta.get("INTERPOLATION", _NOTHING).text,
        interpolation_degree=_degree(segment, judge),
        extra=_extra(segment),
    )
    if segment.covariances:
        block = _with_covariance(block, segment, judge)
    check_states(block, segment.lines, judge, max_acceleration_km_s2=max_acceleration_km_s2)
    return block


def _check_absolute(rows: Sequence[str], lines: Sequence[int], judge: Judge) -> None:
    """Refuse a first cell without date: an OEM has no epoch from which seconds could count."""
    for row, line in zip(rows, lines, strict=True):
        if "T" not in row:
            raise judge.fatal("O10", line, "", row.split(" ")[0], EPOCH_FORMS, "no epoch")


def _columns(segment: OemSegment, judge: Judge) -> int:
    """Numbers of each state: 9 where every state has accelerations, else 6.

    Accelerations of some states only are no column: they are cut off, with a warning.
    """
    widths = [row.count(" ") for row in segment.rows]
    if len(set(widths)) == 1 and widths[0] in (6, 9):
        return widths[0]
    cells = [row.split() for row in segment.rows]
    having = sum(len(row) == 10 for row in cells)
    if 0 < having < len(cells):
        found = f"in {having} of {len(cells)} states"
        why = "accelerations are not kept"
        judge.warn("O09", segment.line, "", found, "in all or none", why)
        segment.rows = [" ".join(row[:7] if len(row) == 10 else row) for row in cells]
    return 9 if having == len(cells) else 6


def _useable_edge(segment: OemSegment, edge: str, end_of_data: Utc, judge: Judge) -> Utc:
    """Useable start or stop; where only a total span is stated, its part inside the data."""
    total, useable = f"{edge}_TIME", f"USEABLE_{edge}_TIME"
    times = {
        key: parse_epoch(key, segment.meta[key], judge)
        for key in (total, useable)
        if segment.meta.get(key, _NOTHING).text
    }
    key = useable if useable in times else total
    time = times[key]
    if (time < end_of_data) if edge == "START" else (time > end_of_data):
        take_down, why = {
            useable: (judge.forgive, "outside the data; lenient reading clips it"),
            total: (judge.warn, "outside the data; the useable span ends with the data"),
        }[key]
        line, found = segment.meta[key].line, segment.meta[key].text
        take_down("O13", line, key, found, f"{end_of_data.iso()} or inside", why)
        time = end_of_data
    return time


def _degree(segment: OemSegment, judge: Judge) -> int | None:
    key, method = "INTERPOLATION_DEGREE", segment.meta.get("INTERPOLATION", _NOTHING)
    text, line = segment.meta.get(key, Entry("", method.line))
    if not text:
        if method.text:
            judge.warn("O02", line, key, "", "a degree", "missing beside the method; not used")
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text[:9]) < 100):
        raise judge.fatal("O10", line, key, text, "a whole number from 1 to 99", "no degree")
    return int(text)


def _with_covariance(block: TrajectoryBlock, segment: OemSegment, judge: Judge) -> TrajectoryBlock:
    rows = [" ".join([matrix.epoch.text, *matrix.rows]) for matrix in segment.covariances]
    lines = [matrix.epoch.line for matrix in segment.covariances]
    _check_absolute(rows, lines, judge)
    jd, seconds, lower = read_rows(rows, lines, 21, None, judge)
    late = (jd[1:] < jd[:-1]) | ((jd[1:] == jd[:-1]) & (seconds[1:] <= seconds[:-1]))
    if late.any():
        k = int(np.argmax(late)) + 1
        after, epoch = segment.covariances[k - 1].epoch.text, segment.covariances[k].epoch
        why = "epochs repeat or do not increase"
        raise judge.fatal("O11", epoch.line, "EPOCH", epoch.text, f"after {after}", why)
    return dataclasses.replace(
        block,
        covariance_jd=jd,
        covariance_seconds=seconds,
        covariance=symmetric(lower, 6),
        covariance_frame=_covariance_frame(segment, judge),
    )


def _covariance_frame(segment: OemSegment, judge: Judge) -> str:
    """The one frame of a segment's covariances.

    A matrix that states none is in the frame of the states (502.0-B-3 5.2.5.4), whatever the
    matrix before it said.
    """
    key, first = "COV_REF_FRAME", ""
    for matrix in segment.covariances:
        entry = matrix.frame
        if entry is not None:
            why = "another frame; convert the covariance first"
            check_word("O16", key, entry, _COVARIANCE_FRAMES, why, judge)
        frame = _frame(entry or segment.meta["REF_FRAME"])
        first = first or frame
        if frame != first:
            found, line = (entry.text, entry.line) if entry else ("", matrix.epoch.line)
            why = "give the covariances of a segment in one frame"
            if entry is None:
                why += f" (without COV_REF_FRAME it is {frame}, that of the states)"
            raise judge.fatal("O16", line, key, found, first, why)
    return first


def _frame(entry: Entry) -> str:
    """Name of a frame; J2000 is another one of EME2000."""
    return "EME2000" if entry.text.upper() == "J2000" else entry.text.upper()


def _extra(segment: OemSegment) -> dict[str, str]:
    """What no field holds; the total span follows from the data, as in an OCM."""
    key = "REF_FRAME_EPOCH"
    extra = {key: segment.meta[key].text} if key in segment.meta else {}
    return {**extra, "COMMENT": "\n".join(segment.comments)} if segment.comments else extra


def _check_order(
    blocks: Sequence[TrajectoryBlock], segments: Sequence[OemSegment], judge: Judge
) -> None:
    """Useable spans follow each other; one instant may be the end of one and start of the next."""
    for before, block, segment in zip(blocks, blocks[1:], segments[1:], strict=False):
        if block.useable_start < before.useable_stop:
            raise judge.fatal(
                "O13", segment.line, "USEABLE_START_TIME", block.useable_start.iso(),
                f"{before.useable_stop.iso()} or later", "useable spans of segments overlap",
            )  # fmt: skip
