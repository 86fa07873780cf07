"""Early-Bird tickets: distances, the null, the epoch at which the rule fires, and a search that a retraining continues."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import lthkit as lth
from lthkit import tickets as eb
from lthkit.data.datasets import Dataset
from lthkit.storage.folders import RunMismatch
from lthkit.tickets.mask_distances import RULES
from tests.conftest import small_conv, small_net


def of_bits(*rows: str) -> list[lth.Mask]:
    return [lth.Mask({"w": torch.tensor([c == "1" for c in row])}) for row in rows]


def random_mask(density: float, seed: int, *, n: int = 1000) -> lth.Mask:
    bits = torch.zeros(n, dtype=torch.bool)
    bits[: round(density * n)] = True
    return lth.Mask({"w": bits}).shuffled(seed)


def drifting(epochs: int, *, each: float, n: int = 1000) -> list[lth.Mask]:
    """A block of kept weights that wanders: neighbours differ in `each` of the entries, for ever."""
    move = round(each * n / 2)
    masks = []
    for t in range(epochs):
        bits = torch.zeros(n, dtype=torch.bool)
        bits[t * move : t * move + 300] = True
        masks.append(lth.Mask({"w": bits}))
    return masks


def test_distances_are_those_of_every_pair() -> None:
    """Catches distances between neighbours only, counts instead of fractions, and a matrix with half of it empty."""
    matrix = eb.distances(of_bits("1100", "1010", "0011"))
    assert matrix.tolist() == [[0, 0.5, 1.0], [0.5, 0, 0.5], [1.0, 0.5, 0]]
    assert matrix.dtype == torch.float64


def test_the_rule_fires_at_the_right_epoch() -> None:
    """Catches epochs counted from 0, a window that is not full, and a window longer or shorter by one."""
    a, b = "1111100000" * 2, "1111000001" * 2
    masks = of_bits(a, a, b, b, b, b, b, b, b)  # a and b differ in 0.2; b is alone in the window from epoch 7
    assert eb.distances(masks[1:3])[0, 1] == pytest.approx(0.2)
    assert eb.stop_epoch(masks) == 7
    assert eb.stop_epoch(masks, window=3) == 5
    assert eb.stop_epoch(masks[:6]) is None
    assert eb.stop_epoch(masks, threshold=0.21) == 5
    assert eb.stop_epoch(masks[2:]) == 5 and eb.stop_epoch(masks[2:6]) is None
    assert eb.stop_epoch(eb.distances(masks)) == 7
    worst = eb.largest_in_window(masks)
    assert all(math.isnan(w) for w in worst[:4]) and worst[4:] == pytest.approx([0.2, 0.2, 0, 0, 0])


def test_an_equal_distance_does_not_stop() -> None:
    """Catches <= in place of <."""
    masks = of_bits("1110", "1110", "1101")
    assert eb.stop_epoch(masks, window=3, threshold=0.5) is None
    assert eb.stop_epoch(masks, window=3, threshold=0.5001) == 3


def test_the_newest_mask_is_compared_with_all_in_the_window() -> None:
    """Catches the comparison with the last mask alone: a slow drift passes it and never ends."""
    masks = drifting(20, each=0.04)
    assert eb.distances(masks)[5, 4] == pytest.approx(0.04)
    assert eb.stop_epoch(masks, rule="neighbours") == 6  # five distances take six masks
    assert eb.stop_epoch(masks) is None  # over four epochs it is 0.16
    worst = eb.largest_in_window(masks, rule="neighbours")
    assert math.isnan(worst[4]) and worst[5] == pytest.approx(0.04)


def test_only_the_newest_mask_is_compared() -> None:
    """Catches the comparison of all pairs in the window: two old masks may differ from each other by more."""
    masks = of_bits("1111000000", "0111100000", "1111100000")
    assert eb.stop_epoch(masks, window=3, threshold=0.15) == 3
    assert eb.distances(masks)[0, 1] == pytest.approx(0.2)


@pytest.mark.parametrize("density", [0.03, 0.3, 0.5, 0.9])
def test_the_null_is_the_mean_distance_of_random_masks(density: float) -> None:
    """Catches d(1-d), 2d, and 1-2d(1-d). Twenty masks give 190 pairs; their mean lies within 0.004 of the null."""
    matrix = eb.distances([random_mask(density, seed) for seed in range(20)])
    mean = float(matrix[~torch.eye(20, dtype=torch.bool)].mean())
    assert mean == pytest.approx(eb.null_distance(density), abs=0.004)


def test_the_null_of_a_mask_takes_each_layer_by_itself() -> None:
    """Catches the null of the overall density: with unequal layers random masks of the same layers are closer."""
    mask = lth.Mask(
        {
            "small": torch.arange(200) < 180,
            "large": torch.arange(1000) < 50,
            "whole": torch.ones(300, dtype=torch.bool),
        }
    )
    shuffled = [mask.distance(mask.shuffled(seed)) for seed in range(60)]
    assert sum(shuffled) / 60 == pytest.approx(eb.null_distance(mask), abs=0.003)
    assert eb.null_distance(mask) == pytest.approx((200 * 0.18 + 1000 * 0.095) / 1500)
    assert eb.null_distance(mask) < eb.null_distance(mask.density)
    assert eb.null_distance(0) == eb.null_distance(1.0) == 0


def test_at_five_percent_random_masks_pass_the_published_threshold() -> None:
    """Holds what the lesson says: below d = 0.0528 the rule fires on masks that have nothing in common."""
    assert eb.stop_epoch([random_mask(0.04, s) for s in range(6)]) == 5
    assert eb.stop_epoch([random_mask(0.3, s) for s in range(6)]) is None
    edge = (1 - math.sqrt(0.8)) / 2
    assert eb.null_distance(edge) == pytest.approx(0.1) and round(edge, 4) == 0.0528


RECIPE = lth.Recipe(steps=120, batch_size=20, lr=3e-3, evaluate_every=15)  # 15 steps an epoch, 8 epochs


def search(tiny: Dataset, **options: object) -> eb.EarlyBird:
    arguments = {"density": 0.3, "recipe": RECIPE, "seed": 3, "window": 3} | options
    return eb.early_bird(small_net, tiny, **arguments)  # type: ignore[arg-type]


def test_the_search_is_the_beginning_of_an_ordinary_training(tiny: Dataset) -> None:
    """Catches another data order, a step too many, an optimizer state that is lost, masks drawn at the epoch's start."""
    found = search(tiny, threshold=0.15)
    assert found.epoch is not None and found.steps_per_epoch == 15
    net = small_net(seed=3)
    result = lth.train(net, tiny, recipe=RECIPE, seed=3, keep=range(15, 121, 15))
    there = result.kept[15 * found.epoch]
    assert found.checkpoint.step == there.step
    for mine, theirs in (
        (found.checkpoint.model, there.model),
        (found.checkpoint.optimizer, there.optimizer),
    ):
        assert mine is not None and theirs is not None and mine.keys() == theirs.keys()
        assert all(torch.equal(mine[n], theirs[n]) for n in mine)
    assert len(found.masks) == found.epoch
    for i, mask in enumerate(found.masks, start=1):
        result.kept[15 * i].restore(net)
        assert mask == lth.prune_to(lth.Mask.ones(net), lth.magnitude(net), 0.3)
    assert (
        found.mask == found.masks[-1] and eb.stop_epoch(found.masks, window=3, threshold=0.15) == found.epoch
    )
    # a mask that removes nothing: the retraining ends where the ordinary training does
    on = lth.retrain(
        small_net, tiny, mask=lth.Mask.ones(net), weights_from=found.checkpoint, recipe=RECIPE, seed=3
    )
    assert on.history[-1] == result.history[-1] and on.steps == 120 - there.step
    ticket = lth.retrain(
        small_net, tiny, mask=found.mask, weights_from=found.checkpoint, recipe=RECIPE, seed=3, keep=[120]
    )
    assert bool((ticket.kept[120].model["1.weight"][~found.mask["1.weight"]] == 0).all())


