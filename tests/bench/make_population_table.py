"""Derive the aggregate table of the reference population from a real catalog.

    python tests/bench/make_population_table.py ../shared/data/catalogs/CATALOG_3LE.txt.xz

writes `tracss_hpc/catalog/population.toml` (constellation shells, belt, conditional histograms,
quantiles) and `population.csv` (histogram cells). Only counts, bin edges, plane means (four objects
or more, rounded to 1 deg) and quantiles leave this script: no element set of a real object can be
read back from the table. The generator that draws from it is `tracss_hpc.catalog.population`.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import lzma
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from sgp4.api import Satrec

from tracss_hpc.catalog.population import (
    GEO_RADIUS_KM,
    GMST_AT_START_DEG,
    START,
    nodal_rate_deg_day,
    perigee_rate_deg_day,
)
from tracss_hpc.catalog.regimes import assign_regimes
from tracss_hpc.constants import DAY_S, MU_KM3_S2, RE_KM

Floats = NDArray[np.float64]
TABLE = Path(__file__).resolve().parents[2] / "tracss_hpc" / "catalog"

PROBABILITIES = [0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0]
TYPES = ("PAYLOAD", "ROCKET BODY", "DEBRIS", "UNKNOWN")
MIN_PLANE = 4  # objects; smaller planes are not published, their objects join the histogram cells

#: (label, name prefix or part, inclination window [deg], altitude window [km])
SHELLS = [
    ("LEO-43-355", "STARLINK", (42.9, 43.1), (345, 366)),
    ("LEO-43-485", "STARLINK", (42.9, 43.1), (478, 492)),
    ("LEO-43-560", "STARLINK", (42.9, 43.1), (552, 568)),
    ("LEO-53-360", "STARLINK", (53.0, 53.3), (352, 368)),
    ("LEO-53-445", "STARLINK", (53.0, 53.3), (438, 452)),
    ("LEO-53-475", "STARLINK", (53.0, 53.3), (468, 481)),
    ("LEO-53-540", "STARLINK", (53.15, 53.3), (536, 543)),
    ("LEO-53-545", "STARLINK", (53.0, 53.15), (543, 552)),
    ("LEO-70-440", "STARLINK", (69.9, 70.1), (432, 448)),
    ("LEO-70-570", "STARLINK", (69.9, 70.1), (563, 577)),
    ("LEO-97-450", "STARLINK", (97.4, 97.8), (443, 457)),
    ("LEO-97-565", "STARLINK", (97.4, 97.8), (556, 573)),
    ("LEO-88-1200", "ONEWEB", (87.5, 88.3), (1170, 1230)),
    ("LEO-52-460", "KUIPER", (51.5, 52.3), (445, 470)),
    ("LEO-89-1070", "QIANFAN", (88.5, 89.5), (1060, 1080)),
    ("LEO-86-780", "IRIDIUM", (86.0, 86.8), (770, 785)),
    ("LEO-86-1170", "HULIANWANG", (86.0, 87.0), (1160, 1180)),
    ("LEO-52-1415", "GLOBALSTAR", (51.5, 52.5), (1405, 1422)),
    ("LEO-50-600", "GEESAT", (49.0, 51.0), (590, 610)),
    ("LEO-45-770", "ORBCOMM", (44.5, 45.5), (750, 790)),
    ("MEO-55-20180", "NAVSTAR", (52.0, 58.0), (20150, 20215)),
    ("MEO-65-19130", "GLONASS", (62.0, 68.0), (19120, 19140)),
    ("MEO-56-23220", "GALILEO", (54.0, 58.0), (23200, 23240)),
    ("MEO-55-21530", "BEIDOU", (53.0, 58.0), (21500, 21560)),
    ("MEO-0-8070", "O3B", (0.0, 1.0), (8040, 8090)),
]

#: Measured on the screened population, not on the catalog: how far satellites of one shell stay
#: apart where their planes cross [km], and which part of them does not care. Adjusted by trial
#: until the conjunctions of one hour inside each shell came near the real catalog's.
KEEP_OUT = {
    "LEO-43-485": (50.0, 0.75),
    "LEO-53-475": (50.0, 1.0),
    "LEO-43-560": (34.0, 0.0),
    "LEO-53-540": (32.0, 0.0),
    "LEO-53-545": (35.0, 0.0),
    "LEO-97-565": (27.0, 0.0),
    "LEO-52-460": (50.0, 0.5),
    "MEO-65-19130": (0.0, 1.0),
}

#: Limits of the scatter of node and slot. Within a plane in LEO the nodes of the real satellites
#: wander by up to 0.4 deg, but phase goes with node so that they still keep clear; drawn
#: independently the two would undo the keep-out.
SCATTER_LIMITS_DEG = {"LEO": (0.02, 0.2), "MEO": (180.0, 180.0)}
PAIRED_DEG = 0.06  # satellites of one plane this close fly side by side

ALTITUDE_EDGES = {
    "LEO": np.r_[90:1200:10.0, 1200:2001:20.0],
    "MEO": np.r_[2000:4000:100.0, 4000:18000:1000.0, 18000:25000:100.0, 25000:27001:500.0],
    "HEO": np.r_[60:400:20.0, 400:1000:50.0, 1000:3000:200.0, 3000:37501:1500.0],
    "GEO": np.r_[
        -15000, -10000, -7000, -5000, -4000, -3000, -2000, -1500, -1000:-400:100.0,
        -400:-100:20.0, -100:-20:10.0, -20:21:5.0, 30:101:10.0, 120:401:20.0, 500:1001:100.0,
        1500, 2000, 3000, 4000, 5000, 7000, 15000,
    ],
    "DEEP": np.array([37500.0, 60000.0, 100000.0, 150000.0, 400000.0]),
}  # fmt: skip
LOW_ECCENTRICITY = np.r_[
    0, 0.0005, 0.0015, 0.003, 0.006, 0.012, 0.024, 0.048, 0.096, 0.16, 0.25,
]  # fmt: skip
ECCENTRICITY_EDGES = {
    "LEO": LOW_ECCENTRICITY,
    "MEO": LOW_ECCENTRICITY,
    "GEO": LOW_ECCENTRICITY,
    "HEO": np.r_[0.25:0.7:0.05, 0.7:0.76:0.01, 0.76:0.96:0.04],
    "DEEP": np.r_[0:0.25:0.05, 0.25:0.96:0.1],
}
INCLINATION_EDGES = {
    "LEO": np.arange(0.0, 181.0, 1.0),
    "MEO": np.arange(0.0, 181.0, 1.0),
    "GEO": np.r_[0.0, 0.1, 0.25, 0.5, 1.0:180.1:1.0],
    "HEO": np.r_[0:60:3.0, 60:68:1.0, 68:180.1:4.0],
    "DEEP": np.arange(0.0, 181.0, 10.0),
}
#: Classes within which node and perigee are drawn: inclination and eccentricity edges.
CLASS_INCLINATION = {
    "LEO": np.r_[0, 20, 35, 45, 52, 60, 64, 67, 70, 73, 76, 80, 82, 84, 88, 92, 96:100:0.5, 100,
                 101, 102, 105, 180.0],
    "MEO": np.r_[0, 50, 60, 70, 85, 95, 180.0],
    "GEO": np.r_[0, 0.25, 1, 2:17:1.0, 180.0],
    "HEO": np.r_[0, 10, 20, 30, 45, 60, 62, 64, 66, 80, 180.0],
    "DEEP": np.r_[0, 180.0],
}  # fmt: skip
CLASS_ECCENTRICITY = {
    "LEO": np.r_[0, 0.0005, 0.002, 0.005, 0.25],
    "MEO": np.r_[0, 0.25],
    "GEO": np.r_[0, 0.25],
    "HEO": np.r_[0.25, 0.66, 0.96],
    "DEEP": np.r_[0, 0.96],
}
#: Classes within which drag is drawn: edges of the same altitude axis.
CLASS_ALTITUDE = {
    "LEO": np.r_[90, 200, 250, 300, 350, 400, 450, 500, 550, 600, 700, 800, 1000, 1400, 2000.0],
    "MEO": np.r_[2000, 27000.0],
    "HEO": np.r_[60, 150, 200, 300, 500, 1000, 37500.0],
    "GEO": np.r_[-15000.0, 15000.0],
    "DEEP": np.r_[37500.0, 400000.0],
}


@dataclass(frozen=True)
class Real:
    """Columns of the real catalog, elements moved to the population's start [deg, km]."""

    name: NDArray[np.str_]
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


