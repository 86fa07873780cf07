"""One split of a data set: inputs and targets of every kind, what each kind must be, and rows chosen class by class."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from lthkit.machine.checks import whole_seed
from lthkit.machine.devices import device_explained

NOUNS = {"images": "images", "values": "rows", "tokens": "sequences"}  # what a row of each kind is called


@dataclass(frozen=True, eq=False)
class Split:
    """Inputs and their targets, row by row, on one device.

    inputs: uint8 [n, channels, height, width] are images; floating [n, ...] are values, which a network gets as they
        are; int64 [n, length], none below 0, are tokens.
    targets: int64 [n] are classes, int64 [n, length] a class for each token; floating [n] or [n, k] are numbers.

    Raises:
        TypeError: not two tensors.
        ValueError: another type or shape, not equally many rows, none, NaN or infinite numbers, a tensor that is sparse
            or requires a gradient.
    """

    inputs: Tensor
    targets: Tensor

    def __post_init__(self) -> None:
        for name, tensor in (("inputs", self.inputs), ("targets", self.targets)):
            _check_tensor(name, tensor)
        inputs, targets = self.inputs, self.targets
        if len(inputs) != len(targets) or inputs.device != targets.device or len(inputs) == 0:
            raise ValueError(
                f"A split was given {len(inputs)} inputs on {inputs.device} and {len(targets)} targets on "
                f"{targets.device}; expected equally many, at least one, on one device."
            )
        if kind_of(inputs) is None:
            raise ValueError(
                f"A split was given inputs {inputs.dtype} {list(inputs.shape)}; expected images uint8 [n, c, h, w], values "
                f"floating [n, ...] or tokens int64 [n, length].{_advice_on_inputs(inputs)}"
            )
        if targets.dtype != torch.int64 and not targets.is_floating_point():
            raise ValueError(
                f"A split was given targets {targets.dtype} {list(targets.shape)}; expected int64 for classes, or floating "
                "numbers."
            )
        if 0 in (*inputs.shape, *targets.shape):
            raise ValueError(
                f"A split was given inputs {list(inputs.shape)} and targets {list(targets.shape)}: there is nothing in a "
                "row. Expected one number or more."
            )
        for name, tensor in (("inputs", inputs), ("targets", targets)):
            check_finite(name, tensor)
        if self.kind == "tokens" and (low := int(inputs.min())) < 0:
            raise ValueError(
                f"A split was given tokens from {low} on; expected none below 0. Number the vocabulary from 0, padding too."
            )

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def kind(self) -> str:
        """What the inputs are: "images", "values" or "tokens"."""
        kind = kind_of(self.inputs)
        assert kind is not None  # it was looked at when the split was made
        return kind

    @property
    def images(self) -> Tensor:
        """The inputs of a split of images, uint8 [n, channels, height, width]."""
        if self.kind != "images":
            raise AttributeError(f"This split has no images but {self.kind}; use `.inputs`.")
        return self.inputs

    @property
    def labels(self) -> Tensor:
        """The targets of a split with one class a row, int64 [n]."""
        if not self.labelled:
            what = f"{self.targets.dtype} {list(self.targets.shape)}"
            raise AttributeError(
                f"This split has no labels, one class a row, but targets {what}; use `.targets`."
            )
        return self.targets

    @property
    def labelled(self) -> bool:
        """True if each row has one class."""
        return self.targets.dtype == torch.int64 and self.targets.ndim == 1

    def at(self, rows: Tensor) -> Split:
        """The split of these rows: int64 [m], or bool [n]."""
        rows = rows.to(self.inputs.device)
        return Split(self.inputs[rows], self.targets[rows])

    def to(self, device: torch.device | str) -> Split:
        """The same split on another device. ValueError if there is none of that name."""
        with device_explained(device):
            return Split(self.inputs.to(device), self.targets.to(device))


def kind_of(inputs: Tensor) -> str | None:
    """ "images", "values" or "tokens"; None for a type and shape that is none of them."""
    if inputs.dtype == torch.uint8 and inputs.ndim == 4:
        return "images"
    if inputs.is_floating_point() and inputs.ndim >= 2:
        return "values"
    if inputs.dtype == torch.int64 and inputs.ndim == 2:
        return "tokens"
    return None


def _check_tensor(name: str, tensor: Tensor) -> None:
    if not isinstance(tensor, Tensor):
        raise TypeError(
            f"{name} of a split is a {type(tensor).__name__}; expected a tensor. lthkit.Dataset.of_tensors takes numpy too."
        )
    check_plain(f"{name} of a split", tensor)
    if tensor.requires_grad:
        raise ValueError(f"{name} of a split require a gradient; expected data. Give {name}.detach().")
    if tensor.ndim == 0:
        raise ValueError(f"{name} of a split are a single number; expected one row or more, [n, ...].")


def check_plain(name: str, tensor: Tensor) -> None:
    """ValueError for a tensor that is sparse, nested, quantized or without numbers."""
    if tensor.layout != torch.strided or tensor.is_nested or tensor.is_meta or tensor.is_quantized:
        raise ValueError(
            f"{name} are no plain tensor but {tensor.dtype}, {tensor.layout} on {tensor.device}; expected one that is dense and "
            "holds its numbers. A sparse one has .to_dense(), a quantized one .dequantize()."
        )


def _advice_on_inputs(inputs: Tensor) -> str:
    """What to do about inputs that are of no kind."""
    if inputs.dtype == torch.uint8:
        return " Give pictures without a channel as x[:, None], bytes as tokens as x.long(), measurements as x.float()."
    if inputs.is_floating_point():
        return " Give a single number a row as x[:, None]."
    if inputs.is_complex():
        return " Give the real and the imaginary part as two numbers: torch.view_as_real(x)."
    return " Give numbers as x.float(), tokens as x.long()."


def check_finite(name: str, tensor: Tensor) -> None:
    """ValueError, with the first row, if a number is NaN or infinite."""
    if not tensor.is_floating_point():
        return
    odd = ~torch.isfinite(tensor).flatten(1).all(1) if tensor.ndim > 1 else ~torch.isfinite(tensor)
    if count := int(odd.sum()):
        raise ValueError(
            f"{count:,} of {len(tensor):,} rows of the {name} have a number that is NaN or infinite, row "
            f"{int(odd.nonzero()[0])} first; expected finite numbers. Leave these rows out, or fill the gaps."
        )


def check_alike(part: str, split: Split, train: Split) -> None:
    """ValueError unless the split has rows such as those of the training split."""
    for what, plural in (("inputs", split.kind), ("targets", "targets")):
        own, other = getattr(split, what), getattr(train, what)
        if (own.shape[1:], own.dtype, own.device) != (other.shape[1:], other.dtype, other.device):
            raise ValueError(
                f"{part} has {plural} {own.dtype} {list(own.shape[1:])} on {own.device}, train has {other.dtype} "
                f"{list(other.shape[1:])} on {other.device}; expected the same."
            )


# Rows by class


def generator_for(purpose: str, seed: int, index: int) -> torch.Generator:
    """A generator for one purpose; neighbouring seeds and indices, unlike their sum, are unrelated."""
    digest = hashlib.sha256(f"lthkit:{purpose}:{whole_seed(seed)}:{int(index)}".encode()).digest()
    return torch.Generator(device="cpu").manual_seed(
        int.from_bytes(digest[:4], "big")
    )  # torch uses 32 bits of it


def stratified(labels: Tensor, n: int, generator: torch.Generator | None = None) -> Tensor:
    """Rising rows of n labels, each class in its share (largest remainders): random ones, else the first."""
    counts = torch.bincount(labels)
    share, remainder = n * counts // len(labels), n * counts % len(labels)
    share[torch.argsort(remainder, descending=True, stable=True)[: n - int(share.sum())]] += 1
    if generator is None:
        order = torch.arange(len(labels))
    else:
        order = torch.randperm(len(labels), generator=generator, device="cpu")
    ordered = labels[order]
    chosen = [order[ordered == c][:k] for c, k in enumerate(share.tolist())]
    return torch.cat(chosen).sort().values


def fair_rows(split: Split, n: int) -> Tensor:
    """Rising rows of a smaller split, always the same: the first of each class, or drawn where a row has no class."""
    if split.labelled:
        return stratified(split.labels.cpu(), n)
    order = torch.randperm(len(split), generator=generator_for("head", 0, 0), device="cpu")
    return order[:n].sort().values


# Statistics


def moments(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation per channel of uint8 images, scale 0 to 1; a constant channel has std 1.

    Counted, not summed in floats: the result is exact, whatever the number of threads.
    """
    found = []
    for channel in images.cpu().unbind(1):
        counts = torch.bincount(channel.flatten(), minlength=256).tolist()
        n, total = channel.numel(), sum(v * k for v, k in enumerate(counts))
        squares = sum(v * v * k for v, k in enumerate(counts))
        found.append((total / n / 255, math.sqrt(n * squares - total * total) / n / 255 or 1.0))
    mean, std = zip(*found, strict=True)
    return mean, std


def fingerprint(origin: str, splits: Iterable[Split]) -> str:
    """sha256, in hex, of the origin and of all that the splits hold."""
    digest = hashlib.sha256(origin.encode())
    for split in splits:
        if split.kind == "images" and split.labelled:
            digest.update(str(tuple(split.inputs.shape)).encode())
            digest.update(split.inputs.cpu().contiguous().numpy().reshape(-1).data)
            digest.update(split.targets.cpu().numpy().astype("<i8").tobytes())
            continue
        for tensor in (split.inputs, split.targets):
            digest.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.cpu().contiguous().view(torch.uint8).numpy().reshape(-1).data)
    return digest.hexdigest()
