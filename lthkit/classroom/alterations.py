"""Ways in which a result, or the arguments of a call, can be altered: the shapes of mistakes that come back in all exercises.

A function that gives the right result upside down, or for exchanged arguments, has made a mistake that has a name, whatever
the exercise is about.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor

from lthkit.classroom.exercises import Exercise


@dataclass(frozen=True)
class Alteration:
    """`of` gives the altered value or arguments, or None where there is nothing to alter; `sentence` says what was done.

    `sure` is one that no other mistake looks like, so that a single case shows it.
    """

    sentence: str
    of: Callable[[Any], Any]
    sure: bool = False

    def __call__(self, value: Any) -> Any:
        try:
            return self.of(value)
        except (ArithmeticError, ValueError, TypeError, LookupError, RuntimeError, AttributeError):
            return None


# Of results


@cache
def of_results() -> tuple[Alteration, ...]:
    """What can happen to a right result; what is nearest to it first."""
    rounded = [
        Alteration(
            f"Your result is the right one rounded to {n} digit{'s' * (n > 1)} after the point; give it as it is.",
            _reals(partial(_round, n=n)),
            sure=True,
        )
        for n in range(6, 0, -1)
    ]
    return (
        *rounded,
        Alteration("Your result is cut to a whole number; give it as it is.", _reals(_floor)),
        Alteration("Your result is rounded to a whole number; give it as it is.", _reals(lambda x: _round(x, 0))),
        Alteration("Your result is 1 minus the right one: what is kept, and what is removed?", _reals(lambda x: 1 - x)),
        Alteration("Your result is 100 times the right one: a fraction is asked for, no percentage.", _reals(lambda x: 100 * x)),
        Alteration("Your result is a hundredth of the right one.", _reals(lambda x: x / 100)),
        Alteration("Your result has the wrong sign.", _numbers(lambda x: -x)),
        Alteration("Your result is the right one without its sign; the sign is kept.", _numbers(abs)),
        Alteration("Your result is the square of the right one.", _numbers(lambda x: x * x)),
        Alteration("Your result is the square root of the right one.", _reals(lambda x: x**0.5)),
        Alteration("Your result is 1 divided by the right one: is a quotient upside down?", _reals(lambda x: 1 / x)),
        Alteration("Your result is twice the right one: is something counted twice?", _numbers(lambda x: 2 * x)),
        Alteration("Your result is half of the right one.", _reals(lambda x: x / 2)),
        Alteration("Your result is one more than the right one.", _wholes(lambda n: n + 1)),
        Alteration("Your result is one less than the right one.", _wholes(lambda n: n - 1)),
        Alteration("True and False are exchanged in your result.", _truths),
        Alteration("Your result has the right numbers, transposed: rows and columns are exchanged.", _transposed, sure=True),
        Alteration("Your results are the right ones, in reversed order.", _sequences(lambda x: x[::-1])),
        Alteration("Your results are the right ones, sorted; keep the order that the text asks for.", _sequences(sorted)),
        Alteration("You give the first of the results only: is there a `return` inside of a loop?", _sequences(lambda x: x[0])),
        Alteration("You give the first of the results only: is there a `return` inside of a loop?", _sequences(lambda x: x[:1])),
        Alteration("You give the last of the results only; all of them are asked for.", _sequences(lambda x: x[-1])),
        Alteration("The first of the results is missing.", _sequences(lambda x: x[1:])),
        Alteration("The last of the results is missing.", _sequences(lambda x: x[:-1])),
        Alteration("You give the results without their names; a dict is asked for.", _values),
    )  # fmt: skip


def _round(x: Any, n: int) -> Any:
    return torch.round(x, decimals=n) if isinstance(x, Tensor) else round(x, n)


def _floor(x: Any) -> Any:
    return torch.floor(x) if isinstance(x, Tensor) else float(math.floor(x))


def _numbers(change: Callable[[Any], Any], *, real: bool = True, whole: bool = True) -> Callable[[Any], Any]:
    """The same change of every number in a value; None if there is none that could be changed."""

    def of(value: Any) -> Any:
        changed = False

        def inside(item: Any) -> Any:
            nonlocal changed
            if isinstance(item, Tensor):
                if not (real and item.is_floating_point() or whole and _is_whole(item)):
                    return item
            elif isinstance(item, Mapping):
                return {key: inside(x) for key, x in item.items()}
            elif isinstance(item, (list, tuple)):
                return type(item)(inside(x) for x in item)
            elif isinstance(item, bool) or not (
                real and isinstance(item, float) or whole and isinstance(item, int)
            ):
                return item
            changed = True
            new = change(item)
            if isinstance(item, Tensor):
                return new.to(item.dtype)
            if isinstance(new, complex):
                raise ValueError("no real number")
            return new

        new = inside(value)
        return new if changed else None

    return of


def _is_whole(tensor: Tensor) -> bool:
    return not tensor.is_floating_point() and not tensor.is_complex() and tensor.dtype != torch.bool


def _reals(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return _numbers(change, whole=False)


def _wholes(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return _numbers(change, real=False)


def _truths(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, Tensor):
        return ~value if value.dtype == torch.bool else None
    if isinstance(value, Mapping):
        new = {key: _truths(item) for key, item in value.items()}
        return None if any(item is None for item in new.values()) else new
    if isinstance(value, (list, tuple)):
        items = [_truths(item) for item in value]
        return None if not items or any(item is None for item in items) else type(value)(items)
    return None


def _transposed(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.t() if value.dim() == 2 else None
    if isinstance(value, Mapping):
        new = {key: item if (other := _transposed(item)) is None else other for key, item in value.items()}
        return new if any(isinstance(x, Tensor) and x.dim() == 2 for x in value.values()) else None
    return None


def _sequences(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A change of a list or a tuple of two values or more, or of a tensor of one dimension."""

    def of(value: Any) -> Any:
        if isinstance(value, Tensor) and value.dim() == 1 and value.numel() > 1:
            return torch.tensor(change(value.tolist()), dtype=value.dtype)
        if not isinstance(value, (list, tuple)) or len(value) < 2:
            return None
        new = change(list(value))
        return type(value)(new) if isinstance(new, list) else new

    return of


