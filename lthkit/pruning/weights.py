"""Which weights of a network pruning may touch. A weight is a Parameter, whatever modules hold it under whatever names."""

from __future__ import annotations

import copy
import dis
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import combinations, pairwise
from types import FunctionType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from lthkit.machine.checks import check_network

_QUANTIZED = ("torch.ao.nn.quantized.", "torch.ao.nn.intrinsic.quantized.", "torch.nn.quantized.")
_SIMPLE = (nn.Linear, nn.Bilinear, nn.modules.conv._ConvNd)  # convolutions, transposed ones too


def prunable(
    model: nn.Module, exclude: str | Iterable[str] = (), *, include: str | Iterable[str] = ()
) -> dict[str, nn.Parameter]:
    """The parameters that pruning may touch, by their first name in `model.named_parameters()`, in that order.

    These are the weights of linear, bilinear, convolutional and transposed convolutional layers, of RNN, LSTM and GRU
    and their cells, and of attention (`nn.MultiheadAttention`). Biases and the gains of norms are never among them;
    embeddings, and matrices of modules that are not known here, only if `include` names them. Every layer counts, the
    first and the last too.

    One Parameter is one entry and one layer, wherever a layer is spoken of (layerwise selection, `Mask.per_layer`):
    the four gates of an LSTM, and attention's query, key and value, are one where torch keeps them in one tensor. A
    tied weight, a decoder's that is its embedding's say, is one entry too, and prunable if one of its layers is.

    What a layer of your own makes of its weight in its forward pass is not seen: if it takes the mean off, a weight of
    0 is 0 no longer.

    Args:
        exclude: names, or patterns such as `"block1.*"`, of what is left out; any name of a tied weight will do. What is
            the name of a parameter is no pattern.
        include: names or patterns of what is added: any parameter of two or more dimensions.

    Raises:
        ValueError: a weight that is computed from other parameters (`weight_norm`, `spectral_norm`, any
            parametrization, `torch.nn.utils.prune`) and not excluded; a name or pattern that matches nothing; two
            parameters that share memory; lazy parameters; a module that is scripted or quantized.
    """
    check_network(model)
    _refuse_hidden(model)
    found, chosen = survey(model), set[str]()
    known = {name for name, _ in model.named_parameters(remove_duplicate=False)} | found.computed.keys()
    for pattern in _patterns(include):
        if computed := [name for name in found.computed if _named(pattern, found.of(name), known)]:
            raise ValueError(found.computed[computed[0]])
        matching = {name for name in found.matrices if _named(pattern, found.of(name), known)}
        if not matching:
            raise ValueError(
                f"include names {pattern!r}, which is no parameter of two or more dimensions here; expected names or "
                f"patterns for some of {list(found.matrices)}."
            )
        chosen |= matching
    chosen |= found.usual & found.matrices.keys()
    dropped = set[str]()
    for pattern in _patterns(exclude):
        candidates = [*chosen, *found.computed]
        matching = {name for name in candidates if _named(pattern, found.of(name), known)}
        if not matching:
            raise ValueError(
                f"exclude names {[pattern]}, which are not prunable here; expected some of "
                f"{[name for name in found.matrices if name in chosen] + list(found.computed)}."
            )
        dropped |= matching
    if computed := [name for name in found.computed if name in found.usual - dropped]:
        raise ValueError(found.computed[computed[0]])
    weights = {name: p for name, p in found.matrices.items() if name in chosen - dropped}
    check_memory(weights, model)
    return weights


def matrices(model: nn.Module) -> dict[str, nn.Parameter]:
    """All that a mask may speak about: parameters of two or more dimensions, by first name, but for the computed ones."""
    return survey(model).matrices


@dataclass(frozen=True)
class Survey:
    """matrices: what a mask may speak about. computed: weights that are made of other parameters, with a sentence on what
    to do. usual: names in either that are pruned unless excluded. others: further names of a weight in either."""

    matrices: dict[str, nn.Parameter]
    usual: set[str]
    computed: dict[str, str]
    others: dict[str, list[str]]

    def of(self, name: str) -> list[str]:
        """All names of one weight."""
        return [name, *self.others.get(name, ())]


