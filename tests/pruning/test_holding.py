"""A mask is held in a loop that is not ours: by each optimizer, with all that such loops do."""

from __future__ import annotations

import copy
import gc
import inspect
import io
import logging
import pickle
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import lthkit as lth
from tests.conftest import small_conv, small_net

FOREIGN = torch.optim.Optimizer


class Noisy(torch.optim.Optimizer):
    """An optimizer of one's own: momentum with decay, and noise on every weight, which no gradient holds back."""

    def __init__(self, params: Any, lr: float = 0.05) -> None:
        super().__init__(params, {"lr": lr})
        self.generator = torch.Generator().manual_seed(0)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                mean = state.setdefault("a mean of my own", torch.ones_like(p))
                mean.mul_(0.9).add_(p.grad + 0.01 * p)
                p.sub_(group["lr"] * mean).add_(0.01 * torch.randn(p.shape, generator=self.generator))


OPTIMIZERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "AdamW": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
    "AdamW, foreach": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1, foreach=True),
    "AdamW, fused": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1, fused=True),
    "AdamW, amsgrad": lambda p: torch.optim.AdamW(p, lr=0.01, amsgrad=True, foreach=False),
    "SGD, Nesterov": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-2),
    "SGD, maximize": lambda p: torch.optim.SGD(p, lr=1e-3, momentum=0.9, maximize=True),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=0.005, momentum=0.9, centered=True, weight_decay=1e-2),
    "Rprop": lambda p: torch.optim.Rprop(p),
    "ASGD": lambda p: torch.optim.ASGD(p, t0=5),
    "Adagrad": lambda p: torch.optim.Adagrad(p, initial_accumulator_value=0.1),
    "Adadelta": torch.optim.Adadelta,
    "NAdam": lambda p: torch.optim.NAdam(p, weight_decay=1e-2, decoupled_weight_decay=True),
    "of one's own": Noisy,
}


def drawn(net: nn.Module, density: float = 0.3, seed: int = 1) -> lth.Mask:
    return lth.prune_to(lth.Mask.ones(net), lth.random(net, seed=seed), density)


def batch(step: int, n: int = 8) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(step)
    return torch.randn(n, 1, 8, 8, generator=g), torch.randint(3, (n,), generator=g)


def left(net: nn.Module, mask: lth.Mask) -> int:
    """How many removed weights are not exactly 0, or are -0."""
    weights = {n: net.get_parameter(n).detach() for n in mask}
    return sum(int((w[~mask[n]] != 0).sum() + torch.signbit(w[~mask[n]]).sum()) for n, w in weights.items())


def one(net: nn.Module, optimizer: torch.optim.Optimizer, step: int) -> None:
    x, y = batch(step)
    optimizer.zero_grad()
    F.cross_entropy(net(x), y).backward()
    optimizer.step()


def hooks(net: nn.Module, *optimizers: Any) -> int:
    """How many hooks are left on parameters and optimizers."""
    on = [p._post_accumulate_grad_hooks or {} for p in net.parameters()]
    for o in optimizers:
        on += [
            o._optimizer_step_pre_hooks,
            o._optimizer_step_post_hooks,
            o._optimizer_load_state_dict_post_hooks,
        ]
    return sum(map(len, on))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_removed_weights_are_0_after_50_updates_in_a_foreign_loop(name: str) -> None:
    """Catches: momentum or decay that moves them, a clipped norm or an accumulated gradient that sees them, and a kept
    weight that moves otherwise than by hand: gradients times the mask, clip, step, weights times the mask."""
    nets = [small_net(seed=0), small_net(seed=0)]
    mask = drawn(nets[0])
    optimizers = [OPTIMIZERS[name](net.parameters()) for net in nets]
    held, by_hand = nets
    norms: list[list[float]] = [[], []]

    def train(i: int, after_backward: Callable[[], object], after_step: Callable[[], object]) -> None:
        for step in range(50):
            optimizers[i].zero_grad()
            for part in range(3):  # accumulated
                x, y = batch(3 * step + part)
                (F.cross_entropy(nets[i](x), y) / 3).backward()
                after_backward()
            norms[i].append(float(nn.utils.clip_grad_norm_(nets[i].parameters(), 0.5)))
            optimizers[i].step()
            after_step()
            if i == 0:
                assert left(held, mask) == 0, step

    with mask.held(held, optimizers[0]):
        train(0, lambda: None, lambda: None)
    assert left(held, mask) == 0 and hooks(held, optimizers[0]) == 0

    def gradients_by_hand() -> None:
        for n, kept in mask.items():
            by_hand.get_parameter(n).grad.mul_(kept)  # type: ignore[union-attr]

    mask.apply_(by_hand)
    train(1, gradients_by_hand, lambda: mask.apply_(by_hand))
    assert norms[0] == norms[1]
    for (n, a), b in zip(held.state_dict().items(), by_hand.state_dict().values(), strict=True):
        assert torch.equal(a, b), n


