"""What a run would stand on here: versions, processor level, HDF5, MPI, launcher, hosts, cores.

Fed by the launcher's variables and the loaded libraries; feeds `tracss-hpc status`. Under mpirun
or srun all ranks take part: a message goes from rank 0 to each other rank and back, so a first job
of a minute shows whether the ranks of a big one will reach each other.
"""

from __future__ import annotations

import importlib
import os
import platform
import time
from pathlib import Path

import numpy as np

import tracss_hpc
from tracss_hpc.errors import TracssError
from tracss_hpc.export.digest import hdf5_version
from tracss_hpc.parallel.comm import Comm, all_values, rank_size
from tracss_hpc.parallel.launch import launched_size, library_report
from tracss_hpc.provenance import git_commit, package_versions

__all__ = ["status_rows"]

_MESSAGE_BYTES = 1024
_ROUND_TRIPS = 50
#: Longest wait for one message to come back [s].
_PATIENCE_S = 10.0
#: Ranks whose round trip is shown one by one; of more, the fastest and the slowest.
_SHOWN_RANKS = 8


def status_rows(comm: Comm | None) -> dict[str, str]:
    """Name and text of each row to show; all ranks must call it, rank 0 knows the round trips.

    Raises
    ------
    TracssError
        On rank 0 when a message does not come back from a rank, or comes back changed.
    """
    return _software_rows() | _mpi_rows() | _rank_rows(comm)


def _software_rows() -> dict[str, str]:
    """This package and what it computes with."""
    rows = {"tracss_hpc": tracss_hpc.__version__}
    rows["installed in"] = str(Path(tracss_hpc.__file__).parent)
    if commit := git_commit():
        rows["git commit"] = commit
    rows |= {name: text or "not installed" for name, text in package_versions().items()}
    try:
        kernels = importlib.import_module("tracss_hpc.kernels")
        rows["SIMD level"] = kernels.SIMD_LEVEL
        rows["SIMD supported"] = f"{', '.join(kernels.SUPPORTED_LEVELS)} (TRACSS_SIMD chooses)"
    except ImportError as error:
        rows["SIMD level"] = f"not available: {error}"
    rows["HDF5"] = hdf5_version()
    return rows


def _mpi_rows() -> dict[str, str]:
    """The library of MPI, and who started this process."""
    report = library_report()
    rows = {"mpi4py": report["mpi4py"]}
    rows["MPI library"] = report.get("library", f"not available: {report.get('error')}")
    if "library" in report:
        rows |= {"MPI ABI": report["abi"], "MPI file": report["file"]}
    size, variable = launched_size()
    rows["launcher"] = f"{size} processes ({variable})" if variable else "none"
    if "SLURM_JOB_ID" in os.environ:
        words = {
            "": "SLURM_JOB_ID",
            "step ": "SLURM_STEP_ID",
            "on ": "SLURM_JOB_NODELIST",
            "partition ": "SLURM_JOB_PARTITION",
            "restarts ": "SLURM_RESTART_COUNT",
        }
        told = [text + os.environ[name] for text, name in words.items() if name in os.environ]
        rows["Slurm job"] = ", ".join(told)
    return rows


def _rank_rows(comm: Comm | None) -> dict[str, str]:
    """Where the ranks are, what they may use, and whether they reach each other."""
    rank, size = rank_size(comm)
    rows = {"ranks": str(size)}
    hosts = all_values(comm, platform.node())
    ranks_of = {host: [r for r, other in enumerate(hosts) if other == host] for host in hosts}
    rows["layout"] = "; ".join(f"{host}: {_ranges(ranks)}" for host, ranks in ranks_of.items())
    cores = all_values(comm, len(os.sched_getaffinity(0)))
    few, many = min(cores), max(cores)
    rows["cores"] = f"{few if few == many else f'{few} to {many}'} usable of {os.cpu_count()}"
    if comm is not None and size > 1:
        rows["cores"] += ", each rank"
        if rank > 0:
            _answer(comm)
        else:
            rows["round trip"] = _round_trip_text(_round_trips_us(comm, hosts))
    return rows


def _ranges(ranks: list[int]) -> str:
    """``0-3, 8``: ascending numbers, with neighbours drawn together."""
    starts = [r for r in ranks if r - 1 not in ranks]
    ends = [r for r in ranks if r + 1 not in ranks]
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True))


def _round_trip_text(median_us: list[float]) -> str:
    ranks = [*range(1, len(median_us) + 1)]
    kind = ""
    if len(median_us) > _SHOWN_RANKS:
        ranks = [1 + int(np.argmin(median_us)), 1 + int(np.argmax(median_us))]
        kind = f"fastest and slowest of {len(median_us)}: "
    times = ", ".join(f"rank {rank} {median_us[rank - 1]:.1f} µs" for rank in ranks)
    return f"ok, 1 KiB from rank 0 and back, median: {kind}{times}"


def _round_trips_us(comm: Comm, hosts: list[str]) -> list[float]:
    """Median time of a message from rank 0 to each other rank and back [µs]."""
    medians = []
    for other in range(1, comm.size):
        times = []
        for turn in range(_ROUND_TRIPS):
            message = (np.arange(_MESSAGE_BYTES) + other + turn).astype(np.uint8)
            answer = np.zeros_like(message)
            start = time.perf_counter()
            received = comm.Irecv(answer, source=other)
            sent = comm.Isend(message, dest=other)
            while not (sent.Test() and received.Test()):
                if time.perf_counter() - start > _PATIENCE_S:
                    raise _broken(other, hosts, f"sent nothing back within {_PATIENCE_S:g} s")
            times.append(time.perf_counter() - start)
            if not np.array_equal(answer, message):
                raise _broken(other, hosts, "sent back other bytes than it was sent")
        medians.append(float(np.median(times)) * 1e6)
    return medians


def _broken(other: int, hosts: list[str], what: str) -> TracssError:
    return TracssError(
        f"status: rank {other} on {hosts[other]} {what}, asked by rank 0 on {hosts[0]}; try the "
        "ranks on one host, then ask the site which network settings its MPI needs"
    )


def _answer(comm: Comm) -> None:
    """The other end of `_round_trips_us`."""
    message = np.empty(_MESSAGE_BYTES, np.uint8)
    for _ in range(_ROUND_TRIPS):
        comm.Recv(message, source=0)
        comm.Send(message, dest=0)
