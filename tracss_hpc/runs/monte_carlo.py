"""Monte Carlo of chosen conjunctions on all ranks.

Fed by `assess.monte_carlo`, which knows one batch; feeds results.h5 and the command `assess`.
Batches go to ranks by number, so every rank has the same share, and only counts are exchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

from tracss_hpc.assess.monte_carlo import (
    BATCH_SAMPLES,
    SampledPair,
    clopper_pearson,
    count_hits,
)
from tracss_hpc.parallel.comm import Comm, all_values, rank_size

__all__ = ["MonteCarlo", "run_monte_carlo"]


@dataclass(frozen=True)
class MonteCarlo:
    """Result of one conjunction.

    `probability` = hits / samples, `lower` and `upper` its Clopper-Pearson interval at
    `confidence`. `open_orbits` samples left the Earth and count as no hit.
    """

    probability: float
    lower: float
    upper: float
    confidence: float
    hits: int
    samples: int
    open_orbits: int
    repaired: bool


def run_monte_carlo(
    pair: SampledPair,
    key: tuple[int, int],
    window_s: tuple[float, float],
    samples: int,
    *,
    confidence: float = 0.95,
    comm: Comm | None = None,
) -> MonteCarlo:
    """Count hits in at least `samples` pairs of orbits; the same result on any number of ranks.

    Parameters
    ----------
    pair : SampledPair
        One conjunction.
    key : tuple of int
        Of `assess.monte_carlo.stream`.
    window_s : tuple of float
        Begin and end of the encounter since TCA [s], `CurvedEncounters.window_s` for instance.
    samples : int
        Raised to whole batches.
    confidence : float
        Of the interval.
    comm : communicator, optional
        All its ranks must call; the result is on every rank.
    """
    rank, size = rank_size(comm)
    batches = -(-samples // BATCH_SAMPLES)
    hits = open_orbits = 0
    for batch in range(rank, batches, size):
        more_hits, more_open = count_hits(pair, key, batch, window_s)
        hits += more_hits
        open_orbits += more_open
    counts = all_values(comm, (hits, open_orbits))
    hits, open_orbits = (sum(values) for values in zip(*counts, strict=True))
    total = batches * BATCH_SAMPLES
    lower, upper = clopper_pearson(hits, total, confidence)
    return MonteCarlo(
        probability=hits / total,
        lower=lower,
        upper=upper,
        confidence=confidence,
        hits=hits,
        samples=total,
        open_orbits=open_orbits,
        repaired=pair.repaired,
    )
