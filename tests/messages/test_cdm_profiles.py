"""Profiles of CDMs: keys against the API's templates, and exact round trips of each format."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import pytest

from tests.messages.test_cdm import random_table
from tracss_hpc.errors import MessageError
from tracss_hpc.messages.cdm import (
    ALL_LINES,
    COVARIANCE_KEYWORDS,
    STATE_KEYWORDS,
    CdmTable,
    make_cdm_table,
    take_messages,
)
from tracss_hpc.messages.cdm_profiles import CDM_PROFILES, CdmProfile, profile_lines
from tracss_hpc.messages.cdm_read import parse_cdms, read_cdms
from tracss_hpc.messages.cdm_write import (
    CDM_KINDS,
    format_bundle,
    format_cdms,
    split_kind,
    split_writable,
)

KINDS = CDM_KINDS[4:]  # the first four are other names of tracss-2.0
#: Lines that no text of the profile carries back: told otherwise there.
LOST: dict[str, set[str]] = {"ccsds-1.0": {"CCSDS_CDM_VERS", "MEETS_ALERTABLE_CRITERIA"}}


def whole_table(rng: np.random.Generator, n: int, profile: CdmProfile) -> CdmTable:
    """Random messages with all the profile has, blank where it may be, values it prints exactly."""
    table = random_table(rng, n)
    columns: dict[str, Any] = dict(table.columns)
    for line in profile_lines(profile):
        for entry in line.lines:
            if entry.keyword.type == "float" and (line.mandatory or len(line.lines) > 1):
                given = columns[entry.name]
                columns[entry.name] = np.where(np.isnan(given), 0.5, given)
            elif entry.keyword.name.startswith(("CDRG", "CSRP", "CTHR")):
                columns[entry.name] = np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n))
            elif line.mandatory and entry.keyword.name == "COVARIANCE_METHOD":
                columns[entry.name] = np.full(n, "CALCULATED")
            if line.converted:  # km in the record, m in the text
                columns[entry.name] = rng.integers(0, 500, n).astype(np.float64)
    columns["COMBINED_HBR"] = np.full(n, 8.0)
    columns["CONJUNCTION_ID"] = np.array([f"{k}" for k in range(n)])
    for k in (1, 2):
        columns[f"SAT{k}_MANEUVERABLE"] = np.full(n, "UNKNOWN")
    return make_cdm_table(columns, n)


def printed_lines(profile: CdmProfile) -> set[str]:
    return {e.name for line in profile_lines(profile) for e in line.lines} - LOST.get(
        profile, set()
    )


def assert_lines_same(a: CdmTable, b: CdmTable, names: set[str]) -> None:
    assert len(a) == len(b)
    for name in sorted(names):
        one, two = a.columns[name], b.columns[name]
        blank = np.isnat if one.dtype.kind == "M" else lambda column: column != column
        assert ((one == two) | (blank(one) & blank(two))).all(), name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 7])
def test_full_precision_reads_back_bit_identical(
    kind: str, n: int, rng: np.random.Generator
) -> None:
    profile, form = split_kind(kind)
    table = whole_table(rng, n, profile)
    text = format_bundle(format_cdms(table, form, "full", profile), form, profile)
    again = parse_cdms(text)
    assert again.profiles == (profile,) * n
    left_out = {"SCREEN_PC_THRESHOLD"} if kind == "tracss-2.1.json" else set()
    assert_lines_same(again, table, printed_lines(profile) - left_out)
    assert format_bundle(format_cdms(again, form, "full", profile), form, profile) == text


@pytest.mark.parametrize("kind", KINDS)
def test_operational_precision_reads_back_what_was_printed(
    kind: str, rng: np.random.Generator
) -> None:
    profile, form = split_kind(kind)
    table = whole_table(rng, 5, profile)
    text = format_bundle(format_cdms(table, form, "operational", profile), form, profile)
    again = parse_cdms(text)
    assert format_bundle(format_cdms(again, form, "operational", profile), form, profile) == text


def test_keys_of_the_api(shared_data: Path, rng: np.random.Generator) -> None:
    """KVN and JSON have the keys of the API's templates, in their order, and KVN its units."""
    folder = shared_data / "messages" / "tracss_api"
    table = whole_table(rng, 1, "tracss-2.1")
    (text,) = format_cdms(table, "kvn", "full", "tracss-2.1")
    template = (folder / "cdm_v2_template.kvn").read_text().splitlines()
    keys = [row.partition("=")[0].strip() for row in template]
    rows = text.splitlines()
    assert len(rows) == 181
    assert [row.partition("=")[0].strip() for row in rows] == keys
    for row, expected in zip(rows, template, strict=True):
        if not row.endswith("="):
            assert re.findall(r"\[[^]]*\]$", row) == re.findall(r"\[[^]]*\]$", expected), row
    (text,) = format_cdms(table, "json", "full", "tracss-2.1")
    assert list(json.loads(text)) == list(json.loads((folder / "cdm_v2_template.json").read_text()))


def test_published_messages_keep_every_bit(shared_data: Path) -> None:
    """All 26 of NASA CARA through each profile: states and covariances bit for bit."""
    names = {f"SAT{k}_{key}" for k in (1, 2) for key in (*STATE_KEYWORDS, *COVARIANCE_KEYWORDS)}
    paths = sorted((shared_data / "messages" / "cdm_cara").glob("*.cdm"))
    assert len(paths) == 26
    for path in paths:
        table = read_cdms(path)
        for kind in ("ccsds-1.0.kvn", "ccsds-1.0.xml"):
            profile, form = split_kind(kind)
            text = format_bundle(format_cdms(table, form, "full", profile), form, profile)
            again = parse_cdms(text)
            assert_lines_same(again, table, {line.name for line in ALL_LINES})
            assert_lines_same(again, table, names)


