"""Conjunction by conjunction: projection on the encounter plane, Mahalanobis distance, Pc.

In the short time of an encounter the relative motion is a straight line along the relative
velocity v, so the probability that two spheres touch is the 2-D Gaussian mass over a disk in the
plane normal to v [Foster1992]. Two steps, each one pass over the rows:

    project             states (n, 6) km, km/s in one inertial frame; covariances (n, >= 6) km^2,
                        lower triangle of each object's own RTN; combined hard-body radius (n,) km;
                        responses (n, 3) km to an error of the forecast density, or (0, 3)
                        -> plane (16, n) and status (n,), see _plane.h
    circle_probability, square_probability, simpson_probability
                        sigma_x, sigma_z, miss_x, miss_z, size (n,) in one unit -> Pc (n,); size =
                        radius of the disk or half the side of the square

    plane  0 sigma_x >= sigma_z   1 sigma_z   2 miss_x >= 0   3 miss_z >= 0          km
           4 Mahalanobis distance as given   5 at the linear TCA   6 seconds to the linear TCA
           7, 8, 9 and 10, 11, 12   covariance xx, xz, zz of object 1 and of object 2 alone
           13, 14, 15   combined covariance of y, the axis along v, with x, with z, with itself

A row that cannot be assessed gets NaN. No allocation, no Python object, no libm but sqrt: a row's
bits depend neither on its neighbours nor on the processor.
"""
cimport cython

from libc.math cimport fabs, sqrt, NAN, INFINITY

from _mass cimport SQRT2, TAYLOR_REACH, fill_rules, mass_row, square_taylor, taylor_rule
from _special cimport erfc_positive, exp_negative

cdef extern from "_plane.h" nogil:
    enum: PLANE_COLUMNS
    void project_rows(
        Py_ssize_t n, const double* state1, const double* state2,
        const double* covariance1, Py_ssize_t stride1,
        const double* covariance2, Py_ssize_t stride2,
        const double* hbr, const double* response1, const double* response2,
        double* plane, signed char* status,
    )

#: Number of columns of `plane`.
COLUMNS = PLANE_COLUMNS

fill_rules()


def project(
    const double[:, ::1] state1,
    const double[:, ::1] state2,
    const double[:, ::1] covariance1,
    const double[:, ::1] covariance2,
    const double[::1] hbr,
    const double[:, ::1] response1,
    const double[:, ::1] response2,
    double[:, ::1] plane,
    signed char[::1] status,
):
    """Fill `plane` (16, n) and `status` (n,), see the top of this file; n > 0."""
    cdef Py_ssize_t n = state1.shape[0]
    cdef bint responses = response1.shape[0] > 0
    with nogil:
        project_rows(
            n, &state1[0, 0], &state2[0, 0],
            &covariance1[0, 0], covariance1.shape[1], &covariance2[0, 0], covariance2.shape[1],
            &hbr[0],
            &response1[0, 0] if responses else NULL, &response2[0, 0] if responses else NULL,
            &plane[0, 0], &status[0],
        )


def circle_probability(
    const double[::1] sigma_x,
    const double[::1] sigma_z,
    const double[::1] miss_x,
    const double[::1] miss_z,
    const double[::1] hbr,
    double[::1] probability,
):
    """Fill `probability` (n,) with the mass of a 2-D Gaussian over a disk of radius `hbr`."""
    if probability.shape[0]:
        with nogil:
            fill_mass(
                False, probability.shape[0], &sigma_x[0], &sigma_z[0], &miss_x[0], &miss_z[0],
                &hbr[0], &probability[0],
            )


def square_probability(
    const double[::1] sigma_x,
    const double[::1] sigma_z,
    const double[::1] miss_x,
    const double[::1] miss_z,
    const double[::1] half_side,
    double[::1] probability,
):
    """Fill `probability` (n,) with the mass over a square, sides along the principal axes."""
    if probability.shape[0]:
        with nogil:
            fill_mass(
                True, probability.shape[0], &sigma_x[0], &sigma_z[0], &miss_x[0], &miss_z[0],
                &half_side[0], &probability[0],
            )


