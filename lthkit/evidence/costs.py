"""What a training costs, counted instead of timed: updates, examples, floating-point operations.

Operations are 2 for each multiplication with its addition, of every matrix product and convolution that a forward pass
really makes, whether a layer makes it or a functional call: linear, bilinear, (transposed) convolutional, recurrent and
attention layers, with the two products of attention itself. A weight that is used twice counts twice. The backward pass
repeats each product once for each factor that takes a gradient: once for the weight, once for what comes in, unless
nothing before it is trained, as in the first layer.

Not counted, because they are small beside it and no weight of a matrix takes part: biases, activations, softmax,
normalisation, pooling, products entry by entry (gates, gains), embeddings (looked up, not multiplied), the optimizer. An
operation that is none of these is refused by name. So the numbers are those of the machine-independent accounts in
papers, not seconds. What a checkpointed layer computes twice counts once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from lthkit.machine.checks import check_whole
from lthkit.pruning.flow_rules import find_rule
from lthkit.pruning.masks import Mask, prunable
from lthkit.pruning.traces import Operation, Seen, Trace, trace

# The factors of each product by their names in torch. All of them multiply; sums in `addmm` and the like are free.
_FACTORS = {
    "mm": ("self", "mat2"),
    "bmm": ("self", "mat2"),
    "mv": ("self", "vec"),
    "dot": ("self", "tensor"),
    "vdot": ("self", "other"),
    "addmm": ("mat1", "mat2"),
    "addmv": ("mat", "vec"),
    "baddbmm": ("batch1", "batch2"),
    "addbmm": ("batch1", "batch2"),
    "addr": ("vec1", "vec2"),
    "convolution": ("input", "weight"),
    "_trilinear": ("i1", "i2", "i3"),
}
# Known not to be products, though no rule says how paths run through them.
_FREE = {"upsample_bicubic2d", "bernoulli", "dropout", "bucketize", "searchsorted", "renorm"}
# Nothing new is in what these make.
_COPIES = {"clone", "_to_copy", "contiguous", "copy", "repeat", "cat", "stack", "index", "index_select"}


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
    """Operations of one input on its way through `model`, in evaluation mode: 2 for each multiplication of a product.

    Args:
        shape: of one input, without the batch: (channels, height, width). The first dimension of what goes in is the
            batch (`batch_first=True` in recurrent and attention layers).
        mask: count only the weights that it keeps. Layers that it leaves out count whole.

    Raises:
        ValueError: nothing prunable; another shape; the mask belongs to another model; a product, or an operation, that
            is not known here, by name; a forward that decides by values, or that mixes the examples of a batch.
    """
    return _counted(model, shape, mask).forward[mask is not None]


def of_training(
    model: nn.Module, shape: Sequence[int], *, steps: int, batch_size: int, mask: Mask | None = None
) -> Cost:
    """The price of `steps` updates of `batch_size` images each, forward and backward, under `mask`.

    Counted in training mode, with the heads that a network has only there; `forward_flops` knows evaluation mode. The
    backward pass begins at all outputs of the network; frozen parameters (`requires_grad=False`) take no gradient.
    Evaluations are not counted. `shape` is that of one image.

    Raises:
        ValueError: steps or batch_size below 0; an autograd function of the network's own, whose backward pass cannot
            be seen; a network that leaves out a product in training mode, by name; and as `forward_flops`.
    """
    check_whole("steps", steps, 0)
    check_whole("batch_size", batch_size, 0)
    counts, examples = _counted(model, shape, mask, training=True), steps * batch_size
    dense, sparse = (a + b for a, b in zip(counts.forward, counts.backward(), strict=True))
    return Cost(steps, examples, examples * dense, examples * sparse)


def total(costs: Iterable[Cost]) -> Cost:
    """All prices together."""
    return sum(costs, Cost())


@dataclass(frozen=True)
class _Counts:
    """Operations of one example, (as dense hardware does them, without those by a weight of 0), there and back."""

    forward: tuple[int, int]
    back: tuple[int, int]
    untold: str = ""  # why `back` is not to be believed

    def backward(self) -> tuple[int, int]:
        """`back`. ValueError if it cannot be known."""
        if self.untold:
            raise ValueError(self.untold)
        return self.back


def _counted(model: nn.Module, shape: Sequence[int], mask: Mask | None, *, training: bool = False) -> _Counts:
    if mask is None:
        prunable(model)  # refuses computed weights, with the remedy
    else:
        mask.check(model)

    @torch.no_grad()
    def prepare(network: nn.Module) -> None:
        """No weight is 0 but where the mask says so: then the zeros in whatever is made of weights can be counted."""
        for parameter in network.parameters():
            if parameter.is_floating_point():
                parameter.uniform_(0.5, 1.5)
        if mask is not None:
            mask.to("cpu").apply_(network)

    found = trace(model, shape, examples=2, prepare=prepare)
    two = _by_module(found)
    if training and (moded := _in_training(model, shape, prepare, two)) is not None:
        found, two = moded
    else:
        training = False
    three = _by_module(trace(model, shape, examples=3, training=training, prepare=prepare))
    if not two:
        raise ValueError(
            f"{type(model).__name__} has nothing prunable; expected linear or convolutional layers."
        )
    untold = ""
    for where in two | three:
        for n in range(4):
            if 3 * two.get(where, [0] * 4)[n] != 2 * three.get(where, [0] * 4)[n]:
                mixed = (
                    f"{where} does not do three times as much with three examples as with one, so it has no price for "
                    "one; expected a network that treats each example by itself, with the batch as first dimension "
                    "(batch_first=True), and no product of parameters alone in its forward."
                )
                if n < 2:
                    raise ValueError(mixed)
                untold = mixed
    if found.custom:
        untold = (
            f"{type(model).__name__} has autograd functions of its own ({', '.join(found.custom)}), and what their "
            "backward pass computes cannot be seen; expected operations of torch. Write this part with them, or count "
            "the forward pass alone, by forward_flops."
        )
    dense, sparse, dense_back, sparse_back = (sum(c[n] for c in two.values()) // 2 for n in range(4))
    return _Counts((dense, sparse), (dense_back, sparse_back), untold)


def _in_training(
    model: nn.Module,
    shape: Sequence[int],
    prepare: Callable[[nn.Module], object],
    evaluated: dict[str, list[int]],
) -> tuple[Trace, dict[str, list[int]]] | None:
    """What two examples do in training mode; None if that is as much as in evaluation mode."""
    found = trace(model, shape, examples=2, training=True, prepare=prepare)
    counts, none = _by_module(found), [0] * 4
    pairs = {where: (counts.get(where, none), evaluated.get(where, none)) for where in evaluated | counts}
    if all(sum(now[n] - then[n] for now, then in pairs.values()) == 0 for n in (0, 2)):
        return None  # sparse or not: a weight that dropout made 0 is not a removed one
    for where, (now, then) in pairs.items():
        if now[0] < then[0] or now[1] < then[1]:
            raise ValueError(
                f"{where} does less in training mode than in evaluation mode, and whether always or by chance is not "
                "known here; expected a forward with all products of evaluation mode in training mode too. Give the "
                "network without the layers that are skipped, or count the forward pass alone, by forward_flops."
            )
    return found, counts


def _by_module(found: Trace) -> dict[str, list[int]]:
    """Dense and sparse operations of the products of each module, forward and backward."""
    counts: dict[str, list[int]] = {}
    different: dict[int, int] = {}  # by memory of copies
    for operation in found.operations:
        base = operation.name.rstrip("_") if operation.name != "_trilinear" else operation.name
        if base in _FACTORS:
            dense, sparse, passes = _of_product(operation, base)
            done = counts.setdefault(operation.where, [0, 0, 0, 0])
            for n, more in enumerate((dense, sparse, passes * dense, passes * sparse)):
                done[n] += more
        elif find_rule(operation) is None and operation.name not in _FREE:
            raise _refused(operation, "and it is not known here what that costs")
        elif base in ("mul", "div", "addcmul", "addcdiv") and _spreads(operation, different):
            raise _refused(
                operation, "in which two tensors make a larger one, as in a product written by hand"
            )
        _note_copies(operation, base, different)
    return counts


def _of_product(operation: Operation, name: str) -> tuple[int, int, int]:
    """Operations with and without weights of 0, and how often the backward pass repeats them."""
    factors: list[Seen] = [operation.given[n] for n in _FACTORS[name]]
    if any(f.dtype.is_complex for f in factors):
        raise _refused(operation, "with complex numbers, of which it is not known here what they cost")
    first, last = factors[0], factors[-1]
    if name == "convolution":
        given = operation.given
        places = first.size[2:] if given["transposed"] else operation.out[0].size[2:]
        dense = 2 * first.size[0] * torch.Size(places).numel() * last.numel
    elif name == "_trilinear":
        examples = first.numel // first.size[-1] if first.size[-1] else 0
        dense = 2 * examples * factors[1].numel
    elif name == "addr":
        dense = 2 * first.numel * last.numel
    else:
        dense = 2 * first.numel * (last.size[-1] if len(last.size) > 1 else 1)
    sparse = dense
    for factor in factors:
        if factor.origin == "weight" and factor.nonzero != factor.numel:
            if name == "convolution" and factor is first:
                raise _refused(
                    operation, "with weights in the place of an input, which are not all used equally often"
                )
            assert factor.nonzero is not None
            sparse = sparse * factor.nonzero // factor.numel
    return dense, sparse, sum(f.requires_grad for f in factors) if operation.backward else 0


def _different(tensor: Seen, different: dict[int, int]) -> int:
    """Entries, those of an expanded or repeated tensor once."""
    n = 1
    for length, step in zip(tensor.size, tensor.stride, strict=True):
        n *= length if step else min(1, length)
    return min(n, different.get(tensor.memory, n))


def _note_copies(operation: Operation, name: str, different: dict[int, int]) -> None:
    """Repeating a tensor makes it larger, but not richer: what it is multiplied with then is spread over it all the same."""
    places = {(t.memory, t.offset, t.size, t.stride): t for t in operation.tensors() if t.dtype != torch.long}
    if name == "copy":
        source = operation.given["src"]
        whole = operation.out[0].numel == operation.out[0].extent
        places = {(source.memory, 0, (), ()): source} if whole else {}
    for out in operation.out:
        different.pop(out.memory, None)
        if name in _COPIES and places:
            different[out.memory] = min(out.numel, sum(_different(t, different) for t in places.values()))


def _spreads(operation: Operation, different: dict[int, int]) -> bool:
    """Whether its result is larger than any of its tensors, copies not counted."""
    tensors = operation.tensors()
    return len(tensors) > 1 and operation.out[0].numel > max(_different(t, different) for t in tensors)


def _refused(operation: Operation, why: str) -> ValueError:
    name = operation.name if "::" in operation.name else f"aten.{operation.name}"
    return ValueError(
        f"{operation.where} uses {name}, {why}; expected linear, bilinear, convolutional, recurrent and attention layers, "
        "matmul or einsum, and what is done entry by entry. Write this part with such operations, or leave it out."
    )
