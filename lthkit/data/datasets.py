"""Data sets as tensors that stay on one device: splits, batches and augmentation.

`load_data("fashion-mnist")` reads the subset that comes with the package. The complete sets are fetched only
when asked for by name, looked for first in `$LTHKIT_DATA`, and kept as plain arrays with a checksum in the
cache folder. Where files are found is in `sources`, how they are read and checked in `file_formats`.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from lthkit.data.file_formats import Part
from lthkit.data.minibatches import augment as augment
from lthkit.data.minibatches import augmentation as augmentation
from lthkit.data.minibatches import batches as batches
from lthkit.data.minibatches import crop_and_flip as crop_and_flip
from lthkit.data.sources import EMBEDDED, SPECS, find_copy, read_embedded
from lthkit.data.splits import NOUNS, fingerprint, generator_for, moments
from lthkit.data.splits import Split as Split
from lthkit.data.splits import stratified as stratified_rows

DATA_NAMES = tuple(SPECS)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Three splits of one data set, whole, on one device. `Dataset.of` makes one from splits.

    classes: their names; () where the targets are numbers.
    mean, std: of the training pixels, one number a channel, on the scale from 0 (black) to 1; () where there are no images.
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
        classes: Iterable[str] = (),
        origin: str = "tensors",
    ) -> Dataset:
        """A data set from splits; mean, std, fingerprint are computed. ValueError if the splits disagree.

        classes: their names, if the targets are classes; else ().
        """
        splits = {"train": train, "validation": validation, "test": test}
        for part, split in splits.items():
            if not isinstance(split, Split):
                raise TypeError(
                    f"{part} is a {type(split).__name__}; expected a lthkit.data.Split(inputs, targets)."
                )
        names = _class_names(classes, train)
        for part, split in splits.items():
            _check_alike(part, split, train)
            if not split.targets.is_floating_point():
                low, high = int(split.targets.min()), int(split.targets.max())
                if low < 0 or high >= len(names):
                    raise ValueError(
                        f"{part} has labels from {low} to {high}; expected 0 to {len(names) - 1}."
                    )
        mean, std = moments(train.images) if train.kind == "images" else ((), ())
        return cls(
            name, train, validation, test, names, mean, std, origin, fingerprint(origin, splits.values())
        )

    @property
    def kind(self) -> str:
        """What the inputs are: "images", "values" or "tokens" (see `Split`)."""
        return self.train.kind

    @property
    def noun(self) -> str:
        """What a row is called: "images", "rows" or "sequences"."""
        return NOUNS[self.kind]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one input: (channels, height, width) of an image."""
        return tuple(self.train.inputs.shape[1:])

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return self.train.inputs.device

    @property
    def label(self) -> str:
        """Name and origin for a figure, with the number of training rows unless the set is complete."""
        spec = SPECS.get(self.name)
        sizes = (len(self.train) + len(self.validation), len(self.test))
        size = "" if spec and sizes == (spec.train, spec.test) else f", {len(self.train):,} {self.noun}"
        return f"{spec.title if spec else self.name} ({self.origin}{size})"

    def to(self, device: torch.device | str) -> Dataset:
        """The same data set on another device; the fingerprint stays."""
        parts = {part: getattr(self, part).to(device) for part in ("train", "validation", "test")}
        return replace(self, **parts)

    def normalise(self, images: Tensor) -> Tensor:
        """uint8 images [..., c, h, w] -> float32 (images / 255 - mean) / std, on the same device.

        Values and tokens are given to a network as they are, so of these there is nothing to normalise; `inputs` gives
        what a network takes, whatever the kind.
        """
        if self.kind != "images":
            raise ValueError(
                f"{self.name} has no images but {self.kind}, which a network takes as they are; use data.inputs(split)."
            )
        if images.dtype != torch.uint8:
            raise ValueError(
                f"normalise was given {images.dtype} images; expected uint8, as in `data.train.images`."
            )
        scale, shift = self._affine
        return images.to(torch.float32).mul_(scale).add_(shift)

    def inputs(self, split: Split, index: Tensor | None = None) -> Tensor:
        """What a network takes: the rows of `split`, all or those at `index` (int64 [m]); images are normalised."""
        rows = split.inputs if index is None else split.inputs.index_select(0, index)
        return self.normalise(rows) if self.kind == "images" else rows

    def draw(
        self, n: int, *, seed: int, batch_size: int = 100, stratified: bool = False
    ) -> list[tuple[Tensor, Tensor]]:
        """Batches for a score: `n` training rows drawn without repetition, as (inputs, targets) pairs.

        Inputs are what a network takes, of images normalised float32 [m, c, h, w]; the last batch may be smaller. The rows
        depend on `seed` and `n` only, not on `batch_size`. stratified: each class as often as in the split, so that 100
        images of ten equal classes are ten of each.

        Raises:
            ValueError: more rows than there are; `stratified` where a row has no class of its own.
        """
        whole = isinstance(n, int) and isinstance(batch_size, int)
        if not whole or not 1 <= n <= len(self.train) or batch_size < 1:
            raise ValueError(
                f"n={n}, batch_size={batch_size} were given; expected 1 to {len(self.train)} {self.noun} of the training "
                "split, in batches of 1 or more."
            )
        if stratified and not self.train.labelled:
            raise ValueError(
                f"stratified=True was given, and a row of {self.name} has no class of its own but targets "
                f"{self.train.targets.dtype} {list(self.train.targets.shape[1:])}; expected stratified=False."
            )
        generator = generator_for("draw", seed, 0)
        rows = (
            stratified_rows(self.train.labels.cpu(), n, generator)
            if stratified
            else torch.randperm(len(self.train), generator=generator, device="cpu")[:n]
        ).to(self.device)
        return [(self.inputs(self.train, part), self.train.targets[part]) for part in rows.split(batch_size)]

    def head(
        self, *, train: int | None = None, validation: int | None = None, test: int | None = None
    ) -> Dataset:
        """A smaller data set: the first images of each class in each split, classes in their old proportions.

        Where a row has no class of its own, rows are drawn instead, always the same ones, and keep their order: the first
        ones of a sorted table would be no fair sample. Split sizes left out stay as they are. Mean, std and fingerprint
        are those of the smaller set.
        """
        smaller = {}
        for part, n in (("train", train), ("validation", validation), ("test", test)):
            split: Split = getattr(self, part)
            if n is not None:
                if not isinstance(n, int) or not 1 <= n <= len(split):
                    raise ValueError(
                        f"{part}={n} was given; expected 1 to {len(split)}, the size of the split."
                    )
                split = split.at(_head(split, n))
            smaller[part] = split
        return Dataset.of(self.name, **smaller, classes=self.classes, origin=self.origin)

    @cached_property
    def _affine(self) -> tuple[Tensor, Tensor]:
        mean = torch.tensor(self.mean, dtype=torch.float64).view(-1, 1, 1)
        std = torch.tensor(self.std, dtype=torch.float64).view(-1, 1, 1)
        return (1 / (255 * std)).to(self.device, torch.float32), (-mean / std).to(self.device, torch.float32)


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


