"""Risk columns of whole runs of the planted catalog: choices, blanks, messages, ranks."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.oracles import planted
from tracss_hpc.assess.risk import NC2D_SKIPPED, RiskSettings, risk_columns
from tracss_hpc.config import Assess
from tracss_hpc.export.digest import digest_file
from tracss_hpc.export.hdf5 import Results, open_results, read_results
from tracss_hpc.messages.cdm_read import read_cdms
from tracss_hpc.runs.risk import masses_kg, risk_settings
from tracss_hpc.runs.run import screen

WORDS: dict[str, object] = {
    "catalog.gp": [str(planted.FILE)],
    "run.start": planted.START,
    "run.days": 0.25,
    "audit.max_pair_steps": 0,
    "export.cdm_min_pc": 0.0,
    "export.plots": False,
}


def run_into(folder: Path, **words: object) -> Path:
    given = {f"assess.{name}": value for name, value in words.items()}
    return screen(overrides={**WORDS, **given, "run.output": str(folder)})


@pytest.fixture(scope="module")
def plain_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_into(tmp_path_factory.mktemp("plain") / "run")


@pytest.fixture(scope="module")
def plain(plain_path: Path) -> Results:
    return read_results(plain_path)


def test_stored_states_and_covariances_give_the_same_risk(plain: Results) -> None:
    """Rotated to EME2000 and read back: all columns, Nc2D too."""
    c = plain.conjunctions
    states = [
        np.stack([c[f"sat{k}_{q}{dot}"] for dot in ("", "_dot") for q in "xyz"], axis=1)
        for k in (1, 2)
    ]
    again = risk_columns(
        states[0],
        states[1],
        c["sat1_covariance"],
        c["sat2_covariance"],
        c["combined_hbr"],
        c["tca"],
    )
    whole = c["miss_distance"] > 1.0  # a miss of millimetres is all rounding after a rotation
    names = ("collision_probability", "collision_max_probability", "mahalanobis_distance",
             "dilution_status", "tau0", "extended", "nc2d", "nc2d_status", "in_doubt")  # fmt: skip
    for name in names:
        np.testing.assert_allclose(again[name][whole], c[name][whole], rtol=1e-5, err_msg=name)


def test_blank_is_blank_in_file_and_messages(plain_path: Path, plain: Results) -> None:
    c = plain.conjunctions
    assert np.isnan(c["environmental_impact_fragmentation"]).all()
    assert np.isnan(c["meets_alertable_criteria"]).all()
    assert 0 < np.isfinite(c["nc2d"]).sum() < len(c["nc2d"])
    messages = read_cdms(plain_path.parent / "cdm" / "cdms.kvn").columns
    for keyword in ("MEETS_ALERTABLE_CRITERIA", "FRAGMENTATION_MODEL"):
        assert set(messages[keyword].tolist()) == {""}
    assert np.isnan(messages["ENVIRONMENTAL_IMPACT_FRAGMENTATION"]).all()
    assert set(messages["COLLISION_PROBABILITY_METHOD"].tolist()) == {"FOSTER-1992"}
    assert set(messages["COLLISION_MAX_PC_METHOD"].tolist()) == {"FRISBEE"}
    diluted = messages["DILUTION_STATUS"] == "DILUTED"
    np.testing.assert_array_equal(diluted, c["dilution_status"] == 1.0)
    assert set(messages["DILUTION_STATUS"].tolist()) == {"DILUTED", "ROBUST"}
    np.testing.assert_allclose(
        messages["DILUTION_SIGNIFICANCE"], c["dilution_significance"], atol=5e-4
    )


def test_asked_for_it_is_filled(tmp_path: Path) -> None:
    words = {"preset": "md2", "estimate_mass": True, "fragment_lc_m": 0.1, "alert_min_pc": 1e-4}
    path = run_into(tmp_path / "run", **words)
    c = read_results(path).conjunctions
    messages = read_cdms(path.parent / "cdm" / "cdms.kvn").columns
    assert set(messages["COLLISION_PROBABILITY_METHOD"].tolist()) == {"FOSTER-1992 SQUARE"}
    assert set(messages["COLLISION_MAX_PC_METHOD"].tolist()) == {"FRISBEE SQUARE"}
    model = "NASA_SBM_EVOLVE4 Lc=0.1 KRISKO-2011 MASS_ESTIMATED"
    assert set(messages["FRAGMENTATION_MODEL"].tolist()) == {model}
    assert (c["mass_estimated"] == 1).all()
    fragments = c["environmental_impact_fragmentation"]
    np.testing.assert_array_equal(messages["ENVIRONMENTAL_IMPACT_FRAGMENTATION"], fragments)
    alert = np.where(c["collision_probability"] >= 1e-4, "YES", "NO")
    assert messages["MEETS_ALERTABLE_CRITERIA"].tolist() == alert.tolist()
    assert {"YES", "NO"} == set(alert.tolist())


def test_presets_change_what_they_say(plain: Results, tmp_path: Path) -> None:
    circle = plain.conjunctions
    md2 = read_results(run_into(tmp_path / "md2", preset="md2")).conjunctions
    assert (md2["collision_probability"] >= circle["collision_probability"]).all()
    cara = read_results(run_into(tmp_path / "cara", preset="cara")).conjunctions
    np.testing.assert_array_equal(cara["collision_probability"], circle["collision_probability"])
    np.testing.assert_array_equal(md2["dilution_status"], circle["dilution_status"])
    assert (cara["dilution_status"] != circle["dilution_status"]).any()
    shrunk = cara["dilution_status"] == 1.0
    assert (cara["dilution_scale_factor"][shrunk] < 1.0).all()


def test_ranks_do_not_show_where_nc2d_is_limited(
    mpirun: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """The limit holds for each time slice, so it does not see the ranks; skipped rows are told."""
    digests = []
    for ranks in (1, 2):
        folder = tmp_path / str(ranks)
        done = mpirun(
            ranks, "-m", "tracss_hpc", "run", "configs/all_vs_all.toml",
            f'catalog.gp=["{planted.FILE}"]', f"run.start={planted.START}", "run.days=0.25",
            f"run.output={folder}", "screening.slice_hours=1", "assess.nc2d_max=2",
            "audit.max_pair_steps=0", "export.cdm=[]", "export.plots=false",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        digests.append(digest_file(folder / "results.h5"))
    assert digests[0] == digests[1]
    results = read_results(folder / "results.h5")
    stages, status = results.groups["stages"], results.conjunctions["nc2d_status"]
    skipped = int((status == NC2D_SKIPPED).sum())
    assert stages["nc2d_rows"].max() == 2
    assert skipped == stages["nc2d_skipped"].sum() > 0
    assert f"skipped for {skipped} (assess.nc2d_max)" in (folder / "summary.txt").read_text()
    assert "Nc2D skipped for" in (folder / "run.log").read_text()


def test_xarray_reads_units_and_names(plain_path: Path) -> None:
    with open_results(plain_path) as c:
        assert c.tau0.attrs["units"] == "s"
        for name in ("nc2d", "dilution_status", "catastrophic", "in_doubt"):
            assert c[name].attrs["long_name"] != name.replace("_", " ")


def test_settings_from_the_configuration() -> None:
    assert risk_settings(Assess()) == RiskSettings()
    settings = risk_settings(
        Assess(preset="cara", alert_min_pc=1e-5, alert_max_miss_km=2.0, alert_max_hours=48.0)
    )
    assert (settings.methods.dilution, settings.dcp) == ("SCALE", True)
    alert = settings.alert
    assert (alert.min_pc, alert.max_miss_m, alert.max_hours_to_tca) == (1e-5, 2000.0, 48.0)


def test_masses_are_estimated_only_if_asked() -> None:
    mass, kind = np.array([np.nan, 30.0]), np.array(["DEBRIS", "PAYLOAD"])
    told, guess = masses_kg(Assess(), mass, kind)
    assert np.isnan(told[0])
    assert not guess.any()
    told, guess = masses_kg(Assess(estimate_mass=True), mass, kind)
    assert told.tolist() == [0.12, 30.0]
    assert guess.tolist() == [True, False]
