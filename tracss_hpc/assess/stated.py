"""Conjunctions as messages state them: two states, two covariances and a radius a row.

Fed by messages of any profile (`messages.cdm`) and by rows of results.h5; feeds the command
`assess`, which computes all metrics again. States come out in EME2000, whatever the message's
frame: one that turns with the Earth first gives up its rotation, v + omega x r, or RTN axes and
relative speed would be wrong. Covariances stay as they are, in each object's own RTN.

The combined hard-body radius is, in this order: the message's own; the sum of both objects' HBR;
the sum of both exclusion volume radii, which is what the Pc of operational messages was found to
use. Without any it is blank.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import erfa
import numpy as np
from numpy.typing import NDArray

from tracss_hpc.assess.dcp import density_responses
from tracss_hpc.constants import DAY_S
from tracss_hpc.ephemeris.frames import rotate, teme_to_eme2000
from tracss_hpc.errors import MessageError
from tracss_hpc.messages.cdm import COVARIANCE_KEYWORDS, STATE_KEYWORDS, CdmTable

__all__ = [
    "STATED_LINES",
    "StatedConjunctions",
    "has_one_known_frame",
    "join_stated",
    "stated_by_table",
]

#: Rotation of the Earth [rad/s], WGS 84 [NIMA TR8350.2].
_EARTH_RATE_RAD_S = 7.292115e-5
#: Frames whose axes do not turn; the latter two are 23 mas from the former [IERS2010 5.4.4].
_EME2000, _CELESTIAL = ("EME2000", "J2000"), ("GCRF", "ICRF")
_UNIX_JD = 2440587.5
_SENSITIVITY = tuple(
    f"DCP_SENSITIVITY_{q}_{axis}" for q in ("POSITION", "VELOCITY") for axis in ("R", "T", "N")
)
#: Lines of a message that are used here; what stands in the others does not matter.
STATED_LINES: frozenset[str] = frozenset(
    ["MESSAGE_ID", "TCA", "START_SCREEN_PERIOD", "MISS_DISTANCE", "COLLISION_PROBABILITY",
     "COLLISION_PROBABILITY_METHOD", "COMBINED_HBR"]
).union(
    f"SAT{k}_{name}"
    for k in (1, 2)
    for name in (
        "OBJECT_DESIGNATOR", "OBJECT_NAME", "INTERNATIONAL_DESIGNATOR", "OBJECT_TYPE", "REF_FRAME",
        "HBR", "EXCLUSION_VOLUME_RADIUS", "MASS", "DENSITY_FORECAST_UNCERTAINTY",
        *STATE_KEYWORDS, *COVARIANCE_KEYWORDS, *_SENSITIVITY,
    )
)  # fmt: skip


@dataclass(frozen=True)
class StatedConjunctions:
    """n conjunctions; arrays that hold both objects have shape (2, n, ...), object 1 first.

    `source` where a row comes from; TCA = `tca_jd` + `tca_fr` [two-part Julian date, UTC];
    `since_start_s` TCA since the begin of screening [s]; `state` EME2000 [km, km/s];
    `covariance_m2` 21 elements in the own RTN; `hbr_m` combined; `response_km` what one sigma of
    density error does to the state, own RTN [km, km/s]; `probability`, `probability_method` and
    `miss_distance_m` as stated. NaN and "" are blank.
    """

    source: NDArray[np.str_]
    message_id: NDArray[np.str_]
    tca_jd: NDArray[np.float64]
    tca_fr: NDArray[np.float64]
    since_start_s: NDArray[np.float64]
    designator: NDArray[np.str_]
    name: NDArray[np.str_]
    international_designator: NDArray[np.str_]
    object_type: NDArray[np.str_]
    state: NDArray[np.float64]
    covariance_m2: NDArray[np.float64]
    hbr_m: NDArray[np.float64]
    mass_kg: NDArray[np.float64]
    response_km: NDArray[np.float64]
    probability: NDArray[np.float64]
    probability_method: NDArray[np.str_]
    miss_distance_m: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.source)

    def take(self, rows: NDArray[np.intp]) -> StatedConjunctions:
        """The given rows."""
        return StatedConjunctions(
            **{f.name: np.take(getattr(self, f.name), rows, axis=_axis(self, f.name))
               for f in fields(self)}
        )  # fmt: skip


def join_stated(parts: Sequence[StatedConjunctions]) -> StatedConjunctions:
    """All rows of the parts (at least one), in their order."""
    return StatedConjunctions(
        **{f.name: np.concatenate([getattr(part, f.name) for part in parts],
                                  axis=_axis(parts[0], f.name))
           for f in fields(StatedConjunctions)}
    )  # fmt: skip


def stated_by_table(
    table: CdmTable, file: str
) -> tuple[StatedConjunctions | None, list[MessageError]]:
    """Rows of the messages of a table; `file` is where they stood.

    Returns
    -------
    stated : StatedConjunctions or None
        None without a good message.
    errors : list of MessageError
        Of messages whose frame is not known, or not the same for both objects.
    """
    frames = [np.char.upper(table.columns[f"SAT{k}_REF_FRAME"]) for k in (1, 2)]
    usable = has_one_known_frame(table)
    good, bad = np.flatnonzero(usable), np.flatnonzero(~usable)
    errors = [
        _wrong_frame(file, table.lines[row] if table.lines else 0, [str(f[row]) for f in frames])
        for row in bad
    ]
    if not len(good):
        return None, errors

    def column(key: str) -> NDArray[np.float64]:
        return np.asarray(table.columns[key][good])

    def both(*keys: str) -> NDArray[np.float64]:
        """(2, n, keys), or (2, n) of one key."""
        values = [np.stack([column(f"SAT{k}_{key}") for key in keys], axis=-1) for k in (1, 2)]
        return np.stack(values)[..., 0] if len(keys) == 1 else np.stack(values)

    def texts(key: str) -> NDArray[np.str_]:
        return np.stack([table.columns[f"SAT{k}_{key}"][good] for k in (1, 2)])

    tca = table.columns["TCA"][good]
    jd, fr = _julian(tca)
    start = table.columns["START_SCREEN_PERIOD"][good]
    since = np.where(np.isnat(start), np.nan, (tca - start) / np.timedelta64(1, "s"))
    return StatedConjunctions(
        source=np.full(len(good), file),
        message_id=table.columns["MESSAGE_ID"][good],
        tca_jd=jd,
        tca_fr=fr,
        since_start_s=since,
        designator=texts("OBJECT_DESIGNATOR"),
        name=texts("OBJECT_NAME"),
        international_designator=texts("INTERNATIONAL_DESIGNATOR"),
        object_type=texts("OBJECT_TYPE"),
        state=_eme2000(both(*STATE_KEYWORDS), frames[0][good], jd, fr),
        covariance_m2=both(*COVARIANCE_KEYWORDS),
        hbr_m=_first_known(
            column("COMBINED_HBR"),
            both("HBR").sum(axis=0),
            both("EXCLUSION_VOLUME_RADIUS").sum(axis=0),
        ),
        mass_kg=both("MASS"),
        response_km=_responses(both(*_SENSITIVITY), both("DENSITY_FORECAST_UNCERTAINTY")),
        probability=column("COLLISION_PROBABILITY"),
        probability_method=table.columns["COLLISION_PROBABILITY_METHOD"][good],
        miss_distance_m=column("MISS_DISTANCE"),
    ), errors


def has_one_known_frame(table: CdmTable) -> NDArray[np.bool_]:
    """Which messages have both states in the same frame, one that can be turned to EME2000."""
    frames = [np.char.upper(table.columns[f"SAT{k}_REF_FRAME"]) for k in (1, 2)]
    known = np.array([_known(frame) for frame in frames[0]], dtype=bool)
    both: NDArray[np.bool_] = known & (frames[0] == frames[1])
    return both


def _axis(stated: StatedConjunctions, name: str) -> int:
    """Axis of the rows."""
    return 0 if len(getattr(stated, name).shape) == 1 else 1


def _known(frame: str) -> bool:
    return frame in (*_EME2000, *_CELESTIAL, "TEME") or frame.startswith("ITRF")


def _wrong_frame(file: str, line: int, frames: list[str]) -> MessageError:
    given = " and ".join(f or "blank" for f in dict.fromkeys(frames))
    allowed = f"{', '.join((*_EME2000, *_CELESTIAL))}, TEME or ITRF, the same for both objects"
    place = f"{file}, line {line}" if line else file
    return MessageError(
        f"{place}, REF_FRAME: given {given}, allowed: {allowed}",
        file=file, line=line, key="REF_FRAME", given=given, allowed=allowed,
    )  # fmt: skip


def _first_known(*radii: NDArray[np.float64]) -> NDArray[np.float64]:
    first = radii[0]
    for radius in radii[1:]:
        first = np.where(np.isnan(first), radius, first)
    return first


def _responses(
    sensitivity_m: NDArray[np.float64], uncertainty: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Displacement by one sigma of density error (2, n, 6); NaN where the set is not whole."""
    return np.stack(
        [density_responses(*side) for side in zip(sensitivity_m, uncertainty, strict=True)]
    )


