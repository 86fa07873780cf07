"""The four arms of `retrain` differ exactly in what they should: weights, place in the schedule, optimizer state, and no more."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import lthkit as lth
from lthkit.training import engine, loop
from tests.conftest import small_net

STEPS, K, TUNE = 30, 8, 10
RECIPE = lth.Recipe(
    steps=STEPS,
    batch_size=20,
    optimizer="sgd",
    lr=0.1,
    momentum=0.9,
    evaluate_every=10,
    schedule="step",
    milestones=(12, 20),
)
ORDER = 7


@pytest.fixture(scope="module")
def past(tiny):
    """One dense training with its checkpoints, and the mask read off its end."""
    model = small_net(seed=0)
    kept = lth.train(model, tiny, recipe=RECIPE, seed=ORDER, keep=[0, K, STEPS]).kept
    return kept, lth.prune_to(lth.Mask.ones(model), lth.magnitude(model), 0.3)


class Seen:
    """What a training really did: the weights and the optimizer state on entry; of each update its step, rate, rows."""

    def __init__(self):
        self.weights, self.state, self.steps, self.rates, self.rows = {}, {}, [], [], []


def watched(monkeypatch, tiny, past, **arguments):
    """Retrain, and watch the updates themselves, not the arguments."""
    seen = Seen()

    class Spy(engine.Update):
        def __init__(self, net, data, **kwargs):
            super().__init__(net, data, **kwargs)
            seen.weights = {n: t.clone() for n, t in net.state_dict().items()}
            seen.state = self.optimizer.state()

        def __call__(self, step):
            seen.steps.append(step)
            super().__call__(step)

        def _update(self, rows, draws, lr):
            seen.rates.append(float(lr))
            seen.rows.append(rows.clone())
            return super()._update(rows, draws, lr)

    monkeypatch.setattr(loop, "updater", lambda net, data, **kwargs: Spy(net, data, **kwargs))
    seen.result = lth.retrain(small_net, tiny, mask=past[1], seed=ORDER, recipe=RECIPE, **arguments)
    return seen


def masked(state, mask):
    return {n: t.masked_fill(~mask[n], 0) if n in mask else t for n, t in state.items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[n], b[n]) for n in a)


ARMS = {
    "weight rewinding": (K, K),
    "rewinding to 0": (0, 0),
    "learning-rate rewinding": (STEPS, K),
    "fine-tuning": (STEPS, STEPS - TUNE),
    "re-initialised": (None, 0),
}


@pytest.mark.parametrize("arm", ARMS)
def test_an_arm_loads_its_weights_and_its_place_in_the_schedule(monkeypatch, tiny, past, arm):
    """Catches: lr_from ignored or shifted by one, weights of another step, a mask that is not applied, a schedule that
    starts anew at step 0 although the weights are from later."""
    kept, mask = past
    weights, step = ARMS[arm]
    source = lth.fresh_start(small_net, seed=0) if weights is None else kept[weights]
    seen = watched(monkeypatch, tiny, past, weights_from=source, lr_from=step)
    assert same(seen.weights, masked(source.model, mask))
    assert seen.steps == list(range(step, STEPS))
    assert seen.rates == [RECIPE.lr_at(s) for s in range(step, STEPS)]
    assert seen.result.steps == STEPS - step


@pytest.mark.parametrize("arm", ARMS)
def test_every_arm_sees_the_same_images_at_the_same_step(monkeypatch, tiny, past, arm):
    """Catches: an order that restarts at the first batch of epoch 0, or that depends on the weights' step."""
    kept, _ = past
    weights, step = ARMS[arm]
    source = lth.fresh_start(small_net, seed=0) if weights is None else kept[weights]
    whole = watched(monkeypatch, tiny, past, weights_from=kept[0])
    seen = watched(monkeypatch, tiny, past, weights_from=source, lr_from=step)
    assert len(whole.rows) == STEPS
    assert all(torch.equal(a, b) for a, b in zip(whole.rows[step:], seen.rows, strict=True))


def test_momentum_comes_along_with_weight_rewinding_only(monkeypatch, tiny, past):
    """Catches: an optimizer state that is restored although it belongs to another step, is dropped, or is not masked."""
    kept, mask = past
    rewound = watched(monkeypatch, tiny, past, weights_from=kept[K])
    moving = {n: t for n, t in rewound.state.items() if n.startswith("momentum/")}
    assert moving and all(
        torch.equal(t, masked({n.partition("/")[2]: kept[K].optimizer[n]}, mask)[n.partition("/")[2]])
        for n, t in moving.items()
    )
    assert any(bool(t.any()) for t in moving.values())
    others = [
        {"weights_from": kept[K], "momentum": "fresh"},
        {"weights_from": kept[STEPS], "lr_from": K},
        {"weights_from": kept[STEPS], "lr_from": STEPS - TUNE},
        {"weights_from": lth.fresh_start(small_net, seed=0)},
    ]
    for arguments in others:
        state = watched(monkeypatch, tiny, past, **arguments).state
        assert not any(bool(t.any()) for n, t in state.items() if n.startswith("momentum/")), arguments


def test_weight_rewinding_with_everything_kept_is_the_dense_training_gone_on(tiny, past):
    """Catches: anything at all that a rewind forgets; bit for bit the end must be the same."""
    kept, _ = past
    everything = lth.Mask.ones(small_net(seed=0))
    result = lth.retrain(
        small_net, tiny, mask=everything, weights_from=kept[K], seed=ORDER, recipe=RECIPE, keep=(STEPS,)
    )
    assert same(result.kept[STEPS].model, kept[STEPS].model)
    assert same(result.kept[STEPS].optimizer, kept[STEPS].optimizer)


def test_the_arms_end_at_different_networks(tiny, past):
    """Catches: two arms that are one, by whatever mistake."""
    kept, mask = past
    ends = []
    for weights, step in ARMS.values():
        source = lth.fresh_start(small_net, seed=0) if weights is None else kept[weights]
        result = lth.retrain(
            small_net,
            tiny,
            mask=mask,
            weights_from=source,
            lr_from=step,
            seed=ORDER,
            recipe=RECIPE,
            keep=(STEPS,),
        )
        ends.append(result.kept[STEPS].model)
        assert all(bool((ends[-1][n][~mask[n]] == 0).all()) for n in mask)
    assert not any(same(a, b) for i, a in enumerate(ends) for b in ends[:i])


def test_a_checkpoint_is_the_same_after_it_was_used(tiny, past):
    """Catches: a retraining that trains the checkpoint itself, so that the second arm starts where the first ended."""
    kept, mask = past
    before = {n: t.clone() for n, t in kept[K].model.items()}
    momentum = {n: t.clone() for n, t in kept[K].optimizer.items()}
    for lr_from in (None, 0, STEPS - TUNE):
        lth.retrain(
            small_net, tiny, mask=mask, weights_from=kept[K], lr_from=lr_from, seed=ORDER, recipe=RECIPE
        )
    assert same(kept[K].model, before) and same(kept[K].optimizer, momentum)


def test_a_start_at_the_end_of_the_schedule_is_refused(tiny, past):
    """Catches: a fine-tuning of no steps that returns the untrained accuracy as if it were a result."""
    kept, mask = past
    with pytest.raises(ValueError, match="nothing is left to do"):
        lth.retrain(small_net, tiny, mask=mask, weights_from=kept[STEPS], recipe=RECIPE)
    with pytest.raises(ValueError, match="nothing is left to do"):
        lth.retrain(small_net, tiny, mask=mask, weights_from=kept[K], lr_from=-1, recipe=replace(RECIPE))
