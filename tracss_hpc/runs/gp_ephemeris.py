"""The command `catalog --to-ocm` or `--to-oem`: the ephemeris of a catalog object as a message.

Fed by element sets; gives text, or writes a file.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from tracss_hpc.atomic import write_product
from tracss_hpc.catalog.catalog import read_catalog, select_element_sets
from tracss_hpc.constants import DAY_S
from tracss_hpc.ephemeris.gp_record import gp_record
from tracss_hpc.epochs import Epoch, parse_epoch
from tracss_hpc.errors import InputDataError, MessageError, UsageError
from tracss_hpc.export.cdm import CLASSIFICATION
from tracss_hpc.messages.elements import expand_designator
from tracss_hpc.messages.ocm_write import format_ocm
from tracss_hpc.messages.oem_write import OEM_FORMATS, format_oem, left_out
from tracss_hpc.messages.trajectory_files import parse_trajectory
from tracss_hpc.messages.utc import parse_utc

__all__ = ["write_gp_ephemeris"]

_log = logging.getLogger("tracss_hpc")
_MAX_AGE_DAYS = 14.0  # of an element set, for which SGP4 is still taken as it is


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
    """Write the OCM or OEM of a catalog object, from the element set that a run would take.

    That is the newest not after `start`, else the earliest after it (`select_element_sets`);
    without `start` the newest of all, and the ephemeris begins at its epoch.
    What the record says and an OEM cannot is named, in the text returned or in the log; the log
    also warns of a span far from the epoch of the set, and of a message that would be refused.

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
    own = catalog.take(np.flatnonzero(catalog.designator == number))
    if not len(own):
        raise InputDataError(
            f"object {number} is not among the {len(catalog)} element sets read",
            key=f"--to-{message.lower()}",
            given=designator,
        )
    if start:
        begin = chosen_at = _start(start)
    else:
        newest = np.lexsort((own.epoch_fr, own.epoch_jd))[-1]
        chosen_at = Epoch(float(own.epoch_jd[newest]), float(own.epoch_fr[newest]))
        begin = Epoch(chosen_at.jd, 0.0).plus(float(np.floor(chosen_at.fr * DAY_S)))
    chosen = select_element_sets(own, chosen_at, np.inf) == "ok"
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None).isoformat(timespec="seconds")
    one = own.take(np.flatnonzero(chosen))
    record = gp_record(
        one,
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
    _warn_of_age(Epoch(float(one.epoch_jd[0]), float(one.epoch_fr[0])), begin, days)
    _warn_of_refusal(text, record.file if output is None else str(output))
    if output is None:
        if note:
            _log.info(note)
        return text
    write_product(output, text.encode())
    block = record.blocks[0]
    return (
        f"{output}: {number} {record.object.name}, {block.jd.size} states, useable "
        f"{block.useable_start.iso()} to {block.useable_stop.iso()}\n"
    ) + (f"{note}\n" if note else "")


def _warn_of_age(epoch: Epoch, begin: Epoch, days: float) -> None:
    """Say when the useable span begins or ends far from the epoch of the element set."""
    start = begin.minus(epoch) / DAY_S
    edge, age = max(("begins", start), ("ends", start + days), key=lambda pair: abs(pair[1]))
    if abs(age) > _MAX_AGE_DAYS:
        _log.warning(
            "the useable span %s %.1f days %s the epoch of the element set, %s; beyond %g days "
            "SGP4 loses its meaning: give another --start or newer elements",
            edge, abs(age), "after" if age > 0.0 else "before", epoch.iso(), _MAX_AGE_DAYS,
        )  # fmt: skip


def _warn_of_refusal(text: str, file: str) -> None:
    """Say when the message breaks a rule of our own strict reader: states far from any orbit."""
    try:
        parse_trajectory(text, file=file, strict=True)
    except MessageError as error:
        why = ""
        if error.code == "O18":
            why = "; far out and near decay SGP4's velocities are not the derivative of positions"
        first = str(error).partition("\n")[0]
        _log.warning("`pair --strict` will refuse this message, as others may: %s%s", first, why)


def _start(text: str) -> Epoch:
    try:
        return parse_epoch(text)
    except ValueError as error:
        raise UsageError(f"--start: {error}") from None
