"""Data sets as tensors that stay on one device: made of splits, tensors, loaders or folders, whatever the inputs are.

Those with a name are in `named`. Where files are found is in `sources`, how they are read and checked in `file_formats`
and `pictures`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Real
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lthkit.data.arrays import Array, as_split, class_names
from lthkit.data.folders import name_of_folder, read_folder
from lthkit.data.loaders import Loader, read_twice
from lthkit.data.minibatches import augment as augment
from lthkit.data.minibatches import augmentation as augmentation
from lthkit.data.minibatches import batches as batches
from lthkit.data.minibatches import crop_and_flip as crop_and_flip
from lthkit.data.sources import SPECS
from lthkit.data.splits import NOUNS, check_alike, fair_rows, fingerprint, generator_for, moments
from lthkit.data.splits import Split as Split
from lthkit.data.splits import stratified as stratified_rows
from lthkit.data.splitting import TEST, VALIDATION, tell, three_splits

Held = float | int | tuple[Array, Array] | Split


@dataclass(frozen=True, eq=False)
class Dataset:
    """Three splits of one data set, whole, on one device: `data.train`, `data.validation`, `data.test`.

    `Dataset.of_tensors` makes one of tensors or arrays, `from_loader` of a DataLoader, `from_folder` of pictures, `of` of splits
    that are there; `load_data` knows some by name. Each split has `inputs` and `targets`, tensors of n rows (see `data.Split`).

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
            check_alike(part, split, train)
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

    @classmethod
    def of_tensors(
        cls,
        inputs: Array,
        targets: Array,
        *,
        name: str,
        classes: Iterable[str] | int | None = None,
        validation: Held = VALIDATION,
        test: Held = TEST,
        seed: int = 0,
    ) -> Dataset:
        """A data set of one's own tensors or numpy arrays, which are copied.

            data = lth.Dataset.of_tensors(x, y, name="houses")                     # one pool, 10 % and 20 % held out
            data = lth.Dataset.of_tensors(x, y, name="houses", validation=(x2, y2), test=(x3, y3))

        Inputs, by type: uint8 [n, c, h, w] are images, which are normalised and may be augmented. Floating [n, ...] are
        values, which a network gets as they are, in float32: bring them to one scale first. Whole numbers [n, length] are
        tokens, in int64. Targets: whole numbers [n] are classes, [n, length] a class for each token; floating [n] or [n, k]
        are numbers, in float32. Numbers of 64 bits that differ and would not in float32 are refused. (Data in another type
        of floating numbers: `Dataset.of` takes splits as they are.)

        Rows that stand in two splits are told in the log, where inputs are equal; that they overlap, as windows of one text
        may, is not seen: cut such a text into three and give the splits.

        Args:
            name: for figures and run folders.
            classes: how many there are, or their names in the order of their numbers; None counts those that occur, which
                are 0, 1, 2 ... without a gap. Of targets that are numbers there are none.
            validation, test: a share of the pool (0.1 and 0.2 if nothing is said), a number of rows, or the split itself as
                (inputs, targets). What is drawn is stratified where a row has one class: each class with rows enough is in every split.
            seed: of the draw. The other rows keep their order.

        Raises:
            TypeError: what is neither a tensor nor an array.
            ValueError: NaN, infinite, complex, bool or sparse; uint8 that is no image; a class that is out of range; a shape
                that fits no kind; too few rows. The text says what to do.
        """
        held: dict[str, Any] = {"validation": validation, "test": test}
        given = {part: _pair(part, each) for part, each in held.items() if not isinstance(each, Real)}
        pool = as_split(inputs, targets)
        return cls._split(name, pool, given, held, classes, seed, origin="tensors")

    @classmethod
    def from_loader(
        cls,
        loader: Loader,
        *,
        name: str,
        classes: Iterable[str] | int | None = None,
        validation: float | int | Loader = VALIDATION,
        test: float | int | Loader = TEST,
        seed: int = 0,
    ) -> Dataset:
        """All that a torch `DataLoader` gives, or any list of (inputs, targets) batches, held in memory.

            data = lth.Dataset.from_loader(train_loader, name="birds", validation=validation_loader, test=test_loader)

        Each loader is read twice, and one that gives something else the second time is refused: it shuffles or augments at
        random, and what was drawn once would stand for all. A training shuffles by its seed.

        Args:
            loader: of all rows, with shuffle=False and drop_last=False; what the batches may be is said in `of_tensors`:
                uint8 pictures (torchvision's `PILToTensor`) are images, floating ones (`ToTensor`) values.
            validation, test: a share or a number of its rows, or a loader of their own.
            name, classes, seed: as in `of_tensors`.

        Raises:
            TypeError: a generator or another iterator, which can be read only once; batches that are no pairs.
            ValueError: a loader that changes; rows of different shapes; what `of_tensors` refuses.
        """
        held: dict[str, Any] = {"validation": validation, "test": test}
        given = {
            part: as_split(*read_twice(part, each))
            for part, each in held.items()
            if not isinstance(each, Real)
        }
        pool = as_split(*read_twice("training", loader))
        return cls._split(name, pool, given, held, classes, seed, origin="loader")

    @classmethod
    def from_folder(
        cls,
        path: Path | str,
        *,
        size: int | tuple[int, int] | None = None,
        channels: int | None = None,
        name: str | None = None,
        validation: float | int | None = None,
        test: float | int | None = None,
        seed: int = 0,
    ) -> Dataset:
        """Pictures in a folder with one folder for each class, or with train, validation and test, each with one a class.

            data = lth.Dataset.from_folder("birds", size=32)      # birds/<class>/*.jpg, or birds/train/<class>/*.jpg

        A class is called as its folder, in any script, composed as Unicode has it (NFC); classes and pictures are sorted by
        name. Hidden files are left out; any other that is no picture is refused, as are a class without one and a picture
        with several frames.

        A picture is turned as its EXIF says, laid on white where it is transparent, and brought to 8 bits (of 16 bits of
        grey the upper 8). One of another size is cut to the shape of `size` round its middle, as large as can be, and
        resized by Pillow's bilinear filter, which takes the mean over all pixels when it makes a picture smaller. Colour
        profiles are not applied.

        Args:
            path: of the folder, from the current one.
            size: height and width in pixels, or one number for both. None keeps the size of the files where all have one, of
                64 pixels a side or less, and takes 32 otherwise.
            channels: 1 makes all grey (Pillow's "L"), 3 all of colour. None is 1 if every file is stored in grey, else 3.
            name: None is the folder's.
            validation, test: as in `of_tensors`, where the folder has no split of its own: None holds out 10 % and 20 %,
                of the training pictures, stratified by class. Folders may be called val, valid, training and testing too.
            seed: of that draw.

        Raises:
            DataError: a folder or a file that is not as described; the text names it and says what to do.
            ValueError: another `size`, `channels` or share than there can be.
        """
        shares: dict[str, Any] = {"validation": validation, "test": test, "seed": seed}
        splits, classes, origin = read_folder(path, size=size, channels=channels, **shares)
        name = name_of_folder(path) if name is None else name
        tell(splits, classes, name)
        return cls.of(name, **splits, classes=classes, origin=origin)

    @classmethod
    def _split(
        cls,
        name: str,
        pool: Split,
        given: Mapping[str, Split],
        held: Mapping[str, Any],
        classes: Iterable[str] | int | None,
        seed: int,
        *,
        origin: str,
    ) -> Dataset:
        """What is not `given` as a split is drawn out of the pool."""
        if not isinstance(name, str) or not name.strip():
            raise ValueError(f"name={name!r} was given; expected a name for figures, such as 'houses'.")
        for part, split in given.items():
            check_alike(part, split, pool)
        names = class_names(classes, [pool, *given.values()])
        splits = three_splits(pool, **{part: given.get(part, held[part]) for part in held}, seed=seed)
        tell(splits, names, name)
        return cls.of(name, **splits, classes=names, origin=origin)

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
                split = split.at(fair_rows(split, n))
            smaller[part] = split
        return Dataset.of(self.name, **smaller, classes=self.classes, origin=self.origin)

    @cached_property
    def _affine(self) -> tuple[Tensor, Tensor]:
        mean = torch.tensor(self.mean, dtype=torch.float64).view(-1, 1, 1)
        std = torch.tensor(self.std, dtype=torch.float64).view(-1, 1, 1)
        return (1 / (255 * std)).to(self.device, torch.float32), (-mean / std).to(self.device, torch.float32)


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


def _pair(part: str, given: Any) -> Split:
    """A split that was given as (inputs, targets)."""
    if isinstance(given, Split):
        return as_split(given.inputs, given.targets)
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise TypeError(
            f"{part} is a {type(given).__name__}; expected a share such as 0.2, a number of rows, or (inputs, targets)."
        )
    return as_split(*given)
