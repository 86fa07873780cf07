"""Exercises of lesson 05, winning tickets: draw a control, read the matching density, stop early, choose a ticket."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from statistics import mean, median, stdev

import numpy as np
import torch
from torch import Tensor

from lthkit import evidence
from lthkit.classroom.exercises.exercise import Case, Exercise, Misconception, Option, Question


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
        new[name] = torch.empty_like(theta_0[name]).normal_(generator=generator).mul_(theta_0[name].std())
        if name in mask:
            new[name][~mask[name]] = 0
    return new


def _drawn_with_where(
    theta_0: Mapping[str, Tensor], mask: Mapping[str, Tensor], seed: int
) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    draws = [torch.std(w) * torch.randn(*w.shape, generator=generator) for w in theta_0.values()]
    keep = [mask.get(name, torch.ones(w.shape).bool()) for name, w in theta_0.items()]
    return {n: torch.where(k, d, torch.tensor(0.0)) for n, k, d in zip(theta_0, keep, draws, strict=True)}


Draw = Callable[[Tensor, Tensor, torch.Generator], Tensor]  # of old tensor, what is kept, and generator
Redraw = Callable[[Mapping[str, Tensor], Mapping[str, Tensor], int], dict[str, Tensor]]


def _randn(w: Tensor, keep: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(w.shape, generator=generator)


def _zeroed(fresh: Tensor, w: Tensor, keep: Tensor) -> Tensor:
    return torch.where(keep, fresh, 0.0)


def _redrawn(
    *,
    draw: Draw = _randn,
    spread: Callable[[Tensor, Tensor], Tensor] = lambda w, keep: w.std(),
    mask_out: Callable[[Tensor, Tensor, Tensor], Tensor] = _zeroed,
    order: Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], list[str]] = lambda theta_0, mask: list(
        theta_0
    ),
    seed_of: Callable[[int, int], int] | None = None,
    unmasked: Callable[[Tensor], Tensor] | None = None,
) -> Redraw:
    """The right answer with one thing changed; `seed_of` seeds anew for each tensor, `unmasked` replaces the draw."""

    def weights(theta_0: Mapping[str, Tensor], mask: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        new = {}
        for i, name in enumerate(order(theta_0, mask)):
            w = theta_0[name]
            if seed_of is not None:
                generator.manual_seed(seed_of(seed, i))
            if unmasked is not None and name not in mask:
                new[name] = unmasked(w)
                continue
            keep = mask.get(name, torch.ones_like(w, dtype=torch.bool))
            new[name] = mask_out(draw(w, keep, generator) * spread(w, keep), w, keep)
        return new

    return weights


def _kept_only(w: Tensor, keep: Tensor, generator: torch.Generator) -> Tensor:
    numbers = torch.randn(int(keep.sum()), generator=generator)
    return torch.zeros_like(w).masked_scatter(keep, numbers)


def _permuted(w: Tensor, keep: Tensor, generator: torch.Generator) -> Tensor:
    return w.flatten()[torch.randperm(w.numel(), generator=generator)].view(w.shape)


def _one(w: Tensor, keep: Tensor) -> Tensor:
    return torch.tensor(1.0)


def _uniform(low: float, high: float) -> Draw:
    return lambda w, keep, generator: low + (high - low) * torch.rand(w.shape, generator=generator)


def _pooled(theta_0: Mapping[str, Tensor], mask: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    together = torch.cat([w.flatten() for w in theta_0.values()]).std()
    return _redrawn(spread=lambda w, keep: together)(theta_0, mask, seed)


def _inverted(theta_0: Mapping[str, Tensor], mask: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    return reinitialised_weights(theta_0, {name: ~keep for name, keep in mask.items()}, seed)


def _by_numpy(theta_0: Mapping[str, Tensor], mask: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    generator = np.random.default_rng(seed)
    return _redrawn(
        draw=lambda w, keep, _: torch.tensor(generator.normal(size=tuple(w.shape)), dtype=torch.float32)
    )(theta_0, mask, seed)


def _old_biases(theta_0: Mapping[str, Tensor], mask: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    fresh = reinitialised_weights(theta_0, mask, seed)
    return {name: fresh[name] if name in mask else w.clone() for name, w in theta_0.items()}


def _old_weights(theta_0: Mapping[str, Tensor], mask: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    return {name: w * mask[name] if name in mask else w.clone() for name, w in theta_0.items()}


def _global_seed(theta_0: Mapping[str, Tensor], mask: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    return _redrawn(draw=lambda w, keep, _: torch.randn(w.shape))(theta_0, mask, seed)


def _by_takewhile(densities: Sequence[float], ticket: Sequence[float], dense: float) -> float:
    pairs = takewhile(lambda p: p[1] >= dense - 0.005, zip(densities, ticket, strict=True))
    return min((d for d, _ in pairs), default=1.0)


def _from_the_end(densities: Sequence[float], ticket: Sequence[float], dense: float) -> float:
    for i in range(len(densities), 0, -1):
        if all(a >= dense - 0.005 for a in ticket[:i]):
            return densities[i - 1]
    return 1.0


Match = Callable[[Sequence[float], Sequence[float], float], float]


def _down_to(matches: Callable[[float, float], bool], *, none_fails: float | None = None) -> Match:
    """The right answer with another rule for accuracy and dense, or another answer when no density fails."""

    def answer(densities: Sequence[float], ticket: Sequence[float], dense: float) -> float:
        good = [d for d, _ in takewhile(lambda p: matches(p[1], dense), zip(densities, ticket, strict=True))]
        if none_fails is not None and len(good) == len(ticket):
            return none_fails
        return min(good, default=1.0)

    return answer


def _with_tolerance(tolerance: float) -> Match:
    return _down_to(lambda accuracy, dense: accuracy >= dense - tolerance)


def _any_match(densities: Sequence[float], ticket: Sequence[float], dense: float) -> float:
    return min(
        (d for d, a in zip(densities, ticket, strict=True) if a >= dense - 0.005),
        default=1.0,
    )


def _first_match(densities: Sequence[float], ticket: Sequence[float], dense: float) -> float:
    return next((d for d, a in zip(densities, ticket, strict=True) if a >= dense - 0.005), 1.0)


def _with_the_best(densities: Sequence[float], ticket: Sequence[float], dense: float) -> float:
    return matching_density(densities, ticket, max(*ticket, dense))


def _with_the_one_before(densities: Sequence[float], ticket: Sequence[float], dense: float) -> float:
    before = [dense, *ticket]
    falls = (d for i, d in enumerate([1.0, *densities[:-1]]) if ticket[i] < before[i] - 0.005)
    return next(falls, densities[-1])


def _with_the_best_so_far(densities: Sequence[float], ticket: Sequence[float], dense: float) -> float:
    best = dense
    for i, accuracy in enumerate(ticket):
        best = max(best, accuracy)
        if accuracy < best - 0.005:
            return [1.0, *densities][i]
    return densities[-1]


def _how_many(densities: Sequence[float], ticket: Sequence[float], dense: float) -> int:
    return len(list(takewhile(lambda a: a >= dense - 0.005, ticket)))


def _largest_fails(densities: Sequence[float], ticket: Sequence[float], dense: float) -> float:
    return matching_density(densities, ticket, dense) if ticket[0] >= dense - 0.005 else densities[0]


def _first_failing(densities: Sequence[float], ticket: Sequence[float], dense: float) -> float:
    for density, accuracy in zip(densities, ticket, strict=True):
        if accuracy < dense - 0.005:
            return density
    return densities[-1]


def _one_before(densities: Sequence[float], ticket: Sequence[float], dense: float) -> float:
    for i, accuracy in enumerate(ticket):
        if accuracy < dense - 0.005:
            return densities[i - 1]
    return densities[-1]


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


def _stop_least_of_all(steps: Sequence[int], losses: Sequence[float], patience: int) -> int:
    return steps[min(range(len(losses)), key=losses.__getitem__)]


Stop = Callable[[Sequence[int], Sequence[float], int], int]


def _stopping(
    *,
    better: Callable[[float, float], bool] = operator.lt,
    over: Callable[[int, int], bool] = operator.ge,
    patience_first: bool = False,
    update: bool = True,
    where_it_stops: bool = False,
    last_at_end: bool = False,
) -> Stop:
    """The right answer with one thing changed."""

    def answer(steps: Sequence[int], losses: Sequence[float], patience: int) -> int:
        best_step, best_loss = steps[0], losses[0]
        for step, loss in zip(steps[1:], losses[1:], strict=True):
            new = better(loss, best_loss)
            if over(step - best_step, patience) and (patience_first or not new):
                return step if where_it_stops else best_step
            if new:
                best_step, best_loss = step, loss if update else best_loss
        return steps[-1] if last_at_end else best_step

    return answer


def _stop_counting_measurements(steps: Sequence[int], losses: Sequence[float], patience: int) -> int:
    return steps[_stopping()(range(len(steps)), losses, patience)]


def _stop_at_first_rise(steps: Sequence[int], losses: Sequence[float], patience: int) -> int:
    for i in range(1, len(losses)):
        if losses[i] >= losses[i - 1]:
            return steps[i - 1]
    return steps[-1]


def _stop_waiting(
    steps: Sequence[int], losses: Sequence[float], patience: int, *, anew: bool, even: bool
) -> int:
    """A counter of steps without a new best; `anew` sets it back at a new best, `even` adds the first distance always."""
    best, waited = 0, 0
    for i in range(1, len(steps)):
        if losses[i] < losses[best]:
            best, waited = i, 0 if anew else waited
        else:
            waited += steps[1] - steps[0] if even else steps[i] - steps[i - 1]
            if waited >= patience:
                break
    return steps[best]


def _stop_since(since: Callable[[Sequence[int], Sequence[float], int, int], int]) -> Stop:
    """The patience begins at the measurement `since(steps, losses, best, now)`; all but steps are indices."""

    def answer(steps: Sequence[int], losses: Sequence[float], patience: int) -> int:
        best = 0
        for i, loss in enumerate(losses):
            if loss < losses[best]:
                best = i
            elif steps[i] - since(steps, losses, best, i) >= patience:
                break
        return steps[best]

    return answer


def _last_fall(steps: Sequence[int], losses: Sequence[float], best: int, now: int) -> int:
    return steps[max(i for i in range(now + 1) if i == 0 or losses[i] < losses[i - 1])]


def _last_equal(steps: Sequence[int], losses: Sequence[float], best: int, now: int) -> int:
    return steps[max(i for i in range(now + 1) if losses[i] == losses[best])]


def _stop_not_on_ties(steps: Sequence[int], losses: Sequence[float], patience: int) -> int:
    best = 0
    for i, loss in enumerate(losses):
        if loss < losses[best]:
            best = i
        elif loss > losses[best] and steps[i] - steps[best] >= patience:
            break
    return steps[best]


def _stop_one_late(steps: Sequence[int], losses: Sequence[float], patience: int) -> int:
    best = 0
    for i, loss in enumerate(losses):
        if loss < losses[best]:
            best = i
        elif i and steps[i - 1] - steps[best] >= patience:
            break
    return steps[best]


def _stop_by_index(steps: Sequence[int], losses: Sequence[float], patience: int) -> int:
    return list(steps).index(early_stop_step(steps, losses, patience))


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


def _safe(
    good: Callable[[Sequence[float]], bool] = lambda values: evidence.interval(values).low >= 0,
    *,
    allowed: Callable[[float, float], bool] = operator.le,
    choose: Callable[[dict[float, Sequence[float]]], float | None] = lambda safe: min(safe, default=None),
) -> Callable[[Differences, float], float | None]:
    """The right answer with another rule for one density, for what is allowed, or for the choice among those."""
    return lambda differences, largest: choose(
        {d: v for d, v in differences.items() if allowed(d, largest) and good(v)}
    )


def _edge(values: Sequence[float], quantile: float) -> float:
    """The lower end of an interval with another quantile."""
    return mean(values) - quantile * stdev(values) / math.sqrt(len(values))


def _low_over_n(values: Sequence[float]) -> float:
    """The lower end with a standard deviation that divides by n."""
    found, n = evidence.interval(values), len(values)
    return found.mean - found.half * math.sqrt((n - 1) / n)


def _trimmed(values: Sequence[float]) -> Sequence[float]:
    return sorted(values)[1:-1] if len(values) > 3 else values


def _safest(safe: dict[float, Sequence[float]]) -> float | None:
    return max(safe, key=lambda d: evidence.interval(safe[d]).low, default=None)


def _only_the_smallest(differences: Differences, largest: float) -> float | None:
    smallest = min(differences)
    return _safe()({smallest: differences[smallest]}, largest)


def _up_to_a_gap(differences: Differences, largest: float) -> float | None:
    allowed = sorted((d for d in differences if d <= largest), reverse=True)
    return min(takewhile(lambda d: evidence.interval(differences[d]).low >= 0, allowed), default=None)


def _mean_of_it(differences: Differences, largest: float) -> float | None:
    density = smallest_safe_density(differences, largest)
    return None if density is None else mean(differences[density])


def _or_largest(differences: Differences, largest: float) -> float:
    density = smallest_safe_density(differences, largest)
    return largest if density is None else density


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
                    {"a": torch.tensor([[0.3, -0.3], [0.1, 0.2]]), "b": torch.tensor([3.0, -3.0])},
                    {"a": torch.ones(2, 2, dtype=torch.bool), "b": torch.tensor([True, True])},
                    0,
                ),
                "Two tensors: one generator for both, and each has a standard deviation of its own.",
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
                (_network(), _masks(), 3),
                "A small network. The bias is drawn afresh too; it has no mask, so that nothing of it is removed.",
            ),
        ),
        hints=(
            "Nothing of theta_0 is used but its shapes and the standard deviation of each tensor.",
            "Make one torch.Generator().manual_seed(seed) before the loop, then torch.randn(w.shape, generator=generator) * w.std().",
            "Where there is a mask, torch.where(mask[name], numbers, 0.0) sets removed entries to 0. Put the results into a new dict.",
        ),
        misconceptions=(
            Misconception(
                _redrawn(seed_of=lambda seed, i: seed),
                "You seed again for each tensor, so that all tensors start with the same random numbers; seed one "
                "generator once, before the loop.",
            ),
            Misconception(
                _redrawn(spread=lambda w, keep: w[keep].std()),
                "You take the standard deviation of the kept weights, which are the large ones; take that of the whole tensor.",
            ),
            Misconception(
                _redrawn(spread=lambda w, keep: (w * keep).std()),
                "You mask the old tensor before you take its standard deviation, so its zeros count; take that of the "
                "whole tensor.",
            ),
            Misconception(
                _redrawn(spread=_one),
                "These numbers have standard deviation 1; multiply each tensor by the standard deviation of its old one.",
            ),
            Misconception(
                _pooled, "You use one standard deviation for all tensors; each tensor has its own."
            ),
            Misconception(
                _redrawn(mask_out=lambda fresh, w, keep: fresh),
                "The numbers are right, but the mask is not applied: removed entries must be exactly 0.",
            ),
            Misconception(
                _redrawn(mask_out=lambda fresh, w, keep: torch.where(keep, fresh, w)),
                "Removed entries still have their old values; they must be exactly 0.",
            ),
            Misconception(_inverted, "The mask is the wrong way round: True means that the entry is kept."),
            Misconception(
                _old_weights,
                "This is the ticket itself, with its original weights; the control needs new random numbers.",
            ),
            Misconception(
                _redrawn(draw=_permuted, spread=_one),
                "You permute the old weights; the control needs new numbers, drawn from a Gaussian.",
            ),
            Misconception(
                _redrawn(draw=lambda w, keep, generator: _randn(w, keep, generator) * w, spread=_one),
                "You multiply random numbers by the old weights; multiply them by the standard deviation of the tensor.",
            ),
            *(
                Misconception(
                    _redrawn(draw=_uniform(low, high)), f"You draw uniform numbers{which}; use torch.randn."
                )
                for low, high, which in (
                    (0.0, 1.0, ", and none is below 0"),
                    (-1.0, 1.0, " between -std and std"),
                    (-math.sqrt(3), math.sqrt(3), " of the right spread"),
                )
            ),
            Misconception(
                _redrawn(draw=lambda w, keep, g: _randn(w, keep, g) + w.mean() / w.std()),
                "You add the mean of the old tensor; the new weights have mean 0.",
            ),
            Misconception(
                _redrawn(draw=_kept_only),
                "You draw numbers for the kept entries only; draw the whole tensor, then set removed entries to 0. So the "
                "same seed gives the same weights under every mask.",
            ),
            Misconception(
                _redrawn(seed_of=lambda seed, i: seed + i),
                "Each tensor has a generator of its own, seeded with seed + i; seed one generator once, before the loop.",
            ),
            Misconception(
                lambda theta_0, mask, seed: reinitialised_weights(theta_0, mask, seed + 1),
                "You seed with seed + 1; take the seed as it is.",
            ),
            Misconception(
                lambda theta_0, mask, seed: reinitialised_weights(theta_0, mask, 0),
                "You seed with a fixed number, so that `seed` has no effect.",
            ),
            Misconception(
                _by_numpy,
                "You draw with numpy, whose generator gives other numbers; use torch.randn with a torch.Generator.",
            ),
            Misconception(
                _redrawn(
                    draw=lambda w, keep, g: torch.randn(w.shape, generator=g, dtype=torch.float64).float()
                ),
                "You draw float64 numbers, and they are others than those of float32; leave out the dtype.",
            ),
            Misconception(
                _redrawn(order=lambda theta_0, mask: sorted(theta_0, key=lambda name: name not in mask)),
                "You draw the tensors with a mask first; draw in the order of theta_0.",
            ),
            Misconception(
                _redrawn(order=lambda theta_0, mask: list(mask) + [n for n in theta_0 if n not in mask]),
                "You draw in the order of `mask`; draw in the order of theta_0.",
            ),
            Misconception(
                _redrawn(order=lambda theta_0, mask: sorted(theta_0)),
                "You sort the names; draw in the order of theta_0.",
            ),
            Misconception(
                _redrawn(unmasked=lambda w: w.clone()),
                "Tensors without a mask, such as biases, are copied, and no numbers are drawn for them; they are drawn "
                "afresh too.",
            ),
            Misconception(
                _redrawn(unmasked=torch.zeros_like),
                "Tensors without a mask, such as biases, are 0; they are drawn afresh too.",
            ),
            Misconception(
                _redrawn(spread=lambda w, keep: w.var()),
                "You multiply by the variance; the standard deviation is its square root.",
            ),
            Misconception(
                _redrawn(spread=lambda w, keep: w.std(correction=0)),
                "You divide by n, as numpy's std does; tensor.std() divides by n - 1.",
            ),
            Misconception(
                _old_biases,
                "Tensors without a mask, such as biases, are still the old ones; they are drawn afresh too.",
            ),
            Misconception(
                _global_seed,
                "The seed has no effect: the numbers do not come from a generator that was seeded with it.",
            ),
        ),
        alternatives=(_drawn_by_normal, _drawn_with_where),
        difficulty="medium",
        lines=4,
        minutes=10,
        atol=0.0,
        fresh=True,
        leaves_random_state=True,
    ),
    Exercise(
        id="05.2",
        reference=matching_density,
        cases=(
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
                ([0.8, 0.5], [0.85, 0.8455], 0.85),
                "0.8455 is not below 0.85 - 0.005 = 0.845; half a percentage point is not 0.5 % of 0.85.",
            ),
            Case(
                ([1.0, 0.5, 0.2, 0.1], [0.85, 0.82, 0.86, 0.80], 0.85),
                "It falls short at 0.5 and recovers at 0.2: a gap ends it.",
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
            ),
        ),
        hints=(
            "Walk along the curve from the largest density to smaller ones. When do you stop?",
            "Stop at the first accuracy below dense - 0.005. The answer is the density before it.",
            "What do you return when you stop at the very first point? Start with that value, 1.0, before the loop.",
        ),
        misconceptions=(
            Misconception(
                _any_match,
                "This is the smallest density that matches anywhere, beyond gaps too; stop at the first that does not match.",
            ),
            Misconception(
                _with_tolerance(0.0),
                "You compare with the dense accuracy itself; a ticket matches down to 0.005 below it.",
            ),
            Misconception(
                _down_to(lambda accuracy, dense: accuracy > dense),
                "You ask for more than the dense accuracy; a ticket matches down to 0.005 below it.",
            ),
            Misconception(
                _with_tolerance(-0.005), "You add 0.005 to the dense accuracy; subtract it: dense - 0.005."
            ),
            Misconception(
                _down_to(lambda accuracy, dense: accuracy > dense - 0.005),
                "You ask for more than dense - 0.005; a ticket exactly 0.005 below dense still matches, so >=.",
            ),
            *(
                Misconception(
                    _with_tolerance(tolerance),
                    f"Your tolerance is {tolerance}, which is {points}; accuracies are fractions, and half a point is 0.005.",
                )
                for tolerance, points in ((0.5, "fifty points"), (0.05, "five points"), (0.01, "one point"))
            ),
            Misconception(
                _down_to(lambda accuracy, dense: round(accuracy, 2) >= round(dense, 2) - 0.005),
                "You round the accuracies; half a point is then lost in the rounding.",
            ),
            Misconception(
                _first_failing,
                "This is the density at which the ticket fails to match for the first time; the answer is the one before.",
            ),
            Misconception(
                _one_before,
                "When the very first density fails there is none before it, and index -1 takes the last; the answer is 1.0.",
            ),
            Misconception(
                _largest_fails,
                "When the very first density fails you return it, though it does not match; the answer is 1.0.",
            ),
            Misconception(
                _down_to(lambda accuracy, dense: accuracy >= 0.995 * dense),
                "You take 0.5 % of the dense accuracy; half a percentage point is a difference of 0.005.",
            ),
            Misconception(
                _down_to(lambda accuracy, dense: abs(accuracy - dense) <= 0.005),
                "You ask whether the two are close; a ticket that is better than dense matches as well.",
            ),
            Misconception(
                _first_match, "You stop at the first density that matches; go on as long as it matches."
            ),
            Misconception(
                _with_the_best,
                "You compare with the best accuracy of the ticket; the ticket is to match the dense network.",
            ),
            Misconception(
                _with_the_best_so_far,
                "You compare with the best accuracy so far; the ticket is to match the dense network.",
            ),
            Misconception(
                _with_the_one_before,
                "You compare with the accuracy one density before; the ticket is to match the dense network.",
            ),
            Misconception(
                _down_to(lambda accuracy, dense: accuracy >= dense - 0.005, none_fails=1.0),
                "When no density fails you return 1.0; then the answer is the last density.",
            ),
            Misconception(
                lambda densities, ticket, dense: 1 - matching_density(densities, ticket, dense),
                "This is a sparsity, what is gone; return the density.",
            ),
            Misconception(
                _how_many,
                "You count how many densities match; return the smallest of them, the density itself.",
            ),
            Misconception(
                lambda densities, ticket, dense: max(_how_many(densities, ticket, dense) - 1, 0),
                "This is the position in the list; return the density at that position.",
            ),
        ),
        alternatives=(_by_takewhile, _from_the_end),
        difficulty="medium",
        lines=6,
        minutes=10,
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
            ),
            Case(
                ([0, 100, 200, 300, 340], [2.0, 1.0, 1.2, 1.3, 0.5], 150),
                "A patience of 150 steps ends at the first measurement after them, step 300.",
            ),
            Case(
                ([0, 100, 200, 300, 400], [2.0, 1.0, 1.0, 1.0, 0.5], 200),
                "A plateau: equal losses are no new best, and the patience ends at step 300.",
            ),
            Case(
                ([0, 100, 200, 300, 400, 500], [2.0, 1.0, 1.0, 1.0, 1.2, 0.5], 200),
                "A plateau, then a rise: the training ends on the plateau.",
            ),
            Case(
                ([0, 100, 200, 300, 400, 500], [2.0, 1.0, 1.2, 1.1, 1.3, 0.5], 200),
                "The training ends at step 300 and never sees step 500.",
            ),
            Case(([0, 100], [1.0, 0.99995], 100), "Any loss below the best is a new best, however little."),
            Case(
                ([0, 100, 200, 300, 400], [2.0, 1.0, 1.2, 0.9, 0.95], 300),
                "The loss rises at step 200 and falls again within the patience.",
            ),
            Case(
                ([0, 100, 200, 300], [2.0, 1.0, 1.0, 1.4], 400),
                "Two equal losses: the first of them is the best, because the second is not below it.",
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
            ),
            Case(([0, 100], [1.0, 3.0], 100), "It never gets better than at the start."),
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
            Misconception(
                _stop_least_of_all,
                "This is the least loss of the whole list; a training that has stopped never sees what comes later.",
            ),
            Misconception(
                _stopping(where_it_stops=True, last_at_end=True),
                "This is the step at which the training ends; the early-stop step is the step of its best loss.",
            ),
            Misconception(
                _stopping(where_it_stops=True),
                "Where the patience ends you return the step at which it ends; return the step of the best loss.",
            ),
            Misconception(
                _stopping(last_at_end=True),
                "When the patience never ends you return the last step; return the step of the best loss then too.",
            ),
            Misconception(
                _stopping(patience_first=True),
                "You look at the patience before the loss, so that a new best after a long wait is lost; ask first "
                "whether the loss is a new best.",
            ),
            Misconception(
                _stopping(update=False),
                "You remember the step of a new best but not its loss, so all are compared with the first loss; remember both.",
            ),
            Misconception(
                _stopping(better=operator.gt), "You look for the largest loss; the best is the least."
            ),
            Misconception(
                _stop_counting_measurements,
                "You count measurements; patience is a number of steps, the difference of two entries of `steps`.",
            ),
            Misconception(
                _stop_since(lambda steps, losses, best, now: steps[min(best + 1, now)]),
                "Your patience begins one measurement after the best; it begins at the step of the best.",
            ),
            Misconception(
                _stop_since(_last_fall),
                "Your patience begins anew when the loss is below the one before; only a new best begins it anew.",
            ),
            Misconception(
                _stop_since(_last_equal),
                "Your patience begins anew at a loss equal to the best; only a loss below the best begins it anew.",
            ),
            Misconception(
                _stop_not_on_ties,
                "You look at the patience only where the loss is above the best; look whenever it is no new best.",
            ),
            Misconception(
                _stop_one_late,
                "You ask how old the best was at the measurement before; ask at this one, step - best_step.",
            ),
            Misconception(
                lambda steps, losses, patience: min(
                    zip(losses, steps, strict=True), key=lambda p: (p[1] - steps[0] > patience, p[0])
                )[1],
                "Your patience counts from the first step; it counts from the best so far.",
            ),
            Misconception(
                _stopping(better=lambda loss, best: loss < best - 1e-4),
                "You ask for a loss clearly below the best; any loss below it is a new best, however little.",
            ),
            Misconception(
                _stop_at_first_rise,
                "You stop when the loss rises for the first time; patience is there to bear a rise for a while.",
            ),
            Misconception(
                _stopping(better=operator.le),
                "You count an equal loss as a new best; only a loss below the best is one.",
            ),
            Misconception(
                _stopping(over=operator.gt),
                "You stop only when the best is more than `patience` steps old; `patience` steps or more is the rule.",
            ),
            Misconception(
                lambda steps, losses, patience: _stop_waiting(
                    steps, losses, patience, anew=False, even=False
                ),
                "Your counter goes on counting after a new best; a new best starts the patience anew.",
            ),
            Misconception(
                lambda steps, losses, patience: _stop_waiting(steps, losses, patience, anew=True, even=True),
                "You take all distances between measurements to be equal; subtract the two steps.",
            ),
            Misconception(
                _stop_by_index,
                "This is the position in the list; the answer is the entry of `steps` at that position.",
            ),
        ),
        alternatives=(_stop_in_a_while, _stop_cut_first),
        difficulty="medium",
        lines=7,
        minutes=10,
    ),
    Exercise(
        id="05.4",
        reference=smallest_safe_density,
        cases=(
            Case(
                ({0.05: [0.010, 0.012, 0.011]}, 0.05),
                "One density, exactly the largest allowed; clearly better.",
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
            Case(({0.05: [0.0, 0.0, 0.0]}, 0.05), "The interval begins at exactly 0: at 0 or above."),
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
        misconceptions=(
            Misconception(
                _safe(lambda values: mean(values) >= 0),
                "You ask whether the mean is at least 0; a mean of a few seeds can be above 0 by luck. Ask the lower end "
                "of the interval.",
            ),
            Misconception(
                _safe(lambda values: median(values) >= 0),
                "You ask whether the median is at least 0, which can be luck too; ask the lower end of the interval.",
            ),
            Misconception(
                _safe(lambda values: min(values) >= 0),
                "You ask whether every seed is at least 0. That is another rule than the interval: it depends on the "
                "number of seeds, and one seed decides.",
            ),
            Misconception(
                _safe(lambda values: evidence.interval(values).low > 0),
                "You ask for more than 0; an interval that begins at exactly 0 lies at 0 or above.",
            ),
            Misconception(
                _safe(lambda values: evidence.interval(values).low >= -0.005),
                "You allow half a point below 0; here the interval has to lie at 0 or above.",
            ),
            Misconception(
                _safe(lambda values: round(evidence.interval(values).low, 3) >= 0),
                "You round the lower end, and -0.0003 becomes 0; compare it as it is.",
            ),
            Misconception(
                _safe(allowed=operator.lt),
                "You leave out the density that equals `largest`; at most means that it is allowed.",
            ),
            Misconception(
                _safe(allowed=operator.ge),
                "You take densities of `largest` or more; at most `largest` is allowed.",
            ),
            Misconception(
                _safe(allowed=lambda d, largest: True),
                "You leave out the limit: densities above `largest` are not allowed.",
            ),
            Misconception(
                _safe(choose=lambda safe: max(safe, default=None)),
                "This is the largest density that will do; the task asks for the smallest.",
            ),
            Misconception(
                _safe(choose=_safest),
                "This is the density whose interval begins highest; the task asks for the smallest that is safe.",
            ),
            Misconception(
                _safe(choose=lambda safe: next(iter(safe), None)),
                "You return the first safe density in the dict, which has no order; return the smallest.",
            ),
            Misconception(
                _up_to_a_gap,
                "You walk down from the largest density and stop at the first that is not safe; a smaller one may be safe.",
            ),
            Misconception(
                _only_the_smallest,
                "You look at the smallest density only; if it is not safe, a larger one may be.",
            ),
            Misconception(
                _safe(lambda values: evidence.interval(values).high >= 0),
                "You accept an interval that contains 0. There the ticket may be worse; nothing is shown.",
            ),
            Misconception(
                _safe(lambda values: evidence.interval(values).low <= 0 <= evidence.interval(values).high),
                "You take the intervals that contain 0, where nothing is shown; take those whose lower end is 0 or above.",
            ),
            Misconception(
                _safe(lambda values: evidence.interval(values).low > 0 or evidence.interval(values).high < 0),
                "You accept every interval without 0, also one that lies below it, where the ticket is worse.",
            ),
            Misconception(
                _safe(lambda values: mean(values) - stdev(values) >= 0),
                "You use mean minus standard deviation, which is the spread of single seeds; the interval is that of the mean.",
            ),
            Misconception(
                _safe(lambda values: _edge(values, 1.0) >= 0),
                "You use one standard error, which is no 95 % interval; evidence.interval(values).low is the lower end.",
            ),
            Misconception(
                _safe(lambda values: _edge(values, 1.96) >= 0),
                "You use 1.96 standard errors, which is for very many seeds; with few, the t-interval of evidence.interval is wider.",
            ),
            Misconception(
                _safe(lambda values: _low_over_n(values) >= 0),
                "Your standard deviation divides by n, and the interval is too narrow; divide by n - 1, or use evidence.interval.",
            ),
            Misconception(
                _safe(lambda values: evidence.interval(_trimmed(values)).low >= 0),
                "You leave out the best and the worst seed; all seeds count.",
            ),
            Misconception(
                _mean_of_it, "This is the mean difference at the density; return the density itself."
            ),
            Misconception(
                _or_largest, "If no density is safe you return `largest`, which is not safe; return None."
            ),
            Misconception(
                _safe(choose=lambda safe: min(safe, default=0.0)),
                "If no density is safe you return 0.0; return None.",
            ),
            Misconception(
                _safe(choose=lambda safe: min(safe)),
                "min of nothing raises a ValueError; min(..., default=None) returns None then.",
            ),
        ),
        alternatives=(_safe_by_hand, _safe_in_a_loop),
        difficulty="medium",
        lines=4,
        minutes=12,
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
