"""Every public CDM at hand against the table of what becomes of it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tracss_hpc.errors import MessageError
from tracss_hpc.messages.cdm_read import read_cdms

TABLE = Path(__file__).with_name("outcomes_cdm.csv")
ROWS = list(csv.DictReader(TABLE.read_text("utf-8").splitlines()))
FOLDERS = (
    "cdm", "cdm_cara", "cdm_cara_samples", "cdm_invalid", "cdm_public", "cdm_spacetrack_json",
    "tracss_api",
)  # fmt: skip


def test_table_names_every_file(shared_data: Path) -> None:
    found = {
        f"{folder}/{path.name}"
        for folder in FOLDERS
        for path in (shared_data / "messages" / folder).iterdir()
    }
    assert {row["file"] for row in ROWS} == found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["file"])
def test_outcome(shared_data: Path, row: dict[str, str]) -> None:
    path = shared_data / "messages" / row["file"]
    if row["outcome"] == "read":
        table = read_cdms(path)
        assert (table.profiles[0], len(table)) == (row["profile"], int(row["messages"]))
        return
    with pytest.raises(MessageError) as caught:
        read_cdms(path)
    error = caught.value
    assert f"{error.line} {error.key}".strip() == row["where"]
    assert row["reason"] in str(error)
    assert error.file == str(path)
