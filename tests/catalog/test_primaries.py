"""Lists of primaries."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tracss_hpc.catalog.catalog import Catalog, read_catalog
from tracss_hpc.catalog.primaries import payloads, select_primaries
from tracss_hpc.errors import ConfigError, InputDataError

GP = Path(__file__).parents[1] / "messages" / "gp"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    """99901 OWL 1, 270001 OWL 2 DEB, 7 KITE R/B & CO, 999000123 OWL 3 [DTC]."""
    read = read_catalog([GP / "good.3le", GP / "space-track.json"]).catalog
    names = read.name.astype("<U20")
    names[3] = "OWL 3 [DTC]"
    return dataclasses.replace(read, name=names)


@pytest.mark.parametrize(
    ("spec", "rows"),
    [
        ("all", [0, 1, 2, 3]),
        ([99901], [0]),
        (["99901", 7], [0, 2]),
        (["OWL*"], [0, 1, 3]),
        (["owl ?"], [0]),
        (["*r/b*"], [2]),
        (["OWL 3 [DTC]"], [3]),
        (["OWL [12]*", 999000123], [0, 1, 3]),
        ("KITE*", [2]),
    ],
)
def test_entries(catalog: Catalog, spec: str | list[int | str | Path], rows: list[int]) -> None:
    assert np.flatnonzero(select_primaries(catalog, spec)).tolist() == rows


def test_file_of_ids(catalog: Catalog, tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("# ours\r\n99901\r\n\r\nT0001  # debris\r\n")
    assert np.flatnonzero(select_primaries(catalog, [str(path)])).tolist() == [0, 1]
    assert np.flatnonzero(select_primaries(catalog, [path, 7])).tolist() == [0, 1, 2]


@pytest.mark.parametrize("entry", [25544, "25544", "STARLINK*", "ids.txt", "OWL"])
def test_entry_without_match_is_named(catalog: Catalog, entry: int | str) -> None:
    with pytest.raises(ConfigError) as caught:
        select_primaries(catalog, ["OWL*", entry])
    assert caught.value.exit_code == 2
    assert (caught.value.key, caught.value.given) == ("catalog.primaries", entry)
    assert str(entry) in str(caught.value)


def test_empty_list_is_refused(catalog: Catalog) -> None:
    with pytest.raises(ConfigError, match="empty list"):
        select_primaries(catalog, [])


def test_bad_line_of_a_file_is_named(catalog: Catalog, tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("99901\nOWL 2\n")
    with pytest.raises(InputDataError) as caught:
        select_primaries(catalog, [path])
    assert (caught.value.file, caught.value.line, caught.value.given) == (str(path), 2, "OWL 2")
    path.write_text("99901\n25544\n")
    with pytest.raises(ConfigError, match="line 2: object 25544 is not in the catalog"):
        select_primaries(catalog, [path])


def test_payloads(catalog: Catalog) -> None:
    owned = dataclasses.replace(
        catalog,
        object_type=np.array(["PAYLOAD", "DEBRIS", "PAYLOAD", "UNKNOWN"]),
        owner=np.array(["US", "US", "FR", ""]),
    )
    assert payloads(owned).tolist() == [True, False, True, False]
    assert payloads(owned, ["us"]).tolist() == [False, False, True, False]
    with pytest.raises(ConfigError, match="owned by 'XX'") as caught:
        payloads(owned, ["XX"])
    assert (caught.value.given, caught.value.allowed) == ("XX", ["FR", "US"])
