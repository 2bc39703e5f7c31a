"""The command `cdm --convert`: messages of any profile written as another one.

Fed by files of CDMs; feeds one file each in a folder. A profile that has more lines gets what the
states tell (relative state of both sides, angle, apsides, inclination); what nobody can know from
the message is blank, or UNKNOWN where a text is mandatory. The tracss profiles have states in
EME2000, so asking for one of them is asking for the rotation; ccsds-1.0 keeps the frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.assess.recompute import RECOMPUTED, recompute_lines
from tracss_hpc.assess.stated import stated_by_table
from tracss_hpc.errors import UsageError
from tracss_hpc.messages.cdm import STATE_KEYWORDS, CdmTable, make_cdm_table
from tracss_hpc.messages.cdm_cut import KnownLayouts
from tracss_hpc.messages.cdm_profiles import CdmProfile, profile_lines
from tracss_hpc.messages.cdm_read import read_cdms
from tracss_hpc.messages.cdm_write import (
    CDM_KINDS,
    format_bundle,
    format_cdms,
    split_kind,
    split_writable,
)
from tracss_hpc.messages.source import find_files

__all__ = ["complete_messages", "convert_files"]


def convert_files(paths: Sequence[str | Path], kind: str, folder: Path) -> str:
    """Write the messages of each file into a file of the same name in `folder`.

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
    str
        What was written, and which messages the profile cannot hold.
    """
    if kind not in CDM_KINDS:
        raise UsageError(f"cdm: --convert {kind}: this version writes {', '.join(CDM_KINDS)}")
    profile, form = split_kind(kind)
    rows = []
    taken: set[str] = set()
    known = KnownLayouts()
    folder.mkdir(parents=True, exist_ok=True)
    for path in find_files(paths):
        messages = complete_messages(read_cdms(path, known=known), profile)
        table, left_out = split_writable(messages, profile)
        target = folder / f"{path.name.split('.')[0]}.{profile}.{form}"
        if target.name in taken or target.resolve() == path.resolve():
            raise UsageError(
                f"cdm: {path} and another input would both become {target}; convert them apart"
            )
        taken.add(target.name)
        texts = format_cdms(table, form, "full", profile)
        target.write_text(format_bundle(texts, form, profile), "utf-8", newline="")
        rows.append(f"{target}: {len(table)} messages")
        combined = int(np.isfinite(table.columns["COMBINED_HBR"]).sum())
        if combined and profile != "ccsds-1.0":
            rows.append(f"  {combined} combined hard-body radii have no place in {profile}")
        rows += [f"  left out: {item.message_id} lacks {item.key}" for item in left_out]
    return "\n".join(rows) + "\n"


def complete_messages(table: CdmTable, profile: CdmProfile) -> CdmTable:
    """The same messages with blank lines filled as far as their own states and words tell.

    A message whose frame is not known stays as it is. For the tracss profiles a blank HBR is the
    object's exclusion volume radius, unless the message has a combined radius: those profiles have
    no place for one, and two radii with another sum would change Pc. For ccsds-1.0 a blank combined
    radius is the sum of both HBR.
    """
    columns: dict[str, NDArray[Any]] = {name: c.copy() for name, c in table.columns.items()}
    if profile == "ccsds-1.0":
        _fill(columns, "COMBINED_HBR", columns["SAT1_HBR"] + columns["SAT2_HBR"])
    else:
        for k in (1, 2):
            exclusion = columns[f"SAT{k}_EXCLUSION_VOLUME_RADIUS"]
            alone = np.isnan(columns["COMBINED_HBR"])
            _fill(columns, f"SAT{k}_HBR", np.where(alone, exclusion, np.nan))
    stated, errors = stated_by_table(table, "")
    if stated is not None and not errors:
        recomputed = recompute_lines(stated)
        for name in RECOMPUTED:
            if "PROBABILITY" not in name:  # the originator's own, by a method it would have to name
                _fill(columns, name, recomputed[name])
        if profile != "ccsds-1.0":
            for k in (1, 2):
                turned = columns[f"SAT{k}_REF_FRAME"] != "EME2000"
                for i, key in enumerate(STATE_KEYWORDS):
                    own = columns[f"SAT{k}_{key}"]
                    columns[f"SAT{k}_{key}"] = np.where(turned, stated.state[k - 1, :, i], own)
                columns[f"SAT{k}_REF_FRAME"] = np.full(len(table), "EME2000")
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
