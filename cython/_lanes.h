/* Lanes of doubles, and the elementary functions SGP4 needs on them.
 *
 * GCC's and clang's vector extension (intrinsics only in `any`): one source, 2 lanes wide for plain
 * x86-64 (and for ARM), 4 with AVX2, 8 with AVX-512. A lane's bits never depend on its neighbours,
 * on its place or on the width: only +, -, *, /, sqrt, comparisons and bit operations, no FMA
 * (-ffp-contract=off), no libm. A branch may look at all lanes only to leave out work whose result
 * no lane takes.
 *
 * The polynomials interpolate at Chebyshev points (own coefficients, from 50-digit values); errors
 * are stated absolute, against long double libm on 2e6 random arguments.
 */
#ifndef TRACSS_LANES_H
#define TRACSS_LANES_H

#include <math.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <immintrin.h>
#endif

#if defined(__AVX512DQ__)
#define LANES 8
#elif defined(__AVX__)
#define LANES 4
#else
#define LANES 2
#endif

typedef double lanes __attribute__((vector_size(8 * LANES)));
typedef int64_t ints __attribute__((vector_size(8 * LANES)));
typedef uint64_t words __attribute__((vector_size(8 * LANES)));
typedef double unaligned_lanes __attribute__((vector_size(8 * LANES), aligned(8)));

#define INLINE static inline __attribute__((always_inline))

#define PI 3.14159265358979323846
#define TWO_PI (2.0 * PI)
#define ROUND 6755399441055744.0 /* 1.5 2^52: adding it rounds to an integer, in the low bits */

INLINE lanes all(double x)
{
    return x - (lanes){0};
}

INLINE lanes load(const double *x)
{
    return *(const unaligned_lanes *)x;
}

INLINE void store(double *x, lanes a)
{
    *(unaligned_lanes *)x = a;
}

INLINE lanes where(ints mask, lanes yes, lanes no)
{
    return (lanes)(((ints)yes & mask) | ((ints)no & ~mask));
}

INLINE lanes absolute(lanes a)
{
    return (lanes)((ints)a & INT64_MAX);
}

INLINE lanes root(lanes a)
{
    lanes r;
    for (int k = 0; k < LANES; k++)
        r[k] = sqrt(a[k]);
    return r;
}

/* Comparisons give masks of all bits or none. */
INLINE int any(ints mask)
{
#if defined(__AVX512DQ__)
    return _mm512_movepi64_mask((__m512i)mask) != 0;
#elif defined(__AVX__)
    return _mm256_movemask_pd((__m256d)mask) != 0;
#elif defined(__SSE2__)
    return _mm_movemask_pd((__m128d)mask) != 0;
#endif
    int64_t bits = 0;
    for (int k = 0; k < LANES; k++)
        bits |= mask[k];
    return bits != 0;
}

#ifdef __clang__
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (ints){__VA_ARGS__})
#endif
#if LANES == 8
#define PICK(F, g)                                                                                 \
    F(g, 0), F(g, 1), F(g, 2), F(g, 3), F(g, 4), F(g, 5), F(g, 6), F(g, 7)
#elif LANES == 4
#define PICK(F, g) F(g, 0), F(g, 1), F(g, 2), F(g, 3)
#else
#define PICK(F, g) F(g, 0), F(g, 1)
#endif

/* Stores x0 y0 z0 x1 y1 z1 ... : output number i = g + p is axis i % 3 of lane i / 3. */
#define XY(g, p) ((g + p) % 3 == 1 ? LANES + (g + p) / 3 : (g + p) % 3 == 0 ? (g + p) / 3 : 0)
#define WITH_Z(g, p) ((g + p) % 3 == 2 ? LANES + (g + p) / 3 : (p))
#define PART(g) store(out + g, SHUFFLE(SHUFFLE(x, y, PICK(XY, g)), z, PICK(WITH_Z, g)))
INLINE void store_interleaved(double *out, lanes x, lanes y, lanes z)
{
    PART(0);
    PART(LANES);
    PART(2 * LANES);
}
#undef XY
#undef WITH_Z
#undef PART

