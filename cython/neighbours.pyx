"""Pairs of objects that may meet within one step: cell grid, reach and radial-interval filters.

Fed by the planes of steps.pyx, one step at a time; its candidates go to close_approach. Single
precision throughout; the planes' bounds hold its rounding.

What makes a pair a candidate, and why none is lost. Let a conjunction of i and j happen at time t
within the step, m its middle; D = max(rho_i, rho_j) with rho the circumscribed radius of an
object's volume (minus infinity for an object that cannot catch anything now, so a pair in which
neither can is never a candidate); TRAVEL, LOW and HIGH as steps.pyx proves them.

reach            |dr(m)| <= |dr(t)| + TRAVEL_i + TRAVEL_j <= D + TRAVEL_i + TRAVEL_j.
cell grid        cubes of edge >= the largest reach among slow objects, those with TRAVEL <= 8 km/s
                 times half a step: two slow objects that may meet lie in the same or in adjacent
                 cells. Cell numbers wrap modulo 32 in each axis, which can only add candidates.
                 A fast object is compared with the slow ones in every cell that the cube of half
                 side rho_max + travel_max + TRAVEL_i around it meets, and with every fast one.
radial_interval  at t the other object lies within i's volume: ||r_j| - |r_i|| <= pad_i, where
                 pad_i = R + (T^2 + N^2) / (2 (r - R)) for half-sizes R, T, N (Pythagoras:
                 |r_j|^2 = (|r_i| + R)^2 + T^2 + N^2). So the ranges of |r_i| and |r_j| over the
                 step come within max(pad_i, pad_j) of each other [Hoots1984, filter 1, per step].

Rounding. x = X / edge errs by 1.2e-7 |x| and TRAVEL holds 1e-6 r, so the distance of two objects
in cells errs by less than what their TRAVEL has to spare; 0.01 km covers the rest.

How it is made fast. Slow objects are sorted by cell (counting sort). Around each cell that has
any, the cells that its objects must look at are copied into one tile, so that each object runs
over a few full vectors without a branch but "any hit?", taken by one vector in ten:

    own cell | next along z | 4 columns of 3 cells, one run each | NaN
    '-- i --' '------------------ j > i ------------------------'

Where few objects catch (after the LEO span, or with few primaries) only these i are taken, and the
tile holds all 27 cells.

Arrays: plane (10, >= n) float32, see steps.pyx; pad, rho (n,) float32; NaN columns are skipped.
Output: pairs (capacity, 2) int32 with row numbers, smaller first; the return value is the number
found, which may exceed the capacity: then call again with more room. Units: km, km/s, s.
"""

from libc.math cimport INFINITY, NAN, floor
from libc.stdint cimport int32_t, int64_t

import numpy as np