def survey(model: nn.Module) -> Survey:
    """Look through a network for weights."""
    check_network(model)
    names: dict[int, list[str]] = {}
    parameters: dict[str, nn.Parameter] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        if id(parameter) not in names:
            parameters[name] = parameter
        names.setdefault(id(parameter), []).append(name)
    usual, computed, others = set[str](), dict[str, str](), {n[0]: n[1:] for n in names.values()}
    sources = set[str]()
    for path, module in model.named_modules():
        prefix = f"{path}." if path else ""
        expected = weights_of(module)
        for attribute in [*expected, *(a for a in _computed_of(module) if a not in expected)]:
            held = module._parameters.get(attribute)
            if held is not None:
                usual.add(names[id(held)][0])
            elif attribute not in module._parameters:
                made_of = _made_of(prefix, module, attribute, parameters)
                sources.update(made_of)
                if attribute in expected or made_of:
                    computed[prefix + attribute] = _explained(path, module, attribute)
                    others[prefix + attribute] = made_of
                if attribute in expected:
                    usual.add(prefix + attribute)
    kept = {name: p for name, p in parameters.items() if p.ndim >= 2 and name not in sources - usual}
    return Survey(kept, usual, computed, others)


def copied(model: nn.Module) -> nn.Module:
    """A deep copy, also of a network that holds tensors with a history, which deepcopy refuses.

    Such are weights that hooks compute (the old `weight_norm`) and activations that a forward keeps, in lists too.
    """
    made, seen = dict[int, Any](), set[int]()
    todo: list[Any] = [vars(m) for m in model.modules()]
    while todo:
        held = todo.pop()
        seen.add(id(held))
        for value in held.values() if isinstance(held, dict) else held:
            if isinstance(value, Tensor) and not value.is_leaf:
                made[id(value)] = value.detach().clone()
            elif isinstance(value, dict | list | tuple | deque) and id(value) not in seen:
                todo.append(value)
    return copy.deepcopy(model, made)


def weights_of(module: nn.Module) -> list[str]:
    """The attributes of this module itself that are pruned unless excluded."""
    if isinstance(module, _SIMPLE):
        return [] if "weight" in module._parameters and module.weight is None else ["weight"]
    if isinstance(module, nn.RNNBase):
        return [name for name in module._flat_weights_names if name.startswith("weight")]
    if isinstance(module, nn.RNNCellBase):
        return ["weight_ih", "weight_hh"]
    if isinstance(module, nn.MultiheadAttention):
        one = module._qkv_same_embed_dim
        return ["in_proj_weight"] if one else ["q_proj_weight", "k_proj_weight", "v_proj_weight"]
    return []


def weights_read(model: nn.Module, attribute: str = "weight") -> set[str]:
    """The names x for which a forward, or a method that it names, has `x.weight` in it: another module reads it there."""
    found = set[str]()
    for kind in {type(module) for module in model.modules()}:
        seen, todo = set[str](), ["forward"]
        while todo:
            seen.add(method := todo.pop())
            function = getattr(kind, method, None)
            if isinstance(function, FunctionType) and not function.__module__.startswith("torch."):
                steps = pairwise(dis.get_instructions(function))
                found |= {str(one.argval) for one, two in steps if two.argval == attribute}
                todo += [name for name in function.__code__.co_names if name not in seen]
    return found


def _computed_of(module: nn.Module) -> list[str]:
    """The attributes of this module that torch's own tools compute, whatever the module is."""
    found = list(getattr(module, "parametrizations", ())) if is_parametrized(module) else []
    return found + [name for name, _ in _hooks(module)]


def _hooks(module: nn.Module) -> list[tuple[str, Any]]:
    """(attribute, hook) of each hook that computes one: weight_norm's, spectral_norm's and those of torch's pruning."""
    hooks = module._forward_pre_hooks.values()
    pruning = [(hook._tensor_name, hook) for hook in hooks if hasattr(hook, "_tensor_name")]
    norms = [
        (str(getattr(hook, "name", "")), hook)
        for hook in hooks
        if type(hook).__name__ in ("WeightNorm", "SpectralNorm")
    ]
    return pruning + norms


def _made_of(
    prefix: str, module: nn.Module, attribute: str, parameters: Mapping[str, nn.Parameter]
) -> list[str]:
    """Names of the matrices that this attribute is computed from."""
    starts = (f"{prefix}parametrizations.{attribute}.",)
    exact = {f"{prefix}{attribute}_{suffix}" for suffix in ("orig", "v", "g") if _hooks(module)}
    return [n for n, p in parameters.items() if p.ndim >= 2 and (n.startswith(starts) or n in exact)]


