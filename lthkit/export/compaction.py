"""A smaller dense network that computes exactly what the masked one does: units that cannot matter are taken out."""

from __future__ import annotations

import copy
from collections import OrderedDict
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from lthkit.pruning.masks import Mask

_ELEMENTWISE = (nn.ReLU, nn.LeakyReLU, nn.Tanh, nn.Sigmoid, nn.Identity, nn.Dropout)
_SUPPORTED = (nn.Linear, nn.Conv2d, nn.MaxPool2d, nn.Flatten, *_ELEMENTWISE)


@dataclass
class _Layer:
    """One linear or convolutional layer, cut smaller and smaller. weight, kept: [out, in, ...]; bias: [out]."""

    name: str
    module: nn.Linear | nn.Conv2d
    weight: Tensor
    kept: Tensor
    bias: Tensor
    biased: bool
    after: list[nn.Module] = field(default_factory=list)  # up to the next layer

    @property
    def pads(self) -> bool:
        """True if the layer surrounds its input with zeros."""
        conv = self.module
        return (
            isinstance(conv, nn.Conv2d) and conv.padding_mode == "zeros" and conv.padding not in (0, (0, 0))
        )

    @torch.no_grad()
    def constants(self) -> Tensor:
        """What each unit hands on if nothing comes in: its bias, after the activation."""
        value = self.bias
        for module in self.after:
            if isinstance(module, _ELEMENTWISE):
                value = copy.deepcopy(module).eval()(value.clone())
        return value


@torch.no_grad()
def compact(model: nn.Module, mask: Mask) -> nn.Sequential:
    """A smaller dense network with the outputs of the masked `model`, up to the order of sums.

    A hidden unit (or channel) goes if all its incoming weights are removed: what it hands on is then a constant, which
    is added to the biases of the next layer. And it goes if all its outgoing weights are removed. That may leave other
    units without input or output, so it is repeated until no unit goes. At least one unit stays in each layer. Inputs
    and outputs of the network are never removed. `model` is left as it is; removed weights inside what stays are 0.

    A constant other than 0 cannot be moved through the zeros that a padded convolution puts round its input: such a
    channel stays.

    Supported: an `nn.Sequential`, such as the LeNets, SmallCNN and Conv-2/4/6, of linear layers, plain 2-d convolutions,
    max-pools, flatten, dropout (as in evaluation) and elementwise activations.

    Raises:
        ValueError: the mask belongs to another model, or a layer is not supported; the text names it.
    """
    mask.check(model)
    layers = _layers(model, mask)
    changed = True
    while changed:
        changed = any([_shrink(one, two) for one, two in zip(layers, layers[1:], strict=False)])
    by_name = {layer.name: layer for layer in layers}
    built = OrderedDict(
        (name, _built(by_name[name]) if name in by_name else copy.deepcopy(module))
        for name, module in model._modules.items()
        if module is not None
    )
    return nn.Sequential(built).train(model.training)


def _shrink(one: _Layer, two: _Layer) -> bool:
    """Take out the units between two layers that cannot matter; True if any went."""
    units = len(one.weight)
    fed = one.kept.flatten(1).any(1)
    read = two.kept.reshape(len(two.kept), units, -1).any(2).any(0)
    constants = one.constants()
    movable = constants == 0 if two.pads else torch.ones_like(fed)
    stays = (fed | ~movable) & read
    if not stays.any():
        stays[0] = True
    if bool(stays.all()):
        return False
    moved = ~fed & ~stays
    each = two.weight.reshape(len(two.weight), units, -1).sum(2)  # [out, units]
    shift = each[:, moved] @ constants[moved]
    two.bias, two.biased = two.bias + shift, two.biased or bool(shift.any())
    one.weight, one.kept, one.bias = one.weight[stays], one.kept[stays], one.bias[stays]
    each_unit = two.weight.shape[1] // units  # after a flatten, a channel is many columns
    columns = stays.repeat_interleave(each_unit)
    two.weight, two.kept = two.weight[:, columns], two.kept[:, columns]
    return True


