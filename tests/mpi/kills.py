"""Kill tests: runs ended by force at random moments, gone on with until they are complete.

    python -m tests.mpi.kills [--moments 60] [--seed 1] [--only NUMBER]

A moment (kind, time, ranks, how it goes on) follows from the seed and its number alone, so one that
failed can be had again. Kinds take turns; times are uniform over an uninterrupted run, from launch
to end; a full disk has room for a part of the bytes it needs. After the last session the digest
must be that of the uninterrupted run and nothing may be left over. Fed by the planted catalog; used
by test_kills.py.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.mpi.sessions import (
    ENDED_S,
    GONE_S,
    STAGES,
    end,
    launch,
    shards,
    stage_of,
    strike,
)
from tracss_hpc.export.digest import digest_file
from tracss_hpc.export.hdf5 import read_results

__all__ = [
    "HEAD", "KINDS", "Moment", "Outcome", "Reference", "check_complete", "draw_moment",
    "format_outcome", "format_tally", "go_through", "make_reference", "mount",
]  # fmt: skip

#: Who is hit by what. The first eight are those of the short tests.
KINDS: dict[str, tuple[str, int]] = {
    "KILL rank 0": ("rank 0", signal.SIGKILL),
    "KILL another rank": ("another rank", signal.SIGKILL),
    "KILL mpiexec": ("mpiexec", signal.SIGKILL),
    "KILL node daemon": ("node daemon", signal.SIGKILL),
    "USR1 to mpiexec": ("mpiexec", signal.SIGUSR1),
    "TERM to one rank": ("another rank", signal.SIGTERM),
    "max-hours": ("", 0),
    "disk full": ("", 0),
    "USR1 to one rank": ("another rank", signal.SIGUSR1),
    "TERM to mpiexec": ("mpiexec", signal.SIGTERM),
    "INT to mpiexec": ("mpiexec", signal.SIGINT),
    "KILL all at once": ("all", signal.SIGKILL),
}
HEAD = (
    f"{'no.':>4} {'kind':<18}{'at':>5}{'ranks':>6} {'stage hit':<13}{'units':>5}{'code':>5}"
    f"{'gone [s]':>9}{'sessions':>9} result"
)


@dataclass(frozen=True)
class Moment:
    """When and how a run is ended by force, and how it goes on.

    `at` is the part of an uninterrupted run that has passed (for a full disk: the root of the part
    of its bytes that have room);
    `again` a second kind and moment, for the first resumed session; `resumed` the ranks of the
    resumed sessions.
    """

    seed: int
    number: int
    kind: str
    at: float
    ranks: int
    resumed: tuple[int, int]
    again: tuple[str, float] | None


@dataclass(frozen=True)
class Reference:
    """An uninterrupted run: digest, messages, seconds and the bytes it had on disk at most."""

    digest: str
    messages: frozenset[str]
    seconds: float
    bytes: int


@dataclass
class Outcome:
    """What came of a moment: one line of the tally; `at` is where it came to be hit."""

    moment: Moment
    at: float = 0.0
    stage: str = ""
    units: int = 0
    code: int = 0
    gone_s: float = 0.0
    sessions: int = 0
    failure: str = ""


def draw_moment(seed: int, number: int, kinds: Sequence[str] = tuple(KINDS)) -> Moment:
    """Moment `number` of `seed`; the kinds take turns."""
    rng = np.random.default_rng([seed, number])
    signals = [kind for kind in kinds if KINDS[kind][0]]
    twice = (signals[rng.integers(len(signals))], float(rng.uniform()))
    return Moment(
        seed=seed,
        number=number,
        kind=kinds[number % len(kinds)],
        at=float(rng.uniform()),
        ranks=_draw_ranks(rng, kinds[number % len(kinds)]),
        resumed=(int(rng.integers(2, 4)), int(rng.integers(1, 4))),
        again=twice if rng.uniform() < 0.3 else None,
    )


def _draw_ranks(rng: np.random.Generator, kind: str) -> int:
    """Two or three; a full disk is also met without launcher, where HDF5 ends with the process."""
    return int(rng.choice((1, 2) if kind == "disk full" else (2, 2, 2, 2, 3)))


def make_reference(scratch: Path) -> Reference:
    """Run without interruption on two ranks."""
    folder = scratch / "reference"
    job = launch(scratch, folder, 2)
    most = 0
    while job.process.poll() is None:
        most = max(most, _bytes_in(folder))
        time.sleep(0.02)
    seconds = time.monotonic() - job.began
    assert job.process.returncode == 0, job.text()
    return Reference(digest_file(folder / "results.h5"), _messages(folder), seconds, most)


def go_through(moment: Moment, reference: Reference, scratch: Path, *, thorough: bool) -> Outcome:
    """Run, strike, go on until the run is complete, and check all that must hold.

    Parameters
    ----------
    scratch : Path
        An empty folder.
    thorough : bool
        Resume the complete run once more, which must leave it as it is.

    Returns
    -------
    Outcome
        Its `failure` says what did not hold, and how to have the same moment again.
    """
    outcome = Outcome(moment)
    try:
        with _small_disk(scratch, reference, moment) as disk:
            _go_through(moment, reference, scratch, disk, outcome)
            if thorough:
                _resume_complete(scratch, disk / "run", reference)
    except AssertionError as error:
        outcome.failure = (
            f"{error}\n{moment.kind}, hit in stage {outcome.stage}; to have it again: "
            f"python -m tests.mpi.kills --seed {moment.seed} --only {moment.number}"
        )
    return outcome


def check_complete(folder: Path, reference: Reference) -> None:
    """Raise AssertionError unless the run is whole, the reference's equal, and all is cleared."""
    assert digest_file(folder / "results.h5") == reference.digest, "another digest"
    names = {path.name for path in folder.iterdir()}
    expected = {"results.h5", "run.log", "provenance.json", "summary.txt", "progress.json", "cdm"}
    assert names == expected, f"left over or missing: {names ^ expected}"
    assert not list(folder.rglob("*.tmp")), "temporary files are left"
    assert _messages(folder) == reference.messages, "the messages are not those of the reference"
    ledger = json.loads((folder / "provenance.json").read_text())
    attributes = read_results(folder / "results.h5").attributes
    assert ledger["run_id"] == attributes["run_id"], "provenance.json is of another run"
    assert [s["name"] for s in ledger["stages"]][-1] == "export", "provenance.json is not the last"
    summary = (folder / "summary.txt").read_text()
    assert "self-audit: " in summary, "no whole summary"
    assert summary.rstrip().endswith("provenance.json, cdm/"), "no whole summary"
    assert json.loads((folder / "progress.json").read_text())["state"] == "done"


