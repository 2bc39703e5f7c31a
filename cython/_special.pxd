# Exponential and complementary error function, ours, so that every processor gives the same bits:
# libm picks another variant (with or without FMA) per processor, and its calls do not vectorise.
# Only +, -, *, / and bit shifts, no branch: a loop over these becomes SIMD code, lane = scalar.
from libc.stdint cimport uint64_t
from libc.string cimport memcpy


cdef inline double exp_negative(double x) noexcept nogil:
    """exp(x) for x <= 0, 1 ulp; 0 below -745.

    x = k ln 2 + r, |r| <= ln(2)/2, Taylor series of exp(r) to r^13 (rest < 5e-18). ln 2 is in two
    parts, the first with 21 trailing zero bits so that k times it is exact. Adding 1.5 2^52 rounds
    to the integer k and leaves it in the low bits; 2^k is built in the exponent field, 2^200 too
    large so that subnormal results come out of one last rounding.
    """
    cdef double y = x if x > -746.0 else -746.0
    cdef double shifted = y * 1.4426950408889634 + 6755399441055744.0
    cdef double k = shifted - 6755399441055744.0
    cdef double r = (y - k * 0.6931471803691238) - k * 1.9082149292705877e-10
    cdef double p = 1.0 / 6227020800.0
    cdef double scale
    cdef uint64_t bits
    p = p * r + 1.0 / 479001600.0
    p = p * r + 1.0 / 39916800.0
    p = p * r + 1.0 / 3628800.0
    p = p * r + 1.0 / 362880.0
    p = p * r + 1.0 / 40320.0
    p = p * r + 1.0 / 5040.0
    p = p * r + 1.0 / 720.0
    p = p * r + 1.0 / 120.0
    p = p * r + 1.0 / 24.0
    p = p * r + 1.0 / 6.0
    p = p * r + 0.5
    p = p * r + 1.0
    p = p * r + 1.0
    memcpy(&bits, &shifted, sizeof(double))
    bits = (bits + 1223) << 52
    memcpy(&scale, &bits, sizeof(double))
    return (p * scale) * 6.223015277861142e-61  # 2^-200


cdef inline double erfc_positive(double x) noexcept nogil:
    """erfc(x) for x >= 0, relative error < 2e-15 up to x = 5, eps x^2 beyond (rounding of x*x).

    (1 + 2x) exp(x^2) erfc(x) is smooth and runs from 1 to 2/sqrt(pi); in w = (9 - 64/(x + 4))/7 it
    is interpolated at 23 Chebyshev points over 0 <= x <= 28 (erfc(28) is already 0). The idea of
    the factor is Shepherd & Laframboise 1981; the coefficients are ours, from 60-digit values.
    """
    cdef double w = (9.0 - 64.0 / (x + 4.0)) * (1.0 / 7.0)
    cdef double p = -9.647039546439506e-11
    p = p * w - 5.246905382370707e-10
    p = p * w + 1.4948860761753682e-09
    p = p * w + 7.53435035312292e-09
    p = p * w - 1.8250020033818523e-08
    p = p * w - 6.915359000556014e-08
    p = p * w + 2.3690357992204356e-07
    p = p * w + 4.5211597722508717e-07
    p = p * w - 3.125236690507617e-06
    p = p * w + 6.700493156736701e-07
    p = p * w + 3.414607836374794e-05
    p = p * w - 0.00010246374367630241
    p = p * w - 8.368079368705056e-05
    p = p * w + 0.0017257045234654986
    p = p * w - 0.007665324199906241
    p = p * w + 0.02212978966837959
    p = p * w - 0.047931115994862585
    p = p * w + 0.08083857072985515
    p = p * w - 0.10434370398530217
    p = p * w + 0.09124356129719723
    p = p * w - 0.01663582317882332
    p = p * w - 0.12193736651647699
    p = p * w + 1.2505272632390394
    return p / (1.0 + 2.0 * x) * exp_negative(-x * x)


cdef inline double log10_of(double x) noexcept nogil:
    """log10(x) for finite x > 0, absolute error < 4e-16 max(1, |log10 x|).

    x = 2^k m, 0.75 <= m < 1.5; ln m = 2 atanh((m - 1)/(m + 1)), whose argument is at most 1/5:
    the terms to s^23 leave < 1e-17.
    """
    cdef uint64_t bits
    cdef uint64_t MANTISSA = 0x000FFFFFFFFFFFFF
    cdef uint64_t ONE = 0x3FF0000000000000
    cdef double y = x if x > 1e-300 else x * 1152921504606846976.0  # 2^60: no subnormal
    cdef double m, s, s2, p = 0.0
    cdef int k, j
    memcpy(&bits, &y, sizeof(double))
    k = <int>(bits >> 52) - (1083 if y > x else 1023)
    bits = bits & MANTISSA | ONE
    memcpy(&m, &bits, sizeof(double))
    if m >= 1.5:
        m = 0.5 * m
        k += 1
    s = (m - 1.0) / (m + 1.0)
    s2 = s * s
    for j in range(23, 0, -2):
        p = p * s2 + 1.0 / j
    return k * 0.30102999566398120 + 0.8685889638065037 * s * p  # log10(2), 2/ln(10)
