"""Merge shards of a million conjunctions into results.h5: seconds, bytes, and memory of each rank.

    python tests/bench/merge_million.py RESULTS.h5 [ROWS]
    mpirun -n 2 python tests/bench/merge_million.py RESULTS.h5

The rows are those of a finished run (states, both covariances, risk), repeated and put into 40
shards in order of time, as a long run leaves them. Each compression runs in processes of its own,
so that the peak memory is its own.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tracss_hpc.export.hdf5 import Results, read_results, write_results
from tracss_hpc.export.shards import write_shard
from tracss_hpc.parallel.comm import all_values, barrier, rank_size
from tracss_hpc.parallel.launch import communicator
from tracss_hpc.parallel.partition import WorkUnit
from tracss_hpc.provenance import peak_memory_mb
from tracss_hpc.runs.checkpoint import Checkpoint
from tracss_hpc.runs.gather import collect_units, stream_conjunctions

SHARDS = 40


def make_shards(folder: Path, source: str, rows: int) -> None:
    """Shards of `rows` rows in all, each with the node errors of 28,488 objects."""
    conjunctions = read_results(source).conjunctions
    generator = np.random.default_rng(1)
    for number, size in enumerate(np.diff(np.linspace(0, rows, SHARDS + 1).astype(int)).tolist()):
        chosen = np.sort(generator.integers(0, len(conjunctions["tca"]), size))
        columns = {name: column[chosen] for name, column in conjunctions.items()}
        columns["tca"] = number * 21600.0 + np.linspace(0.0, 21599.0, size)
        none = np.empty(0)
        groups = {
            "conjunctions": columns,
            "jumps": {"row": none.astype(np.int64), "time": none, "size": none},
            "early": {"row": none.astype(np.int64)},
            "ephemeris": {"error_km": np.zeros(28_488, np.float32)},
        }
        write_shard(folder / f"unit-{number:05d}.h5", "key", {"unit": number}, groups)


def merge(folder: Path, compression: str) -> None:
    """Check the shards and merge them; rank 0 prints a line."""
    comm = communicator()
    rank, size = rank_size(comm)
    units = [WorkUnit(k, "all pairs", k * 21600.0, (k + 1) * 21600.0) for k in range(SHARDS)]
    checkpoint = Checkpoint(folder, "key", units)
    barrier(comm)
    wall, cpu = time.perf_counter(), time.process_time()
    lengths = collect_units(comm, checkpoint, 28_488).lengths
    checked = time.perf_counter() - wall
    stream = stream_conjunctions(comm, checkpoint, lengths, compression)
    path = folder / "results.h5"
    if rank == 0:
        attributes = {"start_screen_period": "2025-09-01T12:00:00"}
        write_results(
            path, Results(attributes, {}), compression=compression, streams={"conjunctions": stream}
        )
    else:
        for _ in stream.chunks:
            pass
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    figures = all_values(comm, (cpu, peak_memory_mb()))
    if rank == 0:
        total = sum(lengths)
        print(
            f"{compression:<6} {total:,} rows on {size} ranks: {wall:5.1f} s wall (checking the "
            f"shards {checked:.1f}), {sum(f[0] for f in figures):5.1f} CPU-s, "
            f"{path.stat().st_size / total:.0f} B/row, peak {max(f[1] for f in figures):.0f} MB",
            flush=True,
        )


def main() -> None:
    """Make the shards once, then merge them in fresh processes."""
    if sys.argv[1] == "--merge":
        merge(Path(sys.argv[2]), sys.argv[3])
        return
    rows = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    with tempfile.TemporaryDirectory() as name:
        make_shards(Path(name), sys.argv[1], rows)
        for ranks in (1, 2):
            for compression in ("none", "zstd", "gzip1"):
                launch = [str(Path(sys.executable).with_name("mpiexec")), "-n", str(ranks)]
                subprocess.run(
                    [*(launch if ranks > 1 else []), sys.executable, __file__, "--merge", name,
                     compression],
                    check=True,
                )  # fmt: skip


if __name__ == "__main__":
    main()