def mount(*words: str) -> None:
    """``mount WORDS``; needs root."""
    subprocess.run(["mount", *words], check=True)


@contextmanager
def _small_disk(scratch: Path, reference: Reference, moment: Moment) -> Iterator[Path]:
    """A disk for the run: of `at` of the bytes it needs when the disk shall be full."""
    disk = scratch / "disk"
    disk.mkdir()
    if moment.kind != "disk full":
        yield disk
        return
    size = _disk_bytes(moment.at, reference)
    mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk))
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def format_tally(outcomes: Sequence[Outcome]) -> str:
    """What was hit when, how often, and what came of it."""
    good = sum(not outcome.failure for outcome in outcomes)
    kinds = Counter(outcome.moment.kind for outcome in outcomes)
    stages = Counter(outcome.stage for outcome in outcomes)
    twice = sum(outcome.moment.again is not None for outcome in outcomes)
    slowest = max(outcomes, key=lambda outcome: outcome.gone_s)
    return "\n".join([
        f"{good} of {len(outcomes)} moments ({twice} of them hit twice): same digest, nothing "
        "left over",
        "kinds: " + ", ".join(f"{kind} {kinds[kind]}" for kind in KINDS if kind in kinds),
        "stages hit: " + ", ".join(f"{s} {stages[s]}" for s in STAGES if s in stages),
        f"longest until all were gone: {slowest.gone_s:.1f} s ({slowest.moment.kind})",
    ])  # fmt: skip


def format_outcome(outcome: Outcome) -> str:
    """One line of the tally, below `HEAD`."""
    moment = outcome.moment
    result = outcome.failure.splitlines()[0] if outcome.failure else "same digest"
    return (
        f"{moment.number:>4} {moment.kind:<18}{outcome.at:>5.2f}{moment.ranks:>6} "
        f"{outcome.stage:<13}{outcome.units:>5}{outcome.code:>5}{outcome.gone_s:>9.2f}"
        f"{outcome.sessions:>9} {result}"
    )


def _go_through(
    moment: Moment, reference: Reference, scratch: Path, disk: Path, outcome: Outcome
) -> None:
    folder, at = disk / "run", moment.at
    while True:
        outcome.at, outcome.sessions = at, 1
        code = _struck_session(moment.kind, at, moment.ranks, reference, scratch, folder, outcome)
        if code is not None:
            break
        at *= 0.5  # the run was over before: the machine is less busy now, or the disk large enough
        shutil.rmtree(folder)
        if moment.kind == "disk full":
            mount("-o", f"remount,size={_disk_bytes(at, reference)}", str(disk))
    outcome.code = code
    if moment.kind == "disk full":
        mount("-o", "remount,size=64m", str(disk))
    if moment.again is not None:
        kind, part = moment.again
        job = launch(scratch, folder, moment.resumed[0], "--resume")
        strike(job, *KINDS[kind], part * reference.seconds, folder)
        end(job, ENDED_S)
        outcome.sessions += 1
    job = launch(scratch, folder, moment.resumed[1], "--resume")
    code, _ = end(job, ENDED_S)
    outcome.sessions += 1
    assert code == 0, f"the resumed run ended with {code}:\n{job.text()}"
    check_complete(folder, reference)


