"""Osculating apsides and inclination: hand cases, ERFA, and 52 objects of published CDMs."""

from __future__ import annotations

import re
from pathlib import Path

import erfa
import numpy as np
import pytest

from tracss_hpc.constants import MU_KM3_S2, RE_KM
from tracss_hpc.ephemeris.frames import pole_of_date
from tracss_hpc.ephemeris.osculating import geodetic_height, osculating_orbit
from tracss_hpc.epochs import parse_epoch

POLAR_RADIUS_KM = 6356.752314245179  # WGS-84


def state_at_perigee(perigee: float, apogee: float, inclination_deg: float, argument_deg: float):
    """One state at perigee, node on the x axis [km, km/s]."""
    i, w = np.radians([inclination_deg, argument_deg])
    r = np.array([np.cos(w), np.sin(w) * np.cos(i), np.sin(w) * np.sin(i)])
    v = np.array([-np.sin(w), np.cos(w) * np.cos(i), np.cos(w) * np.sin(i)])
    speed = np.sqrt(MU_KM3_S2 * (2.0 / perigee - 2.0 / (perigee + apogee)))
    return np.concatenate([perigee * r, speed * v])[None]


def test_equatorial_orbit_by_hand() -> None:
    orbit = osculating_orbit(state_at_perigee(7000.0, 8000.0, 0.0, 0.0))
    assert orbit.periapsis_altitude_km[0] == pytest.approx(7000.0 - RE_KM, abs=1e-8)
    assert orbit.apoapsis_altitude_km[0] == pytest.approx(8000.0 - RE_KM, abs=1e-8)
    assert orbit.inclination_deg[0] == pytest.approx(0.0, abs=1e-9)


def test_apsides_over_the_poles_by_hand() -> None:
    """Perigee over the north pole, apogee over the south pole: the polar radius counts."""
    orbit = osculating_orbit(state_at_perigee(7000.0, 8000.0, 90.0, 90.0))
    assert orbit.periapsis_altitude_km[0] == pytest.approx(7000.0 - POLAR_RADIUS_KM, abs=1e-8)
    assert orbit.apoapsis_altitude_km[0] == pytest.approx(8000.0 - POLAR_RADIUS_KM, abs=1e-8)
    assert orbit.inclination_deg[0] == pytest.approx(90.0, abs=1e-9)


def test_retrograde_inclination() -> None:
    orbit = osculating_orbit(state_at_perigee(7000.0, 7400.0, 97.5, 30.0))
    assert orbit.inclination_deg[0] == pytest.approx(97.5, abs=1e-9)


def test_any_point_of_the_orbit_gives_the_same_apsides() -> None:
    """Two-body motion from perigee by the conic's own formula keeps the osculating orbit."""
    first = osculating_orbit(state_at_perigee(6900.0, 30000.0, 63.4, 270.0))
    i, w = np.radians([63.4, 270.0])
    e = (30000.0 - 6900.0) / (30000.0 + 6900.0)
    p = 6900.0 * (1.0 + e)
    for anomaly in np.radians([40.0, 130.0, 250.0]):
        u = w + anomaly
        r = p / (1.0 + e * np.cos(anomaly))
        out = np.array([np.cos(u), np.sin(u) * np.cos(i), np.sin(u) * np.sin(i)])
        along = np.array([-np.sin(u), np.cos(u) * np.cos(i), np.cos(u) * np.sin(i)])
        k = np.sqrt(MU_KM3_S2 / p)
        v = k * e * np.sin(anomaly) * out + k * (1.0 + e * np.cos(anomaly)) * along
        orbit = osculating_orbit(np.concatenate([r * out, v])[None])
        np.testing.assert_allclose(np.ravel(orbit), np.ravel(first), rtol=1e-9)


def test_unbound_orbit_has_no_apsides() -> None:
    state = np.array([[7000.0, 0.0, 0.0, 0.0, 12.0, 0.0]])
    orbit = osculating_orbit(state)
    assert np.isnan(orbit.apoapsis_altitude_km[0])
    assert np.isnan(orbit.periapsis_altitude_km[0])
    assert orbit.inclination_deg[0] == 0.0


def test_geodetic_height_equals_erfa(rng: np.random.Generator) -> None:
    latitude = rng.uniform(-np.pi / 2, np.pi / 2, 500)
    distance = rng.uniform(6400.0, 60000.0, 500)
    rho, z = distance * np.cos(latitude), distance * np.sin(latitude)
    xyz = np.stack([rho, np.zeros(500), z], axis=1) * 1e3
    expected = erfa.gc2gd(1, xyz)[2] * 1e-3
    np.testing.assert_allclose(geodetic_height(rho, z), expected, atol=1e-8)


def test_a_row_does_not_depend_on_its_place(rng: np.random.Generator) -> None:
    states = np.vstack([state_at_perigee(7000.0, 7100.0, i, 3 * i) for i in range(101)])
    together = np.array(osculating_orbit(states))
    order = rng.permutation(101)
    assert np.array(osculating_orbit(states[order])).tobytes() == together[:, order].tobytes()
    alone = np.hstack([np.array(osculating_orbit(states[k : k + 1])) for k in range(101)])
    assert alone.tobytes() == together.tobytes()


def test_published_cdms(shared_data: Path) -> None:
    """CARA's CDMs: altitudes printed to 1 km, inclinations to 0.1 deg, EME2000 states."""
    checked = 0
    for path in sorted((shared_data / "pc" / "cdm").glob("0000*.cdm")):
        header, *objects = re.split(r"^OBJECT\s*=\s*OBJECT[12]\s*$", path.read_text(), flags=re.M)
        tca = parse_epoch(value_of(header, "TCA"))
        pole = pole_of_date([tca.jd], [tca.fr])
        for text in objects:
            state = [number(text, key) for key in ("X", "Y", "Z", "X_DOT", "Y_DOT", "Z_DOT")]
            orbit = osculating_orbit(np.array([state]), pole)
            for got, key, tolerance in zip(
                orbit,
                ("Apogee Altitude", "Perigee Altitude", "Inclination"),
                (0.6, 0.6, 0.05),
                strict=True,
            ):
                printed = number(text, f"COMMENT {key}")
                assert got[0] == pytest.approx(printed, abs=tolerance), (path.name, key)
                checked += 1
    assert checked >= 150


def value_of(text: str, key: str) -> str:
    match = re.search(rf"^{key}\s*=\s*(\S+)", text, flags=re.M)
    assert match is not None, key
    return match.group(1)


def number(text: str, key: str) -> float:
    return float(value_of(text, key))
