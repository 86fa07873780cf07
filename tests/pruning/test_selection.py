"""Selection: exact counts, ties by index, nesting, scopes, the guard, and agreement with torch."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.utils import prune as torch_prune

import lthkit as lth
from tests.conftest import small_net

scores_of = st.lists(
    st.one_of(st.integers(0, 3).map(float), st.floats(-1e3, 1e3, width=32, allow_subnormal=True)),
    min_size=2,
    max_size=60,
)
fractions = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.1, 0.2, 0.25, 0.3, 0.5, 0.9, 1.0]))


def two_layers(values: list[float]) -> tuple[lth.Mask, dict[str, torch.Tensor]]:
    half = len(values) // 2
    scores = {"a": torch.tensor(values[:half]), "b": torch.tensor(values[half:])}
    return lth.Mask({n: torch.ones_like(s, dtype=torch.bool) for n, s in scores.items()}), scores


@given(scores_of, fractions)
def test_exactly_round_fraction_times_remaining_go_the_lowest_first(values, fraction):
    """Catches: n+1 pruned (open_lth), all ties pruned (kthvalue with >), int() truncation."""
    mask, scores = two_layers(values)
    smaller = lth.prune(mask, scores, fraction, min_kept=0)
    count = round(fraction * len(values))
    order = sorted(range(len(values)), key=lambda i: (torch.tensor(values[i]).item(), i))
    expected = [i not in order[:count] for i in range(len(values))]
    assert torch.cat([smaller["a"], smaller["b"]]).tolist() == expected
    again = lth.prune(smaller, scores, fraction, min_kept=0)
    assert smaller.kept - again.kept == round(fraction * smaller.kept)
    assert again.issubset(smaller)


@given(scores_of, fractions)
def test_layerwise_counts_each_layer_by_itself(values, fraction):
    mask, scores = two_layers(values)
    smaller = lth.prune(mask, scores, fraction, scope="layerwise", overrides={"b": 0.5}, min_kept=0)
    assert int(smaller["a"].sum()) == len(scores["a"]) - round(fraction * len(scores["a"]))
    assert int(smaller["b"].sum()) == len(scores["b"]) - round(0.5 * len(scores["b"]))


def test_the_issue_of_ten_weights():
    """int((1 - 0.8) * 10) is 1; 20 % of 10 weights are 2."""
    mask, scores = two_layers([float(i) for i in range(10)])
    assert lth.prune(mask, scores, 0.2).kept == 8
    assert lth.prune(mask, scores, 1 - 0.8).kept == 8


def test_all_equal_scores_go_by_flat_index():
    mask, scores = two_layers([1.0] * 10)
    smaller = lth.prune(mask, scores, 0.3)
    assert torch.cat([smaller["a"], smaller["b"]]).tolist() == [False] * 3 + [True] * 7


def test_masks_nest_over_25_rounds_without_the_output_layer():
    """Catches: revived weights (Synaptic-Flow), an error with an ignored layer (open_lth), a count of ignored weights."""
    model = lth.models.lenet_300_100(seed=0)
    mask = lth.Mask.ones(model, exclude=["fc3.weight"])
    for r in range(25):
        smaller = lth.prune(mask, lth.random(model, seed=r), 0.2)
        assert smaller.issubset(mask) and mask.kept - smaller.kept == round(0.2 * mask.kept)
        mask = smaller
    assert "fc3.weight" not in mask and mask.density == pytest.approx(0.8**25, rel=0.01)


def test_removed_weights_stay_out_whatever_their_score():
    mask, scores = two_layers([1.0, 2.0, 3.0, 4.0])
    smaller = lth.prune(mask, scores, 0.5, min_kept=0)
    scores["a"] += 100
    again = lth.prune(smaller, scores, 0.5, min_kept=0)
    assert torch.cat([again["a"], again["b"]]).tolist() == [False, False, False, True]
    scores["a"][:] = float("nan")  # scores of removed weights are never looked at
    assert lth.prune(smaller, scores, 0.5, min_kept=0) == again


def test_global_magnitude_equals_torch():
    model = small_net(seed=3)
    mask = lth.prune(lth.Mask.ones(model), lth.magnitude(model), 0.37)
    theirs = deepcopy(model)
    targets = [(m, "weight") for m in theirs if hasattr(m, "weight")]
    torch_prune.global_unstructured(targets, torch_prune.L1Unstructured, amount=mask.total - mask.kept)
    for name, (module, _) in zip(mask, targets, strict=True):
        assert torch.equal(mask[name], module.weight_mask.bool())


def test_the_guard_keeps_the_best_of_a_layer_and_the_count_exact():
    mask, scores = two_layers([0.1, 0.3, 0.2, 5.0, 6.0, 7.0])
    smaller = lth.prune(mask, scores, 0.5)
    assert smaller["a"].tolist() == [False, True, False] and smaller["b"].tolist() == [False, True, True]
    assert lth.prune(mask, scores, 0.5, min_kept=0)["a"].sum() == 0
    with pytest.raises(lth.LayerCollapse, match="min_kept=1"):
        lth.prune(mask, scores, 1.0)
    with pytest.raises(lth.LayerCollapse, match="a,? ?"):
        lth.prune(mask, scores, 0.9, scope="layerwise")


def test_float16_scores_are_ranked_as_they_are():
    mask, scores = two_layers([0.5, 0.25, 1.0, 2.0])
    half = {n: s.half() for n, s in scores.items()}
    assert lth.prune(mask, half, 0.5) == lth.prune(mask, scores, 0.5)


@given(st.integers(1, 400), st.floats(0, 1))
def test_prune_to_keeps_exactly_round_density_times_total(n, density):
    mask = lth.Mask({"w": torch.ones(n, dtype=torch.bool)})
    scores = {"w": torch.rand(n, generator=torch.Generator().manual_seed(n))}
    for scope in ("global", "layerwise"):
        assert lth.prune_to(mask, scores, density, scope=scope, min_kept=0).kept == round(density * n)


def test_one_shot_to_the_ladder_reaches_the_same_densities():
    assert lth.ladder(0.2, 3) == pytest.approx([1, 0.8, 0.64, 0.512])
    assert lth.fraction_for(0.512, 3) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("kwargs", "fragment"),
    [
        ({"fraction": 1.2}, "1.2"),
        ({"fraction": -0.1}, "-0.1"),
        ({"fraction": float("nan")}, "nan"),
        ({"fraction": "0.2"}, "'0.2'"),
        ({"scope": "local"}, "layerwise"),
        ({"overrides": {"b": 0.1}}, "scope='layerwise'"),
        ({"overrides": {"c": 0.1}, "scope": "layerwise"}, "'c'"),
        ({"overrides": {"b": 2}, "scope": "layerwise"}, "overrides\\['b'\\]"),
        ({"min_kept": -1}, "min_kept"),
        ({"scores": {"a": torch.ones(2)}}, "no entry for 'b'"),
        ({"scores": {"a": torch.ones(2), "b": torch.ones(3)}}, r"\(3,\)"),
        ({"scores": {"a": torch.ones(2), "b": torch.tensor([1.0, float("nan")])}}, "NaN"),
        ({"scores": {"a": torch.ones(2), "b": torch.tensor([1.0, float("inf")])}}, "infinite"),
        ({"scores": {"a": torch.ones(2), "b": torch.tensor([1, 2])}}, "floating"),
    ],
)
def test_bad_input_is_named(kwargs, fragment):
    mask, scores = two_layers([1.0, 2.0, 3.0, 4.0])
    with pytest.raises(ValueError, match=fragment):
        lth.prune(mask, kwargs.pop("scores", scores), kwargs.pop("fraction", 0.5), **kwargs)


def literally(mask: lth.Mask, scores: dict[str, torch.Tensor], count: int, min_kept: int) -> lth.Mask | None:
    """Global selection by full stable sorts, as the docstring of `prune` says it; None where layers would collapse."""
    removable = []
    for name, kept in mask.items():
        alive = kept.flatten().nonzero().squeeze(1)
        ranked = alive[scores[name].flatten()[alive].double().sort(stable=True).indices]
        spare = ranked[: max(0, len(ranked) - min_kept)].sort().values
        removable += [(float(scores[name].flatten()[i]), name, int(i)) for i in spare]
    if count > len(removable):
        return None
    after = {name: kept.flatten().clone() for name, kept in mask.items()}
    for _, name, i in sorted(removable, key=lambda entry: entry[0])[
        :count
    ]:  # stable: among equal, the first go
        after[name][i] = False
    return lth.Mask({name: after[name].view(kept.shape) for name, kept in mask.items()})


def hostile(kind: str, size: int, generator: torch.Generator) -> torch.Tensor:
    noise = torch.rand(size, generator=generator)
    match kind:
        case "all equal":
            return torch.full((size,), 0.3)
        case "few values":
            return (noise * 3).floor()
        case "two values":
            return (noise < 0.5).float()
        case "subnormal":
            return (noise * 50).floor() * 1e-45
        case "signed zeros":
            return torch.where(noise < 0.5, 0.0, -0.0)
        case "huge range":
            return torch.where(noise < 0.5, -1.0, 1.0) * 10 ** (
                76 * torch.rand(size, generator=generator) - 38
            )
        case "ascending":
            return torch.arange(size).float()
        case "descending":
            return -torch.arange(size).float()
    return noise


KINDS = [
    "all equal", "few values", "two values", "subnormal", "signed zeros", "huge range", "ascending", "descending",
    "noise",
]  # fmt: skip


@given(
    st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 50)), min_size=1, max_size=4),
    st.sampled_from([1.0, 0.8, 0.2]),
    fractions,
    st.sampled_from([0, 1, 3]),
    st.sampled_from([torch.float32, torch.float64, torch.float16, torch.bfloat16]),
    st.integers(0, 2**31),
)
def test_selection_equals_full_stable_sorts(layers, density, fraction, min_kept, dtype, seed):
    """Catches: the last of equal values removed; pruned entries ranked or revived; 16-bit scores that cannot
    be ranked; the guard applied once, though moving weights on trips it again.
    """
    generator = torch.Generator().manual_seed(seed)
    scores = {str(i): hostile(kind, size, generator).to(dtype) for i, (kind, size) in enumerate(layers)}
    scores = {n: s.nan_to_num() for n, s in scores.items()}  # the huge range is infinite in float16
    mask = lth.Mask({n: torch.rand(len(s), generator=generator) <= density for n, s in scores.items()})
    for name, kept in mask.items():
        scores[name][~kept] = float("nan") if seed % 2 else -1e4
    count = round(fraction * mask.kept)
    expected = literally(mask, scores, count, min_kept)
    if expected is None:
        with pytest.raises(lth.LayerCollapse):
            lth.prune(mask, scores, fraction, min_kept=min_kept)
    else:
        smaller = lth.prune(mask, scores, fraction, min_kept=min_kept)
        assert smaller == expected
        assert smaller.issubset(mask) and mask.kept - smaller.kept == count


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("density", [1.0, 0.5, 0.2])
def test_two_million_scores(kind, density):
    """Catches: a threshold off by one among many, pruned values that are ranked, ties taken from the wrong end."""
    size, generator = 2_000_003, torch.Generator().manual_seed(5)
    values = hostile(kind, size, generator)
    kept = torch.rand(size, generator=generator) <= density
    if density == 0.2:  # at 0.5, pruned scores lie among the others
        values[~kept] = float("nan")
    cut = size // 3
    mask = lth.Mask({"a": kept[:cut], "b": kept[cut:]})
    smaller = lth.prune(mask, {"a": values[:cut], "b": values[cut:]}, 0.2)
    alive = kept.nonzero().squeeze(1)
    order = alive[values[alive].sort(stable=True).indices]
    expected = kept.clone()
    expected[order[: round(0.2 * len(alive))]] = False
    assert torch.equal(torch.cat([smaller["a"], smaller["b"]]), expected)


def test_layers_of_different_types_share_one_exact_threshold():
    """Catches: a float64 threshold rounded to the first layer's float32, below which nothing lies."""
    scores = {"a": torch.tensor([5.0, 6.0]), "b": torch.tensor([1 + 2e-12, 1 + 1e-12], dtype=torch.float64)}
    mask = lth.Mask({n: torch.ones(2, dtype=torch.bool) for n in scores})
    smaller = lth.prune(mask, scores, 0.25)
    assert smaller["a"].all() and smaller["b"].tolist() == [True, False]


