"""Write Orbit Ephemeris Messages (OEM 3.0, CCSDS 502.0-B-3 chapter 5) in KVN and XML.

Fed by a trajectory record of any source; feeds files that `oem` and everybody else read. Every
block is a segment: its metadata, its states, its covariances with epoch and frame each. What an OEM
can hold reads back identically; numbers and epochs are those of `odm_text`.

An OEM is a trajectory and a name. It has no place for the operator and its contacts, physical
properties (HBR, mass, areas), orbit determination, forces, manoeuvres, TRAJ_BASIS, the second of
two designators, or covariances of positions alone: all that is left out, and `left_out` names it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NoReturn
from xml.sax.saxutils import escape

import numpy as np

from tracss_hpc.messages.ocm_keywords import TABLE, keyword_text
from tracss_hpc.messages.odm_text import NDM_SCHEMA, cannot_be_written, data_lines, one_line
from tracss_hpc.messages.oem import is_catalog_number
from tracss_hpc.messages.oem_parts import COVARIANCE_UNITS, STATE_UNITS
from tracss_hpc.messages.trajectory_record import TrajectoryBlock, TrajectoryRecord
from tracss_hpc.messages.trajectory_rules import SIDE
from tracss_hpc.messages.utc import Utc

__all__ = ["OEM_FORMATS", "OemFormat", "format_oem", "left_out"]

OemFormat = Literal["KVN", "XML"]
#: Notations that can be written.
OEM_FORMATS: tuple[OemFormat, ...] = ("KVN", "XML")
_VERSION = "3.0"
_WIDTH = 20  # of a KVN keyword, so that the values stand in one column
_UNKNOWN = "UNKNOWN"  # the word of the standard (table 5-3) for a name or identifier
#: Frame of the record -> COV_REF_FRAME (3.2.4.11; what tells inertial from rotating: annex B5).
_FRAMES = {
    **{name: name for name in ("RTN", "RSW", "RSW_INERTIAL", "RSW_ROTATING", "TNW")},
    **{name: name for name in ("TNW_INERTIAL", "EME2000")},
    "UVW": "RSW_INERTIAL",  # of an ITC
}
#: Keywords of an OCM whose content an OEM has, too, or that say nothing where epochs are absolute.
_HELD = {
    "CCSDS_OCM_VERS", "COMMENT", "CREATION_DATE", "ORIGINATOR", "CLASSIFICATION", "MESSAGE_ID",
    "OBJECT_NAME", "TIME_SYSTEM", "EPOCH_TZERO", "CENTER_NAME", "TRAJ_REF_FRAME", "REF_FRAME_EPOCH",
    "USEABLE_START_TIME", "USEABLE_STOP_TIME", "INTERPOLATION", "INTERPOLATION_DEGREE",
    "COV_REF_FRAME",
}  # fmt: skip
_SIZE = 6
_STARTS = [i * (i + 1) // 2 for i in range(_SIZE + 1)]  # of the rows of a lower triangle


@dataclass(frozen=True)
class _Segment:
    """Texts of one segment: comments, metadata, lines of an epoch and numbers."""

    comments: list[str]
    meta: dict[str, str]
    states: list[str]
    covariances: list[str]
    frame: str


def format_oem(record: TrajectoryRecord, notation: OemFormat = "KVN") -> str:
    """Text of the message.

    A block that recommends no interpolation gets LAGRANGE of degree 6, what `ephemeris.tabulated`
    does, or as many as its states allow. OBJECT_ID is the catalog number, without one the
    international designator.

    Raises
    ------
    MessageError
        If the record lacks creation date or originator, holds a text that cannot be printed on one
        line, or covariances in a frame that an OEM does not know; names keyword and remedy.
    """
    header = _header(record)
    comments = _comments(record, record.extra.get("HEADER", {}).get("COMMENT", ""))
    segments = [_segment(record, block) for block in record.blocks]
    lines = {"KVN": _kvn, "XML": _xml}[notation](header, comments, segments)
    return "\n".join(lines) + "\n"


def left_out(record: TrajectoryRecord) -> tuple[str, ...]:
    """Keywords of an OCM (and what else `extra` has) that the OEM of this record is without."""
    held = {*_HELD, _identifier(record)[0]}
    words = []
    for section, keywords in TABLE.items():
        for holder in record.blocks if section in ("TRAJ", "COV") else (record,):
            words += [
                key
                for key, keyword in keywords.items()
                if key not in held
                and keyword.field not in ("", "=")
                and keyword_text(keyword, holder) not in ("", _UNKNOWN)
            ]
    for block in record.blocks:
        words += [
            *(key for key in block.extra if key != "REF_FRAME_EPOCH"),
            *block.covariance_extra,
        ]
        if block.covariance is not None and block.covariance.shape[1] != _SIZE:
            words.append("COV (positions alone)")
    for texts in record.extra.values():
        words += texts
    if record.manoeuvres:
        words.append("MAN")
    return tuple(dict.fromkeys(word for word in words if word not in held))


def _header(record: TrajectoryRecord) -> dict[str, str]:
    texts = {
        "CLASSIFICATION": record.classification,
        "CREATION_DATE": record.creation_date.iso() if record.creation_date else "",
        "ORIGINATOR": record.originator,
        "MESSAGE_ID": record.message_id,
    }
    for key, field in (("CREATION_DATE", "creation_date"), ("ORIGINATOR", "originator")):
        if not texts[key]:
            _fail(record, key, "nothing", f"a value in {field}", "an OEM must have it")
    return {key: _line(record, key, text) for key, text in texts.items() if text}


def _identifier(record: TrajectoryRecord) -> tuple[str, str]:
    """OCM keyword and text of what becomes the one OBJECT_ID; `oem.object_of` undoes it."""
    number, name = record.object.designator, record.object.international_designator
    if number and (is_catalog_number(number) or not name):
        return "OBJECT_DESIGNATOR", number
    return "INTERNATIONAL_DESIGNATOR", name or _UNKNOWN


def _segment(record: TrajectoryRecord, block: TrajectoryBlock) -> _Segment:
    columns = [block.r, block.v] if block.a is None else [block.r, block.v, block.a]
    covariances, frame = _covariances(record, block)
    return _Segment(
        comments=_comments(record, block.extra.get("COMMENT", "")),
        meta=_meta(record, block, whole=bool(covariances)),
        states=data_lines(block.jd, block.seconds, np.hstack(columns)),
        covariances=covariances,
        frame=frame,
    )


def _meta(record: TrajectoryRecord, block: TrajectoryBlock, *, whole: bool) -> dict[str, str]:
    """Metadata of a block; its total span takes in covariances where there are any (`whole`)."""
    epochs = [Utc(float(block.jd[k]), float(block.seconds[k])) for k in (0, -1)]
    jd, seconds = block.covariance_jd, block.covariance_seconds
    if whole and jd is not None and seconds is not None:
        epochs += [Utc(float(jd[k]), float(seconds[k])) for k in (0, -1)]
    method, degree = block.interpolation, block.interpolation_degree
    if not method or not degree:
        method, degree = "LAGRANGE", min(2 * SIDE, block.jd.size - 1)
    texts = {
        "OBJECT_NAME": record.object.name or _UNKNOWN,
        "OBJECT_ID": _identifier(record)[1],
        "CENTER_NAME": record.center,
        "REF_FRAME": record.frame,
        "REF_FRAME_EPOCH": block.extra.get("REF_FRAME_EPOCH", ""),
        "TIME_SYSTEM": record.time_system,
        "START_TIME": min(epochs).iso(),
        "USEABLE_START_TIME": block.useable_start.iso(),
        "USEABLE_STOP_TIME": block.useable_stop.iso(),
        "STOP_TIME": max(epochs).iso(),
        "INTERPOLATION": method if degree else "",
        "INTERPOLATION_DEGREE": str(degree) if degree else "",
    }
    return {key: _line(record, key, text) for key, text in texts.items() if text}


def _covariances(record: TrajectoryRecord, block: TrajectoryBlock) -> tuple[list[str], str]:
    """Lines of an epoch and 21 numbers, and their frame; none for covariances of positions."""
    jd, seconds, matrices = block.covariance_jd, block.covariance_seconds, block.covariance
    if jd is None or seconds is None or matrices is None or matrices.shape[1] != _SIZE:
        return [], ""
    frame = _FRAMES.get(block.covariance_frame.upper(), "")
    if not frame:
        allowed = ", ".join(_FRAMES)
        _fail(record, "COV_REF_FRAME", block.covariance_frame, allowed, "no frame of an OEM")
    return data_lines(jd, seconds, matrices[(slice(None), *np.tril_indices(_SIZE))]), frame


def _comments(record: TrajectoryRecord, text: str) -> list[str]:
    return [_line(record, "COMMENT", line.strip()) for line in text.split("\n")] if text else []


def _line(record: TrajectoryRecord, key: str, text: str) -> str:
    return one_line("OEM", record.file, key, text)


def _fail(record: TrajectoryRecord, key: str, given: str, allowed: str, why: str) -> NoReturn:
    raise cannot_be_written("OEM", record.file, key, given, allowed, why)


def _kvn(header: dict[str, str], comments: list[str], segments: list[_Segment]) -> Iterator[str]:
    def pair(key: str, text: str) -> str:
        return f"{key:<{_WIDTH}} = {text}"

    yield pair("CCSDS_OEM_VERS", _VERSION)
    yield from (f"COMMENT {text}" for text in comments)
    yield from (pair(*item) for item in header.items())
    for segment in segments:
        yield "\nMETA_START"
        yield from (f"COMMENT {text}" for text in segment.comments)
        yield from (pair(*item) for item in segment.meta.items())
        yield "META_STOP\n"
        yield from segment.states
        if not segment.covariances:
            continue
        yield "\nCOVARIANCE_START"
        for line in segment.covariances:
            epoch, *numbers = line.split(" ")
            yield pair("EPOCH", epoch)
            yield pair("COV_REF_FRAME", segment.frame)
            for i in range(_SIZE):
                yield " ".join(numbers[_STARTS[i] : _STARTS[i + 1]])
        yield "COVARIANCE_STOP"


def _xml(header: dict[str, str], comments: list[str], segments: list[_Segment]) -> Iterator[str]:
    def elements(comments: list[str], texts: dict[str, str]) -> Iterator[str]:
        # Orekit 13.1 fails on an element without any text.
        yield from (f"<COMMENT>{escape(text) or ' '}</COMMENT>" for text in comments)
        yield from (f"<{key}>{escape(text)}</{key}>" for key, text in texts.items())

    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield f'<oem {NDM_SCHEMA} id="CCSDS_OEM_VERS" version="{_VERSION}">\n<header>'
    yield from elements(comments, header)
    yield "</header>\n<body>"
    for segment in segments:
        yield "<segment>\n<metadata>"
        yield from elements(segment.comments, segment.meta)
        yield "</metadata>\n<data>"
        width = segment.states[0].count(" ")
        state = _row_template("stateVector", "", dict(list(STATE_UNITS.items())[:width]))
        yield from (state.format(*line.split(" ")) for line in segment.states)
        frame = f"<COV_REF_FRAME>{segment.frame}</COV_REF_FRAME>"
        matrix = _row_template("covarianceMatrix", frame, COVARIANCE_UNITS)
        yield from (matrix.format(*line.split(" ")) for line in segment.covariances)
        yield "</data>\n</segment>"
    yield "</body>\n</oem>"


def _row_template(tag: str, frame: str, units: dict[str, str]) -> str:
    """One line of XML for an epoch and its numbers, with a pair of braces for each."""
    numbers = "".join(f'<{key} units="{unit}">{{}}</{key}>' for key, unit in units.items())
    return f"<{tag}><EPOCH>{{}}</EPOCH>{frame}{numbers}</{tag}>"
