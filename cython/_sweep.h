/* Sort objects into layers, slabs and angles, sweep over them in SIMD; proofs: see neighbours.pyx.
 *
 * Two classes of objects, each with a grid of its own: NEAR (slow and low: most of a catalog) and
 * REST. A grid cuts LOW, the lower end of an object's range of |x|, into layers (NEAR only), z into
 * slabs and the angle about the z axis into bins; objects are sorted by layer, slab, bin (one
 * counting sort for both grids). What an object must look at is then a few runs of the sorted columns:
 *
 *     own layer, slab s          . . . [group][ ahead: to angle + window ) . . .
 *     own layer, slab s + 1      . . [ angle - window         angle + window ) . .
 *     higher layers in its range, slabs s - 1, s, s + 1:  as slab s + 1
 *
 * The objects of one bin are a group: they share the runs, and every vector that is loaded is
 * compared with each of them.
 */
#ifndef TRACSS_SWEEP_H
#define TRACSS_SWEEP_H

#include "_line.h"
#include <math.h>
#include <stdint.h>
#include <string.h>
#if defined(__AVX__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

#define MOST_SLABS 64
#define LAYERS 12 /* of NEAR */
#define BINS 32
#define MOST_CELLS ((LAYERS + 1) * MOST_SLABS * BINS)
#define ROUNDING_KM 0.01f
#define ROUNDING_RAD 1e-3f /* of an angle: arctan's polynomial errs by 1e-5 */
#define PI_F 3.14159274f

enum { REST = LAYERS }; /* class of an object: its layer, or REST */

/* Sorted columns, each `width` after the one before. */
struct columns {
    float *x, *y, *z, *low, *high, *pad, *rho, *travel, *vx, *vy, *vz, *slack;
    int64_t width;
};

struct grid {
    int layers, slabs, bins, base; /* base: its first cell among those of both grids */
    float bottom, height, per_height, per_bin;
    float others; /* largest rho + TRAVEL of its objects */
    float pad;    /* largest pad of its objects */
    int whole;    /* no cells: everything is compared */
    float least[LAYERS], most[LAYERS]; /* range of |x| of each layer */
};

struct sweep {
    struct columns c;
    struct grid grid[2];
    int32_t *row;    /* of each sorted object among the planes */
    int32_t *cell;   /* of each object of the planes, -1: not there */
    int32_t *start;  /* first sorted object of each cell; one more at the end */
    int32_t *ahead;  /* where the run ahead of each sorted object ends */
    int64_t total, tested;
    float extra_rho, near; /* near: largest rho and the tidal part of `chord` */
    int32_t *pair;
    int64_t room, found;
};

/* One object, compared with a vector of others; reach2: its largest reach squared; near: how close
 * the chord must come, without the other's slack. */
struct own {
    float x, y, z, low, high, pad, reach2, vx, vy, vz, near;
};

/* A vector of sorted objects, and which of them may be candidates with `o`, as bits. */
#if defined(__AVX512F__)
#define VECTOR 16
typedef __m512 floats;
static inline floats load(const float *p) { return _mm512_loadu_ps(p); }
static inline floats all(float x) { return _mm512_set1_ps(x); }
static inline floats larger(floats a, floats b) { return _mm512_max_ps(a, b); }
#elif defined(__AVX__)
#define VECTOR 8
typedef __m256 floats;
static inline floats load(const float *p) { return _mm256_loadu_ps(p); }
static inline floats all(float x) { return _mm256_set1_ps(x); }
static inline floats larger(floats a, floats b) { return _mm256_max_ps(a, b); }
static inline floats below(floats a, floats b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
#elif defined(__SSE2__)
#define VECTOR 4
typedef __m128 floats;
static inline floats load(const float *p) { return _mm_loadu_ps(p); }
static inline floats all(float x) { return _mm_set1_ps(x); }
static inline floats larger(floats a, floats b) { return _mm_max_ps(a, b); }
static inline floats below(floats a, floats b) { return _mm_cmple_ps(a, b); }
#else
#define VECTOR 1
typedef float floats;
static inline floats load(const float *p) { return *p; }
static inline floats all(float x) { return x; }
static inline floats larger(floats a, floats b) { return a > b ? a : b; }
static inline unsigned below(floats a, floats b) { return a <= b; }
#endif

/* Bits of the lanes where a <= b. */
static inline unsigned where_below(floats a, floats b)
{
#if defined(__AVX512F__)
    return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ);
#elif defined(__AVX__)
    return (unsigned)_mm256_movemask_ps(below(a, b));
#elif defined(__SSE2__)
    return (unsigned)_mm_movemask_ps(below(a, b));
#else
    return below(a, b);
#endif
}