def test_without_the_block_they_move() -> None:
    """The test above can fail: a masked start alone is no mask."""
    net = small_net(seed=0)
    mask = drawn(net)
    mask.apply_(net)
    one(net, torch.optim.AdamW(net.parameters()), 0)
    assert left(net, mask) > 0


def test_a_clipped_norm_sees_no_removed_weight() -> None:
    net = small_net(seed=0)
    mask = drawn(net, 0.05)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    weights = [net.get_parameter(n) for n in mask]
    x, y = batch(0)
    with mask.held(net, optimizer):
        F.cross_entropy(net(x), y).backward()
        held = nn.utils.clip_grad_norm_(weights, 1e9)
    raw = torch.autograd.grad(F.cross_entropy(net(x), y), weights)
    kept = [g[mask[n]] for n, g in zip(mask, raw, strict=True)]
    assert float(held) == pytest.approx(float(torch.cat(kept).norm()))
    assert float(held) < 0.7 * float(torch.cat([g.flatten() for g in raw]).norm())


def test_a_removed_weight_that_an_optimizer_makes_nan_is_0() -> None:
    """Adam with eps=0 divides 0 by 0."""
    net = nn.Linear(4, 3)
    mask, optimizer = drawn(net, 0.5), torch.optim.Adam(net.parameters(), eps=0.0)
    with mask.held(net, optimizer):
        net(torch.ones(2, 4)).pow(2).sum().backward()
        optimizer.step()
        assert left(net, mask) == 0 and bool(torch.isfinite(net.weight).all())


def test_state_and_gradients_from_before_are_0() -> None:
    """Catches: a momentum of the dense training that moves removed weights within the step, or out of the block."""
    net = small_net(seed=0)
    optimizer = torch.optim.AdamW(net.parameters(), amsgrad=True)
    for step in range(3):
        one(net, optimizer, step)
    before = copy.deepcopy(optimizer.state_dict())
    mask = drawn(net)
    with mask.held(net, optimizer):
        for n, kept in mask.items():
            p = net.get_parameter(n)
            assert not p.grad[~kept].any() and p.grad[kept].any()  # type: ignore[index]
            for key in ("exp_avg", "exp_avg_sq", "max_exp_avg_sq"):
                state = optimizer.state[p][key]
                assert not state[~kept].any() and state[kept].any(), key
            assert optimizer.state[p]["step"] == 3
        optimizer.load_state_dict(before)  # dense again
        assert all(
            not optimizer.state[net.get_parameter(n)]["exp_avg"][~kept].any() for n, kept in mask.items()
        )


