"""The run directory: what is found in it, one run at a time, and a log that never stops a run."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tracss_hpc.errors import ConfigError, UsageError
from tracss_hpc.runs import folder as module
from tracss_hpc.runs.folder import FolderState, KeptWarnings, RunLog, clear_products, open_folder

Open = Callable[..., FolderState]


@pytest.fixture(autouse=True)
def _keep_logging() -> Iterator[None]:
    logger = logging.getLogger("tracss_hpc")
    handlers, level = list(logger.handlers), logger.level
    yield
    logger.handlers, logger.level = handlers, level


@pytest.fixture
def open_(monkeypatch: pytest.MonkeyPatch) -> Open:
    """``open_(folder, force=..., resume=...)``: its state; the lock is given back."""
    monkeypatch.setattr(module, "_WAIT_FOR_LOCK_S", 0.1)

    def run(folder: Path, *, force: bool = False, resume: bool = False) -> FolderState:
        state, log = open_folder(folder, force=force, resume=resume)
        logging.getLogger("tracss_hpc").removeHandler(log)
        log.close()
        return state

    return run


def fill(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("old")
    return folder


UNFINISHED = ("run.log", "progress.json", "checkpoint/manifest.json", "checkpoint/unit-00000.h5")
COMPLETE = ("run.log", "progress.json", "provenance.json", "results.h5", "summary.txt", "cdm/x")


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize(
    "names",
    [
        (),
        ("run.log",),
        ("run.log", "provenance.json", "progress.json"),
        (".results.h5.host.17.tmp", "run.log"),
        ("checkpoint/unit-00000.h5", "checkpoint/.manifest.json.h.1.tmp"),
    ],
    ids=["empty", "refused", "failed", "killed at once", "killed while removing"],
)
def test_a_new_run(tmp_path: Path, open_: Open, names: tuple[str, ...], resume: bool) -> None:
    folder = fill(tmp_path / "out", *names)
    assert open_(folder, resume=resume) == "new"
    kept = {name for name in names if not name.startswith((".", "checkpoint"))}
    assert set(os.listdir(folder)) == kept | {"run.log"}
    assert (folder / "run.log").read_text() == ""


def test_folders_above_are_made(tmp_path: Path, open_: Open) -> None:
    assert open_(tmp_path / "a" / "b" / "c") == "new"


def test_an_unfinished_run(tmp_path: Path, open_: Open) -> None:
    folder = fill(tmp_path, *UNFINISHED)
    with pytest.raises(UsageError, match="holds an unfinished run") as caught:
        open_(folder)
    assert "--resume" in str(caught.value)
    assert "--force" in str(caught.value)
    assert open_(folder, resume=True) == "unfinished"
    assert (folder / "run.log").read_text() == "old"  # it goes on
    assert open_(folder, force=True) == "new"
    assert (folder / "run.log").read_text() == ""


def test_a_complete_run(tmp_path: Path, open_: Open) -> None:
    folder = fill(tmp_path, *COMPLETE)
    with pytest.raises(UsageError, match="is not empty; choose another"):
        open_(folder)
    assert open_(folder, resume=True) == "complete"
    assert (folder / "run.log").read_text() == "old"
    assert open_(folder, force=True) == "new"
    assert (folder / "results.h5").read_text() == "old"  # until the new ones stand


def test_old_results_and_a_newer_unfinished_run(tmp_path: Path, open_: Open) -> None:
    folder = fill(tmp_path, *COMPLETE, *UNFINISHED)
    assert open_(folder, resume=True) == "unfinished"


@pytest.mark.parametrize("resume", [False, True])
def test_something_else(tmp_path: Path, open_: Open, resume: bool) -> None:
    folder = fill(tmp_path, "thesis.tex")
    with pytest.raises(UsageError, match="is not empty"):
        open_(folder, resume=resume)
    assert os.listdir(folder) == ["thesis.tex"]


def test_something_else_under_the_name_of_the_checkpoint(tmp_path: Path, open_: Open) -> None:
    folder = fill(tmp_path, "checkpoint/thesis.tex")
    with pytest.raises(UsageError, match="is not empty"):
        open_(folder)
    assert (folder / "checkpoint" / "thesis.tex").read_text() == "old"


def test_a_file(tmp_path: Path, open_: Open) -> None:
    fill(tmp_path, "out")
    with pytest.raises(ConfigError, match="is a file; give a directory") as caught:
        open_(tmp_path / "out")
    assert (caught.value.key, caught.value.given) == ("run.output", str(tmp_path / "out"))


def test_a_folder_that_cannot_be_made(tmp_path: Path, open_: Open) -> None:
    fill(tmp_path, "out")
    with pytest.raises(ConfigError, match="cannot be made or written: Not a directory"):
        open_(tmp_path / "out" / "a")


def test_a_folder_that_cannot_be_written(
    tmp_path: Path, open_: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # root may write everywhere
    with pytest.raises(ConfigError, match="cannot be made or written: Permission denied"):
        open_(tmp_path)


# ---------------------------------------------------------------- one run at a time

#: Hold run.log of the folder argv[1] until a line comes.
HOLDER = """
import sys
from pathlib import Path
from tracss_hpc.runs.folder import open_folder
open_folder(Path(sys.argv[1]), force=True, resume=False)
print("held", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that works in `tmp_path`."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


@pytest.mark.parametrize("option", ["", "force", "resume"])
def test_a_second_run_is_refused(
    tmp_path: Path, open_: Open, holder: subprocess.Popen[str], option: str
) -> None:
    (tmp_path / "run.log").write_text("of the first")
    with pytest.raises(UsageError, match="another run works in") as caught:
        open_(tmp_path, **({option: True} if option else {}))
    assert str(tmp_path) in str(caught.value)
    assert (tmp_path / "run.log").read_text() == "of the first"


def test_the_lock_of_a_killed_run_is_free(
    tmp_path: Path, open_: Open, holder: subprocess.Popen[str]
) -> None:
    holder.kill()
    holder.wait()
    assert open_(tmp_path) == "new"


def test_a_run_that_is_about_to_end_is_waited_for(
    tmp_path: Path, open_: Open, holder: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state is looked at again: meanwhile the other may have left its results."""
    monkeypatch.setattr(module, "_WAIT_FOR_LOCK_S", 60.0)

    def end_it(seconds: float) -> None:
        fill(tmp_path, "results.h5")
        holder.kill()
        holder.wait()

    monkeypatch.setattr(module.time, "sleep", end_it)
    assert open_(tmp_path, resume=True) == "complete"


def test_a_file_system_without_locks_is_told(
    tmp_path: Path, open_: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(module.fcntl, "flock", refuse)
    assert open_(tmp_path) == "new"
    assert "this file system has no locks (No locks available)" in caplog.text


# ---------------------------------------------------------------- the log


def record(text: str, level: int = logging.WARNING) -> logging.LogRecord:
    return logging.LogRecord("tracss_hpc", level, "", 0, text, (), None)


def test_lines_of_the_log(tmp_path: Path) -> None:
    for text in ("one", "two"):
        log = RunLog(tmp_path / "run.log")
        log.handle(record(text))
        log.close()
    lines = (tmp_path / "run.log").read_text().splitlines()
    assert [line.split(" ", 2)[2] for line in lines] == ["WARNING one", "WARNING two"]


def test_a_full_disk_is_told_once_and_stops_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    log = RunLog(Path("/dev/full"))
    for _ in range(3):
        log.handle(record("text"))
    log.close()
    log.close()
    assert capsys.readouterr().err == (
        "/dev/full cannot be written: [Errno 28] No space left on device\n"
    )


def test_warnings_and_errors_are_kept() -> None:
    kept: list[str] = []
    logger = logging.getLogger("tracss_hpc")
    logger.setLevel(logging.INFO)
    logger.addHandler(KeptWarnings(kept))
    logger.info("read %d", 7)
    logger.warning("%s is damaged", "x")
    logging.getLogger("tracss_hpc.runs").error("%d of 2", 1)
    assert kept == ["x is damaged", "1 of 2"]


def test_products_of_a_former_run_are_removed_and_nothing_else(tmp_path: Path) -> None:
    fill(tmp_path, *COMPLETE, "plots/a.png", "notes.txt")
    clear_products(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [
        "notes.txt", "progress.json", "provenance.json", "results.h5", "run.log"
    ]  # fmt: skip
    clear_products(tmp_path)
