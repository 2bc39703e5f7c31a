"""The reference population: a synthetic catalog for a repository that may not ship a real one.

`reference_population` draws about 28,000 objects from a table of aggregate statistics
(population.toml, population.csv; made by tests/bench/make_population_table.py from the public
catalog of 2025-09-01) and feeds everything that takes a `Catalog`. Its conjunctions follow those of
the real catalog in number by regime and in relative speed (docs/population.md); no row is a real
object, and ids, names and `CATALOG_NAME` say so.

    population.toml  shells: planes, slots, keep-out ---.
                     GEO belt: longitudes, co-location --+--> elements at START --> back to each
    population.csv   cells: height x inclination x       |    (a e i node u)        object's epoch
                     eccentricity by object type --------'

Only uniform doubles of PCG64 are drawn, and elements are rounded to what a TLE holds, so that a
seed gives the same catalog on every machine.
"""

from __future__ import annotations

import csv
import hashlib
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.catalog.draws import (
    Floats,
    angles_by_class,
    angles_from_histogram,
    at_quantiles,
    class_of,
    cumulative_counts,
    normal,
)
from tracss_hpc.catalog.hbr import DEFAULT_HBR_M
from tracss_hpc.catalog.shells import place_shell
from tracss_hpc.catalog.table import Catalog
from tracss_hpc.constants import DAY_S, MU_KM3_S2, RE_KM
from tracss_hpc.epochs import Epoch
from tracss_hpc.errors import ConfigError

__all__ = [
    "CATALOG_NAME",
    "FIRST_DESIGNATOR",
    "GEO_RADIUS_KM",
    "GMST_AT_START_DEG",
    "NAME_PREFIX",
    "SCREENING_DATA_SOURCE",
    "START",
    "digest",
    "nodal_rate_deg_day",
    "perigee_rate_deg_day",
    "reference_population",
]

#: CDM CATALOG_NAME of every synthetic object.
CATALOG_NAME = "SYNTHETIC"
#: CDM SCREENING_DATA_SOURCE of every synthetic object.
SCREENING_DATA_SOURCE = "Synthetic GP"
#: First designator; nine digits, far above any catalogued object.
FIRST_DESIGNATOR = 900_000_001
#: Every name starts with this.
NAME_PREFIX = "SYN-"
#: Instant at which nodes and phases are placed: 2025-09-01T12:00:00; epochs lie before it.
START = Epoch(2460919.5, 0.5)
#: Greenwich mean sidereal time at START [deg] (IAU-1982).
GMST_AT_START_DEG = 160.9047
#: Semi-major axis of a geostationary satellite [km] (sidereal day, MU_KM3_S2).
GEO_RADIUS_KM = 42164.17

_J2 = 1.082616e-3  # WGS-72, as SGP4 has it
_NAME_SUFFIX = {"DEBRIS": " DEB", "ROCKET BODY": " R/B"}
_PRINTED = {
    "designator": "d", "epoch_jd": ".1f", "epoch_fr": ".8f", "mean_motion": ".8f",
    "eccentricity": ".7f", "inclination": ".4f", "raan": ".4f", "arg_perigee": ".4f",
    "mean_anomaly": ".4f", "bstar": ".4e", "mean_motion_dot": ".8f", "rev_at_epoch": "d",
}  # fmt: skip
_SLOT_SHARE_DEG = 0.05  # co-located GEO satellites lie within this of each other


@dataclass(frozen=True)
class _Part:
    """Elements of one component at START [km, deg] and what belongs to them."""

    kind: NDArray[np.str_]
    a: Floats
    e: Floats
    i: Floats
    raan: Floats
    argp: Floats
    u: Floats
    bstar: Floats
    ndot: Floats
    age: Floats


