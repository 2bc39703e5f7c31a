"""The compiled kernels, at the best SIMD level this processor runs.

Built by setup.py from `cython/*.pyx`, one build per level from the same source; all levels give
the same bits (tests/kernels/test_simd_levels.py). Chosen once, at import; the environment variable
`TRACSS_SIMD` = baseline | v3 | v4 overrides the choice and `tracss-hpc status` shows it.

    from tracss_hpc.kernels import steps, neighbours, close_approach, brute, encounter_plane
"""

from __future__ import annotations

import importlib
import os
from types import ModuleType

__all__ = [
    "LEVELS",
    "SIMD_LEVEL",
    "SUPPORTED_LEVELS",
    "brute",
    "close_approach",
    "encounter_plane",
    "load",
    "maximum",
    "neighbours",
    "nodes",
    "sgp4_batch",
    "steps",
]

#: All SIMD levels, lowest first: plain x86-64 (or another processor family), AVX2, AVX-512.
LEVELS = ("baseline", "v3", "v4")


def load(name: str, level: str) -> ModuleType:
    """Import kernel module `name` as built for `level`."""
    try:
        return importlib.import_module(f"tracss_hpc.kernels.{name}_{level}")
    except ModuleNotFoundError as error:
        raise ImportError(
            f"the compiled kernel tracss_hpc.kernels.{name}_{level} is missing: "
            'build it with `pip install -e ".[mpich]"` in the project folder'
        ) from error


def _choose_level() -> str:
    wanted = os.environ.get("TRACSS_SIMD", "")
    if not wanted:
        return SUPPORTED_LEVELS[-1]
    if wanted not in SUPPORTED_LEVELS:
        raise ImportError(
            f"TRACSS_SIMD={wanted!r} cannot be used: this processor runs "
            f"{', '.join(SUPPORTED_LEVELS)} (all levels: {', '.join(LEVELS)})"
        )
    return wanted


#: Levels this processor can run.
SUPPORTED_LEVELS: tuple[str, ...] = tuple(load("processor", "baseline").supported_levels())
#: The level in use.
SIMD_LEVEL: str = _choose_level()

brute = load("brute", SIMD_LEVEL)
close_approach = load("close_approach", SIMD_LEVEL)
encounter_plane = load("encounter_plane", SIMD_LEVEL)
maximum = load("maximum", SIMD_LEVEL)
neighbours = load("neighbours", SIMD_LEVEL)
nodes = load("nodes", SIMD_LEVEL)
sgp4_batch = load("sgp4_batch", SIMD_LEVEL)
steps = load("steps", SIMD_LEVEL)
