"""Candidate pairs against the filters' own inequalities over all pairs, in double precision."""

from __future__ import annotations

import numpy as np
import pytest

from tests.kernels.segments import MU, kepler_states, lines_of, random_orbits
from tracss_hpc.kernels import neighbours

STEP = 60.0
LOW, HIGH, TRAVEL = 6, 7, 8
NO_LINE = np.empty((0, 16), dtype=np.float32)


class Step:
    """One step of n orbits, crowded so that there are pairs to find."""

    def __init__(self, rng: np.random.Generator, n: int) -> None:
        elements = random_orbits(rng, n, eccentric=0.2)
        # Near one place: many pairs within reach.
        for column, width in ((2, 0.3), (3, 0.3), (4, 0.1), (5, 0.1)):
            elements[:, column] = rng.uniform(1.0, 1.0 + width, n)
        self.elements = elements
        self.line = lines_of(elements, np.array([0.0, STEP]))[0] if n else NO_LINE
        self.pad = rng.uniform(0.4, 25.0, n).astype(np.float32)
        self.rho = np.where(rng.random(n) < 0.2, -np.inf, rng.uniform(2.0, 60.0, n)).astype(
            np.float32
        )

    def find(self, capacity: int = 100_000, **switches: bool) -> tuple[set[tuple[int, int]], int]:
        pairs = np.empty((capacity, 2), dtype=np.int32)
        tested = np.zeros(1, dtype=np.int64)
        count = neighbours.find_pairs(
            self.line, self.pad, self.rho, 0.5 * STEP, MU, pairs, tested,
            neighbours.make_scratch(len(self.pad)),
            *(switches.get(k, True) for k in ("cell_grid", "reach", "radial_interval")),
            switches.get("chord", False),
        )  # fmt: skip
        found = [(int(a), int(b)) for a, b in pairs[: min(count, capacity)]]
        assert len(set(found)) == len(found)
        assert all(a < b for a, b in found)
        self.tested = int(tested[0])
        return set(found), count

    def allowed(self, slack: float, *, reach: bool, radial: bool) -> set[tuple[int, int]]:
        """Pairs that pass the inequalities widened by `slack` km; NaN rows never do."""
        plane = self.line[: len(self.pad)].T.astype(np.float64)
        low, high, travel = plane[[LOW, HIGH, TRAVEL]]
        i, j = np.triu_indices(plane.shape[1], 1)
        rho = np.maximum(self.rho[i], self.rho[j])
        keep = np.isfinite(travel[i] + travel[j]) & (rho > -np.inf)
        if reach:
            d = np.linalg.norm(plane[:3, i] - plane[:3, j], axis=0)
            keep &= d <= rho + travel[i] + travel[j] + slack
        if radial:
            gap = np.maximum(low[j] - high[i], low[i] - high[j])
            keep &= gap <= np.maximum(self.pad[i], self.pad[j]) + slack
        return set(zip(i[keep].tolist(), j[keep].tolist(), strict=True))


@pytest.mark.parametrize("n", [0, 1, 2, 17, 257])
@pytest.mark.parametrize(
    "off", [(), ("cell_grid",), ("reach",), ("radial_interval",), ("reach", "radial_interval")]
)
def test_no_pair_is_lost_and_none_beyond_the_padding(
    rng: np.random.Generator, n: int, off: tuple[str, ...]
) -> None:
    step = Step(rng, n)
    if n > 10:
        step.line[3] = np.nan
    found, count = step.find(**dict.fromkeys(off, False))
    assert count == len(found)
    radial = "radial_interval" not in off
    must = step.allowed(-0.005, reach=True, radial=radial)
    may = step.allowed(0.005, reach="reach" not in off, radial=radial)
    assert must <= found
    assert found <= may
    if n == 257:
        assert len(must) > 100
        assert len(found) < 0.9 * n * (n - 1) / 2 or not radial or "reach" in off


@pytest.mark.parametrize("eccentric", [0.0, 0.4])
def test_chord_keeps_all_that_come_near(rng: np.random.Generator, eccentric: float) -> None:
    """Against dense two-body motion: whoever comes within a volume's radius is a candidate."""
    n = 257
    step = Step(rng, n)
    step.elements = random_orbits(rng, n, eccentric=eccentric)
    step.elements[:, 2:] = rng.uniform(1.0, 1.15, (n, 4))
    step.line = lines_of(step.elements, np.array([0.0, STEP]))[0]
    step.pad[:], step.rho[:] = 60.0, 60.0
    found, _ = step.find(chord=True)
    loose, _ = step.find()
    r = kepler_states(step.elements, np.linspace(0.0, STEP, 121))[:, :3].transpose(0, 2, 1)
    near = {
        (i, j)
        for i in range(n)
        for j in range(i + 1, n)
        if np.linalg.norm(r[:, i] - r[:, j], axis=1).min() < 60.0
    }
    assert near <= found <= loose
    assert len(near) > 5
    assert len(found) < 0.7 * len(loose)


