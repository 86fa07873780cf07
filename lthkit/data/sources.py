"""Where the data comes from: what is known about each set, the folders, the cache, and readers that check.

A set is looked for in the package, in `$LTHKIT_DATA` and in the cache folder, and fetched by torchvision only
when asked for. Readers return numpy arrays, of which `lthkit.data` makes splits. A file that is damaged is
named in a `DataError` and never used.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import math
import os
import pickle
import socket
import struct
import sys
import tempfile
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lthkit.storage import files

Part = tuple[np.ndarray, np.ndarray]  # images uint8 [n, c, h, w], labels uint8 [n]


class DataError(RuntimeError):
    """A data set is missing, incomplete or damaged; the text says which file, and what to do."""


def data_folder() -> Path:
    """The data that comes with lthkit: inside the package once installed, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    places = (package / "_data", package.parent / "data")
    for folder in places:
        if (folder / "SHA256SUMS").is_file():
            return folder
    raise DataError(
        f"lthkit's own data is missing: no SHA256SUMS in {places[0]} or {places[1]}. Install lthkit again."
    )


def cache_folder() -> Path:
    """Where complete data sets are kept: `$LTHKIT_CACHE`, else the user's cache folder on this system."""
    if chosen := os.environ.get("LTHKIT_CACHE"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "lthkit" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "lthkit"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lthkit"


# What is known about each data set


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


_FASHION = Spec(
    title="Fashion-MNIST",
    torchvision="FashionMNIST",
    shape=(1, 28, 28),
    train=60_000,
    test=10_000,
    validation=5_000,
    classes=(
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
        "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ),
    md5={
        "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
    },
)  # fmt: skip
_MNIST = Spec(
    title="MNIST",
    torchvision="MNIST",
    shape=(1, 28, 28),
    train=60_000,
    test=10_000,
    validation=5_000,
    classes=tuple("0123456789"),
    md5={
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    },
)
_CIFAR10 = Spec(
    title="CIFAR-10",
    torchvision="CIFAR10",
    shape=(3, 32, 32),
    train=50_000,
    test=10_000,
    validation=5_000,
    classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    md5={
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "test_batch": "40351d587109b95175f43aff81a1287e",
    },
)
EMBEDDED = "fashion-mnist"
SPECS = {EMBEDDED: _FASHION, "fashion-mnist-full": _FASHION, "mnist": _MNIST, "cifar10": _CIFAR10}


# Finding a data set: the package, $LTHKIT_DATA, the cache, the network


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


def read_embedded() -> tuple[Part, Part, Part]:
    """Train, validation and test of the subset in the package: images uint8 [n, 1, 28, 28], labels uint8 [n].

    Raises:
        DataError: the file is missing, or its checksum is not the one in SHA256SUMS.
    """
    path = data_folder() / "fashion-mnist-subset.npz"
    remedy = "Restore it with `git checkout -- data`, or install lthkit again."
    sums = [line.split() for line in (path.parent / "SHA256SUMS").read_text(encoding="ascii").splitlines()]
    expected = {words[1]: words[0] for words in sums if len(words) == 2}.get(path.name)
    if expected is None:
        raise DataError(
            f"{path.parent / 'SHA256SUMS'} has no line for {path.name}, so it cannot be checked. {remedy}"
        )
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error}). {remedy}") from error
    if hashlib.sha256(content).hexdigest() != expected:
        raise DataError(f"{path} is damaged: its sha256 is not {expected}, which SHA256SUMS gives. {remedy}")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        train, validation, test = (
            (arrays[f"{part}_images"][:, None], arrays[f"{part}_labels"])
            for part in ("train", "validation", "test")
        )
    return train, validation, test


