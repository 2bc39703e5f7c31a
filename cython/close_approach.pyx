"""Minima of the distance of candidate pairs within one step, found on the polynomials.

Fed by neighbours.pyx (candidate pairs) and nodes.pyx (states at the step's start, middle, end);
its minima go to tracss_hpc/screening/refine.py, which solves each again on the true trajectory.

f(t) = dr . dv (half the rate of the squared distance) falls through zero upwards at a minimum.
Filters on a pair, each provably without loss:

chord        dr(t) = dr(m) + (t - m) dv(m) + e, |e| <= a h^2 / 2, a >= the relative acceleration.
             Two-body accelerations differ by at most 2 mu / q^3 |dr|, q the least distance from
             the Earth's centre on the line between the objects (mean value theorem), the rest by
             2 x perturbation. If the chord stays farther away than D + a h^2 / 2, so do they.
range_rate   f' = |dv|^2 + dr . dv' >= |dv|^2 - |dr| a. Where that is positive throughout the step
             f rises monotonically, and without a change of sign from the step's start to its end
             there is no minimum inside.

Where f is not provably monotonic (slow pairs), roots are isolated by halving: an interval whose
end values have one sign and both exceed F h^2 / 8, F >= |f''|, has no root; F from |dv|, a and a
bound on the relative jerk, 6 mu |v| |dr| / q^4 + 2 mu |dv| / q^3 + perturbation x 2 n. Intervals
shorter than 1 s with ends of one sign are given up: the dip of the distance they could hide is
below F (1 s)^3 / (12 |dr|), under 0.2 mm for volumes up to 100 km.

Arrays: pairs (m, 2) int32; state_a, state_m, state_b (6, n); r_low (n,); rho (n,); kept (m,) int32.
The ephemeris arrays are those of nodes.pyx. Units: km, km/s, s.
"""

from libc.math cimport fabs, fmax, fmin, sqrt
from libc.stdint cimport int32_t, int64_t

from _poly cimport clenshaw, segment_of

cdef enum:
    MAX_DEPTH = 8


cdef inline double _dot(const double* a, const double* b) noexcept nogil:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def filter_pairs(
    const int32_t[:, ::1] pairs,
    Py_ssize_t count,
    const double[:, ::1] state_a,
    const double[:, ::1] state_m,
    const double[:, ::1] state_b,
    const double[::1] r_low,
    const double[::1] rho,
    double half_step,
    double mu,
    double perturbation,
    int32_t[::1] kept,
    int64_t[::1] passed,
    bint chord=True,
    bint range_rate=True,
):
    """Row numbers of `pairs` that pass chord and range_rate go to `kept`; returns how many.

    `passed` (2,) is increased by the number that passed the chord test and both tests.
    """
    cdef Py_ssize_t p, q, found = 0
    cdef int32_t i, j
    cdef double dr[3], dv[3], ra[3], va[3], rb[3], vb[3]
    cdef double distance2, v2, d, reach, low, least2, acceleration, tau, nearest2, fa, fb, far
    cdef double h = half_step, speed
    with nogil:
        for p in range(count):
            i = pairs[p, 0]
            j = pairs[p, 1]
            for q in range(3):
                dr[q] = state_m[q, j] - state_m[q, i]
                dv[q] = state_m[q + 3, j] - state_m[q + 3, i]
            distance2 = _dot(dr, dr)
            v2 = _dot(dv, dv)
            speed = sqrt(v2)
            d = fmax(rho[i], rho[j])
            # Bound of the distance in the step; 1 km/s allows for the change of the velocity.
            far = sqrt(distance2) + (speed + 1.0) * h
            low = fmin(r_low[i], r_low[j])
            least2 = low * low - 0.25 * far * far
            if least2 < 0.25 * low * low:
                least2 = 0.25 * low * low
            acceleration = 2.0 * mu / (least2 * sqrt(least2)) * far + 2.0 * perturbation
            if chord:
                tau = 0.0
                if v2 > 0.0:
                    tau = fmin(h, fmax(-h, -_dot(dr, dv) / v2))
                for q in range(3):
                    ra[q] = dr[q] + tau * dv[q]
                nearest2 = _dot(ra, ra)
                reach = d + 0.5 * acceleration * h * h + 1e-3
                if nearest2 > reach * reach:
                    continue
            passed[0] += 1
            if range_rate:
                speed = speed - acceleration * h
                if speed > 0.0 and speed * speed > far * acceleration:
                    for q in range(3):
                        ra[q] = state_a[q, j] - state_a[q, i]
                        va[q] = state_a[q + 3, j] - state_a[q + 3, i]
                        rb[q] = state_b[q, j] - state_b[q, i]
                        vb[q] = state_b[q + 3, j] - state_b[q + 3, i]
                    fa = _dot(ra, va)
                    fb = _dot(rb, vb)
                    # The tolerance covers rounding: find_minima decides on equal terms.
                    if fa > 1e-6 or fb < -1e-6:
                        continue
            passed[1] += 1
            kept[found] = <int32_t>p
            found += 1
    return found