def read_real(path: Path) -> Real:
    """Read a 3LE file and move node and argument of latitude to the start at secular rates."""
    with lzma.open(path, "rt") as f:
        lines = f.read().splitlines()
    rows = []
    for k in range(0, len(lines) - 2, 3):
        s = Satrec.twoline2rv(lines[k + 1], lines[k + 2])
        name = lines[k][2:].strip()
        age = (START.jd - s.jdsatepoch) + (START.fr - s.jdsatepochF)
        n = s.no_kozai * 1440.0 / (2.0 * np.pi)
        rows.append((s.ecco, *np.degrees([s.inclo, s.nodeo, s.argpo, s.mo]), n, s.bstar,
                     s.ndot * 1440.0**2 / (2.0 * np.pi), age))  # fmt: skip
        rows[-1] = (name, *rows[-1])
    name = np.array([row[0] for row in rows])
    e, i, raan, argp, m, n, bstar, ndot, age = np.array([row[1:] for row in rows]).T
    a = np.cbrt(MU_KM3_S2 / (n * 2.0 * np.pi / 86400.0) ** 2)
    u = argp + m + (n * 360.0 + perigee_rate_deg_day(a, e, i)) * age + ndot * 360.0 * age**2
    kind = np.select(
        [
            np.char.find(name, " DEB") >= 0,
            np.char.find(name, "R/B") >= 0,
            np.char.startswith(name, "TBA"),
        ],
        ["DEBRIS", "ROCKET BODY", "UNKNOWN"],
        "PAYLOAD",
    )
    raan = np.mod(raan + nodal_rate_deg_day(a, e, i) * age, 360.0)
    return Real(name, kind, a, e, i, raan, argp, np.mod(u, 360.0), bstar, ndot, age)


