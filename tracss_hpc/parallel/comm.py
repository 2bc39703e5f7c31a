"""The one home of MPI: start-up guard, the few collective calls the runs need, a common end.

Fed by `cli` and `runs`, which pass the communicator on as an argument; `None` means serial and
every function here takes it. mpi4py is imported only under a launcher, so a laptop needs no MPI.

Three things bite with MPI from Python, and each is answered here (measured with MPICH 5 and
Open MPI 4 and 5):

- a launcher of another MPI starts N copies that all believe to be rank 0 of 1 and write the same
  files: `communicator` compares the launcher's count with MPI's;
- an exception or `sys.exit` on one rank leaves the others waiting for ever: `run_together` and the
  hooks of `communicator` end the whole job;
- one message holds fewer than 2^31 elements: `gather_arrays` sends in pieces.
"""

from __future__ import annotations

import os
import platform
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.errors import TracssError, UsageError

if TYPE_CHECKING:
    from mpi4py import MPI

    Comm: TypeAlias = MPI.Intracomm
else:
    Comm: TypeAlias = Any

__all__ = [
    "Comm",
    "all_max",
    "barrier",
    "broadcast",
    "communicator",
    "gather_arrays",
    "host_count",
    "launched_size",
    "library_report",
    "rank_size",
    "run_together",
    "work_queue",
]

#: Seconds a failing rank waits for the others to fail alike before it ends the job.
_GRACE_S = 1.0
#: A launcher that is told to abort at once drops text it has not forwarded yet [s].
_FORWARDING_S = 0.3
#: Bytes in one message; MPI counts are 32-bit in many libraries.
_MESSAGE_BYTES = 1 << 30


def launched_size() -> tuple[int, str]:
    """How many processes a launcher started, and the variable that says so; (1, "") without one."""
    for name in ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE"):
        if os.environ.get(name, "").isdigit():
            return int(os.environ[name]), name
    # A batch script itself is step 4294967291 ("batch"); only an srun step has ranks.
    if "SLURM_PROCID" in os.environ and os.environ.get("SLURM_STEP_ID") not in (None, "4294967291"):
        for name in ("SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"):
            if os.environ.get(name, "").isdigit():
                return int(os.environ[name]), name
    return 1, ""


def communicator() -> Comm | None:
    """All ranks of the job, with its end guarded; None when one process was started.

    From here on an uncaught exception in any thread of any rank prints its traceback with the rank
    and ends the whole job. `sys.exit` needs `run_together`.

    Raises
    ------
    UsageError
        When MPI cannot be loaded, or does not see the processes the launcher started.
    """
    size, variable = launched_size()
    if size == 1:
        return None
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise UsageError(
            f"a launcher started {size} processes ({variable}) but MPI cannot be loaded: {error}; "
            'pip install -e ".[mpich]", or load the MPI of this machine and pip install mpi4py'
        ) from None
    comm = MPI.COMM_WORLD
    if comm.size != size:
        library = MPI.Get_library_version().splitlines()[0].strip()
        raise UsageError(
            f"the launcher started {size} processes ({variable}) but MPI sees {comm.size}: "
            f"mpirun or srun belongs to another MPI than the one loaded ({library}); use the "
            "mpirun beside this Python, or set MPI4PY_MPIABI or MPI4PY_LIBMPI to the launcher's MPI"
        )
    _install_hooks(comm)
    return comm


def run_together(comm: Comm | None, main: Callable[[], int]) -> int:
    """Run `main` on every rank so that the job ends as one; return the exit code of this rank.

    A `TracssError` ends with its message and exit code, `sys.exit` with its code, Ctrl-C with 130,
    anything else with a traceback and 1. When every rank fails within a second the message is
    printed once and MPI is closed in order; when only some do, each says which rank it is and the
    job is aborted. A lone `sys.exit(0)` is a failure too: the others would wait for ever.
    """
    together = None if comm is None else comm.Dup()
    try:
        code = main()
        if code == 0:
            return 0
        message = ""
    except BaseException as error:
        code, message = _end_of(error)
    if together is None:
        _say(message)
        return code
    return _end_together(together, code, message)


def rank_size(comm: Comm | None) -> tuple[int, int]:
    """Rank and number of ranks; (0, 1) when serial."""
    return (0, 1) if comm is None else (comm.rank, comm.size)


def host_count(comm: Comm | None) -> int:
    """Number of different machines the ranks run on."""
    return 1 if comm is None else len(set(comm.allgather(platform.node())))


def barrier(comm: Comm | None) -> None:
    """Wait for all ranks."""
    if comm is not None:
        comm.Barrier()


def broadcast(comm: Comm | None, value: Any) -> Any:
    """The `value` of rank 0, on every rank."""
    return value if comm is None else comm.bcast(value, root=0)


def all_max(comm: Comm | None, value: float) -> float:
    """The largest `value` of all ranks, on every rank."""
    return value if comm is None else max(comm.allgather(value))


