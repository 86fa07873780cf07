"""Masks from and to `torch.nn.utils.prune`."""

from __future__ import annotations

import copy
import inspect

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune

import lthkit as lth
from tests.conftest import small_conv, small_net


def drawn(net: nn.Module, density: float = 0.3) -> lth.Mask:
    return lth.prune_to(lth.Mask.ones(net), lth.random(net, seed=1), density)


def test_torchs_own_pruning_is_read_as_it_is() -> None:
    """Catches: the mask of the last method only, weights that torch left alone missing, a network that was changed."""
    net = small_net(seed=0)
    prune.l1_unstructured(net[1], "weight", 0.3)  # type: ignore[index]
    prune.random_unstructured(net[1], "weight", 0.5)  # type: ignore[index]
    prune.ln_structured(net[5], "weight", 1, n=2, dim=0)  # type: ignore[index]
    before = copy.deepcopy(net.state_dict())
    mask = lth.Mask.from_torch_prune(net)
    assert list(mask) == ["1.weight", "3.weight", "5.weight"]
    assert torch.equal(mask["1.weight"], net[1].weight_mask.bool())  # type: ignore[index]
    assert mask["3.weight"].all() and mask["5.weight"].sum(1).tolist().count(0) == 1
    assert mask["1.weight"].sum() == 1280 - 384 - 448
    assert prune.is_pruned(net) and all(torch.equal(t, before[n]) for n, t in net.state_dict().items())
    fresh = small_net(seed=0)
    mask.apply_(fresh)
    x = torch.randn(4, 1, 8, 8)
    assert torch.equal(fresh(x), net(x))


def test_the_state_of_a_network_that_torch_prunes_has_its_mask() -> None:
    """The line of the docstring, for a colleague's file."""
    net = small_net(seed=0)
    mask = drawn(net)
    mask.to_torch_prune_(net)
    state = net.state_dict()
    line = (inspect.getdoc(lth.Mask.from_torch_prune) or "").split("the mask is\n`")[1].split("`")[0]
    assert eval(line, {"Mask": lth.Mask, "state": state}) == mask


def test_what_is_excluded_stays_out_and_matrices_of_ones_own_come_in() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.matrix = nn.Linear(4, 3), nn.Parameter(torch.randn(3, 2))

        def forward(self, x: Tensor) -> Tensor:
            return self.first(x) @ self.matrix

    net = Own()
    prune.l1_unstructured(net, "matrix", 0.5)
    mask = lth.Mask.from_torch_prune(net)
    assert mask.keys() == {"matrix", "first.weight"} and mask["matrix"].sum() == 3
    assert list(lth.Mask.from_torch_prune(net, exclude="first.weight")) == ["matrix"]
    assert list(lth.Mask.from_torch_prune(net, exclude="matrix")) == ["first.weight"]
    with pytest.raises(ValueError, match="exclude names"):
        lth.Mask.from_torch_prune(net, exclude="nonsense")


def test_the_order_is_that_of_the_network_before() -> None:
    """Catches: a recurrent layer whose pruned weight comes last, so that masks of one network are unequal."""
    net = nn.Sequential(nn.LSTM(4, 3, 2), nn.Linear(3, 2))
    names = list(lth.Mask.ones(net))
    prune.l1_unstructured(net[0], "weight_ih_l0", 0.5)
    assert list(lth.Mask.from_torch_prune(net)) == names


@pytest.mark.parametrize("net", [small_net, small_conv])
def test_there_and_back(net) -> None:
    model = net(seed=0)
    mask = drawn(model)
    mask.to_torch_prune_(model)
    assert lth.Mask.from_torch_prune(model) == mask
    assert all(hasattr(model.get_submodule(n.rpartition(".")[0]), "weight_mask") for n in mask)
    masked = net(seed=0)
    mask.apply_(masked)
    x = torch.randn(4, 1, 8, 8)
    assert torch.equal(model(x), masked(x))
    for n in mask:
        prune.remove(model.get_submodule(n.rpartition(".")[0]), "weight")
    assert all(torch.equal(t, masked.state_dict()[n]) for n, t in model.state_dict().items())


