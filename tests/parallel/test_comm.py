"""The few collective calls: serial, on a communicator of one, and on two and three ranks."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tracss_hpc.parallel import comm as parallel

Launch = Callable[..., subprocess.CompletedProcess[str]]

#: Every rank appends one JSON line to the file named by argv[1].
RANK_PROGRAM = """
import json, sys
import numpy as np
from tracss_hpc.parallel import comm as parallel
from tracss_hpc.errors import ConfigError
from tracss_hpc.parallel.launch import communicator

parallel._MESSAGE_BYTES = 16  # so that small arrays travel in several messages
comm = communicator()
rank, size = parallel.rank_size(comm)
units = list(parallel.work_queue(comm, 50)) + list(parallel.work_queue(comm, 1))
gathered = parallel.gather_arrays(comm, {
    "x": np.full((rank + 1, 3), float(rank)),
    "name": np.array([f"rank {rank}", "\\u03a9"]),
    "none": np.empty((0, 7)),
    "one": np.array(rank),
})
try:
    parallel.on_root(comm, lambda: (_ for _ in ()).throw(ConfigError("bad", key="run.days")))
except ConfigError as error:
    raised = [str(error), error.key]
report = {
    "raised": raised, "root": parallel.on_root(comm, lambda: f"by {rank}"),
    "values": parallel.all_values(comm, rank * 2),
    "in_turn": list(parallel.in_turn(comm, 5, lambda number: [number, rank])),
    "largest": parallel.largest(comm, np.array([rank, -rank, 1.5])).tolist(),
    "rank": rank, "size": size, "units": units, "gathered": [
        {key: [a.dtype.str, a.shape, a.tolist()] for key, a in arrays.items()}
        for arrays in gathered
    ],
    "value": parallel.broadcast(comm, {"from": rank}),
}
parallel.barrier(comm)
with open(f"{sys.argv[1]}.{rank}", "w") as file:
    json.dump(report, file)
"""


@pytest.mark.parametrize("n", [2, 3])
def test_collective_calls_on_ranks(mpirun: Launch, tmp_path: Path, n: int) -> None:
    done = mpirun(n, "-c", RANK_PROGRAM, str(tmp_path / "report"))
    assert done.returncode == 0, done.stderr
    reports = [json.loads((tmp_path / f"report.{rank}").read_text()) for rank in range(n)]
    assert [(r["rank"], r["size"]) for r in reports] == [(rank, n) for rank in range(n)]
    # Each unit of both queues went to exactly one rank, and rank r began with unit r.
    assert sorted(u for r in reports for u in r["units"]) == sorted([*range(50), 0])
    assert [r["units"][0] for r in reports] == list(range(n))
    assert [r["value"] for r in reports] == [{"from": 0}] * n
    assert [r["raised"] for r in reports] == [["bad", "run.days"]] * n
    assert [r["root"] for r in reports] == ["by 0"] * n
    assert [r["values"] for r in reports] == [[2 * rank for rank in range(n)]] * n
    in_turn = [[number, number % n] for number in range(5)]
    assert [r["in_turn"] for r in reports] == [in_turn] + [[]] * (n - 1)
    assert reports[0]["largest"] == [n - 1, 0, 1.5]
    assert [len(r["gathered"]) for r in reports] == [n] + [0] * (n - 1)
    for rank, arrays in enumerate(reports[0]["gathered"]):
        assert arrays["x"] == ["<f8", [rank + 1, 3], [[float(rank)] * 3] * (rank + 1)]
        assert arrays["name"] == ["<U6", [2], [f"rank {rank}", "Ω"]]
        assert arrays["none"] == ["<f8", [0, 7], []]
        assert arrays["one"] == ["<i8", [], rank]


#: `stop` becomes true on rank argv[2] when it is asked for the argv[3]-th time.
STOP_PROGRAM = """
import json, sys, time
from tracss_hpc.parallel import comm as parallel
from tracss_hpc.parallel.launch import communicator

comm = communicator()
rank, _ = parallel.rank_size(comm)
n, who, when = int(sys.argv[4]), sys.argv[2], int(sys.argv[3])
asked = 0

def stop():
    global asked
    asked += 1
    return str(rank) in who and asked >= when

