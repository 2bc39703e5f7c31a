"""Monte Carlo against Foster, CARA and Alfano; the same hits on one and three ranks."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.assess.full_covariances import read_alfano, read_full_responses
from tests.assess.reference_rows import Pairs, read_rows
from tests.assess.test_nc2d import FLAGGED, crossing, event
from tracss_hpc.assess.encounter import find_encounters
from tracss_hpc.assess.monte_carlo import BATCH_SAMPLES, sample_pair, stream
from tracss_hpc.assess.nc2d import nc2d_hall
from tracss_hpc.assess.probability import foster_1992
from tracss_hpc.runs.monte_carlo import MonteCarlo, run_monte_carlo

Launch = Callable[..., subprocess.CompletedProcess[str]]
FAST = ("000025994_conj_000037558", "000037849_conj_000013512", "000032060_conj_000044396")
SAMPLES = {"1": 65_536, "2": 65_536, "3": 65_536, "5": 65_536, "7": 200_000, "9": 8_192,
           "11": 65_536}  # fmt: skip

PROGRAM = """
import json, sys
import numpy as np
from tracss_hpc.assess.monte_carlo import sample_pair, stream
from tracss_hpc.parallel.comm import rank_size
from tracss_hpc.parallel.launch import communicator
from tracss_hpc.runs.monte_carlo import run_monte_carlo

case = json.load(open(sys.argv[1]))
comm = communicator()
pair = sample_pair(*(np.array(a) for a in case["pair"]), case["hbr"])
key, window = stream(1, case["name"]), tuple(case["window"])
result = run_monte_carlo(pair, key, window, case["samples"], comm=comm)
rank, size = rank_size(comm)
open(f"{sys.argv[1]}.{size}.{rank}", "w").write(json.dumps(vars(result)))
"""


def sample(
    pairs: Pairs, hbr_km: float, window: tuple[float, float], samples: int, name: str
) -> MonteCarlo:
    pair = sample_pair(*(a[0] for a in pairs), hbr_km)
    return run_monte_carlo(pair, stream(1, name), window, samples)


def deviation(result: MonteCarlo, expected: float, trials: float = math.inf) -> float:
    """Difference from an expected probability, itself counted in `trials`, in sigmas."""
    variance = expected * (1.0 - expected) * (1.0 / result.samples + 1.0 / trials)
    return (result.probability - expected) / math.sqrt(variance)


@pytest.mark.parametrize("name", FAST)
def test_fast_encounters_are_foster(shared_data: Path, name: str) -> None:
    pairs, row = event(shared_data / "pc", name)
    hbr = float(row["HBR_m"]) * 1e-3
    window = tuple(nc2d_hall(*pairs, [hbr]).window_s()[0])
    result = sample(pairs, hbr, window, 200_000, name)
    assert result.samples == -(-200_000 // BATCH_SAMPLES) * BATCH_SAMPLES
    assert result.hits > 1000
    assert result.lower < result.probability < result.upper
    assert abs(deviation(result, float(foster_1992(find_encounters(*pairs, [hbr]))[0]))) < 4.0


def test_crossing_orbits_without_data() -> None:
    pairs, hbr = crossing(), 0.05
    window = tuple(nc2d_hall(*pairs, [hbr]).window_s()[0])
    result = sample(pairs, hbr, window, 400_000, "crossing")
    assert result.hits > 100
    assert not result.repaired
    assert abs(deviation(result, float(foster_1992(find_encounters(*pairs, [hbr]))[0]))) < 4.0


def test_common_density_error(shared_data: Path) -> None:
    """An event whose probability the shared error of density raises 2.5 times."""
    pairs, row = event(shared_data / "pc", "000028485_conj_000044777")
    responses = read_full_responses(shared_data / "pc" / "cdm" / f"{row['Conjunction_ID']}.cdm")
    hbr = float(row["HBR_m"]) * 1e-3
    window = tuple(nc2d_hall(*pairs, [hbr]).window_s()[0])
    pair = sample_pair(*(a[0] for a in pairs), hbr, responses_km=(responses[0][0], responses[1][0]))
    result = run_monte_carlo(pair, stream(1, "density"), window, 200_000)
    assert float(row["own_DCP_ratio"]) > 2.4
    assert abs(deviation(result, float(row["own_Pc2D_DCP"]))) < 4.0


@pytest.mark.parametrize("case", sorted(SAMPLES))
def test_alfano(shared_data: Path, case: str) -> None:
    """Counted from the begin of the window on, with pairs that are already inside."""
    folder = shared_data / "pc"
    pairs, hbr = read_alfano(folder)[case]
    row = next(r for r in read_rows(folder / "alfano2009_own_mc.csv") if r["case"] == case)
    half = float(row["window_s"].lstrip("+-"))
    result = sample(pairs, hbr, (-half, half), SAMPLES[case], f"Alfano {case}")
    assert abs(deviation(result, float(row["own_MC"]), int(row["trials"]))) < 4.0
    if case in ("1", "2", "3", "5", "7"):
        assert abs(deviation(result, float(row["CARA_MC"]), 1e8)) < 4.0


@pytest.mark.parametrize("name", FLAGGED)
def test_flagged_events_on_one_and_three_ranks(
    shared_data: Path, mpirun: Launch, tmp_path: Path, name: str
) -> None:
    """CARA's own Monte Carlo within 4 sigma, where the 2-D probability is 19 orders or half off."""
    pairs, row = event(shared_data / "pc", name)
    hbr = float(row["HBR_m"]) * 1e-3
    window = tuple(nc2d_hall(*pairs, [hbr]).window_s()[0])
    result = sample(pairs, hbr, window, 400_000, name)
    trials = int(row["NtotSDMC"])
    assert abs(deviation(result, float(row["PcSDMC"]), trials)) < 4.0
    assert result.lower < float(row["PcSDMC"]) < result.upper
    case = tmp_path / "case"
    case.write_text(json.dumps({
        "pair": [a[0].tolist() for a in pairs], "hbr": hbr, "window": window,
        "samples": 400_000, "name": name,
    }))  # fmt: skip
    for n in (1, 3):
        done = mpirun(n, "-c", PROGRAM, str(case))
        assert done.returncode == 0, done.stderr
        for rank in range(n):
            assert json.loads(Path(f"{case}.{n}.{rank}").read_text()) == vars(result)
