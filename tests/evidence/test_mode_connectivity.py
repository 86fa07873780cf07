"""The line between two networks: its ends are the networks, batch norm is estimated in between, barriers are right."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import pairwise

import pytest
import torch
from torch import nn

import lthkit as lth
from lthkit.evidence.mode_connectivity import PathPoint, barrier, between, instability, interpolate
from lthkit.training.checkpoints import Checkpoint
from tests.conftest import small_conv, small_net

RECIPE = lth.Recipe(steps=20, batch_size=20, optimizer="sgd", lr=0.1, momentum=0.9, evaluate_every=10)


def trained(net, tiny, seed):
    model = net(seed=seed)
    lth.train(model, tiny, recipe=RECIPE, seed=seed)
    return Checkpoint.of(model, step=20)


def test_between_is_each_end_bit_for_bit_and_their_mean_in_the_middle(tiny):
    """Catches: swapped ends, a sum instead of a mean, rounding at the ends, a result that shares memory with an end."""
    a, b = trained(small_conv, tiny, 0), trained(small_conv, tiny, 1)
    for alpha, end in ((0, a), (1, b)):
        got = between(a, b, alpha)
        assert all(torch.equal(got.model[n], end.model[n]) for n in end.model) and got.optimizer is None
        assert all(got.model[n].data_ptr() != end.model[n].data_ptr() for n in end.model)
    quarter = between(a, b, 0.25).model["0.weight"]
    assert torch.allclose(quarter, 0.75 * a.model["0.weight"] + 0.25 * b.model["0.weight"])


def test_an_end_is_not_computed_but_copied():
    """Catches: the formula used at the ends too, where 0 times infinity is NaN and -0 becomes 0."""
    a, b = (Checkpoint(0, {"w": torch.tensor(w)}) for w in ([-0.0, 1.0], [2.0, torch.inf]))
    got = between(a, b, 0).model["w"]
    assert got.tolist() == [0.0, 1.0] and torch.signbit(got[0])
    assert between(a, b, 1).model["w"].tolist() == [2.0, torch.inf]


def test_counters_are_not_interpolated_and_float_buffers_are():
    """Catches: lerp over an integer buffer, which torch refuses, and buffers that stay those of the first end."""
    a = Checkpoint(3, {"w": torch.tensor([1.0]), "mean": torch.tensor([2.0]), "count": torch.tensor(7)})
    b = Checkpoint(9, {"w": torch.tensor([3.0]), "mean": torch.tensor([6.0]), "count": torch.tensor(90)})
    got = between(a, b, 0.75)
    assert got.model["mean"].item() == 5.0 and got.model["count"].item() == 90 and got.step == 9
    assert between(a, b, 0.25).model["count"].item() == 7


def test_removed_weights_are_exactly_zero_on_the_whole_line(tiny):
    """Catches: a formula such as b + (1 - alpha)(a - b) + noise, and a mask that is lost on the way."""
    model = small_net(seed=0)
    mask = lth.prune_to(lth.Mask.ones(model), lth.magnitude(model), 0.2)
    ends = []
    for seed in (0, 1):
        lth.train(model := small_net(seed=0), tiny, mask=mask, recipe=RECIPE, seed=seed)
        ends.append(Checkpoint.of(model))
    middle = between(*ends, 0.3)
    assert all(bool((middle.model[n][~mask[n]] == 0).all()) for n in mask)


@pytest.mark.parametrize("net", [small_net, small_conv], ids=["linear", "batch norm"])
def test_the_ends_of_a_path_are_what_evaluate_says(tiny, net):
    """Catches: statistics estimated anew at the ends too, so that they are no longer the two networks."""
    a, b = trained(net, tiny, 0), trained(net, tiny, 1)
    path = interpolate(net, tiny, a=a, b=b, alphas=(0, 0.5, 1))
    for point, end in ((path[0], a), (path[2], b)):
        end.restore(model := net(seed=5))
        found = lth.evaluate(model, tiny)
        assert (point.loss, point.error) == (found.loss, 1 - found.accuracy)


def test_batch_norm_between_the_ends_has_the_statistics_of_its_own_weights(tiny):
    """Catches: interpolated running statistics, an exponential instead of a plain mean, and images augmented or scaled."""
    a, b = trained(small_conv, tiny, 0), trained(small_conv, tiny, 1)
    (point,) = interpolate(small_conv, tiny, a=a, b=b, alphas=(0.5,), statistics=300)
    between(a, b, 0.5).restore(model := small_conv(seed=0))
    interpolated = lth.evaluate(model, tiny)
    batches = [x for x, _ in tiny.draw(300, seed=0, batch_size=200)]
    with torch.no_grad():
        outs = [model[0](x) for x in batches]
        model[1].running_mean.copy_(torch.stack([o.mean((0, 2, 3)) for o in outs]).mean(0))
        variance = torch.stack([o.var((0, 2, 3)) for o in outs]).mean(0)
        model[1].running_var.copy_(variance)
    found = lth.evaluate(model, tiny)
    assert point.loss == pytest.approx(found.loss, rel=1e-4)
    assert abs(point.loss - interpolated.loss) > 1e-3 * interpolated.loss


def test_only_batch_norm_is_in_training_mode_while_statistics_are_estimated(tiny):
    """Catches: model.train() for all, so that dropout acts while the statistics are estimated."""

    def net(*, seed):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return nn.Sequential(
                nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)
            )

    a, b = trained(net, tiny, 0), trained(net, tiny, 1)
    torch.manual_seed(0)
    first = interpolate(net, tiny, a=a, b=b, alphas=(0.5,))
    torch.manual_seed(1)
    assert interpolate(net, tiny, a=a, b=b, alphas=(0.5,)) == first


def points(*errors):
    last = len(errors) - 1
    return [PathPoint(i / last, 0.0, e) for i, e in enumerate(errors)]


def test_a_barrier_is_the_highest_error_above_the_mean_of_the_ends():
    """Catches: the middle instead of the highest, one end instead of both, a negative barrier over a valley."""
    assert barrier(points(0.1, 0.2, 0.5, 0.2, 0.3)) == pytest.approx(0.3)
    assert barrier(points(0.3, 0.1, 0.3)) == 0
    assert barrier(points(0.1, 0.1, 0.3)) == pytest.approx(0.1)


@pytest.mark.parametrize("alphas", [(0.0,), (0.0, 0.5), (0.5, 1.0), (1.0, 0.0), (0.0, 0.5, 0.5, 1.0), ()])
def test_a_path_that_does_not_go_from_end_to_end_has_no_barrier(alphas):
    with pytest.raises(ValueError, match="from 0 to 1"):
        barrier([PathPoint(a, 0.0, 0.1) for a in alphas])


@pytest.mark.parametrize("k", [0, 8])
def test_children_share_all_but_the_order(tiny, k):
    """Catches: children of other weights, of another step, with a forgotten mask, or with one order for both."""
    model = small_net(seed=0)
    kept = lth.train(model, tiny, recipe=RECIPE, keep=[k]).kept
    mask = lth.prune_to(lth.Mask.ones(model), lth.magnitude(model), 0.3)
    got = instability(small_net, tiny, start=kept[k], orders=(5, 6), mask=mask, recipe=RECIPE, alphas=(0, 1))
    for order, child in zip((5, 6), got.children, strict=True):
        by_hand = lth.train(small_net(seed=9), tiny, mask=mask, seed=order, start=kept[k], recipe=RECIPE)
        assert child.history == by_hand.history and child.kept == {}
    assert got.children[0].history != got.children[1].history
    assert got.step == k and all(child.steps == 20 - k for child in got.children)


def test_three_children_make_three_paths_and_the_barrier_is_their_mean(tiny):
    """Catches: paths between neighbours only, and a barrier that is one pair's."""
    start = Checkpoint.of(small_net(seed=0))
    got = instability(small_net, tiny, start=start, orders=(1, 2, 3), recipe=RECIPE, alphas=(0, 0.5, 1))
    assert len(got.paths) == 3 and len(got.children) == 3
    ends = [(path[0].loss, path[-1].loss) for path in got.paths]
    assert ends[0][0] == ends[1][0] and ends[0][1] == ends[2][0] and ends[1][1] == ends[2][1]
    assert got.barrier == pytest.approx(sum(barrier(p) for p in got.paths) / 3)


