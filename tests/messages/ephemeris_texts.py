"""Small OEM, ITC and OPM texts of one circular orbit, made by hand for the tests of the readers."""

from __future__ import annotations

import itertools
import math

R_KM = 7000.0
MU = 398600.4418
STEP_S = 60
ITC_NAME = "MEME_99901_OWL-1_2440000_Operational_1473385380_UNCLASSIFIED.txt"
#: Lower triangle by rows: element (i, j) is its place, on a diagonal large enough to be a matrix.
TRIANGLE = [k / 1e4 + (i == j) * (1 if i < 3 else 0.01) for k, (i, j) in enumerate(
    (i, j) for i in range(6) for j in range(i + 1)
)]  # fmt: skip
AXES = ("X", "Y", "Z", "X_DOT", "Y_DOT", "Z_DOT")


def state(seconds: float) -> list[float]:
    """Position [km] and velocity [km/s] on a circle inclined by 60 degrees."""
    n = math.sqrt(MU / R_KM**3)
    c, s = math.cos(n * seconds), math.sin(n * seconds)
    ci, si = 0.5, math.sqrt(0.75)
    v = n * R_KM
    return [R_KM * c, R_KM * s * ci, R_KM * s * si, -v * s, v * c * ci, v * c * si]


def stamp(k: int) -> str:
    """Epoch of state k: 2025-09-01T00:00:00 and minutes after."""
    return f"2025-09-01T00:{k:02d}:00.000"


def printed(seconds: float) -> list[str]:
    return [f"{x:.9f}" for x in state(seconds)]


def oem_rows(first: int, last: int) -> str:
    return "".join(f"{stamp(k)} {' '.join(printed(k * STEP_S))}\n" for k in range(first, last + 1))


