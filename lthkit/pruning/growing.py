"""The way back: a mask and scores give a larger mask, as exactly as a smaller one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Integral
from typing import Any, TypeVar

import torch
from torch import Tensor

from lthkit.machine.checks import check_whole
from lthkit.pruning.counting import (
    check_fraction,
    check_scope,
    check_scores,
    count_of,
    remove,
    remove_in_rows,
    rounded,
    rows_of,
)
from lthkit.pruning.masks import Mask

T = TypeVar("T")


def grow(
    mask: Mask,
    scores: Mapping[str, Tensor],
    fraction: float | Mapping[str, float] | None = None,
    *,
    n: int | Mapping[str, int] | None = None,
    scope: str = "global",
) -> Mask:
    """Bring back the highest-scored `n` of the weights that are *out*, or that fraction of them: the inverse of `prune`.

    Exactly so many come back. Among equal scores the one with the highest flat index comes first, so that growing by the
    scores of a cut undoes it. For training that is sparse throughout, as SET (Mocanu et al. 2018) and RigL (Evci et al.
    2020, section 3) do it, every so many steps:

        gradients = torch.autograd.grad(loss, [model.get_parameter(name) for name in mask])
        smaller = lth.prune(mask, lth.magnitude(model), 0.3, scope="layerwise")
        smaller.apply_(model)
        out = {name: int(mask[name].sum() - smaller[name].sum()) for name in mask}
        mask = lth.grow(smaller, {name: g.abs() for name, g in zip(mask, gradients)}, n=out)

    A block of `Mask.held` holds the mask that it began with: end it before, and begin one with the new mask.

    A mask holds no weights. What comes back begins with what the network has there: 0, if `smaller` was applied or held,
    also for a weight that was cut just before. (`Checkpoint.restore` gives it the weight of a checkpoint instead.) The
    state of a torch optimizer is left alone here: where the weight was out under `Mask.held`, its own state is 0 and
    begins anew, but the optimizer's count of steps goes on. So the first updates of such a weight by Adam are larger than
    those of a fresh one, up to (1 - beta1) / sqrt(1 - beta2), 3.2 times the learning rate.

    Args:
        fraction: from 0.0 to 1.0, of what is out; or `{name: fraction}`.
        n: instead, the number of weights; in scope "layerwise" or "row" for each layer or row. `{name: n}` gives layers
            their own; one that it does not name stays as it is.
        scores: as in `prune`, higher = come back. Scores of what is kept are not looked at.
        scope: as in `prune`.

    Raises:
        ValueError: both or neither of fraction and n, or one out of range; n above what is out; scores that are missing,
            misshaped, NaN or infinite among what is out.
    """
    check_scope(scope)
    if not isinstance(mask, Mapping):
        check_scores(mask, scores)  # says what was given
    given = _given(mask, fraction, n)
    out = Mask({name: ~kept for name, kept in mask.items()})
    check_scores(out, scores, among="removed")
    if scope == "row":
        rows = {
            name: _staying(rows_of(t).sum(1), given.get(name, 0), f"a row of {name}")
            for name, t in out.items()
        }
        return mask | remove_in_rows(out, scores, rows, 0)
    together = scope == "global" and not isinstance(n if fraction is None else fraction, Mapping)
    counts = {}
    for names in [tuple(mask)] if together else [(name,) for name in mask]:
        there = torch.tensor(count_of(*(out[name] for name in names)))
        counts[names] = int(_staying(there, given.get(names[0], 0), ", ".join(names)))
    return mask | remove(out, scores, counts, 0)


def _staying(there: Tensor, part: float | int, where: str) -> Tensor:
    """How many of those that are out stay out."""
    left = there - (rounded(part, there) if isinstance(part, float) else part)
    if bool((left < 0).any()):
        raise ValueError(
            f"n={part:,} was given, and of {where} only {int(there.min()):,} weights are out; expected as many or fewer."
        )
    return left


def _given(
    mask: Mask, fraction: float | Mapping[str, float] | None, n: int | Mapping[str, int] | None
) -> Mapping[str, float | int]:
    """The fraction (a float) or the number (an int) of each layer that is spoken about."""
    if (fraction is None) == (n is None):
        raise ValueError(
            f"fraction={fraction!r}, n={n!r} were given; expected one of the two: a fraction of what is out, such as 0.3, or a "
            "number of weights, n=100."
        )
    if n is None:
        return _each(mask, "fraction", fraction, _fraction)
    return _each(mask, "n", n, lambda told, value: check_whole(told, value, 0))


def _each(mask: Mask, what: str, value: Any, checked: Callable[[str, Any], T]) -> dict[str, T]:
    """One value for all layers, or each its own, checked."""
    if not isinstance(value, Mapping):
        return dict.fromkeys(mask, checked(what, value))
    if unknown := [name for name in value if name not in mask]:
        raise ValueError(f"{what} names {unknown[0]!r}; expected some of {list(mask)}, which the mask has.")
    return {name: checked(f"{what}[{name!r}]", part) for name, part in value.items()}


def _fraction(told: str, value: Any) -> float:
    if isinstance(value, Integral) and not isinstance(value, bool):
        raise ValueError(
            f"{told}={value!r} was given; expected a fraction from 0.0 to 1.0, written as a float. For a number of weights: "
            f"n={value!r}."
        )
    check_fraction(value, told)
    return float(value)
