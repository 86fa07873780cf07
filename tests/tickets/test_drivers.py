"""IMP, one-shot, retraining and the controls do what their names say."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn

import lthkit as lth
from lthkit.storage.files import DamagedFile
from lthkit.storage.folders import RunMismatch
from lthkit.tickets.rounds import load_round
from tests.conftest import small_conv, small_net

RECIPE = lth.Recipe(steps=30, batch_size=20, optimizer="sgd", lr=0.1, momentum=0.9, evaluate_every=10)


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def imp(tiny, **kwargs):
    arguments = {"rounds": 3, "fraction": 0.3, "recipe": RECIPE} | kwargs
    return list(lth.imp(arguments.pop("model_fn", small_net), tiny, **arguments))


def test_rounds_prune_a_fraction_of_what_remains_and_nest(tiny):
    rounds = imp(tiny)
    assert [r.round for r in rounds] == [0, 1, 2, 3]
    for before, after in zip(rounds, rounds[1:], strict=False):
        assert before.mask.kept - after.mask.kept == round(0.3 * before.mask.kept)
        assert after.mask.issubset(before.mask)


def test_every_round_prunes_the_weights_just_trained(tiny):
    """Catches: the loop that is not iterative, which prunes the dense weights in every round."""
    rounds = imp(tiny)
    for before, after in zip(rounds, rounds[1:], strict=False):
        model = small_net(seed=0)
        before.trained.restore(model)
        assert after.mask == lth.prune(before.mask, lth.magnitude(model), 0.3)
    dense = small_net(seed=0)
    rounds[0].trained.restore(dense)
    mask = rounds[0].mask
    for _ in range(3):
        mask = lth.prune(mask, lth.magnitude(dense), 0.3)
    assert mask.kept == rounds[3].mask.kept and mask != rounds[3].mask
    shot = list(lth.one_shot(small_net, tiny, densities=[rounds[3].density], recipe=RECIPE))
    assert shot[1].mask == mask, "repeated pruning of the dense weights is the one-shot mask"


@pytest.mark.parametrize("k", [0, 12])
@pytest.mark.parametrize("net", [small_net, small_conv], ids=["linear", "batch norm"])
def test_every_round_starts_from_the_rewind_point(tiny, k, net):
    """Catches: a rewind without effect (Lightning#13643), half done, aliased, or rewind_step never used."""
    starts = []

    def spy(model, data, **kwargs):
        result = lth.train(model, data, **kwargs)
        starts.append(
            (kwargs["start"], {n: t.clone() for n, t in (kwargs["start"] or result.kept[k]).model.items()})
        )
        return result

    rounds = imp(tiny, model_fn=net, rewind_step=k, train=spy)
    reference = net(seed=0)
    if k:
        lth.train(reference, tiny, recipe=RECIPE, keep=[k])
        at_k = net(seed=0)
        at_k_state = lth.train(at_k, tiny, recipe=RECIPE, keep=[k]).kept[k].model
    else:
        at_k_state = {n: t.clone() for n, t in reference.state_dict().items()}
    assert starts[0][0] is None
    for start, state in starts[1:]:
        assert start.step == k and same(state, at_k_state)
    assert all(r.result.steps == 30 - (k if r.round else 0) for r in rounds)


def test_a_rewound_round_is_the_same_training_as_retrain(tiny):
    rounds = imp(tiny, rewind_step=12)
    again = lth.retrain(small_net, tiny, mask=rounds[2].mask, weights_from=rounds[2].rewind, recipe=RECIPE)
    assert again.history == rounds[2].result.history


def test_retrain_takes_weights_and_learning_rate_from_different_times(tiny):
    recipe = replace(RECIPE, schedule="step", milestones=(20,))
    last = imp(tiny, rounds=1, recipe=recipe)[-1]
    rewound = lth.retrain(
        small_net, tiny, mask=last.mask, weights_from=last.trained, lr_from=0, recipe=recipe
    )
    tuned = lth.retrain(small_net, tiny, mask=last.mask, weights_from=last.trained, lr_from=20, recipe=recipe)
    assert (rewound.steps, tuned.steps) == (30, 10)
    assert rewound.history[0].validation_loss != tuned.history[0].validation_loss


def test_the_reinitialised_control_has_other_weights_and_the_same_mask(tiny):
    """Catches: a control that re-runs the search, or one whose weights are the old ones."""
    fresh, old = lth.fresh_start(small_net, seed=0), small_net(seed=0)
    assert fresh.step == 0 and fresh.optimizer is None
    assert all(not torch.equal(fresh.model[n], w) for n, w in old.state_dict().items())
    assert same(fresh.model, lth.fresh_start(small_net, seed=0).model)
    assert not same(fresh.model, lth.fresh_start(small_net, seed=1).model)


def test_one_shot_prunes_once_from_the_dense_weights(tiny):
    rounds = list(lth.one_shot(small_net, tiny, densities=[0.5, 0.2], recipe=RECIPE, rewind_step=5))
    dense = small_net(seed=0)
    rounds[0].trained.restore(dense)
    for r, density in zip(rounds[1:], (0.5, 0.2), strict=True):
        assert r.mask == lth.prune_to(lth.Mask.ones(dense), lth.magnitude(dense), density)
        assert r.rewind.step == 5 and r.result.steps == 25
    assert rounds[2].mask.issubset(rounds[1].mask)


def test_seeds_of_initialisation_and_order_are_separate(tiny):
    a = imp(tiny, rounds=1, seed=0, order_seed=7)
    b = imp(tiny, rounds=1, seed=0, order_seed=8)
    c = imp(tiny, rounds=1, seed=0, order_seed=7)
    assert same(a[0].rewind.model, b[0].rewind.model)
    assert a[1].result.history == c[1].result.history != b[1].result.history


def test_layerwise_with_the_output_layer_at_half_rate(tiny):
    rounds = imp(tiny, rounds=1, scope="layerwise", overrides={"5.weight": 0.15})
    assert rounds[1].mask.per_layer() == pytest.approx(
        {"1.weight": 0.7, "3.weight": 0.7, "5.weight": 26 / 30}
    )


def test_a_stopped_run_goes_on_and_ends_with_the_same_bits(tiny, tmp_path):
    """Catches: rounds that are repeated, and a continuation that prunes other weights."""
    whole = imp(tiny, rewind_step=12, model_fn=small_conv)
    trained = []

    def spy(*arguments, **kwargs):
        trained.append(1)
        return lth.train(*arguments, **kwargs)

    generator = lth.imp(
        small_conv, tiny, rounds=3, fraction=0.3, recipe=RECIPE, rewind_step=12, folder=tmp_path, train=spy
    )
    first = [next(generator), next(generator)]
    generator.close()
    trained.clear()  # what a training of one's own holds is in the configuration
    again = imp(tiny, rewind_step=12, model_fn=small_conv, folder=tmp_path, train=spy)
    assert len(trained) == 2, "finished rounds must be read, not repeated"
    for a, b in zip(whole, again, strict=True):
        assert a.mask == b.mask and a.result.history == b.result.history
        assert same(a.trained.model, b.trained.model) and same(a.rewind.model, b.rewind.model)
        assert a.test_accuracy == b.test_accuracy and a.best_step == b.best_step
    assert first[1].mask == again[1].mask


def test_a_folder_of_other_arguments_is_refused(tiny, tmp_path):
    imp(tiny, rounds=1, folder=tmp_path)
    for change in (
        {"fraction": 0.2},
        {"seed": 1},
        {"rewind_step": 3},
        {"recipe": replace(RECIPE, lr=0.2)},
        {"model_fn": small_conv},
    ):
        with pytest.raises(RunMismatch, match="holds another run"):
            imp(tiny, rounds=1, folder=tmp_path, **change)
    imp(tiny, rounds=2, folder=tmp_path)


def test_imp_may_begin_with_a_mask(tiny, tmp_path):
    """Catches: a starting mask that round 0 does not train under, that later rounds forget, or that resume confuses."""
    start = lth.prune(lth.Mask.ones(small_net(seed=0)), lth.random(small_net(seed=0), seed=1), 0.5)
    rounds = imp(tiny, mask=start, folder=tmp_path)
    assert rounds[0].mask == start and rounds[1].mask.issubset(start)
    assert rounds[1].mask.kept == 755 - round(0.3 * 755)
    net = small_net(seed=0)
    lth.train(net, tiny, mask=start, recipe=RECIPE)
    assert same(rounds[0].trained.model, net.state_dict())
    (tmp_path / "round-02.npz").unlink()
    (tmp_path / "round-03.npz").unlink()
    again = imp(tiny, mask=start, folder=tmp_path)
    assert same(again[3].trained.model, rounds[3].trained.model) and again[3].mask == rounds[3].mask
    for other in (None, start.shuffled(seed=0), lth.Mask.ones(small_net(seed=0))):
        with pytest.raises(RunMismatch, match="holds another run"):
            imp(tiny, mask=other, folder=tmp_path)


def test_everything_as_a_starting_mask_changes_nothing(tiny):
    """Catches: a starting mask that moves the seed, the order or the counts."""
    for a, b in zip(imp(tiny), imp(tiny, mask=lth.Mask.ones(small_net(seed=0))), strict=True):
        assert a.mask == b.mask and a.result.history == b.result.history


def test_each_cut_and_each_training_may_have_its_own_number(tiny, tmp_path):
    """Catches: numbers shifted by a round, and a folder that does not know which numbers it was made with."""
    numbers = {"fraction": [0.1, 0.4, 0.2], "steps": [10, 20, 30, 40]}
    rounds = imp(tiny, **numbers, folder=tmp_path)
    assert [r.result.steps for r in rounds] == [10, 20, 30, 40]
    kept = [r.mask.kept for r in rounds]
    assert kept == [1510, 1359, 1359 - round(0.4 * 1359), kept[2] - round(0.2 * kept[2])]
    for change in ({"steps": [10, 20, 30, 50]}, {"fraction": [0.1, 0.4, 0.3]}, {"steps": 10}):
        with pytest.raises(RunMismatch, match="holds another run"):
            imp(tiny, **(numbers | change), folder=tmp_path)
    alike = imp(tiny, fraction=[0.3] * 3, steps=[30] * 4)
    for a, b in zip(alike, imp(tiny), strict=True):
        assert a.mask == b.mask and a.result.history == b.result.history


@pytest.mark.parametrize(
    ("kwargs", "fragment"),
    [
        ({"fraction": [0.3, 0.3]}, "fraction has 2 entries"),
        ({"steps": [30, 30, 30]}, "steps has 3 entries"),
        ({"steps": [30, 30, 5, 30], "rewind_step": 5}, "rewind_step=5"),
        ({"mask": lth.Mask.ones(small_conv(seed=0))}, "another model"),
        ({"mask": lth.Mask.ones(small_net(seed=0)), "exclude": ["5.weight"]}, "exclude="),
    ],
)
def test_what_does_not_fit_together_is_named(tiny, kwargs, fragment):
    with pytest.raises(ValueError, match=fragment):
        imp(tiny, **kwargs)


def test_a_damaged_round_is_named(tiny, tmp_path):
    """Catches: half a round that is read. (What `imp` does about one is in test_resume.)"""
    imp(tiny, rounds=1, folder=tmp_path)
    path = tmp_path / "round-01.npz"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DamagedFile, match="round-01"):
        load_round(tmp_path, 1)
    assert load_round(tmp_path, 2) is None


