"""Rules for the words of an OCM: what TraCSS demands of its sections, one by one and together.

Fed by `ocm` with the sections of a message; feeds its judge. The codes are listed there; data lines
have their own rules (`trajectory_rules`).
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

from tracss_hpc.messages.findings import Judge
from tracss_hpc.messages.ocm_keywords import BLOCK_TYPES, COV_FRAMES, COV_TYPES, TABLE, TRAJ_BASES
from tracss_hpc.messages.ocm_notation import OcmSection
from tracss_hpc.messages.trajectory_rules import check_known

__all__ = [
    "check_complete",
    "check_covariance_words",
    "check_meta",
    "check_together",
    "check_trajectory_words",
]


def check_meta(meta: OcmSection, known: Container[str] | None, judge: Judge) -> None:
    """Time system (O04), and whether the catalog has the object (O20)."""
    text, line = meta.values.get("TIME_SYSTEM", ("", 0))
    if text and text.upper() != "UTC":
        judge.error("O04", line, "TIME_SYSTEM", text, "UTC", "another time system; convert first")
    designator, line = meta.values.get("OBJECT_DESIGNATOR", ("", 0))
    check_known(designator, known, line, "OBJECT_DESIGNATOR", judge)


def check_trajectory_words(section: OcmSection, fields: dict[str, Any], judge: Judge) -> None:
    """Words of a TRAJ (O05 to O08, O14); the basis goes into `fields`."""

    def check(code: str, key: str, allowed: tuple[str, ...], why: str) -> str:
        text, line = section.values.get(key, ("", 0))
        if text and text.upper() not in allowed:
            judge.error(code, line, key, text, " or ".join(allowed), why)
        return text.upper()

    fields["basis"] = check("O14", "TRAJ_BASIS", TRAJ_BASES, "another basis")
    check("O05", "CENTER_NAME", ("EARTH",), "another center")
    frame = section.values.get("TRAJ_REF_FRAME", ("", 0))[0]
    remedy = "write EME2000 if that is meant" if frame.upper() == "J2000" else "convert first"
    check("O06", "TRAJ_REF_FRAME", ("EME2000",), f"states in {frame}: {remedy}")
    kind = check("O07", "TRAJ_TYPE", tuple(BLOCK_TYPES), "not Cartesian states")
    text, line = section.values.get("TRAJ_UNITS", ("", 0))
    if text and kind in BLOCK_TYPES and _units(text) != BLOCK_TYPES[kind]:
        expected = f"[{', '.join(BLOCK_TYPES[kind])}]"
        judge.error("O08", line, "TRAJ_UNITS", text, expected, "other units; convert first")


def check_covariance_words(section: OcmSection, fields: dict[str, Any], judge: Judge) -> None:
    """Words of a COV (O16); the frame goes into `fields`."""

    def check(key: str, allowed: tuple[str, ...], why: str) -> str:
        text, line = section.values.get(key, ("", 0))
        if text and text.upper() not in allowed:
            judge.error("O16", line, key, text, " or ".join(allowed), why)
        return text.upper()

    kind = check("COV_TYPE", tuple(COV_TYPES), "not a Cartesian covariance")
    check("COV_ORDERING", ("LTM",), "not a lower triangle by rows")
    fields["covariance_frame"] = check("COV_REF_FRAME", COV_FRAMES, "another frame")
    text, line = section.values.get("COV_UNITS", ("", 0))
    if text and kind in COV_TYPES and _units(text) not in _covariance_units(kind):
        expected = f"[{', '.join(COV_TYPES[kind])}]"
        judge.error("O16", line, "COV_UNITS", text, expected, "other units; convert first")


def check_complete(section: OcmSection, judge: Judge) -> None:
    """Mandatory keywords of a section (O02)."""
    missing = [
        name
        for name, row in TABLE[section.name].items()
        if row.mandatory and not section.values.get(name, ("", 0))[0]
    ]
    if missing:
        line = section.values.get(missing[0], ("", section.line))[1]
        judge.error(
            "O02", line, missing[0], "nothing", f"a value for {', '.join(missing)}",
            f"{section.name} is incomplete",
        )  # fmt: skip


def check_together(sections: Sequence[OcmSection], judge: Judge) -> None:
    """Judge the sections beside each other: as many COV as TRAJ, one basis, one COV_TYPE."""
    named: dict[str, list[OcmSection]] = {name: [] for name in TABLE}
    for section in sections:
        named[section.name].append(section)
    trajectories, covariances = named["TRAJ"], named["COV"]
    if covariances and len(covariances) != len(trajectories):
        judge.error(
            "O15", covariances[-1].line, "COV", f"{len(covariances)} sections",
            f"none or {len(trajectories)}, one for each TRAJ", "sections do not match",
        )  # fmt: skip
    _check_one_word("O14", "TRAJ_BASIS", TRAJ_BASES, trajectories, judge)
    _check_one_word("O16", "COV_TYPE", tuple(COV_TYPES), covariances, judge)
    names = set()
    for section in trajectories:
        name, line = section.values.get("TRAJ_ID", ("", 0))
        if name and name in names:
            why = "the name of an earlier block"
            judge.warn("O03", line, "TRAJ_ID", name, "another for each block", why)
        names.add(name)
    if named["OD"] and not named["PERT"]:
        judge.error(
            "O02", named["OD"][0].line, "PERT", "none", "the forces of the OD",
            "section missing beside OD",
        )  # fmt: skip


def _check_one_word(
    code: str, key: str, allowed: Sequence[str], sections: Sequence[OcmSection], judge: Judge
) -> None:
    """Refuse an allowed word that the first of the sections has otherwise."""
    given = [section.values.get(key, ("", 0)) for section in sections]
    given = [(text, line) for text, line in given if text.upper() in allowed]
    for text, line in given:
        if text.upper() != given[0][0].upper():
            why = "another than in the first block; give one message for each"
            judge.error(code, line, key, text, given[0][0], why)
            return


def _units(text: str) -> tuple[str, ...]:
    return tuple(unit.strip().lower() for unit in text.strip("[] ").split(","))


def _covariance_units(kind: str) -> tuple[tuple[str, ...], ...]:
    """Units of the state, as the book has it, or those of the 6 or 21 numbers themselves."""
    state = COV_TYPES[kind]
    powers = {0: "km**2", 1: "km**2/s", 2: "km**2/s**2"}
    rates = [int(unit == "km/s") for unit in state]
    triangle = [powers[rates[i] + rates[j]] for i in range(len(state)) for j in range(i + 1)]
    return state, tuple(triangle)
