"""The written-out gradients have the bits of autograd's, and only plain stacks take that path."""

from __future__ import annotations

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

import lthkit as lth
from lthkit.training.gradients import gradients_of, plain_stack
from tests.conftest import small_conv, small_net


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n", [1, 7, 60])
def test_written_out_gives_the_bits_of_autograd(n, dtype):
    """Catches: a missing ReLU derivative, a sum in place of a mean, gradients in another order, other operators."""
    model = lth.models.lenet_300_100(seed=0).to(dtype)
    g = torch.Generator().manual_seed(n)
    inputs = torch.randn(n, 1, 28, 28, generator=g, dtype=dtype)
    labels = torch.randint(10, (n,), generator=g)
    loss, gradients = gradients_of(model)(inputs, labels)
    plain_loss, plain = gradients_of(model, written_out=False)(inputs, labels)
    assert torch.equal(loss, plain_loss) and len(gradients) == len(plain) == 6
    assert all(torch.equal(a, b) for a, b in zip(gradients, plain, strict=True))
    slow = nn.functional.cross_entropy(model(inputs), labels)
    for ours, expected in zip(gradients, torch.autograd.grad(slow, list(model.parameters())), strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("hidden", [1, 2])
def test_a_layer_of_one_unit_has_the_bits_of_autograd(hidden, n):
    """Catches: the usual product where autograd takes the transposed one, which some processors add up in another order."""
    different = []
    for seed in range(40):
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Flatten(), nn.Linear(2, hidden), nn.ReLU(), nn.Linear(hidden, 3))
        inputs, labels = torch.randn(n, 2), torch.randint(3, (n,))
        loss, ours = gradients_of(net)(inputs, labels)
        expected_loss, expected = gradients_of(net, written_out=False)(inputs, labels)
        if not all(map(torch.equal, [loss, *ours], [expected_loss, *expected])):
            different.append(seed)
    assert different == []


def test_a_weight_with_odd_strides_is_left_to_autograd():
    """Catches: `is_contiguous`, which is True for one column of a larger matrix that lies row by row."""
    net = small_net(seed=0)
    net[5] = nn.Linear(10, 1)
    assert plain_stack(net) is not None
    net[5].weight = nn.Parameter(torch.randn(1, 30)[:, :10])
    assert net[5].weight.is_contiguous() and plain_stack(net) is None


def test_a_second_batch_does_not_add_to_the_first():
    """Catches: gradients that accumulate in the memory that is used again."""
    model, labels = small_net(seed=0), torch.tensor([0, 1, 2])
    gradients = gradients_of(model)
    gradients(torch.randn(3, 64), labels)
    inputs = torch.randn(3, 64)
    _, ours = gradients(inputs, labels)
    _, expected = gradients_of(model, written_out=False)(inputs, labels)
    assert all(torch.equal(a, b) for a, b in zip(ours, expected, strict=True))


def test_large_logits_do_not_overflow():
    model = small_net(seed=0)
    with torch.no_grad():
        model[5].weight.mul_(1e4)
    loss, gradients = gradients_of(model)(torch.randn(5, 1, 8, 8), torch.tensor([0, 1, 2, 0, 1]))
    assert torch.isfinite(loss) and all(torch.isfinite(g).all() for g in gradients)


def test_only_plain_stacks_are_written_out():
    """Catches: a network with anything else inside that is silently trained as if it were plain."""
    assert len(plain_stack(small_net(seed=0))) == 3
    hooked = small_net(seed=0)
    hooked[1].register_forward_hook(lambda *_: None)
    frozen = small_net(seed=0)
    frozen[1].weight.requires_grad_(False)
    shared = nn.Linear(4, 4)

    class Doubled(nn.Sequential):
        def forward(self, x):
            return 2 * super().forward(x)

    compiled = small_net(seed=0)
    compiled.compile(backend="eager")
    others = [
        compiled,
        nn.Sequential(nn.Flatten(2), nn.Linear(4, 2)),
        small_conv(seed=0),
        hooked,
        frozen,
        Doubled(nn.Flatten(), nn.Linear(4, 2)),
        nn.Sequential(shared, nn.ReLU(), shared),
        nn.Sequential(nn.Linear(4, 2, bias=False)),
        nn.Sequential(nn.Linear(4, 2), nn.Tanh(), nn.Linear(2, 2)),
        nn.Sequential(nn.Linear(4, 2), nn.ReLU()),
        nn.Sequential(nn.Linear(4, 2), nn.Linear(2, 2)),
        nn.Sequential(nn.Linear(4, 2), nn.ReLU(), nn.Dropout(), nn.Linear(2, 2)),
        nn.Linear(4, 2),
    ]
    assert [plain_stack(model) for model in others] == [None] * len(others)


def test_bfloat16_goes_through_autocast():
    """Catches: a precision that the written-out path ignores."""
    model, inputs, labels = small_net(seed=0), torch.randn(9, 64), torch.arange(9) % 3
    reduced = gradients_of(model, precision="bfloat16")(inputs, labels)[0]
    assert not torch.equal(reduced, gradients_of(model)(inputs, labels)[0])


