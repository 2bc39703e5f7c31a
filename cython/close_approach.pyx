"""Minima of the distance of candidate pairs within one step.

Fed by neighbours.pyx (candidate pairs) and steps.pyx (planes: states at the step's middle m and
bounds), then by positions of the true trajectories (screening/minima.py); its minima go to
screening/refine.py, which solves each again to the microsecond.

f(t) = dr . dv (half the rate of the squared distance) falls through zero upwards at a minimum.
Let h be half a step, a >= the relative acceleration within it, `far` >= |dr| within it.
Filters on a pair, each provably without loss:

chord        dr(t) = dr(m) + (t - m) dv(m) + e, |e| <= a h^2 / 2.
             Two-body accelerations differ by at most 2 mu / q^3 |dr|, q the least distance from
             the Earth's centre on the line between the objects (mean value theorem), and never by
             more than 2 mu / LOW^2; the rest by both objects' FORCE. If the chord stays farther away than D + a h^2 / 2, so do they.
range_rate   f' = |dv|^2 + dr . dv' >= |dv|^2 - far a, |dv| >= |dv(m)| - a h. Where that is
             positive throughout the step f rises monotonically. The chord has its minimum at
             tau = -dr(m) . dv(m) / |dv(m)|^2 from m. At the end, f(m + h) = (dr(m) + h dv(m) + e) .
             (dv(m) + e') with |e'| <= a h, so it differs from |dv(m)|^2 (h - tau) by at most
             |dv(m)| a h^2/2 + far a h. If tau > h by more than that over |dv(m)|^2, f < 0 to the
             end and there is no minimum; likewise at the start.
The lines are single precision. GRAIN covers the error of x + t v of each object, |t| <= h; so e
and h e' have both objects' GRAIN in addition, and 0.01 km (0.001 s) for what is computed here.

volume_prefilter  On the records at the chord's tau, known to their noise e_r and e_v: the minimum is
             where Newton's rule puts it, as below with these errors added to dr, dv and f. A pair
             is dropped when that is outside the step, or outside both volumes.

A minimum is then looked for in double precision, on Chebyshev series of TERMS terms through both
members' true positions at the nodes of the interval. The coefficients d_k of dr bound it all over
the interval, since the derivatives of T_k are largest at 1: the second derivative by
a = sum k^2 (k^2 - 1) / 3 |d_k| / h^2, the third by j = sum k^2 (k^2 - 1) (k^2 - 4) / 15 |d_k| / h^3.
Where the last two coefficients exceed ROUGH_KM the interval is `rough`: the caller halves it.
Fast pairs: Newton's rule from the chord's tau. With slope the bound of f' above, taken over the
whole interval from the state at the guess t, the root is within w = |f(t)| / slope of t (f errs by
SGP4's rounding, 1e-8 km/s |dr|). If that
lies inside the interval there is just this minimum; if outside, none; else the slow search decides,
which treats the ends on equal terms in neighbouring steps. f' differs from |dv(t)|^2 by at most
eta = a (2 |dv| w + a w^2 + |dr| + |dv| w + a w^2/2) within w, so Newton's next time errs by at
most u = w eta / slope, the miss by u |dv| + a w^2 and the axes turn by w (|v|/r + |v'|/|v|): this
widens the volume in the test that drops most minima after one evaluation.
Slow pairs: roots are isolated by halving: an interval whose end values have one sign and both
exceed F h^2 / 8, F = 3 |dv| a + far j a bound of f'', has no root. Intervals shorter than 1 s with
ends of one sign are given up: the dip of the distance they could hide is below F (1 s)^3 /
(12 |dr|), under 0.2 mm for volumes up to 100 km.

Arrays: pairs (m, 2) int32; line (>= n, 16) float32; rho (n,); kept (m,) int32; guess (m,).
Units: km, km/s, s.
"""

from libc.math cimport fabs, fmax, fmin, isnan, sqrt
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy

import numpy as np


