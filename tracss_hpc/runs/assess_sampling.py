"""Monte Carlo of the conjunctions that the command `assess` has chosen.

Fed by `runs.assess`; `runs.monte_carlo` counts. What every rank needs is prepared on one.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.assess.equinoctial import orbital_period
from tracss_hpc.assess.monte_carlo import SampledPair, sample_pair, stream
from tracss_hpc.assess.nc2d import nc2d_hall
from tracss_hpc.assess.risk import RiskSettings
from tracss_hpc.assess.stated import StatedConjunctions
from tracss_hpc.errors import UsageError
from tracss_hpc.export.assessed import Assessed
from tracss_hpc.runs.monte_carlo import MonteCarlo

__all__ = ["ChosenSample", "choose_samples", "monte_carlo_columns"]

_log = logging.getLogger("tracss_hpc")

_M2_TO_KM2 = 1e-6
_M_TO_KM = 1e-3
#: More conjunctions than this by Monte Carlo are a slip: each takes seconds.
_MOST_SAMPLED = 1000


@dataclass(frozen=True)
class ChosenSample:
    """What every rank must know of a conjunction for Monte Carlo, and its row."""

    row: int
    pair: SampledPair
    key: tuple[int, int]
    window_s: tuple[float, float]


def choose_samples(
    stated: StatedConjunctions,
    assessed: Assessed,
    rows: NDArray[np.intp],
    settings: RiskSettings,
    *,
    seed: int,
) -> list[ChosenSample]:
    """Monte Carlo of the chosen rows: orbits, keys of the random numbers and windows."""
    if len(rows) > _MOST_SAMPLED:
        raise UsageError(
            f"assess: --monte-carlo for {len(rows):,} conjunctions, at most {_MOST_SAMPLED:,}; "
            "choose with --top N or --object ID"
        )
    columns = assessed.columns
    known = [np.isfinite(columns[f"sat{k}_covariance"][rows]).all(axis=1) for k in (1, 2)]
    usable = known[0] & known[1] & (columns["combined_hbr"][rows] > 0.0)
    if not usable.all():
        _log.warning(
            "no Monte Carlo for %d conjunctions without both 6x6 covariances and a radius above 0",
            len(rows) - usable.sum(),
        )
    rows = rows[usable]
    covariances = [columns[f"sat{k}_covariance"][rows] * _M2_TO_KM2 for k in (1, 2)]
    states = [stated.state[k, rows] for k in range(2)]
    hbr_km = columns["combined_hbr"][rows] * _M_TO_KM
    factors = np.array([settings.kp, settings.ks])
    responses = stated.response_km[:, rows] * factors[:, None, None]
    used = np.isfinite(responses.sum(axis=(0, 2))) & settings.dcp
    responses = np.where(used[:, None], responses, 0.0)
    window = nc2d_hall(
        states[0],
        states[1],
        covariances[0],
        covariances[1],
        hbr_km,
        responses_km=(responses[0], responses[1]),
    ).window_s()
    half = 0.5 * np.minimum(*(orbital_period(state) for state in states))[:, None]
    turn = np.concatenate([-half, half], axis=1)
    window = np.clip(np.where(np.isfinite(window), window, turn), -half, half)
    return [
        ChosenSample(
            int(row),
            sample_pair(
                states[0][i], states[1][i], covariances[0][i], covariances[1][i], float(hbr_km[i]),
                responses_km=(responses[0, i], responses[1, i]),
            ),
            stream(seed, *_names(stated, int(row)), str(assessed.texts["tca_utc"][row])),
            (float(window[i, 0]), float(window[i, 1])),
        )
        for i, row in enumerate(rows)
    ]  # fmt: skip


def _names(stated: StatedConjunctions, row: int) -> list[str]:
    """Designators without leading zeros: the same draws whether a run or a message tells of it."""
    return [str(text).lstrip("0") for text in stated.designator[:, row]]


def monte_carlo_columns(
    n: int, samples: Sequence[ChosenSample], counted: Sequence[MonteCarlo]
) -> dict[str, NDArray[Any]]:
    columns: dict[str, NDArray[Any]] = {}
    for name in ("probability", "lower", "upper", "hits", "samples"):
        column = np.full(n, np.nan)
        column[[s.row for s in samples]] = [float(getattr(result, name)) for result in counted]
        columns[f"monte_carlo_{name}"] = column
    return columns
