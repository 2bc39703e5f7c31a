"""Pairs of objects that may meet within one step: cell grid, reach and radial-interval filters.

Fed by the states and bounds of nodes.pyx, one step at a time; its candidates go to close_approach.
The loop is single precision and branch-free over blocks of 16 neighbours, so that the compiler
vectorises it; a padding term covers the rounding.

What makes a pair a candidate, and why none is lost. Let a conjunction of i and j happen at time t
within the step, h the half step, m its middle; D = max(rho_i, rho_j) with rho the circumscribed
radius of an object's volume (minus infinity for an object that cannot catch anything now, so a
pair in which neither can is never a candidate).

reach            |dr(m)| <= |dr(t)| + |t - m| (s_i + s_j) <= D + h (s_i + s_j), s the largest speed
                 of each object in the step.
cell grid        cubes of edge >= the largest reach among objects with s <= the speed limit: two
                 such objects that may meet lie in the same or in adjacent cells. Cell numbers wrap
                 modulo 32 in each axis, which can only add candidates. Faster objects are compared
                 with every object in as many cells as their own reach spans, and with each other.
radial_interval  at t the other object lies within i's volume: ||r_j| - |r_i|| <= pad_i, where
                 pad_i = R + (T^2 + N^2) / (2 (r - R)) for half-sizes R, T, N (Pythagoras:
                 |r_j|^2 = (|r_i| + R)^2 + T^2 + N^2). So the ranges of |r_i| and |r_j| over the
                 step come within max(pad_i, pad_j) of each other [Hoots1984, filter 1, per step].

Arrays (n,) unless said: x, y, z, speed, r_low, r_high, pad, rho float64; NaN positions are
skipped. Output: pairs (capacity, 2) int32 with row numbers, smaller first; the return value is
the number found, which may exceed the capacity: then call again with more room. Units: km, km/s, s.
"""

from libc.math cimport ceil, floor, fmax
from libc.stdint cimport int32_t, int64_t, uint8_t

import numpy as np

cdef extern from *:
    """
    #define TRACSS_BLOCK 16
    /* Flags of 16 neighbours at once: candidates by reach and radial interval. */
    static inline int tracss_block(
        const float *restrict x, const float *restrict y, const float *restrict z,
        const float *restrict low, const float *restrict high, const float *restrict pad,
        const float *restrict rho, const float *restrict travel,
        float xi, float yi, float zi, float lowi, float highi, float padi, float rhoi,
        float traveli, unsigned char *restrict flag)
    {
        int any = 0;
        int hit[TRACSS_BLOCK];
        for (int k = 0; k < TRACSS_BLOCK; k++) {
            float dx = x[k] - xi, dy = y[k] - yi, dz = z[k] - zi;
            float d = rho[k] > rhoi ? rho[k] : rhoi;
            float p = pad[k] > padi ? pad[k] : padi;
            float reach = d + travel[k] + traveli;
            hit[k] = (dx * dx + dy * dy + dz * dz <= reach * reach) & (reach > 0.0f)
                   & (low[k] - highi <= p) & (lowi - high[k] <= p);
        }
        for (int k = 0; k < TRACSS_BLOCK; k++) any |= hit[k];
        if (any) for (int k = 0; k < TRACSS_BLOCK; k++) flag[k] = (unsigned char)hit[k];
        return any;
    }
    """
    int tracss_block(
        const float*, const float*, const float*, const float*, const float*, const float*,
        const float*, const float*, float, float, float, float, float, float, float, float,
        unsigned char*
    ) nogil

cdef enum:
    SIDE = 32  # cells in each axis before the numbers wrap
    MASK = 31
    BLOCK = 16

# A coordinate or radius r in single precision errs by up to 6e-8 r, a difference of two vectors by
# 2e-7 r, its square by a relative 4e-7: 0.02 km (reaches up to 5e4 km) and 4e-7 of the distance are
# added to every reach and radial pad.
cdef double ROUNDING = 0.02
cdef double ROUNDING_SHARE = 4e-7
# Speed of objects that share the fine cell grid [km/s]; circular orbits stay under it.
SPEED_LIMIT = 8.0