def test_state_that_is_not_of_each_weight_stays() -> None:
    """Catches: a square preconditioner of a square weight, which has the weight's shape and is no state of its entries."""
    net = nn.Linear(4, 4)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    optimizer.state[net.weight]["preconditioner"] = torch.eye(4)
    optimizer.state[net.weight]["step_size"] = torch.full((4, 4), 0.1)
    mask = lth.Mask({"weight": torch.eye(4) < 1})
    with mask.held(net, optimizer):
        pass
    assert torch.equal(optimizer.state[net.weight]["preconditioner"], torch.eye(4))
    assert (optimizer.state[net.weight]["step_size"] == 0.1).all()


def test_several_groups_and_several_optimizers() -> None:
    net = small_net(seed=0)
    mask = drawn(net)
    first = torch.optim.AdamW(
        [{"params": net[1].parameters()}, {"params": net[3].parameters(), "lr": 0.1, "weight_decay": 0.0}]  # type: ignore[index]
    )
    other = torch.optim.SGD(net[5].parameters(), lr=0.1, momentum=0.9)  # type: ignore[index]
    with mask.held(net, first, other):
        for step in range(5):
            x, y = batch(step)
            for o in (first, other):
                o.zero_grad()
            F.cross_entropy(net(x), y).backward()
            for o in (first, other):
                o.step()
                assert left(net, mask) == 0
    with mask.held(net, first):  # the last layer has no optimizer here, and stays
        for step in range(5):
            one(net, first, step)
    assert left(net, mask) == 0 and hooks(net, first, other) == 0


def test_a_group_that_is_added_inside_is_held() -> None:
    net = small_net(seed=0)
    mask = drawn(net)
    optimizer = torch.optim.SGD(net[1].parameters(), lr=0.1)  # type: ignore[index]
    with mask.held(net, optimizer):
        optimizer.add_param_group({"params": net[5].parameters(), "momentum": 0.9})  # type: ignore[index]
        for step in range(4):
            one(net, optimizer, step)
    assert left(net, mask) == 0


def test_gradient_scaling_and_autocast() -> None:
    """Catches: a skipped step, a scaled gradient that is not masked, an infinity at a removed place that skips a step."""
    net = small_net(seed=0)
    mask = drawn(net)
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    before = {n: p.detach().clone() for n, p in net.named_parameters()}
    with mask.held(net, optimizer):
        for step in range(6):
            x, y = batch(step)
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = F.cross_entropy(net(x), y)
            scaler.scale(loss).backward()
            if step == 3:
                net[1].weight.grad[mask["1.weight"]] = float("inf")  # type: ignore[index]
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
            assert left(net, mask) == 0
    assert scaler.get_scale() < 2.0**10  # the step with an infinity was skipped
    assert all(not torch.equal(p, before[n]) for n, p in net.named_parameters())


def test_blocks_nest() -> None:
    """Catches: an inner block that ends the outer one's hold, and one that gives back what the outer removes."""
    net = small_net(seed=0)
    outer = drawn(net, 0.5)
    inner = lth.Mask({n: t for n, t in drawn(net, 0.3, seed=2).items() if n != "5.weight"})
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)
    with outer.held(net, optimizer):
        with inner.held(net, optimizer):
            for step in range(3):
                one(net, optimizer, step)
            assert left(net, outer) == left(net, inner) == 0
        for step in range(3):
            one(net, optimizer, step)
        assert left(net, outer) == 0 and left(net, inner) > 0
    assert hooks(net, optimizer) == 0


def test_one_block_may_be_entered_again_and_not_twice() -> None:
    net = small_net(seed=0)
    mask, optimizer = drawn(net), torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    block = mask.held(net, optimizer)
    for _ in range(2):
        with block:
            one(net, optimizer, 0)
    with block, pytest.raises(RuntimeError, match="entered already.*call held twice"), block:
        pass
    assert hooks(net, optimizer) == 0 and left(net, mask) == 0


