"""The checkpoint of a run: who it is, which units are done, and whether a later run may go on.

`OUT/checkpoint/manifest.json` says what is being computed, `unit-00012.h5` holds what a finished
unit found. Fed by run.py; feeds the merge. The manifest goes first when a checkpoint is removed:
shards without one are remains and count for nothing.
"""

from __future__ import annotations

import hashlib
import json
import logging
import platform
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tracss_hpc.atomic import write_atomically
from tracss_hpc.config import stored_settings
from tracss_hpc.errors import TracssError, UsageError
from tracss_hpc.export.shards import inspect_shard
from tracss_hpc.parallel.comm import Comm, all_values, rank_size
from tracss_hpc.parallel.partition import WorkUnit

__all__ = [
    "Checkpoint",
    "Identity",
    "has_checkpoint",
    "has_remains",
    "inspect_shards",
    "list_changes",
    "list_shards",
    "missing_units",
    "open_checkpoint",
    "refuse_changes",
    "remove_checkpoint",
    "require_visible",
]

_log = logging.getLogger("tracss_hpc")
#: Settings that act after the units, or not at all on what is found: a resumed run may change them.
_FREE = ("audit.", "export.", "run.originator", "run.output")
_FOLDER = "checkpoint"
_MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Identity:
    """What a run computes: two runs with equal identities find the same.

    `config` is the resolved TOML, `inputs` the files (path, role, sha256), `versions` those of the
    programs that compute, `units` the work units (group, start [s], stop [s]).
    """

    config: str
    inputs: list[dict[str, Any]]
    versions: dict[str, str]
    units: list[list[Any]]

    @property
    def key(self) -> str:
        """SHA-256 over all that decides on what the units find."""
        text = json.dumps(
            [
                _settings(self.config),
                [[item["role"], item["sha256"]] for item in self.inputs],
                self.versions,
                self.units,
            ],
            sort_keys=True,
        )
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Checkpoint:
    """The folder of the shards of one run, and the key they carry."""

    folder: Path
    key: str
    units: list[WorkUnit]

    def path(self, number: int) -> Path:
        """The shard of unit `number`."""
        return self.folder / f"unit-{number:05d}.h5"

    @property
    def paths(self) -> list[Path]:
        """The shards of all units, in order of time."""
        return [self.path(unit.number) for unit in self.units]


def has_checkpoint(run_folder: Path) -> bool:
    """Whether a run directory holds an unfinished run."""
    return (run_folder / _FOLDER / _MANIFEST).is_file()


def has_remains(run_folder: Path) -> bool:
    """Whether a checkpoint was killed while it was made or removed: nothing but loose shards."""
    folder = run_folder / _FOLDER
    return folder.is_dir() and all(
        re.fullmatch(r"unit-\d+\.h5|\..*\.tmp", path.name) for path in folder.glob("*")
    )


def open_checkpoint(
    run_folder: Path,
    identity: Identity,
    units: Sequence[WorkUnit],
    session: Mapping[str, object],
    *,
    resume: bool,
) -> tuple[Checkpoint, dict[str, Any]]:
    """Begin the checkpoint of a new run, or go on with the one that is there (rank 0 only).

    Parameters
    ----------
    run_folder : Path
    identity : Identity
    units : sequence of WorkUnit
    session : mapping
        This process' start, ranks, host, run id: added to the manifest's list of sessions.
    resume : bool
        Go on with the checkpoint in the folder.

    Returns
    -------
    Checkpoint
    dict
        The manifest, with ``run_id``, ``created`` and ``sessions``.

    Raises
    ------
    UsageError
        When configuration, input or program differ from those of the checkpoint; names what.
    TracssError
        When the folder cannot be written.
    """
    folder = run_folder / _FOLDER
    if resume:
        manifest = _read_manifest(folder)
        refuse_changes(manifest, identity, run_folder)
    else:
        remove_checkpoint(run_folder)
        manifest = {**asdict(identity), "key": identity.key, "sessions": []}
        manifest["run_id"], manifest["created"] = session["run_id"], session["created"]
    manifest["sessions"].append(dict(session))
    try:
        folder.mkdir(exist_ok=True)
        write_atomically(folder / _MANIFEST, (json.dumps(manifest, indent=1) + "\n").encode())
    except OSError as error:
        raise TracssError(
            f"{folder} cannot be written: {error.strerror}; choose another run.output"
        ) from None
    return Checkpoint(folder, identity.key, list(units)), manifest