def test_a_network_that_torch_masks_trains_on() -> None:
    """Catches: weights computed once, whose second backward pass fails or whose updates are not seen."""
    model, by_hand = small_net(seed=0), small_net(seed=0)
    mask = drawn(model)
    mask.to_torch_prune_(model)
    optimizers = [torch.optim.SGD(net.parameters(), lr=0.1) for net in (model, by_hand)]
    x, y = torch.randn(20, 1, 8, 8), torch.arange(20) % 3
    with mask.held(by_hand, optimizers[1]):
        for _ in range(3):
            for net, optimizer in zip((model, by_hand), optimizers, strict=True):
                optimizer.zero_grad()
                F.cross_entropy(net(x), y).backward()
                optimizer.step()
    assert torch.allclose(model(x), by_hand(x), atol=1e-6)
    assert lth.Mask.from_torch_prune(model) == mask


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)
        self.two.weight = self.one.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.two(self.one(x))


def test_a_tied_weight_is_masked_in_all_its_places_or_refused() -> None:
    """Catches: a mask that removes in one layer what torch removes in another only."""
    net, masked = Tied(), Tied()
    masked.load_state_dict(net.state_dict())
    mask = drawn(net, 0.5)
    assert list(mask) == ["one.weight"]
    mask.to_torch_prune_(net)
    mask.apply_(masked)
    x = torch.randn(3, 4)
    assert torch.equal(net(x), masked(x)) and lth.Mask.from_torch_prune(net) == mask
    half = Tied()
    prune.l1_unstructured(half.two, "weight", 0.5)
    with pytest.raises(
        ValueError, match=r"one\.weight, two\.weight_orig are one Parameter, and.*in some modules only"
    ):
        lth.Mask.from_torch_prune(half)


class Reads(nn.Module):
    """Takes the weight of a layer without calling it."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.rest = nn.Linear(4, 4), nn.ParameterList([nn.Parameter(torch.randn(4, 4))])

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.layer.weight) @ self.rest[0]


def test_a_weight_that_torch_would_not_mask_is_refused() -> None:
    net = Reads()
    for include, text in (((), r"layer\.weight is used without that \(a forward reads layer\.weight itself\)"),
                          ("rest.0", r"rest\.0 is used without that \(ParameterList has no forward\)")):  # fmt: skip
        mask = lth.Mask.ones(net, exclude="layer.weight" if include else (), include=include)
        with pytest.raises(ValueError, match=text):
            mask.to_torch_prune_(net)
        assert not prune.is_pruned(net)
    attention = nn.MultiheadAttention(4, 2)
    with pytest.raises(
        ValueError, match=r"out_proj\.weight is used.*MultiheadAttention reads it itself.*exclude="
    ):
        lth.Mask.ones(attention).to_torch_prune_(attention)
    lth.Mask.ones(attention, exclude="out_proj.weight").to_torch_prune_(attention)


def soft() -> nn.Module:
    net = small_net(seed=0)
    prune.custom_from_mask(net[1], "weight", torch.full((20, 64), 0.5))  # type: ignore[index]
    return net


def with_bias() -> nn.Module:
    net = small_net(seed=0)
    prune.l1_unstructured(net[3], "bias", 0.5)  # type: ignore[index]
    return net


def permanent() -> nn.Module:
    net = small_net(seed=0)
    prune.l1_unstructured(net[3], "weight", 0.5)  # type: ignore[index]
    prune.remove(net[3], "weight")  # type: ignore[index]
    return net


def also_normed() -> nn.Module:
    net = small_net(seed=0)
    prune.l1_unstructured(net[1], "weight", 0.5)  # type: ignore[index]
    parametrizations.weight_norm(net[3])  # type: ignore[index]
    return net


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (soft, r"mask of 1\.weight has values other than 0 and 1"),
        (
            with_bias,
            r"mask on 3\.bias, which is no matrix.*prune\.remove\(model\.get_submodule\('3'\), \"bias\"\)",
        ),
        (permanent, r"has pruned nothing in this Sequential.*Mask\(\{n: w != 0"),
        (also_normed, r"3\.weight of 3 .*is no parameter: a parametrization makes it"),
    ],
)
def test_what_a_mask_cannot_say_is_refused(make, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        lth.Mask.from_torch_prune(make())


def test_a_network_that_torch_masks_already_is_refused() -> None:
    net = small_net(seed=0)
    mask = drawn(net)
    mask.to_torch_prune_(net)
    with pytest.raises(ValueError, match=r"torch\.nn\.utils\.prune makes it anew.*prune\.remove"):
        mask.to_torch_prune_(net)
    with pytest.raises(ValueError, match="another model"):
        mask.to_torch_prune_(small_conv(seed=0))
    with pytest.raises(TypeError, match="expected a network"):
        lth.Mask.from_torch_prune(mask)  # type: ignore[arg-type]