cdef extern from *:
    """
    #include <string.h>
    #include "_line.h"
    #include "_record.h"
    #define CHORD_BLOCK 16
    #define TERMS 8
    #define SPREAD 8 /* x, y, z of both members and two to spare: one vector a coefficient */
    typedef double tracss_lanes __attribute__((vector_size(8 * SPREAD)));
    /* Coefficients of both members, c[term][member and axis], from samples r[member][axis][node]. */
    static void tracss_series(
        const double *restrict r, const double *restrict fit, double *restrict c)
    {
        tracss_lanes sample[TERMS];
        for (int j = 0; j < TERMS; j++)
            sample[j] = (tracss_lanes){r[j], r[TERMS + j], r[2 * TERMS + j], r[3 * TERMS + j],
                                       r[4 * TERMS + j], r[5 * TERMS + j], 0.0, 0.0};
        for (int k = 0; k < TERMS; k++) {
            tracss_lanes sum = {0.0};
            for (int j = 0; j < TERMS; j++) sum += fit[k * TERMS + j] * sample[j];
            memcpy(c + k * SPREAD, &sum, sizeof sum);
        }
    }
    /* Clenshaw's recurrence for three axes of two objects in six lanes: one chain of operations
       instead of six. */
    static void tracss_pair(
        const double *restrict series, double at, double rate, double *restrict state_i,
        double *restrict state_j)
    {
        tracss_lanes x = at + (tracss_lanes){0.0}, two_x = 2.0 * x;
        tracss_lanes b1 = {0.0}, b2 = b1, d1 = b1, d2 = b1, c;
        for (int k = TERMS - 1; k > 0; k--) {
            tracss_lanes d0 = 2.0 * b1 + two_x * d1 - d2;
            memcpy(&c, series + k * SPREAD, sizeof c);
            tracss_lanes b0 = c + two_x * b1 - b2;
            d2 = d1;
            d1 = d0;
            b2 = b1;
            b1 = b0;
        }
        memcpy(&c, series, sizeof c);
        tracss_lanes r = c + x * b1 - b2, v = (b1 + x * d1 - d2) * rate;
        for (int q = 0; q < 3; q++) {
            state_i[q] = r[q];
            state_i[q + 3] = v[q];
            state_j[q] = r[q + 3];
            state_j[q + 3] = v[q + 3];
        }
    }
    /* Bounds over the interval: of the second derivative of the difference and of each member, of
       the third of the difference; and the larger of the members' last two coefficients. */
    static void tracss_limits(const double *restrict c, double rate, double *restrict out)
    {
        double jerk = 0.0, second[3] = {0.0}, last = 0.0;
        for (int k = 2; k < TERMS; k++) {
            const double *p = c + k * SPREAD;
            double k2 = k * k, size[3] = {0.0};
            for (int q = 0; q < 3; q++) {
                double d = p[q + 3] - p[q];
                size[0] += d * d;
                size[1] += p[q] * p[q];
                size[2] += p[q + 3] * p[q + 3];
            }
            for (int q = 0; q < 3; q++) {
                size[q] = __builtin_sqrt(size[q]);
                second[q] += k2 * (k2 - 1.0) / 3.0 * size[q];
            }
            jerk += k2 * (k2 - 1.0) * (k2 - 4.0) / 15.0 * size[0];
            if (k >= TERMS - 2) last += size[1] > size[2] ? size[1] : size[2];
        }
        for (int q = 0; q < 3; q++) out[q] = second[q] * rate * rate;
        out[3] = jerk * rate * rate * rate;
        out[4] = last;
    }
    static inline void tracss_prefetch(const void *p)
    {
        for (int k = 0; k < RECORD; k += 16) __builtin_prefetch((const float *)p + k);
    }
    /* Position and velocity from a record at x = (t - centre) * scale. */
    static void tracss_motion(
        const float *restrict record, double x, double scale, double *restrict state)
    {
        for (int axis = 0; axis < 3; axis++) {
            const float *c = record + axis * KEEP;
            double p = c[KEEP - 1], d = 0.0;
            for (int k = KEEP - 2; k >= 0; k--) {
                d = d * x + p;
                p = p * x + c[k];
            }
            state[axis] = p;
            state[axis + 3] = d * scale;
        }
    }
    /* Chord and range_rate of 16 pairs: v = dr (3), dv (3), least |x|, D, and the sums of both
       objects' grain and force, 16 of each. */
    static void tracss_chord(
        const float *restrict v, float h, float mu, float *restrict tau_,
        unsigned char *restrict near_, unsigned char *restrict turns_)
    {
        int near[CHORD_BLOCK], turns[CHORD_BLOCK];
        for (int k = 0; k < CHORD_BLOCK; k++) {
            float x = v[k], y = v[16 + k], z = v[32 + k];
            float a = v[48 + k], b = v[64 + k], c = v[80 + k];
            float low = v[96 + k], d = v[112 + k], grain = v[128 + k] + 0.01f;
            float r2 = x * x + y * y + z * z, v2 = a * a + b * b + c * c;
            float rv = x * a + y * b + z * c, speed = __builtin_sqrtf(v2);
            /* 1 km/s allows for the change of the velocity; where it might not do, both members'
               two-body accelerations are added up, and range_rate does not filter. */
            float far = __builtin_sqrtf(r2) + (speed + 1.0f) * h + grain;
            float least2 = low * low - 0.25f * far * far, some = 0.25f * low * low;
            least2 = least2 > some ? least2 : some;
            float pull = 2.0f * mu / (least2 * __builtin_sqrtf(least2)) * far + v[144 + k];
            float tau = v2 > 1e-12f ? -rv / v2 : 0.0f;
            float inside = tau > h ? h : tau < -h ? -h : tau;
            float cx = x + inside * a, cy = y + inside * b, cz = z + inside * c;
            int unsure = pull * h > 1.0f;
            float most = low > 0.0f ? 2.0f * mu / (low * low) + v[144 + k] : __builtin_inff();
            float slack = 0.5f * (unsure ? most : pull) * h * h + grain;
            float reach = d + slack;
            near[k] = (cx * cx + cy * cy + cz * cz <= reach * reach) & (reach > 0.0f);
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
    enum: TERMS, SPREAD, LINE, LOW, GRAIN, FORCE, RECORD, NOISE_AT, TIMES_AT
    void tracss_chord(const float*, float, float, float*, unsigned char*, unsigned char*) nogil
    void tracss_series(const double*, const double*, double*) nogil
    void tracss_pair(const double*, double, double, double*, double*) nogil
    void tracss_limits(const double*, double, double*) nogil
    void tracss_prefetch(const void*) nogil
    void tracss_motion(const float*, double, double, double*) nogil

cdef enum:
    MAX_DEPTH = 10
    AHEAD = 6  # pairs between fetching and using
    NEWTON_STEPS = 4
    BLOCK = 16

cdef double NOISE_KM_S = 1e-8  # of dv: SGP4 rounds to 1e-9 km, a node is seconds from the next

#: Nodes of an interval; size of the last two coefficients that calls for halving it [km].
NODES, ROUGH_KM = TERMS, 1e-6
#: Nodes in [-1, 1], increasing (Chebyshev-Lobatto), and what makes coefficients of samples there.
NODE_X = -np.cos(np.pi * np.arange(TERMS) / (TERMS - 1))
FIT = np.ascontiguousarray(np.linalg.inv(np.polynomial.chebyshev.chebvander(NODE_X, TERMS - 1)))


cdef inline float _least(float a, float b) noexcept nogil:
    return a if a < b else b


cdef inline double _dot(const double* a, const double* b) noexcept nogil:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def filter_pairs(
    const int32_t[:, ::1] pairs,
    Py_ssize_t count,
    const float[:, ::1] line,
    const float[::1] rho,
    double half_step,
    double mu,
    int32_t[::1] kept,
    double[::1] guess,
    int64_t[::1] passed,
    bint chord=True,
    bint range_rate=True,
):
    """Row numbers of `pairs` that pass chord and range_rate go to `kept`; returns how many.

    `guess` [s from the middle] is the chord's time of closest approach of each kept pair. `passed`
    (2,) is increased by the number that passed the chord test and both tests.
    """
    cdef Py_ssize_t first, k, q, size, found = 0
    cdef int32_t i, j
    cdef float values[10 * BLOCK]
    cdef float tau[BLOCK]
    cdef unsigned char near[BLOCK]
    cdef unsigned char turns[BLOCK]
    cdef const float* p
    cdef const float* o
    if count == 0:
        return 0
    with nogil:
        for k in range(10 * BLOCK):
            values[k] = 0.0
        for first in range(0, count, 16):
            size = count - first if count - first < BLOCK else BLOCK
            for k in range(size):
                i = pairs[first + k, 0]
                j = pairs[first + k, 1]
                p = &line[i, 0]
                o = &line[j, 0]
                for q in range(6):
                    values[q * BLOCK + k] = o[q] - p[q]
                values[6 * BLOCK + k] = _least(p[LOW], o[LOW])
                values[7 * BLOCK + k] = rho[i] if rho[i] > rho[j] else rho[j]
                values[8 * BLOCK + k] = p[GRAIN] + o[GRAIN]
                values[9 * BLOCK + k] = p[FORCE] + o[FORCE]
            tracss_chord(values, <float>half_step, <float>mu, tau, near, turns)
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


cdef struct Interval:
    double a
    double b
    double middle
    double rate  # inverse half length
    double second  # bound of the second derivative of dr
    double third  # bound of the third
    double own_second[2]  # bound of each member's acceleration
    double series[TERMS * SPREAD]


cdef inline double _relative(
    const Interval* e, double t, double* dr, double* dv, double* state_i, double* state_j
) noexcept nogil:
    """States of both objects at t, their difference, and f = dr . dv."""
    cdef Py_ssize_t q
    tracss_pair(e.series, (t - e.middle) * e.rate, e.rate, state_i, state_j)
    for q in range(3):
        dr[q] = state_j[q] - state_i[q]
        dv[q] = state_j[q + 3] - state_i[q + 3]
    return _dot(dr, dv)


cdef inline double _root(
    const Interval* e, double a, double fa, double b, double fb
) noexcept nogil:
    """Root of f in [a, b], fa < 0 <= fb, by regula falsi (Illinois) to 1 us."""
    cdef double dr[3], dv[3], si[6], sj[6], t = a, f, last = a
    cdef int side = 0, k
    for k in range(60):
        t = a - fa * (b - a) / (fb - fa)
        if not (t > a and t < b):
            t = 0.5 * (a + b)
        f = _relative(e, t, dr, dv, si, sj)
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
    20 m/s make of the speed come on top: the series' velocity, not SGP4's, turns the axes
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


cdef inline double _turn(const double* s, double acceleration) noexcept nogil:
    """Bound of the rate at which the axes of a state turn [rad/s], 10 % up for the step's rest."""
    cdef double r2 = _dot(s, s), v = sqrt(_dot(s + 3, s + 3))
    return 1.1 * (v / sqrt(r2) + acceleration / v)