# What splits must have in common; splits of arrays


def _class_names(classes: Iterable[str], train: Split) -> tuple[str, ...]:
    """The names as a tuple. ValueError if there are none for targets that are classes, or some for numbers."""
    names = tuple(classes) if isinstance(classes, Iterable) else None
    if train.targets.is_floating_point():
        if names != ():
            raise ValueError(
                f"classes={classes!r} were given, and the targets are numbers ({train.targets.dtype}); expected no classes. "
                "If they are classes after all, give targets.long()."
            )
    elif not names:
        raise ValueError(f"classes={classes!r} was given; expected the names of the classes, one or more.")
    assert names is not None
    return names


def _check_alike(part: str, split: Split, train: Split) -> None:
    """ValueError unless the split has rows such as those of the training split."""
    for what, plural in (("inputs", split.kind), ("targets", "targets")):
        own, other = getattr(split, what), getattr(train, what)
        if (own.shape[1:], own.dtype, own.device) != (other.shape[1:], other.dtype, other.device):
            raise ValueError(
                f"{part} has {plural} {own.dtype} {list(own.shape[1:])} on {own.device}, train has {other.dtype} "
                f"{list(other.shape[1:])} on {other.device}; expected the same."
            )


def _head(split: Split, n: int) -> Tensor:
    """Rising rows of a smaller split (see `Dataset.head`)."""
    if split.labelled:
        return stratified_rows(split.labels.cpu(), n)
    order = torch.randperm(len(split), generator=generator_for("head", 0, 0), device="cpu")
    return order[:n].sort().values


def _split(part: Part) -> Split:
    images, labels = part
    return Split(torch.from_numpy(images), torch.from_numpy(labels.astype(np.int64)))


def _hold_out(pool: Split, n: int) -> tuple[Split, Split]:
    """The pool without n images, and those n: stratified, chosen at random once and for all."""
    if not isinstance(n, int) or not 1 <= n < len(pool):
        raise ValueError(
            f"validation={n} was given for {len(pool)} training images; expected 1 to {len(pool) - 1}."
        )
    held_out = torch.zeros(len(pool), dtype=torch.bool)
    held_out[stratified_rows(pool.labels, n, generator_for("validation", 0, n))] = True
    return pool.at(~held_out), pool.at(held_out)
