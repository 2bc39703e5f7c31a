"""Nc2D: against the 2-D probability where that holds, against CARA, and what it must not claim."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.assess.full_covariances import full_pair, read_full_cdm, read_full_responses
from tests.assess.reference_rows import Pairs, read_rows
from tracss_hpc.assess.coppola import encounter_bounds
from tracss_hpc.assess.encounter import find_encounters
from tracss_hpc.assess.equinoctial import orbital_period
from tracss_hpc.assess.maximum import search_scale
from tracss_hpc.assess.nc2d import NC2D_STATUS, CurvedEncounters, nc2d_hall
from tracss_hpc.assess.probability import foster_1992
from tracss_hpc.assess.unit_sphere import _mean_inward
from tracss_hpc.assess.usage import doubtful_rows, select_nc2d_rows
from tracss_hpc.ephemeris.covariance import cdm_covariance, default_covariance

EVENTS = (
    "000020580_conj_000022015", "000025994_conj_000026132", "000025994_conj_000026980",
    "000025994_conj_000037558", "000027424_conj_000031201", "000027424_conj_000041740",
    "000027424_conj_000048164", "000028485_conj_000044777", "000028654_conj_000041835",
    "000028654_conj_000042397", "000029108_conj_000034995", "000032060_conj_000035644",
    "000032060_conj_000044396", "000032060_conj_000049574", "000032060_conj_000053480",
    "000033591_conj_000042216", "000035946_conj_000030648", "000037849_conj_000013512",
    "000038771_conj_000030802", "000040059_conj_000035921", "000040115_conj_000030660",
    "000041848_conj_000044431", "000043477_conj_000046952", "000044628_conj_000027127",
    "000048901_conj_000048954", "000054234_conj_000028343",
)  # fmt: skip
#: Two events that CARA flags: slow, and with an uncertainty of 238 km along one orbit.
FLAGGED = ("000035946_conj_000030648", "000032060_conj_000049574")
OMITRON = tuple(f"OmitronTestCase_Test{k:02d}" for k in (1, 2, 3, 4, 5, 8))


def event(folder: Path, name: str) -> tuple[Pairs, dict[str, str]]:
    rows = read_rows(folder / "cara_cdm53_expected.csv")
    row = next(r for r in rows if r["Conjunction_ID"].startswith(name))
    pairs, hbr_m = read_full_cdm(folder / "cdm" / f"{row['Conjunction_ID']}.cdm")
    assert hbr_m == float(row["HBR_m"])
    return pairs, row


def usage(folder: Path, case: str) -> tuple[CurvedEncounters, dict[str, str]]:
    row = next(r for r in read_rows(folder / "nc_usage.csv") if r["case"].startswith(case))
    pairs, _ = read_full_cdm(next((folder / "cdm").glob(f"{case}*.cdm")))
    return nc2d_hall(*pairs, [float(row["HBR_m"]) * 1e-3]), row


@pytest.mark.parametrize("name", EVENTS)
def test_cara_events(shared_data: Path, name: str) -> None:
    """CARA's Nc2D to 1e-4 (found: 2.4e-5) and its flags, and the gate that leads there."""
    pairs, row = event(shared_data / "pc", name)
    hbr = [float(row["HBR_m"]) * 1e-3]
    curved = nc2d_hall(*pairs, hbr)
    assert curved.status[0] == 0
    assert curved.nc2d[0] == pytest.approx(float(row["Nc2D"]), rel=1e-4, abs=0)
    assert curved.flagged[0] == (row["ViolationsPc2D"] != "0") == (name in FLAGGED)
    if name in FLAGGED:
        encounters = find_encounters(*pairs, hbr)
        periods = (orbital_period(state) for state in (pairs.state1, pairs.state2))
        bounds = encounter_bounds(encounters, *periods)
        assert doubtful_rows(bounds, *pairs, encounters.sigma_z_km)[0]
        assert not bounds.flagged[0]  # so a slow speed or a long cloud has to count too
        worst = search_scale(encounters).probability
        chosen, _ = select_nc2d_rows([True], worst, min_pcmax=1e-7, max_rows=1)
        assert len(chosen) == 1


@pytest.mark.parametrize("case", OMITRON)
def test_omitron(shared_data: Path, case: str) -> None:
    curved, row = usage(shared_data / "pc", case)
    assert curved.status[0] == 0
    assert curved.nc2d[0] == pytest.approx(float(row["oct_Nc2D_Pc2D_Hall"]), rel=1e-3, abs=0)
    for name in ("Extended", "Offset"):
        value = getattr(curved, name.lower())[0]
        assert value == pytest.approx(float(row[f"UV_{name}"]), rel=2e-3)
    assert curved.inaccurate[0] == pytest.approx(float(row["UV_Inaccurate"]), abs=1e-3)


