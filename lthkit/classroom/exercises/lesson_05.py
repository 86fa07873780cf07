"""Exercises of lesson 05, winning tickets: draw a control, read the matching density, stop early, choose a ticket."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import accumulate, takewhile
from statistics import mean, median, stdev

import numpy as np
import torch
from torch import Tensor

from lthkit import evidence
from lthkit.classroom.exercises.exercise import Case, Exercise, Option, Question, pick, variants


def matching_density(densities: Sequence[float], ticket: Sequence[float], dense: float) -> float:
    """The smallest density down to which the ticket matches the dense network without a gap.

    A ticket *matches* where its accuracy is at least `dense` - 0.005, half a percentage point below the dense network.

    Args:
        densities: fractions of weights kept, in falling order.
        ticket: the ticket's accuracy at each of them, in [0, 1].
        dense: accuracy of the dense network, in [0, 1].

    Returns:
        The smallest of `densities` such that the ticket matches there and at every larger one; 1.0 if it does not
        match even at the largest.
    """
    smallest = 1.0
    for density, accuracy in zip(densities, ticket, strict=True):
        if accuracy < dense - 0.005:
            break
        smallest = density
    return smallest


def reinitialised_weights(
    theta_0: Mapping[str, Tensor], mask: Mapping[str, Tensor], seed: int
) -> dict[str, Tensor]:
    """The ticket's mask on new random weights: the control that takes the initialisation away and keeps the structure.

    Args:
        theta_0: initial weights by parameter name (float32), left as they are.
        mask: bool tensors by parameter name, True = kept; a parameter without a mask is kept whole.
        seed: seeds one `torch.Generator`, once.

    Returns:
        A new dict with the names of `theta_0`, in that order. Each tensor is drawn afresh from a Gaussian with mean 0
        and the standard deviation of that tensor in `theta_0`: `torch.randn(shape, generator=generator) * std`.
        Entries that the mask removes are exactly 0.
    """
    generator = torch.Generator().manual_seed(seed)
    fresh = {name: torch.randn(w.shape, generator=generator) * w.std() for name, w in theta_0.items()}
    return {name: w * mask[name] if name in mask else w for name, w in fresh.items()}


def early_stop_step(steps: Sequence[int], losses: Sequence[float], patience: int) -> int:
    """The step of least validation loss among those that a training sees before its patience ends.

    The training stops at the first measurement that lies `patience` steps or more after the best so far. Only a loss
    below the best so far is a new best.

    Args:
        steps: steps at which the validation loss was measured, rising; at least one.
        losses: the validation loss at each of them.
        patience: how many steps without a new best are borne.
    """
    best_step, best_loss = steps[0], losses[0]
    for step, loss in zip(steps, losses, strict=True):
        if loss < best_loss:
            best_step, best_loss = step, loss
        elif step - best_step >= patience:
            break
    return best_step


def smallest_safe_density(differences: Mapping[float, Sequence[float]], largest: float) -> float | None:
    """The smallest density, at most `largest`, at which the ticket is shown to be no worse than the dense network.

    It is shown where the 95 % t-interval of the paired differences lies at 0 or above.

    Args:
        differences: density -> accuracy of ticket minus dense, one number a seed (two seeds or more); in any order.
        largest: the largest density that is allowed.

    Returns:
        One of the densities, or None if none will do.
    """
    safe = [d for d, values in differences.items() if d <= largest and evidence.interval(values).low >= 0]
    return min(safe, default=None)


def _normal(*shape: int, std: float, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * std


def _network() -> dict[str, Tensor]:
    return {
        "fc1.weight": _normal(4, 5, std=0.5, seed=1),
        "fc1.bias": torch.tensor([0.1, -0.2, 0.3, 0.0]),
        "fc2.weight": _normal(2, 4, std=0.05, seed=2),
    }


def _masks() -> dict[str, Tensor]:
    return {
        "fc1.weight": _normal(4, 5, std=1, seed=3) > 0.3,
        "fc2.weight": _normal(2, 4, std=1, seed=4) > -0.5,
    }


# Other right answers, and mistakes that people make


def _drawn_by_normal(
    theta_0: Mapping[str, Tensor], mask: Mapping[str, Tensor], seed: int
) -> dict[str, Tensor]:
    generator = torch.Generator()
    generator.manual_seed(seed)
    new = {}
    for name in theta_0:
        new[name] = torch.empty(theta_0[name].shape).normal_(generator=generator).mul_(theta_0[name].std())
        if name in mask:
            new[name][~mask[name]] = 0
    return new


def _drawn_with_where(
    theta_0: Mapping[str, Tensor], mask: Mapping[str, Tensor], seed: int
) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    draws = [torch.std(w).float() * torch.randn(*w.shape, generator=generator) for w in theta_0.values()]
    keep = [mask.get(name, torch.ones(w.shape).bool()) for name, w in theta_0.items()]
    return {n: torch.where(k, d, torch.tensor(0.0)) for n, k, d in zip(theta_0, keep, draws, strict=True)}


def _drawn_as_numpy_would(
    theta_0: Mapping[str, Tensor], mask: Mapping[str, Tensor], seed: int
) -> dict[str, Tensor]:
    generator = torch.Generator()
    generator.manual_seed(seed)
    new = {}
    for name, w in theta_0.items():
        numbers = torch.normal(0.0, 1.0, tuple(w.shape), generator=generator).numpy()
        numbers = numbers * np.float32(w.numpy().astype(np.float64).std(ddof=1))
        new[name] = torch.from_numpy(numbers * mask[name].numpy() if name in mask else numbers)
    return new


def _redrawn(
    theta_0: Mapping[str, Tensor], mask: Mapping[str, Tensor], seed: int, *, mistake: str
) -> dict[str, Tensor]:
    """The right answer with something wrong: the seed, the order, the numbers, their spread, or what is removed."""
    if mistake == "by numpy":
        numpy_numbers = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(_seed(seed, 0, mistake=mistake))
    new = {}
    for i, name in enumerate(_order(theta_0, mask, mistake=mistake)):
        w, keep = theta_0[name], mask.get(name, torch.ones_like(theta_0[name], dtype=torch.bool))
        if mistake in ("again", "seed + i"):
            generator.manual_seed(_seed(seed, i, mistake=mistake))
        if name not in mask and mistake == "not drawn":
            new[name] = w.clone()
            continue
        if name not in mask and mistake == "zeros":
            new[name] = torch.zeros_like(w)
            continue
        if mistake == "by numpy":
            numbers = torch.tensor(numpy_numbers.normal(size=tuple(w.shape)), dtype=torch.float32)
        else:
            numbers = _numbers(w, keep, generator, mistake=mistake)
        fresh = numbers * _spread(w, keep, theta_0, mistake=mistake)
        if mistake == "old mean":
            fresh = fresh + w.mean()
        if mistake == "ticket" or name not in mask and mistake == "old biases":
            fresh = w.clone()
        if mistake == "type of the old":
            fresh = fresh.to(w.dtype)
        if mistake == "inverted" and name in mask:
            keep = ~keep
        removed = pick(mistake, {"old where removed": w, "not masked": fresh}, torch.zeros_like(fresh))
        new[name] = torch.where(keep, fresh, removed.to(fresh.dtype))
    return {name: new[name] for name in mask} if mistake == "masked only" else new


def _seed(seed: int, i: int, *, mistake: str) -> int:
    rules = {"seed + 1": seed + 1, "0": 0, "1": 1, "42": 42, "seed + i": seed + i}
    return pick(mistake, rules, seed)


def _order(theta_0: Mapping[str, Tensor], mask: Mapping[str, Tensor], *, mistake: str) -> list[str]:
    rules = {
        "masked first": sorted(theta_0, key=lambda name: name not in mask),
        "order of the mask": [*mask, *(name for name in theta_0 if name not in mask)],
        "sorted": sorted(theta_0),
        "through the mask": list(mask),
        "passed over": [name for name in theta_0 if name in mask],
    }
    return pick(mistake, rules, list(theta_0))


def _numbers(w: Tensor, keep: Tensor, generator: torch.Generator, *, mistake: str) -> Tensor:
    """Random numbers of mean 0 and standard deviation 1, or what is taken for such."""

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(w.shape, generator=generator)

    rules: dict[str, Callable[[], Tensor]] = {
        "permuted": lambda: w.flatten()[torch.randperm(w.numel(), generator=generator)].view(w.shape),
        "from 0 to 1": lambda: uniform(0.0, 1.0),
        "from -1 to 1": lambda: uniform(-1.0, 1.0),
        "uniform": lambda: uniform(-math.sqrt(3), math.sqrt(3)),
        "kept only": lambda: torch.zeros(w.shape).masked_scatter(
            keep, torch.randn(int(keep.sum()), generator=generator)
        ),
        "float64": lambda: torch.randn(w.shape, generator=generator, dtype=torch.float64).float(),
        "own type": lambda: torch.randn(w.shape, generator=generator, dtype=w.dtype),
        "global": lambda: torch.randn(w.shape),
    }
    return pick(mistake, rules, lambda: torch.randn(w.shape, generator=generator))()


def _spread(w: Tensor, keep: Tensor, theta_0: Mapping[str, Tensor], *, mistake: str) -> Tensor:
    rules: dict[str, Callable[[], Tensor]] = {
        "kept weights": lambda: w[keep].std(),
        "zeros count": lambda: (w * keep).std(),
        "one": lambda: torch.tensor(1.0),
        "permuted": lambda: torch.tensor(1.0),
        "pooled": lambda: torch.cat([v.flatten() for v in theta_0.values()]).std(),
        "times old": lambda: w.to(torch.float32),
        "variance": lambda: w.var(),
        "by n": lambda: w.std(correction=0),
        "from 0": lambda: w.square().mean().sqrt(),
        "columns": lambda: w.std(dim=0),
        "mean size": lambda: w.abs().mean(),
        "fan-in": lambda: torch.tensor(1 / math.sqrt(max(w.numel() // len(w), 1))),
    }
    return pick(mistake, rules, lambda: w.std())()


def _by_takewhile(densities: Sequence[float], ticket: Sequence[float], dense: float) -> float:
    pairs = takewhile(lambda p: p[1] >= dense - 0.005, zip(densities, ticket, strict=True))
    return min((d for d, _ in pairs), default=1.0)


def _from_the_end(densities: Sequence[float], ticket: Sequence[float], dense: float) -> float:
    for i in range(len(densities), 0, -1):
        if all(a + 0.005 >= dense for a in ticket[:i]):
            return densities[i - 1]
    return 1.0


def _in_decimals(densities: Sequence[float], ticket: Sequence[float], dense: float) -> float:
    limit = Decimal(repr(dense)) - Decimal("0.005")
    matched = [Decimal(repr(accuracy)) >= limit for accuracy in ticket]
    return [1.0, *densities][(matched + [False]).index(False)]


def _match(
    densities: Sequence[float], ticket: Sequence[float], dense: float, *, mistake: str
) -> float | None:
    """The right answer with something wrong: what a ticket is compared with, how, or which density is returned."""
    n, before = len(ticket), [dense, *ticket[:-1]]
    compared = pick(
        mistake,
        {
            "best of the ticket": [max(dense, *ticket)] * n,
            "best so far": list(accumulate(before, max)),
            "one before": before,
            "first accuracy": [ticket[0]] * n,
        },
        [dense] * n,
    )
    matches = pick(mistake, _MATCHES, lambda a, d: a >= d - 0.005)
    good = [matches(accuracy, limit) for accuracy, limit in zip(ticket, compared, strict=True)]
    count = [*good, False].index(False)
    if mistake == "any":
        count = max((i + 1 for i in range(n) if good[i]), default=0)
    if mistake == "first match":
        count = good.index(True) + 1 if any(good) else 0
    if mistake == "min of nothing" and not count:
        raise ValueError
    if mistake == "always last" or mistake == "last of the list" and not count:
        return densities[-1]
    if mistake == "best density":
        return densities[ticket.index(max(ticket))]
    if mistake == "number":
        return count
    if mistake == "position":
        return max(count - 1, 0)
    if mistake == "all match" and count == n:
        return 1.0
    none = pick(mistake, {"largest": densities[0], "none": None, "zero": 0.0}, 1.0)
    answer = densities[count - 1] if count else none
    if mistake == "first failing":
        answer = densities[min(count, n - 1)]
    if mistake == "accuracy":
        return ticket[count - 1] if count else 1.0
    if answer is None:
        return None
    return pick(mistake, {"sparsity": 1 - answer, "two digits of it": round(answer, 2)}, answer)


_MATCHES: dict[str, Callable[[float, float], bool]] = {
    "no tolerance": lambda a, d: a >= d,
    "better": lambda a, d: a > d,
    "added": lambda a, d: a >= d + 0.005,
    "strict": lambda a, d: a > d - 0.005,
    "0.5": lambda a, d: a >= d - 0.5,
    "0.05": lambda a, d: a >= d - 0.05,
    "0.01": lambda a, d: a >= d - 0.01,
    "0.001": lambda a, d: a >= d - 0.001,
    "0.0005": lambda a, d: a >= d - 0.0005,
    "0.0051": lambda a, d: a >= d - 0.0051,
    "whole limit": lambda a, d: a >= round(d - 0.005, 2),
    "limit of three digits": lambda a, d: a >= round(d - 0.005, 3),
    "both, whole limit": lambda a, d: round(a, 2) >= round(d - 0.005, 2),
    "relative": lambda a, d: a >= 0.995 * d,
    "close": lambda a, d: abs(a - d) <= 0.005,
    "difference": lambda a, d: d - a <= 0.005,
    "difference, strict": lambda a, d: d - a < 0.005,
    "two digits": lambda a, d: round(a, 2) >= round(d, 2),
} | {
    f"{what}, {digits}": rule(digits)
    for digits in (3, 4)
    for what, rule in (
        ("both", lambda n: lambda a, d: round(a, n) >= round(d, n) - 0.005),
        ("accuracy", lambda n: lambda a, d: round(a, n) >= d - 0.005),
        ("gap", lambda n: lambda a, d: round(d - a, n) <= 0.005),
    )
}


def _rounding(digits: str, number: int) -> dict[str, str]:
    return {
        f"both, {number}": f"You round both accuracies to {digits} digits, and what lies near the limit may cross it; "
        "compare them as they are.",
        f"accuracy, {number}": f"You round the ticket's accuracy to {digits} digits, and what lies near the limit may "
        "cross it; compare it as it is.",
        f"gap, {number}": f"You round the difference to {digits} digits, and what lies near the limit may cross it; "
        "compare accuracy >= dense - 0.005 as it is.",
    }


def _stop_in_a_while(steps: Sequence[int], losses: Sequence[float], patience: int) -> int:
    best = i = 0
    while i < len(steps) and not (i and losses[i] >= losses[best] and steps[i] - steps[best] >= patience):
        if losses[i] < losses[best]:
            best = i
        i += 1
    return steps[best]


def _stop_cut_first(steps: Sequence[int], losses: Sequence[float], patience: int) -> int:
    seen: list[tuple[float, int]] = []
    for step, loss in zip(steps, losses, strict=True):
        if seen and loss >= min(seen)[0] and step - min(seen)[1] >= patience:
            break
        seen.append((loss, step))
    return min(seen)[1]


def _stop(steps: Sequence[int], losses: Sequence[float], patience: int, *, mistake: str) -> float:
    """The right answer with something wrong: what is a new best, from when the patience counts, or what is returned."""
    at, new_best = steps, pick(mistake, _NEW_BEST, operator.lt)
    if mistake == "measurements":
        at = range(len(steps))
    over: Callable[[float, float], bool] = pick(mistake, {"more than": operator.gt}, operator.ge)
    best, ended, stopped = 0, len(steps) - 1, False
    for i in range(1, len(steps)):
        new = new_best(losses[i], losses[0 if mistake == "loss forgotten" else best])
        waits = mistake != "not on ties" or losses[i] != losses[best]
        begin = pick(mistake, _SINCE, lambda losses, best, now: best)(losses, best, i)
        end = i - 1 if mistake == "one late" else i
        if (not new or mistake == "patience first") and waits and over(at[end] - at[begin], patience):
            ended, stopped = i, True
            break
        best = i if new else best
    if mistake == "index":
        return best
    if mistake == "loss":
        return losses[best]
    if (
        stopped
        and mistake in ("where it stops", "step of the end")
        or not stopped
        and mistake
        in (
            "last step",
            "step of the end",
        )
    ):
        return steps[ended]
    if stopped and mistake == "last seen":
        return steps[ended - 1]
    return steps[best]


_NEW_BEST: dict[str, Callable[[float, float], bool]] = {
    "largest": operator.gt,
    "equal": operator.le,
    "by 0.000001": lambda loss, best: loss < best - 1e-6,
    "by 0.00001": lambda loss, best: loss < best - 1e-5,
    "by 0.0001": lambda loss, best: loss < best - 1e-4,
    "by 0.001": lambda loss, best: loss < best - 1e-3,
    "by 0.01": lambda loss, best: loss < best - 1e-2,
    "one digit": lambda loss, best: round(loss, 1) < round(best, 1),
    "two digits": lambda loss, best: round(loss, 2) < round(best, 2),
    "three digits": lambda loss, best: round(loss, 3) < round(best, 3),
    "four digits": lambda loss, best: round(loss, 4) < round(best, 4),
    "five digits": lambda loss, best: round(loss, 5) < round(best, 5),
}

# From which measurement the patience counts, of losses, the best one and the one now.
_SINCE: dict[str, Callable[[Sequence[float], int, int], int]] = {
    "one after": lambda losses, best, now: min(best + 1, now),
    "last fall": lambda losses, best, now: max(
        i for i in range(now + 1) if i == 0 or losses[i] < losses[i - 1]
    ),
    "last equal": lambda losses, best, now: max(i for i in range(now + 1) if losses[i] == losses[best]),
}


def _stop_otherwise(steps: Sequence[int], losses: Sequence[float], patience: int, *, mistake: str) -> int:
    """Other ways to go through the list."""
    if mistake == "least of all":
        return steps[min(range(len(losses)), key=losses.__getitem__)]
    if mistake == "last of all":
        return steps[min(range(len(losses)), key=lambda i: (losses[i], -i))]
    if mistake == "first rise":
        return next((steps[i - 1] for i in range(1, len(losses)) if losses[i] >= losses[i - 1]), steps[-1])
    if mistake == "first real rise":
        return next((steps[i - 1] for i in range(1, len(losses)) if losses[i] > losses[i - 1]), steps[-1])
    if mistake == "always last":
        return steps[-1]
    if mistake == "from the first":
        seen = [i for i, step in enumerate(steps) if step - steps[0] <= patience]
        return steps[min(seen, key=losses.__getitem__)]
    best, waited = 0, 0
    for i in range(1, len(steps)):
        if losses[i] < losses[best]:
            best, waited = i, waited if mistake == "goes on" else 0
        else:
            waited += steps[1] - steps[0] if mistake == "even" else steps[i] - steps[i - 1]
            if waited >= patience:
                break
    return steps[best]


Differences = Mapping[float, Sequence[float]]
_T95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}


def _safe_by_hand(differences: Differences, largest: float) -> float | None:
    for density in sorted(differences):
        v = differences[density]
        if density <= largest and mean(v) - _T95[len(v)] * stdev(v) / math.sqrt(len(v)) >= 0:
            return density
    return None


def _safe_in_a_loop(differences: Differences, largest: float) -> float | None:
    found = None
    for density, values in differences.items():
        band = evidence.interval(list(values))
        if density <= largest and not band.low < 0 and (found is None or density < found):
            found = density
    return found


def _safe_in_numpy(differences: Differences, largest: float) -> float | None:
    safe = []
    for density, values in differences.items():
        v = np.array(values)
        error = v.std(ddof=1) / np.sqrt(v.size)
        if (
            density <= largest
            and v.mean() >= {2: 12.70620, 3: 4.30265, 4: 3.18245, 5: 2.77645}[v.size] * error
        ):
            safe.append(density)
    return sorted(safe)[0] if safe else None


def _safe(differences: Differences, largest: float, *, mistake: str) -> float | None:
    """The right answer with something wrong: the rule for one density, what is allowed, or the choice among those."""
    good = pick(mistake, _GOOD, lambda values: evidence.interval(values).low >= 0)
    allowed: Callable[[float, float], bool] = pick(
        mistake,
        {"strict limit": operator.lt, "at least": operator.ge, "no limit": lambda d, top: True},
        operator.le,
    )
    within = {d: values for d, values in differences.items() if allowed(d, largest)}
    if mistake == "gap":
        within = {d: within[d] for d in sorted(within, reverse=True)}
        safe = list(takewhile(lambda d: good(within[d]), within))
    else:
        safe = [d for d, values in within.items() if good(values)]
    if mistake == "smallest only":
        safe = [d for d in safe if d == min(differences)]
    if mistake == "smallest allowed only":
        safe = [d for d in safe if d == min(within)]
    if not safe:
        if mistake == "min of nothing":
            raise ValueError
        return pick(mistake, {"largest": largest, "zero": 0.0, "one": 1.0}, None)
    chosen = pick(
        mistake,
        {
            "largest safe": max(safe),
            "highest interval": max(safe, key=lambda d: evidence.interval(differences[d]).low),
            "best mean": max(safe, key=lambda d: mean(differences[d])),
            "first listed": safe[0],
            "last listed": safe[-1],
        },
        min(safe),
    )
    return mean(differences[chosen]) if mistake == "its mean" else chosen


def _edge(values: Sequence[float], quantile: float) -> float:
    """The lower end of an interval with another quantile."""
    return mean(values) - quantile * stdev(values) / math.sqrt(len(values))


def _low_over_n(values: Sequence[float]) -> float:
    """The lower end with a standard deviation that divides by n."""
    found, n = evidence.interval(values), len(values)
    return found.mean - found.half * math.sqrt((n - 1) / n)


def _without(values: Sequence[float], bad: Callable[[float], bool]) -> float:
    """The lower end without the seeds that are `bad`."""
    left = [v for v in values if not bad(v)]
    return evidence.interval(left).low if len(left) > 1 else -1.0


def _trimmed(values: Sequence[float]) -> Sequence[float]:
    return sorted(values)[1:-1] if len(values) > 3 else values


# Wrong rules for the differences of one density, by the name of the mistake.
_GOOD: dict[str, Callable[[Sequence[float]], bool]] = {
    "mean": lambda values: mean(values) >= 0,
    "median": lambda values: median(values) >= 0,
    "every seed": lambda values: min(values) >= 0,
    "one seed": lambda values: max(values) >= 0,
    "above 0": lambda values: evidence.interval(values).low > 0,
    "half a point": lambda values: evidence.interval(values).low >= -0.005,
    "three digits": lambda values: round(evidence.interval(values).low, 3) >= 0,
    "four digits": lambda values: round(evidence.interval(values).low, 4) >= 0,
    "0.001": lambda values: evidence.interval(values).low >= -0.001,
    "0.0001": lambda values: evidence.interval(values).low >= -0.0001,
    "0.00001": lambda values: evidence.interval(values).low >= -0.00001,
    "rounded seeds": lambda values: evidence.interval([round(v, 3) for v in values]).low >= 0,
    "majority": lambda values: sum(v >= 0 for v in values) > len(values) / 2,
    "for three": lambda values: _edge(values, 4.303) >= 0,
    "for five": lambda values: _edge(values, 2.776) >= 0,
    "90 %": lambda values: _edge(values, {2: 6.314, 3: 2.92, 4: 2.353, 5: 2.132}.get(len(values), 2.0)) >= 0,
    "seeds as freedom": lambda values: _edge(values, {**_T95, 6: 2.571}.get(len(values) + 1, 2.5)) >= 0,
    "five digits": lambda values: round(evidence.interval(values).low, 5) >= 0,
    "high": lambda values: evidence.interval(values).high >= 0,
    "contains 0": lambda values: evidence.interval(values).low <= 0 <= evidence.interval(values).high,
    "without 0": lambda values: evidence.interval(values).low > 0 or evidence.interval(values).high < 0,
    "below 0": lambda values: evidence.interval(values).high <= 0,
    "deviation": lambda values: mean(values) - stdev(values) >= 0,
    "two deviations": lambda values: mean(values) - 2 * stdev(values) >= 0,
    "one error": lambda values: _edge(values, 1.0) >= 0,
    "two errors": lambda values: _edge(values, 1.96) >= 0,
    "by n": lambda values: _low_over_n(values) >= 0,
    "trimmed": lambda values: evidence.interval(_trimmed(values)).low >= 0,
    "failed left out": lambda values: _without(values, lambda v: v < -0.1) >= 0,
    "bad left out": lambda values: _without(values, lambda v: v < -0.05) >= 0,
    "first three": lambda values: evidence.interval(values[:3]).low >= 0,
}


EXERCISES = (
    Exercise(
        id="05.1",
        reference=reinitialised_weights,
        cases=(
            Case(
                (
                    {"w": torch.tensor([0.5, -0.5, 1.0, -1.0])},
                    {"w": torch.tensor([True, False, True, False])},
                    0,
                ),
                "One tensor, half of it kept.",
            ),
            Case(
                (
                    {"w": torch.tensor([0.5, -0.5, 1.0, -1.0])},
                    {"w": torch.tensor([True, False, True, False])},
                    7,
                ),
                "The same with another seed.",
            ),
            Case(
                (
                    {"w": torch.tensor([2.0, 2.2, 1.8, 2.4])},
                    {"w": torch.tensor([True, True, True, False])},
                    1,
                ),
                "The mean of the new weights is 0 whatever the old mean was.",
            ),
            Case(
                (
                    {"w": _normal(4, 5, std=0.5, seed=8).double()},
                    {"w": _normal(4, 5, std=1, seed=9) > 0},
                    2,
                ),
                "The old tensor is float64: the numbers are drawn in float32, and the new tensor is float32.",
            ),
            Case(
                (
                    {"a": torch.tensor([[0.3, -0.3], [0.1, 0.2]]), "b": torch.tensor([3.0, -3.0])},
                    {"a": torch.ones(2, 2, dtype=torch.bool), "b": torch.tensor([True, True])},
                    0,
                ),
                "Two tensors: one generator for both, and each has a standard deviation of its own.",
                point=True,
            ),
            Case(
                (
                    {"b": torch.tensor([3.0, -3.0, 1.0]), "a": torch.tensor([0.3, -0.3, 0.1])},
                    {"a": torch.tensor([True, False, True]), "b": torch.tensor([False, True, True])},
                    0,
                ),
                "Numbers are drawn in the order of theta_0, and for removed entries too.",
            ),
            Case(
                ({"w": torch.tensor([[0.4, -0.1], [0.3, 0.9]]), "b": torch.tensor([0.2, -0.1])}, {}, 4),
                "There is no mask at all: nothing is removed.",
            ),
            Case(
                (
                    {"conv": _normal(2, 1, 2, 3, std=0.4, seed=5)},
                    {"conv": _normal(2, 1, 2, 3, std=1, seed=6) > 0},
                    5,
                ),
                "The weights of a convolution have four dimensions.",
            ),
            Case(
                (_network(), _masks(), 3),
                "A small network. The bias is drawn afresh too; it has no mask, so that nothing of it is removed.",
            ),
        ),
        hints=(
            "Nothing of theta_0 is used but its shapes and the standard deviation of each tensor.",
            "Make one torch.Generator().manual_seed(seed) before the loop, then torch.randn(w.shape, generator=generator) * w.std().",
            "Where there is a mask, torch.where(mask[name], numbers, 0.0) sets removed entries to 0. Put the results into a new dict.",
        ),
        misconceptions=variants(
            _redrawn,
            {
                "again": "You seed again for each tensor, so that all tensors start with the same random numbers; seed one "
                "generator once, before the loop.",
                "kept weights": "You take the standard deviation of the kept weights alone; take that of "
                "the whole tensor.",
                "zeros count": "You mask the old tensor before you take its standard deviation, so its zeros count; take "
                "that of the whole tensor.",
                "one": "These numbers have standard deviation 1; multiply each tensor by the standard deviation of its old one.",
                "pooled": "You use one standard deviation for all tensors; each tensor has its own.",
                "not masked": "The numbers are right, but the mask is not applied: removed entries must be exactly 0.",
                "old where removed": "Removed entries still have their old values; they must be exactly 0.",
                "inverted": "The mask is the wrong way round: True means that the entry is kept.",
                "ticket": "This is the ticket itself, with its original weights; the control needs new random numbers.",
                "permuted": "You permute the old weights; the control needs new numbers, drawn from a Gaussian.",
                "times old": "You multiply random numbers by the old weights; multiply them by the standard deviation of the "
                "tensor.",
                "from 0 to 1": "You draw uniform numbers, and none is below 0; use torch.randn.",
                "from -1 to 1": "You draw uniform numbers between -std and std; use torch.randn.",
                "uniform": "You draw uniform numbers of the right spread; use torch.randn.",
                "old mean": "You add the mean of the old tensor; the new weights have mean 0.",
                "kept only": "You draw numbers for the kept entries only; draw the whole tensor, then set removed entries to "
                "0. So the same seed gives the same weights under every mask.",
                "seed + i": "Each tensor has a generator of its own, seeded with seed + i; seed one generator once, before "
                "the loop.",
                "seed + 1": "You seed with seed + 1; take the seed as it is.",
                "0": "You seed with a fixed number, 0, so that `seed` has no effect.",
                "1": "You seed with a fixed number, 1, so that `seed` has no effect.",
                "42": "You seed with a fixed number, 42, so that `seed` has no effect.",
                "by numpy": "You draw with numpy, whose generator gives other numbers; use torch.randn with a torch.Generator.",
                "float64": "You draw float64 numbers, and they are others than those of float32; leave out the dtype.",
                "own type": "You draw in the type of the old tensor; the text asks for float32, whatever that type is.",
                "type of the old": "The numbers are right, and you give them the type of the old tensor; the text asks for "
                "float32.",
                "masked first": "You draw the tensors with a mask first; draw in the order of theta_0.",
                "order of the mask": "You draw in the order of `mask`; draw in the order of theta_0.",
                "sorted": "You sort the names; draw in the order of theta_0.",
                "not drawn": "Tensors without a mask, such as biases, are copied, and no numbers are drawn for them; they are "
                "drawn afresh too.",
                "zeros": "Tensors without a mask, such as biases, are 0; they are drawn afresh too.",
                "old biases": "Tensors without a mask, such as biases, are still the old ones; they are drawn afresh too.",
                "masked only": "Tensors without a mask, such as biases, are missing in your result; the new dict has all "
                "names of theta_0.",
                "through the mask": "You go through `mask`, so that tensors without a mask, such as biases, are missing; go "
                "through theta_0.",
                "passed over": "You pass over tensors without a mask, such as biases; they are drawn afresh too.",
                "variance": "You multiply by the variance; the standard deviation is its square root.",
                "by n": "You divide by n, as numpy's std does; tensor.std() divides by n - 1.",
                "from 0": "You take the root of the mean square, the distance from 0; the standard deviation is the distance "
                "from the mean.",
                "columns": "You take a standard deviation for each column, with dim=0; each tensor has one, that of all "
                "entries.",
                "mean size": "You multiply by the mean absolute value; multiply by the standard deviation.",
                "fan-in": "You take the spread from the number of inputs; take the standard deviation of the old tensor.",
                "global": "The seed has no effect: the numbers do not come from a generator that was seeded with it.",
            },
        ),
        alternatives=(_drawn_by_normal, _drawn_with_where, _drawn_as_numpy_would),
        difficulty="medium",
        lines=4,
        minutes=10,
        atol=0.0,
        fresh=True,
        leaves_random_state=True,
        told={
            "1-D, 2-D, 4-D": "one, two or four dimensions",
            "float64": "float32 or float64",
            "empty dict": "mask may be empty",
        },
        absent={
            "0-D, empty tensor": "the text says two entries or more, as a deviation needs them",
            "float16": "the text says float32 or float64",
            "NaN": "initial weights are finite numbers",
            "ties": "nothing is compared or chosen",
        },
    ),
    Exercise(
        id="05.2",
        reference=matching_density,
        cases=(
            Case(([0.2], [0.85], 0.85), "One density, and the ticket matches there."),
            Case(([0.2], [0.80], 0.85), "One density, and the ticket falls short there: the answer is 1.0."),
            Case(([1.0, 0.5], [0.85, 0.80], 0.85), "It matches at 1.0 and falls short at 0.5."),
            Case(
                ([1.0, 0.5, 0.2], [0.85, 0.847, 0.80], 0.85),
                "0.847 is below 0.85, but by less than 0.005: that still matches.",
            ),
            Case(
                ([1.0, 0.5], [0.85, 0.844], 0.85),
                "0.844 is below 0.85 by more than 0.005: that does not match.",
            ),
            Case(
                ([0.8, 0.4], [0.70, 0.60], 0.85),
                "It does not match even at the largest density: the answer is 1.0.",
            ),
            Case(
                ([1.0, 0.5, 0.2, 0.1], [0.85, 0.87, 0.846, 0.80], 0.85),
                "Compare with the dense network, not with the ticket's best.",
            ),
            Case(([1.0, 0.5, 0.2], [0.85, 0.86, 0.87], 0.85), "It matches everywhere."),
            Case(
                ([0.8, 0.4, 0.2], [0.853, 0.851, 0.80], 0.85),
                "0.853 and 0.851 are a little above 0.85, and so they match.",
            ),
            Case(
                ([0.8, 0.4, 0.2], [0.845, 0.84, 0.80], 0.85),
                "0.845 is exactly 0.005 below 0.85, and that still matches.",
                tags=("limit",),
            ),
            Case(
                ([0.8, 0.5], [0.85, 0.8455], 0.85),
                "0.8455 is not below 0.85 - 0.005 = 0.845; half a percentage point is not 0.5 % of 0.85.",
            ),
            Case(
                ([0.8, 0.5], [0.8442, 0.8451], 0.85),
                "0.8442 is below 0.845, and 0.8451 is not.",
            ),
            Case(([0.8, 0.5], [0.86, 0.84494], 0.85), "0.84494 is below 0.845."),
            Case(([0.8, 0.5], [0.86, 0.84496], 0.85), "0.84496 is below 0.845, by very little."),
            Case(
                ([0.8, 0.5], [0.86, 0.844996], 0.85),
                "0.844996 is below 0.845 too; it is a mean of several seeds.",
            ),
            Case(([0.8, 0.5], [0.86, 0.837], 0.85), "0.837 is below 0.85 by more than a point."),
            Case(([0.8, 0.5], [0.86, 0.10], 0.85), "0.10 is chance."),
            Case(([0.8, 0.5], [0.86, 0.8446], 0.85), "0.8446 is below 0.845, and so it does not match."),
            Case(([0.8, 0.5], [0.8514, 0.8513], 0.8564), "The limit is 0.8564 - 0.005 = 0.8514."),
            Case(([0.8, 0.5], [0.849, 0.8484], 0.8536), "The limit is 0.8536 - 0.005 = 0.8486."),
            Case(([0.8, 0.5], [0.851, 0.84863], 0.85364), "The limit is 0.85364 - 0.005 = 0.84864."),
            Case(([0.8, 0.5], [0.851, 0.84874], 0.85376), "The limit is 0.85376 - 0.005 = 0.84876."),
            Case(([0.8, 0.5], [0.8497, 0.80], 0.85), "0.8497 is 0.0003 below 0.85: that matches."),
            Case(
                ([1.0, 0.5, 0.2, 0.1], [0.85, 0.82, 0.86, 0.80], 0.85),
                "It falls short at 0.5 and recovers at 0.2: a gap ends it.",
                point=True,
            ),
            Case(
                ([0.8, 0.4, 0.1], [0.70, 0.86, 0.86], 0.85),
                "It falls short at the largest density: whatever comes after, the answer is 1.0.",
            ),
            Case(
                ([1.0, 0.51, 0.21, 0.087, 0.036, 0.015], [0.885, 0.889, 0.892, 0.890, 0.884, 0.869], 0.886),
                "A hill, then the cliff.",
            ),
            Case(
                ([1.0, 0.5, 0.2, 0.1, 0.05], [0.85, 0.856, 0.852, 0.848, 0.80], 0.85),
                "A small hill, then a slow fall: 0.848 is less than 0.005 below dense.",
            ),
            Case(
                ([1.0, 0.5], [0.012, 0.007], 0.012),
                "Near chance among 100 classes; 0.007 is exactly 0.005 below 0.012, and that still matches.",
                tags=("limit",),
            ),
            Case(
                ([1.0, 0.5], [0.06, 0.055], 0.06),
                "Near chance among 20 classes; 0.055 is exactly 0.005 below 0.06, and that still matches.",
                tags=("limit",),
            ),
        ),
        hints=(
            "Walk along the curve from the largest density to smaller ones. When do you stop?",
            "Stop at the first accuracy below dense - 0.005. The answer is the density before it.",
            "What do you return when you stop at the very first point? Start with that value, 1.0, before the loop.",
        ),
        misconceptions=variants(
            _match,
            {
                "any": "This is the smallest density that matches anywhere, beyond gaps too; stop at the first that does not "
                "match.",
                "no tolerance": "You compare with the dense accuracy itself; a ticket matches down to 0.005 below it.",
                "better": "You ask for more than the dense accuracy; a ticket matches down to 0.005 below it.",
                "added": "You add 0.005 to the dense accuracy; subtract it: dense - 0.005.",
                "strict": "You ask for more than dense - 0.005; a ticket exactly 0.005 below dense still matches, so >=.",
                "difference": "You ask whether dense - accuracy is at most 0.005; in floats 0.85 - 0.845 is a little more "
                "than 0.005. Ask accuracy >= dense - 0.005, as the text does.",
                "difference, strict": "You ask whether dense - accuracy is less than 0.005, or round it to two digits, which "
                "is the same; exactly 0.005 below still matches. Ask accuracy >= dense - 0.005.",
                "0.5": "Your tolerance is 0.5, which is fifty points; accuracies are fractions, and half a point is 0.005.",
                "0.05": "Your tolerance is 0.05, which is five points; accuracies are fractions, and half a point is 0.005.",
                "0.01": "Your tolerance is 0.01, which is one point; accuracies are fractions, and half a point is 0.005.",
                "0.001": "Your tolerance is 0.001, which is a tenth of a point; half a point is 0.005.",
                "0.0005": "Your tolerance is 0.0005, which is a twentieth of a point; half a point is 0.005.",
                "two digits": "You round the accuracies to two digits, to whole percents; compare them as they are.",
                "0.0051": "You allow a little more than 0.005; compare accuracy >= dense - 0.005 as it is.",
                "whole limit": "You round dense - 0.005 to two digits; compare with it as it is.",
                "limit of three digits": "You round dense - 0.005 to three digits; compare with it as it is.",
                "both, whole limit": "You round the accuracy and dense - 0.005 to two digits; compare them as they are.",
                **_rounding("three", 3),
                **_rounding("four", 4),
                "first failing": "This is the density at which the ticket fails to match for the first time; the answer is "
                "the one before.",
                "last of the list": "When the very first density fails there is none before it, and index -1 takes the last; "
                "the answer is 1.0.",
                "largest": "When the very first density fails you return it, though it does not match; the answer is 1.0.",
                "none": "When the very first density fails you return None; the answer is 1.0.",
                "zero": "When the very first density fails you return 0; the answer is 1.0.",
                "relative": "You take 0.5 % of the dense accuracy; half a percentage point is a difference of 0.005.",
                "close": "You ask whether the two are close; a ticket that is better than dense matches as well.",
                "first match": "You stop at the first density that matches; go on as long as it matches.",
                "best of the ticket": "You compare with the best accuracy of the ticket; the ticket is to match the dense "
                "network.",
                "best so far": "You compare with the best accuracy so far; the ticket is to match the dense network.",
                "one before": "You compare with the accuracy one density before; the ticket is to match the dense network.",
                "first accuracy": "You compare with the ticket's accuracy at the first density; the ticket is to match the "
                "dense network.",
                "all match": "When no density fails you return 1.0; then the answer is the last density.",
                "sparsity": "This is a sparsity, what is gone; return the density.",
                "number": "You count how many densities match; return the smallest of them, the density itself.",
                "position": "This is the position in the list; return the density at that position.",
                "accuracy": "This is the ticket's accuracy at that density; return the density itself.",
                "two digits of it": "You round the density; return it as it stands in the list.",
                "always last": "This is the last density of the list, whatever the accuracies are; stop at the first that does "
                "not match.",
                "best density": "This is the density of the best accuracy; go on as long as the ticket matches.",
                "min of nothing": "When the very first density fails nothing is left, and min or max of nothing raises a "
                "ValueError; the answer is 1.0.",
            },
        ),
        alternatives=(_by_takewhile, _from_the_end, _in_decimals),
        difficulty="medium",
        lines=6,
        minutes=10,
        told={"limit": "Exactly 0.005 below still matches"},
        absent={
            "empty list": "the text names no empty curve",
            "NaN": "the text names no NaN, and accuracies have none",
            "ties": "the densities fall, so no two are equal",
        },
    ),
    Exercise(
        id="05.3",
        reference=early_stop_step,
        cases=(
            Case(([0, 100, 200], [2.0, 1.0, 1.5], 400), "The loss is least at step 100."),
            Case(([0, 100, 200], [2.0, 1.0, 0.5], 400), "It falls to the end."),
            Case(
                ([0, 100, 200, 300, 350], [2.0, 1.0, 1.2, 1.1, 0.5], 200),
                "At step 300 the best is 200 steps old: the training ends there and never sees step 350.",
                tags=("limit",),
            ),
            Case(
                ([0, 100, 200, 300, 340], [2.0, 1.0, 1.2, 1.3, 0.5], 150),
                "A patience of 150 steps ends at the first measurement after them, step 300.",
            ),
            Case(
                ([0, 100, 200, 300, 400], [2.0, 1.0, 1.0, 1.0, 0.5], 200),
                "A plateau: equal losses are no new best, and the patience ends at step 300.",
                tags=("ties",),
            ),
            Case(
                ([0, 100, 200, 300, 400, 500], [2.0, 1.0, 1.0, 1.0, 1.2, 0.5], 200),
                "A plateau, then a rise: the training ends on the plateau.",
                tags=("ties",),
            ),
            Case(
                ([0, 100, 200, 300, 400, 500], [2.0, 1.0, 1.2, 1.1, 1.3, 0.5], 200),
                "The training ends at step 300 and never sees step 500.",
                tags=("limit",),
                point=True,
            ),
            *(
                Case(
                    ([0, 100], [first, second], 100),
                    f"{second} is below {first}: a new best, however little.",
                )
                for first, second in (
                    (1.0, 0.99995),
                    (1.0, 0.999999),
                    (1.0, 0.9999999),
                    (0.1004, 0.1001),
                    (0.74, 0.66),
                    (1.0, 0.9998),
                    (0.7006, 0.7004),
                    (0.70006, 0.70004),
                    (0.700006, 0.700004),
                    (0.500004, 0.500001),
                    (0.704, 0.696),
                    (0.706, 0.704),
                )
            ),
            Case(
                ([0, 100, 200, 300, 400], [2.0, 1.0, 1.2, 0.9, 0.95], 300),
                "The loss rises at step 200 and falls again within the patience.",
            ),
            Case(
                ([0, 100, 200, 300], [2.0, 1.0, 1.0, 1.4], 400),
                "Two equal losses: the first of them is the best, because the second is not below it.",
                tags=("ties",),
            ),
            Case(
                ([0, 100, 200, 300, 400], [2.0, 1.0, 0.9, 0.8, 0.7], 100),
                "A new best at every measurement: the patience never ends.",
            ),
            Case(
                ([0, 50, 100, 150, 200, 250, 300], [2.0, 1.5, 1.6, 1.55, 1.7, 1.2, 1.3], 200),
                "Measured every 50 steps; patience counts steps.",
            ),
            Case(
                ([0, 2, 4, 6, 8, 10, 12], [2.0, 1.0, 1.2, 1.1, 1.15, 1.3, 0.5], 4),
                "Measured every two steps, with a patience of four steps.",
                tags=("limit",),
            ),
            Case(([0, 100], [1.0, 3.0], 100), "It never gets better than at the start."),
            Case(
                ([500, 600, 700, 800], [2.0, 2.2, 2.1, 1.0], 200),
                "The first measurement is at step 500, and the patience ends at step 700.",
                tags=("limit",),
            ),
            Case(
                ([0, 200, 400], [2.0, 1.0, 0.9], 100),
                "Measured more rarely than the patience; a new best is a new best.",
            ),
            Case(
                ([0, 100, 200, 300, 400, 500], [2.0, 1.0, 1.2, 0.9, 1.0, 0.8], 200),
                "The new best at step 300 starts the patience anew, so step 500 is still seen.",
            ),
            Case(
                ([0, 10, 20, 220, 230], [2.0, 1.0, 1.2, 1.1, 0.5], 100),
                "Measured at uneven distances: at step 220 the best is 210 steps old.",
            ),
            Case(([40], [0.7], 100), "One measurement only."),
        ),
        hints=(
            "Remember two things while you walk along the list: the best loss so far, and the step at which it was.",
            "At each measurement there are two questions. Is it below the best? If not, is the best too old by now?",
            "if loss < best_loss: remember both. elif step - best_step >= patience: break. After the loop, return best_step.",
        ),
        misconceptions=(
            *variants(
                _stop_otherwise,
                {
                    "least of all": "This is the least loss of the whole list; a training that has stopped never sees what "
                    "comes later.",
                    "last of all": "This is the last of the least losses of the whole list; a training that has stopped "
                    "never sees what comes later, and an equal loss is no new best.",
                    "first rise": "You stop when the loss rises for the first time; patience is there to bear a rise for a "
                    "while.",
                    "first real rise": "You stop when a loss is above the one before; patience is there to bear a rise for a "
                    "while, and it ends on a plateau too.",
                    "always last": "This is the last step of the list; the answer is the step of the best loss.",
                    "from the first": "Your patience counts from the first step; it counts from the best so far.",
                    "goes on": "Your counter goes on counting after a new best; a new best starts the patience anew.",
                    "even": "You take all distances between measurements to be equal; subtract the two steps.",
                },
            ),
            *variants(
                _stop,
                {
                    "step of the end": "This is the step at which the training ends; the early-stop step is the step of its "
                    "best loss.",
                    "where it stops": "Where the patience ends you return the step at which it ends; return the step of the "
                    "best loss.",
                    "last step": "When the patience never ends you return the last step; return the step of the best loss "
                    "then too.",
                    "last seen": "Where the patience ends you return the step before that; return the step of the best loss.",
                    "patience first": "You look at the patience before the loss, so that a new best after a long wait is "
                    "lost; ask first whether the loss is a new best.",
                    "loss forgotten": "You remember the step of a new best but not its loss, so all are compared with the "
                    "first loss; remember both.",
                    "largest": "You look for the largest loss; the best is the least.",
                    "measurements": "You count measurements; patience is a number of steps, the difference of two entries "
                    "of `steps`.",
                    "one after": "Your patience begins one measurement after the best; it begins at the step of the best.",
                    "last fall": "Your patience begins anew when the loss is below the one before; only a new best begins "
                    "it anew.",
                    "last equal": "Your patience begins anew at a loss equal to the best; only a loss below the best begins "
                    "it anew.",
                    "not on ties": "You look at the patience only where the loss is above the best; look whenever it is no "
                    "new best.",
                    "one late": "You ask how old the best was at the measurement before; ask at this one, step - best_step.",
                    **{
                        f"by {least}": f"You ask for a loss clearly below the best, by {least} or so; any loss below it is "
                        "a new best, however little."
                        for least in ("0.000001", "0.00001", "0.0001", "0.001", "0.01")
                    },
                    **{
                        digits: f"You round the losses to {digits}; any loss below the best is a new "
                        "best, however little."
                        for digits in (
                            "one digit",
                            "two digits",
                            "three digits",
                            "four digits",
                            "five digits",
                        )
                    },
                    "equal": "You count an equal loss as a new best; only a loss below the best is one.",
                    "more than": "You stop only when the best is more than `patience` steps old; `patience` steps or more "
                    "is the rule.",
                    "index": "This is the position in the list; the answer is the entry of `steps` at that position.",
                    "loss": "This is the best loss; the answer is the step at which it was measured.",
                },
            ),
        ),
        alternatives=(_stop_in_a_while, _stop_cut_first),
        difficulty="medium",
        lines=7,
        minutes=10,
        told={"ties": "an equal loss is not a new best", "limit": "patience steps or more"},
        absent={
            "empty list": "a training has at least one measurement",
            "NaN": "the text names no NaN, and the losses have none",
        },
    ),
    Exercise(
        id="05.4",
        reference=smallest_safe_density,
        cases=(
            Case(
                ({0.05: [0.010, 0.012, 0.011]}, 0.05),
                "One density, exactly the largest allowed; clearly better.",
                tags=("limit",),
            ),
            Case(({0.05: [-0.010, -0.012, -0.011]}, 0.05), "Clearly worse: nothing will do, so None."),
            Case(
                ({0.2: [0.01, 0.012, 0.011], 0.04: [0.009, 0.011, 0.010]}, 0.05),
                "Both are better than dense; only one is small enough.",
            ),
            Case(
                ({0.2: [0.01, 0.012, 0.011], 0.04: [-0.009, -0.011, -0.010]}, 0.05),
                "Only the density of 0.2 is better, and it is too large: None.",
            ),
            Case(
                ({0.05: [0.010, 0.012, 0.011], 0.03: [0.020, -0.015, 0.004]}, 0.05),
                "At 0.03 the mean is above 0, but the seeds do not agree.",
            ),
            Case(
                ({0.05: [0.010, 0.012, 0.011], 0.03: [0.001, 0.009, 0.006]}, 0.05),
                "At 0.03 every seed is above 0, and the interval of three seeds still reaches below 0.",
                point=True,
            ),
            Case(
                ({0.05: [0.010, 0.012, 0.011], 0.03: [0.003, -0.0003, 0.0055, 0.005, 0.006]}, 0.05),
                "At 0.03 one seed of five is below 0, and the interval is above 0.",
            ),
            Case(
                ({0.01: [0.010, 0.012, 0.011], 0.03: [0.01, 0.02, 0.015], 0.05: [0.01, 0.012, 0.010]}, 0.05),
                "All will do; the densities may come in any order.",
            ),
            Case(
                ({0.05: [0.001, 0.020], 0.04: [0.010, 0.0101]}, 0.05), "Two seeds give a very wide interval."
            ),
            Case(
                ({0.05: [0.010, 0.012, 0.011], 0.01: [0.01, 0.02, 0.015], 0.03: [0.01, 0.012, 0.010]}, 0.05),
                "All three will do; the smallest is listed second.",
            ),
            Case(({0.052: [0.010, 0.012, 0.011]}, 0.05), "0.052 is above 0.05, and so it is not allowed."),
            Case(
                ({0.05: [0.010, 0.014]}, 0.05),
                "Both seeds are above 0, and the interval of two seeds still reaches below 0.",
            ),
            Case(({0.05: [0.02, -0.01]}, 0.05), "One seed of two is below 0."),
            Case(
                ({0.05: [-0.0004, 0.0004, 0.0003]}, 0.05),
                "The differences are very small, and the interval contains 0.",
            ),
            Case(
                ({0.05: [0.0, 0.0, 0.0]}, 0.05),
                "The interval begins at exactly 0: at 0 or above.",
                tags=("limit",),
            ),
            Case(
                ({0.05: [-0.004, -0.001, 0.002], 0.2: [0.01, 0.012, 0.011]}, 0.1),
                "At 0.05 the mean is a little below 0, and the interval contains 0.",
            ),
            Case(
                ({0.05: [0.011, 0.012, 0.011], 0.02: [0.0006, 0.0106, 0.0206]}, 0.05),
                "At 0.02 the mean is a little more than one standard deviation above 0.",
            ),
            Case(
                ({0.05: [0.011, 0.012, 0.011], 0.02: [0.001, 0.030, 0.002]}, 0.05),
                "At 0.02 the mean is above 0 by less than the spread.",
            ),
            Case(
                ({0.05: [0.011, 0.012, 0.011], 0.02: [0.0012, 0.0022, 0.0032]}, 0.05),
                "At 0.02 the interval begins at -0.0003: only just below 0.",
            ),
            *(
                Case(
                    ({0.05: [0.011, 0.012, 0.011], 0.02: [low, middle, high]}, 0.05),
                    f"At 0.02 the mean is {middle}, and the interval begins below 0, at {begin}.",
                )
                for low, middle, high, begin in (
                    (0.00065, 0.00165, 0.00265, "-0.0008"),
                    (0.00076, 0.00176, 0.00276, "-0.0007"),
                    (0.00093, 0.00193, 0.00293, "-0.0006"),
                    (0.001414, 0.002414, 0.003414, "-0.00007"),
                    (0.001476, 0.002476, 0.003476, "-0.000008"),
                )
            ),
            Case(
                ({0.05: [0.011, 0.012, 0.011], 0.02: [0.00146, 0.00246, 0.00346]}, 0.05),
                "At 0.02 the interval begins at -0.000024, which is below 0.",
            ),
            Case(
                ({0.05: [0.011, 0.012, 0.011], 0.02: [0.00148, 0.00248, 0.00348]}, 0.05),
                "At 0.02 the interval begins at -0.000004, which is below 0.",
            ),
            Case(
                ({0.05: [0.011, 0.012, 0.011], 0.02: [0.012, 0.022, 0.032]}, 0.05),
                "At 0.02 the mean is far above 0, and so is the spread; the interval begins at -0.003.",
            ),
            Case(
                ({0.05: [-0.0012, -0.0010, -0.0011]}, 0.05),
                "A little worse in all seeds: no worse than dense is not shown.",
            ),
            Case(
                ({0.05: [0.010, 0.011, 0.012, 0.011, -0.060]}, 0.05),
                "One training of five failed. It counts like the others.",
            ),
            Case(
                ({0.05: [-0.010, -0.001]}, 0.05),
                "Worse for both seeds, and the interval of two seeds contains 0.",
            ),
            Case(
                ({0.05: [0.010, 0.011, 0.012, -0.060, -0.070]}, 0.05),
                "Two trainings of five failed. They count like the others.",
            ),
            Case(
                ({0.05: [0.010, 0.011, 0.012, 0.011, -0.70]}, 0.05),
                "One training of five ended at chance. It counts like the others.",
            ),
            Case(
                (
                    {
                        0.02: [0.003, 0.004, 0.003],
                        0.05: [0.011, 0.012, 0.011],
                        0.03: [0.01, -0.01, 0.0],
                        0.01: [-0.01, -0.012, -0.011],
                    },
                    0.05,
                ),
                "0.02 will do, though 0.03 and 0.01 will not.",
            ),
        ),
        hints=(
            "Three conditions: the density is allowed, the interval lies at 0 or above, and among those it is the smallest.",
            "evidence.interval(values).low is the lower end of the 95 % interval. Which sign must it have?",
            "Collect the densities that meet both conditions in a list; min(list, default=None) does the rest.",
        ),
        misconceptions=variants(
            _safe,
            {
                "mean": "You ask whether the mean is at least 0; a mean of a few seeds can be above 0 by luck. Ask the lower "
                "end of the interval.",
                "median": "You ask whether the median is at least 0, which can be luck too; ask the lower end of the interval.",
                "every seed": "You ask whether every seed is at least 0. That is another rule than the interval: it depends "
                "on the number of seeds, and one seed decides.",
                "one seed": "You are content if one seed is at least 0; ask the lower end of the interval of all seeds.",
                "above 0": "You ask for more than 0; an interval that begins at exactly 0 lies at 0 or above.",
                "half a point": "You allow half a point below 0, or round to two digits, which is the same; here the interval "
                "has to lie at 0 or above.",
                "three digits": "You round the lower end, and -0.0003 becomes 0; compare it as it is.",
                "four digits": "You round the lower end to four digits, and -0.000024 becomes 0; compare it as it is.",
                **{
                    slack: f"You allow {slack} below 0; here the interval has to lie at 0 or above, so ask low >= 0."
                    for slack in ("0.001", "0.0001", "0.00001")
                },
                "rounded seeds": "You round the differences before you take the interval; take them as they are.",
                "majority": "You ask that most seeds are at least 0; ask the lower end of the interval.",
                "for three": "You take 4.303 standard errors, which is for three seeds; the factor depends on the number of "
                "seeds, and evidence.interval takes care of it.",
                "for five": "You take 2.776 standard errors, which is for five seeds; the factor depends on the number of "
                "seeds, and evidence.interval takes care of it.",
                "90 %": "This is the 90 % interval; the 95 % interval is wider, see evidence.interval.",
                "seeds as freedom": "Your factor is that of one seed more: n seeds have n - 1 degrees of freedom. "
                "evidence.interval takes care of it.",
                "five digits": "You round the lower end to five digits, and -0.000004 becomes 0; compare it as it is.",
                "strict limit": "You leave out the density that equals `largest`; at most means that it is allowed.",
                "at least": "You take densities of `largest` or more; at most `largest` is allowed.",
                "no limit": "You leave out the limit: densities above `largest` are not allowed.",
                "largest safe": "This is the largest density that will do; the task asks for the smallest.",
                "highest interval": "This is the density whose interval begins highest; the task asks for the smallest that "
                "is safe.",
                "best mean": "This is the safe density of the best mean; the task asks for the smallest that is safe.",
                "first listed": "You return the first safe density in the dict, which has no order; return the smallest.",
                "last listed": "You return the last safe density in the dict, which has no order; return the smallest.",
                "gap": "You walk down from the largest density and stop at the first that is not safe; a smaller one may be "
                "safe.",
                "smallest only": "You look at the smallest density only; if it is not safe, a larger one may be.",
                "high": "You accept an interval that contains 0. There the ticket may be worse; nothing is shown.",
                "contains 0": "You take the intervals that contain 0, where nothing is shown; take those whose lower end is "
                "0 or above.",
                "without 0": "You accept every interval without 0, also one that lies below it, where the ticket is worse.",
                "below 0": "You take the intervals that lie below 0, where the ticket is worse; take those at 0 or above.",
                "deviation": "You use mean minus standard deviation, which is the spread of single seeds; the interval is "
                "that of the mean.",
                "two deviations": "You use mean minus two standard deviations, the spread of single seeds; the interval is "
                "that of the mean.",
                "one error": "You use one standard error, which is no 95 % interval; evidence.interval(values).low is the "
                "lower end.",
                "two errors": "You use about two standard errors, 1.96, which is for very many seeds; with few, the t-interval of "
                "evidence.interval is wider.",
                "by n": "Your standard deviation divides by n, and the interval is too narrow; divide by n - 1, or use "
                "evidence.interval.",
                "trimmed": "You leave out the best and the worst seed; all seeds count.",
                "failed left out": "You leave out seeds far below 0; a training that failed counts like the others.",
                "bad left out": "You leave out seeds that are clearly below 0; all seeds count.",
                "first three": "You look at three seeds only; all seeds count.",
                "its mean": "This is the mean difference at the density; return the density itself.",
                "largest": "If no density is safe you return `largest`, which is not safe; return None.",
                "zero": "If no density is safe you return 0.0; return None.",
                "one": "If no density is safe you return 1.0; return None.",
                "min of nothing": "min of nothing raises a ValueError; min(..., default=None) returns None then.",
            },
        ),
        alternatives=(_safe_by_hand, _safe_in_a_loop, _safe_in_numpy),
        difficulty="medium",
        lines=4,
        minutes=12,
        told={"limit": "lies at 0 or above"},
        absent={
            "empty list": "the text says two seeds or more",
            "empty dict": "the text names no empty dict",
            "NaN": "a difference of two accuracies is finite",
            "ties": "the densities are the keys of a dict, so no two are equal",
        },
    ),
)


QUESTIONS = (
    Question(
        "05.Q1",
        "What is a winning ticket made of?",
        (
            Option(
                "A mask.",
                False,
                "A mask alone is half of it. The re-initialised control has the same mask and other weights.",
            ),
            Option(
                "A mask and the trained weights under it.",
                False,
                "That is a pruned network. A ticket starts from its initial weights and is trained again.",
            ),
            Option(
                "A mask and the initial weights under it.",
                True,
                "Both halves come from the same network: the mask from the end of its training, the weights from its start.",
            ),
        ),
    ),
    Question(
        "05.Q2",
        "The shuffled control keeps the number of weights in every layer. Why?",
        (
            Option(
                "So that only the places inside a layer differ, and not how full each layer is.",
                True,
                "A control takes one cause away. With other layer densities it would take away two.",
            ),
            Option(
                "Because a mask cannot be permuted over all layers.",
                False,
                "It can. Such a control answers another question: do the layer densities matter?",
            ),
            Option(
                "So that both masks overlap as much as possible.",
                False,
                "The overlap is left to chance; two independent masks of density d differ in about 2d(1 - d) of their entries.",
            ),
        ),
    ),
    Question(
        "05.Q3",
        "The interval of ticket minus dense is [-0.4, +1.2] points, n = 3. What may be claimed?",
        (
            Option(
                "The ticket is better, because the middle is above 0.",
                False,
                "The middle may be above 0 by chance; the interval says that 0 and below fit the data too.",
            ),
            Option(
                "The two are equal, because 0 lies inside.",
                False,
                "Not seeing a difference is not seeing that there is none: 1.2 points lie inside as well.",
            ),
            Option(
                "With these three seeds, neither; more seeds would narrow the interval.",
                True,
                "The width falls about with the square root of the number of seeds, and faster while they are few.",
            ),
        ),
    ),
    Question(
        "05.Q4",
        "A paper reports that tickets stop earlier. In its plot, some early-stop steps lie at the very end of the budget. "
        "What follows?",
        (
            Option(
                "These trainings had converged.",
                False,
                "A best step at the end says the opposite: the loss was still falling when the budget ended.",
            ),
            Option(
                "Their true early-stop step may be later, and their accuracy higher, than reported.",
                True,
                "An arm that is cut short looks early and weak. Give every arm the time it needs, or mark it.",
            ),
            Option(
                "Nothing; the budget was the same for all.",
                False,
                "An equal budget is fair only if it is long enough for all: the slower arm is cut more.",
            ),
        ),
    ),
)
