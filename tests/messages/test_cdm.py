"""CDM 2.0 text: formats by hand, exact read-back in every format and precision, and refusals."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tracss_hpc.errors import MessageError
from tracss_hpc.messages.cdm import CDM_LINES, CdmLine, CdmTable, make_cdm_table
from tracss_hpc.messages.cdm_read import parse_cdms, read_cdms
from tracss_hpc.messages.cdm_write import (
    CDM_FORMATS,
    CdmFormat,
    CdmPrecision,
    format_bundle,
    format_cdms,
    open_bundle,
)

PRECISIONS: tuple[CdmPrecision, ...] = ("operational", "full")
BLANK = {"text": "", "float": np.nan, "integer": np.nan, "epoch": np.datetime64("NaT", "us")}


def random_column(line: CdmLine, rng: np.random.Generator, n: int) -> NDArray[Any]:
    """Values of one line that its keyword allows, blank here and there where it may be."""
    keyword = line.keyword
    if keyword.type == "epoch":
        column: NDArray[Any] = rng.integers(0, 2**52, n).astype("datetime64[us]")
    elif keyword.type == "integer":
        column = rng.integers(0, 10**6, n).astype(np.float64)
    elif keyword.type == "float":
        high = min(keyword.maximum, 1e7)
        column = rng.uniform(max(keyword.minimum, -high), high, n)
    elif line.name.endswith("_OBJECT"):
        column = np.full(n, f"OBJECT{line.object}")
    else:
        texts = keyword.choices or ('COSMOS 2251 DEB, "A" & <B>', "5 % [x] = {y}\\", "ÑANDÚ")
        column = rng.choice(np.array(texts), n)
    if keyword.obligation != "M":
        column[rng.random(n) < 0.3] = BLANK[keyword.type]
    return column


def random_table(rng: np.random.Generator, n: int) -> CdmTable:
    return make_cdm_table({line.name: random_column(line, rng, n) for line in CDM_LINES}, n)


def minimal_columns() -> dict[str, Any]:
    """Only what a message must hold."""
    epoch = np.datetime64("2025-09-01T12:00:00", "us")
    values: dict[str, Any] = {"text": "A", "float": 1.0, "epoch": epoch}
    columns = {
        line.name: np.array((*line.keyword.choices, values[line.keyword.type])[0])
        for line in CDM_LINES
        if line.keyword.obligation == "M"
    }
    columns["SAT2_OBJECT"] = np.array("OBJECT2")
    return columns


def minimal(size: int = 1, **values: Any) -> CdmTable:
    columns = minimal_columns() | {name: np.array(value) for name, value in values.items()}
    return make_cdm_table(columns, size)


def kvn(table: CdmTable, precision: CdmPrecision = "operational") -> str:
    return format_bundle(format_cdms(table, "kvn", precision), "kvn")


def assert_same(given: CdmTable, expected: CdmTable) -> None:
    """Equal columns, bit for bit, blanks included."""
    assert len(given) == len(expected)
    for line in CDM_LINES:
        a, b = given.columns[line.name], expected.columns[line.name]
        assert a.dtype.kind == b.dtype.kind, line.name
        if a.dtype.kind == "f":
            assert np.array_equal(np.isnan(a), np.isnan(b)), line.name
            a, b = np.nan_to_num(a), np.nan_to_num(b)
            assert np.array_equal(np.signbit(a), np.signbit(b)), line.name
        same = (a == b) | (np.isnat(a) & np.isnat(b)) if a.dtype.kind == "M" else a == b
        assert same.all(), line.name


# --- printed by hand ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("MISS_DISTANCE", 437.4, "437 [m]"),
        ("MAHALANOBIS_DISTANCE", 12.0, "12.000"),
        ("RELATIVE_SPEED", 15031.04, "15031.0 [m/s]"),
        ("COLLISION_PROBABILITY", 0.000003656957, "3.656957E-06"),
        ("COLLISION_PROBABILITY", 1.5e-300, "1.500000E-300"),
        ("COLLISION_PROBABILITY", 0.0, "0.000000E+00"),
        ("SCREEN_PC_THRESHOLD", 1e-7, "1e-07"),
        ("ENVIRONMENTAL_IMPACT_FRAGMENTATION", 2438, "2438"),
        ("SAT1_RESIDUALS_ACCEPTED", 99.3, "99.3 [%]"),
        ("SAT2_APOAPSIS_ALTITUDE", 460.3, "460 [km]"),
        ("SAT1_INCLINATION", 60.71, "60.7 [deg]"),
        ("SAT1_HBR", 3, "3.00 [m]"),
        ("SAT1_CD_AREA_OVER_MASS", 0.161615504658, "0.161615504658 [m**2/kg]"),
        ("SAT1_CR_AREA_OVER_MASS", 0.0, "0 [m**2/kg]"),
        ("SAT1_SEDR", 0.020492, "0.020492 [W/kg]"),
        ("SAT1_RELATIVE_POSITION_T", -264.04, "-264.0 [m]"),
        ("SAT2_RELATIVE_VELOCITY_N", -2511.46, "-2511.5 [m/s]"),
        ("SAT1_SCREEN_VOLUME_X", 0.4, "0.4 [km]"),
        ("SAT1_SCREEN_VOLUME_Y", 25.0, "25 [km]"),
        ("SAT1_X", 1670.352554, "1670.352554 [km]"),
        ("SAT1_Z_DOT", -5.751722603, "-5.751722603 [km/s]"),
        ("SAT1_CR_R", 27.62478951638903, "2.762478951638903E+01 [m**2]"),
        ("SAT2_CNDOT_NDOT", 3.037280667193719e-05, "3.037280667193719E-05 [m**2/s**2]"),
        ("SAT1_OBJECT_NAME", "COSMOS 1408 DEB", "COSMOS 1408 DEB"),
        ("TCA", np.datetime64("2015-07-04T12:00:00.000001"), "2015-07-04T12:00:00.000001"),
    ],
)
def test_operational_line_by_hand(key: str, value: Any, text: str) -> None:
    lines = kvn(minimal(**{key: value})).splitlines()
    assert len(lines) == 200
    assert f"{key} = {text}" in lines


def test_full_line_by_hand() -> None:
    text = kvn(minimal(SAT1_X=1.0 / 3.0, COLLISION_PROBABILITY=1e-7, SAT1_OBS_USED=57.0), "full")
    assert "SAT1_X = 0.3333333333333333 [km]\n" in text
    assert "COLLISION_PROBABILITY = 1e-07\n" in text
    assert "SAT1_OBS_USED = 57\n" in text


def test_blank_is_blank_in_every_format() -> None:
    table = minimal()
    assert "\nCOLLISION_PROBABILITY =\n" in kvn(table)
    assert "\nSAT1_CR_R =\n" in kvn(table)
    (entry,) = format_cdms(table, "json", "operational")
    assert json.loads(entry)["SAT1_CR_R"] is None
    assert json.loads(entry)["SAT1_CR_R_UNIT"] == "m**2"
    assert "<SAT1_CR_R/>" in format_cdms(table, "xml", "operational")[0]
    row = format_cdms(table, "csv", "operational")[0].rstrip("\r\n").split(",")
    assert row[[line.name for line in CDM_LINES].index("SAT1_CR_R")] == ""


def test_json_is_an_object_of_texts_with_units() -> None:
    table = minimal(2, CLASSIFICATION='UNCLASSIFIED. "x"', MISS_DISTANCE=437.0)
    bundle = json.loads(format_bundle(format_cdms(table, "json", "operational"), "json"))
    assert list(bundle) == ["tracssCdms"]
    first, second = bundle["tracssCdms"]
    assert first == second
    assert [key for key in first if not key.endswith("_UNIT")] == [line.name for line in CDM_LINES]
    assert first["CLASSIFICATION"] == 'UNCLASSIFIED. "x"'
    assert (first["MISS_DISTANCE"], first["MISS_DISTANCE_UNIT"]) == ("437", "m")
    assert all(value is None or isinstance(value, str) for value in first.values())
    keys = list(first)
    assert keys[keys.index("SAT2_HBR") + 1] == "SAT2_HBR_UNIT"
    assert "TCA_UNIT" not in first


def test_csv_is_rfc_4180() -> None:
    text = format_bundle(
        format_cdms(minimal(CLASSIFICATION='U. "a, b"'), "csv", "operational"), "csv"
    )
    header, row, rest = text.split("\r\n")
    assert header.split(",") == [line.name for line in CDM_LINES]
    assert row.startswith('2.0,"U. ""a, b""",')
    assert rest == ""


