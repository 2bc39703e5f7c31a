"""Reading catalogs from disk, and choosing the element set of each object."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import hashlib
import json
import lzma
import shutil
from pathlib import Path

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from sgp4.api import Satrec

from tracss_hpc.catalog.catalog import (
    Catalog,
    after_start,
    automatic_start,
    read_catalog,
    select_element_sets,
)
from tracss_hpc.epochs import Epoch, parse_epoch
from tracss_hpc.errors import ConfigError, InputDataError, MessageError, UsageError
from tracss_hpc.messages.source import read_text

GP = Path(__file__).parents[1] / "messages" / "gp"
START = parse_epoch("2025-09-01T12:00:00")


def sets(*rows: tuple[int, float, int]) -> Catalog:
    """Catalog of (designator, days from START to epoch, element set number)."""
    one = read_catalog([GP / "good.3le"]).catalog.take([0] * len(rows))
    fraction = np.array([0.5 + days for _, days, _ in rows])
    return dataclasses.replace(
        one,
        designator=np.array([i for i, _, _ in rows]),
        epoch_jd=START.jd + np.floor(fraction),
        epoch_fr=fraction % 1.0,
        element_set_no=np.array([n for _, _, n in rows]),
    )


def same(a: Catalog, b: Catalog) -> bool:
    """Whether all columns but the source are equal bit by bit."""
    return all(
        np.array_equal(getattr(a, field.name), getattr(b, field.name))
        for field in dataclasses.fields(a)
        if field.name not in ("source_file", "source_record", "mass_kg")
    )


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [
        ("3le", "TLE"),
        ("kvn", "OMM KVN"),
        ("xml", "OMM XML"),
        ("json", "OMM JSON"),
        ("csv", "OMM CSV"),
    ],
)
@pytest.mark.parametrize("packer", ["plain", "gz", "xz", "zst"])
def test_every_format_gives_the_same_catalog(
    tmp_path: Path, suffix: str, kind: str, packer: str
) -> None:
    """Told apart by content: every file here is called data.bin."""
    data = (GP / f"good.{suffix}").read_bytes()
    pack = {
        "plain": bytes,
        "gz": gzip.compress,
        "xz": lzma.compress,
        "zst": zstandard.ZstdCompressor().compress,
    }[packer]
    path = tmp_path / "data.bin"
    path.write_bytes(pack(data))
    found = read_catalog([path], strict=True)
    assert same(found.catalog, read_catalog([GP / "good.3le"]).catalog)
    assert len(found.rejected) == 0
    assert found.inputs == [
        {
            "path": str(path),
            "name": "data.bin",
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "bytes": path.stat().st_size,
            "format": kind,
            "records_read": 3,
            "records_rejected": 0,
        }
    ]


@pytest.mark.parametrize("suffix", ["3le", "kvn", "xml", "json", "csv"])
def test_byte_order_mark_and_crlf(tmp_path: Path, suffix: str) -> None:
    text = (GP / f"good.{suffix}").read_text()
    path = tmp_path / "windows"
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert same(read_catalog([path]).catalog, read_catalog([GP / "good.3le"]).catalog)


def test_several_files_and_globs(tmp_path: Path) -> None:
    for name in ("good.3le", "space-track.json", "tle-bad-checksum.3le"):
        shutil.copy(GP / name, tmp_path)
    found = read_catalog([tmp_path / "space-track.json", f"{tmp_path}/*.3le"])
    assert found.catalog.designator.tolist() == [999000123, 99901, 270001, 7, 99901, 7]
    assert found.catalog.source_file.tolist() == [
        "space-track.json",
        *["good.3le"] * 3,
        *["tle-bad-checksum.3le"] * 2,
    ]
    assert found.rejected.file.tolist() == ["tle-bad-checksum.3le"]
    assert found.rejected.record.tolist() == [5]
    assert found.rejected.designator.tolist() == ["T0001"]
    assert "checksum is 6" in found.rejected.reason[0]
    assert [row["records_rejected"] for row in found.inputs] == [0, 0, 1]


def test_types_and_default_radii() -> None:
    catalog = read_catalog([GP / "good.3le", GP / "space-track.csv"]).catalog
    assert catalog.object_type.tolist() == ["PAYLOAD", "DEBRIS", "ROCKET BODY", "ROCKET BODY"]
    assert catalog.hbr_m.tolist() == [5.0, 1.0, 3.0, 3.0]
    assert np.isnan(catalog.mass_kg).all()
    assert catalog.owner.tolist() == ["", "", "", "ARGN"]


@pytest.mark.parametrize(
    ("name", "where", "given"),
    [
        ("tle-bad-checksum.3le", "line 5", "6"),
        ("omm-frame-eme2000.kvn", "line 29", "EME2000"),
        ("omm-wrong-unit.xml", "record 2", "rad"),
        ("omm-true-for-number.json", "record 2", "True"),
        ("omm-row-short.csv", "line 3", "5"),
    ],
)
def test_strict_stops_at_the_first_bad_record(name: str, where: str, given: str) -> None:
    with pytest.raises(MessageError) as caught:
        read_catalog([GP / "good.3le", GP / name], strict=True)
    assert caught.value.exit_code == 3
    assert caught.value.file == str(GP / name)
    assert caught.value.given == given
    assert f"{name}, {where} (" in str(caught.value)
    assert given in str(caught.value)


@pytest.mark.parametrize("pattern", ["nothing*.tle", "nothing.tle"])
def test_no_such_file(pattern: str) -> None:
    with pytest.raises(UsageError, match="nothing") as caught:
        read_catalog([GP / "good.3le", GP / pattern])
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b" \r\n\t", "is empty"),
        (b"Dear all,\nplease find attached\n", "no GP data recognised (it begins 'Dear all,')"),
        (b"\x00\x01\x02\xff" * 50, "no GP data recognised (it begins with bytes that are no text)"),
        (b"CCSDS_OEM_VERS = 2.0\nORIGINATOR = X\n", "is a CCSDS OEM, not GP data"),
        (b"<html><body>404</body></html>", "is a web page, not GP data"),
        (b"<!doctype HTML><html><body>404</body></html>", "is a web page, not GP data"),
        (b"<svg></svg>", "XML root is <svg>"),
        (b'{"error": "login required"}', "is no OMM: it holds error"),
        (b"[]", "OMM JSON without a single record"),
        (b"<ndm></ndm>", "OMM XML without a single record"),
        (b"NORAD_CAT_ID,MEAN_MOTION\n1,2\n", "lacks EPOCH"),
        (gzip.compress(b"1 25544U", mtime=0)[:-6], "cut short or damaged"),
        (b"PK\x03\x04", "zip is not read"),
    ],
)
def test_file_without_gp_data_is_an_error(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "input.dat"
    path.write_bytes(content)
    with pytest.raises(InputDataError) as caught:
        read_catalog([path])
    assert caught.value.file == str(path)
    assert caught.value.exit_code == 3
    assert words in str(caught.value)
    assert "input.dat" in str(caught.value)


def test_files_with_bad_records_alone_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "bad.tle"
    path.write_text("\n".join((GP / "tle-sgp4-xp.3le").read_text().split("\n")[3:6]))
    with pytest.raises(InputDataError, match="all 1 records are bad") as caught:
        read_catalog([path])
    assert (caught.value.file, caught.value.line) == (str(path), 2)
    assert "SGP4-XP" in str(caught.value)


@settings(deadline=None, derandomize=True)
@given(data=st.data())
def test_any_bytes_give_a_catalog_or_an_input_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Bytes overwritten, cut or inserted in good files of every format, packed or not."""
    name = data.draw(st.sampled_from(["good.3le", "good.kvn", "good.xml", "good.json", "good.csv"]))
    content = bytearray((GP / name).read_bytes())
    if data.draw(st.booleans()):
        content = bytearray(gzip.compress(content))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, max(0, len(content) - 1)))
        content[at : at + data.draw(st.integers(0, 100))] = data.draw(st.binary(max_size=8))
    path = tmp_path_factory.getbasetemp() / "fuzz.dat"
    path.write_bytes(content)
    with contextlib.suppress(InputDataError):
        found = read_catalog([path])
        assert len(found.catalog) == found.inputs[0]["records_read"]
        assert len(found.rejected) == found.inputs[0]["records_rejected"]


