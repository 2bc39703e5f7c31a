# Mass of a 2-D Gaussian in its principal axes over a disk or a square: the integrals behind Pc.
#
# sx, sz, xm, zm, size in one unit; size = radius of the disk or half the side of the square (sides
# along the principal axes). Dimensionless inside: p = size/sx, u = size/sz, a = xm/sx, b = zm/sz.
# A module that uses them calls fill_rules() once. No libm but sqrt.
from libc.math cimport fabs, NAN, INFINITY

from _special cimport erfc_positive, exp_negative

cdef extern from * nogil:
    """
    /* Rules on the half circle: sin and weight * cos of the 2m nodes t_k = pi/2 - k pi/(2m + 1),
       k <= m (the other half mirrors them), and Gauss-Legendre nodes on [-1, 1], 64 and 8. */
    static double SIN16[8], COS16[8], SIN64[32], COS64[32];
    static double NODE[64], WEIGHT[64], NODE8[8], WEIGHT8[8];
    #define SQRT2 1.4142135623730951
    #define PI_ 3.141592653589793
    #define TAYLOR_REACH 0.16
    """
    double* SIN16
    double* COS16
    double* SIN64
    double* COS64
    double* NODE
    double* WEIGHT
    double* NODE8
    double* WEIGHT8
    const double SQRT2
    const double PI_
    const double TAYLOR_REACH

cdef inline void fill_rules() noexcept:
    fill_circle_rule(SIN16, COS16, 8)
    fill_circle_rule(SIN64, COS64, 32)
    fill_legendre_rule(NODE, WEIGHT, 64)
    fill_legendre_rule(NODE8, WEIGHT8, 8)


cdef inline double cosine(double x) noexcept:
    """cos(x), |x| <= pi, from its Taylor series: + and * only, the same bits on every machine."""
    cdef double term = 1.0, total = 1.0
    cdef int j
    for j in range(1, 18):
        term = -term * x * x / ((2 * j - 1) * (2 * j))
        total = total + term
    return total


cdef inline void fill_circle_rule(double* s, double* c, int half) noexcept:
    cdef int k
    cdef double angle
    for k in range(half):
        angle = (k + 1) * PI_ / (2 * half + 1)
        s[k] = cosine(angle)
        c[k] = cosine(0.5 * PI_ - angle)


cdef inline void fill_legendre_rule(double* x, double* w, int n) noexcept:
    """Gauss-Legendre rule: Newton's method on the three-term recurrence, from Tricomi's guess."""
    cdef int i, j, sweep
    cdef double z, p0, p1, p2, slope
    for i in range(n):
        z = cosine(PI_ * (i + 0.75) / (n + 0.5))
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


cdef inline double mass_row(
    bint square, double sx, double sz, double xm, double zm, double size
) noexcept nogil:
    """Mass over one disk or square; NaN if an input is NaN or negative."""
    cdef double u, p, a, b, reach, mass
    if not (sx >= 0.0 and sz >= 0.0 and xm >= 0.0 and zm >= 0.0 and size >= 0.0):
        return NAN
    if size == 0.0:
        return 0.0
    if size == INFINITY:
        return 1.0
    u = size / sz
    p = size / sx
    a = xm / sx
    b = zm / sz
    reach = u * (1.0 + b) + p * a
    if beyond(u, p, a, b):
        return 0.0
    if reach < TAYLOR_REACH:
        mass = square_taylor(u, p, a, b) if square else taylor_rule(u, p, a, b)
    else:
        mass = square_rule(u, p, a, b) if square else circle_wide(u, p, a, b)
    return mass if mass < 1.0 else 1.0  # rounding may end at 1 + 1e-16


cdef inline bint beyond(double u, double p, double a, double b) noexcept nogil:
    """Whether the area lies so far out that its mass is below the least double, e^-744."""
    cdef double x = a - p, z = b - u
    x = x if x > 0.0 else 0.0
    z = z if z > 0.0 else 0.0
    return x * x + z * z > 1500.0