# What may be odd in a network that would otherwise be written out: done to it in place, or in its layers.
ODDITIES = {
    "none": lambda net: None,
    "forward hook": lambda net: net[1].register_forward_hook(lambda m, i, o: o * 1.5),
    "forward pre-hook": lambda net: net[1].register_forward_pre_hook(lambda m, i: (i[0] + 1,)),
    "backward hook": lambda net: net[-1].register_full_backward_hook(_doubled),
    "backward pre-hook": lambda net: net[-1].register_full_backward_pre_hook(lambda m, o: (2 * o[0],)),
    "backward pre-hook on all": lambda net: net.register_full_backward_pre_hook(lambda m, o: (2 * o[0],)),
    "hook on a weight": lambda net: net[1].weight.register_hook(lambda g: g + 1),
    "hook on a bias": lambda net: net[-1].bias.register_hook(lambda g: 0 * g),
    "another forward": lambda net: setattr(net[1], "forward", lambda x: x @ net[1].weight.t()),
    "another forward of all": lambda net: setattr(net, "forward", lambda x: -nn.Sequential.forward(net, x)),
    "taken off and put on": lambda net: _put_on_again(net[1]),
    "computed": lambda net: nn.utils.parametrizations.weight_norm(net[1]),
    "one more parameter": lambda net: net.register_parameter("more", nn.Parameter(torch.ones(2))),
    "transposed": lambda net: setattr(net[1], "weight", _transposed(net[1].weight)),
    "a class of its own": lambda net: setattr(net[-1], "__class__", _Negated),
    "frozen weight": lambda net: net[1].weight.requires_grad_(False),
    "frozen bias": lambda net: net[-1].bias.requires_grad_(False),
    "no bias": lambda net: setattr(net[-1], "bias", None),
    "not flattened": lambda net: net.__setitem__(0, nn.Identity()),
    "flattened from 2": lambda net: net.__setitem__(0, nn.Flatten(2)),
    "double": lambda net: net.double(),
    "tied": lambda net: _tie(net),
    "used twice": lambda net: net.append(nn.ReLU()).append(net[-2]) if _square(net[-1]) else None,
    **{
        f"{kind.__name__}": lambda net, kind=kind: _between(net, kind)
        for kind in (nn.Tanh, nn.ReLU6, nn.Dropout)
    },
}


def _doubled(module, inner, outer):
    return None if inner[0] is None else (2 * inner[0],)


def _square(layer):
    return layer.in_features == layer.out_features


def _transposed(weight):
    return nn.Parameter(weight.detach().t().contiguous().t())


def _between(net, kind):
    for i, module in enumerate(net):
        if isinstance(module, nn.ReLU):
            net[i] = kind()


def _tie(net):
    layers = [m for m in net if isinstance(m, nn.Linear)]
    for one, other in zip(layers, layers[1:], strict=False):
        if one.weight.shape == other.weight.shape:
            other.weight = one.weight


class _Negated(nn.Linear):
    def forward(self, x):
        return -super().forward(x)


def _put_on_again(layer):
    weight = layer.weight
    del layer.weight
    layer.weight = weight


@st.composite
def stacks(draw):
    """A stack of linear layers with an oddity, two or none, and a batch for it: (network, inputs, labels)."""
    depth, n = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    widths = [draw(st.integers(1, 5)) for _ in range(depth + 1)]
    if draw(st.booleans()):
        widths = [widths[0]] * (depth + 1)
    torch.manual_seed(draw(st.integers(0, 9)))
    layers = [nn.Flatten()]
    for before, after in zip(widths, widths[1:], strict=False):
        layers += [nn.Linear(before, after), nn.ReLU()]
    net = nn.Sequential(*layers[:-1])
    for oddity in draw(st.lists(st.sampled_from(list(ODDITIES)), max_size=2)):
        try:
            ODDITIES[oddity](net)
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError):
            assume(False)  # the two do not go together
    assume(any(p.requires_grad for p in net.parameters()))
    shape = draw(st.sampled_from([(n, widths[0]), (n, 1, 1, widths[0])]))
    inputs = torch.randn(shape, dtype=next(net.parameters()).dtype)
    return net, inputs, torch.randint(widths[-1], (n,))


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")  # torch on a hook of the first layer
@settings(max_examples=400)
@given(stacks())
def test_whatever_the_network_both_paths_give_the_same_bits(case):
    """Catches: any network that is written out though it is none of those that are."""
    net, inputs, labels = case
    results = []
    for written_out in (False, True):
        try:
            torch.manual_seed(0)  # for dropout
            loss, gradients = gradients_of(net, written_out=written_out)(inputs, labels)
            results.append([loss, *(g if g is None else g.clone() for g in gradients)])
        except (
            Exception
        ) as error:  # two oddities may make a network that does not run, and it runs on neither path
            results.append([type(error)])
    plain, fast = results
    assert len(plain) == len(fast)
    assert all(torch.equal(a, b) if torch.is_tensor(a) else a is b for a, b in zip(plain, fast, strict=True))


def test_hooks_on_all_modules_of_the_process_run():
    handle = nn.modules.module.register_module_forward_hook(lambda *_: None)
    try:
        assert plain_stack(small_net(seed=0)) is None
    finally:
        handle.remove()
    assert plain_stack(small_net(seed=0)) is not None
    assert plain_stack(lth.models.lenet_300_100(seed=0)) is not None, (
        "the course's own networks are written out"
    )
