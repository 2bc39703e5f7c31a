"""Frames: published numbers, the full nutation series, hand cases, row independence."""

from __future__ import annotations

import json
from pathlib import Path

import erfa
import numpy as np
import pytest
from numpy.typing import NDArray

from tracss_hpc.ephemeris.frames import (
    nutation_largest_terms,
    pole_of_date,
    rotate,
    rtn_matrices,
    teme_to_eme2000,
)

ARCSEC = np.pi / 648000.0
TT_MINUS_UTC_DAYS = 69.184 / 86400.0  # since 2017
# Every fourth day of 2017-2026.
JD = 2457754.5 + np.arange(0.0, 3650.0, 4.0)


def full_rotation(jd: NDArray[np.float64]) -> NDArray[np.float64]:
    """TEME to EME2000 with all 106 terms of the IAU-1980 nutation, from ERFA alone."""
    dpsi, deps = erfa.nut80(jd, TT_MINUS_UTC_DAYS)
    obliquity = erfa.obl80(jd, TT_MINUS_UTC_DAYS)
    matrix = erfa.numat(obliquity, dpsi, deps) @ erfa.pmat76(jd, TT_MINUS_UTC_DAYS)
    return np.swapaxes(erfa.rz(dpsi * np.cos(obliquity), matrix), 1, 2)