cdef extern from *:
    """
    #define TRACSS_BLOCK 16
    #if defined(__AVX512F__)
    #include <immintrin.h>
    #endif
    /* Columns of objects that are compared, each `width` after the one before; own: one of them,
       reach2 its largest reach squared. */
    typedef struct {
        float *x, *y, *z, *low, *high, *pad;
        long width;
    } tracss_columns;
    typedef struct {
        float x, y, z, low, high, pad, reach2;
    } tracss_own;

    /* Which of 16 objects from b on may be candidates with `own`, as bits. The two bodies do the
       same operations: GCC 12 does not turn the flags of the portable one into a mask register. */
    #if defined(__AVX512F__)
    static inline unsigned tracss_hits(const tracss_columns *c, long b, const tracss_own *o)
    {
        /* Three registers address six columns. */
        const long w = c->width;
        const float *x = c->x + b, *low = x + 3 * w;
        __m512 dx = _mm512_sub_ps(_mm512_loadu_ps(x), _mm512_set1_ps(o->x));
        __m512 dy = _mm512_sub_ps(_mm512_loadu_ps(x + w), _mm512_set1_ps(o->y));
        __m512 dz = _mm512_sub_ps(_mm512_loadu_ps(x + 2 * w), _mm512_set1_ps(o->z));
        __m512 p = _mm512_max_ps(_mm512_loadu_ps(low + 2 * w), _mm512_set1_ps(o->pad));
        __m512 square = _mm512_add_ps(
            _mm512_add_ps(_mm512_mul_ps(dx, dx), _mm512_mul_ps(dy, dy)), _mm512_mul_ps(dz, dz));
        __mmask16 hit = _mm512_cmp_ps_mask(
            _mm512_sub_ps(_mm512_loadu_ps(low), _mm512_set1_ps(o->high)), p, _CMP_LE_OQ);
        hit = _mm512_mask_cmp_ps_mask(
            hit, _mm512_sub_ps(_mm512_set1_ps(o->low), _mm512_loadu_ps(low + w)), p, _CMP_LE_OQ);
        return _mm512_mask_cmp_ps_mask(hit, square, _mm512_set1_ps(o->reach2), _CMP_LE_OQ);
    }
    #else
    static inline unsigned tracss_hits(const tracss_columns *c, long b, const tracss_own *own)
    {
        const float *restrict x = c->x + b, *restrict y = c->y + b, *restrict z = c->z + b;
        const float *restrict low = c->low + b, *restrict high = c->high + b;
        const float *restrict pad = c->pad + b;
        const tracss_own o = *own;
        int hit[TRACSS_BLOCK], any = 0;
        unsigned bits = 0;
        for (int k = 0; k < TRACSS_BLOCK; k++) {
            float dx = x[k] - o.x, dy = y[k] - o.y, dz = z[k] - o.z;
            float p = pad[k] > o.pad ? pad[k] : o.pad;
            hit[k] = (dx * dx + dy * dy + dz * dz <= o.reach2)
                   & (low[k] - o.high <= p) & (o.low - high[k] <= p);
        }
        for (int k = 0; k < TRACSS_BLOCK; k++) any |= hit[k];
        if (any) for (int k = 0; k < TRACSS_BLOCK; k++) bits |= (unsigned)hit[k] << k;
        return bits;
    }
    #endif
    /* Copy `count` objects, 16 at a time: up to 15 more are written. Left to itself GCC makes 64
       bytes a call of memmove. */
    __attribute__((optimize("no-tree-loop-distribute-patterns")))
    static void tracss_append(
        const tracss_columns *to, long size, const tracss_columns *from, long first, long count,
        int *restrict place)
    {
        typedef float block __attribute__((vector_size(64), aligned(4), may_alias));
        for (long b = 0; b < count; b += TRACSS_BLOCK) {
            *(block *)(to->x + size + b) = *(const block *)(from->x + first + b);
            *(block *)(to->y + size + b) = *(const block *)(from->y + first + b);
            *(block *)(to->z + size + b) = *(const block *)(from->z + first + b);
            *(block *)(to->low + size + b) = *(const block *)(from->low + first + b);
            *(block *)(to->high + size + b) = *(const block *)(from->high + first + b);
            *(block *)(to->pad + size + b) = *(const block *)(from->pad + first + b);
            for (int k = 0; k < TRACSS_BLOCK; k++) place[size + b + k] = (int)(first + b + k);
        }
    }
    static void tracss_gather(
        float *restrict to, const float *restrict from, const int *restrict row, long count,
        float extra)
    {
        for (long k = 0; k < count; k++) to[k] = from[row[k]] + extra;
    }
    /* Cell of each object: -1 for a fast one, -2 for one that is not there. */
    static void tracss_cells(
        const float *restrict x, const float *restrict y, const float *restrict z,
        const float *restrict travel, long n, float per_edge, float limit, int *restrict cell)
    {
        for (long i = 0; i < n; i++) {
            int there = travel[i] == travel[i];
            float fx = there ? x[i] * per_edge : 0.0f;
            float fy = there ? y[i] * per_edge : 0.0f;
            float fz = there ? z[i] * per_edge : 0.0f;
            int cx = (int)fx, cy = (int)fy, cz = (int)fz;
            cx -= (float)cx > fx;
            cy -= (float)cy > fy;
            cz -= (float)cz > fz;
            int c = ((cx & 31) << 10) | ((cy & 31) << 5) | (cz & 31);
            c = travel[i] <= limit ? c : -1;
            cell[i] = there ? c : -2;
        }
    }
    /* Largest value up to `limit`, at least 0. */
    static float tracss_largest(const float *restrict a, long n, float limit)
    {
        float top[TRACSS_BLOCK] = {0.0f};
        long i = 0;
        for (; i + TRACSS_BLOCK <= n; i += TRACSS_BLOCK)
            for (int k = 0; k < TRACSS_BLOCK; k++) {
                float v = a[i + k] <= limit ? a[i + k] : 0.0f;
                top[k] = v > top[k] ? v : top[k];
            }
        for (; i < n; i++) if (a[i] <= limit && a[i] > top[0]) top[0] = a[i];
        for (int k = 1; k < TRACSS_BLOCK; k++) top[0] = top[k] > top[0] ? top[k] : top[0];
        return top[0];
    }
    static inline int tracss_lowest(unsigned bits) { return __builtin_ctz(bits); }
    """
    ctypedef struct Columns "tracss_columns":
        float* x
        float* y
        float* z
        float* low
        float* high
        float* pad
        long width
    ctypedef struct Own "tracss_own":
        float x
        float y
        float z
        float low
        float high
        float pad
        float reach2
    unsigned int tracss_hits(const Columns*, long, const Own*) nogil
    void tracss_append(const Columns*, long, const Columns*, long, long, int32_t*) nogil
    void tracss_gather(float*, const float*, const int32_t*, long, float) nogil
    void tracss_cells(
        const float*, const float*, const float*, const float*, long, float, float, int32_t*
    ) nogil
    float tracss_largest(const float*, long, float) nogil
    int tracss_lowest(unsigned int) nogil