cdef struct Motion:
    double state[6]
    double noise  # of the position [km]
    double drift  # of the velocity [km/s]


cdef inline bint _look_up(
    const int64_t* offset, const int64_t* near, const float* records, Py_ssize_t i, double t,
    Motion* out,
) noexcept nogil:
    """Motion of object i at t from its record; False when none holds t."""
    cdef int64_t s = near[i], first = offset[i]
    cdef const float* record
    cdef double times[3]
    while True:
        record = records + s * RECORD
        memcpy(times, record + TIMES_AT, sizeof(times))
        # Centre less half a length: where the segment begins.
        if t >= times[0] - 1.0 / times[1]:
            break
        if s == first:
            return False
        s -= 1
    if t > times[2]:
        return False
    tracss_motion(record, (t - times[0]) * times[1], times[1], out.state)
    out.noise = record[NOISE_AT]
    out.drift = record[NOISE_AT + 1]
    return True


cdef inline double _axes(const Motion* m, double w, double acceleration) noexcept nogil:
    """What the axes of a state may be off [rad]: turned for w, and by the noise."""
    cdef double v = sqrt(_dot(m.state + 3, m.state + 3)), r = sqrt(_dot(m.state, m.state))
    return w * _turn(m.state, acceleration) + m.drift / v + m.noise / r


