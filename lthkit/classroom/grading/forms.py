"""A statement as text: equal for two that differ only in layout, and cut from its cell as it stands."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from typing import TypeVar

Result = TypeVar("Result")


def short(
    *, maxsize: int, longest: int = 20_000
) -> Callable[[Callable[[str], Result]], Callable[[str], Result]]:
    """Keep what a function of a text gave, of the last texts that are not long: those of a class would fill the memory.

    Of long ones the last is kept, of those of a few lines many more.
    """

    def keeping(function: Callable[[str], Result]) -> Callable[[str], Result]:
        most, many, one = (lru_cache(n)(function) for n in (60 * maxsize, maxsize, 1))
        return wraps(function)(
            lambda text: (most if len(text) <= longest // 100 else many if len(text) <= longest else one)(
                text
            )
        )

    return keeping


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
