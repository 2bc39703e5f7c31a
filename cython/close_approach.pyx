"""Minima of the distance of candidate pairs within one step, found on the polynomials.

Fed by neighbours.pyx (candidate pairs) and steps.pyx (planes: states at the step's middle m and
bounds); its minima go to tracss_hpc/screening/refine.py, which solves each again on the true
trajectory.

f(t) = dr . dv (half the rate of the squared distance) falls through zero upwards at a minimum.
Let h be half a step, a >= the relative acceleration within it, `far` >= |dr| within it.
Filters on a pair, each provably without loss:

chord        dr(t) = dr(m) + (t - m) dv(m) + e, |e| <= a h^2 / 2.
             Two-body accelerations differ by at most 2 mu / q^3 |dr|, q the least distance from
             the Earth's centre on the line between the objects (mean value theorem), the rest by
             2 x perturbation. If the chord stays farther away than D + a h^2 / 2, so do they.
range_rate   f' = |dv|^2 + dr . dv' >= |dv|^2 - far a, |dv| >= |dv(m)| - a h. Where that is
             positive throughout the step f rises monotonically. The chord has its minimum at
             tau = -dr(m) . dv(m) / |dv(m)|^2 from m. At the end, f(m + h) = (dr(m) + h dv(m) + e) .
             (dv(m) + e') with |e'| <= a h, so it differs from |dv(m)|^2 (h - tau) by at most
             |dv(m)| a h^2/2 + far a h. If tau > h by more than that over |dv(m)|^2, f < 0 to the
             end and there is no minimum; likewise at the start.
The planes are single precision. GRAIN covers the error of x + t v of each object, |t| <= h; so e
and h e' have both objects' GRAIN in addition, and 0.01 km (0.001 s) for what is computed here.

A minimum is then looked for on the polynomials in double precision.
Fast pairs: Newton's rule from the chord's tau. With slope the bound of f' above, taken over the
whole step from the state at the guess t, the root is within w = |f(t)| / slope of t. If that lies
inside the step there is just this minimum; if outside, none; else the slow search decides, which
treats the ends on equal terms in neighbouring steps. f' differs from |dv(t)|^2 by at most
eta = a (2 |dv| w + a w^2 + |dr| + |dv| w + a w^2/2) within w, so Newton's next time errs by at
most u = w eta / slope, the miss by u |dv| + a w^2 and the axes turn by w (|v|/r + mu/(r^2 |v|) +
perturbation/|v|): this widens the volume in the test that drops most minima after one evaluation.
Slow pairs: roots are isolated by halving: an interval whose end values have one sign and both
exceed F h^2 / 8, F >= |f''|, has no root; F from |dv|, a and a bound on the relative jerk,
6 mu |v| |dr| / q^4 + 2 mu |dv| / q^3 + perturbation x 2 n. Intervals shorter than 1 s with ends of
one sign are given up: the dip of the distance they could hide is below F (1 s)^3 / (12 |dr|),
under 0.2 mm for volumes up to 100 km.

Arrays: pairs (m, 2) int32; plane (10, >= n) float32; rho (n,); kept (m,) int32; guess (m,).
The ephemeris arrays are those of nodes.pyx; near (n,): a segment of each object to look from.
Units: km, km/s, s.
"""

from libc.math cimport fabs, fmax, fmin, sqrt
from libc.stdint cimport int32_t, int64_t


