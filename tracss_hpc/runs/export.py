"""Products of a results file: messages and pictures, during a run or later from the file.

Fed by results.h5 alone, so that `tracss-hpc export` gives what the run would have given; feeds the
folders `cdm/` and `plots/` of the run directory.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from pathlib import Path

from tracss_hpc.config import Config, resolve, stored_settings
from tracss_hpc.epochs import parse_epoch
from tracss_hpc.export.cdm import RunFacts, count_repeats, write_cdms
from tracss_hpc.export.cdm_selection import SELECTION_COLUMNS, select_conjunctions
from tracss_hpc.export.hdf5 import Results, read_results
from tracss_hpc.runs.risk import fragmentation_models

__all__ = ["export_products", "export_results", "run_facts"]

_log = logging.getLogger("tracss_hpc")


def export_results(path: Path, overrides: Sequence[str] = ()) -> None:
    """Write messages and pictures of a results file into its folder.

    Parameters
    ----------
    path : Path
        A results.h5.
    overrides : sequence of str
        ``export.key=value``; the run's own export settings hold otherwise.
    """
    results = read_results(path, columns=())
    flat = stored_settings(str(results.attributes["config"]), str(path))
    config = resolve(None, flat)
    if overrides:
        given = resolve(None, list(overrides))
        names = {word.split("=", 1)[0].split(".", 1)[1] for word in overrides}
        flat |= {f"export.{name}": getattr(given.export, name) for name in sorted(names)}
        config = resolve(None, flat)
    export_products(path.parent, path, config)


def export_products(folder: Path, path: Path, config: Config) -> None:
    """Write what the export settings ask for into `folder`, and log what the filters left out."""
    export = config.export
    if export.cdm:
        every = read_results(path, columns=(*SELECTION_COLUMNS, "object1", "object2"))
        facts = run_facts(every, config)
        repeats = count_repeats(every.objects, every.conjunctions, facts)
        selection = select_conjunctions(
            every.conjunctions,
            min_pc=export.cdm_min_pc,
            max_miss_km=export.cdm_max_miss_km,
            objects=export.cdm_objects,
            max_count=export.cdm_max,
        )
        chosen = read_results(path, rows=selection.rows)
        paths = write_cdms(
            folder / "cdm", chosen.objects, chosen.conjunctions, facts,
            repeats=repeats[selection.rows], formats=export.cdm, precision=export.cdm_precision,
        )  # fmt: skip
        left = [f"{n:,} by export.{name}" for name, n in selection.left_out.items() if n]
        lists = [path for path in paths if path.name.endswith("-left-out.csv")]
        for path in lists:
            lacking = path.read_text("utf-8").count("\n") - 1
            profile = path.name.removeprefix("cdms.").removesuffix("-left-out.csv")
            left.append(f"{lacking:,} that {profile} cannot hold, listed in {path.name}")
        _log.info(
            "%d CDMs in %s; left out: %s",
            len(selection.rows), ", ".join(map(str, paths)), ", ".join(left) or "none",
        )  # fmt: skip
    if export.plots:
        from tracss_hpc.report.figures import FIGURE_COLUMNS, draw_all, save_figures

        results = read_results(path, columns=FIGURE_COLUMNS)
        start = str(results.attributes["start_screen_period"])
        title = str(results.attributes["title"])
        figures = draw_all(results.objects, results.conjunctions, start, title)
        paths = save_figures(figures, folder / "plots")
        _log.info("%d pictures in %s", len(paths), folder / "plots")


def run_facts(results: Results, config: Config) -> RunFacts:
    """What all messages of the run share; CREATION_DATE is the run's own."""
    attributes = results.attributes
    created = dt.datetime.fromisoformat(str(attributes["created"]))
    return RunFacts(
        start=parse_epoch(str(attributes["start_screen_period"])),
        created=parse_epoch(created.strftime("%Y-%m-%dT%H:%M:%S.%f")),
        run_id=str(attributes["run_id"]),
        correlation_id=str(attributes["correlation_id"]),
        originator=config.run.originator,
        probability_method=config.assess.method,
        max_probability_method=config.assess.max_method,
        pc_area=config.assess.with_preset().pc_area,
        fragmentation_models=fragmentation_models(config.assess),
    )