def simpson_probability(
    const double[::1] sigma_x,
    const double[::1] sigma_z,
    const double[::1] miss_x,
    const double[::1] miss_z,
    const double[::1] hbr,
    double[::1] probability,
):
    """Fill `probability` (n,) with the disk's mass by Simpson's rule as [Alfano2005] sets it."""
    cdef Py_ssize_t k
    with nogil:
        for k in range(sigma_x.shape[0]):
            probability[k] = simpson_row(sigma_x[k], sigma_z[k], miss_x[k], miss_z[k], hbr[k])


cdef enum:
    CHUNK = 64
    FEWEST = 10      # pairs of Simpson's intervals, from the paper
    MOST = 10000     # ours: the paper's rule has no end where R / sigma_z grows


@cython.cdivision(True)  # a sigma of 0 is sorted out row by row
cdef void fill_mass(
    bint square, Py_ssize_t n, const double* sx, const double* sz, const double* xm,
    const double* zm, const double* size, double* mass,
) noexcept nogil:
    """Taylor's series for whole chunks, which the compiler makes SIMD code of; then the others."""
    cdef double[CHUNK] u
    cdef double[CHUNK] p
    cdef double[CHUNK] a
    cdef double[CHUNK] b
    cdef double[CHUNK] value
    cdef Py_ssize_t first = 0, k, count
    while first < n:
        count = CHUNK if n - first > CHUNK else n - first
        for k in range(count):
            u[k] = size[first + k] / sz[first + k]
            p[k] = size[first + k] / sx[first + k]
            a[k] = xm[first + k] / sx[first + k]
            b[k] = zm[first + k] / sz[first + k]
        for k in range(count, CHUNK):
            u[k] = p[k] = a[k] = b[k] = 0.0
        if square:
            for k in range(CHUNK):
                value[k] = square_taylor(u[k], p[k], a[k], b[k])
        else:
            for k in range(CHUNK):
                value[k] = taylor_rule(u[k], p[k], a[k], b[k])
        for k in range(count):
            # A negative input may hide in the products, so those go the long way too.
            if not (
                u[k] > 0.0 and p[k] > 0.0 and a[k] >= 0.0 and b[k] >= 0.0
                and u[k] * (1.0 + b[k]) + p[k] * a[k] < TAYLOR_REACH
            ):
                value[k] = mass_row(
                    square, sx[first + k], sz[first + k], xm[first + k], zm[first + k],
                    size[first + k],
                )
        for k in range(count):
            mass[first + k] = value[k]
        first += CHUNK


cdef double simpson_row(double sx, double sz, double xm, double zm, double hbr) noexcept nogil:
    """Strips across the minor axis, both halves of the disk at once, so x runs from -R to 0."""
    cdef double least, step, total
    cdef int i, m = FEWEST
    if not (sx >= 0.0 and sz >= 0.0 and xm >= 0.0 and zm >= 0.0 and hbr >= 0.0):
        return NAN
    if hbr == 0.0 or hbr > 1e100:
        return 0.0 if hbr == 0.0 else 1.0
    least = min(sz, sqrt(xm * xm + zm * zm))
    if 5.0 * hbr >= MOST * least:
        m = MOST
    elif 5.0 * hbr >= FEWEST * least:
        m = <int>(5.0 * hbr / least)
    step = hbr / (2 * m)
    # At x = -R the strip has no length and an infinite slope: the paper goes 0.015 steps inside,
    # with twice the end's weight.
    total = 2.0 * strip_pair(0.015 * step - hbr, sx, sz, xm, zm, hbr)
    total += strip_pair(0.0, sx, sz, xm, zm, hbr)
    for i in range(1, 2 * m):
        total += (4.0 if i % 2 else 2.0) * strip_pair(i * step - hbr, sx, sz, xm, zm, hbr)
    total = total * step / (3.0 * sz * 5.0132565492620005)  # sqrt(8 pi)
    return min(max(total, 0.0), 1.0)  # the rule itself may end 2e-9 above 1


cdef double strip_pair(
    double x, double sx, double sz, double xm, double zm, double hbr
) noexcept nogil:
    """Mass densities of the strips at +x and -x along the minor axis."""
    cdef double half = sqrt(hbr * hbr - x * x)
    cdef double near = (xm - half) / (sx * SQRT2), left = (zm - x) / sz, right = (zm + x) / sz
    cdef double inside = erfc_positive(fabs(near))
    if near < 0.0:
        inside = 2.0 - inside
    inside -= erfc_positive((xm + half) / (sx * SQRT2))
    return inside * (exp_negative(-0.5 * left * left) + exp_negative(-0.5 * right * right))
