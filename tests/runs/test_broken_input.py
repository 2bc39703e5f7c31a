"""Broken input, whole program: the right exit code, a message that names the culprit, no traceback.

Every case goes through the command line. A file that is no catalog, a bad record, a bad word of the
configuration, an output that cannot be, a results file that is none: each ends with a sentence that
says what was given, where, and what to do.
"""

from __future__ import annotations

import gzip
import json
import logging
import lzma
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
import zstandard

from tracss_hpc.cli import main

ROOT = Path(__file__).resolve().parents[2]
CONFIG = str(ROOT / "configs" / "all_vs_all.toml")
QUICK = (
    "run.start=2026-01-10T12:00:00", "run.days=0.05", "run.output=out",
    "audit.max_pair_steps=0", "export.plots=false",
)  # fmt: skip

# ---------------------------------------------------------------- catalogs, good and bad


def checksummed(line: str) -> str:
    """The line of 68 columns with its checksum."""
    return line + str(sum(int(c) if c.isdigit() else c == "-" for c in line) % 10)


LINE_1 = checksummed("1 00005U 58002B   26010.00367511  .00000043  00000-0  31267-4 0  999")
LINE_2 = checksummed("2 00005  34.2575 126.8597 1842795 274.6541  64.7049 10.8592474841184")
OTHER_1 = checksummed("1 00006U 58002C   26010.10367511  .00000043  00000-0  31267-4 0  999")
OTHER_2 = checksummed("2 00006  54.2575 126.8597 1842795 274.6541  64.7049 10.8592474841184")
GOOD = f"VANGUARD 1\n{LINE_1}\n{LINE_2}\n"

RECORD = {
    "OBJECT_NAME": "VANGUARD 1", "OBJECT_ID": "1958-002B", "EPOCH": "2026-01-10T00:05:17.529504",
    "MEAN_MOTION": "10.85924748", "ECCENTRICITY": ".1842795", "INCLINATION": "34.2575",
    "RA_OF_ASC_NODE": "126.8597", "ARG_OF_PERICENTER": "274.6541", "MEAN_ANOMALY": "64.7049",
    "EPHEMERIS_TYPE": "0", "NORAD_CAT_ID": "5", "BSTAR": ".31267E-4", "REF_FRAME": "TEME",
    "TIME_SYSTEM": "UTC",
}  # fmt: skip


def csv(*changes: dict[str, str], without: str = "") -> str:
    """OMM CSV: one row for each set of changes to the good record."""
    keys = [key for key in RECORD if key != without]
    rows = [",".join((RECORD | change)[key] for key in keys) for change in changes]
    return "\n".join([",".join(keys), *rows, ""])


def kvn(**changes: str) -> str:
    """One OMM as KVN."""
    settings = {"CENTER_NAME": "EARTH", "MEAN_ELEMENT_THEORY": "SGP4"}
    values = {"CCSDS_OMM_VERS": "2.0", **settings, **RECORD, **changes}
    return "".join(f"{key} = {value}\n" for key, value in values.items())


LONG = csv(*({"NORAD_CAT_ID": str(k), "MEAN_ANOMALY": f"{k}.5"} for k in range(10, 300)))
ENTITY = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><ndm>&x;</ndm>'