def groups(real: Real) -> NDArray[np.str_]:
    """Histogram group of every object, from perigee height and eccentricity (handbook 3.4.1)."""
    hp = real.a * (1.0 - real.e) - RE_KM
    return np.select(
        [hp > 37500.0, real.e >= 0.25, hp > 27000.0, hp > 2000.0],
        ["DEEP", "HEO", "GEO", "MEO"],
        "LEO",
    )


def quantiles(x: Floats, digits: int = 4) -> list[float]:
    """Quantiles at PROBABILITIES, rounded to significant digits; the tails are 0.2 and 99.8 %."""
    p = np.clip(PROBABILITIES, 0.002, 0.998)
    return [float(f"{v:.{digits - 1}e}") for v in np.quantile(x, p)]


def measure_shell(label: str, real: Real, members: NDArray[np.intp]) -> dict[str, Any]:
    """Planes, slots and scatter of one shell; `members` of too small planes are left out."""
    equatorial = float(np.median(real.i[members])) < 1.0
    node = np.zeros(len(real.a)) if equatorial else real.raan
    u = np.mod(real.u + real.raan, 360.0) if equatorial else real.u
    order = members[np.argsort(node[members], kind="stable")]
    raan = node[order]
    # Gap between two planes [deg]: dense shells have planes 2-5 deg apart, sparse ones wander.
    width = 1.2 if len(members) > 200 else 4.0 if label.startswith("LEO") else 12.0
    cut = np.flatnonzero(np.diff(raan) > width) + 1
    kept, scatter = [], []
    for part in np.split(np.arange(len(order)), cut):
        # A chaotic stretch without gaps is sliced into planes of the same width.
        slices = max(1, round((raan[part[-1]] - raan[part[0]]) / (2.0 * width)))
        edges = np.linspace(raan[part[0]], raan[part[-1]] + 1e-9, slices + 1)
        for lo, hi in itertools.pairwise(edges):
            plane = order[part[(raan[part] >= lo) & (raan[part] <= hi)]]
            if len(plane) < MIN_PLANE:
                continue
            scatter.append(node[plane] - np.median(node[plane]))
            kept.append(plane)
    chosen = np.concatenate(kept)
    a_mean = float(np.mean(real.a[chosen]))
    phases = [u[plane] for plane in kept]
    resultant = {
        s: np.average([abs(np.mean(np.exp(1j * s * np.radians(x)))) ** 2 for x in phases],
                      weights=[len(x) for x in phases])
        for s in range(3, 81)
    }  # fmt: skip
    slots = max(resultant, key=lambda s: resultant[s])
    strength = float(np.sqrt(resultant[slots]))
    print(f"{label:14s} {len(chosen):5d} of {len(members):5d}, {len(kept):3d} planes, "
          f"slots {slots} ({strength:.2f})")  # fmt: skip
    planes, off_slot = [], []
    for p in kept:
        turn = np.angle(np.mean(np.exp(1j * slots * np.radians(u[p]))))
        off = (slots * np.radians(u[p]) - turn + np.pi) % (2.0 * np.pi) - np.pi
        turn += np.median(off)
        off_slot.append(np.degrees(off - np.median(off)) / slots)
        planes.append([
            round(float(np.median(node[p])), 1) % 360.0,
            len(p),
            round(float(np.median(real.a[p])) - a_mean, 1),
            round(float(np.degrees(turn)) / slots, 1),
        ])  # fmt: skip
    residual = np.concatenate([real.a[p] - np.median(real.a[p]) for p in kept])
    node_limit, slot_limit = SCATTER_LIMITS_DEG[label[:3]]
    gaps = np.concatenate([np.diff(np.sort(u[p])) for p in kept])
    keep_out, careless = KEEP_OUT.get(label, (50.0 if a_mean < RE_KM + 500.0 else 27.0, 0.0))
    return {
        "label": label,
        "objects": len(chosen),
        "altitude_km": round(a_mean - RE_KM, 2),
        "altitude_scatter_km": round(spread(residual), 3),
        "inclination_deg": round(float(np.median(real.i[chosen])), 3),
        "inclination_scatter_deg": round(spread(real.i[chosen] - np.median(real.i[chosen])), 4),
        "eccentricity": quantiles(real.e[chosen], 3),
        "arg_perigee_deg": mean_and_spread(real.argp[chosen]),
        "bstar": quantiles(real.bstar[chosen]),
        "mean_motion_dot": quantiles(real.ndot[chosen]),
        "slots": int(slots) if strength > 0.6 else 0,
        "slot_scatter_deg": round(min(spread(np.concatenate(off_slot)), slot_limit), 3),
        "raan_scatter_deg": round(min(spread(np.concatenate(scatter)), node_limit), 3),
        "paired": int(np.sum(gaps < PAIRED_DEG)),
        "keep_out_km": keep_out,
        "careless": careless,
        "planes": planes,
        "_members": chosen,
    }


