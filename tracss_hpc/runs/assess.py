"""Assess conjunctions that somebody states: results of a run, or messages of anybody.

Fed by `assess_inputs` and the settings of section `assess`; feeds the command `assess` with the
columns of results.h5 and what stood in the messages beside them, and writes tables and pictures.
Nothing is screened. On many ranks, rank 0 does all but the Monte Carlo.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.assess.risk import risk_columns
from tracss_hpc.assess.stated import StatedConjunctions
from tracss_hpc.config import Config, resolve
from tracss_hpc.constants import DAY_S
from tracss_hpc.ephemeris.frames import pole_of_date
from tracss_hpc.ephemeris.osculating import osculating_orbit
from tracss_hpc.epochs import format_times
from tracss_hpc.errors import UsageError
from tracss_hpc.export.assessed import Assessed, format_assessed
from tracss_hpc.parallel.comm import Comm, on_root
from tracss_hpc.runs.assess_inputs import Inputs, read_inputs
from tracss_hpc.runs.assess_products import AssessWords, check_words, write_products
from tracss_hpc.runs.assess_sampling import (
    ChosenSample,
    choose_samples,
    monte_carlo_columns,
)
from tracss_hpc.runs.monte_carlo import run_monte_carlo
from tracss_hpc.runs.risk import masses_kg, risk_settings

__all__ = ["assess_files", "assess_stated", "run_assess"]

_log = logging.getLogger("tracss_hpc")

#: Designators that are no numbers get numbers from here on, one for each text.
_FIRST_OWN_ID = 999_000_001
#: Settings that say which covariances a run makes; here they are stated.
_OF_A_RUN = ("assess.covariance_table", "assess.solar")
_STATE = ("x", "y", "z", "x_dot", "y_dot", "z_dot")


def assess_files(
    paths: str | Path | Sequence[str | Path],
    overrides: Mapping[str, object] | None = None,
    *,
    hbr_m: float | None = None,
) -> dict[str, NDArray[Any]]:
    """Risk of conjunctions that results files or messages state, from Python.

    Parameters
    ----------
    paths : str, Path or sequence of them
        results.h5 of a run, CDMs, or folders of them.
    overrides : mapping, optional
        ``{"assess.key": value}``.
    hbr_m : float, optional
        Combined hard-body radius of all, in place of those stated [m].

    Returns
    -------
    dict of str to ndarray
        One row per conjunction; names and units of results.h5, `stated_...` as the input has it.

    Examples
    --------
    >>> import tracss_hpc as th
    >>> rows = th.assess_files("cdms/", {"assess.preset": "cara"})  # doctest: +SKIP
    >>> rows["collision_probability"]  # doctest: +SKIP
    """
    several = [paths] if isinstance(paths, str | Path) else list(paths)
    inputs = read_inputs(several)
    for error in inputs.errors:
        _log.warning("not assessed: %s", error)
    config = _settings(inputs, overrides or {})
    return dict(assess_stated(inputs, config, hbr_m).columns)


def run_assess(
    paths: Sequence[str | Path],
    overrides: Sequence[str],
    words: AssessWords,
    *,
    comm: Comm | None = None,
) -> str:
    """Do what the command line asks for; return the printed table (rank 0, else blank)."""
    check_words(words)

    prepared: tuple[Config, Inputs, Assessed, NDArray[np.intp]] | None = None

    def prepare() -> list[ChosenSample]:
        nonlocal prepared
        inputs = read_inputs(paths)
        for error in inputs.errors:
            _log.warning("not assessed: %s", error)
        config = _settings(inputs, overrides)
        assessed = assess_stated(inputs, config, words.hbr_m)
        rows = assessed.choose(words.designator, words.top)
        settings = risk_settings(config.assess)
        if words.sensitivity is not None and len(rows) != 1:
            raise UsageError(
                f"assess: --sensitivity draws one conjunction, {len(rows):,} are chosen; "
                "give --top 1, or --object ID"
            )
        prepared = (config, inputs, assessed, rows)
        if not words.monte_carlo:
            return []
        return choose_samples(inputs.stated, assessed, rows, settings, seed=words.seed)

    samples = on_root(comm, prepare)
    counted = [
        run_monte_carlo(s.pair, s.key, s.window_s, words.monte_carlo, comm=comm) for s in samples
    ]
    if prepared is None:  # not rank 0
        return ""
    config, inputs, assessed, rows = prepared
    if counted:
        assessed = assessed.with_columns(monte_carlo_columns(len(assessed), samples, counted))
    write_products(words, config, inputs, assessed, rows)
    return format_assessed(assessed, rows, files=inputs.files, unread=len(inputs.errors))


def assess_stated(inputs: Inputs, config: Config, hbr_m: float | None = None) -> Assessed:
    """All columns of all conjunctions, a time slice at a time, as a run does it."""
    stated = inputs.stated
    settings = risk_settings(config.assess)
    radius = stated.hbr_m if hbr_m is None else np.full(len(stated), hbr_m)
    tca = (stated.tca_jd - inputs.start.jd) * DAY_S + (stated.tca_fr - inputs.start.fr) * DAY_S
    mass, estimated = zip(
        *(masses_kg(config.assess, stated.mass_kg[k], _types(stated.object_type[k]))
          for k in range(2)),
        strict=True,
    )  # fmt: skip
    parts: list[dict[str, NDArray[Any]]] = []
    order: list[NDArray[np.intp]] = []
    for rows in _slices(stated.since_start_s, config.screening.slice_hours * 3600.0):
        parts.append(
            risk_columns(
                stated.state[0, rows], stated.state[1, rows],
                stated.covariance_m2[0, rows], stated.covariance_m2[1, rows],
                radius[rows], stated.since_start_s[rows],
                mass1_kg=mass[0][rows], mass2_kg=mass[1][rows],
                responses_km=(stated.response_km[0, rows], stated.response_km[1, rows]),
                settings=settings,
            )
        )  # fmt: skip
        order.append(rows)
    place = np.argsort(np.concatenate(order))
    risk = {name: np.concatenate([p[name] for p in parts])[place] for name in parts[0]}
    ids = _numbers(stated.designator)
    columns: dict[str, NDArray[Any]] = {
        "sat1_object_designator": ids[0],
        "sat2_object_designator": ids[1],
        "tca": tca,
        **risk,
        "mass_estimated": (estimated[0] | estimated[1]).astype(np.uint8),
        **_state_columns(stated),
        "stated_collision_probability": stated.probability,
        "stated_miss_distance": stated.miss_distance_m,
    }
    texts = {
        "tca_utc": format_times(inputs.start, tca),
        "sat1_object_name": stated.name[0],
        "sat2_object_name": stated.name[1],
        "source": stated.source,
        "message_id": stated.message_id,
        "stated_collision_probability_method": stated.probability_method,
    }
    objects = {
        "object_designator": ids,
        "object_name": stated.name,
        "international_designator": stated.international_designator,
        "object_type": stated.object_type,
        "mass": stated.mass_kg,
    }
    return Assessed(columns, texts, objects, inputs.start)


def _settings(inputs: Inputs, overrides: Sequence[str] | Mapping[str, object]) -> Config:
    """Settings of the run that is assessed, or defaults, and the overrides, which win."""
    names = overrides if isinstance(overrides, Mapping) else [w.split("=", 1)[0] for w in overrides]
    for name in names:
        if not name.strip().startswith("assess.") or name.strip() in _OF_A_RUN:
            raise UsageError(
                f"assess: {name!r} is no setting of the assessment; words are assess.key=value, "
                "for example assess.pc_area=square; other settings belong to a run"
            )
    given = resolve(None, overrides)
    changed = {
        f"assess.{key}": getattr(given.assess, key)
        for key in sorted(name.strip().split(".", 1)[1] for name in names)
    }
    return resolve(None, inputs.settings | changed)


def _slices(since_start_s: NDArray[np.float64], slice_s: float) -> list[NDArray[np.intp]]:
    """Rows of each time slice; those without a screening start, one more."""
    number = np.floor(np.where(np.isnan(since_start_s), -np.inf, since_start_s) / slice_s)
    _, group = np.unique(number, return_inverse=True)
    order = np.argsort(group, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(group[order])) + 1)


def _types(object_type: NDArray[np.str_]) -> NDArray[np.str_]:
    """Object types as the estimate of masses knows them."""
    return np.where(object_type == "", "UNKNOWN", np.char.upper(object_type))


def _numbers(designator: NDArray[np.str_]) -> NDArray[np.int64]:
    """Designators as numbers; a text that is none gets one of this assessment, and is told."""
    unique, inverse = np.unique(designator, return_inverse=True)
    texts = [str(t) for t in unique if not (t.isascii() and t.isdigit())]
    own = dict(zip(texts, range(_FIRST_OWN_ID, _FIRST_OWN_ID + len(texts)), strict=True))
    if own:
        told = ", ".join(f"{text or 'blank'} = {number}" for text, number in own.items())
        _log.info("designators that are no numbers: %s", told)
    ids = np.array([own.get(str(t)) or int(t) for t in unique], dtype=np.int64)
    return ids[inverse].reshape(designator.shape)


def _state_columns(stated: StatedConjunctions) -> dict[str, NDArray[Any]]:
    columns: dict[str, NDArray[Any]] = {}
    pole = pole_of_date(stated.tca_jd, stated.tca_fr)
    for k in range(2):
        for j, name in enumerate(_STATE):
            columns[f"sat{k + 1}_{name}"] = np.ascontiguousarray(stated.state[k, :, j])
        orbit = osculating_orbit(stated.state[k], pole)
        columns[f"sat{k + 1}_apoapsis_altitude"] = orbit.apoapsis_altitude_km
        columns[f"sat{k + 1}_periapsis_altitude"] = orbit.periapsis_altitude_km
        columns[f"sat{k + 1}_inclination"] = orbit.inclination_deg
    return columns
