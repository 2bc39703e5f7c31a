"""From configuration and catalog to the screening problem: who is screened, how, and from when.

Fed by config and the catalog stage; feeds the stage chain in run.py. Everything here is the same on
every rank: the catalog is read on rank 0 and handed round as columns.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import erfa
import numpy as np
from numpy.typing import NDArray

from tracss_hpc.catalog import population
from tracss_hpc.catalog.catalog import (
    Catalog,
    Rejected,
    after_start,
    automatic_start,
    read_catalog,
    select_element_sets,
)
from tracss_hpc.catalog.hbr import assign_hbr, read_hbr_table
from tracss_hpc.catalog.primaries import payloads, select_primaries
from tracss_hpc.catalog.regimes import assign_regimes
from tracss_hpc.catalog.satcat import apply_satcat, read_satcat
from tracss_hpc.catalog.volumes import Volumes, handbook_volumes, uniform_volume
from tracss_hpc.config import Config
from tracss_hpc.constants import DAY_S
from tracss_hpc.ephemeris.gp import DIVERGED, make_trajectories
from tracss_hpc.epochs import Epoch, parse_epoch
from tracss_hpc.errors import ConfigError, InputDataError
from tracss_hpc.screening.time_slice import ScreeningProblem

__all__ = ["RunInput", "build_problem", "file_sha256", "read_input", "set_ends", "window_s"]


@dataclass(frozen=True)
class RunInput:
    """What a run works on; columns of shape (n,) over all element sets read.

    `status` starts as ok, stale or duplicate; `active` are the rows that are screened, in which
    the problem counts. `notes` are sentences for the log.
    """

    catalog: Catalog
    rejected: Rejected
    inputs: list[dict[str, object]]
    start: Epoch
    regime: NDArray[np.str_]
    volumes: Volumes
    primary: NDArray[np.bool_]
    status: NDArray[np.str_]
    catalog_name: NDArray[np.str_]
    screening_data_source: NDArray[np.str_]
    notes: list[str]

    @property
    def active(self) -> NDArray[np.int64]:
        """Rows with status ok before any trajectory is looked at."""
        return np.flatnonzero(self.status == "ok")


def read_input(config: Config) -> RunInput:
    """Read the catalog a configuration names and decide regime, volume, span and role of each row.

    Raises
    ------
    ConfigError, UsageError
        If a key names nothing (a file, an object) or nothing is left to screen.
    InputDataError
        If a file is unusable, or holds a bad record and ``catalog.strict`` is set.
    """
    notes: list[str] = []
    synthetic = config.catalog.gp == "reference"
    if synthetic:
        catalog = population.reference_population(
            config.catalog.population.objects, seed=config.run.seed
        )
        rejected = Rejected(*(np.array([], dtype=d) for d in ("U1", np.int64, "U1", "U1")))
        inputs: list[dict[str, object]] = [
            {
                "path": "reference population",
                "role": "gp",
                "sha256": _sha256(catalog),
                "bytes": 0,
                "records_read": len(catalog),
                "records_rejected": 0,
            }
        ]
    else:
        gp = config.catalog.gp
        read = read_catalog([gp] if isinstance(gp, str) else gp, strict=config.catalog.strict)
        catalog, rejected = read.catalog, read.rejected
        inputs = [{"role": "gp", **item} for item in read.inputs]
    records: dict[str, int] = {}
    if config.catalog.satcat:
        satcat = read_satcat(config.catalog.satcat)
        catalog, records["satcat"] = apply_satcat(catalog, satcat), len(satcat.designator)
    table = read_hbr_table(config.catalog.hbr_table) if config.catalog.hbr_table else None
    catalog = assign_hbr(catalog, table)
    if table is not None:
        records["hbr_table"] = len(table.designator)

    start = _start(config, catalog)
    status = select_element_sets(catalog, start, config.catalog.max_age_days).astype("<U16")
    future = int(((status == "ok") & after_start(catalog, start)).sum())
    if future:
        notes.append(
            f"{future} objects have no element set from before run start; the next is used"
        )
    for word in ("duplicate", "stale"):
        count = int((status == word).sum())
        if count:
            notes.append(f"{count} element sets left out as {word}")
    if not (status == "ok").any():
        raise InputDataError(
            f"none of the {len(catalog)} element sets lies within "
            f"{config.catalog.max_age_days:g} days of run start {start.iso(0)}; "
            "set run.start, or raise catalog.max_age_days"
        )
    regime = assign_regimes(catalog.mean_motion, catalog.eccentricity)
    volumes = _volumes(config, regime)
    notes += _leap_seconds(start, float(volumes.span_days.max()))
    return RunInput(
        catalog, rejected, inputs + _tables(config, records), start, regime, volumes,
        _primaries(config, catalog, status), status, *_sources(config, catalog), notes,
    )  # fmt: skip


def file_sha256(path: Path) -> str:
    """SHA-256 of a file as it lies on disk."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def build_problem(run_input: RunInput) -> ScreeningProblem:
    """The screening problem of the active rows; no trajectory has an end yet."""
    rows = run_input.active
    catalog = run_input.catalog.take(rows)
    volumes = run_input.volumes
    taken = Volumes(
        volumes.shape, volumes.r_km[rows], volumes.t_km[rows], volumes.n_km[rows],
        volumes.span_days[rows],
    )  # fmt: skip
    # object1 of a mutual conjunction: a payload first, then the smaller designator.
    order = np.lexsort((catalog.designator, catalog.object_type != "PAYLOAD"))
    precedence = np.empty(len(rows), dtype=np.int64)
    precedence[order] = np.arange(len(rows))
    return ScreeningProblem(
        make_trajectories(catalog, run_input.start),
        taken,
        run_input.primary[rows],
        np.full(len(rows), np.inf),
        precedence,
    )


