"""Comparing plain values, and writing them on one short line: what a check says about expected and got."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lthkit.classroom.values import Foreign

_ITEMS, _LINE = 40, 600  # entries and characters of a value that is shown
_DOUBLE = 1e-4  # how much closer than float32 float64 must come


def difference(expected: Any, got: Any, *, rtol: float, atol: float, at: str = "") -> str:
    """Say in one sentence how `got` differs from `expected`; an empty string if it does not.

    Tensors must agree in dtype, shape and device, mappings in their names, sequences in their length; a list stands for
    a tuple and an int for a float. Integers are compared exactly, tensors of float64 more closely than the tolerance says. NaN
    equals NaN.
    """
    here = f"{at}: " if at else ""
    if isinstance(expected, Foreign):
        return "" if expected == got else f"{here}{a_type(expected)} is expected, and this is {kind_of(got)}."
    if isinstance(expected, Tensor):
        return _tensor_difference(expected, got, rtol, atol, here)
    if isinstance(got, Tensor):
        advice = (
            "; .item() makes a Python number of it"
            if got.numel() == 1 and isinstance(expected, numbers.Number)
            else ""
        )
        return f"{here}{a_type(expected)} is expected, and this is {kind_of(got)}{advice}."
    if isinstance(expected, bool):
        # numpy's bool is one too, and has no common base class with Python's
        if type(got).__name__ not in ("bool", "bool_"):
            return f"{here}True or False is expected, and this is {kind_of(got)}."
        return "" if bool(got) == expected else f"{here}expected {expected}, got {bool(got)}."
    if isinstance(expected, numbers.Real):
        wanted = numbers.Integral if isinstance(expected, numbers.Integral) else numbers.Real
        if not isinstance(got, wanted) or isinstance(got, bool):
            return f"{here}{a_type(expected)} is expected, and this is {kind_of(got)}."
        if isinstance(expected, numbers.Integral):  # a count is right or wrong, however large
            equal = bool(expected == got)
        else:
            equal = _close(_as_float(expected), _as_float(got), rtol, atol)
        if equal:
            return ""
        left, right = _apart(expected, got)
        return f"{here}expected {left}, got {right}."
    if isinstance(expected, Mapping):
        if not isinstance(got, Mapping):
            return f"{here}a dict is expected, and this is {kind_of(got)}."
        if set(expected) != set(got):
            missing, extra = [k for k in expected if k not in got], [k for k in got if k not in expected]
            parts = [
                f"{what} {show(keys)}" for what, keys in (("missing", missing), ("too many", extra)) if keys
            ]
            return f"{here}the names differ, {' and '.join(parts)}."
        pairs = [(f"{at}[{key!r}]", value, got[key]) for key, value in expected.items()]
    elif isinstance(expected, (list, tuple)):
        if not isinstance(got, (list, tuple)):
            return f"{here}{a_type(expected)} is expected, and this is {kind_of(got)}."
        if len(expected) != len(got):
            return f"{here}{len(expected)} values are expected, and this is {len(got)}."
        pairs = [(f"{at}[{i}]", *pair) for i, pair in enumerate(zip(expected, got, strict=True))]
    else:
        return (
            ""
            if type(expected) is type(got) and expected == got
            else f"{here}expected {show(expected)}, got {show(got)}."
        )
    return next(filter(None, (difference(e, g, rtol=rtol, atol=atol, at=where) for where, e, g in pairs)), "")


def as_number(expected: Any, got: Any) -> Any:
    """`got` as a Python number of the kind of `expected`, where both are one number: for a comparison that is lenient.

    A tensor or an array without dimensions becomes its value, and a whole float an int where an int is expected. All
    else comes back as it is, what stands in a list or a dict too.
    """
    if isinstance(expected, bool) or not isinstance(expected, numbers.Real):
        return got
    if isinstance(got, (Tensor, np.ndarray)) and got.ndim == 0 and not getattr(got, "is_meta", False):
        got = got.item()
    if isinstance(expected, numbers.Integral) and isinstance(got, (float, np.floating)) and got.is_integer():
        got = int(got)
    return got


def _tensor_difference(expected: Tensor, got: Any, rtol: float, atol: float, here: str) -> str:
    if not isinstance(got, Tensor):
        return f"{here}a torch.Tensor is expected, and this is {kind_of(got)}."
    for what in ("shape", "dtype", "device"):
        want, have = getattr(expected, what), getattr(got, what)
        if want != have:
            want, have = (tuple(want), tuple(have)) if what == "shape" else (want, have)
            return f"{here}the {what} should be {want}, and it is {have}."
    if expected.is_meta:  # comparing imports a thousand modules, and has no result
        return f"{here}it has no values (its device is meta)."
    want, have = expected.detach(), got.detach()
    if (
        expected.dtype == torch.float64
    ):  # numbers computed in float32 on the way have lost half of their digits
        rtol, atol = rtol * _DOUBLE, atol * _DOUBLE
    if expected.is_floating_point():
        equal = torch.isclose(have, want, rtol=rtol, atol=atol, equal_nan=True)
    else:
        equal = have == want
    if bool(equal.all()):
        return ""
    index = [int(i) for i in torch.nonzero(~equal)[0]] if equal.ndim else []
    place = f"entry {index}" if index else "the value"
    count = "" if not index else f"; {int((~equal).sum())} of {equal.numel()} entries differ"
    left, right = _apart(want[tuple(index)].item(), have[tuple(index)].item())
    return f"{here}{place} should be {left}, and it is {right}{count}."


def _as_float(number: Any) -> float:
    """A number as a float; one beyond every float is infinite."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _close(expected: float, got: float, rtol: float, atol: float) -> bool:
    if math.isnan(expected) or math.isnan(got):
        return math.isnan(expected) and math.isnan(got)
    if math.isinf(expected) or math.isinf(got):  # infinity times rtol would allow anything
        return expected == got
    return abs(got - expected) <= atol + rtol * abs(expected)


