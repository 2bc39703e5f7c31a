/* Encounters of LANES rows at a time: see encounter_plane.pyx for what goes in and out.
 *
 * Status codes; tracss_hpc.assess.encounter says what they mean.
 */
#ifndef TRACSS_PLANE_H
#define TRACSS_PLANE_H

#include "_lanes.h"

enum {
    USED = 0,
    REMEDIATED = 1,
    NO_COVARIANCE = 2,
    NEGATIVE_VARIANCE = 3,
    ZERO_COVARIANCE = 4,
    DEFAULT_COVARIANCE = 5,
    NOT_POSITIVE = 6,
    NO_RELATIVE_VELOCITY = 7,
    NO_HBR = 8
};

#define PLANE_COLUMNS 16

/* Position variance from which MD2's "no information" covariance is recognised, (0.99 * 10 Earth
   radii of 6378.135 km)^2 [CARA PcMultiStep]. */
#define DEFAULT_SIGMA (0.99 * 10.0 * 6378.135)
/* A sigma smaller than this part of the hard-body radius is raised to it [CARA, Fclip]. */
#define CLIP 1e-4
/* From here on a radius [km] is as good as infinite: its square may overflow. */
#define HUGE_HBR 1e100

/* `code` where the mask is set, else what stands in `other`. */
INLINE ints choose(ints mask, int64_t code, ints other)
{
    return (mask & code) | (~mask & other);
}

/* What one object brings to the encounter: its covariance and its response to a density error,
   both in the axes of the encounter. */
typedef struct {
    lanes covariance[6], response[3];
    ints code;
} plane_object;

/* Column `c` of LANES rows of `stride` doubles; a short block repeats its last row. */
INLINE lanes column(const double *rows, ptrdiff_t stride, int count, int c)
{
    lanes x;
    if (count == LANES)
        for (int k = 0; k < LANES; k++)
            x[k] = rows[k * stride + c];
    else
        for (int k = 0; k < LANES; k++)
            x[k] = rows[(k < count ? k : count - 1) * stride + c];
    return x;
}

/* The first six columns of LANES rows. Whole blocks are turned in registers; that reads up to two
   doubles past a row's sixth, so a block that ends the array goes one by one. */
INLINE void six_columns(const double *rows, ptrdiff_t stride, int count, int last, lanes *out)
{
    if (last) {
        for (int c = 0; c < 6; c++)
            out[c] = column(rows, stride, count, c);
        return;
    }
    for (int first = 0; first < 6; first += LANES) {
        lanes square[LANES];
        for (int k = 0; k < LANES; k++)
            square[k] = load(rows + k * stride + first);
        transpose(square);
        for (int c = 0; c < LANES && first + c < 6; c++)
            out[first + c] = square[c];
    }
}

INLINE lanes dot3(const lanes *a, const lanes *b)
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

INLINE void cross3(const lanes *a, const lanes *b, lanes *c)
{
    c[0] = a[1] * b[2] - a[2] * b[1];
    c[1] = a[2] * b[0] - a[0] * b[2];
    c[2] = a[0] * b[1] - a[1] * b[0];
}

INLINE void unit3(const lanes *a, lanes *u)
{
    lanes inverse = 1.0 / root(dot3(a, a));
    for (int k = 0; k < 3; k++)
        u[k] = a[k] * inverse;
}

/* Whether one object's position covariance may be used at all [CARA PcMultiStep]. */
INLINE ints check_covariance(const lanes *c)
{
    ints known = c[0] == c[0], zero = known;
    ints negative = (c[0] < 0.0) | (c[2] < 0.0) | (c[5] < 0.0);
    lanes limit = all(DEFAULT_SIGMA * DEFAULT_SIGMA);
    ints none = (c[0] >= limit) | (c[2] >= limit) | (c[5] >= limit);
    for (int k = 0; k < 6; k++) {
        known &= c[k] == c[k];
        zero &= c[k] == 0.0;
    }
    ints code = none & DEFAULT_COVARIANCE;
    code = choose(negative, NEGATIVE_VARIANCE, code);
    code = choose(zero, ZERO_COVARIANCE, code);
    return choose(~known, NO_COVARIANCE, code);
}

/* Rows x, z, v of a right-handed frame whose third axis is the unit vector v.
   From v alone [Duff2017]: principal axes do not depend on the choice, and a miss distance of zero
   needs no nudge. */
