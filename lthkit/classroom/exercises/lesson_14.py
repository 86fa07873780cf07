"""Exercises of lesson 14, beyond: scores that move instead of weights, subset sums, a mask that moves, and Wanda's score."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain, combinations
from statistics import median
from typing import Any

import numpy as np

from lthkit.classroom.exercises.exercise import Case, Exercise, Option, Question, pick, variants


def new_scores(
    scores: Sequence[float],
    weights: Sequence[float],
    inputs: Sequence[float],
    kept: Sequence[bool],
    gradient: float,
    lr: float,
) -> list[float]:
    """One step of edge-popup at a unit whose output is the sum of weight · input over its kept connections.

    Args:
        scores, weights, inputs, kept: one for each connection into the unit.
        gradient: of the loss with respect to the unit's output.
        lr: learning rate.

    Returns:
        score - lr · gradient · weight · input, for each connection, kept or not.
    """
    return [s - lr * gradient * w * x for s, w, x in zip(scores, weights, inputs, strict=True)]


def least_distance(numbers: Sequence[float], target: float) -> float:
    """How close the sum of some of the numbers comes to a target.

    Args:
        numbers: each may be taken once or not at all.
        target: any number.

    Returns:
        The least distance of the sum of a subset from the target; the sum of no number is 0.
    """
    sums = [0.0]
    for number in numbers:
        sums += [s + number for s in sums]
    return min(abs(s - target) for s in sums)


def moved_mask(
    weights: Sequence[float], kept: Sequence[bool], gradients: Sequence[float], n: int
) -> list[bool]:
    """One update of RigL's mask in one layer.

    Args:
        weights, kept, gradients: one for each weight of the layer. No two kept weights have the same size, and no two gradients.
            A kept weight may be 0.
        n: how many go, and how many come; at most as many as are kept.

    Returns:
        The new mask: the n kept weights of least size go, then of all that are out the n of largest gradient come.
    """
    places = range(len(weights))
    inside = sorted((i for i in places if kept[i]), key=lambda i: abs(weights[i]))[n:]
    out = sorted((i for i in places if i not in inside), key=lambda i: -abs(gradients[i]))
    return [i in inside or i in out[:n] for i in places]


def kept_inputs(weights: Sequence[float], inputs: Sequence[Sequence[float]], n: int) -> list[int]:
    """Which inputs of one output Wanda keeps.

    Args:
        weights: of the output, one for each input.
        inputs: examples, each a list with one value for each input.
        n: how many are kept, from 0 on.

    Returns:
        Rising places of the n inputs with the largest |weight| · norm; the norm is over the examples.
    """
    norms = [math.sqrt(sum(x * x for x in column)) for column in zip(*inputs, strict=True)]
    scores = [abs(w) * norm for w, norm in zip(weights, norms, strict=True)]
    return sorted(sorted(range(len(weights)), key=lambda i: -scores[i])[:n])


# Other right answers, and mistakes that people make


def _scores_by_numpy(
    scores: Sequence[float],
    weights: Sequence[float],
    inputs: Sequence[float],
    kept: Sequence[bool],
    gradient: float,
    lr: float,
) -> list[float]:
    found = np.array(scores) - lr * gradient * np.array(weights) * np.array(inputs)
    return [float(x) for x in found]


def _scores_in_a_loop(
    scores: Sequence[float],
    weights: Sequence[float],
    inputs: Sequence[float],
    kept: Sequence[bool],
    gradient: float,
    lr: float,
) -> list[float]:
    found = []
    for i in range(len(scores)):
        through = gradient * (weights[i] * inputs[i])
        found.append(scores[i] - lr * through)
    return found


def _sign(x: float) -> float:
    return float((x > 0) - (x < 0))


def _clipped(x: float, bound: float) -> float:
    return max(-bound, min(bound, x))


_FACTORS: dict[str, tuple[Callable[[float], float], ...]] = {  # of gradient, weight and input
    "size of gradient": (abs, float, float),
    "size of weight": (float, abs, float),
    "size of input": (float, float, abs),
    "sign of gradient": (_sign, float, float),
    "sign of weight": (float, _sign, float),
    "sign of input": (float, float, _sign),
    "clipped gradient": (lambda gradient: _clipped(gradient, 1.0), float, float),
}


def _changes(
    scores: Sequence[float],
    weights: Sequence[float],
    inputs: Sequence[float],
    kept: Sequence[bool],
    gradient: float,
    *,
    mistake: str,
) -> list[float]:
    """The gradients of the scores, with something wrong in their factors."""
    of_gradient, of_weight, of_input = pick(mistake, _FACTORS, (float, float, float))
    parts = zip(weights, inputs, strict=True)
    changes = [of_gradient(gradient) * of_weight(w) * of_input(x) for w, x in parts]
    if mistake == "without input":
        changes = [gradient * w for w in weights]
    if mistake == "without weight":
        changes = [gradient * x for x in inputs]
    if mistake == "without gradient":
        changes = [w * x for w, x in zip(weights, inputs, strict=True)]
    if mistake == "kept for input":
        changes = [gradient * w * k for w, k in zip(weights, kept, strict=True)]
    if mistake == "times score":
        changes = [c * s for c, s in zip(changes, scores, strict=True)]
    if mistake == "sign of score":
        changes = [c * _sign(s) for c, s in zip(changes, scores, strict=True)]
    if mistake == "below 0":
        changes = [-c if s < 0 else c for c, s in zip(changes, scores, strict=True)]
    if mistake == "not above 0":
        changes = [c if s > 0 else -c for c, s in zip(changes, scores, strict=True)]
    if mistake == "sizes":
        changes = [abs(c) for c in changes]
    if mistake == "signs":
        changes = [_sign(c) for c in changes]
    if mistake == "clipped step":
        changes = [_clipped(c, 1.0) for c in changes]
    output = sum(w * x for w, x, k in zip(weights, inputs, kept, strict=True) if k)
    if mistake == "output":
        changes = [gradient * output for _ in scores]
    if mistake == "times output":
        changes = [c * output for c in changes]
    if mistake == "divided":
        changes = [c / len(scores) for c in changes]
    if mistake == "divided by kept":
        changes = [c / max(1, sum(kept)) for c in changes]
    if mistake == "all together":
        changes = [sum(changes) for _ in scores]
    if mistake == "first of equals":
        changes = [changes[scores.index(s)] for s in scores]
    return changes


_BY_PLACE = {  # factors of the step, of what is kept and of what is out
    "kept only": (1.0, 0.0),
    "removed only": (0.0, 1.0),
    "half for removed": (1.0, 0.5),
    "half for kept": (0.5, 1.0),
    "uphill for removed": (1.0, -1.0),
    "uphill for kept": (-1.0, 1.0),
}


def _by_another_step(
    scores: Sequence[float],
    weights: Sequence[float],
    inputs: Sequence[float],
    kept: Sequence[bool],
    gradient: float,
    lr: float,
    *,
    change: Callable[[float, float, float, bool], float],
) -> list[float]:
    """The right answer, but for the change of one score, told from gradient, weight, input and whether it is kept."""
    parts = zip(scores, weights, inputs, kept, strict=True)
    return [s - lr * change(gradient, w, x, k) for s, w, x, k in parts]


def _first_scores(
    scores: Sequence[float],
    weights: Sequence[float],
    inputs: Sequence[float],
    kept: Sequence[bool],
    gradient: float,
    lr: float,
    *,
    count: int,
    rest: bool,
) -> list[float]:
    """The first `count` scores after the step, with or without the rest as they were."""
    found = new_scores(scores, weights, inputs, kept, gradient, lr)[:count]
    return found + list(scores[count:]) * rest


def _factors(inside: float, outside: float) -> Callable[[float, float, float, bool], float]:
    return lambda g, w, x, k: g * w * x * (inside if k else outside)


def _of_clipped_gradient(bound: float) -> Callable[[float, float, float, bool], float]:
    return lambda g, w, x, k: _clipped(g, bound) * w * x


def _of_clipped_step(bound: float) -> Callable[[float, float, float, bool], float]:
    return lambda g, w, x, k: _clipped(g * w * x, bound)


def _stepped(
    scores: Sequence[float],
    weights: Sequence[float],
    inputs: Sequence[float],
    kept: Sequence[bool],
    gradient: float,
    lr: float,
    *,
    mistake: str,
) -> Any:
    """The right answer with something wrong: which connections, which factors, the sign, or what is returned."""
    changes = _changes(scores, weights, inputs, kept, gradient, mistake=mistake)
    inside, outside = pick(mistake, _BY_PLACE, (1.0, 1.0))
    changes = [c * (inside if k else outside) for c, k in zip(changes, kept, strict=True)]
    rate = pick(mistake, {"without rate": 1.0, "uphill": -lr}, lr)
    found = [s - rate * c for s, c in zip(scores, changes, strict=True)]
    return pick(
        mistake,
        {
            "gradients": changes,
            "weights": [w - lr * gradient * s * x for w, s, x in zip(weights, scores, inputs, strict=True)],
            "trained weights": [w - lr * gradient * x for w, x in zip(weights, inputs, strict=True)],
            "change": [-lr * c for c in changes],
            "sizes of scores": [abs(s) for s in found],
            "no score below 0": [max(0.0, s) for s in found],
            "between 0 and 1": [min(1.0, max(0.0, s)) for s in found],
            "between -1 and 1": [min(1.0, max(-1.0, s)) for s in found],
            "no score above 1": [min(1.0, s) for s in found],
            "kept scores": [s if k else 0.0 for s, k in zip(found, kept, strict=True)],
            "first entries": found[:8],
        },
        found,
    )


def _all_subsets(numbers: Sequence[float]) -> list[tuple[float, ...]]:
    return list(chain.from_iterable(combinations(numbers, k) for k in range(len(numbers) + 1)))


def _distance_by_combinations(numbers: Sequence[float], target: float) -> float:
    return min(abs(sum(subset) - target) for subset in _all_subsets(numbers))


def _distance_by_recursion(numbers: Sequence[float], target: float) -> float:
    if not numbers:
        return abs(target)
    first, rest = numbers[0], numbers[1:]
    return min(_distance_by_recursion(rest, target), _distance_by_recursion(rest, target - first))


def _sums(numbers: Sequence[float], factors: Sequence[int]) -> list[tuple[float]]:
    """The sums in which each number has one of the factors, each as a subset of one number."""
    sums = [0.0]
    for number in numbers:
        sums = [s + factor * number for s in sums for factor in factors]
    return [(s,) for s in sums]


def _greedy(numbers: Sequence[float], target: float) -> float:
    left = target
    for number in numbers:
        if abs(left - number) < abs(left):
            left -= number
    return abs(left)


def _greedy_below(
    numbers: Sequence[float], target: float, *, order: Callable[[Sequence[float]], Sequence[float]]
) -> float:
    """Takes a number where the sum stays at most the target."""
    total = 0.0
    for number in order(numbers):
        if total + number <= target:
            total += number
    return abs(target - total)


def _rising(numbers: Sequence[float]) -> list[float]:
    return sorted(numbers)


def _falling(numbers: Sequence[float]) -> list[float]:
    return sorted(numbers, reverse=True)


def _rising_size(numbers: Sequence[float]) -> list[float]:
    return sorted(numbers, key=abs)


def _falling_size(numbers: Sequence[float]) -> list[float]:
    return sorted(numbers, key=abs, reverse=True)


def _greedy_nearest(numbers: Sequence[float], target: float, *, stops: bool) -> float:
    """Takes the number that comes closest, then the next, until none comes closer or until none is left."""
    left, total, best = list(numbers), 0.0, abs(target)
    while left:
        number = min(left, key=lambda x: abs(total + x - target))
        if stops and abs(total + number - target) >= best:
            break
        total += number
        left.remove(number)
        best = min(best, abs(total - target))
    return best


def _prefixes(
    numbers: Sequence[float],
    target: float,
    *,
    order: Callable[[Sequence[float]], Sequence[float]] = list,
    least: int = 0,
) -> float:
    """The first of the numbers, in an order; at least so many of them."""
    placed = order(numbers)
    return min(abs(sum(placed[:k]) - target) for k in range(least, len(placed) + 1))


def _by_nearness(numbers: Sequence[float], target: float) -> float:
    return _prefixes(numbers, target, order=lambda given: sorted(given, key=lambda x: abs(x - target)))


def _one_side(
    numbers: Sequence[float], target: float, *, side: int, touches: bool = True, none: str = "size"
) -> float:
    """Sums on one side of the target only: 1 above, -1 below, the target itself with them or not; `none` if there are none."""
    gaps = [side * (s - target) for s in _running_sums(numbers)]
    gaps = [gap for gap in gaps if gap > 0 or (touches and gap == 0)]
    instead = {"size": abs(target), "target": target, "zero": 0.0, "infinity": math.inf}
    return min(gaps) if none == "raises" else min(gaps, default=instead[none])


def _sides(side: int) -> list[Callable[..., Any]]:
    """Other ways to look on one side only."""
    ways: list[Callable[..., Any]] = [
        partial(_one_side, side=side, touches=touches, none=none)
        for touches in (True, False)
        for none in ("size", "raises", "target", "zero", "infinity")
    ]
    return ways[1:]


def _below_from_0(numbers: Sequence[float], target: float) -> float:
    """Sums below the target, by a search that begins with 0, even where 0 is above."""
    return abs(target - max([s for s in _running_sums(numbers) if s <= target] + [0.0]))


def _running_sums(numbers: Sequence[float]) -> list[float]:
    sums = [0.0]
    for number in numbers:
        sums += [s + number for s in sums]
    return sums


def _without_small(numbers: Sequence[float], target: float, *, least: float) -> float:
    return least_distance([x for x in numbers if abs(x) >= least], target)


def _of_first(numbers: Sequence[float], target: float, *, count: int) -> float:
    return least_distance(numbers[:count], target)


def _late_size(numbers: Sequence[float], target: float, *, side: int, size: bool) -> float:
    """The least difference with its sign, whose size is taken afterwards or not at all."""
    least = min(side * (s - target) for s in _running_sums(numbers))
    return abs(least) if size else least


_WITHOUT_SUBSETS: dict[str, Callable[[Sequence[float], float], float] | None] = {
    "greedy": _greedy,
    "greedy, largest first": lambda numbers, target: _greedy(_falling_size(numbers), target),
    "greedy, smallest first": lambda numbers, target: _greedy(_rising_size(numbers), target),
    "greedy, nearest first": partial(_greedy_nearest, stops=True),
    "greedy, not beyond": partial(_greedy_below, order=list),
    "sorted, from one end": partial(_prefixes, order=_rising),
    "first numbers": partial(_of_first, count=10),
}


def _tried(numbers: Sequence[float], subsets: list[tuple[float, ...]]) -> dict[str, Callable[[], list[Any]]]:
    """Which subsets are tried, by mistake."""
    return {
        "not none": lambda: [s for s in subsets if s] or [()],
        "single": lambda: [s for s in subsets if len(s) <= 1],
        "pairs": lambda: [s for s in subsets if len(s) <= 2],
        "at most 3": lambda: [s for s in subsets if len(s) <= 3],
        "at most 4": lambda: [s for s in subsets if len(s) <= 4],
        "at most 5": lambda: [s for s in subsets if len(s) <= 5],
        "at most 6": lambda: [s for s in subsets if len(s) <= 6],
        "exactly two": lambda: list(combinations(numbers, 2)) or [()],
        "without repetitions": lambda: _all_subsets(list(dict.fromkeys(numbers))),
        "above 0 only": lambda: _all_subsets([x for x in numbers if x > 0]),
        "no small numbers": lambda: _all_subsets([x for x in numbers if abs(x) >= 0.001]),
        "nothing": lambda: [()],
        "rounded numbers": lambda: _all_subsets([round(x, 2) for x in numbers]),
        "not all": lambda: [s for s in subsets if len(s) < len(numbers)] or [()],
        "from the front": lambda: [numbers[:k] for k in range(len(numbers) + 1)],
        "neighbours": lambda: [
            numbers[i:j] for i in range(len(numbers) + 1) for j in range(i, len(numbers) + 1)
        ],
        "all": lambda: [numbers],
        "both signs": lambda: _sums(numbers, (-1, 0, 1)),
        "a sign each": lambda: _sums(numbers, (-1, 1)),
        "twice": lambda: _sums(numbers, (0, 1, 2)),
    }


def _distant(numbers: Sequence[float], target: float, *, mistake: str) -> Any:
    """The right answer with something wrong: which subsets are tried, how they are compared, or what is returned."""
    if (without := pick(mistake, _WITHOUT_SUBSETS, None)) is not None:
        return without(numbers, target)
    if mistake == "size of target":
        target = abs(target)
    subsets = _all_subsets(numbers)
    chosen = pick(mistake, _tried(numbers, subsets), lambda: subsets)()
    sums = list(map(float, map(sum, chosen)))
    if mistake == "from below":
        return min((target - s for s in sums if s <= target), default=abs(target))
    if mistake == "from above":
        return min((s - target for s in sums if s >= target), default=abs(target))
    if mistake == "mean":
        sums = [s / max(1, len(c)) for s, c in zip(sums, chosen, strict=True)]
    if mistake in ("without signs", "sizes compared"):
        sums = [abs(s) for s in sums]
    if mistake == "sizes compared":
        target = abs(target)
    gaps = [abs(s - target) for s in sums]
    found = min(gaps)
    best = gaps.index(found)
    return pick(
        mistake,
        {
            "sum": sums[best],
            "squared": found**2,
            "relative": found / abs(target) if target else found,
            "sign": sums[best] - target,
            "other sign": target - sums[best],
            "least with its sign": min(sums) - target,
            "count": float(len(chosen[best])),
            "per number": found / max(1, len(numbers)),
            "largest": max(gaps),
            "at most 1": min(1.0, found),
            "at most 10": min(10.0, found),
            "at most 100": min(100.0, found),
        },
        found,
    )


def _mask_by_numpy(
    weights: Sequence[float], kept: Sequence[bool], gradients: Sequence[float], n: int
) -> list[bool]:
    mask, size = np.array(kept), np.abs(np.array(weights, dtype=float))
    mask[np.argsort(np.where(mask, size, np.inf))[:n]] = False
    mask[np.argsort(np.where(mask, -np.inf, np.abs(gradients)))[::-1][:n]] = True
    return [bool(k) for k in mask]


def _mask_with_sets(
    weights: Sequence[float], kept: Sequence[bool], gradients: Sequence[float], n: int
) -> list[bool]:
    inside = {i for i, k in enumerate(kept) if k}
    for _ in range(n):
        inside.remove(min(inside, key=lambda i: abs(weights[i])))
    for _ in range(n):
        inside.add(max(set(range(len(kept))) - inside, key=lambda i: abs(gradients[i])))
    return [i in inside for i in range(len(kept))]


def _moved_with(
    weights: Sequence[float],
    kept: Sequence[bool],
    gradients: Sequence[float],
    n: int,
    *,
    rest: float,
    least: float,
) -> list[bool]:
    """All places are ranked; what is out counts as a weight of size `rest`, and what is in as a gradient of size `least`."""
    sizes = [abs(w) if k else rest for w, k in zip(weights, kept, strict=True)]
    gone = sorted(range(len(weights)), key=sizes.__getitem__)[:n]
    left = [k and i not in gone for i, k in enumerate(kept)]
    promise = [least if k else abs(g) for g, k in zip(gradients, left, strict=True)]
    come = sorted(range(len(weights)), key=lambda i: -promise[i])[:n]
    return [k or i in come for i, k in enumerate(left)]


def _ranks(
    weights: Sequence[float], gradients: Sequence[float]
) -> tuple[dict[str, Callable[[int], Any]], dict[str, Callable[[int], Any]]]:
    """Wrong keys by which weights go, and by which they come."""
    sizes: dict[str, Callable[[int], Any]] = {
        "largest go": lambda i: -abs(weights[i]),
        "signed weights": lambda i: weights[i],
        "gradients go": lambda i: abs(gradients[i]),
        "products go": lambda i: abs(weights[i] * gradients[i]),
        "rounded weights": lambda i: round(abs(weights[i]), 2),
        "rounded weights, last": lambda i: (round(abs(weights[i]), 2), -i),
        "first go": lambda i: i,
        "last go": lambda i: -i,
        "clipped weights": lambda i: min(abs(weights[i]), 1.0),
    }
    comes: dict[str, Callable[[int], Any]] = {
        "smallest gradients": lambda i: abs(gradients[i]),
        "signed gradients": lambda i: -gradients[i],
        "falling gradients": lambda i: gradients[i],
        "rounded gradients": lambda i: -round(abs(gradients[i]), 2),
        "rounded gradients, last": lambda i: (-round(abs(gradients[i]), 2), -i),
        "weights come": lambda i: -abs(weights[i]),
        "first come": lambda i: i,
        "clipped gradients": lambda i: -min(abs(gradients[i]), 1.0),
    }
    return sizes, comes


def _grown_first(
    weights: Sequence[float], kept: Sequence[bool], gradients: Sequence[float], n: int, *, pool: str
) -> list[bool]:
    """What comes is chosen before something goes; `pool` says what may go, and in which order equals stand."""
    places = range(len(weights))
    inside = [i for i in places if kept[i]]
    come = sorted((i for i in places if not kept[i]), key=lambda i: -abs(gradients[i]))[:n]
    both = inside + come if pool == "those that came last" else sorted(inside + come)
    less = len(come) if pool == "as many as came" else n
    gone = sorted(both, key=lambda i: abs(weights[i]))[:less]
    return [i in both and i not in gone for i in places]


def _moved_as_if(
    weights: Sequence[float],
    kept: Sequence[bool],
    gradients: Sequence[float],
    n: int,
    *,
    of_weight: Callable[[float], float] = float,
    of_gradient: Callable[[float], float] = float,
) -> list[bool]:
    """The right answer for changed weights or gradients."""
    return moved_mask([of_weight(w) for w in weights], kept, [of_gradient(g) for g in gradients], n)


def _nearly_0_is_out(
    weights: Sequence[float],
    kept: Sequence[bool],
    gradients: Sequence[float],
    n: int,
    *,
    least: float,
    and_0: bool,
) -> list[bool]:
    """Kept weights below `least` are taken for some that are out; a 0 with them or not."""
    kept = [k and (abs(w) >= least or (w == 0 and not and_0)) for w, k in zip(weights, kept, strict=True)]
    return moved_mask(weights, kept, gradients, n)


def _rounding(digits: int) -> Callable[[float], float]:
    return lambda x: round(x, digits)


def _clipping(bound: float) -> Callable[[float], float]:
    return lambda x: _clipped(x, bound)


def _flooring(least: float) -> Callable[[float], float]:
    return lambda x: x if abs(x) >= least else 0.0


def _moved(
    weights: Sequence[float], kept: Sequence[bool], gradients: Sequence[float], n: int, *, mistake: str
) -> Any:
    """The right answer with something wrong: what goes, what comes, or what is returned."""
    places = list(range(len(weights)))
    sizes, comes = _ranks(weights, gradients)
    if mistake == "grown first":
        return _grown_first(weights, kept, gradients, n, pool="those that came last")
    if mistake == "kept if not 0":
        kept = [w != 0 for w in weights]
    if mistake == "kept if not nearly 0":
        kept = [k and abs(w) >= 0.001 for w, k in zip(weights, kept, strict=True)]
    if mistake == "no small gradients":
        gradients = [g if abs(g) >= 0.001 else 0.0 for g in gradients]
    if mistake == "rounded both":
        weights, gradients = [round(w, 2) for w in weights], [round(g, 2) for g in gradients]
    if mistake == "one less goes and comes":
        n = max(0, n - 1)
    if mistake == "no more than are out":
        n = min(n, len(kept) - sum(kept))
    if mistake == "at least one":
        n = max(1, n)
    going = places if mistake == "from all" else [i for i in places if kept[i]]
    if mistake == "the rest are 1":
        return _moved_with(weights, kept, gradients, n, rest=1.0, least=-1.0)
    if mistake == "the rest are 0":
        return _moved_with(weights, kept, gradients, n, rest=math.inf, least=0.0)
    less = pick(
        mistake, {"one less goes": max(0, n - 1), "one more goes": n + 1, "all go for 0": n or len(kept)}, n
    )
    gone = sorted(going, key=pick(mistake, sizes, lambda i: abs(weights[i])))[:less]
    inside = [i for i in places if kept[i] and i not in gone]
    if mistake == "threshold of all" and n:
        least = sorted(abs(w) for w in weights)[n - 1]
        inside = [i for i in places if kept[i] and abs(weights[i]) > least]
    if mistake == "first of equals":
        inside = [i for i in places if kept[i] and i not in [weights.index(weights[j]) for j in gone]]
    out = [i for i in places if i not in inside]
    if mistake == "not at once":
        out = [i for i in out if i not in gone]
    if mistake == "among all":
        out = places
    more = pick(mistake, {"one more comes": n + 1, "none comes": 0, "all come for 0": n or len(kept)}, n)
    come = sorted(out, key=pick(mistake, comes, lambda i: -abs(gradients[i])))[:more]
    found = [i in inside or i in come for i in places]
    return pick(
        mistake,
        {
            "places": [i for i in places if found[i]],
            "turned": [not k for k in found],
            "what came": [i in come for i in places],
            "numbers": [float(k) * w for k, w in zip(found, weights, strict=True)],
        },
        found,
    )


def _inputs_by_numpy(weights: Sequence[float], inputs: Sequence[Sequence[float]], n: int) -> list[int]:
    scores = np.abs(weights) * np.linalg.norm(np.array(inputs, dtype=float), axis=0)
    return sorted(int(i) for i in np.argsort(scores)[::-1][:n])


def _inputs_by_squares(weights: Sequence[float], inputs: Sequence[Sequence[float]], n: int) -> list[int]:
    scores = [w * w * sum(row[i] ** 2 for row in inputs) for i, w in enumerate(weights)]
    left = list(range(len(weights)))
    while len(left) > n:
        left.remove(min(left, key=lambda i: scores[i]))
    return left


def _norms(inputs: Sequence[Sequence[float]], *, mistake: str) -> list[float]:
    """How large each input is, right or wrong."""
    if mistake == "normalised examples":
        inputs = [[x / (math.hypot(*row) or 1.0) for x in row] for row in inputs]
    if mistake == "rows of squares" and len(inputs) == len(inputs[0]):
        inputs = list(zip(*inputs, strict=True))
    if mistake == "different examples":
        inputs = list(dict.fromkeys(map(tuple, inputs)))
    columns = list(zip(*inputs, strict=True))
    norm: dict[str, Callable[[Sequence[float]], float]] = {
        "magnitude": lambda column: 1.0,
        "sum": lambda column: abs(sum(column)),
        "absolute sum": lambda column: sum(abs(x) for x in column),
        "maximum": lambda column: max(abs(x) for x in column),
        "last example": lambda column: abs(column[-1]),
        "first two": lambda column: math.hypot(*column[:2]),
        "first three": lambda column: math.hypot(*column[:3]),
        "not the first": lambda column: math.hypot(*column[1:]) if len(column) > 1 else abs(column[0]),
        "not the last": lambda column: math.hypot(*column[:-1]) if len(column) > 1 else abs(column[0]),
        "another power": lambda column: sum(abs(x) ** 3 for x in column) ** (1 / 3),
        "rounded norms": lambda column: round(math.hypot(*column), 2),
        "few examples": lambda column: math.hypot(*column[:5]),
        "few last examples": lambda column: math.hypot(*column[-5:]),
        "median": lambda column: median(abs(x) for x in column),
        "signed median": lambda column: abs(median(column)),
        "minimum": lambda column: min(abs(x) for x in column),
        "different values": lambda column: math.hypot(*set(column)),
        "first example": lambda column: abs(column[0]),
        "squared norm": lambda column: sum(x * x for x in column),
        "signed sum": lambda column: sum(column),
        "spread": lambda column: math.sqrt(sum((x - sum(column) / len(column)) ** 2 for x in column)),
    }
    return [pick(mistake, norm, lambda column: math.sqrt(sum(x * x for x in column)))(c) for c in columns]


def _kept_as_if(
    weights: Sequence[float],
    inputs: Sequence[Sequence[float]],
    n: int,
    *,
    norm: Callable[[Sequence[float]], float] = lambda column: math.hypot(*column),
    of_score: Callable[[float], float] = float,
) -> list[int]:
    """The right answer with another norm, or for changed scores."""
    columns = zip(*inputs, strict=True)
    scores = [of_score(abs(w) * norm(column)) for w, column in zip(weights, columns, strict=True)]
    return sorted(sorted(range(len(weights)), key=lambda i: -scores[i])[:n])


def _power(p: float) -> Callable[[Sequence[float]], float]:
    return lambda column: sum(abs(x) ** p for x in column) ** (1 / p)


def _rounded_norm(digits: int) -> Callable[[Sequence[float]], float]:
    return lambda column: round(math.hypot(*column), digits)


def _part(first: int, last: int | None = None) -> Callable[[Sequence[float]], float]:
    return lambda column: math.hypot(*column[first:last])


def _few_inputs(
    weights: Sequence[float], inputs: Sequence[Sequence[float]], n: int, *, count: int
) -> list[int]:
    return kept_inputs(weights[:count], [row[:count] for row in inputs], n)


def _capped(weights: Sequence[float], inputs: Sequence[Sequence[float]], n: int, *, most: int) -> list[int]:
    return kept_inputs(weights, inputs, min(n, most))


def _rows_to_the_weights(weights: Sequence[float], inputs: Sequence[Sequence[float]], n: int) -> list[int]:
    """As many scores as examples, and as many places as weights."""
    scores = [abs(weights[i]) * math.hypot(*inputs[i]) for i in range(len(inputs))]
    return sorted(sorted(range(len(weights)), key=lambda i: -scores[i])[:n])


def _from_the_end(
    weights: Sequence[float], inputs: Sequence[Sequence[float]], n: int, *, off: int
) -> list[int]:
    """The end of the places in the order of rising scores, by a slice with something added to n."""
    scores = [
        abs(w) * math.hypot(*column) for w, column in zip(weights, zip(*inputs, strict=True), strict=True)
    ]
    return sorted(sorted(range(len(weights)), key=lambda i: scores[i])[-(n + off) :])


def _kept(weights: Sequence[float], inputs: Sequence[Sequence[float]], n: int, *, mistake: str) -> Any:
    """The right answer with something wrong: how large an input is, the weight's part, which are kept, or what is returned."""
    large = _norms(inputs, mistake=mistake)
    part: dict[str, Callable[[float], float]] = {
        "signed weight": lambda w: w,
        "norm only": lambda w: 1.0,
        "squared weight": lambda w: w * w,
        "divided": lambda w: 1 / abs(w) if w else math.inf,
    }
    of = pick(mistake, part, lambda w: abs(w))
    scores = [of(w) * size for w, size in zip(weights, large, strict=True)]
    if mistake == "added":
        scores = [abs(w) + size for w, size in zip(weights, large, strict=True)]
    if mistake in ("rows", "rows, to the end", "rows, strictly"):
        sizes = [math.hypot(*row) for row in inputs]
        scores = [abs(w) * size for w, size in zip(weights, sizes, strict=mistake == "rows, strictly")]
    if mistake == "rounded scores":
        scores = [round(s, 2) for s in scores]
    if mistake == "rows by numpy":
        scores = list(np.abs(weights) * np.linalg.norm(np.array(inputs), axis=1))
    ranked = range(len(scores) if mistake == "rows" else len(weights))
    if mistake == "few inputs":
        ranked = range(min(8, len(weights)))
    order = sorted(ranked, key=lambda i: -scores[i])
    if mistake == "rounded scores, last":
        order = sorted(ranked, key=lambda i: (-round(scores[i], 2), -i))
    if mistake == "lowest":
        order = order[::-1]
    count = pick(
        mistake,
        {"one more": n + 1, "one less": max(0, n - 1), "removes n": len(weights) - n, "capped": min(n, 5)},
        n,
    )
    chosen = order[:count]
    if mistake == "all for 0" and n == 0:
        chosen = order
    return pick(
        mistake,
        {
            "by score": chosen,
            "by rising score": chosen[::-1],
            "removed": sorted(order[n:]),
            "weights": [weights[i] for i in sorted(chosen)],
            "scores": [scores[i] for i in sorted(chosen)],
            "falling scores": [scores[i] for i in chosen],
            "first places": list(range(n)),
            "last places": list(range(len(weights) - n, len(weights))),
            "mask": [i in chosen for i in range(len(weights))],
            "first of equals": sorted(weights.index(weights[i]) for i in chosen),
            "from 1": [i + 1 for i in sorted(chosen)],
        },
        sorted(chosen),
    )


