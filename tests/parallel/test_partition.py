"""Work units: every instant of every span belongs to exactly one, whatever the slice."""

from __future__ import annotations

import inspect
import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tracss_hpc.parallel.partition import make_units

DAY = 86400.0


@settings(max_examples=200, deadline=None)
@given(
    days=st.lists(st.floats(0.01, 10.0), min_size=1, max_size=8),
    leo=st.lists(st.booleans(), min_size=8, max_size=8),
    slice_hours=st.floats(0.25, 240.0),
)
def test_units_cover_every_span_once(
    days: list[float], leo: list[bool], slice_hours: float
) -> None:
    span = np.array(days) * DAY
    is_leo = np.array(leo[: len(days)])
    units = make_units(span, is_leo, slice_hours * 3600.0)
    assert [u.number for u in units] == list(range(len(units)))
    assert units[0].start_s == 0.0
    assert units[-1].stop_s == np.ceil(span.max())
    for before, after in itertools.pairwise(units):
        assert before.stop_s == after.start_s
    for unit in units:
        assert 0.0 < unit.stop_s - unit.start_s <= slice_hours * 3600.0 + 1.0
        assert unit.start_s == round(unit.start_s)
        # Nobody's span ends inside a unit, and the group says whether LEO objects still catch.
        ends = np.ceil(span)
        assert not ((ends > unit.start_s) & (ends < unit.stop_s)).any()
        catching = (is_leo & (span > unit.start_s)).any()
        assert unit.group == ("all pairs" if catching else "non-LEO")


def test_handbook_spans_make_two_groups() -> None:
    units = make_units(np.array([5.0, 10.0]) * DAY, np.array([True, False]), 6 * 3600.0)
    assert [u.group for u in units] == ["all pairs"] * 20 + ["non-LEO"] * 20
    assert {u.stop_s - u.start_s for u in units} == {21600.0}


def test_nothing_to_screen_makes_no_units() -> None:
    assert make_units(np.empty(0), np.empty(0, dtype=bool), 3600.0) == []


def test_units_know_nothing_of_ranks() -> None:
    assert list(inspect.signature(make_units).parameters) == ["span_s", "is_leo", "slice_s"]
