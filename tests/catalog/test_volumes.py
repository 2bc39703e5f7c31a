"""Volumes and spans per object."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tracss_hpc.catalog.volumes import handbook_volumes, uniform_volume
from tracss_hpc.errors import ConfigError


def test_volumes_follow_the_regimes() -> None:
    volumes = handbook_volumes(["LEO 1", "GEO", "LEO 1", "LEO 4"])
    assert volumes.shape == "BOX"
    assert len(volumes) == 4
    assert volumes.r_km.tolist() == [0.4, 24.5, 0.4, 0.4]
    assert volumes.t_km.tolist() == [44.0, 24.5, 44.0, 2.0]
    assert volumes.n_km.tolist() == [51.0, 24.5, 51.0, 2.0]
    assert volumes.span_days.tolist() == [5.0, 10.0, 5.0, 5.0]
    assert all(array.flags.c_contiguous for array in (volumes.r_km, volumes.n_km))


def test_tables_differ() -> None:
    assert handbook_volumes(["Deep Space"], table="HAC").r_km.tolist() == [24.5]
    assert handbook_volumes(["Deep Space"], table="OCM").r_km.tolist() == [49.0]
    assert len(handbook_volumes([])) == 0


@pytest.mark.parametrize(("name", "table"), [("LEO1", "HAC"), ("LEO 1", "OCM")])
def test_unknown_regime_is_named(name: str, table: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        handbook_volumes([name], table=table)
    assert caught.value.given == name
    assert repr(name) in str(caught.value)


def test_uniform_volume() -> None:
    sphere = uniform_volume(3, "ellipsoid", 5.0, 5.0, 5.0, span_days=7.0)
    assert sphere.shape == "ELLIPSOID"
    assert sphere.n_km.tolist() == [5.0] * 3
    assert sphere.span_days.tolist() == [7.0] * 3
    assert np.isnan(uniform_volume(2, "BOX", 1.0, 2.0, 3.0).span_days).all()
    assert uniform_volume(2, "BOX", 1, 2, 3, [5.0, 10.0]).span_days.tolist() == [5.0, 10.0]


@pytest.mark.parametrize(
    ("shape", "sizes", "key", "given"),
    [
        ("CYLINDER", (1.0, 1.0, 1.0), "screening.volumes.shape", "CYLINDER"),
        ("BOX", (0.0, 1.0, 1.0), "screening.volumes.r_km", 0.0),
        ("BOX", (1.0, -2.0, 1.0), "screening.volumes.t_km", -2.0),
        ("BOX", (1.0, 1.0, float("inf")), "screening.volumes.n_km", float("inf")),
    ],
)
def test_bad_volume_is_named(
    shape: str, sizes: tuple[float, float, float], key: str, given: object
) -> None:
    with pytest.raises(ConfigError) as caught:
        uniform_volume(2, shape, *sizes)
    assert (caught.value.key, caught.value.given) == (key, given)
    assert repr(given) in str(caught.value)
