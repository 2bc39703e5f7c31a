"""Close approaches of one object with all others by exhaustion: the audit's and the oracle's search.

Works on positions sampled straight from the propagator, not on the engine's polynomials, and uses
none of its filters and no spatial index: every pair is looked at at every step. Feeds
tracss_hpc/screen/audit.py and the brute engine of tracss_hpc/screen/screening.py, which solve each
minimum found here again on the true trajectory.

Reach. A minimum at time t lies within h = step / 2 of a sample k, so |dr(k)| <= D + (s_i + s_j) h
with s a bound on each object's speed: a pair farther apart at every sample has no conjunction. The
speed bound is the largest chord between samples over the step, times 1.01: the arc of an orbit that
turns by w step < 0.2 rad exceeds its chord by less than (0.2)^2 / 24 = 0.2 %.

Minimum. Between samples, dr follows the quartic through five of them; its error,
max|d5r| |tau (tau^2 - T^2)(tau^2 - 4 T^2)| / 5!, is 0.1 m for T = 60 s in a low orbit and under
100 m at the fastest perigee; PAD covers it. |dr|^2 is sampled each second, a minimum is a sample
below its neighbours.

Arrays: r (steps, 3, n) float64, NaN where an object has no position; speed, rho (n,). The first and
last two samples only support the quartics. Units: km, s.
"""

from libc.math cimport fmax, sqrt
from libc.stdint cimport int32_t, int64_t

cdef double PAD = 0.1


cdef inline double _quartic(
    const double[:, :, ::1] r, Py_ssize_t k, Py_ssize_t i, Py_ssize_t j, double u
) noexcept nogil:
    """|dr|^2 at u steps from sample k, by the quartic through samples k - 2 .. k + 2."""
    cdef double w0 = (u * u - 1.0) * u * (u - 2.0) / 24.0
    cdef double w1 = -(u * u - 4.0) * u * (u - 1.0) / 6.0
    cdef double w2 = (u * u - 1.0) * (u * u - 4.0) / 4.0
    cdef double w3 = -(u * u - 4.0) * u * (u + 1.0) / 6.0
    cdef double w4 = (u * u - 1.0) * u * (u + 2.0) / 24.0
    cdef double total = 0.0, d
    cdef Py_ssize_t q
    for q in range(3):
        d = (
            w0 * (r[k - 2, q, j] - r[k - 2, q, i])
            + w1 * (r[k - 1, q, j] - r[k - 1, q, i])
            + w2 * (r[k, q, j] - r[k, q, i])
            + w3 * (r[k + 1, q, j] - r[k + 1, q, i])
            + w4 * (r[k + 2, q, j] - r[k + 2, q, i])
        )
        total += d * d
    return total


def approaches(
    const double[:, :, ::1] r,
    Py_ssize_t i,
    Py_ssize_t first,
    double step,
    const double[::1] speed,
    const double[::1] rho,
    int32_t[::1] partner,
    double[::1] time,
):
    """Minima of the distance between object `i` and each object from row `first` on.

    `partner` and `time` (seconds since sample 2) are filled with minima nearer than the larger
    circumscribed radius of the two volumes plus PAD; returns their number, which may exceed the
    room: then call again with more. Minima in [0, (steps - 5) step) are reported, and a few
    seconds around.
    """
    cdef Py_ssize_t steps = r.shape[0], n = r.shape[2], k, j, centre, found = 0
    cdef Py_ssize_t second, seconds = <Py_ssize_t>(step + 0.5)
    cdef double h = 0.5 * step, x, y, z, dx, dy, dz, reach, d, before, now, after, shift
    cdef double speed_i = speed[i], rho_i = rho[i], base
    cdef bint near
    with nogil:
        for k in range(2, steps - 2):
            x = r[k, 0, i]
            y = r[k, 1, i]
            z = r[k, 2, i]
            for j in range(first, n):
                dx = r[k, 0, j] - x
                dy = r[k, 1, j] - y
                dz = r[k, 2, j] - z
                d = fmax(rho_i, rho[j])
                reach = d + (speed_i + speed[j]) * h + PAD
                if not (dx * dx + dy * dy + dz * dz <= reach * reach) or j == i or d < 0.0:
                    continue
                centre = k  # slide inwards where a trajectory begins or ends
                while centre > 2 and not (r[centre + 2, 0, j] + r[centre + 2, 0, i] < 1e9):
                    centre -= 1
                while centre < steps - 3 and not (r[centre - 2, 0, j] + r[centre - 2, 0, i] < 1e9):
                    centre += 1
                shift = <double>(k - centre)
                base = -0.5 - 1.0 / step
                # Seven looks 10 s apart (for 60 s steps): between them the pair closes by at most
                # half a spacing times the sum of the speed bounds.
                near = False
                for second in range(7):
                    now = _quartic(r, centre, i, j, shift - 0.5 + second / 6.0)
                    reach = d + PAD + (speed_i + speed[j]) * step / 12.0
                    near = near or now <= reach * reach
                if not near:
                    continue
                before = _quartic(r, centre, i, j, shift + base)
                now = _quartic(r, centre, i, j, shift + base + 1.0 / step)
                for second in range(1, seconds + 2):
                    after = _quartic(r, centre, i, j, shift + base + (second + 1) / step)
                    if now < before and now <= after and sqrt(now) <= d + PAD + 25.0:
                        # The vertex of the parabola through the three, a few metres off at most.
                        dx = before - 2.0 * now + after
                        dy = 0.5 * (before - after) / dx if dx > 0.0 else 0.0
                        if sqrt(fmax(0.0, now - 0.25 * (before - after) * dy)) <= d + PAD:
                            if found < partner.shape[0]:
                                partner[found] = <int32_t>j
                                time[found] = (k - 2) * step + (base * step + second + dy)
                            found += 1
                    before = now
                    now = after
    return found
