"""Changing the arguments of a case: other values of the same kind, and sometimes other sizes. Knows nothing of right and wrong."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from lthkit.classroom.exercises import Case


def changed(
    arguments: tuple[Any, ...], rng: random.Random, cases: Sequence[Case] = (), *, rename: bool = False
) -> tuple[Any, ...]:
    """The arguments with other values: structure, kinds of value, signs and equal values mostly stay, sizes sometimes not.

    Strings are exchanged for others that stand at the same place in `cases`; with `rename` the names in dicts are new.
    """
    found = copy.deepcopy(arguments)
    if rename:
        found = _renamed(found, {}, rng)
    if rng.random() < 0.3:
        found = _shorter(found, rng)
    change = _Change(rng, rng.choice(("move", "new", "permute")))
    words = [
        sorted({c.arguments[i] for c in cases if i < len(c.arguments) and isinstance(c.arguments[i], str)})
        for i in range(len(found))
    ]
    return tuple(
        rng.choice(words[i]) if isinstance(value, str) and words[i] else change(value)
        for i, value in enumerate(found)
    )


class _Change:
    """One way to change values. Equal numbers stay equal, in whatever argument they stand."""

    def __init__(self, rng: random.Random, way: str) -> None:
        self._rng, self._way = rng, way
        self._numbers: dict[tuple[type, float], Any] = {}

    def __call__(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return self._tensor(value)
        if isinstance(value, bool):
            return self._rng.random() < 0.5
        if isinstance(value, (int, float)):
            return self._number(value)
        if isinstance(value, dict):
            new = {}
            for key, item in value.items():
                new[key if isinstance(key, (str, tuple)) else self(key)] = self(item)
            return new if len(new) == len(value) else value
        if isinstance(value, (list, tuple)):
            return type(value)(self._sequence(value))
        return value

    def _sequence(self, items: Sequence[Any]) -> list[Any]:
        new = [self(item) for item in items]
        if len(items) > 1 and all(type(item) in (int, float) for item in items):
            if list(items) == sorted(items):
                return sorted(new)
            if list(items) == sorted(items, reverse=True):
                return sorted(new, reverse=True)
            if self._way == "permute":
                self._rng.shuffle(new)
        return new

    def _number(self, value: int | float) -> Any:
        key = (type(value), value)
        if key not in self._numbers:
            self._numbers[key] = self._whole(value) if isinstance(value, int) else self._real(value)
        return self._numbers[key]

    def _whole(self, value: int) -> int:
        if value in (0, -1):
            return value
        reach = max(1, min(abs(value) * 3 // 10, 10**6))
        moved = value + self._rng.choice([d for d in range(-min(reach, 50), min(reach, 50) + 1) if d])
        if reach > 50:
            moved = value + self._rng.randint(-reach, reach)
        return max(moved, 1) if value > 0 else moved

    def _real(self, value: float) -> float:
        if not math.isfinite(value) or value in (0.0, 1.0):
            return value
        digits = min(len(repr(value).partition("e")[0].partition(".")[2]) + 1, 12)
        small = abs(value) < 1e-3
        reach = 0.02 if self._way == "permute" else 0.15 if self._way == "move" else 0.4
        moved = value * (1 + self._rng.uniform(-reach, reach))
        if 0 < value < 1:
            moved = min(moved, 1 - (1 - value) * self._rng.uniform(0.3, 1.0))
        return moved if small else round(moved, digits)

    def _tensor(self, value: Tensor) -> Tensor:
        flat = value.detach().flatten()
        n = flat.numel()
        if n == 0 or value.device.type == "meta" or not value.dtype.is_signed and value.dtype != torch.bool:
            return value
        order = self._rng.sample(range(n), n)
        if value.dtype == torch.bool:
            new = flat[order]
            if self._way == "new" and n > 1:
                new = torch.tensor([self._rng.random() < 0.5 for _ in range(n)])
        elif not value.is_floating_point():
            # Labels and indices: the same numbers at other places are valid again.
            new = flat[order]
        elif self._way == "permute":
            new = flat[order]
            if bool((flat < 0).any()):
                signs = [self._rng.choice((-1.0, 1.0)) for _ in range(n)]
                new = new * torch.tensor(signs, dtype=value.dtype)
        else:
            reach = 0.3 if self._way == "move" else 0.9
            sizes = [repr(number) for number in flat.abs().tolist()]  # NaN is not equal to itself
            factors: dict[str, float] = {}
            for size in sizes:
                factors.setdefault(size, 1 + self._rng.uniform(-reach, reach))
            scale = torch.tensor([factors[size] for size in sizes], dtype=torch.float64)
            new = (flat.double() * scale).to(value.dtype)
            if self._way == "new":
                new = new[order]
        return new.reshape(value.shape).clone().requires_grad_(value.requires_grad)


def _renamed(value: Any, names: dict[str, str], rng: random.Random) -> Any:
    """The value with new names in its dicts, the same ones for the same name."""
    if isinstance(value, dict):
        for key in value:
            if isinstance(key, str):
                names.setdefault(key, "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=5)))
        return {names.get(key, key): _renamed(item, names, rng) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_renamed(item, names, rng) for item in value)
    return value


def _shorter(value: Any, rng: random.Random) -> Any:
    """The arguments with one index less, everywhere where a list or a dimension has the same length."""
    lengths = sorted(set(_lengths(value)))
    if not lengths:
        return value
    length = rng.choice(lengths)
    return _without(value, length, rng.randrange(length))


def _lengths(value: Any) -> Iterator[int]:
    if isinstance(value, Tensor):
        yield from (size for size in value.shape if size > 2)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _lengths(item)
    elif isinstance(value, (list, tuple)):
        if isinstance(value, list) and len(value) > 2:
            yield len(value)
        for item in value:
            yield from _lengths(item)


def _without(value: Any, length: int, index: int) -> Any:
    if isinstance(value, Tensor):
        keep = [i for i in range(length) if i != index]
        for dim, size in enumerate(value.shape):
            if size == length:
                value = (
                    value.detach().index_select(dim, torch.tensor(keep)).requires_grad_(value.requires_grad)
                )
        return value
    if isinstance(value, dict):
        return {key: _without(item, length, index) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        items = [_without(item, length, index) for item in value]
        if isinstance(value, list) and len(items) == length:
            del items[index]
        return type(value)(items)
    return value
