"""Random but plausible columns of a run, for tests of messages."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.epochs import parse_epoch
from tracss_hpc.export.cdm import RunFacts

__all__ = ["FACTS", "make_conjunctions", "make_objects"]

FACTS = RunFacts(
    start=parse_epoch("2025-09-01T12:00:00"),
    created=parse_epoch("2025-09-02T01:02:03"),
    run_id="4fe9054f-b477-4e7a-a7c5-1c1f1f6f8a11",
    correlation_id="7c9e6679a1b2",
    catalog_name="SYNTHETIC",
)


def make_objects(rng: np.random.Generator, n: int) -> dict[str, NDArray[Any]]:
    """Group `objects` of a run with element sets only."""
    numbers = np.arange(n)
    return {
        "object_designator": 900000001 + numbers,
        "object_name": np.array([f"SYN-{i} [+]" for i in numbers]),
        "international_designator": np.array([f"2020-{i % 999 + 1:03d}A" for i in numbers]),
        "object_type": rng.choice(np.array(["PAYLOAD", "DEBRIS", "ROCKET BODY"]), n),
        "ops_status": rng.choice(np.array(["+", "-", "?", ""]), n),
        "regime": np.full(n, "LEO 2"),
        "screening_data_source": np.full(n, "Synthetic GP"),
        "ephemeris_name": np.full(n, "NONE"),
        "covariance_method": np.full(n, "DEFAULT"),
        "hbr": rng.choice(np.array([1.0, 3.0, 5.0]), n),
        "mass": np.where(rng.random(n) < 0.5, rng.uniform(1.0, 9000.0, n), np.nan),
        "screen_volume_x": np.full(n, 0.4),
        "screen_volume_y": np.full(n, 25.0),
        "screen_volume_z": np.full(n, 25.0),
        "span_days": rng.choice(np.array([5.0, 10.0]), n),
    }


def make_conjunctions(
    rng: np.random.Generator, m: int, n: int, days: float = 1.0
) -> dict[str, NDArray[Any]]:
    """Group `conjunctions` of m rows between n objects, sorted by TCA."""
    tca = np.sort(np.rint(rng.uniform(0.0, days * 86400.0, m) * 1e6) / 1e6)
    object1 = rng.integers(0, n, m)
    columns: dict[str, NDArray[Any]] = {
        "object1": object1,
        "object2": (object1 + rng.integers(1, n, m)) % n,
        "tca": tca,
        "miss_distance": rng.uniform(0.0, 3e4, m),
        "relative_speed": rng.uniform(0.0, 15000.0, m),
        "collision_probability": 10.0 ** rng.uniform(-30.0, -3.0, m),
        "mahalanobis_distance": rng.uniform(0.0, 50.0, m),
        "approach_angle": rng.uniform(0.0, 180.0, m),
        "combined_hbr": np.full(m, 6.0),
        "sat1_caught": np.ones(m, np.uint8),
        "sat2_caught": rng.integers(0, 2, m).astype(np.uint8),
    }
    for side in (1, 2):
        columns[f"sat{side}_object_designator"] = 900000001 + columns[f"object{side}"]
        columns[f"sat{side}_covariance"] = rng.normal(size=(m, 21)) * 1e3
        columns[f"sat{side}_inclination"] = rng.uniform(0.0, 180.0, m)
        columns[f"sat{side}_apoapsis_altitude"] = rng.uniform(300.0, 2000.0, m)
        columns[f"sat{side}_periapsis_altitude"] = rng.uniform(200.0, 300.0, m)
        for c in "rtn":
            columns[f"sat{side}_relative_position_{c}"] = rng.normal(size=m) * 1e4
            columns[f"sat{side}_relative_velocity_{c}"] = rng.normal(size=m) * 1e4
        for c in "xyz":
            columns[f"sat{side}_{c}"] = rng.normal(size=m) * 7e3
            columns[f"sat{side}_{c}_dot"] = rng.normal(size=m) * 7.0
    return columns
