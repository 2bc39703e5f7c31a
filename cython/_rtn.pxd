# Three-vectors and the radial, transverse, normal axes; lengths in km, only sqrt, + - * /.
from libc.math cimport sqrt


cdef inline double dot(const double* a, const double* b) noexcept nogil:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


cdef inline void cross(const double* a, const double* b, double* c) noexcept nogil:
    c[0] = a[1] * b[2] - a[2] * b[1]
    c[1] = a[2] * b[0] - a[0] * b[2]
    c[2] = a[0] * b[1] - a[1] * b[0]


cdef inline void unit(const double* a, double* u) noexcept nogil:
    """a/|a|; NaN when a is zero."""
    cdef double length = sqrt(dot(a, a))
    u[0] = a[0] / length
    u[1] = a[1] / length
    u[2] = a[2] / length


cdef inline void rtn_axes(const double* state, double* m) noexcept nogil:
    """m[0:3] = R = r/|r|, m[3:6] = T = N x R, m[6:9] = N = (r x v)/|r x v|."""
    cdef double[3] h
    unit(state, m)
    cross(state, state + 3, h)
    unit(h, m + 6)
    cross(m + 6, m, m + 3)