def test_lines_stay_below_254_characters(rng: np.random.Generator) -> None:
    assert max(map(len, kvn(random_table(rng, 50)).splitlines())) < 254


# --- read back ------------------------------------------------------------------------------


@pytest.mark.parametrize("form", CDM_FORMATS)
@pytest.mark.parametrize("n", [1, 2, 1100])
def test_full_precision_reads_back_bit_identical(
    form: CdmFormat, n: int, rng: np.random.Generator
) -> None:
    table = random_table(rng, n)
    text = format_bundle(format_cdms(table, form, "full"), form)
    assert_same(parse_cdms(text), table)


@pytest.mark.parametrize("form", CDM_FORMATS)
def test_operational_precision_reads_back_what_was_printed(
    form: CdmFormat, rng: np.random.Generator
) -> None:
    text = format_bundle(format_cdms(random_table(rng, 40), form, "operational"), form)
    again = format_bundle(format_cdms(parse_cdms(text), form, "operational"), form)
    assert again == text


@pytest.mark.parametrize("precision", PRECISIONS)
def test_all_formats_carry_the_same_information(
    precision: CdmPrecision, rng: np.random.Generator
) -> None:
    table = random_table(rng, 30)
    tables = [
        parse_cdms(format_bundle(format_cdms(table, form, precision), form)) for form in CDM_FORMATS
    ]
    for other in tables[1:]:
        assert_same(other, tables[0])


