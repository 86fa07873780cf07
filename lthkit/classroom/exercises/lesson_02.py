"""Exercises of lesson 02, masks: apply one, keep it under momentum, count what it keeps, and find where it leaks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lthkit.classroom.exercises.exercise import Case, Exercise, Misconception, Option, Question, variants


def apply_mask(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A new dict of all weights, in which removed entries are exactly 0, whatever stood there.

    Args:
        weights: parameter name -> float tensor, left as it is.
        mask: parameter name -> bool tensor of the same shape, True = kept; a name without a mask is kept whole.
    """
    return {name: w.where(mask[name], 0) if name in mask else w for name, w in weights.items()}


def masked_sgd_step(
    weight: Tensor, gradient: Tensor, velocity: Tensor, keep: Tensor, lr: float, momentum: float
) -> tuple[Tensor, Tensor]:
    """One step of SGD with momentum after which removed weights and their velocity are exactly 0.

    Args:
        weight, gradient, velocity: float tensors of one shape, left as they are.
        keep: bool tensor of that shape, True = kept.

    Returns:
        The new weight and the new velocity: v <- momentum v + g, then w <- w - lr v (as torch.optim.SGD), both masked.
    """
    velocity = (momentum * velocity + gradient).where(keep, 0)
    weight = (weight - lr * velocity).where(keep, 0)
    return weight, velocity


def densities(mask: Mapping[str, Tensor]) -> dict[str, float]:
    """The density of each layer by name, and of all weights together under "all", as Python floats from 0 to 1."""
    result = {name: int(keep.sum()) / keep.numel() for name, keep in mask.items()}
    kept, total = sum(int(k.sum()) for k in mask.values()), sum(k.numel() for k in mask.values())
    result["all"] = kept / total
    return result


def came_back(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, list[int]]:
    """The flat indices, rising, of removed weights that are not exactly 0, by name; only names that have any."""
    leaks = {name: ((weights[name] != 0) & ~keep).flatten() for name, keep in mask.items()}
    return {name: leak.nonzero().flatten().tolist() for name, leak in leaks.items() if leak.any()}


# Other right answers, and mistakes that people make


