"""Largest probability that an uncertain covariance allows, row by row: scale search and Frisbee.

    scale_search  how Pc changes when the combined covariance is scaled by S^2; its maximum over S
    frisbee       one object's covariance is replaced by the degenerate one that maximises Pc

Fed by the encounter plane (encounter_plane.pyx): sigma_x, sigma_z, miss_x, miss_z (n,); `size` is
the radius of the disk or half the side of the square; NaN in, NaN out. No libm but sqrt.
"""
cimport cython
from libc.math cimport fabs, sqrt, NAN, INFINITY

from _mass cimport TAYLOR_REACH, fill_rules, mass_row, square_taylor, taylor_rule
from _special cimport exp_negative, log10_of

fill_rules()

cdef double GOLDEN = 0.3819660112501051
# A sigma smaller than this part of the hard-body radius is raised to it [CARA, Fclip].
cdef double CLIP = 1e-4

# First and last spacing in ln S of the parabolas: together they end within 1e-6 of the top
# (the first alone would end 1e-4 off).
cdef double WIDTH = 0.02
cdef double NARROW = 0.0005

cdef double E_WIDTH = 1.0202013400267558  # e^WIDTH
cdef double E_NARROW = 1.0005001250208359

cdef enum:
    CHUNK = 64

cdef struct Chunk:
    double[CHUNK] u
    double[CHUNK] p
    double[CHUNK] a
    double[CHUNK] b

cdef struct Plane:
    bint square
    double sx
    double sz
    double xm
    double zm
    double size


def scale_search(
    bint square,
    const double[::1] sigma_x,
    const double[::1] sigma_z,
    const double[::1] miss_x,
    const double[::1] miss_z,
    const double[::1] size,
    double[::1] largest,
    double[::1] factor,
):
    """Fill `largest` (n,) with max over S of Pc(S sigma), `factor` (n,) with that S."""
    if sigma_x.shape[0]:
        with nogil:
            search_rows(
                square, sigma_x.shape[0], &sigma_x[0], &sigma_z[0], &miss_x[0], &miss_z[0],
                &size[0], &largest[0], &factor[0],
            )


def frisbee(
    bint square,
    const double[:, ::1] covariance1,
    const double[:, ::1] covariance2,
    const double[::1] miss_x,
    const double[::1] miss_z,
    const double[::1] size,
    const double[::1] hbr,
    double[::1] largest,
):
    """Fill `largest` (n,); covariances (3, n) xx, xz, zz of one object each, NaN when missing."""
    cdef Py_ssize_t k
    cdef int j
    cdef double[3] one
    cdef double[3] two
    with nogil:
        for k in range(miss_x.shape[0]):
            for j in range(3):
                one[j] = covariance1[j, k]
                two[j] = covariance2[j, k]
            largest[k] = frisbee_row(
                square, one, two, miss_x[k], miss_z[k], size[k], hbr[k]
            )


def log10_ratio(const double[::1] a, const double[::1] b, double[::1] out):
    """Fill `out` (n,) with log10(a/b), NaN unless both are positive and finite."""
    cdef Py_ssize_t k
    with nogil:
        for k in range(a.shape[0]):
            if 0.0 < a[k] < INFINITY and 0.0 < b[k] < INFINITY:
                out[k] = log10_of(a[k]) - log10_of(b[k])
            else:
                out[k] = NAN


