"""The planted catalog: about 300 synthetic objects made to meet each other in every known way.

Each pair is built backwards: the state of one object at a wanted time, the other displaced and
turned from it, and mean elements fitted so that SGP4 passes through that state. The result is
committed as ``tests/data/planted.csv`` (OMM CSV); the file, not this program, is what tests read:

    python -m tests.oracles.planted > tests/data/planted.csv

Uses python-sgp4 and NumPy only. Units: km, km/s, s since START.
"""

from __future__ import annotations

import datetime as dt
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sgp4.api import WGS72, Satrec

FILE = Path(__file__).resolve().parents[1] / "data" / "planted.csv"
START = "2026-01-10T12:00:00"
WINDOW_S = 12 * 3600.0
FIRST_ID = 800000001

_START_JD = 2461051.0  # 2026-01-10T12:00:00
_MU = 398600.8  # WGS-72, as SGP4
_RE = 6378.135
_HEADER = (
    "OBJECT_NAME,OBJECT_ID,EPOCH,MEAN_MOTION,ECCENTRICITY,INCLINATION,RA_OF_ASC_NODE,"
    "ARG_OF_PERICENTER,MEAN_ANOMALY,EPHEMERIS_TYPE,CLASSIFICATION_TYPE,NORAD_CAT_ID,"
    "ELEMENT_SET_NO,REV_AT_EPOCH,BSTAR,MEAN_MOTION_DOT,MEAN_MOTION_DDOT"
)
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Elements:
    """Mean elements as printed: rev/day, degrees; `epoch_s` from START, whole seconds."""

    epoch_s: int
    mean_motion: float
    eccentricity: float
    inclination: float
    raan: float
    arg_perigee: float
    mean_anomaly: float
    bstar: float

    def record(self) -> Satrec:
        """The SGP4 record; its epoch is kept in two parts."""
        jd, fr = _julian(self.epoch_s)
        record = Satrec()
        record.sgp4init(
            WGS72, "i", 1, jd + fr - 2433281.5, self.bstar, 0.0, 0.0, self.eccentricity,
            *np.radians([self.arg_perigee, self.inclination, self.mean_anomaly]).tolist(),
            self.mean_motion * 2.0 * np.pi / 1440.0, float(np.radians(self.raan)),
        )  # fmt: skip
        record.jdsatepoch, record.jdsatepochF = jd, fr
        return record

    def state(self, t: float) -> Vector:
        """SGP4 position and velocity at `t`, six numbers."""
        code, r, v = self.record().sgp4(*_julian(t))
        if code:
            raise ValueError(f"SGP4 code {code}")
        return np.array([*r, *v])


@dataclass
class World:
    """The catalog as it grows."""

    rng: np.random.Generator
    rows: list[tuple[str, Elements]] = field(default_factory=list)

    def add(self, name: str, *members: Elements) -> None:
        """Take objects under one name with a letter each."""
        for letter, elements in zip("ABCDEFGH", members, strict=False):
            self.rows.append((f"PLANT {name} {letter}", elements))

    def leo(self, low: float, high: float, *, inclination: float | None = None) -> Elements:
        """A near-circular orbit with its perigee between two heights."""
        u = self.rng.uniform
        e = float(u(0.0003, 0.004))
        a = (_RE + u(low, high)) / (1.0 - e)
        tilt = float(u(20.0, 110.0)) if inclination is None else inclination
        return self._orbit(a, e, tilt, 3e-5)

    def heo(self, perigee: float, apogee: float) -> Elements:
        """An eccentric orbit of two heights."""
        a = _RE + 0.5 * (perigee + apogee)
        return self._orbit(a, (apogee - perigee) / (2.0 * a), float(self.rng.uniform(5, 70)), 1e-5)

    def geo(self, tilt: float) -> Elements:
        """A geosynchronous orbit of small eccentricity."""
        return self._orbit(42165.0, float(self.rng.uniform(1e-4, 8e-4)), tilt, 0.0)

    def _orbit(self, a: float, e: float, inclination: float, bstar: float) -> Elements:
        n = np.sqrt(_MU / a**3) * 86400.0 / (2.0 * np.pi)
        epoch = -int(self.rng.integers(600, 100_000))
        node, perigee, anomaly = self.rng.uniform(0.0, 360.0, 3).tolist()
        return _printed(epoch, float(n), e, inclination, node, perigee, anomaly, bstar)


