"""Screen one time slice: every conjunction of a set of trajectories in [start, stop).

Fed by trajectories (gp), volumes and spans; feeds assess and the results file. The chain:

    build_ephemeris -> per step: StepWalker -> find_pairs -> filter_pairs -> find_minima -> refine
    (SGP4 to nodes)    (states,     (cell grid, reach,  (chord,       (SGP4 to short  (SGP4, 1 us,
                        bounds)      radial interval)    range rate)   series)        volume test)

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
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.catalog.volumes import Volumes
from tracss_hpc.constants import DAY_S, MU_KM3_S2
from tracss_hpc.ephemeris.gp import GPTrajectories
from tracss_hpc.ephemeris.nodes import Discontinuities, Ephemeris, build_ephemeris
from tracss_hpc.ephemeris.steps import FIELDS, StepWalker
from tracss_hpc.kernels import close_approach, neighbours
from tracss_hpc.screening.criteria import circumscribed_radius, inside_volume, radial_pad, to_rtn
from tracss_hpc.screening.exhaustion import find_approaches, sample_positions
from tracss_hpc.screening.minima import Candidates, Shapes, find_minima
from tracss_hpc.screening.refine import refine_minima, relative_states
from tracss_hpc.screening.runaways import cover_runaway, find_runaways, pair_runaways

__all__ = ["FILTERS", "Conjunctions", "ScreeningProblem", "SliceResult", "screen_slice"]

#: Filters that `disable` may name; see neighbours.pyx and close_approach.pyx for their proofs.
FILTERS = ("cell_grid", "reach", "radial_interval", "chord", "range_rate", "volume_prefilter")

#: No trajectory comes nearer to the Earth's centre [km]: SGP4 ends below one Earth radius.
LEAST_RADIUS_KM = 6300.0

#: No two objects on orbits close faster [km/s]: twice the escape speed at the Earth's surface.
_CLOSING_KM_S = 25.0
EDGE_S = 2.0  # a slice is searched this far beyond its ends
_BATCH_STEPS = 8
#: Minima are looked for this far beyond both ends of a step. What SGP4's rounding (1e-9 km) does to
#: the rate of a slow pair's distance differs from one step's series to the next one's: without an
#: overlap both may take a minimum at the edge for the other's. Found twice it is dropped later.
_OVERLAP_S = 10.0
_SAME_S = 1e-3  # two minima of a pair that are nearer are one
_JUMP_S = 1e-3  # a jump at t lies in (t - 1 ms, t]
_TRAVEL = FIELDS.index("travel")
_FEW = 4  # few objects catch: fewer than one in so many
_LONGEST_STEP_S = 240.0
_MOST_WAITING = 1 << 17  # candidates whose minima are looked for together


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

    trajectories: GPTrajectories
    off: frozenset[str]
    pairs: list[NDArray[np.int32]] = field(default_factory=list)
    times: list[NDArray[np.float64]] = field(default_factory=list)
    tested: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, dtype=np.int64))
    passed: NDArray[np.int64] = field(default_factory=lambda: np.zeros(3, dtype=np.int64))
    candidates: int = 0


def screen_slice(
    problem: ScreeningProblem,
    start_s: float,
    stop_s: float,
    *,
    step_s: float = 120.0,
    segment_s: float = 2880.0,
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
        Internal steps [s] of the pair search (at most 240; doubled up to that where few objects
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
    search = _Search(problem.trajectories, frozenset(disable))
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
        _search_by_grid(problem, ephemeris, start_s, stop_s, step_s, search)
        clock["search"] = time.process_time() - mark
    mark = time.process_time()
    pairs, times = _each_once(search)
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
        "after_prefilter": int(search.passed[2]),
        "minima": len(times),
        "refined": int(found.sum()),
        "conjunctions": len(conjunctions),
    }
    return SliceResult(conjunctions, counts, clock, jumps, error_km, early)


def _each_once(search: _Search) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pairs and times [s] of all minima, those that two steps found taken once."""
    pairs = np.concatenate([*search.pairs, np.empty((0, 2), np.int32)]).astype(np.int64)
    times = np.concatenate([*search.times, np.empty(0)])
    order = np.lexsort((times, pairs[:, 1], pairs[:, 0]))
    pairs, times = pairs[order], times[order]
    again = np.zeros(len(times), dtype=bool)
    again[1:] = (pairs[1:] == pairs[:-1]).all(axis=1) & (np.diff(times) < _SAME_S)
    return pairs[~again], times[~again]


