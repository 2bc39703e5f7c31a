"""The trajectory record of a GP object: SGP4 states in EME2000 with the default covariance.

Fed by a catalog row; feeds the OCM writer (`tracss-hpc catalog --to-ocm`). Days have 86,400 s, as
in all that SGP4 computes; states come at whole steps from the start, with five records before and
after the useable span, as TraCSS-Spec-002 wants them.
"""

from __future__ import annotations

import numpy as np

from tracss_hpc.catalog.catalog import Catalog
from tracss_hpc.catalog.regimes import assign_regimes
from tracss_hpc.constants import DAY_S
from tracss_hpc.ephemeris.covariance import default_covariance
from tracss_hpc.ephemeris.frames import rotate, teme_to_eme2000
from tracss_hpc.ephemeris.gp import DIVERGED, make_trajectories
from tracss_hpc.epochs import Epoch, julian_dates
from tracss_hpc.errors import EphemerisRangeError, UsageError
from tracss_hpc.messages.trajectory_record import (
    ForceModel,
    TrajectoryBlock,
    TrajectoryObject,
    TrajectoryRecord,
)
from tracss_hpc.messages.trajectory_rules import PADDING, RADIUS_KM
from tracss_hpc.messages.utc import Utc, elapsed

__all__ = ["gp_record"]

_MAX_STATES = 1_000_000
_UNKNOWN = "UNKNOWN"
#: What SGP4's codes mean, with the words of `status` in a results file.
_ENDS = {
    1: "sgp4_error_1, mean eccentricity outside 0 to 1",
    2: "sgp4_error_2, mean motion below zero",
    3: "sgp4_error_3, perturbed eccentricity outside 0 to 1",
    4: "sgp4_error_4, semi-latus rectum below zero",
    6: "decayed, below the surface of the Earth",
    DIVERGED: f"sgp4_diverged, farther than {RADIUS_KM[1]:g} km from the Earth",
}


def gp_record(
    catalog: Catalog,
    start: Epoch,
    *,
    duration_s: float,
    step_s: float,
    creation_date: Utc,
    classification: str,
) -> TrajectoryRecord:
    """Record of the one object in `catalog` from `start` on.

    Parameters
    ----------
    start
        Useable start, taken to the microsecond.
    duration_s
        Useable span, rounded up to whole steps [s].

    Raises
    ------
    UsageError
        If the states would be more than a million, or a leap second lies between them: days of
        86,400 s leave it out, and the message would have a second too many there.
    EphemerisRangeError
        If SGP4 fails within the span; names the time.
    """
    steps = int(np.ceil(duration_s / step_s))
    if not 0 < steps + 2 * PADDING < _MAX_STATES:
        raise UsageError(
            f"{duration_s:g} s in steps of {step_s:g} s are {steps} states; "
            f"1 to {_MAX_STATES - 2 * PADDING} are possible"
        )
    # Microseconds as whole numbers: an epoch then prints exactly.
    ticks = round(start.fr * DAY_S * 1e6) + np.rint(
        np.arange(-PADDING, steps + PADDING + 1) * (step_s * 1e6)
    ).astype(np.int64)
    days, of_day = np.divmod(ticks, int(DAY_S) * 10**6)
    jd, seconds = start.jd + days, of_day / 1e6
    begin = Epoch(float(jd[0]), float(seconds[0] / DAY_S))
    t = (ticks - ticks[0]) / 1e6
    leaps = elapsed(Utc(float(jd[0]), float(seconds[0])), jd, seconds) - t > 0.5
    if leaps.any():
        k = int(np.argmax(leaps))
        raise UsageError(
            f"a leap second, which SGP4 leaves out, ends the day before {Utc(jd[k], 0.0).iso()}; "
            f"ask for a span that ends {PADDING} steps before it or begins as many after it"
        )
    trajectories = make_trajectories(catalog, begin)
    r, v, code = trajectories.states(np.zeros(1, dtype=np.intp), t[None, :])
    # Without a code SGP4 diverges for some sets (`gp.DIVERGED`): no Earth orbit is out there.
    code = np.where((code == 0) & ~(np.abs(r).max(axis=2) < RADIUS_KM[1]), DIVERGED, code)
    if code.any():
        first_bad = int(np.argmax(code[0] != 0))
        bad, number = float(t[first_bad]), int(code[0, first_bad])
        raise EphemerisRangeError(
            f"{catalog.designator[0]}: SGP4 has no state at {begin.plus(bad).iso()} UTC: "
            f"{_ENDS.get(number, f'its error {number}')}; ask for a span nearer to the epoch of "
            f"the element set, {_epoch(catalog).iso()}",
            start_s=0.0,
            stop_s=bad,
            objects=(int(catalog.designator[0]),),
        )
    turn = teme_to_eme2000(*julian_dates(begin, t))
    age = ((jd - catalog.epoch_jd[0]) + (seconds / DAY_S - catalog.epoch_fr[0])).astype(np.float64)
    regime = assign_regimes(catalog.mean_motion, catalog.eccentricity)
    covariance = default_covariance(
        np.repeat(regime, t.size), age, np.repeat(trajectories.mean_motion, t.size)
    )
    first, last = PADDING, t.size - 1 - PADDING
    block = TrajectoryBlock(
        jd=jd,
        seconds=seconds,
        r=rotate(turn, r[0]),
        v=rotate(turn, v[0]),
        useable_start=Utc(float(jd[first]), float(seconds[first])),
        useable_stop=Utc(float(jd[last]), float(seconds[last])),
        covariance_jd=jd,
        covariance_seconds=seconds,
        covariance=covariance,
        covariance_frame="RSW_INERTIAL",
        id="1",
        basis="OPERATIONAL",
        extra={"PROPAGATOR": "SGP4"},
        covariance_extra={"COV_ID": "1", "COV_BASIS": "EMPIRICAL"},
    )
    owner = str(catalog.owner[0]) or _UNKNOWN
    number = int(catalog.designator[0])
    stamp = creation_date.iso()[:19].translate({ord(c): None for c in "-:T"})
    return TrajectoryRecord(
        source_format="OCM",
        file=f"{number}.ocm",
        object=TrajectoryObject(
            designator=str(number),
            name=str(catalog.name[0]),
            international_designator=str(catalog.international_designator[0]),
            object_type=str(catalog.object_type[0]),
            ops_status=str(catalog.ops_status[0]),
            operator=_UNKNOWN,
            owner=owner,
            country=owner,
            originator_phone=_UNKNOWN,
            originator_email=_UNKNOWN,
            originator_address=_UNKNOWN,
            hbr_m=float(catalog.hbr_m[0]),
            mass_kg=float(catalog.mass_kg[0]),
        ),
        blocks=(block,),
        version="3.0",
        message_id=f"{number:09d}_gp_{block.useable_start.iso()[:19]}_{stamp}",
        creation_date=creation_date,
        originator="tracss_hpc",
        classification=classification,
        model=ForceModel(gravity="WGS-72: 4D 0O"),
        extra={"META": {"EPOCH_TZERO": block.useable_start.iso()}},
    )


def _epoch(catalog: Catalog) -> Epoch:
    return Epoch(float(catalog.epoch_jd[0]), float(catalog.epoch_fr[0]))