def plant(seed: int = 20260110) -> World:
    """Every kind of meeting, in a fixed order."""
    world = World(np.random.default_rng(seed))
    u = world.rng.uniform
    hour = 3600.0

    def when() -> float:
        return float(u(60.0, WINDOW_S - 60.0))

    for k in range(36):  # crossing pairs, at any angle, well within one box or between the two
        base = world.leo(*((400, 490), (510, 740), (760, 1190), (1210, 1900))[k % 4])
        size = np.array([[0.3, 30, 30], [0.3, 18, 18], [0.3, 9, 9], [0.3, 1.5, 1.5]][k % 4])
        world.add(f"CROSS{k:02}", *_meet(world, base, when(), u(-1, 1, 3) * size, turn=u(10, 170)))
    for k in range(4):  # by a face of the box: 3 m inside, 3 m outside
        base = world.leo(510, 740)
        edge = 0.4 + (-0.003, 0.003, -0.003, 0.003)[k]
        offset = np.array([edge if k % 2 else -edge, 2.0, -3.0])
        world.add(f"FACE{k:02}", *_meet(world, base, when(), offset, turn=float(u(40, 140))))
    for k in range(8):  # inside the LEO 1 box of the lower object only: the other is in LEO 2
        base = world.leo(497.5, 499.5)
        pair = _meet(world, base, when(), np.array([0.2, 0.0, 0.0]), turn=float(u(30, 150)), out=35)
        world.add(f"ONESIDE{k:02}", *pair)
    for k in range(6):  # head-on
        base = world.leo(510, 1100, inclination=float(u(50, 90)))
        world.add(f"HEADON{k:02}", *_meet(world, base, when(), u(-0.3, 0.3, 3), turn=179.9))
    for k in range(14):  # co-orbital: millimetres to metres per second, seen again and again
        base = world.leo(520, 700)
        speed = 10.0 ** u(-6.0, -2.3)
        world.add(f"SLOW{k:02}", *_drift(world, base, when(), u(-1, 1, 3) * (0.05, 3, 1), speed))
    for k in range(10):  # HEO x LEO at perigee
        base = world.heo(float(u(450, 900)), float(u(15_000, 39_000)))
        t = _perigee_time(base, float(u(0.2, 0.6)) * WINDOW_S)
        state = base.state(t)
        speed = np.sqrt(_MU / np.linalg.norm(state[:3]))
        pair = _meet(world, base, t, u(-5, 5, 3), turn=float(u(20, 160)), speed=float(speed))
        world.add(f"HEOLEO{k:02}", *pair)
    for k in range(6):  # HEO x HEO, the first two head-on at perigee: 20 km/s
        base = world.heo(float(u(400, 900)), float(u(20_000, 39_000)))
        t = _perigee_time(base, 0.3 * WINDOW_S) + (0.0 if k < 2 else float(u(-4000, 4000)))
        turn = 179.5 if k < 2 else float(u(5, 60))
        world.add(f"HEOHEO{k:02}", *_meet(world, base, t, u(-8, 8, 3), turn=turn))
    for k in range(8):  # GEO: slow passes and drifting neighbours
        base = world.geo(float(u(0.03, 9.0)))
        speed = 10.0 ** u(-4.0, -1.5)
        world.add(f"GEO{k:02}", *_drift(world, base, when(), u(-12, 12, 3), speed))
    for k in range(5):  # MEO
        base = world._orbit(26560.0, float(u(0.001, 0.02)), 55.0, 0.0)
        world.add(f"MEO{k:02}", *_meet(world, base, when(), u(-12, 12, 3), turn=float(u(20, 120))))
    edges = [0.5, 3600.0, 7200.0, 21600.0, 21600.0, 36000.0, WINDOW_S - 30.0, WINDOW_S + 20.0]
    for k, edge in enumerate(edges):  # TCA by milliseconds before and after the ends of slices
        base = world.leo(510, 740)
        shift = 0.0 if k in (0, 6, 7) else (0.002, -0.002)[k % 2]
        offset = np.array([0.1, 0.0, 0.0])  # along the normal of both velocities: TCA as wanted
        turn = float(u(60, 150))
        world.add(f"EDGE{k:02}", *_meet(world, base, edge + shift, offset, turn=turn, plain=True))
    dock = world.leo(410, 420, inclination=51.64)
    world.add("DOCK", dock, dock, dock)
    chaser = _drift(world, dock, 5.5 * hour, np.array([0.05, 6.0, 0.2]), 2e-4)[1]
    world.add("CHASER", chaser)
    for k in range(4):  # decays inside the window; met an hour before
        falling, end = _falling(world, (2.2, 5.1, 8.3, 10.4)[k] * hour)
        t = end - 4000.0 - 400.0 * k
        partner = _fit(_turned(falling.state(t), 60.0 + 20.0 * k, 8.1), t, int(t) - 300, 0.0)
        world.add(f"FALL{k:02}", falling, partner)
    for k in range(10):  # a shell: ten planes of seven, crossing by the poles all the time
        for m in range(7):
            mean = _printed(-1800, 15.05, 0.0012, 86.4, 36.0 * k, 90.0, float(u(0.0, 360.0)), 2e-5)
            world.rows.append((f"PLANT SHELL{k}{m}", mean))
    return world