@pytest.mark.parametrize("where", ["in the loop", "in the step", "in the backward pass"])
def test_after_an_exception_no_hook_is_left_and_the_weights_are_0(where: str) -> None:
    net = small_net(seed=0)
    mask = drawn(net)

    class Broken(torch.optim.SGD):
        def step(self, closure: Any = None) -> None:  # type: ignore[override]
            with torch.no_grad():
                net[1].weight.add_(1.0)  # type: ignore[index]
            raise KeyboardInterrupt

    optimizer = (Broken if where == "in the step" else torch.optim.SGD)(net.parameters(), lr=0.1)
    if where == "in the backward pass":
        net[1].weight.register_hook(lambda g: 1 / 0)  # type: ignore[index]
    with pytest.raises((KeyboardInterrupt, ZeroDivisionError)), mask.held(net, optimizer):
        one(net, optimizer, 0)
        raise ZeroDivisionError
    assert hooks(net, optimizer) == 0 and left(net, mask) == 0


@pytest.mark.parametrize("write", ["load_state_dict", "data", "another optimizer", "replaced step"])
def test_what_else_moves_a_removed_weight_is_told(write: str) -> None:
    """Catches: a dense checkpoint loaded inside, an optimizer that was forgotten, writes that no counter sees."""
    net, dense = small_net(seed=0), small_net(seed=0).state_dict()
    mask, optimizer = drawn(net), torch.optim.SGD(net.parameters(), lr=0.1)
    match = r"1\.weight of Sequential: [\d,]+ of [\d,]+ removed weights are not 0.*mask\.apply_\(model\)"
    with pytest.raises(ValueError, match=match), mask.held(net, optimizer):
        one(net, optimizer, 0)
        if write == "load_state_dict":
            net.load_state_dict(dense)
        elif write == "data":
            net[1].weight.data.add_(1.0)  # type: ignore[index]
        elif write == "another optimizer":
            one(net, Noisy(net.parameters()), 0)
        else:
            optimizer.step = lambda: net[1].weight.data.add_(1.0)  # type: ignore[index, method-assign, assignment]
            optimizer.step()
        if write in ("load_state_dict", "another optimizer"):
            with pytest.raises(ValueError, match="before a step"):
                one(net, optimizer, 1)
    assert hooks(net, optimizer) == 0 and left(net, mask) == 0


def test_what_is_masked_again_is_in_order() -> None:
    """A rewind inside the block, and -0, which is 0."""
    net, dense = small_net(seed=0), small_net(seed=0).state_dict()
    mask, optimizer = drawn(net), torch.optim.SGD(net.parameters(), lr=0.1)
    with mask.held(net, optimizer):
        one(net, optimizer, 0)
        net.load_state_dict(dense)
        mask.apply_(net)
        one(net, optimizer, 1)
        with torch.no_grad():
            net[1].weight.neg_()  # type: ignore[index]
        assert torch.signbit(net[1].weight[~mask["1.weight"]]).all()  # type: ignore[index]
        one(net, optimizer, 2)
        assert left(net, mask) == 0
        with torch.no_grad():
            net[1].weight.neg_()  # type: ignore[index]
    assert left(net, mask) == 0


def test_gradients_set_by_hand_are_masked_at_the_step() -> None:
    net = small_net(seed=0)
    mask, optimizer = drawn(net), torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    x, y = batch(0)
    with mask.held(net, optimizer):
        raw = torch.autograd.grad(F.cross_entropy(net(x), y), list(net.parameters()))
        assert any(
            bool(g[~mask[n]].any())
            for (n, _), g in zip(net.named_parameters(), raw, strict=True)
            if n in mask
        )
        for p, g in zip(net.parameters(), raw, strict=True):
            p.grad = g
        net[5].weight.grad = torch.ones(()).expand(3, 10)  # type: ignore[index]  # one number in memory
        optimizer.step()
        assert left(net, mask) == 0
        kept = mask["5.weight"]
        assert torch.equal(net[5].weight.grad, kept.float())  # type: ignore[index]


