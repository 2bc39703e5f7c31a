"""Who is a primary: everyone, the payloads, or the user's own objects.

Fed by the catalog and the configuration (`catalog.primaries`, `catalog.exclude_owners`); feeds
the screening, where every object is a secondary anyway.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracss_hpc.catalog.table import Catalog
from tracss_hpc.errors import ConfigError, InputDataError, MessageError
from tracss_hpc.messages.elements import expand_designator
from tracss_hpc.messages.source import read_text

__all__ = ["payloads", "select_primaries"]


def select_primaries(catalog: Catalog, spec: str | Sequence[int | str | Path]) -> NDArray[np.bool_]:
    """Rows of the objects named by `catalog.primaries`.

    Parameters
    ----------
    catalog : Catalog
    spec : "all", or a list
        Each entry is a catalog number (a number or its digits), the path of a text file of
        catalog numbers (one a line, ``#`` begins a comment), or an object name, case ignored,
        with ``*``, ``?`` and ``[...]`` as in file names.

    Returns
    -------
    ndarray of bool, shape (n,)

    Raises
    ------
    ConfigError
        If the list is empty or an entry matches no object; names the entry.
    InputDataError
        If a line of a file is not a catalog number; carries `file`, `line`, `given`.
    """
    if isinstance(spec, str):
        if spec.lower() == "all":
            return np.ones(len(catalog), dtype=np.bool_)
        spec = [spec]
    if not spec:
        raise ConfigError(
            'catalog.primaries is an empty list; give "all" or at least one object',
            key="catalog.primaries",
            given=[],
        )
    names = np.char.lower(catalog.name)
    selected = np.zeros(len(catalog), dtype=np.bool_)
    for entry in spec:
        rows = _match(catalog, names, entry)
        if not rows.any():
            raise ConfigError(
                f"catalog.primaries: {str(entry)!r} matches no object of the catalog; an entry is "
                "a catalog number, a name pattern, or a text file of catalog numbers",
                key="catalog.primaries",
                given=entry,
            )
        selected |= rows
    return selected


def payloads(catalog: Catalog, exclude_owners: Sequence[str] = ()) -> NDArray[np.bool_]:
    """Rows of the payloads (Payload vs All, handbook 3.2.2), without those of some owners.

    The handbook also leaves out "non-commercial assets", which open data cannot tell; owners
    (SATCAT codes, case ignored) can be left out instead.

    Raises
    ------
    ConfigError
        If an owner owns no object of the catalog: owners come from `catalog.satcat`.
    """
    owners = np.char.upper(catalog.owner)
    rows = np.asarray(catalog.object_type == "PAYLOAD", dtype=np.bool_)
    for owner in exclude_owners:
        owned = owners == owner.upper()
        if not owned.any():
            raise ConfigError(
                f"catalog.exclude_owners: no object of the catalog is owned by {owner!r}; owner "
                "codes come from catalog.satcat",
                key="catalog.exclude_owners",
                given=owner,
                allowed=sorted({name for name in owners.tolist() if name}),
            )
        rows &= ~owned
    return rows


def _match(catalog: Catalog, names: NDArray[np.str_], entry: int | str | Path) -> NDArray[np.bool_]:
    text = str(entry).strip()
    if text.isascii() and text.isdigit():
        return np.asarray(catalog.designator == int(text), dtype=np.bool_)
    path = Path(os.path.expanduser(text))
    if path.is_file():
        return np.isin(catalog.designator, _read_ids(path, catalog))
    pattern = text.lower()
    matcher = re.compile(fnmatch.translate(pattern))
    # A name is also taken literally: 'STARLINK-11117 [DTC]' is not a set of letters.
    return np.array([name == pattern or matcher.match(name) is not None for name in names], bool)


def _read_ids(path: Path, catalog: Catalog) -> list[int]:
    ids: list[int] = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        entry = line.partition("#")[0].strip()
        if not entry:
            continue
        try:
            ids.append(expand_designator(entry))
        except MessageError as error:
            raise InputDataError(
                f"{path}, line {number}: {error}", file=str(path), line=number, given=entry
            ) from error
        if ids[-1] not in catalog.designator:
            raise ConfigError(
                f"catalog.primaries: {path}, line {number}: object {entry} is not in the catalog",
                key="catalog.primaries",
                given=entry,
            )
    return ids
