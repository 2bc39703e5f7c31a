"""The command `ephemeris`: messages checked by their rules, and converted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.messages.ephemeris_texts import ITC_NAME, itc
from tests.messages.ocm_samples import record_contents, sample
from tracss_hpc.cli import main
from tracss_hpc.messages.ocm import parse_ocm
from tracss_hpc.messages.trajectory_files import read_trajectory
from tracss_hpc.runs.ephemeris_files import EPHEMERIS_KINDS

WORDS = [
    "--set", "TRAJ_BASIS=OPERATIONAL", "--set", "MESSAGE_ID=7", "--set", "OPERATOR=ACME = 1",
    "--set", "OWNER=ACME", "--set", "COUNTRY=US", "--set", "ORIGINATOR_PHONE=1",
    "--set", "ORIGINATOR_EMAIL=a@b", "--set", "ORIGINATOR_ADDRESS=c", "--set", "originator=ACME",
    "--set", "INTERNATIONAL_DESIGNATOR=2024-001A", "--set", "USER_DEFINED_HBR=4.5",
]  # fmt: skip


@pytest.fixture
def ocm(tmp_path: Path) -> Path:
    path = tmp_path / "a.ocm"
    path.write_text(sample())
    return path


def test_check_tells_blocks_and_counts(ocm: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad, warned = ocm.parent / "b.ocm", ocm.parent / "c.ocm"
    bad.write_text(sample().replace("TIME_SYSTEM = UTC", "TIME_SYSTEM = TAI"))
    warned.write_text(sample().replace("\nSTOP_TIME = 2025", "\nSTOP_TIME = 2026"))
    assert main(["ephemeris", str(ocm)]) == 0
    said = capsys.readouterr().out
    assert said.count(" states, 60 s apart, useable 2025") == 2
    assert "1 files: 1 fine, 0 with warnings, 0 refused" in said
    assert main(["ephemeris", str(ocm), str(warned)]) == 1
    assert "O13" in capsys.readouterr().out
    assert main(["ephemeris", str(warned), "--strict"]) == 3
    assert main(["ephemeris", str(bad), str(ocm), str(warned)]) == 3
    said = capsys.readouterr().out
    assert "TIME_SYSTEM: O04" in said
    assert "3 files: 1 fine, 1 with warnings, 1 refused" in said


@pytest.mark.parametrize("kind", EPHEMERIS_KINDS)
def test_conversion_keeps_the_numbers(
    ocm: Path, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["ephemeris", str(ocm), "--convert", kind, "--output", str(tmp_path / "o")]
    assert main(words) == 0
    made, before = read_trajectory(tmp_path / "o" / f"a.{kind}", strict=True), parse_ocm(sample())
    if kind.startswith("ocm"):
        assert record_contents(made) == record_contents(before)
    else:
        assert "no place in an OEM for " in capsys.readouterr().out
    for one, other in zip(made.blocks, before.blocks, strict=True):
        np.testing.assert_array_equal(one.r, other.r)
        np.testing.assert_array_equal(one.covariance, other.covariance)


def test_itc_becomes_an_ocm_for_tracss(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Names from the words given, five states of padding from the data."""
    path = tmp_path / ITC_NAME
    path.write_text(itc())
    words = ["ephemeris", str(path), "--convert", "ocm.kvn", "--output", str(tmp_path / "o")]
    assert main(words) == 3
    said = capsys.readouterr().out
    assert (
        "INTERNATIONAL_DESIGNATOR, ORIGINATOR_PHONE, ORIGINATOR_EMAIL, ORIGINATOR_ADDRESS, OP"
        in said
    )
    assert "--set KEYWORD=TEXT" in said
    assert main([*words, *WORDS]) == 0
    assert "5 states pad either end" in capsys.readouterr().out
    made = read_trajectory(tmp_path / "o" / f"{Path(ITC_NAME).stem}.ocm.kvn", strict=True)
    before = read_trajectory(path)
    assert (made.object.operator, made.object.hbr_m) == ("ACME = 1", 4.5)
    assert made.object.designator == before.object.designator
    (block,), (old,) = made.blocks, before.blocks
    np.testing.assert_array_equal(block.r, old.r)
    np.testing.assert_array_equal(block.covariance, old.covariance)
    assert block.useable_start.minus(old.useable_start) == 300.0
    assert block.useable_stop.minus(old.useable_stop) == -300.0


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--convert", "pdf", "--output", "x"], "this version writes ocm.kvn"),
        (["--convert", "ocm.kvn"], "needs --output DIR"),
        (["--output", "x"], "belong to --convert"),
        (["--set", "OWNER=x"], "belong to --convert"),
        (["--convert", "ocm.kvn", "--output", "x", "--set", "OWNER"], "not KEYWORD=TEXT"),
        (["--convert", "ocm.kvn", "--output", "x", "--set", "TRAJ_REF_FRAME=x"], "may be set"),
        (["--strict", "--lenient"], "not allowed with"),
    ],
)
def test_words_that_are_refused(
    ocm: Path, capsys: pytest.CaptureFixture[str], words: list[str], why: str
) -> None:
    assert main(["ephemeris", str(ocm), *words]) == 2
    assert why in capsys.readouterr().err
