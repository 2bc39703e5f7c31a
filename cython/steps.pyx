"""Where every object is at the middle of a step, and bounds of what it does within the step.

Fed by the segments of an Ephemeris (tracss_hpc/ephemeris/nodes.py), walked through by
tracss_hpc/ephemeris/steps.py; feeds the pair filters (neighbours.pyx, close_approach.pyx), which
need metres, not millimetres. So this is single precision, 16 objects at a time, one object a lane:

    segment: 13 Chebyshev terms, double --cut, as a power series--> record: `keep` terms, float
    record --when its time comes--> lane of the table --Horner--> x, v at the middle, |x| at the
    ends --> ranges of |x| and of the way

A lane of the table is written when its object enters a segment, about every 24th step; between
two such times a block of 16 objects reads 96 contiguous bytes an object and branches nowhere. The
coefficients of six hours are 150 MB: they are read once, in order, when the records are made.

Planes of the output, out[step][plane][object]:

    X Y Z VX VY VZ   at the middle m                                                    [km, km/s]
    LOW, HIGH        no |x| within the step is outside                                        [km]
    TRAVEL           no position within the step is farther from the one at m                 [km]
    GRAIN            x + t v, |t| <= half a step, from this table errs by less                [km]

NaN in all of them where the object has no trajectory at the start, middle or end of the step.

GRAIN. With u = 2^-24, coefficient k of a power series meets, on its way through Horner's rule for
the value or the derivative, at most 3k + 3 roundings: its own, 2k + 2 of the rule, k of x. So a
value errs by at most u sum (3k + 3)|m_k|, a derivative by u sum k (3k + 3)|m_k|, and what was cut
off by sum |c_k| and sum k^2 |c_k|, k >= keep (|T_k| <= 1, |T_k'| <= k^2). u is taken 2 % larger
for second-order terms. 1e-6 r covers all that follows (radii, differences, squares: below ten
roundings); LOW, HIGH and TRAVEL hold it, so the pair filters need no rounding term of their own.

LOW, HIGH, TRAVEL. h is half a step, P the bound on all but two-body acceleration, and r >= Q =
6300 km: SGP4 ends a trajectory that falls below one Earth radius, 6378 km, and it is looked at
each second. Then |v| <= V = |v_m| + h G, G = mu / Q^2 + P, and r >= L = max(r_m - h V, Q).
    r'' = w^2/r^3 - mu/r^2 + p, w the angular momentum. The two-body part changes at the rate
    r' (2 mu/r^3 - 3 w^2/r^4) + 2 w w'/r^3; w^2 <= 2 mu r on a bound orbit and |w'| <= r P, so at
    most at 4 mu |r'|/L^3 + 2 V P/L. With |r'| <= V that gives a first bound S0 of |r''|, with it
    |r'| <= R = min(V, |r'_m| + h S0), and with R in place of V the bound S.
Between samples h apart (start, middle, end) r leaves the range of the sampled values by at most
S h^2/8. d|v|/dt is the acceleration along v, at most mu/L^2 R/|v| + P.

Arrays: begin, mid, inv_half (m,), coef (m, 3, terms), offset (n + 1,), start, stop (n,): those of
the Ephemeris. power (keep, keep): row j is the power series of T_j; record (m, 3 keep + 8) float.
The walker's own, b = ceil(n / 16) blocks: next_segment (n,), until, centre, scale (16 b,),
change (b,), table (b, 3, keep, 16; keep a multiple of four), noise (b, 2, 16), radius (16 b,), |x|
at the last edge. Units: km, km/s, s.
"""

from libc.math cimport NAN
from libc.stdint cimport int64_t

