"""The documentation says what is so: commands run, keys and files exist, links lead somewhere.

Shell and Python blocks of the README run in their order, in a folder with the project's
configurations and a catalog of 200 objects as gp.csv; make, source and the web are left out.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import h5py
import numpy as np
import pytest

from tracss_hpc.catalog.population import reference_population
from tracss_hpc.cli import main
from tracss_hpc.config import Config, resolve
from tracss_hpc.epochs import format_times, parse_epoch

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
SCRIPTS = Path(sysconfig.get_path("scripts"))
HOURS = 2
#: First words of commands that a test must not run; the targets of make are checked apart.
NOT_RUN = ("make", "source")
HEADER = (
    "OBJECT_NAME,OBJECT_ID,EPOCH,MEAN_MOTION,ECCENTRICITY,INCLINATION,RA_OF_ASC_NODE,"
    "ARG_OF_PERICENTER,MEAN_ANOMALY,EPHEMERIS_TYPE,CLASSIFICATION_TYPE,NORAD_CAT_ID,"
    "ELEMENT_SET_NO,REV_AT_EPOCH,BSTAR,MEAN_MOTION_DOT,MEAN_MOTION_DDOT"
)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def write_small_catalog(path: Path, count: int = 200) -> int:
    """Low objects of the reference population as OMM CSV; returns the designator of the first."""
    catalog = reference_population()
    c = catalog.take(np.flatnonzero(catalog.mean_motion > 15.0)[:count])
    midnight = parse_epoch("2025-09-01T00:00:00")
    times = (c.epoch_jd - midnight.jd) * 86400.0 + c.epoch_fr * 86400.0
    lines = [
        f"{c.name[k]},,{epoch},{c.mean_motion[k]:.8f},{c.eccentricity[k]:.7f},"
        f"{c.inclination[k]:.4f},{c.raan[k]:.4f},{c.arg_perigee[k]:.4f},{c.mean_anomaly[k]:.4f},"
        f"0,U,{c.designator[k]},1,1,{c.bstar[k]:.5e},0,0"
        for k, epoch in enumerate(format_times(midnight, times, 6).tolist())
    ]
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    return int(c.designator[0])


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    folder = tmp_path_factory.mktemp("readme")
    shutil.copytree(ROOT / "configs", folder / "configs")
    return folder, write_small_catalog(folder / "gp.csv")


@pytest.fixture(scope="module")
def ran(workplace: tuple[Path, int]) -> Path:
    """Run every shell line that can run; returns the folder in which they did."""
    folder, designator = workplace
    if not (SCRIPTS / "tracss-hpc").exists():
        pytest.skip("the command tracss-hpc is not installed beside this Python")
    environment = {**os.environ, "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"}
    has_mpi = (SCRIPTS / "mpirun").exists()
    for line in "".join(blocks("bash")).splitlines():
        word = line.split()[0]
        if word in NOT_RUN:
            continue
        if not has_mpi and word == "mpirun":
            line = line.removeprefix("mpirun -n 2 ")
        line = line.replace("25544", str(designator)).replace("run.days=1", f"run.days={HOURS}/24")
        line = line.replace(f"{HOURS}/24", str(HOURS / 24))
        done = subprocess.run(
            line, shell=True, cwd=folder, env=environment, capture_output=True, text=True,
            timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}\n{done.stderr}"
    return folder


def test_commands_run_and_leave_what_the_table_says(ran: Path) -> None:
    run = ran / "runs" / "mine"
    listed = re.search(r"leaves in\n`runs/all_vs_all`:\n\n(.*?)\n\n", README, re.DOTALL)
    assert listed
    rows = listed[1].splitlines()[2:]
    names = [name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])]
    assert names, "the table of files is empty"
    for name in names:
        assert (run / name).exists(), f"the README promises {name}"
    produced = {path.name for path in run.iterdir()}
    told = {name.split("/")[0] for name in names}
    assert produced == told
    assert len((ran / "riskiest.csv").read_text().splitlines()) > 1


def test_python_blocks_run(workplace: tuple[Path, int]) -> None:
    folder, _ = workplace
    assert blocks("python")
    for block in blocks("python"):
        done = subprocess.run(
            [sys.executable, "-c", block.replace('"run.days": 0.5', f'"run.days": {HOURS / 24}')],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def test_every_column_is_described(ran: Path) -> None:
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^### `([^`]+)`\n(.*?)(?=^### |^<!--)", page, re.DOTALL | re.M))
    found: dict[str, dict[str, str]] = {}

    def visit(name: str, item: h5py.Dataset | h5py.Group) -> None:
        if isinstance(item, h5py.Dataset) and not item.is_scale:
            group, _, column = name.rpartition("/")
            text = str(item.attrs.get("units", "")).replace("**", "^")
            unit = "s since run start" if text.startswith("seconds since") else text
            found.setdefault(group, {})[column] = unit

    with h5py.File(ran / "runs" / "mine" / "results.h5", "r") as file:
        file.visititems(visit)
    assert found.keys() == sections.keys(), "renew: tests/bench/describe_results.py RUN_DIRECTORY"
    for group, columns in found.items():
        rows = re.findall(r"^\| `([^`]+)` \| [^|]+ \| ([^|]*) \|", sections[group], re.M)
        assert {name: unit.strip() for name, unit in rows} == columns, group


def test_sample_configurations_are_valid_and_complete() -> None:
    for path in ROOT.glob("configs/*.toml"):
        if path.stem != "covariance_gp":
            resolve(path)
    text = (ROOT / "configs" / "all_vs_all.toml").read_text()
    written = set(re.findall(r"^(\w+) = ", text, re.M))
    sections = [getattr(Config(), name) for name in vars(Config())]
    assert written == {key for section in sections for key in vars(section)}
    assert resolve(ROOT / "configs" / "all_vs_all.toml") == Config(), "its values are the defaults"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_keys_named_in_the_pages_exist(page: Path) -> None:
    sections = vars(Config())
    for section, key in re.findall(r"`[^`\n]*?\b(\w+)\.(\w+)[^`\n]*`", page.read_text("utf-8")):
        if section in sections and key not in ("log", "py", "md", "h5"):
            assert key in vars(sections[section]), f"{section}.{key}"


def test_verbs_and_targets_exist(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in set(re.findall(r"tracss-hpc ([a-z]+)\b", README)):
        assert main([verb, "--help"]) == 0, verb
    capsys.readouterr()
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"(?:^|`)make ([a-z][a-z-]*)", README, re.M)):
        assert re.search(rf"^{target}:", makefile, re.M), target
    for variable in set(re.findall(r"(?:^|`)make [a-z]+ ([A-Z]+)=", README, re.M)):
        assert re.search(rf"^{variable}\b", makefile, re.M), variable


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_files_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        path = page.parent / file if file else page
        assert path.exists(), f"{page.name} links to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.M)
            anchors = {
                re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in headings
            }
            assert anchor in anchors, f"{page.name} links to {target}"
    for name in re.findall(r"`((?:tests|docs|configs|jobs|cython)/[\w./-]+\.\w+)`", text):
        assert (ROOT / name).exists(), f"{page.name} names {name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_gap_is_left(page: Path) -> None:
    assert not re.findall(r"@@\w+@@", page.read_text("utf-8"))


def test_every_key_cited_in_the_sources_is_a_reference() -> None:
    known = set(re.findall(r"^- \*\*\[([^\]]+)\]\*\*", (ROOT / "REFERENCES.md").read_text(), re.M))
    assert len(known) > 10
    sources = [*ROOT.glob("tracss_hpc/**/*.py"), *ROOT.glob("cython/*.p*"), *ROOT.glob("docs/*.md")]
    for path in sources:
        for key in re.findall(r"\[([A-Z][a-z]+(?:19|20)\d\d)\b", path.read_text("utf-8")):
            assert key in known, f"{path.relative_to(ROOT)} cites {key}"


def test_readme_is_short() -> None:
    assert len(README.splitlines()) <= 250
