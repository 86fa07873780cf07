"""Each of the eight questions can be asked with lthkit: an `one_seed` for each, with its arms, in a few updates."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import pytest
import torch

import lthkit as lth
from lthkit.classroom.capstone import QUESTIONS
from lthkit.data.datasets import Dataset

SHORT = lth.Recipe(steps=60, evaluate_every=30)
SGD = lth.Recipe(steps=60, evaluate_every=30, optimizer="sgd", lr=0.1)
LENET = lth.models.lenet_300_100


@cache
def images() -> Dataset:
    return lth.load_data("fashion-mnist")


def ticket(seed: int, data: Dataset | None = None, **given: Any) -> list[lth.Round]:
    options: dict[str, Any] = {"rounds": 1, "fraction": 0.9, "recipe": SHORT, "seed": seed}
    make = given.pop("make", LENET)
    return list(lth.imp(make, data or images(), **options | given))


def again(
    mask: lth.Mask, start: lth.Checkpoint, data: Dataset | None = None, **given: Any
) -> tuple[Any, Any]:
    make = given.pop("make", LENET)
    options: dict[str, Any] = {"recipe": SHORT, "seed": 0}
    return mask, lth.retrain(make, data or images(), mask=mask, weights_from=start, **options | given)


def rewinding(seed: int) -> dict[str, Any]:
    early, late = ticket(seed)[-1], ticket(seed, rewind_step=50)[-1]
    assert early.mask == late.mask
    return {
        "from step 50": late,
        "from step 0": early,
        "new weights": again(early.mask, lth.fresh_start(LENET, seed=seed), seed=seed),
    }


def optimizers(seed: int) -> dict[str, Any]:
    adam, sgd = ticket(seed)[-1], ticket(seed, recipe=SGD)[-1]
    return {
        "found with Adam": again(adam.mask, adam.rewind, recipe=SGD, momentum="fresh"),
        "found with SGD": sgd,
        "new weights": again(adam.mask, lth.fresh_start(LENET, seed=seed), recipe=SGD),
    }


@cache
def noisy() -> Dataset:
    data, draw = images(), torch.Generator().manual_seed(0)
    labels = data.train.targets.clone()
    chosen = torch.rand(len(labels), generator=draw) < 0.2
    labels[chosen] = torch.randint(10, (int(chosen.sum()),), generator=draw)
    held = {
        name: (split.inputs, split.targets)
        for name, split in (("validation", data.validation), ("test", data.test))
    }
    return lth.Dataset.of_tensors(data.train.inputs, labels, name="noisy", classes=data.classes, **held)


def noise(seed: int) -> dict[str, Any]:
    dense, sparse = ticket(seed, noisy())
    shuffled = again(sparse.mask.shuffled(seed), sparse.rewind, noisy(), seed=seed)
    return dict(zip(QUESTIONS[2].arms, (sparse, dense, shuffled), strict=True))


@cache
def half(low: int) -> Dataset:
    data = images()

    def rows(split: Any) -> tuple[torch.Tensor, torch.Tensor]:
        own = (split.targets >= low) & (split.targets < low + 5)
        return split.inputs[own], split.targets[own] - low

    return lth.Dataset.of_tensors(
        *rows(data.train),
        name=f"half {low}",
        classes=5,
        validation=rows(data.validation),
        test=rows(data.test),
    )


def halves(seed: int) -> dict[str, Any]:
    make = partial(LENET, classes=5)
    own, other = (ticket(seed, half(low), make=make)[-1] for low in (0, 5))
    moved = again(other.mask, own.rewind, half(0), make=make, seed=seed)
    control = again(other.mask.shuffled(seed), own.rewind, half(0), make=make, seed=seed)
    assert other.rewind.fingerprint == own.rewind.fingerprint
    return dict(zip(QUESTIONS[3].arms, (moved, own, control), strict=True))


def scopes(seed: int) -> dict[str, Any]:
    given: dict[str, Any] = {"rounds": 2, "fraction": 0.6}
    glob, layers = (ticket(seed, scope=scope, **given)[-1] for scope in ("global", "layerwise"))
    assert glob.density == pytest.approx(layers.density, abs=1e-4)
    control = again(glob.mask.shuffled(seed), glob.rewind, seed=seed)
    return dict(zip(QUESTIONS[4].arms, (glob, layers, control), strict=True))


def before_training(seed: int) -> dict[str, Any]:
    model = LENET(seed=seed)
    start = lth.Checkpoint.of(model)
    mask = lth.prune_to(lth.Mask.ones(model), lth.magnitude(model), 0.05)
    fresh = lth.fresh_start(LENET, seed=seed)
    found = again(mask, start), again(mask.shuffled(seed), start), again(mask, fresh)
    return dict(zip(QUESTIONS[5].arms, found, strict=True))


def orders(seed: int) -> dict[str, Any]:
    one = ticket(seed)[-1]
    other = again(one.mask, one.rewind, seed=lth.derived_seed(seed, "other order"))
    fresh = again(one.mask, lth.fresh_start(LENET, seed=seed), seed=seed)
    return dict(zip(QUESTIONS[6].arms, (one, other, fresh), strict=True))


def early(seed: int) -> dict[str, Any]:
    recipe = lth.Recipe(steps=700, evaluate_every=350)
    found = lth.tickets.early_bird(
        LENET, images(), density=0.1, window=3, threshold=0.9, recipe=recipe, seed=seed
    )
    start = lth.Checkpoint.of(LENET(seed=seed))
    model = LENET(seed=seed)
    kept = lth.train(model, images(), recipe=recipe, seed=seed, keep=(332,)).kept[332]
    kept.restore(model)
    fixed = lth.prune_to(lth.Mask.ones(model), lth.magnitude(model), 0.1)
    assert found.mask.density == pytest.approx(fixed.density, abs=1e-4)
    arms = again(found.mask, start), again(fixed, start), again(found.mask.shuffled(seed), start)
    return dict(zip(QUESTIONS[7].arms, arms, strict=True))


ANSWERS = (rewinding, optimizers, noise, halves, scopes, before_training, orders, early)


@pytest.mark.parametrize("number", range(8), ids=lambda n: ANSWERS[n].__name__)
def test_a_question_can_be_asked(number: int) -> None:
    """Catches a question whose arms nothing here can train, or are the same training."""
    question, answer = QUESTIONS[number], ANSWERS[number]
    found = answer(1)
    assert tuple(found) == question.arms
    results = [one.result if isinstance(one, lth.Round) else one[1] for one in found.values()]
    assert len({result.validation_loss for result in results}) == len(results)


def test_each_question_has_its_answer() -> None:
    assert len(set[Callable[[int], Any]](ANSWERS)) == len(QUESTIONS)
