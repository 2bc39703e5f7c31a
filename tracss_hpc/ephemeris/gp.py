"""GP trajectories: SGP4/SDP4 states of catalog objects, and where each trajectory ends.

Fed by the catalog's element sets; feeds nodes (polynomials), refine (the true trajectory) and the
audit. What the batched SGP4 (sgp4_batch.py) returns *is* the trajectory, in TEME, and its velocity
is not the derivative of its position. It follows python-sgp4 (Vallado's C++ code, WGS-72) to 0.3 mm
with the same error codes, and gives the same bits on every processor.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sgp4.api import WGS72, Satrec

from tracss_hpc.catalog.catalog import Catalog
from tracss_hpc.constants import DAY_S
from tracss_hpc.ephemeris.sgp4_batch import NEAR_EARTH, SGP4Batch, batch_of_records
from tracss_hpc.epochs import Epoch

__all__ = ["DIVERGED", "GPTrajectories", "find_end", "find_ends", "make_trajectories"]

_JD_1949_12_31 = 2433281.5  # SGP4's epoch origin, 1949-12-31T00:00 UTC
_SCAN_OBJECTS = 512  # looked at together
_SCAN_COARSE_S = 7200.0  # every object is looked at this often for signs of decay
_SCAN_FINE_S = 10.0  # objects at risk are looked at this often
_RISK_PERIGEE_KM = 6378.135 + 130.0  # osculating perigee below this: scanned finely
_SMALL_ECCENTRICITY = 0.005  # drag of at least _LARGE_BSTAR can bring such an orbit below zero
_LARGE_BSTAR = 1e-3  # 1 / earth radii
_CLAMPED_ECCENTRICITY = 1e-6  # SGP4 holds smaller mean eccentricities there
_FARTHEST_KM = 1e6  # SGP4 diverges without an error code for some sets: nothing is out there
#: Stands for "diverged" among SGP4's error codes 1 .. 6.
DIVERGED = 255


@dataclass(frozen=True)
class GPTrajectories:
    """SGP4 records of n objects and the epoch their times count from.

    Attributes
    ----------
    start : Epoch
        Run start; all times are seconds since it.
    records : list of Satrec
        One record of python-sgp4 per object: its elements.
    mean_motion : ndarray, shape (n,)
        Mean motion [rad/s], for choosing node spacings.
    """

    start: Epoch
    records: list[Satrec]
    mean_motion: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.records)

    def states(
        self, objects: NDArray[np.integer], t: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.uint8]]:
        """SGP4 states of `objects[k]` at `t[k]`.

        Parameters
        ----------
        objects : ndarray of int, shape (m,)
            Object rows.
        t : ndarray, shape (m,) or (m, q)
            Times since run start [s]; q times for each entry of `objects`.

        Returns
        -------
        r, v : ndarray, shape (m[, q], 3)
            TEME position [km] and SGP4's own velocity [km/s].
        code : ndarray of uint8, shape (m[, q])
            SGP4 error code; 0 is good, 6 (decayed) comes with finite states.
        """
        rows = np.asarray(objects)
        if t.ndim == 1:
            r, v, code = self._batch.states(rows, t[:, None], self.start)
            return r[:, 0], v[:, 0], code[:, 0]
        return self._batch.states(rows, t, self.start)

    def positions(
        self, objects: NDArray[np.integer], t: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        """Positions (m, 3, q) [km] and codes (m, q) alone, by axis: what a fit wants."""
        return self._batch.positions(np.asarray(objects), t, self.start)

    def mean_eccentricity(
        self, objects: NDArray[np.integer], t: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """SGP4's mean eccentricity (m, q) of objects (m,) at times (q,) [s], before its clamp."""
        return self._batch.mean_eccentricity(objects, t, self.start)

    @property
    def smooth(self) -> NDArray[np.bool_]:
        """Objects that SGP4 moves without jumps: the near-earth ones (periods below 225 min)."""
        return np.asarray(self._batch.kind == NEAR_EARTH)

    @cached_property
    def _batch(self) -> SGP4Batch:
        return batch_of_records(self.records)


