"""The picture of an assessment: stated against computed probability, with what is to be doubted.

Fed by columns of `runs.assess`; feeds the command `assess`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from tracss_hpc.assess.coppola import EXTENDED_LIMIT, OFFSET_LIMIT
from tracss_hpc.assess.nc2d import INACCURATE_LIMIT
from tracss_hpc.report.theme import mark_empty, new_figure, theme

__all__ = ["draw_assessed"]

#: Probabilities below this are counted in the note; an axis to 1e-300 would hide all that matters.
_PC_FLOOR = 1e-30
_SOUND, _FLAGGED, _INACCURATE = "#1f5fa8", "#e69f00", "#d55e00"
_MONTE_CARLO = "#111111"
#: Least and greatest half height of the panel of ratios, in decades; beyond stands at its edge.
_RATIO_DECADES = (0.005, 1.0)
#: With less than this the panel is linear [decades].
_LINEAR_DECADES = 0.3
_MANY = 2000


@theme()
def draw_assessed(columns: Mapping[str, NDArray[Any]], title: str) -> Figure:
    """Computed over stated probability, and their ratio below; Nc2D and Monte Carlo where known.

    Parameters
    ----------
    columns : mapping of str to ndarray
        As `runs.assess.assess_files` returns them.
    title : str
        What was assessed and by which methods.
    """
    stated = np.asarray(columns["stated_collision_probability"], dtype=np.float64)
    computed = np.asarray(columns["collision_probability"], dtype=np.float64)
    with np.errstate(invalid="ignore"):
        shown = (stated >= _PC_FLOOR) & (computed >= _PC_FLOOR)
        wrong = columns["inaccurate"] > INACCURATE_LIMIT
        long = (columns["extended"] > EXTENDED_LIMIT) | (columns["offset"] > OFFSET_LIMIT)
    left_out = int((~shown).sum())
    figure = new_figure(
        "Collision probability: computed here against stated",
        title,
        f"Inaccurate: Nc2D on curved orbits is more than {INACCURATE_LIMIT:.0%} off the 2-D "
        f"probability. Long or offset: the encounter is longer than {EXTENDED_LIMIT:.0%} or ends "
        f"farther from TCA than {OFFSET_LIMIT:.0%} of a revolution. Ratios beyond the lower panel "
        "stand at its edge."
        + (f" {left_out:,} left out: no probability stated or computed, or below "
           f"{_PC_FLOOR:.0e}." if left_out else ""),
        width_in=7.5,
        height_in=8.0,
    )  # fmt: skip
    upper, lower = figure.subplots(2, 1, height_ratios=(3.0, 1.0), sharex=True)
    lower.set(xscale="log", xlabel="stated probability", ylabel="computed / stated")
    upper.set_ylabel("computed probability")
    if not shown.any():
        mark_empty(upper, "no stated and computed probability above the floor")
        return figure
    classes = (
        ("2-D holds", _SOUND, "o", shown & ~wrong & ~long),
        ("long or offset", _FLAGGED, "s", shown & ~wrong & long),
        ("2-D inaccurate", _INACCURATE, "D", shown & wrong),
    )
    size = 5.0 if shown.sum() < _MANY else 2.0
    low, high = np.log10(stated[shown].min()), np.log10(stated[shown].max())
    ends = 10.0 ** np.array([np.floor(low - 0.2), np.ceil(high + 0.2)])
    upper.plot(ends, ends, "-", color="#7f7f7f", linewidth=0.8)
    lower.plot(ends, [1.0, 1.0], "-", color="#7f7f7f", linewidth=0.8)
    with np.errstate(divide="ignore", invalid="ignore"):
        decades = np.log10(computed / stated)
    half = float(np.clip(1.2 * np.abs(decades[shown]).max(), *_RATIO_DECADES))
    ratio = 10.0 ** np.clip(decades, -half, half)
    for name, color, marker, rows in classes:
        if rows.any():
            style: dict[str, Any] = {
                "marker": marker, "color": color, "linestyle": "none", "markersize": size,
                "rasterized": True,
            }  # fmt: skip
            upper.plot(stated[rows], computed[rows], label=f"{name} ({rows.sum():,})", **style)
            lower.plot(stated[rows], ratio[rows], **style)
    _draw_better(upper, columns, stated, computed, shown)
    upper.set(xscale="log", yscale="log", xlim=tuple(ends))
    if half > _LINEAR_DECADES:
        lower.set_yscale("log")
        lower.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        lower.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    lower.set_ylim(10.0 ** (-1.05 * half), 10.0 ** (1.05 * half))
    for axis in (upper.xaxis, upper.yaxis, lower.yaxis):
        axis.set_minor_formatter(NullFormatter())
    upper.legend(loc="upper left")
    return figure


def _draw_better(
    axes: Axes,
    columns: Mapping[str, NDArray[Any]],
    stated: NDArray[np.float64],
    computed: NDArray[np.float64],
    shown: NDArray[np.bool_],
) -> None:
    """Nc2D where 2-D is inaccurate, on a line from its value; Monte Carlo with its interval."""
    curved = np.asarray(columns["nc2d"], dtype=np.float64)
    with np.errstate(invalid="ignore"):
        rows = shown & (columns["inaccurate"] > INACCURATE_LIMIT) & (curved >= _PC_FLOOR)
    if rows.any():
        axes.vlines(stated[rows], computed[rows], curved[rows], color=_INACCURATE, linewidth=0.8)
        axes.plot(stated[rows], curved[rows], marker="D", markerfacecolor="white", markersize=5.0,
                  markeredgecolor=_INACCURATE, linestyle="none", label="Nc2D of those")  # fmt: skip
    if "monte_carlo_probability" not in columns:
        return
    counted = columns["monte_carlo_probability"]
    rows = shown & (counted > 0.0)
    if rows.any():
        spread = np.abs(
            np.stack([columns["monte_carlo_lower"], columns["monte_carlo_upper"]]) - counted
        )
        axes.errorbar(stated[rows], counted[rows], yerr=spread[:, rows], fmt="_", markersize=7.0,
                      color=_MONTE_CARLO, linewidth=1.0, label="Monte Carlo, 95 %")  # fmt: skip
