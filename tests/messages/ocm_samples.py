"""A made-up OCM with everything in it, as text, and its motion in closed form.

A circle of 7,000 km, inclined 0.9 rad, with a burn of 1 m/s along the track between two blocks.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.messages.trajectory_record import TrajectoryRecord
from tracss_hpc.messages.utc import Utc, add_seconds, format_utc, parse_utc

RADIUS_KM = 7000.0
RATE = math.sqrt(398600.4418 / RADIUS_KM**3)
INCLINATION = 0.9
START = parse_utc("2025-01-01T11:55:00")
STEP_S = 60.0
STATES = 16  # of each block


def circle(
    t: NDArray[np.float64], radius_km: float = RADIUS_KM
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Position and velocity on the circle at times since START."""
    rate = math.sqrt(398600.4418 / radius_km**3)
    angle = rate * np.asarray(t, dtype=np.float64)
    i, j = np.array([1.0, 0.0, 0.0]), np.array([0.0, math.cos(INCLINATION), math.sin(INCLINATION)])
    c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
    return radius_km * (c * i + s * j), radius_km * rate * (c * j - s * i)


def block_times(block: int) -> NDArray[np.float64]:
    """Times of the states: five before and after a useable span of five minutes each."""
    return (np.arange(STATES) - 5 + 5 * block) * STEP_S + 5 * STEP_S


def covariance_rows(t: NDArray[np.float64]) -> list[list[float]]:
    """Lower triangles of a positive definite covariance that grows with time."""
    sigma = np.array([0.05, 0.5, 0.04, 5e-4, 5e-5, 4e-5])
    correlation = np.eye(6)
    correlation[1, 3] = correlation[3, 1] = -0.9
    correlation[0, 4] = correlation[4, 0] = -0.8
    lower = np.tril_indices(6)
    return [
        ((correlation * sigma[:, None] * sigma)[lower] * (1.0 + 1e-4 * x)).tolist()
        for x in t.tolist()
    ]


