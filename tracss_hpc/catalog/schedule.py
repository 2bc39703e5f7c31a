"""Routine conjunction assessment: handbook tables 3.2.1 (when) and 3.2.2 (whom against whom).

Data alone. Feeds the run kinds and the day's plan of routine runs.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "HAC_LEO",
    "ROUTINE_DETAILS",
    "ROUTINE_SCHEDULE",
    "RoutineDetail",
    "RoutineScreening",
    "is_hac_deep_space",
]

RoutineKind = Literal["all_vs_all", "payload_vs_all"]

#: Regimes of table 3.4.1 that table 3.2.2 calls "HAC LEO1-4".
HAC_LEO = ("LEO 1", "LEO 2", "LEO 3", "LEO 4")


class RoutineScreening(NamedTuple):
    """One row of table 3.2.1: run kind, start [hhmm UTC] in daylight saving and standard time."""

    kind: RoutineKind
    daylight_saving: str
    standard: str


class RoutineDetail(NamedTuple):
    """One row of table 3.2.2; every row's secondaries are all SP and all current OCMs."""

    kind: RoutineKind
    source: Literal["SP", "OCM"]  # ephemerides of the primaries
    payloads_only: bool
    table: Literal["HAC", "OCM"]  # whose volumes: table 3.4.1 or 3.4.2
    regimes: str  # as printed


#: Handbook table 3.2.1; each time may move by two hours (event-driven).
ROUTINE_SCHEDULE = (
    RoutineScreening("all_vs_all", "0130", "0230"),
    RoutineScreening("payload_vs_all", "0530", "0630"),
    RoutineScreening("payload_vs_all", "0930", "1030"),
    RoutineScreening("all_vs_all", "1330", "1430"),
    RoutineScreening("payload_vs_all", "1730", "1830"),
    RoutineScreening("payload_vs_all", "2130", "2230"),
)

#: Handbook table 3.2.2. Here GP element sets stand for the SP ephemerides.
ROUTINE_DETAILS = (
    RoutineDetail("payload_vs_all", "SP", True, "HAC", "HAC LEO1-4"),
    RoutineDetail("payload_vs_all", "OCM", False, "OCM", "OCM Near Earth"),
    RoutineDetail("payload_vs_all", "SP", True, "HAC", "HAC Deep Space"),
    RoutineDetail("payload_vs_all", "OCM", False, "OCM", "OCM Deep Space"),
    RoutineDetail("all_vs_all", "SP", False, "HAC", "HAC LEO1-4"),
    RoutineDetail("all_vs_all", "OCM", False, "OCM", "OCM Near Earth"),
    RoutineDetail("all_vs_all", "SP", False, "HAC", "HAC Deep Space"),
    RoutineDetail("all_vs_all", "OCM", False, "OCM", "OCM Deep Space"),
)


def is_hac_deep_space(regimes: ArrayLike) -> NDArray[np.bool_]:
    """Which regimes of table 3.4.1 table 3.2.2 calls "HAC Deep Space": all that are not LEO 1-4."""
    return ~np.isin(np.asarray(regimes, dtype=np.str_), HAC_LEO)
