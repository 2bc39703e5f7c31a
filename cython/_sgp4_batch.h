/* Many objects at many times: fills lanes, calls the state functions, spreads the results.
 *
 * Items (object, time) are taken in the order given. A run of items of one object fills whole
 * vectors with its times, coefficients broadcast once; what is left of it (less than one vector)
 * waits with the leftovers of other objects until a vector of mixed objects is full.
 */
#ifndef TRACSS_SGP4_BATCH_H
#define TRACSS_SGP4_BATCH_H

#include "_sgp4_state.h"

#define WIDTH 64      /* doubles of one row of the table: ALL_FIELDS, rounded up to cache lines */
#define STEP_WIDTH 4  /* doubles of one integrator step: xli, xni, xndt, xnddt */
#define DAY_S 86400.0
#define FARTHEST_MIN 1e8 /* 190 years: deep-space objects give NaN farther from epoch */

/* Strides are in elements. t_row is 0 for times common to all rows. */
struct batch {
    const double *table;
    const uint8_t *kind;
    const int64_t *rows;
    int64_t m, q;
    const double *t;
    int64_t t_row, t_col;
    int from_start; /* t: seconds since (start_jd, start_fr); else minutes since each epoch */
    double start_jd, start_fr;
    const double *steps;
    const int64_t *step_offset; /* where the steps of an object begin: step number first[object] */
    const int32_t *first, *last; /* step numbers there are, both included; first > last: none */
    int32_t *wanted;             /* (n, 2): widened to the step numbers that would be needed */
    double *r;
    int64_t r_row, r_col, r_axis;
    double *v; /* may be NULL */
    int64_t v_row, v_col, v_axis;
    uint8_t *code;
    int64_t code_row, code_col;
};

struct item {
    int64_t k, j;
};

/* Minutes since epoch exactly as python-sgp4 makes them of two-part Julian dates. */
INLINE lanes minutes(const struct batch *b, lanes t, lanes epoch_jd, lanes epoch_fr)
{
    if (!b->from_start)
        return t;
    lanes seconds = b->start_fr * DAY_S + t, day = floored(seconds / DAY_S);
    lanes jd = b->start_jd + day, fr = (seconds - day * DAY_S) / DAY_S;
    return (jd - epoch_jd) * 1440.0 + (fr - epoch_fr) * 1440.0;
}

/* Right-hand sides of the resonance integrator at a step: z = {xli, xni, xndt, xnddt}. */
static void resonance_rates(const double *row, double atime, double *z)
{
    double angle[16] = {0}, s[16], c[16], xli = z[0], xldot = z[1] + row[XFACT];
    if (row[IREZ] == 1.0) {
        angle[0] = xli - 0.13130908;
        angle[1] = 2.0 * (xli - 2.8843198);
        angle[2] = 3.0 * (xli - 0.37448087);
    } else {
        double xomi = row[ARGPO] + row[ARGPDOT] * atime, x2omi = xomi + xomi, x2li = xli + xli;
        angle[0] = x2omi + xli - 5.7686396;
        angle[1] = xli - 5.7686396;
        angle[2] = xomi + xli - 0.95240898;
        angle[3] = -xomi + xli - 0.95240898;
        angle[4] = x2omi + x2li - 1.8014998;
        angle[5] = x2li - 1.8014998;
        angle[6] = xomi + xli - 1.0508330;
        angle[7] = -xomi + xli - 1.0508330;
        angle[8] = xomi + x2li - 4.4108898;
        angle[9] = -xomi + x2li - 4.4108898;
    }
    for (int k = 0; k < 16; k += LANES) {
        lanes sine, cosine;
        sincos_lanes(load(angle + k), &sine, &cosine);
        store(s + k, sine);
        store(c + k, cosine);
    }
    const double *d = row + D2201;
    if (row[IREZ] == 1.0) {
        z[2] = d[0] * s[0] + d[1] * s[1] + d[2] * s[2];
        z[3] = (d[0] * c[0] + 2.0 * d[1] * c[1] + 3.0 * d[2] * c[2]) * xldot;
        return;
    }
    z[2] = d[0] * s[0] + d[1] * s[1] + d[2] * s[2] + d[3] * s[3] + d[4] * s[4] + d[5] * s[5]
         + d[6] * s[6] + d[7] * s[7] + d[8] * s[8] + d[9] * s[9];
    z[3] = (d[0] * c[0] + d[1] * c[1] + d[2] * c[2] + d[3] * c[3] + d[6] * c[6] + d[7] * c[7]
            + 2.0 * (d[4] * c[4] + d[5] * c[5] + d[8] * c[8] + d[9] * c[9])) * xldot;
}

/* Integrator steps number `first` <= 0 to `last` >= 0 of one resonant object, from its epoch. */
static void integrate_resonance(const double *row, int64_t first, int64_t last, double *steps)
{
    double *origin = steps - first * STEP_WIDTH;
    origin[0] = row[XLAMO];
    origin[1] = row[NO];
    resonance_rates(row, 0.0, origin);
    for (int side = -1; side <= 1; side += 2) {
        double delt = side * STEP;
        int64_t count = side < 0 ? -first : last;
        for (int64_t k = 1; k <= count; k++) {
            double *z = origin + side * k * STEP_WIDTH, *p = z - side * STEP_WIDTH;
            z[0] = p[0] + (p[1] + row[XFACT]) * delt + p[2] * (0.5 * STEP * STEP);
            z[1] = p[1] + p[2] * delt + p[3] * (0.5 * STEP * STEP);
            resonance_rates(row, side * (double)k * STEP, z);
        }
    }
}

