"""Weights and masks as other people keep them, read into the house's form: states by plain names, masks of bools."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lthkit.machine.checks import did_you_mean
from lthkit.pruning.masks import Mask
from lthkit.pruning.weights import copied
from lthkit.training.checkpoints import Checkpoint

WRAPPERS = ("module", "_orig_mod")  # prefixes of DataParallel and of torch.compile
INSIDE = ("state_dict", "model_state_dict", "model", "net")  # where checkpoint files hold the weights
_ORIG, _MASK = "_orig", "_mask"  # what torch.nn.utils.prune makes of a weight


@dataclass(frozen=True)
class State:
    """Tensors by name, weights and buffers; `carried` are masks that torch.nn.utils.prune left among them.

    A pruned weight has its plain name here and the value that a forward pass uses, `weight_orig` times `weight_mask`.
    `given` are the tensors as they were given; two names of one weight share memory there, and so do a state and a network
    that it was taken from without a copy.
    """

    tensors: Mapping[str, Tensor]
    carried: Mapping[str, Tensor] = field(default_factory=dict)
    given: Mapping[str, Tensor] = field(default_factory=dict, repr=False)

    @property
    def memory(self) -> dict[str, int]:
        """Where each tensor lies, by the name that it was given; empty tensors lie nowhere."""
        return {name: tensor.data_ptr() for name, tensor in self.given.items() if tensor.numel()}

    def shares_memory(self, other: State) -> list[str]:
        """Names of tensors of this state that lie where one of the other's lies."""
        places = set(other.memory.values())
        return [name for name, place in self.memory.items() if place in places]

    def names_together(self) -> list[list[str]]:
        """Names that lie in one place, where there are several."""
        by_place: dict[int, list[str]] = {}
        for name, place in self.memory.items():
            by_place.setdefault(place, []).append(name)
        return [names for names in by_place.values() if len(names) > 1]


def read_state(given: Any, what: str) -> State:
    """A network, a `Checkpoint`, or a state dict in one of the usual forms, as a `State`. Nothing is copied.

    Raises:
        TypeError, ValueError: something else; the text says what was given for `what`, and what is expected.
    """
    if isinstance(given, State):
        return given
    if isinstance(given, nn.Module):
        given = given.state_dict()
    elif isinstance(given, Checkpoint):
        given = given.model
    if not isinstance(given, Mapping):
        raise TypeError(
            f"{what} is a {type(given).__name__}; expected a state dict (name -> tensor), a network or a Checkpoint."
        )
    inner = next((given[key] for key in INSIDE if isinstance(given.get(key), Mapping)), None)
    tensors = {}
    for name, value in (given if inner is None else inner).items():
        if isinstance(value, np.ndarray):
            value = torch.from_numpy(value)
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise TypeError(
                f"{what}[{name!r}] is a {type(value).__name__}; expected tensors by name, such as model.state_dict() gives."
            )
        if value.is_sparse or value.layout != torch.strided:
            value = value.to_dense()
        tensors[name] = value.detach()
    if not tensors:
        raise ValueError(f"{what} is empty; expected a tensor for each weight and buffer.")
    return _folded(_bare(tensors))


