"""The self-audit of a run on all ranks: draw, share the blocks out, join, state the bound.

Fed by the problem and the conjunctions of the drawn blocks; feeds the group `audit`. The science
is in screening.audit; this only spreads it.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.parallel.comm import (
    Comm,
    broadcast,
    gather_arrays,
    in_turn,
    rank_size,
    work_queue,
)
from tracss_hpc.runs.columns import closing_columns
from tracss_hpc.runs.problem import RunInput
from tracss_hpc.screening.audit import (
    BLOCK_S,
    STEPS_PER_BLOCK,
    RunEvents,
    audit_part,
    draw_samples,
    part_edges,
    plan_samples,
)
from tracss_hpc.screening.special_pairs import closing_times, find_closing
from tracss_hpc.screening.time_slice import ScreeningProblem

__all__ = ["audit_groups", "closing_group"]


def audit_groups(
    comm: Comm | None,
    problem: ScreeningProblem,
    regimes: NDArray[np.str_],
    active: NDArray[np.int64],
    designator: NDArray[np.int64],
    read_events: Callable[[float, float], RunEvents],
    window_s: float,
    *,
    seed: int,
    min_conjunctions: int,
    max_pair_steps: int,
) -> tuple[dict[str, dict[str, NDArray[Any]]], dict[str, Any]]:
    """Groups `audit`, `audit/missed`, `audit/invented` and the attributes of `audit`.

    `read_events` gives the run's conjunctions in [start, stop) (and may give more); rank 0 calls it
    for the drawn blocks only.
    """
    samples = draw_samples(regimes, window_s, seed, max_pair_steps=max_pair_steps)
    drawn = np.unique(samples.start_s)
    run = broadcast(
        comm,
        _join([read_events(t, t + BLOCK_S) for t in drawn]) if rank_size(comm)[0] == 0 else None,
    )
    samples = plan_samples(samples, run, min_conjunctions)
    parts = [
        (block, a, b)
        for block in np.unique(samples.start_s).tolist()
        for a, b in itertools.pairwise(part_edges(block, window_s).tolist())
    ]
    own: dict[str, list[NDArray[np.int64]]] = {"found": [], "missed": [], "invented": []}
    for number in work_queue(comm, len(parts)):
        block, start_s, stop_s = parts[number]
        objects = samples.objects[samples.start_s == block]
        count = audit_part(problem, start_s, stop_s, objects, run)
        for name, events in own.items():
            events.append(getattr(count, name))
    empty = np.empty((0, 3), np.int64)
    counts = gather_arrays(comm, {k: np.concatenate([*v, empty]) for k, v in own.items()})
    if not counts:
        return {}, {"statement": ""}
    found, missed, invented = (
        np.unique(np.concatenate([p[name] for p in counts]), axis=0) for name in own
    )
    pair_steps = len(samples) * len(regimes) * STEPS_PER_BLOCK
    attributes = {
        "found": len(found),
        "missed": len(missed),
        "invented": len(invented),
        "samples": len(samples),
        "pair_steps": pair_steps,
        "seed": seed,
        "recall_bound_95": _bound(len(found), len(missed)),
        "statement": _statement(len(found), len(missed), len(invented), len(samples)),
    }
    rows = active[samples.objects]
    groups = {
        "audit": {
            "object": rows.astype(np.int64),
            "object_designator": designator[rows],
            "start": samples.start_s,
        },
        "audit/missed": _event_columns(missed, active, designator),
        "audit/invented": _event_columns(invented, active, designator),
    }
    return groups, attributes


def closing_group(
    comm: Comm | None, run_input: RunInput, problem: ScreeningProblem
) -> dict[str, NDArray[Any]]:
    """Group `audit/closing_at_end`, on rank 0; the ranks share the ends (each is a propagation)."""
    times = closing_times(problem)

    def columns_at(k: int) -> dict[str, NDArray[Any]]:
        return closing_columns(run_input, find_closing(problem, times[k : k + 1]))

    # In order of time, as they come.
    parts = list(in_turn(comm, len(times), columns_at))
    return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]} if parts else {}


def _join(parts: list[RunEvents]) -> RunEvents:
    """The events of several blocks; a row that two blocks gave stands once."""
    if not parts:
        empty = np.empty(0, np.int64)
        return RunEvents(empty, empty, empty, np.empty(0), np.empty(0, np.bool_))
    columns = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in dataclasses.fields(RunEvents)
    }
    keys = np.stack([columns["tca_us"], columns["object1"], columns["object2"]], axis=1)
    _, first = np.unique(keys, axis=0, return_index=True)
    return RunEvents(**{name: column[np.sort(first)] for name, column in columns.items()})


def _bound(found: int, missed: int) -> float:
    """95 % lower bound of recall by the rule of three; NaN when it does not apply."""
    return 1.0 - 3.0 / found if found and not missed else float("nan")


def _statement(found: int, missed: int, invented: int, samples: int) -> str:
    if not samples:
        return "no audit"
    text = f"{samples} samples, {found} conjunctions, {missed} missed, {invented} invented"
    if missed or invented:
        return f"{text}: the run is wrong, see groups audit/missed and audit/invented"
    if not found:
        return f"{text}: no bound"
    return f"{text}: recall >= {max(0.0, 1.0 - 3.0 / found):.4f} (95 %)"


def _event_columns(
    events: NDArray[np.int64], active: NDArray[np.int64], designator: NDArray[np.int64]
) -> dict[str, NDArray[Any]]:
    first, second = active[events[:, 0]], active[events[:, 1]]
    return {
        "object1": first.astype(np.int64),
        "object2": second.astype(np.int64),
        "sat1_object_designator": designator[first],
        "sat2_object_designator": designator[second],
        "tca": events[:, 2] / 1e6,
    }
