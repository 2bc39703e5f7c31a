"""Requests to stop: the first signal counts, hours are kept, and all is as before afterwards."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

import pytest

from tracss_hpc.runs import interrupt
from tracss_hpc.runs.interrupt import StopRequest, watch_for_stop

Clock = Callable[[float], None]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """``clock(seconds)``: it is that late now; the clock stands still otherwise."""
    now = [1000.0]
    monkeypatch.setattr(interrupt.time, "monotonic", lambda: now[0])

    def go_to(seconds: float) -> None:
        now[0] = 1000.0 + seconds

    return go_to


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM])
def test_a_signal_is_a_request(number: signal.Signals) -> None:
    with watch_for_stop() as stop:
        assert not stop.before_unit()
        assert stop.reason == ""
        os.kill(os.getpid(), number)
        assert stop.before_unit()
        assert stop.reason == number.name


def test_the_first_signal_is_the_reason() -> None:
    with watch_for_stop() as stop:
        for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGTERM):
            os.kill(os.getpid(), number)
        assert stop.reason == "SIGUSR1"


def test_handlers_are_restored_also_after_an_error() -> None:
    seen: list[int] = []
    mine = signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(number))
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(ZeroDivisionError), watch_for_stop():
            raise ZeroDivisionError
        os.kill(os.getpid(), signal.SIGUSR1)
        assert seen == [signal.SIGUSR1]
        assert signal.getsignal(signal.SIGTERM) == before
    finally:
        signal.signal(signal.SIGUSR1, mine)


def test_ctrl_c_is_left_alone() -> None:
    before = signal.getsignal(signal.SIGINT)
    with watch_for_stop():
        assert signal.getsignal(signal.SIGINT) == before


def test_in_a_thread_only_the_hours_count() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    found: list[object] = []

    def work() -> None:
        with watch_for_stop(1e-9) as stop:
            found.append(signal.getsignal(signal.SIGUSR1) == before)
            found.extend([stop.before_unit(), stop.before_unit(), stop.reason])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [True, False, True, "--max-hours 1e-09"]


def test_no_limit_is_never_reached(clock: Clock) -> None:
    stop = StopRequest()
    clock(1e9)
    assert not stop.before_unit()
    clock(2e9)
    assert not stop.before_unit()


def test_a_unit_is_not_begun_that_would_end_too_late(clock: Clock) -> None:
    stop = StopRequest(max_hours=1.0)
    clock(100.0)
    assert not stop.before_unit()
    clock(1600.0)  # the first took 1500 s
    assert not stop.before_unit()
    clock(2000.0)  # 400 s: the longest so far is still the first
    assert not stop.before_unit()
    clock(2100.1)  # another 1500 s would end after 3600 s
    assert stop.before_unit()
    assert stop.reason == "--max-hours 1"
    assert stop.before_unit()  # it stays so


def test_exactly_in_time_is_in_time(clock: Clock) -> None:
    stop = StopRequest(max_hours=1.0)
    stop.before_unit()
    clock(1800.0)
    assert not stop.before_unit()


def test_one_unit_is_always_done(clock: Clock) -> None:
    stop = StopRequest(max_hours=1e-6)
    clock(7200.0)
    assert not stop.before_unit()
    clock(7201.0)
    assert stop.before_unit()
    assert stop.reason == "--max-hours 1e-06"


def test_a_signal_counts_also_before_the_first_unit_and_before_the_hours(clock: Clock) -> None:
    stop = StopRequest(max_hours=1e-6)
    stop.ask(signal.SIGTERM)
    assert stop.before_unit()
    clock(7200.0)
    assert stop.before_unit()
    assert stop.reason == "SIGTERM"


def test_a_rank_whose_launcher_died_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    parent = [17]
    monkeypatch.setattr(interrupt.os, "getppid", lambda: parent[0])
    monkeypatch.setattr(interrupt, "launched_size", lambda: (2, "mpiexec"))
    stop = StopRequest()
    assert not stop.before_unit()
    parent[0] = 1
    assert stop.before_unit()
    assert stop.reason == "the end of its launcher"


def test_a_run_that_nobody_launched_outlives_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    parent = [17]
    monkeypatch.setattr(interrupt.os, "getppid", lambda: parent[0])
    monkeypatch.setattr(interrupt, "launched_size", lambda: (1, ""))
    stop = StopRequest()
    parent[0] = 1
    assert not stop.before_unit()