def find_copy(name: str, spec: Spec, *, download: bool) -> Copy:
    """The complete set from the first that has it: `$LTHKIT_DATA`, the cache, the network (if `download`).

    Raises:
        DataError: no copy and no network, or a file that is damaged.
    """
    folder = _local_folder(name, spec)
    if folder is not None:
        layout = _layout(folder, spec)
        key = hashlib.sha256(str(layout.folder.resolve()).encode()).hexdigest()[:8]
        cached = cache_folder() / f"{name}-{key}.npz"
        copy = _through_cache(cached, _listing(layout.folder), layout.read)
    else:
        cached = cache_folder() / f"{name}-torchvision.npz"
        copy = _through_cache(cached, "torchvision", partial(_fetch, name, spec, cached, download))
    if (len(copy.train_labels), len(copy.test_labels)) != (spec.train, spec.test):
        warnings.warn(
            f"This copy of {spec.title} has {len(copy.train_labels):,} training and "
            f"{len(copy.test_labels):,} test images, the published set {spec.train:,} and {spec.test:,}. "
            "Figures will say so.",
            stacklevel=3,
        )
    return copy


def _local_folder(name: str, spec: Spec) -> Path | None:
    """The folder in `$LTHKIT_DATA` whose name means this data set, whatever its case and punctuation."""
    if not (given := os.environ.get("LTHKIT_DATA")):
        return None
    root = Path(given).expanduser()
    if not root.is_dir():
        raise DataError(f"LTHKIT_DATA is {given!r}, which is not a folder. Correct it, or unset it.")
    wanted = [_letters(name), _letters(spec.torchvision)] + ["cifar10batchespy"] * spec.is_cifar
    found = [f for f in root.iterdir() if _letters(f.name) in wanted and f.is_dir()]
    return min(found, key=lambda f: (wanted.index(_letters(f.name)), f.name), default=None)