def spread(x: Floats) -> float:
    """Standard deviation of the bulk: median of |x| over 0.6745."""
    return float(np.median(np.abs(x))) / 0.6745


def mean_and_spread(angle: Floats) -> list[float]:
    """Circular mean and standard deviation [deg]; spread above 90 means no preference."""
    z = complex(np.mean(np.exp(1j * np.radians(angle))))
    spread = float(np.degrees(np.sqrt(-2.0 * np.log(max(abs(z), 1e-3)))))
    return [round(float(np.degrees(np.angle(z))) % 360.0), round(min(spread, 180.0))]


def histogram(angle: Floats, bins: int) -> list[int]:
    """Counts of angles [deg] in equal bins of the circle."""
    return [int(v) for v in np.histogram(np.mod(angle, 360.0), bins, (0.0, 360.0))[0]]


def measure_belt(real: Real, members: NDArray[np.intp]) -> dict[str, Any]:
    """Station-kept GEO: longitudes, co-located share, inclination and drift quantiles."""
    lon = np.mod(real.u[members] + real.raan[members] - GMST_AT_START_DEG, 360.0)
    s = np.sort(lon)
    gap = np.diff(np.r_[s, s[0] + 360.0])
    return {
        "objects": len(members),
        "colocated": int(np.sum(gap < 0.06)),
        "longitude_counts": histogram(lon, 36),
        "inclination_deg": quantiles(real.i[members], 3),
        "eccentricity": quantiles(real.e[members], 3),
        "radius_offset_km": quantiles(real.a[members] - GEO_RADIUS_KM, 3),
        "bstar": [0.0] * len(PROBABILITIES),
        "mean_motion_dot": quantiles(real.ndot[members], 3),
    }


