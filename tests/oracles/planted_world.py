"""The planted catalog as the package sees it, and its conjunctions as the oracle finds them."""

from __future__ import annotations

from functools import cache
from typing import Literal

import numpy as np

from tests.oracles import conjunctions as oracle
from tests.oracles import planted
from tracss_hpc.catalog.catalog import Catalog, read_catalog
from tracss_hpc.catalog.regimes import assign_regimes
from tracss_hpc.catalog.volumes import handbook_volumes, uniform_volume
from tracss_hpc.ephemeris.gp import find_ends, make_trajectories
from tracss_hpc.epochs import parse_epoch
from tracss_hpc.screening.time_slice import ScreeningProblem

START = parse_epoch(planted.START)
WINDOW_S = planted.WINDOW_S
SPHERE_KM = 10.0


@cache
def planted_catalog() -> Catalog:
    """The committed file, read by the package."""
    return read_catalog([str(planted.FILE)]).catalog


@cache
def planted_problem(shape: Literal["BOX", "SPHERE"] = "BOX") -> ScreeningProblem:
    """All against all, handbook boxes or one sphere of SPHERE_KM."""
    catalog = planted_catalog()
    n = len(catalog)
    if shape == "BOX":
        volumes = handbook_volumes(assign_regimes(catalog.mean_motion, catalog.eccentricity))
    else:
        volumes = uniform_volume(n, "ELLIPSOID", SPHERE_KM, SPHERE_KM, SPHERE_KM, 5.0)
    trajectories = make_trajectories(catalog, START)
    end_s, _ = find_ends(trajectories, WINDOW_S)
    order = np.lexsort((catalog.designator, catalog.object_type != "PAYLOAD"))
    precedence = np.empty(n, dtype=np.int64)
    precedence[order] = np.arange(n)
    return ScreeningProblem(trajectories, volumes, np.ones(n, dtype=bool), end_s, precedence)


@cache
def oracle_objects() -> oracle.Objects:
    """The committed file, read by the oracle."""
    return oracle.read_objects(planted.FILE, planted.START)


@cache
def oracle_minima() -> list[oracle.Event]:
    """Every minimum of distance that comes near a volume; takes some ten seconds."""
    return oracle.find_minima(oracle_objects(), planted.START, WINDOW_S, SPHERE_KM)
