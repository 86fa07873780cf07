"""SGD, Adam and AdamW as one fused update over a list of tensors, their state in the open, and learning-rate schedules.

The state is plain tensors by name, because a rewind loads and a mask multiplies it. The updates are those of
`torch.optim` (a test compares them); importing `torch.optim` itself costs about a second at start-up. Any other optimizer
of torch's comes in by `torch_optimizers`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from lthkit.machine.checks import is_number, plain, prefix_explained

T = TypeVar("T")
Schedule = Callable[[int], float]

OPTIMIZERS = ("sgd", "adam", "adamw")
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
        self._held: dict[int, tuple[Tensor, torch.Size]] = {}  # by place: what `hold_only` was told

    def hold_only(self, values: Mapping[str, Tensor], places: Mapping[str, Tensor]) -> None:
        """From here on update `values` in place of these parameters, and hold the state of these places alone.

        Elsewhere the state is 0, and nothing will move it. `state` and `load_state` speak of whole parameters as ever.

        Args:
            values: by name, [kept]. places: by name, where they belong in the flat parameter, int64 [kept].
        """
        for name, kept in values.items():
            i = self.names.index(name)
            self._held[i] = places[name], self.parameters[i].shape
            self.parameters[i] = kept
            for buffers in self.buffers.values():
                buffers[i] = buffers[i].reshape(-1)[places[name]]

    def step(self, gradients: Sequence[Tensor | None], lr: float | Tensor) -> None:
        """One update with the given gradients, in the order of the parameters; lr may lie on the device, float32 [].

        Where a gradient is None, because the loss does not depend on the parameter, the parameter and its state stay as
        they are: no weight decay, no momentum.
        """
        raise NotImplementedError

    def state(self) -> dict[str, Tensor]:
        """A copy of the state: `kind/parameter` -> tensor, and `updates`, the number of steps taken."""
        copies = {
            f"{k}/{n}": self._whole(i, bs[i])
            for k, bs in self.buffers.items()
            for i, n in enumerate(self.names)
        }
        return copies | {"updates": torch.tensor(self.updates)}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Copy a state that `state()` gave. ValueError if it belongs to another optimizer or model."""
        expected = {f"{kind}/{name}" for kind in self.kinds for name in self.names} | {"updates"}
        if set(state) - {f"updates/{name}" for name in self.names} != expected:
            raise ValueError(
                f"The optimizer state has {sorted(state)}, expected {sorted(expected)}: it comes from another optimizer "
                "or another model. Rewind with momentum='fresh' to start without it."
                + prefix_explained(state, expected)
            )
        for kind, buffers in self.buffers.items():
            for i, (name, buffer) in enumerate(zip(self.names, buffers, strict=True)):
                given = state[f"{kind}/{name}"]
                buffer.copy_(given.reshape(-1)[self._held[i][0]] if i in self._held else given)
        self.updates = int(state["updates"])

    def _whole(self, i: int, buffer: Tensor) -> Tensor:
        """A copy of a buffer in the shape of its parameter."""
        if i not in self._held:
            return buffer.clone()
        places, shape = self._held[i]
        return buffer.new_zeros(shape.numel()).scatter_(0, places, buffer).view(shape)

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
    """Gradient descent with momentum, Nesterov's too, and L2 weight decay, as `torch.optim.SGD` (dampening 0)."""

    kinds = ("momentum",)

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        *,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(parameters)
        self.momentum, self.weight_decay, self.nesterov = momentum, weight_decay, nesterov

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor | None], lr: float | Tensor) -> None:
        """g + wd w -> momentum buffer -> w."""
        at, there = _present(gradients)
        parameters = _picked(self.parameters, at)
        if self.weight_decay:
            there = list(torch._foreach_add(there, parameters, alpha=self.weight_decay))
        if self.momentum:
            buffers = _picked(self.buffers["momentum"], at)
            torch._foreach_mul_(buffers, self.momentum)
            torch._foreach_add_(buffers, there)
            there = (
                list(torch._foreach_add(there, buffers, alpha=self.momentum)) if self.nesterov else buffers
            )
        if isinstance(lr, Tensor):
            torch._foreach_sub_(parameters, torch._foreach_mul(there, lr))
        else:
            torch._foreach_add_(parameters, there, alpha=-lr)
        self.updates += 1


