"""Read Orbit Comprehensive Messages as TraCSS-Spec-002 restricts them (CCSDS 502.0-B-3).

Fed by KVN, XML or JSON text; feeds the trajectory record. Every fault has a code:

    O01 no OCM, or another version       O11 epochs not increasing, or absolute and relative mixed
    O02 keyword or section missing       O12 fewer than 5 records before or after the useable span
    O03 unknown, misplaced, order (warn) O13 useable span empty, outside the data, not contiguous
    O04 TIME_SYSTEM not UTC              O14 TRAJ_BASIS not one of its two words
    O05 CENTER_NAME not EARTH            O15 COV sections do not match the TRAJ sections
    O06 TRAJ_REF_FRAME not EME2000       O16 COV_TYPE, _ORDERING, _REF_FRAME or _UNITS not allowed
    O07 TRAJ_TYPE not CARTPV, CARTPVA    O17 covariance not positive semi-definite (warning)
    O08 TRAJ_UNITS not km, km/s          O18 states that no Earth orbit has
    O09 wrong number of columns          O19 step too long for the interpolator (warning)
    O10 no number, no epoch, wrong unit  O20 object not in the catalog (warning)

All faults of a message are listed in one error. `strict` makes errors of the warnings; `lenient`
clips the useable span (O12, O13) to where seven states surround it, and says so in a warning.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Container
from typing import Any

import numpy as np

from tracss_hpc.errors import MessageError
from tracss_hpc.messages.elements import parse_number, parse_whole
from tracss_hpc.messages.findings import Judge
from tracss_hpc.messages.kvn import split_unit
from tracss_hpc.messages.ocm_keywords import (
    BLOCK_TYPES,
    COV_TYPES,
    TABLE,
    USER_PREFIX,
    OcmKeyword,
)
from tracss_hpc.messages.ocm_notation import FIRST, OcmSection, cut_ocm
from tracss_hpc.messages.ocm_rows import read_rows, symmetric
from tracss_hpc.messages.ocm_rules import (
    check_complete,
    check_covariance_words,
    check_meta,
    check_together,
    check_trajectory_words,
)
from tracss_hpc.messages.trajectory_record import (
    ForceModel,
    Manoeuvre,
    OrbitDetermination,
    TrajectoryBlock,
    TrajectoryObject,
    TrajectoryRecord,
)
from tracss_hpc.messages.trajectory_rules import (
    SAME_EPOCH_S,
    check_trajectory,
    repair_covariances,
)
from tracss_hpc.messages.utc import EPOCH_FORMS, MAX_SECONDS, EpochError, Utc, elapsed, parse_utc

__all__ = ["parse_ocm"]

_DERIVED = "="
_NUMBERS = {"whole": "a whole number", "number": "a finite decimal number"}


def parse_ocm(
    text: str,
    *,
    file: str = "<text>",
    strict: bool = False,
    lenient: bool = False,
    known: Container[str] | None = None,
    repair_covariance: bool = False,
    max_acceleration_km_s2: float | None = None,
) -> TrajectoryRecord:
    """Read one message; `file` is its name in findings, the options are `ReadOptions`.

    Raises
    ------
    MessageError
        Naming every fault with code, file, line, keyword, found and expected; `code` and the other
        attributes are those of the first.
    """
    judge = Judge(file, strict=strict, lenient=lenient)
    sections = cut_ocm(text, judge)
    _check_version(sections[0], judge)
    origin = _origin(sections[1], judge)
    taken = [_take(section, origin, judge) for section in sections]
    by_name: dict[str, list[int]] = {name: [] for name in TABLE}
    for k, section in enumerate(sections):
        by_name[section.name].append(k)
    trajectories, covariances = by_name["TRAJ"], by_name["COV"]
    check_meta(sections[1], known, judge)
    for k in trajectories:
        check_trajectory_words(sections[k], taken[k][0], judge)
    for k in covariances:
        check_covariance_words(sections[k], taken[k][0], judge)
    for section in sections:
        check_complete(section, judge)
    check_together(sections, judge)
    judge.finish()
    blocks = []
    for place, k in enumerate(trajectories):
        c = covariances[place] if covariances else None
        blocks.append(
            _block(sections[k], taken[k], sections[c] if c else None, taken[c] if c else None,
                   origin, judge)
        )  # fmt: skip
    judge.finish()
    _check_times(sections[1], taken[1][0], blocks, judge)
    lines = [sections[k].row_lines for k in trajectories]
    edges = [_lines_of_span(sections[k]) for k in trajectories]
    blocks = check_trajectory(
        blocks, lines, edges, judge, max_acceleration_km_s2=max_acceleration_km_s2
    )
    for place, c in enumerate(covariances):
        blocks[place] = _with_same_epochs(sections[c], blocks[place], judge)
    if repair_covariance:
        blocks = [repair_covariances(block) for block in blocks]
    judge.finish()
    fields = _merged(taken, by_name)
    return TrajectoryRecord(
        source_format="OCM",
        file=file,
        object=_fill(TrajectoryObject, "object", fields),
        od=_fill(OrbitDetermination, "od", fields),
        model=_fill(ForceModel, "model", fields),
        blocks=tuple(blocks),
        version=fields["version"],
        message_id=fields["message_id"],
        creation_date=fields["creation_date"],
        originator=fields["originator"],
        classification=fields.get("classification", ""),
        frame="EME2000",
        center="EARTH",
        time_system="UTC",
        manoeuvres=tuple(_manoeuvre(sections[k]) for k in by_name["MAN"]),
        extra={
            name: taken[by_name[name][0]][1]
            for name in TABLE
            if name not in ("TRAJ", "COV", "MAN") and by_name[name] and taken[by_name[name][0]][1]
        },
        warnings=tuple(judge.warnings),
    )


#: Values by field of the record, and texts without a field by keyword.
_Taken = tuple[dict[str, Any], dict[str, str]]


def _check_version(header: OcmSection, judge: Judge) -> None:
    version, line = header.values[FIRST]
    # The verification set of TraCSS writes the number of the book.
    if not (version.startswith("3.") and version[2:].isdecimal()) and version != "502.0-B-3":
        raise judge.fatal("O01", line, FIRST, version, "3.0 (or 502.0-B-3)", "another version")


def _origin(meta: OcmSection, judge: Judge) -> Utc | None:
    """EPOCH_TZERO, from which relative times count; a fault is found again when it is taken."""
    text, _ = meta.values.get("EPOCH_TZERO", ("", 0))
    try:
        return parse_utc(text)
    except EpochError:
        return None


def _take(section: OcmSection, origin: Utc | None, judge: Judge) -> _Taken:
    """Judge all keywords of a section on their own."""
    fields: dict[str, Any] = {}
    extra: dict[str, str] = {}
    rows = TABLE[section.name]
    for name, (text, line) in section.values.items():
        keyword = rows.get(name) or OcmKeyword("USER", name, False, "text", "", "")
        if name == USER_PREFIX:
            judge.error("O03", line, name, name, f"{USER_PREFIX}NAME", "parameter without name")
        if not text:
            continue
        value = _value(keyword, text, line, origin, judge)
        if not keyword.field:
            extra[name] = text
        else:
            fields[keyword.field if keyword.field != _DERIVED else f"={name}"] = value
    return fields, extra


def _value(keyword: OcmKeyword, text: str, line: int, origin: Utc | None, judge: Judge) -> Any:
    """Value of a keyword in the type of its field; None after a fault."""
    if keyword.kind == "text":
        return text
    if keyword.kind == "epoch":
        return _epoch(keyword.name, text, line, origin, judge)
    number, unit = split_unit(text)
    if unit and unit != keyword.unit and not (unit == "n/a" and not keyword.unit):
        expected = f"[{keyword.unit}]" if keyword.unit else "no unit"
        judge.error("O10", line, keyword.name, f"[{unit}]", expected, "another unit; convert it")
        return None
    try:
        if keyword.kind == "whole":
            return parse_whole(keyword.name, number)
        value = parse_number(keyword.name, number)
    except MessageError as error:
        judge.error("O10", line, keyword.name, number, _NUMBERS[keyword.kind], str(error))
        return None
    if value < 0 and keyword.field.startswith("object."):
        judge.error("O10", line, keyword.name, number, "0 or more", "out of range")
    return value


def _epoch(key: str, text: str, line: int, origin: Utc | None, judge: Judge) -> Utc | None:
    """Absolute, or in seconds from EPOCH_TZERO (which itself is absolute)."""
    try:
        if "T" in text or key in ("EPOCH_TZERO", "CREATION_DATE"):
            return parse_utc(text)
        seconds = parse_number(key, split_unit(text)[0])
        if abs(seconds) < MAX_SECONDS and origin is not None:
            return origin.plus(seconds)
    except (EpochError, MessageError):
        pass
    judge.error("O10", line, key, text, EPOCH_FORMS, "no epoch")
    return None


def _block(
    section: OcmSection,
    taken: _Taken,
    covariance: OcmSection | None,
    covariance_taken: _Taken | None,
    origin: Utc | None,
    judge: Judge,
) -> TrajectoryBlock:
    """States and covariances of one TRAJ and its COV; rows that cannot be read raise at once."""
    for one in (section, covariance):
        if one is not None and not one.rows:
            why = "a block without data"
            raise judge.fatal("O02", one.line, one.name, "no data lines", "data lines", why)
    fields, extra = taken
    columns = len(BLOCK_TYPES[fields["=TRAJ_TYPE"].upper()])
    jd, seconds, table = read_rows(section.rows, section.row_lines, columns, origin, judge)
    covariance_columns: dict[str, Any] = {}
    if covariance is not None and covariance_taken is not None:
        size = len(COV_TYPES[covariance_taken[0]["=COV_TYPE"].upper()])
        cov_jd, cov_seconds, lower = read_rows(
            covariance.rows, covariance.row_lines, size * (size + 1) // 2, origin, judge
        )
        covariance_columns = {
            "covariance_jd": cov_jd,
            "covariance_seconds": cov_seconds,
            "covariance": symmetric(lower, size),
            "covariance_frame": covariance_taken[0]["covariance_frame"],
            "covariance_extra": covariance_taken[1],
        }
    return TrajectoryBlock(
        jd=jd,
        seconds=seconds,
        r=np.ascontiguousarray(table[:, :3]),
        v=np.ascontiguousarray(table[:, 3:6]),
        a=np.ascontiguousarray(table[:, 6:9]) if columns == 9 else None,
        useable_start=fields["useable_start"],
        useable_stop=fields["useable_stop"],
        id=fields["id"],
        basis=fields["basis"],
        interpolation=fields.get("interpolation", ""),
        interpolation_degree=fields.get("interpolation_degree"),
        extra=extra,
        **covariance_columns,
    )


def _lines_of_span(section: OcmSection) -> tuple[int, int]:
    """Lines of the two keywords, which every TRAJ has by now."""
    start, stop = (section.values[f"USEABLE_{edge}_TIME"][1] for edge in ("START", "STOP"))
    return start, stop


def _with_same_epochs(section: OcmSection, block: TrajectoryBlock, judge: Judge) -> TrajectoryBlock:
    """The block with its covariances at the very epochs of its states."""
    jd, seconds = block.covariance_jd, block.covariance_seconds
    if jd is None or seconds is None:
        return block
    if jd.size != block.jd.size:
        judge.error(
            "O15", section.line, "COV", f"{jd.size} records", f"{block.jd.size}, as in TRAJ",
            "epochs differ",
        )  # fmt: skip
        return block
    origin = Utc(float(block.jd[0]), float(block.seconds[0]))
    apart = elapsed(origin, jd, seconds) - elapsed(origin, block.jd, block.seconds)
    differ = np.abs(apart) > SAME_EPOCH_S
    if differ.any():
        k = int(np.argmax(differ))
        judge.error(
            "O15", section.row_lines[k], "COV", Utc(jd[k], seconds[k]).iso(),
            Utc(block.jd[k], block.seconds[k]).iso(), "epochs differ from those of TRAJ",
        )  # fmt: skip
    return dataclasses.replace(block, covariance_jd=block.jd, covariance_seconds=block.seconds)


def _check_times(
    meta: OcmSection, fields: dict[str, Any], blocks: list[TrajectoryBlock], judge: Judge
) -> None:
    """START_TIME and STOP_TIME say the useable span again; where they do not, the blocks count."""
    for key, useable in (
        ("START_TIME", blocks[0].useable_start),
        ("STOP_TIME", blocks[-1].useable_stop),
    ):
        if abs(useable.minus(fields[f"={key}"])) > SAME_EPOCH_S:
            text, line = meta.values[key]
            judge.warn("O13", line, key, text, useable.iso(), "not the end of the useable span")


def _merged(taken: list[_Taken], by_name: dict[str, list[int]]) -> dict[str, Any]:
    """Fields of all sections that come once."""
    fields: dict[str, Any] = {}
    for name in TABLE:
        if name not in ("TRAJ", "COV", "MAN"):
            for k in by_name[name]:
                fields.update(taken[k][0])
    return fields


def _fill(kind: type[Any], prefix: str, fields: dict[str, Any]) -> Any:
    """A part of the record from the fields that begin with its name."""
    names = {f.name for f in dataclasses.fields(kind)}
    found = {name: fields[f"{prefix}.{name}"] for name in names if f"{prefix}.{name}" in fields}
    return kind(**found)


def _manoeuvre(section: OcmSection) -> Manoeuvre:
    values = {key: text for key, (text, _) in section.values.items() if text}
    return Manoeuvre(values=values, rows=tuple(section.rows))