INLINE void frame_of(const lanes *v, lanes axes[3][3])
{
    lanes sign = where(v[2] < 0.0, all(-1.0), all(1.0));
    lanes a = -1.0 / (sign + v[2]), b = v[0] * v[1] * a;
    axes[0][0] = 1.0 + sign * v[0] * v[0] * a;
    axes[0][1] = sign * b;
    axes[0][2] = -sign * v[0];
    axes[1][0] = b;
    axes[1][1] = sign + v[1] * v[1] * a;
    axes[1][2] = -v[1];
    for (int k = 0; k < 3; k++)
        axes[2][k] = v[k];
}

/* G C G' (lower triangle by rows) and G g, G = axes (rows) times the object's R, T, N. */
INLINE void turn(const lanes *state, lanes axes[3][3], const lanes *c, const lanes *g,
                 plane_object *out)
{
    lanes m[3][3], h[3], w[3], row[3][3];
    unit3(state, m[0]);
    cross3(state, state + 3, h);
    unit3(h, m[2]);
    cross3(m[2], m[0], m[1]);
    for (int i = 0, k = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++)
            row[i][j] = dot3(axes[i], m[j]);
        w[0] = row[i][0] * c[0] + row[i][1] * c[1] + row[i][2] * c[3];
        w[1] = row[i][0] * c[1] + row[i][1] * c[2] + row[i][2] * c[4];
        w[2] = row[i][0] * c[3] + row[i][1] * c[4] + row[i][2] * c[5];
        for (int j = 0; j <= i; j++, k++)
            out->covariance[k] = dot3(w, row[j]);
        if (g)
            out->response[i] = dot3(row[i], g);
    }
}

/* Rotate a covariance of the plane (xx, xz, zz) by the unit vector (x, z). */
INLINE void turn_in_plane(const lanes *c, lanes x, lanes z, lanes *out)
{
    lanes a = c[0] * x + c[1] * z, b = c[1] * x + c[2] * z;
    lanes d = c[1] * x - c[0] * z, e = c[2] * x - c[1] * z;
    out[0] = a * x + b * z;
    out[1] = d * x + e * z;
    out[2] = e * x - d * z;
}

