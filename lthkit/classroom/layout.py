"""Values over several lines: tensors row by row, dicts entry by entry, and two values side by side."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from lthkit.classroom.compare import show, side_by_side

WIDTH = 34  # of a value that stands beside another one
_BESIDE = 3  # blanks between two columns
_LABEL = len("expected ")


def in_columns(expected: Any, got: Any, *, width: int) -> list[str]:
    """Expected and got in at most `width` columns: on one line, else side by side, else one below the other."""
    one = side_by_side(expected, got)
    if len(one) == 1 and len(one[0]) <= width and not (_has_rows(expected) or _has_rows(got)):
        return one
    left, right = laid_out(expected), laid_out(got)
    broad = max(map(len, ("expected", *left)))
    if broad + _BESIDE + max(map(len, right)) <= width:
        count = max(len(left), len(right))
        pairs = zip(
            ["expected", *left, *[""] * (count - len(left))],
            ["got", *right, *[""] * (count - len(right))],
            strict=True,
        )
        return [f"{a.ljust(broad)}{' ' * _BESIDE}{b}".rstrip() for a, b in pairs]
    return [*_labelled("expected", expected, width), *_labelled("got", got, width)]


def _labelled(label: str, value: Any, width: int) -> list[str]:
    first, *others = laid_out(value, width - _LABEL)
    return [label.ljust(_LABEL) + first, *(" " * _LABEL + line for line in others)]


def laid_out(value: Any, width: int = WIDTH) -> list[str]:
    """A value as lines of about `width` columns: what `show` writes, broken between rows, entries and words."""
    text = show(value)
    try:
        if isinstance(value, Tensor) and value.ndim > 1 and text.startswith("tensor("):
            return _rows(value)
        if len(text) > width or _has_rows(value):
            lines = _entries(value, width)
            # What `show` cuts short is cut short here too.
            if lines and "... (" not in text and len("".join(lines)) <= 2 * len(text) + 200:
                return lines
    except Exception:  # a value that cannot be looked at twice
        pass
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [text]


def _has_rows(value: Any) -> bool:
    """Whether a tensor of several rows is in it, that `show` writes out."""
    if isinstance(value, Tensor):
        return value.ndim > 1 and 0 < value.numel() and show(value).startswith("tensor(")
    if isinstance(value, Mapping):
        return any(map(_has_rows, value.values()))
    return isinstance(value, (list, tuple)) and any(map(_has_rows, value))


def _entries(value: Any, width: int) -> list[str]:
    """The entries of a dict, a list or a tuple of tensors, one below the other; none for other values."""
    if isinstance(value, Mapping) and value:
        keys = [f"{key!a}: " for key in value]
        return _between("{", [(k, v) for k, v in zip(keys, value.values(), strict=True)], "}", width)
    if isinstance(value, (list, tuple)) and any(isinstance(v, (Tensor, Mapping, list, tuple)) for v in value):
        begin, end = ("[", "]") if isinstance(value, list) else ("(", ",)" if len(value) == 1 else ")")
        return _between(begin, [("", v) for v in value], end, width)
    return []


def _between(begin: str, pairs: Sequence[tuple[str, Any]], end: str, width: int) -> list[str]:
    lines: list[str] = []
    for i, (key, item) in enumerate(pairs):
        own = laid_out(item, max(width - 1 - len(key), 12))
        margin = begin if i == 0 else " "
        lines.append(margin + key + own[0])
        lines += [" " + " " * len(key) + line for line in own[1:]]
        lines[-1] += "," if i < len(pairs) - 1 else end
    return lines


def _rows(tensor: Tensor) -> list[str]:
    """The entries of a tensor, a line for each row, with the entries of a column under one another."""
    *outer, last = tensor.shape
    flat = [show(v) for v in tensor.reshape(-1).tolist()]
    if not flat:
        return [show(tensor)]
    widths = [max(len(v) for v in flat[i::last]) for i in range(last)]
    rows = [
        "[" + ", ".join(v.rjust(w) for v, w in zip(flat[i : i + last], widths, strict=True)) + "]"
        for i in range(0, len(flat), last)
    ]
    for size in reversed(outer):
        groups = [rows[i : i + size] for i in range(0, len(rows), size)]
        rows = ["[" + ",\n ".join(line.replace("\n", "\n ") for line in group) + "]" for group in groups]
    lines = f"tensor({rows[0]})".split("\n")
    return [lines[0], *(" " * len("tensor(") + line for line in lines[1:])]
