"""Place the satellites of a constellation shell: planes, slots, and who keeps clear of whom.

Fed by `population` with one `[[shell]]` of population.toml; gives angles at one instant back to it.

Two satellites of one shell (same altitude and inclination) whose planes cross meet at the crossing
when the difference of their arguments of latitude has one value that follows from the planes alone:

    u1 - u2 = 2 atan(cos i tan((node2 - node1) / 2))

(spherical triangle of the two planes; both crossings give the same value). So "neighbours keep
clear" is one forbidden interval per placed satellite on the circle of a new satellite's argument of
latitude. Satellites are placed plane by plane outside those intervals, except for the part of the
shell that does not care. With random phases the four largest shells make 6,760 conjunctions an hour
instead of the real 1,239.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.catalog.draws import Floats, cumulative_counts, normal
from tracss_hpc.constants import RE_KM

__all__ = ["place_shell"]

_GRID = 3600  # cells of 0.1 deg on the circle of argument of latitude
_COS_CLOSE = 0.82  # planes at less than 35 deg: satellites meet at less than 4.5 km/s
_BLIND = 0.2  # part of the careless satellites that do not spare neighbouring planes either
_BESIDE_DEG = 0.03  # between satellites that fly side by side
_TRIES = 12  # places tried in a slot
_SHARE_DEG = 0.95  # second satellite of a shared slot, as the shell at 570 km has them
_LAYER_KM = 1.7  # altitude step between copies of a shell that has grown
_SAME_ALTITUDE_KM = 2.0  # planes farther apart in altitude do not meet


def place_shell(
    shell: dict[str, Any], objects: int, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """Draw `objects` satellites of one shell.

    A shell that grows beyond its measured size becomes several layers, 1.7 km apart and turned
    against each other: an operator adds altitudes, not satellites to full planes.

    Parameters
    ----------
    shell : dict
        One `[[shell]]` table of population.toml.
    objects : int
        Satellites wanted.
    rng : Generator
        Source of all draws.

    Returns
    -------
    a, raan, u : ndarray, shape (objects,)
        Semi-major axis [km], node and argument of latitude [deg] at population start.
    """
    full = int(shell["objects"])
    layers = []
    for layer in range(-(-objects // full)):
        offset = _LAYER_KM * ((layer + 1) // 2) * (1.0 if layer % 2 else -1.0)
        turn = 360.0 * float(rng.random()) if layer else 0.0
        a, raan, u = _place_layer(shell, min(full, objects - layer * full), rng)
        layers.append((a + offset, np.mod(raan + turn, 360.0), u))
    a, raan, u = (np.concatenate(column) for column in zip(*layers, strict=True))
    return a, raan, u


def _place_layer(
    shell: dict[str, Any], objects: int, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """One layer: planes in random order, each clear of those placed before."""
    planes = np.array(shell["planes"], dtype=np.float64)
    counts = cumulative_counts(planes[:, 1].astype(np.int64), objects)
    axis = RE_KM + float(shell["altitude_km"])
    cos_i = math.cos(math.radians(float(shell["inclination_deg"])))
    node, phase, height = np.empty(0), np.empty(0), np.empty(0)
    for p in np.argsort(rng.random(len(planes)), kind="stable"):
        n = int(counts[p])
        near = np.abs(height - planes[p, 2]) < _SAME_ALTITUDE_KM
        keep_out = float(shell["keep_out_km"]) / axis
        taken = _forbidden(node[near], phase[near], planes[p, 0], cos_i, keep_out)
        if int(shell["slots"]):
            u = _fill_slots(shell, n, float(planes[p, 3]), taken, rng)
        else:
            u = _fill_freely(n, taken, keep_out, float(shell["careless"]), rng)
        node = np.concatenate([node, np.full(n, planes[p, 0])])
        phase = np.concatenate([phase, u])
        height = np.concatenate([height, np.full(n, planes[p, 2])])
    a = axis + height + float(shell["altitude_scatter_km"]) * normal(rng, objects)
    raan = np.mod(node + float(shell["raan_scatter_deg"]) * normal(rng, objects), 360.0)
    # Satellites that fly side by side: one is moved next to another, nose to tail.
    pool = np.argsort(rng.random(objects), kind="stable")
    n = (int(shell["paired"]) * objects) // int(shell["objects"])
    follower, host = pool[:n], pool[n : 2 * n]
    a[follower], raan[follower] = a[host], raan[host]
    phase[follower] = phase[host] + _BESIDE_DEG * normal(rng, n)
    return a, raan, phase


def _forbidden(
    node: Floats, phase: Floats, plane: float, cos_i: float, keep_out: float
) -> NDArray[np.int64]:
    """How many placed satellites forbid each cell of argument of latitude in `plane`.

    Returned with shape (2, cells): satellites of planes at less than 35 deg, and all satellites.
    """
    half = np.radians(node - plane) / 2.0
    lag = 2.0 * np.degrees(np.arctan2(cos_i * np.sin(half), np.cos(half)))
    # Angle gamma between the planes: a lag of s km along track is a miss of s cos(gamma / 2), which
    # has the components s cos2(gamma / 2) in-track and s cos(gamma / 2) sin(gamma / 2) cross-track.
    cos_gamma = cos_i**2 + (1.0 - cos_i**2) * np.cos(2.0 * half)
    cos2 = np.maximum((1.0 + cos_gamma) / 2.0, 0.01)
    part = np.maximum(cos2, np.sqrt(cos2 * (1.0 - cos2)))
    centre, half_width = np.mod(phase + lag, 360.0), np.degrees(keep_out / part)
    close = cos_gamma > _COS_CLOSE
    near = _cover(centre[close], half_width[close])
    return np.stack([near, near + _cover(centre[~close], half_width[~close])])


def _cover(centre: Floats, half_width: Floats) -> NDArray[np.int64]:
    """Number of intervals over each grid cell of the circle."""
    first = np.floor((centre - half_width) * (_GRID / 360.0)).astype(np.int64)
    last = np.floor((centre + half_width) * (_GRID / 360.0)).astype(np.int64)
    edge = np.zeros(3 * _GRID + 1, dtype=np.int64)
    np.add.at(edge, first + _GRID, 1)
    np.add.at(edge, last + _GRID + 1, -1)
    return np.asarray(np.cumsum(edge)[: 3 * _GRID].reshape(3, _GRID).sum(axis=0))


def _fill_slots(
    shell: dict[str, Any],
    n: int,
    phase: float,
    taken: NDArray[np.int64],
    rng: np.random.Generator,
) -> Floats:
    """Arguments of latitude [deg] of the n satellites of a plane with slots."""
    slots = int(shell["slots"])
    places = slots * -(-n // slots)
    slot = phase + (np.arange(places) % slots) * (360.0 / slots)
    slot += (np.arange(places) // slots) * _SHARE_DEG
    scatter = float(shell["slot_scatter_deg"])
    # Careless satellites look out for neighbouring planes only, or (blind) for nobody.
    n_careless = round(n * float(shell["careless"]))
    n_blind = round(_BLIND * n_careless)
    u = slot + scatter * normal(rng, places)
    order = np.argsort(rng.random(places), kind="stable")
    order[n_blind:] = order[n_blind:][
        np.argsort(_load_at(u[order[n_blind:]], taken[0]), kind="stable")
    ]
    careless, rest = order[:n_careless], order[n_careless:]
    kept = u[careless]
    load = _load_at(u, taken[1])
    for _ in range(_TRIES):
        # Whoever meets someone tries another place in its slot and keeps the better one.
        other = slot + scatter * normal(rng, places)
        other_load = _load_at(other, taken[1])
        better = other_load < load
        u, load = np.where(better, other, u), np.where(better, other_load, load)
    rest = rest[np.argsort(load[rest] * places + rng.random(len(rest)), kind="stable")]
    return np.asarray(np.mod(np.concatenate([kept, u[rest[: n - n_careless]]]), 360.0))


def _load_at(u: Floats, taken: NDArray[np.int64]) -> NDArray[np.int64]:
    """Value of `taken` at arguments of latitude [deg]."""
    return taken[np.floor(np.mod(u, 360.0) * (_GRID / 360.0)).astype(np.int64) % _GRID]


def _fill_freely(
    n: int, taken: NDArray[np.int64], keep_out: float, careless: float, rng: np.random.Generator
) -> Floats:
    """A plane without slots: each satellite where it is free, clear of its own plane anyway."""
    u = np.empty(n)
    own = np.zeros(_GRID, dtype=np.int64)
    half_width = np.array([math.degrees(keep_out)])
    for k in range(n):
        chance = rng.random()
        seen = 0 if chance < _BLIND * careless else taken[0 if chance < careless else 1]
        load = own * _GRID + seen
        best = np.flatnonzero(load == load.min())
        cell = best[int(rng.random() * len(best))]
        u[k] = (float(cell) + float(rng.random())) * (360.0 / _GRID)
        own += _cover(u[k : k + 1], half_width)
    return u