def _explained(path: str, module: nn.Module, attribute: str) -> str:
    """What is wrong with a weight that is computed, and what to do."""
    inside = f"model.get_submodule({path!r})" if path else "model"
    by, remedy = f"it is a plain {type(getattr(module, attribute, None)).__name__}", ""
    if is_parametrized(module, attribute):
        kinds = ", ".join(type(p).__name__ for p in module.parametrizations[attribute])  # type: ignore[index, union-attr]
        by = f"a parametrization makes it ({kinds})"
        remedy = f'torch.nn.utils.parametrize.remove_parametrizations({inside}, "{attribute}")'
    for name, hook in _hooks(module):
        if name == attribute:
            tool = {"WeightNorm": "weight_norm", "SpectralNorm": "spectral_norm"}.get(type(hook).__name__)
            by = f"torch.nn.utils.{tool or 'prune'} makes it anew at each pass"
            undo = f"remove_{tool}" if tool else "prune.remove"
            remedy = f'torch.nn.utils.{undo}({inside}, "{attribute}")'
    full = f"{path}.{attribute}" if path else attribute
    return (
        f"{full} of {path or 'the network'} ({type(module).__name__}) is no parameter: {by}, so a mask on it would have no "
        f"effect. " + (f"Make it one again with {remedy}" if remedy else "Make it an nn.Parameter") + ", "
        f"or leave it out with exclude={full!r}."
    )


def _patterns(given: str | Iterable[str]) -> list[str]:
    patterns = [given] if isinstance(given, str) else list(given)
    if odd := [pattern for pattern in patterns if not isinstance(pattern, str)]:
        raise TypeError(
            f"{odd[0]!r} was given; expected names of parameters, or patterns such as 'fc*.weight'."
        )
    return patterns


def _named(pattern: str, names: Iterable[str], known: Collection[str]) -> bool:
    """Whether `pattern` means one of these names of a weight. A name that is `known` means itself, brackets and all."""
    return pattern in names if pattern in known else any(fnmatchcase(name, pattern) for name in names)


def _refuse_hidden(model: nn.Module) -> None:
    """ValueError for a module whose weights are not where a mask could reach them: scripted, traced or quantized."""
    for path, module in model.named_modules():
        scripted = isinstance(module, torch.jit.ScriptModule) and any(
            p.ndim >= 2 for p in module.parameters()
        )
        packed = type(module).__module__.startswith(_QUANTIZED) and any(
            hasattr(module, name) for name in ("_packed_params", "_weight_bias", "_all_weight_values")
        )
        if scripted or packed:
            how = "compiled by torch.jit" if scripted else "quantized"
            raise ValueError(
                f"{path or 'The network'} ({type(module).__name__} of {type(model).__name__}) is {how}, so its weights are "
                "out of a mask's sight; expected plain modules. Prune and train the network first, and "
                f"{'script or trace' if scripted else 'quantize'} it afterwards (exclude= does not help here)."
            )


def nothing_prunable(model: nn.Module, exclude: str | Iterable[str]) -> str:
    """Why `prunable` found nothing in this network, and what to do."""
    rest = list(survey(model).matrices)
    if not rest:
        why = "it has no parameter of two or more dimensions"
        what = "a network with linear, convolutional, recurrent or attention layers"
    elif _patterns(exclude):
        why, what = f"exclude={exclude!r} leaves nothing", "that something is left"
    else:
        why = f"its matrices are in embeddings or in modules that are not known here ({', '.join(rest[:6])})"
        what = f"that include= names some of them, include={rest[0]!r} say"
    return f"{type(model).__name__} has nothing to prune: {why}; expected {what}."


def check_memory(weights: Mapping[str, nn.Parameter], model: nn.Module) -> None:
    """ValueError if a weight shares memory with another parameter of `model`, or with itself: a mask would lose count."""
    spans: dict[int, list[tuple[int, int, str]]] = {}
    first = {id(p): name for name, p in weights.items()}
    everything = {first.get(id(p), name): p for name, p in model.named_parameters()}
    for name, p in everything.items():
        if p.numel() and p.layout == torch.strided:
            reach = sum((n - 1) * stride for n, stride in zip(p.shape, p.stride(), strict=True))
            begin, place = int(p.storage_offset()), p.untyped_storage()
            spans.setdefault(place.data_ptr() or place._cdata, []).append((begin, begin + int(reach), name))
            if name in weights and any(
                stride == 0 and n > 1 for n, stride in zip(p.shape, p.stride(), strict=True)
            ):
                raise ValueError(
                    f"Entries of {name} share memory (it was made by expand); expected one place for each weight, such "
                    "as nn.Parameter(tensor.clone())."
                )
    for shared in spans.values():
        shared.sort()
        for (_, end, name), (begin, _, other) in combinations(shared, 2):
            if begin > end or not (name in weights or other in weights):
                continue
            if set(_places(everything[name])) & set(_places(everything[other])):
                raise ValueError(
                    f"{name} and {other} are two parameters in the same memory, so a mask would count it twice, or not hold "
                    "what the other moves, and an optimizer moves it twice. Tie them by one Parameter: layer.weight = other.weight, without .data."
                )


def _places(p: Tensor) -> list[int]:
    size = p.untyped_storage().nbytes() // p.element_size()
    places: list[int] = (
        torch.arange(size).as_strided(p.shape, p.stride(), p.storage_offset()).flatten().tolist()
    )
    return places