struct others {
    floats x, y, z, low, high, pad;
};

static inline struct others load_others(const struct columns *c, int64_t b)
{
    return (struct others){load(c->x + b), load(c->y + b), load(c->z + b), load(c->low + b),
                           load(c->high + b), load(c->pad + b)};
}

static inline unsigned hits(const struct others *v, const struct own *o)
{
    floats dx = v->x - all(o->x), dy = v->y - all(o->y), dz = v->z - all(o->z);
    floats square = dx * dx + dy * dy + dz * dz, pad = larger(v->pad, all(o->pad));
    floats above = v->low - pad, under = v->high + pad;
#if defined(__AVX512F__)
    __mmask16 near = _mm512_cmp_ps_mask(above, all(o->high), _CMP_LE_OQ);
    near = _mm512_mask_cmp_ps_mask(near, all(o->low), under, _CMP_LE_OQ);
    return _mm512_mask_cmp_ps_mask(near, square, all(o->reach2), _CMP_LE_OQ);
#elif defined(__AVX__)
    return (unsigned)_mm256_movemask_ps(
        _mm256_and_ps(_mm256_and_ps(below(above, all(o->high)), below(all(o->low), under)),
                      below(square, all(o->reach2))));
#elif defined(__SSE2__)
    return (unsigned)_mm_movemask_ps(
        _mm_and_ps(_mm_and_ps(below(above, all(o->high)), below(all(o->low), under)),
                   below(square, all(o->reach2))));
#else
    return below(above, all(o->high)) & below(all(o->low), under)
         & below(square, all(o->reach2));
#endif
}

/* Of those in reach, which come near enough along the straight line: `chord`. The distance of the
 * line is |dr|^2 - (dr . dv)^2 / |dv|^2, and rounding errs by less than 2e-6 |dr|^2. */
static inline unsigned near_line(const struct columns *c, int64_t b, const struct others *v,
                                 const struct own *o)
{
    floats x = v->x - all(o->x), y = v->y - all(o->y), z = v->z - all(o->z);
    floats vx = load(c->vx + b) - all(o->vx), vy = load(c->vy + b) - all(o->vy);
    floats vz = load(c->vz + b) - all(o->vz), near = load(c->slack + b) + all(o->near);
    floats r2 = x * x + y * y + z * z, v2 = vx * vx + vy * vy + vz * vz;
    floats rv = x * vx + y * vy + z * vz;
    return where_below(r2 * v2 - rv * rv, (near * near + all(2e-6f) * r2) * v2);
}

/* Add the sorted objects i and j if they pass `reach` with their own rho and TRAVEL. */
static inline void add_pair(struct sweep *s, int64_t i, int64_t j)
{
    const struct columns *c = &s->c;
    float x = c->x[j] - c->x[i], y = c->y[j] - c->y[i], z = c->z[j] - c->z[i];
    float d = c->rho[i] > c->rho[j] ? c->rho[i] : c->rho[j];
    float reach = d + c->travel[i] + c->travel[j];
    if (d < 0.0f || x * x + y * y + z * z > reach * reach)
        return;
    if (s->found < s->room) {
        int32_t a = s->row[i], b = s->row[j];
        s->pair[2 * s->found] = a < b ? a : b;
        s->pair[2 * s->found + 1] = a < b ? b : a;
    }
    s->found++;
}

