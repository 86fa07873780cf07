"""The own updates are those of torch.optim; schedules are functions of the step."""

from __future__ import annotations

import pytest
import torch

from lthkit.training.optimizers import SGD, Adam, learning_rate


def _race(ours, theirs_class, steps=12, **theirs_kwargs):
    g = torch.Generator().manual_seed(0)
    start = {"a": torch.randn(7, 5, generator=g), "b": torch.randn(3, generator=g)}
    mine = {n: t.clone() for n, t in start.items()}
    yours = [t.clone().requires_grad_() for t in start.values()]
    optimizer, reference = ours(mine), theirs_class(yours, lr=0.05, **theirs_kwargs)
    for step in range(steps):
        gradients = [torch.randn(t.shape, generator=g) for t in start.values()]
        for p, gradient in zip(yours, gradients, strict=True):
            p.grad = gradient.clone()
        lr = 0.05 if step < 6 else 0.005
        reference.param_groups[0]["lr"] = lr
        reference.step()
        optimizer.step([gradient.clone() for gradient in gradients], lr)
    for a, b in zip(mine.values(), yours, strict=True):
        torch.testing.assert_close(a, b.detach(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("decay", [0.0, 1e-2])
def test_sgd_equals_torch(momentum, decay):
    _race(
        lambda p: SGD(p, momentum=momentum, weight_decay=decay),
        torch.optim.SGD,
        momentum=momentum,
        weight_decay=decay,
    )


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("decay", [0.0, 1e-2])
def test_adam_equals_torch(fused, decay):
    def make(parameters):
        adam = Adam(parameters, weight_decay=decay)
        adam.fused = adam.fused and fused
        return adam

    _race(make, torch.optim.Adam, weight_decay=decay)


@pytest.mark.parametrize("make", [lambda p: SGD(p, momentum=0.9), Adam], ids=["sgd", "adam"])
def test_a_restored_state_goes_on_bit_identically_and_is_a_copy(make):
    """Catches: a step count that is not restored, and buffers that are shared with the checkpoint."""
    g = torch.Generator().manual_seed(1)
    gradients = [[torch.randn(4, generator=g)] for _ in range(6)]
    whole, half = {"w": torch.ones(4)}, {"w": torch.ones(4)}
    one, two = make(whole), make(half)
    for gradient in gradients:
        one.step([gradient[0].clone()], 0.1)
    for gradient in gradients[:3]:
        two.step([gradient[0].clone()], 0.1)
    state = two.state()
    frozen = {k: v.clone() for k, v in state.items()}
    weights = {"w": half["w"].clone()}
    three = make(weights)
    three.load_state(state)
    for gradient in gradients[3:]:
        three.step([gradient[0].clone()], 0.1)
    assert torch.equal(weights["w"], whole["w"])
    assert all(torch.equal(state[k], frozen[k]) for k in state)


def test_a_state_of_another_optimizer_is_refused():
    with pytest.raises(ValueError, match="another optimizer"):
        SGD({"w": torch.ones(2)}).load_state(Adam({"w": torch.ones(2)}).state())


def test_schedules():
    rates = [
        learning_rate(s, base=1.0, steps=100, schedule="step", milestones=(50, 80))
        for s in (0, 49, 50, 79, 80, 99)
    ]
    assert rates == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])
    assert [learning_rate(s, base=1.0, steps=100, warmup=4) for s in range(5)] == pytest.approx(
        [0.25, 0.5, 0.75, 1, 1]
    )
    cosine = [learning_rate(s, base=2.0, steps=100, schedule="cosine") for s in (0, 50, 100)]
    assert cosine == pytest.approx([2, 1, 0])
