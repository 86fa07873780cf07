"""What a copy of a data set may look like on disk, and readers that check: idx files, CIFAR batches, image folders.

`recognised` tells the layout of a folder. Readers return numpy arrays, of which `datasets` makes splits. A file that
is damaged is named in a `DataError` and never used.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import math
import pickle
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lthkit.machine.work import waiting

Part = tuple[np.ndarray, np.ndarray]  # images uint8 [n, c, h, w], labels uint8 [n]


class DataError(RuntimeError):
    """A data set is missing, incomplete or damaged; the text says which file, and what to do."""


@dataclass(frozen=True)
class Spec:
    """A published data set: sizes, classes, and the md5 of its uncompressed files in torchvision's layout."""

    title: str
    torchvision: str
    shape: tuple[int, int, int]
    train: int
    test: int
    validation: int
    classes: tuple[str, ...]
    md5: dict[str, str]

    @property
    def is_cifar(self) -> bool:
        return "test_batch" in self.md5


@dataclass(frozen=True)
class Copy:
    """A complete data set as read: images uint8 [n, c, h, w], labels uint8 [n]."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    classes: tuple[str, ...]
    origin: str

    @property
    def train(self) -> Part:
        return self.train_images, self.train_labels

    @property
    def test(self) -> Part:
        return self.test_images, self.test_labels


@dataclass(frozen=True)
class Layout:
    """A folder in which a known layout was recognised, and how to read it."""

    folder: Path
    read: Callable[[], Copy]


def recognised(folder: Path, spec: Spec) -> Layout:
    """Recognise torchvision's raw files, in `folder` or at most two levels down, or an image folder."""
    for place in _folders(folder, levels=2):
        found = [f for f in spec.md5 if _raw_file(place, f)]
        if found:
            if missing := [f for f in spec.md5 if f not in found]:
                raise DataError(
                    f"{place} has {', '.join(found)} but lacks {', '.join(missing)}. Copy the rest too."
                )
            return Layout(place, partial(_read_raw, place, spec))
    if (folder / "train").is_dir() and (folder / "test").is_dir():
        return Layout(folder, partial(_read_image_folder, folder, spec))
    raise DataError(
        f"{folder} holds no copy of {spec.title} in a known layout; expected {', '.join(spec.md5)} "
        f"(.gz or not) in it, or images in train/<class>/ and test/<class>/. Complete or rename the folder."
    )


def _folders(folder: Path, *, levels: int) -> Iterator[Path]:
    """`folder` and what is below it, nearest first; train/ and test/ hold images and are left out."""
    yield folder
    if levels:
        below = sorted(f for f in folder.iterdir() if f.is_dir() and f.name not in ("train", "test"))
        yield from below
        for f in below:
            yield from list(_folders(f, levels=levels - 1))[1:]


def _raw_file(folder: Path, name: str) -> Path | None:
    return next((p for p in (folder / name, folder / f"{name}.gz") if p.is_file()), None)


