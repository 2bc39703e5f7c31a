"""Where two curved position distributions overlap most, and what they look like from there.

Fed by equinoctial elements and their covariances (`equinoctial`); feeds `nc2d`.

The uncertainty of each object is Gaussian in equinoctial elements; in space it is a bent cloud. At
a time t the clouds overlap most at a point p. Expanded about the orbits that pass p, each cloud is
a Gaussian again that is right just there, so the relative distribution from it is right where a
collision can happen [Hall2021]. Found by iteration:

    clouds about the present orbits -> point of greatest overlap
    -> mean velocities there -> orbits through that point -> again

All times of one conjunction are done together; each stops by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.assess.equinoctial import elements_of_states, states_and_jacobians
from tracss_hpc.ephemeris.frames import rtn_matrices

__all__ = [
    "Cloud",
    "Overlap",
    "clip_eigenvalues",
    "equinoctial_cloud",
    "find_peak_overlap",
    "relative_covariance",
]

#: Converged when the point moves by less than this part of a sigma (squared) [Hall2021].
_TOLERANCE = 1e-6
_ROWS, _COLUMNS = np.tril_indices(6)
_STEPS = 60
#: From this step on the point moves half way only: a few slow cases swing to and fro.
_DAMPED_FROM = 15
#: Eigenvalues below (this times the hard-body radius)^2 are raised to it [CARA Fclip].
_CLIP = 1e-4
#: And, without a radius, those below a nanometre squared.
_LEAST_VARIANCE_KM2 = 1e-24


@dataclass(frozen=True)
class Cloud:
    """One object's Gaussian at TCA, in equinoctial elements and in the inertial frame.

    `mean` (6,) and `covariance` (6, 6) of the elements; `response` (6,) what one sigma of a density
    error common to both objects does to them, zero if there is none. `inertial_covariance` (6, 6)
    and `inertial_response` (6,) are the same of the state [km, km/s].
    """

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    response: NDArray[np.float64]
    inertial_covariance: NDArray[np.float64]
    inertial_response: NDArray[np.float64]


@dataclass(frozen=True)
class Overlap:
    """Relative state, object 2 minus object 1, seen from the peak overlap at m times.

    `relative` (m, 6) mean [km, km/s], `covariance` (m, 6, 6), `inverse` (m, 3, 3) and
    `log_determinant` (m,) of its position block, `q` (m,) squared Mahalanobis distance of a
    collision plus that logarithm. NaN where no point was found.
    """

    time_s: NDArray[np.float64]
    relative: NDArray[np.float64]
    covariance: NDArray[np.float64]
    inverse: NDArray[np.float64]
    log_determinant: NDArray[np.float64]
    q: NDArray[np.float64]


def equinoctial_cloud(
    state: NDArray[np.float64],
    packed: NDArray[np.float64],
    response: NDArray[np.float64] | None = None,
) -> Cloud:
    """A state, its covariance and its response to density in equinoctial elements.

    Parameters
    ----------
    state : ndarray, shape (6,)
        Inertial [km, km/s].
    packed : ndarray, shape (21,)
        Lower triangle by rows of the covariance in the object's RTN.
    response : ndarray, shape (6,), optional
        Displacement by one sigma of the common density error, in RTN [km, km/s].
    """
    full = np.zeros((6, 6))
    full[_ROWS, _COLUMNS] = full[_COLUMNS, _ROWS] = packed
    turn = np.kron(np.eye(2), rtn_matrices(state[None, :3], state[None, 3:])[0])
    covariance = turn.T @ full @ turn
    displaced = np.zeros(6) if response is None else turn.T @ response
    mean = elements_of_states(state)
    _, jacobian = states_and_jacobians(mean, 0.0)
    inverse = np.linalg.inv(jacobian)
    return Cloud(mean, inverse @ covariance @ inverse.T, inverse @ displaced, covariance, displaced)


def relative_covariance(
    covariance1: NDArray[np.float64],
    covariance2: NDArray[np.float64],
    response1: NDArray[np.float64],
    response2: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Sum of covariances (..., k, k) without what both share [Casali2018, eq. 11]."""
    cross = response1[..., :, None] * response2[..., None, :]
    total: NDArray[np.float64] = covariance1 + covariance2 - cross - np.swapaxes(cross, -1, -2)
    return total


