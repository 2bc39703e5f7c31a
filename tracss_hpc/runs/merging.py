"""What `screening.merge` leaves out of results.h5, counted by pair.

Fed by the shards, which keep every minimum; feeds gather.py with the rows to leave out, and the
group `merged`. The rule is in screening.co_moving. The self-audit reads the shards, so it checks
the search against brute force whatever is merged afterwards. Only rows of co-moving pairs are held:
48 bytes each, on rank 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.export.shards import read_columns
from tracss_hpc.parallel.comm import Comm, broadcast, gather_arrays, rank_size
from tracss_hpc.runs.checkpoint import Checkpoint
from tracss_hpc.runs.problem import RunInput
from tracss_hpc.screening.co_moving import CO_MOVING_M_S, find_surplus

__all__ = ["Merged", "merge_minima"]

_COLUMNS = ("object1", "object2", "tca", "miss_distance", "relative_speed")


@dataclass(frozen=True)
class Merged:
    """Rows left out, the same on all ranks, and the group `merged` (rank 0).

    `rows` count over all shards laid end to end, increasing. `pairs` and `attributes` are the
    columns and the attributes of the group.
    """

    rows: NDArray[np.int64]
    pairs: dict[str, NDArray[Any]]
    attributes: dict[str, Any]


def merge_minima(
    comm: Comm | None, run_input: RunInput, checkpoint: Checkpoint, lengths: list[int]
) -> Merged:
    """Apply `screening.merge = "orbit"` to the rows of all shards, the ranks sharing the files.

    Parameters
    ----------
    lengths : list of int
        Rows of each shard.
    """
    rank, size = rank_size(comm)
    offset = np.cumsum([0, *lengths])
    parts: list[dict[str, NDArray[Any]]] = []
    for number in range(rank, len(lengths), size):
        columns = read_columns(checkpoint.path(number), "conjunctions", _COLUMNS)
        slow = np.flatnonzero(columns["relative_speed"] < CO_MOVING_M_S)
        parts.append(
            {"row": offset[number] + slow, **{name: c[slow] for name, c in columns.items()}}
        )
    names = ("row", *_COLUMNS)
    own = {name: np.concatenate([part[name] for part in parts]) for name in names if parts}
    gathered = [part for part in gather_arrays(comm, own) if part]
    merged = None
    if rank == 0:
        slow_rows = {name: np.concatenate([part[name] for part in gathered]) for name in names}
        merged = _merge(run_input, slow_rows)
    rows = broadcast(comm, merged.rows if merged is not None else None)
    return merged if merged is not None else Merged(rows, {}, {})


def _merge(run_input: RunInput, slow: dict[str, NDArray[Any]]) -> Merged:
    """The rows left out of those of co-moving pairs, and what is said of them."""
    surplus = find_surplus(
        slow["object1"], slow["object2"], slow["tca"], slow["miss_distance"],
        slow["relative_speed"], run_input.catalog.mean_motion,
    )  # fmt: skip
    both = np.sort(np.stack([slow["object1"], slow["object2"]], axis=1), axis=1)
    pairs, pair = np.unique(both, axis=0, return_inverse=True)
    pair = pair.reshape(-1)
    gone = np.bincount(pair[surplus], minlength=len(pairs))
    affected = gone > 0
    first, second = pairs[affected].T
    columns = {
        "object1": first,
        "object2": second,
        "sat1_object_designator": run_input.catalog.designator[first],
        "sat2_object_designator": run_input.catalog.designator[second],
        "kept": (np.bincount(pair, minlength=len(pairs)) - gone)[affected],
        "merged": gone[affected],
    }
    count = int(surplus.sum())
    attributes = {
        "rule": "orbit",
        "max_relative_speed": CO_MOVING_M_S,
        "minima": len(surplus),
        "merged": count,
        "statement": (
            f"{count:,} of {len(surplus):,} minima below {CO_MOVING_M_S:g} m/s merged, the "
            f"deepest of each revolution kept ({int(affected.sum()):,} of {len(pairs):,} "
            "co-moving pairs)"
        ),
    }
    return Merged(np.sort(slow["row"][surplus]), columns, attributes)
