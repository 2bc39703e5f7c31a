"""Orbits as arrays for the kernel tests: two-body motion, and Chebyshev segments through it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.ephemeris.steps import StepWalker

MU = 398600.4418
TERMS = 13
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Segments:
    """The arrays of an Ephemeris."""

    offset: NDArray[np.int64]
    begin: Array
    mid: Array
    inv_half: Array
    coef: Array
    stop: Array

    def __len__(self) -> int:
        return len(self.stop)

    @property
    def start(self) -> Array:
        """Begin of each object's first segment; inf without any."""
        has = self.offset[1:] > self.offset[:-1]
        return np.array(
            [self.begin[k] if h else np.inf for k, h in zip(self.offset, has, strict=False)]
        )


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


def fit(elements: Array, start: float, stop: float, length: float) -> Segments:
    """Segments of about `length` through two-body motion, one more each for every second orbit."""
    x = -np.cos(np.pi * np.arange(TERMS) / (TERMS - 1))
    matrix = np.linalg.inv(np.polynomial.chebyshev.chebvander(x, TERMS - 1))
    offset, begin, mid, half, coef = [0], [], [], [], []
    for k, row in enumerate(elements):
        edges = np.linspace(start, stop, int(np.ceil((stop - start) / length)) + 1 + k % 2)
        middle, width = 0.5 * (edges[1:] + edges[:-1]), 0.5 * np.diff(edges)
        begin += edges[:-1].tolist()
        mid += middle.tolist()
        half += width.tolist()
        r = kepler_states(row[None], (middle[:, None] + width[:, None] * x).ravel())[:, :3, 0]
        coef.append(np.einsum("ks,msc->mck", matrix, r.reshape(-1, TERMS, 3)))
        offset.append(len(begin))
    return Segments(
        np.array(offset, dtype=np.int64), np.array(begin), np.array(mid), 1.0 / np.array(half),
        np.ascontiguousarray(np.concatenate(coef)), np.full(len(elements), float(stop)),
    )  # fmt: skip


def planes_of(elements: Array, edges: Array, perturbation: float = 5e-4) -> NDArray[np.float32]:
    """Planes (k, 10, n) of the steps between `edges`, from segments of about two minutes."""
    length = min(130.0, float(edges[-1] - edges[0]))
    walker = StepWalker(fit(elements, edges[0], edges[-1], length), perturbation)  # type: ignore
    return walker.advance(np.asarray(edges, dtype=np.float64))[:, :, : len(elements)].copy()
