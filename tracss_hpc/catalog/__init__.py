"""The objects of a run: element sets as columns, what is known of them, their regimes and volumes.

Fed by messages; feeds ephemeris, screen and everything after.
"""

from __future__ import annotations

from tracss_hpc.catalog.catalog import (
    Catalog,
    CatalogInput,
    automatic_start,
    read_catalog,
    select_element_sets,
)

__all__ = [
    "Catalog",
    "CatalogInput",
    "automatic_start",
    "read_catalog",
    "select_element_sets",
]
