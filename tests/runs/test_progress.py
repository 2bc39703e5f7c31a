"""What a run tells while it works: time left, progress.json, log lines, and the bar on a pty."""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import pty
import re
import subprocess
import termios
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tracss_hpc.runs.progress import Forecast, Progress, ProgressFile, StderrHandler

log = logging.getLogger("tracss_hpc")


@pytest.fixture(autouse=True)
def _keep_logging() -> Iterator[None]:
    """The package's logger without handlers, as a notebook has it; given back afterwards."""
    handlers, level = log.handlers, log.level
    log.handlers = []
    log.setLevel(logging.INFO)
    yield
    log.handlers = handlers
    log.setLevel(level)


class Watch:
    """A run as seen from outside: a clock to turn and units to finish; the tick is ours to call."""

    def __init__(self, folder: Path, *, style: str = "lines", ranks: int = 1) -> None:
        self.now, self.done = 100.0, {0, 1}
        self.file = ProgressFile(folder, ranks=ranks)
        self.progress = Progress(
            self.file, total=5, costs={4: 3.0, 2: 2.0, 3: 1.0}, finished=lambda: self.done,
            style=style, clock=lambda: self.now,
        )  # fmt: skip

    def tick(self, seconds: float, *units: int, last: bool = False) -> None:
        self.now += seconds
        self.done |= set(units)
        self.progress.tick(last=last)

    def told(self) -> dict[str, object]:
        return dict(json.loads((self.file.folder / "progress.json").read_text()))


def plain(text: str) -> str:
    """Text without the memory, which is the machine's."""
    return re.sub(r", [\d.]+ [MG]B \(peak [\d.]+ [MG]B\)", "", text)


# ---------------------------------------------------------------- the time left


def test_time_left_of_one_rank_by_hand() -> None:
    forecast = Forecast({0: 3.0, 1: 2.0, 2: 1.0}, 1, 100.0)
    assert forecast.left_s(110.0) is None
    forecast.update({0}, 130.0)  # 10 s a unit of cost
    assert forecast.left_s(130.0) == pytest.approx(30.0)
    assert forecast.left_s(145.0) == pytest.approx(15.0)  # between two units it goes on counting
    forecast.update({0, 1}, 170.0)  # 40 s instead of 20: 14 s a unit of cost
    assert forecast.left_s(170.0) == pytest.approx(14.0)
    forecast.update({0, 1, 2}, 180.0)
    assert forecast.left_s(180.0) == 0.0


def test_time_left_of_two_ranks_by_hand() -> None:
    forecast = Forecast({7: 4.0, 5: 3.0, 6: 3.0, 1: 2.0}, 2, 0.0)
    forecast.update({5}, 30.0)  # 6 begins; 7 has 10 s to go, 6 30 s, 1 20 s, on two ranks
    assert forecast.left_s(30.0) == pytest.approx(30.0)
    forecast.update({5, 7}, 40.0)  # 1 begins; both end at 60
    assert forecast.left_s(40.0) == pytest.approx(20.0)
    forecast.update({5, 7, 1}, 60.0)  # 6 is late: at least a tenth of what it took
    assert forecast.left_s(160.0) == pytest.approx(13.0)


def test_the_first_of_many_ranks_to_finish_is_no_alarm() -> None:
    """128 units on 128 ranks: one done after a minute does not mean two hours to go."""
    forecast = Forecast(dict.fromkeys(range(128), 1.0), 128, 0.0)
    forecast.update({5}, 60.0)
    assert forecast.left_s(60.0) == pytest.approx(6.0)


def test_units_shorter_than_a_look_lose_no_time() -> None:
    forecast = Forecast(dict.fromkeys(range(10), 1.0), 1, 0.0)
    forecast.update(set(range(5)), 1.0)
    assert forecast.left_s(1.0) == pytest.approx(1.0)


def test_longest_first_is_forecast_exactly_when_costs_are_right() -> None:
    costs = {unit: 10.0 - unit for unit in range(8)}
    forecast = Forecast(costs, 1, 0.0)
    begun, finished = 0.0, set()
    for unit, cost in costs.items():
        begun += 7.0 * cost
        finished.add(unit)
        forecast.update(finished, begun)
        assert forecast.left_s(begun) == pytest.approx(7.0 * sum(costs.values()) - begun)


# ---------------------------------------------------------------- progress.json


