"""Write Orbit Comprehensive Messages: KVN, XML and JSON that read back as the same record.

Fed by a trajectory record of any source; feeds files. Numbers and epochs are those of `odm_text`.
What follows from the data (OCM_DATA_ELEMENTS, START_TIME, units ...) is written new; what TraCSS
demands and the record does not know is an error, never an invented value; so is what `ocm` would
refuse. Comments and what `extra` has from another format are left out, and `left_out` names them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NoReturn
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.messages.kvn import split_unit
from tracss_hpc.messages.ocm_keywords import (
    BLOCK_TYPES,
    COV_FRAMES,
    COV_TYPES,
    REPEATED,
    TABLE,
    TRAJ_BASES,
    USER_PREFIX,
    keyword_text,
)
from tracss_hpc.messages.ocm_notation import LINE_NAMES
from tracss_hpc.messages.odm_text import NDM_SCHEMA, cannot_be_written, data_lines, one_line
from tracss_hpc.messages.trajectory_record import TrajectoryBlock, TrajectoryRecord

__all__ = ["OCM_FORMATS", "format_ocm", "left_out"]

OCM_FORMATS = ("KVN", "XML", "JSON")
_WIDTH = 24  # of a KVN keyword, so that the values stand in one column
_VERSION = "3.0"
#: What others call the frames of an OCM; short words are taken as inertial, as in evaluation.
_FRAMES = {
    **{name: name for name in COV_FRAMES},
    **dict.fromkeys(("RTN", "RSW", "UVW"), "RSW_INERTIAL"),
    "TNW": "TNW_INERTIAL",
}
_PARAMETER = re.compile(f"{USER_PREFIX}[A-Z0-9_]+", re.ASCII)


class _Section:
    """Texts by keyword in their order, with the data lines."""

    def __init__(self, name: str, values: dict[str, str], rows: list[str] | None = None):
        self.name, self.values, self.rows = name, values, rows or []


def format_ocm(record: TrajectoryRecord, notation: Literal["KVN", "XML", "JSON"] = "KVN") -> str:
    """Text of the message.

    Raises
    ------
    MessageError
        If the record lacks what an OCM must have, holds a text that cannot be printed on one line,
        states or covariances that are not those of an OCM (frame, time system, basis), or has
        covariances at other epochs than its states; names keyword and remedy.
    """
    sections = _sections(record)
    if notation == "KVN":
        return "\n".join(_kvn(sections)) + "\n"
    if notation == "XML":
        return "\n".join(_xml(sections)) + "\n"
    return json.dumps(_json(sections), indent=1, ensure_ascii=False) + "\n"


def left_out(record: TrajectoryRecord) -> tuple[str, ...]:
    """Keywords of `extra` that no OCM has where they are, among them COMMENT."""
    parts = [*record.extra.items()]
    parts += [("MAN", manoeuvre.values) for manoeuvre in record.manoeuvres]
    parts += [("TRAJ", block.extra) for block in record.blocks]
    parts += [("COV", block.covariance_extra) for block in record.blocks]
    words = [key for name, texts in parts for key in texts if not _belongs(key, name)]
    return tuple(dict.fromkeys(words))


def _belongs(key: str, section: str) -> bool:
    user = section == "USER" and key.startswith(USER_PREFIX)
    return user or key in TABLE.get(section, {})


def _sections(record: TrajectoryRecord) -> list[_Section]:
    blocks = record.blocks
    _check_words(record)
    derived = {
        "CCSDS_OCM_VERS": _VERSION,
        "START_TIME": blocks[0].useable_start.iso(),
        "STOP_TIME": blocks[-1].useable_stop.iso(),
    }
    single = {
        name: _Section(name, _texts(name, record, record.extra.get(name, {}), derived))
        for name in TABLE
        if name not in REPEATED
    }
    trajectories = [_trajectory(record, block) for block in blocks]
    covariances = [_covariance(record, block, k) for k, block in enumerate(blocks)]
    with_covariance = [section for section in covariances if section is not None]
    if with_covariance and len(with_covariance) < len(blocks):
        given = f"{len(with_covariance)} of {len(blocks)} blocks"
        _fail(record, "COV", given, "all or none", "covariances are missing")
    manoeuvres = [
        _Section("MAN", {key: _line(record, key, man.values[key]) for key in TABLE["MAN"]
                         if key in man.values},
                 [_line(record, "MAN", row) for row in man.rows])
        for man in record.manoeuvres
    ]  # fmt: skip
    if single["OD"].values and not single["PERT"].values:
        _fail(record, "PERT", "nothing", "the forces in model", "must stand beside OD")
    held = {
        "ORB": trajectories, "PHYS": single["PHYS"].values, "COV": with_covariance,
        "MAN": manoeuvres, "PERT": single["PERT"].values, "OD": single["OD"].values,
        "USER": single["USER"].values,
    }  # fmt: skip
    derived["OCM_DATA_ELEMENTS"] = ",".join(name for name, content in held.items() if content)
    meta = _texts("META", record, record.extra.get("META", {}), derived)
    for name, texts in (("HEADER", single["HEADER"].values), ("META", meta)):
        _check_complete(record, name, texts)
    ordered = [single["HEADER"], _Section("META", meta), *trajectories]
    ordered += [single["PHYS"], *with_covariance, *manoeuvres]
    ordered += [single["PERT"], single["OD"], single["USER"]]
    return [section for section in ordered if section.values]


def _texts(
    name: str, holder: Any, extra: Mapping[str, str], derived: Mapping[str, str]
) -> dict[str, str]:
    """Keyword -> text of one section, in the order of the table."""
    record = holder if isinstance(holder, TrajectoryRecord) else None
    texts = {}
    for key, keyword in TABLE[name].items():
        if key in derived:
            texts[key] = derived[key]
        elif keyword.field in ("", "="):
            if key in extra:
                texts[key] = _line(record, key, extra[key])
        else:
            text = keyword_text(keyword, holder)
            if text:
                texts[key] = _line(record, key, text)
    for key, text in extra.items():
        if key not in TABLE[name] and _belongs(key, name):
            if record is not None and not _PARAMETER.fullmatch(key):
                allowed = f"{USER_PREFIX} and capitals, digits, _"
                _fail(record, key, key, allowed, "not a keyword")
            texts[key] = _line(record, key, text)
    return texts


def _check_words(record: TrajectoryRecord) -> None:
    """Refuse what a reader of OCMs would: another frame, time system, basis; blocks that differ."""
    blocks = record.blocks
    for key, text, allowed in (
        ("CENTER_NAME", record.center, "EARTH"),
        ("TRAJ_REF_FRAME", record.frame, "EME2000"),
        ("TIME_SYSTEM", record.time_system, "UTC"),
    ):
        if text.upper() != allowed:
            _fail(record, key, text, allowed, "not in an OCM for TraCSS; convert first")
    for block in blocks:
        if block.basis.upper() not in TRAJ_BASES:
            _fail(record, "TRAJ_BASIS", block.basis, " or ".join(TRAJ_BASES), "another basis")
        frame = block.covariance_frame.upper()
        if block.covariance is not None and frame not in _FRAMES:
            allowed = ", ".join(_FRAMES)
            _fail(record, "COV_REF_FRAME", frame, allowed, "another frame; convert first")
    sizes = [_covariance_type(b.covariance) for b in blocks if b.covariance is not None]
    for key, words, why in (
        ("TRAJ_BASIS", [block.basis.upper() for block in blocks], "one for all blocks"),
        ("COV_TYPE", sizes, "one for all blocks"),
    ):
        if len(set(words)) > 1:
            other = next(word for word in words if word != words[0])
            _fail(record, key, other, words[0], why)
    names = [block.id for block in blocks]
    for k, name in enumerate(names):
        if name in names[:k]:
            _fail(record, "TRAJ_ID", name, "another for each block", "two blocks of one name")


def _covariance_type(covariance: NDArray[np.float64]) -> str:
    return "CARTP" if covariance.shape[1] == 3 else "CARTPV"


def _trajectory(record: TrajectoryRecord, block: TrajectoryBlock) -> _Section:
    kind = "CARTPV" if block.a is None else "CARTPVA"
    derived = {
        "CENTER_NAME": record.center,
        "TRAJ_REF_FRAME": record.frame,
        "TRAJ_TYPE": kind,
        "TRAJ_UNITS": f"[{', '.join(BLOCK_TYPES[kind])}]",
    }
    texts = _texts("TRAJ", block, block.extra, derived)
    _check_complete(record, "TRAJ", texts)
    columns = [block.r, block.v] if block.a is None else [block.r, block.v, block.a]
    return _Section("TRAJ", texts, data_lines(block.jd, block.seconds, np.hstack(columns)))


def _covariance(record: TrajectoryRecord, block: TrajectoryBlock, place: int) -> _Section | None:
    if block.covariance is None or block.covariance_jd is None or block.covariance_seconds is None:
        return None
    same = np.array_equal(block.jd, block.covariance_jd) and np.array_equal(
        block.seconds, block.covariance_seconds
    )
    if not same:
        _fail(
            record, "COV", f"{len(block.covariance)} covariances in block {place + 1}",
            f"one at each of its {block.jd.size} states", "covariances at other epochs",
        )  # fmt: skip
    size = block.covariance.shape[1]
    kind = _covariance_type(block.covariance)
    derived = {
        "COV_REF_FRAME": _FRAMES[block.covariance_frame.upper()],
        "COV_TYPE": kind,
        "COV_ORDERING": "LTM",
        "COV_UNITS": f"[{', '.join(COV_TYPES[kind])}]",
    }
    texts = _texts("COV", block, block.covariance_extra, derived)
    _check_complete(record, "COV", texts)
    lower = block.covariance[(slice(None), *np.tril_indices(size))]
    return _Section("COV", texts, data_lines(block.jd, block.seconds, lower))


def _check_complete(record: TrajectoryRecord, name: str, texts: Mapping[str, str]) -> None:
    for key, keyword in TABLE[name].items():
        if keyword.mandatory and not texts.get(key):
            field = keyword.field or f'extra["{name}"]["{key}"]'
            _fail(record, key, "nothing", f"a value in {field}", "an OCM for TraCSS must have it")


def _line(record: TrajectoryRecord | None, key: str, text: str) -> str:
    return one_line("OCM", record.file if record else "", key, text)


def _fail(record: TrajectoryRecord, key: str, given: str, allowed: str, why: str) -> NoReturn:
    raise cannot_be_written("OCM", record.file, key, given, allowed, why)


def _kvn(sections: list[_Section]) -> Iterator[str]:
    for section in sections:
        inside = section.name != "HEADER"
        if inside:
            yield ""
            yield f"{section.name}_START"
        for key, text in section.values.items():
            yield f"{key:<{_WIDTH}} = {text}"
        yield from section.rows
        if inside:
            yield f"{section.name}_STOP"


def _xml(sections: list[_Section]) -> Iterator[str]:
    header, meta, *data = sections
    values = dict(header.values)
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    version = quoteattr(values.pop("CCSDS_OCM_VERS"))
    yield f'<ocm {NDM_SCHEMA} id="CCSDS_OCM_VERS" version={version}>'
    yield "<header>"
    yield from _elements("HEADER", values)
    yield "</header>\n<body>\n<segment>\n<metadata>"
    yield from _elements("META", meta.values)
    yield "</metadata>\n<data>"
    for section in data:
        yield f"<{section.name.lower()}>"
        yield from _elements(section.name, section.values)
        line = LINE_NAMES.get(section.name, "")
        for row in section.rows:
            yield f"<{line}>{escape(row)}</{line}>"
        yield f"</{section.name.lower()}>"
    yield "</data>\n</segment>\n</body>\n</ocm>"


def _elements(name: str, values: Mapping[str, str]) -> Iterator[str]:
    for key, text in values.items():
        keyword = TABLE[name].get(key)
        unit = ""
        if keyword is not None and keyword.kind in ("number", "whole"):
            text, unit = split_unit(text)
        attribute = f" units={quoteattr(unit)}" if unit else ""
        if key.startswith(USER_PREFIX):
            parameter = quoteattr(key.removeprefix(USER_PREFIX))
            yield f"<USER_DEFINED parameter={parameter}{attribute}>{escape(text)}</USER_DEFINED>"
        else:
            yield f"<{key}{attribute}>{escape(text)}</{key}>"


def _json(sections: list[_Section]) -> dict[str, Any]:
    top: dict[str, Any] = dict(sections[0].values)
    for section in sections[1:]:
        content: dict[str, Any] = dict(section.values)
        if section.name in REPEATED:
            content[LINE_NAMES[section.name]] = section.rows
            top.setdefault(section.name, []).append(content)
        else:
            top[section.name] = content
    return top