def reference_population(objects: int | None = None, seed: int = 1) -> Catalog:
    """Draw a synthetic catalog.

    Parameters
    ----------
    objects : int, optional
        Number of objects; default the 28,488 of the catalog the table was made from. Fewer thin
        every component alike; more add constellation satellites and debris, in their present
        proportions, and leave everything else as it is.
    seed : int
        Seed of PCG64; the same seed, the same bits.

    Returns
    -------
    Catalog
        Designators from 900000001, names ``SYN-0000001[ DEB| R/B]``, epochs before `START`.

    Raises
    ------
    ConfigError
        If `objects` is below 1 or `seed` below 0.
    """
    table = tomllib.loads(_resource("population.toml"))
    for key, value, least in (("objects", objects, 1), ("seed", seed, 0)):
        if value is not None and value < least:
            raise ConfigError(
                f"reference population: {key} = {value} is not an integer of {least} or more",
                key=key,
                given=value,
                allowed=f"{least} or more",
            )
    names, kinds, cells = _read_cells()
    sizes = _component_sizes(table, names, kinds, cells, objects)
    parts: list[_Part] = []
    for shell in table["shell"]:
        rng = _generator(seed, shell["label"])
        parts.append(_draw_shell(table, shell, sizes[shell["label"]], rng))
    parts.append(_draw_belt(table, sizes["belt"], _generator(seed, "belt")))
    for group, kind in dict.fromkeys(zip(names.tolist(), kinds.tolist(), strict=True)):
        mine = cells[(names == group) & (kinds == kind)]
        rng = _generator(seed, f"{group} {kind}")
        parts.append(_draw_cells(table, group, kind, mine, sizes[f"{group} {kind}"], rng))
    part = _Part(*(np.concatenate([getattr(p, f) for p in parts]) for f in _Part.__annotations__))
    return _to_catalog(part, seed, _generator(seed, "bookkeeping"))


def digest(catalog: Catalog) -> str:
    """SHA-256 over designators, names, epochs and elements, printed as a TLE would."""
    sha = hashlib.sha256("\n".join(catalog.name.tolist()).encode())
    for column, form in _PRINTED.items():
        sha.update("\n".join(format(v, form) for v in getattr(catalog, column).tolist()).encode())
    return sha.hexdigest()


def nodal_rate_deg_day(a: Floats, e: Floats, i: Floats) -> Floats:
    """Secular J2 rate of the node [deg/day] for `a` [km], `i` [deg] (Vallado 2013, 9-37)."""
    return np.asarray(-1.5 * _j2_rate(a, e) * np.cos(np.radians(i)))


def perigee_rate_deg_day(a: Floats, e: Floats, i: Floats) -> Floats:
    """Secular J2 rate of the argument of perigee [deg/day] (Vallado 2013, 9-39)."""
    return np.asarray(0.75 * _j2_rate(a, e) * (5.0 * np.cos(np.radians(i)) ** 2 - 1.0))


def _j2_rate(a: Floats, e: Floats) -> Floats:
    """n J2 (RE/p)^2 [deg/day]."""
    p = a * (1.0 - e * e)
    return np.asarray(_mean_motion(a) * 360.0 * _J2 * (RE_KM / p) ** 2)


def _mean_motion(a: Floats) -> Floats:
    """Mean motion [rev/day]."""
    return np.asarray(np.sqrt(MU_KM3_S2 / (a * a * a)) * (DAY_S / (2.0 * np.pi)))


def _resource(name: str) -> str:
    return (files("tracss_hpc.catalog") / name).read_text(encoding="utf-8")


def _generator(seed: int, component: str) -> np.random.Generator:
    """One stream per component, so that one component's size does not move another's draws."""
    return np.random.Generator(np.random.PCG64([seed, *component.encode("ascii")]))


def _read_cells() -> tuple[NDArray[np.str_], NDArray[np.str_], NDArray[np.int64]]:
    """Columns of population.csv: group, type, and (altitude, inclination, eccentricity, n)."""
    rows = list(csv.reader(_resource("population.csv").splitlines()))[1:]
    values = np.array([[int(v) for v in row[2:]] for row in rows], dtype=np.int64)
    return np.array([row[0] for row in rows]), np.array([row[1] for row in rows]), values


def _component_sizes(
    table: dict[str, Any],
    names: NDArray[np.str_],
    kinds: NDArray[np.str_],
    cells: NDArray[np.int64],
    objects: int | None,
) -> dict[str, int]:
    """Objects of every component: shells by label, ``belt``, cells as ``GROUP TYPE``."""
    size = {str(shell["label"]): int(shell["objects"]) for shell in table["shell"]}
    size["belt"] = int(table["belt"]["objects"])
    for group, kind, n in zip(names.tolist(), kinds.tolist(), cells[:, 3].tolist(), strict=True):
        size[f"{group} {kind}"] = size.get(f"{group} {kind}", 0) + int(n)
    total = sum(size.values())
    if objects is None or objects == total:
        return size
    grow = {
        key for key in size if objects < total or key.startswith("LEO-") or key.endswith(" DEBRIS")
    }
    before = np.array([size[key] for key in size if key in grow], dtype=np.int64)
    after = cumulative_counts(before, objects - total + int(before.sum()))
    size.update(zip((key for key in size if key in grow), after.tolist(), strict=True))
    return size