def dismiss_pairs(
    const int32_t[:, ::1] pairs,
    Py_ssize_t count,
    const float[:, ::1] line,
    double a,
    double b,
    const int64_t[::1] offset,
    const int64_t[::1] near,
    const float[:, ::1] record,
    const double[:, ::1] half_size,
    const float[::1] rho,
    bint box,
    double mu,
    int32_t[::1] kept,
    double[::1] guess,
):
    """Those of the first `count` kept pairs whose minimum may lie in a volume; returns how many.

    `kept` and `guess` [s from the middle of the step a .. b] are those of filter_pairs, and are
    filled anew. `offset` (n + 1,) and `record` are those of the Ephemeris; `near` (n,): a segment
    of each object, the one that holds b or a later one.
    """
    cdef Py_ssize_t p, q, found = 0
    cdef int32_t i, j
    cdef Motion one, other
    cdef double dr[3], dv[3], miss[3]
    cdef double t, f, v2, speed, distance, span, far, low, q2, pull, slope, w, df, eta
    cdef double error, rate, d, wide, force
    cdef double middle = 0.5 * (a + b)
    with nogil:
        for p in range(count):
            if p + AHEAD < count:
                tracss_prefetch(&record[near[pairs[kept[p + AHEAD], 0]], 0])
                tracss_prefetch(&record[near[pairs[kept[p + AHEAD], 1]], 0])
            i = pairs[kept[p], 0]
            j = pairs[kept[p], 1]
            t = middle + guess[p]
            if (
                _look_up(&offset[0], &near[0], &record[0, 0], i, t, &one)
                and _look_up(&offset[0], &near[0], &record[0, 0], j, t, &other)
            ):
                for q in range(3):
                    dr[q] = other.state[q] - one.state[q]
                    dv[q] = other.state[q + 3] - one.state[q + 3]
                f = _dot(dr, dv)
                v2 = _dot(dv, dv)
                speed = sqrt(v2)
                distance = sqrt(_dot(dr, dr))
                error = one.noise + other.noise + 1e-3
                rate = one.drift + other.drift
                span = fmax(t - a, b - t)
                far = distance + error + (speed + rate + 1.0) * span
                low = sqrt(fmin(_dot(one.state, one.state), _dot(other.state, other.state)))
                low = low - 12.0 * span
                q2 = fmax(low * low - 0.25 * far * far, 0.25 * low * low)
                force = line[i, FORCE] + line[j, FORCE]
                pull = 2.0 * mu / (q2 * sqrt(q2)) * far + force
                slope = speed - rate - pull * span
                if slope > 0.0 and pull * span < 1.0:
                    slope = slope * slope - far * pull
                    if slope > 0.1 * v2:
                        df = error * speed + (distance + error) * rate
                        w = 1.01 * (fabs(f) + df) / slope + 1e-6
                        if t + w < a or t - w > b:
                            continue
                        eta = rate * (2.0 * speed + rate) + pull * (
                            3.0 * speed * w + 1.5 * pull * w * w + distance + error
                        )
                        wide = error + w * rate + pull * w * w + speed * (w * eta + df) / slope
                        for q in range(3):
                            miss[q] = dr[q] - f / v2 * dv[q]
                        d = fmax(rho[i], rho[j])
                        pull = mu / (low * low) + force  # of each member itself
                        if not _reachable(
                            one.state, other.state, miss, d, rho[i], rho[j], &half_size[i, 0],
                            &half_size[j, 0], box, wide,
                            fmax(_axes(&one, w, pull), _axes(&other, w, pull)), True,
                        ):
                            continue
            kept[found] = kept[p]
            guess[found] = guess[p]
            found += 1
    return found


