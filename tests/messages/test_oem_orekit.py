"""Orekit, an independent reader, takes our OEMs and finds the same numbers in them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.messages.ephemeris_texts import HEADER, OEM, covariance_rows, segment, stamp
from tests.messages.ocm_samples import sample, sample_over_leap_second
from tests.messages.orekit_columns import check_edges, check_epochs, check_matrices, check_states
from tracss_hpc.cli import main
from tracss_hpc.messages.ocm import parse_ocm
from tracss_hpc.messages.oem import parse_oem
from tracss_hpc.messages.oem_write import OEM_FORMATS, OemFormat, format_oem
from tracss_hpc.messages.trajectory_files import read_trajectory
from tracss_hpc.messages.trajectory_record import TrajectoryRecord

pytestmark = pytest.mark.long

Orekit = Callable[[str, Path], Any]
PLANTED = Path(__file__).resolve().parents[1] / "data" / "planted.csv"
notations = pytest.mark.parametrize("notation", OEM_FORMATS)


def in_frame(name: str) -> TrajectoryRecord:
    record = parse_ocm(sample(blocks=1))
    block = dataclasses.replace(record.blocks[0], covariance_frame=name)
    return dataclasses.replace(record, blocks=(block,))


def commented() -> TrajectoryRecord:
    record = parse_oem(OEM)
    blocks = [dataclasses.replace(b, extra={"COMMENT": "a <b>\n\nc"}) for b in record.blocks]
    return dataclasses.replace(record, blocks=tuple(blocks))


def accelerated() -> TrajectoryRecord:
    record = parse_ocm(sample())
    blocks = [dataclasses.replace(block, a=-block.r * 1e-6 / 3.0) for block in record.blocks]
    return dataclasses.replace(record, blocks=tuple(blocks))


RECORDS = {
    "one segment": parse_ocm(sample(blocks=1, covariance=False)),
    "burn between two segments": parse_ocm(sample()),
    "burn, no covariance": parse_ocm(sample(covariance=False)),
    "covariances at epochs of their own": parse_oem(OEM),
    "over a leap second": parse_ocm(sample_over_leap_second()),
    "accelerations": accelerated(),
    "comments": commented(),
    **{
        name: in_frame(name)
        for name in (
            "RTN", "RSW", "RSW_INERTIAL", "RSW_ROTATING", "TNW", "TNW_INERTIAL", "EME2000"
        )
    },
}  # fmt: skip


def check_segments(message: Any, record: TrajectoryRecord) -> None:
    """Names, states, epochs, useable spans, frames and covariances of Orekit's OEM are ours."""
    assert len(message.getSegments()) == len(record.blocks)
    for found, block in zip(message.getSegments(), record.blocks, strict=True):
        meta, data = found.getMetadata(), found.getData()
        thing = record.object
        identifier = thing.designator or thing.international_designator
        assert (meta.getObjectName(), meta.getObjectID()) == (thing.name, identifier)
        assert meta.getReferenceFrame().getName() == "EME2000"
        assert str(meta.getInterpolationMethod()) == "LAGRANGE"
        assert meta.getInterpolationDegree() == block.interpolation_degree
        check_edges(meta.getUseableStartTime(), meta.getUseableStopTime(), block)
        lines = data.getEphemeridesDataLines()
        check_epochs([line.getDate() for line in lines], block.jd, block.seconds)
        rows = []
        for line in lines:
            vectors = [line.getPosition(), line.getVelocity(), line.getAcceleration()]
            given = vectors[: 2 if block.a is None else 3]
            rows.append([value for vector in given for value in vector.toArray()])
        check_states(rows, block)
        matrices = data.getCovarianceMatrices()
        if block.covariance is None:
            assert not matrices
            continue
        frames = {str(matrix.getReferenceFrame().getName()) for matrix in matrices}
        assert frames == {block.covariance_frame}
        assert block.covariance_jd is not None
        assert block.covariance_seconds is not None
        dates = [matrix.getEpoch() for matrix in matrices]
        check_epochs(dates, block.covariance_jd, block.covariance_seconds)
        check_matrices([matrix.getCovarianceMatrix() for matrix in matrices], block)


@notations
@pytest.mark.parametrize("kind", RECORDS)
def test_orekit_reads_our_oem(
    orekit: Orekit, tmp_path: Path, kind: str, notation: OemFormat
) -> None:
    path = tmp_path / "a.oem"
    path.write_text(format_oem(RECORDS[kind], notation), "utf-8")
    message = orekit("Oem", path)
    header = message.getHeader()
    assert header.getFormatVersion() == 3.0
    assert header.getMessageId() == RECORDS[kind].message_id
    assert header.getOriginator() == RECORDS[kind].originator
    assert header.getClassification() == RECORDS[kind].classification
    check_segments(message, RECORDS[kind])


@notations
def test_orekit_reads_the_oem_of_a_catalog_object(
    orekit: Orekit, tmp_path: Path, notation: OemFormat
) -> None:
    path = tmp_path / "a.oem"
    words = ["catalog", str(PLANTED), "--to-oem", "800000001", "--days", "0.1"]
    assert main([*words, "--format", notation.lower(), "--output", str(path)]) == 0
    check_segments(orekit("Oem", path), read_trajectory(path))


def test_orekit_takes_a_covariance_without_frame_as_the_standard_does(
    orekit: Orekit, tmp_path: Path
) -> None:
    """5.2.5.4: in the frame of the states, whatever the matrix before it said."""
    path = tmp_path / "a.oem"
    rows = covariance_rows(stamp(0), "TNW") + covariance_rows(stamp(9))
    path.write_text(HEADER + segment(0, 9, 1, 8, rows), "utf-8")
    matrices = orekit("Oem", path).getSegments().get(0).getCovarianceMatrices()
    frames = [str(matrix.getReferenceFrame().getName()) for matrix in matrices]
    assert frames == ["TNW", "EME2000"]
