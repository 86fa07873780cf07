"""Exercises of lesson 01, magnitude pruning: score, select exactly, select layer by layer, read a sensitivity scan."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lthkit.classroom.exercises.exercise import (
    Case,
    Exercise,
    Misconception,
    Option,
    Question,
    pick,
    variants,
)
from lthkit.pruning.masks import Mask
from lthkit.pruning.selection import prune

Curve = Sequence[tuple[float, float]]
Masks = dict[str, Tensor]


def magnitude_score(weight: Tensor) -> Tensor:
    """The absolute value of each weight: a new tensor of the same shape and type, higher = keep."""
    return weight.abs()


def global_mask(scores: Mapping[str, Tensor], fraction: float) -> Masks:
    """Remove the `round(fraction * n)` lowest of all n scores; of equal scores the lowest flat index goes first.

    Args:
        scores: float tensors by layer name, higher = keep. Flat index runs through the layers in this order.
        fraction: of all scores, from 0 to 1, to remove.

    Returns:
        Bool tensors with the names and shapes of `scores`, True = kept.
    """
    flat = torch.cat([s.flatten() for s in scores.values()])
    keep = torch.ones(len(flat), dtype=torch.bool)
    keep[flat.argsort(stable=True)[: round(fraction * len(flat))]] = False
    parts = keep.split([s.numel() for s in scores.values()])
    return {name: part.view(s.shape) for (name, s), part in zip(scores.items(), parts, strict=True)}


def layerwise_masks(scores: Mapping[str, Tensor], fractions: Mapping[str, float]) -> Masks:
    """Remove from each layer its own fraction, ranking each layer by itself; a layer without a fraction stays whole.

    Args:
        scores: float tensors by layer name, higher = keep.
        fractions: the fraction to remove, from 0 to 1, by layer name, in any order.

    Returns:
        Bool tensors with the names and shapes of `scores`, True = kept; counts and ties as in `global_mask`.
    """
    return {name: global_mask({name: s}, fractions.get(name, 0.0))[name] for name, s in scores.items()}


def largest_sparsities(curves: Mapping[str, Curve], dense: float, tolerance: float) -> dict[str, float]:
    """For each layer, the largest sparsity up to which the accuracy is at least `dense` - `tolerance`, without a gap.

    Args:
        curves: by layer name, pairs (sparsity, accuracy) in any order, both from 0 to 1.
        dense: accuracy of the dense network, from 0 to 1.
        tolerance: accuracy that may be lost, as a difference: 0.01 is one point.

    Returns:
        By layer name, a sparsity of its curve; 0.0 if already the smallest one loses more.
    """
    found = {}
    for name, curve in curves.items():
        found[name] = 0.0
        for sparsity, accuracy in sorted(curve):
            if accuracy < dense - tolerance:
                break
            found[name] = sparsity
    return found


# 01.1: other right answers, and mistakes that people make


def _abs_by_where(weight: Tensor) -> Tensor:
    return torch.where(weight < 0, -weight, weight)


def _abs_by_numpy(weight: Tensor) -> Tensor:
    return torch.as_tensor(np.abs(weight.numpy()))


# 01.2


def _cut(scores: Mapping[str, Tensor], keep: Tensor) -> Masks:
    parts = keep.split([s.numel() for s in scores.values()])
    return {n: p.view(s.shape) for (n, s), p in zip(scores.items(), parts, strict=True)}


def _flat(scores: Mapping[str, Tensor]) -> Tensor:
    return torch.cat([s.flatten() for s in scores.values()])


def _by_sorted(scores: Mapping[str, Tensor], fraction: float) -> Masks:
    masks = {name: torch.ones_like(s, dtype=torch.bool) for name, s in scores.items()}
    entries = [(v, name, i) for name, s in scores.items() for i, v in enumerate(s.flatten().tolist())]
    entries.sort(key=lambda entry: entry[0])
    for _, name, i in entries[: round(fraction * len(entries))]:
        masks[name].view(-1)[i] = False
    return masks


def _by_numpy(scores: Mapping[str, Tensor], fraction: float) -> Masks:
    flat = np.concatenate([s.numpy().ravel() for s in scores.values()])
    rank = np.empty(len(flat), dtype=int)
    rank[np.lexsort((np.arange(len(flat)), flat))] = np.arange(len(flat))
    masks, start, count = {}, 0, round(fraction * len(flat))
    for name, s in scores.items():
        masks[name] = torch.from_numpy(rank[start : start + s.numel()] >= count).reshape(s.shape)
        start += s.numel()
    return masks


def _above_kth(scores: Mapping[str, Tensor], fraction: float) -> Masks:
    flat = _flat(scores)
    count = round(fraction * len(flat))
    if count == 0:
        return _cut(scores, torch.ones(len(flat), dtype=torch.bool))
    return _cut(scores, flat > flat.sort().values[count - 1])


def _above_kth_or_last(scores: Mapping[str, Tensor], fraction: float) -> Masks:
    flat = _flat(scores)
    return _cut(scores, flat > flat.sort().values[round(fraction * len(flat)) - 1])


def _above_kth_value(scores: Mapping[str, Tensor], fraction: float) -> Masks:
    flat = _flat(scores)
    return _cut(scores, flat > flat.kthvalue(round(fraction * len(flat))).values)


def _at_least_kth(scores: Mapping[str, Tensor], fraction: float) -> Masks:
    flat = _flat(scores)
    count = round(fraction * len(flat))
    if count == 0:
        return _cut(scores, torch.ones(len(flat), dtype=torch.bool))
    return _cut(scores, flat >= flat.sort().values[count - 1])


def _at_least_next(scores: Mapping[str, Tensor], fraction: float) -> Masks:
    """`>=` the first value that may stay: ties at the threshold all stay."""
    flat = _flat(scores)
    count = round(fraction * len(flat))
    if count == len(flat):
        return _cut(scores, torch.zeros(len(flat), dtype=torch.bool))
    return _cut(scores, flat >= flat.sort().values[count])


def _above_next(scores: Mapping[str, Tensor], fraction: float) -> Masks:
    """The count of two public code bases: one weight more than asked for."""
    flat = _flat(scores)
    limit = flat.sort().values[min(round(fraction * len(flat)), len(flat) - 1)]
    return _cut(scores, flat > limit)


def _above_quantile(scores: Mapping[str, Tensor], fraction: float) -> Masks:
    flat = _flat(scores).float()
    return _cut(scores, flat > flat.quantile(fraction))


def _at_least_quantile(scores: Mapping[str, Tensor], fraction: float) -> Masks:
    limit = float(np.quantile(_flat(scores).numpy(), fraction))
    return {name: s >= limit for name, s in scores.items()}


def _by_prune(scores: Mapping[str, Tensor], fraction: float) -> Masks:
    return dict(
        prune(Mask({n: torch.ones_like(s, dtype=torch.bool) for n, s in scores.items()}), scores, fraction)
    )


def _column_by_column(scores: Mapping[str, Tensor], fraction: float) -> Masks:
    turned = global_mask({n: s.permute(tuple(reversed(range(s.dim())))) for n, s in scores.items()}, fraction)
    return {n: m.permute(tuple(reversed(range(m.dim())))) for n, m in turned.items()}


def _ranked(scores: Mapping[str, Tensor], fraction: float, *, mistake: str) -> Masks:
    """The right answer with one thing wrong."""
    if mistake == "abs":
        scores = {name: s.abs() for name, s in scores.items()}
    elif mistake == "smaller type":
        scores = {name: s.float() for name, s in scores.items()}
    elif mistake == "rounded":
        scores = {name: s.round(decimals=6) for name, s in scores.items()}
    flat = _flat(scores)
    n = len(flat)
    counts: dict[str, Callable[[], int]] = {
        "int": lambda: int(fraction * n),
        "up": lambda: math.ceil(fraction * n),
        "half up": lambda: int(fraction * n + 0.5),
        "round what stays": lambda: n - round((1 - fraction) * n),
        "one more": lambda: round(fraction * n) + 1,
        "float32 count": lambda: int(torch.round(torch.tensor(fraction) * n)),
        "round each layer": lambda: sum(round(fraction * s.numel()) for s in scores.values()),
        "not 0": lambda: round(fraction * int(flat.count_nonzero())),
        "keep": lambda: round((1 - fraction) * n),
        "at least one": lambda: max(1, round(fraction * n)),
        "wrong part": lambda: n - round(fraction * n),
        "rounded fraction": lambda: round(round(fraction, 2) * n),
    }
    count = pick(mistake, counts, lambda: round(fraction * n))()
    order = flat.argsort(stable=True, descending=mistake == "highest")
    if mistake == "last first":
        order = n - 1 - flat.flip(0).argsort(stable=True)
    elif mistake == "topk":
        order = flat.topk(count, largest=False).indices
    keep = torch.ones(n, dtype=torch.bool)
    keep[order[:count]] = False
    if mistake == "-0":
        keep = torch.zeros(n, dtype=torch.bool)
        keep[order[-(n - count) :]] = True
    masks = _cut(scores, ~keep if mistake == "inverted" else keep)
    written: dict[str, Callable[[Tensor], Tensor]] = {
        "flat": Tensor.flatten,
        "floats": Tensor.float,
        "integers": Tensor.long,
    }
    as_it_is: Callable[[Tensor], Tensor] = Tensor.clone
    return {name: pick(mistake, written, as_it_is)(m) for name, m in masks.items()}


def _each_layer(scores: Mapping[str, Tensor], fraction: float) -> Masks:
    return {name: global_mask({name: s}, fraction)[name] for name, s in scores.items()}


# 01.3


def _layers_in_a_loop(scores: Mapping[str, Tensor], fractions: Mapping[str, float]) -> Masks:
    masks = {}
    for name, s in scores.items():
        keep = torch.ones(s.numel(), dtype=torch.bool)
        if name in fractions:
            count = round(fractions[name] * s.numel())
            keep[torch.sort(s.reshape(-1), stable=True).indices[:count]] = False
        masks[name] = keep.reshape(s.shape)
    return masks


def _layers_by_numpy(scores: Mapping[str, Tensor], fractions: Mapping[str, float]) -> Masks:
    whole = {name: 0.0 for name in scores} | dict(fractions)
    return {name: _by_numpy({name: s}, whole[name])[name] for name, s in scores.items()}


def _in_each_layer(wrong: Callable[..., Masks]) -> Callable[..., Masks]:
    """The mistake of a global mask, made in each layer."""

    def masks(scores: Mapping[str, Tensor], fractions: Mapping[str, float]) -> Masks:
        return {name: wrong({name: s}, fractions.get(name, 0.0))[name] for name, s in scores.items()}

    return masks


def _pooled(scores: Mapping[str, Tensor], fractions: Mapping[str, float]) -> Masks:
    """The same total count, taken from all layers by one threshold."""
    total = sum(s.numel() for s in scores.values())
    count = sum(round(fractions.get(name, 0.0) * s.numel()) for name, s in scores.items())
    return global_mask(scores, count / total)


def _named_pooled(scores: Mapping[str, Tensor], fractions: Mapping[str, float]) -> Masks:
    named = {name: s for name, s in scores.items() if name in fractions}
    return {n: torch.ones_like(s, dtype=torch.bool) for n, s in scores.items()} | _pooled(named, fractions)


def _carried_over(scores: Mapping[str, Tensor], fractions: Mapping[str, float]) -> Masks:
    fraction = 0.0
    masks: Masks = {}
    for name, s in scores.items():
        fraction = fractions.get(name, fraction)
        masks |= global_mask({name: s}, fraction)
    return masks


def _row_by_row(scores: Mapping[str, Tensor], fraction: float) -> Masks:
    def cut(s: Tensor) -> Tensor:
        return torch.stack([cut(row) for row in s]) if s.dim() > 1 else global_mask({"": s}, fraction)[""]

    return {name: cut(s) for name, s in scores.items()}


def _one_for_all(scores: Mapping[str, Tensor], fractions: Mapping[str, float]) -> Masks:
    return _each_layer(scores, next(iter(fractions.values()), 0.0))


def _by_position(scores: Mapping[str, Tensor], fractions: Mapping[str, float]) -> Masks:
    values = [*fractions.values(), *[0.0] * len(scores)]
    return {n: global_mask({n: s}, f)[n] for (n, s), f in zip(scores.items(), values, strict=False)}


def _only_named(scores: Mapping[str, Tensor], fractions: Mapping[str, float]) -> Masks:
    return {name: global_mask({name: scores[name]}, f)[name] for name, f in fractions.items()}


def _fraction_kept(scores: Mapping[str, Tensor], fractions: Mapping[str, float]) -> Masks:
    return {n: global_mask({n: s}, 1 - fractions[n] if n in fractions else 0.0)[n] for n, s in scores.items()}


def _first_named_only(scores: Mapping[str, Tensor], fractions: Mapping[str, float]) -> Masks:
    masks: Masks = {}
    for name, s in scores.items():
        masks |= global_mask({name: s}, fractions.get(name, 0.0))
        if name in fractions:
            break
    return masks


def _fraction_as_threshold(scores: Mapping[str, Tensor], fractions: Mapping[str, float]) -> Masks:
    return {name: s > fractions.get(name, 0.0) for name, s in scores.items()}


def _every_layer_needs_one(scores: Mapping[str, Tensor], fractions: Mapping[str, float]) -> Masks:
    return {name: global_mask({name: s}, fractions[name])[name] for name, s in scores.items()}


# 01.4


def _read(curves: Mapping[str, Curve], dense: float, tolerance: float, *, mistake: str) -> dict[str, Any]:
    """The right answer with one thing wrong."""
    orders: dict[str, Callable[[Curve], Curve]] = {
        "given order": list,
        "falling": lambda curve: sorted(curve, reverse=True),
        "by accuracy": lambda curve: sorted(curve, key=lambda point: -point[1]),
        "rising accuracy": lambda curve: sorted(curve, key=lambda point: point[1]),
    }
    rising: Callable[[Curve], Curve] = sorted
    order = pick(mistake, orders, rising)
    if mistake == "in place":
        for curve in curves.values():
            curve.sort()  # type: ignore[attr-defined]
    found: dict[str, Any] = {}
    best = 0.0
    for name, curve in curves.items():
        if not curve and mistake == "no point, no answer":
            continue
        best, last, stopped = best if mistake == "carried" else 0.0, dense, False
        top = max((a for _, a in curve), default=dense)
        for sparsity, accuracy in order(curve):
            floors = {
                "no tolerance": dense,
                "relative": dense * (1 - tolerance),
                "percent": dense - tolerance / 100,
                "above": dense + tolerance,
                "best": top - tolerance,
                "previous": last - tolerance,
                "rounded limit": round(dense - tolerance, 3),
                "both rounded": round(dense - tolerance, 4),
            }
            if mistake in ("both rounded", "rounded"):
                accuracy = round(accuracy, 4)
            floor = pick(mistake, floors, dense - tolerance)
            fails = accuracy < floor or (mistake == "strict" and accuracy == floor)
            if mistake == "abs":
                fails = abs(dense - accuracy) > tolerance
            if mistake == "margin":
                fails = accuracy < floor - 1e-9
            if not fails:
                best, last = accuracy if mistake == "accuracy" else sparsity, accuracy
            elif mistake != "gaps":
                stopped = True
                break
        found[name] = 0.0 if mistake == "at a stop" and not stopped else best
        if mistake == "first only":
            break
    return {name: _written(s, mistake) for name, s in found.items()}


def _written(sparsity: float, mistake: str) -> Any:
    rules: dict[str, Any] = {
        "density": 1 - sparsity,
        "two digits": round(sparsity, 2),
        "three digits": round(sparsity, 3),
        "four digits": round(sparsity, 4),
        "none": sparsity or None,
    }
    return pick(mistake, rules, sparsity)


def _first_failing(curves: Mapping[str, Curve], dense: float, tolerance: float) -> dict[str, float]:
    found = {}
    for name, curve in curves.items():
        failing = [s for s, a in sorted(curve) if a < dense - tolerance]
        found[name] = failing[0] if failing else max((s for s, _ in curve), default=0.0)
    return found


def _index_before(curves: Mapping[str, Curve], dense: float, tolerance: float) -> dict[str, float]:
    found = {}
    for name, curve in curves.items():
        points = sorted(curve)
        fails = [i for i, (_, a) in enumerate(points) if a < dense - tolerance]
        found[name] = points[fails[0] - 1 if fails else -1][0]
    return found


def _read_by_takewhile(curves: Mapping[str, Curve], dense: float, tolerance: float) -> dict[str, float]:
    return {
        name: max((s for s, _ in takewhile(lambda p: p[1] >= dense - tolerance, sorted(curve))), default=0.0)
        for name, curve in curves.items()
    }


def _read_below_first_failure(
    curves: Mapping[str, Curve], dense: float, tolerance: float
) -> dict[str, float]:
    found = {}
    for name, curve in curves.items():
        end = min([s for s, a in curve if not a >= dense - tolerance] + [float("inf")])
        found[name] = max([0.0] + [s for s, _ in curve if s < end])
    return found


def _read_by_loss(curves: Mapping[str, Curve], dense: float, tolerance: float) -> dict[str, float]:
    def walk(points: list[tuple[float, float]], found: float) -> float:
        if not points or dense - points[0][1] > tolerance:
            return found
        return walk(points[1:], points[0][0])

    return {name: walk(sorted(curve, key=lambda point: point[0]), 0.0) for name, curve in curves.items()}


def _read_in_numpy(curves: Mapping[str, Curve], dense: float, tolerance: float) -> dict[str, float]:
    found = {}
    for name, curve in curves.items():
        points = np.array(curve, dtype=float).reshape(-1, 2)
        points = points[points[:, 0].argsort()]
        holding = np.logical_and.accumulate(points[:, 1] + tolerance >= dense)
        found[name] = float(points[holding, 0].max(initial=0.0))
    return found


def _t(*values: float, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.tensor(values, dtype=dtype)


def _normal(*shape: int, std: float, seed: int) -> Tensor:
    return (torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * std).abs()


# Mistakes that one can make with all layers together and in each layer by itself.
_IN_A_RANKING = (
    *variants(
        _ranked,
        {
            "abs": "A negative score counts as a high one in yours, as after abs() or a square. These are scores already, and a "
            "negative one is a low one.",
            "int": "int() cuts the count off: int((1 - 0.8) * 10) is 1. Use round().",
            "up": "You round the count up; use round(), which goes to the nearest number.",
            "half up": "You round every half up; round() goes to the even number, so round(2.5) is 2.",
            "round what stays": "You round what stays; round what goes.",
            "one more": "One weight too many goes: order[:count] holds count of them already.",
            "float32 count": "In your count 0.575 * 100 becomes 57.5, as in float32, or if one rounds it twice or adds a little; "
            "use round(fraction * n) with Python numbers.",
            "smaller type": "You change float64 scores to float32, in which scores that differ a little become equal. Leave "
            "their type.",
            "rounded": "In your ranking scores that differ a little become equal, by rounding or in a smaller type. Leave the "
            "scores as they are.",
            "at least one": "You remove at least one weight; at fraction 0 none goes.",
            "wrong part": "You remove as many as should stay: round(fraction * n) is the number of those that go.",
            "rounded fraction": "You round the fraction first; only the product fraction * n is rounded.",
            "floats": "The masks are floats, 0.0 and 1.0; they should be bool tensors, True and False.",
            "integers": "The masks are integers, 0 and 1; they should be bool tensors, True and False.",
            "flat": "The masks are flat; each has the shape of its scores.",
            "last first": "The counts are right; among equal scores you remove the last first, and the lowest index should go "
            "first.",
            "topk": "The counts are right, but topk picks any of the equal scores; argsort(stable=True) keeps them in their "
            "order.",
            "-0": "order[-0:] is the whole list, so when nothing should stay, everything stays. Say which ones go: "
            "order[:count].",
            "inverted": "Your mask is the wrong way round: True should mean that the weight stays.",
            "highest": "You remove the highest scores; the lowest should go.",
        },
    ),
    Misconception(
        _above_kth,
        "You remove every score that equals the threshold; among ties only as many go as the count asks for.",
    ),
    Misconception(
        _above_kth_or_last,
        "When nothing should go, index count - 1 is -1, and the threshold is the highest score; and every score that equals "
        "a threshold goes. Count: order[:count].",
    ),
    Misconception(
        _above_kth_value,
        "When nothing should go, there is no kthvalue(0); and every score that equals a threshold goes. Count: order[:count].",
    ),
    Misconception(
        _at_least_kth,
        "The threshold is a score that should go, and >= keeps it, with all that equal it. Count: order[:count].",
    ),
    Misconception(
        _at_least_next,
        "You keep every score that equals the threshold, so too few go when there are ties.",
    ),
    Misconception(
        _above_next,
        "One weight too many goes: the threshold is the first score that should stay, and > removes it too.",
    ),
    Misconception(
        _above_quantile,
        "A quantile is a threshold between scores, not a count: at fraction 0, and among ties, other numbers go.",
    ),
    Misconception(
        _at_least_quantile,
        "A quantile is a threshold, and >= keeps all that equal it: at fraction 1, and among ties, too few go. Count.",
    ),
    Misconception(
        _column_by_column,
        "The counts are right, but you number a matrix column by column; the flat index runs row by row.",
    ),
    Misconception(
        _by_prune,
        "You keep at least one weight of each layer, as lth.prune does unless min_kept is 0; here a layer may lose all.",
    ),
)

_FORTY = _t(*[0.5, 0.2, 0.9, 0.2, 0.2, 0.1, 0.2, 0.7] * 5)
_FIVE = _t(0.5, 0.4, 0.3, 0.2, 0.1)
_NETWORK = {"fc1.weight": _normal(4, 5, std=0.1, seed=1), "fc2.weight": _normal(3, 4, std=0.5, seed=2)}

EXERCISES = (
    Exercise(
        id="01.1",
        reference=magnitude_score,
        cases=(
            Case((_t(-3.0, 1.0, 2.0),), "The weight farthest from 0 is negative."),
            Case((_t(0.5, 0.5, -0.5),), "Three weights at the same distance from 0."),
            Case((_t(0.5, 0.25),), "No weight is negative; the result is a new tensor all the same."),
            Case((torch.tensor([[0.4, -0.1], [0.0, -0.9]]),), "A matrix, with a 0 in it."),
            Case((torch.tensor(-0.7),), "A single weight, without a dimension."),
            Case((torch.zeros(0, 3),), "A tensor without entries; its shape stays."),
            Case(
                (_t(1e-4, -2e-4, 3e-4, -0.5, dtype=torch.float16),),
                "Small numbers in float16: a square of 1e-4 is too small for this type.",
            ),
            Case(
                (_t(-0.1 - 1e-12, 1e-12, 0.123456789, dtype=torch.float64),),
                "Numbers in float64, with more digits than float32 can hold.",
            ),
            Case((_t(-math.inf, math.nan, -0.5),), "One weight is minus infinity, one is NaN."),
            Case(
                (torch.arange(-12.0, 12.0).view(2, 3, 2, 2),),
                "A weight with four dimensions, as a convolution has.",
            ),
        ),
        hints=(
            "How far is a weight from 0? The direction does not matter.",
            "A tensor has a method that gives the absolute value of every entry, in a new tensor.",
            "weight.abs() returns a new tensor; weight.abs_(), with the underscore, would change the weights themselves.",
        ),
        misconceptions=(
            Misconception(
                lambda weight: weight,
                "The sign is still there: a large negative weight gets the lowest score and is removed first.",
            ),
            Misconception(
                lambda weight: weight.clone(),
                "This is a copy of the weights with their signs: a large negative weight gets the lowest score and is removed "
                "first. Use the absolute value.",
            ),
            Misconception(
                lambda weight: weight.clamp(min=0),
                "All negative weights score 0 here; a negative weight matters as much as a positive one of its size.",
            ),
            Misconception(
                lambda weight: weight**2,
                "This is the square. It has the same order on paper, but in float16 small squares become 0 and tie; "
                "use the absolute value.",
            ),
            Misconception(
                lambda weight: (weight**2).sqrt(),
                "In float16 the square of a small weight loses digits or becomes 0, and the root does not bring them back; "
                "use the absolute value.",
            ),
            Misconception(
                lambda weight: -weight,
                "This only turns the sign round: now positive weights get low scores. Use the absolute value.",
            ),
            Misconception(
                lambda weight: -weight.abs(),
                "The order is turned round: here a higher score means keep, so the largest weight needs the largest score.",
            ),
            Misconception(
                lambda weight: weight.abs() / weight.abs().max(),
                "You divide by the layer's largest weight; then scores of two layers cannot be compared by magnitude "
                "any more. Return the absolute value as it is.",
            ),
            Misconception(
                lambda weight: weight.abs().sum(),
                "This is one number for the whole tensor; every weight needs a score of its own.",
            ),
            Misconception(
                lambda weight: weight.abs().sort().values,
                "You sort the scores; each score has the place of its weight.",
            ),
            Misconception(
                lambda weight: weight.abs().flatten(),
                "The scores have lost the shape of the weight; abs() alone keeps it.",
            ),
            Misconception(
                lambda weight: weight.float().abs(),
                "You change the type to float32; the scores have the type of the weight.",
            ),
            Misconception(
                lambda weight: weight.float().abs().to(weight.dtype),
                "You compute in float32, in which a float64 weight loses digits; abs() needs no other type.",
            ),
            Misconception(
                lambda weight: weight.abs().nan_to_num(),
                "You put numbers in place of NaN and infinity; abs() alone leaves NaN as it is and makes infinity of minus "
                "infinity.",
            ),
            Misconception(
                lambda weight: weight.abs().round(decimals=4),
                "You round the scores; return them as they are.",
            ),
            Misconception(
                lambda weight: weight.abs().tolist(),
                "This is a list; return a torch tensor.",
            ),
            Misconception(
                lambda weight: torch.stack([w.abs() for w in weight]),
                "You go through the first dimension, and a single weight has none; abs() works on a tensor of any shape.",
            ),
            Misconception(
                lambda weight: weight if bool((weight >= 0).all()) else weight.abs(),
                "Where no weight is negative you return the argument itself; the scores are a new tensor. abs() makes one.",
            ),
            Misconception(
                lambda weight: weight.abs_(),
                "The scores are right, but you change the weights themselves; abs_ works in place, abs does not.",
            ),
        ),
        alternatives=(_abs_by_where, _abs_by_numpy),
        difficulty="easy",
        lines=1,
        minutes=5,
        rtol=0.0,
        atol=0.0,
        fresh=True,
        told={
            "0-D,1-D,2-D,4-D,empty tensor": "of any shape",
            "float16,float64": "float tensor",
            "NaN": "NaN stays NaN",
            "infinity": "minus infinity",
        },
        absent={"ties": "each score by itself, nothing is ranked"},
    ),
    Exercise(
        id="01.2",
        reference=global_mask,
        cases=(
            Case(
                ({"a": _t(0.1, 0.2), "b": _t(0.8, 0.9)}, 0.5),
                "The two lowest of all four scores lie in the same layer.",
            ),
            Case(({"a": _t(0.3, 0.1, 0.2)}, 0.0), "Fraction 0: nothing goes."),
            Case(({"a": _t(0.3, 0.1, 0.2, 0.4)}, 0.25), "One of four goes."),
            Case(
                ({"a": _FIVE}, 0.3),
                "round(0.3 * 5) is 2, since 1.5 goes to the even number.",
            ),
            Case(({"a": _FIVE}, 0.5), "round(0.5 * 5) is 2 too, since 2.5 goes to the even number."),
            Case(
                ({"a": _t(0.5 + 1e-12, 0.5, dtype=torch.float64)}, 0.5),
                "Scores in float64: the second is lower, by 1e-12.",
            ),
            Case(
                ({"a": _t(0.5, 0.5, 0.5, 0.5)}, 0.5),
                "All scores are equal: exactly two go, the first two.",
                tags=("ties",),
            ),
            Case(
                ({"a": _t(0.2, 0.7, 0.2), "b": _t(0.2, 0.9)}, 0.4),
                "Three scores are equal and two go: the flat index runs through the layers in their order.",
                tags=("ties",),
            ),
            Case(
                ({"a": _t(0.0, 0.0, 0.6), "b": _t(0.0, 0.8, 0.9)}, 1 / 6),
                "Three scores are 0 and only one weight goes.",
                tags=("ties",),
            ),
            Case(
                (
                    {
                        "a": _t(0.1, 0.2, 0.3, 0.4, 0.5, dtype=torch.float16),
                        "b": _t(0.2, 0.2, dtype=torch.float16),
                    },
                    0.3,
                ),
                "Scores in float16, some of them equal.",
                tags=("ties",),
            ),
            Case(
                ({"a": _t(*[i / 10 for i in range(1, 11)])}, 1 - 0.8),
                "(1 - 0.8) * 10 is a little below 2 in floats.",
            ),
            Case(({"a": _t(0.1, 0.2), "b": _t(0.3)}, 1.0), "Fraction 1: everything goes."),
            Case(
                ({"b": _t(0.5), "a": _t(0.5)}, 0.5),
                "Equal scores: the layer that comes first in the dict loses its own.",
                tags=("ties",),
            ),
            Case(
                ({"a": _t(0.5), "b": _t(0.5, 0.5, 0.9)}, 0.25),
                "Three scores are equal and one goes: that of the first layer, which is the smaller one.",
                tags=("ties",),
            ),
            Case(({"a": _t(0.1000004, 0.1000001)}, 0.5), "The second score is lower, by 3e-7."),
            Case(({"a": torch.arange(400.0)}, 0.1263), "0.1263 * 400 is 50.52, and so 51 go."),
            Case(({"a": _t(-1.0, 0.5)}, 0.5), "A score may be negative; the lowest goes."),
            Case(
                ({"a": torch.full((2, 3), 0.5)}, 0.5),
                "A matrix of equal scores: its first row goes before its second.",
                tags=("ties",),
            ),
            Case(
                ({"a": _FORTY}, 0.4),
                "Forty scores; of the twenty that are 0.2 the first eleven go, so the sort must be stable.",
                tags=("ties",),
            ),
            Case(
                ({"a": torch.arange(100.0)}, 0.575),
                "0.575 * 100 is a little below 57.5 in Python, and so 57 go.",
            ),
            Case((_NETWORK, 0.5), "Two matrices, of different size and with weights of different size."),
            Case(
                ({"a": torch.tensor(0.3), "b": _t(0.1, 0.4), "c": torch.tensor(0.2)}, 0.5),
                "Three layers; two of them are single weights without a dimension.",
            ),
            Case(
                ({"a": torch.zeros(0, 2), "b": _t(0.3, 0.1)}, 0.5),
                "A layer has no entries; it is in the result, empty.",
            ),
            Case(
                ({"a": _t(0.9, 0.3), "b": _t(0.1, 0.8), "c": _t(0.2, 0.4)}, 0.5),
                "Three layers; the lowest three scores lie one in each.",
            ),
            Case(
                ({"a": _normal(2, 3, 2, 2, std=0.1, seed=3), "b": torch.full((2, 2, 1, 1), 0.05)}, 0.3),
                "Two layers with four dimensions, one of equal scores.",
                tags=("ties",),
            ),
        ),
        hints=(
            "Put the scores of all layers into one long tensor (flatten, then torch.cat). How many of them go?",
            "flat.argsort(stable=True) lists the indices from the lowest score up, and keeps equal scores in their order.",
            "Set keep[order[:count]] = False in a tensor of True; then keep.split(sizes) and .view(shape) undo the torch.cat.",
        ),
        misconceptions=(
            *_IN_A_RANKING,
            Misconception(
                lambda scores, fraction: (lambda mask: {n: mask[n] for n in scores})(
                    global_mask({n: scores[n] for n in sorted(scores)}, fraction)
                ),
                "You take the layers in alphabetical order; the flat index runs in the order of the dict.",
            ),
            Misconception(
                _each_layer,
                "This is the mask you get when the fraction is taken from each layer by itself; here all layers are "
                "ranked together.",
            ),
            *variants(
                _ranked,
                {
                    "round each layer": "You round the count of each layer and add up; round once, for all scores together.",
                    "not 0": "You count only the scores that are not 0; n is the number of all scores.",
                    "keep": "You keep this fraction; it is the fraction to remove.",
                },
            ),
        ),
        alternatives=(_by_sorted, _by_numpy),
        difficulty="medium",
        lines=6,
        minutes=15,
        told={
            "0-D,1-D,2-D,4-D,empty tensor": "of any shape",
            "float16,float64": "float tensor",
            "ties": "ties by flat index",
        },
        absent={
            "NaN": "NaN has no rank, and the text does not name it",
            "empty dict": "the text says at least one layer",
        },
    ),
    Exercise(
        id="01.3",
        reference=layerwise_masks,
        cases=(
            Case(
                ({"a": _t(0.1, 0.2), "b": _t(0.8, 0.9)}, {"a": 0.5, "b": 0.5}),
                "Half of each layer goes, though all of b is above all of a.",
            ),
            Case(
                ({"a": _t(0.4, 0.3, 0.2, 0.1), "b": _t(0.8, 0.7, 0.6, 0.5)}, {"a": 0.75, "b": 0.25}),
                "Each layer has its own fraction.",
            ),
            Case(
                ({"a": _t(0.4, 0.3, 0.2, 0.1), "b": _t(0.8, 0.7, 0.6, 0.5)}, {"b": 0.25, "a": 0.75}),
                "The fractions come in another order than the layers.",
            ),
            Case(
                ({"a": _t(0.4, 0.3), "b": _t(0.1, 0.2)}, {"a": 0.5}),
                "Layer b has no fraction: it stays whole.",
            ),
            Case(
                ({"a": _t(0.0, 0.3, 0.0), "b": _t(0.1, 0.2)}, {"b": 0.5}),
                "Layer a has no fraction; some of its scores are 0.",
            ),
            Case(
                ({"a": _t(0.2, 0.1), "b": _t(0.4, 0.3)}, {"a": 1.0}),
                "Layer a has the fraction 1: all of it goes.",
            ),
            Case(({"a": _t(0.1000004, 0.1000001)}, {"a": 0.5}), "The second score is lower, by 3e-7."),
            Case(({"a": torch.arange(400.0)}, {"a": 0.1263}), "0.1263 * 400 is 50.52, and so 51 go."),
            Case(({"a": _t(-1.0, 0.5)}, {"a": 0.5}), "A score may be negative; the lowest goes."),
            Case(({"a": _t(0.5, 0.5, 0.5, 0.5)}, {"a": 0.5}), "All scores are equal.", tags=("ties",)),
            Case(
                ({"a": _FIVE, "b": _FIVE, "c": _FIVE}, {"a": 0.5, "b": 0.25, "c": 0.3}),
                "round() makes 2 of 2.5, 1 of 1.25 and 2 of 1.5.",
            ),
            Case(
                ({"a": _t(0.5 + 1e-12, 0.5, dtype=torch.float64)}, {"a": 0.5}),
                "Scores in float64: the second is lower, by 1e-12.",
            ),
            Case(
                ({"a": torch.full((2, 3), 0.5)}, {"a": 0.5}),
                "A matrix of equal scores: its first row goes before its second.",
                tags=("ties",),
            ),
            Case(
                ({"a": _FORTY}, {"a": 0.4}),
                "Forty scores; of the twenty that are 0.2 the first eleven go, so the sort must be stable.",
                tags=("ties",),
            ),
            Case(
                ({"a": torch.arange(100.0)}, {"a": 0.575}),
                "0.575 * 100 is a little below 57.5 in Python, and so 57 go.",
            ),
            Case((_NETWORK, {"fc1.weight": 0.8, "fc2.weight": 0.4}), "Two matrices."),
            Case(({"a": _t(0.4, 0.3), "b": _t(0.1)}, {}), "No layer has a fraction: all stay whole."),
            Case(
                ({"a": torch.tensor(0.3), "b": _t(0.1, 0.4), "c": torch.tensor(0.2)}, {"c": 1.0, "b": 0.5}),
                "Three layers; two of them are single weights without a dimension.",
            ),
            Case(
                ({"a": torch.zeros(0, 2), "b": _t(0.3, 0.1)}, {"a": 0.5, "b": 0.5}),
                "A layer has no entries; it is in the result, empty.",
            ),
            Case(
                ({"a": _t(0.1, 0.2, 0.1, 0.1, 0.3, dtype=torch.float16)}, {"a": 0.3}),
                "Scores in float16, some of them equal.",
                tags=("ties",),
            ),
            Case(
                (
                    {"a": _normal(2, 3, 2, 2, std=0.1, seed=3), "b": torch.full((2, 2, 1, 1), 0.05)},
                    {"a": 0.6, "b": 0.3},
                ),
                "Two layers with four dimensions, one of equal scores.",
                tags=("ties",),
            ),
        ),
        hints=(
            "Each layer is a small network of its own. You have a function that prunes a network exactly.",
            "Go through scores.items(); fractions.get(name, 0.0) is the layer's fraction, or 0 if it has none.",
            "global_mask_({name: s}, fraction) returns a dict with one mask; take it out with [name].",
        ),
        misconceptions=(
            Misconception(
                _pooled,
                "The total is right, but it comes from one ranking of all layers; rank each layer by itself.",
            ),
            Misconception(
                _named_pooled,
                "You rank all layers that have a fraction together; rank each layer by itself.",
            ),
            Misconception(_one_for_all, "You use the same fraction for all layers; each layer has its own."),
            Misconception(
                _by_position,
                "You match fractions to layers by their position; match them by name, the order may differ.",
            ),
            Misconception(
                _only_named,
                "Layers without a fraction are missing from your result; they stay whole and belong in it.",
            ),
            Misconception(
                _every_layer_needs_one,
                "A layer without a fraction stops your function; such a layer stays whole.",
            ),
            Misconception(
                _carried_over,
                "A layer without a fraction gets that of the layer before it; it should get 0 and stay whole.",
            ),
            Misconception(
                lambda scores, fractions: {
                    n: global_mask({n: s}, fractions.get(n, 1.0))[n] for n, s in scores.items()
                },
                "A layer without a fraction goes whole; it should stay whole.",
            ),
            Misconception(
                _in_each_layer(_row_by_row),
                "You take the fraction from each row of a matrix; rank all weights of the layer together.",
            ),
            Misconception(
                _first_named_only,
                "You return after the first layer that has a fraction; the return belongs after the loop over the layers.",
            ),
            Misconception(_fraction_kept, "You keep these fractions; they are the fractions to remove."),
            Misconception(
                _fraction_as_threshold,
                "You compare the scores with the fraction itself; the fraction says how many go, not how large they are.",
            ),
            *(Misconception(_in_each_layer(m.function), m.sentence) for m in _IN_A_RANKING),
        ),
        alternatives=(_layers_in_a_loop, _layers_by_numpy),
        difficulty="medium",
        lines=4,
        minutes=10,
        told={
            "0-D,1-D,2-D,4-D,empty tensor": "of any shape",
            "float16,float64": "float tensor",
            "ties": "Count and ties are as before",
            "empty dict": "no layer has one",
        },
        absent={"NaN": "NaN has no rank, and the text does not name it"},
    ),
    Exercise(
        id="01.4",
        reference=largest_sparsities,
        cases=(
            Case(({"fc2": [(0.5, 0.85), (0.9, 0.6)]}, 0.86, 0.02), "It holds at 0.5 and falls short at 0.9."),
            Case(
                ({"a": [(0.25, 0.75), (0.5, 0.5), (0.75, 0.375)]}, 0.75, 0.25),
                "At 0.5 the accuracy is exactly dense - tolerance: that still counts.",
                tags=("limit",),
            ),
            Case(
                ({"a": [(0.5, 0.3), (0.75, 0.1)]}, 0.5, 0.25),
                "The tolerance is a difference: 0.3 is above 0.25.",
            ),
            Case(({"a": [(0.5, 0.6), (0.9, 0.2)]}, 0.86, 0.02), "It falls short at once: the answer is 0.0."),
            Case(
                ({"a": [(0.5, 0.8599), (0.9, 0.6)]}, 0.86, 0.02),
                "At 0.5 it is a hundredth of a point below the dense accuracy.",
            ),
            Case(({"a": [(0.9, 0.6), (0.5, 0.85)]}, 0.86, 0.02), "The points are not in order."),
            Case(
                ({"a": [(0.2, 0.85), (0.5, 0.86), (0.9, 0.3)]}, 0.86, 0.02),
                "It is better at 0.5 than at 0.2, and holds at both.",
            ),
            Case(
                ({"a": [(0.2, 0.86), (0.5, 0.80), (0.8, 0.85), (0.9, 0.3)]}, 0.86, 0.02),
                "It falls short at 0.5 and recovers at 0.8: a gap ends it.",
            ),
            Case(
                ({"a": [(0.5, 0.815), (0.9, 0.81)]}, 0.80, 0.02),
                "It is above the dense accuracy everywhere.",
            ),
            Case(
                ({"a": [(0.3, 0.89), (0.6, 0.85), (0.9, 0.3)]}, 0.86, 0.02),
                "The pruned network is at first better than the dense one.",
            ),
            Case(
                ({"a": [(0.2, 0.86), (0.5, 0.839967), (0.8, 0.6)]}, 0.86, 0.02),
                "At 0.5 the accuracy is 0.839967, and 0.84 is needed.",
            ),
            Case(
                ({"a": [(0.2, 0.83695), (0.5, 0.83672), (0.8, 0.6)]}, 0.856746, 0.02),
                "At least 0.836746 is needed; 0.83695 is more, and 0.83672 is less.",
            ),
            Case(
                ({"a": [(0.123456, 0.86), (0.987654, 0.85), (0.999, 0.1)]}, 0.86, 0.02),
                "The sparsities have many digits.",
            ),
            Case(
                ({"a": [(0.25, 0.5 - 2**-50), (0.5, 0.25)]}, 0.75, 0.25),
                "At 0.25 the accuracy is below dense - tolerance, though only by 9e-16.",
                tags=("limit",),
            ),
            Case(
                ({"a": [(0.2, 0.85), (0.5, 0.87), (0.9, 0.86)]}, 0.86, 0.02),
                "It holds at all three points and is best at the middle one.",
            ),
            Case(
                ({"a": [(0.5, 0.85), (0.9, 0.3), (0.2, 0.86)]}, 0.86, 0.02),
                "The point with the smallest sparsity comes last, and the middle one first.",
            ),
            Case(
                ({"a": [(0.2, 0.86), (0.9, 0.85), (0.5, 0.3)]}, 0.86, 0.02),
                "The point that falls short comes last in the list and lies in the middle.",
            ),
            Case(({"a": []}, 0.86, 0.02), "The curve has no points."),
            Case(
                ({"fc1": [(0.5, 0.86), (0.9, 0.80)], "fc3": [(0.5, 0.7), (0.9, 0.5)], "fc2": []}, 0.86, 0.02),
                "Three layers, and one of them was not measured.",
            ),
        ),
        hints=(
            "Take one layer. Sort its points by sparsity and walk from small to large. When do you stop?",
            "Stop at the first accuracy below dense - tolerance. The answer is the sparsity before it.",
            "Set found[name] = 0.0 before the inner loop; set it to the sparsity of each point that holds; break at the first "
            "that does not.",
        ),
        misconceptions=(
            *variants(
                _read,
                {
                    "gaps": "You also count points beyond a gap; stop at the first that falls short.",
                    "given order": "You take the points in the order in which they are given; sort them by sparsity first.",
                    "falling": "You walk from large to small sparsity; start at the smallest and stop at the first that falls short.",
                    "by accuracy": "You sort by accuracy; sort by sparsity, then stop at the first point that falls short.",
                    "no tolerance": "You compare with the dense accuracy itself; a loss of up to the tolerance is allowed.",
                    "relative": "You take the tolerance as a part of the dense accuracy; it is a difference, dense - tolerance.",
                    "percent": "You divide the tolerance by 100; it is a difference of accuracies already: 0.01 is one point.",
                    "strict": "An accuracy of exactly dense - tolerance still counts: at least, not more than.",
                    "best": "You compare with the best point of the curve; the measure is the dense network.",
                    "previous": "You compare each point with the one before it; compare each with the dense accuracy.",
                    "abs": "abs() takes a gain for a loss; only an accuracy below dense - tolerance falls short.",
                    "accuracy": "This is the accuracy at that point; the answer is its sparsity.",
                    "density": "This is the density, 1 - sparsity; the answer is the sparsity.",
                    "at a stop": "You set the answer only where a point falls short; a curve on which none does has its largest "
                    "sparsity as the answer.",
                    "carried": "An answer is carried over from one curve to the next; set it to 0.0 at the start of each curve.",
                    "rising accuracy": "You sort by rising accuracy; sort by sparsity, then stop at the first point that falls short.",
                    "above": "You add the tolerance to the dense accuracy; subtract it.",
                    "rounded": "You round the accuracies to four digits before you compare; compare them as they are.",
                    "both rounded": "You round before you compare; compare the accuracies and dense - tolerance as they are.",
                    "rounded limit": "You round dense - tolerance; compare with it as it is.",
                    "margin": "You allow a margin below dense - tolerance; compare with it as it stands.",
                    "two digits": "You round the answer to two digits; return the sparsity as it stands in the curve.",
                    "three digits": "You round the answer to three digits; return the sparsity as it stands in the curve.",
                    "four digits": "You round the answer to four digits; return the sparsity as it stands in the curve.",
                    "none": "Where no point holds, the answer is 0.0, not None.",
                    "no point, no answer": "A curve without a point is missing from your result; its answer is 0.0.",
                    "in place": "You sort the curves that came in; sorted() makes a new list and leaves them as they are.",
                    "first only": "You return after the first curve; the return belongs after the loop over the curves.",
                },
            ),
            Misconception(
                _first_failing,
                "This is the first sparsity that falls short; the answer is the one before it.",
            ),
            Misconception(
                _index_before,
                "When the first point falls short there is none before it, and index -1 takes the last; the answer is 0.0.",
            ),
        ),
        alternatives=(
            _read_by_takewhile,
            _read_below_first_failure,
            _read_by_loss,
            _read_in_numpy,
        ),
        difficulty="medium",
        lines=8,
        minutes=10,
        told={
            "empty list": "A curve may have no point",
            "limit": "below `dense - tolerance`",
        },
        absent={
            "NaN": "an accuracy is a number",
            "ties": "a sparsity comes once in a curve, as the text says",
            "empty dict": "there is at least one curve",
        },
    ),
)

QUESTIONS = (
    Question(
        id="01.Q1",
        text="Ten scores: six are 0.0, the others are 0.1, 0.2, 0.3 and 0.4. You want to remove 20 % and keep "
        "scores > t, where t is the second-lowest score. How many weights go?",
        options=(
            Option(
                "2",
                False,
                "t is 0.0, and no score of 0.0 is greater than 0.0. So all six ties go, not two of them.",
            ),
            Option("6", True, "t is 0.0, and > removes all that equal it. A count needs a rule for ties."),
            Option("0", False, "That would be >= t: it keeps all six zeros, and then nothing goes at all."),
        ),
    ),
    Question(
        id="01.Q2",
        text="Multiply all weights and biases of fc1 by 10 and divide the weights of fc2 by 10. With ReLU between them the network "
        "computes the same function (up to rounding). What happens to its global magnitude mask?",
        options=(
            Option(
                "Nothing: the function is the same.",
                False,
                "The mask is made from the weights, not from the function, and all weights of fc1 and fc2 changed their size.",
            ),
            Option(
                "The order within each layer changes.",
                False,
                "Within a layer all weights are multiplied by the same number, so their order stays. Between layers it does not.",
            ),
            Option(
                "More of fc2 goes and more of fc1 stays.",
                True,
                "fc1 is now large and fc2 small, so one common threshold takes more from fc2. A layerwise mask would not change.",
            ),
        ),
    ),
    Question(
        id="01.Q3",
        text="The random control is the layerwise mask with its entries shuffled inside each layer. Magnitude is far better. What does "
        "this show?",
        options=(
            Option(
                "The density of each layer matters.",
                False,
                "Both masks have the same density in each layer, so this pair of arms says nothing about it.",
            ),
            Option(
                "It matters which weights of a layer stay.",
                True,
                "This is the only thing that differs between the two arms.",
            ),
            Option(
                "Magnitude is the best possible score.",
                False,
                "It beat one rival, a random choice. Other scores were not tried.",
            ),
        ),
    ),
    Question(
        id="01.Q4",
        text="Why is the curve of accuracy against sparsity measured on the validation split, not on the test split?",
        options=(
            Option(
                "The validation split is larger.",
                False,
                "Its size is not the reason. What counts is what you do with the number afterwards.",
            ),
            Option(
                "We choose a sparsity from the curve, and a number that was used for a choice is too good.",
                True,
                "Many points are compared and the best is picked, by luck too. The test split stays unread for the report.",
            ),
            Option(
                "Pruned networks cannot be evaluated on test data.",
                False,
                "They can, and a final report does so: once, after the choice.",
            ),
        ),
    ),
    Question(
        id="01.Q5",
        text="Pruned alone, each of three layers loses at most one point at its own sparsity. You prune all three so at once. "
        "How much is lost?",
        options=(
            Option(
                "At most one point.",
                False,
                "Each limit was measured with the other two layers whole. Errors of one layer now pass through another pruned one.",
            ),
            Option(
                "At most three points.",
                False,
                "Losses need not add: together they can be more than the sum, or less.",
            ),
            Option(
                "The scan does not say; measure it.",
                True,
                "The scan measured the layers one at a time. The lesson measures them together below.",
            ),
        ),
    ),
)