/* Loads the steps of each lane; 0 when one is missing (noted in `wanted`). Step number k is the
 * last whole one between epoch and t. Times beyond FARTHEST_MIN give NaN, not an endless table. */
INLINE int load_steps(const struct batch *b, const int64_t *object, const lanes *c, lanes t,
                      struct step *z)
{
    lanes length = absolute(t), n = floored(length * (1.0 / STEP));
    n = where(n * STEP > length, n - 1.0, n);
    n = where(length - n * STEP >= STEP, n + 1.0, n);
    ints near_epoch = length < FARTHEST_MIN;
    n = where(near_epoch & (c[IREZ] != 0.0), n, all(0.0));
    n = where(t < 0.0, -n, n);
    z->ft = where(near_epoch, t - n * STEP, all(NAN));
    double got[STEP_WIDTH][LANES];
    int complete = 1;
    for (int l = 0; l < LANES; l++) {
        int64_t o = object[l], k = (int64_t)n[l];
        if (b->kind[o] != RESONANT) {
            got[0][l] = got[2][l] = got[3][l] = 0.0;
            got[1][l] = b->table[o * WIDTH + NO];
            continue;
        }
        if (k < b->first[o] || k > b->last[o]) {
            int32_t *wanted = b->wanted + 2 * o;
            wanted[0] = k < wanted[0] ? (int32_t)k : wanted[0];
            wanted[1] = k > wanted[1] ? (int32_t)k : wanted[1];
            complete = 0;
            k = 0;
            if (b->first[o] > b->last[o])
                continue;
        }
        const double *from = b->steps + (b->step_offset[o] + k - b->first[o]) * STEP_WIDTH;
        for (int f = 0; f < STEP_WIDTH; f++)
            got[f][l] = from[f];
    }
    z->xli = load(got[0]);
    z->xni = load(got[1]);
    z->xndt = load(got[2]);
    z->xnddt = load(got[3]);
    z->xldot = z->xni + c[XFACT];
    return complete;
}

/* What one call of a body works on: `count` items in the lanes of up to GROUP vectors. The
 * coefficients of vector g begin at c + g * c_step. */
struct work {
    const lanes *c;
    int c_step, count;
    int consecutive; /* the items follow each other in the order (row, time) */
    int64_t object[GROUP * LANES];
    double t[GROUP * LANES];
    struct item at[GROUP * LANES];
};

/* One vector of r or v to its places. */
INLINE void spread(const lanes *xyz, double *out, int64_t out_row, int64_t out_col,
                   int64_t out_axis, int64_t q, const struct work *w, int first)
{
    const struct item *at = w->at + first;
    int count = w->count - first < LANES ? w->count - first : LANES;
    double *to = out + at->k * out_row + at->j * out_col;
    if (w->consecutive && out_axis == 1 && out_col == 3 && out_row == 3 * q) {
        store_interleaved(to, xyz[0], xyz[1], xyz[2]);
    } else if (w->consecutive && out_col == 1 && at->j + LANES <= q) {
        for (int axis = 0; axis < 3; axis++)
            store(to + axis * out_axis, xyz[axis]);
    } else {
        for (int l = 0; l < count; l++)
            for (int axis = 0; axis < 3; axis++)
                out[at[l].k * out_row + at[l].j * out_col + axis * out_axis] = xyz[axis][l];
    }
}

INLINE void spread_codes(const struct batch *b, lanes code, const struct work *w, int first)
{
    const struct item *at = w->at + first;
    int count = w->count - first < LANES ? w->count - first : LANES;
    if (w->consecutive && b->code_col == 1 && b->code_row == b->q && !any(code != 0.0)) {
        memset(b->code + at->k * b->q + at->j, 0, LANES);
        return;
    }
    for (int l = 0; l < count; l++)
        b->code[at[l].k * b->code_row + at[l].j * b->code_col] = (uint8_t)code[l];
}

INLINE lanes hide(ints failed, lanes x)
{
    return where(failed | (x != x), all(NAN), x);
}

