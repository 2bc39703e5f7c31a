"""The front door for ephemeris files: formats by content, packing, bounds on size."""

from __future__ import annotations

import gzip
import io
import lzma
import os
from pathlib import Path

import pytest
import zstandard

from tests.messages.ocm_samples import record_contents, sample
from tracss_hpc.errors import InputDataError, MessageError
from tracss_hpc.messages import trajectory_files
from tracss_hpc.messages.ocm import parse_ocm
from tracss_hpc.messages.ocm_write import format_ocm
from tracss_hpc.messages.trajectory_files import parse_trajectory, read_trajectory

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
