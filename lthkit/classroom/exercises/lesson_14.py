"""Exercises of lesson 14, beyond: scores that move instead of weights, subset sums, a mask that moves, and Wanda's score."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from itertools import chain, combinations
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
        n: how many go, and how many come.

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
        n: how many are kept.

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
    changes = [gradient * w * x for w, x in zip(weights, inputs, strict=True)]
    if mistake == "without input":
        changes = [gradient * w for w in weights]
    if mistake == "without weight":
        changes = [gradient * x for x in inputs]
    if mistake == "without gradient":
        changes = [w * x for w, x in zip(weights, inputs, strict=True)]
    if mistake == "times score":
        changes = [c * s for c, s in zip(changes, scores, strict=True)]
    if mistake == "sign of score":
        changes = [c * ((s > 0) - (s < 0)) for c, s in zip(changes, scores, strict=True)]
    if mistake == "size of weight":
        changes = [gradient * abs(w) * x for w, x in zip(weights, inputs, strict=True)]
    if mistake == "sizes":
        changes = [abs(c) for c in changes]
    if mistake == "signs":
        changes = [float((c > 0) - (c < 0)) for c in changes]
    part = {"kept only": kept, "removed only": [not k for k in kept]}
    allowed = part.get(str(mistake), [True] * len(scores))
    changes = [c if a else 0.0 for c, a in zip(changes, allowed, strict=True)]
    rate = pick(mistake, {"without rate": 1.0, "uphill": -lr}, lr)
    found = [s - rate * c for s, c in zip(scores, changes, strict=True)]
    return pick(
        mistake,
        {
            "gradients": changes,
            "weights": [w - lr * gradient * s * x for w, s, x in zip(weights, scores, inputs, strict=True)],
            "change": [-lr * c for c in changes],
            "sizes of scores": [abs(s) for s in found],
            "no score below 0": [max(0.0, s) for s in found],
            "kept scores": [s if k else 0.0 for s, k in zip(found, kept, strict=True)],
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


def _greedy(numbers: Sequence[float], target: float) -> float:
    left = target
    for number in numbers:
        if abs(left - number) < abs(left):
            left -= number
    return abs(left)


def _distant(numbers: Sequence[float], target: float, *, mistake: str) -> Any:
    """The right answer with something wrong: which subsets are tried, how they are compared, or what is returned."""
    if mistake == "greedy":
        return _greedy(numbers, target)
    if mistake == "greedy, largest first":
        return _greedy(sorted(numbers, key=abs, reverse=True), target)
    subsets = _all_subsets(numbers)
    tried: dict[str, Callable[[], list[Any]]] = {
        "not none": lambda: [s for s in subsets if s] or [()],
        "single": lambda: [s for s in subsets if len(s) <= 1],
        "pairs": lambda: [s for s in subsets if len(s) <= 2],
        "not all": lambda: [s for s in subsets if len(s) < len(numbers)] or [()],
        "from the front": lambda: [numbers[:k] for k in range(len(numbers) + 1)],
        "neighbours": lambda: [
            numbers[i:j] for i in range(len(numbers) + 1) for j in range(i, len(numbers) + 1)
        ],
        "all": lambda: [numbers],
        "both signs": lambda: [
            [s * x for s, x in zip(signs, numbers, strict=True)]
            for signs in np.array(np.meshgrid(*[[-1, 0, 1]] * len(numbers))).reshape(len(numbers), -1).T
        ],
        "twice": lambda: _all_subsets([*numbers, *numbers]),
    }
    chosen = next((make() for key, make in tried.items() if mistake == key), list(subsets))
    sums = [float(sum(s)) for s in chosen]
    if mistake == "from below":
        return min((target - s for s in sums if s <= target), default=abs(target))
    best = min(range(len(sums)), key=lambda i: abs(sums[i] - target))
    found = abs(sums[best] - target)
    return pick(
        mistake,
        {
            "sum": sums[best],
            "squared": found**2,
            "relative": found / abs(target) if target else found,
            "sign": sums[best] - target,
            "count": float(len(chosen[best])),
            "per number": found / max(1, len(numbers)),
            "largest": max(abs(s - target) for s in sums),
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


def _moved(
    weights: Sequence[float], kept: Sequence[bool], gradients: Sequence[float], n: int, *, mistake: str
) -> Any:
    """The right answer with something wrong: what goes, what comes, or what is returned."""
    places = list(range(len(weights)))
    sizes: dict[str, Callable[[int], float]] = {
        "largest go": lambda i: -abs(weights[i]),
        "signed weights": lambda i: weights[i],
        "gradients go": lambda i: abs(gradients[i]),
        "products go": lambda i: abs(weights[i] * gradients[i]),
        "first go": lambda i: i,
        "last go": lambda i: -i,
    }
    comes: dict[str, Callable[[int], float]] = {
        "smallest gradients": lambda i: abs(gradients[i]),
        "signed gradients": lambda i: -gradients[i],
        "falling gradients": lambda i: gradients[i],
        "weights come": lambda i: -abs(weights[i]),
        "first come": lambda i: i,
    }
    going = places if mistake == "from all" else [i for i in places if kept[i]]
    less = pick(mistake, {"one less goes": max(0, n - 1)}, n)
    gone = sorted(going, key=pick(mistake, sizes, lambda i: abs(weights[i])))[:less]
    inside = [i for i in places if kept[i] and i not in gone]
    out = [i for i in places if i not in inside]
    if mistake == "not at once":
        out = [i for i in out if i not in gone]
    if mistake == "among all":
        out = places
    more = pick(mistake, {"one more comes": n + 1, "none comes": 0}, n)
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


def _kept(weights: Sequence[float], inputs: Sequence[Sequence[float]], n: int, *, mistake: str) -> Any:
    """The right answer with something wrong: how large an input is, the weight's part, which are kept, or what is returned."""
    columns = list(zip(*inputs, strict=True))
    norm: dict[str, Callable[[Sequence[float]], float]] = {
        "magnitude": lambda column: 1.0,
        "sum": lambda column: abs(sum(column)),
        "absolute sum": lambda column: sum(abs(x) for x in column),
        "maximum": lambda column: max(abs(x) for x in column),
        "last example": lambda column: abs(column[-1]),
        "first example": lambda column: abs(column[0]),
        "squared norm": lambda column: sum(x * x for x in column),
        "signed sum": lambda column: sum(column),
        "spread": lambda column: math.sqrt(sum((x - sum(column) / len(column)) ** 2 for x in column)),
    }
    large = [pick(mistake, norm, lambda column: math.sqrt(sum(x * x for x in column)))(c) for c in columns]
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
    order = sorted(range(len(weights)), key=lambda i: -scores[i])
    if mistake == "lowest":
        order = order[::-1]
    count = pick(mistake, {"one more": n + 1, "one less": max(0, n - 1), "removes n": len(weights) - n}, n)
    chosen = order[:count]
    return pick(
        mistake,
        {
            "by score": chosen,
            "removed": sorted(order[n:]),
            "weights": [weights[i] for i in sorted(chosen)],
            "mask": [i in chosen for i in range(len(weights))],
            "from 1": [i + 1 for i in sorted(chosen)],
        },
        sorted(chosen),
    )


