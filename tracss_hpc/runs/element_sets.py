"""Element sets of a catalog: in another notation, or their numbers.

Fed by the words of `tracss-hpc catalog --to-omm` and `pair --catalog`; gives text,
or writes a file.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from pathlib import Path

from tracss_hpc.atomic import write_product
from tracss_hpc.catalog.catalog import Catalog, read_catalog
from tracss_hpc.catalog.table import elements_from_catalog
from tracss_hpc.epochs import parse_epoch
from tracss_hpc.messages.omm_write import OmmFormat, write_omm

__all__ = ["catalog_numbers", "convert_to_omm"]

_log = logging.getLogger("tracss_hpc")


def convert_to_omm(patterns: Sequence[str], form: OmmFormat, *, output: Path | None) -> str:
    """Write every element set of the files as OMMs of one notation, in the order read.

    Records that cannot be read are left out; how many, and the first of them, is logged.

    Returns
    -------
    str
        What was written, or the messages themselves when there is no `output`.
    """
    catalog = _read(patterns)
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None).isoformat(timespec="seconds")
    sets = elements_from_catalog(catalog)
    text = write_omm(sets, form, creation_date=parse_epoch(now), originator="tracss_hpc")
    if output is None:
        return text
    write_product(output, text.encode())
    return f"{output}: {len(sets)} element sets as OMM {form.upper()}\n"


def catalog_numbers(patterns: Sequence[str | Path]) -> frozenset[str]:
    """Catalog numbers of all element sets of the files; what cannot be read is logged."""
    return frozenset(map(str, _read(patterns).designator.tolist()))


def _read(patterns: Sequence[str | Path]) -> Catalog:
    found = read_catalog(patterns)
    if len(found.rejected):
        _log.warning(
            "%d records are not taken; the first is record %d of %s: %s",
            len(found.rejected), found.rejected.record[0], found.rejected.file[0],
            found.rejected.reason[0],
        )  # fmt: skip
    return found.catalog
