"""Input files: find them by name or pattern, undo their compression, decode their text.

Feeds every reader. What a file is follows from its content, never from its name.
"""

from __future__ import annotations

import codecs
import glob
import gzip
import io
import lzma
import os
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import zstandard

from tracss_hpc.errors import ConfigError, InputDataError, MessageError, UsageError

__all__ = [
    "LARGEST_BYTES",
    "decode_text",
    "decompress",
    "find_files",
    "read_file",
    "read_table",
    "read_text",
]

#: Largest file that is read, packed or unpacked [bytes]: two million OMMs in KVN.
LARGEST_BYTES = 2 * 2**30


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


def read_file(path: Path, limit: int = LARGEST_BYTES) -> bytes:
    """Raw bytes of a file, which need not be a regular one.

    Raises
    ------
    InputDataError
        If it cannot be read; `MessageError` if it holds more than `limit` bytes.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size  # 0 of a pipe
            data = b"" if size > limit else file.read(limit + 1)
    except OSError as error:
        raise InputDataError(
            f"{path} cannot be read: {error.strerror or error}", file=str(path)
        ) from error
    if max(size, len(data)) > limit:
        raise _too_large(str(path), limit)
    return data


def read_text(path: Path, limit: int = LARGEST_BYTES) -> str:
    """Text of a plain or compressed file of at most `limit` bytes, lines ended by ``\\n``."""
    return decode_text(decompress(read_file(path, limit), str(path), limit))


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


def decompress(data: bytes, file: str, limit: int = LARGEST_BYTES) -> bytes:
    """Content of gzip, xz or zstd data (several members joined), other data unchanged.

    Raises
    ------
    InputDataError
        If the data is cut short or damaged, or packed in a way that is not read here;
        `MessageError` if it unpacks to more than `limit` bytes.
    """
    try:
        for magic, unpack in _UNPACK.items():
            if data.startswith(magic):
                content = unpack(data, limit + 1)
                if len(content) > limit:
                    raise _too_large(file, limit)
                return content
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


def _unpack_zstd(data: bytes, most: int) -> bytes:
    """All frames of the data up to about `most` bytes; a frame that does not end: EOFError."""
    parts: list[bytes] = []
    size = at = 0
    while at < len(data) and size < most:
        frame = zstandard.ZstdDecompressor().decompressobj()
        while not frame.eof and size < most:
            if at >= len(data):
                raise EOFError("the last frame does not end")
            piece = data[at : at + _ZSTD_PIECE]
            parts.append(frame.decompress(piece))
            size += len(parts[-1])
            at += len(piece)
        at -= len(frame.unused_data)
    return b"".join(parts)


def _too_large(file: str, limit: int) -> MessageError:
    return MessageError(
        f"{file}: more than {limit / 2**20:.0f} MiB, packed or unpacked, is not read; split it",
        file=file,
        allowed=limit,
    )


#: First bytes of packed data, and what unpacks at most so many bytes of it.
_UNPACK: dict[bytes, Callable[[bytes, int], bytes]] = {
    b"\x1f\x8b": lambda data, most: gzip.GzipFile(fileobj=io.BytesIO(data)).read(most),
    b"\xfd7zXZ\x00": lambda data, most: lzma.LZMAFile(io.BytesIO(data)).read(most),  # noqa: SIM115
    b"\x28\xb5\x2f\xfd": _unpack_zstd,
}
_REFUSED = {b"PK\x03\x04": "zip", b"BZh": "bzip2", b"7z\xbc\xaf": "7z"}
_ZSTD_PIECE = 4096  # it may unpack to 128 MiB at once
