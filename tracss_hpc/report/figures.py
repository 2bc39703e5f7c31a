"""The pictures of a run: pure functions from columns of results.h5 to matplotlib figures.

Fed by groups `objects` and `conjunctions` of a results file, as columns named there; feeds the run
directory and the report page. Nothing is dropped silently: what a logarithmic axis cannot show is
counted in the note below the axes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter
from numpy.typing import NDArray

from tracss_hpc.constants import DAY_S
from tracss_hpc.epochs import format_times, parse_epoch
from tracss_hpc.report.theme import (
    PAIR_COLORS,
    REGIME_COLORS,
    SHARED_COLOR,
    add_colorbar,
    decade_edges,
    density,
    mark_empty,
    new_figure,
    outline,
    theme,
)

__all__ = [
    "FIGURE_COLUMNS",
    "Columns",
    "draw_all",
    "draw_probability",
    "draw_regime_pairs",
    "draw_relative_speed",
    "draw_rtn",
    "draw_timeline",
    "save_figures",
]

Columns = Mapping[str, NDArray[Any]]

#: Columns of group `conjunctions` that the figures need.
FIGURE_COLUMNS = (
    "object1", "object2", "tca", "miss_distance", "relative_speed", "collision_probability",
    "sat1_relative_position_r", "sat1_relative_position_t", "sat1_relative_position_n",
    "sat1_caught", "sat1_in_volume",
)  # fmt: skip

_LOW = ("LEO 1", "LEO 2", "LEO 3", "LEO 4", "Near Earth")
_BIN_WIDTHS_S = (60, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 604800)
_MAX_BINS = 100
_MAX_RTN_ROWS = 4
#: Panels of the RTN figure: horizontal and vertical component.
_PLANES = (("t", "r"), ("n", "r"), ("t", "n"))
_AXIS_LABELS = {"r": "radial R [km]", "t": "in-track T [km]", "n": "cross-track N [km]"}
_RTN_CELLS = 120
#: Probabilities below this are counted in the note; an axis to 1e-300 would hide all that matters.
_PC_FLOOR = 1e-20
#: Usual lines: warning level of most operators, and default of export.cdm_min_pc.
_PC_LINES = {1e-4: "1e-4", 1e-7: "1e-7"}
_SPEED_BIN_KM_S = 0.25
_SPEED_TOP_KM_S = 20.5  # two HEO objects head-on at perigee
_DPI = 150


def draw_all(
    objects: Columns, conjunctions: Columns, start_iso: str, title: str
) -> dict[str, Figure]:
    """All five figures of a run.

    Parameters
    ----------
    objects, conjunctions : mapping of str to ndarray
        Columns of the groups of results.h5.
    start_iso : str
        Run start, UTC, as root attribute `start_screen_period`.
    title : str
        Catalog and window; stands below the heading of every figure.

    Returns
    -------
    dict of str to Figure
        By plain names that can serve as file names.
    """
    return {
        "timeline": draw_timeline(objects, conjunctions, start_iso, title),
        "rtn": draw_rtn(objects, conjunctions, title),
        "probability": draw_probability(conjunctions, title),
        "regime_pairs": draw_regime_pairs(objects, conjunctions, title),
        "relative_speed": draw_relative_speed(objects, conjunctions, title),
    }


@theme()
def save_figures(figures: Mapping[str, Figure], folder: Path) -> list[Path]:
    """Save each figure as ``folder/NAME.png``; equal figures give equal bytes.

    The folder is made if absent. PNG's only changing entry, the name and version of the drawing
    library, is left out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, figure in figures.items():
        path = folder / f"{name}.png"
        figure.savefig(path, format="png", dpi=_DPI, metadata={"Software": None})
        paths.append(path)
    return paths