def make_trajectories(catalog: Catalog, start: Epoch) -> GPTrajectories:
    """Initialise SGP4 (WGS-72, improved mode) for every element set of `catalog`.

    Bits equal those of reading the same lines with ``Satrec.twoline2rv``: angles, mean motion and
    the two-part epoch go in as printed. Catalog numbers stay out: SGP4 refuses those above
    339,999 and does not need them.
    """
    deg = np.pi / 180.0
    xpdotp = 1440.0 / (2.0 * np.pi)  # rev/day per rad/min, as in Vallado's reader
    epoch = catalog.epoch_jd + catalog.epoch_fr - _JD_1949_12_31
    columns = zip(
        epoch.tolist(),
        catalog.bstar.tolist(),
        (catalog.mean_motion_dot / (xpdotp * 1440.0)).tolist(),
        (catalog.mean_motion_ddot / (xpdotp * 1440.0 * 1440.0)).tolist(),
        catalog.eccentricity.tolist(),
        (catalog.arg_perigee * deg).tolist(),
        (catalog.inclination * deg).tolist(),
        (catalog.mean_anomaly * deg).tolist(),
        (catalog.mean_motion / xpdotp).tolist(),
        (catalog.raan * deg).tolist(),
        catalog.epoch_jd.tolist(),
        catalog.epoch_fr.tolist(),
        strict=True,
    )
    records = []
    for *elements, jd, fr in columns:
        record = Satrec()
        record.sgp4init(WGS72, "i", 1, *elements)
        # One double holds the epoch to 0.3 us only; SGP4 itself works from the two parts.
        record.jdsatepoch, record.jdsatepochF = jd, fr
        records.append(record)
    return GPTrajectories(start, records, catalog.mean_motion * (2.0 * np.pi / DAY_S))


