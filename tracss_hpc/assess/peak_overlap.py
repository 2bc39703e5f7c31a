"""Where two curved position distributions overlap most, and what they look like from there.

Fed by equinoctial elements and their covariances (`equinoctial`); feeds `nc2d`.

The uncertainty of each object is Gaussian in equinoctial elements; in space it is a bent cloud. At
a time t the clouds overlap most at a point p. Expanded about the orbits that pass p, each cloud is
a Gaussian again that is right just there, so the relative distribution from it is right where a
collision can happen [Hall2021]. Found by iteration:

    clouds about the present orbits -> point of greatest overlap
    -> mean velocities there -> orbits through that point -> again

All times of all conjunctions of a batch are done together; each stops by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

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

    `mean` (..., 6) and `covariance` (..., 6, 6) of the elements; `response` (..., 6) what one sigma
    of a density error common to both objects does to them, zero if there is none.
    `inertial_covariance` (..., 6, 6) and `inertial_response` (..., 6) are the same of the state
    [km, km/s]. Leading axes are conjunctions.
    """

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    response: NDArray[np.float64]
    inertial_covariance: NDArray[np.float64]
    inertial_response: NDArray[np.float64]

    def take(self, rows: NDArray[np.intp]) -> Cloud:
        """The clouds of these conjunctions, in this order."""
        return Cloud(*(getattr(self, field.name)[rows] for field in fields(self)))


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

    def take(self, rows: int | NDArray[np.intp]) -> Overlap:
        """The overlaps of these rows of the leading axis."""
        return Overlap(*(getattr(self, field.name)[rows] for field in fields(self)))


def equinoctial_cloud(
    state: NDArray[np.float64],
    packed: NDArray[np.float64],
    response: NDArray[np.float64] | None = None,
) -> Cloud:
    """States, their covariances and responses to density in equinoctial elements.

    Parameters
    ----------
    state : ndarray, shape (6,) or (n, 6)
        Inertial [km, km/s].
    packed : ndarray, shape (21,) or (n, 21)
        Lower triangle by rows of the covariance in the object's RTN.
    response : ndarray, shape (6,) or (n, 6), optional
        Displacement by one sigma of the common density error, in RTN [km, km/s].
    """
    full = np.zeros((*state.shape, 6))
    full[..., _ROWS, _COLUMNS] = full[..., _COLUMNS, _ROWS] = packed
    turn = np.zeros((*state.shape, 6))  # from RTN
    flat = state.reshape(-1, 6)
    axes = np.swapaxes(rtn_matrices(flat[:, :3], flat[:, 3:]), -1, -2)
    turn[..., :3, :3] = turn[..., 3:, 3:] = axes.reshape(*state.shape[:-1], 3, 3)
    covariance = turn @ full @ np.swapaxes(turn, -1, -2)
    displaced = np.zeros(state.shape) if response is None else _times(turn, response)
    mean = elements_of_states(state)
    _, jacobian = states_and_jacobians(mean, np.zeros(state.shape[:-1]))
    inverse = np.asarray(np.linalg.inv(jacobian), dtype=np.float64)
    of_elements = inverse @ covariance @ np.swapaxes(inverse, -1, -2)
    return Cloud(mean, of_elements, _times(inverse, displaced), covariance, displaced)


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
    cloud1: Cloud, cloud2: Cloud, time_s: NDArray[np.float64], hbr_km: NDArray[np.float64]
) -> Overlap:
    """The relative distribution about the peak overlap at each of m times since TCA.

    Parameters
    ----------
    cloud1, cloud2 : Cloud
        Of the m conjunctions to which the times belong.
    time_s : ndarray, shape (m,)
    hbr_km : ndarray, shape (m,)
        Combined hard-body radius; a measure for repairs and convergence.
    """
    time = np.asarray(time_s, dtype=np.float64)
    means = np.stack([cloud1.mean, cloud2.mean])
    covariances = np.stack([cloud1.covariance, cloud2.covariance])
    responses = np.stack([cloud1.response, cloud2.response])
    orbits = means
    state, spread, shared = _expand(means, covariances, responses, orbits, time)
    point = np.full((len(time), 3), np.nan)
    failed = np.ones(len(time), dtype=bool)
    at = np.arange(len(time))
    for step in range(_STEPS):
        x, c = state[:, at], spread[:, at]
        inverse, _ = clip_eigenvalues(c[..., :3, :3], hbr_km[at])
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
        measure = width + (hbr_km[at] * hbr_km[at])[:, None, None] * np.eye(3)
        distance = _dot(moved, np.linalg.solve(measure, moved[..., None])[..., 0])
        expanded = _expand(means[:, at], covariances[:, at], responses[:, at], orbits, time[at])
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
    a: NDArray[np.float64], hbr_km: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Inverses and logarithms of the determinant of (..., m, 3, 3), small eigenvalues raised."""
    # An orbit that was not found is NaN; LAPACK refuses those.
    values, vectors = np.linalg.eigh(np.where(np.isfinite(a), a, 0.0))
    least = np.maximum((_CLIP * hbr_km) ** 2, _LEAST_VARIANCE_KM2)
    values = np.maximum(values, least[..., None])
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
