"""Make assignments of lessons: the folder of a class, with a source for nbgrader and a release for students."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from lthkit.classroom import start
from lthkit.classroom.exercises import BLANK, find, of_lesson
from lthkit.classroom.grading import course as courses
from lthkit.classroom.grading import hidden
from lthkit.classroom.grading.answers import exercise_in
from lthkit.classroom.grading.course import Assignment, Course
from lthkit.classroom.grading.late import LateRule
from lthkit.classroom.variants import COUNT, hidden_cases
from lthkit.storage import files

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"

CONFIG = f'''\
"""Settings for nbgrader's own commands in this folder: nbgrader autograde 05_winning_tickets, say."""

import os
import sys
import sysconfig
import tempfile
from pathlib import Path

c = get_config()  # noqa: F821
here = Path(__file__).resolve().parent
if "autograde" in sys.argv:  # cases that are wrong would cost everybody all points
    from lthkit.classroom.grading.hidden import require_agreement

    try:
        require_agreement(here / "hidden_tests.py")
    except ValueError as error:
        sys.exit(f"{{error}} Nothing was graded.")
c.CourseDirectory.root = str(here)
c.ClearSolutions.code_stub = {{"python": 'raise NotImplementedError("{BLANK}")'}}
c.ClearSolutions.begin_solution_delimeter = "{BEGIN.strip("# ")}"
c.ClearSolutions.end_solution_delimeter = "{END.strip("# ")}"
c.OverwriteCells.add_missing_cells = True
c.Execute.timeout = 300
c.Execute.extra_arguments = ["--log-level=ERROR"]

