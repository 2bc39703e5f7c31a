"""A catalog as two-line element sets under new numbers, for programs that read nothing else.

Fed by a catalog; feeds the speed bench, which gives the same file to both screenings. Numbers are
1 to n in the order of the rows: a peer's events lead back to them, whatever designators it can
read. There are no name lines: a name such as "1 ABC" would pass for an element line.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tracss_hpc.catalog.catalog import Catalog, read_catalog
from tracss_hpc.epochs import Epoch, parse_epoch

__all__ = ["write_tle"]

_MOST = 99_999  # five digits


def write_tle(path: Path, catalog: Catalog) -> None:
    """Write the element sets of `catalog` as TLE, numbered from 1, and read them back.

    A catalog that came as TLE keeps every digit; from OMM the digits that a TLE has no room for are
    rounded.

    Raises
    ------
    ValueError
        If there are more objects than numbers, or the file does not give back every object.
    """
    if len(catalog) > _MOST:
        raise ValueError(f"{len(catalog)} objects: five digits number {_MOST} at most")
    with path.open("w", encoding="ascii") as file:
        for row in range(len(catalog)):
            file.write("\n".join(_lines(catalog, row)) + "\n")
    read = read_catalog([str(path)])
    if not np.array_equal(read.catalog.designator, np.arange(1, len(catalog) + 1)):
        raise ValueError(
            f"{path}: {len(catalog)} element sets written, {len(read.catalog)} read back; "
            f"first reason: {[*read.rejected.reason, 'their order'][0]}"
        )


def _lines(catalog: Catalog, row: int) -> tuple[str, str]:
    """Both lines of one object, with their checksums."""
    number = f"{row + 1:05d}"
    dot, ddot = catalog.mean_motion_dot[row], catalog.mean_motion_ddot[row]
    one = (
        f"1 {number}U 00001A   {_epoch(catalog, row)} {_fraction(dot)} {_power_of_ten(ddot)} "
        f"{_power_of_ten(catalog.bstar[row])} 0  999"
    )
    two = (
        f"2 {number} {catalog.inclination[row]:8.4f} {catalog.raan[row] % 360.0:8.4f} "
        f"{round(catalog.eccentricity[row] * 1e7):07d} {catalog.arg_perigee[row] % 360.0:8.4f} "
        f"{catalog.mean_anomaly[row] % 360.0:8.4f} {catalog.mean_motion[row]:11.8f}"
        f"{catalog.rev_at_epoch[row] % 100_000:5d}"
    )
    return one + _checksum(one), two + _checksum(two)


def _epoch(catalog: Catalog, row: int) -> str:
    """Year and day of the year, ``25244.50000000``."""
    # The day's fraction may round to 1: then the whole number rolls over with it.
    parts = round(float(catalog.epoch_fr[row]) * 1e8)
    midnight = Epoch(float(catalog.epoch_jd[row]) + parts // 10**8, 0.0)
    year = midnight.iso(0)[:4]
    day = round(midnight.jd - parse_epoch(f"{year}-01-01").jd) + 1
    return f"{year[2:]}{day:03d}.{parts % 10**8:08d}"


def _fraction(value: float) -> str:
    """Sign, point and eight digits: `` .00000043``."""
    return f"{'-' if value < 0.0 else ' '}{abs(value):.8f}".replace("0.", ".", 1)


def _power_of_ten(value: float) -> str:
    """Five digits after an assumed point and a power of ten: `` 31267-4`` is 0.31267e-4."""
    digits, _, power = f"{abs(value):.4e}".partition("e")
    exponent = int(power) + 1 if value else 0
    if exponent < -9:  # one digit of exponent: fewer significant digits
        digits, exponent = f"{abs(value) * 1e9:.5f}"[2:], -9
    return (
        f"{'-' if value < 0.0 else ' '}{digits.replace('.', '')}"
        f"{'-' if exponent <= 0 else '+'}{abs(exponent)}"
    )


def _checksum(line: str) -> str:
    return str(sum(int(c) if c.isdigit() else c == "-" for c in line) % 10)