def test_finite_scores_whose_sum_is_not_are_in_order():
    """Catches: a sum taken as the verdict on finiteness; infinities that are counted among removed weights too."""
    mask, scores = two_layers([3e38, 3e38, 1e38, -3e38, -3e38, -1e38])
    assert lth.prune(mask, scores, 0.5, min_kept=0)["a"].all()
    scores["b"] = torch.tensor([float("inf"), float("-inf"), float("nan")])
    with pytest.raises(ValueError, match="has 3 NaN or infinite"):
        lth.prune(mask, scores, 0.5)
    two_out = lth.Mask({"a": mask["a"], "b": torch.tensor([False, True, False])})
    with pytest.raises(ValueError, match="has 1 NaN or infinite"):
        lth.prune(two_out, scores, 0.5)


def test_the_guard_may_reach_one_layer_after_another():
    """Catches: a guard that looks once: b is above it until it gives what a owes, then c gives for both."""
    scores = {
        "a": torch.tensor([1.0, 2.0]),
        "b": torch.tensor([3.0, 4.0]),
        "c": torch.tensor([5.0, 6.0, 7.0]),
    }
    mask = lth.Mask({n: torch.ones_like(s, dtype=torch.bool) for n, s in scores.items()})
    smaller = lth.prune(mask, scores, 3 / 7)
    assert [smaller[n].tolist() for n in "abc"] == [[False, True], [False, True], [False, True, True]]