@pytest.mark.parametrize("form", CDM_FORMATS)
def test_no_message_is_a_valid_file(form: CdmFormat, tmp_path: Path) -> None:
    path = tmp_path / f"cdms.{form}"
    with open_bundle(path, form, "full"):
        pass
    assert len(read_cdms(path)) == 0
    assert path.read_bytes().decode() == format_bundle([], form)


@pytest.mark.parametrize("form", CDM_FORMATS)
def test_bundle_of_tables_is_the_bundle_of_all(
    form: CdmFormat, tmp_path: Path, rng: np.random.Generator
) -> None:
    tables = [random_table(rng, n) for n in (3, 0, 1)]
    path = tmp_path / "cdms"
    with open_bundle(path, form, "full") as write:
        for table in tables:
            write(table)
    texts = [text for table in tables for text in format_cdms(table, form, "full")]
    assert path.read_bytes().decode() == format_bundle(texts, form)
    assert list(tmp_path.iterdir()) == [path]


def test_failed_bundle_leaves_no_file(tmp_path: Path) -> None:
    def write_two() -> None:
        with open_bundle(tmp_path / "cdms.kvn", "kvn", "full") as write:
            write(minimal())
            write(minimal(MISS_DISTANCE=np.nan))

    with pytest.raises(MessageError, match="MISS_DISTANCE"):
        write_two()
    assert list(tmp_path.iterdir()) == []


def test_constant_columns_print_like_full_ones() -> None:
    columns = minimal_columns()
    whole = {name: np.array([value] * 3) for name, value in columns.items()}
    for form in CDM_FORMATS:
        for precision in PRECISIONS:
            folded = format_cdms(make_cdm_table(columns, 3), form, precision)
            assert folded == format_cdms(make_cdm_table(whole, 3), form, precision)