cdef extern from *:
    """
    #define CHORD_BLOCK 16
    static inline void tracss_prefetch(const void *p) { __builtin_prefetch(p); }
    /* Clenshaw's recurrence, as in _poly.pxd and with its bits, for three axes of two objects in
       six lanes: one chain of operations instead of six. */
    static void tracss_pair(
        const double *restrict ci, const double *restrict cj, long terms, double xi, double xj,
        double rate_i, double rate_j, double *restrict state_i, double *restrict state_j)
    {
        typedef double lanes __attribute__((vector_size(64)));
        lanes x = {xi, xi, xi, xj, xj, xj, 0.0, 0.0}, two_x = 2.0 * x;
        lanes rate = {rate_i, rate_i, rate_i, rate_j, rate_j, rate_j, 0.0, 0.0};
        lanes b1 = {0.0}, b2 = b1, d1 = b1, d2 = b1, c;
        for (long k = terms - 1; k > 0; k--) {
            lanes d0 = 2.0 * b1 + two_x * d1 - d2;
            c = (lanes){ci[k], ci[terms + k], ci[2 * terms + k],
                        cj[k], cj[terms + k], cj[2 * terms + k], 0.0, 0.0};
            lanes b0 = c + two_x * b1 - b2;
            d2 = d1;
            d1 = d0;
            b2 = b1;
            b1 = b0;
        }
        c = (lanes){ci[0], ci[terms], ci[2 * terms], cj[0], cj[terms], cj[2 * terms], 0.0, 0.0};
        lanes r = c + x * b1 - b2, v = (b1 + x * d1 - d2) * rate;
        for (int q = 0; q < 3; q++) {
            state_i[q] = r[q];
            state_i[q + 3] = v[q];
            state_j[q] = r[q + 3];
            state_j[q + 3] = v[q + 3];
        }
    }
    /* Chord and range_rate of 16 pairs: v = dr (3), dv (3), least |x|, D, grain, 16 of each. */
    static void tracss_chord(
        const float *restrict v, float h, float mu, float force, float *restrict tau_,
        unsigned char *restrict near_, unsigned char *restrict turns_)
    {
        int near[CHORD_BLOCK], turns[CHORD_BLOCK];
        for (int k = 0; k < CHORD_BLOCK; k++) {
            float x = v[k], y = v[16 + k], z = v[32 + k];
            float a = v[48 + k], b = v[64 + k], c = v[80 + k];
            float low = v[96 + k], d = v[112 + k], grain = v[128 + k] + 0.01f;
            float r2 = x * x + y * y + z * z, v2 = a * a + b * b + c * c;
            float rv = x * a + y * b + z * c, speed = __builtin_sqrtf(v2);
            /* 1 km/s allows for the change of the velocity; where it might not do: no filter. */
            float far = __builtin_sqrtf(r2) + (speed + 1.0f) * h + grain;
            float least2 = low * low - 0.25f * far * far, some = 0.25f * low * low;
            least2 = least2 > some ? least2 : some;
            float pull = 2.0f * mu / (least2 * __builtin_sqrtf(least2)) * far + 2.0f * force;
            float tau = v2 > 1e-12f ? -rv / v2 : 0.0f;
            float inside = tau > h ? h : tau < -h ? -h : tau;
            float cx = x + inside * a, cy = y + inside * b, cz = z + inside * c;
            float slack = 0.5f * pull * h * h + grain;
            float reach = d + slack;
            int unsure = pull * h > 1.0f;
            near[k] = unsure | ((cx * cx + cy * cy + cz * cz <= reach * reach) & (reach > 0.0f));
            float slope = speed - pull * h - grain / h;
            int rises = (slope > 0.0f) & (slope * slope > 1.001f * far * pull);
            float beyond = (tau > 0.0f ? tau : -tau) - h;
            float margin = slack * speed + far * (pull * h + grain / h) + 0.001f * v2;
            turns[k] = unsure | !(rises & (beyond * v2 > margin));
            tau_[k] = inside;
        }
        for (int k = 0; k < CHORD_BLOCK; k++) {
            near_[k] = (unsigned char)near[k];
            turns_[k] = (unsigned char)turns[k];
        }
    }
    """
    void tracss_chord(
        const float*, float, float, float, float*, unsigned char*, unsigned char*
    ) nogil
    void tracss_prefetch(const void*) nogil
    void tracss_pair(
        const double*, const double*, long, double, double, double, double, double*, double*
    ) nogil

cdef enum:
    MAX_DEPTH = 8
    NEWTON_STEPS = 4
    AHEAD = 4  # pairs between fetching and using
    BLOCK = 16
    # Planes of steps.pyx.
    LOW = 6
    GRAIN = 9


cdef inline float _least(float a, float b) noexcept nogil:
    return a if a < b else b


