"""A mask says, for every prunable weight, whether it stays: parameter name -> bool tensor of the parameter's shape."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from lthkit.machine.checks import check_network, prefix_explained, whole_seed
from lthkit.machine.devices import device_explained
from lthkit.storage import files

log = logging.getLogger("lthkit")

LITTLE = 0.9  # a mask that speaks about less than this share of a network's weights is told of
_SIMPLE = (nn.Linear, nn.Bilinear, nn.modules.conv._ConvNd)  # convolutions, transposed ones too
_told: set[tuple[type, tuple[str, ...]]] = set()


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
        exclude: names, or patterns such as `"block1.*"`, of what is left out; any name of a tied weight will do.
        include: names or patterns of what is added: any parameter of two or more dimensions.

    Raises:
        ValueError: a weight that is computed from other parameters (`weight_norm`, `spectral_norm`, any
            parametrization, `torch.nn.utils.prune`) and not excluded; a name or pattern that matches nothing; two
            parameters that share memory; lazy parameters.
    """
    found, chosen = _survey(model), set[str]()
    for pattern in _patterns(include):
        if computed := [name for name in found.computed if _named(pattern, found.of(name))]:
            raise ValueError(found.computed[computed[0]])
        matching = {name for name in found.matrices if _named(pattern, found.of(name))}
        if not matching:
            raise ValueError(
                f"include names {pattern!r}, which is no parameter of two or more dimensions here; expected names or "
                f"patterns for some of {list(found.matrices)}."
            )
        chosen |= matching
    chosen |= found.usual & found.matrices.keys()
    dropped = set[str]()
    for pattern in _patterns(exclude):
        matching = {name for name in [*chosen, *found.computed] if _named(pattern, found.of(name))}
        if not matching:
            raise ValueError(
                f"exclude names {[pattern]}, which are not prunable here; expected some of "
                f"{[name for name in found.matrices if name in chosen] + list(found.computed)}."
            )
        dropped |= matching
    if computed := [name for name in found.computed if name in found.usual - dropped]:
        raise ValueError(found.computed[computed[0]])
    weights = {name: p for name, p in found.matrices.items() if name in chosen - dropped}
    _check_memory(weights)
    return weights


def matrices(model: nn.Module) -> dict[str, nn.Parameter]:
    """All that a mask may speak about: parameters of two or more dimensions, by first name, but for the computed ones."""
    return _survey(model).matrices


@dataclass(frozen=True)
class _Survey:
    """matrices: what a mask may speak about. computed: weights that are made of other parameters, with a sentence on what
    to do. usual: names in either that are pruned unless excluded. others: further names of a weight in either."""

    matrices: dict[str, nn.Parameter]
    usual: set[str]
    computed: dict[str, str]
    others: dict[str, list[str]]

    def of(self, name: str) -> list[str]:
        """All names of one weight."""
        return [name, *self.others.get(name, ())]


def _survey(model: nn.Module) -> _Survey:
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
        expected = _weights_of(module)
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
    return _Survey(kept, usual, computed, others)


def _weights_of(module: nn.Module) -> list[str]:
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


def _computed_of(module: nn.Module) -> list[str]:
    """The attributes of this module that torch's own tools compute, whatever the module is."""
    found = list(getattr(module, "parametrizations", ())) if is_parametrized(module) else []
    return found + [name for name, _ in _hooks(module)]


def _hooks(module: nn.Module) -> list[tuple[str, Any]]:
    """(attribute, hook) of each hook that computes one: weight_norm's, spectral_norm's and those of torch's pruning."""
    hooks = module._forward_pre_hooks.values()
    pruning = [(hook._tensor_name, hook) for hook in hooks if hasattr(hook, "_tensor_name")]
    norms = [(hook.name, hook) for hook in hooks if type(hook).__name__ in ("WeightNorm", "SpectralNorm")]
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


def _named(pattern: str, names: Iterable[str]) -> bool:
    return any(name == pattern or fnmatchcase(name, pattern) for name in names)


