"""Benchmarks of the main job: stages of one six-hour slice, messages, risk metrics, reading.

`make bench` prints user CPU seconds, rates and peak memory. Nothing is asserted about time: read
the ratios within one run. Data: the reference population, so anyone can run it.
"""

from __future__ import annotations

import resource
import time
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from tracss_hpc.assess.risk import fill_nc2d
from tracss_hpc.catalog.catalog import read_catalog
from tracss_hpc.catalog.population import START, reference_population
from tracss_hpc.config import resolve
from tracss_hpc.ephemeris.covariance import covariance_table
from tracss_hpc.export.cdm import write_cdms
from tracss_hpc.export.hdf5 import read_results
from tracss_hpc.report.figures import draw_all, save_figures
from tracss_hpc.runs.columns import conjunction_columns
from tracss_hpc.runs.export import run_facts
from tracss_hpc.runs.problem import build_problem, read_input
from tracss_hpc.runs.risk import risk_settings
from tracss_hpc.runs.run import run_screening
from tracss_hpc.screening.time_slice import Conjunctions, screen_slice


def _report(name: str, cpu_s: float, **figures: float) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    text = "  ".join(f"{key} {value:,.4g}" for key, value in figures.items())
    print(f"\n{name:<34}{cpu_s:>8.2f} CPU-s  {text}  peak {peak:,.0f} MB", end="")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hours of the reference population, without messages and pictures."""
    folder = tmp_path_factory.mktemp("bench") / "run"
    words = [f"run.start={START.iso()}", "run.days=0.0833", f"run.output={folder}"]
    config = resolve(
        None, [*words, "export.cdm=[]", "export.plots=false", "audit.max_pair_steps=0"]
    )
    run_screening(config)
    return folder / "results.h5"


def test_slice_of_six_hours() -> None:
    problem = build_problem(read_input(resolve(None, [f"run.start={START.iso()}"])))
    mark = time.process_time()
    result = screen_slice(problem, 0.0, 6 * 3600.0)
    total = time.process_time() - mark
    for stage, cpu_s in result.cpu_s.items():
        _report(f"6 h, {len(problem.trajectories):,} objects: {stage}", cpu_s)
    counts = result.counts
    _report(
        "6 h: all of it",
        total,
        pair_tests_per_s=counts["pairs_tested"] / result.cpu_s["search"],
        conjunctions=counts["conjunctions"],
    )


@pytest.mark.parametrize("form", ["kvn", "json", "xml", "csv"])
def test_hundred_thousand_messages(form: str, results: Path, tmp_path: Path) -> None:
    read = read_results(results)
    rows = np.resize(np.arange(len(read.conjunctions["tca"])), 100_000)
    mark, wall = time.process_time(), time.perf_counter()
    facts = run_facts(read, resolve(None))
    paths = write_cdms(tmp_path, read.objects, read.conjunctions, facts, rows=rows, formats=[form])
    _report(
        f"100,000 CDMs as {form}",
        time.process_time() - mark,
        wall_s=time.perf_counter() - wall,
        MB=paths[0].stat().st_size / 1e6,
    )


def test_pictures(results: Path, tmp_path: Path) -> None:
    read = read_results(results)
    rows = np.resize(np.arange(len(read.conjunctions["tca"])), 300_000)
    conjunctions = {name: column[rows] for name, column in read.conjunctions.items()}
    mark = time.process_time()
    save_figures(draw_all(read.objects, conjunctions, START.iso(), "bench"), tmp_path)
    _report("five pictures of 300,000 rows", time.process_time() - mark)


def test_risk_columns(results: Path) -> None:
    """Rows of a run, resampled to 300,000: all columns, Nc2D aside, then Nc2D of the rows once."""
    config = resolve(None, [f"run.start={START.iso()}"])
    run_input = read_input(config)
    problem = build_problem(run_input)
    found = screen_slice(problem, 0.0, 1800.0).conjunctions
    rows = np.resize(np.arange(len(found)), 300_000)
    many = Conjunctions(*(getattr(found, f.name)[rows] for f in fields(Conjunctions)))
    mark = time.process_time()
    conjunction_columns(run_input, many, covariance_table(), config.assess)
    cpu_s = time.process_time() - mark
    _report("risk columns of 300,000 rows", cpu_s, us_per_row=cpu_s / 300_000 * 1e6)
    columns = conjunction_columns(run_input, found, covariance_table(), config.assess)
    mark = time.process_time()
    fill_nc2d(columns, found.state1, found.state2, risk_settings(config.assess))
    cpu_s = time.process_time() - mark
    asked = int(np.isin(columns["nc2d_status"], (0, 1, 2, 3)).sum())
    _report(f"Nc2D of {asked} rows", cpu_s, ms_per_row=cpu_s / max(asked, 1) * 1e3)


def test_reading(tmp_path: Path) -> None:
    """30,000 OMM records of three objects under many numbers."""
    header = (
        "OBJECT_NAME,OBJECT_ID,EPOCH,MEAN_MOTION,ECCENTRICITY,INCLINATION,RA_OF_ASC_NODE,"
        "ARG_OF_PERICENTER,MEAN_ANOMALY,EPHEMERIS_TYPE,CLASSIFICATION_TYPE,NORAD_CAT_ID,"
        "ELEMENT_SET_NO,REV_AT_EPOCH,BSTAR,MEAN_MOTION_DOT,MEAN_MOTION_DDOT\n"
    )
    row = (
        "SYN-{0} DEB,2020-001A,2025-09-01T06:00:00.123456,14.5,.001,98.1,10,20,30,0,U,{0},"
        "999,1,1E-4,0,0\n"
    )
    path = tmp_path / "gp.csv"
    path.write_text(header + "".join(row.format(100001 + i) for i in range(30_000)))
    mark = time.process_time()
    catalog = read_catalog([path]).catalog
    _report(f"read {len(catalog):,} records", time.process_time() - mark)


def test_reference_population() -> None:
    mark = time.process_time()
    catalog = reference_population()
    _report(f"draw {len(catalog):,} objects", time.process_time() - mark)
