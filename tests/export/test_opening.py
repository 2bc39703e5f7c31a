"""Opening a results file: compression that needs a plugin, and files that are none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import pytest

from tracss_hpc.errors import InputDataError, UsageError
from tracss_hpc.export.opening import open_file


def test_missing_foreign_and_empty_files(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.h5: no such file"):
        open_file(tmp_path / "none.h5")
    text = tmp_path / "text.h5"
    text.write_text("text")
    with pytest.raises(InputDataError, match=r"text\.h5: not an HDF5 file") as caught:
        open_file(text)
    assert caught.value.file == str(text)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(InputDataError, match=r"other\.h5: not a results file"):
        open_file(tmp_path / "other.h5")


@pytest.fixture
def zstd_file(tmp_path: Path) -> Path:
    hdf5plugin = pytest.importorskip("hdf5plugin")
    path = tmp_path / "zstd.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("objects/x", data=[1.0, 2.0], chunks=(2,), **hdf5plugin.Zstd())
    return path


def read_in_a_fresh_process(path: Path, before: str = "") -> subprocess.CompletedProcess[str]:
    program = (
        f"{before}\nfrom tracss_hpc.export.opening import open_file\n"
        f"with open_file({str(path)!r}) as file:\n    print(file['objects/x'][()])\n"
    )
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
        check=False,
    )


def test_zstd_is_read(zstd_file: Path) -> None:
    done = read_in_a_fresh_process(zstd_file)
    assert done.stdout == "[1. 2.]\n", done.stderr


def test_zstd_without_the_plugin_says_what_to_install(zstd_file: Path) -> None:
    done = read_in_a_fresh_process(zstd_file, "import sys; sys.modules['hdf5plugin'] = None")
    assert done.returncode != 0
    assert 'zstd, which needs hdf5plugin: pip install "tracss-hpc[zstd]"' in done.stderr
