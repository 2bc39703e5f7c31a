"""What status says of ranks: their places, and a message that does not come back."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from tracss_hpc.runs import status

Launch = Callable[..., subprocess.CompletedProcess[str]]

#: Rank 1 of two answers as argv[1] says.
PROGRAM = """
import sys, time
import numpy as np
from tracss_hpc.parallel.ending import run_together
from tracss_hpc.parallel.launch import communicator
from tracss_hpc.runs import status

status._PATIENCE_S = 0.5
comm = communicator()

def answer(comm):
    if sys.argv[1] == "silent":
        time.sleep(30.0)
    message = np.empty(1024, np.uint8)
    comm.Recv(message, source=0)
    message[1000] ^= 1
    comm.Send(message, dest=0)
    comm.Barrier()

status._answer = answer
sys.exit(run_together(comm, lambda: bool(status.status_rows(comm)) - 1))
"""


@pytest.mark.parametrize(
    ("word", "says"),
    [("silent", "sent nothing back within 0.5 s"), ("changed", "sent back other bytes")],
)
def test_a_rank_that_does_not_answer_right_is_named(mpirun: Launch, word: str, says: str) -> None:
    done = mpirun(2, "-c", PROGRAM, word, timeout=30)
    assert done.returncode == 1
    assert "status: rank 1 on " in done.stderr
    assert says in done.stderr


@pytest.mark.parametrize(
    ("ranks", "text"),
    [([0], "0"), ([0, 1, 2], "0-2"), ([0, 2, 4, 5], "0, 2, 4-5"), ([7, 8, 9, 11], "7-9, 11")],
)
def test_ranges_of_ranks(ranks: list[int], text: str) -> None:
    assert status._ranges(ranks) == text


def test_of_many_ranks_the_fastest_and_the_slowest_are_shown() -> None:
    text = status._round_trip_text([5.0, 2.0, *[3.0] * 20, 40.0])
    assert text.endswith("fastest and slowest of 23: rank 2 2.0 µs, rank 23 40.0 µs")