#: Files that no object can be read from: name, content, what the message says.
NO_CATALOG: dict[str, tuple[bytes | str, tuple[str, ...]]] = {
    "empty": ("", ("is empty", "allowed are TLE")),
    "blank": (" \r\n\t\n", ("is empty",)),
    "prose": ("No GP data found\n", ("no GP data recognised", "'No GP data found'")),
    "binary": (bytes(range(256)) * 9, ("no GP data recognised", "bytes that are no text")),
    "cut-gz": (gzip.compress(LONG.encode())[:-99], ("cut short", "fetch the file again")),
    "cut-xz": (lzma.compress(LONG.encode())[:-99], ("cut short", "fetch the file again")),
    "cut-zst": (
        zstandard.compress(LONG.encode())[:-99], ("cut short", "fetch the file again"),
    ),
    "zip": (b"PK\x03\x04....", ("zip is not read", "compress as .gz, .xz or .zst")),
    "web-page": ("<!doctype html>\n<html>404</html>", ("is a web page", "the download failed")),
    "csv-header": (csv({}, without="BSTAR"), ("line 1", "header lacks BSTAR")),
    "csv-no-rows": (csv(), ("OMM CSV without a single record",)),
    "cut-json": (
        json.dumps([RECORD, RECORD], indent=1)[:-40],
        ("not JSON", "line 31, column 3", "is the file whole?"),
    ),
    "json-answer": ('{"error": "login required"}', ("is no OMM: it holds error",)),
    "cut-xml": ("<ndm>\n<omm><body>\n", ("not well-formed XML", "is the file whole?")),
    "xml-entity": (ENTITY, ("document type or entity declaration is refused", "remove it")),
    "other-message": ("CCSDS_OEM_VERS = 2.0\n", ("is a CCSDS OEM, not GP data",)),
    "all-bad": (f"{LINE_1}\n{OTHER_2}\n", ("all 1 records are bad", "line 1", "line 2 is of")),
    "only-stale": (
        csv({"EPOCH": "2024-01-01T00:00:00"}),
        ("none of the 1 element sets", "within 30 days", "run.start", "catalog.max_age_days"),
    ),
}  # fmt: skip

BAD = {"NORAD_CAT_ID": "6"}
#: Files with one good record and one bad: content, record number, object, what the reason says.
BAD_RECORD: dict[str, tuple[str, int, str, tuple[str, ...]]] = {
    "checksum": (
        GOOD + f"{OTHER_1[:68]}{(int(OTHER_1[68]) + 1) % 10}\n{OTHER_2}\n", 4, "00006",
        ("line 1", f"checksum is {(int(OTHER_1[68]) + 1) % 10}", f"add up to {OTHER_1[68]}"),
    ),
    "shifted-column": (
        GOOD + f"{OTHER_1}\n{OTHER_2[:20]} {OTHER_2[20:]}\n", 4, "00006",
        ("line 2: column 18-25", "it has 70 columns, allowed are 69"),
    ),
    "lone-line-1": (GOOD + OTHER_1 + "\n", 4, "00006", ("line 1 without a line 2",)),
    "tle-sgp4-xp": (
        GOOD + checksummed(OTHER_1[:62] + "4" + OTHER_1[63:68]) + f"\n{OTHER_2}\n", 4, "00006",
        ("EPHEMERIS_TYPE '4' (SGP4-XP)", "only 0 is taken"),
    ),
    "bad-number": (
        csv({}, {**BAD, "MEAN_MOTION": "15.O5"}), 3, "6",
        ("MEAN_MOTION '15.O5' is not a decimal number",),
    ),
    "out-of-range": (
        csv({}, {**BAD, "ECCENTRICITY": "1.5"}), 3, "6",
        ("ECCENTRICITY 1.5 is out of range (0 to below 1)",),
    ),
    "no-value": (csv({}, {**BAD, "BSTAR": ""}), 3, "6", ("BSTAR is missing",)),
    "bad-epoch": (
        csv({}, {**BAD, "EPOCH": "2026-02-30T00:00:00"}), 3, "6", ("EPOCH", "2026-02-30"),
    ),
    "bad-id": (
        csv({}, {"NORAD_CAT_ID": "12345678901"}), 3, "12345678901",
        ("catalog number '12345678901'", "1 to 9 digits"),
    ),
    "missing-cell": (csv({}) + "ISS,1998-067A\n", 3, "ISS", ("row has 2 cells, the header 14",)),
    "wrong-frame": (
        kvn() + kvn(NORAD_CAT_ID="6", REF_FRAME="GCRF"), 18, "6",
        ("REF_FRAME is GCRF, allowed is TEME",),
    ),
    "wrong-time-system": (
        kvn() + kvn(NORAD_CAT_ID="6", TIME_SYSTEM="TAI"), 18, "6",
        ("TIME_SYSTEM is TAI, allowed is UTC",),
    ),
    "wrong-theory": (
        kvn() + kvn(NORAD_CAT_ID="6", MEAN_ELEMENT_THEORY="DSST"), 18, "6",
        ("MEAN_ELEMENT_THEORY is DSST, allowed is SGP4",),
    ),
    "unknown-key": (
        kvn() + kvn(NORAD_CAT_ID="6", MEAN_MOTON="1"), 18, "6", ("MEAN_MOTON is no keyword",),
    ),
    "json-type": (
        json.dumps([RECORD, {**RECORD, **BAD, "MEAN_MOTION": True}]), 2, "6",
        ("MEAN_MOTION 'True' is not a decimal number",),
    ),
}  # fmt: skip