def _apply_filled(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    new = {}
    for name, weight in weights.items():
        new[name] = weight.clone()
        if name in mask:
            new[name][~mask[name]] = 0
    return new


def _apply_masked_fill(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        n: w.masked_fill(~mask.get(n, torch.ones(w.shape, dtype=torch.bool)), 0.0) for n, w in weights.items()
    }


def _apply_times(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n: w * mask[n] if n in mask else w for n, w in weights.items()}


def _apply_without_nan(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    new = _apply_times(weights, mask)
    return {n: w.masked_fill(w.isnan(), 0) if n in mask else w for n, w in new.items()}


def _apply_inverted(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n: w.where(~mask[n], 0) if n in mask else w for n, w in weights.items()}


def _apply_selecting(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n: w[mask[n]] if n in mask else w for n, w in weights.items()}


def _apply_dropping(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n: weights[n].where(mask[n], 0) for n in mask}


def _apply_every(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n: w.where(mask[n], 0) for n, w in weights.items()}


def _apply_to_all(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n: w.where(mask[n], 0) if n in mask else torch.zeros_like(w) for n, w in weights.items()}


Pair = tuple[Tensor, Tensor]


def _step_filled(w: Tensor, g: Tensor, v: Tensor, keep: Tensor, lr: float, momentum: float) -> Pair:
    v = v.clone().mul_(momentum).add_(g)
    w = w.clone().sub_(v, alpha=lr)
    return w.masked_fill(~keep, 0.0), v.masked_fill(~keep, 0.0)


def _step_kept_only(w: Tensor, g: Tensor, v: Tensor, keep: Tensor, lr: float, momentum: float) -> Pair:
    new_w, new_v = torch.zeros_like(w), torch.zeros_like(v)
    new_v[keep] = momentum * v[keep] + g[keep]
    new_w[keep] = w[keep] - lr * new_v[keep]
    return new_w, new_v


def _step_factor(w: Tensor, g: Tensor, v: Tensor, keep: Tensor, lr: float, momentum: float) -> Pair:
    factor = keep.to(w.dtype)
    w, g, v = w * factor, g * factor, v * factor
    new = momentum * v + g
    return w - lr * new, new


def _step(w: Tensor, g: Tensor, v: Tensor, keep: Tensor, lr: float, momentum: float, *, mistake: str) -> Pair:
    """The right answer with one thing wrong."""
    old = v
    if mistake == "inverted":
        keep = ~keep
    rules: dict[str, Callable[[], Tensor]] = {
        "gradient only": lambda: momentum * v + g.where(keep, 0),
        "gradient times mask": lambda: momentum * v + g * keep,
        "old velocity masked": lambda: momentum * v.where(keep, 0) + g,
        "dampened": lambda: momentum * v + (1 - momentum) * g,
        "lr in velocity": lambda: momentum * v + lr * g,
        "momentum of gradient": lambda: v + momentum * g,
        "lr and momentum swapped": lambda: lr * v + g,
    }
    v = rules.get(mistake, lambda: momentum * v + g)()
    if mistake not in ("gradient only", "gradient times mask", "old velocity masked", "weight only"):
        v = v.where(keep, 0)
    moves: dict[str, Callable[[], Tensor]] = {
        "old velocity": lambda: lr * old,
        "lr in velocity": lambda: v,
        "nesterov": lambda: lr * (g + momentum * v),
        "lr and momentum swapped": lambda: momentum * v,
        "uphill": lambda: -lr * v,
    }
    move = moves.get(mistake, lambda: lr * v)()
    if mistake == "weight times mask":
        return w * keep - move, v
    w = w - move
    if mistake not in ("gradient only", "gradient times mask", "velocity only"):
        w = w.where(keep, 0)
    return (v, w) if mistake == "results swapped" else (w, v)


def _densities_counted(mask: Mapping[str, Tensor]) -> dict[str, float]:
    kept = total = 0
    result = {}
    for name, keep in mask.items():
        ones = keep.flatten().tolist().count(True)
        result[name] = ones / keep.numel()
        kept, total = kept + ones, total + keep.numel()
    return {**result, "all": kept / total}


def _densities_numpy(mask: Mapping[str, Tensor]) -> dict[str, float]:
    arrays = {n: k.numpy().ravel() for n, k in mask.items()} | {
        "all": np.concatenate([k.numpy().ravel() for k in mask.values()])
    }
    return {n: float(a.mean()) for n, a in arrays.items()}


def _densities(mask: Mapping[str, Tensor], *, mistake: str) -> dict[str, float]:
    """The right answer with one thing wrong."""
    result: dict[str, float] = {}
    kept, total = 0, 0
    for name, keep in mask.items():
        if mistake == "last layer":
            kept = total = 0
        ones, size = int(keep.sum()), len(keep) if mistake == "rows" else keep.numel()
        kept, total = kept + ones, total + size
        result[name] = {
            "removed": 1 - ones / size,
            "counts": float(ones),
            "percent": 100 * ones / size,
            "floor": float(ones // size),
            "running": kept / total,
            "share": ones / sum(k.numel() for k in mask.values()),
        }.get(mistake, ones / size)
    result["all"] = {
        "removed": 1 - kept / total,
        "counts": float(kept),
        "percent": 100 * kept / total,
        "floor": float(kept // total),
        "mean": sum(result.values()) / len(result),
        "product": math.prod(result.values()),
    }.get(mistake, kept / total)
    return result


Leaks = dict[str, list[int]]


def _back_loops(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> Leaks:
    found: Leaks = {}
    for name, keep in mask.items():
        pairs = zip(weights[name].flatten().tolist(), keep.flatten().tolist(), strict=True)
        for i, (w, kept) in enumerate(pairs):
            if w != 0 and not kept:
                found.setdefault(name, []).append(i)
    return found


def _back_numpy(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> Leaks:
    found = {n: np.flatnonzero((weights[n].numpy() != 0) & ~k.numpy()).tolist() for n, k in mask.items()}
    return {n: places for n, places in found.items() if places}


def _back(weights: Mapping[str, Tensor], mask: Mapping[str, Tensor], *, mistake: str) -> dict[str, list[Any]]:
    """The right answer with one thing wrong."""
    found: dict[str, list[Any]] = {}
    start = 0
    if mistake == "needs a mask":
        mask = {name: mask[name] for name in weights}
    elif mistake == "no mask":
        mask = {name: mask.get(name, torch.zeros(w.shape, dtype=torch.bool)) for name, w in weights.items()}
    for name, keep in mask.items():
        w = weights[name].nan_to_num(0.0) if mistake == "no nan" else weights[name]
        finds = {
            "positive": (w > 0) & ~keep,
            "isclose": ~torch.isclose(w, torch.zeros_like(w)) & ~keep,
            "tolerance": (w.abs() > 1e-6) & ~keep,
            "kept": (w != 0) & keep,
            "differs": (w != 0) != keep,
            "all": ~keep,
            "times mask": w * ~keep != 0,
        }.get(mistake, (w != 0) & ~keep)
        if mistake == "among removed":
            finds = w[~keep] != 0
        elif mistake == "column by column":
            finds = finds.permute(*reversed(range(finds.dim())))
        flat = finds.flatten().nonzero().flatten()
        if mistake == "by size":
            flat = flat[w.flatten()[flat].abs().argsort(descending=True)]
        places: list[Any] = {
            "coordinates": finds.nonzero(),
            "columns": finds.nonzero()[:, -1],
            "from 1": flat + 1,
            "running": flat + start,
        }.get(mistake, flat).tolist()
        if mistake == "stops" and not places:
            break
        if places and not (mistake == "index 0" and places == [0]) or mistake == "empty":
            found[name] = places
        start += keep.numel()
    return found


T, F = True, False
_W = torch.tensor([0.5, -0.4, 0.3, -0.2])
_G = torch.tensor([1.0, 2.0, -1.0, -2.0])
_K = torch.tensor([T, F, T, F])

EXERCISES = (
    Exercise(
        id="02.1",
        reference=apply_mask,
        cases=(
            Case(({"w": _W}, {"w": _K}), "One tensor, half of it kept."),
            Case(
                (
                    {"fc.weight": _W.view(2, 2), "fc.bias": torch.tensor([0.1, -0.1])},
                    {"fc.weight": _K.view(2, 2)},
                ),
                "The bias has no mask; it is in the result, whole.",
            ),
            Case(
                (
                    {"w": torch.tensor([1.0, float("nan"), float("inf"), -2.0])},
                    {"w": torch.tensor([T, F, F, T])},
                ),
                "NaN and infinity stand where weights are removed.",
            ),
            Case(
                ({"w": _W.half()}, {"w": torch.tensor([F, F, F, F])}), "Half precision, and nothing is kept."
            ),
            Case(
                ({"w": torch.tensor([float("nan"), 1.0, float("inf")])}, {"w": torch.tensor([T, F, T])}),
                "A kept weight is NaN, one is infinite, and both stay so: a mask repairs nothing.",
            ),
        ),
        hints=(
            "Go through all names in weights; some of them have no mask.",
            "w.where(keep, 0) takes w where keep is True and 0 elsewhere; it makes a new tensor.",
            "A dict comprehension over weights.items(), with `if name in mask else w` for the tensors without a mask.",
        ),
        misconceptions=(
            Misconception(
                lambda weights, mask: {
                    n: (w * mask[n]).nan_to_num(0.0) if n in mask else w for n, w in weights.items()
                },
                "nan_to_num repairs the kept weights too, where NaN should be seen; choose with where instead.",
            ),
            Misconception(
                _apply_without_nan,
                "You set every NaN to 0 after multiplying, in kept weights too, where it should be seen; choose with where instead.",
            ),
            Misconception(
                _apply_times,
                "You multiply by the mask. NaN times 0 is NaN, and so is infinity times 0; choose with where instead.",
            ),
            Misconception(_apply_inverted, "This keeps the removed weights: True in the mask means kept."),
            Misconception(
                _apply_selecting,
                "Indexing with the mask picks the kept entries out and loses the shape; put 0 in place of the others.",
            ),
            Misconception(
                _apply_dropping, "Parameters without a mask, such as biases, are missing from the result."
            ),
            Misconception(_apply_to_all, "A tensor without a mask stays whole; you set it to 0."),
            Misconception(
                _apply_every, "You look up a mask for every parameter; some, such as biases, have none."
            ),
        ),
        alternatives=(_apply_filled, _apply_masked_fill),
        difficulty="easy",
        lines=1,
        minutes=5,
        atol=0.0,
    ),
    Exercise(
        id="02.2",
        reference=densities,
        cases=(
            Case(({"a": torch.tensor([T, F, F, F])},), "One layer of four weights."),
            Case(
                ({"a": torch.tensor([[T, F, F], [F, F, F]]), "b": torch.tensor([T, T])},),
                "Two layers of different sizes.",
            ),
            Case(
                ({"a": torch.zeros(3, 2).bool(), "b": torch.ones(2, 5).bool(), "c": torch.eye(4).bool()},),
                "An empty layer, a whole one, and a diagonal.",
            ),
        ),
        hints=(
            "The density of a layer is the number of True entries divided by the number of all entries.",
            "int(keep.sum()) counts the True entries, keep.numel() counts all of them, in any shape.",
            'For "all", add up the kept entries of all layers, add up all entries, and divide once.',
        ),
        misconceptions=(
            *variants(
                _densities,
                {
                    "mean": 'Your "all" is the mean of the layer densities. Large layers must count for more: divide all kept by '
                    "all.",
                    "product": 'Your "all" is the product of the layer densities; divide all kept by all.',
                    "last layer": 'Your "all" counts the last layer only; add up the kept weights, and all weights, over the layers.',
                    "running": "You add up from layer to layer; the density of a layer counts only its own weights.",
                    "share": "You divide each layer by the number of all weights; divide it by its own number.",
                    "removed": "This is the sparsity, the fraction removed; density is the fraction kept.",
                    "rows": "len(keep) is the number of rows; keep.numel() is the number of weights.",
                    "counts": "These are counts; divide by the number of weights.",
                    "percent": "These are percentages; a density runs from 0 to 1.",
                    "floor": "// cuts the fraction off; divide with /.",
                },
            ),
        ),
        alternatives=(_densities_counted, _densities_numpy),
        difficulty="easy",
        lines=4,
        minutes=5,
    ),
    Exercise(
        id="02.3",
        reference=masked_sgd_step,
        cases=(
            Case((_W.where(_K, 0), _G, torch.zeros(4), _K, 0.5, 0.5), "The velocity starts at 0."),
            Case(
                (_W.where(_K, 0), torch.zeros(4), torch.tensor([1.0, 1.0, -1.0, -1.0]), _K, 0.5, 0.5),
                "The gradient is 0, and an old velocity is there.",
            ),
            Case(
                (_W, _G, torch.tensor([0.5, 3.0, 0.0, -3.0]), _K, 0.1, 0.9),
                "The removed weights come in as non-zero.",
            ),
            Case(
                (_W.view(2, 2), _G.view(2, 2), _G.view(2, 2), torch.ones(2, 2).bool(), 0.1, 0.0),
                "Nothing is removed.",
            ),
            Case((_W, _G, _G, torch.zeros(4).bool(), 0.1, 0.9), "Everything is removed."),
            Case(
                (torch.tensor([0.5, float("nan"), 0.3, float("inf")]), _G, torch.zeros(4), _K, 0.1, 0.9),
                "A removed weight comes in as NaN, another as infinite.",
            ),
            Case(
                (
                    _W,
                    torch.tensor([1.0, float("nan"), -1.0, 0.0]),
                    torch.tensor([0.5, 0.0, 0.0, float("inf")]),
                    _K,
                    0.1,
                    0.9,
                ),
                "A removed gradient is NaN, a removed velocity infinite: whatever came in, 0 comes out.",
            ),
        ),
        hints=(
            "Two things can move a removed weight, its gradient and its old velocity; and it may not be 0 when it comes in.",
            "First the plain step: velocity = momentum * velocity + gradient, then weight = weight - lr * velocity.",
            "Then .where(keep, 0) on the new velocity and on the new weight; return both.",
        ),
        misconceptions=(
            *variants(
                _step,
                {
                    "gradient only": "You mask the gradient only. An old velocity still moves the removed weights, and a removed "
                    "weight that is not 0 stays. Mask the new velocity and the new weight.",
                    "gradient times mask": "You multiply the gradient by the mask, and mask nothing else. An old velocity still "
                    "moves the removed weights, and a removed weight that is not 0 stays. Mask the new velocity and the new weight.",
                    "weight only": "The weights are right, but the velocity of the removed ones is not 0; mask it too.",
                    "velocity only": "The velocity is right, but a removed weight that comes in as non-zero stays; mask the weight "
                    "too.",
                    "old velocity masked": "You mask the old velocity, and then the gradient enters the velocity of removed weights; "
                    "mask the new one.",
                    "old velocity": "You move with the old velocity; compute the new velocity first.",
                    "dampened": "You weight the gradient with 1 - momentum; here, as in torch.optim.SGD, it is added whole.",
                    "lr in velocity": "You put lr into the velocity; here v is momentum v + g, and lr comes in only when the weight "
                    "moves.",
                    "momentum of gradient": "You multiply the gradient by momentum; multiply the old velocity by it, and add the "
                    "gradient whole.",
                    "nesterov": "This is Nesterov's step, which looks ahead; here the weight moves by lr times the new velocity.",
                    "lr and momentum swapped": "lr and momentum are exchanged: momentum goes with the old velocity, lr with the step.",
                    "uphill": "You step up the slope: subtract lr times the velocity.",
                    "inverted": "You mask the kept weights: True in keep means kept.",
                    "results swapped": "Your two results are exchanged: the weight comes first, then the velocity.",
                    "weight times mask": "You multiply the weight by the mask, and NaN times 0 is NaN, as is infinity times 0; choose "
                    "with where at the end.",
                },
            ),
            Misconception(
                _step_factor,
                "You multiply by the mask. NaN times 0 is NaN, and so is infinity times 0; choose with where instead.",
            ),
        ),
        alternatives=(_step_filled, _step_kept_only),
        difficulty="medium",
        lines=3,
        minutes=10,
        atol=1e-7,
    ),
    Exercise(
        id="02.4",
        reference=came_back,
        cases=(
            Case(({"w": torch.tensor([0.5, 0.1, 0.3, 0.0])}, {"w": _K}), "One removed weight is not 0."),
            Case(
                ({"w": torch.tensor([0.5, -0.1, 0.0, 0.0])}, {"w": _K}),
                "A negative one, and a kept weight that is 0.",
            ),
            Case(
                ({"w": torch.tensor([0.5, 1e-30, 0.3, -1e-12])}, {"w": _K}), "Very small numbers are not 0."
            ),
            Case(({"w": torch.tensor([0.1, 0.5])}, {"w": torch.tensor([F, T])}), "The leak is at index 0."),
            Case(
                (
                    {"a": torch.tensor([0.5, 0.0, 0.3]), "b": torch.tensor([0.1, 0.2])},
                    {"a": torch.tensor([T, F, T]), "b": torch.tensor([F, F])},
                ),
                "The first layer does not leak, the second does; its index starts at 0 again.",
            ),
            Case(
                (
                    {"a": _W.view(2, 2), "b": torch.tensor([0.0, 2.0]), "bias": torch.ones(2)},
                    {"a": _K.view(2, 2), "b": torch.tensor([F, T])},
                ),
                "A layer that leaks, a layer that does not, and a bias without a mask.",
            ),
            Case(
                ({"w": torch.tensor([0.5, float("nan"), 0.3, -0.0])}, {"w": _K}),
                "NaN is not 0; minus zero is.",
            ),
            Case(
                ({"w": torch.tensor([float("inf"), 0.0, float("nan"), 0.5])}, {"w": _K}),
                "Kept weights may be infinite or NaN; they are no leak.",
            ),
        ),
        hints=(
            "A leak is a place that is removed and whose weight is not exactly 0: two conditions.",
            "leak = (weights[name] != 0) & ~keep is True at the leaks; .flatten().nonzero() finds the places.",
            "Go through mask.items(); .nonzero().flatten().tolist() gives the indices; leave out names where leak.any() is False.",
        ),
        misconceptions=(
            *variants(
                _back,
                {
                    "times mask": "You multiply by ~mask: a kept weight that is infinite or NaN becomes NaN and looks like a leak.",
                    "no nan": "You miss NaN: it is not above 0 and not below, but it is not 0 either. Ask for != 0.",
                    "positive": "You look for weights above 0; weights that came back may be negative.",
                    "isclose": "You allow a tolerance. A removed weight is exactly 0, or it has come back, however small.",
                    "tolerance": "You allow a tolerance, and NaN is not above it. A removed weight is exactly 0, or it has come "
                    "back: ask for != 0.",
                    "kept": "These are kept weights: look where the mask is False.",
                    "differs": "You compare `weight != 0` with the mask. A kept weight may be 0 by itself; that is no leak.",
                    "empty": "Leave out the layers in which nothing came back.",
                    "all": "These are all removed places, also those that are 0 as they should be.",
                    "no mask": "A tensor without a mask has no removed places; go through mask.items().",
                    "needs a mask": "You look up a mask for every tensor, and some, such as biases, have none; go through "
                    "mask.items().",
                    "coordinates": "These are coordinates, one list for each place; flatten first, then nonzero gives flat indices.",
                    "columns": "This is only the last coordinate, the column; flatten first, then nonzero gives flat indices.",
                    "column by column": "You number a matrix column by column; the flat index runs row by row.",
                    "among removed": "You count among the removed entries only; the flat index counts all entries.",
                    "from 1": "You count from 1; indices start at 0.",
                    "running": "Your index runs on from layer to layer; in each layer it starts again at 0.",
                    "by size": "You list the places by the size of the weight; list them by rising index.",
                    "index 0": "A leak at index 0 alone is lost: `if index` takes 0 for False. Ask for the number of leaks.",
                    "stops": "You stop at the first layer in which nothing came back; go on to the next.",
                },
            ),
        ),
        alternatives=(_back_loops, _back_numpy),
        difficulty="medium",
        lines=2,
        minutes=10,
    ),
)

QUESTIONS = (
    Question(
        "02.Q1",
        "One layer keeps 100 of 1,000 weights, another keeps 10 of 10. What is the density of the network?",
        (
            Option(
                "55 %",
                False,
                "This is the mean of 10 % and 100 %. The small layer has few weights and counts for little.",
            ),
            Option("about 11 %", True, "110 of 1,010 weights are kept, which is 10.9 %."),
            Option("about 89 %", False, "This is the sparsity: the fraction that is removed."),
        ),
    ),
    Question(
        "02.Q2",
        "A removed weight is exactly 0. Its gradient is masked and its velocity is 0. Can L2 weight decay alone move it?",
        (
            Option(
                "Yes, decay moves every weight.",
                False,
                "Decay adds a multiple of the weight itself, and that is 0 here.",
            ),
            Option("Yes, but only away from 0.", False, "Decay pulls towards 0; it never pushes away."),
            Option(
                "No.",
                True,
                "Decay adds wd times the weight to the gradient. Of a weight that is 0, this is 0.",
            ),
        ),
    ),
    Question(
        "02.Q3",
        "You masked the gradients, and an optimizer with old momentum goes on. When do the removed weights stop moving?",
        (
            Option("At once.", False, "The velocity is not 0, and the step uses the velocity."),
            Option(
                "Slowly: the velocity shrinks by the factor momentum each step.",
                True,
                "The moves form a geometric series; the weights come to rest, but not at 0.",
            ),
            Option(
                "Never: they move as fast as the kept ones.",
                False,
                "Nothing feeds their velocity, so it dies out.",
            ),
        ),
    ),
    Question(
        "02.Q4",
        "With torch.nn.utils.prune, you call optimizer.step() and then read layer.weight. What do you read?",
        (
            Option(
                "The new weights, masked.",
                False,
                "The product with the mask is formed in the next forward pass.",
            ),
            Option("The new weights, not masked.", False, "Those are in layer.weight_orig."),
            Option(
                "The weights of before the step.",
                True,
                "layer.weight is an ordinary tensor that the next forward pass replaces. Until then it is stale.",
            ),
        ),
    ),
)
