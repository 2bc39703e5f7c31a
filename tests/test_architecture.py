"""The house: who may import whom, where each heavy library lives, and what an import must not do.

Read with the standard library's `ast`, so a forbidden import is found in any branch or function.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "tracss_hpc"

#: Everyone may import these.
LEAVES = {"atomic", "constants", "errors", "epochs", "kernels"}

#: The data's own way; a stage may import the stages before it.
STAGES = ("messages", "catalog", "ephemeris", "screening", "assess", "export", "report")

#: What each room may import of ours, besides itself and (for rooms that are no leaves) the leaves.
ALLOWED: dict[str, set[str]] = {
    "atomic": {"errors"},
    "constants": set(),
    "errors": set(),
    "epochs": {"constants"},
    "kernels": set(),
    "parameters": set(),
    "config": {"parameters"},
    "provenance": set(),
    "parallel": set(),
    **{stage: set(STAGES[:k]) for k, stage in enumerate(STAGES)},
    "runs": {*STAGES, "parallel", "config", "provenance"},
    "grammar": {"config", "parallel"},
    "cli": {"grammar", "runs", "export", "config", "provenance", "parallel"},
    "__main__": {"cli"},
    "__init__": {"runs", "export", "config", "ephemeris"},
}

#: The one home of each heavy library.
HOMES = {
    "mpi4py": "parallel/",
    "h5py": "export/",
    "hdf5plugin": "export/",
    "xarray": "export/",
    "h5netcdf": "export/",
    "matplotlib": "report/",
}

MODULES = sorted(PACKAGE.rglob("*.py"))
NAMES = [str(path.relative_to(PACKAGE)) for path in MODULES]


def room_of(path: Path) -> str:
    """Top-level module or folder of the package in which a file lies."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_names(tree: ast.AST, *, whole: bool = True) -> Iterator[str]:
    """Dotted names imported in a tree; `whole` includes functions and TYPE_CHECKING branches."""
    for node in ast.walk(tree) if whole else ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_of(name: str) -> Path | None:
    """File of our package that the longest prefix of a dotted name means; None if not ours."""
    parts = name.split(".")
    if parts[0] != "tracss_hpc":
        return None
    for end in range(len(parts), 0, -1):
        path = ROOT.joinpath(*parts[:end])
        if path.with_suffix(".py").is_file():
            return path.with_suffix(".py")
        if (path / "__init__.py").is_file():
            return path / "__init__.py"
    return None


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_dependency_direction(path: Path) -> None:
    room = room_of(path)
    assert room in ALLOWED, f"{room} has no place in the dependency table of this test"
    allowed = ALLOWED[room] | {room} | (set() if room in LEAVES else LEAVES)
    for name in imported_names(ast.parse(path.read_text())):
        target = module_of(name)
        # The root itself holds the version, which any room may quote.
        if target is None or target == PACKAGE / "__init__.py":
            continue
        assert room_of(target) in allowed, f"{path.relative_to(ROOT)} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_heavy_libraries_have_one_home(path: Path) -> None:
    place = str(path.relative_to(PACKAGE))
    for name in imported_names(ast.parse(path.read_text())):
        home = HOMES.get(name.split(".")[0])
        assert home is None or place.startswith(home), f"{place} imports {name}; its home is {home}"


def test_no_cycles() -> None:
    graph: dict[Path, set[Path]] = {}
    for path in MODULES:
        names = imported_names(ast.parse(path.read_text()), whole=False)
        targets = {target for name in names if (target := module_of(name))}
        graph[path] = targets - {path, PACKAGE / "__init__.py"}
    while graph:
        free = {path for path, targets in graph.items() if not targets & graph.keys()}
        assert free, f"import cycle among {sorted(str(p.relative_to(ROOT)) for p in graph)}"
        graph = {path: targets for path, targets in graph.items() if path not in free}


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_module_says_what_it_is_for_and_what_it_offers(path: Path) -> None:
    tree = ast.parse(path.read_text())
    if not tree.body:
        return
    assert ast.get_docstring(tree), "a module opens with what it is for"
    assigned = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert "__all__" in assigned or path.name == "__main__.py" or (
        path == PACKAGE / "__init__.py"
    )  # fmt: skip


def test_every_module_imports_alone() -> None:
    """Each in a fresh process, forked from one that has the libraries but nothing of ours."""
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in MODULES
        if path.name != "__main__.py"
    ]
    program = (
        "import importlib, os, sys, traceback\n"
        "import numpy, scipy, h5py, sgp4.api, erfa\n"
        "failed = []\n"
        "for name in sys.argv[1:]:\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        try:\n"
        "            importlib.import_module(name)\n"
        "        except BaseException:\n"
        "            traceback.print_exc()\n"
        "            os._exit(1)\n"
        "        os._exit(0)\n"
        "    if os.waitpid(child, 0)[1]:\n"
        "        failed.append(name)\n"
        "sys.exit(', '.join(failed) or 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *names],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_importing_the_package_is_light() -> None:
    program = (
        "import sys, tracss_hpc\n"
        "heavy = {'mpi4py', 'matplotlib', 'xarray', 'h5netcdf'} & {m.split('.')[0] for m in "
        "sys.modules}\n"
        "sys.exit(', '.join(sorted(heavy)) or 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, f"import tracss_hpc imports {done.stderr}"


def test_kernel_sources_do_not_hide_cython() -> None:
    """With an __init__ file, ./cython would be found before Cython's own module of that name."""
    assert sorted(ROOT.glob("cython/*.pyx")), "no kernel sources"
    assert not sorted(ROOT.glob("cython/__init__.*"))
