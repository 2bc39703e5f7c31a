"""The pictures of a run: they show the numbers they were given, and say what they leave out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.dates import num2date
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, Rectangle, StepPatch

from tracss_hpc.catalog.regimes import OCM_REGIMES, REGIMES
from tracss_hpc.catalog.volumes import handbook_volumes
from tracss_hpc.report.figures import (
    draw_all,
    draw_probability,
    draw_regime_pairs,
    draw_relative_speed,
    draw_rtn,
    draw_timeline,
    save_figures,
)
from tracss_hpc.report.theme import REGIME_COLORS

Columns = dict[str, np.ndarray]
START = "2025-09-01T12:00:00"
TITLE = "Catalog of 9 objects, one day"


def make_objects(regimes: list[str], *, days: float | None = 1.0) -> Columns:
    volumes = handbook_volumes(regimes)
    n = len(regimes)
    return {
        "regime": np.array(regimes, dtype="<U10"),
        "screen_volume_shape": np.full(n, "BOX", dtype="<U9"),
        "screen_volume_x": volumes.r_km,
        "screen_volume_y": volumes.t_km,
        "screen_volume_z": volumes.n_km,
        "span_days": volumes.span_days if days is None else np.full(n, days),
    }


def make_conjunctions(objects: Columns, n: int, rng: np.random.Generator) -> Columns:
    """n random conjunctions inside object 1's volume and span."""
    first = rng.integers(0, len(objects["regime"]), n)
    position = {
        f"sat1_relative_position_{axis}": rng.uniform(-1e3, 1e3, n)
        * objects[f"screen_volume_{size}"][first]
        for axis, size in zip("rtn", "xyz", strict=True)
    }
    return {
        "object1": first,
        "object2": rng.integers(0, len(objects["regime"]), n),
        "tca": rng.uniform(0.0, 86400.0 * objects["span_days"][first]),
        "miss_distance": np.sqrt(np.sum([p**2 for p in position.values()], axis=0)),
        "relative_speed": rng.uniform(0.0, 15e3, n),
        "collision_probability": 10.0 ** rng.uniform(-12, -2, n),
        **position,
    }


@pytest.fixture
def objects() -> Columns:
    return make_objects(["LEO 1", "LEO 2", "LEO 2", "LEO 3", "LEO 4", "HEO", "MEO", "GEO", "GEO"])


def text_of(figure: Figure) -> str:
    """All the words of a figure."""
    return "\n".join(item.get_text() for item in figure.findobj(matplotlib.text.Text))


def stairs(axes: Axes) -> list[StepPatch]:
    return [patch for patch in axes.patches if isinstance(patch, StepPatch)]


def main_axes(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]


def test_timeline_by_hand(objects: Columns) -> None:
    """Three of LEO 2 at the first minute, one of GEO in the last quarter of an hour of the day."""
    conjunctions = {
        "tca": np.array([10.0, 20.0, 30.0, 86399.0]),
        "object1": np.array([1, 2, 1, 7]),
    }
    figure = draw_timeline(objects, conjunctions, START, TITLE)
    above, below = main_axes(figure)
    low, high = stairs(above)
    values, edges, _ = low.get_data()
    assert len(values) == 96
    assert values[0] == 3
    assert values[1:].sum() == 0
    values, _, base = high.get_data()
    assert values[-1] - base[-1] == 1
    assert num2date(edges[0]).isoformat() == "2025-09-01T12:00:00+00:00"
    assert num2date(edges[-1]).isoformat() == "2025-09-02T12:00:00+00:00"
    assert below.get_xlim() == (edges[0], edges[-1])
    words = text_of(figure)
    assert "LEO 2 (3)" in words
    assert "GEO (1)" in words
    assert "conjunctions per 15 min" in words
    assert "UTC" in below.get_xlabel()


@pytest.mark.parametrize(
    ("days", "unit", "bins"),
    [(0.25, "5 min", 72), (1.0, "15 min", 96), (5.0, "2 h", 60), (10.0, "3 h", 80)],
)
def test_timeline_bins_follow_the_window(
    days: float, unit: str, bins: int, rng: np.random.Generator
) -> None:
    objects = make_objects(["LEO 2", "GEO"], days=days)
    conjunctions = make_conjunctions(objects, 500, rng)
    figure = draw_timeline(objects, conjunctions, START, TITLE)
    above, below = main_axes(figure)
    assert f"conjunctions per {unit}" in above.get_ylabel()
    assert "the last bin is shorter" not in text_of(figure)
    assert sum(patch.get_data()[0].sum() for patch in stairs(below)) == 500
    assert len(stairs(below)[0].get_data()[0]) == bins


def test_timeline_says_when_the_last_bin_is_shorter(rng: np.random.Generator) -> None:
    objects = make_objects(["LEO 2"], days=1.003)
    figure = draw_timeline(objects, make_conjunctions(objects, 50, rng), START, TITLE)
    assert "the last bin is shorter" in text_of(figure)
    assert sum(patch.get_data()[0].sum() for patch in stairs(main_axes(figure)[1])) == 50


