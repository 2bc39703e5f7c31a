"""Reference population: identity, determinism, structure, and survival of SGP4."""

from __future__ import annotations

import dataclasses
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sgp4.api import WGS72, Satrec, SatrecArray

from tracss_hpc.catalog import population
from tracss_hpc.catalog.catalog import automatic_start, select_element_sets
from tracss_hpc.catalog.population import START, digest, reference_population
from tracss_hpc.catalog.regimes import assign_regimes
from tracss_hpc.catalog.table import Catalog, object_types_from_names
from tracss_hpc.constants import DAY_S, MU_KM3_S2, RE_KM
from tracss_hpc.errors import ConfigError

PACKAGE = Path(str(files("tracss_hpc.catalog")))
TABLE: dict[str, Any] = tomllib.loads((PACKAGE / "population.toml").read_text(encoding="utf-8"))

#: SHA-256 of the columns of reference_population(), seed 1, as TLE-like text.
DIGEST = "670dea12889a5415fe124f1814a12f1f26e55c40a706cd7308ee2dfca7aa6d0f"

ELEMENTS = (
    "epoch_jd", "epoch_fr", "mean_motion", "eccentricity", "inclination", "raan", "arg_perigee",
    "mean_anomaly", "bstar", "mean_motion_dot",
)  # fmt: skip


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return reference_population()


def semi_major_axis(catalog: Catalog) -> np.ndarray:
    return np.asarray(np.cbrt(MU_KM3_S2 / (catalog.mean_motion * 2 * np.pi / DAY_S) ** 2))


def test_same_bits_from_the_same_seed(catalog: Catalog) -> None:
    assert digest(catalog) == DIGEST
    moved = catalog.raan.copy()
    moved[17] += 0.0001
    assert digest(dataclasses.replace(catalog, raan=moved)) != DIGEST
    other = reference_population(seed=2)
    assert len(other) == len(catalog)
    assert np.mean(other.mean_anomaly == catalog.mean_anomaly) < 0.01


def test_nothing_looks_like_a_real_satellite(catalog: Catalog) -> None:
    assert (population.CATALOG_NAME, population.SCREENING_DATA_SOURCE) == (
        "SYNTHETIC",
        "Synthetic GP",
    )
    assert len(catalog) == 28_488
    assert catalog.designator.tolist() == list(range(900_000_001, 900_028_489))
    assert np.all(np.char.startswith(catalog.name, "SYN-"))
    assert set(catalog.international_designator.tolist()) == {"UNKNOWN"}
    assert catalog.name[0] == "SYN-0000001"
    debris = np.flatnonzero(catalog.object_type == "DEBRIS")[0]
    assert catalog.name[debris] == f"SYN-{debris + 1:07d} DEB"
    # Written to a file and read back, the type comes from the name: only UNKNOWN is lost.
    read_back = object_types_from_names(catalog.name.tolist())
    known = catalog.object_type != "UNKNOWN"
    np.testing.assert_array_equal(read_back[known], catalog.object_type[known])


def test_types_and_hard_body_radii(catalog: Catalog) -> None:
    radius = {"PAYLOAD": 5.0, "ROCKET BODY": 3.0, "DEBRIS": 1.0, "UNKNOWN": 5.0}
    assert set(catalog.object_type.tolist()) == set(radius)
    assert catalog.hbr_m.tolist() == [radius[k] for k in catalog.object_type.tolist()]


def test_regime_shares_follow_the_table(catalog: Catalog) -> None:
    regimes, counts = np.unique(
        assign_regimes(catalog.mean_motion, catalog.eccentricity), return_counts=True
    )
    drawn = dict(zip(regimes.tolist(), counts.tolist(), strict=True))
    assert sum(TABLE["regime_objects"].values()) == len(catalog)
    for regime, expected in TABLE["regime_objects"].items():
        assert drawn[regime] == pytest.approx(expected, rel=0.02, abs=1), regime


def test_epochs_make_the_nominal_start(catalog: Catalog) -> None:
    age = (START.jd - catalog.epoch_jd) + (START.fr - catalog.epoch_fr)
    assert age.min() > 0.0
    assert age.max() < 30.0
    assert 0.1 < np.median(age) < 1.0
    assert automatic_start(catalog) == START
    assert set(select_element_sets(catalog, START, 30.0).tolist()) == {"ok"}