@cython.cdivision(True)  # a sigma or a distance of 0 is sorted out row by row
cdef void search_rows(
    bint square, Py_ssize_t n, const double* sx, const double* sz, const double* xm,
    const double* zm, const double* size, double* largest, double* factor,
) noexcept nogil:
    """Whole chunks as small disks: two parabolas on the Taylor series, SIMD; then the others."""
    cdef Chunk c
    cdef double[CHUNK] inverse
    cdef double[CHUNK] now
    cdef double[CHUNK] low
    cdef double[CHUNK] mid
    cdef double[CHUNK] high
    cdef double[CHUNK] first_top
    cdef double[CHUNK] shift
    cdef double[CHUNK] reach
    cdef Plane plane
    cdef Py_ssize_t first = 0, k, count
    cdef double i
    while first < n:
        count = CHUNK if n - first > CHUNK else n - first
        for k in range(count):
            c.u[k] = size[first + k] / sz[first + k]
            c.p[k] = size[first + k] / sx[first + k]
            c.a[k] = xm[first + k] / sx[first + k]
            c.b[k] = zm[first + k] / sz[first + k]
        for k in range(count, CHUNK):
            c.u[k] = c.p[k] = c.a[k] = c.b[k] = 1.0
        for k in range(CHUNK):
            inverse[k] = 1.0
        evaluate(square, &c, inverse, 1.0, now)
        for k in range(CHUNK):
            i = 1.0 / sqrt(0.5 * (c.a[k] * c.a[k] + c.b[k] * c.b[k]))
            inverse[k] = i
            i = i * (E_WIDTH * E_WIDTH)  # the smallest factor below has the largest reach
            reach[k] = i * c.u[k] * (1.0 + i * c.b[k]) + i * c.p[k] * (i * c.a[k])
        evaluate(square, &c, inverse, E_WIDTH, low)
        evaluate(square, &c, inverse, 1.0, mid)
        evaluate(square, &c, inverse, 1.0 / E_WIDTH, high)
        for k in range(CHUNK):
            shift[k] = 0.5 * WIDTH * (high[k] - low[k]) / (2.0 * mid[k] - low[k] - high[k])
            first_top[k] = shift[k]
            # exp(-shift), |shift| < WIDTH
            inverse[k] = inverse[k] * (exp_negative(-(shift[k] + WIDTH)) * E_WIDTH)
        evaluate(square, &c, inverse, E_NARROW, low)
        evaluate(square, &c, inverse, 1.0, mid)
        evaluate(square, &c, inverse, 1.0 / E_NARROW, high)
        for k in range(CHUNK):
            shift[k] = 0.5 * NARROW * (high[k] - low[k]) / (2.0 * mid[k] - low[k] - high[k])
            inverse[k] = inverse[k] * (exp_negative(-(shift[k] + NARROW)) * E_NARROW)
        evaluate(square, &c, inverse, 1.0, mid)
        for k in range(count):
            plane.square = square
            plane.sx = sx[first + k]
            plane.sz = sz[first + k]
            plane.xm = xm[first + k]
            plane.zm = zm[first + k]
            plane.size = size[first + k]
            if (
                reach[k] < TAYLOR_REACH and c.u[k] > 0.0 and c.p[k] > 0.0
                and c.a[k] >= 0.0 and c.b[k] >= 0.0
                and fabs(first_top[k]) < WIDTH and fabs(shift[k]) < NARROW and mid[k] > 0.0
            ):
                if c.u[k] * (1.0 + c.b[k]) + c.p[k] * c.a[k] >= TAYLOR_REACH:
                    now[k] = scaled(&plane, 1.0, 0.0)
                largest[first + k] = mid[k] if mid[k] > now[k] else now[k]
                factor[first + k] = 1.0 / inverse[k] if mid[k] > now[k] else 1.0
            else:
                largest[first + k] = search_row(&plane, &factor[first + k])
        first += CHUNK


cdef void evaluate(
    bint square, const Chunk* c, const double* inverse, double times, double* mass
) noexcept nogil:
    """Taylor series of a chunk, all sigmas divided by inverse * times."""
    cdef int k
    cdef double i
    if square:
        for k in range(CHUNK):
            i = inverse[k] * times
            mass[k] = square_taylor(i * c.u[k], i * c.p[k], i * c.a[k], i * c.b[k])
    else:
        for k in range(CHUNK):
            i = inverse[k] * times
            mass[k] = taylor_rule(i * c.u[k], i * c.p[k], i * c.a[k], i * c.b[k])


cdef double scaled(const Plane* plane, double start, double x) noexcept nogil:
    """Pc with all sigmas times start e^x."""
    cdef double factor = start * (exp_negative(x) if x <= 0.0 else 1.0 / exp_negative(-x))
    return mass_row(
        plane.square, plane.sx * factor, plane.sz * factor, plane.xm, plane.zm, plane.size
    )


cdef double search_row(const Plane* p, double* factor) noexcept nogil:
    """Maximum in x = ln S, from where a small disk has it, by steps, golden section, parabolas.

    A small disk has Pc ~ S^-2 exp(-M^2 / 2 S^2), M = 2-D Mahalanobis distance: S = M / sqrt 2. An
    area that holds the origin has Pc -> 1 as S -> 0; with the origin on its edge, 1/2 (a corner:
    1/4), which nothing exceeds. Off by dx, a parabola's top is below the maximum by about 2 dx^2.
    """
    cdef double now = scaled(p, 1.0, 0.0), start, step = WIDTH, low, high, x = 0.0
    cdef double low_y, y, high_y, a, b, shift
    cdef int k, edges
    factor[0] = NAN
    if now != now or p.size == 0.0 or not (p.sx > 0.0 and p.sz > 0.0):
        return now
    factor[0] = 0.0
    if p.square:
        edges = (p.xm == p.size) + (p.zm == p.size)
        if p.xm <= p.size and p.zm <= p.size:
            return 1.0 if edges == 0 else 0.5 if edges == 1 else 0.25
    else:
        a = sqrt(p.xm * p.xm + p.zm * p.zm)
        if a <= p.size:
            return 1.0 if a < p.size or p.size == INFINITY else 0.5
    a = p.xm / p.sx
    b = p.zm / p.sz
    start = sqrt(0.5 * (a * a + b * b))
    y = scaled(p, start, 0.0)
    if now > y:
        start = 1.0
        y = now
    low = -step
    high = step
    low_y = scaled(p, start, low)
    high_y = scaled(p, start, high)
    for k in range(60):  # until the middle one is the highest
        step = 2.0 * step
        if high_y > y and high_y >= low_y:
            low = x
            low_y = y
            x = high
            y = high_y
            high = x + step
            high_y = scaled(p, start, high)
        elif low_y > y:
            high = x
            high_y = y
            x = low
            y = low_y
            low = x - step
            low_y = scaled(p, start, low)
        else:
            break
    for k in range(60):
        if high - low <= 2.5 * WIDTH:
            break
        if high - x > x - low:
            a = x + GOLDEN * (high - x)
            b = scaled(p, start, a)
            if b > y:
                low = x
                x = a
                y = b
            else:
                high = a
        else:
            a = x - GOLDEN * (x - low)
            b = scaled(p, start, a)
            if b > y:
                high = x
                x = a
                y = b
            else:
                low = a
    step = WIDTH
    for k in range(6):
        low_y = scaled(p, start, x - step)
        high_y = scaled(p, start, x + step)
        a = 2.0 * y - low_y - high_y
        if not a > 0.0:
            break
        shift = 0.5 * step * (high_y - low_y) / a
        shift = min(max(shift, -step), step)
        b = scaled(p, start, x + shift)
        if b > y:
            y = b
            x = x + shift
        if step == NARROW and fabs(shift) < step:
            break
        step = NARROW
    if now >= y:
        factor[0] = 1.0
        return now
    factor[0] = start * (exp_negative(x) if x <= 0.0 else 1.0 / exp_negative(-x))
    return y


