"""All pairs of an output and a target, where one target belongs to each output: found, and nothing else is taken for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import lthkit as lth
from lthkit.training.pairing import each_against_each
from tests.own_tasks import ADAMW, numbers, regressor

Function = Callable[[Tensor, Tensor], Tensor]
PAIRS: dict[str, Function] = {
    "squeezed": lambda o, t: (o.squeeze() - t).square().mean(),
    "a root of it": lambda o, t: (o.squeeze() - t).square().mean().sqrt(),
    "a column": lambda o, t: (o[:, 0] - t).abs().mean(),
    "the other's column": lambda o, t: (o - t[:, 0]).abs().mean(),
    "torch's own": lambda o, t: F.huber_loss(o.squeeze(), t),
    "explained": lambda o, t: 1 - (o.squeeze() - t).square().sum() / (t - t.mean()).square().sum(),
}
HONEST: dict[str, Function] = {
    "mse": lambda o, t: F.mse_loss(o, t),
    "explained": lambda o, t: 1 - (o - t).square().sum() / (t - t.mean()).square().sum(),
    "bias, which minds no order": lambda o, t: (o - t).mean(),
    "all pairs on purpose": lambda o, t: ((o - o.T) * (t - t.T) > 0).float().mean(),
    "two sorted columns": lambda o, t: (o.sort(0)[0] - t.sort(0)[0]).abs().max(),
    "outputs alone": lambda o, t: o.std(),
    "what needs many rows": lambda o, t: (o[200] - t[200]).abs().sum(),
    "correlation": lambda o, t: torch.corrcoef(torch.cat([o, t], 1).T)[0, 1],
}


def rows(n: int = 300) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(3)
    return torch.randn(n, 1, generator=g), torch.randn(n, 1, generator=g)


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("name", PAIRS)
def test_all_pairs_are_found_where_both_have_one_shape(name: str) -> None:
    """Catches a check of the shapes at the door alone."""
    assert each_against_each(PAIRS[name], *rows())
    flat = lth.Task(loss="mse", metrics=lth.Metric("own", PAIRS[name]))
    with pytest.raises(ValueError, match="each output is held against each target"):
        lth.train(regressor(seed=0), numbers(), recipe=ADAMW, task=flat)


@pytest.mark.parametrize("name", HONEST)
def test_what_is_honest_is_taken(name: str) -> None:
    """Catches a check that takes a function which minds no order, or looks at pairs on purpose, for a slip."""
    assert not each_against_each(HONEST[name], *rows())


def test_a_loss_of_all_pairs_is_refused_before_it_trains() -> None:
    task = lth.Task(loss=PAIRS["squeezed"], metrics="rmse")
    with pytest.raises(ValueError, match="does not change if the outputs float32 .4, 1. change their places"):
        lth.train(regressor(seed=0), numbers(), recipe=ADAMW, task=task)


def test_targets_of_classes_are_no_pairs() -> None:
    g = torch.Generator().manual_seed(0)
    outputs, targets = torch.randn(40, 5, generator=g), torch.randint(5, (40,), generator=g)
    assert not each_against_each(F.cross_entropy, outputs, targets)
    assert not each_against_each(F.multi_margin_loss, outputs, targets)


def test_the_random_state_and_the_arguments_stay_as_they_were() -> None:
    outputs, targets = rows()
    before, state = outputs.clone(), torch.get_rng_state()

    def writes(o: Tensor, t: Tensor) -> Tensor:
        return o.add_(torch.rand_like(o)).sub_(t).mean()

    assert not each_against_each(writes, outputs, targets)
    assert torch.equal(outputs, before) and torch.equal(torch.get_rng_state(), state)


def test_a_loss_that_reaches_no_weight_is_refused() -> None:
    """Catches a training in which nothing moves: the loss is a new tensor with the right value."""

    def reaches_nothing(outputs: Tensor, targets: Tensor) -> Tensor:
        return torch.tensor(F.mse_loss(outputs, targets).item(), requires_grad=True)

    task = lth.Task(loss=reaches_nothing, metrics="rmse")
    with pytest.raises(ValueError, match="depends on no parameter of Sequential, so no weight would move"):
        lth.train(regressor(seed=0), numbers(), recipe=ADAMW, task=task)
