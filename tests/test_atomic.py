"""A small file is whole or absent, whatever happens while it is written."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from tracss_hpc.atomic import temporary_name, write_atomically


def test_the_content_replaces_the_old(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    for content in (b"one", b"", b"\x00\xff" * 100_000):
        write_atomically(path, content)
        assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["x.json"]


def test_temporary_names_lie_beside_and_tell_host_and_process(tmp_path: Path) -> None:
    name = temporary_name(tmp_path / "unit-00001.h5")
    assert name.parent == tmp_path
    assert name.name == f".unit-00001.h5.{platform.node()}.{os.getpid()}.tmp"
    assert name != temporary_name(tmp_path / "unit-00002.h5")


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "x.json"
    path.write_text("old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, b"new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["x.json"]


def test_flushed_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda number: (done.append("fsync"), fsync(number)))
    monkeypatch.setattr(os, "replace", lambda a, b: (done.append("replace"), replace(a, b)))
    write_atomically(tmp_path / "x", b"new")
    assert done == ["fsync", "replace"]


def test_no_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "none" / "x", b"")
    assert os.listdir(tmp_path) == []
