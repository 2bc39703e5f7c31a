"""Renew what the documentation takes from a run: two pictures and the table of columns.

    make run DAYS=0.25 OUT=runs/picture
    python tests/bench/describe_results.py runs/picture

Fed by a run directory; writes docs/timeline.png, docs/rtn.png (256 colours at most, to be small)
and the part of docs/results.md between its two markers.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
from PIL import Image

DOCS = Path(__file__).resolve().parents[2] / "docs"
BEGIN, END = "<!-- columns: begin -->", "<!-- columns: end -->"
PICTURES = ("timeline", "rtn")


def describe_groups(path: Path) -> Iterator[str]:
    """Lines of Markdown: one table for each group of a results file."""
    with h5py.File(path, "r") as file:
        for name in group_names(file):
            columns = {
                key: item
                for key, item in file[name].items()
                if isinstance(item, h5py.Dataset) and not item.is_scale
            }
            yield f"### `{name}`"
            yield ""
            yield "| column | type | unit | what |"
            yield "|---|---|---|---|"
            for key, item in columns.items():
                attributes = item.attrs
                frame = f" ({attributes['frame']})" if "frame" in attributes else ""
                yield (
                    f"| `{key}` | {type_name(item)} | {unit(attributes.get('units', ''))} "
                    f"| {escape(attributes['long_name'])}{frame} |"
                )
            yield ""


def group_names(file: Any) -> list[str]:
    """Paths of all groups, those that hold the result first."""
    names: list[str] = []
    file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Group) else None)
    first = ("objects", "conjunctions", "rejected", "colocated", "audit", "stages")
    order = {name: rank for rank, name in enumerate(first)}
    return sorted(names, key=lambda name: (order.get(name.split("/")[0], len(order)), name))


def type_name(item: Any) -> str:
    """Type in a reader's words; a second axis with its length."""
    kind = "text" if item.dtype.kind == "O" else str(item.dtype)
    return kind if item.ndim == 1 else f"{kind} × {item.shape[1]}"


def unit(text: str) -> str:
    """Unit as printed; a CF time without the run's own start."""
    return "s since run start" if text.startswith("seconds since") else escape(text)


def escape(text: str) -> str:
    """Text that may stand in a cell of a Markdown table."""
    return text.replace("|", "\\|").replace("**", "^")


def replace_table(page: Path, lines: list[str]) -> None:
    """Put `lines` between the markers of a page."""
    text = page.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    tail = rest.partition(END)[2]
    page.write_text(f"{head}{BEGIN}\n\n" + "\n".join(lines) + f"{END}{tail}", encoding="utf-8")


def shrink(source: Path, target: Path) -> None:
    """Copy a picture with a palette of 256 colours."""
    with Image.open(source) as image:
        image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(target, optimize=True)


def main() -> None:
    """Renew the documentation from the run directory on the command line."""
    run = Path(sys.argv[1])
    replace_table(DOCS / "results.md", list(describe_groups(run / "results.h5")))
    for name in PICTURES:
        shrink(run / "plots" / f"{name}.png", DOCS / f"{name}.png")


if __name__ == "__main__":
    main()
