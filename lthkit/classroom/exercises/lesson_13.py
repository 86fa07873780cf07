"""Exercises of lesson 13, experiment design: the noise floor, seeds to plan, repeated looks, many arms, null results, and the
best step on the test split."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from statistics import mean, median, pstdev, stdev
from typing import Any

import numpy as np

from lthkit import evidence
from lthkit.classroom.exercises.exercise import Case, Exercise, Option, Question, pick, variants
from lthkit.evidence.student import quantile as _t


def wrong_winner_rate(differences: Sequence[float]) -> float:
    """How often a single seed names another winner than all seeds together.

    Args:
        differences: accuracy of arm A minus that of arm B, one number a seed. Their mean is not 0.

    Returns:
        The fraction of seeds whose difference has the other sign than the mean; a difference of exactly 0 counts half.
    """
    side = 1 if mean(differences) > 0 else -1
    wrong = sum(side * d < 0 for d in differences) + 0.5 * sum(d == 0 for d in differences)
    return wrong / len(differences)


def seeds_for(effect: float, sd: float) -> int:
    """The number of paired seeds for a difference, by the normal approximation.

    Args:
        effect: the smallest true mean difference that is worth seeing; not 0, and below 0 if the first arm is worse.
        sd: standard deviation of the paired differences, in the same unit.

    Returns:
        (2.8 sd / effect)², rounded up, and at least 2.
    """
    return max(2, math.ceil((2.8 * sd / effect) ** 2))


def first_stop(differences: Sequence[float], first: int) -> int | None:
    """Where somebody stops who looks after each seed.

    Args:
        differences: paired differences in the order in which the seeds came in.
        first: the number of seeds at the first look, 2 or more.

    Returns:
        The smallest number of seeds n, from `first` on, at which the 95 % interval of the first n differences excludes 0.
        None if there is none.
    """
    for n in range(first, len(differences) + 1):
        if evidence.interval(differences[:n]).says == "excludes 0":
            return n
    return None


def holm_claims(p_values: Mapping[str, float], alpha: float) -> list[str]:
    """Which of several comparisons may be claimed together, by Holm's rule.

    Args:
        p_values: comparison -> p-value; no two are equal.
        alpha: how often any false claim may be made, such as 0.05.

    Returns:
        Names of the claimed comparisons, smallest p-value first.
    """
    claimed = []
    for i, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        if p_values[name] > alpha / (len(p_values) - i):
            break
        claimed.append(name)
    return claimed


def what_it_says(low: float, high: float, margin: float) -> str:
    """What an interval of a difference says, held against 0 and against a margin.

    Args:
        low, high: ends of the interval; `low` is at most `high`.
        margin: the smallest difference that matters, above 0.

    Returns:
        "different", "small", "same" or "open".
    """
    apart = low > 0 or high < 0
    inside = -margin < low and high < margin
    if inside:
        return "small" if apart else "same"
    return "different" if apart else "open"


def optimism(validation_loss: Sequence[float], test_accuracy: Sequence[float]) -> float:
    """What is gained by choosing the step on the test split.

    Args:
        validation_loss, test_accuracy: at the same evaluations of one training, in their order.

    Returns:
        The best test accuracy of all evaluations minus that at the first one of least validation loss: 0 or more.
    """
    best = min(range(len(validation_loss)), key=lambda i: validation_loss[i])
    return max(test_accuracy) - test_accuracy[best]


# Other right answers, and mistakes that people make


def _wrong_by_numpy(differences: Sequence[float]) -> float:
    d = np.array(differences)
    signs = np.sign(d) * np.sign(d.mean())
    return float(((1 - signs) / 2).mean())


def _wrong_in_a_loop(differences: Sequence[float]) -> float:
    total, wrong = sum(differences), 0.0
    for d in differences:
        if d == 0:
            wrong += 0.5
        elif (d > 0) != (total > 0):
            wrong += 1
    return wrong / len(differences)


def _wrong(differences: Sequence[float], *, mistake: str) -> float:
    """The right answer with something wrong: who the winner is, what counts, or what is divided by."""
    d, n = list(differences), len(differences)
    ties = sum(x == 0 for x in d)
    above, below = sum(x > 0 for x in d), sum(x < 0 for x in d)
    centre = pick(
        mistake,
        {
            "always A": 1.0,
            "always B": -1.0,
            "median": median(d),
            "majority": float(above - below),
            "first": d[0],
            "last": d[-1],
            "largest": max(d, key=abs),
            "rounded mean": round(mean(d), 1),
            "whole mean": float(int(mean(d))),
        },
        mean(d),
    )
    wrong: float = below if centre > 0 else above
    if mistake == "below the mean":
        wrong, ties = sum(x < mean(d) for x in d), 0
    if mistake == "other side of the mean":
        side = 1 if mean(d) > 0 else -1
        wrong, ties = sum(side * x < side * mean(d) for x in d), 0
    if mistake == "right":
        wrong = n - ties - wrong
    if mistake == "small ones":
        side = 1 if centre > 0 else -1
        wrong, ties = sum(side * x < 0 and abs(x) >= 0.05 for x in d), sum(abs(x) < 0.05 for x in d)
    if mistake == "changes":
        wrong, ties = sum((x > 0) != (y > 0) for x, y in zip(d, d[1:], strict=False)), 0
    weight = pick(mistake, {"ties wrong": 1.0, "ties right": 0.0, "ties left out": 0.0}, 0.5)
    counted = n - ties if mistake == "ties left out" else n
    if mistake == "n - 1":
        counted = n - 1
    if counted == 0:
        return 0.0
    return wrong + weight * ties if mistake == "count" else (wrong + weight * ties) / counted


def _seeds_in_steps(effect: float, sd: float) -> int:
    n = 2
    while 2.8 * sd / math.sqrt(n) > abs(effect):
        n += 1
    return n


def _seeds_by_numpy(effect: float, sd: float) -> int:
    return int(np.maximum(np.ceil(np.square((1.96 + 0.84) * sd / effect)), 2))


_FACTORS = {
    "without power": 1.96,
    "power only": 0.84,
    "one side": 1.645 + 0.84,
    "90 %": 1.96 + 1.28,
    "99 %": 2.576 + 0.84,
    "more digits": 1.959964 + 0.841621,
    "three": 3.0,
    "two": 2.0,
    "1.96 twice": 2 * 1.96,
    "product": 1.96 * 0.84,
    "difference": 1.96 - 0.84,
}


def _planned(effect: float, sd: float, *, mistake: str) -> float:
    """The right answer with something wrong: the factor, what is squared, the rounding, or the least number."""
    factor = pick(mistake, _FACTORS, 2.8)
    ratio = sd / effect
    if mistake == "upside down":
        ratio = effect / sd
    n = (factor * ratio) ** 2
    n = pick(
        mistake,
        {
            "not squared": factor * abs(ratio),
            "sign": factor * ratio,
            "factor not squared": factor * ratio**2,
            "factor alone squared": factor**2 * abs(ratio),
            "sd not squared": factor**2 * sd / effect**2,
            "effect not squared": factor**2 * sd**2 / abs(effect),
            "two arms": 2 * n,
            "four": 4 * n,
            "half": n / 2,
            "root": math.sqrt(abs(factor * ratio)),
            "percent": (factor * ratio / 100) ** 2,
        },
        n,
    )
    if mistake == "down":
        return max(2, math.floor(n))
    if mistake == "nearest":
        return max(2, round(n))
    if mistake == "whole":
        return max(2, math.floor(n) + 1)
    if mistake == "one half":
        return max(2, round(n + 0.5))
    if mistake == "just above":
        return max(2, math.floor(n + 0.999))
    if mistake == "rounded first":
        return max(2, math.ceil(round(n, 1)))
    if mistake == "Student":
        return evidence.seeds_needed(effect, sd=sd)
    if mistake in ("one more", "two more"):
        return max(2, math.ceil(n) + (1 if mistake == "one more" else 2))
    if mistake == "up, then squared":
        return max(2, math.ceil(factor * ratio) ** 2)
    if mistake == "not rounded":
        return max(2.0, n)
    least = pick(mistake, {"no least": -math.inf, "at least 3": 3, "at least 5": 5}, 2)
    return max(least, math.ceil(n))


def _stop_by_hand(differences: Sequence[float], first: int) -> int | None:
    for n in range(first, len(differences) + 1):
        seen = differences[:n]
        half = evidence.interval(seen).half
        if abs(mean(seen)) > half and max(seen) > min(seen):
            return n
    return None


def _stop_by_ends(differences: Sequence[float], first: int) -> int | None:
    bands = {n: evidence.interval(list(differences[:n])) for n in range(first, len(differences) + 1)}
    return next((n for n, band in bands.items() if band.excludes_0), None)


def _looked(differences: Sequence[float], first: int, *, mistake: str) -> float | None:
    """The right answer with something wrong: what is looked at, when, by which rule, or what is returned."""
    d, total = list(differences), len(differences)
    looks = list(
        pick(
            mistake,
            {
                "from 2": range(2, total + 1),
                "one later": range(first + 1, total + 1),
                "not the last": range(first, total),
                "once": [total],
                "once, at first": [first] if first <= total else [],
                "every first": range(first, total + 1, first),
            },
            range(first, total + 1),
        )
    )
    windows: dict[str, Callable[[int], list[float]]] = {
        "window": lambda n: d[n - first : n],
        "last seeds": lambda n: d[-n:],
        "one seed more": lambda n: d[: n + 1],
        "one seed less": lambda n: d[: n - 1],
        "the rest": lambda n: d[n:],
    }
    window = pick(mistake, windows, lambda n: d[:n])
    rule = pick(mistake, _RULES, lambda values: evidence.interval(values).says == "excludes 0")
    stops = [n for n in looks if len(window(n)) > 1 and rule(window(n))]
    if not stops:
        return pick(mistake, {"0": 0, "-1": -1, "all": total, "one beyond": total + 1}, None)
    n = stops[-1] if mistake == "last look" else stops[0]
    return pick(
        mistake,
        {
            "index": n - 1,
            "looks": looks.index(n) + 1,
            "seeds left": total - n,
            "how many": len(stops),
            "the mean": mean(d[:n]),
            "the difference": d[n - 1],
        },
        n,
    )


def _edge(values: Sequence[float], factor: float) -> bool:
    """Whether the mean is more than `factor` standard errors from 0."""
    return abs(mean(values)) > factor * stdev(values) / math.sqrt(len(values))


_RULES: dict[str, Callable[[Sequence[float]], bool]] = {
    "above only": lambda values: evidence.interval(values).low > 0,
    "below only": lambda values: evidence.interval(values).high < 0,
    "contains 0": lambda values: evidence.interval(values).says != "excludes 0",
    "0 at the end": lambda values: evidence.interval(values).low >= 0 or evidence.interval(values).high <= 0,
    "normal": lambda values: _edge(values, 1.96),
    "five seeds": lambda values: _edge(values, 2.776),
    "population": lambda values: (
        abs(mean(values)) > _t(0.975, len(values) - 1) * pstdev(values) / math.sqrt(len(values))
    ),
    "n degrees": lambda values: _edge(values, _t(0.975, len(values))),
    "90 %": lambda values: _edge(values, _t(0.95, len(values) - 1)),
    "99 %": lambda values: _edge(values, _t(0.995, len(values) - 1)),
    "p": lambda values: evidence.p_value(values) < 0.05,
    "wide": lambda values: abs(mean(values)) > _t(0.975, len(values) - 1) * stdev(values),
    "two errors": lambda values: _edge(values, 2.0),
    "deviation": lambda values: abs(mean(values)) > stdev(values),
    "two deviations": lambda values: abs(mean(values)) > 1.96 * stdev(values),
    "any mean": lambda values: mean(values) != 0,
    "one sign": lambda values: min(values) > 0 or max(values) < 0,
}


def _claims_by_adjusting(p_values: Mapping[str, float], alpha: float) -> list[str]:
    adjusted = evidence.holm(p_values)
    return [n for n in sorted(p_values, key=p_values.__getitem__) if adjusted[n] <= alpha]


def _claims_with_takewhile(p_values: Mapping[str, float], alpha: float) -> list[str]:
    ranked = sorted((p, name) for name, p in p_values.items())
    count = len(ranked)
    good = takewhile(lambda item: item[1][0] * (count - item[0]) <= alpha, enumerate(ranked))
    return [name for _, (_, name) in good]


def _limits(p_values: Mapping[str, float], level: float, *, mistake: str) -> list[float]:
    """The limit of each place, from the smallest p-value on; Holm's, or those of another rule."""
    m, few = len(p_values), sum(p <= level for p in p_values.values())
    return pick(
        mistake,
        {
            "none": [level] * m,
            "Bonferroni": [level / m] * m,
            "Sidak": [1 - (1 - level) ** (1 / m)] * m,
            "rising": [level / (i + 1) for i in range(m)],
            "one too many": [level / (m - i + 1) for i in range(m)],
            "one too few": [level / max(1, m - i - 1) for i in range(m)],
            "Benjamini": [level * (i + 1) / m for i in range(m)],
            "Benjamini, step down": [level * (i + 1) / m for i in range(m)],
            "halved": [level / 2 ** (i + 1) for i in range(m)],
            "only the first": [level / m] + [level] * (m - 1),
            "two-sided": [level / 2 / (m - i) for i in range(m)],
            "Sidak, step down": [1 - (1 - level) ** (1 / (m - i)) for i in range(m)],
            "rounded": [round(level / (m - i), 3) for i in range(m)],
            "loose": [level / (m - i) + 1e-4 for i in range(m)],
            "below alpha count": [level / max(1, few - i) for i in range(m)],
        },
        [level / (m - i) for i in range(m)],
    )