# ---------------------------------------------------------------- words of the configuration

#: Words after ``run CONFIG``: exit code and what the message says.
WORDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "no-file": (
        ('catalog.gp=["none.tle"]',),
        ("there is no file none.tle", "relative paths count from the current directory"),
    ),
    "no-match": (('catalog.gp=["none*.tle"]',), ("no file matches none*.tle",)),
    "no-home": (('catalog.gp=["~nobody-here/a.tle"]',), ("there is no file ~nobody-here/a.tle",)),
    "directory": (("catalog.gp=folder",), ("folder is a directory", "folder/*.tle")),
    "unknown-key": (("run.dayz=1",), ("run.dayz", "did you mean run.days?", "run.seed")),
    "unknown-section": (("rum.days=1",), ("rum.days", "did you mean run.days?")),
    "section-alone": (("run=1",), ("run is a section", "run.key=value")),
    "no-equals": (("run.days",), ("'run.days': an override is section.key=value",)),
    "broken-list": (("export.cdm=[kvn]",), ("export.cdm=[kvn]", "text inside lists needs quotes")),
    "wrong-type": (("export.plots=maybe",), ('export.plots = "maybe"', "must be true | false")),
    "days-word": (("run.days=soon",), ('run.days = "soon"', '"table", or a number > 0')),
    "days-negative": (("run.days=-1",), ("run.days = -1", "a number > 0 and <= 366")),
    "start": (
        ("run.start=2026-13-01",), ('run.start = "2026-13-01"', "YYYY-MM-DDThh:mm:ss"),
    ),
    "start-word": (("run.start=tomorrow",), ('run.start = "tomorrow"', '"auto", or a UTC epoch')),
    "seed": (("run.seed=1e30",), ("run.seed = 1e+30", "an integer >= 0 and < 2^63")),
    "slice": (("screening.slice_hours=1e-9",), ("screening.slice_hours = 1e-09", ">= 0.1")),
    "filter": (("screening.disable=chrod",), ('screening.disable = "chrod"', '"chord"')),
    "engine": (("screening.engine=fast",), ('screening.engine = "fast"', '"grid" | "brute"')),
    "volume-shape": (
        ('screening.volumes={shape="CUBE", r_km=1, t_km=1, n_km=1}',),
        ('shape = "CUBE"', '"BOX" | "ELLIPSOID"'),
    ),
    "volume-key": (('screening.volumes={shape="BOX", r_km=1}',), ("it lacks t_km",)),
    "cdm-format": (('export.cdm=["pdf"]',), ('export.cdm = ["pdf"]', '"kvn" | "json"')),
    "compression": (("export.compression=rar",), ('export.compression = "rar"', '"gzip1"')),
    "primary": (
        ("catalog.primaries=[99]",), ("'99' matches no object", "a name pattern, or a text file"),
    ),
    "primary-pattern": (('catalog.primaries="ISS*"',), ("'ISS*' matches no object",)),
    "primary-file": (('catalog.primaries=["ids.txt"]',), ("ids.txt, line 2", "object 99")),
    "owner": (
        ("run.kind=payload_vs_all", 'catalog.exclude_owners=["XX"]'),
        ("owned by 'XX'", "catalog.satcat"),
    ),
    "no-payload": (
        ("run.kind=payload_vs_all", 'catalog.primaries=["VANG*"]', "catalog.satcat=debris.csv"),
        ("no primary is left to screen", "catalog.primaries", "catalog.satcat"),
    ),
    "no-satcat": (("catalog.satcat=none.csv",), ('catalog.satcat = "none.csv"', "no such file")),
    "no-hbr-table": (("catalog.hbr_table=folder",), ("catalog.hbr_table", "is a directory")),
    "no-covariance": (
        ("assess.covariance_table=none.toml",),
        ("covariance table none.toml", "configs/covariance_gp.toml is an example"),
    ),
    "covariance-not-toml": (
        ("assess.covariance_table=ids.txt",), ("covariance table ids.txt cannot be read",),
    ),
    "covariance-key": (
        ("assess.covariance_table=cov.toml",), ("cov.toml", "unknown key 'x_km'", "r_km"),
    ),
    "kind-later": (("run.kind=on_demand_candidate",), ("run.kind", "not yet", "payload_vs_all")),
    "ocm-later": (('catalog.ocm=["a.ocm"]',), ("catalog.ocm", "not yet", "catalog.gp")),
    "output-is-file": (("run.output=ids.txt",), ("run.output = 'ids.txt' is a file",)),
    "output-below-file": (("run.output=ids.txt/a",), ("'ids.txt/a' cannot be made",)),
    "output-in-proc": (("run.output=/proc/none/a",), ("'/proc/none/a' cannot be made",)),
    "output-blank": (("run.output=",), ('run.output = ""', "must be a directory name")),
    "output-in-use": (("run.output=folder",), ("folder is not empty", "--force")),
}  # fmt: skip

