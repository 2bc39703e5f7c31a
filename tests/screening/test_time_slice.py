"""The engine against the oracle on the planted catalog: no miss, no invention, exact values."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Literal

import numpy as np
import pytest

from tests.oracles.conjunctions import Event, box_depth, end_of
from tests.oracles.planted import START
from tests.oracles.planted_world import (
    SPHERE_KM,
    WINDOW_S,
    oracle_minima,
    oracle_objects,
    planted_catalog,
    planted_problem,
)
from tracss_hpc.screening.criteria import to_rtn
from tracss_hpc.screening.time_slice import FILTERS, Conjunctions, ScreeningProblem, screen_slice

FACE_KM = 1e-3
Shape = Literal["BOX", "SPHERE"]


def depths(event: Event, shape: Shape) -> tuple[float, float]:
    """Distance [km] to the surface of either volume, negative outside."""
    if shape == "BOX":
        return box_depth(event, oracle_objects())
    return SPHERE_KM - event.miss, SPHERE_KM - event.miss


def join(parts: list[Conjunctions]) -> Conjunctions:
    """Conjunctions of successive slices as one."""
    names = [f.name for f in dataclasses.fields(Conjunctions)]
    return Conjunctions(*(np.concatenate([getattr(p, n) for p in parts]) for n in names))


def assert_identical(a: Conjunctions, b: Conjunctions) -> None:
    for f in dataclasses.fields(Conjunctions):
        np.testing.assert_array_equal(getattr(a, f.name), getattr(b, f.name), err_msg=f.name)


@pytest.fixture(scope="module")
def whole() -> Conjunctions:
    """The planted window in one slice, standard settings."""
    return screen_slice(planted_problem(), 0.0, WINDOW_S).conjunctions


@pytest.mark.parametrize("shape", ["BOX", "SPHERE"])
@pytest.mark.parametrize("engine", ["grid", "brute"])
def test_finds_what_the_oracle_finds(shape: Shape, engine: str) -> None:
    problem = planted_problem(shape)
    c = screen_slice(problem, 0.0, WINDOW_S, engine=engine).conjunctions
    t = c.tca_us / 1e6
    dr = c.state2[:, :3] - c.state1[:, :3]
    rtn1, rtn2 = to_rtn(c.state1, dr), to_rtn(c.state2, -dr)
    miss = np.linalg.norm(dr, axis=1)
    names = oracle_objects().names
    rows: dict[tuple[int, int], list[int]] = {}
    for k in range(len(c)):
        a, b = int(c.object1[k]), int(c.object2[k])
        rows.setdefault((min(a, b), max(a, b)), []).append(k)
    expected = 0
    for event in oracle_minima():
        depth = depths(event, shape)
        near = rows.get((event.i, event.j), [])
        # TCA within 1 ms for the fast, by 10 m of way for the slow.
        tolerance = 1e-3 if event.speed > 0.1 else 0.01 / event.speed
        k = min(near, key=lambda k: abs(t[k] - event.t), default=-1)
        hit = k >= 0 and abs(t[k] - event.t) <= tolerance
        label = f"{names[event.i]} x {names[event.j]} at {event.t:.3f} s, depth {depth}"
        if max(depth) > FACE_KM:
            assert hit, f"missed: {label}"
        if not hit:
            continue
        near.remove(k)
        expected += max(depth) > FACE_KM
        assert max(depth) >= -FACE_KM, f"invented: {label}"
        assert miss[k] == pytest.approx(event.miss, abs=1e-3), label
        swapped = int(c.object1[k]) == event.j
        ours = (rtn2[k], rtn1[k]) if swapped else (rtn1[k], rtn2[k])
        flags = (c.in_volume1[k], c.in_volume2[k])
        for side in (0, 1):
            slack = 1e-3 if event.speed > 0.1 else 1e-2
            np.testing.assert_allclose(ours[side], event.rtn[side], atol=slack, err_msg=label)
            if abs(depth[side]) > FACE_KM:
                assert flags[side != swapped] == (depth[side] > 0.0), label
    left = [(names[a], names[b], t[k]) for (a, b), ks in rows.items() for k in ks]
    assert not left, f"invented: {left}"
    assert expected > 100


def test_the_planted_world_is_rich() -> None:
    """So that the comparison above means something: every kind of meeting is there."""
    objects = oracle_objects()
    assert 280 <= len(objects.ids) <= 320
    inside = [e for e in oracle_minima() if max(box_depth(e, objects)) > FACE_KM]
    kinds = {objects.names[e.i].split()[1].rstrip("0123456789") for e in inside}
    assert kinds >= {
        "CROSS", "FACE", "ONESIDE", "HEADON", "SLOW", "HEOLEO", "HEOHEO", "GEO", "MEO", "EDGE",
        "DOCK", "FALL", "SHELL",
    }  # fmt: skip
    speed = np.array([e.speed for e in inside])
    assert (speed < 0.01).sum() > 50
    assert speed.min() < 2e-3
    assert speed.max() > 19.0
    one_sided = [e for e in inside if np.sign(box_depth(e, objects)).sum() == 0]
    assert len(one_sided) > 10
    edges = np.array([e.t for e in inside])
    for edge in (3600.0, 7200.0, 21600.0, 36000.0):
        assert np.abs(edges - edge).min() < 0.003
    assert edges.min() < 1.0
    assert (np.isfinite(planted_problem().end_s)).sum() == 4


def test_trajectories_end_where_sgp4_says() -> None:
    problem = planted_problem()
    for row in np.flatnonzero(np.isfinite(problem.end_s)).tolist():
        first = end_of(oracle_objects(), row, START, WINDOW_S)
        assert problem.end_s[row] == first
    c = screen_slice(problem, 0.0, WINDOW_S).conjunctions
    for a in (c.object1, c.object2):
        assert (c.tca_us / 1e6 < problem.end_s[a]).all()


@pytest.mark.parametrize(
    "settings",
    [
        {"step_s": 30.0},
        {"step_s": 120.0},
        {"step_s": 240.0},
        {"segment_s": 720.0},
        {"segment_s": 2000.0},
        {"engine": "brute"},
        *({"disable": (name,)} for name in FILTERS),
    ],
    ids=str,
)
def test_internal_settings_change_no_bit(whole: Conjunctions, settings: dict[str, object]) -> None:
    other = screen_slice(planted_problem(), 0.0, WINDOW_S, **settings)  # type: ignore[arg-type]
    assert_identical(whole, other.conjunctions)


@pytest.mark.parametrize("step_s", [0.7, 1.0, 7.0])
def test_slow_minima_next_to_the_edges_of_short_steps(whole: Conjunctions, step_s: float) -> None:
    """Two steps' series differ by SGP4's rounding: neither may leave the minimum to the other."""
    a, b = 18_360.0, 19_500.0
    part = screen_slice(planted_problem(), a, b, step_s=step_s).conjunctions
    inside = (whole.tca_us >= a * 1e6) & (whole.tca_us < b * 1e6)
    np.testing.assert_array_equal(part.tca_us, whole.tca_us[inside])
    slow = np.linalg.norm(part.state2[:, 3:] - part.state1[:, 3:], axis=1) < 0.003
    assert slow.sum() >= 2


def test_without_any_filter(whole: Conjunctions) -> None:
    hour = screen_slice(planted_problem(), 3600.0, 7200.0, disable=FILTERS).conjunctions
    inside = (whole.tca_us >= 3.6e9) & (whole.tca_us < 7.2e9)
    np.testing.assert_array_equal(hour.tca_us, whole.tca_us[inside])
    np.testing.assert_array_equal(hour.state1, whole.state1[inside])
    np.testing.assert_array_equal(hour.state2, whole.state2[inside])


@pytest.mark.parametrize("slice_s", [1234.0, 3600.0, 21600.0])
def test_slices_change_no_bit(whole: Conjunctions, slice_s: float) -> None:
    edges = [*np.arange(0.0, WINDOW_S, slice_s).tolist(), WINDOW_S]
    problem = planted_problem()
    parts = [screen_slice(problem, a, b).conjunctions for a, b in itertools.pairwise(edges)]
    assert_identical(whole, join(parts))


def test_rows_do_not_depend_on_who_else_is_there(whole: Conjunctions) -> None:
    """A pair screened alone gives the same row as in the whole catalog."""
    problem = planted_problem()
    for k in range(0, len(whole), 29):
        rows = np.sort([whole.object1[k], whole.object2[k]])
        v = problem.volumes
        pair = ScreeningProblem(
            dataclasses.replace(
                problem.trajectories,
                records=[problem.trajectories.records[q] for q in rows],
                mean_motion=problem.trajectories.mean_motion[rows],
            ),
            dataclasses.replace(
                v, r_km=v.r_km[rows], t_km=v.t_km[rows], n_km=v.n_km[rows],
                span_days=v.span_days[rows],
            ),
            problem.primary[rows],
            problem.end_s[rows],
            problem.precedence[rows],
        )  # fmt: skip
        hour = np.floor(whole.tca_us[k] / 3.6e9) * 3600.0
        alone = screen_slice(pair, hour, hour + 3600.0).conjunctions
        assert whole.tca_us[k] in alone.tca_us
        q = int(np.flatnonzero(alone.tca_us == whole.tca_us[k])[0])
        np.testing.assert_array_equal(alone.state1[q], whole.state1[k])
        np.testing.assert_array_equal(alone.state2[q], whole.state2[k])


def test_object1_is_the_one_that_caught_then_a_payload_then_the_smaller(
    whole: Conjunctions,
) -> None:
    catalog = planted_catalog()
    assert (whole.caught1 | whole.caught2).all()
    assert not (whole.caught2 & ~whole.caught1).any()
    both = whole.caught1 & whole.caught2
    debris1 = catalog.object_type[whole.object1] != "PAYLOAD"
    debris2 = catalog.object_type[whole.object2] != "PAYLOAD"
    assert both.sum() > 50
    assert (both & ~debris1 & debris2).any()
    assert not (both & debris1 & ~debris2).any()
    same = both & (debris1 == debris2)
    smaller = catalog.designator[whole.object1] < catalog.designator[whole.object2]
    assert smaller[same].all()


def test_only_primaries_catch(whole: Conjunctions) -> None:
    problem = planted_problem()
    own = np.zeros(len(problem.primary), dtype=bool)
    own[::3] = True
    some = dataclasses.replace(problem, primary=own)
    c = screen_slice(some, 0.0, WINDOW_S).conjunctions
    assert (own[c.object1] == c.caught1).all()
    assert not (c.caught1 & ~own[c.object1]).any()
    assert not (c.caught2 & ~own[c.object2]).any()
    # The rows are those of all against all in which a chosen object holds the other in its volume.
    keep = (whole.in_volume1 & own[whole.object1]) | (whole.in_volume2 & own[whole.object2])
    assert sorted(c.tca_us.tolist()) == sorted(whole.tca_us[keep].tolist())
    assert 0 < len(c) < len(whole)


def test_spans_end_the_catching(whole: Conjunctions) -> None:
    problem = planted_problem()
    volumes = dataclasses.replace(
        problem.volumes, span_days=np.where(np.arange(len(problem.primary)) % 2 == 0, 0.2, 0.5)
    )
    c = screen_slice(dataclasses.replace(problem, volumes=volumes), 0.0, WINDOW_S).conjunctions
    t = whole.tca_us / 1e6
    span = volumes.span_days * 86400.0
    keep = (whole.in_volume1 & (t < span[whole.object1])) | (
        whole.in_volume2 & (t < span[whole.object2])
    )
    assert sorted(c.tca_us.tolist()) == sorted(whole.tca_us[keep].tolist())
    assert 0 < len(c) < len(whole)


def test_counts_are_a_funnel() -> None:
    counts = screen_slice(planted_problem(), 0.0, 7200.0).counts
    chain = [counts[k] for k in ("pairs_tested", "candidates", "after_chord", "after_range_rate")]
    assert chain == sorted(chain, reverse=True)
    assert counts["minima"] >= counts["refined"] >= counts["conjunctions"] > 0
    assert counts["objects"] == len(planted_problem().primary)