def _claimed(p_values: Mapping[str, float], alpha: float, *, mistake: str) -> Any:
    """The right answer with something wrong: the thresholds, where it stops, the order, or what is returned."""
    if mistake == "as listed":
        return [name for name, p in p_values.items() if p <= alpha]
    if mistake == "as listed, below":
        return [name for name, p in p_values.items() if p < alpha]
    by_p = sorted(p_values, key=lambda name: p_values[name])
    orders = {
        "in order of the dict": list(p_values),
        "largest first": by_p[::-1],
        "by name": sorted(p_values),
        "as text": sorted(p_values, key=lambda name: str(p_values[name])),
    }
    names = pick(mistake, orders, by_p)
    limits = _limits(p_values, 0.05 if mistake == "always 0.05" else alpha, mistake=mistake)
    good = [
        p_values[name] < limit if mistake == "strict" else p_values[name] <= limit
        for name, limit in zip(names, limits, strict=True)
    ]
    if mistake in ("no stop", "none", "Bonferroni", "Sidak"):
        claimed = [name for name, ok in zip(names, good, strict=True) if ok]
    elif mistake in ("from the end", "Benjamini"):
        claimed = names[: max((i + 1 for i, ok in enumerate(good) if ok), default=0)]
    else:
        count = [*good, False].index(False)
        claimed = names[: count + 1 if mistake == "failing too" else count]
    return pick(
        mistake,
        {
            "dict order": [name for name in p_values if name in claimed],
            "alphabet": sorted(claimed),
            "reversed": claimed[::-1],
            "count": len(claimed),
            "p-values": [p_values[name] for name in claimed],
            "the others": [name for name in names if name not in claimed],
            "first only": claimed[:1],
        },
        claimed,
    )


def _said_in_steps(low: float, high: float, margin: float) -> str:
    contains = low <= 0 <= high
    within = abs(low) < margin and abs(high) < margin
    if contains and within:
        return "same"
    if contains:
        return "open"
    return "small" if within else "different"


def _said_by_table(low: float, high: float, margin: float) -> str:
    return {
        (True, True): "small",
        (True, False): "different",
        (False, True): "same",
        (False, False): "open",
    }[low * high > 0, max(-low, high) < margin]


