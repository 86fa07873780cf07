"""Network x operation: each cell is right by an oracle that knows nothing of lthkit, or refused by name with the remedy.

The oracles are written out here, slowly: counts and zeros by loops over parameters, scores by autograd from the papers,
trainings by `torch.optim` and a multiplication by the mask, paths by moving one weight at a time, operations by torch's
own counter or by hand, exports by their outputs. The networks, and what each refusal says, are in `networks.py`.
"""

from __future__ import annotations

import copy
import functools
import itertools
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.parameter import is_lazy
from torch.utils.flop_counter import FlopCounterMode

import lthkit as lth
from lthkit import export
from lthkit.data import Dataset, Split
from lthkit.data.datasets import batches as order_of
from lthkit.evidence import costs
from lthkit.evidence.layer_collapse import collapse
from lthkit.pruning import connected
from lthkit.tickets import Ticket
from lthkit.training import PLAIN
from tests.networks import NETWORKS, OPERATIONS, Net

STEPS, BATCH = 3, 8
BATCH_NORM = nn.modules.batchnorm._BatchNorm
SHAPES = {"8x8": (1, 8, 8), "32x32": (3, 32, 32)}


@functools.cache
def data(size: str) -> Dataset:
    def split(n: int, seed: int) -> Split:
        g = torch.Generator().manual_seed(seed)
        return Split(
            torch.randint(0, 256, (n, *SHAPES[size]), generator=g, dtype=torch.uint8), torch.arange(n) % 3
        )

    return Dataset.of(
        size, train=split(24, 1), validation=split(6, 2), test=split(6, 3), classes=("a", "b", "c")
    )


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, of old tools; the table is about lthkit
        yield


# What the oracles are made of


def parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """Every Parameter once, by its first name."""
    found: dict[str, nn.Parameter] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        if not any(parameter is other for other in found.values()):
            found[name] = parameter
    return found


def names_of(net: Net, model: nn.Module) -> list[str]:
    """The prunable ones: as written down, or every linear and convolutional layer's weight of a large network."""
    if net.weights is not None:
        return list(net.weights)
    return [f"{n}.weight" for n, m in model.named_modules() if isinstance(m, nn.Linear | nn.Conv2d)]


# Where a query's partner among the keys is gone, softmax does not mind the query, though a path leads through it.
WITH_KEYS = ("qkv.weight", "in_proj_weight", "q_proj_weight", "k_proj_weight")


def drawn(net: Net, model: nn.Module, share: float, seed: int = 3) -> dict[str, Tensor]:
    """A mask by chance, in which each layer has also lost an output and an input."""
    g = torch.Generator().manual_seed(seed)
    kept = {}
    for name in names_of(net, model):
        weight = parameters(model)[name]
        kept[name] = torch.rand(weight.shape, generator=g) < share
        if net.size == "8x8" and weight.shape[0] > 3 and not name.endswith(WITH_KEYS):
            kept[name][int(torch.randint(len(weight), (), generator=g))] = False
        if net.size == "8x8" and weight.shape[1] > 3:
            kept[name][:, int(torch.randint(weight.shape[1], (), generator=g))] = False
    return kept


def drawn_mask(net: Net, model: nn.Module, share: float) -> tuple[lth.Mask, dict[str, Tensor]]:
    ones = lth.Mask.ones(model, **net.chosen)  # where a network has none, this says so
    kept = drawn(net, model, share)
    return lth.Mask({n: kept[n] for n in ones}), kept


def masked(model: nn.Module, kept: Mapping[str, Tensor]) -> nn.Module:
    """A copy in which what is not kept is 0."""
    other = copied(model)
    with torch.no_grad():
        for name, parameter in parameters(other).items():
            if name in kept:
                parameter.mul_(kept[name])
                parameter.add_(0)  # no -0
    return other


def copied(model: nn.Module) -> nn.Module:
    return copy.deepcopy(model)


def images(net: Net, n: int, dtype: torch.dtype = torch.float32, seed: int = 7) -> Tensor:
    return torch.randn((n, *SHAPES[net.size]), generator=torch.Generator().manual_seed(seed)).to(dtype)


def type_of(model: nn.Module) -> torch.dtype:
    return next(iter(model.parameters())).dtype


