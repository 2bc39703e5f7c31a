"""One screening run, from configuration to results.h5: the stage chain.

    read_input -> find_ends -> screen + assess (units, any rank) -> gather -> audit -> write
     rank 0        all ranks    work queue                          rank 0    all     rank 0

Fed by config; feeds export and report. Results do not depend on how many ranks share the work:
units come from the configuration, and rows are sorted by content.
"""

from __future__ import annotations

import logging
import resource
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracss_hpc import __version__
from tracss_hpc.config import Config, config_hash, resolve, to_toml
from tracss_hpc.ephemeris.covariance import covariance_table, read_covariance_table
from tracss_hpc.ephemeris.gp import find_ends
from tracss_hpc.errors import ConfigError, TracssError, UsageError
from tracss_hpc.export.hdf5 import Results, read_results, write_results
from tracss_hpc.kernels import SIMD_LEVEL
from tracss_hpc.parallel.comm import (
    Comm,
    broadcast,
    gather_arrays,
    host_count,
    library_report,
    rank_size,
    work_queue,
)
from tracss_hpc.parallel.partition import WorkUnit, make_units
from tracss_hpc.provenance import RunLedger, correlation_id, environment
from tracss_hpc.runs.columns import (
    closing_columns,
    colocated_columns,
    conjunction_columns,
    object_columns,
    rejected_columns,
    sort_conjunctions,
)
from tracss_hpc.runs.export import export_products
from tracss_hpc.runs.problem import RunInput, build_problem, read_input, set_ends, window_s
from tracss_hpc.runs.self_audit import audit_groups
from tracss_hpc.runs.summary import summarise
from tracss_hpc.screen.screening import Conjunctions, ScreeningProblem, screen_slice
from tracss_hpc.screen.special_pairs import find_closing_at_end, find_colocated

__all__ = ["run_screening", "screen"]

_log = logging.getLogger("tracss_hpc")
Columns = dict[str, NDArray[Any]]
_LISTED = 20  # rejected records told one by one in the log; all stand in the results file
_LOG_EVERY_S = 5.0  # at most one line of progress in this time, beside the first and the last


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
        _prepare_folder(folder, force)
        handler = _log_to_file(folder / "run.log")
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
    _log_input(run_input, stage.wall_s)
    with ledger.stage("trajectories") as stage:
        problem = build_problem(run_input)
        problem, status, status_time = _find_all_ends(comm, run_input, problem)
        stage.counts = {"ended": int(np.isfinite(problem.end_s).sum())}
    _log.info(
        "trajectories: %d initialised, %d end inside the window (%.1f s)",
        len(problem.trajectories), stage.counts["ended"], stage.wall_s,
    )  # fmt: skip

    with ledger.stage("screen") as stage:
        parts, unit_rows, error_km, jumps = _screen_units(config, comm, run_input, problem, sigma)
        gathered = gather_arrays(comm, parts)
        units = gather_arrays(comm, unit_rows)
        errors = gather_arrays(comm, {"error_km": error_km})
        jump_parts = gather_arrays(comm, jumps)
    conjunctions: Columns = {}
    stages: Columns = {}
    if rank == 0:
        conjunctions = sort_conjunctions(gathered)
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
            "audit/discontinuities": _join_jumps(run_input, jump_parts),
            "stages": stages,
            "ephemeris": {"error": _largest(errors, "error_km") * 1e3},
        }
        attributes = _attributes(config, run_input, ledger, window_s(problem))
        results = Results(attributes, groups, {"audit": audit_attributes})
        path = folder / "results.h5"
        _clear_products(folder)
        write_results(path, results, compression=config.export.compression)
    _log.info("wrote %s (%.1f MB, %.1f s)", path, path.stat().st_size / 1e6, stage.wall_s)
    results = read_results(path)
    with ledger.stage("export") as stage:
        export_products(folder, results, config)
    _log.info("messages and pictures (%.1f s)", stage.wall_s)
    return summarise(results, [asdict(s) for s in ledger.stages], folder)


def _find_all_ends(
    comm: Comm | None, run_input: RunInput, problem: ScreeningProblem
) -> tuple[ScreeningProblem, NDArray[np.str_], NDArray[np.float64]]:
    """Where each trajectory ends, every rank looking at its share of the objects."""
    rank, size = rank_size(comm)
    n = len(problem.trajectories)
    own = np.arange(rank, n, size)
    # A trajectory is followed as long as any span lasts: as a secondary it is met until then.
    window = window_s(problem)
    end, code = find_ends(problem.trajectories, window + 60.0, own)  # units look past the window
    parts = gather_arrays(comm, {"row": own, "end": end, "code": code})
    all_end, all_code = np.empty(n), np.empty(n, dtype=np.uint8)
    for part in parts:
        all_end[part["row"]], all_code[part["row"]] = part["end"], part["code"]
    all_end, all_code = broadcast(comm, (all_end, all_code))
    return set_ends(run_input, problem, all_end, all_code, window)


