"""The picture of a sensitivity map: probability over factors of both objects' sigmas.

Fed by `assess.sensitivity`; feeds the report.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from tracss_hpc.assess.sensitivity import SensitivityMap
from tracss_hpc.report.theme import mark_empty, new_figure, theme

__all__ = ["draw_sensitivity"]

#: Usual lines: warning level of most operators, and default of export.cdm_min_pc.
_PC_LINES = {1e-7: "1e-7", 1e-4: "1e-4"}
#: The colours span so many decades below the greatest probability; less is drawn as the least.
_DECADES = 10
_TICKS = (1.0, 2.0, 5.0)


@theme()
def draw_sensitivity(sensitivity: SensitivityMap, title: str) -> Figure:
    """Probability of one conjunction over kp and ks, all three logarithmic.

    Parameters
    ----------
    sensitivity : SensitivityMap
    title : str
        Names of both objects and TCA; stands below the heading.
    """
    s = sensitivity
    peak, peak_kp, peak_ks = s.peak
    floor = peak * 10.0**-_DECADES
    blank = int(np.isnan(s.probability).sum())
    less = int((s.probability < floor).sum())
    figure = new_figure(
        "Collision probability over the size of both covariances",
        title,
        f"Factors multiply the sigmas of object 1 (kp) and of object 2 (ks). As given: "
        f"{s.nominal:.3g}; greatest of the map: {peak:.3g} at kp = {peak_kp:.3g}, "
        f"ks = {peak_ks:.3g}. Thin lines: whole decades."
        + (f" {less:,} points below {floor:.1g} have its colour." if less else "")
        + (f" {blank:,} points without a probability are left out." if blank else ""),
        width_in=7.5,
        height_in=6.8,
    )
    axes = figure.subplots()
    _set_axes(axes, s)
    if not peak > 0.0:
        mark_empty(axes, "no probability above zero")
        return figure
    shown = np.ma.masked_invalid(np.maximum(s.probability, floor))
    cells = axes.pcolormesh(
        s.ks, s.kp, shown, norm=LogNorm(floor, peak), cmap="cividis_r", shading="gouraud",
        rasterized=True,
    )  # fmt: skip
    bar = figure.colorbar(cells, ax=axes, pad=0.01, shrink=0.9)
    bar.set_label("collision probability")
    bar.ax.grid(False)
    # Of the logarithm: between points the probability changes by decades.
    decades = np.ma.log10(shown)
    lines = [line for line in _PC_LINES if np.nanmin(s.probability) < line < peak]
    whole = np.setdiff1d(np.arange(np.ceil(np.log10(floor)), np.log10(peak)), np.log10(lines))
    axes.contour(s.ks, s.kp, decades, whole, colors="white", linewidths=0.5, linestyles="-",
                 alpha=0.6)  # fmt: skip
    if lines:
        drawn = axes.contour(s.ks, s.kp, decades, np.log10(lines), colors="#d55e00",
                             linewidths=1.4, linestyles="-")  # fmt: skip
        names = dict(zip(drawn.levels, (_PC_LINES[line] for line in lines), strict=True))
        axes.clabel(drawn, fmt=names, fontsize=8.0)
    style: dict[str, Any] = {"markeredgecolor": "#111111", "linestyle": "none", "markersize": 10.0}
    axes.plot(1.0, 1.0, "P", color="white", label=f"as given, {s.nominal:.2g}", **style)
    axes.plot(peak_ks, peak_kp, "o", color="#d55e00", label=f"greatest, {peak:.2g}", **style)
    axes.legend(loc="upper left", bbox_to_anchor=(0.0, 1.07), ncols=2)
    return figure


def _set_axes(axes: Axes, s: SensitivityMap) -> None:
    axes.set(xscale="log", yscale="log", xlim=(s.ks[0], s.ks[-1]), ylim=(s.kp[0], s.kp[-1]))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=_TICKS))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("factor ks of the sigmas of object 2")
    axes.set_ylabel("factor kp of the sigmas of object 1")