def _julian(times: NDArray[np.datetime64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    day = times.astype("datetime64[D]")
    fraction = (times - day) / np.timedelta64(1, "us") / (DAY_S * 1e6)
    return _UNIX_JD + day.astype(np.int64).astype(np.float64), fraction


def _eme2000(
    states: NDArray[np.float64],
    frame: NDArray[np.str_],
    jd: NDArray[np.float64],
    fr: NDArray[np.float64],
) -> NDArray[np.float64]:
    """States (2, n, 6) of a frame by row in EME2000.

    From ITRF, UT1 is taken for UTC and the pole as unmoved: up to 400 m in low orbits, the same
    rotation of both objects, which no metric sees.
    """
    turned = states.copy()
    fixed = np.char.startswith(frame, "ITRF")
    turned[:, fixed, 3] -= _EARTH_RATE_RAD_S * states[:, fixed, 1]
    turned[:, fixed, 4] += _EARTH_RATE_RAD_S * states[:, fixed, 0]
    celestial = np.isin(frame, _CELESTIAL)
    if celestial.any():
        bias = erfa.bp06(erfa.DJ00, 0.0)[0]
        turned[:, celestial] = np.concatenate(
            [states[:, celestial, :3] @ bias.T, states[:, celestial, 3:] @ bias.T], axis=-1
        )
    rows = np.flatnonzero(fixed | (frame == "TEME"))
    if len(rows):
        matrix = teme_to_eme2000(jd[rows], fr[rows])
        angle = np.where(fixed[rows], -erfa.gmst82(jd[rows], fr[rows]), 0.0)
        matrix = matrix @ erfa.rz(angle, np.broadcast_to(np.eye(3), matrix.shape))
        for k in range(2):
            for part in (slice(0, 3), slice(3, 6)):
                turned[k, rows, part] = rotate(matrix, turned[k, rows, part])
    return turned
