"""Refusals that many modules share, in the same words: what was given, what was expected, what to do."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import nn


def check_whole(name: str, value: Any, least: int) -> None:
    """ValueError unless `value` is a whole number, `least` or more."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name}={value!r} was given; expected a whole number, {least} or more.")


def whole_seed(seed: Any) -> int:
    """The seed as an int. ValueError for 0.5 and the like, which would be cut to 0 and pass for another seed."""
    try:
        return operator.index(seed)
    except TypeError:
        raise ValueError(
            f"seed={seed!r} was given; expected one whole number, such as 0. For several seeds, call once for each."
        ) from None


def check_network(model: Any) -> None:
    """TypeError unless `model` is a network; the function that makes one, or its name, is not."""
    if not isinstance(model, nn.Module):
        raise TypeError(
            f"{getattr(model, '__name__', repr(model))} was given; expected a network (torch.nn.Module), such as "
            "lthkit.models.lenet_300_100(seed=0)."
        )


@contextmanager
def shape_explained(model: nn.Module, shape: Sequence[int]) -> Iterator[None]:
    """Around a forward pass of an input of `shape`: what torch has against it becomes a ValueError with both."""
    try:
        yield
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"shape={shape!r} was given, and {type(model).__name__} does not take such an input ({first_line(error)}). "
            "Expected the shape of one input without the batch, such as (1, 28, 28)."
        ) from error


def first_line(error: BaseException) -> str:
    """The first line of an error's text; its name if it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
