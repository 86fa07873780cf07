"""Where the data comes from: what is known about each set, the folders, the cache, the network.

A set is looked for in the package, in `$LTHKIT_DATA` and in the cache folder, and fetched by torchvision only
when asked for. What its files may look like, and how they are read and checked, is in `file_formats`.
"""

from __future__ import annotations

import hashlib
import io
import os
import socket
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from lthkit.data.file_formats import Copy, DataError, Part, Spec, letters, recognised
from lthkit.storage import files


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
_FASHION = replace(  # made to take MNIST's place: the same sizes, and files of the same names
    _MNIST,
    title="Fashion-MNIST",
    torchvision="FashionMNIST",
    classes=(
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
        "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ),
    md5=dict(zip(_MNIST.md5, (
        "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "9018921c3c673c538a1fc5bad174d6f9",
        "8181f5470baa50b63fa0f6fddb340f0a",
        "15d484375f8d13e6eb1aabb0c3f46965",
    ), strict=True)),
)  # fmt: skip
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


def read_embedded() -> tuple[Part, Part, Part]:
    """Train, validation and test of the subset in the package: images uint8 [n, 1, 28, 28], labels uint8 [n].

    Raises:
        DataError: the file is missing, or its checksum is not the one in SHA256SUMS.
    """
    with np.load(io.BytesIO(own_file("fashion-mnist-subset.npz")), allow_pickle=False) as arrays:
        train, validation, test = (
            (arrays[f"{part}_images"][:, None], arrays[f"{part}_labels"])
            for part in ("train", "validation", "test")
        )
    return train, validation, test


def own_file(name: str) -> bytes:
    """The content of a file that comes with lthkit.

    Raises:
        DataError: the file is missing, or its checksum is not the one in SHA256SUMS.
    """
    path = data_folder() / name
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
    return content


def find_copy(name: str, spec: Spec, *, download: bool) -> Copy:
    """The complete set from the first that has it: `$LTHKIT_DATA`, the cache, the network (if `download`).

    Raises:
        DataError: no copy and no network, or a file that is damaged.
    """
    folder = _local_folder(name, spec)
    if folder is not None:
        layout = recognised(folder, spec)
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
    wanted = [letters(name), letters(spec.torchvision)] + ["cifar10batchespy"] * spec.is_cifar
    found = [f for f in root.iterdir() if letters(f.name) in wanted and f.is_dir()]
    return min(found, key=lambda f: (wanted.index(letters(f.name)), f.name), default=None)


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
        return replace(recognised(Path(folder), spec).read(), origin="torchvision")


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
