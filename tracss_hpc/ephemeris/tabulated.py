"""Trajectories given as tables of states: position, velocity and covariance at any time.

Fed by the readers of ephemeris messages (`messages.trajectory_files`); feeds `screening.pair` and
whoever wants the state of an operator's ephemeris. The way of the verification set of TraCSS:

    state        Lagrange polynomial through the 7 states around the nearest one, positions and
                 velocities each for themselves; near the end of a block the seven slide inward,
                 and they never come from two blocks (between them lies a burn)
    covariance   those of the epochs before and after, each carried to the time by two-body motion
                 and blended linearly: for nodes 30 minutes apart in a low orbit with J2 the sigma
                 of position in any direction is within 1.1 %, where linear interpolation is off by
                 a factor of 2.8 after 2 minutes. Positions alone (3x3) have no such motion: their
                 matrix logarithms in RTN are interpolated, for short steps.

At the join of two blocks the later one counts. Outside the useable span there is no state.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Unpack

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.ephemeris.asked_times import Times, seconds_since
from tracss_hpc.ephemeris.frames import rtn_matrices
from tracss_hpc.ephemeris.two_body import two_body_transition
from tracss_hpc.errors import EphemerisRangeError, InputDataError
from tracss_hpc.messages.trajectory_files import ReadOptions, read_trajectory
from tracss_hpc.messages.trajectory_record import TrajectoryBlock, TrajectoryRecord
from tracss_hpc.messages.utc import Utc, elapsed

__all__ = ["Trajectory"]

NODES = 7
_TOLD_SPANS = 4  # useable spans told in full
_SINGULAR = 1e-18  # least eigenvalue beside the largest whose logarithm is taken
#: Axes of a covariance: which frame, and whether its velocities are seen from turning axes.
#: ITC says UVW and older OEM RTN or RSW without telling: taken as inertial.
_AXES = {
    "RSW_INERTIAL": ("RTN", False),
    "RSW": ("RTN", False),
    "RTN": ("RTN", False),
    "UVW": ("RTN", False),
    "RSW_ROTATING": ("RTN", True),
    "TNW_INERTIAL": ("TNW", False),
    "TNW": ("TNW", False),
    "EME2000": ("EME2000", False),
}


class _Nodes(NamedTuple):
    """Nodes of all blocks one after another, those of block k from `starts[k]` on."""

    starts: NDArray[np.intp]
    t: NDArray[np.float64]  # [s since the epoch of the trajectory]
    r: NDArray[np.float64]
    v: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Trajectory:
    """States of one object over its useable span, from a record.

    Times are SI seconds since `epoch` (the useable start if not told otherwise), or UTC as text,
    `Utc`, datetime (aware, or naive and then UTC) or datetime64: a single one, or a sequence or
    array of one kind and one dimension.
    """

    record: TrajectoryRecord
    epoch: Utc
    nodes: tuple[NDArray[np.float64], ...]  # of each block [s since epoch]
    spans: NDArray[np.float64]  # useable start and stop of each block (blocks, 2) [s]

    @classmethod
    def from_file(cls, path: str | Path, **options: Unpack[ReadOptions]) -> Trajectory:
        """Read an ephemeris file of any known format.

        Parameters
        ----------
        path
            Plain or compressed (gzip, xz, zstd).
        **options
            `strict`, `lenient`, `known`, `repair_covariance`, `max_acceleration_km_s2`: see
            `messages.trajectory_files.ReadOptions`.

        Raises
        ------
        MessageError
            If the file is in no known format or breaks a rule of its format.
        """
        return cls.from_record(read_trajectory(path, **options))

    @classmethod
    def from_record(cls, record: TrajectoryRecord, *, epoch: Utc | None = None) -> Trajectory:
        """A trajectory from blocks in time order; raises `InputDataError` where they are not."""
        starts = [block.useable_start for block in record.blocks]
        if starts != sorted(starts):
            raise InputDataError(
                f"{record.file}: blocks are not in the order of their useable start; sort them",
                file=record.file,
                given=[start.iso() for start in starts],
            )
        epoch = starts[0] if epoch is None else epoch
        return cls(
            record=record,
            epoch=epoch,
            nodes=tuple(elapsed(epoch, block.jd, block.seconds) for block in record.blocks),
            spans=np.array(
                [
                    [block.useable_start.minus(epoch), block.useable_stop.minus(epoch)]
                    for block in record.blocks
                ]
            ),
        )

    @cached_property
    def _nodes(self) -> _Nodes:
        blocks = self.record.blocks
        return _Nodes(
            starts=np.cumsum([0, *(block.jd.size for block in blocks)]),
            t=np.concatenate(self.nodes),
            r=np.concatenate([block.r for block in blocks]),
            v=np.concatenate([block.v for block in blocks]),
        )

    @property
    def duration_s(self) -> float:
        """Seconds from the useable start to the useable stop."""
        return float(self.spans[-1, 1] - self.spans[0, 0])

    @cached_property
    def covered(self) -> NDArray[np.float64]:
        """Useable spans in order (n, 2) [s]; blocks that touch or overlap are one."""
        joined: list[list[float]] = []
        for start, stop in self.spans.tolist():
            if joined and start <= joined[-1][1]:
                joined[-1][1] = max(stop, joined[-1][1])
            else:
                joined.append([start, stop])
        return np.array(joined)

    def useable(self) -> str:
        """The useable spans in words, of more than four the first three and how many there are."""
        told = self.covered if len(self.covered) <= _TOLD_SPANS else self.covered[: _TOLD_SPANS - 1]
        texts = [
            f"{self.epoch.plus(start).iso()} to {self.epoch.plus(stop).iso()}"
            for start, stop in told.tolist()
        ]
        if len(told) < len(self.covered):
            end = self.epoch.plus(float(self.covered[-1, 1])).iso()
            texts.append(f"... ({len(self.covered)} spans, the last until {end})")
        return ", ".join(texts)

    @property
    def has_covariance(self) -> bool:
        """Whether any block has covariances."""
        return any(block.covariance is not None for block in self.record.blocks)

    def state(self, t: Times) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Position and velocity in the frame of the record.

        Returns
        -------
        r, v : ndarray, shape (n, 3), or (3,) for a single time
            [km, km/s].

        Raises
        ------
        EphemerisRangeError
            If a time is outside the useable span.
        TypeError, ValueError
            If `t` is no time, or has more than one dimension.
        """
        times, single = seconds_since(self.epoch, t)
        r, v = _interpolate(self._nodes, self._block_of(times), times)
        return (r[0], v[0]) if single else (r, v)

    def position_and_rate(self, t: Times) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Position and the derivative of its polynomial, which the velocity columns need not be.

        SGP4's velocities, for one, differ by up to 7.5 m/s: a minimum of distance is where the
        positions have it. Shapes, units and errors as `state`.
        """
        times, single = seconds_since(self.epoch, t)
        r, rate = _differentiate(self._nodes, self._block_of(times), times)
        return (r[0], rate[0]) if single else (r, rate)

    def covariance(self, t: Times) -> NDArray[np.float64]:
        """Covariance in the own RTN at the time (inertial velocities).

        Returns
        -------
        ndarray, shape (n, 6, 6) or (n, 3, 3) as the file has it, without n for a single time
            [km^2, km^2/s, km^2/s^2].

        Raises
        ------
        InputDataError
            If the file has no covariance there.
        EphemerisRangeError
            If a time is outside the useable span, or the epochs of the covariances.
        TypeError, ValueError
            If `t` is no time, or has more than one dimension.
        """
        times, single = seconds_since(self.epoch, t)
        place = self._block_of(times)
        sizes = {b.covariance.shape[1] for b in self.record.blocks if b.covariance is not None}
        if len(sizes) != 1:
            given = " and ".join(f"{size}x{size}" for size in sorted(sizes)) or "none"
            raise InputDataError(
                f"{self.record.file}: covariances of one size are needed, given: {given}",
                file=self.record.file,
                given=given,
            )
        size = sizes.pop()
        found = np.empty((times.size, size, size))
        for k in np.unique(place).tolist():
            here = place == k
            found[here] = self._block_covariance(times[here], k)
        return found[0] if single else found

    def _block_of(self, times: NDArray[np.float64]) -> NDArray[np.intp]:
        """Block of each time; at a join the later."""
        place = np.searchsorted(self.spans[:, 0], times, side="right") - 1
        bad = (place < 0) | ~(times <= self.spans[place, 1])
        if bad.any():
            t = float(times[np.argmax(bad)])
            asked = self.epoch.plus(t).iso() if np.isfinite(t) else str(t)
            raise EphemerisRangeError(
                f"{self.record.file}: {asked} is outside the useable span {self.useable()} (UTC); "
                "ask for a time within it",
                start_s=float(self.spans[0, 0]),
                stop_s=float(self.spans[-1, 1]),
                objects=(self.record.object.designator,),
            )
        return place

    def _block_covariance(self, times: NDArray[np.float64], k: int) -> NDArray[np.float64]:
        """Covariances in RTN at times within block `k`."""
        block = self.record.blocks[k]
        jd, seconds, matrices = block.covariance_jd, block.covariance_seconds, block.covariance
        if jd is None or seconds is None or matrices is None:
            raise InputDataError(
                f"{self.record.file}: block {k + 1} has no covariance", file=self.record.file
            )
        nodes = elapsed(self.epoch, jd, seconds)
        if times.min() < nodes[0] or times.max() > nodes[-1]:
            raise EphemerisRangeError(
                f"{self.record.file}: covariances of block {k + 1} span "
                f"{self.epoch.plus(nodes[0]).iso()} to {self.epoch.plus(nodes[-1]).iso()} (UTC); "
                "ask for a time within it",
                start_s=float(nodes[0]),
                stop_s=float(nodes[-1]),
                objects=(self.record.object.designator,),
            )
        before = np.clip(np.searchsorted(nodes, times, side="right") - 1, 0, nodes.size - 1)
        after = np.minimum(before + 1, nodes.size - 1)
        step = np.where(after > before, nodes[after] - nodes[before], 1.0)
        weight = ((times - nodes[before]) / step)[:, None, None]
        r, v = self._states_of_block(times, k)
        axes = _rotation(rtn_matrices(r, v), matrices.shape[1])
        if matrices.shape[1] == 3:
            logs = [
                _logarithm(self._in_rtn(node, nodes, matrices, k, block))
                for node in (before, after)
            ]
            return _exponential((1.0 - weight) * logs[0] + weight * logs[1])
        blended = np.zeros((times.size, 6, 6))
        for node, share in ((before, 1.0 - weight), (after, weight)):
            r0, v0 = self._states_of_block(nodes[node], k)
            own = _rotation(rtn_matrices(r0, v0), 6)
            inertial = _transform(own.swapaxes(1, 2), self._in_rtn(node, nodes, matrices, k, block))
            blended += share * _transform(
                two_body_transition(r0, v0, times - nodes[node]), inertial
            )
        return _transform(axes, blended)

    def _states_of_block(
        self, times: NDArray[np.float64], k: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """States of block `k` also where it is not useable: covariances have their own epochs."""
        return _interpolate(self._nodes, np.full(times.size, k), times)

    def _in_rtn(
        self,
        node: NDArray[np.intp],
        nodes: NDArray[np.float64],
        matrices: NDArray[np.float64],
        k: int,
        block: TrajectoryBlock,
    ) -> NDArray[np.float64]:
        """Covariances of the nodes in their own RTN with inertial velocities."""
        kind, turning = _AXES.get(block.covariance_frame.upper(), ("", False))
        if not kind:
            raise InputDataError(
                f"{self.record.file}: covariances in the frame {block.covariance_frame!r} are not "
                f"read; allowed: {', '.join(_AXES)}",
                file=self.record.file,
                given=block.covariance_frame,
                allowed=tuple(_AXES),
            )
        size = matrices.shape[1]
        found = matrices[node]
        r, v = self._states_of_block(nodes[node], k)
        if turning and size == 6:
            return _transform(_from_turning(r, v), found)
        if kind == "RTN":
            return found
        own = rtn_matrices(r, v)
        turn = own if kind == "EME2000" else own @ _tnw_matrices(r, v).swapaxes(1, 2)
        return _transform(_rotation(turn, size), found)


def _interpolate(
    nodes: _Nodes, block: NDArray[np.intp], t: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lagrange polynomials of both columns through the nodes around the nearest."""
    position, velocity = np.zeros((t.size, 3)), np.zeros((t.size, 3))
    for rows, first, x in _stencils(nodes, block, t):
        for i in range(x.shape[1]):
            weight = np.ones(rows.size)
            for j in range(x.shape[1]):
                if j != i:
                    weight *= (t[rows] - x[:, j]) / (x[:, i] - x[:, j])
            position[rows] += weight[:, None] * nodes.r[first + i]
            velocity[rows] += weight[:, None] * nodes.v[first + i]
    return position, velocity


