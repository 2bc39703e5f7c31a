"""The commands on ephemeris files: `catalog --to-ocm`, and `pair` on what it wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

import tracss_hpc as th
from tracss_hpc.cli import main
from tracss_hpc.messages.trajectory_files import read_trajectory

PLANTED = Path(__file__).resolve().parents[1] / "data" / "planted.csv"


def write(tmp_path: Path, number: int, *more: str) -> Path:
    path = tmp_path / f"{number}.ocm"
    words = ["catalog", str(PLANTED), "--to-ocm", str(number), "--output", str(path), *more]
    assert main([*words, "--start", "2026-01-10T00:00:00", "--days", "0.25"]) == 0
    return path


@pytest.mark.parametrize("notation", ["kvn", "xml", "json"])
def test_writes_the_ocm_of_an_object(
    notation: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, 800000001, "--format", notation)
    assert "800000001 PLANT CROSS00 A, 371 states" in capsys.readouterr().out
    record = read_trajectory(path, strict=True)
    assert record.object.designator == "800000001"
    assert "not an operational message" in record.classification
    assert record.blocks[0].useable_start.iso() == "2026-01-10T00:00:00.000000"
    assert record.blocks[0].useable_stop.iso() == "2026-01-10T06:00:00.000000"


def test_planted_conjunction_is_found_from_the_two_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The planted pair 1 x 2 crosses; `pair` prints the minimum that Trajectory gives."""
    files = [write(tmp_path, number) for number in (800000001, 800000002)]
    capsys.readouterr()
    assert main(["pair", *map(str, files), "--within-km", "50"]) == 0
    text = capsys.readouterr().out
    assert "approaches within 50 km" in text
    tca = text.partition("TCA        ")[2].partition(" UTC")[0]
    a, b = (th.Trajectory.from_file(path).state(tca)[0] for path in files)
    miss_m = float(text.partition("miss distance")[2].split()[0])
    assert float(((a - b) ** 2).sum() ** 0.5) * 1e3 == pytest.approx(miss_m, abs=1e-3)


def test_nearest_is_printed_when_none_is_near(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(write(tmp_path, number)) for number in (800000001, 800000002)]
    capsys.readouterr()
    assert main(["pair", *files, "--within-km", "1e-9"]) == 0
    text = capsys.readouterr().out
    assert "within 1e-09 km; the nearest:" in text
    assert text.count("TCA ") == 1


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--to-ocm", "12345"], 3, "object 12345 is not among the 292 element sets"),
        (["--to-ocm", "x"], 3, "neither 1 to 9 digits"),
        (["--to-ocm", "800000001", "--start", "noon"], 2, "--start: epoch 'noon' is not"),
        (["--to-ocm", "800000001", "--days", "-1"], 2, "'-1' is not a number > 0"),
        ([], 2, "--to-ocm"),
    ],
)
def test_refused(
    words: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["catalog", str(PLANTED), *words]) == code
    assert message in capsys.readouterr().err


def test_default_start_is_the_epoch_of_the_set(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["catalog", str(PLANTED), "--to-ocm", "800000001", "--days", "0.01"]
    assert main(words) == 0
    assert "USEABLE_START_TIME       = 2026-01-10T00:41:51.000000" in capsys.readouterr().out
