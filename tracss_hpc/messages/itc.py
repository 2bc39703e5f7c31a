"""Modified ITC ephemerides, as Starlink publishes them, to a trajectory record.

Fed by the text of a file and its name; feeds `ephemeris.tabulated`. Four header lines, then four
lines for each epoch: time and state [km, km/s], and the 21 numbers of the lower triangle of the
covariance [km^2, km^2/s, km^2/s^2] in UVW, which is RTN with inertial velocities. The text does
not say whose orbit it is nor in which frame; the name of the file does:

    MEME_44713_STARLINK-1007_2540142_Operational_1473385380_UNCLASSIFIED.txt
    |    |     |             |       category    metadata   classification
    |    |     name          day of year, hour, minute of the start
    |    catalog number
    mean equator and equinox of J2000: EME2000

A file under another name is read with a warning, as an EME2000 ephemeris of an unknown object.
Rules have the codes of an OCM where both have them.
"""

from __future__ import annotations

import re
from collections.abc import Container
from typing import NamedTuple

import numpy as np

from tracss_hpc.messages.findings import Judge
from tracss_hpc.messages.ocm_rows import read_rows, symmetric
from tracss_hpc.messages.oem import parse_epoch
from tracss_hpc.messages.oem_parts import Entry
from tracss_hpc.messages.trajectory_record import (
    TrajectoryBlock,
    TrajectoryObject,
    TrajectoryRecord,
)
from tracss_hpc.messages.trajectory_rules import check_known, check_states, repair_covariances
from tracss_hpc.messages.utc import Utc

__all__ = ["parse_itc"]

_NAME = re.compile(
    r"(?P<frame>[A-Z0-9]+)_(?P<designator>\d{1,9})_(?P<name>.+)_(?P<start>\d{7})"
    r"_(?P<category>[A-Za-z]+)_(?P<metadata>[^_]*)_(?P<classification>[^_.]+)(?:\..*)?",
    re.ASCII,
)
_TIME = r"(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}(?:\.\d+)?) UTC"
_HEADER = (
    ("created", re.compile(rf"created: *{_TIME}", re.ASCII)),
    (
        "ephemeris_start",
        re.compile(
            rf"ephemeris_start: *{_TIME} +ephemeris_stop: *{_TIME} +step_size: *(\S+)", re.ASCII
        ),
    ),
    ("ephemeris_source", re.compile(r"ephemeris_source: *(.*)")),
    ("covariance frame", re.compile(r"(UVW)")),
)
_STAMP = re.compile(r"(\d{4})(\d{3})(\d{2})(\d{2})(\d{2}(?:\.\d+)?)", re.ASCII)
_ROWS = 4  # lines of a record
_NUMBERS = 7  # on each of them


class _Header(NamedTuple):
    created: Utc
    start: Utc
    stop: Utc
    step: str
    source: str


def parse_itc(
    text: str,
    *,
    file: str = "<text>",
    strict: bool = False,
    lenient: bool = False,
    known: Container[str] | None = None,
    repair_covariance: bool = False,
    max_acceleration_km_s2: float | None = None,
) -> TrajectoryRecord:
    """Read one ephemeris; `file` is its path, of which the last part names the object.

    The options are `ReadOptions`. A span that leaves the data is clipped without `lenient`, too.

    Raises
    ------
    MessageError
        With the code of the broken rule, file, line, what was found, what is expected.
    """
    judge = Judge(file, strict=strict, lenient=lenient)
    numbered = [(k, line) for k, raw in enumerate(text.split("\n"), 1) if (line := raw.strip())]
    header = _read_header(numbered[: len(_HEADER)], judge)
    words = _words_of_name(file, judge)
    check_known(words.get("designator", ""), known, 0, "file name", judge)
    block, places = _read_block(numbered[len(_HEADER) :], header, words, judge)
    check_states(block, places, judge, max_acceleration_km_s2=max_acceleration_km_s2)
    if repair_covariance:
        block = repair_covariances(block)
    judge.finish()
    return TrajectoryRecord(
        source_format="ITC",
        file=file,
        object=TrajectoryObject(designator=words.get("designator", ""), name=words.get("name", "")),
        blocks=(block,),
        message_id=words.get("metadata", ""),
        creation_date=header.created,
        classification=words.get("classification", ""),
        extra={"HEADER": {"ephemeris_source": header.source, "step_size": header.step}},
        warnings=tuple(judge.warnings),
    )


