"""The command `cdm --convert`: messages of any profile written as another one.

Fed by files of CDMs; feeds one file each in a folder. A profile that has more lines gets what the
states tell (relative state of both sides, angle, apsides, inclination); what nobody can know from
the message is blank, or UNKNOWN where a text is mandatory. The tracss profiles have states in
EME2000, so asking for one of them is asking for the rotation; ccsds-1.0 keeps the frame. What the
profile has no place for is counted and named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.assess.recompute import RECOMPUTED, recompute_lines
from tracss_hpc.assess.stated import has_one_known_frame, stated_by_table
from tracss_hpc.atomic import write_product
from tracss_hpc.errors import InputDataError, UsageError
from tracss_hpc.messages.cdm import STATE_KEYWORDS, CdmTable, make_cdm_table, take_messages
from tracss_hpc.messages.cdm_cut import KnownLayouts
from tracss_hpc.messages.cdm_profiles import CdmProfile, profile_lines
from tracss_hpc.messages.cdm_read import decode_message, sift_cdms
from tracss_hpc.messages.cdm_styles import STYLES, CdmFormat
from tracss_hpc.messages.cdm_write import (
    CDM_KINDS,
    format_bundle,
    format_cdms,
    is_blank,
    split_kind,
    split_writable,
)
from tracss_hpc.messages.source import find_files
from tracss_hpc.runs.targets import name_targets

__all__ = ["complete_messages", "convert_files"]

_NAMED = 8  # keys named that have no place; the others are counted


def convert_files(paths: Sequence[str | Path], kind: str, folder: Path) -> tuple[str, int]:
    """Write the messages of each file into a file of its own in `folder`.

    Parameters
    ----------
    paths : sequence of str or Path
        Files or globs.
    kind : str
        A word of `messages.cdm_write.CDM_KINDS`, such as ``ccsds-1.0.kvn``.
    folder : Path
        Created if absent. Names come from the files, never from a message.

    Returns
    -------
    text : str
        What was written, turned and left out, and what has no place in the profile.
    code : int
        0 if every message was written, 1 if the profile cannot hold one, 3 if one cannot be read.
    """
    if kind not in CDM_KINDS:
        raise UsageError(f"cdm: --convert {kind}: this version writes {', '.join(CDM_KINDS)}")
    profile, form = split_kind(kind)
    targets = name_targets(find_files(paths), folder, f"{profile}.{form}")
    rows, code = [], 0
    known = KnownLayouts()
    for path, target in targets.items():
        text, left_out, errors = _convert_file(path, target, profile, form, known)
        rows += [*text, *(f"  left out: {what}" for what in left_out)]
        rows += [f"not read: {error}" for error in errors]
        code = max(code, 3 if errors else 1 if left_out else 0)
    return "\n".join(rows) + "\n", code


def _convert_file(
    path: Path, target: Path, profile: CdmProfile, form: CdmFormat, known: KnownLayouts
) -> tuple[list[str], list[str], list[InputDataError]]:
    """What became of the messages of one file; those left out and why; what cannot be read."""
    try:
        table, faults = sift_cdms(decode_message(path), file=str(path), known=known)
    except InputDataError as error:
        return [], [], [error]
    errors: list[InputDataError] = [*faults]
    if not len(table):
        nothing = InputDataError(f"{path}: there is no CDM in it", file=str(path))
        return [], [], errors or [nothing]
    whole = table
    left_out: list[str] = []
    if profile != "ccsds-1.0":
        usable = has_one_known_frame(table)
        if not usable.all():
            left_out += [str(error) for error in stated_by_table(table, str(path))[1]]
            whole = take_messages(table, np.flatnonzero(usable))
    whole, lacking = split_writable(complete_messages(whole, profile), profile)
    left_out += [f"{item.message_id} lacks {item.key}" for item in lacking]
    rows = []
    if len(whole):
        texts = format_cdms(whole, form, "full", profile)
        write_product(target, format_bundle(texts, form, profile).encode())
        rows.append(f"{target}: {len(whole)} messages")
    rows += _turned(table, profile) + _without_place(table, profile, form)
    return rows, left_out, errors


def _turned(table: CdmTable, profile: CdmProfile) -> list[str]:
    """Which states were turned to EME2000, and how well."""
    if profile == "ccsds-1.0":
        return []
    frames = Counter(table.columns["SAT1_REF_FRAME"][has_one_known_frame(table)].tolist())
    rows = []
    for frame, count in frames.items():
        if frame.upper() != "EME2000":
            how = ""
            if frame.upper().startswith("ITRF"):
                how = " (UT1 = UTC, no polar motion: up to 400 m, the same for both objects)"
            rows.append(f"  states of {count} turned from {frame} to EME2000{how}")
    return rows


def _without_place(table: CdmTable, profile: CdmProfile, form: CdmFormat) -> list[str]:
    """Keys with a value that the profile does not print, and in how many messages."""
    left_out = STYLES[profile, form].left_out
    printed = {
        entry.name
        for line in profile_lines(profile)
        if line.key not in left_out
        for entry in line.lines
    }
    counts = {
        name: int((~is_blank(column)).sum())
        for name, column in table.columns.items()
        if name not in printed and name not in RECOMPUTED
    }
    for item in table.extra:
        counts[item.key] = counts.get(item.key, 0) + 1
    lost = [f"{name} ({count})" for name, count in counts.items() if count]
    if not lost:
        return []
    more = f" and {len(lost) - _NAMED} more keys" if len(lost) > _NAMED else ""
    return [f"  no place in {profile} for {', '.join(lost[:_NAMED])}{more}"]


def complete_messages(table: CdmTable, profile: CdmProfile) -> CdmTable:
    """The same messages with blank lines filled as far as their own states and words tell.

    A message whose frame is not known keeps its states and gets nothing from them. For the tracss
    profiles a blank HBR is the object's exclusion volume radius, unless the message has a combined
    radius: those profiles have no place for one, and two radii with another sum would change Pc.
    For ccsds-1.0 a blank combined radius is the sum of both HBR.
    """
    columns: dict[str, NDArray[Any]] = {name: c.copy() for name, c in table.columns.items()}
    if profile == "ccsds-1.0":
        _fill(columns, "COMBINED_HBR", columns["SAT1_HBR"] + columns["SAT2_HBR"])
    else:
        for k in (1, 2):
            exclusion = columns[f"SAT{k}_EXCLUSION_VOLUME_RADIUS"]
            alone = np.isnan(columns["COMBINED_HBR"])
            _fill(columns, f"SAT{k}_HBR", np.where(alone, exclusion, np.nan))
    rows = np.flatnonzero(has_one_known_frame(table))
    stated, _ = stated_by_table(table, "")
    if stated is not None:
        recomputed, _ = recompute_lines(stated)
        for name in RECOMPUTED:
            if "PROBABILITY" not in name:  # the originator's own, by a method it would have to name
                values = np.full(len(table), np.nan)
                values[rows] = recomputed[name]
                _fill(columns, name, values)
        if profile != "ccsds-1.0":
            for k in (1, 2):
                frames = columns[f"SAT{k}_REF_FRAME"]
                turned = np.zeros(len(table), dtype=bool)
                turned[rows] = frames[rows] != "EME2000"
                for i, key in enumerate(STATE_KEYWORDS):
                    columns[f"SAT{k}_{key}"][turned] = stated.state[k - 1, turned[rows], i]
                columns[f"SAT{k}_REF_FRAME"] = np.where(turned, "EME2000", frames)
    if profile != "ccsds-1.0":
        _fill_words(columns, profile)
    return make_cdm_table(
        columns, len(table), profiles=table.profiles, lines=table.lines, extra=table.extra
    )


def _fill(columns: dict[str, NDArray[Any]], name: str, values: NDArray[np.float64]) -> None:
    own = columns[name]
    columns[name] = np.where(np.isnan(own), values, own)


def _fill_words(columns: dict[str, NDArray[Any]], profile: CdmProfile) -> None:
    """Mandatory lines of the profile that are blank: the table's default, else UNKNOWN."""
    for line in profile_lines(profile):
        entry = line.lines[0]
        own = columns[entry.name]
        if not line.mandatory:
            continue
        if entry.keyword.type == "text":
            columns[entry.name] = np.where(own == "", entry.keyword.default or "UNKNOWN", own)
        elif entry.keyword.default:
            _fill(columns, entry.name, np.full(len(own), float(entry.keyword.default)))
