"""Copies of data sets as they lie in folders: read in order, damage noticed, nothing in them run.

Copies are made here, with a handful of images each; nothing is fetched.
"""

from __future__ import annotations

import pickle
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lthkit.data.file_formats import DataError
from lthkit.data.named import load_data
from tests.copies import CIFAR_CLASSES, write_cifar, write_idx, write_images

pytestmark = [
    pytest.mark.usefixtures("own_folders"),
    pytest.mark.filterwarnings("ignore:This copy of:UserWarning"),
]


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
    assert data.origin == "image folder" and data.classes == CIFAR_CLASSES
    expected = np.stack([written[k] for k in sorted(written) if k.startswith("test/")])
    assert np.array_equal(data.test.images.numpy(), expected.transpose(0, 3, 1, 2))
    assert data.test.labels.tolist() == [i // 3 for i in range(30)]


def test_a_jpeg_copy_says_so_wherever_it_goes(root: Path) -> None:
    """Catches a figure from recompressed images that passes for one from the exact set."""
    write_images(root / "cifar10", suffix="jpg")
    jpeg = load_data("cifar10", download=False)
    assert jpeg.label == "CIFAR-10 (JPEG copy, 27 images)"
    shutil.rmtree(root / "cifar10")
    write_images(root / "cifar10")
    png = load_data("cifar10", download=False)
    assert png.label == "CIFAR-10 (image folder, 27 images)" and png.fingerprint != jpeg.fingerprint


@pytest.mark.parametrize(
    ("suffix", "origin"),
    [("jpg", "JPEG copy"), ("webp", "WEBP copy"), ("bmp", "image folder"), ("ppm", "image folder")],
)
def test_one_image_of_a_lossy_format_is_enough(suffix: str, origin: str, root: Path) -> None:
    """Catches a folder that passes for exact because most of its images, or their names, are PNG."""
    written = write_images(root / "cifar10")
    path = root / "cifar10" / "test" / "cat" / f"0001.{suffix}"
    Image.fromarray(written["test/cat/0001.png"]).save(path)
    path.replace(path.with_suffix(".png"))  # the format is told from the content
    assert load_data("cifar10", download=False).origin == origin


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
