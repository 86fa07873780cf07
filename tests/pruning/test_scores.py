"""Scores leave the model as it was, and cover what is prunable."""

from __future__ import annotations

import copy
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils.parametrizations import weight_norm
from torch.nn.utils.prune import l1_unstructured

import lthkit as lth
from lthkit.storage import name_of
from tests.conftest import small_conv, small_net


def images(n: int, *, seed: int = 5, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """Noise [n, 1, 8, 8] in three classes."""
    g = torch.Generator().manual_seed(seed)
    return torch.randn(n, 1, 8, 8, generator=g).to(dtype), torch.randint(3, (n,), generator=g)


def plain_conv(*, seed: int) -> nn.Module:
    """Two convolutions with strides and a linear layer, no batch norm."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(4, 6, 3, stride=2),
            nn.Tanh(),
            nn.Flatten(),
            nn.Linear(54, 3),
        )


class Shortcut(nn.Module):
    """A residual block between two layers: a weight has more than one path."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.first, self.inner, self.last = nn.Linear(64, 12), nn.Linear(12, 12), nn.Linear(12, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x.flatten(1)).relu()
        return self.last(x + self.inner(x).relu())


NETS = {
    "fully connected": lambda: small_net(seed=0),
    "convolutional": lambda: plain_conv(seed=0),
    "residual": lambda: Shortcut(0),
}


def lenet_5_like(*, seed: int) -> nn.Module:
    """Two convolutions with max-pools and two linear layers for 8×8 images: LeNet-5 in small."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(1, 6, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 12, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(48, 20),
            nn.ReLU(),
            nn.Linear(20, 3),
        )


def batch_norm_net(*, seed: int) -> nn.Module:
    """Convolutions without bias and batch norm, whose gains, shifts and stored statistics are not the initial 1 and 0."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 12, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(12),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(48, 3),
        )
        for norm in (net[1], net[4]):
            nn.init.normal_(norm.weight)
            nn.init.uniform_(
                norm.bias, 0.2, 1.0
            )  # no channel is dead: its scores would all be 0, and so tied
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2.0)
        return net


MASKED_NETS = NETS | {
    "LeNet-5-like": lambda: lenet_5_like(seed=0),
    "batch norm": lambda: batch_norm_net(seed=0),
}
SCORES = {
    "magnitude": lth.magnitude,
    "random": lambda m: lth.random(m, seed=1),
    "snip": lambda m: lth.snip(m, [images(20), images(7)]),
    "grasp": lambda m: lth.grasp(m, [images(20), images(7)]),
    "synflow": lambda m: lth.synflow(m, (1, 8, 8)),
}
anynet = pytest.mark.parametrize("net", NETS.values(), ids=NETS)


@pytest.mark.parametrize("score", SCORES.values(), ids=SCORES)
def test_scoring_leaves_the_model_bit_equal(score):
    """Catches: scores that share memory with weights, touch gradients, the mode or the global random state."""
    model = small_conv(seed=0)
    model.train()
    model[0].weight.grad = torch.full_like(model[0].weight, 3.0)
    model[5].requires_grad_(False)
    state, rng = {k: v.clone() for k, v in model.state_dict().items()}, torch.get_rng_state()
    scores = score(model)
    for s in scores.values():
        s.mul_(0)
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    assert bool((model[0].weight.grad == 3).all()) and all(
        p.grad is None for p in list(model.parameters())[1:]
    )
    assert [p.requires_grad for p in model.parameters()] == [True] * 4 + [False] * 2
    assert all(m.training for m in model.modules())
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


def mask_loss(model: nn.Module, batches: list[tuple[Tensor, Tensor]]):
    """The mean loss over all images as a function of explicit mask entries c, weights c * w: Lee et al. 2019."""
    weights = {n: p.detach() for n, p in model.named_parameters()}
    x, y = (torch.cat(parts) for parts in zip(*batches, strict=True))

    def at(factors: dict[str, Tensor]) -> Tensor:
        masked = weights | {n: c * weights[n] for n, c in factors.items()}
        return F.cross_entropy(functional_call(model, masked, (x,)), y)

    return at


@anynet
def test_snip_is_the_derivative_by_the_mask(net):
    """The formula of the paper, with explicit mask variables. Catches: |w| forgotten, a sum of absolute values."""
    model, batches = net(), [images(20), images(7, seed=6)]
    ones = {n: torch.ones_like(w).requires_grad_() for n, w in lth.prunable(model).items()}
    expected = torch.autograd.grad(mask_loss(model, batches)(ones), list(ones.values()))
    got = lth.snip(model, batches)
    for name, derivative in zip(ones, expected, strict=True):
        torch.testing.assert_close(got[name], derivative.abs(), rtol=1e-4, atol=1e-7)
    # |g1 + g2| is not |g1| + |g2|
    apart = [lth.snip(model, [batch]) for batch in batches]
    assert any(not torch.allclose(got[n], (20 * apart[0][n] + 7 * apart[1][n]) / 27, rtol=1e-2) for n in got)


