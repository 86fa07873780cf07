"""Exercises of lesson 01, magnitude pruning: score, select exactly, select layer by layer, read a sensitivity scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile

import numpy as np
import torch
from torch import Tensor

from lthkit.classroom.exercises import Case, Exercise, Misconception, Option, Question

Curve = Sequence[tuple[float, float]]


def magnitude_score(weight: Tensor) -> Tensor:
    """The absolute value of each weight: a float tensor of the same shape, higher = keep."""
    return weight.abs()


def global_mask(scores: Mapping[str, Tensor], fraction: float) -> dict[str, Tensor]:
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


def layerwise_masks(scores: Mapping[str, Tensor], fractions: Mapping[str, float]) -> dict[str, Tensor]:
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
    return torch.from_numpy(np.abs(weight.numpy()))


# 01.2


def _count(fraction: float, total: int, *, by: str = "round") -> int:
    return int(fraction * total) if by == "int" else round(fraction * total)


def _cut(scores: Mapping[str, Tensor], keep: Tensor) -> dict[str, Tensor]:
    parts = keep.split([s.numel() for s in scores.values()])
    return {n: p.view(s.shape) for (n, s), p in zip(scores.items(), parts, strict=True)}


def _flat(scores: Mapping[str, Tensor]) -> Tensor:
    return torch.cat([s.flatten() for s in scores.values()])


def _by_sorted(scores: Mapping[str, Tensor], fraction: float) -> dict[str, Tensor]:
    masks = {name: torch.ones_like(s, dtype=torch.bool) for name, s in scores.items()}
    entries = [(v, name, i) for name, s in scores.items() for i, v in enumerate(s.flatten().tolist())]
    entries.sort(key=lambda entry: entry[0])
    for _, name, i in entries[: round(fraction * len(entries))]:
        masks[name].view(-1)[i] = False
    return masks


def _by_numpy(scores: Mapping[str, Tensor], fraction: float) -> dict[str, Tensor]:
    flat = np.concatenate([s.numpy().ravel() for s in scores.values()])
    rank = np.empty(len(flat), dtype=int)
    rank[np.lexsort((np.arange(len(flat)), flat))] = np.arange(len(flat))
    masks, start, count = {}, 0, round(fraction * len(flat))
    for name, s in scores.items():
        masks[name] = torch.from_numpy(rank[start : start + s.numel()] >= count).reshape(s.shape)
        start += s.numel()
    return masks


def _above_kth(scores: Mapping[str, Tensor], fraction: float) -> dict[str, Tensor]:
    flat = _flat(scores)
    count = _count(fraction, len(flat))
    if count == 0:
        return _cut(scores, torch.ones(len(flat), dtype=torch.bool))
    return _cut(scores, flat > flat.sort().values[count - 1])


def _at_least_next(scores: Mapping[str, Tensor], fraction: float) -> dict[str, Tensor]:
    """`>=` the first value that may stay: ties at the threshold all stay."""
    flat = _flat(scores)
    count = _count(fraction, len(flat))
    if count == len(flat):
        return _cut(scores, torch.zeros(len(flat), dtype=torch.bool))
    return _cut(scores, flat >= flat.sort().values[count])


def _above_next(scores: Mapping[str, Tensor], fraction: float) -> dict[str, Tensor]:
    """The count of two public code bases: one weight more than asked for."""
    flat = _flat(scores)
    limit = flat.sort().values[min(_count(fraction, len(flat)), len(flat) - 1)]
    return _cut(scores, flat > limit)


def _above_quantile(scores: Mapping[str, Tensor], fraction: float) -> dict[str, Tensor]:
    flat = _flat(scores).float()
    return _cut(scores, flat > flat.quantile(fraction))


def _ranked(
    scores: Mapping[str, Tensor],
    fraction: float,
    *,
    count: str = "round",
    descending: bool = False,
    last_first: bool = False,
    inverted: bool = False,
) -> dict[str, Tensor]:
    """The right answer with one thing wrong."""
    flat = _flat(scores)
    n = len(flat)
    if last_first:
        order = n - 1 - flat.flip(0).argsort(stable=True)
    else:
        order = flat.argsort(stable=True, descending=descending)
    keep = torch.ones(n, dtype=torch.bool)
    keep[order[: _count(fraction, n, by=count)]] = False
    return _cut(scores, ~keep if inverted else keep)


def _each_layer(scores: Mapping[str, Tensor], fraction: float) -> dict[str, Tensor]:
    return {name: global_mask({name: s}, fraction)[name] for name, s in scores.items()}


# 01.3


def _layers_in_a_loop(scores: Mapping[str, Tensor], fractions: Mapping[str, float]) -> dict[str, Tensor]:
    masks = {}
    for name, s in scores.items():
        keep = torch.ones(s.numel(), dtype=torch.bool)
        if name in fractions:
            count = round(fractions[name] * s.numel())
            keep[torch.sort(s.reshape(-1), stable=True).indices[:count]] = False
        masks[name] = keep.reshape(s.shape)
    return masks


def _layers_by_numpy(scores: Mapping[str, Tensor], fractions: Mapping[str, float]) -> dict[str, Tensor]:
    whole = {name: 0.0 for name in scores} | dict(fractions)
    return {name: _by_numpy({name: s}, whole[name])[name] for name, s in scores.items()}


def _pooled(scores: Mapping[str, Tensor], fractions: Mapping[str, float]) -> dict[str, Tensor]:
    """The same total count, taken from all layers by one threshold."""
    total = sum(s.numel() for s in scores.values())
    count = sum(round(fractions.get(name, 0.0) * s.numel()) for name, s in scores.items())
    return global_mask(scores, count / total)


def _one_for_all(scores: Mapping[str, Tensor], fractions: Mapping[str, float]) -> dict[str, Tensor]:
    return _each_layer(scores, next(iter(fractions.values()), 0.0))


def _by_position(scores: Mapping[str, Tensor], fractions: Mapping[str, float]) -> dict[str, Tensor]:
    values = [*fractions.values(), *[0.0] * len(scores)]
    return {n: global_mask({n: s}, f)[n] for (n, s), f in zip(scores.items(), values, strict=False)}


def _only_named(scores: Mapping[str, Tensor], fractions: Mapping[str, float]) -> dict[str, Tensor]:
    return {name: global_mask({name: scores[name]}, f)[name] for name, f in fractions.items()}


def _fraction_kept(scores: Mapping[str, Tensor], fractions: Mapping[str, float]) -> dict[str, Tensor]:
    return {n: global_mask({n: s}, 1 - fractions[n] if n in fractions else 0.0)[n] for n, s in scores.items()}


def _fraction_as_threshold(scores: Mapping[str, Tensor], fractions: Mapping[str, float]) -> dict[str, Tensor]:
    return {name: s > fractions.get(name, 0.0) for name, s in scores.items()}


def _every_layer_needs_one(scores: Mapping[str, Tensor], fractions: Mapping[str, float]) -> dict[str, Tensor]:
    return {name: global_mask({name: s}, fractions[name])[name] for name, s in scores.items()}


# 01.4


def _read(
    curves: Mapping[str, Curve],
    dense: float,
    tolerance: float,
    *,
    limit: str = "difference",
    strict: bool = False,
    ordered: bool = True,
    gaps: bool = False,
) -> dict[str, float]:
    """The right answer with one thing wrong."""
    found = {}
    for name, curve in curves.items():
        top = max((a for _, a in curve), default=dense)
        floor = {
            "difference": dense - tolerance,
            "none": dense,
            "relative": dense * (1 - tolerance),
            "points": dense - tolerance / 100,
            "best": top - tolerance,
        }[limit]
        found[name] = 0.0
        for sparsity, accuracy in sorted(curve) if ordered else curve:
            fails = accuracy <= floor if strict else accuracy < floor
            if not fails:
                found[name] = sparsity
            elif not gaps:
                break
    return found


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
        found[name] = 0.0 if not points else points[fails[0] - 1 if fails else -1][0]
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


def _t(*values: float, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.tensor(values, dtype=dtype)


def _normal(*shape: int, std: float, seed: int) -> Tensor:
    return (torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * std).abs()


_NETWORK = {"fc1.weight": _normal(4, 5, std=0.1, seed=1), "fc2.weight": _normal(3, 4, std=0.5, seed=2)}

EXERCISES = (
    Exercise(
        id="01.1",
        reference=magnitude_score,
        cases=(
            Case((_t(-3.0, 1.0, 2.0),), "The weight farthest from 0 is negative."),
            Case((_t(0.5, 0.5, -0.5),), "Three weights at the same distance from 0."),
            Case((torch.tensor([[0.4, -0.1], [0.0, -0.9]]),), "A matrix, with a 0 in it."),
            Case(
                (_t(1e-4, -2e-4, 3e-4, -0.5, dtype=torch.float16),),
                "Small numbers in float16: a square of 1e-4 is too small for this type.",
            ),
            Case(
                (torch.arange(-12.0, 12.0).view(2, 3, 2, 2),),
                "The weight of a convolution has four dimensions.",
            ),
        ),
        hints=(
            "How far is a weight from 0? The direction does not matter.",
            "A tensor has a method that gives the absolute value of every entry, in a new tensor.",
            "weight.abs() returns a new tensor; weight.abs_(), with the underscore, would change the weights themselves.",
        ),
        misconceptions=(
            Misconception(
                lambda weight: weight * 1,
                "The sign is still there: a large negative weight gets the lowest score and is removed first.",
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
                ({"a": _t(0.5, 0.4, 0.3, 0.2, 0.1)}, 0.3),
                "round(0.3 * 5) is 2, since 1.5 goes to the even number.",
            ),
            Case(
                ({"a": _t(0.5, 0.5, 0.5, 0.5)}, 0.5), "All scores are equal: exactly two go, the first two."
            ),
            Case(
                ({"a": _t(0.2, 0.7, 0.2), "b": _t(0.2, 0.9)}, 0.4),
                "Three scores are equal and two go: the flat index runs through the layers in their order.",
            ),
            Case(
                ({"a": _t(0.0, 0.0, 0.6), "b": _t(0.0, 0.8, 0.9)}, 1 / 6),
                "Three scores are 0 and only one weight goes.",
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
            ),
            Case(
                ({"a": _t(*[i / 10 for i in range(1, 11)])}, 1 - 0.8),
                "(1 - 0.8) * 10 is a little below 2 in floats.",
            ),
            Case(({"a": _t(0.1, 0.2), "b": _t(0.3)}, 1.0), "Fraction 1: everything goes."),
            Case(
                ({"b": _t(0.5), "a": _t(0.5)}, 0.5),
                "Equal scores: the layer that comes first in the dict loses its own.",
            ),
            Case(({"a": _t(-1.0, 0.5)}, 0.5), "A score may be negative; the lowest goes."),
            Case(
                ({"a": _t(*[0.5] * 40)}, 0.5),
                "Forty equal scores: the first twenty go, so the sort must be stable.",
            ),
            Case((_NETWORK, 0.5), "Two matrices, of different size and with weights of different size."),
        ),
        hints=(
            "Put the scores of all layers into one long tensor (flatten, then torch.cat). How many of them go?",
            "flat.argsort(stable=True) lists the indices from the lowest score up, and keeps equal scores in their order.",
            "Set keep[order[:count]] = False in a tensor of True; then keep.split(sizes) and .view(shape) undo the torch.cat.",
        ),
        misconceptions=(
            Misconception(
                lambda scores, fraction: global_mask({n: s.abs() for n, s in scores.items()}, fraction),
                "You take absolute values once more; these are scores already, and a negative one is a low one.",
            ),
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
            Misconception(
                _above_kth,
                "You remove every score that equals the threshold; among ties only as many go as the count asks for.",
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
                lambda scores, fraction: _ranked(scores, fraction, count="int"),
                "int() cuts the count off: int((1 - 0.8) * 10) is 1. Use round().",
            ),
            Misconception(
                lambda scores, fraction: _ranked(scores, fraction, last_first=True),
                "The counts are right; among equal scores you remove the last first, and the lowest index should go first.",
            ),
            Misconception(
                lambda scores, fraction: _ranked(scores, 1 - fraction),
                "You keep this fraction; it is the fraction to remove.",
            ),
            Misconception(
                lambda scores, fraction: _ranked(scores, fraction, inverted=True),
                "Your mask is the wrong way round: True should mean that the weight stays.",
            ),
            Misconception(
                lambda scores, fraction: _ranked(scores, fraction, descending=True),
                "You remove the highest scores; the lowest should go.",
            ),
        ),
        alternatives=(_by_sorted, _by_numpy),
        difficulty="medium",
        lines=6,
        minutes=15,
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
            Case(({"a": _t(0.5, 0.5, 0.5, 0.5)}, {"a": 0.5}), "All scores are equal."),
            Case((_NETWORK, {"fc1.weight": 0.8, "fc2.weight": 0.4}), "Two matrices."),
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
            Misconception(_fraction_kept, "You keep these fractions; they are the fractions to remove."),
            Misconception(
                _fraction_as_threshold,
                "You compare the scores with the fraction itself; the fraction says how many go, not how large they are.",
            ),
        ),
        alternatives=(_layers_in_a_loop, _layers_by_numpy),
        difficulty="medium",
        lines=4,
        minutes=10,
    ),
    Exercise(
        id="01.4",
        reference=largest_sparsities,
        cases=(
            Case(({"a": [(0.5, 0.85), (0.9, 0.6)]}, 0.86, 0.02), "It holds at 0.5 and falls short at 0.9."),
            Case(
                ({"a": [(0.25, 0.75), (0.5, 0.5), (0.75, 0.375)]}, 0.75, 0.25),
                "At 0.5 the accuracy is exactly dense - tolerance: that still counts.",
            ),
            Case(
                ({"a": [(0.5, 0.3), (0.75, 0.1)]}, 0.5, 0.25),
                "The tolerance is a difference: 0.3 is above 0.25.",
            ),
            Case(({"a": [(0.5, 0.6), (0.9, 0.2)]}, 0.86, 0.02), "It falls short at once: the answer is 0.0."),
            Case(({"a": [(0.9, 0.6), (0.5, 0.85)]}, 0.86, 0.02), "The points are not in order."),
            Case(
                ({"a": [(0.2, 0.86), (0.5, 0.80), (0.8, 0.85), (0.9, 0.3)]}, 0.86, 0.02),
                "It falls short at 0.5 and recovers at 0.8: a gap ends it.",
            ),
            Case(
                ({"a": [(0.5, 0.82), (0.9, 0.81)]}, 0.80, 0.02),
                "It is above the dense accuracy everywhere.",
            ),
            Case(
                ({"a": [(0.3, 0.89), (0.6, 0.85), (0.9, 0.3)]}, 0.86, 0.02),
                "The pruned network is at first better than the dense one.",
            ),
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
            Misconception(
                lambda curves, dense, tolerance: _read(curves, dense, tolerance, gaps=True),
                "You also count points beyond a gap; stop at the first that falls short.",
            ),
            Misconception(
                lambda curves, dense, tolerance: _read(curves, dense, tolerance, ordered=False),
                "You take the points in the order in which they are given; sort them by sparsity first.",
            ),
            Misconception(
                lambda curves, dense, tolerance: _read(curves, dense, tolerance, limit="none"),
                "You compare with the dense accuracy itself; a loss of up to the tolerance is allowed.",
            ),
            Misconception(
                lambda curves, dense, tolerance: _read(curves, dense, tolerance, limit="relative"),
                "You take the tolerance as a part of the dense accuracy; it is a difference, dense - tolerance.",
            ),
            Misconception(
                lambda curves, dense, tolerance: _read(curves, dense, tolerance, strict=True),
                "An accuracy of exactly dense - tolerance still counts: at least, not more than.",
            ),
            Misconception(
                lambda curves, dense, tolerance: _read(curves, dense, tolerance, limit="best"),
                "You compare with the best point of the curve; the measure is the dense network.",
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
        alternatives=(_read_by_takewhile, _read_below_first_failure),
        difficulty="medium",
        lines=8,
        minutes=10,
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
        id="01.Q4",
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