# Arguments of hidden cases


def _vary_step(rng: random.Random) -> tuple[Any, ...]:
    n = rng.randint(2, 6)
    scores, weights, inputs = ([round(rng.uniform(-1, 1), 2) for _ in range(n)] for _ in range(3))
    kept = [rng.random() < 0.5 for _ in range(n)]
    return (scores, weights, inputs, kept, round(rng.uniform(-2, 2), 2), rng.choice((0.1, 0.5, 1.0)))


def _vary_numbers(rng: random.Random) -> tuple[Any, ...]:
    n = rng.randint(2, 8)
    return ([round(rng.uniform(-1, 1), 3) for _ in range(n)], round(rng.uniform(-0.8, 0.8), 3))


def _vary_layer(rng: random.Random) -> tuple[Any, ...]:
    size = rng.randint(4, 9)
    kept = [True, False, True] + [rng.random() < 0.5 for _ in range(size - 3)]
    rng.shuffle(kept)
    values = rng.sample(range(1, 60), 2 * size)
    weights = [rng.choice((-1, 1)) * v / 20 if k else 0.0 for k, v in zip(kept, values, strict=False)]
    gradients = [rng.choice((-1, 1)) * v / 50 for v in values[size:]]
    return (weights, kept, gradients, rng.randint(1, min(sum(kept), size - sum(kept))))