@pytest.mark.filterwarnings("ignore:Using backward")
def test_a_second_derivative_goes_through_the_mask() -> None:
    """Catches: a gradient with a graph that is written into, so that what follows goes through removed places too."""
    net = small_net(seed=0)
    mask, optimizer = drawn(net), torch.optim.SGD(net.parameters(), lr=0.1)
    x, y = batch(0)
    with mask.held(net, optimizer):
        parameters = dict(net.named_parameters())
        raw = torch.autograd.grad(F.cross_entropy(net(x), y), list(parameters.values()), create_graph=True)
        kept = [g * mask[n] if n in mask else g for n, g in zip(parameters, raw, strict=True)]
        expected = torch.autograd.grad(sum(g.sum() for g in kept), list(parameters.values()))  # type: ignore[arg-type]
        F.cross_entropy(net(x), y).backward(create_graph=True)
        penalty = sum(p.grad.sum() for p in net.parameters())  # type: ignore[union-attr]
        optimizer.zero_grad()
        penalty.backward()  # type: ignore[union-attr]
        for (n, p), g in zip(parameters.items(), expected, strict=True):
            assert torch.allclose(p.grad, g * mask[n] if n in mask else g, atol=1e-6), n  # type: ignore[arg-type]
        optimizer.step()
    assert left(net, mask) == 0


def test_lbfgs_finds_its_way_among_kept_weights() -> None:
    """The closure is called many times in a step, and each of its losses is one of the masked network."""
    net = small_net(seed=0)
    mask = drawn(net)
    optimizer = torch.optim.LBFGS(net.parameters(), lr=0.5, max_iter=5, line_search_fn="strong_wolfe")
    x, y = batch(0, 60)
    losses, strays = [], []

    def closure() -> Tensor:
        strays.append(left(net, mask))
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        losses.append(float(loss.detach()))
        return loss

    with mask.held(net, optimizer):
        for _ in range(4):
            optimizer.step(closure)
    assert not any(strays) and losses[-1] < losses[0] and left(net, mask) == 0
    with mask.held(net, optimizer):  # its history is of kept weights only
        optimizer.step(closure)
    smaller = lth.prune(mask, lth.magnitude(net), 0.5)
    with (
        pytest.raises(ValueError, match="LBFGS optimizer has a history.*Make a new"),
        smaller.held(net, optimizer),
    ):
        pass
    assert hooks(net, optimizer) == 0


def test_frozen_weights_are_held_and_may_be_thawed() -> None:
    net = small_net(seed=0)
    net[1].weight.requires_grad_(False)  # type: ignore[index]
    mask = drawn(net)
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)
    with mask.held(net, optimizer):
        assert not net[1].weight.requires_grad  # type: ignore[index]
        one(net, optimizer, 0)
        net[1].weight.requires_grad_(True)  # type: ignore[index]
        x, y = batch(1)
        F.cross_entropy(net(x), y).backward()
        assert not net[1].weight.grad[~mask["1.weight"]].any()  # type: ignore[index]
        optimizer.step()
    assert left(net, mask) == 0 and hooks(net, optimizer) == 0


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.out = nn.Embedding(10, 4), nn.Linear(4, 10, bias=False)
        self.out.weight = self.embed.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.embed(x))


def test_a_tied_weight_is_one_and_untying_it_inside_is_refused() -> None:
    net = Tied()
    mask = lth.prune_to(lth.Mask.ones(net), lth.magnitude(net), 0.4)
    assert list(mask) == ["embed.weight"]
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.1)

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(net(torch.arange(10)), torch.arange(10).roll(1)).backward()
        optimizer.step()

    with mask.held(net, optimizer):
        step()
        assert left(net, mask) == 0
    with (
        pytest.raises(ValueError, match=r"out\.weight of Tied is another Parameter"),
        mask.held(net, optimizer),
    ):
        net.out.weight = nn.Parameter(net.out.weight.detach().clone())
        step()


