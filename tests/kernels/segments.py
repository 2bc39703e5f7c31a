"""Orbits as arrays for the kernel tests: two-body motion, and Chebyshev segments through it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.ephemeris.nodes import Ephemeris, build_ephemeris
from tracss_hpc.ephemeris.steps import StepWalker

MU = 398600.4418
Array = NDArray[np.float64]


@dataclass(frozen=True)
class KeplerTrajectories:
    """Two-body motion in the form of GPTrajectories, as far as ephemeris and minima need it."""

    elements: Array

    def __len__(self) -> int:
        return len(self.elements)

    @property
    def mean_motion(self) -> Array:
        """Mean motion [rad/s]."""
        return np.sqrt(MU / self.elements[:, 0] ** 3)

    @property
    def smooth(self) -> NDArray[np.bool_]:
        """Nothing jumps."""
        return np.ones(len(self), dtype=bool)

    def positions(self, objects: NDArray[np.integer], t: Array) -> tuple[Array, NDArray[np.uint8]]:
        """As `GPTrajectories.positions`."""
        r = np.stack([
            kepler_states(self.elements[row][None], times)[:, :3, 0].T
            for row, times in zip(objects.tolist(), t, strict=True)
        ])  # fmt: skip
        return np.ascontiguousarray(r), np.zeros(t.shape, dtype=np.uint8)


def random_orbits(rng: np.random.Generator, n: int, *, eccentric: float = 0.3) -> Array:
    """Elements (n, 6): a, e, i, node, perigee, mean anomaly; a share of them eccentric."""
    perigee = rng.uniform(6600.0, 7600.0, n)
    e = np.where(rng.random(n) < eccentric, rng.uniform(0.3, 0.75, n), rng.uniform(0, 0.01, n))
    angles = rng.uniform(0.0, 2.0 * np.pi, (4, n))
    return np.stack([perigee / (1.0 - e), e, angles[0] / 2.0, *angles[1:]], axis=1)


def kepler_states(elements: Array, t: Array) -> Array:
    """Two-body states (k, 6, n) at times (k,)."""
    a, e, tilt, node, perigee, anomaly = elements.T
    mean = anomaly + np.sqrt(MU / a**3) * np.asarray(t)[:, None]
    eccentric = mean + e * np.sin(mean)
    for _ in range(20):
        step = (eccentric - e * np.sin(eccentric) - mean) / (1.0 - e * np.cos(eccentric))
        eccentric = eccentric - np.clip(step, -0.5, 0.5)
    root = np.sqrt(1.0 - e**2)
    rate = np.sqrt(MU / a**3) / (1.0 - e * np.cos(eccentric))
    plane = np.stack([
        a * (np.cos(eccentric) - e), a * root * np.sin(eccentric),
        -a * np.sin(eccentric) * rate, a * root * np.cos(eccentric) * rate,
    ])  # fmt: skip
    cw, sw, cn, sn = np.cos(perigee), np.sin(perigee), np.cos(node), np.sin(node)
    ci, si = np.cos(tilt), np.sin(tilt)
    p = np.stack([cw * cn - sw * sn * ci, cw * sn + sw * cn * ci, sw * si])
    q = np.stack([-sw * cn - cw * sn * ci, -sw * sn + cw * cn * ci, cw * si])
    r = plane[0][:, None] * p + plane[1][:, None] * q
    v = plane[2][:, None] * p + plane[3][:, None] * q
    return np.concatenate([r, v], axis=1)


def fit(elements: Array, start: float, stop: float | Array, length: float) -> Ephemeris:
    """Segments of about `length` (for a low orbit) through two-body motion."""
    stops = np.broadcast_to(np.asarray(stop, dtype=np.float64), len(elements)).copy()
    trajectories = KeplerTrajectories(elements)
    return build_ephemeris(trajectories, start, stops, segment_s=length)  # type: ignore[arg-type]


def lines_of(elements: Array, edges: Array) -> NDArray[np.float32]:
    """Lines (k, n rounded up to 16, 16) of the steps between `edges`, segments of two minutes."""
    length = min(130.0, float(edges[-1] - edges[0]))
    walker = StepWalker(fit(elements, edges[0], edges[-1], length))
    return walker.advance(np.asarray(edges, dtype=np.float64)).copy()