def test_iterative_pruning_scores_what_remains():
    """The levels fall exponentially, to the exact count. Catches: scores of the whole net in every round, linear levels."""
    model, seen = small_net(seed=0), []
    before = deepcopy(model.state_dict())

    def score(masked):
        seen.append(sum(int(torch.count_nonzero(w)) for w in lth.prunable(masked).values()))
        return lth.random(masked, seed=len(seen))

    mask = lth.prune_iteratively(model, score, 0.04, rounds=4)
    assert seen == [round(1510 * 0.04 ** (r / 4)) for r in range(4)] and mask.kept == round(1510 * 0.04)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_iterative_pruning_goes_on_from_a_mask_and_one_round_is_one_shot():
    model = small_net(seed=0)
    once = lth.prune_to(lth.Mask.ones(model), lth.magnitude(model), 0.3)
    assert lth.prune_iteratively(model, lth.magnitude, 0.3, rounds=1) == once
    further = lth.prune_iteratively(model, lth.magnitude, 0.1, rounds=3, mask=once)
    assert further.issubset(once) and further.kept == 151


@pytest.mark.parametrize(
    ("density", "rounds", "message"),
    [
        (0.0, 3, "density=0.0"),
        (1.0, 3, "density=1.0"),
        (0.5, 0, "rounds=0"),
        (0.5, 1.5, "rounds=1.5"),
        (2, 3, "density=2"),
    ],
)
def test_bad_iterative_pruning_is_named(density, rounds, message):
    with pytest.raises(ValueError, match=message):
        lth.prune_iteratively(small_net(seed=0), lth.magnitude, density, rounds=rounds)