def test_timeline_reaches_to_the_last_conjunction_when_no_span_is_known() -> None:
    objects = make_objects(["LEO 2"], days=np.nan)
    conjunctions = {"tca": np.array([5.0, 7200.0]), "object1": np.array([0, 0])}
    values, edges, _ = stairs(main_axes(draw_timeline(objects, conjunctions, START, TITLE))[1])[
        0
    ].get_data()
    assert values.sum() == 2
    assert num2date(edges[-1]).isoformat() == "2025-09-01T14:00:00+00:00"


def test_rtn_rows_and_boxes(objects: Columns, rng: np.random.Generator) -> None:
    figure = draw_rtn(objects, make_conjunctions(objects, 200, rng), TITLE)
    axes = main_axes(figure)
    assert len(axes) == 6  # radial half sizes 0.4 and 24.5 km, three planes each
    boxes = [patch for patch in axes[0].patches if isinstance(patch, Rectangle)]
    sizes = {(box.get_width(), box.get_height()) for box in boxes}
    assert sizes == {(88.0, 0.8), (50.0, 0.8), (24.0, 0.8), (4.0, 0.8)}
    assert [ax.get_xlabel() for ax in axes[:3]] == [
        "in-track T [km]",
        "cross-track N [km]",
        "in-track T [km]",
    ]
    assert len(axes[3].patches) == 1  # HEO, MEO and GEO share one volume
    assert "MEO,\nHEO,\nGEO" in text_of(figure)


def test_rtn_puts_components_where_they_belong(objects: Columns) -> None:
    conjunctions = {
        "object1": np.array([7]),
        "sat1_relative_position_r": np.array([1000.0]),
        "sat1_relative_position_t": np.array([-2000.0]),
        "sat1_relative_position_n": np.array([3000.0]),
    }
    panels = main_axes(draw_rtn(objects, conjunctions, TITLE))
    points = [tuple(float(v[0]) for v in axes.lines[0].get_data()) for axes in panels]
    assert points == [(-2.0, 1.0), (3.0, 1.0), (-2.0, 3.0)]


def test_rtn_counts_every_conjunction_on_one_scale(
    objects: Columns, rng: np.random.Generator
) -> None:
    figure = draw_rtn(objects, make_conjunctions(objects, 40_000, rng), TITLE)
    meshes = [
        mesh for axes in main_axes(figure) for mesh in axes.collections if type(mesh) is QuadMesh
    ]
    totals = [int(mesh.get_array().sum()) for mesh in meshes]
    assert totals[0] + totals[3] == 40_000
    assert totals[:3] == [totals[0]] * 3
    assert len({mesh.get_clim() for mesh in meshes[:3]}) == 1
    fullest = max(float(mesh.get_array().max()) for mesh in meshes[:3])
    assert meshes[0].get_clim() == (1.0, fullest)


def test_rtn_draws_a_sphere_as_a_circle(objects: Columns, rng: np.random.Generator) -> None:
    for axis in "xyz":
        objects[f"screen_volume_{axis}"] = np.full(len(objects["regime"]), 5.0)
    objects["screen_volume_shape"][:] = "ELLIPSOID"
    panels = main_axes(draw_rtn(objects, make_conjunctions(objects, 50, rng), TITLE))
    assert len(panels) == 3
    (circle,) = panels[0].patches
    assert isinstance(circle, Ellipse)
    assert (circle.width, circle.height) == (10.0, 10.0)


def test_rtn_says_which_volumes_it_leaves_out(rng: np.random.Generator) -> None:
    objects = make_objects(["LEO 2"] * 6)
    objects["screen_volume_x"] = np.arange(1.0, 7.0)
    conjunctions = make_conjunctions(objects, 21, rng)
    conjunctions["object1"] = np.repeat(np.arange(6), np.arange(1, 7))
    figure = draw_rtn(objects, conjunctions, TITLE)
    assert len(main_axes(figure)) == 12
    assert "3 conjunctions with other volumes are not drawn" in text_of(figure).replace("\n", " ")


def test_probability_counts_what_it_cannot_draw() -> None:
    conjunctions = {
        "miss_distance": np.array([10.0, 100.0, 1e3, 1e4, 2e4, 0.0, 3e4]),
        "collision_probability": np.array([1e-3, 1e-5, 0.0, np.nan, 1e-200, 1e-3, 0.0]),
    }
    figure = draw_probability(conjunctions, TITLE)
    (axes,) = main_axes(figure)
    x, y = axes.lines[0].get_data()
    np.testing.assert_array_equal(x, [10.0, 100.0])
    np.testing.assert_array_equal(y, [1e-3, 1e-5])
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    words = text_of(figure).replace("\n", " ")
    assert "2 of 7 drawn" in words
    assert "1 blank, 2 exactly 0, 1 below 1e-20, 1 at miss distance zero" in words
    # 1e-4 lies within the axis; 1e-7 below all points has no line. The row at miss 0 counts.
    assert "2 at or above 1e-4" in words
    assert "1e-7" not in words


