"""A training loop of one's own in the drivers: the example runs, and what it leaves behind is looked at."""

from __future__ import annotations

import inspect
import math
import textwrap
from dataclasses import replace
from typing import Any

import pytest
import torch

import lthkit as lth
from lthkit.tickets import TrainFn
from tests.conftest import small_net

RECIPE = lth.Recipe(steps=20, batch_size=20, evaluate_every=10)


def example() -> str:
    """The code of the docstring of `TrainFn`."""
    text = inspect.getdoc(TrainFn) or ""
    return textwrap.dedent(text[text.index("    import torch\n") : text.index("\nIt is called")])


def run_example(tiny: lth.Dataset) -> dict[str, Any]:
    names: dict[str, Any] = {"data": tiny, "model_fn": small_net}
    code = example().replace("steps=500", "steps=20, batch_size=20, lr=0.01")
    exec(compile(code, "example", "exec"), names)
    return names


def test_the_example_is_short_and_runs(tiny: lth.Dataset) -> None:
    assert len(example().strip().splitlines()) <= 25
    rounds = run_example(tiny)["rounds"]
    assert [r.mask.kept for r in rounds] == [1510, 1208, 966, 773]
    for r in rounds:
        weights = {n: r.trained.model[n] for n in r.mask}
        assert all(not weights[n][~r.mask[n]].any() for n in r.mask) and r.result.steps == 20
        assert 0.3 < r.validation_accuracy <= 1
    assert rounds[1].rewind is rounds[0].rewind
    assert all(torch.equal(t, small_net(seed=0).state_dict()[n]) for n, t in rounds[1].rewind.model.items())


def test_the_example_takes_batches_of_the_recipes_size(tiny: lth.Dataset) -> None:
    """Catches: the first hundred of a batch of 150, which is what `draw` gives unless it is told."""
    sizes: list[int] = []

    def watched(*, seed: int) -> Any:
        net = small_net(seed=seed)
        net[0].register_forward_pre_hook(lambda m, given: sizes.append(len(given[0])))  # type: ignore[index, operator]
        return net

    recipe = lth.Recipe(steps=2, batch_size=150, evaluate_every=2)
    list(lth.imp(watched, tiny, rounds=0, recipe=recipe, train=run_example(tiny)["my_train"]))
    assert sizes[:2] == [150, 150]


def test_the_example_rewinds_and_goes_on_in_its_folder(tiny: lth.Dataset, tmp_path: Any) -> None:
    my_train = run_example(tiny)["my_train"]
    given = {"rounds": 2, "rewind_step": 5, "recipe": RECIPE, "train": my_train}
    whole = list(lth.imp(small_net, tiny, **given))
    begun = lth.imp(small_net, tiny, folder=tmp_path, **given)
    next(begun)
    begun.close()
    again = list(lth.imp(small_net, tiny, folder=tmp_path, **given))
    assert [r.trained.fingerprint for r in again] == [r.trained.fingerprint for r in whole]
    assert [r.result.steps for r in whole] == [20, 15, 15] and whole[1].rewind.step == 5


def test_every_driver_takes_it(tiny: lth.Dataset) -> None:
    my_train = run_example(tiny)["my_train"]
    shared = {"recipe": RECIPE, "train": my_train}
    first = list(lth.one_shot(small_net, tiny, densities=[0.3], **shared))
    other = lth.prune_at_init(small_net, tiny, score=lth.magnitude, density=0.3, **shared)
    hybrid = list(lth.snip_then_imp(small_net, tiny, snip_density=0.6, density=0.3, rounds=1, **shared))
    once = lth.retrain(small_net, tiny, mask=other.mask, weights_from=other.rewind, **shared)
    assert first[1].mask.kept == other.mask.kept == hybrid[1].mask.kept == 453
    assert once.validation_accuracy == other.validation_accuracy


def forgetful(model: Any, data: Any, *, mask: Any, **rest: Any) -> lth.TrainResult:
    return lth.train(model, data, **rest)


def speechless(model: Any, data: Any, **rest: Any) -> None:
    lth.train(model, data, **rest)


def keeps_nothing(model: Any, data: Any, **rest: Any) -> lth.TrainResult:
    return replace(lth.train(model, data, **rest), kept={})


