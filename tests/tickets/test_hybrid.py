"""SNIP, then a short IMP: the two parts meet without a gap, the counts and the budgets are exact."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import lthkit as lth
from lthkit.evidence import costs
from lthkit.storage.folders import RunMismatch
from lthkit.tickets.hybrid import plan, price, snip_then_imp
from tests.conftest import small_conv, small_net

RECIPE = lth.Recipe(steps=30, batch_size=20, optimizer="sgd", lr=0.1, momentum=0.9, evaluate_every=10)


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def hybrid(tiny, **kwargs):
    arguments = {"snip_density": 0.5, "density": 0.1, "rounds": 2, "images": 60, "recipe": RECIPE} | kwargs
    return list(snip_then_imp(arguments.pop("model_fn", small_net), tiny, **arguments))


@pytest.mark.parametrize("k", [0, 12])
def test_without_a_snip_cut_it_is_imp(tiny, k):
    """Catches: a first cut that is made all the same; a rewind step, seed or recipe that does not arrive."""
    fraction = lth.fraction_for(0.3, 2)
    alone = lth.imp(
        small_net, tiny, rounds=2, fraction=fraction, rewind_step=k, seed=3, order_seed=5, recipe=RECIPE
    )
    mixed = hybrid(tiny, snip_density=1, density=0.3, rewind_step=k, seed=3, order_seed=5)
    for a, b in zip(alone, mixed, strict=True):
        assert a.mask == b.mask and a.result.history == b.result.history
        assert same(a.trained.model, b.trained.model) and same(a.rewind.model, b.rewind.model)


def test_round_0_is_the_snip_mask_of_the_weights_that_are_trained(tiny):
    """Catches: an initialisation that is scored and another one trained; magnitude in place of SNIP; round 0 dense."""
    rounds, net = hybrid(tiny, seed=4), small_net(seed=4)
    assert rounds[0].mask == lth.prune_to(lth.Mask.ones(net), lth.snip(net, tiny.draw(60, seed=4)), 0.5)
    rounds[0].mask.apply_(net)  # the rewind point holds 0 where SNIP has cut
    assert same(rounds[0].rewind.model, net.state_dict())
    lth.train(net, tiny, mask=rounds[0].mask, seed=4, recipe=RECIPE)
    assert same(rounds[0].trained.model, net.state_dict())


def test_later_rounds_cut_the_weights_just_trained_and_the_masks_nest(tiny):
    """Catches: SNIP scores used again; the loop that is not iterative; removed weights that come back."""
    rounds = hybrid(tiny, rounds=3)
    for before, after in zip(rounds, rounds[1:], strict=False):
        net = small_net(seed=0)
        before.trained.restore(net)
        assert after.mask == lth.prune_to(before.mask, lth.magnitude(net), after.density)
        assert after.mask.issubset(before.mask) and after.mask.kept < before.mask.kept


@pytest.mark.parametrize("density", [0.1, 0.0995, 0.25, 0.333])
@pytest.mark.parametrize("rounds", [1, 2, 5])
def test_the_last_round_keeps_the_exact_number(tiny, density, rounds):
    """Catches: a fraction that is rounded in each round and ends one or two weights off; density of the SNIP mask."""
    found = hybrid(tiny, density=density, rounds=rounds, steps=1)
    assert [r.mask.kept for r in found][::rounds] == [755, round(density * 1510)]
    cut = [1 - b.density / a.density for a, b in zip(found, found[1:], strict=False)]
    assert max(cut) - min(cut) < 0.01, "each round removes the same fraction of what remains"


def test_a_stopped_search_goes_on_and_ends_with_the_same_bits(tiny, tmp_path):
    """Catches: rounds that are repeated, a SNIP mask that the continuation loses, lengths that it mixes up."""
    arguments = {"snip_density": 0.5, "density": 0.1, "rounds": 2, "steps": [20, 25, 40], "recipe": RECIPE}
    whole = hybrid(tiny, **arguments, rewind_step=12)
    trained = []

    def spy(*args, **kwargs):
        trained.append(kwargs["recipe"].steps)
        return lth.train(*args, **kwargs)

    place = {"folder": tmp_path, "train": spy}
    generator = snip_then_imp(small_net, tiny, **arguments, images=60, rewind_step=12, **place)
    first = next(generator)
    generator.close()
    trained.clear()  # what a training of one's own holds is in the configuration
    again = hybrid(tiny, **arguments, rewind_step=12, **place)
    assert trained == [25, 40] and first.mask == again[0].mask
    for a, b in zip(whole, again, strict=True):
        assert a.mask == b.mask and a.result.history == b.result.history
        assert same(a.trained.model, b.trained.model) and a.test_accuracy == b.test_accuracy


def test_a_folder_of_another_search_is_refused(tiny, tmp_path):
    """Catches: a mask, a length or a density that the folder's configuration forgets."""
    hybrid(tiny, folder=tmp_path)
    for change in (
        {"snip_density": 0.4},
        {"snip_density": 1},
        {"density": 0.2},
        {"rounds": 3},
        {"images": 80},
        {"steps": [30, 30, 40]},
    ):
        with pytest.raises(RunMismatch, match="holds another run"):
            hybrid(tiny, folder=tmp_path, **change)
    assert len(hybrid(tiny, folder=tmp_path)) == 3