@theme()
def draw_timeline(objects: Columns, conjunctions: Columns, start_iso: str, title: str) -> Figure:
    """Conjunctions over time by the regime of object 1, stacked above, each by itself below.

    The window reaches to the longest span of the objects (`span_days`); bins start at run start.
    """
    tca = np.asarray(conjunctions["tca"], dtype=np.float64)
    regime = _regimes(objects, conjunctions, "object1")
    window = _window_s(objects, tca)
    width = next((w for w in _BIN_WIDTHS_S if window <= _MAX_BINS * w), _BIN_WIDTHS_S[-1])
    edges = np.minimum(np.arange(int(np.ceil(window / width)) + 1) * float(width), window)
    names = [name for name in _order(regime) if np.any(regime == name)]
    counts = {name: np.histogram(tca[regime == name], edges)[0] for name in names}
    short = "; the last bin is shorter" if len(edges) > 1 and edges[-1] - edges[-2] < width else ""
    figure = new_figure(
        f"Conjunctions over time ({len(tca):,})",
        title,
        f"Regime: of object 1, which caught object 2 in its volume. Bins of {_duration(width)}"
        f" from run start{short}.",
        height_in=6.5,
    )
    above, below = figure.subplots(2, 1, sharex=True)
    at = _dates(start_iso, edges)
    base = np.zeros(len(edges) - 1)
    for name in names:
        color = REGIME_COLORS.get(name, REGIME_COLORS["Other"])
        total = base + counts[name]
        label = f"{name} ({counts[name].sum():,})"
        above.stairs(total, at, baseline=base, fill=True, color=color, label=label, linewidth=0.0)
        below.stairs(counts[name], at, baseline=None, color=color, linewidth=1.4)
        base = total
    for axes in (above, below):
        axes.set_ylabel(f"conjunctions per {_duration(width)}")
        axes.set_ylim(bottom=0.0)
    above.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    above.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    above.set_title("all, stacked by regime", loc="left")
    below.set_title("each regime, on an axis that is linear from 0 to 1, logarithmic beyond",
                    loc="left")  # fmt: skip
    below.set_yscale("symlog", linthresh=1.0, linscale=0.4)
    most = max((int(count.max()) for count in counts.values()), default=1)
    below.set_ylim(0.0, 2.0 * max(most, 5))
    locator = AutoDateLocator(tz=dt.UTC)  # type: ignore[no-untyped-call]
    below.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator, tz=dt.UTC)  # type: ignore[no-untyped-call]
    below.xaxis.set_major_formatter(formatter)
    below.set_xlabel("time of closest approach, UTC")
    below.set_xlim(at[0], at[-1])
    if names:
        handles, labels = above.get_legend_handles_labels()
        above.legend(handles[::-1], labels[::-1], loc="upper left", bbox_to_anchor=(1.0, 1.0),
                     title="regime (conjunctions)", alignment="left")  # fmt: skip
    else:
        mark_empty(above)
        mark_empty(below)
        above.set_ylim(0.0, 1.0)
    return figure


@theme()
def draw_rtn(objects: Columns, conjunctions: Columns, title: str) -> Figure:
    """Where object 2 stood in object 1's RTN axes, against object 1's volume.

    One row of panels per radial half size, because tables hold volumes from 0.4 to 24.5 km; boxes
    (or ellipsoids) are outlined by regime.
    """
    first = np.asarray(conjunctions["object1"], dtype=np.int64)
    radial = np.asarray(objects["screen_volume_x"], dtype=np.float64)
    sizes, counts = np.unique(radial[first], return_counts=True)
    kept = np.sort(sizes[np.argsort(-counts, kind="stable")[:_MAX_RTN_ROWS]])
    outside = len(first) - int(np.isin(radial[first], kept).sum())
    figure = new_figure(
        f"Relative position at closest approach ({len(first):,} conjunctions)",
        title,
        "Object 2 relative to object 1, in object 1's radial, in-track, cross-track axes, with the"
        " volumes of object 1's regime. Axes are not to one scale."
        + (f" {outside:,} conjunctions with other volumes are not drawn." if outside else ""),
        width_in=11.0,
        height_in=1.3 + 3.1 * max(1, len(kept)),
    )
    if len(kept) == 0:
        for axes, (x, y) in zip(figure.subplots(1, 3), _PLANES, strict=True):
            axes.set(xlabel=_AXIS_LABELS[x], ylabel=_AXIS_LABELS[y], xlim=(-1, 1), ylim=(-1, 1))
            mark_empty(axes)
        return figure
    grid = figure.subplots(len(kept), 3, squeeze=False)
    for row, size in zip(grid, kept, strict=True):
        rows = np.flatnonzero(radial[first] == size)
        position = {
            axis: np.asarray(conjunctions[f"sat1_relative_position_{axis}"])[rows] / 1e3
            for axis in "rtn"
        }
        _draw_rtn_row(figure, list(row), objects, first[rows], position)
    return figure


