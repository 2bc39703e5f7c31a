"""The whole program on the planted catalog: every verb, every product, and how a run ends.

One run over the planted catalog (with a stale, a duplicate and a broken record added) is shared;
the variants each change one thing and are compared with it.
"""

from __future__ import annotations

import csv
import io
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray

import tracss_hpc as th
from tracss_hpc.cli import main
from tracss_hpc.errors import UsageError
from tracss_hpc.export.digest import digest_file
from tracss_hpc.export.hdf5 import Results, read_results
from tracss_hpc.messages.cdm import CDM_LINES, COVARIANCE_KEYWORDS
from tracss_hpc.messages.cdm_read import read_cdms

ROOT = Path(__file__).resolve().parents[2]
CONFIG = str(ROOT / "configs" / "all_vs_all.toml")
PLANTED = ROOT / "tests" / "data" / "planted.csv"
START = "2026-01-10T12:00:00"
STALE, BROKEN = 5, 6
FORMATS = ("kvn", "json", "xml", "csv")
Run = Callable[..., Path]


@pytest.fixture(autouse=True)
def _keep_logging() -> Iterator[None]:
    logger = logging.getLogger("tracss_hpc")
    handlers, level = logger.handlers, logger.level
    yield
    logger.handlers, logger.level = handlers, level


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The planted catalog and three more rows: an older set, a stale one, one without a number."""
    lines = PLANTED.read_text().rstrip("\n").split("\n")
    keys = lines[0].split(",")
    first = dict(zip(keys, lines[1].split(","), strict=True))

    def row(**changes: str) -> str:
        return ",".join((first | changes)[key] for key in keys)

    lines += [
        row(EPOCH="2026-01-05T00:00:00"),
        row(NORAD_CAT_ID=str(STALE), EPOCH="2025-01-01T00:00:00"),
        row(NORAD_CAT_ID=str(BROKEN), MEAN_MOTION="15.O5"),
    ]
    path = tmp_path_factory.mktemp("input") / "gp.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def words(catalog: Path) -> tuple[str, ...]:
    """Words of every run; later ones win."""
    return (
        f'catalog.gp=["{catalog}"]', f"run.start={START}", "run.days=0.25",
        "audit.min_conjunctions=50", "export.cdm=[]", "export.plots=false",
    )  # fmt: skip


@pytest.fixture(scope="module")
def screen_to(
    tmp_path_factory: pytest.TempPathFactory, words: tuple[str, ...]
) -> Callable[..., Path]:
    """``screen_to(*words)``: run into a new directory; its results.h5."""

    def run(*more: str) -> Path:
        folder = tmp_path_factory.mktemp("run") / "out"
        assert main(["run", CONFIG, "--quiet", *words, *more, f"run.output={folder}"]) == 0
        return folder / "results.h5"

    return run


@pytest.fixture(scope="module")
def process(
    tmp_path_factory: pytest.TempPathFactory, words: tuple[str, ...]
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The shared run, as a user starts it: with pictures and every message in full precision."""
    folder = tmp_path_factory.mktemp("shared") / "deep" / "out"
    done = subprocess.run(
        [
            sys.executable, "-m", "tracss_hpc", "run", CONFIG, *words, f"run.output={folder}",
            f"export.cdm={list(FORMATS)}", "export.cdm_precision=full", "export.cdm_min_pc=0",
            "export.cdm_max=0", "export.plots=true",
        ],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "results.h5", done


@pytest.fixture(scope="module")
def results(process: tuple[Path, object]) -> Path:
    return process[0]


@pytest.fixture(scope="module")
def found(results: Path) -> Results:
    return read_results(results)


def events(path: Path) -> set[tuple[int, int, float]]:
    """Conjunctions as (smaller designator, larger, TCA): object1 and object2 may trade places."""
    c = read_results(path).conjunctions
    a, b = c["sat1_object_designator"], c["sat2_object_designator"]
    return set(
        zip(np.minimum(a, b).tolist(), np.maximum(a, b).tolist(), c["tca"].tolist(), strict=True)
    )


# ---------------------------------------------------------------- a run and its products


def test_a_run_leaves_its_products_and_prints_the_summary(
    process: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    path, done = process
    names = {p.name for p in path.parent.iterdir()}
    assert names == {
        "results.h5", "run.log", "provenance.json", "progress.json", "summary.txt", "cdm", "plots"
    }  # fmt: skip
    assert {p.name for p in (path.parent / "cdm").iterdir()} == {f"cdms.{f}" for f in FORMATS}
    assert all(p.read_bytes()[:4] == b"\x89PNG" for p in (path.parent / "plots").iterdir())
    assert done.stdout == (path.parent / "summary.txt").read_text()
    for part in ("LEO 2", "GEO", "pairs meet", "self-audit", "riskiest", "stage", "1 input record"):
        assert part in done.stdout
    provenance = json.loads((path.parent / "provenance.json").read_text())
    with h5py.File(path) as file:
        assert provenance["config"] == file.attrs["config"]
    assert provenance["inputs"][0]["records_rejected"] == 1
    log = (path.parent / "run.log").read_text()
    for line in done.stderr.splitlines():
        stamped = re.fullmatch(r"\[ *\d+\.\d s\] (.*)", line)
        assert stamped, line
        assert stamped[1] in log


def test_rejected_stale_and_duplicate_records_are_listed(
    process: tuple[Path, subprocess.CompletedProcess[str]], found: Results
) -> None:
    assert "rejected gp.csv, record 296, object 6: MEAN_MOTION '15.O5'" in process[1].stderr
    assert "1 element sets left out as duplicate" in process[1].stderr
    assert "1 element sets left out as stale" in process[1].stderr
    rejected = found.groups["rejected"]
    assert (rejected["record"].tolist(), rejected["designator"].tolist()) == ([296], ["6"])
    o = found.objects
    assert o["status"][o["object_designator"] == STALE].tolist() == ["stale"]
    first = o["object_designator"][0]
    assert o["status"][o["object_designator"] == first].tolist() == ["ok", "duplicate"]
    assert BROKEN not in o["object_designator"]


def test_results_are_sorted_and_consistent(found: Results) -> None:
    c, o = found.conjunctions, found.objects
    n = len(c["tca"])
    assert n > 100
    order = np.lexsort((c["sat2_object_designator"], c["sat1_object_designator"], c["tca"]))
    np.testing.assert_array_equal(order, np.arange(n))
    for side in (1, 2):
        rows = c[f"object{side}"]
        np.testing.assert_array_equal(
            o["object_designator"][rows], c[f"sat{side}_object_designator"]
        )
        assert (c[f"sat{side}_caught"] <= c[f"sat{side}_in_volume"]).all()
        parts = [c[f"sat{side}_relative_position_{axis}"] for axis in "rtn"]
        np.testing.assert_allclose(np.linalg.norm(parts, axis=0), c["miss_distance"], atol=1e-5)
    assert (c["sat1_caught"] | c["sat2_caught"]).all()
    assert ((c["tca"] >= 0.0) & (c["tca"] < 0.25 * 86400.0)).all()
    assert found.group_attributes["audit"]["missed"] == 0
    assert found.group_attributes["audit"]["invented"] == 0
    # Columns of equal length in every group.
    for name, columns in found.groups.items():
        assert len({len(column) for column in columns.values()}) <= 1, name


@pytest.mark.parametrize("precision", ["full", "operational"])
def test_messages_read_back(found: Results, results: Path, tmp_path: Path, precision: str) -> None:
    """In full precision every number of results.h5, bit by bit; else one content in all formats."""
    folder = results.parent / "cdm"
    if precision == "operational":
        shutil.copy(results, tmp_path / "results.h5")
        exported = ["export.cdm_precision=operational", "export.plots=false"]
        assert main(["export", str(tmp_path / "results.h5"), *exported]) == 0
        folder = tmp_path / "cdm"
    tables = {form: read_cdms(folder / f"cdms.{form}") for form in FORMATS}
    first = tables["kvn"].columns
    for form in FORMATS:
        for name, column in tables[form].columns.items():
            np.testing.assert_array_equal(column, first[name], err_msg=f"{form} {name}")
    c, o = found.conjunctions, found.objects
    assert len(tables["kvn"]) == len(c["tca"])
    start = np.datetime64(START, "us")
    tca = start + np.rint(c["tca"] * 1e6).astype("timedelta64[us]")
    np.testing.assert_array_equal(first["TCA"], tca)
    np.testing.assert_array_equal(
        first["SAT2_OBJECT_NAME"], o["object_name"][c["object2"]], err_msg="names"
    )
    if precision == "operational":
        np.testing.assert_allclose(first["MISS_DISTANCE"], c["miss_distance"], atol=1.0)
        return
    compared = 0
    lines = {line.name for line in CDM_LINES}  # other profiles print the combined radius too
    for name, column in c.items():
        if name.upper() in lines and first[name.upper()].dtype == np.float64:
            np.testing.assert_array_equal(first[name.upper()], column, err_msg=name)
            compared += 1
    for side in (1, 2):
        for k, element in enumerate(COVARIANCE_KEYWORDS):
            printed = first[f"SAT{side}_{element}"]
            np.testing.assert_array_equal(printed, c[f"sat{side}_covariance"][:, k])
        for name in ("hbr", "screen_volume_x", "mass"):
            expected = o[name][c[f"object{side}"]]
            np.testing.assert_array_equal(first[f"SAT{side}_{name.upper()}"], expected)
    assert compared > 30


def test_results_open_in_xarray(results: Path) -> None:
    data = th.open_results(results)
    assert isinstance(data, xarray.Dataset)
    assert data.tca.dtype == "datetime64[ns]"
    assert data.tca.min() >= np.datetime64(START)
    units = {name: data[name].attrs.get("units") for name in data}
    assert (units["miss_distance"], units["relative_speed"], units["sat1_x"]) == ("m", "m/s", "km")
    assert (units["approach_angle"], units["sat2_x_dot"]) == ("deg", "km/s")
    assert data.sizes["conjunction"] == len(data.tca)
    groups = ["objects", "rejected", "colocated", "audit", "stages", "audit/closing_at_end"]
    for group in groups:
        other = th.open_results(results, group)
        assert all(variable.attrs.get("long_name") for variable in other.variables.values())
    ended = th.open_results(results, "objects")
    assert ended.status_time.dtype.kind == "M"
    assert str(ended.epoch.values[0])[:19] == "2026-01-10T00:41:51"


# ---------------------------------------------------------------- verbs


def test_show(results: Path, found: Results, capsys: pytest.CaptureFixture[str]) -> None:
    c = found.conjunctions
    designator = int(c["sat2_object_designator"][0])
    assert main(["show", str(results), "--object", str(designator), "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    mine = (c["sat1_object_designator"] == designator) | (c["sat2_object_designator"] == designator)
    assert [float(row["miss_distance"]) for row in rows] == c["miss_distance"][mine].tolist()
    assert main(["show", str(results), "--top", "3"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("TCA (UTC)")
    assert len(printed) == 5
    assert printed[-1] == f"3 of {len(c['tca'])} conjunctions"
    top = np.sort(c["collision_probability"])[::-1][:3]
    assert [line.split()[-1] for line in printed[1:4]] == [f"{pc:.3e}" for pc in top]


def test_digest_and_compare(
    results: Path, screen_to: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["digest", str(results)]) == 0
    assert capsys.readouterr().out == digest_file(results) + "\n"
    again, other = screen_to(), screen_to("run.days=0.2")
    capsys.readouterr()
    assert main(["compare", str(results), str(again)]) == 0
    assert capsys.readouterr().out == "equal\n"
    assert main(["compare", str(results), str(other)]) == 1
    said = capsys.readouterr()
    assert ": " in said.out
    assert said.err == ""
    assert digest_file(other) != digest_file(results)


def test_export_again_with_other_filters(
    results: Path, found: Results, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(results, tmp_path / "results.h5")
    c = found.conjunctions
    designator = int(c["sat1_object_designator"][len(c["tca"]) // 2])
    mine = (c["sat1_object_designator"] == designator) | (c["sat2_object_designator"] == designator)
    wanted = [
        f"export.cdm_objects=[{designator}]", 'export.cdm=["json"]', "export.cdm_max_miss_km=5",
        "export.plots=false",
    ]  # fmt: skip
    assert main(["export", str(tmp_path / "results.h5"), *wanted]) == 0
    near = mine & (c["miss_distance"] <= 5000.0)
    table = read_cdms(tmp_path / "cdm" / "cdms.json")
    np.testing.assert_array_equal(table.columns["MISS_DISTANCE"], c["miss_distance"][near])
    said = capsys.readouterr().err
    assert f"{near.sum()} CDMs in {tmp_path / 'cdm' / 'cdms.json'}" in said
    assert f"{(~mine).sum()} by export.cdm_objects" in said


def test_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status"]) == 0
    printed = capsys.readouterr().out
    for name in ("tracss_hpc", "numpy", "SIMD level", "HDF5", "mpi4py", "cores"):
        assert f"\n{name} " in "\n" + printed


def test_python_screens_and_opens(words: tuple[str, ...], results: Path, tmp_path: Path) -> None:
    values: dict[str, object] = {"run.output": str(tmp_path / "py"), "export.cdm": []}
    catalog = words[0].split('"')[1]
    values |= {"catalog.gp": [catalog], "run.start": START, "run.days": 0.25}
    values |= {"audit.min_conjunctions": 50, "export.plots": False}
    path = th.screen(CONFIG, values)
    assert path == tmp_path / "py" / "results.h5"
    assert digest_file(path) == digest_file(results)
    assert len(th.open_results(path).tca) == len(read_results(path).conjunctions["tca"])
    with pytest.raises(UsageError, match="not empty"):
        th.screen(CONFIG, values)


# ---------------------------------------------------------------- variants


@pytest.mark.parametrize(
    "change",
    [
        "screening.slice_hours=1", "screening.disable=[\"reach\", \"chord\"]",
        "screening.engine=brute", "export.compression=none", "export.compression=zstd",
        "run.originator=SOMEBODY", "export.cdm=kvn",
    ],
)  # fmt: skip
def test_what_never_changes_the_digest(results: Path, screen_to: Run, change: str) -> None:
    if change.endswith("zstd"):
        pytest.importorskip("hdf5plugin")
    path = screen_to(change)
    assert digest_file(path) == digest_file(results)
    if change.endswith("zstd"):
        assert len(th.open_results(path).tca) > 0


def test_payload_vs_all(found: Results, results: Path, screen_to: Run) -> None:
    path = screen_to("run.kind=payload_vs_all")
    o = read_results(path).objects
    np.testing.assert_array_equal(
        o["primary"] == 1, (o["object_type"] == "PAYLOAD") & ~np.isin(o["status"], _LEFT_OUT)
    )
    assert events(path) == _caught_by(found, found.objects["object_type"] == "PAYLOAD")
    assert events(path) < events(results)


_LEFT_OUT = ("stale", "duplicate")


def _caught_by(found: Results, primary: np.ndarray) -> set[tuple[int, int, float]]:
    """Conjunctions of the all-vs-all run in which one of these objects caught the other."""
    c = found.conjunctions
    kept = np.zeros(len(c["tca"]), dtype=bool)
    for side in (1, 2):
        kept |= (c[f"sat{side}_caught"] == 1) & primary[c[f"object{side}"]]
    a, b = c["sat1_object_designator"][kept], c["sat2_object_designator"][kept]
    low, high = np.minimum(a, b), np.maximum(a, b)
    return set(zip(low.tolist(), high.tolist(), c["tca"][kept].tolist(), strict=True))


def test_own_primaries(found: Results, screen_to: Run) -> None:
    o = found.objects
    pattern = np.array([name.startswith("PLANT SHELL") for name in o["object_name"]])
    own = pattern | (o["object_designator"] == o["object_designator"][0])
    path = screen_to(f'catalog.primaries=[{o["object_designator"][0]}, "PLANT SHELL*"]')
    expected = _caught_by(found, own)
    assert events(path) == expected
    assert 0 < len(expected) < len(found.conjunctions["tca"])


def test_one_volume_for_all(found: Results, screen_to: Run) -> None:
    sphere = '{shape = "ELLIPSOID", r_km = 5.0, t_km = 5.0, n_km = 5.0}'
    path = screen_to(f"screening.volumes={sphere}")
    c, o = read_results(path).conjunctions, read_results(path).objects
    assert (c["miss_distance"] <= 5000.0).all()
    assert set(o["screen_volume_shape"].tolist()) == {"ELLIPSOID"}
    near = found.conjunctions["miss_distance"] < 4999.0
    own = {event for event, k in zip(sorted_events(found), near, strict=True) if k}
    assert own <= events(path)
    assert (c["sat1_caught"] & c["sat2_caught"]).all()


def sorted_events(found: Results) -> list[tuple[int, int, float]]:
    """`events` in the order of the rows."""
    c = found.conjunctions
    a, b = c["sat1_object_designator"], c["sat2_object_designator"]
    low, high = np.minimum(a, b), np.maximum(a, b)
    return list(zip(low.tolist(), high.tolist(), c["tca"].tolist(), strict=True))


def test_force_replaces_a_run(
    words: tuple[str, ...], results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    (folder / "results.h5").write_text("old")
    arguments = ["run", CONFIG, *words, f"run.output={folder}"]
    assert main(arguments) == 2
    assert "--force" in capsys.readouterr().err
    assert (folder / "results.h5").read_text() == "old"
    assert main([*arguments, "--force"]) == 0
    assert digest_file(folder / "results.h5") == digest_file(results)
    assert (folder / "notes.txt").read_text() == "mine"


# ---------------------------------------------------------------- how a run ends early


@contextmanager
def _started(
    folder: Path, words: tuple[str, ...], *launcher: str
) -> Iterator[subprocess.Popen[str]]:
    """A run of many units that has finished one at least; nothing of it is left behind."""
    with subprocess.Popen(
        [
            *launcher, sys.executable, "-m", "tracss_hpc", "run", CONFIG, *words, "run.days=60",
            "screening.slice_hours=0.5", f"run.output={folder}",
        ],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            while not list(folder.glob("checkpoint/unit-*.h5")):
                assert process.poll() is None, process.communicate()[1]
                time.sleep(0.05)
            yield process
        finally:
            process.kill()


def test_interrupt_ends_a_run(words: tuple[str, ...], tmp_path: Path) -> None:
    with _started(tmp_path / "out", words) as process:
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        out, error = process.communicate(timeout=20)
        assert time.monotonic() - began < 10.0
    assert process.returncode == 130
    assert out == ""
    assert error.splitlines()[-1] == "tracss-hpc: interrupted"
    assert "Traceback" not in error
    left = {"run.log", "provenance.json", "progress.json", "checkpoint"}
    assert {p.name for p in (tmp_path / "out").iterdir()} == left
    assert json.loads((tmp_path / "out" / "progress.json").read_text())["state"] == "stopped"
    names = {p.name for p in (tmp_path / "out" / "checkpoint").iterdir()}
    assert "manifest.json" in names
    assert all(name.startswith("unit-") for name in names - {"manifest.json"})


def test_a_killed_rank_ends_the_job(words: tuple[str, ...], tmp_path: Path) -> None:
    launcher = Path(sysconfig.get_path("scripts")) / "mpiexec"
    if not launcher.exists():
        pytest.skip(f'no MPI launcher {launcher}: pip install -e ".[mpich]"')
    with _started(tmp_path / "out", words, str(launcher), "-n", "2") as process:
        ranks = [pid for pid in _descendants(process.pid) if b"PMI_RANK=1" in _proc(pid, "environ")]
        victims = [pid for pid in ranks if b"tracss_hpc" in _proc(pid, "cmdline")]
        assert victims
        os.kill(victims[-1], signal.SIGKILL)
        began = time.monotonic()
        process.communicate(timeout=20)
        assert time.monotonic() - began < 10.0
    assert process.returncode != 0
    assert not list((tmp_path / "out").glob("results.h5*"))


def _descendants(pid: int) -> list[int]:
    """Processes below this one, parents first."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:  # it has just ended
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found = list(children.get(pid, []))
    for child in found:
        found.extend(children.get(child, []))
    return found


def _proc(pid: int, name: str) -> bytes:
    """A file of /proc of a process, empty when it has just ended."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""
