"""Exercises of lesson 05, winning tickets: draw a control, read the matching density, stop early, choose a ticket."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import takewhile
from statistics import mean, stdev

import torch
from torch import Tensor

from lthkit import analysis
from lthkit.classroom.exercises import Case, Exercise, Misconception, Option, Question


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
    safe = [d for d, values in differences.items() if d <= largest and analysis.interval(values).low >= 0]
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


def _redrawn(
    theta_0: Mapping[str, Tensor],
    mask: Mapping[str, Tensor],
    seed: int,
    *,
    reseed: bool = False,
    scale: str = "own",
    masked: bool = True,
) -> dict[str, Tensor]:
    """The right answer with one thing wrong."""
    generator = torch.Generator().manual_seed(seed)
    pooled = torch.cat([w.flatten() for w in theta_0.values()]).std()
    new = {}
    for name, w in theta_0.items():
        if reseed:
            generator.manual_seed(seed)
        kept = w[mask[name]] if name in mask and mask[name].sum() > 1 else w
        std = {
            "own": w.std(),
            "pooled": pooled,
            "one": torch.tensor(1.0),
            "kept": kept.std(),
            "variance": w.var(),
            "n": w.std(correction=0),
        }[scale]
        new[name] = torch.randn(w.shape, generator=generator) * std
        if masked and name in mask:
            new[name] = new[name] * mask[name]
    return new


def _old_biases(theta_0: Mapping[str, Tensor], mask: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    fresh = reinitialised_weights(theta_0, mask, seed)
    return {name: fresh[name] if name in mask else w.clone() for name, w in theta_0.items()}


def _old_weights(theta_0: Mapping[str, Tensor], mask: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    return {name: w * mask[name] if name in mask else w.clone() for name, w in theta_0.items()}


def _global_seed(theta_0: Mapping[str, Tensor], mask: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    fresh = {name: torch.randn_like(w) * w.std() for name, w in theta_0.items()}
    return {name: w * mask[name] if name in mask else w for name, w in fresh.items()}


def _by_takewhile(densities: Sequence[float], ticket: Sequence[float], dense: float) -> float:
    pairs = takewhile(lambda p: p[1] >= dense - 0.005, zip(densities, ticket, strict=True))
    return min((d for d, _ in pairs), default=1.0)


def _from_the_end(densities: Sequence[float], ticket: Sequence[float], dense: float) -> float:
    for i in range(len(densities), 0, -1):
        if all(a >= dense - 0.005 for a in ticket[:i]):
            return densities[i - 1]
    return 1.0


def _any_match(densities: Sequence[float], ticket: Sequence[float], dense: float) -> float:
    return min(
        (d for d, a in zip(densities, ticket, strict=True) if a >= dense - 0.005),
        default=1.0,
    )


def _close_to_dense(densities: Sequence[float], ticket: Sequence[float], dense: float) -> float:
    pairs = takewhile(lambda p: abs(p[1] - dense) <= 0.005, zip(densities, ticket, strict=True))
    return min((d for d, _ in pairs), default=1.0)


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


def _stop_where_it_ends(steps: Sequence[int], losses: Sequence[float], patience: int) -> int:
    best_step, best_loss = steps[0], losses[0]
    for step, loss in zip(steps, losses, strict=True):
        if loss < best_loss:
            best_step, best_loss = step, loss
        elif step - best_step >= patience:
            return step
    return steps[-1]


def _stop_counting_measurements(steps: Sequence[int], losses: Sequence[float], patience: int) -> int:
    best = 0
    for i, loss in enumerate(losses):
        if loss < losses[best]:
            best = i
        elif i - best >= patience:
            break
    return steps[best]


def _stop_at_first_rise(steps: Sequence[int], losses: Sequence[float], patience: int) -> int:
    for i in range(1, len(losses)):
        if losses[i] >= losses[i - 1]:
            return steps[i - 1]
    return steps[-1]


def _stop_on_ties_too(steps: Sequence[int], losses: Sequence[float], patience: int) -> int:
    best_step, best_loss = steps[0], losses[0]
    for step, loss in zip(steps, losses, strict=True):
        if loss <= best_loss:
            best_step, best_loss = step, loss
        elif step - best_step >= patience:
            break
    return best_step


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
        band = analysis.interval(list(values))
        if density <= largest and not band.low < 0 and (found is None or density < found):
            found = density
    return found


def _safe_by_mean(differences: Differences, largest: float) -> float | None:
    return min((d for d, v in differences.items() if d <= largest and mean(v) >= 0), default=None)


def _safe_unlimited(differences: Differences, largest: float) -> float | None:
    return min((d for d, v in differences.items() if analysis.interval(v).low >= 0), default=None)


def _safe_largest(differences: Differences, largest: float) -> float | None:
    return max(
        (d for d, v in differences.items() if d <= largest and analysis.interval(v).low >= 0), default=None
    )


def _safe_containing_zero(differences: Differences, largest: float) -> float | None:
    return min(
        (d for d, v in differences.items() if d <= largest and analysis.interval(v).high >= 0), default=None
    )


def _safe_by_deviation(differences: Differences, largest: float) -> float | None:
    return min((d for d, v in differences.items() if d <= largest and mean(v) - stdev(v) >= 0), default=None)


def _safe_normal(differences: Differences, largest: float) -> float | None:
    low = {d: mean(v) - 1.96 * stdev(v) / math.sqrt(len(v)) for d, v in differences.items()}
    return min((d for d, edge in low.items() if d <= largest and edge >= 0), default=None)


def _safe_every_seed(differences: Differences, largest: float) -> float | None:
    return min((d for d, v in differences.items() if d <= largest and min(v) >= 0), default=None)


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
                    {"b": torch.tensor([3.0, -3.0]), "a": torch.tensor([0.3, -0.3])},
                    {"a": torch.tensor([True, False]), "b": torch.tensor([False, False])},
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
            "Multiply by mask[name] where there is one: True is 1 and False is 0. Put the results into a new dict.",
        ),
        misconceptions=(
            Misconception(
                lambda theta_0, mask, seed: _redrawn(theta_0, mask, seed, reseed=True),
                "You seed again for each tensor, so that all tensors start with the same random numbers; seed one "
                "generator once, before the loop.",
            ),
            Misconception(
                lambda theta_0, mask, seed: _redrawn(theta_0, mask, seed, scale="one"),
                "These numbers have standard deviation 1; multiply each tensor by the standard deviation of its old one.",
            ),
            Misconception(
                lambda theta_0, mask, seed: _redrawn(theta_0, mask, seed, scale="pooled"),
                "You use one standard deviation for all tensors; each tensor has its own.",
            ),
            Misconception(
                lambda theta_0, mask, seed: _redrawn(theta_0, mask, seed, masked=False),
                "The numbers are right, but the mask is not applied: removed entries must be exactly 0.",
            ),
            Misconception(
                _old_weights,
                "This is the ticket itself, with its original weights; the control needs new random numbers.",
            ),
            Misconception(
                lambda theta_0, mask, seed: _redrawn(theta_0, mask, seed, scale="kept"),
                "You take the standard deviation of the kept weights, which are the large ones; take that of the whole tensor.",
            ),
            Misconception(
                lambda theta_0, mask, seed: _redrawn(theta_0, mask, seed, scale="variance"),
                "You multiply by the variance; the standard deviation is its square root.",
            ),
            Misconception(
                lambda theta_0, mask, seed: _redrawn(theta_0, mask, seed, scale="n"),
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
                ([1.0, 0.51, 0.21, 0.087, 0.036, 0.015], [0.885, 0.889, 0.891, 0.890, 0.884, 0.869], 0.886),
                "A hill, then the cliff.",
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
                lambda densities, ticket, dense: _by_takewhile(densities, ticket, dense + 0.005),
                "You compare with the dense accuracy itself; a ticket matches down to 0.005 below it.",
            ),
            Misconception(
                lambda densities, ticket, dense: _by_takewhile(densities, ticket, dense - 0.495),
                "Your tolerance is 0.5, which is fifty points; accuracies are fractions, and half a point is 0.005.",
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
                lambda densities, ticket, dense: _by_takewhile(densities, ticket, 0.995 * dense + 0.005),
                "You take 0.5 % of the dense accuracy; half a percentage point is a difference of 0.005.",
            ),
            Misconception(
                _close_to_dense,
                "You ask whether the two are close; a ticket that is better than dense matches as well.",
            ),
            Misconception(
                lambda densities, ticket, dense: next(
                    (d for d, a in zip(densities, ticket, strict=True) if a >= dense - 0.005), 1.0
                ),
                "You stop at the first density that matches; go on as long as it matches.",
            ),
            Misconception(
                lambda densities, ticket, dense: _by_takewhile(densities, ticket, max(*ticket, dense)),
                "You compare with the best accuracy of the ticket; the ticket is to match the dense network.",
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
                ([0, 100, 200, 300, 400], [2.0, 1.0, 1.2, 1.1, 0.5], 200),
                "At step 300 the best is 200 steps old: the training ends there and never sees step 400.",
            ),
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
                _stop_where_it_ends,
                "This is the step at which the training ends; the early-stop step is the step of its best loss.",
            ),
            Misconception(
                _stop_counting_measurements,
                "You count measurements; patience is a number of steps, the difference of two entries of `steps`.",
            ),
            Misconception(
                _stop_at_first_rise,
                "You stop when the loss rises for the first time; patience is there to bear a rise for a while.",
            ),
            Misconception(
                _stop_on_ties_too,
                "You count an equal loss as a new best; only a loss below the best is one.",
            ),
            Misconception(
                lambda steps, losses, patience: early_stop_step(steps, losses, patience + 1),
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
                ({0.05: [-0.004, 0.002, 0.001], 0.2: [0.01, 0.012, 0.011]}, 0.1),
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
        ),
        hints=(
            "Three conditions: the density is allowed, the interval lies at 0 or above, and among those it is the smallest.",
            "analysis.interval(values).low is the lower end of the 95 % interval. Which sign must it have?",
            "Collect the densities that meet both conditions in a list; min(list, default=None) does the rest.",
        ),
        misconceptions=(
            Misconception(
                _safe_by_mean,
                "You ask whether the mean is at least 0; a mean of a few seeds can be above 0 by luck. Ask the lower end "
                "of the interval.",
            ),
            Misconception(
                _safe_every_seed,
                "You ask whether every seed is at least 0. That is another rule than the interval: it depends on the "
                "number of seeds, and one seed decides.",
            ),
            Misconception(
                lambda differences, largest: min(
                    (d for d, v in differences.items() if d <= largest and analysis.interval(v).low > 0),
                    default=None,
                ),
                "You ask for more than 0; an interval that begins at exactly 0 lies at 0 or above.",
            ),
            Misconception(
                lambda differences, largest: min(
                    (d for d, v in differences.items() if d < largest and analysis.interval(v).low >= 0),
                    default=None,
                ),
                "You leave out the density that equals `largest`; at most means that it is allowed.",
            ),
            Misconception(
                _safe_unlimited,
                "You leave out the limit: densities above `largest` are not allowed.",
            ),
            Misconception(
                _safe_largest,
                "This is the largest density that will do; the task asks for the smallest.",
            ),
            Misconception(
                _safe_containing_zero,
                "You accept an interval that contains 0. There the ticket may be worse; nothing is shown.",
            ),
            Misconception(
                _safe_by_deviation,
                "You use mean minus standard deviation, which is the spread of single seeds; the interval is that of the mean.",
            ),
            Misconception(
                _safe_normal,
                "You use 1.96 standard errors, which is for very many seeds; with few, the t-interval of analysis.interval is wider.",
            ),
        ),
        alternatives=(_safe_by_hand, _safe_in_a_loop),
        difficulty="hard",
        lines=4,
        minutes=15,
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
