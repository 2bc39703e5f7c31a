"""Orekit as an independent reader of messages: one Java machine for all tests that ask for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import erfa
import pytest


@pytest.fixture(scope="session")
def orekit() -> Callable[[str, Path], Any]:
    """``orekit(KIND, path)``: the message (Cdm, Ocm, Oem) as Orekit's parser of it reads it.

    Needs the extra `orekit` and a Java machine; the test is skipped without them. Leap seconds
    come from ERFA and the Earth from a stub: the parsers ask for both, of the numbers of a message
    only epochs need the first.
    """
    module = pytest.importorskip("orekit_jpype", reason='pip install -e ".[orekit]"')
    jpype = pytest.importorskip("jpype")
    try:
        module.initVM()
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

    def read(kind: str, path: Path) -> Any:
        # A parser of Orekit serves one message.
        parser = getattr(ParserBuilder(), f"build{kind}Parser")()
        return parser.parseMessage(DataSource(str(path)))

    return read
