"""Rates of the risk kernels at every SIMD level, and of SciPy's equivalents, on one core.

    python tests/bench/pc_rate.py [results.h5]

Million rows per second of process time, best of several turns (another process on the core's second
hardware thread can halve them: read the ratios). Rows are the conjunctions of a run if its
results.h5 is given, else made up; blocks of 16,384 as a run assesses them. Bands of R/sigma_z:
random ellipses with axis ratios 1 to 1000, the miss up to 4 sigmas off.

    projected   states and covariances to the encounter plane, then Pc over the circle
    project     the first half of that; the other columns: one metric alone, from the plane
    NumPy       the rule for a middling disk with 16 or 64 nodes for all rows (wrong where wide)
    dblquad     Foster's own double integral
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import IntegrationWarning, quad
from scipy.special import erf, erfc

from tests.assess.test_encounter import random_pairs
from tests.oracles.pc import foster_polar
from tracss_hpc.export.opening import open_file
from tracss_hpc.kernels import SUPPORTED_LEVELS, load

Array = NDArray[np.float64]

BLOCK = 16384
MOST = 25 * BLOCK
TURNS = 5
BANDS = {"1e-4..0.02": (1e-4, 0.02), "1e-3..1": (1e-3, 1.0), "1..10": (1.0, 10.0),
         "10..100": (10.0, 100.0)}  # fmt: skip


def rate(rows: int, work: Callable[[], object], turns: int = TURNS) -> float:
    """Million rows per second, best of `turns`."""
    seconds = []
    for _ in range(turns):
        mark = time.process_time()
        work()
        seconds.append(time.process_time() - mark)
    return rows / min(seconds) / 1e6


def rows_of_run(path: Path) -> list[Array]:
    """States [km, km/s], covariances [km^2] of 21 columns and radii [km] of a run."""
    with open_file(path) as f:
        c = f["conjunctions"]
        names = ("x", "y", "z", "x_dot", "y_dot", "z_dot")
        states = [np.stack([c[f"sat{k}_{name}"][:MOST] for name in names], axis=1) for k in "12"]
        covariances = [c[f"sat{k}_covariance"][:MOST] * 1e-6 for k in "12"]
        return [*states, *covariances, c["combined_hbr"][:MOST] * 1e-3]


def made_up_rows(n: int) -> list[Array]:
    rng = np.random.default_rng(1)
    return [*random_pairs(rng, n), rng.choice([0.002, 0.006, 0.01], n)]


def project(kernel: ModuleType, rows: list[Array], plane: Array, status: NDArray[np.int8]) -> None:
    none = np.empty((0, 3))
    kernel.project(*rows, none, none, plane, status)


def assess(kernel: ModuleType, rows: list[Array], pc: Array) -> None:
    """Pc of all rows, block by block, from their states."""
    for first in range(0, len(pc), BLOCK):
        block = [a[first : first + BLOCK] for a in rows]
        plane = np.empty((16, len(block[0])))
        project(kernel, block, plane, np.empty(len(block[0]), dtype=np.int8))
        kernel.circle_probability(*plane[:4], block[4], pc[first : first + BLOCK])


def gauss_chebyshev(plane: list[Array], nodes: int) -> Array:
    """The kernel's rule for a middling disk in NumPy and scipy.special, `nodes` for all rows."""
    sx, sz, xm, zm, hbr = (column[:, None] for column in plane)
    t = np.pi / 2 - np.arange(1, nodes + 1) * np.pi / (nodes + 1)
    x, half = xm + hbr * np.sin(t), hbr * np.cos(t)
    strip = erfc((zm - half) / (np.sqrt(2.0) * sz)) - erfc((zm + half) / (np.sqrt(2.0) * sz))
    total = (np.exp(-0.5 * (x / sx) ** 2) * strip * np.cos(t)).sum(axis=1)
    return total * np.pi / (nodes + 1) * plane[4] / (plane[0] * np.sqrt(8.0 * np.pi))


def quad_strips(row: Array) -> float:
    sx, sz, xm, zm, hbr = row

    def strip(x: float) -> float:
        half = np.sqrt(hbr * hbr - x * x)
        low, up = ((zm + side * half) / (np.sqrt(2.0) * sz) for side in (-1, 1))
        return float(np.exp(-0.5 * ((xm + x) / sx) ** 2) * (erf(up) - erf(low)))

    return float(quad(strip, -hbr, hbr)[0]) / (sx * np.sqrt(8.0 * np.pi))