def _check_memory(weights: Mapping[str, nn.Parameter]) -> None:
    """ValueError if entries of two parameters, or two entries of one, lie in the same place: a mask would lose count."""
    spans: dict[int, list[tuple[int, int, str]]] = {}
    for name, p in weights.items():
        if p.numel() and p.layout == torch.strided:
            reach = sum((n - 1) * stride for n, stride in zip(p.shape, p.stride(), strict=True))
            first = p.storage_offset()
            spans.setdefault(p.untyped_storage()._cdata, []).append((first, first + reach, name))
            if any(stride == 0 and n > 1 for n, stride in zip(p.shape, p.stride(), strict=True)):
                raise ValueError(
                    f"Entries of {name} share memory (it was made by expand); expected one place for each weight, such "
                    "as nn.Parameter(tensor.clone())."
                )
    for shared in spans.values():
        shared.sort()
        for (_, end, name), (begin, _, other) in zip(shared, shared[1:], strict=False):
            if begin <= end and set(_places(weights[name])) & set(_places(weights[other])):
                raise ValueError(
                    f"{name} and {other} are two parameters in the same memory, so a mask would count it twice and an "
                    "optimizer move it twice. Tie them by one Parameter: layer.weight = other.weight, without .data."
                )


def _places(p: Tensor) -> list[int]:
    size = p.untyped_storage().nbytes() // p.element_size()
    places: list[int] = (
        torch.arange(size).as_strided(p.shape, p.stride(), p.storage_offset()).flatten().tolist()
    )
    return places


