"""Fit and evaluate piecewise Chebyshev trajectories.

The Ephemeris (tracss_hpc/ephemeris/nodes.py) holds one list of segments for all objects; this
kernel turns it into states of all objects at a batch of times, in double precision (steps.pyx is
the fast way for the pair search). The loop over times is innermost so that the
compiler vectorises Clenshaw's recurrence over the times that fall into one segment.

Arrays: offset (n + 1,) int64, segments of object i are offset[i] .. offset[i + 1];
begin, mid, inv_half (m,); coef (m, 3, terms); times (k,) increasing; out (k, 6, n), NaN outside an
object's segments. `fit` makes the series, `perturb` measures how far the motion is from a two-body
one, since the filters rest on a bound of that. Units: km, km/s, s.
"""

from libc.math cimport NAN, fabs, fmax, sqrt
from libc.stdint cimport int64_t

cdef enum:
    MAX_TIMES = 64
    MAX_TERMS = 16
    FORCES = 5


def fit(
    const double[:, :, ::1] r,
    const double[:, ::1] by_node,
    const double[::1] check_row,
    double[:, :, ::1] coef,
    double[::1] tail,
    double[::1] check,
):
    """Chebyshev series through samples, and two measures of how good it is.

    Parameters
    ----------
    r : ndarray, shape (m, 3, terms + 1)
        Positions at the nodes and, last, at the check time [km].
    by_node : ndarray, shape (terms, terms)
        Row j: what a sample of 1 at node j adds to each coefficient.
    check_row : ndarray, shape (terms,)
        Polynomials at the check time.
    coef : ndarray, shape (m, 3, terms)
        Filled [km]; terms <= MAX_TERMS.
    tail, check : ndarray, shape (m,)
        Filled: the larger of the axes' |last two coefficients| sums, and the largest difference to
        the sample at the check time [km].
    """
    cdef Py_ssize_t m = r.shape[0], terms = by_node.shape[0], s, axis, j, k
    cdef double c[MAX_TERMS]
    cdef double sample, value, last, miss
    if terms > MAX_TERMS:
        raise ValueError("too many terms")
    with nogil:
        for s in range(m):
            tail[s] = 0.0
            check[s] = 0.0
            for axis in range(3):
                for k in range(terms):
                    c[k] = 0.0
                for j in range(terms):
                    sample = r[s, axis, j]
                    for k in range(terms):
                        c[k] += by_node[j, k] * sample
                value = 0.0
                for k in range(terms):
                    coef[s, axis, k] = c[k]
                    value += c[k] * check_row[k]
                # fmax would lose a NaN, and a segment of NaN is not good.
                last = fabs(c[terms - 2]) + fabs(c[terms - 1])
                miss = fabs(value - r[s, axis, terms])
                tail[s] = last if last != last or last > tail[s] else tail[s]
                check[s] = miss if miss != miss or miss > check[s] else check[s]


def perturb(
    const double[:, :, ::1] coef,
    const double[::1] inv_half,
    const double[:, ::1] position,
    const double[:, ::1] second,
    const double[::1] velocity_change,
    const double[::1] boole,
    double mu,
    double[::1] smooth,
    double[::1] kink,
):
    """Acceleration beside the two-body one, and what it lacks to explain the change of velocity.

    Parameters
    ----------
    coef : ndarray, shape (m, 3, terms); inv_half : ndarray, shape (m,)
        Segments [km, 1/s].
    position, second : ndarray, shape (FORCES, terms)
        Polynomials and their second derivatives at the places that are looked at.
    velocity_change : ndarray, shape (terms,)
        Derivatives at the end minus those at the begin.
    boole : ndarray, shape (FORCES,)
        Weights of a mean over the places.
    mu : float
        Gravitational parameter [km^3/s^2].
    smooth, kink : ndarray, shape (m,)
        Filled: largest |r'' + mu r / r^3| at the places [km/s^2]; |change of velocity minus the
        integral of the two-body acceleration| [km/s].
    """
    cdef Py_ssize_t m = coef.shape[0], terms = coef.shape[2], s, axis, k, q
    cdef double p[3][FORCES]
    cdef double a[3][FORCES]
    cdef double dv[3]
    cdef double cube, r2, force, worst, total, c, scale, missing
    with nogil:
        for s in range(m):
            scale = inv_half[s] * inv_half[s]
            for axis in range(3):
                dv[axis] = 0.0
                for q in range(FORCES):
                    p[axis][q] = 0.0
                    a[axis][q] = 0.0
                for k in range(terms):
                    c = coef[s, axis, k]
                    dv[axis] += c * velocity_change[k]
                    for q in range(FORCES):
                        p[axis][q] += c * position[q, k]
                        a[axis][q] += c * second[q, k]
            worst = 0.0
            for q in range(FORCES):
                r2 = p[0][q] * p[0][q] + p[1][q] * p[1][q] + p[2][q] * p[2][q]
                cube = -mu / (r2 * sqrt(r2))
                total = 0.0
                for axis in range(3):
                    p[axis][q] *= cube
                    force = a[axis][q] * scale - p[axis][q]
                    total += force * force
                worst = fmax(worst, total)
            smooth[s] = sqrt(worst)
            total = 0.0
            for axis in range(3):
                missing = 0.0
                for q in range(FORCES):
                    missing += p[axis][q] * boole[q]
                missing = dv[axis] * inv_half[s] - missing * 2.0 / inv_half[s]
                total += missing * missing
            kink[s] = sqrt(total)