cdef struct Nodes:
    const double* begin
    const double* mid
    const double* inv_half
    const double* coef
    Py_ssize_t terms


cdef inline double _relative(
    Nodes* e, int64_t i0, int64_t i1, int64_t j0, int64_t j1, double t, double* dr, double* dv,
    double* state_i, double* state_j,
) noexcept nogil:
    """States of both objects at t, their difference, and f = dr . dv."""
    cdef int64_t s = segment_of(e.begin, i0, i1, t)
    cdef Py_ssize_t q
    clenshaw(
        e.coef + s * 3 * e.terms, e.terms, (t - e.mid[s]) * e.inv_half[s], e.inv_half[s],
        state_i, state_i + 3,
    )
    s = segment_of(e.begin, j0, j1, t)
    clenshaw(
        e.coef + s * 3 * e.terms, e.terms, (t - e.mid[s]) * e.inv_half[s], e.inv_half[s],
        state_j, state_j + 3,
    )
    for q in range(3):
        dr[q] = state_j[q] - state_i[q]
        dv[q] = state_j[q + 3] - state_i[q + 3]
    return _dot(dr, dv)


cdef inline double _root(
    Nodes* e, int64_t i0, int64_t i1, int64_t j0, int64_t j1,
    double a, double fa, double b, double fb,
) noexcept nogil:
    """Root of f in [a, b], fa < 0 <= fb, by regula falsi (Illinois) to 1 us."""
    cdef double dr[3], dv[3], si[6], sj[6], t = a, f, last = a
    cdef int side = 0, k
    for k in range(60):
        t = a - fa * (b - a) / (fb - fa)
        if not (t > a and t < b):
            t = 0.5 * (a + b)
        f = _relative(e, i0, i1, j0, j1, t, dr, dv, si, sj)
        if fabs(t - last) < 1e-7 or b - a < 1e-7:
            return t
        last = t
        if f < 0.0:
            a = t
            fa = f
            if side == -1:
                fb = 0.5 * fb
            side = -1
        else:
            b = t
            fb = f
            if side == 1:
                fa = 0.5 * fa
            side = 1
    return t


cdef inline bint _inside(
    const double* own, const double* d, double sign, const double* half, bint box, double extra
) noexcept nogil:
    """Whether the other object (own + sign d) lies in the own volume widened by `extra`."""
    cdef double n[3], t[3], radius, w, r, along, across
    n[0] = own[1] * own[5] - own[2] * own[4]
    n[1] = own[2] * own[3] - own[0] * own[5]
    n[2] = own[0] * own[4] - own[1] * own[3]
    radius = sqrt(_dot(own, own))
    w = sqrt(_dot(n, n))
    t[0] = (n[1] * own[2] - n[2] * own[1]) / (w * radius)
    t[1] = (n[2] * own[0] - n[0] * own[2]) / (w * radius)
    t[2] = (n[0] * own[1] - n[1] * own[0]) / (w * radius)
    r = sign * _dot(own, d) / radius
    along = sign * _dot(t, d)
    across = sign * _dot(n, d) / w
    if box:
        return (
            fabs(r) <= half[0] + extra
            and fabs(along) <= half[1] + extra
            and fabs(across) <= half[2] + extra
        )
    r = r / (half[0] + extra)
    along = along / (half[1] + extra)
    across = across / (half[2] + extra)
    return r * r + along * along + across * across <= 1.0


