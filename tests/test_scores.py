"""Scores leave the model as it was, and cover what is prunable."""

from __future__ import annotations

import pytest
import torch

import lthkit as lth
from tests.conftest import small_conv


@pytest.mark.parametrize(
    "score", [lth.magnitude, lambda m: lth.random(m, seed=1)], ids=["magnitude", "random"]
)
def test_scoring_leaves_the_model_bit_equal(score):
    """Catches: scores that share memory with weights, touch gradients, the mode or the global random state."""
    model = small_conv(seed=0)
    model.train()
    state, rng = {k: v.clone() for k, v in model.state_dict().items()}, torch.get_rng_state()
    scores = score(model)
    for s in scores.values():
        s.mul_(0)
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters()) and model.training
    assert torch.equal(torch.get_rng_state(), rng)
    assert {n: s.shape for n, s in scores.items()} == {n: w.shape for n, w in lth.prunable(model).items()}


def test_magnitude_is_the_absolute_value():
    """Catches: raw weights as scores, under which negative weights always go first."""
    model = small_conv(seed=0)
    for name, s in lth.magnitude(model).items():
        assert torch.equal(s, lth.prunable(model)[name].abs())
    assert (lth.prunable(model)["0.weight"] < 0).any()


def test_random_depends_on_the_seed_alone():
    model = small_conv(seed=0)
    a, b, c = (
        lth.random(m, seed=s)["0.weight"] for m, s in ((model, 1), (small_conv(seed=9), 1), (model, 2))
    )
    assert torch.equal(a, b) and not torch.equal(a, c)
