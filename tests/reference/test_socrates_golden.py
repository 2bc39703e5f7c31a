"""609 approaches under 5 km of 492 derelicts in 7 days, published by others: all, and none extra.

Source: github rawitner/conjunction_analysis. Its TCA is the root of dr . dv with SGP4's velocities,
truncated to the millisecond; ours is the minimum of the distance. SGP4's velocity errs by about
1 cm/s, which moves the root by 5 ms in the slowest case (17067 x 13113, 0.11 km/s) and by less than
a tenth of a millisecond else; one Newton step goes from one to the other. Screened through the
public path, as a user would: overrides of the configuration and `screen`.
"""

from __future__ import annotations

import csv
import lzma
from pathlib import Path

import numpy as np
import pytest

from tracss_hpc.epochs import parse_epoch
from tracss_hpc.export.hdf5 import read_results
from tracss_hpc.runs.run import screen

START = "2019-10-18T00:00:00"


def test_all_609_and_nothing_else(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "socrates"
    path = screen(
        overrides={
            "catalog.gp": [str(folder / "golden_2019-10-18_492objects.3le.xz")],
            "catalog.max_age_days": 1000.0,
            "run.start": START,
            "run.days": 7.0,
            "run.output": str(tmp_path / "golden"),
            "screening.volumes": {"shape": "ELLIPSOID", "r_km": 5.0, "t_km": 5.0, "n_km": 5.0},
            "export.cdm": [],
            "export.plots": False,
        }
    )
    with lzma.open(folder / "golden_2019-10-18_609events.csv.xz", "rt") as file:
        golden = list(csv.DictReader(file))
    assert len(golden) == 609
    start = parse_epoch(START)
    columns = read_results(path).groups["conjunctions"]
    pairs = np.sort(
        np.stack([columns["sat1_object_designator"], columns["sat2_object_designator"]], 1), axis=1
    )
    dr = np.stack([columns[f"sat1_relative_position_{x}"] for x in "rtn"], axis=1)
    dv = np.stack([columns[f"sat1_relative_velocity_{x}"] for x in "rtn"], axis=1)
    shift = (dr * dv).sum(axis=1) / (dv * dv).sum(axis=1)
    plain = 0
    free = {k: (int(a), int(b)) for k, (a, b) in enumerate(pairs)}
    for row in golden:
        key = tuple(sorted((int(row["NORAD_1"]), int(row["NORAD_2"]))))
        when = parse_epoch(row["TCA_UTC"].replace(" ", "T")).minus(start)
        near = [k for k, pair in free.items() if pair == key]
        k = min(near, key=lambda k: abs(columns["tca"][k] - when), default=-1)
        assert k >= 0, f"missed: {row}"
        late = columns["tca"][k] - when
        assert -1e-4 <= late - shift[k] <= 1.1e-3, row
        plain += -1e-4 <= late <= 1.1e-3
        assert columns["miss_distance"][k] == pytest.approx(1e3 * float(row["MISS_KM"]), abs=0.3)
        assert columns["relative_speed"][k] == pytest.approx(
            1e3 * float(row["RELSPEED_KMS"]), abs=1.0
        )
        del free[k]
    assert not free
    assert plain >= 608
