"""The command `cdm`: are messages whole, and do they agree with their own states?

Fed by files of CDMs of any profile; feeds the terminal. Each message is computed again from its
states, covariances and radii; what it states and what comes out are printed side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.assess.recompute import RECOMPUTED, agrees, recompute_lines
from tracss_hpc.assess.stated import stated_by_table
from tracss_hpc.errors import MessageError, UsageError
from tracss_hpc.messages.cdm import CdmTable, find_keyword, take_messages
from tracss_hpc.messages.cdm_faults import FormFaults, find_form_faults
from tracss_hpc.messages.cdm_profiles import CDM_PROFILES, CdmProfile, profile_lines
from tracss_hpc.messages.cdm_read import decode_message, sift_cdms
from tracss_hpc.messages.source import find_files

__all__ = ["check_files"]

Array = NDArray[np.float64]


def check_files(paths: Sequence[str | Path]) -> tuple[str, int]:
    """Check every message of the files.

    Parameters
    ----------
    paths : sequence of str or Path
        Files or globs.

    Returns
    -------
    text : str
        A paragraph per message, and a line of counts.
    code : int
        0 if nothing is amiss, 1 if a message is faulty or disagrees with itself, 3 if one could
        not be read.
    """
    if not paths:
        raise UsageError("cdm: give at least one file of CDMs")
    text: list[str] = []
    read = amiss = unread = 0
    for path in find_files(paths):
        paragraphs, faulty, errors = _check_file(path)
        text += paragraphs + [f"{error}\n" for error in errors]
        read, amiss, unread = read + len(paragraphs), amiss + faulty, unread + len(errors)
    text.append(f"{read} messages read, {amiss} of them amiss; {unread} not readable\n")
    return "\n".join(text), 3 if unread else 1 if amiss else 0


def _check_file(path: Path) -> tuple[list[str], int, list[MessageError]]:
    """A paragraph for each message that can be read, how many are amiss, and the errors."""
    try:
        text = decode_message(path)
    except MessageError as error:
        return [], 0, [error]
    table, errors = sift_cdms(text, file=str(path))
    forms = {fault.line: fault for fault in find_form_faults(text, file=str(path))}
    paragraphs, amiss = [], 0
    for row in range(len(table)):
        message = take_messages(table, np.array([row]))
        paragraph, fine = _check_message(message, forms.get(table.lines[row]), path)
        paragraphs.append(paragraph)
        amiss += not fine
    return paragraphs, amiss, errors


def _check_message(message: CdmTable, form: FormFaults | None, path: Path) -> tuple[str, bool]:
    columns = message.columns
    head = f"{path}, line {message.lines[0]}: {message.profiles[0]} {columns['MESSAGE_ID'][0]}"
    frames = list(dict.fromkeys(str(columns[f"SAT{k}_REF_FRAME"][0]) for k in (1, 2)))
    rows = [f"{head}, TCA {columns['TCA'][0]}, states in {' and '.join(frames)}"]
    fine = form is None or not (form.lacking or form.misplaced)
    if form is not None:
        rows.append(f"  keys   {_few(form.lacking, 'lacks ', 'complete')}")
        rows.append(f"  order  {_few(form.misplaced, '', 'as the profile has it')}")
    others = tuple(item.key for item in message.extra if item.key != "COMMENT")
    if others:
        rows.append(f"  not kept: {_few(others, '', '')}")
    stated, errors = stated_by_table(message, str(path))
    if stated is None:
        return "\n".join([*rows, *(f"  {error}" for error in errors)]) + "\n", False
    recomputed = recompute_lines(stated)
    table, same = _compare(message, recomputed)
    return "\n".join([*rows, *table]) + "\n", fine and same


def _compare(message: CdmTable, recomputed: dict[str, Array]) -> tuple[list[str], bool]:
    """Rows of stated and recomputed values, and whether all that are stated agree."""
    rows = [f"  {'':<32} {'stated':>15} {'recomputed':>15}"]
    fine = True
    own = {entry.name for line in profile_lines(_profile(message)) for entry in line.lines}
    for name in RECOMPUTED:
        given, found = message.columns[name], recomputed[name]
        keyword = find_keyword(name)
        unit = f" [{keyword.unit}]" if keyword is not None and keyword.unit else ""
        if np.isnan(given[0]):
            verdict = "not stated"
        elif np.isnan(found[0]):
            verdict = "cannot be computed: no covariance or no radius"
        elif agrees(name, given, found)[0]:
            verdict = "agrees"
        else:
            verdict, fine = f"DIFFERS by {given[0] - found[0]:.6g}", False
        stated = not np.isnan(given[0])
        if stated or (name in own and not np.isnan(found[0])):
            rows.append(f"  {name + unit:<32} {_number(given)} {_number(found)}  {verdict}")
    return rows, fine


def _profile(message: CdmTable) -> CdmProfile:
    return next(name for name in CDM_PROFILES if name == message.profiles[0])


def _number(column: Array) -> str:
    return f"{'':>15}" if np.isnan(column[0]) else f"{column[0]:>15.8g}"


def _few(words: tuple[str, ...], before: str, none: str) -> str:
    """At most six of the words, and how many more."""
    if not words:
        return none
    more = f" and {len(words) - 6} more" if len(words) > 6 else ""
    return f"{before}{', '.join(words[:6])}{more}"
