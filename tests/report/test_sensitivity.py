"""The picture of a sensitivity map shows its numbers and says what it leaves out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.assess.test_encounter import HBR, PAIR
from tracss_hpc.assess.sensitivity import SensitivityMap, sensitivity_map
from tracss_hpc.report.figures import save_figures
from tracss_hpc.report.sensitivity import draw_sensitivity

TITLE = "25544 and 30648, 2025-09-01T12:00:00"


def words(sensitivity: SensitivityMap, folder: Path) -> str:
    """Draw, save, and give all that is written about the map."""
    figure = draw_sensitivity(sensitivity, TITLE)
    assert save_figures({"map": figure}, folder)[0].stat().st_size > 10_000
    axes = figure.axes[0]
    legend = axes.get_legend()
    labels = [t.get_text() for t in legend.get_texts()] if legend else []
    texts = [t.get_text() for t in axes.texts]
    return "\n".join([figure.get_suptitle(), figure.get_supxlabel(), *labels, *texts])


def test_points_and_numbers(tmp_path: Path) -> None:
    s = sensitivity_map(*(a[0] for a in PAIR), HBR[0])
    text = words(s, tmp_path)
    peak, kp, ks = s.peak
    assert TITLE in text
    assert f"{peak:.3g} at kp = {kp:.3g}" in text.replace("\n", " ")
    figure = draw_sensitivity(s, TITLE)
    axes = figure.axes[0]
    marked = [tuple(float(v[0]) for v in line.get_data()) for line in axes.lines]
    assert marked == [(1.0, 1.0), (ks, kp)]
    assert axes.get_xscale() == axes.get_yscale() == "log"
    colours = axes.collections[0].get_array()
    np.testing.assert_array_equal(np.ravel(colours), np.ravel(s.probability))


def test_what_is_left_out(tmp_path: Path) -> None:
    pc = np.full((3, 3), 1e-3)
    pc[0, 0] = np.nan
    pc[2, 2] = 1e-30
    k = np.array([0.5, 1.0, 2.0])
    text = words(SensitivityMap(k, k, pc, 1e-3), tmp_path).replace("\n", " ")
    assert "1 points without a probability" in text
    assert "1 points below 1e-13" in text


def test_nothing_to_draw(tmp_path: Path) -> None:
    k = np.array([0.5, 2.0])
    for value in (0.0, np.nan):
        text = words(SensitivityMap(k, k, np.full((2, 2), value), value), tmp_path)
        assert "no probability above zero" in text
