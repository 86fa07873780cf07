"""Where a function reads the test split itself, as its code shows it: `evaluate(split="test")`, `data.test`, a test accuracy."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from types import FunctionType
from typing import Any


def readings_of(function: Callable[..., Any]) -> list[str]:
    """Lines of the function, and of functions of its own module that it names, in which the test split is mentioned.

    The trainings read it once each, at their end, and are not meant. What runs without source, or under a computed name,
    is not seen.
    """
    found: list[str] = []
    seen: set[int] = set()
    waiting: list[Any] = [function]
    while waiting:
        this = inspect.unwrap(waiting.pop())
        if not isinstance(this, FunctionType) or id(this) in seen:
            continue
        seen.add(id(this))
        found += _lines(this)
        for other in _named(this):
            if isinstance(other, FunctionType) and other.__module__ == this.__module__:
                waiting.append(other)
    return found


def _named(function: FunctionType) -> list[Any]:
    """What a function names, in its module and around it."""
    found = [
        function.__globals__[name] for name in function.__code__.co_names if name in function.__globals__
    ]
    for cell in function.__closure__ or ():
        try:
            found.append(cell.cell_contents)
        except ValueError:  # not filled yet
            continue
    return found


def _lines(function: FunctionType) -> list[str]:
    try:
        text = textwrap.dedent(inspect.getsource(function))
        tree = ast.parse(text)
    except (OSError, TypeError, SyntaxError):
        return []
    lines = text.split("\n")
    numbers = sorted({node.lineno for node in ast.walk(tree) if _reads(node)})  # type: ignore[attr-defined]
    return [f"{function.__name__}, line {number}: {lines[number - 1].strip()}" for number in numbers]


def _reads(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr == "test" or node.attr.startswith("test_")
    return isinstance(node, ast.Constant) and (node.value == "test" or str(node.value).startswith("test_"))
