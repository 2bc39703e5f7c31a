"""on_root, all_values, largest and in_turn: one meaning on any number of ranks, also in failure."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tracss_hpc.errors import InputDataError, Interrupted
from tracss_hpc.parallel.comm import all_values, in_turn, largest, on_root

Launch = Callable[..., subprocess.CompletedProcess[str]]

PROGRAM = """
import json, sys, time
import numpy as np
from tracss_hpc.errors import ConfigError, InputDataError, Interrupted
from tracss_hpc.parallel.comm import all_values, in_turn, largest, on_root
from tracss_hpc.parallel.launch import communicator

comm = communicator()
rank = comm.rank
asked = []

def fail(error):
    asked.append(rank)
    raise error

raised = []
for error in (
    ConfigError("bad", key="run.days", given=-1, allowed="> 0"),
    InputDataError("worse", file="gp.csv", line=7),
    Interrupted("stopped"),
):
    try:
        on_root(comm, lambda: fail(error))
    except (ConfigError, InputDataError, Interrupted) as caught:
        raised.append([type(caught).__name__, str(caught), caught.exit_code, vars(caught)])

worked = []

def work(number):
    worked.append(number)
    if rank == 1:
        time.sleep(0.02)  # rank 0 waits, and the order stays
    return {"number": number, "rank": rank, "block": np.full(1000, number)}

got = [[v["number"], v["rank"], int(v["block"].sum())] for v in in_turn(comm, 7, work)]
report = {
    "raised": raised, "asked": asked, "got": got, "worked": worked,
    "none": list(in_turn(comm, 0, work)),
    "values": all_values(comm, {"rank": rank, "columns": np.arange(rank)})[-1]["columns"].tolist(),
    "largest": largest(comm, np.array([-np.inf, rank, -rank, 1e-300 * rank])).tolist(),
    "empty": largest(comm, np.empty(0)).tolist(),
}
own = np.array([float(rank)])
largest(comm, own)
assert own[0] == rank  # what was given is not changed
open(f"{sys.argv[1]}.{rank}", "w").write(json.dumps(report))
"""


@pytest.mark.parametrize("n", [2, 3])
def test_on_ranks(mpirun: Launch, tmp_path: Path, n: int) -> None:
    done = mpirun(n, "-c", PROGRAM, str(tmp_path / "report"))
    assert done.returncode == 0, done.stderr
    reports = [json.loads((tmp_path / f"report.{rank}").read_text()) for rank in range(n)]
    for rank, report in enumerate(reports):
        names = [[name, text, code] for name, text, code, _ in report["raised"]]
        assert names == [
            ["ConfigError", "bad", 2],
            ["InputDataError", "worse", 3],
            ["Interrupted", "stopped", 75],
        ]
        given = [attributes for *_, attributes in report["raised"]]
        assert given[0] == {"key": "run.days", "given": -1, "allowed": "> 0"}
        assert (given[1]["file"], given[1]["line"]) == ("gp.csv", 7)
        assert report["asked"] == ([0] * 3 if rank == 0 else [])
        assert report["worked"] == list(range(rank, 7, n))
        assert report["none"] == []
        assert report["values"] == list(range(n - 1))
    assert reports[0]["got"] == [[number, number % n, 1000 * number] for number in range(7)]
    assert all(report["got"] == [] for report in reports[1:])
    assert reports[0]["largest"] == [-np.inf, n - 1, 0.0, 1e-300 * (n - 1)]
    assert reports[0]["empty"] == []


#: An error on one rank, of the kind argv[1], ends the job.
FAILING = """
import sys
from tracss_hpc.parallel.comm import in_turn, on_root
from tracss_hpc.parallel.ending import run_together
from tracss_hpc.parallel.launch import communicator
comm = communicator()

def fail(number=0):
    if comm.rank == int(sys.argv[2]):
        raise ZeroDivisionError("a defect")
    return number

def main():
    if sys.argv[1] == "on_root":
        on_root(comm, fail)
    else:
        list(in_turn(comm, 4, fail))
    return 0

sys.exit(run_together(comm, main))
"""


@pytest.mark.parametrize(("words", "rank"), [("on_root", 0), ("in_turn", 0), ("in_turn", 1)])
def test_a_defect_ends_the_job(mpirun: Launch, words: str, rank: int) -> None:
    done = mpirun(2, "-c", FAILING, words, str(rank), timeout=30)
    assert done.returncode != 0
    assert f"[rank {rank}]" in done.stderr or f"[ranks [{rank}]]" in done.stderr  # the last alone
    assert "ZeroDivisionError: a defect" in done.stderr


def test_serial() -> None:
    def fail() -> None:
        raise InputDataError("bad", file="x")

    with pytest.raises(InputDataError) as caught:
        on_root(None, fail)
    assert caught.value.file == "x"
    assert Interrupted.exit_code == 75
    array = np.array([1.0, -1.0])
    assert largest(None, array) is array
    assert all_values(None, array)[0] is array
    begun = []

    def work(number: int) -> int:
        begun.append(number)
        return number

    values = in_turn(None, 3, work)
    assert begun == []
    assert next(values) == 0
    assert begun == [0]  # one at a time
    assert list(values) == [1, 2]