cdef inline double circle_wide(double u, double p, double a, double b) noexcept nogil:
    """A disk too large for its Taylor series, by the cheapest rule that keeps 1e-12."""
    # The second bound is for disks far out in the tail, where the integrand is a sharp spike.
    if u < 1.0 and u * b + p * a < 12.0:
        return circle_rule(u, p, a, b, SIN16, COS16, 8)
    if u < 10.0:
        return circle_rule(u, p, a, b, SIN64, COS64, 32)
    return panel_rule(u, p, a, b)


cdef inline double square_taylor(double u, double p, double a, double b) noexcept nogil:
    """The square is small: (2p phi(a)) (2u phi(b)) times one series per axis.

    Int of phi over a +- w = 2 sum w^(2k+1)/(2k+1)! He_2k(a) phi(a), k <= 4; rest < 1e-14 within
    the bound of the disk's series.
    """
    cdef double series = axis_series(p * p, a * a) * axis_series(u * u, b * b)
    return (2.0 / PI_) * p * u * exp_negative(-0.5 * (a * a + b * b)) * series


cdef inline double axis_series(double w2, double a2) noexcept nogil:
    cdef double fourth = (((a2 - 28.0) * a2 + 210.0) * a2 - 420.0) * a2 + 105.0
    cdef double third = ((a2 - 15.0) * a2 + 45.0) * a2 - 15.0
    cdef double second = (a2 - 6.0) * a2 + 3.0
    return 1.0 + w2 * (
        (a2 - 1.0) / 6.0 + w2 * (second / 120.0 + w2 * (third / 5040.0 + w2 * fourth / 362880.0))
    )


cdef inline double square_rule(double u, double p, double a, double b) noexcept nogil:
    return interval_mass(a, p) * interval_mass(b, u)


cdef inline double interval_mass(double a, double w) noexcept nogil:
    """Mass of the unit normal over a - w .. a + w, a >= 0.

    Narrow: eight Gauss nodes (rest < 1e-13), as the difference of two erfc would lose digits.
    """
    cdef double[8] x
    cdef double total = 0.0, up, low
    cdef int k
    if w * (1.0 + a) < 0.75:
        for k in range(8):
            x[k] = a + w * NODE8[k]
            x[k] = exp_negative(-0.5 * x[k] * x[k])
        for k in range(8):
            total = total + WEIGHT8[k] * x[k]
        return w * total / 2.5066282746310002  # sqrt(2 pi)
    up = erfc_positive((a + w) / SQRT2)
    low = erfc_positive(fabs(a - w) / SQRT2)
    return 0.5 * ((low if a >= w else 2.0 - low) - up)


cdef inline double taylor_rule(double u, double p, double a, double b) noexcept nogil:
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
    cdef double[16] edge     # lower and upper end of eight strips, then their erfc
    cdef double[16] weight   # the two Gaussians of the strips at +t and -t
    cdef double total = 0.0, low, up
    cdef int k, first = 0
    while first < half:  # eight at a time: loops of a fixed length become SIMD code
        for k in range(8):
            edge[k] = (b - u * c[first + k]) / SQRT2
            edge[8 + k] = (b + u * c[first + k]) / SQRT2
            weight[k] = a + p * s[first + k]
            weight[8 + k] = a - p * s[first + k]
        for k in range(16):
            weight[k] = exp_negative(-0.5 * weight[k] * weight[k])
        for k in range(8):
            up = erfc_positive(edge[8 + k])
            low = erfc_positive(fabs(edge[k]))
            edge[k] = (low if edge[k] >= 0.0 else 2.0 - low) - up
        for k in range(8):
            total = total + (weight[k] + weight[8 + k]) * edge[k] * c[first + k]
        first += 8
    return total * p * (PI_ / (2 * half + 1)) / 5.0132565492620005  # sqrt(8 pi)


cdef inline double exponent(double u, double p, double a, double b, double h) noexcept nogil:
    """Least (Mahalanobis distance)^2 / 2 on the strip at z = R 2h/(1 + h^2) of the disk."""
    cdef double q = 1.0 / (1.0 + h * h)
    cdef double z = b - u * 2.0 * h * q
    cdef double x = a - p * (1.0 - h * h) * q
    if x < 0.0:
        x = 0.0
    return 0.5 * (z * z + x * x)


cdef inline double panel_rule(double u, double p, double a, double b) noexcept nogil:
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


cdef inline double edge_of(
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
