"""What is wrong with the form of CDMs that can be read: order of keys, values a profile demands.

Fed by the records of `cdm_read`; feeds the command `cdm`. Faults that make a message unreadable are
`MessageError`s of `cdm_read`; here are those a tolerant reader does not stumble over.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import NamedTuple

from tracss_hpc.messages.cdm_profiles import CdmProfile, profile_lines
from tracss_hpc.messages.cdm_records import CdmRecord
from tracss_hpc.messages.cdm_styles import STYLES

__all__ = ["FormFaults", "find_form_faults"]


class FormFaults(NamedTuple):
    """Of one readable message: keys without their mandatory value, keys that stand too late."""

    lacking: tuple[str, ...]
    misplaced: tuple[str, ...]


def find_form_faults(record: CdmRecord, *, is_json: bool) -> FormFaults:
    """Look at the form of a message.

    JSON objects have no order. Comments, and keys of other profiles, have no place to be late for.
    """
    mandatory = _mandatory(record.profile, is_json)
    filled = record.values.get
    lacking = () if all(map(filled, mandatory)) else tuple(n for n in mandatory if not filled(n))
    late = () if is_json else _late(tuple(record.values), record.profile)
    return FormFaults(
        lacking, tuple(f"{name} (line {record.line_of(name)}) after {last}" for name, last in late)
    )


@cache
def _mandatory(profile: CdmProfile, is_json: bool) -> tuple[str, ...]:
    """Lines of the table that a message of the profile must fill."""
    style = STYLES.get((profile, "json")) if is_json else None
    left_out = style.left_out if style is not None else frozenset()
    lines = (line for line in profile_lines(profile) if line.key not in left_out)
    names = (entry.name for line in lines if line.mandatory for entry in line.lines)
    return tuple(dict.fromkeys(names))


@lru_cache(maxsize=64)
def _late(names: tuple[str, ...], profile: CdmProfile) -> tuple[tuple[str, str], ...]:
    """Names that stand after one that the profile prints later, each with that one."""
    lines = enumerate(profile_lines(profile))
    rank = {entry.name: k for k, line in lines if not line.is_comment for entry in line.lines}
    reached, last, late = -1, "", []
    for name in names:
        if name not in rank:
            continue
        if rank[name] < reached:
            late.append((name, last))
        else:
            reached, last = rank[name], name
    return tuple(late)