def _search_by_grid(
    problem: ScreeningProblem,
    ephemeris: Ephemeris,
    start_s: float,
    stop_s: float,
    step_s: float,
    search: _Search,
) -> None:
    """Candidates of every step, and their minima.

    Where few objects catch, pairs are few and the steps themselves cost most: they are doubled.
    """
    catching = problem.primary & (problem.span_s > start_s) & (ephemeris.stop > start_s)
    if _FEW * int(catching.sum()) < int((ephemeris.stop > start_s).sum()):
        step_s = max(step_s, min(2.0 * step_s, _LONGEST_STEP_S))
    steps = int(np.ceil((stop_s - start_s + 2.0 * EDGE_S) / step_s))
    edges = np.linspace(start_s - EDGE_S, stop_s + EDGE_S, steps + 1)
    breaks = _breaks(ephemeris, float(edges[0]), float(edges[-1]))
    runaways = find_runaways(ephemeris)
    walker = StepWalker(ephemeris)
    volume = _StepVolumes(problem, float(edges[0]))
    room = _Room(len(ephemeris))
    waiting: list[Candidates] = []
    for first in range(0, steps, _BATCH_STEPS):
        last = min(first + _BATCH_STEPS, steps)
        lines = walker.advance(edges[first : last + 1])
        near = walker.segment
        for q in range(last - first):
            a, b = float(edges[first + q]), float(edges[first + q + 1])
            if volume.ends_before(a):
                _find_minima(waiting, volume, search)
                volume.at(a)
            # Nor may the series of a step reach across a break.
            first_s, last_s = a - _OVERLAP_S, b + _OVERLAP_S
            inside = {row: t for row, t in breaks.items() if np.any((t >= first_s) & (t <= last_s))}
            lines[q][list(inside)] = np.nan
            waiting += pair_runaways(
                problem.trajectories, runaways, lines[q], a, b, volume.rho, _OVERLAP_S
            )
            if inside:
                waiting += _broken(ephemeris, lines[q], inside, a, b, volume, search, runaways)
            waiting.append(_search_step(ephemeris, near, lines[q], a, b, volume, search, room))
        if sum(map(len, waiting)) > _MOST_WAITING:
            _find_minima(waiting, volume, search)
    _find_minima(waiting, volume, search)


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
        self.at(t)

    def ends_before(self, t: float) -> bool:
        """Whether a span has ended at t [s]: then `at` must follow."""
        return t >= self._until

    def at(self, t: float) -> None:
        """Bring `rho` and `pad` to time t [s]; it must not go back."""
        catching = self._problem.primary & (self._problem.span_s > t)
        self.rho = np.where(catching, self._radius, np.float32(-np.inf))
        self.pad = np.where(catching, self._pad, np.float32(0.0))
        later = self._ends[self._ends > t]
        self._until = float(later[0]) if len(later) else np.inf


