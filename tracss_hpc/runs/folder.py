"""The run directory: made, refused or cleared, and its log file.

Feeds run.py. What a former run left is replaced only when the new results are about to stand.
"""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from tracss_hpc.errors import ConfigError, UsageError

__all__ = ["clear_products", "log_to_file", "prepare_folder"]

_log = logging.getLogger("tracss_hpc")


def prepare_folder(folder: Path, force: bool) -> None:
    """Make the run directory; refuse one that holds results or foreign files, unless forced.

    What a former run left is replaced only when this one writes its own results.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigError(
            f"run.output = {str(folder)!r} is a file; give a directory",
            key="run.output", given=str(folder),
        )  # fmt: skip
    # A failed run leaves its log and ledger: that must not stop the corrected one.
    content = {p.name for p in folder.iterdir()} if folder.is_dir() else set()
    if content - {"run.log", "provenance.json"} and not force:
        raise UsageError(
            f"run directory {folder} is not empty; choose another run.output, or give --force "
            "to replace the run in it"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "run.log").unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(
            f"run.output = {str(folder)!r} cannot be made: {error.strerror}",
            key="run.output", given=str(folder),
        ) from None  # fmt: skip


def clear_products(folder: Path) -> None:
    """Remove the products of a former run, which the new results make stale."""
    (folder / "summary.txt").unlink(missing_ok=True)
    for name in ("cdm", "plots"):
        shutil.rmtree(folder / name, ignore_errors=True)


def log_to_file(path: Path) -> logging.Handler:
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)
    return handler