def gather_arrays(
    comm: Comm | None, arrays: Mapping[str, NDArray[Any]]
) -> list[dict[str, NDArray[Any]]]:
    """Every rank's arrays on rank 0, in rank order; an empty list on the other ranks.

    Names, types (any but object) and shapes may differ between ranks. Raw bytes travel, in pieces,
    so an array may be larger than 2 GiB.
    """
    own = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    for name, array in own.items():
        if array.dtype.hasobject:
            raise TypeError(f"column {name!r} has dtype {array.dtype}, which has no raw bytes")
    if comm is None:
        return [own]
    headers = comm.gather([(name, a.dtype, a.shape) for name, a in own.items()], root=0)
    if headers is None:
        for array in own.values():
            for piece in _pieces(array):
                comm.Send(piece, dest=0)
        return []
    gathered = [own]
    for source, header in enumerate(headers[1:], 1):
        received = {name: np.empty(shape, dtype) for name, dtype, shape in header}
        for array in received.values():
            for piece in _pieces(array):
                comm.Recv(piece, source=source)
        gathered.append(received)
    return gathered


def work_queue(comm: Comm | None, n: int) -> Iterator[int]:
    """Unit numbers 0 .. n-1, each to exactly one rank, the next to whoever asks first.

    Rank r begins with unit r; a counter on rank 0 hands out the rest, so put long units first.
    All ranks must run the loop to its end (it ends in a collective call). Asking costs
    microseconds inside a node; between nodes it can wait until rank 0 next enters MPI, so a unit
    should take a second or more.
    """
    if comm is None:
        yield from range(n)
        return
    from mpi4py import MPI

    window = MPI.Win.Allocate(8 if comm.rank == 0 else 0, 8, comm=comm)
    if comm.rank == 0:
        window.tomemory()[:] = np.int64(comm.size).tobytes()
    comm.Barrier()
    window.Lock_all()
    one, unit = np.ones(1, dtype=np.int64), np.array([comm.rank], dtype=np.int64)
    while unit[0] < n:
        yield int(unit[0])
        window.Fetch_and_op(one, unit, 0, 0, MPI.SUM)
        window.Flush(0)
    # Not in a `finally`: Free is collective and would hang a rank that leaves by an exception.
    window.Unlock_all()
    window.Free()


def library_report() -> dict[str, str]:
    """Version of mpi4py, the MPI library and its file, without starting MPI; `error` if none."""
    import mpi4py

    try:
        if "mpi4py.MPI" not in sys.modules:
            mpi4py.rc.initialize = False
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        return {"mpi4py": mpi4py.__version__, "error": str(error)}
    maps = Path("/proc/self/maps")
    loaded = maps.read_text().split() if maps.exists() else []
    files = sorted(
        {word for word in loaded if Path(word).name.startswith(("libmpi.", "libmpich."))}
    )
    return {
        "mpi4py": mpi4py.__version__,
        "library": MPI.Get_library_version().splitlines()[0].strip(),
        "file": ", ".join(files) or "unknown",
    }


def _install_hooks(comm: Comm) -> None:
    """End the whole job on an uncaught exception in any thread of this rank."""

    def abort(
        kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
    ) -> None:
        text = "".join(traceback.format_exception(kind, error, trace))
        _say(f"[rank {comm.rank}] {text}".rstrip())
        _abort(comm, 1)

    sys.excepthook = abort
    threading.excepthook = lambda args: abort(args.exc_type, args.exc_value, args.exc_traceback)


def _end_of(error: BaseException) -> tuple[int, str]:
    """Exit code and text to print for whatever ended `main`."""
    if isinstance(error, TracssError):
        return error.exit_code, f"tracss-hpc: {error}"
    if isinstance(error, SystemExit):
        if error.code is None or isinstance(error.code, int):
            return error.code or 0, ""
        return 1, str(error.code)
    if isinstance(error, KeyboardInterrupt):
        return 130, "tracss-hpc: interrupted"
    return 1, "".join(traceback.format_exception(error)).rstrip()


def _end_together(comm: Comm, code: int, message: str) -> int:
    """Agree on the end with the other failing ranks, or abort the job after the grace time."""
    deadline = time.monotonic() + _GRACE_S
    request = comm.Ibarrier()
    while not request.Test():
        if time.monotonic() > deadline:
            reason = message or f"ended alone with exit code {code}"
            _say("\n".join(f"[rank {comm.rank}] {line}" for line in reason.splitlines()))
            _abort(comm, code or 1)
        time.sleep(0.01)
    messages = comm.allgather(message)
    codes = comm.allgather(code)
    if comm.rank == 0:
        for text in dict.fromkeys(messages):
            ranks = [r for r, other in enumerate(messages) if other == text]
            everyone = len(ranks) == len(messages)
            _say(text if everyone or not text else f"[ranks {ranks}] {text}")
    return int(max(codes))


def _abort(comm: Comm, code: int) -> None:
    """End the job, after the launcher had time to pass on what this rank said."""
    time.sleep(_FORWARDING_S)
    comm.Abort(code)


def _say(message: str) -> None:
    if message:
        sys.stdout.flush()
        sys.stderr.write(message + "\n")
        sys.stderr.flush()


def _pieces(array: NDArray[Any]) -> Iterator[NDArray[np.uint8]]:
    """The bytes of a contiguous array, in views that one message can hold."""
    if array.nbytes:
        raw = array.reshape(-1).view(np.uint8)
        for start in range(0, raw.size, _MESSAGE_BYTES):
            yield raw[start : start + _MESSAGE_BYTES]
