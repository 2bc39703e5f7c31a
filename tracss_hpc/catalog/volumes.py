"""Screening volumes and propagation spans per object.

Fed by the regimes (handbook tables 3.4.1 and 3.4.2) or by one volume for every object; feeds the
screening. A volume is centred on its object, axes radial, in-track (T), cross-track (N) of that
object; sizes are half sizes and a face counts as inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tracss_hpc.catalog.regimes import HAC_TABLE, OCM_TABLE
from tracss_hpc.errors import ConfigError

__all__ = ["Shape", "Volumes", "handbook_volumes", "uniform_volume"]

Shape = Literal["BOX", "ELLIPSOID"]


@dataclass(frozen=True)
class Volumes:
    """Half sizes [km] and span [d] of each object's volume, arrays of shape (n,)."""

    shape: Shape
    r_km: NDArray[np.float64]
    t_km: NDArray[np.float64]
    n_km: NDArray[np.float64]
    span_days: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.r_km)


def handbook_volumes(regimes: ArrayLike, table: Literal["HAC", "OCM"] = "HAC") -> Volumes:
    """Boxes and spans of handbook table 3.4.1 (``HAC``) or 3.4.2 (``OCM``) by regime.

    Parameters
    ----------
    regimes : array_like of str, shape (n,)
        Names as `assign_regimes` or `assign_ocm_regimes` gives them.

    Raises
    ------
    ConfigError
        If a name is not a row of the table.
    """
    rows = {row.name: row for row in (HAC_TABLE if table == "HAC" else OCM_TABLE)}
    names = np.asarray(regimes, dtype=np.str_)
    unknown = sorted(set(names.tolist()) - rows.keys())
    if unknown:
        raise ConfigError(
            f"regime {unknown[0]!r} is no row of the {table} table; its rows are {', '.join(rows)}",
            key="regime",
            given=unknown[0],
            allowed=tuple(rows),
        )
    sizes = np.array(
        [(row.r_km, row.t_km, row.n_km, row.span_days) for row in rows.values()], dtype=np.float64
    )
    index = {name: i for i, name in enumerate(rows)}
    r, t, n, span = sizes[[index[name] for name in names.tolist()]].reshape(-1, 4).T.copy()
    return Volumes("BOX", r, t, n, span)


def uniform_volume(
    n: int, shape: str, r_km: float, t_km: float, n_km: float, span_days: ArrayLike = np.nan
) -> Volumes:
    """One volume for `n` objects; spans [d] as given, one or n of them (NaN: not yet set).

    Raises
    ------
    ConfigError
        If the shape is neither BOX nor ELLIPSOID or a half size is not above 0 and finite.
    """
    name = shape.upper()
    if name not in ("BOX", "ELLIPSOID"):
        raise ConfigError(
            f"screening.volumes.shape is {shape!r}, allowed are BOX and ELLIPSOID",
            key="screening.volumes.shape",
            given=shape,
            allowed=("BOX", "ELLIPSOID"),
        )
    for key, size in (("r_km", r_km), ("t_km", t_km), ("n_km", n_km)):
        if not 0.0 < size < np.inf:
            raise ConfigError(
                f"screening.volumes.{key} is {size!r}, allowed is a half size above 0 [km]",
                key=f"screening.volumes.{key}",
                given=size,
                allowed="above 0",
            )
    span = np.broadcast_to(np.asarray(span_days, dtype=np.float64), (n,)).copy()
    r, t, c = (np.full(n, float(size)) for size in (r_km, t_km, n_km))
    return Volumes(cast(Shape, name), r, t, c, span)