def _differentiate(
    nodes: _Nodes, block: NDArray[np.intp], t: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The polynomial of the positions and its derivative, by the product rule factor by factor."""
    position, rate = np.zeros((t.size, 3)), np.zeros((t.size, 3))
    for rows, first, x in _stencils(nodes, block, t):
        for i in range(x.shape[1]):
            weight, slope = np.ones(rows.size), np.zeros(rows.size)
            for j in range(x.shape[1]):
                if j != i:
                    gap, along = x[:, i] - x[:, j], t[rows] - x[:, j]
                    slope = (slope * along + weight) / gap
                    weight *= along / gap
            position[rows] += weight[:, None] * nodes.r[first + i]
            rate[rows] += slope[:, None] * nodes.r[first + i]
    return position, rate


def _stencils(
    nodes: _Nodes, block: NDArray[np.intp], t: NDArray[np.float64]
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]]:
    """Rows of `t` with as many nodes to take, the first of these, and their times (n, count).

    All blocks at once: a message may have thousands.
    """
    low, high = nodes.starts[block], nodes.starts[block + 1] - 1
    nearest, beyond = low, high
    while (open_ := nearest < beyond).any():  # bisection: the first node before whose midpoint t is
        middle = (nearest + beyond) // 2
        after = t > 0.5 * (nodes.t[middle] + nodes.t[np.minimum(middle + 1, high)])
        nearest = np.where(open_ & after, middle + 1, nearest)
        beyond = np.where(open_ & ~after, middle, beyond)
    counts = np.minimum(NODES, high - low + 1)
    for count in np.unique(counts).tolist():
        rows = np.flatnonzero(counts == count)
        first = np.clip(nearest[rows] - count // 2, low[rows], high[rows] - count + 1)
        yield rows, first, nodes.t[first[:, None] + np.arange(count)]


def _transform(m: NDArray[np.float64], covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """M C M^T of each row, kept symmetric."""
    product = m @ covariance @ m.swapaxes(1, 2)
    symmetric: NDArray[np.float64] = 0.5 * (product + product.swapaxes(1, 2))
    return symmetric


def _rotation(m: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """The rotation for positions (3) or positions and velocities (6)."""
    if size == 3:
        return m
    both = np.zeros((len(m), 6, 6))
    both[:, :3, :3] = m
    both[:, 3:, 3:] = m
    return both


def _from_turning(r: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    """Matrix from velocities seen in turning RTN axes to inertial ones: add omega x position."""
    h = np.cross(r, v)
    omega = np.sqrt((h * h).sum(axis=1)) / (r * r).sum(axis=1)
    m = np.tile(np.eye(6), (len(r), 1, 1))
    m[:, 3, 1] = -omega
    m[:, 4, 0] = omega
    return m


def _tnw_matrices(r: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows T along velocity, N toward the inside in the plane, W along the momentum [502.0-B-3]."""
    w = np.cross(r, v)
    t = v / np.sqrt((v * v).sum(axis=1))[:, None]
    w = w / np.sqrt((w * w).sum(axis=1))[:, None]
    return np.stack([t, np.cross(w, t), w], axis=1)


def _logarithm(c: NDArray[np.float64]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(c)
    floor = np.maximum(values[:, -1:] * _SINGULAR, np.finfo(np.float64).tiny)
    logs = np.log(np.maximum(values, floor))
    logarithm: NDArray[np.float64] = (vectors * logs[:, None, :]) @ vectors.swapaxes(1, 2)
    return logarithm


def _exponential(c: NDArray[np.float64]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(c)
    grown: NDArray[np.float64] = (vectors * np.exp(values)[:, None, :]) @ vectors.swapaxes(1, 2)
    return grown
