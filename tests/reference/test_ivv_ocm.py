"""Two events of the verification set of TraCSS (The Aerospace Corporation, CC0): OCMs and key.

39417 x 56347 passes at 5.8 km/s; 49071 x 49072 fly together at 0.59 m/s. The key prints states to
1 mm; the slices have them 65 s apart.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from tracss_hpc.cli import main
from tracss_hpc.ephemeris.tabulated import Trajectory
from tracss_hpc.messages.utc import parse_utc
from tracss_hpc.screening.tabulated_pair import find_pair_approaches

PAIRS = [("49071", "49072"), ("39417", "56347")]
TCA_S = {"49071": 1.0, "39417": 1e-5}  # co-moving objects have no sharp TCA
STATE_KM, STATE_KM_S, MISS_KM, SPEED_KM_S = 5e-6, 5e-9, 2e-7, 1e-9


def key_of(folder: Path, pair: tuple[str, str]) -> dict[str, str]:
    with (folder / "answer_key.csv").open(newline="") as file:
        return next(row for row in csv.DictReader(file) if (row["obj1"], row["obj2"]) == pair)


@pytest.mark.parametrize("pair", PAIRS, ids=" x ".join)
def test_key(pair: tuple[str, str], shared_data: Path) -> None:
    folder = shared_data / "ivv_ocm"
    key = key_of(folder, pair)
    tca = parse_utc(key["epoch"].replace(" ", "T"))
    both = [Trajectory.from_file(folder / f"{name}.ocm", lenient=True) for name in pair]
    for k, trajectory in enumerate(both, start=1):
        r, v = trajectory.state(tca)
        assert np.abs(r - [float(key[f"{c}{k}"]) for c in "xyz"]).max() < STATE_KM
        assert np.abs(v - [float(key[f"v{c}{k}"]) for c in "xyz"]).max() < STATE_KM_S
    found = find_pair_approaches(*both)
    assert found.t.size == 1
    assert abs(found.epoch.plus(float(found.t[0])).minus(tca)) < TCA_S[pair[0]]
    assert abs(found.miss_km[0] - float(key["min_range"])) < MISS_KM
    assert abs(found.relative_speed_km_s[0] - float(key["Vrel"])) < 1e-7 + SPEED_KM_S
    if pair[0] == "39417":  # of the slow pair RTN belongs to the TCA, which is 0.24 s off
        for k in (0, 1):
            local = [float(key[f"local_{c}{k + 1}"]) for c in "xyz"]
            assert np.abs(found.relative_r[k][0] - local).max() < MISS_KM


def test_by_one_command(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shared_data / "ivv_ocm"
    files = [str(folder / f"{name}.ocm") for name in PAIRS[1]]
    assert main(["pair", *files, "--lenient"]) == 0
    text = capsys.readouterr().out
    assert "TCA        2025-01-01T12:13:17.941042 UTC" in text
    assert "miss distance                         4005.6249 m" in text
    assert main(["pair", *files]) == 3
    assert "O13: useable span outside the data" in capsys.readouterr().err
