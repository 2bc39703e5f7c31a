"""Where every object is at the middle of a step, and bounds of what it does within the step.

Fed by the records of an Ephemeris (nodes.pyx), walked through by tracss_hpc/ephemeris/steps.py;
feeds the pair filters (neighbours.pyx, close_approach.pyx), which need metres, not millimetres. So
this is single precision, 16 objects at a time, one object a lane:

    record of a segment --when its time comes--> lane of the table --Horner--> x, v at the middle,
                            |x| at the ends --> ranges of |x| and of the way

A lane of the table is written when its object enters a segment, about every 24th step; between
two such times a block of 16 objects reads 96 contiguous bytes an object and branches nowhere.

Lines of the output, out[step][object][field], one cache line each:

    X Y Z VX VY VZ   at the middle m                                                    [km, km/s]
    LOW, HIGH        no |x| within the step is outside                                        [km]
    TRAVEL           no position within the step is farther from the one at m                 [km]
    GRAIN            x + t v, |t| <= half a step, from this table errs by less                [km]
    FORCE            no acceleration beside the two-body one is larger within the step    [km/s^2]

NaN in all of them where the object has no trajectory at the start, middle or end of the step.

GRAIN is the record's noise (nodes.pyx proves it) and 1e-6 r, which covers all that follows (radii,
differences, squares: below ten roundings) and the jumps below a metre that are not listed; LOW,
HIGH and TRAVEL hold it, so the pair filters need no rounding term of their own.

LOW, HIGH, TRAVEL. h is half a step, P is FORCE, and r >= Q =
6300 km: SGP4 ends a trajectory that falls below one Earth radius, 6378 km, and it is looked at
each second. Then |v| <= V = |v_m| + h G, G = mu / Q^2 + P, and r >= L = max(r_m - h V, Q).
    r'' = w^2/r^3 - mu/r^2 + p, w the angular momentum. The two-body part changes at the rate
    r' (2 mu/r^3 - 3 w^2/r^4) + 2 w w'/r^3; w^2 <= 2 mu r on a bound orbit and |w'| <= r P, so at
    most at 4 mu |r'|/L^3 + 2 V P/L. With |r'| <= V that gives a first bound S0 of |r''|, with it
    |r'| <= R = min(V, |r'_m| + h S0), and with R in place of V the bound S.
Between samples h apart (start, middle, end) r leaves the range of the sampled values by at most
S h^2/8. d|v|/dt is the acceleration along v, at most mu/L^2 R/|v| + P.

Arrays: record (m, RECORD) float, see _record.h; offset (n + 1,), start (n,): those of the
Ephemeris. The walker's own, b = ceil(n / 16) blocks: next_segment (n,), until, centre, scale
(16 b,), change (b,), table (b, 3, KEEP, 16), noise (b, 3, 16) of values, slopes and force, radius
(16 b,), |x| at the last edge. Units: km, km/s, s.
"""

from libc.math cimport NAN
from libc.stdint cimport int64_t

