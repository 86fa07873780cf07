"""The written-out gradients are those of autograd, and only plain stacks take that path."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lthkit.gradients import _plain_stack, _written_out, gradients_of
from tests.conftest import small_conv, small_net

CPU = torch.device("cpu")


@pytest.mark.parametrize("n", [1, 7, 60])
def test_written_out_equals_autograd(n):
    """Catches: a missing ReLU derivative, a sum in place of a mean, gradients in another order."""
    model = small_net(seed=0)
    g = torch.Generator().manual_seed(n)
    inputs, labels = torch.randn(n, 1, 8, 8, generator=g), torch.randint(3, (n,), generator=g)
    loss, gradients = gradients_of(model, device=CPU)(inputs, labels)
    expected = nn.functional.cross_entropy(model(inputs), labels)
    torch.testing.assert_close(loss, expected.detach())
    for ours, theirs in zip(gradients, torch.autograd.grad(expected, list(model.parameters())), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-7)


def test_large_logits_do_not_overflow():
    model = small_net(seed=0)
    with torch.no_grad():
        model[5].weight.mul_(1e4)
    loss, gradients = gradients_of(model, device=CPU)(torch.randn(5, 1, 8, 8), torch.tensor([0, 1, 2, 0, 1]))
    assert torch.isfinite(loss) and all(torch.isfinite(g).all() for g in gradients)


def test_only_plain_stacks_are_written_out():
    """Catches: a network with anything else inside that is silently trained as if it were plain."""
    assert len(_plain_stack(small_net(seed=0))) == 3
    hooked = small_net(seed=0)
    hooked[1].register_forward_hook(lambda *_: None)
    frozen = small_net(seed=0)
    frozen[1].weight.requires_grad_(False)

    class Doubled(nn.Sequential):
        def forward(self, x):
            return 2 * super().forward(x)

    others = [
        small_conv(seed=0),
        hooked,
        frozen,
        Doubled(nn.Flatten(), nn.Linear(4, 2)),
        nn.Sequential(nn.Linear(4, 2, bias=False)),
        nn.Sequential(nn.Linear(4, 2), nn.Tanh(), nn.Linear(2, 2)),
        nn.Sequential(nn.Linear(4, 2), nn.ReLU()),
        nn.Sequential(nn.Linear(4, 2), nn.Linear(2, 2)),
        nn.Sequential(nn.Linear(4, 2), nn.ReLU(), nn.Dropout(), nn.Linear(2, 2)),
        nn.Sequential(nn.Linear(4, 2)).double(),
        nn.Linear(4, 2),
    ]
    assert [_plain_stack(model) for model in others] == [None] * len(others)


def test_float64_agrees_far_beyond_float32():
    """The formula itself, without float32 rounding."""
    model = small_net(seed=1).double()
    inputs, labels = torch.randn(9, 1, 8, 8, dtype=torch.float64), torch.arange(9) % 3
    loss, gradients = _written_out([m for m in model if isinstance(m, nn.Linear)], inputs, labels)
    expected = nn.functional.cross_entropy(model(inputs), labels)
    torch.testing.assert_close(loss, expected.detach(), rtol=1e-12, atol=1e-12)
    for ours, theirs in zip(gradients, torch.autograd.grad(expected, list(model.parameters())), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)
