"""Input files: find them by name or pattern, undo their compression, decode their text.

Feeds every reader. What a file is follows from its content, never from its name.
"""

from __future__ import annotations

import codecs
import contextlib
import glob
import gzip
import io
import lzma
import os
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import zstandard

from tracss_hpc.errors import ConfigError, InputDataError, MessageError, UsageError

__all__ = [
    "decode_text",
    "decompress",
    "find_files",
    "read_bounded_text",
    "read_file",
    "read_table",
    "read_text",
]

_GZIP, _XZ, _ZSTD = b"\x1f\x8b", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd"
_STREAMS: dict[bytes, Callable[[io.BytesIO], Any]] = {
    _GZIP: lambda data: gzip.GzipFile(fileobj=data),
    _XZ: lzma.LZMAFile,
    _ZSTD: lambda data: zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True),
}
_REFUSED = {b"PK\x03\x04": "zip", b"BZh": "bzip2", b"7z\xbc\xaf": "7z"}


def find_files(patterns: Sequence[str | Path]) -> list[Path]:
    """Files named by paths and globs, in the order given, those of a glob sorted, each once.

    Raises
    ------
    UsageError
        If the list is empty, a path does not exist or is a directory, or a glob matches no file;
        the message names the entry.
    """
    if not patterns:
        raise UsageError("no input file is given; name at least one file or glob")
    found: dict[Path, Path] = {}
    for pattern in patterns:
        path = Path(os.path.expanduser(pattern))
        if path.is_dir():
            raise UsageError(f"{pattern} is a directory; name its files, e.g. {pattern}/*.tle")
        if path.exists():
            matches = [path]
        elif glob.has_magic(str(path)):
            names = sorted(glob.glob(str(path), recursive=True))
            matches = [Path(name) for name in names if Path(name).is_file()]
            if not matches:
                raise UsageError(
                    f"no file matches {pattern}; relative paths count from the current directory"
                )
        else:
            raise UsageError(
                f"there is no file {pattern}; relative paths count from the current directory"
            )
        for match in matches:
            found.setdefault(match.resolve(), match)
    return list(found.values())


def read_file(path: Path) -> bytes:
    """Raw bytes of a file; `InputDataError` when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputDataError(
            f"{path} cannot be read: {error.strerror or error}", file=str(path)
        ) from error


def read_text(path: Path) -> str:
    """Text of a plain or compressed file, lines ended by ``\\n``."""
    return decode_text(decompress(read_file(path), str(path)))


def read_bounded_text(path: Path, limit: int) -> str:
    """`read_text` of a file whose content may not exceed `limit` bytes, packed or unpacked.

    Raises
    ------
    MessageError
        Before a larger file is read, or unpacked beyond the limit.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InputDataError(
            f"{path} cannot be read: {error.strerror or error}", file=str(path)
        ) from error
    data = read_file(path) if size <= limit else b""
    # A fault of the packing is left to `decompress`, which words it.
    with contextlib.suppress(EOFError, OSError, zlib.error, lzma.LZMAError, zstandard.ZstdError):
        for magic, unpack in _STREAMS.items():
            if data.startswith(magic) and len(unpack(io.BytesIO(data)).read(limit + 1)) > limit:
                size = limit + 1
    if size > limit:
        raise MessageError(
            f"{path}: more than {limit / 2**20:.0f} MiB is no message; split it",
            file=str(path),
            given=size,
            allowed=limit,
        )
    return decode_text(decompress(data, str(path)))


def read_table(path: Path, key: str) -> str:
    """`read_text` of the one file that the configuration names under `key`.

    Raises
    ------
    ConfigError
        If there is no such file; names `key`.
    """
    if not path.is_file():
        what = "is a directory" if path.is_dir() else "there is no such file"
        raise ConfigError(
            f'{key} = "{path}": {what}; relative paths count from the current directory',
            key=key,
            given=str(path),
        )
    return read_text(path)


def decompress(data: bytes, file: str) -> bytes:
    """Content of gzip, xz or zstd data (several members joined), other data unchanged.

    Raises
    ------
    InputDataError
        If the data is cut short or damaged, or packed in a way that is not read here.
    """
    try:
        if data.startswith(_GZIP):
            return gzip.decompress(data)
        if data.startswith(_XZ):
            return lzma.decompress(data)
        if data.startswith(_ZSTD):
            return _decompress_zstd(data)
    except (EOFError, OSError, zlib.error, lzma.LZMAError, zstandard.ZstdError) as error:
        raise InputDataError(
            f"{file}: compressed data is cut short or damaged ({error}); fetch the file again",
            file=file,
        ) from error
    for magic, name in _REFUSED.items():
        if data.startswith(magic):
            raise InputDataError(
                f"{file}: {name} is not read; unpack it, or compress as .gz, .xz or .zst",
                file=file,
                given=name,
                allowed=("gz", "xz", "zst"),
            )
    return data


def decode_text(data: bytes) -> str:
    """Text of bytes in UTF-8 (or UTF-16 with its mark, or else Latin-1); marks and CR removed."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = data.decode("utf-16", errors="replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _decompress_zstd(data: bytes) -> bytes:
    """All frames of the data; a frame that does not end raises EOFError."""
    parts = []
    while data:
        frame = zstandard.ZstdDecompressor().decompressobj()
        parts.append(frame.decompress(data))
        if not frame.eof:
            raise EOFError("the last frame does not end")
        data = frame.unused_data
    return b"".join(parts)