@theme()
def draw_probability(conjunctions: Columns, title: str) -> Figure:
    """Collision probability against miss distance, both logarithmic."""
    miss = np.asarray(conjunctions["miss_distance"], dtype=np.float64)
    pc = np.asarray(conjunctions["collision_probability"], dtype=np.float64)
    drawn = (pc >= _PC_FLOOR) & (miss > 0.0)
    reasons = {
        "blank": int(np.isnan(pc).sum()),
        "exactly 0": int((pc == 0.0).sum()),
        f"below {_PC_FLOOR:g}": int(((pc > 0.0) & (pc < _PC_FLOOR)).sum()),
        "at miss distance zero": int(((pc >= _PC_FLOOR) & ~(miss > 0.0)).sum()),
    }
    left_out = ", ".join(f"{count:,} {reason}" for reason, count in reasons.items() if count)
    figure = new_figure(
        f"Collision probability against miss distance ({int(drawn.sum()):,} of {len(pc):,} drawn)",
        title,
        f"Not drawn, by their probability: {left_out}." if left_out else "",
    )
    axes = figure.subplots()
    axes.set(xscale="log", yscale="log")
    axes.set_xlabel("miss distance [m]")
    axes.set_ylabel("collision probability")
    if not drawn.any():
        axes.set(xlim=(1.0, 1e5), ylim=(1e-10, 1.0))
        mark_empty(axes, "no conjunction with a probability to draw")
        return figure
    x_edges, y_edges = decade_edges(miss[drawn], 180), decade_edges(pc[drawn], 140)
    cells = density(axes, miss[drawn], pc[drawn], x_edges, y_edges)
    if cells is not None:
        add_colorbar(figure, [cells], [axes], "conjunctions per cell")
    for line, name in _PC_LINES.items():
        if y_edges[0] < line < y_edges[-1]:
            axes.axhline(line, color="#d55e00", linewidth=1.0, linestyle="--")
            axes.text(
                0.995, line, f"{int((pc >= line).sum()):,} at or above {name}", color="#a04000",
                transform=axes.get_yaxis_transform(), ha="right", va="bottom", fontsize=8.0,
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.0},
            )  # fmt: skip
    return figure


@theme()
def draw_regime_pairs(objects: Columns, conjunctions: Columns, title: str) -> Figure:
    """How many conjunctions each pair of regimes has; rows and columns are interchangeable."""
    regime1 = _regimes(objects, conjunctions, "object1")
    regime2 = _regimes(objects, conjunctions, "object2")
    names = _order(np.asarray(objects["regime"]))
    index = {name: k for k, name in enumerate(names)}
    ordered = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(
        ordered,
        ([index[name] for name in regime1.tolist()], [index[name] for name in regime2.tolist()]),
        1,
    )
    counts = ordered + ordered.T - np.diag(np.diag(ordered))
    figure = new_figure(
        f"Conjunctions by pair of regimes ({len(regime1):,})",
        title,
        "Either object may be object 1: the map is symmetric, so a conjunction between two regimes"
        " stands in two cells.",
        width_in=7.5,
        height_in=6.8,
    )
    axes = figure.subplots()
    axes.grid(False)
    if not names:
        mark_empty(axes, "no objects")
        return figure
    norm = LogNorm(1.0, max(10.0, float(counts.max())))
    cells = axes.imshow(np.ma.masked_equal(counts, 0), norm=norm, cmap="Blues", origin="lower")
    if counts.any():
        add_colorbar(figure, [cells], [axes], "conjunctions")
    for (row, column), count in np.ndenumerate(counts):
        shade = "white" if count > 0 and float(norm(count)) > 0.6 else "#303030"
        axes.text(column, row, f"{count:,}" if count else "0", ha="center", va="center",
                  fontsize=8.0, color=shade if count else "#a0a0a0")  # fmt: skip
    ticks = range(len(names))
    axes.set_xticks(ticks, names, rotation=30, ha="right", rotation_mode="anchor")
    axes.set_yticks(ticks, names)
    axes.set_xlabel("regime of one object")
    axes.set_ylabel("regime of the other object")
    return figure


@theme()
def draw_relative_speed(objects: Columns, conjunctions: Columns, title: str) -> Figure:
    """Distribution of the relative speed at closest approach by class of regime pair."""
    speed = np.asarray(conjunctions["relative_speed"], dtype=np.float64) / 1e3
    low = np.isin(_regimes(objects, conjunctions, "object1"), _LOW).astype(np.int64)
    low += np.isin(_regimes(objects, conjunctions, "object2"), _LOW)
    top = max(_SPEED_TOP_KM_S, float(np.max(speed, initial=0.0)))
    edges = np.arange(int(np.ceil(top / _SPEED_BIN_KM_S)) + 1) * _SPEED_BIN_KM_S
    slow = ", ".join(
        f"{int((speed < limit).sum()):,} below {limit * 1e3:g} m/s" for limit in (0.1, 0.01)
    )
    figure = new_figure(
        f"Relative speed at closest approach ({len(speed):,} conjunctions)",
        title,
        f"Bins of {_SPEED_BIN_KM_S:g} km/s; LEO: regimes LEO 1 to LEO 4 and Near Earth."
        + (f" Slow pairs: {slow}. Fastest: {speed.max():.2f} km/s." if len(speed) else ""),
    )
    axes = figure.subplots()
    axes.set_yscale("log")
    axes.set_xlim(0.0, edges[-1])
    axes.set_xlabel("relative speed [km/s]")
    axes.set_ylabel(f"conjunctions per {_SPEED_BIN_KM_S:g} km/s")
    classes = ("LEO with LEO", "LEO with higher", "higher with higher")
    most = 1
    for name, members, color in zip(classes, (2, 1, 0), PAIR_COLORS, strict=True):
        counts = np.histogram(speed[low == members], edges)[0]
        if counts.any():
            most = max(most, int(counts.max()))
            # Half a conjunction as the foot of the axis: a bin with one still has a height.
            axes.stairs(np.maximum(counts, 0.5), edges, baseline=0.5, color=color, linewidth=1.4,
                        label=f"{name} ({counts.sum():,})")  # fmt: skip
    axes.set_ylim(0.5, 2.0 * max(most, 5))
    if len(speed):
        axes.legend(loc="upper right")
    else:
        mark_empty(axes)
    return figure


