"""The verb cdm: messages checked against their own states, and converted between profiles."""

from __future__ import annotations

import logging
import lzma
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.messages.test_ccsds_cdm import MESSAGE
from tracss_hpc.assess.recompute import RECOMPUTED, agrees, recompute_lines
from tracss_hpc.assess.stated import stated_by_table
from tracss_hpc.cli import main
from tracss_hpc.config import CDM_KINDS as CONFIG_KINDS
from tracss_hpc.messages.cdm import COVARIANCE_KEYWORDS, STATE_KEYWORDS, CdmTable, find_keyword
from tracss_hpc.messages.cdm_read import read_cdms
from tracss_hpc.messages.cdm_write import CDM_KINDS
from tracss_hpc.messages.units import convert_text, unit_factor

KINDS = CDM_KINDS[4:]
WHOLE = (
    MESSAGE.replace("RESIDUALS_ACCEPTED = 85.4 [", "RESIDUALS_ACCEPTED = 85.4 [%]")
    .replace("CRDOT_RDOT", "CRDOT_N = 0 [m**2/s]\nCRDOT_RDOT")
    .replace("MISS_DISTANCE = 600", "MISS_DISTANCE = 548")
)


@pytest.fixture(autouse=True)
def _keep_logging() -> Iterator[None]:
    logger = logging.getLogger("tracss_hpc")
    handlers, level = logger.handlers, logger.level
    yield
    logger.handlers, logger.level = handlers, level


def recomputed(table: CdmTable) -> dict[str, np.ndarray]:
    stated, errors = stated_by_table(table, "")
    assert errors == []
    assert stated is not None
    return recompute_lines(stated)[0]


def test_published_messages_agree_with_their_states(shared_data: Path) -> None:
    """26 of NASA CARA: relative state to half its last digit, apsides and inclination too."""
    for path in sorted((shared_data / "messages" / "cdm_cara").glob("*.cdm")):
        table = read_cdms(path)
        lines = recomputed(table)
        for name in RECOMPUTED:
            stated = table.columns[name]
            if not np.isnan(stated).any():
                assert agrees(name, stated, lines[name]).all(), (path.name, name)
        assert abs(table.columns["MISS_DISTANCE"] - lines["MISS_DISTANCE"])[0] < 0.5
        for k in (1, 2):
            assert (
                abs(table.columns[f"SAT{k}_INCLINATION"] - lines[f"SAT{k}_INCLINATION"])[0] < 0.05
            )
            for name in ("APOAPSIS_ALTITUDE", "PERIAPSIS_ALTITUDE"):
                assert abs(table.columns[f"SAT{k}_{name}"] - lines[f"SAT{k}_{name}"])[0] < 0.55


def test_operational_message_in_a_turning_frame(shared_data: Path) -> None:
    """States in ITRF, values cut off instead of rounded, Pc over the square: all agree."""
    folder = shared_data / "messages" / "cdm"
    table = read_cdms(folder / "orekit__ION_SCV8_vs_STARLINK_1233.txt")
    assert table.columns["SAT1_REF_FRAME"].tolist() == ["ITRF"]
    lines = recomputed(table)
    stated = [name for name in RECOMPUTED if not np.isnan(table.columns[name][0])]
    assert len(stated) == 15
    for name in stated:
        assert agrees(name, table.columns[name], lines[name])[0], name
    assert lines["COLLISION_PROBABILITY"][0] == pytest.approx(0.004450713, rel=1e-4)


def test_check_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """|(500, 100, 200)| m = 547.7 m; a wrong miss and a missing key are told, and the code is 1."""
    path = tmp_path / "a.cdm"
    path.write_text(WHOLE)
    assert main(["cdm", str(path)]) == 1
    said = capsys.readouterr().out
    assert "ccsds-1.0 one, TCA 2023-07-05T20:31:15.893000, states in EME2000" in said
    assert "547.72256  agrees" in said
    assert "keys   lacks ORIGINATOR" in said
    assert "order  as the profile has it" in said
    assert "1 messages read, 1 of them amiss; 0 not readable" in said
    path.write_text(WHOLE.replace("= 548", "= 600").replace("TCA =", "Q =").replace(
        "MESSAGE_ID = one", "TCA = 2023-186T20:31:15.893\nMESSAGE_ID = one").replace(
        "Q = 2023-186T20:31:15.893\n", ""))  # fmt: skip
    assert main(["cdm", str(path)]) == 1
    said = capsys.readouterr().out
    assert "DIFFERS by 52.2774" in said
    assert "MESSAGE_ID (line 5) after TCA" in said
    path.write_text(WHOLE.replace("X = 7000.0 [km]", "X = 7000.0 [kg]"))
    assert main(["cdm", str(path)]) == 3
    assert "line 22, X: wrong unit" in capsys.readouterr().out