done = []
for unit in parallel.work_queue(comm, n, stop):
    time.sleep(0.005)
    done.append(unit)
# All ranks have left the loop, and the next queue hands out all of its units.
after = list(parallel.work_queue(comm, 7))
with open(f"{sys.argv[1]}.{rank}", "w") as file:
    json.dump({"done": done, "asked": asked, "after": after}, file)
"""


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize(("who", "when"), [("0", 3), ("0", 1), ("1", 1), ("1", 4), ("012", 1)])
def test_a_stop_on_any_rank_ends_the_queue(
    mpirun: Launch, tmp_path: Path, n: int, who: str, when: int
) -> None:
    stopping = [rank for rank in range(n) if str(rank) in who]
    units = 1000 if stopping else 20
    done = mpirun(n, "-c", STOP_PROGRAM, str(tmp_path / "r"), who, str(when), str(units))
    assert done.returncode == 0, done.stderr
    reports = [json.loads((tmp_path / f"r.{rank}").read_text()) for rank in range(n)]
    all_done = sorted(unit for r in reports for unit in r["done"])
    assert len(set(all_done)) == len(all_done)
    assert sorted(unit for r in reports for unit in r["after"]) == list(range(7))
    if not stopping:
        assert all_done == list(range(units))
        return
    assert len(all_done) < units // 2  # the others soon followed
    for rank in stopping:  # asked before each unit, also the first; what it was given is left
        assert len(reports[rank]["done"]) == when - 1
        assert reports[rank]["asked"] == when


def test_a_stop_when_serial() -> None:
    answers = iter([False, False, True])
    assert list(parallel.work_queue(None, 5, lambda: next(answers))) == [0, 1]
    assert list(parallel.work_queue(None, 5, lambda: True)) == []
    assert list(parallel.work_queue(None, 2, lambda: False)) == [0, 1]


def test_more_ranks_than_units_and_a_stop(mpirun: Launch, tmp_path: Path) -> None:
    done = mpirun(3, "-c", STOP_PROGRAM, str(tmp_path / "r"), "2", "1", "2")
    assert done.returncode == 0, done.stderr
    reports = [json.loads((tmp_path / f"r.{rank}").read_text()) for rank in range(3)]
    assert [r["done"] for r in reports] == [[0], [1], []]
    assert reports[2]["asked"] == 0


def test_communicator_of_one(mpirun: Launch) -> None:
    program = (
        "import numpy as np\n"
        "from mpi4py import MPI\n"
        "from tracss_hpc.parallel import comm as p\n"
        "from tracss_hpc.parallel.ending import run_together\n"
        "from tracss_hpc.parallel.launch import communicator\n"
        "c = MPI.COMM_SELF\n"
        "assert communicator() is None\n"
        "assert p.rank_size(c) == (0, 1) and list(p.work_queue(c, 5)) == [0, 1, 2, 3, 4]\n"
        "assert p.gather_arrays(c, {'x': np.arange(3)})[0]['x'].tolist() == [0, 1, 2]\n"
        "assert p.all_values(c, 2) == [2] and run_together(c, lambda: 7) == 7\n"
    )
    done = mpirun(1, "-c", program)
    assert done.returncode == 0, done.stderr


def test_serial() -> None:
    assert parallel.rank_size(None) == (0, 1)
    assert list(parallel.work_queue(None, 3)) == [0, 1, 2]
    assert list(parallel.work_queue(None, 0)) == []
    assert parallel.broadcast(None, "x") == "x"
    assert parallel.all_values(None, "x") == ["x"]
    assert parallel.on_root(None, lambda: 3) == 3
    assert list(parallel.in_turn(None, 3, lambda number: number * 2)) == [0, 2, 4]
    assert parallel.largest(None, np.array([1.0])).tolist() == [1.0]
    parallel.barrier(None)
    arrays = {"x": np.arange(4)[::2], "s": np.array(["a"])}
    gathered = parallel.gather_arrays(None, arrays)
    assert len(gathered) == 1
    np.testing.assert_array_equal(gathered[0]["x"], [0, 2])


def test_python_objects_are_not_gathered() -> None:
    with pytest.raises(TypeError, match="'bad' has dtype object"):
        parallel.gather_arrays(None, {"bad": np.array([None])})
