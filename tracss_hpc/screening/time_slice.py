"""Screen one time slice: every conjunction of a set of trajectories in [start, stop).

Fed by trajectories (gp), volumes and spans; feeds assess and the results file. The chain:

    build_ephemeris -> per step: StepWalker -> find_pairs -> filter_pairs -> find_minima -> refine
    (SGP4 to nodes)    (states,     (cell grid, reach,  (chord,         (polynomials)  (SGP4, 1 us,
                        bounds)      radial interval)    range rate)                 volume test)

Objects that begin, end or jump within a step leave the grid for that step and are compared with
every other object on each continuous part of it. Approaches at a jump itself are one-sided minima
and handled apart. Exactness: each filter's proof stands in its kernel; the slice is searched 2 s
beyond both ends and a conjunction belongs to the slice that holds its TCA, so slices neither lose
nor repeat one.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.catalog.volumes import Volumes
from tracss_hpc.constants import DAY_S, MU_KM3_S2
from tracss_hpc.ephemeris.gp import GPTrajectories
from tracss_hpc.ephemeris.nodes import Discontinuities, Ephemeris, build_ephemeris
from tracss_hpc.ephemeris.steps import StepWalker
from tracss_hpc.kernels import close_approach, neighbours
from tracss_hpc.screening.criteria import circumscribed_radius, inside_volume, radial_pad, to_rtn
from tracss_hpc.screening.exhaustion import find_approaches, sample_positions
from tracss_hpc.screening.refine import refine_minima, relative_states

__all__ = ["FILTERS", "Conjunctions", "ScreeningProblem", "SliceResult", "screen_slice"]

#: Filters that `disable` may name; see neighbours.pyx and close_approach.pyx for their proofs.
FILTERS = ("cell_grid", "reach", "radial_interval", "chord", "range_rate", "volume_prefilter")

#: Bound on every acceleration but the two-body one [km/s^2] that the filters rest on. J2 makes
#: up to 3e-5 at 200 km, SGP4's own oddities 6e-4 in a whole catalog. Where an object is measured
#: above the bound (build_ephemeris) it leaves the grid and is compared with all others.
PERTURBATION_KM_S2 = 1e-3

#: No trajectory comes nearer to the Earth's centre [km]: SGP4 ends below one Earth radius.
LEAST_RADIUS_KM = 6300.0

EDGE_S = 2.0  # a slice is searched this far beyond its ends
_BATCH_STEPS = 8
_FEW = 4  # few objects catch: fewer than one in so many
_LONGEST_STEP_S = 120.0


@dataclass(frozen=True)
class ScreeningProblem:
    """What is screened against what; columns of shape (n,) over the trajectories.

    Attributes
    ----------
    trajectories : GPTrajectories
    volumes : Volumes
        Half sizes [km]; its spans [d] count from run start.
    primary : ndarray of bool
        Whether the object is on the list of primaries.
    end_s : ndarray
        When each trajectory ends [s since run start], inf when it does not.
    precedence : ndarray of int
        Smaller comes first as object1 when both objects caught each other.
    """

    trajectories: GPTrajectories
    volumes: Volumes
    primary: NDArray[np.bool_]
    end_s: NDArray[np.float64]
    precedence: NDArray[np.int64]

    @property
    def span_s(self) -> NDArray[np.float64]:
        """Span of each object [s since run start]."""
        return self.volumes.span_days * DAY_S


@dataclass(frozen=True)
class Conjunctions:
    """Columns of m conjunctions, sorted by (tca, object1, object2).

    `object1`, `object2` are rows of the problem; `tca_us` whole microseconds since run start;
    `state1`, `state2` (m, 6) TEME km, km/s at TCA; `in_volume1` says that object2 lies in object1's
    volume; `caught1` that object1 moreover is a primary and inside its span.
    """

    object1: NDArray[np.int64]
    object2: NDArray[np.int64]
    tca_us: NDArray[np.int64]
    state1: NDArray[np.float64]
    state2: NDArray[np.float64]
    in_volume1: NDArray[np.bool_]
    in_volume2: NDArray[np.bool_]
    caught1: NDArray[np.bool_]
    caught2: NDArray[np.bool_]
    at_discontinuity: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.tca_us)


@dataclass(frozen=True)
class SliceResult:
    """Conjunctions of one slice, what the filters let pass, and what the ephemeris measured.

    `early` are objects that met an SGP4 error before their known end, and left the slice there.
    """

    conjunctions: Conjunctions
    counts: dict[str, int]
    cpu_s: dict[str, float]
    jumps: Discontinuities
    error_km: NDArray[np.float64]
    early: NDArray[np.int64]


@dataclass
class _Search:
    """Growing lists of minima and running counts of one slice."""

    pairs: list[NDArray[np.int32]] = field(default_factory=list)
    times: list[NDArray[np.float64]] = field(default_factory=list)
    tested: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, dtype=np.int64))
    passed: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2, dtype=np.int64))
    candidates: int = 0


def screen_slice(
    problem: ScreeningProblem,
    start_s: float,
    stop_s: float,
    *,
    step_s: float = 60.0,
    segment_s: float = 1440.0,
    disable: Sequence[str] = (),
    engine: str = "grid",
) -> SliceResult:
    """Find every conjunction with start_s <= TCA < stop_s.

    Parameters
    ----------
    problem : ScreeningProblem
    start_s, stop_s : float
        The slice [s since run start], whole seconds.
    step_s, segment_s : float
        Internal steps [s] of the pair search (at most 120; doubled up to that where few objects
        catch) and of the node polynomials; they change the cost, never the result.
    disable : sequence of str
        Filters switched off, names of `FILTERS`.
    engine : {"grid", "brute"}
        "brute" compares every pair at every minute on SGP4 samples: small catalogs only.
        It sees neither jumps of SDP4 nor dips of the distance by less than half a metre.

    Returns
    -------
    SliceResult
    """
    clock = {"propagate": 0.0, "search": 0.0, "refine": 0.0}
    search = _Search()
    n = len(problem.trajectories)
    mark = time.process_time()
    # A trajectory that ends at second e is good up to e - 1.
    until = np.minimum(stop_s + EDGE_S, problem.end_s - 1.0)
    until[problem.end_s <= start_s] = -np.inf
    if engine == "brute":
        jumps = Discontinuities(np.empty(0, np.int64), np.empty(0), np.empty(0))
        error_km, early = np.zeros(n), np.empty(0, np.int64)
        _search_by_exhaustion(problem, start_s, stop_s, until, search)
        clock["search"] = time.process_time() - mark
    else:
        ephemeris = build_ephemeris(
            problem.trajectories, start_s - EDGE_S, until, segment_s=segment_s
        )
        jumps, error_km, early = ephemeris.jumps, ephemeris.error_km, ephemeris.early
        clock["propagate"] = time.process_time() - mark
        mark = time.process_time()
        _search_by_grid(problem, ephemeris, start_s, stop_s, step_s, frozenset(disable), search)
        clock["search"] = time.process_time() - mark
    mark = time.process_time()
    pairs = np.concatenate([*search.pairs, np.empty((0, 2), np.int32)]).astype(np.int64)
    times = np.concatenate([*search.times, np.empty(0)])
    tca_us, found = refine_minima(problem.trajectories, pairs, times)
    jump_pairs, jump_us = _approaches_at_jumps(problem, jumps)
    conjunctions = _collect(
        problem,
        np.concatenate([pairs[found], jump_pairs]),
        np.concatenate([tca_us[found], jump_us]),
        np.repeat([False, True], [int(found.sum()), len(jump_us)]),
        start_s,
        stop_s,
    )
    clock["refine"] = time.process_time() - mark
    counts = {
        "objects": int((until > start_s).sum()),
        "pairs_tested": int(search.tested[0]),
        "candidates": search.candidates,
        "after_chord": int(search.passed[0]),
        "after_range_rate": int(search.passed[1]),
        "minima": len(times),
        "refined": int(found.sum()),
        "conjunctions": len(conjunctions),
    }
    return SliceResult(conjunctions, counts, clock, jumps, error_km, early)


def _search_by_grid(
    problem: ScreeningProblem,
    ephemeris: Ephemeris,
    start_s: float,
    stop_s: float,
    step_s: float,
    off: frozenset[str],
    search: _Search,
) -> None:
    """Minima on the polynomials, step by step.

    Where few objects catch, pairs are few and the steps themselves cost most: they are doubled.
    """
    catching = problem.primary & (problem.span_s > start_s) & (ephemeris.stop > start_s)
    if _FEW * int(catching.sum()) < int((ephemeris.stop > start_s).sum()):
        step_s = max(step_s, min(2.0 * step_s, _LONGEST_STEP_S))
    steps = int(np.ceil((stop_s - start_s + 2.0 * EDGE_S) / step_s))
    edges = np.linspace(start_s - EDGE_S, stop_s + EDGE_S, steps + 1)
    breaks = _breaks(ephemeris, float(edges[0]), float(edges[-1]))
    rough = _rough_parts(ephemeris)
    walker = StepWalker(ephemeris, PERTURBATION_KM_S2)
    volume = _StepVolumes(problem, float(edges[0]))
    room = _Room(len(ephemeris))
    for first in range(0, steps, _BATCH_STEPS):
        last = min(first + _BATCH_STEPS, steps)
        planes = walker.advance(edges[first : last + 1])
        near = walker.segment
        for q in range(last - first):
            a, b = float(edges[first + q]), float(edges[first + q + 1])
            volume.at(a)
            inside = _broken_within(breaks, rough, a, b)
            if inside:
                planes[q][:, list(inside)] = np.nan
                _search_broken(ephemeris, near, inside, a, b, volume, off, search)
            _search_step(ephemeris, near, planes[q], (a, b), volume, off, search, room)


class _Room:
    """Buffers of one search, used again in every step."""

    def __init__(self, n: int) -> None:
        self.scratch = neighbours.make_scratch(n)
        self.grow(max(2 * n, 1000))

    def grow(self, size: int) -> None:
        """Make room for `size` pairs."""
        self.pairs = np.empty((size, 2), dtype=np.int32)
        self.kept = np.empty(size, dtype=np.int32)
        self.guess = np.empty(size)


class _StepVolumes:
    """The volumes as the kernels want them; `rho` and `pad` follow the spans."""

    def __init__(self, problem: ScreeningProblem, t: float) -> None:
        v = problem.volumes
        self.half_size = np.stack([v.r_km, v.t_km, v.n_km], axis=1)
        self.box = v.shape == "BOX"
        self._radius = circumscribed_radius(v).astype(np.float32) * np.float32(1.0 + 1e-6)
        pad = radial_pad(v, np.full(len(v), LEAST_RADIUS_KM))
        self._pad = pad.astype(np.float32) * np.float32(1.0 + 1e-6)
        self._ends = np.unique(problem.span_s[problem.primary])
        self._problem = problem
        self._until = t
        self.at(t)

    def at(self, t: float) -> None:
        """Bring `rho` and `pad` to time t [s]; it must not go back."""
        if t < self._until:
            return
        catching = self._problem.primary & (self._problem.span_s > t)
        self.rho = np.where(catching, self._radius, np.float32(-np.inf))
        self.pad = np.where(catching, self._pad, np.float32(0.0))
        later = self._ends[self._ends > t]
        self._until = float(later[0]) if len(later) else np.inf


def _search_step(
    ephemeris: Ephemeris,
    near: NDArray[np.int64],
    plane: NDArray[np.float32],
    step: tuple[float, float],
    volume: _StepVolumes,
    off: frozenset[str],
    search: _Search,
    room: _Room,
) -> None:
    """One step of the objects that move continuously through all of it."""
    half = 0.5 * (step[1] - step[0])
    while True:
        tested = np.zeros(1, dtype=np.int64)
        count = neighbours.find_pairs(
            plane, volume.pad, volume.rho, half, room.pairs, tested, room.scratch,
            "cell_grid" not in off, "reach" not in off, "radial_interval" not in off,
        )  # fmt: skip
        if count <= len(room.pairs):
            break
        room.grow(count + count // 4)
    search.tested += tested
    search.candidates += count
    chosen = close_approach.filter_pairs(
        room.pairs, count, plane, volume.rho, half, MU_KM3_S2, PERTURBATION_KM_S2, room.kept,
        room.guess, search.passed, "chord" not in off, "range_rate" not in off,
    )  # fmt: skip
    _find_minima(
        ephemeris, room.pairs, room.kept[:chosen], room.guess[:chosen], near, step, volume, off,
        search,
    )  # fmt: skip


def _find_minima(
    ephemeris: Ephemeris,
    pairs: NDArray[np.int32],
    chosen: NDArray[np.int32],
    guess: NDArray[np.float64],
    near: NDArray[np.int64],
    step: tuple[float, float],
    volume: _StepVolumes,
    off: frozenset[str],
    search: _Search,
    perturbation: float = PERTURBATION_KM_S2,
) -> None:
    """Append the minima of the chosen pairs within the step."""
    size = len(chosen) + 16
    while True:
        pair, t = np.empty((size, 2), dtype=np.int32), np.empty(size)
        count = close_approach.find_minima(
            pairs, chosen, guess, *step, ephemeris.offset, near, ephemeris.begin, ephemeris.mid,
            ephemeris.inv_half, ephemeris.coef, volume.half_size, volume.rho, volume.box,
            MU_KM3_S2, perturbation, pair, t, "volume_prefilter" not in off,
        )  # fmt: skip
        if count <= size:
            break
        size = count
    if count:
        search.pairs.append(pair[:count])
        search.times.append(t[:count])


def _breaks(ephemeris: Ephemeris, a: float, b: float) -> dict[int, NDArray[np.float64]]:
    """Objects that begin, end or jump strictly within (a, b), and when [s]."""
    when: dict[int, list[float]] = {}
    for row in np.flatnonzero((ephemeris.start > a) & (ephemeris.start < b)):
        when.setdefault(int(row), []).append(float(ephemeris.start[row]))
    for row in np.flatnonzero((ephemeris.stop > a) & (ephemeris.stop < b)):
        when.setdefault(int(row), []).append(float(ephemeris.stop[row]))
    for row, t in zip(ephemeris.jumps.objects, ephemeris.jumps.t, strict=True):
        when.setdefault(int(row), []).append(float(t))
    return {row: np.array(sorted(t)) for row, t in when.items()}


def _rough_parts(ephemeris: Ephemeris) -> list[tuple[int, float, float]]:
    """Object and times [s] of the segments whose acceleration exceeds the filters' bound."""
    segments = np.flatnonzero(ephemeris.perturbation_km_s2 > PERTURBATION_KM_S2)
    rows = np.searchsorted(ephemeris.offset, segments, side="right") - 1
    half = 1.0 / ephemeris.inv_half[segments]
    begin, end = ephemeris.mid[segments] - half, ephemeris.mid[segments] + half
    return list(zip(rows.tolist(), begin.tolist(), end.tolist(), strict=True))


