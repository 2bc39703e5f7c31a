"""Twenty conjunctions published by SOCRATES Plus, from the GP sets published with them.

Printed there: TCA to 1 ms, range to 1 m, relative speed to 1 m/s; half a unit is allowed for that.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.reference.problems import make_problem
from tracss_hpc.catalog.catalog import read_catalog
from tracss_hpc.catalog.volumes import uniform_volume
from tracss_hpc.epochs import parse_epoch
from tracss_hpc.screening.time_slice import screen_slice

START = parse_epoch("2026-03-09T18:00:00")
WINDOW_S = 7 * 86400.0
FOLDER = "socrates/top20_run_2026-03-09T18"


@pytest.mark.parametrize("notation", ["json", "csv"])
def test_published_conjunctions(shared_data: Path, notation: str) -> None:
    folder = shared_data / FOLDER
    published = json.loads((folder / "socrates_top20_maxProb.json").read_text())["conjunctions"]
    assert len(published) == 20
    worst = np.zeros(3)
    for item in published:
        file = folder / Path(item["gp_file"]).with_suffix(f".{notation}").name
        catalog = read_catalog([str(file)]).catalog
        assert sorted(catalog.designator) == sorted([item["obj1_norad"], item["obj2_norad"]])
        volumes = uniform_volume(len(catalog), "ELLIPSOID", 5.0, 5.0, 5.0, 7.0)
        problem = make_problem(catalog, START, WINDOW_S, volumes)
        tca = parse_epoch(item["tca"]).minus(START)
        first = np.floor(tca / 3600.0) * 3600.0
        c = screen_slice(problem, first, first + 3600.0).conjunctions
        assert len(c), item
        k = int(np.argmin(np.abs(c.tca_us / 1e6 - tca)))
        d = c.state2[k] - c.state1[k]
        miss, speed = np.linalg.norm(d[:3]), np.linalg.norm(d[3:])
        error = np.abs(
            [c.tca_us[k] / 1e6 - tca, miss - item["min_range_km"], speed - item["rel_speed_kms"]]
        )
        worst = np.maximum(worst, error)
    # Half a printed unit more than TCA 0.5 ms and range 0.5 m.
    assert worst[0] <= 0.5e-3 + 0.5e-3
    assert worst[1] <= 0.5e-3 + 0.5e-3
    assert worst[2] <= 1e-3
