"""Units and long names of every column of results.h5.

Feeds hdf5.py. A column that is a CDM keyword in lower case takes unit and long name from the one
keyword table of messages.cdm; what is ours alone stands here.
"""

from __future__ import annotations

from dataclasses import dataclass

from tracss_hpc.messages.cdm import CDM_KEYWORDS

__all__ = ["COVARIANCE_ELEMENTS", "ColumnInfo", "describe_column"]

#: Elements of the RTN covariance in CDM order: lower triangle by rows.
COVARIANCE_ELEMENTS = tuple(
    f"C{row}_{column}".upper()
    for i, row in enumerate(("r", "t", "n", "rdot", "tdot", "ndot"))
    for column in ("r", "t", "n", "rdot", "tdot", "ndot")[: i + 1]
)


@dataclass(frozen=True)
class ColumnInfo:
    """What a reader must know of a column; blank unit: a text or a pure number."""

    unit: str
    long_name: str
    frame: str = ""


_SECONDS = "seconds since {start}"
_OWN = {
    "tca": ColumnInfo(_SECONDS, "time of closest approach, UTC"),
    "epoch": ColumnInfo(_SECONDS, "epoch of the element set, UTC"),
    "status_time": ColumnInfo(_SECONDS, "time the trajectory ended, UTC; blank when it did not"),
    "time": ColumnInfo(_SECONDS, "time, UTC"),
    "status": ColumnInfo("", "ok, decayed, sgp4_error_N, sgp4_diverged, stale or duplicate"),
    "regime": ColumnInfo("", "orbit regime, handbook table 3.4.1"),
    "span_days": ColumnInfo("d", "propagation span from run start"),
    "primary": ColumnInfo("", "1: on the list of primaries"),
    "object1": ColumnInfo("", "row of object 1 in group objects"),
    "object2": ColumnInfo("", "row of object 2 in group objects"),
    "in_volume": ColumnInfo("", "1: the other object lies in this object's volume at TCA"),
    "caught": ColumnInfo("", "1: in_volume, and this object is a primary inside its span"),
    "age": ColumnInfo("d", "age of the element set at run start, |run start - epoch|"),
    "sigma_r": ColumnInfo("m", "standard deviation of the radial position", "RTN"),
    "sigma_t": ColumnInfo("m", "standard deviation of the in-track position", "RTN"),
    "sigma_n": ColumnInfo("m", "standard deviation of the cross-track position", "RTN"),
    "covariance": ColumnInfo(
        "m**2, m**2/s, m**2/s**2", "covariance of position and velocity, own RTN", "RTN"
    ),
    "combined_hbr": ColumnInfo("m", "sum of both hard-body radii"),
    "encounter_status": ColumnInfo("", "0: assessed as is; other codes: docs/risk.md"),
    "dilution_status": ColumnInfo("", "1: DILUTED, 0: ROBUST, blank without a covariance"),
    "dilution_scale_factor": ColumnInfo("", "factor of all sigmas with the largest Pc"),
    "dilution_pc_max": ColumnInfo("", "Pc at dilution_scale_factor"),
    "mahalanobis_in_plane": ColumnInfo("", "miss in sigmas in the encounter plane, drives Pc"),
    "correlated": ColumnInfo("", "1: the density error of both objects was taken off (DCP)"),
    "tau0": ColumnInfo("s", "begin of the encounter since TCA, straight motion"),
    "tau1": ColumnInfo("s", "end of the encounter since TCA, straight motion"),
    "extended": ColumnInfo("", "duration of the encounter over the shorter orbital period"),
    "offset": ColumnInfo("", "farther end of the encounter over the shorter orbital period"),
    "in_doubt": ColumnInfo("", "1: the 2-D probability may fail: too long, offset, slow or bent"),
    "nc2d": ColumnInfo("", "expected number of collisions on curved orbits"),
    "inaccurate": ColumnInfo("", "relative difference of curved from straight motion"),
    "nc2d_status": ColumnInfo("", "-1: not asked for, 0: computed; other codes: docs/risk.md"),
    "catastrophic": ColumnInfo("", "1: both objects would break up wholly; blank: mass unknown"),
    "mass_estimated": ColumnInfo("", "1: a mass is an estimate by object type"),
    "meets_alertable_criteria": ColumnInfo("", "1: YES, 0: NO, blank: no rule or unknown"),
    "at_discontinuity": ColumnInfo("", "1: one-sided minimum at a jump of SDP4"),
    "source_file": ColumnInfo("", "name of the file the element set was read from"),
    "source_record": ColumnInfo("", "line or record number in that file"),
    "file": ColumnInfo("", "name of the input file"),
    "record": ColumnInfo("", "line or record number"),
    "designator": ColumnInfo("", "object designator as printed"),
    "reason": ColumnInfo("", "why the record was not taken"),
    "range": ColumnInfo("m", "distance"),
    "range_rate": ColumnInfo("m/s", "rate of the distance"),
    "size": ColumnInfo("m", "size of the jump"),
    "error": ColumnInfo("m", "largest difference of the segments to SGP4 at check times"),
    "start": ColumnInfo(_SECONDS, "start of the block, UTC"),
    "stated_collision_probability": ColumnInfo("", "probability in the message or run assessed"),
    "stated_miss_distance": ColumnInfo("m", "miss distance in the message or run assessed"),
    "monte_carlo_probability": ColumnInfo("", "hits over samples of the Monte Carlo"),
    "monte_carlo_lower": ColumnInfo("", "lower end of its 95 % Clopper-Pearson interval"),
    "monte_carlo_upper": ColumnInfo("", "upper end of its 95 % Clopper-Pearson interval"),
    "monte_carlo_hits": ColumnInfo("", "drawn pairs of orbits that met within the combined radius"),
    "monte_carlo_samples": ColumnInfo("", "drawn pairs of orbits"),
}
_MEAN = "of the element set's mean orbit, above 6378.137 km"
_BY_GROUP = {
    ("objects", "apoapsis_altitude"): ColumnInfo("km", f"apogee height {_MEAN}"),
    ("objects", "periapsis_altitude"): ColumnInfo("km", f"perigee height {_MEAN}"),
    ("objects", "inclination"): ColumnInfo("deg", "mean inclination of the element set", "TEME"),
    ("audit", "object"): ColumnInfo("", "row of the drawn object in group objects"),
    ("audit/discontinuities", "object"): ColumnInfo("", "row of the object in group objects"),
    ("merged", "kept"): ColumnInfo("", "minima of the pair below the speed bound, in the file"),
    ("merged", "merged"): ColumnInfo("", "minima of the pair merged into deeper ones"),
    ("stages", "unit"): ColumnInfo("", "number of the work unit"),
    ("stages", "group"): ColumnInfo("", "pairs asked for: all pairs, or those with a non-LEO one"),
    ("stages", "start_hours"): ColumnInfo("h", "start of the slice since run start"),
    ("stages", "stop_hours"): ColumnInfo("h", "end of the slice since run start"),
    ("stages", "session"): ColumnInfo("", "0: screened by the first process, 1: after one restart"),
    ("stages", "rank"): ColumnInfo("", "rank that screened the unit"),
    ("stages", "objects"): ColumnInfo("", "trajectories present"),
    ("stages", "pairs_tested"): ColumnInfo("", "pair tests, over all steps"),
    ("stages", "candidates"): ColumnInfo("", "left by cell grid, reach and radial interval"),
    ("stages", "after_chord"): ColumnInfo("", "left by the chord test"),
    ("stages", "after_range_rate"): ColumnInfo("", "left by the range-rate test"),
    ("stages", "after_prefilter"): ColumnInfo("", "left by the volume prefilter"),
    ("stages", "minima"): ColumnInfo("", "minima on short series, near a volume"),
    ("stages", "refined"): ColumnInfo("", "minima on the true trajectories"),
    ("stages", "conjunctions"): ColumnInfo("", "conjunctions of the unit"),
    ("stages", "nc2d_rows"): ColumnInfo("", "conjunctions that got Nc2D"),
    ("stages", "nc2d_skipped"): ColumnInfo("", "more that had asked for it"),
    ("stages", "propagate_cpu_s"): ColumnInfo("s", "processor time: SGP4 to segments"),
    ("stages", "search_cpu_s"): ColumnInfo("s", "processor time: pair search"),
    ("stages", "refine_cpu_s"): ColumnInfo("s", "processor time: TCA on the true trajectories"),
    ("stages", "assess_cpu_s"): ColumnInfo("s", "processor time: columns, without Nc2D"),
    ("stages", "nc2d_cpu_s"): ColumnInfo("s", "processor time: Nc2D of rows in doubt"),
    ("stages", "peak_memory_mb"): ColumnInfo("MB", "largest memory of the rank so far"),
}
_CDM = {k.name.lower(): ColumnInfo(k.unit, k.long_name) for k in CDM_KEYWORDS}


def describe_column(name: str, start: str, group: str) -> ColumnInfo:
    """Unit and meaning of column `name` of `group`; `start` is the run start in ISO form."""
    plain = name.removeprefix("sat1_").removeprefix("sat2_")
    info = (
        _BY_GROUP.get((group, name))
        or _OWN.get(plain)
        or _CDM.get(plain)
        or ColumnInfo("", plain.replace("_", " "))
    )
    frame = info.frame
    if plain in ("x", "y", "z", "x_dot", "y_dot", "z_dot"):
        frame = "EME2000"
    elif plain.startswith(("relative_position", "relative_velocity")):
        frame = "RTN"
    return ColumnInfo(info.unit.format(start=start), info.long_name, frame)
