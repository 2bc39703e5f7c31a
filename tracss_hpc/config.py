"""The configuration of a run: what may be said, what it means, what stands when nothing is said.

Fed by a TOML file and by `section.key=value` words of the command line (which win); feeds `runs`
and `cli` only: stages take plain arguments. Every section is one frozen dataclass whose fields are
the parameter table: type, default, allowed values, unit and sentence stand in one line, and the
same line checks the file, fills the default and prints the help.

Relative paths are relative to the current directory, wherever the configuration file lies.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from tracss_hpc.errors import ConfigError, InputDataError, NotYetError
from tracss_hpc.parameters import (
    Rule,
    choice,
    epoch,
    flag,
    integer,
    list_of,
    nearest_name,
    number,
    parameter,
    text,
    toml_value,
    word_or,
)

__all__ = [
    "CDM_KINDS",
    "DILUTION_RULES",
    "FILTERS",
    "FRAGMENT_RULES",
    "MAX_METHODS",
    "PC_AREAS",
    "PC_METHODS",
    "PRESETS",
    "Assess",
    "Audit",
    "Catalog",
    "Config",
    "Export",
    "Population",
    "Run",
    "Screening",
    "UniformVolume",
    "config_hash",
    "describe",
    "resolve",
    "stored_settings",
    "to_toml",
]

#: Filters of the grid engine that `screening.disable` may switch off; none changes the result.
FILTERS = ("cell_grid", "radial_interval", "reach", "chord", "range_rate", "volume_prefilter")

#: Names of methods in `assess`, as its own registries list them.
PC_METHODS = ("FOSTER-1992", "CHAN-1997", "ALFANO-2005")
PC_AREAS = ("circle", "square", "square_equal_area")
MAX_METHODS = ("FRISBEE", "ALFANO", "SCALE")
DILUTION_RULES = ("ALFANO", "SCALE")
FRAGMENT_RULES = ("KRISKO-2011", "JOHNSON-2001")

#: What `assess.preset` sets where a key is left at "preset"; the evidence is in docs/risk.md.
PRESETS: Mapping[str, Mapping[str, str | bool]] = {
    "tracss": {"pc_area": "circle", "dilution": "ALFANO", "dcp": False},
    "md2": {"pc_area": "square", "dilution": "ALFANO", "dcp": False},
    "cara": {"pc_area": "circle", "dilution": "SCALE", "dcp": True},
}


def resolve(
    path: str | Path | None = None,
    overrides: Sequence[str] | Mapping[str, object] = (),
) -> Config:
    """Read a configuration, apply overrides, check every value and fill the defaults.

    Parameters
    ----------
    path : str or Path, optional
        A TOML file; None starts from the defaults.
    overrides : sequence of str, or mapping
        Words ``section.key=value`` whose right side is a TOML value or a bare word (text), or a
        mapping of ``"section.key"`` to Python values. They win over the file; a later one wins
        over an earlier one.

    Raises
    ------
    ConfigError
        An unknown section or key, a wrong type or range, unreadable TOML.
    NotYetError
        A value of the documented contract that this version cannot do.
    """
    given: dict[str, tuple[object, str]] = {}
    if path is not None:
        given.update(_read_file(Path(path)))
    for key, value in _read_overrides(overrides):
        _check_name(key, "on the command line")
        given[key] = (value, "on the command line")
    sections = {
        section: kind(**_checked_section(section, kind, given))
        for section, kind in _SECTIONS.items()
    }
    config = Config(**sections)
    _refuse_not_yet(config)
    _refuse_contradictions(config)
    _refuse_area(config.assess)
    return config


def to_toml(config: Config) -> str:
    """The resolved configuration as TOML text: every key, fixed order; reads back identically."""
    lines = []
    for section in _SECTIONS:
        values = getattr(config, section)
        lines.append(f"[{section}]")
        lines += [
            f"{field.name} = {toml_value(getattr(values, field.name))}"
            for field in dataclasses.fields(values)
        ]
        lines.append("")
    return "\n".join(lines)


def stored_settings(toml: str, source: str) -> dict[str, Any]:
    """Settings by ``section.key`` of a configuration that a run kept, for `resolve`.

    Parameters
    ----------
    toml : str
        Text of `to_toml`.
    source : str
        The file it was kept in, for the error.

    Raises
    ------
    InputDataError
        If the text is no TOML.
    """
    try:
        sections = tomllib.loads(toml)
    except tomllib.TOMLDecodeError as error:
        raise InputDataError(
            f"{source}: attribute config is no TOML ({error}); the file was not written by a run",
            file=source,
        ) from None
    return {f"{s}.{key}": value for s, keys in sections.items() for key, value in keys.items()}


def config_hash(config: Config) -> str:
    """SHA-256 of the resolved text, as 64 hexadecimal digits."""
    return hashlib.sha256(to_toml(config).encode()).hexdigest()


def describe(only: str = "") -> str:
    """Help for every key, or those of one section: default, unit, sentence, what is allowed."""
    lines = []
    for section, kind in _SECTIONS.items():
        if only and section != only:
            continue
        lines.append(f"[{section}]")
        for field in dataclasses.fields(kind):
            unit = f" [{field.metadata['unit']}]" if field.metadata["unit"] else ""
            lines.append(f"  {field.name} = {toml_value(field.default)}")
            lines.append(f"      {field.metadata['sentence']}{unit}")
            lines.append(f"      allowed: {field.metadata['rule'].allowed}")
        lines.append("")
    return "\n".join(lines)


# ---------------------------------------------------------------- what a value may be


@dataclasses.dataclass(frozen=True)
class UniformVolume:
    """One screening volume for every object; half-sizes in RTN [km]."""

    shape: Literal["BOX", "ELLIPSOID"]
    r_km: float
    t_km: float
    n_km: float


@dataclasses.dataclass(frozen=True)
class Population:
    """The reference population that is drawn when no file is named."""

    objects: int = 28_488  # of the catalog its table was made from


# ---------------------------------------------------------------- the parameter tables

_PATH = text("a path, or blank", blank=True)
_PATHS = list_of(text("paths or globs"), single=True)
_ID_OR_TEXT = Rule(
    "ids, name patterns and files of ids",
    lambda value: (text() if isinstance(value, str) else integer(1)).convert(value),
)
_VOLUME = Rule(
    '{shape = "BOX" | "ELLIPSOID", r_km = R, t_km = T, n_km = N} with half-sizes > 0',
    lambda value: _volume(value),
)
_POPULATION = Rule(
    "{objects = N} with N an integer >= 1 and <= 2000000", lambda value: _population(value)
)


@dataclasses.dataclass(frozen=True)
class Run:
    """What is screened, when, and where the results go."""

    kind: str = parameter(
        "all_vs_all",
        choice("all_vs_all", "payload_vs_all", "on_demand_operational", "on_demand_candidate"),
        "Which objects are primaries (handbook 3.2); on_demand kinds: not yet.",
    )
    start: str = parameter(
        "auto",
        epoch("auto"),
        "Run start; auto: the full hour after the 99th percentile of the element-set epochs.",
        "UTC",
    )
    days: str | float = parameter(
        "table",
        word_or("table", number(0.0, 366.0, open_low=True)),
        "Span from run start; table: the propagation span of each regime (handbook 3.4).",
        "d",
    )
    output: str = parameter(
        "runs/all_vs_all", text("a directory name"), "One directory per run, new or empty."
    )
    seed: int = parameter(
        1, integer(0), "Seed of everything random: reference population, self-audit."
    )
    originator: str = parameter(
        "tracss_hpc", text("text, not blank"), "ORIGINATOR of the messages written."
    )


@dataclasses.dataclass(frozen=True)
class Catalog:
    """Where objects come from and which of them are primaries."""

    gp: str | tuple[str, ...] = parameter(
        "reference",
        word_or("reference", list_of(text("paths or globs"), single=True, empty=False)),
        "TLE, 3LE or OMM files, plain or .gz .xz .zst; reference: the built-in synthetic objects.",
    )
    population: Population = parameter(  # noqa: RUF009 (Population is frozen)
        Population(),
        _POPULATION,
        "Objects of gp = reference; more: constellation satellites and debris grow.",
    )
    name: str = parameter(
        "DOD Catalog",
        text("a catalog name"),
        "CATALOG_NAME of the messages; SYN- objects: SYNTHETIC.",
    )
    primaries: str | tuple[int | str, ...] = parameter(
        "all",
        word_or("all", list_of(_ID_OR_TEXT, single=True, empty=False)),
        "The primaries; all: those that run.kind says.",
    )
    max_age_days: float = parameter(
        30.0,
        number(0.0, open_low=True),
        "Element sets older or newer than this are left out as stale.",
        "d",
    )
    strict: bool = parameter(
        False, flag(), "true: the first bad record stops the run (exit code 3)."
    )
    satcat: str = parameter("", _PATH, "SATCAT CSV: object type, owner (optional).")
    hbr_table: str = parameter("", _PATH, "Table of hard-body radii and masses (optional).")
    exclude_owners: tuple[str, ...] = parameter(
        (),
        list_of(text("SATCAT owner codes"), single=True),
        "Owners whose payloads are no primaries in payload_vs_all.",
    )
    ocm: tuple[str, ...] = parameter((), _PATHS, "Operational OCM or OEM files: not yet.")


@dataclasses.dataclass(frozen=True)
class Screening:
    """Which approaches count, and how they are searched; only `volumes` and `merge` say which."""

    volumes: str | UniformVolume = parameter(  # noqa: RUF009 (UniformVolume is frozen)
        "handbook",
        word_or("handbook", _VOLUME),
        "Screening volumes; handbook: table 3.4.1 by regime.",
    )
    engine: str = parameter(
        "grid", choice("grid", "brute"), "brute: exhaustive, for small catalogs."
    )
    slice_hours: float = parameter(
        6.0,
        number(0.1, 240.0),
        "Time slice of a work unit; never changes the result.",
        "h",
    )
    merge: str = parameter(
        "none",
        choice("none", "orbit"),
        "orbit: of co-moving pairs (below 10 m/s) only the deepest minimum of each revolution.",
    )
    disable: tuple[str, ...] = parameter(
        (),
        list_of(choice(*FILTERS), single=True),
        "Filters switched off by name; never changes the result.",
    )
    step_s: float = parameter(120.0, number(1.0, 240.0), "Time step of the pair search.", "s")
    segment_s: float = parameter(
        2880.0, number(60.0, 21600.0), "Length of a polynomial segment of the ephemeris.", "s"
    )


@dataclasses.dataclass(frozen=True)
class Audit:
    """How much of the run is checked by brute force."""

    min_conjunctions: int = parameter(
        300, integer(1), "Conjunctions the audit wants to find again."
    )
    max_pair_steps: int = parameter(
        2_000_000_000, integer(0), "Limit of effort, a count and not a clock; 0: no audit."
    )


@dataclasses.dataclass(frozen=True)
class Assess:
    """How risk is assessed."""

    covariance_table: str = parameter(
        "", _PATH, "TOML that replaces the default covariance of GP objects."
    )
    solar: Literal["max", "min"] = parameter(
        "max", choice("max", "min"), "Solar activity of the default covariance."
    )
    preset: str = parameter(
        "tracss",
        choice(*PRESETS),
        "Whose practice to follow: pc_area, dilution and dcp where they say preset.",
    )
    method: str = parameter(
        "FOSTER-1992", choice(*PC_METHODS), "Method of the collision probability."
    )
    pc_area: str = parameter(
        "preset",
        word_or("preset", choice(*PC_AREAS)),
        "Area of the encounter plane that counts as collision; squares: FOSTER-1992 only.",
    )
    max_method: str = parameter(
        "FRISBEE", choice(*MAX_METHODS), "Method of the largest probability."
    )
    dilution: str = parameter(
        "preset", word_or("preset", choice(*DILUTION_RULES)), "Rule of DILUTION_STATUS."
    )
    dcp: str | bool = parameter(
        "preset",
        word_or("preset", flag()),
        "true: take off the density error that both objects share, where messages tell it.",
    )
    nc2d_min_pcmax: float = parameter(
        1e-7,
        number(0.0, 1.0),
        "Nc2D for rows in doubt whose largest Pc over scaled covariances is at least this.",
    )
    nc2d_max: int = parameter(
        1000, integer(0), "Nc2D for at most so many rows of a time slice, riskiest first; 0: none."
    )
    kp: float = parameter(
        1.0, number(0.0, open_low=True), "Factor of all sigmas of object 1, before any metric."
    )
    ks: float = parameter(
        1.0, number(0.0, open_low=True), "Factor of all sigmas of object 2, before any metric."
    )
    estimate_mass: bool = parameter(
        False, flag(), "true: fill unknown masses by object type for the number of fragments."
    )
    fragment_lc_m: float = parameter(
        0.05, number(0.0, open_low=True), "Length of the smallest fragment counted.", "m"
    )
    fragment_rule: Literal["KRISKO-2011", "JOHNSON-2001"] = parameter(
        "KRISKO-2011",
        choice(*FRAGMENT_RULES),
        "Mass that breaks up in a collision that is not catastrophic.",
    )
    alert_min_pc: str | float = parameter(
        "none",
        word_or("none", number(0.0, 1.0)),
        "Alert rule: least Pc. What is given must hold together; nothing given: no rule.",
    )
    alert_max_miss_km: str | float = parameter(
        "none", word_or("none", number(0.0)), "Alert rule: greatest miss distance.", "km"
    )
    alert_max_hours: str | float = parameter(
        "none",
        word_or("none", number(0.0)),
        "Alert rule: greatest time from run start to TCA.",
        "h",
    )

    def with_preset(self) -> Assess:
        """The same with what the preset says in place of the word "preset"."""
        left = {
            name: v for name, v in PRESETS[self.preset].items() if getattr(self, name) == "preset"
        }
        return dataclasses.replace(self, **left)  # type: ignore[arg-type]  # values of the fields


#: As in `messages.cdm_write`.
CDM_KINDS = (
    "kvn", "json", "xml", "csv",
    "tracss-2.0.kvn", "tracss-2.0.json", "tracss-2.0.xml", "tracss-2.0.csv",
    "tracss-2.1.kvn", "tracss-2.1.json", "ccsds-1.0.kvn", "ccsds-1.0.xml",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Export:
    """What is written besides results.h5."""

    cdm: tuple[str, ...] = parameter(
        ("kvn",),
        list_of(choice(*CDM_KINDS), single=True),
        "CDM formats (tracss-2.0 where no profile is named); an empty list writes none.",
    )
    cdm_min_pc: float = parameter(1e-7, number(0.0, 1.0), "CDMs from this Pc on; 0: all.")
    cdm_max_miss_km: float = parameter(0.0, number(0.0), "CDMs up to this miss; 0: all.", "km")
    cdm_objects: tuple[int, ...] = parameter(
        (),
        list_of(integer(1), single=True),
        "CDMs with one of these designators; empty: all.",
    )
    cdm_max: int = parameter(10000, integer(0), "At most so many CDMs, riskiest first; 0: all.")
    cdm_precision: Literal["operational", "full"] = parameter(
        "operational", choice("operational", "full"), "full: 17 digits, reads back identically."
    )
    compression: str = parameter(
        "gzip1", choice("gzip1", "zstd", "none"), "Compression of results.h5."
    )
    plots: bool = parameter(True, flag(), "Draw the pictures.")


@dataclasses.dataclass(frozen=True)
class Config:
    """A whole, checked configuration."""

    run: Run = Run()
    catalog: Catalog = Catalog()
    screening: Screening = Screening()
    audit: Audit = Audit()
    assess: Assess = Assess()
    export: Export = Export()


_SECTIONS: dict[str, Any] = {
    "run": Run,
    "catalog": Catalog,
    "screening": Screening,
    "audit": Audit,
    "assess": Assess,
    "export": Export,
}
_NAMES = tuple(f"{s}.{f.name}" for s, kind in _SECTIONS.items() for f in dataclasses.fields(kind))


def _refuse_not_yet(config: Config) -> None:
    """Values of the documented contract that later versions bring."""
    if config.run.kind.startswith("on_demand"):
        raise NotYetError(
            f'run.kind = "{config.run.kind}": not yet; this version has "all_vs_all" and '
            '"payload_vs_all"'
        )
    if config.catalog.ocm:
        raise NotYetError(
            f"catalog.ocm = {toml_value(config.catalog.ocm)}: not yet; this version screens "
            "element sets (catalog.gp) only"
        )


def _refuse_contradictions(config: Config) -> None:
    """Keys that only mean something without one another."""
    catalog = config.catalog
    if catalog.gp != "reference" and catalog.population != Population():
        raise ConfigError(
            f"catalog.population = {toml_value(catalog.population)} and catalog.gp = "
            f"{toml_value(catalog.gp)} contradict each other: the population is drawn for gp = "
            '"reference" only; leave one of the two out',
            key="catalog.population",
            given=catalog.population,
            allowed='gp = "reference"',
        )


def _refuse_area(assess: Assess) -> None:
    """An area that the method does not know; found hours later it would cost a run."""
    area = assess.with_preset().pc_area
    if assess.method != "FOSTER-1992" and area != "circle":
        raise ConfigError(
            f'assess.pc_area is "{area}" (assess.preset = "{assess.preset}"): {assess.method} '
            'knows the "circle" only; give assess.pc_area=circle, or assess.method=FOSTER-1992',
            key="assess.pc_area",
            given=area,
            allowed=("circle",),
        )


# ---------------------------------------------------------------- reading, checking, printing


def _read_file(path: Path) -> dict[str, tuple[object, str]]:
    """Values of a TOML file by ``section.key``, each with the place where it stands."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: no such configuration file; samples are in configs/", given=str(path)
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path}: the configuration cannot be read: {error}", given=str(path)
        ) from None
    try:
        sections = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}", given=str(path)) from None
    values: dict[str, tuple[object, str]] = {}
    for section, table in sections.items():
        if section not in _SECTIONS:
            raise _unknown(section, f"{path}:{_line_of(text, section)}")
        if not isinstance(table, dict):
            raise ConfigError(
                f"{path}:{_line_of(text, section)}: {section} must be a section [{section}]",
                key=section,
                given=table,
            )
        for name, value in table.items():
            where = f"{path}:{_line_of(text, section, name)}"
            _check_name(f"{section}.{name}", where)
            values[f"{section}.{name}"] = (value, where)
    return values


