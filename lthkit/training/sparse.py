"""A ticket trains in its own size: products, gradients and optimizer state of the kept weights only.

For plain stacks of linear layers on a CPU. A sparse layer's weight is a CSR matrix W, [out, in]. Images are columns here,
so that torch's three products of a sparse matrix fit together: W @ X forward, the transposed pattern for the gradient of
the inputs, and for the gradient of the weights `sampled_addmm`, which computes a product at the kept places only.
Removed weights have no value, no gradient and no state that could ever move. What is computed is what the masked dense
training computes, in another order of its sums.

The network keeps its dense weights, and has the newest ones after `write_back`. Which layers are sparse is decided by
their density and size, from the table in `choices`, never by timing: so equal calls take equal ways.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from lthkit.data.datasets import Dataset
from lthkit.pruning.compressed import compressed_rows, csr
from lthkit.pruning.masks import Mask
from lthkit.training import choices
from lthkit.training.gradients import plain_stack

_TYPES = (torch.float32, torch.float64)


def sparse_weights(
    model: nn.Module, mask: Mask | None, data: Dataset, *, precision: str, choice: choices.Choice
) -> tuple[str, ...]:
    """Names of the weights that this training multiplies in CSR: () unless `choice.sparse`, and where none would pay.

    A network that is no plain stack of linear layers, one thing in it that is not as torch makes it, has none.
    """
    if not choice.sparse or mask is None or data.device.type != "cpu" or choices.no_sparse():
        return ()
    layers = plain_stack(model, _TYPES) if precision in ("float32", "medium") else None
    flat = isinstance(next(iter(model.children()), None), nn.Flatten) or len(data.shape) == 1
    if layers is None or not flat or torch.is_autocast_enabled("cpu"):
        return ()
    names = {id(p): name for name, p in model.named_parameters()}
    weights = [names[id(layer.weight)] for layer in layers]
    return tuple(name for name in weights if name in mask and _pays(mask[name]))


def _pays(kept: Tensor) -> bool:
    for least, density in choices.SPARSE_BELOW[choices.here()]:
        if kept.numel() >= least:
            return int(kept.sum()) < density * kept.numel()
    return False


class SparseGradients:
    """`sparse(inputs, labels)` gives loss and gradients, as `gradients` does; of a sparse weight that of its kept values.

    Args:
        model: a plain stack of linear layers; its removed weights are 0.
        mask: what it keeps.
        names: of the weights that are sparse.

    Attributes:
        values: by name, what stands in place of a sparse weight from now on: its kept values, row by row, [kept].
        places: by name, where in the flat weight they belong, int64 [kept].
    """

    def __init__(self, model: nn.Module, mask: Mask, names: Sequence[str]) -> None:
        layers = plain_stack(model, _TYPES)
        assert layers is not None, "sparse_weights has looked"
        own = {id(p): name for name, p in model.named_parameters()}
        self.layers: list[_Sparse | _Dense] = []
        for k, layer in enumerate(layers):
            name = own[id(layer.weight)]
            self.layers.append(
                _Sparse(name, layer, mask[name], first=k == 0) if name in names else _Dense(layer)
            )
        found = [layer for layer in self.layers if isinstance(layer, _Sparse)]
        self.values: Mapping[str, Tensor] = {layer.name: layer.values for layer in found}
        self.places: Mapping[str, Tensor] = {layer.name: layer.places for layer in found}
        self._sparse = found
        self._one = torch.ones((), dtype=layers[0].weight.dtype)
        self._columns = torch.empty(0, dtype=layers[0].weight.dtype)

    @torch.no_grad()
    def __call__(self, inputs: Tensor, labels: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Inputs [n, ...] and labels int64 [n] -> mean cross-entropy [], gradients in the order of the parameters."""
        inputs = inputs.flatten(1)
        if self._columns.shape != inputs.shape[::-1]:
            self._columns = torch.empty(inputs.shape[::-1], dtype=inputs.dtype)
        entering = [self._columns.copy_(inputs.t())]  # entering[k], [in, n], goes into layer k
        for layer in self.layers[:-1]:
            entering.append(layer.forward(entering[-1]).relu_())
        logits = self.layers[-1].forward(entering[-1]).t().contiguous()
        log_softmax = logits.log_softmax(1)
        loss, count = torch.ops.aten.nll_loss_forward(log_softmax, labels, None, 1, -100)
        rows = torch.ops.aten.nll_loss_backward(self._one, log_softmax, labels, None, 1, -100, count)
        rows = torch.ops.aten._log_softmax_backward_data(rows, log_softmax, 1, logits.dtype)
        delta, gradients = rows.t().contiguous(), list[Tensor]()
        for k in range(len(self.layers) - 1, -1, -1):
            layer = self.layers[k]
            gradients[:0] = [layer.weight_gradient(delta, entering[k]), delta.sum(1)]
            if k:
                delta = torch.ops.aten.threshold_backward(layer.input_gradient(delta), entering[k], 0)
        return loss, gradients

    @torch.no_grad()
    def forward(self, inputs: Tensor) -> Tensor:
        """Inputs [n, ...] -> logits [n, classes]."""
        columns = inputs.flatten(1).t().contiguous()
        for layer in self.layers[:-1]:
            columns = layer.forward(columns).relu_()
        return self.layers[-1].forward(columns).t()

    def tensors(self) -> list[Tensor]:
        """What is held beside the values and their gradients: where the values belong."""
        return [tensor for layer in self._sparse for tensor in layer.tensors()]

    def read(self) -> None:
        """Take the values of the network's weights again."""
        for layer in self._sparse:
            layer.read()

    def write_back(self) -> None:
        """Put the values into the network's weights. ValueError if something else has written to one meanwhile."""
        for layer in self._sparse:
            layer.write_back()