def _said(low: float, high: float, margin: float, *, mistake: str) -> str:
    """The right answer with something wrong: when 0 is in, when the margins hold, or which word is meant."""
    centre, half = (low + high) / 2, (high - low) / 2
    apart = pick(
        mistake,
        {
            "0 at the end": low >= 0 or high <= 0,
            "above only": low > 0,
            "below only": high < 0,
            "mean apart": centre != 0,
        },
        low > 0 or high < 0,
    )
    inside = pick(
        mistake,
        {
            "margin at the end": -margin <= low and high <= margin,
            "upper margin": high < margin,
            "lower margin": low > -margin,
            "mean inside": abs(centre) < margin,
            "half": half < margin,
            "width": 2 * half < margin,
            "one end": abs(low) < margin or abs(high) < margin,
            "half a margin": -margin / 2 < low and high < margin / 2,
            "never inside": False,
            "0.5": -0.5 < low and high < 0.5,
            "1": -1 < low and high < 1,
        },
        -margin < low and high < margin,
    )
    if mistake == "contains 0 is same" and not apart:
        return "same"
    if mistake == "contains 0 is open" and not apart:
        return "open"
    if mistake == "apart is different" and apart:
        return "different"
    if mistake == "apart is small" and apart:
        return "small"
    if mistake == "beyond" and apart:
        return "different" if low >= margin or high <= -margin else "small"
    if mistake == "beyond or open" and apart and not inside:
        return "different" if low >= margin or high <= -margin else "open"
    if mistake == "beyond it or open" and apart and not inside:
        return "different" if low > margin or high < -margin else "open"
    if mistake == "inside is same" and inside:
        return "same"
    words = ("small", "same", "different", "open")
    words = pick(
        mistake,
        {
            "capital": ("Small", "Same", "Different", "Open"),
            "capitals": ("SMALL", "SAME", "DIFFERENT", "OPEN"),
            "small and same": ("same", "small", "different", "open"),
            "open and same": ("small", "open", "different", "same"),
            "small and different": ("different", "same", "small", "open"),
        },
        words,
    )
    return words[(0 if apart else 1) if inside else (2 if apart else 3)]


def _optimism_in_a_loop(validation_loss: Sequence[float], test_accuracy: Sequence[float]) -> float:
    chosen = top = test_accuracy[0]
    least = validation_loss[0]
    for loss, accuracy in zip(validation_loss, test_accuracy, strict=True):
        if loss < least:
            least, chosen = loss, accuracy
        if accuracy > top:
            top = accuracy
    return top - chosen


def _optimism_by_numpy(validation_loss: Sequence[float], test_accuracy: Sequence[float]) -> float:
    test = np.array(test_accuracy)
    return float(test.max() - test[np.argmin(validation_loss)])


def _patient(losses: Sequence[float], patience: int) -> int:
    """Where early stopping finds its least loss if it ends after `patience` evaluations without a new one."""
    best = 0
    for i, loss in enumerate(losses):
        if loss < losses[best]:
            best = i
        elif i - best >= patience:
            break
    return best


def _optimistic(validation_loss: Sequence[float], test_accuracy: Sequence[float], *, mistake: str) -> float:
    """The right answer with something wrong: the step that is reported, what it is compared with, or what is returned."""
    loss, test, n = list(validation_loss), list(test_accuracy), len(test_accuracy)
    least, best = loss.index(min(loss)), test.index(max(test))
    reported = pick(
        mistake,
        {
            "last step": n - 1,
            "first step": 0,
            "largest loss": loss.index(max(loss)),
            "last of least": n - 1 - loss[::-1].index(min(loss)),
            "least before best": loss.index(min(loss[: best + 1])),
            "worst of least": min(range(n), key=lambda i: (loss[i], test[i])),
            "best of least": min(range(n), key=lambda i: (loss[i], -test[i])),
            "two worse": _patient(loss, 2),
            "three worse": _patient(loss, 3),
            "from 1": loss.index(min(loss)) if min(loss) < 1 else 0,
            "first rise": next((i - 1 for i in range(1, n) if loss[i] > loss[i - 1]), n - 1),
        },
        least,
    )
    top = pick(
        mistake,
        {
            "last accuracy": test[-1],
            "worst": min(test),
            "up to the step": max(test[: least + 1]),
            "after the step": max(test[least:]),
            "mean": mean(test),
            "next": test[min(least + 1, n - 1)],
        },
        max(test),
    )
    found = top - test[reported]
    return pick(
        mistake,
        {
            "best": max(test),
            "reported": test[least],
            "steps": float(best - least),
            "losses": loss[best] - min(loss),
            "ratio": max(test) / test[least] - 1,
            "from the mean": test[least] - mean(test),
            "above the mean": max(test) - mean(test),
            "always 0": 0.0,
        },
        found,
    )


# Arguments of hidden cases


def _vary_differences(rng: random.Random) -> tuple[Any, ...]:
    while True:
        shift, n = rng.choice((-0.3, -0.1, 0.1, 0.3)), rng.randint(3, 12)
        found = [round(rng.gauss(shift, 0.4), 1) for _ in range(n)]
        if abs(mean(found)) > 0.02:
            return (found,)


def _vary_plan(rng: random.Random) -> tuple[Any, ...]:
    while True:
        effect, sd = rng.choice((-1, 1)) * round(rng.uniform(0.1, 2.0), 2), round(rng.uniform(0.2, 1.5), 2)
        if 0.03 < (2.8 * sd / effect) ** 2 % 1 < 0.97:
            return (effect, sd)


def _vary_looks(rng: random.Random) -> tuple[Any, ...]:
    first = rng.choice((2, 3, 3, 4))
    shift, n = rng.choice((-0.6, -0.3, 0.0, 0.3, 0.6)), rng.randint(max(4, first), 12)
    return ([round(rng.gauss(shift, 0.5), 2) for _ in range(n)], first)


def _vary_p_values(rng: random.Random) -> tuple[Any, ...]:
    m, alpha = rng.randint(2, 7), rng.choice((0.01, 0.05, 0.05, 0.1))
    names = rng.sample(["dense", "shuffled", "re-initialised", "SNIP", "random", "GraSP", "SynFlow"], m)
    levels = [alpha / (m - i) * rng.uniform(0.3, 1.6) for i in range(m)]
    rng.shuffle(levels)
    return ({name: round(min(level, 1.0), 5) for name, level in zip(names, levels, strict=True)}, alpha)


def _vary_interval(rng: random.Random) -> tuple[Any, ...]:
    margin, half = round(rng.uniform(0.2, 1.0), 2), rng.uniform(0.05, 0.9)
    centre = rng.uniform(-1.3, 1.3) * margin
    return (round(centre - half * margin, 3), round(centre + half * margin, 3), margin)


def _vary_curve(rng: random.Random) -> tuple[Any, ...]:
    n = rng.randint(3, 9)
    return (
        [round(rng.uniform(0.38, 0.6), 2) for _ in range(n)],
        [round(rng.uniform(0.80, 0.87), 4) for _ in range(n)],
    )


_FINITE = "a difference of two accuracies is finite"

