"""Several networks of one architecture as one: every parameter becomes a tensor with a replicate in front, [R, ...].

One operator then works for all replicates at once (`torch.func.vmap`). On a GPU, where a small network's step is
bound by the launching of operators, R networks cost little more than one.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from lthkit.machine.checks import first_line, one_tensor
from lthkit.machine.devices import autocast
from lthkit.training.tasks import Task


class Stack:
    """Copies of the weights and buffers of R networks, stacked; `write_back` puts them into the networks again.

    parameters, buffers: name -> tensor [R, *shape]; parameters that need no gradient are with the buffers.
    """

    def __init__(
        self,
        models: Sequence[nn.Module],
        *,
        precision: str = "float32",
        task: Task = Task(),  # noqa: B008  (frozen)
    ) -> None:
        self.models, self.precision, self.task = list(models), precision, task
        first = _made_of(self.models[0])
        for r, model in enumerate(self.models):
            made = _made_of(model)
            if odd := sorted(n for n in made.keys() | first.keys() if made.get(n) != first.get(n)):
                raise ValueError(
                    f"Network {r} has another architecture than network 0 ({odd} differ); only networks of one "
                    "architecture can be stacked. Train it by itself."
                )
            if hooked := [n for n, p in model.named_parameters() if p._backward_hooks]:
                raise ValueError(
                    f"{hooked[0]} of network {r} has a hook on its gradient (register_hook), which a stack would not run. "
                    "Remove it, or train the network by itself."
                )
        trained = {name for name, p in self.models[0].named_parameters() if p.requires_grad}
        states = [_own(model) for model in self.models]
        stacked = {name: torch.stack([state[name].detach() for state in states]) for name in states[0]}
        self.parameters = {n: t.requires_grad_() for n, t in stacked.items() if n in trained}
        self.buffers = {n: t for n, t in stacked.items() if n not in trained}
        self._places = _places(self.models[0], set(stacked))
        self.device = next(iter(self.parameters.values())).device

    def gradients(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Inputs [R, n, ...] and targets [R, n, ...] -> losses [R] and the gradient of each parameter [R, *shape].

        No loss depends on another replicate's weights, so the gradient of their sum holds the gradient of each.
        """
        try:
            with autocast(self.device, self.precision):
                losses = vmap(self._loss)(self.parameters, self.buffers, inputs, targets)
        except RuntimeError as error:
            if "randomness" not in str(error):
                if callable(self.task.loss) and "vmap" in str(error):
                    raise ValueError(
                        f"The networks of a stack share one call of the loss, which torch.func.vmap cannot do ({first_line(error)}). "
                        "Train each network by itself, with lthkit.train."
                    ) from error
                raise
            raise ValueError(
                f"{type(self.models[0]).__name__} draws random numbers (dropout does), which differ from network to network; "
                "such networks cannot be stacked. Train each by itself, with lthkit.train."
            ) from error
        parameters = list(self.parameters.values())
        return losses.detach(), list(torch.autograd.grad(losses.sum(), parameters, allow_unused=True))

    def _loss(
        self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], inputs: Tensor, targets: Tensor
    ) -> Tensor:
        own = parameters | buffers
        tensors = {name: own[first] for name, first in self._places.items()}
        # torch's own way with tied weights leaves tensors of the stack in a layer that is used twice.
        outputs = functional_call(self.models[0], tensors, (inputs,), tie_weights=False)
        return self.task.mean_loss(one_tensor(self.models[0], outputs), targets)

    @torch.no_grad()
    def read(self) -> None:
        """Copy the networks' weights and buffers into the stack again."""
        states = [_own(model) for model in self.models]
        for name, stacked in (self.parameters | self.buffers).items():
            stacked.copy_(torch.stack([state[name] for state in states]))

    @torch.no_grad()
    def write_back(self, replicates: Iterable[int]) -> None:
        """Copy the weights and buffers of these replicates into their networks."""
        for r in replicates:
            for name, tensor in _own(self.models[r]).items():
                source = self.parameters if name in self.parameters else self.buffers
                tensor.copy_(source[name][r])


def _own(model: nn.Module) -> dict[str, Tensor]:
    """The tensors of a network's state, tied ones once, by their first name."""
    first = {id(tensor): name for name, tensor in reversed(model.state_dict(keep_vars=True).items())}
    return {name: t for name, t in model.state_dict(keep_vars=True).items() if first[id(t)] == name}


def _places(model: nn.Module, own: set[str]) -> dict[str, str]:
    """Every place of a module that holds a tensor of the state, once a module -> the tensor's first name."""
    first = {id(tensor): n for n, tensor in reversed(model.state_dict(keep_vars=True).items())}
    places: dict[str, str] = {}
    for path, module in model.named_modules():
        held = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
        places |= {f"{path}.{n}".removeprefix("."): first[id(t)] for n, t in held if first.get(id(t)) in own}
    return places


def _made_of(model: nn.Module) -> dict[str, object]:
    """What must be equal in networks that are stacked, because the code of the first one serves all."""
    made: dict[str, object] = {
        name: (tensor.shape, tensor.dtype, tensor.requires_grad) for name, tensor in _own(model).items()
    }
    for name, module in model.named_modules():
        settings = {
            key: getattr(value, "__code__", value)  # of a function: two may do the same
            for key, value in vars(module).items()
            if isinstance(value, bool | int | float | str | tuple) or inspect.isroutine(value)
        }
        made[f"{name or 'network'} ({type(module).__name__})"] = (type(module), module.extra_repr(), settings)
    return made