def test_derived_seeds_do_not_collide():
    seeds = {lth.derived_seed(s, p) for s in range(100) for p in ("order", "re-initialised", "shuffled")}
    assert len(seeds) == 300


@pytest.mark.parametrize(
    ("kwargs", "fragment"),
    [
        ({"rounds": -1}, "rounds=-1"),
        ({"rewind_step": 30}, "rewind_step=30"),
        ({"fraction": 2.0}, "fraction=2.0"),
    ],
)
def test_bad_arguments_are_named(tiny, kwargs, fragment):
    with pytest.raises(ValueError, match=fragment):
        imp(tiny, **kwargs)


def test_networks_seeded_globally_are_made_one_at_a_time():
    """Catches: seeds in several threads that draw each other's numbers from torch's global generator."""

    def globally_seeded(*, seed):
        torch.manual_seed(seed)
        time.sleep(0.02)  # long enough for another thread to seed in between
        return torch.nn.Linear(4, 3)

    def start(seed):
        return lth.tickets.fresh_start(globally_seeded, seed=seed).model["weight"]

    with torch.random.fork_rng():
        alone = [start(seed) for seed in range(4)]
        with ThreadPoolExecutor(4) as threads:
            together = list(threads.map(start, range(4)))
    assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))


def test_pruning_at_init_scores_and_trains_one_initialisation(tiny):
    """Catches: an initialisation that is scored and another one trained; a mask that training does not keep."""
    score = partial(lth.snip, batches=tiny.draw(60, seed=0))
    this = lth.prune_at_init(small_net, tiny, score=score, density=0.2, seed=3, recipe=RECIPE)
    by_hand = small_net(seed=3)
    mask = lth.prune_to(lth.Mask.ones(by_hand), score(by_hand), 0.2)
    assert this.mask == mask and same(this.rewind.model, by_hand.state_dict())
    result = lth.train(by_hand, tiny, mask=mask, seed=3, recipe=RECIPE)
    assert same(this.trained.model, by_hand.state_dict()) and result.test_accuracy == this.test_accuracy


