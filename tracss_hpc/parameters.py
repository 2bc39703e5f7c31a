"""What a configuration value may be: the rules behind the parameter tables of `config`.

A `Rule` says in words what a key accepts and converts what was given, raising ValueError for
anything else; `parameter` makes one line of a table out of a default, a rule and a sentence.
Feeds `config` only; knows TOML spelling but no key of ours.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import difflib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from tracss_hpc.epochs import parse_epoch

__all__ = [
    "Rule",
    "choice",
    "epoch",
    "flag",
    "integer",
    "list_of",
    "nearest_name",
    "number",
    "parameter",
    "text",
    "toml_value",
    "word_or",
]

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Rule:
    """What a key accepts, in words, and the conversion that raises ValueError for anything else."""

    allowed: str
    convert: Callable[[object], Any]


def parameter(default: T, rule: Rule, sentence: str, unit: str = "") -> T:
    """One line of a parameter table: a dataclass field that carries its rule, sentence, unit."""
    metadata = {"rule": rule, "sentence": sentence, "unit": unit}
    field: T = dataclasses.field(default=default, metadata=metadata)
    return field


def text(allowed: str = "text", *, blank: bool = False) -> Rule:
    """Any text; not blank unless `blank`."""

    def convert(value: object) -> str:
        given = _text_value(value)
        if not blank and not given.strip():
            raise ValueError
        return given

    return Rule(allowed, convert)


def choice(*names: str) -> Rule:
    """One of these words."""

    def convert(value: object) -> str:
        if _text_value(value) not in names:
            raise ValueError
        return str(value)

    return Rule(" | ".join(f'"{name}"' for name in names), convert)


def flag() -> Rule:
    """True or false."""

    def convert(value: object) -> bool:
        if not isinstance(value, bool):
            raise ValueError
        return value

    return Rule("true | false", convert)


def number(low: float, high: float = math.inf, *, open_low: bool = False) -> Rule:
    """A finite number in [low, high], or in (low, high] with `open_low`."""

    def convert(value: object) -> float:
        given = _number_value(value)
        if not low <= given <= high or (open_low and given == low):
            raise ValueError
        return given

    words = f"a number {'>' if open_low else '>='} {low:g}"
    return Rule(words if math.isinf(high) else f"{words} and <= {high:g}", convert)


def integer(low: int, high: int | None = None) -> Rule:
    """An integer in [low, high], without `high` what 64 bits hold; 2e9 counts as one."""

    def convert(value: object) -> int:
        given = _number_value(value)
        if not given.is_integer() or not low <= given < 2**63:
            raise ValueError
        if high is not None and given > high:
            raise ValueError
        return value if isinstance(value, int) else int(given)

    words = f"an integer >= {low}"
    return Rule(f"{words} and < 2^63" if high is None else f"{words} and <= {high}", convert)


def list_of(item: Rule, *, single: bool = False, empty: bool = True) -> Rule:
    """A list of `item`, kept as a tuple; `single`: one item stands for a list of one."""

    def convert(value: object) -> tuple[Any, ...]:
        if single and not isinstance(value, list | tuple):
            value = [value]
        if not isinstance(value, list | tuple) or not (value or empty):
            raise ValueError
        return tuple(item.convert(v) for v in value)

    return Rule(f"a list{'' if empty else ', not empty,'} of {item.allowed}", convert)


def word_or(word: str, other: Rule) -> Rule:
    """The text `word`, or what `other` accepts."""
    return Rule(
        f'"{word}", or {other.allowed}',
        lambda value: word if value == word else other.convert(value),
    )


def epoch(word: str) -> Rule:
    """The text `word`, or a UTC epoch as text or as one of TOML's own date-times."""
    return Rule(
        f'"{word}", or a UTC epoch YYYY-MM-DDThh:mm:ss[.ffffff]',
        lambda value: word if value == word else _epoch_text(value),
    )


def nearest_name(word: str, names: Sequence[str]) -> str:
    """``"; did you mean NAME?"`` for the most similar of `names`, or nothing."""
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""


def toml_value(value: object) -> str:
    """`value` as TOML text; shortest digits that read back identically."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | Path):
        return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k} = {toml_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml_value(v) for v in value) + "]"
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return repr(value)


def _text_value(value: object) -> str:
    if isinstance(value, Path):
        value = str(value)
    if not isinstance(value, str) or any(0xD800 <= ord(c) < 0xE000 for c in value):
        raise ValueError
    return value


def _number_value(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError
    return float(value)


def _epoch_text(value: object) -> str:
    """Text of a UTC epoch; TOML's own date-times (with an offset or not) become text."""
    if isinstance(value, str):
        try:
            parse_epoch(value)
            return value.strip()
        except ValueError:
            value = dt.datetime.fromisoformat(value)  # another ValueError when it is no date
    if isinstance(value, dt.datetime):
        if value.tzinfo is not None:
            value = value.astimezone(dt.UTC).replace(tzinfo=None)
        return value.isoformat()
    if isinstance(value, dt.date):
        return value.isoformat()
    raise ValueError
