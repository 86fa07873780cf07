"""Starts that keep of the initial weights their signs only, or their magnitudes only (Zhou et al. 2019, section 3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from lthkit.machine.checks import whole_seed
from lthkit.machine.seeds import derived_seed
from lthkit.pruning.counting import check_density
from lthkit.pruning.masks import Mask
from lthkit.training.checkpoints import Checkpoint

RULES = ("layer", "kaiming")


def signed_constant(
    start: Checkpoint, mask: Mask, *, rule: str = "layer", density: float = 1.0
) -> Checkpoint:
    """Each weight becomes its sign times one number of its layer; biases and what the mask does not name stay.

    Args:
        start: with the initial weights. mask: which tensors are meant.
        rule: "layer" is the root mean square of the layer's own weights, its standard deviation at initialisation, as Zhou
            et al. 2019 take it. "kaiming" is sqrt(2 / fan in), the signed Kaiming constant of Ramanujan et al. 2020.
        density: with "kaiming", of the mask that will be found: the constant is sqrt(2 / (density * fan in)), as their
            code scales it, so that the variance is that of the part.

    Raises:
        ValueError: another rule, a density outside of (0, 1], a kept weight that is 0 and so has no sign, a mask of another model.
    """
    if rule not in RULES:
        raise ValueError(f"rule={rule!r} was given; expected one of {', '.join(RULES)}.")
    check_density(density)

    def constant(name: str, weight: Tensor, signs: Tensor) -> Tensor:
        size = weight.square().mean() if rule == "layer" else torch.tensor(2 / (density * weight[0].numel()))
        return signs * size.sqrt().to(weight)

    return _changed(start, mask, constant)


def signs_of(start: Checkpoint, fresh: Checkpoint, mask: Mask) -> Checkpoint:
    """The values of `fresh` with the signs of `start`; what the mask does not name is that of `fresh`.

        signs = lth.tickets.signs_of(r.rewind, lth.fresh_start(model_fn, seed=0), r.mask)

    Raises:
        ValueError: a kept weight of `start` that is 0 and so has no sign; a mask or a checkpoint of another model.
    """
    if fresh.model.keys() != start.model.keys():
        raise ValueError("start and fresh are checkpoints of different models; expected two of one network.")

    def drawn(name: str, weight: Tensor, signs: Tensor) -> Tensor:
        if fresh.model[name].shape != weight.shape:
            raise ValueError(
                f"{name} is {list(weight.shape)} in start and {list(fresh.model[name].shape)} in fresh; expected two "
                "checkpoints of one network."
            )
        return fresh.model[name].abs() * signs

    return replace(fresh, model=fresh.model | _changed(start, mask, drawn, only=True).model)


def random_signs(start: Checkpoint, mask: Mask, *, seed: int) -> Checkpoint:
    """The magnitudes of `start` with signs that a coin decides: the control of `signs_of`.

    Raises:
        ValueError: as in `signs_of`.
    """
    generator = torch.Generator().manual_seed(derived_seed(whole_seed(seed), "random signs"))

    def tossed(name: str, weight: Tensor, signs: Tensor) -> Tensor:
        coin = torch.randint(0, 2, weight.shape, generator=generator, device="cpu").to(weight) * 2 - 1
        return weight.abs() * coin

    return _changed(start, mask, tossed)


def _changed(
    start: Checkpoint, mask: Mask, change: Callable[[str, Tensor, Tensor], Tensor], *, only: bool = False
) -> Checkpoint:
    """`start` with the tensors of the mask changed, without the state of an optimizer; or these tensors `only`."""
    changed = {}
    for name, kept in mask.items():
        weight = start.model.get(name)
        if weight is None or weight.shape != kept.shape:
            given = "none" if weight is None else list(weight.shape)
            raise ValueError(
                f"The mask has {name} of {list(kept.shape)}, and the checkpoint {given}; expected a mask of the same network."
            )
        if count := int(((weight == 0) & kept.to(weight.device)).sum()):
            raise ValueError(
                f"{count:,} kept weights of {name} are 0 and have no sign; expected a start before any mask was applied."
            )
        changed[name] = change(name, weight, weight.sign())
    return Checkpoint(start.step, changed if only else start.model | changed)
