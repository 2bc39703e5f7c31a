"""Rules for the blocks of a trajectory: order, padding, useable span, motion, covariance.

Fed by a reader with the blocks it has read; feeds the judge of its message. Codes are those of an
OCM (module `ocm`); a reader of another format may use the same rules.

Motion is checked without propagating. Between successive states the trapezoid rule with its
end correction must give back position and velocity from the accelerations mu r / r^3 and their
rates j:

    r1 - r0 = h/2 (v0 + v1) + h^2/12 (a0 - a1)      v1 - v0 = h/2 (a0 + a1) + h^2/12 (j0 - j1)

to order h^5. What is left over is an acceleration that a two-body orbit does not have: J2 in a low
orbit is 1.4e-5 km/s^2, SGP4 near decay, whose velocities are its own, 1e-4; states in an
Earth-fixed frame give 1e-3 (LEO) to 2e-4 (GEO), metres for kilometres far more.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Sequence

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.constants import MU_KM3_S2
from tracss_hpc.messages.findings import Judge
from tracss_hpc.messages.trajectory_record import TrajectoryBlock
from tracss_hpc.messages.utc import Utc, elapsed

__all__ = [
    "MAX_ACCELERATION_KM_S2",
    "RADIUS_KM",
    "SAME_EPOCH_S",
    "check_known",
    "check_states",
    "check_trajectory",
    "repair_covariances",
]

PADDING = 5  # records outside the useable span, each side [TraCSS-Spec-002]
SIDE = 3  # states either side of the nearest that seven-point interpolation needs
#: Epochs closer than this are one: EPOCH_TZERO plus seconds is 5 ps off an absolute text.
SAME_EPOCH_S = 1e-6
RADIUS_KM = (6300.0, 1e6)
MAX_SPEED_KM_S = 20.0  # escape from 6,300 km needs 11.2
#: Largest acceleration beyond two bodies between two states [km/s^2].
MAX_ACCELERATION_KM_S2 = 1.5e-4
_MAX_TURN = 0.5  # rad per step: beyond it the trapezoid says nothing (and O19 warns)
_ROUNDING_KM, _ROUNDING_KM_S = 2e-3, 2e-5  # of printed states
_INTERPOLATION_KM = 1e-3  # error from which O19 warns
# Largest |x (x^2-1) (x^2-4) (x^2-9)| / 7! for |x| <= 1/2: seven nodes around the nearest.
_LAGRANGE7 = 2.44e-3
_NO_SIGMA, _LARGEST = 1e-150, 1e6  # stands for no variance; bound on correlations
_CORRELATION_NOISE = 1e-6  # negative eigenvalue that printing to seven digits can make


def check_trajectory(
    blocks: Sequence[TrajectoryBlock],
    lines: Sequence[Sequence[int]],
    judge: Judge,
    *,
    max_acceleration_km_s2: float | None = None,
) -> list[TrajectoryBlock]:
    """Check blocks in time order, `lines` telling where each state stands.

    Returns
    -------
    list of TrajectoryBlock
        The same, their useable spans clipped where the judge is lenient.
    """
    clipped = []
    for block, where in zip(blocks, lines, strict=True):
        t = elapsed(Utc(block.jd[0], block.seconds[0]), block.jd, block.seconds)
        good = check_states(block, where, judge, max_acceleration_km_s2=max_acceleration_km_s2)
        clipped.append(_check_span(t, block, where[0], judge) if good else block)
    for k in range(1, len(blocks)):
        before, after = blocks[k - 1].useable_stop, blocks[k].useable_start
        if abs(after.minus(before)) <= SAME_EPOCH_S:
            if clipped[k - 1].useable_stop == before:
                clipped[k - 1] = dataclasses.replace(clipped[k - 1], useable_stop=after)
        else:
            judge.forgive(
                "O13", lines[k][0], "USEABLE_START_TIME", after.iso(), before.iso(),
                f"block {k + 1} does not begin where block {k} ends",
            )  # fmt: skip
            if after < before and judge.lenient:
                # Two blocks may not both claim a time: the later one has it, as at a burn.
                clipped[k - 1] = dataclasses.replace(clipped[k - 1], useable_stop=after)
    for block, where in zip(clipped, lines, strict=True):
        if not block.useable_start < block.useable_stop:
            judge.error(
                "O13", where[0], "USEABLE_STOP_TIME", block.useable_stop.iso(),
                f"after {block.useable_start.iso()}", "nothing of this block is useable",
            )  # fmt: skip
    return clipped


def check_states(
    block: TrajectoryBlock,
    lines: Sequence[int],
    judge: Judge,
    *,
    max_acceleration_km_s2: float | None = None,
) -> bool:
    """Check order (O11), motion (O18, O19) and covariance (O17); whether the epochs increase."""
    t = elapsed(Utc(block.jd[0], block.seconds[0]), block.jd, block.seconds)
    if not _check_order(t, block, lines, judge):
        return False
    _check_motion(t, block, lines, judge, max_acceleration_km_s2)
    _check_covariance(block, lines, judge)
    return True


def check_known(
    designator: str, known: Container[str] | None, line: int, key: str, judge: Judge
) -> None:
    """Warn of an object that the catalog does not have (O20), leading zeros or not.

    Without a catalog (`known` None) or a number there is nothing to ask.
    """
    if known is None or not designator:
        return
    if designator not in known and designator.lstrip("0") not in known:
        judge.warn("O20", line, key, designator, "an object of the catalog", "not known")


def repair_covariances(block: TrajectoryBlock) -> TrajectoryBlock:
    """The block with negative eigenvalues of its correlation matrices set to 0."""
    if block.covariance is None:
        return block
    sigma, correlation = _correlations(block.covariance)
    values, vectors = np.linalg.eigh(correlation)
    bad = values[:, 0] < -_CORRELATION_NOISE
    kept = vectors[bad] * np.maximum(values[bad], 0.0)[:, None, :]
    repaired = block.covariance.copy()
    scale = sigma[bad, :, None] * sigma[bad, None, :]
    repaired[bad] = (kept @ vectors[bad].swapaxes(1, 2)) * scale
    return dataclasses.replace(block, covariance=repaired)


def _check_order(
    t: NDArray[np.float64], block: TrajectoryBlock, lines: Sequence[int], judge: Judge
) -> bool:
    late = np.diff(t) <= 0.0
    if late.any():
        k = int(np.argmax(late)) + 1
        judge.error(
            "O11", lines[k], "", Utc(block.jd[k], block.seconds[k]).iso(),
            f"after {Utc(block.jd[k - 1], block.seconds[k - 1]).iso()}",
            "epochs repeat or do not increase",
        )  # fmt: skip
    return not late.any()


def _check_span(
    t: NDArray[np.float64], block: TrajectoryBlock, line: int, judge: Judge
) -> TrajectoryBlock:
    """Padding and place of the useable span; clipped when the judge is lenient."""
    origin = Utc(float(block.jd[0]), float(block.seconds[0]))
    start, stop = block.useable_start.minus(origin), block.useable_stop.minus(origin)
    if not start < stop:
        return block  # O13, found by the caller
    good = True
    for key, epoch, outside, beyond in (
        ("USEABLE_START_TIME", block.useable_start, int((t < start).sum()), start < t[0]),
        ("USEABLE_STOP_TIME", block.useable_stop, int((t > stop).sum()), stop > t[-1]),
    ):
        side = "before" if "START" in key else "after"
        if beyond:
            end = Utc(block.jd[-1], block.seconds[-1])
            judge.forgive(
                "O13", line, key, epoch.iso(), f"within {origin.iso()} .. {end.iso()}",
                "useable span outside the data",
            )  # fmt: skip
            good = False
        elif outside < PADDING:
            judge.forgive(
                "O12", line, key, f"{outside} records {side}", f"at least {PADDING}",
                "too few padding records",
            )  # fmt: skip
            good = False
    if good:
        return block
    if t.size <= 2 * SIDE:
        judge.error(
            "O12",
            line,
            "",
            f"{t.size} records",
            f"at least {2 * SIDE + 1}",
            "too few to interpolate",
        )
        return block
    first = 0.5 * (t[SIDE - 1] + t[SIDE])
    last = 0.5 * (t[-SIDE] + t[-SIDE - 1])
    return dataclasses.replace(
        block,
        useable_start=origin.plus(first) if start < first else block.useable_start,
        useable_stop=origin.plus(last) if stop > last else block.useable_stop,
    )


def _check_motion(
    t: NDArray[np.float64],
    block: TrajectoryBlock,
    lines: Sequence[int],
    judge: Judge,
    max_acceleration_km_s2: float | None,
) -> None:
    r, v = block.r, block.v
    with np.errstate(over="ignore"):
        radius = np.sqrt((r * r).sum(axis=1))
        speed = np.sqrt((v * v).sum(axis=1))
    wrong = (radius < RADIUS_KM[0]) | (radius > RADIUS_KM[1]) | (speed > MAX_SPEED_KM_S)
    if wrong.any():
        k = int(np.argmax(wrong))
        judge.error(
            "O18", lines[k], "", f"radius {radius[k]:.6g} km, speed {speed[k]:.6g} km/s",
            f"{RADIUS_KM[0]:g} to {RADIUS_KM[1]:g} km, at most {MAX_SPEED_KM_S:g} km/s",
            "not an orbit of the Earth; is it in km?",
        )  # fmt: skip
        return
    h = np.diff(t)[:, None]
    rate = np.maximum(np.sqrt((v * v).sum(axis=1)) / radius, np.sqrt(MU_KM3_S2 / radius) / radius)
    turn = h[:, 0] * np.maximum(rate[1:], rate[:-1])
    a = -MU_KM3_S2 * r / radius[:, None] ** 3
    along = (r * v).sum(axis=1)[:, None] / radius[:, None] ** 2
    j = -MU_KM3_S2 * (v - 3.0 * along * r) / radius[:, None] ** 3
    left_r = np.diff(r, axis=0) - h / 2 * (v[:-1] + v[1:]) + h * h / 12 * np.diff(a, axis=0)
    left_v = np.diff(v, axis=0) - h / 2 * (a[:-1] + a[1:]) + h * h / 12 * np.diff(j, axis=0)
    excess_r = np.sqrt((left_r**2).sum(axis=1)) - _ROUNDING_KM
    excess_v = np.sqrt((left_v**2).sum(axis=1)) - _ROUNDING_KM_S
    step = h[:, 0]
    found = np.maximum(2.0 * excess_r / step**2, excess_v / step)
    found[turn > _MAX_TURN] = 0.0
    max_acceleration = (
        MAX_ACCELERATION_KM_S2 if max_acceleration_km_s2 is None else max_acceleration_km_s2
    )
    if (found > max_acceleration).any():
        k = int(np.argmax(found > max_acceleration))
        judge.error(
            "O18", lines[k + 1], "", f"{found[k]:.3g} km/s^2 beyond two bodies",
            f"at most {max_acceleration:g} from one state to the next",
            "not one free orbit (units, an Earth-fixed frame, or a burn inside the block?)",
        )  # fmt: skip
    error = _LAGRANGE7 * np.maximum(radius[1:], radius[:-1]) * turn**7
    if error.size and error.max() > _INTERPOLATION_KM:
        k = int(np.argmax(error))
        judge.warn(
            "O19", lines[k + 1], "", f"a step of {step[k]:g} s (error about {error[k]:.2g} km)",
            f"a step whose interpolation error is below {_INTERPOLATION_KM * 1e3:g} m",
            "step too long for seven points at this rate of motion",
        )  # fmt: skip


def _check_covariance(block: TrajectoryBlock, lines: Sequence[int], judge: Judge) -> None:
    if block.covariance is None:
        return
    _, correlation = _correlations(block.covariance)
    size = correlation.shape[1]
    try:
        np.linalg.cholesky(correlation + _CORRELATION_NOISE * np.eye(size))
    except np.linalg.LinAlgError:
        bad = np.linalg.eigvalsh(correlation)[:, 0] < -_CORRELATION_NOISE
        if bad.any():
            k = min(int(np.argmax(bad)), len(lines) - 1)
            judge.warn(
                "O17", lines[k], "COV", f"{int(bad.sum())} of {bad.size} covariances",
                "none", "not positive semi-definite, first at the epoch of this state",
            )  # fmt: skip


def _correlations(
    covariance: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Standard deviations (k, n) and correlation matrices.

    A negative variance stays on the diagonal as -1, and a covariance beside no variance becomes a
    large number, so that both are found.
    """
    sigma = np.sqrt(np.abs(np.diagonal(covariance, axis1=1, axis2=2)))
    inverse = 1.0 / np.where(sigma > 0.0, sigma, _NO_SIGMA)
    with np.errstate(over="ignore"):
        correlation = covariance * inverse[:, :, None] * inverse[:, None, :]
    return sigma, np.clip(correlation, -_LARGEST, _LARGEST)