def _layers(model: nn.Module, mask: Mask) -> list[_Layer]:
    if not isinstance(model, nn.Sequential) or type(model).forward is not nn.Sequential.forward:
        raise ValueError(
            f"{type(model).__name__} is no nn.Sequential, or has a forward of its own; expected a plain stack of layers, such "
            "as LeNet-300-100 or Conv-2. For other networks see lthkit.export.save_packed and to_csr."
        )
    layers: list[_Layer] = []
    if model._forward_hooks or model._forward_pre_hooks or "forward" in vars(model):
        raise ValueError(
            f"{type(model).__name__} has hooks, which would be lost; remove them first, handle.remove()."
        )
    for name, module in model._modules.items():
        if module is None or type(module) not in _SUPPORTED:
            _refuse(name, module, "it is not supported")
        if module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module):
            _refuse(
                name, module, "it has hooks, or a forward of its own, which would be lost; remove them first"
            )
        if isinstance(module, nn.Flatten) and (module.start_dim, module.end_dim) != (1, -1):
            _refuse(name, module, "it must flatten everything but the batch")
        if isinstance(module, nn.Conv2d) and module.groups != 1:
            _refuse(name, module, f"it has {module.groups} groups and 1 is expected")
        if isinstance(module, nn.Linear | nn.Conv2d):
            if any(layer.module is module for layer in layers):
                _refuse(name, module, "it is used twice")
            if any(layer.module.weight is module.weight for layer in layers):
                _refuse(name, module, "its weight is tied to that of another layer")
            before = layers[-1] if layers else None
            spatial = before is not None and isinstance(before.module, nn.Conv2d)
            flat = before is not None and any(isinstance(m, nn.Flatten) for m in before.after)
            if before is not None and isinstance(module, nn.Linear) == (spatial and not flat):
                _refuse(
                    name,
                    module,
                    "its input is not in the form that it expects (is a flatten missing, or too much?)",
                )
            if before is not None:
                _check_columns(before, name, module)
            key = f"{name}.weight"
            kept = (
                mask[key].to(module.weight.device) if key in mask else torch.ones_like(module.weight).bool()
            )
            bias = module.weight.new_zeros(len(module.weight)) if module.bias is None else module.bias.clone()
            weight = module.weight.masked_fill(~kept, 0.0)
            layers.append(_Layer(name, module, weight, kept, bias, module.bias is not None))
        elif layers and module is not None:
            layers[-1].after.append(module)
    if not layers:
        raise ValueError("The model has no linear or convolutional layer; expected at least one.")
    return layers


def _check_columns(before: _Layer, name: str, module: nn.Linear | nn.Conv2d) -> None:
    """ValueError unless the columns of a layer are known to belong to the units of the one before."""
    units, columns = len(before.weight), module.weight.shape[1]
    if isinstance(before.module, nn.Linear):
        # A linear layer works on the last dimension. If there are others, a flatten or a pool mixes them with the units.
        if any(isinstance(m, nn.MaxPool2d) for m in before.after):
            _refuse(name, module, f"a max-pool before it takes the units of {before.name!r} together")
        if columns != units:
            _refuse(
                name,
                module,
                f"it takes {columns} numbers and {before.name!r} gives {units} at each of several places, so which column "
                f"is of which unit is not known; expected {units}, with a flatten before {before.name!r}",
            )
    elif columns % units:
        _refuse(
            name,
            module,
            f"it takes {columns} numbers, which is no multiple of the {units} channels of {before.name!r}",
        )


def _built(layer: _Layer) -> nn.Module:
    """A layer of the new size. It is made on the meta device, which draws no random numbers."""
    out, into = layer.weight.shape[:2]
    old = layer.module
    new: nn.Linear | nn.Conv2d
    if isinstance(old, nn.Conv2d):
        new = nn.Conv2d(
            into,
            out,
            old.kernel_size,  # type: ignore[arg-type]
            old.stride,  # type: ignore[arg-type]
            old.padding,  # type: ignore[arg-type]
            old.dilation,  # type: ignore[arg-type]
            padding_mode=old.padding_mode,
            bias=layer.biased,
            device="meta",
        )
    else:
        new = nn.Linear(into, out, bias=layer.biased, device="meta")
    new.weight = nn.Parameter(layer.weight)
    new.bias = nn.Parameter(layer.bias) if layer.biased else None
    return new


def _refuse(name: str, module: nn.Module | None, why: str) -> None:
    supported = ", ".join(kind.__name__ for kind in _SUPPORTED)
    raise ValueError(
        f"Layer {name!r} ({type(module).__name__}) cannot be compacted: {why}. Supported are stacks of {supported}, "
        "convolutions with one group, and a flatten between convolutions and linear layers. For other networks see "
        "lthkit.export.save_packed and to_csr."
    )
