"""What a run will cost before it is made: units, CPU, memory, wall on N ranks, size on disk.

Fed by a configuration; feeds `tracss-hpc plan`. Nothing is written and no MPI is started.

    read_input -> find_ends -> probes: short and long slices          calibrate (5 % of the run)
        `-> Calibration -> units, costs, longest first, list schedule     predict (pure)
                `-> Plan -> table and advice                                describe

A slice costs a fixed part (segments begun, set-up) and a part in proportion to its hours; both come
from slices of this very catalog, since element sets age and the rate of conjunctions with them.
What cannot be probed in passing is a constant with its source in its line.
"""

from __future__ import annotations

import dataclasses
import pickle
import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.config import Config
from tracss_hpc.ephemeris.covariance import CovarianceTable, covariance_table
from tracss_hpc.ephemeris.gp import GPTrajectories, find_ends
from tracss_hpc.errors import UsageError
from tracss_hpc.parallel.partition import make_units
from tracss_hpc.parallel.schedule import imbalance, longest_first, simulate
from tracss_hpc.runs.columns import conjunction_columns
from tracss_hpc.runs.problem import RunInput, build_problem, read_input, window_s
from tracss_hpc.screening.audit import STEPS_PER_BLOCK, draw_samples
from tracss_hpc.screening.exhaustion import STEP_S, sample_positions
from tracss_hpc.screening.time_slice import ScreeningProblem, screen_slice

__all__ = [
    "SCREEN_PARTS",
    "Calibration",
    "GroupCosts",
    "Plan",
    "advise",
    "best_slice",
    "calibrate",
    "describe",
    "plan_run",
    "predict",
]

# Measured 2026-11-22, 2-core AMD EPYC, 28,488 objects unless said otherwise.
STARTUP_S = 0.5  # Python, imports (0.3 s: `tracss-hpc status`) and MPI_Init (0.2 s, 2 ranks)
REQUEST_S = 0.02  # answer of the work queue from another node while rank 0 computes (MPICH 5)
NETWORK_BYTES_S = 1e9  # 10 Gbit/s Ethernet, nominal; a long broadcast moves all bytes twice
SHARD_S, SHARD_S_PER_ROW = 0.03, 3.1e-6  # write_shard and inspect_shard: 57 columns
SHARD_BYTES, SHARD_BYTES_PER_OBJECT = 29_000, 8
ROW_BYTES = 742  # raw columns of one conjunction
#: CPU seconds to encode and bytes on disk of one conjunction: 49,152 rows of a run.
ENCODING = {"gzip1": (12.3e-6, 478), "zstd": (4.4e-6, 462), "none": (1.2e-6, ROW_BYTES)}
MERGE_S_PER_ROW = 0.5e-6  # rank 0 puts encoded chunks in place
WRITE_S_PER_RECORD, BYTES_PER_RECORD = (
    33e-6,
    669,
)  # groups beside `conjunctions`; runs of 1 and 10 d
PICTURES_S, CDM_S = 4.2, 65e-6  # five pictures of 379,530 conjunctions; one of 10,000 KVN messages
AUDIT_S_PER_PAIR_STEP = 1.1e-9  # brute.pyx, 100 objects against all
AUDIT_BYTES_PER_OBJECT = 20_600  # peak of sample_positions over one block

SCREEN_PARTS = ("propagate", "search", "refine", "assess", "checkpoint")
_PROBE_HOURS = 2.4  # longest probe; half of it from _MANY objects on, where a slice takes minutes
_MANY = 100_000
_SHORT = 1.0 / 6.0  # of the long probe
_SAMPLED = 300  # objects looked at for the cost of the audit's positions
_GAIN = 0.05  # what is not worth more ranks or another slice
_SLICES_H = (0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 6.0, 12.0, 24.0)


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
    audit_blocks_s: tuple[float, ...]
    memory_mb: tuple[float, float, float]
    probes_s: float