def angle_between(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angle of the rotation that leads from one matrix to the other [arcsec]."""
    difference = np.einsum("nij,nkj->nik", a, b) - np.eye(3)
    return np.sqrt(np.sum(difference**2, axis=(1, 2)) / 2.0) / ARCSEC


def test_published_sgp4_state_in_j2000() -> None:
    """Vallado et al., AIAA 2006-6753, appendix C: object 5, three days after epoch, to 1 mm.

    The paper's conversion uses the same four terms and no corrections.
    """
    m = teme_to_eme2000([2451725.5], [0.78495062])
    r = rotate(m, np.array([[-9060.47373569, 4658.70952502, 813.68673153]]))
    v = rotate(m, np.array([[-2.232832783, -4.110453490, -3.157345433]]))
    np.testing.assert_allclose(r[0], [-9059.9413786, 4659.6972000, 813.9588875], atol=1e-6)
    np.testing.assert_allclose(v[0], [-2.233348094, -4.110136162, -3.157394074], atol=2e-9)


def test_full_series_differs_by_tens_of_milliarcseconds() -> None:
    """What the four terms leave out: median 45 mas, at most 0.13 arcsec (6 m at GEO: 30 m)."""
    difference = angle_between(teme_to_eme2000(JD, np.zeros_like(JD)), full_rotation(JD)) * 1e3
    assert 30.0 < np.median(difference) < 62.0
    assert difference.max() < 135.0


def test_leaving_out_precession_or_nutation_shows() -> None:
    """TEME taken as J2000 is 0.34 deg wrong in mid-2024; precession alone leaves 5 to 11 arcsec."""
    m = teme_to_eme2000([2460492.5], [0.0])
    assert angle_between(m, np.eye(3)[None])[0] / 3600.0 == pytest.approx(0.342, abs=5e-4)
    precession = np.swapaxes(erfa.pmat76(JD, TT_MINUS_UTC_DAYS), 1, 2)
    difference = angle_between(teme_to_eme2000(JD, np.zeros_like(JD)), precession)
    assert 4.0 < difference.min() < 9.0 < difference.max() < 12.0


def test_terms_by_hand_at_j2000() -> None:
    """At T = 0: Omega = 125.0445, F = 93.2719, D = 297.8502 deg (Meeus, ch. 22)."""
    omega, f, d = np.radians([125.04452, 93.27191, 297.85036])
    dpsi, deps = nutation_largest_terms([0.0])
    expected_psi = (
        -17.1996 * np.sin(omega)
        - 1.3187 * np.sin(2 * f - 2 * d + 2 * omega)
        - 0.2274 * np.sin(2 * f + 2 * omega)
        + 0.2062 * np.sin(2 * omega)
    )
    expected_eps = (
        9.2025 * np.cos(omega)
        + 0.5736 * np.cos(2 * f - 2 * d + 2 * omega)
        + 0.0977 * np.cos(2 * f + 2 * omega)
        - 0.0895 * np.cos(2 * omega)
    )
    assert dpsi[0] / ARCSEC == pytest.approx(expected_psi, abs=1e-5)
    assert deps[0] / ARCSEC == pytest.approx(expected_eps, abs=1e-5)


def test_rotations_are_orthonormal() -> None:
    m = teme_to_eme2000(JD, np.full_like(JD, 0.25))
    np.testing.assert_allclose(
        m @ np.swapaxes(m, 1, 2), np.broadcast_to(np.eye(3), m.shape), atol=1e-15
    )
    np.testing.assert_allclose(np.linalg.det(m), 1.0, atol=1e-14)


def test_pole_of_date_is_the_z_axis_of_teme() -> None:
    pole = pole_of_date(JD, np.zeros_like(JD))
    np.testing.assert_allclose(pole, teme_to_eme2000(JD, np.zeros_like(JD))[:, :, 2], atol=1e-15)


def test_leap_second_table_is_used() -> None:
    """TAI - UTC was 36 s until 2016-12-31 and 37 s after; a second is 1e-12 rad of this pole."""
    for jd, tai_minus_utc in ((2457600.5, 36.0), (2457800.5, 37.0)):
        tt = (tai_minus_utc + 32.184) / 86400.0
        dpsi, deps = nutation_largest_terms([(jd - 2451545.0 + tt) / 36525.0])
        matrix = erfa.numat(erfa.obl80(jd, tt), dpsi[0], deps[0]) @ erfa.pmat76(jd, tt)
        np.testing.assert_allclose(pole_of_date([jd], [0.0])[0], matrix[2], atol=2e-14)


def test_a_row_does_not_depend_on_its_place(rng: np.random.Generator) -> None:
    fr = rng.random(len(JD))
    order = rng.permutation(len(JD))
    m = teme_to_eme2000(JD, fr)
    assert teme_to_eme2000(JD[order], fr[order]).tobytes() == m[order].tobytes()
    alone = np.vstack([teme_to_eme2000(JD[k : k + 1], fr[k : k + 1]) for k in range(50)])
    assert alone.tobytes() == m[:50].tobytes()
    v = rng.normal(size=(len(JD), 3))
    assert rotate(m[order], v[order]).tobytes() == rotate(m, v)[order].tobytes()


def test_rtn_by_hand() -> None:
    """On the x axis, moving along y with a little outward speed: R = x, T = y, N = z."""
    np.testing.assert_allclose(rtn_matrices([[7000.0, 0.0, 0.0]], [[1.0, 7.5, 0.0]])[0], np.eye(3))
    m = rtn_matrices([[0.0, 0.0, 7000.0]], [[-7.5, 0.0, 0.0]])[0]
    np.testing.assert_allclose(m, [[0, 0, 1], [-1, 0, 0], [0, -1, 0]], atol=1e-15)


def test_rtn_is_right_handed_and_holds_the_state(rng: np.random.Generator) -> None:
    r, v = rng.normal(size=(2, 100, 3))
    m = rtn_matrices(r, v)
    np.testing.assert_allclose(np.linalg.det(m), 1.0, atol=1e-14)
    np.testing.assert_allclose(rotate(m, r)[:, 1:], 0.0, atol=1e-14)
    assert (rotate(m, v)[:, 1] > 0.0).all()
    np.testing.assert_allclose(rotate(m, v)[:, 2], 0.0, atol=1e-14)


def test_rtn_of_radial_motion_is_blank() -> None:
    assert np.isnan(rtn_matrices([[7000.0, 0.0, 0.0]], [[1.0, 0.0, 0.0]])[0, 1:]).all()


def test_reference_covariance_rotation(shared_data: Path) -> None:
    """CARA's RIC cases: a 3x3 of four digits and the 3x3 blocks of a 9x9."""
    cases = json.loads((shared_data / "pc" / "frames_cases.json").read_text())["ric"]
    m = rtn_matrices([cases["r_km"]], [cases["v_km_s"]])[0]
    got = m @ np.array(cases["cov3_eci"]) @ m.T
    np.testing.assert_allclose(got, cases["cov3_ric_expected"], rtol=5e-4)
    block = np.kron(np.eye(2), m)
    got = block @ np.array(cases["cov9_eci"])[:6, :6] @ block.T
    np.testing.assert_allclose(
        got, np.array(cases["cov9_ric_expected"])[:6, :6], rtol=1e-9, atol=1e-22
    )