/* Square of rows to columns: exchanges blocks of 1, 2, 4 lanes between rows as far apart. */
#define LOWER(b, p) ((p) & (b) ? LANES + (p) - (b) : (p))
#define UPPER(b, p) ((p) & (b) ? LANES + (p) : (p) + (b))
#define EXCHANGE(b)                                                                                \
    for (int k = 0; k < LANES; k++)                                                                \
        if (!(k & b)) {                                                                            \
            lanes low = SHUFFLE(a[k], a[k + b], PICK(LOWER, b));                                   \
            a[k + b] = SHUFFLE(a[k], a[k + b], PICK(UPPER, b));                                    \
            a[k] = low;                                                                            \
        }
INLINE void transpose(lanes *a)
{
    EXCHANGE(1)
#if LANES > 2
    EXCHANGE(2)
#endif
#if LANES > 4
    EXCHANGE(4)
#endif
}
#undef LOWER
#undef UPPER
#undef EXCHANGE
#undef PICK
#undef SHUFFLE

/* Nearest integer, |x| < 2^51. */
INLINE lanes rounded(lanes x)
{
    return (x + ROUND) - ROUND;
}

/* Largest integer <= x, |x| < 2^51. */
INLINE lanes floored(lanes x)
{
    lanes k = rounded(x);
    return k - where(k > x, all(1.0), all(0.0));
}

/* sin and cos within 1.7e-16, |x| < 1e6 (beyond, 1e-16 |x|).
 * x = k pi/2 + r; pi/2 in three parts, the first two of 33 bits so that k times them is exact. */
INLINE void sincos_lanes(lanes x, lanes *s, lanes *c)
{
    lanes shifted = x * 0.63661977236758134308 + ROUND, k = shifted - ROUND;
    lanes r = ((x - k * 1.5707963267341256) - k * 6.077100506303966e-11)
            - k * 2.0222662487959506e-21;
    lanes z = r * r, p, q;
    p = z * 1.5918115263038246e-10 + -2.5051131650231316e-08;
    q = z * -1.1382623647332156e-11 + 2.0876146146556195e-09;
    p = p * z + 2.7557316101617852e-06;
    q = q * z + -2.755731727114513e-07;
    p = p * z + -0.00019841269836756774;
    q = q * z + 2.480158729876456e-05;
    p = p * z + 0.008333333333330948;
    q = q * z + -0.0013888888888887398;
    p = p * z + -0.16666666666666666;
    q = q * z + 0.041666666666666664;
    p = r + r * z * p;
    q = 1.0 - (0.5 * z - z * z * q);
    ints n = (ints)shifted, odd = -(n & 1);
    *s = (lanes)((ints)where(odd, q, p) ^ ((n & 2) << 62));
    *c = (lanes)((ints)where(odd, p, q) ^ (((n + 1) & 2) << 62));
}

/* sin and cos of |x| <= 1/8 within 6e-17 (Taylor series). */
INLINE void sincos_small(lanes x, lanes *s, lanes *c)
{
    lanes z = x * x, p, q;
    p = z * (1.0 / 362880.0) - 1.0 / 5040.0;
    q = z * (-1.0 / 3628800.0) + 1.0 / 40320.0;
    p = p * z + 1.0 / 120.0;
    q = q * z - 1.0 / 720.0;
    p = p * z - 1.0 / 6.0;
    q = q * z + 1.0 / 24.0;
    *s = x + x * z * p;
    *c = 1.0 - (0.5 * z - z * z * q);
}

/* sin and cos of |x| <= 1/256 within 6e-17 (Taylor series). */
INLINE void sincos_tiny(lanes x, lanes *s, lanes *c)
{
    lanes z = x * x;
    *s = x + x * z * (z * (1.0 / 120.0) - 1.0 / 6.0);
    *c = 1.0 - (0.5 * z - z * z * (1.0 / 24.0));
}

/* (s, c) of an angle, turned on by d. Lanes with |d| <= limit take the short series given; the
 * long one is computed only where some lane needs it, and taken only there. */
