"""The own updates are those of torch.optim; schedules are functions of the step."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

import lthkit as lth
from lthkit.training.optimizers import SGD, Adam, AdamW, learning_rate
from tests.conftest import small_net


def _race(ours, theirs_class, steps=12, **theirs_kwargs):
    g = torch.Generator().manual_seed(0)
    start = {"a": torch.randn(7, 5, generator=g), "b": torch.randn(3, generator=g)}
    mine = {n: t.clone() for n, t in start.items()}
    yours = [t.clone().requires_grad_() for t in start.values()]
    optimizer, reference = ours(mine), theirs_class(yours, lr=0.05, **theirs_kwargs)
    for step in range(steps):
        gradients = [torch.randn(t.shape, generator=g) for t in start.values()]
        for p, gradient in zip(yours, gradients, strict=True):
            p.grad = gradient.clone()
        lr = 0.05 if step < 6 else 0.005
        reference.param_groups[0]["lr"] = lr
        reference.step()
        optimizer.step([gradient.clone() for gradient in gradients], lr)
    for a, b in zip(mine.values(), yours, strict=True):
        torch.testing.assert_close(a, b.detach(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("decay", [0.0, 1e-2])
def test_sgd_equals_torch(momentum, decay):
    _race(
        lambda p: SGD(p, momentum=momentum, weight_decay=decay),
        torch.optim.SGD,
        momentum=momentum,
        weight_decay=decay,
    )


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("decay", [0.0, 1e-2])
def test_adam_equals_torch(fused, decay):
    def make(parameters):
        adam = Adam(parameters, weight_decay=decay)
        adam.fused = adam.fused and fused
        return adam

    _race(make, torch.optim.Adam, weight_decay=decay)


@pytest.mark.parametrize("decay", [0.0, 1e-2])
def test_nesterov_equals_torch(decay):
    _race(
        lambda p: SGD(p, momentum=0.9, weight_decay=decay, nesterov=True),
        torch.optim.SGD,
        momentum=0.9,
        weight_decay=decay,
        nesterov=True,
    )


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("decay", [0.0, 1e-2, 0.3])
def test_adamw_equals_torch(fused, decay):
    """Catches Adam's own decay, which goes through the averages, and a decay without the learning rate."""

    def make(parameters):
        adam = AdamW(parameters, weight_decay=decay)
        adam.fused = adam.fused and fused
        return adam

    _race(make, torch.optim.AdamW, weight_decay=decay)