cdef extern from *:
    """
    #include <string.h>
    #include "_line.h"
    #include "_record.h"
    #define LANES 16
    typedef float vf __attribute__((vector_size(64)));
    typedef float vfu __attribute__((vector_size(64), aligned(4), may_alias));
    #define LD(p) (*(const vfu *)(p))
    #define ST(p, v) (*(vfu *)(p) = (v))

    typedef int vi __attribute__((vector_size(64)));
    static inline vf vsqrt(vf a)
    {
        float s[LANES];
        ST(s, a);
        for (int l = 0; l < LANES; l++) s[l] = __builtin_sqrtf(s[l]);
        return LD(s);
    }
    static inline vf vpick(vi mask, vf a, vf b) { return (vf)(((vi)a & mask) | ((vi)b & ~mask)); }
    static inline vf vmin(vf a, vf b) { return vpick(a < b, a, b); }
    static inline vf vmax(vf a, vf b) { return vpick(a > b, a, b); }
    static inline vf vabs(vf a) { return (vf)((vi)a & 0x7fffffff); }
    static inline vf tracss_x(
        const double *restrict centre, const double *restrict scale, double t)
    {
        float x[LANES];
        for (int l = 0; l < LANES; l++) x[l] = (float)((t - centre[l]) * scale[l]);
        return LD(x);
    }
    /* |x| of 16 objects at t. */
    static void tracss_edge(
        const float *restrict table, const double *restrict centre,
        const double *restrict scale, double t, float *restrict radius)
    {
        vf x = tracss_x(centre, scale, t), sum = x * 0.0f;
        for (int axis = 0; axis < 3; axis++) {
            const float *c = table + axis * KEEP * LANES;
            vf p = LD(c + (KEEP - 1) * LANES);
            for (int k = KEEP - 2; k >= 0; k--) p = p * x + LD(c + k * LANES);
            sum += p * p;
        }
        ST(radius, vsqrt(sum));
    }
    /* Positions and velocities of 16 objects at t: the first six planes. */
    static void tracss_middle(
        const float *restrict table, const double *restrict centre,
        const double *restrict scale, double t, float *restrict out)
    {
        float scale_[LANES];
        vf x = tracss_x(centre, scale, t), rate;
        for (int l = 0; l < LANES; l++) scale_[l] = (float)scale[l];
        rate = LD(scale_);
        for (int axis = 0; axis < 3; axis++) {
            const float *c = table + axis * KEEP * LANES;
            vf p = LD(c + (KEEP - 1) * LANES), d = p * 0.0f;
            for (int k = KEEP - 2; k >= 0; k--) {
                d = d * x + p;
                p = p * x + LD(c + k * LANES);
            }
            ST(out + (X + axis) * LANES, p);
            ST(out + (VX + axis) * LANES, d * rate);
        }
    }
    /* Write one lane of a block from a record. */
    static inline void tracss_enter(
        const float *restrict record, float *restrict table, float *restrict noise,
        double *restrict centre, double *restrict scale, double *restrict until)
    {
        for (long k = 0; k < 3 * KEEP; k++) table[k * LANES] = record[k];
        for (long k = 0; k < NOISE; k++) noise[k * LANES] = record[NOISE_AT + k];
        memcpy(centre, record + TIMES_AT, 8);
        memcpy(scale, record + TIMES_AT + 2, 8);
        memcpy(until, record + TIMES_AT + 4, 8);
    }
    static inline void tracss_prefetch(const void *p) { __builtin_prefetch(p); }
    /* The other fields of 16 objects, from the first six and |x| at both ends. */
    static void tracss_bounds(
        const float *restrict noise, float h, float mu, const float *restrict start,
        const float *restrict end, float *restrict out)
    {
        const float Q = 6300.0f;
        vf ra = LD(start), rb = LD(end), missing = (ra + rb) * 0.0f, force = LD(noise + 2 * LANES);
        vf x = LD(out) + missing, y = LD(out + Y * LANES), z = LD(out + Z * LANES);
        vf a = LD(out + VX * LANES), b = LD(out + VY * LANES), c = LD(out + VZ * LANES);
        vf r = vsqrt(x * x + y * y + z * z), v2 = a * a + b * b + c * c, v = vsqrt(v2);
        vf ir = 1.0f / r, climb = vabs(x * a + y * b + z * c) * ir;
        vf second = vabs((v2 - climb * climb) * ir - mu * ir * ir) + force;
        vf top = v + h * (mu / (Q * Q) + force);
        vf il = 1.0f / vmax(r - h * top, Q + missing);
        vf pull = mu * il * il, change = 4.0f * pull * il, twist = 2.0f * force * top * il;
        vf bend = second + h * (change * top + twist);
        climb = vmin(top, climb + h * bend);
        bend = (second + h * (change * climb + twist)) * (h * h * 0.125f);
        vf grain = LD(noise) + h * LD(noise + LANES) + 1e-6f * r;
        vf gain = vmin(pull, pull * climb / vmax(v - h * (pull + force), 1e-3f + missing)) + force;
        ST(out, x);
        ST(out + LOW * LANES, vmin(r, vmin(ra, rb)) - bend - grain);
        ST(out + HIGH * LANES, vmax(r, vmax(ra, rb)) + bend + grain);
        ST(out + TRAVEL * LANES, h * (v + h * gain) + grain);
        ST(out + GRAIN * LANES, grain);
        ST(out + FORCE * LANES, force + missing);
    }
    /* Fields of 16 objects to their lines. */
    #if defined(__AVX512F__)
    static inline vf vlow(vf a, vf b, int s)
    {
        vi mask;
        for (int l = 0; l < LANES; l++) mask[l] = l & s ? LANES + l - s : l;
        return __builtin_shuffle(a, b, mask);
    }
    static inline vf vhigh(vf a, vf b, int s)
    {
        vi mask;
        for (int l = 0; l < LANES; l++) mask[l] = l & s ? LANES + l : l + s;
        return __builtin_shuffle(a, b, mask);
    }
    static void tracss_lines(const float *restrict field, float *restrict line)
    {
        vf r[LANES];
        for (int k = 0; k < LANES; k++) r[k] = LD(field + k * LANES);
        #pragma GCC unroll 4
        for (int s = 8; s; s /= 2)
            #pragma GCC unroll 16
            for (int k = 0; k < LANES; k++)
                if (!(k & s)) {
                    vf a = r[k], b = r[k + s];
                    r[k] = vlow(a, b, s);
                    r[k + s] = vhigh(a, b, s);
                }
        for (int k = 0; k < LANES; k++) ST(line + k * LINE, r[k]);
    }
    #else
    static void tracss_lines(const float *restrict field, float *restrict line)
    {
        for (int l = 0; l < LANES; l++)
            for (int k = 0; k < LINE; k++) line[l * LINE + k] = field[k * LANES + l];
    }
    #endif
    """
    enum: LANES, LINE, KEEP, RECORD, NOISE
    void tracss_edge(const float*, const double*, const double*, double, float*) nogil
    void tracss_middle(const float*, const double*, const double*, double, float*) nogil
    void tracss_enter(const float*, float*, float*, double*, double*, double*) nogil
    void tracss_prefetch(const void*) nogil
    void tracss_bounds(
        const float*, float, float, const float*, const float*, float*
    ) nogil
    void tracss_lines(const float*, float*) nogil