def close(found: Mapping[str, Tensor], expected: Mapping[str, Tensor], *, rtol: float) -> None:
    assert list(found) == list(expected)
    for name, one in expected.items():
        assert found[name].shape == one.shape, name
        worst = (found[name].double() - one.double()).abs().max()
        assert worst <= rtol * one.double().abs().max() + 1e-300, f"{name}: {worst}"


def scored(model: nn.Module) -> nn.Module:
    """As criteria see a network: nothing by chance, batch norm with the statistics of the batch, every weight free."""
    model = copied(model).eval().requires_grad_(True)
    for m in model.modules():
        if isinstance(m, BATCH_NORM):
            m.train()
    return model


def pairs(net: Net, dtype: torch.dtype) -> list[tuple[Tensor, Tensor]]:
    """Two batches of unequal size."""
    labels = torch.arange(7) % 3
    x = images(net, 7, dtype)
    return [(x[:4], labels[:4]), (x[4:], labels[4:])]


# Scores, from the papers


def literal_magnitude(net: Net, model: nn.Module) -> dict[str, Tensor]:
    return {n: parameters(model)[n].detach().abs() for n in names_of(net, model)}


def literal_snip(net: Net, model: nn.Module) -> dict[str, Tensor]:
    model, every = scored(model), pairs(net, type_of(model))
    images_in_all = sum(len(x) for x, _ in every)
    for x, y in every:
        (F.cross_entropy(model(x), y, reduction="sum") / images_in_all).backward()
    weights = {n: parameters(model)[n] for n in names_of(net, model)}
    return {n: (w.grad * w).abs().detach() for n, w in weights.items() if w.grad is not None}


def literal_grasp(net: Net, model: nn.Module) -> dict[str, Tensor]:
    model, every = scored(model), pairs(net, type_of(model))
    weights = [parameters(model)[n] for n in names_of(net, model)]
    images_in_all = sum(len(x) for x, _ in every)
    loss = sum(F.cross_entropy(model(x) / 200, y, reduction="sum") for x, y in every) / images_in_all
    gradient = torch.autograd.grad(loss, weights, create_graph=True)
    product = torch.autograd.grad(sum((g * g.detach()).sum() for g in gradient), weights)
    return {n: (w * hg).detach() for n, w, hg in zip(names_of(net, model), weights, product, strict=True)}


def literal_synflow(net: Net, model: nn.Module) -> dict[str, Tensor]:
    state = model.state_dict()
    if net.straight is not None:
        model = net.straight()
        model.load_state_dict(state)
    model = copied(model).eval().requires_grad_(True)
    for tensor in [*model.parameters(), *(b for b in model.buffers() if b.is_floating_point())]:
        tensor.data = tensor.data.double().abs()
    model(torch.ones(1, *SHAPES[net.size], dtype=torch.float64)).sum().backward()
    weights = {n: parameters(model)[n] for n in names_of(net, model)}
    return {n: (w.grad * w).abs().detach() for n, w in weights.items() if w.grad is not None}


LITERAL = {
    "magnitude": literal_magnitude,
    "snip": literal_snip,
    "grasp": literal_grasp,
    "synflow": literal_synflow,
}


def ours(operation: str, net: Net, model: nn.Module) -> dict[str, Tensor]:
    if operation == "snip" or operation == "grasp":
        return dict(getattr(lth, operation)(model, pairs(net, type_of(model)), **net.chosen))
    if operation == "synflow":
        return dict(lth.synflow(model, SHAPES[net.size], **net.chosen))
    if operation == "random":
        return dict(lth.random(model, seed=5, **net.chosen))
    return dict(lth.magnitude(model, **net.chosen))


def check_score(operation: str, net: Net, tmp_path: Path) -> None:
    model = net(seed=0)
    with torch.no_grad():
        for name, parameter in parameters(model).items():  # biases as after training, not 0
            if "bias" in name and not is_lazy(parameter):
                parameter.add_(0.1)
    before = {n: t.clone() for n, t in model.state_dict().items() if not is_lazy(t)}
    found = ours(operation, net, model)
    assert all(torch.equal(t, before[n]) for n, t in model.state_dict().items()), (
        "the model is left as it was"
    )
    if operation == "random":
        assert list(found) == [n for n in parameters(model) if n in names_of(net, model)]
        values = torch.cat([found[n].flatten() for n in found])
        assert all(found[n].shape == parameters(model)[n].shape for n in found)
        assert 0 <= values.min() and values.max() < 1 and abs(values.mean() - 0.5) < 3 / len(values) ** 0.5
        assert len(values) > 10_000 or len(values.unique()) > 0.99 * len(values)
        return
    half = type_of(model) in (torch.bfloat16, torch.float16)
    with sdpa_kernel(SDPBackend.MATH):  # the other kernels of attention have no second derivative
        expected = LITERAL[operation](net, model.double() if half else model)
    close(found, {n: expected[n] for n in found}, rtol=0.05 if half else 2e-4)
    assert set(found) == set(expected) == set(names_of(net, model))


