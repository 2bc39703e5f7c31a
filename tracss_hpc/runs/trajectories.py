"""Commands on ephemeris files: the close approaches of a pair, the ephemeris of a catalog object.

Fed by the words of `tracss-hpc pair` and `tracss-hpc catalog --to-ocm` or `--to-oem`; gives text.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from tracss_hpc.atomic import write_atomically
from tracss_hpc.catalog.catalog import read_catalog
from tracss_hpc.constants import DAY_S
from tracss_hpc.ephemeris.gp_record import gp_record
from tracss_hpc.ephemeris.tabulated import Trajectory
from tracss_hpc.epochs import Epoch, parse_epoch
from tracss_hpc.errors import InputDataError, UsageError
from tracss_hpc.export.cdm import CLASSIFICATION
from tracss_hpc.messages.elements import expand_designator
from tracss_hpc.messages.ocm_write import format_ocm
from tracss_hpc.messages.oem_write import OEM_FORMATS, format_oem, left_out
from tracss_hpc.messages.utc import parse_utc
from tracss_hpc.screening.tabulated_pair import PairApproaches, find_pair_approaches

__all__ = ["pair_report", "write_gp_ephemeris"]

_log = logging.getLogger("tracss_hpc")


def pair_report(
    first: str | Path,
    second: str | Path,
    *,
    within_km: float,
    strict: bool = False,
    lenient: bool = False,
) -> str:
    """Close approaches of two ephemeris files as text: those within a distance, or the nearest."""
    pair = [Trajectory.from_file(path, strict=strict, lenient=lenient) for path in (first, second)]
    found = find_pair_approaches(*pair)
    near = np.flatnonzero(found.miss_km <= within_km)
    lines = []
    for number, trajectory in enumerate(pair, start=1):
        record = trajectory.record
        end = trajectory.epoch.plus(trajectory.duration_s)
        lines.append(
            f"object {number}   {record.object.designator} {record.object.name}, "
            f"{record.source_format}, {record.frame}, useable {trajectory.epoch.iso()} to "
            f"{end.iso()}"
        )
        lines += [f"           {finding.text}" for finding in record.warnings]
    if not found.t.size:
        return "\n".join([*lines, "", "no approach: the distance has no minimum in their time", ""])
    lines.append("")
    if near.size:
        lines.append(f"{near.size} of {found.t.size} approaches within {within_km:g} km")
    else:
        near = np.array([np.argmin(found.miss_km)])
        lines.append(f"none of {found.t.size} approaches within {within_km:g} km; the nearest:")
    for k in near.tolist():
        lines += ["", *_approach(found, k)]
    return "\n".join(lines) + "\n"


def write_gp_ephemeris(
    patterns: Sequence[str],
    designator: str,
    *,
    message: Literal["OCM", "OEM"],
    start: str | None,
    days: float,
    step_s: float,
    notation: Literal["KVN", "XML", "JSON"],
    output: Path | None,
) -> str:
    """Write the OCM or OEM of a catalog object, from its newest element set not after `start`.

    What the record says and an OEM cannot is named, in the text returned or in the log.

    Returns
    -------
    str
        What was written, or the message itself when there is no `output`.

    Raises
    ------
    UsageError
        If an OEM is asked for in JSON.
    InputDataError
        If the catalog has no such object.
    """
    if message == "OEM" and notation == "JSON":
        allowed = " or ".join(form.lower() for form in OEM_FORMATS)
        raise UsageError(f"--format json: an OEM has no JSON; give {allowed}")
    catalog = read_catalog(patterns).catalog
    number = expand_designator(designator)
    rows = np.flatnonzero(catalog.designator == number)
    if not rows.size:
        raise InputDataError(
            f"object {number} is not among the {len(catalog)} element sets read",
            key=f"--to-{message.lower()}",
            given=designator,
        )
    age = catalog.epoch_jd[rows] + catalog.epoch_fr[rows]
    begin = _start(start) if start else None
    if begin is None:
        row = rows[np.argmax(age)]
        whole = np.floor(catalog.epoch_fr[row] * DAY_S)
        begin = Epoch(float(catalog.epoch_jd[row]), 0.0).plus(float(whole))
    else:
        past = age <= begin.jd + begin.fr
        row = rows[past][np.argmax(age[past])] if past.any() else rows[np.argmin(age)]
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None).isoformat(timespec="seconds")
    record = gp_record(
        catalog.take([row]),
        begin,
        duration_s=days * DAY_S,
        step_s=step_s,
        creation_date=parse_utc(now),
        classification=CLASSIFICATION,
    )
    if message == "OEM" and notation != "JSON":
        text, note = format_oem(record, notation), f"not in an OEM: {', '.join(left_out(record))}"
    else:
        text, note = format_ocm(record, notation), ""
    if output is None:
        if note:
            _log.info(note)
        return text
    write_atomically(output, text.encode())
    block = record.blocks[0]
    return (
        f"{output}: {number} {record.object.name}, {block.jd.size} states, useable "
        f"{block.useable_start.iso()} to {block.useable_stop.iso()}\n"
    ) + (f"{note}\n" if note else "")


def _start(text: str) -> Epoch:
    try:
        return parse_epoch(text)
    except ValueError as error:
        raise UsageError(f"--start: {error}") from None


def _approach(found: PairApproaches, k: int) -> list[str]:
    """One approach in the units of a CDM (m, m/s), states in km and km/s."""

    def row(name: str, values: list[float], unit: str, digits: int) -> str:
        numbers = " ".join(f"{value:18.{digits}f}" for value in values)
        return f"  {name:<28} {numbers} {unit}"

    tca = found.epoch.plus(float(found.t[k]))
    lines = [
        f"TCA        {tca._replace(seconds=round(tca.seconds, 6)).iso()} UTC",
        row("miss distance", [found.miss_km[k] * 1e3], "m", 4),
        row("relative speed", [found.relative_speed_km_s[k] * 1e3], "m/s", 6),
    ]
    for i in (0, 1):
        name = f"object {i + 1}"
        relative = (found.relative_r[i][k] * 1e3).tolist()
        speed = (found.relative_v[i][k] * 1e3).tolist()
        lines += [
            row(f"{name} relative R T N", relative, "m", 4),
            row(f"{name} relative speed R T N", speed, "m/s", 6),
            row(f"{name} position", found.r[i][k].tolist(), "km", 9),
            row(f"{name} velocity", found.v[i][k].tolist(), "km/s", 12),
        ]
    return lines
