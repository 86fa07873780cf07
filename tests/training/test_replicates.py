"""Trainings done together give what separate trainings give."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import lthkit as lth
from lthkit.runs import experiments
from lthkit.training import engine
from lthkit.training.choices import Choice
from lthkit.training.replicates import train_together
from lthkit.training.stacks import Stack
from tests.conftest import small_conv, small_net
from tests.training.test_engine import replayed_on_cpu  # noqa: F401  (a fixture)
from tests.training.test_loop import ADAM, SGD, half_mask

PATIENT = replace(ADAM, lr=0.1, steps=200, patience=30, weight_decay=0.0)


def separately(net, data, **arguments):
    models = [net(seed=s) for s in range(3)]
    masks = [half_mask(m, seed=s) for s, m in enumerate(models)]
    return models, [
        lth.train(m, data, mask=k, seed=10 + s, **arguments)
        for s, (m, k) in enumerate(zip(models, masks, strict=True))
    ]


def together(net, data, **arguments):
    models = [net(seed=s) for s in range(3)]
    masks = [half_mask(m, seed=s) for s, m in enumerate(models)]
    return models, train_together(models, data, masks=masks, seeds=[10, 11, 12], **arguments)


def assert_same(one, other, *, rtol=2e-3, atol=2e-5):
    for a, b in zip(one[0], other[0], strict=True):
        for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True):
            torch.testing.assert_close(x, y, rtol=rtol, atol=atol)
    for a, b in zip(one[1], other[1], strict=True):
        assert [p.step for p in a.history] == [p.step for p in b.history]
        assert [p.validation_loss for p in a.history] == pytest.approx(
            [p.validation_loss for p in b.history], rel=1e-3
        )
        assert [p.train_loss for p in a.history] == pytest.approx([p.train_loss for p in b.history], rel=1e-3)
        assert (a.best_step, a.steps, a.budget) == (b.best_step, b.steps, b.budget)
        assert a.test_accuracy == pytest.approx(b.test_accuracy, abs=0.02)


@pytest.mark.parametrize("recipe", [SGD, ADAM, replace(SGD, augment=True)], ids=["sgd", "adam", "augmented"])
@pytest.mark.parametrize("net", [small_net, small_conv], ids=["linear", "batch norm"])
def test_together_equals_separately(tiny, recipe, net):
    """Catches: one data order for all, masks mixed up, shared batch-norm statistics, gradients averaged over replicates."""
    assert_same(separately(net, tiny, recipe=recipe), together(net, tiny, recipe=recipe))


def test_recorded_together_equals_separately(tiny, replayed_on_cpu):  # noqa: F811
    models = [small_conv(seed=s) for s in range(3)]
    masks = [half_mask(m, seed=s) for s, m in enumerate(models)]
    recipe = replace(SGD, augment=True)
    stack = Stack(models)
    update = engine.RecordedUpdate(stack, tiny, recipe=recipe, masks=masks, seeds=[10, 11, 12])
    for step in range(30):
        update(step)
    stack.write_back(range(3))
    for a, b in zip(models, separately(small_conv, tiny, recipe=recipe)[0], strict=True):
        for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True):
            torch.testing.assert_close(x, y, rtol=2e-3, atol=2e-5)


def test_a_replicate_that_stops_early_keeps_what_it_had(tiny):
    """Catches: weights that train on after the stop, a history that goes on, or all stopping with the first."""
    one, other = separately(small_net, tiny, recipe=PATIENT), together(small_net, tiny, recipe=PATIENT)
    assert len({r.steps for r in one[1]}) > 1, "the test needs replicates that stop at different steps"
    assert_same(one, other, rtol=0.05, atol=5e-3)
    for model, result in zip(*other, strict=True):
        assert lth.evaluate(model, tiny).loss == result.history[-1].validation_loss


def test_removed_weights_are_exactly_zero_in_each(tiny):
    models, _ = together(small_net, tiny, recipe=SGD)
    for s, model in enumerate(models):
        for name, kept in half_mask(small_net(seed=s), seed=s).items():
            weight = lth.prunable(model)[name]
            assert (weight[~kept] == 0).all() and (weight[kept] != 0).all()


def test_going_on_from_checkpoints_restores_momentum_of_each(tiny):
    """Catches: optimizer state lost or swapped between replicates at a rewind."""
    kept = [r.kept[15] for r in together(small_net, tiny, recipe=SGD, keep=[15])[1]]
    alone = [r.kept[15] for r in separately(small_net, tiny, recipe=SGD, keep=[15])[1]]
    for a, b in zip(kept, alone, strict=True):
        assert a.step == b.step == 15 and a.optimizer.keys() == b.optimizer.keys()
        for name in a.optimizer:
            torch.testing.assert_close(a.optimizer[name], b.optimizer[name], rtol=1e-3, atol=1e-6)
    models = [small_net(seed=9) for _ in alone]
    train_together(models, tiny, seeds=[10, 11, 12], starts=alone, recipe=SGD)
    for s, (model, start) in enumerate(zip(models, alone, strict=True)):
        reference = small_net(seed=8)
        lth.train(reference, tiny, seed=10 + s, start=start, recipe=SGD)
        for x, y in zip(model.parameters(), reference.parameters(), strict=True):
            torch.testing.assert_close(x, y, rtol=2e-3, atol=2e-5)


def test_progress_adds_up_to_the_budget(tiny):
    for recipe in (ADAM, PATIENT):
        ticks = []
        together(small_net, tiny, recipe=recipe, progress=ticks.append)
        assert sum(ticks) == 3 * recipe.steps


def test_bad_lists_are_named(tiny):
    models = [small_net(seed=0), small_net(seed=1)]
    with pytest.raises(ValueError, match="2 networks, 1 seeds"):
        train_together(models, tiny, seeds=[0])
    with pytest.raises(ValueError, match="another architecture"):
        train_together([small_net(seed=0), small_conv(seed=0)], tiny, seeds=[0, 1], recipe=SGD)
    with pytest.raises(ValueError, match="different parameters"):
        train_together(models, tiny, seeds=[0, 1], masks=[None, lth.Mask.ones(models[0])], recipe=SGD)
    starts = [lth.Checkpoint.of(models[0]), replace(lth.Checkpoint.of(models[1]), step=5)]
    with pytest.raises(ValueError, match=r"steps \[0, 5\]"):
        train_together(models, tiny, seeds=[0, 1], starts=starts, recipe=SGD)


def test_a_diverged_replicate_is_named(tiny):
    models = [small_net(seed=0), small_net(seed=1)]
    with torch.no_grad():
        models[1][1].weight.fill_(1e30)
    with pytest.raises(lth.TrainingDiverged, match=r"Replicate 1 \(seed 7\)"):
        train_together(models, tiny, seeds=[3, 7], recipe=SGD)


@pytest.mark.parametrize("method", ["imp", "one-shot"])
def test_a_stacked_experiment_agrees_with_one_in_turn(tiny, tmp_path, monkeypatch, method):
    """The whole path of `lthkit run` with stacking on, seeds and controls, against the same with it off."""
    experiment = experiments.Experiment(
        "both",
        "lenet-300-100",
        replace(SGD, lr=0.05),
        seeds=(0, 1),
        rounds=2,
        method=method,
        controls=experiments.CONTROLS,
        control_rounds=(2,),
    )
    tables = []
    for stacked in (False, True):
        choice = Choice(threads=1, workers=6 if stacked else 2, stacked=stacked)
        monkeypatch.setattr(experiments, "choose", lambda *a, choice=choice, **k: choice)
        tables.append(experiments.run(experiment, tiny, tmp_path / str(stacked)))
    assert len(tables[0]) == len(tables[1]) == 2 * (3 + 2)
    for a, b in zip(*tables, strict=True):
        assert (a["arm"], a["seed"], a["round"]) == (b["arm"], b["seed"], b["round"])
        assert a["validation_loss"] == pytest.approx(b["validation_loss"], rel=0.05, abs=0.01)


def test_a_run_keeps_to_the_execution_it_began_with(tiny, tmp_path, monkeypatch):
    """Catches: a run that goes on with another thread count, and so ends with other bits."""
    experiment = experiments.Experiment("one", "lenet-300-100", SGD, seeds=(0,), rounds=1)
    began = experiments.execution(experiment, tiny, tmp_path)
    other = replace(began, threads=7, written_out=False, workers=4)
    monkeypatch.setattr(experiments, "choose", lambda *a, **k: other)
    assert experiments.execution(experiment, tiny, tmp_path) == replace(began, workers=4)
    assert experiments.execution(experiment, tiny, tmp_path / "new") == other
