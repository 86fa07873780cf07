"""Prices are counted as by hand: operations of a layer, of a mask, of a training, of several trainings."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import lthkit as lth
from lthkit.evidence import costs
from tests.conftest import small_conv, small_net


def test_a_linear_layer_multiplies_each_weight_once():
    """Catches: one operation a weight instead of two; biases counted."""
    assert costs.forward_flops(lth.models.lenet_300_100(seed=0), (1, 28, 28)) == 2 * 266_200


def test_a_convolution_multiplies_each_weight_at_every_place():
    """Catches: counting a convolution's weights once, and the padding's places left out."""
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, stride=2), nn.Flatten(), nn.Linear(4 * 16, 5))
    assert costs.forward_flops(net, (3, 8, 8)) == 2 * (4 * 3 * 9 * 16 + 4 * 16 * 5)


def test_a_mask_counts_what_it_keeps_and_an_excluded_layer_whole():
    """Catches: a layer outside the mask counted as free."""
    net = small_net(seed=0)
    mask = lth.prune(lth.Mask.ones(net, exclude=["5.weight"]), lth.magnitude(net), 0.5)
    assert costs.forward_flops(net, (1, 8, 8), mask=mask) == 2 * (mask.kept + 30)
    assert costs.forward_flops(net, (1, 8, 8)) == 2 * 1510


def test_a_training_is_three_forward_passes_an_example():
    """Catches: the backward pass as one forward pass; the sparse price under the dense one's name."""
    net = small_net(seed=0)
    mask = lth.prune(lth.Mask.ones(net), lth.magnitude(net), 0.5)
    cost = costs.of_training(net, (1, 8, 8), steps=7, batch_size=10, mask=mask)
    assert cost == costs.Cost(7, 70, 3 * 70 * 2 * 1510, 3 * 70 * 2 * mask.kept)
    assert (
        costs.total([cost, cost]) == cost + cost == costs.Cost(14, 140, 2 * cost.flops, 2 * cost.sparse_flops)
    )
    assert costs.total([]) == costs.Cost()


def test_counting_leaves_the_model_alone():
    """Catches: hooks that stay, batch-norm statistics that move, another mode."""
    net = small_conv(seed=0).train()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    costs.forward_flops(net, (1, 8, 8))
    assert net.training and not any(m._forward_hooks for m in net.modules())
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items())


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda net: costs.forward_flops(nn.Sequential(nn.ReLU()), (1, 8, 8)), "nothing prunable"),
        (
            lambda net: costs.forward_flops(net, (1, 8, 8), mask=lth.Mask.ones(small_conv(seed=0))),
            "another model",
        ),
        (lambda net: costs.of_training(net, (1, 8, 8), steps=-1, batch_size=10), "steps=-1"),
        (lambda net: costs.of_training(net, (1, 8, 8), steps=1, batch_size=1.5), "batch_size=1.5"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(small_net(seed=0))
