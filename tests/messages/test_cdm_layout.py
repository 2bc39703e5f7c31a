"""CDMs read by the layout of those before: the same records, errors and lines as one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.messages.test_ccsds_cdm import MESSAGE
from tests.messages.test_cdm_profiles import KINDS, whole_table
from tracss_hpc.assess.stated import STATED_LINES
from tracss_hpc.messages import cdm_layout
from tracss_hpc.messages.cdm_cut import KnownLayouts
from tracss_hpc.messages.cdm_layout import Layouts
from tracss_hpc.messages.cdm_layout_keys import KeyLayouts
from tracss_hpc.messages.cdm_read import sift_cdms
from tracss_hpc.messages.cdm_records import CdmRecord
from tracss_hpc.messages.cdm_write import format_bundle, format_cdms, split_kind

SIZE = 7
Wanted = frozenset[str] | None
#: Comments and units of other people: converted units, words, a unit without brackets.
STRANGE = (
    MESSAGE.replace("RESIDUALS_ACCEPTED = 85.4 [", "RESIDUALS_ACCEPTED = 85.4 [percent]")
    .replace("X = 7000.0 [km]", "X = 7000000.0 [m]")
    .replace("Y_DOT = 7.5 [km/s]", "Y_DOT = 7.5 [km/sec]")
    .replace("COMMENT HBR = 20 [m]", "COMMENT HBR = 20 m\nCOMMENT CDM_ID:519959713\nSEFI_X = 7")
)


def slow(*_: Any, **__: Any) -> None:
    """No message has a known layout."""


@contextmanager
def reading(*, fast: bool) -> Iterator[list[int]]:
    """Teach with every message, or match none; gives the lines of messages that were matched."""
    with pytest.MonkeyPatch.context() as patch:
        matched: list[int] = []
        patch.setattr(cdm_layout, "_PATIENCE", 1)
        for owner in (Layouts, KeyLayouts):
            patch.setattr(owner, "match", counted(owner.match, matched) if fast else slow)
        yield matched


def counted(match: Callable[..., CdmRecord | None], matched: list[int]) -> Callable[..., Any]:
    def counting(*words: Any) -> CdmRecord | None:
        record = match(*words)
        if record is not None:
            matched.append(record.line)
        return record

    return counting


def outcome(text: str, wanted: Wanted, known: KnownLayouts | None = None) -> list[Any]:
    """All that a reader can know of a text."""
    records: list[CdmRecord] = []
    table, errors = sift_cdms(
        text, file="f", known=known or KnownLayouts(wanted), look=records.append
    )
    return [
        {name: (column.dtype.kind, column.tolist()) for name, column in table.columns.items()
         if column.dtype.kind != "f"},
        {name: column.tobytes() for name, column in table.columns.items()
         if column.dtype.kind == "f"},
        table.profiles, table.lines, table.extra,
        [(str(e), e.line, e.key, e.given, e.allowed) for e in errors],
        [(list(r.values.items()), [(r.line_of(n), r.key_of(n)) for n in (*r.values, "TCA", "Q")])
         for r in records],
    ]  # fmt: skip


@cache
def bundle(kind: str) -> str:
    if kind == "strange":
        return "".join(STRANGE.replace("= one", f"= {k}") for k in range(SIZE))
    profile, form = split_kind(kind)
    table = whole_table(np.random.default_rng(11), SIZE, profile)
    return format_bundle(format_cdms(table, form, "full", profile), form, profile)


ALL = (*KINDS, "strange")


@pytest.mark.parametrize("wanted", [None, STATED_LINES])
@pytest.mark.parametrize("kind", ALL)
def test_whole_bundles(kind: str, wanted: Wanted) -> None:
    """Whatever stands blank, all but the first messages have a known layout."""
    text = bundle(kind)
    with reading(fast=False):
        expected = outcome(text, wanted)
    with reading(fast=True) as matched:
        assert outcome(text, wanted) == expected
        known = KnownLayouts(wanted)
        outcome(text, wanted, known)
        del matched[:]
        assert outcome(text, wanted, known) == expected
    assert expected[5] == [] or kind == "strange"
    assert len(matched) >= SIZE - 1, expected[5]  # the last of an XML bundle has its tail behind it


def test_layouts_are_kept_over_files() -> None:
    """One message a file: after the first, each is matched."""
    known = KnownLayouts(STATED_LINES)
    with reading(fast=True) as matched:
        for k in range(4):
            table, errors = sift_cdms(MESSAGE.replace("= one", f"= {k}"), known=known)
            assert (table.columns["MESSAGE_ID"].tolist(), errors) == ([str(k)], [])
    assert len(matched) == 3


def test_lines_that_come_later_are_learned() -> None:
    """The second message lacks a line of the first and has one more; the third has both."""
    more = "COMMENT Apogee Altitude = 550 [km]\nMASS = 160 [kg]"
    first = MESSAGE
    second = MESSAGE.replace("MASS = 160 [kg]", more).replace("MESSAGE_ID = one\n", "")
    third = MESSAGE.replace("MASS = 160 [kg]", more)
    with reading(fast=True) as matched:
        table, errors = sift_cdms(first + second + third, wanted=STATED_LINES)
    assert errors == []
    assert table.columns["MESSAGE_ID"].tolist() == ["one", "", "one"]
    assert len(matched) == 1


characters = st.characters(codec="utf-8") | st.sampled_from(
    list('0123456789-+.eE_=[]{}<>&,:;"\n \t\r/!?\\')
)
pieces = st.one_of(
    characters,
    st.sampled_from(
        ["", "NaN", "N/A", " [km]", " [furlong]", "COMMENT a\n", "<!--", "-->", "&lt;", "&x;",
         "<![CDATA[", "]]>", "<cdm>", "</cdm>", "</cdm>\n", "<segment>", "OBJECT = OBJECT2\n",
         "CCSDS_CDM_VERS = 1.0\n", "SAT1_X = 1\n", "\\u0041", "\\", "null", '"X":"1",', "1 m",
         "\N{NO-BREAK SPACE}", "\N{LINE SEPARATOR}", "\x1f", "\x85", "<?a ?>", "'", "X", "_UNIT"]
    ),
)  # fmt: skip


def same_either_way(kind: str, wanted: Wanted, edits: list[tuple[float, str, int]]) -> None:
    """A text with pieces changed is read in both ways, with layouts learned from the whole one."""
    text = bundle(kind)
    for at, piece, length in edits:
        place = int(at * len(text))
        text = text[:place] + piece + text[place + length :]
    with reading(fast=False):
        expected = outcome(text, wanted)
    with reading(fast=True):
        known = KnownLayouts(wanted)
        outcome(bundle(kind), wanted, known)
        assert outcome(text, wanted, known) == expected


edits = st.lists(
    st.tuples(st.floats(0.0, 1.0, exclude_max=True, width=64), pieces, st.integers(0, 40)),
    min_size=1, max_size=3,
)  # fmt: skip


@settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(ALL), st.sampled_from([None, STATED_LINES]), edits)
def test_changed_bundles(kind: str, wanted: Wanted, edits: list[tuple[float, str, int]]) -> None:
    same_either_way(kind, wanted, edits)


@pytest.mark.long
@pytest.mark.parametrize("kind", ALL)
def test_many_changed_bundles(kind: str) -> None:
    @settings(deadline=None, max_examples=1000, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from([None, STATED_LINES]), edits)
    def run(wanted: Wanted, edits: list[tuple[float, str, int]]) -> None:
        same_either_way(kind, wanted, edits)

    run()
