"""One changed character: an error with its place, or a record that differs in that field only.

Every line of a sample message says one thing, so the record may differ in the field of the line
that was changed and nowhere else; a traceback, a hang or another field is a defect of the reader.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.messages.ephemeris_texts import ITC_NAME, OEM, OPM, itc, oem_xml
from tracss_hpc.errors import InputDataError
from tracss_hpc.messages.elements import ElementSets
from tracss_hpc.messages.itc import parse_itc
from tracss_hpc.messages.oem import parse_oem
from tracss_hpc.messages.omm import read_omm_csv, read_omm_json, read_omm_kvn, read_omm_xml
from tracss_hpc.messages.opm import parse_opm

GP = Path(__file__).parent / "gp"
Flat = dict[str, object]
#: Keyword -> fields of the record that it feeds, as a pattern of their paths.
_FIELDS = {
    "OBJECT_NAME": r"object\.name",
    "OBJECT_ID": r"object\.(designator|international_designator)",
    "CREATION_DATE": "creation_date",
    "ORIGINATOR": "originator",
    "MESSAGE_ID": "message_id",
    "CLASSIFICATION": "classification",
    "CCSDS_OEM_VERS": "version",
    "CCSDS_OPM_VERS": "version",
    "COMMENT": r"(blocks\.\d\.)?extra.*",
    "EPOCH": "epoch",
    "REF_FRAME": r"frame|covariance_frame",
    "MASS": r"object\.mass_kg",
    "DRAG_AREA": r"object\.drag_area_m2",
    "DRAG_COEFF": r"object\.drag_coefficient",
    "COV_REF_FRAME": "covariance_frame",
}


class Sample(NamedTuple):
    """A message, its reader to flat fields, and the fields that each line may change."""

    text: str
    read: Callable[[str], Flat]
    allowed: list[str]


def flatten(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Leaves of a record: path -> value; of an array, one leaf a row."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            if field.name not in ("warnings", "file"):
                yield from flatten(getattr(value, field.name), f"{path}.{field.name}")
    elif isinstance(value, np.ndarray):
        yield from ((f"{path}.{k}", row.tobytes()) for k, row in enumerate(value))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from flatten(item, f"{path}.{key}")
    elif isinstance(value, tuple) and not hasattr(value, "_fields"):
        for k, item in enumerate(value):
            yield from flatten(item, f"{path}.{k}")
    else:
        yield path, repr(value)


def flat(record: object) -> Flat:
    return {path.removeprefix("."): value for path, value in flatten(record)}


def ephemeris_lines(text: str) -> list[str]:
    """Fields of each line of an OEM, in KVN or XML of one element a line."""
    block, state, matrix, epoch = -1, -1, -1, False
    allowed = []
    for line in text.splitlines():
        key = re.split(r"[ =<>]", line.lstrip("<"))[0]
        if key in ("META_START", "segment"):
            block, state, matrix = block + 1, -1, -1
        epoch = epoch or key == "COVARIANCE_START"
        if key in ("stateVector", "COVARIANCE_START", "META_STOP", "COVARIANCE_STOP"):
            epoch = key == "COVARIANCE_START"
        if key == "stateVector" or line.startswith("2025"):
            state += 1
        if key == "covarianceMatrix" or (key == "EPOCH" and epoch):
            matrix += 1
        here = rf"blocks\.{block}\."
        if key == "COMMENT" and block < 0:
            allowed.append(r"extra\.HEADER\.COMMENT")
        elif key in ("START_TIME", "STOP_TIME"):
            allowed.append(rf"{here}extra\.{key}")
        elif key.startswith("USEABLE"):
            allowed.append(here + key.lower().removesuffix("_time"))
        elif key.startswith("INTERPOLATION"):
            allowed.append(here + key.lower())
        elif key == "COMMENT":
            allowed.append(rf"{here}extra\.COMMENT")
        elif matrix >= 0:
            allowed.append(rf"{here}covariance(_jd|_seconds|)\.{matrix}|{here}covariance_frame")
        elif state >= 0:
            allowed.append(rf"{here}(jd|seconds|r|v)\.{state}")
        else:
            allowed.append(_FIELDS.get(key, "version" if key == "oem" else "nothing"))
    return allowed


def itc_lines(text: str) -> list[str]:
    head = ["creation_date", r"blocks\.0\.useable.*|extra\.HEADER\.step_size",
            r"extra\.HEADER\.ephemeris_source", "nothing"]  # fmt: skip
    rows = len(text.splitlines()) - 4
    # The first and the last epoch bound the useable span.
    return head + [
        rf"blocks\.0\.(jd|seconds|r|v|covariance|covariance_jd|covariance_seconds)\.{k // 4}"
        + (r"|blocks\.0\.useable.*" if k // 4 in (0, rows // 4 - 1) else "")
        for k in range(rows)
    ]


def opm_lines(text: str) -> list[str]:
    allowed, burn = [], -1
    for line in text.splitlines():
        key = line.split(" ")[0]
        burn += key == "MAN_EPOCH_IGNITION"
        if burn >= 0 and key.startswith("MAN_"):
            allowed.append(rf"manoeuvres\.{burn}\..*")
        elif key.startswith("USER_DEFINED"):
            allowed.append("user.*")
        elif re.fullmatch(r"C[XYZ]_.*", key):
            allowed.append(r"covariance\..*")
        elif key[0] in "XYZ":
            axis = "XYZ".index(key[0])
            allowed.append(rf"{'v' if 'DOT' in key else 'r'}\.{axis}")
        else:
            allowed.append(_FIELDS.get(key, "nothing"))
    return allowed


_OMM_FIELDS = {
    "OBJECT_NAME": "name", "OBJECT_ID": "international_designator", "EPOCH": "epoch_jd|epoch_fr",
    "MEAN_MOTION": "mean_motion", "ECCENTRICITY": "eccentricity", "INCLINATION": "inclination",
    "RA_OF_ASC_NODE": "raan", "ARG_OF_PERICENTER": "arg_perigee", "MEAN_ANOMALY": "mean_anomaly",
    "CLASSIFICATION_TYPE": "classification", "NORAD_CAT_ID": "designator",
    "ELEMENT_SET_NO": "element_set_no", "REV_AT_EPOCH": "rev_at_epoch", "BSTAR": "bstar",
    "MEAN_MOTION_DOT": "mean_motion_dot", "MEAN_MOTION_DDOT": "mean_motion_ddot",
    "OBJECT_TYPE": "object_type", "COUNTRY_CODE": "owner",
}  # fmt: skip


def omm_reader(read: Callable[[str, str], ElementSets]) -> Callable[[str], Flat]:
    def to_fields(text: str) -> Flat:
        found = read(text, "f")
        if found.rejected or not found.sets:
            raise InputDataError("; ".join(row.reason for row in found.rejected))
        (row,) = found.sets
        return {name: value for name, value in row._asdict().items() if name != "record"}

    return to_fields


def omm_lines(text: str) -> list[str]:
    """Fields of each line of an OMM of one keyword a line (KVN, XML, JSON)."""
    keys = [re.search(r"[A-Z][A-Z_]+", line) for line in text.splitlines()]
    return [_OMM_FIELDS.get(key[0] if key else "", "nothing") for key in keys]


def samples() -> dict[str, Sample]:
    one = {}
    kvn = (GP / "good.kvn").read_text().split("\n\nCCSDS")[0] + "\n"
    xml = (GP / "good.xml").read_text()
    xml = xml[xml.index("<omm") : xml.index("</omm>") + 6].replace("><", ">\n<")
    record = json.loads((GP / "good.json").read_text())[0]
    for name, text, read in (
        ("omm kvn", kvn, read_omm_kvn),
        ("omm xml", xml, read_omm_xml),
        ("omm json", json.dumps(record, indent=0), read_omm_json),
    ):
        one[name] = Sample(text, omm_reader(read), omm_lines(text))
    header, row = (GP / "good.csv").read_text().split("\n")[:2]
    # A character of a CSV line belongs to the column of its cell.
    one["omm csv"] = Sample(f"{header}\n{row}\n", omm_reader(read_omm_csv), [header, row])
    itc_text, xml_text = itc(9), oem_xml()
    one["oem kvn"] = Sample(OEM, lambda t: flat(parse_oem(t)), ephemeris_lines(OEM))
    one["oem xml"] = Sample(xml_text, lambda t: flat(parse_oem(t)), ephemeris_lines(xml_text))
    one["itc"] = Sample(itc_text, lambda t: flat(parse_itc(t, file=ITC_NAME)), itc_lines(itc_text))
    one["opm"] = Sample(OPM, lambda t: flat(parse_opm(t)), opm_lines(OPM))
    return one


SAMPLES = samples()
ORIGINALS = {name: sample.read(sample.text) for name, sample in SAMPLES.items()}
_PIECES = st.one_of(
    st.sampled_from(list('0123456789+-.,eEXDT_ =<>&"[]:#\n\t\r')), st.text(max_size=2)
)


def allowed_at(sample: Sample, place: int) -> str:
    """Pattern of the fields that a character feeds."""
    line = sample.text.count("\n", 0, place)
    if sample.read is not SAMPLES["omm csv"].read:
        return sample.allowed[line] if line < len(sample.allowed) else "nothing"
    column = sample.text[sample.text.rfind("\n", 0, place) + 1 : place].count(",")
    return _OMM_FIELDS.get(sample.allowed[0].split(",")[column], "nothing")


def check(name: str, data: st.DataObject) -> None:
    sample, original = SAMPLES[name], ORIGINALS[name]
    place = data.draw(st.integers(0, len(sample.text) - 1), label="place")
    piece = data.draw(_PIECES, label="piece")
    length = data.draw(st.integers(0, 1), label="replaced")
    text = sample.text[:place] + piece + sample.text[place + length :]
    try:
        changed = sample.read(text)
    except InputDataError:
        return
    differing = [
        path for path in original.keys() | changed.keys()
        if original.get(path) != changed.get(path)
    ]  # fmt: skip
    # A lost line end joins two lines, a new one splits one: both lines count.
    fields = "|".join({allowed_at(sample, k) for k in (place, min(place + 1, len(text) - 1))})
    for path in differing:
        assert re.fullmatch(fields, path), f"{path} changed; the line feeds {fields}"


@pytest.mark.parametrize("name", sorted(SAMPLES))
@settings(max_examples=300, deadline=None, derandomize=True)
@given(data=st.data())
def test_changed_character_changes_its_field_or_is_an_error(name: str, data: Any) -> None:
    check(name, data)


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(SAMPLES))
@settings(max_examples=10_000, deadline=None, derandomize=True)
@given(data=st.data())
def test_ten_thousand_changed_characters(name: str, data: Any) -> None:
    check(name, data)
