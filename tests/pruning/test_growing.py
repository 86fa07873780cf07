"""Growing is pruning backwards: exact counts, ties, scopes; grown weights begin at 0."""

from __future__ import annotations

import inspect
import textwrap

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

import lthkit as lth
from tests.conftest import small_net
from tests.pruning.test_selection import KINDS, fractions, hostile


def drawn(layers, density, seed, dtype=torch.float32):
    g = torch.Generator().manual_seed(seed)
    scores = {
        str(i): hostile(kind, r * c, g).to(dtype).nan_to_num().view(r, c)
        for i, (kind, r, c) in enumerate(layers)
    }
    mask = lth.Mask({n: torch.rand(s.shape, generator=g) <= density for n, s in scores.items()})
    for name, kept in mask.items():
        scores[name][kept] = float("nan")  # scores of what is kept are never looked at
    return mask, scores


def literally(out: list[tuple[float, int]], count: int) -> list[int]:
    """Places of the `count` highest, of equal scores the last."""
    return [i for _, i in sorted(out, reverse=True)[:count]]


layers_of = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(1, 5), st.integers(1, 12)), min_size=1, max_size=3
)


@given(
    layers_of,
    st.sampled_from([0.0, 0.3, 0.8, 1.0]),
    fractions,
    st.sampled_from([torch.float32, torch.float64, torch.bfloat16]),
    st.integers(0, 2**31),
)
def test_exactly_so_many_come_back_the_highest_first(layers, density, fraction, dtype, seed):
    mask, scores = drawn(layers, density, seed, dtype)
    flat = torch.cat([mask[n].flatten() for n in mask])
    values = torch.cat([scores[n].flatten().double() for n in mask]).tolist()
    out = [(values[i], i) for i in range(len(flat)) if not flat[i]]
    count = round(fraction * len(out))
    expected = flat.clone()
    expected[literally(out, count)] = True
    for larger in (lth.grow(mask, scores, fraction), lth.grow(mask, scores, n=count)):
        assert torch.equal(torch.cat([larger[n].flatten() for n in larger]), expected)
        assert mask.issubset(larger) and larger.kept == mask.kept + count


@given(layers_of, st.sampled_from([0.0, 0.3, 0.8]), fractions, st.integers(0, 2**31))
def test_layers_and_rows_are_counted_by_themselves(layers, density, fraction, seed):
    mask, scores = drawn(layers, density, seed)
    each, rows = (
        lth.grow(mask, scores, fraction, scope="layerwise"),
        lth.grow(mask, scores, fraction, scope="row"),
    )
    named = lth.grow(mask, scores, dict.fromkeys(mask, fraction))
    assert named == each
    for name, kept in mask.items():
        values = scores[name].double()
        flat = kept.flatten().clone()
        out = [(v, i) for i, v in enumerate(values.flatten().tolist()) if not flat[i]]
        flat[literally(out, round(fraction * len(out)))] = True
        assert torch.equal(each[name].flatten(), flat)
        for i, row in enumerate(kept):
            expected = row.clone()
            out = [(v, j) for j, v in enumerate(values[i].tolist()) if not row[j]]
            expected[literally(out, round(fraction * len(out)))] = True
            assert torch.equal(rows[name][i], expected)


@given(
    layers_of, fractions, fractions, st.sampled_from(["global", "layerwise", "row"]), st.integers(0, 2**31)
)
def test_growing_undoes_pruning(layers, first, second, scope, seed):
    """Catches: ties that come back in another order than they went."""
    _, scores = drawn(layers, 0.0, seed)
    whole = lth.Mask({n: torch.ones_like(s, dtype=torch.bool) for n, s in scores.items()})
    once = lth.prune(whole, scores, first, scope=scope, min_kept=0)
    twice = lth.prune(once, scores, second, scope=scope, min_kept=0)
    if scope == "global":
        assert lth.grow(twice, scores, n=once.kept - twice.kept) == once
    elif scope == "layerwise":
        assert lth.grow(twice, scores, n={n: int(once[n].sum() - twice[n].sum()) for n in once}) == once
    assert lth.grow(twice, scores, 1.0, scope=scope) == whole


def test_a_number_for_each_layer_or_row():
    mask = lth.Mask({"a": torch.zeros(2, 4, dtype=torch.bool), "b": torch.zeros(3, 4, dtype=torch.bool)})
    scores = {n: torch.arange(t.numel()).float().view(t.shape) for n, t in mask.items()}
    assert lth.grow(mask, scores, n=2)["b"].flatten().nonzero().flatten().tolist() == [10, 11]
    each = lth.grow(mask, scores, n=2, scope="layerwise")
    assert [int(t.sum()) for t in each.values()] == [2, 2]
    assert lth.grow(mask, scores, n=2, scope="row")["b"].sum(1).tolist() == [2, 2, 2]
    own = lth.grow(mask, scores, n={"b": 5})
    assert [int(t.sum()) for t in own.values()] == [0, 5]
    assert lth.grow(mask, scores, n={"b": 1}, scope="row")["b"].sum(1).tolist() == [1, 1, 1]
    assert lth.grow(mask, scores, {"a": 0.25})["a"].sum() == 2