# Arguments of hidden cases


def _vary_step(rng: random.Random) -> tuple[Any, ...]:
    n = rng.randint(2, 8)
    scores, weights, inputs = ([round(rng.uniform(-1.5, 1.5), 5) for _ in range(n)] for _ in range(3))
    kept = [rng.random() < 0.5 for _ in range(n)]
    gradient = rng.choice((-1, 1)) * round(rng.uniform(0.1, 2), 4)
    return (scores, weights, inputs, kept, gradient, rng.choice((0.001, 0.02, 0.5, 2.0)))


def _vary_numbers(rng: random.Random) -> tuple[Any, ...]:
    n, far = rng.randint(2, 9), rng.choice((1.0, 1.0, 5.0))
    numbers = [round(rng.uniform(-1, 1), 5) for _ in range(n)]
    return (numbers + numbers[: rng.choice((0, 0, 1))], round(far * rng.uniform(-0.8, 0.8), 5))


def _vary_layer(rng: random.Random) -> tuple[Any, ...]:
    size = rng.randint(4, 9)
    kept = [True, False, True] + [rng.random() < 0.5 for _ in range(size - 3)]
    rng.shuffle(kept)
    values = [v + rng.choice((0.0, 0.0004)) for v in rng.sample(range(1, 60), 2 * size)]
    weights = [rng.choice((-1, 1)) * v / 20 if k else 0.0 for k, v in zip(kept, values, strict=False)]
    if rng.random() < 0.5:
        weights[rng.choice([i for i in range(size) if kept[i]])] = 0.0
    gradients = [rng.choice((-1, 1)) * v / 50 for v in values[size:]]
    return (weights, kept, gradients, rng.randint(1, sum(kept)))


