"""The folder of a class, and `course.json` in it: lessons, points, due times, the late rule and the section's seed.

class/
  course.json           not for students: the seed decides on the hidden cases
  hidden_tests.py       cases of your own
  roster.csv            who is in the class, if you have such a list
  source/ release/      the assignments; students get what is in release/
  submitted/            what `collect` made of the submissions
  collected/ results/   what was found in each submission, and what it is worth
  reports/              lists, feedback pages, overview
  nbgrader_config.py    for nbgrader's own commands, which add autograded/, feedback/ and gradebook.db
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from lthkit.classroom.grading.late import LateRule
from lthkit.storage import files

NAME = "course.json"
FORMAT = 1
SHORT = 2**128  # a seed below can be found by trying
VARIABLE = "LTHKIT_CLASS"  # the folder of the class, for graded cells that run elsewhere


@dataclass(frozen=True)
class Assignment:
    """One lesson as it was staged: its name, such as "05_winning_tickets", points by exercise, and when it is due."""

    name: str
    points: Mapping[str, float]
    due: datetime | None = None

    @property
    def total(self) -> float:
        return sum(self.points.values())


@dataclass(frozen=True)
class Course:
    """A class. `seed` decides on its hidden cases: sections with different seeds get different ones.

    `told_short` is whether the instructor was told that the seed is a short one.
    """

    folder: Path
    section: str
    seed: int
    hidden: int
    late: LateRule = field(default_factory=LateRule)
    assignments: Mapping[str, Assignment] = field(default_factory=dict)
    told_short: bool = False

    def path(self, *parts: str) -> Path:
        return self.folder.joinpath(*parts)

    def chosen(self, lesson: str | None) -> list[Assignment]:
        """The assignment of a lesson ("05" or its full name), or all of them.

        Raises:
            ValueError: that lesson was not staged.
        """
        if lesson is None:
            return list(self.assignments.values())
        found = [
            a
            for name, a in self.assignments.items()
            if lesson in (name, name[:2]) or lesson.zfill(2) == name[:2]
        ]
        if not found:
            listed = ", ".join(self.assignments) or "none"
            raise ValueError(f"lesson {lesson!r} was not staged in {self.folder}; staged: {listed}.")
        return found

    def of_exercise(self, exercise_id: str) -> Assignment | None:
        return next((a for a in self.assignments.values() if exercise_id in a.points), None)


def save(course: Course) -> Path:
    """Write `course.json`."""
    assignments = [
        {"name": a.name, "points": dict(a.points), "due": a.due.isoformat() if a.due else None}
        for a in course.assignments.values()
    ]
    value = {
        "format": FORMAT,
        "keep": "Not for students: the seed decides on the hidden cases.",
        "section": course.section,
        # As text where it is long: a program that reads and writes numbers as floats would round it.
        "seed": str(course.seed) if course.seed >= SHORT else course.seed,
        "hidden_cases": course.hidden,
        "late": asdict(course.late),
        "assignments": assignments,
    }
    if course.told_short:
        value["told_of_short_seed"] = True
    return files.write_json(course.path(NAME), value)


def load(folder: Path | str) -> Course:
    """Read the class in a folder.

    Raises:
        FileNotFoundError: there is no `course.json` in it.
        ValueError: it is damaged, or is something else.
    """
    folder = Path(folder).resolve()
    where = folder / NAME
    if not where.is_file():
        raise FileNotFoundError(
            f"{folder} is not a staged class, it has no {NAME}. Make one first, lthkit grade stage 05, or name its "
            "folder with --class."
        )
    try:
        value: Any = files.read_json(where)
        if value["format"] != FORMAT:
            raise ValueError(f"format {value['format']!r}")
        return Course(
            folder,
            str(value["section"]),
            _seed(value["seed"]),
            int(value["hidden_cases"]),
            LateRule(**value["late"]),
            {a["name"]: _assignment(a) for a in value["assignments"]},
            value.get("told_of_short_seed") is True,
        )
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(
            f"{where} cannot be read ({error}); correct it, or stage the lessons again."
        ) from error


def _seed(value: Any) -> int:
    """Raises ValueError for a number that was rounded: another seed is another class."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError(f"the seed {value!r} is no whole number")
    return int(value)


def new_seed() -> int:
    """A seed of 128 random bits, above all that are short."""
    return SHORT + secrets.randbits(128)


def tell_of_short_seed(course: Course, say: Callable[[str], None]) -> Course:
    """Say, once in the life of a class, that its seed is short and what to do; returns the class, written where told."""
    if course.seed >= SHORT or course.told_short:
        return course
    say(
        f"The seed of this class, in {NAME}, is short: somebody with a computer could find it. All goes on as it was. To "
        "change it, stage in a new folder, --class NAME without --seed, collect and run there; the hidden cases and so "
        "the grades may then be others. This is said once."
    )
    course = replace(course, told_short=True)
    save(course)
    return course


def _assignment(value: Any) -> Assignment:
    points = {str(k): float(v) for k, v in value["points"].items()}
    return Assignment(
        str(value["name"]), points, datetime.fromisoformat(value["due"]) if value["due"] else None
    )


def around(here: Path | str = ".") -> Path | None:
    """The folder of the class that a notebook runs in: $LTHKIT_CLASS, or one above `here`; None on a student's machine."""
    chosen = os.environ.get(VARIABLE)
    if chosen:
        return Path(chosen)
    start = Path(here).resolve()
    return next(
        (f for f in (start, *start.parents) if (f / NAME).is_file() and (f / "source").is_dir()), None
    )
