"""What a run will cost before it is made: units, CPU, memory, wall on N ranks, size on disk.

Fed by a configuration; feeds `tracss-hpc plan`. Nothing is written and no MPI is started.

    Calibration (runs/calibration.py) -> units, costs, longest first, list schedule   predict
        `-> Plan -> table and advice                                                 describe

What cannot be probed in passing is a constant with its source in its line.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tracss_hpc.config import Config
from tracss_hpc.errors import UsageError
from tracss_hpc.parallel.partition import make_units
from tracss_hpc.parallel.schedule import imbalance, longest_first, simulate
from tracss_hpc.runs.calibration import Calibration, calibrate

__all__ = ["SCREEN_PARTS", "Plan", "advise", "best_slice", "describe", "plan_run", "predict"]

# Measured 2026-11-22, 2-core AMD EPYC, 28,488 objects unless said otherwise.
STARTUP_S = 0.5  # Python, imports (0.3 s: `tracss-hpc status`) and MPI_Init (0.2 s, 2 ranks)
REQUEST_S = 0.02  # answer of the work queue from another node while rank 0 computes (MPICH 5)
NETWORK_BYTES_S = 1e9  # 10 Gbit/s Ethernet, nominal; a long broadcast moves all bytes twice
SHARD_S, SHARD_S_PER_ROW = 0.03, 3.1e-6  # write_shard and inspect_shard: 76 columns
SHARD_BYTES, SHARD_BYTES_PER_OBJECT = 40_000, 8
ROW_BYTES = 814  # raw columns of one conjunction
#: CPU seconds to encode and bytes on disk of one conjunction: 49,152 rows of a run.
ENCODING = {"gzip1": (2.7e-6, 526), "zstd": (4.4e-6, 500), "none": (1.2e-6, ROW_BYTES)}
MERGE_S_PER_ROW = 0.5e-6  # rank 0 puts encoded chunks in place
WRITE_S_PER_RECORD, BYTES_PER_RECORD = (
    33e-6,
    669,
)  # groups beside `conjunctions`; runs of 1 and 10 d
PICTURES_S, CDM_S = 4.2, 65e-6  # five pictures of 379,530 conjunctions; one of 10,000 KVN messages
AUDIT_BYTES_PER_OBJECT = 3_700  # peak of sample_positions over one hour, the longest part

SCREEN_PARTS = ("propagate", "search", "refine", "assess", "checkpoint")
_GAIN = 0.05  # what is not worth more ranks or another slice
_SLICES_H = (0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 6.0, 12.0, 24.0)


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
    """The fastest of the usual slices on `ranks` ranks; of those within 2 % the shortest.

    A short slice holds less in memory, and less is lost when a job is stopped.
    """
    plans = [predict(calibration, config, ranks, hours) for hours in _SLICES_H]
    least = min(plan.total_wall_s for plan in plans)
    return next(plan for plan in plans if plan.total_wall_s <= 1.02 * least)


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
        f"memory      {plan.memory_mb:,.0f} MB a rank: {base:,.0f} with the catalog, a slice "
        f"{fixed:,.0f} + {per_hour:,.0f} an hour",
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
        "audit": sum(calibration.audit_parts_s),
        "merge": encode_s * rows + place_s,
        "export": pictures_s + CDM_S * messages,
    }
    sent = 2.0 * calibration.input_bytes if ranks > 1 else 0.0  # scatter, then allgather
    wall_s = {
        "start-up": STARTUP_S,
        "read": calibration.read_s + sent / NETWORK_BYTES_S,
        "trajectories": calibration.build_s + calibration.ends_s / ranks,
        "screen": float(finish.max()),
        "audit": float(simulate(calibration.audit_parts_s, ranks).max()),
        "merge": encode_s * rows / ranks + place_s,
        "export": cpu_s["export"],
    }
    base, fixed, per_hour = calibration.memory_mb
    audited = calibration.objects if calibration.audit_parts_s else 0
    audit_mb = AUDIT_BYTES_PER_OBJECT * audited / 1e6
    shards = n * (SHARD_BYTES + SHARD_BYTES_PER_OBJECT * calibration.objects)
    return Plan(
        ranks=ranks,
        slice_hours=hours,
        groups=groups,
        cpu_s=cpu_s,
        wall_s=wall_s,
        conjunctions=rows,
        memory_mb=base + max(fixed + per_hour * float(length.max()), audit_mb),
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