cdef struct Columns:
    float* x
    float* y
    float* z
    float* low
    float* high
    float* pad
    float* rho
    float* travel


cdef inline Py_ssize_t _scan(
    Columns* c,
    const int32_t* row,
    Py_ssize_t i,
    Py_ssize_t first,
    Py_ssize_t last,
    int32_t[:, ::1] pairs,
    Py_ssize_t found,
) noexcept nogil:
    """Compare entry i with entries first .. last - 1; returns the new number of pairs."""
    cdef unsigned char flag[BLOCK]
    cdef Py_ssize_t b = first, k, top
    while b < last:
        if tracss_block(
            c.x + b, c.y + b, c.z + b, c.low + b, c.high + b, c.pad + b, c.rho + b, c.travel + b,
            c.x[i], c.y[i], c.z[i], c.low[i], c.high[i], c.pad[i], c.rho[i], c.travel[i], flag,
        ):
            top = last - b if last - b < BLOCK else BLOCK
            for k in range(top):
                if flag[k]:
                    if found < pairs.shape[0]:
                        if row[i] < row[b + k]:
                            pairs[found, 0] = row[i]
                            pairs[found, 1] = row[b + k]
                        else:
                            pairs[found, 0] = row[b + k]
                            pairs[found, 1] = row[i]
                    found += 1
        b += BLOCK
    return found


cdef inline Py_ssize_t _scan_column(
    Columns* c,
    const int32_t* row,
    Py_ssize_t i,
    const int32_t* starts,
    Py_ssize_t low,
    Py_ssize_t high,
    int32_t[:, ::1] pairs,
    Py_ssize_t found,
    int64_t* count,
) noexcept nogil:
    """Compare entry i with cells low .. high - 1 of one column along z, wrapping at both ends.

    `starts` points at the column's first cell; entries of slow objects are sorted by cell.
    """
    cdef Py_ssize_t first = starts[low if low > 0 else 0] if low < SIDE else starts[SIDE]
    cdef Py_ssize_t last = starts[high if high < SIDE else SIDE]
    found = _scan(c, row, i, first, last, pairs, found)
    count[0] += last - first
    if low < 0:
        found = _scan(c, row, i, starts[SIDE + low], starts[SIDE], pairs, found)
        count[0] += starts[SIDE] - starts[SIDE + low]
    if high > SIDE:
        found = _scan(c, row, i, starts[0], starts[high - SIDE], pairs, found)
        count[0] += starts[high - SIDE] - starts[0]
    return found


cdef inline int32_t _cell(const double[:, ::1] state, Py_ssize_t i, double edge) noexcept nogil:
    """Number of the grid cell of object i, wrapped into SIDE^3."""
    cdef int64_t cx = <int64_t>floor(state[0, i] / edge) & MASK
    cdef int64_t cy = <int64_t>floor(state[1, i] / edge) & MASK
    cdef int64_t cz = <int64_t>floor(state[2, i] / edge) & MASK
    return <int32_t>((cx * SIDE + cy) * SIDE + cz)