def kvn_lines_of_sample(
    *, blocks: int = 2, covariance: bool = True, relative: bool = False
) -> list[str]:
    """Lines of the message in KVN."""

    def epochs(t: NDArray[np.float64]) -> list[str]:
        return [repr(x) for x in t.tolist()] if relative else format_utc(*add_seconds(START, t))

    def iso(t: float) -> str:
        return START.plus(t).iso()

    last = 600.0 + 300.0 * (blocks - 1)
    lines = [
        "CCSDS_OCM_VERS = 3.0",
        "COMMENT made up",
        "CLASSIFICATION = public",
        "CREATION_DATE = 2025-01-01T11:00:00.000000",
        "ORIGINATOR = tests",
        "MESSAGE_ID = sample-1",
        "META_START",
        "OBJECT_NAME = SAMPLE [A] & <B>",
        "INTERNATIONAL_DESIGNATOR = 2024-001A",
        "OBJECT_DESIGNATOR = 99901",
        "ALTERNATE_NAMES = one, two",
        "ORIGINATOR_PHONE = +1 000",
        "ORIGINATOR_EMAIL = a@example.org",
        "ORIGINATOR_ADDRESS = Street 1",
        "OPERATOR = Operator",
        "OWNER = Owner",
        "COUNTRY = Country",
        "CONSTELLATION = None",
        "OBJECT_TYPE = PAYLOAD",
        "TIME_SYSTEM = UTC",
        f"EPOCH_TZERO = {START.iso()}",
        "OPS_STATUS = OPERATIONAL",
        "ORBIT_CATEGORY = LEO",
        "OCM_DATA_ELEMENTS = ORB,PHYS,COV,MAN,PERT,OD,USER",
        f"START_TIME = {iso(300.0)}",
        f"STOP_TIME = {iso(last)}",
        "TAIMUTC_AT_TZERO = 37 [s]",
        "META_STOP",
    ]
    for k in range(blocks):
        t = block_times(k)
        r, v = circle(t)
        lines += [
            "TRAJ_START",
            f"TRAJ_ID = {k + 1}",
            "TRAJ_BASIS = OPERATIONAL",
            "INTERPOLATION = LAGRANGE",
            "INTERPOLATION_DEGREE = 6",
            "PROPAGATOR = circle",
            "CENTER_NAME = EARTH",
            "TRAJ_REF_FRAME = EME2000",
            f"USEABLE_START_TIME = {iso(300.0 + 300.0 * k)}",
            f"USEABLE_STOP_TIME = {iso(600.0 + 300.0 * k)}",
            "TRAJ_TYPE = CARTPV",
            "TRAJ_UNITS = [km, km, km, km/s, km/s, km/s]",
            *[
                f"{epoch} {' '.join(map(repr, row))}"
                for epoch, row in zip(epochs(t), np.hstack([r, v]).tolist(), strict=True)
            ],
            "TRAJ_STOP",
        ]
    lines += [
        "PHYS_START",
        "DRAG_CONST_AREA = 10.5 [m**2]",
        "WET_MASS = 260.0 [kg]",
        "AREA_TYP_FOR_PC = 12.0 [m**2]",
        "RCS = 1.5 [m**2]",
        "PHYS_STOP",
    ]
    for k in range(blocks if covariance else 0):
        t = block_times(k)
        rows = zip(epochs(t), covariance_rows(t), strict=True)
        lines += [
            "COV_START",
            f"COV_ID = {k + 1}",
            "COV_REF_FRAME = RSW_INERTIAL",
            "COV_TYPE = CARTPV",
            "COV_ORDERING = LTM",
            "COV_UNITS = [km, km, km, km/s, km/s, km/s]",
            *[f"{epoch} {' '.join(map(repr, row))}" for epoch, row in rows],
            "COV_STOP",
        ]
    lines += [
        "MAN_START",
        "MAN_ID = M1",
        "MAN_DEVICE_ID = ALL",
        "MAN_REF_FRAME = TNW_INERTIAL",
        "DC_TYPE = CONTINUOUS",
        "MAN_COMPOSITION = TIME_RELATIVE, MAN_DURA, DV_X",
        "MAN_UNITS = [s, km/s]",
        "600.0 1.0 0.001",
        "MAN_STOP",
        "PERT_START",
        "ATMOSPHERIC_MODEL = JB2008",
        "GRAVITY_MODEL = EGM-96: 36D 36O",
        "GM = 398600.4415 [km**3/s**2]",
        "N_BODY_PERTURBATIONS = MOON, SUN",
        "SRP_MODEL = NO",
        "PERT_STOP",
        "OD_START",
        "OD_ID = OD 1",
        "OD_METHOD = BWLS",
        "OD_EPOCH = 2025-01-01T00:00:00.000000",
        "DAYS_SINCE_LAST_OBS = 0.25 [d]",
        "OBS_USED = 100",
        "SEDR = 0.0004 [W/kg]",
        "WEIGHTED_RMS = 1.1",
        "OD_STOP",
        "USER_START",
        "USER_DEFINED_HBR = 4.5",
        "USER_DEFINED_MANEUVERABLE = YES",
        "USER_DEFINED_NOTE = anything",
        "USER_STOP",
    ]
    return lines


def sample(**options: bool | int) -> str:
    """The message in KVN."""
    return "\n".join(kvn_lines_of_sample(**options)) + "\n"  # type: ignore[arg-type]


def sample_over_leap_second() -> str:
    """One block with relative times whose sixth state is at 2016-12-31T23:59:60."""
    text = sample(relative=True, blocks=1).replace("2025-01-01T11:5", "2016-12-31T23:5")
    text = text.replace("2025-01-01T12:0", "2017-01-01T00:0")
    text = text.replace("2017-01-01T00:00:00.000000", "2016-12-31T23:59:60.000000")
    return text.replace("2017-01-01T00:05:00.000000", "2017-01-01T00:04:59.000000")


def edited(old: str, new: str, count: int = 1, **options: bool | int) -> str:
    """The sample with one text put in place of another, which must be there."""
    text = sample(**options)
    assert old in text, old
    return text.replace(old, new, count)


def contents(value: Any) -> Any:
    """A record as nested lists and tuples that compare with ==, NaN equal to NaN."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: contents(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, np.ndarray):
        return (value.shape, value.tolist())
    if isinstance(value, Utc):
        return tuple(value)
    if isinstance(value, tuple | list):
        return [contents(part) for part in value]
    if isinstance(value, dict):
        return {key: contents(part) for key, part in value.items()}
    return "NaN" if value != value else value


def record_contents(record: TrajectoryRecord) -> dict[str, Any]:
    """`contents` without the name of the file and the warnings."""
    found: dict[str, Any] = contents(record)
    del found["file"], found["warnings"]
    return found
