"""The front door for ephemeris files: formats by content, packing, bounds on size."""

from __future__ import annotations

import gzip
import io
import lzma
import os
from pathlib import Path
from typing import Unpack

import pytest
import zstandard

from tests.messages.ephemeris_texts import ITC_NAME, OEM, TRIANGLE, itc
from tests.messages.ocm_samples import block_times, covariance_rows, record_contents, sample
from tracss_hpc.ephemeris.tabulated import Trajectory
from tracss_hpc.errors import InputDataError, MessageError
from tracss_hpc.messages import trajectory_files
from tracss_hpc.messages.ocm import parse_ocm
from tracss_hpc.messages.ocm_write import format_ocm
from tracss_hpc.messages.trajectory_files import ReadOptions, parse_trajectory, read_trajectory

#: Format -> name and text of a message, of which object 99901 is; its first x; a variance.
MESSAGES = {
    "OCM": ("a.ocm", sample(), " 7000.0 ", repr(covariance_rows(block_times(0))[0][2])),
    "OEM": ("a.oem", OEM.replace("2025-901A", "99901"), " 7000.0", f"{TRIANGLE[2]:.6e}"),
    "ITC": (ITC_NAME, itc(), " 7000.0", f"{TRIANGLE[2]:.10e}"),
}
PACKERS = {"gz": gzip.compress, "xz": lzma.compress, "zst": zstandard.ZstdCompressor().compress}


@pytest.mark.parametrize("notation", ["KVN", "XML", "JSON"])
def test_ocm_is_told_by_content(notation: str, tmp_path: Path) -> None:
    record = parse_ocm(sample())
    path = tmp_path / "anything.txt"
    path.write_text(format_ocm(record, notation), encoding="utf-8")  # type: ignore[arg-type]
    assert record_contents(read_trajectory(path)) == record_contents(record)


@pytest.mark.parametrize("packer", list(PACKERS))
def test_packed(packer: str, tmp_path: Path) -> None:
    path = tmp_path / "a.ocm"
    path.write_bytes(PACKERS[packer](sample().encode()))
    assert read_trajectory(path).object.designator == "99901"


@pytest.mark.parametrize("name", list(MESSAGES))
def test_every_reader_takes_every_option(name: str, tmp_path: Path) -> None:
    file, text, x, variance = MESSAGES[name]
    path = tmp_path / file

    def codes(text: str, **options: Unpack[ReadOptions]) -> list[str]:
        path.write_text(text)
        return [finding.code for finding in Trajectory.from_file(path, **options).record.warnings]

    assert codes(text, known={"99901"}) == []
    assert codes(text, known={"1"}) == ["O20"]
    with pytest.raises(MessageError, match="O20"):
        codes(text, known={"1"}, strict=True)

    moved = text.replace(x, x.replace("7000", "7001"), 1)
    with pytest.raises(MessageError, match="O18"):
        codes(moved)
    assert set(codes(moved, max_acceleration_km_s2=1e-2)) <= {"O19"}  # nothing smooth passes there

    assert variance in text
    wrong = text.replace(variance, f"-{variance}", 1)
    assert codes(wrong) == ["O17"]
    assert codes(wrong, repair_covariance=True) == ["O17"]
    options: list[ReadOptions] = [{}, {"repair_covariance": True}]
    kept, repaired = (read_trajectory(path, **one).blocks[0].covariance for one in options)
    assert kept is not None
    assert repaired is not None
    assert kept[0, 1, 1] < 0.0 <= repaired[0, 1, 1]


def test_zeros_before_a_catalog_number_do_not_make_another() -> None:
    text = sample().replace("OBJECT_DESIGNATOR = 99901", "OBJECT_DESIGNATOR = 000099901")
    assert parse_trajectory(text, known={"99901"}).warnings == ()


def test_unknown_option_is_an_error() -> None:
    with pytest.raises(TypeError, match="tolerant"):
        parse_trajectory(sample(), tolerant=True)  # type: ignore[call-arg]


def test_nothing_known() -> None:
    with pytest.raises(MessageError, match=r"^x: found no ephemeris message.*OCM"):
        parse_trajectory("a,b\n1,2\n", file="x")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputDataError, match=r"none\.ocm cannot be read"):
        read_trajectory(tmp_path / "none.ocm")


def test_four_gigabytes_end_before_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "large.ocm"
    with path.open("wb") as file:
        os.truncate(file.fileno(), 4 * 2**30)  # a hole: takes no disk
    with pytest.raises(
        MessageError, match="more than 512 MiB, packed or unpacked, is not read"
    ) as caught:
        read_trajectory(path)
    assert caught.value.allowed == 512 * 2**20


@pytest.mark.parametrize("packer", list(PACKERS))
def test_packed_bomb_ends_at_the_limit(
    packer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trajectory_files, "MAX_BYTES", 2**16)
    path = tmp_path / "bomb.ocm"
    path.write_bytes(PACKERS[packer](bytes(2**20)))
    assert path.stat().st_size < 2**16
    with pytest.raises(MessageError, match="is not read"):
        read_trajectory(path)


def test_a_million_blocks_end_the_reading() -> None:
    text = io.StringIO()
    text.write(sample())
    text.write("MAN_START\nMAN_ID = 1\nMAN_STOP\n" * 1_000_000)
    with pytest.raises(MessageError, match="at most 10000 sections"):
        parse_trajectory(text.getvalue())


@pytest.mark.parametrize("packer", list(PACKERS))
def test_damaged_packing(packer: str, tmp_path: Path) -> None:
    path = tmp_path / "cut.ocm"
    path.write_bytes(PACKERS[packer](sample().encode())[:-20])
    with pytest.raises(InputDataError, match="cut short or damaged"):
        read_trajectory(path)
