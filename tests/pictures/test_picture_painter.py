"""The mask painter: its network is torch's on the same weights, mask and images, and its numbers are the record's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

import lthkit as lth
from lthkit.pictures import painter
from lthkit.pictures.packing import packed, packed_runs
from lthkit.storage import files
from tests.browser.lab import ROOT
from tests.pictures.conftest import Seen, recorded_rows

RECORD = ROOT / "data" / "results" / "painter"
TEN = [1.0, 0.8, 0.6, 0.4, 0.25, 0.16, 0.1, 0.06, 0.03, 0.01]
TOTAL = 266_200


@pytest.fixture(scope="module")
def weights() -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Magnitudes to rank by, and all parameters, as float64 from what is recorded."""
    arrays, meta = files.load_arrays(RECORD / "weights.npz")
    full = {name: torch.from_numpy(a).double() * meta["steps"].get(name, 1.0) for name, a in arrays.items()}
    return {name: full[name].abs() for name in meta["steps"]}, full


def mask_of(sizes: dict[str, torch.Tensor], density: float, scope: str) -> dict[str, torch.Tensor]:
    """The largest magnitudes, with all that equal the last of them."""

    def least(values: torch.Tensor) -> torch.Tensor:
        return values.flatten().sort(descending=True).values[round(density * values.numel()) - 1]

    everything = torch.cat([v.flatten() for v in sizes.values()])
    return {name: v >= least(everything if scope == "global" else v) for name, v in sizes.items()}


def network(full: dict[str, torch.Tensor], mask: dict[str, torch.Tensor]) -> nn.Module:
    model = lth.models.lenet_300_100(seed=5)
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_((full[name] * mask[name] if name in mask else full[name]).float())
    return model


def chosen(data: lth.Dataset) -> tuple[torch.Tensor, torch.Tensor]:
    """The first thirty test images of each class, in their order."""
    labels = data.test.labels
    rows = sorted(int(i) for c in range(10) for i in (labels == c).nonzero()[:30])
    return data.test.images[rows], labels[rows]


def test_ten_densities_say_what_torch_says(
    see: Callable[..., Seen], weights: tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]
) -> None:
    """Every answer of the browser's network, for 300 images, in both scopes: the sizes are ranked anew here."""
    sizes, full = weights
    data = lth.load_data("fashion-mnist")
    images, labels = chosen(data)
    steps = list(dict.fromkeys(float(r["density"]) for r in recorded_rows("painter")))
    seen = see("painter", "?painter.density=0")
    for scope, name in (("global", "one for all layers"), ("layerwise", "one in each layer")):
        seen.press(name, "Space")
        seen.press("Weights kept", "Home")
        assert seen.page.get_by_text("from 300 to 300 of a pixel's 300").is_visible()
        at = 0
        for density in TEN:
            goal = steps.index(density)
            said = seen.press("Weights kept", *("ArrowRight",) * (goal - at))
            at = goal
            mask = mask_of(sizes, density, scope)
            with torch.no_grad():
                expected = network(full, mask)(data.normalise(images)).argmax(1)
            answers = seen.page.locator("canvas[data-answers]").get_attribute("data-answers")
            assert [int(a) for a in answers.split(",")] == expected.tolist(), (scope, density)
            right = int((expected == labels).sum())
            kept = sum(int(m.sum()) for m in mask.values())
            assert said.startswith(f"{kept:,} of 266,200 weights stay")
            assert said.endswith(f"Computed here, of 300 of them: {right} right, {right / 3:.1f} %.")


def test_what_is_said_of_all_test_images_is_recorded(see: Callable[..., Seen]) -> None:
    """In a notebook, where there are no weights, too."""
    rows = recorded_rows("painter")
    for query, scope, i in (
        ("", "global", 16),
        ("?painter.scope=layerwise&painter.density=20", "layerwise", 20),
    ):
        row = [r for r in rows if r["scope"] == scope][i]
        for frame in (False, True):
            if frame and query:
                continue  # a frame has no address
            said = see("painter", query, frame=frame).said
            assert f"{int(row['kept']):,} of 266,200" in said
            assert f"the network gets {100 * float(row['test_accuracy']):.2f} % right (recorded)" in said
            assert ("Computed here" in said) != frame


def test_the_record_is_what_its_weights_come_to(
    weights: tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]],
) -> None:
    """Catches a table of other weights: kept and accuracy at some densities, computed anew."""
    sizes, full = weights
    data = lth.load_data("fashion-mnist")
    for row in recorded_rows("painter")[::11]:
        mask = mask_of(sizes, float(row["density"]), row["scope"])
        assert sum(int(m.sum()) for m in mask.values()) == int(row["kept"])
        found = lth.evaluate(network(full, mask), data, split="test").accuracy
        assert found == pytest.approx(float(row["test_accuracy"]), abs=0.0005)  # float32 elsewhere


def test_the_picture_is_given_the_record_and_no_more_than_it_may_have() -> None:
    on_page, in_frame = painter.data(True), painter.data(False)
    arrays, meta = files.load_arrays(RECORD / "weights.npz")
    assert "weights" not in in_frame and "images" not in in_frame
    assert on_page["weights"] == [packed(a) for name, a in arrays.items() if name in meta["steps"]]
    assert [sum(layer["counts"]) for layer in in_frame["layers"]] == [235_200, 30_000, 1_000]
    assert len(on_page["labels"]) == 300 and all(on_page["labels"].count(c) == 30 for c in range(10))


def test_a_click_in_the_weights_takes_the_threshold_there(see: Callable[..., Seen]) -> None:
    seen = see("painter")
    line = seen.page.locator(".lp-stage svg").first
    box = line.bounding_box()
    seen.page.mouse.click(box["x"] + 0.05 * box["width"], box["y"] + 50)
    low = int(seen.control("Weights kept").input_value())
    seen.page.mouse.click(box["x"] + 0.6 * box["width"], box["y"] + 50)
    assert low < 16 < int(seen.control("Weights kept").input_value())


def unpacked(text: str) -> list[int]:
    import base64

    stored = iter(base64.b64decode(text))
    return [v for value in stored for v in ([value] if value else [0] * next(stored))]


def test_runs_of_zeros_come_back() -> None:
    for numbers in ([0], [5], [0] * 255, [0] * 256 + [1], [1, 0, 2], [3] + [0] * 700, [0, 0, 9, 0]):
        assert unpacked(packed_runs(np.array(numbers, np.uint8))) == numbers
    with pytest.raises(TypeError, match="expected uint8 or int8"):
        packed(np.array([1, 2]))