def _resume_complete(scratch: Path, folder: Path, reference: Reference) -> None:
    before = (folder / "results.h5").read_bytes()
    job = launch(scratch, folder, 1, "--resume")
    code, _ = end(job, ENDED_S)
    assert code == 0, f"--resume of a complete run ended with {code}:\n{job.text()}"
    assert "is complete; nothing to do" in job.text(), job.text()
    assert (folder / "results.h5").read_bytes() == before, "a complete run was changed"
    check_complete(folder, reference)


def _struck_session(
    kind: str, at: float, ranks: int, reference: Reference, scratch: Path, folder: Path,
    outcome: Outcome,
) -> int | None:  # fmt: skip
    """The first session with its end by force; None when it was over before."""
    hours = 0.5 * at * reference.seconds / 3600.0  # counted from the end of the start-up on
    job = launch(scratch, folder, ranks, *(["--max-hours", f"{hours}"] * (kind == "max-hours")))
    if KINDS[kind][0]:
        hit = strike(job, *KINDS[kind], at * reference.seconds, folder)
        code, outcome.gone_s = end(job, GONE_S if kind.startswith("KILL") else ENDED_S)
        if hit is None:
            return None
        outcome.stage, outcome.units, takes_requests = hit
    else:
        job.process.wait(ENDED_S)
        code, outcome.gone_s = end(job, GONE_S)
        outcome.stage, outcome.units, takes_requests = stage_of(job), shards(folder), True
        if code == 0:
            return None
    text = job.text()
    # Ctrl-C can fall into a callback of Python's own, which then says so.
    assert "Traceback" not in text or kind.startswith("INT"), text
    if kind == "disk full":
        assert code == 1, f"exit code {code}:\n{text}"
        assert f"{folder}" in text, text
        assert "No space left on device" in text, text
        assert "--resume" in text, text
    elif kind.startswith("KILL"):
        assert code != 0, f"exit code 0:\n{text}"
    elif kind.startswith("INT"):
        assert code == 130 or not takes_requests or outcome.stage == "end", f"{code}:\n{text}"
    elif takes_requests:
        # A request is heard between units and after the audit; later the run just ends. Before
        # a rank has its handlers (imports), USR1 is lost in MPICH's own or ends the rank.
        allowed = {75} if outcome.stage in ("trajectories", "screen", "collect") else {0, 75}
        assert code in allowed, f"exit code {code}:\n{text}"
    if code == 75:
        assert "units done; go on with --resume" in text, text
        assert json.loads((folder / "progress.json").read_text())["state"] == "stopped"
        assert (folder / "checkpoint" / "manifest.json").is_file()
    return code


def _disk_bytes(part: float, reference: Reference) -> int:
    """Size of a disk that is full after about `part` of the run, in whole pages."""
    # Squared: three quarters of the bytes come with the last two stages.
    return max(1, round(part**2 * reference.bytes / 4096)) * 4096


def _bytes_in(folder: Path) -> int:
    """Bytes on disk; files may vanish meanwhile."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_blocks * 512
        except OSError:
            continue
    return total


def _messages(folder: Path) -> frozenset[str]:
    """The messages of a run without what differs between two runs."""
    own = ("MESSAGE_ID", "RUN_ID", "CREATION_DATE")
    text = (folder / "cdm" / "cdms.kvn").read_text(encoding="utf-8")
    return frozenset(
        "\n".join(row for row in message.splitlines() if not row.startswith(own))
        for message in text.split("CCSDS_CDM_VERS")
    )


def main() -> int:
    """Go through the moments and print the tally; 1 if one of them failed."""
    parser = argparse.ArgumentParser(description="Kill runs at random moments and resume them.")
    parser.add_argument("--moments", type=int, default=60, metavar="N")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, metavar="NUMBER", help="this moment alone")
    options = parser.parse_args()
    numbers = range(options.moments) if options.only is None else [options.only]
    kinds = [kind for kind in KINDS if kind != "disk full" or os.geteuid() == 0]
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="kills-") as place:
        reference = make_reference(Path(place))
        print(f"an uninterrupted run: {reference.seconds:.1f} s, {reference.bytes / 1e6:.1f} MB")
        print("no disk full: only root can make a small disk\n" * (len(kinds) < len(KINDS)), end="")
        print(HEAD)
        for number in numbers:
            moment = draw_moment(options.seed, number, kinds)
            scratch = Path(place) / str(number)
            scratch.mkdir()
            outcomes.append(go_through(moment, reference, scratch, thorough=True))
            print(format_outcome(outcomes[-1]), flush=True)
            if outcomes[-1].failure:
                print(outcomes[-1].failure, file=sys.stderr, flush=True)
    print(format_tally(outcomes))
    return int(any(outcome.failure for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