def test_probability_of_many_is_a_density(objects: Columns, rng: np.random.Generator) -> None:
    conjunctions = make_conjunctions(objects, 20_000, rng)
    (axes,) = main_axes(draw_probability(conjunctions, TITLE))
    (mesh,) = (item for item in axes.collections if type(item) is QuadMesh)
    assert int(mesh.get_array().sum()) == 20_000


def test_regime_pairs_by_hand(objects: Columns) -> None:
    """LEO 2 with LEO 2 twice; LEO 1 with GEO once each way round."""
    conjunctions = {"object1": np.array([1, 2, 0, 7]), "object2": np.array([2, 1, 8, 0])}
    figure = draw_regime_pairs(objects, conjunctions, TITLE)
    (axes,) = main_axes(figure)
    names = [tick.get_text() for tick in axes.get_xticklabels()]
    assert names == ["LEO 1", "LEO 2", "LEO 3", "LEO 4", "MEO", "HEO", "GEO"]
    counts = np.ma.filled(axes.images[0].get_array(), 0)
    expected = np.zeros((7, 7))
    expected[1, 1] = 2
    expected[0, 6] = expected[6, 0] = 2
    np.testing.assert_array_equal(counts, expected)
    written = np.zeros((7, 7))
    for text in axes.texts:
        column, row = text.get_position()
        written[int(row), int(column)] = int(text.get_text())
    np.testing.assert_array_equal(written, expected)


def test_relative_speed_by_hand(objects: Columns) -> None:
    conjunctions = {
        "object1": np.array([0, 1, 5, 7]),
        "object2": np.array([1, 5, 3, 8]),
        "relative_speed": np.array([14_900.0, 9_000.0, 22_100.0, 5.0]),
    }
    figure = draw_relative_speed(objects, conjunctions, TITLE)
    (axes,) = main_axes(figure)
    words = text_of(figure)
    for label in ("LEO with LEO (1)", "LEO with higher (2)", "higher with higher (1)"):
        assert label in words
    assert "1 below 100 m/s, 1 below 10 m/s" in words
    assert "Fastest: 22.10 km/s" in words
    values, edges, _ = stairs(axes)[0].get_data()
    assert values[np.searchsorted(edges, 14.9) - 1] == 1.0
    assert axes.get_xlim()[1] >= 22.1  # faster than any orbit: still drawn
    assert "[km/s]" in axes.get_xlabel()


@pytest.mark.parametrize("rows", [0, 1, 7])
def test_few_and_none(objects: Columns, rows: int, rng: np.random.Generator) -> None:
    """Warnings are errors, here as everywhere. Texts as read from HDF5: arrays of objects."""
    for name in ("regime", "screen_volume_shape"):
        objects[name] = objects[name].astype(object)
    figures = draw_all(objects, make_conjunctions(objects, rows, rng), START, TITLE)
    for name, figure in figures.items():
        figure.draw_without_rendering()
        assert TITLE in text_of(figure), name
        if rows == 0 and name != "regime_pairs":
            assert "no conjunction" in text_of(figure), name
        for axes in main_axes(figure):
            assert axes.get_xlabel() or name == "timeline"
            assert axes.get_ylabel()


def test_no_objects_at_all(rng: np.random.Generator) -> None:
    full = make_objects(["LEO 1"])
    some = make_conjunctions(full, 2, rng)
    conjunctions = {name: column[:0] for name, column in some.items()}
    objects = {name: column[:0] for name, column in full.items()}
    for figure in draw_all(objects, conjunctions, START, TITLE).values():
        figure.draw_without_rendering()


def test_saved_files_are_equal_and_apart_from_the_readers_settings(
    objects: Columns, tmp_path: Path, rng: np.random.Generator
) -> None:
    conjunctions = make_conjunctions(objects, 5000, rng)
    first = save_figures(draw_all(objects, conjunctions, START, TITLE), tmp_path / "new" / "a")
    with matplotlib.rc_context({"font.size": 30.0, "timezone": "Asia/Tokyo"}):
        before = dict(matplotlib.rcParams)
        second = save_figures(draw_all(objects, conjunctions, START, TITLE), tmp_path / "b")
        assert dict(matplotlib.rcParams) == before
    assert [path.name for path in first] == [
        f"{name}.png"
        for name in ("timeline", "rtn", "probability", "regime_pairs", "relative_speed")
    ]
    for one, other in zip(first, second, strict=True):
        data = one.read_bytes()
        assert data.startswith(b"\x89PNG")
        assert b"Software" not in data
        assert data == other.read_bytes(), one.name


def test_every_regime_has_its_colour() -> None:
    assert set(REGIMES) | set(OCM_REGIMES) == set(REGIME_COLORS)


def test_no_display_and_no_pyplot() -> None:
    program = "import sys, tracss_hpc.report.figures; sys.exit('matplotlib.pyplot' in sys.modules)"
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", program], cwd=root, check=False).returncode == 0