EXERCISES = (
    Exercise(
        id="13.1",
        reference=wrong_winner_rate,
        cases=(
            Case(([0.4, -0.1, 0.3, 0.2],), "Four seeds, of which one is below 0."),
            Case(([-0.4, 0.1, -0.3, -0.2],), "The other arm wins: the mean is below 0.", point=True),
            Case(([0.5],), "One seed agrees with itself."),
            Case(
                ([0.3, 0.0, -0.1, 0.4, 0.2],),
                "One difference is exactly 0: neither arm wins there, and it counts half.",
                tags=("ties",),
            ),
            Case(
                ([-0.3, 0.0, 0.0, -0.1, 0.2],),
                "Two of five differences are 0, and the mean is below 0.",
                tags=("ties",),
            ),
            Case(
                ([-0.1, -0.2, -0.1, 1.4],),
                "Three of four seeds are below 0, and the mean is above 0: the mean decides.",
            ),
            Case(([0.1, 0.1, 0.2, -0.9, 0.3, 0.1],), "One seed far below 0 takes the mean below 0."),
            Case(([0.2, 0.3, 0.4],), "No seed is wrong."),
            Case(([-1.2, 0.9, 0.8, 0.1, 0.3, -0.2, 0.7],), "The seed of largest size is on the wrong side."),
            Case(([0.2, 0.7, 0.4, 0.9, -0.3],), "The last seed is on the wrong side."),
            Case(([-0.6, 0.5, 0.4, 0.6],), "The first seed is on the wrong side."),
            Case(([0.8, 0.0, 0.0],), "One seed is above 0, and two are 0.", tags=("ties",)),
            Case(([0.5, 0.3, 0.0],), "No seed is wrong, and one of three is 0.", tags=("ties",)),
            Case(([-0.5, -0.2, -0.9, 0.3, 0.1, -0.4, -0.1, 0.2],), "Eight seeds, the mean below 0."),
            Case(
                ([0.3, 0.04, -0.03, 0.2, 0.0004],),
                "Three differences are small, and none of them is exactly 0.",
            ),
            Case(([0.5, -0.28, -0.2, -0.01],), "The mean is above 0, by less than a hundredth."),
            Case(([1.9, 1.4, -0.4, 2.3],), "The mean is above 1."),
            Case(([-1.9, -1.4, 0.4, -2.3],), "The mean is below -1."),
        ),
        hints=(
            "First find out who wins over all seeds: the sign of the mean. Only then ask each seed.",
            "A seed is wrong if its difference and the mean have other signs; their product is then below 0.",
            "wrong = number with the other sign + half the number of zeros; return wrong / len(differences).",
        ),
        misconceptions=variants(
            _wrong,
            {
                "always A": "You count the differences below 0, also where the mean is below 0. There arm B wins over all "
                "seeds, and those above 0 are wrong.",
                "always B": "You count the differences above 0; they are wrong only where the mean is below 0.",
                "right": "This is the fraction of seeds that name the right winner; the text asks for the wrong ones.",
                "ties wrong": "You count a difference of 0 as wrong; neither arm wins there, and it counts half.",
                "ties right": "You count a difference of 0 as right; neither arm wins there, and it counts half.",
                "ties left out": "You leave seeds with a difference of 0 out, also of the number of seeds; each counts half.",
                "median": "You take the sign of the median for the winner; the text asks for that of the mean.",
                "majority": "You take the arm that wins more seeds for the winner; the text asks for the sign of the mean.",
                "first": "You take the first seed's winner for the winner of all; take the sign of the mean.",
                "last": "You take the last seed's winner for the winner of all; take the sign of the mean.",
                "largest": "You take the seed of largest size for the winner; take the sign of the mean.",
                "below the mean": "You count the seeds below the mean; wrong are those on the other side of 0.",
                "other side of the mean": "You compare each seed with the mean; wrong are those on the other side of 0.",
                "changes": "You count how often neighbours differ in sign; compare each seed with the mean of all.",
                "small ones": "You count small differences as if they were 0; only a difference of exactly 0 counts half.",
                "rounded mean": "You round the mean before you ask for its sign; a small mean has a winner too.",
                "whole mean": "You cut the mean to a whole number, so that a mean below 1 becomes 0; take the mean as it is.",
                "count": "This is the number of wrong seeds; return the fraction.",
                "n - 1": "You divide by the number of seeds minus 1; a fraction of seeds is divided by their number.",
            },
        ),
        alternatives=(_wrong_by_numpy, _wrong_in_a_loop),
        difficulty="easy",
        lines=3,
        minutes=8,
        vary=_vary_differences,
        told={"ties": "counts half"},
        absent={"NaN": _FINITE, "empty list": "a mean needs a seed"},
    ),
    Exercise(
        id="13.2",
        reference=seeds_for,
        cases=(
            Case((0.5, 0.6), "An effect a little smaller than the standard deviation."),
            Case((0.25, 0.6), "Half the effect takes four times as many seeds.", point=True),
            Case((-0.5, 0.6), "The first arm is worse: the effect is below 0."),
            Case((2.0, 0.5), "A large effect: the formula gives less than 1, and two seeds are the least."),
            Case((-3.0, 0.4), "A large effect below 0."),
            Case((0.1, 0.7), "A small effect: hundreds of seeds."),
            Case((0.7, 0.55), "The formula gives 4.84, which is rounded up."),
            Case((0.9, 0.65), "The formula gives 4.09, which is rounded up too."),
            Case((1.0, 1.0), "Effect and standard deviation are equal."),
            Case((0.004, 0.006), "In fractions instead of points: only the ratio matters."),
            Case((1.5, 2.0), "A standard deviation above 1."),
            Case((0.5, 0.28), "The formula gives 2.46."),
            Case((0.3, 1.1), "The standard deviation is nearly four times the effect."),
            Case((1.47, 2.1), "The formula gives 16, a whole number, which stays as it is."),
            Case((-1.47, 1.05), "The formula gives 4, a whole number; the effect is below 0."),
            Case((0.868, 3.41), "The formula gives 121, an odd whole number."),
            Case((0.2, 0.35), "The formula gives 24.01, which is rounded up."),
            Case((0.3, 0.89), "The formula gives 69.0007, which is rounded up."),
            Case((0.05, 0.49), "The formula gives 752.95."),
        ),
        hints=(
            "The mean of n differences has the standard error sd / sqrt(n). The effect should be 2.8 of these.",
            "effect = 2.8 * sd / sqrt(n): solve for n. What happens to the square root?",
            "n = (2.8 * sd / effect) ** 2; math.ceil rounds up, and max(2, ...) takes care of the least.",
        ),
        misconceptions=variants(
            _planned,
            {
                "not squared": "You do not square: the error falls with the square root of n, so n is the square of the ratio.",
                "sign": "You do not square, and an effect below 0 gives a negative number; n is the square of the ratio.",
                "factor not squared": "You square sd / effect and not the 2.8; the whole quotient is squared.",
                "factor alone squared": "You square the 2.8 and not sd / effect; the whole quotient is squared.",
                "sd not squared": "You do not square the standard deviation; the whole quotient is squared.",
                "effect not squared": "You do not square the effect; the whole quotient is squared.",
                "upside down": "You divide effect by sd; a smaller effect takes more seeds, so it is sd / effect.",
                "two arms": "You double the number, as for two groups that are not paired; here sd is that of the paired "
                "differences.",
                "four": "You take four times as many; check what stands under the square root.",
                "half": "You take half of it; the text has no half.",
                "root": "You take a square root where the text has a square.",
                "down": "You round down; then the seeds are too few. Round up.",
                "nearest": "You round to the nearest whole number; below one half the seeds are then too few. Round up.",
                "up, then squared": "You round up before you square; square first.",
                "one more": "You add one seed after you have rounded up.",
                "two more": "You add two seeds after you have rounded up.",
                "one half": "You add one half and round: where the formula gives an odd whole number, that is a seed too many. "
                "Round up instead.",
                "just above": "Where the formula is a little above a whole number, your seeds are too few. Do not round or cut "
                "it first; round up what the formula gives.",
                "rounded first": "You round to one digit before you round up; round up what the formula gives.",
                "Student": "You take Student's t, as evidence.seeds_needed does; it asks for some more. The text has the "
                "factor 2.8.",
                "more digits": "Your factor has more digits than 2.8 (1.96 and 0.84 are rounded, too); take 2.8, as the text "
                "says.",
                "whole": "You round down and add one, which is a seed too many where the formula gives a whole number; "
                "rounding up leaves that as it is.",
                "not rounded": "You do not round; seeds are whole, so round up.",
                "no least": "A large effect gives 1 in your function; with one seed there is no interval. At least 2.",
                "at least 3": "Your least number is 3; the text asks for 2.",
                "at least 5": "Your least number is 5; the text asks for 2.",
                "without power": "You take 1.96 only: then a true effect of this size is seen every second time. The text has 2.8.",
                "power only": "You take 0.84 only, which is the part for the power; the text has 2.8, both parts added.",
                "one side": "You take 1.645 for 1.96, which is one-sided; the text has 2.8.",
                "90 %": "Your factor is 3.24, for a power of 90 %; the text has 2.8.",
                "99 %": "Your factor is that of a 99 % interval; the text has 2.8.",
                "three": "You round the factor to 3; the text has 2.8.",
                "two": "You take the factor 2; the text has 2.8.",
                "1.96 twice": "You add 1.96 twice; the second part is 0.84, together 2.8.",
                "product": "You multiply 1.96 and 0.84; they are added, which gives 2.8.",
                "difference": "You subtract 0.84 from 1.96; they are added, which gives 2.8.",
                "percent": "You divide by 100; effect and sd are in the same unit already.",
            },
        ),
        alternatives=(_seeds_in_steps, _seeds_by_numpy),
        difficulty="easy",
        lines=2,
        minutes=8,
        vary=_vary_plan,
        absent={
            "ties": "two numbers have none that matters",
            "NaN": "effect and standard deviation are finite",
        },
    ),
    Exercise(
        id="13.3",
        reference=first_stop,
        cases=(
            Case(
                ([0.5, 0.1, 0.4, 0.6, 0.5, 0.7], 3),
                "The interval contains 0 at three seeds and excludes it later.",
            ),
            Case(([0.2, -0.3, 0.1, 0.4, -0.2], 3), "It never excludes 0."),
            Case(
                ([0.9, 1.0, 1.1, -3.0, 0.2, 0.4], 3),
                "It excludes 0 at the first look, and no more after the next seed. Who stops does not see that.",
                point=True,
            ),
            Case(([-0.5, -0.1, -0.4, -0.6, -0.5, -0.7], 3), "The differences are below 0."),
            Case(
                ([0.40, 0.41, -0.5, 0.3, 0.2], 3),
                "It would exclude 0 at two seeds; the first look is at three.",
            ),
            Case(([0.40, 0.41, -0.5, 0.3, 0.2], 2), "The first look is at two seeds."),
            Case(([0.1, 0.9, 0.3, 1.0, 0.8, 0.6, 0.9], 4), "The first look is at four seeds."),
            Case(([0.2, -0.1, 0.3, 0.2, 0.25, 0.3], 3), "Only the last look excludes 0."),
            Case(
                ([0.0, 0.0, 0.0, 0.0], 3),
                "All differences are 0: the interval is 0, and it contains 0.",
                tags=("ties", "all differences 0"),
            ),
            Case(
                ([0.2, 0.2, 0.2], 3),
                "All differences are equal and above 0: they have no spread, so there is no claim.",
                tags=("ties",),
            ),
            Case(
                ([0.655, 1.155, 1.655, -2.0, 0.1], 3),
                "At three seeds the mean is 4.00 standard errors from 0, and the interval reaches to 4.30 of them.",
            ),
            Case(
                ([0.568, 1.068, 1.568, -2.0, 0.1], 3),
                "At three seeds the mean is 3.70 standard errors from 0, and the interval reaches to 4.30 of them.",
            ),
            Case(
                ([0.453, 0.953, 1.453, -2.0, 0.1], 3),
                "At three seeds the mean is 3.30 standard errors from 0, and the interval reaches to 4.30 of them.",
            ),
            Case(
                ([0.366, 0.866, 1.366, -2.0, 0.1], 3),
                "At three seeds the mean is 3.00 standard errors from 0, and the interval reaches to 4.30 of them.",
            ),
            Case(
                ([0.735, 1.235, 1.735, -2.0, 0.1], 3),
                "At three seeds the mean is 4.28 standard errors from 0, a little less than the 4.30 of the interval.",
            ),
            Case(
                ([0.75, 1.25, 1.75, -2.0, 0.1], 3),
                "At three seeds the mean is 4.33 standard errors from 0, a little more than the 4.30 of the interval.",
            ),
            Case(([1.0, 1.6, 1.2, 1.3, 1.25, 1.3], 3), "The differences are far above 0."),
            Case(([0.1, 0.2], 3), "Fewer seeds than the first look: there is no look at all."),
            Case(([0.40, 0.41], 3), "Two seeds whose interval excludes 0; the first look is at three."),
            Case(([0.5], 2), "One seed."),
            Case(
                ([0.3, 0.6, -0.1, 0.2, 0.9, 0.1, 0.4, 0.5], 3),
                "Eight seeds, and one of them is below 0.",
            ),
            Case(([0.26, 0.04, 0.2, 0.79], 4), "At four seeds the mean is 1.98 standard errors from 0."),
            Case(([0.1, 0.4, 0.3, 0.2, -0.1, 0.3, 0.5], 3), "One seed is below 0 before it stops."),
            Case(([-0.2, 0.1, -0.5, -0.3, -0.6, -0.4, -0.7, -0.5], 2), "Eight seeds, mostly below 0."),
        ),
        hints=(
            "Go through n = first, first + 1, ... up to all seeds, and look at the first n differences each time.",
            'evidence.interval(differences[:n]).says is "excludes 0" or "contains 0: no claim".',
            "for n in range(first, len(differences) + 1): return n at the first that excludes 0; after the loop, None.",
        ),
        misconceptions=variants(
            _looked,
            {
                "once": "You look at all seeds only. Somebody who looks after each seed stops at the first interval that "
                "excludes 0.",
                "once, at first": "You look at the first `first` seeds only; go on with one seed more each time.",
                "every first": "You look after each `first` seeds; look after each seed.",
                "last look": "This is the last look that excludes 0; who stops, stops at the first one.",
                "from 2": "You begin at two seeds; the first look is at `first` seeds.",
                "one later": "Your first look has one seed more than `first`.",
                "not the last": "You never look at all seeds: range(first, len(differences)) ends one too early.",
                "window": "You look at the latest `first` seeds only; look at all seeds so far.",
                "last seeds": "You take seeds from the end of the list; they come in from the beginning.",
                "one seed more": "You look at one seed more than you return: differences[:n] has n seeds.",
                "one seed less": "You look at one seed less than you return: differences[:n] has n seeds.",
                "the rest": "You look at the seeds that have not come in yet; take differences[:n].",
                "above only": "You stop only where the interval lies above 0; below 0 excludes 0 too.",
                "below only": "You stop only where the interval lies below 0; above 0 excludes 0 too.",
                "contains 0": "You stop at the first interval that contains 0; stop where it excludes 0.",
                "0 at the end": "You stop at an interval that ends at exactly 0; that one contains 0.",
                "normal": "You take 1.96 standard errors, which is for very many seeds; evidence.interval is wider for few.",
                "two errors": "You take two standard errors, which is for many seeds; evidence.interval is wider for few.",
                "five seeds": "You take 2.776 standard errors for every number of seeds; that is right for five. "
                "evidence.interval knows the factor for each.",
                "population": "You divide by n in the standard deviation, as statistics.pstdev does, so that your interval is too "
                "narrow; statistics.stdev divides by n - 1, and evidence.interval does, too.",
                "n degrees": "You take Student's t with n degrees of freedom; n seeds have n - 1.",
                "90 %": "Your interval is that of 90 %; the text asks for 95 %, as evidence.interval has it.",
                "99 %": "Your interval is that of 99 %; the text asks for 95 %, as evidence.interval has it.",
                "p": "You ask whether p is below 0.05. That comes to the same, but evidence.p_value has no answer where the "
                "seeds do not differ; ask evidence.interval.",
                "wide": "You do not divide the standard deviation by the square root of n: that is the spread of single seeds, "
                "and the interval is that of their mean.",
                "deviation": "You compare the mean with the standard deviation of single seeds; take the interval of the mean.",
                "two deviations": "You compare the mean with 1.96 standard deviations of single seeds; take the interval of the "
                "mean.",
                "any mean": "You stop as soon as the mean is not 0; ask the interval.",
                "one sign": "You stop where all seeds have one sign; ask the interval.",
                "index": "This is the place of the last seed, counted from 0; return the number of seeds.",
                "looks": "This is the number of looks; return the number of seeds.",
                "seeds left": "This is how many seeds were saved; return how many were looked at.",
                "how many": "This is the number of looks that exclude 0; return the number of seeds at the first one.",
                "the mean": "This is the mean at the stop; return the number of seeds.",
                "the difference": "This is the last seed's difference; return the number of seeds.",
                "0": "If it never excludes 0 you return 0; return None.",
                "-1": "If it never excludes 0 you return -1; return None.",
                "all": "If it never excludes 0 you return the number of seeds, as if it had stopped there; return None.",
                "one beyond": "If it never excludes 0 you return one seed more than there are; return None.",
            },
        ),
        alternatives=(_stop_by_hand, _stop_by_ends),
        difficulty="medium",
        lines=4,
        minutes=10,
        vary=_vary_looks,
        told={"ties": "All differences may be equal", "all differences 0": "or all 0"},
        absent={"NaN": _FINITE, "empty list": "the text says that at least one seed has come in"},
    ),
    Exercise(
        id="13.4",
        reference=holm_claims,
        cases=(
            Case(
                ({"a": 0.01, "b": 0.04, "c": 0.03}, 0.05),
                "Three comparisons; the second smallest is 0.03, and 0.05 / 2 is less.",
            ),
            Case(
                ({"a": 0.020, "b": 0.010, "c": 0.015}, 0.05),
                "Each is small enough for its own place: 0.05 / 3, 0.05 / 2, 0.05.",
                point=True,
            ),
            Case(({"a": 0.04}, 0.05), "One comparison: nothing to correct."),
            Case(
                ({"a": 0.03, "b": 0.04}, 0.05),
                "The smallest fails, so none is claimed, although 0.04 is below 0.05.",
            ),
            Case(
                ({"a": 0.025, "b": 0.05}, 0.05),
                "Both are exactly at their limit: at most means that it is claimed.",
                tags=("limit",),
            ),
            Case(({"a": 0.5, "b": 0.6, "c": 0.9}, 0.05), "All p-values are large."),
            Case(
                ({"dense": 0.001, "shuffled": 0.03, "re-initialised": 0.02, "random": 0.04}, 0.05),
                "The smallest is claimed, and the next one fails.",
            ),
            Case(
                ({"dense": 0.0009, "shuffled": 0.0011, "re-initialised": 0.004, "random": 0.2}, 0.01),
                "alpha is 0.01.",
            ),
            Case(
                ({"z": 0.002, "y": 0.30, "x": 0.012, "w": 0.016, "v": 0.04}, 0.05),
                "Five comparisons; the second is just claimed, the third just.",
            ),
            Case(({"a": 0.04, "b": 0.06, "c": 0.02}, 0.1), "alpha is 0.1."),
            Case(({"a": 0.0252, "b": 0.3}, 0.05), "The smallest is a little above 0.05 / 2."),
            Case(
                ({"a": 0.03, "b": 0.04, "c": 0.9}, 0.05),
                "Two of three are below 0.05, and neither is claimed.",
            ),
            Case(
                ({"a": 0.003, "b": 0.035, "c": 0.04}, 0.05),
                "The second smallest is between 0.05 / 2 and 0.05.",
            ),
            Case(
                ({"a": 0.011, "b": 0.012, "c": 0.013, "d": 0.014}, 0.05),
                "Four that are nearly equal: all pass.",
            ),
            Case(
                ({"a": 0.014, "b": 0.0142, "c": 0.0144, "d": 0.0146}, 0.05),
                "Four that are nearly equal: the first fails at 0.0125.",
            ),
            Case(({"b": 0.001, "a": 0.002, "c": 0.04}, 0.05), "The largest is compared with alpha itself."),
            Case(
                ({"a": 0.001, "b": 0.018, "c": 0.020, "d": 0.022}, 0.05),
                "The second fails at 0.05 / 3, though the third and the fourth are below their own limits.",
            ),
            Case(
                ({"a": 0.01, "b": 6e-12, "c": 0.6}, 0.05),
                "A p-value is 0.000000000006, which Python writes as 6e-12.",
                tags=("very small p",),
            ),
            Case(
                ({"a": 3e-05, "b": 0.2, "c": 0.004, "d": 2e-10}, 0.05),
                "Two p-values are very small.",
                tags=("very small p",),
            ),
            Case(({"a": 0.016668, "b": 0.7, "c": 0.8}, 0.05), "The smallest is just above 0.05 / 3."),
            Case(
                ({"a": 0.0168, "b": 0.7, "c": 0.8}, 0.05), "The smallest is 0.0168, and 0.05 / 3 is 0.0167."
            ),
            Case(
                ({"a": 0.0082, "b": 0.5, "c": 0.6, "d": 0.7, "e": 0.8, "f": 0.9}, 0.05),
                "Six comparisons; the smallest is just below 0.05 / 6.",
            ),
        ),
        hints=(
            "Sort the names by their p-values. The smallest must pass the hardest limit.",
            "With m comparisons the limits are alpha / m, alpha / (m - 1), ..., alpha / 1. What happens at the first that fails?",
            "for i, name in enumerate(sorted(p_values, key=p_values.get)): stop where p_values[name] > alpha / (m - i).",
        ),
        misconceptions=variants(
            _claimed,
            {
                "none": "You compare each with alpha, as if it were alone; with many comparisons one of them passes by luck.",
                "Bonferroni": "You compare each with alpha / m. That is Bonferroni's rule: safe, and it claims less than Holm's.",
                "Sidak": "Your limit is 1 - (1 - alpha) ** (1 / m) for each, Sidak's; Holm's limits grow from alpha / m to alpha.",
                "Sidak, step down": "Your limits are 1 - (1 - alpha) ** (1 / (m - i)), Sidak's; Holm's are alpha / (m - i), "
                "which are a little smaller.",
                "rounded": "You round the limits; compare with alpha / (m - i) as it is.",
                "loose": "Your limits are a little larger than alpha / (m - i); do not round them, and add nothing to them.",
                "as text": "You sort the p-values as text, so that 6e-12 stands behind 0.01; sort them as numbers.",
                "no stop": "You go on after one has failed; Holm's rule stops there, and claims none of those after it.",
                "from the end": "You look for the last one that passes and claim all before it. Holm's rule stops at the first "
                "that fails.",
                "Benjamini": "Your limits are alpha * i / m, and you take the last that passes: Benjamini and Hochberg's rule, "
                "which holds another error.",
                "Benjamini, step down": "Your limits are alpha * i / m, which are for another error; Holm's are alpha / (m - i).",
                "rising": "Your limits fall: alpha for the smallest, alpha / m for the largest. It is the other way round.",
                "one too many": "You divide by one comparison more than is left: for the smallest it is alpha / m.",
                "one too few": "You divide by one comparison less than is left: for the smallest it is alpha / m.",
                "halved": "You halve the limit each time; the limits are alpha / m, alpha / (m - 1), ..., alpha.",
                "only the first": "Only the smallest is corrected in your function; the next is compared with alpha / (m - 1).",
                "two-sided": "You halve alpha; the p-values are two-sided already.",
                "always 0.05": "You take 0.05 whatever alpha is.",
                "below alpha count": "You count only the comparisons below alpha; all that were looked at count.",
                "in order of the dict": "You go through the comparisons as they are listed; sort them by their p-values first.",
                "by name": "You sort by name; sort by p-value.",
                "as listed": "You list all whose p-value is at most alpha. Each of several comparisons needs a harder limit, and "
                "the smallest comes first.",
                "as listed, below": "You list all whose p-value is below alpha. Each of several comparisons needs a harder limit, "
                "and the smallest comes first.",
                "largest first": "You begin with the largest p-value; begin with the smallest.",
                "strict": "You ask for less than the limit; exactly at the limit is claimed.",
                "failing too": "You claim the one that fails, too.",
                "dict order": "The right ones, in the order of the dict; list the smallest p-value first.",
                "alphabet": "The right ones, sorted by name; list the smallest p-value first.",
                "reversed": "The right ones, largest p-value first; list the smallest first.",
                "count": "This is how many may be claimed; return their names.",
                "p-values": "These are the p-values; return the names.",
                "the others": "These are the ones that may not be claimed.",
                "first only": "You claim the first only; go on to the next with a milder limit.",
            },
        ),
        alternatives=(_claims_by_adjusting, _claims_with_takewhile),
        difficulty="medium",
        lines=6,
        minutes=12,
        vary=_vary_p_values,
        told={"limit": "exactly at its limit", "very small p": "as small as 6e-12"},
        absent={
            "ties": "the text says that no two p-values are equal",
            "NaN": "a p-value is a number from 0 to 1",
            "empty dict": "the text says one comparison or more",
        },
    ),
    Exercise(
        id="13.5",
        reference=what_it_says,
        cases=(
            Case(
                (-0.4, 1.2, 0.5),
                "It contains 0, and it reaches beyond a margin: nothing is shown.",
                point=True,
            ),
            Case((-0.2, 0.3, 0.5), "It contains 0 and lies between the margins."),
            Case((0.7, 1.1, 0.5), "It lies above 0 and above the margin."),
            Case((0.1, 0.3, 0.5), "It lies above 0 and between the margins."),
            Case((0.2, 0.9, 0.5), "It lies above 0 and across the upper margin."),
            Case((-0.9, -0.2, 0.5), "It lies below 0 and across the lower margin."),
            Case((-1.1, -0.7, 0.5), "It lies below the lower margin."),
            Case((-0.3, -0.1, 0.5), "It lies below 0 and between the margins."),
            Case((-1.2, 0.4, 0.5), "It contains 0 and reaches beyond the lower margin only."),
            Case((-0.9, 0.9, 0.5), "Its middle is 0, and it reaches beyond both margins."),
            Case((-0.2, 0.2, 0.5), "Its middle is 0, and it lies between the margins."),
            Case((0.0, 0.3, 0.5), "It begins at exactly 0, so it contains 0.", tags=("limit",)),
            Case((-0.8, 0.0, 0.5), "It ends at exactly 0, so it contains 0.", tags=("limit",)),
            Case((-0.1, 0.5, 0.5), "It ends at exactly the margin: not ruled out.", tags=("limit",)),
            Case((-0.5, 0.1, 0.5), "It begins at exactly the lower margin.", tags=("limit",)),
            Case((0.1, 0.5, 0.5), "It lies above 0 and ends at exactly the margin.", tags=("limit",)),
            Case((0.5, 0.9, 0.5), "It begins at exactly the margin.", tags=("limit",)),
            Case((-0.05, 0.2, 0.3), "Another margin, and the interval lies between the two."),
            Case((-0.05, 0.4, 0.3), "Another margin, and the interval crosses it."),
            Case((0.02, 0.15, 0.1), "A narrow interval across a narrow margin."),
            Case((-0.1, 0.6, 0.8), "A wide margin, and the interval contains 0 and lies between the two."),
            Case((-0.1, 0.4, 0.8), "A wide margin and a narrower interval that contains 0."),
            Case((0.2, 1.1, 1.2), "A margin above 1, and the interval lies above 0 and between the two."),
            Case((0.26, 0.45, 0.5), "It lies between half the margin and the margin."),
            Case((-0.4, 0.3, 0.5), "It contains 0 and is wider than the margin, and lies between the two."),
        ),
        hints=(
            "Ask two questions, one after the other: does it contain 0? Does it lie between -margin and +margin?",
            "Two yes-or-no questions have four answers; give each one word.",
            'apart = low > 0 or high < 0; inside = -margin < low and high < margin; then "small", "same", "different" or "open".',
        ),
        misconceptions=variants(
            _said,
            {
                "contains 0 is same": 'You say "same" wherever the interval contains 0. A wide interval contains 0 and large '
                "differences too.",
                "contains 0 is open": 'You say "open" wherever the interval contains 0. If it lies between the margins, a '
                "difference that matters is ruled out.",
                "apart is different": 'You say "different" wherever the interval excludes 0. If it lies between the margins, the '
                'difference is too small to matter: "small".',
                "apart is small": 'You say "small" wherever the interval excludes 0; it is small only between the margins.',
                "beyond": 'You ask that the whole interval lies beyond the margin for "different"; it is enough that it excludes '
                "0 and does not lie between the margins.",
                "beyond or open": 'You say "open" where the interval excludes 0 and crosses a margin; that there is a difference '
                "is shown there.",
                "beyond it or open": 'You say "different" only where the interval lies beyond a margin, and "open" where it '
                "crosses one; that there is a difference is shown where it excludes 0.",
                "inside is same": 'You say "same" wherever the interval lies between the margins, also where it excludes 0: that '
                'is "small".',
                "never inside": "You never ask about the margins.",
                "0 at the end": "You take an interval that ends at exactly 0 for one that excludes 0; it contains 0.",
                "margin at the end": "You let the interval touch the margin; then a difference of the margin is not ruled out.",
                "above only": "You ask only whether the interval lies above 0; below 0 it excludes 0 too.",
                "below only": "You ask only whether the interval lies below 0; above 0 it excludes 0 too.",
                "0.5": "You take 0.5 for the margin, whatever `margin` is.",
                "1": "You take 1 for the margin, whatever `margin` is.",
                "capital": "Your words begin with a capital letter; the text has them in small letters.",
                "capitals": "Your words are in capital letters; the text has them in small letters.",
                "mean apart": "You ask whether the middle is 0; ask whether the interval contains 0.",
                "upper margin": "You ask about the upper margin only.",
                "lower margin": "You ask about the lower margin only.",
                "mean inside": "You ask whether the middle lies between the margins; the whole interval has to.",
                "half": "You compare half the width with the margin; what counts is where the interval lies.",
                "width": "You compare the width with the margin; what counts is where the interval lies.",
                "one end": "You are content if one end lies between the margins; both have to.",
                "half a margin": "You take half the margin to each side; it is the whole margin.",
                "small and same": 'You exchange "small" and "same": "small" is for an interval that excludes 0.',
                "open and same": 'You exchange "open" and "same": "same" is for an interval between the margins.',
                "small and different": 'You exchange "small" and "different": "small" is for an interval between the margins.',
            },
        ),
        alternatives=(_said_in_steps, _said_by_table),
        difficulty="medium",
        lines=5,
        minutes=10,
        vary=_vary_interval,
        told={"limit": "exactly at"},
        absent={
            "ties": "the ends of an interval are told one by one",
            "NaN": "the ends of the interval are finite",
        },
    ),
    Exercise(
        id="13.6",
        reference=optimism,
        cases=(
            Case(
                ([0.60, 0.45, 0.50], [0.80, 0.84, 0.86]), "The best test accuracy comes after the least loss."
            ),
            Case(
                ([0.60, 0.50, 0.45, 0.47], [0.80, 0.86, 0.83, 0.84]),
                "The best test accuracy comes before the least loss.",
                point=True,
            ),
            Case(
                ([0.60, 0.45, 0.50], [0.80, 0.86, 0.84]), "Both are best at the same step: nothing is gained."
            ),
            Case(([0.5], [0.8]), "One evaluation."),
            Case(
                ([0.60, 0.45, 0.50, 0.45], [0.80, 0.83, 0.86, 0.85]),
                "Two evaluations have the same least loss: the first counts.",
                tags=("ties",),
            ),
            Case(
                ([0.45, 0.50, 0.45, 0.60], [0.85, 0.86, 0.83, 0.82]),
                "The same least loss twice, and the first of them has the better test accuracy.",
                tags=("ties",),
            ),
            Case(
                ([0.45, 0.50, 0.45, 0.45], [0.83, 0.86, 0.82, 0.84]),
                "The same least loss three times; the first has neither the best nor the worst test accuracy.",
                tags=("ties",),
            ),
            Case(([0.60, 0.45, 0.44, 0.46, 0.48], [0.80, 0.84, 0.83, 0.86, 0.85]), "Five evaluations."),
            Case(
                ([0.50, 0.55, 0.60], [0.84, 0.86, 0.83]),
                "The loss is least at the first evaluation, and the last is worst.",
            ),
            Case(([0.60, 0.50, 0.40], [0.86, 0.84, 0.85]), "The loss is least at the last evaluation."),
            Case(
                ([0.60, 0.48, 0.52, 0.44, 0.50], [0.86, 0.82, 0.85, 0.84, 0.83]),
                "The loss rises once before it is least.",
            ),
            Case(
                ([0.60, 0.45, 0.50, 0.47], [0.80, 0.86, 0.86, 0.82]),
                "Two evaluations have the same best test accuracy.",
                tags=("ties",),
            ),
            Case(
                ([0.60, 0.45, 0.50, 0.52], [0.87, 0.84, 0.85, 0.86]),
                "The best test accuracy is that of the first evaluation.",
            ),
            Case(
                ([0.60, 0.46, 0.50, 0.53, 0.44, 0.47], [0.80, 0.84, 0.83, 0.85, 0.81, 0.82]),
                "The loss is higher twice before it is least.",
            ),
            Case(
                (
                    [0.60, 0.46, 0.50, 0.53, 0.52, 0.49, 0.51, 0.55, 0.54, 0.48, 0.47, 0.45],
                    [0.80, 0.82, 0.83, 0.81, 0.86, 0.84, 0.83, 0.82, 0.80, 0.82, 0.83, 0.85],
                ),
                "The loss is higher nine times before it is least.",
            ),
            Case(([0.61, 0.47, 0.52], [0.8012, 0.8358, 0.8491]), "The accuracies have four digits."),
            Case(([0.47, 0.52, 0.58], [0.83125, 0.84375, 0.84025]), "The accuracies have five digits."),
            Case(([2.3, 1.4, 1.6], [0.10, 0.62, 0.65]), "All losses are above 1.", tags=("a loss above 1",)),
            Case(
                ([2300.0, 1400.0, 1700.0], [0.12, 0.31, 0.36]),
                "All losses are above 1,000.",
                tags=("a loss above 1",),
            ),
        ),
        hints=(
            "Find the place of the least validation loss. What was the test accuracy there?",
            "validation_loss.index(min(validation_loss)) is the first place of the least value.",
            "Return max(test_accuracy) minus the test accuracy at that place.",
        ),
        misconceptions=variants(
            _optimistic,
            {
                "last step": "You report the last evaluation; report the one of least validation loss.",
                "first step": "You report the first evaluation; report the one of least validation loss.",
                "largest loss": "You report the evaluation of largest loss; a loss is best where it is least.",
                "last of least": "Of several evaluations of the same least loss you take the last; take the first.",
                "worst of least": "Of several evaluations of the same least loss you take the one of lowest test accuracy (sorting "
                "pairs does that); take the first.",
                "best of least": "Of several evaluations of the same least loss you take the one of best test accuracy; take the "
                "first.",
                "least before best": "You look for the least loss only up to the step of the best test accuracy; look at all.",
                "first rise": "You stop where the loss first rises; take the least of all evaluations.",
                "two worse": "You stop after two evaluations without a new least loss, as early stopping does; all evaluations "
                "count.",
                "three worse": "You stop after some evaluations without a new least loss, as early stopping does; all "
                "evaluations count.",
                "from 1": "You begin with a least loss of 1, so that losses above 1 are never taken; begin with the first loss.",
                "last accuracy": "You compare with the last test accuracy; compare with the best.",
                "worst": "You compare with the worst test accuracy; compare with the best.",
                "up to the step": "You look for the best test accuracy only up to the step of least loss; look at all.",
                "after the step": "You look for the best test accuracy only from the step of least loss on; look at all.",
                "mean": "You compare with the mean test accuracy; compare with the best.",
                "next": "You compare with the next evaluation; compare with the best of all.",
                "best": "This is the best test accuracy itself; subtract the one that is reported.",
                "reported": "This is the test accuracy at the least validation loss; subtract it from the best.",
                "steps": "This is how many evaluations lie between the two; return the difference of the accuracies.",
                "losses": "This is a difference of losses; return that of the test accuracies.",
                "ratio": "This is the gain as a share of the reported accuracy; return the difference.",
                "from the mean": "You compare the reported accuracy with the mean; compare the best with the reported one.",
                "above the mean": "You subtract the mean test accuracy; subtract the one at the least validation loss.",
                "always 0": "You take both at the best test accuracy, so the difference is always 0; report the step of least "
                "validation loss.",
            },
        ),
        alternatives=(_optimism_in_a_loop, _optimism_by_numpy),
        difficulty="easy",
        lines=2,
        minutes=6,
        vary=_vary_curve,
        told={"ties": "the first one counts", "a loss above 1": "A loss may be above 1"},
        absent={
            "NaN": "losses and accuracies are finite",
            "empty list": "the text says one evaluation or more",
        },
    ),
)


