"""tracss_hpc: exact all-vs-all conjunction screening, TraCSS style, on one core or many ranks.

    messages -> catalog -> ephemeris -> screening -> assess -> export -> report
    TLE, OMM    regimes,   SGP4 to      minima    Pc,       HDF5,     pictures
                volumes    polynomials  at 1 us   metrics   CDM
                           `----- runs: the stage chain; parallel: who does what -----'

Units: km, km/s, s inside; results.h5 and messages carry CDM units (m, m/s, km) in each column's
attributes. Times are UTC, seconds since run start; positions TEME inside, EME2000 outside.

    import tracss_hpc as th
    path = th.screen("configs/all_vs_all.toml", {"run.days": 1.0})
    th.open_results(path)          # an xarray Dataset
    th.assess_files("cdms/")       # risk of anybody's CDMs, as columns
    th.Trajectory.from_file("a.ocm").state("2025-01-01T12:02:37")  # r, v [km, km/s]
"""

from __future__ import annotations

from typing import Any

__version__ = "0.4.0"
__all__ = ["Trajectory", "__version__", "assess_files", "open_results", "screen"]


def __getattr__(name: str) -> Any:
    # Imported on first use: reading the version must not load kernels, HDF5 or MPI.
    if name == "screen":
        from tracss_hpc.runs.run import screen

        return screen
    if name == "open_results":
        from tracss_hpc.export.hdf5 import open_results

        return open_results
    if name == "assess_files":
        from tracss_hpc.runs.assess import assess_files

        return assess_files
    if name == "Trajectory":
        from tracss_hpc.ephemeris.tabulated import Trajectory

        return Trajectory
    raise AttributeError(f"module 'tracss_hpc' has no attribute {name!r}")
