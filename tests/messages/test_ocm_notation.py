"""OCM in XML and JSON: broken notation, and files made to harm."""

from __future__ import annotations

import re

import pytest

from tests.messages.ocm_samples import (
    record_contents,
    sample,
)
from tracss_hpc.errors import MessageError
from tracss_hpc.messages import ocm_notation
from tracss_hpc.messages.findings import Judge
from tracss_hpc.messages.ocm import parse_ocm
from tracss_hpc.messages.ocm_notation import cut_ocm
from tracss_hpc.messages.ocm_write import format_ocm


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("<ocm", '<!DOCTYPE ocm [<!ENTITY a "b">]>\n<ocm', "entity declaration is refused"),
        ("<ocm", '<!DOCTYPE ocm SYSTEM "file:///etc/passwd">\n<ocm', "is refused"),
        ("Owner<", "&other;<", "not well-formed"),
        ("</ocm>", "", "not well-formed"),
        ("<OWNER>", "<OWNER><b>x</b>", "element within a value"),
        ("<metadata>", "<metadata>stray", "text between elements"),
        ("<metadata>", "<metadata><b>x</b>", "O03"),
        ("<phys>", "<fizz><RCS>1</RCS></fizz><phys>", "O03"),
        ("<ocm", "<ndm><oem/><ocm", "O01"),
        ("<TIME_SYSTEM>UTC", "<TIME_SYSTEM>TAI", "O04"),
        ('units="kg"', 'units="g"', "O10"),
    ],
)
def test_broken_xml(old: str, new: str, word: str) -> None:
    text = format_ocm(parse_ocm(sample()), "XML")
    assert old in text
    with pytest.raises(MessageError, match=word):
        parse_ocm(text.replace(old, new, 1))


def test_xml_within_ndm_with_namespace() -> None:
    record = parse_ocm(sample())
    inner = format_ocm(record, "XML").partition("\n")[2]
    text = f'<?xml version="1.0"?>\n<n:ndm xmlns:n="urn:x"><COMMENT>x</COMMENT>{inner}</n:ndm>'
    assert record_contents(parse_ocm(text)) == record_contents(record)
    twice = f"<ndm>{inner}{inner}</ndm>"
    with pytest.raises(MessageError, match=r"more than one OCM|another message"):
        parse_ocm(twice)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "O01"),
        ("[]", "O01"),
        ("[1]", "O01"),
        ("{", "not JSON"),
        ("[" * 100_000, "O01"),
        ('{"CCSDS_OCM_VERS": "3.0"}', "META"),
        ('{"CCSDS_OCM_VERS": "3.0", "META": 5}', "not a section"),
        ('{"CCSDS_OCM_VERS": ["3.0"]}', "not a value"),
        ('{"CCSDS_OCM_VERS": "3.0", "META": {}, "TRAJ": [{"trajLine": "x"}]}', "one list"),
        ('{"CCSDS_OCM_VERS": "3.0", "META": {"OWNER": "a", "OWNER": "b"}}', "already"),
    ],
)
def test_broken_json(text: str, word: str) -> None:
    with pytest.raises(MessageError, match=word):
        parse_ocm(text)


def test_json_numbers_keep_their_digits() -> None:
    text = format_ocm(parse_ocm(sample()), "JSON").replace('"100"', "100").replace('"4.5"', "4.50")
    assert record_contents(parse_ocm(text)) == record_contents(parse_ocm(sample()))


def test_too_many_sections_end_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocm_notation, "MAX_BLOCKS", 50)
    many = sample() + "MAN_START\nMAN_ID = 1\nMAN_STOP\n" * 60
    xml = "<man><MAN_ID>1</MAN_ID></man>" * 60
    more = ", ".join(['{"MAN_ID": "1"}'] * 60)
    for text in (
        many,
        format_ocm(parse_ocm(sample()), "XML").replace("<pert>", xml + "<pert>"),
        format_ocm(parse_ocm(sample()), "JSON").replace('"MAN": [', f'"MAN": [{more}, '),
    ):
        with pytest.raises(MessageError, match="at most 50 sections"):
            parse_ocm(text)


def test_control_characters_are_refused() -> None:
    """A name is printed to terminals."""
    with pytest.raises(MessageError, match="control characters") as caught:
        parse_ocm(sample().replace("OBJECT_NAME = ", "OBJECT_NAME = \x1b[31m", 1))
    assert (caught.value.code, caught.value.key) == ("O10", "OBJECT_NAME")


@pytest.mark.parametrize("between", ["", " ", "\n\n", "\n<!-- words -->\n", " \n\t"])
@pytest.mark.parametrize("mark", ["", "<!-- \x7f -->", "<!-- <![CDATA[ -->"])
def test_rows_of_xml_however_they_are_parted(between: str, mark: str) -> None:
    """Rows in one element after another are the same rows, on their own lines."""
    text = format_ocm(parse_ocm(sample()), "XML").replace("<body>", f"<body>{mark}")
    parted = re.sub(r"</(traj|cov)Line>\n<", lambda m: f"</{m[1]}Line>{between}<", text)
    judge = Judge("a")
    sections = cut_ocm(parted, judge)
    for section, expected in zip(sections, cut_ocm(text, judge), strict=True):
        assert section.rows == expected.rows
        for row, line in zip(section.rows, section.row_lines, strict=True):
            assert row in parted.split("\n")[line - 1]


def test_rows_of_xml_may_be_broken_over_lines() -> None:
    text = format_ocm(parse_ocm(sample()), "XML")
    broken = re.sub(r"(<trajLine>\S+) ", r"\1\n", text)
    rows = [section.rows for section in cut_ocm(broken, Judge("a"))]
    assert rows == [section.rows for section in cut_ocm(text, Judge("a"))]
