"""Whether an answer reaches the course's own answers: told to the instructor, who looks at it; the grade stays what it is.

`doors` reads the code for what could reach them: `use` and `find`, the package's inner modules, and what makes names or
code while it runs (`eval`, `importlib`, frames). `Watch` sees in the process of a submission what does reach them, by
whatever way: it notes each file of theirs that is opened, and stands in for `use`. A function that takes its own traces
away can hide from `Watch`; it needs one of the doors for that.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from lthkit.classroom import exercises, references
from lthkit.classroom.exercises import BLANK, Case, Exercise, of_lesson
from lthkit.classroom.running import Run

_LESSONS = f"{exercises.__name__}.lesson_"
_FILE = re.compile(r"(?:^|[\\/])(lesson_\d\d)(?:\.[\w-]+)*\.pyc?$")

_CLASSROOM = "lthkit.classroom"
_HARMLESS = frozenset(
    {"check", "grade_cell", "hint", "keep_on_drive", "progress", "quiz"}
)  # give no function back
_ABOVE = ("lthkit.classroom", "lthkit.commands", "lthkit.__main__")  # from these the exercises can be had
_MODULES = frozenset(
    "builtins cloudpickle code codeop ctypes dill dis gc imp importlib inspect joblib linecache marshal pickle pkgutil "
    "pydoc runpy subprocess trace zipimport".split()
)
_NAMES = frozenset(
    "__builtins__ __import__ __loader__ __spec__ breakpoint compile eval exec get_ipython globals locals open vars".split()
)
_ATTRIBUTES = frozenset(
    "__builtins__ __closure__ __code__ __globals__ __import__ __loader__ __spec__ __subclasses__ _current_frames "
    "_getframe alternatives cell_contents f_back f_builtins f_globals f_locals gi_frame import_module meta_path "
    "misconceptions path_hooks reference run_cell tb_frame user_ns".split()
)
_SAID = re.compile(r"lthkit\W{1,3}classroom|\blesson_\d\d|\bexercises\b")
_WHOLE = (_ATTRIBUTES | {"builtins", "find", "importlib", "modules", "sys", "use"}) - {"reference"}
_SHOWN, _LENGTH = 3, 60  # so many places, and characters of each


def is_earlier(exercise_id: Any, own: str) -> bool:
    """Whether an exercise comes before another one, so that the lesson has given its function by then."""
    try:
        one, other = ([int(n) for n in str(i).split(".")] for i in (exercise_id, own))
    except ValueError:
        return False
    return one < other


# In the code


def doors(program: str, own: str) -> str:
    """A sentence on what in the code of an answer could reach the course's own answers, "" if nothing does.

    Args:
        program: what the answer's function is defined by, with what it needs of the lesson and of earlier answers.
        own: the exercise; `use` of an earlier one is how a lesson goes on, and no door.
    """
    try:
        tree = ast.parse(program)
        found = list(dict.fromkeys(_shown(node) for node in _Doors(tree, own).found()))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return f"its code cannot be looked through ({type(error).__name__})."
    if not found:
        return ""
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    listed = ", ".join(f"`{text}`" for text in found[:_SHOWN])
    return f"its code has {listed}{more}, with which it could reach the course's own answers."


class _Doors:
    """The places in a program that are doors. Names are followed to what they were imported from, in whatever cell."""

    def __init__(self, tree: ast.Module, own: str) -> None:
        self._tree, self._own = tree, own
        self._origins: dict[str, set[str]] = {}
        for node in ast.walk(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                for name, origin in _bound(node):
                    self._origins.setdefault(name, set()).add(origin)

    def found(self) -> Iterator[ast.AST]:
        left: list[ast.AST] = [self._tree]
        while left:
            node = left.pop()
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                if any(map(_is_inner, _imported(node))):
                    yield node
            elif isinstance(node, ast.Constant):
                if isinstance(node.value, (str, bytes)) and _speaks(node.value):
                    yield node
            elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                pass  # a docstring
            elif isinstance(node, (ast.Name, ast.Attribute)):
                if self._is_door(node):
                    yield node
                elif isinstance(node, ast.Attribute) and not self._origin(node):
                    left.append(node.value)
            elif isinstance(node, ast.Call) and self._goes_on(node):
                left += node.args[1:]
            else:
                left += reversed(list(ast.iter_child_nodes(node)))

    def _goes_on(self, node: ast.Call) -> bool:
        """Whether it is `use` of an earlier exercise."""
        if self._origin(node.func) != {f"{_CLASSROOM}.use"} or not node.args:
            return False
        first = node.args[0]
        return isinstance(first, ast.Constant) and is_earlier(first.value, self._own)

    def _origin(self, node: ast.AST) -> set[str]:
        """What a name or a chain of attributes that begins with an imported name stands for, as dotted names."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        begins = self._origins.get(node.id, set()) if isinstance(node, ast.Name) else set()
        return {".".join([begin, *reversed(parts)]) for begin in begins}

    def _is_door(self, node: ast.Name | ast.Attribute) -> bool:
        if not isinstance(node.ctx, ast.Load):
            return False
        if isinstance(node, ast.Attribute) and (node.attr in _ATTRIBUTES or _is_modules(node)):
            return True
        if isinstance(node, ast.Name) and node.id in _NAMES:
            return True
        return any(map(_leads_in, self._origin(node)))


