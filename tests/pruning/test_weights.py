"""What is prunable: one entry a Parameter, in any layer that the field prunes; computed weights are refused by name."""

from __future__ import annotations

import logging
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, spectral_norm, weight_norm
from torch.nn.utils.prune import l1_unstructured, random_unstructured

import lthkit as lth
from lthkit.pruning import masks
from lthkit.pruning.scores import for_mask
from lthkit.pruning.weights import matrices


class Words(nn.Module):
    """A decoder tied to its embedding, recurrent layers and attention between, a raw matrix beside."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(10, 8)
        self.lstm = nn.LSTM(8, 8, 2, bidirectional=True, proj_size=4)
        self.attention = nn.MultiheadAttention(8, 2)
        self.other = nn.MultiheadAttention(8, 2, kdim=4, vdim=4)
        self.cell = nn.GRUCell(3, 4)
        self.norm = nn.LayerNorm((2, 8))
        self.place = nn.Parameter(torch.zeros(1, 5, 8))
        self.decoder = nn.Linear(8, 10)
        self.decoder.weight = self.embedding.weight


LSTM = [f"lstm.weight_{k}_l{i}{r}" for i in (0, 1) for r in ("", "_reverse") for k in ("ih", "hh", "hr")]
ATTENTION = ["attention.in_proj_weight", "attention.out_proj.weight"]
OTHER = [f"other.{k}_proj_weight" for k in "qkv"] + ["other.out_proj.weight"]
CELL = ["cell.weight_ih", "cell.weight_hh"]


def test_recurrent_and_attention_weights_are_prunable_and_embeddings_when_named():
    """Catches: layers left out in silence, biases of two-dimensional kin (attention's bias_k, a norm over two axes)."""
    words = Words()
    assert list(lth.prunable(words)) == ["embedding.weight", *LSTM, *ATTENTION, *OTHER, *CELL]
    del words.decoder
    assert list(lth.prunable(words)) == [*LSTM, *ATTENTION, *OTHER, *CELL]
    assert list(lth.prunable(words, "lstm*", include=("embedding.weight", "place"))) == [
        "place",
        "embedding.weight",
        *ATTENTION,
        *OTHER,
        *CELL,
    ]
    biased = nn.MultiheadAttention(4, 2, add_bias_kv=True)
    assert list(lth.prunable(biased)) == ["in_proj_weight", "out_proj.weight"]
    assert "bias_k" in matrices(biased) and lth.Mask.ones(biased).coverage(biased) == 64 / 72


@pytest.mark.parametrize(
    "layer",
    [
        nn.ConvTranspose1d(2, 3, 2),
        nn.ConvTranspose2d(2, 3, 2),
        nn.ConvTranspose3d(2, 3, 2),
        nn.Conv2d(4, 4, 3, groups=4),
        nn.Bilinear(2, 3, 4),
        nn.RNN(2, 3),
        nn.GRU(2, 3),
        nn.RNNCell(2, 3),
        nn.LSTMCell(2, 3),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_every_matrix_of_these_layers_is_counted_and_zeroed(layer):
    """The oracle: a loop over all parameters, one by one."""
    mask = lth.prune(lth.Mask.ones(layer), lth.magnitude(layer), 0.5)
    mask.apply_(layer)
    total = zeros = 0
    for parameter in layer.parameters():
        if parameter.ndim >= 2:
            for value in parameter.detach().flatten().tolist():
                total += 1
                zeros += value == 0
    assert (mask.total, mask.total - mask.kept) == (total, zeros) and mask.coverage(layer) == 1


def test_a_tied_weight_is_one_entry_by_any_of_its_names():
    words = Words()
    mask = lth.Mask.ones(words)
    own = {id(p): p for p in words.parameters() if p.ndim >= 2}
    everything = sum(p.numel() for p in own.values())
    assert (
        mask.total == everything - words.place.numel() - words.norm.weight.numel() - words.norm.bias.numel()
    )
    for name in ("embedding.weight", "decoder.weight", "decoder.*", "embed*"):
        assert lth.Mask.ones(words, name).total == mask.total - 80
    with pytest.raises(ValueError, match=r"decoder\.weight is embedding\.weight"):
        lth.Mask({"decoder.weight": torch.ones(10, 8, dtype=torch.bool)}).check(words)
    layer = nn.Linear(3, 3)
    twice = nn.Sequential(layer, nn.ReLU(), layer)
    assert lth.Mask.ones(twice).total == 9 and lth.models.count_weights(twice) == 9
    assert lth.models.output_layer(twice) == "0.weight"


def _pruned_twice(layer):
    random_unstructured(l1_unstructured(layer, "weight", 0.5), "weight", 0.2)


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(
    ("compute", "undo"),
    [
        (weight_norm, "nn.utils.remove_weight_norm(model.get_submodule('0'), \"weight\")"),
        (spectral_norm, "nn.utils.remove_spectral_norm"),
        (parametrizations.weight_norm, "parametrize.remove_parametrizations"),
        (parametrizations.spectral_norm, "parametrize.remove_parametrizations"),
        (parametrizations.orthogonal, "parametrize.remove_parametrizations"),
        (lambda layer: l1_unstructured(layer, "weight", 0.5), "nn.utils.prune.remove"),
        (_pruned_twice, "nn.utils.prune.remove"),
    ],
)
def test_a_computed_weight_is_refused_with_the_remedy_or_left_out(compute, undo):
    """Catches: a mask on a weight that the next pass makes anew, and a density that counts it."""
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    plain = lth.Mask.ones(net)
    compute(net[0])
    for call in (
        lth.prunable,
        lth.Mask.ones,
        plain.check,
        plain.apply_,
        lambda n: lth.prunable(n, include="0.*"),
    ):
        with pytest.raises(ValueError, match=r"^0\.weight of 0 \(\w*Linear\) is no parameter") as caught:
            call(net)
        assert undo in str(caught.value) and "exclude='0.weight'" in str(caught.value)
    rest = lth.Mask.ones(net, exclude="0.weight")
    assert list(rest) == ["1.weight"] and rest.coverage(net) < 0.6
    rest.apply_(net)
    exec(
        "import torch; torch." + str(caught.value).split("torch.")[-1].split(", or leave")[0], {"model": net}
    )
    assert lth.Mask.ones(net).total == 18, "the remedy is one"
    plain.check(net)


def test_a_computed_embedding_or_bias_stands_in_nobodys_way():
    net = nn.Sequential(nn.Embedding(3, 4), nn.Linear(4, 4))
    parametrizations.spectral_norm(net[0])
    l1_unstructured(net[1], "bias", 0.5)
    assert list(lth.prunable(net)) == ["1.weight"]
    with pytest.raises(ValueError, match="remove_parametrizations"):
        lth.prunable(net, include="0.weight")


def test_two_parameters_in_one_memory_are_refused():
    """Catches: a tie made through .data, of which a mask would count both ends."""
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    net[1].weight.data = net[0].weight.data
    with pytest.raises(ValueError, match=r"0\.weight and 1\.weight are two parameters in the same memory"):
        lth.prunable(net)
    net[1].weight = nn.Parameter(torch.zeros(1, 3).expand(3, 3))
    with pytest.raises(ValueError, match=r"1\.weight share memory.*clone"):
        lth.prunable(net)
    side_by_side = torch.zeros(3, 6)
    net[0].weight, net[1].weight = nn.Parameter(side_by_side[:, :3]), nn.Parameter(side_by_side[:, 3:])
    assert lth.Mask.ones(net).total == 18


def test_a_pattern_that_matches_nothing_is_refused():
    words = Words()
    for arguments in (
        {"exclude": "fc*"},
        {"exclude": "place"},
        {"include": "norm.weights"},
        {"include": "*bias_ih*"},
    ):
        with pytest.raises(ValueError, match="names .*expected"):
            lth.prunable(words, **arguments)
    with pytest.raises(TypeError, match="names of parameters"):
        lth.prunable(words, exclude=[words.place])


@pytest.mark.parametrize("wrap", [lambda n: torch.compile(n, backend="eager"), nn.DataParallel])
def test_the_prefix_of_a_wrapper_is_named_with_the_remedy(wrap):
    net = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    wrapped = wrap(net)
    prefix, remedy = (
        ("'_orig_mod.'", "model._orig_mod")
        if hasattr(wrapped, "_orig_mod")
        else ("'module.'", "model.module")
    )
    lth.Mask.ones(wrapped).apply_(wrapped)
    for mask, model in ((lth.Mask.ones(net), wrapped), (lth.Mask.ones(wrapped), net)):
        with pytest.raises(ValueError, match="Only the prefix") as caught:
            mask.check(model)
        assert prefix in str(caught.value) and remedy in str(caught.value)
    with pytest.raises(ValueError, match="load the one that belongs"):
        lth.Mask.ones(nn.Linear(3, 3)).check(nn.Sequential(nn.Linear(3, 3)))


def test_what_a_mask_does_not_speak_about_is_said_once(tiny, caplog, monkeypatch):
    monkeypatch.setattr(masks, "_told", set())
    words = Words()
    mask = lth.Mask.ones(words, "lstm*")
    own = sum(p.numel() for p in {id(p): p for p in words.parameters()}.values() if p.ndim >= 2)
    assert mask.coverage(words) == pytest.approx(mask.total / own) and mask.coverage(words) < 0.9
    with caplog.at_level(logging.WARNING, "lthkit"):
        for _ in range(2):
            masks.tell_of_the_rest(mask, words)
        masks.tell_of_the_rest(lth.Mask.ones(words, include=["place", "norm.*"]), words)
    (told,) = [r.getMessage() for r in caplog.records]
    assert f"{100 * mask.coverage(words):.1f} %" in told and "Words" in told and "lstm.weight_ih_l0" in told

    class Pixels(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.out = nn.Embedding(100, 6), nn.Linear(6, 3)

        def forward(self, x):
            return self.out(self.embedding(x.mul(20).long().clamp(0, 99).flatten(1)).mean(1))

    def pixels(seed):
        torch.manual_seed(seed)
        return Pixels()

    recipe = lth.Recipe(steps=2, batch_size=20, evaluate_every=2)
    with caplog.at_level(logging.WARNING, "lthkit"):
        rounds = list(lth.imp(pixels, tiny, rounds=1, recipe=recipe))
        both = list(lth.imp(pixels, tiny, rounds=0, recipe=recipe, include="embedding.weight"))
    assert (
        len(rounds) == 2 and [r for r in caplog.records if "Pixels" in r.getMessage()] == caplog.records[1:2]
    )
    assert list(both[0].mask) == ["embedding.weight", "out.weight"]


class Odd(nn.Module):
    """An embedding, a layer that no output depends on, a computed weight, and one that is as usual."""

    def __init__(self):
        super().__init__()
        self.embedding, self.unused = nn.Embedding(100, 6), nn.Linear(4, 4)
        self.normed, self.out = parametrizations.weight_norm(nn.Linear(6, 6)), nn.Linear(6, 3)

    def forward(self, x):
        return self.out(self.normed(self.embedding(x.mul(20).long().clamp(0, 99).flatten(1)).mean(1)))


def odd(seed):
    torch.manual_seed(seed)
    return Odd()


@pytest.mark.parametrize("driver", ["imp", "one_shot", "prune_at_init", "early_bird", "snip_then_imp"])
def test_what_a_mask_does_not_speak_about_needs_no_score(tiny, driver):
    """Catches: an unused layer that a score asks a gradient of though it is excluded, an embedding that has none."""
    recipe = lth.Recipe(steps=15, batch_size=20, evaluate_every=15)
    shared = {"recipe": recipe, "exclude": ["unused.*", "normed.weight"], "include": "embedding.weight"}
    snip = partial(lth.snip, batches=tiny.draw(20, seed=0))
    own = {
        "imp": {"rounds": 1, "fraction": 0.5},
        "one_shot": {"densities": [0.5], "score": snip},
        "prune_at_init": {"density": 0.5, "score": snip},
        "early_bird": {"density": 0.5},
        "snip_then_imp": {"snip_density": 0.75, "density": 0.5, "rounds": 1},
    }[driver]
    found = getattr(lth, driver, None) or getattr(lth.tickets, driver)
    result = found(odd, tiny, **own, **shared)
    last = result if driver in ("prune_at_init", "early_bird") else list(result)[-1]
    mask = last.masks[-1] if driver == "early_bird" else last.mask
    assert list(mask) == ["embedding.weight", "out.weight"] and mask.kept == mask.total // 2


def test_a_score_of_ones_own_is_called_as_it_always_was():
    """Catches: keywords for a function that does not take them, or over those that it was given."""
    net, mask = Odd(), lth.Mask.ones(Odd(), ["unused.*", "normed.*"])
    calls = []

    def own(model):
        calls.append(model)
        return {}

    assert for_mask(own, mask)(net) == {} and calls == [net]
    given = partial(lth.magnitude, exclude=["normed.*", "out.*"])
    assert list(for_mask(given, mask)(net)) == ["unused.weight"]


def test_include_is_in_a_runs_configuration_only_where_it_is_given(tiny):
    """Catches: another id for every run there is, or one id for two different masks."""
    model, recipe = lth.models.lenet_300_100(seed=0), lth.Recipe()
    search = lth.tickets.Search
    without = search(lth.models.lenet_300_100, tiny).config(model, recipe, {})
    assert "include" not in without
    named = search(lth.models.lenet_300_100, tiny, include="fc1.*").config(model, recipe, {})
    assert named == without | {"include": ["fc1.*"]}


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16])
def test_a_fraction_of_numpys_removes_what_its_value_says(kind):
    """Catches: a count rounded to float32 or float16 before it is rounded to a whole number."""
    total = 300_007
    mask = lth.Mask({"w": torch.ones(total, dtype=torch.bool)})
    scores, fraction = {"w": torch.arange(total, dtype=torch.float32)}, kind(0.2)
    assert total - lth.prune(mask, scores, fraction).kept == round(float(fraction) * total)
    assert lth.pruning.prune_to(mask, scores, fraction).kept == round(float(fraction) * total)


HIDING = {
    "scripted": (
        lambda: torch.jit.script(nn.Sequential(nn.Linear(64, 5), nn.ReLU())),
        r"^1 \(RecursiveScriptModule of Sequential\) is compiled by torch\.jit.*exclude= does not help",
    ),
    "quantized": (
        lambda: torch.ao.nn.quantized.dynamic.Linear(64, 5),
        r"^1 \(Linear of Sequential\) is quantized.*exclude= does not help",
    ),
}


@pytest.mark.parametrize("make, message", HIDING.values(), ids=HIDING)
@pytest.mark.parametrize("exclude", [(), "2.weight"])
def test_a_module_that_hides_its_weights_is_refused_by_name(make, message, exclude):
    """Catches: a mask of the other layers that passes for one of the network."""
    net = nn.Sequential(nn.Flatten(), make(), nn.Linear(5, 3))
    with pytest.raises(ValueError, match=message):
        lth.Mask.ones(net, exclude)


def test_a_scripted_part_without_weights_is_in_order():
    net = nn.Sequential(nn.Linear(4, 4), torch.jit.script(nn.ReLU()))
    assert list(lth.Mask.ones(net)) == ["0.weight"]


NOTHING = {
    "embeddings": (lambda: nn.Sequential(nn.Embedding(5, 3)), (), r"include='0\.weight' say"),
    "norms": (lambda: nn.Sequential(nn.BatchNorm1d(5)), (), "no parameter of two or more dimensions"),
    "all left out": (lambda: nn.Sequential(nn.Linear(5, 3)), "*", r"exclude=\['\*'\] leaves nothing"),
}


@pytest.mark.parametrize("make, exclude, message", NOTHING.values(), ids=NOTHING)
def test_a_network_with_nothing_to_prune_says_why(make, exclude, message):
    with pytest.raises(ValueError, match="Sequential has nothing to prune: .*" + message):
        lth.Mask.ones(make(), exclude)


def test_the_name_of_a_parameter_is_no_pattern():
    """Catches: `c[1]` read as `c1`, so that another layer is left out too."""
    parts = nn.ModuleDict({"c[1]": nn.Linear(4, 4), "c1": nn.Linear(4, 4), "e[1]": nn.Embedding(4, 4)})
    parts["e1"] = nn.Linear(4, 4)
    net = nn.ModuleDict({"d": parts})
    assert list(lth.prunable(net, "d.c[1].weight")) == ["d.c1.weight", "d.e1.weight"]
    assert list(lth.prunable(net, "d.c[1].*")) == ["d.c[1].weight", "d.e1.weight"]  # a pattern
    assert "d.e[1].weight" in lth.prunable(net, include="d.e[1].weight")
    with pytest.raises(ValueError, match="not prunable here"):  # the embedding, and not d.e1.weight
        lth.prunable(net, "d.e[1].weight")
