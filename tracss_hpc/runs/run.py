"""One screening run, from configuration to results.h5: the stage chain.

    read_input -> find_ends -> screen + assess (units, any rank) -> gather -> audit -> write
     rank 0        all ranks    work queue                          rank 0    all     rank 0

Fed by config; feeds export and report. Results do not depend on how many ranks share the work:
units come from the configuration, and rows are sorted by content.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracss_hpc import __version__
from tracss_hpc.config import Config, config_hash, resolve, to_toml
from tracss_hpc.ephemeris.covariance import covariance_table, read_covariance_table
from tracss_hpc.errors import TracssError
from tracss_hpc.export.hdf5 import Results, read_results, write_results
from tracss_hpc.kernels import SIMD_LEVEL
from tracss_hpc.parallel.comm import (
    Comm,
    broadcast,
    gather_arrays,
    host_count,
    library_report,
    rank_size,
)
from tracss_hpc.provenance import RunLedger, correlation_id, environment
from tracss_hpc.runs.columns import (
    closing_columns,
    colocated_columns,
    object_columns,
    rejected_columns,
    sort_conjunctions,
)
from tracss_hpc.runs.export import export_products
from tracss_hpc.runs.folder import clear_products, log_to_file, prepare_folder
from tracss_hpc.runs.problem import RunInput, build_problem, read_input, window_s
from tracss_hpc.runs.self_audit import audit_groups
from tracss_hpc.runs.summary import summarise
from tracss_hpc.runs.units import (
    before_the_end,
    find_all_ends,
    join_jumps,
    screen_units,
    shorten,
)
from tracss_hpc.screening.special_pairs import find_closing_at_end, find_colocated

__all__ = ["run_screening", "screen"]

_log = logging.getLogger("tracss_hpc")
Columns = dict[str, NDArray[Any]]
_LISTED = 20  # rejected records told one by one in the log; all stand in the results file


def screen(
    config: str | Path | None = None,
    overrides: Mapping[str, object] | None = None,
    *,
    force: bool = False,
) -> Path:
    """Run one screening from Python; the same as ``tracss-hpc run CONFIG key=value ...``.

    Parameters
    ----------
    config : str or Path, optional
        A configuration file; default: the defaults.
    overrides : mapping, optional
        ``{"section.key": value}``, which win over the file.
    force : bool
        Replace the results of an earlier run in the same directory.

    Returns
    -------
    Path
        The results.h5 written; see `open_results`.

    Examples
    --------
    >>> import tracss_hpc as th
    >>> path = th.screen(overrides={"catalog.gp": ["gp.csv"], "run.days": 1.0})  # doctest: +SKIP
    >>> th.open_results(path).miss_distance.min()  # doctest: +SKIP
    """
    resolved = resolve(config, overrides or {})
    run_screening(resolved, comm=None, force=force)
    return Path(resolved.run.output) / "results.h5"


def run_screening(config: Config, *, comm: Comm | None = None, force: bool = False) -> str:
    """Run one screening on all ranks of `comm`; return the summary text (blank beyond rank 0)."""
    rank, size = rank_size(comm)
    folder = Path(config.run.output)
    if rank == 0:
        prepare_folder(folder, force)
        handler = log_to_file(folder / "run.log")
    ledger = RunLedger(to_toml(config))
    ledger.environment = environment(
        ranks=size,
        hosts=host_count(comm),
        mpi=library_report().get("library", "") if comm is not None else "",
        simd=SIMD_LEVEL,
    )
    try:
        summary = _run_stages(config, comm, folder, ledger)
    except TracssError as error:
        if rank == 0:  # the command line prints it; the log must tell it too
            handler.handle(
                _log.makeRecord("tracss_hpc", logging.ERROR, "", 0, str(error), (), None)
            )
        raise
    finally:
        if rank == 0:
            ledger.write(folder)
            _log.removeHandler(handler)
            handler.close()
    return summary


def _run_stages(config: Config, comm: Comm | None, folder: Path, ledger: RunLedger) -> str:
    rank, size = rank_size(comm)
    sigma = (
        read_covariance_table(config.assess.covariance_table, solar=config.assess.solar)
        if config.assess.covariance_table
        else covariance_table(solar=config.assess.solar)
    )
    with ledger.stage("read") as stage:
        run_input = broadcast(comm, read_input(config) if rank == 0 else None)
        stage.counts = {"objects": len(run_input.active), "rejected": len(run_input.rejected)}
        ledger.inputs = run_input.inputs
        ledger.correlation_id = correlation_id([str(i["sha256"]) for i in run_input.inputs])
    if rank == 0:
        _log_input(run_input, stage.wall_s)
    with ledger.stage("trajectories") as stage:
        problem = build_problem(run_input)
        problem, status, status_time = find_all_ends(comm, run_input, problem)
        stage.counts = {"ended": int(np.isfinite(status_time).sum())}
    _log.info(
        "trajectories: %d initialised, %d end inside the window (%.1f s)",
        len(problem.trajectories), stage.counts["ended"], stage.wall_s,
    )  # fmt: skip

    with ledger.stage("screen") as stage:
        parts, unit_rows, error_km, jumps = screen_units(config, comm, run_input, problem, sigma)
        gathered = gather_arrays(comm, parts)
        units = gather_arrays(comm, unit_rows)
        errors = gather_arrays(comm, {"error_km": error_km})
        jump_parts = gather_arrays(comm, jumps)
        early = np.unique(np.concatenate([p["early"] for p in broadcast(comm, jump_parts)]))
        problem, status, status_time = shorten(run_input, problem, early, status, status_time)
    conjunctions: Columns = {}
    stages: Columns = {}
    if rank == 0:
        conjunctions = before_the_end(run_input, problem, sort_conjunctions(gathered))
        stages = {k: np.concatenate([u[k] for u in units]) for k in units[0]}
        order = np.argsort(stages["unit"], kind="stable")
        stages = {k: v[order] for k, v in stages.items()}
        stage.counts = {"conjunctions": len(conjunctions["tca"])}
        _log.info(
            "screening: %d conjunctions of %d pairs in %d units on %d ranks (%.1f s)",
            len(conjunctions["tca"]), _count_pairs(conjunctions), len(stages["unit"]), size,
            stage.wall_s,
        )  # fmt: skip
    with ledger.stage("audit") as stage:
        events = broadcast(comm, _events(run_input, conjunctions) if rank == 0 else None)
        audit, audit_attributes = audit_groups(
            comm, problem, run_input.regime[run_input.active], run_input.active,
            run_input.catalog.designator, events, window_s(problem), seed=config.run.seed,
            min_conjunctions=config.audit.min_conjunctions,
            max_pair_steps=config.audit.max_pair_steps,
        )  # fmt: skip
        stage.counts = {k: float(v) for k, v in audit_attributes.items() if not isinstance(v, str)}
    if rank > 0:
        return ""
    _log.info("self-audit: %s (%.1f s)", audit_attributes["statement"], stage.wall_s)

    with ledger.stage("write") as stage:
        groups: dict[str, Any] = {
            "objects": object_columns(run_input, status, status_time),
            "conjunctions": conjunctions,
            "rejected": rejected_columns(run_input.rejected),
            "colocated": colocated_columns(
                run_input, find_colocated(run_input.catalog.take(run_input.active))
            ),
            **audit,
            "audit/closing_at_end": closing_columns(run_input, find_closing_at_end(problem)),
            "audit/discontinuities": join_jumps(run_input, jump_parts),
            "stages": stages,
            "ephemeris": {"error": _largest(errors, "error_km") * 1e3},
        }
        attributes = _attributes(config, run_input, ledger, window_s(problem))
        results = Results(attributes, groups, {"audit": audit_attributes})
        path = folder / "results.h5"
        clear_products(folder)
        write_results(path, results, compression=config.export.compression)
    _log.info("wrote %s (%.1f MB, %.1f s)", path, path.stat().st_size / 1e6, stage.wall_s)
    results = read_results(path)
    with ledger.stage("export") as stage:
        export_products(folder, results, config)
    _log.info("messages and pictures (%.1f s)", stage.wall_s)
    return summarise(results, [asdict(s) for s in ledger.stages], folder)


def _events(run_input: RunInput, columns: Columns) -> dict[str, NDArray[Any]]:
    """What the audit needs of all conjunctions: problem rows, TCA [us], miss distance [km]."""
    back = np.full(len(run_input.catalog), -1, dtype=np.int64)
    back[run_input.active] = np.arange(len(run_input.active))
    return {
        "object1": back[columns["object1"]],
        "object2": back[columns["object2"]],
        "tca_us": np.rint(columns["tca"] * 1e6).astype(np.int64),
        "miss_km": columns["miss_distance"] * 1e-3,
        "at_discontinuity": columns["at_discontinuity"].astype(np.bool_),
    }


def _largest(parts: list[Columns], name: str) -> NDArray[np.float64]:
    return np.asarray(np.max([p[name] for p in parts], axis=0), dtype=np.float64)


def _count_pairs(columns: Columns) -> int:
    pairs = np.sort(np.stack([columns["object1"], columns["object2"]], axis=1), axis=1)
    return len(np.unique(pairs, axis=0))


def _attributes(
    config: Config, run_input: RunInput, ledger: RunLedger, window: float
) -> dict[str, Any]:
    return {
        "Conventions": "CF-1.11",
        "title": f"{config.run.kind} of {len(run_input.active):,} objects of {_source(run_input)}",
        "run_id": ledger.run_id,
        "correlation_id": ledger.correlation_id,
        "created": ledger.created,
        "tracss_hpc_version": __version__,
        "start_screen_period": run_input.start.iso(),
        "stop_screen_period": run_input.start.plus(window).iso(),
        "config": to_toml(config),
        "config_sha256": config_hash(config),
        "inputs": run_input.inputs,
        "environment": ledger.environment,
    }


def _source(run_input: RunInput) -> str:
    """The input in a few words: file names, or the built-in population."""
    names = [Path(str(item["path"])).name for item in run_input.inputs]
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more files"


def _log_input(run_input: RunInput, seconds: float) -> None:
    for item in run_input.inputs:
        _log.info(
            "read %s: %s records, %s rejected",
            item["path"], item["records_read"], item["records_rejected"],
        )  # fmt: skip
    rejected = run_input.rejected
    for k in range(min(len(rejected), _LISTED)):
        _log.warning(
            "rejected %s, record %d, object %s: %s",
            rejected.file[k], rejected.record[k], rejected.designator[k] or "?", rejected.reason[k],
        )  # fmt: skip
    if len(rejected) > _LISTED:
        _log.warning("%d more rejected: see group rejected", len(rejected) - _LISTED)
    for note in run_input.notes:
        _log.info("%s", note)
    _log.info(
        "catalog: %d objects from %s on (%.1f s)",
        len(run_input.active), run_input.start.iso(0), seconds,
    )  # fmt: skip
