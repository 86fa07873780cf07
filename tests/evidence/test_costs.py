"""Prices are counted as by hand: operations of a layer, of a mask, of a training, of several trainings."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

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


def test_a_training_takes_no_gradient_of_the_input():
    """Forward, the gradients of the weights, and those of what comes into every layer but the first.

    Catches: three forward passes an example, which for LeNet-300-100 is 42 % too much; the sparse price under the dense
    one's name.
    """
    net = small_net(seed=0)
    mask = lth.prune(lth.Mask.ones(net), lth.magnitude(net), 0.5)
    cost = costs.of_training(net, (1, 8, 8), steps=7, batch_size=10, mask=mask)
    first = int(mask["1.weight"].sum())
    assert cost == costs.Cost(7, 70, 70 * 2 * (3 * 1510 - 1280), 70 * 2 * (3 * mask.kept - first))
    assert (
        costs.total([cost, cost]) == cost + cost == costs.Cost(14, 140, 2 * cost.flops, 2 * cost.sparse_flops)
    )
    assert costs.total([]) == costs.Cost()
    lenet = lth.models.lenet_300_100(seed=0)
    one = costs.of_training(lenet, (1, 28, 28), steps=1, batch_size=1)
    assert one.flops == 2 * (3 * 266_200 - 235_200) == 1_126_800
    assert 6 * 266_200 / one.flops == pytest.approx(1.42, abs=0.005)


class Fn(nn.Module):
    """A network whose forward is a function of it and the input, its layers by name."""

    def __init__(self, forward, **layers) -> None:
        super().__init__()
        for name, layer in layers.items():
            setattr(self, name, layer)
        self.how = forward

    def forward(self, x):
        return self.how(self, x)


def attention(net, x):
    return net.b(net.attend(x, x, x, need_weights=net.weights)[0].mean(1))


def attending(weights: bool) -> nn.Module:
    net = Fn(attention, attend=nn.MultiheadAttention(8, 2, batch_first=True), b=nn.Linear(8, 3))
    net.weights = weights
    return net


def last(net, x):
    return net.out(net.rnn(x)[0][:, -1])


def functional(net, x):
    x = torch.tanh(F.linear(x.flatten(1), net.a.weight, net.a.bias))
    x = torch.einsum("ni,oi->no", x, net.b.weight) + F.linear(x, net.b.weight)  # one weight twice
    return x @ net.b.weight.t()[:, :3]


def two_heads(net, x):
    x = net.body(x).relu()
    return net.one(x), {"aux": net.two(x.detach())}


def without_gradients(net, x):
    y = net.a(x)
    with torch.no_grad():
        z = net.b(y)
    return net.c(y * z)


def frozen(net: nn.Module) -> nn.Module:
    net[0].requires_grad_(False)
    return net


NETS = {
    "linear": (lambda: small_net(seed=0), (1, 8, 8)),
    "convolutional, batch norm": (lambda: small_conv(seed=0), (1, 8, 8)),
    "transposed": (
        lambda: nn.Sequential(nn.ConvTranspose2d(3, 4, 3, stride=2), nn.GELU(), nn.ConvTranspose2d(4, 2, 2)),
        (3, 5, 4),
    ),
    "one and three dimensions": (
        lambda: nn.Sequential(
            nn.Conv1d(3, 4, 3), nn.Unflatten(1, (1, 2, 2)), nn.Conv3d(1, 2, 2), nn.Softmax(1)
        ),
        (3, 9),
    ),
    "attention with its weights": (lambda: attending(True), (5, 8)),
    "functional calls, a weight twice": (
        lambda: Fn(functional, a=nn.Linear(64, 6), b=nn.Linear(6, 6)),
        (1, 8, 8),
    ),
    "two heads": (
        lambda: Fn(two_heads, body=nn.Linear(5, 6), one=nn.Linear(6, 2), two=nn.Linear(6, 3)),
        (5,),
    ),
    "unused layer": (
        lambda: Fn(
            lambda net, x: (net.b(net.a(x)), net.c(x))[0],
            a=nn.Linear(5, 6),
            b=nn.Linear(6, 2),
            c=nn.Linear(5, 9),
        ),
        (5,),
    ),
    "frozen first layer": (
        lambda: frozen(nn.Sequential(nn.Linear(5, 6), nn.Linear(6, 4), nn.Linear(4, 2))),
        (5,),
    ),
    "features without gradients": (
        lambda: Fn(without_gradients, a=nn.Linear(5, 6), b=nn.Linear(6, 6), c=nn.Linear(6, 2)),
        (5,),
    ),
    "resnet-20": (lambda: lth.models.resnet_20(seed=0, width=2), (3, 32, 32)),
}


def ends(outputs) -> list[torch.Tensor]:
    if isinstance(outputs, torch.Tensor):
        return [outputs]
    return [t for o in (outputs.values() if isinstance(outputs, dict) else outputs) for t in ends(o)]


@pytest.mark.parametrize(("make", "shape"), NETS.values(), ids=NETS)
def test_counts_are_those_of_torchs_own_counter(make, shape):
    """In training mode, where torch's counter sees everything. Catches: groups, strides, a gradient too many or too few."""
    net = make().train()
    with FlopCounterMode(display=False) as forward:
        outputs = net(torch.zeros(6, *shape))
    with FlopCounterMode(display=False) as backward:
        sum(t.sum() for t in ends(outputs)).backward()
    there, back = forward.get_total_flops(), backward.get_total_flops()
    assert 6 * costs.forward_flops(net, shape) == there > 0
    cost = costs.of_training(net, shape, steps=2, batch_size=3)
    assert cost.flops == cost.sparse_flops == there + back