def _read_header(lines: list[tuple[int, str]], judge: Judge) -> _Header:
    groups: list[tuple[str, ...]] = []
    for k, (key, pattern) in enumerate(_HEADER):
        number, line = lines[k] if k < len(lines) else (0, "")
        match = pattern.fullmatch(line)
        if match is None:
            code, expected = ("O16", "UVW") if k == 3 else ("O01", f"{key}:...")
            raise judge.fatal(code, number, key, line, expected, "not a line of a modified ITC")
        groups.append(match.groups())

    def time(k: int, words: tuple[str, ...]) -> Utc:
        return parse_epoch(_HEADER[k][0], Entry("T".join(words), lines[k][0]), judge)

    return _Header(
        time(0, groups[0]), time(1, groups[1][:2]), time(1, groups[1][2:4]), groups[1][4],
        groups[2][0],
    )  # fmt: skip


def _words_of_name(file: str, judge: Judge) -> dict[str, str]:
    name = re.split(r"[/\\]", file)[-1]
    match = _NAME.fullmatch(name)
    form = "MEME_<catalog number>_<name>_<DDDHHMM>_<category>_<metadata>_<classification>.txt"
    if match is None:
        why = "the object is not known and the frame taken as EME2000"
        judge.warn("O02", 0, "file name", name, form, why)
        return {}
    if match["frame"] != "MEME":
        raise judge.fatal(
            "O06", 0, "file name", match["frame"], "MEME (EME2000)",
            "another frame; convert the states first",
        )  # fmt: skip
    return match.groupdict()


def _read_block(
    lines: list[tuple[int, str]], header: _Header, words: dict[str, str], judge: Judge
) -> tuple[TrajectoryBlock, list[int]]:
    """The block, and the line of each of its states."""
    cells = [line.split() for _, line in lines]
    wrong = next((k for k, row in enumerate(cells) if len(row) != _NUMBERS), None)
    if wrong is not None:
        found = f"{len(cells[wrong])} numbers"
        raise judge.fatal("O09", lines[wrong][0], "", found, str(_NUMBERS), "not a row")
    if not cells or len(cells) % _ROWS:
        line, found = (lines[-1][0] if lines else 0), f"{len(cells)} rows"
        why = "the last record is cut short"
        raise judge.fatal("O09", line, "", found, f"{_ROWS} rows for each epoch", why)
    places = [number for number, _ in lines[::_ROWS]]
    stamps = [_STAMP.fullmatch(row[0]) for row in cells[::_ROWS]]
    if None in stamps:
        k = stamps.index(None)
        found = cells[_ROWS * k][0]
        raise judge.fatal("O10", places[k], "", found, "YYYYDDDhhmmss.sss", "not a time")
    rows = [
        " ".join(
            ["{}-{}T{}:{}:{}".format(*stamp.groups()), *cells[_ROWS * k][1:]]
            + [line for _, line in lines[_ROWS * k + 1 : _ROWS * (k + 1)]]
        )
        for k, stamp in enumerate(stamps)
        if stamp
    ]
    jd, seconds, table = read_rows(rows, places, 27, None, judge)
    first, last = Utc(float(jd[0]), float(seconds[0])), Utc(float(jd[-1]), float(seconds[-1]))
    start, stop = max(header.start, first), min(header.stop, last)
    if (start, stop) != (header.start, header.stop):
        found, expected = (f"{a.iso()} to {b.iso()}" for a, b in (header[1:3], (first, last)))
        judge.warn("O13", 2, "ephemeris_start", found, expected, "the span is clipped to the data")
    if not start < stop:
        found = f"{start.iso()} to {stop.iso()}"
        raise judge.fatal("O13", 2, "ephemeris_start", found, "a later end", "no useable span")
    return TrajectoryBlock(
        jd=jd,
        seconds=seconds,
        r=np.ascontiguousarray(table[:, :3]),
        v=np.ascontiguousarray(table[:, 3:6]),
        useable_start=start,
        useable_stop=stop,
        covariance_jd=jd,
        covariance_seconds=seconds,
        covariance=symmetric(table[:, 6:], 6),
        covariance_frame="UVW",
        basis=words.get("category", "").upper(),
    ), places
