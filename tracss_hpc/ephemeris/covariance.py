"""Covariance of GP objects by default: a table by regime and age, as a full 6x6 in the own RTN.

Fed by regimes, element-set epochs and mean motions; feeds assessment (COVARIANCE_METHOD = DEFAULT).
Element sets carry no covariance. The default here was measured by differencing real catalogs (an
older element set propagated to the epoch of a newer one; debris and rocket bodies, 68.27 percentile
of |difference|, 2019-2020 near solar minimum and 2024 near maximum) and fitted by

    sigma_R, sigma_T, sigma_N [km] = polynomials in d = |time - epoch| [days]

For independent unit normals g1..g6 and the mean motion n the model is

    R = sR g1          Rdot = -n T + n sR g4
    T = sT g2          Tdot = -n R + 0.05 n sR g5
    N = sN g3          Ndot =  n sN g6

an error in T is an error of time along the orbit, so it turns R dot; an error in R at fixed energy
slows T dot. Payloads that manoeuvre are worse than this: the table does not know their plans.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tracss_hpc.errors import ConfigError, InputDataError

__all__ = [
    "GP_SIGMA",
    "CovarianceTable",
    "cdm_covariance",
    "covariance_table",
    "default_covariance",
    "read_covariance_table",
]

Solar = Literal["max", "min"]

#: Coefficients [km, km/day, km/day^2] of sigma(d); `t_km_solar_min` replaces `t_km` near solar
#: minimum. Deep Space uses the row of GEO, Other that of HEO.
GP_SIGMA: Mapping[str, Mapping[str, Sequence[float]]] = {
    "LEO 1": {
        "r_km": (0.10, 0.10),
        "t_km": (0.5, 0.0, 0.80),
        "t_km_solar_min": (0.5, 0.0, 0.34),
        "n_km": (0.10, 0.07),
    },
    "LEO 2": {
        "r_km": (0.08, 0.06),
        "t_km": (0.5, 0.0, 0.18),
        "t_km_solar_min": (0.5, 0.0, 0.05),
        "n_km": (0.10, 0.06),
    },
    "LEO 3": {
        "r_km": (0.08, 0.05),
        "t_km": (0.4, 0.0, 0.05),
        "t_km_solar_min": (0.4, 0.0, 0.034),
        "n_km": (0.08, 0.04),
    },
    "LEO 4": {"r_km": (0.09, 0.03), "t_km": (0.35, 0.0, 0.02), "n_km": (0.08, 0.035)},
    "MEO": {"r_km": (0.08, 0.015), "t_km": (0.2, 0.1, 0.005), "n_km": (0.06, 0.025)},
    "HEO": {"r_km": (0.2, 0.5), "t_km": (0.9, 0.0, 0.3), "n_km": (0.15, 0.11)},
    "GEO": {"r_km": (0.36, 0.04), "t_km": (0.45, 0.29), "n_km": (0.09, 0.015)},
    "Deep Space": {"r_km": (0.36, 0.04), "t_km": (0.45, 0.29), "n_km": (0.09, 0.015)},
    "Other": {"r_km": (0.2, 0.5), "t_km": (0.9, 0.0, 0.3), "n_km": (0.15, 0.11)},
}

_AXES = ("r_km", "t_km", "n_km")
_KEYS = (*_AXES, "t_km_solar_min")
_DEGREE = 3  # highest power of days a table may use
_KM2_TO_M2 = 1e6
_ROWS, _COLUMNS = np.tril_indices(6)


@dataclass(frozen=True)
class CovarianceTable:
    """Sigma polynomials by regime: `coefficients` (regime, axis R T N, power of days) [km]."""

    regimes: tuple[str, ...]
    coefficients: NDArray[np.float64]

    def sigmas(self, regimes: NDArray[np.str_], age_days: ArrayLike) -> NDArray[np.float64]:
        """Sigma in R, T, N [km], shape (n, 3), of objects whose element sets are `age_days` old.

        Raises
        ------
        InputDataError
            If the table has no row for a regime.
        """
        names, inverse = np.unique(np.asarray(regimes, dtype=np.str_), return_inverse=True)
        for name in names:
            if name not in self.regimes:
                raise InputDataError(
                    f"the covariance table has no row for regime {str(name)!r}; it has "
                    f'{", ".join(self.regimes)}: add a section ["{name}"]',
                    key=str(name),
                    given=str(name),
                    allowed=self.regimes,
                )
        row = np.array([self.regimes.index(name) for name in names], dtype=np.intp)[inverse]
        d = np.abs(np.asarray(age_days, dtype=np.float64))[:, None]
        c = self.coefficients[row]
        sigma = c[:, :, _DEGREE]
        for power in range(_DEGREE - 1, -1, -1):
            sigma = sigma * d + c[:, :, power]
        return sigma


def default_covariance(
    regimes: NDArray[np.str_],
    age_days: ArrayLike,
    mean_motion_rad_s: ArrayLike,
    *,
    table: CovarianceTable | None = None,
) -> NDArray[np.float64]:
    """Covariance of position and velocity in each object's own RTN by the model above.

    Parameters
    ----------
    regimes : ndarray of str, shape (n,)
        Regime names of handbook table 3.4.1.
    age_days : array_like, shape (n,)
        |time - epoch of the element set| [days]; the sign is ignored.
    mean_motion_rad_s : array_like, shape (n,)
        Mean motion [rad/s].
    table : CovarianceTable, optional
        Default: `GP_SIGMA` at solar maximum.

    Returns
    -------
    ndarray, shape (n, 6, 6)
        Symmetric [km^2, km^2/s, km^2/s^2], order R, T, N, R dot, T dot, N dot.
    """
    sigma = (table or covariance_table()).sigmas(regimes, age_days)
    n = np.asarray(mean_motion_rad_s, dtype=np.float64)
    rr, tt, nn = (sigma[:, k] * sigma[:, k] for k in range(3))
    c = np.zeros((len(sigma), 6, 6))
    c[:, 0, 0] = rr
    c[:, 1, 1] = tt
    c[:, 2, 2] = nn
    c[:, 1, 3] = c[:, 3, 1] = -n * tt
    c[:, 0, 4] = c[:, 4, 0] = -n * rr
    c[:, 3, 3] = n * n * (tt + rr)
    c[:, 4, 4] = n * n * rr * (1.0 + 0.05 * 0.05)
    c[:, 5, 5] = n * n * nn
    return c


def cdm_covariance(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lower triangle by rows (CR_R, CT_R, ... CNDOT_NDOT), (n, 21) in m, from (n, 6, 6) in km."""
    packed: NDArray[np.float64] = covariance[:, _ROWS, _COLUMNS] * _KM2_TO_M2
    return packed


