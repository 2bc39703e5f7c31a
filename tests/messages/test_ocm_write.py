"""OCM writer: what it writes is read back; it invents nothing and writes nothing refused."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from tests.messages.ephemeris_texts import HEADER, segment
from tests.messages.ocm_samples import (
    START,
    record_contents,
    sample,
)
from tracss_hpc.errors import MessageError
from tracss_hpc.messages.ocm import parse_ocm
from tracss_hpc.messages.ocm_write import OCM_FORMATS, format_ocm, left_out
from tracss_hpc.messages.oem import parse_oem
from tracss_hpc.messages.trajectory_record import ForceModel, Manoeuvre, TrajectoryRecord


@pytest.mark.parametrize("notation", ["KVN", "XML", "JSON"])
@pytest.mark.parametrize("covariance", [True, False])
def test_output_reads_back_identically(notation: str, covariance: bool) -> None:
    record = parse_ocm(sample(covariance=covariance))
    text = format_ocm(record, notation)  # type: ignore[arg-type]
    again = parse_ocm(text, strict=True)
    assert record_contents(again) == record_contents(record)
    assert format_ocm(again, notation) == text  # type: ignore[arg-type]


def test_accelerations_and_positions_alone_read_back() -> None:
    record = parse_ocm(sample())
    blocks = tuple(
        dataclasses.replace(
            block,
            a=-block.r * 1e-6 / 3.0,
            covariance=np.ascontiguousarray(block.covariance[:, :3, :3]),
            covariance_frame="TNW_INERTIAL",
        )
        for block in record.blocks
        if block.covariance is not None
    )
    record = dataclasses.replace(record, blocks=blocks)
    text = format_ocm(record)
    assert "CARTPVA" in text
    assert record_contents(parse_ocm(text)) == record_contents(record)


def test_writer_does_not_invent() -> None:
    record = parse_ocm(sample())
    bare = dataclasses.replace(record, object=dataclasses.replace(record.object, owner=""))
    with pytest.raises(MessageError, match=r"OWNER.*object\.owner") as caught:
        format_ocm(bare)
    assert caught.value.key == "OWNER"
    lined = dataclasses.replace(record, object=dataclasses.replace(record.object, name="A\nB"))
    with pytest.raises(MessageError, match=r"OBJECT_NAME.*one line"):
        format_ocm(lined)
    block = dataclasses.replace(record.blocks[0], covariance_seconds=record.blocks[0].seconds + 1)
    with pytest.raises(MessageError, match="other epochs"):
        format_ocm(dataclasses.replace(record, blocks=(block, record.blocks[1])))
    none = dataclasses.replace(record.blocks[0], covariance=None)
    with pytest.raises(MessageError, match="1 of 2 blocks"):
        format_ocm(dataclasses.replace(record, blocks=(none, record.blocks[1])))


TZERO = {"EPOCH_TZERO": START.iso()}


def from_oem() -> TrajectoryRecord:
    """An OEM with what TraCSS demands of an OCM added, as a user would add it."""
    text = (HEADER + segment(0, 14, 5, 9)).replace("VERS = 3.0", "VERS = 2.0")
    record = parse_oem(text)
    words = ("designator", "operator", "owner", "country", "originator_phone", "originator_email",
             "originator_address")  # fmt: skip
    (block,) = record.blocks
    sigma = np.diag([1.0, 4.0, 1.0, 1e-6, 1e-6, 1e-6])
    block = dataclasses.replace(
        block,
        id="1",
        basis="OPERATIONAL",
        covariance_jd=block.jd,
        covariance_seconds=block.seconds,
        covariance=np.tile(sigma, (block.jd.size, 1, 1)),
        covariance_frame="RTN",
    )
    return dataclasses.replace(
        record,
        object=dataclasses.replace(record.object, **dict.fromkeys(words, "99901")),
        extra={**record.extra, "META": {**TZERO, "TIME_SPAN_OF_OURS": "1"}},
        blocks=(block,),
    )


@pytest.mark.parametrize("notation", OCM_FORMATS)
@pytest.mark.parametrize("frame", ["RTN", "RSW", "UVW", "TNW", "RSW_INERTIAL", "tnw_inertial"])
def test_what_is_written_of_other_records_is_read(notation: str, frame: str) -> None:
    """Version of an OEM, comments and keywords of no OCM, the frames that others name."""
    record = from_oem()
    block = dataclasses.replace(record.blocks[0], covariance_frame=frame)
    record = dataclasses.replace(record, blocks=(block,))
    text = format_ocm(record, notation)  # type: ignore[arg-type]
    again = parse_ocm(text, strict=True)
    assert again.version == "3.0"
    axes = "TNW" if frame.upper().startswith("TNW") else "RSW"
    assert again.blocks[0].covariance_frame == f"{axes}_INERTIAL"
    assert np.array_equal(again.blocks[0].covariance, block.covariance)  # type: ignore[arg-type]
    assert left_out(record) == ("COMMENT", "TIME_SPAN_OF_OURS")
    assert left_out(again) == ()


def replaced(record: TrajectoryRecord, where: str, **fields: Any) -> TrajectoryRecord:
    """The record with fields of itself, of its object or of its second block replaced."""
    if where == "object":
        return dataclasses.replace(record, object=dataclasses.replace(record.object, **fields))
    if where == "block":
        first, second = record.blocks
        return dataclasses.replace(record, blocks=(first, dataclasses.replace(second, **fields)))
    return dataclasses.replace(record, **fields)


@pytest.mark.parametrize(
    ("where", "fields", "word"),
    [
        ("block", {"covariance_frame": "RSW_ROTATING"}, "COV_REF_FRAME.*RSW_ROTATING"),
        ("block", {"covariance_frame": "EME2000"}, "COV_REF_FRAME.*EME2000.*RSW_INERTIAL"),
        ("block", {"basis": "PREDICTED"}, "TRAJ_BASIS.*PREDICTED.*OPERATIONAL or CANDIDATE"),
        ("block", {"basis": "CANDIDATE"}, "TRAJ_BASIS.*CANDIDATE.*OPERATIONAL"),
        ("block", {"id": "1"}, "TRAJ_ID.*found 1"),
        ("block", {"covariance": np.tile(np.eye(3), (16, 1, 1))}, "COV_TYPE.*CARTP"),
        ("record", {"center": "MARS"}, "CENTER_NAME.*MARS.*EARTH"),
        ("record", {"frame": "ICRF"}, "TRAJ_REF_FRAME.*ICRF.*EME2000"),
        ("record", {"time_system": "TAI"}, "TIME_SYSTEM.*TAI.*UTC"),
        ("record", {"model": ForceModel(), "extra": {"META": TZERO}}, "PERT.*beside OD"),
        ("record", {"extra": {"META": TZERO, "USER": {"USER_DEFINED_a b": "1"}}},
         "USER_DEFINED_a b"),
    ],
)  # fmt: skip
def test_writer_refuses_what_the_reader_would(
    where: str, fields: dict[str, Any], word: str
) -> None:
    record = replaced(parse_ocm(sample()), where, **fields)
    for notation in OCM_FORMATS:
        with pytest.raises(MessageError, match=word):
            format_ocm(record, notation)


def test_numbers_of_numpy_are_numbers() -> None:
    record = replaced(parse_ocm(sample()), "object", hbr_m=np.float64(4.5), mass_kg=np.float64(260))
    assert format_ocm(record) == format_ocm(parse_ocm(sample()))


@pytest.mark.parametrize("notation", OCM_FORMATS)
def test_blanks_within_a_name_are_kept(notation: str) -> None:
    record = replaced(parse_ocm(sample()), "object", name="A  B")
    assert parse_ocm(format_ocm(record, notation)).object.name == "A  B"  # type: ignore[arg-type]


def test_line_ends_within_a_value_of_xml_are_blanks() -> None:
    text = format_ocm(parse_ocm(sample()), "XML").replace("Street 1", "\n  Street\n  1\n")
    assert parse_ocm(text).object.originator_address == "Street 1"


def test_manoeuvre_is_written_in_the_order_of_the_standard() -> None:
    record = parse_ocm(sample())
    values = dict(reversed(record.manoeuvres[0].values.items()))
    turned = dataclasses.replace(record, manoeuvres=(Manoeuvre(values=values),))
    assert parse_ocm(format_ocm(turned), strict=True).manoeuvres[0].values == values
