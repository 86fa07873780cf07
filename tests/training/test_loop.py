"""Masked training: zeros stay zero, rewinds are copies, resumed equals uninterrupted, the test split is read once."""

from __future__ import annotations

import math
import threading
from dataclasses import replace

import pytest
import torch

import lthkit as lth
from lthkit.training import history
from tests.conftest import small_conv, small_net

SGD = lth.Recipe(
    steps=30, batch_size=20, optimizer="sgd", lr=0.1, momentum=0.9, weight_decay=1e-2, evaluate_every=10
)
ADAM = lth.Recipe(steps=30, batch_size=20, lr=1e-2, evaluate_every=10, weight_decay=1e-2)


def half_mask(model, seed=0):
    return lth.prune(lth.Mask.ones(model), lth.random(model, seed=seed), 0.5)


def state_of(model):
    return {k: v.clone() for k, v in model.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("recipe", [SGD, ADAM], ids=["sgd", "adam"])
@pytest.mark.parametrize("net", [small_net, small_conv], ids=["linear", "conv"])
def test_removed_weights_are_exactly_zero_after_training(tiny, recipe, net):
    """Catches: no masking at all; masking of gradients only, with a momentum that already exists (below)."""
    model = net(seed=0)
    mask = half_mask(model)
    lth.train(model, tiny, mask=mask, recipe=recipe)
    for name, kept in mask.items():
        weight = lth.prunable(model)[name]
        assert (weight[~kept] == 0).all() and (weight[kept] != 0).all()


@pytest.mark.parametrize("recipe", [SGD, ADAM], ids=["sgd", "adam"])
def test_a_restored_momentum_does_not_move_removed_weights(tiny, recipe):
    """Catches: ruihangdu/PyTorch-Deep-Compression#2, momentum from before the pruning moves what was pruned."""
    model = small_net(seed=0)
    start = lth.train(model, tiny, recipe=recipe, keep=[20]).kept[20]
    assert start.optimizer is not None
    mask = half_mask(model)
    lth.train(model, tiny, mask=mask, recipe=recipe, start=start)
    for name, kept in mask.items():
        assert (lth.prunable(model)[name][~kept] == 0).all()


@pytest.mark.parametrize("recipe", [SGD, ADAM], ids=["sgd", "adam"])
def test_negative_weights_learn(tiny, recipe):
    """Catches: np.where(w < eps, 0, grad) without abs, which freezes every negative weight."""
    model = small_net(seed=0)
    mask = half_mask(model)
    mask.apply_(model)
    before = {n: w.detach().clone() for n, w in lth.prunable(model).items()}
    lth.train(model, tiny, mask=mask, recipe=recipe)
    for name, kept in mask.items():
        negative = kept & (before[name] < 0)
        assert (lth.prunable(model)[name][negative] != before[name][negative]).all()


def test_it_learns(tiny):
    model = small_net(seed=0)
    result = lth.train(model, tiny, recipe=replace(ADAM, steps=100))
    assert result.test_accuracy > 0.9 and result.history[-1].train_loss < result.history[0].train_loss


def test_equal_seeds_give_equal_bits_and_each_seed_matters(tiny):
    def run(init, order):
        model = small_net(seed=init)
        lth.train(model, tiny, recipe=ADAM, seed=order)
        return state_of(model)

    rng = torch.get_rng_state()
    assert same(run(0, 0), run(0, 0))
    assert not same(run(0, 0), run(1, 0)) and not same(run(0, 0), run(0, 1))
    assert torch.equal(torch.get_rng_state(), rng), "training used the global random state"


@pytest.mark.parametrize(
    "recipe", [SGD, ADAM, replace(SGD, schedule="cosine", warmup=5)], ids=["sgd", "adam", "cosine"]
)
def test_going_on_from_a_checkpoint_ends_bit_identically(tiny, recipe, tmp_path):
    """Catches: a checkpoint without momentum, step count, batch-norm buffers, or a data order that starts over."""
    whole, rest = small_conv(seed=0), small_conv(seed=5)
    mask = half_mask(whole)
    kept = lth.train(whole, tiny, mask=mask, recipe=recipe, keep=[17]).kept[17]
    kept.save(tmp_path / "checkpoint.npz")
    lth.train(rest, tiny, mask=mask, recipe=recipe, start=lth.Checkpoint.load(tmp_path / "checkpoint.npz"))
    assert same(state_of(whole), state_of(rest))


def test_a_checkpoint_is_a_copy_and_restoring_it_does_not_tie_the_model_to_it(tiny):
    """Catches: the aliased rewind point (rahulvigneswaran's biases), batch-norm buffers left as trained (lecode)."""
    model = small_conv(seed=0)
    initial = state_of(model)
    kept = lth.train(model, tiny, recipe=SGD, keep=[0]).kept[0]
    assert not same(state_of(model), initial)
    assert same(kept.model, initial)
    kept.restore(model)
    assert same(state_of(model), initial)
    lth.train(model, tiny, recipe=SGD)
    assert same(kept.model, initial)


def test_a_checkpoint_of_another_model_is_named():
    with pytest.raises(ValueError, match="1.weight"):
        lth.Checkpoint.of(small_net(seed=0)).restore(small_conv(seed=0))


def test_fresh_and_restored_momentum_differ(tiny):
    """Catches: a momentum argument that nobody reads."""
    model = small_net(seed=0)
    start = lth.train(model, tiny, recipe=SGD, keep=[15]).kept[15]
    states = []
    for policy in ("restore", "fresh", "fresh"):
        lth.train(model, tiny, recipe=SGD, start=start, momentum=policy)
        states.append(state_of(model))
    assert not same(states[0], states[1]) and same(states[1], states[2])


def test_a_dense_mask_changes_nothing(tiny):
    states = []
    for masked in (False, True):
        model = small_net(seed=0)
        lth.train(model, tiny, mask=lth.Mask.ones(model) if masked else None, recipe=ADAM)
        states.append(state_of(model))
    assert same(*states)


def test_best_step_is_that_of_least_validation_loss_and_test_is_read_once(tiny, monkeypatch):
    """Catches: the best epoch picked on the test set, and test accuracy of the last instead of the best step."""
    seen = []
    original = history.evaluate

    def spy(model, data, *, split="validation", **kwargs):
        metrics = original(model, data, split=split, **kwargs)
        seen.append((split, metrics, state_of(model)))
        return metrics

    monkeypatch.setattr(history, "evaluate", spy)
    model = small_net(seed=0)
    result = lth.train(model, tiny, recipe=replace(ADAM, lr=0.3, steps=60))
    assert [split for split, *_ in seen] == ["validation"] * 6 + ["test"]
    losses = [metrics.loss for _, metrics, _ in seen[:-1]]
    best = min(range(6), key=losses.__getitem__)
    assert best < 5, "the test needs a run whose best step is not its last"
    assert result.best_step == 10 * (best + 1)
    assert same(seen[-1][2], seen[best][2]), "test accuracy must be that of the best step's weights"
    assert same(state_of(model), seen[5][2]), "the model must keep the weights of its last step"
    assert result.test_accuracy == seen[-1][1].accuracy


def test_patience_stops_early_and_says_so(tiny):
    model = small_net(seed=0)
    result = lth.train(model, tiny, recipe=replace(ADAM, lr=0.3, steps=500, patience=30))
    assert result.steps < 500 and result.steps == result.best_step + 30 and not result.still_improving
    assert result.budget == 500


def test_progress_adds_up_to_the_budget(tiny):
    for recipe in (ADAM, replace(ADAM, lr=0.3, steps=505, patience=30)):
        ticks = []
        lth.train(small_net(seed=0), tiny, recipe=recipe, progress=ticks.append)
        assert sum(ticks) == recipe.steps


def test_still_improving_marks_the_last_tenth(tiny):
    result = lth.train(small_net(seed=0), tiny, recipe=replace(ADAM, lr=1e-5))
    assert result.best_step == 30 and result.still_improving
    assert not replace(result, best_step=27).still_improving


def test_evaluate_counts_every_image_and_leaves_the_mode(tiny):
    model = small_conv(seed=0).train()
    before = state_of(model)
    whole = lth.evaluate(model, tiny, batch_size=90)
    parts = lth.evaluate(model, tiny, batch_size=7)
    assert parts.accuracy == whole.accuracy and parts.loss == pytest.approx(whole.loss, rel=1e-5)
    assert model.training and same(state_of(model), before)


def test_a_diverged_loss_stops_the_training(tiny):
    with pytest.raises(lth.TrainingDiverged, match="smaller learning rate"):
        lth.train(small_net(seed=0), tiny, recipe=replace(SGD, lr=1e30))


def test_augmentation_is_a_function_of_the_step(tiny):
    recipe = replace(SGD, augment=True)
    plain, whole, rest = small_net(seed=0), small_net(seed=0), small_net(seed=0)
    lth.train(plain, tiny, recipe=SGD)
    start = lth.train(whole, tiny, recipe=recipe, keep=[11]).kept[11]
    lth.train(rest, tiny, recipe=recipe, start=start)
    assert same(state_of(whole), state_of(rest)) and not same(state_of(whole), state_of(plain))


def test_bfloat16_trains_and_keeps_float32_weights(tiny):
    model = small_net(seed=0)
    result = lth.train(model, tiny, recipe=replace(ADAM, steps=100, precision="bfloat16"))
    assert result.test_accuracy > 0.9 and model[1].weight.dtype == torch.float32


def test_a_worker_thread_computes_the_same_bits(tiny):
    """One operator thread in the main thread and in a worker: the same numbers."""
    threads = torch.get_num_threads()
    states = []

    def work():
        torch.set_num_threads(1)
        model = small_net(seed=0)
        lth.train(model, tiny, recipe=ADAM)
        states.append(state_of(model))

    try:
        work()
        worker = threading.Thread(target=work)
        worker.start()
        worker.join()
    finally:
        torch.set_num_threads(threads)
    assert same(*states)


@pytest.mark.parametrize(
    ("changes", "fragment"),
    [
        ({"optimizer": "rmsprop"}, "sgd, adam, adamw, or a function"),
        ({"schedule": "linear"}, "constant, step, cosine"),
        ({"precision": "fp16"}, "float32, medium, bfloat16"),
        ({"steps": 0}, "steps=0"),
        ({"batch_size": 2.5}, "2.5"),
        ({"lr": -1.0}, "lr=-1.0"),
        ({"lr": math.nan}, "lr=nan"),
        ({"momentum": 0.9}, "sgd"),
        ({"patience": 5}, "patience=5"),
    ],
)
def test_a_bad_recipe_is_named(changes, fragment):
    with pytest.raises(ValueError, match=fragment):
        replace(ADAM, **changes)


def test_bad_arguments_are_named(tiny):
    model = small_net(seed=0)
    with pytest.raises(ValueError, match="larger than the training split"):
        lth.train(model, tiny, recipe=replace(ADAM, batch_size=301))
    table = lth.Dataset.from_loader([(torch.zeros(60, 4), torch.arange(60) % 3)], name="table")
    with pytest.raises(ValueError, match=rf"training split \({len(table.train)} rows\)"):
        lth.train(torch.nn.Linear(4, 3), table, recipe=replace(ADAM, batch_size=61))
    with pytest.raises(ValueError, match="outside the training"):
        lth.train(model, tiny, recipe=ADAM, keep=[31])
    with pytest.raises(ValueError, match="nothing is left"):
        lth.train(model, tiny, recipe=ADAM, start=replace(lth.Checkpoint.of(model), step=30))
    with pytest.raises(ValueError, match="fresh, restore"):
        lth.train(model, tiny, recipe=ADAM, momentum="keep")
    with pytest.raises(ValueError, match="validation"):
        lth.evaluate(model, tiny, split="val")


def test_training_leaves_tiny_numbers_as_they_were(tiny):
    """Catches: flushing to 0 that stays on in the caller's thread, where it changes other people's numbers."""
    lth.train(small_net(seed=0), tiny, recipe=SGD)
    assert float(torch.tensor(1e-40) * 1.0) > 0
    torch.set_flush_denormal(True)
    try:
        lth.train(small_net(seed=0), tiny, recipe=SGD)
        assert float(torch.tensor(1e-40) * 1.0) == 0
    finally:
        torch.set_flush_denormal(False)