# Masks


def check_mask(net: Net, tmp_path: Path) -> None:
    model = net(seed=0)
    mask = lth.Mask.ones(model, **net.chosen)
    every, names = parameters(model), names_of(net, model)
    assert sorted(mask) == sorted(names) and list(mask) == [n for n in every if n in names]
    assert mask.total == mask.kept == sum(every[n].numel() for n in names)
    matrices = sum(p.numel() for p in every.values() if p.ndim >= 2)
    assert mask.coverage(model) == pytest.approx(mask.total / matrices)
    kept = drawn(net, model, 0.5)
    mask = lth.Mask({n: kept[n] for n in mask})
    zeros = masked(model, kept)
    mask.apply_(model)
    assert mask.kept == sum(int(t.sum()) for t in kept.values())
    for name, tensor in zeros.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor), name


def check_prune(net: Net, tmp_path: Path) -> None:
    model = net(seed=0)
    mask = lth.Mask.ones(model, **net.chosen)
    every = parameters(model)
    scores = {n: every[n].detach().abs() for n in mask}
    for fraction in (0.3, 0.25):
        before, mask = mask, lth.prune(mask, scores, fraction, min_kept=0)
        count = round(fraction * before.kept)
        assert mask.kept == before.kept - count and mask.issubset(before)
        removed = torch.cat([scores[n][before[n] & ~mask[n]].flatten() for n in mask])
        staying = torch.cat([scores[n][mask[n]].flatten() for n in mask])
        assert len(removed) == count and removed.max() <= staying.min()
        if (
            before.total < 10_000
        ):  # the lowest of those that were left, of equal ones the first, in plain Python
            left = [
                (score, i, j)
                for i, n in enumerate(before)
                for j, score in enumerate(scores[n].flatten().tolist())
                if before[n].flatten()[j]
            ]
            expected = {n: before[n].flatten().clone() for n in before}
            for _, i, j in sorted(left)[:count]:
                expected[list(before)[i]][j] = False
            assert all(torch.equal(mask[n].flatten(), expected[n]) for n in mask)


def check_select(net: Net, tmp_path: Path) -> None:
    """Counts by rows, patterns, densities of layers, and the way back, looked at entry by entry."""
    model = net(seed=0)
    every, whole = parameters(model), lth.Mask.ones(model, **net.chosen)
    scores = {n: every[n].detach().abs() for n in whole}
    rows = lth.prune(whole, scores, 0.3, scope="row", min_kept=0)
    for n, kept in rows.items():
        size = kept[0].numel()
        assert all(int(row.sum()) == size - round(0.3 * size) for row in kept), n
        for row, score in zip(kept, scores[n], strict=True):
            assert row.all() or score[~row].max() <= score[row].min(), n
    turned = {n for n, m in model.named_modules() if isinstance(m, nn.ConvTranspose2d)}
    pattern = lth.n_of_m(whole, scores, axis=lth.pruning.input_axes(model))
    for n, kept in pattern.items():
        inputs = kept.transpose(0, 1) if n.rpartition(".")[0] in turned else kept
        for part in inputs.split(4, dim=1):
            assert (part.sum(1) == min(2, part.shape[1])).all(), n
    densities = lth.erk(model, 0.3, **net.chosen)
    smaller = lth.prune_to(whole, scores, densities, min_kept=0)
    assert smaller.kept == round(0.3 * whole.total) and smaller.per_layer() == densities
    assert lth.grow(smaller, scores, n=whole.total - smaller.kept) == whole
    once = lth.prune(whole, scores, 0.5, min_kept=0)
    twice = lth.prune(once, scores, 0.5, min_kept=0)
    assert lth.grow(twice, scores, n=once.kept - twice.kept) == once
    assert (once & pattern).issubset(once) and once.issubset(once | pattern)
    assert (once & pattern).kept + (once | pattern).kept == once.kept + pattern.kept