def by_hand_lstm(i: int, h: int, steps: int) -> int:
    return 2 * steps * 4 * h * (i + h)


HAND = {
    "groups, strides, dilation": (
        lambda: nn.Sequential(
            nn.Conv2d(4, 8, 3, groups=2, stride=2, padding=1),
            nn.ReLU6(),
            nn.Conv2d(8, 8, 3, groups=8, dilation=2),
            nn.GroupNorm(2, 8),
            nn.Conv2d(8, 4, 1),
        ),
        (4, 15, 13),
        # places times weights of each layer; torch's counter ignores the groups on the way back
        2 * (56 * 144 + 12 * 72 + 12 * 32),
        2 * (56 * 144 + 2 * 12 * 72 + 2 * 12 * 32),
    ),
    # name: (network, shape, forward, operations of the backward pass)
    "LSTM": (
        lambda: Fn(last, rnn=nn.LSTM(5, 4, batch_first=True), out=nn.Linear(4, 3)),
        (6, 5),
        by_hand_lstm(5, 4, 6) + 2 * 12,
        # all weights; the way back through time, but for the first step, which has nothing before it; the head's input
        by_hand_lstm(5, 4, 6) + 2 * 5 * 4 * 4 * 4 + 2 * 2 * 12,
    ),
    "GRU, two directions": (
        lambda: Fn(last, rnn=nn.GRU(5, 4, batch_first=True, bidirectional=True), out=nn.Linear(8, 3)),
        (6, 5),
        2 * 2 * 6 * 3 * 4 * 9 + 2 * 24,
        None,
    ),
    "attention, fused": (
        lambda: attending(False),
        (5, 8),
        # in, scores and values, out, the head
        2 * (5 * 3 * 64 + 2 * 5 * 5 * 8 + 5 * 64 + 24),
        2 * (5 * 3 * 64 + 2 * 2 * 5 * 5 * 8 + 2 * 5 * 64 + 2 * 24),
    ),
    "encoder layer": (
        lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
        (5, 8),
        2 * (5 * 4 * 64 + 2 * 5 * 5 * 8 + 2 * 5 * 8 * 16),
        2 * (5 * 3 * 64 + 2 * 2 * 5 * 5 * 8 + 2 * 5 * 64 + 2 * 2 * 5 * 8 * 16),
    ),
    "bilinear": (
        lambda: Fn(lambda net, x: net.both(net.a(x), x), a=nn.Linear(5, 4), both=nn.Bilinear(4, 5, 3)),
        (5,),
        2 * (20 + 60),
        2 * (20 + 2 * 60),
    ),
    "embedding": (
        lambda: nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(12, 2)),
        (3,),
        2 * 24,
        2 * 2 * 24,
    ),
}