def test_a_sparse_gradient_of_an_embedding() -> None:
    net = nn.Embedding(10, 4, sparse=True)
    mask = lth.prune_to(lth.Mask.ones(net, include="weight"), {"weight": net.weight.detach().abs()}, 0.4)
    optimizer = torch.optim.SparseAdam(net.parameters(), lr=0.1)
    before = net.weight.detach().clone()
    with mask.held(net, optimizer):
        for _ in range(3):
            optimizer.zero_grad()
            net(torch.tensor([1, 2, 2, 7])).pow(2).sum().backward()
            assert net.weight.grad is not None and net.weight.grad.is_sparse
            assert not net.weight.grad.to_dense()[~mask["weight"]].any()
            optimizer.step()
            assert left(net, mask) == 0
    assert (net.weight[2][mask["weight"][2]] != before[2][mask["weight"][2]]).all()


def half(layer: nn.Module) -> nn.Module:
    return nn.utils.parametrizations.weight_norm(layer)


def test_a_computed_weight_is_refused_as_everywhere() -> None:
    net = small_net(seed=0)
    mask, optimizer = drawn(net), torch.optim.SGD(net.parameters(), lr=0.1)
    with (
        pytest.raises(ValueError, match=r"1\.weight of Sequential is no parameter"),
        mask.held(net, optimizer),
    ):
        half(net[1])  # type: ignore[index]
        one(net, optimizer, 0)
    with pytest.raises(ValueError, match=r"1\.weight of 1.*is no parameter.*remove_parametrizations"):
        mask.held(net, optimizer)


@pytest.mark.parametrize("what", ["weight", "layer", "removed", "shape"])
def test_a_parameter_that_is_replaced_inside_is_refused(what: str) -> None:
    """Catches: a new weight that nothing holds, found at the next step, or at the end."""
    for with_step in (True, False):
        net = small_net(seed=0)
        mask, optimizer = drawn(net), torch.optim.SGD(net.parameters(), lr=0.1)
        match = {
            "weight": r"3\.weight .*another Parameter",
            "layer": r"3\.weight .*another Parameter",
            "removed": r"3\.weight .*no parameter any more",
            "shape": r"3\.weight is \(11, 20\) now, and the mask \(10, 20\)",
        }[what]
        with pytest.raises(ValueError, match=match), mask.held(net, optimizer):
            one(net, optimizer, 0)
            if what == "weight":
                net[3].weight = nn.Parameter(torch.randn(10, 20))  # type: ignore[index]
            elif what == "layer":
                net[3] = nn.Linear(20, 10)  # type: ignore[index, operator]
            elif what == "removed":
                net[3] = nn.Identity()  # type: ignore[index, operator]
            else:
                net[3].weight.data = torch.randn(11, 20)  # type: ignore[index]
            if with_step:
                optimizer.step()
        assert hooks(net, optimizer) == 0


def test_another_type_and_copies_inside() -> None:
    """`to` keeps the parameters; a deep copy is a plain network; a state and a pickle hold no hook."""
    net = small_conv(seed=0)
    mask, optimizer = drawn(net), torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    with mask.held(net, optimizer):
        one(net, optimizer, 0)
        net.to(torch.float64)
        for group in optimizer.state.values():
            group["momentum_buffer"] = group["momentum_buffer"].double()
        x, y = batch(1)
        optimizer.zero_grad()
        F.cross_entropy(net(x.double()), y).backward()
        assert not net[0].weight.grad[~mask["0.weight"]].any()  # type: ignore[index]
        optimizer.step()
        assert left(net, mask) == 0
        net.to(torch.float32, memory_format=torch.channels_last)
        twin = copy.deepcopy(net)
        assert hooks(twin) == 0 and left(twin, mask) == 0
        other = copy.deepcopy(optimizer)
        assert not other._optimizer_step_post_hooks
        io.BytesIO(pickle.dumps(net)), torch.save(net.state_dict(), io.BytesIO())
        free = torch.optim.SGD(twin.parameters(), lr=0.1)
        one(twin, free, 2)
        assert left(twin, mask) > 0 and left(net, mask) == 0