@anynet
def test_snip_is_the_finite_difference_of_the_loss(net):
    """In float64, in each of some mask entries. Catches: a gradient of something else than this loss."""
    model = net().double()
    batches = [images(20, dtype=torch.float64), images(7, seed=6, dtype=torch.float64)]
    got, at = lth.snip(model, batches), mask_loss(model, batches)
    ones = {n: torch.ones_like(w) for n, w in lth.prunable(model).items()}
    for name in ones:
        for i in range(0, ones[name].numel(), max(1, ones[name].numel() // 15)):
            losses = []
            for side in (1e-5, -1e-5):
                moved = {n: c.clone() for n, c in ones.items()}
                moved[name].view(-1)[i] += side
                losses.append(at(moved))
            difference = (losses[0] - losses[1]) / 2e-5
            torch.testing.assert_close(got[name].view(-1)[i], difference.abs(), rtol=1e-5, atol=1e-9)


def test_snip_is_the_finite_difference_in_every_entry():
    """No entry left out, on a net small enough. Catches: scores in another layout, an input or output of a layer lost."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(64, 4), nn.Tanh(), nn.Linear(4, 3)).double()
    batches = [images(9, dtype=torch.float64), images(4, seed=6, dtype=torch.float64)]
    got, at = lth.snip(model, batches), mask_loss(model, batches)
    ones = {n: torch.ones_like(w) for n, w in lth.prunable(model).items()}
    for name, entries in ones.items():
        expected = torch.zeros_like(entries)
        for i in range(entries.numel()):
            for side in (1e-5, -1e-5):
                moved = ones | {name: entries.clone()}
                moved[name].view(-1)[i] += side
                expected.view(-1)[i] += at(moved).detach() / (2 * side)
        torch.testing.assert_close(got[name], expected.abs(), rtol=1e-5, atol=1e-9)


@anynet
def test_grasp_is_the_weight_times_a_numerical_hessian_product(net):
    """H g as the change of the gradient along g, in float64. Catches: g² or the diagonal for Hg, a lost temperature.

    Also the sign: to first order, removing a weight of positive score lowers the squared gradient norm.
    """
    model = net().double()
    x, y = images(27, dtype=torch.float64)
    names = list(lth.prunable(model))
    weights = {n: p.detach() for n, p in model.named_parameters()}

    def gradient(moved: dict[str, Tensor]) -> dict[str, Tensor]:
        leaves = {n: t.clone().requires_grad_() for n, t in (weights | moved).items()}
        loss = F.cross_entropy(functional_call(model, leaves, (x,)) / 5, y)
        return dict(zip(names, torch.autograd.grad(loss, [leaves[n] for n in names]), strict=True))

    g, step = gradient({}), 1e-4
    ahead, back = (gradient({n: weights[n] + side * g[n] for n in names}) for side in (step, -step))
    got = lth.grasp(model, [(x, y)], temperature=5)
    for n in names:
        expected = weights[n] * (ahead[n] - back[n]) / (2 * step)
        torch.testing.assert_close(got[n], expected, rtol=1e-4, atol=1e-8)
    norm = sum(float((v**2).sum()) for v in g.values())
    name, tiny = names[-1], 1e-4
    i = int(got[name].abs().argmax())
    moved = weights[name].clone()
    moved.view(-1)[i] *= 1 - tiny
    after = sum(float((v**2).sum()) for v in gradient({name: moved}).values())
    assert (after - norm) / tiny == pytest.approx(-2 * float(got[name].view(-1)[i]), rel=1e-2)


@anynet
@pytest.mark.parametrize("score", [lth.snip, lth.grasp], ids=["snip", "grasp"])
def test_the_split_into_batches_does_not_matter(net, score):
    """Catches: the mean over batches of unequal size, |.| before the sum, g of one batch times H of another."""
    model, (x, y) = net().double(), images(30, dtype=torch.float64)
    whole = score(model, [(x, y)])
    for sizes in ([10, 10, 10], [1, 22, 7]):
        split = score(model, iter(zip(x.split(sizes), y.split(sizes), strict=True)))
        for n in whole:
            torch.testing.assert_close(split[n], whole[n], rtol=1e-9, atol=1e-13)


def test_synflow_is_conserved_from_layer_to_layer():
    """Tanaka et al. 2020, theorem 2. Catches: signed weights, an input that is not ones, a missing factor w."""
    model = small_net(seed=0)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name.endswith("bias"):
                p.zero_()
    scores = lth.synflow(model, (1, 8, 8))
    sums = [float(s.sum()) for s in scores.values()]
    product = torch.ones(64, dtype=torch.float64)
    for weight in lth.prunable(model).values():
        product = weight.detach().double().abs() @ product
    assert sums == pytest.approx([float(product.sum())] * 3, rel=1e-12)
    assert all(s.dtype == torch.float64 and bool((s >= 0).all()) for s in scores.values())


def test_synflow_of_a_biased_network_is_conserved_at_each_neuron():
    """What flows into a neuron through weights and bias flows out of it. Catches: biases that keep their sign."""
    model = small_net(seed=0)
    first, second, _ = lth.synflow(model, (1, 8, 8)).values()
    absolute = copy.deepcopy(model).double()
    with torch.no_grad():
        for p in absolute.parameters():
            p.abs_()
    bias = absolute[1].bias
    (upstream,) = torch.autograd.grad(absolute(torch.ones(1, 1, 8, 8).double()).sum(), bias)
    torch.testing.assert_close(first.sum(1) + (upstream * bias).detach(), second.sum(0))


def test_batch_norm_is_scored_with_the_statistics_of_the_batch():
    """Catches: stored statistics, which at initialisation are 0 and 1 and say nothing."""
    model = small_conv(seed=0)
    x, y = images(30)
    x = 5 * x + 2
    ones = {n: torch.ones_like(w).requires_grad_() for n, w in lth.prunable(model).items()}
    params = {n: p.detach() for n, p in model.named_parameters()}
    masked = params | {n: c * params[n] for n, c in ones.items()}
    buffers = {n: b.clone() for n, b in model.named_buffers()}
    model.train()
    loss = F.cross_entropy(functional_call(model, masked | buffers, (x,)), y)
    expected = torch.autograd.grad(loss, list(ones.values()))
    got = lth.snip(model.eval(), [(x, y)])
    for n, e in zip(ones, expected, strict=True):
        torch.testing.assert_close(got[n], e.abs(), rtol=1e-3, atol=1e-6)


def test_scores_see_no_dropout():
    """Catches: scores that change from call to call."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.Dropout(0.5), nn.Linear(8, 3)).train()
    one, two = (lth.snip(model, [images(9)]) for _ in range(2))
    assert all(torch.equal(one[n], two[n]) for n in one)


def test_connected_leaves_out_what_lies_on_no_path():
    """Catches: a path that starts at a bias, kept weights into or out of a dead neuron counted as alive."""
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    mask = lth.Mask(
        {
            # neuron 0: in and out; neuron 1: in only; neuron 2: out only
            "0.weight": torch.tensor([[True, False], [True, True], [False, False]]),
            "2.weight": torch.tensor([[True, False, True]]),
        }
    )
    with torch.no_grad():
        model[0].bias.fill_(1.0)
        model[0].weight.fill_(-1.0)
    found = lth.pruning.connected(model, mask, (2,))
    assert found["0.weight"].tolist() == [[True, False], [False, False], [False, False]]
    assert found["2.weight"].tolist() == [[True, False, False]]
    gone = lth.Mask({**mask, "2.weight": torch.zeros(1, 3, dtype=torch.bool)})
    assert lth.pruning.connected(model, gone, (2,)).kept == 0
    whole = lth.Mask.ones(vgg := lth.models.resnet_20(seed=0, width=4))
    assert lth.pruning.connected(vgg, whole, (3, 32, 32)) == whole


def kept_by_threshold(saliency: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """The papers' selection: all at or above the k-th highest score of all layers together."""
    flat = torch.cat([s.flatten() for s in saliency.values()])
    limit = flat.sort(descending=True).values[round(share * len(flat)) - 1]
    return {n: s >= limit for n, s in saliency.items()}


def overlap(one: dict[str, Tensor], other: lth.Mask) -> float:
    """Intersection over union."""
    both = sum(int((one[n] & other[n]).sum()) for n in one)
    return both / sum(int((one[n] | other[n]).sum()) for n in one)


@pytest.mark.parametrize("net", MASKED_NETS.values(), ids=MASKED_NETS)
@pytest.mark.parametrize("share", [0.5, 0.1])
def test_masks_are_those_of_the_papers_formulas(net, share):
    """Each formula written out once more, from the paper, without lthkit. Catches: a criterion that ranks upside down.

    In float64: with batch norm some products Hg are so small that rounding decides between neighbours in float32.
    """
    model, (x, y) = net().double(), images(100, dtype=torch.float64)
    weights = {n: p for n, p in model.named_parameters() if p.ndim > 1}
    everything = lth.Mask.ones(model)

    def outputs() -> Tensor:
        """In training mode, so with the statistics of the batch; the stored ones are moved in a copy."""
        copies = {n: b.clone() for n, b in model.named_buffers()}
        return functional_call(model.train(), copies, (x,))

    # SNIP: |dL/dw * w| over its sum
    g = torch.autograd.grad(F.cross_entropy(outputs(), y), list(weights.values()))
    saliency = {n: (w * d).abs().detach() for (n, w), d in zip(weights.items(), g, strict=True)}
    total = sum(s.sum() for s in saliency.values())
    snip = kept_by_threshold({n: s / total for n, s in saliency.items()}, share)
    assert overlap(snip, lth.prune_to(everything, lth.snip(model, [(x, y)]), share, min_kept=0)) >= 0.999

    # GraSP: S(-w) = -w * Hg, of which the highest go
    g = torch.autograd.grad(F.cross_entropy(outputs() / 200, y), list(weights.values()), create_graph=True)
    half_norm = sum((d * d).sum() for d in g) / 2  # its gradient is Hg
    removal = {
        n: -(w * h).detach()
        for (n, w), h in zip(
            weights.items(), torch.autograd.grad(half_norm, list(weights.values())), strict=True
        )
    }
    grasp = kept_by_threshold({n: -r for n, r in removal.items()}, share)
    assert overlap(grasp, lth.prune_to(everything, lth.grasp(model, [(x, y)]), share, min_kept=0)) >= 0.999

    # SynFlow: R = 1^T (prod |w|) 1, rounds k = 1..n, density share^(k/n). A product: tanh has no place in it.
    straight = copy.deepcopy(model)
    for name, layer in straight.named_children():
        if isinstance(layer, nn.Tanh):
            setattr(straight, name, nn.Identity())
    kept = {n: torch.ones_like(w, dtype=torch.bool) for n, w in weights.items()}
    for k in range(1, 11):
        straight.eval()  # batch norm by its stored statistics, absolute too, as in the authors' code
        state = {n: t.detach().double().abs() for n, t in model.state_dict().items()}
        leaves = {n: (state[n] * kept[n]).requires_grad_() for n in weights}
        flow = functional_call(straight, state | leaves, (torch.ones(1, 1, 8, 8).double(),)).sum()
        gradients = torch.autograd.grad(flow, list(leaves.values()))
        scores = {n: (w * d).detach() for (n, w), d in zip(leaves.items(), gradients, strict=True)}
        kept = kept_by_threshold(scores, share ** (k / 10))
    flowing = lth.prune_iteratively(
        model, partial(lth.synflow, shape=(1, 8, 8)), share, rounds=10, min_kept=0
    )
    assert overlap(kept, flowing) >= 0.999


class Cut(nn.Module):
    """`unused` has no part in the outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.unused = nn.Linear(64, 3), nn.Linear(64, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.used(x.flatten(1))


X, Y = images(6)


def no_gradient(outputs: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(outputs, labels).detach()


LOSS = F.cross_entropy
EACH = partial(F.cross_entropy, reduction="none")
NOTHING = nn.Sequential(nn.Flatten(), nn.LayerNorm(64))
BAD = {
    "no batch": (small_net(seed=0), [], LOSS, "No batch was given"),
    "a used-up loader": (small_net(seed=0), iter([]), LOSS, "used up"),
    "an empty batch": (small_net(seed=0), [(X[:0], Y[:0])], LOSS, "0 inputs"),
    "labels too few": (small_net(seed=0), [(X, Y[:5])], LOSS, "6 inputs on cpu and 5 labels"),
    "no pair": (small_net(seed=0), [X], LOSS, "expected a pair"),
    "a loss of each image": (small_net(seed=0), [(X, Y)], EACH, r"no scalar but shape \(6,\)"),
    "a number as loss": (small_net(seed=0), [(X, Y)], lambda o, y: 1.0, "no scalar but float"),
    "no gradient": (small_net(seed=0), [(X, Y)], no_gradient, "no gradient"),
    "nothing prunable": (NOTHING, [(X, Y)], LOSS, "nothing prunable"),
    "NaN": (small_net(seed=0), [(X * float("nan"), Y)], LOSS, "loss of batch 0 is nan"),
    "NaN later on": (small_net(seed=0), [(X, Y), (X * float("nan"), Y)], LOSS, "loss of batch 1 is nan"),
    "an unused layer": (Cut(), [(X, Y)], LOSS, "do not depend on unused.weight"),
}


bad_input = pytest.mark.parametrize(("model", "batches", "loss", "message"), BAD.values(), ids=BAD)
by_loss = pytest.mark.parametrize("score", [lth.snip, lth.grasp], ids=["snip", "grasp"])


@by_loss
@bad_input
def test_bad_input_is_named(score, model, batches, loss, message):
    """Catches: an empty loader whose scores are 0 or NaN, a loss of each image that is summed, an error of torch's own."""
    with pytest.raises(ValueError, match=message):
        score(model, batches, loss=loss)


@by_loss
@bad_input
def test_bad_input_is_named_by_pruning_at_init_too(tiny, score, model, batches, loss, message):
    """Catches: a driver that hides the score's error, or trains before it scores."""

    def untrained(*args, **kwargs):
        raise AssertionError("nothing may be trained")

    if "nothing prunable" in message:
        message = "nothing to prune"
    with pytest.raises(ValueError, match=message):
        lth.prune_at_init(
            lambda seed: model,
            tiny,
            score=partial(score, batches=batches, loss=loss),
            density=0.5,
            train=untrained,
        )


@pytest.mark.parametrize("density", [0, 0.0, 1, 1.0, -0.1, 1.5, float("nan")])
@pytest.mark.parametrize("score", SCORES.values(), ids=SCORES)
def test_pruning_at_init_refuses_a_density_that_is_none(tiny, score, density):
    """Catches: density 0, which leaves no network, and 1, which prunes nothing and would be called a result."""
    with pytest.raises(ValueError, match=f"density={density}"):
        lth.prune_at_init(small_net, tiny, score=score, density=density)


def test_a_bad_temperature_is_named():
    with pytest.raises(ValueError, match="temperature=0"):
        lth.grasp(small_net(seed=0), [(X, Y)], temperature=0)


@pytest.mark.parametrize("score", SCORES.values(), ids=SCORES)
def test_a_network_with_nothing_prunable_is_named(score):
    """Catches: a criterion that answers with no scores at all."""
    with pytest.raises(ValueError, match="nothing prunable"):
        score(nn.Sequential(nn.Flatten(), nn.LayerNorm(64)))


@pytest.mark.parametrize("score", SCORES.values(), ids=SCORES)
def test_nan_in_a_weight_is_named(score):
    """By the score, or by the selection that gets it. Catches: NaN that ranks as the best or the worst score.

    A random score does not look at weights; there the training says it.
    """
    model = small_net(seed=0)
    with torch.no_grad():
        model[1].weight[0, 0] = float("nan")
    if score is SCORES["random"]:
        assert all(bool(s.isfinite().all()) for s in score(model).values())
        return
    with pytest.raises(ValueError, match="nan|NaN"):
        lth.prune_iteratively(model, score, 0.5, rounds=1)


def test_synflow_names_a_layer_that_the_outputs_do_not_depend_on():
    with pytest.raises(ValueError, match="unused"):
        lth.synflow(Cut(), (1, 8, 8))


def test_scores_may_be_taken_where_gradients_are_off():
    """Catches: a caller's no_grad that turns scores into an error or zeros."""
    model = small_net(seed=0)
    expected = [s(model)["1.weight"] for s in SCORES.values()]
    with torch.no_grad():
        assert all(
            torch.equal(s(model)["1.weight"], e) for s, e in zip(SCORES.values(), expected, strict=True)
        )


def test_random_scores_know_nothing_of_the_initialisation_with_the_same_seed():
    """Catches: a score drawn from the stream of the weights, which makes "random" a weak magnitude criterion."""
    for seed in range(3):
        model = lth.models.lenet_300_100(seed=seed)
        weight = lth.prunable(model)["fc1.weight"].detach().abs().flatten()
        score = lth.random(model, seed=seed)["fc1.weight"].flatten()
        assert abs(torch.corrcoef(torch.stack([score, weight]))[0, 1]) < 0.01


def spread_norm(*, seed: int) -> nn.Module:
    """Batch norm whose stored statistics are far from those of a batch."""
    model = small_conv(seed=seed)
    with torch.no_grad():
        model[1].running_mean.uniform_(-1, 1, generator=torch.Generator().manual_seed(1))
        model[1].running_var.uniform_(0.1, 4, generator=torch.Generator().manual_seed(2))
    return model


def test_snip_with_stored_statistics_is_the_derivative_in_evaluation_mode():
    """Catches: statistics of the batch under the other name, a default that has changed, statistics that move."""
    model = spread_norm(seed=0).eval()
    batches = [images(20), images(7, seed=6)]
    ones = {n: torch.ones_like(w).requires_grad_() for n, w in lth.prunable(model).items()}
    expected = torch.autograd.grad(mask_loss(model, batches)(ones), list(ones.values()))
    stored, batch, usual = (lth.snip(model, batches, **how) for how in (STORED, BATCH, {}))
    for name, derivative in zip(ones, expected, strict=True):
        torch.testing.assert_close(stored[name], derivative.abs(), rtol=1e-4, atol=1e-7)
        assert torch.equal(batch[name], usual[name])
        assert not torch.allclose(batch[name], stored[name], rtol=0.1)
    plain = small_net(seed=0)  # without batch norm they are the same
    one, other = (lth.snip(plain, batches, **how) for how in (STORED, BATCH))
    assert all(torch.equal(one[n], other[n]) for n in one)
    with pytest.raises(ValueError, match="statistics='running'.*'batch' or 'stored'"):
        lth.snip(model, batches, statistics="running")


STORED, BATCH = {"statistics": "stored"}, {"statistics": "batch"}


def test_the_statistics_are_part_of_what_a_run_is_called():
    """Catches: two runs of different scores in one folder."""
    names = {name_of(partial(lth.snip, batches=[images(4)], **how)) for how in (STORED, BATCH, {})}
    assert len(names) == 3


class Functional(nn.Module):
    """Curves and a norm as functions; with `curves=False` the same network without them."""

    def __init__(self, curves: bool) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.first, self.inner, self.last = nn.Linear(64, 8), nn.Linear(8, 8), nn.Linear(8, 3)
        self.curves = curves

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x.flatten(1))
        if self.curves:
            x = torch.tanh(F.layer_norm(F.hardtanh(x, 0.0, 6.0), (8,)))
            return self.last(self.inner(x).sigmoid_() + F.gelu(x).clamp(0, 1))
        return self.last(self.inner(x) + x)


CURVES = {
    "sigmoid": nn.Sigmoid,
    "ReLU6": nn.ReLU6,
    "GELU": nn.GELU,
    "SiLU": nn.SiLU,
    "hardswish": nn.Hardswish,
    "softplus": nn.Softplus,
    "layer norm": lambda: nn.LayerNorm(20),
    "group norm": lambda: nn.Sequential(nn.Unflatten(1, (20, 1)), nn.GroupNorm(4, 20), nn.Flatten()),
}


@pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES)
def test_synflow_takes_curves_and_norms_for_straight(curve):
    """Saturated curves and means that are taken off would end paths. Catches: scores of 0, or of a flattened tanh."""
    model, straight = small_net(seed=0), small_net(seed=0)
    model[2], straight[2] = curve(), nn.Identity()
    with torch.no_grad():
        for net in (model, straight):
            net[1].weight.mul_(100)
    one, other = (lth.synflow(net, (1, 8, 8)) for net in (model, straight))
    for left, right in zip(one.values(), other.values(), strict=True):
        torch.testing.assert_close(left, right)
        assert bool((left > 0).all())


def test_synflow_takes_functional_curves_for_straight():
    one, other = (lth.synflow(Functional(curves), (1, 8, 8)) for curves in (True, False))
    assert all(torch.equal(one[n], other[n]) for n in one)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.out = nn.LSTM(8, 4, batch_first=True), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.rnn(x.squeeze(1))[0][:, -1])


