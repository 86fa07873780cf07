"""Masks: what counts as prunable, densities, distance, the shuffled control, files."""

from __future__ import annotations

import inspect
import textwrap

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import lthkit as lth
from lthkit.storage.files import DamagedFile
from tests.conftest import small_conv, small_net

bits = st.lists(st.booleans(), min_size=1, max_size=40)


def mask_of(*rows: list[bool]) -> lth.Mask:
    return lth.Mask({f"layer{i}": torch.tensor(row, dtype=torch.bool) for i, row in enumerate(rows)})


def test_only_weights_of_linear_and_convolutional_layers_are_prunable():
    """Catches: pruning biases (shrinkbench) or batch-norm gains ('weight' in name)."""
    assert list(lth.prunable(small_conv(seed=0))) == ["0.weight", "5.weight"]
    assert list(lth.prunable(nn.Linear(2, 3))) == ["weight"]
    assert lth.prunable(nn.BatchNorm1d(4)) == {}


def test_counts_and_densities():
    mask = mask_of([True, False, False, True], [True] * 6)
    assert (mask.total, mask.kept) == (10, 8)
    assert mask.density == pytest.approx(0.8) and mask.sparsity == pytest.approx(0.2)
    assert mask.per_layer() == {"layer0": 0.5, "layer1": 1.0}


def test_a_mask_is_a_copy():
    """Catches: a mask that changes when its source tensor does."""
    source = torch.ones(3, dtype=torch.bool)
    mask = lth.Mask({"w": source})
    source[0] = False
    assert mask.kept == 3


def test_apply_zeroes_exactly_the_removed_weights_even_nan():
    model = small_net(seed=0)
    before = {n: w.detach().clone() for n, w in lth.prunable(model).items()}
    with torch.no_grad():
        model[1].weight[0, 0] = float("nan")
    mask = lth.Mask({"1.weight": torch.rand(20, 64, generator=torch.Generator().manual_seed(0)) > 0.5})
    kept = mask["1.weight"].clone()
    kept[0, 0] = False
    lth.Mask({"1.weight": kept}).apply_(model)
    assert torch.equal(model[1].weight, torch.where(kept, before["1.weight"], torch.zeros(())))
    assert not torch.signbit(model[1].weight[~kept]).any()
    assert torch.equal(model[3].weight, before["3.weight"])


def test_a_mask_for_another_model_is_named():
    model = small_net(seed=0)
    with pytest.raises(ValueError, match="nonsense"):
        lth.Mask({"nonsense": torch.ones(2, dtype=torch.bool)}).apply_(model)
    with pytest.raises(ValueError, match=r"1\.weight \(3,\) \(model: \(20, 64\)\)"):
        lth.Mask({"1.weight": torch.ones(3, dtype=torch.bool)}).apply_(model)
    with pytest.raises(ValueError, match="exclude"):
        lth.Mask.ones(model, exclude=["7.weight"])
    with pytest.raises(TypeError, match="bool"):
        lth.Mask({"w": torch.ones(3)})
    with pytest.raises(ValueError, match="empty"):
        lth.Mask({})


@given(st.lists(bits, min_size=1, max_size=4), st.integers(0, 2**31))
def test_shuffled_keeps_counts(rows, seed):
    mask = mask_of(*rows)
    within, across = mask.shuffled(seed), mask.shuffled(seed, across=True)
    assert within.per_layer() == mask.per_layer()
    assert across.kept == mask.kept
    assert mask.shuffled(seed) == within and mask.shuffled(seed, across=True) == across


def test_shuffled_changes_the_mask_and_its_source_stays():
    """Catches: a shuffle that rebinds a local name and does nothing (Synaptic-Flow)."""
    rows = [[i % 3 == 0 for i in range(300)], [i % 5 == 0 for i in range(200)]]
    mask = mask_of(*rows)
    for across in (False, True):
        shuffled = mask.shuffled(0, across=across)
        assert shuffled != mask and shuffled.distance(mask) > 0.2
    assert mask == mask_of(*rows)
    assert mask.shuffled(0) != mask.shuffled(1)
    assert mask.shuffled(0, across=True).per_layer() != mask.per_layer()


def test_distance_is_the_fraction_that_differs():
    a, b = mask_of([True, True], [False, False]), mask_of([True, False], [False, True])
    assert a.distance(b) == 0.5 and a.distance(a) == 0.0
    with pytest.raises(ValueError):
        a.distance(mask_of([True, True]))


def test_subset():
    a, b = mask_of([True, False, False]), mask_of([True, True, False])
    assert a.issubset(b) and not b.issubset(a) and a.issubset(a)


