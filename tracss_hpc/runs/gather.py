"""From shards to one results file: completeness, what all units share, and the streaming merge.

Fed by the checkpoint; feeds the audit and export.hdf5. No rank ever holds the rows of a run: units
are time slices, so their sorted shards laid end to end are the sorted result, and chunk after chunk
of it is read, encoded by the ranks in turn and put in place by rank 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.errors import TracssError
from tracss_hpc.export.chunks import CHUNK_ROWS, encode_chunks
from tracss_hpc.export.hdf5 import ChunkStream
from tracss_hpc.export.shards import (
    read_columns,
    read_layout,
    read_rows,
    read_unit,
    write_shard,
)
from tracss_hpc.parallel.comm import Comm, all_values, barrier, in_turn, largest, rank_size
from tracss_hpc.runs.checkpoint import Checkpoint, inspect_shards
from tracss_hpc.runs.problem import RunInput
from tracss_hpc.screening.audit import RunEvents

__all__ = ["Gathered", "collect_units", "read_events", "stream_conjunctions", "trim_shards"]

Columns = dict[str, NDArray[Any]]
_EVENT_COLUMNS = ("object1", "object2", "tca", "miss_distance", "at_discontinuity")


@dataclass(frozen=True)
class Gathered:
    """What the units say beside their rows, the same on all ranks but for `error_km`.

    `lengths` are the rows of each shard; `stages` the rows of that group by unit; `jumps` the
    discontinuities (row, time [s], size [m]); `early` the objects that met an SGP4 error nobody
    had seen coming; `error_km` the largest node error of each object (rank 0).
    """

    lengths: list[int]
    stages: Columns
    jumps: Columns
    early: NDArray[np.int64]
    error_km: NDArray[np.float64]


def collect_units(comm: Comm | None, checkpoint: Checkpoint, objects: int) -> Gathered:
    """Check that every unit has a good shard and read what is small, the ranks sharing the files.

    Raises
    ------
    TracssError
        On every rank, when a shard is missing or damaged; the others are kept.
    """
    rank, size = rank_size(comm)
    barrier(comm)  # every shard stands
    own = list(range(rank, len(checkpoint.units), size))
    bad = {number: text for number, text in inspect_shards(checkpoint, own).items() if text}
    bad |= {n: "it is missing" for n in own if not checkpoint.path(n).exists()}
    bad = {n: text for part in all_values(comm, bad) for n, text in part.items()}
    if bad:
        listed = "; ".join(f"{checkpoint.path(n).name}: {bad[n]}" for n in sorted(bad)[:5])
        raise TracssError(
            f"{len(bad)} of {len(checkpoint.units)} shards in {checkpoint.folder} cannot be "
            f"merged: {listed}. The others are kept: run again with --resume"
        )
    units, early = [], [np.empty(0, np.int64)]
    error_km = np.zeros(objects)
    jumps: list[Columns] = []
    lengths = {}
    for number in own:
        path = checkpoint.path(number)
        units.append(read_unit(path))
        jumps.append(read_columns(path, "jumps"))
        early.append(read_columns(path, "early")["row"])
        np.maximum(error_km, read_columns(path, "ephemeris")["error_km"], out=error_km)
        lengths[number] = len(read_columns(path, "conjunctions", ("tca",))["tca"])
    parts = all_values(comm, (units, jumps, np.concatenate(early), lengths))
    rows = sorted((row for part in parts for row in part[0]), key=lambda row: int(row["unit"]))
    all_jumps = [columns for part in parts for columns in part[1]]
    all_lengths = {n: length for part in parts for n, length in part[3].items()}
    return Gathered(
        lengths=[all_lengths[unit.number] for unit in checkpoint.units],
        stages={name: np.array([row[name] for row in rows]) for name in rows[0]},
        jumps={n: np.concatenate([j[n] for j in all_jumps]) for n in all_jumps[0]},
        early=np.unique(np.concatenate([part[2] for part in parts])),
        error_km=largest(comm, error_km),
    )


def trim_shards(
    comm: Comm | None, checkpoint: Checkpoint, lengths: list[int], end_s: NDArray[np.float64]
) -> list[int]:
    """Take rows whose TCA is not before both trajectories end out of the shards; new lengths.

    An SGP4 error that nobody saw coming ends a trajectory after other units were screened as if it
    went on. Trimming twice changes nothing.

    Parameters
    ----------
    end_s : ndarray
        End of each row of group `objects` [s since run start].
    """
    rank, size = rank_size(comm)
    trimmed = {}
    for number in range(rank, len(lengths), size):
        path = checkpoint.path(number)
        columns = read_columns(path, "conjunctions")
        end = np.minimum(end_s[columns["object1"]], end_s[columns["object2"]])
        good = columns["tca"] < end
        if not good.all():
            groups = {name: read_columns(path, name) for name in ("jumps", "early", "ephemeris")}
            groups["conjunctions"] = {name: column[good] for name, column in columns.items()}
            write_shard(path, checkpoint.key, read_unit(path), groups)
            trimmed[number] = int(good.sum())
    new = {n: length for part in all_values(comm, trimmed) for n, length in part.items()}
    return [new.get(number, length) for number, length in enumerate(lengths)]


def read_events(
    run_input: RunInput, checkpoint: Checkpoint, start_s: float, stop_s: float
) -> RunEvents:
    """What the audit needs of the conjunctions of all units that overlap [start_s, stop_s)."""
    parts = [
        read_columns(checkpoint.path(unit.number), "conjunctions", _EVENT_COLUMNS)
        for unit in checkpoint.units
        if unit.start_s < stop_s and unit.stop_s > start_s
    ]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in _EVENT_COLUMNS}
    row = np.full(len(run_input.catalog), -1, dtype=np.int64)  # of the problem
    row[run_input.active] = np.arange(len(run_input.active))
    return RunEvents(
        object1=row[columns["object1"]],
        object2=row[columns["object2"]],
        tca_us=np.rint(columns["tca"] * 1e6).astype(np.int64),
        miss_km=columns["miss_distance"] * 1e-3,
        at_discontinuity=columns["at_discontinuity"].astype(np.bool_),
    )


def stream_conjunctions(
    comm: Comm | None,
    checkpoint: Checkpoint,
    lengths: list[int],
    compression: str,
    left_out: NDArray[np.int64] | None = None,
) -> ChunkStream:
    """The merged group `conjunctions` as chunks: written by rank 0, exhausted by the others.

    Parameters
    ----------
    lengths : list of int
        Rows of each shard.
    compression : str
        As in `write_results`.
    left_out : ndarray of int, optional
        Rows that do not go into the file, counted over all shards, increasing.
    """
    paths = checkpoint.paths
    gone = np.empty(0, np.int64) if left_out is None else left_out
    total = sum(lengths) - len(gone)
    chunk_rows = max(1, min(CHUNK_ROWS, total))
    before = gone - np.arange(len(gone))  # rows of the file before each that is left out

    def place(row: int) -> int:
        """Where a row of the file stands in the shards."""
        return row + int(np.searchsorted(before, row, side="right"))

    def encoded(number: int) -> dict[str, bytes]:
        first = number * CHUNK_ROWS
        last = min(first + CHUNK_ROWS, total)
        start, stop = place(first), place(last - 1) + 1
        rows = read_rows(paths, lengths, start, stop, "conjunctions")
        here = gone[(gone >= start) & (gone < stop)] - start
        if len(here):
            rows = {name: np.delete(column, here, axis=0) for name, column in rows.items()}
        return encode_chunks(rows, chunk_rows, compression)

    return ChunkStream(
        total,
        read_layout(paths[0], "conjunctions"),
        in_turn(comm, -(-total // CHUNK_ROWS), encoded),
    )
