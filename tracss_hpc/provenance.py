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

__all__ = [
    "RunLedger",
    "Stage",
    "correlation_id",
    "environment",
    "git_commit",
    "package_versions",
    "write_atomically",
]

_PACKAGES = ("numpy", "scipy", "sgp4", "pyerfa", "h5py", "h5netcdf", "xarray", "matplotlib")


@dataclasses.dataclass
class Stage:
    """One stage of a run: seconds of wall clock and of this rank's processor, and its counts."""

    name: str
    wall_s: float = 0.0
    cpu_s: float = 0.0
    counts: dict[str, float] = dataclasses.field(default_factory=dict)


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
        path, sha256, bytes, records_read, records_rejected of each input file.
    environment : dict
        See `environment`.
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

    def to_json(self) -> str:
        """The whole ledger as JSON, with the peak memory of this process up to now."""
        record = dataclasses.asdict(self)
        record["tracss_hpc_version"] = tracss_hpc.__version__
        record["config_sha256"] = hashlib.sha256(self.config.encode()).hexdigest()
        record["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return json.dumps(record, indent=2, ensure_ascii=False) + "\n"

    def write(self, folder: Path) -> Path:
        """Write ``provenance.json`` into `folder`; readers see the old file or the new one."""
        path = folder / "provenance.json"
        write_atomically(path, self.to_json().encode())
        return path


def correlation_id(digests: Sequence[str]) -> str:
    """The UUID of an input catalog, from the SHA-256 digests of its files (or records) in order.

    CORRELATION_ID of a CDM names the package of vectors that was screened (CDM specification 2.0,
    row 9): the same input gives the same UUID on any machine, whatever the files are called.
    """
    digest = hashlib.sha256("\n".join(digests).encode()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=5))


def environment(
    *, ranks: int = 1, hosts: int = 1, mpi: str = "", simd: str = ""
) -> dict[str, object]:
    """Machine, processes and versions, for the `environment` attribute of results.h5."""
    return {
        "host_count": hosts,
        "ranks": ranks,
        "mpi": mpi,
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


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` under a temporary name beside `path`, flush it to disk, then rename."""
    temporary = path.with_name(f"{path.name}.tmp.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