def find_ends(
    trajectories: GPTrajectories, span_s: ArrayLike, objects: NDArray[np.integer] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """First whole second at which SGP4 reports an error, and its code.

    Every object is propagated each two hours; those with an error, an osculating perigee under
    130 km, or a mean eccentricity that drag drives to zero (SGP4 reports an error below -0.001,
    for minutes of each turn at first) are propagated each 10 s from two hours before the first such
    look on, and the first error is located to 1 s. The times scanned count from run start only, so
    a longer run finds the same ends.

    Parameters
    ----------
    trajectories : GPTrajectories
    span_s : array_like
        How far to look [s], a number or one per object.
    objects : ndarray of int, optional
        Rows to look at; default all.

    Returns
    -------
    end_s : ndarray, shape (len(objects),)
        First bad second since run start [s]; inf when there is none within the span.
    code : ndarray of uint8
        SGP4's code there, or DIVERGED when the position left the Earth's neighbourhood (1e6 km)
        without one; 0 when there is none.
    """
    rows = np.arange(len(trajectories)) if objects is None else np.asarray(objects)
    spans = np.broadcast_to(np.asarray(span_s, dtype=np.float64), (len(trajectories),))[rows]
    end = np.full(len(rows), np.inf)
    code = np.zeros(len(rows), dtype=np.uint8)
    if not len(rows):
        return end, code
    coarse = _times(0.0, float(spans.max()), _SCAN_COARSE_S)
    # Both ends of all: the resonance integrator then makes its steps in one go, for later too.
    everybody = np.arange(len(trajectories))
    trajectories.states(everybody, np.broadcast_to(coarse[[0, -1]], (len(everybody), 2)))
    for begin in range(0, len(rows), _SCAN_OBJECTS):
        part = rows[begin : begin + _SCAN_OBJECTS]
        error, perigee_km = _scan(trajectories, part, coarse)
        risk = (error != 0) | (perigee_km < _RISK_PERIGEE_KM)
        risk |= _eccentricity_vanishes(trajectories, part, coarse)
        risk &= coarse < spans[begin : begin + len(part), None] + _SCAN_COARSE_S
        for k in np.flatnonzero(risk.any(axis=1)):
            first = max(float(coarse[np.argmax(risk[k])]) - _SCAN_COARSE_S, 0.0)
            end[begin + k], code[begin + k] = _first_bad(
                trajectories, part[k], first, float(spans[begin + k])
            )
    return end, code


def _first_bad(
    trajectories: GPTrajectories, row: int, first: float, span: float
) -> tuple[float, int]:
    """First bad second between `first` and `span` and its code, looking each 10 s; (inf, 0)."""
    fine = _times(first, span, _SCAN_FINE_S)
    error = _scan(trajectories, np.array([row]), fine)[0][0]
    if error.any():
        bad = float(fine[np.argmax(error != 0)])
        seconds = _times(max(bad - _SCAN_FINE_S + 1.0, 0.0), bad, 1.0)
        error = _scan(trajectories, np.array([row]), seconds)[0][0]
        at = int(np.argmax(error != 0))
        if seconds[at] <= span:
            return float(seconds[at]), int(error[at])
    return float(np.inf), 0


def find_end(trajectories: GPTrajectories, row: int, span_s: float) -> tuple[float, int]:
    """First bad second of one object and SGP4's code there, looking at every second of the span.

    For the object that was met with an error which `find_ends` had not seen coming; (inf, 0) when
    no whole second is bad.
    """
    for begin in np.arange(0.0, span_s, DAY_S):
        seconds = _times(float(begin), min(float(begin) + DAY_S, span_s), 1.0)
        error = _scan(trajectories, np.array([row]), seconds)[0][0]
        if error.any():
            first = int(np.argmax(error != 0))
            return float(seconds[first]), int(error[first])
    return float(np.inf), 0


def _times(first: float, last: float, step: float) -> NDArray[np.float64]:
    """Times from `first` in steps until `last` is reached or passed [s]."""
    return np.arange(first, last + step, step)


def _scan(
    trajectories: GPTrajectories, rows: NDArray[np.integer], t: NDArray[np.float64]
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Error codes (DIVERGED included) and osculating perigee distances [km], (rows, times)."""
    r, v, error = trajectories.states(rows, np.broadcast_to(t, (len(rows), len(t))))
    r2, v2, rv = (np.einsum("ijk,ijk->ij", a, b) for a, b in ((r, r), (v, v), (r, v)))
    error[(error == 0) & ~(r2 < _FARTHEST_KM**2)] = DIVERGED
    return error, _perigee_km(r2, v2, rv)


def _eccentricity_vanishes(
    trajectories: GPTrajectories, rows: NDArray[np.integer], t: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Where SGP4's mean eccentricity is at its lower clamp of 1e-6, in orbits drag circularises."""
    records = [trajectories.records[row] for row in rows]
    some = [
        record.ecco <= _SMALL_ECCENTRICITY and abs(record.bstar) >= _LARGE_BSTAR
        for record in records
    ]
    clamped = np.zeros((len(rows), len(t)), dtype=bool)
    clamped[some] = trajectories.mean_eccentricity(rows[some], t) <= _CLAMPED_ECCENTRICITY
    return clamped


def _perigee_km(
    r2: NDArray[np.float64], v2: NDArray[np.float64], rv: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Osculating perigee distance [km] (WGS-72 mu, as SGP4) from |r|^2, |v|^2 and r . v."""
    mu = 398600.8
    energy = 0.5 * v2 - mu / np.sqrt(r2)
    w2 = r2 * v2 - rv * rv
    e = np.sqrt(np.maximum(0.0, 1.0 + 2.0 * energy * w2 / mu**2))
    return np.asarray(w2 / mu / (1.0 + e))
