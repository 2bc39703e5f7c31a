"""The screening stage of a run on all ranks: trajectories' ends, then work units into shards.

Fed by the problem; feeds the checkpoint with one shard a unit, and gather.py from there. Units come
from parallel.partition, the science from screening.time_slice and assess.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.assess.risk import NC2D_SKIPPED, fill_nc2d
from tracss_hpc.config import Config
from tracss_hpc.ephemeris.covariance import CovarianceTable
from tracss_hpc.ephemeris.gp import find_end, find_ends
from tracss_hpc.export.shards import write_shard
from tracss_hpc.parallel.comm import Comm, broadcast, gather_arrays, rank_size, work_queue
from tracss_hpc.parallel.partition import WorkUnit, make_units
from tracss_hpc.provenance import peak_memory_mb
from tracss_hpc.runs.checkpoint import Checkpoint
from tracss_hpc.runs.columns import conjunction_columns, sort_conjunctions
from tracss_hpc.runs.problem import RunInput, set_ends, window_s
from tracss_hpc.runs.risk import risk_settings
from tracss_hpc.screening.time_slice import ScreeningProblem, screen_slice

__all__ = ["find_all_ends", "join_jumps", "run_units", "screen_units", "shorten"]

_log = logging.getLogger("tracss_hpc")
Columns = dict[str, NDArray[Any]]


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


def run_units(config: Config, run_input: RunInput, problem: ScreeningProblem) -> list[WorkUnit]:
    """The work units of a run: by configuration and catalog alone."""
    leo = np.char.startswith(run_input.regime[run_input.active], "LEO")
    slice_s = config.screening.slice_hours * 3600.0
    return make_units(problem.span_s[problem.primary], leo[problem.primary], slice_s)


def screen_units(
    config: Config,
    comm: Comm | None,
    run_input: RunInput,
    problem: ScreeningProblem,
    checkpoint: Checkpoint,
    missing: Sequence[WorkUnit],
    sigma: CovarianceTable,
    stop: Callable[[], bool],
    session: int,
) -> tuple[float, float]:
    """Screen this rank's share of the missing units, each into its shard.

    Returns the seconds at work, and those of them spent on writing shards.

    Parameters
    ----------
    missing : sequence of WorkUnit
        In the order in which they are handed out, the same on every rank.
    stop : callable
        Asked before each unit; true on any rank ends the handing out.
    session : int
        Number of this process' session in the checkpoint's manifest.

    Raises
    ------
    TracssError
        When a shard cannot be written.
    """
    rank, _ = rank_size(comm)
    busy_s = shard_s = 0.0
    for index in work_queue(comm, len(missing), stop):
        began = time.perf_counter()
        shard_s += _screen_unit(
            config, run_input, problem, checkpoint, missing[index], sigma, rank, session
        )
        busy_s += time.perf_counter() - began
    return busy_s, shard_s


def shorten(
    run_input: RunInput,
    problem: ScreeningProblem,
    early: NDArray[np.int64],
    status: NDArray[np.str_],
    status_time: NDArray[np.float64],
) -> tuple[ScreeningProblem, NDArray[np.str_], NDArray[np.float64]]:
    """End the trajectories that met an SGP4 error nobody had seen coming at their first bad second.

    The object was screened in other slices as if it went on: `gather.trim_shards` drops those
    rows, so that the result is the one of a run that had known.
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


def join_jumps(run_input: RunInput, jumps: Columns) -> Columns:
    """Group `audit/discontinuities`, by object and time, each jump once."""
    rows = run_input.active[jumps["row"]]
    order = np.lexsort((jumps["time"], rows))
    return {
        "object": rows[order].astype(np.int64),
        "object_designator": run_input.catalog.designator[rows[order]],
        "time": jumps["time"][order],
        "size": np.rint(jumps["size"][order] * 1e3) / 1e3,  # mm: what the 1 ms bracket supports
    }


def _screen_unit(
    config: Config,
    run_input: RunInput,
    problem: ScreeningProblem,
    checkpoint: Checkpoint,
    unit: WorkUnit,
    sigma: CovarianceTable,
    rank: int,
    session: int,
) -> float:
    """One unit into its shard; the seconds of writing that.

    A function, so that nothing of one unit is still held while the next is screened.
    """
    result = screen_slice(
        problem, unit.start_s, unit.stop_s, step_s=config.screening.step_s,
        segment_s=config.screening.segment_s, disable=config.screening.disable,
        engine=config.screening.engine,
    )  # fmt: skip
    mark = time.process_time()
    found = sort_conjunctions(run_input, result.conjunctions)
    rows = conjunction_columns(run_input, found, sigma, config.assess)
    assessed = time.process_time()
    fill_nc2d(rows, found.state1, found.state2, risk_settings(config.assess))
    cpu = {
        **result.cpu_s,
        "assess": assessed - mark,
        "nc2d": time.process_time() - assessed,
    }
    inside = (result.jumps.t >= unit.start_s) & (result.jumps.t < unit.stop_s)
    groups = {
        "conjunctions": rows,
        "jumps": {
            "row": result.jumps.objects[inside],
            "time": result.jumps.t[inside],
            "size": result.jumps.size_km[inside] * 1e3,
        },
        "early": {"row": result.early},
        # Not digested, and as good as the 1e-7 of a float32 is to anybody.
        "ephemeris": {"error_km": result.error_km.astype(np.float32)},
    }
    asked = rows["nc2d_status"]
    counts = {
        **result.counts,
        "nc2d_rows": int(((asked >= 0) & (asked != NC2D_SKIPPED)).sum()),
        "nc2d_skipped": int((asked == NC2D_SKIPPED).sum()),
    }
    if counts["nc2d_skipped"]:
        _log.warning(
            "unit %d: Nc2D skipped for %d conjunctions in doubt (assess.nc2d_max = %d)",
            unit.number, counts["nc2d_skipped"], config.assess.nc2d_max,
        )  # fmt: skip
    row = _unit_row(unit, rank, session, counts, cpu)
    writing = time.perf_counter()
    write_shard(checkpoint.path(unit.number), checkpoint.key, row, groups)
    return time.perf_counter() - writing


def _unit_row(
    unit: WorkUnit, rank: int, session: int, counts: Mapping[str, int], cpu_s: Mapping[str, float]
) -> dict[str, Any]:
    """The row of group `stages`."""
    return {
        "unit": unit.number,
        "group": unit.group,
        "start_hours": unit.start_s / 3600.0,
        "stop_hours": unit.stop_s / 3600.0,
        "session": session,
        "rank": rank,
        **counts,
        **{f"{name}_cpu_s": seconds for name, seconds in cpu_s.items()},
        "peak_memory_mb": peak_memory_mb(),
    }