def _vary_output(rng: random.Random) -> tuple[Any, ...]:
    size, examples = rng.randint(3, 6), rng.randint(2, 4)
    while True:
        weights = [rng.choice((-1, 1)) * round(rng.uniform(0.1, 3), 2) for _ in range(size)]
        inputs = [[round(rng.gauss(0, 2), 2) for _ in range(size)] for _ in range(examples)]
        norms = [math.dist(column, [0.0] * examples) for column in zip(*inputs, strict=True)]
        scores = sorted(abs(w) * x for w, x in zip(weights, norms, strict=True))
        if min(b - a for a, b in zip(scores, scores[1:], strict=False)) > 0.01:
            return (weights, inputs, rng.randint(1, size - 1))


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
                "without input": "You leave the input out: the unit's output changes by weight times input when a connection is switched.",
                "without weight": "You leave the weight out: that would be the gradient of the weight. The score wants weight times input.",
                "without gradient": "You leave the gradient out; it says whether the loss wants the output larger or smaller.",
                "times score": "You multiply by the score; straight through, the score's own value plays no part.",
                "sign of score": "You turn the step of a negative score round, as it is right where sizes of scores are ranked. Here the "
                "scores themselves are ranked.",
                "size of weight": "You take the size of the weight; its sign says to which side the output moves.",
                "sizes": "You take the size of the change, so every score falls; the sign matters.",
                "signs": "You take the sign of the change only; its size counts too.",
                "uphill": "You add where the loss wants you to subtract: scores go downhill as weights do.",
                "without rate": "You leave the learning rate out.",
                "gradients": "These are the gradients of the scores; return the scores after the step.",
                "change": "These are the changes; add them to the scores.",
                "weights": "You move the weights. In edge-popup they stay as they were drawn; the scores move.",
                "sizes of scores": "You return the sizes of the scores; return them as they are.",
                "no score below 0": "You stop scores at 0; they may go below.",
                "kept scores": "You set the scores of connections that are out to 0; they keep theirs.",
            },
        ),
        alternatives=(_scores_by_numpy, _scores_in_a_loop),
        difficulty="medium",
        lines=2,
        minutes=8,
        vary=_vary_step,
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
            Case(([0.31, 0.42, 0.17, 0.11], 1.01), "All numbers together are exact."),
            Case(([0.31, 0.9, 0.17, 0.9, 0.11], 0.6), "Three numbers that do not lie side by side."),
            Case(([0.5, 0.62, 0.3], 0.6), "The best sum lies above the target."),
            Case(([-0.5, 0.9, -0.35, 0.1, 0.7, -0.8], 0.33), "Six numbers of both signs."),
            Case(([0.4, 0.9], 0.0), "The target is 0."),
            Case(([0.3, 0.8], 0.58), "A number may be taken once only."),
            Case(([-0.6, 0.9], 0.6), "A number may not change its sign."),
            Case(([0.13, -0.47, 0.88, 0.29, -0.91, 0.64, -0.05, 0.36], 0.5), "Eight numbers: 256 sums."),
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
                "not all": "You never take all numbers together.",
                "from the front": "You add the numbers from the front on; a subset may leave any of them out.",
                "neighbours": "You try numbers that lie side by side only; a subset may have gaps.",
                "all": "You take all numbers; some of them may come closer.",
                "greedy": "You take a number whenever it brings you closer. Two that each lead away may be right together: try all subsets.",
                "greedy, largest first": "You take the largest first, whenever it brings you closer; try all subsets.",
                "both signs": "You let a number change its sign; it is taken as it is, or not at all.",
                "twice": "You let a number be taken twice.",
                "from below": "You try sums up to the target only; one above may be closer.",
                "sum": "This is the sum itself; return its distance from the target.",
                "squared": "This is the square of the distance.",
                "relative": "This is the distance as a share of the target.",
                "sign": "This has a sign; a distance is 0 or more.",
                "count": "This is how many numbers are taken.",
                "per number": "You divide by how many numbers there are.",
                "largest": "This is the largest distance; return the least.",
            },
        ),
        alternatives=(_distance_by_combinations, _distance_by_recursion),
        difficulty="easy",
        lines=4,
        minutes=10,
        atol=1e-9,
        vary=_vary_numbers,
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
            Case(([0.7, 0.0], [True, False], [0.5, 0.2], 0), "None goes."),
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
                "first go": "You let the first kept weights go.",
                "last go": "You let the last kept weights go.",
                "from all": "Nothing goes. If you look for the smallest among all weights, you find those that are out; look among the kept ones.",
                "smallest gradients": "You let in those of smallest gradient; the largest promise most.",
                "signed gradients": "You let in the largest gradients with their sign; a large negative one promises as much.",
                "falling gradients": "You let in the most negative gradients; the size counts.",
                "weights come": "You let in by the weight; what is out has weight 0. The gradient tells.",
                "first come": "You let in the first places that are out.",
                "not at once": "You keep what has just gone from coming back; the text lets it.",
                "among all": "You look for large gradients among kept weights too; then too few come.",
                "one less goes": "One too few goes, and the mask grows.",
                "one more comes": "One too many comes, and the mask grows.",
                "none comes": "Nothing comes, and the mask shrinks.",
                "places": "These are the places that are kept; return True or False for each place.",
                "turned": "This is True where the mask removes.",
                "what came": "These are those that came only; the rest that stayed is kept too.",
                "numbers": "These are weights; return True or False for each place.",
            },
        ),
        alternatives=(_mask_by_numpy, _mask_with_sets),
        difficulty="medium",
        lines=4,
        minutes=12,
        vary=_vary_layer,
        absent={
            "ties": "the text says that no two sizes are equal",
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
        ),
        hints=(
            "How large is each input? Take the norm of its column: the root of the sum of squares over the examples.",
            "zip(*inputs) gives the columns. The score is abs(weight) times the norm.",
            "Sort the places by falling score, take the first n, and sort these.",
        ),
        misconceptions=variants(
            _kept,
            {
                "magnitude": "You look at the weights only, which is magnitude pruning; multiply by the norm of the input.",
                "norm only": "You look at the inputs only; multiply by the size of the weight.",
                "sum": "You add the values of an input, so that they cancel; take the norm.",
                "signed sum": "You add the values of an input with their signs; take the norm.",
                "absolute sum": "You add the sizes; the norm is the root of the sum of squares.",
                "maximum": "You take the largest value of an input; take the norm over all examples.",
                "spread": "You take how much an input varies; one that is always large counts too.",
                "first example": "You look at the first example only.",
                "last example": "You look at the last example only.",
                "squared norm": "You leave the root out; then inputs count more than weights.",
                "squared weight": "You square the weight and not the norm; then weights count more than inputs.",
                "signed weight": "You take the weight with its sign; a large negative one counts too.",
                "divided": "You divide by the weight; multiply.",
                "added": "You add weight and norm; multiply.",
                "lowest": "You keep the lowest scores; keep the highest.",
                "one more": "You keep one too many.",
                "one less": "You keep one too few.",
                "removes n": "You remove n inputs; keep n.",
                "removed": "These are the places that are removed.",
                "by score": "The places are in the order of their scores; return them rising.",
                "weights": "These are the weights; return the places.",
                "mask": "This is a mask; return the places.",
                "from 1": "You count the places from 1; count from 0.",
            },
        ),
        alternatives=(_inputs_by_numpy, _inputs_by_squares),
        difficulty="medium",
        lines=3,
        minutes=10,
        vary=_vary_output,
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
        "RigL with 5,000 updates beats magnitude pruning that trained for 1,000 updates in each of five rounds. What must a fair table show as well?",
        (
            Option(
                "Nothing more: both took 5,000 updates.",
                False,
                "Perhaps. But does a mask that does not move gain as much from 5,000 updates?",
            ),
            Option(
                "A static random mask with 5,000 updates, and the dense network with as many.",
                True,
                "Longer training helps every arm. Only what RigL gains over a static mask of the same length is due to the moving.",
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
        'A report says: "half of the weights of this language model can go without loss". What do you ask first?',
        (
            Option("Which seeds.", False, "A good question, but another one decides more here."),
            Option(
                "Whether it was trained again after the cut.",
                True,
                "With fine-tuning afterwards, 30 to 50 % can often go; without, magnitude pruning to 50 % ruined the same models.",
            ),
            Option(
                "How many bytes were saved.", False, "That is about storage. The claim is about the loss."
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
                "In some networks it still beats a random mask, and permuted to fit the other network it gains more.",
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