class Adam(Optimizer):
    """Adam with L2 weight decay, as `torch.optim.Adam` (Kingma & Ba 2015, algorithm 1)."""

    kinds = ("mean", "square")
    kernel = "_fused_adam_"

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
        self.fused = hasattr(torch, self.kernel) and device.type in ("cpu", "cuda")
        self._step = torch.zeros((), dtype=torch.float32, device=device)  # one count for all parameters,
        self._own: dict[int, Tensor] = {}  # but for those, by their place, that have missed an update
        kinds: dict[torch.dtype, list[int]] = {}  # the fused kernel wants parameters of one type
        for i, parameter in enumerate(self.parameters):
            kinds.setdefault(parameter.dtype, []).append(i)
        self._kinds = list(kinds.values())

    def state(self) -> dict[str, Tensor]:
        """As for any optimizer; `updates/parameter` is there for one that has missed some of the updates."""
        own = {f"updates/{self.names[i]}": torch.tensor(int(n)) for i, n in self._own.items()}
        return super().state() | own

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Copy a state, its step counts included."""
        super().load_state(state)
        self._step.fill_(self.updates)
        own = {i: state.get(f"updates/{name}") for i, name in enumerate(self.names)}
        self._own = {i: torch.full_like(self._step, float(n)) for i, n in own.items() if n is not None}

    def tensors(self) -> list[Tensor]:
        """All tensors of the state themselves, the step counts that lie on the device among them."""
        return [*super().tensors(), self._step, *self._own.values()]

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor | None], lr: float | Tensor) -> None:
        """One bias-corrected update, in one pass over memory where torch has the fused kernel."""
        at, there = _present(gradients)
        if at is not None:
            for i in set(range(len(gradients))) - set(at) - self._own.keys():
                self._own[i] = torch.full_like(self._step, float(self.updates))
        self.updates += 1
        self._step.add_(1)
        for i, own in self._own.items():
            if gradients[i] is not None:
                own.add_(1)
        if at is None and len(self._kinds) == 1 and not self._own:
            self._update(None, there, [self._step] * len(there), lr)
            return
        for kind in self._kinds:
            some = [i for i in kind if gradients[i] is not None]
            if some:
                counts = [self._own.get(i, self._step) for i in some]
                self._update(some, [g for i in some if (g := gradients[i]) is not None], counts, lr)

    def _update(
        self, at: list[int] | None, gradients: list[Tensor], counts: list[Tensor], lr: float | Tensor
    ) -> None:
        """Update the parameters at these places, which have done so many updates, this one counted."""
        beta1, beta2 = self.betas
        parameters = _picked(self.parameters, at)
        means, squares = _picked(self.buffers["mean"], at), _picked(self.buffers["square"], at)
        if self.fused:
            getattr(torch, self.kernel)(
                parameters,
                gradients,
                means,
                squares,
                [],
                counts,
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
        gradients = self._decayed(parameters, gradients, lr)
        torch._foreach_lerp_(means, gradients, 1 - beta1)
        torch._foreach_mul_(squares, beta2)
        torch._foreach_addcmul_(squares, gradients, gradients, value=1 - beta2)
        denominators = list(torch._foreach_sqrt(squares))
        done = [self.updates if count is self._step else int(count) for count in counts]
        torch._foreach_div_(denominators, [math.sqrt(1 - beta2**n) for n in done])
        torch._foreach_add_(denominators, self.eps)
        torch._foreach_addcdiv_(parameters, means, denominators, [-lr / (1 - beta1**n) for n in done])

    def _decayed(self, parameters: list[Tensor], gradients: list[Tensor], lr: float) -> list[Tensor]:
        """Where there is no fused kernel: the gradients, with the weight decay in them."""
        if not self.weight_decay:
            return gradients
        return list(torch._foreach_add(gradients, parameters, alpha=self.weight_decay))


class AdamW(Adam):
    """Adam whose weight decay shrinks the weights themselves, as `torch.optim.AdamW` (Loshchilov & Hutter 2019)."""

    kernel = "_fused_adamw_"

    def _decayed(self, parameters: list[Tensor], gradients: list[Tensor], lr: float) -> list[Tensor]:
        if self.weight_decay:
            torch._foreach_mul_(parameters, 1 - lr * self.weight_decay)
        return gradients


def _present(gradients: Sequence[Tensor | None]) -> tuple[list[int] | None, list[Tensor]]:
    """Places of the gradients that there are, None for all, and these gradients."""
    there = [gradient for gradient in gradients if gradient is not None]
    if len(there) == len(gradients):
        return None, there
    return [i for i, gradient in enumerate(gradients) if gradient is not None], there


def _picked(items: list[T], at: list[int] | None) -> list[T]:
    return items if at is None else [items[i] for i in at]


def learning_rate(
    step: int,
    *,
    base: float,
    steps: int,
    schedule: str | Schedule = "constant",
    milestones: Sequence[int] = (),
    decay: float = 0.1,
    warmup: int = 0,
) -> float:
    """Learning rate of update number `step` (from 0) in a training of `steps` updates: a function of the step alone.

    "step" multiplies by `decay` at each milestone; "cosine" falls to 0 over the steps after the warm-up; `warmup`
    steps rise linearly to the base before either: update `step` has (step + 1) / warmup of it, so the first one moves.
    In open_lth it has step / warmup, one update behind, and its first update has a learning rate of 0.

    A schedule of one's own is a function of the step that gives a *factor*, as for torch's LambdaLR: after the warm-up, if
    there is one, the rate is base * schedule(step).

    Raises:
        ValueError: an unknown schedule; a factor that is no finite number of 0 or more.
    """
    if step < warmup:
        return base * (step + 1) / warmup
    if callable(schedule):
        return base * _factor(schedule, step)
    if schedule == "step":
        return base * decay ** sum(step >= m for m in milestones)
    if schedule == "cosine":
        return base * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))
    if schedule != "constant":
        raise ValueError(f"schedule={schedule!r} was given; expected one of {', '.join(SCHEDULES)}.")
    return base


def _factor(schedule: Schedule, step: int) -> float:
    factor: Any = plain(schedule(step))
    if not (is_number(factor) and math.isfinite(factor) and factor >= 0):
        raise ValueError(
            f"The schedule gave {factor!r} for step {step}; expected a finite number of 0 or more, which multiplies lr."
        )
    return float(factor)