def print_catalog(world: World) -> str:
    """The catalog as OMM CSV."""
    lines = [_HEADER]
    for k, (name, x) in enumerate(world.rows):
        epoch = dt.datetime.fromisoformat(START) + dt.timedelta(seconds=x.epoch_s)
        kind = " DEB" if k % 3 == 2 else ""
        lines.append(
            f"{name}{kind},2026-001A,{epoch.isoformat()}.000000,{x.mean_motion!r},"
            f"{x.eccentricity!r},{x.inclination!r},{x.raan!r},{x.arg_perigee!r},"
            f"{x.mean_anomaly!r},0,U,{FIRST_ID + k},1,1,{x.bstar!r},0,0"
        )
    return "\n".join(lines) + "\n"


def _julian(t: float) -> tuple[float, float]:
    days = np.floor(t / 86400.0)
    return _START_JD + float(days), float((t - days * 86400.0) / 86400.0)


def _printed(
    epoch: int, n: float, e: float, tilt: float, node: float, perigee: float, anomaly: float,
    bstar: float,
) -> Elements:  # fmt: skip
    """Elements rounded to what is printed."""
    angles = [round(x % 360.0, 7) for x in (node, perigee, anomaly)]
    return Elements(epoch, round(n, 9), round(e, 9), round(tilt, 7), *angles, bstar)


def _rtn(state: Vector) -> Vector:
    r, v = state[:3], state[3:]
    radial = r / np.linalg.norm(r)
    normal = np.cross(r, v)
    normal /= np.linalg.norm(normal)
    return np.array([radial, np.cross(normal, radial), normal])


def _meet(
    world: World, base: Elements, t: float, offset: Vector, *, turn: float,
    speed: float | None = None, out: float = 0.0, plain: bool = False,
) -> tuple[Elements, Elements]:  # fmt: skip
    """`base` and an object that crosses it near `t`, its velocity turned by `turn` degrees.

    `offset` in RTN of base; `out` km are added across both velocities. Unless `plain`, the offset
    loses its part along the relative velocity, so that `t` is close to the TCA.
    """
    state = base.state(t)
    axes = _rtn(state)
    radial = axes[0]
    turned = _turned(state, turn, speed)[3:]
    d = offset @ axes
    along = turned - state[3:]
    along /= np.linalg.norm(along)
    across = np.cross(along, radial)
    d = d + out * across / np.linalg.norm(across)
    if not plain:
        d = d - along * (along @ d)
    target = np.concatenate([state[:3] + d, turned])
    return base, _fit(target, t, base.epoch_s, base.bstar)


def _turned(state: Vector, turn: float, speed: float | None = None) -> Vector:
    """The state with its velocity turned about the radial by `turn` degrees, perhaps rescaled."""
    v = state[3:] if speed is None else state[3:] / np.linalg.norm(state[3:]) * speed
    angle, radial = np.radians(turn), _rtn(state)[0]
    turned = (
        v * np.cos(angle)
        + np.cross(radial, v) * np.sin(angle)
        + radial * (radial @ v) * (1.0 - np.cos(angle))
    )
    return np.concatenate([state[:3], turned])


def _drift(
    world: World, base: Elements, t: float, offset: Vector, speed: float
) -> tuple[Elements, Elements]:
    """`base` and a companion at `offset` (RTN) moving at `speed` against it, closest near `t`."""
    state = base.state(t)
    axes = _rtn(state)
    d = offset @ axes
    direction = np.cross(d, world.rng.normal(size=3))
    direction /= np.linalg.norm(direction)
    # Two bodies at rest in inertial axes part at once: turn the companion's motion with base's.
    turn = np.cross(state[:3], state[3:]) / (state[:3] @ state[:3])
    target = np.concatenate([state[:3] + d, state[3:] + np.cross(turn, d) + speed * direction])
    return base, _fit(target, t, base.epoch_s, base.bstar)


