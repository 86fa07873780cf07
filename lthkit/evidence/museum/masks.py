"""Exhibits 1 to 7: a mask that is not kept, and a count that is not the one that was asked for.

Each is a small function of our own that makes a mistake of public code, the same function mended, and a trial that shows
the symptom. The broken ones stand in lesson 12 word for word; `tests/evidence/test_museum.py` compares.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from lthkit.evidence.museum.trials import Bench, Trial, Watch, apply, lower_kept, state_of, train
from lthkit.machine.tables import Table
from lthkit.pruning.masks import Mask

# ruff: noqa: B905  (as a student would write them)


# 1


def retrain(model, mask, batches):  # type: ignore[no-untyped-def]
    """Prune the network, then train what is left of it."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1.2e-3)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name in mask:
                weight *= mask[name]
    for images, labels in batches:
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()


def retrain_mended(model, mask, batches):  # type: ignore[no-untyped-def]
    """Prune the network, then train what is left of it."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1.2e-3)

    @torch.no_grad()
    def prune():  # type: ignore[no-untyped-def]
        for name, weight in model.named_parameters():
            if name in mask:
                weight *= mask[name]

    prune()
    for images, labels in batches:
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
        prune()


def try_retrain(function: Callable[..., Any], bench: Bench) -> Trial:
    """A ticket with 1 % of the weights beside the dense network."""
    mask = bench.mask(0.01)
    model = bench.network()
    watch = Watch(model, mask)
    function(model, mask, bench.batches)
    also = watch.found()
    found = bench.accuracy(model)
    table = Table(
        {"network": "", "weights left (%)": ".1f", "accuracy (%)": ".1f"},
        [("dense", 100, bench.dense_accuracy), ("ticket", 100 * mask.density, found)],
    )
    given = {"model": model, "mask": mask, "before": bench.initial, "start": state_of(bench.ticket(mask))}
    return Trial(table, bench.dense_accuracy - found < 3, given, also=also)


# 2


def finetune(model, mask, optimizer, batches):  # type: ignore[no-untyped-def]
    """Go on training a pruned network with the optimizer that trained it."""
    for images, labels in batches:
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        for name, weight in model.named_parameters():
            if name in mask:
                weight.grad *= mask[name]
        optimizer.step()


def finetune_mended(model, mask, optimizer, batches):  # type: ignore[no-untyped-def]
    """Go on training a pruned network with the optimizer that trained it."""
    for name, weight in model.named_parameters():
        if name in mask:
            optimizer.state[weight]["momentum_buffer"] *= mask[name]
    for images, labels in batches:
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        for name, weight in model.named_parameters():
            if name in mask:
                weight.grad *= mask[name]
        optimizer.step()


def try_finetune(function: Callable[..., Any], bench: Bench) -> Trial:
    """The accuracy of the log, beside that of the ticket as it is stored: kept weights only."""
    model = bench.network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    for images, labels in bench.batches:
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
    trained = state_of(model)
    mask = _largest(model, 0.05)
    apply(model, mask)
    start = state_of(model)
    watch = Watch(model, mask)
    function(model, mask, optimizer, bench.batches)
    also = watch.found()
    logged, after = bench.accuracy(model), state_of(model)
    apply(model, mask)
    stored = bench.accuracy(model)
    model.load_state_dict(after)
    table = Table(
        {"accuracy of the ticket (%)": "", "": ".2f"},
        [("in the log of the training", logged), ("read again from its file of kept weights", stored)],
    )
    given = {
        "model": model,
        "mask": mask,
        "before": trained,
        "start": start,
        "optimizer": optimizer,
    }
    return Trial(table, logged != stored, given, also=also)


def _largest(model: Any, density: float) -> Mask:
    from lthkit.pruning.scores import magnitude
    from lthkit.pruning.selection import prune_to

    return prune_to(Mask.ones(model), magnitude(model), density)


# 3


def freeze_removed(model, eps=1e-6):  # type: ignore[no-untyped-def]
    """After the backward pass: no gradient for weights that are 0."""
    for name, weight in model.named_parameters():
        if "weight" in name:
            weight.grad[weight < eps] = 0


def freeze_removed_mended(model, eps=1e-6):  # type: ignore[no-untyped-def]
    """After the backward pass: no gradient for weights that are 0."""
    for name, weight in model.named_parameters():
        if "weight" in name:
            weight.grad[weight.abs() < eps] = 0


def try_freeze_removed(function: Callable[..., Any], bench: Bench) -> Trial:
    """Weights before and after the training of a ticket that was held by this function."""
    mask = bench.mask(0.2)
    model = bench.ticket(mask)
    start = state_of(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=1.2e-3)
    for images, labels in bench.batches:
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        function(model)
        optimizer.step()
    after = state_of(model)
    kept = mask["fc1.weight"]
    was, now = start["fc1.weight"][kept], after["fc1.weight"][kept]
    held = bench.trained(mask)
    table = Table(
        {"the ticket was held by": "", "accuracy (%)": ".1f"},
        [("its mask, after each step", held), ("this function, on its gradients", bench.accuracy(model))],
    )
    given = {"model": model, "mask": mask, "before": bench.initial, "start": start, "after": after}
    still = float((was == now)[was < 0].float().mean())
    return Trial(table, still > 0.9, given, {"was": was, "now": now})


# 4


def keep_largest(scores, fraction):  # type: ignore[no-untyped-def]
    """True for what stays when the fraction with the lowest scores goes."""
    k = round(fraction * scores.numel())
    threshold = scores.flatten().kthvalue(k).values
    return scores > threshold


def keep_largest_mended(scores, fraction):  # type: ignore[no-untyped-def]
    """True for what stays when the fraction with the lowest scores goes."""
    k = round(fraction * scores.numel())
    mask = torch.ones(scores.numel(), dtype=torch.bool)
    mask[scores.flatten().argsort(stable=True)[:k]] = False
    return mask.view(scores.shape)


def try_keep_largest(function: Callable[..., Any], bench: Bench) -> Trial:
    """The first layer, stored with 5 bits a weight, pruned to several fractions, without training after it."""
    weight = bench.dense["fc1.weight"]
    step = float(weight.abs().max()) / 16
    coarse = (weight / step).round() * step
    fractions = (0.1, 0.2, 0.3, 0.4)
    table = Table({"asked to remove (%)": ".0f", "accuracy (%)": ".2f"})
    counts, masks = [], []
    for fraction in fractions:
        mask = function(coarse.abs(), fraction)
        model = bench.with_state(bench.dense | {"fc1.weight": coarse * mask})
        table.add(100 * fraction, bench.accuracy(model))
        counts.append(int(mask.sum()))
        masks.append(mask)
    n = weight.numel()
    wrong = any(count != n - round(f * n) for count, f in zip(counts, fractions, strict=True))
    kept = {name: torch.ones_like(t, dtype=torch.bool) for name, t in bench.mask(0.5).items()}
    mask = Mask(kept | {"fc1.weight": masks[-1]})
    given = {"mask": mask, "kept": mask.total - round(fractions[-1] * n)}
    also = ""
    if any(lower_kept({"w": coarse.abs()}, {"w": own}) for own in masks):
        also = (
            "The counts are right, and a weight with a lower score stays where one with a higher score goes."
        )
    return Trial(table, wrong, given, also=also)


# 5


def next_mask(mask, scores, density):  # type: ignore[no-untyped-def]
    """The mask of the next round: of all weights, those with the highest scores."""
    flat = torch.cat([scores[name].flatten() for name in mask])
    k = round(density * flat.numel())
    threshold = flat.sort(descending=True).values[k]
    return {name: scores[name] > threshold for name in mask}


def next_mask_mended(mask, scores, density):  # type: ignore[no-untyped-def]
    """The mask of the next round: of all weights, those with the highest scores."""
    scores = {name: scores[name].where(mask[name], -torch.inf) for name in mask}
    flat = torch.cat([scores[name].flatten() for name in mask])
    k = round(density * flat.numel())
    threshold = flat.sort(descending=True).values[k]
    return {name: scores[name] > threshold for name in mask}


def try_next_mask(function: Callable[..., Any], bench: Bench) -> Trial:
    """Two rounds that rank how far each weight has moved, which is not 0 for a removed one."""
    everything = {name: torch.ones_like(kept) for name, kept in bench.mask(0.5).items()}
    masks = [everything]
    state = bench.dense
    table = Table(
        {"round": "d", "weights that go": ",", "places in which the mask changes": ","},
    )
    also = ""
    for r, density in enumerate((0.5, 0.25), start=1):
        moved = {name: (state[name] - bench.initial[name]).abs() for name in everything}
        new = function({n: m.clone() for n, m in masks[-1].items()}, moved, density)
        if lower_kept(moved, new, among=masks[-1]):
            also = (
                f"Round {r} keeps a weight with a lower score than one that goes: of the weights that are left, over all layers "
                "together, the highest scores stay."
            )
        changed = sum(int((new[name] != masks[-1][name]).sum()) for name in new)
        fewer = sum(int(masks[-1][name].sum()) - int(new[name].sum()) for name in new)
        table.add(r, fewer, changed)
        masks.append({name: kept.bool() for name, kept in new.items()})
        model = bench.with_state(bench.initial)
        train(model, bench.batches, masks[-1])
        state = state_of(model)
    revived = sum(int((masks[2][name] & ~masks[1][name]).sum()) for name in everything)
    return Trial(table, revived > 0, {"mask": masks, "density": 0.25}, also=also)


# 6


def global_mask(weights, density):  # type: ignore[no-untyped-def]
    """Over all layers together, keep the fraction `density` of largest magnitude."""
    mask = {}
    for name, weight in weights.items():
        threshold = weight.abs().quantile(1 - density)
        mask[name] = weight.abs() > threshold
    return mask


def global_mask_mended(weights, density):  # type: ignore[no-untyped-def]
    """Over all layers together, keep the fraction `density` of largest magnitude."""
    everything = torch.cat([weight.abs().flatten() for weight in weights.values()])
    k = round(density * everything.numel())
    threshold = everything.sort(descending=True).values[k]
    return {name: weight.abs() > threshold for name, weight in weights.items()}


def try_global_mask(function: Callable[..., Any], bench: Bench) -> Trial:
    """The dense network cut to 20 % in both ways, without training after it."""
    weights = {name: bench.dense[name] for name in bench.mask(0.5)}
    table = Table({"how the weights are ranked": "", "weights left (%)": ".1f", "accuracy (%)": ".2f"})
    layerwise = {}
    for name, weight in weights.items():
        order = weight.abs().flatten().argsort(stable=True, descending=True)
        kept = torch.zeros(weight.numel(), dtype=torch.bool)
        kept[order[: round(0.2 * weight.numel())]] = True
        layerwise[name] = kept.view(weight.shape)
    found = function(weights, 0.2)
    for words, mask in (("layer by layer", layerwise), ("over all layers", found)):
        model = bench.with_state(bench.dense)
        apply(model, mask)
        total = sum(kept.numel() for kept in mask.values())
        table.add(words, 100 * sum(int(kept.sum()) for kept in mask.values()) / total, bench.accuracy(model))
    same = all(torch.equal(layerwise[name], found[name]) for name in layerwise)
    return Trial(table, same, {"mask": found, "trained": bench.dense, "scope": "global", "density": 0.2})


# 7


def compress(model, prune_ratio):  # type: ignore[no-untyped-def]
    """Prune the fraction `prune_ratio` of the weights, and return the mask."""
    mask = {}
    for name, weight in model.named_parameters():
        if "weight" in name:
            k = round(prune_ratio * weight.numel())
            mask[name] = torch.zeros(weight.numel(), dtype=torch.bool)
            mask[name][weight.abs().flatten().topk(k).indices] = True
            mask[name] = mask[name].view(weight.shape)
    return mask


def compress_mended(model, prune_ratio):  # type: ignore[no-untyped-def]
    """Prune the fraction `prune_ratio` of the weights, and return the mask."""
    mask = {}
    for name, weight in model.named_parameters():
        if "weight" in name:
            k = round((1 - prune_ratio) * weight.numel())
            mask[name] = torch.zeros(weight.numel(), dtype=torch.bool)
            mask[name][weight.abs().flatten().topk(k).indices] = True
            mask[name] = mask[name].view(weight.shape)
    return mask


def try_compress(function: Callable[..., Any], bench: Bench) -> Trial:
    """The dense network pruned by three ratios, without training after it."""
    table = Table({"prune_ratio": ".2f", "accuracy (%)": ".1f"})
    found, masks, also = [], [], ""
    for ratio in (0.02, 0.1, 0.3):
        model = bench.with_state(bench.dense)
        mask = function(model, ratio)
        also = also or _not_pruned_by(ratio, mask, bench)
        apply(model, mask)
        found.append(bench.accuracy(model))
        table.add(ratio, found[-1])
        masks.append(mask)
    return Trial(table, found[0] < found[-1] - 3, {"mask": masks[0], "density": 0.98}, also=also)


def _not_pruned_by(ratio: float, mask: Any, bench: Bench) -> str:
    """What is wrong with a mask that removes this fraction of the dense weights, layer by layer or over all layers."""
    total = sum(kept.numel() for kept in mask.values())
    removed = total - sum(int(kept.sum()) for kept in mask.values())
    if abs(removed - ratio * total) > len(mask):
        return f"With prune_ratio={ratio:g} {removed:,} of {total:,} weights go, and it should be {ratio * total:,.0f}."
    for name, kept in mask.items():
        if lower_kept({name: bench.dense[name].abs()}, {name: kept}):
            return f"The count is right, and the wrong ones go: in {name} a weight stays that is smaller than one that goes."
    return ""
