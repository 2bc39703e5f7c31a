"""Renew docs/scaling.md and its picture: SIMULATED scaling to 1,024 ranks, from measured costs.

    python tests/bench/scaling.py [COSTS]

Unit costs are probed on this machine, on the reference population and on one of 300,000 objects
(about ten minutes of CPU and 4 GB); the runs on many ranks are list schedules computed from them by
`runs.plan`. COSTS names a file in which the measured costs are kept, or found if it exists.
"""

from __future__ import annotations

import datetime as dt
import pickle
import platform
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from PIL import Image

from tracss_hpc.catalog.population import START, reference_population
from tracss_hpc.catalog.table import Catalog
from tracss_hpc.config import Config, resolve
from tracss_hpc.epochs import Epoch
from tracss_hpc.report.theme import new_figure, theme
from tracss_hpc.runs.calibration import Calibration, calibrate
from tracss_hpc.runs.plan import Plan, best_slice, predict

DOCS = Path(__file__).resolve().parents[2] / "docs"
BEGIN, END = "<!-- scaling: begin -->", "<!-- scaling: end -->"
SIZES = (28_488, 300_000)
RANKS = (1, 2, 4, 16, 128, 1024)
FIXED_HOURS = 6.0
STAGE_COLORS = {
    "screen": "#1f5fa8", "trajectories": "#a3d0ea", "read": "#e69f00", "audit": "#d55e00",
    "merge": "#009e73", "start-up": "#cc79a7",
}  # fmt: skip


def configuration(gp: Path | str) -> Config:
    """Handbook spans (5 + 10 days), no messages and no pictures."""
    words = [f"run.start={START.iso(0)}", f'catalog.gp=["{gp}"]']
    return resolve(None, [*words, "export.cdm=[]", "export.plots=false"])