cdef inline double _dot(const double* a, const double* b) noexcept nogil:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def filter_pairs(
    const int32_t[:, ::1] pairs,
    Py_ssize_t count,
    const float[:, ::1] plane,
    const float[::1] rho,
    double half_step,
    double mu,
    double perturbation,
    int32_t[::1] kept,
    double[::1] guess,
    int64_t[::1] passed,
    bint chord=True,
    bint range_rate=True,
):
    """Row numbers of `pairs` that pass chord and range_rate go to `kept`; returns how many.

    `near` (n,) is a segment of each object to look from; empty: the first one.
    `guess` [s from the middle] is the chord's time of closest approach of each kept pair. `passed`
    (2,) is increased by the number that passed the chord test and both tests.
    """
    cdef Py_ssize_t first, k, q, size, found = 0, stride = plane.shape[1]
    cdef int32_t i, j
    cdef float values[9 * BLOCK]
    cdef float tau[BLOCK]
    cdef unsigned char near[BLOCK]
    cdef unsigned char turns[BLOCK]
    cdef const float* p
    if count == 0:
        return 0
    p = &plane[0, 0]
    with nogil:
        for k in range(9 * BLOCK):
            values[k] = 0.0
        for first in range(0, count, 16):
            size = count - first if count - first < BLOCK else BLOCK
            for k in range(size):
                i = pairs[first + k, 0]
                j = pairs[first + k, 1]
                for q in range(6):
                    values[q * BLOCK + k] = p[q * stride + j] - p[q * stride + i]
                values[6 * BLOCK + k] = _least(p[LOW * stride + i], p[LOW * stride + j])
                values[7 * BLOCK + k] = rho[i] if rho[i] > rho[j] else rho[j]
                values[8 * BLOCK + k] = p[GRAIN * stride + i] + p[GRAIN * stride + j]
            tracss_chord(values, <float>half_step, <float>mu, <float>perturbation, tau, near, turns)
            for k in range(size):
                if chord and not near[k]:
                    continue
                passed[0] += 1
                if range_rate and not turns[k]:
                    continue
                passed[1] += 1
                kept[found] = <int32_t>(first + k)
                guess[found] = tau[k]
                found += 1
    return found


cdef struct Nodes:
    const int64_t* offset
    const int64_t* near  # a segment of each object, at or near those wanted
    const double* begin
    const double* mid
    const double* inv_half
    const double* coef
    Py_ssize_t terms


cdef inline int64_t _segment(Nodes* e, Py_ssize_t i, double t) noexcept nogil:
    """The last segment of object i that begins at or before t, else its first."""
    cdef int64_t s = e.near[i], first = e.offset[i], last = e.offset[i + 1] - 1
    s = last if s > last else s
    while s > first and e.begin[s] > t:
        s -= 1
    while s < last and e.begin[s + 1] <= t:
        s += 1
    return s


cdef inline void _prefetch(Nodes* e, Py_ssize_t i) noexcept nogil:
    """Fetch what an evaluation of object i reads: out of 10^8 bytes, nobody has it at hand."""
    cdef int64_t s = e.near[i]
    cdef Py_ssize_t q
    tracss_prefetch(e.begin + s)
    tracss_prefetch(e.mid + s)
    tracss_prefetch(e.inv_half + s)
    for q in range(0, 3 * e.terms + 7, 8):
        tracss_prefetch(e.coef + s * 3 * e.terms + q)


cdef inline double _relative(
    Nodes* e, Py_ssize_t i, Py_ssize_t j, double t, double* dr, double* dv,
    double* state_i, double* state_j,
) noexcept nogil:
    """States of both objects at t, their difference, and f = dr . dv."""
    cdef int64_t si = _segment(e, i, t), sj = _segment(e, j, t)
    cdef Py_ssize_t q
    tracss_pair(
        e.coef + si * 3 * e.terms, e.coef + sj * 3 * e.terms, e.terms,
        (t - e.mid[si]) * e.inv_half[si], (t - e.mid[sj]) * e.inv_half[sj], e.inv_half[si],
        e.inv_half[sj], state_i, state_j,
    )
    for q in range(3):
        dr[q] = state_j[q] - state_i[q]
        dv[q] = state_j[q + 3] - state_i[q + 3]
    return _dot(dr, dv)


