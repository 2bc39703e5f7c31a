"""Repeat the run of a results file from what the file itself says, and compare the digests.

Fed by a results.h5; feeds run.py. That a result can be had again, on another machine or on another
number of ranks, is what a digest is for.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tracss_hpc.config import Config, resolve, stored_settings
from tracss_hpc.errors import InputDataError
from tracss_hpc.export.digest import digest_file, first_difference
from tracss_hpc.export.hdf5 import read_results
from tracss_hpc.parallel.comm import Comm, on_root
from tracss_hpc.runs.interrupt import StopRequest
from tracss_hpc.runs.problem import file_sha256
from tracss_hpc.runs.progress import Style
from tracss_hpc.runs.run import run_screening

__all__ = ["repeat_run"]

_log = logging.getLogger("tracss_hpc")


def repeat_run(
    path: Path,
    overrides: Sequence[str] = (),
    *,
    comm: Comm | None = None,
    force: bool = False,
    resume: bool = False,
    stop: StopRequest | None = None,
    progress: Style = "auto",
) -> int:
    """Run again what `path` holds the results of; 0 when the digests are equal, else 1.

    Parameters
    ----------
    path : Path
        A results.h5.
    overrides : sequence of str
        ``section.key=value``; without ``run.output=...`` the results go beside the old ones, into
        the directory's name with ``-repeat``.
    comm, force, resume, stop, progress
        As `run_screening`.

    Raises
    ------
    InputDataError
        When an input file is gone or is not what it was.
    """
    config = on_root(comm, lambda: _read_config(path, overrides))
    run_screening(config, comm=comm, force=force, resume=resume, stop=stop, progress=progress)
    return on_root(comm, lambda: _compare(path, Path(config.run.output) / "results.h5"))


def _read_config(path: Path, overrides: Sequence[str]) -> Config:
    attributes = read_results(path, columns=()).attributes
    for item in json.loads(str(attributes["inputs"])):
        _require_same(path, item)
    settings = stored_settings(str(attributes["config"]), str(path))
    folder = path.resolve().parent
    settings["run.output"] = str(folder.with_name(f"{folder.name}-repeat"))
    for word in overrides:
        key = word.partition("=")[0].strip()
        section, _, name = key.partition(".")
        settings[key] = getattr(getattr(resolve(None, [word]), section), name)
    return resolve(None, settings)


def _require_same(results: Path, item: dict[str, Any]) -> None:
    """Raise unless an input file is what it was; the built-in population has no file."""
    path = Path(str(item["path"]))
    if not item.get("bytes"):
        return
    if not path.is_file():
        raise InputDataError(
            f"{results} was made from {path}, which is not here; bring it back, or run from the "
            "directory in which the run was made",
            file=str(path),
        )
    found = file_sha256(path)
    if found != item["sha256"]:
        raise InputDataError(
            f"{path} is not the file {results} was made from: its SHA-256 is {found}, was "
            f"{item['sha256']}",
            file=str(path),
        )


def _compare(old: Path, new: Path) -> int:
    """Log whether the digests are equal."""
    difference = first_difference(old, new)
    if difference:
        _log.error("%s and %s differ: %s", old, new, difference)
        return 1
    _log.info("repeated: %s and %s have the same digest %s", old, new, digest_file(new))
    return 0
