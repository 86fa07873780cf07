"""Loss and gradients of one batch: by autograd for every network, written out for plain stacks of linear layers.

On a CPU a small fully connected network spends a good part of a step outside its matrix products. Written out, its
backward pass is a dozen operators, no graph, and no new memory. These are the operators that autograd would call, in
the same order on the same numbers, so both ways give the same bits (tested); only the time differs.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lthkit.machine.devices import autocast, resolve_precision

Gradients = Callable[[Tensor, Tensor], tuple[Tensor, list[Tensor]]]


def gradients_of(model: nn.Module, *, precision: str = "float32", written_out: bool = True) -> Gradients:
    """A function (inputs [n, ...], labels int64 [n]) -> (mean cross-entropy, gradients).

    Gradients come in the order of `model.parameters()`, those that do not require one left out. What it returned for
    one batch is overwritten by the next.

    Args:
        precision: see `devices.autocast`.
        written_out: False takes autograd for every network.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    device = parameters[0].device
    layers = _plain_stack(model) if written_out else None
    if layers and device.type == "cpu" and resolve_precision(device, precision) != "bfloat16":
        return _WrittenOut(layers)

    def by_autograd(inputs: Tensor, labels: Tensor) -> tuple[Tensor, list[Tensor]]:
        with autocast(device, precision):
            loss = F.cross_entropy(model(inputs), labels)
        return loss.detach(), list(torch.autograd.grad(loss, parameters))

    return by_autograd


class _WrittenOut:
    """Backpropagation by hand through Linear, ReLU, Linear, ..., Linear. Gradients live in memory that is used again."""

    def __init__(self, layers: list[nn.Linear]) -> None:
        self.weights = [layer.weight for layer in layers]
        self.biases = [layer.bias for layer in layers]
        self.gradients = [torch.empty_like(p) for layer in layers for p in (layer.weight, layer.bias)]
        self.one = torch.ones((), dtype=self.weights[0].dtype)

    @torch.no_grad()
    def __call__(self, inputs: Tensor, labels: Tensor) -> tuple[Tensor, list[Tensor]]:
        entering = [inputs.flatten(1)]  # entering[k] goes into layer k
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            entering.append(torch.addmm(bias, entering[-1], weight.t()).relu_())
        logits = torch.addmm(self.biases[-1], entering[-1], self.weights[-1].t())
        log_softmax = logits.log_softmax(1)
        loss, count = torch.ops.aten.nll_loss_forward(log_softmax, labels, None, 1, -100)
        delta = torch.ops.aten.nll_loss_backward(self.one, log_softmax, labels, None, 1, -100, count)
        delta = torch.ops.aten._log_softmax_backward_data(delta, log_softmax, 1, logits.dtype)
        for k in range(len(self.weights) - 1, -1, -1):
            torch.mm(delta.t(), entering[k], out=self.gradients[2 * k])
            torch.sum(delta, 0, out=self.gradients[2 * k + 1])
            if k:
                delta = torch.ops.aten.threshold_backward(delta @ self.weights[k], entering[k], 0)
        return loss, list(self.gradients)


def _plain_stack(model: nn.Module) -> list[nn.Linear] | None:
    """The linear layers of a network that is Flatten, then Linear and ReLU in turn, Linear last; else None."""
    if not isinstance(model, nn.Sequential) or type(model).forward is not nn.Sequential.forward:
        return None
    modules = list(model)
    if modules and isinstance(modules[0], nn.Flatten):
        modules = modules[1:]
    linear, between = modules[0::2], modules[1::2]
    layers = [m for m in linear if type(m) is nn.Linear and m.bias is not None]
    if len(layers) < len(linear) or len(linear) != len(between) + 1:
        return None
    hooked = any(m._forward_hooks or m._forward_pre_hooks or m._backward_hooks for m in model.modules())
    trainable = all(p.requires_grad and p.is_floating_point() for p in model.parameters())
    shared = len({id(layer) for layer in layers}) < len(layers)
    if hooked or shared or not trainable or not all(type(m) is nn.ReLU for m in between):
        return None
    return layers