def _letters(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def _listing(folder: Path) -> str:
    """A digest of the names, sizes and times of all files below `folder`: it changes when the copy does."""
    entries, todo = [], [""]
    while todo:
        inside = todo.pop()
        with os.scandir(folder / inside) as found:
            for entry in found:
                name = f"{inside}/{entry.name}" if inside else entry.name
                if entry.is_dir():
                    todo.append(name)
                else:
                    status = entry.stat()
                    entries.append((name, status.st_size, status.st_mtime_ns))
    return hashlib.sha256(repr(sorted(entries)).encode()).hexdigest()


def _through_cache(path: Path, source: str, read: Callable[[], Copy]) -> Copy:
    """What the cache holds for this source, else what `read` gives, kept for the next time."""
    if path.is_file():
        try:
            arrays, meta = files.load_arrays(path)
            if meta.get("source") == source:
                return Copy(**arrays, classes=tuple(meta["classes"]), origin=meta["origin"])
        except files.DamagedFile as error:
            warnings.warn(f"{error} It is not used and is made again.", stacklevel=4)
    copy = read()
    arrays = {
        f"{part}_{what}": getattr(copy, f"{part}_{what}")
        for part in ("train", "test")
        for what in ("images", "labels")
    }
    try:
        files.save_arrays(path, arrays, {"source": source, "classes": copy.classes, "origin": copy.origin})
    except OSError as error:
        warnings.warn(
            f"The data set could not be kept for the next time: {error}. Set LTHKIT_CACHE.", stacklevel=4
        )
    return copy


def _fetch(name: str, spec: Spec, cached: Path, download: bool) -> Copy:
    """Download through torchvision into a temporary folder and read it."""
    if not download:
        raise _nowhere(name, spec, cached, "download=False was given")
    try:
        import torchvision.datasets
    except (ImportError, RuntimeError) as error:  # RuntimeError: torch and torchvision of different builds
        reason = f"torchvision cannot be imported ({error}): pip install torchvision"
        raise _nowhere(name, spec, cached, reason) from error
    with tempfile.TemporaryDirectory(prefix="lthkit-", ignore_cleanup_errors=True) as folder:
        patience = socket.getdefaulttimeout()
        socket.setdefaulttimeout(30)  # seconds without a byte; a dead host must not hang a lesson
        try:
            getattr(torchvision.datasets, spec.torchvision)(root=folder, train=True, download=True)
        except Exception as error:  # whatever a network, a proxy or a full disk may raise
            reason = f"the download failed ({type(error).__name__}: {' '.join(str(error).split())})"
            raise _nowhere(name, spec, cached, reason) from error
        finally:
            socket.setdefaulttimeout(patience)
        return replace(_layout(Path(folder), spec).read(), origin="torchvision")


def _nowhere(name: str, spec: Spec, cached: Path, reason: str) -> DataError:
    local = os.environ.get("LTHKIT_DATA")
    first = next(iter(spec.md5))
    raw = f"{name}/cifar-10-batches-py/{first}" if spec.is_cifar else f"{name}/raw/{first}.gz"
    return DataError(
        f"{spec.title} was not found, and {reason}.\n"
        f"Looked for:\n"
        f"  a folder {name!r} in LTHKIT_DATA ({local or 'not set'})\n"
        f"  {cached}\n"
        f"Three ways on:\n"
        f"  1. Set LTHKIT_DATA to a folder that holds {raw} and its companions,\n"
        f"     or images as {name}/train/<class>/*.png and {name}/test/<class>/*.png.\n"
        f"  2. Run load_data({name!r}) once where there is a network, and copy {cached.name} to\n"
        f"     {cached.parent} (LTHKIT_CACHE moves that folder).\n"
        f"  3. Take the set that comes with lthkit: load_data({EMBEDDED!r})."
    )


# Reading copies: idx files, CIFAR batches, image folders


@dataclass(frozen=True)
class _Layout:
    """A folder in which a known layout was recognised, and how to read it."""

    folder: Path
    read: Callable[[], Copy]


def _layout(folder: Path, spec: Spec) -> _Layout:
    """Recognise torchvision's raw files, in `folder` or at most two levels down, or an image folder."""
    for place in _folders(folder, levels=2):
        found = [f for f in spec.md5 if _raw_file(place, f)]
        if found:
            if missing := [f for f in spec.md5 if f not in found]:
                raise DataError(
                    f"{place} has {', '.join(found)} but lacks {', '.join(missing)}. Copy the rest too."
                )
            return _Layout(place, partial(_read_raw, place, spec))
    if (folder / "train").is_dir() and (folder / "test").is_dir():
        return _Layout(folder, partial(_read_image_folder, folder, spec))
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


def _content(folder: Path, name: str) -> tuple[Path, bytes]:
    path = _raw_file(folder, name)
    assert path is not None  # _layout has seen it
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
        keys = {_letters(name): name for name in names["train"]}
        if set(keys) == {_letters(p) for p in published}:
            return {keys[_letters(p)]: c for p, c in zip(published, spec.classes, strict=True)}
    if spec.is_cifar:
        raise DataError(f"{folder} has the class folders {names['train']}; expected {list(spec.classes)}.")
    return {name: name for name in names["train"]}


def _read_images(paths: list[Path], spec: Spec, formats: set[str]) -> np.ndarray:
    """uint8 [n, c, h, w]; the file formats met are added to `formats`."""
    try:
        from PIL import Image
    except ImportError as error:
        raise DataError("Reading an image folder needs Pillow: pip install pillow") from error
    from tqdm import tqdm

    c, h, w = spec.shape
    images = np.empty((len(paths), h, w, c), dtype=np.uint8)
    for i, path in enumerate(tqdm(paths, desc="reading images, once", unit="", disable=None, leave=False)):
        try:
            with Image.open(path) as image:
                if image.size != (w, h):
                    raise DataError(f"{path} is {image.size[0]}x{image.size[1]} pixels; expected {w}x{h}.")
                formats.add(str(image.format))
                images[i] = np.asarray(image.convert("L" if c == 1 else "RGB")).reshape(h, w, c)
        except DataError:
            raise
        except Exception as error:  # decoders raise OSError, SyntaxError, ValueError and more
            raise DataError(
                f"{path} is damaged or no image ({type(error).__name__}: {error}). Copy it again."
            ) from error
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))
