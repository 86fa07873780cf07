"""The solution of an exercise as text: the reference, which comes with the package, as one would write it in a notebook."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

from lthkit.classroom.exercises import Exercise

_ROOM = "lthkit.classroom.exercises"


def solution(exercise: Exercise) -> str:
    """Python that defines the function of an exercise: imports, helpers, and the reference without its types.

    Raises:
        OSError: the package is there without its sources.
    """
    functions, imports = [exercise.reference], set()
    for function in functions:  # grows while it is walked through
        for name, value in _names(function):
            if isinstance(value, FunctionType) and value.__module__.startswith(_ROOM):
                if value not in functions:
                    functions.append(value)
            else:
                imports.add(_import(name, value, sys.modules[function.__module__]))
    parts = [_plain(function) for function in reversed(functions)]
    if imports:
        parts.insert(
            0, "\n".join(sorted(filter(None, imports), key=lambda line: (line.startswith("from"), line)))
        )
    return "\n\n\n".join(filter(None, parts))


def _names(function: Callable[..., Any]) -> Iterator[tuple[str, Any]]:
    """The names of its module that a function uses, and what they stand for."""
    space = inspect.unwrap(function).__globals__
    codes: list[CodeType] = [function.__code__]
    for code in codes:
        codes += [c for c in code.co_consts if isinstance(c, CodeType)]
        for name in code.co_names:
            if name in space:
                yield name, space[name]


def _import(name: str, value: Any, module: ModuleType) -> str:
    """The line that gives a notebook a name of the module; for a constant its assignment."""
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                if (alias.asname or alias.name.partition(".")[0]) == name:
                    return ast.unparse(
                        ast.Import([alias])
                        if isinstance(node, ast.Import)
                        else ast.ImportFrom(node.module, [alias], node.level)
                    )
        if isinstance(node, ast.Assign) and name in (t.id for t in node.targets if isinstance(t, ast.Name)):
            return ast.unparse(node)
    return ""


def _plain(function: Callable[..., Any]) -> str:
    """A function as a student would write it: no types in its head, no docstring."""
    text = textwrap.dedent(inspect.getsource(function))
    node = ast.parse(text).body[0]
    assert isinstance(node, ast.FunctionDef)
    body = node.body[1:] if ast.get_docstring(node) is not None and len(node.body) > 1 else node.body
    arguments = node.args
    for one in (
        *arguments.posonlyargs,
        *arguments.args,
        *arguments.kwonlyargs,
        arguments.vararg,
        arguments.kwarg,
    ):
        if one is not None:
            one.annotation = None
    lines = text.splitlines()[body[0].lineno - 1 :]
    return "\n".join([f"def {node.name}({ast.unparse(arguments)}):", *lines])
