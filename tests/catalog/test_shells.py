"""Constellation shells: counts, keep-out against brute-force geometry, growth in layers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.catalog.shells import place_shell
from tracss_hpc.constants import RE_KM

SHELL: dict[str, Any] = {
    "objects": 180,
    "altitude_km": 600.0,
    "altitude_scatter_km": 0.0,
    "inclination_deg": 53.0,
    "slots": 0,
    "slot_scatter_deg": 0.0,
    "raan_scatter_deg": 0.0,
    "paired": 0,
    "keep_out_km": 60.0,
    "careless": 0.0,
    "planes": [[40.0 * k, 20, 0.0, 0.0] for k in range(9)],
}


def positions(raan: NDArray[np.float64], u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors, shape (n, 3), of satellites of inclination 53 deg."""
    i, node, u = np.radians(53.0), np.radians(raan), np.radians(u)
    x, y, z = np.cos(u), np.sin(u) * np.cos(i), np.sin(u) * np.sin(i)
    return np.stack(
        [x * np.cos(node) - y * np.sin(node), x * np.sin(node) + y * np.cos(node), z], axis=1
    )


def closest_approaches(raan: NDArray[np.float64], u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smallest distance [km] of every pair over one revolution, in steps of a quarter degree."""
    first, second = np.triu_indices(len(u), 1)
    least = np.full(len(first), np.inf)
    for turn in np.arange(0.0, 360.0, 0.25):
        r = positions(raan, u + turn) * (RE_KM + 600.0)
        least = np.minimum(least, np.linalg.norm(r[first] - r[second], axis=1))
    return least


def test_careful_satellites_keep_clear(rng: np.random.Generator) -> None:
    """Brute force: no pair comes nearer than a careful shell's keep-out; careless ones do.

    A lag of s km is a miss of s cos(gamma / 2), and a lag is allowed from keep-out over the larger
    of cos2(gamma / 2) and cos(gamma / 2) sin(gamma / 2) on, so the miss is never below keep-out.
    """
    _, raan, u = place_shell(SHELL, 180, rng)
    careful = closest_approaches(raan, u)
    assert careful.min() > 60.0 * 0.98
    _, raan, u = place_shell(SHELL | {"careless": 1.0}, 180, rng)
    careless = closest_approaches(raan, u)
    assert np.sum(careless < 50.0) > 20


def test_slots_are_used_and_shared_when_a_plane_is_over_full(rng: np.random.Generator) -> None:
    shell = SHELL | {"slots": 12, "planes": [[10.0, 15, 0.3, 5.0]], "objects": 15}
    a, raan, u = place_shell(shell, 15, rng)
    assert np.allclose(raan, 10.0)
    assert np.allclose(a, RE_KM + 600.3)
    off = np.mod(u - 5.0, 30.0)
    assert np.all(np.isclose(off, 0.0) | np.isclose(off, 0.95) | np.isclose(off, 30.0))
    assert len(np.unique(np.round(u, 6))) == 15


def test_growth_makes_layers(rng: np.random.Generator) -> None:
    """Three and a half times the satellites: four altitudes, 1.7 km apart."""
    a, raan, u = place_shell(SHELL, 630, rng)
    assert len(a) == len(raan) == len(u) == 630
    heights, counts = np.unique(np.round(a - RE_KM - 600.0, 6), return_counts=True)
    assert heights.tolist() == [-1.7, 0.0, 1.7, 3.4] or heights.tolist() == [-3.4, -1.7, 0.0, 1.7]
    assert sorted(counts.tolist()) == [90, 180, 180, 180]


def test_pairs_fly_side_by_side(rng: np.random.Generator) -> None:
    _, raan, u = place_shell(SHELL | {"paired": 10}, 180, rng)
    near = closest_approaches(raan, u) < 20.0
    assert 8 <= near.sum() <= 12
