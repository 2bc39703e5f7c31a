"""Where the converted form of each input file goes.

Fed by the commands that convert messages (`cdm`, `ephemeris`); names come from the input files,
never from what a message says of itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tracss_hpc.errors import TracssError, UsageError
from tracss_hpc.messages.cdm_profiles import CDM_PROFILES

__all__ = ["name_targets"]

#: What an output of ours is called after the name of its input.
_OWN_ENDING = re.compile(rf"\.({'|'.join(map(re.escape, CDM_PROFILES))}|ocm|oem)$")
_PACKED = (".gz", ".xz", ".zst")


def name_targets(paths: Sequence[Path], folder: Path, ending: str) -> dict[Path, Path]:
    """Output file of each input: its name with another ending, in `folder`, which is made.

    Raises
    ------
    UsageError
        If two inputs would become one file, or an output would replace an input; nothing is
        written before that is known.
    TracssError
        If the folder cannot be made.
    """
    targets: dict[Path, Path] = {}
    inputs = {path.resolve() for path in paths}
    for path in paths:
        name = path.stem if path.suffix in _PACKED else path.name
        stem = _OWN_ENDING.sub("", Path(name).stem)
        target = folder / f"{stem}.{ending}"
        if target in targets.values() or target.resolve() in inputs:
            raise UsageError(
                f"{path} and another input would both become {target}; convert them apart, or "
                "into another folder"
            )
        targets[path] = target
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TracssError(f"{folder} cannot be made: {error.strerror}; name another") from None
    return targets
