"""Commands on ephemeris files: the close approaches of a pair, the ephemeris of a catalog object.

Fed by the words of `tracss-hpc pair` and `tracss-hpc catalog --to-ocm` or `--to-oem`; gives text.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Unpack

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.assess.encounter import ENCOUNTER_STATUS, Encounters, find_encounters
from tracss_hpc.assess.probability import foster_1992
from tracss_hpc.atomic import write_product
from tracss_hpc.catalog.catalog import read_catalog, select_element_sets
from tracss_hpc.constants import DAY_S
from tracss_hpc.ephemeris.gp_record import gp_record
from tracss_hpc.ephemeris.tabulated import Trajectory
from tracss_hpc.epochs import Epoch, parse_epoch
from tracss_hpc.errors import EphemerisRangeError, InputDataError, MessageError, UsageError
from tracss_hpc.export.cdm import CLASSIFICATION
from tracss_hpc.messages.elements import expand_designator
from tracss_hpc.messages.ocm_write import format_ocm
from tracss_hpc.messages.oem_write import OEM_FORMATS, format_oem, left_out
from tracss_hpc.messages.trajectory_files import ReadOptions, parse_trajectory
from tracss_hpc.messages.utc import Utc, parse_utc
from tracss_hpc.runs.element_sets import catalog_numbers
from tracss_hpc.screening.refine import PROMINENCE_KM
from tracss_hpc.screening.tabulated_pair import PairApproaches, find_pair_approaches

__all__ = ["pair_report", "write_gp_ephemeris"]

_log = logging.getLogger("tracss_hpc")
_MAX_AGE_DAYS = 14.0  # of an element set, for which SGP4 is still taken as it is
#: What is said of the other kinds of `PairApproaches`.
_NOT_A_MINIMUM = {
    "begins": "not a minimum: the common time begins here",
    "ends": "not a minimum: the common time ends here",
    "shallow": "less than 1 mm below the end of the common time beside it",
    "flat": "not a minimum: the distance changes by less than 1 mm in this common time",
}


def pair_report(
    first: str | Path,
    second: str | Path,
    *,
    within_km: float,
    hbr_m: float | None = None,
    catalog: str | Path | None = None,
    **options: Unpack[ReadOptions],
) -> str:
    """Close approaches of two ephemeris files as text: those within a distance, or the nearest.

    Where the common time begins or ends nearer than that, the report says so: the least distance of
    the common time is always in it.
    With covariances and radii in both files there is a probability (FOSTER-1992); `hbr_m` is a
    combined hard-body radius [m] in place of the sum of theirs; `catalog` names element sets among
    which both objects should be (O20).
    """
    if catalog is not None:
        options["known"] = catalog_numbers([catalog])
    pair = [Trajectory.from_file(path, **options) for path in (first, second)]
    found = find_pair_approaches(*pair, with_ends=True)
    lines = []
    for number, trajectory in enumerate(pair, start=1):
        record = trajectory.record
        lines.append(
            f"object {number}   {record.object.designator} {record.object.name}, "
            f"{record.source_format}, {record.frame}, useable {trajectory.useable()}"
        )
        lines += [f"           {finding.text}" for finding in record.warnings]
    lines += ["", *_headline(found, within_km)]
    rows = _chosen(found, within_km)
    risk = _encounters(pair, found, rows, hbr_m)
    for row, k in enumerate(rows.tolist()):
        more = _risk(risk, row) if found.kind[k] == "minimum" else []
        lines += ["", *_approach(found, k), *more]
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


def _headline(found: PairApproaches, within_km: float) -> list[str]:
    """How many approaches and ends of the common time are near."""
    approach = found.kind == "minimum"
    near, total = found.miss_km <= within_km, int(approach.sum())
    if _never_apart(found):
        limit = f"{2.0 * PROMINENCE_KM * 1e6:g} mm"  # least, and relief
        return [
            f"the two are never apart: in all their common time the distance stays below {limit}; "
            "is it one object, or one file, twice?"
        ]
    if not total:
        lines = ["no approach: the distance has no minimum in the common time; the nearest:"]
    elif (near & approach).any():
        lines = [f"{(near & approach).sum()} of {total} approaches within {within_km:g} km"]
    else:
        lines = [f"none of {total} approaches within {within_km:g} km; the nearest:"]
    if near[~approach].any():
        what = "places that are not minima"
        lines.append(f"also {near[~approach].sum()} {what} within {within_km:g} km, see there")
    elif total and not approach[np.argmin(found.miss_km)]:
        lines.append("still nearer is a place that is not a minimum, see there")
    return lines


def _chosen(found: PairApproaches, within_km: float) -> NDArray[np.intp]:
    """Rows that are near, at least the nearest approach and the nearest place of all, in order."""
    approaches = np.flatnonzero(found.kind == "minimum")
    if _never_apart(found):
        return approaches
    chosen = found.miss_km <= within_km
    chosen[np.argmin(found.miss_km)] = True
    if approaches.size and not chosen[approaches].any():
        chosen[approaches[np.argmin(found.miss_km[approaches])]] = True
    return np.flatnonzero(chosen)


def _never_apart(found: PairApproaches) -> bool:
    return bool(((found.kind == "flat") & (found.miss_km <= PROMINENCE_KM)).all())


def _start(text: str) -> Epoch:
    try:
        return parse_epoch(text)
    except ValueError as error:
        raise UsageError(f"--start: {error}") from None


def _encounters(
    pair: Sequence[Trajectory],
    found: PairApproaches,
    rows: NDArray[np.intp],
    hbr_m: float | None,
) -> tuple[Encounters, NDArray[np.float64]]:
    """Encounter planes of the approaches, and each one's sigmas R, T, N (n, 2, 3) [km]."""
    if hbr_m is None:
        hbr_m = sum(trajectory.record.object.hbr_m for trajectory in pair)
    lower = np.full((2, rows.size, 6), np.nan)
    for i, trajectory in enumerate(pair):
        for row, k in enumerate(rows.tolist()):
            tca = found.epoch.plus(float(found.t[k]))
            with contextlib.suppress(InputDataError, EphemerisRangeError):  # none there
                lower[i, row] = trajectory.covariance(tca)[:3, :3][np.tril_indices(3)]
    state1, state2 = (np.hstack([found.r[i][rows], found.v[i][rows]]) for i in (0, 1))
    encounters = find_encounters(
        state1, state2, lower[0], lower[1], np.full(rows.size, hbr_m * 1e-3)
    )
    with np.errstate(invalid="ignore"):
        return encounters, np.sqrt(lower[:, :, [0, 2, 5]]).swapaxes(0, 1)


