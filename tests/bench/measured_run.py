"""One run in a process of its own, and what it cost: from the system and from its own ledger.

Fed by configuration words; feeds the speed bench. A run stores the processor seconds of every work
unit in group `stages` of results.h5, those of every stage and rank in provenance.json.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np

__all__ = ["Child", "ChildError", "MeasuredRun", "mpi_launcher", "run_child", "run_measured"]

ROOT = Path(__file__).resolve().parents[2]


class ChildError(RuntimeError):
    """A child process that ended with an exit code other than 0, kept in `code`."""

    def __init__(self, words: Sequence[str], code: int, said: str) -> None:
        super().__init__(f"{' '.join(words)} ended with exit code {code}:\n{said}")
        self.code = code


@dataclass(frozen=True)
class Child:
    """Seconds of a finished process and of all that it waited for, and what it said."""

    user_s: float
    sys_s: float
    wall_s: float
    said: str


@dataclass(frozen=True)
class MeasuredRun:
    """A finished run: its directory and its process (or its launcher's)."""

    folder: Path
    child: Child

    @cached_property
    def ledger(self) -> dict[str, Any]:
        """provenance.json."""
        text = (self.folder / "provenance.json").read_text(encoding="utf-8")
        return dict(json.loads(text))

    @cached_property
    def stages(self) -> dict[str, dict[str, Any]]:
        """Stages of the run by name."""
        return {stage["name"]: stage for stage in self.ledger["stages"]}

    @cached_property
    def unit_cpu_s(self) -> dict[str, float]:
        """Processor seconds of all work units: propagate, search, refine, assess."""
        with h5py.File(self.folder / "results.h5") as file:
            return {
                name.removesuffix("_cpu_s"): float(np.sum(column[:]))
                for name, column in file["stages"].items()
                if name.endswith("_cpu_s")
            }

    @property
    def screening_parts_s(self) -> dict[str, float]:
        """Processor seconds that find conjunctions, by part: all of a unit but their assessment."""
        return {name: s for name, s in self.unit_cpu_s.items() if name not in ("assess", "nc2d")}

    @property
    def screening_s(self) -> float:
        """Processor seconds of propagate + screen + refine, all ranks."""
        return sum(self.screening_parts_s.values())

    @property
    def rest_s(self) -> float:
        """Processor seconds of everything else but the audit, all ranks, start-up included."""
        total = sum(self.stage_cpu_s(name) for name in self.stages)
        return total - self.screening_s - self.stage_cpu_s("audit")

    @property
    def shards_s(self) -> float:
        """Seconds of all ranks spent on writing shards."""
        return float(self.stages["screen"]["counts"]["shard_s_of_ranks"])

    @property
    def conjunctions(self) -> int:
        return int(self.stages["screen"]["counts"]["conjunctions"])

    @property
    def ranks(self) -> int:
        return int(self.ledger["environment"]["ranks"])

    @property
    def peak_mb(self) -> float:
        """Largest memory of any rank [MB]."""
        return max(self.ledger["all_ranks_peak_memory_mb"])

    @property
    def wall_s(self) -> float:
        """Wall seconds of the run itself, from the start of its processes to its summary."""
        return float(sum(stage["wall_s"] for stage in self.stages.values()))

    def stage_cpu_s(self, name: str) -> float:
        """Processor seconds of one stage on all ranks (the last stage is on rank 0 alone)."""
        stage = self.stages[name]
        return float(sum(stage["all_ranks_cpu_s"]) or stage["cpu_s"])


def run_child(words: Sequence[str], environment: Mapping[str, str] | None = None) -> Child:
    """Run a program to its end, with `environment` added to this process' own.

    Raises
    ------
    ChildError
        If its exit code is not 0; with the last lines it said.
    """
    began = time.perf_counter()
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT,
        env={**os.environ, **(environment or {})},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        process.terminate()  # a launcher takes its ranks along
        process.wait()
        raise
    process.stdout.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        last = "\n".join(said.splitlines()[-15:])
        raise ChildError(words, process.returncode, last)
    return Child(usage.ru_utime, usage.ru_stime, time.perf_counter() - began, said)


def run_measured(folder: Path, config: str, words: Sequence[str], ranks: int = 1) -> MeasuredRun:
    """``tracss-hpc run CONFIG WORDS`` into `folder`, without messages, pictures and compression.

    Parameters
    ----------
    folder : Path
        New.
    config : str
        Configuration file, relative to the root of the source tree.
    words : sequence of str
        ``section.key=value``.
    ranks : int
        More than 1 need `mpi_launcher`.
    """
    launcher = [mpi_launcher(), "-n", str(ranks)] if ranks > 1 else []
    child = run_child(
        [
            *launcher, sys.executable, "-m", "tracss_hpc", "run", config, f"run.output={folder}",
            "export.cdm=[]", "export.plots=false", "export.compression=none", *words,
            "--quiet", "--progress=none",
        ]
    )  # fmt: skip
    return MeasuredRun(folder, child)


def mpi_launcher() -> str:
    """The launcher that was installed with this interpreter's MPI; blank if there is none."""
    path = Path(sysconfig.get_path("scripts")) / "mpiexec"
    return str(path) if path.exists() else ""