def test_messages_without_covariance_are_parted_off(rng: np.random.Generator) -> None:
    table = whole_table(rng, 4, "ccsds-1.0")
    columns = {name: column.copy() for name, column in table.columns.items()}
    columns["SAT2_CT_T"][2] = np.nan
    columns["MESSAGE_ID"] = np.array(["a", "b", "c", "d"])
    table = make_cdm_table(columns, 4)
    rest, skipped = split_writable(table, "ccsds-1.0")
    assert rest.columns["MESSAGE_ID"].tolist() == ["a", "b", "d"]
    assert skipped == [("c", "SAT2_CT_T")]
    assert len(format_cdms(rest, "kvn", "full", "ccsds-1.0")) == 3
    with pytest.raises(MessageError, match="SAT2_CT_T"):
        format_cdms(table, "kvn", "full", "ccsds-1.0")
    same, none = split_writable(rest, "ccsds-1.0")
    assert same is rest
    assert none == []


def flat_messages(rng: np.random.Generator, n: int) -> tuple[CdmTable, list[dict[str, Any]]]:
    """Messages, and the same as the flat objects of the API."""
    table = whole_table(rng, n, "tracss-2.1")
    texts = format_cdms(table, "json", "full", "tracss-2.1")
    return table, [json.loads(text) for text in texts]


API_LINES = printed_lines("tracss-2.1") - {"SCREEN_PC_THRESHOLD"}


@pytest.mark.parametrize("root", ["", "tracssCdms"])
def test_xml_of_the_api(root: str, rng: np.random.Generator) -> None:
    """Flat elements in any order, units beside, with or without a root, messages one by one."""
    table, flat = flat_messages(rng, 3)
    messages = []
    for members in flat:
        first, *rest = members.items()
        rng.shuffle(rest)
        rows = [f"<{key}>{escape(value or '')}</{key}>" for key, value in (first, *rest)]
        messages.append("\n".join(rows))
    text = "\n".join(messages)
    if root:
        wrapped = "".join(f"<cdm>{message}</cdm>" for message in messages)
        text = f'<?xml version="1.0"?>\n<{root}>{wrapped}</{root}>'
    again = parse_cdms(text)
    assert again.profiles == ("tracss-2.1",) * 3
    assert_lines_same(again, table, API_LINES)


def test_csv_and_ndjson_of_the_api(rng: np.random.Generator) -> None:
    table, flat = flat_messages(rng, 3)
    out = io.StringIO()
    writer = csv.DictWriter(out, list(flat[0]))
    writer.writeheader()
    writer.writerows(flat)
    for text in (out.getvalue(), "\n".join(map(json.dumps, flat))):
        again = parse_cdms(text)
        assert again.profiles == ("tracss-2.1",) * 3
        assert_lines_same(again, table, API_LINES)


def test_units_of_flat_messages_are_converted(rng: np.random.Generator) -> None:
    _, (flat,) = flat_messages(rng, 1)
    flat |= {"MISS_DISTANCE": "0.715", "MISS_DISTANCE_UNIT": "km", "SAT1_CR_R": "2e-6"}
    read = parse_cdms(json.dumps(flat | {"SAT1_CR_R_UNIT": "km**2"})).columns
    assert (read["MISS_DISTANCE"][0], read["SAT1_CR_R"][0]) == (715.0, 2.0)
    with pytest.raises(MessageError, match="furlong"):
        parse_cdms(json.dumps(flat | {"SAT1_CR_R_UNIT": "furlong"}))


def test_nested_xml_of_one_and_of_several(shared_data: Path) -> None:
    """One message is a `cdm`, several stand in an `ndm`; a third segment is refused."""
    path = sorted((shared_data / "messages" / "cdm_cara").glob("*.cdm"))[0]
    (text,) = format_cdms(read_cdms(path), "xml", "full", "ccsds-1.0")
    one = format_bundle([text], "xml", "ccsds-1.0")
    two = format_bundle([text, text], "xml", "ccsds-1.0")
    assert "<ndm>" not in one
    assert [len(parse_cdms(xml)) for xml in (one, two)] == [1, 2]
    segment = one[one.index("<segment>") : one.index("</segment>") + 10]
    with pytest.raises(MessageError, match="a third segment"):
        parse_cdms(one.replace("</body>", segment + "</body>"))


@pytest.mark.parametrize("profile", CDM_PROFILES)
def test_lines_of_a_profile(profile: CdmProfile) -> None:
    lines = profile_lines(profile)
    assert len(lines) == {"tracss-2.0": 200, "tracss-2.1": 181, "ccsds-1.0": 228}[profile]
    assert len({(line.key, line.object) for line in lines}) == len(lines)


def test_taken_messages_keep_their_notes() -> None:
    table = make_cdm_table({"MESSAGE_ID": np.array(["a", "b", "c"])}, 3, lines=(1, 5, 9))
    taken = take_messages(table, np.array([2, 0]))
    assert taken.columns["MESSAGE_ID"].tolist() == ["c", "a"]
    assert taken.lines == (9, 1)
    assert taken.columns["TCA"].strides == (0,)
