"""The peer of the speed bench: one `astroz.screen` of a TLE file, in a process of its own.

    python astroz_screen.py OBJECTS.tle START HOURS RADIUS_KM EVENTS.npz

Fed by the file that both screenings read; gives events as the columns of `matching.Events` in an
.npz file, and what they cost on standard output as JSON. Runs under any interpreter that has
astroz and NumPy, so it imports nothing of ours. Exit code 3: no astroz here.
"""

from __future__ import annotations

import datetime as dt
import json
import resource
import sys
import time
from pathlib import Path

import numpy as np

NO_ASTROZ = 3
STEP_MIN = 0.5  # the fastest of 0.25, 0.5, 1 and 2 for 26,026 objects; the events are the same


def main(tle: str, start: str, hours: str, radius_km: str, out: str) -> int:
    try:
        import astroz
    except ImportError as error:
        sys.stderr.write(f"{error}\n")
        return NO_ASTROZ
    text = Path(tle).read_text(encoding="ascii")
    loading = _cpu_s()
    objects = astroz.Constellation(text)
    load_s = sum(_cpu_s()) - sum(loading)
    numbers = np.array(objects.satnums, dtype=np.int64)
    # It says nothing about lines that it passes over.
    if not np.array_equal(np.sort(numbers), np.arange(1, text.count("\n") // 2 + 1)):
        sys.stderr.write(f"astroz took {len(numbers)} of {text.count(chr(10)) // 2} objects\n")
        return 1
    before, wall = _cpu_s(), time.perf_counter()
    found = astroz.screen(
        objects,
        float(hours) * 60.0,
        threshold=float(radius_km),
        step=STEP_MIN,
        start_time=dt.datetime.fromisoformat(start).replace(tzinfo=dt.UTC),
    )
    after, wall = _cpu_s(), time.perf_counter() - wall
    np.savez(
        out,
        object1=numbers[found.i],
        object2=numbers[found.j],
        tca_s=np.asarray(found.time) * 60.0,
        miss_km=found.distance,
        speed_km_s=found.speed,
    )
    cost = {
        "version": astroz.__version__, "load_s": load_s, "user_s": after[0] - before[0],
        "sys_s": after[1] - before[1], "wall_s": wall, "peak_mb": _peak_mb(),
    }  # fmt: skip
    print(json.dumps(cost))
    return 0


def _cpu_s() -> tuple[float, float]:
    """User and system seconds of this process so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime, usage.ru_stime


def _peak_mb() -> float:
    """Largest memory of this program [MB]; ru_maxrss would start from what the parent had."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024.0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