static inline struct own own_of(const struct sweep *s, int64_t i, float others)
{
    const struct columns *c = &s->c;
    float reach = c->travel[i] + others + s->extra_rho;
    return (struct own){c->x[i], c->y[i], c->z[i], c->low[i], c->high[i], c->pad[i],
                        reach * reach, c->vx[i], c->vy[i], c->vz[i], s->near + c->slack[i]};
}

/* Which hits of a run are taken. */
enum take {
    ALL,
    LATER,   /* run of the own slab that begins with the group: those after the object */
    UNSEEN,  /* run of the own slab before the group: those whose own run ahead ends before it */
};

/* Compare the group first .. last - 1 with the run from .. to - 1. */
static inline void compare(struct sweep *s, const struct own *own, int64_t first, int64_t last,
                           int64_t from, int64_t to, enum take take)
{
    if (to <= from)
        return;
    s->tested += (last - first) * (to - from);
    if (take == LATER)
        s->tested -= (last - first) * (last - first + 1) / 2;
    for (int64_t b = from; b < to; b += VECTOR) {
        const struct others others = load_others(&s->c, b);
        const unsigned there = to - b < VECTOR ? (1u << (to - b)) - 1 : (1u << VECTOR) - 1;
        for (int64_t i = first; i < last; i++) {
            unsigned bits = hits(&others, own + (i - first)) & there;
            if (bits)
                bits &= near_line(&s->c, b, &others, own + (i - first));
            while (bits) {
                int64_t j = b + __builtin_ctz(bits);
                bits &= bits - 1;
                if (take == ALL || (take == LATER && j > i)
                    || (take == UNSEEN && i >= s->ahead[j]))
                    add_pair(s, i, j);
            }
        }
    }
}

/* Half the angle [bins] that a disc of radius `reach` takes up, seen from the axis at distance
 * `away` of its centre; -1: all around. arcsin q <= q + (pi/2 - 1) q^3 on [0, 1]. */
static inline float window(const struct grid *g, float reach, float away)
{
    float q;
    if (g->whole || !(reach < away))
        return -1.0f;
    q = reach / away;
    return (q * (1.0f + 0.5708f * q * q) + ROUNDING_RAD) * g->per_bin;
}

/* The bins of one slab from `low` to `high` - 1, taken around the circle. */
static inline void compare_bins(struct sweep *s, const struct own *own, int64_t first,
                                int64_t last, const struct grid *g, int layer, int slab, int low,
                                int high)
{
    const int32_t *start = s->start + g->base + (layer * g->slabs + slab) * g->bins;
    if (high - low >= g->bins) {
        compare(s, own, first, last, start[0], start[g->bins], ALL);
        return;
    }
    if (low < 0) {
        compare(s, own, first, last, start[low + g->bins], start[g->bins], ALL);
        low = 0;
    }
    if (high > g->bins) {
        compare(s, own, first, last, start[0], start[high - g->bins], ALL);
        high = g->bins;
    }
    compare(s, own, first, last, start[low], start[high], ALL);
}

static inline int bin_below(float x) { return (int)floorf(x); }

