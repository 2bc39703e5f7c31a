"""Rate of the OCM reader and writer: five days at 60 s with covariance, one and a hundred of them.

    make bench, or  pytest -s -o python_files='bench_*.py' tests/bench/bench_ocm.py

CPU seconds of this process; nothing is asserted about time. A message has 7,211 states and as many
covariances, 195,000 numbers of 17 digits, 2.8 MB. Wanted: 0.15 s for one, 15 s for a hundred files.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from tests.messages.ocm_samples import record_contents
from tracss_hpc.catalog.population import reference_population
from tracss_hpc.ephemeris.gp_record import gp_record
from tracss_hpc.ephemeris.tabulated import Trajectory
from tracss_hpc.epochs import Epoch
from tracss_hpc.messages.ocm import parse_ocm
from tracss_hpc.messages.ocm_write import OCM_FORMATS, format_ocm
from tracss_hpc.messages.trajectory_files import read_trajectory
from tracss_hpc.messages.utc import parse_utc

MANY = 100


@pytest.fixture(scope="module")
def week() -> Trajectory:
    """Five days of an object of the synthetic catalog."""
    one = reference_population().take([1000])
    record = gp_record(
        one, Epoch(float(one.epoch_jd[0]), 0.0), duration_s=5 * 86400.0, step_s=60.0,
        creation_date=parse_utc("2025-09-01T00:00:00"), classification="bench",
    )  # fmt: skip
    return Trajectory.from_record(record)


@pytest.mark.parametrize("notation", OCM_FORMATS)
def test_one(notation: str, week: Trajectory) -> None:
    begin = time.process_time()
    text = format_ocm(week.record, notation)  # type: ignore[arg-type]
    written = time.process_time() - begin
    best = np.inf
    for _ in range(5):
        begin = time.process_time()
        record = parse_ocm(text)
        best = min(best, time.process_time() - begin)
    assert record_contents(record) == record_contents(week.record)
    print(f"\n{notation}: {len(text) / 1e6:.1f} MB, written {written:.3f} s, read {best:.3f} s")


def test_a_hundred_files(week: Trajectory, tmp_path: Path) -> None:
    path = tmp_path / "a.ocm"
    path.write_text(format_ocm(week.record))
    begin = time.process_time()
    for _ in range(MANY):
        read_trajectory(path)
    print(f"\n{MANY} files of KVN: {time.process_time() - begin:.1f} s")


def test_states_and_covariances(week: Trajectory) -> None:
    t = np.linspace(0.0, week.duration_s, 100_000)
    begin = time.process_time()
    week.state(t)
    middle = time.process_time()
    week.covariance(t[::100])
    end = time.process_time()
    states, covariances = middle - begin, end - middle
    print(f"\n{t.size} states {states:.3f} s, {t.size // 100} covariances {covariances:.3f} s")
