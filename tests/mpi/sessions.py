"""Sessions of a run that can be struck: launched, watched, hit by a signal, waited for.

Every process of a session carries a mark in its environment, so that its launcher, the launcher's
daemon and the ranks are found, and nobody else's. Used by kills.py and test_kills.py.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import sysconfig
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.oracles import planted

__all__ = [
    "ENDED_S", "GONE_S", "LAUNCHER", "ROOT", "SETTINGS", "STAGES", "Job", "end", "launch",
    "processes", "shards", "stage_of", "strike",
]  # fmt: skip

ROOT = Path(__file__).resolve().parents[2]
LAUNCHER = Path(sysconfig.get_path("scripts")) / "mpiexec"
#: Work for a few seconds in 24 units, with every stage that writes.
SETTINGS = (
    f'catalog.gp=["{planted.FILE}"]', f"run.start={planted.START}", "run.days=0.25",
    "screening.slice_hours=0.25", "screening.step_s=10", "audit.max_pair_steps=20000000",
    'export.cdm=["kvn"]', "export.cdm_min_pc=0", "export.plots=false",
)  # fmt: skip

#: What rank 0 says at the end of a stage, and the stage that then begins; the last first.
_WORDS = (
    ("] messages and pictures", "end"), ("] wrote ", "export"), ("] self-audit:", "merge"),
    (" conjunctions in ", "audit"), (" units on ", "collect"), ("] trajectories:", "screen"),
    ("] catalog:", "trajectories"),
)  # fmt: skip
STAGES = ("start", *(name for _, name in reversed(_WORDS)))
_MARK = "KILL_TESTS_JOB"
#: How long anything of a killed session may live [s], and one that was asked to stop.
GONE_S, ENDED_S = 20.0, 120.0


@dataclass
class Job:
    """One session: its launcher, the mark by which its processes are known, and what it said."""

    process: subprocess.Popen[bytes]
    mark: str
    report: Path
    began: float = field(default_factory=time.monotonic)

    def text(self) -> str:
        """What all ranks and the launcher have said so far."""
        return self.report.read_text(encoding="utf-8", errors="replace")


def launch(scratch: Path, folder: Path, ranks: int, *options: str) -> Job:
    """Begin a session of the run in `folder`; on one rank without launcher."""
    mark = f"{scratch.name}-{time.monotonic_ns()}"
    report = scratch / f"session-{mark}.txt"
    start = [str(LAUNCHER), "-n", str(ranks)] if ranks > 1 else []
    words = [sys.executable, "-m", "tracss_hpc", "run", "configs/all_vs_all.toml", *SETTINGS]
    with report.open("wb") as output:
        process = subprocess.Popen(
            [*start, *words, f"run.output={folder}", *options],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=ROOT,
            env={**os.environ, _MARK: mark}, start_new_session=True,
        )  # fmt: skip
    return Job(process, mark, report)


def strike(
    job: Job, target: str, number: int, at_s: float, folder: Path
) -> tuple[str, int, bool] | None:
    """Send a signal `at_s` after the launch; None when the session had ended by itself.

    Parameters
    ----------
    target : {"mpiexec", "node daemon", "rank 0", "another rank", "all"}
    number : int
        The signal.
    at_s : float
        A target that is not there yet is waited for.
    folder : Path
        The run directory.

    Returns
    -------
    str
        The stage that was hit.
    int
        Units done until then.
    bool
        Whether those who were hit (all ranks, for the launcher) take USR1 and TERM as a request.
    """
    time.sleep(max(0.0, job.began + at_s - time.monotonic()))
    while True:
        there = processes(job.mark)
        hit = [pid for pid, name in there.items() if name == target or target == "all"]
        if target == "another rank":
            hit = [pid for pid, name in there.items() if name.startswith("rank") and name[5:] > "0"]
        if hit:
            break
        if job.process.poll() is not None:
            return None
        time.sleep(0.01)  # not started yet
    asked = hit if target != "mpiexec" else [p for p, n in there.items() if n.startswith("rank")]
    state = stage_of(job), shards(folder), bool(asked) and all(map(_takes_requests, asked))
    for pid in hit if target == "all" else hit[:1]:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            if target != "all":
                return None
    return state


def end(job: Job, limit_s: float) -> tuple[int, float]:
    """Wait for the end of all processes of a session; the exit code and how long it took [s]."""
    began = time.monotonic()
    while True:
        left = processes(job.mark)
        code = job.process.poll()
        if not left and code is not None:
            return code, time.monotonic() - began
        if time.monotonic() - began > limit_s:
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            job.process.wait()
            raise AssertionError(
                f"{sorted(left.values())} live {limit_s:.0f} s after the end:\n{job.text()}"
            )
        time.sleep(0.02)


def stage_of(job: Job) -> str:
    """The stage a session is in, by what rank 0 has said."""
    text = job.text()
    return next((stage for words, stage in _WORDS if words in text), "start")


def shards(folder: Path) -> int:
    """Number of finished units in the checkpoint of a run directory."""
    return len(list(folder.glob("checkpoint/unit-*.h5")))


def processes(mark: str) -> dict[int, str]:
    """Living processes of a session by id: mpiexec, node daemon, rank N, other."""
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            variables = (folder / "environ").read_bytes().split(b"\0")
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:  # it has just ended, or is not ours
            continue
        if f"{_MARK}={mark}".encode() in variables:
            name = Path(words[0].decode()).name
            rank = next((v[9:].decode() for v in variables if v.startswith(b"PMI_RANK=")), "0")
            found[int(folder.name)] = (
                "mpiexec" if name == "mpiexec"
                else "node daemon" if name == "hydra_pmi_proxy"
                else f"rank {rank}" if b"tracss_hpc" in words
                else "other"
            )  # fmt: skip
    return found


def _takes_requests(pid: int) -> bool:
    """Whether a rank has its own handler for TERM (MPICH has one for USR1)."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return False
    caught = next(int(x.split()[1], 16) for x in lines if x.startswith("SigCgt:"))
    return bool(caught >> (signal.SIGTERM - 1) & 1)
