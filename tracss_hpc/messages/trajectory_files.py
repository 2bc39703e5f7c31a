"""The front door for ephemeris files: which format a file is follows from its content.

Fed by paths; feeds `ephemeris.tabulated` and the command line. Each format is one row of
`TRAJECTORY_FORMATS`: its name, how its text begins, and its parser.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from pathlib import Path
from typing import NamedTuple, TypedDict, Unpack

from tracss_hpc.errors import MessageError
from tracss_hpc.messages.itc import parse_itc
from tracss_hpc.messages.ocm import parse_ocm
from tracss_hpc.messages.oem import parse_oem
from tracss_hpc.messages.source import read_text
from tracss_hpc.messages.trajectory_record import TrajectoryRecord

__all__ = [
    "MAX_BYTES",
    "TRAJECTORY_FORMATS",
    "ReadOptions",
    "TrajectoryFormat",
    "parse_trajectory",
    "read_trajectory",
]

#: Largest message read [bytes, unpacked]: ten days at one second with covariance are 430 MB.
MAX_BYTES = 512 * 2**20
_HEAD = 65536  # characters in which the mark of the format must stand


class TrajectoryFormat(NamedTuple):
    """One format: `mark` is found in the head of its texts, in no other's before it."""

    name: str
    mark: re.Pattern[str]
    parse: Callable[..., TrajectoryRecord]  # (text, *, file, and what `ReadOptions` has)


class ReadOptions(TypedDict, total=False):
    """Keyword arguments that every reader takes; what is not given is the default.

    strict : bool
        Take what would be a warning as an error; by default False.
    lenient : bool
        Clip a useable span that the data or their padding do not cover (O12, O13), with a warning,
        instead of refusing it; by default False.
    known : Container of str
        Catalog numbers, for O20; by default None, no catalog to ask.
    repair_covariance : bool
        Replace covariances that are not positive semi-definite by the nearest ones that are, in
        the sense of their correlations. By default they stay as they are; O17 counts both.
    max_acceleration_km_s2 : float
        Largest acceleration beyond two bodies between two states (O18) [km/s^2]; by default None,
        that of a free orbit. A thruster that burns within a block needs more.
    """

    strict: bool
    lenient: bool
    known: Container[str] | None
    repair_covariance: bool
    max_acceleration_km_s2: float | None


TRAJECTORY_FORMATS = (
    TrajectoryFormat("OCM", re.compile(r"CCSDS_OCM_VERS|<(?:\w+:)?ocm[\s>]"), parse_ocm),
    TrajectoryFormat("OEM", re.compile(r"CCSDS_OEM_VERS|<(?:\w+:)?oem[\s>]"), parse_oem),
    TrajectoryFormat("ITC", re.compile(r"\A\s*created:"), parse_itc),
)


def read_trajectory(path: str | Path, **options: Unpack[ReadOptions]) -> TrajectoryRecord:
    """Read an ephemeris file, plain or compressed (gzip, xz, zstd); options: `ReadOptions`.

    Raises
    ------
    MessageError
        If it is in no known format, too large, or breaks a rule of its format.
    """
    text = read_text(Path(path), MAX_BYTES)
    return parse_trajectory(text, file=str(path), **options)


def parse_trajectory(
    text: str, *, file: str = "<text>", **options: Unpack[ReadOptions]
) -> TrajectoryRecord:
    """Read an ephemeris message of any known format; `file` is its name in findings."""
    head = text[:_HEAD]
    found = [
        (match.start(), form) for form in TRAJECTORY_FORMATS if (match := form.mark.search(head))
    ]
    if not found:
        names = ", ".join(form.name for form in TRAJECTORY_FORMATS)
        raise MessageError(
            f"{file}: found no ephemeris message; expected one of {names}, told by its first lines",
            file=file,
            given=head[:60],
            allowed=names,
        )
    _, form = min(found, key=lambda pair: pair[0])
    return form.parse(text, file=file, **options)
