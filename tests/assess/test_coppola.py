"""Bounds of encounters: by hand, published, exchanged, and rows that cannot be done."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.special import erfcinv

from tests.assess.full_covariances import read_full_cdm
from tests.assess.reference_rows import Pairs, inertial_pairs, read_rows
from tests.assess.test_encounter import random_pairs
from tracss_hpc.assess.coppola import GAMMA, EncounterBounds, encounter_bounds
from tracss_hpc.assess.encounter import find_encounters
from tracss_hpc.assess.equinoctial import orbital_period

#: Of CARA's table those whose CDM is at hand; case 7 of Omitron is not positive definite.
CASES = (
    "AlfanoTestCase01", "AlfanoTestCase02", "AlfanoTestCase03", "AlfanoTestCase05",
    "AlfanoTestCase07", "AlfanoTestCase09", "AlfanoTestCase11", "OmitronTestCase_Test01",
    "OmitronTestCase_Test02", "OmitronTestCase_Test03", "OmitronTestCase_Test04",
    "OmitronTestCase_Test05", "OmitronTestCase_Test06", "OmitronTestCase_Test08",
)  # fmt: skip


def bounds(pairs: Pairs, hbr_km: object) -> EncounterBounds:
    periods = (orbital_period(state) for state in (pairs.state1, pairs.state2))
    return encounter_bounds(find_encounters(*pairs, hbr_km), *periods)


def test_round_covariance_by_hand() -> None:
    """Same sigma in every direction: no lean, so the bounds are R and 8.2 sigmas over the speed."""
    state1 = np.array([[7000.0, 0.0, 0.0, 0.0, 7.5, 0.0]])
    state2 = np.array([[7000.1, 0.0, 0.05, 0.0, 0.0, 7.5]])
    round_covariance = np.array([[0.5, 0.0, 0.5, 0.0, 0.0, 0.5]])
    b = bounds(Pairs(state1, state2, round_covariance, round_covariance), [0.02])
    spread = math.sqrt(2.0) * float(erfcinv(GAMMA))
    speed = 7.5 * math.sqrt(2.0)
    assert b.tau0_s[0] == pytest.approx(-(spread + 0.02) / speed, rel=1e-6)
    assert b.tau1_s[0] == pytest.approx(spread / speed, rel=1e-6)
    period = 2.0 * math.pi * 7000.0 / math.sqrt(398600.4418 / 7000.0)
    assert b.extended[0] == pytest.approx((2.0 * spread + 0.02) / speed / period, rel=0.02)
    assert not b.flagged[0]


@pytest.mark.parametrize("case", CASES)
def test_published_bounds(shared_data: Path, case: str) -> None:
    folder = shared_data / "pc"
    row = next(r for r in read_rows(folder / "nc_usage.csv") if r["case"].startswith(case))
    pairs, _ = read_full_cdm(next((folder / "cdm").glob(f"{case}*.cdm")))
    b = bounds(pairs, [float(row["HBR_m"]) * 1e-3])
    assert b.tau0_s[0] == pytest.approx(float(row["coppola_tau0_s"]), rel=1e-8)
    assert b.tau1_s[0] == pytest.approx(float(row["coppola_tau1_s"]), rel=1e-8)
    # CARA's fractions are those of curved orbits and no radius: the same verdict is what matters.
    if float(row["UV_Extended"]) > 0.02:
        assert b.flagged[0]


@pytest.mark.parametrize("case", ["COPPOLA1", "COPPOLA2"])
@pytest.mark.parametrize("end", ["tau0_s", "tau1_s"])
def test_cara_unit_cases(shared_data: Path, case: str, end: str) -> None:
    rows = read_rows(shared_data / "pc" / "conj_eci_cara_unit.csv")
    row = next(r for r in rows if (r["case_id"], r["quantity"]) == (case, f"{end}_gamma1e-16"))
    b = bounds(inertial_pairs([row], 1e-3), [float(row["HBR"]) * 1e-3])
    assert getattr(b, end)[0] == pytest.approx(float(row["expected"]), rel=1e-8)


def test_exchange_and_rows_alone(rng: np.random.Generator) -> None:
    p = random_pairs(rng, 200)
    hbr = np.full(200, 0.01)
    together = bounds(p, hbr)
    assert (together.tau0_s < together.tau1_s).all()
    swapped = bounds(Pairs(p.state2, p.state1, p.covariance2, p.covariance1), hbr)
    np.testing.assert_allclose(swapped.tau0_s, together.tau0_s, rtol=1e-6)
    np.testing.assert_allclose(swapped.extended, together.extended, rtol=1e-6)
    alone = [bounds(Pairs(*(a[k : k + 1] for a in p)), hbr[k : k + 1]) for k in range(200)]
    assert np.concatenate([b.tau1_s for b in alone]).tobytes() == together.tau1_s.tobytes()


def test_rows_that_cannot_be_done(rng: np.random.Generator) -> None:
    """No relative velocity: endless and flagged. No covariance or radius: blank, not flagged."""
    p = Pairs(*(a.copy() for a in random_pairs(rng, 3)))
    p.state2[0, 3:] = p.state1[0, 3:]
    p.covariance1[1] = np.nan
    b = bounds(p, [0.01, 0.01, np.nan])
    assert b.tau0_s[0] == -np.inf
    assert b.tau1_s[0] == np.inf
    assert b.extended[0] == b.offset[0] == 1.0
    assert np.isnan(b.tau0_s[1:]).all()
    assert np.isnan(b.offset[1:]).all()
    np.testing.assert_array_equal(b.flagged, [True, False, False])
