"""Write a small file whole or not at all.

A leaf: everyone may import it. Readers, also on another host, see the old file or the new one.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

__all__ = ["temporary_name", "write_atomically"]


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