cdef void _evaluate_run(
    const double* c,
    Py_ssize_t terms,
    const double* x,
    Py_ssize_t count,
    double inv_half,
    double* position,
    double* velocity,
) noexcept nogil:
    """Clenshaw for one axis at `count` <= MAX_TIMES points; lanes are independent."""
    cdef double b1[MAX_TIMES]
    cdef double b2[MAX_TIMES]
    cdef double d1[MAX_TIMES]
    cdef double d2[MAX_TIMES]
    cdef double b0, d0, ck
    cdef Py_ssize_t k, q
    for q in range(count):
        b1[q] = 0.0
        b2[q] = 0.0
        d1[q] = 0.0
        d2[q] = 0.0
    for k in range(terms - 1, 0, -1):
        ck = c[k]
        for q in range(count):
            d0 = 2.0 * b1[q] + 2.0 * x[q] * d1[q] - d2[q]
            b0 = ck + 2.0 * x[q] * b1[q] - b2[q]
            d2[q] = d1[q]
            d1[q] = d0
            b2[q] = b1[q]
            b1[q] = b0
    ck = c[0]
    for q in range(count):
        position[q] = ck + x[q] * b1[q] - b2[q]
        velocity[q] = (b1[q] + x[q] * d1[q] - d2[q]) * inv_half


def evaluate(
    const int64_t[::1] offset,
    const double[::1] begin,
    const double[::1] mid,
    const double[::1] inv_half,
    const double[:, :, ::1] coef,
    const double[::1] stop,
    const double[::1] times,
    double[:, :, ::1] out,
):
    """States of all objects at `times`; `stop` (n,) is the end of each object's last segment."""
    cdef Py_ssize_t n = offset.shape[0] - 1, count = times.shape[0], terms = coef.shape[2]
    cdef Py_ssize_t i, k, q, axis, run
    cdef int64_t s, last
    cdef double x[MAX_TIMES]
    cdef double position[MAX_TIMES]
    cdef double velocity[MAX_TIMES]
    with nogil:
        for i in range(n):
            s = offset[i]
            last = offset[i + 1]
            k = 0
            while k < count and (s == last or times[k] < begin[s]):
                for axis in range(6):
                    out[k, axis, i] = NAN
                k += 1
            while k < count and times[k] <= stop[i]:
                while s + 1 < last and begin[s + 1] <= times[k]:
                    s += 1
                run = 0
                while (
                    k + run < count
                    and run < MAX_TIMES
                    and times[k + run] <= stop[i]
                    and (s + 1 == last or times[k + run] < begin[s + 1])
                ):
                    x[run] = (times[k + run] - mid[s]) * inv_half[s]
                    run += 1
                for axis in range(3):
                    _evaluate_run(
                        &coef[s, axis, 0], terms, x, run, inv_half[s], position, velocity
                    )
                    for q in range(run):
                        out[k + q, axis, i] = position[q]
                        out[k + q, axis + 3, i] = velocity[q]
                k += run
            while k < count:
                for axis in range(6):
                    out[k, axis, i] = NAN
                k += 1