def repeated(suffix: str, n: int) -> str:
    """A file of n records: the three good ones under n numbers."""
    text = (GP / f"good.{suffix}").read_text()
    if suffix == "json":
        rows = json.loads(text)
        return json.dumps([{**rows[i % 3], "NORAD_CAT_ID": 100001 + i} for i in range(n)])
    start, stop, head, tail = {
        "3le": ("0 OWL 1", "", "", ""),
        "csv": ("OWL 1", "", text.split("\n")[0] + "\n", ""),
        "kvn": ("CCSDS", "", "", ""),
        "xml": ("<omm", "</ndm>", "<ndm>", "</ndm>"),
    }[suffix]
    body = text[text.index(start) : text.index(stop) if stop else None]
    return head + body * (n // 3) + tail


@pytest.mark.parametrize("suffix", ["3le", "kvn", "xml", "json", "csv"])
def test_large_files_are_read_whole(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "large"
    path.write_text(repeated(suffix, 30000))
    found = read_catalog([path])
    assert (len(found.catalog), len(found.rejected)) == (30000, 0)


# Which set: (designator, days after start, element set number) and the expected status.
CHOICES = {
    "newest not after start": [
        (5, -2.0, 1, "duplicate"),
        (5, -1.0, 1, "ok"),
        (5, 0.1, 9, "duplicate"),
    ],
    "epoch at start is not after it": [(5, -0.1, 1, "duplicate"), (5, 0.0, 1, "ok")],
    "earliest after start": [(5, 2.0, 9, "duplicate"), (5, 1.0, 1, "ok")],
    "larger set number": [(5, -1.0, 8, "ok"), (5, -1.0, 7, "duplicate")],
    "larger set number, after start": [(5, 1.0, 8, "ok"), (5, 1.0, 7, "duplicate")],
    "later row": [(5, -1.0, 7, "duplicate"), (5, -1.0, 7, "ok")],
    "later row, after start": [(5, 1.0, 7, "duplicate"), (5, 1.0, 7, "ok")],
    "old": [(5, -30.0, 1, "ok"), (6, -30.1, 1, "stale"), (7, 30.1, 1, "stale"), (8, 30.0, 1, "ok")],
    "a stale set is not replaced": [(5, -31.0, 1, "stale"), (5, 1.0, 1, "duplicate")],
    "objects do not mix": [(9, -1.0, 1, "ok"), (5, -1.0, 1, "ok"), (9, -2.0, 1, "duplicate")],
}


@pytest.mark.parametrize("rows", CHOICES.values(), ids=CHOICES.keys())
def test_choice_of_element_set(rows: list[tuple[int, float, int, str]]) -> None:
    catalog = sets(*(row[:3] for row in rows))
    status = select_element_sets(catalog, START, 30.0)
    assert status.tolist() == [row[3] for row in rows]


def test_one_set_of_every_object_is_chosen(rng: np.random.Generator) -> None:
    """Against the rule written as a loop."""
    rows = [
        (int(i), float(d), int(n))
        for i, d, n in zip(
            rng.integers(1, 60, 400),
            rng.integers(-6, 6, 400) / 4,
            rng.integers(1, 4, 400),
            strict=True,
        )
    ]
    status = select_element_sets(sets(*rows), START, 30.0)
    for designator in {row[0] for row in rows}:
        mine = [(k, *row) for k, row in enumerate(rows) if row[0] == designator]
        before = [row for row in mine if row[2] <= 0.0]
        best = max(
            before or mine,
            key=lambda row: (row[2] if before else -row[2], row[3], row[0]),
        )
        assert [row[0] for row in mine if status[row[0]] != "duplicate"] == [best[0]]


def test_sets_from_after_start_can_be_counted() -> None:
    catalog = sets((5, 1.0, 1), (6, -1.0, 1), (6, 1.0, 1), (7, 0.0, 1))
    chosen = select_element_sets(catalog, START, 30.0) == "ok"
    assert after_start(catalog, START).tolist() == [True, False, True, False]
    assert int((chosen & after_start(catalog, START)).sum()) == 1


def test_selection_of_nothing() -> None:
    empty = sets((5, 0.0, 1)).take([])
    assert select_element_sets(empty, START, 30.0).tolist() == []
    with pytest.raises(InputDataError, match=r"give run\.start"):
        automatic_start(empty)


@pytest.mark.parametrize("days", [0.0, -1.0, float("nan")])
def test_age_limit_must_be_above_zero(days: float) -> None:
    with pytest.raises(ConfigError, match="max_age_days") as caught:
        select_element_sets(sets((5, 0.0, 1)), START, days)
    assert caught.value.key == "catalog.max_age_days"
    assert repr(days) in str(caught.value)


def test_automatic_start_is_the_full_hour_after_the_99th_percentile() -> None:
    stray = [(i, -1.0 + i / 1000, 1) for i in range(99)] + [(99, 9.0, 1)]
    start = automatic_start(sets(*stray))  # 99 of 100 sets end at -0.902 d: 14:21:07 the day before
    assert start == Epoch(START.jd - 1.0, 15 / 24)
    # Strictly after, also across midnight.
    assert automatic_start(sets((5, 0.0, 1))) == Epoch(START.jd, 13 / 24)
    assert automatic_start(sets((5, 0.49, 1))) == Epoch(START.jd + 1.0, 0.0)


# Reference catalogs (skipped where absent).

COUNTS = {
    "billgray_3le_2025-09-01.txt.xz": 28488,
    "billgray_3le_2020-03-02.txt.xz": 18875,
    "keeptrack_tle_2021-07-22.txt.xz": 23249,
    "celestrak_on_orbit_2024-11-01.csv.xz": 26834,
}


@pytest.mark.parametrize("name", sorted(COUNTS))
def test_real_catalogs_are_read_whole(shared_data: Path, name: str) -> None:
    path = shared_data / "catalogs" / name
    found = read_catalog([path])
    assert len(found.catalog) == COUNTS[name]
    assert len(found.rejected) == 0


def test_three_ids_of_the_2020_catalog_are_given_twice(shared_data: Path) -> None:
    catalog = read_catalog([shared_data / "catalogs" / "billgray_3le_2020-03-02.txt.xz"]).catalog
    status = select_element_sets(catalog, automatic_start(catalog), 30.0)
    assert (status == "duplicate").sum() == 3


@pytest.mark.parametrize("name", [name for name in sorted(COUNTS) if "csv" not in name])
def test_epochs_equal_those_of_python_sgp4(shared_data: Path, name: str) -> None:
    path = shared_data / "catalogs" / name
    catalog = read_catalog([path]).catalog
    lines = read_text(path).split("\n")
    rows = range(0, len(catalog), 7)
    for row in rows:
        at = catalog.source_record[row]
        satellite = Satrec.twoline2rv(lines[at - 1].rstrip(), lines[at].rstrip())
        assert (satellite.jdsatepoch, satellite.jdsatepochF) == (
            catalog.epoch_jd[row],
            catalog.epoch_fr[row],
        )
        assert satellite.ecco == catalog.eccentricity[row]
        assert satellite.inclo == np.deg2rad(catalog.inclination[row])
        assert satellite.bstar == pytest.approx(catalog.bstar[row], rel=1e-15, abs=0)


def test_socrates_text_files_malformed_at_the_source(shared_data: Path) -> None:
    """Eight-digit eccentricities shift the columns: five records are bad, JSON and CSV are not."""
    folder = shared_data / "socrates" / "top20_run_2026-03-09T18"
    text = read_catalog([f"{folder}/gp_*.txt"])
    assert (len(text.catalog), len(text.rejected)) == (35, 5)
    assert all("column 34 (blank)" in reason for reason in text.rejected.reason)
    from_json = read_catalog([f"{folder}/gp_*.json"], strict=True).catalog
    assert len(from_json) == 40
    assert same(from_json, read_catalog([f"{folder}/gp_*.csv"], strict=True).catalog)
