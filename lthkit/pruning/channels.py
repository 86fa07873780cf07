"""Masks of channels by batch-norm gain (network slimming, Liu et al. 2017), and the masks of weights that belong to them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lthkit.pruning.masks import Mask, prunable
from lthkit.pruning.selection import prune_to

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


@torch.no_grad()
def gains(model: nn.Module) -> dict[str, Tensor]:
    """|gain| of every batch-norm channel by parameter name, [channels]: the score of network slimming (Liu et al. 2017).

    Raises:
        ValueError: the model has no batch norm with gains.
    """
    found = {
        f"{name}.weight": m.weight.detach().abs()
        for name, m in model.named_modules()
        if isinstance(m, _NORMS) and m.affine
    }
    if not found:
        raise ValueError(
            f"{type(model).__name__} has no batch norm with gains; expected one, such as lthkit.models.vgg_16. "
            "For other networks draw masks of weights."
        )
    return found


def channel_mask(model: nn.Module, density: float, *, min_kept: int = 1) -> Mask:
    """Keep the `round(density * channels)` channels of largest |batch-norm gain|, all layers ranked together.

    The mask has one bool tensor [channels] for each batch norm, by the name of its gain; `Mask.distance` and the rest work
    as for weights. Ties as in `pruning.prune`: the lowest flat index goes first, so the count is exact even if all gains
    are equal. But then the mask only says which layer comes first.

    Args:
        min_kept: each layer keeps at least so many channels; 0 lets whole layers go.

    Raises:
        ValueError: no batch norm, a bad density, gains that are NaN. LayerCollapse: the guard leaves too few to remove.
    """
    scores = gains(model)
    everything = Mask({name: torch.ones_like(g, dtype=torch.bool) for name, g in scores.items()})
    return prune_to(everything, scores, density, min_kept=min_kept)


def channel_weights(model: nn.Module, channels: Mask) -> Mask:
    """The mask of weights that belongs to a mask of channels, for networks that are a plain chain of layers.

    A removed channel takes with it what makes it, its row in the layer before the batch norm, and what reads it, its
    column in the next layer (several columns, if images were flattened in between). So nothing of the batch norm's
    shift gets through, and a network without these rows and columns computes the same.

    Raises:
        ValueError: the model is no `nn.Sequential` of plain layers, as ResNets are not: their shortcuts tie channels
            together; or the mask has other batch norms than the model.
    """
    layers = list(model.named_children()) if isinstance(model, nn.Sequential) else []
    if not layers or any(True for _, m in layers for _ in m.children()):
        raise ValueError(
            f"{type(model).__name__} is no plain chain of layers; expected an nn.Sequential without blocks, such as "
            "lthkit.models.vgg_16."
        )
    shapes = {name: g.shape for name, g in gains(model).items()}
    if shapes != {name: channels[name].shape for name in channels}:
        raise ValueError(
            f"The mask of channels has {list(channels)}, the model {list(shapes)}, or other shapes; expected what "
            "channel_mask(model, ...) draws for this network."
        )
    tensors = {name: torch.ones_like(w, dtype=torch.bool) for name, w in prunable(model).items()}
    made, kept = "", None  # the layer that made the channels, and which of them are left
    for name, layer in layers:
        if (key := f"{name}.weight") in tensors:
            if kept is not None:
                tensors[key] &= _columns(kept, tensors[key])
            made, kept = key, None
        elif key in channels and made:
            kept = channels[key].to(tensors[made].device)
            tensors[made] &= kept.view(-1, *[1] * (tensors[made].ndim - 1))
        elif isinstance(layer, _NORMS):
            raise ValueError(
                f"{name} follows no linear or convolutional layer; its channels are the input's."
            )
    return Mask(tensors)


def _columns(kept: Tensor, weights: Tensor) -> Tensor:
    """Which columns read kept channels: [1, channels x places, 1, ...], places adjacent as `nn.Flatten` lays them."""
    places, rest = divmod(weights.shape[1], len(kept))
    if rest or places == 0:
        raise ValueError(
            f"A layer with {weights.shape[1]} inputs follows {len(kept)} channels; grouped convolutions are not handled."
        )
    return kept.repeat_interleave(places).view(1, -1, *[1] * (weights.ndim - 2))