def test_shells_have_planes_and_altitude(catalog: Catalog) -> None:
    """Each shell's block of rows sits at its altitude and inclination, near its planes."""
    a = semi_major_axis(catalog)
    first = 0
    for shell in TABLE["shell"]:
        own = np.arange(first, first + shell["objects"])
        first += shell["objects"]
        assert abs(np.median(a[own]) - RE_KM - shell["altitude_km"]) < 6.0, shell["label"]
        off = np.abs(catalog.inclination[own] - shell["inclination_deg"])
        assert np.quantile(off, 0.9) <= 3 * shell["inclination_scatter_deg"] + 1e-4
        if shell["raan_scatter_deg"] <= 0.02 and shell["label"].startswith("LEO"):
            age = (START.jd - catalog.epoch_jd[own]) + (START.fr - catalog.epoch_fr[own])
            drift = population.nodal_rate_deg_day(
                a[own], catalog.eccentricity[own], catalog.inclination[own]
            )
            node = catalog.raan[own] + drift * age
            planes = np.array([plane[0] for plane in shell["planes"]])
            gap = np.abs((node[:, None] - planes[None, :] + 180.0) % 360.0 - 180.0).min(axis=1)
            assert gap.max() < 0.1, shell["label"]
    assert np.all(catalog.object_type[:first] == "PAYLOAD")


def test_planes_are_aggregates_and_the_table_is_small() -> None:
    assert min(plane[1] for shell in TABLE["shell"] for plane in shell["planes"]) >= 4
    size = sum((PACKAGE / name).stat().st_size for name in ("population.csv", "population.toml"))
    assert size < 300_000


def test_docked_modules_and_nothing_else_is_identical(catalog: Catalog) -> None:
    elements = np.stack([getattr(catalog, name) for name in ELEMENTS], axis=1)
    _, counts = np.unique(elements, axis=0, return_counts=True)
    assert sorted(counts[counts > 1].tolist()) == [5, 7]


def test_belt_has_slots_and_neighbours(catalog: Catalog) -> None:
    first = sum(shell["objects"] for shell in TABLE["shell"])
    belt = catalog.take(np.arange(first, first + TABLE["belt"]["objects"]))
    age = (START.jd - belt.epoch_jd) + (START.fr - belt.epoch_fr)
    lon = np.sort(
        np.mod(
            belt.raan
            + belt.arg_perigee
            + belt.mean_anomaly
            + 360.0 * belt.mean_motion * age
            - population.GMST_AT_START_DEG,
            360.0,
        )
    )
    near = np.diff(lon) < 0.06
    assert 0.5 * TABLE["belt"]["colocated"] < near.sum() < 2.0 * TABLE["belt"]["colocated"]
    counts = np.histogram(lon, 36, (0.0, 360.0))[0]
    assert np.corrcoef(counts, TABLE["belt"]["longitude_counts"])[0, 1] > 0.6


def test_mean_sidereal_time_constant() -> None:
    """GMST at the start: IAU-1982 linear part, 280.46061837 + 360.98564736629 d deg."""
    days = START.jd + START.fr - 2451545.0
    expected = (280.46061837 + 360.98564736629 * days) % 360.0
    assert abs(population.GMST_AT_START_DEG - expected) < 1e-4


@pytest.mark.parametrize("objects", [1, 37, 2_000])
def test_small_populations_thin_everything(objects: int) -> None:
    small = reference_population(objects)
    assert len(small) == objects
    if objects == 2_000:
        regimes = assign_regimes(small.mean_motion, small.eccentricity)
        for regime in ("LEO 1", "LEO 2", "LEO 3", "HEO", "GEO"):
            expected = TABLE["regime_objects"][regime] * objects / 28_488
            assert np.sum(regimes == regime) == pytest.approx(expected, rel=0.15, abs=6), regime


def test_large_populations_grow_constellations_and_debris(catalog: Catalog) -> None:
    large = reference_population(60_000)
    assert len(large) == 60_000
    for kind in ("ROCKET BODY", "UNKNOWN"):
        assert np.sum(large.object_type == kind) == np.sum(catalog.object_type == kind)
    for kind in ("DEBRIS", "PAYLOAD"):
        growth = np.sum(large.object_type == kind) / np.sum(catalog.object_type == kind)
        assert growth > 1.5
    regimes = assign_regimes(large.mean_motion, large.eccentricity)
    assert np.sum(regimes == "GEO") < 3_000


