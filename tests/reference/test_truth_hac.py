"""Every conjunction of 28,488 real objects in six hours, against a brute-force search by others.

The truth file was made by direct SGP4 on a 10 s grid, all pairs within reach, no filter. It sees
no minimum in the last step of its window. Tolerances: the exactness contract of the screening.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.reference.problems import make_problem, usable_catalog
from tracss_hpc.epochs import parse_epoch
from tracss_hpc.screening.criteria import inside_volume, to_rtn
from tracss_hpc.screening.time_slice import screen_slice

WINDOW_S = 6 * 3600.0
FACE_KM = 1e-3
GRID_S = 10.0  # of the truth file


def test_six_hours_of_the_whole_catalog(shared_data: Path) -> None:
    start = parse_epoch("2025-09-01T12:00:00")
    catalog = usable_catalog([shared_data / "catalogs/billgray_3le_2025-09-01.txt.xz"], start)
    problem = make_problem(catalog, start, WINDOW_S)
    result = screen_slice(problem, 0.0, WINDOW_S)
    c = result.conjunctions
    assert result.error_km.max() < 1e-3  # of the segments against SGP4 [km]

    ignored = np.loadtxt(shared_data / "truth/ignore_ids.txt", dtype=np.int64)
    with np.load(shared_data / "truth/hac_2025-09-01_6h.npz") as file:
        truth = file["events"]
    truth = truth[~(np.isin(truth["sat1"], ignored) | np.isin(truth["sat2"], ignored))]
    d1, d2 = catalog.designator[c.object1], catalog.designator[c.object2]
    kept = ~(np.isin(d1, ignored) | np.isin(d2, ignored))
    ours: dict[tuple[int, int], list[int]] = {}
    for k in np.flatnonzero(kept).tolist():
        ours.setdefault((int(min(d1[k], d2[k])), int(max(d1[k], d2[k]))), []).append(k)

    t = c.tca_us / 1e6
    dr = c.state2[:, :3] - c.state1[:, :3]
    rtn1, rtn2 = to_rtn(c.state1, dr), to_rtn(c.state2, -dr)
    miss = np.linalg.norm(dr, axis=1)
    used: set[int] = set()
    missed, wrong = [], []
    for row in truth:
        key = int(min(row["sat1"], row["sat2"])), int(max(row["sat1"], row["sat2"]))
        slow = row["vrel_km_s"] <= 0.1
        tolerance = max(1e-3, 0.01 / row["vrel_km_s"]) if slow else 1e-3
        near = [k for k in ours.get(key, []) if k not in used]
        k = min(near, key=lambda k: abs(t[k] - row["t"]), default=-1)
        if k < 0 or abs(t[k] - row["t"]) > max(1.0, tolerance):
            if row["in1"] or row["in2"]:
                missed.append(row)
            continue
        used.add(k)
        same = int(d1[k]) == int(row["sat1"])
        rtn = np.concatenate([(rtn1, rtn2)[not same][k], (rtn1, rtn2)[same][k]])
        listed = np.array([row[x] for x in ("r1", "t1", "n1", "r2", "t2", "n2")])
        # A slow pair drifts along at its TCA tolerance times its relative speed: 10 m.
        component_km = 0.02 if slow else 1e-3
        if (
            abs(t[k] - row["t"]) > tolerance
            or abs(miss[k] - row["miss_km"]) > 1e-3
            or np.abs(rtn - listed).max() > component_km
        ):
            wrong.append((row, t[k], miss[k], rtn))
    assert not missed
    assert not wrong
    assert len(used) > 13_000

    extra = np.array(sorted({k for rows in ours.values() for k in rows} - used), dtype=np.int64)
    extra = extra[(t[extra] >= 0.5 * GRID_S) & (t[extra] <= WINDOW_S - 0.5 * GRID_S)]
    deep = inside_volume(rtn1[extra], problem.volumes, c.object1[extra], margin_km=-FACE_KM)
    deep |= inside_volume(rtn2[extra], problem.volumes, c.object2[extra], margin_km=-FACE_KM)
    assert not deep.any(), list(zip(d1[extra], d2[extra], t[extra], strict=True))
