"""Data sets as tensors that stay on one device: splits, batches and augmentation.

`load_data("fashion-mnist")` reads the subset that comes with the package. The complete sets are fetched only
when asked for by name, looked for first in `$LTHKIT_DATA`, and kept as plain arrays with a checksum in the
cache folder. Where files are found is in `sources`, how they are read and checked in `file_formats`.
"""

from __future__ import annotations

import difflib
import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from lthkit.data.file_formats import Part
from lthkit.data.sources import EMBEDDED, SPECS, find_copy, read_embedded
from lthkit.machine.checks import check_whole, whole_seed
from lthkit.machine.devices import device_explained

DATA_NAMES = tuple(SPECS)


@dataclass(frozen=True, eq=False)
class Split:
    """Images and their labels.

    images: uint8 [n, channels, height, width].
    labels: int64 [n], on the same device.
    """

    images: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if images.dtype != torch.uint8 or images.ndim != 4 or labels.dtype != torch.int64 or labels.ndim != 1:
            raise ValueError(
                f"A split was given images {images.dtype} {list(images.shape)} and labels {labels.dtype} "
                f"{list(labels.shape)}; expected images uint8 [n, c, h, w] and labels int64 [n]."
            )
        if len(images) != len(labels) or images.device != labels.device or len(images) == 0:
            raise ValueError(
                f"A split was given {len(images)} images on {images.device} and {len(labels)} labels on "
                f"{labels.device}; expected equally many, at least one, on one device."
            )

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: torch.device | str) -> Split:
        """The same split on another device. ValueError if there is none of that name."""
        with device_explained(device):
            return Split(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True, eq=False)
class Dataset:
    """Three splits of one data set, whole, on one device. `Dataset.of` makes one from tensors.

    mean, std: of the training pixels, one number a channel, on the scale from 0 (black) to 1.
    origin: "embedded", "torchvision", "raw files", "image folder", "JPEG copy" (inexact pixels) or "tensors".
    fingerprint: sha256, in hex, of the origin and of all three splits; equal fingerprints mean equal data.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    origin: str
    fingerprint: str

    @classmethod
    def of(
        cls,
        name: str,
        *,
        train: Split,
        validation: Split,
        test: Split,
        classes: Iterable[str],
        origin: str = "tensors",
    ) -> Dataset:
        """A data set from splits; mean, std, fingerprint are computed. ValueError if the splits disagree."""
        splits = {"train": train, "validation": validation, "test": test}
        if not isinstance(classes, Iterable) or not (classes := tuple(classes)):
            raise ValueError(
                f"classes={classes!r} was given; expected the names of the classes, one or more."
            )
        for part, split in splits.items():
            if not isinstance(split, Split):
                raise TypeError(
                    f"{part} is a {type(split).__name__}; expected a lthkit.data.Split(images, labels)."
                )
            if split.images.shape[1:] != train.images.shape[1:] or split.images.device != train.images.device:
                raise ValueError(
                    f"{part} has images {list(split.images.shape[1:])} on {split.images.device}, train has "
                    f"{list(train.images.shape[1:])} on {train.images.device}; expected the same."
                )
            low, high = int(split.labels.min()), int(split.labels.max())
            if low < 0 or high >= len(classes):
                raise ValueError(f"{part} has labels from {low} to {high}; expected 0 to {len(classes) - 1}.")
        mean, std = _moments(train.images)
        return cls(
            name, train, validation, test, classes, mean, std, origin, _fingerprint(origin, splits.values())
        )

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of an image."""
        c, h, w = self.train.images.shape[1:]
        return c, h, w

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return self.train.images.device

    @property
    def label(self) -> str:
        """Name and origin for a figure, with the number of training images unless the set is complete."""
        spec = SPECS.get(self.name)
        sizes = (len(self.train) + len(self.validation), len(self.test))
        size = "" if spec and sizes == (spec.train, spec.test) else f", {len(self.train):,} images"
        return f"{spec.title if spec else self.name} ({self.origin}{size})"

    def to(self, device: torch.device | str) -> Dataset:
        """The same data set on another device; the fingerprint stays."""
        parts = {part: getattr(self, part).to(device) for part in ("train", "validation", "test")}
        return replace(self, **parts)

    def normalise(self, images: Tensor) -> Tensor:
        """uint8 images [..., c, h, w] -> float32 (images / 255 - mean) / std, on the same device."""
        if images.dtype != torch.uint8:
            raise ValueError(
                f"normalise was given {images.dtype} images; expected uint8, as in `data.train.images`."
            )
        scale, shift = self._affine
        return images.to(torch.float32).mul_(scale).add_(shift)

    def inputs(self, split: Split, index: Tensor | None = None) -> Tensor:
        """What a network takes: the normalised images of `split`, all or those at `index` (int64 [m])."""
        return self.normalise(split.images if index is None else split.images.index_select(0, index))

    def draw(
        self, n: int, *, seed: int, batch_size: int = 100, stratified: bool = False
    ) -> list[tuple[Tensor, Tensor]]:
        """Batches for a score: `n` training images drawn without repetition, as (inputs, labels) pairs.

        Inputs are normalised, float32 [m, c, h, w], labels int64 [m]; the last batch may be smaller. The images depend
        on `seed` and `n` only, not on `batch_size`. stratified: each class as often as in the split, so that 100
        images of ten equal classes are ten of each.
        """
        whole = isinstance(n, int) and isinstance(batch_size, int)
        if not whole or not 1 <= n <= len(self.train) or batch_size < 1:
            raise ValueError(
                f"n={n}, batch_size={batch_size} were given; expected 1 to {len(self.train)} images of the training "
                "split, in batches of 1 or more."
            )
        generator = _generator("draw", seed, 0)
        rows = (
            _stratified(self.train.labels.cpu(), n, generator)
            if stratified
            else torch.randperm(len(self.train), generator=generator, device="cpu")[:n]
        ).to(self.device)
        return [(self.inputs(self.train, part), self.train.labels[part]) for part in rows.split(batch_size)]

    def head(
        self, *, train: int | None = None, validation: int | None = None, test: int | None = None
    ) -> Dataset:
        """A smaller data set: the first images of each class in each split, classes in their old proportions.

        Split sizes left out stay as they are. Mean, std and fingerprint are those of the smaller set.
        """
        smaller = {}
        for part, n in (("train", train), ("validation", validation), ("test", test)):
            split: Split = getattr(self, part)
            if n is not None:
                if not isinstance(n, int) or not 1 <= n <= len(split):
                    raise ValueError(
                        f"{part}={n} was given; expected 1 to {len(split)}, the size of the split."
                    )
                rows = _stratified(split.labels.cpu(), n).to(self.device)
                split = Split(split.images[rows], split.labels[rows])
            smaller[part] = split
        return Dataset.of(self.name, **smaller, classes=self.classes, origin=self.origin)

    @cached_property
    def _affine(self) -> tuple[Tensor, Tensor]:
        mean = torch.tensor(self.mean, dtype=torch.float64).view(-1, 1, 1)
        std = torch.tensor(self.std, dtype=torch.float64).view(-1, 1, 1)
        return (1 / (255 * std)).to(self.device, torch.float32), (-mean / std).to(self.device, torch.float32)


