"""CDMs with a byte changed, and files made to harm: an error, or one field that differs."""

from __future__ import annotations

import csv
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.messages.test_ccsds_cdm import MESSAGE
from tests.messages.test_cdm_profiles import KINDS, whole_table
from tracss_hpc.errors import MessageError
from tracss_hpc.messages import cdm_read
from tracss_hpc.messages.cdm import CdmTable
from tracss_hpc.messages.cdm_profiles import CdmProfile, comment_key, spellings
from tracss_hpc.messages.cdm_read import parse_cdms, read_cdms, sift_cdms
from tracss_hpc.messages.cdm_write import format_bundle, format_cdms, split_kind


@cache
def sample(kind: str) -> tuple[str, CdmTable]:
    """A message of a kind, and what is read of it."""
    profile, form = split_kind(kind)
    table = whole_table(np.random.default_rng(7), 1, profile)
    text = format_bundle(format_cdms(table, form, "full", profile), form, profile)
    return text, parse_cdms(text)


def changed_lines(a: CdmTable, b: CdmTable) -> set[str]:
    names = set()
    for name, column in a.columns.items():
        other = b.columns[name]
        blank = np.isnat if column.dtype.kind == "M" else lambda values: values != values
        if not ((column == other) | (blank(column) & blank(other))).all():
            names.add(name)
    return names


def fields_at(kind: str, text: str, place: int) -> set[str]:
    """Lines of the table that the character at `place` belongs to; a separator is part of both."""
    profile, form = split_kind(kind)
    if form == "csv":
        start = text.rfind("\n", 0, place) + 1
        row = text[start:place].rstrip('"')
        k = len(next(csv.reader([row]), [""])) - 1
        names = text.partition("\r\n")[0].split(",")
        return set(names[max(k, 0) : k + 2])
    if form == "json":
        keys = list(re.finditer(r'"([A-Z][A-Z0-9_]+)":', text))
        k = sum(key.start() <= place for key in keys)
        return {
            name
            for key in keys[max(k - 1, 0) : k + 1]
            for name in names_of(profile, key[1].removesuffix("_UNIT"), key[1])
        }
    rows = text.split("\n")
    number = text.count("\n", 0, place)
    return {
        name
        for k in (number, number + (text[place] == "\n"))
        if k < len(rows)
        for name in names_of_row(profile, rows, k)
    }


def names_of_row(profile: CdmProfile, rows: list[str], k: int) -> set[str]:
    """Lines of the table that a line of KVN or XML prints."""
    row = rows[k]
    opened = [r for r in rows[: k + 1] if re.match(r"OBJECT +=|<segment>", r)]
    scope = f"SAT{len(opened)}_" if opened and "USER_DEFINED" not in row else ""
    comment = re.match(r"(?:<COMMENT>|COMMENT )([^=<]*)", row)
    key = comment_key(comment[1]) if comment else re.sub(r"^<(?:cdm id=.)?", "", row)
    if not comment:
        key = re.split(r"[ =>\"/]", key)[0]
    return names_of(profile, scope + key, key)


def names_of(profile: CdmProfile, *keys: str) -> set[str]:
    known = spellings(profile)
    version = {"TRACSS_CDM_VERS": "CCSDS_CDM_VERS"}
    found = [known[version.get(key, key)] for key in keys if version.get(key, key) in known]
    return {entry.name for line in found for entry in line.lines}


def mutate(kind: str, at: float, character: str) -> None:
    text, original = sample(kind)
    place = int(at * len(text))
    if text[place] == character:
        return
    try:
        table = parse_cdms(text[:place] + character + text[place + 1 :], file="m")
    except MessageError:
        return
    assert len(table) == 1
    names = changed_lines(original, table)
    assert names <= fields_at(kind, text, place), (kind, text[place - 30 : place + 30], character)