def find_minima(
    const int32_t[:, ::1] pairs,
    const int32_t[::1] chosen,
    double a,
    double b,
    const int64_t[::1] offset,
    const double[::1] begin,
    const double[::1] mid,
    const double[::1] inv_half,
    const double[:, :, ::1] coef,
    const double[:, ::1] half_size,
    const double[::1] rho,
    bint box,
    double mu,
    double perturbation,
    int32_t[:, ::1] found_pair,
    double[::1] found_time,
    bint volume_prefilter=True,
):
    """Minima in [a, b) of the pairs `chosen` (rows of `pairs`) that may lie in a volume.

    `half_size` (n, 3) and `rho` (n,) describe each object's volume (rho = -inf: cannot catch).
    A minimum is kept when the other object lies within a catching object's volume widened by 20 m
    plus the angle that 20 m/s make of the speed: the polynomial's velocity, not SGP4's, turns the
    axes here, and they differ by up to 7.5 m/s. Returns the number found; when it exceeds the room
    in `found_pair`, call again with more.
    """
    cdef Nodes e
    cdef Py_ssize_t p, found = 0, q, top
    cdef int32_t i, j
    cdef double stack_a[MAX_DEPTH + 2], stack_b[MAX_DEPTH + 2]
    cdef double stack_fa[MAX_DEPTH + 2], stack_fb[MAX_DEPTH + 2]
    cdef double dr[3], dv[3], si[6], sj[6]
    cdef double left, right, fl, fr, m, fm, bound, h, far, speed, low, q2, acceleration, jerk, d
    cdef double t, distance, extra, speed_i, speed_j
    cdef bint keep
    if b - a > 240.0:
        raise ValueError(f"step of {b - a} s; the search of minima takes at most 240 s")
    if coef.shape[0] == 0:
        return 0
    e.begin = &begin[0]
    e.mid = &mid[0]
    e.inv_half = &inv_half[0]
    e.coef = &coef[0, 0, 0]
    e.terms = coef.shape[2]
    with nogil:
        for p in range(chosen.shape[0]):
            i = pairs[chosen[p], 0]
            j = pairs[chosen[p], 1]
            d = fmax(rho[i], rho[j])
            if d < 0.0:
                continue
            h = 0.5 * (b - a)
            fm = _relative(&e, offset[i], offset[i + 1], offset[j], offset[j + 1],
                           0.5 * (a + b), dr, dv, si, sj)
            speed = sqrt(_dot(dv, dv))
            distance = sqrt(_dot(dr, dr))
            far = distance + (speed + 1.0) * h
            # Farther than the circular speed at the surface could close: no minimum in reach.
            if distance > d + 25.0 * h:
                continue
            low = sqrt(fmin(_dot(si, si), _dot(sj, sj))) - 12.0 * h
            q2 = low * low - 0.25 * far * far
            if q2 < 0.25 * low * low:
                q2 = 0.25 * low * low
            acceleration = 2.0 * mu / (q2 * sqrt(q2)) * far + 2.0 * perturbation
            speed = speed + acceleration * h
            speed_i = sqrt(_dot(si + 3, si + 3)) + 0.01 * h
            jerk = (
                6.0 * mu / (q2 * q2) * speed_i * far
                + 2.0 * mu / (q2 * sqrt(q2)) * speed
                + 4.0 * perturbation * speed_i / sqrt(q2)
            )
            bound = 3.0 * speed * acceleration + far * jerk  # of |f''|
            stack_a[0] = a
            stack_b[0] = b
            stack_fa[0] = _relative(&e, offset[i], offset[i + 1], offset[j], offset[j + 1],
                                    a, dr, dv, si, sj)
            stack_fb[0] = _relative(&e, offset[i], offset[i + 1], offset[j], offset[j + 1],
                                    b, dr, dv, si, sj)
            top = 1
            while top > 0:
                top -= 1
                left = stack_a[top]
                right = stack_b[top]
                fl = stack_fa[top]
                fr = stack_fb[top]
                h = right - left
                if (fl < 0.0) == (fr < 0.0):
                    if h < 1.0 or fmin(fabs(fl), fabs(fr)) > bound * h * h / 8.0:
                        continue
                elif h < 1.0 or fabs(fr - fl) / h > bound * h:
                    # f' cannot vanish in the interval: one root, a minimum when f rises.
                    if fl < 0.0:
                        t = _root(&e, offset[i], offset[i + 1], offset[j], offset[j + 1],
                                  left, fl, right, fr)
                        _relative(&e, offset[i], offset[i + 1], offset[j], offset[j + 1],
                                  t, dr, dv, si, sj)
                        distance = sqrt(_dot(dr, dr))
                        keep = distance <= d + 0.02
                        if keep and volume_prefilter:
                            keep = False
                            speed_i = sqrt(_dot(si + 3, si + 3))
                            speed_j = sqrt(_dot(sj + 3, sj + 3))
                            if rho[i] > 0.0:
                                extra = 0.02 + distance * 0.02 / speed_i
                                keep = _inside(si, dr, 1.0, &half_size[i, 0], box, extra)
                            if not keep and rho[j] > 0.0:
                                extra = 0.02 + distance * 0.02 / speed_j
                                keep = _inside(sj, dr, -1.0, &half_size[j, 0], box, extra)
                        if keep:
                            if found < found_pair.shape[0]:
                                found_pair[found, 0] = i
                                found_pair[found, 1] = j
                                found_time[found] = t
                            found += 1
                    continue
                m = 0.5 * (left + right)
                fm = _relative(&e, offset[i], offset[i + 1], offset[j], offset[j + 1],
                               m, dr, dv, si, sj)
                stack_a[top] = left
                stack_b[top] = m
                stack_fa[top] = fl
                stack_fb[top] = fm
                stack_a[top + 1] = m
                stack_b[top + 1] = right
                stack_fa[top + 1] = fm
                stack_fb[top + 1] = fr
                top += 2
    return found