class Attending(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attend, self.out = nn.MultiheadAttention(8, 2, batch_first=True), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = x.squeeze(1)
        return self.out(self.attend(x, x, x, need_weights=False)[0].mean(1))


class Vanishing(nn.Module):
    """A curve that is not known, and flat where the flow is."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(64, 4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.exp(-1e4 * self.first(x.flatten(1)) ** 2))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Recurrent(), r"rnn .LSTM. is a recurrent layer.*magnitude"),
        (Attending(), r"attend .MultiheadAttention. is attention.*magnitude"),
        (
            nn.Sequential(nn.Flatten(), nn.Linear(64, 4), nn.Softmax(1), nn.Linear(4, 3)),
            r"2 .Softmax. is attention",
        ),
        (Vanishing(), r"through first.weight, last.weight is 0 in all weights"),
    ],
)
def test_synflow_names_where_it_says_nothing(model, message):
    """Catches: a layer whose scores are all 0, which any threshold would empty first."""
    with pytest.raises(ValueError, match=message):
        lth.synflow(model, (1, 8, 8))


def test_synflow_leaves_numbers_that_are_no_reals_alone():
    """Catches: the absolute value of a bool buffer, which torch does not have; a counter that is one."""
    model, plain = small_conv(seed=0), small_conv(seed=0)
    model.register_buffer("chosen", torch.tensor([True, False]))
    one, other = (lth.synflow(net, (1, 8, 8)) for net in (model, plain))
    assert all(torch.equal(one[n], other[n]) for n in one)


class Heads(nn.Module):
    """Two outputs, in a tuple or a dict."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.body, self.main, self.aux, self.kind = nn.Linear(64, 5), nn.Linear(5, 3), nn.Linear(5, 3), kind

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor] | dict[str, Tensor]:
        x = self.body(x.flatten(1)).relu()
        main, aux = self.main(x), self.aux(x)
        return (main, aux) if self.kind == "tuple" else {"out": main, "aux": aux}


