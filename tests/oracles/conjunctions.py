"""Every conjunction of a small catalog by the plainest method: the oracle of the screening engine.

python-sgp4 on a grid of 10 s, the distance of every pair at every time, local minima of distance
refined on SGP4 positions alone. Nothing of the package takes part: the catalog is read with the
csv module, regimes and volumes are typed in again from handbook table 3.4.1.

Units: km, s since run start.
"""

from __future__ import annotations

import csv
import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sgp4.api import WGS72, Satrec

GRID_S = 10.0
FASTEST_KM_S = 22.0  # two objects at perigee head-on
PROMINENCE_KM = 1e-6
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Objects:
    """What the oracle needs of a catalog; `half` are half sizes R, T, N of the handbook's boxes."""

    ids: list[int]
    names: list[str]
    records: list[Satrec]
    half: Array


@dataclass(frozen=True)
class Event:
    """One local minimum of distance, rows i < j; `rtn` of j seen from i, and of i seen from j."""

    i: int
    j: int
    t: float
    miss: float
    speed: float
    rtn: tuple[Array, Array]


def read_objects(path: Path, start: str) -> Objects:
    """Objects of an OMM CSV."""
    ids, names, records, half = [], [], [], []
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            epoch = dt.datetime.fromisoformat(row["EPOCH"])
            days = (epoch - dt.datetime.fromisoformat(start)).total_seconds() / 86400.0
            jd, fr = _julian(start, days * 86400.0)
            n = float(row["MEAN_MOTION"])
            e = float(row["ECCENTRICITY"])
            angles = "ARG_OF_PERICENTER", "INCLINATION", "MEAN_ANOMALY", "RA_OF_ASC_NODE"
            perigee, tilt, anomaly, node = (float(row[x]) * np.pi / 180.0 for x in angles)
            record = Satrec()
            record.sgp4init(
                WGS72, "i", 1, jd + fr - 2433281.5, float(row["BSTAR"]), 0.0, 0.0, e, perigee,
                tilt, anomaly, n / (1440.0 / (2.0 * np.pi)), node,
            )  # fmt: skip
            record.jdsatepoch, record.jdsatepochF = jd, fr
            ids.append(int(row["NORAD_CAT_ID"]))
            records.append(record)
            names.append(row["OBJECT_NAME"])
            half.append(_handbook_box(n, e))
    return Objects(ids, names, records, np.array(half))


def find_minima(objects: Objects, start: str, window_s: float, sphere_km: float) -> list[Event]:
    """Every minimum of distance in [0, window) that comes within a box's corner or the sphere."""
    times = np.arange(-GRID_S, window_s + 2.0 * GRID_S, GRID_S)
    n = len(objects.records)
    r = np.full((len(times), 3, n), np.nan)
    for k, record in enumerate(objects.records):
        code, position, _ = record.sgp4_array(*_julians(start, times))
        good = np.logical_and.accumulate((code == 0) | (times < 0.0))
        r[good, :, k] = position[good]
    radius = np.maximum(np.linalg.norm(objects.half, axis=1), sphere_km)
    nearest = np.maximum(radius[:, None], radius[None, :])
    reach = np.where(np.triu(np.ones((n, n), dtype=bool), 1), nearest + FASTEST_KM_S * GRID_S, 0.0)
    found: list[tuple[int, int, float]] = []
    before, now = _squares(r[0]), _squares(r[1])
    for k in range(1, len(times) - 1):
        after = _squares(r[k + 1])
        # NaN behind: the pair ends; its last minimum may lie between the last two samples.
        low = (now <= before) & ((now <= after) | np.isnan(after)) & (now < reach * reach)
        found += [(i, j, float(times[k])) for i, j in np.argwhere(low).tolist()]
        before, now = now, after
    events: list[Event] = []
    for i, j, near in found:
        event = _refine(objects, start, i, j, near, float(nearest[i, j]) + 0.1)
        if event is None or not 0.0 <= event.t < window_s:
            continue
        if not any(x.i == i and x.j == j and abs(x.t - event.t) < 1.0 for x in events):
            events.append(event)
    return events


def box_depth(event: Event, objects: Objects) -> tuple[float, float]:
    """Distance [km] to the nearest face of i's box and of j's box, negative outside."""
    i, j = (
        (objects.half[k] - np.abs(x)).min()
        for k, x in zip((event.i, event.j), event.rtn, strict=True)
    )
    return float(i), float(j)


def end_of(objects: Objects, row: int, start: str, window_s: float) -> float:
    """First whole second with a non-zero SGP4 code; inf when there is none."""
    times = np.arange(0.0, window_s + 1.0)
    code, _, _ = objects.records[row].sgp4_array(*_julians(start, times))
    return float(times[np.argmax(code != 0)]) if code.any() else np.inf


