"""Read a CDM like those before it where keys come apart from their values: JSON and CSV.

Fed by `cdm_cut_keys`; feeds `cdm_read`. The cutter of the notation gives the keys and the values of
a message; which line of the table each key means is worked out once for the same keys and version,
and for the next messages the values only have to be put there. What hangs on the value itself is
looked at each time: a unit that is not the profile's, one in brackets behind a number, comments.
Such a message goes pair by pair again, and so do comments and converted lines of any.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from tracss_hpc.errors import MessageError
from tracss_hpc.messages.cdm_layout import content, item_getter
from tracss_hpc.messages.cdm_profiles import CdmProfile, spellings
from tracss_hpc.messages.cdm_records import (
    CdmRecord,
    Pair,
    Wanted,
    make_record,
    split_companions,
)

__all__ = ["KeyLayouts"]

_LAYOUTS = 64  # different sets of keys, after which no more are learned
_TEXTS = frozenset([str, type(None)])
Value = str | None
Taker = Callable[[Sequence[Value]], Sequence[Value]]


@dataclass(frozen=True)
class _KeyLayout:
    profile: CdmProfile
    base: dict[str, Value]  # lines of the table in the order of their keys; None: odd
    printed: dict[str, str]
    numbers: tuple[tuple[str, ...], Taker]
    texts: tuple[tuple[str, ...], Taker]
    units: tuple[tuple[frozenset[Value], ...], Taker]  # what each may say
    odd: tuple[int, ...]


class KeyLayouts:
    """Layouts of the messages read so far with the same `wanted`."""

    def __init__(self, wanted: Wanted):
        self.wanted = wanted
        self.known: dict[tuple[tuple[str, ...], Value], _KeyLayout | None] = {}

    def match(
        self, keys: tuple[str, ...], values: Sequence[Value], version: Value, line: int,
        pair: Callable[[str, Value], Pair | None],
    ) -> CdmRecord | None:  # fmt: skip
        """Record of a message on `line`; None: make it of pairs.

        `pair` is what the cutter makes of a key and its value.
        """
        layout = self.known.get((keys, version))
        if layout is None or not _TEXTS.issuperset(map(type, values)):
            return None
        names, take = layout.numbers
        numbers = [value or "" for value in take(values)]
        allowed, take_units = layout.units
        fits = all(map(frozenset.__contains__, allowed, take_units(values)))
        if not fits or "]" in "".join(numbers):
            return None
        texts = layout.base.copy()
        texts.update(zip(names, numbers, strict=True))
        names, take = layout.texts
        texts.update(zip(names, [value or "" for value in take(values)], strict=True))
        odd = CdmRecord(layout.profile, line)
        if layout.odd:
            found = [pair(keys[k], values[k]) for k in layout.odd]
            part = self._odd_part([one for one in found if one is not None], layout.profile)
            if part is None or any(texts.get(name, "") is not None for name in part.values):
                return None
            odd = part
            texts.update(odd.values)
        printed = layout.printed
        if None in texts.values():
            texts = {name: text for name, text in texts.items() if text is not None}
            printed = {name: key for name, key in printed.items() if name in texts}
        whole = cast(dict[str, str], texts)
        return CdmRecord(
            layout.profile, line, whole, printed=printed | odd.printed, extra=odd.extra
        )

    def learn(
        self, keys: tuple[str, ...], values: Sequence[Value], version: Value, record: CdmRecord,
        pair: Callable[[str, Value], Pair | None],
    ) -> None:  # fmt: skip
        """Take the layout of a message that was made of pairs."""
        place = (keys, version)
        if place in self.known or len(self.known) >= _LAYOUTS:
            return
        self.known[place] = self._layout(keys, values, record, pair)
        again = self.match(keys, values, version, record.line, pair)
        # The message that teaches is the proof: what is known of it must come out again.
        if again is None or content(again) != content(record) or again.printed != record.printed:
            self.known[place] = None

    def _odd_part(self, pairs: list[Pair], profile: CdmProfile) -> CdmRecord | None:
        try:
            whole = split_companions(pairs, profile, "")
            return make_record(whole, profile, 0, "", wanted=self.wanted)
        except MessageError:
            return None  # told when the message is made of pairs

    def _layout(
        self, keys: tuple[str, ...], values: Sequence[Value], record: CdmRecord,
        pair: Callable[[str, Value], Pair | None],
    ) -> _KeyLayout | None:  # fmt: skip
        known = spellings(record.profile)
        pairs = [pair(key, value) for key, value in zip(keys, values, strict=True)]
        spelled = [one.key if one is not None else "" for one in pairs]
        if len(set(keys)) < len(keys):
            return None
        names = Counter(line.name for key in spelled if key in known for line in known[key].lines)
        numbers, texts, units, odd = {}, {}, {}, []
        kinds: dict[str, str] = {}
        for key in spelled:
            line = known.get(key)
            if line is None or line.is_comment:  # its words are its key
                kinds[key] = "odd"
            elif self.wanted is not None and line.name not in self.wanted:
                kinds[key] = "passed"
            elif line.converted or len(line.lines) > 1 or names[line.name] > 1:
                kinds[key] = "odd"
            else:
                kinds[key] = "number" if line.is_number else "text"
        for k, key in enumerate(spelled):
            own = key[:-5] if key[-5:] == "_UNIT" and key not in known and key[:-5] in known else ""
            kind = kinds.get(own or key, "odd")
            if own:
                if own not in kinds or kind == "odd":
                    odd.append(k)
                elif kind == "number":
                    units[k] = frozenset([known[own].unit, "", None])
            elif kind == "number":
                numbers[known[key].name] = k
            elif kind == "text":
                texts[known[key].name] = k
            elif kind == "odd":
                odd.append(k)
        return _KeyLayout(
            record.profile,
            dict.fromkeys(record.values),
            record.printed,
            (tuple(numbers), item_getter(list(numbers.values()))),
            (tuple(texts), item_getter(list(texts.values()))),
            (tuple(units.values()), item_getter(list(units))),
            tuple(odd),
        )