def literally_in_rows(
    mask: lth.Mask, scores: dict[str, torch.Tensor], going: dict[str, list[int]]
) -> lth.Mask:
    """Row by row, in plain Python: the lowest go, of equal ones the first."""
    after = {}
    for name, kept in mask.items():
        rows, values = kept.flatten(1).clone(), scores[name].flatten(1).double().tolist()
        for i, count in enumerate(going[name]):
            there = [j for j in range(rows.shape[1]) if rows[i, j]]
            for j in sorted(there, key=lambda j: values[i][j])[:count]:
                rows[i, j] = False
        after[name] = rows.view(kept.shape)
    return lth.Mask(after)


@given(
    st.lists(
        st.tuples(st.sampled_from(KINDS), st.integers(1, 5), st.integers(1, 12)), min_size=1, max_size=3
    ),
    st.sampled_from([1.0, 0.7]),
    fractions,
    st.sampled_from([torch.float32, torch.float64, torch.float16, torch.bfloat16]),
    st.integers(0, 2**31),
)
def test_by_row_each_row_is_counted_and_ranked_by_itself(layers, density, fraction, dtype, seed):
    """Catches: rows ranked together, columns taken for rows, a count of the layer shared out, removed entries ranked."""
    g = torch.Generator().manual_seed(seed)
    scores = {
        str(i): hostile(kind, r * c, g).to(dtype).nan_to_num().view(r, c)
        for i, (kind, r, c) in enumerate(layers)
    }
    mask = lth.Mask({n: torch.rand(s.shape, generator=g) <= density for n, s in scores.items()})
    for name, kept in mask.items():
        scores[name][~kept] = float("nan") if seed % 2 else -1e4
    going = {n: [round(fraction * k) for k in kept.sum(1).tolist()] for n, kept in mask.items()}
    smaller = lth.prune(mask, scores, fraction, scope="row", min_kept=0)
    assert smaller == literally_in_rows(mask, scores, going)
    if density == 1.0:
        surplus = {n: [t.shape[1] - round(fraction * t.shape[1])] * len(t) for n, t in mask.items()}
        one_shot = lth.prune_to(mask, scores, fraction, scope="row", min_kept=0)
        assert one_shot == literally_in_rows(mask, scores, surplus)


