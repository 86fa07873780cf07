"""Patterns that hardware can use: of every M neighbours at most N."""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from lthkit.machine.checks import check_whole
from lthkit.pruning.counting import check_scores, lowest_in_rows
from lthkit.pruning.masks import Mask
from lthkit.pruning.weights import survey


def n_of_m(
    mask: Mask, scores: Mapping[str, Tensor], *, n: int = 2, m: int = 4, axis: int | Mapping[str, int] = 1
) -> Mask:
    """Keep in each group of `m` neighbouring inputs the `n` of highest score, in every layer (Mishra et al. 2021, section 3).

    Neighbours lie next to one another along the dimension of the inputs, counted from its beginning: in a linear layer
    [out, in] in a row, in a convolution [out, in, height, width] at one place of the kernel in neighbouring channels.
    Where the inputs are no multiple of `m`, the last group is shorter and keeps `n` at most as well, as if it were
    padded with zeros. So a convolution of three channels keeps two of them at 2:4, and one with a single input channel a
    group all; leave such layers out of the mask if that is not meant. What is out stays out: a group that has fewer than
    `n` left keeps those. `mask = lth.n_of_m(lth.Mask.ones(model), lth.magnitude(model), n=2, m=4)` is 2:4 everywhere. Among equal scores the lowest index goes first, as in `prune`. (`export.two_four` keeps it.)

    Args:
        scores: as in `prune`.
        axis: the dimension that runs over the inputs: 1, or 0 in transposed convolutions; `{name: axis}` for each layer,
            as `lthkit.pruning.input_axes(model)` gives it.

    Raises:
        ValueError: not 1 <= n <= m, whole; an axis that a weight does not have; scores that `prune` refuses.
    """
    n, m = check_whole("n", n, 1), check_whole("m", m, 1)
    if n > m:
        raise ValueError(f"n={n}, m={m} were given; expected n of every m, so no more than m.")
    check_scores(mask, scores)
    axes = dict(axis) if isinstance(axis, Mapping) else dict.fromkeys(mask, axis)
    smaller: dict[str, Tensor] = {}
    for name, kept in mask.items():
        along = check_whole(f"axis of {name}", axes.get(name), 0)
        if along >= kept.ndim:
            raise ValueError(
                f"axis={along} was given for {name} of shape {tuple(kept.shape)}; expected the dimension of its inputs, 0 to "
                f"{kept.ndim - 1}."
            )
        last = kept.movedim(along, -1)
        padding = (0, -last.shape[-1] % m)
        groups = F.pad(last, padding, value=False).reshape(-1, m)
        values = F.pad(scores[name].detach().to(kept.device).movedim(along, -1), padding).reshape(-1, m)
        going = lowest_in_rows(values, groups, (groups.sum(1) - n).clamp(min=0))
        whole = (groups & ~going).view(*last.shape[:-1], last.shape[-1] + padding[1])
        smaller[name] = whole[..., : last.shape[-1]].movedim(-1, along).contiguous()
    return Mask(smaller)


def input_axes(model: nn.Module) -> dict[str, int]:
    """The dimension that runs over the inputs, for each matrix of a network: 0 in transposed convolutions, else 1."""
    turned = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    weights = {id(m.weight) for m in model.modules() if isinstance(m, turned)}
    return {name: 0 if id(weight) in weights else 1 for name, weight in survey(model).matrices.items()}