@pytest.mark.parametrize(("make", "shape", "there", "back"), HAND.values(), ids=HAND)
@pytest.mark.parametrize("training", [True, False])
def test_counts_by_hand_where_torchs_counter_says_nothing(make, shape, there, back, training):
    """Catches: recurrent layers for nothing, attention without its own two products, the fast path of evaluation mode."""
    net = make().train(training)
    assert costs.forward_flops(net, shape) == there
    if back is not None:
        assert costs.of_training(net, shape, steps=1, batch_size=1).flops == there + back


@pytest.mark.parametrize("name", ["encoder layer", "attention, fused"])
def test_frozen_attention_is_counted_too(name):
    """Without gradients torch takes its fast path, of which its counter sees nothing. Catches: the same here."""
    make, shape, there, _ = HAND[name]
    net = make().eval().requires_grad_(False)
    assert costs.forward_flops(net, shape) == there
    assert costs.of_training(net, shape, steps=1, batch_size=1).flops == there


def test_a_mask_is_counted_weight_by_weight_in_recurrent_and_attention_layers():
    """Catches: one density for a whole layer, a weight counted once that is used at six steps; a slice of a weight."""
    net = HAND["LSTM"][0]()
    mask = lth.prune_to(lth.Mask.ones(net), lth.random(net, seed=0), 0.3)
    kept = {name: int(t.sum()) for name, t in mask.items()}
    expected = 6 * (kept["rnn.weight_ih_l0"] + kept["rnn.weight_hh_l0"]) + kept["out.weight"]
    assert costs.forward_flops(net, (6, 5), mask=mask) == 2 * expected
    net = attending(False)
    mask = lth.prune_to(lth.Mask.ones(net), lth.random(net, seed=0), 0.3)
    kept = {name: int(t.sum()) for name, t in mask.items()}
    expected = 5 * (kept["attend.in_proj_weight"] + kept["attend.out_proj.weight"]) + 400 + kept["b.weight"]
    assert costs.forward_flops(net, (5, 8), mask=mask) == 2 * expected
    net = NETS["functional calls, a weight twice"][0]()
    mask = lth.prune_to(lth.Mask.ones(net), lth.random(net, seed=0), 0.3)
    kept = {name: int(t.sum()) for name, t in mask.items()}
    expected = kept["a.weight"] + 2 * kept["b.weight"] + int(mask["b.weight"][:3].sum())
    assert costs.forward_flops(net, (1, 8, 8), mask=mask) == 2 * expected


def test_a_weight_that_is_zero_but_kept_is_paid_for():
    """Catches: zeros of the network taken for those of the mask."""
    net = small_net(seed=0)
    with torch.no_grad():
        net[1].weight.zero_()
    assert costs.forward_flops(net, (1, 8, 8), mask=lth.Mask.ones(net)) == 2 * 1510


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x @ x

    @staticmethod
    def backward(ctx, g):
        return g


def by_broadcast(net, x):
    return (x[:, None, :] * net.a.weight).sum(-1)


def across(net, x):
    return net.a(x) @ net.a(x).t() @ net.a(x)


def by_value(net, x):
    return net.a(x) if x.sum() > 0 else net.a(net.a(x))


def by_list(net, x):
    return torch.stack([x[i] if k else net.a(x[i]) for i, k in enumerate(net.a(x).argmax(1).tolist())])


def by_array(net, x):
    return torch.stack([x[i] if k else net.a(x[i]) for i, k in enumerate(net.a(x).argmax(1).numpy())])