@pytest.mark.parametrize(
    ("objects", "per_mille"),
    [
        (100_000, {"LEO 1": 207, "LEO 2": 385, "LEO 3": 256, "LEO 4": 71, "HEO": 52, "GEO": 22}),
        (300_000, {"LEO 1": 207, "LEO 2": 398, "LEO 3": 262, "LEO 4": 69, "HEO": 49, "GEO": 12}),
    ],
)
def test_shares_of_grown_populations(
    catalog: Catalog, objects: int, per_mille: dict[str, int]
) -> None:
    """Table of docs/population.md; MEO and Deep Space are the rest."""
    large = reference_population(objects)
    assert len(large) == objects
    assert large.designator.tolist() == list(range(900_000_001, 900_000_001 + objects))
    assert len(set(large.name.tolist())) == objects
    regimes = assign_regimes(large.mean_motion, large.eccentricity)
    for regime, share in per_mille.items():
        assert np.mean(regimes == regime) * 1000.0 == pytest.approx(share, abs=2.0), regime
    # What does not grow: everything that is neither a constellation in LEO nor debris.
    small = assign_regimes(catalog.mean_motion, catalog.eccentricity)
    for regime in ("MEO", "GEO", "HEO", "Deep Space"):
        for kind in ("PAYLOAD", "ROCKET BODY", "UNKNOWN"):
            before = np.sum((small == regime) & (catalog.object_type == kind))
            after = np.sum((regimes == regime) & (large.object_type == kind))
            assert after == pytest.approx(before, rel=0.02, abs=3), (regime, kind)


def test_same_size_same_population() -> None:
    assert digest(reference_population(40_000)) == digest(reference_population(40_000))
    assert digest(reference_population(40_000)) != digest(reference_population(40_001))


@pytest.mark.parametrize(("key", "value"), [("objects", 0), ("objects", -5), ("seed", -1)])
def test_impossible_requests_are_refused(key: str, value: int) -> None:
    with pytest.raises(ConfigError, match=str(value)) as caught:
        reference_population(**{key: value})
    assert (caught.value.key, caught.value.given) == (key, value)


def test_sgp4_carries_the_population_for_ten_days(catalog: Catalog) -> None:
    """As in the real catalog, where 12 objects fail at the start and 47 within ten days."""
    sats = []
    for k in range(len(catalog)):
        sat = Satrec()
        sat.sgp4init(
            WGS72, "i", 1, catalog.epoch_jd[k] - 2433281.5 + catalog.epoch_fr[k],
            catalog.bstar[k], 0.0, 0.0, catalog.eccentricity[k],
            *np.radians([catalog.arg_perigee[k], catalog.inclination[k],
                         catalog.mean_anomaly[k]]).tolist(),
            catalog.mean_motion[k] * 2 * np.pi / 1440.0, float(np.radians(catalog.raan[k])),
        )  # fmt: skip
        sats.append(sat)
    days = np.array([0.0, 5.0, 10.0])
    code, r, _ = SatrecArray(sats).sgp4(np.full(3, START.jd), START.fr + days)
    failed = code != 0
    assert failed[:, 0].sum() <= 20
    assert 10 <= failed.any(axis=1).sum() <= 90
    # At the start every object is between its perigee and apogee, give or take J2 and drag.
    a, e = semi_major_axis(catalog), catalog.eccentricity
    radius = np.linalg.norm(r[:, 0], axis=1)
    sound = ~failed[:, 0]
    # (SGP4's lunisolar terms move the perigee of a few high orbits farther, old sets decay.)
    low = sound & (radius < a * (1 - e) - 60.0)
    high = sound & (radius > a * (1 + e) * 1.01 + 60.0)
    assert low.sum() + high.sum() <= 30


def test_every_column_is_filled(catalog: Catalog) -> None:
    for field in dataclasses.fields(catalog):
        column = getattr(catalog, field.name)
        if column.dtype.kind == "f" and field.name != "mass_kg":
            assert np.all(np.isfinite(column)), field.name
    assert np.all((catalog.eccentricity > 0) & (catalog.eccentricity < 0.96))
    for angle in ("raan", "arg_perigee", "mean_anomaly"):
        values = getattr(catalog, angle)
        assert values.min() >= 0.0
        assert values.max() < 360.0
