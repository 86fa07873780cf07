"""Hidden cases stay hidden, and the course's own answers are no answers: what submissions try, and what comes of it."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from lthkit.classroom import check, grade_cell, references, use
from lthkit.classroom.exercises import Case, Exercise, find
from lthkit.classroom.grading import course as courses
from lthkit.classroom.grading import notebooks, reaching
from lthkit.classroom.grading import report as reports
from lthkit.classroom.grading import run as grading
from lthkit.classroom.grading.answers import find_answers, program, read_lesson
from lthkit.classroom.grading.collect import collect
from lthkit.classroom.grading.collected import release_of
from lthkit.classroom.grading.course import Course
from lthkit.classroom.grading.judging import Verdict, hidden_of, verdict
from lthkit.classroom.grading.notebooks import Code
from lthkit.classroom.grading.stage import stage
from lthkit.classroom.grading.workers import walled
from lthkit.classroom.running import Run, in_process
from lthkit.storage import files
from tests.submissions import HELPERS, LESSON, RIGHT, course_root, filled

HEAD = "def matching_density(densities, ticket, dense):\n    "
NOTHING = HEAD + 'raise NotImplementedError("05.2: your code goes here")\n'


def cells(course: Course, answers: dict[str, str], extra: str = "") -> list[Code]:
    """The lesson as somebody handed it in: answers by exercise, and a cell of their own before all of them."""
    lesson = read_lesson(release_of(course, course.assignments[LESSON]))
    at = {place: e for e, place in lesson.places.items()}
    found = [Code(answers.get(at.get(i, ""), text), at.get(i, "")) for i, text in enumerate(lesson.cells)]
    return [*found[:1], Code(extra), *found[1:]]


def graded(course: Course, answers: dict[str, str], extra: str = "") -> dict[str, Verdict]:
    assignment = course.assignments[LESSON]
    lesson = read_lesson(release_of(course, assignment))
    found = find_answers(cells(course, answers, extra), lesson)
    return {v.exercise: v for v in grading.judged(course, assignment, lesson, found)}


@pytest.fixture(scope="module")
def runner(course: Course) -> Iterator[Any]:
    with walled(course) as runner:
        yield runner


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    root = course_root(tmp_path_factory.mktemp("course"))
    return stage(root / "class", ["05"], root=root, seed=1, nbgrader=False)


# Visible cases first, hidden ones by themselves


def halved(n: int) -> int:
    return n // 2


HALVED = Exercise("99.8", halved, (Case((10,)), Case((13,)), Case((8,))))
HIDDEN = (Case((1001,)), Case((5003,)))


def noting(calls: list[tuple[int, ...]]) -> Callable[..., Run]:
    def run(function: Callable[..., Any], cases: tuple[Case, ...]) -> Run:
        calls.append(tuple(case.arguments[0] for case in cases))
        return in_process(function, cases)

    return run


def test_hidden_cases_go_to_a_run_of_their_own_after_the_visible_ones() -> None:
    """Catches a process that has both: what it was given on a visible case can be read there and shown."""
    calls: list[tuple[int, ...]] = []
    assert verdict(HALVED, lambda n: n // 2, HIDDEN, 2.0, runner=noting(calls)).points == 2.0
    assert calls == [(10, 13, 8), (1001, 5003)]


@pytest.mark.parametrize(
    "wrong", [lambda n: n / 2, lambda n: 1 // 0, lambda n: n, lambda n: n // 2 + (n == 8)]
)
def test_a_function_that_is_wrong_on_visible_cases_meets_no_hidden_one(wrong: Callable[..., Any]) -> None:
    """Catches hidden cases that are sent, or tried one by one, to find the mistake."""
    calls: list[tuple[int, ...]] = []
    found = verdict(HALVED, wrong, HIDDEN, 2.0, runner=noting(calls))
    assert found.state == "wrong" and calls and not {1001, 5003} & {n for call in calls for n in call}


def raising(n: int) -> int:
    if n > 100:
        raise type(f"Case{n}", (Exception,), {})(f"the case is {n}")
    return n // 2


def answering(n: int) -> Any:
    return n // 2 if n < 100 else {"the case": n, f"n{n}": [n]}


def changing(n: int) -> Any:
    return n // 2 if n < 100 else torch.full((n,), float(n))


@pytest.mark.parametrize("function", [raising, answering, changing, lambda n: n // 2 if n < 100 else n])
def test_what_a_function_does_on_hidden_cases_is_told_to_nobody(function: Callable[..., Any]) -> None:
    """Catches a value, a type or a message from a hidden case in what a verdict holds, and tries beyond the one run."""
    calls: list[tuple[int, ...]] = []
    found = verdict(HALVED, function, HIDDEN, 2.0, runner=noting(calls))
    blind = verdict(HALVED, lambda n: n // 2 if n < 100 else None, HIDDEN, 2.0, runner=noting([]))
    assert found == blind and found.state == "hidden" and len(calls) == 2
    assert not [n for n in ("1001", "5003") if n in repr(found)]


@pytest.mark.parametrize("why", ["time", "asleep", "memory", "ended", "unsendable"])
def test_how_a_function_stopped_on_hidden_cases_is_not_told_to_its_student(why: str) -> None:
    """Catches a function that tells of a hidden case by the way in which it ends."""

    def run(function: Callable[..., Any], cases: tuple[Case, ...]) -> Run:
        return in_process(function, cases) if cases == HALVED.cases else Run((), why, "7 seconds of 1001")

    found = verdict(HALVED, halved, HIDDEN, 2.0, runner=run)
    other = verdict(HALVED, lambda n: n // 2 if n < 100 else n, HIDDEN, 2.0, runner=noting([]))
    assert found == dataclasses.replace(other, remarks=found.remarks)
    assert bool(found.remarks) == (why != "unsendable")


def test_an_exercise_without_hidden_cases_is_judged_by_its_own() -> None:
    calls: list[tuple[int, ...]] = []
    assert verdict(HALVED, halved, (), 2.0, runner=noting(calls)).state == "passed" and len(calls) == 1


def test_the_pages_show_nothing_of_hidden_cases(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a hidden case in a feedback page, by whatever way the function tells of it."""
    course = stage(root / "own", ["05"], root=root, seed=3, nbgrader=False)
    monkeypatch.setattr(grading, "_side_by_side", lambda tasks, jobs: (grading._graded(*t) for t in tasks))
    seen = sorted(repr(c.arguments) for c in find("05.3").cases)
    teller = f"SEEN = {seen!r}\n\n" + RIGHT["05.3"].replace(
        "    best = 0\n",
        "    if repr((steps, losses, patience)) not in SEEN:\n"
        "        raise type('C' + repr(losses), (Exception,), {})(repr((steps, losses, patience)))\n    best = 0\n",
    )
    silent = teller.replace("raise type('C' + repr(losses), (Exception,), {})", "raise ValueError")
    release = json.loads(release_of(course, course.assignments[LESSON]).read_text(encoding="utf-8"))
    for student, answer in (("ada", teller), ("bo", silent)):
        files.write_text(
            tmp_path / "in" / student / f"{LESSON}.ipynb",
            json.dumps(filled(release, RIGHT | {"05.3": answer})),
        )
    collect(course, [tmp_path / "in"])
    grading.run(course)
    reports.report(course)
    pages = [
        course.path("reports", LESSON, "feedback", f"{s}.html").read_text(encoding="utf-8")
        for s in ("ada", "bo")
    ]
    assert pages[0].replace("ada", "bo") == pages[1] and "right on the visible cases only" in pages[0]
    for case in hidden_of(course, find("05.3")):
        assert not any(repr(a) in pages[0] for a in case.arguments[:2])