def find_peak_overlap(
    cloud1: Cloud, cloud2: Cloud, time_s: NDArray[np.float64], hbr_km: float
) -> Overlap:
    """The relative distribution about the peak overlap at each of m times since TCA.

    Parameters
    ----------
    cloud1, cloud2 : Cloud
    time_s : ndarray, shape (m,)
    hbr_km : float
        Combined hard-body radius; a measure for repairs and convergence.
    """
    time = np.asarray(time_s, dtype=np.float64)
    means = np.stack([cloud1.mean, cloud2.mean])[:, None]
    covariances = np.stack([cloud1.covariance, cloud2.covariance])[:, None]
    responses = np.stack([cloud1.response, cloud2.response])[:, None]
    orbits = np.broadcast_to(means, (2, len(time), 6))
    state, spread, shared = _expand(means, covariances, responses, orbits, time)
    point = np.full((len(time), 3), np.nan)
    failed = np.ones(len(time), dtype=bool)
    at = np.arange(len(time))
    for step in range(_STEPS):
        x, c = state[:, at], spread[:, at]
        inverse, _ = clip_eigenvalues(c[..., :3, :3], hbr_km)
        width = np.linalg.inv(inverse[0] + inverse[1])
        found = _times(width, _times(inverse, x[..., :3]).sum(axis=0))
        if step > _DAMPED_FROM:
            found = 0.5 * (found + point[at])
        gain = c[..., 3:, :3] @ inverse
        velocity = x[..., 3:] + _times(gain, found - x[..., :3])
        through = np.concatenate([np.broadcast_to(found, velocity.shape), velocity], axis=-1)
        orbits = elements_of_states(through)
        orbits[..., 5] -= orbits[..., 0] * time[at]
        bound = np.isfinite(orbits).all(axis=(0, 2))
        moved = found - point[at]
        point[at] = found
        measure = width + hbr_km * hbr_km * np.eye(3)
        distance = _dot(moved, np.linalg.solve(measure, moved[..., None])[..., 0])
        expanded = _expand(means, covariances, responses, orbits, time[at])
        state[:, at], spread[:, at], shared[:, at] = expanded
        done = bound & (distance <= _TOLERANCE)
        failed[at[done]] = False
        at = at[bound & ~done]
        if not len(at):
            break
    relative = state[1] - state[0]
    covariance = relative_covariance(*spread, *shared)
    inverse, log_determinant = clip_eigenvalues(covariance[:, :3, :3], hbr_km)
    q = _dot(relative[:, :3], _times(inverse, relative[:, :3])) + log_determinant
    q[failed] = np.nan
    return Overlap(time, relative, covariance, inverse, log_determinant, q)


def clip_eigenvalues(
    a: NDArray[np.float64], hbr_km: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Inverses and logarithms of the determinant of (..., 3, 3), small eigenvalues raised."""
    # An orbit that was not found is NaN; LAPACK refuses those.
    values, vectors = np.linalg.eigh(np.where(np.isfinite(a), a, 0.0))
    values = np.maximum(values, max((_CLIP * hbr_km) ** 2, _LEAST_VARIANCE_KM2))
    inverse = (vectors / values[..., None, :]) @ np.swapaxes(vectors, -1, -2)
    return inverse, np.log(values).sum(axis=-1)


def _expand(
    means: NDArray[np.float64],
    covariances: NDArray[np.float64],
    responses: NDArray[np.float64],
    orbits: NDArray[np.float64],
    time: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Mean states, covariances and responses (2, m, ...) of both clouds, linear about `orbits`."""
    state, jacobian = states_and_jacobians(orbits, np.broadcast_to(time, orbits.shape[:-1]))
    offset = means - orbits
    offset[..., 5] = np.remainder(offset[..., 5] + np.pi, 2.0 * np.pi) - np.pi
    covariance = jacobian @ covariances @ np.swapaxes(jacobian, -1, -2)
    symmetric = 0.5 * (covariance + np.swapaxes(covariance, -1, -2))
    return state + _times(jacobian, offset), symmetric, _times(jacobian, responses)


def _times(matrix: NDArray[np.float64], vector: NDArray[np.float64]) -> NDArray[np.float64]:
    product: NDArray[np.float64] = (matrix @ vector[..., None])[..., 0]
    return product


def _dot(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    product: NDArray[np.float64] = (a * b).sum(axis=-1)
    return product
