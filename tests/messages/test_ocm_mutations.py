"""Random damage to an OCM: an error of ours, or a record that differs only where bytes changed."""

from __future__ import annotations

import html
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.messages.ocm_samples import record_contents, sample
from tracss_hpc.errors import MessageError
from tracss_hpc.messages.ocm import parse_ocm
from tracss_hpc.messages.ocm_write import format_ocm
from tracss_hpc.messages.utc import Utc, format_utc


def printed(value: Any) -> Any:
    """Contents of a record with every epoch, and the rows of a manoeuvre, as they are printed."""
    if isinstance(value, dict):
        found = {key: printed(part) for key, part in value.items()}
        for name in ("", "covariance_"):
            if f"{name}jd" in value:
                jd, seconds = (np.array(value[f"{name}{part}"][1]) for part in ("jd", "seconds"))
                found[f"{name}jd"] = found[f"{name}seconds"] = format_utc(jd, seconds)
        if "rows" in value:
            found["rows"] = "\n".join(value["rows"])
        return found
    if isinstance(value, tuple) and isinstance(value[0], float):
        return Utc(*value).iso()
    return [printed(part) for part in value] if isinstance(value, list | tuple) else value


RECORD = parse_ocm(sample())
CONTENTS = printed(record_contents(RECORD))
TEXTS = {
    "KVN": sample(),
    "XML": format_ocm(RECORD, "XML"),
    "JSON": format_ocm(RECORD, "JSON"),
}
ALPHABET = st.one_of(
    st.sampled_from('0123456789.-+eE \n\t=[]<>&{}",:TZABX_/\x00\x0b\x1c\x85\xa0\u2028\u0661\ud800'),
    st.characters(),
)


def damaged(data: st.DataObject, text: str) -> tuple[str, str]:
    """The text with up to 4 characters replaced by up to 4 others, and the lines this touches."""
    # Half of the damage where keywords are: data lines are most of the text.
    short = len(text) // 8
    place = data.draw(st.one_of(st.integers(0, len(text) - 1), st.integers(0, short)))
    cut = data.draw(st.integers(0, 4))
    put = "".join(data.draw(st.lists(ALPHABET, max_size=4)))
    changed = text[:place] + put + text[place + cut :]
    return changed, "\n".join(
        whole[whole.rfind("\n", 0, place) + 1 : (whole + "\n").find("\n", place + size)]
        for whole, size in ((text, cut), (changed, len(put)))
    )


def different(a: Any, b: Any, path: str = "") -> list[tuple[str, Any, Any]]:
    """Paths at which two nested contents differ, with both values; a mapping may be missing."""
    if isinstance(a, dict) or isinstance(b, dict):
        a, b = ({} if value is None else value for value in (a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        keys = sorted({*a, *b})
        return [p for key in keys for p in different(a.get(key), b.get(key), f"{path}.{key}")]
    if isinstance(a, list | tuple) and isinstance(b, list | tuple) and len(a) == len(b):
        pairs = enumerate(zip(a, b, strict=True))
        return [p for k, (x, y) in pairs for p in different(x, y, f"{path}[{k}]")]
    return [] if a == b else [(path, a, b)]


def check(data: st.DataObject, notation: str) -> None:
    """One damage: refused, or what differs stood in the lines that were touched."""
    changed, touched = damaged(data, TEXTS[notation])
    touched += html.unescape(touched)
    try:
        record = parse_ocm(changed)
    except MessageError as error:
        refused = error
    else:
        found = different(printed(record_contents(record)), CONTENTS)
        for path, new, old in found:
            # What the touched lines said before, or say now if they had said nothing of it.
            text = str(new) if old in ("", "NaN", None) else str(old)
            assert text, (path, new, old)
            # XML has a unit, [kg], elsewhere.
            assert text.partition(" [")[0] in touched, (path, new, old, touched)
        # A covariance stands on both sides of a matrix, an epoch of states is that of theirs, too,
        # and counts twice, as `jd` and `seconds`.
        assert len(found) <= 8, (found, touched)
        return
    assert refused.code.startswith("O")
    assert str(refused)


@pytest.mark.parametrize("notation", list(TEXTS))
@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_damage(notation: str, data: st.DataObject) -> None:
    check(data, notation)


@pytest.mark.long
@pytest.mark.parametrize("notation", list(TEXTS))
@settings(deadline=None, max_examples=10_000, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_much_damage(notation: str, data: st.DataObject) -> None:
    check(data, notation)


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=300))
def test_any_text(text: str) -> None:
    with pytest.raises(MessageError):
        parse_ocm(text)
