"""The few calls of MPI that a run needs, each with a serial meaning.

Fed by `parallel.launch` with the communicator of the job, which `runs` passes on as an argument;
`None` means serial and every function here takes it.

One message holds fewer than 2^31 elements in many libraries, so `gather_arrays` sends in pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.errors import TracssError

if TYPE_CHECKING:
    from mpi4py import MPI

    Comm: TypeAlias = MPI.Intracomm
else:
    Comm: TypeAlias = Any

__all__ = [
    "Comm",
    "all_values",
    "barrier",
    "broadcast",
    "gather_arrays",
    "in_turn",
    "largest",
    "on_root",
    "rank_size",
    "work_queue",
]

T = TypeVar("T")

#: Bytes in one message; MPI counts are 32-bit in many libraries.
_MESSAGE_BYTES = 1 << 30


def rank_size(comm: Comm | None) -> tuple[int, int]:
    """Rank and number of ranks; (0, 1) when serial."""
    return (0, 1) if comm is None else (comm.rank, comm.size)


def barrier(comm: Comm | None) -> None:
    """Wait for all ranks."""
    if comm is not None:
        comm.Barrier()


def broadcast(comm: Comm | None, value: Any) -> Any:
    """The `value` of rank 0, on every rank."""
    return value if comm is None else comm.bcast(value, root=0)


def on_root(comm: Comm | None, action: Callable[[], T]) -> T:
    """What `action` gives on rank 0, on every rank; its `TracssError` is raised on every rank."""
    if comm is None:
        return action()
    result: tuple[T | None, TracssError | None] = (None, None)
    if comm.rank == 0:
        try:
            result = (action(), None)
        except TracssError as error:
            result = (None, error)
    value, failure = comm.bcast(result, root=0)
    if failure is not None:
        raise failure
    return cast("T", value)


def all_values(comm: Comm | None, value: T) -> list[T]:
    """The small `value` of each rank, in rank order, on every rank."""
    return [value] if comm is None else comm.allgather(value)


def largest(comm: Comm | None, array: NDArray[np.float64]) -> NDArray[np.float64]:
    """Element by element the largest of all ranks' arrays, on rank 0 (elsewhere: their own)."""
    if comm is None:
        return array
    from mpi4py import MPI

    result = np.array(array)
    comm.Reduce(np.array(array), result, op=MPI.MAX, root=0)
    return result


def in_turn(comm: Comm | None, n: int, action: Callable[[int], T]) -> Iterator[T]:
    """``action(0), ..., action(n - 1)`` in order on rank 0, each computed by rank number mod size.

    The other ranks get nothing, but must run the loop to its end too. A rank holds one value at a
    time: it waits with it until rank 0 has come that far.
    """
    rank, size = rank_size(comm)
    for number in range(n):
        owner = number % size
        if comm is None or rank == owner == 0:
            yield action(number)
        elif rank == owner:
            comm.send(action(number), dest=0)
        elif rank == 0:
            yield comm.recv(source=owner)


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


def work_queue(comm: Comm | None, n: int, stop: Callable[[], bool] | None = None) -> Iterator[int]:
    """Unit numbers 0 .. n-1, each to exactly one rank, the next to whoever asks first.

    Rank r begins with unit r; a counter on rank 0 hands out the rest, so put long units first.
    All ranks must run the loop to its end (it ends in a collective call). Asking costs
    microseconds inside a node; between nodes it can wait until rank 0 next enters MPI, so a unit
    should take a second or more.

    `stop` is asked once before each unit, also before the first. Once it is true on any rank, that
    unit is left and the others end after the unit they are at; what was not handed out is not done.
    """
    wanted = stop or _never
    if comm is None:
        for number in range(n):
            if wanted():
                return
            yield number
        return
    from mpi4py import MPI

    window = MPI.Win.Allocate(8 if comm.rank == 0 else 0, 8, comm=comm)
    if comm.rank == 0:
        window.tomemory()[:] = np.int64(comm.size).tobytes()
    comm.Barrier()
    window.Lock_all()
    one, unit = np.ones(1, dtype=np.int64), np.array([comm.rank], dtype=np.int64)
    while unit[0] < n:
        # SUM also to stop: MPI lets ranks work on one place together only by one operation.
        stopping = wanted()
        if not stopping:
            yield int(unit[0])
        window.Fetch_and_op(np.full(1, n) if stopping else one, unit, 0, 0, MPI.SUM)
        window.Flush(0)
        if stopping:
            break
    # Not in a `finally`: Free is collective and would hang a rank that leaves by an exception.
    window.Unlock_all()
    window.Free()


def _never() -> bool:
    return False


def _pieces(array: NDArray[Any]) -> Iterator[NDArray[np.uint8]]:
    """The bytes of a contiguous array, in views that one message can hold."""
    if array.nbytes:
        raw = array.reshape(-1).view(np.uint8)
        for start in range(0, raw.size, _MESSAGE_BYTES):
            yield raw[start : start + _MESSAGE_BYTES]
