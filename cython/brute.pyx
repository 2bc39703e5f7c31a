"""Close approaches of objects with all others by exhaustion: the audit's and the oracle's search.

Works on positions sampled straight from the propagator, not on the engine's polynomials, and uses
none of its filters and no spatial index: every pair is looked at at every step. Feeds
tracss_hpc/screening/audit.py and the brute engine of tracss_hpc/screening/time_slice.py, which solve each
minimum found here again on the true trajectory.

Reach. A minimum at time t lies within h = step / 2 of a sample k, so |dr(k)| <= D + (s_i + s_j) h
with s a bound on each object's speed: a pair farther apart at every sample has no conjunction. The
speed bound is the largest chord between samples over the step, times 1.01: the arc of an orbit that
turns by w step < 0.2 rad exceeds its chord by less than (0.2)^2 / 24 = 0.2 %.

Minimum. Between samples, dr follows the quartic through five of them; its error,
max|d5r| |tau (tau^2 - T^2)(tau^2 - 4 T^2)| / 5!, is 0.1 m for T = 60 s in a low orbit and under
100 m at the fastest perigee; PAD covers it. |dr|^2 is sampled each second, a minimum is a sample
below its neighbours.

Arrays: r (steps, 3, n) float64, NaN where an object has no position; speed, rho (n,). The first and
last two samples only support the quartics. Units: km, s.
"""

from libc.math cimport fmax, sqrt
from libc.stdint cimport int32_t, int64_t

import numpy as np

cdef extern from *:
    """
    #define TRACSS_RUN 64
    /* Which of TRACSS_RUN objects lie within reach of the point x, y, z; NaN positions do not. */
    static inline int tracss_within_reach(
        const double *restrict px, const double *restrict py, const double *restrict pz,
        const double *restrict travel, const double *restrict rho, Py_ssize_t count,
        double x, double y, double z, double own_travel, double own_rho,
        unsigned char *restrict hit)
    {
        int any = 0;
        for (Py_ssize_t k = 0; k < count; k++) {
            double dx = px[k] - x, dy = py[k] - y, dz = pz[k] - z;
            double d = rho[k] > own_rho ? rho[k] : own_rho;
            double reach = d + travel[k] + own_travel;
            hit[k] = (d >= 0.0) & (dx * dx + dy * dy + dz * dz <= reach * reach);
        }
        for (Py_ssize_t k = 0; k < count; k++) any |= hit[k];
        return any;
    }
    """
    int tracss_within_reach(
        const double*, const double*, const double*, const double*, const double*, Py_ssize_t,
        double, double, double, double, double, unsigned char*
    ) nogil

cdef enum:
    RUN = 64

cdef double PAD = 0.1


cdef inline double _quartic(
    const double[:, :, ::1] r, Py_ssize_t k, Py_ssize_t i, Py_ssize_t j, double u
) noexcept nogil:
    """|dr|^2 at u steps from sample k, by the quartic through samples k - 2 .. k + 2."""
    cdef double w0 = (u * u - 1.0) * u * (u - 2.0) / 24.0
    cdef double w1 = -(u * u - 4.0) * u * (u - 1.0) / 6.0
    cdef double w2 = (u * u - 1.0) * (u * u - 4.0) / 4.0
    cdef double w3 = -(u * u - 4.0) * u * (u + 1.0) / 6.0
    cdef double w4 = (u * u - 1.0) * u * (u + 2.0) / 24.0
    cdef double total = 0.0, d
    cdef Py_ssize_t q
    for q in range(3):
        d = (
            w0 * (r[k - 2, q, j] - r[k - 2, q, i])
            + w1 * (r[k - 1, q, j] - r[k - 1, q, i])
            + w2 * (r[k, q, j] - r[k, q, i])
            + w3 * (r[k + 1, q, j] - r[k + 1, q, i])
            + w4 * (r[k + 2, q, j] - r[k + 2, q, i])
        )
        total += d * d
    return total