# Trainings


def in_a_foreign_loop(
    model: nn.Module,
    net: Net,
    after_backward: Callable[[], object] = lambda: None,
    after_step: Callable[[], object] = lambda: None,
) -> Callable[[torch.optim.Optimizer], list[float]]:
    """AdamW as anyone would write it, with two backward passes an update and a clipped norm; gives the norms."""
    source = data(net.size)

    def loop(optimizer: torch.optim.Optimizer) -> list[float]:
        norms = []
        model.train()
        for step in range(STEPS):
            optimizer.zero_grad()
            for part in range(2):
                rows = slice(BATCH * part, BATCH * (part + 1))
                x = source.normalise(source.train.images[rows]).to(type_of(model))
                with torch.random.fork_rng():
                    torch.manual_seed(step)
                    outputs = flat(model(x))
                    sum(F.cross_entropy(o, source.train.labels[rows]) for o in outputs).backward()  # type: ignore[union-attr]
                after_backward()
            norms.append(float(nn.utils.clip_grad_norm_(model.parameters(), 0.5)))
            optimizer.step()
            after_step()
        return norms

    return loop


def check_held(net: Net, tmp_path: Path) -> None:
    model, other = net(seed=0), net(seed=0)
    mask, kept = drawn_mask(net, model, 0.5)
    optimizers = [
        torch.optim.AdamW(m.parameters(), lr=0.01, weight_decay=0.1, eps=1e-3) for m in (model, other)
    ]
    with mask.held(model, optimizers[0]):
        norms = in_a_foreign_loop(model, net)(optimizers[0])
    every = parameters(other)

    @torch.no_grad()
    def weights() -> None:
        for n, factor in kept.items():
            every[n].mul_(factor)

    def gradients() -> None:
        for n, factor in kept.items():
            if every[n].grad is not None:
                every[n].grad.mul_(factor)  # type: ignore[union-attr]

    weights()
    assert in_a_foreign_loop(other, net, gradients, weights)(optimizers[1]) == norms
    same(model.state_dict(), other.state_dict())
    for n, factor in kept.items():
        removed = parameters(model)[n].detach()[~factor]
        assert not removed.any() and not torch.signbit(removed).any(), n


def foreign(
    model: nn.Module,
    net: Net,
    kept: Mapping[str, Tensor],
    optimizer: torch.optim.Optimizer,
    *,
    channels_last: bool,
) -> nn.Module:
    """Three updates as anyone would write them, by torch's optimizer, each followed by a multiplication by the mask."""
    source = data(net.size)
    every = parameters(model)
    with torch.no_grad():
        for name, factor in kept.items():
            every[name].mul_(factor)
    order = order_of(len(source.train), seed=0, epoch=0, batch_size=BATCH)
    model.train()
    for step in range(STEPS):
        x = source.normalise(source.train.images[order[step]]).to(type_of(model))
        if channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        with torch.random.fork_rng():
            torch.manual_seed(lth.derived_seed(0, f"drawn in step {step}"))
            loss = F.cross_entropy(model(x), source.train.labels[order[step]])
            optimizer.zero_grad()
            loss.backward()
        for name, factor in kept.items():
            if every[name].grad is not None:
                every[name].grad.mul_(factor)  # type: ignore[union-attr]
        optimizer.step()
    return model


def check_train(net: Net, tmp_path: Path) -> None:
    recipe = lth.Recipe(
        steps=STEPS,
        batch_size=BATCH,
        evaluate_every=STEPS,
        optimizer="sgd",
        lr=0.05,
        momentum=0.9,
        weight_decay=1e-3,
    )
    model, other = net(seed=0), net(seed=0)
    mask, kept = drawn_mask(net, model, 0.5)
    lth.train(model, data(net.size), mask=mask, recipe=recipe, choice=PLAIN)
    moving = [p for p in other.parameters() if p.requires_grad]
    by_hand = torch.optim.SGD(moving, lr=0.05, momentum=0.9, weight_decay=1e-3)
    foreign(other, net, kept, by_hand, channels_last=False)
    same(model.state_dict(), other.state_dict())
    for name, factor in kept.items():
        assert not parameters(model)[name][~factor].any(), name