def by_mask(net, x):
    out, chosen = torch.zeros_like(x), net.a(x).argmax(1) == 1
    out[chosen] = net.a(x[chosen])
    return out


REFUSED = {
    "a distance": (
        lambda net, x: torch.cdist(net.a(x), net.a.weight),
        r"the network \(Fn\) uses aten._cdist|_euclidean",
    ),
    "a product by hand": (by_broadcast, r"the network \(Fn\) uses aten.mul.*product written by hand"),
    "a product by hand, expanded": (
        lambda net, x: (x.unsqueeze(1).expand(-1, 5, -1) * net.a.weight).sum(-1),
        "product written by hand",
    ),
    "a product by hand, repeated": (
        lambda net, x: (x.unsqueeze(1).repeat(1, 5, 1) * net.a.weight).sum(-1),
        "product written by hand",
    ),
    "a product by hand, stacked": (
        lambda net, x: (torch.stack([x] * 5, 1) * net.a.weight).sum(-1),
        "product written by hand",
    ),
    "a product of weights": (
        lambda net, x: F.linear(x, net.a.weight @ net.a.weight),
        r"the network \(Fn\) does not do three times as much.*parameters alone",
    ),
    "examples mixed": (across, r"does not do three times as much"),
    "a decision": (by_value, r"the network \(Fn\) takes a decision by values"),
    "a solve": (
        lambda net, x: torch.linalg.solve(net.a.weight, x.t()).t(),
        "uses aten._linalg_solve_ex|uses aten.linalg",
    ),
    "numpy": (lambda net, x: torch.from_numpy(net.a(x).detach().numpy().copy()), "depends on its input"),
    "routes by a list": (by_list, r"takes a decision by values that come from the input .Tensor.tolist"),
    "routes by an array": (by_array, r"takes a decision by values that come from the input .Tensor.numpy"),
    "routes by a mask": (by_mask, r"takes a decision by values that come from the input .aten.index"),
    "split by values": (
        lambda net, x: net.a(x).tensor_split(net.a(x).argmax(1))[0],
        r"takes a decision by values that come from the input .Tensor.tensor_split",
    ),
}


@pytest.mark.parametrize(("forward", "message"), REFUSED.values(), ids=REFUSED)
def test_what_has_no_price_is_refused_by_name(forward, message):
    """Catches: a product that is left out in silence."""
    with pytest.raises(ValueError, match=message):
        costs.forward_flops(Fn(forward, a=nn.Linear(5, 5)), (5,))


def test_a_backward_pass_that_cannot_be_seen_is_refused():
    net = Fn(lambda net, x: Square.apply(net.a(x)[:, None] * net.b), a=nn.Linear(5, 5))
    net.b = torch.ones(5, 5)
    net = Fn(lambda net, x: Square.apply(net.a(x).view(-1, 2, 2)), a=nn.Linear(5, 4))
    assert costs.forward_flops(net, (5,)) == 2 * (20 + 8)
    with pytest.raises(ValueError, match="autograd functions of its own .SquareBackward"):
        costs.of_training(net, (5,), steps=1, batch_size=1)
    sequence_first = Fn(last, rnn=nn.LSTM(5, 4), out=nn.Linear(4, 3))
    with pytest.raises(ValueError, match=r"rnn .LSTM. does not do three times.*batch_first=True"):
        costs.of_training(sequence_first, (6, 5), steps=1, batch_size=1)


def test_a_computed_weight_is_refused_with_the_remedy():
    net = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)), nn.Linear(4, 2))
    with pytest.raises(ValueError, match="remove_parametrizations"):
        costs.forward_flops(net, (4,))


def test_where_gradients_are_off_the_count_is_the_same():
    net = attending(False)
    expected = costs.of_training(net, (5, 8), steps=1, batch_size=2)
    for off in (torch.no_grad, torch.inference_mode):
        with off():
            assert costs.of_training(net, (5, 8), steps=1, batch_size=2) == expected


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


