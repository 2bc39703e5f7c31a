"""Pairs that have no record but must not be lost: at constant distance, or closing at an end.

Fed by the catalog and the trajectories; feeds the groups `colocated` and `audit/closing_at_end`.
Conjunctions are minima of distance. Docked modules that share one element set have none; a pair
still closing inside a volume when the window, a span or a trajectory ends has none yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.catalog.catalog import Catalog
from tracss_hpc.screening.criteria import circumscribed_radius, inside_volume, to_rtn
from tracss_hpc.screening.time_slice import ScreeningProblem

__all__ = ["ClosingAtEnd", "closing_times", "find_closing", "find_colocated"]

_ELEMENTS = (
    "epoch_jd", "epoch_fr", "mean_motion", "eccentricity", "inclination", "raan", "arg_perigee",
    "mean_anomaly", "bstar",
)  # fmt: skip


@dataclass(frozen=True)
class ClosingAtEnd:
    """Pairs closing inside a volume at an end: rows, time [s], distance [km], its rate [km/s]."""

    object1: NDArray[np.int64]  # whose volume it is, and whose span (or whose pair) ends
    object2: NDArray[np.int64]
    t: NDArray[np.float64]
    range_km: NDArray[np.float64]
    range_rate_km_s: NDArray[np.float64]


def find_colocated(catalog: Catalog) -> NDArray[np.int64]:
    """Row pairs (m, 2), smaller first, of objects with identical element sets."""
    table = np.stack([getattr(catalog, name) for name in _ELEMENTS], axis=1)
    order = np.lexsort(table.T)
    same = (table[order[1:]] == table[order[:-1]]).all(axis=1)
    edges = np.flatnonzero(np.diff(same, prepend=False, append=False))
    pairs = [np.empty((0, 2), np.int64)]
    for first, last in edges.reshape(-1, 2).tolist():
        rows = np.sort(order[first : last + 1])
        a, b = np.triu_indices(len(rows), 1)
        pairs.append(np.stack([rows[a], rows[b]], axis=1))
    found = np.concatenate(pairs)
    return found[np.lexsort((found[:, 1], found[:, 0]))]


def closing_times(problem: ScreeningProblem) -> NDArray[np.float64]:
    """When the screening of some object ends [s]: each span's end, each trajectory's last second.

    The screening of an object ends with its span or its trajectory, that of a pair also with the
    other's trajectory.
    """
    last = np.minimum(problem.span_s, problem.end_s - 1.0)
    return np.unique(last[last > 0.0])


def find_closing(problem: ScreeningProblem, times: NDArray[np.float64]) -> ClosingAtEnd:
    """Pairs whose object1 still holds object2 in its volume, closing, when its screening ends.

    A pair is listed once for each object whose catching ends there.

    Parameters
    ----------
    problem : ScreeningProblem
    times : ndarray
        Some of `closing_times`; each costs one propagation of the catalog.
    """
    from scipy.spatial import cKDTree  # a quarter of a second, only here

    last = np.minimum(problem.span_s, problem.end_s - 1.0)
    radius = circumscribed_radius(problem.volumes)
    rows: list[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]] = []
    when: list[NDArray[np.float64]] = []
    for t in times:
        alive = np.flatnonzero(problem.end_s - 1.0 >= t)
        r, v, _ = problem.trajectories.states(alive, np.full(len(alive), t))
        ends = np.flatnonzero((last[alive] == t) | (problem.end_s[alive] - 1.0 == t))
        catcher = problem.primary & (problem.span_s >= t)
        tree = cKDTree(r)
        reach = float(radius.max(initial=0.0))
        near: list[Any] = list(tree.query_ball_point(r[ends], reach))
        a = np.repeat(ends, [len(x) for x in near])
        b = np.concatenate([np.asarray(x, dtype=np.int64) for x in near] or [np.empty(0, np.int64)])
        # i's span ends: i catches. A trajectory ends: the pair ends, whoever catches.
        dead = problem.end_s[alive] - 1.0 == t
        pair = np.concatenate([np.stack([a, b], 1), np.stack([b, a], 1)[dead[a]]])
        pair = np.unique(pair[pair[:, 0] != pair[:, 1]], axis=0)
        pair = pair[catcher[alive[pair[:, 0]]]]
        state = np.concatenate([r, v], axis=1)
        d = state[pair[:, 1]] - state[pair[:, 0]]
        rate = (d[:, :3] * d[:, 3:]).sum(axis=1)
        distance = np.sqrt((d[:, :3] ** 2).sum(axis=1))
        rtn = to_rtn(state[pair[:, 0]], d[:, :3])
        keep = (rate < 0.0) & inside_volume(rtn, problem.volumes, alive[pair[:, 0]])
        rows.append((alive[pair[keep]], distance[keep], rate[keep] / distance[keep]))
        when.append(np.full(int(keep.sum()), t))
    pairs = np.concatenate([x[0] for x in rows] + [np.empty((0, 2), np.int64)])
    return ClosingAtEnd(
        pairs[:, 0],
        pairs[:, 1],
        np.concatenate([*when, np.empty(0)]),
        np.concatenate([x[1] for x in rows] + [np.empty(0)]),
        np.concatenate([x[2] for x in rows] + [np.empty(0)]),
    )
