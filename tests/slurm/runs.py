"""What the tests submit: half a day of the planted catalog, short or with work to interrupt."""

from __future__ import annotations

from pathlib import Path

from tests.oracles import planted
from tests.slurm.cluster import Cluster, job, submit, until

__all__ = [
    "JOBS",
    "SETTINGS",
    "TWO_NODES",
    "UNITS",
    "WORK",
    "begin",
    "shards",
    "submission",
    "sweep",
]

JOBS = Path(__file__).resolve().parents[2] / "jobs"
TWO_NODES = ("--nodes=2", "--ntasks=2", "--ntasks-per-node=1")
SETTINGS = (
    f'catalog.gp=["{planted.FILE}"]', f"run.start={planted.START}", "run.days=0.5",
    "screening.slice_hours=0.5", "audit.max_pair_steps=0", "export.cdm=[]", "export.plots=false",
)  # fmt: skip
#: Added to SETTINGS: the same result after 5 s of work.
WORK = "screening.step_s=1"
UNITS = 24


def begin(cluster: Cluster, folder: Path, *options: str, **settings: str) -> tuple[str, Path]:
    """Submit All vs All with WORK on two nodes and wait for its first units; job and directory."""
    number = submit(cluster, folder, *submission(*options), settings=settings)
    output = folder / "runs" / f"all_vs_all-{number}"

    def under_way() -> bool:
        assert job(cluster, number)["JobState"] in ("PENDING", "RUNNING"), "ended too early"
        return shards(output) > 1

    until(under_way, f"job {number} has done two units")
    return number, output


def submission(*options: str) -> tuple[str, ...]:
    """Words that submit All vs All with WORK on two nodes; `options` of sbatch."""
    script = str(JOBS / "all_vs_all.slurm")
    return ("sbatch", "--parsable", *TWO_NODES, *options, script, *SETTINGS, WORK)


def sweep(cluster: Cluster, folder: Path, *points: str) -> tuple[str, str, Path]:
    """Submit a sweep over `points` on one rank each; numbers of array and merge, and the table."""
    words = ("bash", str(JOBS / "sweep.slurm"), *points, "--", *SETTINGS)
    said = submit(cluster, folder, *words, settings={"TRACSS_SBATCH": "--ntasks=1"})
    _, array, _, merge, table = said.split()
    return array, merge, folder / table


def shards(output: Path) -> int:
    """Number of finished units in the checkpoint of a run directory."""
    return len(list(output.glob("checkpoint/unit-*.h5")))
