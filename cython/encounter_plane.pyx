"""Conjunction by conjunction: projection on the encounter plane, Mahalanobis distance, circle Pc.

In the short time of an encounter the relative motion is a straight line along the relative
velocity v, so the probability that two spheres touch is the 2-D Gaussian mass over a disk in the
plane normal to v [Foster1992]. Two steps, each one pass over the rows:

    project             states (n, 6) km, km/s in one inertial frame; covariances (n, >= 6) km^2,
                        lower triangle of each object's own RTN; combined hard-body radius (n,) km;
                        responses (n, 3) km to an error of the forecast density, or (0, 3)
                        -> plane (16, n) and status (n,), see _plane.h
    circle_probability  sigma_x, sigma_z, miss_x, miss_z, radius (n,) in one unit -> Pc (n,)

    plane  0 sigma_x >= sigma_z   1 sigma_z   2 miss_x >= 0   3 miss_z >= 0          km
           4 Mahalanobis distance as given   5 at the linear TCA   6 seconds to the linear TCA
           7, 8, 9 and 10, 11, 12   covariance xx, xz, zz of object 1 and of object 2 alone
           13, 14, 15   combined covariance of y, the axis along v, with x, with z, with itself

A row that cannot be assessed gets NaN. No allocation, no Python object, no libm but sqrt: a row's
bits depend neither on its neighbours nor on the processor.
"""
from libc.math cimport fabs, sqrt, NAN, INFINITY

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

COLUMNS = PLANE_COLUMNS

cdef double SQRT2 = 1.4142135623730951
cdef double PI = 3.141592653589793

# Rules on the half circle: sin and weight * cos of the 2m nodes t_k = pi/2 - k pi/(2m + 1), k <= m
# (the other half mirrors them), and Gauss-Legendre nodes on [-1, 1].
cdef double[8] SIN16
cdef double[8] COS16
cdef double[32] SIN64
cdef double[32] COS64
cdef double[64] NODE
cdef double[64] WEIGHT


cdef double cosine(double x) noexcept:
    """cos(x), |x| <= pi, from its Taylor series: + and * only, the same bits on every machine."""
    cdef double term = 1.0, total = 1.0
    cdef int j
    for j in range(1, 18):
        term = -term * x * x / ((2 * j - 1) * (2 * j))
        total = total + term
    return total


cdef void fill_circle_rule(double* s, double* c, int half) noexcept:
    cdef int k
    cdef double angle
    for k in range(half):
        angle = (k + 1) * PI / (2 * half + 1)
        s[k] = cosine(angle)
        c[k] = cosine(0.5 * PI - angle)


cdef void fill_legendre_rule(double* x, double* w, int n) noexcept:
    """Gauss-Legendre rule: Newton's method on the three-term recurrence, from Tricomi's guess."""
    cdef int i, j, sweep
    cdef double z, p0, p1, p2, slope
    for i in range(n):
        z = cosine(PI * (i + 0.75) / (n + 0.5))
        for sweep in range(8):
            p0 = 1.0
            p1 = z
            for j in range(2, n + 1):
                p2 = ((2 * j - 1) * z * p1 - (j - 1) * p0) / j
                p0 = p1
                p1 = p2
            slope = n * (z * p1 - p0) / (z * z - 1.0)
            z = z - p1 / slope
        x[i] = z
        w[i] = 2.0 / ((1.0 - z * z) * slope * slope)


fill_circle_rule(SIN16, COS16, 8)
fill_circle_rule(SIN64, COS64, 32)
fill_legendre_rule(NODE, WEIGHT, 64)


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
    cdef Py_ssize_t k, n = sigma_x.shape[0]
    with nogil:
        for k in range(n):
            probability[k] = circle_row(sigma_x[k], sigma_z[k], miss_x[k], miss_z[k], hbr[k])


cdef double circle_row(double sx, double sz, double xm, double zm, double hbr) noexcept nogil:
    """Pc of one row by the cheapest rule that keeps 1e-12; NaN if an input is NaN or negative."""
    cdef double u, p, a, b, pc
    if not (sx >= 0.0 and sz >= 0.0 and xm >= 0.0 and zm >= 0.0 and hbr >= 0.0):
        return NAN
    if hbr == 0.0:
        return 0.0
    if hbr == INFINITY:
        return 1.0
    u = hbr / sz
    p = hbr / sx
    a = xm / sx
    b = zm / sz
    if u * (1.0 + b) + p * a < 0.16:
        pc = taylor_rule(u, p, a, b)
    # The second bound is for disks far out in the tail, where the integrand is a sharp spike.
    elif u < 1.0 and u * b + p * a < 12.0:
        pc = circle_rule(u, p, a, b, SIN16, COS16, 8)
    elif u < 10.0:
        pc = circle_rule(u, p, a, b, SIN64, COS64, 32)
    else:
        pc = panel_rule(u, p, a, b)
    return pc if pc < 1.0 else 1.0  # rounding may end at 1 + 1e-16


