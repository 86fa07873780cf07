"""What a training costs, counted instead of timed: updates, examples, floating-point operations.

Operations are 2 for each multiplication with its addition, of linear and convolutional layers only; a backward pass
counts as two forward passes. So the numbers are those of the machine-independent accounts in papers, not seconds.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lthkit.machine.checks import check_whole, shape_explained
from lthkit.pruning.masks import Mask, prunable


@dataclass(frozen=True)
class Cost:
    """The price of one or more trainings.

    Attributes:
        steps: updates.
        examples: images that went forward and backward.
        flops: operations as dense hardware does them: a removed weight is a 0 that is multiplied all the same.
        sparse_flops: operations if every removed weight were free. No common hardware gets there (lesson 11).
    """

    steps: int = 0
    examples: int = 0
    flops: int = 0
    sparse_flops: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.steps + other.steps,
            self.examples + other.examples,
            self.flops + other.flops,
            self.sparse_flops + other.sparse_flops,
        )


def forward_flops(model: nn.Module, shape: Sequence[int], *, mask: Mask | None = None) -> int:
    """Operations of one input on its way through `model`: 2 x positions x weights, summed over the prunable layers.

    Args:
        shape: of one input, without the batch: (channels, height, width).
        mask: count only the weights that it keeps.

    Raises:
        ValueError: nothing prunable; another shape; the mask belongs to another model.
    """
    if mask is not None:
        mask.check(model)
    uses = _uses(model, shape)
    weights = prunable(model)
    kept = {n: int(mask[n].sum()) if mask is not None and n in mask else weights[n].numel() for n in weights}
    return sum(2 * uses[name] * kept[name] for name in weights)


def of_training(
    model: nn.Module, shape: Sequence[int], *, steps: int, batch_size: int, mask: Mask | None = None
) -> Cost:
    """The price of `steps` updates of `batch_size` images each, forward and backward, under `mask`.

    Evaluations are not counted. `shape` is that of one image.

    Raises:
        ValueError: steps or batch_size below 0; and as `forward_flops`.
    """
    check_whole("steps", steps, 0)
    check_whole("batch_size", batch_size, 0)
    examples = steps * batch_size
    dense, sparse = (forward_flops(model, shape, mask=m) for m in (None, mask))
    return Cost(steps, examples, 3 * examples * dense, 3 * examples * sparse)


def total(costs: Iterable[Cost]) -> Cost:
    """All prices together."""
    return sum(costs, Cost())


@torch.no_grad()
def _uses(model: nn.Module, shape: Sequence[int]) -> dict[str, int]:
    """How often each weight is multiplied for one input: once in a linear layer, at every place in a convolution."""
    model = copy.deepcopy(model).eval()
    weights = prunable(model)
    if not weights:
        raise ValueError(
            f"{type(model).__name__} has nothing prunable; expected linear or convolutional layers."
        )
    uses = dict.fromkeys(weights, 0)

    def count(name: str) -> object:
        def hook(_layer: nn.Module, _inputs: object, output: Tensor) -> None:
            uses[name] += output.numel() // len(weights[name])  # of one output channel: its places

        return hook

    for name, module in model.named_modules():
        if (key := f"{name}.weight" if name else "weight") in weights:
            module.register_forward_hook(count(key))  # type: ignore[arg-type]
    first = next(iter(weights.values()))
    with shape_explained(model, shape):
        model(torch.zeros(1, *shape, dtype=first.dtype, device=first.device))
    return uses
