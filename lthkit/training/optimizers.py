"""SGD and Adam as one fused update over a list of tensors, with their state in the open, and learning-rate schedules.

The state is plain tensors by name, because a rewind loads and a mask multiplies it. The updates are those of
`torch.optim` (a test compares them); importing `torch.optim` itself costs about a second at start-up.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

OPTIMIZERS = ("sgd", "adam")
SCHEDULES = ("constant", "step", "cosine")


class Optimizer:
    """Parameters by name and one buffer set for each kind of state; `step` updates all of them in place."""

    kinds: tuple[str, ...] = ()

    def __init__(self, parameters: Mapping[str, Tensor]) -> None:
        self.names = list(parameters)
        self.parameters = list(parameters.values())
        self.buffers = {
            kind: [torch.zeros_like(p, requires_grad=False) for p in self.parameters] for kind in self.kinds
        }
        self.updates = 0

    def step(self, gradients: list[Tensor], lr: float | Tensor) -> None:
        """One update with the given gradients, in the order of the parameters; lr may lie on the device, float32 []."""
        raise NotImplementedError

    def state(self) -> dict[str, Tensor]:
        """A copy of the state: `kind/parameter` -> tensor, and `updates`, the number of steps taken."""
        copies = {
            f"{k}/{n}": b.clone()
            for k, bs in self.buffers.items()
            for n, b in zip(self.names, bs, strict=True)
        }
        return copies | {"updates": torch.tensor(self.updates)}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Copy a state that `state()` gave. ValueError if it belongs to another optimizer or model."""
        expected = {f"{kind}/{name}" for kind in self.kinds for name in self.names} | {"updates"}
        if set(state) != expected:
            raise ValueError(
                f"The optimizer state has {sorted(state)}, expected {sorted(expected)}: it comes from another optimizer "
                "or another model. Rewind with momentum='fresh' to start without it."
            )
        for kind, buffers in self.buffers.items():
            for name, buffer in zip(self.names, buffers, strict=True):
                buffer.copy_(state[f"{kind}/{name}"])
        self.updates = int(state["updates"])

    def tensors(self) -> list[Tensor]:
        """All tensors of the state themselves, not copies."""
        return [buffer for buffers in self.buffers.values() for buffer in buffers]

    def mask_(self, masks: Mapping[str, Tensor]) -> None:
        """Set the state of removed weights to 0; a restored momentum would otherwise move them."""
        for buffers in self.buffers.values():
            for name, buffer in zip(self.names, buffers, strict=True):
                if name in masks:
                    buffer.masked_fill_(~masks[name], 0.0)


class SGD(Optimizer):
    """Gradient descent with momentum and L2 weight decay, as `torch.optim.SGD` (dampening 0, no Nesterov)."""

    kinds = ("momentum",)

    def __init__(
        self, parameters: Mapping[str, Tensor], *, momentum: float = 0.0, weight_decay: float = 0.0
    ) -> None:
        super().__init__(parameters)
        self.momentum, self.weight_decay = momentum, weight_decay

    @torch.no_grad()
    def step(self, gradients: list[Tensor], lr: float | Tensor) -> None:
        """g + wd w -> momentum buffer -> w."""
        if self.weight_decay:
            gradients = list(torch._foreach_add(gradients, self.parameters, alpha=self.weight_decay))
        if self.momentum:
            buffers = self.buffers["momentum"]
            torch._foreach_mul_(buffers, self.momentum)
            torch._foreach_add_(buffers, gradients)
            gradients = buffers
        if isinstance(lr, Tensor):
            torch._foreach_sub_(self.parameters, torch._foreach_mul(gradients, lr))
        else:
            torch._foreach_add_(self.parameters, gradients, alpha=-lr)
        self.updates += 1


class Adam(Optimizer):
    """Adam with L2 weight decay, as `torch.optim.Adam` (Kingma & Ba 2015, algorithm 1)."""

    kinds = ("mean", "square")

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        *,
        weight_decay: float = 0.0,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        super().__init__(parameters)
        self.weight_decay, self.betas, self.eps = weight_decay, betas, eps
        device = self.parameters[0].device
        self.fused = hasattr(torch, "_fused_adam_") and device.type in ("cpu", "cuda")
        self._step = torch.zeros(
            (), dtype=torch.float32, device=device
        )  # one count, shared by all parameters

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Copy a state, its step count included."""
        super().load_state(state)
        self._step.fill_(self.updates)

    def tensors(self) -> list[Tensor]:
        """All tensors of the state themselves, the step count that lies on the device among them."""
        return [*super().tensors(), self._step]

    @torch.no_grad()
    def step(self, gradients: list[Tensor], lr: float | Tensor) -> None:
        """One bias-corrected update, in one pass over memory where torch has the fused kernel."""
        self.updates += 1
        beta1, beta2 = self.betas
        means, squares = self.buffers["mean"], self.buffers["square"]
        if self.fused:
            self._step.add_(1)
            torch._fused_adam_(
                self.parameters,
                gradients,
                means,
                squares,
                [],
                [self._step] * len(self.parameters),
                lr=lr,
                beta1=beta1,
                beta2=beta2,
                weight_decay=self.weight_decay,
                eps=self.eps,
                amsgrad=False,
                maximize=False,
            )
            return
        if isinstance(lr, Tensor):
            lr = float(lr)
        if self.weight_decay:
            gradients = list(torch._foreach_add(gradients, self.parameters, alpha=self.weight_decay))
        torch._foreach_lerp_(means, gradients, 1 - beta1)
        torch._foreach_mul_(squares, beta2)
        torch._foreach_addcmul_(squares, gradients, gradients, value=1 - beta2)
        denominators = list(torch._foreach_sqrt(squares))
        torch._foreach_div_(denominators, math.sqrt(1 - beta2**self.updates))
        torch._foreach_add_(denominators, self.eps)
        torch._foreach_addcdiv_(self.parameters, means, denominators, value=-lr / (1 - beta1**self.updates))


def learning_rate(
    step: int,
    *,
    base: float,
    steps: int,
    schedule: str = "constant",
    milestones: Sequence[int] = (),
    decay: float = 0.1,
    warmup: int = 0,
) -> float:
    """Learning rate of update number `step` (from 0) in a training of `steps` updates: a function of the step alone.

    "step" multiplies by `decay` at each milestone; "cosine" falls to 0 over the steps after the warm-up; `warmup`
    steps rise linearly to the base before either: update `step` has (step + 1) / warmup of it, so the first one moves.
    In open_lth it has step / warmup, one update behind, and its first update has a learning rate of 0.
    """
    if step < warmup:
        return base * (step + 1) / warmup
    if schedule == "step":
        return base * decay ** sum(step >= m for m in milestones)
    if schedule == "cosine":
        return base * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))
    if schedule != "constant":
        raise ValueError(f"schedule={schedule!r} was given; expected one of {', '.join(SCHEDULES)}.")
    return base