class Mask(Mapping[str, Tensor]):
    """An immutable set of kept weights: `mask[name]` is a bool tensor, True where the weight stays.

    Density is the fraction kept, sparsity the fraction removed, both over the tensors in the mask.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        if not isinstance(tensors, Mapping):
            raise TypeError(
                f"A {type(tensors).__name__} was given; expected bool tensors by parameter name, a dict. "
                "For a network, Mask.ones(model) keeps everything."
            )
        for name, tensor in tensors.items():
            if not isinstance(tensor, Tensor) or tensor.dtype != torch.bool:
                given = f"a {tensor.dtype} tensor" if isinstance(tensor, Tensor) else type(tensor).__name__
                raise TypeError(
                    f"Mask entry {name!r} is {given}; expected a bool tensor, for example `scores > 0`."
                )
        if not tensors:
            raise ValueError(
                "An empty mask was given; expected at least one prunable parameter (see lthkit.prunable)."
            )
        self._tensors = {name: tensor.detach().clone() for name, tensor in tensors.items()}

    @classmethod
    def ones(
        cls, model: nn.Module, exclude: str | Iterable[str] = (), *, include: str | Iterable[str] = ()
    ) -> Mask:
        """The mask that keeps everything, of what `prunable` names. What `exclude` names stays out: never pruned nor counted."""
        weights = prunable(model, exclude, include=include)
        return cls({name: torch.ones_like(w, dtype=torch.bool) for name, w in weights.items()})

    def __getitem__(self, name: str) -> Tensor:
        try:
            return self._tensors[name]
        except KeyError:
            raise KeyError(f"The mask has no entry {name!r}; it has {', '.join(self._tensors)}.") from None

    def __contains__(self, name: object) -> bool:
        return name in self._tensors

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mask):
            return NotImplemented
        return list(self) == list(other) and all(torch.equal(self[n].cpu(), other[n].cpu()) for n in self)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Mask({self.kept:,} of {self.total:,} weights kept, density {self.density:.4f}, {len(self)} tensors)"

    @property
    def total(self) -> int:
        """Number of weights that the mask speaks about."""
        return sum(t.numel() for t in self._tensors.values())

    @property
    def kept(self) -> int:
        """Number of weights that stay."""
        return sum(int(t.sum()) for t in self._tensors.values())

    @property
    def density(self) -> float:
        """Fraction kept, from 0 to 1."""
        return self.kept / self.total

    @property
    def sparsity(self) -> float:
        """Fraction removed, from 0 to 1."""
        return 1 - self.density

    def per_layer(self) -> dict[str, float]:
        """Density of each tensor, by parameter name."""
        return {name: int(t.sum()) / t.numel() for name, t in self._tensors.items()}

    def issubset(self, other: Mask) -> bool:
        """True if everything kept here is kept in `other` too."""
        return self.shapes() == other.shapes() and all(not bool((self[n] & ~other[n]).any()) for n in self)

    def to(self, device: torch.device | str) -> Mask:
        """The same mask on another device. ValueError if there is none of that name."""
        with device_explained(device):
            return Mask({name: t.to(device) for name, t in self._tensors.items()})

    def coverage(self, model: nn.Module) -> float:
        """Share of the network's matrix weights that this mask speaks about, from 0 to 1.

        Matrix weights are the parameters of two or more dimensions, each counted once. `density` is of the weights in
        the mask; of the network it says as much as this share is large.
        """
        self.check(model)
        return self.total / sum(p.numel() for p in model.parameters() if p.ndim >= 2)

    def check(self, model: nn.Module) -> None:
        """Raise ValueError, naming the entries, if this mask does not belong to `model`.

        A prunable parameter that the mask leaves out is in order: it counts as excluded.
        """
        self._weights(model)

    def _weights(self, model: nn.Module) -> dict[str, nn.Parameter]:
        """The parameters that this mask speaks about. ValueError as `check` says."""
        found = _survey(model)
        weights = found.matrices
        extra = [name for name in self if name not in weights]
        lacking = [name for name in weights if name in found.usual and name not in self]
        misshaped = [
            f"{name} {tuple(self[name].shape)} (model: {tuple(weights[name].shape)})"
            for name in self
            if name in weights and self[name].shape != weights[name].shape
        ]
        if computed := [name for name in extra if name in found.computed]:
            raise ValueError(found.computed[computed[0]])
        if extra or misshaped:
            first = {other: name for name, others in found.others.items() for other in others}
            tied = [f"{name} is {first[name]}" for name in extra if first.get(name) in weights]
            raise ValueError(
                "The mask is for another model: "
                + "; ".join(
                    part
                    for part in (
                        f"not in the model: {extra}" if extra else "",
                        f"not in the mask: {lacking}" if lacking else "",
                        f"other shape: {misshaped}" if misshaped else "",
                        f"the same Parameter, by its first name: {', '.join(tied)}" if tied else "",
                        f"the model's prunable parameters: {[n for n in weights if n in found.usual]}",
                    )
                    if part
                )
                + "."
                + (
                    prefix_explained(extra, weights)
                    or " Make the mask from this network, as Mask.ones(model) does, or load the one that belongs to it."
                )
            )
        mine = {name: weights[name] for name in self}
        _check_memory(mine)
        return mine

    @torch.no_grad()
    def apply_(self, model: nn.Module) -> None:
        """Set the removed weights of `model` to exactly 0, in place."""
        for name, weight in self._weights(model).items():
            weight.masked_fill_(~self._tensors[name].to(weight.device), 0.0)

    def shuffled(self, seed: int, *, across: bool = False) -> Mask:
        """A random mask with the same counts: the control that asks whether it matters *which* weights stay.

        Entries are permuted within each tensor, so every layer keeps its density (Frankle & Carbin 2019, appendix on
        random sparsity). With `across=True` they are permuted over all tensors: only the total is kept.
        """
        generator = torch.Generator().manual_seed(whole_seed(seed))
        if across:
            flat = torch.cat([t.flatten().cpu() for t in self._tensors.values()])
            pieces = flat[torch.randperm(len(flat), generator=generator)].split(
                [t.numel() for t in self._tensors.values()]
            )
        else:
            flats = [t.flatten().cpu() for t in self._tensors.values()]
            pieces = tuple(flat[torch.randperm(len(flat), generator=generator)] for flat in flats)
        return Mask(
            {n: p.view(t.shape).to(t.device) for (n, t), p in zip(self._tensors.items(), pieces, strict=True)}
        )

    def distance(self, other: Mask) -> float:
        """Fraction of entries in which two masks differ (the mask distance of You et al. 2020, section 3.2)."""
        if self.keys() != other.keys() or any(self[n].shape != other[n].shape for n in self):
            raise ValueError(
                f"Masks of different models: {list(self)} against {list(other)}, or other shapes; expected two masks of "
                "one network."
            )
        return sum(int((self[n].cpu() != other[n].cpu()).sum()) for n in self) / self.total

    def arrays(self) -> dict[str, np.ndarray]:
        """The mask as packed bits, eight weights to a byte, by name. `Mask.from_arrays` reads them back."""
        return {name: np.packbits(t.cpu().numpy().reshape(-1)) for name, t in self._tensors.items()}

    def shapes(self) -> dict[str, list[int]]:
        """Shape of each tensor, by name."""
        return {name: list(t.shape) for name, t in self._tensors.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], shapes: Mapping[str, list[int]]) -> Mask:
        """Undo `arrays()`, given `shapes()`. ValueError if an array is missing or of another size."""
        tensors = {}
        for name, shape in shapes.items():
            there, needed = len(arrays[name]) if name in arrays else 0, -(-int(np.prod(shape)) // 8)
            if there != needed:
                raise ValueError(
                    f"{name!r} of shape {list(shape)} takes {needed} bytes, and {there} were given; expected what "
                    "Mask.arrays() gave."
                )
            bits = np.unpackbits(arrays[name], count=int(np.prod(shape)))
            tensors[name] = torch.from_numpy(bits.astype(bool)).view(shape)
        return cls(tensors)

    def pack(self, state: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
        """A masked network's state for one file: `mask:NAME` as packed bits, `state:NAME` with the kept values only.

        State that the mask does not speak about is whole. TypeError for bfloat16, which numpy does not have.
        """
        arrays = {f"mask:{name}": bits for name, bits in self.arrays().items()}
        for name, tensor in state.items():
            if tensor.dtype == torch.bfloat16:
                raise TypeError(
                    f"{name!r} is torch.bfloat16, which an .npz file cannot hold; save model.float()."
                )
            values = tensor[self[name].to(tensor.device)] if name in self else tensor
            arrays[f"state:{name}"] = np.asarray(values.detach().cpu().numpy())
        return arrays

    @classmethod
    def unpack(
        cls,
        arrays: Mapping[str, np.ndarray],
        shapes: Mapping[str, list[int]],
        device: torch.device | str = "cpu",
    ) -> tuple[Mask, dict[str, Tensor]]:
        """Undo `pack`, given `shapes()`: the mask, and the state with 0 at removed places."""
        bits = {name: arrays[f"mask:{name}"] for name in shapes if f"mask:{name}" in arrays}
        mask, state = cls.from_arrays(bits, shapes).to(device), {}
        for key in (key for key in arrays if key.startswith("state:")):
            name, values = key.removeprefix("state:"), torch.from_numpy(arrays[key]).to(device)
            if name in mask:
                zeros = torch.zeros(mask[name].shape, dtype=values.dtype, device=device)
                values = zeros.masked_scatter(mask[name], values)
            state[name] = values
        return mask, state

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits that tell this mask from any other."""
        digest = hashlib.sha256(repr(self.shapes()).encode())
        for bits in self.arrays().values():
            digest.update(bits.tobytes())
        return digest.hexdigest()[:16]

    def save(self, path: Path | str) -> Path:
        """Write the mask to an `.npz` file: packed bits, shapes and a checksum."""
        return files.save_arrays(path, self.arrays(), {"kind": "mask", "shapes": self.shapes()})

    @classmethod
    def load(cls, path: Path | str) -> Mask:
        """Read a mask that `save` wrote. `files.DamagedFile` if the file is not a whole mask; no code in it ever runs."""
        arrays, meta = files.load_arrays(path)
        if meta.get("kind") != "mask":
            raise files.DamagedFile(f"{path} holds {meta.get('kind', 'something else')!r}, not a mask.")
        return cls.from_arrays(arrays, meta["shapes"])


def tell_of_the_rest(mask: Mask, model: nn.Module) -> None:
    """Say once a network class, in the log, if `mask` speaks about less than 90 % of the matrix weights of `model`."""
    share = mask.coverage(model)
    rest = tuple(n for n, p in model.named_parameters() if p.ndim >= 2 and n not in mask)
    if share >= LITTLE or (type(model), rest) in _told:
        return
    _told.add((type(model), rest))
    log.warning(
        "The mask speaks about %.1f %% of the matrix weights of %s, and density is of these only. Not in it: %s%s. "
        "include= adds what can be pruned.",
        100 * share,
        type(model).__name__,
        ", ".join(rest[:6]),
        f" and {len(rest) - 6} more" if len(rest) > 6 else "",
    )