def check_imp(net: Net, tmp_path: Path) -> None:
    """Two trainings, through a folder, which is then read; the second from where the first began, without 30 %."""
    recipe = lth.Recipe(steps=STEPS, batch_size=BATCH, evaluate_every=STEPS, lr=0.01)
    model = net(seed=0)
    mask = lth.Mask.ones(model, **net.chosen)

    score = functools.partial(lth.magnitude, **net.chosen) if net.chosen else lth.magnitude
    folder = tmp_path if net.size == "8x8" else None

    def found() -> list[lth.Round]:
        search = lth.imp(
            net, data(net.size), rounds=1, fraction=0.3, mask=mask, score=score, recipe=recipe, folder=folder
        )
        return list(search)

    first, second = found()
    # a network with a convolution gets its images with the channels last (`training.choices`)
    channels_last = any(isinstance(m, nn.Conv1d | nn.Conv2d | nn.Conv3d) for m in model.modules())
    initial = {n: t.clone() for n, t in model.state_dict().items()}
    kept: dict[str, Tensor] = {}
    for this in (first, second):
        model.load_state_dict(initial)
        moving = [p for p in model.parameters() if p.requires_grad]
        foreign(model, net, kept, torch.optim.Adam(moving, lr=0.01, fused=True), channels_last=channels_last)
        same(this.trained.model, model.state_dict())
        weights = {n: parameters(model)[n].detach().abs() for n in mask}
        flat = torch.cat([w.flatten() for w in weights.values()])
        gone = flat.sort(stable=True).indices[: round(0.3 * len(flat))]
        stays = torch.ones(len(flat), dtype=torch.bool)
        stays[gone] = False
        parts = stays.split([w.numel() for w in weights.values()])
        kept = {n: s.view(w.shape) for (n, w), s in zip(weights.items(), parts, strict=True)}
        if this is first:
            assert all(torch.equal(second.mask[n], kept[n]) for n in mask)
    for a, b in zip((first, second), found() if folder else (first, second), strict=True):
        assert a.mask == b.mask
        same(a.trained.model, b.trained.model)


