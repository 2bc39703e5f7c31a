"""Pairs of objects that may meet within one step: cell grid and coarse forms of the next filters.

Fed by the lines of steps.pyx, one step at a time; its candidates go to close_approach. Single
precision throughout; the lines' bounds hold its rounding. The loops are in _sweep.h.

What makes a pair a candidate, and why none is lost. Let a conjunction of i and j happen at time t
within the step, m its middle, h half of it; D = max(rho_i, rho_j) with rho the circumscribed radius
of an object's volume (minus infinity for an object that cannot catch anything now, so a pair in
which neither can is never a candidate); TRAVEL, LOW, HIGH, FORCE as steps.pyx proves them.

reach            |dr(m)| <= |dr(t)| + TRAVEL_i + TRAVEL_j <= D + TRAVEL_i + TRAVEL_j = q.
radial_interval  at t the other object lies within i's volume: ||r_j| - |r_i|| <= pad_i, where
                 pad_i = R + (T^2 + N^2) / (2 (r - R)) for half-sizes R, T, N (Pythagoras:
                 |r_j|^2 = (|r_i| + R)^2 + T^2 + N^2). So the ranges of |r_i| and |r_j| over the
                 step come within max(pad_i, pad_j) of each other [Hoots1984, filter 1, per step].
chord            as in close_approach.pyx, with one bound for all pairs of the step: the straight
                 line through m (without ends: that is nearer) comes within D + a h^2 / 2. Within the
                 step |dr| <= far = D + 4 times the largest TRAVEL, if the pair passes `reach`; two
                 objects that far apart, neither below 6,300 km, have no point between them below
                 sqrt(6300^2 - far^2 / 4); so a <= 2 mu far / that^3 + FORCE_i + FORCE_j.
cell_grid        Slabs of z at least as high as the largest q of a class: |dz| <= q, so two that may
                 meet lie in the same or in adjacent slabs (what lies beyond the outermost slabs
                 counts as in them: that keeps the order). Seen from the z axis a disc of radius q
                 about an object at distance p > q from the axis takes up arcsin(q/p) either side of
                 it; for p <= q any angle. In the next slab, at least dz above, q^2 - dz^2 is
                 left of q^2. Slow and low objects (|v| <= 8 km/s, |x| <= 8,500 km at m)
                 are one class, all others the second: each is swept by itself, and those of the
                 second visit the first where its layers come within their range.
                 Layers of the first class are cut in LOW. Of two objects in different layers the
                 one with the smaller LOW looks for the other, in every layer that begins at most
                 its HIGH and a pad above (radial_interval); in the same layer both are in reach of
                 the slabs' order.

Each pair once: within a slab a group looks ahead; around the end of the circle it looks at those
before it in the order, and takes those whose own look ahead does not reach it.

Rounding. TRAVEL holds 1e-6 r, more than positions and their differences err by; 0.01 km and 0.001
rad cover the cells.

Where few objects catch (after the LEO span, or with few primaries) the first class holds only such
as cannot catch: it is not swept, only visited.

Arrays: line (n rounded up to whole blocks of 16, 16) float32, see steps.pyx; pad, rho (n,)
float32; NaN lines are skipped.
Output: pairs (capacity, 2) int32 with row numbers, smaller first, in no order that is told; the
return value is the number found, which may exceed the capacity: then call again with more room.
Units: km, km/s, s.
"""

from libc.math cimport sqrtf
from libc.stdint cimport int32_t, int64_t

import numpy as np

cdef extern from "_sweep.h" nogil:
    enum: VECTOR, MOST_CELLS, LAYERS, BINS, LINE, LOW, TRAVEL
    struct columns:
        float *x
        float *y
        float *z
        float *low
        float *high
        float *pad
        float *rho
        float *travel
        float *vx
        float *vy
        float *vz
        float *slack
    struct grid:
        int layers, slabs, bins
    struct sweep:
        columns c
        grid grid[2]
        int32_t *row
        int32_t *cell
        int32_t *start
        int32_t *ahead
        int64_t total, tested
        float extra_rho, near
        int32_t *pair
        int64_t room, found
    struct widest:
        float travel[2]
        float pad[2]
    widest classify(
        const float *, const float *, const float *, int64_t, float, float, bint, const float *,
        int32_t *, float *, float *
    )
    void make_grid(grid *, int, int, int, float, float, float, float, bint)
    void find_cells(
        const float *, const float *, const int32_t *, int64_t, const grid *, const grid *,
        int32_t *
    )
    void sort_cells(sweep *, int64_t, int64_t)
    void fill_columns(sweep *, const float *, const float *, const float *, float, float)
    void find_ranges(sweep *, grid *)
    void sweep_grid(sweep *, const grid *)
    void visit(sweep *, const grid *, int64_t)

cdef enum:
    NEAR = 0
    REST = 1
    COLUMNS = 12
    SPARE = 32  # after each column: a vector, and the rest of a block
    FEW = 4  # where fewer than one object in so many can catch, the others are only visited
    SAMPLE = 16  # one object in so many tells where the layers' edges should be
    BUCKETS = 2200  # of 1 km, for that

# The first class: speed [km/s] and radius [km]; most circular orbits of a catalog stay under both.
cdef float SPEED_LIMIT = 8.0
cdef float RADIUS_LIMIT = 8500.0
cdef float BOTTOM_KM = 6300.0  # no trajectory comes lower, see steps.pyx
# Farthest |z| that the slabs of the second class are made for [km].
cdef float EXTENT = 45000.0