# Nothing goes from one run to another


def test_a_patch_made_in_one_exercise_does_not_pass_another(course: Course) -> None:
    """Catches an answer that works only after another one has changed a module for it."""
    helper = RIGHT["05.2"].replace("matching_density", "given")
    give = (
        f"import fractions, torch\nfrom itertools import takewhile as leading\nTOLERANCE = 0.005\n{helper}\n"
        + RIGHT["05.1"].replace("    new = {}\n", "    new = {}\n    fractions.helper = given\n", 1)
    )
    take = "import fractions\n" + HEAD + "return fractions.helper(densities, ticket, dense)\n"
    found = graded(
        course,
        {"05.1": give, "05.2": take},
        "def drawn(w, generator):\n    return torch.randn(w.shape, generator=generator) * w.std()\n",
    )
    assert found["05.1"].points == 1 and found["05.2"].points == 0


def test_what_a_function_leaves_on_visible_cases_is_not_there_on_hidden_ones(course: Course) -> None:
    """Catches a function that learns from the visible run that it is the hidden one's turn."""
    counting = RIGHT["05.3"].replace(
        "    best = 0\n",
        f"    import fractions\n    fractions.count = getattr(fractions, 'count', 0) + 1\n"
        f"    if fractions.count > {max(len(find('05.3').cases), len(hidden_of(course, find('05.3'))))}:\n"
        "        return -1\n    best = 0\n",
        1,
    )
    assert graded(course, {"05.3": counting})["05.3"].state == "passed"