/* A group with those ahead in its own slab, around it in the next one, and in higher layers. */
static void sweep_group(struct sweep *s, const struct grid *g, int layer, int slab, int bin)
{
    enum { SOME = 64 };
    const int32_t *start = s->start + g->base + (layer * g->slabs + slab) * g->bins;
    const struct columns *c = &s->c;
    struct own own[SOME];
    int64_t first = start[bin], end = start[bin + 1];
    for (; first < end; first += SOME) { /* a very full bin in parts */
        int64_t last = first + SOME < end ? first + SOME : end, ahead = start[g->bins];
        int64_t before = start[0];
        int low = 0, high = g->bins;
        float away2 = INFINITY, top = -INFINITY, most = 0.0f, highest = 0.0f, reach, wide, dz;
        for (int64_t i = first; i < last; i++) {
            float reach_i = c->travel[i] + g->others, a2 = c->x[i] * c->x[i] + c->y[i] * c->y[i];
            own[i - first] = own_of(s, i, g->others);
            away2 = a2 < away2 ? a2 : away2;
            top = c->z[i] > top ? c->z[i] : top;
            most = reach_i > most ? reach_i : most;
            highest = c->high[i] > highest ? c->high[i] : highest;
        }
        reach = most + ROUNDING_KM;
        wide = window(g, reach, sqrtf(away2));
        if (wide < 0.0f) {
            before = g->whole ? start[0] : first;
        } else {
            low = bin - bin_below(wide) - 1;
            high = bin + bin_below(1.0f + wide) + 1;
            if (high <= g->bins) {
                ahead = start[high];
            } else {
                before = high - g->bins <= bin ? start[high - g->bins] : first;
                before = before < first ? before : first;
            }
        }
        for (int64_t i = first; i < last; i++)
            s->ahead[i] = (int32_t)ahead;
        compare(s, own, first, last, first, ahead, LATER);
        compare(s, own, first, last, start[0], before, UNSEEN);
        for (int m = layer + 1; m < g->layers; m++)
            if (g->least[m] - highest <= g->pad)
                for (int k = slab ? slab - 1 : 0; k <= slab + 1 && k < g->slabs; k++)
                    compare_bins(s, own, first, last, g, m, k, low, high);
        if (slab + 1 == g->slabs)
            continue;
        dz = g->bottom + (slab + 1) * g->height - top - ROUNDING_KM;
        if (dz > 0.0f) {
            if (dz >= reach)
                continue;
            wide = window(g, sqrtf(reach * reach - dz * dz), sqrtf(away2));
        }
        if (wide >= 0.0f) {
            low = bin - bin_below(wide) - 1;
            high = bin + bin_below(1.0f + wide) + 1;
        }
        compare_bins(s, own, first, last, g, layer, slab + 1, low, high);
    }
}

static void sweep_grid(struct sweep *s, const struct grid *g)
{
    int64_t k = g->base;
    for (int layer = 0; layer < g->layers; layer++)
        for (int slab = 0; slab < g->slabs; slab++)
            for (int bin = 0; bin < g->bins; bin++, k++)
                if (s->start[k + 1] > s->start[k])
                    sweep_group(s, g, layer, slab, bin);
}

/* Ranges of |x| of the layers, from the sorted objects. */
static void find_ranges(struct sweep *s, struct grid *g)
{
    for (int layer = 0; layer < g->layers; layer++) {
        int64_t first = s->start[g->base + layer * g->slabs * g->bins];
        int64_t last = s->start[g->base + (layer + 1) * g->slabs * g->bins];
        float least = INFINITY, most = -INFINITY;
        for (int64_t k = first; k < last; k++) {
            least = s->c.low[k] < least ? s->c.low[k] : least;
            most = s->c.high[k] > most ? s->c.high[k] : most;
        }
        g->least[layer] = least;
        g->most[layer] = most;
    }
}

static inline int slab_of(const struct grid *g, float z)
{
    float s = floorf((z - g->bottom) * g->per_height);
    s = s > 0.0f ? s : 0.0f;
    return s < (float)(g->slabs - 1) ? (int)s : g->slabs - 1;
}

/* A polynomial for the arctangent on [0, 1], within 1e-5; the angle is in [0, 2 pi]. */
static inline float angle(float x, float y)
{
    float ax = fabsf(x), ay = fabsf(y), big = ax > ay ? ax : ay, small = ax > ay ? ay : ax;
    float q = small / (big + 1e-30f), q2 = q * q;
    float a = q * (0.99997726f + q2 * (-0.33262347f + q2 * (0.19354346f + q2 * (-0.11643287f
              + q2 * (0.05265332f - q2 * 0.01172120f)))));
    a = ay > ax ? 0.5f * PI_F - a : a;
    a = x < 0.0f ? PI_F - a : a;
    return y < 0.0f ? 2.0f * PI_F - a : a;
}