def measure(objects: int) -> Calibration:
    """Costs of a reference population of so many objects, read from a file as a run does.

    In a process of its own, whose peak memory is that of the probes alone.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process,
    ):
        path = Path(folder) / "population.csv"
        write_omm(path, reference_population(objects=objects))
        return process.submit(calibrate, configuration(path)).result()


def write_omm(path: Path, catalog: Catalog) -> None:
    """The catalog as OMM in CSV (CCSDS 502.0-B-3)."""
    with path.open("w", encoding="utf-8") as file:
        file.write(
            "OBJECT_NAME,OBJECT_ID,EPOCH,MEAN_MOTION,ECCENTRICITY,INCLINATION,RA_OF_ASC_NODE,"
            "ARG_OF_PERICENTER,MEAN_ANOMALY,EPHEMERIS_TYPE,CLASSIFICATION_TYPE,NORAD_CAT_ID,"
            "ELEMENT_SET_NO,REV_AT_EPOCH,BSTAR,MEAN_MOTION_DOT,MEAN_MOTION_DDOT\n"
        )
        for k in range(len(catalog)):
            epoch = Epoch(float(catalog.epoch_jd[k]), float(catalog.epoch_fr[k])).iso(6)
            mean = ",".join(
                repr(float(getattr(catalog, name)[k]))
                for name in ("mean_motion", "eccentricity", "inclination", "raan", "arg_perigee",
                             "mean_anomaly")
            )  # fmt: skip
            file.write(
                f"{catalog.name[k]},UNKNOWN,{epoch},{mean},0,U,{catalog.designator[k]},999,"
                f"{catalog.rev_at_epoch[k]},{float(catalog.bstar[k])!r},"
                f"{float(catalog.mean_motion_dot[k])!r},0\n"
            )


def table(fixed: list[Plan], best: list[Plan]) -> list[str]:
    """Markdown: one line a rank count."""
    lines = [
        "| ranks | 6 h: wall [s] | efficiency | idle | best slice [h] | wall [s] | efficiency | "
        "screen | read | trajectories | audit | merge | GB a rank |",
        "|--:" * 13 + "|",
    ]
    for one, other in zip(fixed, best, strict=True):
        wall = other.wall_s
        lines.append(
            f"| {one.ranks:,} | {one.total_wall_s:,.0f} | {one.efficiency:.0%} | "
            f"{one.idle_share:.0%} | {other.slice_hours:g} | {other.total_wall_s:,.0f} | "
            f"{other.efficiency:.0%} | {wall['screen']:,.1f} | {wall['read']:.1f} | "
            f"{wall['trajectories']:.1f} | {wall['audit']:.1f} | {wall['merge']:.1f} | "
            f"{other.memory_mb / 1e3:.1f} |"
        )
    return lines


def costs(calibration: Calibration, one: Plan) -> list[str]:
    """Markdown: what was measured."""
    base, fixed_mb, per_hour_mb = calibration.memory_mb
    lines = [
        "| group | slice of h hours: CPU-s to propagate | to search | conjunctions | pair tests |",
        "|---|--:|--:|--:|--:|",
    ]
    for name, group in calibration.groups.items():
        _, _, _, tests, found = one.groups[name]
        parts = " | ".join(f"{a:.2f} + {b:.2f} h" for a, b in (group.propagate_s, group.search_s))
        lines.append(f"| {name} | {parts} | {found:,.0f} | {tests:.2g} |")
    return [
        *lines,
        "",
        f"Reading {calibration.read_s:.1f} CPU-s; SGP4 initialised on every rank "
        f"{calibration.build_s:.1f}; ends {calibration.ends_s:.1f}, shared; audit "
        f"{sum(calibration.audit_parts_s):.1f} in {len(calibration.audit_parts_s)} parts; "
        f"memory {base:,.0f} MB and "
        f"{fixed_mb:,.0f} + {per_hour_mb:,.0f} h MB for a slice; probes "
        f"{calibration.probes_s:,.0f} CPU-s.",
    ]


def draw_walls(axes: Axes, fixed: list[Plan], best: list[Plan]) -> None:
    """Wall over ranks: six-hour slices, the best slice, and the ideal."""
    ranks = np.array(RANKS)
    axes.loglog(ranks, fixed[0].total_wall_s / ranks, ":", color="#7f7f7f", label="ideal")
    axes.loglog(ranks, [p.total_wall_s for p in fixed], "o-", color="#d55e00", label="6 h slices")
    axes.loglog(ranks, [p.total_wall_s for p in best], "s-", color="#1f5fa8", label="best slice")
    for plan in best:
        axes.annotate(
            f"{plan.slice_hours:g} h", (plan.ranks, plan.total_wall_s), xytext=(0, -13),
            textcoords="offset points", ha="center", fontsize=7.5, color="#1f5fa8",
        )  # fmt: skip
    axes.set(xlabel="ranks", ylabel="wall [s]", xticks=RANKS)
    axes.set_ylim(0.4 * best[-1].total_wall_s)
    axes.set_xticklabels([f"{r:,}" for r in RANKS])
    axes.minorticks_off()
    axes.legend()


def draw_shares(axes: Axes, best: list[Plan]) -> None:
    """Share of the wall by stage, best slice."""
    place = np.arange(len(RANKS))
    bottom = np.zeros(len(RANKS))
    for stage, color in STAGE_COLORS.items():
        share = np.array([100.0 * plan.wall_s[stage] / plan.total_wall_s for plan in best])
        axes.bar(place, share, 0.7, bottom, color=color, label=stage)
        bottom += share
    axes.set(xlabel="ranks, best slice", ylabel="share of the wall [%]", ylim=(0, 100))
    axes.set_xticks(place, [f"{r:,}" for r in RANKS])
    axes.grid(axis="x", visible=False)
    axes.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.22))


@theme()
def draw(plans: dict[int, tuple[list[Plan], list[Plan]]], when: str) -> None:
    """docs/scaling.png, in 64 colours to be small."""
    figure = new_figure(
        "Simulated scaling of All vs All, 5 + 10 days",
        f"list schedules computed from unit costs measured on one core, {when}",
        "Simulated: none of these runs was made. One core to each rank; 20 ms for a "
        "request to the work queue; broadcast at 1 GB/s; disks assumed fast enough.",
        height_in=7.0,
    )
    axes = figure.subplots(2, len(plans), squeeze=False)
    for column, (objects, (fixed, best)) in enumerate(plans.items()):
        draw_walls(axes[0, column], fixed, best)
        axes[0, column].set_title(f"{objects:,} objects")
        draw_shares(axes[1, column], best)
    path = DOCS / "scaling.png"
    figure.savefig(path, dpi=110)
    Image.open(path).convert("RGB").quantize(64).save(path, optimize=True)


def main(kept: Path | None) -> None:
    when, measured = f"{dt.date.today().isoformat()}, {processor()}", {}
    if kept is not None and kept.exists():
        when, measured = pickle.loads(kept.read_bytes())
    for objects in SIZES:
        if objects not in measured:
            measured[objects] = measure(objects)
            if kept is not None:
                kept.write_bytes(pickle.dumps((when, measured)))
    config = configuration("not read again")
    plans, lines = {}, [f"Measured {when}.", ""]
    for objects, calibration in measured.items():
        fixed = [predict(calibration, config, ranks, FIXED_HOURS) for ranks in RANKS]
        best = [best_slice(calibration, config, ranks) for ranks in RANKS]
        plans[objects] = (fixed, best)
        lines += [f"### {objects:,} objects", "", *costs(calibration, fixed[0]), "",
                  *table(fixed, best), ""]  # fmt: skip
    print("\n".join(lines))
    draw(plans, when)
    page = DOCS / "scaling.md"
    head, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    tail = rest.partition(END)[2]
    page.write_text(f"{head}{BEGIN}\n\n" + "\n".join(lines) + f"{END}{tail}", encoding="utf-8")


def processor() -> str:
    """Name of the processor, as Linux tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)}-core {names[0]}" if names else platform.machine()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
