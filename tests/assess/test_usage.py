"""Which rows are in doubt, and which of those are chosen."""

from __future__ import annotations

import numpy as np
import pytest

from tracss_hpc.assess.coppola import EncounterBounds
from tracss_hpc.assess.usage import doubtful_rows, select_nc2d_rows


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, False),
        ({"extended": 0.021}, True),
        ({"offset": 0.011}, True),
        ({"speed": 0.09}, True),
        # 238 km along the orbit leave a straight line by 4 km; the cloud is 1 km thin.
        ({"sigma_t": 238.0}, True),
        ({"sigma_t": 100.0}, False),
        ({"speed": 0.09, "sigma_z": np.nan}, False),
    ],
)
def test_signs_of_doubt(changed: dict[str, float], expected: bool) -> None:
    case = {
        "extended": 0.0, "offset": 0.0, "speed": 10.0, "sigma_t": 1.0, "sigma_z": 1.0, **changed
    }  # fmt: skip
    bounds = EncounterBounds(
        np.zeros(1), np.zeros(1), np.array([case["extended"]]), np.array([case["offset"]])
    )
    state1 = np.array([[7000.0, 0.0, 0.0, 0.0, 7.5, 0.0]])
    state2 = state1 + np.array([[0.0, 0.0, 0.0, 0.0, 0.0, case["speed"]]])
    covariances = [np.array([[0.01, 0.0, sigma**2, 0.0, 0.0, 0.01]])
                   for sigma in (1.0, case["sigma_t"])]  # fmt: skip
    got = doubtful_rows(bounds, state1, state2, *covariances, [case["sigma_z"]])
    assert got[0] == expected


def test_choice_of_rows() -> None:
    doubtful = [True, True, True, False, True, True]
    pc_max = [1e-3, 1e-8, np.nan, 1.0, 1e-7, 1e-3]
    rows, skipped = select_nc2d_rows(doubtful, pc_max, min_pcmax=1e-7, max_rows=2)
    np.testing.assert_array_equal(rows, [0, 5])
    assert skipped == 1
    rows, skipped = select_nc2d_rows(doubtful, pc_max, min_pcmax=1e-7, max_rows=9)
    np.testing.assert_array_equal(rows, [0, 4, 5])
    assert skipped == 0