def test_cara_unit_case(shared_data: Path) -> None:
    """CARA's Nc3D, which stands 0.08 % above Nc2D in all its published events."""
    rows = read_rows(shared_data / "pc" / "conj_eci_cara_unit.csv")
    row = next(r for r in rows if r["quantity"] == "Nc3D_Hall")
    curved = nc2d_hall(*full_pair(row), [float(row["HBR"]) * 1e-3])
    assert curved.status[0] == 0
    assert curved.nc2d[0] == pytest.approx(float(row["expected"]), rel=2e-3)


@pytest.mark.parametrize("case", ["02", "03"])
def test_alfano_where_it_holds(shared_data: Path, case: str) -> None:
    curved, row = usage(shared_data / "pc", f"AlfanoTestCase{case}")
    assert curved.nc2d[0] == pytest.approx(float(row["oct_Nc2D_Pc2D_Hall"]), rel=1e-3)
    assert curved.nc2d[0] == pytest.approx(float(row["oct_Nc3D_Pc3D_Hall"]), rel=5e-3)
    assert curved.extended[0] == pytest.approx(float(row["UV_Extended"]), rel=2e-3)
    assert curved.offset[0] == pytest.approx(float(row["UV_Offset"]), rel=2e-3)


@pytest.mark.parametrize("case", ["01", "05", "07", "09", "11"])
def test_alfano_where_it_does_not(shared_data: Path, case: str) -> None:
    """Long encounters and spheres: a value that is far off is never given as a sure one."""
    curved, row = usage(shared_data / "pc", f"AlfanoTestCase{case}")
    assert curved.status[0] in (2, 3)
    assert np.isnan(curved.nc2d[0]) == (curved.status[0] == 2)
    assert set(curved.status) <= set(NC2D_STATUS)
    assert curved.flagged[0] or case == "05"  # short, but its sphere takes 36 sigmas to cross
    assert abs(np.nan_to_num(curved.nc2d[0]) / float(row["oct_Nc3D_Pc3D_Hall"]) - 1.0) > 0.1


def crossing(speed_km_s: float = 10.6) -> Pairs:
    """Circular orbits, object 2 0.1 km above object 1, default-like covariances of 6x6."""
    v = 7.5
    half = 0.5 * speed_km_s / v
    turn = np.array([0.0, 1.0 - 2.0 * half**2, 2.0 * half * np.sqrt(1.0 - half**2)])
    states = (
        np.array([[7000.0, 0.0, 0.0, 0.0, v, 0.0]]),
        np.array([np.concatenate([[7000.1, 0.0, 0.05], v * turn])]),
    )
    table = default_covariance(np.array(["LEO 2", "LEO 3"]), np.array([0.5, 0.5]), [1.07e-3] * 2)
    packed = cdm_covariance(table) * 1e-6
    return Pairs(*states, packed[:1], packed[1:])


def test_crossing_orbits_without_data() -> None:
    pairs = crossing()
    hbr = np.array([0.01])
    curved = nc2d_hall(*pairs, hbr)
    flat = foster_1992(find_encounters(*pairs, hbr))
    assert curved.status[0] == 0
    assert not curved.flagged[0]
    assert curved.nc2d[0] == pytest.approx(flat[0], rel=1e-3)
    assert abs(curved.peak_s[0]) < curved.sigma_s[0]
    begin, end = curved.window_s()[0]
    assert begin == pytest.approx(
        curved.peak_s[0] - 8.2 * curved.sigma_s[0], abs=0.05 * (end - begin)
    )


def test_neighbours_of_a_revolution_have_no_answer() -> None:
    """At 0.1 m/s the encounter never ends: no number, but flagged."""
    curved = nc2d_hall(*crossing(1e-4), [0.01])
    assert curved.status[0] == 2
    assert np.isnan(curved.nc2d[0])
    assert curved.flagged[0]


def test_fast_encounter_is_the_two_dimensional_one(shared_data: Path) -> None:
    """11 km/s, sigmas of 0.2 km: curvature is nothing, so any radius gives Foster's value."""
    pairs, _ = event(shared_data / "pc", "000025994_conj_000037558")
    hbr = np.array([1e-4, 1e-3, 0.015, 0.1, 0.3])
    many = Pairs(*(np.repeat(a, 5, axis=0) for a in pairs))
    curved = nc2d_hall(*many, hbr)
    flat = foster_1992(find_encounters(*many, hbr))
    np.testing.assert_allclose(curved.nc2d, flat, rtol=2e-4)


@pytest.mark.parametrize("name", EVENTS)
def test_common_density_error(shared_data: Path, name: str) -> None:
    """Where curvature is nothing, the corrected Nc2D is Foster's with the same correction."""
    pairs, row = event(shared_data / "pc", name)
    hbr = [float(row["HBR_m"]) * 1e-3]
    responses = read_full_responses(shared_data / "pc" / "cdm" / f"{row['Conjunction_ID']}.cdm")
    plain = nc2d_hall(*pairs, hbr)
    curved = nc2d_hall(*pairs, hbr, responses_km=responses)
    encounters = find_encounters(
        *pairs, hbr, responses_km=(responses[0][:, :3], responses[1][:, :3])
    )
    assert curved.status[0] == 0
    if curved.inaccurate[0] < 5e-3:
        assert curved.nc2d[0] == pytest.approx(float(foster_1992(encounters)[0]), rel=0.01, abs=0)
    incomplete = (responses[0] * np.nan, responses[1])
    left = nc2d_hall(*pairs, hbr, responses_km=incomplete)
    assert left.nc2d[0] == plain.nc2d[0]


