"""A mask that moves: exact counts at each update, what comes back begins at 0, the schedule, and a training that goes on."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn

import lthkit as lth
from lthkit.pruning.densities import erk
from lthkit.tickets.moving_masks import _Moving, sparse_training

RECIPE = lth.Recipe(steps=24, batch_size=20, lr=5e-3, evaluate_every=6)
GIVEN = {"density": 0.1, "recipe": RECIPE, "every": 4, "drop": 0.4, "until": 0.8}


@pytest.fixture(scope="module")
def data() -> lth.Dataset:
    return lth.load_data().head(train=200, validation=60, test=60)


def small(seed: int) -> nn.Module:
    return lth.models.lenet_300_100(seed=seed)


def convolutional(seed: int) -> nn.Module:
    return lth.models.conv_2(seed=seed, input_shape=(1, 28, 28), width=4)


@pytest.mark.parametrize("growth", ["gradient", "random"])
@pytest.mark.parametrize("layers", ["erk", "uniform"])
@pytest.mark.parametrize("make", [small, convolutional])
def test_the_density_is_constant_in_each_layer_at_each_update(make, layers, growth, data) -> None:
    """Catches counts that drift, an update too early or too late, and a schedule that does not fall."""
    found = sparse_training(make, data, growth=growth, layers=layers, **GIVEN)
    assert list(found.masks) == [0, 4, 8, 12, 16]  # 20 is not below 0.8 * 24
    counts = [{n: int(t.sum()) for n, t in mask.items()} for mask in found.masks.values()]
    assert all(each == counts[0] for each in counts)
    whole = lth.Mask.ones(make(seed=0))
    if layers == "erk":
        assert found.mask.kept == round(0.1 * whole.total)
        assert found.mask.per_layer() == erk(whole, 0.1)
    else:
        assert counts[0] == {n: round(0.1 * t.numel()) for n, t in whole.items()}
    steps = list(found.masks)
    for before, step in zip(steps, steps[1:], strict=False):
        share = 0.2 * (1 + math.cos(math.pi * step / (0.8 * 24)))
        old, new = found.masks[before], found.masks[step]
        for name, kept in old.items():
            gone = int((kept & ~new[name]).sum())
            assert gone <= min(round(share * counts[0][name]), int((~kept).sum()))
        assert (old & new).kept < old.kept


def test_the_weights_lie_under_the_mask_of_their_step(data) -> None:
    """Catches weights of one step with the mask of another, and metrics that are not those of the weights."""
    found = sparse_training(small, data, growth="gradient", **GIVEN)
    last = found.masks[16]
    for state, mask in ((found.trained.model, found.mask), (found.last.model, last)):
        assert not any(bool(state[name][~kept].any()) for name, kept in mask.items())
    model = small(seed=0)
    found.trained.restore(model)
    assert lth.evaluate(model, data, split="test").accuracy == found.test_accuracy
    assert not any(bool(found.last.optimizer[f"mean/{n}"][~kept].any()) for n, kept in last.items())


def moving(data, growth: str, optimizer: str = "adam") -> _Moving:
    """One that has been trained for eight steps under its first mask."""
    model = small(seed=0)
    first = lth.prune_to(lth.Mask.ones(model), lth.random(model, seed=0), 0.1, scope="layerwise")
    recipe = lth.Recipe(steps=24, batch_size=20, evaluate_every=24, optimizer=optimizer, lr=5e-3)
    search = lth.tickets.Search(small, data, recipe=recipe)
    rule = {"growth": growth, "drop": 0.4, "every": 100, "until": 1.0}
    this = _Moving(search, model, recipe, first, lth.training.PLAIN, rule)
    this.update = lth.training.engine.updater(
        model, data, recipe=recipe, masks=[first], optimizer=this.optimizer, choice=lth.training.PLAIN
    )
    for step in range(8):
        this.update(step)
    return this


def test_the_least_go_and_those_of_largest_gradient_come(data) -> None:
    """Catches the largest for the least, a gradient of the masked weights only, signed gradients; by an own computation."""
    this = moving(data, "gradient")
    model, mask = this.model, this.mask
    weights = {name: model.get_parameter(name).detach().clone() for name in mask}
    seed = lth.derived_seed(0, "mask of step 8")
    inputs, targets = data.draw(20, seed=seed, batch_size=20)[0]
    loss = nn.functional.cross_entropy(model(inputs), targets)
    gradients = dict(
        zip(mask, torch.autograd.grad(loss, [model.get_parameter(n) for n in mask]), strict=True)
    )
    this.move(8)
    share = 0.2 * (1 + math.cos(math.pi * 8 / 24))
    for name, kept in mask.items():
        n = round(share * int(kept.sum()))
        flat, size = kept.flatten(), weights[name].abs().flatten()
        places = flat.nonzero()[:, 0]
        stay = places[size[places].argsort(descending=True)[: len(places) - n]]
        out = torch.ones_like(flat).index_fill_(0, stay, False).nonzero()[:, 0]
        come = out[gradients[name].abs().flatten()[out].argsort(descending=True)[:n]]
        expected = torch.zeros_like(flat).index_fill_(0, torch.cat([stay, come]), True)
        assert torch.equal(this.mask[name].flatten(), expected)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_what_comes_back_begins_at_nothing(optimizer, data) -> None:
    """Catches weights and momentum that are remembered, also of one that went and came back at once."""
    this = moving(data, "random", optimizer)
    before = this.mask
    this._growing = lambda step, mask: {
        n: k.float() for n, k in mask.items()
    }  # those that have just gone come back
    sizes = {name: this.model.get_parameter(name).detach().abs().clone() for name in before}
    this.move(8)
    assert this.mask == before
    state = this.optimizer.state()
    for name, kept in before.items():
        n = round(0.2 * (1 + math.cos(math.pi * 8 / 24)) * int(kept.sum()))
        least = sizes[name][kept].sort().values[n - 1]
        came = kept & (sizes[name] <= least)
        weight = this.model.get_parameter(name)
        assert int(came.sum()) == n and not bool(weight[came].any())
        assert torch.equal(weight[kept & ~came].abs(), sizes[name][kept & ~came])
        for kind in this.optimizer.kinds:
            assert not bool(state[f"{kind}/{name}"][came].any())


def test_random_growth_is_random_and_that_of_its_seed(data) -> None:
    first, again, other, rigl = (
        sparse_training(small, data, growth=growth, seed=seed, **GIVEN)
        for growth, seed in (("random", 0), ("random", 0), ("random", 1), ("gradient", 0))
    )
    assert first.masks == again.masks and first.masks != other.masks
    assert first.masks[0] == rigl.masks[0] and first.masks[4] != rigl.masks[4]
    assert first.replaced()[0] == 0 < first.replaced()[16] and first.visited > first.density


def test_a_mask_that_does_not_move_is_a_plain_training(data) -> None:
    """Catches anything that differs beside the mask: order, weights, evaluation."""
    found = sparse_training(small, data, **(GIVEN | {"drop": 0.0}))
    assert all(mask == found.mask for mask in found.masks.values()) and found.visited == found.density
    model = small(seed=0)
    choice = replace(lth.training.choose(model, "cpu"), sparse=False)
    plain = lth.train(model, data, mask=found.mask, recipe=RECIPE, seed=0, choice=choice)
    assert (plain.test_accuracy, plain.best_step) == (found.test_accuracy, found.result.best_step)
    assert [p.validation_loss for p in plain.history] == [p.validation_loss for p in found.result.history]


class Enough(Exception):
    pass


@pytest.mark.parametrize("growth", ["gradient", "random"])
@pytest.mark.parametrize("after", [6, 12, 18])
def test_one_that_was_stopped_goes_on_to_the_same_bits(growth, after, data, tmp_path) -> None:
    """Catches a mask, a past mask, or a state that the folder does not hold."""
    left = [after]

    def stop(updates: int) -> None:
        left[0] -= updates
        if left[0] <= 0:
            raise Enough

    whole = sparse_training(small, data, growth=growth, **GIVEN)
    with pytest.raises(Enough):
        sparse_training(small, data, growth=growth, folder=tmp_path / "run", progress=stop, **GIVEN)
    for _ in range(2):
        again = sparse_training(small, data, growth=growth, folder=tmp_path / "run", **GIVEN)
        assert again.masks == whole.masks and again.test_accuracy == whole.test_accuracy
        for state in ("trained", "last"):
            one, other = getattr(whole, state).model, getattr(again, state).model
            assert all(torch.equal(one[name], other[name]) for name in one)
    with pytest.raises(ValueError):
        sparse_training(small, data, growth=growth, folder=tmp_path / "run", **(GIVEN | {"drop": 0.2}))


def test_an_optimizer_of_torch_and_a_dropout_network(data) -> None:
    """Catches an optimizer whose removed weights are those of an earlier mask."""

    recipe = lth.Recipe(
        steps=16, batch_size=20, evaluate_every=8, lr=1e-3, optimizer=partial(torch.optim.RMSprop)
    )
    found = sparse_training(dropping, data, density=0.2, recipe=recipe, every=4)
    assert len(found.masks) == 3
    assert not any(bool(found.last.model[n][~kept].any()) for n, kept in found.masks[8].items())


def dropping(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 20), nn.ReLU(), nn.Dropout(0.2), nn.Linear(20, 10))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"density": 0}, "density=0 was given"),
        ({"density": 1.5}, "density=1.5 was given"),
        ({"growth": "momentum"}, "growth='momentum' was given; expected one of gradient, random"),
        ({"layers": "flat"}, "layers='flat' was given"),
        ({"drop": -0.1}, "drop=-0.1 was given"),
        ({"until": 2}, "until=2 was given"),
        ({"every": 0}, "every"),
        ({"scope": "layerwise"}, "scope='layerwise' was given; expected none"),
        ({"train": lth.train}, "takes no train"),
        ({"recipe": lth.Recipe(steps=200, patience=100)}, "patience=100 was given; expected None"),
    ],
)
def test_what_cannot_be_is_refused(given, said, data) -> None:
    with pytest.raises((TypeError, ValueError), match=said):
        sparse_training(small, data, **(GIVEN | given))


def test_density_one_moves_nothing(data) -> None:
    found = sparse_training(small, data, **(GIVEN | {"density": 1.0}))
    assert found.density == 1.0 and found.visited == 1.0


def test_the_mask_of_the_best_step_is_the_one_before_it_moves(data) -> None:
    """Catches the next mask, which is drawn at the same step as the weights are measured."""
    recipe = replace(RECIPE, lr=0.05, evaluate_every=6)
    met = 0
    for seed in range(4):
        found = sparse_training(small, data, **(GIVEN | {"recipe": recipe, "every": 6, "seed": seed}))
        if (best := found.result.best_step) in found.masks:
            met += 1
            assert found.mask == found.masks[best - 6]
        assert not any(bool(found.trained.model[n][~kept].any()) for n, kept in found.mask.items())
    assert met > 0