def _vary_output(rng: random.Random) -> tuple[Any, ...]:
    size, examples = rng.randint(3, 7), rng.randint(2, 6)
    while True:
        weights = [rng.choice((-1, 1)) * round(rng.uniform(0.1, 3), 2) for _ in range(size)]
        inputs = [[round(rng.gauss(0, 2), 2) for _ in range(size)] for _ in range(examples)]
        norms = [math.dist(column, [0.0] * examples) for column in zip(*inputs, strict=True)]
        scores = sorted(abs(w) * x for w, x in zip(weights, norms, strict=True))
        if min(b - a for a, b in zip(scores, scores[1:], strict=False)) > 0.01:
            return (weights, inputs, rng.randint(1, size - 1))


_ORDERS = (_rising, _falling, _rising_size, _falling_size)

_DIGITS = "digits that rounding loses"
_TWICE = "the same number twice"
_FAR = "distances above 1"
_NONE = "an n of 0"
_MORE = "an n above the number of places that are out"
_KEPT_0 = "a kept weight of 0"
_CLOSE = "values that rounding makes equal"


def _one_decides(examples: int, inputs: int, *, example: int, input: int, value: float) -> list[list[float]]:
    """Examples of ones, of which one has another value at one input."""
    found = [[1.0] * inputs for _ in range(examples)]
    found[example][input] = value
    return found


