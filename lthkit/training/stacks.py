"""Several networks of one architecture as one: every parameter becomes a tensor with a replicate in front, [R, ...].

One operator then works for all replicates at once (`torch.func.vmap`). On a GPU, where a small network's step is
bound by the launching of operators, R networks cost little more than one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, vmap

from lthkit.machine.devices import autocast


class Stack:
    """Copies of the weights and buffers of R networks, stacked; `write_back` puts them into the networks again.

    parameters, buffers: name -> tensor [R, *shape]; parameters that need no gradient are with the buffers.
    """

    def __init__(self, models: Sequence[nn.Module], *, precision: str = "float32") -> None:
        self.models, self.precision = list(models), precision
        first = {name: tensor.shape for name, tensor in self.models[0].state_dict().items()}
        for r, model in enumerate(self.models):
            shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
            if shapes != first:
                odd = sorted(n for n in shapes.keys() | first.keys() if shapes.get(n) != first.get(n))
                raise ValueError(
                    f"Network {r} has another architecture than network 0 ({odd} differ); only networks of one "
                    "architecture can be stacked. Train it by itself."
                )
        trained = {name for name, p in self.models[0].named_parameters() if p.requires_grad}
        states = [model.state_dict() for model in self.models]
        stacked = {name: torch.stack([state[name].detach() for state in states]) for name in first}
        self.parameters = {n: t.requires_grad_() for n, t in stacked.items() if n in trained}
        self.buffers = {n: t for n, t in stacked.items() if n not in trained}
        self.device = next(iter(self.parameters.values())).device

    def gradients(self, inputs: Tensor, labels: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Inputs [R, n, ...] and labels int64 [R, n] -> losses [R] and the gradient of each parameter [R, *shape].

        No loss depends on another replicate's weights, so the gradient of their sum holds the gradient of each.
        """
        with autocast(self.device, self.precision):
            losses = vmap(self._loss)(self.parameters, self.buffers, inputs, labels)
        return losses.detach(), list(torch.autograd.grad(losses.sum(), list(self.parameters.values())))

    def _loss(
        self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], inputs: Tensor, labels: Tensor
    ) -> Tensor:
        return F.cross_entropy(functional_call(self.models[0], (parameters, buffers), (inputs,)), labels)

    @torch.no_grad()
    def read(self) -> None:
        """Copy the networks' weights and buffers into the stack again."""
        for name, stacked in (self.parameters | self.buffers).items():
            stacked.copy_(torch.stack([model.state_dict()[name] for model in self.models]))

    @torch.no_grad()
    def write_back(self, replicates: Iterable[int]) -> None:
        """Copy the weights and buffers of these replicates into their networks."""
        for r in replicates:
            for name, tensor in self.models[r].state_dict().items():
                source = self.parameters if name in self.parameters else self.buffers
                tensor.copy_(source[name][r])