BY_PASS = {name: SCORES[name] for name in ("snip", "grasp", "synflow")}
by_pass = pytest.mark.parametrize("score", BY_PASS.values(), ids=BY_PASS)


@by_pass
@pytest.mark.parametrize("kind", ["tuple", "dict"])
def test_several_outputs_are_refused_as_training_refuses_them(score, kind):
    """Catches: an error of Python's own, that a tuple has no sum."""
    with pytest.raises(
        ValueError, match=rf"Heads gives a {kind} of 2 in evaluation mode.*Wrap it in a module"
    ):
        score(Heads(kind))


class OwnAttention(nn.Module):
    """Attention by the function, which runs fused."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.qkv, self.out = nn.Linear(8, 24), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(F.scaled_dot_product_attention(*self.qkv(x.squeeze(1)).chunk(3, -1)).mean(1))


class ByHand(OwnAttention):
    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x.squeeze(1)).chunk(3, -1)
        return self.out(((q @ k.mT / 8**0.5).softmax(-1) @ v).mean(1))


def test_grasp_goes_through_fused_attention():
    """Catches: fused attention, which has no second derivative."""
    one, other = (lth.grasp(net, [images(9)]) for net in (OwnAttention(), ByHand()))
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=1e-3, atol=1e-8)
    assert all(bool(s.any()) for s in lth.grasp(Attending(), [images(9)]).values())


def hooked(change) -> nn.Module:
    """The second layer's weight is computed by torch's own tool."""
    model = small_net(seed=0)
    change(model[3])
    model(X)
    return model


COMPUTED = {
    "weight norm": lambda: hooked(nn.utils.weight_norm),
    "pruned": lambda: hooked(lambda m: l1_unstructured(m, "weight", 0.3)),
}


@pytest.mark.filterwarnings("ignore")
@by_pass
@pytest.mark.parametrize("net", COMPUTED.values(), ids=COMPUTED)
def test_a_computed_weight_is_refused_before_the_network_is_copied(score, net):
    """Catches: torch's error of a copy that it does not make, in place of the remedy."""
    with pytest.raises(ValueError, match=r"3\.weight of 3 .Linear. is no parameter.*Make it one again with"):
        score(net())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("net", COMPUTED.values(), ids=COMPUTED)