_EXAMPLES = "more than three examples"
_AGAIN = "the same example twice"

EXERCISES = (
    Exercise(
        id="14.1",
        reference=new_scores,
        cases=(
            Case(([0.5, -0.2], [2.0, 5.0], [3.0, 1.0], [True, True], 1.0, 0.1), "Both connections are kept."),
            Case(
                ([0.5, -0.2], [2.0, 5.0], [3.0, 1.0], [True, False], 1.0, 0.1),
                "One connection is out: it moves too, as if it were in.",
                point=True,
            ),
            Case(
                ([0.3, 0.4, -0.6], [-1.0, 0.5, 2.0], [1.0, -2.0, 0.5], [False, True, True], -0.5, 0.2),
                "Weights, inputs and the gradient have both signs.",
            ),
            Case(
                ([0.1, 0.2], [1.5, -1.5], [0.0, 2.0], [True, False], 2.0, 0.5),
                "An input is 0: nothing can be said of its connection.",
            ),
            Case(([0.4], [-3.0], [0.5], [False], 1.0, 1.0), "One connection, and it is out."),
            Case(
                ([-0.4, 0.7, 0.2, 0.0], [0.5, 0.25, -2.0, 1.0], [1.0, 4.0, 1.5, -1.0], [False] * 4, 0.8, 0.3),
                "None is kept.",
            ),
            Case(
                ([0.9, -0.9], [1.0, 1.0], [1.0, 1.0], [True, False], 0.0, 0.1),
                "The gradient is 0: no score moves.",
            ),
            Case(([0.05, 0.3], [2.0, 1.0], [1.0, 1.0], [True, True], 1.0, 0.1), "A score goes below 0."),
            Case(
                ([0.9, 0.2], [2.0, -1.0], [1.0, 3.0], [False, True], -1.0, 0.5),
                "A score goes above 1, and another below -1.",
            ),
            Case(
                ([4.0, -7.5, 2.5], [3.0, -2.0, 0.5], [-6.0, 1.5, 4.0], [True, False, False], -2.5, 1.5),
                "Scores, inputs and the learning rate are above 1.",
            ),
            Case(
                (
                    [0.41237, -0.30581, 0.27713],
                    [0.73219, -0.41377, 0.05151],
                    [0.61733, 0.29519, -1.21347],
                    [True, False, True],
                    0.37153,
                    0.001,
                ),
                "The learning rate is 0.001, and the scores move little.",
                tags=(_DIGITS,),
            ),
            Case(
                ([0.0004123, -0.0003058], [0.0612, -0.0347], [0.0871, 0.0529], [True, False], 0.052, 0.1),
                "Scores whose size is below 0.001.",
                tags=(_DIGITS,),
            ),
            Case(
                (
                    [0.718281, -0.141592, 0.577215, -0.693147],
                    [1.202056, 0.915965, -0.261497, 0.662743],
                    [-0.183503, 1.130198, 0.739085, -0.303663],
                    [False, True, True, False],
                    -1.186569,
                    0.01,
                ),
                "Numbers of six digits after the point.",
                tags=(_DIGITS,),
            ),
            Case(
                (
                    [0.5, 0.5, 0.2, -0.1, 0.2, 0.3, 0.5],
                    [1.0, 2.0, 1.0, -0.5, -1.0, 0.0, 2.0],
                    [1.0, 1.0, -2.0, 3.0, 0.5, 4.0, -0.25],
                    [True, False, True, False, False, True, True],
                    0.6,
                    0.5,
                ),
                "Seven connections, of which some have equal scores.",
                tags=("equal scores",),
            ),
            Case(
                ([0.3, 0.3], [1.5, -0.5], [2.0, 2.0], [False, False], 1.0, 0.25),
                "Two connections that are out have equal scores.",
                tags=("equal scores",),
            ),
            Case(
                ([0.2, -0.6], [0.05, -0.04], [0.3, 0.2], [True, False], -12.5, 0.5),
                "The gradient is -12.5.",
            ),
            Case(
                ([0.7, 0.1], [20.0, -3.0], [4.0, 2.5], [False, True], 0.9, 0.1),
                "A weight times its input is 80.",
            ),
            Case(
                (
                    [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2],
                    [1.0, -2.0, 0.5, 1.5, -1.0, 0.2, 0.4, -0.6, 0.8, 1.0, -1.2, 1.4],
                    [0.5, 1.0, -1.0, 2.0, 0.3, 0.6, -0.9, 1.2, 0.7, -0.8, 1.1, 0.9],
                    [True, False, True, True, False, False, True, False, True, False, True, False],
                    0.4,
                    0.1,
                ),
                "Twelve connections.",
            ),
        ),
        hints=(
            "The output is the sum of kept times weight times input. What is its derivative with respect to `kept` of one connection?",
            "It is weight times input. Straight through means: take this for the score as well, for every connection.",
            "s - lr * gradient * w * x for each connection, whatever kept says.",
        ),
        misconceptions=variants(
            _stepped,
            {
                "kept only": "You move the scores of kept connections only. Then nothing that is out could ever come back; the "
                "gradient goes straight through to all scores.",
                "removed only": "You move the scores of connections that are out only; all move.",
                "half for removed": "You move the scores of connections that are out less than those of kept ones; the gradient goes "
                "straight through to all scores alike.",
                "half for kept": "You move the scores of kept connections less than those that are out; the gradient goes straight "
                "through to all scores alike.",
                "uphill for removed": "You move the scores of connections that are out uphill; all scores go downhill.",
                "uphill for kept": "You move the scores of kept connections uphill; all scores go downhill.",
                "without input": "You leave the input out: the unit's output changes by weight times input when a connection is switched.",
                "without weight": "You leave the weight out: that would be the gradient of the weight. The score wants weight times input.",
                "without gradient": "You leave the gradient out; it says whether the loss wants the output larger or smaller.",
                "times score": "You multiply by the score; straight through, the score's own value plays no part.",
                "sign of score": "You multiply the step by the sign of the score, so that a score below 0 goes the other way, as it is right "
                "where sizes of scores are ranked, and a score of 0 stays. Here the scores themselves are ranked.",
                "below 0": "You turn the step of a negative score round, as it is right where sizes of scores are ranked. Here the "
                "scores themselves are ranked.",
                "not above 0": "You turn the step of each score round that is not above 0. That is right where sizes of scores are "
                "ranked; here the scores themselves are ranked.",
                "size of weight": "You take the size of the weight; its sign says to which side the output moves.",
                "size of input": "You take the size of the input; its sign says to which side the output moves.",
                "size of gradient": "You take the size of the gradient; its sign says to which side the output should move.",
                "output": "You move all scores by gradient times output; each has its own gradient, with its weight times its input.",
                "times output": "You multiply by the output of the unit too; the gradient that is given is that for the output already.",
                "divided": "You divide the step by the number of connections; each score takes its whole step.",
                "divided by kept": "You divide the step by the number of kept connections; each score takes its whole step.",
                "all together": "You move each score by the sum of all steps; each takes its own.",
                "first of equals": "Where scores are equal, you take the step of the first of them for all. Go by place, not by value "
                "(scores.index finds the first only).",
                "sizes": "You take the size of the change, so every score falls; the sign matters.",
                "signs": "You take the sign of the change only; its size counts too.",
                "sign of gradient": "You take the sign of the gradient only; its size counts too.",
                "sign of weight": "You take the sign of the weight only; its size counts too.",
                "sign of input": "You take the sign of the input only; its size counts too.",
                "clipped gradient": "You clip the gradient; take it as it is, however large.",
                "clipped step": "You clip the change of a score; take it as it is, however large.",
                "uphill": "You add where the loss wants you to subtract: scores go downhill as weights do.",
                "without rate": "You leave the learning rate out.",
                "gradients": "These are the gradients of the scores; return the scores after the step.",
                "kept for input": "You multiply by kept instead of the input: weight times input is asked for, whether kept or not.",
                "trained weights": "These are the weights after a step of training. In edge-popup they stay as they were drawn; return the "
                "scores after theirs.",
                "change": "These are the changes; add them to the scores.",
                "weights": "You move the weights. In edge-popup they stay as they were drawn; the scores move.",
                "sizes of scores": "You return the sizes of the scores; return them as they are.",
                "no score below 0": "You stop scores at 0; they may go below.",
                "between 0 and 1": "You keep scores between 0 and 1; they may go anywhere.",
                "between -1 and 1": "You keep scores between -1 and 1; they may go anywhere.",
                "no score above 1": "You stop scores at 1; they may go above.",
                "kept scores": "You set the scores of connections that are out to 0; they keep theirs.",
                "first entries": "You move the scores of the first connections only, a fixed number of them; a unit may have more.",
            },
            {
                "half for removed": [
                    partial(_by_another_step, change=_factors(1.0, 0.1)),
                    partial(_by_another_step, change=_factors(2.0, 1.0)),
                ],
                "half for kept": [
                    partial(_by_another_step, change=_factors(0.1, 1.0)),
                    partial(_by_another_step, change=_factors(1.0, 2.0)),
                ],
                "clipped gradient": [
                    partial(_by_another_step, change=_of_clipped_gradient(bound)) for bound in (5.0, 10.0)
                ],
                "clipped step": [
                    partial(_by_another_step, change=_of_clipped_step(bound)) for bound in (5.0, 10.0)
                ],
                "first entries": [
                    partial(_first_scores, count=count, rest=rest)
                    for count in (7, 8, 10)
                    for rest in (False, True)
                    if (count, rest) != (8, False)
                ],
            },
        ),
        alternatives=(_scores_by_numpy, _scores_in_a_loop),
        difficulty="medium",
        lines=2,
        minutes=8,
        rtol=1e-6,
        vary=_vary_step,
        told={_DIGITS: "Round nothing", "equal scores": "scores may be equal"},
        absent={
            "ties": "no scores are ranked here",
            "NaN": "scores and inputs are finite",
            "empty list": "a unit has one connection or more",
        },
    ),
    Exercise(
        id="14.2",
        reference=least_distance,
        cases=(
            Case(([0.5, -0.3], 0.25), "Two numbers, whose sum is closest."),
            Case(([0.9, -0.8], 0.05), "To take none of the numbers is closest."),
            Case(([0.6], 0.5), "One number."),
            Case(
                ([0.9, 0.45, 0.5], 0.92),
                "The number nearest to the target is not part of the best sum.",
                point=True,
            ),
            Case(([0.7, 0.2, -0.4], -0.35), "The target is below 0."),
            Case(([0.375, 0.5, 0.25, 0.125], 1.25), "All numbers together are exact."),
            Case(([0.31, 0.9, 0.17, 0.9, 0.11], 0.6), "Three numbers that do not lie side by side."),
            Case(([0.5, 0.62, 0.3], 0.6), "The best sum lies above the target."),
            Case(([-0.5, 0.9, -0.35, 0.1, 0.7, -0.8], 0.33), "Six numbers of both signs."),
            Case(([0.4, 0.9], 0.0), "The target is 0."),
            Case(([0.3, 0.8], 0.58), "A number may be taken once only."),
            Case(([-0.6, 0.9], 0.6), "A number may not change its sign."),
            Case(([0.13, -0.47, 0.88, 0.29, -0.91, 0.64, -0.05, 0.36], 0.503), "Eight numbers: 256 sums."),
            Case(([0.2, -0.5], 0.6), "The best sum lies below the target."),
            Case(([-0.6, -0.3], 0.5), "All numbers are below 0, and the target is above."),
            Case(([0.0, 0.4], 0.3), "One of the numbers is 0."),
            Case(
                ([0.375, 0.375], 0.75),
                "The same number stands there twice, and both are taken.",
                tags=(_TWICE,),
            ),
            Case(
                ([0.4, 0.4, 0.4, -0.2], 1.05),
                "Three numbers are equal, and all three are taken.",
                tags=(_TWICE,),
            ),
            Case(
                ([0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], 0.64),
                "Seven equal numbers, of which six are taken.",
                tags=(_TWICE,),
            ),
            Case(
                ([0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125], 0.875),
                "Seven equal numbers, all taken.",
                tags=(_TWICE,),
            ),
            Case(([0.31, 0.17, 0.23, 0.41, 0.05, 0.13], 1.29), "Six numbers, and all of them are needed."),
            Case(
                ([0.21, 0.34, 0.15, -0.9, 0.42, 0.27, 0.38, 0.19, 0.31], 2.28),
                "Nine numbers, of which eight are needed.",
            ),
            Case(
                ([0.62, 0.55, 0.71, 0.48, 0.93, 0.84, 0.39, 0.77, 0.66, 0.58], 8.0),
                "Ten numbers, and the target is more than all together.",
                tags=(_FAR,),
            ),
            Case(([5.0], 3.0), "One number, 2 away from the target.", tags=(_FAR,)),
            Case(([-7.0, 2.5], -12.5), "The target is below 0 and far away.", tags=(_FAR,)),
            Case(([5000.0, -40.0], 3000.0), "The least distance is above 1000.", tags=(_FAR,)),
            Case(([0.123], 0.12), "One number, 0.003 away from the target.", tags=(_DIGITS,)),
            Case(
                ([0.41237, 0.30581, -0.12713], 0.59144),
                "The least distance is below 0.001.",
                tags=(_DIGITS,),
            ),
            Case(
                ([0.71234, -0.20519, 0.33871, 0.05267, -0.48193], 0.80004),
                "Five numbers with five digits after the point.",
                tags=(_DIGITS,),
            ),
            Case(
                ([0.204, 0.2049, 0.31], 0.51485),
                "Two numbers whose difference is below 0.001; one of them is right.",
                tags=(_DIGITS,),
            ),
            Case(
                ([0.7182818, -0.1415927, 0.5772157, 0.4142136], 0.9876543),
                "Four numbers with seven digits after the point.",
                tags=(_DIGITS,),
            ),
            Case(
                ([50.0, 0.13, 0.29, 0.07, 0.41, 0.23, 0.37, 0.19, -49.3], 2.33),
                "Two large numbers nearly cancel, and the best sum has both.",
            ),
            Case(
                ([0.5, 0.0004, -0.3, 0.00003], 0.50044),
                "Two of the numbers are below 0.001, and both are needed.",
                tags=(_DIGITS,),
            ),
            Case(
                ([0.31, 0.12, 0.27, 0.43, 0.08, 0.36, 0.19, 0.22, 0.41, 0.15, 0.53], 2.96),
                "Eleven numbers.",
            ),
        ),
        hints=(
            "With n numbers there are 2 ** n subsets. Which sums do they have? Begin with no number: its sum is 0.",
            "Each further number doubles the list of sums: those without it, and those with it.",
            "sums += [s + number for s in sums] for each number; then the least abs(s - target).",
        ),
        misconceptions=variants(
            _distant,
            {
                "not none": "You never take the empty subset, whose sum is 0.",
                "single": "You try single numbers only; try all subsets.",
                "pairs": "You try at most two numbers; try all subsets.",
                "at most 3": "You try at most three numbers at once; try all subsets.",
                "at most 4": "You try at most four numbers at once; try all subsets.",
                "at most 5": "You try at most five numbers at once; try all subsets.",
                "at most 6": "You try at most six numbers at once; try all subsets.",
                "exactly two": "You try pairs only; try all subsets.",
                "without repetitions": "You take equal numbers for one number (a set or a dict does that); each may be taken.",
                "above 0 only": "You leave out the numbers below 0; try them too.",
                "rounded numbers": "You round the numbers to two digits; take them as they are.",
                "not all": "You never take all numbers together.",
                "from the front": "You add the numbers from the front on; a subset may leave any of them out.",
                "neighbours": "You try numbers that lie side by side only; a subset may have gaps.",
                "all": "You take all numbers; some of them may come closer.",
                "greedy": "You take a number whenever it brings you closer. Two that each lead away may be right together: try all subsets.",
                "greedy, largest first": "You take the largest first, whenever it brings you closer; try all subsets.",
                "greedy, smallest first": "You take the smallest first, whenever it brings you closer; try all subsets.",
                "greedy, nearest first": "You take the number that brings you closest, then the next, and never give one back; try all "
                "subsets.",
                "greedy, not beyond": "You take a number whenever the sum stays at most the target; try all subsets, and those above the "
                "target too.",
                "sorted, from one end": "You sort the numbers and add them from one end on; a subset may leave any of them out.",
                "first numbers": "You try the first numbers only, a fixed number of them; there may be more.",
                "no small numbers": "You leave out numbers close to 0; each of them counts.",
                "nothing": "You return the size of the target, as if no number were taken; try all subsets.",
                "size of target": "You take the target without its sign; a target below 0 is far from sums above.",
                "sizes compared": "You compare the sizes of sum and target; a sum of 0.3 is not close to a target of -0.3.",
                "least with its sign": "You take the least of the differences with their signs, which is not the one closest to 0; take "
                "abs of each difference, and then the least.",
                "both signs": "You let a number change its sign; it is taken as it is, or not at all.",
                "a sign each": "You give each number a sign, plus or minus; it is taken as it is, or not at all.",
                "twice": "You let a number be taken twice.",
                "from below": "You try sums up to the target only; one above may be closer.",
                "from above": "You try sums from the target on only; one below may be closer.",
                "mean": "You take the means of subsets; take their sums.",
                "without signs": "You take the sums without their signs; a sum below 0 is not as close as one above.",
                "at most 1": "Your least distance is never above 1 (does a search begin with 1?); it may be as large as it likes.",
                "at most 10": "Your least distance is never above 10 (does a search begin with 10?); it may be as large as it likes.",
                "at most 100": "Your least distance is never above 100 (does a search begin with 100?); it may be as large as it likes.",
                "sum": "This is the sum itself; return its distance from the target.",
                "squared": "This is the square of the distance.",
                "relative": "This is the distance as a share of the target.",
                "sign": "This has a sign; a distance is 0 or more.",
                "other sign": "This is the target minus the sum, with its sign; a distance is 0 or more.",
                "count": "This is how many numbers are taken.",
                "per number": "You divide by how many numbers there are.",
                "largest": "This is the largest distance; return the least.",
            },
            {
                "single": [lambda numbers, target: min(abs(x - target) for x in numbers)],
                "from the front": [partial(_prefixes, least=1)],
                "from below": [*_sides(-1), _below_from_0],
                "from above": _sides(1),
                "greedy, largest first": [lambda numbers, target: _greedy(_falling(numbers), target)],
                "greedy, smallest first": [lambda numbers, target: _greedy(_rising(numbers), target)],
                "greedy, nearest first": [partial(_greedy_nearest, stops=False), _by_nearness],
                "greedy, not beyond": [partial(_greedy_below, order=order) for order in _ORDERS],
                "sorted, from one end": [
                    partial(_prefixes, order=order, least=least)
                    for order in _ORDERS
                    for least in (0, 1)
                    if (order, least) != (_rising, 0)
                ],
                "first numbers": [partial(_of_first, count=count) for count in (8, 9)],
                "no small numbers": [partial(_without_small, least=least) for least in (0.01, 0.0001)],
                "least with its sign": [
                    partial(_late_size, side=side, size=size)
                    for side, size in ((1, True), (-1, False), (-1, True))
                ],
            },
        ),
        alternatives=(_distance_by_combinations, _distance_by_recursion),
        difficulty="easy",
        lines=4,
        minutes=10,
        atol=3e-7,
        vary=_vary_numbers,
        told={
            _TWICE: "The same number may be in the list twice",
            _FAR: "the distance may be above 1",
            _DIGITS: "Do not round",
        },
        absent={
            "ties": "only the distance is asked for",
            "NaN": "the numbers are finite",
            "empty list": "the text has one number or more",
        },
    ),
    Exercise(
        id="14.3",
        reference=moved_mask,
        cases=(
            Case(
                ([0.9, 0.0, -0.1, 0.0], [True, False, True, False], [0.2, 0.1, 0.05, -0.7], 1),
                "One goes, another comes.",
            ),
            Case(
                ([0.9, 0.0, -0.1, 0.0], [True, False, True, False], [0.2, 0.1, -0.8, 0.7], 1),
                "The weight that goes has the largest gradient of all that are out: it comes back at once.",
                point=True,
            ),
            Case(
                (
                    [-0.9, 0.3, 0.0, 0.0, 0.5],
                    [True, True, False, False, True],
                    [0.4, 0.01, -0.2, 0.3, 0.6],
                    1,
                ),
                "The largest weight is below 0.",
            ),
            Case(
                (
                    [0.2, 0.0, 0.6, -0.4, 0.0, 0.0],
                    [True, False, True, True, False, False],
                    [0.9, -0.3, 0.05, 0.1, 0.2, 0.25],
                    2,
                ),
                "Two go, and one of them comes back.",
            ),
            Case(([0.7, 0.0], [True, False], [0.2, 0.5], 0), "None goes.", tags=(_NONE,)),
            Case(([0.7, 0.0], [True, False], [0.1, -0.2], 1), "The only kept weight goes."),
            Case(
                (
                    [0.0, -0.2, 0.0, 0.8, 0.0, 0.3, 0.0],
                    [False, True, False, True, False, True, False],
                    [0.15, 0.02, 0.5, 0.7, -0.6, 0.03, 0.1],
                    2,
                ),
                "Seven weights, of which three are kept.",
            ),
            Case(
                (
                    [0.0, 1.1, -0.6, 0.0, 0.25, 0.0],
                    [False, True, True, False, True, False],
                    [-0.9, 0.8, 0.02, 0.3, 0.04, 0.5],
                    1,
                ),
                "The largest gradient of those that are out is below 0.",
            ),
            Case(
                (
                    [0.5, 0.4, 0.0, 0.0, -0.3, 0.0],
                    [True, True, False, False, True, False],
                    [0.03, 0.9, 0.2, -0.1, 0.05, 0.15],
                    2,
                ),
                "A kept weight has the largest gradient.",
            ),
            Case(
                ([0.3, -0.8, 0.0, 0.5, 0.0], [True, True, False, True, False], [0.2, 0.6, 0.9, -0.1, 0.4], 0),
                "None of three goes.",
                tags=(_NONE,),
            ),
            Case(
                ([0.0, 0.0, 0.0], [False, False, False], [0.1, 0.4, 0.2], 0), "None is kept.", tags=(_NONE,)
            ),
            Case(
                ([0.9, 0.2, -0.5, 0.0], [True, True, True, False], [0.1, 0.6, 0.05, 0.4], 2),
                "Two go, and only one was out: one comes back.",
                tags=(_MORE,),
            ),
            Case(
                ([0.4, -0.6, 0.0, 0.9, -0.2], [True, True, False, True, True], [0.5, -0.1, 0.3, 0.7, 0.2], 3),
                "Three go, and only one was out: two come back.",
                tags=(_MORE,),
            ),
            Case(
                ([0.4, -0.3, 0.6], [True, True, True], [0.1, 0.0, 0.2], 1),
                "All are kept, and the one that goes has a gradient of 0.",
                tags=(_MORE,),
            ),
            Case(
                (
                    [0.4, 0.0, -0.7, 0.0, 0.2, 0.0],
                    [True, False, True, False, True, False],
                    [0.05, 0.6, 0.3, -0.9, 0.1, 0.2],
                    3,
                ),
                "All kept weights go.",
            ),
            Case(
                ([0.0, 0.0, 0.6, -0.3], [False, True, True, True], [0.2, 0.05, 0.1, 0.4], 1),
                "A kept weight is 0: it goes first.",
                tags=(_KEPT_0,),
            ),
            Case(
                ([0.0, 0.5, 0.0], [False, True, True], [0.3, 0.1, 0.2], 0),
                "None goes, and a kept weight is 0.",
                tags=(_NONE, _KEPT_0),
            ),
            Case(
                (
                    [0.0, 0.0, 0.8, 0.0, 0.2, 0.0],
                    [False, False, True, True, True, False],
                    [-0.3, 0.05, 0.1, 0.9, 0.2, 0.25],
                    2,
                ),
                "A kept weight is 0: it goes, and comes back.",
                tags=(_KEPT_0,),
            ),
            Case(
                ([0.30004, 0.30001, 0.0, 0.9], [True, True, False, True], [0.1, 0.05, 0.4, 0.2], 1),
                "Two kept weights differ by 0.00003, the larger first.",
                tags=(_CLOSE,),
            ),
            Case(
                ([0.9, 0.0, -0.30001, 0.30004], [True, False, True, True], [0.2, 0.4, 0.05, 0.1], 1),
                "Two kept weights differ in size by 0.00003, the smaller first.",
                tags=(_CLOSE,),
            ),
            Case(
                ([0.5, 0.0, 0.0, 0.8], [True, False, False, True], [0.01, 0.20001, -0.20004, 0.3], 1),
                "Two gradients differ in size by 0.00003, the smaller first.",
                tags=(_CLOSE,),
            ),
            Case(
                ([0.8, 0.0, 0.0, 0.5], [True, False, False, True], [0.3, 0.20004, 0.20001, 0.01], 1),
                "Two gradients differ by 0.00003, the larger first.",
                tags=(_CLOSE,),
            ),
            Case(
                (
                    [0.0005, 0.0, 0.0, -0.0004, 0.0],
                    [True, False, False, True, False],
                    [0.00003, 0.00009, -0.0002, 0.00001, 0.00012],
                    1,
                ),
                "Weights and gradients are below 0.001.",
                tags=(_CLOSE,),
            ),
            Case(
                (
                    [12000.0, 0.0, -4500.0, 3500.0, 0.0],
                    [True, False, True, True, False],
                    [250.0, 600.0, 800.0, 300.0, -1400.0],
                    1,
                ),
                "Weights and gradients are above 100.",
            ),
            Case(
                (
                    [0.0, -0.6, 0.25, 0.0, 1.4, -0.1, 0.0, 0.75, 0.0, -0.35, 0.0, 0.5],
                    [False, True, True, False, True, True, False, True, False, True, False, True],
                    [0.35, 0.03, -0.3, 0.05, 0.8, 0.01, -0.6, 0.7, 0.15, 0.4, 0.1, -0.02],
                    5,
                ),
                "Twelve weights: five of seven go.",
            ),
            Case(
                ([0.9, 0.0, 0.0, -0.4], [True, False, False, True], [0.3, 2.0, -7.0, 0.1], 1),
                "Two gradients of what is out are above 1 in size, the smaller first.",
            ),
            Case(
                ([0.9, 0.0, 0.0, -0.4], [True, False, False, True], [0.3, -7.0, 2.0, 0.1], 1),
                "Two gradients of what is out are above 1 in size, the larger first.",
            ),
            Case(
                ([0.5000004, 0.5000001, 0.0, -0.9], [True, True, False, True], [0.02, 0.01, 0.3, 0.1], 1),
                "Two kept weights differ by 0.0000003.",
                tags=(_CLOSE,),
            ),
            Case(
                ([0.6, 0.0, 0.0, -0.9], [True, False, False, True], [0.02, 0.2000001, 0.2000004, 0.1], 1),
                "Two gradients differ by 0.0000003.",
                tags=(_CLOSE,),
            ),
            Case(
                ([0.0, 0.0000005, -0.6, 0.3], [False, True, True, True], [0.9, 0.1, 0.2, 0.05], 1),
                "A kept weight is 0.0000005.",
                tags=(_CLOSE,),
            ),
            Case(
                (
                    [0.7, 0.0, 0.0, 0.4],
                    [True, False, False, True],
                    [0.0000001, 0.0000002, -0.0000006, 0.0000003],
                    1,
                ),
                "All gradients are below 0.000001.",
                tags=(_CLOSE,),
            ),
        ),
        hints=(
            "First take out: of the kept places, the n with the smallest abs(weight).",
            "Then what is out? All places that are not left in, also those that have just gone.",
            "Sort these by -abs(gradient) and let the first n in.",
        ),
        misconceptions=variants(
            _moved,
            {
                "largest go": "You let the largest kept weights go; the smallest go.",
                "signed weights": "You let the most negative weights go; the size counts.",
                "gradients go": "You let weights of small gradient go; what goes is told by the weights.",
                "products go": "You let weights of small weight times gradient go; what goes is told by the weights alone.",
                "rounded weights": "You round the weights, and of equal ones the first goes; compare them as they are.",
                "rounded weights, last": "You round the weights, and of equal ones the last goes; compare them as they are.",
                "first go": "You let the first kept weights go.",
                "last go": "You let the last kept weights go.",
                "from all": "Nothing goes. If you look for the smallest among all weights, you find those that are out; look among "
                "the kept ones.",
                "threshold of all": "You take a threshold among all weights, of which those that are out are 0, so that too few go; take "
                "it among the kept ones.",
                "kept if not 0": "You take a weight of 0 for one that is out. A kept weight may be 0; `kept` tells what is in.",
                "first of equals": "You find a weight's place by its value (weights.index), and a kept 0 is then taken for an "
                "earlier 0 that is out. Sort the places themselves.",
                "no more than are out": "You let go no more weights than are out before; n go, and some of them come back.",
                "at least one": "You let one go where n is 0; then none goes and none comes.",
                "the rest are 1": "You give what is out a size of your own (1 or 1000, say), so that nothing of it goes; but kept "
                "weights may be larger. Look among the kept ones only.",
                "the rest are 0": "A gradient of 0 may be among those that come. You leave it out, or cannot tell it from what is in; "
                "look among those that are out, whatever their gradients are.",
                "all go for 0": "Where n is 0, all go: n - 1 is then the last place, and the slice [:-n] is empty.",
                "all come for 0": "Where n is 0, all come: n - 1 is then the last place, and the slice [-n:] the whole list.",
                "smallest gradients": "You let in those of smallest gradient; the largest promise most.",
                "signed gradients": "You let in the largest gradients with their sign; a large negative one promises as much.",
                "falling gradients": "You let in the most negative gradients; the size counts.",
                "rounded gradients": "You round the gradients, and of equal ones the first comes; compare them as they are.",
                "rounded gradients, last": "You round the gradients, and of equal ones the last comes; compare them as they are.",
                "weights come": "You let in by the weight, or by weight times gradient; what was out has weight 0. The gradient alone tells.",
                "first come": "You let in the first places that are out.",
                "not at once": "You keep what has just gone from coming back; the text lets it.",
                "among all": "You look for large gradients among kept weights too; then too few come.",
                "one less goes": "One too few goes, and the mask grows.",
                "one more goes": "One too many goes, and the mask shrinks.",
                "one less goes and comes": "One too few goes, and one too few comes.",
                "grown first": "You let some in before others go, and then those that came may go again, since their weight is 0. First "
                "kept weights go; then others come.",
                "clipped weights": "You clip the weights before you compare; compare them as they are.",
                "clipped gradients": "You clip the gradients before you compare; compare them as they are.",
                "rounded both": "You round weights and gradients; compare them as they are.",
                "kept if not nearly 0": "You take a weight close to 0 for one that is out. A kept weight may be as small as it likes; "
                "`kept` tells what is in.",
                "no small gradients": "You take a gradient close to 0 for 0; compare them as they are.",
                "one more comes": "One too many comes, and the mask grows.",
                "none comes": "Nothing comes, and the mask shrinks.",
                "places": "These are the places that are kept; return True or False for each place.",
                "turned": "This is True where the mask removes.",
                "what came": "These are those that came only; the rest that stayed is kept too.",
                "numbers": "These are weights; return True or False for each place.",
            },
            {
                "grown first": [partial(_grown_first, pool=pool) for pool in ("by place", "as many as came")],
                "rounded weights": [partial(_moved_as_if, of_weight=_rounding(d)) for d in (3, 4, 5, 6)],
                "rounded gradients": [partial(_moved_as_if, of_gradient=_rounding(d)) for d in (3, 4, 5, 6)],
                "rounded both": [
                    partial(_moved_as_if, of_weight=_rounding(d), of_gradient=_rounding(d))
                    for d in (3, 4, 5, 6)
                ],
                "clipped weights": [
                    partial(_moved_as_if, of_weight=_clipping(b)) for b in (2.0, 5.0, 10.0, 100.0, 1000.0)
                ],
                "clipped gradients": [
                    partial(_moved_as_if, of_gradient=_clipping(b)) for b in (2.0, 5.0, 10.0, 100.0)
                ],
                "kept if not nearly 0": [
                    partial(_nearly_0_is_out, least=least, and_0=and_0)
                    for least in (0.001, 0.0001, 0.00001, 0.000001)
                    for and_0 in (True, False)
                    if (least, and_0) != (0.001, True)
                ],
                "no small gradients": [
                    partial(_moved_as_if, of_gradient=_flooring(least))
                    for least in (0.0001, 0.00001, 0.000001)
                ],
            },
        ),
        alternatives=(_mask_by_numpy, _mask_with_sets),
        difficulty="medium",
        lines=4,
        minutes=12,
        vary=_vary_layer,
        told={
            _NONE: "`n` may be 0",
            _MORE: "more than were out before",
            _KEPT_0: "a kept weight may be 0",
            _CLOSE: "differ by very little",
        },
        absent={
            "ties": "the text says that no two kept weights and no two gradients have the same size",
            "NaN": "weights and gradients are finite",
            "empty list": "a layer has weights",
        },
    ),
    Exercise(
        id="14.4",
        reference=kept_inputs,
        cases=(
            Case(([0.2, 1.0], [[10.0, 0.1]], 1), "The smaller weight meets the larger input.", point=True),
            Case(([0.5, -2.0, 1.0], [[1.0, 1.0, 1.0], [1.0, -1.0, 1.0]], 2), "All inputs are equally large."),
            Case(
                ([1.0, -1.0, 1.0], [[3.0, 0.0, 2.0], [-4.0, 1.0, 2.0]], 1),
                "An input whose values cancel in a sum.",
            ),
            Case(
                ([1.0, 0.9], [[3.0, 2.9], [0.0, 2.9]], 1), "The largest single value is not the largest norm."
            ),
            Case(([1.0, 0.98], [[2.0, 3.0], [2.0, 0.1]], 1), "The sum of sizes and the norm do not agree."),
            Case(([0.1, 0.5, 0.4, 2.0], [[9.0, 1.0, 3.0, 0.2]], 2), "Four inputs, of which two are kept."),
            Case(
                ([-3.0, 0.2, 0.1], [[1.0, 2.0, 1.0], [1.0, 2.0, 5.0]], 1),
                "The weight that counts is below 0.",
            ),
            Case(
                ([0.6, 2.0, 1.0], [[4.0, 0.5, 1.1], [4.0, 0.5, 1.1]], 2),
                "The input of least weight counts most.",
            ),
            Case(([1.0, 2.0, 3.0], [[1.0, 0.0, 1.0], [2.0, 0.0, 0.1]], 2), "An input that is always 0."),
            Case(([0.4, 0.3], [[1.0, 2.0]], 2), "All are kept."),
            Case(([1.0, 1.0], [[5.0, 1.0], [0.1, 1.2]], 1), "The last example is not like the first."),
            Case(
                ([1.0, 1.0, 0.5], [[-3.0, 1.0, 1.0], [-2.0, 1.0, 1.5]], 1),
                "An input whose values are below 0.",
            ),
            Case(
                ([2.0, 1.0], [[1.0, 1.5], [1.0, 1.5], [0.1, 0.2]], 1),
                "Squares of the norms would change the order.",
            ),
            Case(
                ([1.0, 0.5], [[1.0, 1.5], [1.0, 1.5]], 1),
                "Both the weight and the input count, the weight more.",
            ),
            Case(
                ([0.5, 0.4], [[5.0, 1.0], [5.0, 4.0]], 1),
                "An input that never changes is large all the same.",
            ),
            Case(
                ([0.3, 0.2, -0.7, 0.1, 0.4], [[2.0, -7.0, 0.5, 3.0, 1.0], [1.0, 6.0, -0.5, 9.0, 2.0]], 3),
                "Five inputs in two examples.",
            ),
            Case(
                ([0.2, 1.05, 1.0], _one_decides(5, 3, example=0, input=2, value=3.0), 1),
                "Of five examples the first decides.",
                tags=(_EXAMPLES,),
            ),
            Case(
                ([0.2, 1.0, 1.05], _one_decides(5, 3, example=1, input=1, value=3.0), 1),
                "Of five examples the second decides.",
                tags=(_EXAMPLES,),
            ),
            Case(
                ([1.05, 1.0, 0.2], _one_decides(5, 3, example=2, input=1, value=3.0), 1),
                "Of five examples the third decides.",
                tags=(_EXAMPLES,),
            ),
            Case(
                ([1.0, 0.2, 1.05], _one_decides(5, 3, example=3, input=0, value=3.0), 1),
                "Of five examples the fourth decides.",
                tags=(_EXAMPLES,),
            ),
            Case(
                ([1.05, 0.2, 1.0], _one_decides(5, 3, example=4, input=2, value=3.0), 1),
                "Of five examples the last decides.",
                tags=(_EXAMPLES,),
            ),
            Case(
                ([0.5, 0.55], _one_decides(8, 2, example=6, input=0, value=1.7), 1),
                "Of eight examples the seventh decides.",
                tags=(_EXAMPLES,),
            ),
            Case(
                ([0.55, 0.5], _one_decides(8, 2, example=0, input=1, value=1.7), 1),
                "Of eight examples the first decides.",
                tags=(_EXAMPLES,),
            ),
            Case(
                ([0.55, 0.5], [*[[-1.0, 1.0]] * 7, [1.0, -1.7]], 1),
                "Of eight examples the last decides.",
                tags=(_EXAMPLES,),
            ),
            Case(([0.5, -0.8], [[1.0, 2.0], [3.0, 1.0]], 0), "None of two is kept.", tags=(_NONE,)),
            Case(([0.4, 0.9, -0.2], [[1.0, 0.5, 2.5]], 0), "None of three is kept.", tags=(_NONE,)),
            Case(
                ([0.50001, -0.50004, 0.2], [[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]], 1),
                "Two scores differ by less than 0.0001, the smaller first.",
                tags=(_CLOSE,),
            ),
            Case(
                ([0.2, 0.50004, 0.50001], [[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]], 1),
                "Two scores differ by less than 0.0001, the larger first.",
                tags=(_CLOSE,),
            ),
            Case(
                ([0.0003, 0.0001, 0.0006], [[0.5, 1.0, 0.4], [0.1, 0.2, 0.3]], 1),
                "All scores are below 0.001.",
                tags=(_CLOSE,),
            ),
            Case(
                ([0.9, 0.30001, 0.30004], [[1.0, 1.0003, 1.0]], 2),
                "The larger of two close scores belongs to the smaller weight.",
                tags=(_CLOSE,),
            ),
            Case(
                ([1.0, 1.0], [[1.0, 2.0], [1.0, 2.0], [2.6, 1.0]], 1),
                "The same example stands there twice, and it counts twice.",
                tags=(_AGAIN,),
            ),
            Case(
                ([0.4, 0.3, 0.2], [[1.0, 2.0, 1.0], [1.0, 2.0, 1.0], [1.0, 2.0, 1.0], [1.0, 0.1, 4.0]], 1),
                "The same example stands there three times.",
                tags=(_EXAMPLES, _AGAIN),
            ),
            Case(
                ([1.0, 1.0], [[1.0, 2.0], [2.5, 2.0], [1.5, 2.0]], 1),
                "An input has the same value in three different examples.",
            ),
            Case(
                ([1.0, 1.0], [[2.0, 1.0], [2.0, 1.0], [2.5, 9.0]], 1),
                "An input is large in one of three examples.",
            ),
            Case(
                ([1.0, 1.0], [[9.0, 10.0], [1.0, 0.1], [2.0, 2.2]], 1),
                "Examples of very different size: a large one counts more.",
            ),
            Case(
                ([1.0, 1.0, 0.5], [[0.1, 20.0, 3.0], [8.0, 1.0, 3.0], [8.0, 1.0, 3.0]], 1),
                "The largest example decides, though two others speak against it.",
            ),
            Case(
                ([0.5, 0.5, 0.5, 0.9], [[1.0, 3.0, 2.0, 0.1]], 2),
                "Three weights are equal, and their inputs differ.",
            ),
            Case(([0.0, 0.3, -0.2], [[50.0, 1.0, 2.0]], 1), "The weight of the largest input is 0."),
            Case(([0.5], [[2.0], [1.0]], 1), "One input."),
            Case(
                ([20.0, 30.0, 10.0], [[0.00004, 0.00003, 0.00002]], 1),
                "The inputs are below 0.0001, and the weights are large.",
                tags=(_CLOSE,),
            ),
            Case(([0.0, 0.4], [[1.0, 2.0]], 2), "All are kept, also an input of weight 0."),
            Case(([0.3, 0.4], [[0.0, 2.0], [0.0, 1.0]], 2), "All are kept, also an input that is always 0."),
            Case(
                ([1.0, 1.0], [[5.0, 3.0], [0.1, 3.0], [0.2, 3.0]], 1),
                "One large value against three of a middle size.",
            ),
            Case(
                ([0.1, 0.2, 0.3, 0.5, 0.45], [[1.0, 1.0, 2.0, 1.0, 1.0], [-1.0, 2.0, -2.0, 1.5, 0.5]], 2),
                "Two inputs in the middle are kept.",
            ),
            Case(
                ([120.0, -300.0, 80.0], [[40.0, 25.0, 90.0], [30.0, 10.0, 70.0]], 1),
                "Weights and inputs are above 10.",
            ),
            Case(
                (
                    [0.3, -1.2, 0.8, 0.1, -0.6, 0.9, 0.45, -0.2],
                    [
                        [1.0, 0.2, -0.5, 4.0, 1.5, 0.1, 2.0, 6.0],
                        [0.5, -0.3, 0.7, -2.0, 1.0, 0.4, -2.5, 3.0],
                        [2.0, 0.1, 0.6, 5.0, -0.5, 0.2, 1.0, -7.0],
                    ],
                    4,
                ),
                "Eight inputs in three examples, of which four are kept.",
            ),
            Case(
                ([1.0, 1.0], [[1.0, 0.7], [0.0, 0.7]], 1),
                "One value of 1 against two of 0.7: the one is more.",
            ),
            Case(
                ([1.0, 1.0], [[1.0, 0.715], [0.0, 0.715]], 1),
                "One value of 1 against two of 0.715: the two are more.",
            ),
            Case(([1.0, 1.0], [[1.0, 0.56], [0.0, 0.56]], 1), "One value of 1 against two of 0.56."),
            Case(([1.0, 1.0], [[1.0, 0.66], [0.0, 0.66]], 1), "One value of 1 against two of 0.66."),
            Case(([1.0, 1.0], [[0.0, 0.95], [1.0, 0.95]], 1), "One value of 1 against two of 0.95."),
            Case(([1.0, 1.0], [[1.0, 0.7], [0.0, 0.73]], 1), "One value of 1 against 0.7 and 0.73."),
            Case(
                ([0.5000001, 0.5000004, 0.1], [[1.0, 1.0, 1.0]], 1),
                "Two scores differ by 0.0000003.",
                tags=(_CLOSE,),
            ),
            Case(
                ([0.5, 0.5, 0.1], [[1.0000001, 1.0000004, 1.0]], 1),
                "Two norms differ by 0.0000003.",
                tags=(_CLOSE,),
            ),
            Case(
                ([0.5, 0.55], _one_decides(11, 2, example=10, input=0, value=2.2), 1),
                "Of eleven examples the last decides.",
                tags=(_EXAMPLES,),
            ),
            Case(
                ([0.5, 0.55], _one_decides(11, 2, example=0, input=0, value=2.2), 1),
                "Of eleven examples the first decides.",
                tags=(_EXAMPLES,),
            ),
            Case(
                (
                    [0.1, 0.9, 0.5, 1.2, 0.2, 0.7, 0.3, 0.8, 0.6, 1.1, 0.4, 1.3],
                    [[1.0, 0.5, 2.0, 1.5, 3.0, 1.0, 0.1, 2.5, 0.2, 1.0, 4.0, 2.0]],
                    11,
                ),
                "Twelve inputs, of which eleven are kept.",
            ),
        ),
        hints=(
            "How large is each input? Take the norm of its column: the root of the sum of squares over the examples.",
            "zip(*inputs) gives the columns. The score is abs(weight) times the norm.",
            "Sort the places by falling score, take the first n, and sort these.",
        ),
        misconceptions=variants(
            _kept,
            {
                "magnitude": "Only the weights decide, which is magnitude pruning; multiply each by the norm of its own input.",
                "norm only": "Only the inputs decide; multiply by the size of the weight.",
                "sum": "You add the values of an input, so that they cancel; take the norm.",
                "signed sum": "You add the values of an input with their signs; take the norm.",
                "absolute sum": "You add the sizes; the norm is the root of the sum of squares.",
                "maximum": "You take the largest value of an input; take the norm over all examples.",
                "spread": "You take how much an input varies; one that is always large counts too.",
                "first example": "You look at the first example only.",
                "last example": "You look at the last example only.",
                "first two": "You look at the first two examples only; all count.",
                "first three": "You look at the first three examples only; all count.",
                "not the first": "You leave out the first example; all count.",
                "not the last": "You leave out the last example; all count.",
                "another power": "Your norm has another power than 2: take squares, their sum, and the square root of it.",
                "few examples": "You look at the first few examples only; all count, however many there are.",
                "few last examples": "You look at the last few examples only; all count, however many there are.",
                "few inputs": "You look at the first inputs only, a fixed number of them; there may be more.",
                "capped": "You keep fewer than n where n is large: is there a bound that the text does not have?",
                "rows of squares": "Where there are as many examples as inputs, you take norms of examples; the norm of an input goes over "
                "its column, over all examples.",
                "rounded norms": "You round the norms; round neither norms nor scores.",
                "median": "You take the median of an input's sizes; take the norm over all examples.",
                "signed median": "You take the median of an input's values; take the norm over all examples.",
                "minimum": "You take the smallest size of an input; take the norm over all examples.",
                "different values": "You count equal values of an input once (a set does that); each example counts.",
                "different examples": "You count equal examples once (a set or a dict does that); each counts.",
                "normalised examples": "You divide each example by its own size; take the inputs as they are.",
                "rows": "You take norms of examples; the norm of an input goes over its column, over all examples.",
                "rows, to the end": "You take norms of examples and run over the places of the weights, which are not as many; the norm "
                "of an input goes over its column.",
                "rows, strictly": "You take norms of examples and multiply them with the weights, of which there are not as many; the "
                "norm of an input goes over its column.",
                "rounded scores": "You round before you compare, and of equal scores the first is kept; round neither weights nor scores.",
                "rounded scores, last": "You round before you compare, and of equal scores the last is kept; round neither weights nor "
                "scores.",
                "first places": "These are the first n places, whatever the scores are.",
                "last places": "These are the last n places, whatever the scores are.",
                "scores": "These are scores; return the places of their inputs.",
                "falling scores": "These are the largest scores; return the places of their inputs.",
                "rows by numpy": "You take norms of examples, as np.linalg.norm(..., axis=1) does; the norm of an input goes over its "
                "column, axis=0.",
                "all for 0": "Where n is 0, you keep all inputs: n - 1 is then the last place, and the slice [-n:] the whole list.",
                "first of equals": "You find an input's place by its weight (weights.index), which finds the first of equal weights; sort "
                "the places themselves.",
                "squared norm": "Norms count more than weights in your scores: is the root of the norm left out?",
                "squared weight": "Weights count more than norms in your scores: is the weight squared, or a root taken twice?",
                "signed weight": "You take the weight with its sign; a large negative one counts too.",
                "divided": "You divide by the weight; multiply.",
                "added": "You add weight and norm; multiply.",
                "lowest": "You keep the lowest scores; keep the highest.",
                "one more": "You keep one too many.",
                "one less": "You keep one too few.",
                "removes n": "You remove n inputs; keep n.",
                "removed": "These are the places that are removed.",
                "by score": "The places are in the order of their scores, the largest first; return the places rising.",
                "by rising score": "The places are in the order of their scores, the smallest first; return the places rising.",
                "weights": "These are the weights; return the places.",
                "mask": "This is a mask; return the places.",
                "from 1": "You count the places from 1; count from 0.",
            },
            {
                "another power": [
                    partial(_kept_as_if, norm=_power(p)) for p in (0.5, 1.5, 1.9, 2.1, 2.5, 4.0, 5.0, 10.0)
                ],
                "few examples": [partial(_kept_as_if, norm=_part(0, count)) for count in (4, 6, 7, 8, 9, 10)],
                "few last examples": [
                    partial(_kept_as_if, norm=_part(-count)) for count in (2, 3, 4, 6, 7, 8, 9, 10)
                ],
                "few inputs": [partial(_few_inputs, count=count) for count in (3, 4, 5, 6, 7, 9, 10)],
                "capped": [partial(_capped, most=most) for most in (3, 4, 6, 7, 8, 9, 10)],
                "rounded scores": [partial(_kept_as_if, of_score=_rounding(d)) for d in (3, 4, 5, 6)],
                "rounded norms": [partial(_kept_as_if, norm=_rounded_norm(d)) for d in (3, 4, 5, 6)],
                "rows": [_rows_to_the_weights],
                "one more": [partial(_from_the_end, off=1)],
            },
        ),
        alternatives=(_inputs_by_numpy, _inputs_by_squares),
        difficulty="medium",
        lines=3,
        minutes=10,
        vary=_vary_output,
        told={
            _NONE: "`n` may be 0",
            _EXAMPLES: "every example counts",
            _AGAIN: "also one that comes twice",
            _CLOSE: "may differ by very little",
        },
        absent={
            "ties": "the text says that no two scores are equal",
            "NaN": "weights and inputs are finite",
            "empty list": "there is one input and one example at least",
        },
    ),
)


