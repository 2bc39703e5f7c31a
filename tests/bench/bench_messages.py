"""Benchmark of messages: 10,000 CDMs of a run, each profile and format written and read back.

`make bench` prints process seconds; nothing is asserted about time. Messages are made from one
planted one: constant texts, full number columns, as those of a run. Then the command `cdm` checks
and converts a bundle of them.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from tests.messages.test_cdm_profiles import whole_table
from tracss_hpc.messages.cdm import CdmTable, make_cdm_table
from tracss_hpc.messages.cdm_read import parse_cdms
from tracss_hpc.messages.cdm_write import CDM_KINDS, format_bundle, format_cdms, split_kind
from tracss_hpc.runs.cdm_check import check_files
from tracss_hpc.runs.cdm_convert import convert_files

SIZE = 10_000


def table_of_a_run() -> CdmTable:
    """Numbers and identifiers differ in each message, other texts and epochs of the run do not."""
    rng = np.random.default_rng(1)
    one = whole_table(rng, 1, "ccsds-1.0").columns
    columns = {}
    for name, column in one.items():
        if column.dtype.kind == "f" and not np.isnan(column[0]) and column[0] != np.rint(column[0]):
            columns[name] = column[0] * rng.uniform(0.5, 1.0, SIZE)
        else:
            columns[name] = np.broadcast_to(column[0], SIZE)
    columns["MESSAGE_ID"] = np.array([f"{k:09d}_conj_000000005" for k in range(SIZE)])
    start = np.datetime64("2025-09-01T12:00:00", "us")
    columns["TCA"] = start + np.arange(SIZE) * np.timedelta64(8_640_001, "us")
    for k in (1, 2):
        columns[f"SAT{k}_OBJECT_NAME"] = np.array([f"OBJECT {j % 700}" for j in range(SIZE)])
    return make_cdm_table(columns, SIZE)


@pytest.mark.parametrize("kind", CDM_KINDS[4:])
def test_messages(kind: str) -> None:
    profile, form = split_kind(kind)
    table = table_of_a_run()
    mark = time.process_time()
    text = format_bundle(format_cdms(table, form, "operational", profile), form, profile)
    written = time.process_time() - mark
    mark = time.process_time()
    assert len(parse_cdms(text)) == SIZE
    read = time.process_time() - mark
    print(
        f"\n{SIZE:,} CDMs {kind:<16} write {written:.2f} s  read {read:.2f} s  "
        f"{len(text) / 1e6:.0f} MB",
        end="",
    )


@pytest.mark.parametrize("kind", ["ccsds-1.0.kvn", "tracss-2.1.json"])
def test_command(kind: str, tmp_path: Path) -> None:
    profile, form = split_kind(kind)
    path = tmp_path / f"cdms.{form}"
    texts = format_cdms(table_of_a_run(), form, "operational", profile)
    path.write_text(format_bundle(texts, form, profile), "utf-8", newline="")
    mark = time.process_time()
    text, _ = check_files([path])
    checked = time.process_time() - mark
    assert f"{SIZE} messages read" in text
    mark = time.process_time()
    convert_files([path], "ccsds-1.0.xml", tmp_path / "converted")
    converted = time.process_time() - mark
    print(f"\n{SIZE:,} CDMs {kind:<16} check {checked:.2f} s  convert {converted:.2f} s", end="")
