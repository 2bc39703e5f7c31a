"""Conjunctions that were assessed again: printed table, CSV and results file.

Fed by `runs.assess`; feeds eyes and other programs. The results file has the groups `conjunctions`
and `objects` of a run, so that every reader of runs, and the command `assess` itself, reads it.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.assess.coppola import EXTENDED_LIMIT, OFFSET_LIMIT
from tracss_hpc.assess.encounter import ENCOUNTER_STATUS
from tracss_hpc.assess.nc2d import INACCURATE_LIMIT
from tracss_hpc.atomic import write_product
from tracss_hpc.epochs import Epoch
from tracss_hpc.errors import UsageError
from tracss_hpc.export.hdf5 import Results, write_results
from tracss_hpc.export.tables import ConjunctionTable, align, format_csv

__all__ = ["Assessed", "flag_words", "format_assessed", "write_assessed"]

#: Columns of the printed table: heading, name, format; those of Monte Carlo only if there is one.
_PRINTED = (
    ("TCA (UTC)", "tca_utc", "{:.23}"),
    ("ID1", "sat1_object_designator", "{}"),
    ("ID2", "sat2_object_designator", "{}"),
    ("MISS m", "miss_distance", "{:.1f}"),
    ("SPEED m/s", "relative_speed", "{:.1f}"),
    ("HBR m", "combined_hbr", "{:.4g}"),
    ("PC STATED", "stated_collision_probability", "{:.3e}"),
    ("PC", "collision_probability", "{:.3e}"),
    ("RATIO", "ratio", "{:.4g}"),
    ("MAX PC", "collision_max_probability", "{:.3e}"),
    ("NC2D", "nc2d", "{:.3e}"),
    ("MONTE CARLO", "monte_carlo_probability", "{:.3e}"),
    ("FROM", "monte_carlo_lower", "{:.2e}"),
    ("TO", "monte_carlo_upper", "{:.2e}"),
    ("FLAGS", "flags", "{}"),
)
#: So many rows are printed; of more, the riskiest.
_MOST_PRINTED = 50
#: Short words for `ENCOUNTER_STATUS`, 0 first.
_STATUS_WORDS = (
    "", "remediated", "no-covariance", "negative-variance", "zero-covariance", "no-information",
    "not-positive", "no-velocity", "no-hbr",
)  # fmt: skip
_NC2D_WORDS = {2: "nc2d-no-answer", 3: "nc2d-in-doubt", 4: "nc2d-skipped"}
#: A printed miss distance may be cut to whole metres [m], and one part in a thousand is rounding.
_MISS_ROUNDING = (1.0, 1e-3)


@dataclasses.dataclass(frozen=True)
class Assessed:
    """n conjunctions: `columns` as in results.h5, `texts` (n,), `objects` (2, n) of both objects.

    TCA counts from `start`.
    """

    columns: Mapping[str, NDArray[Any]]
    texts: Mapping[str, NDArray[np.str_]]
    objects: Mapping[str, NDArray[Any]]
    start: Epoch

    def __len__(self) -> int:
        return len(self.columns["tca"])

    def take(self, rows: NDArray[np.intp]) -> Assessed:
        """The given rows."""
        return Assessed(
            {name: column[rows] for name, column in self.columns.items()},
            {name: column[rows] for name, column in self.texts.items()},
            {name: column[:, rows] for name, column in self.objects.items()},
            self.start,
        )

    def with_columns(self, more: Mapping[str, NDArray[Any]]) -> Assessed:
        """The same rows with more columns."""
        return dataclasses.replace(self, columns={**self.columns, **more})

    def choose(self, designator: int | None, top: int | None) -> NDArray[np.intp]:
        """Rows with an object, and of those the `top` riskiest, riskiest first.

        Raises
        ------
        UsageError
            If no row has the object.
        """
        rows = np.arange(len(self))
        if designator is not None:
            ids = [self.columns[f"sat{k}_object_designator"] for k in (1, 2)]
            rows = rows[(ids[0] == designator) | (ids[1] == designator)]
            if not len(rows):
                raise UsageError(
                    f"assess: object {designator} is in none of {len(self):,} conjunctions"
                )
        if top is not None:
            risk = np.nan_to_num(self.columns["collision_probability"][rows], nan=-1.0)
            miss = self.columns["miss_distance"][rows]
            rows = rows[np.lexsort((miss, -risk))][:top]
        return rows


def format_assessed(assessed: Assessed, rows: NDArray[np.intp], *, files: int, unread: int) -> str:
    """The chosen rows as text, and a line of counts of all; blank is unknown."""
    shown = assessed.take(rows)
    hidden = len(rows) - _MOST_PRINTED
    if hidden > 0:
        shown = shown.take(shown.choose(None, _MOST_PRINTED))
    stated = shown.columns["stated_collision_probability"]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(stated > 0.0, shown.columns["collision_probability"] / stated, np.nan)
    values = {**shown.columns, **shown.texts, "ratio": ratio, "flags": flag_words(shown)}
    printed = [column for column in _PRINTED if column[1] in values]
    lines = align(values, printed, left=("tca_utc", "flags"))
    if hidden > 0:
        lines.append(f"... the {_MOST_PRINTED} riskiest; {hidden:,} more")
    lines.append(_counts(assessed, files, unread))
    return "\n".join(lines) + "\n"


def flag_words(assessed: Assessed) -> NDArray[np.str_]:
    """What to know of each row, in words parted by commas, blank if nothing."""
    columns = assessed.columns
    stated = columns["stated_miss_distance"]
    allowed = _MISS_ROUNDING[0] + _MISS_ROUNDING[1] * columns["miss_distance"]
    with np.errstate(invalid="ignore"):
        beyond = {
            "extended": columns["extended"] > EXTENDED_LIMIT,
            "offset": columns["offset"] > OFFSET_LIMIT,
            "inaccurate": columns["inaccurate"] > INACCURATE_LIMIT,
            "diluted": columns["dilution_status"] == 1.0,
            "density-corrected": columns["correlated"] == 1,
            "alert": columns["meets_alertable_criteria"] == 1.0,
            "miss-differs": np.abs(columns["miss_distance"] - stated) > allowed,
        }
    words: list[str] = []
    for row in range(len(assessed)):
        found = [_STATUS_WORDS[columns["encounter_status"][row]]]
        found += [word for word, rows in beyond.items() if rows[row]]
        found.append(_NC2D_WORDS.get(int(columns["nc2d_status"][row]), ""))
        words.append(",".join(word for word in found if word))
    return np.array(words, dtype=np.str_)


def write_assessed(path: Path, assessed: Assessed, attributes: Mapping[str, Any]) -> None:
    """Write a table ending in .csv, or a results file.

    Parameters
    ----------
    path : Path
    assessed : Assessed
    attributes : mapping
        Root attributes of the results file, but for the times.
    """
    if path.suffix == ".csv":
        columns = {
            **assessed.texts,
            **{name: c for name, c in assessed.columns.items() if c.ndim == 1},
            "flags": flag_words(assessed),
        }
        text = format_csv(ConjunctionTable(columns, len(assessed)))
        write_product(path, text.encode())
        return
    n = len(assessed)
    tca = assessed.columns["tca"]
    last = float(np.max(tca, initial=0.0))
    rows = {"object1": np.arange(n), "object2": np.arange(n) + n}
    objects = {name: column.reshape(2 * n) for name, column in assessed.objects.items()}
    period = {
        "Conventions": "CF-1.8",
        "start_screen_period": assessed.start.iso(),
        "stop_screen_period": assessed.start.plus(last).iso(),
    }
    groups: dict[str, Mapping[str, NDArray[Any]]] = {
        "objects": objects,
        "conjunctions": {**rows, **assessed.columns},
    }
    write_results(path, Results({**attributes, **period}, groups))


def _counts(assessed: Assessed, files: int, unread: int) -> str:
    columns = assessed.columns
    parts = [f"{len(assessed):,} conjunctions; files: {files:,}"]
    if unread:
        parts.append(f"not read, each told above: {unread:,}")
    for code, count in sorted(Counter(columns["encounter_status"].tolist()).items()):
        if code:
            parts.append(f"{count:,} {ENCOUNTER_STATUS[code]}")
    status = columns["nc2d_status"]
    parts.append(f"{int((columns['in_doubt'] == 1).sum()):,} in doubt for 2-D Pc")
    parts.append(f"Nc2D of {int(np.isin(status, (0, 3)).sum()):,}")
    if skipped := int((status == 4).sum()):
        parts.append(f"{skipped:,} skipped by assess.nc2d_max")
    return "; ".join(parts)