cdef Verdict _newton(
    const Interval* e, double d, double rho_i, double rho_j, const double* half_i,
    const double* half_j, bint box, bint prefilter, double* t,
) noexcept nogil:
    """The minimum in [a, b) of a fast pair, from a guess t, if it may lie in a volume."""
    cdef double dr[3], dv[3], si[6], sj[6], miss[3]
    cdef double f, v2, speed, distance, span, far, slope = 0.0, w, eta, u, move, pull = e.second
    cdef int k, q
    for k in range(NEWTON_STEPS):
        f = _relative(e, t[0], dr, dv, si, sj)
        v2 = _dot(dv, dv)
        speed = sqrt(v2)
        distance = sqrt(_dot(dr, dr))
        if k == 0:
            span = fmax(t[0] - e.a, e.b - t[0])
            far = distance + (speed + 0.5 * pull * span) * span
            slope = speed - pull * span
            if not slope > 0.0:
                return UNCLEAR
            slope = slope * slope - far * pull
            if not slope > 0.1 * v2:
                return UNCLEAR
        w = 1.01 * (fabs(f) + NOISE_KM_S * distance) / slope + 1e-6
        if t[0] + w < e.a or t[0] - w > e.b:
            return NONE
        if t[0] - w < e.a or t[0] + w > e.b:
            return UNCLEAR
        eta = pull * (2.0 * speed * w + pull * w * w + distance + speed * w + 0.5 * pull * w * w)
        u = w * eta / slope
        move = -f / v2
        for q in range(3):
            miss[q] = dr[q] + move * dv[q]
        if not _reachable(
            si, sj, miss, d, rho_i, rho_j, half_i, half_j, box, u * speed + pull * w * w,
            w * fmax(_turn(si, e.own_second[0]), _turn(sj, e.own_second[1])), prefilter,
        ):
            return NONE
        t[0] = t[0] + move
        if u < 1e-5 or u * speed < 1e-5:
            return ONE
    return UNCLEAR


