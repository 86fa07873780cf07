"""Supermasks: weights that stay, exact counts, gradients that go straight through, and starts that keep signs."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import lthkit as lth
from lthkit.tickets import Scored, random_signs, signed_constant, signs_of

RECIPE = lth.Recipe(steps=12, batch_size=20, lr=1e-2, evaluate_every=4)


@pytest.fixture(scope="module")
def data() -> lth.Dataset:
    return lth.load_data().head(train=200, validation=60, test=60)


def small(seed: int) -> nn.Module:
    return lth.models.lenet_300_100(seed=seed)


def convolutional(seed: int) -> nn.Module:
    return lth.models.conv_2(seed=seed, input_shape=(1, 28, 28), width=4)


class Normed(nn.Module):
    """With batch norm, a tied weight and a bias that is not 0."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.second = nn.Linear(784, 8), nn.BatchNorm1d(8), nn.Linear(8, 8)
        self.third = nn.Linear(8, 8)
        self.third.weight = self.second.weight
        self.out = nn.Linear(8, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.norm(self.first(x.flatten(1))))
        return self.out(torch.relu(self.third(torch.relu(self.second(x)))))


def normed(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return Normed()


@pytest.mark.parametrize("make", [small, convolutional, normed])
@pytest.mark.parametrize(("density", "scope"), [(0.3, "layerwise"), (0.3, "global"), (None, "layerwise")])
def test_the_weights_are_those_of_the_initialisation(make, density, scope, data) -> None:
    """Catches weights, biases or gains that move, other counts than were asked for, and a mask that was not measured."""
    found = lth.supermask(make, data, density=density, scope=scope, recipe=RECIPE, seed=3)
    start, mask = make(seed=3), found.mask
    for name, parameter in start.named_parameters():
        weight = found.trained.model[name]
        expected = parameter.detach() * mask[name] if name in mask else parameter.detach()
        assert torch.equal(weight, expected)
        assert torch.equal(found.rewind.model[name], parameter.detach())
    whole = lth.Mask.ones(start)
    if density and scope == "global":
        assert mask.kept == round(0.3 * whole.total)
    if density and scope == "layerwise":
        assert all(int(mask[n].sum()) == round(0.3 * t.numel()) for n, t in whole.items())
    network = make(seed=0)
    found.trained.restore(network)
    assert lth.evaluate(network, data, split="test").accuracy == found.test_accuracy
    assert lth.evaluate(network, data).loss == pytest.approx(found.result.validation_loss, rel=1e-5)


def test_a_mask_is_learned(data) -> None:
    """Catches scores that have no gradient, or one of the wrong sign: the loss has to fall, the weights being frozen."""
    recipe = lth.Recipe(steps=60, batch_size=50, lr=3e-3, evaluate_every=20)
    found = lth.supermask(small, data, density=0.5, recipe=recipe)
    losses = [point.validation_loss for point in found.result.history]
    assert losses[-1] < losses[0] and found.test_accuracy > 0.5
    untouched = Scored(small(seed=0), lth.Mask.ones(small(seed=0)), density=0.5)
    assert found.mask.distance(untouched.mask()) > 0.02


def test_the_gradient_goes_straight_through() -> None:
    """By hand: 1 input, 2 weights, |score| ranks; the score that is out has a gradient too, with the sign of its score."""
    network = nn.Linear(2, 1, bias=False)
    network.weight.data = torch.tensor([[2.0, 5.0]])
    scored = Scored(network, lth.Mask.ones(network), density=0.5)
    scored.scores[0].data = torch.tensor([[-0.9, 0.1]])
    outputs = scored(torch.tensor([[3.0, 7.0]]))
    assert outputs.item() == 6.0  # 2 x 3 alone
    outputs.sum().backward()
    assert scored.scores[0].grad.tolist() == [[-6.0, 35.0]] and network.weight.grad is None


def test_all_and_nothing_kept(data) -> None:
    """Catches counts that are off by one at the ends."""
    model = small(seed=0)
    for density in (0.0, 1.0):
        assert Scored(model, lth.Mask.ones(model), density=density).mask().density == density


def test_what_is_excluded_counts_always(data) -> None:
    found = lth.supermask(small, data, density=0.2, recipe=RECIPE, exclude="fc3.weight")
    assert "fc3.weight" not in found.mask
    assert torch.equal(found.trained.model["fc3.weight"], found.rewind.model["fc3.weight"])


@pytest.mark.parametrize("density", [0.3, None])
def test_one_that_was_stopped_goes_on_to_the_same_bits(density, data, tmp_path) -> None:
    """Catches scores, draws or a mask that a folder does not hold; and another density that reads this one's result."""

    class Enough(Exception):
        pass

    def stop(updates: int) -> None:
        if stop.left is not None:
            stop.left -= updates
            if stop.left <= 0:
                raise Enough

    whole = lth.supermask(small, data, density=density, recipe=RECIPE, seed=1)
    stop.left = 8
    given = {"density": density, "recipe": RECIPE, "seed": 1, "folder": tmp_path / "run", "progress": stop}
    with pytest.raises(Enough):
        lth.supermask(small, data, **given)
    stop.left = None
    again, read = (lth.supermask(small, data, **given) for _ in range(2))
    for other in (again, read):
        assert other.mask == whole.mask and other.test_accuracy == whole.test_accuracy
        assert all(torch.equal(t, other.trained.model[n]) for n, t in whole.trained.model.items())
    with pytest.raises(ValueError, match="density|another"):
        lth.supermask(small, data, **(given | {"density": 0.7}))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"density": 1.5}, "density"),
        ({"scope": "row"}, "scope='row' was given; expected one of layerwise, global"),
        ({"train": lth.train}, "takes no train"),
        ({"score": lth.magnitude}, "unexpected keyword 'score'"),
    ],
)
def test_what_cannot_be_is_refused(given, said, data) -> None:
    with pytest.raises((TypeError, ValueError), match=said):
        lth.supermask(small, data, recipe=RECIPE, **given)


