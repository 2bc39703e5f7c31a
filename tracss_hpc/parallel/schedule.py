"""In which order units are handed out, who would do which, and how evenly the ranks were loaded.

Fed by the units of partition and, for prediction, by measured costs; feeds the work queue of runs
and `runs.plan`. Pure functions: no communicator, no clock.

    units -> static_costs -> longest_first -> work_queue (comm)          the run
                                         `--> simulate -> imbalance      the plan

The queue is Graham's list scheduling: rank r begins with the r-th unit of the list, every further
unit goes to whoever asks first. Its makespan is at most mean load + longest unit, and with the
longest first at most 4/3 of the best there is [Graham1969]; the results do not depend on it.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tracss_hpc.parallel.partition import WorkUnit

__all__ = ["Imbalance", "imbalance", "longest_first", "simulate", "static_costs"]

# Measured 2026-11-22 on a 2-core AMD EPYC: 28,488 objects, handbook volumes, 5 + 10 days, units of
# 6 h on two ranks (propagate + search + refine + assess); only their ratios matter here.
_CPU_US_PER_OBJECT_HOUR = {"all pairs": 69.0, "non-LEO": 62.8}
#: A slice of 24 min costs this more than its share of one of 72 min: begun segments, set-up.
_CPU_US_PER_OBJECT = 8.0


@dataclass(frozen=True)
class Imbalance:
    """How unevenly a stage kept its ranks busy.

    `idle_share` is the part of ranks x wall in which a rank had no unit, 0 to 1; `max_over_mean`
    the busiest rank's seconds over the mean, 1 when even.
    """

    idle_share: float
    max_over_mean: float


def static_costs(units: Sequence[WorkUnit], end_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """CPU seconds of each unit, estimated without a probe: objects present x hours x weight.

    Parameters
    ----------
    units : sequence of WorkUnit
    end_s : ndarray, shape (n,)
        When each trajectory ends [s since run start], inf when it does not.

    Returns
    -------
    ndarray, shape (len(units),)
        Good for an order, not for a clock: the weights were measured on one machine.
    """
    ends = np.sort(end_s)
    cost = np.empty(len(units))
    for k, unit in enumerate(units):
        objects = len(ends) - int(np.searchsorted(ends, unit.start_s, side="right"))
        hours = (unit.stop_s - unit.start_s) / 3600.0
        cost[k] = objects * (_CPU_US_PER_OBJECT + hours * _CPU_US_PER_OBJECT_HOUR[unit.group])
    return cost * 1e-6


def longest_first(units: Sequence[WorkUnit], cost_s: ArrayLike) -> list[WorkUnit]:
    """The units by falling cost, equal ones in order of their number: the same on every rank.

    Parameters
    ----------
    units : sequence of WorkUnit
        All of a run, or those still missing.
    cost_s : array_like, shape (len(units),)
        Cost of each, in any unit.
    """
    cost = np.asarray(cost_s, dtype=np.float64)
    if cost.shape != (len(units),):
        raise ValueError(f"{len(units)} units but costs of shape {cost.shape}: one cost each")
    order = sorted(range(len(units)), key=lambda k: (-cost[k], units[k].number))
    return [units[k] for k in order]


def simulate(cost_s: ArrayLike, ranks: int, per_request_s: float = 0.0) -> NDArray[np.float64]:
    """When each rank is done with units handed out in this order [s since the first began].

    Parameters
    ----------
    cost_s : array_like, shape (n,)
        Wall seconds of the units in the order in which they are handed out.
    ranks : int
        Rank r begins with unit r without asking.
    per_request_s : float
        Wait for each answer [s], also for the last one, which says that nothing is left. Waiting
        requests are answered together, so they do not queue.

    Returns
    -------
    ndarray, shape (ranks,)
        0 for a rank that never had a unit.
    """
    cost = np.asarray(cost_s, dtype=np.float64)
    if ranks < 1:
        raise ValueError(f"ranks = {ranks}: one at least")
    finish = np.zeros(ranks)
    first = cost[:ranks] + per_request_s
    finish[: len(first)] = first
    if len(cost) <= ranks:
        return finish
    free = [(float(at), rank) for rank, at in enumerate(finish)]
    heapq.heapify(free)
    for seconds in cost[ranks:].tolist():
        at, rank = free[0]
        finish[rank] = at + seconds + per_request_s
        heapq.heapreplace(free, (float(finish[rank]), rank))
    return finish


def imbalance(busy_s: ArrayLike, wall_s: float) -> Imbalance:
    """Idle share and max/mean of a stage.

    Parameters
    ----------
    busy_s : array_like, shape (ranks,)
        Seconds each rank spent in units.
    wall_s : float
        Wall seconds of the stage; a busiest rank beyond it counts instead (clocks differ a little).
    """
    busy = np.asarray(busy_s, dtype=np.float64)
    total = float(busy.sum())
    wall = max(wall_s, float(busy.max(initial=0.0)))
    if not len(busy) or wall <= 0.0:
        return Imbalance(0.0, 1.0)
    mean = total / len(busy)
    return Imbalance(1.0 - mean / wall, float(busy.max()) / mean if mean > 0.0 else 1.0)