def test_a_computed_weight_may_be_left_out(tiny, net):
    """Catches: a copy that fails although the weight is excluded; a flow of absolute values that are not the weight's."""
    for score in (lth.magnitude, partial(lth.snip, batches=[(X, Y)]), partial(lth.grasp, batches=[(X, Y)])):
        scores = score(net(), exclude="3.weight")
        plain = small_net(seed=0)
        with torch.no_grad():
            plain[3].weight.copy_(net()[3].weight)
        expected = score(plain)
        assert list(scores) == ["1.weight", "5.weight"]
        if score is lth.magnitude or score.func is lth.snip:  # g of GraSP knows the third layer
            for name, s in scores.items():
                torch.testing.assert_close(s, expected[name], rtol=1e-4, atol=1e-8)
        mask = lth.Mask.ones(net(), exclude="3.weight")
        assert lth.prune_iteratively(net(), score, 0.5, rounds=2, mask=mask).density == pytest.approx(
            0.5, abs=1e-3
        )
    with pytest.raises(ValueError, match="3.weight is computed.*SynFlow has no score even if it is excluded"):
        lth.synflow(net(), (1, 8, 8), exclude="3.weight")


@pytest.mark.parametrize("score", SCORES.values(), ids=SCORES)
def test_a_lazy_network_is_refused_with_the_remedy(score):
    with pytest.raises(ValueError, match=r"1\.weight.*lazy layers.*Run one batch through it first"):
        score(nn.Sequential(nn.Flatten(), nn.LazyLinear(3)))


