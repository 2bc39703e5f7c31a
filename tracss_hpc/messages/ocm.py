"""Read Orbit Comprehensive Messages as TraCSS-Spec-002 restricts them (CCSDS 502.0-B-3).

Fed by KVN, XML or JSON text; feeds the trajectory record. Every fault has a code:

    O01 no OCM, or another version       O11 epochs not increasing, or absolute and relative mixed
    O02 keyword or section missing       O12 fewer than 5 records before or after the useable span
    O03 unknown or misplaced             O13 useable span empty, outside the data, not contiguous
    O04 TIME_SYSTEM not UTC              O14 TRAJ_BASIS not OPERATIONAL or CANDIDATE
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
    COV_FRAMES,
    COV_TYPES,
    TABLE,
    USER_PREFIX,
    OcmKeyword,
)
from tracss_hpc.messages.ocm_notation import FIRST, OcmSection, cut_ocm
from tracss_hpc.messages.ocm_rows import read_rows, symmetric
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
    check_known,
    check_trajectory,
    repair_covariances,
)
from tracss_hpc.messages.utc import EpochError, Utc, elapsed, parse_utc

__all__ = ["parse_ocm"]

_BASES = ("OPERATIONAL", "CANDIDATE")
_DERIVED = "="


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
    _check_meta(sections[1], known, judge)
    for k in trajectories:
        _check_trajectory_words(sections[k], taken[k][0], judge)
    for k in covariances:
        _check_covariance_words(sections[k], taken[k][0], judge)
    for section in sections:
        _check_complete(section, judge)
    if covariances and len(covariances) != len(trajectories):
        judge.error(
            "O15", sections[covariances[-1]].line, "COV", f"{len(covariances)} sections",
            f"none or {len(trajectories)}, one for each TRAJ", "sections do not match",
        )  # fmt: skip
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
    blocks = check_trajectory(blocks, lines, judge, max_acceleration_km_s2=max_acceleration_km_s2)
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


def _check_complete(section: OcmSection, judge: Judge) -> None:
    missing = [
        name
        for name, row in TABLE[section.name].items()
        if row.mandatory and not section.values.get(name, ("", 0))[0]
    ]
    if missing:
        line = section.values.get(missing[0], ("", section.line))[1]
        judge.error(
            "O02", line, missing[0], "nothing", f"a value for {', '.join(missing)}",
            f"{section.name} is incomplete",
        )  # fmt: skip


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
        judge.error("O10", line, keyword.name, number, f"a {keyword.kind} number", str(error))
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
        if abs(seconds) < 1e10 and origin is not None:  # 317 years
            return origin.plus(seconds)
    except (EpochError, MessageError):
        pass
    judge.error(
        "O10", line, key, text, "YYYY-MM-DDThh:mm:ss[.f], YYYY-DDDThh:mm:ss[.f] (UTC)", "no epoch"
    )
    return None


def _check_meta(meta: OcmSection, known: Container[str] | None, judge: Judge) -> None:
    text, line = meta.values.get("TIME_SYSTEM", ("", 0))
    if text and text.upper() != "UTC":
        judge.error("O04", line, "TIME_SYSTEM", text, "UTC", "another time system; convert first")
    designator, line = meta.values.get("OBJECT_DESIGNATOR", ("", 0))
    check_known(designator, known, line, "OBJECT_DESIGNATOR", judge)


def _check_trajectory_words(section: OcmSection, fields: dict[str, Any], judge: Judge) -> None:
    def check(code: str, key: str, allowed: tuple[str, ...], why: str) -> str:
        text, line = section.values.get(key, ("", 0))
        if text and text.upper() not in allowed:
            judge.error(code, line, key, text, " or ".join(allowed), why)
        return text.upper()

    fields["basis"] = check("O14", "TRAJ_BASIS", _BASES, "another basis")
    check("O05", "CENTER_NAME", ("EARTH",), "another center")
    frame = section.values.get("TRAJ_REF_FRAME", ("", 0))[0]
    remedy = "write EME2000 if that is meant" if frame.upper() == "J2000" else "convert first"
    check("O06", "TRAJ_REF_FRAME", ("EME2000",), f"states in {frame}: {remedy}")
    kind = check("O07", "TRAJ_TYPE", tuple(BLOCK_TYPES), "not Cartesian states")
    text, line = section.values.get("TRAJ_UNITS", ("", 0))
    if text and kind in BLOCK_TYPES and _units(text) != BLOCK_TYPES[kind]:
        expected = f"[{', '.join(BLOCK_TYPES[kind])}]"
        judge.error("O08", line, "TRAJ_UNITS", text, expected, "other units; convert first")


def _check_covariance_words(section: OcmSection, fields: dict[str, Any], judge: Judge) -> None:
    def check(key: str, allowed: tuple[str, ...], why: str) -> str:
        text, line = section.values.get(key, ("", 0))
        if text and text.upper() not in allowed:
            judge.error("O16", line, key, text, " or ".join(allowed), why)
        return text.upper()

    kind = check("COV_TYPE", tuple(COV_TYPES), "not a Cartesian covariance")
    check("COV_ORDERING", ("LTM",), "not a lower triangle by rows")
    fields["covariance_frame"] = check("COV_REF_FRAME", COV_FRAMES, "another frame")
    text, line = section.values.get("COV_UNITS", ("", 0))
    if text and kind in COV_TYPES and _units(text) not in _covariance_units(kind):
        expected = f"[{', '.join(COV_TYPES[kind])}]"
        judge.error("O16", line, "COV_UNITS", text, expected, "other units; convert first")


def _units(text: str) -> tuple[str, ...]:
    return tuple(unit.strip().lower() for unit in text.strip("[] ").split(","))


def _covariance_units(kind: str) -> tuple[tuple[str, ...], ...]:
    """Units of the state, as the book has it, or those of the 6 or 21 numbers themselves."""
    state = COV_TYPES[kind]
    powers = {0: "km**2", 1: "km**2/s", 2: "km**2/s**2"}
    rates = [int(unit == "km/s") for unit in state]
    triangle = [powers[rates[i] + rates[j]] for i in range(len(state)) for j in range(i + 1)]
    return state, tuple(triangle)


def _block(
    section: OcmSection,
    taken: _Taken,
    covariance: OcmSection | None,
    covariance_taken: _Taken | None,
    origin: Utc | None,
    judge: Judge,
) -> TrajectoryBlock:
    """States and covariances of one TRAJ and its COV; rows that cannot be read raise at once."""
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
