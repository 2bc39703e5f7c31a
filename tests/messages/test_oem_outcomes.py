"""Every public sample of OEM, ITC, OPM, OMM, NDM, TLE, VCM and SOCRATES has its expected outcome.

The table `outcomes_oem.csv` says of each file which reader a user would give it to and whether it
is read; if not, the code of the error (`refused` where a format has no codes) and words of its
reason. Most OEM samples are orbits about Mars: a second row reads them with the centre renamed to
EARTH, to reach the fault behind.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tracss_hpc.catalog.catalog import read_catalog
from tracss_hpc.errors import InputDataError, MessageError
from tracss_hpc.messages.opm import parse_opm
from tracss_hpc.messages.source import read_text
from tracss_hpc.messages.trajectory_files import parse_trajectory, read_trajectory

TABLE = Path(__file__).parent / "outcomes_oem.csv"
FOLDERS = (
    "oem", "oem_invalid", "itc", "opm", "omm", "omm_invalid", "ndm", "tle", "vcm", "socrates",
)  # fmt: skip


def as_earth(path: Path) -> str:
    text = re.sub(r"(CENTER_NAME\s*[=>]\s*)MARS( BARYCENTER)?", r"\1EARTH", read_text(path))
    return f"read, {len(parse_trajectory(text, file=path.name).blocks)} blocks"


def as_trajectory(path: Path) -> str:
    return f"read, {len(read_trajectory(path).blocks)} blocks"


def as_opm(path: Path) -> str:
    return f"read, {len(parse_opm(read_text(path), file=path.name).manoeuvres)} manoeuvres"


def as_catalog(path: Path) -> str:
    return f"read, {len(read_catalog([path], strict=True).catalog)} sets"


READERS: dict[str, Callable[[Path], str]] = {
    "trajectory": as_trajectory,
    "trajectory, centre EARTH": as_earth,
    "opm": as_opm,
    "catalog": as_catalog,
}


def rows() -> list[dict[str, str]]:
    with TABLE.open(newline="") as file:
        return list(csv.DictReader(file))


def outcome(path: Path, reader: str) -> tuple[str, str]:
    try:
        return READERS[reader](path), ""
    except InputDataError as error:
        code = error.code if isinstance(error, MessageError) and error.code else "refused"
        return code, str(error)


def test_table_holds_every_sample(shared_data: Path) -> None:
    found = {
        f"{folder}/{path.name}"
        for folder in FOLDERS
        for path in (shared_data / "messages" / folder).iterdir()
    }
    assert found == {row["file"] for row in rows()}


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row['file']} as {row['reader']}")
def test_sample_has_its_outcome(row: dict[str, str], shared_data: Path) -> None:
    found, reason = outcome(shared_data / "messages" / row["file"], row["reader"])
    assert found == row["outcome"], reason
    assert row["reason"] in reason