def test_progress_file_tells_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    file = ProgressFile(tmp_path, ranks=8, hosts=2)
    file.write("reading")
    assert [path.name for path in tmp_path.iterdir()] == ["progress.json"]
    first = json.loads((tmp_path / "progress.json").read_text())
    assert (first["state"], first["units_done"], first["eta_s"]) == ("reading", None, None)
    assert (first["ranks"], first["hosts"], first["pid"]) == (8, 2, os.getpid())
    assert first["slurm_job_id"] == "4711"
    assert 1 < first["memory_mb"] <= first["peak_memory_mb"] + 1
    assert dt.datetime.fromisoformat(first["started"]).tzinfo is not None
    assert first["started"] <= first["updated"]
    file.write("screening", units_done=3, units_total=4, eta_s=60.0)
    file.write("done", conjunctions=12)
    last = json.loads((tmp_path / "progress.json").read_text())
    assert (last["state"], last["units_done"], last["units_total"]) == ("done", 3, 4)
    assert (last["conjunctions"], last["eta_s"]) == (12, None)
    assert list(first) == list(last)


def test_a_file_that_cannot_be_written_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = ProgressFile(tmp_path / "gone")
    file.write("reading")
    file.write("done")
    assert len(caplog.records) == 1
    assert str(tmp_path / "gone") in caplog.text
    (tmp_path / "gone").mkdir()  # it is tried again: a full disk may be emptied
    file.write("done")
    assert (tmp_path / "gone" / "progress.json").exists()


def test_file_is_written_at_the_start_at_changes_and_every_ten_seconds(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    path = tmp_path / "progress.json"

    def is_new(seconds: float, *units: int) -> bool:
        path.unlink(missing_ok=True)
        watch.tick(seconds, *units)
        return path.exists()

    assert is_new(0.0)
    assert not is_new(1.0)
    assert is_new(1.0, 4)
    assert not is_new(9.0)
    assert is_new(1.0)
    assert watch.told()["state"] == "screening"


def test_a_resumed_run_counts_all_units_and_the_speed_of_its_own(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    watch.tick(0.0)
    first = watch.told()
    assert (first["units_done"], first["units_total"], first["fraction"]) == (2, 5, 0.4)
    assert (first["units_per_min"], first["eta_s"]) == (None, None)
    watch.tick(30.0, 4)
    later = watch.told()
    assert (later["units_done"], later["fraction"]) == (3, 0.6)
    assert (later["units_per_min"], later["eta_s"]) == (2.0, 30.0)


# ---------------------------------------------------------------- log lines


def test_one_line_a_minute_and_one_at_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="tracss_hpc")
    watch = Watch(tmp_path)
    watch.tick(0.0)
    watch.tick(30.0, 4)
    watch.tick(30.0)
    watch.tick(59.0, 2)
    watch.tick(6.0, 3, last=True)
    assert [plain(line) for line in caplog.messages] == [
        "screening: 2 of 5 units done (40 %)",
        "screening: 3 of 5 units done (60 %), 1.00 units/min, about 0:13 left",
        "screening: 5 of 5 units done (100 %), 1.44 units/min",
    ]
    assert all(re.search(r", [\d.]+ [MG]B \(peak ", line) for line in caplog.messages)


def test_style_none_writes_the_file_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="tracss_hpc")
    watch = Watch(tmp_path, style="none")
    watch.tick(0.0)
    watch.tick(100.0, 2, 3, 4, last=True)
    assert caplog.messages == []
    assert watch.told()["units_done"] == 5


@pytest.mark.parametrize(
    ("rank", "size", "quiet", "expected"),
    [
        (0, 1, False, ["[ s] read", "[ s] WARNING odd", "[ s] ERROR bad"]),
        (0, 2, False, ["[0/2 s] read", "[0/2 s] WARNING odd", "[0/2 s] ERROR bad"]),
        (1, 2, False, ["[1/2 s] WARNING odd", "[1/2 s] ERROR bad"]),
        (0, 1, True, ["[ s] WARNING odd", "[ s] ERROR bad"]),
    ],
)
def test_log_lines_carry_rank_and_time(
    capsys: pytest.CaptureFixture[str], rank: int, size: int, quiet: bool, expected: list[str]
) -> None:
    log.handlers = [StderrHandler(rank, size, quiet=quiet)]
    log.info("read")
    log.warning("odd")
    log.error("bad")
    lines = capsys.readouterr().err.splitlines()
    assert all(re.match(r"\[(\d/\d )? {0,5}\d+\.\d s\] ", line) for line in lines)
    assert [re.sub(r" *\d+\.\d s\]", " s]", line) for line in lines] == expected


def test_time_of_a_line_counts_from_the_start_of_the_process(
    capsys: pytest.CaptureFixture[str],
) -> None:
    record = log.makeRecord("tracss_hpc", logging.INFO, "", 0, "read %d", (3,), None)
    record.relativeCreated = 12_345.6
    StderrHandler(0, 1).handle(record)
    StderrHandler(0, 2).handle(record)
    assert capsys.readouterr().err == "[   12.3 s] read 3\n[0/2    12.3 s] read 3\n"