def measure_cells(
    real: Real, group: NDArray[np.str_], rest: NDArray[np.bool_], age: Floats
) -> tuple[list[tuple[str, str, int, int, int, int]], dict[str, dict[str, Any]]]:
    """Histogram cells and the conditional tables of every group; returns (rows, tables)."""
    hp = real.a * (1.0 - real.e) - RE_KM
    rows: list[tuple[str, str, int, int, int, int]] = []
    tables: dict[str, dict[str, Any]] = {}
    for name, h_edges in ALTITUDE_EDGES.items():
        e_edges, i_edges = ECCENTRICITY_EDGES[name], INCLINATION_EDGES[name]
        table: dict[str, Any] = {
            "altitude_edges_km": [float(v) for v in h_edges],
            "inclination_edges_deg": [float(v) for v in i_edges],
            "eccentricity_edges": [round(float(v), 4) for v in e_edges],
            "class_inclination_edges_deg": [float(v) for v in CLASS_INCLINATION[name]],
            "class_eccentricity_edges": [float(v) for v in CLASS_ECCENTRICITY[name]],
            "class_altitude_edges_km": [float(v) for v in CLASS_ALTITUDE[name]],
        }
        x = real.a - GEO_RADIUS_KM if name == "GEO" else hp
        for kind in TYPES:
            mine = rest & (group == name) & (real.kind == kind)
            if not mine.any():
                continue
            index = np.stack([
                np.clip(np.searchsorted(edges, v[mine], "right") - 1, 0, len(edges) - 2)
                for edges, v in ((h_edges, x), (i_edges, real.i), (e_edges, real.e))
            ])  # fmt: skip
            cells, counts = np.unique(index, axis=1, return_counts=True)
            rows += [
                (name, kind, *map(int, c), int(n)) for c, n in zip(cells.T, counts, strict=True)
            ]
            ci = np.searchsorted(CLASS_INCLINATION[name], real.i, "right") - 1
            ce = np.searchsorted(CLASS_ECCENTRICITY[name], real.e, "right") - 1
            ch = np.clip(np.searchsorted(CLASS_ALTITUDE[name], x, "right") - 1, 0,
                         len(CLASS_ALTITUDE[name]) - 2)  # fmt: skip
            part: dict[str, Any] = {"raan_counts": [], "arg_perigee_counts": []}
            for k in range(len(CLASS_INCLINATION[name]) - 1):
                part["raan_counts"].append(pick(real.raan, mine & (ci == k), 24))
            for k in range(len(CLASS_ECCENTRICITY[name]) - 1):
                for q in range(len(CLASS_INCLINATION[name]) - 1) if name == "HEO" else [None]:
                    use = mine & (ce == k) & ((ci == q) if q is not None else True)
                    part["arg_perigee_counts"].append(pick(real.argp, use, 18))
            pairs = [mine & (ch == k) for k in range(len(CLASS_ALTITUDE[name]) - 1)]
            part["bstar"] = [quantiles(real.bstar[p]) if p.sum() > 8 else [] for p in pairs]
            part["mean_motion_dot"] = [
                quantiles(real.ndot[p]) if p.sum() > 8 else [] for p in pairs
            ]
            table[kind] = part
        table["age_days"] = quantiles(age[rest & (group == name)], 3)
        tables[name] = table
    return rows, tables


def measure_companions(real: Real, rest: NDArray[np.bool_]) -> dict[str, Any]:
    """Payloads that fly beside another one below 750 km, and groups of identical elements."""
    use = np.flatnonzero(rest & (real.kind == "PAYLOAD") & (real.a * (1 - real.e) - RE_KM < 750.0))
    scale = np.array([1.0, 0.02, 0.3, 0.6])  # a [km], inclination, node, u [deg]
    x = np.stack([real.a[use], real.i[use], real.raan[use], real.u[use]], axis=1) / scale
    pairs = cKDTree(x).query_pairs(1.0, p=np.inf, output_type="ndarray")
    same = np.all(x[pairs[:, 0]] == x[pairs[:, 1]], axis=1)
    d = np.abs(x[pairs[~same, 0]] - x[pairs[~same, 1]]) * scale
    n, label = connected_components(
        coo_matrix((np.ones(same.sum()), pairs[same].T), shape=(len(use),) * 2), directed=False
    )
    docked = np.bincount(label, minlength=n)
    scatter = {k: float(f"{np.quantile(d[:, j], 0.68):.1e}")
               for k, j in (("a", 0), ("i", 1), ("raan", 2), ("u", 3))}  # fmt: skip
    beside = np.unique(pairs[~same].max(axis=1))
    print(f"companions: {len(beside)} objects, {len(pairs[~same])} pairs, {scatter}")
    return {"objects": len(beside), "below_km": 750.0, "scatter": scatter,
            "docked": sorted((int(v) for v in docked[docked > 1]), reverse=True)}  # fmt: skip