def _read_raw(folder: Path, spec: Spec) -> Copy:
    arrays: dict[str, np.ndarray] = {}
    for part, whole in (("train", spec.train), ("test", spec.test)):
        if spec.is_cifar:
            names = [n for n in spec.md5 if n.startswith("data_batch" if part == "train" else "test")]
            pairs = [_read_cifar_batch(folder, n, spec, whole // len(names)) for n in names]
            images, labels = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
        else:
            prefix = "train" if part == "train" else "t10k"
            images = _read_idx(folder, f"{prefix}-images-idx3-ubyte", spec, whole)[:, None]
            labels = _read_idx(folder, f"{prefix}-labels-idx1-ubyte", spec, whole)
            if len(images) != len(labels):
                raise DataError(
                    f"{folder} has {len(images)} {prefix} images but {len(labels)} labels. Copy it again."
                )
        arrays |= {f"{part}_images": images, f"{part}_labels": labels}
    return Copy(**arrays, classes=spec.classes, origin="raw files")


def letters(name: str) -> str:
    """A name without case and punctuation, to compare it with another."""
    return "".join(c for c in name.lower() if c.isalnum())


def _content(folder: Path, name: str) -> tuple[Path, bytes]:
    path = _raw_file(folder, name)
    assert path is not None  # `recognised` has seen it
    try:
        content = path.read_bytes()
        return path, gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} is damaged or cannot be read ({error}). Copy it again.") from error


def _check_published(path: Path, content: bytes, md5: str) -> None:
    """A file of the published size must be the published file."""
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
        raise DataError(
            f"{path} has the size of the published file but not its md5, {md5}: it is damaged, or another "
            "data set. Copy it again."
        )


def _check_labels(path: Path, labels: np.ndarray, spec: Spec) -> None:
    if labels.size == 0 or labels.min() < 0 or labels.max() >= len(spec.classes):
        found = f"labels from {labels.min()} to {labels.max()}" if labels.size else "no labels"
        raise DataError(f"{path} has {found}; expected 0 to {len(spec.classes) - 1}. Copy it again.")


def _read_idx(folder: Path, name: str, spec: Spec, whole: int) -> np.ndarray:
    """One idx file of unsigned bytes (LeCun's format): [n, 28, 28] for images, [n] for labels."""
    path, content = _content(folder, name)
    shape = spec.shape[1:] if "images" in name else ()
    start = 4 * (2 + len(shape))
    try:
        magic, n, *dims = struct.unpack(f">{start // 4}I", content[:start])
    except struct.error as error:
        raise DataError(f"{path} is truncated: it has {len(content)} bytes. Copy it again.") from error
    size = n * math.prod(shape)
    if magic != 0x801 + len(shape) or tuple(dims) != shape or len(content) != start + size or n == 0:
        raise DataError(
            f"{path} is truncated or not what its name says: magic number {magic:#x}, sizes {[n, *dims]}, "
            f"then {len(content) - start} bytes; expected magic number {0x801 + len(shape):#x}, sizes "
            f"{['n', *shape]}, then their product. Copy it again."
        )
    if n == whole:
        _check_published(path, content, spec.md5[name])
    values = np.frombuffer(content, dtype=np.uint8, offset=start).reshape(n, *shape).copy()
    if not shape:
        _check_labels(path, values, spec)
    return values


def _read_cifar_batch(folder: Path, name: str, spec: Spec, whole: int) -> tuple[np.ndarray, np.ndarray]:
    """One pickled CIFAR batch: images uint8 [n, 3, 32, 32], labels uint8 [n]. No code in it is run."""
    path, content = _content(folder, name)
    try:
        batch = _CifarUnpickler(io.BytesIO(content), encoding="latin1").load()
        pixels, labels = batch["data"].pixels(), np.asarray(batch["labels"])
    except DataError as error:
        raise DataError(f"{path} {error}") from error
    except Exception as error:  # a damaged pickle can raise anything
        raise DataError(
            f"{path} is damaged or no CIFAR batch ({type(error).__name__}: {error}). Copy it again."
        ) from error
    if labels.dtype.kind != "i" or pixels.shape != (*labels.shape, math.prod(spec.shape)):
        raise DataError(
            f"{path} holds pixels {list(pixels.shape)} and {labels.dtype} labels {list(labels.shape)}; "
            f"expected [n, {math.prod(spec.shape)}] and n whole numbers. Copy it again."
        )
    _check_labels(path, labels, spec)
    if len(labels) == whole:
        _check_published(path, content, spec.md5[name])
    return pixels.reshape(-1, *spec.shape), labels.astype(np.uint8)


class _PickledArray:
    """Stands for numpy's array and dtype while a pickle is read: keeps what it is given and does nothing."""

    def __init__(self, *given: Any) -> None:
        self.given = given

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def pixels(self) -> np.ndarray:
        """The array, if it is one of unsigned bytes in row order."""
        _, shape, dtype, in_columns, content = self.state
        if dtype.given[0] not in ("u1", "|u1") or in_columns:
            raise ValueError("its pixels are not unsigned bytes in row order")
        content = content.encode("latin1") if isinstance(content, str) else content
        return np.frombuffer(content, dtype=np.uint8).reshape(shape)


class _CifarUnpickler(pickle.Unpickler):
    """Reads dictionaries, lists, numbers, text and arrays. No function that a pickle names is called."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("_codecs", "encode"):  # how pickles of protocol 2 spell bytes
            return lambda text, encoding: text.encode("latin1")
        if module.split(".")[0] == "numpy" and name in ("_reconstruct", "ndarray", "dtype"):
            return _PickledArray
        raise DataError(
            f"wants to run {module}.{name}, which no CIFAR batch does. It was not run; do not trust the file."
        )


_IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".ppm", ".pgm", ".webp")
_LOSSLESS = {"PNG", "BMP", "PPM"}  # as Pillow calls them; any other format may have changed the pixels


def _read_image_folder(folder: Path, spec: Spec) -> Copy:
    """Images in train/<class>/ and test/<class>/, in the order of their paths, read with Pillow."""
    names = {
        part: sorted(f.name for f in (folder / part).iterdir() if f.is_dir()) for part in ("train", "test")
    }
    classes = _class_order(folder, spec, names)
    arrays: dict[str, np.ndarray] = {}
    formats: set[str] = set()
    for part in ("train", "test"):
        paths, labels = [], []
        for label, name in enumerate(classes):
            found = sorted(f for f in (folder / part / name).iterdir() if f.suffix.lower() in _IMAGE_SUFFIXES)
            if not found:
                raise DataError(
                    f"{folder / part / name} holds no images ({', '.join(_IMAGE_SUFFIXES)}). Copy it again."
                )
            paths += found
            labels += [label] * len(found)
        arrays[f"{part}_images"] = _read_images(paths, spec, formats)
        arrays[f"{part}_labels"] = np.array(labels, dtype=np.uint8)
    lossy = sorted(formats - _LOSSLESS)
    origin = f"{' and '.join(lossy)} copy" if lossy else "image folder"
    return Copy(**arrays, classes=tuple(classes.values()), origin=origin)


def _class_order(folder: Path, spec: Spec, names: dict[str, list[str]]) -> dict[str, str]:
    """Class folder -> class name, in label order: the published order where the names allow, else sorted."""
    if names["train"] != names["test"] or len(names["train"]) != len(spec.classes):
        raise DataError(
            f"{folder} has the class folders {names['train']} in train and {names['test']} in test; expected "
            f"the same {len(spec.classes)} in both."
        )
    for published in (spec.classes, tuple(str(i) for i in range(len(spec.classes)))):
        keys = {letters(name): name for name in names["train"]}
        if set(keys) == {letters(p) for p in published}:
            return {keys[letters(p)]: c for p, c in zip(published, spec.classes, strict=True)}
    if spec.is_cifar:
        raise DataError(f"{folder} has the class folders {names['train']}; expected {list(spec.classes)}.")
    return {name: name for name in names["train"]}


def _read_images(paths: list[Path], spec: Spec, formats: set[str]) -> np.ndarray:
    """uint8 [n, c, h, w]; the file formats met are added to `formats`."""
    try:
        from PIL import Image
    except ImportError as error:
        raise DataError("Reading an image folder needs Pillow: pip install pillow") from error
    c, h, w = spec.shape
    images = np.empty((len(paths), h, w, c), dtype=np.uint8)
    with closing(waiting(paths, "reading images, once")) as read:
        for i, path in enumerate(read):
            try:
                with Image.open(path) as image:
                    if image.size != (w, h):
                        raise DataError(
                            f"{path} is {image.size[0]}x{image.size[1]} pixels; expected {w}x{h}."
                        )
                    formats.add(str(image.format))
                    images[i] = np.asarray(image.convert("L" if c == 1 else "RGB")).reshape(h, w, c)
            except DataError:
                raise
            except Exception as error:  # decoders raise OSError, SyntaxError, ValueError and more
                raise DataError(
                    f"{path} is damaged or no image ({type(error).__name__}: {error}). Copy it again."
                ) from error
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))