def start_of(*rows: list[float]) -> tuple[lth.Checkpoint, lth.Mask]:
    weight = torch.tensor(rows)
    return lth.Checkpoint(0, {"w": weight, "b": torch.tensor([7.0])}), lth.Mask({"w": weight != 0})


def test_signs_by_hand() -> None:
    """Catches a mean for a root mean square, a fan of outputs for one of inputs, and biases that change."""
    start, mask = start_of([3.0, -4.0], [-1.0, 2.0])
    constant = signed_constant(start, mask)
    torch.testing.assert_close(
        constant.model["w"], torch.tensor([[1.0, -1.0], [-1.0, 1.0]]) * (30 / 4) ** 0.5
    )
    assert constant.model["b"].tolist() == [7.0] and constant.optimizer is None
    kaiming = signed_constant(start, mask, rule="kaiming", density=0.25)
    torch.testing.assert_close(kaiming.model["w"], torch.tensor([[2.0, -2.0], [-2.0, 2.0]]))
    fresh = lth.Checkpoint(0, {"w": torch.tensor([[-0.5, -0.25], [1.0, 8.0]]), "b": torch.tensor([1.0])})
    found = signs_of(start, fresh, mask)
    assert found.model["w"].tolist() == [[0.5, -0.25], [-1.0, 8.0]] and found.model["b"].tolist() == [1.0]
    tossed = random_signs(start, mask, seed=0).model["w"]
    assert torch.equal(tossed.abs(), start.model["w"].abs())
    large, ones = lth.Checkpoint.of(small(seed=0)), lth.Mask.ones(small(seed=0))
    agree = random_signs(large, ones, seed=0).model["fc1.weight"].sign() == large.model["fc1.weight"].sign()
    assert 0.49 < float(agree.float().mean()) < 0.51
    assert start.model["w"].tolist() == [[3.0, -4.0], [-1.0, 2.0]]


def test_a_weight_without_a_sign_is_refused() -> None:
    start, _ = start_of([3.0, 0.0])
    whole = lth.Mask({"w": torch.ones(1, 2, dtype=torch.bool)})
    with pytest.raises(ValueError, match="1 kept weights of w are 0 and have no sign"):
        signed_constant(start, whole)
    assert signed_constant(start, lth.Mask({"w": torch.tensor([[True, False]])})).model["w"][0, 1] == 0
    with pytest.raises(ValueError, match="rule='std' was given"):
        signed_constant(start, whole, rule="std")
    with pytest.raises(ValueError, match="The mask has v of"):
        signed_constant(start, lth.Mask({"v": torch.ones(1, 2, dtype=torch.bool)}))


def test_a_start_of_signs_trains(data) -> None:
    """Catches a start that a retraining does not take."""
    model = small(seed=0)
    mask = lth.prune_to(lth.Mask.ones(model), lth.magnitude(model), 0.2)
    start = signed_constant(lth.Checkpoint.of(model), mask)
    result = lth.retrain(small, data, mask=mask, weights_from=start, recipe=RECIPE)
    assert result.steps == 12
    found = lth.supermask(small, data, density=0.5, weights_from=start, recipe=RECIPE)
    kept = found.trained.model["fc1.weight"][found.mask["fc1.weight"]].abs()
    assert torch.equal(found.rewind.model["fc1.weight"], start.model["fc1.weight"])
    assert float(kept.max() - kept.min()) == 0


def test_a_bernoulli_mask_is_drawn_in_training_and_decided_in_evaluation() -> None:
    """Catches a mask that is never drawn, and one that is drawn while it is measured."""
    network = nn.Linear(4000, 1)
    scored = Scored(network, lth.Mask.ones(network), density=None)
    scored.scores[0].data = torch.tensor([-1.0, 1.0]).repeat(2000)[None]
    torch.manual_seed(0)
    drawn = [scored.train()._kept(drawn=True)["weight"].float()[0] for _ in range(2)]
    assert not torch.equal(*drawn)
    assert (
        abs(float(drawn[0][0::2].mean()) - 0.269) < 0.03 and abs(float(drawn[0][1::2].mean()) - 0.731) < 0.03
    )
    x = torch.ones(1, 4000)
    assert scored(x).item() != scored(x).item()
    assert scored.eval()(x).item() == scored(x).item()
    assert scored.mask()["weight"][0].tolist() == [False, True] * 2000