#define TURN(NAME, SERIES, LIMIT)                                                                  \
    INLINE void NAME(lanes d, lanes *s, lanes *c)                                                  \
    {                                                                                              \
        ints large = ~(absolute(d) <= LIMIT);                                                      \
        lanes sd, cd, sine = *s;                                                                   \
        SERIES(d, &sd, &cd);                                                                       \
        if (__builtin_expect(any(large), 0)) {                                                     \
            lanes s_long, c_long;                                                                  \
            sincos_lanes(d, &s_long, &c_long);                                                     \
            sd = where(large, s_long, sd);                                                         \
            cd = where(large, c_long, cd);                                                         \
        }                                                                                          \
        *s = sine * cd + *c * sd;                                                                  \
        *c = *c * cd - sine * sd;                                                                  \
    }

TURN(turn_small, sincos_small, 0.125)
TURN(turn_tiny, sincos_tiny, 0.00390625)
#undef TURN

/* x - k 2 pi for the nearest integer k. 2 pi is the double, as in C's fmod, here in two parts of 27
 * bits so that the products and differences are exact for |k| < 2^26. */
INLINE lanes nearest_turn(lanes x)
{
    lanes k = rounded(x * (1.0 / TWO_PI));
    return (x - k * 6.283185303211212) - k * 3.968374073792802e-09;
}

/* C's fmod(x, 2 pi), exactly: the sign of x. */
INLINE lanes fmod_turn(lanes x)
{
    lanes r = nearest_turn(x);
    r = where((x >= 0.0) & (r < 0.0), r + TWO_PI, r);
    return where((x < 0.0) & (r > 0.0), r - TWO_PI, r);
}

/* atan2 within 5e-16. Octants: t = smaller/larger <= 1; above tan(pi/8), (t - 1)/(t + 1). */
INLINE lanes atan2_lanes(lanes y, lanes x)
{
    lanes ax = absolute(x), ay = absolute(y);
    ints steep = ay > ax;
    lanes small = where(steep, ax, ay), large = where(steep, ay, ax);
    ints upper = small > 0.41421356237309503 * large;
    lanes top = where(upper, small - large, small), bottom = where(upper, small + large, large);
    lanes t = top / where(bottom > 0.0, bottom, all(1.0)), z = t * t, p;
    p = z * -0.01917540461813167 + 0.0392304477008921;
    p = p * z + -0.050854078313439584;
    p = p * z + 0.058581409041635196;
    p = p * z + -0.06664510525415601;
    p = p * z + 0.07692183125369063;
    p = p * z + -0.09090904575306077;
    p = p * z + 0.11111111015187006;
    p = p * z + -0.1428571428466568;
    p = p * z + 0.19999999999995516;
    p = p * z + -0.3333333333333333;
    p = t + t * z * p;
    p = where(upper, p + 0.25 * PI, p);
    p = where(steep, 0.5 * PI - p, p);
    p = where(x < 0.0, PI - p, p);
    return where(y < 0.0, -p, p);
}

/* g^(-2/3) for g > 0, relative error 1e-15: Newton's iteration for the inverse cube root; its start
 * (within 4 %) divides the exponent by -3 in the upper half of the double, as integers. */
INLINE lanes inverse_two_thirds(lanes g)
{
    const double magic = 4503599627370496.0; /* 2^52 */
    lanes high = (lanes)((words)g >> 32 | 0x4330000000000000) - magic;
    lanes start = (1430188287.0 - rounded(high * (1.0 / 3.0))) + magic;
    lanes y = (lanes)((ints)start << 32);
    for (int k = 0; k < 4; k++)
        y = y + y * (1.0 - g * (y * y * y)) * (1.0 / 3.0);
    return y * y;
}

/* One double each, for what is done once per object. */
INLINE void sincos_one(double x, double *s, double *c)
{
    lanes sine, cosine;
    sincos_lanes(all(x), &sine, &cosine);
    *s = sine[0];
    *c = cosine[0];
}

INLINE double fmod_turn_one(double x)
{
    return fmod_turn(all(x))[0];
}

INLINE double atan2_one(double y, double x)
{
    return atan2_lanes(all(y), all(x))[0];
}

/* x^(2/3) as pow gives it: NaN below zero. */
INLINE double two_thirds_one(double x)
{
    if (x > 0.0 && x < INFINITY)
        return inverse_two_thirds(all(1.0 / x))[0];
    return x == 0.0 || x > 0.0 ? x : NAN;
}

#endif
