"""A student's own copies: `my/NN_slug.ipynb` beside `notebooks/`, which no update of the course touches."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from lthkit.classroom.exercises import lessons as numbers
from lthkit.classroom.exercises import of_lesson
from lthkit.classroom.passport import Passport
from lthkit.storage import files

STUDENT, OWN = "notebooks", "my"


@dataclass(frozen=True)
class Begun:
    """A copy: where it is, and whether it was made now (`new`) or was there."""

    path: Path
    new: bool


def course_folder(here: Path | str = ".") -> Path:
    """The folder of the course: `here` or the nearest folder above it that has `notebooks/` with lessons.

    Raises:
        FileNotFoundError: there is none.
    """
    start = Path(here).resolve()
    for folder in (start, *start.parents):
        if lessons(folder):
            return folder
    raise FileNotFoundError(
        f"{start} is not inside the course: there is no folder {STUDENT}/ with lessons here or above. Clone or download "
        "the course's repository and give the command in its folder."
    )


def lessons(course: Path) -> list[Path]:
    """The student editions of a course, in order."""
    return sorted((course / STUDENT).glob("[0-9][0-9]_*.ipynb"))


def start(course: Path, number: str, *, fresh: bool = False) -> Begun:
    """Copy a lesson into `my/`. What is there stays as it is; with `fresh` a new copy is put beside it.

    Args:
        course: folder of the course.
        number: such as "03", "3" or "03_training_loops".

    Raises:
        ValueError: there is no such lesson, or more than one is meant.
        OSError: `my/` cannot be written.
    """
    known = lessons(course)
    source = [p for p in known if number in (p.stem, p.stem[:2]) or number.zfill(2) == p.stem[:2]]
    if len(source) != 1:
        raise ValueError(f"there is no lesson {number!r}; there are {', '.join(p.stem for p in known)}.")
    target = course / OWN / source[0].name
    if target.exists() and not fresh:
        return Begun(target, new=False)
    n = 1
    while target.exists():
        n += 1
        target = course / OWN / f"{source[0].stem}-{n}.ipynb"
    target.parent.mkdir(parents=True, exist_ok=True)
    return Begun(files.write_bytes(target, source[0].read_bytes()), new=True)


def overview(course: Path) -> list[tuple[str, str, bool]]:
    """(stem, title, begun) of every lesson."""
    return [(p.stem, _title(p), (course / OWN / p.name).exists()) for p in lessons(course)]


def passed(number: str, known: Passport) -> str:
    """How much of a lesson is passed by this passport, such as "2 of 4", with or without help; "-" if it has no exercises."""
    ids = list(of_lesson(number)) if number in numbers() else []
    return f"{sum(i in known.passed for i in ids)} of {len(ids)}" if ids else "-"


def _title(notebook: Path) -> str:
    try:
        first = json.loads(notebook.read_text(encoding="utf-8"))["cells"][0]["source"]
    except (ValueError, LookupError):
        return notebook.stem
    return "".join(first).splitlines()[0].lstrip("# ").strip()