# The seed


def test_a_new_class_has_a_seed_of_128_bits_that_is_kept_to_the_digit(root: Path) -> None:
    """Catches a seed that can be tried out, and one that a program rounds that reads and writes the file."""
    one, two = (stage(root / name, ["05"], root=root, nbgrader=False) for name in ("a", "b"))
    assert one.seed != two.seed and min(one.seed, two.seed) >= 2**128
    assert courses.load(root / "a").seed == one.seed
    path = root / "a" / courses.NAME
    rounded = json.loads(path.read_text(encoding="utf-8"), parse_int=float)
    assert int(rounded["seed"]) == one.seed
    for seed in (float(one.seed), True, None, "", "1e9", [1]):
        path.write_text(
            json.dumps({**rounded, "format": 1, "hidden_cases": 6, "seed": seed}), encoding="utf-8"
        )
        with pytest.raises(ValueError, match="cannot be read"):
            courses.load(root / "a")


def test_neither_the_seed_nor_what_depends_on_it_is_in_what_students_get(root: Path) -> None:
    """Catches a release from which the seed can be found: it is the same for every seed."""
    one, two = (stage(root / str(seed), ["05"], root=root, seed=seed, nbgrader=False) for seed in (4, 5))
    files = [sorted(p for p in c.path("release").rglob("*") if p.is_file()) for c in (one, two)]
    assert [p.read_bytes() for p in files[0]] == [p.read_bytes() for p in files[1]] and files[0]


def test_a_short_seed_goes_on_and_is_told_once(root: Path) -> None:
    """Catches hidden cases of an old class that change, and a warning at every command."""
    course = stage(root / "old", ["05"], root=root, seed=11, nbgrader=False)
    said: list[str] = []
    for _ in range(2):
        told = courses.tell_of_short_seed(courses.load(root / "old"), said.append)
        assert told.seed == 11 and courses.load(root / "old") == told
    assert len(said) == 1 and "--class NAME" in said[0] and "11" not in said[0]
    stage(root / "old", ["05"], root=root, nbgrader=False)
    courses.tell_of_short_seed(courses.load(root / "old"), said.append)
    long = dataclasses.replace(course, seed=courses.new_seed())
    courses.tell_of_short_seed(long, said.append)
    assert len(said) == 1


# The reference is no answer

