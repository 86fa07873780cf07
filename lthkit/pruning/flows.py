"""What is known of a tensor on the way from input to output: where the input reaches it, where it can be other than 0."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lthkit.pruning.traces import Operation, Seen

SEALED = -1e9  # what is added to a score to keep softmax from looking there: -inf, or very far down


class Flow(NamedTuple):
    """What is known of a tensor, in its shape, float64.

    Attributes:
        reach: above 0 where an entry depends on the input; None if nothing in it does by the way it was made.
        support: above 0 where an entry can be other than 0.
        sealed: 1 where softmax will find nothing, as under a causal mask; None if nowhere.
    """

    reach: Tensor | None
    support: Tensor
    sealed: Tensor | None = None


class Given:
    """The arguments of an operation: plain ones as they are, tensors as `Flow`."""

    def __init__(self, operation: Operation, flow: Callable[[Seen], Flow]) -> None:
        self.operation, self._flow = operation, flow
        self.names = [a.name for a in operation.func._schema.arguments]

    def __getitem__(self, name: str) -> Any:
        """An argument; a tensor as its Flow."""
        value = self.operation.given.get(name)
        return self._flow(value) if isinstance(value, Seen) else value

    def plain(self, name: str, default: Any) -> Any:
        """An argument that is no tensor, or its default."""
        value = self.operation.given.get(name)
        return default if value is None else value

    def flows(self) -> list[Flow]:
        """Of all tensors."""
        return [self._flow(t) for t in self.operation.tensors()]

    @property
    def size(self) -> tuple[int, ...]:
        """Of the first result."""
        return self.operation.out[0].size


Rule = Callable[[Given], Flow]


class _Any(torch.autograd.Function):
    """1 where there is something, forwards and backwards: path counts need not grow with depth."""

    @staticmethod
    def forward(_ctx: Any, x: Tensor) -> Tensor:
        return (x > 0).double()

    @staticmethod
    def backward(_ctx: Any, g: Tensor) -> Tensor:
        return (g > 0).double()


def any_of(x: Tensor) -> Tensor:
    return _Any.apply(x)  # type: ignore[no-untyped-call, no-any-return]


def anyway(support: Tensor) -> Tensor:
    """1 everywhere, and it still rests on what it is made of: 1 + w is never 0, yet it follows the weight w."""
    return any_of(support + 1)


def sum_of(parts: Sequence[Tensor | None]) -> Tensor | None:
    there = [p for p in parts if p is not None]
    return any_of(sum(there[1:], there[0])) if there else None


def nothing(out: Seen) -> Flow:
    return Flow(None, torch.ones(out.size, dtype=torch.float64))


def each_of(flow: Flow, change: Callable[[Tensor], Tensor]) -> Flow:
    """The same linear operation, with no negative number in it, on all that is known."""
    reach = None if flow.reach is None else any_of(change(flow.reach))
    sealed = None if flow.sealed is None else (change(flow.sealed) > 0).double()
    return Flow(reach, any_of(change(flow.support)), sealed)


def looked_at(flow: Flow, look: Callable[[Tensor], Tensor]) -> Flow:
    """Another look at the same entries."""
    parts = [None if part is None else look(part) for part in flow]
    assert parts[1] is not None
    return Flow(parts[0], parts[1], parts[2])


def factor(flow: Flow) -> Tensor:
    """The support of a factor. Paths begin at the input only, so what an activation's support rests on is no path."""
    return flow.support if flow.reach is None else flow.support.detach()


def product(times: Callable[..., Tensor], *factors: Flow) -> Flow:
    """A product in each factor: what reaches one of them goes on where the others have support."""
    supports = [factor(f) for f in factors]
    reach = sum_of(
        [
            times(*supports[:i], f.reach, *supports[i + 1 :])
            for i, f in enumerate(factors)
            if f.reach is not None
        ]
    )
    return Flow(reach, any_of(times(*supports)))


def plus(one: Flow, other: Flow | None) -> Flow:
    if other is None:
        return one
    support = any_of(one.support + other.support)
    reach = None
    if one.reach is not None or other.reach is not None:
        zero = torch.zeros_like(support)
        reach = any_of(
            (zero if one.reach is None else one.reach) + (zero if other.reach is None else other.reach)
        )
    sealed = sealed_of(one, other, support)
    return Flow(reach if sealed is None or reach is None else reach * (1 - sealed), support, sealed)


def sealed_of(one: Flow, other: Flow, like: Tensor) -> Tensor | None:
    if one.sealed is None and other.sealed is None:
        return None
    parts = [torch.zeros_like(like) + s for s in (one.sealed, other.sealed) if s is not None]
    return (sum(parts[1:], parts[0]) > 0).double().detach()
