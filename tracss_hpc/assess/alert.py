"""The alert rule: which conjunctions meet alertable criteria.

Fed by probability, miss distance and TCA; feeds MEETS_ALERTABLE_CRITERIA of a CDM. TraCSS does not
publish its rule, so there is none by default, and then the field is blank: NO would be a claim.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tracss_hpc.errors import ConfigError

__all__ = ["AlertRule", "meets_alert_rule"]


@dataclass(frozen=True)
class AlertRule:
    """Conditions of which all that are given must hold; none given: no rule.

    Parameters
    ----------
    min_pc : float, optional
        Least probability of collision.
    max_miss_m : float, optional
        Greatest miss distance [m].
    max_hours_to_tca : float, optional
        Greatest time from screening start to TCA [h].

    Raises
    ------
    ConfigError
        If a bound is negative or not finite, or `min_pc` above 1.
    """

    min_pc: float | None = None
    max_miss_m: float | None = None
    max_hours_to_tca: float | None = None

    def __post_init__(self) -> None:
        for name, top in (("min_pc", 1.0), ("max_miss_m", np.inf), ("max_hours_to_tca", np.inf)):
            value = getattr(self, name)
            if value is not None and not (0.0 <= value <= top and np.isfinite(value)):
                allowed = "0 to 1" if top == 1.0 else "0 or more"
                raise ConfigError(
                    f"alert rule {name} = {value!r} is not allowed: give {allowed}",
                    key=name,
                    given=value,
                    allowed=allowed,
                )

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) is not None for field in fields(self))


def meets_alert_rule(
    rule: AlertRule, probability: ArrayLike, miss_distance_m: ArrayLike, tca_s: ArrayLike
) -> NDArray[np.str_]:
    """``YES``, ``NO`` or blank for n conjunctions.

    Parameters
    ----------
    rule : AlertRule
    probability, miss_distance_m : array_like, shape (n,)
        NaN: unknown [-, m].
    tca_s : array_like, shape (n,)
        TCA since screening start [s].

    Returns
    -------
    ndarray of str, shape (n,)
        Blank without a rule, and where a value that could still decide is unknown: a condition
        that fails makes it NO whatever the unknown is.
    """
    conditions = (
        (rule.min_pc, np.asarray(probability, dtype=np.float64), 1.0),
        (rule.max_miss_m, np.asarray(miss_distance_m, dtype=np.float64), -1.0),
        (rule.max_hours_to_tca, np.asarray(tca_s, dtype=np.float64) / 3600.0, -1.0),
    )
    shape = np.shape(probability)
    fails, unknown = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    for bound, value, sign in conditions:
        if bound is not None:
            unknown |= np.isnan(value)
            fails |= sign * value < sign * bound
    if not rule:
        return np.full(shape, "", dtype="<U3")
    return np.where(fails, "NO", np.where(unknown, "", "YES"))