def _broken_within(
    breaks: dict[int, NDArray[np.float64]],
    rough: list[tuple[int, float, float]],
    a: float,
    b: float,
) -> dict[int, NDArray[np.float64]]:
    """Objects that leave the grid in the step [a, b], each with its breaks inside [s]."""
    inside = {row: t for row, t in breaks.items() if np.any((t >= a) & (t <= b))}
    for row, begin, end in rough:
        if begin < b and end > a:
            inside.setdefault(row, np.empty(0))
    return inside


def _search_broken(
    ephemeris: Ephemeris,
    near: NDArray[np.int64],
    broken: dict[int, NDArray[np.float64]],
    a: float,
    b: float,
    volume: _StepVolumes,
    off: frozenset[str],
    search: _Search,
) -> None:
    """Compare each broken object with all others on every continuous part of the step."""
    cuts = np.unique(np.concatenate([[a, b], *broken.values()]))
    cuts = cuts[(cuts >= a) & (cuts <= b)]
    perturbation = max(
        PERTURBATION_KM_S2,
        *(
            float(ephemeris.perturbation_km_s2[ephemeris.offset[i] : ephemeris.offset[i + 1]].max())
            for i in broken
        ),
    )
    for row in broken:
        for left, right in itertools.pairwise(cuts):
            present = (ephemeris.start <= left) & (ephemeris.stop >= right)
            if not present[row]:
                continue
            present[row] = False
            # A pair of two broken objects is taken once, by the smaller row.
            present[[other for other in broken if other < row]] = False
            others = np.flatnonzero(present).astype(np.int32)
            pairs = np.stack([np.full(len(others), row, np.int32), others], axis=1)
            search.tested += len(others)
            _find_minima(
                ephemeris, pairs, np.arange(len(others), dtype=np.int32), np.empty(0),
                near, (float(left), float(right)), volume, off, search, perturbation,
            )  # fmt: skip