cdef extern from *:
    """
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
    static inline __attribute__((always_inline)) void edge_of(
        const float *restrict table, int keep, const double *restrict centre,
        const double *restrict scale, double t, float *restrict radius)
    {
        vf x = tracss_x(centre, scale, t), sum = x * 0.0f;
        for (int axis = 0; axis < 3; axis++) {
            const float *c = table + axis * keep * LANES;
            vf p = LD(c + (keep - 1) * LANES);
            for (int k = keep - 2; k >= 0; k--) p = p * x + LD(c + k * LANES);
            sum += p * p;
        }
        ST(radius, vsqrt(sum));
    }
    /* Positions and velocities of 16 objects at t: the first six planes. */
    static inline __attribute__((always_inline)) void middle_of(
        const float *restrict table, int keep, const double *restrict centre,
        const double *restrict scale, double t, float *restrict out, long stride)
    {
        float scale_[LANES];
        vf x = tracss_x(centre, scale, t), rate;
        for (int l = 0; l < LANES; l++) scale_[l] = (float)scale[l];
        rate = LD(scale_);
        for (int axis = 0; axis < 3; axis++) {
            const float *c = table + axis * keep * LANES;
            vf p = LD(c + (keep - 1) * LANES), d = p * 0.0f;
            for (int k = keep - 2; k >= 0; k--) {
                d = d * x + p;
                p = p * x + LD(c + k * LANES);
            }
            ST(out + axis * stride, p);
            ST(out + (axis + 3) * stride, d * rate);
        }
    }
    static void tracss_edge(
        const float *table, int keep, const double *centre, const double *scale, double t,
        float *radius)
    {
        if (keep == 8) edge_of(table, 8, centre, scale, t, radius);
        else edge_of(table, keep, centre, scale, t, radius);
    }
    static void tracss_middle(
        const float *table, int keep, const double *centre, const double *scale, double t,
        float *out, long stride)
    {
        if (keep == 8) middle_of(table, 8, centre, scale, t, out, stride);
        else middle_of(table, keep, centre, scale, t, out, stride);
    }
    /* A record: 3 keep floats, noise of values and of slopes, then three doubles: centre, scale,
       end. */
    static inline __attribute__((always_inline)) void record_of(
        const double *restrict coef, long terms, const double *restrict power, long keep,
        double centre, double scale, double end, float *restrict record)
    {
        const double unit = 6.08e-8; /* 2^-24, 2 % up for the second order */
        double size[32], value = 0.0, slope = 0.0;
        for (long k = 0; k < keep; k++) size[k] = 0.0;
        for (int axis = 0; axis < 3; axis++) {
            const double *c = coef + axis * terms;
            for (long k = 0; k < keep; k += 4) {
                double sum[4] = {0.0, 0.0, 0.0, 0.0};
                for (long j = k; j < keep; j++)
                    for (int q = 0; q < 4; q++) sum[q] += c[j] * power[j * keep + k + q];
                for (int q = 0; q < 4; q++) {
                    record[axis * keep + k + q] = (float)sum[q];
                    size[k + q] += __builtin_fabs(sum[q]);
                }
            }
        }
        for (long k = 0; k < keep; k++) {
            value += (3 * k + 3) * size[k];
            slope += k * (3 * k + 3) * size[k];
        }
        value *= unit;
        slope *= unit;
        for (long k = keep; k < terms; k++) {
            double cut = __builtin_fabs(coef[k]) + __builtin_fabs(coef[terms + k])
                       + __builtin_fabs(coef[2 * terms + k]);
            value += cut;
            slope += k * k * cut;
        }
        record[3 * keep] = (float)value;
        record[3 * keep + 1] = (float)(slope * scale);
        __builtin_memcpy(record + 3 * keep + 2, &centre, 8);
        __builtin_memcpy(record + 3 * keep + 4, &scale, 8);
        __builtin_memcpy(record + 3 * keep + 6, &end, 8);
    }
    static void tracss_record(
        const double *coef, long terms, const double *power, long keep, double centre,
        double scale, double end, float *record)
    {
        if (keep == 8) record_of(coef, terms, power, 8, centre, scale, end, record);
        else record_of(coef, terms, power, keep, centre, scale, end, record);
    }
    /* Write one lane of a block from a record. */
    static inline void tracss_enter(
        const float *restrict record, long keep, float *restrict table, float *restrict noise,
        double *restrict centre, double *restrict scale, double *restrict until)
    {
        for (long k = 0; k < 3 * keep; k++) table[k * LANES] = record[k];
        noise[0] = record[3 * keep];
        noise[LANES] = record[3 * keep + 1];
        __builtin_memcpy(centre, record + 3 * keep + 2, 8);
        __builtin_memcpy(scale, record + 3 * keep + 4, 8);
        __builtin_memcpy(until, record + 3 * keep + 6, 8);
    }
    static inline void tracss_prefetch(const void *p) { __builtin_prefetch(p); }
    /* The other planes, from the first six and |x| at both ends; noise: of values, of slopes. */
    static void tracss_bounds(
        const float *restrict noise, float h, float mu, float force, const float *restrict start,
        const float *restrict end, float *restrict out, long stride)
    {
        const float Q = 6300.0f;
        vf ra = LD(start), rb = LD(end), missing = (ra + rb) * 0.0f;
        vf x = LD(out) + missing, y = LD(out + stride), z = LD(out + 2 * stride);
        vf a = LD(out + 3 * stride), b = LD(out + 4 * stride), c = LD(out + 5 * stride);
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
        ST(out + 6 * stride, vmin(r, vmin(ra, rb)) - bend - grain);
        ST(out + 7 * stride, vmax(r, vmax(ra, rb)) + bend + grain);
        ST(out + 8 * stride, h * (v + h * gain) + grain);
        ST(out + 9 * stride, grain);
    }
    """
    void tracss_edge(const float*, int, const double*, const double*, double, float*) nogil
    void tracss_middle(const float*, int, const double*, const double*, double, float*, long) nogil
    void tracss_record(
        const double*, long, const double*, long, double, double, double, float*
    ) nogil
    void tracss_enter(const float*, long, float*, float*, double*, double*, double*) nogil
    void tracss_prefetch(const void*) nogil
    void tracss_bounds(
        const float*, float, float, float, const float*, const float*, float*, long
    ) nogil

