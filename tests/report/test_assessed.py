"""The picture of an assessment shows its classes and says what it leaves out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.report.assessed import draw_assessed
from tracss_hpc.report.figures import save_figures

TITLE = "7 conjunctions; FOSTER-1992 over the circle, preset tracss"


def columns(**changes: list[float]) -> dict[str, NDArray[Any]]:
    """Seven rows: three sound ones, a long one, an inaccurate one, one below, one not stated."""
    nan = np.nan
    given: dict[str, list[float]] = {
        "stated_collision_probability": [1e-3, 1e-4, 1e-5, 1e-6, 1e-20, 1e-40, nan],
        "collision_probability": [1e-3, 1.1e-4, 1e-5, 1e-6, 1e-20, 1e-40, 1e-3],
        "extended": [1e-4, 1e-4, 1e-4, 0.03, 1e-4, 1e-4, nan],
        "offset": [1e-4] * 7,
        "inaccurate": [nan, nan, 0.01, nan, 1.0, nan, nan],
        "nc2d": [nan, nan, 1e-5, nan, 1.5e-4, nan, nan],
    }
    return {name: np.array(column) for name, column in (given | changes).items()}


def words(rows: dict[str, NDArray[Any]], folder: Path) -> str:
    """Draw, save, and give all that is written."""
    figure = draw_assessed(rows, TITLE)
    assert save_figures({"assessed": figure}, folder)[0].stat().st_size > 10_000
    legend = figure.axes[0].get_legend()
    labels = [t.get_text() for t in legend.get_texts()] if legend else []
    texts = [t.get_text() for t in figure.axes[0].texts]
    written = [figure.get_suptitle(), figure.get_supxlabel(), *labels, *texts]
    return " ".join(written).replace("\n", " ")


def test_classes(tmp_path: Path) -> None:
    text = words(columns(), tmp_path)
    assert TITLE in text
    assert "2-D holds (3)" in text
    assert "long or offset (1)" in text
    assert "2-D inaccurate (1)" in text
    assert "Nc2D of those" in text
    assert "Monte Carlo" not in text
    assert "2 left out" in text


def test_ratio_panel(tmp_path: Path) -> None:
    lower = draw_assessed(columns(), TITLE).axes[1]
    assert lower.get_yscale() == "linear"
    low, high = lower.get_ylim()
    assert low < 1.0 / 1.1 < 1.1 < high < 1.2
    far = columns(collision_probability=[1e-3, 1e-4, 5.0e-5, 1e-6, 1e-20, 1e-40, np.nan])
    lower = draw_assessed(far, TITLE).axes[1]
    assert lower.get_yscale() == "log"
    assert 5.0 < lower.get_ylim()[1] < 11.0


def test_monte_carlo(tmp_path: Path) -> None:
    more = {
        "monte_carlo_probability": [np.nan, np.nan, np.nan, np.nan, 1.4e-4, np.nan, np.nan],
        "monte_carlo_lower": [np.nan, np.nan, np.nan, np.nan, 1.2e-4, np.nan, np.nan],
        "monte_carlo_upper": [np.nan, np.nan, np.nan, np.nan, 1.6e-4, np.nan, np.nan],
    }
    assert "Monte Carlo, 95 %" in words(columns(**more), tmp_path)


def test_nothing_to_draw(tmp_path: Path) -> None:
    text = words(columns(stated_collision_probability=[np.nan] * 7), tmp_path)
    assert "no stated and computed probability" in text
    assert "7 left out" in text