def batches(n: int, *, seed: int, epoch: int, batch_size: int) -> Tensor:
    """The order of one epoch: row numbers, int64 [n // batch_size, batch_size], on the CPU.

    A random permutation of range(n), cut into batches; what does not fill a batch is left out. It depends on
    the four arguments and on nothing else, so a training that goes on at any epoch sees the same batches.

    Raises:
        ValueError: batch_size is not between 1 and n.
    """
    if not isinstance(batch_size, int) or not 1 <= batch_size <= n:
        raise ValueError(f"batch_size={batch_size} was given for {n} images; expected 1 to {n}.")
    order = torch.randperm(n, generator=_generator("batches", seed, epoch), device="cpu")
    return order[: n - n % batch_size].view(-1, batch_size)


def augment(images: Tensor, *, seed: int, step: int, padding: int = 4) -> Tensor:
    """Random crop and left-right flip: [n, c, h, w] of any dtype -> the same shape, dtype and device.

    Each image is framed by `padding` pixels of 0, cut back to h×w at one of (2 padding + 1)² equally likely
    places, and mirrored with probability 1/2 (He et al. 2016, section 4.2). On uint8 images, before
    `normalise`, the frame is black. The draws depend on (seed, step) and the number of images, and are the
    same on every device.
    """
    if images.ndim != 4:
        raise ValueError(
            f"images of shape {list(images.shape)} were given; expected [n, channels, height, width]."
        )
    check_whole("padding", padding, 0)
    draws = augmentation(len(images), seed=seed, step=step, padding=padding)
    return crop_and_flip(images, draws.to(images.device), padding=padding)


def augmentation(n: int, *, seed: int, step: int, padding: int = 4) -> Tensor:
    """The draws of one step, int64 [3, n] on the CPU: top and left of each crop, 0 to 2 padding, and 1 for a flip."""
    generator = _generator("augment", seed, step)
    corners = torch.randint(2 * padding + 1, (2, n), generator=generator, device="cpu")
    flips = torch.randint(2, (1, n), generator=generator, device="cpu")
    return torch.cat([corners, flips])