#: Tables whose content is wrong (exit code 3): key, content, what the message says.
TABLES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "satcat-columns": ("catalog.satcat", "A,B\n1,2\n", ("lacks OBJECT_NAME", "CelesTrak")),
    "satcat-type": (
        "catalog.satcat",
        "OBJECT_NAME,OBJECT_ID,NORAD_CAT_ID,OBJECT_TYPE,OPS_STATUS_CODE,OWNER\nV,,5,CAR,+,US\n",
        ("line 2", "OBJECT_TYPE 'CAR' is not one of PAY, R/B, DEB"),
    ),
    "satcat-empty": ("catalog.satcat", "", ("lacks OBJECT_NAME",)),
    "hbr-columns": ("catalog.hbr_table", "ObjectID,HBR\n5,1\n", ("lacks Mass",)),
    "hbr-number": (
        "catalog.hbr_table", "ObjectID,HBR,Mass\n5,-1,3\n", ("line 2", "HBR '-1' is not above 0"),
    ),
}  # fmt: skip

CONFIGS: dict[str, tuple[bytes | str | None, tuple[str, ...]]] = {
    "absent": (None, ("no such configuration file", "configs/")),
    "syntax": ("[run]\ndays = \n", ("not valid TOML", "line 2")),
    "twice": ("[run]\ndays = 1\ndays = 2\n", ("not valid TOML", "line 3")),
    "key": ("[run]\n\nday = 1\n", ("run.day", "bad.toml:3", "did you mean run.days?")),
    "section": ("[rum]\ndays = 1\n", ("'rum'", "bad.toml:1", "did you mean run?")),
    "type": ('[run]\nseed = "x"\n', ('run.seed = "x"', "bad.toml:2", "an integer >= 0")),
    "no-section": ("days = 1\n", ("'days'", "bad.toml:1", "did you mean run.days?")),
    "list": ("[[run]]\ndays = 1\n", ("bad.toml:1", "run must be a section [run]")),
    "binary": (b"\xff\xfe\x00", ("the configuration cannot be read",)),
}


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A directory with a good catalog to stand in; logging as it was afterwards."""
    monkeypatch.chdir(tmp_path)
    Path("good.tle").write_text(GOOD)
    Path("folder").mkdir()
    Path("folder/mine.txt").write_text("mine")
    Path("ids.txt").write_text("5\n99\n")
    Path("cov.toml").write_text('["LEO 1"]\nx_km = [1.0]\n')
    header = "OBJECT_NAME,OBJECT_ID,NORAD_CAT_ID,OBJECT_TYPE,OPS_STATUS_CODE,OWNER"
    Path("debris.csv").write_text(f"{header}\nVANGUARD 1,1958-002B,5,DEB,-,US\n")
    logger = logging.getLogger("tracss_hpc")
    handlers, level = logger.handlers, logger.level
    yield
    logger.handlers, logger.level = handlers, level


@pytest.fixture
def error_of(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run the command line, check its exit code and that no traceback shows; what it said."""

    def run(code: int, *words: str) -> str:
        assert main(words) == code
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        if code:
            assert said.out == ""
            assert said.err.startswith("tracss-hpc: ")
        return said.err

    return run


Run = Callable[..., str]


def assert_says(text: str, says: tuple[str, ...]) -> None:
    for words in says:
        assert words in text