@pytest.mark.parametrize("kind", ["sgd", "adam", "adamw"])
def test_the_bits_are_those_of_the_fused_kernels_of_torch(tiny, kind):
    """Catches another order of operations than torch's: twenty updates of a network, bit for bit."""
    recipe = lth.Recipe(steps=20, batch_size=20, optimizer=kind, lr=0.01, weight_decay=0.1)
    recipe = replace(recipe, momentum=0.9, nesterov=True) if kind == "sgd" else recipe
    theirs = {
        "sgd": lambda p: torch.optim.SGD(
            p, lr=0.01, momentum=0.9, nesterov=True, weight_decay=0.1, foreach=True
        ),
        "adam": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.1, fused=True),
        "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1, fused=True),
    }[kind]
    ours, loop = small_net(seed=0), small_net(seed=0)
    lth.train(ours, tiny, recipe=recipe, choice=lth.training.PLAIN)
    optimizer = theirs(loop.parameters())
    for step in range(20):
        epoch, position = divmod(step, 15)
        rows = lth.data.batches(300, seed=0, epoch=epoch, batch_size=20)[position]
        optimizer.zero_grad()
        outputs = loop(tiny.inputs(tiny.train, rows))
        torch.nn.functional.cross_entropy(outputs, tiny.train.labels[rows]).backward()
        optimizer.step()
    for a, b in zip(ours.parameters(), loop.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("recipe", [
    lth.Recipe(optimizer="adamw", weight_decay=0.3, lr=0.01),
    lth.Recipe(optimizer="sgd", momentum=0.9, nesterov=True, weight_decay=0.1, lr=0.05),
], ids=["adamw", "nesterov"])  # fmt: skip
def test_the_new_ones_take_every_fast_way(tiny, recipe, monkeypatch):
    """Catches one that only the plain path knows: removed weights are 0, sparse and stacked end where dense ends."""
    recipe = replace(recipe, steps=40, batch_size=20, evaluate_every=20)
    monkeypatch.setattr(lth.training.choices, "SPARSE_BELOW", {lth.training.choices.here(): ((0, 2.0),)})
    mask = lth.prune_to(lth.Mask.ones(small_net(seed=0)), lth.magnitude(small_net(seed=0)), 0.3)
    models = [small_net(seed=0) for _ in range(4)]
    choices = [lth.training.PLAIN, lth.Choice(written_out=True)]
    choices += [] if lth.training.no_sparse() else [lth.Choice(threads=1, sparse=True)]
    for model, choice in zip(models, choices, strict=False):
        result = lth.train(model, tiny, mask=mask, recipe=recipe, choice=choice)
        assert bool(result.sparse) == choice.sparse
    lth.training.train_together([models[3]], tiny, seeds=[0], masks=[mask], recipe=recipe)
    for model in [*models[1 : len(choices)], models[3]]:
        for a, b in zip(models[0].parameters(), model.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)
        assert all(bool((model.get_parameter(n)[~kept] == 0).all()) for n, kept in mask.items())


@pytest.mark.parametrize("make", [lambda p: SGD(p, momentum=0.9), Adam, AdamW], ids=["sgd", "adam", "adamw"])
def test_a_restored_state_goes_on_bit_identically_and_is_a_copy(make):
    """Catches: a step count that is not restored, and buffers that are shared with the checkpoint."""
    g = torch.Generator().manual_seed(1)
    gradients = [[torch.randn(4, generator=g)] for _ in range(6)]
    whole, half = {"w": torch.ones(4)}, {"w": torch.ones(4)}
    one, two = make(whole), make(half)
    for gradient in gradients:
        one.step([gradient[0].clone()], 0.1)
    for gradient in gradients[:3]:
        two.step([gradient[0].clone()], 0.1)
    state = two.state()
    frozen = {k: v.clone() for k, v in state.items()}
    weights = {"w": half["w"].clone()}
    three = make(weights)
    three.load_state(state)
    for gradient in gradients[3:]:
        three.step([gradient[0].clone()], 0.1)
    assert torch.equal(weights["w"], whole["w"])
    assert all(torch.equal(state[k], frozen[k]) for k in state)


def test_a_state_of_another_optimizer_is_refused():
    with pytest.raises(ValueError, match="another optimizer"):
        SGD({"w": torch.ones(2)}).load_state(Adam({"w": torch.ones(2)}).state())


def test_schedules():
    rates = [
        learning_rate(s, base=1.0, steps=100, schedule="step", milestones=(50, 80))
        for s in (0, 49, 50, 79, 80, 99)
    ]
    assert rates == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])
    assert [learning_rate(s, base=1.0, steps=100, warmup=4) for s in range(5)] == pytest.approx(
        [0.25, 0.5, 0.75, 1, 1]
    )
    cosine = [learning_rate(s, base=2.0, steps=100, schedule="cosine") for s in (0, 50, 100)]
    assert cosine == pytest.approx([2, 1, 0])


# schedules of one's own

OWN = lth.Recipe(steps=40, batch_size=20, evaluate_every=20, lr=0.01)