def test_weights_that_lie_otherwise_in_memory() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 6), nn.ReLU(), nn.Linear(6, 3))
    net[1].weight = nn.Parameter(torch.randn(64, 6).t())
    assert not net[1].weight.is_contiguous()
    mask, optimizer = drawn(net), torch.optim.AdamW(net.parameters(), lr=0.1)
    with mask.held(net, optimizer):
        for step in range(5):
            one(net, optimizer, step)
            assert left(net, mask) == 0
    conv = small_conv(seed=0).to(memory_format=torch.channels_last)
    mask, optimizer = drawn(conv), torch.optim.AdamW(conv.parameters(), lr=0.1)
    with mask.held(conv, optimizer):
        for step in range(5):
            one(conv, optimizer, step)
    assert left(conv, mask) == 0


@pytest.mark.filterwarnings("ignore")
def test_compiled_in_place_it_is_held_and_a_wrapper_is_refused_with_the_remedy() -> None:
    net = small_net(seed=0)
    mask = drawn(net)
    wrapped = torch.compile(net, backend="eager")
    with pytest.raises(ValueError, match=r"Only the prefix '_orig_mod\.'.*model\.compile\(\)"):
        mask.held(wrapped, torch.optim.SGD(wrapped.parameters(), lr=0.1))  # type: ignore[attr-defined, arg-type]
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.01, weight_decay=0.1)
    net.compile(backend="aot_eager")
    with mask.held(net, optimizer):
        for step in range(3):
            x, y = batch(step)
            optimizer.zero_grad()
            F.cross_entropy(net(x), y).backward()
            assert not net[1].weight.grad[~mask["1.weight"]].any()  # type: ignore[index]
            optimizer.step()
            assert left(net, mask) == 0
    with mask.held(wrapped._orig_mod, optimizer):  # type: ignore[attr-defined, union-attr]
        one(wrapped, optimizer, 9)  # type: ignore[arg-type]
    assert left(net, mask) == 0


def test_the_lines_of_the_docstring_run() -> None:
    text = inspect.getdoc(lth.Mask.held) or ""
    code = textwrap.dedent(text[text.index("    with mask.held") : text.index("\nOn entry")])
    net = small_net(seed=0)
    names = {"model": net, "mask": drawn(net), "optimizer": torch.optim.AdamW(net.parameters(), lr=0.01)}
    before = net[1].weight.detach().clone()  # type: ignore[index, union-attr]
    loader = [batch(step) for step in range(3)]
    exec(code, names | {"loader": loader, "loss_fn": F.cross_entropy, "torch": torch})
    assert left(net, names["mask"]) == 0  # type: ignore[arg-type]
    assert not torch.equal(net[1].weight * mask_of(names)["1.weight"], before * mask_of(names)["1.weight"])  # type: ignore[index, operator]


def mask_of(names: dict[str, Any]) -> lth.Mask:
    mask: lth.Mask = names["mask"]
    return mask


def test_a_block_holds_the_mask_that_it_began_with() -> None:
    """What is grown inside needs a block of its own."""
    net = small_net(seed=0)
    mask, optimizer = drawn(net), torch.optim.SGD(net.parameters(), lr=0.1)
    larger = lth.grow(mask, lth.random(net, seed=2), 0.5)
    with mask.held(net, optimizer):
        with larger.held(net, optimizer):
            one(net, optimizer, 0)
        assert left(net, mask) == 0
    with larger.held(net, optimizer):
        one(net, optimizer, 0)
    assert left(net, mask) > 0 and left(net, larger) == 0


class Wrapper(torch.optim.Optimizer):
    """Like those of distributed libraries: a torch optimizer by class, with another one inside."""

    def __init__(self, inside: torch.optim.Optimizer) -> None:
        self.optimizer = inside

    @property
    def param_groups(self) -> Any:  # type: ignore[override]
        return self.optimizer.param_groups