def _line_of(text: str, section: str, name: str = "") -> int:
    """Number of the line that sets `name` in `section` (or opens the section); 1 if not found."""
    here = ""
    for count, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[\s*([^]]*?)\s*\]", line)
        if header:
            here = header[1].strip("\"'")
        word = re.match(r"\s*[\"']?([\w.-]+)[\"']?\s*=", line)
        key = f"{here}.{word[1]}".lstrip(".") if word else ""
        wanted = f"{section}.{name}".rstrip(".")
        if f"{key}.".startswith(f"{wanted}.") or (not name and here == section):
            return count
    return 1


def _read_overrides(
    overrides: Sequence[str] | Mapping[str, object],
) -> list[tuple[str, object]]:
    if isinstance(overrides, Mapping):
        return list(overrides.items())
    pairs: list[tuple[str, object]] = []
    for word in overrides:
        key, equals, text = word.partition("=")
        if not equals:
            raise ConfigError(
                f"{word!r}: an override is section.key=value, for example run.days=1", given=word
            )
        pairs.append((key.strip(), _override_value(key.strip(), text.strip())))
    return pairs


def _override_value(key: str, text: str) -> object:
    """The TOML value of `text`, or `text` itself when it is a bare word or a date."""
    try:
        document = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError as error:
        if text[:1] in ("[", "{", '"', "'"):
            raise ConfigError(
                f"{key}={text}: not a TOML value: {error}; text inside lists needs quotes, as in "
                "catalog.gp='[\"FILE\"]'",
                key=key,
                given=text,
            ) from None
        return text
    value = document["value"]
    return text if len(document) > 1 or isinstance(value, dt.date | dt.time) else value


