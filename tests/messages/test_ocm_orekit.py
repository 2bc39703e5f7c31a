"""Orekit, an independent reader, takes our OCMs and finds the same numbers in them.

Where 502.0-B-3 demands more than TraCSS-Spec-002 Orekit does, too, and our reader does not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.messages.ocm_samples import edited, sample, sample_over_leap_second
from tests.messages.orekit_columns import check_edges, check_epochs, check_matrices, check_states
from tracss_hpc.cli import main
from tracss_hpc.messages.ocm import parse_ocm
from tracss_hpc.messages.ocm_write import format_ocm
from tracss_hpc.messages.trajectory_files import read_trajectory
from tracss_hpc.messages.trajectory_record import (
    ForceModel,
    OrbitDetermination,
    TrajectoryRecord,
)
from tracss_hpc.messages.utc import parse_utc

pytestmark = pytest.mark.long

Orekit = Callable[[str, Path], Any]
PLANTED = Path(__file__).resolve().parents[1] / "data" / "planted.csv"
notations = pytest.mark.parametrize("notation", ["KVN", "XML"])


def with_positions_alone(record: TrajectoryRecord) -> TrajectoryRecord:
    """CARTP in TNW axes beside CARTPVA."""
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
    return dataclasses.replace(record, blocks=blocks)


def bare(record: TrajectoryRecord) -> TrajectoryRecord:
    """Without PHYS, MAN, PERT, OD and USER."""
    nothing = {"hbr_m": np.nan, "mass_kg": np.nan, "area_pc_m2": np.nan, "drag_area_m2": np.nan}
    return dataclasses.replace(
        record,
        object=dataclasses.replace(record.object, **nothing, maneuverable=""),
        od=OrbitDetermination(),
        model=ForceModel(),
        manoeuvres=(),
        extra={"META": record.extra["META"]},
    )


RECORDS = {
    "one block": parse_ocm(sample(blocks=1)),
    "one block without covariance": parse_ocm(sample(blocks=1, covariance=False)),
    "burn between two blocks": parse_ocm(sample()),
    "burn, no covariance": parse_ocm(sample(covariance=False)),
    "over a leap second": parse_ocm(sample_over_leap_second()),
    "CARTPVA and CARTP": with_positions_alone(parse_ocm(sample())),
    "states alone": bare(parse_ocm(sample(blocks=1, covariance=False))),
}


def check_blocks(message: Any, record: TrajectoryRecord) -> None:
    """States, epochs, useable spans, frames and covariances of Orekit's OCM are ours."""
    data = message.getData()
    assert len(data.getTrajectoryBlocks()) == len(record.blocks)
    for found, block in zip(data.getTrajectoryBlocks(), record.blocks, strict=True):
        meta, states = found.getMetadata(), found.getTrajectoryStates()
        assert (meta.getTrajID(), meta.getTrajBasis()) == (block.id, block.basis)
        assert meta.getTrajReferenceFrame().getName() == "EME2000"
        check_edges(meta.getUseableStartTime(), meta.getUseableStopTime(), block)
        check_epochs([state.getDate() for state in states], block.jd, block.seconds)
        check_states([state.getElements() for state in states], block)
    blocks = [block for block in record.blocks if block.covariance is not None]
    assert len(data.getCovarianceBlocks() or ()) == len(blocks)
    for found, block in zip(data.getCovarianceBlocks() or (), blocks, strict=True):
        matrices = found.getCovariances()
        frame = found.getMetadata().getCovReferenceFrame().getName()
        assert str(frame) == block.covariance_frame
        check_epochs([matrix.getDate() for matrix in matrices], block.jd, block.seconds)
        check_matrices([matrix.getMatrix() for matrix in matrices], block)


@notations
@pytest.mark.parametrize("kind", RECORDS)
def test_orekit_reads_our_ocm(orekit: Orekit, tmp_path: Path, kind: str, notation: Any) -> None:
    record = RECORDS[kind]
    path = tmp_path / "a.ocm"
    path.write_text(format_ocm(record, notation), "utf-8")
    check_blocks(orekit("Ocm", path), record)


@notations
def test_orekit_finds_what_surrounds_the_states(
    orekit: Orekit, tmp_path: Path, notation: Any
) -> None:
    record = RECORDS["burn between two blocks"]
    path = tmp_path / "a.ocm"
    path.write_text(format_ocm(record, notation), "utf-8")
    message = orekit("Ocm", path)
    meta, data = message.getMetadata(), message.getData()
    assert message.getHeader().getOriginator() == "tests"
    assert (meta.getObjectName(), meta.getObjectDesignator()) == ("SAMPLE [A] & <B>", "99901")
    assert (meta.getOperator(), meta.getOwner()) == ("Operator", "Owner")
    assert (meta.getOriginatorPhone(), meta.getCountry()) == ("+1 000", "Country")
    body = data.getPhysicBlock()
    assert (body.getWetMass(), body.getDragConstantArea(), body.getRcs()) == (260.0, 10.5, 1.5)
    assert body.getTypAreaForCollisionProbability() == 12.0
    burn = data.getManeuverBlocks().get(0)
    assert burn.getMetadata().getManID() == "M1"
    assert len(burn.getManeuvers()) == 1
    forces = data.getPerturbationsBlock()
    assert (forces.getAtmosphericModel(), forces.getGravityModel()) == ("JB2008", "EGM-96")
    assert (forces.getGravityDegree(), forces.getGravityOrder()) == (36, 36)
    orbit = data.getOrbitDeterminationBlock()
    epoch = parse_utc("2025-01-01T00:00:00")
    check_epochs([orbit.getEpoch()], np.array([epoch.jd]), np.array([epoch.seconds]))
    assert (orbit.getObsUsed(), orbit.getSedr(), orbit.getWeightedRms()) == (100, 4e-4, 1.1)
    assert orbit.getTimeSinceLastObservation() == 0.25 * 86400.0
    words = data.getUserDefinedBlock().getParameters()
    assert {str(key): str(words.get(key)) for key in words.keySet()} == {
        "HBR": "4.5", "MANEUVERABLE": "YES", "NOTE": "anything",
    }  # fmt: skip


@notations
def test_orekit_reads_the_ocm_of_a_catalog_object(
    orekit: Orekit, tmp_path: Path, notation: str
) -> None:
    path = tmp_path / "a.ocm"
    words = ["catalog", str(PLANTED), "--to-ocm", "800000001", "--days", "0.1"]
    assert main([*words, "--format", notation.lower(), "--output", str(path)]) == 0
    check_blocks(orekit("Ocm", path), read_trajectory(path))


@pytest.mark.parametrize("key", ["MAN_DEVICE_ID", "OD_ID", "OD_METHOD"])
def test_spec_002_demands_less_than_the_standard(orekit: Orekit, tmp_path: Path, key: str) -> None:
    """Tables 6-7 and 6-11: without the keyword TraCSS takes an OCM, and so do we, Orekit not."""
    from org.orekit.errors import OrekitException

    line = next(line for line in sample().split("\n") if line.startswith(f"{key} ="))
    record = parse_ocm(edited(f"{line}\n", ""), strict=True)
    path = tmp_path / "a.ocm"
    path.write_text(format_ocm(record), "utf-8")
    with pytest.raises(OrekitException, match=f"value for key {key} has not been initialized"):
        orekit("Ocm", path)