# ---------------------------------------------------------------- catalogs


@pytest.mark.parametrize("name", NO_CATALOG)
def test_file_without_catalog(error_of: Run, name: str) -> None:
    content, says = NO_CATALOG[name]
    Path("bad.dat").write_bytes(content.encode() if isinstance(content, str) else content)
    said = error_of(3, "run", CONFIG, *QUICK, 'catalog.gp=["bad.dat"]')
    assert_says(said, says if name == "only-stale" else ("bad.dat", *says))
    assert not Path("out/results.h5").exists()


@pytest.mark.parametrize("name", BAD_RECORD)
def test_bad_record_is_skipped_and_listed(error_of: Run, name: str) -> None:
    content, record, designator, says = BAD_RECORD[name]
    Path("some.dat").write_text(content)
    said = error_of(0, "run", CONFIG, *QUICK, 'catalog.gp=["some.dat"]')
    assert "some.dat: 1 records, 1 rejected" in said
    assert_says(said, (f"some.dat, record {record}, object {designator}", *says))
    assert_says(Path("out/run.log").read_text(), (f"record {record}", *says))
    with h5py.File("out/results.h5") as file:
        assert file["objects/object_designator"][()].tolist() == [5]
        rejected = file["rejected"]
        reason = rejected["reason"].asstr()[0]
        assert len(rejected["reason"]) == 1
        assert_says(reason, says)
        assert rejected["file"].asstr()[0] == "some.dat"
        assert rejected["record"][0] == record
        assert json.loads(file.attrs["inputs"])[0]["records_rejected"] == 1


@pytest.mark.parametrize("name", BAD_RECORD)
def test_bad_record_stops_a_strict_run(error_of: Run, name: str) -> None:
    content, record, designator, says = BAD_RECORD[name]
    Path("some.dat").write_text(content)
    said = error_of(3, "run", CONFIG, *QUICK, "catalog.gp=some.dat", "catalog.strict=true")
    place = "record" if name == "json-type" else "line"
    assert_says(said, (f"some.dat, {place} {record} ({designator})", *says))
    assert not Path("out/results.h5").exists()


@pytest.mark.parametrize("name", TABLES)
def test_wrong_table(error_of: Run, name: str) -> None:
    key, content, says = TABLES[name]
    Path("table.csv").write_text(content)
    said = error_of(3, "run", CONFIG, *QUICK, "catalog.gp=good.tle", f"{key}=table.csv")
    assert_says(said, ("table.csv", *says))


# ---------------------------------------------------------------- configuration


@pytest.mark.parametrize("name", WORDS)
def test_wrong_word(error_of: Run, name: str) -> None:
    words, says = WORDS[name]
    before = sorted(str(path) for path in Path("folder").iterdir())
    said = error_of(2, "run", CONFIG, *QUICK, "catalog.gp=good.tle", *words)
    assert_says(said, says)
    assert sorted(str(path) for path in Path("folder").iterdir()) == before
    assert not Path("out/results.h5").exists()


@pytest.mark.parametrize("name", CONFIGS)
def test_wrong_configuration_file(error_of: Run, name: str) -> None:
    content, says = CONFIGS[name]
    if content is not None:
        Path("bad.toml").write_bytes(content.encode() if isinstance(content, str) else content)
    assert_says(error_of(2, "run", "bad.toml", *QUICK), ("bad.toml", *says))


