"""Stated conjunctions: frames, radii and density sensitivities of messages of both formats."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.messages.test_ccsds_cdm import MESSAGE, sift
from tracss_hpc.assess.encounter import find_encounters
from tracss_hpc.assess.stated import (
    StatedConjunctions,
    join_stated,
    stated_by_table,
)
from tracss_hpc.errors import MessageError
from tracss_hpc.messages.cdm import COVARIANCE_KEYWORDS, make_cdm_table

EARTH_RATE = 7.292115e-5


def stated(*texts: str) -> tuple[StatedConjunctions | None, list[MessageError]]:
    table, errors = sift("".join(texts))
    rows, more = stated_by_table(table, "a.cdm")
    return rows, errors + more


def one(text: str) -> StatedConjunctions:
    rows, errors = stated(text)
    assert errors == []
    assert rows is not None
    return rows


def test_inertial_states_stay() -> None:
    rows = one(MESSAGE)
    assert len(rows) == 1
    assert rows.state[0, 0].tolist() == [7000.0, 0.0, 0.1, 0.0, 7.5, 0.0]
    assert rows.covariance_m2.shape == (2, 1, 21)
    assert rows.designator[:, 0].tolist() == ["55051", "45214"]
    assert rows.tca_jd[0] == 2460130.5
    assert rows.tca_fr[0] * 86400.0 == pytest.approx(73875.893, abs=1e-9)
    assert math.isnan(rows.since_start_s[0])
    assert rows.mass_kg[0, 0] == 160.0
    assert math.isnan(rows.mass_kg[1, 0])


def test_screening_start_gives_the_time_to_tca() -> None:
    start = "MESSAGE_ID = one\nSTART_SCREEN_PERIOD = 2023-186T19:31:15.893"
    assert one(MESSAGE.replace("MESSAGE_ID = one", start)).since_start_s[0] == pytest.approx(3600.0)


@pytest.mark.parametrize("frame", ["ITRF", "ITRF-97", "TEME", "GCRF"])
def test_relative_motion_of_a_frame(frame: str) -> None:
    """Axes that turn are given up before RTN is built; the common rotation does not show."""
    text = MESSAGE.replace("= EME2000", f"= {frame}")
    rows, plain = one(text), one(MESSAGE).state[:, 0]
    if frame.startswith("ITRF"):
        plain[:, 3] -= EARTH_RATE * plain[:, 1]
        plain[:, 4] += EARTH_RATE * plain[:, 0]
    covariances = rows.covariance_m2[:, 0, None] * 1e-6
    e = find_encounters(rows.state[0], rows.state[1], *covariances, rows.hbr_m * 1e-3)
    f = find_encounters(plain[0, None], plain[1, None], *covariances, rows.hbr_m * 1e-3)
    for name in ("relative_position1_km", "relative_velocity2_km_s", "sigma_x_km", "sigma_z_km"):
        np.testing.assert_allclose(getattr(e, name), getattr(f, name), rtol=1e-9, atol=1e-9)
    turned = np.abs(rows.state[0, 0] - one(MESSAGE).state[0, 0]).max() > 1.0
    assert turned == (frame != "GCRF")


def test_celestial_axes_gain_the_frame_bias() -> None:
    """Offsets of the pole -16.617, -6.819 mas, of the equinox -14.6 mas [IERS2010 5.4.4]."""
    mas = math.radians(1.0 / 3.6e6)
    x, y, z = one(MESSAGE.replace("= EME2000", "= GCRF")).state[0, 0, :3]
    assert x - 7000.0 == pytest.approx(16.617 * mas * 0.1, abs=1e-7)
    assert y == pytest.approx(14.6 * mas * 7000.0, rel=1e-3)
    assert z - 0.1 == pytest.approx(-16.617 * mas * 7000.0, rel=1e-3)


def test_earth_fixed_axes_follow_sidereal_time() -> None:
    """Greenwich mean sidereal time of Meeus, eq. 12.4; 0.3 deg of precession since 2000."""
    rows = one(MESSAGE.replace("= EME2000", "= ITRF"))
    x, y = rows.state[0, 0, :2]
    days = rows.tca_jd[0] - 2451545.0 + rows.tca_fr[0]
    greenwich = 280.46061837 + 360.98564736629 * days
    assert abs(math.remainder(math.degrees(math.atan2(y, x)) - greenwich, 360.0)) < 0.35


@pytest.mark.parametrize("frames", [("EME2000", "ITRF"), ("TDR", "TDR"), ("", "")])
def test_frames_that_cannot_be_used(frames: tuple[str, str]) -> None:
    first, second = MESSAGE.split("OBJECT = OBJECT2")
    text = first.replace("= EME2000", f"= {frames[0]}") + "OBJECT = OBJECT2"
    rows, (error,) = stated(text + second.replace("= EME2000", f"= {frames[1]}"), MESSAGE)
    assert rows is not None
    assert len(rows) == 1
    assert error.file == "a.cdm"
    assert error.key == "REF_FRAME"
    assert (frames[0] or "blank") in str(error)


def test_combined_radius() -> None:
    radius = "COMMENT HBR = 20 [m]\n"
    second = "OBJECT_DESIGNATOR = 45214\n"
    own = MESSAGE.replace(radius, "").replace("MASS", "HBR = 2.5 [m]\nMASS")
    exclusion = second + "COMMENT Exclusion Volume Radius = 1 [m]\n"
    assert one(MESSAGE).hbr_m[0] == 20.0
    assert math.isnan(one(MESSAGE.replace(radius, "")).hbr_m[0])
    assert one(MESSAGE.replace(radius, "").replace(second, exclusion)).hbr_m[0] == 6.0
    assert one(own.replace(second, exclusion)).hbr_m[0] == 5.0


def test_density_responses_need_the_whole_set() -> None:
    rows = one(MESSAGE)
    np.testing.assert_allclose(
        rows.response_km[0, 0], np.array([-1.5, 150.0, -0.25, -0.1, 1e-3, 0.5e-3]) * 0.2e-3
    )
    assert np.isnan(rows.response_km[1]).all()


def test_rows_joined_and_taken() -> None:
    rows = one(MESSAGE)
    three = join_stated([rows, rows, rows])
    assert len(three) == 3
    assert three.state.shape == (2, 3, 6)
    assert three.take(np.array([2, 0])).name.shape == (2, 2)


def test_messages_of_tracss() -> None:
    """The same numbers as in a CCSDS message give the same rows."""
    rows = one(MESSAGE)
    columns = {
        "TCA": np.array(["2023-07-05T20:31:15.893"], dtype="datetime64[us]"),
        "START_SCREEN_PERIOD": np.array(["2023-07-05T20:31:05.893"], dtype="datetime64[us]"),
        "COLLISION_PROBABILITY": np.array([4.45e-3]),
        "SAT1_DENSITY_FORECAST_UNCERTAINTY": np.array([0.2]),
        "SAT1_MASS": np.array([160.0]),
        "SAT1_HBR": np.array([15.0]),
        "SAT2_HBR": np.array([5.0]),
    }
    for k in range(2):
        columns[f"SAT{k + 1}_REF_FRAME"] = np.array(["EME2000"])
        for j, key in enumerate(("X", "Y", "Z", "X_DOT", "Y_DOT", "Z_DOT")):
            columns[f"SAT{k + 1}_{key}"] = rows.state[k, :, j]
        for j, key in enumerate(COVARIANCE_KEYWORDS):
            columns[f"SAT{k + 1}_{key}"] = rows.covariance_m2[k, :, j]
    sensitivity = (-1.5, 150.0, -0.25, -0.1, 1e-3, 0.5e-3)
    for j, q in enumerate(("POSITION", "VELOCITY")):
        for i, axis in enumerate("RTN"):
            value = np.array([sensitivity[3 * j + i]])
            columns[f"SAT1_DCP_SENSITIVITY_{q}_{axis}"] = value
    other, errors = stated_by_table(make_cdm_table(columns, 1), "b.json")
    assert errors == []
    assert other is not None
    for name in ("state", "covariance_m2", "hbr_m", "response_km", "mass_kg", "probability"):
        np.testing.assert_array_equal(getattr(other, name), getattr(rows, name))
    assert other.tca_jd[0] == rows.tca_jd[0]
    assert other.tca_fr[0] == pytest.approx(rows.tca_fr[0], abs=1e-15)
    assert other.since_start_s[0] == 10.0
    columns["SAT2_REF_FRAME"] = np.array(["ITRF"])
    rows_left, (error,) = stated_by_table(make_cdm_table(columns, 1), "b.json")
    assert rows_left is None
    assert "b.json, REF_FRAME: given EME2000 and ITRF" in str(error)