def test_a_schedule_of_ones_own_multiplies_the_rate(tiny):
    """Catches a rate taken for a factor or the other way round, and a warm-up that is forgotten."""
    own = replace(OWN, schedule=lambda step: np.float32(0.5) if step < 10 else 2)
    assert [own.lr_at(s) for s in (0, 9, 10, 39, 41)] == [0.005, 0.005, 0.02, 0.02, 0.02]
    warm = replace(own, warmup=4)
    assert [warm.lr_at(s) for s in (0, 3, 4, 10)] == pytest.approx([0.0025, 0.01, 0.005, 0.02])
    cosine, same = replace(OWN, schedule="cosine"), replace(OWN, schedule=lambda s: replace(OWN, schedule="cosine").lr_at(s) / OWN.lr)  # fmt: skip
    models = [small_net(seed=0), small_net(seed=0)]
    for model, recipe in zip(models, (cosine, same), strict=True):
        lth.train(model, tiny, recipe=recipe)
    for a, b in zip(models[0].parameters(), models[1].parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_a_schedule_is_not_asked_behind_the_last_step(tiny):
    """Catches a recorded epoch that asks for rates which nobody needs: this one is complex there."""
    own = replace(OWN, schedule=lambda step: (1 - step / 40) ** 0.9)
    assert own.lr_at(45) == own.lr_at(39) > 0
    lth.train(small_net(seed=0), tiny, recipe=own)


count = itertools.count()
SCHEDULES = {
    "negative": (lambda s: -0.1, "gave -0.1 for step 0"),
    "NaN": (lambda s: float("nan"), "gave nan for step 0"),
    "negative late": (lambda s: 1.0 if s < 39 else -1.0, "gave -1.0 for step 39"),
    "nothing": (lambda s: None, "gave None"),
    "a tensor": (lambda s: torch.tensor(0.5), r"gave tensor\(0.5"),
    "state": (lambda s: 1 / (1 + next(count)), "when it was asked again; expected a function of the step alone"),
    "the rate itself": (lambda s: 1e-3 * (1 - s / 40), "Does the schedule give the rate itself"),
    "always 0": (lambda s: 0.0, "factors of at most 0"),
}  # fmt: skip


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_that_would_train_otherwise_is_refused(tiny, name):
    schedule, message = SCHEDULES[name]
    with pytest.raises(ValueError, match=message):
        lth.train(small_net(seed=0), tiny, recipe=replace(OWN, schedule=schedule))
    with pytest.raises(ValueError, match=message):
        lth.tickets.early_bird(small_net, tiny, density=0.5, recipe=replace(OWN, schedule=schedule))


def test_a_schedule_that_gives_rates_is_refused_whatever_lr_is():
    """Catches a rate that is multiplied by itself: lr 0.1 falls from 0.01, and the network learns a little."""
    for lr in (0.3, 0.1, 0.02):
        given = replace(OWN, lr=lr, schedule=lambda s, lr=lr: lr * (1 - s / 40))
        with pytest.raises(ValueError, match="Does the schedule give the rate itself"):
            given.check_schedule()
    replace(OWN, lr=1.0, schedule=lambda s: 1e-3 * (1 - s / 40)).check_schedule()
    replace(OWN, lr=0.1, schedule=lambda s: 0.2 * (1 - s / 40)).check_schedule()


def test_a_schedule_stands_in_the_configuration_by_its_code():
    def falling(by):
        return lambda step: 1 / (1 + by * step)

    names = [replace(OWN, schedule=falling(by)).config()["schedule"] for by in (0.1, 0.2, 0.1)]
    assert names[0] == names[2] != names[1] and "0x" not in repr(names)
    with pytest.raises(ValueError, match="milestones=.* would not see them"):
        replace(OWN, schedule=falling(0.1), milestones=(3,))
    with pytest.raises(ValueError, match="decay=.* would not see it"):
        replace(OWN, schedule=falling(0.1), decay=0.2)
    with pytest.raises(ValueError, match="or a function of the step that gives the factor"):
        replace(OWN, schedule=0.5)


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_what_a_schedule_by_name_would_not_see_is_refused(schedule):
    with pytest.raises(
        ValueError, match=f"milestones=.3,. were given with schedule='{schedule}', which would not see"
    ):
        lth.Recipe(schedule=schedule, milestones=(3,))
    with pytest.raises(
        ValueError, match=f"decay=0.5 was given with schedule='{schedule}', which would not see"
    ):
        lth.Recipe(schedule=schedule, decay=0.5)
    with pytest.raises(ValueError, match=r"schedule='step' was given without milestones.*\(1000, 1500\)"):
        lth.Recipe(schedule="step")
    assert lth.Recipe(schedule="step", milestones=[3], decay=0.5).lr_at(3) == 0.6e-3


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        (torch.optim.lr_scheduler.StepLR, "StepLR is a scheduler of torch"),
        (partial(torch.optim.lr_scheduler.ConstantLR, factor=0.5), "ConstantLR is a scheduler of torch"),
        (lambda step, epoch: 1.0, r"lambda. cannot be called as \(step\) .*epoch"),
        (lambda: 1.0, r"lambda. cannot be called as \(step\)"),
        (lambda *, step: 1.0, r"lambda. cannot be called as \(step\)"),
    ],
)
def test_a_schedule_that_takes_no_step_is_refused_with_the_recipe(schedule, text):
    with pytest.raises(
        TypeError, match=text + r".*; expected a function of the step alone.*constant, step, cosine"
    ):
        lth.Recipe(schedule=schedule)
