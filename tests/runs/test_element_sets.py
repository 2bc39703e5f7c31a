"""`tracss-hpc catalog --to-omm`: element sets of any notation in another."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from tracss_hpc.catalog.catalog import read_catalog
from tracss_hpc.catalog.table import catalog_from_elements, elements_from_catalog
from tracss_hpc.cli import main
from tracss_hpc.messages.omm_write import OMM_FORMATS

GP = Path(__file__).parents[1] / "messages" / "gp"


@pytest.mark.parametrize("form", OMM_FORMATS)
def test_written_catalog_is_read_as_the_same_columns(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(GP / "good.3le"), str(GP / "space-track.json")]
    out = tmp_path / f"x.{form}"
    assert main(["catalog", *files, "--to-omm", form, "--output", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}: 4 element sets as OMM {form.upper()}\n"
    before, after = read_catalog(files).catalog, read_catalog([out]).catalog
    for name in set(vars(before)) - {"source_file", "source_record"}:
        assert np.array_equal(
            getattr(before, name), getattr(after, name), equal_nan=name.endswith(("_m", "_kg"))
        ), name


def test_text_goes_to_standard_output_and_bad_records_to_the_log(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "tracss_hpc"):
        assert main(["catalog", str(GP / "omm-missing-epoch.kvn"), "--to-omm", "csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert "1 records are not taken; the first is record 29 of omm-missing-epoch.kvn" in caplog.text


def test_sets_of_a_catalog_are_those_it_was_made_of() -> None:
    catalog = read_catalog([GP / "good.3le", GP / "space-track.csv"]).catalog
    sets = elements_from_catalog(catalog)
    assert [row.object_type for row in sets] == ["", "", "", "ROCKET BODY"]
    again = catalog_from_elements(sets, catalog.source_file.tolist())
    assert again.object_type.tolist() == catalog.object_type.tolist()
    assert elements_from_catalog(again) == sets


@pytest.mark.parametrize(
    "words",
    [["--start", "2026-01-10T00:00:00"], ["--days", "5"], ["--step-s", "60"], ["--format", "kvn"]],
)
def test_words_of_an_ephemeris_are_refused(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["catalog", str(GP / "good.3le"), "--to-omm", "csv", *words]) == 2
    assert f"{words[0]} belongs to an ephemeris (--to-ocm, --to-oem)" in capsys.readouterr().err