cdef double frisbee_row(
    bint square, double* one, double* two, double xm, double zm, double size, double hbr
) noexcept nogil:
    """Frisbee's maximum with CARA's rule for two known covariances.

    K^2 = m' C^-1 m of each object alone, m the miss. The covariance with the smaller K is taken as
    unknown; if the larger K is below 1 both are kept. One missing, or one without positive
    variances beside a good one: the other is kept. With K > 1 the degenerate covariance
    |m|^2 (K^2 - 1)/K^2 along m makes the total Mahalanobis distance 1.
    """
    cdef double[3] total
    cdef double first, second, k2, floor = 0.0, along
    cdef bint sound1, sound2, both
    cdef int j
    if hbr < 1e100:  # beyond, as good as infinite (_plane.h)
        floor = CLIP * hbr * CLIP * hbr
    for j in range(3):
        total[j] = one[j] + two[j]
    first = raised(one, xm, zm, floor, &sound1)
    second = raised(two, xm, zm, floor, &sound2)
    both = first == first and second == second
    if both and sound1 != sound2:
        both = False
        if sound1:
            second = NAN
        else:
            first = NAN
    k2 = first if first == first and not second > first else second
    if both and not k2 > 1.0:
        return ellipse_mass(square, total, xm, zm, size, floor)
    if k2 != k2:
        return NAN
    for j in range(3):
        total[j] = one[j] if k2 == first else two[j]
    if k2 > 1.0:
        # |m|^2 u u' = m m'
        along = (k2 - 1.0) / k2
        total[0] = total[0] + along * xm * xm
        total[1] = total[1] + along * xm * zm
        total[2] = total[2] + along * zm * zm
    return ellipse_mass(square, total, xm, zm, size, floor)


cdef double raised(double* c, double xm, double zm, double floor, bint* sound) noexcept nogil:
    """K^2 of one object's covariance, its variances raised to `floor` first; NaN when unusable.

    `sound`: both variances were positive before.
    """
    cdef double large, small, x, z, along, across
    sound[0] = False
    if not principal(c, &large, &small, &x, &z):
        return NAN
    sound[0] = small > 0.0
    if small < floor or large < floor:
        small = floor if small < floor else small
        large = floor if large < floor else large
        c[0] = large * x * x + small * z * z
        c[1] = (large - small) * x * z
        c[2] = large * z * z + small * x * x
    if not small > 0.0:
        return NAN
    along = xm * x + zm * z
    across = zm * x - xm * z
    return along * along / large + across * across / small


cdef double ellipse_mass(
    bint square, const double* c, double xm, double zm, double size, double floor
) noexcept nogil:
    cdef double large, small, x, z
    if not principal(c, &large, &small, &x, &z):
        return NAN
    small = floor if small < floor else small
    large = floor if large < floor else large
    return mass_row(
        square, sqrt(large), sqrt(small), fabs(xm * x + zm * z), fabs(zm * x - xm * z), size
    )


cdef bint principal(
    const double* c, double* large, double* small, double* x, double* z
) noexcept nogil:
    """Eigenvalues of [[c0, c1], [c1, c2]], unit vector (x, z) of the larger; False if negative.

    The smaller one is determinant / larger one: their difference would lose it.
    """
    cdef double half = 0.5 * (c[0] - c[2])
    cdef double root = sqrt(half * half + c[1] * c[1])
    cdef double norm
    large[0] = 0.5 * (c[0] + c[2]) + root
    if not large[0] > 0.0:
        return False
    small[0] = (c[0] * c[2] - c[1] * c[1]) / large[0]
    x[0] = half + root if half >= 0.0 else c[1]
    z[0] = c[1] if half >= 0.0 else root - half
    norm = sqrt(x[0] * x[0] + z[0] * z[0])
    if norm > 0.0:
        x[0] = x[0] / norm
        z[0] = z[0] / norm
    else:
        x[0] = 1.0
        z[0] = 0.0
    return True