BY_NAME = {
    "magnitude": lth.magnitude,
    "random": partial(lth.random, seed=1),
    "snip": partial(lth.snip, batches=[(X, Y)]),
    "grasp": partial(lth.grasp, batches=[(X, Y)]),
    "synflow": partial(lth.synflow, shape=(1, 8, 8)),
}
by_name = pytest.mark.parametrize("score", BY_NAME.values(), ids=BY_NAME)


@by_name
def test_what_is_excluded_has_no_score_and_changes_no_other(score):
    """Catches: a random stream, or GraSP's gradient, that depends on what else is scored."""
    whole, part = score(small_net(seed=0)), score(small_net(seed=0), exclude="1.*")
    assert list(whole) == ["1.weight", *part] == ["1.weight", "3.weight", "5.weight"]
    assert all(torch.equal(part[n], whole[n]) for n in part)


@by_pass
def test_a_layer_that_is_not_used_may_be_left_out(score):
    """Catches: a refusal without a way round it."""
    name = next(n for n, s in BY_PASS.items() if s is score)
    with pytest.raises(ValueError, match=r"unused.weight.*exclude=\['unused.weight'\]"):
        score(Cut())
    assert list(BY_NAME[name](Cut(), exclude="unused.*")) == ["used.weight"]


class Own(nn.Module):
    """A matrix of a module of one's own, pruned only if it is included, and a layer that is not used."""

    def __init__(self, *, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.matrix = nn.Parameter(torch.randn(64, 8) / 8)
            self.out, self.unused = nn.Linear(8, 3), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.out((x.flatten(1) @ self.matrix).relu())


def test_included_weights_are_scored_as_a_linear_layers():
    """Catches: `include` that is taken and forgotten, the wrong axis."""
    own, net = Own(), nn.Sequential(nn.Flatten(), nn.Linear(64, 8, bias=False), nn.ReLU(), nn.Linear(8, 3))
    with torch.no_grad():
        net[1].weight.copy_(own.matrix.T)
    net[3] = own.out
    for name, score in BY_NAME.items():
        found, expected = score(own, include="matrix", exclude="unused*"), score(net)
        assert list(found) == ["matrix", "out.weight"]
        if name != "random":
            torch.testing.assert_close(found["matrix"], expected["1.weight"].T)
            torch.testing.assert_close(found["out.weight"], expected["3.weight"])


def test_a_search_says_what_is_scored():
    """Catches: exclude= and include= that have to be said again in the score; a function of one's own that gets them."""
    mask = lth.Mask.ones(Own(), "unused*", include="matrix")
    for score in BY_NAME.values():
        assert lth.prune_iteratively(Own(), score, 0.5, rounds=2, mask=mask).shapes() == mask.shapes()
    own = partial(
        lambda model, power: {n: p.detach().abs() ** power for n, p in model.named_parameters()}, power=2
    )
    assert lth.prune_iteratively(Own(), own, 0.5, rounds=1, mask=mask).kept == 268
    for_itself = partial(lth.magnitude, include="matrix")  # has a score for the unused layer too
    assert lth.prune_iteratively(Own(), for_itself, 0.5, rounds=1, mask=mask).kept == 268


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=["half", "bfloat16"])
@by_loss
def test_a_network_of_16_bits_is_scored_in_32(score, dtype):
    """Second derivatives of outputs / 200 are below what float16 has. Catches: scores that are multiples of 6e-8."""
    model = batch_norm_net(seed=0).to(dtype)
    x, y = images(20, dtype=dtype)
    found = score(model, [(x, y)])
    expected = score(copy.deepcopy(model).float(), [(x.float(), y)])
    assert all(s.dtype == torch.float32 and torch.equal(s, expected[n]) for n, s in found.items())
    assert all(p.dtype == dtype for p in model.parameters())


