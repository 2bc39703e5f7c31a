"""A run repeated from its results file: equal digest, changed input, gone input, other settings."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import pytest

from tests.oracles import planted
from tracss_hpc.cli import main
from tracss_hpc.errors import InputDataError, UsageError
from tracss_hpc.export.digest import digest_file
from tracss_hpc.export.hdf5 import read_results
from tracss_hpc.runs.repeat import repeat_run

ROOT = Path(__file__).resolve().parents[2]
CONFIG = str(ROOT / "configs" / "all_vs_all.toml")
HEADER = "OBJECT_NAME,OBJECT_ID,NORAD_CAT_ID,OBJECT_TYPE,OPS_STATUS_CODE,OWNER\n"
Launch = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def _keep_logging() -> Iterator[None]:
    logger = logging.getLogger("tracss_hpc")
    handlers, level = list(logger.handlers), logger.level
    yield
    logger.handlers, logger.level = handlers, level


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a catalog, a SATCAT and the run `mine` of them."""
    folder = tmp_path_factory.mktemp("original")
    shutil.copy(planted.FILE, folder / "gp.csv")
    (folder / "satcat.csv").write_text(f"{HEADER}A,,{planted.FIRST_ID},PAY,+,US\n")
    code = main([
        "run", CONFIG, "--quiet", f'catalog.gp=["{folder}/gp.csv"]', f"run.start={planted.START}",
        "run.days=0.1", f"run.output={folder}/mine", f"catalog.satcat={folder}/satcat.csv",
        "export.cdm=[]", "export.plots=false", "audit.max_pair_steps=0",
    ])  # fmt: skip
    assert code == 0
    return folder


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Path:
    """The results alone, so that a repetition lies beside them."""
    (tmp_path / "mine").mkdir()
    return Path(shutil.copy(original / "mine" / "results.h5", tmp_path / "mine"))


@pytest.fixture
def spoiled(original: Path) -> Iterator[Path]:
    """The catalog file; whatever is done to it is undone."""
    path = original / "gp.csv"
    content = path.read_bytes()
    yield path
    path.write_bytes(content)


def test_a_repeated_run_has_the_same_digest(copy: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = copy.read_bytes()
    with caplog.at_level(logging.INFO, "tracss_hpc"):
        assert repeat_run(copy) == 0
    again = copy.parents[1] / "mine-repeat" / "results.h5"
    assert digest_file(again) == digest_file(copy)
    assert f"have the same digest {digest_file(copy)}" in caplog.text
    assert copy.read_bytes() == before
    assert read_results(again).attributes["run_id"] != read_results(copy).attributes["run_id"]
    with pytest.raises(UsageError, match="is not empty"):
        repeat_run(copy)
    assert repeat_run(copy, force=True) == 0
    assert repeat_run(copy, resume=True) == 0  # complete: compared only


@pytest.mark.parametrize(
    "word", ["screening.slice_hours=0.5", "export.compression=none", "screening.engine=brute"]
)
def test_settings_that_do_not_change_the_result(copy: Path, tmp_path: Path, word: str) -> None:
    assert repeat_run(copy, [word, f"run.output={tmp_path}/x"]) == 0
    assert (tmp_path / "x" / "results.h5").exists()
    name, _, value = word.partition(".")[2].partition("=")
    config = str(read_results(tmp_path / "x" / "results.h5").attributes["config"])
    assert f"{name} = {value}" in config or f'{name} = "{value}"' in config


def test_another_result_is_told_with_the_first_difference(
    copy: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert repeat_run(copy, ["run.days=0.05"]) == 1
    assert "differ: " in caplog.text


def test_a_changed_input_is_named(copy: Path, spoiled: Path) -> None:
    spoiled.write_bytes(spoiled.read_bytes() + b"\n")
    with pytest.raises(InputDataError, match="is not the file") as caught:
        repeat_run(copy)
    assert caught.value.exit_code == 3
    assert caught.value.file == str(spoiled)
    assert str(copy) in str(caught.value)
    assert not (copy.parents[1] / "mine-repeat").exists()


def test_an_input_that_is_gone_is_named(copy: Path, spoiled: Path) -> None:
    spoiled.unlink()
    with pytest.raises(InputDataError, match="which is not here; bring it back") as caught:
        repeat_run(copy)
    assert caught.value.file == str(spoiled)


def test_inputs_other_than_the_catalog_count_too(copy: Path, original: Path) -> None:
    path = original / "satcat.csv"
    content = path.read_text()
    path.write_text(content.replace("PAY", "DEB"))
    try:
        with pytest.raises(InputDataError, match=r"satcat\.csv is not the file"):
            repeat_run(copy)
    finally:
        path.write_text(content)


def test_results_of_the_built_in_population_need_no_file(copy: Path, tmp_path: Path) -> None:
    """Its record in `inputs` has no bytes; here it stands for an input that is no file."""
    with h5py.File(copy, "a") as file:
        inputs = json.loads(file.attrs["inputs"])
        inputs.append({"path": "reference population", "role": "gp", "sha256": "0", "bytes": 0})
        file.attrs["inputs"] = json.dumps(inputs)
    assert repeat_run(copy) == 0


def test_words_of_the_command_line(copy: Path, tmp_path: Path) -> None:
    assert main(["run", "--quiet", "--from", str(copy), f"run.output={tmp_path}/x"]) == 0
    assert main(["run", "--quiet", "--from", str(copy), f"run.output={tmp_path}/y",
                 "run.dayz=1"]) == 2  # fmt: skip
    assert not (tmp_path / "y").exists()


def test_relative_paths_count_from_the_directory_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(planted.FILE, "gp.csv")
    words = ["catalog.gp=gp.csv", f"run.start={planted.START}", "run.days=0.05", "run.output=out",
             "export.cdm=[]", "export.plots=false", "audit.max_pair_steps=0"]  # fmt: skip
    assert main(["run", CONFIG, "--quiet", *words]) == 0
    assert repeat_run(Path("out/results.h5")) == 0
    assert sorted(os.listdir()) == ["gp.csv", "out", "out-repeat"]
    Path("deep").mkdir()
    monkeypatch.chdir("deep")
    with pytest.raises(InputDataError, match="from the directory in which the run was made"):
        repeat_run(Path("../out/results.h5"))


def test_on_two_ranks(mpirun: Launch, copy: Path, tmp_path: Path) -> None:
    words = ["run", f"run.output={tmp_path}/x", "--from", str(copy)]
    done = mpirun(2, "-m", "tracss_hpc", *words)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("have the same digest") == 1
