"""What is special about a case: shapes, types, NaN, emptiness, ties. A test compares it with what the exercise's text says."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from lthkit.classroom.exercises.exercise import Case, Exercise

SHAPES = ("0-D", "1-D", "2-D", "4-D", "empty tensor")
TYPES = ("float16", "float64")
NAN, TIES, EMPTY = "NaN", "ties", ("empty list", "empty dict")

# What needs no word: the usual case.
USUAL = frozenset({"float32", "float", "int", "int64", "bool", "text", "list", "dict", "tensor", "model"})

# What lesson 00 says once for all exercises: the feature, and words that stand there; and rules that are no feature.
FOR_ALL = {"one entry": "A list or a dict may have one entry"}
RULES = (
    "Arguments stay as they are",
    "random state stays as it is",
    "A result has the type of what came in",
    "It tries nothing else that a text does not name",
)


def features(case: Case) -> frozenset[str]:
    """The features of a case's arguments, found in them, and its own tags."""
    return frozenset(feature for argument in case.arguments for feature in _of(argument)) | frozenset(
        case.tags
    )


def told(exercise: Exercise) -> dict[str, str]:
    """Feature -> the words in the exercise's text that name it."""
    return {
        feature.strip(): words for several, words in exercise.told.items() for feature in several.split(",")
    }


def wanted(exercise: Exercise) -> list[str]:
    """The features that each exercise with such arguments has a case for, or says why it has none."""
    found = frozenset().union(*(features(case) for case in exercise.cases))
    names = [TIES]
    if "tensor" in found:
        names += SHAPES
    if any(name.startswith(("float", "bfloat")) and name != "float" for name in found):
        names += TYPES
    if any(name.startswith(("float", "bfloat")) for name in found):
        names.append(NAN)
    names += [name for name, kind in zip(EMPTY, ("list", "dict"), strict=True) if kind in found]
    return names


def absent(exercise: Exercise) -> dict[str, str]:
    """Feature -> why no case of the exercise has it."""
    return {
        feature.strip(): why for several, why in exercise.absent.items() for feature in several.split(",")
    }


# In this order they are looked for among the cases that fail.
_WORDS = {
    "NaN": "NaN",
    "infinity": "infinity",
    "empty tensor": "an empty tensor",
    "empty list": "an empty list",
    "empty dict": "an empty dict",
    "None": "None as an argument",
    "0-D": "a tensor without dimensions (a single number)",
    "1-D": "a tensor of one dimension",
    "2-D": "a tensor of two dimensions",
    "3-D": "a tensor of three dimensions",
    "4-D": "a tensor of four dimensions",
    "float16": "float16",
    "bfloat16": "bfloat16",
    "float32": "float32",
    "float64": "float64",
    "one entry": "a list or a dict of one entry",
    "two entries": "a list or a dict of two entries",
    "more entries": "a list or a dict of three entries or more",
}


def in_words(feature: str) -> str:
    """A feature as it stands after "cases with"."""
    return _WORDS.get(feature, feature)


def rank(feature: str) -> tuple[int, str]:
    """A key to sort features by what says most about a mistake: tags first, then shapes and types, sizes last."""
    names = list(_WORDS)
    return (
        names.index(feature) + 1 if feature in names else len(names) + 1 if feature in USUAL else 0
    ), feature


def sizes(case: Case) -> frozenset[str]:
    """How many entries the lists and dicts among a case's arguments have."""
    found = {len(x) for x in case.arguments if isinstance(x, (Mapping, list, tuple))}
    return frozenset("two entries" if n == 2 else "more entries" for n in found if n > 1)


def _of(value: Any) -> Iterator[str]:
    if isinstance(value, Tensor):
        yield "tensor"
        yield f"{value.dim()}-D"
        yield str(value.dtype).removeprefix("torch.")
        if value.numel() == 0:
            yield "empty tensor"
        elif value.is_floating_point() and value.device.type != "meta":
            if bool(value.isnan().any()):
                yield NAN
            if bool(value.isinf().any()):
                yield "infinity"
    elif isinstance(value, bool):
        yield "bool"
    elif isinstance(value, int):
        yield "int"
    elif isinstance(value, float):
        yield "float"
        if math.isnan(value):
            yield NAN
        elif math.isinf(value):
            yield "infinity"
    elif isinstance(value, str):
        yield "text"
    elif value is None:
        yield "None"
    elif isinstance(value, Mapping):
        yield "dict"
        yield from _length(len(value), "empty dict")
        for item in (*value.keys(), *value.values()):
            yield from _of(item)
    elif isinstance(value, (list, tuple)):
        yield "list"
        yield from _length(len(value), "empty list")
        for item in value:
            yield from _of(item)
    else:
        yield "model"


def _length(length: int, empty: str) -> Iterator[str]:
    if length < 2:
        yield "one entry" if length else empty