def set_ends(
    run_input: RunInput,
    problem: ScreeningProblem,
    end_s: NDArray[np.float64],
    code: NDArray[np.uint8],
    window_end_s: float,
) -> tuple[ScreeningProblem, NDArray[np.str_], NDArray[np.float64]]:
    """The problem with its trajectories' ends, and status and end time [s] of every catalog row."""
    status = run_input.status.copy()
    status_time = np.full(len(status), np.nan)
    words = {6: "decayed", DIVERGED: "sgp4_diverged"}
    for row, end, c in zip(run_input.active, end_s, code, strict=True):
        if end < window_end_s:
            status[row] = words.get(int(c), f"sgp4_error_{int(c)}")
            status_time[row] = end
    ended = ScreeningProblem(
        problem.trajectories, problem.volumes, problem.primary, end_s, problem.precedence
    )
    return ended, status, status_time


def _tables(config: Config, records: dict[str, int]) -> list[dict[str, object]]:
    """The other files that decide on the result, as `inputs` of the ledger; `records` by role."""
    named = {
        "satcat": config.catalog.satcat,
        "hbr_table": config.catalog.hbr_table,
        "covariance_table": config.assess.covariance_table,
    }
    files = [(role, Path(path)) for role, path in named.items() if path]
    primaries = config.catalog.primaries
    words = [] if isinstance(primaries, str) else [os.path.expanduser(str(p)) for p in primaries]
    files += [("primaries", Path(word)) for word in words if Path(word).is_file()]
    return [
        {
            "path": str(path),
            "role": role,
            "sha256": file_sha256(path),
            "bytes": path.stat().st_size,
            **({"records_read": records[role]} if role in records else {}),
        }
        for role, path in files
    ]


def _sources(config: Config, catalog: Catalog) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
    """CATALOG_NAME and SCREENING_DATA_SOURCE of each row.

    A synthetic object is told by its name and number, also when it comes from a file: no message
    about it may look like one about a real satellite.
    """
    synthetic = (catalog.designator >= population.FIRST_DESIGNATOR) & np.char.startswith(
        catalog.name, population.NAME_PREFIX
    )
    name = np.where(synthetic, population.CATALOG_NAME, config.catalog.name)
    source = np.where(synthetic, population.SCREENING_DATA_SOURCE, "GP element set (SGP4)")
    return name, source


def _leap_seconds(start: Epoch, days: float) -> list[str]:
    """A sentence for each leap second inside the window: the time scale has 86,400 s days."""
    table = erfa.leap_seconds.get()
    notes = []
    for row in table:
        at = parse_epoch(f"{row['year']:04d}-{row['month']:02d}-01")
        if 0.0 <= at.minus(start) < days * DAY_S and row["year"] >= 1972:
            notes.append(f"the leap second before {at.iso(0)} lies in the window and is ignored")
    return notes


def _sha256(catalog: Catalog) -> str:
    """Digest of a catalog's elements, for input that is not a file."""
    digest = hashlib.sha256()
    for name in ("designator", "epoch_jd", "epoch_fr", "mean_motion", "eccentricity",
                 "inclination", "raan", "arg_perigee", "mean_anomaly", "bstar"):  # fmt: skip
        digest.update(np.ascontiguousarray(getattr(catalog, name)).tobytes())
    return digest.hexdigest()


def _start(config: Config, catalog: Catalog) -> Epoch:
    if config.run.start == "auto":
        return automatic_start(catalog)
    try:
        start = parse_epoch(config.run.start)
    except ValueError as error:
        raise ConfigError(
            f"run.start: {error}", key="run.start", given=config.run.start, allowed="auto or UTC"
        ) from None
    return start


def _volumes(config: Config, regime: NDArray[np.str_]) -> Volumes:
    days = config.run.days
    handbook = handbook_volumes(regime)
    span = handbook.span_days if days == "table" else np.full(len(regime), float(days))
    wanted = config.screening.volumes
    if isinstance(wanted, str):
        return Volumes(handbook.shape, handbook.r_km, handbook.t_km, handbook.n_km, span)
    return uniform_volume(len(regime), wanted.shape, wanted.r_km, wanted.t_km, wanted.n_km, span)


def _primaries(config: Config, catalog: Catalog, status: NDArray[np.str_]) -> NDArray[np.bool_]:
    chosen = config.catalog.primaries
    primary = select_primaries(catalog, chosen if isinstance(chosen, str) else list(chosen))
    if config.run.kind == "payload_vs_all":
        primary &= payloads(catalog, config.catalog.exclude_owners)
    if not (primary & (status == "ok")).any():
        raise ConfigError(
            f"no primary is left to screen: run.kind = {config.run.kind!r}, catalog.primaries = "
            f"{chosen!r} select no object with a usable element set; object types come from "
            "catalog.satcat, or from the names",
            key="catalog.primaries",
            given=chosen,
        )
    return np.asarray(primary & (status == "ok"))


def window_s(problem: ScreeningProblem) -> float:
    """End of the run window: the longest span of any trajectory [s since run start]."""
    return float(np.ceil(problem.volumes.span_days.max() * DAY_S))