def find_pairs(
    const double[:, ::1] state,
    const double[::1] speed,
    const double[::1] r_low,
    const double[::1] r_high,
    const double[::1] pad,
    const double[::1] rho,
    double half_step,
    int32_t[:, ::1] pairs,
    int64_t[::1] tested,
    bint cell_grid=True,
    bint reach=True,
    bint radial_interval=True,
):
    """Candidate pairs of one step; see the module text for the filters and their proofs.

    `state` (>= 3, n) holds positions at the middle of the step. `tested[0]` is increased by the
    number of pairs compared. The three switches turn filters off for audits; the answer of a
    screening does not depend on them.
    """
    cdef Py_ssize_t n = state.shape[1], i, j, k, q, found = 0, slow = 0, total = 0, cell
    cdef Py_ssize_t cx, cy, cz, ring, ax, ay
    cdef double rho_max = 0.0, travel_max = 0.0, edge, limit = SPEED_LIMIT, span
    cdef double extra_pad = ROUNDING if radial_interval else 1e9
    cdef double extra_rho = ROUNDING if reach else 1e7
    cdef int64_t count = 0
    cdef int32_t[::1] cell_of = np.empty(n, dtype=np.int32)
    cdef int32_t[::1] row = np.empty(n, dtype=np.int32)
    cdef int32_t[::1] starts = np.zeros(SIDE * SIDE * SIDE + 2, dtype=np.int32)
    cdef float[:, ::1] t = np.zeros((8, n + BLOCK), dtype=np.float32)
    cdef Columns c
    if not cell_grid:
        limit = -1.0
    for i in range(n):
        if rho[i] > rho_max:
            rho_max = rho[i]
        if speed[i] <= limit:
            travel_max = fmax(travel_max, speed[i] * half_step + ROUNDING_SHARE * r_high[i])
    edge = rho_max + 2.0 * travel_max + 2.0 * ROUNDING
    c.x = &t[0, 0]
    c.y = &t[1, 0]
    c.z = &t[2, 0]
    c.low = &t[3, 0]
    c.high = &t[4, 0]
    c.pad = &t[5, 0]
    c.rho = &t[6, 0]
    c.travel = &t[7, 0]
    with nogil:
        # Counting sort of the slow objects by cell; the fast ones follow.
        for i in range(n):
            if speed[i] <= limit:
                cell_of[i] = _cell(state, i, edge)
                starts[cell_of[i] + 2] += 1
                slow += 1
            else:
                cell_of[i] = -1
        for k in range(1, SIDE * SIDE * SIDE + 2):
            starts[k] += starts[k - 1]
        total = slow
        for i in range(n):
            if cell_of[i] >= 0:
                k = starts[cell_of[i] + 1]
                starts[cell_of[i] + 1] += 1
            elif speed[i] > limit:
                k = total
                total += 1
            else:
                continue
            row[k] = <int32_t>i
            c.x[k] = <float>state[0, i]
            c.y[k] = <float>state[1, i]
            c.z[k] = <float>state[2, i]
            c.low[k] = <float>r_low[i]
            c.high[k] = <float>r_high[i]
            c.pad[k] = <float>(pad[i] + extra_pad + ROUNDING_SHARE * r_high[i])
            c.rho[k] = <float>(rho[i] + extra_rho)
            c.travel[k] = <float>(speed[i] * half_step + ROUNDING_SHARE * r_high[i])
        # Slow with slow: own cell and half of the 26 around it, as runs of cells along z.
        for i in range(slow):
            cell = cell_of[row[i]]
            cz = cell & MASK
            cy = (cell // SIDE) & MASK
            cx = cell // (SIDE * SIDE)
            found = _scan(&c, &row[0], i, i + 1, starts[cell + 1], pairs, found)
            count += starts[cell + 1] - i - 1
            found = _scan_column(&c, &row[0], i, &starts[cell - cz], cz + 1, cz + 2, pairs, found,
                                 &count)
            for q in range(4):
                ax = (cx + (1 if q < 3 else 0)) & MASK
                ay = (cy + (q - 1 if q < 3 else 1)) & MASK
                found = _scan_column(&c, &row[0], i, &starts[(ax * SIDE + ay) * SIDE], cz - 1,
                                     cz + 2, pairs, found, &count)
        # Fast objects: every slow one within reach, and the fast ones after it.
        for i in range(slow, total):
            if slow > 0:
                cell = _cell(state, row[i], edge)
                cz = cell & MASK
                cy = (cell // SIDE) & MASK
                cx = cell // (SIDE * SIDE)
                span = rho_max + travel_max + c.travel[i] + 2.0 * ROUNDING
                ring = <Py_ssize_t>ceil(span / edge)
                if 2 * ring + 1 >= SIDE:
                    found = _scan(&c, &row[0], i, 0, slow, pairs, found)
                    count += slow
                else:
                    for j in range(-ring, ring + 1):
                        for k in range(-ring, ring + 1):
                            ax = (cx + j) & MASK
                            ay = (cy + k) & MASK
                            found = _scan_column(&c, &row[0], i, &starts[(ax * SIDE + ay) * SIDE],
                                                 cz - ring, cz + ring + 1, pairs, found, &count)
            found = _scan(&c, &row[0], i, i + 1, total, pairs, found)
            count += total - i - 1
        tested[0] += count
    return found
