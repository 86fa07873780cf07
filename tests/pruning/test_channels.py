"""Masks of channels: exact counts with ties, and the same function when a channel is gone."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

import lthkit as lth
from lthkit.pruning import channels
from tests.conftest import small_conv, small_net


def chain(*, seed: int, side: int = 4) -> nn.Module:
    """conv, bn, relu, conv, bn, relu, pool, flatten, linear: 5 and 6 channels on side x side images, gains of both signs."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(
            nn.Conv2d(1, 5, 3, padding=1),
            nn.BatchNorm2d(5),
            nn.ReLU(),
            nn.Conv2d(5, 6, 3, padding=1),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(6 * (side // 2) ** 2, 3),
        )
        with torch.no_grad():
            for module in net:
                if isinstance(module, nn.BatchNorm2d):
                    module.weight.normal_()
                    module.bias.normal_()
        return net


@pytest.mark.parametrize("gain", [0.5, 1.0, 0.0])
@pytest.mark.parametrize("density", [0.0, 0.3, 0.5, 1.0])
def test_all_gains_equal_keep_the_exact_count(gain: float, density: float) -> None:
    """Catches a threshold with a strict >, which keeps no channel, and one with >=, which keeps all."""
    net = chain(seed=0)
    for name, parameter in net.named_parameters():
        if name in ("1.weight", "4.weight"):
            nn.init.constant_(parameter, gain)
    mask = channels.channel_mask(net, density, min_kept=0)
    assert mask.kept == round(density * 11)
    assert channels.channel_mask(net, density, min_kept=0) == mask
    if density == 0.5:  # six stay, round(5.5): the lowest flat indices go first
        assert torch.cat(list(mask.values())).tolist() == [False] * 5 + [True] * 6


def test_channels_are_ranked_by_absolute_gain_over_all_layers() -> None:
    """Catches a ranking that reads negative gains as small, or ranks each layer by itself."""
    net = chain(seed=0)
    with torch.no_grad():
        net[1].weight.copy_(torch.tensor([0.1, -3.0, 0.2, 0.3, 0.4]))
        net[4].weight.copy_(torch.tensor([2.0, -2.5, 1.0, 1.5, -1.2, 0.05]))
    mask = channels.channel_mask(net, 6 / 11)
    assert mask["1.weight"].tolist() == [False, True, False, False, False]
    assert mask["4.weight"].tolist() == [True, True, True, True, True, False]


def test_a_layer_keeps_a_channel_unless_it_may_not() -> None:
    """Catches a guard that is not passed on: a layer without a channel cuts the network in two."""
    net = chain(seed=0)
    with torch.no_grad():
        net[1].weight.fill_(0.01)
        net[4].weight.fill_(1.0)
    assert channels.channel_mask(net, 0.5)["1.weight"].sum() == 1
    assert channels.channel_mask(net, 0.5, min_kept=0)["1.weight"].sum() == 0
    with pytest.raises(lth.LayerCollapse):
        channels.channel_mask(net, 0.0)


@pytest.mark.parametrize("side", [2, 4])
def test_removed_channels_have_no_effect_whatever_their_shift(side: int) -> None:
    """Catches a channel of which only the row is removed: its batch norm still sends its shift to the next layer."""
    net = chain(seed=1, side=side).eval()
    kept = channels.channel_mask(net, 0.5)
    channels.channel_weights(net, kept).apply_(net)
    images = torch.randn(4, 1, side, side)
    before = net(images)
    for i in ("1", "4"):
        with torch.no_grad():
            net[int(i)].bias[~kept[f"{i}.weight"]] += 10.0
            net[int(i)].weight[~kept[f"{i}.weight"]] *= -7.0
    assert torch.equal(net(images), before)
    with torch.no_grad():
        net[1].bias[kept["1.weight"]] += 1.0  # a kept channel does have one
    assert not torch.allclose(net(images), before)


def test_rows_and_columns_are_counted_as_by_hand() -> None:
    """Catches columns of a flattened image that are taken channel last, and layers that lose too much."""
    net = chain(seed=0)
    kept = lth.Mask(
        {
            "1.weight": torch.tensor([True, False, True, False, False]),
            "4.weight": torch.tensor([False, True, False, False, True, True]),
        }
    )
    mask = channels.channel_weights(net, kept)
    assert [int(t.sum()) for t in mask.values()] == [2 * 9, 3 * 2 * 9, 3 * (3 * 4)]
    assert mask["8.weight"][0].int().tolist() == [0] * 4 + [1] * 4 + [0] * 8 + [1] * 8
    everything = lth.Mask({n: torch.ones_like(t) for n, t in kept.items()})
    assert channels.channel_weights(net, everything) == lth.Mask.ones(net)


def test_the_vgg_of_the_course_is_a_chain() -> None:
    """Catches names that are not those of the model: thirteen convolutions and one linear layer, each with its mask."""
    net = lth.models.vgg_16(seed=0, width=2)
    kept = channels.channel_mask(net, 0.5)
    mask = channels.channel_weights(net, kept)
    mask.check(net)
    assert len(kept) == 13 and len(mask) == 14 and mask.density < 0.5


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: channels.channel_mask(small_net(seed=0), 0.5), "no batch norm"),
        (lambda: channels.channel_mask(chain(seed=0), 1.5), "density=1.5"),
        (
            lambda: channels.channel_weights(
                lth.models.resnet_20(seed=0, width=2),
                channels.channel_mask(lth.models.resnet_20(seed=0, width=2), 0.5),
            ),
            "no plain chain",
        ),
        (
            lambda: channels.channel_weights(chain(seed=0), channels.channel_mask(small_conv(seed=0), 0.5)),
            "or other shapes",
        ),
        (
            lambda: channels.channel_weights(
                nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, 2, 3)),
                lth.Mask({"0.weight": torch.ones(1, dtype=torch.bool)}),
            ),
            "follows no linear or convolutional layer",
        ),
        (
            lambda: channels.channel_weights(
                nn.Sequential(nn.Conv2d(2, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1, groups=4)),
                lth.Mask({"1.weight": torch.ones(4, dtype=torch.bool)}),
            ),
            "grouped",
        ),
    ],
)
def test_bad_input_is_named(call: partial[object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