def _bound(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    """The names that an import gives, each with what it stands for."""
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            origin = f"{node.module or ''}.{alias.name}"
            yield alias.asname or alias.name, origin
            if origin == f"{_CLASSROOM}.*":
                yield "use", f"{_CLASSROOM}.use"
        elif alias.asname:
            yield alias.asname, alias.name
        else:
            root = alias.name.partition(".")[0]
            yield root, root


def _imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module or ''}.{alias.name}" for alias in node.names]
    return [alias.name for alias in node.names]


def _is_inner(origin: str) -> bool:
    """Whether importing this is a door itself: what only leads to one is told where it is used."""
    parts = origin.split(".")
    if parts[0] in _MODULES or _ATTRIBUTES.intersection(parts):
        return True
    if ".".join(parts[:2]) not in _ABOVE or origin in _ABOVE:
        return origin in _ABOVE[1:]
    return parts[1] != "classroom" or len(parts) > 3 or parts[2] not in _HARMLESS | {"use", "*"}


def _leads_in(origin: str) -> bool:
    """Whether what a name stands for is a door where it is used."""
    parts = origin.split(".")
    if origin in ("lthkit", "sys", "lthkit.classroom"):
        return True
    if (
        parts[0] in _MODULES
        or _ATTRIBUTES.intersection(parts)
        or ("sys", "modules") in zip(parts, parts[1:], strict=False)
    ):
        return True
    return ".".join(parts[:2]) in _ABOVE and (parts[1] != "classroom" or parts[2] not in _HARMLESS)


def _is_modules(node: ast.Attribute) -> bool:
    """Whether it is the `modules` of something called sys, as in `random._os.sys.modules`."""
    value = node.value
    name = value.attr if isinstance(value, ast.Attribute) else value.id if isinstance(value, ast.Name) else ""
    return node.attr == "modules" and name.strip("_") == "sys"


def _speaks(text: str | bytes) -> bool:
    """Whether a text in the code names what is inside of the course, or a door."""
    text = text.decode("latin-1") if isinstance(text, bytes) else text
    return text in _WHOLE or bool(_SAID.search(text))


def _shown(node: ast.AST) -> str:
    try:
        text = " ".join(ast.unparse(node).split())
    except (RecursionError, ValueError):
        text = type(node).__name__
    text = text.replace("`", "'").encode("ascii", "backslashreplace").decode()
    return text if len(text) <= _LENGTH else f"{text[: _LENGTH - 3]}..."


# In the process of a submission


class Asked:
    """An argument that no exercise has: what stands for the answer then returns what it reached."""


class Watch:
    """Sees from now on, in this process, which of the course's answers are reached; `use` gives those of earlier exercises.

    An import of a lesson's exercises and a look into their file are both an open file to the interpreter, which tells of
    it. What `use` loads is forgotten again, so that the next who wants it has to open it.
    """

    def __init__(self, own: str) -> None:
        self._own = own
        self._reached: dict[str, None] = {}
        self._loading = False
        self._lessons: dict[str, dict[str, Exercise]] = {}
        _forget(set())
        sys.addaudithook(self._note)
        references.graded = self.use

    def reached(self) -> list[str]:
        """The lessons whose own answers were looked at, such as "lesson_05"; "it" if the answer is one of them."""
        return sorted(self._reached)

    def refuse(self, function: Any) -> None:
        """Refuse an answer that is a function of ours.

        Raises:
            NotImplementedError: it is; then nothing was attempted.
        """
        if references.is_ours(function):
            self._reached["it"] = None
            _nothing()

    def use(self, exercise_id: str, function: Any) -> Any:
        """What `use` gives while an answer is graded: of this exercise and later ones never the reference.

        Raises:
            ValueError: there is no such exercise.
        """
        if not is_earlier(exercise_id, self._own):
            return function if callable(function) else _nothing
        number = exercise_id.partition(".")[0]
        if number not in self._lessons:
            self._lessons[number] = self._loaded(number)
        if exercise_id not in self._lessons[number]:
            raise ValueError(f"there is no exercise {exercise_id!r}.")
        return self._lessons[number][exercise_id].reference

    def _loaded(self, number: str) -> dict[str, Exercise]:
        before = set(sys.modules)
        self._loading = True
        try:
            return of_lesson(number)
        finally:
            self._loading = False
            _forget(before)

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and not self._loading and isinstance(arguments[0], (str, bytes)):
            path = arguments[0].decode("latin-1") if isinstance(arguments[0], bytes) else arguments[0]
            if found := _FILE.search(path):
                self._reached[found.group(1)] = None


def _forget(kept: set[str]) -> None:
    """Forget the modules of the exercises that were loaded, but for those kept."""
    for name in [n for n in sys.modules if n.startswith(_LESSONS) and n not in kept]:
        del sys.modules[name]
        vars(exercises).pop(name.rpartition(".")[2], None)


def _nothing(*arguments: Any, **named: Any) -> Any:
    """What `use` gives for nothing while an answer is graded."""
    raise NotImplementedError(BLANK)


Runner = Callable[[Callable[..., Any], tuple[Case, ...]], Run]


def watched(runner: Runner, answer: Callable[..., Any], reached: dict[str, None]) -> Runner:
    """A runner of `answer` in place of what it is given, which also asks, after the cases, what was reached."""

    def run(_: Callable[..., Any], cases: tuple[Case, ...]) -> Run:
        run = runner(answer, (*cases, Case((Asked(),))))
        if len(run.calls) <= len(cases):
            return run
        told = run.calls[len(cases)].value
        if isinstance(told, (list, tuple)):
            reached.update(
                (t, None) for t in told if isinstance(t, str) and re.fullmatch(r"lesson_\d\d|it", t)
            )
        return replace(run, calls=run.calls[: len(cases)])

    return run