# ---------------------------------------------------------------- results files


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A results file of one object."""
    folder = tmp_path_factory.mktemp("results")
    (folder / "good.tle").write_text(GOOD)
    words = [w for w in QUICK if not w.startswith("run.output")]
    assert not main(
        ["run", CONFIG, *words, f"run.output={folder}/out", f"catalog.gp={folder}/good.tle"]
    )
    return (folder / "out" / "results.h5").read_bytes()


def damage(content: bytes) -> bytes:
    """Every hundredth byte of the second half another."""
    data = np.frombuffer(content, dtype=np.uint8).copy()
    data[len(data) // 2 :: 100] ^= 255
    return data.tobytes()


READERS = {
    "show": ("show", "bad.h5"), "digest": ("digest", "bad.h5"), "export": ("export", "bad.h5"),
    "compare": ("compare", "good.h5", "bad.h5"), "compare-a": ("compare", "bad.h5", "good.h5"),
}  # fmt: skip


@pytest.mark.parametrize("verb", READERS)
@pytest.mark.parametrize("fault", ["absent", "directory", "text", "empty", "foreign", "cut"])
def test_results_file_that_is_none(error_of: Run, results: bytes, verb: str, fault: str) -> None:
    path = Path("bad.h5")
    Path("good.h5").write_bytes(results)
    code, says = {
        "absent": (2, "no such file; give the results.h5 of a run"),
        "directory": (2, "is a directory; give the results.h5 in it"),
        "text": (3, "not an HDF5 file"),
        "empty": (3, "not an HDF5 file"),
        "foreign": (3, "not a results file (no group objects)"),
        "cut": (3, "cut short"),
    }[fault]
    if fault == "directory":
        path.mkdir()
    elif fault == "foreign":
        with h5py.File(path, "w") as file:
            file["objects"] = [1]
    elif fault != "absent":
        content = {"text": b"hello", "empty": b"", "cut": results[: len(results) // 2]}
        path.write_bytes(content[fault])
    assert_says(error_of(code, *READERS[verb]), ("bad.h5", says))


@pytest.mark.parametrize("verb", ["show", "digest", "export"])
def test_damaged_results_file(error_of: Run, results: bytes, verb: str) -> None:
    Path("bad.h5").write_bytes(damage(results))
    assert "bad.h5: " in error_of(3, *READERS[verb])


@pytest.mark.parametrize(
    "lost", ["@config", "@created", "conjunctions/tca", "conjunctions/object1"]
)
def test_results_file_with_a_gap_cannot_be_exported(
    error_of: Run, results: bytes, lost: str
) -> None:
    Path("bad.h5").write_bytes(results)
    with h5py.File("bad.h5", "a") as file:
        if lost.startswith("@"):
            del file.attrs[lost[1:]]
        else:
            del file[lost]
    assert_says(error_of(3, "export", "bad.h5"), ("bad.h5", "it lacks", lost.lstrip("@")))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["export", "good.h5", "export.cdn=[]"], ("export.cdn", "did you mean export.cdm?")),
        (["export", "good.h5", "export.cdm=pdf"], ('export.cdm = "pdf"', '"kvn"')),
        (["export", "good.h5", "run.days=2"], ("'run.days=2' is no setting of the export",)),
        (["export", "good.h5", "cdm"], ("'cdm': an override is section.key=value",)),
        (["show", "good.h5", "--object", "7"], ("object 7 is not in good.h5", "1 objects")),
        (["show", "good.h5", "--top", "-1"], ("-1 is not a count >= 1",)),
        (["report", "good.h5"], ("report: not yet", "this version has run, plan, show")),
        (["shwo", "good.h5"], ("unknown verb 'shwo'", "did you mean show?")),
    ],
)
def test_wrong_words_for_a_results_file(
    error_of: Run, results: bytes, words: list[str], says: tuple[str, ...]
) -> None:
    Path("good.h5").write_bytes(results)
    assert_says(error_of(2, *words), says)


# ---------------------------------------------------------------- as a process


@pytest.mark.parametrize(
    ("code", "words", "variables", "says"),
    [
        (0, ("catalog.gp=mixed.tle",), {}, ("record 4, object 00006", "checksum is")),
        (3, ("catalog.gp=mixed.tle", "catalog.strict=true"), {}, ("mixed.tle, line 4",)),
        (2, ("catalog.gp=none.tle",), {}, ("there is no file none.tle",)),
        (2, ("run.dayz=1",), {}, ("did you mean run.days?",)),
        (2, (), {"TRACSS_SIMD": "v9"}, ("TRACSS_SIMD='v9'", "this processor runs baseline")),
    ],
)
def test_a_process_ends_with_the_code(
    code: int, words: tuple[str, ...], variables: dict[str, str], says: tuple[str, ...]
) -> None:
    Path("mixed.tle").write_text(BAD_RECORD["checksum"][0])
    done = subprocess.run(
        [sys.executable, "-m", "tracss_hpc", "run", CONFIG, *QUICK, "catalog.gp=good.tle", *words],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **variables},
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert_says(done.stderr, says)
