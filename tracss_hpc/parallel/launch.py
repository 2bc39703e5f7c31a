"""How a job starts: the guard around MPI that makes N processes one job.

Fed by `cli`; gives the communicator to `runs`, which uses it through `parallel.comm`. mpi4py is
imported only under a launcher, so a laptop needs no MPI.

A launcher of another MPI starts N copies that all believe to be rank 0 of 1 and write the same
files, or that die inside MPI_Init with a text nobody understands (measured with MPICH 5 and
Open MPI 4 and 5). So `communicator` looks at the launcher's variables before MPI starts, and
compares the launcher's count with MPI's afterwards.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import sys
import time
import warnings
from pathlib import Path
from types import ModuleType

from tracss_hpc.errors import UsageError
from tracss_hpc.parallel.comm import Comm
from tracss_hpc.parallel.ending import end_job_on_error

__all__ = ["communicator", "launched_size", "library_report"]

#: Where launchers say how many processes they started, and which of its host's this one is:
#: MPICH, Intel, Cray and `srun --mpi=pmi2` (the place only mpiexec); Open MPI; MVAPICH.
_LAUNCHERS = {
    "PMI_SIZE": "MPI_LOCALRANKID",
    "OMPI_COMM_WORLD_SIZE": "OMPI_COMM_WORLD_LOCAL_RANK",
    "MV2_COMM_WORLD_SIZE": "MV2_COMM_WORLD_LOCAL_RANK",
}
#: A process that has nothing to say lets the one that has be read before the launcher, seeing
#: the first end that is not 0, kills the rest [s].
_LISTENING_S = 3.0


def launched_size() -> tuple[int, str]:
    """How many processes a launcher started, and the variable that says so; (1, "") without one.

    The largest count, when one launcher was started inside another.
    """
    counts = _launcher_counts()
    variable = max(counts, key=counts.__getitem__, default="")
    return counts.get(variable, 1), variable


def communicator() -> Comm | None:
    """All ranks of the job, with its end guarded; None when one process was started.

    From here on an uncaught exception in any thread of any rank prints its traceback with the rank
    and ends the whole job; `sys.exit` needs `ending.run_together`.

    Raises
    ------
    UsageError
        When MPI cannot be loaded, or does not see the processes the launcher started. N processes
        that cannot talk to each other would all say so: only the first on each host raises it, the
        others end by `SystemExit` with its exit code.
    """
    size, variable = launched_size()
    if size == 1:
        return None
    try:
        comm = _start_mpi(size, variable)
    except UsageError as error:
        if not _is_first_on_host(variable):
            time.sleep(_LISTENING_S)
            raise SystemExit(error.exit_code) from None
        raise
    end_job_on_error(comm)
    return comm


def library_report() -> dict[str, str]:
    """mpi4py, the MPI library, its ABI and its file, without starting MPI; `error` if none."""
    import mpi4py

    try:
        mpi = _load_mpi()
    except (ImportError, RuntimeError) as error:
        return {"mpi4py": mpi4py.__version__, "error": _one_line(error)}
    version = mpi.Get_library_version().splitlines()[0].strip(" ,\0")
    return {
        "mpi4py": mpi4py.__version__,
        "library": re.sub(r"\s+", " ", version),
        "abi": _abi(mpi),
        "file": ", ".join(_library_files()) or "unknown",
    }


def _launcher_counts() -> dict[str, int]:
    """What each launcher around this process says, by its variable."""
    counts = {name: int(os.environ[name]) for name in _LAUNCHERS if _is_number(name)}
    # Inside a step mpirun's own daemons are Slurm's tasks, so a launcher's word goes first. A batch
    # script itself is step 4294967291 ("batch"): it has no ranks.
    step = os.environ.get("SLURM_STEP_ID")
    if not counts and "SLURM_PROCID" in os.environ and step not in (None, "4294967291"):
        for name in ("SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"):
            if _is_number(name):
                return {name: int(os.environ[name])}
    return counts


def _is_number(name: str) -> bool:
    return os.environ.get(name, "").isdigit()


def _is_first_on_host(variable: str) -> bool:
    """Whether the launcher that set `variable` put this process first on its host."""
    # Slurm's own word comes last: inside mpirun it is the place of mpirun.
    slurm = os.environ.get("SLURM_LOCALID", "0")
    return os.environ.get(_LAUNCHERS.get(variable, ""), slurm) == "0"


def _start_mpi(size: int, variable: str) -> Comm:
    """COMM_WORLD of all processes the launcher started, or a `UsageError` that says what to do."""
    try:
        mpi = _load_mpi()
        if not mpi.Is_initialized():
            _refuse_unknown_launcher(mpi, size, variable)
            with warnings.catch_warnings():
                # mpi4py's own word on a foreign launcher; ours follows and says what to do.
                warnings.filterwarnings("ignore", "suspicious MPI execution environment")
                mpi.Init_thread(mpi.THREAD_MULTIPLE)
    except (ImportError, RuntimeError) as error:
        raise UsageError(
            f"a launcher started {size} processes ({variable}) but MPI does not start on "
            f"{platform.node()}: {_one_line(error)}; "
            'pip install -e ".[mpich]", or load the MPI of this machine, pip install mpi4py and '
            f"let MPI4PY_LIBMPI name its library{_now('MPI4PY_LIBMPI')}{_now('MPI4PY_MPIABI')}"
        ) from None
    comm: Comm = mpi.COMM_WORLD
    if comm.size == 1 or comm.size not in _launcher_counts().values():
        raise UsageError(
            f"the launcher started {size} processes ({variable}) but MPI sees {comm.size}: "
            + _other_mpi(mpi)
        )
    return comm


def _refuse_unknown_launcher(mpi: ModuleType, size: int, variable: str) -> None:
    """Stop where MPI_Init would abort the process: an MPICH without PMIx under a PMIx launcher.

    MPICH links PMIx when it is built with it, so the symbol is proof. Other libraries load what
    they need later and are judged by their count after the start. The opposite case, Open MPI
    under a launcher that speaks PMI, does not abort but gives singletons.
    """
    vendor, version = mpi.get_vendor()
    if vendor != "MPICH" or "PMIX_NAMESPACE" not in os.environ:
        return
    if any(hasattr(ctypes.CDLL(file), "PMIx_Init") for file in _library_files()):
        return
    if "PMI_SIZE" not in os.environ:
        raise UsageError(
            f"the launcher started {size} processes ({variable}) and speaks PMIx, which this MPI "
            "does not: " + _other_mpi(mpi) + " (under srun: --mpi=pmi2)"
        )
    # MPICH 5 takes PMIx when it sees both, even if its own mpiexec is the inner launcher.
    if version >= (5,) and not os.environ.get("MPIR_CVAR_PMI_VERSION"):
        raise UsageError(
            f"the launcher started {size} processes ({variable}) inside another launcher that "
            "speaks PMIx, which this MPI does not: export MPIR_CVAR_PMI_VERSION=1 before mpirun "
            "if mpirun is MPICH's; otherwise " + _other_mpi(mpi)
        )


def _other_mpi(mpi: ModuleType) -> str:
    """What is wrong with the launcher, and the ways out."""
    # MPI4PY_MPIABI=mpich is no way out: mpi4py then does not look for pip's library.
    choice = "MPI4PY_MPIABI=openmpi or " if _abi(mpi) != "openmpi" else ""
    word = "pmix" if _abi(mpi) == "openmpi" else "pmi2"
    srun = f"srun --mpi={word} (srun --mpi=list), " if "SLURM_PROCID" in os.environ else ""
    return (
        f"mpirun or srun belongs to another MPI than the one loaded "
        f"({library_report()['library']}); use {srun}the mpirun of the loaded one (pip's is "
        f"beside this Python), or set {choice}MPI4PY_LIBMPI to the library of the launcher's MPI"
        f"{_now('MPI4PY_LIBMPI')}{_now('MPI4PY_MPIABI')}"
    )


def _now(name: str) -> str:
    """What a variable of mpi4py says now; blank without it."""
    return f" ({name} is now {os.environ[name]!r})" if name in os.environ else ""


def _one_line(error: Exception) -> str:
    return "; ".join(str(error).splitlines())


def _load_mpi() -> ModuleType:
    """mpi4py.MPI, loaded but not started; once started by somebody, it is closed at exit."""
    import mpi4py

    if "mpi4py.MPI" not in sys.modules:
        mpi4py.rc.initialize = False
        mpi4py.rc.finalize = True
    from mpi4py import MPI

    return MPI


def _abi(mpi: ModuleType) -> str:
    """Which binary interface mpi4py took: a word of its file name, else told by the library."""
    words = Path(str(mpi.__file__)).name.split(".")
    if words[1] in ("mpich", "openmpi", "mpiabi"):
        return words[1]
    return "openmpi" if mpi.get_vendor()[0] == "Open MPI" else "mpich"


def _library_files() -> list[str]:
    """Files of the MPI library in this process; empty where /proc does not tell."""
    maps = Path("/proc/self/maps")
    lines = maps.read_text().splitlines() if maps.exists() else []
    files = {line.split(maxsplit=5)[-1] for line in lines if "/" in line}
    return sorted(f for f in files if re.match(r"libmpi(ch|_\w+)?\.so", Path(f).name))