def _values(value: Any) -> Any:
    return list(value.values()) if isinstance(value, Mapping) else None


# Of arguments


def of_arguments(exercise: Exercise) -> tuple[Alteration, ...]:
    """What can happen to the arguments of an exercise on their way to the result."""
    names = list(inspect.signature(exercise.reference).parameters)
    found: list[Alteration] = []
    for i, name in enumerate(names):
        found += _of_one(i, name, exercise)
    for i, one in enumerate(names):
        for j in range(i + 1, len(names)):
            sentence = f"Your result is the right one for `{one}` and `{names[j]}` exchanged."
            found.append(Alteration(sentence, _exchange(i, j)))
    return tuple(found)


def _of_one(index: int, name: str, exercise: Exercise) -> Iterator[Alteration]:
    for sentence, change in (
        (f"Your result is the right one for `{name}` with True and False exchanged: True means kept.", _truths),
        (f"Your result is the right one for |{name}|: the sign of `{name}` matters.", _numbers(abs)),
        (f"Your result is the right one for the negative of `{name}`.", _tensors(lambda x: -x)),
        (f"Your result is the right one for 1 minus `{name}`.", _reals(lambda x: 1 - x)),
        (f"Your result is the right one for the square of `{name}`.", _tensors(lambda x: x * x)),
        (f"Your result is the right one for `{name}` + 1: is something off by one?", _whole(1)),
        (f"Your result is the right one for `{name}` - 1: is something off by one?", _whole(-1)),
        (f"NaN in `{name}` is taken for 0; it should be seen.", _numbers(_without_nan, whole=False)),
        (f"Only the first entry of `{name}` counts: is there a `return` inside of a loop?", _entries(lambda x: x[:1])),
        (f"Only the last entry of `{name}` counts; all of them should.", _entries(lambda x: x[-1:])),
        (f"The first entry of `{name}` is left out.", _entries(lambda x: x[1:])),
        (f"The last entry of `{name}` is left out.", _entries(lambda x: x[:-1])),
        (f"Your result is the right one for `{name}` in reversed order.", _entries(lambda x: x[::-1])),
        (f"Your result is the right one for `{name}` sorted; its order matters.", _entries(sorted)),
        (f"Your result is the right one for `{name}` without repetitions; equal values all count.", _entries(lambda x: list(dict.fromkeys(x)))),
        (f"Your result is the right one for `{name}` as if it kept everything: where is `{name}` used?", _filled(True)),
        (f"Your result is the right one for `{name}` as if it kept nothing.", _filled(False)),
    ):  # fmt: skip
        yield Alteration(sentence, _at(index, change))
    for value in _given(exercise, index):
        sentence = f"Your result is the right one for `{name}` = {value!r}, whatever `{name}` is: where is `{name}` used?"
        yield Alteration(sentence, _at(index, partial(_instead, value)))