# What the kernels get: the class for graded cells, the smallest tier, and no traces among your own results.
scratch = tempfile.mkdtemp(prefix="lthkit-nbgrader-")
os.environ["{courses.VARIABLE}"] = str(here)
os.environ.setdefault("LTHKIT_TIER", "smoke")
os.environ["LTHKIT_RUNS"] = scratch
os.environ["LTHKIT_PASSPORT"] = os.path.join(scratch, "passport.json")
scripts = sysconfig.get_path("scripts")  # nbgrader calls alembic by its name
os.environ["PATH"] = os.pathsep.join([scripts, os.environ.get("PATH", os.defpath)])
os.environ["PYTHONWARNINGS"] = "ignore"  # nbgrader takes points for whatever stands on stderr
os.environ["TQDM_DISABLE"] = "1"
'''


def stage(
    folder: Path | str,
    lessons: Sequence[str],
    *,
    root: Path | None = None,
    due: datetime | None = None,
    points: Mapping[str, float] | None = None,
    section: str | None = None,
    seed: int | None = None,
    hidden_tests: Path | None = None,
    late: LateRule | None = None,
    nbgrader: bool = True,
) -> Course:
    """Make assignments of lessons in the folder of a class, which is made if it is not there; returns the class.

    A lesson that was staged before is staged anew; submissions, the seed, and what is not given here stay as they were.

    Args:
        lessons: numbers ("05") or names ("05_winning_tickets").
        root: folder of the course; None finds it from here upwards.
        due: when the lessons are due; None for no due time.
        points: points of single exercises, by id; the others keep theirs, and have those of the course at first.
        section, seed: name of the section and the seed of its hidden cases; for a new class one of 128 random bits.
        hidden_tests: a file with cases of your own, which is copied into the class.
        nbgrader: also tell nbgrader of the assignment, as `nbgrader generate_assignment` does.

    Raises:
        ValueError: no such lesson or exercise, or cases that would refuse a right answer.
        ModuleNotFoundError: nbgrader is not installed.
    """
    root = root or start.course_folder()
    folder = Path(folder).resolve()
    chosen = [_lesson(root, lesson) for lesson in lessons]
    if not chosen:
        raise ValueError("no lesson was given; write its number: lthkit grade stage 05")
    points = _points(points or {}, chosen)
    if hidden_tests is not None:
        if not hidden_tests.is_file():
            raise FileNotFoundError(f"there is no file {hidden_tests} of hidden tests.")
        hidden.require_agreement(hidden_tests)
    course = _class(folder, section, seed, late)
    _write_settings(course, hidden_tests)
    for path in chosen:
        course = _stage_one(course, root, path, due, points)
        if nbgrader:
            register(course, path.stem)
    return course


def _write_settings(course: Course, hidden_tests: Path | None) -> None:
    """What lies in the folder of the class beside the assignments; hidden tests of one's own stay."""
    own = course.path("hidden_tests.py")
    if hidden_tests is not None:
        files.write_text(own, hidden_tests.read_text(encoding="utf-8"))
    elif not own.exists():
        files.write_text(own, hidden.TEMPLATE)
    hidden.require_agreement(own)
    files.write_text(course.path("nbgrader_config.py"), CONFIG)
    files.write_text(
        course.path(".gitignore"), "# submissions, grades and the seed belong into no repository\n*\n"
    )


def _stage_one(
    course: Course, root: Path, path: Path, due: datetime | None, points: Mapping[str, float]
) -> Course:
    """Source and release of one lesson, written; returns the class with its assignment, saved."""
    before = course.assignments.get(path.stem)
    worth = (
        {e.id: float(e.points) for e in of_lesson(path.stem[:2]).values()}
        | dict(before.points if before else {})
        | dict(points)
    )
    notebook, solved = _read(path), _read(root / "solutions" / path.name)
    worth = {e: p for e, p in worth.items() if any(exercise_in(c) == e for c in notebook["cells"])}
    assignment = Assignment(path.stem, worth, due or (before.due if before else None))
    course = replace(course, assignments={**course.assignments, path.stem: assignment})
    for exercise_id in worth:  # shown now, not when the submissions are there
        hidden_cases(find(exercise_id), course.seed, count=course.hidden)
    source = assigned(notebook, solved, worth)
    _write(course.path("source", path.stem, path.name), source)
    _write(course.path("release", path.stem, path.name), _released(source))
    courses.save(course)
    return course


def _lesson(root: Path, number: str) -> Path:
    known = start.lessons(root)
    found = [p for p in known if number in (p.stem, p.stem[:2]) or number.zfill(2) == p.stem[:2]]
    if len(found) != 1:
        raise ValueError(f"there is no lesson {number!r}; there are {', '.join(p.stem for p in known)}.")
    return found[0]


def _points(points: Mapping[str, float], chosen: Sequence[Path]) -> dict[str, float]:
    numbers = {p.stem[:2] for p in chosen}
    for exercise_id, worth in points.items():
        find(exercise_id)
        if exercise_id[:2] not in numbers:
            raise ValueError(
                f"points for {exercise_id} were given, and its lesson is not among those staged."
            )
        if not worth > 0:
            raise ValueError(f"exercise {exercise_id} was given {worth:g} points; expected more than 0.")
    return dict(points)


def _class(folder: Path, section: str | None, seed: int | None, late: LateRule | None) -> Course:
    if (folder / courses.NAME).exists():
        course = courses.load(folder)
        if seed is not None and seed != course.seed:
            raise ValueError(
                f"the class in {folder} has the seed {course.seed}, and {seed} was given; another section needs another "
                "folder: --class"
            )
        return replace(course, section=section or course.section, late=late or course.late)
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty and no class; name another folder with --class.")
    folder.mkdir(parents=True, exist_ok=True)
    new = courses.new_seed() if seed is None else seed
    return Course(folder, section or folder.name, new, COUNT, late or LateRule())


# Notebooks


def assigned(notebook: dict[str, Any], solved: dict[str, Any], points: Mapping[str, float]) -> dict[str, Any]:
    """The source of an assignment: the student edition with its solutions marked, and a graded cell after each check."""
    made = copy.deepcopy(notebook)
    made["metadata"].pop("lthkit", None)
    solutions = {exercise_in(c): "".join(c["source"]) for c in solved.get("cells", []) if exercise_in(c)}
    cells: list[dict[str, Any]] = []
    waiting: dict[str, dict[str, Any]] = {}
    for cell in made["cells"]:
        cells.append(cell)
        exercise_id = exercise_in(cell)
        text = "".join(cell["source"])
        if exercise_id in points:
            cell["source"] = _lines(_with_solution(text, solutions.get(exercise_id, "")))
            cell["metadata"]["nbgrader"] = _mark(f"exercise-{exercise_id.replace('.', '-')}", solution=True)
            waiting[exercise_id] = _graded(exercise_id, points[exercise_id])
        for waits in list(waiting):
            if cell["cell_type"] == "code" and f'check("{waits}"' in text:
                cells.append(waiting.pop(waits))
    cells += waiting.values()
    made["cells"] = cells
    return made


def _graded(exercise_id: str, points: float) -> dict[str, Any]:
    name = f"grade-{exercise_id.replace('.', '-')}"
    code = (
        "# For your instructor: the grade of this exercise. Without the class's settings it tells what `check` tells.\n"
        f'from lthkit.classroom import grade_cell\n\ngrade_cell("{exercise_id}", {find(exercise_id).name})'
    )
    mark = _mark(name, grade=True) | {"points": points}
    metadata = {"nbgrader": mark}
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": name,
        "metadata": metadata,
        "outputs": [],
        "source": _lines(code),
    }


def _mark(name: str, *, grade: bool = False, solution: bool = False) -> dict[str, Any]:
    return {
        "grade": grade,
        "grade_id": name,
        "locked": grade,
        "schema_version": 3,
        "solution": solution,
        "task": False,
        "cell_type": "code",
    }


def _with_solution(stub: str, solved: str) -> str:
    """The stub with its `raise` in a solution region, and the solution in its place where the solved cell has the same frame."""
    lines = stub.split("\n")
    at = next(i for i, line in enumerate(lines) if BLANK in line and "raise" in line)
    indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
    answer, full = [lines[at]], solved.split("\n")
    after = len(lines) - at - 1
    if full[:at] == lines[:at] and full[len(full) - after :] == lines[at + 1 :] and len(full) > at + after:
        answer = full[at : len(full) - after]
    return "\n".join([*lines[:at], indent + BEGIN, *answer, indent + END, *lines[at + 1 :]])


def _released(source: dict[str, Any]) -> dict[str, Any]:
    """What students get; `nbgrader generate_assignment` makes the same of the source, with checksums."""
    made = copy.deepcopy(source)
    for cell in made["cells"]:
        text = "".join(cell["source"])
        if exercise_in(cell):
            begin, end = text.index(BEGIN), text.index(END) + len(END)
            cell["source"] = _lines(text[:begin] + f'raise NotImplementedError("{BLANK}")' + text[end:])
    return made


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    return json.loads(path.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def _write(path: Path, notebook: dict[str, Any]) -> None:
    files.write_text(path, json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


def register(course: Course, name: str) -> None:
    """Have nbgrader make the release, so that its own commands know the assignment.

    Raises:
        ModuleNotFoundError: nbgrader is not installed.
        RuntimeError: nbgrader refuses the assignment; the text is what it says.
    """
    import importlib.util

    if importlib.util.find_spec("nbgrader") is None:
        raise ModuleNotFoundError(
            'nbgrader is not installed here: pip install "lthkit[classroom]". Or stage with --without-nbgrader; '
            "collect, run and report do not need it."
        )
    command = [sys.executable, "-m", "nbgrader", "generate_assignment", name, "--force", "--create"]
    # nbgrader calls `alembic` by its name, which is not found where this environment is not activated.
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])
    environment = os.environ | {"PYTHONWARNINGS": "ignore", "PATH": path}
    database = course.path("gradebook.db")
    there = database.exists()
    done = subprocess.run(command, cwd=course.folder, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        if not there:  # half made, it would be taken for whole the next time
            database.unlink(missing_ok=True)
        said = [line for line in done.stderr.splitlines() if "ERROR" in line] or done.stderr.splitlines()[-1:]
        raise RuntimeError(f"nbgrader does not accept {name}: {' '.join(said)[:400]}")