def _draw_shell(
    table: dict[str, Any], shell: dict[str, Any], n: int, rng: np.random.Generator
) -> _Part:
    """One constellation shell."""
    if n == 0:
        return _empty()
    a, raan, u = place_shell(shell, n, rng)
    p = table["probabilities"]
    mean, spread = shell["arg_perigee_deg"]
    argp = 360.0 * rng.random(n) if spread > 90 else mean + spread * normal(rng, n)
    rank = rng.random(n)
    return _Part(
        kind=np.full(n, "PAYLOAD"),
        a=a,
        e=at_quantiles(p, shell["eccentricity"], rng.random(n)),
        i=np.abs(shell["inclination_deg"] + shell["inclination_scatter_deg"] * normal(rng, n)),
        raan=raan,
        argp=argp,
        u=u,
        bstar=at_quantiles(p, shell["bstar"], rank),
        ndot=at_quantiles(p, shell["mean_motion_dot"], rank),
        age=at_quantiles(p, table["shell_age_days"], rng.random(n)),
    )


def _draw_belt(table: dict[str, Any], n: int, rng: np.random.Generator) -> _Part:
    """Station-kept GEO satellites: one per slot, and those that share a slot."""
    belt, p = table["belt"], table["probabilities"]
    sharing = (n * int(belt["colocated"])) // int(belt["objects"])
    slots = angles_from_histogram(belt["longitude_counts"], n - sharing, rng)
    host = (rng.random(sharing) * len(slots)).astype(np.int64)
    lon = np.concatenate([slots, slots[host] + _SLOT_SHARE_DEG * (2.0 * rng.random(sharing) - 1.0)])
    raan = 360.0 * rng.random(n)
    rank = rng.random(n)
    return _Part(
        kind=np.full(n, "PAYLOAD"),
        a=GEO_RADIUS_KM + at_quantiles(p, belt["radius_offset_km"], rng.random(n)),
        e=at_quantiles(p, belt["eccentricity"], rng.random(n)),
        i=at_quantiles(p, belt["inclination_deg"], rng.random(n)),
        raan=raan,
        argp=360.0 * rng.random(n),
        u=lon + GMST_AT_START_DEG - raan,
        bstar=at_quantiles(p, belt["bstar"], rank),
        ndot=at_quantiles(p, belt["mean_motion_dot"], rank),
        age=at_quantiles(p, table["group"]["GEO"]["age_days"], rng.random(n)),
    )


def _draw_cells(
    table: dict[str, Any],
    group: str,
    kind: str,
    cells: NDArray[np.int64],
    n: int,
    rng: np.random.Generator,
) -> _Part:
    """Objects of one type in one group, uniform within their histogram cells."""
    if n == 0:
        return _empty()
    own, p = table["group"][group], table["probabilities"]
    rows = np.repeat(cells[:, :3], cumulative_counts(cells[:, 3], n), axis=0)
    x, i, e = (
        edges[bins] + (edges[bins + 1] - edges[bins]) * rng.random(n)
        for edges, bins in (
            (np.array(own["altitude_edges_km"]), rows[:, 0]),
            (np.array(own["inclination_edges_deg"]), rows[:, 1]),
            (np.array(own["eccentricity_edges"]), rows[:, 2]),
        )
    )
    a = GEO_RADIUS_KM + x if group == "GEO" else (RE_KM + x) / (1.0 - e)
    by_i = class_of(own["class_inclination_edges_deg"], i)
    by_e = class_of(own["class_eccentricity_edges"], e)
    by_x = class_of(own["class_altitude_edges_km"], x)
    if group == "HEO":
        by_e = by_e * (len(own["class_inclination_edges_deg"]) - 1) + by_i
    raan = angles_by_class(own[kind]["raan_counts"], by_i, rng)
    argp = angles_by_class(own[kind]["arg_perigee_counts"], by_e, rng)
    u = argp + 360.0 * rng.random(n)
    if group == "GEO":
        librating = np.abs(x) < 40.0
        lon = angles_from_histogram(own["librating_longitude_counts"], n, rng)
        u = np.where(librating, lon + GMST_AT_START_DEG - raan, u)
    rank = rng.random(n)
    bstar, ndot = np.zeros(n), np.zeros(n)
    for k in np.unique(by_x):
        for column, key in ((bstar, "bstar"), (ndot, "mean_motion_dot")):
            known = [(abs(m - k), m) for m, q in enumerate(own[kind][key]) if q]
            if known:
                at = by_x == k
                column[at] = at_quantiles(
                    table["probabilities"], own[kind][key][min(known)[1]], rank[at]
                )
    age = at_quantiles(p, own["age_days"], rng.random(n))
    part = _Part(np.full(n, kind), a, e, i, raan, argp, u, bstar, ndot, age)
    if (group, kind) == ("LEO", "PAYLOAD"):
        part = _bring_together(part, table["companions"], n / int(cells[:, 3].sum()), rng)
    return part