def diverged(model: Any, data: Any, **rest: Any) -> lth.TrainResult:
    return replace_in(lth.train(model, data, **rest), validation_loss=math.nan)


def in_percent(model: Any, data: Any, **rest: Any) -> lth.TrainResult:
    return replace_in(lth.train(model, data, **rest), test_metric=87.0)


def longer(model: Any, data: Any, **rest: Any) -> lth.TrainResult:
    return replace_in(lth.train(model, data, **rest), steps=21)


def replace_in(result: lth.TrainResult, **values: Any) -> lth.TrainResult:
    for name, value in values.items():
        object.__setattr__(result, name, value)
    return result


@pytest.mark.parametrize(
    ("train", "kind", "text"),
    [
        (forgetful, ValueError, r"train left [\d,]+ of [\d,]+ removed weights of 1\.weight .*mask\.held"),
        (speechless, TypeError, r"train returned a NoneType; expected a lthkit\.TrainResult"),
        (diverged, ValueError, r"train returned validation_loss=nan; expected a finite number"),
        (in_percent, ValueError, r"train returned test accuracy 87\.0; expected a fraction from 0 to 1"),
        (
            longer,
            ValueError,
            r"start at step 0 and recipe\.steps=20, and its result says steps=21; expected 20",
        ),
        (keeps_nothing, ValueError, r"train was called with keep=\(0,\), and result\.kept has \[\]"),
    ],
)
def test_what_it_leaves_behind_is_looked_at(train: Any, kind: Any, text: str, tiny: lth.Dataset) -> None:
    """Catches: a round that is no training of its mask, and whose saved weights are others than those in memory."""
    with pytest.raises(kind, match=text):
        list(lth.imp(small_net, tiny, rounds=1, recipe=RECIPE, train=train))
    if train is keeps_nothing:
        return
    with pytest.raises(kind, match=text):
        lth.prune_at_init(small_net, tiny, score=lth.magnitude, density=0.3, recipe=RECIPE, train=train)
    mask = lth.prune_to(lth.Mask.ones(small_net(seed=0)), lth.magnitude(small_net(seed=0)), 0.3)
    with pytest.raises(kind, match=text):
        start = lth.fresh_start(small_net, seed=0)
        lth.retrain(small_net, tiny, mask=mask, weights_from=start, recipe=RECIPE, train=train)


def deaf(model: Any, data: Any, *, start: Any = None, **rest: Any) -> lth.TrainResult:
    return lth.train(model, data, **rest)


def test_a_loop_that_does_not_begin_at_its_start_is_refused(tiny: lth.Dataset) -> None:
    """Catches: a rewind that never happened; and refuses none that stops early."""
    text = r"start at step 5 and recipe\.steps=20, and its result says steps=20; expected 15"
    with pytest.raises(ValueError, match=text):
        list(lth.imp(small_net, tiny, rounds=1, rewind_step=5, recipe=RECIPE, train=deaf))
    first = lth.train(small_net(seed=0), tiny, recipe=RECIPE, keep=(5,))
    with pytest.raises(ValueError, match=text):
        mask, start = lth.Mask.ones(small_net(seed=0)), first.kept[5]
        lth.retrain(small_net, tiny, mask=mask, weights_from=start, recipe=RECIPE, train=deaf)

    def early(model: Any, data: Any, *, recipe: lth.Recipe, **rest: Any) -> lth.TrainResult:
        return lth.train(model, data, recipe=replace(recipe, steps=15), **rest)

    rounds = list(lth.imp(small_net, tiny, rounds=1, rewind_step=5, recipe=RECIPE, train=early))
    assert [r.result.steps for r in rounds] == [15, 10]


def test_what_is_no_function_is_refused_at_the_call(tiny: lth.Dataset) -> None:
    with pytest.raises(TypeError, match=r"train is a int; expected a function, such as lthkit\.train"):
        lth.imp(small_net, tiny, rounds=1, train=3)  # type: ignore[arg-type]


def typed() -> TrainFn:
    """What mypy takes for a `TrainFn`: lthkit's own, and one with the keywords that it needs and the rest."""

    def mine(model: Any, data: lth.Dataset, *, mask: lth.Mask, **rest: Any) -> lth.TrainResult:
        return lth.train(model, data, mask=mask, **rest)

    first: TrainFn = mine
    second: TrainFn = lth.train
    return first or second
