"""Every kernel gives the same bits at every SIMD level that this processor runs."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from tests.kernels.segments import MU, fit, kepler_states, planes_of, random_orbits
from tests.kernels.test_close_approach import crossing
from tests.kernels.test_neighbours import Step
from tracss_hpc.ephemeris import steps
from tracss_hpc.kernels import SUPPORTED_LEVELS, load


def run_nodes(kernel: ModuleType) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    n = 37
    s = fit(random_orbits(rng, n), 0.0, 3000.0, 300.0)
    out = np.empty((200, 6, n))
    kernel.evaluate(
        s.offset, s.begin, s.mid, s.inv_half, s.coef, s.stop, np.linspace(0, 3000, 200), out
    )
    return [out]


def run_steps(kernel: ModuleType) -> list[np.ndarray]:
    s = fit(random_orbits(np.random.default_rng(1), 500), 0.0, 3000.0, 300.0)
    s.stop[7] = 1000.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "kernel", kernel)
        walker = steps.StepWalker(s, 5e-4)  # type: ignore[arg-type]
        return [walker.advance(np.linspace(a, a + 1500.0, 26)).copy() for a in (0.0, 1500.0)]


def run_neighbours(kernel: ModuleType) -> list[np.ndarray]:
    step = Step(np.random.default_rng(2), 700)
    pairs, tested = np.empty((60_000, 2), dtype=np.int32), np.zeros(1, dtype=np.int64)
    count = kernel.find_pairs(
        step.plane, step.pad, step.rho, 30.0, pairs, tested, kernel.make_scratch(700)
    )
    assert 100 < count < len(pairs)
    return [pairs[:count], tested]


def run_close_approach(kernel: ModuleType) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    n = 120
    elements = crossing(rng, n)
    s = fit(elements, 0.0, 800.0, 130.0)
    plane = planes_of(elements, np.array([370.0, 430.0]))[0]
    pairs = np.arange(2 * n, dtype=np.int32).reshape(n, 2)
    rho, half = np.full(2 * n, 43.0, dtype=np.float32), np.full((2 * n, 3), 24.5)
    kept, guess, passed = np.empty(n, dtype=np.int32), np.empty(n), np.zeros(2, dtype=np.int64)
    count = kernel.filter_pairs(
        pairs, n, plane, rho, 30.0, MU, 5e-4, kept, guess, passed, True, True
    )
    found, t = np.zeros((2 * n, 2), dtype=np.int32), np.zeros(2 * n)
    number = 0
    for start in (guess[:count], guess[:0]):  # Newton, halving
        number += kernel.find_minima(
            pairs, kept[:count], start, 370.0, 430.0, s.offset, s.offset, s.begin, s.mid,
            s.inv_half, s.coef, half, rho, True, MU, 5e-4, found[number:], t[number:], True,
        )  # fmt: skip
    assert number > 20
    return [kept[:count], guess[:count], passed, found, t]


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
