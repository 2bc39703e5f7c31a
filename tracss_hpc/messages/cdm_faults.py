"""What is wrong with the form of CDMs that can be read: order of keys, values a profile demands.

Fed by the text of a file; feeds the command `cdm`. Faults that make a message unreadable are
`MessageError`s of `cdm_read`; here are those a tolerant reader does not stumble over.
"""

from __future__ import annotations

from typing import NamedTuple

from tracss_hpc.messages.cdm_cut import cut_cdms
from tracss_hpc.messages.cdm_profiles import ProfileLine, profile_lines
from tracss_hpc.messages.cdm_records import CdmRecord
from tracss_hpc.messages.cdm_styles import STYLES

__all__ = ["FormFaults", "find_form_faults"]


class FormFaults(NamedTuple):
    """Of one readable message: keys without their mandatory value, keys that stand too late."""

    line: int
    lacking: tuple[str, ...]
    misplaced: tuple[str, ...]


def find_form_faults(text: str, *, file: str = "<text>") -> list[FormFaults]:
    """Look at the form of each message that can be cut, in order.

    JSON objects have no order. Comments, and keys of other profiles, have no place to be late for.
    """
    is_json = text.lstrip()[:1] in ("{", "[")
    faults = []
    for record in cut_cdms(text, file, wanted=None):
        if isinstance(record, CdmRecord):
            style = STYLES.get((record.profile, "json")) if is_json else None
            left_out = style.left_out if style is not None else frozenset()
            lines = tuple(
                line for line in profile_lines(record.profile) if line.key not in left_out
            )
            lacking = tuple(
                dict.fromkeys(
                    entry.name
                    for line in lines
                    if line.mandatory
                    for entry in line.lines
                    if not record.values.get(entry.name)
                )
            )
            misplaced = () if is_json else _misplaced(record, lines)
            faults.append(FormFaults(record.line, lacking, misplaced))
    return faults


def _misplaced(record: CdmRecord, lines: tuple[ProfileLine, ...]) -> tuple[str, ...]:
    """Keys that stand after one that the profile prints later, each told with its line."""
    rank = {
        entry.name: k for k, line in enumerate(lines) if not line.is_comment for entry in line.lines
    }
    reached, last, late = -1, "", []
    for name in record.values:
        if name not in rank:
            continue
        if rank[name] < reached:
            late.append(f"{name} (line {record.line_of(name)}) after {last}")
        else:
            reached, last = rank[name], name
    return tuple(late)
