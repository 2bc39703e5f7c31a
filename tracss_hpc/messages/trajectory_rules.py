"""Rules for the blocks of a trajectory: order, padding, useable span, motion, covariance.

Fed by a reader with the blocks it has read; feeds the judge of its message. Codes are those of an
OCM (module `ocm`); a reader of another format may use the same rules.

Motion is checked without propagating. Between successive states the trapezoid rule with its
end correction must give back position and velocity from the accelerations mu r / r^3 and their
rates j:

    r1 - r0 = h/2 (v0 + v1) + h^2/12 (a0 - a1)      v1 - v0 = h/2 (a0 + a1) + h^2/12 (j0 - j1)

to order h^5. What is left over is an acceleration that a two-body orbit does not have: J2 in a low
orbit is 1.4e-5 km/s^2, SGP4 near decay, whose velocities are its own, 1e-4; states in an
Earth-fixed frame give 1e-3 (LEO) to 2e-4 (GEO), metres for kilometres far more. The velocities of
deep-space SGP4 are not the derivative of its positions: they are off by 2.5 m/s in high orbits, by
7 m/s at the perigee of a transfer, which positions show as 2.3e-4 at 60 s and more at shorter
steps, their changes only as 1e-6. So an offset of the velocities to 10 m/s is no fault as long as
it is steady from step to step, and changes have a closer limit high up, where states in an
Earth-fixed frame move almost like an orbit.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Container, Sequence

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.constants import MU_KM3_S2
from tracss_hpc.messages.findings import Judge
from tracss_hpc.messages.trajectory_record import TrajectoryBlock
from tracss_hpc.messages.utc import Utc, elapsed

__all__ = [
    "PADDING",
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
_MAX_ACCELERATION_KM_S2 = 1.5e-4  # beyond two bodies between two states
_MAX_OFFSET_KM_S = 0.010  # of velocities from the derivative of positions, if steady
_MAX_TURN = 0.5  # rad per step: beyond it the trapezoid says nothing (and O19 warns)
_ROUNDING_KM, _ROUNDING_KM_S = 2e-3, 2e-5  # of printed states
_INTERPOLATION_KM = 1e-3  # error from which O19 warns
_AMPLIFICATION = 100.0  # of rounding by the interpolation, from which O19 warns
_NO_SIGMA, _LARGEST = 1e-150, 1e6  # stands for no variance; bound on correlations
_CORRELATION_NOISE = 1e-6  # negative eigenvalue that printing to seven digits can make


def check_trajectory(
    blocks: Sequence[TrajectoryBlock],
    lines: Sequence[Sequence[int]],
    edges: Sequence[tuple[int, int]],
    judge: Judge,
    *,
    max_acceleration_km_s2: float | None = None,
) -> list[TrajectoryBlock]:
    """Check blocks in time order.

    `lines` tells where each state stands, `edges` where the useable start and stop of each block.

    Returns
    -------
    list of TrajectoryBlock
        The same, their useable spans clipped where the judge is lenient.
    """
    clipped = []
    for block, where, edge in zip(blocks, lines, edges, strict=True):
        t = _times(block)
        if _check_order(t, block, where, judge):
            block = _check_span(t, block, where[0], edge, judge)
            _check_motion(t, block, where, judge, max_acceleration_km_s2)
            _check_covariance(block, where, judge)
        clipped.append(block)
    for k in range(1, len(blocks)):
        before, after = blocks[k - 1].useable_stop, blocks[k].useable_start
        if abs(after.minus(before)) <= SAME_EPOCH_S:
            if clipped[k - 1].useable_stop == before:
                clipped[k - 1] = dataclasses.replace(clipped[k - 1], useable_stop=after)
        else:
            judge.forgive(
                "O13", edges[k][0], "USEABLE_START_TIME", after.iso(), before.iso(),
                f"block {k + 1} does not begin where block {k} ends"
                + _remedy(judge, "leaves a gap, and an overlap to the later block"),
            )  # fmt: skip
            if after < before and judge.lenient:
                # Two blocks may not both claim a time: the later one has it, as at a burn.
                ends = min(after, clipped[k - 1].useable_stop)
                clipped[k - 1] = dataclasses.replace(clipped[k - 1], useable_stop=ends)
    for block, (_, stop_line) in zip(clipped, edges, strict=True):
        if not block.useable_start < block.useable_stop:
            judge.error(
                "O13", stop_line, "USEABLE_STOP_TIME", block.useable_stop.iso(),
                f"after {block.useable_start.iso()}", "nothing of this block is useable",
            )  # fmt: skip
    return clipped


def check_states(
    block: TrajectoryBlock,
    lines: Sequence[int],
    judge: Judge,
    *,
    max_acceleration_km_s2: float | None = None,
) -> None:
    """Check order (O11), motion (O18, O19), number (O12) and covariance (O17) of a block.

    For formats without padding records; a lenient judge takes a block of fewer than seven states.
    """
    t = _times(block)
    if not _check_order(t, block, lines, judge):
        return
    _check_motion(t, block, lines, judge, max_acceleration_km_s2)
    if t.size <= 2 * SIDE:
        judge.forgive(
            "O12", lines[0], "", f"{t.size} records", f"at least {2 * SIDE + 1}",
            "too few to interpolate" + _remedy(judge, "takes them"),
        )  # fmt: skip
    _check_covariance(block, lines, judge)


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


def acceleration_limits(
    radius: NDArray[np.float64], given: float | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Largest accelerations beyond two bodies that positions and velocities may show [km/s^2].

    A twentieth of the pull of the Earth for velocities; never below 1e-5, which the Moon has at
    22,000 km from it. `given` replaces both.
    """
    if given is not None:
        return np.full_like(radius, given), np.full_like(radius, given)
    pull = MU_KM3_S2 / (radius * radius)
    most = np.full_like(radius, _MAX_ACCELERATION_KM_S2)
    return most, np.clip(0.05 * pull, 1e-5, most)


