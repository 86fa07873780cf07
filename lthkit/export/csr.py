"""Linear layers with their kept weights only, as compressed sparse rows (CSR)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lthkit.pruning.compressed import compressed_rows, csr
from lthkit.pruning.masks import Mask
from lthkit.pruning.weights import copied, weights_read


class CSRLinear(nn.Module):
    """A linear layer for inference whose weight is a CSR matrix: kept values, their columns, where each row begins.

    weight: sparse CSR tensor [out, in] with int32 indices. bias: [out], or None.
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)

    @property
    def in_features(self) -> int:
        """As of `nn.Linear`."""
        return int(self.weight.shape[1])

    @property
    def out_features(self) -> int:
        """As of `nn.Linear`."""
        return int(self.weight.shape[0])

    def forward(self, x: Tensor) -> Tensor:
        """[..., in] -> [..., out]. The output of a batch is a transposed view: take `reshape` of it, not `view`.

        The sparse matrix stands on the left, so the images are columns. Between two such layers the transposes
        are views and cost nothing; `F.linear` with a CSR weight was 1.4 to 4.5 times slower at 256 images
        (torch 2.14, one thread of a CPU).
        """
        if x.ndim == 1:
            y = self.weight @ x
            return y if self.bias is None else y + self.bias
        y = self.weight @ x.flatten(0, -2).T if x.ndim > 2 else self.weight @ x.T
        y = (y if self.bias is None else y + self.bias[:, None]).T
        return y.unflatten(0, x.shape[:-1]) if x.ndim > 2 else y

    def extra_repr(self) -> str:
        rows, columns = self.weight.shape
        return f"{columns} -> {rows}, {self.weight.values().numel()} weights"


def to_csr(model: nn.Module, mask: Mask) -> nn.Module:
    """A copy of `model`, for inference, that stores and multiplies only the kept weights of its linear layers.

    Convolutions, layers that the mask leaves out, and layers of which another module takes the weight itself (within
    `nn.TransformerEncoderLayer` and attention, any subclass of `nn.Linear`, and where a method of the network's own reads
    `layer.weight`) stay dense, with 0 at removed places: torch has no sparse convolution. The outputs are those of the masked model up to rounding, because sums are taken
    in another order.

    Raises:
        ValueError: the mask belongs to another model; a layer has hooks, which would be lost, or a type that torch does
            not multiply in CSR; a part made by `torch.jit`; no layer to make sparse.
    """
    mask.check(model)
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            raise ValueError(
                f"{name or 'the network'} is made by torch.jit, whose layers cannot be replaced; expected a network of plain "
                "modules. Give the one that was scripted or traced, with the same weights, and script what comes out."
            )
    sparse = copied(model).eval().requires_grad_(False)
    mask.apply_(sparse)
    names = {id(parameter): name for name, parameter in sparse.named_parameters()}
    inside = {id(m) for part in sparse.modules() if isinstance(part, _TAKE_WEIGHTS) for m in part.modules()}
    read = weights_read(sparse)
    layers = [
        (name, module, names[id(module.weight)])
        for name, module in sparse.named_modules(remove_duplicate=False)
        if type(module) is nn.Linear
        and id(module) not in inside
        and name.rpartition(".")[2] not in read
        and names.get(id(module.weight)) in mask
    ]
    if not layers:
        raise ValueError(
            f"{type(model).__name__} has no linear layer of its own that the mask speaks about, and only such layers have a "
            "CSR form, unless a forward reads their `weight` itself; expected one, such as in LeNet-300-100. For other networks see lthkit.export.save_packed."
        )
    made: dict[int, CSRLinear] = {}
    for name, module, key in layers:
        _check(name, module)
        layer = made.setdefault(
            id(module),
            CSRLinear(csr(*compressed_rows(module.weight, mask[key]), module.weight.shape), module.bias),
        )
        if not name:
            return layer
        parent, _, last = name.rpartition(".")
        setattr(sparse.get_submodule(parent), last, layer)
    return sparse


_TAKE_WEIGHTS = (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer, nn.MultiheadAttention)


def _check(name: str, layer: nn.Linear) -> None:
    """ValueError if a linear layer has no CSR form that does the same."""
    if layer.weight.dtype not in (torch.float32, torch.float64):
        raise ValueError(
            f"{name or 'the network'} (Linear) is {layer.weight.dtype}, in which torch has no CSR product; expected float32 "
            "or float64. Convert it first: model.float()."
        )
    if layer._forward_hooks or layer._forward_pre_hooks or "forward" in vars(layer):
        raise ValueError(
            f"{name or 'the network'} (Linear) has hooks, or a forward of its own, which its CSR form would not run; "
            "expected a plain layer. Remove them first, handle.remove(), or make them layers of their own."
        )