def crop_and_flip(images: Tensor, draws: Tensor, *, padding: int = 4) -> Tensor:
    """Images [n, c, h, w] cropped and flipped as the draws [3, n] say, which lie on the same device."""
    n, c, h, w = images.shape
    top, left, flip = draws.unsqueeze(2)  # each [n, 1]
    row, column = torch.arange(h, device=images.device), torch.arange(w, device=images.device)
    rows, columns = top + row, left + torch.where(flip == 1, w - 1 - column, column)  # [n, h], [n, w]
    framed = torch.nn.functional.pad(images, (padding,) * 4)
    places = rows[:, :, None] * framed.shape[3] + columns[:, None, :]  # [n, h, w]
    source = places.view(n, 1, h * w).expand(n, c, h * w)
    return framed.flatten(2).gather(2, source).view(n, c, h, w)


def load_data(
    name: str = "fashion-mnist",
    *,
    validation: int | None = None,
    device: torch.device | str = "cpu",
    download: bool = True,
) -> Dataset:
    """A data set by name, whole, with a validation split held out of the training images.

    "fashion-mnist" is the embedded subset: 10,000 training, 2,000 validation and 5,000 test images; it needs
    no network. "fashion-mnist-full", "mnist" and "cifar10" are the complete sets with 5,000 validation
    images. These are looked for in `$LTHKIT_DATA/<name>/`, then in the cache, then fetched by torchvision.

    Args:
        name: one of `DATA_NAMES`.
        validation: number of validation images, stratified, always the same; None takes the numbers above.
        device: where the tensors go.
        download: False never asks the network.

    Raises:
        ValueError: unknown name, or more validation images than there are.
        DataError: no copy and no network, or a file that is damaged.
    """
    if not isinstance(name, str) or name not in SPECS:
        close = difflib.get_close_matches(str(name).lower().replace("_", "-"), DATA_NAMES, n=1)
        guess = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"Unknown data set {name!r}; expected one of {', '.join(DATA_NAMES)}.{guess}")
    spec = SPECS[name]
    if name == EMBEDDED:
        train, held_out, test = map(_split, read_embedded())
        if validation is not None and validation != len(held_out):
            images = torch.cat([train.images, held_out.images])
            train, held_out = _hold_out(Split(images, torch.cat([train.labels, held_out.labels])), validation)
        classes, origin = spec.classes, "embedded"
    else:
        copy = find_copy(name, spec, download=download)
        if validation is None:
            validation = min(spec.validation, math.ceil(len(copy.train_labels) / 10))
        train, held_out = _hold_out(_split(copy.train), validation)
        test, classes, origin = _split(copy.test), copy.classes, copy.origin
    data = Dataset.of(name, train=train, validation=held_out, test=test, classes=classes, origin=origin)
    return data.to(device)


# Seeds, splits, statistics


def _generator(purpose: str, seed: int, index: int) -> torch.Generator:
    """A generator for one purpose; neighbouring seeds and indices, unlike their sum, are unrelated."""
    digest = hashlib.sha256(f"lthkit:{purpose}:{whole_seed(seed)}:{int(index)}".encode()).digest()
    return torch.Generator(device="cpu").manual_seed(
        int.from_bytes(digest[:4], "big")
    )  # torch uses 32 bits of it


def _split(part: Part) -> Split:
    images, labels = part
    return Split(torch.from_numpy(images), torch.from_numpy(labels.astype(np.int64)))


def _stratified(labels: Tensor, n: int, generator: torch.Generator | None = None) -> Tensor:
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


def _hold_out(pool: Split, n: int) -> tuple[Split, Split]:
    """The pool without n images, and those n: stratified, chosen at random once and for all."""
    if not isinstance(n, int) or not 1 <= n < len(pool):
        raise ValueError(
            f"validation={n} was given for {len(pool)} training images; expected 1 to {len(pool) - 1}."
        )
    held_out = torch.zeros(len(pool), dtype=torch.bool)
    held_out[_stratified(pool.labels, n, _generator("validation", 0, n))] = True
    return (
        Split(pool.images[~held_out], pool.labels[~held_out]),
        Split(pool.images[held_out], pool.labels[held_out]),
    )


def _moments(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation per channel of uint8 images, scale 0 to 1; a constant channel has std 1.

    Counted, not summed in floats: the result is exact, whatever the number of threads.
    """
    moments = []
    for channel in images.cpu().unbind(1):
        counts = torch.bincount(channel.flatten(), minlength=256).tolist()
        n, total = channel.numel(), sum(v * k for v, k in enumerate(counts))
        squares = sum(v * v * k for v, k in enumerate(counts))
        moments.append((total / n / 255, math.sqrt(n * squares - total * total) / n / 255 or 1.0))
    mean, std = zip(*moments, strict=True)
    return mean, std


def _fingerprint(origin: str, splits: Iterable[Split]) -> str:
    digest = hashlib.sha256(origin.encode())
    for split in splits:
        digest.update(str(tuple(split.images.shape)).encode())
        digest.update(split.images.cpu().contiguous().numpy().reshape(-1).data)
        digest.update(split.labels.cpu().numpy().astype("<i8").tobytes())
    return digest.hexdigest()