def test_all_cara_messages_pass(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shared_data / "messages" / "cdm_cara"
    assert main(["cdm", str(folder / "*.cdm")]) == 0
    said = capsys.readouterr().out
    assert "26 messages read, 0 of them amiss; 0 not readable" in said
    assert "DIFFERS" not in said


@pytest.mark.parametrize("kind", KINDS)
def test_conversion_and_back(
    shared_data: Path, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A CARA message as any kind still agrees with itself; its states and covariances are kept."""
    path = sorted((shared_data / "messages" / "cdm_cara").glob("*.cdm"))[0]
    assert main(["cdm", "--convert", kind, "--output", str(tmp_path), str(path)]) == 0
    (made,) = tmp_path.iterdir()
    assert made.name == f"{path.stem}.{kind}"
    assert main(["cdm", str(made)]) == 0
    assert "DIFFERS" not in capsys.readouterr().out
    before, after = read_cdms(path), read_cdms(made)
    for k in (1, 2):
        for key in (*STATE_KEYWORDS, *COVARIANCE_KEYWORDS, "APOAPSIS_ALTITUDE", "OBJECT_NAME"):
            name = f"SAT{k}_{key}"
            assert before.columns[name].tolist() == after.columns[name].tolist(), name


def test_conversion_turns_states_only_where_it_must(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "messages" / "cdm" / "orekit__ION_SCV8_vs_STARLINK_1233.txt"
    for kind in ("ccsds-1.0.xml", "tracss-2.0.json"):
        assert main(["cdm", "--convert", kind, "--output", str(tmp_path), str(path)]) == 0
    kept = read_cdms(tmp_path / f"{path.stem}.ccsds-1.0.xml").columns
    turned = read_cdms(tmp_path / f"{path.stem}.tracss-2.0.json").columns
    assert (kept["SAT1_REF_FRAME"][0], turned["SAT1_REF_FRAME"][0]) == ("ITRF", "EME2000")
    assert kept["SAT1_X"][0] == -5719.153201
    length = [np.hypot(np.hypot(c["SAT1_X"], c["SAT1_Y"]), c["SAT1_Z"])[0] for c in (kept, turned)]
    assert length[0] == pytest.approx(length[1], rel=1e-14)
    assert turned["SAT1_X"][0] != kept["SAT1_X"][0]
    assert turned["SAT1_HBR"][0] == 5.0  # the exclusion volume radius
    assert turned["RUN_ID"][0] == "UNKNOWN"
    assert np.isnat(turned["START_SCREEN_PERIOD"][0])


def test_messages_that_a_profile_cannot_hold_are_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.cdm"
    path.write_text(WHOLE)
    target = tmp_path / "out"
    assert main(["cdm", "--convert", "ccsds-1.0.kvn", "--output", str(target), str(path)]) == 1
    assert capsys.readouterr().out == "  left out: one lacks ORIGINATOR\n"
    assert list(target.iterdir()) == []


def test_one_bad_message_costs_itself_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two frames in one message: it is left out, the others are whole; what is no CDM is told."""
    mixed = WHOLE.replace("MESSAGE_ID = one", "MESSAGE_ID = two")
    mixed = mixed.replace("REF_FRAME = EME2000", "REF_FRAME = ITRF", 1)
    bundle, cut = tmp_path / "a.cdm", tmp_path / "b.cdm.xz"
    bundle.write_text(WHOLE + mixed + WHOLE)
    cut.write_bytes(lzma.compress(WHOLE.encode())[:-20])
    words = ["cdm", "--convert", "kvn", "--output", str(tmp_path / "o")]
    assert main([*words, str(bundle)]) == 1
    said = capsys.readouterr().out
    assert "a.tracss-2.0.kvn: 2 messages" in said
    assert "left out" in said
    assert "REF_FRAME: given ITRF and EME2000" in said
    made = read_cdms(tmp_path / "o" / "a.tracss-2.0.kvn")
    assert np.isfinite(made.columns["SAT1_APPROACH_ANGLE"]).all()
    assert main([*words, str(cut), str(bundle)]) == 3
    said = capsys.readouterr().out
    assert "2 messages" in said
    assert "not read: " in said
    assert "cut short or damaged" in said


def test_what_has_no_place_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.cdm"
    path.write_text(WHOLE)
    assert main(["cdm", "--convert", "kvn", "--output", str(tmp_path / "o"), str(path)]) == 0
    assert "no place in tracss-2.0 for " in (said := capsys.readouterr().out)
    assert "COMBINED_HBR (1)" in said


def test_inputs_are_never_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = tmp_path / "a.cdm", tmp_path / "a.ccsds-1.0.kvn"
    first.write_text(WHOLE)
    second.write_text(WHOLE.replace("MESSAGE_ID = one", "MESSAGE_ID = two"))
    words = ["cdm", "--convert", "ccsds-1.0.kvn", "--output", str(tmp_path)]
    assert main([*words, str(first), str(second)]) == 2
    assert "would both become" in capsys.readouterr().err
    assert "MESSAGE_ID = two" in second.read_text()
    assert main(["cdm", "--convert", "kvn", "--output", str(tmp_path), str(second)]) == 0
    assert (tmp_path / "a.tracss-2.0.kvn").exists()


@pytest.mark.parametrize("text", ["", " \n\n"])
def test_file_without_messages_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    path = tmp_path / "a.cdm"
    path.write_text(text)
    assert main(["cdm", "--convert", "kvn", "--output", str(tmp_path / "o"), str(path)]) == 3
    assert "there is no CDM in it" in capsys.readouterr().out
    assert list((tmp_path / "o").iterdir()) == []


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("CT_T = ", "CT_T = -", "a position variance is negative"),
        ("CR_R = ", "CR_R = 1e20\nCOMMENT ", "9.9 Earth radii or more, the mark of no information"),
    ],
)
def test_impossible_covariance_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, why: str
) -> None:
    path = tmp_path / "a.cdm"
    path.write_text(WHOLE.replace(old, new))
    assert main(["cdm", str(path)]) == 1
    assert f"cannot be computed: {'' if 'variance' in why else 'a position sigma of '}{why}" in (
        capsys.readouterr().out
    )


