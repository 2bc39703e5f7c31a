"""Readers of the shared risk tables: states and covariances in km, km/s, own RTN."""

from __future__ import annotations

import csv
import math
import os
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from _pytest.mark.structures import ParameterSet
from numpy.typing import NDArray

from tests.conftest import ROOT
from tests.oracles.pc import rtn_rows
from tracss_hpc.assess.dcp import density_responses

LOWER = np.tril_indices(3)


class Pairs(NamedTuple):
    """Arguments of `find_encounters` besides the hard-body radius."""

    state1: NDArray[np.float64]
    state2: NDArray[np.float64]
    covariance1: NDArray[np.float64]
    covariance2: NDArray[np.float64]


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as f:
        return list(csv.DictReader(f))


def truth_rows(name: str, *keys: str) -> list[ParameterSet]:
    """Rows of a table of pc/ as test parameters, named by `keys`; one skip where it is absent."""
    folder = Path(os.environ.get("TRACSS_SHARED_DATA", ROOT.parent / "shared" / "data"))
    path = folder / "pc" / name
    if not path.is_file():
        skip = pytest.mark.skip(reason=f"reference data not found: {path}")
        return [pytest.param({}, id=name, marks=skip)]
    return [
        pytest.param({**row, "folder": str(path.parent)}, id="-".join(row[key] for key in keys))
        for row in read_rows(path)
    ]


def as_given(pairs: Pairs) -> Pairs:
    """The same pairs with the whole distance across v, as codes take it that shift no TCA."""
    r = pairs.state1[:, :3] - pairs.state2[:, :3]
    v = pairs.state1[:, 3:] - pairs.state2[:, 3:]
    across = r - v * (np.sum(r * v, axis=1) / np.sum(v * v, axis=1))[:, None]
    across *= (np.linalg.norm(r, axis=1) / np.linalg.norm(across, axis=1))[:, None]
    state1 = pairs.state1.copy()
    state1[:, :3] = pairs.state2[:, :3] + across
    packed = []
    for old, new, lower in zip(pairs.state1, state1, pairs.covariance1, strict=True):
        turn = rtn_rows(new) @ rtn_rows(old).T  # the covariance stays where it was
        c = np.zeros((3, 3))
        c[LOWER] = lower
        packed.append((turn @ (c + np.tril(c, -1).T) @ turn.T)[LOWER])
    return pairs._replace(state1=state1, covariance1=np.array(packed))


def column(rows: list[dict[str, str]], key: str) -> NDArray[np.float64]:
    return np.array([float(row[key]) for row in rows])


def inertial_pairs(rows: list[dict[str, str]], km: NDArray[np.float64] | float) -> Pairs:
    """Rows r1_x .. v2_z, C1_11 .. C2_33 (inertial 3x3); `km` is the rows' length unit in km."""
    scale = np.broadcast_to(km, len(rows))
    states, packed = [], []
    for k in "12":
        names = [f"{q}{k}_{axis}" for q in "rv" for axis in "xyz"]
        state = np.array([[float(row[name]) for name in names] for row in rows])
        states.append(state * scale[:, None])
        covariance = np.zeros((len(rows), 3, 3))
        for i, j in zip(*LOWER, strict=True):
            covariance[:, i, j] = column(rows, f"C{k}_{i + 1}{j + 1}") * scale**2
            covariance[:, j, i] = covariance[:, i, j]
        turned = [m @ c @ m.T for m, c in zip(map(rtn_rows, states[-1]), covariance, strict=True)]
        packed.append(np.array([c[LOWER] for c in turned]))
    return Pairs(states[0], states[1], packed[0], packed[1])


def read_cdm(path: Path) -> tuple[Pairs, float]:
    """One published CDM as a batch of one, and its combined hard-body radius [m] (NaN: none)."""
    header, *objects = re.split(r"^OBJECT\s*=\s*OBJECT[12]\s*$", path.read_text(), flags=re.M)
    states, covariances = [], []
    for text in objects:
        states.append([number(text, key) for key in ("X", "Y", "Z", "X_DOT", "Y_DOT", "Z_DOT")])
        keys = ("CR_R", "CT_R", "CT_T", "CN_R", "CN_T", "CN_N")
        covariances.append([number(text, key) * 1e-6 for key in keys])
    arrays = (np.array([values]) for values in (*states, *covariances))
    return Pairs(*arrays), number(header, "COMMENT HBR", absent=math.nan)


def read_responses(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Density responses (1, 3) of both objects of a published CDM [km, own RTN], as commented."""
    _, *objects = re.split(r"^OBJECT\s*=\s*OBJECT[12]\s*$", path.read_text(), flags=re.M)
    responses = []
    for text in objects:
        match = re.search(r"DCP Sensitivity Vector RTN Pos\s*=([^\[]*)", text)
        assert match is not None, path
        g = [[float(x) for x in match.group(1).split()]]
        uncertainty = number(text, "COMMENT DCP Density Forecast Uncertainty")
        responses.append(density_responses(g, [uncertainty]))
    return responses[0], responses[1]


def number(text: str, key: str, absent: float | None = None) -> float:
    match = re.search(rf"^{key}\s*=\s*(\S+)", text, flags=re.M)
    if match is None and absent is not None:
        return absent
    assert match is not None, key
    return float(match.group(1))