cdef enum:
    SIDE = 32  # cells in each axis before the numbers wrap
    MASK = 31
    CELLS = 32768
    MOST_RUNS = 20  # three along the own column, eight columns in two parts, one to spare
    BLOCK = 16
    # Planes of steps.pyx.
    X = 0
    Y = 1
    Z = 2
    LOW = 6
    HIGH = 7
    TRAVEL = 8

# Speed of objects that share the cell grid [km/s]; circular orbits stay under it.
SPEED_LIMIT = 8.0
# Where fewer than one slow object in so many can catch, only those look around.
cdef enum:
    FEW = 4


cdef struct Pairs:
    int32_t* rows
    Py_ssize_t room
    Py_ssize_t found


cdef struct Sorted:
    Columns c
    float* rho
    float* travel
    int32_t* row
    const int32_t* starts
    Py_ssize_t slow
    Py_ssize_t total


cdef inline Own _own(const Sorted* s, Py_ssize_t i, float others) noexcept nogil:
    """Object i; `others` is the largest rho + TRAVEL that it is compared with."""
    cdef Own o
    o.x = s.c.x[i]
    o.y = s.c.y[i]
    o.z = s.c.z[i]
    o.low = s.c.low[i]
    o.high = s.c.high[i]
    o.pad = s.c.pad[i]
    o.reach2 = (s.travel[i] + others) * (s.travel[i] + others)
    return o


cdef inline void _add(const Sorted* s, Py_ssize_t i, Py_ssize_t j, Pairs* p) noexcept nogil:
    """Add the sorted objects i and j if they pass `reach` with their own rho and TRAVEL."""
    cdef float dx = s.c.x[j] - s.c.x[i], dy = s.c.y[j] - s.c.y[i], dz = s.c.z[j] - s.c.z[i]
    cdef float d = s.rho[i] if s.rho[i] > s.rho[j] else s.rho[j]
    cdef float reach = d + s.travel[i] + s.travel[j]
    cdef int32_t a = s.row[i], b = s.row[j]
    if d < 0.0 or dx * dx + dy * dy + dz * dz > reach * reach:
        return
    if p.found < p.room:
        p.rows[2 * p.found] = a if a < b else b
        p.rows[2 * p.found + 1] = b if a < b else a
    p.found += 1