def by_mode(in_training, in_evaluation) -> nn.Module:
    layers = {"a": nn.Linear(5, 6), "b": nn.Linear(6, 2), "aux": nn.Linear(6, 3)}
    return Fn(lambda net, x: (in_training if net.training else in_evaluation)(net, x), **layers)


def usual(net, x):
    return net.b(net.a(x).relu())


def with_aux(net, x):
    x = net.a(x).relu()
    return net.b(x), net.aux(x)


def test_a_training_pays_for_heads_that_are_there_in_training_only():
    """Catches: the price of evaluation mode, in which googlenet and its kind have no auxiliary heads."""
    net = by_mode(with_aux, usual).eval()
    assert costs.forward_flops(net, (5,)) == 2 * (30 + 12)
    always = by_mode(with_aux, with_aux)
    mask = lth.prune(lth.Mask.ones(net), lth.random(net, seed=0), 0.5)
    for given in (None, mask):
        price = {"steps": 3, "batch_size": 4, "mask": given}
        assert costs.of_training(net, (5,), **price) == costs.of_training(always, (5,), **price)
    assert costs.of_training(net, (5,), steps=1, batch_size=1).flops == 2 * (3 * (30 + 12 + 18) - 30)
    assert not net.training


def test_dropout_and_norms_cost_in_training_what_they_cost_in_evaluation():
    """Catches: weights that are 0 by chance counted as removed; batch norm with one value; random numbers of others."""

    def dropped(net, x):
        return net.b(F.linear(F.dropout(x, 0.5), F.dropout(net.a.weight, 0.5)))

    one, other = (
        costs.of_training(by_mode(how, usual), (5,), steps=2, batch_size=3) for how in (dropped, usual)
    )
    net = nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.Dropout(), nn.AlphaDropout(), nn.Linear(6, 2))
    assert one == other == costs.of_training(net, (5,), steps=2, batch_size=3)
    state = torch.get_rng_state()
    costs.of_training(net, (5,), steps=2, batch_size=3)
    assert torch.equal(torch.get_rng_state(), state)


def test_what_training_leaves_out_is_refused_by_name():
    """By chance or always is not seen. Catches: a layer that is skipped by chance and has no price, or a whole one."""

    def skipping(net, x):
        return net.b(F.pad(x, (0, 1)))

    def thinned(net, x):
        x = F.linear(x, F.dropout(net.a.weight, 0.5))
        return net.b(x), net.aux(x)

    for how, message in (
        (skipping, r"a \(Linear\) does less in training mode"),
        (thinned, "does less in training"),
    ):
        net = by_mode(how, usual)
        assert costs.forward_flops(net, (5,)) == 2 * (30 + 12)
        with pytest.raises(ValueError, match=message):
            costs.of_training(net, (5,), steps=1, batch_size=1)


def test_gates_on_copies_are_free_where_the_other_factor_is_whole():
    """Catches: an expanded gate, or a joined half, taken for a product written by hand."""

    def gated(net, x):
        h = net.a(x) * x.mean(1, keepdim=True).sigmoid().expand(-1, 6)
        turned = torch.cat([-h[:, 3:], h[:, :3]], 1)  # as in rotary positions
        return net.b(turned * torch.linspace(0, 1, 3).repeat(2))

    assert costs.forward_flops(by_mode(gated, gated), (5,)) == 2 * (30 + 12)


@pytest.mark.parametrize("p", [0.1, 0.3])
@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: torch.rand(()), "values that come from chance"),
        (random.random, "draws numbers from Python's random"),
        (np.random.rand, "draws numbers from Python's random or from NumPy"),
    ],
)
def test_layers_left_out_by_chance_have_no_price(p, draw, message):
    """Catches: the full price or a refusal, as the dice fall."""
    net = by_mode(lambda net, x: net.b(net.a(x)) if draw() >= p else net.b(F.pad(x, (0, 1))), usual)
    assert costs.forward_flops(net, (5,)) == 2 * (30 + 12)
    with pytest.raises(ValueError, match=message):
        costs.of_training(net, (5,), steps=1, batch_size=1)
