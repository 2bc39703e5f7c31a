"""Freed memory stays with the process: a second large array touches no new pages."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import numpy as np
from tracss_hpc.runs.memory import keep_freed_memory

if sys.argv[1] == "keep" and not keep_freed_memory():
    print("none")
    raise SystemExit
np.ones(8_000_000)  # 64 MB, dropped at once
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(8_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(word: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, word], capture_output=True, text=True, timeout=60,
        check=True,
    )  # fmt: skip
    return done.stdout.strip()


def test_the_second_array_takes_the_place_of_the_first() -> None:
    kept = faults("keep")
    if kept == "none":
        pytest.skip("this C library has no mallopt")
    assert int(kept) < int(faults("give back"))
    assert int(kept) < 10