def test_rows_of_a_convolution_and_of_a_vector():
    """A row is what comes into one output channel; a vector is one row."""
    scores = {"conv": torch.arange(36.0).view(2, 2, 3, 3), "vector": torch.arange(4.0)}
    mask = lth.Mask({n: torch.ones_like(s, dtype=torch.bool) for n, s in scores.items()})
    smaller = lth.prune(mask, scores, 0.5, scope="row", overrides={"vector": 0.25})
    assert smaller["conv"].flatten(1).sum(1).tolist() == [9, 9]
    assert smaller["conv"].flatten(1)[1].tolist() == [False] * 9 + [True] * 9
    assert smaller["vector"].tolist() == [False, True, True, True]


def test_the_guard_of_rows():
    scores = {"a": torch.arange(8.0).view(4, 2)}
    mask = lth.Mask({"a": torch.tensor([[True, True], [True, False], [False, False], [True, True]])})
    with pytest.raises(
        lth.LayerCollapse, match=r"from 3 of 4 rows of a than may: each row keeps.*min_kept=1"
    ):
        lth.prune(mask, scores, 1.0, scope="row")
    assert lth.prune(mask, scores, 0.5, scope="row")["a"].sum(1).tolist() == [1, 1, 0, 1]
    assert lth.prune(mask, scores, 1.0, scope="row", min_kept=0).kept == 0
    with pytest.raises(ValueError, match="density=0.5 was given, but a row of a is already down to 0 of 2"):
        lth.prune_to(mask, scores, 0.5, scope="row")


@given(scores_of, st.floats(0, 1), st.floats(0, 1))
def test_layers_may_have_their_own_densities(values, one, other):
    mask, scores = two_layers(values)
    smaller = lth.prune_to(mask, scores, {"b": other, "a": one}, min_kept=0)
    for name, density in (("a", one), ("b", other)):
        alone = lth.Mask({name: mask[name]})
        expected = lth.prune_to(alone, scores, density, min_kept=0)[name]
        assert torch.equal(smaller[name], expected)
        assert int(smaller[name].sum()) == round(density * len(scores[name]))
    assert list(smaller) == ["a", "b"]
    only = lth.prune_to(mask, scores, {"a": one}, min_kept=0)
    assert torch.equal(only["a"], smaller["a"]) and only["b"].all()