def test_children_of_a_late_checkpoint_are_closer_than_those_of_the_initialisation(tiny):
    """Catches: a start that is not used, so that every k gives the same children."""
    recipe = replace(RECIPE, steps=40)
    kept = lth.train(small_net(seed=0), tiny, recipe=recipe, keep=[0, 35]).kept
    far, near = (
        instability(small_net, tiny, start=kept[k], recipe=recipe, alphas=(0, 0.5, 1)).paths[0]
        for k in (0, 35)
    )
    assert abs(near[0].loss - near[2].loss) < abs(far[0].loss - far[2].loss) or near[1].loss <= far[1].loss
    assert near != far


def test_bad_input_is_refused_with_a_reason(tiny):
    a, other = Checkpoint.of(small_net(seed=0)), Checkpoint.of(small_conv(seed=0))
    go = partial(interpolate, small_net, tiny, a=a, b=a)
    with pytest.raises(ValueError, match="different networks"):
        between(a, other, 0.5)
    for alpha in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="from 0"):
            between(a, a, alpha)
    with pytest.raises(ValueError, match="read once"):
        go(split="test")
    with pytest.raises(ValueError, match="alphas is empty"):
        go(alphas=())
    with pytest.raises(ValueError, match="statistics=0"):
        go(statistics=0)
    for orders in ((1,), (1, 1)):
        with pytest.raises(ValueError, match="different seeds"):
            instability(small_net, tiny, start=a, orders=orders, recipe=RECIPE)


def test_default_places_rise_evenly_from_end_to_end():
    from lthkit.evidence.mode_connectivity import ALPHAS

    assert ALPHAS[0] == 0 and ALPHAS[-1] == 1 and all(x < y for x, y in pairwise(ALPHAS))