def side_by_side(expected: Any, got: Any) -> list[str]:
    """Expected and got on one line, on two if they are long; on none if they look the same."""
    left, right = show(expected), show(got)
    if left == right:
        return []
    if len(left) + len(right) <= 80:
        return [f"expected {left}   got {right}"]
    return [f"expected {left}", f"got      {right}"]


def _apart(expected: Any, got: Any) -> tuple[str, str]:
    """Two numbers that differ, with as many digits as it takes to see it."""
    left, right = show(expected), show(got)
    return (left, right) if left != right else (show(expected, digits=17), show(got, digits=17))


def show(value: Any, *, digits: int = 6) -> str:
    """Write a value on one short line, in ASCII: tensors as their entries when there are few, else as shape and dtype."""
    try:
        if isinstance(value, Tensor):
            if value.numel() > 16 or value.device.type == "meta":
                return f"<tensor {tuple(value.shape)} {str(value.dtype).removeprefix('torch.')}>"
            return f"tensor({show(value.tolist(), digits=digits)})"
        if isinstance(value, bool):
            return str(value)
        if isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral):
            number = _as_float(value) + 0.0  # without the sign of a zero
            if number % 1 == 0 and abs(number) < 1e15:
                return f"{number:.1f}"
            text = f"{number:.{digits}g}"
            return text if set(text) & set(".en") else f"{text}.0"  # rounded to an integer, but a float
        if isinstance(value, Mapping):
            pairs = (f"{_key(key)}: {show(v, digits=digits)}" for key, v in value.items())
            return _within("{", pairs, len(value), "}")
        if isinstance(value, (list, tuple)):
            items = (show(item, digits=digits) for item in value)
            if isinstance(value, list):
                return _within("[", items, len(value), "]")
            return _within("(", items, len(value), ",)" if len(value) == 1 else ")")
        if isinstance(value, Foreign):
            return f"<{value.kind}>"
        text = ascii(value)
        if isinstance(value, torch.nn.Module) or callable(value):
            text = f"<{getattr(value, '__name__', type(value).__name__)}>"
    except BaseException:  # a __repr__ can do anything
        return f"<{type(value).__name__}>"
    return text if len(text) <= 120 else text[:117] + "..."


def _key(key: Any) -> str:
    text = ascii(key)
    return text if len(text) <= 120 else text[:117] + "..."


def _within(begin: str, items: Iterable[str], count: int, end: str) -> str:
    """Items on one line; of many, or of long ones, the first."""
    shown: list[str] = []
    for item in items:
        if shown and (len(shown) == _ITEMS or sum(map(len, shown)) + len(item) > _LINE):
            shown.append(f"... ({count} in all)")
            break
        shown.append(item if len(item) <= _LINE else item[: _LINE - 3] + "...")
    return begin + ", ".join(shown) + end


def kind_of(value: Any) -> str:
    """What a value is, to go on with `this is ...`."""
    if isinstance(value, Tensor):
        return f"a torch.Tensor of shape {tuple(value.shape)}"
    if isinstance(value, Foreign):
        return f"of type {value.kind}"
    return "None" if value is None else f"of type {type(value).__name__}"


def a_type(value: Any) -> str:
    """What kind of value is expected: "a float", "an int"."""
    if value is None:
        return "None"
    name = value.kind if isinstance(value, Foreign) else type(value).__name__
    return f"an {name}" if name[:1] in "aeiou" else f"a {name}"
