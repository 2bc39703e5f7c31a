"""The runs that the tests submit: a day of the planted catalog, short or with work to interrupt."""

from __future__ import annotations

from pathlib import Path

from tests.oracles import planted
from tests.slurm.cluster import Cluster, job, submit, until

__all__ = ["JOBS", "SETTINGS", "TWO_NODES", "UNITS", "WORK", "begin", "shards", "submission"]

JOBS = Path(__file__).resolve().parents[2] / "jobs"
TWO_NODES = ("--nodes=2", "--ntasks=2", "--ntasks-per-node=1")
SETTINGS = (
    f'catalog.gp=["{planted.FILE}"]', f"run.start={planted.START}", "run.days=1",
    "screening.slice_hours=0.5", "audit.max_pair_steps=0", "export.cdm=[]", "export.plots=false",
)  # fmt: skip
#: Added to SETTINGS: the same result after 10 s of work.
WORK = "screening.step_s=1"
UNITS = 48


def begin(cluster: Cluster, folder: Path, *options: str, **settings: str) -> tuple[str, Path]:
    """Submit All vs All with WORK on two nodes and wait for its first units; job and directory."""
    number = submit(cluster, folder, *submission(*options), settings=settings)
    output = folder / "runs" / f"all_vs_all-{number}"

    def under_way() -> bool:
        assert job(cluster, number)["JobState"] in ("PENDING", "RUNNING"), "ended too early"
        return shards(output) >= 3

    until(under_way, f"job {number} has done three units", timeout=60.0)
    return number, output


def submission(*options: str) -> tuple[str, ...]:
    """Words that submit All vs All with WORK on two nodes; `options` of sbatch."""
    script = str(JOBS / "all_vs_all.slurm")
    return ("sbatch", "--parsable", *TWO_NODES, *options, script, *SETTINGS, WORK)


def shards(output: Path) -> int:
    """Number of finished units in the checkpoint of a run directory."""
    return len(list(output.glob("checkpoint/unit-*.h5")))
