"""Data sets by name: the published ones, and folders of pictures."""

from __future__ import annotations

import difflib
import math

import numpy as np
import torch

from lthkit.data.datasets import Dataset
from lthkit.data.file_formats import Part
from lthkit.data.sources import EMBEDDED, SPECS, find_copy, read_embedded
from lthkit.data.splits import Split, generator_for, stratified
from lthkit.data.texts import TEXT, text_splits

DATA_NAMES = (*SPECS, TEXT)
FOLDER = "folder:"  # before the path of a folder of pictures


def load_data(
    name: str = "fashion-mnist",
    *,
    validation: int | None = None,
    device: torch.device | str = "cpu",
    download: bool = True,
    size: int | tuple[int, int] | None = None,
) -> Dataset:
    """A data set by name, whole, with a validation split held out of the training images.

    "fashion-mnist" is the embedded subset: 10,000 training, 2,000 validation and 5,000 test images; it needs
    no network. "fashion-mnist-full", "mnist" and "cifar10" are the complete sets with 5,000 validation
    images. These are looked for in `$LTHKIT_DATA/<name>/`, then in the cache, then fetched by torchvision.
    "lesson-text" is embedded too: characters of this course's lessons, each to be told from those before it (see `data.texts`).
    "folder:PATH" is a folder of your own pictures, one folder in it for each class (see `Dataset.from_folder`).

    Args:
        name: one of `DATA_NAMES`, or "folder:" and a path.
        validation: number of validation images, stratified, always the same; None takes the numbers above.
        device: where the tensors go.
        download: False never asks the network.
        size: of the pictures in a folder, in pixels, as in `Dataset.from_folder`.

    Raises:
        ValueError: unknown name, or more validation images than there are.
        DataError: no copy and no network, or a file that is damaged; a folder that is not as described.
    """
    if isinstance(name, str) and name.startswith(FOLDER):
        if not (path := name.removeprefix(FOLDER)):
            raise ValueError(f"{name!r} names no folder; expected such as '{FOLDER}pictures/birds'.")
        return Dataset.from_folder(path, size=size, validation=validation).to(device)
    if not isinstance(name, str) or name not in DATA_NAMES:
        close = difflib.get_close_matches(str(name).lower().replace("_", "-"), DATA_NAMES, n=1)
        guess = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(
            f"Unknown data set {name!r}; expected one of {', '.join(DATA_NAMES)}.{guess} A folder of pictures is {FOLDER}PATH."
        )
    if size is not None:
        raise ValueError(
            f"size={size!r} was given, and {name} has a size of its own; expected it for a folder only."
        )
    if name == TEXT:
        return _text(validation).to(device)
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


def _text(validation: int | None) -> Dataset:
    if validation is not None:
        raise ValueError(
            f"validation={validation!r} was given, and {TEXT} is cut into passages once and for all; expected None."
        )
    splits, characters = text_splits()
    return Dataset.of(TEXT, **splits, classes=characters, origin="embedded")


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
    held_out[stratified(pool.labels, n, generator_for("validation", 0, n))] = True
    return pool.at(~held_out), pool.at(held_out)
