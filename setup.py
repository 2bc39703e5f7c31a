"""Build the Cython kernels, once per SIMD level, into tracss_hpc.kernels.

One source, three binaries: `cython/NAME.pyx` becomes `tracss_hpc.kernels.NAME_baseline`, `..._v3`
(AVX2) and `..._v4` (AVX-512); `tracss_hpc.kernels` picks one set at import. No fast-math and no
contraction to FMA, so all three give the same bits. A processor family other than x86-64 gets the
baseline only. `TRACSS_DEBUG=1` builds with bounds checks.
"""

import os
import platform
from pathlib import Path

import numpy as np
from Cython.Build import cythonize
from setuptools import Extension, setup

ROOT = Path(__file__).parent
DEBUG = os.environ.get("TRACSS_DEBUG") == "1"
CFLAGS = ["-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off"]
X86_64 = platform.machine().lower() in ("x86_64", "amd64")
LEVELS = {"baseline": []}
if X86_64:
    LEVELS["v3"] = ["-march=x86-64-v3"]
    LEVELS["v4"] = ["-march=x86-64-v4", "-mprefer-vector-width=512"]


def extension(source: Path, level: str, flags: list[str]) -> Extension:
    """One kernel at one level, from a copy: Cython puts the module's name in the C code."""
    copy = ROOT / "build" / "cython" / f"{source.stem}_{level}.pyx"
    copy.parent.mkdir(parents=True, exist_ok=True)
    text = source.read_text()
    if not copy.exists() or copy.read_text() != text:
        copy.write_text(text)
    return Extension(
        f"tracss_hpc.kernels.{source.stem}_{level}",
        [str(copy.relative_to(ROOT))],
        include_dirs=[np.get_include(), "cython"],
        depends=[str(p.relative_to(ROOT)) for p in sorted((ROOT / "cython").glob("*.[ph]*"))],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
        extra_compile_args=CFLAGS + flags,
    )


os.chdir(ROOT)
sources = sorted((ROOT / "cython").glob("*.pyx"))
extensions = [
    extension(source, level, flags)
    for source in sources
    for level, flags in LEVELS.items()
    if source.stem != "processor" or level == "baseline"
]
setup(
    options={"build_ext": {"parallel": os.cpu_count() or 1}},
    ext_modules=cythonize(
        extensions,
        include_path=["cython"],
        language_level=3,
        nthreads=os.cpu_count() or 1,
        compiler_directives={
            "boundscheck": DEBUG,
            "wraparound": False,
            "cdivision": not DEBUG,
            "initializedcheck": DEBUG,
        },
    ),
)
