"""The end of a job of one process: exit codes and messages; that of many is in tests/mpi."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from tracss_hpc.errors import ConfigError, Interrupted
from tracss_hpc.parallel.ending import run_together


@pytest.mark.parametrize(
    ("ending", "code", "text"),
    [
        (lambda: 0, 0, ""),
        (lambda: 75, 75, ""),
        (lambda: sys.exit(75), 75, ""),
        (lambda: sys.exit(None), 0, ""),
        (lambda: sys.exit("sorry"), 1, "sorry"),
    ],
)
def test_end_when_serial(
    capsys: pytest.CaptureFixture[str], ending: Callable[[], int], code: int, text: str
) -> None:
    assert run_together(None, ending) == code
    assert capsys.readouterr().err.strip() == text


@pytest.mark.parametrize(
    ("error", "code", "text", "traceback"),
    [
        (ConfigError("run.days is wrong"), 2, "tracss-hpc: run.days is wrong", False),
        (Interrupted("stopped by SIGUSR1"), 75, "tracss-hpc: stopped by SIGUSR1", False),
        (KeyboardInterrupt(), 130, "tracss-hpc: interrupted", False),
        (ZeroDivisionError("deep"), 1, "ZeroDivisionError: deep", True),
    ],
)
def test_error_when_serial(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: int, text: str, traceback: bool
) -> None:
    def fail() -> int:
        raise error

    assert run_together(None, fail) == code
    printed = capsys.readouterr().err
    assert text in printed
    assert ("Traceback" in printed) == traceback