def covariance_rows(epoch: str, frame: str = "") -> str:
    head = f"EPOCH = {epoch}\n" + (f"COV_REF_FRAME = {frame}\n" if frame else "")
    starts = [i * (i + 1) // 2 for i in range(7)]
    rows = [TRIANGLE[a:b] for a, b in itertools.pairwise(starts)]
    return head + "".join(" ".join(f"{x:.6e}" for x in row) + "\n" for row in rows)


def segment(first: int, last: int, start: int, stop: int, covariances: str = "") -> str:
    """A metadata block and its states; `start` and `stop` are useable."""
    rows = f"COVARIANCE_START\n{covariances}COVARIANCE_STOP\n" if covariances else ""
    return (
        "META_START\n"
        "COMMENT an owl\n"
        "OBJECT_NAME = OWL 1\n"
        "OBJECT_ID = 2025-901A\n"
        "CENTER_NAME = EARTH\n"
        "REF_FRAME = EME2000\n"
        "TIME_SYSTEM = UTC\n"
        f"START_TIME = {stamp(first)}\n"
        f"USEABLE_START_TIME = {stamp(start)}\n"
        f"USEABLE_STOP_TIME = {stamp(stop)}\n"
        f"STOP_TIME = {stamp(last)}\n"
        "INTERPOLATION = LAGRANGE\n"
        "INTERPOLATION_DEGREE = 7\n"
        "META_STOP\n"
        f"{oem_rows(first, last)}{rows}"
    )


HEADER = (
    "CCSDS_OEM_VERS = 3.0\n"
    "COMMENT made by hand\n"
    "CLASSIFICATION = public\n"
    "CREATION_DATE = 2025-08-31T12:00:00\n"
    "ORIGINATOR = OWLS\n"
    "MESSAGE_ID = OWL-7\n"
)
#: Two segments that meet at minute 10; covariances in the first.
OEM = (
    HEADER
    + segment(0, 14, 2, 10, covariance_rows(stamp(0), "RTN") + covariance_rows(stamp(9), "RTN"))
    + segment(6, 20, 10, 18)
)


def oem_xml() -> str:
    """The message `OEM` in XML, one element a line."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<oem id="CCSDS_OEM_VERS" version="3.0">']
    lines += ["<header>", *map(_element, HEADER.splitlines()[1:]), "</header>", "<body>"]
    for part in OEM.split("META_START\n")[1:]:
        meta, _, data = part.partition("META_STOP\n")
        lines += ["<segment>", "<metadata>", *map(_element, meta.splitlines()), "</metadata>"]
        states, _, covariances = data.partition("COVARIANCE_START\n")
        lines.append("<data>")
        for row in states.splitlines():
            epoch, *numbers = row.split()
            units = ["km"] * 3 + ["km/s"] * 3
            lines += ["<stateVector>", f"<EPOCH>{epoch}</EPOCH>"]
            lines += [
                f'<{key} units="{unit}">{number}</{key}>'
                for key, unit, number in zip(AXES, units, numbers, strict=True)
            ]
            lines.append("</stateVector>")
        for matrix in covariances.removesuffix("COVARIANCE_STOP\n").split("EPOCH")[1:]:
            epoch, frame, *rows = f"EPOCH{matrix}".splitlines()
            lines += ["<covarianceMatrix>", _element(epoch), _element(frame)]
            keys = [f"C{row}_{column}" for i, row in enumerate(AXES) for column in AXES[: i + 1]]
            numbers = " ".join(rows).split()
            lines += [f"<{k}>{n}</{k}>" for k, n in zip(keys, numbers, strict=True)]
            lines.append("</covarianceMatrix>")
        lines += ["</data>", "</segment>"]
    return "\n".join([*lines, "</body>", "</oem>\n"])


def _element(line: str) -> str:
    key, _, value = line.partition(" " if line.startswith("COMMENT") else " = ")
    return f"<{key}>{value}</{key}>"


def itc(n: int = 15) -> str:
    """A modified ITC ephemeris of n minutes."""
    head = (
        "created:2025-08-31 12:00:00 UTC\n"
        f"ephemeris_start:2025-09-01 00:00:00 UTC ephemeris_stop:2025-09-01 00:{n - 1:02d}:00 UTC "
        "step_size:60\n"
        "ephemeris_source:blend\n"
        "UVW\n"
    )
    rows = [f"{x:.10e}" for x in TRIANGLE]
    triangle = "".join(" ".join(rows[k : k + 7]) + "\n" for k in (0, 7, 14))
    return head + "".join(
        f"202524400{k:02d}00.000 {' '.join(printed(k * STEP_S))}\n{triangle}" for k in range(n)
    )


OPM = (
    "CCSDS_OPM_VERS = 3.0\n"
    "COMMENT made by hand\n"
    "CREATION_DATE = 2025-08-31T12:00:00\n"
    "ORIGINATOR = OWLS\n"
    "MESSAGE_ID = OWL-8\n"
    "OBJECT_NAME = OWL 1\n"
    "OBJECT_ID = 99901\n"
    "CENTER_NAME = EARTH\n"
    "REF_FRAME = EME2000\n"
    "TIME_SYSTEM = UTC\n"
    "EPOCH = 2025-09-01T00:00:00.000\n"
    + "".join(
        f"{key} = {x} [{unit}]\n"
        for key, x, unit in zip(AXES, printed(0), 3 * ["km"] + 3 * ["km/s"], strict=True)
    )
    + "MASS = 260.5 [kg]\n"
    "DRAG_AREA = 10\n"
    "DRAG_COEFF = 2.2\n"
    "COV_REF_FRAME = RTN\n"
    + "".join(
        f"C{AXES[i]}_{AXES[j]} = {TRIANGLE[i * (i + 1) // 2 + j]:.6e}\n"
        for i in range(6)
        for j in range(i + 1)
    )
    + "".join(
        f"MAN_EPOCH_IGNITION = 2025-09-0{day}T06:00:00\n"
        "MAN_DURATION = 12.5 [s]\n"
        "MAN_DELTA_MASS = -0.25 [kg]\n"
        "MAN_REF_FRAME = RTN\n"
        "MAN_DV_1 = 0\n"
        f"MAN_DV_2 = 0.00{day} [km/s]\n"
        "MAN_DV_3 = 0\n"
        for day in (2, 3)
    )
    + "USER_DEFINED_NOTE = two burns\n"
)
