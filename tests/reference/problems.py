"""Make screening problems of catalog files by the package's own stages, for the reference tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tracss_hpc.catalog.catalog import Catalog, read_catalog, select_element_sets
from tracss_hpc.catalog.regimes import assign_regimes
from tracss_hpc.catalog.volumes import Volumes, handbook_volumes
from tracss_hpc.ephemeris.gp import find_ends, make_trajectories
from tracss_hpc.epochs import Epoch
from tracss_hpc.screening.time_slice import ScreeningProblem


def usable_catalog(patterns: Sequence[str | Path], start: Epoch) -> Catalog:
    """The element sets of the files that a run from `start` would screen."""
    catalog = read_catalog([str(p) for p in patterns]).catalog
    status = select_element_sets(catalog, start, 30.0)
    return catalog.take(np.flatnonzero(status == "ok"))


def make_problem(
    catalog: Catalog, start: Epoch, window_s: float, volumes: Volumes | None = None
) -> ScreeningProblem:
    """Everything against everything, with the handbook's boxes unless `volumes` are given."""
    if volumes is None:
        volumes = handbook_volumes(assign_regimes(catalog.mean_motion, catalog.eccentricity))
    trajectories = make_trajectories(catalog, start)
    end_s, _ = find_ends(trajectories, window_s)
    order = np.lexsort((catalog.designator, catalog.object_type != "PAYLOAD"))
    precedence = np.empty(len(catalog), dtype=np.int64)
    precedence[order] = np.arange(len(catalog))
    everyone = np.ones(len(catalog), dtype=bool)
    return ScreeningProblem(trajectories, volumes, everyone, end_s, precedence)
