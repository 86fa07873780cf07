"""What 06.5 and 10.4 share: tables to choose from, and the mistakes that people make in choosing.

Both ask for the cheapest method within a budget that is not shown to be worse than the best one within it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import mean, median, stdev
from typing import Any, NamedTuple

from lthkit import evidence
from lthkit.classroom.exercises.exercise import pick

Options = Mapping[str, tuple[float, Sequence[float]]]  # name -> its price, and its accuracies, one a seed

# By what the best is looked for, instead of its mean.
Measure = Callable[[Sequence[float]], float]
_MEASURES: dict[str, Measure] = {
    "median": median,
    "maximum": max,
    "worst seed": min,
    "first seed": lambda values: values[0],
    "last seed": lambda values: values[-1],
    "lower end": lambda values: evidence.interval(values).low,
    "upper end": lambda values: evidence.interval(values).high,
    "whole means": lambda values: round(mean(values), 2),
    "rounded means": lambda values: round(mean(values), 3),
}


def choose(options: Options, budget: float, *, mistake: str) -> Any:
    """What comes out if one makes the `mistake`, a key of `sentences`."""
    price = {name: cost for name, (cost, _) in options.items()}
    accuracies = {name: values for name, (_, values) in options.items()}
    if mistake == "no budget":
        budget = math.inf
    within = [name for name, cost in price.items() if cost < budget or mistake != "strict" and cost == budget]
    if not within:
        if mistake == "none fails":
            raise ValueError
        return min(price, key=price.__getitem__) if mistake == "never none" else None
    best = _best(price, accuracies, within, mistake=mistake)

    def beaten(name: str, by: str) -> bool:
        if mistake == "zero" and name == by:
            return False
        return _shown_worse(accuracies[name], accuracies[by], rule=mistake)

    if mistake in ("climb", "chain", "walk"):
        return _in_order(price, sorted(within, key=price.__getitem__), best, beaten, mistake=mistake)
    rivals = within if mistake == "any rival" else [best]
    left = [name for name in within if not any(beaten(name, by=rival) for rival in rivals)]
    if mistake == "reversed":
        left = [name for name in within if name not in left]
    if mistake == "loses itself" and not left:
        return None
    if mistake == "never the best":
        left = [name for name in left if name != best] or [best]
    order: dict[str, Callable[[str], Any]] = {
        "best": lambda name: -mean(accuracies[name]),
        "dearest": lambda name: -price[name],
        "first listed": within.index,
        "last listed": lambda name: -within.index(name),
        "last of equals": lambda name: (price[name], -within.index(name)),
        "alphabet": lambda name: (price[name], name),
        "better of equals": lambda name: (price[name], -mean(accuracies[name])),
        "value": lambda name: -mean(accuracies[name]) / price[name],
    }
    found = min(left, key=pick(mistake, order, price.__getitem__))
    return pick(mistake, {"with price": (found, price[found]), "price": price[found], "all": left}, found)


def _best(
    price: Mapping[str, float], accuracies: Mapping[str, Sequence[float]], within: list[str], *, mistake: str
) -> str:
    """The one that the others are compared with, right or wrong."""
    measure: Measure = mean
    measure = pick(mistake, _MEASURES, measure)

    def by_measure(name: str) -> Any:
        return measure(accuracies[name])

    ranks: dict[str, Callable[[str], Any]] = {
        "dearest as best": lambda name: price[name],
        "first as best": lambda name: -within.index(name),
        "last as best": within.index,
        "last of best": lambda name: (mean(accuracies[name]), within.index(name)),
        "cheapest of best": lambda name: (mean(accuracies[name]), -price[name]),
        "dearest of best": lambda name: (mean(accuracies[name]), price[name]),
    }
    among = list(price) if mistake == "best of all" else within
    return max(among, key=pick(mistake, ranks, by_measure))


def _in_order(
    price: Mapping[str, float],
    rising: list[str],
    best: str,
    beaten: Callable[[str, str], bool],
    *,
    mistake: str,
) -> str:
    """The ways that go from price to price and hold one."""
    if mistake == "climb":
        found = rising[0]
        for name in rising:
            found = name if beaten(found, name) else found
        return found
    found = best
    if mistake == "chain":
        for name in reversed(rising):
            if price[name] < price[found] and not beaten(name, found):
                found = name
        return found
    for name in reversed(rising[: rising.index(best)] if best in rising else rising):
        if beaten(name, best):
            break
        found = name
    return found


def _shown_worse(values: Sequence[float], best: Sequence[float], *, rule: str) -> bool:
    """Whether `values` are shown to be worse than `best`: by the wrong rule of that name, or else by the right one."""
    if rule == "sorted":
        values, best = sorted(values), sorted(best)
    if rule == "two seeds":
        values, best = values[:2], best[:2]
    gaps = [b - v for b, v in zip(best, values, strict=True)]
    own, top, gap = (evidence.interval(x) for x in (values, best, gaps))
    spread = stdev(gaps)
    error = spread / math.sqrt(len(gaps))
    rules = {
        "cheapest": False,
        "overlap": top.low > own.high,
        "mean in interval": top.low > own.mean,
        "mean above interval": top.mean > own.high,
        "any difference": gap.mean > 0,
        "half a point": gap.mean > 0.005,
        "one point": gap.mean > 0.01,
        "deviation": gap.mean > spread,
        "one error": gap.mean > error,
        "two errors": gap.mean > 1.96 * error,
        "every seed": min(gaps) > 0,
        "both": gap.low > 0 and min(gaps) > 0,
        "first gap": gaps[0] > 0,
        "rounded gaps": evidence.interval([round(g, 2) for g in gaps]).low > 0,
        "size of the gaps": evidence.interval([abs(g) for g in gaps]).low > 0,
        "low of four digits": round(gap.low, 4) > 0,
        "low of two digits": round(gap.low, 2) > 0,
        "low of three digits": round(gap.low, 3) > 0,
        "zero": gap.low >= 0,
        "loses itself": gap.low >= 0,
        "itself fails": gap.low >= 0,
    }
    return pick(rule, rules, gap.low > 0)


# A sentence for each mistake; {one} is what is chosen.
_SENTENCES = {
    "best": "This is the {one} of the best mean; a cheaper one that is not shown to be worse is to be preferred.",
    "cheapest": "This is the cheapest {one} within the budget, even where it is shown to be worse. Take the "
    "differences best minus it, and ask whether their whole interval lies above 0.",
    "dearest": "Of those that are left you take the dearest {one}; take the cheapest.",
    "first listed": "Of those that are left you take the {one} that is listed first; take the cheapest.",
    "last listed": "Of those that are left you take the {one} that is listed last; take the cheapest.",
    "reversed": "You keep what is shown to be worse and drop the rest; it is the other way round.",
    "no budget": "You do not look at the budget; leave out what costs more.",
    "strict": "You leave out the {one} that costs exactly the budget; it may be taken too.",
    "never none": "Where nothing is within the budget you take the cheapest all the same; the answer is None.",
    "none fails": "Where nothing is within the budget your function stops with an error; the answer is None.",
    "best of all": "You compare with the best of all {one}s, even if it costs more than the budget; compare with "
    "the best within the budget.",
    "median": "You look for the {one} of the best median; the best mean is asked for.",
    "maximum": "You look for the {one} of the best single accuracy; the best mean is asked for.",
    "any rival": "You drop what is shown to be worse than any other {one}; it is to be compared with the best only.",
    "chain": "You go down in price and compare each {one} with the one that you hold; compare each with the best.",
    "climb": "You go up in price and compare each {one} with the one that you hold; compare each with the best.",
    "walk": "You go down in price from the best and stop at the first {one} that is shown to be worse; a cheaper "
    "one may still be good enough.",
    "overlap": "You ask whether two separate intervals overlap. The {one}s share their seeds: take the interval "
    "of the differences, seed by seed.",
    "mean in interval": "You ask whether a mean lies below the interval of the best {one}. They share their "
    "seeds: take the interval of the differences, seed by seed.",
    "sorted": "You sort the accuracies before you subtract; a difference is then no longer that of one seed.",
    "any difference": "For you any lower mean is worse, so that the best mean is always taken; a difference of means may "
    "be luck, so ask the interval.",
    "half a point": "You allow a fixed difference of means, half a point; how much is too much depends on how the "
    "differences vary.",
    "one point": "You allow a fixed difference of means, one point; how much is too much depends on how the "
    "differences vary.",
    "deviation": "You compare the mean difference with the standard deviation of the differences. That says how "
    "much single seeds vary; how sure the mean is, the 95 % interval says.",
    "one error": "You allow one standard error of the differences; the 95 % interval reaches much further.",
    "two errors": "You allow about two standard errors, as for many seeds; with few seeds the 95 % interval is "
    "wider, which evidence.interval takes care of.",
    "every seed": "You call the {one} worse that loses for every seed. That is another rule than the interval: a "
    "few seeds may all lie on one side by chance.",
    "both": "You ask for the interval and also for a loss in every single seed; the interval alone decides.",
    "zero": "An interval that only touches 0 is not above it: you drop the {one} whose differences are all 0.",
    "loses itself": "The differences of the best and itself are all 0, and you drop it; only an interval above 0 "
    "shows that something is worse.",
    "itself fails": "The differences of the best and itself are all 0, and you drop it, so that sometimes nothing "
    "is left to choose from; only an interval above 0 shows that something is worse.",
    "worst seed": "You look for the {one} of the best worst seed; the best mean is asked for.",
    "first seed": "You look for the {one} that is best for the first seed; the best mean is asked for.",
    "last seed": "You look for the {one} that is best for the last seed; the best mean is asked for.",
    "lower end": "You look for the {one} whose own interval begins highest; the best mean is asked for.",
    "upper end": "You look for the {one} whose own interval ends highest; the best mean is asked for.",
    "whole means": "You round the means to two digits before you look for the best; compare them as they are.",
    "rounded means": "You round the means to three digits before you look for the best; compare them as they are.",
    "dearest as best": "You take the dearest {one} within the budget for the best; the best mean is asked for.",
    "first as best": "You take the {one} that is listed first for the best; the best mean is asked for.",
    "last as best": "You take the {one} that is listed last for the best; the best mean is asked for.",
    "last of best": "Of {one}s with equal means you take the last one for the best; take the first.",
    "cheapest of best": "Of {one}s with equal means you take the cheapest one for the best; take the first.",
    "dearest of best": "Of {one}s with equal means you take the dearest one for the best; take the first.",
    "mean above interval": "You ask whether the best mean lies above the interval of the other {one}. They share their "
    "seeds: take the interval of the differences, seed by seed.",
    "first gap": "You drop each {one} that loses for the first seed; ask the interval of all differences.",
    "two seeds": "You look at the first two seeds only; all seeds count.",
    "low of two digits": "You round the lower end of the interval to two digits, or ask for more than 0.005, which is the "
    "same; anything above 0 is enough.",
    "low of four digits": "You round the lower end of the interval to four digits, and a small one becomes 0; compare "
    "it as it is.",
    "rounded gaps": "You round the differences before you take their interval; take them as they are.",
    "size of the gaps": "You take the differences without their sign; a seed for which the best loses counts too.",
    "never the best": "You leave the best {one} itself out of the choice; it may be the cheapest that is left.",
    "value": "You take the most accuracy for its price; of those that are left take the cheapest.",
    "low of three digits": "You round the lower end of the interval to three digits, and a small one becomes 0; compare "
    "it as it is.",
    "last of equals": "Of equally cheap {one}s you take the last one; take the first.",
    "alphabet": "Of equally cheap {one}s you take the first of the alphabet; take the one that is listed first.",
    "better of equals": "Of equally cheap {one}s you take that of the better mean; take the one that is listed first.",
    "with price": "You return the {one} together with its price; only its name is asked for.",
    "price": "You return the price; the name of the {one} is asked for.",
    "all": "You return all {one}s that are left; the cheapest of them is asked for.",
}


def sentences(one: str) -> dict[str, str]:
    """A sentence for each mistake; `one` is what is chosen, "arm" or "method"."""
    return {key: sentence.replace("{one}", one) for key, sentence in _SENTENCES.items()}


class Table(NamedTuple):
    """One case: the options, the budget, and what is special about them."""

    options: Options
    budget: int
    note: str
    tags: tuple[str, ...] = ()
    point: bool = False


# Small ones first. Prices and means differ wherever it could matter, but for ties.
TABLES: tuple[Table, ...] = (
    Table(
        {"a": (100, [0.80, 0.81]), "b": (300, [0.90, 0.91])},
        300,
        "b is better by the same amount for both seeds, and costs exactly the budget.",
        ("limit",),
    ),
    Table(
        {"a": (100, [0.88, 0.86]), "b": (300, [0.88, 0.90])},
        300,
        "b is better for one seed and equal for the other.",
    ),
    Table({"a": (100, [0.80, 0.81]), "b": (300, [0.90, 0.91])}, 50, "Nothing is within the budget."),
    Table({"a": (100, [0.90, 0.92]), "b": (300, [0.91, 0.89])}, 300, "a has the best mean and costs less."),
    Table({"b": (300, [0.9, 0.8]), "a": (100, [0.9, 0.8])}, 300, "The accuracies are the same."),
    Table(
        {"a": (100, [0.84, 0.81]), "b": (300, [0.88, 0.87])},
        300,
        "b is better for both seeds, and the interval of two differences still contains 0.",
        point=True,
    ),
    Table(
        {"a": (100, [0.82, 0.80]), "b": (300, [0.83, 0.84])},
        300,
        "b is better for both seeds, by amounts that differ much.",
    ),
    Table(
        {"a": (100, [0.80, 0.81]), "b": (200, [0.80, 0.84]), "c": (300, [0.90, 0.91])},
        200,
        "c costs more than the budget, so that b is the best.",
    ),
    Table(
        {"a": (100, [0.87, 0.80]), "b": (200, [0.80, 0.89]), "c": (300, [0.90, 0.83])},
        300,
        "c, the best, is better than a for both seeds, and than b for one.",
    ),
    Table(
        {"a": (100, [0.86, 0.83]), "b": (200, [0.88, 0.85]), "c": (300, [0.87, 0.90])},
        300,
        "b, not the best, is better than a by the same amount for both seeds.",
    ),
    Table(
        {"a": (100, [0.81, 0.89]), "b": (200, [0.85, 0.82]), "c": (300, [0.91, 0.89])},
        300,
        "Of the two cheaper ones, b is shown to be worse than c, and a is not.",
    ),
    Table(
        {"a": (300, [0.92, 0.91]), "b": (100, [0.50, 0.51]), "c": (200, [0.89, 0.91])},
        500,
        "The cheapest loses clearly, the next one does not.",
    ),
    Table(
        {"b": (200, [0.72, 0.821, 0.92]), "a": (100, [0.70, 0.80, 0.90])},
        300,
        "The seeds differ much, and the two differ by nearly the same for every seed.",
    ),
    Table(
        {"a": (100, [0.800, 0.801, 0.802]), "b": (200, [0.803, 0.804, 0.8051])},
        200,
        "A difference of 0.3 points, nearly the same for every seed.",
    ),
    Table(
        {"a": (100, [0.880, 0.902, 0.90]), "b": (200, [0.90, 0.90, 0.90])},
        300,
        "The mean of a is 0.6 points lower; the differences vary.",
    ),
    Table(
        {"a": (100, [0.84, 0.87, 0.83]), "b": (200, [0.81, 0.91, 0.90]), "c": (300, [0.88, 0.90, 0.89])},
        300,
        "c has the best mean, 0.89; that of b is 0.873.",
    ),
    Table(
        {"a": (100, [0.80, 0.81, 0.82, 0.83, 0.90]), "b": (200, [0.83, 0.84, 0.85, 0.86, 0.895])},
        300,
        "Five seeds: b is better for four of them, and the interval lies above 0.",
    ),
    Table({"a": (100, [0.80, 0.81])}, 100, "One only, and it costs exactly the budget.", ("limit",)),
    Table(
        {"b": (200, [0.8, 0.8]), "a": (200, [0.8, 0.8])},
        200,
        "The same price and the same accuracies; b is listed first.",
        ("ties", "limit"),
    ),
    Table(
        {"a": (200, [0.80, 0.84, 0.82]), "b": (200, [0.82, 0.83, 0.85])},
        300,
        "The same price, and the second has the better mean.",
        ("ties",),
    ),
    Table(
        {"b": (300, [0.9, 0.8]), "a": (400, [0.8, 0.9]), "c": (100, [0.85, 0.75])},
        500,
        "b and a have equal means; b is listed first and is cheaper, and c loses to b by the same amount for both seeds.",
        ("ties",),
    ),
    Table(
        {"a": (400, [0.8, 0.9]), "b": (300, [0.9, 0.8]), "c": (100, [0.75, 0.85])},
        500,
        "a and b have equal means; a is listed first and is dearer, and c loses to a by the same amount for both seeds.",
        ("ties",),
    ),
    Table(
        {"a": (100, [0.80, 0.81]), "b": (200, [0.90, 0.91]), "c": (300, [0.82, 0.80])},
        300,
        "The dearest is not the best; it loses to b, as a does.",
    ),
    Table(
        {"a": (100, [0.90, 0.79]), "b": (200, [0.95, 0.84]), "c": (300, [0.86, 0.85])},
        300,
        "b has the best mean, and c has the best worst seed.",
    ),
    Table(
        {"a": (100, [0.79, 0.90]), "b": (200, [0.84, 0.95]), "c": (300, [0.86, 0.85])},
        300,
        "b has the best mean, and c is better than b for the first seed.",
    ),
    Table(
        {"a": (100, [0.86, 0.87, 0.95]), "b": (200, [0.90, 0.91, 0.99]), "c": (300, [0.89, 0.90, 0.91])},
        300,
        "b has the best mean, and its seeds differ more than those of c.",
    ),
    Table(
        {"c": (300, [0.8996, 0.8996]), "b": (200, [0.95, 0.8508]), "a": (100, [0.90, 0.8008])},
        300,
        "The means of c and b are 0.8996 and 0.9004.",
    ),
    Table(
        {"a": (100, [0.80, 0.81, 0.89]), "b": (200, [0.83, 0.84, 0.85])},
        300,
        "b is better by the same amount for two seeds, and worse for the third.",
    ),
    Table(
        {"a": (100, [0.800, 0.800]), "b": (200, [0.812, 0.808])},
        300,
        "b is better by 0.012 and by 0.008.",
    ),
    Table(
        {"a": (100, [0.78, 0.82]), "b": (101, [0.89, 0.81])},
        300,
        "The prices are nearly the same, and the seeds do not agree.",
    ),
    Table(
        {"a": (100, [0.85, 0.86, 0.87]), "b": (200, [0.85004, 0.86004, 0.87004])},
        300,
        "b is better by 0.00004 for every seed.",
    ),
    Table(
        {"a": (100, [0.85, 0.86, 0.87]), "b": (200, [0.8504, 0.8604, 0.8704])},
        300,
        "b is better by 0.0004 for every seed.",
    ),
)