def _refine(
    objects: Objects, start: str, i: int, j: int, near: float, limit_km: float
) -> Event | None:
    """The minimum within a step of `near`: dense sampling, then a quartic through |dr|^2.

    None when there is none, or one farther than `limit_km`.
    """
    a, b = objects.records[i], objects.records[j]
    centre, width = near, GRID_S
    for step in (0.5, 0.02):
        t = centre + np.arange(-width, width + 0.5 * step, step)
        d2 = _distance2(a, b, start, t)
        k = int(np.nanargmin(d2))
        if np.sqrt(d2[k]) > limit_km + FASTEST_KM_S * step:
            return None
        centre, width = float(t[k]), step
    fine = centre + 0.25 * np.arange(-8.0, 9.0)
    d2 = _distance2(a, b, start, fine)
    if np.isnan(d2).any():
        return None  # ends within seconds: the contract leaves the last second open
    if np.ptp(np.sqrt(d2)) < 1e-9:
        return None  # constant distance
    line = np.polynomial.Polynomial.fit(fine - centre, d2 - d2.min(), 4)
    roots = line.deriv().roots()
    real = [float(x.real) for x in roots if abs(x.imag) < 1e-9 and abs(x.real) <= 2.0]
    rising = [x for x in real if line.deriv(2)(x) > 0.0]
    if not rising:
        return None
    t_min = centre + min(rising, key=abs)
    jd, fr = _julian(start, t_min)
    _, ra, va = a.sgp4(jd, fr)
    _, rb, vb = b.sgp4(jd, fr)
    d = np.subtract(rb, ra)
    rtn = _components(np.array(ra), np.array(va), d), _components(np.array(rb), np.array(vb), -d)
    speed = float(np.linalg.norm(np.subtract(vb, va)))
    miss = float(np.linalg.norm(d))
    if miss > limit_km or (speed < 0.1 and not _prominent(a, b, start, t_min)):
        return None
    return Event(i, j, t_min, miss, speed, rtn)


def _prominent(a: Satrec, b: Satrec, start: str, t: float) -> bool:
    """Whether the distance rises by 1 mm on both sides before it falls below the minimum."""
    offsets = np.concatenate([np.arange(1.0, 60.0), np.arange(60.0, 7200.0, 10.0)])
    least = np.sqrt(_distance2(a, b, start, np.array([t]))[0])
    for side in (-1.0, 1.0):
        rise = np.sqrt(_distance2(a, b, start, t + side * offsets)) - least
        up, down = rise > PROMINENCE_KM, rise < -PROMINENCE_KM
        if not up.any() or (down.any() and np.argmax(down) < np.argmax(up)):
            return False
    return True


def _distance2(a: Satrec, b: Satrec, start: str, t: Array) -> Array:
    when = _julians(start, t)
    code_a, ra, _ = a.sgp4_array(*when)
    code_b, rb, _ = b.sgp4_array(*when)
    d2 = ((rb - ra) ** 2).sum(axis=1)
    d2[(code_a != 0) | (code_b != 0)] = np.nan
    return np.asarray(d2)


def _squares(r: Array) -> Array:
    """|dr|^2 (n, n) of all pairs of positions (3, n)."""
    return np.asarray(sum((x[:, None] - x[None, :]) ** 2 for x in r))


def _components(r: Array, v: Array, d: Array) -> Array:
    radial = r / np.linalg.norm(r)
    normal = np.cross(r, v)
    normal = normal / np.linalg.norm(normal)
    return np.array([d @ radial, d @ np.cross(normal, radial), d @ normal])


def _handbook_box(mean_motion: float, e: float) -> list[float]:
    """Half sizes of table 3.4.1."""
    n = mean_motion * 2.0 * np.pi / 86400.0
    height = (398600.4418 / n**2) ** (1.0 / 3.0) * (1.0 - e) - 6378.137
    if height > 2000.0 or e >= 0.25:
        return [24.5, 24.5, 24.5]
    if height > 1200.0:
        return [0.4, 2.0, 2.0]
    if height > 750.0:
        return [0.4, 12.0, 12.0]
    return [0.4, 25.0, 25.0] if height > 500.0 else [0.4, 44.0, 51.0]


def _julian(start: str, t: float) -> tuple[float, float]:
    jd, fr = _julians(start, np.array([t]))
    return float(jd[0]), float(fr[0])


def _julians(start: str, t: Array) -> tuple[Array, Array]:
    """Midnight's Julian date and the fraction of the day."""
    begin = dt.datetime.fromisoformat(start)
    midnight = 1721424.5 + begin.toordinal()
    seconds = t + (begin.hour * 3600 + begin.minute * 60 + begin.second)
    day = np.floor(seconds / 86400.0)
    return midnight + day, (seconds - day * 86400.0) / 86400.0