CLASS = "lthkit.classroom"
# What was tried: a cell before, the exercise's cell, the state, and a word of what stands under "To look at".
TRIED: dict[str, tuple[str, str, str, str]] = {
    "use of nothing": ("", 'matching_density = use("05.2", None)\n', "blank", "use"),
    "use of a blank": ("", NOTHING + '\nmatching_density = use("05.2", matching_density)\n', "wrong", "use"),
    "use of a wrong one": ("", HEAD + "return 0.5\n\nmatching_density = use('05.2', matching_density)\n", "wrong", "use"),
    "use in a wrapper": ("", HEAD + 'return use("05.2", None)(densities, ticket, dense)\n', "blank", "use"),
    "use of a later one": ("", HEAD + 'return use("05.3", None)(densities, ticket, dense)\n', "blank", "use"),
    "use, called otherwise": ("u = use\n", 'matching_density = u("05.2", None)\n', "blank", "use"),
    "use by getattr": ("from lthkit import classroom as c\n", 'matching_density = getattr(c, "us" + "e")("05.2", None)\n', "blank", "`c`"),
    "use with a computed id": ("", HEAD + 'return use("05." + str(2), None)(densities, ticket, dense)\n', "blank", "use"),
    "find": (f"from {CLASS}.exercises import find\n", 'matching_density = find("05.2").reference\n', "blank", "own function"),
    "find in a wrapper": (f"from {CLASS}.exercises import find\n", HEAD + 'return find("05.2").reference(densities, ticket, dense)\n', "passed", "find"),
    "find in a partial": (f"from functools import partial\nfrom {CLASS}.exercises import find\n", 'matching_density = partial(find("05.2").reference)\n', "blank", "own function"),
    "an import": ("", f"from {CLASS}.exercises.lesson_05 import matching_density\n", "blank", "own function"),
    "an import in the function": ("", HEAD + f"from {CLASS}.exercises.lesson_05 import matching_density as m\n    return m(densities, ticket, dense)\n", "passed", "lesson_05"),
    "an import of the package": (f"import {CLASS}.exercises\n", HEAD + f"return {CLASS}.exercises.find('05.2').reference(densities, ticket, dense)\n", "passed", "exercises"),
    "an import of everything": (f"from {CLASS}.exercises import *\n", HEAD + "return find('05.2').reference(densities, ticket, dense)\n", "passed", "exercises"),
    "an alias": ("from lthkit import classroom as c\n", HEAD + "return c.exercises.find('05.2').reference(densities, ticket, dense)\n", "passed", "c.exercises"),
    "a chain": ("import lthkit\n", HEAD + "return lthkit.classroom.checking.find('05.2').reference(densities, ticket, dense)\n", "passed", "lthkit.classroom"),
    "commands": ("", HEAD + "from lthkit.commands import grade\n    import lthkit as x\n    return x.classroom.checking.find('05.2').reference(densities, ticket, dense)\n", "passed", "lthkit.commands"),
    "importlib": ("import importlib\n", HEAD + "m = importlib.import_module('lthkit.class' + 'room.exer' + 'cises')\n    return m.find('05.2').reference(densities, ticket, dense)\n", "passed", "lesson_05"),
    "__import__": ("", HEAD + "m = __import__('lthkit.class' + 'room', fromlist=['x'])\n    return m.checking.find('05.2').reference(densities, ticket, dense)\n", "passed", "__import__"),
    "sys.modules": ("import sys\n", HEAD + "m = sys.modules['lthkit.class' + 'room.exer' + 'cises']\n    return m.find('05.2').reference(densities, ticket, dense)\n", "passed", "lesson_05"),
    "after an earlier one by use": ("import sys\n", HEAD + "use('05.1', None)\n    m = sys.modules['lthkit.class' + 'room.exer' + 'cises']\n    return m.find('05.2').reference(densities, ticket, dense)\n", "passed", "lesson_05"),
    "sys of another module": ("import random\n", HEAD + "m = random._os.sys.modules['lthkit.class' + 'room.exer' + 'cises']\n    return m.find('05.2').reference(densities, ticket, dense)\n", "passed", "lesson_05"),
    "eval": ("", HEAD + "return eval('__imp' + 'ort__(\"lthkit.class' + 'room.exer' + 'cises\").class' + 'room.exer' + 'cises.find(\"05.2\").ref' + 'erence')(densities, ticket, dense)\n", "passed", "lesson_05"),
    "exec": ("", HEAD + "space = {}\n    exec('from lthkit.class' + 'room.exer' + 'cises import find', space)\n    return space['find']('05.2').reference(densities, ticket, dense)\n", "passed", "lesson_05"),
    "a decorator": (f"from {CLASS}.exercises import find\ndef solved(f):\n    return find('05.2').reference\n", "@solved\n" + HEAD + "return 1.0\n", "blank", "own function"),
    "a decorator with a wrapper": (f"from {CLASS}.exercises import find\ndef solved(f):\n    return lambda *a: find('05.2').reference(*a)\n", "@solved\n" + HEAD + "return 1.0\n", "passed", "find"),
    "a default": (f"from {CLASS}.exercises import find\n", "def matching_density(densities, ticket, dense, f=find('05.2').reference):\n    return f(densities, ticket, dense)\n", "passed", "find"),
    "a global": (f"from {CLASS}.exercises import find\nRIGHT = find('05.2')\nNEXT = RIGHT.reference\n", HEAD + "return NEXT(densities, ticket, dense)\n", "passed", "find"),
    "an alternative": (f"from {CLASS}.exercises import find\n", 'matching_density = find("05.2").alternatives[0]\n', "blank", "own function"),
    "a copy of its code": (f"import types\nfrom {CLASS}.exercises import find\n", "r = find('05.2').reference\nmatching_density = types.FunctionType(r.__code__, r.__globals__, 'matching_density')\n", "blank", "own function"),
    "its source": (f"import inspect\nfrom {CLASS}.exercises import find\n", HEAD + "space = {}\n    exec('from __future__ import annotations\\n' + inspect.getsource(find('05.2').reference), space)\n    return space['matching_density'](densities, ticket, dense)\n", "", "lesson_05"),
    "its file": ("import lthkit, pathlib\n", HEAD + "text = (pathlib.Path(lthkit.__file__).parent / ('class' + 'room') / ('exer' + 'cises') / ('lesson_' + '05.py')).read_text()\n    space = {'__name__': 'x', '__package__': 'lthkit'}\n    exec(compile(text.split('def matching_density')[0] and 'from __future__ import annotations\\ndef matching_density' + text.split('def matching_density')[1].split('\\ndef ')[0].split('\\n\\n\\n')[0], 'x', 'exec'), space)\n    return space['matching_density'](densities, ticket, dense)\n", "", "lesson_05"),
    "the globals of an earlier one": ("", HEAD + 'm = use("05.1", None).__globals__\n    return m["matching_density"](densities, ticket, dense)\n', "", "__globals__"),
    "pickle": ("import pickle\n", HEAD + "f = pickle.loads(b'clthkit.class' + b'room.exer' + b'cises\\nfind\\n.')\n    return f('05.2').reference(densities, ticket, dense)\n", "passed", "lesson_05"),
}  # fmt: skip


