"""Exercises of lesson 10, the hybrid: share out a budget, meet a density, price a ladder, choose under a budget."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from lthkit import evidence
from lthkit.classroom.exercises.choosing import TABLES, choose, sentences
from lthkit.classroom.exercises.exercise import Case, Exercise, Option, Question, pick, variants


def split_budget(total: int, trainings: int) -> list[int]:
    """Share `total` steps out among `trainings`: equal whole numbers, and the last takes what does not divide.

    Args:
        total: steps, at least as many as trainings, so that each does at least one.
        trainings: 1 or more.
    """
    each = total // trainings
    return [each] * (trainings - 1) + [total - each * (trainings - 1)]


def fraction_after_snip(snip_density: float, density: float, rounds: int) -> float:
    """The fraction of what remains that IMP removes in each round, so that `rounds` rounds end at `density`.

    Args:
        snip_density: fraction of all weights that SNIP has left.
        density: fraction of all weights at the end.
        rounds: how often IMP cuts, 1 or more.
    """
    return 1 - (density / snip_density) ** (1 / rounds)


def ladder_cost(
    kept: Sequence[Sequence[int]], steps: int, batch_size: int, rewind_step: int
) -> dict[str, int]:
    """The price of all trainings of a ladder of linear layers.

    Args:
        kept: for each training, in order, the weights that the mask keeps in each layer, the input layer first.
        steps: length of a training, counted from initialisation.
        batch_size: images an update.
        rewind_step: where every training but the first begins.

    Returns:
        "steps" and "examples" of all trainings, and "sparse_flops": for each example 4 operations a kept weight of the
        input layer, 6 a kept weight of the others. All are ints.
    """
    updates = [steps] + [steps - rewind_step] * (len(kept) - 1)
    an_image = [6 * sum(layers) - 2 * layers[0] for layers in kept]
    return {
        "steps": sum(updates),
        "examples": batch_size * sum(updates),
        "sparse_flops": batch_size * sum(n * k for n, k in zip(updates, an_image, strict=True)),
    }


def cheapest_not_beaten(
    costs: Mapping[str, float], accuracies: Mapping[str, Sequence[float]], budget: float
) -> str | None:
    """The cheapest affordable method that is not shown to be worse than the affordable method of best mean.

    A method is shown to be worse if the 95 % t-interval of best minus method, paired by seed, lies above 0.

    Args:
        costs: price of each method. accuracies: one a seed, the seeds in the same order for all.
        budget: a method is affordable if it costs at most this.

    Returns:
        A name, the first of equally cheap ones; None if nothing is affordable.
    """
    affordable = [name for name in costs if costs[name] <= budget]
    if not affordable:
        return None
    best = accuracies[max(affordable, key=lambda name: mean(accuracies[name]))]
    gaps = {name: [b - a for b, a in zip(best, accuracies[name], strict=True)] for name in affordable}
    return min((n for n in affordable if evidence.interval(gaps[n]).low <= 0), key=lambda n: costs[n])


# Other right answers, and mistakes that people make


def _split_in_a_loop(total: int, trainings: int) -> list[int]:
    shares: list[int] = []
    for _ in range(trainings - 1):
        shares.append(int(total / trainings))
    shares.append(total - sum(shares))
    return shares


def _split_by_divmod(total: int, trainings: int) -> list[int]:
    each, rest = divmod(total, trainings)
    shares = [each for _ in range(trainings)]
    shares[-1] += rest
    return shares


def _split(total: int, trainings: int, *, mistake: str) -> list[float]:
    """The right answer with one thing wrong."""
    each, rest = divmod(total, trainings)
    near, up, others = round(total / trainings), math.ceil(total / trainings), trainings - 1
    places = range(trainings)
    shares: dict[str, Sequence[float]] = {
        "lost": [each] * trainings,
        "each rounded": [near] * trainings,
        "rounded": [near] * others + [total - near * others],
        "rounded up": [up] * others + [total - up * others],
        "to the first": [each + rest] + [each] * others,
        "spread": [each + (i < rest) for i in places],
        "spread at the end": [each + (i >= trainings - rest) for i in places],
        "borders": [total * (i + 1) // trainings - total * i // trainings for i in places],
        "rest only": [each] * others + [rest or each],
        "rest or nothing": [each] * others + [rest],
        "one more entry": [each] * trainings + [rest] * (rest > 0),
        "always one more": [each] * trainings + [rest],
        "one training more": split_budget(total, trainings + 1),
        "fractions": [total / trainings] * trainings,
        "floats": [float(share) for share in split_budget(total, trainings)],
        "all to the last": [0] * others + [total],
        "others only": [each] * others,
        "one each": [1] * others + [total - others],
    }
    return list(pick(mistake, shares, split_budget(total, trainings)))


def _fraction_by_logs(snip_density: float, density: float, rounds: int) -> float:
    return 1 - math.exp((math.log(density) - math.log(snip_density)) / rounds)


def _fraction(snip_density: float, density: float, rounds: int, *, mistake: str) -> float:
    """The right answer with one thing wrong."""
    kept = density / snip_density
    right = 1 - kept ** (1 / rounds)
    wrong = {
        "whole network": 1 - density ** (1 / rounds),
        "kept": kept ** (1 / rounds),
        "of all": (snip_density - density) / rounds,
        "all of it": snip_density * right,
        "divided": (1 - kept) / rounds,
        "kept divided": 1 - kept / rounds,
        "root of the cut": (1 - kept) ** (1 / rounds),
        "root too early": 1 - density ** (1 / rounds) / snip_density,
        "one round more": 1 - kept ** (1 / (rounds + 1)),
        "whole power": 1 - kept ** (1 // rounds),
        "times density": 1 - (density * snip_density) ** (1 / rounds),
        "upside down": 1 - (snip_density / density) ** (1 / rounds),
        "what is kept in all": kept,
        "all at once": 1 - kept,
        "one round less": 1 - kept ** (1 / max(rounds - 1, 1)),
        "half": 0.5,
        "by logarithm": -math.log(kept) / rounds,
        "two digits": round(right, 2),
        "three digits": round(right, 3),
        "four digits": round(right, 4),
        "five digits": round(right, 5),
        "power": 1 - kept**rounds,
        "root of the first": 1 - density / snip_density ** (1 / rounds),
        "sign": -right,
        "square root": 1 - math.sqrt(kept),
        "percent": 100 * right,
    }
    return pick(mistake, wrong, right)


def _fraction_by_search(snip_density: float, density: float, rounds: int) -> float:
    low, high = 0.0, 1.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if snip_density * (1 - middle) ** rounds > density else (low, middle)
    return low


def _cost_in_a_loop(
    kept: Sequence[Sequence[int]], steps: int, batch_size: int, rewind_step: int
) -> dict[str, int]:
    done = examples = operations = 0
    for r, layers in enumerate(kept):
        here = steps if r == 0 else steps - rewind_step
        done += here
        examples += here * batch_size
        for place, weights in enumerate(layers):
            products = 3 if place > 0 else 2
            operations += here * batch_size * weights * 2 * products
    return {"steps": done, "examples": examples, "sparse_flops": operations}


def _cost_less_what_is_skipped(
    kept: Sequence[Sequence[int]], steps: int, batch_size: int, rewind_step: int
) -> dict[str, int]:
    done = len(kept) * steps - (len(kept) - 1) * rewind_step
    products = [2 * layers[0] + 3 * sum(layers[1:]) for layers in kept]
    weighted = steps * sum(products) - rewind_step * sum(products[1:])
    return {
        "sparse_flops": 2 * batch_size * weighted,
        "examples": done * batch_size,
        "steps": done,
    }


def _cost(
    kept: Sequence[Sequence[int]], steps: int, batch_size: int, rewind_step: int, *, mistake: str
) -> dict[str, float]:
    """The right answer with one thing wrong: the updates, the weights, the operations, or the examples."""
    n = len(kept)
    updates = _updates(kept, steps, steps - rewind_step, rewind_step, mistake=mistake)
    wrong_weights: dict[str, Sequence[Sequence[int]]] = {
        "first mask": [kept[0]] * n,
        "last mask": [kept[-1]] * n,
        "last operations": [[0]] * (n - 1) + [kept[-1]],
        "sorted": sorted(kept, key=sum, reverse=True),
        "two layers": [layers[:2] for layers in kept],
        "densest mask": [max(kept, key=sum)] * n,
    }
    weights = pick(mistake, wrong_weights, kept)
    images = pick(mistake, {"one image": 1, "batch twice": batch_size**2}, batch_size)
    flops = images * sum(u * _an_image(k, mistake=mistake) for u, k in zip(updates, weights, strict=True))
    if mistake == "mean mask":
        flops = images * sum(updates) * sum(_an_image(k, mistake=mistake) for k in kept) // n
    if mistake == "first mask's input":
        flops -= images * sum(2 * u * (kept[0][0] - k[0]) for u, k in zip(updates, kept, strict=True))
    if mistake == "flops of one step":
        flops = images * sum(_an_image(k, mistake=mistake) for k in kept)
    wrong_examples = {"one step's examples": n * batch_size, "steps are examples": sum(updates)}
    examples = pick(mistake, wrong_examples, batch_size * sum(updates))
    cost: dict[str, float] = {"steps": sum(updates), "examples": examples, "sparse_flops": flops}
    if mistake == "no examples":
        del cost["examples"]
    return cost


def _updates(
    kept: Sequence[Sequence[int]], steps: int, later: int, rewind_step: int, *, mistake: str
) -> Sequence[int]:
    """How many updates each training does; `later` is what all but the first do."""
    n, sizes = len(kept), [sum(layers) for layers in kept]
    wrong: dict[str, Sequence[int]] = {
        "all in full": [steps] * n,
        "first too": [later] * n,
        "last in full": [later] * (n - 1) + [steps],
        "one more": [steps] + [later + 1] * (n - 1),
        "one saving": [later if r == 1 else steps for r in range(n)],
        "first by value": [steps if k == sizes[0] else later for k in sizes],
        "first by size": [steps if k == max(sizes) else later for k in sizes],
        "last alone": [0] * (n - 1) + [steps if n == 1 else later],
        "first run alone": [steps] + [0] * (n - 1),
        "rewind added": [steps] + [steps + rewind_step] * (n - 1),
        "rewind only": [steps] + [rewind_step] * (n - 1),
        "twice rewound": [steps - r * rewind_step for r in range(n)],
    }
    return pick(mistake, wrong, [steps] + [later] * (n - 1))


def _an_image(layers: Sequence[int], *, mistake: str) -> int:
    """The operations for one image."""
    per_weight = {  # behind the input layer, and in it
        "forward": (2, 2),
        "multiplications": (3, 2),
        "back as forward": (4, 4),
        "images trained": (6, 6),
        "first for nothing": (6, 0),
        "first forward": (6, 2),
        "first alone": (0, 4),
        "first left out": (4, 6),
        "back once": (4, 2),
        "a sixth": (1, 1),
    }
    inner, first = pick(mistake, per_weight, (6, 4))
    saved = {"last layer": layers[-1], "largest layer": max(layers), "smallest layer": min(layers)}
    if mistake in tuple(saved):
        return inner * sum(layers) - 2 * pick(mistake, saved, 0)
    return inner * sum(layers[1:]) + first * layers[0]


Accuracies = Mapping[str, Sequence[float]]
_T95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}


def _pick_by_hand(costs: Mapping[str, float], accuracies: Accuracies, budget: float) -> str | None:
    best: str | None = None
    for name in costs:
        if costs[name] <= budget and (best is None or mean(accuracies[name]) > mean(accuracies[best])):
            best = name
    for name in sorted(costs, key=costs.__getitem__):
        if costs[name] > budget or best is None:
            continue
        gap = [b - a for b, a in zip(accuracies[best], accuracies[name], strict=True)]
        if name == best or mean(gap) - _T95[len(gap)] * stdev(gap) / math.sqrt(len(gap)) <= 0:
            return name
    return None


def _pick_dropping(costs: Mapping[str, float], accuracies: Accuracies, budget: float) -> str | None:
    left = {name: accuracies[name] for name, cost in costs.items() if not cost > budget}
    top = max(left.values(), key=mean, default=[])
    for name in list(left):
        if evidence.interval([b - a for b, a in zip(top, left[name], strict=True)]).low > 0:
            del left[name]
    return min(left, key=lambda name: (costs[name], list(costs).index(name)), default=None)


def _choose(costs: Mapping[str, float], accuracies: Accuracies, budget: float, *, mistake: str) -> Any:
    return choose({name: (costs[name], accuracies[name]) for name in costs}, budget, mistake=mistake)


EXERCISES = (
    Exercise(
        id="10.1",
        reference=split_budget,
        cases=(
            Case((20, 3), "Twenty steps do not divide by three: two are left over."),
            Case((12, 3), "Nothing is left over."),
            Case((7, 1), "One training gets everything."),
            Case((22, 4), "Two are left over among four trainings."),
            Case((5, 5), "One step for each."),
            Case((9, 5), "Four are left over: the last training gets most of the steps."),
            Case((1501, 6), "A budget as in the lesson, and one step more."),
            Case((11, 4), "11 / 4 is 2.75, which is nearer to 3 than to 2."),
            Case((6, 1), "One training again, with another budget."),
            Case((100, 7), "Seven trainings, and two steps are left over."),
        ),
        hints=(
            "Every training but the last gets the same whole number of steps. Which operator of Python divides and "
            "rounds down?",
            "total // trainings is the equal share. The last training gets the total less what the others got.",
            "each = total // trainings, then [each] * (trainings - 1) + [total - each * (trainings - 1)].",
        ),
        misconceptions=variants(
            _split,
            {
                "lost": "The steps that do not divide are lost: the sum of your list is less than the budget.",
                "each rounded": "You round every share by itself; the sum then misses the budget, above or below.",
                "rounded": "You round the equal share to the nearest whole number, sometimes up; the last training then gets "
                "less than the others.",
                "rounded up": "You round the equal share up, so the last training gets less than the others, or nothing.",
                "to the first": "You give what is left over to the first training; it belongs to the last one.",
                "spread": "You hand what is left over to the first trainings, one step each; the last one is to take all "
                "of it.",
                "spread at the end": "You hand what is left over to the last trainings, one step each; the very last one is "
                "to take all of it.",
                "borders": "You cut the budget at rounded borders, which spreads what is left over; the last training is to "
                "take all of it.",
                "rest only": "Your last training gets what is left over in place of an equal share; it gets both.",
                "rest or nothing": "Your last training gets only what is left over, even if that is 0; it gets an equal share "
                "as well.",
                "one more entry": "You add an entry for what is left over; it belongs to the last training.",
                "always one more": "You add an entry for what is left over, even if that is 0; it belongs to the last training.",
                "one training more": "There is one training too many: the number given counts trainings, and the first "
                "mask's is among them.",
                "fractions": "These are fractions of steps; a training does whole steps.",
                "all to the last": "The last training gets all steps; each gets an equal share.",
                "others only": "The last training is missing in your list.",
                "one each": "The others get one step each and the last training the rest; each gets an equal share, rounded "
                "down.",
                "floats": "The numbers are right and they are floats; steps are counted in whole numbers, of type int.",
            },
        ),
        alternatives=(_split_in_a_loop, _split_by_divmod),
        difficulty="easy",
        lines=2,
        minutes=5,
        absent={"ties": "nothing is compared or chosen"},
    ),
    Exercise(
        id="10.2",
        reference=fraction_after_snip,
        cases=(
            Case((0.5, 0.25, 1), "One round halves what SNIP has left."),
            Case((0.4, 0.1, 2), "Two rounds, each of which halves."),
            Case((1.0, 0.512, 3), "SNIP has cut nothing: the fraction of IMP alone."),
            Case((0.2, 0.04, 2), "The sizes of the lesson."),
            Case((0.2, 0.04, 5), "The same ends in five rounds."),
            Case((0.1, 0.1, 4), "SNIP has already reached the density: nothing is left to remove."),
            Case((0.2, 0.19, 2), "Little is left to remove."),
            Case((0.3, 0.2, 1), "One round: the fraction is 1 - 0.2 / 0.3."),
        ),
        hints=(
            "What is the density multiplied by in each round, if every round removes the fraction f of what remains?",
            "After all rounds, snip_density * (1 - f) ** rounds is to equal density. Solve this for f.",
            "(density / snip_density) ** (1 / rounds) is what one round keeps; 1 minus that is what it removes.",
        ),
        misconceptions=variants(
            _fraction,
            {
                "whole network": "You start at the whole network; IMP starts at what SNIP has left.",
                "kept": "This is the fraction that a round keeps; the task asks for the fraction that it removes.",
                "of all": "You remove the same number of weights in each round, as a fraction of all weights; it is to be "
                "a fraction of what remains.",
                "all of it": "This is the first round's cut as a fraction of all weights; it is to be a fraction of what "
                "remains.",
                "divided": "You divide the whole cut by the number of rounds; fractions of what remains multiply.",
                "kept divided": "You divide by the number of rounds where the root is asked for.",
                "root of the cut": "You take the root of what is removed in all; what multiplies from round to round is what "
                "is kept.",
                "root too early": "You take the root of the density alone; it belongs to the whole fraction, density by "
                "snip_density.",
                "one round more": "You count one cut too many: there are rounds + 1 trainings, but IMP cuts only between them.",
                "whole power": "Your exponent is a whole number, 0 for two rounds or more: `//` rounds down.",
                "times density": "You multiply the two densities; what is to be kept in all is density / snip_density.",
                "upside down": "You divide the larger density by the smaller; what is to be kept in all is density / snip_density.",
                "what is kept in all": "This is what all rounds together keep; the task asks for what one round removes.",
                "all at once": "This is what all rounds together remove; the task asks for one round.",
                "one round less": "You count one cut too few: IMP cuts `rounds` times.",
                "half": "You return 0.5 whatever the densities are; it is the result of the example only.",
                "by logarithm": "You divide the logarithm by the rounds and leave it there; 1 - exp(-that) is the fraction.",
                "two digits": "You round the result to two digits; after some rounds the density is then another one.",
                "three digits": "You round the result to three digits; after some rounds the density is then another one.",
                "four digits": "You round the result to four digits; after some rounds the density is then another one.",
                "five digits": "You round the result to five digits; after some rounds the density is then another one.",
                "power": "You take the power where the root is asked for: the exponent is 1 / rounds.",
                "root of the first": "You take the root of snip_density alone; it belongs to the whole fraction, density by "
                "snip_density.",
                "sign": "This is what a round keeps minus 1, which is below 0; the fraction removed is 1 minus what is kept.",
                "square root": "You take the square root whatever `rounds` is; the exponent is 1 / rounds.",
                "percent": "This is a percentage; a fraction from 0 to 1 is asked for.",
            },
        ),
        alternatives=(_fraction_by_logs, _fraction_by_search),
        difficulty="medium",
        lines=1,
        minutes=8,
        absent={"ties": "nothing is compared or chosen", "NaN": "both densities are above 0 and at most 1"},
    ),
    Exercise(
        id="10.3",
        reference=ladder_cost,
        cases=(
            Case(
                ([[10]], 1, 1, 0), "One training of one step with one image, in one layer: the input layer."
            ),
            Case(([[10, 7]], 1, 1, 0), "A second layer behind the input layer."),
            Case(
                ([[10, 7]], 4, 5, 2),
                "One training only: the first begins at initialisation and does all steps; only later ones are shorter.",
            ),
            Case(([[10, 7], [5, 2]], 4, 5, 0), "Two trainings; both begin at initialisation."),
            Case(([[10, 7], [5, 2]], 4, 5, 1), "The second training begins at step 1."),
            Case(
                ([[3, 8, 5], [2, 6, 1]], 4, 5, 1),
                "The input layer is neither the largest nor always the smallest.",
            ),
            Case(([[10, 7], [10, 7]], 4, 5, 1), "Both trainings have the same numbers of weights."),
            Case(([[5, 2], [10, 7]], 4, 5, 1), "The second training has more weights than the first."),
            Case(
                ([[100, 40, 20], [50, 20, 9], [25, 11, 4]], 30, 20, 10),
                "Two of three trainings begin at step 10.",
            ),
            Case(
                ([[45000, 7800, 440], [19400, 4060, 350], [8200, 2180, 268]], 500, 60, 0),
                "A hybrid of three layers: 20 % of the weights, 8.9 %, 4 %.",
            ),
            Case(
                ([[235200, 30000, 1000], [44000, 8700, 540], [8100, 2240, 308]], 520, 60, 30),
                "IMP alone in two rounds, rewound to step 30.",
            ),
        ),
        hints=(
            "First write down how many updates each training does. Only the first one does them all.",
            "updates = [steps] + [steps - rewind_step] for every other training. Examples are updates times batch_size.",
            "One image costs 6 * sum(layers) - 2 * layers[0]; add that up over the trainings, times updates and batch_size.",
        ),
        misconceptions=variants(
            _cost,
            {
                "all in full": "You bill every training in full; a training that begins at the rewind step does fewer updates.",
                "first too": "You shorten the first training too; it begins at initialisation and does all steps.",
                "last in full": "You let the last training do all steps and shorten the first; it is the first that does all.",
                "one more": "A training that begins at step r does steps - r updates; yours does one more.",
                "one saving": "You shorten only the second training; every training but the first begins at the rewind step.",
                "first by value": "You find the first training by its number of weights; another one can have as many.",
                "first by size": "You take the training of the most weights for the first; the first is the one of place 0.",
                "sorted": "You sort the trainings by their weights; their order is the one given, and the first does more "
                "updates.",
                "forward": "You count the forward pass only; the backward pass has the gradients too.",
                "images trained": "You count 6 operations in the input layer too; nobody trains the images, so it takes no "
                "gradient of what comes in.",
                "first for nothing": "You leave the input layer out; it goes forward and has a gradient of its weights, 4 in all.",
                "first forward": "You count the input layer's forward pass only; its weights have a gradient too, 4 in all.",
                "first alone": "You count the input layer only; the others are paid as well.",
                "first left out": "You count 4 in the layers behind and 6 in the input layer; it is the other way round.",
                "last layer": "You save the gradient in the last layer; it is the first that has nothing before it.",
                "first mask's input": "You save the first mask's input layer in every training; each one has its own.",
                "multiplications": "You count a multiplication and its addition as one operation; they are two.",
                "back as forward": "You count one gradient in every layer; behind the input layer there are two, of the weights "
                "and of what comes in.",
                "first mask": "You price every training with the first mask; each one has its own.",
                "last mask": "You price every training with the last mask; the ticket was found by larger, dearer networks.",
                "mean mask": "You price every training with the mean number of weights; the first one does more updates, so "
                "that its weights count more.",
                "last operations": "Your operations are those of the last training alone; the search before it has to be paid "
                "as well.",
                "last alone": "This is the last training alone; the search before it has to be paid as well.",
                "first run alone": "This is the first training alone; the later ones are paid as well.",
                "rewind added": "A later training does steps - rewind_step updates; you add rewind_step.",
                "rewind only": "A later training does steps - rewind_step updates; yours does rewind_step.",
                "twice rewound": "Each later training begins at rewind_step; yours begins later from round to round.",
                "two layers": "You count the first two layers only; every layer is paid.",
                "back once": "You count the way back once; behind the input layer it repeats the way forward twice.",
                "a sixth": "You count one operation a weight; it is 6, and 4 in the input layer.",
                "flops of one step": "Your operations are for one step of each training; multiply by its updates.",
                "one step's examples": "Your examples are those of one step of each training; multiply by its updates.",
                "no examples": 'The entry "examples" is missing.',
                "densest mask": "You price every training with the largest mask; each one has its own.",
                "largest layer": "You save the gradient in the largest layer; it is the first that has nothing before it.",
                "smallest layer": "You save the gradient in the smallest layer; it is the first that has nothing before it.",
                "steps are examples": "Your examples are the steps; each step takes batch_size of them.",
                "batch twice": "You multiply the operations by batch_size twice.",
                "one image": "Your operations are for one image a step; each update takes batch_size of them.",
            },
        ),
        alternatives=(_cost_in_a_loop, _cost_less_what_is_skipped),
        difficulty="medium",
        lines=7,
        minutes=15,
        absent={
            "ties": "trainings are taken in their order, whatever their weights are",
            "empty list": "a training has at least its input layer",
        },
    ),
    Exercise(
        id="10.4",
        reference=cheapest_not_beaten,
        cases=(
            Case(({"a": 1.0}, {"a": [0.8, 0.9]}, 1.0), "One method, and it costs exactly the budget."),
            Case(({"a": 2.0}, {"a": [0.8, 0.9]}, 1.0), "Nothing is affordable: None."),
            Case(
                ({"b": 2.0, "a": 2.0}, {"a": [0.8, 0.8], "b": [0.8, 0.8]}, 2.0),
                "The same price and the same accuracies: b is the first in costs, a in accuracies.",
                tags=("ties", "limit"),
            ),
            Case(
                ({"a": 1.0, "b": 2.0}, {"a": [0.80, 0.84, 0.82], "b": [0.82, 0.83, 0.85]}, 2.0),
                "The dear method has the better mean, and the seeds do not agree: the cheap one is not beaten.",
            ),
            Case(
                (
                    {"b": 3.0, "a": 4.0, "c": 1.0},
                    {"a": [0.8, 0.9], "b": [0.9, 0.8], "c": [0.85, 0.75]},
                    4.0,
                ),
                "a and b have equal means: b is the first in costs, a in accuracies. c loses to b alone.",
                tags=("ties", "limit"),
            ),
            *(
                Case(
                    (
                        {name: price for name, (price, _) in table.options.items()},
                        {name: values for name, (_, values) in table.options.items()},
                        table.budget,
                    ),
                    table.note,
                    table.tags,
                    table.point,
                )
                for table in TABLES
            ),
        ),
        hints=(
            "Three steps: drop what is too dear; find the best mean among the rest; drop what is shown to be worse than that.",
            "For each affordable method take the differences best minus method, seed by seed. evidence.interval(gaps).low "
            "above 0 says that the method is worse.",
            "min((n for n in affordable if evidence.interval(gaps[n]).low <= 0), key=lambda n: costs[n]); the best "
            "method's own gaps are all 0, so there is always one.",
        ),
        misconceptions=variants(_choose, sentences("method")),
        alternatives=(_pick_by_hand, _pick_dropping),
        difficulty="hard",
        lines=6,
        minutes=15,
        told={"ties": "of equally good ones the first", "limit": "at most the budget"},
        absent={
            "empty list": "the text says two seeds or more",
            "empty dict": "the text names no empty table",
            "NaN": "accuracies are finite, and so is the interval of two seeds",
        },
    ),
)

QUESTIONS = (
    Question(
        "10.Q1",
        "Why does the hybrid use SNIP for the first cut and magnitude for the later ones, and not the other way round?",
        (
            Option(
                "A mask by magnitude cannot be drawn before training.",
                False,
                "It can (lesson 08). But it does not look at any data, and SNIP does, for one pass over a few images.",
            ),
            Option(
                "Before training, SNIP is a cheap score that uses data. After a training, which is paid anyway, the "
                "trained weights can be asked.",
                True,
                "The first cut comes before any training was paid. Each later cut comes after one.",
            ),
            Option(
                "SNIP is more accurate at small densities.",
                False,
                "Its score is a first guess for small changes. It is least to be trusted where much is cut at once.",
            ),
        ),
    ),
    Question(
        "10.Q2",
        "A blog post compares SNIP and IMP with five rounds. Every training has 1,500 steps. IMP is better by a point, "
        "and the interval of the difference excludes 0. What does this show?",
        (
            Option(
                "That IMP is better at equal cost, because every training has the same length.",
                False,
                "IMP did six trainings and SNIP one. IMP has used six times as many steps.",
            ),
            Option(
                "Nothing at all.",
                False,
                "It shows that six trainings bought something. It does not show that they were the best way to spend the steps.",
            ),
            Option(
                "That IMP is better if its price does not matter.",
                True,
                "For a comparison of methods, SNIP would have to get the same 9,000 steps, in whatever way it uses them.",
            ),
        ),
    ),
    Question(
        "10.Q3",
        "Hybrid minus IMP is [-0.1, +0.9] points, n = 5, at the same number of updates. The hybrid needs a third of the "
        "sparse operations. What do you report?",
        (
            Option(
                "Accuracy: not separated, with the interval. Price: a third, counted in operations that no common "
                "hardware saves in full.",
                True,
                "Two statements with their limits. Who reads them can decide what the price is worth.",
            ),
            Option(
                "The hybrid is better in both.",
                False,
                "In accuracy the interval contains 0, so that is not shown.",
            ),
            Option(
                "The hybrid is three times as fast.",
                False,
                "Sparse operations are not seconds: a dense multiplication with zeros takes as long as without (lesson 11).",
            ),
        ),
    ),
    Question(
        "10.Q4",
        "You test twenty tips on one network. For one of them the 95 % interval excludes 0. What now?",
        (
            Option(
                "The tip works: that is what the interval says.",
                False,
                "Of twenty tips that do nothing, about one passes by chance.",
            ),
            Option(
                "The tip is an accident, and none of the tips works.",
                False,
                "It may be an accident. Neither has been shown; that a tip was not separated does not say that it does nothing.",
            ),
            Option(
                "Take the other nineteen out of the report.",
                False,
                "Then the reader cannot see how many chances there were, and takes luck for an effect.",
            ),
            Option(
                "Test this one tip again, with new seeds, and report all twenty.",
                True,
                "The first look found a candidate, the second one, on fresh seeds, is the test.",
            ),
        ),
    ),
)
