"""SGP4 trajectories: the bits of twoline2rv, any order of questions, where a trajectory ends."""

from __future__ import annotations

import itertools
import lzma
from pathlib import Path

import numpy as np
import pytest
from sgp4.api import WGS72, Satrec

from tests.ephemeris.made_up_motion import made_up_trajectories
from tests.oracles.conjunctions import end_of
from tests.oracles.planted import START as PLANTED_START
from tests.oracles.planted_world import START, WINDOW_S, oracle_objects, planted_problem
from tests.reference.problems import usable_catalog
from tracss_hpc.ephemeris.gp import find_ends, make_trajectories
from tracss_hpc.epochs import julian_dates, parse_epoch

CATALOG = "catalogs/billgray_3le_2025-09-01.txt.xz"


def test_states_of_twoline2rv(shared_data: Path) -> None:
    start = parse_epoch("2025-09-01T12:00:00")
    catalog = usable_catalog([shared_data / CATALOG], start)
    with lzma.open(shared_data / CATALOG, "rt") as file:
        lines = file.read().splitlines()
    pairs = {
        a[2:7]: (a, b) for a, b in itertools.pairwise(lines)
        if a.startswith("1 ") and b.startswith("2 ")
    }  # fmt: skip
    rows = np.flatnonzero(catalog.designator < 100000)[::97]
    trajectories = make_trajectories(catalog.take(rows), start)
    t = np.array([0.0, 1.0, 4321.123, 86400.0, 432000.0])
    r, v, code = trajectories.states(np.arange(len(rows)), np.tile(t, (len(rows), 1)))
    jd, fr = julian_dates(start, t)
    assert len(rows) > 200
    for k, number in enumerate(catalog.designator[rows]):
        record = Satrec.twoline2rv(*pairs[f"{number:05}"], WGS72)
        error, position, velocity = record.sgp4_array(jd, fr)
        np.testing.assert_array_equal(code[k], error)
        good = error == 0
        assert np.abs(r[k] - position)[good].max(initial=0.0) < 1e-6, f"{number}: km"
        assert np.abs(v[k] - velocity)[good].max(initial=0.0) < 1e-9, f"{number}: km/s"


def test_states_in_any_order(rng: np.random.Generator) -> None:
    trajectories = planted_problem().trajectories
    rows = rng.integers(0, len(trajectories), 500)
    t = rng.uniform(0.0, 7000.0, (500, 3))
    r, v, code = trajectories.states(rows, t)
    for k in range(0, 500, 7):
        alone = trajectories.states(rows[k : k + 1], t[k : k + 1])
        for one, many in zip(alone, (r, v, code), strict=True):
            np.testing.assert_array_equal(one[0], many[k])
        jd, fr = julian_dates(START, t[k])
        error, position, _ = trajectories.records[rows[k]].sgp4_array(jd, fr)
        np.testing.assert_allclose(r[k], position, rtol=0, atol=1e-6)
        np.testing.assert_array_equal(code[k], error)
    single = trajectories.states(rows, t[:, 1])
    np.testing.assert_array_equal(single[0], r[:, 1])
    assert single[0].shape == (500, 3)


@pytest.mark.parametrize("shape", [(0,), (0, 3)])
def test_no_question_no_answer(shape: tuple[int, ...]) -> None:
    r, v, code = planted_problem().trajectories.states(np.empty(0, np.int64), np.empty(shape))
    assert r.shape == v.shape == (*shape, 3)
    assert code.shape == shape


def test_ends_are_located_to_the_second_whatever_the_span() -> None:
    trajectories = planted_problem().trajectories
    end, code = find_ends(trajectories, WINDOW_S)
    falling = np.flatnonzero(np.isfinite(end))
    assert len(falling) == 4
    assert (code[falling] > 0).all()
    assert (code[np.isinf(end)] == 0).all()
    for row in falling.tolist():
        assert end[row] == end_of(oracle_objects(), row, PLANTED_START, WINDOW_S)
    longer, _ = find_ends(trajectories, 4.0 * WINDOW_S)
    np.testing.assert_array_equal(longer[falling], end[falling])
    # Spans that end a second before, at, and after the end.
    one = falling[:1]
    for margin, found in ((-1.0, False), (0.0, True), (1.0, True), (500.0, True)):
        again, _ = find_ends(trajectories, end[one[0]] + margin, one)
        assert (again[0] == end[one[0]]) == found


class Diverging:
    """Stands for a Satrec that leaves the Earth without an error code, 5000 s after run start."""

    ecco, bstar = 0.1, 0.0

    def sgp4_array(self, jd: np.ndarray, fr: np.ndarray) -> tuple[np.ndarray, ...]:
        t = (jd - START.jd) * 86400.0 + (fr - START.fr) * 86400.0
        r = np.zeros((len(t), 3))
        r[:, 0] = np.where(t < 4999.999, 7000.0, 2e6)
        v = np.tile([0.0, 7.5, 0.0], (len(t), 1))
        return np.zeros(len(t), dtype=np.uint8), r, v


def test_divergence_without_a_code_ends_a_trajectory() -> None:
    trajectories = made_up_trajectories(START, [Diverging()], np.array([1e-3]))
    end, code = find_ends(trajectories, 20_000.0)
    assert end.tolist() == [5000.0]
    assert code.tolist() == [255]