cdef inline void _scan(
    const Sorted* s, const Own* own, Py_ssize_t i, Py_ssize_t first, Py_ssize_t last, Pairs* p
) noexcept nogil:
    """Compare object i with the sorted ones first .. last - 1."""
    cdef Py_ssize_t b = first
    cdef unsigned int bits
    while b < last:
        bits = tracss_hits(&s.c, b, own)
        if bits:
            if last - b < BLOCK:
                bits &= (1u << (last - b)) - 1
            while bits:
                _add(s, i, b + tracss_lowest(bits), p)
                bits &= bits - 1
        b += BLOCK


cdef struct Runs:
    Py_ssize_t count  # of runs
    Py_ssize_t objects  # in them
    int32_t first[MOST_RUNS]
    int32_t last[MOST_RUNS]


cdef inline void _add_run(Runs* runs, int32_t first, int32_t last) noexcept nogil:
    runs.first[runs.count] = first
    runs.last[runs.count] = last
    runs.objects += last - first
    runs.count += last > first


cdef inline void _add_column(
    const Sorted* s, Runs* runs, Py_ssize_t column, Py_ssize_t low, Py_ssize_t high
) noexcept nogil:
    """Add cells low .. high - 1 of one column along z, wrapping at both ends."""
    cdef const int32_t* starts = s.starts + column * SIDE
    if low < 0:
        _add_run(runs, starts[SIDE + low], starts[SIDE])
        low = 0
    if high > SIDE:
        _add_run(runs, starts[0], starts[high - SIDE])
        high = SIDE
    _add_run(runs, starts[low], starts[high])