cdef enum:
    LANES = 16
    MAX_TERMS = 32
    AHEAD = 2  # blocks between fetching and using

cdef double NEVER = 1e300


def make_records(
    const int64_t[::1] offset,
    const double[::1] begin,
    const double[::1] mid,
    const double[::1] inv_half,
    const double[:, :, ::1] coef,
    const double[::1] stop,
    const double[:, ::1] power,
    float[:, ::1] record,
):
    """Every segment cut to a short power series, in the order of the segments."""
    cdef Py_ssize_t n = offset.shape[0] - 1, terms = coef.shape[2], keep = power.shape[0], i
    cdef int64_t s
    cdef double end
    if keep > MAX_TERMS or keep > terms or keep % 4:
        raise ValueError(
            f"{keep} terms kept of {terms}: wanted is a multiple of four, at most {MAX_TERMS}"
        )
    if record.shape[1] != 3 * keep + 8 or record.shape[0] != coef.shape[0]:
        raise ValueError(f"records of shape {record.shape[0]} x {record.shape[1]}")
    if coef.shape[0] == 0:
        return
    with nogil:
        for i in range(n):
            for s in range(offset[i], offset[i + 1]):
                # The last instant belongs to the last segment.
                end = stop[i] + 1e-6
                if s + 1 < offset[i + 1] and begin[s + 1] < end:
                    end = begin[s + 1]
                tracss_record(&coef[s, 0, 0], terms, &power[0, 0], keep, mid[s], inv_half[s], end,
                              &record[s, 0])


cdef struct Walker:
    const int64_t* offset
    const double* start
    const float* record
    Py_ssize_t n
    Py_ssize_t keep
    int64_t* next
    double* until
    double* centre
    double* scale
    float* table
    float* noise