def test_convolutions_with_batch_norm_go_the_same_way(tiny):
    """Catches: buffers that scoring moves, so that round 0 starts elsewhere."""
    rounds = hybrid(tiny, model_fn=small_conv, density=0.2)
    assert rounds[-1].mask.kept == round(0.2 * 96)
    net = small_conv(seed=0)
    rounds[0].mask.apply_(net)
    assert same(rounds[0].rewind.model, net.state_dict())


@pytest.mark.parametrize(
    ("kwargs", "fragment"),
    [
        ({"density": 0.6}, "snip_density=0.5, density=0.6"),
        ({"density": 0.5}, "density=0.5"),
        ({"density": 0}, "density=0"),
        ({"snip_density": 1, "density": 1}, "density=1"),
        ({"snip_density": 1.2}, "snip_density=1.2"),
        ({"rounds": 0}, "rounds=0"),
        ({"rounds": 2.0}, "rounds=2.0"),
        ({"density": 0.0001}, "would remove nothing, or the last one all"),
        ({"density": 0.499, "rounds": 5}, "Take fewer rounds"),
        ({"steps": [30, 30]}, "steps has 2 entries"),
        ({"rewind_step": 20, "steps": [30, 20, 30]}, "rewind_step=20"),
        ({"images": 0}, "n=0"),
    ],
)
def test_bad_arguments_are_named(tiny, kwargs, fragment):
    with pytest.raises(ValueError, match=fragment):
        hybrid(tiny, **kwargs)


# Budgets


@pytest.mark.parametrize("total", [7, 100, 1501])
@pytest.mark.parametrize("trainings", [1, 2, 6])
@pytest.mark.parametrize("share", [None, 0.4, 0.6])
@pytest.mark.parametrize("k", [0, 1])
def test_the_updates_of_a_plan_add_up_exactly(total, trainings, share, k):
    """Catches: steps lost in rounding, and the updates that a rewind to step k saves counted as spent."""
    if total == 7 and trainings == 6 and share:
        with pytest.raises(ValueError, match="too little"):
            plan(total, trainings, last_share=share, rewind_step=k)
        return
    lengths = plan(total, trainings, last_share=share, rewind_step=k)
    assert len(lengths) == trainings and len(set(lengths[:-1])) <= 1
    updates = [lengths[0], *(length - k for length in lengths[1:])]
    assert sum(updates) == total and min(updates) >= 1
    if share and trainings > 1:
        assert 0 <= updates[-1] - round(share * total) < trainings - 1 or trainings == 2


def test_a_plan_by_hand():
    """Catches: the remainder given to the first training; a share of the length in place of the updates."""
    assert plan(20, 3) == [6, 6, 8]
    assert plan(1500, 3, last_share=0.6) == [300, 300, 900]
    assert plan(1500, 3, rewind_step=60) == [540, 540, 540]
    assert plan(1500, 3, rewind_step=60, last_share=0.5) == [405, 405, 810]
    assert plan(9, 1, last_share=0.5) == [9]


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        ({"total_steps": 2, "trainings": 3}, "total_steps=2 is too little for 3 trainings"),
        ({"total_steps": 3, "trainings": 3, "last_share": 0.9}, "last_share=0.9"),
        ({"total_steps": 0, "trainings": 1}, "total_steps=0"),
        ({"total_steps": 10.0, "trainings": 1}, "total_steps=10.0"),
        ({"total_steps": 10, "trainings": 0}, "trainings=0"),
        ({"total_steps": 10, "trainings": 2, "last_share": 1}, "last_share=1"),
        ({"total_steps": 10, "trainings": 2, "last_share": 0}, "last_share=0"),
        ({"total_steps": 10, "trainings": 2, "rewind_step": -1}, "rewind_step=-1"),
        ({"total_steps": 5, "trainings": 2, "rewind_step": 5}, "begin at step 5"),
    ],
)
def test_a_budget_that_cannot_be_is_named(arguments, fragment):
    with pytest.raises(ValueError, match=fragment):
        plan(arguments.pop("total_steps"), arguments.pop("trainings"), **arguments)


def test_the_price_is_what_was_done_and_a_plan_is_spent_to_the_last_update(tiny):
    """Catches: lengths billed in place of updates; dense prices for masked rounds; SNIP's images for free."""
    lengths = plan(100, 3, rewind_step=7)
    rounds = hybrid(tiny, steps=lengths, rewind_step=7)
    cost = price(rounds, small_net(seed=0), tiny.shape, batch_size=20, images=60)
    updates = [lengths[0], lengths[1] - 7, lengths[2] - 7]
    assert [r.result.steps for r in rounds] == updates
    assert cost.steps == 100 and cost.examples == 100 * 20 + 60
    an_image = 6 * 1510 - 2 * 1280  # no gradient of the image
    assert cost.flops == an_image * cost.examples
    sparse = sum(
        20 * n * (6 * r.mask.kept - 2 * int(r.mask["1.weight"].sum()))
        for n, r in zip(updates, rounds, strict=True)
    )
    assert cost.sparse_flops == sparse + 60 * an_image
    assert price([], small_net(seed=0), tiny.shape, batch_size=20) == costs.Cost()


def test_a_training_that_stops_early_is_cheaper(tiny):
    """Catches: the budget billed in place of the updates that were done."""
    impatient = replace(RECIPE, steps=400, patience=10, lr=0.5)
    rounds = hybrid(tiny, recipe=impatient)
    cost = price(rounds, small_net(seed=0), tiny.shape, batch_size=20)
    assert cost.steps == sum(r.result.steps for r in rounds) < 1200