cdef inline double _root(
    Nodes* e, Py_ssize_t i, Py_ssize_t j, double a, double fa, double b, double fb,
) noexcept nogil:
    """Root of f in [a, b], fa < 0 <= fb, by regula falsi (Illinois) to 1 us."""
    cdef double dr[3], dv[3], si[6], sj[6], t = a, f, last = a
    cdef int side = 0, k
    for k in range(60):
        t = a - fa * (b - a) / (fb - fa)
        if not (t > a and t < b):
            t = 0.5 * (a + b)
        f = _relative(e, i, j, t, dr, dv, si, sj)
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


cdef enum Verdict:
    NONE
    ONE
    UNCLEAR


cdef inline bint _reachable(
    const double* si, const double* sj, const double* dr, double d, double rho_i, double rho_j,
    const double* half_i, const double* half_j, bint box, double wide, double turn, bint prefilter,
) noexcept nogil:
    """Whether a minimum at dr may lie in a catching object's volume.

    `wide` [km] and `turn` [rad] are the errors of dr and of the axes. 20 m and the angle that
    20 m/s make of the speed come on top: the polynomial's velocity, not SGP4's, turns the axes
    here, and they differ by up to 7.5 m/s.
    """
    cdef double distance = sqrt(_dot(dr, dr)), extra
    if distance > d + 0.02 + wide:
        return False
    if not prefilter:
        return True
    if rho_i >= 0.0:
        extra = 0.02 + wide + distance * (turn + 0.02 / sqrt(_dot(si + 3, si + 3)))
        if _inside(si, dr, 1.0, half_i, box, extra):
            return True
    if rho_j >= 0.0:
        extra = 0.02 + wide + distance * (turn + 0.02 / sqrt(_dot(sj + 3, sj + 3)))
        return _inside(sj, dr, -1.0, half_j, box, extra)
    return False


cdef inline double _turn(const double* s, double mu, double perturbation) noexcept nogil:
    """Bound of the rate at which the axes of a state turn [rad/s], 10 % up for the step's rest."""
    cdef double r2 = _dot(s, s), v = sqrt(_dot(s + 3, s + 3))
    return 1.1 * (v / sqrt(r2) + (mu / r2 + perturbation) / v)


cdef Verdict _newton(
    Nodes* e, Py_ssize_t i, Py_ssize_t j, double a, double b, double d,
    double rho_i, double rho_j, const double* half_i, const double* half_j, bint box, double mu,
    double perturbation, bint prefilter, double* t,
) noexcept nogil:
    """The minimum in [a, b) of a fast pair, from a guess t, if it may lie in a volume."""
    cdef double dr[3], dv[3], si[6], sj[6], miss[3]
    cdef double f, v2, speed, distance, span, far, low, q2, pull = 0.0, slope = 0.0, w, eta, u, move
    cdef int k, q
    for k in range(NEWTON_STEPS):
        f = _relative(e, i, j, t[0], dr, dv, si, sj)
        v2 = _dot(dv, dv)
        speed = sqrt(v2)
        distance = sqrt(_dot(dr, dr))
        if k == 0:
            span = fmax(t[0] - a, b - t[0])
            far = distance + (speed + 1.0) * span
            low = sqrt(fmin(_dot(si, si), _dot(sj, sj))) - 12.0 * span
            q2 = fmax(low * low - 0.25 * far * far, 0.25 * low * low)
            pull = 2.0 * mu / (q2 * sqrt(q2)) * far + 2.0 * perturbation
            slope = speed - pull * span
            if not slope > 0.0 or pull * span > 1.0:
                return UNCLEAR
            slope = slope * slope - far * pull
            if not slope > 0.1 * v2:
                return UNCLEAR
        w = 1.01 * fabs(f) / slope + 1e-6
        if t[0] + w < a or t[0] - w > b:
            return NONE
        if t[0] - w < a or t[0] + w > b:
            return UNCLEAR
        eta = pull * (2.0 * speed * w + pull * w * w + distance + speed * w + 0.5 * pull * w * w)
        u = w * eta / slope
        move = -f / v2
        for q in range(3):
            miss[q] = dr[q] + move * dv[q]
        if not _reachable(
            si, sj, miss, d, rho_i, rho_j, half_i, half_j, box, u * speed + pull * w * w,
            w * fmax(_turn(si, mu, perturbation), _turn(sj, mu, perturbation)), prefilter,
        ):
            return NONE
        t[0] = t[0] + move
        if u < 1e-5 or u * speed < 1e-5:
            return ONE
    return UNCLEAR


