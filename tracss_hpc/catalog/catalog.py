"""Read GP catalogs into one column table, and choose the element set of each object.

Fed by files on disk through messages (TLE, OMM); feeds every later stage. Formats are told apart
by content. Nothing is lost silently: what is read lands in `CatalogInput.catalog`, what is not
in `CatalogInput.rejected`, and a file that is no GP data at all stops the run.

::

    files -> decompress -> sniff -> TLE | OMM KVN, XML, JSON, CSV -> element sets -> columns
                                                                  -> rejected (file, record, why)
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.catalog.hbr import assign_hbr
from tracss_hpc.catalog.table import Catalog, catalog_from_elements
from tracss_hpc.constants import DAY_S
from tracss_hpc.epochs import Epoch
from tracss_hpc.errors import ConfigError, InputDataError, MessageError
from tracss_hpc.messages.elements import ElementSet, ElementSets, Rejection
from tracss_hpc.messages.omm import read_omm_csv, read_omm_json, read_omm_kvn, read_omm_xml
from tracss_hpc.messages.source import decode_text, decompress, find_files, read_file
from tracss_hpc.messages.tle import is_tle, read_tle

__all__ = [
    "Catalog",
    "CatalogInput",
    "Rejected",
    "after_start",
    "automatic_start",
    "read_catalog",
    "select_element_sets",
]

FORMATS = "TLE, 3LE, OMM as KVN, XML, JSON or CSV; plain, .gz, .xz or .zst"

_WEB_PAGE = re.compile(r"\s*<(?:!DOCTYPE\s+)?html", re.IGNORECASE)
_XML = re.compile(r"\s*<[?!A-Za-z]")
_JSON = re.compile(r"\s*(?:\{|\[\s*[\[{\]\"\d])")
_KVN_VERSION = re.compile(r"^[ \t]*CCSDS_([A-Z]{3})_VERS[ \t]*=", re.MULTILINE)


@dataclass(frozen=True)
class Rejected:
    """Records not taken, as columns of shape (m,), in the order of the files."""

    file: NDArray[np.str_]  # file name without its folder
    record: NDArray[np.int64]  # line number (TLE, KVN, CSV) or record number (JSON, XML), from 1
    designator: NDArray[np.str_]  # as printed, or the name; '' when the record has neither
    reason: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.record)


@dataclass(frozen=True)
class CatalogInput:
    """What reading gave: the sets taken, the records not taken, and an account of each file.

    `inputs` holds one dict per file: path (as found), name, sha256 and bytes of the file as it
    lies on disk, format, records_read (taken), records_rejected.
    """

    catalog: Catalog
    rejected: Rejected
    inputs: list[dict[str, object]]


def read_catalog(patterns: Sequence[str | Path], *, strict: bool = False) -> CatalogInput:
    """Read element sets from files and globs, in the order given.

    Bad records are skipped and listed. All sets are kept, also several of one object: see
    `select_element_sets`. Object types are from names, hard-body radii from handbook table 3.4.3
    until `apply_satcat` and `assign_hbr` know better.

    Parameters
    ----------
    patterns : sequence of str or Path
        Paths and globs; a file that two of them name is read once.
    strict : bool
        Stop at the first bad record.

    Returns
    -------
    CatalogInput

    Raises
    ------
    UsageError
        A path does not exist or a glob matches nothing.
    InputDataError
        A file is unreadable, damaged, or holds no GP data; or no file has one good record.
    MessageError
        With `strict`: the first bad record; carries `file`, `line`, `key`, `given`.
    """
    sets: list[ElementSet] = []
    files: list[str] = []
    rejected: list[tuple[Path, str, Rejection]] = []
    inputs: list[dict[str, object]] = []
    for path in find_files(patterns):
        data = read_file(path)
        text = decode_text(decompress(data, str(path)))
        kind, read = _sniff(text, str(path))
        found = read(text, str(path))
        if not found.sets and not found.rejected:
            raise InputDataError(
                f"{path}: {kind} without a single record; allowed are {FORMATS}", file=str(path)
            )
        if strict and found.rejected:
            raise _record_error(path, kind, found.rejected[0])
        sets += found.sets
        files += [path.name] * len(found.sets)
        rejected += [(path, kind, rejection) for rejection in found.rejected]
        inputs.append(
            {
                "path": str(path),
                "name": path.name,
                "sha256": hashlib.sha256(data).hexdigest(),
                "bytes": len(data),
                "format": kind,
                "records_read": len(found.sets),
                "records_rejected": len(found.rejected),
            }
        )
    if not sets:
        first = _record_error(*rejected[0])
        raise InputDataError(
            f"no usable element set: all {len(rejected)} records are bad; the first is {first}",
            file=first.file,
            line=first.line,
            key=first.key,
            given=first.given,
        )
    catalog = catalog_from_elements(sets, files)
    return CatalogInput(assign_hbr(catalog), _rejected_columns(rejected), inputs)


def automatic_start(catalog: Catalog) -> Epoch:
    """Full hour after the 99th percentile of the element-set epochs (``run.start = "auto"``).

    The percentile is the smallest epoch that at least 99 % of the sets do not exceed, so a stray
    epoch days ahead moves nothing; the hour is the first one strictly after it.
    """
    if len(catalog) == 0:
        raise InputDataError("an empty catalog has no start time; give run.start")
    order = np.lexsort((catalog.epoch_fr, catalog.epoch_jd))
    row = order[-(-99 * len(catalog) // 100) - 1]
    hours = int(np.floor(catalog.epoch_fr[row] * 24.0)) + 1
    return Epoch(float(catalog.epoch_jd[row]) + hours // 24, (hours % 24) / 24)


def select_element_sets(catalog: Catalog, start: Epoch, max_age_days: float) -> NDArray[np.str_]:
    """Choose the element set of each object: ``ok``, ``duplicate`` or ``stale`` per row.

    Of several sets of one object the newest epoch not after `start` is used; if there is none,
    the earliest after it. Equal epochs: the larger ELEMENT_SET_NO, then the later row. The others
    are ``duplicate``. A chosen set more than `max_age_days` before or after `start` is ``stale``:
    the object is left out, no older set takes its place.

    Parameters
    ----------
    catalog : Catalog
    start : Epoch
        Run start, UTC.
    max_age_days : float
        Largest |start - epoch| [d], above 0.

    Returns
    -------
    ndarray of str, shape (n,)

    Raises
    ------
    ConfigError
        If `max_age_days` is not above 0.
    """
    if not max_age_days > 0.0:
        raise ConfigError(
            f"catalog.max_age_days is {max_age_days!r}, allowed is a number of days above 0",
            key="catalog.max_age_days",
            given=max_age_days,
            allowed="above 0",
        )
    late = after_start(catalog, start)
    sign = np.where(late, -1.0, 1.0)  # not after start: the newest wins; after it: the earliest
    order = np.lexsort(
        (
            np.arange(len(catalog)),
            catalog.element_set_no,
            sign * catalog.epoch_fr,
            sign * catalog.epoch_jd,
            ~late,
            catalog.designator,
        )
    )
    status = np.full(len(catalog), "duplicate")
    grouped = catalog.designator[order]
    last_of_group = np.append(grouped[1:] != grouped[:-1], [True] if len(catalog) else [])
    chosen = order[last_of_group.astype(bool)]
    age_s = np.abs((start.jd - catalog.epoch_jd) * DAY_S + (start.fr - catalog.epoch_fr) * DAY_S)
    status[chosen] = np.where(age_s[chosen] > max_age_days * DAY_S, "stale", "ok")
    return status


def after_start(catalog: Catalog, start: Epoch) -> NDArray[np.bool_]:
    """Which epochs lie after `start`; with status ``ok``, the sets taken from after the start."""
    same_day = catalog.epoch_jd == start.jd
    late: NDArray[np.bool_] = (catalog.epoch_jd > start.jd) | (
        same_day & (catalog.epoch_fr > start.fr)
    )
    return late


def _sniff(text: str, file: str) -> tuple[str, Callable[[str, str], ElementSets]]:
    """Name and reader of the format a text is in, judged by its content."""
    if not text.strip():
        raise InputDataError(f"{file} is empty; allowed are {FORMATS}", file=file)
    if _WEB_PAGE.match(text):
        raise InputDataError(
            f"{file} is a web page, not GP data: the download failed; a browser shows why; "
            f"allowed are {FORMATS}",
            file=file,
            allowed=FORMATS,
        )
    if _XML.match(text):
        return "OMM XML", read_omm_xml
    if _JSON.match(text):
        return "OMM JSON", read_omm_json
    header = next(line for line in text.split("\n") if line.strip()).strip()
    if "," in header and re.search("NORAD_CAT_ID|MEAN_MOTION", header.upper()):
        return "OMM CSV", read_omm_csv
    version = _KVN_VERSION.search(text)
    if version is not None and version[1] == "OMM":
        return "OMM KVN", read_omm_kvn
    if version is not None:
        raise InputDataError(
            f"{file} is a CCSDS {version[1]}, not GP data; allowed are {FORMATS}",
            file=file,
            key=f"CCSDS_{version[1]}_VERS",
        )
    if is_tle(text):
        return "TLE", read_tle
    shown = repr(header[:40]) if header[:40].isprintable() else "with bytes that are no text"
    raise InputDataError(
        f"{file}: no GP data recognised (it begins {shown}); allowed are {FORMATS}",
        file=file,
        given=shown,
        allowed=FORMATS,
    )


def _record_error(path: Path, kind: str, rejection: Rejection) -> MessageError:
    """The rejection as an error that says where the record is."""
    where = "record" if kind in ("OMM JSON", "OMM XML") else "line"
    whose = f" ({rejection.designator})" if rejection.designator else ""
    return MessageError(
        f"{path}, {where} {rejection.record}{whose}: {rejection.reason}",
        file=str(path),
        line=rejection.record,
        key=rejection.key,
        given=rejection.given,
    )


def _rejected_columns(rejected: list[tuple[Path, str, Rejection]]) -> Rejected:
    rows = [rejection for _, _, rejection in rejected]
    return Rejected(
        file=np.array([path.name for path, _, _ in rejected], dtype=np.str_),
        record=np.array([row.record for row in rows], dtype=np.int64),
        designator=np.array([row.designator for row in rows], dtype=np.str_),
        reason=np.array([row.reason for row in rows], dtype=np.str_),
    )
