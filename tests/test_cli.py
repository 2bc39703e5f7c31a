"""The command line: every verb, every exit code, and messages instead of tracebacks."""

from __future__ import annotations

import logging
import os
import platform
import re
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tracss_hpc.cli import main
from tracss_hpc.config import Config
from tracss_hpc.errors import InputDataError, Interrupted, UsageError
from tracss_hpc.runs.interrupt import StopRequest

ROOT = Path(__file__).resolve().parents[1]
ALL_VS_ALL = str(ROOT / "configs" / "all_vs_all.toml")
VERBS = "run, plan, show, assess, export, pair, ephemeris, catalog, cdm, digest, compare, status"
LATER_VERBS = [
    "prepare", "on-demand", "trade", "report", "validate", "sweep", "events",
    "routine",
]  # fmt: skip
Screen = Callable[[Callable[..., Any]], None]


@pytest.fixture(autouse=True)
def _keep_logging() -> Iterator[None]:
    """The command line sets up logging for its process; undo it."""
    logger = logging.getLogger("tracss_hpc")
    handlers, level = logger.handlers, logger.level
    yield
    logger.handlers, logger.level = handlers, level


@pytest.fixture
def screen_with(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """Put a function in the place of `runs.run.run_screening`."""

    def replace(function: Callable[..., Any]) -> None:
        module = types.ModuleType("tracss_hpc.runs.run")
        module.run_screening = function  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "tracss_hpc.runs.run", module)

    return replace


def results_file(path: Path, miss_m: float = 100.0) -> Path:
    """One conjunction of two objects."""
    with h5py.File(path, "w") as file:
        file.attrs["start_screen_period"] = "2025-09-01T12:00:00.000000"
        file["objects/object_designator"] = np.array([5, 25544])
        names = file["objects"].create_dataset("object_name", (2,), h5py.string_dtype())
        names[:] = ["VANGUARD 1", "ISS"]
        for key, value in {
            "object1": 0,
            "object2": 1,
            "sat1_object_designator": 5,
            "sat2_object_designator": 25544,
            "tca": 1.5,
            "miss_distance": miss_m,
        }.items():
            file[f"conjunctions/{key}"] = np.array([value])
    return path