cdef enum:
    AHEAD = 2  # blocks between fetching and using

cdef double NEVER = 1e300


#: Coefficients an axis, rows of noise, and objects a block of the walker's arrays; floats of a line.
TABLE_TERMS, NOISE_ROWS, BLOCK, LINE_WIDTH = KEEP, NOISE, LANES, LINE


cdef struct Walker:
    const int64_t* offset
    const double* start
    const float* record
    Py_ssize_t n
    int64_t* next
    double* until
    double* centre
    double* scale
    float* table
    float* noise


cdef void _enter(Walker* w, Py_ssize_t i, double t) noexcept nogil:
    """Write the lane of object i for time t, and until when it holds."""
    cdef Py_ssize_t k, block = i // LANES, lane = i % LANES
    cdef float* table = w.table + block * 3 * KEEP * LANES + lane
    cdef float* noise = w.noise + block * NOISE * LANES + lane
    if t >= w.start[i]:
        while w.next[i] < w.offset[i + 1]:
            tracss_enter(w.record + w.next[i] * RECORD, table, noise, w.centre + i, w.scale + i,
                         w.until + i)
            w.next[i] += 1
            if t < w.until[i]:
                return
    for k in range(3 * KEEP):
        table[k * LANES] = NAN
    w.until[i] = w.start[i] if t < w.start[i] else NEVER