def _checked_section(
    section: str, kind: Any, given: Mapping[str, tuple[object, str]]
) -> dict[str, Any]:
    values = {}
    for field in dataclasses.fields(kind):
        key = f"{section}.{field.name}"
        if key not in given:
            continue
        value, where = given[key]
        rule: Rule = field.metadata["rule"]
        try:
            values[field.name] = rule.convert(value)
        except ValueError as error:
            told = field.name in ("population", "volumes") and str(error)
            hint = f" ({error})" if told else ""
            raise ConfigError(
                f"{key} = {toml_value(value)} ({where}): must be {rule.allowed}{hint}",
                key=key,
                given=value,
                allowed=rule.allowed,
            ) from None
    return values


def _volume(value: object) -> UniformVolume:
    if isinstance(value, UniformVolume):
        return value
    names = ("shape", "r_km", "t_km", "n_km")
    value = _table(value, names)
    half_size = number(0.0, open_low=True).convert
    shape = choice("BOX", "ELLIPSOID").convert(value["shape"])
    return UniformVolume(shape, *(half_size(value[name]) for name in names[1:]))


def _population(value: object) -> Population:
    if isinstance(value, Population):
        value = dataclasses.asdict(value)
    return Population(integer(1, 2_000_000).convert(_table(value, ("objects",))["objects"]))