def _bare(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Without the prefix of a wrapper, if all names have it."""
    for prefix in WRAPPERS:
        if all(name.startswith(prefix + ".") for name in tensors):
            return _bare({name.removeprefix(prefix + "."): tensor for name, tensor in tensors.items()})
    return tensors


def _folded(tensors: Mapping[str, Tensor]) -> State:
    """With `weight_orig` and `weight_mask` made one weight again."""
    plain: dict[str, Tensor] = {}
    carried: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        stem = name.removesuffix(_ORIG) if name.endswith(_ORIG) else ""
        mask = tensors.get(stem + _MASK) if stem else None
        if name.endswith(_MASK) and name.removesuffix(_MASK) + _ORIG in tensors:
            continue
        if mask is not None and mask.shape == tensor.shape:
            plain[stem], carried[stem] = tensor * mask.to(tensor.device, tensor.dtype), _bits(mask, stem)
        else:
            plain[name] = tensor
    return State(plain, carried, tensors)


def read_mask(given: Any, what: str = "mask") -> Mask:
    """A `Mask`, or tensors of True and False, or of 1 and 0, by name, as a `Mask`.

    Names may end in `_mask`, as in torch.nn.utils.prune, and begin with the prefix of a wrapper.

    Raises:
        TypeError, ValueError: something else, or a tensor that has other values, soft masks too.
    """
    if isinstance(given, Mask):
        return given
    if isinstance(given, Tensor | np.ndarray) or not isinstance(given, Mapping):
        raise TypeError(
            f"{what} is a {type(given).__name__}; expected a Mask, or a dict from parameter names to tensors of True (kept) "
            "and False. A list of tensors without names says not which weights they are of."
        )
    tensors = {}
    for name, value in given.items():
        value = torch.from_numpy(value) if isinstance(value, np.ndarray) else value
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise TypeError(
                f"{what}[{name!r}] is a {type(value).__name__}; expected a tensor of True and False."
            )
        tensors[name] = value.detach()
    bare = _bare(tensors)
    return Mask({name.removesuffix(_MASK): _bits(value, name, what) for name, value in bare.items()})


def _bits(value: Tensor, name: str, what: str = "mask") -> Tensor:
    if value.dtype == torch.bool:
        return value
    if bool(((value != 0) & (value != 1)).any()):
        raise ValueError(
            f"{what}[{name!r}] has values other than 0 and 1; expected True or 1 where a weight stays, False or 0 where it "
            "is removed. Scores are no mask: compare them with a threshold first."
        )
    return value != 0


def read_masks(given: Any) -> tuple[Mask, ...]:
    """One mask, or those of several rounds in order, all of the same tensors. None is none."""
    if given is None:
        return ()
    if isinstance(given, Sequence) and not isinstance(given, str | bytes):
        if not given:
            raise ValueError("mask is an empty list; expected one mask, or the masks of all rounds in order.")
        masks = tuple(read_mask(mask, f"mask[{i}]") for i, mask in enumerate(given))
    else:
        masks = (read_mask(given),)
    for i, mask in enumerate(masks):
        if {n: tuple(t.shape) for n, t in mask.items()} != {n: tuple(t.shape) for n, t in masks[0].items()}:
            raise ValueError(
                f"mask[{i}] has other tensors than mask[0]: {mask.shapes()} against {masks[0].shapes()}; expected masks of "
                "one network."
            )
    return masks


def fitted(state: State, mask: Mask, model: nn.Module | None, what: str) -> tuple[State, list[str]]:
    """The state with a tensor for each name of the mask where that can be had, and the names where it cannot.

    A weight that is computed from other parameters (weight norm, a parametrization) is not in a state dict; a copy of
    `model` that loads the state computes it.

    Raises:
        ValueError: the mask is for another model: names that are no weight of it, or another shape.
    """
    lacking = [name for name in mask if name not in state.tensors]
    computed = [name for name in lacking if _made_of(name, state.tensors)]
    if unknown := [name for name in lacking if name not in computed]:
        raise ValueError(
            f"The mask names {unknown[0]!r}, which {what} does not have; it has {', '.join(_some(state.tensors))}."
            f"{did_you_mean(unknown[0], state.tensors)} Expected the mask of this network."
        )
    tensors = dict(state.tensors)
    if computed and model is not None:
        twin = copied(model).to("cpu")
        twin.load_state_dict({name: tensor.cpu() for name, tensor in state.tensors.items()})
        for name in computed:
            module, _, attribute = name.rpartition(".")
            tensors[name] = _computed(twin.get_submodule(module), attribute)
        computed = []
    for name, kept in mask.items():
        if name in tensors and tensors[name].shape != kept.shape:
            raise ValueError(
                f"The mask's {name!r} has the shape {list(kept.shape)}, and that of {what} {list(tensors[name].shape)}; "
                "expected the mask of this network."
            )
    return State(tensors, state.carried, state.given), computed


def _computed(module: nn.Module, attribute: str) -> Tensor:
    """A weight as the module's own hooks compute it before a forward pass."""
    for hook in module._forward_pre_hooks.values():
        if attribute in (getattr(hook, "name", None), getattr(hook, "_tensor_name", None)):
            hook(module, ())  # type: ignore[call-arg]
    value: Tensor = getattr(module, attribute)
    return value.detach()


def _made_of(name: str, tensors: Mapping[str, Tensor]) -> list[str]:
    """Names of the tensors in a state dict that a computed weight of this name is made of."""
    path, _, attribute = name.rpartition(".")
    prefix = f"{path}." if path else ""
    starts = f"{prefix}parametrizations.{attribute}."
    exact = {f"{prefix}{attribute}{suffix}" for suffix in ("_orig", "_g", "_v", "_u")}
    return [other for other in tensors if other.startswith(starts) or other in exact]


def _some(names: Iterable[str], most: int = 6) -> list[str]:
    names = list(names)
    return [*names[:most], f"and {len(names) - most} more"] if len(names) > most else names
