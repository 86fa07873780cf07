"""N of every M: by groups in plain Python, in every layer, with remainders and what is out already."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import lthkit as lth
from lthkit.export import two_four
from tests.conftest import small_net
from tests.pruning.test_selection import KINDS, hostile

SHAPES = [(3, 8), (2, 7), (4, 1), (2, 6, 3, 3), (3, 5, 2), (2, 3, 2, 2, 2), (5,)]


def literally(kept: torch.Tensor, scores: torch.Tensor, n: int, m: int, axis: int) -> torch.Tensor:
    after = kept.clone()
    a, s = after.movedim(axis, -1), scores.double().movedim(axis, -1)
    for place in torch.cartesian_prod(*map(torch.arange, a.shape[:-1])).reshape(-1, a.ndim - 1).tolist():
        row, values = a[tuple(place)], s[tuple(place)].tolist()
        for begin in range(0, len(row), m):
            there = [j for j in range(begin, min(begin + m, len(row))) if row[j]]
            for j in sorted(there, key=lambda j: values[j])[: max(0, len(there) - n)]:
                row[j] = False
    return after


@given(
    st.sampled_from([s for s in SHAPES if len(s) > 1]),
    st.sampled_from(KINDS),
    st.sampled_from([(1, 2), (2, 4), (1, 4), (4, 8), (3, 3), (1, 3)]),
    st.sampled_from([0, 1]),
    st.sampled_from([1.0, 0.6]),
    st.integers(0, 2**31),
)
def test_each_group_keeps_its_best(shape, kind, pattern, axis, density, seed):
    """Catches: groups across rows or kernels, a remainder that is dropped or dense, entries that come back, other ties."""
    g = torch.Generator().manual_seed(seed)
    scores = hostile(kind, torch.Size(shape).numel(), g).nan_to_num().view(shape)
    kept = torch.rand(shape, generator=g) <= density
    scores[~kept] = float("nan")
    mask = lth.Mask({"w": kept})
    found = lth.n_of_m(mask, {"w": scores}, n=pattern[0], m=pattern[1], axis=axis)
    assert found["w"].shape == kept.shape and found["w"].is_contiguous()
    assert torch.equal(found["w"], literally(kept, scores, *pattern, axis)) and found.issubset(mask)


def test_two_of_four_is_that_of_the_export():
    scores = torch.rand(6, 16, generator=torch.Generator().manual_seed(0))
    mask = lth.Mask({"w": torch.ones(6, 16, dtype=torch.bool)})
    assert torch.equal(lth.n_of_m(mask, {"w": scores})["w"], two_four(scores))
    assert lth.n_of_m(mask, {"w": scores}).density == 0.5


def test_a_convolution_of_three_channels_and_a_depthwise_one():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, groups=4), nn.Conv2d(4, 8, 1))
    mask = lth.n_of_m(lth.Mask.ones(model), lth.magnitude(model))
    assert (
        (mask["0.weight"].sum(1) == 2).all()
        and mask["1.weight"].all()
        and (mask["2.weight"].sum(1) == 2).all()
    )


def test_the_inputs_of_a_transposed_convolution_come_first():
    """Catches: a pattern along the outputs."""
    model = nn.Sequential(nn.ConvTranspose2d(8, 3, 3), nn.Conv2d(3, 4, 1), nn.Flatten(), nn.Linear(4, 2))
    axes = lth.pruning.input_axes(model)
    assert axes == {"0.weight": 0, "1.weight": 1, "3.weight": 1}
    mask = lth.n_of_m(lth.Mask.ones(model), lth.magnitude(model), axis=axes)
    assert (mask["0.weight"].view(2, 4, 3, 3, 3).sum(1) == 2).all()


def test_the_pattern_lasts_through_training(tiny):
    model = small_net(seed=0)
    mask = lth.n_of_m(lth.Mask.ones(model), lth.magnitude(model))
    lth.train(model, tiny, mask=mask, recipe=lth.Recipe(steps=5, batch_size=20, evaluate_every=5))
    assert (model[1].weight.view(20, 16, 4) != 0).sum(2).max() == 2  # type: ignore[union-attr, index]


@pytest.mark.parametrize(
    ("given_", "fragment"),
    [
        ({"n": 5}, "n=5, m=4 were given"),
        ({"n": 0}, "n=0"),
        ({"m": 2.0}, "m=2.0"),
        ({"axis": 2}, r"axis=2 was given for 1\.weight of shape \(20, 64\)"),
        ({"axis": -1}, r"axis of 1\.weight=-1"),
        ({"axis": {"1.weight": 1}}, r"axis of 3\.weight=None"),
    ],
)
def test_bad_input_is_named(given_, fragment):
    model = small_net(seed=0)
    with pytest.raises(ValueError, match=fragment):
        lth.n_of_m(lth.Mask.ones(model), lth.magnitude(model), **given_)
    with pytest.raises(ValueError, match="NaN"):
        scores = {n: torch.full_like(s, float("nan")) for n, s in lth.magnitude(model).items()}
        lth.n_of_m(lth.Mask.ones(model), scores)
