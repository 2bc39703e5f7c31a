"""OEM writer: what an OEM can hold reads back identically, the rest is named, none is made up."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np
import pytest

from tests.messages.ephemeris_texts import ITC_NAME, OEM, itc
from tests.messages.ocm_samples import record_contents, sample
from tracss_hpc.errors import MessageError
from tracss_hpc.messages.itc import parse_itc
from tracss_hpc.messages.ocm import parse_ocm
from tracss_hpc.messages.oem import parse_oem
from tracss_hpc.messages.oem_write import OEM_FORMATS, OemFormat, format_oem, left_out
from tracss_hpc.messages.trajectory_record import (
    ForceModel,
    OrbitDetermination,
    TrajectoryObject,
    TrajectoryRecord,
)
from tracss_hpc.messages.utc import parse_utc

notations = pytest.mark.parametrize("notation", OEM_FORMATS)


def held(record: TrajectoryRecord, **changes: Any) -> TrajectoryRecord:
    """The record without all that an OEM has no place for."""
    blocks = tuple(
        dataclasses.replace(block, id="", basis="", extra={}, covariance_extra={}, **changes)
        for block in record.blocks
    )
    thing = record.object
    return dataclasses.replace(
        record,
        source_format="OEM",
        version="3.0",
        object=TrajectoryObject(designator=thing.designator, name=thing.name),
        od=OrbitDetermination(),
        model=ForceModel(),
        manoeuvres=(),
        extra={},
        blocks=blocks,
    )


@notations
def test_oem_reads_back_identically(notation: OemFormat) -> None:
    """Two segments, comments, covariances at other epochs than the states."""
    record = parse_oem(OEM.replace("COMMENT an owl", "COMMENT an <owl>\nCOMMENT\nCOMMENT & = x"))
    assert record.blocks[0].extra["COMMENT"] == "an <owl>\n\n& = x"
    text = format_oem(record, notation)
    again = parse_oem(text, strict=True)
    assert record_contents(again) == record_contents(record)
    assert format_oem(again, notation) == text
    assert left_out(record) == ()


@notations
@pytest.mark.parametrize("covariance", [True, False])
def test_ocm_reads_back_but_for_what_an_oem_cannot_hold(
    notation: OemFormat, covariance: bool
) -> None:
    record = parse_ocm(sample(covariance=covariance))
    again = parse_oem(format_oem(record, notation), strict=True)
    assert record_contents(again) == record_contents(held(record))


@notations
def test_extreme_numbers_and_epochs_read_back(notation: OemFormat) -> None:
    """Numbers of 17 digits and tiny ones, a leap second, an epoch finer than a microsecond."""
    record = parse_ocm(sample(blocks=1))
    block = record.blocks[0]
    assert block.covariance is not None
    scaled = block.covariance * np.outer(*2 * [[1, 1, 1, 1e-150, 1e-5, 1]])
    jd, seconds = block.jd.copy(), block.seconds.copy()
    jd[:5], seconds[:5] = 2457753.5, 86100.0 + 60.0 * np.arange(5)  # 2016-12-31
    jd[5:], seconds[5:] = 2457754.5, 59.0 + 60.0 * np.arange(11)
    jd[5], seconds[5] = 2457753.5, 86400.0
    seconds[6:] = 59.0 + 60.0 * np.arange(10) + 1.0 / 3e9
    block = dataclasses.replace(
        block, jd=jd, seconds=seconds, covariance_jd=jd, covariance_seconds=seconds,
        covariance=scaled, useable_start=parse_utc("2016-12-31T23:59:60.5"),
        useable_stop=parse_utc("2017-01-01T00:03:59"), a=-block.r * 1e-6 / 3.0,
    )  # fmt: skip
    record = dataclasses.replace(record, blocks=(block,))
    text = format_oem(record, notation)
    assert "2016-12-31T23:59:60.000000" in text
    assert record_contents(parse_oem(text)) == record_contents(held(record))
    words = re.findall(r"[-+.\d]+e[-+]\d+", text)
    assert any("e-30" in word for word in words)
    # 7.5.7 b: one digit, a point, the rest.
    assert all(re.fullmatch(r"-?\d\.\d+e[-+]\d+", word) for word in words)


@notations
def test_segment_is_complete_by_table_5_3(notation: OemFormat) -> None:
    text = format_oem(parse_ocm(sample(blocks=1)), notation)
    places = []
    for key, value in (
        ("OBJECT_NAME", "SAMPLE [A] & <B>"), ("OBJECT_ID", "99901"), ("CENTER_NAME", "EARTH"),
        ("REF_FRAME", "EME2000"), ("TIME_SYSTEM", "UTC"),
        ("START_TIME", "2025-01-01T11:55:00.000000"),
        ("USEABLE_START_TIME", "2025-01-01T12:00:00.000000"),
        ("USEABLE_STOP_TIME", "2025-01-01T12:05:00.000000"),
        ("STOP_TIME", "2025-01-01T12:10:00.000000"),
        ("INTERPOLATION", "LAGRANGE"), ("INTERPOLATION_DEGREE", "6"),
        ("COV_REF_FRAME", "RSW_INERTIAL"),
    ):  # fmt: skip
        value = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        found = [text.find(f"<{key}>{value}</{key}>")]
        if notation == "KVN":
            value = value.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
            found = [m.start() for m in re.finditer(rf"\n{key} += {re.escape(value)}\n", text)]
        assert found[0] > 0, key
        places.append(found[0])
    assert places == sorted(places)


def test_interpolation_is_ours_where_none_is_recommended() -> None:
    record = parse_ocm(sample(blocks=1))
    block = dataclasses.replace(record.blocks[0], interpolation="", interpolation_degree=None)
    text = format_oem(dataclasses.replace(record, blocks=(block,)))
    assert "INTERPOLATION        = LAGRANGE\nINTERPOLATION_DEGREE = 6\n" in text
    first = {
        name: getattr(block, name)[:3]
        for name in (
            "jd", "seconds", "r", "v", "covariance_jd", "covariance_seconds", "covariance"
        )
    }  # fmt: skip
    short = dataclasses.replace(block, **first)
    assert "INTERPOLATION_DEGREE = 2\n" in format_oem(dataclasses.replace(record, blocks=(short,)))


@pytest.mark.parametrize(
    ("number", "name", "identifier", "designator", "international"),
    [
        ("25544", "1998-067A", "25544", "25544", ""),
        ("", "1998-067A", "1998-067A", "", "1998-067A"),
        ("OWL", "1998-067A", "1998-067A", "", "1998-067A"),
        ("OWL", "", "OWL", "", "OWL"),
        ("", "", "UNKNOWN", "", "UNKNOWN"),
    ],
)
def test_identifier_is_the_catalog_number_if_there_is_one(
    number: str, name: str, identifier: str, designator: str, international: str
) -> None:
    record = parse_ocm(sample())
    thing = TrajectoryObject(designator=number, international_designator=name)
    text = format_oem(dataclasses.replace(record, object=thing))
    assert f"OBJECT_NAME          = UNKNOWN\nOBJECT_ID            = {identifier}\n" in text
    found = parse_oem(text).object
    assert (found.designator, found.international_designator) == (designator, international)


def test_what_is_left_out_is_named() -> None:
    record = parse_ocm(sample())
    words = left_out(record)
    assert words == (
        "INTERNATIONAL_DESIGNATOR", "ORIGINATOR_PHONE", "ORIGINATOR_EMAIL", "ORIGINATOR_ADDRESS",
        "OPERATOR", "OWNER", "COUNTRY", "CONSTELLATION", "OBJECT_TYPE", "OPS_STATUS",
        "ORBIT_CATEGORY", "TRAJ_ID", "TRAJ_BASIS", "DRAG_CONST_AREA", "WET_MASS",
        "AREA_TYP_FOR_PC", "ATMOSPHERIC_MODEL", "GRAVITY_MODEL", "N_BODY_PERTURBATIONS",
        "SRP_MODEL", "OD_EPOCH", "DAYS_SINCE_LAST_OBS", "OBS_USED", "SEDR", "WEIGHTED_RMS",
        "USER_DEFINED_HBR", "USER_DEFINED_MANEUVERABLE", "PROPAGATOR", "COV_ID",
        "ALTERNATE_NAMES", "TAIMUTC_AT_TZERO", "RCS", "GM", "OD_ID", "OD_METHOD",
        "USER_DEFINED_NOTE", "MAN",
    )  # fmt: skip


def test_covariances_of_positions_alone_are_left_out_and_named() -> None:
    record = parse_ocm(sample(blocks=1))
    block = record.blocks[0]
    assert block.covariance is not None
    block = dataclasses.replace(block, covariance=block.covariance[:, :3, :3])
    record = dataclasses.replace(record, blocks=(block,))
    assert "COVARIANCE_START" not in format_oem(record)
    assert "COV (positions alone)" in left_out(record)


def test_itc_becomes_an_oem() -> None:
    """UVW is RTN with inertial velocities, in the standard's words RSW_INERTIAL."""
    record = parse_itc(itc(), file=ITC_NAME)
    with pytest.raises(MessageError, match=r"ORIGINATOR.*found nothing.*a value in originator"):
        format_oem(record)
    again = parse_oem(format_oem(dataclasses.replace(record, originator="OWLS")))
    block, other = record.blocks[0], again.blocks[0]
    assert block.covariance_frame == "UVW"
    assert other.covariance_frame == "RSW_INERTIAL"
    assert np.array_equal(block.covariance, other.covariance)  # type: ignore[arg-type]
    assert np.array_equal(block.r, other.r)
    assert left_out(record) == ("TRAJ_BASIS", "ephemeris_source", "step_size")


def test_writer_does_not_invent() -> None:
    record = parse_oem(OEM)
    with pytest.raises(MessageError, match="CREATION_DATE") as caught:
        format_oem(dataclasses.replace(record, creation_date=None))
    assert caught.value.key == "CREATION_DATE"
    lined = dataclasses.replace(record, object=dataclasses.replace(record.object, name="A\nB"))
    with pytest.raises(MessageError, match=r"OEM of .*OBJECT_NAME.*one line"):
        format_oem(lined)
    block = dataclasses.replace(record.blocks[0], covariance_frame="ITRF")
    with pytest.raises(MessageError, match=r"COV_REF_FRAME: no frame of an OEM: found ITRF"):
        format_oem(dataclasses.replace(record, blocks=(block,)))
