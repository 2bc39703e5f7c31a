"""Whole runs of the planted catalog: what may not change the digest, and the lesser groups."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.oracles import planted
from tests.oracles.conjunctions import box_depth
from tests.oracles.planted_world import oracle_minima, oracle_objects
from tracss_hpc.config import FILTERS
from tracss_hpc.export.digest import digest_file, first_difference
from tracss_hpc.export.hdf5 import Results, read_results
from tracss_hpc.runs.run import screen

Run = Callable[..., Path]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """``run(name, {key: value})``: one run of the planted catalog, no messages, no pictures."""
    return lambda name, overrides: run_into(tmp_path / name, overrides)


def run_into(folder: Path, overrides: dict[str, object]) -> Path:
    standard = {
        "catalog.gp": [str(planted.FILE)],
        "run.start": planted.START,
        "run.days": 0.5,
        "run.output": str(folder),
        "export.cdm": [],
        "export.plots": False,
    }
    return screen(overrides={**standard, **overrides})


@pytest.fixture(scope="module")
def plain_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_into(tmp_path_factory.mktemp("plain") / "run", {})


@pytest.fixture(scope="module")
def plain(plain_path: Path) -> Results:
    return read_results(plain_path)


@pytest.mark.parametrize(
    "overrides",
    [
        {"screening.slice_hours": 1.0},
        {"screening.slice_hours": 12.0},
        {"screening.step_s": 30.0},
        {"screening.step_s": 120.0},
        {"screening.segment_s": 720.0},
        {"screening.segment_s": 2000.0},
        *({"screening.disable": [name]} for name in FILTERS),
        {"screening.engine": "brute"},
        {"export.compression": "none"},
    ],
    ids=str,
)
def test_digest_stays(plain_path: Path, run: Run, overrides: dict[str, object]) -> None:
    path = run("other", overrides)
    assert first_difference(plain_path, path) == ""
    assert digest_file(path) == digest_file(plain_path)


def test_digest_is_not_blind(plain_path: Path, run: Run) -> None:
    path = run("other", {"run.days": 0.45})
    assert digest_file(path) != digest_file(plain_path)
    path = run("third", {"run.seed": 2})
    assert "audit" in first_difference(plain_path, path)


def test_a_longer_run_only_adds_rows(plain: Results, run: Run) -> None:
    longer = read_results(run("longer", {"run.days": 0.75})).groups["conjunctions"]
    short = plain.groups["conjunctions"]
    n = len(short["tca"])
    assert len(longer["tca"]) > n
    for name, column in short.items():
        np.testing.assert_array_equal(longer[name][:n], column, err_msg=name)


def test_rows_are_those_of_the_oracle(plain: Results) -> None:
    objects = oracle_objects()
    deep = [e for e in oracle_minima() if max(box_depth(e, objects)) > 1e-3]
    any_ = [e for e in oracle_minima() if max(box_depth(e, objects)) > -1e-3]
    rows = plain.groups["conjunctions"]
    assert len(deep) <= len(rows["tca"]) <= len(any_)
    ids = sorted({i for e in deep for i in (objects.ids[e.i], objects.ids[e.j])})
    assert set(ids) <= {
        *rows["sat1_object_designator"].tolist(), *rows["sat2_object_designator"].tolist()
    }  # fmt: skip
    assert min(ids) >= planted.FIRST_ID  # nine digits survive


def test_docked_objects_are_listed_and_have_no_record(plain: Results) -> None:
    names = oracle_objects().names
    dock = [k for k, name in enumerate(names) if " DOCK " in name]
    assert len(dock) == 3
    pairs = plain.groups["colocated"]
    assert list(zip(pairs["object1"], pairs["object2"], strict=True)) == [
        (dock[0], dock[1]), (dock[0], dock[2]), (dock[1], dock[2])
    ]  # fmt: skip
    rows = plain.groups["conjunctions"]
    assert not (np.isin(rows["object1"], dock) & np.isin(rows["object2"], dock)).any()
    # Their visitor meets each of the three at the same times.
    chaser = next(k for k, name in enumerate(names) if "CHASER" in name)
    times = []
    for k in dock:
        pair = (rows["object1"] == k) & (rows["object2"] == chaser)
        pair |= (rows["object1"] == chaser) & (rows["object2"] == k)
        times.append(rows["tca"][pair].tolist())
    assert len(times[0]) > 2
    assert times[0] == times[1] == times[2]


def test_pairs_still_closing_at_the_end_are_listed(plain: Results) -> None:
    closing = plain.groups["audit/closing_at_end"]
    at_end = closing["time"] == planted.WINDOW_S
    assert at_end.any()
    assert (closing["range_rate"] < 0.0).all()
    # Nothing that is not slow stays within a volume long enough to be still in it, but the four
    # that fall: their pairs end with them.
    names = oracle_objects().names
    for a, b in zip(closing["object1"][at_end], closing["object2"][at_end], strict=True):
        kinds = {names[k].split()[1].rstrip("0123456789") for k in (a, b)}
        assert len(kinds) == 1 or kinds == {"DOCK", "CHASER"}


def test_decayed_objects_are_listed_with_their_time(plain: Results) -> None:
    objects = plain.groups["objects"]
    ended = objects["status"] != "ok"
    assert ended.sum() == 4
    assert all("FALL" in name for name in objects["object_name"][ended])
    # SGP4 gives up on an orbit below 0.95 radii (1) or finds it below ground (6), as it comes.
    assert set(objects["status"][ended]) <= {"decayed", "sgp4_error_1"}
    assert (np.diff(np.sort(objects["status_time"][ended])) > 3600.0).all()


def test_the_audit_found_and_missed_nothing(plain: Results) -> None:
    attributes = plain.group_attributes["audit"]
    assert attributes["found"] > 100
    assert attributes["missed"] == 0
    assert attributes["invented"] == 0
    assert attributes["recall_bound_95"] == pytest.approx(1.0 - 3.0 / attributes["found"])