def find_minima(
    const int32_t[:, ::1] pairs,
    const double[:, :, :, ::1] r,
    const double[::1] a,
    const double[::1] b,
    const double[::1] guess,
    const double[:, ::1] half_size,
    const float[::1] rho,
    bint box,
    double shortest,
    int32_t[::1] found_row,
    double[::1] found_time,
    int32_t[::1] rough,
    bint volume_prefilter=True,
):
    """Minima of pair k in [a[k], b[k]) that may lie in a volume.

    Parameters
    ----------
    pairs : ndarray of int32, shape (m, 2)
    r : ndarray, shape (m, 2, 3, NODES)
        Positions of both members at the interval's nodes (NODE_X) [km].
    a, b : ndarray, shape (m,)
        Intervals [s].
    guess : ndarray, shape (m,)
        Where the search begins [s]; NaN: not taken for a fast pair.
    half_size : ndarray, shape (n, 3); rho : ndarray, shape (n,)
        Each object's volume [km]; rho = -inf: cannot catch.
    box : bool
    shortest : float
        Intervals shorter than this are not called rough [s].
    found_row, found_time : ndarrays
        Filled: row of the pair, and time [s], of each minimum: the other object lies within a
        catching object's volume widened by what is not known there, see _reachable.
    rough : ndarray of int32, shape (m,)
        Filled: rows whose interval must be halved; nothing is found there.

    Returns
    -------
    found, roughs : int
        How many there are. When `found` exceeds the room, call again with more.
    """
    cdef Interval e
    cdef Py_ssize_t p, found = 0, roughs = 0, top
    cdef int32_t i, j
    cdef const double[:, ::1] fit = FIT
    cdef double stack_a[MAX_DEPTH + 2], stack_b[MAX_DEPTH + 2]
    cdef double stack_fa[MAX_DEPTH + 2], stack_fb[MAX_DEPTH + 2]
    cdef double dr[3], dv[3], si[6], sj[6], limits[5]
    cdef double left, right, fl, fr, m, fm, bound, h, far, speed, d, t, distance, worst = ROUGH_KM
    cdef Verdict verdict
    if r.shape[1] != 2 or r.shape[2] != 3 or r.shape[3] != TERMS:
        raise ValueError(f"samples of shape {r.shape[0]} x {r.shape[1]} x {r.shape[2]}")
    with nogil:
        for p in range(pairs.shape[0]):
            i = pairs[p, 0]
            j = pairs[p, 1]
            d = fmax(rho[i], rho[j])
            if d < 0.0:
                continue
            e.a = a[p]
            e.b = b[p]
            h = 0.5 * (e.b - e.a)
            e.middle = 0.5 * (e.a + e.b)
            e.rate = 1.0 / h
            tracss_series(&r[p, 0, 0, 0], &fit[0, 0], e.series)
            tracss_limits(e.series, e.rate, limits)
            e.second = limits[0]
            e.own_second[0] = limits[1]
            e.own_second[1] = limits[2]
            e.third = limits[3]
            if not limits[4] <= worst and e.b - e.a > shortest:
                rough[roughs] = <int32_t>p
                roughs += 1
                continue
            if not isnan(guess[p]):
                t = guess[p]
                verdict = _newton(
                    &e, d, rho[i], rho[j], &half_size[i, 0], &half_size[j, 0], box,
                    volume_prefilter, &t,
                )
                if verdict == ONE:
                    if found < found_row.shape[0]:
                        found_row[found] = <int32_t>p
                        found_time[found] = t
                    found += 1
                if verdict != UNCLEAR:
                    continue
            _relative(&e, e.middle, dr, dv, si, sj)
            distance = sqrt(_dot(dr, dr))
            speed = sqrt(_dot(dv, dv)) + e.second * h
            far = distance + speed * h
            if distance > d + 0.02 + speed * h:
                continue
            bound = 3.0 * speed * e.second + far * e.third  # of f''
            stack_a[0] = e.a
            stack_b[0] = e.b
            stack_fa[0] = _relative(&e, e.a, dr, dv, si, sj)
            stack_fb[0] = _relative(&e, e.b, dr, dv, si, sj)
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
                        t = _root(&e, left, fl, right, fr)
                        _relative(&e, t, dr, dv, si, sj)
                        if _reachable(si, sj, dr, d, rho[i], rho[j], &half_size[i, 0],
                                      &half_size[j, 0], box, 0.0, 0.0, volume_prefilter):
                            if found < found_row.shape[0]:
                                found_row[found] = <int32_t>p
                                found_time[found] = t
                            found += 1
                    continue
                m = 0.5 * (left + right)
                fm = _relative(&e, m, dr, dv, si, sj)
                stack_a[top] = left
                stack_b[top] = m
                stack_fa[top] = fl
                stack_fb[top] = fm
                stack_a[top + 1] = m
                stack_b[top + 1] = right
                stack_fa[top + 1] = fm
                stack_fb[top + 1] = fr
                top += 2
    return found, roughs
