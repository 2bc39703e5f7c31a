"""The ledger of a run: who made this result, from what, with what, and how long each stage took.

Fed by `runs` while a run goes on; written as provenance.json beside results.h5, whose root
attributes carry the same identifiers. Everything that depends on clock, host or ranks belongs
here and never into the digested groups of results.h5.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import importlib.metadata
import json
import os
import platform
import resource
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import tracss_hpc
from tracss_hpc.atomic import write_atomically

__all__ = [
    "RunLedger",
    "Stage",
    "correlation_id",
    "environment",
    "former_warnings",
    "git_commit",
    "package_versions",
    "peak_memory_mb",
]

_PACKAGES = ("numpy", "scipy", "sgp4", "pyerfa", "h5py", "h5netcdf", "xarray", "matplotlib")

_SLURM = (
    "SLURM_JOB_ID", "SLURM_JOB_NAME", "SLURM_JOB_NODELIST", "SLURM_NTASKS", "SLURM_JOB_PARTITION",
    "SLURM_RESTART_COUNT", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURM_CLUSTER_NAME",
)  # fmt: skip
#: Environment variables that may change how a run behaves.
_VARIABLES = ("TRACSS_", "OMP_NUM_THREADS", "MPI4PY_", "HDF5_USE_FILE_LOCKING")


@dataclasses.dataclass
class Stage:
    """One stage of a run: seconds of wall clock and of this rank's processor, and its counts.

    `all_ranks_cpu_s` lists the processor seconds of every rank, once the ledger has them.
    """

    name: str
    wall_s: float = 0.0
    cpu_s: float = 0.0
    counts: dict[str, float] = dataclasses.field(default_factory=dict)
    all_ranks_cpu_s: list[float] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class RunLedger:
    """What is known about a run so far; mutable, because a run grows.

    Attributes
    ----------
    config : str
        The resolved configuration as TOML.
    correlation_id : str
        UUID of the input catalog, see `correlation_id`; blank until the catalog is read.
    inputs : list of dict
        path, role, sha256 and bytes of each input file; records_read and records_rejected of those
        with the role gp.
    environment : dict
        See `environment`.
    sessions : list of dict
        Each time a process worked on this run: its start, ranks, host, units; more than one when
        the run was resumed.
    warnings : list of str
        What was logged as a warning or an error.
    all_ranks_peak_memory_mb : list of float
        Largest memory of each rank [MB].
    run_id : str
        A random UUID: two runs of the same input differ in this and in nothing that is digested.
    """

    config: str
    correlation_id: str = ""
    inputs: list[dict[str, object]] = dataclasses.field(default_factory=list)
    environment: dict[str, object] = dataclasses.field(default_factory=dict)
    run_id: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))
    created: str = dataclasses.field(
        default_factory=lambda: dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    )
    stages: list[Stage] = dataclasses.field(default_factory=list)
    sessions: list[dict[str, object]] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)
    all_ranks_peak_memory_mb: list[float] = dataclasses.field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[Stage]:
        """Time one stage; the caller adds to its `counts`. A failed stage is kept too."""
        stage = Stage(name)
        self.stages.append(stage)
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield stage
        finally:
            stage.wall_s = time.perf_counter() - wall
            stage.cpu_s = time.process_time() - cpu

    def add_startup(self) -> None:
        """Note what this process has taken so far: its start, imports, MPI."""
        self.stages.append(Stage("start-up", _process_age_s(), time.process_time()))

    def add_ranks(self, cpu_s: Sequence[Sequence[float]], peak_memory_mb: Sequence[float]) -> None:
        """Note the processor seconds of each stage and the peak memory, of each rank."""
        for stage, seconds in zip(self.stages, zip(*cpu_s, strict=True), strict=True):
            stage.all_ranks_cpu_s = list(seconds)
        self.all_ranks_peak_memory_mb = list(peak_memory_mb)

    def to_json(self) -> str:
        """The whole ledger as JSON, with the peak memory of this process up to now."""
        record = dataclasses.asdict(self)
        record["tracss_hpc_version"] = tracss_hpc.__version__
        record["config_sha256"] = hashlib.sha256(self.config.encode()).hexdigest()
        record["peak_memory_mb"] = peak_memory_mb()
        return json.dumps(record, indent=2, ensure_ascii=False) + "\n"

    def write(self, folder: Path) -> Path:
        """Write ``provenance.json`` into `folder`; readers see the old file or the new one."""
        path = folder / "provenance.json"
        write_atomically(path, self.to_json().encode())
        return path


def former_warnings(folder: Path) -> list[str]:
    """Warnings of the last session in a run directory; none when it was killed (see run.log)."""
    try:
        record = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
        return [str(text) for text in record["warnings"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def correlation_id(digests: Sequence[str]) -> str:
    """The UUID of an input catalog, from the SHA-256 digests of its files (or records) in order.

    CORRELATION_ID of a CDM names the package of vectors that was screened (CDM specification 2.0,
    row 9): the same input gives the same UUID on any machine, whatever the files are called.
    """
    digest = hashlib.sha256("\n".join(digests).encode()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=5))


def environment(
    *,
    ranks: int = 1,
    hosts: Sequence[str] = (),
    mpi: Mapping[str, str] | None = None,
    simd: str = "",
) -> dict[str, object]:
    """Machine, processes and versions, for the `environment` attribute of results.h5.

    Parameters
    ----------
    ranks : int
    hosts : sequence of str
        Host name of each rank; blank: this host.
    mpi : mapping, optional
        Report on the MPI library; blank when serial.
    simd : str
        SIMD level of the kernels.
    """
    names = sorted(set(hosts or [platform.node()]))
    return {
        "host_count": len(names),
        "hosts": names,
        "ranks": ranks,
        "mpi": dict(mpi or {}),
        "slurm": {
            name.removeprefix("SLURM_").lower(): os.environ[name]
            for name in _SLURM
            if name in os.environ
        },
        "variables": {
            name: text for name, text in sorted(os.environ.items()) if name.startswith(_VARIABLES)
        },
        "simd": simd,
        "cores": os.cpu_count() or 1,
        "machine": platform.machine(),
        "system": platform.platform(),
        "git_commit": git_commit(),
        "versions": package_versions(),
    }


def package_versions() -> Mapping[str, str]:
    """Versions of Python, of this package and of what it computes with."""
    versions = {"python": platform.python_version(), "tracss_hpc": tracss_hpc.__version__}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = ""
    return versions


def peak_memory_mb() -> float:
    """Largest memory of this process so far [MB]."""
    # Linux's ru_maxrss starts from what the parent had; VmHWM is this program's alone.
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024.0
    except (OSError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def _process_age_s() -> float:
    """Wall seconds since this process was started [proc(5): stat, field 22, in clock ticks]."""
    try:
        stat = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return time.process_time()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(stat[19]) / os.sysconf("SC_CLK_TCK")


def git_commit() -> str:
    """Commit of the source tree this package runs from, ``+`` when changed; blank if none."""
    root = Path(__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return ""
    try:
        answer = subprocess.run(
            [
                "git",
                "-C",
                str(root),
                "describe",
                "--always",
                "--exclude=*",
                "--abbrev=40",
                "--dirty=+",
            ],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip()
