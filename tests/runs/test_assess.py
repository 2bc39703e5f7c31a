"""The command `assess`: published events, files of every kind, tables, pictures and ranks."""

from __future__ import annotations

import csv
import logging
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import tracss_hpc as th
from tests.assess.reference_rows import read_rows
from tests.messages.test_ccsds_cdm import COVARIANCE, MESSAGE
from tests.oracles import planted
from tracss_hpc.cli import main
from tracss_hpc.errors import ConfigError, MessageError, UsageError
from tracss_hpc.export.hdf5 import read_results
from tracss_hpc.messages.cdm import COVARIANCE_KEYWORDS
from tracss_hpc.runs.run import screen

Launch = Callable[..., subprocess.CompletedProcess[str]]
#: A run keeps states in EME2000, so a row assessed again differs by rounding, which Pc multiplies.
SAME = 1e-6


@pytest.fixture(autouse=True)
def _keep_logging() -> Iterator[None]:
    logger = logging.getLogger("tracss_hpc")
    handlers, level = logger.handlers, logger.level
    yield
    logger.handlers, logger.level = handlers, level


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three messages, one of them broken, in a folder with another in it, and a file of no use."""
    inside = tmp_path / "messages" / "more"
    inside.mkdir(parents=True)
    (inside.parent / "a.cdm").write_text(MESSAGE)
    (inside / "b.kvn").write_text(MESSAGE.replace("X = 7000.5", "X = 7000.6"))
    (inside / "c.txt").write_text(MESSAGE.replace("X = 7000.0 [km]", "X = 7000.0 [kg]"))
    (inside.parent / "notes.md").write_text("not looked at")
    return inside.parent


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One run of the planted catalog, with messages in every format."""
    path = screen(
        overrides={
            "catalog.gp": [str(planted.FILE)],
            "run.start": planted.START,
            "run.days": 0.5,
            "run.output": str(tmp_path_factory.mktemp("planted") / "run"),
            "export.cdm": ["kvn", "json", "xml", "csv"],
            "export.cdm_min_pc": 0.0,
            "export.cdm_precision": "full",
            "export.plots": False,
            "assess.ks": 2.0,
            "assess.alert_min_pc": 1e-5,
        }
    )
    return {"results": path} | {p.suffix[1:]: p for p in sorted((path.parent / "cdm").iterdir())}


def cara(shared_data: Path) -> tuple[Path, dict[str, dict[str, str]]]:
    rows = read_rows(shared_data / "pc" / "cara_cdm53_expected.csv")
    return shared_data / "messages" / "cdm_cara", {row["Conjunction_ID"]: row for row in rows}


@pytest.mark.parametrize(
    ("preset", "key"), [("tracss", "Pc2D"), ("md2", ""), ("cara", "own_Pc2D_DCP")]
)
def test_published_events(shared_data: Path, preset: str, key: str) -> None:
    """All 26 of NASA CARA: its own 2-D Pc, and with what both objects share of density error."""
    path, expected = cara(shared_data)
    rows = th.assess_files(path, {"assess.preset": preset})
    got = rows["collision_probability"]
    names = [f"{d:09d}" for d in rows["sat1_object_designator"]]
    pairs = [
        f"{a}_conj_{d:09d}" for a, d in zip(names, rows["sat2_object_designator"], strict=True)
    ]
    assert len(got) == len(expected) == 26
    truth = {name[: len(pairs[0])]: row for name, row in expected.items()}
    if key:
        np.testing.assert_allclose(got, [float(truth[p][key]) for p in pairs], rtol=1e-6)
    else:
        circle = np.array([float(truth[p]["Pc2D"]) for p in pairs])
        assert (got > circle).all()
    assert (rows["combined_hbr"] == [float(truth[p]["HBR_m"]) for p in pairs]).all()
    stated = rows["stated_collision_probability"]
    assert stated.tolist() == [float(truth[p]["cdm_COLLISION_PROBABILITY"]) for p in pairs]
    slow = pairs.index("000035946_conj_000030648")
    if preset == "tracss":
        assert rows["nc2d"][slow] == pytest.approx(float(truth[pairs[slow]]["Nc2D"]), rel=1e-2)
        assert rows["collision_probability"][slow] < 1e-22


def test_factors_of_sigma_hold_for_shared_errors_too(shared_data: Path) -> None:
    """Both objects' sigmas doubled, what they share included: the Mahalanobis distance halves."""
    path = cara(shared_data)[0]
    one = th.assess_files(path, {"assess.dcp": True})["mahalanobis_distance"]
    two = th.assess_files(path, {"assess.dcp": True, "assess.kp": 2.0, "assess.ks": 2.0})
    np.testing.assert_allclose(two["mahalanobis_distance"], 0.5 * one, rtol=1e-6)


