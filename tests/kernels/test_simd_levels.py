"""Every kernel gives the same bits at every SIMD level that this processor runs."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from tests.kernels.segments import (
    MU,
    KeplerTrajectories,
    fit,
    kepler_states,
    lines_of,
    random_orbits,
)
from tests.kernels.test_close_approach import crossing
from tests.kernels.test_neighbours import Step
from tracss_hpc.ephemeris import nodes, steps
from tracss_hpc.kernels import SUPPORTED_LEVELS, load


def run_nodes(kernel: ModuleType) -> list[np.ndarray]:
    elements = random_orbits(np.random.default_rng(1), 37)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nodes, "kernel", kernel)
        s = fit(elements, 0.0, 3000.0, 700.0)
        return [s.record, s.begin, s.error_km]


def run_steps(kernel: ModuleType) -> list[np.ndarray]:
    stop = np.full(500, 3000.0)
    stop[7] = 1000.0
    s = fit(random_orbits(np.random.default_rng(1), 500), 0.0, stop, 300.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "kernel", kernel)
        walker = steps.StepWalker(s)
        return [walker.advance(np.linspace(a, a + 1500.0, 26)).copy() for a in (0.0, 1500.0)]


def run_neighbours(kernel: ModuleType) -> list[np.ndarray]:
    """The pairs sorted: a level with wider vectors finds them in another order."""
    step = Step(np.random.default_rng(2), 700)
    pairs, tested = np.empty((60_000, 2), dtype=np.int32), np.zeros(1, dtype=np.int64)
    count = kernel.find_pairs(
        step.line, step.pad, step.rho, 30.0, MU, pairs, tested, kernel.make_scratch(700)
    )
    assert 100 < count < len(pairs)
    pairs = pairs[:count]
    return [pairs[np.lexsort(pairs.T)], tested]


def run_close_approach(kernel: ModuleType) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    n = 120
    elements = crossing(rng, n)
    line = lines_of(elements, np.array([370.0, 430.0]))[0]
    ephemeris = fit(elements, 370.0, 430.0, 60.0)
    walker = steps.StepWalker(ephemeris)
    walker.advance(np.array([370.0, 430.0]))
    pairs = np.arange(2 * n, dtype=np.int32).reshape(n, 2)
    rho, half = np.full(2 * n, 43.0, dtype=np.float32), np.full((2 * n, 3), 24.5)
    kept, guess, passed = np.empty(n, dtype=np.int32), np.empty(n), np.zeros(2, dtype=np.int64)
    count = kernel.filter_pairs(pairs, n, line, rho, 30.0, MU, kept, guess, passed)
    count = kernel.dismiss_pairs(
        pairs, count, line, 370.0, 430.0, ephemeris.offset, walker.segment, ephemeris.record,
        half, rho, True, MU, kept, guess,
    )  # fmt: skip
    some = pairs[kept[:count]]
    times = np.tile(400.0 + 30.0 * kernel.NODE_X, (2 * count, 1))
    r, _ = KeplerTrajectories(elements).positions(some.ravel(), times)
    out: list[np.ndarray] = [kept[:count], guess[:count], passed]
    for start in (400.0 + guess[:count], np.full(count, np.nan)):  # Newton, halving
        rows, t = np.zeros(n, dtype=np.int32), np.zeros(n)
        number, _ = kernel.find_minima(
            some, r.reshape(count, 2, 3, -1), np.full(count, 370.0), np.full(count, 430.0), start,
            half, rho, True, 2.0, rows, t, np.empty(count, dtype=np.int32),
        )  # fmt: skip
        assert number > 10
        out += [rows, t]
    return out


def run_brute(kernel: ModuleType) -> list[np.ndarray]:
    elements = crossing(np.random.default_rng(4), 60)
    r = np.ascontiguousarray(kepler_states(elements, np.arange(0.0, 900.0, 60.0))[:, :3])
    pairs, t = np.zeros((500, 2), dtype=np.int32), np.zeros(500)
    speed, rho = np.full(120, 11.0), np.full(120, 40.0)
    count = kernel.approaches(r, np.arange(120), True, 60.0, speed, rho, pairs, t)
    assert 10 < count <= 500
    return [pairs, t]


RUNS = {
    "nodes": run_nodes,
    "steps": run_steps,
    "neighbours": run_neighbours,
    "close_approach": run_close_approach,
    "brute": run_brute,
}


@pytest.mark.parametrize("name", RUNS)
def test_same_bits(name: str) -> None:
    results = [RUNS[name](load(name, level)) for level in SUPPORTED_LEVELS]
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            assert a.tobytes() == b.tobytes()


def test_levels_are_named_in_order() -> None:
    assert SUPPORTED_LEVELS[0] == "baseline"
    assert list(SUPPORTED_LEVELS) == [x for x in ("baseline", "v3", "v4") if x in SUPPORTED_LEVELS]


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ImportError, match="nodes_v9"):
        load("nodes", "v9")