def same(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        a, b = found[name], tensor
        assert a.dtype == b.dtype and torch.equal(a.nan_to_num(), b.nan_to_num()), name


# Paths


def check_collapse(net: Net, tmp_path: Path) -> None:
    model = net(seed=0)
    mask, kept = drawn_mask(net, model, 0.6)
    shape = SHAPES[net.size]
    found, counts = connected(model, mask, shape), collapse(model, mask, shape)
    assert dict(counts.total) == {n: t.numel() for n, t in mask.items()}
    assert dict(counts.kept) == {n: int(t.sum()) for n, t in mask.items()}
    assert dict(counts.connected) == {n: int(t.sum()) for n, t in found.items()}
    assert found.issubset(mask)
    chosen = {n: list(range(t.numel())) for n, t in mask.items()}
    if net.size != "8x8":
        g = torch.Generator().manual_seed(1)
        chosen = {n: torch.randperm(t.numel(), generator=g)[:2].tolist() for n, t in list(mask.items())[::7]}
    least = moved(model, kept, chosen, net, shifts=False)
    most = moved(model, kept, chosen, net, shifts=True) if net.gated else least
    wrong = [
        f"{n}[{i}] is {'' if there else 'not '}connected"
        for n, places in chosen.items()
        for i, there in ((i, bool(found[n].flatten()[i])) for i in places)
        if (least[n][i] and not there) or (there and not most[n][i])
    ]
    assert not wrong, wrong


@torch.no_grad()
def moved(
    model: nn.Module, kept: Mapping[str, Tensor], places: Mapping[str, list[int]], net: Net, *, shifts: bool
) -> dict[str, dict[int, bool]]:
    """Do the outputs change for some image when the weight is moved? In float64, with weights by chance.

    Without shifts (biases, those of norms) an entry that no path reaches is 0, so that a path which begins elsewhere
    than at the input does not show. That is so for curves through 0; sigmoid is replaced by a line. With shifts such
    paths show too, and so do those that need them: a gate may be open by its bias alone. What matters without must be
    connected; what is connected must matter with.
    """
    if net.straight is not None and not net.gated:
        state, model = model.state_dict(), net.straight()
        model.load_state_dict(state)
    model = masked(model, kept).double().eval()
    every = parameters(model)
    matters = {n: dict.fromkeys(p, False) for n, p in places.items()}
    for attempt in range(4):
        g = torch.Generator().manual_seed(attempt)
        for name, p in every.items():
            p.copy_(torch.rand(p.shape, generator=g, dtype=torch.float64) * 0.6 + 0.1)
            if attempt % 2:  # of both signs
                p.mul_(torch.randint(0, 2, p.shape, generator=g) * 2 - 1)
            if name in kept:
                p.mul_(kept[name])
            elif "bias" in name and not shifts:
                p.zero_()
        x = images(net, 16 if net.size == "8x8" else 3, torch.float64, seed=attempt)
        x = x if attempt > 1 else x.abs()
        before = torch.cat([o.flatten() for o in flat(model(x))])
        for name, chosen in matters.items():
            weight = every[name].view(-1)
            for place in chosen:
                if chosen[place] or not kept[name].flatten()[place]:
                    continue
                old = float(weight[place])
                weight[place] = -0.7 * old
                change = torch.cat([o.flatten() for o in flat(model(x))]) - before
                weight[place] = old
                chosen[place] = bool(change.abs().max() > 1e-13 * before.abs().max())
    return matters


# Operations


def check_costs(net: Net, tmp_path: Path) -> None:
    model = net(seed=0)
    shape = SHAPES[net.size]
    dense = costs.forward_flops(model, shape)
    counted, both = counted_by_torch(net, model)
    assert dense == (counted if net.flops is None else net.flops)
    if (
        net.first is not None
    ):  # the backward pass: once more for the weights, once for what comes in but for the first
        both = 3 * dense - net.first
    mask, _ = drawn_mask(net, model, 0.5)
    cost = costs.of_training(model, shape, steps=3, batch_size=4, mask=mask)
    assert (cost.steps, cost.examples) == (3, 12)
    assert cost.flops == 12 * both
    everything = costs.of_training(
        model, shape, steps=3, batch_size=4, mask=lth.Mask.ones(model, **net.chosen)
    )
    assert everything.flops == everything.sparse_flops == cost.flops > cost.sparse_flops


def counted_by_torch(net: Net, model: nn.Module) -> tuple[int, int]:
    """Operations of one image, forward and in all, in training mode but with stored statistics; by torch's counter."""
    model = copied(model).train()
    for m in model.modules():
        if isinstance(m, BATCH_NORM):
            m.eval()
    x = images(net, 2, type_of(model))
    with FlopCounterMode(display=False) as forward, torch.no_grad():
        model(x)
    with FlopCounterMode(display=False) as all_of_it:
        sum(o.sum() for o in flat(model(x))).backward()
    return forward.get_total_flops() // 2, all_of_it.get_total_flops() // 2


def flat(out: Any) -> list[Tensor]:
    if isinstance(out, Tensor):
        return [out]
    return list(itertools.chain(*map(flat, out.values() if isinstance(out, dict) else out)))


# Exports


def ticket(net: Net) -> tuple[nn.Module, lth.Mask, nn.Module]:
    """A network with buffers as after training, a mask, and the masked network in evaluation mode."""
    model = net(seed=0)
    with torch.no_grad():
        for name, b in model.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                b.add_(0.1)
    mask, kept = drawn_mask(net, model, 0.5)
    return model, mask, masked(model, kept).eval()


def check_packed(net: Net, tmp_path: Path) -> None:
    model, mask, expected = ticket(net)
    other = net(seed=1)
    assert export.load_packed(export.save_packed(tmp_path / "t.npz", model, mask), other) == mask
    same(other.state_dict(), expected.state_dict())
    if net.size == "8x8":  # in a file of its own each: dense holds every weight once, packed the kept ones
        whole = sum(p.numel() * p.element_size() for p in parameters(model).values())
        sizes = export.sizes(model, mask)
        assert whole < sizes["dense"] < whole + 600 * (2 + len(model.state_dict()))  # a header each


def check_outputs(found: Callable[[Tensor], Any], expected: nn.Module, net: Net) -> None:
    dtype = type_of(expected)
    x = images(net, 5, dtype)
    with torch.no_grad():
        one, other = flat(found(x)), flat(expected(x))
    assert len(one) == len(other)
    rtol = {torch.float64: 1e-9, torch.float32: 2e-5}.get(dtype, 0.05)
    for a, b in zip(one, other, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        assert (a - b).abs().max() <= rtol * b.abs().max()


def check_csr(net: Net, tmp_path: Path) -> None:
    model, mask, expected = ticket(net)
    check_outputs(export.to_csr(model, mask), expected, net)


def check_compact(net: Net, tmp_path: Path) -> None:
    model, mask, expected = ticket(net)
    smaller = export.compact(model, mask).eval()
    check_outputs(smaller, expected, net)
    assert sum(p.numel() for p in smaller.parameters()) <= sum(p.numel() for p in model.parameters()) + 100


def check_onnx(net: Net, tmp_path: Path) -> None:
    if missing := export.missing_for_onnx():
        pytest.skip(missing)
    _, _, expected = ticket(net)
    path = export.to_onnx(expected, tmp_path / "t.onnx", shape=SHAPES[net.size])
    check_outputs(export.run_onnx(path), expected, net)


def check_ticket(net: Net, tmp_path: Path) -> None:
    model, mask, expected = ticket(net)
    path = Ticket(mask, lth.Checkpoint.of(model)).save(tmp_path / "t.pt")
    other = net(seed=1)
    found = Ticket.load(path)
    found.apply_(other)
    assert found.mask == mask
    same(other.state_dict(), expected.state_dict())
    plain = torch.load(path, weights_only=True)
    other = net(seed=2)
    other.load_state_dict(plain["weights"])
    with torch.no_grad():
        for name, kept in plain["mask"].items():
            other.get_parameter(name).mul_(kept)
    same(other.state_dict(), expected.state_dict())


def check_torch_prune(net: Net, tmp_path: Path) -> None:
    """Torch's masks on a network: the outputs of the masked one, before and after an update, and the same mask read back."""
    model, mask, expected = ticket(net)
    mask.to_torch_prune_(model)
    assert lth.Mask.from_torch_prune(model, **net.chosen) == mask
    x = images(net, 4, type_of(model))
    for _ in range(2):
        outputs = []
        for one in (model.eval(), expected):
            with torch.random.fork_rng():
                torch.manual_seed(0)
                outputs.append(flat(one(x)))
        for a, b in zip(*outputs, strict=True):
            assert torch.allclose(
                a, b, rtol=0.05 if a.dtype in (torch.half, torch.bfloat16) else 1e-4, atol=1e-5
            )
        for one, out in zip((model, expected), outputs, strict=True):
            optimizer = torch.optim.SGD([p for p in one.parameters() if p.requires_grad], lr=1e-3)
            sum(o.sum() for o in out).backward()  # type: ignore[union-attr]
            optimizer.step()
            optimizer.zero_grad()
        mask.apply_(expected)


CHECKS: dict[str, Callable[[Net, Path], None]] = {
    "mask": check_mask,
    **{
        name: functools.partial(check_score, name)
        for name in ("magnitude", "random", "snip", "grasp", "synflow")
    },
    "prune": check_prune,
    "select": check_select,
    "train": check_train,
    "held": check_held,
    "imp": check_imp,
    "collapse": check_collapse,
    "costs": check_costs,
    "packed": check_packed,
    "csr": check_csr,
    "compact": check_compact,
    "onnx": check_onnx,
    "ticket": check_ticket,
    "torch prune": check_torch_prune,
}


CELLS = [
    pytest.param(
        n, o, id=f"{n}-{o}", marks=[pytest.mark.soak] if o == "onnx" and not NETWORKS[n].onnx else []
    )
    for n, o in itertools.product(NETWORKS, OPERATIONS)
]


@pytest.mark.parametrize(("network", "operation"), CELLS)
def test_right_or_refused(network: str, operation: str, tmp_path: Path) -> None:
    """Catches: a number that is quietly wrong on a network that nobody thought of, and a bare crash."""
    net = NETWORKS[network]
    refusal = net.refusal(operation)
    if refusal is None:
        CHECKS[operation](net, tmp_path)
        return
    with pytest.raises((ValueError, TypeError), match=refusal):
        CHECKS[operation](net, tmp_path)
