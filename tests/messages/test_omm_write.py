"""OMMs as written: read back identically, and by another reader."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import sgp4.omm
from hypothesis import given, settings
from hypothesis import strategies as st
from sgp4.api import Satrec

from tracss_hpc.epochs import Epoch, parse_epoch
from tracss_hpc.messages.elements import ElementSet, ElementSets
from tracss_hpc.messages.omm import read_omm_csv, read_omm_json, read_omm_kvn, read_omm_xml
from tracss_hpc.messages.omm_write import OMM_FORMATS, OmmFormat, write_omm
from tracss_hpc.messages.source import read_text
from tracss_hpc.messages.tle import read_tle

GP = Path(__file__).parent / "gp"
READERS: dict[OmmFormat, Callable[[str, str], ElementSets]] = {
    "kvn": read_omm_kvn,
    "xml": read_omm_xml,
    "json": read_omm_json,
    "csv": read_omm_csv,
}
CREATED = parse_epoch("2025-09-01T12:00:00")
OWLS = read_tle((GP / "good.3le").read_text()).sets
#: One set by hand: nine digits, words of Space-Track, a name that every notation must escape.
HAWK = OWLS[0]._replace(
    designator=799500123,
    name='HAWK <7> & "CO", [DTC] = Å',
    object_type="ROCKET BODY",
    owner="ARGN",
    classification="C",
)


def written(sets: list[ElementSet], form: OmmFormat) -> str:
    return write_omm(sets, form, creation_date=CREATED, originator="A & B")


def bare(sets: list[ElementSet]) -> list[ElementSet]:
    """Sets without the place where each stood in its file."""
    return [row._replace(record=0) for row in sets]


def test_kvn_of_one_set_is_the_text_of_the_standard() -> None:
    assert written(OWLS[:1], "kvn") == (
        "CCSDS_OMM_VERS = 3.0\n"
        "CREATION_DATE = 2025-09-01T12:00:00.000000\n"
        "ORIGINATOR = A & B\n"
        "OBJECT_NAME = OWL 1\n"
        "OBJECT_ID = 2025-901A\n"
        "CENTER_NAME = EARTH\n"
        "REF_FRAME = TEME\n"
        "TIME_SYSTEM = UTC\n"
        "MEAN_ELEMENT_THEORY = SGP4\n"
        "EPOCH = 2025-09-01T13:16:50.545920\n"
        "MEAN_MOTION = 15.06391234 [rev/day]\n"
        "ECCENTRICITY = 0.0001234\n"
        "INCLINATION = 53.0537 [deg]\n"
        "RA_OF_ASC_NODE = 123.4567 [deg]\n"
        "ARG_OF_PERICENTER = 98.7654 [deg]\n"
        "MEAN_ANOMALY = 261.2345 [deg]\n"
        "EPHEMERIS_TYPE = 0\n"
        "CLASSIFICATION_TYPE = U\n"
        "NORAD_CAT_ID = 99901\n"
        "ELEMENT_SET_NO = 999\n"
        "REV_AT_EPOCH = 1234\n"
        "BSTAR = 3.125e-05 [1/ER]\n"
        "MEAN_MOTION_DOT = 1.234e-05 [rev/day**2]\n"
        "MEAN_MOTION_DDOT = 0.0 [rev/day**3]\n"
    )


@pytest.mark.parametrize("form", OMM_FORMATS)
def test_written_sets_read_back_identically(form: OmmFormat) -> None:
    sets = [*OWLS, HAWK, HAWK._replace(designator=1, name="UNKNOWN", owner="", object_type="")]
    found = READERS[form](written(sets, form), "f")
    assert not found.rejected
    assert bare(found.sets) == bare(sets)


@pytest.mark.parametrize("form", OMM_FORMATS)
def test_no_set_gives_an_empty_file_of_the_form(form: OmmFormat) -> None:
    assert READERS[form](written([], form), "f") == ElementSets([], [])


@pytest.mark.parametrize("form", OMM_FORMATS)
def test_real_catalog_reads_back_identically(form: OmmFormat, shared_data: Path) -> None:
    text = read_text(shared_data / "catalogs" / "billgray_3le_2025-09-01.txt.xz")
    sets = read_tle(text).sets[::20]
    assert len(sets) > 1000
    found = READERS[form](written(sets, form), "f")
    assert not found.rejected
    assert bare(found.sets) == bare(sets)


@pytest.mark.parametrize("form", ["csv", "xml"])
def test_another_reader_takes_the_same_elements(form: OmmFormat) -> None:
    parse = {"csv": sgp4.omm.parse_csv, "xml": sgp4.omm.parse_xml}[form]
    for fields, row in zip(parse(io.StringIO(written(OWLS, form))), OWLS, strict=True):
        satellite = Satrec()
        sgp4.omm.initialize(satellite, fields)
        assert satellite.satnum == row.designator
        assert satellite.ecco == row.eccentricity
        assert satellite.bstar == row.bstar


def test_json_and_csv_hold_the_keys_of_celestrak() -> None:
    keys = next(csv.reader([(GP / "good.csv").read_text().split("\n")[0]]))
    assert written(OWLS, "csv").split("\n")[0] == ",".join(keys)
    rows = json.loads(written(OWLS, "json"))
    assert all(list(row) == keys for row in rows)
    assert [row["NORAD_CAT_ID"] for row in rows] == [row.designator for row in OWLS]


@settings(deadline=None, derandomize=True)
@given(
    st.sampled_from(OMM_FORMATS),
    st.integers(-20000, 60000),
    st.one_of(st.floats(0.0, 1.0, exclude_max=True), st.integers(0, 10**8 - 1)),
    st.floats(allow_nan=False, allow_infinity=False),
)
def test_any_epoch_and_number_reads_back(
    form: OmmFormat, day: int, fraction: float | int, bstar: float
) -> None:
    # A fraction of the day below what 18 decimals of a second resolve cannot be printed.
    fr = fraction / 10**8 if isinstance(fraction, int) else round(fraction, 16)
    epoch = Epoch(2451544.5 + day, fr)
    row = HAWK._replace(epoch_jd=epoch.jd, epoch_fr=epoch.fr, bstar=bstar)
    (found,) = READERS[form](written([row], form), "f").sets
    assert found._replace(record=row.record) == row
