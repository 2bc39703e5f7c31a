"""A real Slurm cluster of simulated nodes on this machine, for the tests of `jobs/`.

One slurmctld and one slurmd per node, on free ports of the loopback, all state in one folder; no
munge, no accounting, no system service, so it stands in a second and leaves nothing behind.

    pytest -- slurmctld -D
           |- slurmd -D -N n1 -- slurmstepd -- batch script, ranks
           |- slurmd -D -N n2 -- slurmstepd -- ranks
           '- guard

The daemons stay in the foreground as children of the tests, so whoever starts them can wait for
their end (a daemon that detaches may stay behind as a zombie). The guard waits until the tests let
go of it or die, and kills whatever is then left: steps survive their daemons. Authentication is
off: for one machine only, never on a network.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sysconfig
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

__all__ = [
    "Cluster",
    "ask",
    "finish",
    "job",
    "missing",
    "reset",
    "set_requeue_exit",
    "start",
    "start_again",
    "stop",
    "submit",
    "until",
]

T = TypeVar("T")

NODES = ("n1", "n2")
#: States from which a job does not come back by itself.
ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY")
#: slurmctld and slurmd live where only root's PATH may lead.
_PATH = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"], "/usr/sbin", "/sbin"])

_CONF = """\
ClusterName=tests
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/none
CredType=cred/none
SlurmctldPort={controller_port}
# Killed ranks of MPICH leave /dev/shm/mpich_shm_* named by job and step: never the same again.
FirstJobId={controller_port}00
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
TmpFS={folder}/tmp-%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=1
# Nodes claim more cores and memory than this machine may have.
SlurmdParameters=config_overrides
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,defer_batch
SlurmctldParameters=preempt_send_user_signal
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=0
{requeue_exit}
KillWait=5
MinJobAge=900
{nodes}
PartitionName=batch Nodes=ALL Default=YES State=UP PriorityTier=10 GraceTime=20
PartitionName=urgent Nodes=ALL State=UP PriorityTier=100 PreemptMode=OFF
"""


#: Daemons and steps have their log open (steps overwrite their environment); the rest is told by
#: its environment.
_GUARD = """
cat
opened=$(find /proc/[0-9]*/fd -lname "$1/*")
started=$(grep --files-with-matches --null-data "^SLURM_CONF=$1/" /proc/[0-9]*/environ)
for entry in $opened $started; do
    pid=${entry#/proc/}
    kill -KILL "${pid%%/*}"
done
"""


@dataclass(frozen=True)
class Cluster:
    """A running cluster: its folder, the environment of its commands, its processes."""

    folder: Path
    ports: tuple[int, ...]
    environment: dict[str, str]
    guard: subprocess.Popen[bytes]
    daemons: list[subprocess.Popen[bytes]] = field(default_factory=list)


def missing() -> str:
    """Why no cluster can be had on this machine; blank if one can."""
    for program in ("slurmctld", "slurmd", "sbatch"):
        if shutil.which(program, path=_PATH) is None:
            return f"{program} is not installed (Debian: apt-get install slurm-wlm)"
    if os.geteuid() != 0:
        return "the daemons of a Slurm cluster need root"
    if not (Path(sysconfig.get_path("scripts")) / "mpiexec").exists():
        return 'the MPI of the extra is not installed: pip install -e ".[mpich]"'
    return ""


def start(folder: Path) -> Cluster:
    """Start the daemons and wait until every node is idle; `folder` is new and has a short name."""
    own = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM", "SBATCH", "PMI"))}
    own |= {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": _PATH, "TRACSS_SRUN_MPI": "pmi2"}
    guard = subprocess.Popen(
        ["bash", "-c", _GUARD, "guard", str(folder)],
        stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    cluster = Cluster(folder, _free_ports(1 + len(NODES)), own, guard)
    for name in ("state", *(f"spool/{node}" for node in NODES), *(f"tmp-{n}" for n in NODES)):
        (folder / name).mkdir(parents=True)
    _write_conf(cluster, requeue_exit=None)
    for words in (["slurmctld", "-D"], *(["slurmd", "-D", "-N", node] for node in NODES)):
        cluster.daemons.append(_launch(cluster, words))
    try:
        until(lambda: _idle(cluster), "every node is idle", timeout=30.0)
    except BaseException:
        stop(cluster)
        raise
    return cluster


def stop(cluster: Cluster) -> None:
    """Cancel what runs, end every daemon and wait for it; nothing is left after that."""
    try:
        if all(daemon.poll() is None for daemon in cluster.daemons):
            reset(cluster)
    finally:
        for daemon in reversed(cluster.daemons):
            daemon.terminate()
        ended = [daemon.poll for daemon in cluster.daemons]
        with suppress(TimeoutError):  # the guard ends those that hang
            until(lambda: None not in [end() for end in ended], "all daemons ended", timeout=10.0)
        cluster.guard.communicate()
        for daemon in cluster.daemons:
            daemon.wait()


def reset(cluster: Cluster) -> None:
    """Cancel every job and give every node back."""
    ask(cluster, "scancel", "--user=root", check=False)
    for node in NODES:
        ask(cluster, "scontrol", "update", f"nodename={node}", "state=resume", check=False)
    until(lambda: not ask(cluster, "squeue", "--noheader"), "no job is left", timeout=30.0)
    until(lambda: _idle(cluster), "every node is idle", timeout=30.0)


def set_requeue_exit(cluster: Cluster, code: int | None) -> None:
    """Have the cluster requeue jobs by itself that end with `code`, as some sites do."""
    _write_conf(cluster, requeue_exit=code)
    ask(cluster, "scontrol", "reconfigure")


def ask(cluster: Cluster, *words: str, check: bool = True, **settings: str) -> str:
    """What a command prints; `settings` are added to the environment."""
    done = subprocess.run(
        words, env={**cluster.environment, **settings}, cwd=cluster.folder, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert not check or done.returncode == 0, f"{words}: {done.stderr}"
    return done.stdout.strip()


def submit(
    cluster: Cluster, folder: Path, *words: str, settings: Mapping[str, str] | None = None
) -> str:
    """What `words`, run in `folder`, print: with ``sbatch --parsable`` the number of the job."""
    done = subprocess.run(
        words, env={**cluster.environment, **(settings or {})}, cwd=folder, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def job(cluster: Cluster, number: str) -> dict[str, str]:
    """The fields that ``scontrol show job`` prints for one job (for one element: 12_3); UTC."""
    line = ask(cluster, "scontrol", "--oneliner", "show", "job", number, TZ="UTC").splitlines()[0]
    pairs = (word.partition("=") for word in line.split(" "))
    return {key: value for key, equals, value in pairs if equals}


def finish(cluster: Cluster, number: str, timeout: float = 180.0) -> dict[str, str]:
    """Wait until a job has ended for good; return its fields."""

    def ended() -> dict[str, str]:
        now = job(cluster, number)
        return now if now["JobState"] in ENDED else {}

    return until(ended, f"job {number} has ended", timeout=timeout)


def start_again(cluster: Cluster, number: str) -> None:
    """Wait until a job is requeued, and spare it the two minutes that Slurm then holds it.

    Not all of them: an old step that still ends takes the sockets of the new one with it, and a
    node refuses a job for which it has seen a kill in the same second.
    """

    def requeued() -> bool:
        now = job(cluster, number)
        assert now["JobState"] in ("RUNNING", "COMPLETING", "PENDING"), f"it did not stop: {now}"
        return now["JobState"] == "PENDING" and now["Restarts"] != "0"

    until(requeued, f"job {number} is requeued")
    steps = f"spool/*/*_{job(cluster, number)['JobId']}.*"
    until(lambda: not list(cluster.folder.glob(steps)), f"the steps of job {number} are gone")
    time.sleep(2.0)
    ask(cluster, "scontrol", "update", f"job={number}", "StartTime=now")


def until(condition: Callable[[], T], what: str, timeout: float = 120.0) -> T:
    """Ask again and again until the answer is true; return it."""
    deadline = time.monotonic() + timeout
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout:.0f} s until {what}")
        time.sleep(0.1)
    return answer


def _launch(cluster: Cluster, words: list[str]) -> subprocess.Popen[bytes]:
    with (cluster.folder / f"{'-'.join(words)}.out").open("wb") as log:
        return subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=cluster.environment
        )


def _write_conf(cluster: Cluster, requeue_exit: int | None) -> None:
    lines = [
        f"NodeName={node} NodeHostname=localhost NodeAddr=127.0.0.1 Port={port} CPUs=2 "
        "RealMemory=8000 State=UNKNOWN"
        for node, port in zip(NODES, cluster.ports[1:], strict=True)
    ]
    (cluster.folder / "slurm.conf").write_text(
        _CONF.format(
            folder=cluster.folder,
            controller_port=cluster.ports[0],
            requeue_exit="" if requeue_exit is None else f"RequeueExit={requeue_exit}",
            nodes="\n".join(lines),
        )
    )


def _idle(cluster: Cluster) -> bool:
    states = ask(cluster, "sinfo", "--noheader", "--Node", "--format=%N %T", check=False)
    return {f"{node} idle" for node in NODES} <= set(states.splitlines())


def _free_ports(count: int) -> tuple[int, ...]:
    """Ports nobody listens on; all are held at once so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = tuple(int(one.getsockname()[1]) for one in sockets)
    for one in sockets:
        one.close()
    return ports