@pytest.mark.parametrize(
    ("given_", "fragment"),
    [
        ({}, "fraction=None, n=None were given; expected one of the two"),
        ({"fraction": 0.5, "n": 3}, "fraction=0.5, n=3 were given"),
        (
            {"fraction": 1},
            "fraction=1 was given; expected a fraction from 0.0 to 1.0, written as a float.*n=1",
        ),
        ({"fraction": 30}, "n=30"),
        ({"fraction": 1.5}, "fraction=1.5"),
        ({"fraction": {"a": 1}}, r"fraction\['a'\]=1 was given"),
        ({"fraction": {"c": 0.5}}, "fraction names 'c'"),
        ({"n": 0.5}, "n=0.5 was given; expected a whole number"),
        ({"n": -1}, "n=-1"),
        ({"n": True}, "n=True"),
        ({"n": 9}, "n=9 was given, and of a, b only 8 weights are out"),
        ({"n": 5, "scope": "layerwise"}, "n=5 was given, and of a only 4 weights are out"),
        ({"n": 3, "scope": "row"}, "n=3 was given, and of a row of a only 2 weights are out"),
        ({"n": {"b": 5}}, "of b only 4"),
        ({"n": {"c": 1}}, "n names 'c'; expected some of"),
        ({"fraction": 0.5, "scope": "x"}, "scope='x'.*'row'"),
    ],
)
def test_bad_input_is_named(given_, fragment):
    mask = lth.Mask({n: torch.zeros(2, 2, dtype=torch.bool) for n in "ab"})
    scores = {n: torch.ones(2, 2) for n in mask}
    with pytest.raises(ValueError, match=fragment):
        lth.grow(mask, scores, **given_)


def test_scores_that_are_no_numbers_are_refused_where_they_count():
    mask = lth.Mask({"a": torch.tensor([[True, False]])})
    with pytest.raises(ValueError, match="has 1 NaN or infinite values among the removed weights"):
        lth.grow(mask, {"a": torch.tensor([[1.0, float("nan")]])}, n=1)
    assert lth.grow(mask, {"a": torch.tensor([[float("nan"), 1.0]])}, n=1).kept == 2
    with pytest.raises(ValueError, match="no entry for 'a'"):
        lth.grow(mask, {}, n=1)
    with pytest.raises(TypeError, match="mask is a Sequential"):
        lth.grow(small_net(seed=0), {}, n=1)  # type: ignore[arg-type]


def test_sparse_training_with_a_mask_that_moves():
    """The lines of the docstring, in sparse training: the count stays, what comes back begins at 0 with its own state at 0, and moves.

    Catches: a weight that was cut a moment ago and comes back with its old value; a score that sees masked gradients.
    """
    text = inspect.getdoc(lth.grow)
    code = textwrap.dedent(text[text.index("    gradients = torch") : text.index("\nA block of")])
    model = small_net(seed=0)
    mask = lth.prune_to(lth.Mask.ones(model), lth.random(model, seed=0), lth.erk(model, 0.2))
    optimizer, kept = torch.optim.AdamW(model.parameters(), lr=0.01), mask.kept
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(60, 1, 8, 8, generator=g), torch.randint(3, (60,), generator=g)
    for _ in range(4):
        with mask.held(model, optimizer):
            for _ in range(5):
                optimizer.zero_grad()
                F.cross_entropy(model(x), y).backward()
                optimizer.step()
            loss = F.cross_entropy(model(x), y)
        names = {"lth": lth, "torch": torch, "model": model, "mask": mask, "loss": loss}
        exec(code, names)
        assert any(bool(d[~mask[n]].any()) for n, d in zip(mask, names["gradients"], strict=True))
        before, mask, smaller = mask, names["mask"], names["smaller"]
        assert mask.kept == kept and mask.per_layer() == before.per_layer() and mask != before
        for name in mask:
            new = mask[name] & ~smaller[name]
            fresh = new & ~before[name]
            weight = model.get_parameter(name)
            assert new.any() and not weight[new].any()
            assert not optimizer.state[weight]["exp_avg"][fresh].any()
    with mask.held(model, optimizer):
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    moved = [model.get_parameter(n).detach()[mask[n] & ~smaller[n]] for n in mask]
    assert float(torch.cat(moved).abs().max()) > 0


def test_the_first_updates_of_a_grown_weight_are_as_the_docstring_says():
    weight = torch.nn.Parameter(torch.zeros(1, 2))
    model = torch.nn.Linear(2, 1, bias=False)
    model.weight = weight
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    mask = lth.Mask({"weight": torch.tensor([[True, False]])})
    with mask.held(model, optimizer):
        for _ in range(5000):
            optimizer.zero_grad()
            model(torch.ones(1, 2)).sum().backward()
            optimizer.step()
    before = float(weight[0, 1].detach())
    optimizer.zero_grad()
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    assert before == 0 and abs(float(weight[0, 1].detach())) / 1e-3 == pytest.approx(
        0.1 / 0.001**0.5, rel=0.01
    )