/* An object of the other class with those of grid g that it may meet. */
static void visit(struct sweep *s, const struct grid *g, int64_t i)
{
    const struct columns *c = &s->c;
    float reach = c->travel[i] + g->others + ROUNDING_KM;
    float wide = window(g, reach, sqrtf(c->x[i] * c->x[i] + c->y[i] * c->y[i]));
    float at = angle(c->x[i], c->y[i]) * g->per_bin;
    float pad = c->pad[i] > g->pad ? c->pad[i] : g->pad;
    struct own own = own_of(s, i, g->others);
    int low = 0, high = g->bins, bottom = slab_of(g, c->z[i] - reach);
    int top = slab_of(g, c->z[i] + reach);
    if (wide >= 0.0f) {
        low = bin_below(at - wide);
        high = bin_below(at + wide) + 1;
    }
    for (int m = 0; m < g->layers; m++)
        if (g->least[m] - own.high <= pad && own.low - g->most[m] <= pad)
            for (int slab = bottom; slab <= top; slab++)
                compare_bins(s, &own, i, i + 1, g, m, slab, low, high);
}

static void make_grid(struct grid *g, int base, int layers, int bins, float extent, float travel,
                      float widest, float pad, int whole)
{
    g->layers = layers;
    g->pad = pad;
    g->others = widest + travel;
    g->whole = whole;
    g->base = base;
    g->bins = whole ? 1 : bins;
    g->height = 1.00001f * (widest + 2.0f * travel) + 2.0f * ROUNDING_KM;
    g->slabs = 1;
    if (!whole) {
        float slabs = ceilf(2.0f * extent / g->height);
        g->slabs = slabs < (float)MOST_SLABS ? (int)slabs : MOST_SLABS;
    }
    g->bottom = -0.5f * g->slabs * g->height;
    g->per_height = 1.0f / g->height;
    g->per_bin = (float)g->bins / (2.0f * PI_F);
}

/* Largest values of both classes, at least 0. */
struct widest {
    float travel[2], pad[2]; /* NEAR, REST */
};

/* Class of each object: its layer, or REST; angle and z of each, NaN for one that is not there.
 * `edge`: upper ends of the layers, in LOW. Whole blocks of 16 lines are read. */
static struct widest classify(const float *restrict line, const float *restrict rho,
                              const float *restrict pad, int64_t n, float fastest, float farthest,
                              int few, const float *restrict edge, int32_t *restrict class_of,
                              float *restrict angles, float *restrict heights)
{
    enum { BLOCK = 16 };
    float travels[2][BLOCK] = {{0.0f}}, pads[2][BLOCK] = {{0.0f}};
    struct widest out = {{0.0f, 0.0f}, {0.0f, 0.0f}};
    for (int64_t b = 0; b < n; b += BLOCK) {
        float x[BLOCK], y[BLOCK], z[BLOCK], low[BLOCK], travel[BLOCK], p[BLOCK], catches[BLOCK];
        for (int k = 0; k < BLOCK; k++) {
            const float *from = line + (b + k) * LINE;
            int64_t i = b + k < n ? b + k : n - 1;
            x[k] = from[X];
            y[k] = from[Y];
            z[k] = from[Z];
            low[k] = from[LOW];
            travel[k] = from[TRAVEL];
            p[k] = pad[i];
            catches[k] = rho[i];
        }
        for (int k = 0; k < BLOCK; k++) {
            float r2 = x[k] * x[k] + y[k] * y[k] + z[k] * z[k];
            int near = (travel[k] <= fastest) & (r2 <= farthest * farthest)
                     & (!few | (catches[k] < 0.0f)), there = travel[k] == travel[k];
            int layer = 0;
            for (int q = 0; q < LAYERS - 1; q++)
                layer += low[k] > edge[q];
            class_of[b + k] = near ? layer : REST;
            angles[b + k] = angle(x[k], y[k]);
            heights[b + k] = z[k];
            float t0 = near ? travel[k] : 0.0f, t1 = there & !near ? travel[k] : 0.0f;
            float p0 = near ? p[k] : 0.0f, p1 = there & !near ? p[k] : 0.0f;
            travels[0][k] = t0 > travels[0][k] ? t0 : travels[0][k];
            travels[1][k] = t1 > travels[1][k] ? t1 : travels[1][k];
            pads[0][k] = p0 > pads[0][k] ? p0 : pads[0][k];
            pads[1][k] = p1 > pads[1][k] ? p1 : pads[1][k];
        }
    }
    for (int c = 0; c < 2; c++)
        for (int k = 0; k < BLOCK; k++) {
            out.travel[c] = travels[c][k] > out.travel[c] ? travels[c][k] : out.travel[c];
            out.pad[c] = pads[c][k] > out.pad[c] ? pads[c][k] : out.pad[c];
        }
    return out;
}