def test_what_is_no_optimizer_of_this_network_is_refused_at_the_call() -> None:
    net, twin = small_net(seed=0), small_net(seed=0)
    mask, optimizer = drawn(net), torch.optim.SGD(net.parameters(), lr=0.1)
    rows: list[tuple[Callable[[], object], type[Exception], str]] = [
        (lambda: mask.held(net), TypeError, r"no optimizer.*mask\.held\(model, optimizer\)"),
        (lambda: mask.held(net, [optimizer]), TypeError, r"list of optimizers.*mask\.held\(model, \*optimizers\)"),
        (lambda: mask.held(net, lth.train), TypeError, r"is a function; expected a torch\.optim\.Optimizer"),
        (lambda: mask.held(net, Wrapper(optimizer)), TypeError, r"Wrapper has no hooks.*give the one inside"),
        (lambda: mask.held(optimizer, net), TypeError, r"expected a network"),
        (lambda: mask.held(net, torch.optim.SGD(twin.parameters(), lr=0.1)), ValueError, r"SGD holds no parameter"),
        (lambda: mask.held(small_conv(seed=0), optimizer), ValueError, "another model"),
    ]  # fmt: skip
    for call, kind, text in rows:
        with pytest.raises(kind, match=text):
            call()
    assert hooks(net, optimizer) == 0


def test_a_block_that_is_never_entered_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    """Catches: `mask.held(model, optimizer)` as a line of its own, which holds nothing."""
    net = small_net(seed=0)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with caplog.at_level(logging.WARNING, logger="lthkit"):
        with drawn(net).held(net, optimizer):
            pass
        gc.collect()
        assert not caplog.records
        drawn(net).held(net, optimizer)
        gc.collect()
    assert "nothing is held: write `with mask.held(model, optimizer):`" in caplog.text


def test_a_mask_that_keeps_everything_costs_nothing() -> None:
    net = small_net(seed=0)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with lth.Mask.ones(net).held(net, optimizer):
        assert all(not p._post_accumulate_grad_hooks for p in net.parameters())
        one(net, optimizer, 0)


def test_an_optimizer_within_the_backward_pass() -> None:
    """Catches: updates done by a hook of the loop's own, which runs before ours."""
    net = small_net(seed=0)
    mask = drawn(net)
    each = {p: torch.optim.SGD([p], lr=0.1, momentum=0.9) for p in net.parameters()}

    def update(p: Tensor) -> None:
        each[p].step()  # type: ignore[index]
        p.grad = None

    handles = [p.register_post_accumulate_grad_hook(update) for p in net.parameters()]
    with mask.held(net, *each.values()):
        for step in range(4):
            x, y = batch(step)
            F.cross_entropy(net(x), y).backward()
            assert left(net, mask) == 0
    for handle in handles:
        handle.remove()


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    yield
    torch._dynamo.reset()


def test_it_is_the_training_of_lthkit(tiny: lth.Dataset) -> None:
    """The same mask, order and optimizer by `lth.train` and in a loop of one's own: the same weights, bit for bit."""
    recipe = lth.Recipe(steps=20, batch_size=20, evaluate_every=20, optimizer="sgd", lr=0.05, momentum=0.9)
    ours, theirs = small_net(seed=0), small_net(seed=0)
    mask = drawn(ours)
    lth.train(ours, tiny, mask=mask, recipe=recipe, choice=lth.training.PLAIN)
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.05, momentum=0.9)
    with mask.held(theirs, optimizer):
        for step in range(20):
            epoch, i = divmod(step, len(tiny.train) // 20)
            rows = lth.data.batches(len(tiny.train), seed=0, epoch=epoch, batch_size=20)[i]
            optimizer.zero_grad()
            F.cross_entropy(theirs(tiny.inputs(tiny.train, rows)), tiny.train.labels[rows]).backward()
            optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))