def test_the_published_variant_trains_a_fresh_initialisation_under_the_same_mask(tiny):
    """Catches: "fresh" that scores the fresh one too, or that trains the scored one."""
    score = partial(lth.snip, batches=tiny.draw(60, seed=0))
    common = {"score": score, "density": 0.2, "seed": 3, "recipe": RECIPE}
    scored = lth.prune_at_init(small_net, tiny, **common)
    fresh = lth.prune_at_init(small_net, tiny, train_from="fresh", **common)
    assert fresh.mask == scored.mask
    assert same(fresh.rewind.model, lth.fresh_start(small_net, seed=3).model)
    assert not same(fresh.rewind.model, scored.rewind.model)
    with pytest.raises(ValueError, match="'scored' or 'fresh'"):
        lth.prune_at_init(small_net, tiny, train_from="new", **common)


class Own(nn.Module):
    """A matrix that is pruned only if it is included, and a layer that the outputs do not depend on."""

    def __init__(self, *, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.matrix = nn.Parameter(torch.randn(64, 8) / 8)
            self.out, self.unused = nn.Linear(8, 3), nn.Linear(8, 3)

    def forward(self, x):
        return self.out((x.flatten(1) @ self.matrix).relu())


SHORT = lth.Recipe(steps=4, batch_size=20, evaluate_every=4)
NAMED = {"include": "matrix", "exclude": "unused*"}
MASK = lth.Mask.ones(Own(seed=0), "unused*", include="matrix")
CRITERIA = {
    "magnitude": lth.magnitude,
    "random": partial(lth.random, seed=0),
    "synflow": partial(lth.synflow, shape=(1, 8, 8)),
    "snip": partial(lth.snip, batches=[(torch.ones(2, 1, 8, 8), torch.tensor([0, 2]))]),
    "grasp": partial(lth.grasp, batches=[(torch.ones(2, 1, 8, 8), torch.tensor([0, 2]))]),
}
BY_DRIVER = {
    "imp": lambda d, score: [*lth.imp(Own, d, rounds=1, score=score, recipe=SHORT, **NAMED)][-1].mask,
    "imp from a mask": lambda d, score: (
        [*lth.imp(Own, d, rounds=1, score=score, recipe=SHORT, mask=MASK)][-1].mask
    ),
    "one-shot": lambda d, score: (
        [*lth.one_shot(Own, d, densities=[0.8], score=score, recipe=SHORT, **NAMED)][-1].mask
    ),
    "at initialisation": lambda d, score: (
        lth.prune_at_init(Own, d, density=0.8, rounds=2, score=score, recipe=SHORT, **NAMED).mask
    ),
}


@pytest.mark.parametrize("criterion", CRITERIA.values(), ids=CRITERIA)
@pytest.mark.parametrize("driver", BY_DRIVER.values(), ids=BY_DRIVER)
def test_a_search_tells_its_criterion_what_to_score(tiny, driver, criterion):
    """Catches: include= and exclude= that have to be said to the score again; a mask that has no way to say it."""
    mask = driver(tiny, criterion)
    assert mask.shapes() == MASK.shapes() and mask.kept == round(0.8 * MASK.total)


def test_searches_with_a_criterion_of_their_own_tell_it_too(tiny):
    recipe = replace(SHORT, steps=15)
    found = lth.tickets.early_bird(Own, tiny, density=0.8, recipe=recipe, window=2, max_epochs=1, **NAMED)
    assert found.masks[0].shapes() == MASK.shapes()
    rounds = list(
        lth.snip_then_imp(Own, tiny, snip_density=0.9, density=0.8, rounds=1, images=6, recipe=SHORT, **NAMED)
    )
    assert rounds[-1].mask.shapes() == MASK.shapes() and rounds[-1].mask.kept == round(0.8 * MASK.total)


class _Counts(nn.Module):
    """A network with a count of its training passes, which is in no checkpoint and scales the outputs."""

    def __init__(self, seed, number=False):
        super().__init__()
        self.net, self.number, self.n = small_net(seed=seed), number, 0
        self.register_buffer("t", torch.zeros(()), persistent=False)

    def forward(self, x):
        if self.training and self.number:
            self.n += 1
        elif self.training:
            self.t.add_(1)
        return self.net(x) * (1 + self.t / 10)


def _losses(this):
    return [(p.train_loss, p.validation_loss) for p in this.result.history]


@pytest.mark.parametrize("driver", [partial(lth.imp, rounds=2), partial(lth.one_shot, densities=(0.8, 0.5))])
def test_every_round_begins_with_the_buffers_that_no_checkpoint_has(tiny, tmp_path, driver):
    """Catches: a count of round 0 that goes on in round 1, so that a search and its resumption differ, and a control too."""
    recipe = lth.Recipe(steps=4, batch_size=20, evaluate_every=2)
    rounds = list(driver(_Counts, tiny, recipe=recipe))
    for this in rounds[1:]:
        alone = lth.train(_Counts(0), tiny, mask=this.mask, recipe=recipe, start=this.rewind)
        assert _losses(this) == [(p.train_loss, p.validation_loss) for p in alone.history]
    stopped = driver(_Counts, tiny, recipe=recipe, folder=tmp_path)
    next(stopped), next(stopped)
    stopped.close()
    again = list(driver(_Counts, tiny, recipe=recipe, folder=tmp_path))
    assert [*map(_losses, again)] == [*map(_losses, rounds)]


def test_a_number_that_a_training_changes_is_told_of(tiny, caplog):
    recipe = lth.Recipe(steps=2, batch_size=20, evaluate_every=2)
    list(lth.imp(partial(_Counts, number=True), tiny, rounds=1, recipe=recipe))
    told = [r.getMessage() for r in caplog.records if "a rewind does not take that back" in r.getMessage()]
    assert len(told) == 1 and told[0].startswith("n of _Counts changed")
