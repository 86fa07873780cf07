"""The written-out gradients have the bits of autograd's, and only plain stacks take that path."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import lthkit as lth
from lthkit.training.gradients import _plain_stack, gradients_of
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
    assert len(_plain_stack(small_net(seed=0))) == 3
    hooked = small_net(seed=0)
    hooked[1].register_forward_hook(lambda *_: None)
    frozen = small_net(seed=0)
    frozen[1].weight.requires_grad_(False)
    shared = nn.Linear(4, 4)

    class Doubled(nn.Sequential):
        def forward(self, x):
            return 2 * super().forward(x)

    others = [
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
    assert [_plain_stack(model) for model in others] == [None] * len(others)


def test_bfloat16_goes_through_autocast():
    """Catches: a precision that the written-out path ignores."""
    model, inputs, labels = small_net(seed=0), torch.randn(9, 64), torch.arange(9) % 3
    reduced = gradients_of(model, precision="bfloat16")(inputs, labels)[0]
    assert not torch.equal(reduced, gradients_of(model)(inputs, labels)[0])