@dataclass(frozen=True)
class Plan:
    """A predicted run.

    `groups` maps a group to its units, hours of one unit, CPU seconds of one, pair tests and
    conjunctions in all. `wall_s` is by stage, `cpu_s` too, but with SCREEN_PARTS for `screen`.
    `efficiency` is the wall of one rank over ranks x wall, `idle_share` that of the units alone.
    """

    ranks: int
    slice_hours: float
    groups: Mapping[str, tuple[int, float, float, float, float]]
    cpu_s: Mapping[str, float]
    wall_s: Mapping[str, float]
    conjunctions: float
    memory_mb: float
    results_mb: float
    checkpoint_mb: float
    idle_share: float
    efficiency: float

    @property
    def total_wall_s(self) -> float:
        """Wall seconds of the whole run."""
        return sum(self.wall_s.values())


def plan_run(config: Config, ranks: int) -> str:
    """The dry run of ``tracss-hpc plan``: measure, predict, tell.

    Raises
    ------
    UsageError
        For fewer than one rank.
    ConfigError, InputDataError
        As a run would.
    """
    if ranks < 1:
        raise UsageError(f"--ranks {ranks}: a run needs 1 rank or more")
    calibration = calibrate(config)
    plan = predict(calibration, config, ranks)
    return "\n".join([*describe(calibration, plan), "", advise(calibration, config, plan)])


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
    base_mb = _peak_mb()
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
        audit_blocks_s=_audit_blocks_s(config, run_input, problem),
        memory_mb=(base_mb, *slice_mb),
        probes_s=probes_s,
    )


def predict(
    calibration: Calibration, config: Config, ranks: int, slice_hours: float | None = None
) -> Plan:
    """The run on `ranks` ranks, its units handed out longest first (`schedule.simulate`).

    Parameters
    ----------
    calibration : Calibration
    config : Config
        Of the same run: what is exported, and how compressed.
    ranks : int
    slice_hours : float, optional
        Instead of ``screening.slice_hours`` [h].
    """
    one = _predict(calibration, config, 1, slice_hours)
    many = _predict(calibration, config, ranks, slice_hours)
    return dataclasses.replace(many, efficiency=one.total_wall_s / (ranks * many.total_wall_s))


def best_slice(calibration: Calibration, config: Config, ranks: int) -> Plan:
    """The fastest of the usual slices on `ranks` ranks; the longest of those within 2 %."""
    plans = [predict(calibration, config, ranks, hours) for hours in _SLICES_H]
    least = min(plan.total_wall_s for plan in plans)
    return [plan for plan in plans if plan.total_wall_s <= 1.02 * least][-1]


