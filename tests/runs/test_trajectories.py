"""The commands on ephemeris files: `catalog --to-ocm` or `--to-oem`, `pair` on what they wrote."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import tracss_hpc as th
from tests.oracles.pc import circle_probability, encounter
from tracss_hpc.cli import main
from tracss_hpc.messages.trajectory_files import read_trajectory
from tracss_hpc.messages.utc import parse_utc
from tracss_hpc.runs.pair import _approach
from tracss_hpc.screening.tabulated_pair import PairApproaches

PLANTED = Path(__file__).resolve().parents[1] / "data" / "planted.csv"


def write(
    tmp_path: Path, number: int, *more: str, message: str = "ocm", days: float = 0.25
) -> Path:
    path = tmp_path / ".".join([str(number), *more[1:], message])
    words = ["catalog", str(PLANTED), f"--to-{message}", str(number), "--output", str(path), *more]
    assert main([*words, "--start", "2026-01-10T00:00:00", "--days", str(days)]) == 0
    return path


@pytest.mark.parametrize("notation", ["kvn", "xml", "json"])
def test_writes_the_ocm_of_an_object(
    notation: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, 800000001, "--format", notation)
    assert "800000001 PLANT CROSS00 A, 371 states" in capsys.readouterr().out
    record = read_trajectory(path, strict=True)
    assert record.object.designator == "800000001"
    assert "not an operational message" in record.classification
    assert record.blocks[0].useable_start.iso() == "2026-01-10T00:00:00.000000"
    assert record.blocks[0].useable_stop.iso() == "2026-01-10T06:00:00.000000"


@pytest.mark.parametrize("notation", ["kvn", "xml"])
def test_writes_the_oem_of_an_object(
    notation: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same states and covariances as the OCM; what it cannot hold is said."""
    path = write(tmp_path, 800000001, "--format", notation, message="oem")
    out = capsys.readouterr().out
    assert "800000001 PLANT CROSS00 A, 371 states" in out
    assert re.search("\nnot in an OEM: .*USER_DEFINED_HBR", out)
    record = read_trajectory(path, strict=True)
    assert (record.source_format, record.object.designator) == ("OEM", "800000001")
    (block,) = record.blocks
    (other,) = read_trajectory(write(tmp_path, 800000001)).blocks
    assert (block.useable_start, block.useable_stop) == (other.useable_start, other.useable_stop)
    assert (block.covariance_frame, block.interpolation_degree) == ("RSW_INERTIAL", 6)
    for name in ("jd", "seconds", "r", "v", "covariance_jd", "covariance_seconds", "covariance"):
        assert np.array_equal(getattr(block, name), getattr(other, name)), name


def test_pair_gives_one_answer_for_ocm_and_oem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second = write(tmp_path, 800000002)
    answers = set()
    for message, notation in (("ocm", "kvn"), ("oem", "kvn"), ("oem", "xml")):
        first = write(tmp_path, 800000001, "--format", notation, message=message)
        capsys.readouterr()
        assert main(["pair", str(first), str(second), "--hbr-m", "10"]) == 0
        answers.add(capsys.readouterr().out.replace(", OEM,", ", OCM,"))
    assert len(answers) == 1


