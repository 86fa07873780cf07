"""Wanda's score: by hand, on a network's own inputs, and where it is refused."""

from __future__ import annotations

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import lthkit as lth

WEIGHT = torch.tensor([[1.0, -2.0, 3.0], [-4.0, 0.5, 1.0]])
INPUTS = torch.tensor([[3.0, 1.0, 0.0], [4.0, 0.0, 0.5]])  # norms of the columns: 5, 1, 0.5


def one_layer() -> nn.Module:
    layer = nn.Sequential(nn.Linear(3, 2))
    layer[0].weight.data.copy_(WEIGHT)
    return layer


def batches(*rows: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return [(inputs, torch.zeros(len(inputs), dtype=torch.int64)) for inputs in rows]


def test_by_hand() -> None:
    """Catches a mean for a norm, a norm of rows for one of columns, and a sign that stays."""
    scores = lth.wanda(one_layer(), batches(INPUTS))
    assert list(scores) == ["0.weight"]
    expected = torch.tensor([[5.0, 2.0, 1.5], [20.0, 0.5, 0.5]])
    torch.testing.assert_close(scores["0.weight"], expected)


def test_batches_and_positions_are_summed_before_the_root() -> None:
    """Catches norms of single batches that are added, and positions that are left out."""
    whole = lth.wanda(one_layer(), batches(INPUTS))["0.weight"]
    apart = lth.wanda(one_layer(), batches(INPUTS[:1], INPUTS[1:]))["0.weight"]
    places = lth.wanda(one_layer(), batches(INPUTS[None]))["0.weight"]  # [1, 2 positions, 3]
    torch.testing.assert_close(apart, whole)
    torch.testing.assert_close(places, whole)


def test_rows_and_groups_keep_what_the_score_says() -> None:
    """By magnitude row 0 keeps its 3, by Wanda its 1; 1:3 is the same choice here."""
    model = one_layer()
    scores, ones = lth.wanda(model, batches(INPUTS)), lth.Mask.ones(model)
    kept = lth.prune_to(ones, scores, 1 / 3, scope="row")["0.weight"]
    assert kept.tolist() == [[True, False, False], [True, False, False]]
    assert lth.n_of_m(ones, scores, n=1, m=3)["0.weight"].equal(kept)
    by_size = lth.prune_to(ones, lth.magnitude(model), 1 / 3, scope="row")["0.weight"]
    assert by_size.tolist() == [[False, False, True], [True, False, False]]


def test_a_second_layer_sees_the_outputs_of_the_first() -> None:
    """Catches inputs of the network taken for those of each layer, and a layer that is taken before its activation."""
    model = nn.Sequential(one_layer(), nn.ReLU(), nn.Linear(2, 2))
    hidden = torch.relu(model[0](INPUTS))
    expected = model[2].weight.abs() * hidden.norm(dim=0)
    torch.testing.assert_close(lth.wanda(model, batches(INPUTS))["2.weight"], expected.detach())


def test_the_network_is_left_as_it_was() -> None:
    """Catches hooks that stay, a mode that changes, statistics that are learned, and chance."""
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2)).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    first, again = (lth.wanda(model, batches(INPUTS)) for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert model.training and not any(m._forward_pre_hooks or m._forward_hooks for m in model.modules())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    scaled = model[0](INPUTS) / torch.sqrt(torch.tensor(1 + 1e-5))  # stored statistics, no dropout
    expected = model[3].weight.abs() * scaled.norm(dim=0)
    torch.testing.assert_close(first["3.weight"], expected.detach())


class Functional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc, self.conv = nn.Linear(3, 2), nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(F.linear(x, self.fc.weight))


def test_what_has_no_inputs_is_refused_by_name() -> None:
    """Catches a weight whose inputs nobody saw, with a score of 0 or none."""
    with pytest.raises(ValueError, match="The layer of fc.weight was not called"):
        lth.wanda(Functional(), batches(INPUTS))
    assert list(lth.wanda(Functional(), batches(INPUTS), exclude="fc.weight")) == ["conv.weight"]
    with pytest.raises(ValueError, match="conv1.weight, conv2.weight: no linear layer.*exclude="):
        lth.wanda(lth.models.lenet_5(seed=0), batches(torch.zeros(1, 1, 28, 28)))
    attention = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    with pytest.raises(ValueError, match="no linear layer has this weight|was not called"):
        lth.wanda(attention, batches(torch.ones(2, 3, 4)))
    with pytest.raises(ValueError, match="No batch was given"):
        lth.wanda(one_layer(), [])
    with pytest.raises(ValueError, match="Batch 0 is Tensor; expected a pair"):
        lth.wanda(one_layer(), [INPUTS])
    with pytest.raises(ValueError, match="does not take"):
        lth.wanda(one_layer(), batches(torch.ones(2, 4)))
    with pytest.raises(ValueError, match="not finite"):
        lth.wanda(one_layer(), batches(torch.full((1, 3), float("nan"))))


def test_a_search_takes_it_by_name_and_goes_on(tmp_path) -> None:
    """Catches a score that a search does not know: excluded layers, run folders."""
    x, y = torch.randn(60, 3, generator=torch.manual_seed(0)), torch.arange(60) % 2
    data = lth.Dataset.of_tensors(x, y, name="toy")
    score = partial(lth.wanda, batches=data.draw(20, seed=0))
    recipe = lth.Recipe(steps=4, batch_size=10, evaluate_every=2)

    def found() -> lth.Round:
        given = {"score": score, "recipe": recipe, "scope": "row", "folder": tmp_path, "exclude": "2.weight"}
        return list(lth.one_shot(make_small, data, densities=(0.5,), **given))[-1]

    first = found()
    assert list(first.mask) == ["0.weight"] and first.mask["0.weight"].sum(1).tolist() == [2] * 4
    assert found().mask == first.mask


def make_small(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
