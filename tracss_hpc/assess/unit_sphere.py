"""The integral of Nc2D over the sphere of the combined radius.

Fed by overlaps at three times about the greatest rate (`greatest_rate`); feeds `nc2d`.

With the pole along one axis of the encounter plane a direction is

    n = sin t x + cos t (sin u z -+ cos u v/|v|)      dOmega = cos t dt du

- for the side where the objects meet, + for the other, which counts only where the speeds are as
uncertain as they are large. On each side the integrand is smooth, and (t, u) are the variables in
which the chord rule of the 2-D probability converges. The ranges are cut to where the exponent is
within 40 of its least (e^-40 = 4e-18), else a thin cloud would fall between the nodes: CARA's
adaptive rule, run in Octave, so loses 97 % of Alfano's case 5.
"""

from __future__ import annotations

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray
from scipy.special import erfcx

from tracss_hpc.assess.peak_overlap import Overlap

__all__ = ["integrate_unit_sphere"]

_NODE, _WEIGHT = leggauss(48)
_GRID, _ZOOMS = 129, 6
_DEPTH = 40.0


def integrate_unit_sphere(overlap: Overlap, hbr_km: float) -> float:
    """Expected number of collisions from overlaps at three times, one sigma apart.

    Parameters
    ----------
    overlap : Overlap
        At three times with one spacing, the middle one near the least `q`.
    hbr_km : float
        Combined hard-body radius.

    Returns
    -------
    float
        NaN if the exponent is not a parabola with a least value everywhere on the sphere.
    """
    if hbr_km == 0.0:
        return 0.0
    r, v = overlap.relative[1, :3], overlap.relative[1, 3:]
    covariance = overlap.covariance[1]
    gain = covariance[3:, :3] @ overlap.inverse[1]
    scatter = covariance[3:, 3:] - gain @ covariance[3:, :3].T
    across = v - gain @ r  # mean velocity at the centre of the sphere
    n, weight = _directions(r, across, covariance[:3, :3], hbr_km)
    least_q, sigma = _parabola(overlap, n, hbr_km)
    mean = n @ across + hbr_km * _form(n, gain)
    variance = _form(n, scatter)
    rate = _mean_inward(mean, np.sqrt(np.maximum(variance, 0.0)))
    constant = hbr_km * hbr_km / (2.0 * np.pi) ** 1.5 * np.sqrt(2.0 * np.pi)
    return float(constant * np.sum(weight * rate * sigma * np.exp(-0.5 * least_q)))


def _parabola(
    overlap: Overlap, n: NDArray[np.float64], hbr_km: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Least Q in time at R n, and its sigma [s], for each direction (k, 3)."""
    step = overlap.time_s[2] - overlap.time_s[1]
    q = np.array(
        [
            overlap.q[i]
            - 2.0 * hbr_km * (n @ (overlap.inverse[i] @ overlap.relative[i, :3]))
            + hbr_km * hbr_km * _form(n, overlap.inverse[i])
            for i in range(3)
        ]
    )
    slope = (q[2] - q[0]) / (2.0 * step)
    bend = (q[2] - 2.0 * q[1] + q[0]) / (step * step)
    bend = np.where(bend > 0.0, bend, np.nan)
    # The Mahalanobis distance cannot be negative, as the parabola may where R exceeds sigma.
    least = np.maximum(q[1] - 0.5 * slope * slope / bend, overlap.log_determinant[1])
    return least, np.sqrt(2.0 / bend)


def _form(n: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """n' M n for each direction (k, 3)."""
    turned = n @ matrix
    form: NDArray[np.float64] = (
        turned[:, 0] * n[:, 0] + turned[:, 1] * n[:, 1] + turned[:, 2] * n[:, 2]
    )
    return form


def _mean_inward(mean: NDArray[np.float64], sigma: NDArray[np.float64]) -> NDArray[np.float64]:
    """E[max(0, -u)] of a normal u [Coppola2012]."""
    inward = np.maximum(-mean, 0.0)
    wide = sigma > 0.0
    x = np.where(wide, np.abs(mean) / np.where(wide, sigma, 1.0), np.inf)
    x = np.minimum(x, 1e6)
    # s (phi(x) - x Phi(-x)) for the side away from the mean.
    excess = (
        sigma
        * np.exp(-0.5 * x * x)
        * (1.0 / np.sqrt(2.0 * np.pi) - 0.5 * x * erfcx(x / np.sqrt(2.0)))
    )
    return np.asarray(inward + excess)


def _directions(
    r: NDArray[np.float64], v: NDArray[np.float64], a: NDArray[np.float64], hbr_km: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Unit vectors (k, 3) and weights (k,) with both sides of the sphere."""
    along = v / np.linalg.norm(v)
    aside = np.eye(3)[np.argmin(np.abs(along))]
    y = np.cross(along, aside)
    y /= np.linalg.norm(y)
    basis = np.stack([y, np.cross(along, y)])
    values, vectors = np.linalg.eigh(basis @ a @ basis.T)
    z_axis, x_axis = vectors.T @ basis  # ascending: z is the thin side
    sz, sx = np.sqrt(np.maximum(values, (1e-4 * hbr_km) ** 2)) / hbr_km
    xm, zm = float(x_axis @ r) / hbr_km, float(z_axis @ r) / hbr_km
    t, t_weight = _outer_nodes(sx, sz, xm, zm)
    chord = np.cos(t)
    nearest = np.clip(zm, -chord, chord)
    reach = np.sqrt((nearest - zm) ** 2 + 2.0 * _DEPTH * sz * sz)
    low = np.arcsin(np.clip((zm - reach) / chord, -1.0, 1.0))
    high = np.arcsin(np.clip((zm + reach) / chord, -1.0, 1.0))
    u = 0.5 * (low + high)[:, None] + 0.5 * (high - low)[:, None] * _NODE
    weight = (t_weight * chord * 0.5 * (high - low))[:, None] * _WEIGHT
    x, z = np.broadcast_to(np.sin(t)[:, None], u.shape), chord[:, None] * np.sin(u)
    depth = chord[:, None] * np.cos(u)
    plane = x[..., None] * x_axis + z[..., None] * z_axis
    n = np.stack([plane - depth[..., None] * along, plane + depth[..., None] * along])
    return n.reshape(-1, 3), np.tile(weight.ravel(), 2)


def _outer_nodes(
    sx: float, sz: float, xm: float, zm: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nodes and weights in t where the least exponent of the strip is near its least of all."""
    low, high = -0.5 * np.pi, 0.5 * np.pi
    for _ in range(_ZOOMS):
        t = np.linspace(low, high, _GRID)
        x = (np.sin(t) - xm) / sx
        z = np.maximum(np.abs(zm) - np.cos(t), 0.0) / sz
        exponent = 0.5 * (x * x + z * z)
        near = np.flatnonzero(exponent < exponent.min() + _DEPTH)
        low, high = t[max(near[0] - 1, 0)], t[min(near[-1] + 1, _GRID - 1)]
        if len(near) > _GRID // 2:
            break
    half = 0.5 * (high - low)
    return 0.5 * (low + high) + half * _NODE, half * _WEIGHT
