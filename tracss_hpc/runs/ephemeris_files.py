"""The command `ephemeris`: are ephemeris messages in order, and the same in another format.

Fed by files of OCM, OEM or ITC; feeds the terminal, or one file each in a folder. What the format
asked for has no place for is named; what an OCM for TraCSS must have and the input does not say is
given as KEYWORD=TEXT.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

from tracss_hpc.atomic import write_product
from tracss_hpc.errors import InputDataError, MessageError, UsageError
from tracss_hpc.messages import ocm_write, oem_write
from tracss_hpc.messages.elements import parse_number
from tracss_hpc.messages.ocm import parse_ocm
from tracss_hpc.messages.ocm_keywords import TABLE, keyword_text
from tracss_hpc.messages.source import find_files
from tracss_hpc.messages.trajectory_files import ReadOptions, read_trajectory
from tracss_hpc.messages.trajectory_record import TrajectoryBlock, TrajectoryRecord
from tracss_hpc.messages.trajectory_rules import PADDING
from tracss_hpc.messages.utc import Utc
from tracss_hpc.runs.element_sets import catalog_numbers
from tracss_hpc.runs.targets import name_targets

__all__ = ["EPHEMERIS_KINDS", "check_ephemerides", "convert_ephemerides"]

#: What can be written.
EPHEMERIS_KINDS: tuple[str, ...] = (
    *(f"ocm.{form.lower()}" for form in ocm_write.OCM_FORMATS),
    *(f"oem.{form.lower()}" for form in oem_write.OEM_FORMATS),
)
#: Keywords that a user may set: not those that would give the states another meaning.
_SETTABLE = {
    row.name: row
    for rows in TABLE.values()
    for row in rows.values()
    if row.field.startswith(("object.", "model."))
    or row.field in ("originator", "message_id", "classification", "basis")
}


def check_ephemerides(
    paths: Sequence[str | Path], *, catalog: str | None = None, **options: Unpack[ReadOptions]
) -> tuple[str, int]:
    """Read each file by the rules of its format (O01 to O21) and say what it holds.

    Parameters
    ----------
    paths : sequence of str or Path
        Files or globs.
    catalog : str, optional
        Element sets among which the objects should be (O20).

    Returns
    -------
    text : str
        A paragraph a file, and a line of counts.
    code : int
        0 if nothing is amiss, 1 after warnings, 3 if a file is refused.
    """
    if catalog is not None:
        options["known"] = catalog_numbers([catalog])
    text, warned, refused = [], 0, 0
    files = find_files(paths)
    for path in files:
        try:
            record = read_trajectory(path, **options)
        except InputDataError as error:
            text.append(f"{error}\n")
            refused += 1
            continue
        text.append("\n".join([_head(record), *map(_block_row, record.blocks)]))
        text[-1] += "".join(f"\n  {finding.text}" for finding in record.warnings) + "\n"
        warned += bool(record.warnings)
    fine = len(files) - warned - refused
    text.append(f"{len(files)} files: {fine} fine, {warned} with warnings, {refused} refused\n")
    return "\n".join(text), 3 if refused else 1 if warned else 0


def convert_ephemerides(
    paths: Sequence[str | Path],
    kind: str,
    folder: Path,
    *,
    words: Sequence[str] = (),
    catalog: str | None = None,
    **options: Unpack[ReadOptions],
) -> tuple[str, int]:
    """Write each file in another format or notation.

    An OCM needs five states before and after its useable span: where the input has none, the span
    is made shorter by them. Blocks without a name are counted.

    Parameters
    ----------
    paths : sequence of str or Path
        Files or globs.
    kind : str
        A word of EPHEMERIS_KINDS, such as ``ocm.xml``.
    folder : Path
        Created if absent.
    words : sequence of str
        ``KEYWORD=TEXT`` of an OCM, for all files: what it says in place of the input.
    catalog : str, optional
        As `check_ephemerides`.

    Returns
    -------
    text : str
        What was written, and what has no place there.
    code : int
        0, or 3 if a file cannot be read or lacks what the format must have.
    """
    if kind not in EPHEMERIS_KINDS:
        allowed = ", ".join(EPHEMERIS_KINDS)
        raise UsageError(f"ephemeris: --convert {kind}: this version writes {allowed}")
    given = [_keyword(word) for word in words]
    if catalog is not None:
        options["known"] = catalog_numbers([catalog])
    rows, code = [], 0
    for path, target in name_targets(find_files(paths), folder, kind).items():
        try:
            record = read_trajectory(path, **options)
            for key, value in given:
                record = _with(record, key, value)
            text, lost = _format(record, kind)
        except InputDataError as error:
            rows.append(f"not written: {error}")
            code = 3
            continue
        write_product(target, text.encode())
        rows += [f"{target}: {len(record.blocks)} blocks", *lost]
        rows += [f"  {finding.text}" for finding in record.warnings]
    return "\n".join(rows) + "\n", code


def _head(record: TrajectoryRecord) -> str:
    thing = record.object
    name = " ".join(filter(None, (thing.designator or thing.international_designator, thing.name)))
    version = f" {record.version}" if record.version else ""
    return f"{record.file}: {record.source_format}{version} of {name!r}, {record.frame}"


def _block_row(block: TrajectoryBlock) -> str:
    first, last = (Utc(float(block.jd[k]), float(block.seconds[k])) for k in (0, -1))
    step = last.minus(first) / max(1, block.jd.size - 1)
    covariance = "no covariance"
    if block.covariance is not None:
        size = block.covariance.shape[1]
        covariance = f"{len(block.covariance)} covariances {size}x{size} {block.covariance_frame}"
    span = f"{block.useable_start.iso()} to {block.useable_stop.iso()}"
    return f"  {block.jd.size} states, {step:.6g} s apart, useable {span}, {covariance}"


def _keyword(word: str) -> tuple[str, str]:
    key, equals, text = word.partition("=")
    name = key.strip().upper()
    if not equals or not text.strip() or name not in _SETTABLE:
        must = ", ".join(name for name, row in _SETTABLE.items() if row.mandatory)
        raise UsageError(
            f"ephemeris: --set {word!r} is not KEYWORD=TEXT of an OCM; an OCM must have {must}; "
            "what describes object, operator, owner or forces may be set, too"
        )
    return name, text.strip()


def _with(record: TrajectoryRecord, key: str, text: str) -> TrajectoryRecord:
    """The record with another value for a keyword of an OCM."""
    row = _SETTABLE[key]
    value: Any = parse_number(key, text) if row.kind == "number" else text
    part, _, field = row.field.rpartition(".")
    if row.section == "TRAJ":
        changed = [dataclasses.replace(block, **{field: value}) for block in record.blocks]
        return dataclasses.replace(record, blocks=tuple(changed))
    if part:
        value = dataclasses.replace(getattr(record, part), **{field: value})
    return dataclasses.replace(record, **{part or field: value})


def _format(record: TrajectoryRecord, kind: str) -> tuple[str, list[str]]:
    """Text of the message, and rows on what it lacks or had to change."""
    message, notation = kind.split(".")
    if message == "oem":
        lost = oem_write.left_out(record)
        text = oem_write.format_oem(record, notation.upper())  # type: ignore[arg-type]
        return text, _lost(lost, "an OEM")
    record, rows = _for_ocm(record)
    lacking = [
        name
        for name, row in _SETTABLE.items()
        if row.mandatory
        and not keyword_text(row, record.blocks[0] if row.section == "TRAJ" else record)
    ]
    if lacking:
        raise MessageError(
            f"{record.file}: an OCM must have {', '.join(lacking)}; give --set KEYWORD=TEXT",
            file=record.file, key=lacking[0], allowed=tuple(lacking),
        )  # fmt: skip
    text = ocm_write.format_ocm(record, notation.upper())  # type: ignore[arg-type]
    again = parse_ocm(text, file=record.file)  # what others would refuse is not handed out
    rows += [f"  {finding.text}" for finding in again.warnings if finding not in record.warnings]
    return text, rows + _lost(ocm_write.left_out(record), "an OCM")


def _lost(words: Sequence[str], where: str) -> list[str]:
    return [f"  no place in {where} for {', '.join(words)}"] if words else []


def _for_ocm(record: TrajectoryRecord) -> tuple[TrajectoryRecord, list[str]]:
    """The record with names of blocks, EPOCH_TZERO and padding, and rows on what that changed."""
    if record.source_format == "OCM":
        return record, []
    blocks = [
        dataclasses.replace(block, id=block.id or str(k))
        for k, block in enumerate(record.blocks, start=1)
    ]
    first, last = blocks[0], blocks[-1]
    if min(first.jd.size, last.jd.size) <= 2 * PADDING + 1:
        raise MessageError(
            f"{record.file}: too few states for an OCM: {PADDING} must lie on either side of the "
            f"useable span",
            file=record.file,
        )
    start = max(first.useable_start, _node(first, PADDING))
    stop = min(last.useable_stop, _node(last, -PADDING - 1))
    rows = []
    if (start, stop) != (first.useable_start, last.useable_stop):
        rows.append(f"  useable {start.iso()} to {stop.iso()}: {PADDING} states pad either end")
    blocks[0] = dataclasses.replace(blocks[0], useable_start=start)
    blocks[-1] = dataclasses.replace(blocks[-1], useable_stop=stop)
    extra = {**record.extra, "META": {"EPOCH_TZERO": start.iso()}}
    return dataclasses.replace(record, blocks=tuple(blocks), extra=extra), rows


def _node(block: TrajectoryBlock, place: int) -> Utc:
    return Utc(float(block.jd[place]), float(block.seconds[place]))
