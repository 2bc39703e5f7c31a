"""A small file is whole or absent, whatever happens while it is written."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from tracss_hpc.atomic import temporary_name, write_atomically, write_product
from tracss_hpc.errors import TracssError


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


def test_a_product_goes_through_links_and_into_pipes(tmp_path: Path) -> None:
    real, link, pipe = tmp_path / "real", tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(real)
    write_product(link, b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_product(pipe, b"into")
    assert os.read(reader, 10) == b"into"
    os.close(reader)
    assert pipe.is_fifo()


@pytest.mark.parametrize("name", ["none/x", "folder", "file/x", "."])
def test_a_product_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(TracssError, match=r"cannot be written: .*; name another file"):
        write_product(tmp_path / name, b"new")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]