def refuse_changes(stored: Mapping[str, Any], identity: Identity, run_folder: Path) -> None:
    """Raise `UsageError` with every change that forbids to go on."""
    changes = list_changes(stored, identity)
    if changes:
        raise UsageError(
            f"the run in {run_folder} cannot go on, because it began with another\n  "
            + "\n  ".join(changes)
            + "\nSet that back to go on, choose another run.output, or begin anew with --force"
        )


def list_changes(stored: Mapping[str, Any], identity: Identity) -> list[str]:
    """What differs between a manifest and the run that wants to go on, a sentence each."""
    changes = []
    old, new = _settings(stored["config"]), _settings(identity.config)
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            changes.append(f"setting {name}: {old.get(name)!r}, now {new.get(name)!r}")
    before = {(i["role"], i["path"]): i["sha256"] for i in stored["inputs"]}
    after = {(i["role"], i["path"]): i["sha256"] for i in identity.inputs}
    for role, path in sorted(before.keys() | after.keys()):
        one, other = before.get((role, path)), after.get((role, path))
        if one != other:
            what = [f"SHA-256 {t[:12]}..." if t else "not an input" for t in (one, other)]
            changes.append(f"input {path} ({role}): {what[0]}, now {what[1]}")
    for name in sorted(stored["versions"].keys() | identity.versions.keys()):
        one, other = stored["versions"].get(name), identity.versions.get(name)
        if one != other:
            changes.append(f"version of {name}: {one}, now {other}")
    if not changes and "units" in stored and stored["units"] != identity.units:
        changes.append(f"division into work units: {len(stored['units'])} units")
    return changes


def require_visible(comm: Comm | None, checkpoint: Checkpoint) -> None:
    """Raise `TracssError` on every rank when a host does not see the run directory."""
    seen = (checkpoint.folder / _MANIFEST).is_file()
    blind = sorted({host for host, sees in all_values(comm, (platform.node(), seen)) if not sees})
    if blind:
        raise TracssError(
            f"{checkpoint.folder} is not seen on {', '.join(blind)}: run.output must lie on a file "
            "system that all hosts of the job share"
        )


def missing_units(comm: Comm | None, checkpoint: Checkpoint) -> list[WorkUnit]:
    """Units without a good shard, in order of time; the ranks share the looking.

    A damaged shard is told in the log, and its unit screened again.

    Raises
    ------
    UsageError
        On every rank, when a shard belongs to another run.
    """
    rank, size = rank_size(comm)
    found = inspect_shards(checkpoint, range(rank, len(checkpoint.units), size))
    found = {n: text for part in all_values(comm, found) for n, text in part.items()}
    foreign = [str(checkpoint.path(n)) for n in sorted(found) if found[n] == "foreign"]
    if foreign:
        raise UsageError(
            f"{', '.join(foreign)}: not a shard of this run; move it away to have its unit "
            "screened again, or begin anew with --force"
        )
    for number in sorted(found):
        if found[number] and rank == 0:
            path = checkpoint.path(number)
            _log.warning("%s is damaged (%s): its unit is screened again", path, found[number])
            path.unlink(missing_ok=True)
    return [unit for unit in checkpoint.units if found.get(unit.number, "missing")]


def inspect_shards(checkpoint: Checkpoint, numbers: Sequence[int]) -> dict[int, str]:
    """For each shard that exists: blank when good, else what is wrong with it."""
    return {
        number: inspect_shard(checkpoint.path(number), checkpoint.key)
        for number in numbers
        if checkpoint.path(number).exists()
    }


def list_shards(checkpoint: Checkpoint) -> set[int]:
    """Numbers of the units finished by any rank, by the names in the folder."""
    return {int(path.stem.removeprefix("unit-")) for path in checkpoint.folder.glob("unit-*.h5")}


def remove_checkpoint(run_folder: Path) -> None:
    """Remove a checkpoint: the manifest first, so that a half-removed one is no checkpoint."""
    (run_folder / _FOLDER / _MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(run_folder / _FOLDER, ignore_errors=True)


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / _MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if not {"config", "inputs", "versions", "units", "sessions", "run_id"} <= manifest.keys():
            raise ValueError("it lacks keys")
    except (OSError, ValueError, AttributeError) as error:
        raise UsageError(
            f"{path} is no manifest of a run ({error}); begin anew with --force"
        ) from None
    return dict(manifest)


def _settings(config: str) -> dict[str, Any]:
    """Settings that decide on what the units find."""
    settings = stored_settings(config, _MANIFEST)
    return {name: value for name, value in settings.items() if not name.startswith(_FREE)}