# ---------------------------------------------------------------- the bar


class Terminal:
    """A pseudo terminal of some columns as stderr, and what a person sees on it."""

    def __init__(self, columns: int) -> None:
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, columns))
        self.stream = open(slave, "w", encoding="utf-8")  # noqa: SIM115 (closed by `close`)
        self._raw = b""

    def raw(self) -> str:
        """Everything sent to the terminal so far."""
        log.handlers = []
        self.stream.close()
        try:
            while piece := os.read(self._master, 65536):
                self._raw += piece
        except OSError:
            os.close(self._master)  # Linux ends a pty with an input/output error
        return self._raw.decode()

    def screen(self) -> list[str]:
        """Lines as they stand on the screen at the end."""
        return screen(self.raw())


def screen(text: str) -> list[str]:
    """What a terminal of any width makes of text with returns and erasures."""
    lines, column = [""], 0
    for piece in re.findall(r"\x1b\[K|[\r\n]|[^\x1b\r\n]+", text):
        if piece == "\n":
            lines.append("")
        elif piece == "\r":
            column = 0
        elif piece == "\x1b[K":
            lines[-1] = lines[-1][:column]
        else:
            lines[-1] = lines[-1][:column] + piece + lines[-1][column + len(piece) :]
            column += len(piece)
        column = 0 if piece == "\n" else column
    return lines


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Terminal]:
    def make(columns: int, term: str = "xterm", *, quiet: bool = False) -> Terminal:
        monkeypatch.setenv("TERM", term)
        made = Terminal(columns)
        monkeypatch.setattr("sys.stderr", made.stream)
        log.handlers = [StderrHandler(0, 1, quiet=quiet)]
        return made

    return make


def test_bar_stays_below_the_log_lines_and_goes_at_the_end(
    terminal: Callable[..., Terminal], tmp_path: Path
) -> None:
    tty = terminal(100)
    watch = Watch(tmp_path, style="auto")
    watch.tick(0.0)
    log.info("before")
    watch.tick(30.0, 4)
    log.warning("two\nlines")
    watch.tick(30.0)
    watch.tick(30.0, 2, 3, last=True)
    log.info("after")
    raw = tty.raw()
    draws = re.findall(r"\r(\[[#.]+\] [^\r\x1b]*)\x1b\[K", raw)
    assert [plain(re.sub(r"^\[[#.]+\]", "", draw)) for draw in draws] == [
        " 2/5  40 %,    -/min, 0:00 gone, -:-- left",
        " 3/5  60 %, 2.00/min, 0:30 gone, 0:30 left",
        " 3/5  60 %, 1.00/min, 1:00 gone, 0:13 left",
    ]
    assert all(len(draw) <= 79 for draw in draws)
    assert len(draws[1]) - len(draws[0]) <= 2  # the memory may gain a digit; the rest stays put
    lines = [plain(re.sub(r"^\[ *[\d.]+ s\] ", "", line)) for line in screen(raw)]
    # The line of the minute that the bar tells anyhow is not there.
    assert lines == [
        "screening: 2 of 5 units done (40 %)", "before", "WARNING two", "lines",
        "screening: 5 of 5 units done (100 %), 2.00 units/min", "after", "",
    ]  # fmt: skip


def test_bar_stands_at_the_end_of_the_screen_while_units_are_worked_on(
    terminal: Callable[..., Terminal], tmp_path: Path
) -> None:
    tty = terminal(80)
    watch = Watch(tmp_path, style="auto")
    watch.tick(0.0)
    log.info("before")
    lines = tty.screen()
    assert lines[-2].endswith("] before")
    assert re.match(r"\[#+\.+\] 2/5  40 %", lines[-1])


@pytest.mark.parametrize("columns", [10, 40, 60, 80, 200])
def test_bar_never_fills_the_last_column(
    terminal: Callable[..., Terminal], tmp_path: Path, columns: int
) -> None:
    tty = terminal(columns)
    watch = Watch(tmp_path, style="auto")
    watch.tick(0.0)
    bar = tty.screen()[-1]
    assert 0 < len(bar) < min(columns, 80)
    assert "2/5"[: columns - 1] in bar


@pytest.mark.parametrize(
    ("term", "quiet", "style", "bar"),
    [
        ("xterm", False, "auto", True),
        ("xterm", False, "lines", False),
        ("xterm", False, "none", False),
        ("xterm", True, "auto", False),
        ("xterm", True, "bar", True),
        ("dumb", False, "auto", False),
        ("dumb", False, "bar", True),
    ],
)
def test_when_there_is_a_bar(
    terminal: Callable[..., Terminal], tmp_path: Path, term: str, quiet: bool, style: str, bar: bool
) -> None:
    tty = terminal(80, term, quiet=quiet)
    Watch(tmp_path, style=style).tick(0.0)
    assert ("gone" in tty.raw()) == bar


