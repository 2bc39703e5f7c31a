"""SGP4 and SDP4 of many objects at many times, in SIMD.

The reference is python-sgp4 (Vallado's code, WGS-72, improved mode): positions agree with it to
0.3 mm over a whole catalog and ten days, with the same error codes at the same times and the same
jumps (tests/kernels/test_sgp4_batch.py; figures and what was tried: docs/sgp4.md). Bits depend on
the object's elements and the time alone: not on the SIMD level, the place in the batch, its size,
or what was computed before.

The work is in C headers, since GCC turns vector types into better code than loops of Cython's C:

    _lanes.h       vectors of 2, 4 or 8 doubles; sin, cos, atan2, x^(-2/3), fmod(x, 2 pi)
    _sgp4_init.h   one object's mean elements -> one row of coefficients (once per run)
    _sgp4_state.h  one vector of (object, time) -> position, velocity, error code
    _sgp4_batch.h  many rows and times -> vectors, and results to their places

Lanes are times of one object wherever a run of equal rows is long enough, because its
coefficients are then broadcast once; leftovers of several objects share vectors. Four vectors go
through each step together, so that their chains of dependent operations overlap.

Branches of the model: near-earth and deep-space objects go through the batch one class after the
other. Within a class everything is masks: the terms that low-perigee objects leave out have zero
coefficients; error codes, the clamp of the eccentricity, resonance kinds and Lyddane's modification
are chosen per lane. Kepler's equation iterates until every lane has met the reference's rule; a
lane that has met it no longer moves.

Resonance (12 h and 24 h orbits): the reference integrates in steps of 720 min from epoch and keeps
its last step, which makes it depend on the order of times only in speed: it starts again at epoch
when time turns back. Here the steps of each object are a table made once (`integrate`), from epoch
in both directions; `propagate` answers False when it met a time beyond the table and widens
`wanted`, so that the caller makes the longer table and calls again.

Arrays: table (n, TABLE_WIDTH), kind (n,) uint8: 0 near-earth, 1 deep-space, 2 resonant; rows (m,);
t (m, q); r, v (m, q, 3) of any strides, code (m, q). Units: km, km/s, minutes since epoch or
seconds since start. Native layouts are C order and (m, 3, q) seen through a transpose: both are
stored as whole vectors. Others are written double by double: time-major costs 10 % more in plain
x86-64 code and 70 % more with AVX-512.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t

cdef extern from "_sgp4_batch.h" nogil:
    enum: WIDTH, STEP_WIDTH
    enum: EPOCH_JD, EPOCH_FR, MO, MDOT, BSTAR_CC4, ECCO, OMGCOF, ETA, XMCOF, DELMO, BSTAR_CC5
    enum: SINMAO
    struct batch:
        const double *table
        const uint8_t *kind
        const int64_t *rows
        int64_t m, q
        const double *t
        int64_t t_row, t_col
        int from_start
        double start_jd, start_fr
        const double *steps
        const int64_t *step_offset
        const int32_t *first
        const int32_t *last
        int32_t *wanted
        double *r
        int64_t r_row, r_col, r_axis
        double *v
        int64_t v_row, v_col, v_axis
        uint8_t *code
        int64_t code_row, code_col
    int initialise_row(
        double *row, double epoch_jd, double epoch_fr, double bstar, double ecco, double argpo,
        double inclo, double mo, double no_kozai, double nodeo
    )
    void integrate_resonance(const double *row, int64_t first, int64_t last, double *steps)
    int propagate_batch(const batch *b)

#: Columns of a table of coefficients and of a table of integrator steps.
TABLE_WIDTH = WIDTH
RESONANCE_WIDTH = STEP_WIDTH
#: Columns that a near-earth object's mean eccentricity is made of.
ECCENTRICITY_COLUMNS = (
    EPOCH_JD, EPOCH_FR, MO, MDOT, BSTAR_CC4, ECCO, OMGCOF, ETA, XMCOF, DELMO, BSTAR_CC5, SINMAO
)


def initialise(
    const double[::1] epoch_jd,
    const double[::1] epoch_fr,
    const double[:, ::1] elements,
    double[:, ::1] table,
    uint8_t[::1] kind,
):
    """Coefficients of n objects, as python-sgp4's sgp4init makes them.

    Parameters
    ----------
    epoch_jd, epoch_fr : ndarray, shape (n,)
        Two-part Julian dates of the epochs (UTC).
    elements : ndarray, shape (7, n)
        B* [1/earth radii], eccentricity, argument of perigee [rad], inclination [rad], mean anomaly
        [rad], mean motion after Kozai [rad/min], right ascension of the ascending node [rad].
    table : ndarray, shape (n, TABLE_WIDTH)
        Filled.
    kind : ndarray of uint8, shape (n,)
        Filled: 0 near-earth, 1 deep-space, 2 deep-space with a resonance.
    """
    cdef Py_ssize_t i
    with nogil:
        for i in range(epoch_jd.shape[0]):
            kind[i] = initialise_row(
                &table[i, 0], epoch_jd[i], epoch_fr[i], elements[0, i], elements[1, i],
                elements[2, i], elements[3, i], elements[4, i], elements[5, i], elements[6, i],
            )


def integrate(
    const double[:, ::1] table,
    const int64_t[::1] objects,
    const int64_t[::1] offset,
    const int32_t[::1] first,
    const int32_t[::1] last,
    double[:, ::1] steps,
):
    """Steps of the resonance integrator, from epoch in both directions.

    Parameters
    ----------
    table : ndarray, shape (n, TABLE_WIDTH)
    objects : ndarray of int64
        Rows of the resonant objects (kind 2).
    offset : ndarray of int64, shape (n,)
        Where an object's steps begin in `steps`.
    first, last : ndarray of int32, shape (n,)
        Numbers of an object's first (<= 0) and last (>= 0) step; number k is at 720 k min.
    steps : ndarray, shape (sum of last - first + 1, RESONANCE_WIDTH)
        Filled: mean longitude [rad], mean motion [rad/min], and the rates that move them.
    """
    cdef Py_ssize_t q
    cdef int64_t i
    with nogil:
        for q in range(objects.shape[0]):
            i = objects[q]
            integrate_resonance(&table[i, 0], first[i], last[i], &steps[offset[i], 0])


def propagate(
    const double[:, ::1] table,
    const uint8_t[::1] kind,
    const int64_t[::1] rows,
    const double[:, :] t,
    bint from_start,
    double start_jd,
    double start_fr,
    const double[:, ::1] steps,
    const int64_t[::1] offset,
    const int32_t[::1] first,
    const int32_t[::1] last,
    int32_t[:, ::1] wanted,
    double[:, :, :] r,
    v,
    uint8_t[:, :] code,
):
    """States of objects `rows[k]` at times `t[k]`.

    Parameters
    ----------
    table, kind : ndarrays
        From `initialise`.
    rows : ndarray of int64, shape (m,)
    t : ndarray, shape (m, q)
        Seconds since start with `from_start`, else minutes since each object's epoch.
    from_start : bool
        Seconds are turned into two-part Julian dates as epochs.julian_dates does, and those into
        minutes since epoch as python-sgp4 does, to the bit.
    start_jd, start_fr : float
    steps, offset, first, last : ndarrays
        From `integrate`; first > last for an object without steps.
    wanted : ndarray of int32, shape (n, 2)
        Widened to the first and last step numbers met.
    r : ndarray, shape (m, q, 3)
        Filled: TEME position [km]; NaN where the code is 1 to 5.
    v : ndarray, shape (m, q, 3), or None
        Filled: velocity [km/s].
    code : ndarray of uint8, shape (m, q)
        Filled: SGP4's error code, 0 is good.

    Returns
    -------
    bool
        False when steps were missing: `integrate` those of `wanted` and call again.
    """
    cdef batch b
    cdef double[:, :, :] velocity
    cdef int complete
    if rows.shape[0] == 0 or t.shape[1] == 0:
        return True
    b.table = &table[0, 0]
    b.kind = &kind[0]
    b.rows = &rows[0]
    b.m = rows.shape[0]
    b.q = t.shape[1]
    b.t = &t[0, 0]
    b.t_row = t.strides[0] // 8
    b.t_col = t.strides[1] // 8
    b.from_start = from_start
    b.start_jd = start_jd
    b.start_fr = start_fr
    b.steps = &steps[0, 0] if steps.shape[0] else NULL
    b.step_offset = &offset[0]
    b.first = &first[0]
    b.last = &last[0]
    b.wanted = &wanted[0, 0]
    b.r = &r[0, 0, 0]
    b.r_row, b.r_col, b.r_axis = r.strides[0] // 8, r.strides[1] // 8, r.strides[2] // 8
    b.v = NULL
    if v is not None:
        velocity = v
        b.v = &velocity[0, 0, 0]
        b.v_row = velocity.strides[0] // 8
        b.v_col = velocity.strides[1] // 8
        b.v_axis = velocity.strides[2] // 8
    b.code = &code[0, 0]
    b.code_row, b.code_col = code.strides[0], code.strides[1]
    with nogil:
        complete = propagate_batch(&b)
    return bool(complete)
