"""The data: the embedded set, its splits, what a data set knows of itself, batches and augmentation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import lthkit.data.datasets
from lthkit.data import sources
from lthkit.data.datasets import Dataset, Split, augment, batches
from lthkit.data.named import DATA_NAMES, load_data


def pixels(n: int, *shape: int) -> np.ndarray:
    return np.random.RandomState(0).randint(0, 256, (n, *shape)).astype(np.uint8)


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
    """Catches labels out of range and images of another type before they reach a loss on a GPU, where the error is unreadable."""
    images, labels = torch.zeros(4, 1, 2, 2, dtype=torch.uint8), torch.arange(4)
    good = Split(images, labels)
    for wrong in (lambda: Split(images.int(), labels), lambda: Split(images, labels[1:]),
                  lambda: Split(images[0], labels), lambda: Split(images[:0], labels[:0])):  # fmt: skip
        with pytest.raises(ValueError, match="expected"):
            wrong()
    with pytest.raises(ValueError, match="labels from 0 to 3; expected 0 to 2"):
        Dataset.of("tiny", train=good, validation=good, test=good, classes="abc")
    other = Split(torch.zeros(4, 3, 2, 2, dtype=torch.uint8), labels)
    with pytest.raises(ValueError, match="validation has images"):
        Dataset.of("tiny", train=good, validation=other, test=good, classes="abcd")


def test_a_complete_set_is_labelled_by_its_origin_alone() -> None:
    """Catches a figure that counts the images of the whole set, and one that hides where they come from."""

    def cifar(test: int) -> Dataset:
        train, validation, last = (
            Split(torch.zeros(n, 3, 1, 1, dtype=torch.uint8), torch.zeros(n, dtype=torch.int64))
            for n in (45_000, 5_000, test)
        )
        parts = {"train": train, "validation": validation, "test": last}
        return Dataset.of("cifar10", **parts, classes="a", origin="JPEG copy")

    assert cifar(10_000).label == "CIFAR-10 (JPEG copy)"
    assert cifar(9_999).label == "CIFAR-10 (JPEG copy, 45,000 images)"


def test_what_sources_offers_is_found_here() -> None:
    """Catches two classes of one name: `except lthkit.data.DataError` would let the reader's error pass."""
    for name in ("DataError", "cache_folder", "data_folder"):
        assert name in lthkit.data.__all__ and getattr(lthkit.data, name) is getattr(sources, name)


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
    assert DATA_NAMES == ("fashion-mnist", "fashion-mnist-full", "mnist", "cifar10", "lesson-text")


def test_images_for_a_score_are_drawn_once_each(tiny):
    """Catches: repetition, images that change with the batch size, raw bytes instead of normalised images."""
    whole, parts = tiny.draw(100, seed=3, batch_size=100), tiny.draw(100, seed=3, batch_size=30)
    (images, labels), *rest = whole
    assert not rest and [len(y) for _, y in parts] == [30, 30, 30, 10]
    assert torch.equal(torch.cat([x for x, _ in parts]), images)
    assert torch.equal(torch.cat([y for _, y in parts]), labels)
    assert images.dtype == torch.float32 and len(images.flatten(1).unique(dim=0)) == 100
    assert abs(float(tiny.draw(300, seed=0, batch_size=300)[0][0].mean())) < 1e-5
    assert not torch.equal(tiny.draw(100, seed=4)[0][0], images)


def test_a_stratified_draw_has_each_class_in_its_share(tiny):
    assert tiny.draw(30, seed=1, stratified=True)[0][1].bincount().tolist() == [10, 10, 10]
    assert tiny.draw(30, seed=1)[0][1].bincount().tolist() != [10, 10, 10]


@pytest.mark.parametrize(("n", "batch_size"), [(0, 5), (301, 5), (10, 0)])
def test_a_bad_draw_is_named(tiny, n, batch_size):
    with pytest.raises(ValueError, match=f"n={n}, batch_size={batch_size} were given; expected 1 to 300"):
        tiny.draw(n, seed=0, batch_size=batch_size)
