"""Read a CDM like those before it: messages of one file or folder share their lines.

Fed by the cutters of KVN and XML; feeds `cdm_read`. A message that was cut line by line teaches
its layout, one regular expression of all its lines, and the next ones are cut by one match::

    MISS_DISTANCE = 437 [m]       MISS_DISTANCE = *([-+.0-9A-Za-z/]*)(?: *\\[m\\])?    plain line
    OBJECT = OBJECT2              the same text                                       fixed line
    COMMENT free words            (COMMENT[^\\n]*), cut as any line                    odd line

What a match gives is what cutting line by line gives: between the literal parts stand only
characters that no cutter changes, and all that decides the profile (version, OBJECT, elements that
hold others) is fixed. Lines whose meaning hangs on their text or whose unit is converted are odd:
their text goes through `make_record` again. A message that does not match is cut line by line, and
so is one that turns out to be faulty, to tell where. A line may be absent where the notation
allows it; a line not seen before is added to the layout.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

from tracss_hpc.errors import MessageError
from tracss_hpc.messages.cdm_profiles import ProfileLine, spellings
from tracss_hpc.messages.cdm_records import VERSION_KEY, CdmRecord, Pair, Wanted, make_record
from tracss_hpc.messages.units import unit_factor

__all__ = ["Layouts", "Notation", "content", "item_getter", "number_pattern"]

#: Characters of numbers and of the words that stand for a blank; no unit, no blank among them.
_NUMBER = r"([-+.0-9A-Za-z/]*)"
_LAYOUTS = 4  # kept at a time; every other is tried before a message is cut line by line
_PATIENCE = 16  # messages cut line by line before one teaches: a pattern costs as much as them


class Notation(NamedTuple):
    """What KVN and XML differ in."""

    #: The pair that a line, its scope (``SAT1_`` or empty) and its number make; None: no pair.
    pair: Callable[[str, str, int], Pair | None]
    #: Pattern of a line with one group for its value. Second argument: units that change nothing,
    #: or None for a text. Third: whether lines may be absent.
    plain: Callable[[str, tuple[str, ...] | None, bool], str]
    #: Pattern of a line with any value, without groups; None if the line has another form.
    any: Callable[[str], str | None]
    #: Whether the keys of the next object begin on a line.
    opens: Callable[[str], bool]
    #: What the cutter makes of a value with ``&`` in it; None if that is nothing special.
    decode: Callable[[str], str] | None


class _Row(NamedTuple):
    """One line of a layout."""

    scope: str
    pattern: str
    kind: str  # fixed, plain, odd or passed
    names: tuple[str, ...] = ()  # lines of the table it holds
    value: str | None = None  # of a fixed line


@dataclass(frozen=True)
class _Layout:
    rows: tuple[_Row, ...]
    whole: re.Pattern[str]
    taught: CdmRecord  # by which message
    may_lack: bool  # lines may be absent; else an absent value is a blank
    base: dict[str, str | None]  # all lines of the table in their order
    plain: tuple[tuple[str, ...], Callable[[Sequence[str | None]], Sequence[str | None]]]
    odd: tuple[tuple[int, str], ...]  # group and scope
    odd_names: frozenset[str]


class Layouts:
    """Layouts of the messages read so far with the same `wanted`, latest used first."""

    def __init__(self, notation: Notation, wanted: Wanted):
        self.notation, self.wanted = notation, wanted
        self.known: list[_Layout] = []
        self.strange = 0  # messages since the last one that taught

    def match(
        self, text: str, begin: int, end: int, first: int, file: str,
        again: Callable[[], CdmRecord],
    ) -> CdmRecord | None:  # fmt: skip
        """Record of the message in text[begin:end], on line `first`; None: cut it line by line.

        `again` does that later, if something asks where a line stands.
        """
        for k, layout in enumerate(self.known):
            found = layout.whole.fullmatch(text, begin, end)
            if found is None:
                continue
            if k:
                self.known.insert(0, self.known.pop(k))
            return self._record(layout, found, first, file, again)
        return None

    def learn(
        self, text: str, first: int, pairs: list[Pair], record: CdmRecord, *, may_lack: bool
    ) -> None:
        """Take the layout of a message that was cut line by line, now and then."""
        self.strange += 1
        if self.strange < _PATIENCE or record.line != first:
            return
        self.strange = 0
        rows = self._rows(text, first, pairs, record, may_lack)
        if rows is None:
            return
        old = next((known for known in self.known if known.may_lack and may_lack), None)
        merged = _merge(old.rows, rows) if old and old.taught.profile == record.profile else None
        layout = _compile(merged or rows, record, may_lack)
        found = layout.whole.fullmatch(text)
        if found is None:
            return
        # The message that teaches is the proof: what is known of it must come out again.
        again = self._record(layout, found, first, "", lambda: record)
        if again is None or content(again) != content(record):
            return
        if merged:
            self.known.remove(old)  # type: ignore[arg-type]  # it was merged
        self.known = [layout, *self.known][:_LAYOUTS]

    def _record(
        self, layout: _Layout, found: re.Match[str], first: int, file: str,
        again: Callable[[], CdmRecord],
    ) -> CdmRecord | None:  # fmt: skip
        names, take = layout.plain
        taken = take(found.groups())
        decode = self.notation.decode
        if decode is not None and found.string.find("&", found.start(), found.end()) >= 0:
            taken = [decode(value) if value and "&" in value else value for value in taken]
        values = layout.base.copy()
        values.update(zip(names, taken, strict=True))
        extra = []
        if layout.odd:
            part = self._odd_part(layout, found, first, file)
            if part is None:
                return None
            values.update(part.values)
            extra = part.extra
        if not layout.may_lack:
            texts = {name: value or "" for name, value in values.items()}
        elif None in values.values():
            texts = {name: value for name, value in values.items() if value is not None}
        else:
            texts = values  # type: ignore[assignment]  # no None among them
        return CdmRecord(layout.taught.profile, first, texts, extra=extra, again=again)

    def _odd_part(
        self, layout: _Layout, found: re.Match[str], first: int, file: str
    ) -> CdmRecord | None:
        """Record of the odd lines alone; None if they are at odds with the layout."""
        pairs = []
        text, begin = found.string, found.start()
        for group, scope in layout.odd:
            if (row := found[group]) is not None:
                number = first + text.count("\n", begin, found.start(group))
                pair = self.notation.pair(row, scope, number)
                if pair is None:
                    return None
                pairs.append(pair)
        try:
            part = make_record(pairs, layout.taught.profile, first, file, wanted=self.wanted)
        except MessageError:
            return None  # told when the message is cut line by line
        return part if part.values.keys() <= layout.odd_names else None

    def _rows(
        self, text: str, first: int, pairs: list[Pair], record: CdmRecord, may_lack: bool
    ) -> tuple[_Row, ...] | None:
        """Lines of a message as patterns; None if two pairs stand on one line."""
        by_row = {pair.line - first: pair for pair in pairs}
        if len(by_row) < len(pairs):
            return None
        known = spellings(record.profile)
        names = Counter(
            line.name for pair in pairs if pair.key in known for line in known[pair.key].lines
        )
        rows, scope, objects = [], "", 0
        for k, row in enumerate(text.rstrip().split("\n")):
            if self.notation.opens(row):
                objects += 1
                scope = f"SAT{objects}_"
            pair = by_row.get(k)
            if pair is None or k == 0 or pair.key == VERSION_KEY or pair.printed == "OBJECT":
                name = known[pair.key].name if pair is not None and pair.key in known else ""
                value = record.values.get(name)
                held = (name,) if value is not None else ()
                rows.append(_Row(scope, re.escape(row), "fixed", held, value))
            else:
                found = self._row(row, scope, pair, known.get(pair.key), names, may_lack)
                if found is None:
                    return None
                rows.append(found)
        return tuple(rows)

    def _row(
        self, row: str, scope: str, pair: Pair, line: ProfileLine | None, names: Counter[str],
        may_lack: bool,
    ) -> _Row | None:  # fmt: skip
        anything = self.notation.any(row)
        if anything is None:
            return None
        held = tuple(entry.name for entry in line.lines) if line is not None else ()
        is_wanted = line is None or self.wanted is None or line.name in self.wanted
        if line is not None and not is_wanted and not line.is_comment:  # its words are its key
            return _Row(scope, anything, "passed")
        # A comment of words may be `name = 5 m`, which is cut in two.
        is_plain = line is not None and (line.is_number or not line.is_comment)
        if line is not None and is_plain and is_wanted and len(held) == names[held[0]] == 1:
            units = _units(line, pair) if line.is_number else None
            plain = self.notation.plain(row, units, may_lack)
            if not line.converted and re.fullmatch(plain, row):
                return _Row(scope, plain, "plain", held)
        return _Row(scope, f"({anything})", "odd", held)


def _units(line: ProfileLine, pair: Pair) -> tuple[str, ...]:
    """Spellings of the unit of a line that do not change its number."""
    given = pair.unit
    if given is None and pair.text.endswith("]"):
        given = pair.text[pair.text.rindex("[") + 1 : -1] if "[" in pair.text else None
    own = line.unit
    if given and given != own and own and unit_factor(given, own) == 1.0:
        return own, given
    return (own,) if own else ()


def _compile(rows: tuple[_Row, ...], record: CdmRecord, may_lack: bool) -> _Layout:
    parts, plain, odd, groups = [], [], [], 0
    for k, row in enumerate(rows):
        groups += row.kind in ("plain", "odd")
        if row.kind == "plain":
            plain.append((row.names[0], groups))
        elif row.kind == "odd":
            odd.append((groups, row.scope))
        break_ = "\n" if k else ""
        if may_lack and row.kind != "fixed":  # never tried again without it: no two lines are alike
            parts.append(f"(?>{break_}{row.pattern}|)")
        else:
            parts.append(break_ + row.pattern)
    return _Layout(
        rows,
        re.compile("".join(parts) + r"[ \t\r\n]*"),
        record,
        may_lack,
        {name: row.value for row in rows for name in row.names},
        (tuple(name for name, _ in plain), item_getter([group - 1 for _, group in plain])),
        tuple(odd),
        frozenset(name for row in rows if row.kind == "odd" for name in row.names),
    )


def item_getter(places: list[int]) -> Callable[[Sequence[str | None]], Sequence[str | None]]:
    """Gives the items at the places; `itemgetter` gives no tuple of one or none."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda items: tuple(items[place] for place in places)


def _merge(old: tuple[_Row, ...], new: tuple[_Row, ...]) -> tuple[_Row, ...] | None:
    """Lines of both where their order is the same; None where it is not."""
    merged, at = list(old), 0
    for row in new:
        try:
            found = merged.index(row, at)
        except ValueError:
            if row.kind == "fixed":
                return None
            merged.insert(at, row)
            found = at
        if any(other.kind == "fixed" for other in merged[at:found]):
            return None
        at = found + 1
    names = [name for row in merged for name in row.names]
    if any(row.kind == "fixed" for row in merged[at:]) or len(set(names)) < len(names):
        return None
    return tuple(merged)


def number_pattern(units: tuple[str, ...]) -> str:
    """Pattern of a number, maybe with one of the units in brackets behind it."""
    return _NUMBER + (f"(?: *\\[(?:{'|'.join(map(re.escape, units))})\\])?" if units else "")


def content(record: CdmRecord) -> tuple[object, ...]:
    """All that makes columns, to compare."""
    return record.profile, record.line, list(record.values.items()), record.extra
