"""How every figure looks: colours, sizes, heading and note, density panels.

Feeds figures.py. Figures are made without pyplot, so nothing is kept alive behind the caller and no
display is needed. Colours keep apart for colour-blind readers and in grey print: near-Earth regimes
are one blue ramp by height, the others Okabe and Ito's vermilion, orange, green and purple.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import matplotlib
import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, Patch, Rectangle
from numpy.typing import NDArray

__all__ = [
    "EMPTY_NOTE",
    "PAIR_COLORS",
    "REGIME_COLORS",
    "SHARED_COLOR",
    "add_colorbar",
    "decade_edges",
    "density",
    "mark_empty",
    "new_figure",
    "outline",
    "theme",
]

#: Colour of each regime of handbook tables 3.4.1 and 3.4.2, in the order of drawing.
REGIME_COLORS = {
    "LEO 1": "#08306b",
    "LEO 2": "#1f5fa8",
    "LEO 3": "#4f9ed3",
    "LEO 4": "#a3d0ea",
    "Near Earth": "#1f5fa8",
    "MEO": "#009e73",
    "HEO": "#d55e00",
    "GEO": "#e69f00",
    "Deep Space": "#cc79a7",
    "Other": "#7f7f7f",
}
#: For what belongs to several regimes at once.
SHARED_COLOR = "#404040"
#: Colours of the classes of pairs: both low, one low, none low.
PAIR_COLORS = ("#1f5fa8", "#d55e00", "#111111")

EMPTY_NOTE = "no conjunctions"

_STYLE = {
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9.0,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.use_mathtext": True,
    "grid.color": "#d9d9d9",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
}
_COLOR_MAP = "cividis_r"
#: With fewer points than this each is drawn as a dot; cells of a density would be hard to see.
_FEW = 3000
#: Characters per inch of figure width at the sizes of title and note.
_WRAP_TITLE, _WRAP_NOTE = 13, 15


@contextmanager
def theme() -> Iterator[None]:
    """The one look, whatever the caller's own settings are; also usable as a decorator."""
    with style.context(["default", _STYLE]):
        yield


def new_figure(
    heading: str, title: str, note: str = "", *, width_in: float = 9.0, height_in: float = 5.5
) -> Figure:
    """A figure with a heading, below it the run (`title`), and a note at the foot.

    Parameters
    ----------
    heading : str
        What is drawn.
    title : str
        Catalog and window of the run; long lines are wrapped.
    note : str
        What a reader must know to read it rightly: counts left out, definitions.
    width_in, height_in : float
        Size [inch].
    """
    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    lines = [heading, *(part for line in title.splitlines()
                        for part in textwrap.wrap(line, int(width_in * _WRAP_TITLE)))]  # fmt: skip
    figure.suptitle("\n".join(lines), fontsize=10.0)
    if note:
        figure.supxlabel(
            textwrap.fill(note, int(width_in * _WRAP_NOTE)),
            x=0.01,
            horizontalalignment="left",
            fontsize=8.0,
            color="#404040",
        )
    return figure


def density(
    axes: Axes,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    x_edges: NDArray[np.float64],
    y_edges: NDArray[np.float64],
) -> QuadMesh | None:
    """Draw a cloud of any number of points within the edges: dots when few, else counts per cell.

    Parameters
    ----------
    axes : Axes
    x, y : ndarray, shape (n,)
    x_edges, y_edges : ndarray
        Ascending edges of the cells, which are also the limits of the axes.

    Returns
    -------
    QuadMesh or None
        The cells, coloured by the logarithm of their count on a scale from 1 to the fullest cell
        of this panel; None when dots were drawn.
    """
    axes.set_xlim(x_edges[0], x_edges[-1])
    axes.set_ylim(y_edges[0], y_edges[-1])
    if len(x) < _FEW:
        color = matplotlib.colormaps[_COLOR_MAP](0.8)
        axes.plot(x, y, ".", color=color, markersize=2.5, rasterized=True)
        return None
    counts, _, _ = np.histogram2d(x, y, bins=[x_edges, y_edges])
    # LogNorm needs an upper end above 1 even if no cell holds two points.
    norm = LogNorm(1.0, max(2.0, float(counts.max())))
    cells = np.ma.masked_equal(counts.T, 0.0)
    return axes.pcolormesh(x_edges, y_edges, cells, norm=norm, cmap=_COLOR_MAP, rasterized=True)


def add_colorbar(
    figure: Figure, mappables: Sequence[ScalarMappable], axes: Sequence[Axes], label: str
) -> None:
    """One colour bar beside `axes` for all `mappables`, which are brought to one scale from 1."""
    top = max(float(mappable.get_clim()[1] or 1.0) for mappable in mappables)
    for mappable in mappables:
        mappable.set_clim(1.0, top)
    bar = figure.colorbar(mappables[0], ax=list(axes), pad=0.01, shrink=0.9)
    bar.set_label(label)
    bar.ax.grid(False)


def mark_empty(axes: Axes, text: str = EMPTY_NOTE) -> None:
    """Say in the middle of empty axes that there is nothing to draw."""
    axes.text(
        0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="#606060"
    )  # fmt: skip


def decade_edges(values: NDArray[np.float64], cells: int) -> NDArray[np.float64]:
    """Logarithmic edges over the whole decades that hold all values, which are positive."""
    low = np.floor(np.log10(values.min()))
    high = max(np.ceil(np.log10(values.max())), low + 1.0)
    return np.logspace(low, high, cells + 1)


def outline(half_x: float, half_y: float, shape: str, color: str, *, label: str = "") -> Patch:
    """Edge of a volume, ``BOX`` or ``ELLIPSOID`` of the given half sizes, in one plane."""
    patch: Patch
    if shape == "ELLIPSOID":
        patch = Ellipse((0.0, 0.0), 2.0 * half_x, 2.0 * half_y)
    else:
        patch = Rectangle((-half_x, -half_y), 2.0 * half_x, 2.0 * half_y)
    patch.set(facecolor="none", edgecolor=color, linewidth=1.5, label=label)
    return patch
