"""Published OCMs of others: what each is to us, by the table outcomes_ocm.csv.

Columns: file below the reference data, options, codes of the error in their order (blank: read),
codes of the warnings, and why.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from tracss_hpc.errors import MessageError
from tracss_hpc.messages.trajectory_files import read_trajectory

HERE = Path(__file__).parent
with (HERE / "outcomes_ocm.csv").open(newline="", encoding="utf-8") as _file:
    ROWS = list(csv.DictReader(_file))


@pytest.mark.parametrize("row", ROWS, ids=[f"{row['file']} {row['options']}" for row in ROWS])
def test_outcome(row: dict[str, str], shared_data: Path) -> None:
    lenient = row["options"] == "lenient"
    if not row["error"]:
        record = read_trajectory(shared_data / row["file"], lenient=lenient)
        assert " ".join(warning.code for warning in record.warnings) == row["warnings"]
        return
    with pytest.raises(MessageError) as caught:
        read_trajectory(shared_data / row["file"], lenient=lenient)
    assert re.findall(r": (O\d\d): ", str(caught.value)) == row["error"].split()


def test_every_file_has_a_row(shared_data: Path) -> None:
    files = [
        str(path.relative_to(shared_data))
        for pattern in ("messages/ocm/*", "messages/ocm_invalid/*", "ivv_ocm/*.ocm")
        for path in sorted(shared_data.glob(pattern))
    ]
    assert set(files) == {row["file"] for row in ROWS}
