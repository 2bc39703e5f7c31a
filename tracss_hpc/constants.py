"""Physical constants, each with its source. Feeds every stage; imports nothing of ours.

Two gravity models live side by side and must not be mixed: WGS-72 is what SGP4 was fitted with
(it stays inside python-sgp4), WGS-84 is what the regime rule and altitudes use.
"""

from __future__ import annotations

__all__ = [
    "DAY_S",
    "MU_KM3_S2",
    "RE_KM",
    "WGS84_FLATTENING",
]

#: Length of the UTC day of the run's time scale [s]; leap seconds are ignored (they are logged).
DAY_S = 86400.0

#: Earth gravitational parameter [km^3/s^2], WGS-84 (NIMA TR8350.2, table 3.1).
MU_KM3_S2 = 398600.4418

#: Earth equatorial radius [km], WGS-84 (NIMA TR8350.2, table 3.1).
RE_KM = 6378.137

#: Flattening of the WGS-84 ellipsoid (NIMA TR8350.2, table 3.1: 1/298.257223563).
WGS84_FLATTENING = 1.0 / 298.257223563