cdef void _look_around(const Sorted* s, Py_ssize_t cell, bint whole, Runs* runs) noexcept nogil:
    """Own cell first, then those around it: the later half of them, or `whole`."""
    cdef Py_ssize_t cz = cell & MASK, cy = (cell // SIDE) & MASK, cx = cell // (SIDE * SIDE)
    cdef Py_ssize_t dx, dy
    runs.count = 0
    runs.objects = 0
    _add_run(runs, s.starts[cell], s.starts[cell + 1])
    if cz + 1 < SIDE:
        _add_run(runs, s.starts[cell + 1], s.starts[cell + 2])
    else:
        _add_run(runs, s.starts[cell - MASK], s.starts[cell - MASK + 1])
    if whole:
        if cz > 0:
            _add_run(runs, s.starts[cell - 1], s.starts[cell])
        else:
            _add_run(runs, s.starts[cell + MASK], s.starts[cell + MASK + 1])
    for dx in range(-1 if whole else 0, 2):
        for dy in range(-1, 2):
            if dx == 0 and (dy == 0 or (dy < 0 and not whole)):
                continue
            _add_column(
                s, runs, ((cx + dx) & MASK) * SIDE + ((cy + dy) & MASK), cz - 1, cz + 2
            )


cdef struct Tile:
    Columns c
    int32_t* place  # of each object of the tile among the sorted
    Py_ssize_t first  # own cell's objects, first .. last - 1, come first
    Py_ssize_t last
    Py_ssize_t size


cdef void _fill(const Sorted* s, Tile* tile, Py_ssize_t cell, bint few) noexcept nogil:
    """What the objects of a cell must look at; size 0 if there is nothing to compare."""
    cdef Py_ssize_t i, k, size = 0
    cdef Runs runs
    tile.first = s.starts[cell]
    tile.last = s.starts[cell + 1]
    tile.size = 0
    if few:
        for i in range(tile.first, tile.last):
            if s.rho[i] >= 0.0:
                size = 1
        if size == 0:
            return
    _look_around(s, cell, few, &runs)
    if runs.objects < 2:
        return
    size = 0
    for k in range(runs.count):
        tracss_append(&tile.c, size, &s.c, runs.first[k], runs.last[k] - runs.first[k], tile.place)
        size += runs.last[k] - runs.first[k]
    for k in range(BLOCK):
        tile.c.x[size + k] = NAN
    tile.size = size


cdef int64_t _compare(
    const Sorted* s, const Tile* tile, bint few, float others, Pairs* p
) noexcept nogil:
    """All pairs of a tile's own objects with those they must look at; returns how many."""
    cdef Py_ssize_t i, j, k, b
    cdef int64_t count = 0
    cdef unsigned int bits
    cdef Own o
    if tile.size == 0:
        return 0
    for i in range(tile.first, tile.last):
        if few and not s.rho[i] >= 0.0:
            continue
        o = _own(s, i, others)
        b = 0 if few else (i - tile.first + 1) & ~(BLOCK - 1)
        count += tile.size - 1 if few else tile.size - 1 - (i - tile.first)
        while b < tile.size:
            bits = tracss_hits(&tile.c, b, &o)
            while bits:
                k = b + tracss_lowest(bits)
                j = tile.place[k]
                bits &= bits - 1
                # Each pair once: in the own cell, or if both catch and so both look around.
                if (j > i or not s.rho[j] >= 0.0) if few else k > i - tile.first:
                    _add(s, i, j, p)
            b += BLOCK
    return count


cdef int64_t _compare_fast(
    const Sorted* s, Py_ssize_t i, double edge, float slow_others, float others, Pairs* p
) noexcept nogil:
    """A fast object with every slow one in reach, and with the fast ones after it."""
    cdef Own o = _own(s, i, others)
    cdef int64_t count = s.total - i - 1
    cdef double span = s.travel[i] + slow_others + 0.01
    cdef Py_ssize_t low[3]
    cdef Py_ssize_t high[3]
    cdef Py_ssize_t q, a, b, cut, first, last
    cdef const int32_t* starts
    cdef double at[3]
    at[0] = o.x
    at[1] = o.y
    at[2] = o.z
    _scan(s, &o, i, i + 1, s.total, p)
    if s.slow == 0:
        return count
    o = _own(s, i, slow_others)
    for q in range(3):
        low[q] = <Py_ssize_t>floor((at[q] - span) / edge)
        high[q] = <Py_ssize_t>floor((at[q] + span) / edge) + 1
        if high[q] - low[q] >= SIDE:
            _scan(s, &o, i, 0, s.slow, p)
            return count + s.slow
    cut = low[2] & MASK  # the run of cells along z, from `cut` on, may wrap once
    for a in range(low[0], high[0]):
        for b in range(low[1], high[1]):
            starts = s.starts + ((a & MASK) * SIDE + (b & MASK)) * SIDE
            q = cut + high[2] - low[2]
            first = starts[cut]
            last = starts[q if q < SIDE else SIDE]
            _scan(s, &o, i, first, last, p)
            count += last - first
            if q > SIDE:
                first = starts[0]
                last = starts[q - SIDE]
                _scan(s, &o, i, first, last, p)
                count += last - first
    return count


cdef void _columns(Columns* c, float* base, Py_ssize_t width) noexcept nogil:
    c.x = base
    c.y = base + width
    c.z = base + 2 * width
    c.low = base + 3 * width
    c.high = base + 4 * width
    c.pad = base + 5 * width
    c.width = width


cdef Py_ssize_t _sort(
    Sorted* s, const float* rho, Py_ssize_t n, const int32_t* cell_of, int32_t* starts
) noexcept nogil:
    """Counting sort of the slow objects by cell, then the fast ones; how many slow ones catch."""
    cdef Py_ssize_t i, k, catching = 0
    cdef int32_t cell, sum = 0, before
    for k in range(CELLS + 1):
        starts[k] = 0
    for i in range(n):
        if cell_of[i] >= 0:
            starts[cell_of[i]] += 1
            catching += rho[i] >= 0.0
    for k in range(CELLS + 1):
        before = sum
        sum += starts[k]
        starts[k] = before
    s.slow = sum
    s.total = sum
    for i in range(n):
        cell = cell_of[i]
        if cell >= 0:
            s.row[starts[cell]] = <int32_t>i
            starts[cell] += 1
        elif cell == -1:
            s.row[s.total] = <int32_t>i
            s.total += 1
    # Each start has moved to its cell's end, the next one's start.
    for k in range(CELLS, 0, -1):
        starts[k] = starts[k - 1]
    starts[0] = 0
    return catching


def make_scratch(n):
    """Working memory of find_pairs for n objects, good for any number of calls."""
    width = n + 2 * BLOCK
    return (
        np.empty((14, width), dtype=np.float32),
        np.empty(3 * width + CELLS + 1, dtype=np.int32),
    )


def find_pairs(
    const float[:, ::1] plane,
    const float[::1] pad,
    const float[::1] rho,
    double half_step,
    int32_t[:, ::1] pairs,
    int64_t[::1] tested,
    tuple scratch,
    bint cell_grid=True,
    bint reach=True,
    bint radial_interval=True,
):
    """Candidate pairs of one step; see the module text for the filters and their proofs.

    `tested[0]` is increased by the number of pairs compared. `scratch` comes from make_scratch. The
    three switches turn filters off for audits; the answer of a screening does not depend on them.
    """
    cdef Py_ssize_t n = pad.shape[0], width = n + 2 * BLOCK, i, k, catching = 0
    cdef float limit = <float>(SPEED_LIMIT * half_step) if cell_grid else -1.0
    cdef float extra_pad = 0.0 if radial_interval else 1e9
    cdef float extra_rho = 0.0 if reach else 1e7
    cdef float slow_others, others, widest
    cdef double edge
    cdef int64_t count = 0
    cdef bint few
    cdef float[:, ::1] room = scratch[0]
    cdef int32_t[::1] index = scratch[1]
    cdef int32_t* cell_of
    cdef int32_t* starts
    cdef Tile tile
    cdef Sorted s
    cdef Pairs p
    if room.shape[1] != width or index.shape[0] != 3 * width + CELLS + 1:
        raise ValueError(f"scratch of width {room.shape[1]}, wanted make_scratch({n})")
    if n == 0:
        return 0
    _columns(&s.c, &room[0, 0], width)
    _columns(&tile.c, &room[8, 0], width)
    s.rho = &room[6, 0]
    s.travel = &room[7, 0]
    s.row = &index[0]
    tile.place = &index[width]
    cell_of = &index[2 * width]
    starts = &index[3 * width]
    s.starts = starts
    p.rows = &pairs[0, 0] if pairs.shape[0] else NULL
    p.room = pairs.shape[0]
    p.found = 0
    with nogil:
        widest = tracss_largest(&rho[0], n, INFINITY)
        slow_others = widest + tracss_largest(&plane[TRAVEL, 0], n, limit)
        others = widest + tracss_largest(&plane[TRAVEL, 0], n, INFINITY)
        edge = 1.00001 * (2.0 * <double>slow_others - widest) + 0.01
        tracss_cells(&plane[X, 0], &plane[Y, 0], &plane[Z, 0], &plane[TRAVEL, 0], n,
                     <float>(1.0 / edge), limit, cell_of)
        catching = _sort(&s, &rho[0], n, cell_of, starts)
        tracss_gather(s.c.x, &plane[X, 0], s.row, s.total, 0.0)
        tracss_gather(s.c.y, &plane[Y, 0], s.row, s.total, 0.0)
        tracss_gather(s.c.z, &plane[Z, 0], s.row, s.total, 0.0)
        tracss_gather(s.c.low, &plane[LOW, 0], s.row, s.total, 0.0)
        tracss_gather(s.c.high, &plane[HIGH, 0], s.row, s.total, 0.0)
        tracss_gather(s.c.pad, &pad[0], s.row, s.total, extra_pad)
        tracss_gather(s.rho, &rho[0], s.row, s.total, extra_rho)
        tracss_gather(s.travel, &plane[TRAVEL, 0], s.row, s.total, 0.0)
        # Whole blocks are read, beyond the last object too.
        for k in range(s.total, s.total + BLOCK):
            s.c.x[k] = NAN
        few = catching * FEW < s.slow
        slow_others = slow_others + extra_rho
        others = others + extra_rho
        i = 0
        while i < s.slow:
            k = cell_of[s.row[i]]
            _fill(&s, &tile, k, few)
            count += _compare(&s, &tile, few, slow_others, &p)
            i = starts[k + 1]
        for i in range(s.slow, s.total):
            count += _compare_fast(&s, i, edge, slow_others, others, &p)
        tested[0] += count
    return p.found
