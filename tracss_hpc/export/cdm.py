"""Conjunction rows to Conjunction Data Messages: which value under which keyword.

Fed by the columns of a run as results.h5 names them (groups `objects` and `conjunctions`), feeds
`messages.cdm_write`. Nothing is computed here but identifiers, epochs and the choice of blanks:
a line takes the first that exists of

    1. its own rule below (identifiers, epochs, MESSAGE_FOR, methods, covariance)
    2. conjunctions["<keyword>"] or ["sat1_<keyword>"]    value at TCA
    3. objects["<keyword>"][object1]                      value of the trajectory
    4. the keyword table's text for an unknown value, else blank

Blank is blank: NaN and '' print as nothing, never as 0.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.constants import DAY_S
from tracss_hpc.epochs import Epoch
from tracss_hpc.messages.cdm import (
    ALL_LINES,
    COVARIANCE_KEYWORDS,
    CdmLine,
    CdmTable,
    find_keyword,
    make_cdm_table,
)
from tracss_hpc.messages.cdm_write import (
    CdmPrecision,
    Unwritable,
    format_bundle,
    format_cdms,
    open_bundle,
    split_kind,
    split_writable,
)

__all__ = [
    "CLASSIFICATION",
    "RunFacts",
    "build_cdms",
    "count_repeats",
    "make_message_ids",
    "write_cdms",
]

Columns = Mapping[str, NDArray[Any]]

CLASSIFICATION = 'UNCLASSIFIED. "Research product of tracss_hpc, not an operational message"'
_UNIX_EPOCH_JD = 2440587.5
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "tracss_hpc/conjunction")
_CHUNK = 2048  # messages held as columns and text at once

# Words of the keywords that results.h5 keeps as 0, 1 and NaN.
_FLAG_WORDS = {"MEETS_ALERTABLE_CRITERIA": ("NO", "YES"), "DILUTION_STATUS": ("ROBUST", "DILUTED")}

# SANA words of an object nobody operates: no message is for it.
_NOT_OPERATED = ("NONOPERATIONAL", "DECAYED", "DISPOSAL", "REENTRY_MODE")


@dataclass(frozen=True)
class RunFacts:
    """What is the same in every message of a run."""

    start: Epoch  # of the run window
    created: Epoch  # one clock reading for all messages
    run_id: str
    correlation_id: str  # identifies the input catalog snapshot
    originator: str = "tracss_hpc"
    classification: str = CLASSIFICATION
    screen_pc_threshold: float = 0.0  # 0 = none
    probability_method: str = "FOSTER-1992"  # unless a column tells it per row
    max_probability_method: str = ""  # likewise
    pc_area: str = "circle"  # told beside both methods when it is another
    fragmentation_models: tuple[str, str] = ("", "")  # masses known; a mass estimated
    gravity_model: str = "WGS-72: 4D 0O"  # of catalog objects (SGP4)
    catalog_name: str = "UNKNOWN"  # where objects["catalog_name"] is absent
    screening_data_source: str = "GP element set (SGP4)"  # likewise
    screen_volume_shape: str = "BOX"  # likewise


def build_cdms(
    objects: Columns,
    conjunctions: Columns,
    facts: RunFacts,
    rows: NDArray[np.int64] | None = None,
    repeats: NDArray[np.int64] | None = None,
) -> Iterator[CdmTable]:
    """Turn conjunction rows into tables of messages, some thousand at a time.

    Parameters
    ----------
    objects, conjunctions : mapping of columns
        Groups of results.h5. `conjunctions` needs `object1`, `object2`, `tca`, `sat1_caught`,
        `sat2_caught`, the designators and the mandatory keywords, `objects` `span_days`; what
        else is absent prints blank.
    facts : RunFacts
        What all messages share.
    rows : ndarray of int64, optional
        Rows of `conjunctions` in message order; all rows by default.
    repeats : ndarray of int64, optional
        `count_repeats` of each row, when `conjunctions` does not hold all of the run.

    Yields
    ------
    CdmTable
        Units of the keyword table, which are those of results.h5.
    """
    chosen = np.arange(len(conjunctions["tca"])) if rows is None else np.asarray(rows)
    trajectories = _describe_trajectories(objects, facts)
    if repeats is None:
        repeats = count_repeats(objects, conjunctions, facts)
    for first in range(0, len(chosen), _CHUNK):
        part = chosen[first : first + _CHUNK]
        yield _build_table(trajectories, conjunctions, facts, part, repeats[part])


def make_message_ids(objects: Columns, conjunctions: Columns, facts: RunFacts) -> list[str]:
    """MESSAGE_ID of every conjunction row, whether exported or not.

    ``000000005_conj_000000011_2025244120000_1756728000``: designators, TCA as YYYYDDDhhmmss,
    Unix time of creation; rows of one pair within one second get _2, _3 in order of TCA and
    ephemeris names.
    """
    rows = np.arange(len(conjunctions["tca"]))
    return _message_ids(conjunctions, facts, rows, count_repeats(objects, conjunctions, facts))


def count_repeats(objects: Columns, conjunctions: Columns, facts: RunFacts) -> NDArray[np.int64]:
    """1 for the first message of a pair within a second, then 2, 3, by TCA and ephemeris names.

    Needs `tca`, `object1`, `object2` and both designators of all conjunctions of a run.
    """
    tca = _unix_tca(conjunctions["tca"], facts)
    second = tca // 1_000_000
    sat1 = np.asarray(conjunctions["sat1_object_designator"])
    sat2 = np.asarray(conjunctions["sat2_object_designator"])
    names = objects.get("ephemeris_name", np.full(len(objects["object_designator"]), "NONE"))
    rank = np.unique(names, return_inverse=True)[1]
    rank1, rank2 = rank[conjunctions["object1"]], rank[conjunctions["object2"]]
    order = np.lexsort((rank2, rank1, tca, second, sat2, sat1))
    repeats = np.ones(len(tca), dtype=np.int64)
    same = np.zeros(len(tca), dtype=np.bool_)
    for column in (second, sat1, sat2):
        ordered = column[order]
        same[1:] |= ordered[1:] != ordered[:-1]
    same[1:] = ~same[1:]
    for k in np.flatnonzero(same):  # a handful of rows in a run
        repeats[order[k]] = repeats[order[k - 1]] + 1
    return repeats


def write_cdms(
    folder: Path,
    objects: Columns,
    conjunctions: Columns,
    facts: RunFacts,
    *,
    rows: NDArray[np.int64] | None = None,
    repeats: NDArray[np.int64] | None = None,
    formats: Sequence[str] = ("kvn",),
    precision: CdmPrecision = "operational",
    per_file: bool = False,
) -> list[Path]:
    """Write messages into a folder: one bundle ``cdms.<format>`` per format, or one file each.

    Messages that a profile other than tracss-2.0 cannot hold (ccsds-1.0 without covariance) are
    left out of its bundle and listed in ``cdms.<profile>-left-out.csv``.

    Parameters
    ----------
    folder : Path
        Created if absent.
    objects, conjunctions, facts, rows, repeats
        As `build_cdms`.
    formats : sequence of str
        Words of `messages.cdm_write.CDM_KINDS`: ``kvn``, ``ccsds-1.0.xml``; none writes nothing.
    precision : {'operational', 'full'}
        As `messages.cdm_write.format_cdms`.
    per_file : bool
        One file per message, ``<MESSAGE_ID>.cdm`` for KVN and ``<MESSAGE_ID>.<format>`` else.
        Thousands of small files burden parallel file systems: prefer bundles.

    Returns
    -------
    list of Path
        The files written.
    """
    if not formats:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    tables = build_cdms(objects, conjunctions, facts, rows, repeats)
    left_out: dict[str, list[Unwritable]] = {}
    if per_file:
        paths = [
            path
            for table in tables
            for kind in formats
            for path in _write_each(folder, _holdable(table, kind, left_out), kind, precision)
        ]
        return [*paths, *_list_left_out(folder, left_out)]
    paths = [folder / f"cdms.{kind}" for kind in formats]
    with ExitStack() as files:
        bundles = []
        for path, kind in zip(paths, formats, strict=True):
            profile, form = split_kind(kind)
            bundles.append(files.enter_context(open_bundle(path, form, precision, profile)))
        for table in tables:
            for write, kind in zip(bundles, formats, strict=True):
                write(_holdable(table, kind, left_out))
    return [*paths, *_list_left_out(folder, left_out)]


def _holdable(table: CdmTable, kind: str, left_out: dict[str, list[Unwritable]]) -> CdmTable:
    """What a kind can hold of a table; the rest is noted. tracss-2.0 must hold all of a run."""
    profile, _ = split_kind(kind)
    if profile == "tracss-2.0":
        return table
    rest, unwritable = split_writable(table, profile)
    if unwritable:
        left_out.setdefault(kind, []).extend(unwritable)
    return rest


def _list_left_out(folder: Path, left_out: dict[str, list[Unwritable]]) -> Iterator[Path]:
    profiles = {split_kind(kind)[0]: items for kind, items in left_out.items()}
    for profile, items in profiles.items():
        path = folder / f"cdms.{profile}-left-out.csv"
        rows = "".join(f"{item.message_id},{item.key}\n" for item in items)
        path.write_text(f"MESSAGE_ID,LACKS\n{rows}", "utf-8")
        yield path


def _write_each(
    folder: Path, table: CdmTable, kind: str, precision: CdmPrecision
) -> Iterator[Path]:
    profile, form = split_kind(kind)
    suffix = "cdm" if kind == "kvn" else kind
    texts = format_cdms(table, form, precision, profile)
    for name, text in zip(table.columns["MESSAGE_ID"].tolist(), texts, strict=True):
        path = folder / f"{name}.{suffix}"
        path.write_text(format_bundle([text], form, profile), "utf-8", newline="")
        yield path


def _build_table(
    trajectories: Columns,
    conjunctions: Columns,
    facts: RunFacts,
    rows: NDArray[np.int64],
    repeats: NDArray[np.int64],
) -> CdmTable:
    """Messages of some rows; the module text tells where a value comes from."""
    start = np.datetime64(_unix_microseconds(facts.start), "us")
    columns: dict[str, NDArray[Any]] = {
        "CLASSIFICATION": np.array(facts.classification),
        "CREATION_DATE": np.array(np.datetime64(_unix_microseconds(facts.created), "us")),
        "ORIGINATOR": np.array(facts.originator),
        "MESSAGE_ID": np.array(_message_ids(conjunctions, facts, rows, repeats)),
        "RUN_ID": np.array(facts.run_id),
        "CORRELATION_ID": np.array(facts.correlation_id),
        "TCA": _unix_tca(conjunctions["tca"][rows], facts).astype("datetime64[us]"),
        "SCREEN_PC_THRESHOLD": np.array(facts.screen_pc_threshold),
        "START_SCREEN_PERIOD": np.array(start),
        "STOP_SCREEN_PERIOD": start + _caught_span(trajectories, conjunctions, rows),
        "CONJUNCTION_ID": np.array(_conjunction_ids(conjunctions, facts, rows)),
        "SAT1_OBJECT": np.array("OBJECT1"),
        "SAT2_OBJECT": np.array("OBJECT2"),
        **_covariance_columns(trajectories, conjunctions, rows),
    }
    for line in ALL_LINES:
        if line.name not in columns:
            column = _find_column(line, trajectories, conjunctions, rows)
            if column is not None:
                columns[line.name] = column
            elif line.keyword.default:
                columns[line.name] = np.array(line.keyword.default)
    for value, method, text in _methods(conjunctions, facts, rows):
        if value in columns and method not in columns:
            columns[method] = np.where(np.isnan(columns[value]), "", text)
    return make_cdm_table(columns, len(rows))


def _methods(
    conjunctions: Columns, facts: RunFacts, rows: NDArray[np.int64]
) -> Iterator[tuple[str, str, NDArray[Any]]]:
    """Value, keyword of its method and the text: which area if no circle, whether correlated."""
    area = "" if facts.pc_area == "circle" else f" {facts.pc_area.upper()}"
    none = np.zeros(len(conjunctions["tca"]))
    correlated, estimated = (
        np.asarray(conjunctions.get(name, none))[rows].astype(np.bool_)
        for name in ("correlated", "mass_estimated")
    )
    for value, method, text in (
        ("COLLISION_PROBABILITY", "COLLISION_PROBABILITY_METHOD", facts.probability_method),
        ("COLLISION_MAX_PROBABILITY", "COLLISION_MAX_PC_METHOD", facts.max_probability_method),
    ):
        name = f"{text}{area}" if text else ""
        yield value, method, np.where(correlated, f"{name} DCP", name)
    known, guessed = facts.fragmentation_models
    model = np.where(estimated, guessed, known)
    yield "ENVIRONMENTAL_IMPACT_FRAGMENTATION", "FRAGMENTATION_MODEL", model


def _find_column(
    line: CdmLine, trajectories: Columns, conjunctions: Columns, rows: NDArray[np.int64]
) -> NDArray[Any] | None:
    """Values of a line: of the conjunction side, else of the trajectory, else of the pair."""
    name = line.keyword.name.lower()
    if line.name == "MESSAGE_FOR":
        name1, name2 = (
            trajectories["message_for"][conjunctions[f"object{i}"][rows]] for i in (1, 2)
        )
        pairs = zip(name1.tolist(), name2.tolist(), strict=True)
        return np.array([", ".join(filter(None, pair)) for pair in pairs])
    if line.object:
        if f"sat{line.object}_{name}" in conjunctions:
            return _as_text(np.asarray(conjunctions[f"sat{line.object}_{name}"])[rows])
        if name in trajectories:
            column: NDArray[Any] = trajectories[name][conjunctions[f"object{line.object}"][rows]]
            return column
    if name not in conjunctions:
        return None
    values = np.asarray(conjunctions[name])[rows]
    if line.name in _FLAG_WORDS and values.dtype.kind == "f":
        no, yes = _FLAG_WORDS[line.name]
        return np.where(np.isnan(values), "", np.where(values == 1.0, yes, no))
    return _as_text(values)


def _describe_trajectories(objects: Columns, facts: RunFacts) -> dict[str, NDArray[Any]]:
    """Columns of `objects` as messages print them: defaults filled in, texts printable.

    Adds what the run knows of all element sets; an ephemeris (EPHEMERIS_NAME other than NONE)
    states its own models or leaves them blank.
    """
    size = len(objects["object_designator"])
    told = {name: _as_text(column) for name, column in objects.items()}
    for name in ("ephemeris_name", "object_name", "object_type", "ops_status"):
        told.setdefault(name, np.full(size, ""))
    for name, column in told.items():
        keyword = find_keyword(name)
        if keyword is not None and keyword.default and column.dtype.kind == "U":
            told[name] = np.where(column == "", keyword.default, column)
    from_elements = told["ephemeris_name"] == "NONE"
    told.setdefault("covariance_method", np.where(from_elements, "DEFAULT", "CALCULATED"))
    told.setdefault("gravity_model", np.where(from_elements, facts.gravity_model, ""))
    told.setdefault("intrack_thrust", np.where(from_elements, "NO", ""))
    told.setdefault("thrust_acceleration", np.where(from_elements, 0.0, np.nan))
    told.setdefault("catalog_name", np.full(size, facts.catalog_name))
    told.setdefault("screening_data_source", np.full(size, facts.screening_data_source))
    told.setdefault("screen_volume_shape", np.full(size, facts.screen_volume_shape))
    operated = (told["object_type"] == "PAYLOAD") & ~np.isin(told["ops_status"], _NOT_OPERATED)
    told["message_for"] = np.where(operated | ~from_elements, told["object_name"], "")
    return told


def _as_text(column: NDArray[Any]) -> NDArray[Any]:
    """Text columns as unicode without control characters or blanks around; others as they are."""
    values = np.asarray(column)
    if values.dtype.kind not in "OSTU":
        return values
    return np.array([_printable(text) for text in values.tolist()], dtype=np.str_)


def _printable(text: str | bytes) -> str:
    text = text.decode() if isinstance(text, bytes) else text
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    return text.strip()


def _covariance_columns(
    trajectories: Columns, conjunctions: Columns, rows: NDArray[np.int64]
) -> dict[str, NDArray[Any]]:
    """The 21 elements of each side and their method; a row with a gap is blank as a whole."""
    columns: dict[str, NDArray[Any]] = {}
    for side in (1, 2):
        columns[f"SAT{side}_COVARIANCE_METHOD"] = np.array("")
        if f"sat{side}_covariance" not in conjunctions:
            continue
        covariance = np.array(conjunctions[f"sat{side}_covariance"][rows], dtype=np.float64)
        blank = np.isnan(covariance).any(axis=1)
        covariance[blank] = np.nan
        for k, name in enumerate(COVARIANCE_KEYWORDS):
            columns[f"SAT{side}_{name}"] = covariance[:, k]
        method = trajectories["covariance_method"][conjunctions[f"object{side}"][rows]]
        columns[f"SAT{side}_COVARIANCE_METHOD"] = np.where(blank, "", method)
    return columns


def _caught_span(
    trajectories: Columns, conjunctions: Columns, rows: NDArray[np.int64]
) -> NDArray[np.timedelta64]:
    """Longer span of the objects that caught the other."""
    days = np.zeros(len(rows))
    for side in (1, 2):
        span = trajectories["span_days"][conjunctions[f"object{side}"][rows]]
        caught = np.asarray(conjunctions[f"sat{side}_caught"])[rows].astype(np.bool_)
        days = np.maximum(days, np.where(caught, span, 0.0))
    return np.rint(days * DAY_S * 1e6).astype("timedelta64[us]")


def _message_ids(
    conjunctions: Columns, facts: RunFacts, rows: NDArray[np.int64], repeats: NDArray[np.int64]
) -> list[str]:
    second = (_unix_tca(conjunctions["tca"][rows], facts) // 1_000_000).astype("datetime64[s]")
    day, year = second.astype("datetime64[D]"), second.astype("datetime64[Y]")
    day_of_year = (day - year.astype("datetime64[D]")).astype(np.int64) + 1
    time_of_day = (second - day.astype("datetime64[s]")).astype(np.int64)
    created = _unix_microseconds(facts.created) // 1_000_000
    columns = (
        conjunctions["sat1_object_designator"][rows],
        conjunctions["sat2_object_designator"][rows],
        year.astype(np.int64) + 1970,
        day_of_year,
        time_of_day // 3600,
        time_of_day // 60 % 60,
        time_of_day % 60,
        repeats,
    )
    return [
        f"{a:09d}_conj_{b:09d}_{y:04d}{d:03d}{h:02d}{m:02d}{s:02d}_{created}"
        + (f"_{n}" if n > 1 else "")
        for a, b, y, d, h, m, s, n in zip(*(c.tolist() for c in columns), strict=True)
    ]


def _conjunction_ids(conjunctions: Columns, facts: RunFacts, rows: NDArray[np.int64]) -> list[str]:
    """UUID of the pair, whoever is named first, and the minute of TCA: same in a later run."""
    minutes = (_unix_tca(conjunctions["tca"][rows], facts) // 60_000_000).tolist()
    sides = [conjunctions[f"sat{k}_object_designator"][rows].tolist() for k in (1, 2)]
    return [
        str(uuid.uuid5(_NAMESPACE, f"{min(a, b)} {max(a, b)} {minute}"))
        for a, b, minute in zip(*sides, minutes, strict=True)
    ]


def _unix_tca(tca: NDArray[np.float64], facts: RunFacts) -> NDArray[np.int64]:
    """TCA as microseconds since 1970 from seconds since run start."""
    offset = np.rint(np.asarray(tca, dtype=np.float64) * 1e6).astype(np.int64)
    return _unix_microseconds(facts.start) + offset


def _unix_microseconds(epoch: Epoch) -> int:
    days = round(epoch.jd - _UNIX_EPOCH_JD)
    return days * 86_400_000_000 + round(epoch.fr * DAY_S * 1e6)
