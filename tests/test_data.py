"""The data: the embedded set, copies found in folders, damage noticed, batches and augmentation.

Copies are made here, with a handful of images each; nothing is fetched.
"""

from __future__ import annotations

import gzip
import pickle
import shutil
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import lthkit.data
from lthkit.data import (
    DATA_NAMES,
    DataError,
    Dataset,
    Split,
    augment,
    batches,
    cache_folder,
    data_folder,
    load_data,
)

CIFAR_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
pytestmark = pytest.mark.filterwarnings("ignore:This copy of:UserWarning")


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of its own and no LTHKIT_DATA for every test."""
    monkeypatch.setenv("LTHKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("LTHKIT_DATA", raising=False)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that LTHKIT_DATA names."""
    folder = tmp_path / "copies"
    folder.mkdir()
    monkeypatch.setenv("LTHKIT_DATA", str(folder))
    return folder


def pixels(n: int, *shape: int) -> np.ndarray:
    return np.random.RandomState(0).randint(0, 256, (n, *shape)).astype(np.uint8)


def write_idx(
    folder: Path, *, train: int = 60, test: int = 20, zipped: bool = False
) -> dict[str, np.ndarray]:
    """A small copy of MNIST in torchvision's layout; returns what was written, by file name."""
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for prefix, n in (("train", train), ("t10k", test)):
        written[f"{prefix}-images-idx3-ubyte"] = pixels(n, 28, 28)
        written[f"{prefix}-labels-idx1-ubyte"] = (np.arange(n) % 10).astype(np.uint8)
    for name, array in written.items():
        content = struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape) + array.tobytes()
        if zipped:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)
    return written


def write_cifar(folder: Path, n: int = 20) -> np.ndarray:
    """A small cifar-10-batches-py; returns the pixels of one batch (all are alike)."""
    folder.mkdir(parents=True, exist_ok=True)
    flat = pixels(n, 3072)
    batch = {"data": flat, "labels": [i % 10 for i in range(n)], "batch_label": "a few"}
    for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]:
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
    return flat.reshape(n, 3, 32, 32)


def write_images(
    folder: Path, classes: tuple[str, ...] = CIFAR_CLASSES, *, each: int = 3, suffix: str = "png"
) -> dict[str, np.ndarray]:
    """A small image folder of 32×32 colour images; returns them by their path in it."""
    written = {}
    values = pixels(2 * each * len(classes), 32, 32, 3)
    for part in ("train", "test"):
        for name in classes:
            (folder / part / name).mkdir(parents=True, exist_ok=True)
            for i in range(each):
                image, values = values[0], values[1:]
                path = folder / part / name / f"{i:04d}.{suffix}"
                Image.fromarray(image).save(path)
                written[f"{part}/{name}/{path.name}"] = image
    return written


def rows(split: Split) -> set[bytes]:
    """The images of a split as a set."""
    return {image.numpy().tobytes() for image in split.images}


def tiny(n: int = 40, classes: int = 4) -> Dataset:
    """A data set from tensors."""
    images = torch.from_numpy(pixels(n, 1, 8, 8))
    split = Split(images, torch.arange(n) % classes)
    return Dataset.of("tiny", train=split, validation=split, test=split, classes="abcdefgh"[:classes])


# The embedded set


def test_embedded_sizes_and_strata() -> None:
    """Catches a split of the wrong size, and classes in unequal numbers."""
    data = load_data("fashion-mnist")
    assert [len(s) for s in (data.train, data.validation, data.test)] == [10_000, 2_000, 5_000]
    for split, each in ((data.train, 1000), (data.validation, 200), (data.test, 500)):
        assert torch.bincount(split.labels).tolist() == [each] * 10
        assert split.images.dtype == torch.uint8 and split.images.shape[1:] == (1, 28, 28)
    assert data.shape == (1, 28, 28) and data.device.type == "cpu" and len(data.classes) == 10
    assert data.label == "Fashion-MNIST (embedded, 10,000 images)"


def test_embedded_splits_share_no_image() -> None:
    """Catches a validation split that the network has been trained on."""
    data = load_data()
    train, validation, test = rows(data.train), rows(data.validation), rows(data.test)
    assert len(train) + len(validation) + len(test) == 17_000 == len(train | validation | test)