def test_operational_message_over_the_square(shared_data: Path) -> None:
    """States that turn with the Earth, radii in comments, and the area that MD2 uses."""
    path = shared_data / "messages" / "cdm" / "orekit__ION_SCV8_vs_STARLINK_1233.txt"
    (pc,) = th.assess_files(path, {"assess.preset": "md2"})["collision_probability"]
    assert pc == pytest.approx(0.004450713, rel=1e-4)


def test_radius_in_place_of_the_stated(shared_data: Path) -> None:
    (row,) = read_rows(shared_data / "pc" / "dcp_cases.csv")
    path, hbr = shared_data / "pc" / "cdm" / row["cdm"], float(row["HBR_m"])
    (plain,) = th.assess_files(path, hbr_m=hbr)["collision_probability"]
    (shared,) = th.assess_files([path], {"assess.dcp": True}, hbr_m=hbr)["collision_probability"]
    assert plain == pytest.approx(float(row["own_Pc_uncorrected"]), rel=1e-6)
    assert shared == pytest.approx(float(row["own_PcXC"]), rel=1e-6)


def test_table_of_the_published_events(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, _ = cara(shared_data)
    picture = tmp_path / "pc.png"
    assert main(["assess", str(path), "--picture", str(picture)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["TCA", "(UTC)"]
    assert len(lines) == 28
    slow = next(line for line in lines if line.startswith("2022-12-10T14:03:11.516"))
    assert slow.split()[1:3] == ["35946", "30648"]
    assert "4.455e-23" in slow
    assert slow.endswith("inaccurate")
    assert lines[-1].startswith("26 conjunctions; files: 26;")
    assert picture.stat().st_size > 10_000


def test_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["assess", str(folder)]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[-1].startswith("2 conjunctions; files: 3; not read, each told above: 1")
    assert re.search(r"not assessed: .*c\.txt, line 22, X: wrong unit", err)


def test_designators_that_are_no_numbers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "a.cdm"
    path.write_text(MESSAGE.replace("= 45214", "= ANALYST-7").replace("= 55051", "= 000055051"))
    assert main(["assess", str(path), "--object", "999000001"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[1].split()[1:3] == ["55051", "999000001"]
    assert "ANALYST-7 = 999000001" in err


def test_choice_of_conjunctions(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["assess", str(folder), "--top", "1", "--object", "45214"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert main(["assess", str(folder), "--object", "1"]) == 2
    assert "object 1 is in none of 2" in capsys.readouterr().err


@pytest.mark.parametrize("top", [[], ["--top", "1"]])
def test_csv(folder: Path, tmp_path: Path, top: list[str]) -> None:
    """Reads back the very numbers."""
    path = tmp_path / "rows.csv"
    words = ["assess", str(folder), "assess.fragment_lc_m=0.1", "--output", str(path), *top]
    assert main(words) == 0
    assert path.with_suffix(".png").exists()
    rows = th.assess_files(folder, {"assess.fragment_lc_m": 0.1})
    with path.open() as stream:
        table = list(csv.DictReader(stream))
    place = [0, 1]
    if top:
        place = [int(np.argmax(rows["collision_probability"]))]
    assert len(table) == len(place)
    for name, column in rows.items():
        if column.ndim == 1:
            got = [float(row[name] or "nan") for row in table]
            np.testing.assert_array_equal(got, column[place].astype(float), err_msg=name)
    assert table[0]["source"].endswith(".cdm" if 0 in place else ".kvn")
    assert table[0]["tca_utc"] == "2023-07-05T20:31:15.893000"


def test_results_file_is_assessed_again(folder: Path, tmp_path: Path) -> None:
    """What --output FILE.h5 wrote is a results file; factors of sigma are not applied twice."""
    path = tmp_path / "rows.h5"
    words = ["assess.kp=3", "assess.preset=md2", "--output", str(path)]
    assert main(["assess", str(folder), *words]) == 0
    first, again = (
        th.assess_files(folder, {"assess.kp": 3.0, "assess.preset": "md2"}),
        th.assess_files(path),
    )
    for name in ("collision_probability", "mahalanobis_distance", "sat1_sigma_t", "combined_hbr"):
        np.testing.assert_allclose(again[name], first[name], rtol=1e-9, err_msg=name)
    assert th.open_results(path).collision_probability.size == 2
    assert main(["show", str(path), "--object", "55051"]) == 0


def test_a_run_assessed_again_has_the_columns_that_it_stored(events: dict[str, Path]) -> None:
    stored = read_results(events["results"]).conjunctions
    again = th.assess_files(events["results"])
    lacking = set(stored) - set(again)
    # Of the screening, not of risk.
    assert {name.removeprefix("sat1_").removeprefix("sat2_") for name in lacking} == {
        "object1", "object2", "in_volume", "caught", "at_discontinuity", "age",
    }  # fmt: skip
    assert len(again["tca"]) == len(stored["tca"]) > 100
    assert np.isfinite(stored["collision_probability"]).all()
    for name in set(stored) - lacking:
        scale = np.nanmax(np.abs(stored[name].astype(float)), initial=0.0)
        # Tiny probabilities magnify the rounding of the states; below 1e-30 only that they are.
        floor = 1e-30 if "prob" in name or "pc_max" in name or name == "nc2d" else scale * 1e-9
        loose = 1e-4 if np.asarray(stored[name]).dtype == np.float32 else SAME
        np.testing.assert_allclose(again[name], stored[name], rtol=loose, atol=floor, err_msg=name)
    np.testing.assert_array_equal(
        again["stated_collision_probability"], stored["collision_probability"]
    )


@pytest.mark.parametrize("kind", ["kvn", "json", "xml", "csv"])
def test_messages_of_a_run(events: dict[str, Path], kind: str) -> None:
    """What a run printed in full precision gives the probability that it printed."""
    rows = th.assess_files(events[kind])
    stated = rows["stated_collision_probability"]
    large = stated > 1e-30
    assert large.sum() > 10
    np.testing.assert_allclose(rows["collision_probability"][large], stated[large], rtol=SAME)
    np.testing.assert_allclose(
        rows["miss_distance"], rows["stated_miss_distance"], rtol=1e-9, atol=1e-6
    )


def test_a_run_directory_is_its_results(events: dict[str, Path]) -> None:
    rows = th.assess_files(events["results"].parent)
    assert len(rows["tca"]) == len(read_results(events["results"]).conjunctions["tca"])


def test_monte_carlo_and_sensitivity_on_any_ranks(
    folder: Path, mpirun: Launch, tmp_path: Path
) -> None:
    message = folder / "a.cdm"
    full = COVARIANCE + "".join(
        f"{key} = 0\n" for key in COVARIANCE_KEYWORDS if f"{key} =" not in COVARIANCE
    )
    message.write_text(MESSAGE.replace(COVARIANCE, full))
    outputs = []
    for n in (1, 3):
        table, picture = tmp_path / f"{n}.csv", tmp_path / f"{n}.png"
        done = mpirun(
            n, "-m", "tracss_hpc", "assess", str(message), "--top", "1", "--hbr-m", "600",
            "--monte-carlo", "30000", "--output", str(table), "--sensitivity", str(picture),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "MONTE CARLO" in done.stdout
        outputs.append((table.read_bytes(), picture.read_bytes()))
    assert outputs[0] == outputs[1]
    with (tmp_path / "1.csv").open() as stream:
        (row,) = csv.DictReader(stream)
    assert float(row["monte_carlo_samples"]) == 32768.0
    assert float(row["monte_carlo_lower"]) <= float(row["monte_carlo_probability"])
    assert float(row["monte_carlo_upper"]) > 0.0


def test_rows_without_a_radius_are_not_drawn(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bare.cdm"
    path.write_text(MESSAGE.replace("COMMENT HBR = 20 [m]\n", ""))
    assert main(["assess", str(path), "--monte-carlo", "10"]) == 0
    out, err = capsys.readouterr()
    assert "no-hbr" in out
    assert "1 refused: a hard-body radius is missing or negative" in out
    assert "no Monte Carlo for 1 conjunctions" in err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["run.days=1"], "'run.days' is no setting of the assessment"),
        (["assess.solar=min"], "'assess.solar' is no setting of the assessment"),
        (["assess.pc_aera=square"], "did you mean assess.pc_area"),
        (["assess.preset=esa"], "must be"),
        (["--output", "rows.txt"], "must end in .csv or .h5"),
        (["--picture", "rows.pdf"], "must end in .png"),
        (["--output", "nowhere/rows.csv"], "there is no folder nowhere"),
        (["--hbr-m", "-3"], "not a radius"),
        (["--sensitivity", "map.png"], "draws one conjunction, 2 are chosen"),
    ],
)
def test_words_that_are_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], why: str
) -> None:
    assert main(["assess", str(folder), *words]) == 2
    assert why in capsys.readouterr().err


def test_nothing_to_read(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no file or folder"):
        th.assess_files(tmp_path / "absent")
    with pytest.raises(MessageError, match=r"c\.txt, line 22, X: wrong unit"):
        th.assess_files(folder / "more" / "c.txt")
    note = tmp_path / "note.txt"
    note.write_text("nothing")
    with pytest.raises(MessageError, match="a message begins with CCSDS_CDM_VERS"):
        th.assess_files(note)
    with pytest.raises(ConfigError, match=r"assess\.kp"):
        th.assess_files(folder, {"assess.kp": -1.0})