def _risk(risk: tuple[Encounters, NDArray[np.float64]], row: int) -> list[str]:
    """Sigmas, Mahalanobis distance and probability of one approach, as far as they are known."""
    encounters, sigmas = risk
    lines = [
        _row(f"object {i + 1} sigma R T N", (sigmas[row, i] * 1e3).tolist(), "m", 4)
        for i in (0, 1)
        if np.isfinite(sigmas[row, i]).all()
    ]
    status = int(encounters.status[row])
    if np.isfinite(encounters.mahalanobis_distance[row]):
        lines.append(_row("Mahalanobis distance", [encounters.mahalanobis_distance[row]], "", 6))
    if status >= 2:
        why = ENCOUNTER_STATUS[status].removeprefix("refused: ")
        remedy = "; give --hbr-m" if status == 8 else ""
        return [*lines, f"  {'probability':<28} not computed: {why}{remedy}"]
    probability = foster_1992(encounters)[row]
    radius = f"FOSTER-1992, combined radius {encounters.hbr_km[row] * 1e3:g} m"
    return [*lines, f"  {'probability':<28} {probability:18.6E} {radius}"]


def _row(name: str, values: list[float], unit: str, digits: int) -> str:
    numbers = " ".join(f"{value:18.{digits}f}" for value in values)
    return f"  {name:<28} {numbers} {unit}".rstrip()


def _approach(found: PairApproaches, k: int) -> list[str]:
    """One approach, or low end, in the units of a CDM (m, m/s), states in km and km/s."""
    tca = found.epoch.plus(float(found.t[k]))
    printed = Utc(tca.jd, 0.0).plus(round(tca.seconds, 6))  # may be the midnight after
    why = _NOT_A_MINIMUM.get(str(found.kind[k]))
    heading = (
        f"time       {printed.iso()} UTC   {why}" if why else f"TCA        {printed.iso()} UTC"
    )
    lines = [
        heading,
        _row("distance" if why else "miss distance", [found.miss_km[k] * 1e3], "m", 4),
        _row("relative speed", [found.relative_speed_km_s[k] * 1e3], "m/s", 6),
    ]
    for i in (0, 1):
        name = f"object {i + 1}"
        relative = (found.relative_r[i][k] * 1e3).tolist()
        speed = (found.relative_v[i][k] * 1e3).tolist()
        lines += [
            _row(f"{name} relative R T N", relative, "m", 4),
            _row(f"{name} relative speed R T N", speed, "m/s", 6),
            _row(f"{name} position", found.r[i][k].tolist(), "km", 9),
            _row(f"{name} velocity", found.v[i][k].tolist(), "km/s", 12),
        ]
    return lines
