"""When a run must stop early: signals of the batch system, and a limit of hours.

Feeds run.py and units.py, which ask between work units. USR1 is what Slurm sends before a time
limit or a preemption, TERM what `scancel` and most schedulers send; both may reach one rank or all.
A rank whose launcher has died (its daemon on the node was killed) stops too: nobody would end it
any more. A unit that has begun is finished: it ends as a shard, and only then the job.
"""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from tracss_hpc.parallel.launch import launched_size

__all__ = ["StopRequest", "watch_for_stop"]

_SIGNALS = (signal.SIGUSR1, signal.SIGTERM)


class StopRequest:
    """Whether this rank has been asked to stop, and by what.

    Parameters
    ----------
    max_hours : float, optional
        The run must have stopped so many hours after now; a unit is not begun when the longest one
        of this rank so far would not end in time. Each rank works on one unit at least, so that a
        job that is started again and again gets on.
    """

    def __init__(self, max_hours: float | None = None):
        self.reason = ""
        self.max_hours = max_hours
        self._limit_s = math.inf if max_hours is None else max_hours * 3600.0
        self._began = time.monotonic()
        self._unit_began: float | None = None
        self._longest_s = 0.0
        # A run that nobody launched may outlive its parent: `tracss-hpc run ... &`, then logout.
        self._launcher = os.getppid() if launched_size()[0] > 1 else None

    def ask(self, number: int, frame: FrameType | None = None) -> None:
        """Take a signal (the interface of `signal.signal`)."""
        self.reason = self.reason or signal.Signals(number).name

    def before_unit(self) -> bool:
        """Whether to stop now; to be called before each unit, also before the first."""
        now = time.monotonic()
        if self._unit_began is not None:
            self._longest_s = max(self._longest_s, now - self._unit_began)
            too_late = now - self._began + self._longest_s > self._limit_s
            if too_late and not self.reason:
                self.reason = f"--max-hours {self.max_hours:g}"
        self._unit_began = now
        if self._launcher is not None and os.getppid() != self._launcher:
            self.reason = self.reason or "the end of its launcher"
        return bool(self.reason)


@contextmanager
def watch_for_stop(max_hours: float | None = None) -> Iterator[StopRequest]:
    """Take USR1 and TERM as requests to stop, as long as the block lasts.

    In a thread other than the main one, signals cannot be taken: there only the hours count.
    """
    request = StopRequest(max_hours)
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    former = {number: signal.signal(number, request.ask) for number in _SIGNALS}
    try:
        yield request
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