def _times(block: TrajectoryBlock) -> NDArray[np.float64]:
    """Seconds since the first state."""
    return elapsed(Utc(block.jd[0], block.seconds[0]), block.jd, block.seconds)


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
    t: NDArray[np.float64],
    block: TrajectoryBlock,
    first_line: int,
    edge: tuple[int, int],
    judge: Judge,
) -> TrajectoryBlock:
    """Padding and place of the useable span; clipped when the judge is lenient."""
    origin = Utc(float(block.jd[0]), float(block.seconds[0]))
    start, stop = block.useable_start.minus(origin), block.useable_stop.minus(origin)
    if not start < stop:
        return block  # O13, found by the caller
    good = True
    clips = _remedy(judge, "clips the span")
    for key, line, epoch, outside, beyond in (
        ("USEABLE_START_TIME", edge[0], block.useable_start, int((t < start).sum()), start < t[0]),
        ("USEABLE_STOP_TIME", edge[1], block.useable_stop, int((t > stop).sum()), stop > t[-1]),
    ):
        side = "before" if "START" in key else "after"
        if beyond:
            end = Utc(block.jd[-1], block.seconds[-1])
            judge.forgive(
                "O13", line, key, epoch.iso(), f"within {origin.iso()} .. {end.iso()}",
                f"useable span outside the data{clips}",
            )  # fmt: skip
            good = False
        elif outside < PADDING:
            judge.forgive(
                "O12", line, key, f"{outside} records {side}", f"at least {PADDING}",
                f"too few padding records{clips}",
            )  # fmt: skip
            good = False
    if good:
        return block
    if t.size <= 2 * SIDE:
        judge.error(
            "O12",
            first_line,
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


def _remedy(judge: Judge, what: str) -> str:
    """What a lenient judge would do, to be said by one who is not."""
    return "" if judge.lenient else f"; --lenient {what}"


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
    step, far = h[:, 0], np.maximum(radius[1:], radius[:-1])
    found = np.stack([2.0 * excess_r / step**2, excess_v / step])
    found[:, turn > _MAX_TURN] = 0.0
    limits = np.stack(acceleration_limits(far, max_acceleration_km_s2))
    beyond = found > limits
    beyond[0] &= ~_steady_offsets(left_r / h, step, limits[0])
    if beyond.any():
        k = int(np.argmax(beyond.any(axis=0)))
        which = int(np.argmax(beyond[:, k]))
        judge.error(
            "O18", lines[k + 1], "", f"{found[which, k]:.3g} km/s^2 beyond two bodies",
            f"at most {limits[which, k]:.3g} from one state to the next",
            "not one free orbit (units, an Earth-fixed frame, or a burn inside the block?)",
        )  # fmt: skip
    _check_interpolation(t, block, far, np.maximum(rate[1:], rate[:-1]), lines, judge)


def _steady_offsets(
    offset: NDArray[np.float64], step: NDArray[np.float64], limit: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Steps whose velocities are off by little, and by the same as those of the steps beside.

    A shift or spike of positions, or a burn, shows in one or two steps only.
    """
    if len(offset) < 2:
        return np.zeros(len(offset), dtype=np.bool_)
    change = np.sqrt((np.diff(offset, axis=0) ** 2).sum(axis=1))
    before, after = np.append(change[0], change), np.append(change, change[-1])
    most = limit * step / 2 + _ROUNDING_KM / step
    steady: NDArray[np.bool_] = (np.maximum(before, after) <= most) & (
        (offset * offset).sum(axis=1) <= _MAX_OFFSET_KM_S**2
    )
    return steady


def _check_interpolation(
    t: NDArray[np.float64],
    block: TrajectoryBlock,
    radius: NDArray[np.float64],
    rate: NDArray[np.float64],
    lines: Sequence[int],
    judge: Judge,
) -> None:
    """What the polynomials err by, and make of rounding, in the middle of each useable step.

    The error is that of one node more: the divided difference of the positions over n + 1 nodes
    times prod |t - node|. (Taken as radius * rate^n / n!, with `radius` [km] and `rate` of turning
    [rad/s] of the steps, it would be up to 100 times too small on eccentric orbits: so only where
    there is no node more.)
    """
    origin = Utc(float(block.jd[0]), float(block.seconds[0]))
    start, stop = block.useable_start.minus(origin), block.useable_stop.minus(origin)
    begin = max(int(np.searchsorted(t, start, side="right")) - 1, 0)
    end = min(int(np.searchsorted(t, stop)), t.size - 1)
    steps, step, n = np.arange(begin, end), np.diff(t), min(2 * SIDE + 1, t.size)
    if not steps.size:
        return
    nearest = np.concatenate([steps, steps + 1])  # in the middle both are
    steps = np.concatenate([steps, steps])
    middle = 0.5 * (t[steps] + t[steps + 1])
    first = np.clip(nearest - n // 2, 0, t.size - n)
    x = t[first[:, None] + np.arange(n)]
    away = np.abs(middle[:, None] - x)
    if t.size > n:
        difference = block.r
        for k in range(1, n + 1):
            difference = np.diff(difference, axis=0) / (t[k:] - t[:-k])[:, None]
        size = np.sqrt((difference * difference).sum(axis=1))[np.minimum(first, t.size - n - 1)]
    else:
        size = radius[steps] * rate[steps] ** n / math.factorial(n)
    error = size * away.prod(axis=1)
    if error.max() > _INTERPOLATION_KM:
        k = int(np.argmax(error))
        judge.warn(
            "O19", lines[steps[k] + 1], "",
            f"a step of {step[steps[k]]:g} s (error about {error[k]:.2g} km)",
            f"a step whose interpolation error is below {_INTERPOLATION_KM * 1e3:g} m",
            f"{n} points do not follow the motion (step too long, or states or epochs rounded)",
        )  # fmt: skip
    if step.max() < 2.0 * step.min():
        return  # at most 21
    amplification = np.zeros(steps.size)
    for i in range(n):
        others = np.arange(n) != i
        gaps = np.abs(x[:, i, None] - x[:, others])
        amplification += (away[:, others] / gaps).prod(axis=1)
    if amplification.max() > _AMPLIFICATION:
        k = int(np.argmax(amplification))
        judge.warn(
            "O19", lines[steps[k] + 1], "",
            f"a step of {step[steps[k]]:.4g} s near one of {np.diff(x[k]).min():.4g} s "
            f"(1 mm becomes {amplification[k] * 1e-3:.2g} m)",
            f"steps that magnify rounding less than {_AMPLIFICATION:g} times",
            f"steps too uneven for {n} points",
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
