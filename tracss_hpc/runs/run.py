"""One screening run, from configuration to results.h5: the stage chain.

    read_input -> find_ends -> screen + assess -> collect -> audit -> merge -> export
     rank 0        all ranks    units to shards    all        all      all      rank 0

Fed by config; feeds export and report. Results do not depend on how many ranks share the work, nor
in how many sessions: units come from the configuration, each ends as a shard in the checkpoint,
and the file is merged from the shards alone.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tracss_hpc import __version__
from tracss_hpc.config import Config, config_hash, resolve, to_toml
from tracss_hpc.ephemeris.covariance import covariance_table, read_covariance_table
from tracss_hpc.errors import Interrupted, TracssError
from tracss_hpc.export.chunks import compression_filters
from tracss_hpc.export.hdf5 import Results, read_results, write_results
from tracss_hpc.kernels import SIMD_LEVEL
from tracss_hpc.parallel.comm import Comm, all_values, on_root, rank_size
from tracss_hpc.parallel.launch import library_report
from tracss_hpc.parallel.partition import WorkUnit
from tracss_hpc.parallel.schedule import imbalance, longest_first, static_costs
from tracss_hpc.provenance import (
    RunLedger,
    correlation_id,
    environment,
    former_warnings,
    package_versions,
    peak_memory_mb,
)
from tracss_hpc.runs.checkpoint import (
    Checkpoint,
    Identity,
    list_shards,
    missing_units,
    open_checkpoint,
    refuse_changes,
    remove_checkpoint,
    require_visible,
)
from tracss_hpc.runs.columns import colocated_columns, object_columns, rejected_columns
from tracss_hpc.runs.export import export_products
from tracss_hpc.runs.folder import FolderState, KeptWarnings, clear_products, open_folder
from tracss_hpc.runs.gather import collect_units, read_events, stream_conjunctions, trim_shards
from tracss_hpc.runs.interrupt import StopRequest, watch_for_stop
from tracss_hpc.runs.merging import merge_minima
from tracss_hpc.runs.problem import RunInput, build_problem, read_input, window_s
from tracss_hpc.runs.progress import Progress, ProgressFile, State, Style
from tracss_hpc.runs.self_audit import audit_groups, closing_group
from tracss_hpc.runs.summary import summarise
from tracss_hpc.runs.units import find_all_ends, join_jumps, run_units, screen_units, shorten
from tracss_hpc.screening.special_pairs import find_colocated
from tracss_hpc.screening.time_slice import ScreeningProblem

__all__ = ["run_screening", "screen"]

_log = logging.getLogger("tracss_hpc")
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
    with watch_for_stop() as stop:
        run_screening(resolved, comm=None, force=force, stop=stop)
    return Path(resolved.run.output) / "results.h5"


def run_screening(
    config: Config,
    *,
    comm: Comm | None = None,
    force: bool = False,
    resume: bool = False,
    stop: StopRequest | None = None,
    progress: Style = "auto",
) -> str:
    """Run one screening on all ranks of `comm`; return the summary text.

    Parameters
    ----------
    config : Config
    comm : communicator, optional
        None: serial.
    force : bool
        Replace what an earlier run left in the same directory.
    resume : bool
        Go on with the unfinished run in the directory; a new or empty one begins, and a complete
        one stays as it is.
    stop : StopRequest, optional
        Asked between work units whether to end with a checkpoint; see `watch_for_stop`.
    progress : {"auto", "bar", "lines", "none"}
        How to show it.

    Raises
    ------
    Interrupted
        When `stop` said so: the checkpoint in the directory is valid.
    """
    folder = Path(config.run.output)
    ledger = RunLedger(to_toml(config))
    handlers: list[logging.Handler] = []

    def open_on_root() -> FolderState:
        state, log = open_folder(folder, force=force, resume=resume)
        handlers.extend([log, KeptWarnings(ledger.warnings)])
        _log.addHandler(handlers[1])
        return state

    state = on_root(comm, open_on_root)
    hosts = all_values(comm, platform.node())
    report = library_report() if comm is not None else None
    ledger.environment = environment(ranks=len(hosts), hosts=hosts, mpi=report, simd=SIMD_LEVEL)
    watched = None
    if handlers and state != "complete":
        watched = ProgressFile(folder, ranks=len(hosts), hosts=len(set(hosts)))
    end: State | None = None
    try:
        stop = stop or StopRequest()
        return _run_stages(config, comm, state, ledger, stop, watched, progress)
    except TracssError as error:
        end = "stopped" if isinstance(error, Interrupted) else "failed"
        if handlers:  # the command line prints it; the log must tell it too
            level = logging.WARNING if end == "stopped" else logging.ERROR
            for handler in handlers:
                handler.handle(_log.makeRecord("tracss_hpc", level, "", 0, str(error), (), None))
        raise
    except BaseException as error:
        end = "stopped" if isinstance(error, KeyboardInterrupt) else "failed"
        raise
    finally:
        if watched is not None and end is not None:
            watched.write(end)
        # A refused --resume leaves the ledger of the run it was refused to go on with.
        if watched is not None and end is not None and (state == "new" or ledger.sessions):
            try:
                ledger.write(folder)
            except OSError as error:  # what ended the run must be told, not this
                _log.warning("provenance.json cannot be written: %s", error)
        for handler in handlers:
            _log.removeHandler(handler)
            handler.close()


def _run_stages(
    config: Config,
    comm: Comm | None,
    state: FolderState,
    ledger: RunLedger,
    stop: StopRequest,
    watched: ProgressFile | None,
    style: Style,
) -> str:
    rank, size = rank_size(comm)
    folder = Path(config.run.output)
    compression_filters(config.export.compression)  # hours later would be late to miss a package
    sigma = (
        read_covariance_table(config.assess.covariance_table, solar=config.assess.solar)
        if config.assess.covariance_table
        else covariance_table(solar=config.assess.solar)
    )
    if watched is not None:
        watched.write("reading")
    ledger.add_startup()
    with ledger.stage("read") as stage:
        run_input = on_root(comm, lambda: read_input(config))
        stage.counts = {"objects": len(run_input.active), "rejected": len(run_input.rejected)}
        ledger.inputs = run_input.inputs
        ledger.correlation_id = correlation_id(
            [str(item["sha256"]) for item in run_input.inputs if item["role"] == "gp"]
        )
    if rank == 0:
        _log_input(run_input, stage.wall_s)
    with ledger.stage("trajectories") as stage:
        problem = build_problem(run_input)
        units = run_units(config, run_input, problem)
        identity = _identity(config, run_input, units)
        if state == "complete":
            return on_root(comm, lambda: _already_complete(folder, identity))
        session = {
            "run_id": ledger.run_id, "created": ledger.created, "ranks": size,
            "hosts": ledger.environment["hosts"],
            "slurm_job_id": os.environ.get("SLURM_JOB_ID", ""),
        }  # fmt: skip
        checkpoint, manifest = on_root(
            comm,
            lambda: open_checkpoint(folder, identity, units, session, resume=state == "unfinished"),
        )
        ledger.run_id, ledger.sessions = manifest["run_id"], manifest["sessions"]
        if rank == 0 and state == "unfinished":
            ledger.warnings[:0] = former_warnings(folder)
        require_visible(comm, checkpoint)
        problem, status, status_time = find_all_ends(comm, run_input, problem)
        stage.counts = {"ended": int(np.isfinite(status_time).sum())}
    _log.info(
        "trajectories: %d initialised, %d end inside the window (%.1f s)",
        len(problem.trajectories), stage.counts["ended"], stage.wall_s,
    )  # fmt: skip

    with ledger.stage("screen") as stage:
        missing = missing_units(comm, checkpoint)
        if len(missing) < len(units):
            _log.info("resumed: %d of %d units are done", len(units) - len(missing), len(units))
        missing = longest_first(missing, static_costs(missing, problem.end_s))
        with _watch_units(watched, checkpoint, missing, problem, style):
            began = time.perf_counter()
            seconds = screen_units(
                config, comm, run_input, problem, checkpoint, missing, sigma, stop.before_unit,
                len(manifest["sessions"]) - 1,
            )  # fmt: skip
            busy, shards = zip(*all_values(comm, seconds), strict=True)
            load = imbalance(busy, time.perf_counter() - began)
        _stop_if_asked(comm, stop, checkpoint)
    _log.info(
        "screening: %d units on %d ranks, idle %.0f %%, busiest %.2f of the mean (%.1f s)",
        len(missing), size, 100.0 * load.idle_share, load.max_over_mean, stage.wall_s,
    )  # fmt: skip
    if watched is not None:
        watched.write("merging", units_done=len(units), fraction=1.0)
    with ledger.stage("collect") as collect:
        gathered = collect_units(comm, checkpoint, len(problem.trajectories))
        problem, status, status_time = shorten(
            run_input, problem, gathered.early, status, status_time
        )
        lengths = gathered.lengths
        if len(gathered.early):
            end_s = np.full(len(run_input.catalog), np.inf)
            end_s[run_input.active] = problem.end_s
            lengths = trim_shards(comm, checkpoint, lengths, end_s)
        stage.counts = {
            "units": len(units), "resumed_units": len(units) - len(missing),
            "conjunctions": sum(lengths), "busy_s_of_ranks": sum(busy),
            "shard_s_of_ranks": sum(shards),
            "idle_share": load.idle_share, "busiest_over_mean": load.max_over_mean,
        }  # fmt: skip
    _log.info("%d conjunctions in %d shards (%.1f s)", sum(lengths), len(units), collect.wall_s)
    with ledger.stage("audit") as stage:
        audit, audit_attributes = audit_groups(
            comm, problem, run_input.regime[run_input.active], run_input.active,
            run_input.catalog.designator,
            lambda start_s, stop_s: read_events(run_input, checkpoint, start_s, stop_s),
            window_s(problem), seed=config.run.seed,
            min_conjunctions=config.audit.min_conjunctions,
            max_pair_steps=config.audit.max_pair_steps,
        )  # fmt: skip
        closing = closing_group(comm, run_input, problem)
        stage.counts = {k: float(v) for k, v in audit_attributes.items() if not isinstance(v, str)}
        _stop_if_asked(comm, stop, checkpoint)
    _log.info("self-audit: %s (%.1f s)", audit_attributes["statement"], stage.wall_s)

    path = folder / "results.h5"
    with ledger.stage("merge") as stage:
        merged = (
            merge_minima(comm, run_input, checkpoint, lengths)
            if config.screening.merge == "orbit"
            else None
        )
        stream = stream_conjunctions(
            comm, checkpoint, lengths, config.export.compression,
            None if merged is None else merged.rows,
        )  # fmt: skip
        if rank == 0:
            groups: dict[str, Any] = {
                "objects": object_columns(run_input, status, status_time),
                "rejected": rejected_columns(run_input.rejected),
                "colocated": colocated_columns(
                    run_input, find_colocated(run_input.catalog.take(run_input.active))
                ),
                **audit,
                "audit/closing_at_end": closing,
                "audit/discontinuities": join_jumps(run_input, gathered.jumps),
                "stages": gathered.stages,
                "ephemeris": {"error": gathered.error_km * 1e3},
            }
            group_attributes = {"audit": audit_attributes}
            if merged is not None:
                groups["merged"], group_attributes["merged"] = merged.pairs, merged.attributes
                stage.counts = {"merged": len(merged.rows)}
                _log.info("merged: %s", merged.attributes["statement"])
            attributes = _attributes(config, run_input, ledger, window_s(problem))
            clear_products(folder)
            write_results(
                path, Results(attributes, groups, group_attributes),
                compression=config.export.compression, streams={"conjunctions": stream},
            )  # fmt: skip
        else:
            for _ in stream.chunks:  # this rank's share is encoded and sent
                pass
    cpu_s = [stage.cpu_s for stage in ledger.stages]
    ledger.add_ranks(all_values(comm, cpu_s), all_values(comm, peak_memory_mb()))
    if rank == 0:
        _log.info("wrote %s (%.1f MB, %.1f s)", path, path.stat().st_size / 1e6, stage.wall_s)
    # The others wait, so that a signal still finds them taking signals.
    return on_root(comm, lambda: _finish(path, config, ledger, watched))


def _finish(path: Path, config: Config, ledger: RunLedger, watched: ProgressFile | None) -> str:
    """Messages, pictures, summary; the checkpoint goes when all of it stands."""
    folder = path.parent
    try:
        with ledger.stage("export") as stage:
            export_products(folder, path, config)
        _log.info("messages and pictures (%.1f s)", stage.wall_s)
        summary = summarise(path, [asdict(s) for s in ledger.stages])
        ledger.write(folder)
    except OSError as error:
        raise TracssError(
            f"{path} stands, but messages, pictures or summary cannot be written: {error}; make "
            "room or mend the directory, then run again with --resume"
        ) from None
    if watched is not None:
        watched.write("done")
    remove_checkpoint(folder)
    return summary


def _identity(config: Config, run_input: RunInput, units: Sequence[WorkUnit]) -> Identity:
    versions = package_versions()
    return Identity(
        to_toml(config),
        run_input.inputs,
        {name: versions[name] for name in ("tracss_hpc", "numpy", "sgp4", "pyerfa")},
        [[unit.group, unit.start_s, unit.stop_s] for unit in units],
    )


def _already_complete(folder: Path, identity: Identity) -> str:
    """The summary of the run that stands in the directory, if it is the one asked for."""
    attributes = read_results(folder / "results.h5", columns=()).attributes
    versions = json.loads(str(attributes["environment"]))["versions"]
    stored = {
        "config": str(attributes["config"]),
        "inputs": json.loads(str(attributes["inputs"])),
        "versions": {name: versions.get(name) for name in identity.versions},
    }
    refuse_changes(stored, identity, folder)
    _log.info("the run in %s is complete; nothing to do", folder)
    summary = folder / "summary.txt"
    return summary.read_text(encoding="utf-8").rstrip() if summary.exists() else ""


def _watch_units(
    watched: ProgressFile | None,
    checkpoint: Checkpoint,
    missing: Sequence[WorkUnit],
    problem: ScreeningProblem,
    style: Style,
) -> AbstractContextManager[object]:
    """Progress on rank 0, nothing elsewhere."""
    if watched is None:
        return nullcontext()
    costs = static_costs(missing, problem.end_s)
    return Progress(
        watched,
        total=len(checkpoint.units),
        costs={unit.number: float(c) for unit, c in zip(missing, costs, strict=True)},
        finished=lambda: list_shards(checkpoint),
        style=style,
    )


def _stop_if_asked(comm: Comm | None, stop: StopRequest, checkpoint: Checkpoint) -> None:
    """End the run on every rank when any of them was asked to; its shards stand."""
    reasons = [reason for reason in all_values(comm, stop.reason) if reason]
    if reasons:
        done, total = on_root(comm, lambda: len(list_shards(checkpoint))), len(checkpoint.units)
        raise Interrupted(
            f"stopped by {reasons[0]} with {done} of {total} units done; go on with --resume"
        )


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
    names = [Path(str(item["path"])).name for item in run_input.inputs if item["role"] == "gp"]
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more files"


def _log_input(run_input: RunInput, seconds: float) -> None:
    for item in run_input.inputs:
        if item["role"] == "gp":
            _log.info(
                "read %s: %s records, %s rejected",
                item["path"], item["records_read"], item["records_rejected"],
            )  # fmt: skip
        else:
            _log.info("read %s (%s)", item["path"], item["role"])
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
