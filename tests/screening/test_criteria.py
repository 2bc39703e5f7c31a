"""Volumes: axes, faces, corners, and the two bounds that filters take from them."""

from __future__ import annotations

import numpy as np
import pytest

from tracss_hpc.catalog.volumes import uniform_volume
from tracss_hpc.screening.criteria import circumscribed_radius, inside_volume, radial_pad, to_rtn

BOX = uniform_volume(1, "BOX", 0.4, 12.0, 25.0)
ELLIPSOID = uniform_volume(1, "ELLIPSOID", 0.4, 12.0, 25.0)


def inside(rtn: tuple[float, float, float], volume: object, margin_km: float = 0.0) -> bool:
    return bool(inside_volume(np.array([rtn]), volume, np.array([0]), margin_km=margin_km)[0])


def test_axes() -> None:
    state = np.array([[7000.0, 0.0, 0.0, 1.0, 7.0, 0.0]])  # climbing: T is not along v
    rtn = to_rtn(np.repeat(state, 3, axis=0), np.eye(3))
    np.testing.assert_allclose(rtn, np.eye(3), atol=1e-15)


def test_axes_agree_with_the_definition(rng: np.random.Generator) -> None:
    state, d = rng.normal(size=(50, 6)) * 5e3, rng.normal(size=(50, 3))
    for row, x, got in zip(state, d, to_rtn(state, d), strict=True):
        r = row[:3] / np.linalg.norm(row[:3])
        n = np.cross(row[:3], row[3:])
        n /= np.linalg.norm(n)
        np.testing.assert_allclose(got, [x @ r, x @ np.cross(n, r), x @ n], atol=1e-12)


def test_faces_and_corners_of_a_box_count_as_inside() -> None:
    for signs in ((1, 1, 1), (-1, 1, -1), (-1, -1, -1)):
        assert inside((0.4 * signs[0], 12.0 * signs[1], 25.0 * signs[2]), BOX)
    for beyond in ((0.4000001, 0, 0), (0, 12.0000001, 0), (0, 0, -25.0000001)):
        assert not inside(beyond, BOX)
        assert inside(beyond, BOX, margin_km=1e-6)


def test_ellipsoid() -> None:
    assert inside((0.4, 0.0, 0.0), ELLIPSOID)
    assert inside((0.0, -12.0, 0.0), ELLIPSOID)
    assert not inside((0.3, 9.0, 0.0), ELLIPSOID)  # 0.5625 + 0.5625
    assert not inside((0.4, 12.0, 25.0), ELLIPSOID)


def test_circumscribed_radius() -> None:
    assert circumscribed_radius(BOX)[0] == pytest.approx(np.sqrt(0.16 + 144.0 + 625.0))
    assert circumscribed_radius(ELLIPSOID)[0] == 25.0


def test_no_point_of_a_volume_differs_more_in_radius_than_the_pad(
    rng: np.random.Generator,
) -> None:
    for radius in (6600.0, 7000.0, 42164.0):
        pad = radial_pad(BOX, np.array([radius]))[0]
        corner = np.array([0.4, 12.0, 25.0]) * rng.choice([-1.0, 1.0], (200, 3))
        points = np.concatenate([corner, corner * rng.random((200, 3))])
        r = np.sqrt((radius + points[:, 0]) ** 2 + points[:, 1] ** 2 + points[:, 2] ** 2)
        assert np.abs(r - radius).max() <= pad + 1e-9
        assert pad < 0.46
