"""The alert rule: blank without one, and each condition."""

from __future__ import annotations

import numpy as np
import pytest

from tracss_hpc.assess.alert import AlertRule, meets_alert_rule
from tracss_hpc.errors import ConfigError

PC = np.array([1e-3, 1e-4, 9.9e-5, 1e-3, 0.0, np.nan, np.nan])
MISS_M = np.array([10.0, 1000.0, 10.0, 1000.1, 1.0, 10.0, 5000.0])
TCA_S = 3600.0 * np.array([0.0, 72.0, 1.0, 1.0, 1.0, 1.0, 1.0])


def answers(**bounds: float) -> list[str]:
    return meets_alert_rule(AlertRule(**bounds), PC, MISS_M, TCA_S).tolist()


def test_no_rule_is_blank_never_no() -> None:
    assert not AlertRule()
    assert answers() == [""] * 7


def test_probability() -> None:
    assert answers(min_pc=1e-4) == ["YES", "YES", "NO", "YES", "NO", "", ""]
    assert answers(min_pc=0.0)[4] == "YES"


def test_all_conditions_must_hold() -> None:
    """An unknown probability stays blank unless the miss distance says no by itself."""
    assert answers(min_pc=1e-4, max_miss_m=1000.0) == ["YES", "YES", "NO", "NO", "NO", "", "NO"]
    assert answers(max_hours_to_tca=24.0) == ["YES", "NO", *["YES"] * 5]
    assert answers(max_miss_m=1000.0, max_hours_to_tca=72.0)[1] == "YES"


@pytest.mark.parametrize(
    ("name", "value"),
    [("min_pc", 1.5), ("min_pc", -1.0), ("max_miss_m", np.nan), ("max_hours_to_tca", np.inf)],
)
def test_refused_bounds(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=name) as info:
        AlertRule(**{name: value})
    assert info.value.key == name
    assert info.value.given is value
