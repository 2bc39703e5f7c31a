"""SGP4/SDP4 of many objects in SIMD: coefficients once, then states of any objects at any times.

Fed by python-sgp4's records or by columns of elements; feeds gp. The kernel
(cython/sgp4_batch.pyx) is checked against python-sgp4 state by state; its results do not depend on
the order, number or grouping of the times asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sgp4.api import Satrec

from tracss_hpc.epochs import Epoch, julian_dates
from tracss_hpc.kernels import sgp4_batch as kernel

__all__ = ["NEAR_EARTH", "SGP4Batch", "batch_of_records", "make_batch"]

#: Kinds of objects, see SGP4Batch.
NEAR_EARTH, _RESONANT = 0, 2
_SPARE_STEPS = 14  # integrator steps (half a day each) made beyond those asked for


@dataclass
class SGP4Batch:
    """Coefficients of n objects, and the resonance integrator's steps as far as they were needed.

    The steps are a cache: they are made again, longer, when a time beyond them is asked for, and
    results do not depend on it.

    Attributes
    ----------
    table : ndarray, shape (n, kernel.TABLE_WIDTH)
        Coefficients (names: enum field of cython/_sgp4_init.h).
    kind : ndarray of uint8, shape (n,)
        0 near-earth, 1 deep-space, 2 deep-space with a 12 h or 24 h resonance.
    """

    table: NDArray[np.float64]
    kind: NDArray[np.uint8]
    _wanted: NDArray[np.int32] = field(init=False, repr=False)
    _first: NDArray[np.int32] = field(init=False, repr=False)
    _last: NDArray[np.int32] = field(init=False, repr=False)
    _offset: NDArray[np.int64] = field(init=False, repr=False)
    _steps: NDArray[np.float64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._wanted = np.zeros((len(self), 2), dtype=np.int32)
        self._make_steps(spare=0)

    def __len__(self) -> int:
        return len(self.kind)

    def states(
        self,
        objects: NDArray[np.integer],
        t: NDArray[np.float64],
        start: Epoch | None = None,
        *,
        velocities: bool = True,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.uint8]]:
        """States of `objects[k]` at the times `t[k]`.

        Parameters
        ----------
        objects : ndarray of int, shape (m,)
            Rows of the table. Equal rows that follow each other are fastest.
        t : ndarray, shape (m, q), or (q,) for times common to all
            Seconds since `start`; without `start`, minutes since each object's epoch.
        start : Epoch, optional
        velocities : bool
            False leaves them out (a tenth faster): `v` is then empty, shape (m, q, 0).

        Returns
        -------
        r, v : ndarray, shape (m, q, 3)
            TEME position [km] and SGP4's own velocity [km/s]; NaN where the code is 1 to 5.
        code : ndarray of uint8, shape (m, q)
            SGP4 error code; 0 is good, 6 (decayed) comes with finite states.

        Raises
        ------
        IndexError
            A row is not in the table.
        """
        m, q = len(objects), t.shape[-1]
        r = np.empty((m, q, 3))
        v = np.empty((m, q, 3 if velocities else 0))
        code = np.empty((m, q), dtype=np.uint8)
        self._fill(objects, t, start, r, v if velocities else None, code)
        return r, v, code

    def positions(
        self, objects: NDArray[np.integer], t: NDArray[np.float64], start: Epoch | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        """As `states`, but positions alone and by axis, shape (m, 3, q): what a fit wants."""
        m, q = len(objects), t.shape[-1]
        r = np.empty((m, 3, q))
        code = np.empty((m, q), dtype=np.uint8)
        self._fill(objects, t, start, r.transpose(0, 2, 1), None, code)
        return r, code

    def mean_eccentricity(
        self, objects: NDArray[np.integer], t: NDArray[np.float64], start: Epoch
    ) -> NDArray[np.float64]:
        """Mean eccentricity (m, q) of objects (m,) at times (q,) [s since start], before its clamp.

        Secular and drag terms of SGP4 [Vallado2006]; NaN for deep-space objects.
        """
        epoch, part, mo, mdot, cc4, ecco, omgcof, eta, xmcof, delmo, cc5, sinmao = (
            self.table[objects, column, None] for column in kernel.ECCENTRICITY_COLUMNS
        )
        jd, fr = julian_dates(start, t)
        minutes = ((jd - epoch) + (fr - part)) * 1440.0
        anomaly = mo + mdot * minutes
        swing = (1.0 + eta * np.cos(anomaly)) ** 3 - delmo
        anomaly = anomaly + omgcof * minutes + xmcof * swing
        e = ecco - (cc4 * minutes + cc5 * (np.sin(anomaly) - sinmao))
        return np.where(self.kind[objects, None] == NEAR_EARTH, e, np.nan)

    def _fill(
        self,
        objects: NDArray[np.integer],
        t: NDArray[np.float64],
        start: Epoch | None,
        r: NDArray[np.float64],
        v: NDArray[np.float64] | None,
        code: NDArray[np.uint8],
    ) -> None:
        rows = np.ascontiguousarray(objects, dtype=np.int64)
        if len(rows) and not (rows.min() >= 0 and rows.max() < len(self)):
            raise IndexError(
                f"rows {rows.min()} to {rows.max()} were asked for; the table has 0 to "
                f"{len(self) - 1}"
            )
        times = np.broadcast_to(np.asarray(t, dtype=np.float64), code.shape)
        origin = (start is not None, *(start or (0.0, 0.0)))
        while not kernel.propagate(
            self.table, self.kind, rows, times, *origin,
            self._steps, self._offset, self._first, self._last, self._wanted, r, v, code,
        ):  # fmt: skip
            self._make_steps(spare=_SPARE_STEPS)

    def _make_steps(self, *, spare: int) -> None:
        """Integrate every resonant object as far as `_wanted` says and `spare` steps farther."""
        resonant = self.kind == _RESONANT
        self._first = np.where(resonant, self._wanted[:, 0] - spare, 1).astype(np.int32)
        self._last = np.where(resonant, self._wanted[:, 1] + spare, 0).astype(np.int32)
        count = (self._last - self._first + 1).astype(np.int64)
        self._offset = np.cumsum(count) - count
        self._steps = np.empty((int(count.sum()), kernel.RESONANCE_WIDTH))
        objects = np.flatnonzero(resonant)
        kernel.integrate(self.table, objects, self._offset, self._first, self._last, self._steps)


def batch_of_records(records: Sequence[Satrec]) -> SGP4Batch:
    """Initialise from the elements of python-sgp4's records (WGS-72, improved mode)."""
    columns = np.array(
        [
            (s.jdsatepoch, s.jdsatepochF, s.bstar, s.ecco, s.argpo, s.inclo, s.mo, s.no_kozai,
             s.nodeo)
            for s in records
        ],
        dtype=np.float64,
    ).reshape(len(records), 9).T  # fmt: skip
    return make_batch(columns[0].copy(), columns[1].copy(), np.ascontiguousarray(columns[2:]))


def make_batch(
    epoch_jd: NDArray[np.float64], epoch_fr: NDArray[np.float64], elements: NDArray[np.float64]
) -> SGP4Batch:
    """Initialise from columns.

    Parameters
    ----------
    epoch_jd, epoch_fr : ndarray, shape (n,)
        Two-part Julian dates of the epochs (UTC).
    elements : ndarray, shape (7, n)
        B* [1/earth radii], eccentricity, argument of perigee [rad], inclination [rad], mean anomaly
        [rad], mean motion [rad/min], right ascension of the ascending node [rad].
    """
    n = len(epoch_jd)
    table = np.zeros((n, kernel.TABLE_WIDTH))
    kind = np.zeros(n, dtype=np.uint8)
    kernel.initialise(epoch_jd, epoch_fr, elements, table, kind)
    return SGP4Batch(table, kind)