QUESTIONS = (
    Question(
        "14.Q1",
        "Edge-popup finds a part of an untrained network that classifies well. What was trained?",
        (
            Option(
                "Nothing: the network is untrained.",
                False,
                "The weights are. But one score for each weight was trained, on all images, by gradients.",
            ),
            Option(
                "A score for each weight, and with them the mask.",
                True,
                "The search is over masks instead of weights. It sees the labels and costs backward passes, as a training does.",
            ),
            Option(
                "The biases and the output layer.",
                False,
                "They stay as they were drawn, here as in the paper.",
            ),
        ),
    ),
    Question(
        "14.Q2",
        "A theorem says: a wide enough random network contains a subnetwork as good as any given small network. What follows for your next project?",
        (
            Option(
                "Training is not needed any more.",
                False,
                "The theorem says that such a part exists. It gives no way to find it that is cheaper than training.",
            ),
            Option(
                "That good subnetworks exist; not how to find one, nor that it is smaller than the given network.",
                True,
                "Existence, search and size are three questions. The theorem answers the first.",
            ),
            Option(
                "Edge-popup will find it.",
                False,
                "Edge-popup is a heuristic. Nothing in the theorem speaks about it.",
            ),
        ),
    ),
    Question(
        "14.Q3",
        "In a report on another network, RigL with 5,000 updates is better than magnitude pruning that trained for 1,000 updates in each of "
        "five rounds. What must a fair table show as well?",
        (
            Option(
                "Nothing more: both took 5,000 updates.",
                False,
                "Perhaps. But does a mask that does not move gain as much from 5,000 updates?",
            ),
            Option(
                "A static random mask with 5,000 updates, and the dense network with as many.",
                True,
                "Longer training alone can help: in the lesson's table it lifted the static mask from 82.66 to 85.33 %. Only what RigL gains over "
                "a static mask of the same length is due to the moving.",
            ),
            Option(
                "RigL with other seeds only.",
                False,
                "Seeds are needed, but they do not tell whether it is the moving or the length that helps.",
            ),
        ),
    ),
    Question(
        "14.Q4",
        "One report says that half of a language model's weights can go without loss; another says that losing half of them ruins the "
        "model. Which difference between the two reports can explain this, by what the lesson shows?",
        (
            Option(
                "Their seeds.",
                False,
                "In the lesson's tables all five seeds agree: the half that trained again lost nothing, and the half that did not "
                "lost much. Seeds differ by far less than these two.",
            ),
            Option(
                "One trained again after the cut, and the other did not.",
                True,
                "With fine-tuning afterwards, 30 to 50 % can often go; without, magnitude pruning to 50 % ruined OPT-1.3B.",
            ),
            Option(
                "How they store the zeros.",
                False,
                "That changes the bytes. The outputs, and so the loss, are the same.",
            ),
        ),
    ),
    Question(
        "14.Q5",
        "A mask was found with one initialisation. You put it on another initialisation of the same network, and it trains worse. What is the most careful reading?",
        (
            Option(
                "The mask is useless without its weights.",
                False,
                "The comparison is with its own weights, not with a random mask, so it does not say that. And in the lesson's table a "
                "permuted mask gains, after a rewind, about half of the gap back.",
            ),
            Option(
                "Mask and initialisation belong together here; permuting the units may bring back a part of it.",
                True,
                "Hidden units have no fixed names: unit 7 of one network does the work of unit 31 of another. Adnan et al. 2025 match them.",
            ),
            Option(
                "Lottery tickets do not exist.",
                False,
                "One mask on one other initialisation does not say that.",
            ),
        ),
    ),
)