QUESTIONS = (
    Question(
        "13.Q1",
        "Arm A beats arm B by 0.3 points on the one seed that was run. Over very many seeds the paired differences have a "
        "standard deviation of 0.6 points. What does the one seed say?",
        (
            Option(
                "A is better by about 0.3 points.",
                False,
                "A seed of 0.3 is half a standard deviation from 0: arms that are equal give so much or more, to one side or the other, about six times in ten.",
            ),
            Option(
                "A is at least not worse than B, because it was ahead where both were run with the same seed.",
                False,
                "If B were better by 0.3 points on average, one seed in six would still show A ahead by 0.3 or more.",
            ),
            Option(
                "Next to nothing: equal arms often differ by more.",
                True,
                "With a standard deviation of 0.6, about six in ten single seeds of two equal arms differ by more than 0.3 points.",
            ),
        ),
    ),
    Question(
        "13.Q2",
        "A pilot run of three seeds gives a standard deviation of 0.3 points, and the plan says: six seeds will do. What is the risk?",
        (
            Option(
                "The true standard deviation may be far larger, and six seeds too few.",
                True,
                "The 95 % interval of a standard deviation from three seeds reaches from about half of it to six times as much.",
            ),
            Option(
                "None: the number was computed by a formula and not guessed, so the plan is exact.",
                False,
                "The formula is exact for the standard deviation that goes in. Three seeds know that one badly.",
            ),
            Option(
                "The six seeds must be the three of the pilot run and three new ones, or those three are wasted.",
                False,
                "Seeds that helped to choose the plan are better left out of the verdict.",
            ),
        ),
    ),
    Question(
        "13.Q3",
        "After five seeds the interval just contains 0. The team adds seeds one at a time, looks each time, and stops at eight, "
        "where it excludes 0. What should the report say?",
        (
            Option(
                "n = 8, p < 0.05.",
                False,
                "With several looks the error is larger than 5 %: each look is another chance for a false alarm.",
            ),
            Option(
                "Only the first five seeds, with their interval, as if the three others had never been trained.",
                False,
                "Seeds that were run are never left out; but then the stopping rule has to be told too.",
            ),
            Option(
                "All eight seeds with a 95 % interval; that it was looked at in between changes nothing in the numbers.",
                False,
                "The numbers are the same, but an interval that is looked at until it excludes 0 misses the truth more often than one in "
                "twenty times.",
            ),
            Option(
                "That each seed was looked at; then a new run with a fixed number of new seeds.",
                True,
                "What is found by looking often is a good question. New seeds, with their number fixed before, answer it.",
            ),
        ),
    ),
    Question(
        "13.Q4",
        "Two arms are compared with ten seeds. The interval of the difference is [-0.1, +0.2] points, and differences below 0.5 do "
        "not matter to anybody. What may be claimed?",
        (
            Option(
                "Nothing: the interval contains 0.",
                False,
                "It excludes something: a difference of half a point or more, to either side.",
            ),
            Option(
                "A difference of half a point or more is ruled out.",
                True,
                "A null result says something exactly where the interval is narrower than what matters, and the margin was chosen before.",
            ),
            Option(
                "The two arms are exactly equal, since no difference could be found with ten seeds.",
                False,
                "A difference of 0.1 points lies inside the interval. What is ruled out is one that matters.",
            ),
        ),
    ),
    Question(
        "13.Q5",
        'A paper says: "we report the best test accuracy over all epochs, for all methods alike". Is the comparison fair?',
        (
            Option(
                "Yes: the same is done for all methods, so whatever it adds is added to each of them alike.",
                False,
                "All numbers are too high, and by how much depends on how noisy an arm is and how often it was looked at.",
            ),
            Option(
                "Yes, if the test split is large enough.",
                False,
                "A larger split makes the gain smaller, not 0; and nothing in the sentence says how large it is.",
            ),
            Option(
                "No: a noisier or longer training gains more from it.",
                True,
                "A maximum over noise grows with the noise and with the number of looks. Choose on validation, read the test split once.",
            ),
        ),
    ),
    Question(
        "13.Q6",
        "A new method was tried with 20 learning rates, and the best one was kept; its baseline ran with the learning rate of its old "
        "paper. On fresh seeds the method wins by a point, and the interval excludes 0. What has been shown?",
        (
            Option(
                "The method is better than the baseline: the seeds were fresh, so the tuning had no part in the result.",
                False,
                "Two things differ: the method, and how much was tried. Either can be the cause.",
            ),
            Option(
                "Nothing, because intervals are not valid after tuning.",
                False,
                "On fresh seeds the interval is valid. The question that it answers is another one than the claim.",
            ),
            Option(
                "That the learning rate is the whole cause, and the method itself adds nothing to it.",
                False,
                "It may be the cause, or the method may be, or both. Nothing here tells them apart.",
            ),
            Option(
                "The method with 20 tries beats the baseline with one; the cause is open.",
                True,
                "Give the baseline as many tries, on the validation split; then what differs is the method.",
            ),
        ),
    ),
    Question(
        "13.Q7",
        "A sweep of 40 trainings is finished. After which change to its file does the same command use all of them again?",
        (
            Option(
                "steps = 800 instead of 600: each training goes on from where it ended.",
                False,
                "Another recipe is another training, from its first step on: other cells, all of them new.",
            ),
            Option(
                "A density more and a seed more: what is missing is added, and nothing else is trained.",
                True,
                "How far a cell goes is not part of its name, and a new seed is a new cell beside the others.",
            ),
            Option(
                "evaluate_every = 100 instead of 150: the updates are the same, they are only looked at more often.",
                False,
                "The step that is reported is chosen among the evaluations, so the numbers may be others: other cells.",
            ),
            Option(
                "None: a table belongs to its file, and a file that was changed begins a new one.",
                False,
                "The folder goes by cells. A cell that is asked for again is found, whatever file asks for it.",
            ),
        ),
    ),
)