def test_planted_conjunction_is_found_from_the_two_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The planted pair 1 x 2 crosses; `pair` prints the minimum that Trajectory gives."""
    files = [write(tmp_path, number) for number in (800000001, 800000002)]
    capsys.readouterr()
    assert main(["pair", *map(str, files), "--within-km", "50"]) == 0
    text = capsys.readouterr().out
    assert "approaches within 50 km" in text
    tca = text.partition("TCA        ")[2].partition(" UTC")[0]
    a, b = (th.Trajectory.from_file(path).state(tca)[0] for path in files)
    miss_m = float(text.partition("miss distance")[2].split()[0])
    assert float(((a - b) ** 2).sum() ** 0.5) * 1e3 == pytest.approx(miss_m, abs=1e-3)


def test_pair_asks_a_catalog_for_the_objects(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(write(tmp_path, number)) for number in (800000001, 800000002)]
    one = tmp_path / "one.csv"
    one.write_text("\n".join([*PLANTED.read_text().split("\n")[:2], ""]))
    capsys.readouterr()
    assert main(["pair", *files, "--catalog", str(PLANTED)]) == 0
    assert "O20" not in capsys.readouterr().out
    assert main(["pair", *files, "--catalog", str(one)]) == 0
    text = capsys.readouterr().out
    assert (text.count("O20"), "O20: not known: found '800000002'" in text) == (1, True)
    assert main(["pair", *files, "--catalog", str(one), "--strict"]) == 3
    assert "O20" in capsys.readouterr().err


def test_pair_takes_a_burn_within_a_block_and_mends_covariances_on_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [write(tmp_path, number) for number in (800000001, 800000002)]
    lines = files[0].read_text().split("\n")
    k = lines.index("TRAJ_STOP") - 100
    epoch, x, *rest = lines[k].split()
    lines[k] = " ".join([epoch, repr(float(x) + 0.5), *rest])
    start = next(k for k, line in enumerate(lines) if line.startswith("COV_UNITS")) + 1
    for k in range(start, lines.index("COV_STOP")):
        epoch, c_rr, _, c_tt, *rest = lines[k].split()
        c_tr = 2.0 * (float(c_rr) * float(c_tt)) ** 0.5  # a correlation of 2
        lines[k] = " ".join([epoch, c_rr, repr(c_tr), c_tt, *rest])
    files[0].write_text("\n".join(lines))
    capsys.readouterr()
    words = ["pair", *map(str, files)]
    assert main(words) == 3
    assert "O18" in capsys.readouterr().err
    words += ["--max-acceleration-km-s2", "1e-3"]
    sigmas = []
    for more in ([], ["--repair-covariance"]):
        assert main([*words, *more]) == 0
        text = capsys.readouterr().out
        assert "O17" in text
        sigmas.append(float(text.partition("object 1 sigma R T N")[2].split()[0]))
    # Of R and T alone: eigenvalues 3 and -1 become 3 and 0, the variance 1 becomes 1.5.
    assert sigmas[1] > 1.2 * sigmas[0]


@pytest.mark.parametrize(
    ("day", "seconds", "printed"),
    [
        ("2025-01-01", 86399.9999999, "2025-01-02T00:00:00.000000"),
        ("2016-12-31", 86400.9999999, "2017-01-01T00:00:00.000000"),
        ("2016-12-31", 86399.9999999, "2016-12-31T23:59:60.000000"),
        ("2025-01-01", 86399.9999994, "2025-01-01T23:59:59.999999"),
    ],
)
def test_time_within_half_a_microsecond_of_midnight_is_midnight(
    day: str, seconds: float, printed: str
) -> None:
    epoch = parse_utc(f"{day}T00:00:00")._replace(seconds=seconds)
    zero = np.zeros((1, 3))
    found = PairApproaches(
        epoch, np.zeros(1), (zero, zero), (zero, zero), np.zeros(1), np.zeros(1), (zero, zero),
        (zero, zero), np.array(["minimum"]),
    )  # fmt: skip
    assert _approach(found, 0)[0] == f"TCA        {printed} UTC"


def test_nearest_is_printed_when_none_is_near(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(write(tmp_path, number)) for number in (800000001, 800000002)]
    capsys.readouterr()
    assert main(["pair", *files, "--within-km", "1e-9"]) == 0
    text = capsys.readouterr().out
    assert "within 1e-09 km; the nearest:" in text
    assert text.count("TCA ") == 1


def shortened(path: Path, **edges: str) -> str:
    """The OCM with another useable span (`start`, `stop`), in a file beside it."""
    text = path.read_text()
    for edge, epoch in edges.items():
        text = re.sub(rf"(USEABLE_{edge.upper()}_TIME\s+= )\S+", rf"\g<1>{epoch}", text)
    other = path.with_suffix(f".{'.'.join(edges)}.ocm")
    other.write_text(text)
    return str(other)


@pytest.mark.parametrize(("edge", "word"), [("stop", "ends"), ("start", "begins")])
def test_an_end_of_the_common_time_beside_a_tca_is_told(
    edge: str, word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The span ends 10 ms before, or begins 10 ms after, the nearest TCA of the two."""
    files = [write(tmp_path, number) for number in (800000001, 800000002)]
    capsys.readouterr()
    assert main(["pair", *map(str, files), "--within-km", "1e-9"]) == 0
    text = capsys.readouterr().out
    miss_m = float(text.partition("miss distance")[2].split()[0])
    tca = parse_utc(text.partition("TCA        ")[2].partition(" UTC")[0])
    after_s = 0.01 if edge == "start" else -0.01
    end = tca._replace(seconds=round(tca.seconds + after_s, 6)).iso()
    short = shortened(files[0], **{edge: end})
    for within in ("50", "1e-9"):
        assert main(["pair", short, str(files[1]), "--within-km", within, "--lenient"]) == 0
        text = capsys.readouterr().out
        block = text.partition(f"time       {end} UTC   not a minimum: the common time {word} here")
        assert block[1]
        there_m = float(block[2].partition("  distance")[2].split()[0])
        assert miss_m < there_m < miss_m + 500.0
        assert "probability" not in block[2].partition("\n\n")[0]


