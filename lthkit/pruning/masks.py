"""A mask says, for every prunable weight, whether it stays: parameter name -> bool tensor of the parameter's shape."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from lthkit.machine.checks import prefix_explained, whole_seed
from lthkit.machine.devices import device_explained
from lthkit.pruning.holding import Held
from lthkit.pruning.torch_pruning import masks_of_torch, prune_by_torch_, unpruned
from lthkit.pruning.weights import check_memory, nothing_prunable, survey
from lthkit.pruning.weights import prunable as prunable
from lthkit.storage import files

log = logging.getLogger("lthkit")

LITTLE = 0.9  # a mask that speaks about less than this share of a network's weights is told of
_told: set[tuple[type, tuple[str, ...]]] = set()


class Mask(Mapping[str, Tensor]):
    """An immutable set of kept weights: `mask[name]` is a bool tensor, True where the weight stays.

    Density is the fraction kept, sparsity the fraction removed, both over the tensors in the mask. `Mask.ones(model)` keeps
    everything; `prune`, `prune_to`, `n_of_m` and `grow` make another mask of a mask and scores.
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
        exclude = [exclude] if isinstance(exclude, str) else list(exclude)
        weights = prunable(model, exclude, include=include)
        if not weights:
            raise ValueError(nothing_prunable(model, exclude))
        return cls({name: torch.ones_like(w, dtype=torch.bool) for name, w in weights.items()})

    @classmethod
    def from_torch_prune(
        cls, model: nn.Module, exclude: str | Iterable[str] = (), *, include: str | Iterable[str] = ()
    ) -> Mask:
        """The masks that `torch.nn.utils.prune` has put on a network, which stays as it is: `mask = lth.Mask.from_torch_prune(model)`.

        It speaks about what `Mask.ones(model, exclude, include=include)` would, by the names that the weights have without torch's pruning, and about what
        torch has pruned besides. What torch has not pruned is kept. To go on with this network, take torch's masks off:
        `prune.remove(module, "weight")` for each. Of a saved state alone, the mask is
        `Mask({n.removesuffix("_mask"): t.bool() for n, t in state.items() if n.endswith("_mask")})`.

        Raises:
            ValueError: torch has pruned nothing, or a bias; a mask that is not of 0 and 1; a tied weight that is masked in
                one place only; and what `Mask.ones` refuses.
        """
        found, plain = masks_of_torch(model), unpruned(model)
        ones = cls.ones(
            plain, exclude, include=[*([include] if isinstance(include, str) else include), *found]
        )
        others = survey(plain).others
        masks = {n: [found[alias] for alias in (n, *others.get(n, ())) if alias in found] for n in ones}
        return cls({name: masks[name][0] if masks[name] else whole for name, whole in ones.items()})

    def to_torch_prune_(self, model: nn.Module) -> None:
        """Put this mask on `model` by `torch.nn.utils.prune`: `mask.to_torch_prune_(model)` makes `weight_mask`, `weight_orig`.

        It does so for all weights in the mask, for tools that read torch's masks. `Mask.from_torch_prune` reads this mask back. From then on a weight is computed
        at each call of its module; lthkit refuses such weights, so train with lthkit before.

        Raises:
            ValueError: the mask belongs to another model; a weight that another module reads, as attention reads that of
                its `out_proj`, for torch's masks have no effect there. `model` is as it was then.
        """
        prune_by_torch_(model, self._weights(model), self._tensors)

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

    def __and__(self, other: Mask) -> Mask:
        """What both keep. ValueError unless they have the same names and shapes; the order of names is this mask's."""
        return self._with(other, torch.logical_and) if isinstance(other, Mask) else NotImplemented

    def __or__(self, other: Mask) -> Mask:
        """What either keeps. ValueError unless they have the same names and shapes; the order of names is this mask's."""
        return self._with(other, torch.logical_or) if isinstance(other, Mask) else NotImplemented

    def _with(self, other: Mask, operation: Callable[[Tensor, Tensor], Tensor]) -> Mask:
        mine, theirs = self.shapes(), other.shapes()
        if odd := [name for name in mine | theirs if mine.get(name) != theirs.get(name)]:
            told = [
                f"{n}: {mine.get(n, 'not in the first')}, {theirs.get(n, 'not in the second')}" for n in odd
            ]
            raise ValueError(
                f"Two masks differ in names or shapes: {'; '.join(told)}. Expected masks of one network, which speak about "
                "the same weights."
            )
        return Mask({name: operation(t, other[name].to(t.device)) for name, t in self._tensors.items()})

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
        """Fraction kept, from 0 to 1; 1 where there is no weight at all, because then none was removed."""
        return self.kept / self.total if self.total else 1.0

    @property
    def sparsity(self) -> float:
        """Fraction removed, from 0 to 1."""
        return 1 - self.density

    def per_layer(self) -> dict[str, float]:
        """Density of each tensor, by parameter name; 1 for one of size 0, as `density` says."""
        return {name: int(t.sum()) / t.numel() if t.numel() else 1.0 for name, t in self._tensors.items()}

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
        matrices = sum(p.numel() for p in model.parameters() if p.ndim >= 2)
        return self.total / matrices if matrices else 1.0

    def check(self, model: nn.Module) -> None:
        """Raise ValueError, naming the entries, if this mask does not belong to `model`.

        A prunable parameter that the mask leaves out is in order: it counts as excluded.
        """
        self._weights(model)

    def _weights(self, model: nn.Module) -> dict[str, nn.Parameter]:
        """The parameters that this mask speaks about. ValueError as `check` says."""
        found = survey(model)
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
        check_memory(mine, model)
        return mine

    @torch.no_grad()
    def apply_(self, model: nn.Module) -> None:
        """Set the removed weights of `model` to exactly 0, in place."""
        for name, weight in self._weights(model).items():
            weight.masked_fill_(~self._tensors[name].to(weight.device), 0.0)

    def held(self, model: nn.Module, *optimizers: torch.optim.Optimizer) -> Held:
        """Within `with mask.held(model, optimizer):` removed weights are exactly 0, in any training loop.

            with mask.held(model, optimizer):
                for inputs, targets in loader:
                    loss_fn(model(inputs), targets).backward()
                    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                    optimizer.step()
                    optimizer.zero_grad()

        On entry the removed weights, their gradients and their optimizer state become 0. Then their gradients are set to
        0 each time that a backward pass adds to them, so a clipped norm, an accumulated gradient or a `GradScaler` sees no
        removed weight; and after each `optimizer.step()` the weights themselves are set to 0, whatever has moved them:
        momentum, decay, noise. So any torch optimizer will do, and several may be given. What is kept moves as it would
        without a mask under gradients that are 0 at removed places. At the end, by an exception too, the hooks are taken off.

        Blocks nest: what is removed by either mask is held. A block holds the mask that it began with. Frozen weights are
        held, and weights that no optimizer has. `deepcopy` and `state_dict` are those of an ordinary network; a copy is not
        held. `model.to(...)` is in order, `torch.compile` in the form `model.compile()`. `torch.autograd.grad` gives the gradient of removed weights as it
        is, for a score that grows them (see `pruning.grow`). A gradient that you assign yourself, `p.grad = ...`, is
        set to 0 at the step only: multiply it by the mask before you clip it.

        Raises:
            TypeError: no optimizer, or one that is not torch's.
            ValueError: the mask belongs to another model, or speaks about a computed weight; an optimizer that holds no
                parameter of `model`. At the next step or at the end of the block: something else than these optimizers
                has moved a removed weight, or a parameter was replaced by another.
        """
        return Held(model, self._weights(model), self._tensors, optimizers)

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
        differing = sum(int((self[n].cpu() != other[n].cpu()).sum()) for n in self)
        return differing / self.total if self.total else 0.0

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
        """Write the mask to an `.npz` file: packed bits, shapes and a checksum.

        Entry `__meta__` is JSON as bytes, with `names`, `meta` (`kind`, and `shapes` by name) and `sha256`. Entry `a0` has
        the bits of the first name, eight weights to a byte, the first weight in the highest bit; `a1` those of the
        second, and so on. Without lthkit five lines read it:

            import json, numpy as np
            file, mask = np.load("mask.npz"), {}
            for i, (name, shape) in enumerate(json.loads(file["__meta__"].tobytes())["meta"]["shapes"].items()):
                bits = np.unpackbits(file[f"a{i}"], count=int(np.prod(shape)))
                mask[name] = bits.astype(bool).reshape(shape)
        """
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