cdef double _enter_block(Walker* w, Py_ssize_t first, double t) noexcept nogil:
    """Bring the lanes of the block of object `first` to time t; returns until when all hold."""
    cdef Py_ssize_t i
    cdef double least = NEVER
    for i in range(first, first + LANES if first + LANES < w.n else w.n):
        if t >= w.until[i]:
            _enter(w, i, t)
        if w.until[i] < least:
            least = w.until[i]
    return least


cdef void _prefetch(Walker* w, Py_ssize_t first, double t) noexcept nogil:
    """Fetch what the block of object `first` will enter before t: nobody has read it yet."""
    cdef Py_ssize_t i, k
    for i in range(first, first + LANES if first + LANES < w.n else w.n):
        if t >= w.until[i] and w.next[i] < w.offset[i + 1]:
            for k in range(0, RECORD, 16):
                tracss_prefetch(w.record + w.next[i] * RECORD + k)


def walk(
    const int64_t[::1] offset,
    const double[::1] start,
    const float[:, ::1] record,
    const double[::1] edges,
    double mu,
    int64_t[::1] next_segment,
    double[::1] until,
    double[::1] change,
    double[::1] centre,
    double[::1] scale,
    float[:, :, :, ::1] table,
    float[:, :, ::1] noise,
    float[::1] radius,
    float[:, :, ::1] out,
):
    """Lines of the steps between successive `edges`.

    The first edge is the last one of the call before, so that no edge is evaluated twice; on the
    first call `until` and `change` are -inf and `next_segment` is each object's first.
    """
    cdef Py_ssize_t blocks = table.shape[0], steps = edges.shape[0] - 1
    cdef Py_ssize_t block, first, q, lane
    cdef double t, h, due
    cdef float before[LANES]
    cdef float after[LANES]
    cdef float grain[NOISE * LANES]
    cdef float field[LINE * LANES]
    cdef float* own
    cdef float* place
    cdef Walker w
    if record.shape[0] == 0 or blocks == 0 or steps < 1:
        out[:] = NAN
        return
    w = Walker(&offset[0], &start[0], &record[0, 0], offset.shape[0] - 1, &next_segment[0],
               &until[0], &centre[0], &scale[0], &table[0, 0, 0, 0], &noise[0, 0, 0])
    with nogil:
        for lane in range(LINE * LANES):
            field[lane] = 0.0
        for block in range(blocks):
            first = block * LANES
            due = change[block]
            own = &noise[block, 0, 0]
            place = &table[block, 0, 0, 0]
            if block + AHEAD < blocks:
                _prefetch(&w, first + AHEAD * LANES, edges[steps])
            if due < edges[0]:
                due = _enter_block(&w, first, edges[0])
                tracss_edge(place, &centre[first], &scale[first], edges[0], before)
            else:
                for lane in range(LANES):
                    before[lane] = radius[first + lane]
            for q in range(steps):
                h = 0.5 * (edges[q + 1] - edges[q])
                t = edges[q] + h
                for lane in range(NOISE * LANES):
                    grain[lane] = own[lane]
                if t >= due:
                    due = _enter_block(&w, first, t)
                    for lane in range(NOISE * LANES):
                        grain[lane] = own[lane] if own[lane] > grain[lane] else grain[lane]
                tracss_middle(place, &centre[first], &scale[first], t, field)
                if edges[q + 1] >= due:
                    due = _enter_block(&w, first, edges[q + 1])
                    for lane in range(NOISE * LANES):
                        grain[lane] = own[lane] if own[lane] > grain[lane] else grain[lane]
                tracss_edge(place, &centre[first], &scale[first], edges[q + 1], after)
                tracss_bounds(grain, <float>h, <float>mu, before, after, field)
                tracss_lines(field, &out[q, first, 0])
                for lane in range(LANES):
                    before[lane] = after[lane]
            change[block] = due
            for lane in range(LANES):
                radius[first + lane] = before[lane]