def shell(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tracss_hpc", *words],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        env={**os.environ, **variables},
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "required: VERB"),
        (["stauts"], "unknown verb 'stauts', did you mean status?"),
        (["xyz"], f"unknown verb 'xyz'. This version has {VERBS}"),
        (["--verbose", "status"], "unknown word '--verbose'"),
        (["run"], "run: give a configuration file (samples are in configs/), or --from"),
        (["run", "--resume"], "run: give a configuration file (samples are in configs/)"),
        (["run", ALL_VS_ALL, "--force", "--resume"], "--force begins anew and --resume goes on"),
        (["run", ALL_VS_ALL, "--max-hours", "0"], "'0' is not a number of hours > 0"),
        (["run", ALL_VS_ALL, "--max-hours", "nan"], "'nan' is not a number of hours > 0"),
        (["run", ALL_VS_ALL, "--progress", "dots"], "invalid choice: 'dots'"),
        (["run", "--from", "none.h5"], "none.h5: no such file"),
        (["run", "--from", "none.h5", "--force", "--resume"], "give one of them"),
        (["plan"], "required: CONFIG"),
        (["plan", "run.days=1"], "plan: the first word must be a configuration file"),
        (["plan", ALL_VS_ALL, "--ranks", "0"], "0 is not a count >= 1"),
        (["run", "run.days=1"], "must be a configuration file, not 'run.days=1'"),
        (["run", "none.toml"], "none.toml: no such configuration file"),
        (["run", ALL_VS_ALL, "run.dayz=1"], "did you mean run.days?"),
        (["run", ALL_VS_ALL, "run.days=soon"], 'run.days = "soon"'),
        (["run", ALL_VS_ALL, "days"], "'days': an override is section.key=value"),
        (["run", ALL_VS_ALL, "--force", "more"], "unknown word 'more'"),
        (["run", ALL_VS_ALL, "--frce"], "unknown word '--frce'"),
        (["run", ALL_VS_ALL, "run.kind=on_demand_candidate"], "not yet"),
        (["run", ALL_VS_ALL, "catalog.ocm=x.oem"], "not yet"),
        (["show"], "required: FILE"),
        (["show", "none.h5"], "none.h5: no such file"),
        (["show", "x.h5", "--top", "0"], "0 is not a count >= 1"),
        (["show", "x.h5", "--object", "ISS"], "invalid int value: 'ISS'"),
        (["show", "x.h5", "extra=1"], "unknown word 'extra=1'"),
        (["digest", "none.h5"], "none.h5: no such file"),
        (["compare", "none.h5"], "required: B"),
    ],
)
def test_bad_usage_ends_with_2(
    capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    assert main(words) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("tracss-hpc: ")
    assert says in printed.err
    assert "Traceback" not in printed.err


@pytest.mark.parametrize("verb", LATER_VERBS)
def test_later_verbs_say_not_yet(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    assert main([verb, "--help"]) == 2
    assert f"{verb}: not yet; this version has {VERBS}" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["", *VERBS.split(", ")])
def test_help_of_each_verb(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    assert main([*verb.split(), "--help"]) == 0
    assert "usage: tracss-hpc" in capsys.readouterr().out


def test_help_of_run_lists_the_keys(capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", "--help"])
    assert "segment_s = 2880.0" in capsys.readouterr().out


def test_run_passes_the_resolved_configuration(
    screen_with: Screen, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = []

    def run_screening(config: Config, *, stop: StopRequest, **options: object) -> str:
        calls.append((config.run.days, config.run.seed, {**options, "max_hours": stop.max_hours}))
        return "summary"

    plain = {
        "comm": None, "force": False, "resume": False, "max_hours": None, "progress": "auto",
    }  # fmt: skip
    screen_with(run_screening)
    assert main(["run", ALL_VS_ALL, "run.days=2", "--force", "run.seed=7"]) == 0
    assert calls == [(2.0, 7, {**plain, "force": True})]
    assert capsys.readouterr().out == "summary\n"
    assert main(["run", ALL_VS_ALL, "--quiet"]) == 0
    assert calls[1] == ("table", 1, plain)
    assert capsys.readouterr().out == ""
    words = ["--resume", "--max-hours", "1.5", "--progress", "none"]
    assert main(["run", *words, ALL_VS_ALL]) == 0
    assert calls[2][2] == {**plain, "resume": True, "max_hours": 1.5, "progress": "none"}


def test_run_from_passes_all_words_on(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def repeat_run(path: Path, overrides: list[str], **options: object) -> int:
        calls.append((path, overrides, options["resume"]))
        return 1

    module = types.ModuleType("tracss_hpc.runs.repeat")
    module.repeat_run = repeat_run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tracss_hpc.runs.repeat", module)
    assert main(["run", "--from", "a.h5"]) == 1  # the digests differ
    assert main(["run", "--from", "a.h5", "run.output=b", "run.days=1", "--resume"]) == 1
    assert main(["run", "run.output=b", "--from", "a.h5"]) == 1
    assert calls == [
        (Path("a.h5"), [], False),
        (Path("a.h5"), ["run.output=b", "run.days=1"], True),
        (Path("a.h5"), ["run.output=b"], False),
    ]


@pytest.mark.parametrize(
    ("error", "code", "says", "traceback"),
    [
        (InputDataError("gp.tle:3: bad checksum"), 3, "tracss-hpc: gp.tle:3: bad checksum", False),
        (UsageError("the directory is not empty"), 2, "the directory is not empty", False),
        (KeyboardInterrupt(), 130, "tracss-hpc: interrupted", False),
        (SystemExit(75), 75, "", False),
        (Interrupted("stopped by SIGUSR1"), 75, "tracss-hpc: stopped by SIGUSR1", False),
        (ZeroDivisionError("a defect"), 1, "ZeroDivisionError: a defect", True),
    ],
)
def test_exit_codes_of_a_run(
    screen_with: Screen,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    says: str,
    traceback: bool,
) -> None:
    def run_screening(config: Config, **_: object) -> None:
        raise error

    screen_with(run_screening)
    assert main(["run", ALL_VS_ALL]) == code
    printed = capsys.readouterr().err
    assert says in printed
    assert ("Traceback" in printed) == traceback


def test_log_goes_to_stderr_unless_quiet(
    screen_with: Screen, capsys: pytest.CaptureFixture[str]
) -> None:
    def run_screening(config: Config, **_: object) -> None:
        logging.getLogger("tracss_hpc.runs.run").info("stage done")
        logging.getLogger("tracss_hpc.runs.run").warning("stage odd")

    screen_with(run_screening)
    main(["run", ALL_VS_ALL])
    stamp = r"\[ *\d+\.\d s\] "
    said = capsys.readouterr().err
    assert re.fullmatch(f"{stamp}stage done\n{stamp}WARNING stage odd\n", said), said
    main(["run", ALL_VS_ALL, "--quiet"])
    said = capsys.readouterr().err
    assert re.fullmatch(f"{stamp}WARNING stage odd\n", said), said


def test_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(results_file(tmp_path / "results.h5"))
    assert main(["show", path]) == 0
    out = capsys.readouterr().out
    assert "2025-09-01T12:00:01.500000" in out
    assert "VANGUARD 1" in out
    assert main(["show", path, "--object", "25544", "--top", "3", "--csv"]) == 0
    assert capsys.readouterr().out.startswith("tca_utc,sat1_object_name,sat2_object_name,")
    assert main(["show", path, "--object", "99"]) == 2
    assert "object 99 is not in" in capsys.readouterr().err


def test_digest_and_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = str(results_file(tmp_path / "a.h5")), str(results_file(tmp_path / "b.h5"))
    c = str(results_file(tmp_path / "c.h5", miss_m=101.0))
    digests = []
    for path in (a, b, c):
        assert main(["digest", path]) == 0
        digests.append(capsys.readouterr().out)
    assert digests[0] == digests[1] != digests[2]
    assert main(["compare", a, b]) == 0
    assert capsys.readouterr().out == "equal\n"
    assert main(["compare", a, c]) == 1
    assert capsys.readouterr().out == (
        "conjunctions/miss_distance: 1 of 1 rows differ, first row 0: 100.0 != 101.0\n"
    )


def test_a_foreign_file_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "results.h5"
    path.write_text("text")
    for verb in ("show", "digest"):
        assert main([verb, str(path)]) == 3
        assert str(path) in capsys.readouterr().err


def test_status_shows_what_matters() -> None:
    done = shell("status")
    assert done.returncode == 0, done.stderr
    names = [line.split("  ")[0] for line in done.stdout.splitlines()]
    for name in (
        "tracss_hpc", "python", "numpy", "SIMD level", "HDF5", "mpi4py", "MPI library", "launcher",
        "ranks", "layout", "cores",
    ):  # fmt: skip
        assert name in names
    assert "round trip" not in names  # one process has nobody to talk to
    assert shell("status", TRACSS_SIMD="baseline").stdout.count("baseline") >= 2


def test_status_names_the_mpi_that_would_be_loaded() -> None:
    done = shell("status", MPI4PY_LIBMPI="/none/libmpi.so")
    assert done.returncode == 0, done.stderr
    assert "not available: cannot load MPI library; /none/libmpi.so: cannot open" in done.stdout


def test_status_names_the_slurm_job() -> None:
    done = shell("status", SLURM_JOB_ID="7", SLURM_JOB_NODELIST="n[1-2]", SLURM_RESTART_COUNT="1")
    assert done.returncode == 0, done.stderr
    assert "Slurm job" in done.stdout
    assert "7, on n[1-2]" in done.stdout
    assert "restarts 1\n" in done.stdout


@pytest.mark.parametrize("n", [2, 3])
def test_status_under_mpirun(mpirun: Callable[..., Any], n: int) -> None:
    done = mpirun(n, "-m", "tracss_hpc", "status")
    assert done.returncode == 0, done.stderr
    rows = dict(line.split("  ", 1) for line in done.stdout.splitlines())
    text = {name: value.strip() for name, value in rows.items()}
    assert text["ranks"] == str(n)
    assert text["launcher"].startswith(f"{n} processes (")
    assert text["layout"] == f"{platform.node()}: 0-{n - 1}"
    assert text["MPI ABI"] in ("mpich", "openmpi", "mpiabi")
    assert text["round trip"].startswith("ok, 1 KiB from rank 0 and back, median: rank 1 ")
    assert text["round trip"].count(" µs") == n - 1


def test_a_wrong_simd_level_is_a_sentence() -> None:
    done = shell("run", ALL_VS_ALL, TRACSS_SIMD="v9")
    assert done.returncode == 2
    assert "TRACSS_SIMD='v9'" in done.stderr
    assert "Traceback" not in done.stderr


def test_version() -> None:
    done = shell("--version")
    assert (done.returncode, done.stdout) == (0, "0.4.0\n")


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    path = results_file(tmp_path / "results.h5")
    command = f"{sys.executable} -m tracss_hpc show {path} --csv | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_other_ranks_stay_silent(mpirun: Callable[..., Any], tmp_path: Path) -> None:
    path = results_file(tmp_path / "results.h5")
    done = mpirun(2, "-m", "tracss_hpc", "digest", str(path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == shell("digest", str(path)).stdout
    assert mpirun(2, "-m", "tracss_hpc", "--help").stdout.count("usage:") == 1
    assert mpirun(2, "-m", "tracss_hpc", "digest", "none.h5").returncode == 2
