"""What SNIP looks at: overlap and masks are the record's, and the record's are what `lth.snip` gives."""

from __future__ import annotations

import base64
from collections.abc import Callable
from statistics import mean

import numpy as np
import pytest
import torch

import lthkit as lth
from lthkit.pictures import snip
from lthkit.storage import files
from tests.browser.lab import ROOT
from tests.pictures.conftest import Seen, recorded_rows
from tests.records import record_script


def shared(inputs: str, which: str, images: int) -> list[float]:
    """In percent, of the ten pairs of draws."""
    rows = [
        r
        for r in recorded_rows("snip-draws")
        if (r["inputs"], r["classes"], r["images"]) == (inputs, which, str(images))
    ]
    assert len(rows) == 10 and (rows[0]["one"], rows[0]["other"]) == ("0", "1")
    return [100 * float(r["shared"]) for r in rows]


def told(values: list[float]) -> str:
    two = [round(v, 2) for v in values]
    return (
        f"the two draws keep {two[0]:.1f} % of their weights both.\n"
        f"Mean of ten pairs {round(mean(values), 4):.1f} %, from {min(two):.1f} to {max(two):.1f} %; two masks at random would share 2 %."
    )


def test_a_reader_chooses_class_and_number_by_keyboard(see: Callable[..., Seen]) -> None:
    seen = see("snip")
    assert seen.said == f"100 images of Trouser, pixels from 0 to 1: {told(shared('raw', '1', 100))}"
    assert (
        seen.press("Images in a draw", "ArrowRight")
        == f"300 images of Trouser, pixels from 0 to 1: {told(shared('raw', '1', 300))}"
    )
    assert (
        seen.press("Images in a draw", "Home")
        == f"1 image of Trouser, pixels from 0 to 1: {told(shared('raw', '1', 1))}"
    )
    said = seen.press("all classes", "Space")
    assert said == f"1 image of all classes, pixels from 0 to 1: {told(shared('raw', 'all', 1))}"
    said = seen.press("normalised", "Space")
    assert said == f"1 image of all classes, pixels normalised: {told(shared('normalised', 'all', 1))}"
    said = seen.press("Bag", "Space")
    assert said == f"1 image of Bag, pixels normalised: {told(shared('normalised', '8', 1))}"


def test_the_masks_are_those_of_the_record(see: Callable[..., Seen]) -> None:
    """Catches a picture of another draw, class or number: what is painted, pixel by pixel."""
    given, (maps, _) = snip.data(False), files.load_arrays(ROOT / "data/results/snip-draws/maps.npz")
    stored, found = iter(base64.b64decode(given["maps"])), []
    for value in stored:
        found += [value] if value else [0] * next(stored)
    assert found == np.stack([maps[name] for name in given["names"]]).ravel().tolist() and len(maps) == 88
    seen = see("snip", "?snip.class=5&snip.images=1&snip.inputs=normalised")
    two, most = maps["normalised-5-10"], int(maps["normalised-5-10"].max())
    for i in range(2):
        painted = (
            seen.page.locator("canvas")
            .nth(i)
            .evaluate(
                "c => [...c.getContext('2d').getImageData(0, 0, 28, 28).data].filter((_, i) => i % 4 == 0)"
            )
        )
        expected = [round(0xF3 + (0x00 - 0xF3) * v / most) for v in two[i].ravel().tolist()]
        assert max(abs(a - b) for a, b in zip(painted, expected, strict=True)) <= 1


@pytest.mark.parametrize(("inputs", "which", "images"), [("raw", 5, 10), ("normalised", "all", 100)])
def test_the_record_is_what_snip_gives(inputs: str, which: object, images: int) -> None:
    script, data = record_script("record_pictures"), lth.load_data("fashion-mnist")
    model = lth.models.lenet_300_100(seed=0)
    a, b = (script.mask_of(model, data, which, images, inputs, seed) for seed in (0, 1))
    both = sum(int((a[name] & b[name]).sum()) for name in a)
    assert a.kept == round(0.02 * 266_200)
    assert shared(inputs, str(which), images)[0] == pytest.approx(
        100 * both / a.kept, abs=0.2
    )  # ranks of another machine
    rows = script.images_of(data, which, images, 0)
    labels = set(data.train.labels[rows].tolist())
    assert labels == {5} if which == 5 else len(labels) == 10
    assert len(torch.unique(rows)) == images
