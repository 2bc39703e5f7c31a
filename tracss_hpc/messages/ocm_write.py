"""Write Orbit Comprehensive Messages: KVN, XML and JSON that read back as the same record.

Fed by a trajectory record; feeds files. Numbers and epochs are those of `odm_text`. What follows
from the data (OCM_DATA_ELEMENTS, START_TIME, units ...) is written new; what TraCSS demands and the
record does not know is an error, never an invented value.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NoReturn
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from tracss_hpc.messages.kvn import split_unit
from tracss_hpc.messages.ocm_keywords import (
    BLOCK_TYPES,
    COV_TYPES,
    REPEATED,
    TABLE,
    USER_PREFIX,
    keyword_text,
)
from tracss_hpc.messages.ocm_notation import LINE_NAMES
from tracss_hpc.messages.odm_text import NDM_SCHEMA, cannot_be_written, data_lines, one_line
from tracss_hpc.messages.trajectory_record import TrajectoryBlock, TrajectoryRecord

__all__ = ["OCM_FORMATS", "format_ocm"]

OCM_FORMATS = ("KVN", "XML", "JSON")
_WIDTH = 24  # of a KVN keyword, so that the values stand in one column
_VERSION = "3.0"


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
        or has covariances at other epochs than its states; names keyword and remedy.
    """
    sections = _sections(record)
    if notation == "KVN":
        return "\n".join(_kvn(sections)) + "\n"
    if notation == "XML":
        return "\n".join(_xml(sections)) + "\n"
    return json.dumps(_json(sections), indent=1, ensure_ascii=False) + "\n"


def _sections(record: TrajectoryRecord) -> list[_Section]:
    blocks = record.blocks
    derived = {
        "CCSDS_OCM_VERS": record.version or _VERSION,
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
        _Section("MAN", {key: _line(record, key, text) for key, text in man.values.items()},
                 [_line(record, "MAN", row) for row in man.rows])
        for man in record.manoeuvres
    ]  # fmt: skip
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
        if key not in TABLE[name]:
            texts[key] = _line(record, key, text)
    return texts


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
    kind = "CARTP" if size == 3 else "CARTPV"
    derived = {
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