/* Fill out[0 .. PLANE_COLUMNS - 1] and `status` for one block. `g1`, `g2`: null without DCP. */
INLINE void project_block(const lanes *state1, const lanes *state2, const lanes *c1,
                          const lanes *c2, lanes hbr, const lanes *g1, const lanes *g2, lanes *out,
                          ints *status)
{
    const lanes blank = all(NAN), zero = all(0.0);
    lanes r[3], v[3], along[3], d[3], s[6], usable[6], axes[3][3];
    plane_object one, two;
    for (int k = 0; k < 3; k++) {
        r[k] = state1[k] - state2[k];
        v[k] = state1[k + 3] - state2[k + 3];
    }
    lanes speed = root(dot3(v, v));
    ints moving = speed > 0.0;
    for (int k = 0; k < 3; k++)
        along[k] = where(moving, v[k] / speed, all(k == 2 ? 1.0 : 0.0));
    frame_of(along, axes);
    for (int k = 0; k < 3; k++)
        d[k] = dot3(r, axes[k]);
    out[6] = where(moving, -d[2] / speed, blank);

    turn(state1, axes, c1, g1, &one);
    turn(state2, axes, c2, g2, &two);
    one.code = check_covariance(c1);
    two.code = check_covariance(c2);
    ints use1 = one.code == USED, use2 = two.code == USED;
    ints second = use1 | (~use2 & (two.code < one.code));
    ints code = (second & two.code) | (~second & one.code);
    /* The TraCSS verification key has Mahalanobis distances and dilution flags also where it can
       have no Pc: what was refused for being zero or of no information counts here. */
    ints whole = (code == USED) | (code > NEGATIVE_VARIANCE);
    for (int i = 0, k = 0; i < 3; i++)
        for (int j = 0; j <= i; j++, k++) {
            s[k] = one.covariance[k] + two.covariance[k];
            if (g1)
                s[k] -= one.response[i] * two.response[j] + two.response[i] * one.response[j];
            usable[k] = where(whole, s[k], where(use1, one.covariance[k], two.covariance[k]));
        }

    /* Cholesky's factors of the 3x3; the miss with and without its part along v. */
    lanes l00 = root(s[0]), l10 = s[1] / l00, l20 = s[3] / l00;
    lanes p11 = s[2] - l10 * l10, l11 = root(p11), l21 = (s[4] - l20 * l10) / l11;
    lanes p22 = s[5] - l20 * l20 - l21 * l21, l22 = root(p22);
    lanes y0 = d[0] / l00, y1 = (d[1] - l10 * y0) / l11, y2 = l20 * y0 + l21 * y1;
    lanes given = (d[2] - y2) / l22, linear = y2 / l22, plane = y0 * y0 + y1 * y1;
    ints positive = (s[0] > 0.0) & (p11 > 0.0) & (p22 > 0.0);
    positive &= whole;
    out[4] = where(positive, root(plane + given * given), blank);
    out[5] = where(positive & moving, root(plane + linear * linear), blank);

    /* Principal axes. The smaller eigenvalue is determinant / larger one: their difference would
       lose it when the ellipse is long. */
    lanes half = 0.5 * (usable[0] - usable[2]);
    lanes radius = root(half * half + usable[1] * usable[1]);
    lanes large = 0.5 * (usable[0] + usable[2]) + radius;
    lanes small = (usable[0] * usable[2] - usable[1] * usable[1]) / large;
    lanes x = where(half >= 0.0, half + radius, usable[1]);
    lanes z = where(half >= 0.0, usable[1], radius - half);
    lanes norm = root(x * x + z * z);
    x = where(norm > 0.0, x / norm, all(1.0));
    z = where(norm > 0.0, z / norm, zero);
    lanes miss_x = d[0] * x + d[1] * z, miss_z = d[1] * x - d[0] * z;
    lanes sign_x = where(miss_x < 0.0, all(-1.0), all(1.0));
    lanes sign_z = where(miss_z < 0.0, all(-1.0), all(1.0));

    ints seen = moving & (whole | use1 | use2) & (large > 0.0) & (large < INFINITY);
    ints bounded = (hbr >= 0.0) & (hbr < HUGE_HBR);
    lanes floor = where(bounded, CLIP * hbr * CLIP * hbr, zero);
    ints clipped = (large < floor) | (small < floor) | ~(small > 0.0);
    large = where(large < floor, floor, large);
    small = where((small < floor) | ~(small > 0.0), floor, small);
    out[0] = where(seen & whole, root(large), blank);
    out[1] = where(seen & whole, root(small), blank);
    out[2] = where(seen, sign_x * miss_x, blank);
    out[3] = where(seen, sign_z * miss_z, blank);
    turn_in_plane(one.covariance, x, z, out + 7);
    turn_in_plane(two.covariance, x, z, out + 10);
    out[8] *= sign_x * sign_z;
    out[11] *= sign_x * sign_z;
    for (int k = 0; k < 3; k++) {
        out[7 + k] = where(seen & use1, out[7 + k], blank);
        out[10 + k] = where(seen & use2, out[10 + k], blank);
    }
    out[13] = where(seen & whole, sign_x * (s[3] * x + s[4] * z), blank);
    out[14] = where(seen & whole, sign_z * (s[4] * x - s[3] * z), blank);
    out[15] = where(seen & whole, s[5], blank);

    code = choose((code == USED) & ~moving, NO_RELATIVE_VELOCITY, code);
    code = choose((code == USED) & ~(hbr >= 0.0), NO_HBR, code);
    code = choose((code == USED) & ~seen, NOT_POSITIVE, code);
    *status = choose((code == USED) & clipped, REMEDIATED, code);
}

/* All rows; plane is PLANE_COLUMNS columns of n, one after the other; g1 null without DCP. */
static void project_rows(ptrdiff_t n, const double *state1, const double *state2,
                         const double *covariance1, ptrdiff_t stride1, const double *covariance2,
                         ptrdiff_t stride2, const double *hbr, const double *g1, const double *g2,
                         double *plane, signed char *status)
{
    for (ptrdiff_t row = 0; row < n; row += LANES) {
        int count = n - row < LANES ? (int)(n - row) : LANES;
        lanes s1[6], s2[6], c1[6], c2[6], r1[3], r2[3], out[PLANE_COLUMNS];
        ints code;
        int last = n - row <= LANES;
        six_columns(state1 + 6 * row, 6, count, last, s1);
        six_columns(state2 + 6 * row, 6, count, last, s2);
        six_columns(covariance1 + stride1 * row, stride1, count, last, c1);
        six_columns(covariance2 + stride2 * row, stride2, count, last, c2);
        lanes radius = column(hbr + row, 1, count, 0);
        if (g1) {
            for (int c = 0; c < 3; c++) {
                r1[c] = column(g1 + 3 * row, 3, count, c);
                r2[c] = column(g2 + 3 * row, 3, count, c);
            }
            project_block(s1, s2, c1, c2, radius, r1, r2, out, &code);
        } else
            project_block(s1, s2, c1, c2, radius, 0, 0, out, &code);
        for (int c = 0; c < PLANE_COLUMNS; c++)
            if (count == LANES)
                store(plane + c * n + row, out[c]);
            else
                for (int k = 0; k < count; k++)
                    plane[c * n + row + k] = out[c][k];
        for (int k = 0; k < count; k++)
            status[row + k] = (signed char)code[k];
    }
}

#endif