def place(step: Step, r: np.ndarray, travel: np.ndarray, low: float, high: float) -> None:
    """Put the objects of a step somewhere else."""
    n = len(step.pad)
    step.line[:n, :3], step.line[:n, TRAVEL] = r, travel
    step.line[:n, LOW], step.line[:n, HIGH] = low, high


@pytest.mark.parametrize(
    "centre",
    [(0.0, 0.0, 0.0), (0.0, 0.0, 6900.0), (0.0, 0.0, -6900.0), (6900.0, 0.0, 0.0),
     (-6900.0, 0.0, 300.0), (-20.0, 20.0, 42000.0), (3e5, -2e5, 9e4)],
)  # fmt: skip
def test_slabs_and_angles_know_their_neighbours(centre: tuple[float, float, float]) -> None:
    """At the poles, where angles begin and end, and beyond the outermost slab."""
    rng = np.random.default_rng(7)
    n = 300
    step = Step(rng, n)
    travel = rng.uniform(180.0, 240.0, n)
    travel[::10] = rng.uniform(270.0, 330.0, 30)
    place(step, rng.uniform(-700.0, 700.0, (n, 3)) + centre, travel, 0.0, 1e6)
    found, _ = step.find()
    assert step.allowed(-0.005, reach=True, radial=True) <= found
    assert found <= step.allowed(0.05, reach=True, radial=True)
    without, _ = step.find(cell_grid=False)
    assert found == without
    assert len(found) > 500


def test_layers_look_upwards() -> None:
    """Objects of many radii and of steep and flat ranges, crowded in one direction."""
    rng = np.random.default_rng(8)
    n = 600
    step = Step(rng, n)
    radius = rng.uniform(6600.0, 8800.0, n)
    direction = rng.normal(0.0, 0.03, (n, 3)) + np.array([0.6, -0.5, 0.6])
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    place(step, radius[:, None] * direction, rng.uniform(180.0, 250.0, n), 0.0, 0.0)
    width = rng.choice([0.2, 5.0, 300.0], n)
    step.line[:n, LOW], step.line[:n, HIGH] = radius - width, radius + width
    found, _ = step.find()
    assert step.allowed(-0.005, reach=True, radial=True) <= found
    assert found <= step.allowed(0.005, reach=True, radial=True)
    assert len(found) > 500


@pytest.mark.parametrize("catching", [0, 1, 40, 300])
@pytest.mark.parametrize("fast", [0.0, 0.3, 1.0])
def test_few_that_catch_find_the_same(catching: int, fast: float) -> None:
    """Whether all look around or only those that catch; with slow and fast ones among both."""
    rng = np.random.default_rng(catching)
    n = 400
    step = Step(rng, n)
    travel = np.where(
        rng.random(n) < fast, rng.uniform(241.0, 330.0, n), rng.uniform(50.0, 239.0, n)
    )
    place(step, rng.uniform(-3000.0, 3000.0, (n, 3)), travel, 7000.0, 7001.0)
    step.rho[:] = -np.inf
    step.rho[rng.choice(n, catching, replace=False)] = 40.0
    found, count = step.find()
    assert count == len(found)
    assert step.allowed(-0.005, reach=True, radial=True) <= found
    assert found <= step.allowed(0.005, reach=True, radial=True)
    assert (count > 0) if catching > 1 else (count == 0 or catching == 1)


def test_the_grid_saves_work(rng: np.random.Generator) -> None:
    n = 2000
    step = Step(rng, n)
    step.line = lines_of(random_orbits(rng, n, eccentric=0.0), np.array([0.0, STEP]))[0]
    step.find()
    assert step.tested < 0.02 * n * (n - 1) / 2
    step.find(cell_grid=False)
    assert step.tested == n * (n - 1) // 2


def test_a_full_buffer_says_how_much_is_needed(rng: np.random.Generator) -> None:
    step = Step(rng, 257)
    found, count = step.find()
    some, needed = step.find(capacity=10)
    assert needed == count
    assert len(some) == 10
    assert some < found
    assert step.find(capacity=0) == (set(), count)
