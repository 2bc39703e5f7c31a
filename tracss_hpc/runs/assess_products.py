"""Files that the command `assess` writes: the table, its picture, a sensitivity map.

Fed by `runs.assess`; feeds whoever looks at them.
"""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import tracss_hpc
from tracss_hpc.assess.sensitivity import sensitivity_map
from tracss_hpc.config import Config, to_toml
from tracss_hpc.errors import UsageError
from tracss_hpc.export.assessed import Assessed, write_assessed
from tracss_hpc.runs.assess_inputs import Inputs
from tracss_hpc.runs.risk import risk_settings

__all__ = ["AssessWords", "check_words", "write_products"]

_log = logging.getLogger("tracss_hpc")

_M2_TO_KM2 = 1e-6
_M_TO_KM = 1e-3


@dataclass(frozen=True)
class AssessWords:
    """What the command line asks for besides settings.

    `designator` and `top` choose conjunctions, as in the verb `show`; `hbr_m` replaces every
    combined radius; `monte_carlo` samples of each chosen conjunction, 0: none. Paths: table (.csv
    or .h5), picture of all, sensitivity map of the one that is chosen.
    """

    designator: int | None = None
    top: int | None = None
    hbr_m: float | None = None
    monte_carlo: int = 0
    seed: int = 1
    output: Path | None = None
    picture: Path | None = None
    sensitivity: Path | None = None


def check_words(words: AssessWords) -> None:
    """Refuse names and folders that could not be written hours later."""
    if words.output is not None and words.output.suffix not in (".csv", ".h5"):
        raise UsageError(f"assess: --output {words.output}: the name must end in .csv or .h5")
    for option, path in (("picture", words.picture), ("sensitivity", words.sensitivity)):
        if path is not None and path.suffix != ".png":
            raise UsageError(f"assess: --{option} {path}: the name must end in .png")
    for path in (words.output, words.picture, words.sensitivity):
        if path is not None and not path.parent.is_dir():
            raise UsageError(f"assess: there is no folder {path.parent} for {path.name}")


def write_products(
    words: AssessWords,
    config: Config,
    inputs: Inputs,
    assessed: Assessed,
    rows: NDArray[np.intp],
) -> None:
    """The files that were asked for."""
    if words.output is not None:
        now = dt.datetime.now(dt.UTC).replace(tzinfo=None).isoformat(timespec="seconds")
        attributes = {
            "title": f"assessment of {inputs.files} files",
            "created": now,
            "run_id": "",
            "correlation_id": "",
            "tracss_hpc_version": tracss_hpc.__version__,
            "config": to_toml(config),
        }
        write_assessed(words.output, assessed.take(rows), attributes)
        _log.info("%d conjunctions in %s", len(rows), words.output)
    picture = words.picture
    if picture is None and words.output is not None:
        picture = words.output.with_suffix(".png")
    if picture is None and words.sensitivity is None:
        return
    from tracss_hpc.report.assessed import draw_assessed
    from tracss_hpc.report.figures import save_figures

    chosen = assessed.take(rows)
    if picture is not None:
        title = f"{len(rows):,} conjunctions; {_methods(config)}"
        save_figures({picture.stem: draw_assessed(chosen.columns, title)}, picture.parent)
        _log.info("picture: %s", picture)
    if words.sensitivity is not None:
        _draw_sensitivity(words.sensitivity, inputs, chosen, int(rows[0]), config)


def _methods(config: Config) -> str:
    chosen = config.assess.with_preset()
    return f"{chosen.method} over the {chosen.pc_area}, preset {chosen.preset}"


def _draw_sensitivity(
    path: Path, inputs: Inputs, chosen: Assessed, row: int, config: Config
) -> None:
    """Map of the one conjunction chosen."""
    from tracss_hpc.report.figures import save_figures
    from tracss_hpc.report.sensitivity import draw_sensitivity

    columns, texts = chosen.columns, chosen.texts
    stated = inputs.stated
    methods = risk_settings(config.assess).methods
    result = sensitivity_map(
        stated.state[0, row], stated.state[1, row],
        columns["sat1_covariance"][0] * _M2_TO_KM2, columns["sat2_covariance"][0] * _M2_TO_KM2,
        float(columns["combined_hbr"][0]) * _M_TO_KM,
        method=methods.probability, area=methods.area,
    )  # fmt: skip
    names = " and ".join(
        f"{texts[f'sat{k}_object_name'][0]} ({columns[f'sat{k}_object_designator'][0]})"
        for k in (1, 2)
    )
    title = f"{names}, {texts['tca_utc'][0]}"
    save_figures({path.stem: draw_sensitivity(result, title)}, path.parent)
    _log.info("picture: %s", path)
