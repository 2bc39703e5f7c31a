"""The run directory: made, gone on with or refused, locked, and its log file.

Feeds run.py. What a former run left is replaced only when the new results are about to stand.
"""

from __future__ import annotations

import fcntl
import logging
import shutil
import sys
import time
from pathlib import Path
from typing import Literal, TextIO

from tracss_hpc.errors import ConfigError, UsageError
from tracss_hpc.runs.checkpoint import has_checkpoint, has_remains, remove_checkpoint

__all__ = ["FolderState", "KeptWarnings", "RunLog", "clear_products", "open_folder"]

FolderState = Literal["new", "unfinished", "complete"]

_log = logging.getLogger("tracss_hpc")
#: What a failed or refused run leaves; it must not stop the corrected one.
_TRACES = {"run.log", "provenance.json", "progress.json"}
#: A job that is started again may meet the last seconds of the old one.
_WAIT_FOR_LOCK_S = 15.0


def open_folder(folder: Path, *, force: bool, resume: bool) -> tuple[FolderState, RunLog]:
    """Make and lock the run directory, and open its run.log (rank 0 only).

    The lock is an flock on run.log: it ends with the process, however that ends.

    Returns
    -------
    FolderState
        What there is to do: a new run, the rest of one, or nothing. With `force` always "new".
    RunLog
        Added to the logger of the package; whoever closes it gives the lock back.

    Raises
    ------
    ConfigError
        If the directory cannot be made or written.
    UsageError
        If it holds something else than what was asked for, or another run works in it.
    """
    _examine(folder, force, resume)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handler = RunLog(folder / "run.log")
    except OSError as error:
        raise ConfigError(
            f"run.output = {str(folder)!r} cannot be made or written: {error.strerror}",
            key="run.output", given=str(folder),
        ) from None  # fmt: skip
    try:
        _lock(handler, folder)
        state = _examine(folder, force, resume)  # again: another run may just have ended here
    except BaseException:
        handler.close()
        raise
    if state == "new":
        handler.stream.truncate(0)
    for remains in folder.glob(".*.tmp"):  # of a process that was killed while it wrote
        remains.unlink(missing_ok=True)
    if has_remains(folder):
        remove_checkpoint(folder)
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)
    return state, handler


class RunLog(logging.StreamHandler[TextIO]):
    """run.log; a disk that is full is told once, not with a traceback for every line."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.open("a", encoding="utf-8"))
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        self._path, self._told = path, False

    def handleError(self, record: logging.LogRecord) -> None:
        """Say once on stderr that lines are lost (the interface of `logging.Handler`)."""
        if not self._told:
            sys.stderr.write(f"{self._path} cannot be written: {sys.exc_info()[1]}\n")
        self._told = True

    def close(self) -> None:
        """Close the file, which gives the lock back."""
        super().close()
        try:
            self.stream.close()
        except OSError:  # what could not be written was told already
            self._told = True


class KeptWarnings(logging.Handler):
    """Appends warnings and errors to a list, for the ledger of the run."""

    def __init__(self, kept: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the text of one record."""
        self._kept.append(record.getMessage())


def clear_products(folder: Path) -> None:
    """Remove the products of a former run, which the new results make stale."""
    (folder / "summary.txt").unlink(missing_ok=True)
    for name in ("cdm", "plots"):
        shutil.rmtree(folder / name, ignore_errors=True)


def _examine(folder: Path, force: bool, resume: bool) -> FolderState:
    """What is to be done in the directory, or why it is refused."""
    if folder.exists() and not folder.is_dir():
        raise ConfigError(
            f"run.output = {str(folder)!r} is a file; give a directory",
            key="run.output", given=str(folder),
        )  # fmt: skip
    content = {p.name for p in folder.iterdir()} if folder.is_dir() else set()
    content = {name for name in content if not (name.startswith(".") and name.endswith(".tmp"))}
    if has_remains(folder):
        content.discard("checkpoint")
    if force or not content - _TRACES:
        return "new"
    unfinished = has_checkpoint(folder)
    if resume and unfinished:
        return "unfinished"
    if resume and "results.h5" in content:
        return "complete"
    if unfinished:
        raise UsageError(
            f"run directory {folder} holds an unfinished run; go on with --resume, begin anew with "
            "--force, or choose another run.output"
        )
    raise UsageError(
        f"run directory {folder} is not empty; choose another run.output, or give --force "
        "to replace the run in it"
    )


def _lock(handler: RunLog, folder: Path) -> None:
    """Hold run.log for this process, or wait a little for the one that does."""
    deadline = time.monotonic() + _WAIT_FOR_LOCK_S
    while True:
        try:
            fcntl.flock(handler.stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise UsageError(
                    f"another run works in {folder} (it holds run.log; see progress.json there); "
                    "wait for it, or choose another run.output"
                ) from None
            time.sleep(0.2)
        except OSError as error:
            _log.warning(
                "%s: this file system has no locks (%s); see to it that no other run works there",
                folder, error.strerror,
            )  # fmt: skip
            return
