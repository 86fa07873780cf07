"""Refusals that many modules share, in the same words: what was given, what was expected, what to do."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from numbers import Integral, Real
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn.parameter import is_lazy


def check_whole(name: str, value: Any, least: int) -> int:
    """`value` as an int, numpy's whole numbers too. ValueError unless it is a whole number, `least` or more."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name}={value!r} was given; expected a whole number, {least} or more.")
    return int(value)


def plain(value: Any) -> Any:
    """A number of numpy's as Python's, of exactly the same value; an array as a list; anything else as it is."""
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else value


def is_number(value: object) -> bool:
    """True for a real number that `float` takes as it is, numpy's too; False for True, a text, a tensor."""
    return isinstance(value, Real) and not isinstance(value, bool)


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
    waiting = [
        name for name, tensor in [*model.named_parameters(), *model.named_buffers()] if is_lazy(tensor)
    ]
    if waiting:
        raise ValueError(
            f"{type(model).__name__} has parameters without a shape yet: {', '.join(waiting)} (lazy layers); expected "
            "a network whose weights are there. Run one batch through it first, in the function that makes it."
        )


_WRAPPERS = {
    "_orig_mod": "torch.compile puts it there: give the network inside, model._orig_mod, or compile with "
    "model.compile(), which keeps the names",
    "module": "DataParallel puts it there: give the network inside, model.module",
}


def prefix_explained(given: Iterable[str], expected: Iterable[str]) -> str:
    """If names differ only by the prefix of a wrapper such as torch.compile's: the sentence that says so, else ""."""
    given, expected = list(given), list(expected)
    for prefix, remedy in _WRAPPERS.items():
        bare = {_without(prefix, name) for name in expected}
        if all(_without(prefix, name) in bare for name in given) and not set(given) <= set(expected):
            side = (
                "these names" if any(prefix in name.split(".") for name in given) else "the network's names"
            )
            return f" Only the prefix {prefix + '.'!r} of {side} differs; {remedy}."
    return ""


def _without(prefix: str, name: str) -> str:
    return ".".join(part for part in name.split(".") if part != prefix)


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


def one_tensor(model: nn.Module, outputs: Any) -> Tensor:
    """The outputs, if they are one tensor of real numbers; ValueError if there are several, as with auxiliary heads."""
    if isinstance(outputs, Tensor):
        if not outputs.is_floating_point():
            raise ValueError(
                f"{type(model).__name__} gives outputs of {outputs.dtype}; expected floating-point logits [n, classes], "
                "which have a gradient. Return them before they are rounded or cast; of complex numbers, outputs.abs() say."
            )
        return outputs
    several = f" of {len(outputs)}" if isinstance(outputs, tuple | list | dict) else ""
    key = repr(next(iter(outputs))) if isinstance(outputs, dict) and outputs else "0"
    mode = "training" if model.training else "evaluation"
    raise ValueError(
        f"{type(model).__name__} gives a {type(outputs).__name__}{several} in {mode} mode; expected one tensor "
        f"[n, classes]. Wrap it in a module whose forward returns the one to be judged, self.network(x)[{key}] say."
    )


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """ " Did you mean 'cuda'?" for what is close to something known, else ""; the end of a refusal."""
    close = get_close_matches(given, list(known), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def first_line(error: BaseException) -> str:
    """The first line of an error's text; its name if it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