class Casting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 3).half()

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.flatten(1).half())


@by_loss
def test_a_network_that_casts_to_16_bits_is_refused_with_the_remedy(score):
    with pytest.raises(ValueError, match="scored in float32; if its forward casts"):
        score(Casting(), [(X, Y)])


class Shifted(nn.Module):
    """A shift that `state_dict` may leave out."""

    def __init__(self, persistent: bool) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.first, self.last = nn.Linear(64, 8), nn.Linear(8, 3)
        self.register_buffer("shift", torch.full((8,), -50.0), persistent=persistent)

    def forward(self, x: Tensor) -> Tensor:
        return self.last((self.first(x.flatten(1)) + self.shift).relu())


def test_synflow_takes_every_buffer_for_positive():
    """Catches: a buffer that is not in `state_dict` and ends all paths; one that stays absolute."""
    model = Shifted(False)
    one, other = (lth.synflow(net, (1, 8, 8)) for net in (model, Shifted(True)))
    assert all(torch.equal(one[n], other[n]) and bool(one[n].any()) for n in one)
    assert bool((model.shift == -50).all())


@pytest.mark.parametrize("score", ["magnitude", "random", "snip", "grasp"])
def test_scores_are_of_what_the_mask_speaks_about(score):
    """Catches: a mask made with `include` or `exclude` that no criterion has scores for; a computed weight excluded."""
    how = {
        "magnitude": lth.magnitude,
        "random": partial(lth.random, seed=1),
        "snip": partial(lth.snip, batches=[images(9)]),
        "grasp": partial(lth.grasp, batches=[images(9)]),
    }[score]
    model = nn.Sequential(nn.Flatten(), Scaled(), nn.Linear(64, 4), weight_norm(nn.Linear(4, 3)))
    names = {"exclude": "3.weight", "include": "1.*"}
    mask, scores = lth.Mask.ones(model, **names), how(model, **names)
    assert list(scores) == list(mask) == ["1.scale", "2.weight"]
    assert lth.prune(mask, scores, 0.5).kept == 160
    with pytest.raises(ValueError, match="remove_parametrizations"):
        how(model)


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.linspace(0.5, 1.5, 64).view(1, 64))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale


