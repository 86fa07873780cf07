"""Densities of layers: Erdos-Renyi-Kernel as in the paper and in the authors' code, with an exact total."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import lthkit as lth
from tests.conftest import small_conv, small_net

shapes_of = st.lists(
    st.one_of(
        st.tuples(st.integers(1, 40), st.integers(1, 60)),
        st.tuples(st.integers(1, 20), st.integers(1, 20), st.integers(1, 5), st.integers(1, 5)),
    ),
    min_size=1,
    max_size=6,
)


def mask_of(shapes: list[tuple[int, ...]]) -> lth.Mask:
    return lth.Mask({f"w{i}": torch.ones(shape, dtype=torch.bool) for i, shape in enumerate(shapes)})


def as_the_authors(shapes: list[tuple[int, ...]], density: float) -> list[float]:
    """Slowly, in floats, one layer at a time that would have more than all: `get_sparsities_erdos_renyi` of the authors."""
    raw = [sum(shape) / prod(shape) for shape in shapes]
    dense: set[int] = set()
    while len(dense) < len(shapes):
        budget = density * sum(map(prod, shapes)) - sum(prod(shapes[i]) for i in dense)
        scale = budget / sum(raw[i] * prod(shapes[i]) for i in range(len(shapes)) if i not in dense)
        worst = max((i for i in range(len(shapes)) if i not in dense), key=lambda i: raw[i])
        if scale * raw[worst] <= 1:
            return [1.0 if i in dense else scale * raw[i] for i in range(len(shapes))]
        dense.add(worst)
    return [1.0] * len(shapes)


@given(shapes_of, st.floats(0, 1))
def test_erk_is_that_of_the_paper_and_its_total_is_exact(shapes, density):
    mask = mask_of(shapes)
    found = lth.erk(mask, density)
    assert list(found) == list(mask) and all(0 <= d <= 1 for d in found.values())
    kept = lth.prune_to(mask, {n: torch.rand(t.shape) for n, t in mask.items()}, found, min_kept=0)
    assert kept.kept == round(density * mask.total)
    for shape, one, other in zip(shapes, found.values(), as_the_authors(shapes, density), strict=True):
        # the authors' total is no whole number of weights; ours is, and no layer has a whole weight more or less
        assert abs(one - other) * prod(shape) < 1.5


@given(shapes_of, st.floats(0, 1))
def test_each_share_is_rounded_to_a_neighbour(shapes, density):
    """Catches: leftovers that all go to one layer."""
    total = sum(map(prod, shapes))
    found = lth.erk(mask_of(shapes), density)
    exact = as_the_authors(shapes, round(density * total) / total)
    for shape, one, other in zip(shapes, found.values(), exact, strict=True):
        assert abs(one - other) * prod(shape) < 1 + 1e-6


def test_lenet_by_hand():
    """266,200 weights, 10 %: no layer is full at first but the last, [10, 100], whose raw density is 0.11."""
    found = lth.erk(lth.models.lenet_300_100(seed=0), 0.1)
    parts = [784 + 300, 300 + 100, 100 + 10]
    assert 26620 * parts[2] / sum(parts) > 1000  # more than all of the last layer's weights
    rest = 26620 - 1000
    expected = [rest * parts[0] / (parts[0] + parts[1]), rest * parts[1] / (parts[0] + parts[1]), 1000]
    counts = [round(d * n) for d, n in zip(found.values(), (235200, 30000, 1000), strict=True)]
    assert counts == [round(c) for c in expected] and sum(counts) == 26620


def test_a_kernel_counts():
    """Catches: Erdos-Renyi without the kernel, which gives a convolution of the same channels another share."""
    found = lth.erk(mask_of([(64, 64, 3, 3), (64, 64)]), 0.05)
    counts = [round(found["w0"] * 64 * 64 * 9), round(found["w1"] * 64 * 64)]
    assert counts[0] / counts[1] == pytest.approx((64 + 64 + 3 + 3) / 128, rel=0.01)


def test_what_is_excluded_is_not_counted_and_what_is_included_is():
    model = small_net(seed=0)
    found = lth.erk(model, 0.5, exclude="5.weight")
    assert list(found) == ["1.weight", "3.weight"]
    assert round(found["1.weight"] * 1280) + round(found["3.weight"] * 200) == 740
    assert lth.erk(lth.Mask.ones(model, exclude="5.weight"), 0.5) == found
    assert list(lth.erk(small_conv(seed=0), 0.5)) == ["0.weight", "5.weight"]
    assert lth.erk(model, 1.0) == {"1.weight": 1.0, "3.weight": 1.0, "5.weight": 1.0}
    assert lth.erk(model, np.float32(0.5)) == lth.erk(model, 0.5)


@pytest.mark.parametrize(
    ("call", "fragment"),
    [
        (lambda net: lth.erk(net, 5), "density=5"),
        (lambda net: lth.erk(net, float("nan")), "density=nan"),
        (
            lambda net: lth.erk(lth.Mask.ones(net), 0.5, exclude="5.weight"),
            "exclude or include was given with a mask",
        ),
    ],
)
def test_bad_input_is_named(call, fragment):
    with pytest.raises(ValueError, match=fragment):
        call(small_net(seed=0))


def test_a_layer_that_would_get_nothing_is_refused_by_the_selection():
    mask = mask_of([(1000, 1000), (300, 300)])
    scores = {n: torch.rand(t.shape) for n, t in mask.items()}
    with pytest.raises(lth.LayerCollapse):
        lth.prune_to(mask, scores, lth.erk(mask, 1e-6))


def test_the_drivers_take_own_densities(tiny):
    recipe = lth.Recipe(steps=6, batch_size=20, evaluate_every=6)
    densities = lth.erk(small_net(seed=0), 0.3)

    def score(model):
        return lth.random(model, seed=0)

    once = lth.prune_at_init(small_net, tiny, score=score, density=densities, recipe=recipe)
    assert once.mask.kept == round(0.3 * 1510) and once.mask.per_layer() == densities
    rounds = list(lth.one_shot(small_net, tiny, densities=[densities, 0.1], recipe=recipe))
    assert rounds[1].mask.per_layer() == densities and rounds[2].mask.kept == 151


def test_one_shot_with_own_densities_goes_on_in_its_folder(tiny, tmp_path):
    recipe, densities = lth.Recipe(steps=6, batch_size=20, evaluate_every=6), lth.erk(small_net(seed=0), 0.3)
    first = list(lth.one_shot(small_net, tiny, densities=[densities], recipe=recipe, folder=tmp_path))
    again = list(lth.one_shot(small_net, tiny, densities=[densities], recipe=recipe, folder=tmp_path))
    assert [r.trained.fingerprint for r in first] == [r.trained.fingerprint for r in again]
    with pytest.raises(lth.storage.RunMismatch):
        list(
            lth.one_shot(
                small_net, tiny, densities=[densities | {"1.weight": 0.2}], recipe=recipe, folder=tmp_path
            )
        )