/* Times in, states out. Lanes beyond `count` repeat the first item and are not stored. */
INLINE int propagate_group(const struct batch *b, int deep, int velocity, const struct work *w)
{
    struct orbit orbit[GROUP];
    int complete = 1, vectors = (w->count + LANES - 1) / LANES;
    for (int g = 0; g < vectors; g++) {
        const lanes *c = w->c + g * w->c_step;
        lanes tsince = minutes(b, load(w->t + g * LANES), c[EPOCH_JD], c[EPOCH_FR]);
        if (deep) {
            struct step z;
            complete &= load_steps(b, w->object + g * LANES, c, tsince, &z);
            deep_orbit(c, tsince, &z, &orbit[g]);
        } else {
            near_orbit(c, tsince, &orbit[g]);
        }
    }
    for (int g = 0; g < vectors; g++)
        start_kepler(&orbit[g]);
    solve_kepler(orbit, vectors);
    for (int g = 0; g < vectors; g++) {
        struct state state;
        finish(&orbit[g], velocity, &state);
        ints failed = (state.code != 0.0) & (state.code < 6.0);
        for (int axis = 0; axis < 3; axis++) {
            state.r[axis] = hide(failed, state.r[axis]);
            if (velocity)
                state.v[axis] = hide(failed, state.v[axis]);
        }
        spread(state.r, b->r, b->r_row, b->r_col, b->r_axis, b->q, w, g * LANES);
        if (velocity)
            spread(state.v, b->v, b->v_row, b->v_col, b->v_axis, b->q, w, g * LANES);
        spread_codes(b, state.code, w, g * LANES);
    }
    return complete;
}

/* One compiled body each for near and deep, with and without velocity. */
typedef int body(const struct batch *, const struct work *);
#define BODY(NAME, DEEP, VELOCITY)                                                                 \
    static __attribute__((noinline)) int NAME(const struct batch *b, const struct work *w)         \
    {                                                                                              \
        return propagate_group(b, DEEP, VELOCITY, w);                                              \
    }
BODY(near_position, 0, 0)
BODY(near_both, 0, 1)
BODY(deep_position, 1, 0)
BODY(deep_both, 1, 1)
#undef BODY

/* Coefficients of the lanes' objects, one vector per field; FIELDS is a multiple of LANES. */
enum { FIELDS = (XFACT + 8) / 8 * 8 };
static void gather(const double *table, const int64_t *object, int fields, lanes *c)
{
    for (int f = 0; f < fields; f += LANES) {
        lanes block[LANES];
        for (int l = 0; l < LANES; l++)
            block[l] = load(table + object[l] * WIDTH + f);
        transpose(block);
        for (int l = 0; l < LANES; l++)
            c[f + l] = block[l];
    }
}

/* A full or last queue of leftovers; lanes beyond it repeat its first item. */
static int run_queue(const struct batch *b, int fields, body *run, struct work *queue)
{
    lanes mixed[GROUP][FIELDS];
    for (int l = queue->count; l % LANES; l++) {
        queue->object[l] = queue->object[0];
        queue->t[l] = queue->t[0];
    }
    for (int g = 0; g * LANES < queue->count; g++)
        gather(b->table, queue->object + g * LANES, fields, mixed[g]);
    queue->c = mixed[0];
    int complete = run(b, queue);
    queue->count = 0;
    return complete;
}

/* All items of near-earth or of deep-space objects. */
static int propagate_class(const struct batch *b, int deep, body *run)
{
    int fields = deep ? FIELDS : NEAR_FIELDS, complete = 1;
    lanes same[FIELDS];
    struct work whole = {.c = same, .consecutive = 1}, queue = {.c_step = FIELDS};
    int64_t next;
    for (int64_t k = 0; k < b->m; k = next) {
        int64_t object = b->rows[k];
        for (next = k + 1; next < b->m && b->rows[next] == object; next++)
            ;
        if ((b->kind[object] != NEAR) != deep)
            continue;
        const double *row = b->table + object * WIDTH;
        struct item item = {k, 0};
        int64_t left = (next - k) * b->q;
        if (left >= LANES) {
            for (int f = 0; f < fields; f++)
                same[f] = all(row[f]);
            for (int l = 0; l < GROUP * LANES; l++)
                whole.object[l] = object;
        }
        while (left >= LANES) {
            whole.count = left < GROUP * LANES ? (int)left / LANES * LANES : GROUP * LANES;
            left -= whole.count;
            for (int l = 0, n; l < whole.count; l += n) {
                const double *t = b->t + item.k * b->t_row;
                n = b->q - item.j < whole.count - l ? (int)(b->q - item.j) : whole.count - l;
                for (int i = 0; i < n; i++) {
                    whole.at[l + i] = (struct item){item.k, item.j + i};
                    whole.t[l + i] = t[(item.j + i) * b->t_col];
                }
                item.j += n;
                if (item.j == b->q)
                    item = (struct item){item.k + 1, 0};
            }
            complete &= run(b, &whole);
        }
        for (; left; left--) {
            queue.object[queue.count] = object;
            queue.at[queue.count] = item;
            queue.t[queue.count] = b->t[item.k * b->t_row + item.j * b->t_col];
            if (++item.j == b->q)
                item = (struct item){item.k + 1, 0};
            if (++queue.count == GROUP * LANES)
                complete &= run_queue(b, fields, run, &queue);
        }
    }
    if (queue.count)
        complete &= run_queue(b, fields, run, &queue);
    return complete;
}

/* All items; 0 when integrator steps are missing: make those of `wanted` and call again. */
static int propagate_batch(const struct batch *b)
{
    if (!b->q)
        return 1;
    if (!propagate_class(b, 1, b->v ? deep_both : deep_position))
        return 0;
    return propagate_class(b, 0, b->v ? near_both : near_position);
}

#endif
