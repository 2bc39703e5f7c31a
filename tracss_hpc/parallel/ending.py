"""How a job ends: all ranks together, whatever happens to one of them.

Fed by `parallel.launch`, which installs the hooks, and by `cli`, whose work runs inside
`run_together`. An exception or `sys.exit` on one rank would leave the others waiting for ever in
their next collective call (measured with MPICH 5 and Open MPI 4 and 5).
"""

from __future__ import annotations

import math
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import TracebackType

from tracss_hpc.errors import Interrupted, TracssError
from tracss_hpc.parallel.comm import Comm

__all__ = ["end_job_on_error", "run_together"]

#: Seconds a failing rank waits for the others to fail alike before it ends the job.
_GRACE_S = 1.0
#: The same for a planned stop: rank 0 may still be writing.
_PLANNED_GRACE_S = 60.0
#: A launcher that is told to abort at once drops text it has not forwarded yet [s].
_FORWARDING_S = 0.3


def run_together(comm: Comm | None, main: Callable[[], int]) -> int:
    """Run `main` on every rank so that the job ends as one; return the exit code of this rank.

    A `TracssError` ends with its message and exit code, `sys.exit` with its code, Ctrl-C with 130,
    anything else with a traceback and 1. When every rank fails within a second the message is
    printed once and MPI is closed in order; when only some do, each says which rank it is and the
    job is aborted. A lone `sys.exit(0)` is a failure too: the others would wait for ever. A planned
    stop (`Interrupted`, or its code returned) waits longer for the others; any failure outweighs
    it, so that a batch system does not start a broken job again. A rank whose `main` returned 0
    waits for the others as long as they take, and ends with their code.
    """
    together = None if comm is None else comm.Dup()
    grace = _GRACE_S
    try:
        code, message = main(), ""
        if code == 0:
            grace = math.inf
    except BaseException as error:
        code, message = _end_of(error)
    if code == Interrupted.exit_code:
        grace = _PLANNED_GRACE_S
    if together is None:
        _say(message)
        return code
    return _end_together(together, code, message, grace)


def end_job_on_error(comm: Comm) -> None:
    """From here on an uncaught exception in any thread of this rank ends the whole job."""

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


def _end_together(comm: Comm, code: int, message: str, grace_s: float) -> int:
    """Agree on the end with the other ranks, or abort the job after the grace time.

    A rank that goes to `MPI_Finalize` alone and one that aborts meanwhile can wait for each other
    for ever (seen with MPICH 5), so also those that succeeded come here.
    """
    deadline = time.monotonic() + grace_s
    request = comm.Ibarrier()
    while not request.Test():
        if time.monotonic() > deadline:
            reason = message or f"ended alone with exit code {code}"
            _say("\n".join(f"[rank {comm.rank}] {line}" for line in reason.splitlines()))
            _abort(comm, code or 1)
        time.sleep(0.01)
    codes = {*comm.allgather(code)}
    if codes == {0}:
        return 0
    messages = comm.allgather(message)
    if comm.rank == 0:
        for text in dict.fromkeys(messages):
            ranks = [r for r, other in enumerate(messages) if other == text]
            everyone = len(ranks) == len(messages)
            _say(text if everyone or not text else f"[ranks {ranks}] {text}")
    # From here on a signal could only spoil the end: srun kills the rest at the first code not 0.
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGUSR1):
            signal.signal(number, signal.SIG_IGN)
    comm.Barrier()  # Open MPI's mpirun kills all at the first end that is not 0: first the words
    _close_mpi()
    failures = codes - {0, Interrupted.exit_code}
    return int(max(failures or codes))


def _close_mpi() -> None:
    """Finish MPI on all ranks: `python -m mpi4py` aborts a job whose code is not 0 before that."""
    from mpi4py import MPI

    MPI.Finalize()


def _abort(comm: Comm, code: int) -> None:
    """End the job, after the launcher had time to pass on what this rank said."""
    time.sleep(_FORWARDING_S)
    comm.Abort(code)


def _say(message: str) -> None:
    if message:
        sys.stdout.flush()
        sys.stderr.write(message + "\n")
        sys.stderr.flush()