cdef void _enter(Walker* w, Py_ssize_t i, double t) noexcept nogil:
    """Write the lane of object i for time t, and until when it holds."""
    cdef Py_ssize_t k, keep = w.keep, block = i // LANES, lane = i % LANES
    cdef float* table = w.table + block * 3 * keep * LANES + lane
    cdef float* noise = w.noise + block * 2 * LANES + lane
    if t >= w.start[i]:
        while w.next[i] < w.offset[i + 1]:
            tracss_enter(w.record + w.next[i] * (3 * keep + 8), keep, table, noise, w.centre + i,
                         w.scale + i, w.until + i)
            w.next[i] += 1
            if t < w.until[i]:
                return
    for k in range(3 * keep):
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
    cdef Py_ssize_t i, k, size = 3 * w.keep + 8
    for i in range(first, first + LANES if first + LANES < w.n else w.n):
        if t >= w.until[i] and w.next[i] < w.offset[i + 1]:
            for k in range(0, size, 16):
                tracss_prefetch(w.record + w.next[i] * size + k)


def walk(
    const int64_t[::1] offset,
    const double[::1] start,
    const float[:, ::1] record,
    const double[::1] edges,
    double mu,
    double perturbation,
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
    """Planes of the steps between successive `edges`.

    The first edge is the last one of the call before, so that no edge is evaluated twice; on the
    first call `until` and `change` are -inf and `next_segment` is each object's first.
    """
    cdef Py_ssize_t blocks = table.shape[0], steps = edges.shape[0] - 1, stride = out.shape[2]
    cdef Py_ssize_t block, first, q, lane
    cdef int keep = <int>table.shape[2]
    cdef double t, h, due
    cdef float before[LANES]
    cdef float after[LANES]
    cdef float grain[2 * LANES]
    cdef float* own
    cdef float* place
    cdef Walker w
    if record.shape[0] == 0 or blocks == 0 or steps < 1:
        out[:] = NAN
        return
    w = Walker(&offset[0], &start[0], &record[0, 0], offset.shape[0] - 1, keep, &next_segment[0],
               &until[0], &centre[0], &scale[0], &table[0, 0, 0, 0], &noise[0, 0, 0])
    with nogil:
        for block in range(blocks):
            first = block * LANES
            due = change[block]
            own = &noise[block, 0, 0]
            place = &table[block, 0, 0, 0]
            if block + AHEAD < blocks:
                _prefetch(&w, first + AHEAD * LANES, edges[steps])
            if due < edges[0]:
                due = _enter_block(&w, first, edges[0])
                tracss_edge(place, keep, &centre[first], &scale[first], edges[0], before)
            else:
                for lane in range(LANES):
                    before[lane] = radius[first + lane]
            for q in range(steps):
                h = 0.5 * (edges[q + 1] - edges[q])
                t = edges[q] + h
                for lane in range(2 * LANES):
                    grain[lane] = own[lane]
                if t >= due:
                    due = _enter_block(&w, first, t)
                    for lane in range(2 * LANES):
                        grain[lane] = own[lane] if own[lane] > grain[lane] else grain[lane]
                tracss_middle(place, keep, &centre[first], &scale[first], t, &out[q, 0, first],
                              stride)
                if edges[q + 1] >= due:
                    due = _enter_block(&w, first, edges[q + 1])
                    for lane in range(2 * LANES):
                        grain[lane] = own[lane] if own[lane] > grain[lane] else grain[lane]
                tracss_edge(place, keep, &centre[first], &scale[first], edges[q + 1], after)
                tracss_bounds(grain, <float>h, <float>mu, <float>perturbation, before, after,
                              &out[q, 0, first], stride)
                for lane in range(LANES):
                    before[lane] = after[lane]
            change[block] = due
            for lane in range(LANES):
                radius[first + lane] = before[lane]
