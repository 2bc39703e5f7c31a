"""Configuration: what is accepted, what is refused and with which words."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path

import pytest

from tracss_hpc import assess
from tracss_hpc.assess import fragments
from tracss_hpc.catalog.population import reference_population
from tracss_hpc.config import (
    DILUTION_RULES,
    FILTERS,
    FRAGMENT_RULES,
    MAX_METHODS,
    PC_AREAS,
    PC_METHODS,
    Population,
    UniformVolume,
    config_hash,
    describe,
    resolve,
    stored_settings,
    to_toml,
)
from tracss_hpc.errors import ConfigError, InputDataError, NotYetError
from tracss_hpc.screening import time_slice

CONFIGS = Path(__file__).resolve().parents[1] / "configs"


def write(folder: Path, text: str) -> Path:
    path = folder / "run.toml"
    path.write_text(text)
    return path


def test_defaults_are_those_of_the_contract() -> None:
    config = resolve()
    assert config.run.kind == "all_vs_all"
    assert (config.run.days, config.run.start, config.run.seed) == ("table", "auto", 1)
    assert (config.catalog.gp, config.catalog.primaries) == ("reference", "all")
    assert (config.catalog.max_age_days, config.catalog.strict) == (30.0, False)
    assert (config.screening.volumes, config.screening.slice_hours) == ("handbook", 6.0)
    assert (config.audit.min_conjunctions, config.audit.max_pair_steps) == (300, 2_000_000_000)
    assert (config.export.cdm, config.export.cdm_min_pc) == (("kvn",), 1e-7)
    assert (config.export.compression, config.export.plots) == ("gzip1", True)


@pytest.mark.parametrize(
    ("word", "section", "name", "value"),
    [
        ("run.days=1", "run", "days", 1.0),
        ("run.days=table", "run", "days", "table"),
        ("run.days=0.25", "run", "days", 0.25),
        ("export.cdm=[]", "export", "cdm", ()),
        ("export.cdm=json", "export", "cdm", ("json",)),
        ('export.cdm=["kvn", "json"]', "export", "cdm", ("kvn", "json")),
        ("run.start=2025-09-01T12:00:00", "run", "start", "2025-09-01T12:00:00"),
        ('run.start="2025-09-01T12:00:00"', "run", "start", "2025-09-01T12:00:00"),
        ("run.start=2025-09-01T14:00:00+02:00", "run", "start", "2025-09-01T12:00:00"),
        ("run.start=2025-244T12:00:00", "run", "start", "2025-244T12:00:00"),
        ("run.output=2025-09-01", "run", "output", "2025-09-01"),
        ("run.output=a=b", "run", "output", "a=b"),
        ("run.output = out/x y", "run", "output", "out/x y"),
        ('catalog.gp=["FILE"]', "catalog", "gp", ("FILE",)),
        ("catalog.gp=data/*.tle", "catalog", "gp", ("data/*.tle",)),
        ("catalog.gp=reference", "catalog", "gp", "reference"),
        ("catalog.population={objects=100000}", "catalog", "population", Population(100_000)),
        ("catalog.population={objects=1e5}", "catalog", "population", Population(100_000)),
        ("catalog.primaries=25544", "catalog", "primaries", (25544,)),
        ('catalog.primaries=[25544, "STARLINK*"]', "catalog", "primaries", (25544, "STARLINK*")),
        ("audit.max_pair_steps=2e9", "audit", "max_pair_steps", 2_000_000_000),
        ("audit.max_pair_steps=0", "audit", "max_pair_steps", 0),
        ("catalog.strict=true", "catalog", "strict", True),
        ('screening.disable=["reach", "chord"]', "screening", "disable", ("reach", "chord")),
        (
            'screening.volumes={shape="ELLIPSOID", r_km=5, t_km=5, n_km=5}',
            "screening",
            "volumes",
            UniformVolume("ELLIPSOID", 5.0, 5.0, 5.0),
        ),
    ],
)
def test_override(word: str, section: str, name: str, value: object) -> None:
    config = resolve(None, [word])
    given = getattr(getattr(config, section), name)
    assert given == value
    assert type(given) is type(value)
    default = getattr(getattr(resolve(), section), name)
    changed = dataclasses.replace(getattr(config, section), **{name: default})
    assert changed == getattr(resolve(), section), "another key changed too"


def test_overrides_win_over_the_file_and_the_last_one_wins(tmp_path: Path) -> None:
    path = write(tmp_path, '[run]\ndays = 3\noutput = "a"\n')
    config = resolve(path, ["run.days=1", "run.days=2"])
    assert (config.run.days, config.run.output) == (2.0, "a")


def test_overrides_from_python_values() -> None:
    config = resolve(None, {"run.days": 2, "run.output": Path("x"), "catalog.gp": ["a", "b"]})
    assert (config.run.days, config.run.output) == (2.0, "x")
    assert config.catalog.gp == ("a", "b")


@pytest.mark.parametrize("name", ["2025-09-01T12:00:00", "2025-09-01T14:00:00+02:00"])
def test_start_as_a_toml_date_time(tmp_path: Path, name: str) -> None:
    assert resolve(write(tmp_path, f"[run]\nstart = {name}\n")).run.start == "2025-09-01T12:00:00"


@pytest.mark.parametrize(
    ("word", "key", "nearest"),
    [
        ("run.dayz=1", "run.dayz", "run.days"),
        ("days=1", "days", "run.days"),
        ("run.cdm=[]", "run.cdm", "export.cdm"),
        ("screning.engine=grid", "screning.engine", "screening.engine"),
        ("export.compresion=none", "export.compresion", "export.compression"),
        ("runs.x=1", "runs.x", "run"),
    ],
)
def test_unknown_key_names_the_nearest(word: str, key: str, nearest: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(None, [word])
    assert caught.value.key == key
    assert f"did you mean {nearest}" in str(caught.value)
    assert caught.value.exit_code == 2


def test_unknown_section_in_a_file_names_the_line_and_the_nearest(tmp_path: Path) -> None:
    path = write(tmp_path, "[run]\ndays = 1\n\n[screning]\nengine = 'grid'\n")
    with pytest.raises(ConfigError) as caught:
        resolve(path)
    assert f"{path}:4" in str(caught.value)
    assert "did you mean screening" in str(caught.value)


def test_wrong_value_in_a_file_names_the_line(tmp_path: Path) -> None:
    path = write(tmp_path, "[export]\nplots = true\n[run]\nseed = 1\ndays = 'week'\n")
    with pytest.raises(ConfigError) as caught:
        resolve(path)
    assert f"{path}:5" in str(caught.value)
    assert '"week"' in str(caught.value)


@pytest.mark.parametrize(
    ("word", "given", "allowed"),
    [
        ("run.days=-1", "-1", '"table", or a number > 0'),
        ("run.days=0", "0", '"table", or a number > 0'),
        ("run.days=true", "true", '"table", or a number > 0'),
        ("run.days=nan", "nan", '"table", or a number > 0'),
        ("run.days=[1]", "[1]", '"table", or a number > 0'),
        ("run.kind=everything", "everything", '"all_vs_all"'),
        ("run.start=yesterday", "yesterday", "YYYY-MM-DDThh:mm:ss"),
        ("run.start=2025-02-30", "2025-02-30", "YYYY-MM-DDThh:mm:ss"),
        ("run.start=5", "5", "YYYY-MM-DDThh:mm:ss"),
        ("run.seed=1.5", "1.5", "an integer >= 0"),
        ("run.seed=-1", "-1", "an integer >= 0"),
        ("run.output=", '""', "a directory name"),
        ("catalog.gp=[]", "[]", "not empty"),
        ("catalog.gp=[1]", "[1]", "paths or globs"),
        ("catalog.population={objects=0}", "objects = 0", "an integer >= 1 and <= 2000000"),
        ("catalog.population={objects=2000001}", "2000001", "<= 2000000"),
        ("catalog.population={objects=true}", "true", "an integer >= 1"),
        ("catalog.population=100000", "100000", "{objects = N}"),
        ("catalog.strict=yes", "yes", "true | false"),
        ("catalog.max_age_days=0", "0", "a number > 0"),
        ("catalog.primaries=[-5]", "[-5]", "ids"),
        ("export.cdm=pdf", "pdf", '"kvn" | "json"'),
        ("export.cdm_min_pc=2", "2", "<= 1"),
        ("export.plots=1", "1", "true | false"),
        ('screening.disable=["all"]', '["all"]', '"reach"'),
        ("screening.volumes=box", "box", "handbook"),
        ('screening.volumes={shape="BALL", r_km=1, t_km=1, n_km=1}', "BALL", "ELLIPSOID"),
        ('screening.volumes={shape="BOX", r_km=0, t_km=1, n_km=1}', "r_km = 0", "half-sizes > 0"),
    ],
)
def test_wrong_value_names_given_and_allowed(word: str, given: str, allowed: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(None, [word])
    assert caught.value.key == word.partition("=")[0]
    assert given in str(caught.value)
    assert allowed in str(caught.value)
    assert str(caught.value.allowed) in str(caught.value)


@pytest.mark.parametrize(
    ("volume", "words"),
    [
        ('{shape="BOX", r_km=1, t_km=1}', "lacks n_km"),
        ('{shape="BOX", r_km=1, t_km=1, n_kn=1}', "did you mean n_km"),
    ],
)
def test_wrong_volume_keys(volume: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        resolve(None, [f"screening.volumes={volume}"])


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("catalog.population={}", "lacks objects"),
        ("catalog.population={object=5}", "did you mean objects"),
        ("catalog.population.objects=5", "did you mean catalog.population"),
    ],
)
def test_wrong_population_keys(word: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        resolve(None, [word])


@pytest.mark.parametrize(
    "text",
    [
        "[catalog]\nstrict = false\npopulation.objects = 0\n",
        "[catalog]\nstrict = false\npopulation = {objects = 0}\n",
        "[catalog.population]\n\nobjects = 0\n",
    ],
)
def test_population_in_a_file_names_the_line(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError, match="objects = 0") as caught:
        resolve(path)
    assert f"{path}:3" in str(caught.value)
    assert resolve(write(tmp_path, text.replace("= 0", "= 7"))).catalog.population.objects == 7


def test_population_and_files_contradict_each_other() -> None:
    with pytest.raises(ConfigError, match=r"objects = 5.*a\.tle.*contradict") as caught:
        resolve(None, ["catalog.gp=a.tle", "catalog.population={objects=5}"])
    assert caught.value.key == "catalog.population"
    assert caught.value.given == Population(5)
    files = resolve(None, ["catalog.gp=a.tle"])
    assert resolve(None, stored_settings(to_toml(files), "results.h5")) == files


def test_default_population_is_the_one_of_the_table() -> None:
    assert resolve().catalog.population.objects == len(reference_population())


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("run.days", "section.key=value"),
        ("catalog.gp=[FILE]", "needs quotes"),
        ('run.output="x', "not a TOML value"),
        ("screening.volumes={r_km=5", "not a TOML value"),
    ],
)
def test_malformed_override(word: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        resolve(None, [word])
    assert word.partition("=")[2] in str(caught.value)


@pytest.mark.parametrize(
    "word",
    [
        "run.kind=on_demand_operational",
        "run.kind=on_demand_candidate",
        'catalog.ocm=["x.oem"]',
    ],
)
def test_not_yet(word: str) -> None:
    with pytest.raises(NotYetError, match="not yet") as caught:
        resolve(None, [word])
    assert caught.value.exit_code == 2
    assert word.partition("=")[0] in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such configuration file") as caught:
        resolve(tmp_path / "none.toml")
    assert caught.value.given == str(tmp_path / "none.toml")


@pytest.mark.parametrize("content", [b"[run\n", b"[run]\ndays = \xff\n", b"[run]\ndays = 1 2\n"])
def test_unreadable_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"bad\.toml"):
        resolve(path)


def test_a_section_must_be_a_section(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"run must be a section \[run\]"):
        resolve(write(tmp_path, "run = 5\n"))


def test_byte_order_mark_and_crlf(tmp_path: Path) -> None:
    path = tmp_path / "bom.toml"
    path.write_bytes(b"\xef\xbb\xbf[run]\r\ndays = 2\r\n")
    assert resolve(path).run.days == 2.0


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["run.days=0.1", 'catalog.primaries=[5, "A \\"B\\"\\\\ \\u0007\\u007f Ω", "ids.txt"]'],
        ['screening.volumes={shape="BOX", r_km=0.4, t_km=44, n_km=51}', "export.cdm=[]"],
        ["catalog.population={objects=300000}"],
        ["catalog.gp=a.tle", "export.cdm_min_pc=3e-300", "audit.max_pair_steps=0"],
    ],
)
def test_resolved_text_reads_back_identically(tmp_path: Path, words: list[str]) -> None:
    config = resolve(None, words)
    text = to_toml(config)
    again = resolve(write(tmp_path, text))
    assert again == config
    assert to_toml(again) == text
    assert config_hash(again) == config_hash(config)


def test_stored_settings_resolve_to_the_same() -> None:
    words = ["run.days=0.1", 'catalog.primaries=[5, "ISS*"]', "export.cdm=[]"]
    config = resolve(None, words)
    settings = stored_settings(to_toml(config), "results.h5")
    assert settings["run.days"] == 0.1
    assert resolve(None, settings) == config


def test_stored_settings_that_are_no_toml() -> None:
    with pytest.raises(InputDataError, match=r"results\.h5: attribute config is no TOML") as caught:
        stored_settings("[run", "results.h5")
    assert caught.value.file == "results.h5"


def test_resolved_text_has_every_key() -> None:
    text = to_toml(resolve())
    sections = tomllib.loads(text)
    names = {f"{s}.{k}" for s, table in sections.items() for k in table}
    assert {"run.kind", "screening.volumes", "export.plots", "assess.solar"} <= names
    for name in names:
        assert f"{name.partition('.')[2]} = " in describe()


def test_hash_depends_on_every_value() -> None:
    hashes = {config_hash(resolve(None, words)) for words in ([], ["run.seed=2"], ["run.days=1"])}
    assert len(hashes) == 3


def test_filters_are_those_of_the_screening() -> None:
    assert set(FILTERS) == set(time_slice.FILTERS)


def test_methods_are_those_of_the_assessment() -> None:
    assert tuple(assess.PROBABILITY_METHODS) == PC_METHODS
    assert tuple(assess.PC_AREAS) == PC_AREAS
    assert tuple(assess.MAX_PROBABILITY_METHODS) == MAX_METHODS
    assert assess.DILUTION_RULES == DILUTION_RULES
    assert fragments.FRAGMENT_RULES == FRAGMENT_RULES


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        ([], ("circle", "ALFANO", False)),
        (["assess.preset=md2"], ("square", "ALFANO", False)),
        (["assess.preset=cara"], ("circle", "SCALE", True)),
        (["assess.preset=cara", "assess.dcp=false"], ("circle", "SCALE", False)),
        (["assess.pc_area=circle", "assess.preset=md2"], ("circle", "ALFANO", False)),
    ],
)
def test_presets_and_explicit_keys_win(words: list[str], chosen: tuple[object, ...]) -> None:
    settings = resolve(None, words).assess.with_preset()
    assert (settings.pc_area, settings.dilution, settings.dcp) == chosen
    assert settings.with_preset() == settings


def test_stored_settings_follow_another_preset() -> None:
    """A file kept the words of its run, so that they can be assessed again by another practice."""
    kept = stored_settings(to_toml(resolve(None, ["assess.kp=2"])), "results.h5")
    again = resolve(None, kept | {"assess.preset": "md2"}).assess.with_preset()
    assert (again.pc_area, again.kp) == ("square", 2.0)


@pytest.mark.parametrize("words", [["assess.pc_area=square"], ["assess.preset=md2"]])
def test_area_that_the_method_lacks(words: list[str]) -> None:
    with pytest.raises(ConfigError, match='CHAN-1997 knows the "circle" only') as caught:
        resolve(None, ["assess.method=CHAN-1997", *words])
    assert (caught.value.key, caught.value.given) == ("assess.pc_area", "square")


def test_help_of_disable_lists_all_filters() -> None:
    assert all(name in describe() for name in FILTERS)


def test_shipped_all_vs_all_shows_every_key_at_its_default() -> None:
    path = CONFIGS / "all_vs_all.toml"
    assert resolve(path) == resolve()
    shown = {f"{s}.{k}" for s, t in tomllib.loads(path.read_text()).items() for k in t}
    assert shown == {f"{s}.{k}" for s, t in tomllib.loads(to_toml(resolve())).items() for k in t}


def test_shipped_socrates_and_payload_vs_all() -> None:
    socrates = resolve(CONFIGS / "socrates.toml")
    assert socrates.screening.volumes == UniformVolume("ELLIPSOID", 5.0, 5.0, 5.0)
    assert socrates.run.days == 7.0
    assert resolve(CONFIGS / "payload_vs_all.toml").run.kind == "payload_vs_all"