def test_watching_changes_neither_the_ticket_nor_its_epoch(tiny: Dataset) -> None:
    """Catches a ticket that is the last mask instead of the one at which the rule fired."""
    short, long = search(tiny, threshold=0.15), search(tiny, threshold=0.15, watch=True)
    assert short.epoch == long.epoch and len(long.masks) == 8 > len(short.masks)
    assert short.mask == long.mask and long.mask != long.masks[-1]
    assert all(torch.equal(short.checkpoint.model[n], t) for n, t in long.checkpoint.model.items())
    assert long.last.step == 120 and short.last.step == short.checkpoint.step


@pytest.mark.parametrize("rule", RULES)
def test_the_search_stops_where_the_rule_says(tiny: Dataset, rule: str) -> None:
    """Catches a driver that keeps fewer masks than its rule reads: "neighbours" needs one more than the window."""
    watched = search(tiny, threshold=0.12, watch=True, rule=rule)
    assert watched.epoch == eb.stop_epoch(watched.masks, window=3, threshold=0.12, rule=rule) is not None


def test_a_rule_that_never_fires_says_so(tiny: Dataset) -> None:
    """Catches a silent fallback to the last mask."""
    found = search(tiny, threshold=0.0, max_epochs=4)
    assert found.epoch is None and len(found.masks) == 4 and found.last.step == 60
    with pytest.raises(eb.NeverStable, match="After 4 epochs .* below 0.0: the lowest was 0"):
        _ = found.mask
    with pytest.raises(eb.NeverStable, match="window was never full"):
        _ = search(tiny, max_epochs=2).checkpoint


