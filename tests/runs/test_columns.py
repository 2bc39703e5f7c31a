"""Columns of conjunctions: the order of the file, and no trace of the blocks they are made in."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from tests.oracles import planted
from tracss_hpc.config import Assess, resolve
from tracss_hpc.ephemeris.covariance import covariance_table
from tracss_hpc.runs import columns as columns_module
from tracss_hpc.runs.columns import conjunction_columns, sort_conjunctions
from tracss_hpc.runs.problem import RunInput, build_problem, read_input
from tracss_hpc.screening.time_slice import Conjunctions, screen_slice


@pytest.fixture(scope="module")
def found() -> tuple[RunInput, Conjunctions]:
    """Two hours of the planted catalog."""
    words = [f'catalog.gp=["{planted.FILE}"]', f"run.start={planted.START}", "run.days=0.5"]
    run_input = read_input(resolve(None, words))
    return run_input, screen_slice(build_problem(run_input), 0.0, 7200.0).conjunctions


def take(conjunctions: Conjunctions, rows: np.ndarray) -> Conjunctions:
    return Conjunctions(*(getattr(conjunctions, f.name)[rows] for f in fields(Conjunctions)))


@pytest.mark.parametrize("block", [1, 7, 10_000])
def test_blocks_do_not_show(
    found: tuple[RunInput, Conjunctions], monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    run_input, conjunctions = found
    assert 20 < len(conjunctions) < 10_000
    expected = conjunction_columns(run_input, conjunctions, covariance_table(), Assess())
    monkeypatch.setattr(columns_module, "_BLOCK_ROWS", block)
    columns = conjunction_columns(run_input, conjunctions, covariance_table(), Assess())
    assert list(columns) == list(expected)
    for name, column in columns.items():
        assert column.dtype == expected[name].dtype
        np.testing.assert_array_equal(column, expected[name], err_msg=name)


def test_no_conjunctions_have_all_columns(found: tuple[RunInput, Conjunctions]) -> None:
    run_input, conjunctions = found
    none = conjunction_columns(
        run_input, take(conjunctions, np.arange(0)), covariance_table(), Assess()
    )
    some = conjunction_columns(run_input, conjunctions, covariance_table(), Assess())
    assert {n: (c.dtype, c.shape[1:]) for n, c in none.items()} == {
        n: (c.dtype, c.shape[1:]) for n, c in some.items()
    }
    assert all(len(column) == 0 for column in none.values())


def test_order_of_the_file(found: tuple[RunInput, Conjunctions], rng: np.random.Generator) -> None:
    """By TCA, then by designators, which need not stand in the order of the rows."""
    run_input, conjunctions = found
    tied = take(conjunctions, np.repeat(np.arange(len(conjunctions)), 2))
    tied.tca_us[:] = tied.tca_us // 600_000_000 * 600_000_000
    shuffled = take(tied, rng.permutation(len(tied)))
    columns = conjunction_columns(
        run_input, sort_conjunctions(run_input, shuffled), covariance_table(), Assess()
    )
    keys = ("tca", "sat1_object_designator", "sat2_object_designator")
    rows = list(zip(*(columns[key].tolist() for key in keys), strict=True))
    assert rows == sorted(rows)
    assert len({row[0] for row in rows}) < len(rows) // 2