def _search_step(
    ephemeris: Ephemeris,
    near: NDArray[np.int64],
    line: NDArray[np.float32],
    a: float,
    b: float,
    volume: _StepVolumes,
    search: _Search,
    room: _Room,
) -> Candidates:
    """What the filters leave of a step, among objects that move continuously through all of it."""
    half, off = 0.5 * (b - a), search.off
    while True:
        tested = np.zeros(1, dtype=np.int64)
        count = neighbours.find_pairs(
            line, volume.pad, volume.rho, half, MU_KM3_S2, room.pairs, tested, room.scratch,
            "cell_grid" not in off, "reach" not in off, "radial_interval" not in off,
            "chord" not in off,
        )  # fmt: skip
        if count <= len(room.pairs):
            break
        room.grow(count + count // 4)
    search.tested += tested
    search.candidates += count
    chosen = close_approach.filter_pairs(
        room.pairs, count, line, volume.rho, half, MU_KM3_S2, room.kept, room.guess,
        search.passed, "chord" not in off, "range_rate" not in off,
    )  # fmt: skip
    if chosen and "volume_prefilter" not in off:
        chosen = close_approach.dismiss_pairs(
            room.pairs, chosen, line, a, b, ephemeris.offset, near, ephemeris.record,
            volume.half_size, volume.rho, volume.box, MU_KM3_S2, room.kept, room.guess,
        )  # fmt: skip
    search.passed[2] += chosen
    guess = 0.5 * (a + b) + room.guess[:chosen]
    begin, end = np.full(chosen, a - _OVERLAP_S), np.full(chosen, b + _OVERLAP_S)
    return Candidates(room.pairs[room.kept[:chosen]], begin, end, guess)


def _find_minima(waiting: list[Candidates], volume: _StepVolumes, search: _Search) -> None:
    """Append the minima of all that wait; the volumes must be those of their steps."""
    if waiting:
        columns = (
            np.concatenate([getattr(some, f.name) for some in waiting]) for f in fields(Candidates)
        )
        pairs, t = find_minima(
            search.trajectories, Candidates(*columns),
            Shapes(volume.half_size, volume.rho, volume.box),
            prefilter="volume_prefilter" not in search.off,
        )  # fmt: skip
        search.pairs.append(pairs)
        search.times.append(t)
        waiting.clear()


def _breaks(ephemeris: Ephemeris, a: float, b: float) -> dict[int, NDArray[np.float64]]:
    """Objects that begin, end or jump strictly within (a, b), and when [s]."""
    when: dict[int, list[float]] = {}
    for row in np.flatnonzero((ephemeris.start > a) & (ephemeris.start < b)):
        when.setdefault(int(row), []).append(float(ephemeris.start[row]))
    for row in np.flatnonzero((ephemeris.stop > a) & (ephemeris.stop < b)):
        when.setdefault(int(row), []).append(float(ephemeris.stop[row]))
    for row, t in zip(ephemeris.jumps.objects, ephemeris.jumps.t, strict=True):
        # The millisecond that holds the jump belongs to neither side.
        when.setdefault(int(row), []).extend([float(t) - _JUMP_S, float(t)])
    return {row: np.array(sorted(t)) for row, t in when.items()}


def _broken(
    ephemeris: Ephemeris,
    line: NDArray[np.float32],
    broken: dict[int, NDArray[np.float64]],
    a: float,
    b: float,
    volume: _StepVolumes,
    search: _Search,
    runaways: NDArray[np.int64],
) -> list[Candidates]:
    """Each broken object with all others that it may reach on every continuous part of the step."""
    cuts = np.unique(np.concatenate([[a, b], *broken.values()]))
    cuts = cuts[(cuts >= a) & (cuts <= b)]
    position, travel = (
        line[: len(ephemeris), :3].astype(np.float64),
        line[: len(ephemeris), _TRAVEL],
    )
    jumps = ephemeris.jumps
    found = []
    for left, right in itertools.pairwise(cuts):
        jumping = jumps.objects[(jumps.t - _JUMP_S <= left) & (right <= jumps.t)]
        for row in broken:
            present = (ephemeris.start <= left) & (ephemeris.stop >= right)
            present[jumping] = False  # see _approaches_at_jumps
            if not present[row]:
                continue
            present[row] = False
            # A pair of two broken objects is taken once, by the smaller row.
            present[[other for other in broken if other < row]] = False
            search.tested += int(present.sum())
            if row in runaways:
                centre, extent, least = cover_runaway(
                    search.trajectories, ephemeris, row, left, right
                )
            else:
                at, _ = search.trajectories.positions(np.array([row]), np.array([[left]]))
                centre, extent, least = at[0, :, 0], _CLOSING_KM_S * (right - left), 0.0
            away = np.sqrt(((position - centre) ** 2).sum(axis=1))
            radius = np.maximum(volume.rho, volume.rho[row])
            # The others are known at the middle of the step; NaN: broken or runaways as well.
            far = away > radius + travel + extent
            far |= least > np.sqrt((position**2).sum(axis=1)) + radius + travel
            others = np.flatnonzero(present & ~far & (radius >= 0.0)).astype(np.int32)
            pairs = np.stack([np.full(len(others), row, np.int32), others], axis=1)
            whole = [np.full(len(others), t) for t in (left, right, np.nan)]
            found.append(Candidates(pairs, *whole))
    return found


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
