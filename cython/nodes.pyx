"""Fit power series to sampled positions, and measure how good and how far from two-body they are.

Fed by tracss_hpc/ephemeris/nodes.py with what SGP4 gives at the nodes of some thousand segments;
what it writes is a record for each, which steps.pyx reads. A segment of half a turn needs 14
states; all that is wanted of it is linear in them, so one matrix, applied to each axis, makes it:

    node j, axis --row j of the matrix--> 12 power coefficients | last two Chebyshev coefficients |
                                          value at the check time | second derivative at each node

Of the 13 Chebyshev terms through the nodes the last is cut off; the record says how much that is.

_record.h tells how a record is laid out; noise of values [km], of slopes [km/s], force [km/s^2].

noise. With u = 2^-24, coefficient k of a power series meets, on its way through Horner's rule for
the value or the derivative, at most 3k + 3 roundings: its own, 2k + 2 of the rule, k of x. So a
value errs by at most u sum (3k + 3)|m_k|, a derivative by u sum k (3k + 3)|m_k|, per axis. What was
cut off, what the two last terms amount to and what the check time showed come on top: |T_k| <= 1,
|T_k'| <= k^2. u is taken 2 % larger for second-order terms.
force. Largest acceleration at the nodes beside the two-body one, a quarter up: between nodes, at
most a fifteenth of a turn apart, a perturbation that follows the turn twice grows by 2 %. 1e-6
km/s^2 is for the series, whose second derivative at an end errs by 7,000 times its last term.

Arrays: r (m, 3, TERMS + 1), the last sample at the check time; matrix (TERMS, WIDTH); begin, end
(m,) [s]; record (m, RECORD) float32; tail, check (m,) [km]. Units: km, km/s, s.
"""

cdef extern from *:
    """
    #include <string.h>
    #include "_record.h"
    #define TERMS 13
    #define WIDTH 32 /* KEEP, 2, 1, TERMS, four to spare */
    #define TAIL KEEP
    #define CHECK (KEEP + 2)
    #define SECOND (KEEP + 3)

    static void tracss_fit(
        const double *restrict r, const double *restrict matrix, double begin, double end,
        double mu, float *restrict record, double *restrict tail, double *restrict check)
    {
        const double unit = 6.08e-8; /* 2^-24, 2 % up for the second order */
        double out[3][WIDTH], value2 = 0.0, slope2 = 0.0, worst = 0.0, cut = 0.0;
        double half = 0.5 * (end - begin), scale = 1.0 / half, centre = 0.5 * (begin + end);
        double until = end + 1e-6; /* the last instant belongs to the last segment */
        *tail = *check = 0.0;
        for (int axis = 0; axis < 3; axis++) {
            const double *sample = r + axis * (TERMS + 1);
            double sum[WIDTH] = {0.0}, value[4] = {0.0}, slope[4] = {0.0};
            for (int j = 0; j < TERMS; j++)
                for (int k = 0; k < WIDTH; k++) sum[k] += matrix[j * WIDTH + k] * sample[j];
            memcpy(out[axis], sum, sizeof sum);
            for (int k = 0; k < KEEP; k++) record[axis * KEEP + k] = (float)sum[k];
            for (int k = 0; k < KEEP; k += 4)
                for (int q = 0; q < 4; q++) {
                    double size = (3 * (k + q) + 3) * __builtin_fabs(sum[k + q]);
                    value[q] += size;
                    slope[q] += (k + q) * size;
                }
            value[0] += value[1] + (value[2] + value[3]);
            slope[0] += slope[1] + (slope[2] + slope[3]);
            value2 += value[0] * value[0];
            slope2 += slope[0] * slope[0];
            cut += __builtin_fabs(sum[TAIL + 1]);
            /* fmax would lose a NaN, and a segment of NaN is not good. */
            double last = __builtin_fabs(sum[TAIL]) + __builtin_fabs(sum[TAIL + 1]);
            double miss = __builtin_fabs(sum[CHECK] - sample[TERMS]);
            *tail = last != last || last > *tail ? last : *tail;
            *check = miss != miss || miss > *check ? miss : *check;
        }
        double forces[TERMS];
        for (int j = 0; j < TERMS; j++) {
            double x = r[j], y = r[TERMS + 1 + j], z = r[2 * (TERMS + 1) + j];
            double r2 = x * x + y * y + z * z, pull = mu / (r2 * __builtin_sqrt(r2));
            double a = out[0][SECOND + j] * scale * scale + pull * x;
            double b = out[1][SECOND + j] * scale * scale + pull * y;
            double c = out[2][SECOND + j] * scale * scale + pull * z;
            forces[j] = a * a + b * b + c * c;
        }
        for (int j = 0; j < TERMS; j++) worst = forces[j] > worst ? forces[j] : worst;
        double rest = cut + 2.0 * (*tail + *check);
        float *noise = record + NOISE_AT;
        double times[3] = {centre, scale, until};
        noise[0] = (float)(unit * __builtin_sqrt(value2) + rest);
        noise[1] = (float)((unit * __builtin_sqrt(slope2) + TERMS * TERMS * rest) * scale);
        noise[2] = (float)(1.25 * __builtin_sqrt(worst) + 1e-6);
        memset(noise + NOISE, 0, sizeof(float) * (RECORD - NOISE_AT - NOISE));
        memcpy(record + TIMES_AT, times, sizeof times);
    }
    """
    enum: TERMS, KEEP, WIDTH, RECORD, NOISE, NOISE_AT
    void tracss_fit(
        const double*, const double*, double, double, double, float*, double*, double*
    ) nogil

#: Nodes of a segment, power coefficients kept, columns of the matrix, floats of a record.
NODES, KEPT, MATRIX_WIDTH, RECORD_WIDTH = TERMS, KEEP, WIDTH, RECORD
#: Where a record holds its force.
FORCE_AT = NOISE_AT + NOISE - 1


def fit(
    const double[:, :, ::1] r,
    const double[:, ::1] matrix,
    const double[::1] begin,
    const double[::1] end,
    double mu,
    float[:, ::1] record,
    double[::1] tail,
    double[::1] check,
):
    """Records of m segments, and two measures of how good their series are.

    `tail` and `check` [km] are filled: the larger of the axes' |last two coefficients| sums, and
    the largest difference to the sample at the check time. See the module text for the rest.
    """
    cdef Py_ssize_t s
    if r.shape[1] != 3 or r.shape[2] != TERMS + 1 or matrix.shape[0] != TERMS:
        raise ValueError(f"samples of shape {r.shape[0]} x {r.shape[1]} x {r.shape[2]}")
    if matrix.shape[1] != WIDTH or record.shape[1] != RECORD:
        raise ValueError(f"matrix of width {matrix.shape[1]}, records of {record.shape[1]}")
    with nogil:
        for s in range(r.shape[0]):
            tracss_fit(&r[s, 0, 0], &matrix[0, 0], begin[s], end[s], mu, &record[s, 0], &tail[s],
                       &check[s])
