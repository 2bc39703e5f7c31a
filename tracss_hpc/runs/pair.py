"""The command `pair`: the close approaches of two ephemeris files, as text.

Fed by files of OCM, OEM or ITC; feeds the terminal.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.assess.encounter import ENCOUNTER_STATUS, Encounters, find_encounters
from tracss_hpc.assess.probability import foster_1992
from tracss_hpc.ephemeris.tabulated import Trajectory
from tracss_hpc.errors import EphemerisRangeError, InputDataError, UsageError
from tracss_hpc.messages.source import find_files
from tracss_hpc.messages.trajectory_files import ReadOptions
from tracss_hpc.messages.utc import Utc
from tracss_hpc.runs.element_sets import catalog_numbers
from tracss_hpc.screening.refine import PROMINENCE_KM
from tracss_hpc.screening.tabulated_pair import PairApproaches, find_pair_approaches

__all__ = ["pair_report"]

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
    pair = [Trajectory.from_file(_one_file(path), **options) for path in (first, second)]
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


def _one_file(word: str | Path) -> Path:
    files = find_files([word])
    if len(files) > 1:
        raise UsageError(f"pair: {word} names {len(files)} files; give one for each object")
    return files[0]


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
