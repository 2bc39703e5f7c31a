"""The table a run prints: who was screened, what was found, how sure, and where the time went.

Fed by the results and the ledger's stages; also kept as summary.txt in the run directory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tracss_hpc.assess.risk import NC2D_SKIPPED
from tracss_hpc.catalog.regimes import REGIMES
from tracss_hpc.epochs import format_times, parse_epoch
from tracss_hpc.export.hdf5 import Results, read_results

__all__ = ["summarise"]


_COLUMNS = (
    "object1", "object2", "tca", "miss_distance", "relative_speed", "collision_probability",
    "sat1_object_designator", "sat2_object_designator", "encounter_status", "dilution_status",
    "in_doubt", "nc2d", "nc2d_status",
)  # fmt: skip


def summarise(path: Path, stages: Sequence[Mapping[str, Any]]) -> str:
    """The summary of the results file `path` as text; written to summary.txt beside it, too."""
    results, folder = read_results(path, columns=_COLUMNS), path.parent
    o, c, attributes = results.objects, results.conjunctions, results.attributes
    groups = results.groups
    screened = (o["status"] != "stale") & (o["status"] != "duplicate")
    one, other = c["object1"], c["object2"]
    pair = np.sort(np.minimum(one, other) * len(o["regime"]) + np.maximum(one, other))
    pairs = np.count_nonzero(np.diff(pair, prepend=-1))
    lines = [
        f"{attributes['title']}",
        f"window {attributes['start_screen_period']} to {attributes['stop_screen_period']} UTC",
        "",
        f"{'regime':<12}{'objects':>9}{'ended':>8}{'conjunctions (object 1)':>26}",
    ]
    first = np.bincount(one, minlength=len(o["regime"]))  # conjunctions of each object 1
    for regime in REGIMES:
        member = screened & (o["regime"] == regime)
        if member.any():
            ended = int((member & (o["status"] != "ok")).sum())
            count = int(first[o["regime"] == regime].sum())
            lines.append(f"{regime:<12}{int(member.sum()):>9,}{ended:>8,}{count:>26,}")
    lines += [
        f"{'all':<12}{int(screened.sum()):>9,}"
        f"{int((screened & (o['status'] != 'ok')).sum()):>8,}{len(c['tca']):>26,}",
        "",
        f"{pairs:,} pairs meet; {len(groups['colocated']['object1']):,} pairs share an "
        f"element set; {len(groups['rejected']['record']):,} input records rejected",
        *(
            [f"merged: {results.group_attributes['merged']['statement']}"]
            if "merged" in groups
            else []
        ),
        f"self-audit: {results.group_attributes['audit']['statement']}",
        _risk(results),
        "",
        *_riskiest(results),
        "",
        *_times(stages),
        "",
        f"results in {folder}: results.h5, summary.txt, run.log, provenance.json"
        + "".join(f", {name}/" for name in ("cdm", "plots") if (folder / name).is_dir()),
    ]
    text = "\n".join(lines)
    (folder / "summary.txt").write_text(text + "\n", encoding="utf-8")
    return text


def _risk(results: Results) -> str:
    """How many rows were repaired, refused, diluted or in doubt."""
    c = results.conjunctions
    status, asked = c["encounter_status"], c["nc2d_status"]
    skipped = int((asked == NC2D_SKIPPED).sum())
    return (
        f"risk: Pc for {int((status < 2).sum()):,} ({int((status == 1).sum()):,} with a repaired "
        f"covariance), refused for {int((status >= 2).sum()):,}; "
        f"{int((c['dilution_status'] == 1.0).sum()):,} diluted; "
        f"{int(c['in_doubt'].sum()):,} in doubt, Nc2D for {int(np.isfinite(c['nc2d']).sum()):,}"
        + (f", skipped for {skipped:,} (assess.nc2d_max)" if skipped else "")
    )


def _riskiest(results: Results, count: int = 10) -> list[str]:
    o, c = results.objects, results.conjunctions
    pc = np.nan_to_num(c["collision_probability"], nan=-1.0)
    rows = np.lexsort((c["miss_distance"], -pc))[:count]
    start = parse_epoch(str(results.attributes["start_screen_period"]))
    when: list[str] = format_times(start, c["tca"][rows], 3).tolist() if len(rows) else []
    lines = [
        f"{'riskiest: TCA (UTC)':<25}{'object 1':<27}{'object 2':<27}{'miss [m]':>10}"
        f"{'speed [km/s]':>14}{'Pc':>11}"
    ]
    for row, t in zip(rows.tolist(), when, strict=True):
        names = [
            f"{c[f'sat{k}_object_designator'][row]} {o['object_name'][c[f'object{k}'][row]]}"[:26]
            for k in (1, 2)
        ]
        probability = c["collision_probability"][row]
        lines.append(
            f"{t:<25}{names[0]:<27}{names[1]:<27}{c['miss_distance'][row]:>10.1f}"
            f"{c['relative_speed'][row] / 1e3:>14.3f}"
            + (f"{probability:>11.2e}" if probability == probability else f"{'':>11}")
        )
    return lines if len(rows) else ["no conjunctions"]


def _times(stages: Sequence[Mapping[str, Any]]) -> list[str]:
    ranks = len(stages[0]["all_ranks_cpu_s"]) or 1
    plural = "s" if ranks > 1 else ""
    lines = [f"{'stage':<14}{'wall [s]':>10}{f'CPU of {ranks} rank{plural} [s]':>24}"]
    for s in stages:
        cpu_s = sum(s["all_ranks_cpu_s"]) or s["cpu_s"]
        lines.append(f"{s['name']:<14}{s['wall_s']:>10.1f}{cpu_s:>24.1f}")
        if s["name"] == "screen":
            counts = s["counts"]
            lines[-1] += f"   shards {counts['shard_s_of_ranks']:.1f} s" + (
                f", ranks idle {100.0 * counts['idle_share']:.0f} %, "
                f"busiest {counts['busiest_over_mean']:.2f} of the mean"
                if ranks > 1
                else ""
            )
    total = sum(s["wall_s"] for s in stages)
    return [*lines, f"{'all':<14}{total:>10.1f}"]