def _draw_rtn_row(
    figure: Figure,
    row: list[Axes],
    objects: Columns,
    first: NDArray[np.int64],
    position: dict[str, NDArray[np.float64]],
) -> None:
    """Three planes of conjunctions whose object 1 (`first`) has one radial half size; km."""
    regimes = np.asarray(objects["regime"], dtype=np.str_)[first]
    shape = str(np.asarray(objects["screen_volume_shape"])[first[0]])
    half = np.stack([np.asarray(objects[f"screen_volume_{k}"])[first] for k in "xyz"], axis=1)
    volumes, which = np.unique(half, axis=0, return_inverse=True)
    owners = [_order(regimes[which == k]) for k in range(len(volumes))]
    colors = [
        REGIME_COLORS.get(names[0], SHARED_COLOR) if len(names) == 1 else SHARED_COLOR
        for names in owners
    ]
    limit = {
        axis: 1.06 * max(float(volumes[:, k].max()), float(np.abs(position[axis]).max()))
        for k, axis in enumerate("rtn")
    }
    cells = []
    for axes, (x, y) in zip(row, _PLANES, strict=True):
        edges = [np.linspace(-limit[axis], limit[axis], _RTN_CELLS + 1) for axis in (x, y)]
        cells.append(density(axes, position[x], position[y], *edges))
        for volume, color in zip(volumes.tolist(), colors, strict=True):
            size = dict(zip("rtn", volume, strict=True))
            axes.add_patch(outline(size[x], size[y], shape, color))
        axes.set_xlabel(_AXIS_LABELS[x])
        axes.set_ylabel(_AXIS_LABELS[y])
    row[0].set_title(
        f"radial half size {volumes[0, 0]:g} km: {len(first):,} conjunctions", loc="left"
    )
    handles = [
        outline(1.0, 1.0, shape, color, label=",\n".join(names))
        for names, color in zip(owners, colors, strict=True)
    ]
    row[2].legend(handles=handles, loc="center left", bbox_to_anchor=(1.0, 0.5))
    drawn = [mesh for mesh in cells if mesh is not None]
    if drawn:
        add_colorbar(figure, drawn, row, "conjunctions per cell")


def _regimes(objects: Columns, conjunctions: Columns, member: str) -> NDArray[np.str_]:
    """Regime of `object1` or `object2` of each conjunction."""
    rows = np.asarray(conjunctions[member], dtype=np.int64)
    return np.asarray(objects["regime"], dtype=np.str_)[rows]


def _order(regimes: NDArray[Any]) -> list[str]:
    """The regimes that occur, from low to high; names of no table come last."""
    present = set(np.unique(np.asarray(regimes, dtype=np.str_)).tolist())
    known = [name for name in REGIME_COLORS if name in present]
    return known + sorted(present.difference(known))


def _window_s(objects: Columns, tca: NDArray[np.float64]) -> float:
    """Length of the run window [s]: to the longest span or the last conjunction."""
    spans = np.asarray(objects["span_days"], dtype=np.float64) * DAY_S
    longest = spans[np.isfinite(spans)].max(initial=float(tca.max(initial=0.0)))
    return float(longest) or DAY_S


def _dates(start_iso: str, t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Matplotlib's dates of times [s] since run start."""
    texts = format_times(parse_epoch(start_iso), t, 6)
    days = date2num(texts.astype("datetime64[us]"))  # type: ignore[no-untyped-call]
    return np.asarray(days, dtype=np.float64)


def _duration(seconds: int) -> str:
    """``15 min``, ``3 h``, ``1 d``."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
