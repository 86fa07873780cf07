"""Folders of pictures: classes in any script, splits, and what lies where it should not."""

from __future__ import annotations

import logging
import os
import sys
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lthkit.data.datasets import Dataset, Split
from lthkit.data.file_formats import DataError
from lthkit.data.named import load_data

FIVE = {"zebra": 30, "고양이": 12, "cat": 20, "Élan": 6, "ねこ": 4}


def write(folder: Path, classes: Mapping[str, int], *, start: int = 0) -> Path:
    """A picture of 8x10 pixels for each number, no two alike; the pixel of a class is its place in the mapping."""
    for place, (name, count) in enumerate(classes.items()):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            pixels = (
                np.random.RandomState(1000 * place + i + start).randint(0, 256, (8, 10, 3)).astype(np.uint8)
            )
            pixels[0, 0] = 20 * place
            Image.fromarray(pixels).save(folder / name / f"{i + start:03}.png")
    return folder


@pytest.fixture
def animals(tmp_path: Path) -> Path:
    return write(tmp_path / "animals", FIVE)


def classes_by_pixel(data: Dataset, split: Split) -> list[str]:
    """The class of each picture as its first pixel says."""
    return [list(FIVE)[int(image[0, 0, 0]) // 20] for image in split.images]


def test_five_unbalanced_classes_in_four_scripts(animals: Path) -> None:
    """Catches labels of other folders, a class that a split lacks, and an order that depends on the disk."""
    data = Dataset.from_folder(animals)
    assert data.classes == ("cat", "zebra", "Élan", "ねこ", "고양이") == tuple(sorted(FIVE))
    assert (
        data.name == "animals"
        and data.label == "animals (image folder, 51 images)"
        and data.shape == (3, 8, 10)
    )
    for split in (data.train, data.validation, data.test):
        assert [data.classes[k] for k in split.labels] == classes_by_pixel(data, split)
        assert set(split.labels.tolist()) == set(range(5))
    counts = [s.labels.bincount().tolist() for s in (data.train, data.validation, data.test)]
    assert [sum(c) for c in zip(*counts, strict=True)] == [FIVE[name] for name in data.classes]
    assert [sum(c) for c in counts] == [51, 7, 14]
    images = {image.numpy().tobytes() for s in (data.train, data.validation, data.test) for image in s.images}
    assert len(images) == 72


def test_a_folder_is_the_same_data_wherever_it_lies(animals: Path, tmp_path: Path) -> None:
    """Catches a fingerprint that depends on the disk: composed or not, hidden files, the order in which files came."""
    data = load_data(f"folder:{animals}")
    other = tmp_path / "elsewhere" / "animals"
    for name, count in reversed(FIVE.items()):
        folder = other / unicodedata.normalize("NFD", name)
        folder.mkdir(parents=True)
        for i in reversed(range(count)):
            (folder / f"{i:03}.png").write_bytes((animals / name / f"{i:03}.png").read_bytes())
    (other / ".ipynb_checkpoints").mkdir()
    (other / "__MACOSX").mkdir()
    for hidden in (
        other / ".DS_Store",
        other / "cat" / "._000.png",
        other / "cat" / "Thumbs.db",
        other / "README.txt",
    ):
        hidden.write_bytes(b"\0")
    same = Dataset.from_folder(str(other))
    assert same.fingerprint == data.fingerprint and same.classes == data.classes
    assert all(unicodedata.is_normalized("NFC", name) for name in same.classes)
    assert Dataset.from_folder(animals, seed=1).fingerprint != data.fingerprint


@pytest.mark.parametrize(
    ("validation", "test"), [("validation", "test"), ("val", "Test"), ("valid", "testing")]
)
def test_splits_of_the_folders_own_stay(validation: str, test: str, tmp_path: Path) -> None:
    """Catches pictures drawn anew where the folder has its splits, and a validation folder that is trained on."""
    root = tmp_path / "animals"
    for part, start in (("train", 0), (validation, 500), (test, 700)):
        write(root / part, {name: 4 for name in FIVE}, start=start)
    data = Dataset.from_folder(root)
    for split, start in ((data.train, 0), (data.validation, 500), (data.test, 700)):
        assert len(split) == 20 and split.labels.bincount().tolist() == [4] * 5
        first = np.random.RandomState(2000 + start).randint(0, 256, (8, 10, 3))  # the first cat
        assert np.array_equal(split.images[0].permute(1, 2, 0)[1:], first[1:])
        assert [data.classes[k] for k in split.labels] == classes_by_pixel(data, split)
    with pytest.raises(
        ValueError, match="validation=0.1 was given, and .* has a validation split of its own"
    ):
        Dataset.from_folder(root, validation=0.1)


def test_splits_that_a_folder_lacks_come_out_of_its_training_pictures(tmp_path: Path) -> None:
    root = tmp_path / "animals"
    write(root / "train", {name: 10 for name in FIVE})
    data = Dataset.from_folder(root, validation=5, test=0.1)
    assert (len(data.train), len(data.validation), len(data.test)) == (40, 5, 5)
    write(root / "val", {name: 2 for name in FIVE}, start=500)
    data = Dataset.from_folder(root)
    assert (len(data.train), len(data.validation), len(data.test)) == (40, 10, 10)


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    """Catches a class taken for a split: trains are among the things that are photographed."""
    root = write(tmp_path / "vehicles", {"bus": 5, "train": 5, "car": 5})
    assert Dataset.from_folder(root).classes == ("bus", "car", "train")


def test_size_and_channels(animals: Path) -> None:
    square = Dataset.from_folder(animals, size=6)
    assert square.shape == (3, 6, 6) and square.label == "animals (image folder, resized to 6x6, 51 images)"
    assert Dataset.from_folder(animals, size=(4, 12), channels=1).shape == (1, 4, 12)
    same = Dataset.from_folder(animals, size=(8, 10))
    assert same.fingerprint == Dataset.from_folder(animals).fingerprint and same.origin == "image folder"
    for size in (0, -1, 2.5, "32", (1, 2, 3), (0, 4), True):
        with pytest.raises(ValueError, match="expected pixels a side, such as 32, or"):
            Dataset.from_folder(animals, size=size)  # type: ignore[arg-type]
    for channels in (0, 2, 4, True, "grey"):
        with pytest.raises(ValueError, match="expected 1 .grey., 3 .colour."):
            Dataset.from_folder(animals, channels=channels)  # type: ignore[arg-type]


def test_a_folder_named_as_a_published_set_does_not_pass_for_it(tmp_path: Path) -> None:
    """Catches a figure that says MNIST and shows cats."""
    data = Dataset.from_folder(write(tmp_path / "mnist", {"cat": 5, "dog": 5}))
    assert data.label == "folder mnist (image folder, 7 images)"
    assert Dataset.from_folder(tmp_path / "mnist", name="my digits").name == "my digits"


def test_a_picture_in_two_splits_is_told(animals: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "lthkit"):
        Dataset.from_folder(animals)
        assert not caplog.text
        for copy in range(20):
            (animals / "cat" / f"copy{copy}.png").write_bytes((animals / "cat" / "000.png").read_bytes())
        Dataset.from_folder(animals)
    assert "images of the test split have the same inputs as one of the training split" in caplog.text


def test_a_small_class_that_cannot_be_everywhere_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "lthkit"):
        data = Dataset.from_folder(write(tmp_path / "few", {"cat": 20, "dog": 2, "새": 1}))
    assert data.train.labels.bincount().tolist()[1:] == [1, 1]
    assert (
        "few: the validation split has no image of class dog, 새: it says nothing about them." in caplog.text
    )


def nested(root: Path) -> None:
    (root / "cat" / "kittens").mkdir()


def beside(root: Path) -> None:
    (root / "cat" / "000.png").rename(root / "000.png")


def one_name_twice(root: Path) -> None:
    (root / unicodedata.normalize("NFD", "고양이")).mkdir()


def one_class(root: Path) -> None:
    for name in list(FIVE)[1:]:
        (root / name).rename(root.parent / name)


def splits_and_more(root: Path) -> None:
    write(root.parent / "new" / "train", {"a": 2, "b": 2})
    write(root.parent / "new", {"more": 1})
    root.rename(root.parent / "old")
    (root.parent / "new").rename(root)


def other_classes(root: Path) -> None:
    root.rename(root.parent / "train")
    write(root / "test", {"cat": 2, "dog": 2})
    (root.parent / "train").rename(root / "train")


def two_of_one_split(root: Path) -> None:
    for part in ("train", "val", "validation"):
        write(root.parent / "new" / part, {"a": 2, "b": 2})
    root.rename(root.parent / "old")
    (root.parent / "new").rename(root)


def loose_beside_splits(root: Path) -> None:
    root.rename(root.parent / "train")
    root.mkdir()
    (root.parent / "train").rename(root / "train")
    Image.new("L", (8, 8)).save(root / "a.png")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda root: (root / "cat" / "notes.txt").write_text("x"),
            r"cat has files whose names are none .* notes\.txt",
        ),
        (
            lambda root: (root / "cat" / "a.heic").write_bytes(b"x"),
            r"none of a picture: a\.heic; expected \.bmp",
        ),
        (lambda root: (root / "cat" / "a").write_bytes(b"x"), "none of a picture: a; expected"),
        (lambda root: (root / "cat" / "a.png").write_bytes(b"x"), r"cat.a\.png is damaged or no picture"),
        (lambda root: (root / "dog").mkdir(), "dog is a class without a picture"),
        (nested, "cat holds folders, kittens; expected pictures only"),
        (beside, r"has pictures in no folder, 000\.png, so they belong to no class"),
        (loose_beside_splits, r"has pictures in no folder, a\.png"),
        (one_name_twice, "two entries of one name, '고양이', spelled in two ways of Unicode"),
        (one_class, r"has 1 folder in it \(zebra\); expected one for each class, two or more"),
        (
            splits_and_more,
            "train holds folders, a, b; .* where train, validation and test lie, nothing else may",
        ),
        (two_of_one_split, "train, val, validation; expected one for each split"),
        (other_classes, r"other classes for test than for train: more \['dog'\], fewer \['zebra'"),
        (lambda root: (root / "cat\u202egod").mkdir(), "name with control characters"),
        (lambda root: (root / "cat\n").mkdir(), "name with control characters"),
    ],
)
def test_what_lies_where_it_should_not_is_named(
    change: Callable[[Path], Any], says: str, animals: Path
) -> None:
    """Catches pictures that are quietly left out, or counted for a class that they do not belong to."""
    if sys.platform != "linux" and "name" in says:
        pytest.skip("names that only some systems allow")
    change(animals)
    with pytest.raises(DataError, match=says):
        Dataset.from_folder(animals)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_is_no_text_is_refused(animals: Path) -> None:
    os.mkdir(os.fsencode(animals) + b"/caf\xe9")
    with pytest.raises(DataError, match="not UTF-8"):
        Dataset.from_folder(animals)


