"""Self-audit of a run: screen a drawn sample again by brute force, and bound what was missed.

Fed by the problem and the run's conjunctions; feeds the group `audit` and the summary. A sample is
(one object against all, one six-hour block of the window), stratified by regime and drawn from a
seed. It is searched with brute.pyx on positions straight from SGP4, each minimum is then closed in
on by parabolas through SGP4 positions; no polynomial, no spatial index and no filter of the engine
takes part. With m conjunctions in the samples and none missed by the run, recall >= 1 - 3/m with
95 % confidence (the rule of three).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.screening.criteria import circumscribed_radius, inside_volume, to_rtn
from tracss_hpc.screening.exhaustion import STEP_S, find_approaches, sample_positions
from tracss_hpc.screening.time_slice import ScreeningProblem

__all__ = [
    "BLOCK_S", "STEPS_PER_BLOCK", "AuditCount", "AuditSamples", "RunEvents", "audit_part",
    "draw_samples", "part_edges", "plan_samples",
]  # fmt: skip

BLOCK_S = 6 * 3600.0
PART_S = 3600.0  # ranks share a block out by the hour; the samples in memory are of one hour
MAX_BLOCKS = 2  # distinct blocks a run draws from: each costs one propagation of the catalog
STEPS_PER_BLOCK = int(BLOCK_S / STEP_S)
FACE_KM = 1e-3  # within 1 m of a face either answer is right [screening contract]


@dataclass(frozen=True)
class AuditSamples:
    """Drawn samples in order: object rows, and the start of each one's block [s]."""

    objects: NDArray[np.int64]
    start_s: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.objects)


@dataclass(frozen=True)
class RunEvents:
    """The run's conjunctions as columns: rows of the problem, TCA [us], miss distance [km]."""

    object1: NDArray[np.int64]
    object2: NDArray[np.int64]
    tca_us: NDArray[np.int64]
    miss_km: NDArray[np.float64]
    at_discontinuity: NDArray[np.bool_]


@dataclass(frozen=True)
class AuditCount:
    """Conjunctions found by brute force, how many of them the run lacks, and run rows refuted.

    `found`, `missed`, `invented` are arrays (q, 3) of object rows i < j and TCA [us].
    """

    found: NDArray[np.int64]
    missed: NDArray[np.int64]
    invented: NDArray[np.int64]