def test_own_densities_by_row():
    scores = {"a": torch.arange(20.0).view(2, 10), "b": torch.arange(20.0).view(2, 10)}
    mask = lth.Mask({n: torch.ones_like(s, dtype=torch.bool) for n, s in scores.items()})
    smaller = lth.prune_to(mask, scores, {"b": 0.3}, scope="row")
    assert smaller["a"].all() and smaller["b"].sum(1).tolist() == [3, 3] and smaller["b"][:, -3:].all()


@pytest.mark.parametrize(
    ("density", "fragment"),
    [
        ({"c": 0.5}, r"density names 'c'; expected some of \['a', 'b'\]"),
        ({"a": 1.5}, r"density\['a'\]=1.5"),
        ({"a": "0.5"}, r"density\['a'\]='0.5'"),
        ({}, "empty dict"),
        ({"a": 0.75}, "density=0.75 was given, but a is already down to 0.5000"),
        ("0.5", "density='0.5'"),
        (None, "density=None"),
    ],
)
def test_bad_densities_are_named(density, fragment):
    mask, scores = two_layers([1.0, 2.0, 3.0, 4.0])
    mask = lth.prune(mask, scores, 0.5, scope="layerwise")
    with pytest.raises(ValueError, match=fragment):
        lth.prune_to(mask, scores, density)


def test_iterative_pruning_to_own_densities():
    """Catches: a level of the whole that is taken for each layer, and a last round that misses the densities."""
    model, seen = small_net(seed=0), []
    wanted = {"1.weight": 0.1, "5.weight": 0.5}

    def score(masked, *, mask, round):
        seen.append((round, mask.per_layer()))
        return lth.magnitude(masked)

    mask = lth.prune_iteratively(model, score, wanted, rounds=3)
    assert {n: int(mask[n].sum()) for n in mask} == {"1.weight": 128, "3.weight": 200, "5.weight": 15}
    assert [r for r, _ in seen] == [1, 2, 3]
    for r, parts in seen:
        assert parts["1.weight"] == pytest.approx(0.1 ** ((r - 1) / 3), abs=1e-3) and parts["3.weight"] == 1
    with pytest.raises(ValueError, match=r"density=0.5 was given for 5\.weight.*down to 0.1000"):
        lth.prune_iteratively(
            model,
            score,
            {"5.weight": 0.5},
            rounds=2,
            mask=lth.prune_to(mask, lth.magnitude(model), {"5.weight": 0.1}),
        )
    with pytest.raises(ValueError, match=r"density=0.0 was given"):
        lth.prune_iteratively(model, score, {"5.weight": 0.0}, rounds=2)


def test_the_drivers_prune_by_row(tiny):
    """Catches: a driver that knows two scopes only, or that ranks a layer where rows were asked for."""
    shared = {"recipe": lth.Recipe(steps=15, batch_size=20, evaluate_every=15), "scope": "row"}
    found = {
        "imp": list(lth.imp(small_net, tiny, rounds=2, fraction=0.5, **shared))[-1].mask,
        "one_shot": list(lth.one_shot(small_net, tiny, densities=[0.25], **shared))[-1].mask,
        "prune_at_init": lth.prune_at_init(
            small_net, tiny, score=lth.magnitude, density=0.25, rounds=3, **shared
        ).mask,
        "early_bird": lth.tickets.early_bird(small_net, tiny, density=0.25, window=2, **shared).masks[-1],
    }
    for name, mask in found.items():
        for kept in mask.values():
            wanted, once = round(0.25 * kept.shape[1]), kept.shape[1] - round(0.5 * kept.shape[1])
            if name == "imp":  # each cut rounds by itself
                wanted = once - round(0.5 * once)
            assert set(kept.sum(1).tolist()) == {wanted}, name