cdef void _layer_edges(const float[:, ::1] line, Py_ssize_t n, float* edge) noexcept nogil:
    """Upper ends of all layers but the last, with about equally many objects in each."""
    cdef int64_t count[BUCKETS]
    cdef int64_t seen = 0, total = 0
    cdef Py_ssize_t i, k, layer = 0
    cdef float low
    for k in range(BUCKETS):
        count[k] = 0
    for i in range(n // SAMPLE):
        low = line[i * SAMPLE, LOW] - BOTTOM_KM
        if low >= 0.0 and low < BUCKETS:
            count[<int>low] += 1
            total += 1
    for k in range(BUCKETS):
        seen += count[k]
        while layer < LAYERS - 1 and seen * LAYERS >= total * (layer + 1):
            edge[layer] = BOTTOM_KM + k + 1
            layer += 1


def make_scratch(n):
    """Working memory of find_pairs for n objects, good for any number of calls."""
    width = n + SPARE
    return (
        np.empty((COLUMNS + 2, width), dtype=np.float32),
        np.empty(4 * width + MOST_CELLS + 1, dtype=np.int32),
    )


def find_pairs(
    const float[:, ::1] line,
    const float[::1] pad,
    const float[::1] rho,
    double half_step,
    double mu,
    int32_t[:, ::1] pairs,
    int64_t[::1] tested,
    tuple scratch,
    bint cell_grid=True,
    bint reach=True,
    bint radial_interval=True,
    bint chord=True,
):
    """Candidate pairs of one step; see the module text for the filters and their proofs.

    `tested[0]` is increased by the number of pairs compared. `scratch` comes from make_scratch. The
    four switches turn filters off for audits; the answer of a screening does not depend on them.
    """
    cdef Py_ssize_t n = pad.shape[0], width = n + SPARE, i, k
    cdef float extra_pad = 0.0 if radial_interval else 1e9
    cdef float radius = 0.0, far, least2, h = half_step
    cdef float edge[LAYERS - 1]
    cdef int64_t cells, there = 0, catching = 0
    cdef bint few
    cdef float[:, ::1] room = scratch[0]
    cdef int32_t[::1] index = scratch[1]
    cdef grid* near
    cdef grid* rest
    cdef widest top
    cdef sweep s
    if room.shape[1] != width:
        raise ValueError(f"scratch of width {room.shape[1]}, wanted make_scratch({n})")
    if line.shape[1] != LINE or line.shape[0] < (n + 15) // 16 * 16:
        raise ValueError(f"lines of shape {line.shape[0]} x {line.shape[1]} for {n} objects")
    if n == 0:
        return 0
    s.c = columns(&room[0, 0], &room[1, 0], &room[2, 0], &room[3, 0], &room[4, 0], &room[5, 0],
                  &room[6, 0], &room[7, 0], &room[8, 0], &room[9, 0], &room[10, 0], &room[11, 0])
    s.row = &index[0]
    s.cell = &index[width]
    s.ahead = &index[2 * width]
    s.start = &index[4 * width]
    s.pair = &pairs[0, 0] if pairs.shape[0] else NULL
    s.room = pairs.shape[0]
    s.found = 0
    s.tested = 0
    s.extra_rho = 0.0 if reach else 1e7
    near = &s.grid[NEAR]
    rest = &s.grid[REST]
    with nogil:
        for i in range(n):
            radius = rho[i] if rho[i] > radius else radius
            there += line[i, TRAVEL] == line[i, TRAVEL]
            catching += rho[i] >= 0.0 and line[i, TRAVEL] == line[i, TRAVEL]
        few = catching * FEW < there
        _layer_edges(line, n, edge)
        top = classify(&line[0, 0], &rho[0], &pad[0], n, SPEED_LIMIT * h if cell_grid else -1.0,
                       RADIUS_LIMIT, few, edge, &index[3 * width], &room[12, 0], &room[13, 0])
        make_grid(near, 0, LAYERS, BINS, RADIUS_LIMIT, top.travel[NEAR], radius,
                  top.pad[NEAR] + extra_pad, not cell_grid)
        cells = near.layers * near.slabs * near.bins
        make_grid(rest, <int>cells, 1, BINS, EXTENT, top.travel[REST], radius,
                  top.pad[REST] + extra_pad, not cell_grid)
        find_cells(&room[12, 0], &room[13, 0], &index[3 * width], n, near, rest, s.cell)
        sort_cells(&s, n, cells + rest.slabs * rest.bins)
        fill_columns(&s, &line[0, 0], &pad[0], &rho[0], h, extra_pad)
        far = top.travel[NEAR] if top.travel[NEAR] > top.travel[REST] else top.travel[REST]
        far = radius + 4.0 * far
        least2 = BOTTOM_KM * BOTTOM_KM - 0.25 * far * far
        s.near = 1e9
        if chord and least2 > 0.25 * BOTTOM_KM * BOTTOM_KM:
            s.near = radius + h * h * <float>mu / (least2 * sqrtf(least2)) * far
        find_ranges(&s, near)
        if not few:
            sweep_grid(&s, near)
        sweep_grid(&s, rest)
        for k in range(s.start[cells], s.total):
            if not few or s.c.rho[k] >= 0.0:
                visit(&s, near, k)
        tested[0] += s.tested
    return s.found
