# One polynomial form for every trajectory: Chebyshev series on segments of time.
#
# A segment covers [begin, next begin) of one object; x = (t - mid) * inv_half lies in [-1, 1].
# Its coefficients stand as coef[3][terms] (x, y, z) in km. Evaluation is Clenshaw's recurrence for
# the series and, differentiated term by term, for its derivative. Units: km, km/s, s.

from libc.stdint cimport int64_t


cdef inline void clenshaw(
    const double* c, Py_ssize_t terms, double x, double inv_half, double* position, double* velocity
) noexcept nogil:
    cdef Py_ssize_t axis, k
    cdef double b0, b1, b2, d0, d1, d2, two_x = 2.0 * x
    for axis in range(3):
        b1 = 0.0
        b2 = 0.0
        d1 = 0.0
        d2 = 0.0
        for k in range(terms - 1, 0, -1):
            d0 = 2.0 * b1 + two_x * d1 - d2
            b0 = c[axis * terms + k] + two_x * b1 - b2
            d2 = d1
            d1 = d0
            b2 = b1
            b1 = b0
        position[axis] = c[axis * terms] + x * b1 - b2
        velocity[axis] = (b1 + x * d1 - d2) * inv_half


# Index of the segment that holds t: the last one of [first, last) that begins at or before t.
cdef inline int64_t segment_of(
    const double* begin, int64_t first, int64_t last, double t
) noexcept nogil:
    cdef int64_t low = first, high = last, middle
    while high - low > 1:
        middle = (low + high) // 2
        if begin[middle] <= t:
            low = middle
        else:
            high = middle
    return low