def _screen_units(
    config: Config,
    comm: Comm | None,
    run_input: RunInput,
    problem: ScreeningProblem,
    sigma: Any,
) -> tuple[Columns, Columns, NDArray[np.float64], Columns]:
    """Screen this rank's share of the units; columns of rows, of units, node errors, jumps."""
    leo = np.char.startswith(run_input.regime[run_input.active], "LEO")
    units = make_units(
        problem.span_s[problem.primary], leo[problem.primary], config.screening.slice_hours * 3600.0
    )
    rank, _ = rank_size(comm)
    began = time.perf_counter()
    told = -np.inf
    rows: list[Columns] = [conjunction_columns(run_input, _no_conjunctions(), sigma)]
    table: list[dict[str, Any]] = []
    error_km = np.zeros(len(problem.trajectories))
    jumps: Columns = {"row": np.empty(0, np.int64), "time": np.empty(0), "size": np.empty(0)}
    for number in work_queue(comm, len(units)):
        unit = units[number]
        result = screen_slice(
            problem, unit.start_s, unit.stop_s, step_s=config.screening.step_s,
            segment_s=config.screening.segment_s, disable=config.screening.disable,
            engine=config.screening.engine,
        )  # fmt: skip
        mark = time.process_time()
        rows.append(conjunction_columns(run_input, result.conjunctions, sigma))
        cpu = {**result.cpu_s, "assess": time.process_time() - mark}
        table.append(_unit_row(unit, rank, result.counts, cpu))
        np.maximum(error_km, result.error_km, out=error_km)
        inside = (result.jumps.t >= unit.start_s) & (result.jumps.t < unit.stop_s)
        jumps["row"] = np.append(jumps["row"], result.jumps.objects[inside])
        jumps["time"] = np.append(jumps["time"], result.jumps.t[inside])
        jumps["size"] = np.append(jumps["size"], result.jumps.size_km[inside] * 1e3)
        for row in run_input.active[result.early]:
            _log.warning(
                "object %d: SGP4 error inside unit %d; screened up to it, taken up again after",
                run_input.catalog.designator[row], number + 1,
            )  # fmt: skip
        now = time.perf_counter()
        left = len(units) - number - 1
        if now - told >= _LOG_EVERY_S or left == 0:
            told = now
            _log.info(
                "unit %d of %d (%s, hour %.1f to %.1f): %d conjunctions, %.1f CPU-s%s",
                number + 1, len(units), unit.group, unit.start_s / 3600, unit.stop_s / 3600,
                result.counts["conjunctions"], sum(cpu.values()),
                f"; about {(now - began) / (number + 1) * left:.0f} s to go" if left else "",
            )  # fmt: skip
    joined = {k: np.concatenate([r[k] for r in rows]) for k in rows[0]}
    names = _unit_row(WorkUnit(0, "", 0.0, 0.0), 0, _NO_COUNTS, _NO_CPU)
    columns = {
        k: np.array([t[k] for t in table], dtype="<U16" if isinstance(v, str) else type(v))
        for k, v in names.items()
    }
    return joined, columns, error_km, jumps


_NO_COUNTS = dict.fromkeys(
    ("objects", "pairs_tested", "candidates", "after_chord", "after_range_rate", "minima",
     "refined", "conjunctions"), 0,
)  # fmt: skip
_NO_CPU = dict.fromkeys(("propagate", "search", "refine", "assess"), 0.0)


def _unit_row(
    unit: WorkUnit, rank: int, counts: Mapping[str, int], cpu_s: Mapping[str, float]
) -> dict[str, Any]:
    return {
        "unit": unit.number,
        "group": unit.group,
        "start_hours": unit.start_s / 3600.0,
        "stop_hours": unit.stop_s / 3600.0,
        "rank": rank,
        **{name: int(counts[name]) for name in _NO_COUNTS},
        **{f"{name}_cpu_s": float(cpu_s.get(name, 0.0)) for name in _NO_CPU},
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0,
    }


def _no_conjunctions() -> Conjunctions:
    rows, flags = np.empty(0, np.int64), np.empty(0, np.bool_)
    return Conjunctions(
        rows, rows, rows, np.empty((0, 6)), np.empty((0, 6)), flags, flags, flags, flags, flags
    )


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


def _join_jumps(run_input: RunInput, parts: list[Columns]) -> Columns:
    """Group `audit/discontinuities`, by object and time, each jump once."""
    joined = {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}
    rows = run_input.active[joined["row"]]
    order = np.lexsort((joined["time"], rows))
    return {
        "object": rows[order].astype(np.int64),
        "object_designator": run_input.catalog.designator[rows[order]],
        "time": joined["time"][order],
        "size": np.rint(joined["size"][order] * 1e3) / 1e3,  # mm: what the 1 ms bracket supports
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


def _prepare_folder(folder: Path, force: bool) -> None:
    """Make the run directory; refuse one that holds results or foreign files, unless forced.

    What a former run left is replaced only when this one writes its own results.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigError(
            f"run.output = {str(folder)!r} is a file; give a directory",
            key="run.output", given=str(folder),
        )  # fmt: skip
    # A failed run leaves its log and ledger: that must not stop the corrected one.
    content = {p.name for p in folder.iterdir()} if folder.is_dir() else set()
    if content - {"run.log", "provenance.json"} and not force:
        raise UsageError(
            f"run directory {folder} is not empty; choose another run.output, or give --force "
            "to replace the run in it"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "run.log").unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(
            f"run.output = {str(folder)!r} cannot be made: {error.strerror}",
            key="run.output", given=str(folder),
        ) from None  # fmt: skip


def _clear_products(folder: Path) -> None:
    """Remove the products of a former run, which the new results make stale."""
    (folder / "summary.txt").unlink(missing_ok=True)
    for name in ("cdm", "plots"):
        shutil.rmtree(folder / name, ignore_errors=True)


def _log_to_file(path: Path) -> logging.Handler:
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)
    return handler


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