def _approaches_at_jumps(
    problem: ScreeningProblem, jumps: Discontinuities
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """One-sided minima at SDP4's jumps: closing before and farther after, or the mirror image."""
    pairs, times = [np.empty((0, 2), np.int64)], [np.empty(0, np.int64)]
    for row, t in zip(jumps.objects, jumps.t, strict=True):
        after = round(t * 1000) * 1000  # us; the jump lies in the millisecond before
        before = after - 1000
        others = np.flatnonzero(problem.end_s > t + 1.0)
        others = others[others != row]
        at = np.array([before - 100_000, before, after, after + 100_000]) / 1e6
        r, _, _ = problem.trajectories.states(
            np.append(others, row), np.tile(at, (len(others) + 1, 1))
        )
        d = np.sqrt(((r[:-1] - r[-1]) ** 2).sum(axis=2))
        farther_after = (d[:, 1] < d[:, 0]) & (d[:, 2] > d[:, 1] + 1e-6)
        farther_before = (d[:, 3] > d[:, 2]) & (d[:, 1] > d[:, 2] + 1e-6)
        for rows, us in ((farther_after, before), (farther_before, after)):
            near = others[rows]
            pairs.append(np.stack([np.full(len(near), row), near], axis=1))
            times.append(np.full(len(near), us))
    return np.concatenate(pairs), np.concatenate(times)


def _search_by_exhaustion(
    problem: ScreeningProblem,
    start_s: float,
    stop_s: float,
    until: NDArray[np.float64],
    search: _Search,
) -> None:
    """Minima of every pair on SGP4 positions sampled each minute; see brute.pyx."""
    r, speed = sample_positions(problem.trajectories, start_s, stop_s, until)
    radius = circumscribed_radius(problem.volumes)
    catching = problem.primary & (problem.span_s > start_s)
    rho = np.where(catching, radius, -np.inf)
    n = r.shape[2]
    pairs, t = find_approaches(r, np.arange(n), speed, rho, later_only=True)
    search.tested += n * (n - 1) // 2 * (len(r) - 4)
    search.pairs.append(pairs)
    search.times.append(start_s + t)


def _collect(
    problem: ScreeningProblem,
    pairs: NDArray[np.int64],
    tca_us: NDArray[np.int64],
    at_jump: NDArray[np.bool_],
    start_s: float,
    stop_s: float,
) -> Conjunctions:
    """Test the volumes at the true states, order the members, drop repeats, sort."""
    end_us = problem.end_s[pairs].min(axis=1, initial=np.inf) * 1e6
    own = (tca_us >= start_s * 1e6) & (tca_us < stop_s * 1e6) & (tca_us < end_us)
    pairs, tca_us, at_jump = np.sort(pairs[own], axis=1), tca_us[own], at_jump[own]
    order = np.lexsort((pairs[:, 1], pairs[:, 0], tca_us))
    pairs, tca_us, at_jump = pairs[order], tca_us[order], at_jump[order]
    repeat = np.zeros(len(tca_us), dtype=bool)
    repeat[1:] = (tca_us[1:] == tca_us[:-1]) & (pairs[1:] == pairs[:-1]).all(axis=1)
    pairs, tca_us, at_jump = pairs[~repeat], tca_us[~repeat], at_jump[~repeat]
    t = tca_us / 1e6
    state_a, state_b = relative_states(problem.trajectories, pairs, t)
    d = state_b[:, :3] - state_a[:, :3]
    in_a = inside_volume(to_rtn(state_a, d), problem.volumes, pairs[:, 0])
    in_b = inside_volume(to_rtn(state_b, -d), problem.volumes, pairs[:, 1])
    catches = problem.primary[pairs] & (t[:, None] < problem.span_s[pairs])
    caught_a, caught_b = in_a & catches[:, 0], in_b & catches[:, 1]
    row = caught_a | caught_b
    # object1: the one that caught; both: by precedence.
    rank = problem.precedence[pairs]
    swap = np.where(caught_a == caught_b, rank[:, 1] < rank[:, 0], caught_b)[row]

    def choose(a: NDArray[Any], b: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        mask = swap.reshape(-1, *([1] * (a.ndim - 1)))
        return np.where(mask, b[row], a[row]), np.where(mask, a[row], b[row])

    object1, object2 = choose(pairs[:, 0], pairs[:, 1])
    state1, state2 = choose(state_a, state_b)
    in1, in2 = choose(in_a, in_b)
    caught1, caught2 = choose(caught_a, caught_b)
    tca_us, at_jump = tca_us[row], at_jump[row]
    order = np.lexsort((object2, object1, tca_us))
    return Conjunctions(
        object1[order], object2[order], tca_us[order], state1[order], state2[order],
        in1[order], in2[order], caught1[order], caught2[order], at_jump[order],
    )  # fmt: skip