class OwnWay(nn.Module):
    """Two layers with something between them."""

    def __init__(self, between, *, dtype: torch.dtype = torch.float32) -> None:  # type: ignore[no-untyped-def]
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.first, self.last = nn.Linear(64, 6, dtype=dtype), nn.Linear(6, 3)
        self.between = between

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.between(self.first(x.flatten(1).to(self.first.weight.dtype))))


@by_pass
@pytest.mark.parametrize(
    "drop", [F.dropout, F.alpha_dropout, F.feature_alpha_dropout, partial(torch.dropout, p=0.5, train=True)]
)
def test_scores_see_no_functional_dropout(score, drop):
    """Catches: `F.dropout(h)`, which drops in evaluation too."""
    noisy = score(
        OwnWay(lambda h: drop(h.relu()) if drop.__class__ is partial else drop(h.relu(), 0.5, True))
    )
    plain = score(OwnWay(torch.relu))
    assert all(torch.equal(noisy[n], plain[n]) for n in plain)


def test_attention_drops_nothing_in_a_score():
    """Catches: dropout_p of the fused function, by name or by place."""

    def attend(h: Tensor, *args: object, **kwargs: object) -> Tensor:
        h = h[:, None, :, None]
        return F.scaled_dot_product_attention(h, h, h, *args, **kwargs)[:, 0, :, 0]  # type: ignore[arg-type]

    plain = BY_PASS["snip"](OwnWay(attend))
    for given in ({"dropout_p": 0.5}, (None, 0.5)):
        named = given if isinstance(given, dict) else {}
        placed = given if isinstance(given, tuple) else ()
        noisy = BY_PASS["snip"](OwnWay(partial(_called, attend, placed, named)))
        assert all(torch.equal(noisy[n], plain[n]) for n in plain)


def _called(function, placed, named, h):  # type: ignore[no-untyped-def]
    return function(h, *placed, **named)


@by_pass
def test_scores_name_complex_weights(score):
    """Catches: |g w| where the derivative is Re(conj(g) w), and a cast that drops the imaginary part."""
    with pytest.raises(ValueError, match=r"first.weight is torch.complex64.*magnitude"):
        score(OwnWay(torch.abs, dtype=torch.complex64))


def test_synflow_takes_a_sine_for_straight_and_refuses_a_cosine():
    one, other = (
        BY_PASS["synflow"](OwnWay(lambda h: torch.sin(3 * h))),
        BY_PASS["synflow"](OwnWay(lambda h: 3 * h)),
    )
    assert all(torch.equal(one[n], other[n]) for n in one)
    with pytest.raises(ValueError, match="cosine"):
        BY_PASS["synflow"](OwnWay(torch.cos))


@by_pass
def test_scores_of_a_network_that_keeps_activations(score):
    """Catches: deepcopy of a tensor with a history, in a list, a dict or a tuple."""

    class Keeping(OwnWay):
        def forward(self, x: Tensor) -> Tensor:
            out = super().forward(x)
            self.kept = [{"out": (out, self.last(self.first(x.flatten(1))))}]
            return out

    model = Keeping(torch.relu)
    plain = score(OwnWay(torch.relu))
    model(images(2)[0])
    assert all(torch.equal(score(model)[n], plain[n]) for n in plain)


@by_pass
def test_scores_name_a_reentrant_checkpoint(score):
    def again(h: Tensor) -> Tensor:
        return torch.utils.checkpoint.checkpoint(torch.relu, h, use_reentrant=True)

    with pytest.raises(ValueError, match="OwnWay has a .*use_reentrant=False"):
        score(OwnWay(again))


@by_pass
def test_parameters_of_whole_numbers_do_no_harm(score):
    model, plain = OwnWay(torch.relu), score(OwnWay(torch.relu))
    model.order = nn.Parameter(torch.arange(6)[None], requires_grad=False)
    found = score(model)
    assert found.keys() == plain.keys() and all(torch.equal(found[n], plain[n]) for n in plain)


def test_synflow_names_a_scripted_part():
    model = nn.Sequential(
        nn.Flatten(), torch.jit.script(nn.Sequential(nn.Linear(64, 5), nn.ReLU())), nn.Linear(5, 3)
    )
    with pytest.raises(
        ValueError, match=r"1 \(RecursiveScriptModule of Sequential\) is compiled by torch.jit"
    ):
        lth.synflow(model, (1, 8, 8))


def test_synflow_takes_the_absolute_value_of_a_complex_buffer():
    """Catches: a cast that drops the imaginary part first."""

    class Turned(nn.Module):
        def __init__(self, turn: Tensor) -> None:
            super().__init__()
            self.register_buffer("turn", turn)

        def forward(self, h: Tensor) -> Tensor:
            return h * self.turn.abs()

    turns = (torch.tensor([3 + 4j]), torch.tensor([5.0]))
    found = [BY_PASS["synflow"](OwnWay(Turned(turn))) for turn in turns]
    assert all(torch.equal(found[0][n], found[1][n]) for n in found[0])