def find_minima(
    const int32_t[:, ::1] pairs,
    const int32_t[::1] chosen,
    const double[::1] guess,
    double a,
    double b,
    const int64_t[::1] offset,
    const int64_t[::1] near,
    const double[::1] begin,
    const double[::1] mid,
    const double[::1] inv_half,
    const double[:, :, ::1] coef,
    const double[:, ::1] half_size,
    const float[::1] rho,
    bint box,
    double mu,
    double perturbation,
    int32_t[:, ::1] found_pair,
    double[::1] found_time,
    bint volume_prefilter=True,
):
    """Minima in [a, b) of the pairs `chosen` (rows of `pairs`) that may lie in a volume.

    `near` (n,) is a segment of each object to look from; empty: the first one.
    `guess` [s from the middle] is where the search of each begins, or empty: then no pair is taken
    for fast. `half_size` (n, 3) and `rho` (n,) describe each object's volume (rho = -inf: cannot
    catch). A minimum is kept when the other object lies within a catching object's volume widened
    by what is not known there, see _reachable. Returns the number found; when it exceeds the room
    in `found_pair`, call again with more.
    """
    cdef Nodes e
    cdef Py_ssize_t p, found = 0, q, top
    cdef int32_t i, j
    cdef double stack_a[MAX_DEPTH + 2], stack_b[MAX_DEPTH + 2]
    cdef double stack_fa[MAX_DEPTH + 2], stack_fb[MAX_DEPTH + 2]
    cdef double dr[3], dv[3], si[6], sj[6]
    cdef double left, right, fl, fr, m, fm, bound, h, far, speed, low, q2, acceleration, jerk, d
    cdef double t, distance, speed_i
    cdef Verdict verdict
    if b - a > 240.0:
        raise ValueError(f"step of {b - a} s; the search of minima takes at most 240 s")
    if coef.shape[0] == 0:
        return 0
    e.offset = &offset[0]
    e.near = &near[0] if near.shape[0] else &offset[0]
    e.begin = &begin[0]
    e.mid = &mid[0]
    e.inv_half = &inv_half[0]
    e.coef = &coef[0, 0, 0]
    e.terms = coef.shape[2]
    with nogil:
        for p in range(chosen.shape[0]):
            if p + AHEAD < chosen.shape[0]:
                _prefetch(&e, pairs[chosen[p + AHEAD], 0])
                _prefetch(&e, pairs[chosen[p + AHEAD], 1])
            i = pairs[chosen[p], 0]
            j = pairs[chosen[p], 1]
            d = fmax(rho[i], rho[j])
            if d < 0.0:
                continue
            if guess.shape[0]:
                t = 0.5 * (a + b) + guess[p]
                verdict = _newton(
                    &e, i, j, a, b, d, rho[i], rho[j],
                    &half_size[i, 0], &half_size[j, 0], box, mu, perturbation, volume_prefilter, &t,
                )
                if verdict == ONE:
                    if found < found_pair.shape[0]:
                        found_pair[found, 0] = i
                        found_pair[found, 1] = j
                        found_time[found] = t
                    found += 1
                if verdict != UNCLEAR:
                    continue
            h = 0.5 * (b - a)
            fm = _relative(&e, i, j,
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
            stack_fa[0] = _relative(&e, i, j,
                                    a, dr, dv, si, sj)
            stack_fb[0] = _relative(&e, i, j,
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
                        t = _root(&e, i, j,
                                  left, fl, right, fr)
                        _relative(&e, i, j,
                                  t, dr, dv, si, sj)
                        if _reachable(si, sj, dr, d, rho[i], rho[j], &half_size[i, 0],
                                      &half_size[j, 0], box, 0.0, 0.0, volume_prefilter):
                            if found < found_pair.shape[0]:
                                found_pair[found, 0] = i
                                found_pair[found, 1] = j
                                found_time[found] = t
                            found += 1
                    continue
                m = 0.5 * (left + right)
                fm = _relative(&e, i, j,
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
