"""The frames that the solved lessons keep among their outputs: whether they are those of today, and how they become so.

A frame is a function of a record and of the scripts. So a lesson need not be executed again when one of these changes, or when
a cell that shows a picture comes to it (`PICTURE`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lthkit.classroom.cells import PICTURE
from lthkit.classroom.editions import EDITIONS, tool
from lthkit.pictures.showing import NAMES, output
from lthkit.storage import files


def outdated(root: Path | str) -> list[str]:
    """One sentence for each picture of a solved lesson that is not drawn like that any more; empty if all is well.

    Args:
        root: the folder of the course, with `solutions/` in it.
    """
    found = []
    for path, notebook in _lessons(Path(root)):
        for name, cell in _showing(notebook):
            if name not in NAMES:
                known = ", ".join(NAMES)
                found.append(f"solutions/{path.stem}.py shows the picture {name!r}; expected one of {known}.")
            elif cell.outputs != _outputs(name):
                found.append(
                    f"{EDITIONS['solution']}/{path.name} has not the picture {name!r} of today; run `lthkit build`."
                )
    return found


def renew(root: Path | str, *, report: Callable[[str], None] = print) -> list[Path]:
    """Put today's frames into the solved lessons and return the files that were written. Nothing is executed.

    Args:
        root: the folder of the course.
        report: called with one line for each lesson that changed.
    """
    written = []
    for path, notebook in _lessons(Path(root)):
        changed = [
            (name, cell)
            for name, cell in _showing(notebook)
            if name in NAMES and cell.outputs != _outputs(name)
        ]
        for name, cell in changed:
            cell.outputs = _outputs(name)
        if changed:
            files.write_text(path, tool("nbformat").writes(notebook) + "\n")
            report(f"{path.stem}: drawn anew: {', '.join(name for name, _ in changed)}")
            written.append(path)
    return written


def _outputs(name: str) -> list[Any]:
    """What a notebook keeps of `show(name)`."""
    v4 = tool("nbformat.v4")
    return [v4.new_output("display_data", output(name))]


def _lessons(root: Path) -> Iterator[tuple[Path, Any]]:
    """The solved lessons; one that cannot be read is left to `check_build`."""
    nbformat = tool("nbformat")
    for path in sorted((root / EDITIONS["solution"]).glob("*.ipynb")):
        try:
            yield path, nbformat.reads(path.read_text(encoding="utf-8"), as_version=nbformat.NO_CONVERT)
        except (ValueError, AttributeError, KeyError):
            continue


def _showing(notebook: Any) -> Iterator[tuple[str, Any]]:
    """The cells that show a picture, each with its name."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and (shown := PICTURE.fullmatch(cell.source)):
            yield shown[1], cell
