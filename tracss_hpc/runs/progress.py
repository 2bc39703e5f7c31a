"""What a run tells while it works: log lines, a bar or a line a minute, and progress.json.

Fed by runs.units on rank 0 (which units are finished) and by runs.run (the state); `cli` takes its
log handler from here. Feeds those who watch a job, and nothing else: no result depends on it.

    finished units -> Forecast -> bar on stderr | log line | progress.json

Own code instead of tqdm: the bar is a dozen lines, and tqdm would bring neither the time left of
units handed out longest first to many ranks, nor the line a minute, nor progress.json.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import platform
import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, TextIO

from tracss_hpc.atomic import write_atomically
from tracss_hpc.provenance import peak_memory_mb

__all__ = ["Forecast", "Progress", "ProgressFile", "State", "StderrHandler", "Style"]

State = Literal["reading", "screening", "merging", "done", "stopped", "failed"]
Style = Literal["auto", "bar", "lines", "none"]

_log = logging.getLogger("tracss_hpc")
_TICK_S = 1.0
_WRITE_EVERY_S = 10.0  # progress.json, also when nothing changed: a watcher sees that we live
_LOG_EVERY_S = 60.0
_COLUMNS = 80
_TO_END = "\x1b[K"  # ANSI "erase in line": from the cursor to the end (ECMA-48, 8.3.41)
_ERASE = f"\r{_TO_END}"


@dataclass
class ProgressFile:
    """progress.json of a run directory: what the run is doing now, for people and scripts.

    Every `write` replaces the file as a whole, so a reader never sees half of one. A file that
    cannot be written (disk full) is told once and never stops the run.
    """

    folder: Path
    ranks: int = 1
    hosts: int = 1
    started: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    _figures: dict[str, float | None] = field(default_factory=dict)
    _warned: bool = False

    def write(self, state: State, **figures: float | None) -> None:
        """Tell the state; figures once given stay, except `eta_s`, which holds for one write.

        Figures: units_done, units_total, fraction, units_per_min, eta_s [s], conjunctions. Memory
        [MB] is that of this process, rank 0.
        """
        self._figures |= {"eta_s": None, **figures}
        now = dt.datetime.now(dt.UTC)
        names = ("units_done", "units_total", "fraction", "units_per_min", "eta_s", "conjunctions")
        memory, peak = _memory_mb()
        record = {
            "state": state,
            **{name: self._figures.get(name) for name in names},
            "elapsed_s": round((now - self.started).total_seconds(), 1),
            "memory_mb": round(memory),
            "peak_memory_mb": round(peak),
            "ranks": self.ranks,
            "hosts": self.hosts,
            "host": platform.node(),
            "pid": os.getpid(),
            "slurm_job_id": os.environ.get("SLURM_JOB_ID", ""),
            "started": f"{self.started:%Y-%m-%dT%H:%M:%SZ}",
            "updated": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        }
        content = json.dumps(record, indent=2) + "\n"
        try:
            write_atomically(self.folder / "progress.json", content.encode())
        except OSError as error:
            if not self._warned:
                _log.warning("progress.json is not up to date: %s; the run goes on", error)
            self._warned = True


class Forecast:
    """Seconds left, from replaying how units are handed out: in order, the next to a free rank.

    Counting finished units misleads: the first are the longest, and with 128 ranks the first one
    done says that 127 others nearly are. The replay knows when each unit began, hence what a unit
    of cost takes on one rank, in this session alone. Simulated with 20 to 240 units on 1 to 16
    ranks and costs wrong by 20 %: at a quarter of the run it is off by 5-11 % of the run, counting
    by 60-73 %.

    Parameters
    ----------
    costs : mapping of int to float
        Estimated cost (any unit) of the units to do in this session, in the order of handing out.
    ranks : int
        Ranks that work on them.
    now : float
        Time at which the first ones begin [s].
    """

    def __init__(self, costs: Mapping[int, float], ranks: int, now: float) -> None:
        self._costs, self._ranks = costs, ranks
        self._waiting = list(costs)
        self._began: dict[int, float] = {}
        self._spent_s = self._spent_cost = 0.0
        self._hand_out(now)

    def update(self, finished: Collection[int], now: float) -> None:
        """Take note of all units finished by `now`."""
        # Units shorter than the time between two looks count 0 s after one that counts all of it.
        while ended := [unit for unit in self._began if unit in finished]:
            for unit in ended:
                self._spent_s += now - self._began.pop(unit)
                self._spent_cost += self._costs[unit]
            self._hand_out(now)

    def left_s(self, now: float) -> float | None:
        """Expected time until the last unit is finished [s]; None before the first one is."""
        if not self._spent_cost:
            return None
        pace = self._spent_s / self._spent_cost
        # A unit that takes longer than expected is not about to end: it may need a tenth more.
        running = [
            max(pace * self._costs[unit] - (now - began), 0.1 * (now - began))
            for unit, began in self._began.items()
        ]
        waiting = pace * sum(self._costs[unit] for unit in self._waiting)
        return max(max(running, default=0.0), (sum(running) + waiting) / self._ranks)

    def _hand_out(self, now: float) -> None:
        free = self._ranks - len(self._began)
        self._began |= dict.fromkeys(self._waiting[:free], now)
        del self._waiting[:free]


class Progress:
    """Watch the units of the screening stage on rank 0, in a thread, while all ranks work.

    Parameters
    ----------
    file : ProgressFile
        Written at the start, at every change, at least every 10 s, and at the end.
    total : int
        Units of the run.
    costs : mapping of int to float
        Estimated cost of those still to do, by unit number, in the order of handing out.
    finished : callable
        Gives the numbers of the units finished by any rank (a listing of the checkpoint folder).
    style : {"auto", "bar", "lines", "none"}
        A bar, or a log line a minute; auto: a bar when log lines go to a terminal. The bar belongs
        to `StderrHandler`; without one there are lines. The lines go to run.log beside a bar too.
    clock : callable
        Seconds, monotonic.

    Notes
    -----
    What goes wrong in here is told once and never stops the run.
    """

    def __init__(
        self,
        file: ProgressFile,
        *,
        total: int,
        costs: Mapping[int, float],
        finished: Callable[[], Collection[int]],
        style: Style = "auto",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._file, self._total, self._costs, self._finished = file, total, costs, finished
        self._style, self._clock = style, clock
        self._bar = _bar_handler(style)
        self._began = clock()
        self._written = self._logged = -float("inf")
        self._session = 0
        self._forecast = Forecast(costs, file.ranks, self._began)
        self._warned = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)

    def __enter__(self) -> Progress:
        self.tick()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        self.tick(last=True)

    def tick(self, *, last: bool = False) -> None:
        """Look once and tell what is due; `last`: tell all, and take the bar away."""
        # Anything may fail here (a folder that is gone, a dead terminal), and nothing of it is
        # worth a run; under MPI an exception in a thread would end the whole job.
        try:
            self._look(last)
        except Exception as error:
            if not self._warned:
                _log.warning(
                    "progress is not shown: %s: %s; the run goes on", type(error).__name__, error
                )
            self._warned = True

    def _watch(self) -> None:
        while not self._stop.wait(_TICK_S):
            self.tick()

    def _look(self, last: bool) -> None:
        now = self._clock()
        if last and self._bar is not None:
            self._bar.clear()
        finished = self._finished()
        session = sum(unit in finished for unit in self._costs)
        self._forecast.update(finished, now)
        done = self._total - len(self._costs) + session
        elapsed, left = now - self._began, self._forecast.left_s(now)
        rate = session / elapsed * 60.0 if session and elapsed > 0.0 else None
        if last or session != self._session or now - self._written >= _WRITE_EVERY_S:
            self._written, self._session = now, session
            self._file.write(
                "screening",
                units_done=done,
                units_total=self._total,
                fraction=round(done / max(self._total, 1), 4),
                units_per_min=None if rate is None else round(rate, 3),
                eta_s=None if left is None else round(left, 1),
            )
        percent = 100 * done // max(self._total, 1)
        memory, peak = map(_size, _memory_mb())
        if self._style != "none" and (last or now - self._logged >= _LOG_EVERY_S):
            self._logged = now
            pace = "" if rate is None else f", {_rate(rate)} units/min"
            togo = "" if left is None or done == self._total else f", about {_hms(left)} left"
            _log.info(
                "screening: %d of %d units done (%d %%)%s%s, %s (peak %s)",
                done, self._total, percent, pace, togo, memory, peak, extra={"on_bar": True},
            )  # fmt: skip
        if self._bar is not None and not last:
            # Fields of fixed width: the bar must not jump.
            text = (
                f" {done:>{len(str(self._total))}}/{self._total} {percent:>3} %, "
                f"{'-' if rate is None else _rate(rate):>4}/min, {_hms(elapsed)} gone, "
                f"{'-:--' if left is None else _hms(left)} left, {memory} (peak {peak})"
            )
            self._bar.show(_with_bar(text, done / max(self._total, 1), self._bar.columns()))


class StderrHandler(logging.StreamHandler[TextIO]):
    """Log lines on stderr, ``[0/2    12.3 s] text``, that never mix with the bar below them.

    The time counts from the start of the process. Rank 0 says what happens, other ranks only warn.
    """

    def __init__(self, rank: int, size: int, *, quiet: bool = False, bar: bool = False) -> None:
        super().__init__(sys.stderr)
        self.setLevel(logging.WARNING if quiet or rank > 0 else logging.INFO)
        self.setFormatter(_Line(f"{rank}/{size} " if size > 1 else ""))
        self._line = ""
        # What the bar tells need not push it down every minute.
        self.addFilter(lambda record: not (self._line and hasattr(record, "on_bar")))
        # Under a launcher the cursor may stand behind the bar of rank 0, which is not ours to know.
        self._erase = bar and rank > 0

    def format(self, record: logging.LogRecord) -> str:
        """The text of a record, which takes the place of the bar; the terminator redraws it."""
        text = super().format(record)
        return f"{_ERASE}{text}" if self._line or self._erase else text

    def show(self, line: str) -> None:
        """Draw the bar, or draw it again."""
        self._put(line, f"\r{line}{_TO_END}")

    def clear(self) -> None:
        """Take the bar away."""
        if self._line:
            self._put("", _ERASE)

    def columns(self) -> int:
        """Columns a bar may fill: one less than there are, since terminals may wrap at the last."""
        try:
            width = os.get_terminal_size(self.stream.fileno()).columns
        except (OSError, ValueError):  # a pipe (under a launcher), or a stream without a file
            width = 0
        return min(width or _COLUMNS, _COLUMNS) - 1

    def _put(self, line: str, text: str) -> None:
        self.acquire()
        try:
            self._line, self.terminator = line, f"\n{line}"
            self.stream.write(text)
            self.stream.flush()
        finally:
            self.release()


class _Line(logging.Formatter):
    """``[who seconds] LEVEL text``; the level of plain information is not told."""

    def __init__(self, who: str) -> None:
        super().__init__()
        self._who = who

    def formatMessage(self, record: logging.LogRecord) -> str:
        level = f"{record.levelname} " if record.levelno >= logging.WARNING else ""
        return f"[{self._who}{record.relativeCreated / 1e3:7.1f} s] {level}{record.message}"


def _bar_handler(style: Style) -> StderrHandler | None:
    """The handler that draws the bar, if there is to be one."""
    handler = next((h for h in _log.handlers if isinstance(h, StderrHandler)), None)
    if handler is None or style in ("lines", "none"):
        return None
    fit = handler.stream.isatty() and os.environ.get("TERM") != "dumb"
    return handler if style == "bar" or (fit and handler.level <= logging.INFO) else None


def _with_bar(text: str, fraction: float, columns: int) -> str:
    """The text behind a bar that takes what is free, at most 20 columns; cut if it is too long."""
    width = min(columns - len(text) - 2, 20)
    full = int(fraction * max(width, 0))
    return (f"[{'#' * full:.<{width}}]{text}" if width >= 5 else text[1:])[:columns]


def _memory_mb() -> tuple[float, float]:
    """Memory of this process now and at its peak [MB]."""
    peak = peak_memory_mb()
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:  # no Linux
        return peak, peak
    return pages * os.sysconf("SC_PAGE_SIZE") / 2.0**20, peak


def _rate(per_min: float) -> str:
    return f"{per_min:.2f}" if per_min < 10.0 else f"{per_min:.0f}"


def _size(mb: float) -> str:
    return f"{mb:.0f} MB" if mb < 1000.0 else f"{mb / 1000.0:.2f} GB"


def _hms(seconds: float) -> str:
    minutes, s = divmod(round(seconds), 60)
    h, m = divmod(minutes, 60)
    return f"{h}:{m:02d}:{s:02d}" if h else f"{m}:{s:02d}"