def pick(angle: Floats, use: NDArray[np.bool_], bins: int) -> list[int]:
    """Histogram of a class, empty (= no preference) below 20 objects."""
    return histogram(angle[use], bins) if use.sum() >= 20 else []


def toml_value(v: Any) -> str:
    """One TOML value; numbers short."""
    if isinstance(v, str):
        return f'"{v}"'
    if isinstance(v, list):
        return "[" + ", ".join(toml_value(x) for x in v) + "]"
    if isinstance(v, dict):
        return "{" + ", ".join(f'"{k}" = {toml_value(x)}' for k, x in v.items()) + "}"
    if isinstance(v, float):
        return repr(int(v)) + ".0" if v == int(v) and abs(v) < 1e6 else repr(v)
    return str(v)


def main() -> None:
    """Measure, write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("catalog", type=Path, help="3LE file, .xz")
    real = read_real(parser.parse_args().catalog)
    # The catalog was written at about 08:00; the population is "current" at its start.
    age = np.clip(real.age - np.quantile(real.age, 0.01) + 0.03, 0.005, 25.0)
    group = groups(real)
    motion = np.sqrt(MU_KM3_S2 / real.a**3) * DAY_S / (2.0 * np.pi)
    regimes = assign_regimes(motion, real.e)
    rest = np.ones(len(real.a), dtype=bool)
    shells = []
    for label, part, (i_lo, i_hi), (h_lo, h_hi) in SHELLS:
        h = real.a - RE_KM
        use = rest & (real.kind == "PAYLOAD") & (np.char.find(real.name, part) >= 0)
        use &= (real.i >= i_lo) & (real.i < i_hi) & (h >= h_lo) & (h < h_hi) & (real.e < 0.02)
        shell = measure_shell(label, real, np.flatnonzero(use))
        rest[shell.pop("_members")] = False
        shells.append(shell)
    offset = np.abs(real.a - GEO_RADIUS_KM)
    belt_members = rest & (group == "GEO") & (offset < 5.0) & (real.e < 0.001) & (real.i < 0.25)
    belt = measure_belt(real, np.flatnonzero(belt_members & (real.kind == "PAYLOAD")))
    rest &= ~(belt_members & (real.kind == "PAYLOAD"))
    librating = rest & (group == "GEO") & (offset < 40.0)
    lon = np.mod(real.u + real.raan - GMST_AT_START_DEG, 360.0)
    rows, tables = measure_cells(real, group, rest, age)
    tables["GEO"]["librating_longitude_counts"] = histogram(lon[librating], 36)
    companions = measure_companions(real, rest)
    shell_age = quantiles(age[~rest], 3)

    with open(TABLE / "population.csv", "w", newline="") as f:
        out = csv.writer(f, lineterminator="\n")
        out.writerow(
            ["group", "type", "altitude_bin", "inclination_bin", "eccentricity_bin", "objects"]
        )
        out.writerows(rows)
    with open(TABLE / "population.toml", "w") as f:
        f.write(
            "# Aggregate statistics of the public catalog of 2025-09-01; drawn from by\n"
            "# catalog/population.py, made by tests/bench/make_population_table.py.\n"
        )
        f.write(f"objects = {len(real.a)}\nprobabilities = {toml_value(PROBABILITIES)}\n")
        names, counts = np.unique(regimes, return_counts=True)
        f.write(f"regime_objects = {toml_value(dict(zip(names, counts.tolist(), strict=True)))}\n")
        f.write(f"shell_age_days = {toml_value(shell_age)}\n")
        for shell in shells:
            f.write("\n[[shell]]\n" + "".join(f"{k} = {toml_value(v)}\n" for k, v in shell.items()))
        f.write("\n[belt]\n" + "".join(f"{k} = {toml_value(v)}\n" for k, v in belt.items()))
        f.write(
            "\n[companions]\n" + "".join(f"{k} = {toml_value(v)}\n" for k, v in companions.items())
        )
        for name, table in tables.items():
            f.write(f"\n[group.{name}]\n")
            for key, value in table.items():
                if not isinstance(value, dict):
                    f.write(f"{key} = {toml_value(value)}\n")
            for key, value in table.items():
                if isinstance(value, dict):
                    f.write(f'\n[group.{name}."{key}"]\n')
                    f.write("".join(f"{k} = {toml_value(v)}\n" for k, v in value.items()))
    print(f"{len(rows)} cells, {len(shells)} shells, {sum(r[-1] for r in rows)} objects in cells")


if __name__ == "__main__":
    main()