def _bring_together(
    part: _Part, companions: dict[str, Any], share: float, rng: np.random.Generator
) -> _Part:
    """Move some payloads beside others: rideshares and tandem flights, docked modules.

    `share` scales the number of companions with the size of the population.
    """
    height = part.a * (1.0 - part.e) - RE_KM
    pool = np.flatnonzero(height < companions["below_km"])
    pool = pool[np.argsort(rng.random(len(pool)), kind="stable")]
    n = min(int(companions["objects"] * share), len(pool) // 2)
    moved = {f: np.array(getattr(part, f)) for f in _Part.__annotations__}
    follower, host = pool[:n], pool[n : 2 * n]
    for name, column in moved.items():
        column[follower] = column[host]
        if name in companions["scatter"]:
            column[follower] += companions["scatter"][name] * normal(rng, n)
    moved["e"] = np.abs(moved["e"])
    at = 2 * n
    for size in companions["docked"]:
        station = pool[at : at + int(size * min(share, 1.0))]
        at += len(station)
        for column in moved.values():
            column[station] = column[station[:1]]
    return _Part(**moved)


def _empty() -> _Part:
    none = np.empty(0)
    return _Part(np.empty(0, dtype="<U11"), *([none] * 9))


def _to_catalog(part: _Part, seed: int, rng: np.random.Generator) -> Catalog:
    """Move every object from START back to its own epoch, round to TLE digits, name it."""
    n = len(part.a)
    since_midnight = _rounded(START.fr - part.age, 8)
    day = np.floor(since_midnight)
    age = START.fr - since_midnight
    motion = _rounded(_mean_motion(part.a), 8)
    e = _rounded(np.clip(part.e, 1e-7, 0.95), 7)
    i = _rounded(np.clip(part.i, 0.0, 180.0), 4)
    raan = part.raan - nodal_rate_deg_day(part.a, e, i) * age
    argp_rate = perigee_rate_deg_day(part.a, e, i)
    argp = part.argp - argp_rate * age
    anomaly = part.u - part.argp - 360.0 * (motion * age + part.ndot * age**2)
    serial = np.arange(1, n + 1, dtype=np.int64)
    return Catalog(
        designator=serial + (FIRST_DESIGNATOR - 1),
        name=np.array(
            [
                f"{NAME_PREFIX}{k:07d}{_NAME_SUFFIX.get(kind, '')}"
                for k, kind in zip(serial.tolist(), part.kind.tolist(), strict=True)
            ]
        ),
        international_designator=np.full(n, "UNKNOWN"),
        object_type=part.kind,
        ops_status=np.full(n, "UNKNOWN"),
        owner=np.full(n, ""),
        epoch_jd=START.jd + day,
        epoch_fr=_rounded(since_midnight - day, 8),
        mean_motion=motion,
        eccentricity=e,
        inclination=i,
        raan=_angle(raan),
        arg_perigee=_angle(argp),
        mean_anomaly=_angle(anomaly),
        bstar=np.array([float(f"{b:.4e}") for b in part.bstar.tolist()]),
        mean_motion_dot=_rounded(part.ndot, 8),
        mean_motion_ddot=np.zeros(n),
        element_set_no=np.full(n, 999, dtype=np.int64),
        rev_at_epoch=(rng.random(n) * 100_000).astype(np.int64),
        classification=np.full(n, "U"),
        hbr_m=np.array([DEFAULT_HBR_M[kind] for kind in part.kind.tolist()]),
        mass_kg=np.full(n, np.nan),
        source_file=np.full(n, f"reference population (seed {seed})"),
        source_record=serial,
    )


def _angle(x: Floats) -> Floats:
    """Angle in [0, 360), four decimals [deg]."""
    return np.asarray(np.mod(_rounded(np.mod(x, 360.0), 4), 360.0), dtype=np.float64)


def _rounded(x: Floats, digits: int) -> Floats:
    """As a TLE prints it."""
    return np.asarray(np.round(x, digits), dtype=np.float64)