def test_channels_are_drawn_from_the_gains(tiny: Dataset) -> None:
    """Catches weights masked under the name of channels, and buffers of batch norm that are lost."""
    found = eb.early_bird(
        small_conv, tiny, density=0.5, kind="channels", window=2, threshold=1.0, recipe=RECIPE, seed=1
    )
    assert found.epoch == 2 and found.mask.shapes() == {"1.weight": [8]} and found.mask.kept == 4
    assert int(found.checkpoint.model["1.num_batches_tracked"]) == 30
    gain = found.checkpoint.model["1.weight"].abs()
    assert gain[found.mask["1.weight"]].min() >= gain[~found.mask["1.weight"]].max()


def test_a_saved_search_is_read_and_not_repeated(tiny: Dataset, tmp_path: Path) -> None:
    """Catches a folder that another search made, and anything lost on the way to the file and back."""
    first = search(tiny, threshold=0.15, watch=True, folder=tmp_path)
    (saved,) = tmp_path.glob("snapshot-*.npz")
    before = saved.stat().st_mtime_ns
    calls: list[int] = []
    again = search(tiny, threshold=0.15, watch=True, folder=tmp_path, progress=calls.append)
    assert calls == [first.last.step] and saved.stat().st_mtime_ns == before
    assert again.epoch == first.epoch and again.masks == first.masks
    assert all(torch.equal(again.checkpoint.model[n], t) for n, t in first.checkpoint.model.items())
    assert again.last.optimizer is not None and again.last.step == first.last.step
    with pytest.raises(RunMismatch, match="threshold: 0.15 there, 0.2 now"):
        search(tiny, threshold=0.2, watch=True, folder=tmp_path)
    never = search(tiny, threshold=0.0, folder=tmp_path / "never")
    assert search(tiny, threshold=0.0, folder=tmp_path / "never").epoch is never.epoch is None


def test_progress_counts_every_update(tiny: Dataset) -> None:
    """Catches updates counted twice or not at all."""
    calls: list[int] = []
    found = search(tiny, threshold=0.0, max_epochs=3, progress=calls.append)
    assert sum(calls) == 45 == found.last.step


def test_a_loss_that_is_not_finite_ends_the_search(tiny: Dataset) -> None:
    """Catches masks drawn from NaN."""
    wild = replace(RECIPE, optimizer="sgd", lr=1e20)
    with pytest.raises(lth.TrainingDiverged, match="epoch 1"):
        search(tiny, recipe=wild)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"kind": "filters"}, "kind='filters'"),
        ({"density": 1.5}, "density=1.5"),
        ({"window": 1}, "window=1"),
        ({"window": 2.5}, "window=2.5"),
        ({"threshold": -0.1}, "threshold=-0.1"),
        ({"threshold": math.nan}, "threshold=nan"),
        ({"rule": "oldest"}, "rule='oldest'"),
        ({"max_epochs": 9}, "expected 1 to 8 epochs"),
        ({"max_epochs": 0}, "max_epochs=0"),
        ({"recipe": replace(RECIPE, batch_size=400)}, "batch_size=400"),
        ({"recipe": replace(RECIPE, steps=10)}, "steps an epoch"),
        ({"kind": "channels"}, "no batch norm"),
    ],
)
def test_bad_input_is_named(tiny: Dataset, options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        search(tiny, **options)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: eb.distances([]), "No mask"),
        (lambda: eb.distances([*of_bits("10"), *of_bits("100")]), "different models"),
        (lambda: eb.null_distance(50), "density=50"),
        (lambda: eb.null_distance(math.nan), "density=nan"),
        (lambda: eb.stop_epoch(torch.zeros(2, 3)), "expected distances"),
        (lambda: eb.stop_epoch(torch.tensor([[0.0, 0.5], [0.4, 0.0]])), "symmetric"),
        (lambda: eb.stop_epoch(torch.tensor([[0.0, 3.0], [3.0, 0.0]])), "from 0 to 1"),
        (lambda: eb.stop_epoch(of_bits("10", "01"), threshold=10), "threshold=10"),
        (lambda: eb.largest_in_window(of_bits("10"), rule="all"), "rule='all'"),
    ],
)
def test_bad_distances_are_named(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