class _Dense:
    """A linear layer with images as columns."""

    def __init__(self, layer: nn.Linear) -> None:
        self.weight, self.bias = layer.weight.detach(), layer.bias.detach()[:, None]
        self._gradient = torch.empty_like(self.weight)

    def forward(self, columns: Tensor) -> Tensor:
        return torch.addmm(self.bias, self.weight, columns)

    def weight_gradient(self, delta: Tensor, columns: Tensor) -> Tensor:
        return torch.mm(delta, columns.t(), out=self._gradient)

    def input_gradient(self, delta: Tensor) -> Tensor:
        return self.weight.t() @ delta


class _Sparse:
    """A linear layer whose weight is its kept values. The first layer of a network needs no gradient of its inputs."""

    def __init__(self, name: str, layer: nn.Linear, kept: Tensor, *, first: bool) -> None:
        self.name, self.parameter = name, layer.weight
        self.bias = layer.bias.detach()[:, None]
        self._dense = layer.weight.detach().view(-1)
        self.places = kept.flatten().nonzero().flatten()
        begins, columns, self.values = compressed_rows(layer.weight, kept)
        self._weight = csr(begins, columns, self.values, kept.shape)
        self._gradient = csr(begins, columns, torch.zeros_like(self.values), kept.shape)
        self._turned: Tensor | None = None
        if not first:
            turned = compressed_rows(layer.weight.t(), kept.t())
            self._turned = csr(*turned, kept.t().shape)
            numbers = torch.zeros(kept.shape, dtype=torch.int64)
            numbers[kept] = torch.arange(len(self.values))
            # of each value of the transposed weight, its place in `values`
            self._order = numbers.t()[kept.t()]
        self._version = self.parameter._version

    def forward(self, columns: Tensor) -> Tensor:
        return (self._weight @ columns).add_(self.bias)

    def weight_gradient(self, delta: Tensor, columns: Tensor) -> Tensor:
        torch.sparse.sampled_addmm(self._gradient, delta, columns.t(), beta=0.0, out=self._gradient)
        return self._gradient.values()

    def input_gradient(self, delta: Tensor) -> Tensor:
        assert self._turned is not None
        torch.index_select(self.values, 0, self._order, out=self._turned.values())
        return self._turned @ delta

    def tensors(self) -> list[Tensor]:
        """What the layer holds beside its values and their gradient."""
        matrices = [self._weight] + ([self._turned] if self._turned is not None else [])
        indices = [t for m in matrices for t in (m.crow_indices(), m.col_indices())]
        turned = [self._turned.values(), self._order] if self._turned is not None else []
        return [self.places, *indices, *turned]

    @torch.no_grad()
    def read(self) -> None:
        torch.index_select(self._dense, 0, self.places, out=self.values)
        self._version = self.parameter._version

    @torch.no_grad()
    def write_back(self) -> None:
        if self.parameter._version != self._version:
            raise ValueError(
                f"Something else than the training has written to {self.name}, whose kept weights are trained by themselves "
                "and would overwrite that. Expected that nothing does; to let it, train with choice=training.PLAIN."
            )
        self._dense.scatter_(0, self.places, self.values)
        self._version = self.parameter._version
