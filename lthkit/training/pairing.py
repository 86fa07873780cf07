"""Each output belongs to one target. A function of one's own that holds each against each, by a broadcast inside, is found.

Such a function gives a number that looks like any other: `(outputs.squeeze() - targets).square().mean()` of [n, 1] and [n, 1]
is a mean over n times n differences. Shapes at the door do not show it. So the function is asked with a few rows: it makes a
tensor that grows with their square, and does not mind which output goes with which target.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from lthkit.machine.seeds import global_generators
from lthkit.machine.watching import Watching
from lthkit.training.shapes import few

_ROWS = 12


def each_against_each(of: Callable[[Tensor, Tensor], Any], outputs: Tensor, targets: Tensor) -> bool:
    """True if `of(outputs, targets)` takes all pairs of an output and a target. False also where that cannot be told.

    Args:
        of: gives one number. outputs, targets: of one network; [n, ...] each.
    """
    rows = few(targets, _ROWS)
    targets = targets[rows]
    if len(rows) < 3 or not bool((targets != targets[:1]).any()):
        return False
    g = torch.Generator().manual_seed(0)
    drawn = torch.randn(outputs[rows].shape, generator=g).to(outputs)
    orders = [torch.randperm(len(rows), generator=g).to(rows.device) for _ in range(4)]
    for some in (
        drawn,
        outputs[rows].detach(),
    ):  # those that are drawn differ; but they may be no probabilities, say
        try:
            with torch.no_grad():
                if _grows_with_the_square(of, some, targets):
                    return _minds_no_order(of, some, targets, orders)
        except Exception:  # it is not for so few rows, or not for such outputs
            continue
    return False


def _minds_no_order(
    of: Callable[[Tensor, Tensor], Any], outputs: Tensor, targets: Tensor, orders: list[Tensor]
) -> bool:
    values = [_asked(of, outputs[order], targets) for order in orders]
    return all(math.isclose(value, values[0], rel_tol=1e-5, abs_tol=1e-9) for value in values)


def _grows_with_the_square(of: Callable[[Tensor, Tensor], Any], outputs: Tensor, targets: Tensor) -> bool:
    once, twice = _Largest(), _Largest()
    with once:
        _asked(of, outputs, targets)
    with twice:
        _asked(of, torch.cat([outputs, outputs]), torch.cat([targets, targets]))
    return twice.elements > 3 * max(1, once.elements)


def _asked(of: Callable[[Tensor, Tensor], Any], outputs: Tensor, targets: Tensor) -> float:
    """The number, with the same random numbers at each call; what is written into the arguments is lost."""
    with global_generators(outputs.device, seed=0):
        return float(of(outputs.clone(), targets.clone()))


class _Largest(Watching):
    """Within it: the number of elements of the largest tensor that any operator has made."""

    def __init__(self) -> None:
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        sizes = [one.numel() for one in tree_leaves(made) if isinstance(one, Tensor)]
        self.elements = max(self.elements, *sizes, 0)
        return made