def test_no_folder_is_answered_with_one_like_it(animals: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"There is no folder .*animal; .* Did you mean .*animals\?"):
        Dataset.from_folder(tmp_path / "animal")
    (tmp_path / "a.zip").write_bytes(b"PK")
    with pytest.raises(DataError, match="is a file; .* Unpack an archive"):
        load_data(f"folder:{tmp_path / 'a.zip'}")
    with pytest.raises(DataError, match="has no folders in it"):
        (tmp_path / "empty").mkdir()
        Dataset.from_folder(tmp_path / "empty")
    for gone in (animals / "cat" / "000.png",):
        gone.unlink()
        gone.symlink_to(tmp_path / "nowhere.png")
        with pytest.raises(DataError, match=r"000\.png cannot be read"):
            Dataset.from_folder(animals)


def test_a_folder_that_may_not_be_read_is_named(animals: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An administrator may read all, so the refusal of the system is planted."""

    def denied(path: Path) -> object:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", denied)
    with pytest.raises(DataError, match=r"animals cannot be read \(Permission denied\)"):
        Dataset.from_folder(animals)


def test_load_data_takes_a_folder_by_its_prefix(animals: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a folder that is taken for a name, and a size that changes nothing."""
    assert load_data(f"folder:{animals}", size=4, validation=9).shape == (3, 4, 4)
    assert len(load_data(f"folder:{animals}", validation=9).validation) == 9
    monkeypatch.chdir(animals.parent)
    assert load_data("folder:animals").name == "animals"
    monkeypatch.chdir(animals)
    assert load_data("folder:.").name == "animals"
    with pytest.raises(ValueError, match="names no folder"):
        load_data("folder:")
    with pytest.raises(ValueError, match="Unknown data set 'animals'.*A folder of pictures is folder:PATH"):
        load_data("animals")
    with pytest.raises(ValueError, match="fashion-mnist has a size of its own"):
        load_data(size=32)
