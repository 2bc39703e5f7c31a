"""The command `cdm`: are messages whole, and do they agree with their own states?

Fed by files of CDMs of any profile; feeds the terminal. Each message is computed again from its
states, covariances and radii; what it states and what comes out are printed side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.assess.encounter import ENCOUNTER_STATUS
from tracss_hpc.assess.recompute import RECOMPUTED, agrees, recompute_lines
from tracss_hpc.assess.stated import stated_by_table
from tracss_hpc.errors import InputDataError, UsageError
from tracss_hpc.messages.cdm import CdmTable, find_keyword
from tracss_hpc.messages.cdm_cut import KnownLayouts
from tracss_hpc.messages.cdm_faults import FormFaults, find_form_faults
from tracss_hpc.messages.cdm_profiles import CDM_PROFILES, CdmProfile, profile_lines
from tracss_hpc.messages.cdm_read import decode_message, sift_cdms
from tracss_hpc.messages.source import find_files

__all__ = ["check_files"]

Array = NDArray[np.float64]
_WRONG = (3, 4, 5, 6, 7)  # of ENCOUNTER_STATUS: what is there cannot be so


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
    known = KnownLayouts()
    for path in find_files(paths):
        paragraphs, faulty, errors = _check_file(path, known)
        text += paragraphs + [f"{error}\n" for error in errors]
        read, amiss, unread = read + len(paragraphs), amiss + faulty, unread + len(errors)
    text.append(f"{read} messages read, {amiss} of them amiss; {unread} not readable\n")
    return "\n".join(text), 3 if unread else 1 if amiss else 0


def _check_file(path: Path, known: KnownLayouts) -> tuple[list[str], int, Sequence[InputDataError]]:
    """A paragraph for each message that can be read, how many are amiss, and the errors."""
    try:
        text = decode_message(path)
    except InputDataError as error:
        return [], 0, [error]
    forms: list[FormFaults] = []
    is_json = text.lstrip()[:1] in ("{", "[")
    table, errors = sift_cdms(
        text, file=str(path), known=known,
        look=lambda record: forms.append(find_form_faults(record, is_json=is_json)),
    )  # fmt: skip
    if not len(table) and not errors:
        return [], 0, [InputDataError(f"{path}: there is no CDM in it", file=str(path))]
    others: dict[int, list[str]] = {}
    for item in table.extra:
        if item.key != "COMMENT":
            others.setdefault(item.message, []).append(item.key)
    compared = _compare(table, path)
    paragraphs, amiss = [], 0
    for row, (form, (rows, same)) in enumerate(zip(forms, compared, strict=True)):
        paragraphs.append("\n".join([*_head(table, row, form, path, others.get(row)), *rows, ""]))
        amiss += not (same and not form.lacking and not form.misplaced)
    return paragraphs, amiss, errors


def _head(
    table: CdmTable, row: int, form: FormFaults, path: Path, others: list[str] | None
) -> list[str]:
    columns = table.columns
    frames = list(dict.fromkeys(str(columns[f"SAT{k}_REF_FRAME"][row]) for k in (1, 2)))
    head = f"{path}, line {table.lines[row]}: {table.profiles[row]} {columns['MESSAGE_ID'][row]}"
    rows = [
        f"{head}, TCA {columns['TCA'][row]}, states in {' and '.join(frames)}",
        f"  keys   {_few(form.lacking, 'lacks ', 'complete')}",
        f"  order  {_few(form.misplaced, '', 'as the profile has it')}",
    ]
    if others:
        rows.append(f"  not kept: {_few(tuple(others), '', '')}")
    return rows


def _compare(table: CdmTable, path: Path) -> list[tuple[list[str], bool]]:
    """For each message rows of stated and recomputed values, and whether the stated ones agree.

    A message in an unknown frame has its error for rows, and does not agree.
    """
    if not len(table):
        return []
    stated, errors = stated_by_table(table, str(path))
    wrong = {error.line: error for error in errors}
    good = np.array([row for row, line in enumerate(table.lines) if line not in wrong], dtype=int)
    place = {int(row): k for k, row in enumerate(good)}
    lines: list[list[tuple[str, bool]]] = []
    reasons = []
    if stated is not None:
        recomputed, status = recompute_lines(stated)
        reasons = [ENCOUNTER_STATUS[code].removeprefix("refused: ") for code in status.tolist()]
        lines = _lines(table, good, recomputed, reasons)
        lines.append([("", code not in _WRONG) for code in status.tolist()])
    compared = []
    for row, line in enumerate(table.lines):
        if row in place:
            rows = [one[place[row]] for one in lines]
            title = f"  {'':<32} {'stated':>15} {'recomputed':>15}"
            shown = [text for text, _ in rows if text]
            compared.append(([title, *shown], all(same for _, same in rows)))
        else:
            compared.append(([f"  {wrong[line]}"], False))
    return compared


def _lines(
    table: CdmTable, good: NDArray[np.intp], recomputed: dict[str, Array], reasons: list[str]
) -> list[list[tuple[str, bool]]]:
    """For each line of RECOMPUTED, of each good message, its row ('' if none), and if it agrees."""
    profiles = [_profile(table, row) for row in good.tolist()]
    own = {
        profile: {entry.name for line in profile_lines(profile) for entry in line.lines}
        for profile in set(profiles)
    }
    return [
        _line(
            name,
            table.columns[name][good],
            recomputed[name],
            [name in own[p] for p in profiles],
            reasons,
        )
        for name in RECOMPUTED
    ]


def _line(
    name: str, given: Array, found: Array, own: list[bool], reasons: list[str]
) -> list[tuple[str, bool]]:
    keyword = find_keyword(name)
    unit = f" [{keyword.unit}]" if keyword is not None and keyword.unit else ""
    rows = []
    fine = agrees(name, given, found).tolist()
    for stated, value, same, is_own, reason in zip(
        given.tolist(), found.tolist(), fine, own, reasons, strict=True
    ):
        lacking = isnan(stated)
        if lacking:
            verdict = "not stated"
        elif isnan(value):
            verdict = f"cannot be computed: {reason}"
        else:
            verdict = "agrees" if same else f"DIFFERS by {stated - value:.6g}"
        shown = not lacking or (is_own and not isnan(value))
        text = f"  {name + unit:<32} {_number(stated)} {_number(value)}  {verdict}" if shown else ""
        rows.append((text, lacking or isnan(value) or same))
    return rows


def _profile(table: CdmTable, row: int) -> CdmProfile:
    return next(name for name in CDM_PROFILES if name == table.profiles[row])


def _number(value: float) -> str:
    return f"{'':>15}" if isnan(value) else f"{value:>15.8g}"


def _few(words: tuple[str, ...], before: str, none: str) -> str:
    """At most six of the words, and how many more."""
    if not words:
        return none
    more = f" and {len(words) - 6} more" if len(words) > 6 else ""
    return f"{before}{', '.join(words[:6])}{more}"
