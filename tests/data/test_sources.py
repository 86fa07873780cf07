"""The sources: the embedded file, copies found in folders, the cache, the network.

Copies are made here, with a handful of images each; nothing is fetched.
"""

from __future__ import annotations

import pickle
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lthkit.data.file_formats
import lthkit.data.sources
from lthkit.data.named import load_data
from lthkit.data.sources import DataError, cache_folder, data_folder
from tests.copies import write_idx, write_images

pytestmark = [
    pytest.mark.usefixtures("own_folders"),
    pytest.mark.filterwarnings("ignore:This copy of:UserWarning"),
]


# The embedded set


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
    monkeypatch.setattr(lthkit.data.sources, "data_folder", lambda: copy)
    says = {"remove": "cannot be read", "unlisted": "cannot be checked"}.get(damage, "is damaged")
    with pytest.raises(DataError, match=rf"fashion-mnist-subset\.npz.*{says}.*install lthkit again"):
        load_data("fashion-mnist")


# Copies in $LTHKIT_DATA


def test_a_copy_is_labelled_complete_only_if_it_is(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """Catches a figure that claims the complete set for a copy that was interrupted."""
    write_idx(root / "fashion-mnist")
    with pytest.warns(UserWarning, match="60 training and 20 test images, the published set 60,000"):
        data = load_data("fashion-mnist-full", download=False)
    assert data.label == "Fashion-MNIST (raw files, 54 images)" and len(data.validation) == 6


def test_lthkit_data_must_be_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Catches a mistyped LTHKIT_DATA that silently falls back to a download; the embedded set does not care."""
    monkeypatch.setenv("LTHKIT_DATA", str(tmp_path / "typo"))
    with pytest.raises(DataError, match="typo.*not a folder"):
        load_data("mnist", download=False)
    assert len(load_data("fashion-mnist").train) == 10_000


# The cache


def test_a_copy_is_read_once_and_kept(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a cache that is written and never used, or that gives other data than the first time."""
    write_idx(root / "mnist")
    first = load_data("mnist", download=False)
    assert [p.suffix for p in cache_folder().iterdir()] == [".npz"]  # and no temporary file
    monkeypatch.setattr(lthkit.data.file_formats, "_read_idx", None)
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