def _perigee_time(elements: Elements, near: float) -> float:
    """First time from `near` on, to a second, at which the distance is least."""
    period = 86400.0 / elements.mean_motion
    times = np.arange(near, near + period, 5.0)
    r = [np.linalg.norm(elements.state(float(t))[:3]) for t in times]
    return float(times[int(np.argmin(r))])


def _falling(world: World, end: float) -> tuple[Elements, float]:
    """An object whose SGP4 code turns non-zero close to `end`, and when it does."""
    start = world.leo(160, 165)
    low, high = 1e-6, 1.0
    for _ in range(60):  # more drag, earlier end
        middle = float(np.sqrt(low * high))
        found = _end(Elements(**{**start.__dict__, "epoch_s": -7200, "bstar": middle}))
        low, high = (middle, high) if found > end else (low, middle)
    chosen = Elements(**{**start.__dict__, "epoch_s": -7200, "bstar": float(f"{high:.6e}")})
    return chosen, _end(chosen)


def _end(elements: Elements) -> float:
    times = np.arange(0.0, 2.0 * WINDOW_S, 10.0)
    days = np.floor(times / 86400.0)
    code, _, _ = elements.record().sgp4_array(_START_JD + days, (times - days * 86400.0) / 86400.0)
    return float(times[np.argmax(code != 0)]) if code.any() else np.inf


def _fit(target: Vector, t: float, epoch_s: int, bstar: float) -> Elements:
    """Mean elements whose SGP4 state at `t` is `target`: Newton in equinoctial elements."""
    lag = t - epoch_s
    x = _equinoctial(target)
    x[5] -= x[0] * lag * 2.0 * np.pi / 86400.0
    scale = np.array([1.0, 1.0, 1.0, 1e3, 1e3, 1e3])
    for _ in range(12):
        base = _elements(x, epoch_s, bstar).state(t)
        miss = (target - base) * scale
        if np.linalg.norm(miss[:3]) < 1e-6:
            break
        jacobian = np.empty((6, 6))
        for k, h in enumerate((1e-7, 1e-7, 1e-7, 1e-7, 1e-7, 1e-7)):
            moved = x.copy()
            moved[k] += h
            jacobian[:, k] = (_elements(moved, epoch_s, bstar).state(t) - base) * scale / h
        x = x + np.linalg.solve(jacobian, miss)
    if np.linalg.norm(miss[:3]) > 1e-3:
        raise ValueError(f"no mean elements found: {miss}")
    y = _elements(x, epoch_s, bstar)
    return _printed(
        epoch_s, y.mean_motion, y.eccentricity, y.inclination, y.raan, y.arg_perigee,
        y.mean_anomaly, bstar,
    )  # fmt: skip


def _equinoctial(state: Vector) -> Vector:
    """Osculating n [rev/day], e cos(w+W), e sin(w+W), tan(i/2) cos W, tan(i/2) sin W, mean long."""
    r, v = state[:3], state[3:]
    radius = np.linalg.norm(r)
    a = 1.0 / (2.0 / radius - v @ v / _MU)
    w = np.cross(r, v)
    e = np.cross(v, w) / _MU - r / radius
    tilt = np.arccos(w[2] / np.linalg.norm(w))
    node = np.arctan2(w[0], -w[1])
    line = np.array([np.cos(node), np.sin(node), 0.0])
    third = np.cross(w / np.linalg.norm(w), line)
    perigee = np.arctan2(e @ third, e @ line)
    size = float(np.linalg.norm(e))
    true = np.arctan2(r @ third, r @ line) - perigee
    half = np.sqrt((1.0 - size) / (1.0 + size)) * np.tan(0.5 * true)
    eccentric = 2.0 * np.arctan(half)
    mean = eccentric - size * np.sin(eccentric)
    n = np.sqrt(_MU / a**3) * 86400.0 / (2.0 * np.pi)
    longitude = perigee + node
    return np.array([
        n, size * np.cos(longitude), size * np.sin(longitude), np.tan(0.5 * tilt) * np.cos(node),
        np.tan(0.5 * tilt) * np.sin(node), mean + longitude,
    ])  # fmt: skip


def _elements(x: Vector, epoch_s: int, bstar: float) -> Elements:
    node = np.arctan2(x[4], x[3])
    longitude = np.arctan2(x[2], x[1])
    degrees = np.degrees([node, longitude - node, x[5] - longitude]).tolist()
    tilt = float(np.degrees(2.0 * np.arctan(np.hypot(x[3], x[4]))))
    return Elements(epoch_s, float(x[0]), float(np.hypot(x[1], x[2])), tilt, *degrees, bstar)


if __name__ == "__main__":
    sys.stdout.write(print_catalog(plant()))
