"""A statement as text: equal for two that differ only in layout, and cut from its cell as it stands."""

from __future__ import annotations

import ast
from collections.abc import Sequence


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
