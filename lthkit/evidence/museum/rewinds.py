"""Exhibits 8 to 12: a ticket that does not begin where it should, or a search that looks at the wrong weights.

As in `masks`: broken, mended, and a trial that shows the symptom.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import prune

from lthkit.evidence.museum.trials import Bench, State, Trial, state_of, train
from lthkit.machine.tables import Table
from lthkit.pruning.masks import Mask
from lthkit.pruning.selection import prune as prune_by

# 8


def remember(model):  # type: ignore[no-untyped-def]
    """The weights as they are now, to go back to later."""
    return model.state_dict()


def remember_mended(model):  # type: ignore[no-untyped-def]
    """The weights as they are now, to go back to later."""
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def try_remember(function: Callable[..., Any], bench: Bench) -> Trial:
    """Learning curves of one network with two optimizers, the second from what the function remembers."""
    model = bench.network()
    before = function(model)
    first = _curve(model, bench, torch.optim.SGD(model.parameters(), lr=0.1))
    model.load_state_dict(before)
    start = state_of(model)
    second = _curve(model, bench, torch.optim.Adam(model.parameters(), lr=1.2e-3))
    table = Table(
        {"optimizer": "", "before its first step (%)": ".1f", "after its last (%)": ".1f"},
        [("SGD", first[0], first[-1]), ("Adam, from the same start", second[0], second[-1])],
    )
    given = {"model": model, "mask": Mask.ones(model), "before": before, "start": start}
    other = [name for name in start if not torch.equal(start[name], bench.initial[name])]
    also = (
        f"What is remembered is not what the network had when it was called: {other[0]} differs."
        if other
        else ""
    )
    points = {"curves": {"SGD": first, "Adam": second}, "steps": bench.steps}
    return Trial(table, second[0] > 40, given, points, also)


def _curve(model: nn.Module, bench: Bench, optimizer: torch.optim.Optimizer) -> list[float]:
    """Accuracy before the training, and after each sixth of it, or each step if there are fewer than six."""
    found = [bench.accuracy(model)]
    for step, (images, labels) in enumerate(bench.batches, start=1):
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
        if step % max(1, bench.steps // 6) == 0:
            found.append(bench.accuracy(model))
    return found


# 9


def rewind(layers, initial):  # type: ignore[no-untyped-def]
    """Give the pruned layers their initial weights again."""
    with torch.no_grad():
        for name, layer in layers.items():
            layer.weight.data = initial[name].clone()


def rewind_mended(layers, initial):  # type: ignore[no-untyped-def]
    """Give the pruned layers their initial weights again."""
    with torch.no_grad():
        for name, layer in layers.items():
            layer.weight_orig.copy_(initial[name])


def try_rewind(function: Callable[..., Any], bench: Bench) -> Trial:
    """A network that torch.nn.utils.prune has pruned, and then rewound: its weights, and what it can do."""
    model, mask = bench.with_state(bench.dense), bench.mask(0.1)
    named: dict[str, Any] = {"fc1": model.fc1, "fc2": model.fc2, "fc3": model.fc3}
    initial = {name: bench.initial[f"{name}.weight"].clone() for name in named}
    for name, layer in named.items():
        prune.custom_from_mask(layer, "weight", mask[f"{name}.weight"])
        layer.bias.data.copy_(bench.initial[f"{name}.bias"])
    pruned = bench.accuracy(model)
    function(named, initial)
    meant = {name: bench.initial[f"{name}.weight"] for name in named}
    apart = max(_apart(layer.weight, meant[name], mask[f"{name}.weight"]) for name, layer in named.items())
    rewound = bench.accuracy(model)
    table = Table(
        {"before any training under the mask": "", "accuracy (%)": ".2f"},
        [("pruned", pruned), ("pruned and rewound", rewound)],
    )
    if apart == 0:
        table.note("Right after the rewind no kept weight of a layer.weight differs from its initial value.")
    given = {"mask": mask, "before": bench.initial, "start": state_of(model)}
    also = _after_a_step(model, named, mask, {name: (initial[name], meant[name]) for name in named}, bench)
    return Trial(table, pruned == rewound, given, also=also)


def _after_a_step(model: Any, layers: Any, mask: Mask, initial: Any, bench: Bench) -> str:
    """What a step of training shows: a mask that is not held, and initial weights that were not copied."""
    removed = {name: ~mask[f"{name}.weight"] for name in layers}
    if alive := [n for n, layer in layers.items() if bool((layer.weight.detach()[removed[n]] != 0).any())]:
        return f"The network is dense again: removed weights of {alive[0]} are not 0. The mask has to stay."
    images, labels = bench.batches[0]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    F.cross_entropy(model(images), labels).backward()
    optimizer.step()
    model(images)
    if alive := [n for n, layer in layers.items() if bool((layer.weight.detach()[removed[n]] != 0).any())]:
        return f"After one step of training removed weights of {alive[0]} are not 0: nothing holds the mask any more."
    if written := [name for name, (now, was) in initial.items() if not torch.equal(now, was)]:
        return (
            f"After one step of training the saved initial weights of {written[0]} have changed: the layer got the saved tensor "
            "itself, and no copy of it."
        )
    return ""


def _apart(weight: torch.Tensor, initial: torch.Tensor, kept: torch.Tensor) -> float:
    return float((weight.detach() - initial)[kept].abs().max())


# 10


def snip_scores(model, batches):  # type: ignore[no-untyped-def]
    """How much the loss would change without each weight: |weight * gradient|."""
    model.train()
    total = {name: 0.0 for name, _ in model.named_parameters() if "weight" in name}
    for images, labels in batches:
        model.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        for name, weight in model.named_parameters():
            if name in total:
                total[name] = total[name] + weight.grad
    weights = dict(model.named_parameters())
    return {name: (weights[name].detach() * total[name]).abs() for name in total}


def snip_scores_mended(model, batches):  # type: ignore[no-untyped-def]
    """How much the loss would change without each weight: |weight * gradient|."""
    model.eval()
    total = {name: 0.0 for name, _ in model.named_parameters() if "weight" in name}
    for images, labels in batches:
        model.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        for name, weight in model.named_parameters():
            if name in total:
                total[name] = total[name] + weight.grad
    weights = dict(model.named_parameters())
    return {name: (weights[name].detach() * total[name]).abs() for name in total}


def try_snip_scores(function: Callable[..., Any], bench: Bench) -> Trial:
    """A trained network with batch norm, before and after its weights were scored, one batch for each class."""
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 100, bias=False), nn.BatchNorm1d(100), nn.ReLU(), nn.Linear(100, 10)
    )
    train(model, bench.batches)
    before, told = state_of(model), bench.accuracy(model)
    images, labels = bench.data.inputs(bench.data.train), bench.data.train.labels
    places = [(labels == c).nonzero().flatten()[k : k + 20] for c in range(10) for k in range(0, 100, 20)]
    batches = [(images[own], labels[own]) for own in places]
    right = [by(copy.deepcopy(model), batches) for by in (snip_scores_mended, snip_scores)]
    found = function(model, batches)
    model.eval()
    table = Table(
        {"the same weights": "", "accuracy (%)": ".1f"},
        [("before they were scored", told), ("after they were scored", bench.accuracy(model))],
    )
    given = {"before": before, "start": state_of(model)}
    also = ""
    if not any(_same_scores(found, scores) for scores in right):
        also = "The scores are not |weight * gradient| of these batches any more."
    return Trial(table, told - bench.accuracy(model) > 1, given, also=also)


def _same_scores(found: Any, right: State) -> bool:
    """True if both have the same names, and nearly the same numbers."""
    if not isinstance(found, dict) or found.keys() != right.keys():
        return False
    return all(
        found[name].shape == own.shape and torch.allclose(found[name], own, 1e-3, 1e-4 * float(own.max()))
        for name, own in right.items()
    )


# 11

SCORED = 23  # the seed of the network that is scored: not 0 or 1, which somebody might set to draw the same weights again


def snip_mask(model, images, labels, density):  # type: ignore[no-untyped-def]
    """The mask of largest |weight * gradient|, without touching the network."""
    model = copy.deepcopy(model)
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_normal_(layer.weight)
    F.cross_entropy(model(images), labels).backward()
    weights = {n: w for n, w in model.named_parameters() if "weight" in n}
    scores = {name: (w.detach() * w.grad).abs() for name, w in weights.items()}
    everything = torch.cat([score.flatten() for score in scores.values()])
    threshold = everything.sort(descending=True).values[round(density * len(everything))]
    return {name: score > threshold for name, score in scores.items()}


def snip_mask_mended(model, images, labels, density):  # type: ignore[no-untyped-def]
    """The mask of largest |weight * gradient|, without touching the network."""
    model = copy.deepcopy(model)
    F.cross_entropy(model(images), labels).backward()
    weights = {n: w for n, w in model.named_parameters() if "weight" in n}
    scores = {name: (w.detach() * w.grad).abs() for name, w in weights.items()}
    everything = torch.cat([score.flatten() for score in scores.values()])
    threshold = everything.sort(descending=True).values[round(density * len(everything))]
    return {name: score > threshold for name, score in scores.items()}


def try_snip_mask(function: Callable[..., Any], bench: Bench) -> Trial:
    """The mask of one network, trained from the weights that were scored and from others."""
    model, (images, labels) = bench.network(seed=SCORED), bench.batches[0]
    scored = state_of(model)
    mask, again = (Mask(function(model, images, labels, 0.02)) for _ in range(2))
    own, other = (bench.trained(mask, start) for start in (scored, state_of(bench.network(seed=1))))
    both = sum(int((mask[name] & again[name]).sum()) for name in mask)
    table = Table(
        {"the mask was trained from": "", "accuracy (%)": ".1f"},
        [("the weights that were scored", own), ("other initial weights", other)],
        notes=[
            f"Called twice on one network and batch, the two masks share {100 * both / mask.kept:.0f} % of their weights."
        ],
    )
    model.zero_grad()
    F.cross_entropy(model(images), labels).backward()
    weights: dict[str, Any] = dict(model.named_parameters())
    scores = {name: (weights[name].detach() * weights[name].grad).abs() for name in mask}
    return Trial(table, mask != again, {"mask": mask, "scores": scores, "scope": "global", "density": 0.02})


# 12


def find_masks(model, initial, batches, train, prune, rounds):  # type: ignore[no-untyped-def]
    """Iterative pruning: train, remove half of what remains, rewind, again."""
    train(model, batches, None)
    weights = {name: w.detach().clone() for name, w in model.named_parameters()}
    masks = [{n: torch.ones_like(w).bool() for n, w in weights.items() if "weight" in n}]
    for _ in range(rounds):
        masks.append(prune(masks[-1], weights, 0.5))
        model.load_state_dict(initial)
        train(model, batches, masks[-1])
    return masks


def find_masks_mended(model, initial, batches, train, prune, rounds):  # type: ignore[no-untyped-def]
    """Iterative pruning: train, remove half of what remains, rewind, again."""
    train(model, batches, None)
    weights = {name: w.detach().clone() for name, w in model.named_parameters()}
    masks = [{n: torch.ones_like(w).bool() for n, w in weights.items() if "weight" in n}]
    for _ in range(rounds):
        masks.append(prune(masks[-1], weights, 0.5))
        model.load_state_dict(initial)
        train(model, batches, masks[-1])
        weights = {name: w.detach().clone() for name, w in model.named_parameters()}
    return masks


def try_find_masks(function: Callable[..., Any], bench: Bench) -> Trial:
    """Two rounds, beside one cut of the dense network to the same density."""
    trained: list[State] = []
    also: list[str] = []

    def told(model: nn.Module, batches: Any, mask: Any) -> None:
        if wrong := _not_begun(model, mask, bench):
            also.append(f"Training {len(trained) + 1} {wrong}")
        train(model, batches, mask)
        trained.append(state_of(model))

    def cut(mask: Any, weights: Any, fraction: float) -> dict[str, torch.Tensor]:
        return dict(prune_by(Mask(mask), {name: weights[name].abs() for name in mask}, fraction))

    initial = {name: tensor.clone() for name, tensor in bench.initial.items()}
    masks = [Mask(m) for m in function(bench.network(), initial, bench.batches, told, cut, 2)]
    one_shot = bench.mask(masks[-1].density)
    table = Table({"how the mask was found": "", "weights left (%)": ".1f", "accuracy (%)": ".2f"})
    for words, mask in (("in one cut", one_shot), ("in two rounds", masks[-1])):
        table.add(words, 100 * mask.density, bench.trained(mask))
    ranked = trained[: len(masks) - 1]
    fits = len(ranked) == len(masks) - 1 and all(a.kept >= b.kept for a, b in pairwise(masks))
    given = {"mask": masks, "before": bench.initial, "scope": "global"}
    given |= {"trained": ranked} if fits else {}
    return Trial(table, one_shot == masks[-1], given, also=also[0] if also else "")


def _not_begun(model: nn.Module, mask: Any, bench: Bench) -> str:
    """What is wrong with the weights that a training begins from; at removed places they may be anything."""
    for name, now in state_of(model).items():
        differs = now != bench.initial[name]
        if mask is not None and name in mask:
            differs = differs & mask[name].bool()
        if bool(differs.any()):
            return f"does not begin from the initial weights: {name} differs at places that are kept. Nothing was rewound."
    return ""