/* Cell of each object: in the grid of its class, -1 for one that is not there. */
static void find_cells(const float *restrict angles, const float *restrict heights,
                       const int32_t *restrict class_of, int64_t n, const struct grid *near,
                       const struct grid *rest, int32_t *restrict cell)
{
    const struct grid c = *near, r = *rest;
    for (int64_t i = 0; i < n; i++) {
        int there = heights[i] == heights[i], is_near = class_of[i] != REST;
        float bottom = is_near ? c.bottom : r.bottom, per_bin = is_near ? c.per_bin : r.per_bin;
        float per_height = is_near ? c.per_height : r.per_height;
        int slabs = is_near ? c.slabs : r.slabs, bins = is_near ? c.bins : r.bins;
        float z = there ? heights[i] : 0.0f, at = there ? angles[i] : 0.0f;
        float slab = (z - bottom) * per_height, top = (float)(slabs - 1);
        slab = slab > 0.0f ? slab : 0.0f;
        slab = slab < top ? slab : top;
        int bin = (int)(at * per_bin);
        bin = bin < bins ? bin : bins - 1;
        int number = ((is_near ? class_of[i] : 0) * slabs + (int)slab) * bins + bin;
        cell[i] = there ? number + (is_near ? c.base : r.base) : -1;
    }
}

/* Counting sort of the objects by cell. */
static void sort_cells(struct sweep *s, int64_t n, int64_t cells)
{
    int32_t sum = 0;
    for (int64_t k = 0; k <= cells; k++)
        s->start[k] = 0;
    for (int64_t i = 0; i < n; i++)
        if (s->cell[i] >= 0)
            s->start[s->cell[i]]++;
    for (int64_t k = 0; k <= cells; k++) {
        int32_t before = sum;
        sum += s->start[k];
        s->start[k] = before;
    }
    s->total = sum;
    for (int64_t i = 0; i < n; i++)
        if (s->cell[i] >= 0)
            s->row[s->start[s->cell[i]]++] = (int32_t)i;
    /* Each start has moved to its cell's end, the next one's start. */
    for (int64_t k = cells; k > 0; k--)
        s->start[k] = s->start[k - 1];
    s->start[0] = 0;
}

/* Columns of the sorted objects, and a vector of NaN after them: whole vectors are read. */
static void fill_columns(struct sweep *s, const float *line, const float *pad, const float *rho,
                         float half_step, float extra_pad)
{
    enum { AHEAD = 12 };
    const float square = 0.5f * half_step * half_step;
    struct columns *c = &s->c;
    for (int64_t k = 0; k < s->total; k++) {
        const int32_t i = s->row[k];
        const float *from = line + (int64_t)i * LINE;
        if (k + AHEAD < s->total)
            __builtin_prefetch(line + (int64_t)s->row[k + AHEAD] * LINE);
        c->x[k] = from[X];
        c->y[k] = from[Y];
        c->z[k] = from[Z];
        c->vx[k] = from[VX];
        c->vy[k] = from[VY];
        c->vz[k] = from[VZ];
        c->low[k] = from[LOW];
        c->high[k] = from[HIGH];
        c->travel[k] = from[TRAVEL];
        c->slack[k] = square * from[FORCE] + from[GRAIN] + ROUNDING_KM;
        c->pad[k] = pad[i] + extra_pad;
        c->rho[k] = rho[i] + s->extra_rho;
    }
    for (int64_t k = s->total; k < s->total + VECTOR; k++)
        c->x[k] = NAN;
}

#endif
