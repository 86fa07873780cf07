"""Smaller images: each pixel is the mean of four, and nothing else about the data changes."""

from __future__ import annotations

import pytest
import torch

from lthkit.data.datasets import Dataset, Split
from lthkit.data.resizing import halved


def of_shape(*shape: int, name: str = "made") -> Dataset:
    generator = torch.Generator().manual_seed(0)

    def split(n: int) -> Split:
        images = torch.randint(0, 256, (n, *shape), generator=generator).to(torch.uint8)
        return Split(images, torch.arange(n) % 2)

    parts = {"train": split(12), "validation": split(6), "test": split(4)}
    return Dataset.of(name, **parts, classes="ab", origin="tensors")


def test_each_pixel_is_the_mean_of_four() -> None:
    """Catches every second pixel, a mean that is cut off and not rounded, and channels mixed."""
    data = of_shape(3, 4, 6)
    small = halved(data)
    for part in ("train", "validation", "test"):
        before, after = getattr(data, part), getattr(small, part)
        assert after.images.shape == (len(before), 3, 2, 3) and after.images.dtype == torch.uint8
        assert torch.equal(after.labels, before.labels)
        for n, c, y, x in torch.cartesian_prod(*map(torch.arange, after.images.shape)).tolist():
            four = before.images[n, c, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2].tolist()
            assert after.images[n, c, y, x] == round(sum(map(sum, four)) / 4)
    assert small.classes == data.classes and small.origin == data.origin


def test_the_name_says_the_size() -> None:
    """Catches a small data set that passes for the known one, in a figure or as the data of a run folder."""
    small = halved(of_shape(1, 28, 28, name="fashion-mnist"))
    assert small.name == "Fashion-MNIST at 14x14" and small.label == (
        "Fashion-MNIST at 14x14 (tensors, 12 images)"
    )
    assert halved(of_shape(1, 8, 12)).name == "made at 4x6"
    assert halved(of_shape(1, 8, 12)).fingerprint != of_shape(1, 8, 12).fingerprint


def test_what_cannot_be_halved_is_refused() -> None:
    """Catches a row that is dropped in silence, and values that are averaged and rounded to 0."""
    with pytest.raises(ValueError, match="made has images of 8x7; expected an even height"):
        halved(of_shape(1, 8, 7))
    rows = Split(torch.rand(8, 4, 4), torch.arange(8) % 2)
    with pytest.raises(ValueError, match="rows has no images but values"):
        halved(Dataset.of("rows", train=rows, validation=rows, test=rows, classes="ab"))