def test_distance_without_a_minimum(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [write(tmp_path, number) for number in (800000001, 800000002)]
    capsys.readouterr()
    assert main(["pair", *map(str, files), "--within-km", "1e-9"]) == 0
    tca = parse_utc(capsys.readouterr().out.partition("TCA        ")[2].partition(" UTC")[0])
    short = shortened(files[0], start=tca.plus(-60.0).iso(), stop=tca.plus(-0.01).iso())
    assert main(["pair", short, str(files[1]), "--within-km", "1e-9", "--lenient"]) == 0
    text = capsys.readouterr().out
    assert "no approach: the distance has no minimum in the common time; the nearest:" in text
    assert text.count("not a minimum: the common time ends here") == 1
    assert "TCA" not in text


def test_one_file_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(write(tmp_path, 800000001))
    capsys.readouterr()
    assert main(["pair", path, path]) == 0
    text = capsys.readouterr().out
    assert text.splitlines()[-1].startswith("the two are never apart: in all their common time")
    assert "TCA" not in text


def test_probability_is_that_of_the_oracle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From states and covariances of the two files at the TCA printed; 5.1 km miss, 4 km radius."""
    files = [write(tmp_path, number, days=1.0) for number in (800000001, 800000002)]
    capsys.readouterr()
    assert main(["pair", *map(str, files), "--hbr-m", "4000"]) == 0
    text = capsys.readouterr().out
    tca = text.partition("TCA        ")[2].partition(" UTC")[0]
    pair = [th.Trajectory.from_file(path) for path in files]
    states = [np.concatenate(one.state(tca)) for one in pair]
    plane = encounter(*states, *(one.covariance(tca)[:3, :3] for one in pair))
    expected = circle_probability(
        plane["sigma_x"], plane["sigma_z"], plane["miss_x"], plane["miss_z"], 4.0
    )
    words = text.partition("probability")[2].split()
    assert float(words[0]) == pytest.approx(expected, rel=1e-4)  # TCA is printed to 1 us
    assert words[1:6] == ["FOSTER-1992,", "combined", "radius", "4000", "m"]


def test_probability_says_why_there_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [write(tmp_path, number) for number in (800000001, 800000002)]
    without = files[0].read_text()
    without = re.sub(r"(?s)\nCOV_START.*COV_STOP\n", "\n", without)
    no_radius = re.sub(r"(?s)\nUSER_START.*USER_STOP\n", "\n", files[1].read_text())
    files[1].write_text(no_radius)
    capsys.readouterr()
    assert main(["pair", *map(str, files)]) == 0
    assert "a hard-body radius is missing or negative; give --hbr-m" in capsys.readouterr().out
    files[0].write_text(without)
    assert main(["pair", *map(str, files), "--hbr-m", "10"]) == 0
    text = capsys.readouterr().out
    assert "not computed: no covariance" in text
    assert "object 1 sigma" not in text
    assert "object 2 sigma R T N" in text


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--to-ocm", "12345"], 3, "object 12345 is not among the 292 element sets"),
        (["--to-ocm", "x"], 3, "neither 1 to 9 digits"),
        (["--to-oem", "12345"], 3, "object 12345 is not among the 292 element sets"),
        (["--to-oem", "800000001", "--format", "json"], 2, "an OEM has no JSON; give kvn or xml"),
        (["--to-oem", "1", "--to-ocm", "1"], 2, "not allowed with"),
        (["--to-ocm", "800000001", "--start", "noon"], 2, "--start: epoch 'noon' is not"),
        (["--to-ocm", "800000001", "--days", "-1"], 2, "'-1' is not a number > 0"),
        ([], 2, "--to-ocm"),
    ],
)
def test_refused(
    words: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["catalog", str(PLANTED), *words]) == code
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("start", [[], ["--start", "2026-01-10T12:00:00"]])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_sets_of_one_epoch_that_of_a_run_is_taken(
    start: list[str], order: tuple[int, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The larger ELEMENT_SET_NO, as `select_element_sets` has it, wherever it stands."""
    header, first = PLANTED.read_text().split("\n")[:2]
    columns = header.split(",")
    sets = []
    for number, anomaly in ((100, "10.0"), (101, "50.0")):
        cells = first.split(",")
        cells[columns.index("ELEMENT_SET_NO")] = str(number)
        cells[columns.index("MEAN_ANOMALY")] = anomaly
        sets.append(",".join(cells))
    texts = []
    for name, rows in (("one.csv", sets[1:]), ("two.csv", [sets[k] for k in order])):
        path = tmp_path / name
        path.write_text("\n".join([header, *rows, ""]))
        assert main(["catalog", str(path), "--to-ocm", "800000001", "--days", "0.01", *start]) == 0
        texts.append(capsys.readouterr().out.partition("TRAJ_START")[2])
    assert texts[0] == texts[1]


def test_default_start_is_the_epoch_of_the_set(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["catalog", str(PLANTED), "--to-ocm", "800000001", "--days", "0.01"]
    assert main(words) == 0
    assert "USEABLE_START_TIME       = 2026-01-10T00:41:51.000000" in capsys.readouterr().out


def test_oem_on_standard_output_says_in_the_log_what_it_lacks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["catalog", str(PLANTED), "--to-oem", "800000001", "--days", "0.01"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("CCSDS_OEM_VERS       = 3.0\n")
    assert printed.out.endswith("COVARIANCE_STOP\n")
    assert "not in an OEM: " in printed.err


def test_a_span_far_from_the_epoch_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["catalog", str(PLANTED), "--to-ocm", "800000001", "--days", "5"]
    for start, told in (
        ("2026-01-23T00:00:00", "ends 18.0 days after the epoch of the element set, 2026-01-10"),
        ("2025-12-20T00:00:00", "begins 21.0 days before"),
        ("2026-01-18T00:00:00", ""),
    ):
        assert main([*words, "--start", start]) == 0
        err = capsys.readouterr().err
        assert told in err
        assert ("SGP4 loses its meaning" in err) == bool(told)


def test_a_message_that_would_be_refused_is_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beyond the Moon's orbit SGP4's velocities are off by tens of m/s."""
    header, first = PLANTED.read_text().split("\n")[:2]
    columns, cells = header.split(","), first.split(",")
    for name, value in (("MEAN_MOTION", "0.0258"), ("ECCENTRICITY", "0.3348"), ("BSTAR", "0")):
        cells[columns.index(name)] = value
    far, path = tmp_path / "far.csv", str(tmp_path / "far.ocm")
    far.write_text("\n".join([header, ",".join(cells), ""]))
    words = ["catalog", str(far), "--to-ocm", "800000001", "--days", "1", "--output", path]
    assert main(words) == 0
    err = capsys.readouterr().err
    assert "`pair --strict` will refuse this message" in err
    assert "O18" in err
    assert main(["pair", path, path]) == 3


def test_pair_of_files_that_are_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, 800000001)
    write(tmp_path, 800000002)
    assert main(["pair", str(path), str(tmp_path / "none.ocm")]) == 2
    assert "there is no file" in capsys.readouterr().err
    assert main(["pair", str(path), str(tmp_path / "*.ocm")]) == 2
    assert "names 2 files; give one for each object" in capsys.readouterr().err
