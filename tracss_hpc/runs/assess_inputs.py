"""What the command `assess` reads: results files, messages of every profile, folders of them.

Fed by paths; feeds `runs.assess`. A folder is walked; in one that holds a results.h5 the messages
were made from it, so only that is read. What cannot be read is kept, to be counted and listed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.assess.stated import (
    STATED_LINES,
    StatedConjunctions,
    join_stated,
    stated_by_table,
)
from tracss_hpc.config import resolve, stored_settings
from tracss_hpc.epochs import Epoch, julian_dates, parse_epoch
from tracss_hpc.errors import InputDataError, MessageError, UsageError
from tracss_hpc.export.hdf5 import Results, read_results
from tracss_hpc.messages.cdm_cut import KnownLayouts
from tracss_hpc.messages.cdm_read import sift_cdms
from tracss_hpc.messages.source import read_text

__all__ = ["Inputs", "read_inputs"]

#: Names of files in a folder that may be messages or results.
_SUFFIXES = frozenset({".cdm", ".csv", ".h5", ".json", ".kvn", ".txt", ".xml"})
_RESULTS = "results.h5"
_STATE = ("x", "y", "z", "x_dot", "y_dot", "z_dot")
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_COLUMNS = (
    "object1", "object2", "sat1_object_designator", "sat2_object_designator", "tca",
    "miss_distance", "combined_hbr", "collision_probability", "sat1_covariance",
    "sat2_covariance", *(f"sat{k}_{name}" for k in (1, 2) for name in _STATE),
)  # fmt: skip


@dataclass(frozen=True)
class Inputs:
    """All conjunctions that could be read, and why others could not.

    `settings` are those of the run, by ``section.key``, if one results file is all there is; else
    empty. `start` is its run start, or midnight before the first TCA.
    """

    stated: StatedConjunctions
    files: int
    errors: list[InputDataError]
    start: Epoch
    settings: dict[str, Any]


def read_inputs(paths: Sequence[str | Path]) -> Inputs:
    """Read all files named, and those of folders, in the order of their names.

    Raises
    ------
    UsageError
        If there is no such file or folder.
    InputDataError
        If nothing could be read.
    """
    parts: list[StatedConjunctions] = []
    errors: list[InputDataError] = []
    last: Results | None = None
    known = KnownLayouts(STATED_LINES)
    files = list(dict.fromkeys(file for path in paths for file in _files(Path(path))))
    for file in files:
        try:
            with file.open("rb") as stream:
                is_hdf5 = stream.read(len(_HDF5_MAGIC)) == _HDF5_MAGIC
            if is_hdf5:
                last = read_results(file, columns=_COLUMNS)
                parts.append(_stated_by_results(last, str(file)))
            else:
                stated, faults = _read_messages(file, known)
                errors += faults
                parts += [stated] if stated is not None else []
        except OSError as error:
            errors.append(InputDataError(f"{file}: {error.strerror or error}", file=str(file)))
        except InputDataError as error:
            errors.append(error)
    if not parts and len(errors) == 1:
        raise errors[0]
    if not parts:
        why = f"; the first: {errors[0]}" if errors else ""
        raise InputDataError(
            f"no conjunction could be read from {len(files)} files{why}; give results.h5 of a run, "
            "CDMs (CCSDS, TraCSS, Space-Track) or folders of them",
            file=str(paths[0]),
        )
    stated = join_stated(parts)
    if last is not None and len(files) == 1:
        start = parse_epoch(str(last.attributes["start_screen_period"]))
        return Inputs(stated, 1, errors, start, _settings(last, str(files[0])))
    return Inputs(stated, len(files), errors, Epoch(float(np.min(stated.tca_jd)), 0.0), {})


def _files(path: Path) -> Iterator[Path]:
    """The file itself, or what a folder holds."""
    if path.is_file():
        yield path
    elif (path / _RESULTS).is_file():
        yield path / _RESULTS
    elif path.is_dir():
        for item in sorted(path.iterdir()):
            if item.is_dir():
                yield from _files(item)
            elif item.suffix.lower() in _SUFFIXES:
                yield item
    else:
        raise UsageError(
            f"there is no file or folder {path}; relative paths count from the current directory"
        )


def _read_messages(
    file: Path, known: KnownLayouts
) -> tuple[StatedConjunctions | None, list[MessageError]]:
    """Conjunctions of one file of messages, and the faults of those that cannot be read."""
    table, faults = sift_cdms(read_text(file), file=str(file), known=known)
    stated, more = stated_by_table(table, str(file))
    return stated, faults + more


def _settings(results: Results, file: str) -> dict[str, Any]:
    return stored_settings(str(results.attributes["config"]), file)


def _stated_by_results(results: Results, file: str) -> StatedConjunctions:
    """Rows of group `conjunctions`; the run's factors of sigma are taken off again."""
    rows, objects = results.conjunctions, results.objects
    lacking = [name for name in _COLUMNS if name not in rows]
    if lacking:
        raise InputDataError(
            f"{file}: lacks the columns {', '.join(lacking[:3])}, so there is nothing to assess; "
            "give the results.h5 of a run of this version",
            file=file,
        )
    n = len(rows["tca"])
    place = [np.asarray(rows[f"object{k}"]) for k in (1, 2)]

    def texts(name: str) -> NDArray[np.str_]:
        column = np.asarray(objects.get(name, np.full(len(objects["object_designator"]), "")))
        return np.stack([column[p] for p in place]).astype(np.str_)

    jd, fr = julian_dates(parse_epoch(str(results.attributes["start_screen_period"])), rows["tca"])
    mass = np.asarray(objects.get("mass", np.full(len(objects["object_designator"]), np.nan)))
    run = resolve(None, _settings(results, file)).assess
    states = [np.stack([rows[f"sat{k}_{name}"] for name in _STATE], axis=1) for k in (1, 2)]
    return StatedConjunctions(
        source=np.full(n, file),
        message_id=np.full(n, ""),
        tca_jd=jd,
        tca_fr=fr,
        since_start_s=np.asarray(rows["tca"], dtype=np.float64),
        designator=np.stack(
            [np.asarray(rows[f"sat{k}_object_designator"]).astype(np.str_) for k in (1, 2)]
        ),
        name=texts("object_name"),
        international_designator=texts("international_designator"),
        object_type=texts("object_type"),
        state=np.stack(states),
        covariance_m2=np.stack(
            [rows["sat1_covariance"] / run.kp**2, rows["sat2_covariance"] / run.ks**2]
        ),
        hbr_m=np.asarray(rows["combined_hbr"]),
        mass_kg=np.stack([mass[p] for p in place]),
        response_km=np.full((2, n, 6), np.nan),
        probability=np.asarray(rows["collision_probability"]),
        probability_method=np.full(n, run.method),
        miss_distance_m=np.asarray(rows["miss_distance"]),
    )