def test_reader_takes_crlf_bom_blank_lines_and_missing_units(tmp_path: Path) -> None:
    table = minimal(MISS_DISTANCE=437.0)
    text = kvn(table).replace("437 [m]", "437").replace("OBJECT1", "OBJECT 1")
    path = tmp_path / "a.cdm"
    path.write_bytes(b"\xef\xbb\xbf\r\n" + text.replace("\n", "\r\n\r\n").encode())
    assert_same(read_cdms(path), table)


def test_reader_takes_a_json_list_one_object_or_one_object_a_line(
    rng: np.random.Generator,
) -> None:
    table = random_table(rng, 3)
    texts = format_cdms(table, "json", "full")
    assert_same(parse_cdms("\n".join(texts)), table)
    assert_same(parse_cdms("[" + ", ".join(texts) + "]\n"), table)
    assert len(parse_cdms(texts[0])) == 1


def test_optional_keys_may_be_absent() -> None:
    text = "\n".join(row for row in kvn(minimal()).splitlines() if not row.endswith("="))
    assert_same(parse_cdms(text), minimal())


printable = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z")) | st.just(" "), max_size=30
).map(str.strip)


@st.composite
def any_table(draw: st.DrawFn) -> CdmTable:
    """One to three messages with adversarial texts and numbers."""
    n = draw(st.integers(1, 3))
    columns: dict[str, Any] = dict(minimal_columns())
    for line in draw(st.lists(st.sampled_from(CDM_LINES[1:]), max_size=12, unique=True)):
        keyword = line.keyword
        number = st.floats(
            None if keyword.minimum == -np.inf else keyword.minimum,
            None if keyword.maximum == np.inf else keyword.maximum,
            allow_nan=keyword.obligation != "M" and keyword.minimum == -np.inf,
            allow_infinity=False,
        )
        blank = [] if keyword.obligation == "M" else [""]
        values: st.SearchStrategy[Any] = {
            "text": st.sampled_from([*keyword.choices, *blank]) if keyword.choices else printable,
            "float": number,
            "integer": st.integers(0, 2**53).map(float),
            "epoch": st.integers(0, 2**57).map(lambda us: np.datetime64(us, "us")),
        }[keyword.type]
        if keyword.obligation == "M" and keyword.type == "text":
            values = values.filter(bool)
        columns[line.name] = np.array(draw(st.lists(values, min_size=n, max_size=n)))
    return make_cdm_table(columns, n)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(any_table(), st.sampled_from(CDM_FORMATS))
def test_round_trip_of_any_table(table: CdmTable, form: CdmFormat) -> None:
    text = format_bundle(format_cdms(table, form, "full"), form)
    assert_same(parse_cdms(text), table)


# --- refused by the reader ------------------------------------------------------------------

Edit = Callable[[str], str]


