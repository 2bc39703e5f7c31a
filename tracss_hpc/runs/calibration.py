"""What a configuration costs, measured by screening a few short slices of its own catalog.

    read_input -> find_ends -> probes: short and long slices -> Calibration

Fed by a configuration; feeds the prediction in plan.py. A slice costs a fixed part (segments begun,
set-up) and a part in proportion to its hours; both come from slices of this very catalog, since
element sets age and the rate of conjunctions with them.
"""

from __future__ import annotations

import dataclasses
import itertools
import pickle
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.assess.risk import fill_nc2d
from tracss_hpc.config import Config
from tracss_hpc.ephemeris.covariance import CovarianceTable, covariance_table
from tracss_hpc.ephemeris.gp import GPTrajectories, find_ends
from tracss_hpc.parallel.partition import make_units
from tracss_hpc.provenance import peak_memory_mb
from tracss_hpc.runs.columns import conjunction_columns
from tracss_hpc.runs.problem import RunInput, build_problem, read_input, window_s
from tracss_hpc.runs.risk import risk_settings
from tracss_hpc.screening.audit import draw_samples, part_edges
from tracss_hpc.screening.exhaustion import STEP_S, sample_positions
from tracss_hpc.screening.time_slice import ScreeningProblem, screen_slice

__all__ = ["Calibration", "GroupCosts", "calibrate"]

AUDIT_S_PER_PAIR_STEP = 1.1e-9  # brute.pyx, 100 objects against all
_PROBE_HOURS = 2.4  # longest probe; half of it from _MANY objects on, where a slice takes minutes
_MANY = 100_000
_SHORT = 1.0 / 6.0  # of the long probe
_SAMPLED = 300  # objects looked at for the cost of the audit's positions


@dataclass(frozen=True)
class GroupCosts:
    """What slices of one group of units cost, on this machine.

    `propagate_s` and `search_s` are CPU seconds of a slice: (fixed, per hour).
    `conjunctions_per_hour` belongs to the hours since run start in `at_hours`.
    """

    propagate_s: tuple[float, float]
    search_s: tuple[float, float]
    refine_s_per_conjunction: float
    assess_s_per_conjunction: float
    pair_tests_per_hour: float
    at_hours: tuple[float, ...]
    conjunctions_per_hour: tuple[float, ...]


@dataclass(frozen=True)
class Calibration:
    """What the probes measured of one configuration; seconds are CPU seconds.

    `span_s` and `is_leo` belong to the primaries and make the units. `build_s` is spent on every
    rank, `ends_s` shared; `memory_mb` is (before any slice, fixed, per hour of slice).
    """

    title: str
    objects: int
    records: int
    span_s: NDArray[np.float64]
    is_leo: NDArray[np.bool_]
    groups: Mapping[str, GroupCosts]
    read_s: float
    input_bytes: int
    build_s: float
    ends_s: float
    audit_parts_s: tuple[float, ...]
    memory_mb: tuple[float, float, float]
    probes_s: float


def calibrate(config: Config) -> Calibration:
    """Read the catalog and screen a few short slices of it, serially.

    Each group of units is probed at the begin, the middle and the end of its part of the window:
    25 CPU-s with the ends for 28,488 objects, whose run of 10 days takes 520.
    """
    mark = time.process_time()
    run_input = read_input(config)
    read_s = time.process_time() - mark
    mark = time.process_time()
    problem = build_problem(run_input)
    build_s = time.process_time() - mark
    leo = np.char.startswith(run_input.regime[run_input.active], "LEO")
    span_s, is_leo = problem.span_s[problem.primary], leo[problem.primary]
    base_mb = peak_memory_mb()
    mark = time.process_time()
    end_s, _ = find_ends(problem.trajectories, window_s(problem))
    ends_s = time.process_time() - mark
    problem = dataclasses.replace(problem, end_s=end_s)
    mark = time.process_time()
    groups, slice_mb = _probe_groups(config, run_input, problem, _groups(span_s, is_leo, config))
    probes_s = time.process_time() - mark
    days = window_s(problem) / 86400.0
    return Calibration(
        title=f"{config.run.kind} of {len(problem.trajectories):,} objects from "
        f"{run_input.start.iso(0)} for {days:g} d",
        objects=len(problem.trajectories),
        records=len(run_input.catalog),
        span_s=span_s,
        is_leo=is_leo,
        groups=groups,
        read_s=read_s,
        input_bytes=len(pickle.dumps(run_input, 5)),
        build_s=build_s,
        ends_s=ends_s,
        audit_parts_s=_audit_parts_s(config, run_input, problem),
        memory_mb=(base_mb, *slice_mb),
        probes_s=probes_s,
    )


@dataclass(frozen=True)
class _Probe:
    """One slice that was screened: where, how long, what it cost and held."""

    at_hours: float
    hours: float
    cpu_s: Mapping[str, float]
    counts: Mapping[str, int]


def _groups(
    span_s: NDArray[np.float64], is_leo: NDArray[np.bool_], config: Config
) -> dict[str, tuple[float, float]]:
    """Begin and end [s] of each group of units."""
    parts: dict[str, tuple[float, float]] = {}
    for unit in make_units(span_s, is_leo, config.screening.slice_hours * 3600.0):
        begin, _ = parts.get(unit.group, (unit.start_s, 0.0))
        parts[unit.group] = (begin, unit.stop_s)
    return parts


