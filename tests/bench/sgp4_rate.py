"""Rates of SGP4: python-sgp4 and the batched kernel at every SIMD level, side by side in one run.

    python tests/bench/sgp4_rate.py [objects]

States per second of process time on one core, best of several turns (another process on the core's
second hardware thread can halve them: read the ratios), for the reference population:

    grid        1,440 common times for each of 500 objects
    segments    polynomial nodes: 20 segments of 14 times for each object
    singles     one time each, objects in random order: the worst case, lanes of mixed objects
    nines       nine times each, objects in random order: refinement

"axis" is the layout (row, axis, time) that a fit wants, "grid by time" writes (time, axis, object).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sgp4.api import SatrecArray

from tracss_hpc.catalog.population import START, reference_population
from tracss_hpc.ephemeris import sgp4_batch
from tracss_hpc.ephemeris.gp import make_trajectories
from tracss_hpc.epochs import julian_dates
from tracss_hpc.kernels import SUPPORTED_LEVELS, load

CHOSEN = 500
TURNS = 7


def rate(states: int, work: Callable[[], object]) -> float:
    """Million states per second, best of TURNS."""
    seconds = []
    for _ in range(TURNS):
        mark = time.process_time()
        work()
        seconds.append(time.process_time() - mark)
    return states / min(seconds) / 1e6


def cases(
    objects: NDArray[np.int64], rng: np.random.Generator
) -> dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]]:
    many = rng.permutation(np.repeat(objects, 100))
    segments = np.repeat(objects, 20)
    begin = np.tile(1440.0 * np.arange(20), len(objects))
    return {
        "grid": (objects, np.broadcast_to(60.0 * np.arange(1440), (len(objects), 1440))),
        "segments": (segments, begin[:, None] + np.linspace(0.0, 1440.0, 14)),
        "nines": (many, rng.uniform(0.0, 864000.0, (len(many), 9))),
        "singles": (many, rng.uniform(0.0, 864000.0, (len(many), 1))),
    }


def main() -> None:
    rng = np.random.default_rng(1)
    catalog = reference_population(int(sys.argv[1]) if len(sys.argv) > 1 else 12000)
    records = make_trajectories(catalog, START).records
    kind = sgp4_batch.batch_of_records(records).kind
    print(f"{'M states/s':<28}{'near':>10}{'deep':>10}{'near, r only':>14}{'deep, r only':>14}")
    classes = [np.sort(rng.choice(np.flatnonzero(kind == 0), CHOSEN, replace=False)),
               np.sort(rng.choice(np.flatnonzero(kind > 0), CHOSEN, replace=False))]  # fmt: skip
    jd, fr = julian_dates(START, 60.0 * np.arange(1440))
    arrays = [SatrecArray([records[i] for i in objects]) for objects in classes]
    rates = [rate(CHOSEN * 1440, lambda a=a: a.sgp4(jd, fr)) for a in arrays]
    print(f"{'python-sgp4, grid':<28}{rates[0]:>10.1f}{rates[1]:>10.1f}")
    for level in SUPPORTED_LEVELS:
        sgp4_batch.kernel = load("sgp4_batch", level)
        mark = time.process_time()
        batch = sgp4_batch.batch_of_records(records)
        print(f"{level}: {len(batch)} objects initialised in {time.process_time() - mark:.3f} s")
        both = [cases(objects, rng) for objects in classes]
        for name in both[0]:
            figures = []
            for velocities in (True, False):
                for rows, t in (both[0][name], both[1][name]):
                    shape = (*t.shape, 3)
                    r, v = np.empty(shape), np.empty(shape) if velocities else None
                    code = np.empty(t.shape, dtype=np.uint8)
                    fill = (rows, t, START, r, v, code)
                    figures.append(rate(t.size, lambda f=fill, b=batch: b._fill(*f)))
            print(f"  {name:<26}{figures[0]:>10.1f}{figures[1]:>10.1f}"
                  f"{figures[2]:>14.1f}{figures[3]:>14.1f}")  # fmt: skip
        figures = []
        for rows, t in (both[0]["segments"], both[1]["segments"]):
            figures.append(rate(t.size, lambda x=(rows, t), b=batch: b.positions(*x, START)))
        print(f"  {'segments, axis':<26}{'':>20}{figures[0]:>14.1f}{figures[1]:>14.1f}")
        figures = []
        for rows, t in (both[0]["grid"], both[1]["grid"]):
            out = np.empty((t.shape[1], 6, len(rows)))
            code = np.empty(t.shape, dtype=np.uint8)
            by_time = out.transpose(2, 0, 1)
            fill = (rows, t, START, by_time[..., :3], by_time[..., 3:], code)
            figures.append(rate(t.size, lambda f=fill, b=batch: b._fill(*f)))
        print(f"  {'grid by time':<26}{figures[0]:>10.1f}{figures[1]:>10.1f}")


if __name__ == "__main__":
    main()