def covariance_table(
    mapping: Mapping[str, Mapping[str, Sequence[float]]] = GP_SIGMA,
    *,
    solar: Solar = "max",
    file: str = "",
) -> CovarianceTable:
    """Build the table from a mapping of regime to `r_km`, `t_km`, `n_km` and `t_km_solar_min`.

    Raises
    ------
    ConfigError
        If a key is unknown or missing, or a value is not a list of one to four finite numbers, the
        first of them positive or zero.
    """
    if solar not in ("max", "min"):
        raise ConfigError(
            f"solar = {solar!r} is not allowed: use 'max' or 'min'",
            key="solar",
            given=solar,
            allowed=("max", "min"),
        )
    place = f"{file}: " if file else ""
    if not mapping:
        raise ConfigError(f"{place}the covariance table is empty", given=mapping)
    coefficients = np.zeros((len(mapping), 3, _DEGREE + 1))
    for i, (regime, row) in enumerate(mapping.items()):
        if not isinstance(row, Mapping):
            raise ConfigError(
                f'{place}{regime} = {row!r} is not a section: write ["{regime}"] with '
                f"{', '.join(_AXES)}",
                key=regime,
                given=row,
                allowed=_KEYS,
            )
        for key in row:
            if key not in _KEYS:
                raise ConfigError(
                    f"{place}[{regime}] has the unknown key {key!r}; known: {', '.join(_KEYS)}",
                    key=f"{regime}.{key}",
                    given=key,
                    allowed=_KEYS,
                )
        for j, axis in enumerate(_AXES):
            key = axis
            if axis == "t_km" and solar == "min" and "t_km_solar_min" in row:
                key = "t_km_solar_min"
            values = _polynomial(row.get(key), f"{regime}.{key}", place)
            coefficients[i, j, : len(values)] = values
    return CovarianceTable(tuple(mapping), coefficients)


def read_covariance_table(path: str | Path, *, solar: Solar = "max") -> CovarianceTable:
    """Read a table such as configs/covariance_gp.toml.

    Raises
    ------
    ConfigError
        If the file is absent or not TOML, or as `covariance_table`.
    """
    try:
        mapping = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            f"the covariance table {path} cannot be read: {error}; "
            "configs/covariance_gp.toml is an example",
            key="covariance_table",
            given=str(path),
        ) from error
    rows = cast("Mapping[str, Mapping[str, Sequence[float]]]", mapping)
    return covariance_table(rows, solar=solar, file=str(path))


def _polynomial(values: object, key: str, place: str) -> list[float]:
    numbers = [
        float(x)
        for x in (values if isinstance(values, Sequence) else ())
        if isinstance(x, int | float) and not isinstance(x, bool) and np.isfinite(x)
    ]
    complete = isinstance(values, Sequence) and len(numbers) == len(values)
    if not complete or not 1 <= len(numbers) <= _DEGREE + 1 or numbers[0] < 0.0:
        raise ConfigError(
            f"{place}{key} = {values!r}: give one to {_DEGREE + 1} numbers, the coefficients of "
            "days^0, days^1, ... in km, the first not negative",
            key=key,
            given=values,
            allowed=f"1 to {_DEGREE + 1} numbers",
        )
    return numbers