def _probe_groups(
    config: Config,
    run_input: RunInput,
    problem: ScreeningProblem,
    groups: dict[str, tuple[float, float]],
) -> tuple[dict[str, GroupCosts], tuple[float, float]]:
    """Costs of each group; memory of a slice (fixed, per hour) [MB] beyond what was held before."""
    sigma = covariance_table(solar=config.assess.solar)
    before_mb = peak_memory_mb()
    most_h = _PROBE_HOURS if len(problem.trajectories) < _MANY else 0.5 * _PROBE_HOURS
    long_h = {name: min(most_h, (b - a) / 3600.0) for name, (a, b) in groups.items()}

    def probe(start_s: float, hours: float) -> _Probe:
        return _screen_probe(config, run_input, problem, sigma, start_s, hours)

    short = {}  # all of them first: peak memory only ever grows
    for name, (a, b) in groups.items():
        hours = _SHORT * long_h[name]
        short[name] = [probe(a, hours), probe(b - 3600.0 * hours, hours)]
    short_mb = peak_memory_mb()
    long = {
        name: probe(0.5 * (a + b) - 1800.0 * long_h[name], long_h[name])
        for name, (a, b) in groups.items()
    }
    longest = max(long_h.values())
    per_hour_mb = (peak_memory_mb() - short_mb) / (longest * (1.0 - _SHORT))
    fixed_mb = max(0.0, short_mb - before_mb - per_hour_mb * _SHORT * longest)
    return {name: _group_costs(short[name], long[name]) for name in groups}, (fixed_mb, per_hour_mb)


def _screen_probe(
    config: Config,
    run_input: RunInput,
    problem: ScreeningProblem,
    sigma: CovarianceTable,
    start_s: float,
    hours: float,
) -> _Probe:
    """Screen and assess one slice of whole seconds, one at least."""
    start = float(np.round(start_s))
    stop = max(float(np.round(start_s + 3600.0 * hours)), start + 1.0)
    result = screen_slice(
        problem, start, stop, step_s=config.screening.step_s,
        segment_s=config.screening.segment_s, disable=config.screening.disable,
        engine=config.screening.engine,
    )  # fmt: skip
    mark = time.process_time()
    found = result.conjunctions
    rows = conjunction_columns(run_input, found, sigma, config.assess)
    fill_nc2d(rows, found.state1, found.state2, risk_settings(config.assess))
    cpu_s = {**result.cpu_s, "assess": time.process_time() - mark}
    return _Probe(0.5 * (start + stop) / 3600.0, (stop - start) / 3600.0, cpu_s, result.counts)


def _group_costs(short: list[_Probe], long: _Probe) -> GroupCosts:
    every = sorted([*short, long], key=lambda probe: probe.at_hours)
    hours = sum(probe.hours for probe in every)

    def each(stage: str) -> float:
        """Median over the probes: a rare jump of SDP4 in one of them is not the rule."""
        return float(np.median([p.cpu_s[stage] / max(1, p.counts["conjunctions"]) for p in every]))

    return GroupCosts(
        propagate_s=_line(short, long, "propagate"),
        search_s=_line(short, long, "search"),
        refine_s_per_conjunction=each("refine"),
        assess_s_per_conjunction=each("assess"),
        pair_tests_per_hour=sum(probe.counts["pairs_tested"] for probe in every) / hours,
        at_hours=tuple(probe.at_hours for probe in every),
        conjunctions_per_hour=tuple(p.counts["conjunctions"] / p.hours for p in every),
    )


def _line(short: list[_Probe], long: _Probe, stage: str) -> tuple[float, float]:
    """Fixed seconds and seconds per hour through the mean of the short probes and the long one."""
    short_s = float(np.mean([probe.cpu_s[stage] for probe in short]))
    short_h, long_s = short[0].hours, long.cpu_s[stage]
    if long.hours <= short_h:  # a window of seconds
        return 0.0, long_s / long.hours
    slope = (long_s - short_s) / (long.hours - short_h)
    fixed = min(max(0.0, short_s - slope * short_h), long_s)
    return fixed, (long_s - fixed) / long.hours


def _audit_parts_s(
    config: Config, run_input: RunInput, problem: ScreeningProblem
) -> tuple[float, ...]:
    """CPU seconds of each part of the audit: positions of the whole catalog, and pair steps."""
    n, window = len(problem.trajectories), window_s(problem)
    samples = draw_samples(
        run_input.regime[run_input.active], window, config.run.seed,
        max_pair_steps=config.audit.max_pair_steps,
    )  # fmt: skip
    rows = np.unique(np.linspace(0, n - 1, min(n, _SAMPLED)).astype(np.int64))
    some = GPTrajectories(
        problem.trajectories.start,
        [problem.trajectories.records[row] for row in rows],
        problem.trajectories.mean_motion[rows],
    )
    mark = time.process_time()
    sample_positions(some, 0.0, 3600.0, np.full(len(rows), np.inf))
    positions_s = (time.process_time() - mark) / 3600.0 * n / len(rows)
    seconds = []
    for block, count in zip(*np.unique(samples.start_s, return_counts=True), strict=True):
        for start_s, stop_s in itertools.pairwise(part_edges(float(block), window)):
            steps = count * n * (stop_s - start_s) / STEP_S
            seconds.append(float(positions_s * (stop_s - start_s) + AUDIT_S_PER_PAIR_STEP * steps))
    return tuple(seconds)
