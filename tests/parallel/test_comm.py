"""The few collective calls: serial, on a communicator of one, and on two and three ranks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tracss_hpc.errors import ConfigError
from tracss_hpc.parallel import comm as parallel

ROOT = Path(__file__).resolve().parents[2]
Launch = Callable[..., subprocess.CompletedProcess[str]]

#: Every rank appends one JSON line to the file named by argv[1].
RANK_PROGRAM = """
import json, sys
import numpy as np
from tracss_hpc.parallel import comm as parallel

parallel._MESSAGE_BYTES = 16  # so that small arrays travel in several messages
comm = parallel.communicator()
rank, size = parallel.rank_size(comm)
units = list(parallel.work_queue(comm, 50)) + list(parallel.work_queue(comm, 1))
gathered = parallel.gather_arrays(comm, {
    "x": np.full((rank + 1, 3), float(rank)),
    "name": np.array([f"rank {rank}", "\\u03a9"]),
    "none": np.empty((0, 7)),
    "one": np.array(rank),
})
report = {
    "rank": rank, "size": size, "units": units, "gathered": [
        {key: [a.dtype.str, a.shape, a.tolist()] for key, a in arrays.items()}
        for arrays in gathered
    ],
    "max": parallel.all_max(comm, 10 - rank), "value": parallel.broadcast(comm, {"from": rank}),
    "hosts": parallel.host_count(comm),
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
    assert [r["max"] for r in reports] == [10] * n
    assert [r["value"] for r in reports] == [{"from": 0}] * n
    assert [r["hosts"] for r in reports] == [1] * n
    assert [len(r["gathered"]) for r in reports] == [n] + [0] * (n - 1)
    for rank, arrays in enumerate(reports[0]["gathered"]):
        assert arrays["x"] == ["<f8", [rank + 1, 3], [[float(rank)] * 3] * (rank + 1)]
        assert arrays["name"] == ["<U6", [2], [f"rank {rank}", "Ω"]]
        assert arrays["none"] == ["<f8", [0, 7], []]
        assert arrays["one"] == ["<i8", [], rank]


def test_communicator_of_one(mpirun: Launch) -> None:
    program = (
        "import numpy as np\n"
        "from mpi4py import MPI\n"
        "from tracss_hpc.parallel import comm as p\n"
        "c = MPI.COMM_SELF\n"
        "assert p.communicator() is None\n"
        "assert p.rank_size(c) == (0, 1) and list(p.work_queue(c, 5)) == [0, 1, 2, 3, 4]\n"
        "assert p.gather_arrays(c, {'x': np.arange(3)})[0]['x'].tolist() == [0, 1, 2]\n"
        "assert p.all_max(c, 2) == 2 and p.run_together(c, lambda: 7) == 7\n"
    )
    done = mpirun(1, "-c", program)
    assert done.returncode == 0, done.stderr


def test_serial() -> None:
    assert parallel.rank_size(None) == (0, 1)
    assert list(parallel.work_queue(None, 3)) == [0, 1, 2]
    assert list(parallel.work_queue(None, 0)) == []
    assert parallel.broadcast(None, "x") == "x"
    assert parallel.all_max(None, 2.5) == 2.5
    assert parallel.host_count(None) == 1
    parallel.barrier(None)
    arrays = {"x": np.arange(4)[::2], "s": np.array(["a"])}
    gathered = parallel.gather_arrays(None, arrays)
    assert len(gathered) == 1
    np.testing.assert_array_equal(gathered[0]["x"], [0, 2])


def test_python_objects_are_not_gathered() -> None:
    with pytest.raises(TypeError, match="'bad' has dtype object"):
        parallel.gather_arrays(None, {"bad": np.array([None])})


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, (1, "")),
        ({"PMI_SIZE": "4"}, (4, "PMI_SIZE")),
        ({"OMPI_COMM_WORLD_SIZE": "3"}, (3, "OMPI_COMM_WORLD_SIZE")),
        (
            {"SLURM_PROCID": "0", "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "8"},
            (8, "SLURM_STEP_NUM_TASKS"),
        ),
        ({"SLURM_PROCID": "0", "SLURM_STEP_ID": "0", "SLURM_NTASKS": "5"}, (5, "SLURM_NTASKS")),
        # The batch script itself is no rank, whatever the size of the job.
        ({"SLURM_PROCID": "0", "SLURM_STEP_ID": "4294967291", "SLURM_NTASKS": "8"}, (1, "")),
        ({"SLURM_NTASKS": "8"}, (1, "")),
        ({"PMI_SIZE": "4", "SLURM_PROCID": "0", "SLURM_STEP_ID": "0"}, (4, "PMI_SIZE")),
    ],
)
def test_launcher_is_detected(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: tuple[int, str]
) -> None:
    for name in list(os.environ):
        if name.startswith(("PMI", "OMPI_", "MV2_", "SLURM_")):
            monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert parallel.launched_size() == expected


def test_launcher_of_another_mpi_is_refused() -> None:
    """Four processes started, MPI sees one: each would believe to be rank 0 and write."""
    done = subprocess.run(
        [sys.executable, "-m", "tracss_hpc", "status"],
        env={**os.environ, "OMPI_COMM_WORLD_SIZE": "4"},
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 2
    assert "launcher started 4 processes (OMPI_COMM_WORLD_SIZE) but MPI sees 1" in done.stderr
    assert "Traceback" not in done.stderr


def test_report_does_not_start_mpi() -> None:
    program = (
        "from tracss_hpc.parallel.comm import library_report\n"
        "report = library_report()\n"
        "from mpi4py import MPI\n"
        "assert not MPI.Is_initialized()\n"
        "assert report['mpi4py'] and report['library'] and report['file'], report\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr


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
    assert parallel.run_together(None, ending) == code
    assert capsys.readouterr().err.strip() == text


@pytest.mark.parametrize(
    ("error", "code", "text", "traceback"),
    [
        (ConfigError("run.days is wrong"), 2, "tracss-hpc: run.days is wrong", False),
        (KeyboardInterrupt(), 130, "tracss-hpc: interrupted", False),
        (ZeroDivisionError("deep"), 1, "ZeroDivisionError: deep", True),
    ],
)
def test_error_when_serial(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: int, text: str, traceback: bool
) -> None:
    def fail() -> int:
        raise error

    assert parallel.run_together(None, fail) == code
    printed = capsys.readouterr().err
    assert text in printed
    assert ("Traceback" in printed) == traceback