def advise(calibration: Calibration, config: Config, plan: Plan) -> str:
    """One sentence: how many ranks are worth it, and whether another slice is better."""

    def wall_s(ranks: int) -> float:
        return _predict(calibration, config, ranks, plan.slice_hours).total_wall_s

    units = sum(row[0] for row in plan.groups.values())
    least = (1.0 + _GAIN) * wall_s(units)
    loads = sorted({-(-units // k) for k in range(1, units + 1)})
    enough = next(m for m in loads if wall_s(m) <= least)
    text = (
        f"more than {_ranks(enough)} gain less than {_GAIN:.0%} at "
        f"screening.slice_hours={plan.slice_hours:g}; "
    )
    best = best_slice(calibration, config, plan.ranks)
    if best.total_wall_s >= (1.0 - _GAIN) * plan.total_wall_s:
        return f"{text}on {_ranks(plan.ranks)} no other slice is {_GAIN:.0%} faster"
    return (
        f"{text}slices of {best.slice_hours:g} h would take {_clock(best.total_wall_s)} on "
        f"{_ranks(plan.ranks)}, with {best.memory_mb:,.0f} MB a rank"
    )


def describe(calibration: Calibration, plan: Plan) -> list[str]:
    """The lines of ``tracss-hpc plan``."""
    lines = [
        f"plan: {calibration.title}, on {_ranks(plan.ranks)}",
        "",
        f"{'group':<12}{'units':>7}{'hours':>8}{'CPU/unit [s]':>14}{'pair tests':>14}"
        f"{'conjunctions':>14}",
    ]
    for name, (units, hours, cpu_s, tests, found) in plan.groups.items():
        lines.append(
            f"{name:<12}{units:>7,}{hours:>8.4g}{cpu_s:>14.2f}{tests:>14.2e}{found:>14,.0f}"
        )
    lines += ["", f"{'stage':<14}{'CPU [s]':>10}{'wall [s]':>10}"]
    for stage, wall_s in plan.wall_s.items():
        parts = [name for name in SCREEN_PARTS if stage == "screen"]
        cpu_s = sum(plan.cpu_s[name] for name in parts or [stage])
        lines.append(f"{stage:<14}{cpu_s:>10.1f}{wall_s:>10.1f}")
        lines += [f"  {name:<12}{plan.cpu_s[name]:>10.1f}" for name in parts]
    total = sum(plan.cpu_s.values())
    base, fixed, per_hour = calibration.memory_mb
    return [
        *lines,
        f"{'all':<14}{total:>10.1f}{plan.total_wall_s:>10.1f}",
        "",
        f"wall        {_clock(plan.total_wall_s)} on {_ranks(plan.ranks)}: efficiency "
        f"{plan.efficiency:.0%}, ranks idle for {plan.idle_share:.0%} of the units' time",
        f"memory      {plan.memory_mb:,.0f} MB a rank: {base:,.0f} with the catalog, and the "
        f"larger of a slice ({fixed:,.0f} + {per_hour:,.0f} an hour) and the audit",
        f"on disk     results.h5 {plan.results_mb:,.0f} MB; checkpoint {plan.checkpoint_mb:,.0f} "
        "MB until it stands",
        f"measured    {calibration.probes_s:.1f} CPU-s of probes on this machine; wall assumes a "
        "core to each rank",
    ]


# ---------------------------------------------------------------- prediction


def _predict(
    calibration: Calibration, config: Config, ranks: int, slice_hours: float | None
) -> Plan:
    hours = config.screening.slice_hours if slice_hours is None else slice_hours
    units = make_units(calibration.span_s, calibration.is_leo, hours * 3600.0)
    n = len(units)
    length = np.array([(unit.stop_s - unit.start_s) / 3600.0 for unit in units])
    cost = {name: np.zeros(n) for name in SCREEN_PARTS}
    found = np.zeros(n)
    groups = {}
    for name, costs in calibration.groups.items():
        own = np.array([unit.group == name for unit in units])
        if not own.any():
            continue
        h = length[own]
        middle = np.array([(u.start_s + u.stop_s) / 7200.0 for u in units if u.group == name])
        found[own] = h * np.interp(middle, costs.at_hours, costs.conjunctions_per_hour)
        cost["propagate"][own] = costs.propagate_s[0] + h * costs.propagate_s[1]
        cost["search"][own] = costs.search_s[0] + h * costs.search_s[1]
        cost["refine"][own] = found[own] * costs.refine_s_per_conjunction
        cost["assess"][own] = found[own] * costs.assess_s_per_conjunction
        cost["checkpoint"][own] = SHARD_S + found[own] * SHARD_S_PER_ROW
        total = sum(part[own] for part in cost.values())
        groups[name] = (
            int(own.sum()), float(h.max()), float(total.mean()),
            float(h.sum() * costs.pair_tests_per_hour), float(found[own].sum()),
        )  # fmt: skip
    unit_s = np.sum(list(cost.values()), axis=0)
    number = [unit.number for unit in longest_first(units, unit_s)]
    finish = simulate(unit_s[number], ranks, REQUEST_S if ranks > 1 else 0.0)
    rows = float(found.sum())
    encode_s, row_bytes = ENCODING[config.export.compression]
    place_s = MERGE_S_PER_ROW * rows + WRITE_S_PER_RECORD * calibration.records
    pictures_s = PICTURES_S if config.export.plots else 0.0
    messages = min(rows, config.export.cdm_max or rows) * len(config.export.cdm)
    cpu_s = {
        "start-up": STARTUP_S * ranks,
        "read": calibration.read_s,
        "trajectories": calibration.build_s * ranks + calibration.ends_s,
        **{name: float(part.sum()) for name, part in cost.items()},
        "audit": sum(calibration.audit_blocks_s),
        "merge": encode_s * rows + place_s,
        "export": pictures_s + CDM_S * messages,
    }
    sent = 2.0 * calibration.input_bytes if ranks > 1 else 0.0  # scatter, then allgather
    wall_s = {
        "start-up": STARTUP_S,
        "read": calibration.read_s + sent / NETWORK_BYTES_S,
        "trajectories": calibration.build_s + calibration.ends_s / ranks,
        "screen": float(finish.max()),
        "audit": float(simulate(calibration.audit_blocks_s, ranks).max()),
        "merge": encode_s * rows / ranks + place_s,
        "export": cpu_s["export"],
    }
    base, fixed, per_hour = calibration.memory_mb
    audit_mb = AUDIT_BYTES_PER_OBJECT * calibration.objects / 1e6
    slice_mb = fixed + per_hour * float(length.max())
    shards = n * (SHARD_BYTES + SHARD_BYTES_PER_OBJECT * calibration.objects)
    return Plan(
        ranks=ranks,
        slice_hours=hours,
        groups=groups,
        cpu_s=cpu_s,
        wall_s=wall_s,
        conjunctions=rows,
        memory_mb=base + max(slice_mb, audit_mb if calibration.audit_blocks_s else 0.0),
        results_mb=(BYTES_PER_RECORD * calibration.records + row_bytes * rows) / 1e6,
        checkpoint_mb=(shards + ROW_BYTES * rows) / 1e6,
        idle_share=imbalance(finish, float(finish.max())).idle_share,
        efficiency=1.0,
    )


def _ranks(count: int) -> str:
    return f"{count:,} rank{'' if count == 1 else 's'}"


def _clock(seconds: float) -> str:
    """Seconds, minutes or hours, three digits."""
    for size, name in ((3600.0, "h"), (60.0, "min")):
        if seconds >= 2.0 * size:
            return f"{seconds / size:.3g} {name}"
    return f"{seconds:.3g} s"


# ---------------------------------------------------------------- probes


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
    before_mb = _peak_mb()
    most_h = _PROBE_HOURS if len(problem.trajectories) < _MANY else 0.5 * _PROBE_HOURS
    long_h = {name: min(most_h, (b - a) / 3600.0) for name, (a, b) in groups.items()}

    def probe(start_s: float, hours: float) -> _Probe:
        return _screen_probe(config, run_input, problem, sigma, start_s, hours)

    short = {}  # all of them first: peak memory only ever grows
    for name, (a, b) in groups.items():
        hours = _SHORT * long_h[name]
        short[name] = [probe(a, hours), probe(b - 3600.0 * hours, hours)]
    short_mb = _peak_mb()
    long = {
        name: probe(0.5 * (a + b) - 1800.0 * long_h[name], long_h[name])
        for name, (a, b) in groups.items()
    }
    longest = max(long_h.values())
    per_hour_mb = (_peak_mb() - short_mb) / (longest * (1.0 - _SHORT))
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
    conjunction_columns(run_input, result.conjunctions, sigma)
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


def _audit_blocks_s(
    config: Config, run_input: RunInput, problem: ScreeningProblem
) -> tuple[float, ...]:
    """CPU seconds of each block of the audit: positions of the whole catalog, and pair steps."""
    n = len(problem.trajectories)
    samples = draw_samples(
        run_input.regime[run_input.active], window_s(problem), config.run.seed,
        max_pair_steps=config.audit.max_pair_steps,
    )  # fmt: skip
    rows = np.unique(np.linspace(0, n - 1, min(n, _SAMPLED)).astype(np.int64))
    some = GPTrajectories(
        problem.trajectories.start,
        [problem.trajectories.records[row] for row in rows],
        problem.trajectories.mean_motion[rows],
    )
    mark = time.process_time()
    sample_positions(some, 0.0, STEPS_PER_BLOCK * STEP_S, np.full(len(rows), np.inf))
    positions_s = (time.process_time() - mark) * n / len(rows)
    _, counts = np.unique(samples.start_s, return_counts=True)
    return tuple(
        positions_s + AUDIT_S_PER_PAIR_STEP * count * n * STEPS_PER_BLOCK
        for count in counts.tolist()
    )


def _peak_mb() -> float:
    """Largest resident size of this process so far [MB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