def test_exchange_and_frame(shared_data: Path) -> None:
    """Objects exchanged: the same. Orbits laid on their back: the same to what elements differ."""
    pairs, row = event(shared_data / "pc", "000035946_conj_000030648")
    hbr = [float(row["HBR_m"]) * 1e-3]
    curved = nc2d_hall(*pairs, hbr)
    swapped = nc2d_hall(pairs.state2, pairs.state1, pairs.covariance2, pairs.covariance1, hbr)
    assert swapped.nc2d[0] == pytest.approx(curved.nc2d[0], rel=1e-6)
    normal = np.cross(pairs.state1[0, :3], pairs.state1[0, 3:])
    normal /= np.linalg.norm(normal)
    aside = np.cross(normal, [0.0, 0.0, 1.0])
    aside /= np.linalg.norm(aside)
    turn = np.kron(np.eye(2), np.array([aside, np.cross(-normal, aside), -normal]))
    back = pairs._replace(state1=pairs.state1 @ turn.T, state2=pairs.state2 @ turn.T)
    assert nc2d_hall(*back, hbr).nc2d[0] == pytest.approx(curved.nc2d[0], rel=1e-3)


def test_a_row_does_not_feel_the_others(rng: np.random.Generator) -> None:
    """Bit for bit, at speeds that need few and many steps, and with rows that have no answer."""
    n = 12
    state1 = np.tile([7000.0, 0.0, 0.0, 0.0, 7.5, 0.0], (n, 1))
    state2 = state1 + rng.normal(size=(n, 6)) * [0.2, 0.2, 0.2, 5e-4, 5e-4, 5e-4]
    state2[:, 5] += np.logspace(-5, 0.5, n)
    sigma = default_covariance(np.full(n, "LEO 2"), np.zeros(n), np.full(n, 1.078e-3))
    packed = cdm_covariance(sigma) * 1e-6
    together = nc2d_hall(state1, state2, packed, packed, np.full(n, 0.01))
    assert set(together.status.tolist()) == {0, 2, 3}
    for k in range(n):
        row = slice(k, k + 1)
        alone = nc2d_hall(state1[row], state2[row], packed[row], packed[row], [0.01])
        for name in ("nc2d", "inaccurate", "peak_s", "sigma_s", "status"):
            assert getattr(alone, name).tobytes() == getattr(together, name)[row].tobytes(), name


def test_rows_that_cannot_be_done(shared_data: Path) -> None:
    pairs, row = event(shared_data / "pc", "000025994_conj_000037558")
    n = 5
    many = Pairs(*(np.repeat(a, n, axis=0) for a in pairs))
    hbr = np.full(n, float(row["HBR_m"]) * 1e-3)
    many.covariance1[0, 20] = np.nan
    hbr[1] = np.nan
    many.state2[2, 3:] = many.state1[2, 3:]
    many.state1[3, 3:] *= 2.0  # leaves the Earth
    curved = nc2d_hall(*many, hbr)
    np.testing.assert_array_equal(curved.status, [1, 1, 1, 1, 0])
    assert np.isnan(curved.nc2d[:4]).all()
    np.testing.assert_array_equal(curved.flagged, np.zeros(n, dtype=bool))


@pytest.mark.parametrize("fault", ["zero", "negative", "huge", "point"])
def test_odd_input_does_not_crash(shared_data: Path, fault: str) -> None:
    """No warning, no exception: a number between 0 and 1 or a blank."""
    pairs, row = event(shared_data / "pc", "000025994_conj_000037558")
    hbr = float(row["HBR_m"]) * 1e-3
    if fault == "zero":
        pairs.covariance1[:], pairs.covariance2[:] = 0.0, 0.0
    elif fault == "negative":
        pairs.covariance1[0, 2] *= -1.0
    elif fault == "huge":
        hbr = 1e5
    else:
        hbr = 0.0
    curved = nc2d_hall(*pairs, [hbr])
    assert curved.status[0] in NC2D_STATUS
    assert np.isnan(curved.nc2d[0]) or 0.0 <= curved.nc2d[0] <= 1.0
    if fault == "point":
        assert curved.nc2d[0] == 0.0


def test_mean_inward_speed(rng: np.random.Generator) -> None:
    """E[max(0, -u)] of normals: sampled, and without spread just the speed."""
    mean, sigma = np.array([-2.0, -0.5, 0.0, 0.5, 2.0]), np.array([1.0, 1.0, 2.0, 1.0, 0.0])
    sampled = np.maximum(-(mean + sigma * rng.normal(size=(400_000, 5))), 0.0).mean(axis=0)
    np.testing.assert_allclose(_mean_inward(mean, sigma), sampled, atol=0.01)
    assert _mean_inward(np.array([-3.0]), np.zeros(1))[0] == 3.0