def _table(value: object, names: tuple[str, ...]) -> Mapping[str, Any]:
    """An inline table with just these keys."""
    if not isinstance(value, Mapping):
        raise ValueError
    for name in value:
        if name not in names:
            raise ValueError(f"it has the unknown key {name!r}{nearest_name(str(name), names)}")
    for name in names:
        if name not in value:
            raise ValueError(f"it lacks {name}")
    return value


def _check_name(key: str, where: str) -> None:
    if key not in _NAMES:
        raise _unknown(key, where)


def _unknown(key: str, where: str) -> ConfigError:
    section, _, name = key.partition(".")
    if key in _SECTIONS:
        return ConfigError(
            f"{key} is a section ({where}), not a key; write {key}.key=value", key=key, given=key
        )
    same_name = [n for n in _NAMES if n.split(".")[1] == (name or section)]
    if same_name:
        nearest = f"; did you mean {same_name[0]}?"
    elif not name:
        nearest = nearest_name(section, tuple(_SECTIONS))
    else:
        nearest = nearest_name(key, _NAMES)
    known = tuple(n for n in _NAMES if n.startswith(section + ".")) or tuple(_SECTIONS)
    return ConfigError(
        f"unknown configuration {'key' if name else 'section'} {key!r} ({where}){nearest}; "
        f"known: {', '.join(known)}",
        key=key,
        given=key,
        allowed=known,
    )