@given(st.lists(bits, min_size=1, max_size=4))
def test_save_and_load_give_the_same_mask(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("masks") / "mask.npz"
    mask = mask_of(*rows)
    mask.save(path)
    assert lth.Mask.load(path) == mask


def test_load_refuses_what_is_not_a_mask(tmp_path):
    lth.Checkpoint.of(small_net(seed=0)).save(tmp_path / "checkpoint.npz")
    with pytest.raises(DamagedFile, match="not a mask"):
        lth.Mask.load(tmp_path / "checkpoint.npz")


def test_a_masked_state_is_packed_and_comes_back():
    """Catches values in another order, a removed place that is not 0, a dtype or a buffer that is lost, other keys."""
    kept = {"a": torch.tensor([[True, False], [True, True]]), "full": torch.ones(3, dtype=torch.bool),
            "none": torch.zeros(2, dtype=torch.bool)}  # fmt: skip
    state = {
        "a": torch.tensor([[1.5, 9.0], [-2.0, 3.0]], dtype=torch.float16),
        "count": torch.tensor(7),
        "full": torch.tensor([1.0, 2.0, 3.0]),
        "none": torch.tensor([4.0, 5.0]),
    }
    mask = lth.Mask(kept)
    arrays = mask.pack(state)
    assert list(arrays) == [
        "mask:a",
        "mask:full",
        "mask:none",
        "state:a",
        "state:count",
        "state:full",
        "state:none",
    ]
    assert arrays["state:a"].tolist() == [1.5, -2.0, 3.0] and arrays["state:none"].size == 0
    again, back = lth.Mask.unpack(arrays, mask.shapes())
    assert again == mask and back["count"] == 7
    assert back["a"].dtype == torch.float16 and back["a"].tolist() == [[1.5, 0.0], [-2.0, 3.0]]
    assert back["none"].tolist() == [0.0, 0.0] and back["full"].tolist() == [1.0, 2.0, 3.0]
    with pytest.raises(ValueError, match="'a' of shape"):
        lth.Mask.unpack({k: v for k, v in arrays.items() if k != "mask:a"}, mask.shapes())
    with pytest.raises(TypeError, match=r"bfloat16.*model\.float"):
        mask.pack(state | {"full": torch.ones(3, dtype=torch.bfloat16)})


@pytest.mark.filterwarnings("ignore:Initializing zero-element")
@pytest.mark.parametrize("scope", ["global", "layerwise"])
def test_a_layer_of_size_0_has_density_1(tiny, scope):
    """Catches: a division by zero, in the layer or in a network of such layers only."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 4), nn.Linear(4, 0), nn.Linear(0, 3))
    mask = lth.prune(lth.Mask.ones(net), lth.magnitude(net), 0.5, scope=scope)
    assert mask.per_layer() == {"1.weight": 0.5, "2.weight": 1.0, "3.weight": 1.0} and mask.density == 0.5
    result = lth.train(net, tiny, mask=mask, recipe=lth.Recipe(steps=2, batch_size=20, evaluate_every=2))
    assert result.steps == 2
    empty = nn.Sequential(nn.Flatten(), nn.Linear(64, 0), nn.Linear(0, 3))
    nothing = lth.Mask.ones(empty)
    assert (
        nothing.density == nothing.coverage(empty) == 1 and nothing.sparsity == nothing.distance(nothing) == 0
    )
    assert "density 1.0000" in repr(nothing)
    assert lth.train(empty, tiny, mask=nothing, recipe=lth.Recipe(steps=2, batch_size=20)).steps == 2


@given(bits, st.integers(0, 2**31))
def test_and_and_or(row, seed):
    """Catches: the one taken for the other, and an order of names that is the second mask's."""
    other = torch.rand(len(row), generator=torch.Generator().manual_seed(seed)) < 0.5
    a = lth.Mask({"x": torch.tensor(row), "y": ~other})
    b = lth.Mask({"y": other, "x": other})
    assert (a & b)["x"].tolist() == [p and q for p, q in zip(row, other.tolist(), strict=True)]
    assert (a | b)["x"].tolist() == [p or q for p, q in zip(row, other.tolist(), strict=True)]
    assert not (a & b)["y"].any() and (a | b)["y"].all()
    assert list(a & b) == list(a | b) == ["x", "y"] and list(b & a) == ["y", "x"]
    assert (a & b).issubset(a) and a.issubset(a | b)


def test_masks_of_other_names_or_shapes_are_not_joined():
    """Catches: names that only one of them has, which would be kept, or dropped, without a word."""
    a, b = mask_of([True, False], [True]), mask_of([True, False])
    text = r"differ in names or shapes: layer1: \[1\], not in the second"
    for call in (lambda: a & b, lambda: a | b):
        with pytest.raises(ValueError, match=text):
            call()
    with pytest.raises(ValueError, match=r"layer1: not in the first, \[1\]"):
        b & a
    with pytest.raises(ValueError, match=r"layer0: \[2\], \[3\]"):
        b & mask_of([True] * 3)
    for other in ({"layer0": torch.tensor([True])}, 1, None):
        with pytest.raises(TypeError, match="unsupported operand"):
            b & other
        with pytest.raises(TypeError, match="unsupported operand"):
            b | other


def test_the_reader_of_five_lines_reads_a_saved_mask(tmp_path, monkeypatch):
    """The lines of the docstring of `Mask.save`, run without lthkit's help."""
    text = inspect.getdoc(lth.Mask.save)
    code = textwrap.dedent(text[text.index("    import json") :])
    assert len(code.strip().splitlines()) == 5 and "lthkit" not in code
    monkeypatch.chdir(tmp_path)
    g = torch.Generator().manual_seed(0)
    shapes = [(3, 5), (17,), (2, 3, 2, 2), (1,), (8, 8), ()]
    mask = lth.Mask({f"layer {i}": torch.rand(shape, generator=g) < 0.5 for i, shape in enumerate(shapes)})
    mask.save("mask.npz")
    names = {}
    exec(code, names)
    assert list(names["mask"]) == list(mask)
    for name, kept in mask.items():
        assert names["mask"][name].shape == tuple(kept.shape) and names["mask"][name].dtype == bool
        assert torch.equal(torch.from_numpy(names["mask"][name]), kept)