def test_check_goes_on_after_a_damaged_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut, empty, good = tmp_path / "a.xz", tmp_path / "b.cdm", tmp_path / "c.cdm"
    cut.write_bytes(lzma.compress(WHOLE.encode())[:-20])
    empty.touch()
    good.write_text(WHOLE)
    assert main(["cdm", str(cut), str(empty), str(good)]) == 3
    said = capsys.readouterr().out
    assert "cut short or damaged" in said
    assert "b.cdm: there is no CDM in it" in said
    assert "1 messages read, " in said
    assert "2 not readable" in said


def test_folder_that_cannot_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.cdm"
    path.write_text(WHOLE)
    assert main(["cdm", "--convert", "kvn", "--output", str(path / "o"), str(path)]) == 1
    assert "cannot be made: Not a directory; name another" in capsys.readouterr().err


def test_names_of_messages_are_no_paths(tmp_path: Path) -> None:
    """Whatever a message calls itself, its file is named after the file it came from."""
    path = tmp_path / "a.cdm"
    path.write_text(WHOLE.replace("MESSAGE_ID = one", "MESSAGE_ID = ../../../evil"))
    target = tmp_path / "deep" / "er"
    assert main(["cdm", "--convert", "tracss-2.1.kvn", "--output", str(target), str(path)]) == 0
    assert [p.name for p in target.iterdir()] == ["a.tracss-2.1.kvn"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--convert", "pdf", "--output", "x"], "this version writes kvn, json"),
        (["--convert", "kvn"], "needs --output DIR"),
        (["--output", "x"], "folder of --convert"),
    ],
)
def test_words_that_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], why: str
) -> None:
    path = tmp_path / "a.cdm"
    path.write_text(WHOLE)
    assert main(["cdm", str(path), *words]) == 2
    assert why in capsys.readouterr().err


def test_two_files_of_one_name_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [tmp_path / "a.cdm", tmp_path / "a.txt"]
    for path in paths:
        path.write_text(WHOLE)
    words = ["cdm", "--convert", "kvn", "--output", str(tmp_path / "o"), *map(str, paths)]
    assert main(words) == 2
    assert "would both become" in capsys.readouterr().err


def test_configuration_has_the_same_kinds() -> None:
    assert CONFIG_KINDS == CDM_KINDS


def test_recomputed_lines_are_lines_of_the_format() -> None:
    assert all(find_keyword(name) is not None for name in RECOMPUTED)


@pytest.mark.parametrize(
    ("given", "expected", "factor"),
    [
        ("km", "m", 1000.0), ("m", "km", 1e-3), ("km**2", "m**2", 1e6), ("m/sec", "m/s", 1.0),
        ("km**2/s**2", "m**2/s**2", 1e6), ("m**3/(kg*s)", "m**3/(kg*s)", 1.0), ("h", "d", 1 / 24),
        ("rad", "deg", 57.29577951308232), ("W/kg", "m**2/s**3", 1.0), ("m", "s", None),
        ("furlong", "m", None), ("", "m", None), ("m**99", "m", None), ("%", "%", 1.0),
    ],
)  # fmt: skip
def test_units(given: str, expected: str, factor: float | None) -> None:
    assert unit_factor(given, expected) == factor


def test_converted_text_keeps_every_bit() -> None:
    assert convert_text("0.715", 1000.0) == "715.0"
    assert convert_text("0.1", 1.0) == "0.1"
    assert convert_text("many", 1000.0) == "many"
