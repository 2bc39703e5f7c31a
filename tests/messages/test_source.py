"""Input files: found, unpacked, decoded."""

from __future__ import annotations

import gzip
import lzma
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from tracss_hpc.errors import InputDataError, MessageError, UsageError
from tracss_hpc.messages.source import decode_text, decompress, find_files, read_file, read_text

TEXT = "line one\nline two\n" * 500
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor(write_checksum=True).compress,
}


def test_files_come_in_the_order_given_and_once(tmp_path: Path) -> None:
    for name in ("b.tle", "a.tle", "c.txt"):
        (tmp_path / name).write_text("x")
    (tmp_path / "d.tle").mkdir()
    found = find_files([tmp_path / "c.txt", f"{tmp_path}/*.tle", str(tmp_path / "a.tle")])
    assert [path.name for path in found] == ["c.txt", "a.tle", "b.tle"]


def test_name_with_magic_letters_is_taken_literally(tmp_path: Path) -> None:
    odd = tmp_path / "a[1].tle"
    odd.write_text("x")
    assert find_files([odd]) == [odd]


@pytest.mark.parametrize("pattern", ["missing.tle", "missing*.tle"])
def test_missing_file_is_named(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_files([tmp_path / pattern])
    assert caught.value.exit_code == 2
    assert str(tmp_path / pattern) in str(caught.value)


def test_directory_and_empty_list_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a directory"):
        find_files([tmp_path])
    with pytest.raises(UsageError, match="no input file"):
        find_files([])


@pytest.mark.parametrize("kind", sorted(PACKERS))
def test_compression_is_undone_by_content(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "no-suffix"
    path.write_bytes(PACKERS[kind](TEXT.encode()))
    assert read_text(path) == TEXT


@pytest.mark.parametrize("kind", sorted(PACKERS))
def test_members_are_joined(kind: str) -> None:
    packed = PACKERS[kind](b"one ") + PACKERS[kind](b"two")
    assert decompress(packed, "f") == b"one two"


@pytest.mark.parametrize("kind", sorted(PACKERS))
@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_truncated_data_is_an_error(kind: str, keep: float) -> None:
    packed = PACKERS[kind](TEXT.encode())
    with pytest.raises(InputDataError, match="cut short or damaged") as caught:
        decompress(packed[: max(8, int(len(packed) * keep))], "x.tle")
    assert caught.value.file == "x.tle"
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("kind", sorted(PACKERS))
def test_damaged_data_is_an_error(kind: str) -> None:
    packed = bytearray(PACKERS[kind](TEXT.encode()))
    middle = len(packed) // 2
    packed[middle : middle + 4] = bytes(255 - byte for byte in packed[middle : middle + 4])
    with pytest.raises(InputDataError, match="cut short or damaged"):
        decompress(bytes(packed), "x.tle")


def test_other_packers_are_named() -> None:
    with pytest.raises(InputDataError, match="zip is not read") as caught:
        decompress(b"PK\x03\x04rest", "x.zip")
    assert caught.value.given == "zip"


@pytest.mark.parametrize(
    "data",
    [
        "ÅSTRID\nB\n".encode("utf-8-sig"),
        "ÅSTRID\r\nB\r\n".encode(),
        "ÅSTRID\rB\r".encode("latin-1"),
        "ÅSTRID\nB\n".encode("utf-16"),
    ],
    ids=["bom", "crlf", "latin-1", "utf-16"],
)
def test_text_is_decoded(data: bytes) -> None:
    assert decode_text(data) == "ÅSTRID\nB\n"


def test_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputDataError, match="cannot be read") as caught:
        read_file(tmp_path / "gone")
    assert caught.value.file == str(tmp_path / "gone")


@pytest.mark.parametrize("kind", ["", *sorted(PACKERS)])
@pytest.mark.parametrize("size", [1000, 1001, 10_000_000])
def test_limit_holds_packed_and_unpacked(tmp_path: Path, kind: str, size: int) -> None:
    path = tmp_path / "zeros"
    path.write_bytes(PACKERS[kind](bytes(size)) if kind else bytes(size))
    if size <= 1000:
        assert len(read_text(path, 1000)) == size
        return
    with pytest.raises(MessageError, match="MiB, packed or unpacked, is not read"):
        read_text(path, 1000 if not kind else max(1000, path.stat().st_size))


def test_device_without_end_is_read_to_the_limit() -> None:
    with pytest.raises(MessageError, match="is not read; split it"):
        read_text(Path("/dev/zero"), 10_000)


def test_pipe_is_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(TEXT,))
    writer.start()
    assert read_text(pipe) == TEXT
    writer.join()