def test_embedded_rows_are_recorded() -> None:
    """Catches splits drawn with overlap: the archive says which original each image is."""
    with np.load(data_folder() / "fashion-mnist-subset.npz", allow_pickle=False) as archive:
        train, validation, test = (archive[f"{part}_index"] for part in ("train", "validation", "test"))
    assert len(set(train) | set(validation)) == 12_000 and len(set(test)) == 5_000
    assert all((np.diff(index.astype(int)) > 0).all() for index in (train, validation, test))


def test_embedded_fits_in_eight_megabytes_and_readme_gives_its_checksum() -> None:
    """Catches a file that was made again without its documentation."""
    path = data_folder() / "fashion-mnist-subset.npz"
    assert path.stat().st_size <= 8_000_000
    checksum = next(
        line.split()[0]
        for line in (data_folder() / "SHA256SUMS").read_text(encoding="ascii").splitlines()
        if line.endswith(path.name)
    )
    assert checksum in (data_folder() / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove", "unlisted"])
def test_a_damaged_embedded_file_is_named(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches training on a half-downloaded or altered file; each kind of damage is named with its file."""
    copy = tmp_path / "data"
    shutil.copytree(data_folder(), copy)
    path = copy / "fashion-mnist-subset.npz"
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif damage == "truncate":
        path.write_bytes(content[:-1000])
    elif damage == "remove":
        path.unlink()
    else:
        (copy / "SHA256SUMS").write_text("", encoding="ascii")
    monkeypatch.setattr(lthkit.data, "data_folder", lambda: copy)
    says = {"remove": "cannot be read", "unlisted": "cannot be checked"}.get(damage, "is damaged")
    with pytest.raises(DataError, match=rf"fashion-mnist-subset\.npz.*{says}.*install lthkit again"):
        load_data("fashion-mnist")


def test_another_number_of_validation_images() -> None:
    """Catches a re-split that loses images or mixes in the test set."""
    default, other = load_data(), load_data(validation=500)
    assert (len(other.train), len(other.validation)) == (11_500, 500)
    assert torch.bincount(other.validation.labels).tolist() == [50] * 10
    pool = rows(default.train) | rows(default.validation)
    assert rows(other.train) | rows(other.validation) == pool
    assert not rows(other.train) & rows(other.validation)
    assert other.fingerprint != default.fingerprint
    assert load_data(validation=2000).fingerprint == default.fingerprint
    for impossible in (0, 12_000, -1):
        with pytest.raises(ValueError, match="expected 1 to 11999"):
            load_data(validation=impossible)


def test_unknown_names_are_answered_with_the_known() -> None:
    """Catches an error that leaves the user guessing."""
    with pytest.raises(ValueError, match=r"fashion-mnist-full, mnist, cifar10.*Did you mean 'cifar10'"):
        load_data("cifar-10")


# Dataset


def test_mean_and_std_are_those_of_the_training_split() -> None:
    """Catches statistics over all splits, and a standard deviation over images instead of pixels."""
    images = torch.from_numpy(pixels(50, 3, 4, 4) // 2)
    train, other = Split(images, torch.arange(50) % 2), Split(255 - images, torch.arange(50) % 2)
    data = Dataset.of("tiny", train=train, validation=other, test=other, classes="ab")
    scaled = images.double() / 255
    assert data.mean == pytest.approx(scaled.mean(dim=(0, 2, 3)).tolist(), rel=1e-12)
    assert data.std == pytest.approx(scaled.std(dim=(0, 2, 3), correction=0).tolist(), rel=1e-9)
    normal = data.normalise(images)
    mean, std = torch.tensor(data.mean).view(3, 1, 1), torch.tensor(data.std).view(3, 1, 1)
    assert normal.dtype == torch.float32
    torch.testing.assert_close(normal, (images / 255 - mean) / std)
    index = torch.tensor([3, 1])
    assert torch.equal(data.inputs(train, index), normal[index])
    with pytest.raises(ValueError, match="expected uint8"):
        data.normalise(normal)


def test_constant_images_do_not_divide_by_zero() -> None:
    """Catches NaN inputs from a channel without contrast."""
    split = Split(torch.full((4, 1, 2, 2), 7, dtype=torch.uint8), torch.zeros(4, dtype=torch.int64))
    data = Dataset.of("flat", train=split, validation=split, test=split, classes="a")
    assert data.normalise(split.images).abs().max() < 1e-6


def test_fingerprint_sees_everything() -> None:
    """Catches two runs on different data with one id: a pixel, a label, the order, the origin or a split differs."""
    data = tiny()

    def changed(part: str, images: torch.Tensor, labels: torch.Tensor, origin: str = "tensors") -> str:
        splits = {"train": data.train, "validation": data.validation, "test": data.test}
        splits[part] = Split(images, labels)
        return Dataset.of("tiny", **splits, classes=data.classes, origin=origin).fingerprint

    images, labels = data.train.images, data.train.labels
    pixel = images.clone()
    pixel[-1, -1, -1, -1] ^= 1
    seen = {data.fingerprint, changed("train", images, labels, origin="elsewhere")}
    for part in ("train", "validation", "test"):
        seen |= {
            changed(part, pixel, labels),
            changed(part, images, labels.flip(0)),
            changed(part, images.flip(0), labels.flip(0)),
            changed(part, images[1:], labels[1:]),
        }
    assert len(seen) == 14
    assert changed("test", images.clone(), labels) == data.fingerprint == data.to("cpu").fingerprint


def test_head_keeps_proportions() -> None:
    """Catches a smoke set that holds only the first classes, or keeps the big set's statistics and identity."""
    data = load_data()
    smaller = data.head(train=105, validation=30)
    assert torch.bincount(smaller.train.labels).tolist() == [11] * 5 + [10] * 5
    assert torch.bincount(smaller.validation.labels).tolist() == [3] * 10
    assert len(smaller.test) == 5_000 and smaller.fingerprint != data.fingerprint
    assert smaller.mean != data.mean and smaller.label == "Fashion-MNIST (embedded, 105 images)"
    assert rows(smaller.train) <= rows(data.train)
    with pytest.raises(ValueError, match="train=10001"):
        data.head(train=10_001)


def test_splits_that_do_not_fit_are_refused() -> None:
    """Catches labels out of range and float images before they reach a loss on a GPU, where the error is unreadable."""
    images, labels = torch.zeros(4, 1, 2, 2, dtype=torch.uint8), torch.arange(4)
    good = Split(images, labels)
    for wrong in (lambda: Split(images.float(), labels), lambda: Split(images, labels[1:]),
                  lambda: Split(images[0], labels), lambda: Split(images[:0], labels[:0])):  # fmt: skip
        with pytest.raises(ValueError, match="expected"):
            wrong()
    with pytest.raises(ValueError, match="labels from 0 to 3; expected 0 to 2"):
        Dataset.of("tiny", train=good, validation=good, test=good, classes="abc")
    other = Split(torch.zeros(4, 3, 2, 2, dtype=torch.uint8), labels)
    with pytest.raises(ValueError, match="validation has images"):
        Dataset.of("tiny", train=good, validation=other, test=good, classes="abcd")


# Copies in $LTHKIT_DATA


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("place", ["mnist", "mnist/raw", "mnist/MNIST/raw", "MNIST/raw"])
def test_raw_files_are_found_in_every_layout(place: str, zipped: bool, root: Path) -> None:
    """Catches a layout that is not looked into, rows read in the wrong order, and images without their labels."""
    written = write_idx(root / place, zipped=zipped)
    data = load_data("mnist", validation=10, download=False)
    assert (len(data.train), len(data.validation), len(data.test)) == (50, 10, 20)
    assert np.array_equal(data.test.images[:, 0].numpy(), written["t10k-images-idx3-ubyte"])
    assert data.test.labels.tolist() == [i % 10 for i in range(20)]
    pairs = {
        (image.tobytes(), int(label))
        for image, label in zip(
            written["train-images-idx3-ubyte"], written["train-labels-idx1-ubyte"], strict=True
        )
    }
    for split in (data.train, data.validation):
        for image, label in zip(split.images, split.labels, strict=True):
            assert (image.numpy().tobytes(), int(label)) in pairs
    assert torch.bincount(data.validation.labels).tolist() == [1] * 10
    assert data.origin == "raw files" and data.label == "MNIST (raw files, 50 images)"


def test_a_copy_is_labelled_complete_only_if_it_is(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """Catches a figure that claims the complete set for a copy that was interrupted."""
    write_idx(root / "fashion-mnist")
    with pytest.warns(UserWarning, match="60 training and 20 test images, the published set 60,000"):
        data = load_data("fashion-mnist-full", download=False)
    assert data.label == "Fashion-MNIST (raw files, 54 images)" and len(data.validation) == 6


@pytest.mark.parametrize(
    ("file", "change", "says"),
    [
        ("train-images-idx3-ubyte", lambda c: c[:-1], "truncated"),
        ("train-images-idx3-ubyte", lambda c: c[:7], "truncated"),
        ("t10k-images-idx3-ubyte", lambda c: c + b"\0", "truncated or not"),
        ("t10k-labels-idx1-ubyte", lambda c: c[:-1] + b"\x0a", "labels from 0 to 10; expected 0 to 9"),
        (
            "train-labels-idx1-ubyte",
            lambda c: struct.pack(">2I", 0x801, 59) + c[9:],
            "60 train images but 59",
        ),
        (
            "train-images-idx3-ubyte",
            lambda c: c[:8] + struct.pack(">2I", 14, 56) + c[16:],
            "not what its name",
        ),
        ("train-images-idx3-ubyte", lambda c: b"\x89PNG" + c[4:], "magic number"),
        ("train-labels-idx1-ubyte", lambda c: struct.pack(">2I", 0x801, 0), "truncated or not"),
    ],
)
def test_damaged_raw_files_are_named(file: str, change: object, says: str, root: Path) -> None:
    """Catches training on what is left of a truncated, overwritten or mislabelled file."""
    write_idx(root / "mnist")
    path = root / "mnist" / file
    path.write_bytes(change(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(DataError, match=says) as error:
        load_data("mnist", validation=10, download=False)
    assert str(root / "mnist") in str(error.value)


@pytest.mark.parametrize("damage", ["flip", "truncate", "not gzip"])
def test_damaged_gz_files_are_named(damage: str, root: Path) -> None:
    """Catches an exception from gzip or zlib that does not say which file to copy again."""
    write_idx(root / "mnist", zipped=True)
    path = root / "mnist" / "t10k-images-idx3-ubyte.gz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes({"flip": content, "truncate": content[:-100], "not gzip": b"<html>"}[damage])
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte\.gz is damaged"):
        load_data("mnist", download=False)


def test_a_file_of_the_published_size_must_be_the_published_file(root: Path) -> None:
    """Catches a flipped byte where nothing else can: an uncompressed file has no checksum of its own."""
    write_idx(root / "mnist", train=60, test=10_000)
    with pytest.raises(
        DataError, match=r"t10k-images-idx3-ubyte has the size of the published file but not its md5"
    ):
        load_data("mnist", download=False)


def test_an_incomplete_or_strange_folder_is_reported(root: Path) -> None:
    """Catches going on to the network, or to another copy, when the user's own copy lacks a file."""
    write_idx(root / "mnist")
    (root / "mnist" / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match=r"lacks t10k-labels-idx1-ubyte"):
        load_data("mnist", download=False)
    (root / "cifar10").mkdir()
    with pytest.raises(DataError, match=r"no copy of CIFAR-10 in a known layout.*train/<class>/"):
        load_data("cifar10", download=False)


def test_lthkit_data_must_be_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Catches a mistyped LTHKIT_DATA that silently falls back to a download; the embedded set does not care."""
    monkeypatch.setenv("LTHKIT_DATA", str(tmp_path / "typo"))
    with pytest.raises(DataError, match="typo.*not a folder"):
        load_data("mnist", download=False)
    assert len(load_data("fashion-mnist").train) == 10_000


@pytest.mark.parametrize("place", ["cifar10", "CIFAR-10/cifar-10-batches-py", "cifar-10-batches-py"])
def test_cifar_batches_are_read(place: str, root: Path) -> None:
    """Catches pixels in the wrong order: CIFAR stores all red, then all green, then all blue."""
    images = write_cifar(root / place)
    data = load_data("cifar10", validation=10, download=False)
    assert (len(data.train), len(data.validation), len(data.test)) == (90, 10, 20)
    assert np.array_equal(data.test.images.numpy(), images)
    assert data.test.labels.tolist() == [i % 10 for i in range(20)]
    assert data.classes == CIFAR_CLASSES and data.shape == (3, 32, 32)


def test_batches_pickled_by_python_2_are_read(root: Path) -> None:
    """Catches a reader that knows only what today's Python and numpy write: the published files are from 2009."""
    images = write_cifar(root / "cifar10", n=2)
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01K\x02M\x00\x0c\x86"
        b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        b"T" + struct.pack("<I", images.size) + images[::-1].tobytes() + b"tb"
    )
    batch = b"\x80\x02}(U\x04data" + array + b"U\x06labels](K\x07K\x03eu."
    (root / "cifar10" / "test_batch").write_bytes(batch)
    data = load_data("cifar10", validation=1, download=False)
    assert np.array_equal(data.test.images.numpy(), images[::-1]) and data.test.labels.tolist() == [7, 3]


class _Malice:
    """Pickles to a call that leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return exec, (f"open({str(self.trace)!r}, 'w').close()",)


def test_a_malicious_pickle_does_not_run(root: Path, tmp_path: Path) -> None:
    """Catches an ordinary pickle.load, which runs whatever the file says."""
    write_cifar(root / "cifar10")
    trace = tmp_path / "trace"
    poison = pickle.dumps({"data": _Malice(trace), "labels": [0]}, protocol=2)
    (root / "cifar10" / "data_batch_3").write_bytes(poison)
    with pytest.raises(DataError, match=r"data_batch_3 wants to run .*exec.*not run"):
        load_data("cifar10", download=False)
    assert not trace.exists()
    pickle.loads(poison)
    assert trace.exists()  # the poison works: only our reader refused it


@pytest.mark.parametrize(
    "content",
    [
        b"",
        pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": [0, 1]}, protocol=2)[:-2000],
        pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": [0, 10]}, protocol=2),
        pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": [0, -1]}, protocol=2),
        pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": [0]}, protocol=2),
        pickle.dumps({"data": np.zeros((2, 3071), np.uint8), "labels": [0, 1]}, protocol=2),
        pickle.dumps({"data": np.zeros((2, 3072), np.float32), "labels": [0, 1]}, protocol=2),
        pickle.dumps({"labels": [0, 1]}, protocol=2),
        pickle.dumps([1, 2], protocol=2),
        b"<html>not found</html>",
    ],
)  # fmt: skip
def test_damaged_cifar_batches_are_named(content: bytes, root: Path) -> None:
    """Catches a wrong shape, a label out of range or half a file that would be trained on, and a nameless error."""
    write_cifar(root / "cifar10")
    (root / "cifar10" / "data_batch_2").write_bytes(content)
    with pytest.raises(DataError, match="data_batch_2"):
        load_data("cifar10", download=False)


def test_an_image_folder_is_read_in_order(root: Path) -> None:
    """Catches order by file system, and pixels turned (rows for columns) on the way from height-width-channel."""
    written = write_images(root / "cifar10")
    (root / "cifar10" / "train" / "bird" / ".DS_Store").write_bytes(b"\0")
    data = load_data("cifar10", validation=10, download=False)
    assert (len(data.train), len(data.validation), len(data.test)) == (20, 10, 30)
    assert data.origin == "image folder, PNG" and data.classes == CIFAR_CLASSES
    expected = np.stack([written[k] for k in sorted(written) if k.startswith("test/")])
    assert np.array_equal(data.test.images.numpy(), expected.transpose(0, 3, 1, 2))
    assert data.test.labels.tolist() == [i // 3 for i in range(30)]


def test_a_jpeg_copy_says_so_wherever_it_goes(root: Path) -> None:
    """Catches a figure from recompressed images that passes for one from the exact set."""
    write_images(root / "cifar10", suffix="jpg")
    jpeg = load_data("cifar10", download=False)
    assert jpeg.label == "CIFAR-10 (image folder, JPEG, 27 images)"
    shutil.rmtree(root / "cifar10")
    write_images(root / "cifar10")
    png = load_data("cifar10", download=False)
    assert png.label == "CIFAR-10 (image folder, PNG, 27 images)" and png.fingerprint != jpeg.fingerprint


def test_published_class_order_wins_over_the_alphabet(root: Path) -> None:
    """Catches labels that mean other classes than the published ones because folders were sorted by name."""
    names = (
        "T-shirt-top",
        "trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "ankle_boot",
    )
    for part in ("train", "test"):
        for label, name in enumerate(names):
            (root / "fashionmnist" / part / name).mkdir(parents=True)
            Image.new("L", (28, 28), 20 * label).save(root / "fashionmnist" / part / name / "a.png")
    data = load_data("fashion-mnist-full", validation=1, download=False)
    assert data.test.labels.tolist() == list(range(10)) and data.classes[9] == "Ankle boot"
    assert data.test.images[:, 0, 0, 0].tolist() == [20 * label for label in range(10)]


@pytest.mark.parametrize(
    "damage", ["truncated", "text", "size", "class missing", "class empty", "other class"]
)
def test_damaged_image_folders_are_named(damage: str, root: Path) -> None:
    """Catches half a JPEG read as grey, an image of another size, and a class that is not there."""
    folder = root / "cifar10"
    write_images(folder, suffix="jpg")
    path = folder / "train" / "cat" / "0001.jpg"
    says = r"train.cat.0001\.jpg"
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-200])
    elif damage == "text":
        path.write_text("<html>", encoding="ascii")
    elif damage == "size":
        Image.new("RGB", (64, 16)).save(path)  # as many pixels as 32×32
        says += " is 64x16 pixels; expected 32x32"
    elif damage == "class missing":
        shutil.rmtree(folder / "test" / "ship")
        says = "class folders"
    elif damage == "class empty":
        for file in (folder / "test" / "ship").iterdir():
            file.unlink()
        says = r"test.ship holds no images"
    else:
        for part in ("train", "test"):
            (folder / part / "ship").rename(folder / part / "boat")
        says = "'boat'.*expected.*'ship'"
    with pytest.raises(DataError, match=says):
        load_data("cifar10", download=False)


# The cache


def test_a_copy_is_read_once_and_kept(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a cache that is written and never used, or that gives other data than the first time."""
    write_idx(root / "mnist")
    first = load_data("mnist", download=False)
    assert [p.suffix for p in cache_folder().iterdir()] == [".npz"]  # and no temporary file
    monkeypatch.setattr(lthkit.data, "_read_idx", None)
    again = load_data("mnist", download=False)
    assert again.fingerprint == first.fingerprint and again.label == first.label


def test_a_changed_copy_is_read_again(root: Path) -> None:
    """Catches a cache that goes on giving the old images after the folder was replaced."""
    write_images(root / "cifar10")
    first = load_data("cifar10", download=False)
    Image.new("RGB", (32, 32)).save(root / "cifar10" / "train" / "dog" / "0000.png")
    second = load_data("cifar10", download=False)
    assert second.fingerprint != first.fingerprint
    assert len(list(cache_folder().iterdir())) == 1


@pytest.mark.parametrize("damage", ["flip", "truncate", "pickle"])
def test_a_damaged_cache_is_named_and_not_used(damage: str, root: Path) -> None:
    """Catches training on a cache file that a full disk cut short or a bad sector changed."""
    write_idx(root / "mnist")
    first = load_data("mnist", download=False)
    (path,) = cache_folder().iterdir()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes({"flip": content, "truncate": content[:-500], "pickle": pickle.dumps([1])}[damage])
    with pytest.warns(UserWarning, match=rf"{path.name} is damaged.*made again"):
        again = load_data("mnist", download=False)
    assert again.fingerprint == first.fingerprint
    assert load_data("mnist", download=False).fingerprint == first.fingerprint  # and it was mended


def test_an_unwritable_cache_does_not_stop_the_work(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a crash after the data has been read, on a machine with a full or read-only home."""
    write_idx(root / "mnist")
    (tmp_path / "file").write_text("in the way", encoding="ascii")
    monkeypatch.setenv("LTHKIT_CACHE", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="could not be kept.*LTHKIT_CACHE"):
        assert len(load_data("mnist", download=False).test) == 20


@pytest.mark.parametrize(
    ("platform", "variables", "tail"),
    [
        ("win32", {"LOCALAPPDATA": "local"}, ("local", "lthkit", "Cache")),
        ("darwin", {}, ("Library", "Caches", "lthkit")),
        ("linux", {"XDG_CACHE_HOME": "xdg"}, ("xdg", "lthkit")),
        ("linux", {"XDG_CACHE_HOME": ""}, (".cache", "lthkit")),
    ],
)
def test_the_cache_lies_where_the_system_keeps_caches(
    platform: str, variables: dict[str, str], tail: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a folder that exists on Linux only."""
    monkeypatch.delenv("LTHKIT_CACHE")
    monkeypatch.setattr(sys, "platform", platform)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache_folder().parts[-len(tail) :] == tail


# The network


def test_no_network_and_no_copy_says_what_to_do(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """Catches a traceback from urllib in place of what was looked for, where, and the three ways on."""
    torchvision = pytest.importorskip("torchvision.datasets")

    def unplugged(**arguments: object) -> None:
        raise OSError("Name or service\nnot known")

    monkeypatch.setattr(torchvision, "MNIST", unplugged)
    with pytest.raises(DataError) as error:
        load_data("mnist")
    text = str(error.value)
    for part in (
        "download failed (OSError: Name or service not known)",
        str(root),
        str(cache_folder() / "mnist-torchvision.npz"),
        "LTHKIT_DATA",
        "mnist/raw/train-images-idx3-ubyte.gz",
        "where there is a network",
        "load_data('fashion-mnist')",
    ):
        assert part in text
    with pytest.raises(DataError, match=r"download=False.*\n(.*\n)*.*cifar-10-batches-py"):
        load_data("cifar10", download=False)


def test_without_torchvision_the_install_line_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches an ImportError from inside, and a package that needs torchvision for its embedded data."""
    monkeypatch.setitem(sys.modules, "torchvision", None)
    monkeypatch.setitem(sys.modules, "torchvision.datasets", None)
    with pytest.raises(DataError, match="pip install torchvision"):
        load_data("mnist")
    assert len(load_data().test) == 5_000


def test_a_download_is_kept_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a second download, and raw files left behind beside the cache."""
    torchvision = pytest.importorskip("torchvision.datasets")
    calls = []

    def fetched(root: str, train: bool, download: bool) -> None:
        calls.append(root)
        write_idx(Path(root) / "MNIST" / "raw", zipped=True)

    monkeypatch.setattr(torchvision, "MNIST", fetched)
    first = load_data("mnist")
    assert load_data("mnist", download=False).fingerprint == first.fingerprint
    assert len(calls) == 1 and not Path(calls[0]).exists()
    assert first.origin == "torchvision"
    assert [p.name for p in cache_folder().iterdir()] == ["mnist-torchvision.npz"]


# Batches


def test_batches_are_a_function_of_seed_and_epoch() -> None:
    """Catches an order that depends on the global generator or on how many epochs came before: a resumed run differs."""
    torch.manual_seed(0)
    before = torch.get_rng_state()
    third = batches(100, seed=0, epoch=3, batch_size=10)
    assert torch.equal(torch.get_rng_state(), before)
    for epoch in range(3):
        batches(100, seed=0, epoch=epoch, batch_size=10)
    torch.manual_seed(1)
    assert torch.equal(batches(100, seed=0, epoch=3, batch_size=10), third)
    with torch.device("meta"):
        assert torch.equal(batches(100, seed=0, epoch=3, batch_size=10), third)


def test_batches_are_permutations_and_drop_the_rest() -> None:
    """Catches sampling with replacement, and a last batch of another size."""
    order = batches(103, seed=1, epoch=0, batch_size=10)
    assert order.shape == (10, 10) and order.dtype == torch.int64 and order.device.type == "cpu"
    assert len(set(order.flatten().tolist())) == 100 and 0 <= order.min() and order.max() < 103
    assert batches(100, seed=1, epoch=0, batch_size=100).sort().values.tolist() == [list(range(100))]
    for size in (0, 11, -1):
        with pytest.raises(ValueError, match="expected 1 to 10"):
            batches(10, seed=0, epoch=0, batch_size=size)


def test_neighbouring_seeds_and_epochs_share_no_order() -> None:
    """Catches seed + epoch as the seed: replicate 1 would see replicate 0's epochs, one late."""
    seen = {
        tuple(batches(50, seed=s, epoch=e, batch_size=50)[0].tolist()) for s in range(20) for e in range(20)
    }
    assert len(seen) == 400


def test_batches_are_the_same_on_every_machine() -> None:
    """Catches a change of the stream, which would change every recorded run."""
    assert batches(8, seed=0, epoch=0, batch_size=4).tolist() == [[0, 2, 4, 3], [5, 1, 7, 6]]


# Augmentation


def crops_and_flips(image: torch.Tensor) -> list[bytes]:
    """All that may become of an image [c, h, w], made the slow way."""
    c, h, w = image.shape
    framed = torch.zeros(c, h + 8, w + 8, dtype=image.dtype)
    framed[:, 4 : 4 + h, 4 : 4 + w] = image
    possible = []
    for top in range(9):
        for left in range(9):
            cut = framed[:, top : top + h, left : left + w]
            possible += [cut.contiguous().numpy().tobytes(), cut.flip(2).contiguous().numpy().tobytes()]
    return possible


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 28, 24)])
def test_augmentation_only_crops_and_flips(shape: tuple[int, ...]) -> None:
    """Catches height taken for width, a flip up and down, colours mixed, a crop off by one, a neighbour's image."""
    images = torch.from_numpy(pixels(40, *shape))
    out = augment(images, seed=0, step=5)
    assert out.shape == images.shape and out.dtype == torch.uint8 and out.is_contiguous()
    choices = [crops_and_flips(a).index(b.numpy().tobytes()) for a, b in zip(images, out, strict=True)]
    assert len(set(choices)) > 25  # each image has its own draw
    floats = augment(images.float(), seed=0, step=5)
    assert floats.dtype == torch.float32 and torch.equal(floats, out.float())


def test_every_crop_and_flip_is_as_likely() -> None:
    """Catches offsets that never reach the last row or column, and flips that are tied to the offset."""
    image = torch.from_numpy(pixels(1, 1, 8, 8))
    possible = crops_and_flips(image[0])
    out = augment(image.expand(16_200, -1, -1, -1), seed=0, step=0)
    counts = np.bincount([possible.index(o.numpy().tobytes()) for o in out], minlength=162)
    assert counts.min() > 55 and counts.max() < 155  # 100 expected, standard deviation 10


def test_augmentation_is_a_function_of_seed_and_step() -> None:
    """Catches draws from the global generator: a resumed run would see other crops."""
    images = torch.from_numpy(pixels(16, 3, 32, 32))
    original = images.clone()
    torch.manual_seed(0)
    before = torch.get_rng_state()
    out = augment(images, seed=1, step=2)
    assert torch.equal(torch.get_rng_state(), before) and torch.equal(images, original)
    torch.manual_seed(1)
    assert torch.equal(augment(images, seed=1, step=2), out)
    assert not torch.equal(augment(images, seed=2, step=1), out)  # seed + step would agree
    assert not torch.equal(augment(images, seed=1, step=3), out)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_devices_agree() -> None:
    """Catches draws made on the device: the same run would see other crops on a GPU."""
    images = torch.from_numpy(pixels(16, 3, 32, 32))
    assert torch.equal(augment(images.cuda(), seed=1, step=2).cpu(), augment(images, seed=1, step=2))
    data = load_data(device="cuda")
    assert data.device.type == "cuda" and data.fingerprint == load_data().fingerprint
    assert data.head(train=20).fingerprint == load_data().head(train=20).fingerprint
    torch.testing.assert_close(data.inputs(data.test).cpu(), load_data().inputs(load_data().test))


def test_names() -> None:
    """Catches a name that the command line offers and the loader does not know."""
    assert DATA_NAMES == ("fashion-mnist", "fashion-mnist-full", "mnist", "cifar10")