@pytest.mark.parametrize(("style", "bar"), [("auto", False), ("bar", True)])
def test_in_a_pipe_a_bar_must_be_asked_for(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, style: str, bar: bool
) -> None:
    log.handlers = [StderrHandler(0, 1)]
    watch = Watch(tmp_path, style=style)
    watch.tick(0.0)
    watch.tick(1.0, 2, 3, 4, last=True)
    text = capsys.readouterr().err
    assert ("gone" in text) == bar
    assert text.count("screening: ") == 2
    assert screen(text)[-1] == ""


def test_without_the_handler_of_the_command_line_there_are_lines(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO, logger="tracss_hpc")
    Watch(tmp_path, style="bar").tick(0.0)
    assert len(caplog.messages) == 1
    assert "gone" not in capsys.readouterr().err


def test_bar_passes_through_a_launcher(
    mpirun: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """mpirun hands on lines without an end, and a warning of another rank takes their place."""
    program = (
        "import sys, logging\n"
        "from pathlib import Path\n"
        "from tracss_hpc.parallel.comm import barrier\n"
        "from tracss_hpc.parallel.launch import communicator\n"
        "from tracss_hpc.runs.progress import Progress, ProgressFile, StderrHandler\n"
        "comm = communicator()\n"
        "log = logging.getLogger('tracss_hpc')\n"
        "log.setLevel('INFO')\n"
        "log.handlers = [StderrHandler(comm.rank, comm.size, bar=True)]\n"
        "log.info('begin')\n"
        "if comm.rank == 0:\n"
        "    progress = Progress(ProgressFile(Path(sys.argv[1]), ranks=2), total=2,\n"
        "        costs={0: 1.0, 1: 1.0}, finished=lambda: {0}, style='bar')\n"
        "    for _ in range(200):\n"
        "        progress.tick()\n"
        "barrier(comm)\n"
        "if comm.rank == 1:\n"
        "    log.warning('odd')\n"
        "barrier(comm)\n"
        "if comm.rank == 0:\n"
        "    progress.tick(last=True)\n"
    )
    done = mpirun(2, "-c", program, str(tmp_path))
    assert done.returncode == 0, done.stderr
    # Text mode made line ends of the returns.
    draws = [line for line in done.stderr.splitlines() if "gone" in line]
    assert len(draws) == 200
    assert all(re.fullmatch(r"\[#*\.*\] 1/2  50 %.*\)\x1b\[K", line) for line in draws)
    assert re.search(r"\n\x1b\[K\[1/2 +[\d.]+ s\] WARNING odd\n", done.stderr)
    assert "begin" in done.stderr
    assert done.stderr.count("[1/2 ") == 1


# ---------------------------------------------------------------- the thread, and what goes wrong


def test_the_thread_looks_by_itself_and_ends_with_the_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracss_hpc.runs.progress._TICK_S", 0.01)
    looked = threading.Event()

    def finished() -> set[int]:
        if threading.current_thread().name == "progress":
            looked.set()
        return {0} if looked.is_set() else set()

    with Progress(ProgressFile(tmp_path), total=1, costs={0: 1.0}, finished=finished):
        assert json.loads((tmp_path / "progress.json").read_text())["units_done"] == 0
        assert looked.wait(30.0)
    assert "progress" not in {thread.name for thread in threading.enumerate()}
    assert json.loads((tmp_path / "progress.json").read_text())["units_done"] == 1


def test_an_error_of_the_run_passes_and_leaves_no_bar(
    terminal: Callable[..., Terminal], tmp_path: Path
) -> None:
    tty = terminal(80)

    def work() -> None:
        with Progress(ProgressFile(tmp_path), total=1, costs={0: 1.0}, finished=set):
            raise ZeroDivisionError("of the run")

    with pytest.raises(ZeroDivisionError, match="of the run"):
        work()
    raw = tty.raw()
    assert "gone" in raw
    assert screen(raw)[-1] == ""


def test_a_failing_look_is_told_once_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="tracss_hpc")
    errors = [FileNotFoundError("checkpoint"), ValueError("unit-x.h5")]

    def finished() -> set[int]:
        if errors:
            raise errors.pop(0)
        return {0}

    file = ProgressFile(tmp_path)
    progress = Progress(file, total=1, costs={0: 1.0}, finished=finished, style="lines")
    progress.tick()
    progress.tick()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "progress is not shown: FileNotFoundError: checkpoint" in caplog.text
    progress.tick(last=True)  # it is tried again
    assert json.loads((tmp_path / "progress.json").read_text())["units_done"] == 1