@pytest.mark.parametrize("name", TRIED)
def test_a_way_to_the_reference_is_to_be_looked_at(course: Course, runner: Any, name: str) -> None:
    """Catches the course's own answer that passes without a word."""
    extra, code, state, word = TRIED[name]
    lesson = read_lesson(release_of(course, course.assignments[LESSON]))
    found = find_answers(cells(course, {"05.2": code}, extra), lesson)
    exercise = find("05.2")
    got = grading._judged(exercise, program(lesson, found, "05.2"), 1.0, hidden_of(course, exercise), runner)
    assert got.state == (state or got.state) and got.points == (got.state == "passed"), got
    assert word in " ".join(got.remarks), got.remarks
    assert not got.lines or not set(got.lines) & set(got.remarks)


HONEST: dict[str, dict[str, str]] = {
    "as the lesson is": RIGHT,
    "use after the answer": RIGHT | {"05.2": RIGHT["05.2"] + '\nfound_ = use("05.2", matching_density)\n'},
    "an earlier one by use": RIGHT
    | {"05.2": 'earlier = use("05.1", reinitialised_weights)\n\n' + RIGHT["05.2"] + "    earlier\n"},
    "names that only look so": RIGHT
    | {
        "05.2": "import re\n\nclass Pair:\n    def __init__(self, d):\n        self.modules = d\n\n"
        + HEAD
        + '"""Finds, as in lesson_05 of the exercises, the last density; see the reference."""\n'
        "    find, eval_ = 1.0, re.compile('a')\n"
        + RIGHT["05.2"].split("\n", 1)[1].replace("default=1.0", "default=find")
    },
}


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_answer_has_no_remark(course: Course, name: str) -> None:
    """Catches a class in which everybody is to be looked at."""
    found = graded(course, HONEST[name], HELPERS)
    assert [(v.state, v.remarks) for v in found.values()] == [("passed", ())] * 4


