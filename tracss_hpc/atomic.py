"""Write a small file whole or not at all.

Everyone may import it. Readers, also on another host, see the old file or the new one.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

from tracss_hpc.errors import TracssError

__all__ = ["temporary_name", "write_atomically", "write_product"]


def temporary_name(path: Path) -> Path:
    """A name beside `path` that no other process of any host uses."""
    return path.with_name(f".{path.name}.{platform.node()}.{os.getpid()}.tmp")


def write_atomically(path: Path, content: bytes | memoryview) -> None:
    """Write `content` under a temporary name beside `path`, flush it to disk, then rename."""
    temporary = temporary_name(path)
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_product(path: Path, content: bytes) -> None:
    """Write a file that the user named: `write_atomically`, but through links and into devices.

    Raises
    ------
    TracssError
        If it cannot be written; says why.
    """
    try:
        target = path.resolve()
        if target.exists() and not target.is_file() and not target.is_dir():
            target.write_bytes(content)  # a device or a pipe stays what it is
        else:
            write_atomically(target, content)
    except (OSError, ValueError) as error:  # ValueError: a path without a name
        why = getattr(error, "strerror", None) or error
        raise TracssError(f"{path} cannot be written: {why}; name another file") from None