cdef Py_ssize_t _minima_of_pair(
    const double[:, :, ::1] r,
    Py_ssize_t k,
    Py_ssize_t i,
    Py_ssize_t j,
    double step,
    double d,
    double closing,
    int32_t[:, ::1] pairs,
    double[::1] time,
    Py_ssize_t found,
) noexcept nogil:
    """Minima within half a step of sample k; returns the new number found."""
    cdef Py_ssize_t centre = k, second, seconds, looks = 7
    cdef double reach = d + PAD + closing * step / 12.0
    cdef double base = -0.5 - 1.0 / step
    cdef double before, now, after, shift, bend, vertex
    cdef bint near = False
    # Slide inwards where a trajectory begins or ends: NaN compares false.
    while centre > 2 and not (r[centre + 2, 0, j] + r[centre + 2, 0, i] < 1e9):
        centre -= 1
    while centre < r.shape[0] - 3 and not (r[centre - 2, 0, j] + r[centre - 2, 0, i] < 1e9):
        centre += 1
    shift = <double>(k - centre)
    # Where a trajectory ends before the next sample, look a whole step ahead instead of half.
    if k + 1 < r.shape[0] and not (r[k + 1, 0, j] + r[k + 1, 0, i] < 1e9):
        looks = 10
    seconds = <Py_ssize_t>((looks - 1) * step / 6.0 + 0.5)
    # Seven looks, 10 s apart for 60 s steps: between two of them the pair closes by at most half
    # the spacing times the sum of the speed bounds.
    for second in range(looks):
        near = near or _quartic(r, centre, i, j, shift - 0.5 + second / 6.0) <= reach * reach
    if not near:
        return found
    before = _quartic(r, centre, i, j, shift + base)
    now = _quartic(r, centre, i, j, shift + base + 1.0 / step)
    for second in range(1, seconds + 2):
        after = _quartic(r, centre, i, j, shift + base + (second + 1) / step)
        if now < before and now <= after:
            # The vertex of the parabola through the three, a few metres off at most.
            bend = before - 2.0 * now + after
            vertex = 0.5 * (before - after) / bend
            if sqrt(fmax(0.0, now - 0.25 * (before - after) * vertex)) <= d + PAD:
                if found < pairs.shape[0]:
                    pairs[found, 0] = <int32_t>i
                    pairs[found, 1] = <int32_t>j
                    time[found] = (k - 2) * step + (base * step + second + vertex)
                found += 1
        before = now
        now = after
    return found


def approaches(
    const double[:, :, ::1] r,
    const int64_t[::1] rows,
    bint later_only,
    double step,
    const double[::1] speed,
    const double[::1] rho,
    int32_t[:, ::1] pairs,
    double[::1] time,
):
    """Minima of the distance between each object of `rows` and every other object.

    With `later_only` only partners with a larger row number count. `pairs` (own row, partner) and
    `time` (seconds since sample 2) are filled with minima nearer than the larger circumscribed
    radius of the two volumes plus PAD; returns their number, which may exceed the room: then call
    again with more. Minima in [0, (steps - 5) step) are reported, and a few seconds around. Steps
    are the outer loop: the positions of one step stay in cache for all rows.
    """
    cdef Py_ssize_t steps = r.shape[0], n = r.shape[2], k, q, i, j, run, count, found = 0
    cdef unsigned char hit[RUN]
    # An object that is absent at some sample may be met up to a whole step from one.
    absent = np.isnan(np.asarray(r)[:, 0, :]).any(axis=0)
    cdef double[::1] travel = np.asarray(speed) * np.where(absent, step, 0.5 * step) + PAD
    with nogil:
        for k in range(2, steps - 2):
            for q in range(rows.shape[0]):
                i = rows[q]
                run = i + 1 if later_only else 0
                while run < n:
                    count = n - run if n - run < RUN else RUN
                    if tracss_within_reach(
                        &r[k, 0, run], &r[k, 1, run], &r[k, 2, run], &travel[run], &rho[run],
                        count, r[k, 0, i], r[k, 1, i], r[k, 2, i], travel[i], rho[i], hit,
                    ):
                        for j in range(run, run + count):
                            if hit[j - run] and j != i:
                                found = _minima_of_pair(
                                    r, k, i, j, step, fmax(rho[i], rho[j]), speed[i] + speed[j],
                                    pairs, time, found,
                                )
                    run += RUN
    return found
