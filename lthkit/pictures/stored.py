"""The frames that the solved lessons keep among their outputs: whether they are those of today, and how they become so.

A frame is a function of a record and of the scripts, so that a lesson need not be executed again when a script changes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lthkit.classroom.editions import EDITIONS, tool
from lthkit.pictures.showing import NAMES, output
from lthkit.storage import files

_FRAME = re.compile(r'<iframe data-picture="([^"]*)"')


def outdated(root: Path | str) -> list[str]:
    """One sentence for each solved lesson with a picture that is not drawn like that any more; empty if all is well.

    Args:
        root: the folder of the course, with `solutions/` in it.
    """
    found = []
    for path, notebook in _lessons(Path(root)):
        kept = f"{EDITIONS['solution']}/{path.name} keeps the picture"
        for name, one in _frames(notebook):
            if name not in NAMES:
                found.append(
                    f"{kept} {name!r}, which there is no more; show another one in {path.stem}.py and build the lesson."
                )
            elif one.data != output(name):
                found.append(f"{kept} {name!r} as it was drawn before; run `lthkit build`.")
    return found


def renew(root: Path | str, *, report: Callable[[str], None] = print) -> list[Path]:
    """Put today's frames into the solved lessons and return the files that were written. Nothing is executed.

    Args:
        root: the folder of the course.
        report: called with one line for each lesson that changed.
    """
    written = []
    for path, notebook in _lessons(Path(root)):
        changed = []
        for name, one in _frames(notebook):
            if name in NAMES and one.data != output(name):
                one.data = output(name)
                changed.append(name)
        if changed:
            files.write_text(path, tool("nbformat").writes(notebook) + "\n")
            report(f"{path.stem}: drawn anew: {', '.join(changed)}")
            written.append(path)
    return written


def _lessons(root: Path) -> Iterator[tuple[Path, Any]]:
    """The solved lessons that keep a frame; one that cannot be read is left to `check_build`."""
    nbformat = tool("nbformat")
    for path in sorted((root / EDITIONS["solution"]).glob("*.ipynb")):
        text = path.read_text(encoding="utf-8")
        if "data-picture" in text:
            try:
                yield path, nbformat.reads(text, as_version=nbformat.NO_CONVERT)
            except (ValueError, AttributeError, KeyError):
                continue


def _frames(notebook: Any) -> Iterator[tuple[str, Any]]:
    """The outputs of a notebook that are frames, each with the name of its picture."""
    for cell in notebook.cells:
        for one in cell.get("outputs", []):
            if found := _FRAME.match("".join(one.get("data", {}).get("text/html", ""))):
                yield found[1], one
