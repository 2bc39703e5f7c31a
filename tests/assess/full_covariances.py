"""Readers of 6x6 cases of the shared risk tables: states km, km/s, packed triangles in own RTN."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.assess.reference_rows import Pairs, number, read_rows
from tests.oracles.pc import rtn_rows

LOWER6 = np.tril_indices(6)
AXES = ("R", "T", "N", "RDOT", "TDOT", "NDOT")


def read_full_cdm(path: Path) -> tuple[Pairs, float]:
    """One published CDM with its 21 covariance elements, and its combined radius [m] (or NaN)."""
    header, *objects = re.split(r"^OBJECT\s*=\s*OBJECT[12]\s*$", path.read_text(), flags=re.M)
    states, covariances = [], []
    for text in objects:
        states.append([number(text, key) for key in ("X", "Y", "Z", "X_DOT", "Y_DOT", "Z_DOT")])
        keys = [f"C{AXES[i]}_{AXES[j]}" for i, j in zip(*LOWER6, strict=True)]
        covariances.append([number(text, key) * 1e-6 for key in keys])
    arrays = (np.array([values]) for values in (*states, *covariances))
    hbr_m = number(header, "COMMENT HBR") if "COMMENT HBR" in header else np.nan
    return Pairs(*arrays), hbr_m


def read_full_responses(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both objects' state responses (1, 6) to one sigma of density error, from the comments."""
    responses = []
    for text in re.split(r"^OBJECT\s*=\s*OBJECT[12]\s*$", path.read_text(), flags=re.M)[1:]:
        sigma = number(text, "COMMENT DCP Density Forecast Uncertainty")
        vectors = [
            match.split()
            for match in re.findall(
                r"^COMMENT DCP Sensitivity Vector RTN (?:Pos|Vel)\s*=\s*([^\[]*)", text, flags=re.M
            )
        ]
        responses.append(np.array([sigma * 1e-3 * np.concatenate(vectors).astype(float)]))
    return responses[0], responses[1]


def packed_rtn(state: NDArray[np.float64], covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """An inertial 6x6 covariance as the 21 elements in the object's own RTN."""
    m = np.kron(np.eye(2), rtn_rows(state))
    turned: NDArray[np.float64] = (m @ covariance @ m.T)[LOWER6]
    return turned


def read_alfano(folder: Path) -> dict[str, tuple[Pairs, float]]:
    """Alfano's cases at TCA by number: one-row batches, and the combined radius [km]."""
    hbr = {row["case"]: float(row["HBR_m"]) * 1e-3
           for row in read_rows(folder / "alfano2009_expected.csv")}  # fmt: skip
    cases = {}
    for row in read_rows(folder / "alfano2009_states.csv"):
        if row["epoch"] != "TCA":
            continue
        cases[row["case"]] = (full_pair(row), hbr[row["case"]])
    return cases


def full_pair(row: dict[str, str]) -> Pairs:
    """A row r1_x .. v2_z, C1_11 .. C2_66 in m and inertial axes as a batch of one."""
    states, packed = [], []
    for k in "12":
        names = [f"{q}{k}_{axis}" for q in "rv" for axis in "xyz"]
        state = np.array([float(row[name]) for name in names]) * 1e-3
        covariance = np.zeros((6, 6))
        for i, j in zip(*LOWER6, strict=True):
            covariance[i, j] = covariance[j, i] = float(row[f"C{k}_{i + 1}{j + 1}"]) * 1e-6
        states.append(state[None])
        packed.append(packed_rtn(state, covariance)[None])
    return Pairs(*states, *packed)