def swap(old: str, new: str) -> Edit:
    def edit(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return edit


@pytest.mark.parametrize(
    ("edit", "line", "key", "given", "allowed"),
    [
        (swap("MISS_DIST", "MIS_DIST"), 11, "MIS_DISTANCE", "MIS_DISTANCE", "MISS_DISTANCE"),
        (swap("ORIGINATOR = A", "QQQ = x"), 5, "QQQ", "QQQ", "the 200 keys"),
        (swap("SAT1_X =", "SAT1_Y ="), 80, "SAT1_Y", "SAT1_Y", "each key once"),
        (swap("SAT1_X = 1.000000 [km]", "SAT1_X = 1000 [s]"), 79, "SAT1_X", "s", "[km]"),
        (swap("SAT1_X = 1.000000 [km]", "SAT1_X = 1 []"), 79, "SAT1_X", "[]", "[km]"),
        (swap("THRESHOLD = 1", "THRESHOLD = 1 [m]"), 20, "SCREEN_PC_THRESHOLD", "m", "no unit"),
        (swap("SAT2_Y = 1.000000", "SAT2_Y = 1,5"), 168, "SAT2_Y", "1,5", "a finite number"),
        (swap("SAT2_Y = 1.000000", "SAT2_Y = NaN"), 168, "SAT2_Y", "NaN", "a finite number"),
        (swap("SAT2_Y = 1.000000", "SAT2_Y = 1e999"), 168, "SAT2_Y", "1e999", "a finite number"),
        (swap("SAT2_Y = 1.000000", "SAT2_Y = 1_0"), 168, "SAT2_Y", "1_0", "a finite number"),
        (swap("SAT1_HBR =", "SAT1_HBR = -1"), 59, "SAT1_HBR", "-1", ">= 0"),
        (swap("USED =", "USED = 1.5"), 51, "SAT1_OBS_USED", "1.5", "a whole number"),
        (swap("PROBABILITY =", "PROBABILITY = 1.2"), 14, "COLLISION_PROBABILITY", "1.2", "0..1"),
        (swap("TCA = 2025-09-01T", "TCA = 2025-09-31T"), 10, "TCA", "2025-09-31T", "YYYY-MM-DD"),
        (swap("TCA = 2025-09-01T", "TCA = 2025-244T"), 10, "TCA", "2025-244T", "YYYY-MM-DD"),
        (swap("TYPE = PAYLOAD", "TYPE = PAY"), 32, "SAT1_OBJECT_TYPE", "PAY", "PAYLOAD or ROCKET"),
        (swap("VERS = 2.0", "VERS = 1.0"), 1, "CCSDS_CDM_VERS", "1.0", "2.0"),
        (swap("TCA = 2025-09-01T12:00:00.000000", "TCA ="), 10, "TCA", "", "YYYY-MM-DD"),
        (swap("RUN_ID = A\n", ""), 1, "RUN_ID", "", "printable text"),
        (swap("ORIGINATOR = A", "ORIGINATOR A"), 5, "ORIGINATOR A", "ORIGINATOR A", "KEY = value"),
        (swap("CCSDS_CDM_VERS = 2.0\n", ""), 1, "CLASSIFICATION", "A", "CCSDS_CDM_VERS"),
    ],
)
def test_kvn_fault_is_named(edit: Edit, line: int, key: str, given: str, allowed: str) -> None:
    with pytest.raises(MessageError) as caught:
        parse_cdms(edit(kvn(minimal())), file="bad.cdm")
    error = caught.value
    assert (error.file, error.line, error.key) == ("bad.cdm", line, key)
    assert given in str(error.given)
    assert allowed in str(error.allowed)
    for part in ("bad.cdm", f"line {line}", key, given, allowed):
        assert part in str(error)
    assert error.exit_code == 3


def test_fault_in_a_later_message_has_its_own_line() -> None:
    text = kvn(minimal()) * 1100 + kvn(minimal()).replace("SAT2_Y = 1.000000", "SAT2_Y = x")
    with pytest.raises(MessageError, match="'x'") as caught:
        parse_cdms(text)
    assert caught.value.line == 1100 * 200 + 168


def as_json(change: Mapping[str, object]) -> str:
    entry = json.loads(format_cdms(minimal(), "json", "full")[0]) | change
    good = format_cdms(minimal(), "json", "full")[0]
    text = json.dumps({k: v for k, v in entry.items() if v != "absent"}, indent=0)
    return '{"tracssCdms":[\n' + good + ",\n" + text + "]}"


@pytest.mark.parametrize(
    ("change", "line", "key", "given", "allowed"),
    [
        ({"MISS_DISTANCE": 437}, 14, "MISS_DISTANCE", "437", "a string or null"),
        ({"SAT1_Q": "1"}, None, "SAT1_Q", "SAT1_Q", "SAT1_"),
        ({"MISS_DISTANCE_UNIT": "kg"}, 14, "MISS_DISTANCE", "kg", "[m]"),
        ({"TCA": None}, 13, "TCA", "", "YYYY"),
        ({"TCA": "absent"}, 3, "TCA", "", "YYYY"),
        ({"CCSDS_CDM_VERS": "3.0"}, 4, "CCSDS_CDM_VERS", "3.0", "2.0"),
    ],
)
def test_json_fault_is_named(
    change: dict[str, object], line: int | None, key: str, given: str, allowed: str
) -> None:
    with pytest.raises(MessageError) as caught:
        parse_cdms(as_json(change), file="bad.json")
    error = caught.value
    assert (error.file, error.key) == ("bad.json", key)
    assert line is None or error.line == line
    for part in ("bad.json", given, allowed):
        assert part in str(error)


@pytest.mark.parametrize(
    ("form", "edit", "line", "part"),
    [
        ("json", swap('"ORIGINATOR":"A"', '"ORIGINATOR":"A","ORIGINATOR":"B"'), 2, "ORIGINATOR"),
        ("json", swap('"ORIGINATOR":"A"', '"ORIGINATOR"'), 2, "delimiter"),
        ("json", swap("]}", ""), 4, "JSON"),
        ("xml", swap('<SAT1_X units="km">', '<SAT1_X units="s">'), 81, "[km]"),
        ("xml", swap("</ORIGINATOR>", ""), 8, "inside ORIGINATOR"),
        ("xml", swap("<ORIGINATOR>A</ORIGINATOR>", "<NAME>A</NAME>"), 7, "NAME"),
        ("xml", swap("<tracssCdms>", "<oem>"), 2, "tracssCdms"),
        ("xml", swap("</tracssCdms>", ""), 205, "no element"),
        ("csv", swap("TCA,", "TCE,"), 1, "TCE"),
        ("csv", swap("TCA,", "RUN_ID,"), 1, "RUN_ID"),
        ("csv", swap("\r\n2.0,", "\r\n2.0,2.0,"), 2, "200 values"),
    ],
)
def test_fault_in_other_formats_is_named(form: CdmFormat, edit: Edit, line: int, part: str) -> None:
    text = format_bundle(format_cdms(minimal(), form, "full"), form)
    with pytest.raises(MessageError) as caught:
        parse_cdms(edit(text), file="bad")
    assert caught.value.line == line
    assert part in str(caught.value)


def test_other_bytes_are_not_a_message(tmp_path: Path) -> None:
    path = tmp_path / "a.cdm"
    path.write_bytes(kvn(minimal()).encode() + b"\xff")
    with pytest.raises(MessageError, match="not UTF-8") as caught:
        read_cdms(path)
    assert caught.value.file == str(path)


# --- refused by the writer ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "part"),
    [
        ("MISS_DISTANCE", np.nan, "nan"),
        ("MISS_DISTANCE", np.inf, "inf"),
        ("MISS_DISTANCE", -1.0, "-1.0"),
        ("COLLISION_PROBABILITY", 1.5, "1.5"),
        ("SAT1_OBS_USED", 1.5, "1.5"),
        ("SAT1_OBJECT_TYPE", "PAY", "'PAY'"),
        ("SAT1_OBJECT_NAME", "", "mandatory"),
        ("SAT1_OBJECT_NAME", "A\nB", "A\\\\nB"),
        ("SAT1_OBJECT_NAME", " A", "' A'"),
        ("TCA", np.datetime64("NaT", "us"), "no value"),
    ],
)
@pytest.mark.parametrize("size", [1, 2])
def test_writer_refuses(key: str, value: Any, part: str, size: int) -> None:
    good = minimal_columns().get(key, "" if isinstance(value, str) else np.array(0.0))
    column = np.array(value) if size == 1 else np.array([good[()], value])
    table = make_cdm_table(minimal_columns() | {key: column}, size)
    with pytest.raises(MessageError, match=part) as caught:
        format_cdms(table, "kvn", "full")
    assert caught.value.key == key
    assert caught.value.allowed


def test_table_refuses_unknown_names_and_lengths() -> None:
    with pytest.raises(ValueError, match="SAT3_X"):
        make_cdm_table({"SAT3_X": np.zeros(1)}, 1)
    with pytest.raises(ValueError, match=r"SAT1_X has shape \(2,\)"):
        make_cdm_table({"SAT1_X": np.zeros(2)}, 1)
