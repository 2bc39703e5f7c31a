"""Orekit, an independent reader, takes our ccsds-1.0 messages and finds the same numbers there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tracss_hpc.messages.cdm import COVARIANCE_KEYWORDS
from tracss_hpc.messages.cdm_read import read_cdms
from tracss_hpc.messages.cdm_write import format_bundle, format_cdms

pytestmark = pytest.mark.long


@pytest.mark.parametrize("form", ["kvn", "xml"])
def test_orekit_reads_our_messages(
    orekit: Callable[[str, Path], Any], shared_data: Path, tmp_path: Path, form: Any
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
        message = orekit("Cdm", made)
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
