"""The screening stage of a run on all ranks: trajectories' ends, work units, and their joining.

Fed by the problem; feeds run.py with the columns that each rank found. Units come from
parallel.partition, the science from screening.time_slice and assess.
"""

from __future__ import annotations

import logging
import resource
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.config import Config
from tracss_hpc.ephemeris.covariance import CovarianceTable
from tracss_hpc.ephemeris.gp import find_end, find_ends
from tracss_hpc.parallel.comm import Comm, broadcast, gather_arrays, rank_size, work_queue
from tracss_hpc.parallel.partition import WorkUnit, make_units
from tracss_hpc.runs.columns import conjunction_columns
from tracss_hpc.runs.problem import RunInput, set_ends, window_s
from tracss_hpc.screening.time_slice import Conjunctions, ScreeningProblem, screen_slice

__all__ = ["before_the_end", "find_all_ends", "join_jumps", "screen_units", "shorten"]

_log = logging.getLogger("tracss_hpc")
Columns = dict[str, NDArray[Any]]
_LOG_EVERY_S = 5.0  # at most one line of progress in this time, beside the first and the last

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


def find_all_ends(
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


def screen_units(
    config: Config,
    comm: Comm | None,
    run_input: RunInput,
    problem: ScreeningProblem,
    sigma: CovarianceTable,
) -> tuple[Columns, Columns, NDArray[np.float64], Columns]:
    """Screen this rank's share of the units; columns of rows, of units, node errors, jumps."""
    leo = np.char.startswith(run_input.regime[run_input.active], "LEO")
    units = make_units(
        problem.span_s[problem.primary], leo[problem.primary], config.screening.slice_hours * 3600.0
    )
    rank, _ = rank_size(comm)
    began = time.perf_counter()
    told = -np.inf
    early: set[int] = set()
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
        early |= set(result.early.tolist())
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
    return joined, columns, error_km, {**jumps, "early": np.array(sorted(early), dtype=np.int64)}


def shorten(
    run_input: RunInput,
    problem: ScreeningProblem,
    early: NDArray[np.int64],
    status: NDArray[np.str_],
    status_time: NDArray[np.float64],
) -> tuple[ScreeningProblem, NDArray[np.str_], NDArray[np.float64]]:
    """End the trajectories that met an SGP4 error nobody had seen coming at their first bad second.

    The object was screened in other slices as if it went on: `before_the_end` drops those rows,
    so that the result is the one of a run that had known.
    """
    if not len(early):
        return problem, status, status_time
    end, code = problem.end_s.copy(), np.zeros(len(problem.end_s), dtype=np.uint8)
    found = np.full(len(end), np.inf)
    for row in early.tolist():
        at, code[row] = find_end(problem.trajectories, row, window_s(problem) + 60.0)
        end[row] = found[row] = min(end[row], at)
        _log.info(
            "object %d: SGP4 error %d at second %.0f",
            run_input.catalog.designator[run_input.active[row]], code[row], at,
        )  # fmt: skip
    shorter, new_status, new_time = set_ends(run_input, problem, found, code, window_s(problem))
    fresh = np.isfinite(new_time)
    return (
        replace(shorter, end_s=end),
        np.where(fresh, new_status, status),
        np.where(fresh, new_time, status_time),
    )


def before_the_end(run_input: RunInput, problem: ScreeningProblem, columns: Columns) -> Columns:
    """Rows whose TCA lies before both trajectories end."""
    end = np.full(len(run_input.catalog), np.inf)
    end[run_input.active] = problem.end_s
    good = columns["tca"] < np.minimum(end[columns["object1"]], end[columns["object2"]])
    return {name: column[good] for name, column in columns.items()}


def join_jumps(run_input: RunInput, parts: list[Columns]) -> Columns:
    """Group `audit/discontinuities`, by object and time, each jump once."""
    joined = {k: np.concatenate([p[k] for p in parts]) for k in ("row", "time", "size")}
    rows = run_input.active[joined["row"]]
    order = np.lexsort((joined["time"], rows))
    return {
        "object": rows[order].astype(np.int64),
        "object_designator": run_input.catalog.designator[rows[order]],
        "time": joined["time"][order],
        "size": np.rint(joined["size"][order] * 1e3) / 1e3,  # mm: what the 1 ms bracket supports
    }


def _no_conjunctions() -> Conjunctions:
    rows, flags = np.empty(0, np.int64), np.empty(0, np.bool_)
    return Conjunctions(
        rows, rows, rows, np.empty((0, 6)), np.empty((0, 6)), flags, flags, flags, flags, flags
    )
