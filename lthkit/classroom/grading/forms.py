"""A statement as text: equal for two that differ only in layout, and cut from its cell as it stands."""

from __future__ import annotations
import __future__

import ast
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Generic, TypeVar

Result = TypeVar("Result")


class Kept(Generic[Result]):
    """A function of a text that keeps what it gave for the last texts that are not long: those of a class fill the memory.

    Of long ones the last is kept, of those of a few lines many more.
    """

    def __init__(self, function: Callable[[str], Result], maxsize: int, longest: int) -> None:
        self.__doc__, self._longest = function.__doc__, longest
        self._many, self._some, self._one = (
            lru_cache(n)(function) for n in (_FOR_SMALL * maxsize, maxsize, 1)
        )

    def __call__(self, text: str) -> Result:
        if len(text) <= self._longest // 100:
            return self._many(text)
        return self._some(text) if len(text) <= self._longest else self._one(text)

    def cache_clear(self) -> None:
        for cache in (self._many, self._some, self._one):
            cache.cache_clear()


_FOR_SMALL = 60  # times as many texts of a few lines are kept


def short(*, maxsize: int, longest: int = 20_000) -> Callable[[Callable[[str], Result]], Kept[Result]]:
    """Keep what a function gave for texts of at most so many characters; see `Kept`."""
    return lambda function: Kept(function, maxsize, longest)


def form(node: ast.AST) -> str:
    """What `ast.dump` says, without its limits: a statement may be nested deeper, and an integer longer, than that can print."""
    found: list[str] = []
    left: list[object] = [node]
    while left:
        at = left.pop()
        if isinstance(at, ast.AST):
            found.append(type(at).__name__ + "(")
            left.append(_END)
            for name in reversed(at._fields):
                left += [getattr(at, name, None), _Field(name)]
        elif isinstance(at, list):
            found.append("[")
            left += [_LAST, *reversed(at)]
        elif isinstance(at, _Field):
            found.append(f"{at}=")
        else:
            found.append(hex(at) if type(at) is int else repr(at))
    return " ".join(found)


class _Field(str):
    """A piece that stands as it is."""

    def __repr__(self) -> str:
        return str(self)


class _Sign:
    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


_END, _LAST = _Sign(")"), _Sign("]")


def cut(node: ast.stmt, lines: Sequence[str], begin: int) -> str:
    """The text of a statement alone, without what stands beside it on its lines.

    Args:
        begin: the number of its first line, which may be that of a decorator.
    """
    end = node.end_lineno or node.lineno
    part = list(lines[begin - 1 : end])
    part[-1] = part[-1].encode()[: node.end_col_offset].decode()
    if begin == node.lineno:
        part[0] = part[0].encode()[node.col_offset :].decode()
    return "\n".join(part)


def is_of_the_future(node: ast.stmt) -> bool:
    """Whether it changes how what follows is compiled; a name that Python does not know fails in its own cell alone."""
    return (
        isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and all(name.name in __future__.all_feature_names for name in node.names)
    )
