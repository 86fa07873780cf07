"""Which weights lie on a path from input to output. No value decides it: not a weight's, not an activation's.

The operations of one forward pass (`pruning.traces`) are run again on two numbers in place of each entry: `reach`, 1 where
the entry depends on the input, and `support`, 1 where it can be other than 0. A product passes on what reaches one
factor where the other has support; an activation, whatever its curve, passes on what reaches it; softmax and
normalisation connect all that they look at together. Going backwards is the derivative of this, in which 1 stays 1.

What is known of a tensor is in `flows`, how paths run through an operation in `flow_rules`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lthkit.pruning.flow_rules import rule_of
from lthkit.pruning.flows import (
    SEALED,
    Flow,
    Given,
    looked_at,
    nothing,
)
from lthkit.pruning.masks import Mask
from lthkit.pruning.traces import Operation, Seen, trace


def connected(model: nn.Module, mask: Mask, shape: Sequence[int]) -> Mask:
    """What `mask` keeps *and* what lies on some path of kept weights from input to output.

    A kept weight behind a dead neuron does nothing. Where the connected mask keeps nothing, the layer has collapsed
    (Tanaka et al. 2020, section 3), and with it the network. Values play no part: a weight of 0 that the mask keeps is a
    path, and so is a saturated sigmoid. Biases, gains and weights that the mask leaves out count as other than 0, but no
    path begins at them. A layer that forward does not use has nothing connected.

    Args:
        shape: of one input, without the batch.

    Raises:
        ValueError: the mask belongs to another model; another shape; an operation of which no rule says how paths run
            through it, by name; a forward that decides by values.
    """
    mask.check(model)
    found = trace(model, shape)
    leaves = {name: kept.detach().cpu().double().requires_grad_() for name, kept in mask.items()}
    memory = _Memory()
    for name, copied in found.parameters.items():
        kept = leaves.get(name)
        memory.hold(found.memory[name], copied, torch.ones(copied.shape).double() if kept is None else kept)
    memory.write(found.source, Flow(*(torch.ones(found.source.size).double() for _ in range(2))))
    with torch.enable_grad():
        for operation in found.operations:
            flow = rule_of(operation)(Given(operation, memory.read))
            memory.begin(operation)
            for i, out in enumerate(operation.out):
                memory.write(out, flow if i == 0 or out.size == operation.out[0].size else nothing(out))
        total = sum(
            (r.sum() for out in found.outputs if (r := memory.read(out).reach) is not None),
            torch.zeros((), dtype=torch.float64),
        )
    through: Sequence[Tensor | None] = [None] * len(leaves)
    if total.requires_grad:
        through = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    return Mask(
        {
            name: kept & (g > 0).to(kept.device) if g is not None else torch.zeros_like(kept)
            for (name, kept), g in zip(mask.items(), through, strict=True)
        }
    )


class _Memory:
    """Flows by piece of memory, flat, so that views and writing in place need no rule."""

    def __init__(self) -> None:
        self._flat: dict[int, Flow] = {}

    def hold(self, memory: int, parameter: Tensor, support: Tensor) -> None:
        """A parameter, which no path begins at."""
        extent = parameter.untyped_storage().nbytes() // parameter.element_size()
        before = self._flat.get(memory, Flow(None, torch.zeros(extent, dtype=torch.float64))).support
        stride, offset = tuple(parameter.stride()), int(parameter.storage_offset())
        self._flat[memory] = Flow(None, _put(before, support, tuple(parameter.shape), stride, offset))

    def read(self, seen: Seen) -> Flow:
        if (flat := self._flat.get(seen.memory)) is None or seen.origin == "constant":
            flat = _constant(seen)
        return looked_at(flat, lambda part: _look(part, seen))

    def begin(self, operation: Operation) -> None:
        """What is written into a constant leaves the rest of it as it is."""
        written = {out.memory for out in operation.out}
        for seen in operation.tensors():
            if seen.origin == "constant" and seen.memory in written:
                self._flat[seen.memory] = _constant(seen)

    def write(self, out: Seen, flow: Flow) -> None:
        if not out.numel:
            return
        before = self._flat.get(out.memory)
        if before is None or len(before.support) != out.extent:
            before = Flow(None, torch.zeros(out.extent, dtype=torch.float64))
        geometry = (out.size, out.stride, out.offset)
        parts: list[Tensor | None] = []
        for old, new in zip(before, flow, strict=True):
            if new is None and old is None:
                parts.append(None)
                continue
            whole = torch.zeros_like(before.support) if old is None else old
            value = torch.zeros(out.size, dtype=torch.float64) if new is None else new.expand(out.size)
            parts.append(_put(whole, value, *geometry))
        self._flat[out.memory] = Flow(parts[0], parts[1], parts[2])  # type: ignore[arg-type]


def _constant(seen: Seen) -> Flow:
    assert seen.values is not None
    values = seen.values
    sealed = (values <= SEALED).double() if values.is_floating_point() else None
    return Flow(None, (values != 0).double(), sealed if sealed is not None and bool(sealed.any()) else None)


def _plain_order(size: tuple[int, ...], stride: tuple[int, ...], offset: int, extent: int) -> bool:
    return offset == 0 and torch.Size(size).numel() == extent and stride == _strides(size)


def _strides(size: tuple[int, ...]) -> tuple[int, ...]:
    strides, step = [], 1
    for length in reversed(size):
        strides.append(step)
        step *= max(1, length)
    return tuple(reversed(strides))


def _look(flat: Tensor, seen: Seen) -> Tensor:
    if _plain_order(seen.size, seen.stride, seen.offset, len(flat)):
        return flat.view(seen.size)
    return flat.as_strided(seen.size, seen.stride, seen.offset)


def _put(flat: Tensor, value: Tensor, size: Any, stride: Any, offset: int) -> Tensor:
    if _plain_order(size, stride, offset, len(flat)):
        return value.reshape(-1)
    flat = flat.clone()  # as_strided_scatter would do it in one, but its derivative is 0
    flat.as_strided(size, stride, offset).copy_(value)
    return flat
