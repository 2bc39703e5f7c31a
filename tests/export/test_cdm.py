"""Conjunction columns to messages: values, blanks, identifiers, filters, files."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tracss_hpc.assess.assessment import assess_conjunctions
from tracss_hpc.epochs import Epoch, parse_epoch
from tracss_hpc.export.cdm import (
    RunFacts,
    build_cdms,
    count_repeats,
    make_message_ids,
    write_cdms,
)
from tracss_hpc.export.cdm_selection import SELECTION_COLUMNS, select_conjunctions
from tracss_hpc.messages.cdm import CDM_LINES, COVARIANCE_KEYWORDS, CdmTable
from tracss_hpc.messages.cdm_read import read_cdms
from tracss_hpc.messages.cdm_write import CDM_FORMATS, CdmFormat

Columns = dict[str, NDArray[Any]]

FACTS = RunFacts(
    start=parse_epoch("2025-09-01T12:00:00"),
    created=parse_epoch("2025-09-02T01:02:03.4"),
    run_id="4fe9054f-b477-4e7a-a7c5-1c1f1f6f8a11",
    correlation_id="7c9e6679a1b2",
    catalog_name="SYNTHETIC",
)


def make_objects(rng: np.random.Generator, n: int) -> Columns:
    """Group `objects` of a run with element sets only."""
    numbers = np.arange(n)
    return {
        "object_designator": 900000001 + numbers,
        "object_name": np.array([f"SYN-{i} [+]" for i in numbers]),
        "international_designator": np.array([f"2020-{i % 999 + 1:03d}A" for i in numbers]),
        "object_type": rng.choice(np.array(["PAYLOAD", "DEBRIS", "ROCKET BODY"]), n),
        "ops_status": rng.choice(np.array(["OPERATIONAL", "NONOPERATIONAL", "UNKNOWN", ""]), n),
        "regime": np.full(n, "LEO 2"),
        "screening_data_source": np.full(n, "Synthetic GP"),
        "ephemeris_name": np.full(n, "NONE"),
        "covariance_method": np.full(n, "DEFAULT"),
        "hbr": rng.choice(np.array([1.0, 3.0, 5.0]), n),
        "mass": np.where(rng.random(n) < 0.5, rng.uniform(1.0, 9000.0, n), np.nan),
        "screen_volume_x": np.full(n, 0.4),
        "screen_volume_y": np.full(n, 25.0),
        "screen_volume_z": np.full(n, 25.0),
        "span_days": rng.choice(np.array([5.0, 10.0]), n),
    }


def make_conjunctions(rng: np.random.Generator, m: int, n: int) -> Columns:
    """Group `conjunctions`: m rows of one day between n objects, sorted by TCA."""
    object1 = rng.integers(0, n, m)
    columns: Columns = {
        "object1": object1,
        "object2": (object1 + rng.integers(1, n, m)) % n,
        "tca": np.sort(np.rint(rng.uniform(0.0, 86400.0, m) * 1e6) / 1e6),
        "miss_distance": rng.uniform(0.0, 3e4, m),
        "relative_speed": rng.uniform(0.0, 15000.0, m),
        "collision_probability": 10.0 ** rng.uniform(-30.0, -3.0, m),
        "mahalanobis_distance": rng.uniform(0.0, 50.0, m),
        "approach_angle": rng.uniform(0.0, 180.0, m),
        "combined_hbr": np.full(m, 6.0),
        "sat1_caught": np.ones(m, np.uint8),
        "sat2_caught": rng.integers(0, 2, m).astype(np.uint8),
    }
    for side in ("sat1", "sat2"):
        columns[f"{side}_object_designator"] = 900000001 + columns[side.replace("sat", "object")]
        columns[f"{side}_covariance"] = rng.normal(size=(m, 21)) * 1e3
        columns[f"{side}_inclination"] = rng.uniform(0.0, 180.0, m)
        columns[f"{side}_apoapsis_altitude"] = rng.uniform(300.0, 2000.0, m)
        columns[f"{side}_periapsis_altitude"] = rng.uniform(200.0, 300.0, m)
        for c in "rtn":
            columns[f"{side}_relative_position_{c}"] = rng.normal(size=m) * 1e4
            columns[f"{side}_relative_velocity_{c}"] = rng.normal(size=m) * 1e4
        for c in "xyz":
            columns[f"{side}_{c}"] = rng.normal(size=m) * 7e3
            columns[f"{side}_{c}_dot"] = rng.normal(size=m) * 7.0
    return columns


@pytest.fixture
def objects(rng: np.random.Generator) -> Columns:
    return make_objects(rng, 20)


@pytest.fixture
def conjunctions(rng: np.random.Generator) -> Columns:
    return make_conjunctions(rng, 50, 20)


def build(objects: Columns, conjunctions: Columns, facts: RunFacts = FACTS) -> CdmTable:
    (table,) = build_cdms(objects, conjunctions, facts)
    return table


# --- values ---------------------------------------------------------------------------------


@pytest.mark.parametrize("form", CDM_FORMATS)
def test_full_precision_file_holds_the_columns_bit_for_bit(
    form: CdmFormat, tmp_path: Path, rng: np.random.Generator
) -> None:
    objects, conjunctions = make_objects(rng, 300), make_conjunctions(rng, 3000, 300)
    (path,) = write_cdms(tmp_path, objects, conjunctions, FACTS, formats=[form], precision="full")
    read = read_cdms(path).columns
    seconds = (read["TCA"] - read["START_SCREEN_PERIOD"]).astype(np.int64) / 1e6
    assert np.array_equal(seconds, conjunctions["tca"])
    for name in ("miss_distance", "relative_speed", "collision_probability"):
        assert np.array_equal(read[name.upper()], conjunctions[name])
    for side in (1, 2):
        row = conjunctions[f"object{side}"]
        for line in CDM_LINES:
            column = f"sat{side}_{line.keyword.name.lower()}"
            if line.object == side and column in conjunctions and line.keyword.is_number:
                assert np.array_equal(read[line.name], conjunctions[column]), line.name
        covariance = np.stack([read[f"SAT{side}_{k}"] for k in COVARIANCE_KEYWORDS], axis=1)
        assert np.array_equal(covariance, conjunctions[f"sat{side}_covariance"])
        assert np.array_equal(read[f"SAT{side}_APPROACH_ANGLE"], conjunctions["approach_angle"])
        for name in ("hbr", "mass", "screen_volume_x"):
            expected = objects[name][row]
            assert np.array_equal(read[f"SAT{side}_{name.upper()}"], expected, equal_nan=True)
        assert read[f"SAT{side}_OBJECT_NAME"].tolist() == objects["object_name"][row].tolist()
        designators = [str(i) for i in objects["object_designator"][row]]
        assert read[f"SAT{side}_OBJECT_DESIGNATOR"].tolist() == designators


def test_facts_constants_and_statements_for_element_sets(
    objects: Columns, conjunctions: Columns
) -> None:
    columns = build(objects, conjunctions).columns
    expected = {
        "CCSDS_CDM_VERS": "2.0",
        "CLASSIFICATION": 'UNCLASSIFIED. "Research product of tracss_hpc, '
        'not an operational message"',
        "CREATION_DATE": np.datetime64("2025-09-02T01:02:03.400000"),
        "ORIGINATOR": "tracss_hpc",
        "RUN_ID": FACTS.run_id,
        "CORRELATION_ID": FACTS.correlation_id,
        "COLLISION_PROBABILITY_METHOD": "FOSTER-1992",
        "SCREEN_PC_THRESHOLD": 0.0,
        "START_SCREEN_PERIOD": np.datetime64("2025-09-01T12:00:00.000000"),
        "SAT1_OBJECT": "OBJECT1",
        "SAT2_OBJECT": "OBJECT2",
        "SAT1_CATALOG_NAME": "SYNTHETIC",
        "SAT2_SCREENING_DATA_SOURCE": "Synthetic GP",
        "SAT1_EPHEMERIS_NAME": "NONE",
        "SAT1_MANEUVERABLE": "UNKNOWN",
        "SAT2_COVARIANCE_METHOD": "DEFAULT",
        "SAT1_ORBIT_CENTER": "EARTH",
        "SAT1_GRAVITY_MODEL": "WGS-72: 4D 0O",
        "SAT1_INTRACK_THRUST": "NO",
        "SAT1_THRUST_ACCELERATION": 0.0,
        "SAT1_SCREEN_VOLUME_SHAPE": "BOX",
        "SAT2_SCREEN_VOLUME_FRAME": "RTN",
        "SAT2_REF_FRAME": "EME2000",
        "MEETS_ALERTABLE_CRITERIA": "",
        "SAT1_TIME_LASTOB_END": np.datetime64("NaT"),
        "SAT1_CD_AREA_OVER_MASS": np.nan,
        "COLLISION_MAX_PROBABILITY": np.nan,
        "COLLISION_MAX_PC_METHOD": "",
    }
    for name, value in expected.items():
        for given in columns[name]:
            blank = value != value
            assert (given != given) if blank else given == value, name


def test_blank_is_blank_together(objects: Columns, conjunctions: Columns) -> None:
    conjunctions["collision_probability"][3] = np.nan
    conjunctions["sat1_covariance"][4, 7] = np.nan
    del conjunctions["sat2_covariance"]
    columns = build(objects, conjunctions).columns
    assert (columns["COLLISION_PROBABILITY_METHOD"] == "").tolist() == [i == 3 for i in range(50)]
    assert (columns["SAT1_COVARIANCE_METHOD"] == "").tolist() == [i == 4 for i in range(50)]
    for name in COVARIANCE_KEYWORDS:
        assert np.isnan(columns[f"SAT1_{name}"]).tolist() == [i == 4 for i in range(50)]
        assert np.isnan(columns[f"SAT2_{name}"]).all()
    assert set(columns["SAT2_COVARIANCE_METHOD"].tolist()) == {""}


def test_an_ephemeris_states_its_own_models_or_leaves_them_blank(
    objects: Columns, conjunctions: Columns
) -> None:
    objects["ephemeris_name"] = np.array(["NONE"] * 10 + ["d49d5103"] * 10)
    columns = build(objects, conjunctions).columns
    tabulated = conjunctions["object2"] >= 10
    assert tabulated.any()
    assert np.array_equal(columns["SAT2_GRAVITY_MODEL"] == "", tabulated)
    assert np.array_equal(columns["SAT2_INTRACK_THRUST"] == "", tabulated)
    assert np.array_equal(np.isnan(columns["SAT2_THRUST_ACCELERATION"]), tabulated)
    assert np.array_equal(columns["SAT2_EPHEMERIS_NAME"] == "d49d5103", tabulated)


def test_absent_and_odd_texts_become_the_unknown_of_the_table(conjunctions: Columns) -> None:
    rng = np.random.default_rng(1)
    objects = make_objects(rng, 20)
    objects["object_name"] = np.array(["", " ISS\t(ZARYA) "] * 10, dtype=object)
    for name in ("international_designator", "ops_status", "object_type", "ephemeris_name"):
        del objects[name]
    columns = build(objects, conjunctions).columns
    assert set(columns["SAT1_OBJECT_NAME"].tolist()) == {"UNKNOWN", "ISS (ZARYA)"}
    for name in ("INTERNATIONAL_DESIGNATOR", "OPS_STATUS", "OBJECT_TYPE"):
        assert set(columns[f"SAT2_{name}"].tolist()) == {"UNKNOWN"}
    assert set(columns["SAT1_EPHEMERIS_NAME"].tolist()) == {"NONE"}


def test_texts_may_be_bytes_as_hdf5_gives_them(objects: Columns, conjunctions: Columns) -> None:
    expected = build(objects, conjunctions)
    objects["object_name"] = objects["object_name"].astype("S")
    objects["object_type"] = objects["object_type"].astype("S").astype(object)
    conjunctions["dilution_status"] = np.array([b"ROBUST", b""] * 25, dtype=object)
    given = build(objects, conjunctions)
    for name in ("SAT1_OBJECT_NAME", "SAT2_OBJECT_TYPE", "MESSAGE_FOR"):
        assert given.columns[name].tolist() == expected.columns[name].tolist()
    assert given.columns["DILUTION_STATUS"].tolist() == ["ROBUST", ""] * 25


def test_message_is_for_the_operated_objects(conjunctions: Columns, objects: Columns) -> None:
    objects["object_type"] = np.array(["PAYLOAD"] * 15 + ["DEBRIS"] * 5)
    objects["ops_status"] = np.array((["OPERATIONAL", "UNKNOWN", "NONOPERATIONAL"] * 7)[:20])
    objects["object_name"] = np.array([f"S{i}" for i in range(20)])
    conjunctions["object1"], conjunctions["object2"] = np.arange(50) % 20, (np.arange(50) + 1) % 20
    told = build(objects, conjunctions).columns["MESSAGE_FOR"].tolist()
    assert told[:3] == ["S0, S1", "S1", "S3"]  # S2 is a dead payload
    assert told[15:20] == ["", "", "", "", "S0"]  # debris


def test_stop_is_the_longer_span_of_those_that_caught(
    objects: Columns, conjunctions: Columns
) -> None:
    objects["span_days"] = np.array([5.0, 10.0] * 10)
    conjunctions["object1"], conjunctions["object2"] = np.full(50, 0), np.full(50, 1)
    conjunctions["sat1_caught"] = np.array([1, 0] * 25, np.uint8)
    conjunctions["sat2_caught"] = np.array([0, 1, 1, 1, 0] * 10, np.uint8)
    stop = build(objects, conjunctions).columns["STOP_SCREEN_PERIOD"]
    assert [str(s)[:10] for s in stop[:5]] == [
        "2025-09-06",
        "2025-09-11",
        "2025-09-11",
        "2025-09-11",
        "2025-09-06",
    ]


# --- identifiers ----------------------------------------------------------------------------


def test_message_id_by_hand(objects: Columns, conjunctions: Columns) -> None:
    conjunctions["tca"][:3] = [0.0, 43199.999999, 43200.0]
    conjunctions["sat1_object_designator"][:3] = [5, 25544, 900000001]
    conjunctions["sat2_object_designator"][:3] = [11, 339999, 900000002]
    ids = make_message_ids(objects, conjunctions, FACTS)
    # 2025-09-01 is day 244; 2025-09-02T01:02:03 UTC is 1756774923 s after 1970.
    assert ids[:3] == [
        "000000005_conj_000000011_2025244120000_1756774923",
        "000025544_conj_000339999_2025244235959_1756774923",
        "900000001_conj_900000002_2025245000000_1756774923",
    ]


def test_repeats_within_a_second_are_numbered_by_tca_and_ephemeris(
    objects: Columns, conjunctions: Columns
) -> None:
    rows = np.arange(6)
    few = {name: column[rows] for name, column in conjunctions.items()}
    few["tca"] = np.array([10.9, 10.1, 11.0, 10.9, 10.9, 10.95])
    few["sat1_object_designator"] = np.full(6, 5)
    few["sat2_object_designator"] = np.array([11, 11, 11, 11, 12, 11])
    few["object1"] = np.array([1, 0, 0, 0, 0, 0])
    few["object2"] = np.full(6, 2)
    objects["ephemeris_name"] = np.array(["A", "B"] + ["NONE"] * 18)
    ids = make_message_ids(objects, few, FACTS)
    assert [re.sub(r".*_1756774923", "", text) for text in ids] == ["_3", "", "", "_2", "", "_4"]
    assert len(set(ids)) == 6


def test_message_ids_do_not_depend_on_the_selection(
    objects: Columns, conjunctions: Columns
) -> None:
    conjunctions["tca"][:] = 10.0
    conjunctions["sat1_object_designator"][:] = 5
    conjunctions["sat2_object_designator"][:] = 11
    ids = make_message_ids(objects, conjunctions, FACTS)
    (table,) = build_cdms(objects, conjunctions, FACTS, np.array([7, 3, 20]))
    assert table.columns["MESSAGE_ID"].tolist() == [ids[7], ids[3], ids[20]]


def test_chosen_rows_alone_give_the_messages_of_the_whole_run(
    objects: Columns, conjunctions: Columns, tmp_path: Path
) -> None:
    """A large run is exported from the chosen rows, with the repeats counted over all."""
    conjunctions["tca"][::2] = 10.0
    conjunctions["sat1_object_designator"][::2] = 5
    conjunctions["sat2_object_designator"][::2] = 11
    needed = (*SELECTION_COLUMNS, "object1", "object2")
    little = {name: conjunctions[name] for name in needed if name in conjunctions}
    repeats = count_repeats(objects, little, FACTS)
    assert repeats.max() > 5
    rows = np.array([7, 3, 20, 4, 6])
    chosen = {name: column[rows] for name, column in conjunctions.items()}
    whole = write_cdms(
        tmp_path / "whole", objects, conjunctions, FACTS, rows=rows, formats=CDM_FORMATS
    )
    alone = write_cdms(
        tmp_path / "alone", objects, chosen, FACTS, repeats=repeats[rows], formats=CDM_FORMATS
    )
    for one, other in zip(whole, alone, strict=True):
        assert one.read_bytes() == other.read_bytes()


# --- filters --------------------------------------------------------------------------------


@pytest.fixture
def four() -> Columns:
    return {
        "tca": np.array([30.0, 10.0, 20.0, 20.0]),
        "sat1_object_designator": np.array([1, 2, 9, 3]),
        "sat2_object_designator": np.array([4, 5, 6, 1]),
        "miss_distance": np.array([100.0, 1000.0, 5000.0, 50.0]),
        "collision_probability": np.array([1e-5, 1e-9, np.nan, 1e-5]),
    }


@pytest.mark.parametrize(
    ("filters", "rows", "left_out"),
    [
        ({}, [1, 3, 2, 0], {}),
        ({"min_pc": 1e-9}, [1, 3, 0], {"cdm_min_pc (Pc blank)": 1, "cdm_min_pc": 0}),
        ({"min_pc": 1e-7}, [3, 0], {"cdm_min_pc (Pc blank)": 1, "cdm_min_pc": 1}),
        ({"max_miss_km": 1.0}, [1, 3, 0], {"cdm_max_miss_km": 1}),
        ({"objects": [1]}, [3, 0], {"cdm_objects": 2}),
        ({"objects": [6, 5]}, [1, 2], {"cdm_objects": 2}),
        ({"max_count": 1}, [3], {"cdm_max": 3}),
        ({"max_count": 3}, [1, 3, 0], {"cdm_max": 1}),
        ({"max_count": 9}, [1, 3, 2, 0], {"cdm_max": 0}),
        (
            {"objects": [1, 2], "max_miss_km": 0.5, "max_count": 1},
            [3],
            {"cdm_objects": 1, "cdm_max_miss_km": 1, "cdm_max": 1},
        ),
    ],
)
def test_selection_by_hand(
    four: Columns, filters: dict[str, Any], rows: list[int], left_out: dict[str, int]
) -> None:
    selection = select_conjunctions(four, **filters)
    assert selection.rows.tolist() == rows
    assert dict(selection.left_out) == left_out
    assert len(rows) + sum(left_out.values()) == 4


def test_selection_needs_its_columns_only(four: Columns) -> None:
    assert set(SELECTION_COLUMNS) == four.keys()
    without = {name: column for name, column in four.items() if name != "collision_probability"}
    assert select_conjunctions(without, min_pc=1e-9).rows.tolist() == []
    assert select_conjunctions(without, max_count=2).rows.tolist() == [3, 0]


def test_selection_of_nothing(four: Columns) -> None:
    none = {name: column[:0] for name, column in four.items()}
    selection = select_conjunctions(none, min_pc=0.1, max_miss_km=1.0, objects=[1], max_count=1)
    assert selection.rows.tolist() == []
    assert set(selection.left_out.values()) == {0}


# --- files ----------------------------------------------------------------------------------


def test_bundles_and_single_files_hold_the_same_text(
    tmp_path: Path, objects: Columns, conjunctions: Columns
) -> None:
    rows = np.array([4, 2, 40])
    kvn, js = write_cdms(
        tmp_path / "b", objects, conjunctions, FACTS, rows=rows, formats=("kvn", "json")
    )
    assert (kvn.name, js.name) == ("cdms.kvn", "cdms.json")
    single = write_cdms(tmp_path / "s", objects, conjunctions, FACTS, rows=rows, per_file=True)
    ids = make_message_ids(objects, conjunctions, FACTS)
    assert [path.name for path in single] == [f"{ids[row]}.cdm" for row in rows]
    assert kvn.read_text() == "".join(path.read_text() for path in single)
    assert read_cdms(js).columns["MESSAGE_ID"].tolist() == [ids[row] for row in rows]


def test_other_profiles_hold_the_same_numbers(
    tmp_path: Path, objects: Columns, conjunctions: Columns
) -> None:
    """What ccsds-1.0 cannot hold, a message without covariance, is left out and listed."""
    conjunctions["sat2_covariance"][7, 3] = np.nan
    kinds = ("kvn", "tracss-2.1.kvn", "tracss-2.1.json", "ccsds-1.0.kvn", "ccsds-1.0.xml")
    *paths, listed = write_cdms(
        tmp_path, objects, conjunctions, FACTS, formats=kinds, precision="full"
    )
    assert [path.name for path in paths] == [f"cdms.{kind}" for kind in kinds]
    missing = make_message_ids(objects, conjunctions, FACTS)[7]
    assert listed.name == "cdms.ccsds-1.0-left-out.csv"
    assert listed.read_text() == f"MESSAGE_ID,LACKS\n{missing},SAT2_COVARIANCE_METHOD\n"
    whole = read_cdms(paths[0]).columns
    for path, kind in zip(paths[1:], kinds[1:], strict=True):
        read = read_cdms(path).columns
        rows = np.arange(50) if kind.startswith("tracss") else np.delete(np.arange(50), 7)
        names = ("MESSAGE_ID", "TCA", "MISS_DISTANCE", "SAT1_X", "SAT2_Z_DOT", "SAT1_CT_R")
        for name in names:
            assert np.array_equal(read[name], whole[name][rows], equal_nan=name == "SAT1_CT_R")
        assert np.array_equal(read["RUN_ID"], whole["RUN_ID"][rows])
    assert read["COMBINED_HBR"].tolist() == [6.0] * 49
    ids = read_cdms(paths[1]).columns["CONJUNCTION_ID"]
    assert len(set(ids.tolist())) == 50


def test_conjunction_id_does_not_depend_on_who_is_first(
    objects: Columns, conjunctions: Columns
) -> None:
    swapped = dict(conjunctions)
    for a, b in (("object1", "object2"), ("sat1_object_designator", "sat2_object_designator")):
        swapped[a], swapped[b] = conjunctions[b], conjunctions[a]
    ids = build(objects, conjunctions).columns["CONJUNCTION_ID"].tolist()
    assert build(objects, swapped).columns["CONJUNCTION_ID"].tolist() == ids


def test_writing_again_gives_the_same_bytes(
    tmp_path: Path, objects: Columns, conjunctions: Columns
) -> None:
    first = write_cdms(tmp_path / "a", objects, conjunctions, FACTS, formats=CDM_FORMATS)
    second = write_cdms(tmp_path / "b", objects, conjunctions, FACTS, formats=CDM_FORMATS)
    assert [path.suffix for path in first] == [".kvn", ".json", ".xml", ".csv"]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_methods_tell_area_correction_and_estimate(objects: Columns, conjunctions: Columns) -> None:
    """Blank where the value is; flags kept as 1, 0 and NaN become words."""
    corrected = np.arange(50) % 2
    conjunctions |= {
        "correlated": corrected.astype(np.uint8),
        "collision_max_probability": np.where(np.arange(50) == 7, np.nan, 1e-3),
        "environmental_impact_fragmentation": np.where(np.arange(50) == 8, np.nan, 1200.0),
        "mass_estimated": corrected.astype(np.uint8),
        "dilution_status": np.array([1.0, 0.0, np.nan, *[1.0] * 47], dtype=np.float32),
        "meets_alertable_criteria": np.array([np.nan, 1.0, 0.0, *[0.0] * 47], dtype=np.float32),
    }
    facts = replace(
        FACTS, max_probability_method="ALFANO", pc_area="square", fragmentation_models=("K", "G")
    )
    c = build(objects, conjunctions, facts).columns
    assert c["COLLISION_PROBABILITY_METHOD"][0] == "FOSTER-1992 SQUARE"
    assert c["COLLISION_PROBABILITY_METHOD"][1] == "FOSTER-1992 SQUARE DCP"
    assert c["COLLISION_MAX_PC_METHOD"][6:9].tolist() == ["ALFANO SQUARE", "", "ALFANO SQUARE"]
    assert c["FRAGMENTATION_MODEL"][6:10].tolist() == ["K", "G", "", "G"]
    assert c["DILUTION_STATUS"][:3].tolist() == ["DILUTED", "ROBUST", ""]
    assert c["MEETS_ALERTABLE_CRITERIA"][:3].tolist() == ["", "YES", "NO"]


def test_no_format_writes_nothing_and_no_row_an_empty_bundle(
    tmp_path: Path, objects: Columns, conjunctions: Columns
) -> None:
    assert write_cdms(tmp_path / "a", objects, conjunctions, FACTS, formats=()) == []
    assert not (tmp_path / "a").exists()
    none = np.zeros(0, np.int64)
    (path,) = write_cdms(tmp_path, objects, conjunctions, FACTS, rows=none, formats=["json"])
    assert len(read_cdms(path)) == 0


def test_the_assessment_gives_all_a_message_must_hold(tmp_path: Path) -> None:
    """Every mandatory keyword has its column: two payloads crossing at 90 degrees, 500 m apart."""
    state1 = np.array([[7000.0, 0.0, 0.0, 0.0, 7.5, 0.0]])
    state2 = np.array([[7000.5, 0.0, 0.0, 0.0, 0.0, 7.5]])
    columns = assess_conjunctions(
        Epoch(2460919.5, 0.5),
        [100.0],
        state1,
        state2,
        regime1=np.array(["LEO 2"]),
        regime2=np.array(["LEO 2"]),
        epoch1_s=[0.0],
        epoch2_s=[0.0],
        mean_motion1_rad_s=[1.07e-3],
        mean_motion2_rad_s=[1.07e-3],
        hbr1_m=[5.0],
        hbr2_m=[3.0],
    )
    conjunctions = columns | {
        "object1": np.array([0]),
        "object2": np.array([1]),
        "sat1_object_designator": np.array([900000001]),
        "sat2_object_designator": np.array([900000002]),
        "tca": np.array([100.0]),
        "sat1_caught": np.array([1], np.uint8),
        "sat2_caught": np.array([1], np.uint8),
    }
    objects = make_objects(np.random.default_rng(1), 2)
    (path,) = write_cdms(tmp_path, objects, conjunctions, FACTS)
    read = read_cdms(path).columns
    assert read["MISS_DISTANCE"].tolist() == [500.0]
    assert read["SAT1_APPROACH_ANGLE"].tolist() == [90.0]
    assert read["SAT1_RELATIVE_POSITION_R"].tolist() == [500.0]
    assert not np.isnan(read["SAT2_CNDOT_NDOT"]).any()