def draw_samples(
    regimes: NDArray[np.str_],
    window_s: float,
    seed: int,
    *,
    max_pair_steps: int,
) -> AuditSamples:
    """Draw as many samples as the budget of pair steps pays for.

    Objects are drawn without replacement, regime by regime in proportion to its size (one at least
    of each); blocks come from at most MAX_BLOCKS six-hour blocks of the window.
    """
    n = len(regimes)
    generator = np.random.Generator(np.random.PCG64(seed))
    blocks = np.arange(max(1, int(np.ceil(window_s / BLOCK_S))))
    blocks = np.sort(generator.choice(blocks, size=min(MAX_BLOCKS, len(blocks)), replace=False))
    count = min(n * len(blocks), max_pair_steps // max(1, n * STEPS_PER_BLOCK))
    names, sizes = np.unique(regimes, return_counts=True)
    order: list[tuple[float, int]] = []
    for name, size in zip(names, sizes.tolist(), strict=True):
        members = np.flatnonzero(regimes == name)
        picks = min(size, max(1, int(np.ceil(count * size / n)))) if count else 0
        chosen = generator.choice(members, size=picks, replace=False)
        # Evenly spread ranks interleave the regimes, so any first part is stratified too.
        order += [((q + 0.5) / picks, int(row)) for q, row in enumerate(chosen)]
    order.sort()
    objects = np.array([row for _, row in order[:count]], dtype=np.int64)
    return AuditSamples(objects, BLOCK_S * generator.choice(blocks, size=len(objects)))


def plan_samples(
    samples: AuditSamples, conjunctions: RunEvents, min_conjunctions: int
) -> AuditSamples:
    """The first samples that hold `min_conjunctions` of the run's conjunctions, or all of them."""
    distinct: set[tuple[int, int, int]] = set()
    block = (conjunctions.tca_us // int(BLOCK_S * 1e6)).astype(np.int64)
    rows_of: dict[tuple[int, int], list[int]] = {}
    wanted = set(samples.objects.tolist())
    for k, (a, b, at) in enumerate(
        zip(
            conjunctions.object1.tolist(),
            conjunctions.object2.tolist(),
            block.tolist(),
            strict=True,
        )
    ):
        for member in (a, b):
            if member in wanted:
                rows_of.setdefault((member, at), []).append(k)
    for q in range(len(samples)):
        key = (int(samples.objects[q]), int(samples.start_s[q] // BLOCK_S))
        for k in rows_of.get(key, []):
            a, b = int(conjunctions.object1[k]), int(conjunctions.object2[k])
            distinct.add((min(a, b), max(a, b), int(conjunctions.tca_us[k])))
        if len(distinct) >= min_conjunctions:
            return AuditSamples(samples.objects[: q + 1], samples.start_s[: q + 1])
    return samples


def part_edges(block_s: float, window_s: float) -> NDArray[np.float64]:
    """Ends of the parts of the block at `block_s`, cut off at the end of the window [s].

    A conjunction within a millisecond of an end is left out of the count on both sides: brute
    force, which finds a TCA to some 0.1 ms, cannot say which part has it.
    """
    stop_s = min(block_s + BLOCK_S, window_s)
    return np.append(np.arange(block_s, stop_s, PART_S), stop_s)


def audit_part(
    problem: ScreeningProblem,
    start_s: float,
    stop_s: float,
    objects: NDArray[np.int64],
    conjunctions: RunEvents,
) -> AuditCount:
    """Screen `objects` against all in [start_s, stop_s) and compare with the run's rows.

    Parameters
    ----------
    problem : ScreeningProblem
    start_s, stop_s : float
        Part of a block [s since run start].
    objects : ndarray of int
        Rows drawn for the block.
    conjunctions : RunEvents
        All rows of the run (those of other objects and times are ignored).
    """
    until = np.where(problem.end_s <= start_s, -np.inf, problem.end_s - 1.0)
    r, speed = sample_positions(problem.trajectories, start_s, stop_s, until)
    catching = problem.primary & (problem.span_s > start_s)
    rho = np.where(catching, circumscribed_radius(problem.volumes), -np.inf)
    found_pairs, times = find_approaches(r, np.unique(objects), speed, rho)
    del r
    pair = np.sort(found_pairs.astype(np.int64), axis=1)
    t, miss_km, speed_km_s, d, state = _close_in(problem, pair, start_s + times)
    depth = _depth(problem, pair, t, d, state)
    edge = np.minimum(np.abs(t - start_s), np.abs(t - stop_s)) < 1e-3
    valid = (t >= start_s) & (t < stop_s) & (t < problem.end_s[pair].min(axis=1, initial=np.inf))
    tolerance = np.maximum(1e-3, 0.01 / np.maximum(speed_km_s, 1e-9))

    drawn = np.isin(conjunctions.object1, objects) | np.isin(conjunctions.object2, objects)
    drawn &= (conjunctions.tca_us >= start_s * 1e6) & (conjunctions.tca_us < stop_s * 1e6)
    drawn &= ~conjunctions.at_discontinuity
    rows = np.sort(np.stack([conjunctions.object1, conjunctions.object2], 1)[drawn], axis=1)
    tca_us = conjunctions.tca_us[drawn]
    row_miss = conjunctions.miss_km[drawn]
    index: dict[tuple[int, int], list[int]] = {}
    for k, key in enumerate(rows.tolist()):
        index.setdefault((key[0], key[1]), []).append(k)
    confirmed = np.zeros(len(rows), dtype=bool)
    found, missed = [], []
    for k in range(len(t)):
        near = [
            q
            for q in index.get((int(pair[k, 0]), int(pair[k, 1])), [])
            if abs(tca_us[q] / 1e6 - t[k]) <= tolerance[k]
            and abs(row_miss[q] - miss_km[k]) <= FACE_KM
        ]
        if depth[k] >= 0:
            confirmed[near] = True
        if valid[k] and depth[k] > 0 and not edge[k]:
            event = (int(pair[k, 0]), int(pair[k, 1]), int(tca_us[near[0]] if near else t[k] * 1e6))
            found.append(event)
            if not near:
                missed.append(event)
    near_edge = np.minimum(np.abs(tca_us / 1e6 - start_s), np.abs(tca_us / 1e6 - stop_s)) < 1e-3
    refuted = ~confirmed & ~near_edge
    return AuditCount(
        _events(found), _events(missed), np.column_stack([rows[refuted], tca_us[refuted]])
    )


def _events(events: list[tuple[int, int, int]]) -> NDArray[np.int64]:
    """Distinct events (q, 3), sorted; one pair may have been drawn from both sides."""
    return np.array(sorted(set(events)), dtype=np.int64).reshape(-1, 3)


def _close_in(
    problem: ScreeningProblem, pair: NDArray[np.int64], t: NDArray[np.float64]
) -> tuple[NDArray[np.float64], ...]:
    """Minimum of |dr| near each `t` by parabolas through three SGP4 positions, ever closer.

    Returns t [s], distance [km], relative speed [km/s], dr (m, 3) and both states (m, 2, 6).
    """
    for step in (4.0, 2.0, 1.0, 1.0, 0.5, 0.5):
        at = t[:, None] + step * np.array([-1.0, 0.0, 1.0])
        a, _, _ = problem.trajectories.states(pair[:, 0], at)
        b, _, _ = problem.trajectories.states(pair[:, 1], at)
        d2 = ((b - a) ** 2).sum(axis=2)
        bend = d2[:, 0] - 2.0 * d2[:, 1] + d2[:, 2]
        safe = np.where(bend > 0.0, bend, 1.0)
        move = 0.5 * (d2[:, 0] - d2[:, 2]) / safe
        t = t + step * np.where(bend > 0.0, np.clip(move, -4.0, 4.0), 0.0)
    ra, va, _ = problem.trajectories.states(pair[:, 0], t)
    rb, vb, _ = problem.trajectories.states(pair[:, 1], t)
    d = rb - ra
    state = np.stack([np.concatenate([ra, va], 1), np.concatenate([rb, vb], 1)], axis=1)
    return t, np.sqrt((d**2).sum(1)), np.sqrt(((vb - va) ** 2).sum(1)), d, state


def _depth(
    problem: ScreeningProblem,
    pair: NDArray[np.int64],
    t: NDArray[np.float64],
    d: NDArray[np.float64],
    state: NDArray[np.float64],
) -> NDArray[np.int8]:
    """1, 0 or -1: surely inside a catching volume, within 1 m of its face, surely outside."""
    depth = np.full(len(t), -1, dtype=np.int8)
    for side, sign in ((0, 1.0), (1, -1.0)):
        row = pair[:, side]
        catches = problem.primary[row] & (t < problem.span_s[row])
        rtn = to_rtn(state[:, side], sign * d)
        outer = catches & inside_volume(rtn, problem.volumes, row, margin_km=FACE_KM)
        inner = catches & inside_volume(rtn, problem.volumes, row, margin_km=-FACE_KM)
        depth = np.maximum(depth, np.where(inner, 1, np.where(outer, 0, -1)))
    return depth
