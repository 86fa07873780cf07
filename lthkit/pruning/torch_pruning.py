"""Masks of `torch.nn.utils.prune`: read from a network that it has pruned, and put on one."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from lthkit.machine.checks import check_network
from lthkit.pruning.weights import copied, weights_of, weights_read


def masks_of_torch(model: nn.Module) -> dict[str, Tensor]:
    """Name of each weight that `torch.nn.utils.prune` has pruned -> what it keeps, a bool tensor of its shape.

    Raises:
        ValueError: none is pruned; a vector, a bias say; a mask that is not of 0 and 1; a tied weight that is pruned in
            one of its modules only.
    """
    check_network(model)
    found: dict[str, Tensor] = {}
    for path, module in model.named_modules():
        for attribute in _pruned(module):
            name = f"{path}.{attribute}" if path else attribute
            given = getattr(module, f"{attribute}_mask").detach()
            if given.ndim < 2:
                inside = f"model.get_submodule({path!r})" if path else "model"
                raise ValueError(
                    f"torch.nn.utils.prune has a mask on {name}, which is no matrix; expected masks of weights of two or more "
                    f'dimensions, because a Mask speaks about no others. torch.nn.utils.prune.remove({inside}, "{attribute}") '
                    "makes its zeros permanent."
                )
            if not bool(((given == 0) | (given == 1)).all()):
                raise ValueError(
                    f"The mask of {name} has values other than 0 and 1; expected a weight to be kept or not. "
                    "torch.nn.utils.prune.custom_from_mask takes such a mask: give it one of bool."
                )
            found[name] = given != 0
    if not found:
        raise ValueError(
            f"torch.nn.utils.prune has pruned nothing in this {type(model).__name__}; expected a network with its masks. "
            "Where prune.remove has made them permanent, only zeros are left: "
            "Mask({n: w != 0 for n, w in lthkit.prunable(model).items()})."
        )
    _check_tied(model, found)
    return found


def unpruned(model: nn.Module) -> nn.Module:
    """A copy without torch's pruning, its parameters in the order that they had before it."""
    plain = copied(model)
    for module in plain.modules():
        for attribute in _pruned(module):
            prune.remove(module, attribute)
        first = {name: None for name in weights_of(module) if name in module._parameters}
        ordered = {name: module._parameters[name] for name in [*first, *module._parameters]}
        module._parameters.clear()
        module._parameters.update(ordered)
    return plain


@torch.no_grad()
def prune_by_torch_(
    model: nn.Module, weights: Mapping[str, nn.Parameter], kept: Mapping[str, Tensor]
) -> None:
    """Put masks on these weights, wherever they are held. ValueError, by name, where torch's would not work."""
    names = {id(p): name for name, p in weights.items()}
    places = []
    for alias, parameter in model.named_parameters(remove_duplicate=False):
        if id(parameter) in names:
            path, _, attribute = alias.rpartition(".")
            _check_called(model, path, attribute, alias)
            places.append(
                (model.get_submodule(path), attribute, kept[names[id(parameter)]].to(parameter.device))
            )
    for module, attribute, mask in places:
        with torch.enable_grad():
            prune.custom_from_mask(module, attribute, mask)


def _pruned(module: nn.Module) -> list[str]:
    """The attributes of this module itself that `torch.nn.utils.prune` masks."""
    hooks = list(module._forward_pre_hooks.values())
    return [hook._tensor_name for hook in hooks if isinstance(hook, prune.BasePruningMethod)]


def _check_tied(model: nn.Module, found: Mapping[str, Tensor]) -> None:
    names: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    for same in names.values():
        masks = [found.get(name.removesuffix("_orig")) for name in same]
        first = next((mask for mask in masks if mask is not None), None)
        if first is not None and not all(mask is not None and torch.equal(mask, first) for mask in masks):
            raise ValueError(
                f"{', '.join(same)} are one Parameter, and torch.nn.utils.prune masks it in some modules only, or by other "
                "masks; expected the same mask in all of them, because a Mask removes a weight wherever it is used. Untie "
                "them first, or prune each."
            )


def _check_called(model: nn.Module, path: str, attribute: str, name: str) -> None:
    """ValueError if a weight is read by another module than its own: torch masks it when its own module is called."""
    module, parent = model.get_submodule(path), model.get_submodule(path.rpartition(".")[0])
    by = ""
    if isinstance(parent, nn.MultiheadAttention) and module is not parent:
        by = f"{type(parent).__name__} reads it itself"
    elif type(module).forward is nn.Module.forward:
        by = f"{type(module).__name__} has no forward"
    elif (last := path.rpartition(".")[2]) and last in weights_read(model, attribute):
        by = f"a forward reads {last}.{attribute} itself"
    if by:
        raise ValueError(
            f"torch.nn.utils.prune masks a weight whenever its own module is called, and {name} is used without that ({by}), so "
            f"its mask would have no effect; expected a mask without it. Make one with exclude={name!r}, or keep it masked by "
            "mask.held(model, optimizer)."
        )
