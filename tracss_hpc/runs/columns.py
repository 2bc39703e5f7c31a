"""Columns of results.h5 from what the stages found.

Fed by the problem, the conjunctions and the assessment; feeds export.hdf5. Names and units are
those of the results contract: CDM keywords in lower case, CDM units.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.assess.assessment import assess_conjunctions
from tracss_hpc.assess.risk import RiskSettings
from tracss_hpc.catalog.catalog import Rejected
from tracss_hpc.config import Assess
from tracss_hpc.constants import DAY_S, MU_KM3_S2, RE_KM
from tracss_hpc.ephemeris.covariance import CovarianceTable
from tracss_hpc.runs.problem import RunInput
from tracss_hpc.runs.risk import masses_kg, risk_settings
from tracss_hpc.screening.special_pairs import ClosingAtEnd
from tracss_hpc.screening.time_slice import Conjunctions

__all__ = [
    "closing_columns",
    "colocated_columns",
    "conjunction_columns",
    "object_columns",
    "rejected_columns",
    "sort_conjunctions",
]

Columns = dict[str, NDArray[Any]]

_BLOCK_ROWS = 16384  # assessed together: some 30 MB of intermediate arrays


def object_columns(
    run_input: RunInput, status: NDArray[np.str_], status_time: NDArray[np.float64]
) -> Columns:
    """Group `objects`: one row per element set read, also those left out."""
    catalog, volumes = run_input.catalog, run_input.volumes
    n = len(catalog)
    semi_major = (MU_KM3_S2 / (catalog.mean_motion * 2.0 * np.pi / DAY_S) ** 2) ** (1.0 / 3.0)
    return {
        "object_designator": catalog.designator,
        "object_name": catalog.name,
        "international_designator": catalog.international_designator,
        "catalog_name": run_input.catalog_name,
        "object_type": catalog.object_type,
        "ops_status": catalog.ops_status,
        "operator_organization": catalog.owner,
        "regime": run_input.regime,
        "screening_data_source": run_input.screening_data_source,
        "ephemeris_name": np.full(n, "NONE"),
        "epoch": _epoch_s(run_input),
        "hbr": catalog.hbr_m,
        "mass": catalog.mass_kg,
        "apoapsis_altitude": semi_major * (1.0 + catalog.eccentricity) - RE_KM,
        "periapsis_altitude": semi_major * (1.0 - catalog.eccentricity) - RE_KM,
        "inclination": catalog.inclination,
        "screen_volume_shape": np.full(n, volumes.shape),
        "screen_volume_x": volumes.r_km,
        "screen_volume_y": volumes.t_km,
        "screen_volume_z": volumes.n_km,
        "span_days": volumes.span_days,
        "primary": run_input.primary.astype(np.uint8),
        "covariance_method": np.full(n, "DEFAULT"),
        "status": status,
        "status_time": status_time,
        "source_file": catalog.source_file,
        "source_record": catalog.source_record,
    }


def sort_conjunctions(run_input: RunInput, conjunctions: Conjunctions) -> Conjunctions:
    """Conjunctions in the order of the file: by (tca, sat1, sat2, object1, object2)."""
    rows = (run_input.active[conjunctions.object1], run_input.active[conjunctions.object2])
    sat1, sat2 = (run_input.catalog.designator[row] for row in rows)
    order = np.lexsort((rows[1], rows[0], sat2, sat1, conjunctions.tca_us))
    return Conjunctions(*(getattr(conjunctions, f.name)[order] for f in fields(Conjunctions)))


def conjunction_columns(
    run_input: RunInput,
    conjunctions: Conjunctions,
    covariance_table: CovarianceTable,
    assess: Assess,
) -> Columns:
    """Group `conjunctions`, in the order given; object rows count in group `objects`.

    Nc2D is left to `assess.risk.fill_nc2d`, whose limit holds for all rows together.
    Assessed block by block: a million rows at once need three times their own memory (2.7 instead
    of 0.8 GB), and do not fit into any cache.
    """
    orbits = (
        _epoch_s(run_input),
        run_input.catalog.mean_motion * 2.0 * np.pi / DAY_S,
    )
    masses = masses_kg(assess, run_input.catalog.mass_kg, run_input.catalog.object_type)
    settings = replace(risk_settings(assess), nc2d_max=0)
    n = len(conjunctions)
    columns: Columns = {}
    for start in range(0, max(n, 1), _BLOCK_ROWS):
        rows = slice(start, min(start + _BLOCK_ROWS, n))
        part = Conjunctions(*(getattr(conjunctions, f.name)[rows] for f in fields(Conjunctions)))
        block = _block_columns(run_input, part, *orbits, masses, covariance_table, settings)
        for name, values in block.items():
            if start == 0:
                columns[name] = np.empty((n, *values.shape[1:]), values.dtype)
            columns[name][rows] = values
    return columns


def colocated_columns(run_input: RunInput, pairs: NDArray[np.int64]) -> Columns:
    """Group `colocated`: pairs with identical element sets."""
    return _pair_columns(run_input, pairs[:, 0], pairs[:, 1])


def closing_columns(run_input: RunInput, closing: ClosingAtEnd) -> Columns:
    """Group `audit/closing_at_end`, by time and designators."""
    columns = _pair_columns(run_input, closing.object1, closing.object2)
    columns |= {
        "time": closing.t,
        "range": closing.range_km * 1e3,
        "range_rate": closing.range_rate_km_s * 1e3,
    }
    order = np.lexsort((columns["object2"], columns["object1"], columns["time"]))
    return {name: column[order] for name, column in columns.items()}


def rejected_columns(rejected: Rejected) -> Columns:
    """Group `rejected`: input records that were not taken."""
    return {
        "file": rejected.file,
        "record": rejected.record,
        "designator": rejected.designator,
        "reason": rejected.reason,
    }


def _block_columns(
    run_input: RunInput,
    conjunctions: Conjunctions,
    epoch: NDArray[np.float64],
    mean_motion: NDArray[np.float64],
    masses: tuple[NDArray[np.float64], NDArray[np.bool_]],
    covariance_table: CovarianceTable,
    settings: RiskSettings,
) -> Columns:
    catalog, start = run_input.catalog, run_input.start
    rows = [run_input.active[conjunctions.object1], run_input.active[conjunctions.object2]]
    tca = conjunctions.tca_us / 1e6
    mass, estimated = masses
    columns: Columns = {
        "object1": rows[0].astype(np.int64),
        "object2": rows[1].astype(np.int64),
        "sat1_object_designator": catalog.designator[rows[0]],
        "sat2_object_designator": catalog.designator[rows[1]],
        "tca": tca,
        "sat1_in_volume": conjunctions.in_volume1.astype(np.uint8),
        "sat2_in_volume": conjunctions.in_volume2.astype(np.uint8),
        "sat1_caught": conjunctions.caught1.astype(np.uint8),
        "sat2_caught": conjunctions.caught2.astype(np.uint8),
        "at_discontinuity": conjunctions.at_discontinuity.astype(np.uint8),
        "sat1_age": np.abs(epoch[rows[0]]) / DAY_S,
        "sat2_age": np.abs(epoch[rows[1]]) / DAY_S,
    }
    columns |= assess_conjunctions(
        start,
        tca,
        conjunctions.state1,
        conjunctions.state2,
        regime1=run_input.regime[rows[0]],
        regime2=run_input.regime[rows[1]],
        epoch1_s=epoch[rows[0]],
        epoch2_s=epoch[rows[1]],
        mean_motion1_rad_s=mean_motion[rows[0]],
        mean_motion2_rad_s=mean_motion[rows[1]],
        hbr1_m=catalog.hbr_m[rows[0]],
        hbr2_m=catalog.hbr_m[rows[1]],
        mass1_kg=mass[rows[0]],
        mass2_kg=mass[rows[1]],
        covariance_table=covariance_table,
        settings=settings,
    )
    columns["mass_estimated"] = (estimated[rows[0]] | estimated[rows[1]]).astype(np.uint8)
    return columns


def _pair_columns(
    run_input: RunInput, first: NDArray[np.int64], second: NDArray[np.int64]
) -> Columns:
    rows1, rows2 = run_input.active[first], run_input.active[second]
    return {
        "object1": rows1.astype(np.int64),
        "object2": rows2.astype(np.int64),
        "sat1_object_designator": run_input.catalog.designator[rows1],
        "sat2_object_designator": run_input.catalog.designator[rows2],
    }


def _epoch_s(run_input: RunInput) -> NDArray[np.float64]:
    """Epochs of the element sets [s since run start]."""
    catalog, start = run_input.catalog, run_input.start
    return (catalog.epoch_jd - start.jd) * DAY_S + (catalog.epoch_fr - start.fr) * DAY_S
