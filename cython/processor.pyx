"""Which instruction sets this processor offers, asked of the processor itself.

Feeds `tracss_hpc.kernels`, which chooses the kernel build by it. Built for the baseline only.
"""

cdef extern from *:
    """
    #if defined(__x86_64__) && defined(__GNUC__)
    static int tracss_has_v3(void) {
        __builtin_cpu_init();
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
            && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
    }
    static int tracss_has_v4(void) {
        return tracss_has_v3() && __builtin_cpu_supports("avx512f")
            && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd")
            && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    }
    #else
    static int tracss_has_v3(void) { return 0; }
    static int tracss_has_v4(void) { return 0; }
    #endif
    """
    int tracss_has_v3() nogil
    int tracss_has_v4() nogil


def supported_levels():
    """Names of the SIMD levels this processor can run, lowest first."""
    levels = ["baseline"]
    if tracss_has_v3():
        levels.append("v3")
    if tracss_has_v4():
        levels.append("v4")
    return levels
