"""Loss and gradients of one batch: by autograd for every network, written out for plain stacks of linear layers.

On a CPU a small fully connected network spends a good part of a step outside its matrix products. Written out, the
backward pass is a dozen large operators and no graph. Both paths give the same numbers to float tolerance (tested);
which one runs is a function of the network, the device and the precision alone, so equal runs take equal paths.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lthkit.devices import autocast, resolve_precision

Gradients = Callable[[Tensor, Tensor], tuple[Tensor, list[Tensor]]]


def gradients_of(model: nn.Module, *, device: torch.device, precision: str = "float32") -> Gradients:
    """A function (inputs [n, ...], labels int64 [n]) -> (mean cross-entropy, gradients).

    Gradients come in the order of `model.parameters()`, those that do not require one left out.
    """
    layers = _plain_stack(model)
    if layers and device.type == "cpu" and resolve_precision(device, precision) == "float32":
        return lambda inputs, labels: _written_out(layers, inputs, labels)
    parameters = [p for p in model.parameters() if p.requires_grad]

    def by_autograd(inputs: Tensor, labels: Tensor) -> tuple[Tensor, list[Tensor]]:
        with autocast(device, precision):
            loss = F.cross_entropy(model(inputs), labels)
        return loss.detach(), list(torch.autograd.grad(loss, parameters))

    return by_autograd


def _plain_stack(model: nn.Module) -> list[nn.Linear] | None:
    """The linear layers of a network that is Flatten, then Linear and ReLU in turn, Linear last; else None."""
    if not isinstance(model, nn.Sequential) or type(model).forward is not nn.Sequential.forward:
        return None
    modules = list(model)
    if modules and isinstance(modules[0], nn.Flatten):
        modules = modules[1:]
    linear, between = modules[0::2], modules[1::2]
    layers = [m for m in linear if type(m) is nn.Linear and m.bias is not None]
    ordinary = len(layers) == len(linear) and len(linear) == len(between) + 1
    hooked = any(m._forward_hooks or m._forward_pre_hooks or m._backward_hooks for m in model.modules())
    trainable = all(p.requires_grad and p.dtype == torch.float32 for p in model.parameters())
    if not (ordinary and trainable and not hooked and all(type(m) is nn.ReLU for m in between)):
        return None
    return layers


@torch.no_grad()
def _written_out(layers: Sequence[nn.Linear], inputs: Tensor, labels: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Backpropagation by hand; activations[k] is what goes into layer k."""
    activations = [inputs.flatten(1)]
    for layer in layers[:-1]:
        activations.append(torch.addmm(layer.bias, activations[-1], layer.weight.t()).relu_())
    logits = torch.addmm(layers[-1].bias, activations[-1], layers[-1].weight.t())
    log_probabilities = logits.log_softmax(1)
    loss = F.nll_loss(log_probabilities, labels)
    delta = log_probabilities.exp_()  # the gradient of the loss in the logits: (softmax - one-hot) / n
    delta.scatter_add_(1, labels.unsqueeze(1), delta.new_full((len(labels), 1), -1.0)).div_(len(labels))
    gradients: list[Tensor] = []
    for k in range(len(layers) - 1, -1, -1):
        gradients[:0] = [delta.t() @ activations[k], delta.sum(0)]
        if k:
            delta = (delta @ layers[k].weight).masked_fill_(activations[k] == 0, 0.0)
    return loss, gradients
