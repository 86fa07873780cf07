"""Loss and gradients of one batch: by autograd for every network, written out for plain stacks of linear layers.

On a CPU a small fully connected network spends a good part of a step outside its matrix products. Written out, its
backward pass is a dozen operators, no graph, and no new memory. These are the operators that autograd would call, in
the same order on the same numbers, so both ways give the same bits (tested); only the time differs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from lthkit.machine.checks import one_tensor
from lthkit.machine.devices import autocast, resolve_precision
from lthkit.models import Network
from lthkit.training.tasks import Task

Gradients = Callable[[Tensor, Tensor], tuple[Tensor, Sequence[Tensor | None]]]

# The forward functions that are written out below; one that was replaced is not ours to write out.
_FORWARDS = {kind: kind.forward for kind in (nn.Sequential, Network, nn.Flatten, nn.Linear, nn.ReLU)}


def gradients_of(
    model: nn.Module,
    *,
    precision: str = "float32",
    written_out: bool = True,
    task: Task = Task(),  # noqa: B008  (frozen)
) -> Gradients:
    """A function (inputs [n, ...], targets [n, ...]) -> (mean loss, gradients).

    Gradients come in the order of `model.parameters()`, those that do not require one left out; None is that of a
    parameter that the loss does not depend on. What it returned for one batch is overwritten by the next.

    Args:
        precision: see `devices.autocast`.
        written_out: False takes autograd for every network. Only plain cross-entropy is written out.
        task: whose loss it is.

    Raises:
        ValueError: a parameter with a hook that runs after its gradient is accumulated, because none is; and, of the
            function, a network that gives no single tensor, or one without a gradient.
    """
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    parameters = [p for _, p in named]
    if hooked := [name for name, p in named if p._post_accumulate_grad_hooks]:
        raise ValueError(
            f"{hooked[0]} has a hook that runs after its gradient is accumulated (register_post_accumulate_grad_hook), and "
            "here gradients are not accumulated, so it would never run. Remove it, or take parameter.register_hook, "
            "which sees the gradient itself."
        )
    device = parameters[0].device

    def by_autograd(inputs: Tensor, targets: Tensor) -> tuple[Tensor, Sequence[Tensor | None]]:
        with autocast(device, precision):
            loss = task.mean_loss(one_tensor(model, model(inputs)), targets)
        if not loss.requires_grad:
            raise ValueError(
                f"The outputs of {type(model).__name__} have no gradient; expected ones that depend on its parameters. "
                "Does its forward detach them, or run under no_grad? Or does the loss?"
            )
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        if all(gradient is None for gradient in gradients):
            raise ValueError(
                f"The loss depends on no parameter of {type(model).__name__}, so no weight would move; expected one that is computed "
                "from the outputs by torch alone. Does it make a new tensor, of float(...) or .item() say?"
            )
        return loss.detach(), gradients

    layers = plain_stack(model) if written_out and task.usual else None
    if not layers or device.type != "cpu" or resolve_precision(device, precision) == "bfloat16":
        return by_autograd
    if torch.is_autocast_enabled("cpu"):
        return by_autograd
    fast = _WrittenOut(layers)
    if isinstance(next(iter(model.children())), nn.Flatten):
        return fast
    return lambda inputs, targets: (fast if inputs.ndim == 2 else by_autograd)(inputs, targets)


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
                behind = _behind(delta, self.weights[k], entering[k])
                delta = torch.ops.aten.threshold_backward(behind, entering[k], 0)
        return loss, list(self.gradients)


def _behind(delta: Tensor, weight: Tensor, entering: Tensor) -> Tensor:
    """The gradient [n, in] of what entered a layer: `delta` [n, out] times `weight` [out, in].

    Autograd takes the transposed product if it can read what entered by columns. That is so for a single number, one
    row of a layer of one unit; and some processors add up the two products in another order.
    """
    if entering.shape == (1, 1):
        return torch.mm(weight.t(), delta.t()).t()
    return torch.mm(delta, weight)


def plain_stack(
    model: nn.Module, dtypes: tuple[torch.dtype, ...] = (torch.float32,)
) -> list[nn.Linear] | None:
    """The linear layers of a network that is Flatten, then Linear and ReLU in turn, Linear last; else None.

    None too if anything in it is not as torch makes it: another class, a forward function that was replaced, a hook of
    any kind, a parameter that is tied, frozen, computed, of a type not in `dtypes`, or in another place than its layer has it.
    """
    if type(model) not in (nn.Sequential, Network) or not all(map(_as_made, model.modules())):
        return None
    modules = list(model.children())
    if len(modules) != len(model._modules) or _hooked_everywhere():
        return None
    if modules and isinstance(modules[0], nn.Flatten):
        if (modules[0].start_dim, modules[0].end_dim) != (1, -1):
            return None
        modules = modules[1:]
    linear, between = modules[0::2], modules[1::2]
    layers = [m for m in linear if isinstance(m, nn.Linear) and m.bias is not None]
    if len(layers) < len(linear) or len(linear) != len(between) + 1:
        return None
    if not all(isinstance(m, nn.ReLU) for m in between):
        return None
    parameters = [p for layer in layers for p in (layer.weight, layer.bias)]
    # Both lists hold each parameter once and in one order, or something is tied, added, or was taken off and put on again.
    if [id(p) for p in model.parameters()] != [id(p) for p in parameters]:
        return None
    types = {parameter.dtype for parameter in parameters}
    one_type = len(types) == 1 and types <= set(dtypes)
    return layers if one_type and all(map(_plain_parameter, parameters)) else None


def _as_made(module: nn.Module) -> bool:
    kind = type(module)
    hooks = (
        module._forward_hooks,
        module._forward_pre_hooks,
        module._backward_hooks,
        module._backward_pre_hooks,
    )
    return (
        kind in _FORWARDS
        and kind.forward is _FORWARDS[kind]
        and not {"forward", "__call__", "_call_impl"} & vars(module).keys()
        and module._compiled_call_impl is None
        and not any(hooks)
    )


def _plain_parameter(parameter: Tensor) -> bool:
    return (
        type(parameter) is nn.Parameter
        and parameter.requires_grad
        # is_contiguous() does not look at a dimension of size 1; autograd does, and takes another product.
        and parameter.stride() == torch.empty(parameter.shape, device="meta").stride()
        and not parameter._backward_hooks
    )


def _hooked_everywhere() -> bool:
    """True if hooks are registered for all modules of the process."""
    names = ("forward_hooks", "forward_pre_hooks", "backward_hooks", "backward_pre_hooks")
    return any(getattr(nn.modules.module, f"_global_{name}") for name in names)