def band_rows(band: tuple[float, float], n: int) -> list[Array]:
    rng = np.random.default_rng(2)
    sigma_z = np.ones(n)
    sigma_x = 10.0 ** rng.uniform(0, 3, n)
    hbr = 10.0 ** rng.uniform(np.log10(band[0]), np.log10(band[1]), n)
    return [sigma_z * sigma_x, sigma_z, sigma_x * rng.uniform(0, 4, n), rng.uniform(0, 4, n), hbr]


def kernel_rates(level: str, rows: list[Array], plane: Array) -> list[float]:
    """Projection and Pc together, projection, then each metric on part of the planes."""
    kernel, largest = load("encounter_plane", level), load("maximum", level)
    n, m = len(rows[4]), min(len(rows[4]), 2 * BLOCK)
    few = [np.ascontiguousarray(column[:m]) for column in (*plane[:4], rows[4])]
    covariances = [np.ascontiguousarray(plane[k : k + 3, :m]) for k in (7, 10)]
    miss, hbr = few[2:4], few[4]
    out, pc, other = np.empty_like(plane), np.empty(n), np.empty(n)
    status = np.empty(n, dtype=np.int8)
    return [
        rate(n, lambda: assess(kernel, rows, pc)),
        rate(n, lambda: project(kernel, rows, out, status)),
        rate(m, lambda: kernel.circle_probability(*few, pc[:m])),
        rate(m, lambda: kernel.square_probability(*few, pc[:m])),
        rate(m, lambda: kernel.simpson_probability(*few, pc[:m])),
        rate(m, lambda: largest.scale_search(False, *few, pc[:m], other[:m])),
        rate(m, lambda: largest.frisbee(False, *covariances, *miss, hbr, hbr, pc[:m])),
    ]


def scipy_rates(name: str, bands: list[list[Array]]) -> list[float]:
    """One equivalent on each band; the scalar ones on 40 rows, once."""
    if name.startswith("NumPy"):
        nodes = int(name.split()[1])
        return [rate(len(b[0]), lambda b=b: gauss_chebyshev(b, nodes)) for b in bands]  # type: ignore[misc]
    row_of = quad_strips if name == "scipy quad" else lambda row: foster_polar(*row)
    few = [np.transpose([column[:40] for column in b]) for b in bands]
    return [rate(40, lambda b=b: [row_of(row) for row in b], 1) for b in few]  # type: ignore[misc]


def main() -> None:
    rows = rows_of_run(Path(sys.argv[1])) if len(sys.argv) > 1 else made_up_rows(4 * BLOCK)
    rows = [np.ascontiguousarray(a, dtype=np.float64) for a in rows]
    n = len(rows[4])
    plane, status = np.empty((16, n)), np.empty(n, dtype=np.int8)
    project(load("encounter_plane", "baseline"), rows, plane, status)
    ratio = np.nanmedian(rows[4] / plane[1])
    print(f"{n} rows, {(status > 1).mean():.1%} refused, median R/sigma_z {ratio:.2g}")
    names = ("projected", "project", "circle", "square", "simpson", "scale", "frisbee")
    print(f"{'M rows/s':<24}" + "".join(f"{name:>11}" for name in names))
    for level in SUPPORTED_LEVELS:
        figures = kernel_rates(level, rows, plane)
        print(f"{level:<24}" + "".join(f"{figure:>11.2f}" for figure in figures))

    print(f"{'circle, by R/sigma_z':<24}" + "".join(f"{band:>11}" for band in BANDS))
    bands = [band_rows(band, 4096) for band in BANDS.values()]
    out = np.empty(4096)
    for level in SUPPORTED_LEVELS:
        circle = load("encounter_plane", level).circle_probability
        figures = [rate(4096, lambda b=b, c=circle: c(*b, out)) for b in bands]  # type: ignore[misc]
        print(f"{level:<24}" + "".join(f"{figure:>11.3g}" for figure in figures))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IntegrationWarning)  # wide disks: the integrand is a spike
        for name in ("NumPy 16 nodes", "NumPy 64 nodes", "scipy quad", "scipy dblquad"):
            figures = scipy_rates(name, bands)
            print(f"{name:<24}" + "".join(f"{figure:>11.2g}" for figure in figures))


if __name__ == "__main__":
    main()