def _tensors(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A change of the tensors of floats in an argument; plain numbers mean another thing each time."""
    inside = _reals(lambda x: change(x) if isinstance(x, Tensor) else x)
    return lambda value: inside(value) if _has_tensor(value) else None


def _has_tensor(value: Any) -> bool:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return any(map(_has_tensor, value))
    return isinstance(value, Tensor)


def _whole(more: int) -> Callable[[Any], Any]:
    return lambda value: value + more if isinstance(value, int) and not isinstance(value, bool) else None


def _instead(value: Any, old: Any) -> Any:
    return value if _kind(old) is _kind(value) else None


def _at(index: int, change: Callable[[Any], Any]) -> Callable[[Sequence[Any]], Any]:
    """The arguments with a change of one of them, None where it cannot be changed."""

    def of(arguments: Sequence[Any]) -> Any:
        if index >= len(arguments) or (new := change(arguments[index])) is None:
            return None
        return (*arguments[:index], new, *arguments[index + 1 :])

    return of


def _exchange(one: int, other: int) -> Callable[[Sequence[Any]], Any]:
    def of(arguments: Sequence[Any]) -> Any:
        if other >= len(arguments) or _kind(arguments[one]) is not _kind(arguments[other]):
            return None
        new = list(arguments)
        new[one], new[other] = new[other], new[one]
        return tuple(new)

    return of


def _kind(value: Any) -> type:
    for kind in (bool, int, float, str, Tensor, Mapping):
        if isinstance(value, kind):
            return kind
    return list if isinstance(value, (list, tuple)) else type(value)


def _given(exercise: Exercise, index: int) -> list[Any]:
    """0 and 1, and the numbers that the cases have for an argument."""
    found = [c.arguments[index] for c in exercise.cases if index < len(c.arguments)]
    numbers = [x for x in found if isinstance(x, (int, float)) and not isinstance(x, bool)]
    if not numbers:
        return []
    usual = [0, 1] if all(isinstance(x, int) for x in numbers) else [0.0, 1.0]
    return list(dict.fromkeys([*usual, *numbers]))


def _entries(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A change of the entries of a list of two or more, or of a dict by its names."""

    def of(value: Any) -> Any:
        if isinstance(value, Mapping) and len(value) > 1:
            return {key: value[key] for key in change(list(value))}
        if isinstance(value, (list, tuple)) and len(value) > 1:
            return type(value)(change(list(value)))
        return None

    return of


def _filled(kept: bool) -> Callable[[Any], Any]:
    def of(value: Any) -> Any:
        if isinstance(value, Tensor):
            return torch.full_like(value, kept) if value.dtype == torch.bool else None
        if isinstance(value, Mapping) and value:
            new = {key: of(item) for key, item in value.items()}
            return None if any(item is None for item in new.values()) else new
        return None

    return of


def _without_nan(x: Any) -> Any:
    return x.nan_to_num(0.0) if isinstance(x, Tensor) else 0.0 if math.isnan(x) else x
