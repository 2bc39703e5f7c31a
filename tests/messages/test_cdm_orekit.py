"""Orekit, an independent reader, takes our ccsds-1.0 messages and finds the same numbers in them.

Needs the extra `orekit` and a Java machine. Leap seconds come from ERFA and the Earth from a stub:
its parser asks for both, the numbers of a message need neither.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import erfa
import numpy as np
import pytest

from tracss_hpc.messages.cdm import COVARIANCE_KEYWORDS
from tracss_hpc.messages.cdm_read import read_cdms
from tracss_hpc.messages.cdm_write import format_bundle, format_cdms

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def parser() -> Any:
    """Function of a path that gives Orekit's message."""
    orekit = pytest.importorskip("orekit_jpype", reason='pip install -e ".[orekit]"')
    jpype = pytest.importorskip("jpype")
    try:
        orekit.initVM()
    except (RuntimeError, OSError) as error:
        pytest.skip(f"no Java machine: {error}")
    from java.util import ArrayList
    from org.orekit.data import DataContext, DataSource
    from org.orekit.files.ccsds.ndm import ParserBuilder
    from org.orekit.frames import FramesFactory
    from org.orekit.time import DateComponents, OffsetModel

    offsets = ArrayList()
    for row in erfa.leap_seconds.get():
        if row["year"] >= 1972:
            date = DateComponents(int(row["year"]), int(row["month"]), 1)
            offsets.add(OffsetModel(date, int(row["tai_utc"])))

    class Leaps:
        def loadOffsets(self) -> Any:
            return offsets

    class Earth:
        def getName(self) -> str:
            return "Earth"

        def getGM(self) -> float:
            return 3.986004418e14

        def getInertiallyOrientedFrame(self) -> Any:
            return FramesFactory.getGCRF()

        getBodyOrientedFrame = getInertiallyOrientedFrame

    class Bodies:
        def loadCelestialBody(self, name: str) -> Any:
            return jpype.JProxy("org.orekit.bodies.CelestialBody", inst=Earth())

    context = DataContext.getDefault()
    loader = jpype.JProxy("org.orekit.time.UTCTAIOffsetsLoader", inst=Leaps())
    context.getTimeScales().addUTCTAIOffsetsLoader(loader)
    bodies = jpype.JProxy("org.orekit.bodies.CelestialBodyLoader", inst=Bodies())
    names = ("solar system barycenter", "Earth-Moon barycenter", "Sun", "Earth", "Moon", "Mercury",
             "Venus", "Mars", "Jupiter", "Saturn", "Uranus", "Neptune", "Pluto")  # fmt: skip
    for name in names:
        context.getCelestialBodies().addCelestialBodyLoader(name, bodies)
    # A parser of Orekit serves one message.
    return lambda path: ParserBuilder().buildCdmParser().parseMessage(DataSource(str(path)))


@pytest.mark.parametrize("form", ["kvn", "xml"])
def test_orekit_reads_our_messages(
    parser: Any, shared_data: Path, tmp_path: Path, form: Any
) -> None:
    folder = shared_data / "messages"
    paths = [
        *sorted((folder / "cdm_cara").glob("*.cdm")),
        folder / "cdm" / "orekit__ION_SCV8_vs_STARLINK_1233.txt",
        *(folder / "cdm_spacetrack_json").glob("*.json"),
    ]
    for path in paths:
        table = read_cdms(path)
        columns = table.columns
        made = tmp_path / f"{path.stem}.{form}"
        texts = format_cdms(table, form, "full", "ccsds-1.0")
        made.write_text(format_bundle(texts, form, "ccsds-1.0"), "utf-8")
        message = parser(made)
        assert message.getRelativeMetadata().getMissDistance() == columns["MISS_DISTANCE"][0]
        segments = message.getSegments()
        for k in (1, 2):
            data = segments.get(k - 1).getData()
            position = data.getStateVectorBlock().getPositionVector()
            given = [columns[f"SAT{k}_{axis}"][0] * 1e3 for axis in "XYZ"]
            found = [position.getX(), position.getY(), position.getZ()]
            np.testing.assert_allclose(found, given, rtol=1e-15)
            matrix = data.getRTNCovarianceBlock().getRTNCovarianceMatrix()
            lower = [matrix.getEntry(i, j) for i in range(6) for j in range(i + 1)]
            own = [columns[f"SAT{k}_{key}"][0] for key in COVARIANCE_KEYWORDS]
            np.testing.assert_array_equal(lower, own)