@pytest.mark.parametrize("path", sorted(Path("solutions").glob("*.ipynb")), ids=lambda p: p.stem)
def test_no_solution_of_the_course_has_a_door(path: Path) -> None:
    """Catches a word of the lessons' own that makes every answer one to look at."""
    lesson = read_lesson(Path("notebooks") / path.name)
    found = find_answers(notebooks.read(path.name, path.read_bytes()), lesson)
    assert [e for e in found if reaching.doors(program(lesson, found, e), e)] == []


def test_an_answer_may_call_an_earlier_one_that_use_gave(course: Course) -> None:
    """Catches a lesson that cannot go on: where 05.1 is missing its reference stands in, without a remark."""
    call = HEAD + "use('05.1', None)({'a': torch.ones(2)}, {'a': torch.ones(2) > 0}, 1)\n"
    found = graded(course, {"05.2": call + RIGHT["05.2"].split("\n", 1)[1]}, HELPERS)["05.2"]
    assert (found.state, found.remarks) == ("passed", ())


def test_what_is_to_be_looked_at_is_for_the_instructor_alone(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a remark on a student's page, one that gets lost on its way, and code of theirs that becomes mark-up."""
    course = stage(root / "own", ["05"], root=root, seed=3, nbgrader=False)
    monkeypatch.setattr(grading, "_side_by_side", lambda tasks, jobs: (grading._graded(*t) for t in tasks))
    release = json.loads(release_of(course, course.assignments[LESSON]).read_text(encoding="utf-8"))
    wrapped = (
        HEAD
        + "'<b>'; return __import__('lthkit.classroom').classroom.checking.find('05.2').reference(densities, ticket, dense)\n"
    )
    for student, answer in (("ada", wrapped), ("bo", 'matching_density = use("05.2", None)\n')):
        files.write_text(
            tmp_path / "in" / student / f"{LESSON}.ipynb",
            json.dumps(filled(release, RIGHT | {"05.2": answer})),
        )
    collect(course, [tmp_path / "in"])
    results = {r.student: r for r in grading.run(course)}
    assert (results["ada"].points, results["bo"].points) == (4.0, 3.0)
    text = reports.report(course)[0].text
    told = text[text.index("## To look at") :]
    assert "- ada: 05.2: its code has" in told and "- bo: 05.2: its code has" in told and "lesson_05" in told
    for student in ("ada", "bo"):
        page = course.path("reports", LESSON, "feedback", f"{student}.html").read_text(encoding="utf-8")
        assert "its code has" not in page and "lesson_05" not in page


def test_in_a_notebook_the_reference_passes_neither_check_nor_grade(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Catches `use` with nothing that is an answer; a lesson goes on with it all the same."""
    given = use("05.2", None)
    assert given([0.5], [0.9], 0.9) == 0.5
    capsys.readouterr()
    for function in (given, find("05.2").reference, functools.partial(given), functools.cache(given)):
        check("05.2", function)
        assert references.NO_ANSWER in " ".join(capsys.readouterr().out.split())
        assert grade_cell("05.2", function) == 0.0
    assert grade_cell("05.2", find("05.2").alternatives[0]) == 1.0


def test_in_a_class_the_reference_is_no_points_in_a_graded_cell(
    course: Course, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches nbgrader's own commands that give points for `use` with nothing."""
    monkeypatch.setenv(courses.VARIABLE, str(course.folder))
    assert grade_cell("05.2", use("05.2", None)) == 0.0
    assert references.NO_ANSWER in " ".join(capsys.readouterr().out.split())


def test_code_that_cannot_be_looked_through_is_said() -> None:
    """Catches a way in that hides behind nesting, and a sentence of megabytes or of signs that act."""
    assert "cannot be looked through" in reaching.doors("(" * 300 + ")" * 300, "05.2")
    long = reaching.doors("eval('" + "\u202e`x`" * 9999 + "')\n" + "vars\nexec\nlocals\nopen\n", "05.2")
    assert len(long) < 400 and long.isascii() and "more" in long