characters = st.characters(codec="utf-8") | st.sampled_from(
    list('0123456789-+.eE_=[]{}<>&,:;"\n /')
)
mutations = given(
    st.sampled_from(KINDS), st.floats(0.0, 1.0, exclude_max=True, width=64), characters
)


@settings(deadline=None, max_examples=300, suppress_health_check=list(HealthCheck))
@mutations
def test_a_changed_character(kind: str, at: float, character: str) -> None:
    mutate(kind, at, character)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_many_changed_characters(kind: str) -> None:
    @settings(deadline=None, max_examples=10_000, suppress_health_check=list(HealthCheck))
    @given(st.floats(0.0, 1.0, exclude_max=True, width=64), characters)
    def run(at: float, character: str) -> None:
        mutate(kind, at, character)

    run()


BOMB = """<?xml version="1.0"?>
<!DOCTYPE cdm [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<cdm id="CCSDS_CDM_VERS" version="1.0"><header><ORIGINATOR>&b;</ORIGINATOR></header></cdm>
"""


@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        '<?xml version="1.0"?><!DOCTYPE cdm SYSTEM "file:///etc/passwd"><cdm/>',
        '<!DOCTYPE cdm [<!ENTITY x SYSTEM "http://localhost/">]><cdm>&x;</cdm>',
    ],
)
def test_xml_that_expands_or_fetches_is_refused(text: str) -> None:
    with pytest.raises(MessageError, match="document type or entity") as caught:
        parse_cdms(text)
    assert caught.value.key == "DOCTYPE"


def test_entity_without_declaration() -> None:
    with pytest.raises(MessageError, match="undefined entity"):
        parse_cdms('<cdm id="CCSDS_CDM_VERS" version="1.0"><header><A>&b;</A></header></cdm>')


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[" * 100_000, "recursion"),
        ('{"CCSDS_CDM_VERS":' + "1" * 5000 + "}", "4300"),
        ("CCSDS_CDM_VERS = 1.0\n" + "OBJECT = OBJECT1\n" * 100_000, "once each"),
        ("<cdm>" * 1000, "flat elements"),
        ("<ndm>" + "<a>" * 1000, "not a CDM"),
        ("\0" * 1000, "begins with"),
        ("x," * 100_000, "begins with"),
    ],
)
def test_files_made_to_harm(text: str, part: str) -> None:
    with pytest.raises(MessageError, match=part):
        parse_cdms(text)


def test_too_large_files_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large.cdm"
    with path.open("wb") as file:
        file.truncate(4_000_000_001)  # sparse
    with pytest.raises(MessageError, match="more than 954 MiB, packed or unpacked, is not read"):
        read_cdms(path)
    monkeypatch.setattr(cdm_read, "LARGEST_BYTES", 100)
    path.write_text(MESSAGE)
    with pytest.raises(MessageError, match="is not read; split it") as caught:
        read_cdms(path)
    assert caught.value.allowed == 100


@pytest.mark.parametrize(
    "text",
    [
        "{}\n" * 100_000,
        "[" + "{}," * 100_000 + "{}]",
        "<ndm>" + "<cdm></cdm>" * 100_000 + "</ndm>",
        "CCSDS_CDM_VERS = 1.0\n" * 100_000,
    ],
    ids=["ndjson", "json", "xml", "kvn"],
)
def test_files_full_of_faults_are_left(text: str) -> None:
    table, errors = sift_cdms(text, file="a")
    assert len(table) == 0
    assert len(errors) <= 1001
    assert str(errors[-1]) == "a: 1,000 messages cannot be read, the rest is not looked at"


@pytest.mark.parametrize("where", ["key", "value"])
def test_errors_quote_no_more_than_a_line(where: str) -> None:
    long = "A" * 1_000_000
    text = "CCSDS_CDM_VERS = 1.0\n" + (f"{long} = 1\n" if where == "key" else f"OBJECT = {long}\n")
    (error,) = sift_cdms(text)[1]
    assert len(str(error)) < 500