cdef double taylor_rule(double u, double p, double a, double b) noexcept nogil:
    """The disk is small: pi R^2 sum of (R/2)^2k Laplacian^k f / (k! (k+1)!), k <= 4.

    Taken at its centre; the derivatives of a Gaussian f are Hermite polynomials. The rest is
    < 2e-13 for u (1 + b) + p a < 0.16.
    """
    cdef double a2 = a * a, b2 = b * b
    cdef double p2 = 0.25 * p * p, u2 = 0.25 * u * u
    cdef double x1 = p2 * (a2 - 1.0)
    cdef double z1 = u2 * (b2 - 1.0)
    cdef double x2 = p2 * p2 * ((a2 - 6.0) * a2 + 3.0)
    cdef double z2 = u2 * u2 * ((b2 - 6.0) * b2 + 3.0)
    cdef double x3 = p2 * p2 * p2 * (((a2 - 15.0) * a2 + 45.0) * a2 - 15.0)
    cdef double z3 = u2 * u2 * u2 * (((b2 - 15.0) * b2 + 45.0) * b2 - 15.0)
    cdef double x4 = p2 * p2 * p2 * p2 * ((((a2 - 28.0) * a2 + 210.0) * a2 - 420.0) * a2 + 105.0)
    cdef double z4 = u2 * u2 * u2 * u2 * ((((b2 - 28.0) * b2 + 210.0) * b2 - 420.0) * b2 + 105.0)
    cdef double first = x1 + z1
    cdef double second = x2 + 2.0 * x1 * z1 + z2
    cdef double third = x3 + 3.0 * (x2 * z1 + x1 * z2) + z3
    cdef double fourth = x4 + 4.0 * (x3 * z1 + x1 * z3) + 6.0 * x2 * z2 + z4
    cdef double series = 1.0 + first / 2.0 + second / 12.0 + third / 144.0 + fourth / 2880.0
    return 0.5 * p * u * exp_negative(-0.5 * (a2 + b2)) * series


cdef inline double circle_rule(
    double u, double p, double a, double b, const double* s, const double* c, int half
) noexcept nogil:
    """Strip by strip along x [Alfano2005, eq. 5], in the angle t where the rule converges fast.

    Pc = R/(sx sqrt(8 pi)) int exp(-(xm + R sin t)^2/2sx^2) [erf] cos t dt, -pi/2 < t < pi/2, the
    bracket the difference of two erf; formed from erfc, because in the tails 1 - 1 would be left.
    """
    cdef double[64] edge     # lower and upper end of each strip, then their erfc
    cdef double[64] weight   # the two Gaussians of the strips at +t and -t
    cdef double total = 0.0, low, up, strip
    cdef int k
    for k in range(half):
        edge[k] = (b - u * c[k]) / SQRT2
        edge[half + k] = (b + u * c[k]) / SQRT2
        weight[k] = a + p * s[k]
        weight[half + k] = a - p * s[k]
    for k in range(2 * half):
        weight[k] = exp_negative(-0.5 * weight[k] * weight[k])
    for k in range(half):
        up = erfc_positive(edge[half + k])
        low = erfc_positive(fabs(edge[k]))
        edge[k] = (low if edge[k] >= 0.0 else 2.0 - low) - up
    for k in range(half):
        strip = (weight[k] + weight[half + k]) * edge[k] * c[k]
        total = total + strip
    return total * p * (PI / (2 * half + 1)) / 5.0132565492620005  # sqrt(8 pi)


cdef double exponent(double u, double p, double a, double b, double h) noexcept nogil:
    """Least (Mahalanobis distance)^2 / 2 on the strip at z = R 2h/(1 + h^2) of the disk."""
    cdef double q = 1.0 / (1.0 + h * h)
    cdef double z = b - u * 2.0 * h * q
    cdef double x = a - p * (1.0 - h * h) * q
    if x < 0.0:
        x = 0.0
    return 0.5 * (z * z + x * x)


cdef double panel_rule(double u, double p, double a, double b) noexcept nogil:
    """The disk is wide against sigma_z: strips along z, and only where the integrand lives.

    h = tan(t/2) as variable: z = R 2h/(1 + h^2), half chord R (1 - h^2)/(1 + h^2), no sine needed.
    The least exponent over a strip is convex in z, so it has one minimum; found by golden section,
    its neighbourhood within 38 (e^-38 = 3e-17) by bisection.
    """
    cdef double low = -1.0, high = 1.0, left, right, fl, fr, limit, best
    cdef double first, last, centre, radius, h, q, x, z, lo, up, total = 0.0
    cdef int k
    left = high - 0.6180339887498949 * (high - low)
    right = low + 0.6180339887498949 * (high - low)
    fl = exponent(u, p, a, b, left)
    fr = exponent(u, p, a, b, right)
    for k in range(60):
        if fl < fr:
            high = right
            right = left
            fr = fl
            left = high - 0.6180339887498949 * (high - low)
            fl = exponent(u, p, a, b, left)
        else:
            low = left
            left = right
            fl = fr
            right = low + 0.6180339887498949 * (high - low)
            fr = exponent(u, p, a, b, right)
    best = 0.5 * (low + high)
    limit = exponent(u, p, a, b, best) + 38.0
    first = edge_of(u, p, a, b, best, -1.0, limit)
    last = edge_of(u, p, a, b, best, 1.0, limit)
    centre = 0.5 * (first + last)
    radius = 0.5 * (last - first)
    for k in range(64):
        h = centre + radius * NODE[k]
        q = 1.0 / (1.0 + h * h)
        x = p * (1.0 - h * h) * q
        z = b - u * 2.0 * h * q
        lo = (a - x) / SQRT2
        up = erfc_positive((a + x) / SQRT2)
        up = (erfc_positive(lo) if lo >= 0.0 else 2.0 - erfc_positive(-lo)) - up
        total = total + WEIGHT[k] * (1.0 - h * h) * q * q * exp_negative(-0.5 * z * z) * up
    return total * radius * u / 2.5066282746310002  # sqrt(2 pi)


cdef double edge_of(
    double u, double p, double a, double b, double inside, double outside, double limit
) noexcept nogil:
    """Where the exponent reaches `limit` from `inside` on; `outside` if it does not before."""
    cdef double middle
    cdef int k
    if exponent(u, p, a, b, outside) <= limit:
        return outside
    for k in range(50):
        middle = 0.5 * (inside + outside)
        if exponent(u, p, a, b, middle) <= limit:
            inside = middle
        else:
            outside = middle
    return outside
